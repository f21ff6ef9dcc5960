//! What all requests to Microsoft Graph share: where it is, how much to ask for at once, and what its refusals mean.
//!
//! Its collections are read by [`crate::odata`].

use crate::{Request, Source};

/// `GET` from Graph v1.0. `path` is written by the author: `users`. `credential` is a name of the manifest.
pub fn get(path: &str, credential: &str) -> Request {
    Request::get("https://graph.microsoft.com").path("v1.0").path(path).credential(credential)
}

/// `$top` for a limit: one row more, so that one page tells whether there are more than were asked for. `page` is the most
/// that Graph gives at once.
pub fn top(limit: u32, page: u32) -> u32 {
    limit.saturating_add(1).min(page)
}

/// Whether a text is an object id: `8-4-4-4-12` hexadecimal digits.
pub fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A kind of thing of Graph. `what` is a plural: `users`. `needs` is an application permission, perhaps with a licence.
pub const fn source(what: &'static str, needs: &'static str) -> Source {
    Source { upstream: "Microsoft Graph", what, needs, code: "/error/code" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reply;

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
    fn one_row_more_than_wanted_is_asked_for_but_never_more_than_a_page() {
        for (limit, page, asked) in [(1, 999, 2), (998, 999, 999), (999, 999, 999), (20_000, 999, 999)] {
            assert_eq!(top(limit, page), asked);
        }
        assert_eq!(top(u32::MAX, u32::MAX), u32::MAX);
    }

    #[test]
    fn a_request_goes_to_graph_with_the_credential_named() {
        let request = get("deviceManagement/managedDevices", "intune").build().unwrap();
        assert_eq!(request.url, "https://graph.microsoft.com/v1.0/deviceManagement/managedDevices");
        assert_eq!((request.method.as_str(), request.credential.as_deref()), ("GET", Some("intune")));
        assert!(get("users/../groups", "graph").build().is_err());
    }

    #[test]
    fn an_error_tells_the_code_and_never_the_message() {
        let users = source("users", "the permission User.Read.All");
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
            assert_eq!(users.explain(&reply).text(), expected);
        }
    }
}
