//! One tool call, from what a client asked to what it may have. Reads top to bottom.
//!
//! Nothing runs before the ledger has the intent, and nothing is answered before it has the ending. Arguments are
//! checked before the guest starts, results before they are released, and every text on the way out is scrubbed.

mod answer;
mod artifacts;
mod current;
mod documents;
mod health;
mod judged;
mod own;
mod peers;
mod summary;
mod who;

pub use answer::{Answer, Asked, Done, Fault, Good};
pub use current::Current;
pub use documents::Reader;
pub use peers::Within;
pub use who::{ClientName, Principal};

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{RwLock, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use peers::Neighbourhood;
use summary::Summary;

use crate::audit::{self, Crossing, Digest, Ending, Entry, Event, Facts, Note, Scrubbed, Subject};
use crate::egress::{Caller, Crossed, Door};
use crate::names::{ShardName, ToolName};
use crate::redact::{Pseudonyms, ResultPolicy};
use crate::refusal::story;
use crate::router::{Admitted, Route, Router};
use crate::shard::{CallContext, Failure, Shard};
use crate::tool::{Category, Content, Outcome, Output, Unusable};
use crate::wire::Source;

/// The host: its tools, and the door they reach the world through.
pub struct Host {
    router: Router,
    door: Arc<Door>,
    clock: Clock,
    /// Read by every call for as long as it lasts: who may write knows that none is left.
    under_way: RwLock<()>,
    /// Calls of peers. They hold no lock of their own: who waits to write would keep them from beginning.
    peers: TaskTracker,
    /// Who makes pseudonyms of persons in the record. Without it they are not named there at all.
    persons: Option<Pseudonyms>,
    results: ResultPolicy,
    standing: Standing,
    /// One for each shard: what stops its calls at once.
    stops: BTreeMap<ShardName, CancellationToken>,
}

/// Under what the shards serve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// SHA-256 of the lock file.
    pub lock: Option<Digest>,
    /// Without approval, for this run. Every result and every line says so.
    pub dev: bool,
}

/// Whatever may end a call early, for as long as the call lasts.
struct Cancelled {
    token: CancellationToken,
    watch: tokio::task::JoinHandle<()>,
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.watch.abort();
        // Whoever asked may have gone: what still runs of the call on a thread of its own begins nothing more.
        self.token.cancel();
    }
}

/// What a call took.
#[derive(Default)]
struct Used {
    crossings: Vec<Crossed>,
    memory: usize,
}

/// How long an orderly stop waits for calls that were told to end.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// What time results say they were read at: the real one, or the fixed one of the mock data.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    Real,
    Fixed(Timestamp),
}

impl Host {
    pub fn new(router: Router, door: Arc<Door>, clock: Clock) -> Self {
        let (under_way, peers) = (RwLock::default(), TaskTracker::new());
        let stops =
            router.shards().iter().map(|shard| (shard.manifest.name.clone(), CancellationToken::new())).collect();
        Self {
            router,
            door,
            clock,
            under_way,
            peers,
            persons: None,
            results: ResultPolicy::default(),
            standing: Standing::default(),
            stops,
        }
    }

    /// How persons are named in the record, and what results may say of them.
    #[must_use]
    pub fn of_persons(self, persons: Option<Pseudonyms>, results: ResultPolicy) -> Self {
        Self { persons, results, ..self }
    }

    #[must_use]
    pub fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// The same without these shards, each with the reason, and under another lock.
    #[must_use]
    pub fn without(&self, gone: &BTreeMap<ShardName, String>, lock: Option<Digest>) -> Self {
        Self::new(self.router.without(gone), self.door.clone(), self.clock)
            .of_persons(self.persons.clone(), self.results.clone())
            .standing(Standing { lock, ..self.standing })
    }

