//! The host that answers now. A reload puts another in its place: calls that are under way end on the one they began on.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Host;

pub struct Current {
    host: RwLock<Arc<Host>>,
    /// Those that were replaced, for as long as calls run on them.
    retired: Mutex<Vec<Arc<Host>>>,
    /// Counts replacements.
    changes: watch::Sender<u64>,
}

impl Current {
    pub fn new(host: Arc<Host>) -> Self {
        host.router().begin();
        Self { host: RwLock::new(host), retired: Mutex::default(), changes: watch::Sender::new(0) }
    }

    pub fn host(&self) -> Arc<Host> {
        self.host.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whoever asks from now on gets the new one, as a whole.
    pub fn replace(&self, host: Arc<Host>) {
        host.router().begin();
        let old = std::mem::replace(&mut *self.host.write().unwrap_or_else(PoisonError::into_inner), host);
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.retain(|host| Arc::strong_count(host) > 1);
        retired.push(old);
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Every host on which a call may be under way, the one that answers now first.
    pub fn hosts(&self) -> Vec<Arc<Host>> {
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(self.host()).chain(retired.iter().cloned()).collect()
    }

    /// Told of every replacement from here on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until every call has its ending on record, on whichever host it runs.
    pub async fn settle(&self) {
        let retired = std::mem::take(&mut *self.retired.lock().unwrap_or_else(PoisonError::into_inner));
        // All at once: each waits as long as a stop may take.
        let mut waiting = JoinSet::new();
        for host in retired.into_iter().chain([self.host()]) {
            waiting.spawn(async move { host.settle().await });
        }
        while waiting.join_next().await.is_some() {}
    }

    /// Ends every call on every host: each is answered with an error. Whether there was one.
    pub fn stop_all(&self) -> bool {
        self.hosts().iter().fold(false, |busy, host| host.stop_all() | busy)
    }

    /// Ends a shard's calls on every host.
    pub fn stop_shard(&self, shard: &crate::names::ShardName) {
        for host in self.hosts() {
            host.stop_shard(shard);
        }
    }
}
