//! What a tool reads and from whom, and so what its errors say.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Reply, ToolError};

/// One kind of thing of one upstream. Its words appear in error texts.
///
/// ```text
/// const WORKERS: Source = Source {
///     upstream: "Workday",
///     what: "workers",
///     needs: "the scope Staffing",
///     code: "/errors/0/code",
/// };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The upstream's name, as people know it.
    pub upstream: &'static str,
    /// What is read, a plural: `workers`.
    pub what: &'static str,
    /// What the upstream must have granted to the application: `the scope Staffing`.
    pub needs: &'static str,
    /// Where in an error's body its short code is: a JSON pointer (RFC 6901), or empty if the upstream has none.
    pub code: &'static str,
}

impl Source {
    /// The body of a 200 as a type; any other status is the error of [`Source::explain`].
    pub fn json<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, ToolError> {
        if reply.status == 200 { reply.json() } else { Err(self.explain(reply)) }
    }

    /// The error for a reply that is not 200.
    ///
    /// 401 and 403 are refusals, and a 403 names what is needed: a refusal is never "none". Everything else, 404 included,
    /// is an upstream error; a tool for which 404 means that a thing does not exist says so itself, before it asks here.
    pub fn explain(&self, reply: &Reply) -> ToolError {
        let Self { upstream, what, needs, code } = self;
        let status = reply.status;
        let code = body_code(reply, code).map(|code| format!(" {code}")).unwrap_or_default();
        match status {
            401 => ToolError::refused(format!(
                "{upstream} did not accept the credential when asked for {what} (401{code})"
            )),
            403 => ToolError::refused(format!(
                "{upstream} refused to show {what} (403{code}): the application needs {needs}"
            )),
            429 => {
                let wait = reply.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
                let wait = wait.map(|seconds| format!(" in {seconds} seconds")).unwrap_or_default();
                ToolError::upstream(format!("{upstream} is asked too often for {what} (429{code}): try again{wait}"))
            }
            _ => ToolError::upstream(format!("{upstream} could not show {what} ({status}{code})")),
        }
    }
}

/// The upstream's own short code. Its message is left out: it may hold ids, internal addresses or names.
fn body_code(reply: &Reply, pointer: &str) -> Option<String> {
    if pointer.is_empty() {
        return None;
    }
    let body: Value = serde_json::from_slice(&reply.body).ok()?;
    plain_code(body.pointer(pointer)?)
}

/// A code that is plain enough to repeat: an integer, or at most 80 ASCII letters, digits, `_`, `.` and `-`.
pub(crate) fn plain_code(code: &Value) -> Option<String> {
    if let Value::Number(number) = code {
        return (number.is_i64() || number.is_u64()).then(|| number.to_string());
    }
    let code = code.as_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (!code.is_empty() && code.len() <= 80 && code.bytes().all(plain)).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKERS: Source =
        Source { upstream: "Workday", what: "workers", needs: "the scope Staffing", code: "/errors/0/code" };

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, body: body.as_bytes().to_vec(), ..Reply::default() }
    }

    #[test]
    fn an_error_tells_what_is_needed_and_never_the_message() {
        for (status, expected) in [
            (401, ToolError::refused("Workday did not accept the credential when asked for workers (401 S22)")),
            (
                403,
                ToolError::refused(
                    "Workday refused to show workers (403 S22): the application needs the scope Staffing",
                ),
            ),
            (429, ToolError::upstream("Workday is asked too often for workers (429 S22): try again")),
            (404, ToolError::upstream("Workday could not show workers (404 S22)")),
            (204, ToolError::upstream("Workday could not show workers (204 S22)")),
            (302, ToolError::upstream("Workday could not show workers (302 S22)")),
            (503, ToolError::upstream("Workday could not show workers (503 S22)")),
        ] {
            let body = r#"{"error":"SECRET","errors":[{"error":"SECRET","code":"S22","field":"SECRET"}]}"#;
            assert_eq!(WORKERS.explain(&reply(status, body)), expected);
        }
    }

    #[test]
    fn a_code_is_repeated_only_if_it_is_plain() {
        let long = format!(r#"{{"c":"{}"}}"#, "a".repeat(81));
        for (pointer, body, code) in [
            ("/error/code", r#"{"error":{"code":"Authorization_RequestDenied"}}"#, " Authorization_RequestDenied"),
            ("/errors/0/code", r#"{"errors":[{"code":"TRACKING.NUMBER-EMPTY"}]}"#, " TRACKING.NUMBER-EMPTY"),
            ("/0/messageNumber", r#"[{"messageNumber":9093,"messageText":"SECRET"}]"#, " 9093"),
            ("/c", r#"{"c":-1}"#, " -1"),
            ("/c", r#"{"c":18446744073709551615}"#, " 18446744073709551615"),
            ("/c", r#"{"c":1.5}"#, ""),
            ("/c", r#"{"c":true}"#, ""),
            ("/c", r#"{"c":null}"#, ""),
            ("/c", r#"{"c":["SECRET"]}"#, ""),
            ("/c", r#"{"c":""}"#, ""),
            ("/c", r#"{"c":"SECRET at https://internal/"}"#, ""),
            ("/c", r#"{"c":"line\nbreak"}"#, ""),
            ("/c", r#"{"c":"Zoë"}"#, ""),
            ("/c", &long, ""),
            ("/c/0", r#"{"c":"S22"}"#, ""),
            ("c", r#"{"c":"S22"}"#, ""),
            ("", r#""S22""#, ""),
            ("/c", "<html>SECRET</html>", ""),
            ("/c", "", ""),
        ] {
            let source = Source { code: pointer, ..WORKERS };
            let text = format!("Workday could not show workers (500{code})");
            assert_eq!(source.explain(&reply(500, body)).text(), text, "{pointer} {body}");
        }
    }

    #[test]
    fn a_wait_is_told_only_in_seconds() {
        for (wait, end) in [
            ("7", ": try again in 7 seconds"),
            ("Wed, 21 Oct 2026 07:28:00 GMT", ": try again"),
            ("-7", ": try again"),
            ("99999999999", ": try again"),
        ] {
            let mut busy = reply(429, "");
            busy.headers.push(("retry-after".to_owned(), wait.as_bytes().to_vec()));
            assert!(WORKERS.explain(&busy).text().ends_with(end), "{wait}");
        }
    }

    #[test]
    fn only_a_200_is_read() {
        assert_eq!(WORKERS.json::<Vec<u32>>(&reply(200, "[1]")), Ok(vec![1]));
        assert!(WORKERS.json::<Vec<u32>>(&reply(200, "[1")).unwrap_err().text().contains("cut short"));
        for status in [201, 204, 206, 301, 404, 500] {
            let error = WORKERS.json::<Vec<u32>>(&reply(status, "[1]")).unwrap_err();
            assert_eq!(error.text(), format!("Workday could not show workers ({status})"));
        }
    }
}
