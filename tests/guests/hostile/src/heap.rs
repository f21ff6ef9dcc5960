//! Results and schemas that are small on the guest's side and large on the host's. The schemas of `hostile_judged` and
//! `hostile_json` are constants in the component, which a test writes over.

use std::borrow::Cow;
use std::hint::black_box;

use nexus_shard::schemars::{JsonSchema, Schema, SchemaGenerator};
use nexus_shard::serde::{Deserialize, Serialize};
use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::{Content, Data, Outcome, Output, Question, ToolError, arguments, tool};

const SIZE: usize = 4096;

static INPUT: [u8; SIZE] = padded(b"NEXUS-INPUT-SCHEMA:true");
static OUTPUT: [u8; SIZE] = padded(b"NEXUS-OUTPUT-SCHEMA:{\"type\":\"object\"}");

#[expect(clippy::indexing_slicing, reason = "at compile time, within both")]
const fn padded(text: &[u8]) -> [u8; SIZE] {
    let mut all = [b' '; SIZE];
    let mut at = 0;
    while at < text.len() {
        all[at] = text[at];
        at += 1;
    }
    all
}

/// What stands behind the mark, read as if the compiler did not know it.
fn patched(constant: &'static [u8; SIZE]) -> Value {
    let text = std::str::from_utf8(black_box(constant)).unwrap_or_default();
    let schema = text.split_once(':').map(|(_, schema)| schema.trim());
    schema.and_then(|schema| serde_json::from_str(schema).ok()).unwrap_or(Value::Null)
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(crate = "nexus_shard::serde", transparent)]
pub(crate) struct Judged(Value);

impl JsonSchema for Judged {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Judged".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(patched(&INPUT)).unwrap_or_default()
    }
}

#[arguments]
pub(crate) struct Anything {
    /// What its schema allows.
    value: Judged,
}

/// Takes a value that the host judges.
#[tool(name = "hostile_judged", title = "Be judged", category = read)]
pub(crate) fn judged(arguments: Anything) -> Result<Output, ToolError> {
    let Judged(value) = arguments.value;
    Ok(Output::text(format!("took {} bytes", value.to_string().len())))
}

#[arguments]
pub(crate) struct Pieces {
    /// How the text begins.
    #[field(default = String::new())]
    before: String,
    /// What follows, again and again.
    #[field(default = String::new())]
    piece: String,
    /// How often.
    #[field(range = 0..=10_000_000, default = 0)]
    times: u32,
    /// How it ends.
    #[field(default = String::new())]
    after: String,
}

impl Pieces {
    fn text(&self) -> String {
        format!("{}{}{}", self.before, self.piece.repeat(self.times as usize), self.after)
    }
}

pub(crate) struct Written(String);

impl Data for Written {
    fn schema() -> Option<Value> {
        Some(patched(&OUTPUT))
    }

    fn json(&self) -> Result<Option<String>, serde_json::Error> {
        Ok(Some(self.0.clone()))
    }
}

/// Returns data made of pieces of text.
#[tool(name = "hostile_json", title = "Return pieces", category = read)]
pub(crate) fn json_of_pieces(arguments: Pieces) -> Result<Output<Written>, ToolError> {
    Ok(Output::new(Written(arguments.text())))
}

pub(crate) struct Half;

impl Data for Half {
    fn schema() -> Option<Value> {
        Some(json!({ "type": "object" }))
    }

    fn json(&self) -> Result<Option<String>, serde_json::Error> {
        Ok(None)
    }
}

/// Returns a text and no data, although it has an output schema.
#[tool(name = "hostile_half", title = "Return half", category = read)]
pub(crate) fn half() -> Result<Output<Half>, ToolError> {
    Ok(Output::new(Half).content(Content::Text("the other half".to_owned())))
}

#[arguments]
pub(crate) struct Many {
    /// How many.
    #[field(range = 0..=10_000_000, default = 0)]
    notes: u32,
    /// How many.
    #[field(range = 0..=10_000_000, default = 0)]
    blocks: u32,
    /// Bytes of a media type.
    #[field(range = 0..=100_000_000, default = 0)]
    media_type: u32,
}

/// Returns what has no text.
#[tool(name = "hostile_empty", title = "Return nothing, often", category = read)]
pub(crate) fn empty(arguments: Many) -> Result<Output, ToolError> {
    let mut output = Output::text("");
    for _ in 0..arguments.notes {
        output = output.note("");
    }
    for _ in 0..arguments.blocks {
        output = output.content(Content::Text(String::new()));
    }
    Ok(match arguments.media_type {
        0 => output,
        bytes => output.content(Content::Image(Vec::new(), "x".repeat(bytes as usize))),
    })
}

/// Fails with a text made of pieces.
#[tool(name = "hostile_long_error", title = "Fail at length", category = read)]
pub(crate) fn long_error(arguments: Pieces) -> Result<Output, ToolError> {
    Err(ToolError::refused(arguments.text()))
}

#[arguments]
pub(crate) struct Asking {
    /// How many questions.
    #[field(range = 0..=1_000_000, default = 1)]
    questions: u32,
    /// Bytes of each message.
    #[field(range = 0..=100_000_000, default = 1)]
    message: u32,
    /// Bytes of the state.
    #[field(range = 0..=100_000_000, default = 1)]
    state: u32,
    /// Branches of each schema.
    #[field(range = 0..=1_000_000, default = 0)]
    branches: u32,
}

/// Asks the person.
#[tool(name = "hostile_ask", title = "Ask", category = read)]
pub(crate) fn ask(arguments: Asking) -> Result<Outcome, ToolError> {
    let schema = match arguments.branches {
        0 => json!({ "type": "object", "properties": { "ok": { "type": "boolean" } } }),
        branches => json!({ "anyOf": vec![json!({}); branches as usize] }),
    };
    let question =
        |n| Question { id: format!("q{n}"), message: "x".repeat(arguments.message as usize), schema: schema.clone() };
    let state = "x".repeat(arguments.state as usize);
    Ok(Outcome::Ask { questions: (0..arguments.questions).map(question).collect(), state })
}
