//! An answer as an MCP result.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, ErrorData, MetaObject, Resource, ResourceContents};
use serde_json::{Value, json};

use super::rounds::Rounds;
use crate::call::Principal;
use crate::call::{Answer, Fault, Good};
use crate::tool::{Body, Content};

pub(super) fn response(
    answer: Answer,
    rounds: &Rounds,
    principal: Principal,
    rounds_possible: bool,
) -> Result<CallToolResponse, ErrorData> {
    let mut meta = meta(&answer);
    match answer.result {
        Ok(Good::Done(output)) => {
            meta.0.insert("nexus/complete".into(), json!(output.complete));
            if !output.notes.is_empty() {
                meta.0.insert("nexus/notes".into(), json!(output.notes));
            }
            let mut content: Vec<_> = output.content.into_iter().map(block).collect();
            if content.is_empty()
                && let Some(text) = output.text
            {
                content.push(ContentBlock::text(text));
            }
            // A model reads content, not _meta: what is missing is said where it looks.
            content.extend(output.notes.into_iter().map(|note| ContentBlock::text(format!("Note: {note}"))));
            let mut result = CallToolResult::success(content);
            result.structured_content = output.data;
            result.meta = Some(meta);
            Ok(result.into())
        }
        Ok(Good::InputRequired(asked)) => {
            let result = if rounds_possible { rounds.ask(&answer.tool, &asked, principal) } else { None };
            match result {
                Some(mut result) => {
                    result.meta = Some(meta);
                    Ok(result.into())
                }
                None => {
                    Ok(error("refused", "the tool needs an answer from a person, which this client cannot give", meta))
                }
            }
        }
        Err(Fault::UnknownTool) => {
            Err(ErrorData::invalid_params("unknown tool: see tools/list", Some(Value::Object(meta.0))))
        }
        Err(fault) => Ok(error(fault.code(), &fault.to_string(), meta)),
    }
}

/// Faults are tool results, not protocol errors, so that a model can read what to do.
fn error(code: &str, text: &str, mut meta: MetaObject) -> CallToolResponse {
    meta.0.insert("nexus/error".into(), json!(code));
    let mut result = CallToolResult::error(vec![ContentBlock::text(format!("{code}: {text}"))]);
    result.meta = Some(meta);
    result.into()
}

fn meta(answer: &Answer) -> MetaObject {
    let mut meta = MetaObject::default();
    if let Some(position) = &answer.position {
        meta.0.insert("nexus/event-id".into(), json!(position.event_id.to_string()));
        meta.0.insert("nexus/ledger-position".into(), json!(position.seq));
    }
    meta.0.insert("nexus/source".into(), json!(answer.source.as_str()));
    meta.0.insert("nexus/as-of".into(), json!(answer.as_of));
    if answer.dev {
        meta.0.insert("nexus/dev".into(), json!(true));
    }
    meta
}

fn block(content: Content) -> ContentBlock {
    match content {
        Content::Text(text) => ContentBlock::text(text),
        Content::Image(image) => ContentBlock::image(STANDARD.encode(image.data), image.media_type),
        Content::Audio(audio) => ContentBlock::audio(STANDARD.encode(audio.data), audio.media_type),
        Content::Link { uri, name, description, media_type } => {
            let mut link = Resource::new(uri, name);
            link.description = description;
            link.mime_type = media_type;
            ContentBlock::resource_link(link)
        }
        Content::Embedded { uri, media_type, body } => ContentBlock::resource(match body {
            Body::Text(text) => ResourceContents::TextResourceContents { uri, mime_type: media_type, text, meta: None },
            Body::Blob(blob) => ResourceContents::BlobResourceContents {
                uri,
                mime_type: media_type,
                blob: STANDARD.encode(blob),
                meta: None,
            },
        }),
    }
}
