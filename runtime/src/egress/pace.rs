//! Keeps to what a vendor bears: how many requests are under way, and how soon one follows another.
//!
//! One lane for each grant of a shard and one for each of its credentials, for all its calls. A request that names a
//! credential keeps to both lanes: first it has room in both, then it is given its credential, then both say when it
//! starts. Room comes before the credential, so that a token is fetched inside the room of the request that needs it:
//! where a user bears one session, no login runs beside a request. Starts come after, so that fetching a token uses none
//! up.
//!
//! A lane belongs to what the grant is ([`GrantKey`]) and not to its place, and it outlives a reload: `adopt` gives every
//! lane the pace that is approved now and drops those that nobody has any more. Requests under way count on; requests that
//! wait for their start are given another.
//!
//! Nothing deadlocks: room in the grant's lane is taken before room in the credential's, that before the right to renew
//! a token, and a renewal takes no room. The grant's lane comes first because it is the narrower one: holding it while
//! waiting keeps the fewest others out. All waiting ends at the deadline of the call.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::names::{CredentialName, ShardName};
use crate::policy::{GrantKey, Pace};
use crate::refusal::Refusal;

#[derive(Default)]
pub(super) struct Paces {
    lanes: Mutex<HashMap<(ShardName, LaneOf), Arc<Lane>>>,
    /// Wakes requests that wait for their start when a lane has another rate.
    changed: Arc<Notify>,
}

/// What a lane is for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum LaneOf {
    Grant(GrantKey),
    Credential(CredentialName),
}

struct Lane {
    /// As many permits as may be under way, less those that are and those that are owed.
    room: Arc<Semaphore>,
    state: Mutex<LaneState>,
}

struct LaneState {
    pace: Pace,
    /// Permits of requests under way that are taken back when these end: the lane has become narrower.
    owed: usize,
    /// The latest start that was given to a request, and the latest at which one did start.
    booked: Option<Instant>,
    started: Option<Instant>,
    /// Counts changes of the rate.
    changes: u64,
}

/// Room for one request, in every lane that it is in. Dropped when its reply is in.
#[must_use]
pub(super) struct Room {
    held: Vec<Held>,
    changed: Arc<Notify>,
}

struct Held {
    lane: Arc<Lane>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Paces {
    /// Waits for room in each lane, in the order in which they are given: everybody's must be the same. A pace counts only
    /// where its lane is new.
    pub(super) async fn enter(
        &self,
        shard: &ShardName,
        lanes: impl IntoIterator<Item = (LaneOf, Pace)>,
        deadline: Instant,
    ) -> Result<Room, Refusal> {
        let mut room = Room { held: Vec::new(), changed: Arc::clone(&self.changed) };
        for (of, pace) in lanes {
            let lane = self.lane(shard, of, pace);
            let permit = tokio::time::timeout_at(deadline, Arc::clone(&lane.room).acquire_owned()).await;
            let permit = permit.map_err(|_| Refusal::Deadline)?.map_err(|_| Refusal::Deadline)?;
            room.held.push(Held { lane, permit: Some(permit) });
        }
        Ok(room)
    }

    fn lane(&self, shard: &ShardName, of: LaneOf, pace: Pace) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry((shard.clone(), of)).or_insert_with(|| Arc::new(Lane::new(pace))))
    }

    /// From now on these lanes have these paces. A lane that is not among them is dropped, unless a request is in it.
    pub(super) fn adopt(&self, approved: impl IntoIterator<Item = ((ShardName, LaneOf), Pace)>) {
        let mut kept = HashMap::new();
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = false;
        for (key, pace) in approved {
            // Of two grants with one key the first is used.
            if let Entry::Vacant(place) = kept.entry(key) {
                let lane = lanes.remove(place.key()).unwrap_or_else(|| Arc::new(Lane::new(pace)));
                changed |= lane.adopt(pace);
                place.insert(lane);
            }
        }
        lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        lanes.extend(kept);
        drop(lanes);
        if changed {
            self.changed.notify_waiters();
        }
    }
}

impl Room {
    /// Waits until the request may start by the rate of every lane. A request that cannot start in time uses no start up.
    pub(super) async fn start(&self, deadline: Instant) -> Result<(), Refusal> {
        loop {
            // From here on no change of a rate goes unseen.
            let changed = self.changed.notified();
            let (now, seen) = (Instant::now(), self.changes());
            let start = self.book(now, deadline).ok_or(Refusal::Deadline)?;
            // A timer takes its millisecond even where there is nothing to wait for.
            if start > now && !self.wait(start, changed, seen).await {
                continue;
            }
            for held in &self.held {
                let mut state = held.lane.state();
                state.started = state.started.max(Some(start));
            }
            return Ok(());
        }
    }

