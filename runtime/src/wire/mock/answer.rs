//! What an expression answered, read once and held to its form.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::jq::{self, Value};

#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The object that an expression makes. `body` is JSON, `text` is sent as it is; neither is an empty body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Box<RawValue>>,
    text: Option<String>,
}

impl Answer {
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let json = jq::write(value);
        let written: Written = serde_json::from_str(&json).map_err(|error| format!("not a reply: {error}"))?;
        let (body, kind) = match (written.body, written.text) {
            (Some(_), Some(_)) => return Err("a reply has a body or a text, not both".to_owned()),
            (Some(json), None) => (Bytes::from(String::from(Box::<str>::from(json))), Some("application/json")),
            (None, Some(text)) => (Bytes::from(text), Some("text/plain; charset=utf-8")),
            (None, None) => (Bytes::new(), None),
        };
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in written.headers {
            let bad = |_| format!("header {name:?} is not one");
            let value =
                HeaderValue::try_from(value).map_err(|_| format!("header {name:?} has a value that is not one"))?;
            headers.insert(HeaderName::try_from(name.as_str()).map_err(bad)?, value);
        }
        let status = StatusCode::from_u16(written.status).map_err(|_| format!("{} is not a status", written.status))?;
        Ok(Self { status, headers, body })
    }

    /// What an upstream without a form of its own says about an error.
    pub(super) fn plain_error(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Error");
        let mut answer = Self { status, headers: HeaderMap::new(), body: Bytes::new() };
        answer.say(json!({ "error": { "code": status.as_u16(), "message": reason } }));
        answer
    }

    pub(super) fn page(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Error");
        let page = format!(
            "<!DOCTYPE html>\n<html><head><title>{reason}</title></head>\n<body><h1>{reason}</h1></body></html>\n"
        );
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        Self { status, headers, body: Bytes::from(page) }
    }

    pub(super) fn retry_after(mut self, value: Option<&str>) -> Result<Self, String> {
        if let Some(value) = value {
            let value = HeaderValue::from_str(value).map_err(|_| "retry-after is not a header value".to_owned())?;
            self.headers.insert(RETRY_AFTER, value);
        }
        Ok(self)
    }

    /// The same answer with one member of its JSON replaced or added.
    pub(super) fn set(mut self, pointer: &str, value: Json) -> Result<Self, String> {
        let mut body: Json = serde_json::from_slice(&self.body).map_err(|_| "the answer is not JSON".to_owned())?;
        if let Some(place) = body.pointer_mut(pointer) {
            *place = value;
        } else {
            let (parent, member) = pointer.rsplit_once('/').ok_or("a pointer starts with /")?;
            let parent = body.pointer_mut(parent).and_then(Json::as_object_mut);
            parent.ok_or_else(|| format!("the answer has nothing at {pointer}"))?.insert(member.to_owned(), value);
        }
        self.say(body);
        Ok(self)
    }

    pub(super) fn followed_by_blanks(mut self, bytes: usize) -> Self {
        let mut body = Vec::with_capacity(self.body.len() + bytes);
        body.extend_from_slice(&self.body);
        body.resize(self.body.len() + bytes, b' ');
        self.body = Bytes::from(body);
        self
    }

    pub(super) fn wrong_json(mut self) -> Self {
        self.body = Bytes::from_static(b"{\"value\":[{\"id\":");
        self
    }

    fn say(&mut self, body: Json) {
        self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        self.body = Bytes::from(body.to_string());
    }
}
