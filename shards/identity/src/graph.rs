//! What all requests to Microsoft Graph share: where it is, how much it gives at once, and what its refusals mean.

use nexus_shard::odata::Bounds;
use nexus_shard::{Reply, Request, ToolError, serde_json};

/// The most rows a tool returns, and so the highest `limit`.
pub(crate) const MAX_ROWS: u32 = 20_000;

/// Pages of one call. Below the manifest's `egress-calls`, so that the bound is told as a bound and not as a refusal.
const MAX_PAGES: usize = 60;

pub(crate) fn get(path: &str) -> Request {
    Request::get("https://graph.microsoft.com").path("v1.0").path(path).credential("graph")
}

pub(crate) fn bounds(rows: u32) -> Bounds {
    Bounds { rows: rows as usize, pages: MAX_PAGES }
}

/// `$top` for a limit: one row more, so that one page tells whether there are more than were asked for.
pub(crate) fn top(limit: u32, page: u32) -> u32 {
    limit.saturating_add(1).min(page)
}

/// Whether a text is an object id: `8-4-4-4-12` hexadecimal digits.
pub(crate) fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// What is read, and what the application needs for it. Both appear in error texts.
pub(crate) struct Source {
    /// A plural: `users`.
    pub(crate) what: &'static str,
    /// A Graph application permission, perhaps with a licence.
    pub(crate) needs: &'static str,
}

impl Source {
    /// The error for a reply that is not 200. A refusal is never "none".
    pub(crate) fn explain(&self, reply: &Reply) -> ToolError {
        let Self { what, needs } = self;
        let status = reply.status;
        let code = code(reply).map(|code| format!(" {code}")).unwrap_or_default();
        match status {
            401 => ToolError::refused(format!(
                "Microsoft Graph did not accept the credential when asked for {what} (401{code})"
            )),
            403 => ToolError::refused(format!(
                "Microsoft Graph refused to show {what} (403{code}): the application needs {needs}"
            )),
            429 => {
                let wait = reply.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
                let wait = wait.map(|seconds| format!(" in {seconds} seconds")).unwrap_or_default();
                ToolError::upstream(format!(
                    "Microsoft Graph is asked too often for {what} (429{code}): try again{wait}"
                ))
            }
            _ => ToolError::upstream(format!("Microsoft Graph could not show {what} ({status}{code})")),
        }
    }
}

/// Graph's own short code. Its message is left out: it may hold operation ids, internal addresses or names.
fn code(reply: &Reply) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
    let code = body.get("error")?.get("code")?.as_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    (!code.is_empty() && code.len() <= 80 && code.bytes().all(plain)).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_id_is_a_guid() {
        for (text, fits) in [
            ("00000000-0000-0000-0000-00000000000a", true),
            ("ABCDEF00-1234-5678-9abc-def012345678", true),
            ("", false),
            ("0000000-00000-0000-0000-00000000000a", false),
            ("g0000000-0000-0000-0000-00000000000a", false),
            ("00000000-0000-0000-0000-00000000000a/members", false),
        ] {
            assert_eq!(is_guid(text), fits, "{text}");
        }
    }

    #[test]
    fn an_error_tells_the_code_and_never_the_message() {
        let source = Source { what: "users", needs: "the permission User.Read.All" };
        let reply = |status, body: &str| Reply { status, body: body.as_bytes().to_vec(), ..Reply::default() };
        for (reply, expected) in [
            (
                reply(403, r#"{"error":{"code":"Authorization_RequestDenied","message":"SECRET"}}"#),
                "Microsoft Graph refused to show users (403 Authorization_RequestDenied): \
                 the application needs the permission User.Read.All",
            ),
            (
                reply(400, r#"{"error":{"code":"BadRequest","message":"SECRET","innererror":{"date":"x"}}}"#),
                "Microsoft Graph could not show users (400 BadRequest)",
            ),
            (reply(503, "<html>SECRET</html>"), "Microsoft Graph could not show users (503)"),
            (
                reply(400, r#"{"error":{"code":"SECRET at https://internal/"}}"#),
                "Microsoft Graph could not show users (400)",
            ),
        ] {
            assert_eq!(source.explain(&reply).text(), expected);
        }
        let mut busy = reply(429, "");
        busy.headers.push(("retry-after".to_owned(), b"7".to_vec()));
        assert!(source.explain(&busy).text().ends_with("try again in 7 seconds"));
    }
}
