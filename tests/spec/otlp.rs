//! The ledger's lines at an OpenTelemetry collector: the same as in the ledger, never in a call's way, and what is lost is counted.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};

use crate::support::{Nexus, eventually};

/// Path and body.
type Request = (String, Vec<u8>);

/// A collector on a free port.
struct Collector {
    url: String,
    got: Arc<Mutex<Vec<Request>>>,
}

impl Collector {
    /// `answer` is a status line, or nothing for one that never answers.
    fn start(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got = Arc::<Mutex<Vec<_>>>::default();
        let kept = Arc::clone(&got);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(answer) = answer else {
                    silent.push(stream);
                    continue;
                };
                if let Some(request) = read(&stream) {
                    kept.lock().unwrap().push(request);
                }
                let reply = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                drop((&stream).write_all(reply.as_bytes()));
            }
        });
        Self { url, got }
    }

    fn logs(&self) -> Vec<LogRecord> {
        let got = self.got.lock().unwrap();
        let logs = got.iter().filter(|(path, _)| path == "/v1/logs");
        let all = logs.map(|(_, body)| ExportLogsServiceRequest::decode(body.as_slice()).unwrap());
        let scopes = all.flat_map(|request| request.resource_logs).flat_map(|resource| resource.scope_logs);
        scopes.flat_map(|scope| scope.log_records).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let got = self.got.lock().unwrap();
        let traces = got.iter().filter(|(path, _)| path == "/v1/traces");
        let all = traces.map(|(_, body)| ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
        let scopes = all.flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut from = BufReader::new(stream);
    let mut line = String::new();
    from.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        from.read_line(&mut line).ok()?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(found) = header.strip_prefix("content-length: ") {
            length = found.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    Some((path, body))
}

fn text(value: Option<&Any>) -> String {
    let Some(Any::StringValue(text)) = value else { panic!("{value:?}") };
    text.clone()
}

#[test]
fn each_line_arrives_as_it_stands_and_each_call_is_a_trace() {
    let collector = Collector::start(Some("200 OK"));
    let nexus = Nexus::whole().set("audit.otlp", collector.url.as_str());
    nexus.call("entra_list_users", json!({ "limit": 1 })).data();
    nexus.call("entra_list_users", json!({ "limit": 0 }));
    let lines = nexus.whole_ledger();
    let bodies: Vec<Value> = collector
        .logs()
        .iter()
        .map(|log| serde_json::from_str(&text(log.body.as_ref().and_then(|body| body.value.as_ref()))).unwrap())
        .collect();
    assert_eq!(bodies, lines, "all of them, the last ones too");

    let spans = collector.spans();
    let ended: Vec<_> = lines.iter().filter(|line| line["phase"] == "ended").collect();
    assert_eq!(spans.len(), ended.len());
    let hex_id = |line: &Value, key: &str| line[key].as_str().unwrap().replace('-', "");
    for (span, line) in spans.iter().zip(&ended) {
        let root = if line["kind"] == "call" { hex_id(line, "event_id") } else { hex_id(line, "parent_id") };
        assert_eq!(hex::encode(&span.trace_id), root, "{line}");
        assert_eq!(hex::encode(&span.span_id), hex_id(line, "event_id")[16..], "{line}");
        let took = (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e6;
        assert!((took - line["latency_ms"].as_f64().unwrap()).abs() < 1000.0, "{took} {line}");
    }
    let [egress, call, refused] = spans.as_slice() else { panic!("{spans:#?}") };
    assert_eq!((egress.name.as_str(), call.name.as_str()), ("egress", "entra_list_users"));
    assert_eq!(egress.parent_span_id, call.span_id);
    assert!(call.parent_span_id.is_empty());
    assert_eq!(refused.status.as_ref().unwrap().message, "invalid-arguments");
    let logs = collector.logs();
    let traces: BTreeSet<_> = logs.iter().map(|log| &log.trace_id).filter(|trace| **trace == call.trace_id).collect();
    assert_eq!(traces.len(), 1, "logs name the trace");
    let severities: BTreeSet<_> = logs.iter().map(|log| log.severity_text.as_str()).collect();
    assert_eq!(severities, ["INFO", "WARN"].into());
}

#[test]
fn a_call_of_a_peer_is_in_the_trace_of_the_call_that_made_it() {
    let collector = Collector::start(Some("200 OK"));
    let nexus = Nexus::whole().set("audit.otlp", collector.url.as_str()).set("reports.folder", "reports");
    nexus.call("generate_asset_reconciliation_report", json!({})).data();
    let spans = collector.spans();
    assert!(spans.len() > 8);
    let traces: BTreeSet<_> = spans.iter().map(|span| span.trace_id.clone()).collect();
    assert_eq!(traces.len(), 1, "{spans:#?}");
    let ids: BTreeSet<_> = spans.iter().map(|span| span.span_id.clone()).collect();
    let roots: Vec<_> = spans.iter().filter(|span| !ids.contains(&span.parent_span_id)).collect();
    assert_eq!(roots.len(), 1);
    assert_eq!(roots[0].name, "generate_asset_reconciliation_report");
}

fn lost(nexus: &Nexus) -> u64 {
    let lines = nexus.whole_ledger();
    lines.iter().filter(|line| line["code"] == "otlp-lines-lost").map(|line| line["count"].as_u64().unwrap()).sum()
}

#[test]
fn a_collector_that_is_down_or_refuses_costs_lines_and_no_call() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    for url in [nobody, Collector::start(Some("400 Bad Request")).url] {
        let nexus = Nexus::identity().set("audit.otlp", url.as_str()).set("audit.checkpoint-seconds", 1);
        let server = nexus.serve();
        server.client().call("entra_list_users", json!({ "limit": 1 }));
        eventually("the count of what was lost", || lost(&nexus) > 0);
        server.stop();
        assert_eq!(nexus.run(&["audit", "verify"]).code, Some(0));
    }
}

#[test]
fn a_collector_that_never_answers_delays_nobody() {
    let collector = Collector::start(None);
    let nexus = Nexus::identity().set("audit.otlp", collector.url.as_str());
    let start = Instant::now();
    nexus.call("entra_list_users", json!({ "limit": 1 })).data();
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert_eq!(nexus.run(&["audit", "verify"]).code, Some(0));
}

#[test]
fn a_collector_is_named_so_that_it_can_be_reached_or_nothing_starts() {
    for (url, told) in [
        ("127.0.0.1:4318", "audit.otlp"),
        ("ftp://127.0.0.1", "audit.otlp"),
        ("http://user:pass@127.0.0.1", "audit.otlp"),
        ("", "audit.otlp"),
    ] {
        let ran = Nexus::identity().set("audit.otlp", url).run(&["shards"]);
        assert_eq!(ran.code, Some(3), "{url}: {ran:#?}");
        assert!(ran.stderr.contains(told), "{url}: {ran:#?}");
    }
}
