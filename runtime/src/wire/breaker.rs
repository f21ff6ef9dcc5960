//! Leaves an upstream alone that has stopped working, so that callers learn it at once and the upstream can recover.
//!
//! Counted are transport errors and 5xx, in a row and per destination. An upstream that refuses (4xx) is well. So is one
//! that says 501: it does not have that function, and answers everything else.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;

use super::{Blame, RawReply, WireError};

/// Failures in a row that open the breaker.
pub const FAILURES: u32 = 5;
/// How long it stays open before one request may try.
pub const REST: Duration = Duration::from_secs(30);
/// More failing destinations than this are not counted one by one.
const DESTINATIONS: usize = 1024;

/// One for all destinations. Pure: the clock is an argument.
#[derive(Default)]
pub struct Breaker {
    gates: Mutex<HashMap<String, Gate>>,
}

/// A destination that works has none.
enum Gate {
    Failing {
        n_failures: u32,
    },
    Open {
        until: Instant,
    },
    /// One request is trying; the others are still refused.
    Probing,
}

/// The destination failed again and again, and is left alone for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("upstream has failed {FAILURES} times in a row and is left alone for a while")]
pub struct Open {
    /// Zero while another request is finding out.
    pub wait: Duration,
}

/// The right to try. One that is dropped without an end has learned nothing: the next in line may try.
#[must_use = "the breaker learns from how it ends"]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    destination: String,
    probing: bool,
    since: Instant,
}

impl Breaker {
    pub fn pass(&self, destination: String, now: Instant) -> Result<Pass<'_>, Open> {
        let mut gates = self.gates();
        let probing = match gates.get_mut(&destination) {
            None | Some(Gate::Failing { .. }) => false,
            Some(Gate::Open { until }) if now < *until => {
                return Err(Open { wait: until.duration_since(now) });
            }
            Some(Gate::Probing) => return Err(Open { wait: Duration::ZERO }),
            Some(gate @ Gate::Open { .. }) => {
                *gate = Gate::Probing;
                true
            }
        };
        Ok(Pass { breaker: self, destination, probing, since: now })
    }

    fn gates(&self) -> MutexGuard<'_, HashMap<String, Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    pub fn end(self, outcome: Result<&RawReply, &WireError>, now: Instant) {
        self.close(failed(outcome), now);
    }

    /// Of a search, whose pages have no status.
    pub fn end_search(self, outcome: Result<(), &WireError>, now: Instant) {
        self.close(outcome.is_err_and(is_failure), now);
    }

    fn close(mut self, failed: bool, now: Instant) {
        let mut gates = self.breaker.gates();
        let probing = std::mem::take(&mut self.probing);
        if !failed {
            gates.remove(&self.destination);
            return;
        }
        match gates.entry(self.destination.clone()) {
            Entry::Vacant(gate) => {
                gate.insert(Gate::Failing { n_failures: 1 });
                // A wildcard grant lets a shard make up names without end. The few that matter fail again.
                if gates.len() > DESTINATIONS {
                    gates.retain(|_, gate| !matches!(gate, Gate::Failing { .. }));
                }
            }
            Entry::Occupied(mut gate) => match gate.get_mut() {
                Gate::Failing { n_failures } if *n_failures + 1 < FAILURES => *n_failures += 1,
                Gate::Failing { .. } => *gate.get_mut() = Gate::Open { until: now + REST },
                Gate::Probing if probing => *gate.get_mut() = Gate::Open { until: now + REST },
                // A request from before it opened: it says nothing new.
                Gate::Probing | Gate::Open { .. } => {}
            },
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probing
            && let Some(gate @ Gate::Probing) = self.breaker.gates().get_mut(&self.destination)
        {
            // Open, but no longer: whoever comes next may try.
            *gate = Gate::Open { until: self.since };
        }
    }
}

fn failed(outcome: Result<&RawReply, &WireError>) -> bool {
    match outcome {
        Ok(reply) => reply.status().is_server_error() && reply.status() != StatusCode::NOT_IMPLEMENTED,
        Err(error) => is_failure(error),
    }
}

