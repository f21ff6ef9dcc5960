//! A ledger in the forms that others read: the earlier system's lines, OCSF for a SIEM, CSV for a spreadsheet.
//!
//! An export is a copy for reading and proves nothing: only the ledger itself is chained. Both lines of an entry become one
//! record, so what was asked is kept until it has ended; everything else streams. What never ended is told last.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::line::{Kind, Phase};
use super::read::{self, Line, ReadError, Record, RefusedAgain};
use super::stats::Query;
use super::value::EventId;

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The fields of schema 1, one JSON object per call.
    V1,
    /// OCSF 1.3, class API Activity (6003), one JSON object per call and crossing.
    Ocsf,
    /// RFC 4180, one row per call, crossing and note.
    Csv,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("export cannot be written")]
    Write(#[from] io::Error),
}

/// What became of the lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    pub records: u64,
    pub unreadable: u64,
}

/// Both lines of an entry, or the one of a note.
struct Entry {
    /// Empty for a note.
    asked: Line,
    /// Empty for what has not ended.
    ended: Line,
}

/// Writes what fits the query, each record on lines of its own. A record has the time of its last line.
pub fn export(path: &Path, format: Format, query: &Query, to: &mut dyn Write) -> Result<Exported, ExportError> {
    let mut exported = Exported::default();
    let mut open: HashMap<EventId, Line> = HashMap::new();
    if format == Format::Csv {
        row(to, &COLUMNS.map(str::to_owned))?;
    }
    for record in read::lines(path)? {
        let Some(Record { line, .. }) = read::readable(record)? else {
            exported.unreadable += 1;
            continue;
        };
        let entry = match (line.phase, line.event_id) {
            (Some(Phase::Asked), Some(id)) => {
                open.insert(id, line);
                continue;
            }
            (Some(_), Some(id)) => Entry { asked: open.remove(&id).unwrap_or_default(), ended: line },
            (_, _) => Entry { asked: Line::default(), ended: line },
        };
        if query.fits(&entry.merged()) {
            exported.records += entry.write(format, to)?;
        }
    }
    let mut left: Vec<Line> = open.into_values().collect();
    left.sort_by_key(|line| line.seq);
    for asked in left {
        if format == Format::Csv && query.fits(&asked) {
            let entry = Entry { ended: Line { status: Some("open".to_owned()), ..asked.clone() }, asked };
            exported.records += entry.write(format, to)?;
        }
    }
    to.flush()?;
    Ok(exported)
}

impl Entry {
    /// What is known of it, from either line.
    fn merged(&self) -> Line {
        let Self { asked, ended } = self;
        Line {
            destination: ended.destination.clone().or_else(|| asked.destination.clone()),
            credential: ended.credential.clone().or_else(|| asked.credential.clone()),
            peer: ended.peer.clone().or_else(|| asked.peer.clone()),
            artifact: ended.artifact.clone().or_else(|| asked.artifact.clone()),
            args_summary: ended.args_summary.clone().or_else(|| asked.args_summary.clone()),
            request_bytes: ended.request_bytes.or(asked.request_bytes),
            component_digest: ended.component_digest.clone().or_else(|| asked.component_digest.clone()),
            ..ended.clone()
        }
    }

    /// How many records of this form it makes: none, where the form has no place for it.
    fn write(&self, format: Format, to: &mut dyn Write) -> io::Result<u64> {
        let line = self.merged();
        match format {
            Format::Ocsf if line.kind == Some(Kind::RefusedAgain) => {
                line.refusals.iter().try_for_each(|again| writeln!(to, "{}", ocsf_again(&line, again)))?;
                Ok(line.refusals.len() as u64)
            }
            Format::V1 if line.kind == Some(Kind::Call) => writeln!(to, "{}", v1(&line)).map(|()| 1),
            Format::Ocsf if line.status.is_some() => writeln!(to, "{}", ocsf(&line, &self.asked, None)).map(|()| 1),
            Format::V1 | Format::Ocsf => Ok(0),
            Format::Csv => row(to, &fields(&line)).map(|()| 1),
        }
    }
}

fn code(line: &Line) -> Option<&String> {
    line.refusal.as_ref().or(line.error_type.as_ref()).or(line.code.as_ref())
}

fn succeeded(line: &Line) -> bool {
    line.status.as_deref() == Some("success")
}

