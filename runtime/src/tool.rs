//! Tools and their results in the host's own words, free of WIT and of JSON-RPC.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::BadJson;
use crate::names::ToolName;
use crate::schema::BadSchema;

/// What kind of act a call is. The ledger records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    Read,
    Audit,
    Report,
    Write,
}

/// Hints to the client, named as in MCP. They grant nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotations {
    pub read_only: bool,
    pub destructive: bool,
    pub idempotent: bool,
    pub open_world: bool,
}

/// One tool as its shard defines it, read once at load.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    pub name: ToolName,
    pub title: String,
    pub description: String,
    pub input_schema: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    pub category: Category,
    pub annotations: Annotations,
}

/// What a call gave, before anybody looked at it.
#[derive(Debug)]
pub enum Outcome {
    Done(Output),
    InputRequired(InputRequired),
    /// The guest handed over what the host does not take, and it was dropped at once.
    Unusable(Unusable),
}

/// Why the host does not take what a guest handed over.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("all that the shard handed over counts more than {most} bytes")]
    TooLarge { most: usize },
    #[error("the data is short enough as text, but in memory it would take more than {most} bytes")]
    Tree { most: usize },
    #[error("the shard handed over more than {most} {what}")]
    TooMany { what: &'static str, most: usize },
    #[error("the host has no room for what the data becomes")]
    Crowded,
    #[error("the shard returned data that {0}")]
    Data(#[source] BadJson),
    #[error("the shard asks a question whose schema {0}")]
    QuestionText(#[source] BadJson),
    #[error("the shard asks a question whose schema {0}")]
    QuestionSchema(#[source] BadSchema),
}

#[derive(Debug)]
pub struct Output {
    pub data: Option<Value>,
    /// `data` as the shard wrote it.
    pub written: Option<String>,
    pub content: Vec<Content>,
    /// False when anything that was asked for is missing; a note says what.
    pub complete: bool,
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub enum Content {
    Text(String),
    Image(Media),
    Audio(Media),
    Link { uri: String, name: String, description: Option<String>, media_type: Option<String> },
    Embedded { uri: String, media_type: Option<String>, body: Body },
}

impl Content {
    /// Of its text or its data.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Image(media) | Self::Audio(media) => media.data.len(),
            Self::Link { description, .. } => description.as_ref().map_or(0, String::len),
            Self::Embedded { body, .. } => body.bytes(),
        }
    }

    /// What it says in words, but for names and addresses of things.
    pub fn text_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Text(text) | Self::Embedded { body: Body::Text(text), .. } => Some(text),
            Self::Link { description, .. } => description.as_mut(),
            Self::Image(_) | Self::Audio(_) | Self::Embedded { body: Body::Blob(_), .. } => None,
        }
    }
}

#[derive(Debug)]
pub struct Media {
    pub data: Vec<u8>,
    pub media_type: String,
}

#[derive(Debug)]
pub enum Body {
    Text(String),
    Blob(Vec<u8>),
}

impl Body {
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Blob(blob) => blob.len(),
        }
    }
}

/// Questions to the person at the client, and what the shard wants back with the answers.
#[derive(Debug, Clone)]
pub struct InputRequired {
    pub questions: Vec<Question>,
    pub state: String,
}

#[derive(Debug, Clone)]
pub struct Question {
    pub id: String,
    pub message: String,
    pub schema: Value,
}

/// The second half of an `InputRequired`: its state, and the answers by question.
#[derive(Debug, Clone)]
pub struct Resumed {
    pub state: String,
    pub answers: Vec<(String, String)>,
}

/// How a tool says no. The text is the shard's and has not been scrubbed yet.
#[derive(Debug)]
pub enum ToolError {
    InvalidArguments(String),
    NotFound(String),
    Upstream(String),
    Refused(String),
    Internal(String),
}

impl ToolError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidArguments(_) => "invalid-arguments",
            Self::NotFound(_) => "not-found",
            Self::Upstream(_) => "upstream",
            Self::Refused(_) => "refused",
            Self::Internal(_) => "internal",
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Self::InvalidArguments(text)
            | Self::NotFound(text)
            | Self::Upstream(text)
            | Self::Refused(text)
            | Self::Internal(text) => text,
        }
    }
}

/// A prompt as its shard defines it, read once at load.
#[derive(Debug, Clone, Serialize)]
pub struct Prompt {
    pub name: ToolName,
    pub title: String,
    pub description: String,
    pub arguments: Vec<PromptArgument>,
}

#[derive(Debug, Clone, Serialize)]
pub struct PromptArgument {
    pub name: String,
    pub description: Option<String>,
    pub required: bool,
}

/// A document as its shard lists it, read once at load. Its content is read each time.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub uri: String,
    pub name: String,
    pub title: String,
    pub description: String,
    pub media_type: String,
}

#[derive(Debug, Clone, Copy)]
pub enum Role {
    User,
    Assistant,
}

#[derive(Debug)]
pub struct Message {
    pub role: Role,
    pub text: String,
}

/// How a prompt says no. The text has not been scrubbed yet.
#[derive(Debug)]
pub enum PromptError {
    NotFound,
    InvalidArguments(String),
    /// Its messages count more bytes than a result may have, or are too many.
    TooLarge,
}