    /// Whether it offers what the other does, from the very same shards and under the same lock.
    pub fn is_as(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.router, &other.router);
        self.standing == other.standing
            && mine.shards().len() == theirs.shards().len()
            && mine.shards().iter().zip(theirs.shards()).all(|(one, other)| Arc::ptr_eq(one, other))
            && mine.left_out().len() == theirs.left_out().len()
            && mine.left_out().iter().zip(theirs.left_out()).all(|(one, other)| one.is_of(other))
    }

    /// Whether what serves was accepted without approval.
    pub fn is_dev(&self) -> bool {
        self.standing.dev
    }

    /// Ends the calls of a shard that are under way, and lets none begin.
    pub fn stop_shard(&self, shard: &ShardName) {
        if let Some(stop) = self.stops.get(shard) {
            stop.cancel();
        }
    }

    /// Ends every call that is under way, and lets none begin. Whether there was one.
    pub fn stop_all(&self) -> bool {
        let is_busy = self.under_way.try_write().is_err();
        self.stops.values().for_each(CancellationToken::cancel);
        is_busy
    }

    pub fn router(&self) -> &Router {
        &self.router
    }

    pub fn door(&self) -> &Door {
        &self.door
    }

    pub fn source(&self) -> Source {
        self.door.source()
    }

    /// Waits until every call has its ending on record. Those who asked have gone, so none takes long.
    pub async fn settle(&self) {
        let ended = async {
            drop(self.under_way.write().await);
            self.peers.close();
            self.peers.wait().await;
            self.door.settle().await;
        };
        if tokio::time::timeout(LAST_CALLS, ended).await.is_err() {
            tracing::warn!("stopping with calls under way: their entries stay open in the ledger");
        }
    }

    /// Calls a tool. Every end of it is an answer, and every answer is on record, or says that it is not.
    pub async fn call(self: &Arc<Self>, asked: Asked) -> Answer {
        let _under_way = self.under_way.read().await;
        self.call_within(asked).await
    }

    /// A call of a peer is under way as long as its caller is.
    async fn call_within(self: &Arc<Self>, asked: Asked) -> Answer {
        if let Some(own) = own::Own::named(&asked.tool) {
            return self.own(own, asked).await;
        }
        let Some(route) = self.router.route(&asked.tool) else { return self.unknown(asked).await };
        let subject = Arc::new(self.subject(route, &asked));
        let arguments = asked.arguments.to_string();
        let Summary { text, subjects } =
            Summary::of(&asked.arguments, &route.tool.input_schema, &route.asked, self.persons.as_ref());
        let what = audit::Asked {
            what: Crossing::Call,
            parent: asked.within.as_ref().map(|within| within.parent),
            subject: subject.clone(),
            args_summary: Some(text),
            subjects,
            request_bytes: Some(arguments.len() as u64),
        };
        let entry = match self.door.ledger().ask(what).await {
            Ok(entry) => entry,
            Err(error) => {
                tracing::error!(tool = asked.tool, %error, "call refused: it cannot be recorded");
                return self.answer(asked.tool, Err(Fault::Unrecorded), None, Used::default());
            }
        };
        let mut used = Used::default();
        let result = self.run(route, &asked, arguments, subject, &entry, &mut used).await;
        self.close(asked.tool, entry, result, used).await
    }

    /// From here on the intent is on record.
    async fn run(
        self: &Arc<Self>,
        route: &Route,
        asked: &Asked,
        arguments: String,
        subject: Arc<Subject>,
        entry: &Entry,
        used: &mut Used,
    ) -> Result<Good, Fault> {
        // Room first: what waits to be judged is under way, and counts.
        let room = self.router.admit(&route.shard).ok_or(Fault::Busy)?;
        let cancelled = self.cancelled(&route.shard, &asked.cancelled);
        let until = Instant::now() + route.shard.rights.limits.deadline;
        in_time(&cancelled.token, until, judged::arguments(route, &room, &asked.arguments)).await?;
        let limits = &route.shard.rights.limits;
        // Armed now, not when the client asked: waiting for the ledger is not the guest's doing.
        let (now, within) = (Instant::now(), asked.within.as_ref());
        let deadline = within.map_or(now + limits.deadline, |within| within.deadline.min(now + limits.deadline));
        let caller = Caller::new(
            route.shard.rights.clone(),
            route.tool.name.clone(),
            subject,
            entry.event_id(),
            deadline,
            cancelled.token.clone(),
            asked.progress.clone(),
        );
        let neighbourhood = Neighbourhood::of(self, asked, &route.shard.manifest.name, deadline);
        let caller =
            Arc::new(caller.among(neighbourhood).within(room.memory()).nth(room.nth()).answering(asked.memory.clone()));
        let context = CallContext {
            call_id: entry.event_id().to_string(),
            remaining_ms: u64::try_from((deadline - now).as_millis()).unwrap_or(u64::MAX),
            settings: route
                .shard
                .manifest
                .settings
                .iter()
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect(),
            resumed: asked.resumed.clone(),
        };
        let ended = route.shard.call(&self.door, &caller, &route.tool.name, arguments, context).await;
        caller.settle().await;
        caller.close();
        *used = Used { crossings: caller.crossings(), memory: caller.memory.peak() };
        match ended {
            Ok(Ok(Outcome::Done(output))) => {
                in_time(&cancelled.token, deadline, self.done(route, &room, &caller, output, within.is_some())).await
            }
            Ok(Ok(Outcome::InputRequired(asked))) => {
                let bytes = asked.state.len() + asked.questions.iter().map(|one| one.message.len()).sum::<usize>();
                keep(&caller, bytes)?;
                let cleaned = async { Ok(apart(bytes, || self.door.clean_questions(asked)).await) };
                in_time(&cancelled.token, deadline, cleaned).await.map(Good::InputRequired)
            }
            Ok(Ok(Outcome::Unusable(unusable))) => Err(unusable_fault(route, &unusable, limits.output_bytes)),
            Ok(Err(error)) => Err(Fault::Tool { code: error.code(), text: self.door.clean_text(error.text()) }),
            Err(failure) => Err(self.failed(&route.shard, &failure)),
        }
    }

    /// The client's word, or that the shard was stopped.
    fn cancelled(&self, shard: &Shard, by_client: &CancellationToken) -> Cancelled {
        let token = self.stops.get(&shard.manifest.name).map(CancellationToken::child_token).unwrap_or_default();
        let (gone, here) = (by_client.clone(), token.clone());
        let watch = tokio::spawn(async move {
            gone.cancelled().await;
            here.cancel();
        });
        if by_client.is_cancelled() {
            token.cancel();
        }
        Cancelled { token, watch }
    }

    /// The operator learns the whole of it, the client a code.
    fn failed(&self, shard: &Shard, failure: &Failure) -> Fault {
        let cause = self.door.clean_text(&story(failure));
        tracing::warn!(shard = %shard.manifest.name, cause, "guest did not finish");
        match failure {
            Failure::Crowded => Fault::Busy,
            Failure::Deadline
            | Failure::Cpu
            | Failure::Memory
            | Failure::Stack
            | Failure::Trap(_)
            | Failure::Cancelled => Fault::Guest(failure.code()),
        }
    }

    /// A result must fit what was promised of it before anybody gets it.
    async fn done(
        &self,
        route: &Route,
        room: &Admitted,
        caller: &Caller,
        mut output: Output,
        is_peer: bool,
    ) -> Result<Good, Fault> {
        let texts = output.content.iter().map(Content::bytes).sum::<usize>();
        let bytes = output.written.as_ref().map_or(0, String::len)
            + texts
            + output.notes.iter().map(String::len).sum::<usize>();
        keep(caller, bytes)?;
        output.data = judged::data(route, room, output.data).await?;
        if !output.complete && output.notes.is_empty() {
            return Err(Fault::OutputMisfit);
        }
        // A shard that asks another joins what clients need not see; what it makes of it is masked by its own tool's name.
        let policy = if is_peer { &ResultPolicy::default() } else { &self.results };
        let cleaned = apart(bytes, || {
            let (mut output, mut redactions) = self.door.clean_output(output);
            let Output { data, content, notes, .. } = &mut output;
            let mut texts: Vec<&mut String> = notes.iter_mut().collect();
            texts.extend(content.iter_mut().filter_map(Content::text_mut));
            let mut nothing = Value::Null;
            let data = data.as_mut().unwrap_or(&mut nothing);
            policy.mask(route.tool.name.as_str(), &route.told, data, texts, &mut redactions);
            Good::Done(Done::new(output, redactions))
        });
        Ok(cleaned.await)
    }

    async fn close(&self, tool: String, entry: Entry, result: Result<Good, Fault>, used: Used) -> Answer {
        let ending = ending(&result);
        match entry.close(ending, result).await {
            Ok(released) => {
                let position = released.position();
                self.answer(tool, released.into_inner(), Some(position), used)
            }
            Err(error) => {
                tracing::error!(tool, %error, "answer withheld: its ending cannot be recorded");
                self.answer(tool, Err(Fault::Unrecorded), None, used)
            }
        }
    }

    /// A tool that nobody has is on record too: somebody tried.
    async fn unknown(&self, asked: Asked) -> Answer {
        match self.refuse("unknown-tool", Some(&asked.tool), asked.principal, asked.client.as_ref()).await {
            Ok(position) => self.answer(asked.tool, Err(Fault::UnknownTool), Some(position), Used::default()),
            Err(fault) => self.answer(asked.tool, Err(fault), None, Used::default()),
        }
    }

    /// Puts on record that a call was refused before it became one.
    pub async fn refuse(
        &self,
        code: &'static str,
        tool: Option<&str>,
        principal: Principal,
        client: Option<&ClientName>,
    ) -> Result<audit::Position, Fault> {
        let subject = Subject {
            // The name is anybody's text: it is recorded only where it could be a tool's.
            tool: tool
                .and_then(|tool| ToolName::parse(tool).ok())
                .filter(|name| self.door.clean_text(name.as_str()) == name.as_str()),
            ..self.asker(principal, client)
        };
        let note = Note { subject: Arc::new(subject), ..Note::new(Event::Refused { code }) };
        self.door.ledger().note(note).await.map_err(|error| {
            tracing::error!(code, %error, "a call was refused, which cannot be recorded");
            Fault::Unrecorded
        })
    }

    fn subject(&self, route: &Route, asked: &Asked) -> Subject {
        let category = match route.tool.category {
            Category::Read => audit::Category::Read,
            Category::Audit => audit::Category::Audit,
            Category::Report => audit::Category::Report,
            Category::Write => audit::Category::Write,
        };
        let asker = self.asker(asked.principal, asked.client.as_ref());
        Subject { tool: Some(route.tool.name.clone()), ..asked_of(&route.shard, category, asker) }
    }

    /// What every line says: whether of the real systems, and under which lock.
    pub fn bare_subject(&self) -> Subject {
        Subject {
            mock_mode: Some(self.source() == Source::Mock),
            lock: self.standing.lock,
            dev: self.standing.dev,
            ..Subject::default()
        }
    }

    /// Who asks, too: what every line of a call says.
    fn asker(&self, principal: Principal, client: Option<&ClientName>) -> Subject {
        Subject {
            principal: Some(Scrubbed::already_scrubbed(principal.as_str().to_owned())),
            client: client.map(|client| client.scrubbed(self.door.scrubber())),
            ..self.bare_subject()
        }
    }

    fn answer(
        &self,
        tool: String,
        result: Result<Good, Fault>,
        position: Option<audit::Position>,
        used: Used,
    ) -> Answer {
        let as_of = match self.clock {
            Clock::Real => Timestamp::now(),
            Clock::Fixed(now) => now,
        };
        let Used { crossings, memory } = used;
        Answer { tool, result, position, source: self.source(), as_of, dev: self.standing.dev, crossings, memory }
    }
}

