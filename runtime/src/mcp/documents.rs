//! Shards' prompts and documents as MCP prompts and resources.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{
    ErrorData, GetPromptResult, Prompt, PromptArgument, PromptMessage, ReadResourceResult, Resource, ResourceContents,
};

use crate::artifacts::Kept;
use crate::call::Fault;
use crate::tool::{self, Body, Document, Message, Role};

pub(super) fn prompt(from: &tool::Prompt) -> Prompt {
    let argument = |from: &tool::PromptArgument| {
        let mut argument = PromptArgument::new(from.name.clone()).with_required(from.required);
        argument.description.clone_from(&from.description);
        argument
    };
    let arguments = from.arguments.iter().map(argument).collect();
    Prompt::new(from.name.to_string(), Some(from.description.clone()), Some(arguments)).with_title(from.title.clone())
}

pub(super) fn messages(from: Vec<Message>) -> GetPromptResult {
    let message = |from: Message| {
        let role = match from.role {
            Role::User => rmcp::model::Role::User,
            Role::Assistant => rmcp::model::Role::Assistant,
        };
        PromptMessage::new_text(role, from.text)
    };
    GetPromptResult::new(from.into_iter().map(message).collect())
}

pub(super) fn resource(from: &Document) -> Resource {
    let mut resource = Resource::new(from.uri.clone(), from.name.clone());
    resource.title = Some(from.title.clone());
    resource.description = Some(from.description.clone());
    resource.mime_type = Some(from.media_type.clone());
    resource
}

/// A report that a shard had kept.
pub(super) fn artifact(from: &Kept) -> Resource {
    let Kept { shard, name, version, media_type, bytes, stored_at, source, .. } = from;
    let mut resource = Resource::new(from.uri(), from.file_name());
    resource.title = Some(format!("{name}, version {version}"));
    resource.description = Some(format!("Kept by shard {shard} at {stored_at:.0}, made from {source} data"));
    resource.mime_type = Some(media_type.clone());
    resource.size = u32::try_from(*bytes).ok().map(Into::into);
    resource
}

pub(super) fn contents(uri: String, media_type: String, body: Body) -> ReadResourceResult {
    let mime_type = Some(media_type);
    ReadResourceResult::new(vec![match body {
        Body::Text(text) => ResourceContents::TextResourceContents { uri, mime_type, text, meta: None },
        Body::Blob(blob) => {
            ResourceContents::BlobResourceContents { uri, mime_type, blob: STANDARD.encode(blob), meta: None }
        }
    }])
}

/// Unlike a tool's, these faults have no result to be told in.
pub(super) fn error(fault: &Fault) -> ErrorData {
    let text = format!("{}: {fault}", fault.code());
    match fault {
        Fault::NotFound => ErrorData::resource_not_found(text, None),
        Fault::InvalidArguments(_) | Fault::UnknownTool => ErrorData::invalid_params(text, None),
        Fault::Busy
        | Fault::Tool { .. }
        | Fault::Guest(_)
        | Fault::OutputTooLarge { .. }
        | Fault::OutputTooMuch(_)
        | Fault::OutputMisfit
        | Fault::Kept
        | Fault::Unrecorded => ErrorData::internal_error(text, None),
    }
}
