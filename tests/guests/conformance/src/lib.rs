//! The fixtures that the MCP conformance suite calls by name.

mod asking;
mod documents;
mod tools;

use asking::{elicitation, multi_round, request_state, streaming_elicitation, tampered_state};
use documents::Fixtures;
use tools::{
    audio_content, embedded_resource, error_handling, image_content, json_schema, logging_tool, multiple_content_types,
    simple_text, tool_with_logging, tool_with_progress,
};

nexus_shard_documents::shard! {
    tools: [
        simple_text,
        image_content,
        audio_content,
        embedded_resource,
        multiple_content_types,
        error_handling,
        tool_with_progress,
        tool_with_logging,
        logging_tool,
        json_schema,
        elicitation,
        request_state,
        multi_round,
        tampered_state,
        streaming_elicitation,
    ],
    documents: Fixtures,
}
