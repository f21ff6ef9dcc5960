//! The contract of `wit/`, and the way between its types and ours.
//!
//! Whatever a guest hands over is counted before it is looked at further, all of it against `output-bytes`: each text and
//! each body by its length, each block, note and question by [`ITEM`] besides, so that a list of empty ones is not free.

use serde_json::Value;
use wasmtime::Store;

use super::super::instance::State;
use super::super::tools::{INPUT_SCHEMA, OUTPUT_SCHEMA};
use super::super::{BadTool, CallContext, offer};
use crate::egress::{Caller, Limits};
use crate::json::{self, BadJson};
use crate::names::ToolName;
use crate::refusal::{Code, story};
use crate::schema::{self, Schema};
use crate::tool::{
    Annotations, Body, Category, Content, InputRequired, Media, Outcome, Output, Question, Tool, ToolError, Unusable,
};

wasmtime::component::bindgen!({
    path: "../wit",
    world: "nexus:shard/shard",
    imports: { default: async | trappable },
    exports: { default: async },
    additional_derives: [Clone],
    with: { "nexus:shard/directory.pages": super::directory::Pages },
});

pub(in crate::shard) use self::Shard as Guest;
pub(in crate::shard) use self::ShardPre as GuestPre;
use self::exports::nexus::shard::tools as wit;
pub(super) use self::nexus::shard::{artifacts, directory, egress, log, peers, progress, types};

/// What one block, note or question counts, besides its texts.
const ITEM: usize = 32;
const MAX_BLOCKS: usize = 1_000;
const MAX_NOTES: usize = 10_000;
const MAX_QUESTIONS: usize = 20;
/// An error text. A longer one is left out: to cut it could leave a part of a secret that nobody recognizes.
pub(super) const MAX_ERROR_TEXT: usize = 64 << 10;
const ERROR_TEXT_LEFT_OUT: &str = "the tool's own words are left out: they are longer than an error text may be";
/// Text of all schemas of a shard.
const MAX_SCHEMAS: usize = 2 << 20;
/// What the text of one schema may become. [`Schema`] itself counts values.
const MAX_SCHEMA_TREE: usize = 16 << 20;

/// A tool, and its schemas as they were taken in.
pub(in crate::shard) struct ListedTool {
    pub tool: Tool,
    pub input: Schema,
    pub output: Option<Schema>,
}

/// The tools of a fresh instance, checked. One that is not well made keeps the whole shard out: half a shard is a
/// surprise to whoever approved all of it.
pub(in crate::shard) async fn list_tools(
    store: &mut Store<State>,
    guest: &Guest,
) -> wasmtime::Result<Result<Vec<ListedTool>, BadTool>> {
    let listed = guest.nexus_shard_tools().call_list_tools(store).await?;
    if let Err(too_much) = offer::count("tools", offer::MAX_TOOLS, &listed, text) {
        return Ok(Err(too_much.into()));
    }
    let schemas = |tool: &wit::Tool| tool.input_schema.len() + tool.output_schema.as_ref().map_or(0, String::len);
    if listed.iter().map(schemas).fold(0, usize::saturating_add) > MAX_SCHEMAS {
        return Ok(Err(BadTool::Schemas { most: MAX_SCHEMAS }));
    }
    Ok(listed.into_iter().map(tool).collect())
}

pub(in crate::shard) async fn call_tool(
    store: &mut Store<State>,
    guest: &Guest,
    name: &ToolName,
    arguments: &String,
    context: CallContext,
) -> wasmtime::Result<Result<Outcome, ToolError>> {
    let caller = store.data().caller.clone();
    let limits = caller.rights.limits;
    let resumed = context.resumed.map(|resumed| wit::Resumed { state: resumed.state, answers: resumed.answers });
    let CallContext { call_id, remaining_ms, settings, .. } = context;
    let context = wit::CallContext { call_id, remaining_ms, settings, resumed };
    let answer = guest.nexus_shard_tools().call_call_tool(store, name.as_str(), arguments, &context).await?;
    Ok(match answer {
        Ok(wit::Outcome::Done(done)) => Ok(output(done, &caller).map_or_else(Outcome::Unusable, Outcome::Done)),
        Ok(wit::Outcome::InputRequired(asked)) => {
            Ok(input_required(asked, &limits).map_or_else(Outcome::Unusable, Outcome::InputRequired))
        }
        Err(error) => Err(tool_error(error, &limits)),
    })
}

/// Bytes of what a tool says of itself.
fn text(tool: &wit::Tool) -> usize {
    let output = tool.output_schema.as_ref().map_or(0, String::len);
    tool.name.len() + tool.title.len() + tool.description.len() + tool.input_schema.len() + output
}

