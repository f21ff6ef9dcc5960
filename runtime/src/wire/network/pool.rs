//! Open connections between requests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use tokio::time::{Instant, timeout_at};

use crate::outbound::{Host, Scheme};
use crate::policy::address::Reach;

/// Kept shorter than servers usually do, so that few are found closed.
const IDLE: Duration = Duration::from_secs(20);
const IDLE_PER_KEY: usize = 8;

pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    /// It has carried a request before, so its end may have come in between.
    pub(super) kept: bool,
}

/// What two requests must have in common to share a connection.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
    /// A connection that was judged with more reach is never lent to a request with less.
    pub(super) reach: Reach,
}

#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<HashMap<Key, Vec<Idle>>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// The connection that was used last and is still open.
    pub(super) async fn take(&self, key: &Key, deadline: Instant) -> Option<Connection> {
        loop {
            let mut connection = self.pop(key)?;
            // Not ready means closed: its last body was read to the end before it was kept.
            if let Ok(Ok(())) = timeout_at(deadline, connection.sender.ready()).await {
                return Some(connection);
            }
        }
    }

    pub(super) fn keep(&self, key: Key, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle();
        let row = idle.entry(key).or_default();
        if row.len() < IDLE_PER_KEY {
            row.push(Idle { connection: Connection { kept: true, ..connection }, since: Instant::now() });
        }
    }

    fn pop(&self, key: &Key) -> Option<Connection> {
        let mut idle = self.idle();
        let now = Instant::now();
        idle.retain(|_, row| {
            row.retain(|idle| now.saturating_duration_since(idle.since) < IDLE && !idle.connection.sender.is_closed());
            !row.is_empty()
        });
        idle.get_mut(key)?.pop().map(|idle| idle.connection)
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Key, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
