//! Keeps to what a vendor bears: how many requests are under way, and how soon one follows another.
//!
//! One lane for each grant of a shard and one for each of its credentials, for all its calls. A request that names a
//! credential keeps to both lanes: first it has room in both, then it is given its credential, then both say when it
//! starts. Room comes before the credential, so that a token is fetched inside the room of whoever needs it: where a
//! user bears one session, no login runs beside a request. Starts come after, so that fetching a token uses none up.
//!
//! Nothing deadlocks: room in the grant's lane is taken before room in the credential's, that before the right to renew
//! a token, and a renewal takes no room. The grant's is first because whoever waits with room in hand should keep that of
//! the fewest. Who waits, waits inside the deadline of the call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::names::{CredentialName, ShardName};
use crate::policy::Pace;
use crate::refusal::Refusal;

#[derive(Default)]
pub(super) struct Paces(Mutex<HashMap<(ShardName, Of), Arc<Lane>>>);

/// Whose pace it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Of {
    /// By its place in the manifest.
    Grant(usize),
    /// Likewise.
    Directory(usize),
    Credential(CredentialName),
}

struct Lane {
    pace: Pace,
    room: Arc<Semaphore>,
    next: Mutex<Option<Instant>>,
}

/// Room for one request, in every lane that it is in. Dropped when its reply is in.
#[must_use]
pub(super) struct Room {
    lanes: Vec<Arc<Lane>>,
    held: Vec<OwnedSemaphorePermit>,
}

impl Paces {
    /// Waits for room in each lane, in the order in which they are given: everybody's must be the same.
    pub(super) async fn enter(
        &self,
        shard: &ShardName,
        lanes: impl IntoIterator<Item = (Of, Pace)>,
        deadline: Instant,
    ) -> Result<Room, Refusal> {
        let mut room = Room { lanes: Vec::new(), held: Vec::new() };
        for (of, pace) in lanes {
            if pace == Pace::default() {
                continue;
            }
            let lane = self.lane(shard, of, pace);
            if pace.concurrency.is_some() {
                let held = tokio::time::timeout_at(deadline, Arc::clone(&lane.room).acquire_owned()).await;
                room.held.push(held.map_err(|_| Refusal::Deadline)?.map_err(|_| Refusal::Deadline)?);
            }
            room.lanes.push(lane);
        }
        Ok(room)
    }

    fn lane(&self, shard: &ShardName, of: Of, pace: Pace) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry((shard.clone(), of)).or_insert_with(|| {
            let room = pace.concurrency.map_or(1, |most| most.get() as usize);
            Arc::new(Lane { pace, room: Arc::new(Semaphore::new(room)), next: Mutex::new(None) })
        });
        Arc::clone(lane)
    }
}

impl Room {
    /// Waits until the request may start by the rate of every lane. Who cannot start in time uses no start up.
    pub(super) async fn start(&self, deadline: Instant) -> Result<(), Refusal> {
        let now = Instant::now();
        let start = self.book(now, deadline).ok_or(Refusal::Deadline)?;
        // A timer takes its millisecond even where there is nothing to wait for.
        if start > now {
            tokio::time::sleep_until(start).await;
        }
        Ok(())
    }

    /// The next start that suits all lanes; the one after it is an interval later in each.
    fn book(&self, now: Instant, deadline: Instant) -> Option<Instant> {
        // In the order of the lanes, like their room.
        let mut nexts: Vec<_> = self.lanes.iter().filter_map(|lane| lane.next()).collect();
        let start = nexts.iter().filter_map(|(next, _)| **next).fold(now, Instant::max);
        if start > deadline {
            return None;
        }
        for (next, interval) in &mut nexts {
            **next = Some(start + *interval);
        }
        Some(start)
    }
}

impl Lane {
    fn next(&self) -> Option<(MutexGuard<'_, Option<Instant>>, std::time::Duration)> {
        let interval = self.pace.interval?;
        Some((self.next.lock().unwrap_or_else(PoisonError::into_inner), interval))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    fn shard() -> ShardName {
        ShardName::parse("x").unwrap()
    }

    fn credential() -> Of {
        Of::Credential(CredentialName::parse("c").unwrap())
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

    async fn start<const N: usize>(paces: &Paces, lanes: [(Of, Pace); N], deadline: Instant) -> Result<(), Refusal> {
        paces.enter(&shard(), lanes, deadline).await?.start(deadline).await
    }

    /// Only lower bounds: a slow machine takes longer and is right all the same.
    #[tokio::test]
    async fn requests_of_one_grant_follow_each_other_at_its_rate() {
        let (paces, begun) = (Paces::default(), Instant::now());
        for _ in 0..3 {
            start(&paces, [(Of::Grant(0), rate(Duration::from_millis(50)))], soon()).await.unwrap();
        }
        assert!(begun.elapsed() >= Duration::from_millis(100));
    }

    #[tokio::test]
    async fn of_two_rates_the_slower_one_holds_and_both_count() {
        let paces = Paces::default();
        let hours = |hours: u64| Duration::from_secs(3600 * hours);
        let grant = |n, every| (Of::Grant(n), rate(hours(every)));
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
        let far = |n| [(Of::Grant(n), rate(Duration::from_secs(3600)))];
        start(&paces, far(0), soon()).await.unwrap();
        assert!(matches!(start(&paces, far(0), soon()).await, Err(Refusal::Deadline)));
        // Another grant has a lane of its own.
        start(&paces, far(1), soon()).await.unwrap();
    }

    #[tokio::test]
    async fn who_cannot_start_in_time_uses_no_start_up() {
        let (paces, hour) = (Paces::default(), Duration::from_secs(3600));
        let room = paces.enter(&shard(), [(Of::Grant(0), rate(hour))], soon()).await.unwrap();
        let first = room.book(Instant::now(), soon()).unwrap();
        for _ in 0..10 {
            assert_eq!(room.book(Instant::now(), soon()), None);
        }
        assert_eq!(room.book(Instant::now(), soon() + hour), Some(first + hour));
    }

    #[tokio::test]
    async fn no_more_than_its_concurrency_is_under_way() {
        let paces = Paces::default();
        let one = || [(Of::Grant(0), at_once(1))];
        let held = paces.enter(&shard(), one(), soon()).await.unwrap();
        let passed = Instant::now();
        assert!(matches!(paces.enter(&shard(), one(), passed).await, Err(Refusal::Deadline)));
        drop(held);
        assert!(paces.enter(&shard(), one(), soon()).await.is_ok());
    }

    #[tokio::test]
    async fn a_credential_s_room_is_one_for_all_grants_and_each_grant_keeps_its_own() {
        let paces = Paces::default();
        let lanes = |n| [(Of::Grant(n), at_once(1)), (credential(), at_once(2))];
        let passed = Instant::now();
        let first = paces.enter(&shard(), lanes(0), soon()).await.unwrap();
        assert!(paces.enter(&shard(), lanes(0), passed).await.is_err(), "the grant has room for one");
        let second = paces.enter(&shard(), lanes(1), soon()).await.unwrap();
        assert!(paces.enter(&shard(), lanes(2), passed).await.is_err(), "the credential has room for two");
        // Without the credential, and for the same name in another shard, it does not count.
        drop(paces.enter(&shard(), [(Of::Grant(2), at_once(1))], passed).await.unwrap());
        drop(paces.enter(&ShardName::parse("y").unwrap(), lanes(2), passed).await.unwrap());
        // Who waited in vain for the second lane has given the first one back.
        drop((first, second));
        drop(paces.enter(&shard(), lanes(2), passed).await.unwrap());
    }
}
