//! The optional exports: a shard's own prompts and documents. Each is looked for only if the manifest says so.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::super::instance::State;
use super::super::{BadDocument, offer};
use super::contract::{error_text, fits};
use crate::names::ToolName;
use crate::tool::{Body, Document, Message, Prompt, PromptArgument, PromptError, Role};

wasmtime::component::bindgen!({
    path: "../wit",
    inline: "
        package nexus:host;
        world documents {
            export nexus:shard/prompts@0.1.0;
            export nexus:shard/resources@0.1.0;
        }
    ",
    world: "nexus:host/documents",
    imports: { default: async | trappable },
    exports: { default: async },
    with: { "nexus:shard/types": super::contract::nexus::shard::types },
});

use exports::nexus::shard::{prompts, resources};

/// Where a component's optional exports are, read once at load.
#[derive(Clone, Default)]
pub(in crate::shard) struct Exports {
    prompts: Option<prompts::GuestIndices>,
    resources: Option<resources::GuestIndices>,
}

impl Exports {
    pub(in crate::shard) fn find(pre: &InstancePre<State>, prompts: bool, resources: bool) -> wasmtime::Result<Self> {
        Ok(Self {
            prompts: prompts.then(|| prompts::GuestIndices::new(pre)).transpose()?,
            resources: resources.then(|| resources::GuestIndices::new(pre)).transpose()?,
        })
    }

    fn prompts(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<prompts::Guest> {
        self.prompts.as_ref().ok_or_else(absent)?.load(store, instance)
    }

    fn resources(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<resources::Guest> {
        self.resources.as_ref().ok_or_else(absent)?.load(store, instance)
    }

    /// The prompts and documents of a fresh instance, checked.
    pub(in crate::shard) async fn list(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<Result<(Vec<Prompt>, Vec<Document>), BadDocument>> {
        let mut prompts = Vec::new();
        if self.prompts.is_some() {
            prompts = self.prompts(store, instance)?.call_list_prompts(&mut *store).await?;
        }
        let mut documents = Vec::new();
        if self.resources.is_some() {
            documents = self.resources(store, instance)?.call_list_resources(&mut *store).await?;
        }
        if let Err(too_much) = offer::count("prompts", offer::MAX_PROMPTS, &prompts, prompt_text)
            .and_then(|()| offer::count("documents", offer::MAX_DOCUMENTS, &documents, document_text))
        {
            return Ok(Err(too_much.into()));
        }
        let prompts = prompts.into_iter().map(prompt).collect::<Result<Vec<_>, _>>();
        Ok(prompts.map(|prompts| (prompts, documents.into_iter().map(document).collect())))
    }

    pub(in crate::shard) async fn get_prompt(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
        name: &str,
        arguments: &[(String, String)],
    ) -> wasmtime::Result<Result<Vec<Message>, PromptError>> {
        let limits = store.data().caller.rights.limits;
        let guest = self.prompts(store, instance)?;
        Ok(match guest.call_get_prompt(store, name, arguments).await? {
            Ok(messages) if !fits(messages.iter().map(|message| message.text.as_str()), &limits) => {
                Err(PromptError::TooLarge)
            }
            Ok(messages) => Ok(messages.into_iter().map(message).collect()),
            Err(prompts::PromptError::NotFound) => Err(PromptError::NotFound),
            Err(prompts::PromptError::InvalidArguments(text)) => {
                Err(PromptError::InvalidArguments(error_text(text, &limits)))
            }
        })
    }

    pub(in crate::shard) async fn read_resource(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
        uri: &str,
    ) -> wasmtime::Result<Option<Body>> {
        let guest = self.resources(store, instance)?;
        Ok(guest.call_read_resource(store, uri).await?.map(|body| match body {
            resources::Body::Text(text) => Body::Text(text),
            resources::Body::Blob(blob) => Body::Blob(blob),
        }))
    }
}

fn absent() -> wasmtime::Error {
    wasmtime::Error::msg("the manifest does not offer it")
}

/// Bytes that an argument counts beside its text: one without any is not free.
const ARGUMENT: usize = 32;

/// Bytes of what a prompt says of itself.
fn prompt_text(prompt: &prompts::Prompt) -> usize {
    let argument = |argument: &prompts::Argument| {
        ARGUMENT + argument.name.len() + argument.description.as_ref().map_or(0, String::len)
    };
    let arguments: usize = prompt.arguments.iter().map(argument).sum();
    prompt.name.len() + prompt.title.len() + prompt.description.len() + arguments
}

/// Bytes of what a document says of itself.
fn document_text(document: &resources::Document) -> usize {
    let resources::Document { uri, name, title, description, media_type } = document;
    uri.len() + name.len() + title.len() + description.len() + media_type.len()
}

fn prompt(from: prompts::Prompt) -> Result<Prompt, BadDocument> {
    let argument = |from: prompts::Argument| PromptArgument {
        name: from.name,
        description: from.description,
        required: from.required,
    };
    Ok(Prompt {
        name: ToolName::parse(&from.name).map_err(|error| BadDocument::Name(error.to_string()))?,
        title: from.title,
        description: from.description,
        arguments: from.arguments.into_iter().map(argument).collect(),
    })
}

fn document(from: resources::Document) -> Document {
    let resources::Document { uri, name, title, description, media_type } = from;
    Document { uri, name, title, description, media_type }
}

fn message(from: prompts::Message) -> Message {
    let role = match from.role {
        prompts::Role::User => Role::User,
        prompts::Role::Assistant => Role::Assistant,
    };
    Message { role, text: from.text }
}
