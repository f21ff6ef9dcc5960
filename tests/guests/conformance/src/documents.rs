//! Prompts and documents.

use std::collections::BTreeMap;

use nexus_shard::Body;
use nexus_shard_documents::{Document, Documents, Prompt, PromptArgument, PromptError};

use crate::tools::RED_PIXEL;

pub(crate) enum Fixtures {}

impl Documents for Fixtures {
    fn prompts() -> Vec<Prompt> {
        let argument = |name, description| PromptArgument { name, description, required: true };
        vec![
            Prompt {
                name: "test_simple_prompt",
                title: "Simple prompt",
                description: "A prompt without arguments.",
                arguments: Vec::new(),
            },
            Prompt {
                name: "test_prompt_with_arguments",
                title: "Prompt with arguments",
                description: "A prompt with two arguments.",
                arguments: vec![argument("arg1", "First test argument"), argument("arg2", "Second test argument")],
            },
        ]
    }

    fn prompt(name: &str, arguments: &BTreeMap<String, String>) -> Result<Vec<String>, PromptError> {
        let argument = |name: &str| {
            let missing = || PromptError::InvalidArguments(format!("the argument {name} is missing"));
            arguments.get(name).ok_or_else(missing)
        };
        match name {
            "test_simple_prompt" => Ok(vec!["This is a simple prompt for testing.".to_owned()]),
            "test_prompt_with_arguments" => {
                let (first, second) = (argument("arg1")?, argument("arg2")?);
                Ok(vec![format!("Prompt with arguments: arg1='{first}', arg2='{second}'")])
            }
            _ => Err(PromptError::NotFound),
        }
    }

    fn documents() -> Vec<Document> {
        vec![
            Document {
                uri: "test://static-text",
                name: "static-text",
                title: "Static text",
                description: "A text that never changes.",
                media_type: "text/plain",
            },
            Document {
                uri: "test://static-binary",
                name: "static-binary",
                title: "Static binary",
                description: "A picture that never changes.",
                media_type: "image/png",
            },
        ]
    }

    fn document(uri: &str) -> Option<Body> {
        match uri {
            "test://static-text" => Some(Body::Text("This is the content of the static text resource.".to_owned())),
            "test://static-binary" => Some(Body::Blob(RED_PIXEL.to_vec())),
            _ => {
                let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
                let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                plain.then(|| Body::Text(format!(r#"{{"id":"{id}","templateTest":true,"data":"Data for ID: {id}"}}"#)))
            }
        }
    }
}