fn tool(from: wit::Tool) -> Result<ListedTool, BadTool> {
    let name = ToolName::parse(&from.name).map_err(|error| BadTool::Name(error.to_string()))?;
    let input = schema(&name, INPUT_SCHEMA, &from.input_schema)?;
    let output = match &from.output_schema {
        Some(text) => Some(schema(&name, OUTPUT_SCHEMA, text)?),
        None => None,
    };
    let tool = Tool {
        title: from.title,
        description: from.description,
        input_schema: input.as_value().clone(),
        output_schema: output.as_ref().map(|schema| schema.as_value().clone()),
        category: match from.category {
            wit::Category::Read => Category::Read,
            wit::Category::Audit => Category::Audit,
            wit::Category::Report => Category::Report,
            wit::Category::Write => Category::Write,
        },
        annotations: Annotations {
            read_only: from.annotations.read_only,
            destructive: from.annotations.destructive,
            idempotent: from.annotations.idempotent,
            open_world: from.annotations.open_world,
        },
        name,
    };
    Ok(ListedTool { tool, input, output })
}

fn schema(tool: &ToolName, which: &'static str, text: &str) -> Result<Schema, BadTool> {
    let bad = |why: String| BadTool::Schema { tool: tool.clone(), which, why };
    if text.len() > schema::MAX_BYTES {
        return Err(bad(schema::BadSchema::Bytes.to_string()));
    }
    let value = json::parse(text, MAX_SCHEMA_TREE).map_err(|error| bad(story(&error)))?;
    if !value.is_object() {
        return Err(bad("is not a JSON object".into()));
    }
    Schema::read(value).map_err(|error| bad(error.to_string()))
}

/// What data may become in memory: as much as the guest itself may have, or 24 times `output-bytes`. Rows of short fields
/// take some 16 times their text.
fn tree_bytes(limits: &Limits) -> usize {
    limits.memory.max(limits.output_bytes.saturating_mul(24))
}

/// Adds up what was handed over, and ends at the limit.
struct Counted {
    bytes: usize,
    most: usize,
}

impl Counted {
    fn against(limits: &Limits) -> Self {
        Self { bytes: 0, most: limits.output_bytes }
    }

    fn items(&mut self, what: &'static str, n: usize, most: usize) -> Result<(), Unusable> {
        if n > most {
            return Err(Unusable::TooMany { what, most });
        }
        self.add(n.saturating_mul(ITEM))
    }

    fn add(&mut self, bytes: usize) -> Result<(), Unusable> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.most { Err(Unusable::TooLarge { most: self.most }) } else { Ok(()) }
    }
}

fn output(from: wit::Output, caller: &Caller) -> Result<Output, Unusable> {
    let limits = &caller.rights.limits;
    let mut counted = Counted::against(limits);
    counted.items("blocks of content", from.content.len(), MAX_BLOCKS)?;
    counted.items("notes", from.notes.len(), MAX_NOTES)?;
    counted.add(from.data.as_ref().map_or(0, String::len))?;
    from.content.iter().try_for_each(|content| counted.add(bytes(content)))?;
    from.notes.iter().try_for_each(|note| counted.add(note.len()))?;
    let data = from.data.as_deref().map(|text| data(text, caller)).transpose()?;
    let content = from.content.into_iter().map(content).collect();
    Ok(Output { data, written: from.data, content, complete: from.complete, notes: from.notes })
}

/// The tree of a result counts against the process's memory before it is made.
fn data(text: &str, caller: &Caller) -> Result<Value, Unusable> {
    let limits = &caller.rights.limits;
    let weight = json::weigh(text, tree_bytes(limits)).map_err(|error| match error {
        BadJson::TooLarge { most } => Unusable::Tree { most },
        error @ (BadJson::TooDeep(_) | BadJson::Number(_) | BadJson::Syntax(_)) => Unusable::Data(error),
    })?;
    if !caller.keep(weight.tree) {
        return Err(Unusable::Crowded);
    }
    json::build(text).map_err(Unusable::Data)
}

fn bytes(content: &wit::Content) -> usize {
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    match content {
        wit::Content::Text(text) => text.len(),
        wit::Content::Image(media) | wit::Content::Audio(media) => media.data.len() + media.media_type.len(),
        wit::Content::Link(link) => {
            link.uri.len() + link.name.len() + optional(&link.description) + optional(&link.media_type)
        }
        wit::Content::Embedded(embedded) => {
            embedded.uri.len()
                + optional(&embedded.media_type)
                + match &embedded.body {
                    wit::Body::Text(text) => text.len(),
                    wit::Body::Blob(blob) => blob.len(),
                }
        }
    }
}

