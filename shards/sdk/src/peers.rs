//! Other shards' tools, and reports that the host keeps.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Refusal, ToolError};

/// One call of another shard's tool.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerCall {
    /// The tool, as the manifest names it under `[peers]`.
    pub tool: String,
    /// An object that fits the tool's input schema.
    pub arguments: Value,
}

impl PeerCall {
    /// A call of `tool`.
    pub fn new(tool: impl Into<String>, arguments: Value) -> Self {
        Self { tool: tool.into(), arguments }
    }
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The real systems.
    Live,
    /// Mock upstreams.
    Mock,
}

impl Origin {
    /// As results spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Mock => "mock",
        }
    }
}

/// What a peer returned, and what is needed to weigh it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAnswer {
    /// The data as JSON text, if there is any.
    pub data: Option<String>,
    /// Whether everything asked for is there.
    pub complete: bool,
    /// What was said beside the data; says what is missing where it is not complete.
    pub notes: Vec<String>,
    /// The ledger's event id of the peer's call.
    pub call_id: String,
    /// Live or mock.
    pub origin: Origin,
    /// When it was read, RFC 3339 in UTC.
    pub as_of: String,
}

impl PeerAnswer {
    /// The data as a type. Fields that the type does not name are passed over.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        let text = self.data.as_deref().ok_or_else(|| ToolError::internal("a peer's result has no data"))?;
        serde_json::from_str(text).map_err(|_| ToolError::internal("a peer's result is not what was expected of it"))
    }
}

/// Why a peer has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerError {
    /// The host did not make the call, or could not finish it.
    Refused(Refusal),
    /// The peer's tool failed.
    Tool(ToolError),
}

impl PeerError {
    /// What went wrong, for a note.
    pub fn text(&self) -> String {
        match self {
            Self::Refused(refusal) => format!("the call was not made or not finished ({})", refusal.code()),
            Self::Tool(error) => error.text().to_owned(),
        }
    }
}

/// A report for the host to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// `[a-z0-9][a-z0-9._-]*`, at most 100 characters; a name already taken gets a new version.
    pub name: String,
    /// One that the manifest names under `[artifacts]`.
    pub media_type: String,
    /// The report.
    pub data: Vec<u8>,
}

/// A report that the host kept earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where clients read it.
    pub uri: String,
    /// Its name.
    pub name: String,
    /// The report.
    pub data: Vec<u8>,
}
