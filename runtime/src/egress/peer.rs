//! Calls of other shards' tools through the door: judged, scanned, on record before they are made and before their answer
//! is handed on.
//!
//! The door does not know who answers. It is handed the rest of the host as [`Neighbours`], for one call: for whom, within
//! what time, and which shards are waiting already.

use std::pin::Pin;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use super::caller::Way;
use super::{AnswerMemory, Caller, Crossed, Door, Held, Verdict};
use crate::audit::{Asked, Crossing, Digest, Ending, Entry, EventId, Facts, Released};
use crate::json;
use crate::names::{ShardName, ToolName};
use crate::policy::{NotAPeer, PeerPermit};
use crate::redact::Place;
use crate::refusal::{Code, Refusal};
use crate::tool::{Content, ToolError};
use crate::wire::Source;

/// Shards that may wait for one another. The longest honest chain that we know has two.
const MOST_DEEP: usize = 4;

/// The rest of the host, as one call may ask it.
pub trait Neighbours: Send + Sync {
    /// The shards that wait for this call's answer, the calling one last.
    fn waiting(&self) -> &[ShardName];

    /// Whose tool it is, if anybody serves it.
    fn owner(&self, tool: &ToolName) -> Option<ShardName>;

    /// Makes the call. `parent` is the crossing's entry in the ledger.
    fn call<'a>(&'a self, permit: &'a PeerPermit, arguments: Value, parent: EventId) -> Answering<'a>;
}

pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<PeerAnswer, PeerFault>> + Send + 'a>>;

/// A result that fits its schema and has been scrubbed, and what is needed to weigh it.
#[derive(Debug)]
pub struct PeerAnswer {
    /// JSON text.
    pub data: Option<String>,
    pub content: Vec<Content>,
    pub complete: bool,
    pub notes: Vec<String>,
    pub rows: Option<u64>,
    /// The peer's call in the ledger.
    pub call: EventId,
    pub source: Source,
    pub as_of: Timestamp,
    /// Held until the calling guest has it.
    pub memory: AnswerMemory,
}

/// Why there is none.
#[derive(Debug)]
pub enum PeerFault {
    Refused(Code),
    /// The tool's own error, scrubbed.
    Tool(ToolError),
}

impl Door {
    /// Calls one tool of another shard.
    pub async fn peer(&self, caller: &Caller, tool: &str, arguments: &str) -> Result<Released<PeerAnswer>, PeerFault> {
        let started = Instant::now();
        let refused = |refusal: Refusal| PeerFault::Refused(refusal.code());
        caller.still_reads(&self.ledger, Way::Peer).map_err(refused)?;
        let judged = self.judge_peer(caller, tool, arguments);
        if let Err(refusal) = &judged
            && !caller.describes(&self.ledger, Way::Peer, refusal)
        {
            return Err(PeerFault::Refused(refusal.code()));
        }
        let named = match &judged {
            Ok(Judged { permit, .. }) => Some(permit.tool().clone()),
            // The name is the shard's own text: it is recorded only where it could be a tool's.
            Err(_) => ToolName::parse(tool).ok().filter(|name| self.clean_text(name.as_str()) == name.as_str()),
        };
        let shown = format!("CALL {}", named.as_ref().map_or("(unreadable name)", |name| name.as_str()));
        let what = Asked {
            what: Crossing::Peer { tool: named },
            parent: caller.call,
            subject: caller.subject.clone(),
            args_summary: None,
            subjects: Vec::new(),
            request_bytes: Some(arguments.len() as u64),
        };
        let entry = self.ledger.ask(what).await.map_err(|error| PeerFault::Refused(Refusal::from(error).code()))?;
        let answered = match judged {
            Ok(judged) => self.ask_peer(caller, judged, entry.event_id()).await,
            Err(refusal) => Err(Asking::Refused(refusal)),
        };
        match answered {
            Ok(answer) => self.answered(caller, entry, answer, shown, started.elapsed()).await,
            Err(Asking::Tool(error)) => {
                let facts = Facts::default();
                let failed = Ending::Fail { code: error.code(), message: None, facts };
                caller.crossed(crossed(shown, Verdict::Failed { code: error.code() }, started.elapsed()));
                match entry.close(failed, ()).await {
                    Ok(_) => Err(PeerFault::Tool(error)),
                    Err(error) => Err(PeerFault::Refused(Refusal::from(error).code())),
                }
            }
            Err(Asking::Refused(refusal)) => {
                let verdict = Verdict::Refused { code: refusal.code(), suggestion: self.clean_suggestion(&refusal) };
                let crossed = crossed(shown, verdict, started.elapsed());
                Err(PeerFault::Refused(self.turn_away(caller, entry, crossed, refusal).await.code()))
            }
        }
    }

