//! The headers a shard may set, and those that are the host's.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{MAX_HEADER_BYTES, MAX_HEADERS, Malformed};

/// Why a header is the host's to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostHeader {
    /// It says where the request goes, beside the URL that was judged.
    Route,
    /// It says what the request does, beside the method that was judged.
    Method,
    /// It says who asks: a shard names a credential and never writes one.
    Credential,
    /// It says from where the request comes.
    Origin,
    /// It belongs to the connection.
    Connection,
    /// It says how the body is cut or packed. A packed body hides from the scan for leaks.
    Framing,
}

impl fmt::Display for HostHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Route => "it says where a request goes",
            Self::Method => "it replaces the method",
            Self::Credential => "it carries a credential",
            Self::Origin => "it says where a request comes from",
            Self::Connection => "it belongs to the connection",
            Self::Framing => "it says how a body is cut or packed",
        })
    }
}

pub(super) fn parse(asked: &[(String, Vec<u8>)]) -> Result<HeaderMap, Malformed> {
    if asked.len() > MAX_HEADERS {
        return Err(Malformed::TooManyHeaders);
    }
    if asked.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_HEADER_BYTES {
        return Err(Malformed::HeadersTooLarge);
    }
    let mut headers = HeaderMap::with_capacity(asked.len());
    for (name, value) in asked {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Malformed::HeaderName)?;
        if let Some(why) = host_header(name.as_str()) {
            return Err(Malformed::HostHeader(why));
        }
        if headers.insert(name, parse_value(value)?).is_some() {
            return Err(Malformed::DuplicateHeader);
        }
    }
    Ok(headers)
}

fn parse_value(value: &[u8]) -> Result<HeaderValue, Malformed> {
    let is_plain = value.iter().all(|b| matches!(b, 0x20..=0x7e)) && value.trim_ascii().len() == value.len();
    if !is_plain {
        return Err(Malformed::HeaderValue);
    }
    HeaderValue::from_bytes(value).map_err(|_| Malformed::HeaderValue)
}

/// `name` is in lower case, for a `HeaderName` is. Underscores count as hyphens: many servers read both as one.
fn host_header(name: &str) -> Option<HostHeader> {
    let name = name.replace('_', "-");
    if name.starts_with("proxy-") {
        return Some(HostHeader::Credential);
    }
    if name.starts_with("x-forwarded") {
        return Some(HostHeader::Origin);
    }
    Some(match name.as_str() {
        "host" | "x-host" | "x-original-host" | "x-original-url" | "x-rewrite-url" => HostHeader::Route,
        "x-http-method" | "x-http-method-override" | "x-method-override" | "http-method-override" => HostHeader::Method,
        "authorization" | "cookie" | "cookie2" | "set-cookie" | "set-cookie2" => HostHeader::Credential,
        "forwarded" | "via" | "x-real-ip" | "x-client-ip" | "true-client-ip" | "cf-connecting-ip" => HostHeader::Origin,
        "connection" | "keep-alive" | "te" | "upgrade" | "http2-settings" | "max-forwards" | "early-data" => {
            HostHeader::Connection
        }
        "content-length" | "transfer-encoding" | "trailer" | "expect" | "content-encoding" | "accept-encoding" => {
            HostHeader::Framing
        }
        _ => return None,
    })
}
