//! What a line says: schema 2, and how a line's fields become bytes.
//!
//! A line is one JSON object: `seq`, then the fields below in the order written here, then `prev`; `seq` and `prev` are
//! the writer's. Fields that do not apply are absent. Both lines of an entry carry the same `event_id` and repeat who
//! and what it is about; digests, arguments and destination are on the first, unless they became known later.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::names::{CredentialName, ShardName, ToolName};

pub(super) const SCHEMA_VERSION: &str = "2";
const SOURCE: &str = "nexus";

/// Something about to happen.
#[derive(Debug, Clone)]
pub struct Asked {
    pub what: Crossing,
    /// The entry this one is part of.
    pub parent: Option<EventId>,
    pub subject: Arc<Subject>,
    pub args_summary: Option<Scrubbed>,
    pub request_bytes: Option<u64>,
}

/// What has a before and an after: a call, or one thing that leaves a sandbox during it.
#[derive(Debug, Clone)]
pub enum Crossing {
    Call,
    Egress {
        /// Absent if the request could not be read.
        to: Option<Destination>,
        credential: Option<CredentialName>,
    },
    Directory {
        to: Destination,
        credential: Option<CredentialName>,
    },
    Peer {
        tool: ToolName,
    },
    Artifact {
        name: Scrubbed,
    },
    /// The host obtains an access token for a credential.
    Token {
        to: Destination,
        credential: CredentialName,
    },
}

/// Whom and what a line is about. One serves a call and all its crossings.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    pub shard: Option<ShardName>,
    pub tool: Option<ToolName>,
    pub category: Option<Category>,
    pub mock_mode: Option<bool>,
    pub principal: Option<Scrubbed>,
    pub client: Option<Scrubbed>,
    pub component: Option<Digest>,
    pub lock: Option<Digest>,
}

/// Where a request goes: never a query string, and a template instead of a path.
#[derive(Debug, Clone)]
pub struct Destination {
    pub scheme: Scheme,
    /// A shard can spell a secret as a host name, so this is text from outside.
    pub host: Scrubbed,
    pub port: u16,
    pub method: Method,
    /// As the manifest has it. Absent if no grant matched.
    pub template: Option<Scrubbed>,
}

/// How it ended.
#[derive(Debug, Clone)]
pub enum Ending {
    Release {
        facts: Facts,
    },
    /// We said no. A refusal has a code and no words.
    Refuse {
        code: &'static str,
        facts: Facts,
    },
    /// It went wrong: an upstream, a trap, a tool's own error.
    Fail {
        code: &'static str,
        message: Option<Scrubbed>,
        facts: Facts,
    },
}

/// What is known once it ended.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Where it went, if that was not known when it was asked.
    pub to: Option<Destination>,
    pub upstream_status: Option<u16>,
    pub request_bytes: Option<u64>,
    pub reply_bytes: Option<u64>,
    pub rows: Option<u64>,
    pub complete: Option<bool>,
    /// How often each rule of redaction struck.
    pub redactions: BTreeMap<&'static str, u64>,
    pub result: Option<Digest>,
}

/// One line for what has no before and after.
#[derive(Debug, Clone)]
pub struct Note {
    pub event: Event,
    pub parent: Option<EventId>,
    pub subject: Arc<Subject>,
    pub args_summary: Option<Scrubbed>,
    pub count: Option<u64>,
    pub bytes: Option<u64>,
    pub digest: Option<Digest>,
}

#[derive(Debug, Clone)]
pub enum Event {
    Start,
    Stop,
    /// Something about Nexus itself: settings read, a shard approved, a tail repaired.
    Admin {
        code: &'static str,
    },
    /// Log lines of a shard that were not passed on; `count` says how many.
    LogSuppressed,
    /// Refused before it became a call: an unknown tool, invalid arguments.
    Refused {
        code: &'static str,
    },
}

/// Text from outside that redaction has been over.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Scrubbed(#[serde(serialize_with = "as_text")] Arc<str>);

/// Identifies one call, crossing or note. Unique, and roughly in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

/// A SHA-256 of something, written `sha256:` and hex.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Asked,
    Ended,
    Abandoned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Call,
    Egress,
    Directory,
    Peer,
    Artifact,
    Token,
    LogSuppressed,
    Admin,
    Start,
    Stop,
}

/// In capitals, as in schema 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Category {
    Read,
    Audit,
    Report,
    Write,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Https,
    Http,
    Ldaps,
    Ldap,
}

/// What is done at the destination. A method we have no word for is `OTHER`: its spelling is the shard's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    /// Of a directory.
    Search,
    Other,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Refused,
    Error,
    Abandoned,
}

