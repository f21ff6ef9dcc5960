//! Carries one sealed request to its upstream and brings the reply back, or says why not.
//!
//! Promises: only an address that the policy's address rules allow is ever dialled, and it is exactly the one that was
//! checked; a redirect is a reply; a reply is bounded, whole and inside the deadline, or it is an error.
//!
//! Does not know: who asked, what was granted, what the reply means. It heeds no proxy variables. Everything that opens
//! a socket to an upstream is below this door.

pub mod breaker;
pub mod directory;
pub mod mock;
mod network;
pub mod retry;

pub use directory::{AdReason, Blame, RawEntry, RawPage, ResultCode};
pub use mock::Mock;
pub use network::{Collector, Network, NetworkError, NetworkOptions};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::net::IpAddr;

use crate::names::CredentialName;
use crate::outbound::{Host, Scheme};
use crate::policy::address::Forbidden;
use crate::secrets::{Sealed, SealedSearch, Unsealed};

/// Where requests go: to the real upstreams, or to their stand-ins. Nothing else differs between live and mock mode.
pub enum Wire {
    Network(Network),
    Mock(Mock),
}

impl Wire {
    /// One attempt. Whether there is another is `retry::decide`'s to say, so the seal is lent and not used up.
    pub async fn send(&self, sealed: &Sealed, budget: &Budget) -> Result<RawReply, WireError> {
        match self {
            Wire::Network(network) => network.send(sealed, budget).await,
            Wire::Mock(mock) => mock_reply(mock, &Request::view(sealed), budget).await,
        }
    }

    /// A search that has not begun. Nothing is asked of its server before the first page is.
    pub fn search(&self, sealed: SealedSearch) -> SearchRun {
        match self {
            Wire::Network(network) => SearchRun::Network(network.search(sealed)),
            Wire::Mock(mock) => SearchRun::Mock(mock.search(sealed)),
        }
    }

    /// The moment at which the mock world stands still; none in the real one.
    pub fn moment(&self) -> Option<jiff::Timestamp> {
        match self {
            Wire::Network(_) => None,
            Wire::Mock(mock) => Some(mock.now()),
        }
    }

    pub fn source(&self) -> Source {
        match self {
            Wire::Network(_) => Source::Live,
            Wire::Mock(_) => Source::Mock,
        }
    }
}

/// The stand-in is held to the same budget as a socket, so that a shard meets the same limits in both modes.
async fn mock_reply(mock: &Mock, request: &Request, budget: &Budget) -> Result<RawReply, WireError> {
    let reply = tokio::time::timeout_at(budget.deadline, mock.send(request))
        .await
        .map_err(|_| WireError::Timeout(Phase::Reply))??;
    if reply.body.len() > budget.reply_bytes {
        return Err(WireError::TooLarge { limit: budget.reply_bytes });
    }
    Ok(reply)
}

/// One search, page by page.
pub enum SearchRun {
    Network(directory::Search),
    Mock(mock::Search),
}

impl SearchRun {
    /// The next page, or none after the last. After an error before the first page it may be asked again; after one
    /// between pages there is no going on, and it says so: the entries so far are not all there are.
    pub async fn next(&mut self, budget: &Budget) -> Result<Option<RawPage>, WireError> {
        match self {
            SearchRun::Network(search) => search.next(budget).await,
            SearchRun::Mock(search) => search.next(budget).await,
        }
    }

    /// Whether the last page has come, so that there is nothing more to ask for.
    pub fn has_ended(&self) -> bool {
        match self {
            SearchRun::Network(search) => search.has_ended(),
            SearchRun::Mock(search) => search.has_ended(),
        }
    }

    pub fn sealed(&self) -> &SealedSearch {
        match self {
            SearchRun::Network(search) => search.sealed(),
            SearchRun::Mock(search) => search.sealed(),
        }
    }
}

/// Where a reply came from. Every result and every ledger line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Live,
    Mock,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Live => "live",
            Source::Mock => "mock",
        }
    }
}

/// What one request may cost.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub deadline: tokio::time::Instant,
    /// Bounds the body twice: as it arrives, and after decompression.
    pub reply_bytes: usize,
}

