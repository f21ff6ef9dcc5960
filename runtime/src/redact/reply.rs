//! A reply on its way to a shard: headers that are the host's go, what the grant does not keep goes, and the rest is
//! scrubbed.
//!
//! With `keep`, a success must be JSON or empty, or it is refused: fields that cannot be told apart cannot be kept apart.
//! Any other reply (a redirect, an error) is no record of what was asked for, so the kept paths do not apply to it; of
//! its JSON only codes pass, from the places where errors have them, and of any other body nothing. Without `keep`, an
//! error's body is scrubbed like every other. How large a body may be is the wire's to bound.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::json::{self, Keep};
use super::shapes::Scope;
use super::{Eyes, MARK, Redactions, Rule, Scrubber, as_json, words};
use crate::policy::{KeepPath, KeepStep};
use crate::wire::RawReply;

/// What a shard gets to see. Made in this room alone.
#[expect(clippy::manual_non_exhaustive, reason = "the attribute would let other rooms of this crate make one")]
pub struct CleanReply {
    pub status: StatusCode,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Bytes,
    pub redactions: Redactions,
    _made_here: (),
}

/// Why a reply cannot be let through in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    #[error("the grant keeps some fields, and the reply is not JSON")]
    NotJson,
}

impl Scrubber {
    pub fn reply(&self, raw: RawReply, keep: Option<&[KeepPath]>) -> Result<CleanReply, BadBody> {
        let (status, headers, body) = raw.into_parts();
        let eyes = self.eyes();
        let mut redactions = Redactions::default();
        let headers = clean_headers(&eyes, &headers, &mut redactions);
        let kept = match keep {
            Some(keep) => kept(status, body, keep)?,
            None => body,
        };
        let named = keep.filter(|_| status.is_success()).unwrap_or_default();
        let body = match eyes.scrub(&kept, named) {
            None => kept,
            Some((clean, found)) => {
                redactions.merge(found);
                Bytes::from(clean)
            }
        };
        Ok(CleanReply { status, headers, body, redactions, _made_here: () })
    }
}

fn kept(status: StatusCode, body: Bytes, keep: &[KeepPath]) -> Result<Bytes, BadBody> {
    if body.is_empty() {
        return Ok(body);
    }
    let json = as_json(&body);
    if status.is_success() {
        let (_, text) = json.ok_or(BadBody::NotJson)?;
        let paths = keep.iter().map(KeepPath::steps).collect();
        return Ok(Bytes::from(json::project(text, &Keep { paths, codes_only: false })));
    }
    let Some((_, text)) = json else { return Ok(Bytes::new()) };
    let codes: Vec<Vec<KeepStep>> = CODES.iter().map(|path| steps(path)).collect();
    let paths = codes.iter().map(Vec::as_slice).collect();
    Ok(Bytes::from(json::project(text, &Keep { paths, codes_only: true })))
}

/// Where upstreams put the code of an error.
#[rustfmt::skip]
const CODES: &[&str] = &[
    "code", "errorCode", "error_code", "status", "error", "error/code", "error/status", "error/innerError/code", "odata.error/code",
    "errors/*/code", "errors/*/errorCode", "errors/*/extensions/code", "fault/faultcode", "fault/detail/errorcode", "*/messageType",
    "*/messageNumber",
];

fn steps(path: &str) -> Vec<KeepStep> {
    let step = |step: &str| {
        if step == "*" { KeepStep::Each } else { KeepStep::Field(step.to_owned()) }
    };
    path.split('/').map(step).collect()
}

fn clean_headers(eyes: &Eyes, headers: &HeaderMap, redactions: &mut Redactions) -> Vec<(String, Vec<u8>)> {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        .collect();
    let mut clean = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        if is_hop_or_length(name) || named.iter().any(|named| named == name.as_str()) {
            continue;
        }
        let path = [name.as_str()];
        if is_hosts(name) {
            redactions.add(Rule::Header, &path);
            continue;
        }
        clean.push((name.as_str().to_owned(), clean_value(eyes, name, value, redactions)));
    }
    clean
}

/// About one connection, or about a length and a coding that the body no longer has.
fn is_hop_or_length(name: &HeaderName) -> bool {
    #[rustfmt::skip]
    const NAMES: &[&str] = &[
        "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "content-encoding",
        "content-md5", "content-digest", "digest", "repr-digest",
    ];
    NAMES.contains(&name.as_str())
}

/// Credentials, or the state of a login that is the host's.
fn is_hosts(name: &HeaderName) -> bool {
    const NAMES: &[&str] = &["set-cookie", "set-cookie2", "cookie", "authorization", "authentication-info"];
    NAMES.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}

fn clean_value(eyes: &Eyes, name: &HeaderName, value: &HeaderValue, redactions: &mut Redactions) -> Vec<u8> {
    let path = [name.as_str()];
    let text = value.as_bytes();
    if *name == header::WWW_AUTHENTICATE {
        // The scheme tells a shard what failed; realm, scope and nonce are between upstream and host.
        let scheme: Vec<u8> = text.iter().copied().take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').collect();
        if scheme.len() < text.len() {
            redactions.add(Rule::Header, &path);
        }
        return scheme;
    }
    let is_nothing = text.is_empty() || text == b"true" || text == b"false";
    let secret = words::secret_name(name.as_str()).filter(|secret| secret.value == words::Value::Any);
    if secret.is_some() && !is_nothing {
        redactions.add(Rule::SecretName, &path);
        return MARK.as_bytes().to_vec();
    }
    let Some((clean, rules)) = eyes.cleaned(text, Scope::NoCards) else { return text.to_vec() };
    rules.into_iter().for_each(|rule| redactions.add(rule, &path));
    clean
}
