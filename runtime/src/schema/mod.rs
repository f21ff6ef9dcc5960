//! JSON Schemas that somebody else wrote, and values judged by them, both with bounded work.
//!
//! A schema is a program for whoever follows it: references fan out, and what recurses without looking into the value
//! never ends. So each schema is taken in once, with everything counted, before anything else looks at it ([`Schema`]);
//! and each value is judged only after the steps that this may take were counted, too ([`Judge`]).
//!
//! # What is taken in
//!
//! | part | bound | why |
//! |---|---|---|
//! | text | [`MAX_BYTES`] | |
//! | values in it, lists and objects in each other | [`MAX_VALUES`], [`MAX_NESTING`] | each is walked |
//! | properties, references, patterns | [`MAX_PROPERTIES`], [`MAX_REFERENCES`], [`MAX_PATTERNS`] | each is compiled |
//! | what references lead to | [`MAX_LED_TO`] | it is compiled for each spelling of each |
//! | schemas that apply to one value in one place | [`MAX_HERE`], [`MAX_HERE_DEPTH`] | `allOf` of `allOf`, `$ref` to `$ref`: they multiply |
//! | `$ref` | `#` and `#/…` within the same schema | a schema is whole: nothing is fetched, nothing is looked up |
//! | `$dynamicRef`, `$recursiveRef`, `$dynamicAnchor`, `$id` below the top | refused | a place has one name, its pointer |
//! | `$anchor` | says nothing: no `$ref` may use it | schemas that others publish have some |
//! | `format: regex`, `dependencies`, `additionalItems` | refused | the first compiles values, the others are of older drafts |
//!
//! A schema that comes back to itself is allowed where each round consumes a step of the value (a tree whose children are
//! trees), and refused where it does not: that one has no end.
//!
//! This room does not know whose schema it is, or what a class means.

mod graph;
mod judge;
mod work;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

pub use graph::{Graph, Place};
pub use judge::{Judge, Verdict};
pub use work::TooMuch;

/// Text of one schema. The largest of this repository has some 20 KiB.
pub const MAX_BYTES: usize = 512 << 10;
/// Values in it.
pub const MAX_VALUES: usize = 20_000;
/// Lists and objects in each other.
pub const MAX_NESTING: usize = 64;
pub const MAX_PROPERTIES: usize = 5_000;
pub const MAX_REFERENCES: usize = 1_000;
/// Values that references lead to, counted for each spelling of each.
pub const MAX_LED_TO: usize = 100_000;
pub const MAX_PATTERNS: usize = 100;
/// Schemas that apply to one value at one place, references followed.
pub const MAX_HERE: usize = 500;
/// How long a chain of them may be.
pub const MAX_HERE_DEPTH: usize = 32;

/// A schema that was taken in: what it costs to follow is bounded.
#[derive(Debug, Clone)]
pub struct Schema {
    text: Value,
    graph: Arc<Graph>,
}

/// Why a schema stays out. The place is a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchema {
    #[error("is larger than {MAX_BYTES} bytes")]
    Bytes,
    #[error("has more than {MAX_VALUES} values")]
    Values,
    #[error("is nested deeper than {MAX_NESTING} at {place:?}")]
    Nesting { place: String },
    #[error("has more than {MAX_PROPERTIES} properties at {place:?}")]
    Properties { place: String },
    #[error("has more than {MAX_REFERENCES} references at {place:?}")]
    References { place: String },
    #[error("refers at {place:?} to more: its references lead to more than {MAX_LED_TO} values together")]
    LedTo { place: String },
    #[error("has more than {MAX_PATTERNS} patterns at {place:?}")]
    Patterns { place: String },
    #[error("comes back to itself at {place:?} without looking into the value, so following it has no end")]
    Endless { place: String },
    #[error("fans out at {place:?}: more than {MAX_HERE} schemas apply to one value there")]
    FansOut { place: String },
    #[error("goes at {place:?} through a chain of more than {MAX_HERE_DEPTH} schemas for one value")]
    Chain { place: String },
    #[error("refers at {place:?} to something else than a place in itself (\"#/…\")")]
    Reference { place: String },
    #[error("refers at {place:?} to a place that it does not have")]
    Nowhere { place: String },
    #[error("has {keyword} at {place:?}, which is not taken: {why}")]
    Keyword { place: String, keyword: String, why: &'static str },
    #[error("has at {place:?} something else than a schema: expected an object, true or false")]
    NoSchema { place: String },
    #[error("has a pattern at {place:?} that is not taken: {why}")]
    Pattern { place: String, why: &'static str },
    #[error("is not a JSON Schema at {place:?}: {why}")]
    Invalid { place: String, why: String },
}

impl Schema {
    pub fn read(text: Value) -> Result<Self, BadSchema> {
        let graph = Arc::new(Graph::read(&text)?);
        Ok(Self { text, graph })
    }

    pub fn as_value(&self) -> &Value {
        &self.text
    }

    pub fn into_value(self) -> Value {
        self.text
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }
}
