//! The contract of `wit/`, and the way between its types and ours.

use serde_json::Value;
use wasmtime::Store;

use super::super::instance::State;
use super::super::{BadTool, CallContext, offer};
use crate::names::ToolName;
use crate::refusal::Code;
use crate::tool::{
    Annotations, Body, Category, Content, InputRequired, Media, Outcome, Output, Question, Tool, ToolError,
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

/// The tools of a fresh instance, checked. One that is not well made keeps the whole shard out: half a shard is a
/// surprise to whoever approved all of it.
pub(in crate::shard) async fn list_tools(
    store: &mut Store<State>,
    guest: &Guest,
) -> wasmtime::Result<Result<Vec<Tool>, BadTool>> {
    let listed = guest.nexus_shard_tools().call_list_tools(store).await?;
    if let Err(too_much) = offer::count("tools", offer::MAX_TOOLS, &listed, text) {
        return Ok(Err(too_much.into()));
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
    let resumed = context.resumed.map(|resumed| wit::Resumed { state: resumed.state, answers: resumed.answers });
    let CallContext { call_id, remaining_ms, settings, .. } = context;
    let context = wit::CallContext { call_id, remaining_ms, settings, resumed };
    let answer = guest.nexus_shard_tools().call_call_tool(store, name.as_str(), arguments, &context).await?;
    Ok(match answer {
        Ok(wit::Outcome::Done(done)) => output(done).map(Outcome::Done),
        Ok(wit::Outcome::InputRequired(asked)) => input_required(asked).map(Outcome::InputRequired),
        Err(error) => Err(tool_error(error)),
    })
}

/// Bytes of what a tool says of itself.
fn text(tool: &wit::Tool) -> usize {
    let output = tool.output_schema.as_ref().map_or(0, String::len);
    tool.name.len() + tool.title.len() + tool.description.len() + tool.input_schema.len() + output
}

fn tool(from: wit::Tool) -> Result<Tool, BadTool> {
    let name = ToolName::parse(&from.name).map_err(|error| BadTool::Name(error.to_string()))?;
    let input_schema = schema(&name, "input-schema", &from.input_schema)?;
    let output_schema = match &from.output_schema {
        Some(text) => Some(schema(&name, "output-schema", text)?),
        None => None,
    };
    Ok(Tool {
        title: from.title,
        description: from.description,
        input_schema,
        output_schema,
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
    })
}

fn schema(tool: &ToolName, which: &'static str, text: &str) -> Result<Value, BadTool> {
    match serde_json::from_str(text) {
        Ok(Value::Object(schema)) => Ok(Value::Object(schema)),
        Ok(_) => Err(BadTool::Schema { tool: tool.clone(), which, why: "is not a JSON object".into() }),
        Err(error) => Err(BadTool::Schema { tool: tool.clone(), which, why: error.to_string() }),
    }
}

fn output(from: wit::Output) -> Result<Output, ToolError> {
    let data = from.data.as_deref().map(json).transpose()?;
    let bytes = from.data.as_ref().map_or(0, String::len)
        + from.content.iter().map(bytes).sum::<usize>()
        + from.notes.iter().map(String::len).sum::<usize>();
    let content = from.content.into_iter().map(content).collect();
    Ok(Output { data, written: from.data, content, complete: from.complete, notes: from.notes, bytes })
}

fn json(text: &str) -> Result<Value, ToolError> {
    serde_json::from_str(text).map_err(|_| ToolError::Internal("the shard returned data that is not JSON".into()))
}

fn bytes(content: &wit::Content) -> usize {
    match content {
        wit::Content::Text(text) => text.len(),
        wit::Content::Image(media) | wit::Content::Audio(media) => media.data.len(),
        wit::Content::Link(link) => link.uri.len() + link.name.len() + link.description.as_ref().map_or(0, String::len),
        wit::Content::Embedded(embedded) => {
            embedded.uri.len()
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

fn input_required(from: wit::InputRequired) -> Result<InputRequired, ToolError> {
    let question = |question: wit::Question| {
        Ok(Question { schema: json(&question.schema)?, id: question.id, message: question.message })
    };
    let questions = from.questions.into_iter().map(question).collect::<Result<_, _>>()?;
    Ok(InputRequired { questions, state: from.state })
}

fn tool_error(from: wit::ToolError) -> ToolError {
    match from {
        wit::ToolError::InvalidArguments(text) => ToolError::InvalidArguments(text),
        wit::ToolError::NotFound(text) => ToolError::NotFound(text),
        wit::ToolError::Upstream(text) => ToolError::Upstream(text),
        wit::ToolError::Refused(text) => ToolError::Refused(text),
        wit::ToolError::Internal(text) => ToolError::Internal(text),
    }
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