/// Schema 1 knew success and error. Its arguments were an object of values; here the values are kinds and sizes.
fn v1(line: &Line) -> Value {
    let summary = line.args_summary.as_ref().and_then(Value::as_str).unwrap_or_default();
    let arguments = summary.split(' ').filter_map(|part| part.split_once('='));
    let arguments: Map<_, _> = arguments.map(|(name, kind)| (name.to_owned(), kind.into())).collect();
    let failed = !succeeded(line);
    json!({
        "event_id": line.event_id,
        "timestamp": line.timestamp,
        "schema_version": "1",
        "source": line.source,
        "tool": line.tool,
        "shard": line.shard,
        "action_category": line.action_category,
        "args_summary": arguments,
        "mock_mode": line.mock_mode,
        "status": if failed { "error" } else { "success" },
        "latency_ms": line.latency_ms,
        "error_type": code(line).cloned().or_else(|| line.status.clone()).filter(|_| failed),
        "error_message": line.error_message,
    })
}

const OCSF_VERSION: &str = "1.3.0";
const API_ACTIVITY: u64 = 6003;

/// An API Activity: <https://schema.ocsf.io/1.3.0/classes/api_activity>. What has no place in it is `unmapped`, under the
/// ledger's own names.
fn ocsf(line: &Line, asked: &Line, again: Option<&RefusedAgain>) -> Value {
    // One line of counts makes several events, and each has its own id.
    let uid = match (line.event_id, again) {
        (Some(id), Some(again)) => Some(format!("{id}/{}/{}", word(again.kind), again.refusal)),
        (id, _) => id.map(|id| id.to_string()),
    };
    let (activity, name) = activity(line);
    let time = milliseconds(&line.timestamp);
    let service = line.destination.as_ref().map(|to| to.host.clone()).or_else(|| line.shard.clone());
    let operation = match (&line.destination, &line.peer, &line.artifact) {
        (Some(to), _, _) => format!("{} {}", to.method, to.template.as_deref().unwrap_or_default()).trim().to_owned(),
        (None, Some(peer), _) => peer.clone(),
        (None, None, Some(artifact)) => artifact.clone(),
        (None, None, None) => line.tool.clone().unwrap_or_else(|| "unknown".to_owned()),
    };
    let endpoint = line.destination.as_ref().map(|to| json!({ "hostname": to.host, "port": to.port }));
    let mut event = json!({
        "activity_id": activity,
        "activity_name": name,
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": API_ACTIVITY,
        "class_name": "API Activity",
        "type_uid": API_ACTIVITY * 100 + activity,
        "type_name": format!("API Activity: {name}"),
        "severity_id": 1,
        "severity": "Informational",
        "status_id": if succeeded(line) { 1 } else { 2 },
        "status": if succeeded(line) { "Success" } else { "Failure" },
        "status_code": code(line),
        "count": again.map(|again| again.count),
        "time": time,
        "start_time": milliseconds(&asked.timestamp),
        "end_time": time,
        "duration": line.latency_ms.map(|latency| latency.round()),
        "metadata": {
            "version": OCSF_VERSION,
            "product": { "name": "Nexus", "vendor_name": "Nexus", "version": env!("CARGO_PKG_VERSION") },
            "log_name": "ledger",
            "uid": uid,
            "correlation_uid": line.parent_id.or(line.event_id),
            "sequence": line.seq,
            "original_time": line.timestamp,
        },
        "actor": { "user": { "name": line.principal }, "app_name": line.client },
        "api": {
            "operation": operation,
            "service": { "name": service },
            "response": { "code": line.upstream_status, "error": code(line) },
        },
        // The class wants to know where the request came from: from this host, on behalf of the actor.
        "src_endpoint": { "name": "nexus", "svc_name": line.shard },
        "dst_endpoint": endpoint,
        "unmapped": {
            "kind": line.kind,
            "tool": line.tool,
            "shard": line.shard,
            "mock_mode": line.mock_mode,
            "credential": line.credential,
            "args_summary": line.args_summary,
            "request_bytes": line.request_bytes,
            "reply_bytes": line.reply_bytes,
            "rows": line.rows,
            "complete": line.complete,
            "redactions": line.redactions,
            "result_digest": line.result_digest,
            "component_digest": line.component_digest,
            "ledger_status": line.status,
        },
    });
    without_nulls(&mut event);
    event
}

/// Refusals of one kind and code are one event with their number: OCSF's `count` of events in one logical group.
fn ocsf_again(line: &Line, again: &RefusedAgain) -> Value {
    let one = Line { kind: again.kind, refusal: Some(again.refusal.clone()), ..line.clone() };
    ocsf(&one, &Line::default(), Some(again))
}

