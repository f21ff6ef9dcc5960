//! Room for calls: how many may run at once, of one shard and of all, and how much memory they may have.
//!
//! One for the life of the process. A reload serves other shards and keeps the rooms, so calls that end on the host
//! before it still count. Every shard that serves has a share that no other can take: however greedy one is, its
//! neighbours are served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::egress::{Held, MemoryAccount};
use crate::names::ShardName;
use crate::shard::MAX_CALLS;

/// Calls of one shard under way at once. One shard cannot take the whole host.
const MAX_CALLS_OF_A_SHARD: usize = MAX_CALLS as usize / 2;
/// Calls that are kept for each shard. With more than sixteen shards each has less, so that half of the room is free to all.
const KEPT: usize = 8;
/// What the host needs for a call beside what its guest asks for: stacks, tables of functions, buffers.
const CALL_BYTES: usize = 1 << 20;

pub struct Rooms {
    memory: Arc<MemoryAccount>,
    /// Of one shard: half of all, so that one shard cannot take the memory of the others.
    memory_of_a_shard: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    serving: BTreeSet<ShardName>,
    taken: BTreeMap<ShardName, Taken>,
    all: usize,
}

/// Kept when its calls are over: their answers may be on their way out still, and count.
struct Taken {
    calls: usize,
    memory: Arc<MemoryAccount>,
    turn: Arc<Semaphore>,
}

/// Room for one call. Dropped when the call is over.
pub struct Admitted {
    rooms: Arc<Rooms>,
    shard: ShardName,
    memory: Arc<MemoryAccount>,
    turn: Arc<Semaphore>,
    nth: usize,
    _base: Held,
}

impl Rooms {
    /// `memory` is the account of all guests together.
    pub fn new(memory: Arc<MemoryAccount>) -> Arc<Self> {
        let memory_of_a_shard = memory.limit() / 2;
        Arc::new(Self { memory, memory_of_a_shard, state: Mutex::default() })
    }

    /// What all guests together may have the host keep.
    pub(super) fn memory(&self) -> &Arc<MemoryAccount> {
        &self.memory
    }

    /// From now on these shards serve, and room is kept for each of them.
    pub(super) fn serve(&self, shards: impl IntoIterator<Item = ShardName>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { serving, taken, .. } = &mut *state;
        *serving = shards.into_iter().collect();
        taken.retain(|shard, taken| serving.contains(shard) || taken.calls > 0 || taken.memory.used() > 0);
    }

    /// Room for a call of this shard, or none at once: a queue without end helps nobody.
    pub(super) fn admit(self: &Arc<Self>, shard: &ShardName) -> Option<Admitted> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = state.taken.get(shard).map_or(0, |taken| taken.calls);
        if calls >= MAX_CALLS_OF_A_SHARD || state.all + state.kept_from(shard) >= MAX_CALLS as usize {
            return None;
        }
        let made = || Taken {
            calls: 0,
            memory: self.memory.within(self.memory_of_a_shard),
            turn: Arc::new(Semaphore::new(1)),
        };
        let taken = state.taken.entry(shard.clone()).or_insert_with(made);
        let (memory, turn) = (taken.memory.clone(), taken.turn.clone());
        let base = memory.hold(CALL_BYTES)?;
        taken.calls += 1;
        let nth = taken.calls;
        state.all += 1;
        Some(Admitted { rooms: self.clone(), shard: shard.clone(), memory, turn, nth, _base: base })
    }
}

impl State {
    /// Calls that may not be this shard's, for they are kept for others.
    fn kept_from(&self, shard: &ShardName) -> usize {
        let each = KEPT.min(MAX_CALLS as usize / 2 / self.serving.len().max(1));
        let others = self.serving.iter().filter(|other| *other != shard);
        others.map(|other| each.saturating_sub(self.taken.get(other).map_or(0, |taken| taken.calls))).sum()
    }
}

