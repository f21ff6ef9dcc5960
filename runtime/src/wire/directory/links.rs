//! Connections to directories between searches, and the accounts that were refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::code::AdReason;
use super::session::{self, Session};
use crate::outbound::Host;
use crate::policy::Tls;
use crate::policy::address::Reach;
use crate::secrets::{Account, SealedSearch};
use crate::wire::WireError;
use crate::wire::network::dial::Dialer;

/// A directory closes idle connections after 15 minutes as it comes.
const IDLE: Duration = Duration::from_secs(60);
const IDLE_PER_KEY: usize = 4;
/// A directory locks an account after some failed binds, for everybody who uses it. A refusal is taken for the answer
/// this long.
pub(super) const REFUSAL_HOLDS: Duration = Duration::from_secs(300);

pub(super) type Link = Session<TlsStream<TcpStream>>;

/// What two searches must have in common to share a connection.
#[derive(Clone)]
pub(super) struct Key {
    host: Host,
    port: u16,
    tls: Tls,
    /// A connection that was judged with more reach is never lent to a search with less.
    reach: Reach,
    /// The very same one: another shard's is another, even with the same name and password.
    account: Arc<Account>,
}

impl Key {
    fn is(&self, other: &Self) -> bool {
        let Self { host, port, tls, reach, account } = self;
        Arc::ptr_eq(account, &other.account)
            && (host, port, tls, reach) == (&other.host, &other.port, &other.tls, &other.reach)
    }
}

pub struct Links {
    dialer: Arc<Dialer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<(Key, Link, Instant)>,
    refused: Vec<(Key, Option<AdReason>, Instant)>,
}

impl Links {
    pub(in crate::wire) fn new(dialer: Arc<Dialer>) -> Self {
        Self { dialer, state: Mutex::default() }
    }

    /// None: sealed for a mock, so there is nobody to bind as.
    pub(super) fn key(&self, sealed: &SealedSearch) -> Option<Key> {
        let grant = sealed.permit().grant();
        let server = &grant.server;
        let reach = self.dialer.reach(&server.host, grant.reach());
        let account = Arc::clone(sealed.account()?);
        Some(Key { host: server.host.clone(), port: server.port, tls: server.tls, reach, account })
    }

    /// A connection that is bound: one that is kept, or a new one.
    pub(super) async fn take(&self, key: &Key, sealed: &SealedSearch, deadline: Instant) -> Result<Link, WireError> {
        if let Some(reason) = self.refusal(key) {
            return Err(WireError::BindRefused(reason));
        }
        while let Some(mut kept) = self.pop(key) {
            if kept.is_quiet().await {
                return Ok(kept);
            }
        }
        let bind = sealed.unseal_bind().ok_or(WireError::BindRefused(None))?;
        let mut fresh = session::connect(&self.dialer, (&key.host, key.port, key.tls), key.reach, deadline).await?;
        let bound = fresh.bind(&bind).await;
        if let Err(WireError::BindRefused(reason)) = bound {
            self.state().refused.push((key.clone(), reason, Instant::now()));
        }
        bound.map(|()| fresh)
    }

    pub(super) fn keep(&self, key: Key, link: Link) {
        let mut state = self.state();
        if state.idle.iter().filter(|(kept, ..)| kept.is(&key)).count() < IDLE_PER_KEY {
            state.idle.push((key, link, Instant::now()));
        }
    }

    fn pop(&self, key: &Key) -> Option<Link> {
        let mut state = self.state();
        let now = Instant::now();
        state.idle.retain(|(.., since)| now.saturating_duration_since(*since) < IDLE);
        let at = state.idle.iter().rposition(|(kept, ..)| kept.is(key))?;
        Some(state.idle.swap_remove(at).1)
    }

    fn refusal(&self, key: &Key) -> Option<Option<AdReason>> {
        let mut state = self.state();
        let now = Instant::now();
        state.refused.retain(|(.., since)| now.saturating_duration_since(*since) < REFUSAL_HOLDS);
        state.refused.iter().find(|(refused, ..)| refused.is(key)).map(|(_, reason, _)| *reason)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