fn content(from: wit::Content) -> Content {
    let media = |media: wit::Media| Media { data: media.data, media_type: media.media_type };
    match from {
        wit::Content::Text(text) => Content::Text(text),
        wit::Content::Image(image) => Content::Image(media(image)),
        wit::Content::Audio(audio) => Content::Audio(media(audio)),
        wit::Content::Link(link) => {
            Content::Link { uri: link.uri, name: link.name, description: link.description, media_type: link.media_type }
        }
        wit::Content::Embedded(embedded) => Content::Embedded {
            uri: embedded.uri,
            media_type: embedded.media_type,
            body: match embedded.body {
                wit::Body::Text(text) => Body::Text(text),
                wit::Body::Blob(blob) => Body::Blob(blob),
            },
        },
    }
}

/// The other way, for what a peer returned.
pub(super) fn wit_content(from: Content) -> wit::Content {
    let media = |media: Media| wit::Media { data: media.data, media_type: media.media_type };
    match from {
        Content::Text(text) => wit::Content::Text(text),
        Content::Image(image) => wit::Content::Image(media(image)),
        Content::Audio(audio) => wit::Content::Audio(media(audio)),
        Content::Link { uri, name, description, media_type } => {
            wit::Content::Link(wit::Link { uri, name, description, media_type })
        }
        Content::Embedded { uri, media_type, body } => wit::Content::Embedded(wit::Embedded {
            uri,
            media_type,
            body: match body {
                Body::Text(text) => wit::Body::Text(text),
                Body::Blob(blob) => wit::Body::Blob(blob),
            },
        }),
    }
}

fn input_required(from: wit::InputRequired, limits: &Limits) -> Result<InputRequired, Unusable> {
    let mut counted = Counted::against(limits);
    counted.items("questions", from.questions.len(), MAX_QUESTIONS)?;
    counted.add(from.state.len())?;
    for question in &from.questions {
        counted.add(question.id.len() + question.message.len() + question.schema.len())?;
    }
    let question = |question: wit::Question| {
        let schema = json::parse(&question.schema, MAX_SCHEMA_TREE).map_err(Unusable::QuestionText)?;
        let schema = Schema::read(schema).map_err(Unusable::QuestionSchema)?.into_value();
        Ok(Question { schema, id: question.id, message: question.message })
    };
    let questions = from.questions.into_iter().map(question).collect::<Result<_, _>>()?;
    Ok(InputRequired { questions, state: from.state })
}

fn tool_error(from: wit::ToolError, limits: &Limits) -> ToolError {
    let text = |text| error_text(text, limits);
    match from {
        wit::ToolError::InvalidArguments(own) => ToolError::InvalidArguments(text(own)),
        wit::ToolError::NotFound(own) => ToolError::NotFound(text(own)),
        wit::ToolError::Upstream(own) => ToolError::Upstream(text(own)),
        wit::ToolError::Refused(own) => ToolError::Refused(text(own)),
        wit::ToolError::Internal(own) => ToolError::Internal(text(own)),
    }
}

/// A guest's error text, or in place of a longer one that there was one.
pub(super) fn error_text(text: String, limits: &Limits) -> String {
    if text.len() > MAX_ERROR_TEXT.min(limits.output_bytes) { ERROR_TEXT_LEFT_OUT.to_owned() } else { text }
}

/// The messages of a prompt, counted likewise: a text for each.
pub(super) fn fits<'a>(texts: impl ExactSizeIterator<Item = &'a str>, limits: &Limits) -> bool {
    let mut counted = Counted::against(limits);
    let items = counted.items("messages", texts.len(), MAX_BLOCKS);
    items.is_ok() && texts.into_iter().all(|text| counted.add(text.len()).is_ok())
}

/// What a shard learns of a refusal.
pub(super) fn refusal(code: Code) -> types::Refusal {
    match code {
        Code::Malformed => types::Refusal::Malformed,
        Code::NotGranted => types::Refusal::NotGranted,
        Code::Leak => types::Refusal::Leak,
        Code::Credential => types::Refusal::Credential,
        Code::OverBudget => types::Refusal::OverBudget,
        Code::Busy => types::Refusal::Busy,
        Code::Timeout => types::Refusal::Timeout,
        Code::Unreachable => types::Refusal::Unreachable,
        Code::Untrusted => types::Refusal::Untrusted,
        Code::BadReply => types::Refusal::BadReply,
        Code::Unrecorded => types::Refusal::Unrecorded,
        Code::Cancelled => types::Refusal::Cancelled,
        Code::Internal => types::Refusal::Internal,
    }
}

impl types::Host for State {}