/// What an answer takes beside its tree, for each byte that the guest wrote: as it was handed over, scrubbed, and twice in the
/// message to the client, as structure and as text.
const COPIES: usize = 4;

/// Room for an answer of so many bytes, until whoever asked has done with it.
fn keep(caller: &Caller, bytes: usize) -> Result<(), Fault> {
    if caller.keep(COPIES.saturating_mul(bytes)) { Ok(()) } else { Err(Fault::Busy) }
}

/// No longer than the call may last, and not for a shard that was stopped meanwhile.
async fn in_time<T>(
    cancelled: &CancellationToken,
    deadline: Instant,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let done = tokio::select! {
        biased;
        () = cancelled.cancelled() => Err(Fault::Guest(Failure::Cancelled.code())),
        () = tokio::time::sleep_until(deadline) => Err(Fault::Guest(Failure::Deadline.code())),
        done = work => done,
    };
    if cancelled.is_cancelled() { Err(Fault::Guest(Failure::Cancelled.code())) } else { done }
}

/// Results that are worked on at once: half of the processors, so that the others serve.
static CLEANING: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2))));

/// Works on so many bytes of a result without keeping anybody else's task waiting behind it.
async fn apart<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    /// Some milliseconds' work.
    const LIGHT: usize = 64 << 10;
    if bytes <= LIGHT || Handle::current().runtime_flavor() != RuntimeFlavor::MultiThread {
        return work();
    }
    // It is never closed.
    let _turn = CLEANING.acquire().await;
    tokio::task::block_in_place(work)
}

