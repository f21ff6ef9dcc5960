//! How a line's fields become bytes: schema 2.
//!
//! A line is one JSON object: `seq`, then fields in the order written here, then `prev`; `seq` and `prev` are the
//! writer's. Fields that do not apply are absent. Both lines of an entry carry the same `event_id` and repeat who and
//! what it is about; digests, arguments and destination are on the first, unless they became known later.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::line::{Asked, Crossing, Destination, Ending, Event, Facts, Kind, Note, Phase, Subject};
use super::value::{EventId, Hash};

const SCHEMA_VERSION: &str = "2";
const SOURCE: &str = "nexus";
/// Places of redactions in a line. What is beyond them counts by its rule alone.
const MOST_PLACES: usize = 32;

/// A line before the writer gives it a place: all fields but `seq` and `prev`.
pub(super) struct Draft {
    fields: Vec<u8>,
    /// How much of it is the entry's context.
    context: usize,
}

/// The two fields that hold a ledger together, read from any line.
#[derive(Deserialize)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) prev: Hash,
}

/// JSON fields in a row, separated by commas.
struct Fields(Vec<u8>);

/// UTC, RFC 3339, always six decimals.
struct Micros(Timestamp);

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Refused,
    Error,
    Abandoned,
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
    if subject.dev {
        fields.put("dev_mode", &true);
    }
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
                Crossing::Egress { to, credential } | Crossing::Directory { to, credential } => {
                    fields.destination(to.as_ref());
                    fields.some("credential", credential.as_ref());
                }
                Crossing::Peer { tool } => fields.some("peer", tool.as_ref()),
                Crossing::Artifact { name } => fields.put("artifact", name),
                Crossing::Token { to, credential } => {
                    fields.destination(Some(to));
                    fields.put("credential", credential);
                }
            }
            fields.some("args_summary", asked.args_summary.as_ref());
            if !asked.subjects.is_empty() {
                fields.put("subjects", &asked.subjects);
            }
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
            Event::RefusedAgain => Kind::RefusedAgain,
            Event::Refused { .. } => Kind::Call,
        };
        Self::build(context(id, kind, note.parent, &note.subject), |fields| {
            fields.put("timestamp", &Micros(now));
            match note.event {
                Event::Start | Event::Stop | Event::LogSuppressed => {}
                Event::Admin { code } => fields.put("code", code),
                Event::RefusedAgain => fields.put("status", &Status::Refused),
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
            fields.some("through", note.through.as_ref());
            if !note.refusals.is_empty() {
                fields.put("refusals", &note.refusals);
            }
        })
    }

    /// `note` is the signed note over the tree whose peaks these are: enough to continue the tree from this line on.
    pub(super) fn checkpoint(note: &str, peaks: &[Hash], now: Timestamp) -> Self {
        let id = EventId::new();
        Self::build(context(id, Kind::Checkpoint, None, &Subject::default()), |fields| {
            fields.put("timestamp", &Micros(now));
            fields.put("checkpoint", note);
            fields.put("peaks", peaks);
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
        Self { fields: fields.0, context: length }
    }

    /// The comma-separated fields, without braces.
    pub(super) fn fields(&self) -> &[u8] {
        &self.fields
    }
}

impl Fields {
    #[expect(clippy::expect_used, reason = "numbers and text always have a JSON form, and a Vec takes every byte")]
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
        let Some(Destination { scheme, host, port, method, template }) = to else {
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
        let Facts { to, upstream_status, request_bytes, reply_bytes, rows, complete, redactions, result, suggestion } =
            facts;
        self.destination(to.as_ref());
        self.some("upstream_status", upstream_status.as_ref());
        self.some("request_bytes", request_bytes.as_ref());
        self.some("reply_bytes", reply_bytes.as_ref());
        self.some("rows", rows.as_ref());
        self.some("complete", complete.as_ref());
        if !redactions.is_empty() {
            self.put("redactions", redactions);
            self.put("redacted", &redactions.places(MOST_PLACES));
        }
        self.some("result_digest", result.as_ref());
        self.some("suggestion", suggestion.as_ref());
    }
}

impl Serialize for Micros {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:.6}", self.0))
    }
}
