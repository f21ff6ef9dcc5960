//! The ledger's lines at an OpenTelemetry collector: each as a log record, and each call and crossing as a span when it has
//! ended. A call's event id is the trace's id, so that traces, logs and ledger name each other.
//!
//! It reads the lines as they stand in the ledger, from a thread of its own. What the collector does not take is lost to it, and
//! counted in the ledger.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fmt, io, thread};

use bytes::Bytes;
use jiff::Timestamp;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{LogExporter, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use tokio::runtime::{Builder, Runtime};

use super::exit::Exit;
use super::settings::Settings;
use crate::audit::read::Line;
use crate::audit::{EventId, Kind, Mirror, Mirrored, Phase};
use crate::outbound::Outbound;
use crate::refusal::story;
use crate::wire::Collector;

/// So many lines go in one message.
const MOST: usize = 512;
/// And so long may a message take, attempts included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Entries that are open, for the beginnings of their spans. More than can be under way; those that a crash left open go.
const MOST_OPEN: usize = 65_536;

/// Starts a mirror at the collector of the settings.
pub(super) fn to_collector(endpoint: &str, settings: &Settings) -> Result<Mirror, Exit> {
    let bad = |error: &dyn std::error::Error| Exit::settings_of(&format!("audit.otlp {endpoint:?}"), error);
    let at = |signal: &str| format!("{}/v1/{signal}", endpoint.trim_end_matches('/'));
    let options = settings.network_options().map_err(|error| Exit::settings(&error))?;
    let collector = Arc::new(Collector::new(options).map_err(|error| bad(&error))?);
    let client = |signal: &str| {
        let to = Collector::address(&at(signal)).map_err(|error| bad(&error))?;
        Ok::<_, Exit>(Client { collector: Arc::clone(&collector), to: Arc::new(to) })
    };
    let resource = Resource::builder_empty()
        .with_service_name("nexus")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let mut logs = LogExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(PATIENCE)
        .with_http_client(client("logs")?)
        .with_endpoint(at("logs"))
        .build()
        .map_err(|error| bad(&error))?;
    let mut spans = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(PATIENCE)
        .with_http_client(client("traces")?)
        .with_endpoint(at("traces"))
        .build()
        .map_err(|error| bad(&error))?;
    logs.set_resource(&resource);
    spans.set_resource(&resource);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Exit::resource(&error))?;
    let (mirror, mirrored) = Mirror::new("otlp-lines-lost");
    let telling = Telling { logs, spans, runtime, open: Open::default(), failing: false };
    let spawned = thread::Builder::new().name("ledger-otlp".to_owned()).spawn(move || telling.run(&mirrored));
    spawned.map_err(|error: io::Error| Exit::resource(&error))?;
    Ok(mirror)
}

/// The host's own way out, for the exporter.
struct Client {
    collector: Arc<Collector>,
    to: Arc<Outbound>,
}

/// The exporter wants one; there is nothing to tell.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let reply = self.collector.post(&self.to, &head.headers, body).await.map_err(|error| story(&error))?;
        Ok(http::Response::builder().status(reply.status()).body(reply.body().clone())?)
    }
}

struct Telling {
    logs: LogExporter,
    spans: SpanExporter,
    runtime: Runtime,
    open: Open,
    /// The last message was not taken, and the operator knows.
    failing: bool,
}

impl Telling {
    fn run(mut self, mirrored: &Mirrored) {
        let provider = SdkLoggerProvider::builder().build();
        let logger = provider.logger("nexus.ledger");
        let scope = InstrumentationScope::builder("nexus.ledger").build();
        while let Some(first) = mirrored.next() {
            let (mut records, mut spans) = (Vec::new(), Vec::new());
            let mut lines = first;
            loop {
                for raw in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    let Ok(line) = serde_json::from_slice::<Line>(raw) else { continue };
                    let place = self.open.place(&line);
                    spans.extend(place.as_ref().and_then(|place| span(&line, place, &scope)));
                    records.push(record(&logger, raw, &line, place.as_ref()));
                    self.open.keep(line, place);
                }
                match mirrored.more().filter(|_| records.len() < MOST) {
                    Some(more) => lines = more,
                    None => break,
                }
            }
            mirrored.lose(self.tell(&records, spans, &scope));
        }
    }

    /// Returns how many lines were lost.
    fn tell(&mut self, records: &[SdkLogRecord], spans: Vec<SpanData>, scope: &InstrumentationScope) -> u64 {
        let batch: Vec<_> = records.iter().map(|record| (record, scope)).collect();
        let n_spans = spans.len();
        let told = self.runtime.block_on(async {
            let logs = self.logs.export(LogBatch::new(&batch)).await;
            let spans = if spans.is_empty() { Ok(()) } else { self.spans.export(spans).await };
            (logs, spans)
        });
        let (lost, error) = match told {
            (Ok(()), Ok(())) => (0, None),
            (Err(error), _) => (records.len(), Some(error)),
            (Ok(()), Err(error)) => (n_spans, Some(error)),
        };
        if let Some(error) = &error
            && !self.failing
        {
            tracing::warn!(%error, "the collector does not take the ledger's lines: they are counted as lost");
        }
        self.failing = error.is_some();
        lost as u64
    }
}

/// Where a line belongs: its trace, its own span, the one it is part of, and when it was asked.
struct Place {
    trace: TraceId,
    span: SpanId,
    parent: SpanId,
    asked_at: Option<SystemTime>,
}

/// What is under way.
#[derive(Default)]
struct Open(HashMap<EventId, (TraceId, Option<SystemTime>)>);