/// The operator learns why, the client what to do.
fn unusable_fault(route: &Route, unusable: &Unusable, most: usize) -> Fault {
    let reason = story(unusable);
    tracing::warn!(tool = %route.tool.name, reason, "what the guest handed over is not taken");
    match unusable {
        Unusable::TooLarge { .. } => Fault::OutputTooLarge { most },
        Unusable::Tree { .. } | Unusable::TooMany { .. } => Fault::OutputTooMuch(unusable.to_string()),
        Unusable::Crowded => Fault::Busy,
        Unusable::Data(_) | Unusable::QuestionText(_) | Unusable::QuestionSchema(_) => {
            Fault::Tool { code: "internal", text: unusable.to_string() }
        }
    }
}

fn asked_of(shard: &Shard, category: audit::Category, asker: Subject) -> Subject {
    Subject {
        shard: Some(shard.manifest.name.clone()),
        category: Some(category),
        component: Some(Digest::from_bytes(shard.digest.to_bytes())),
        ..asker
    }
}

fn ending(result: &Result<Good, Fault>) -> Ending {
    match result {
        Ok(Good::Done(done)) => Ending::Release {
            facts: Facts {
                rows: done.rows(),
                complete: Some(done.complete),
                reply_bytes: Some(done.text.as_ref().map_or(0, |text| text.len() as u64)),
                result: done.text.as_ref().map(|text| Digest::of(text.as_bytes())),
                redactions: done.redactions.clone(),
                ..Facts::default()
            },
        },
        Ok(Good::InputRequired(_)) => Ending::Release { facts: Facts { complete: Some(false), ..Facts::default() } },
        Err(fault) => fault.ending(),
    }
}