fn is_failure(error: &WireError) -> bool {
    match error {
        WireError::Timeout(_) | WireError::Unreachable(_) | WireError::Untrusted(_) | WireError::BadReply(_) => true,
        // Busy, or no longer there for anybody.
        WireError::Directory(code) => code.blames() == Blame::Server,
        // It refuses, and is well.
        WireError::BindRefused(_) | WireError::Referral => false,
        // Our own rules, not the upstream's health.
        WireError::ForbiddenAddress(_)
        | WireError::TooLarge { .. }
        | WireError::Unsendable(_)
        | WireError::BadFilter
        | WireError::NoRoute { .. }
        | WireError::BadMock(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::wire::{BadReply, ForbiddenAddress, Unreachable};
    use bytes::Bytes;

    const FORBIDDEN: ForbiddenAddress = ForbiddenAddress { address: IpAddr::V4(Ipv4Addr::LOCALHOST), why: None };
    use http::HeaderMap;

    fn reply(status: u16) -> RawReply {
        RawReply::new(StatusCode::from_u16(status).unwrap(), HeaderMap::new(), Bytes::new())
    }

    fn pass(breaker: &Breaker, now: Instant) -> Result<Pass<'_>, Open> {
        breaker.pass("https://api.example.com".to_owned(), now)
    }

    fn end(breaker: &Breaker, status: u16, now: Instant) {
        pass(breaker, now).ok().unwrap().end(Ok(&reply(status)), now);
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_nothing_else_does() {
        for (statuses, open) in [
            (vec![500; 4], false),
            (vec![500; 5], true),
            (vec![500, 502, 503, 504, 599], true),
            (vec![500, 500, 500, 500, 200, 500], false),
            (vec![500, 500, 500, 500, 404, 500, 500, 500, 500], false),
            (vec![429; 50], false),
            (vec![501; 50], false),
        ] {
            let (breaker, now) = (Breaker::default(), Instant::now());
            for status in &statuses {
                end(&breaker, *status, now);
            }
            assert_eq!(pass(&breaker, now).is_err(), open, "{statuses:?}");
            assert!(breaker.pass("https://other.example.com".to_owned(), now).is_ok());
        }
    }

    #[test]
    fn what_our_own_rules_refuse_says_nothing_of_the_upstream() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        let ours = [WireError::TooLarge { limit: 1 }, WireError::ForbiddenAddress(FORBIDDEN)];
        for error in ours.iter().cycle().take(20) {
            pass(&breaker, now).ok().unwrap().end(Err(error), now);
        }
        assert!(pass(&breaker, now).is_ok());
        for error in [WireError::BadReply(BadReply::Torn), WireError::Unreachable(Unreachable::NoAddress)] {
            let breaker = Breaker::default();
            for _ in 0..FAILURES {
                pass(&breaker, now).ok().unwrap().end(Err(&error), now);
            }
            assert!(pass(&breaker, now).is_err(), "{error}");
        }
    }

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            end(&breaker, 503, now);
        }
        breaker
    }

    #[test]
    fn after_its_rest_one_request_tries_and_the_others_wait_for_it() {
        let start = Instant::now();
        let breaker = opened(start);
        let early = start + REST - Duration::from_millis(1);
        assert_eq!(pass(&breaker, early).err(), Some(Open { wait: Duration::from_millis(1) }));

        let later = start + REST;
        let probe = pass(&breaker, later).ok().unwrap();
        assert_eq!(pass(&breaker, later).err(), Some(Open { wait: Duration::ZERO }));
        probe.end(Ok(&reply(503)), later);
        assert_eq!(pass(&breaker, later).err(), Some(Open { wait: REST }));

        let again = later + REST;
        pass(&breaker, again).ok().unwrap().end(Ok(&reply(200)), again);
        let (first, second) = (pass(&breaker, again), pass(&breaker, again));
        assert!(first.is_ok() && second.is_ok());
    }

    #[test]
    fn a_try_that_is_abandoned_lets_the_next_one_try() {
        let start = Instant::now();
        let breaker = opened(start);
        let later = start + REST;
        drop(pass(&breaker, later).ok().unwrap());
        assert!(pass(&breaker, later).is_ok());
    }

    #[test]
    fn requests_from_before_it_opened_do_not_prolong_its_rest() {
        let start = Instant::now();
        let breaker = Breaker::default();
        let late = pass(&breaker, start).ok().unwrap();
        for _ in 0..FAILURES {
            end(&breaker, 503, start);
        }
        late.end(Ok(&reply(503)), start + REST);
        assert!(pass(&breaker, start + REST).is_ok());
    }

    #[test]
    fn made_up_names_do_not_fill_the_memory() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for n in 0..10_000 {
            breaker.pass(format!("https://{n}.example.com"), now).ok().unwrap().end(Ok(&reply(500)), now);
        }
        assert!(breaker.gates().len() <= DESTINATIONS);
    }
}
