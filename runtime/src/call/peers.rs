//! The rest of the host, as a call of one shard may ask it: another call, for the same person, within what is left of the
//! caller's time.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Answer, Asked, ClientName, Fault, Good, Host, Principal};
use crate::audit::EventId;
use crate::egress::{AnswerMemory, Answering, Neighbours, PeerAnswer, PeerFault};
use crate::names::{ShardName, ToolName};
use crate::policy::PeerPermit;
use crate::refusal::Code;
use crate::tool::ToolError;

/// What a call of a peer inherits.
#[derive(Debug, Clone)]
pub struct Within {
    /// The crossing of the caller that this call is.
    pub(super) parent: EventId,
    pub(super) deadline: Instant,
    /// The shards that wait for it.
    pub(super) waiting: Vec<ShardName>,
}

pub(super) struct Neighbourhood {
    host: Arc<Host>,
    principal: Principal,
    client: Option<ClientName>,
    cancelled: CancellationToken,
    deadline: Instant,
    waiting: Vec<ShardName>,
}

impl Neighbourhood {
    /// Around a call that `asked` came to, of this shard.
    pub(super) fn of(host: &Arc<Host>, asked: &Asked, shard: &ShardName, deadline: Instant) -> Arc<Self> {
        let before = asked.within.iter().flat_map(|within| within.waiting.iter().cloned());
        Arc::new(Self {
            host: host.clone(),
            principal: asked.principal,
            client: asked.client.clone(),
            cancelled: asked.cancelled.clone(),
            deadline,
            waiting: before.chain([shard.clone()]).collect(),
        })
    }
}

impl Neighbours for Neighbourhood {
    fn waiting(&self) -> &[ShardName] {
        &self.waiting
    }

    fn owner(&self, tool: &ToolName) -> Option<ShardName> {
        self.host.router().route(tool.as_str()).map(|route| route.shard.manifest.name.clone())
    }

    fn call<'a>(&'a self, permit: &'a PeerPermit, arguments: Value, parent: EventId) -> Answering<'a> {
        let within = Within { parent, deadline: self.deadline, waiting: self.waiting.clone() };
        let memory = AnswerMemory::default();
        let asked = Asked {
            tool: permit.tool().to_string(),
            arguments,
            principal: self.principal,
            client: self.client.clone(),
            cancelled: self.cancelled.clone(),
            // Reports of one part say little of the whole: those are the caller's to make.
            progress: None,
            resumed: None,
            memory: memory.clone(),
            within: Some(within),
        };
        let under_way = self.host.peers.token();
        Box::pin(async move {
            let _under_way = under_way;
            answer(self.host.call_within(asked).await, memory)
        })
    }
}

fn answer(answer: Answer, held: AnswerMemory) -> Result<PeerAnswer, PeerFault> {
    let Answer { tool, result, position, source, as_of, dev: _, crossings: _, memory: _ } = answer;
    let call = position.map(|position| position.event_id);
    match (result, call) {
        (Ok(Good::Done(done)), Some(call)) => Ok(PeerAnswer {
            rows: done.rows(),
            data: done.text,
            content: done.content,
            complete: done.complete,
            notes: done.notes,
            call,
            source,
            as_of,
            memory: held,
        }),
        (Ok(Good::InputRequired(_)), Some(_)) => {
            let text = format!("{tool} asks a person something, which a call of another shard cannot");
            Err(PeerFault::Tool(ToolError::Refused(text)))
        }
        (Ok(_), None) => Err(PeerFault::Refused(Code::Unrecorded)),
        (Err(fault), _) => Err(peer_fault(&tool, fault)),
    }
}

/// What is the tool's own to say stays the tool's; what is the host's becomes a code.
fn peer_fault(tool: &str, fault: Fault) -> PeerFault {
    match fault {
        Fault::UnknownTool | Fault::NotFound => {
            PeerFault::Tool(ToolError::Refused(format!("{tool} is not served: no shard offers it now")))
        }
        Fault::InvalidArguments(text) => PeerFault::Tool(ToolError::InvalidArguments(text)),
        Fault::Tool { code, text } => PeerFault::Tool(match code {
            "invalid-arguments" => ToolError::InvalidArguments(text),
            "not-found" => ToolError::NotFound(text),
            "upstream" => ToolError::Upstream(text),
            "refused" => ToolError::Refused(text),
            _ => ToolError::Internal(text),
        }),
        Fault::Guest("deadline") => PeerFault::Refused(Code::Timeout),
        Fault::Guest("cancelled") => PeerFault::Refused(Code::Cancelled),
        Fault::Guest(code) => PeerFault::Tool(ToolError::Internal(format!("{tool} did not finish ({code})"))),
        Fault::Busy => PeerFault::Refused(Code::Busy),
        Fault::OutputTooLarge { .. } | Fault::OutputTooMuch(_) | Fault::OutputMisfit | Fault::Kept => {
            PeerFault::Refused(Code::BadReply)
        }
        Fault::Unrecorded => PeerFault::Refused(Code::Unrecorded),
    }
}
