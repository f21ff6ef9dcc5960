//! A tool as the contract sees it: a name, a description, schemas, and a function from JSON to JSON.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Call, Content, Data, Outcome, Output, Question, ToolError, schema};

/// What kind of act a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Reads one system.
    Read,
    /// Compares systems.
    Audit,
    /// Puts together a document.
    Report,
    /// Changes something.
    Write,
}

/// Hints for the client, named as in MCP. They grant nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annotations {
    /// Changes nothing.
    pub read_only: bool,
    /// May destroy something.
    pub destructive: bool,
    /// A second call with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Deals with systems outside the host.
    pub open_world: bool,
}

/// A tool. Written by the [`macro@crate::tool`] attribute.
pub trait Tool {
    /// `[a-z][a-z0-9_]*`
    const NAME: &'static str;
    /// For a person.
    const TITLE: &'static str;
    /// For a model.
    const DESCRIPTION: &'static str;
    /// What kind of act.
    const CATEGORY: Category;
    /// Hints.
    const ANNOTATIONS: Annotations;
    /// What it takes.
    type Arguments: DeserializeOwned + JsonSchema;
    /// What it gives.
    type Answer: Answer;

    /// Does it.
    fn call(arguments: Self::Arguments, call: &Call) -> Result<Self::Answer, ToolError>;
}

/// What a tool may return in `Ok`: an [`Output`], or an [`Outcome`] if it may ask.
pub trait Answer {
    /// The type of the data.
    type Data: Data;

    /// The same, in the wider type.
    fn outcome(self) -> Outcome<Self::Data>;
}

impl<T: Data> Answer for Output<T> {
    type Data = T;

    fn outcome(self) -> Outcome<T> {
        Outcome::Done(self)
    }
}

impl<T: Data> Answer for Outcome<T> {
    type Data = T;

    fn outcome(self) -> Self {
        self
    }
}

/// Finds the answer type in a tool's return type, `Result<_, ToolError>`.
pub trait Returned {
    /// What is in `Ok`.
    type Answer: Answer;
}

impl<A: Answer> Returned for Result<A, ToolError> {
    type Answer = A;
}

/// For a tool that takes no arguments.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct NoArguments {}

/// A tool's definition, as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The name clients call.
    pub name: &'static str,
    /// The name people read.
    pub title: &'static str,
    /// What it does, needs and returns.
    pub description: &'static str,
    /// JSON Schema of the arguments.
    pub input_schema: Value,
    /// JSON Schema of the data.
    pub output_schema: Option<Value>,
    /// What kind of act.
    pub category: Category,
    /// Hints.
    pub annotations: Annotations,
}

/// A tool without its types: what [`crate::shard!`] lists.
pub struct Entry {
    name: &'static str,
    define: fn() -> Definition,
    call: fn(&str, &Call) -> Result<Answered, ToolError>,
}

impl Entry {
    /// The entry of a tool.
    pub const fn of<T: Tool>() -> Self {
        Self { name: T::NAME, define: define::<T>, call: call::<T> }
    }

    /// The tool's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The tool's definition.
    pub fn define(&self) -> Definition {
        (self.define)()
    }

    /// Calls the tool with arguments as JSON text.
    pub fn call(&self, arguments: &str, call: &Call) -> Result<Answered, ToolError> {
        (self.call)(arguments, call)
    }
}

/// An outcome with its data as JSON text.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    /// The result.
    Done {
        /// JSON text.
        data: Option<String>,
        /// Blocks.
        content: Vec<Content>,
        /// Whether everything asked for is there.
        complete: bool,
        /// What was said beside the data.
        notes: Vec<String>,
    },
    /// Questions.
    Ask {
        /// What to ask.
        questions: Vec<Question>,
        /// What is given back.
        state: String,
    },
}

fn define<T: Tool>() -> Definition {
    Definition {
        name: T::NAME,
        title: T::TITLE,
        description: T::DESCRIPTION,
        input_schema: schema::of_arguments::<T::Arguments>(),
        output_schema: <T::Answer as Answer>::Data::schema(),
        category: T::CATEGORY,
        annotations: T::ANNOTATIONS,
    }
}

fn call<T: Tool>(arguments: &str, call: &Call) -> Result<Answered, ToolError> {
    // The host has checked them against the schema; its author and ours may still disagree.
    let arguments = serde_json::from_str(arguments)
        .map_err(|_| ToolError::invalid_arguments("the arguments do not fit the tool's input schema"))?;
    match T::call(arguments, call)?.outcome() {
        Outcome::Done(output) => {
            let data = output.data.json().map_err(|_| ToolError::internal("the result cannot be written as JSON"))?;
            Ok(Answered::Done { data, content: output.content, complete: output.complete, notes: output.notes })
        }
        Outcome::Ask { questions, state } => Ok(Answered::Ask { questions, state }),
    }
}