    /// Pure but for the count of calls.
    fn judge_peer<'a>(&self, caller: &'a Caller, tool: &str, arguments: &str) -> Result<Judged<'a>, Refusal> {
        let permit = caller.rights.peers.permit(tool)?;
        // While a shard is listed or read, there is no call that could be somebody's.
        let Some(neighbours) = caller.neighbours() else {
            return Err(NotAPeer { tool: Some(permit.tool().clone()), suggestion: None }.into());
        };
        let waiting = neighbours.waiting();
        if let Some(owner) = neighbours.owner(permit.tool()).filter(|owner| waiting.contains(owner)) {
            return Err(Refusal::Circle(owner));
        }
        if waiting.len() >= MOST_DEEP {
            return Err(Refusal::TooDeep(waiting.len()));
        }
        let weight = json::weigh(arguments, caller.rights.limits.memory).map_err(|_| Refusal::PeerArguments)?;
        let held = caller.memory.hold_above(weight.tree).ok_or(Refusal::Crowded)?;
        let read = json::build(arguments).ok().filter(Value::is_object).ok_or(Refusal::PeerArguments)?;
        self.scrubber.leak_of_text(arguments.as_bytes(), Place::Arguments)?;
        caller.spend(Way::Peer)?;
        Ok(Judged { permit, arguments: read, neighbours, _held: held })
    }

    async fn ask_peer(&self, caller: &Caller, judged: Judged<'_>, parent: EventId) -> Result<PeerAnswer, Asking> {
        let room = tokio::time::timeout_at(caller.deadline, caller.peer_room());
        let _room = room.await.map_err(|_| Asking::Refused(Refusal::Deadline))?;
        let Judged { permit, arguments, neighbours, _held } = judged;
        neighbours.call(&permit, arguments, parent).await.map_err(|fault| match fault {
            PeerFault::Refused(code) => Asking::Refused(Refusal::Peer(code)),
            PeerFault::Tool(error) => Asking::Tool(error),
        })
    }

    async fn answered(
        &self,
        caller: &Caller,
        entry: Entry,
        answer: PeerAnswer,
        shown: String,
        elapsed: Duration,
    ) -> Result<Released<PeerAnswer>, PeerFault> {
        let bytes = answer.data.as_ref().map_or(0, String::len);
        let facts = Facts {
            rows: answer.rows,
            complete: Some(answer.complete),
            reply_bytes: Some(bytes as u64),
            result: answer.data.as_ref().map(|data| Digest::of(data.as_bytes())),
            ..Facts::default()
        };
        let complete = answer.complete;
        caller.crossed(crossed(shown, Verdict::Answered { bytes, complete }, elapsed));
        let closed = entry.close(Ending::Release { facts }, answer).await;
        closed.map_err(|error| PeerFault::Refused(Refusal::from(error).code()))
    }
}

/// A call that may be made, and whom to ask for it.
struct Judged<'a> {
    permit: PeerPermit,
    arguments: Value,
    neighbours: &'a dyn Neighbours,
    /// What the arguments take.
    _held: Held,
}

enum Asking {
    Refused(Refusal),
    Tool(ToolError),
}

fn crossed(destination: String, verdict: Verdict, elapsed: Duration) -> Crossed {
    Crossed { destination: Some(destination), credential: None, verdict, elapsed }
}