/// A line before the writer gives it a place: all fields but `seq` and `prev`.
pub(super) struct Draft {
    fields: Vec<u8>,
    /// How much of it is the entry's context.
    context: usize,
}

/// The fields that all lines of an entry have in common.
pub(super) fn context(id: EventId, kind: Kind, parent: Option<EventId>, subject: &Subject) -> Vec<u8> {
    let mut fields = Fields(Vec::with_capacity(512));
    fields.put("event_id", &id);
    fields.put("schema_version", SCHEMA_VERSION);
    fields.put("source", SOURCE);
    fields.put("kind", &kind);
    fields.some("parent_id", parent.as_ref());
    fields.some("shard", subject.shard.as_ref());
    fields.some("tool", subject.tool.as_ref());
    fields.some("action_category", subject.category.as_ref());
    fields.some("mock_mode", subject.mock_mode.as_ref());
    fields.some("principal", subject.principal.as_ref());
    fields.some("client", subject.client.as_ref());
    fields.0
}

impl Draft {
    pub(super) fn asked(context: &[u8], asked: &Asked, now: Timestamp) -> Self {
        let mut fields = Vec::with_capacity(context.len() + 512);
        fields.extend_from_slice(context);
        Self::build(fields, |fields| {
            fields.moment(now, Phase::Asked);
            fields.some("component_digest", asked.subject.component.as_ref());
            fields.some("lock_digest", asked.subject.lock.as_ref());
            match &asked.what {
                Crossing::Call => {}
                Crossing::Egress { to, credential } => {
                    fields.destination(to.as_ref());
                    fields.some("credential", credential.as_ref());
                }
                Crossing::Directory { to, credential } => {
                    fields.destination(Some(to));
                    fields.some("credential", credential.as_ref());
                }
                Crossing::Peer { tool } => fields.put("peer", tool),
                Crossing::Artifact { name } => fields.put("artifact", name),
                Crossing::Token { to, credential } => {
                    fields.destination(Some(to));
                    fields.put("credential", credential);
                }
            }
            fields.some("args_summary", asked.args_summary.as_ref());
            fields.some("request_bytes", asked.request_bytes.as_ref());
        })
    }

    pub(super) fn ended(context: Vec<u8>, ending: &Ending, now: Timestamp, latency: Duration) -> Self {
        Self::build(context, |fields| {
            fields.moment(now, Phase::Ended);
            let facts = match ending {
                Ending::Release { facts } => {
                    fields.put("status", &Status::Success);
                    facts
                }
                Ending::Refuse { code, facts } => {
                    fields.put("status", &Status::Refused);
                    fields.put("refusal", code);
                    facts
                }
                Ending::Fail { code, message, facts } => {
                    fields.put("status", &Status::Error);
                    fields.put("error_type", code);
                    fields.some("error_message", message.as_ref());
                    facts
                }
            };
            fields.latency(latency);
            fields.facts(facts);
        })
    }

    /// `cause` says why, unless the entry was simply dropped.
    pub(super) fn abandoned(
        context: Vec<u8>,
        cause: Option<&'static str>,
        now: Timestamp,
        latency: Option<Duration>,
    ) -> Self {
        Self::build(context, |fields| {
            fields.moment(now, Phase::Abandoned);
            fields.put("status", &Status::Abandoned);
            fields.some("error_type", cause.as_ref());
            if let Some(latency) = latency {
                fields.latency(latency);
            }
        })
    }

    pub(super) fn note(id: EventId, note: &Note, now: Timestamp) -> Self {
        let kind = match note.event {
            Event::Start => Kind::Start,
            Event::Stop => Kind::Stop,
            Event::Admin { .. } => Kind::Admin,
            Event::LogSuppressed => Kind::LogSuppressed,
            Event::Refused { .. } => Kind::Call,
        };
        Self::build(context(id, kind, note.parent, &note.subject), |fields| {
            fields.put("timestamp", &Micros(now));
            match note.event {
                Event::Start | Event::Stop | Event::LogSuppressed => {}
                Event::Admin { code } => fields.put("code", code),
                Event::Refused { code } => {
                    fields.put("status", &Status::Refused);
                    fields.put("refusal", code);
                }
            }
            fields.some("component_digest", note.subject.component.as_ref());
            fields.some("lock_digest", note.subject.lock.as_ref());
            fields.some("args_summary", note.args_summary.as_ref());
            fields.some("count", note.count.as_ref());
            fields.some("bytes", note.bytes.as_ref());
            fields.some("digest", note.digest.as_ref());
        })
    }