impl Open {
    fn place(&self, line: &Line) -> Option<Place> {
        let id = line.event_id?;
        let known = self.0.get(&id);
        // A call of a peer is in the trace of the call that made it.
        let trace = known
            .map(|(trace, _)| *trace)
            .or_else(|| Some(self.0.get(&line.parent_id?)?.0))
            .unwrap_or_else(|| TraceId::from_bytes(line.parent_id.unwrap_or(id).to_bytes()));
        let parent = line.parent_id.map_or(SpanId::INVALID, span_id);
        Some(Place { trace, span: span_id(id), parent, asked_at: known.and_then(|(_, at)| *at) })
    }

    fn keep(&mut self, line: Line, place: Option<Place>) {
        match (line.phase, line.event_id, place) {
            (Some(Phase::Asked), Some(id), Some(place)) => {
                if self.0.len() >= MOST_OPEN {
                    self.0.clear();
                }
                self.0.insert(id, (place.trace, moment(&line.timestamp)));
            }
            (Some(Phase::Ended | Phase::Abandoned), Some(id), _) => drop(self.0.remove(&id)),
            (_, _, _) => {}
        }
    }
}

/// The half of an event id that differs between any two of them.
fn span_id(id: EventId) -> SpanId {
    let [.., a, b, c, d, e, f, g, h] = id.to_bytes();
    SpanId::from_bytes([a, b, c, d, e, f, g, h])
}

fn moment(timestamp: &str) -> Option<SystemTime> {
    Some(timestamp.parse::<Timestamp>().ok()?.into())
}

/// The line itself is the body.
fn record(logger: &SdkLogger, raw: &[u8], line: &Line, place: Option<&Place>) -> SdkLogRecord {
    let mut record = logger.create_log_record();
    record.set_event_name("nexus.ledger.line");
    let at = moment(&line.timestamp).unwrap_or(SystemTime::UNIX_EPOCH);
    record.set_timestamp(at);
    record.set_observed_timestamp(at);
    let (severity, text) = match line.status.as_deref() {
        Some("error" | "abandoned") => (Severity::Error, "ERROR"),
        Some("refused") => (Severity::Warn, "WARN"),
        Some(_) | None => (Severity::Info, "INFO"),
    };
    record.set_severity_number(severity);
    record.set_severity_text(text);
    record.set_body(AnyValue::String(String::from_utf8_lossy(raw).into_owned().into()));
    record.add_attribute("nexus.seq", i64::try_from(line.seq).unwrap_or(i64::MAX));
    for (name, value) in attributes(line) {
        record.add_attribute(name, value);
    }
    if let Some(place) = place {
        record.set_trace_context(place.trace, place.span, Some(TraceFlags::SAMPLED));
    }
    record
}

/// A call or crossing that has ended, or was abandoned.
fn span(line: &Line, place: &Place, scope: &InstrumentationScope) -> Option<SpanData> {
    let (Phase::Ended | Phase::Abandoned) = line.phase? else { return None };
    let end_time = moment(&line.timestamp)?;
    let took = Duration::try_from_secs_f64(line.latency_ms.unwrap_or_default() / 1000.0).unwrap_or_default();
    let kind = line.kind?;
    let span_kind = match kind {
        Kind::Call => SpanKind::Server,
        Kind::Egress | Kind::Directory | Kind::Token => SpanKind::Client,
        Kind::Peer | Kind::Artifact => SpanKind::Internal,
        Kind::LogSuppressed | Kind::RefusedAgain | Kind::Admin | Kind::Checkpoint | Kind::Start | Kind::Stop => {
            return None;
        }
    };
    let name = line.tool.clone().filter(|_| kind == Kind::Call);
    let status = match line.status.as_deref() {
        Some("success") => Status::Ok,
        Some(other) => {
            Status::error(line.refusal.as_deref().or(line.error_type.as_deref()).unwrap_or(other).to_owned())
        }
        None => Status::Unset,
    };
    let attributes = attributes(line).into_iter().map(|(name, value)| KeyValue::new(name, value)).collect();
    Some(SpanData {
        span_context: SpanContext::new(place.trace, place.span, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: place.parent,
        parent_span_is_remote: false,
        span_kind,
        name: name.unwrap_or_else(|| word(kind)).into(),
        start_time: place.asked_at.unwrap_or(end_time - took),
        end_time,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: scope.clone(),
    })
}

/// Names and codes, under the names of OpenTelemetry where it has one.
fn attributes(line: &Line) -> Vec<(&'static str, String)> {
    let to = line.destination.as_ref();
    let all = [
        ("nexus.kind", line.kind.map(word)),
        ("nexus.event_id", line.event_id.map(|id| id.to_string())),
        ("nexus.shard", line.shard.clone()),
        ("gen_ai.tool.name", line.tool.clone()),
        ("nexus.status", line.status.clone()),
        ("nexus.refusal", line.refusal.clone()),
        ("error.type", line.error_type.clone()),
        ("nexus.code", line.code.clone()),
        ("nexus.principal", line.principal.clone()),
        ("nexus.mock", line.mock_mode.map(|mock| mock.to_string())),
        ("server.address", to.map(|to| to.host.clone())),
        ("http.request.method", to.map(|to| to.method.clone())),
        ("url.template", to.and_then(|to| to.template.clone())),
        ("http.response.status_code", line.upstream_status.map(|status| status.to_string())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// As the ledger spells it.
fn word(kind: Kind) -> String {
    serde_json::to_value(kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default()
}
