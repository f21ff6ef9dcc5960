//! What all requests to FedEx share: where they go, what its refusals mean, and which of its words are repeated.

use std::collections::BTreeSet;

use nexus_shard::{Call, Output, Reply, Request, Source, ToolError};
use serde::{Deserialize, Serialize};

/// Where an error's code is.
pub(crate) const CODE: &str = "/errors/0/code";

/// Posts JSON to the FedEx of the setting `FEDEX_HOST`.
///
/// The locale pins the language of what FedEx describes. FedEx gives the call's id back, so its support finds the request.
pub(crate) fn post(call: &Call, path: &str, body: &impl Serialize) -> Result<Reply, ToolError> {
    let host = call.setting("FEDEX_HOST")?;
    Request::post(&format!("https://{host}"))
        .path(path)
        .header("x-locale", "en_US")
        .header("x-customer-transaction-id", call.id())
        .json(body)
        .credential("fedex")
        .send(call)
}

/// The error for a reply that is not 200. The code of a 429 does not tell which limit was met, so both are named.
pub(crate) fn explain(source: &Source, reply: &Reply) -> ToolError {
    let error = source.explain(reply);
    if reply.status != 429 {
        return error;
    }
    ToolError::upstream(format!(
        "{error}; FedEx limits requests per 10 seconds and per day, and renews the daily quota at 00:00 GMT"
    ))
}

/// The code of a reply that is not 200, to compare with.
pub(crate) fn code(reply: &Reply) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<Coded>,
    }

    reply.json::<Body>().ok()?.errors.into_iter().next().map(Coded::plain)
}

/// A member with a code, such as an alert. The messages beside the codes are not kept.
#[derive(Deserialize)]
pub(crate) struct Coded {
    code: Option<String>,
}

impl Coded {
    /// A code that is plain enough to repeat. Another text may be about a person.
    pub(crate) fn plain(self) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let code = self.code.filter(|code| (1..=80).contains(&code.len()) && code.bytes().all(plain));
        code.unwrap_or_else(|| "UNREADABLE.CODE".to_owned())
    }
}

/// The codes, each once.
pub(crate) fn codes(coded: impl IntoIterator<Item = Coded>) -> BTreeSet<String> {
    coded.into_iter().map(Coded::plain).collect()
}

/// Codes as an error shows them: nothing, or ` (A, B)`.
pub(crate) fn shown<'a>(codes: impl IntoIterator<Item = &'a String>) -> String {
    let codes: Vec<&str> = codes.into_iter().map(String::as_str).collect();
    if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) }
}

/// Tells FedEx's alerts beside the result.
pub(crate) fn note_alerts<T>(output: Output<T>, alerts: BTreeSet<String>) -> Output<T> {
    alerts.into_iter().fold(output, |output, code| {
        output.note(match code.as_str() {
            "VIRTUAL.RESPONSE" => "the sandbox of FedEx made this answer up (VIRTUAL.RESPONSE)".to_owned(),
            _ => format!("FedEx adds an alert: {code}"),
        })
    })
}

/// A text that says something. FedEx sends empty ones where it knows nothing.
pub(crate) fn told(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// One line of an address, without the blanks around it.
pub(crate) fn line<'a>(value: &'a str, name: &str) -> Result<&'a str, ToolError> {
    let value = value.trim();
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(ToolError::invalid_arguments(format!(
            "{name} is empty or has a line break or a control character"
        )));
    }
    Ok(value)
}
