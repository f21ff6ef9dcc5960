//! What a tool knows about the call it serves, and what it can do during it.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::directory::{RawPages, RawSearch};
use crate::host::Host;
use crate::{Artifact, Kept, PeerAnswer, PeerCall, PeerError, RawRequest, Refusal, Reply, ToolError};

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For an author.
    Debug,
    /// For an operator, on a good day.
    Info,
    /// Something an operator should know.
    Warn,
    /// Something an operator must look at.
    Error,
}

/// The person's answers, when a call goes on after [`crate::Outcome::Ask`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resumed {
    /// What the tool said then. It has been out of the host's hands: believe only what the host protects.
    pub state: String,
    /// Question and answer (JSON); a declined question is absent.
    pub answers: Vec<(String, String)>,
}

/// One call of a tool.
pub struct Call {
    pub(crate) host: Host,
    pub(crate) id: String,
    pub(crate) remaining: Duration,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) resumed: Option<Resumed>,
}

impl Call {
    /// The ledger's event id of this call.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How long the call had, when it began, until the host ends it.
    pub fn remaining(&self) -> Duration {
        self.remaining
    }

    /// A value of the operator's, by the name that the manifest declares in `[setting.NAME]`. One that is empty or not
    /// declared is an error that says what to set.
    pub fn setting(&self, name: &str) -> Result<&str, ToolError> {
        let value = self.settings.iter().find(|(set, value)| set == name && !value.is_empty());
        value.map(|(_, value)| value.as_str()).ok_or_else(|| {
            ToolError::refused(format!(
                "the setting {name} is needed for this and is not set: the operator must give it"
            ))
        })
    }

    /// Sends a raw request. Prefer [`crate::Request`], which escapes what it is given.
    pub fn exchange(&self, request: &RawRequest) -> Result<Reply, Refusal> {
        self.host.exchange(request)
    }

    /// Begins a raw search in a directory. Prefer [`crate::directory::Search`], which reads entries as types.
    pub fn search(&self, search: &RawSearch) -> Result<RawPages, Refusal> {
        self.host.open(search).map(RawPages)
    }

    /// Calls other shards' tools, all at once; the answers come in the order of the calls.
    pub fn peers(&self, calls: &[PeerCall]) -> Vec<Result<PeerAnswer, PeerError>> {
        self.host.peers(calls)
    }

    /// Has the host keep a report, whole or not at all. Returns its URI.
    pub fn put(&self, artifact: &Artifact) -> Result<String, Refusal> {
        self.host.put(artifact)
    }

    /// The newest report of this shard with this media type whose name begins so, made from the same source, live or mock.
    pub fn latest(&self, name_prefix: &str, media_type: &str) -> Result<Option<Kept>, Refusal> {
        self.host.latest(name_prefix, media_type)
    }

    /// Says how far the call is. Becomes an MCP progress notification where the client asked for them.
    pub fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        self.host.progress(done, total, message);
    }

    /// A line for the operator. The host scrubs it and bounds it.
    pub fn log(&self, level: Level, line: &str) {
        self.host.log(level, line);
    }

    /// The time since 1970-01-01T00:00:00Z. Imports `wasi:clocks/wall-clock`.
    pub fn now(&self) -> Duration {
        self.host.now()
    }

    /// The answers of the person, when the call goes on after a question.
    pub fn resumed(&self) -> Option<&Resumed> {
        self.resumed.as_ref()
    }

    /// The answer to one question as a type; `None` when nothing was asked yet or the person declined.
    pub fn answer<T: DeserializeOwned>(&self, question: &str) -> Result<Option<T>, ToolError> {
        let Some(resumed) = &self.resumed else { return Ok(None) };
        let Some((_, json)) = resumed.answers.iter().find(|(id, _)| id == question) else {
            return Ok(None);
        };
        match serde_json::from_str(json) {
            Ok(answer) => Ok(Some(answer)),
            Err(_) => Err(ToolError::invalid_arguments(format!("the answer to {question:?} does not fit its schema"))),
        }
    }
}
