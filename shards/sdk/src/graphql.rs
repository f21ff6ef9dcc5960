//! Queries to a GraphQL service.
//!
//! A GraphQL service answers 200 with `errors` and whatever data it has. Such data is not whole, and nobody can tell
//! which part is missing, so any error means no data.

use std::slice;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::source::plain_code;
use crate::{Call, Reply, Request, Source, ToolError};

/// Codes of errors to tell at most; an upstream may have any number of them.
const MAX_CODES: usize = 5;

/// Posts a query and returns its `data`: [`post`], then [`read`].
pub fn query<T: DeserializeOwned>(
    call: &Call,
    request: Request,
    document: &str,
    variables: &impl Serialize,
    source: &Source,
) -> Result<T, ToolError> {
    read(&post(call, request, document, variables)?, source)
}

/// Posts a query.
///
/// `request` is a `POST` without a body. `document` is sent exactly as it is: the manifest's grant lists the documents it may
/// send (`documents`), and the host compares them byte by byte. Values from outside go into `variables`, never into the
/// text.
pub fn post(call: &Call, request: Request, document: &str, variables: &impl Serialize) -> Result<Reply, ToolError> {
    request.json(&Query { query: document, variables }).send(call)
}

/// The `data` of a reply.
///
/// A reply with `errors` is an upstream error that says how many, and their codes (`extensions.code`) if each has a plain
/// one; never their messages. So is a reply without data. Any other status than 200 is what `source` says about it.
pub fn read<T: DeserializeOwned>(reply: &Reply, source: &Source) -> Result<T, ToolError> {
    let Source { upstream, what, .. } = source;
    match reply.status {
        200 => {}
        400 => {
            let errors = reply.json::<Errors>().ok().and_then(|body| body.describe());
            return Err(match errors {
                Some(errors) => {
                    ToolError::upstream(format!("{upstream} did not accept the query for {what} (400, {errors})"))
                }
                None => source.explain(reply),
            });
        }
        _ => return Err(source.explain(reply)),
    }
    if let Some(errors) = reply.json::<Errors>()?.describe() {
        let text = format!("{upstream} answered the query for {what} with {errors}: nothing is returned");
        return Err(ToolError::upstream(text));
    }
    let body: Data<T> = reply.json()?;
    body.data.ok_or_else(|| ToolError::upstream(format!("{upstream} answered the query for {what} without data")))
}

#[derive(Serialize)]
struct Query<'a, V> {
    query: &'a str,
    variables: &'a V,
}

#[derive(Deserialize)]
struct Errors {
    errors: Option<Value>,
}

#[derive(Deserialize)]
struct Data<T> {
    data: Option<T>,
}

