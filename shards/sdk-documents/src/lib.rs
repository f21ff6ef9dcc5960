//! What a shard may offer beside tools: prompts a person picks, and documents anyone may read.
//!
//! A crate of its own, because a component that exports prompts has another world, and the export macros of two worlds
//! cannot live in one crate.

use std::collections::BTreeMap;

pub use nexus_shard;
use nexus_shard::Body;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod wasm;

/// Exports the tools of a shard, and its prompts and documents: once per crate, instead of `nexus_shard::shard!`.
///
/// ```text
/// nexus_shard_documents::shard! { tools: [list_users], documents: Handbook }
/// ```
#[macro_export]
macro_rules! shard {
    (tools: [$($tool:ty),* $(,)?], documents: $documents:ty $(,)?) => {
        $crate::nexus_shard::shard!(@tools [$($tool),*]);

        // Natively nothing calls it, but it must be what it says.
        const _: fn() = $crate::is_documents::<$documents>;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::wasm::exports::nexus::shard::{prompts, resources};

            struct Shard;

            $crate::nexus_shard::shard!(@export Shard, $crate::wasm);

            impl prompts::Guest for Shard {
                fn list_prompts() -> Vec<prompts::Prompt> {
                    $crate::wasm::prompts::<$documents>()
                }

                fn get_prompt(
                    name: String,
                    arguments: Vec<(String, String)>,
                ) -> Result<Vec<prompts::Message>, prompts::PromptError> {
                    $crate::wasm::prompt::<$documents>(&name, arguments)
                }
            }

            impl resources::Guest for Shard {
                fn list_resources() -> Vec<resources::Document> {
                    $crate::wasm::documents::<$documents>()
                }

                fn read_resource(uri: String) -> Option<resources::Body> {
                    $crate::wasm::document::<$documents>(&uri)
                }
            }

            $crate::wasm::export_documents!(Shard with_types_in $crate::wasm);
        };
    };
}

/// The prompts and documents of a shard. The manifest says `[prompts]` and `[resources]`.
///
/// All of it is fixed text, or made of the arguments: nothing here is given a call, so nothing can be sent.
pub trait Documents {
    /// The prompts, in the order in which they are listed.
    fn prompts() -> Vec<Prompt> {
        Vec::new()
    }

    /// What a person says to the model when they pick a prompt, one text per message.
    fn prompt(name: &str, arguments: &BTreeMap<String, String>) -> Result<Vec<String>, PromptError> {
        let _ = (name, arguments);
        Err(PromptError::NotFound)
    }

    /// The documents, in the order in which they are listed.
    fn documents() -> Vec<Document> {
        Vec::new()
    }

    /// The content of one document, or none if there is no such document.
    fn document(uri: &str) -> Option<Body> {
        let _ = uri;
        None
    }
}

/// Compiles for what is `Documents`, and only for that.
#[doc(hidden)]
pub fn is_documents<D: Documents>() {}

/// A prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// `[a-z][a-z0-9_]*`
    pub name: &'static str,
    /// For a person.
    pub title: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// What to ask the person first.
    pub arguments: Vec<PromptArgument>,
}

/// An argument of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptArgument {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Whether the prompt cannot do without it.
    pub required: bool,
}

/// Why a prompt cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptError {
    /// There is no such prompt.
    NotFound,
    /// What is wrong with the arguments.
    InvalidArguments(String),
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// An absolute URI that the shard owns.
    pub uri: &'static str,
    /// `[a-z][a-z0-9_-]*`
    pub name: &'static str,
    /// For a person.
    pub title: &'static str,
    /// What it says.
    pub description: &'static str,
    /// For example `text/markdown`.
    pub media_type: &'static str,
}
