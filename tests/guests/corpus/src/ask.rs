//! Questions, prompts and documents.

use std::hint::black_box;

use crate::exports::nexus::shard::prompts::{Argument, Message, Prompt, PromptError, Role};
use crate::exports::nexus::shard::resources::{Body, Document};
use crate::exports::nexus::shard::tools::{InputRequired, Outcome, Question};
use crate::{Answer, told};

const SCHEMA: &str = "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"}}}";

fn question(id: &str, schema: &str) -> Question {
    Question { id: id.to_owned(), message: "Who are you?".to_owned(), schema: schema.to_owned() }
}

fn asked(questions: Vec<Question>, state: String) -> Answer {
    Ok(Outcome::InputRequired(InputRequired { questions, state }))
}

/// A question whose schema is no JSON; with 0 an honest one.
pub(crate) fn schema_that_is_none(n: u64) -> Answer {
    asked(vec![question("name", if n == 0 { SCHEMA } else { "{" })], "state".to_owned())
}

/// `n` questions at once.
pub(crate) fn many_questions(n: u64) -> Answer {
    asked((0..n).map(|n| question(&format!("q{n}"), SCHEMA)).collect(), String::new())
}

/// A state of `n` bytes, which the client would have to carry.
pub(crate) fn long_state(n: u64) -> Answer {
    if n == 0 {
        return told("no question");
    }
    asked(vec![question("name", SCHEMA)], "s".repeat(usize::try_from(n).unwrap_or(usize::MAX)))
}

pub(crate) fn prompts(prefix: &str, escape: &str) -> Vec<Prompt> {
    if !escape.starts_with("prompt-") {
        return Vec::new();
    }
    let prefix = if escape == "prompt-prefix" { "entra_" } else { prefix };
    vec![Prompt {
        name: format!("{prefix}prompt"),
        title: "Prompt".to_owned(),
        description: "Tries what its shard tries.".to_owned(),
        arguments: vec![Argument { name: "n".to_owned(), description: None, required: false }],
    }]
}

/// Misbehaves when `n` is given, whatever it is.
pub(crate) fn prompt(escape: &str, misbehaves: bool) -> Result<Vec<Message>, PromptError> {
    let text = match escape {
        "prompt-long" if misbehaves => "p".repeat(4 << 20),
        "prompt-loop" if misbehaves => endless(),
        _ => "honest".to_owned(),
    };
    Ok(vec![Message { role: Role::User, text }])
}

pub(crate) fn documents(prefix: &str, escape: &str) -> Vec<Document> {
    if !escape.starts_with("document-") {
        return Vec::new();
    }
    let document = |uri: String| Document {
        uri,
        name: "document".to_owned(),
        title: "Document".to_owned(),
        description: "Tries what its shard tries.".to_owned(),
        media_type: "text/plain".to_owned(),
    };
    let shard = prefix.trim_end_matches('_');
    if escape == "document-host" {
        return vec![document("nexus://artifacts/identity/kept.txt/1".to_owned())];
    }
    vec![document(format!("corpus://{shard}/honest")), document(format!("corpus://{shard}/hostile"))]
}

pub(crate) fn document(escape: &str, uri: &str) -> Option<Body> {
    let text = match escape {
        "document-long" if uri.ends_with("hostile") => "d".repeat(4 << 20),
        "document-loop" if uri.ends_with("hostile") => endless(),
        _ => "honest".to_owned(),
    };
    Some(Body::Text(text))
}

fn endless() -> String {
    let mut at: u64 = 0;
    loop {
        at = black_box(at.wrapping_add(1));
    }
}
