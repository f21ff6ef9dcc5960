//! Fixed documents: of what a GraphQL server would do, the little that a grant lists.
//!
//! One URL of a GraphQL server takes reads and writes, and the text of the request says which. So the text is fixed:
//! what a request carries is one of the grant's documents, byte for byte, and only its variables are free.
//!
//! What counts is what the server reads, so a body has one reading or it stays:
//!
//! | part | accepted | refused, because a server may read it otherwise |
//! |---|---|---|
//! | method, URL | `POST`, no query | `GET`; `?query=` |
//! | content-type | `application/json`, also with `charset=utf-8` | absent, any other type or charset, `content_type` beside it |
//! | body | one JSON object in UTF-8 | nothing, a list of requests, a byte order mark, anything after its end |
//! | members | `query`, `variables`, `operationName`, each at most once however it is escaped | `extensions`, `id`, `Query` and every other |
//! | `query` | the text of a document once its escapes are read | one blank more, another end of line |
//! | `variables` | an object, null, absent; not looked into | text, which some servers read as JSON |
//! | `operationName` | null, absent: a document has one operation | text |
//!
//! A packed body (`content-encoding`) does not come this far: `outbound` refuses the header.

use std::cell::OnceCell;
use std::fmt;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::outbound::Outbound;

/// A document that a grant may send. That it is one query and no mutation is the manifest's to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    name: String,
    digest: DocumentDigest,
}

/// SHA-256 of a document's text, written `sha256:` and hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocumentDigest([u8; 32]);

/// Why a request is none of a grant's documents. Holds nothing of its body but a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NoDocument {
    #[error("the method is not POST")]
    Method,
    #[error("the URL has a query")]
    Query,
    #[error("there is not one content-type, application/json in UTF-8")]
    ContentType,
    #[error("the body is not one JSON object in UTF-8")]
    Body,
    #[error("the body has another member than query, variables and operationName")]
    Member,
    #[error("the body has a member twice")]
    Twice,
    #[error("the body has no text as its query")]
    Text,
    #[error("the body's variables are neither an object nor null")]
    Variables,
    #[error("the body's operationName is not null")]
    OperationName,
    #[error("the body's document, {0}, is none of them")]
    Unlisted(DocumentDigest),
}

impl Document {
    /// `name` is the file's, as the manifest writes it.
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), digest: DocumentDigest::of(text) }
    }

    /// One that is known by its digest alone, as a lock has it: `sha256:` and hex.
    pub fn locked(name: &str, digest: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digest.strip_prefix("sha256:")?, &mut bytes).ok()?;
        Some(Self { name: name.to_owned(), digest: DocumentDigest(bytes) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn digest(&self) -> DocumentDigest {
        self.digest
    }
}

impl DocumentDigest {
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

impl fmt::Display for DocumentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for DocumentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A request whose document is read when a grant first asks for it, and once for all grants.
pub(super) struct Carrier<'a> {
    outbound: &'a Outbound,
    read: OnceCell<Result<DocumentDigest, NoDocument>>,
}

impl<'a> Carrier<'a> {
    pub(super) fn new(outbound: &'a Outbound) -> Self {
        Self { outbound, read: OnceCell::new() }
    }

    /// The one of these that the request carries.
    pub(super) fn one_of<'d>(
        &self,
        documents: impl IntoIterator<Item = &'d Document>,
    ) -> Result<&'d Document, NoDocument> {
        let digest = (*self.read.get_or_init(|| read(self.outbound)))?;
        documents.into_iter().find(|document| document.digest == digest).ok_or(NoDocument::Unlisted(digest))
    }
}

fn read(outbound: &Outbound) -> Result<DocumentDigest, NoDocument> {
    if outbound.method() != Method::POST {
        return Err(NoDocument::Method);
    }
    if !outbound.query().is_empty() {
        return Err(NoDocument::Query);
    }
    if !is_json(outbound.headers()) {
        return Err(NoDocument::ContentType);
    }
    // Before anything else, for what is skipped in a body is not checked for it.
    let text = str::from_utf8(outbound.body()).map_err(|_| NoDocument::Body)?;
    let body: Body<'_> = serde_json::from_str(text).map_err(|_| NoDocument::Body)?;
    if body.other {
        return Err(NoDocument::Member);
    }
    if body.twice {
        return Err(NoDocument::Twice);
    }
    if body.variables.is_some_and(|variables| !variables.get().starts_with('{') && variables.get() != "null") {
        return Err(NoDocument::Variables);
    }
    if body.operation_name.is_some_and(|name| name.get() != "null") {
        return Err(NoDocument::OperationName);
    }
    let query = body.query.ok_or(NoDocument::Text)?;
    let query: String = serde_json::from_str(query.get()).map_err(|_| NoDocument::Text)?;
    Ok(DocumentDigest::of(&query))
}

/// Servers that hand headers on as variables read an underscore as a hyphen, so `content_type` counts as a second one.
fn is_json(headers: &HeaderMap) -> bool {
    const ACCEPTED: [&str; 3] =
        ["application/json", "application/json;charset=utf-8", "application/json; charset=utf-8"];
    let mut types = headers.iter().filter(|(name, _)| name.as_str().replace('_', "-") == CONTENT_TYPE.as_str());
    match (types.next(), types.next()) {
        (Some((name, value)), None) => {
            let value = value.as_bytes();
            name == CONTENT_TYPE && ACCEPTED.iter().any(|accepted| accepted.as_bytes().eq_ignore_ascii_case(value))
        }
        _ => false,
    }
}

/// The members of a body. Values are skipped and not read, so that no depth of them takes stack.
#[derive(Default)]
struct Body<'a> {
    query: Option<&'a RawValue>,
    variables: Option<&'a RawValue>,
    operation_name: Option<&'a RawValue>,
    other: bool,
    twice: bool,
}

/// Compared after its escapes are read: `"\u0071uery"` is `query`.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Member {
    Query,
    Variables,
    OperationName,
    #[serde(other)]
    Other,
}

/// By hand, because a derived struct also reads a list and takes it for its fields in order.
impl<'de> Deserialize<'de> for Body<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Body<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body<'de>, A::Error> {
        let mut body = Body::default();
        while let Some(member) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            let place = match member {
                Member::Query => &mut body.query,
                Member::Variables => &mut body.variables,
                Member::OperationName => &mut body.operation_name,
                Member::Other => {
                    body.other = true;
                    continue;
                }
            };
            body.twice |= place.replace(value).is_some();
        }
        Ok(body)
    }
}
