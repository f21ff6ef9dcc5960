//! The world `shard-with-documents`: its bindings, and the translation between its types and ours. Only on `wasm32`.

use nexus_shard::Body;

use self::exports::nexus::shard::prompts as wit;
use self::exports::nexus::shard::resources;
use crate::{Documents, PromptArgument, PromptError};

wit_bindgen::generate!({
    path: "../../wit",
    world: "nexus:shard/shard-with-documents@0.1.0",
    pub_export_macro: true,
    export_macro_name: "export_documents",
    default_bindings_module: "nexus_shard_documents::wasm",
    with: {
        "nexus:shard/types@0.1.0": nexus_shard::wasm::nexus::shard::types,
        "nexus:shard/egress@0.1.0": nexus_shard::wasm::nexus::shard::egress,
        "nexus:shard/directory@0.1.0": nexus_shard::wasm::nexus::shard::directory,
        "nexus:shard/peers@0.1.0": nexus_shard::wasm::nexus::shard::peers,
        "nexus:shard/artifacts@0.1.0": nexus_shard::wasm::nexus::shard::artifacts,
        "nexus:shard/progress@0.1.0": nexus_shard::wasm::nexus::shard::progress,
        "nexus:shard/log@0.1.0": nexus_shard::wasm::nexus::shard::log,
        "nexus:shard/secrets@0.1.0": nexus_shard::wasm::nexus::shard::secrets,
    },
    generate_all,
});

nexus_shard::__bridge!(exports::nexus::shard::tools);

/// The prompts, as the contract lists them.
pub fn prompts<D: Documents>() -> Vec<wit::Prompt> {
    let argument = |argument: PromptArgument| wit::Argument {
        name: argument.name.to_owned(),
        description: Some(argument.description.to_owned()),
        required: argument.required,
    };
    let prompts = D::prompts().into_iter();
    prompts
        .map(|prompt| wit::Prompt {
            name: prompt.name.to_owned(),
            title: prompt.title.to_owned(),
            description: prompt.description.to_owned(),
            arguments: prompt.arguments.into_iter().map(argument).collect(),
        })
        .collect()
}

/// A prompt, filled in.
pub fn prompt<D: Documents>(
    name: &str,
    arguments: Vec<(String, String)>,
) -> Result<Vec<wit::Message>, wit::PromptError> {
    let message = |text| wit::Message { role: wit::Role::User, text };
    match D::prompt(name, &arguments.into_iter().collect()) {
        Ok(messages) => Ok(messages.into_iter().map(message).collect()),
        Err(PromptError::NotFound) => Err(wit::PromptError::NotFound),
        Err(PromptError::InvalidArguments(text)) => Err(wit::PromptError::InvalidArguments(text)),
    }
}

/// The documents, as the contract lists them.
pub fn documents<D: Documents>() -> Vec<resources::Document> {
    let documents = D::documents().into_iter();
    documents
        .map(|document| resources::Document {
            uri: document.uri.to_owned(),
            name: document.name.to_owned(),
            title: document.title.to_owned(),
            description: document.description.to_owned(),
            media_type: document.media_type.to_owned(),
        })
        .collect()
}

/// One document.
pub fn document<D: Documents>(uri: &str) -> Option<resources::Body> {
    match D::document(uri)? {
        Body::Text(text) => Some(resources::Body::Text(text)),
        Body::Blob(bytes) => Some(resources::Body::Blob(bytes)),
    }
}
