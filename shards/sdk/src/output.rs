//! What a tool returns.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::schema;

/// A result: data, perhaps content blocks, and the truth about what is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Output<T = NoData> {
    pub(crate) data: T,
    pub(crate) content: Vec<Content>,
    /// False only after `partial`, which wants a reason: nothing is left out silently.
    pub(crate) complete: bool,
    pub(crate) notes: Vec<String>,
}

impl<T> Output<T> {
    /// A complete result.
    pub fn new(data: T) -> Self {
        Self { data, content: Vec::new(), complete: true, notes: Vec::new() }
    }

    /// Adds something a reader should know. The result stays complete.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Says that something asked for is missing, what and why.
    pub fn partial(mut self, why: impl Into<String>) -> Self {
        self.complete = false;
        self.notes.push(why.into());
        self
    }

    /// Adds a block for a person or a model to read. Without any, the host shows the data.
    pub fn content(mut self, content: Content) -> Self {
        self.content.push(content);
        self
    }

    /// The data.
    pub fn data(&self) -> &T {
        &self.data
    }

    /// Whether everything asked for is there.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// What was said beside the data.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl Output<NoData> {
    /// A result of one text block and no data.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(NoData).content(Content::Text(text.into()))
    }
}

/// How a call ends well: with a result, or with questions to the person.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<T = NoData> {
    /// The result.
    Done(Output<T>),
    /// The call goes on when the person has answered.
    Ask {
        /// What to ask.
        questions: Vec<Question>,
        /// Given back in [`crate::Call::resumed`]. It travels through the client: no secret in it.
        state: String,
    },
}

/// One thing to ask the person.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Names the answer.
    pub id: String,
    /// What the person reads.
    pub message: String,
    /// JSON Schema of the answer: an object of plain values.
    pub schema: Value,
}

impl Question {
    /// A question whose answer is a `T`: a flat struct of plain values.
    pub fn new<T: JsonSchema>(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self { id: id.into(), message: message.into(), schema: schema::of_answer::<T>() }
    }
}

/// A block of content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text(String),
    /// A picture and its media type.
    Image(Vec<u8>, String),
    /// A sound and its media type.
    Audio(Vec<u8>, String),
    /// A pointer to a resource.
    Link {
        /// Where it is.
        uri: String,
        /// What it is called.
        name: String,
        /// What it is.
        description: Option<String>,
        /// Its media type.
        media_type: Option<String>,
    },
    /// A resource itself.
    Embedded {
        /// Where it is.
        uri: String,
        /// Its media type.
        media_type: Option<String>,
        /// What it says.
        body: Body,
    },
}

/// The body of an embedded resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Text.
    Text(String),
    /// Anything else.
    Blob(Vec<u8>),
}

/// What can be the data of a result: any `#[data]` type, or [`NoData`].
pub trait Data {
    /// The schema every result must fit, or none.
    fn schema() -> Option<Value>;

    /// The JSON text, or none. An error is a fault of the shard.
    fn json(&self) -> Result<Option<String>, serde_json::Error>;
}

impl<T: Serialize + JsonSchema> Data for T {
    fn schema() -> Option<Value> {
        Some(schema::of_data::<T>())
    }

    fn json(&self) -> Result<Option<String>, serde_json::Error> {
        serde_json::to_string(self).map(Some)
    }
}

/// For a tool whose result is content only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoData;

impl Data for NoData {
    fn schema() -> Option<Value> {
        None
    }

    fn json(&self) -> Result<Option<String>, serde_json::Error> {
        Ok(None)
    }
}
