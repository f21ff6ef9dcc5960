//! The door: the one way out of a sandbox.
//!
//! A request is read once, judged, scanned for secrets it should not carry, put on record, given its credential, sent,
//! scrubbed, and put on record again. Every step eats what the step before made, so that skipping or swapping two of
//! them does not compile. Reading, judging and scanning touch nothing, so they come before the first line: it can then
//! say where the request goes. Nothing moves before that line is durable, and nothing comes back before the second is.
//!
//! Calls of other shards' tools and artifacts pass it as well (`peer`, `artifact`).
//!
//! A retry is a crossing of its own, with its own two lines; so is fetching a token. What else leaves a guest (log
//! lines, results, error texts, progress) is scrubbed and bounded in `talk`.

mod artifact;
mod caller;
mod directory;
mod memory;
mod pace;
mod peer;
mod record;
mod talk;
mod tally;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write small upstreams, serve them on loopback and read the ledger"
)]
mod tests;

pub use artifact::Found;
use caller::Way;
pub use caller::{Caller, Crossed, Limits, Progress, Rights, Verdict};
pub use directory::OpenSearch;
pub use memory::{AnswerMemory, Held, MemoryAccount};
pub use peer::{Answering, Neighbours, PeerAnswer, PeerFault};
use record::Plan;
pub use talk::Level;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use pace::{LaneOf, Paces, Room};
use tokio_util::task::TaskTracker;

use crate::artifacts::Store;
use crate::audit::{Asked, Crossing, Ending, Entry, Facts, Ledger, Released};
use crate::names::CredentialName;
use crate::outbound::{GuestRequest, Outbound};
use crate::policy::{Pace, Permit};
use crate::redact::{CleanReply, Scrubber};
use crate::refusal::Refusal;
use crate::secrets::{Renewal, Sealed, Sealing};
use crate::wire::breaker::Breaker;
use crate::wire::retry;
use crate::wire::{Budget, RawReply, Source, Wire, WireError};

pub struct Door {
    ledger: Ledger,
    wire: Wire,
    scrubber: Scrubber,
    breaker: Breaker,
    paces: Paces,
    store: Option<Arc<Store>>,
    /// Acts that go on although the call that began them has gone.
    acts: TaskTracker,
}

/// What an attempt begins with.
enum Step {
    Seal(Permit),
    Send(Sealed),
}

impl Step {
    fn permit(&self) -> Option<&Permit> {
        match self {
            Step::Seal(permit) => Some(permit),
            Step::Send(sealed) => sealed.permit(),
        }
    }
}

/// What to do once an attempt is on record.
enum Next {
    Answer,
    /// With another token: the one that was used is no longer accepted.
    Renewed(Permit),
    /// The same again, after a while.
    After(std::time::Duration, Sealed),
}

impl Door {
    pub fn new(ledger: Ledger, wire: Wire, scrubber: Scrubber) -> Self {
        Self {
            ledger,
            wire,
            scrubber,
            breaker: Breaker::default(),
            paces: Paces::default(),
            store: None,
            acts: TaskTracker::new(),
        }
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }

    /// Waits until acts whose calls have gone have their endings on record.
    pub async fn settle(&self) {
        self.acts.close();
        self.acts.wait().await;
    }

    pub fn source(&self) -> Source {
        self.wire.source()
    }

