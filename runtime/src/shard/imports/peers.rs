//! `nexus:shard/peers`: another shard's tool, through the door and the router.

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use super::contract::{self, peers, refusal, types};
use crate::egress::{Caller, Door, PeerAnswer, PeerFault};
use crate::refusal::Code;
use crate::shard::instance::State;
use crate::tool::ToolError;
use crate::wire::Source;

/// Calls handed over together that are begun; the others wait, so that a long list costs no more than a short one.
const BEGUN: usize = 16;

type Answered = Result<peers::Answer, peers::PeerError>;

impl peers::Host for State {
    async fn call(&mut self, call: peers::PeerCall) -> wasmtime::Result<Answered> {
        let (door, caller) = (self.door.clone(), self.caller.clone());
        Ok(ask(door, caller, call).await)
    }

    /// Each runs on its own, so that guests compute on all processors; how many at once is the manifest's to say. Whoever
    /// stops waiting stops them all.
    async fn call_all(&mut self, calls: Vec<peers::PeerCall>) -> wasmtime::Result<Vec<Answered>> {
        let lost = || Err(peers::PeerError::Refusal(refusal(Code::Internal)));
        let mut answers: Vec<Answered> = calls.iter().map(|_| lost()).collect();
        let mut under_way = JoinSet::new();
        for (place, call) in calls.into_iter().enumerate() {
            if under_way.len() >= BEGUN {
                note(&mut answers, under_way.join_next().await);
            }
            let (door, caller) = (self.door.clone(), self.caller.clone());
            let asked = async move { (place, ask(door, caller, call).await) };
            under_way.spawn(self.caller.track(asked));
        }
        while !under_way.is_empty() {
            note(&mut answers, under_way.join_next().await);
        }
        Ok(answers)
    }
}

fn note(answers: &mut [Answered], ended: Option<Result<(usize, Answered), JoinError>>) {
    if let Some(Ok((place, answer))) = ended
        && let Some(slot) = answers.get_mut(place)
    {
        *slot = answer;
    }
}

async fn ask(door: Arc<Door>, caller: Arc<Caller>, call: peers::PeerCall) -> Answered {
    match door.peer(&caller, &call.tool, &call.arguments).await {
        Ok(released) => Ok(answer(released.into_inner())),
        Err(PeerFault::Refused(code)) => Err(peers::PeerError::Refusal(refusal(code))),
        Err(PeerFault::Tool(error)) => Err(peers::PeerError::Tool(match error {
            ToolError::InvalidArguments(text) => types::ToolError::InvalidArguments(text),
            ToolError::NotFound(text) => types::ToolError::NotFound(text),
            ToolError::Upstream(text) => types::ToolError::Upstream(text),
            ToolError::Refused(text) => types::ToolError::Refused(text),
            ToolError::Internal(text) => types::ToolError::Internal(text),
        })),
    }
}

fn answer(answer: PeerAnswer) -> peers::Answer {
    let PeerAnswer { data, content, complete, notes, rows: _, call, source, as_of, memory: _memory } = answer;
    peers::Answer {
        output: types::Output {
            data,
            content: content.into_iter().map(contract::wit_content).collect(),
            complete,
            notes,
        },
        call_id: call.to_string(),
        source: match source {
            Source::Live => peers::Source::Live,
            Source::Mock => peers::Source::Mock,
        },
        as_of: as_of.to_string(),
    }
}