impl Errors {
    /// How many there are, and their codes if each has a plain one. None if there are no errors.
    fn describe(self) -> Option<String> {
        let errors = self.errors?;
        // Anything but a list is no GraphQL, and still not "no errors".
        let errors = errors.as_array().map_or(slice::from_ref(&errors), Vec::as_slice);
        if errors.is_empty() {
            return None;
        }
        let n = errors.len();
        let codes = errors.iter().map(|error| plain_code(error.pointer("/extensions/code")?));
        let mut codes: Vec<String> = codes.collect::<Option<_>>().unwrap_or_default();
        codes.sort_unstable();
        codes.dedup();
        if codes.len() > MAX_CODES {
            codes.truncate(MAX_CODES);
            codes.push("and others".to_owned());
        }
        let codes = if codes.is_empty() { String::new() } else { format!(": {}", codes.join(", ")) };
        Some(format!("{n} {}{codes}", if n == 1 { "error" } else { "errors" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde_json::json;
    use crate::testing::{Fake, reply};
    use crate::{Refusal, Reply};

    const ASSETS: Source = Source {
        upstream: "Lansweeper",
        what: "assets",
        needs: "a token for the site",
        code: "/errors/0/extensions/code",
    };
    const DOCUMENT: &str = "query($site:ID!) {\n  site(id:$site) { name }\n}\n";

    fn ask<T: DeserializeOwned>(answer: Result<Reply, Refusal>) -> (Fake, Result<T, ToolError>) {
        let fake = Fake::replies([answer]);
        let request = Request::post("https://api.lansweeper.com").path("api/v2/graphql").credential("lansweeper");
        let result = query(&fake.context(), request, DOCUMENT, &json!({ "site": "\"}){x" }), &ASSETS);
        (fake, result)
    }

    #[test]
    fn the_document_is_sent_as_it_is_and_values_beside_it() {
        let (fake, result) = ask::<Value>(reply(200, r#"{"data":{"site":{"name":"A"}},"extensions":{"cost":1}}"#));
        assert_eq!(result.unwrap(), json!({ "site": { "name": "A" } }));
        let sent = fake.sent().remove(0);
        assert_eq!((sent.method.as_str(), sent.credential.as_deref()), ("POST", Some("lansweeper")));
        let body: Value = serde_json::from_slice(sent.body.as_deref().unwrap()).unwrap();
        assert_eq!(body, json!({ "query": DOCUMENT, "variables": { "site": "\"}){x" } }));
    }

    #[test]
    fn no_errors_are_no_errors_however_they_are_written() {
        for body in [r#"{"data":[1]}"#, r#"{"errors":null,"data":[1]}"#, r#"{"data":[1],"errors":[]}"#] {
            assert_eq!(ask::<Vec<u32>>(reply(200, body)).1, Ok(vec![1]), "{body}");
        }
    }

    #[test]
    fn errors_mean_no_data_even_beside_data() {
        for (body, with) in [
            (r#"{"data":[1],"errors":[{"message":"SECRET"}]}"#, "1 error"),
            (r#"{"data":["no number"],"errors":[{"message":"SECRET"}]}"#, "1 error"),
            (r#"{"data":null,"errors":[{"extensions":{"code":"FORBIDDEN"}}]}"#, "1 error: FORBIDDEN"),
            (
                r#"{"data":[1],"errors":[{"extensions":{"code":"B"}},{"extensions":{"code":7}},{"extensions":{"code":"B"}}]}"#,
                "3 errors: 7, B",
            ),
            (r#"{"data":[1],"errors":[{"extensions":{"code":"B"}},{"message":"SECRET"}]}"#, "2 errors"),
            (r#"{"data":[1],"errors":[{"extensions":{"code":"SECRET at https://internal/"}}]}"#, "1 error"),
            (r#"{"data":[1],"errors":{"message":"SECRET"}}"#, "1 error"),
            (r#"{"data":[1],"errors":"SECRET"}"#, "1 error"),
            (r#"{"data":[1],"errors":false}"#, "1 error"),
            (r#"{"data":[1],"errors":[null]}"#, "1 error"),
        ] {
            let text = format!("Lansweeper answered the query for assets with {with}: nothing is returned");
            assert_eq!(ask::<Vec<u32>>(reply(200, body)).1, Err(ToolError::upstream(text)), "{body}");
        }
    }

    #[test]
    fn any_number_of_codes_fits_one_line() {
        let errors: Vec<_> = (0..500).map(|n| json!({ "extensions": { "code": format!("C{n:03}") } })).collect();
        let (_, result) = ask::<Value>(reply(200, &json!({ "errors": errors }).to_string()));
        let text = result.unwrap_err().to_string();
        assert!(text.contains("500 errors: C000, C001, C002, C003, C004, and others:"), "{text}");
    }

    #[test]
    fn a_reply_that_is_not_whole_is_an_error() {
        for (body, expected) in [
            (r#"{"data":null}"#, "Lansweeper answered the query for assets without data"),
            (r#"{}"#, "Lansweeper answered the query for assets without data"),
            (r#"{"data":["SECRET"]}"#, "unexpected shape, at data[0]"),
            (r#"{"data":[1],"errors":[1],"errors":[]}"#, "unexpected shape"),
            (r#"{"data":[1],"data":[2]}"#, "unexpected shape"),
            (r#"{"data":[1"#, "cut short"),
            ("", "cut short"),
            ("<html>SECRET</html>", "not JSON"),
        ] {
            let error = ask::<Vec<u32>>(reply(200, body)).1.unwrap_err();
            assert!(matches!(error, ToolError::Upstream(_)), "{body}");
            assert!(error.text().contains(expected) && !error.text().contains("SECRET"), "{body}: {error}");
        }
    }

    #[test]
    fn any_other_status_is_explained() {
        let errors = r#"{"errors":[{"message":"SECRET","extensions":{"code":"BAD_INPUT"}}]}"#;
        for (answer, expected) in [
            (reply(400, errors), "Lansweeper did not accept the query for assets (400, 1 error: BAD_INPUT)"),
            (reply(400, "<html>"), "Lansweeper could not show assets (400)"),
            (reply(400, r#"{"errors":[]}"#), "Lansweeper could not show assets (400)"),
            (reply(401, errors), "Lansweeper did not accept the credential when asked for assets (401 BAD_INPUT)"),
            (reply(403, ""), "Lansweeper refused to show assets (403): the application needs a token for the site"),
            (reply(429, ""), "Lansweeper is asked too often for assets (429): try again"),
            (reply(500, r#"{"data":[1]}"#), "Lansweeper could not show assets (500)"),
            (reply(204, ""), "Lansweeper could not show assets (204)"),
            (Err(Refusal::NotGranted), "the shard's manifest does not grant this request (not-granted)"),
        ] {
            assert_eq!(ask::<Vec<u32>>(answer).1.unwrap_err().text(), expected);
        }
    }
}