    /// These rights are in force from now on, and no others: the paces that they give to lanes are.
    pub fn adopt_paces<'a>(&self, in_force: impl IntoIterator<Item = &'a Rights>) {
        self.paces.adopt(in_force.into_iter().flat_map(|rights| {
            let grants = rights.grants.paces().chain(rights.directories.paces());
            let grants = grants.map(|(key, pace)| (LaneOf::Grant(key.clone()), pace));
            let credentials = rights.vault.credentials().map(|name| credential_lane(rights, name));
            grants.chain(credentials).map(|(of, pace)| ((rights.shard.clone(), of), pace))
        }));
    }

    /// When a guest's clock begins, if not now: mock data are of one moment, and so is what is made of them.
    pub fn moment(&self) -> Option<jiff::Timestamp> {
        self.wire.moment()
    }

    /// Takes one request of a guest out and its reply back.
    pub async fn cross(&self, caller: &Caller, asked: GuestRequest) -> Result<Released<CleanReply>, Refusal> {
        caller.still_reads(&self.ledger, Way::Egress)?;
        match self.judge(caller, asked) {
            Ok(permit) => self.send(caller, permit).await,
            Err(refused) => Err(self.deny(caller, Way::Egress, *refused).await),
        }
    }

    /// Refuses what has not moved: with both its lines, or counted.
    async fn deny(&self, caller: &Caller, way: Way, (plan, refusal): (Plan, Refusal)) -> Refusal {
        if !caller.describes(&self.ledger, way, &refusal) {
            return refusal;
        }
        let started = Instant::now();
        match self.ask(caller, plan.crossing()).await {
            Ok(entry) => self.refuse(caller, entry, &plan, refusal, started).await,
            Err(unrecorded) => unrecorded,
        }
    }

    /// Pure: no clock, no socket, no secret put in. A refused request is recorded with as much of it as could be read.
    fn judge(&self, caller: &Caller, asked: GuestRequest) -> Result<Permit, Box<(Plan, Refusal)>> {
        let outbound = Outbound::parse(asked).map_err(|error| Box::new((Plan::unreadable(), error.into())))?;
        let credential = outbound.credential().cloned();
        let permit = caller
            .rights
            .grants
            .permit(caller.tool.as_ref(), outbound)
            .map_err(|error| Box::new((Plan::refused(&error, credential, &self.scrubber), error.into())))?;
        let fit = self.scrubber.leak(permit.outbound()).map_err(Refusal::from).and_then(|()| caller.spend(Way::Egress));
        match fit {
            Ok(()) => Ok(permit),
            Err(refusal) => Err(Box::new((Plan::permitted(&permit), refusal))),
        }
    }

    async fn send(&self, caller: &Caller, permit: Permit) -> Result<Released<CleanReply>, Refusal> {
        let plan = Plan::permitted(&permit);
        let mut step = Step::Seal(permit);
        let mut attempt = 1;
        let mut renewed = false;
        loop {
            let started = Instant::now();
            let entry = self.ask(caller, plan.crossing()).await?;
            let (clean, next) = match self.step(caller, step, attempt, renewed).await {
                Ok(stepped) => stepped,
                Err(refusal) => return Err(self.refuse(caller, entry, &plan, refusal, started).await),
            };
            let ended = match clean {
                Ok(reply) => {
                    let (bytes, redactions) = (reply.body.len(), reply.redactions.count());
                    caller.crossed(plan.released(reply.status, bytes, redactions, started.elapsed()));
                    let facts = record::facts(&reply);
                    Ok(entry.close(Ending::Release { facts }, reply).await?)
                }
                Err(refusal) => Err(self.refuse(caller, entry, &plan, refusal, started).await),
            };
            step = match next {
                Next::Answer => return ended,
                Next::Renewed(permit) => {
                    renewed = true;
                    Step::Seal(permit)
                }
                Next::After(pause, sealed) => {
                    tokio::time::sleep(pause).await;
                    Step::Send(sealed)
                }
            };
            attempt += 1;
        }
    }

    /// One attempt: its reply without secrets, and what to do once that is on record.
    async fn step(
        &self,
        caller: &Caller,
        step: Step,
        attempt: u32,
        renewed: bool,
    ) -> Result<(Result<CleanReply, Refusal>, Next), Refusal> {
        let room = self.enter(caller, step.permit()).await?;
        let sealed = match step {
            Step::Seal(permit) => self.seal(caller, permit).await?,
            Step::Send(sealed) => sealed,
        };
        room.start(caller.deadline).await?;
        let sent = self.attempt(caller, &sealed).await?;
        drop(room);
        let keep = sealed.permit().and_then(|permit| permit.grant().keep.clone());
        let next = self.next(caller, sealed, &sent, attempt, renewed);
        let clean = sent.map_err(Refusal::from).and_then(|raw| Ok(self.scrubber.reply(raw, keep.as_deref())?));
        Ok((clean, next))
    }

    /// Room in the lane of the request's grant, then in that of the credential that it names.
    async fn enter(&self, caller: &Caller, permit: Option<&Permit>) -> Result<Room, Refusal> {
        let rights = &caller.rights;
        let mut lanes = Vec::with_capacity(2);
        if let Some(permit) = permit {
            lanes.push((LaneOf::Grant(permit.grant_key().clone()), permit.grant().pace));
            lanes.extend(permit.credential().map(|name| credential_lane(rights, name)));
        }
        self.paces.enter(&rights.shard, lanes, caller.deadline).await
    }

    /// Sends it, unless its destination has failed so often that it is left alone for now.
    async fn attempt(&self, caller: &Caller, sealed: &Sealed) -> Result<Result<RawReply, WireError>, Refusal> {
        let pass = self.breaker.pass(sealed.destination(), Instant::now())?;
        let sent = self.wire.send(sealed, &budget(caller)).await;
        pass.end(sent.as_ref(), Instant::now());
        Ok(sent)
    }

    fn next(
        &self,
        caller: &Caller,
        sealed: Sealed,
        sent: &Result<RawReply, WireError>,
        attempt: u32,
        renewed: bool,
    ) -> Next {
        let refused = sent.as_ref().is_ok_and(|reply| reply.status() == http::StatusCode::UNAUTHORIZED);
        if refused && !renewed {
            return caller.rights.vault.forget(sealed).map_or(Next::Answer, Next::Renewed);
        }
        let attempt = retry::Attempt {
            number: attempt,
            idempotent: sealed.idempotent(),
            remaining: caller.deadline.saturating_duration_since(tokio::time::Instant::now()),
            now: SystemTime::now(),
            jitter: chance(),
        };
        match retry::decide(&attempt, sent.as_ref()) {
            Some(pause) => Next::After(pause, sealed),
            None => Next::Answer,
        }
    }

    /// Gives the request its credential, fetching a token first if need be.
    async fn seal(&self, caller: &Caller, mut permit: Permit) -> Result<Sealed, Refusal> {
        // A token may expire between its renewal and its use, but not twice in a row.
        for _ in 0..2 {
            let sealing = tokio::time::timeout_at(caller.deadline, caller.rights.vault.seal(permit, Instant::now()));
            match sealing.await.map_err(|_| Refusal::Deadline)?? {
                Sealing::Ready(sealed) => return Ok(sealed),
                Sealing::Renew(renewal) => permit = self.renew(caller, renewal).await?,
            }
        }
        Err(Refusal::TokenShortLived)
    }

    /// Fetches a token, on record like everything that leaves, in the room of the request that needs it. The new token is
    /// a needle before anything can echo it.
    async fn renew(&self, caller: &Caller, renewal: Box<Renewal>) -> Result<Permit, Refusal> {
        let started = Instant::now();
        let plan = Plan::token(renewal.sealed());
        let entry = self.ask(caller, plan.crossing()).await?;
        let reply = match self.attempt(caller, renewal.sealed()).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => return Err(self.refuse(caller, entry, &plan, Refusal::Token(error), started).await),
            Err(refusal) => return Err(self.refuse(caller, entry, &plan, refusal, started).await),
        };
        let (status, bytes) = (reply.status(), reply.body().len());
        let (now, wall) = (Instant::now(), SystemTime::now());
        match renewal.admit(status, reply.body(), now, wall, |token| self.scrubber.add(token)) {
            Ok(permit) => {
                caller.crossed(plan.released(status, bytes, 0, started.elapsed()));
                let facts = Facts {
                    upstream_status: Some(status.as_u16()),
                    reply_bytes: Some(bytes as u64),
                    ..Facts::default()
                };
                Ok(entry.close(Ending::Release { facts }, permit).await?.into_inner())
            }
            Err(error) => Err(self.refuse(caller, entry, &plan, Refusal::Seal(error), started).await),
        }
    }

    async fn ask(&self, caller: &Caller, what: Crossing) -> Result<Entry, Refusal> {
        let asked = Asked {
            what,
            parent: caller.call,
            subject: caller.subject.clone(),
            args_summary: None,
            subjects: Vec::new(),
            request_bytes: None,
        };
        Ok(self.ledger.ask(asked).await?)
    }

    /// Puts a refusal on record and tells the operator the whole story. If it cannot be recorded that is the refusal.
    async fn refuse(&self, caller: &Caller, entry: Entry, plan: &Plan, refusal: Refusal, started: Instant) -> Refusal {
        let crossed = plan.not_released(refusal.code(), self.clean_suggestion(&refusal), started.elapsed());
        self.turn_away(caller, entry, crossed, refusal).await
    }

    /// The same of whatever crosses: a request, a search, a call of a peer, an artifact.
    async fn turn_away(&self, caller: &Caller, entry: Entry, crossed: Crossed, refusal: Refusal) -> Refusal {
        let suggestion = match &crossed.verdict {
            Verdict::Refused { suggestion, .. } => suggestion.clone(),
            Verdict::Released { .. } | Verdict::Found { .. } | Verdict::Answered { .. } | Verdict::Failed { .. } => {
                None
            }
        };
        caller.crossed(crossed);
        self.tell(caller, &refusal);
        match entry.close(record::ending(&refusal, suggestion.as_deref()), ()).await {
            Ok(_) => refusal,
            Err(error) => error.into(),
        }
    }
}

/// One for all grants of a shard that name the credential.
fn credential_lane(rights: &Rights, name: &CredentialName) -> (LaneOf, Pace) {
    (LaneOf::Credential(name.clone()), rights.paces.get(name).copied().unwrap_or_default())
}

/// From 0 up to 1. Spreads retries; nothing depends on its being hard to guess.
fn chance() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

fn budget(caller: &Caller) -> Budget {
    Budget { deadline: caller.deadline, reply_bytes: caller.rights.limits.reply_bytes }
}
