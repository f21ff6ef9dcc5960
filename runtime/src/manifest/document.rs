//! The GraphQL documents that a grant lists: files beside the manifest, each one query with its fragments.

use std::path::Path;

use apollo_parser::Parser;
use apollo_parser::cst::{CstNode, Definition, OperationDefinition};

use super::ManifestError;
use super::file::{self, FileError};
use crate::policy::Document;

/// Documents of one grant.
pub(super) const MAX: usize = 32;
/// Bytes of a document.
const MAX_BYTES: u64 = 64 << 10;
/// Selections and values within one another.
const MAX_DEPTH: usize = 100;

const EXPECTED: &str = "expected one query, and the fragments it uses";

/// What is wrong, and where it is to be mended.
pub(super) enum BadDocument {
    /// The manifest names no file that can be a document.
    Name(String),
    /// The file is there and is something else.
    Text(ManifestError),
}

/// `name` is a path below the manifest's folder.
pub(super) fn read(folder: &Path, name: &str) -> Result<Document, BadDocument> {
    let bad = |problem: &str| BadDocument::Name(format!("document {name:?}: {problem}"));
    if !is_below(name) {
        return Err(bad(
            "expected a file below the manifest's folder, such as \"queries/assets.graphql\", of letters, digits, '.', \
             '-' and '_'",
        ));
    }
    let file = folder.join(name);
    let text = load(folder, name).map_err(|problem| bad(&problem))?;
    match check(&text) {
        Ok(()) => Ok(Document::new(name, &text)),
        Err((at, problem)) => {
            let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
            Err(BadDocument::Text(ManifestError::Bad { file, line, problem }))
        }
    }
}

/// A manifest does not point elsewhere, and a file has one name.
fn is_below(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let segment = |segment: &str| !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(plain);
    name.ends_with(".graphql") && name.split('/').all(segment)
}

fn load(folder: &Path, name: &str) -> Result<String, String> {
    let bytes = file::read(folder, Path::new(name), MAX_BYTES).map_err(|error| match error {
        FileError::Irregular(_) | FileError::TooLarge(_) => {
            format!("expected a file of at most {} KiB", MAX_BYTES >> 10)
        }
        FileError::Outside | FileError::Io(_) => error.to_string(),
    })?;
    String::from_utf8(bytes).map_err(|_| "expected UTF-8".to_owned())
}

/// Where it goes wrong, in bytes, and how.
fn check(text: &str) -> Result<(), (usize, String)> {
    if let Some((at, found)) = text.char_indices().find(|(at, c)| is_odd(*c, &text[*at..])) {
        return Err((at, format!("found {}, which not everybody reads alike", found.escape_unicode())));
    }
    let tree = Parser::new(text).recursion_limit(MAX_DEPTH).parse();
    if let Some(error) = tree.errors().next() {
        return Err((error.index(), format!("not GraphQL: {}", error.message())));
    }
    let mut queries = 0;
    for definition in tree.document().definitions() {
        let found = match &definition {
            Definition::FragmentDefinition(_) => continue,
            Definition::OperationDefinition(operation) => match kind(operation) {
                "query" if queries == 0 => {
                    queries += 1;
                    continue;
                }
                "query" => "a second query",
                other => other,
            },
            Definition::DirectiveDefinition(_)
            | Definition::SchemaDefinition(_)
            | Definition::ScalarTypeDefinition(_)
            | Definition::ObjectTypeDefinition(_)
            | Definition::InterfaceTypeDefinition(_)
            | Definition::UnionTypeDefinition(_)
            | Definition::EnumTypeDefinition(_)
            | Definition::InputObjectTypeDefinition(_)
            | Definition::SchemaExtension(_)
            | Definition::ScalarTypeExtension(_)
            | Definition::ObjectTypeExtension(_)
            | Definition::InterfaceTypeExtension(_)
            | Definition::UnionTypeExtension(_)
            | Definition::EnumTypeExtension(_)
            | Definition::InputObjectTypeExtension(_) => "a definition of types",
        };
        return Err((definition.syntax().text_range().start().into(), format!("found {found}: {EXPECTED}")));
    }
    if queries == 0 { Err((0, format!("found no query: {EXPECTED}"))) } else { Ok(()) }
}

fn kind(operation: &OperationDefinition) -> &'static str {
    match operation.operation_type() {
        // `{ .. }` alone is a query.
        None => "query",
        Some(kind) if kind.query_token().is_some() => "query",
        Some(kind) if kind.subscription_token().is_some() => "a subscription",
        Some(_) => "a mutation",
    }
}

/// Ends a line for some readers and not for others, or changes what a person sees: what stands behind it would be a
/// comment to one and a mutation to another.
fn is_odd(c: char, rest: &str) -> bool {
    match c {
        '\n' | '\t' => false,
        '\r' => !rest.starts_with("\r\n"),
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200e}' | '\u{200f}' => true,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => c.is_control(),
    }
}
