//! One HTTP reply, and how its JSON becomes a type.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::error::Category;

use crate::ToolError;

/// What an upstream answered, whatever the status. Credentials and fields outside the grant's `keep` are gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Lower-case names and their values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body, decompressed.
    pub body: Vec<u8>,
    /// Who answered, for error texts: the host that was asked.
    pub upstream: String,
}

impl Reply {
    /// The first header of this name (lower case), if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(found, _)| found == name)?;
        std::str::from_utf8(value).ok()
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as a type. Anything else is an upstream error that names the field, never its value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        let upstream = &self.upstream;
        let mut read = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut read).map_err(|error| {
            let path = error.path().to_string();
            // serde's own message may quote the value, which may be about a person.
            let text = match error.inner().classify() {
                Category::Data => {
                    let at = if path == "." { String::new() } else { format!(", at {path}") };
                    format!("{upstream} answered JSON of an unexpected shape{at}{}", missing(error.inner()))
                }
                Category::Eof => format!("{upstream} answered JSON that is cut short"),
                Category::Syntax | Category::Io => format!("{upstream} answered with something that is not JSON"),
            };
            ToolError::upstream(text)
        })?;
        match read.end() {
            Ok(()) => Ok(value),
            Err(_) => Err(ToolError::upstream(format!("{upstream} answered JSON with something after its end"))),
        }
    }
}

/// Which field is missing: its name comes from our types, so it can be told.
fn missing(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let name = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
    name.map(|(name, _)| format!(" (no {name})")).unwrap_or_default()
}

/// For a field that must be there and may be null: `#[serde(deserialize_with = "nexus_shard::nullable")]`.
///
/// An `Option` without it also accepts that the field is absent, so that a field nobody asked for reads like an empty one.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Row {
        #[expect(dead_code, reason = "only read")]
        id: String,
        #[serde(deserialize_with = "nullable")]
        mail: Option<String>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Rows {
        value: Vec<Row>,
    }

    fn read(body: &str) -> Result<Rows, ToolError> {
        let body = body.as_bytes().to_vec();
        Reply { status: 200, headers: Vec::new(), body, upstream: "h.test".to_owned() }.json()
    }

    #[test]
    fn a_reply_is_exactly_its_type_or_an_error_that_quotes_nothing() {
        assert_eq!(read(r#"{"value":[{"id":"1","mail":null}]}"#).unwrap().value.first().unwrap().mail, None);
        for (body, expected) in [
            (r#"{"value":[{"id":"1","mail":"SECRET"},{"id":"2","mail":7}]}"#, "unexpected shape, at value[1].mail"),
            (r#"{"value":[{"id":"1"}]}"#, "unexpected shape, at value[0] (no mail)"),
            (r#"{"value":[{"id":["SECRET"],"mail":null}]}"#, "unexpected shape, at value[0].id"),
            (r#"{"value":"SECRET"}"#, "unexpected shape, at value"),
            (r#"["SECRET"]"#, "unexpected shape"),
            (r#"{"value":[{"id":"SECR"#, "cut short"),
            ("", "cut short"),
            ("<html>SECRET</html>", "not JSON"),
            (r#"{"value":[]} SECRET"#, "after its end"),
        ] {
            let error = read(body).unwrap_err();
            assert!(error.text().contains(expected), "{body}: {error}");
            assert!(error.text().starts_with("h.test answered"), "{error}");
            assert!(!error.text().contains("SECR"), "{error}");
        }
    }
}
