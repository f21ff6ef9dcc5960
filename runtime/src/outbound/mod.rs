//! What a shard asks to send, read once.
//!
//! Promises: a request that has two readings is refused and never repaired, so that what is judged, what is recorded
//! and what is sent are the same request. `Outbound::parse` is the only maker of an `Outbound`, and parsing what an
//! `Outbound` writes (`authority`, `path_and_query`) gives the same `Outbound` again.
//!
//! Does not know: who asks, what is granted, what a credential is made of, whether a name resolves. It holds no clock,
//! no socket and no file.
//!
//! # The language
//!
//! An URL is at most [`MAX_URL`] bytes of visible ASCII as RFC 3986 writes it, always absolute.
//!
//! | part | accepted | refused |
//! |---|---|---|
//! | scheme | `https`; `http` where the host is this machine | every other; `https:host`, `https:/host`, `//host` |
//! | authority | `host`, `host:port` | `user@host`, `user:pw@host`, `@` anywhere in it |
//! | name | letters, digits and inner hyphens in labels, in any case (kept in lower case); A-labels (`xn--`) that IDNA accepts | trailing dot, empty label, `_`, `%`, U-labels, made-up A-labels |
//! | IPv4 | `192.0.2.1` | everything else whose last label is a number: `2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1` |
//! | IPv6 | `[2001:db8::1]`, as RFC 5952 writes it, in any case | without brackets, with a zone, spelled out zeros, IPv4 in IPv6 clothes |
//! | port | 1 to 65535 | `0`, `:`, `:0443`, `:+443` |
//! | path | none (which is `/`), or segments; the last one may be empty, for a trailing slash | `//` inside, dot segments, `;`, and in any encoding `/`, `\`, control characters, a second layer of escapes |
//! | query | `key=value`, joined by `&`, each key once | `?` with nothing behind, `key` without `=`, an empty key, a raw `+` |
//! | fragment | - | `#` |
//!
//! Escapes are well formed and decode to UTF-8. A path segment is compared, recorded and sent as its decoded text, so
//! `%41` and `A` are one segment and `%23`, `:` and `=` are ordinary characters of it.
//!
//! A raw `+` in a query is a plus to some and a blank to others, so it is refused: `%2B` and `%20` are what both read
//! alike, and the only forms that are sent. A key that comes twice is refused, for some upstreams take the first value
//! and some the last. The empty value is written `key=`.
//!
//! A segment of dots and blanks alone is a dot segment: some servers strip the end of a name before they read it. `;`
//! starts a path parameter for some servers, which turn `..;` into `..`.
//!
//! Methods are `GET`, `HEAD`, `POST`, `PUT`, `PATCH` and `DELETE`, in this case only. `GET` and `HEAD` carry no body.
//! A header comes once; those in `headers.rs` are the host's.
//!
//! What may be asked of a directory is a language of its own: `directory/mod.rs`.

mod directory;
mod headers;
mod host;
mod malformed;
mod target;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::names::CredentialName;

pub use directory::{Attribute, BadSearch, DirectorySearch, Dn, Filter, GuestNode, GuestSearch, Scope, is_oid};
pub use headers::HostHeader;
pub use host::{DnsName, Host, Scheme};
pub use malformed::Malformed;

pub(crate) use host::split_port;

use target::Target;

/// Bytes of an URL.
pub const MAX_URL: usize = 8 * 1024;
/// Headers of a request.
pub const MAX_HEADERS: usize = 64;
/// Bytes of all header names and values.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;
/// Bytes of a body.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
/// Bytes of a query key.
pub const MAX_KEY: usize = 128;

/// A request as the shard wrote it. Nothing in it has been looked at.
#[derive(Clone, Default)]
pub struct GuestRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    /// The name of a credential, never its value.
    pub credential: Option<String>,
}

/// A request that can be read in one way only.
pub struct Outbound {
    method: Method,
    target: Target,
    headers: HeaderMap,
    body: Bytes,
    credential: Option<CredentialName>,
}

impl Outbound {
    pub fn parse(asked: GuestRequest) -> Result<Self, Malformed> {
        let method = method(&asked.method)?;
        let target = Target::parse(&asked.url)?;
        let headers = headers::parse(&asked.headers)?;
        if asked.body.len() > MAX_BODY {
            return Err(Malformed::BodyTooLarge);
        }
        if !asked.body.is_empty() && (method == Method::GET || method == Method::HEAD) {
            return Err(Malformed::BodyWithoutMeaning);
        }
        let credential = match asked.credential {
            Some(name) => Some(CredentialName::parse(&name).map_err(|_| Malformed::Credential)?),
            None => None,
        };
        Ok(Self { method, target, headers, body: Bytes::from(asked.body), credential })
    }

    pub fn method(&self) -> &Method {
        &self.method
    }

    pub fn scheme(&self) -> Scheme {
        self.target.scheme
    }

    pub fn host(&self) -> &Host {
        &self.target.host
    }

    pub fn port(&self) -> u16 {
        self.target.port
    }

    /// Percent-decoded and never an empty list: `/` is one empty segment.
    pub fn segments(&self) -> &[String] {
        &self.target.segments
    }

    /// Percent-decoded, in the order they came, each key once.
    pub fn query(&self) -> &[(String, String)] {
        &self.target.query
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub fn credential(&self) -> Option<&CredentialName> {
        self.credential.as_ref()
    }

    /// The path as it is sent.
    pub fn path(&self) -> String {
        self.target.path()
    }

    /// Path and query as they are sent.
    pub fn path_and_query(&self) -> String {
        self.target.path_and_query()
    }

    /// `host`, with `:port` where it is not the scheme's own.
    pub fn authority(&self) -> String {
        self.target.authority()
    }
}

fn method(text: &str) -> Result<Method, Malformed> {
    match text {
        "GET" => Ok(Method::GET),
        "HEAD" => Ok(Method::HEAD),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        _ => Err(Malformed::Method),
    }
}

/// Shows that there is a request and nothing of it: it may hold what must not be printed.
impl fmt::Debug for GuestRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestRequest").finish_non_exhaustive()
    }
}

/// Shows where it goes, without path, query, headers and body.
impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("method", &self.method)
            .field("authority", &self.authority())
            .finish_non_exhaustive()
    }
}