/// A request as an upstream sees it: decoded once, for routes to match on. No `Debug`: the headers may hold a secret.
pub struct Request {
    pub method: Method,
    pub scheme: Scheme,
    pub host: Host,
    pub port: u16,
    /// Percent-decoded, never empty: "/" is one empty segment.
    pub segments: Vec<String>,
    /// Decoded, in the order they were sent.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The credential it was sealed with. In mock mode this mark is all there is: no header holds a value.
    pub credential: Option<CredentialName>,
}

impl Request {
    pub fn view(sealed: &Sealed) -> Self {
        let outbound = sealed.outbound();
        let Unsealed { headers, body } = sealed.unseal();
        Self {
            method: outbound.method().clone(),
            scheme: outbound.scheme(),
            host: outbound.host().clone(),
            port: outbound.port(),
            segments: outbound.segments().to_vec(),
            query: outbound.query().to_vec(),
            headers,
            body,
            credential: sealed.credential().cloned(),
        }
    }
}

/// An upstream's answer: whole, bounded and decompressed, but not yet scrubbed.
pub struct RawReply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl RawReply {
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body }
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub fn into_parts(self) -> (StatusCode, HeaderMap, Bytes) {
        (self.status, self.headers, self.body)
    }
}

/// Why there is no reply. A live variant's own message repeats neither the request nor the upstream; its sources are for
/// the operator.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("deadline passed while {0}")]
    Timeout(Phase),
    #[error("upstream cannot be reached")]
    Unreachable(#[source] Unreachable),
    #[error("upstream's certificate is not trusted")]
    Untrusted(#[source] rustls::Error),
    #[error("host is at an address where this request may not go")]
    ForbiddenAddress(#[source] ForbiddenAddress),
    #[error("reply is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("reply cannot be read")]
    BadReply(#[source] BadReply),
    #[error("request has no form on the wire")]
    Unsendable(#[source] http::Error),
    #[error("directory does not accept the account it is asked with")]
    BindRefused(#[source] Option<AdReason>),
    #[error("directory refused: {0}")]
    Directory(ResultCode),
    #[error("directory names another that has the entries, which is not followed")]
    Referral,
    #[error("filter has no form on the wire")]
    BadFilter,
    #[error("mock upstream has no route for {method} {path}")]
    NoRoute { method: Method, path: String },
    #[error("mock upstream cannot answer: {0}")]
    BadMock(String),
}

/// Where a host is, though nothing may go there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is closed to it")]
pub struct ForbiddenAddress {
    pub address: IpAddr,
    /// None: plain http that would leave this machine.
    #[source]
    pub why: Option<Forbidden>,
}

/// What was under way when the deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Resolving,
    Connecting,
    Handshake,
    Reply,
    Body,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Phase::Resolving => "resolving the name",
            Phase::Connecting => "connecting",
            Phase::Handshake => "agreeing on TLS",
            Phase::Reply => "waiting for the reply",
            Phase::Body => "reading the body",
        })
    }
}

/// Why there is no connection. The request was not sent, or the upstream said nothing to it.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    #[error("name does not resolve")]
    Resolve(#[source] std::io::Error),
    #[error("name resolves to no address")]
    NoAddress,
    #[error("no address accepts a connection")]
    Connect(#[source] std::io::Error),
    #[error("TLS failed")]
    Tls(#[source] std::io::Error),
    #[error("connection closed before a reply")]
    Closed(#[source] Option<hyper::Error>),
    #[error("connection broke")]
    Broken(#[source] std::io::Error),
}

/// Why an answer is not a reply.
#[derive(Debug, thiserror::Error)]
pub enum BadReply {
    #[error("head is not HTTP/1.1 or too large")]
    Head(#[source] hyper::Error),
    #[error("body ends before its end")]
    Torn,
    #[error("content-encoding is neither gzip nor identity")]
    Encoding,
    #[error("body is not the gzip it says it is")]
    Gzip,
    #[error("upstream switched to another protocol")]
    Upgrade,
    /// Says what of it.
    #[error("not LDAP, or not an answer to what was asked: {0}")]
    Ldap(&'static str),
}
