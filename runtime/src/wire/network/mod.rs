//! The real wire: HTTP/1.1 over TLS, to addresses that were checked. LDAP goes by the same dialler (`wire/directory`).
//!
//! Names resolve here, and every answer is judged: one forbidden address refuses the whole name, or a resolver under
//! somebody else's control could try its luck. What is dialled is the address that was judged, never the name again.

mod collector;
pub(super) mod dial;
mod options;
mod pool;
mod reply;

#[cfg(test)]
mod tests;

pub use collector::Collector;
pub use options::{NetworkError, NetworkOptions};

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderValue, StatusCode};
use http_body_util::Full;
use tokio::time::timeout_at;

use super::directory::{Links, Search};
use super::{BadReply, Budget, Phase, RawReply, Unreachable, WireError};
use crate::secrets::{Sealed, SealedSearch, Unsealed};
use dial::Dialer;
use pool::{Connection, Key, Pool};

/// Says which program calls, and nothing of the machine it runs on.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("nexus/", env!("CARGO_PKG_VERSION")));

/// How a message is framed is ours to say.
const FRAMING: [HeaderName; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// Connections to upstreams, kept open between requests.
pub struct Network {
    dialer: Arc<Dialer>,
    pool: Pool,
    links: Arc<Links>,
}

impl Network {
    pub fn new(options: NetworkOptions) -> Result<Self, NetworkError> {
        let dialer = Arc::new(Dialer::new(options)?);
        Ok(Self { links: Arc::new(Links::new(Arc::clone(&dialer))), dialer, pool: Pool::default() })
    }

    /// A search that has not begun: its first page opens or takes a connection.
    pub fn search(&self, sealed: SealedSearch) -> Search {
        Search::new(Arc::clone(&self.links), sealed)
    }

    /// One attempt. A request that a kept connection did not take goes out on another; one that may have been written is
    /// never sent again here, for whatever leaves has its own lines in the ledger.
    pub async fn send(&self, sealed: &Sealed, budget: &Budget) -> Result<RawReply, WireError> {
        let key = self.key(sealed);
        while let Some(kept) = self.pool.take(&key, budget.deadline).await {
            match self.exchange(kept, &key, sealed, budget).await {
                Err(Attempt::Stale) => continue,
                Err(Attempt::Failed(error)) => return Err(error),
                Ok(reply) => return Ok(reply),
            }
        }
        let fresh = self.dialer.dial(sealed.outbound(), key.reach, budget.deadline).await?;
        self.exchange(fresh, &key, sealed, budget).await.map_err(|attempt| match attempt {
            Attempt::Stale => WireError::Unreachable(Unreachable::Closed(None)),
            Attempt::Failed(error) => error,
        })
    }

    fn key(&self, sealed: &Sealed) -> Key {
        let outbound = sealed.outbound();
        let reach = self.dialer.reach(outbound.host(), sealed.reach());
        Key { scheme: outbound.scheme(), host: outbound.host().clone(), port: outbound.port(), reach }
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        key: &Key,
        sealed: &Sealed,
        budget: &Budget,
    ) -> Result<RawReply, Attempt> {
        let request = compose(sealed)?;
        let method = request.method().clone();
        let sent = timeout_at(budget.deadline, connection.sender.try_send_request(request))
            .await
            .map_err(|_| WireError::Timeout(Phase::Reply))?;
        let reply = match sent {
            Ok(reply) => reply,
            Err(mut error) => {
                // An upstream closes idle connections when it likes. A request that comes back was not written.
                let unsent = error.take_message().is_some();
                let stale = connection.kept && unsent;
                return Err(if stale { Attempt::Stale } else { head_error(error.into_error()).into() });
            }
        };
        if reply.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(WireError::BadReply(BadReply::Upgrade).into());
        }
        let reply = reply::read(reply, &method, budget).await?;
        self.pool.keep(key.clone(), connection);
        Ok(reply)
    }
}

enum Attempt {
    /// A kept connection was closed before it took the request.
    Stale,
    Failed(WireError),
}

impl From<WireError> for Attempt {
    fn from(error: WireError) -> Self {
        Attempt::Failed(error)
    }
}

/// What the shard may set was judged; how the message is framed and where it goes is set here and nowhere else.
fn compose(sealed: &Sealed) -> Result<http::Request<Full<Bytes>>, WireError> {
    let outbound = sealed.outbound();
    let Unsealed { mut headers, body } = sealed.unseal();
    for name in FRAMING {
        headers.remove(name);
    }
    let authority =
        HeaderValue::from_str(&outbound.authority()).map_err(|error| WireError::Unsendable(error.into()))?;
    headers.insert(HOST, authority);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(USER_AGENT, AGENT);
    let mut request = http::Request::builder()
        .method(outbound.method().clone())
        .uri(outbound.path_and_query())
        .body(Full::new(body))
        .map_err(WireError::Unsendable)?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn head_error(error: hyper::Error) -> WireError {
    if error.is_parse() {
        WireError::BadReply(BadReply::Head(error))
    } else {
        WireError::Unreachable(Unreachable::Closed(Some(error)))
    }
}