/// By what is done at the destination, else by what the tool says of itself.
fn activity(line: &Line) -> (u64, &'static str) {
    const CREATE: (u64, &str) = (1, "Create");
    const READ: (u64, &str) = (2, "Read");
    const UPDATE: (u64, &str) = (3, "Update");
    const DELETE: (u64, &str) = (4, "Delete");
    const OTHER: (u64, &str) = (99, "Other");
    if let Some(to) = &line.destination {
        return match to.method.as_str() {
            "GET" | "HEAD" | "OPTIONS" | "SEARCH" => READ,
            "PUT" | "PATCH" => UPDATE,
            "DELETE" => DELETE,
            _ => OTHER,
        };
    }
    if line.artifact.is_some() {
        return if line.request_bytes.is_some() { CREATE } else { READ };
    }
    match line.action_category.as_deref() {
        Some("READ" | "AUDIT") => READ,
        Some("REPORT") => CREATE,
        _ => OTHER,
    }
}

/// OCSF's time: since 1970, in UTC.
fn milliseconds(timestamp: &str) -> Option<i64> {
    timestamp.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// OCSF has no null: what is not known is not there.
fn without_nulls(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.values_mut().for_each(without_nulls);
        fields.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|object| !object.is_empty()));
    }
}

const COLUMNS: [&str; 28] = [
    "seq",
    "timestamp",
    "kind",
    "event_id",
    "parent_id",
    "shard",
    "tool",
    "action_category",
    "mock_mode",
    "principal",
    "client",
    "destination",
    "credential",
    "peer",
    "artifact",
    "args_summary",
    "status",
    "code",
    "upstream_status",
    "latency_ms",
    "request_bytes",
    "reply_bytes",
    "rows",
    "complete",
    "redactions",
    "result_digest",
    "count",
    "refusals",
];

fn fields(line: &Line) -> [String; 28] {
    fn text<T: ToString>(value: Option<&T>) -> String {
        value.map(T::to_string).unwrap_or_default()
    }
    let destination = line.destination.as_ref().map(|to| {
        let template = to.template.as_deref().unwrap_or_default();
        format!("{} {}://{}:{}{template}", to.method, to.scheme, to.host, to.port)
    });
    let arguments = line.args_summary.as_ref().and_then(Value::as_str).unwrap_or_default();
    let redactions = line.redactions.iter().map(|(rule, count)| format!("{rule}={count}"));
    let refusals = line.refusals.iter();
    let refusals = refusals.map(|again| format!("{}/{}={}", word(again.kind), again.refusal, again.count));
    [
        line.seq.to_string(),
        line.timestamp.clone(),
        word(line.kind),
        text(line.event_id.as_ref()),
        text(line.parent_id.as_ref()),
        text(line.shard.as_ref()),
        text(line.tool.as_ref()),
        text(line.action_category.as_ref()),
        text(line.mock_mode.as_ref()),
        text(line.principal.as_ref()),
        text(line.client.as_ref()),
        text(destination.as_ref()),
        text(line.credential.as_ref()),
        text(line.peer.as_ref()),
        text(line.artifact.as_ref()),
        arguments.to_owned(),
        text(line.status.as_ref()),
        text(code(line)),
        text(line.upstream_status.as_ref()),
        text(line.latency_ms.as_ref()),
        text(line.request_bytes.as_ref()),
        text(line.reply_bytes.as_ref()),
        text(line.rows.as_ref()),
        text(line.complete.as_ref()),
        redactions.collect::<Vec<_>>().join(" "),
        text(line.result_digest.as_ref()),
        text(line.count.as_ref()),
        refusals.collect::<Vec<_>>().join(" "),
    ]
}

/// As the ledger spells it.
fn word(kind: Option<Kind>) -> String {
    let kind = kind.and_then(|kind| serde_json::to_value(kind).ok());
    kind.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Every field is quoted. One that a spreadsheet would take for a formula gets an apostrophe before it: clients choose their
/// own names, and shards the hosts that they ask for.
fn row(to: &mut dyn Write, fields: &[String]) -> io::Result<()> {
    let field = |text: &String| {
        let first = text.chars().find(|c| !c.is_whitespace());
        let armed = first
            .is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'));
        let guard = if armed { "'" } else { "" };
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    };
    let fields: Vec<_> = fields.iter().map(field).collect();
    write!(to, "{}\r\n", fields.join(","))
}