impl Admitted {
    /// Of the shard: what its calls make the host keep counts here.
    pub fn memory(&self) -> &Arc<MemoryAccount> {
        &self.memory
    }

    /// How many calls of the shard are under way, this one included.
    pub fn nth(&self) -> usize {
        self.nth
    }

    /// Whoever judges for this shard holds it, where that takes its time: a neighbour's turn comes in between.
    pub fn turn(&self) -> Arc<Semaphore> {
        self.turn.clone()
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut state = self.rooms.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.all -= 1;
        if let Some(taken) = state.taken.get_mut(&self.shard) {
            taken.calls -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> ShardName {
        ShardName::parse(name).unwrap()
    }

    fn rooms(memory: usize, shards: &[&str]) -> Arc<Rooms> {
        let rooms = Rooms::new(MemoryAccount::new(memory));
        rooms.serve(shards.iter().map(|shard| name(shard)));
        rooms
    }

    /// All that can be had of a shard.
    fn fill(rooms: &Arc<Rooms>, shard: &str) -> Vec<Admitted> {
        std::iter::from_fn(|| rooms.admit(&name(shard))).collect()
    }

    #[test]
    fn one_shard_takes_half_and_two_greedy_ones_leave_a_share_to_every_other() {
        let rooms = rooms(1 << 40, &["a", "b", "c", "d"]);
        let a = fill(&rooms, "a");
        assert_eq!(a.len(), 128);
        let b = fill(&rooms, "b");
        assert_eq!(b.len(), 256 - 128 - 2 * 8, "what is kept for c and d is not b's");
        let (c, d) = (fill(&rooms, "c"), fill(&rooms, "d"));
        assert_eq!((c.len(), d.len()), (8, 8));
        drop(a);
        assert_eq!(fill(&rooms, "d").len(), 128 - 8, "room that comes free is for all");
    }

    #[test]
    fn many_shards_share_half_of_the_room() {
        let names: Vec<_> = (0..200).map(|n| format!("s{n}")).collect();
        let rooms = rooms(1 << 40, &names.iter().map(String::as_str).collect::<Vec<_>>());
        // Less than one for each is none for anybody: then whoever comes first is served.
        assert_eq!(fill(&rooms, "s0").len(), 128);
    }

    #[test]
    fn calls_that_go_on_after_a_reload_still_count() {
        let rooms = rooms(1 << 40, &["a", "b"]);
        let before = fill(&rooms, "a");
        rooms.serve([name("b")]);
        assert_eq!(fill(&rooms, "b").len(), 128);
        rooms.serve([name("a"), name("b")]);
        assert!(rooms.admit(&name("a")).is_none(), "its calls of before are still there");
        drop(before);
        assert!(rooms.admit(&name("a")).is_some());
    }

    #[test]
    fn one_shard_s_memory_leaves_the_others_theirs() {
        let rooms = rooms(64 << 20, &["a", "b"]);
        let greedy = rooms.admit(&name("a")).unwrap();
        let _kept = greedy.memory().hold(31 << 20).unwrap();
        assert!(rooms.admit(&name("a")).is_none(), "its half is used up");
        let honest = rooms.admit(&name("b")).unwrap();
        assert!(honest.memory().hold(31 << 20).is_some());
    }

    #[test]
    fn what_a_shard_s_calls_left_behind_counts_when_they_are_over() {
        let rooms = rooms(64 << 20, &["a", "b"]);
        let call = rooms.admit(&name("a")).unwrap();
        let answer = call.memory().hold(31 << 20).unwrap();
        drop(call);
        assert!(rooms.admit(&name("a")).unwrap().memory().hold(1 << 20).is_none());
        rooms.serve([name("b")]);
        rooms.serve([name("a"), name("b")]);
        assert!(rooms.admit(&name("a")).unwrap().memory().hold(1 << 20).is_none(), "also over a reload");
        drop(answer);
        assert!(rooms.admit(&name("a")).unwrap().memory().hold(31 << 20).is_some());
    }
}