    /// Whether the start was reached before a rate of one of its lanes changed.
    async fn wait(&self, start: Instant, changed: tokio::sync::futures::Notified<'_>, seen: u64) -> bool {
        tokio::pin!(changed);
        let mut reached = std::pin::pin!(tokio::time::sleep_until(start));
        loop {
            tokio::select! {
                () = &mut reached => return true,
                () = &mut changed => changed.set(self.changed.notified()),
            }
            if self.changes() != seen {
                return false;
            }
        }
    }

    fn changes(&self) -> u64 {
        self.held.iter().map(|held| held.lane.state().changes).sum()
    }

    /// The next start that suits all lanes; the one after it is an interval later in each.
    fn book(&self, now: Instant, deadline: Instant) -> Option<Instant> {
        // In the order of the lanes, like their room.
        let mut states: Vec<_> = self.held.iter().map(|held| held.lane.state()).collect();
        let start = states.iter().filter_map(|state| state.next()).fold(now, Instant::max);
        if start > deadline {
            return None;
        }
        for state in &mut states {
            state.booked = state.booked.max(Some(start));
        }
        Some(start)
    }
}

impl Lane {
    fn new(pace: Pace) -> Self {
        let state = LaneState { pace, owed: 0, booked: None, started: None, changes: 0 };
        Self { room: Arc::new(Semaphore::new(permits(pace))), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has another rate than before.
    fn adopt(&self, pace: Pace) -> bool {
        let mut state = self.state();
        let (old, new) = (permits(state.pace), permits(pace));
        if new < old {
            state.owed += (old - new) - self.room.forget_permits(old - new);
        } else {
            let forgiven = state.owed.min(new - old);
            state.owed -= forgiven;
            self.room.add_permits(new - old - forgiven);
        }
        let changed = state.pace.interval != pace.interval;
        if changed {
            // Starts that nobody has reached are given out anew.
            state.booked = state.started;
            state.changes += 1;
        }
        state.pace = pace;
        changed
    }
}

impl LaneState {
    fn next(&self) -> Option<Instant> {
        Some(self.booked? + self.pace.interval?)
    }
}

/// Where no number is set, more than there are requests: they are counted all the same, for a reload may set one.
fn permits(pace: Pace) -> usize {
    pace.concurrency.map_or(Semaphore::MAX_PERMITS, |most| most.get() as usize).min(Semaphore::MAX_PERMITS)
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.lane.state();
        let permit = self.permit.take();
        if state.owed > 0 {
            state.owed -= 1;
            if let Some(permit) = permit {
                permit.forget();
            }
        } else {
            // While the state is held: what is owed and what is there change together.
            drop(permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;
    use crate::outbound::Scheme;
    use crate::policy::{EgressGrant, HostPattern};

    fn shard() -> ShardName {
        ShardName::parse("x").unwrap()
    }

    fn grant(n: usize) -> LaneOf {
        let host = HostPattern::parse(&format!("h{n}.example.com"), Scheme::Https).unwrap();
        let grant = EgressGrant {
            scheme: Scheme::Https,
            host,
            methods: Vec::new(),
            paths: Vec::new(),
            query: Default::default(),
            credential: None,
            tools: None,
            documents: None,
            keep: None,
            idempotent: false,
            private: false,
            pace: Pace::default(),
        };
        LaneOf::Grant(grant.key())
    }

    fn credential() -> LaneOf {
        LaneOf::Credential(CredentialName::parse("c").unwrap())
    }

    fn rate(interval: Duration) -> Pace {
        Pace { concurrency: None, interval: Some(interval) }
    }

    fn at_once(most: u32) -> Pace {
        Pace { concurrency: NonZeroU32::new(most), interval: None }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    async fn start<const N: usize>(
        paces: &Paces,
        lanes: [(LaneOf, Pace); N],
        deadline: Instant,
    ) -> Result<(), Refusal> {
        paces.enter(&shard(), lanes, deadline).await?.start(deadline).await
    }

    /// Only lower bounds: a slow machine takes longer and is right all the same.
    #[tokio::test]
    async fn requests_of_one_grant_follow_each_other_at_its_rate() {
        let (paces, begun) = (Paces::default(), Instant::now());
        for _ in 0..3 {
            start(&paces, [(grant(0), rate(Duration::from_millis(50)))], soon()).await.unwrap();
        }
        assert!(begun.elapsed() >= Duration::from_millis(100));
    }

    #[tokio::test]
    async fn of_two_rates_the_slower_one_holds_and_both_count() {
        let paces = Paces::default();
        let hours = |hours: u64| Duration::from_secs(3600 * hours);
        let grant = |n, every| (grant(n), rate(hours(every)));
        let shared = || (credential(), rate(hours(4)));
        let mut starts = Vec::new();
        for lanes in [
            vec![grant(0, 1), shared()],
            vec![grant(0, 1), shared()],
            vec![grant(1, 10), shared()],
            vec![grant(1, 10), shared()],
            vec![grant(0, 1), shared()],
            vec![grant(0, 1)],
        ] {
            let room = paces.enter(&shard(), lanes, soon()).await.unwrap();
            starts.push(room.book(Instant::now(), soon() + hours(100)).unwrap());
        }
        let after: Vec<_> = starts.iter().map(|start| start.duration_since(starts[0]).as_secs() / 3600).collect();
        assert_eq!(after, [0, 4, 8, 18, 22, 23]);
    }

    #[tokio::test]
    async fn who_cannot_start_before_the_deadline_does_not_start() {
        let paces = Paces::default();
        let far = |n| [(grant(n), rate(Duration::from_secs(3600)))];
        start(&paces, far(0), soon()).await.unwrap();
        assert!(matches!(start(&paces, far(0), soon()).await, Err(Refusal::Deadline)));
        // Another grant has a lane of its own.
        start(&paces, far(1), soon()).await.unwrap();
    }

    #[tokio::test]
    async fn who_cannot_start_in_time_uses_no_start_up() {
        let (paces, hour) = (Paces::default(), Duration::from_secs(3600));
        let room = paces.enter(&shard(), [(grant(0), rate(hour))], soon()).await.unwrap();
        let first = room.book(Instant::now(), soon()).unwrap();
        for _ in 0..10 {
            assert_eq!(room.book(Instant::now(), soon()), None);
        }
        assert_eq!(room.book(Instant::now(), soon() + hour), Some(first + hour));
    }

    #[tokio::test]
    async fn no_more_than_its_concurrency_is_under_way() {
        let paces = Paces::default();
        let one = || [(grant(0), at_once(1))];
        let held = paces.enter(&shard(), one(), soon()).await.unwrap();
        let passed = Instant::now();
        assert!(matches!(paces.enter(&shard(), one(), passed).await, Err(Refusal::Deadline)));
        drop(held);
        assert!(paces.enter(&shard(), one(), soon()).await.is_ok());
    }

    #[tokio::test]
    async fn a_credential_s_room_is_one_for_all_grants_and_each_grant_keeps_its_own() {
        let paces = Paces::default();
        let lanes = |n| [(grant(n), at_once(1)), (credential(), at_once(2))];
        let passed = Instant::now();
        let first = paces.enter(&shard(), lanes(0), soon()).await.unwrap();
        assert!(paces.enter(&shard(), lanes(0), passed).await.is_err(), "the grant has room for one");
        let second = paces.enter(&shard(), lanes(1), soon()).await.unwrap();
        assert!(paces.enter(&shard(), lanes(2), passed).await.is_err(), "the credential has room for two");
        // Without the credential, and for the same name in another shard, it does not count.
        drop(paces.enter(&shard(), [(grant(2), at_once(1))], passed).await.unwrap());
        drop(paces.enter(&ShardName::parse("y").unwrap(), lanes(2), passed).await.unwrap());
        // Who waited in vain for the second lane has given the first one back.
        drop((first, second));
        drop(paces.enter(&shard(), lanes(2), passed).await.unwrap());
    }

    fn adopt<const N: usize>(paces: &Paces, lanes: [(LaneOf, Pace); N]) {
        paces.adopt(lanes.map(|(of, pace)| ((shard(), of), pace)));
    }

    async fn enters(paces: &Paces, of: LaneOf) -> Option<Room> {
        paces.enter(&shard(), [(of, Pace::default())], Instant::now()).await.ok()
    }

    #[tokio::test]
    async fn another_rate_counts_from_the_last_start() {
        let (paces, hour) = (Paces::default(), Duration::from_secs(3600));
        let old = [(grant(0), rate(hour))];
        adopt(&paces, old.clone());
        start(&paces, old.clone(), soon()).await.unwrap();
        let room = paces.enter(&shard(), old, soon()).await.unwrap();
        let far = soon() + 100 * hour;
        let first = room.book(Instant::now(), far).unwrap();
        // What was booked and has not started is given out anew.
        adopt(&paces, [(grant(0), rate(hour / 60))]);
        let again = room.book(Instant::now(), far).unwrap();
        assert_eq!(first.duration_since(again), hour - hour / 60);
        // The same pace once more changes nothing.
        adopt(&paces, [(grant(0), rate(hour / 60))]);
        assert_eq!(room.book(Instant::now(), far).unwrap().duration_since(again), hour / 60);
        adopt(&paces, [(grant(0), rate(2 * hour))]);
        assert_eq!(room.book(Instant::now(), far).unwrap().duration_since(first), hour);
    }

    #[tokio::test]
    async fn a_request_that_waits_for_its_start_follows_another_rate() {
        let paces = Arc::new(Paces::default());
        let hours = |n| [(grant(0), rate(n * Duration::from_secs(3600)))];
        adopt(&paces, hours(1));
        let far = soon() + Duration::from_secs(360_000);
        start(&paces, hours(1), far).await.unwrap();
        let waits = |paces: &Arc<Paces>| {
            let paces = Arc::clone(paces);
            tokio::spawn(async move { start(&paces, hours(1), far).await })
        };
        let booked = |paces: &Paces| paces.lane(&shard(), grant(0), Pace::default()).state().booked;
        let (before, waiting) = (booked(&paces), waits(&paces));
        while booked(&paces) == before {
            tokio::task::yield_now().await;
        }
        // Another shard's lanes are none of its own: it waits on.
        paces.changed.notify_waiters();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        adopt(&paces, [(grant(0), Pace::default())]);
        tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn requests_under_way_count_when_room_grows_and_when_it_shrinks() {
        let paces = Paces::default();
        let lane = |most| [(grant(0), at_once(most))];
        adopt(&paces, lane(1));
        let first = enters(&paces, grant(0)).await.unwrap();
        assert!(enters(&paces, grant(0)).await.is_none());
        adopt(&paces, lane(3));
        let (second, third) = (enters(&paces, grant(0)).await.unwrap(), enters(&paces, grant(0)).await.unwrap());
        assert!(enters(&paces, grant(0)).await.is_none(), "three are under way");
        adopt(&paces, lane(1));
        drop((first, second));
        assert!(enters(&paces, grant(0)).await.is_none(), "one is");
        drop(third);
        let one = enters(&paces, grant(0)).await.unwrap();
        assert!(enters(&paces, grant(0)).await.is_none());
        // What was owed is forgiven where room grows before it was paid.
        adopt(&paces, lane(3));
        let two = enters(&paces, grant(0)).await.unwrap();
        adopt(&paces, lane(1));
        adopt(&paces, lane(2));
        drop(one);
        let three = enters(&paces, grant(0)).await.unwrap();
        assert!(enters(&paces, grant(0)).await.is_none());
        drop((two, three));
    }

    #[tokio::test]
    async fn where_no_number_was_set_requests_are_counted_all_the_same() {
        let paces = Paces::default();
        adopt(&paces, [(grant(0), Pace::default())]);
        let two = (enters(&paces, grant(0)).await.unwrap(), enters(&paces, grant(0)).await.unwrap());
        adopt(&paces, [(grant(0), at_once(2))]);
        assert!(enters(&paces, grant(0)).await.is_none());
        drop(two.0);
        assert!(enters(&paces, grant(0)).await.is_some());
        adopt(&paces, [(grant(0), Pace::default())]);
        let more = (enters(&paces, grant(0)).await.unwrap(), enters(&paces, grant(0)).await.unwrap());
        drop((two.1, more));
    }

    #[tokio::test]
    async fn a_lane_that_nobody_has_any_more_is_dropped_when_no_request_is_in_it() {
        let (paces, hour) = (Paces::default(), Duration::from_secs(3600));
        let lane = || [(grant(0), Pace { interval: Some(hour), ..at_once(1) })];
        adopt(&paces, lane());
        let room = paces.enter(&shard(), lane(), soon()).await.unwrap();
        room.start(soon()).await.unwrap();
        adopt(&paces, []);
        assert!(enters(&paces, grant(0)).await.is_none(), "a request is in it");
        drop(room);
        adopt(&paces, []);
        assert!(paces.lanes.lock().unwrap().is_empty());
        start(&paces, lane(), soon()).await.unwrap();
    }
}