    /// The same entry, as abandoned: for an ending that could not be written.
    pub(super) fn into_abandoned(mut self, cause: &'static str, now: Timestamp) -> Self {
        self.fields.truncate(self.context);
        Self::abandoned(self.fields, Some(cause), now, None)
    }

    fn build(context: Vec<u8>, rest: impl FnOnce(&mut Fields)) -> Self {
        let length = context.len();
        let mut fields = Fields(context);
        rest(&mut fields);
        Self {
            fields: fields.0,
            context: length,
        }
    }

    /// The comma-separated fields, without braces.
    pub(super) fn fields(&self) -> &[u8] {
        &self.fields
    }
}

/// JSON fields in a row, separated by commas.
struct Fields(Vec<u8>);

impl Fields {
    #[expect(
        clippy::expect_used,
        reason = "numbers and text always have a JSON form, and a Vec takes every byte"
    )]
    fn put(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) {
        if !self.0.is_empty() {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        serde_json::to_writer(&mut self.0, value).expect("a field of a line has a JSON form");
    }

    fn some(&mut self, name: &'static str, value: Option<&impl Serialize>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn moment(&mut self, now: Timestamp, phase: Phase) {
        self.put("timestamp", &Micros(now));
        self.put("phase", &phase);
    }

    fn latency(&mut self, latency: Duration) {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        self.put("latency_ms", &(f64::from(micros) / 1000.0));
    }

    fn destination(&mut self, to: Option<&Destination>) {
        let Some(Destination {
            scheme,
            host,
            port,
            method,
            template,
        }) = to
        else {
            return;
        };
        let mut inner = Fields(Vec::with_capacity(128));
        inner.put("scheme", scheme);
        inner.put("host", host);
        inner.put("port", port);
        inner.put("method", method);
        inner.some("template", template.as_ref());
        self.0.extend_from_slice(b",\"destination\":{");
        self.0.append(&mut inner.0);
        self.0.push(b'}');
    }

    fn facts(&mut self, facts: &Facts) {
        let Facts {
            to,
            upstream_status,
            request_bytes,
            reply_bytes,
            rows,
            complete,
            redactions,
            result,
        } = facts;
        self.destination(to.as_ref());
        self.some("upstream_status", upstream_status.as_ref());
        self.some("request_bytes", request_bytes.as_ref());
        self.some("reply_bytes", reply_bytes.as_ref());
        self.some("rows", rows.as_ref());
        self.some("complete", complete.as_ref());
        if !redactions.is_empty() {
            self.put("redactions", redactions);
        }
        self.some("result_digest", result.as_ref());
    }
}

/// UTC, RFC 3339, always six decimals.
struct Micros(Timestamp);

impl Serialize for Micros {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:.6}", self.0))
    }
}

impl Crossing {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Call => Kind::Call,
            Self::Egress { .. } => Kind::Egress,
            Self::Directory { .. } => Kind::Directory,
            Self::Peer { .. } => Kind::Peer,
            Self::Artifact { .. } => Kind::Artifact,
            Self::Token { .. } => Kind::Token,
        }
    }
}

impl Note {
    pub fn new(event: Event) -> Self {
        let subject = Arc::default();
        Self {
            event,
            parent: None,
            subject,
            args_summary: None,
            count: None,
            bytes: None,
            digest: None,
        }
    }
}

impl Method {
    pub fn named(method: &str) -> Self {
        match method {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }
}

impl Scrubbed {
    /// Longer text is cut and ends in `…`: a line is a record, not a copy. Every text field has this limit, so a line
    /// stays far below [`super::read::MAX_LINE`].
    pub const MAX: usize = 2048;

    /// For what redaction has been over, and for nothing else: whoever calls this vouches that no secret is in `text`.
    /// Redaction and egress call it. A search for `already_scrubbed(` lists every place where text enters the ledger.
    pub(crate) fn already_scrubbed(mut text: String) -> Self {
        if text.len() > Self::MAX {
            text.truncate(text.floor_char_boundary(Self::MAX));
            text.push('…');
        }
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Scrubbed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text)
}

impl EventId {
    pub(super) fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for EventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", Hash(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A link of the chain, written as plain hex.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first line is chained to.
    pub const NONE: Self = Self([0; 32]);

    /// The RFC 6962 leaf hash of a line, without its newline.
    pub fn leaf(line: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(line).finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(serde::de::Error::custom)?;
        Ok(Self(hash))
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The two fields that hold a ledger together, read from any line.
#[derive(Deserialize)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) prev: Hash,
}
