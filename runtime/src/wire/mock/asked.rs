//! A request as a mock upstream sees it, whichever way it came.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use percent_encoding::percent_decode;
use serde_json::{Value as Json, json};

use super::jq::{self, Value};
use crate::outbound::Host;
use crate::wire::Request;

pub(super) struct Asked {
    pub(super) method: Method,
    /// Lowercase, without port.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) proof: Proof,
}

/// How it can be known who asks.
pub(super) enum Proof {
    /// In process the host says so: the request was sealed with a credential, whose value never reached it.
    Sealed(bool),
    /// Over a socket the headers must show it.
    Headers,
}

impl Asked {
    pub(super) fn in_process(request: &Request) -> Self {
        let host = match &request.host {
            Host::Dns(name) => name.to_string(),
            Host::Ip(address) => address.to_string(),
        };
        Self {
            method: request.method.clone(),
            host,
            port: request.port,
            segments: request.segments.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            proof: Proof::Sealed(request.credential.is_some()),
        }
    }

    /// The decoded path, for people.
    pub(super) fn path(&self) -> String {
        format!("/{}", self.segments.join("/"))
    }

    /// Who a client says it is, and by what secret, in HTTP Basic as RFC 6749, 2.3.1 has it: each of them coded as in a
    /// form before they are joined.
    pub(super) fn basic(&self) -> Option<[String; 2]> {
        let shown = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, coded) = shown.split_once(' ')?;
        let pair = STANDARD.decode(coded).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let mut halves = pair.splitn(2, |byte| *byte == b':');
        Some([decode(halves.next()?), decode(halves.next()?)])
    }

    /// As an expression's `.request`. Without the `hidden` header, which holds the proof of who asks.
    pub(super) fn value(&self, parameters: BTreeMap<String, String>, hidden: Option<&str>) -> Result<Value, String> {
        let mut headers: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in &self.headers {
            if hidden.is_some_and(|hidden| name.as_str().eq_ignore_ascii_case(hidden)) {
                continue;
            }
            let value = String::from_utf8_lossy(value.as_bytes());
            headers
                .entry(name.as_str())
                .and_modify(|known| {
                    known.push_str(", ");
                    known.push_str(&value);
                })
                .or_insert_with(|| value.to_string());
        }
        let query: BTreeMap<&str, &str> =
            self.query.iter().rev().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let request = json!({
            "method": self.method.as_str(),
            "host": self.host,
            "path": self.path(),
            "params": parameters,
            "query": query,
            "pairs": self.query,
            "headers": headers,
            "body": self.body_value(),
            "text": String::from_utf8_lossy(&self.body),
        });
        jq::read(request.to_string().as_bytes())
    }

    /// A body that says it is JSON or a form, read as such; null if there is none or it is neither.
    fn body_value(&self) -> Json {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/x-www-form-urlencoded" => {
                let fields: BTreeMap<String, String> = form(&self.body).into_iter().rev().collect();
                json!(fields)
            }
            kind if kind == "application/json" || kind.ends_with("+json") => {
                serde_json::from_slice(&self.body).unwrap_or(Json::Null)
            }
            _ => Json::Null,
        }
    }
}

fn decode(part: &[u8]) -> String {
    let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

/// The pairs of a form or a query string, in their order.
pub(super) fn form(text: &[u8]) -> Vec<(String, String)> {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let key = halves.next().unwrap_or_default();
            (decode(key), decode(halves.next().unwrap_or_default()))
        })
        .collect()
}
