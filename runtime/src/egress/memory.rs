//! How much memory calls make the host keep: one account for a call, one for each shard, one for the process.
//!
//! Whatever a guest has the host hold for it is counted here: its linear memories and tables, bodies of requests and
//! replies, and what its results become. A call is bounded by its manifest, a shard by its share of the process, and all
//! shards by the process's ceiling. The account is exact about what it is told and knows nothing else: code that keeps
//! something for a guest holds a [`Held`] for as long as it keeps it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// What an answer takes, from the guest's result to the client's end of the line. Whoever asked holds it for as long as
/// anything of the answer is there: a call that is over has given back its room, and its answer has not.
#[derive(Debug, Clone, Default)]
pub struct AnswerMemory(Arc<Mutex<Option<Held>>>);

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

impl AnswerMemory {
    /// Holds so many bytes more, above a call's account. False: there is no room for them.
    pub fn keep(&self, call: &Arc<MemoryAccount>, bytes: usize) -> bool {
        let mut held = self.lock();
        match held.as_mut() {
            Some(held) => held.grow(bytes),
            None => {
                *held = call.hold_above(bytes);
                held.is_some()
            }
        }
    }

    /// The answer is so many bytes now and nothing else, and counts in this account. False: there is no room there, and what
    /// was held is held still.
    pub fn becomes(&self, account: &Arc<MemoryAccount>, bytes: usize) -> bool {
        let moved = account.hold(bytes);
        let is_moved = moved.is_some();
        if is_moved {
            *self.lock() = moved;
        }
        is_moved
    }

    /// What it takes from here on is the taker's.
    pub fn take(&self) -> Option<Held> {
        self.lock().take()
    }

    /// Nothing of it is left.
    pub fn clear(&self) {
        drop(self.take());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_outlives_its_call_and_moves_from_its_shard_to_what_is_on_its_way_out() {
        let process = MemoryAccount::new(100);
        let (shard, answers) = (process.within(60), process.within(30));
        let call = shard.within(10);
        let answer = AnswerMemory::default();
        assert!(answer.keep(&call, 30) && answer.keep(&call, 20), "more than the guest itself may have");
        assert!(!answer.keep(&call, 11), "and no more than its shard");
        drop(call);
        assert_eq!((process.used(), shard.used()), (50, 50));
        assert!(!answer.becomes(&answers, 31));
        assert_eq!((shard.used(), answers.used()), (50, 0), "what does not fit stays where it is");
        assert!(answer.becomes(&answers, 30));
        assert_eq!((process.used(), shard.used(), answers.used()), (30, 0, 30));
        answer.clone().clear();
        assert_eq!(process.used(), 0);
    }

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
