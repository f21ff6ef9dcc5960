//! Keeps to what a vendor bears: how many requests of a grant are under way, and how soon one follows another.
//!
//! One lane for each grant of a shard, for all its calls. Who waits, waits inside the deadline of the call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::names::ShardName;
use crate::policy::Pace;
use crate::refusal::Refusal;

#[derive(Default)]
pub(super) struct Paces(Mutex<HashMap<(ShardName, usize), Arc<Lane>>>);

struct Lane {
    pace: Pace,
    room: Arc<Semaphore>,
    next: Mutex<Option<Instant>>,
}

/// The right to send one request now. Dropped when its reply is in.
#[must_use]
pub(super) struct Turn(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

impl Paces {
    pub(super) async fn turn(
        &self,
        shard: &ShardName,
        grant: usize,
        pace: Pace,
        deadline: Instant,
    ) -> Result<Turn, Refusal> {
        if pace == Pace::default() {
            return Ok(Turn(None));
        }
        let lane = self.lane(shard, grant, pace);
        let room = match pace.concurrency {
            None => None,
            Some(_) => {
                let room = tokio::time::timeout_at(deadline, lane.room.clone().acquire_owned()).await;
                Some(room.map_err(|_| Refusal::Deadline)?.map_err(|_| Refusal::Deadline)?)
            }
        };
        let start = lane.start();
        if start > deadline {
            return Err(Refusal::Deadline);
        }
        tokio::time::sleep_until(start).await;
        Ok(Turn(room))
    }

    fn lane(&self, shard: &ShardName, grant: usize, pace: Pace) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry((shard.clone(), grant)).or_insert_with(|| {
            let room = pace.concurrency.map_or(1, |most| most.get() as usize);
            Arc::new(Lane { pace, room: Arc::new(Semaphore::new(room)), next: Mutex::new(None) })
        });
        lane.clone()
    }
}

impl Lane {
    /// When the next request may start; the one after it starts an interval later.
    fn start(&self) -> Instant {
        let now = Instant::now();
        let Some(interval) = self.pace.interval else { return now };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let start = next.unwrap_or(now).max(now);
        *next = Some(start + interval);
        start
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    /// Only lower bounds: a slow machine takes longer and is right all the same.
    #[tokio::test]
    async fn requests_of_one_grant_follow_each_other_at_its_rate() {
        let paces = Paces::default();
        let shard = ShardName::parse("x").unwrap();
        let pace = Pace { concurrency: None, interval: Some(Duration::from_millis(50)) };
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs(60);
        for _ in 0..3 {
            drop(paces.turn(&shard, 0, pace, deadline).await.unwrap());
        }
        assert!(begun.elapsed() >= Duration::from_millis(100));
    }

    #[tokio::test]
    async fn who_cannot_start_before_the_deadline_does_not_start() {
        let paces = Paces::default();
        let shard = ShardName::parse("x").unwrap();
        let far = Pace { concurrency: None, interval: Some(Duration::from_secs(3600)) };
        let soon = Instant::now() + Duration::from_secs(60);
        drop(paces.turn(&shard, 0, far, soon).await.unwrap());
        assert!(matches!(paces.turn(&shard, 0, far, soon).await, Err(Refusal::Deadline)));
        // Another grant has a lane of its own.
        drop(paces.turn(&shard, 1, far, soon).await.unwrap());
    }

    #[tokio::test]
    async fn no_more_than_its_concurrency_is_under_way() {
        let paces = Paces::default();
        let shard = ShardName::parse("x").unwrap();
        let one = Pace { concurrency: NonZeroU32::new(1), interval: None };
        let held = paces.turn(&shard, 0, one, Instant::now() + Duration::from_secs(60)).await.unwrap();
        let passed = Instant::now();
        assert!(matches!(paces.turn(&shard, 0, one, passed).await, Err(Refusal::Deadline)));
        drop(held);
        assert!(paces.turn(&shard, 0, one, Instant::now() + Duration::from_secs(60)).await.is_ok());
    }
}
