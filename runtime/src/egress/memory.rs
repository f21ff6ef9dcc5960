//! How much memory calls make the host keep: one account for a call, one for each shard, one for the process.
//!
//! Whatever a guest has the host hold for it is counted here: its linear memories and tables, bodies of requests and
//! replies, and what its results become. A call is bounded by its manifest, a shard by its share of the process, and all
//! shards by the process's ceiling. The account is exact about what it is told and knows nothing else: code that keeps
//! something for a guest holds a [`Held`] for as long as it keeps it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Bytes in use, and the most there may be.
#[derive(Debug)]
pub struct MemoryAccount {
    limit: usize,
    used: AtomicUsize,
    peak: AtomicUsize,
    /// Whether this account's own limit ever said no, and whether one above it did.
    refused: AtomicBool,
    crowded: AtomicBool,
    above: Option<Arc<MemoryAccount>>,
}

/// Bytes that are kept. Dropping it gives them back.
#[derive(Debug)]
#[must_use]
pub struct Held {
    account: Arc<MemoryAccount>,
    bytes: usize,
}

impl MemoryAccount {
    /// An account of its own: the process's.
    pub fn new(limit: usize) -> Arc<Self> {
        Self::make(limit, None)
    }

    /// An account within this one: what it uses counts here as well.
    pub fn within(self: &Arc<Self>, limit: usize) -> Arc<Self> {
        Self::make(limit, Some(self.clone()))
    }

    fn make(limit: usize, above: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            refused: AtomicBool::new(false),
            crowded: AtomicBool::new(false),
            above,
        })
    }

    /// Takes so many bytes more, in every account up to the process's, or in none.
    pub fn grow(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|more| *more <= self.limit);
        let Ok(before) = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) else {
            self.refused.store(true, Ordering::Relaxed);
            return false;
        };
        if self.above.as_ref().is_some_and(|above| !above.grow(bytes)) {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            self.crowded.store(true, Ordering::Relaxed);
            return false;
        }
        self.peak.fetch_max(before + bytes, Ordering::Relaxed);
        true
    }

    fn shrink(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(above) = &self.above {
            above.shrink(bytes);
        }
    }

    /// Keeps so many bytes until the answer is dropped. None: there is no room for them.
    pub fn hold(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        self.grow(bytes).then(|| Held { account: self.clone(), bytes })
    }

    /// Keeps so many bytes that are the host's own doing, such as a reply on its way to the guest: they count above this
    /// account and not in it.
    pub fn hold_above(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        self.above.as_ref().unwrap_or(self).hold(bytes)
    }

    /// The most bytes that there may be.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The bytes in use now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The most bytes that were in use at once.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// Whether this account's own limit refused something, rather than one above it.
    pub fn refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether an account above this one refused something: others have taken the room.
    pub fn was_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }
}

impl Held {
    /// Keeps more. False: there is no room, and what was held is held still.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let grown = self.account.grow(bytes);
        if grown {
            self.bytes += bytes;
        }
        grown
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_counts_in_every_account_above_and_comes_back() {
        let process = MemoryAccount::new(100);
        let shard = process.within(60);
        let (one, two) = (shard.within(40), shard.within(40));
        let held = one.hold(40).unwrap();
        assert!(one.hold(1).is_none() && one.refused());
        let mut other = two.hold(20).unwrap();
        assert!(!other.grow(1), "the shard has its share");
        assert!(!two.refused() && two.was_crowded(), "and it was not the call's own limit");
        assert_eq!((process.used(), shard.used(), one.used(), two.used()), (60, 60, 40, 20));
        let stranger = process.within(60);
        assert!(stranger.hold(41).is_none() && stranger.used() == 0, "refused above, nothing stays below");
        assert!(stranger.hold(40).is_some());
        drop(held);
        assert!(other.grow(20));
        drop(other);
        assert_eq!((process.used(), shard.used(), one.peak(), two.peak()), (0, 0, 40, 40));
    }

    #[test]
    fn a_size_that_overflows_is_refused() {
        let account = MemoryAccount::new(usize::MAX);
        let _held = account.hold(1).unwrap();
        assert!(account.hold(usize::MAX).is_none());
        assert_eq!(account.used(), 1);
    }
}
