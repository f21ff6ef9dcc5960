//! The schema of the ledger: what is written fits it, what is documented fits it, and it lets nothing else pass.

use std::collections::BTreeSet;
use std::fs;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::{Nexus, repo};

fn schema() -> Validator {
    let text = fs::read_to_string(repo().join("docs/ledger.schema.json")).unwrap();
    jsonschema::draft202012::new(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[track_caller]
fn check(schema: &Validator, line: &Value) {
    let problems: Vec<_> =
        schema.iter_errors(line).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{line:#}\n{problems:#?}");
}

/// The examples in the document, by kind and phase.
fn examples() -> Vec<Value> {
    let text = fs::read_to_string(repo().join("docs/ledger.md")).unwrap();
    text.lines().filter(|line| line.starts_with("{\"seq\"")).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_kind_of_line_is_documented_with_one_that_fits_the_schema() {
    let schema = schema();
    let mut seen = BTreeSet::new();
    for line in examples() {
        check(&schema, &line);
        seen.insert(line["kind"].as_str().unwrap().to_owned());
    }
    let text = fs::read_to_string(repo().join("docs/ledger.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let kinds = schema["properties"]["kind"]["enum"].as_array().unwrap();
    let kinds: BTreeSet<_> = kinds.iter().map(|kind| kind.as_str().unwrap().to_owned()).collect();
    assert_eq!(seen, kinds);
    // Nor is a field of the schema left out of the document.
    let document = fs::read_to_string(repo().join("docs/ledger.md")).unwrap();
    for field in schema["properties"].as_object().unwrap().keys() {
        assert!(document.contains(&format!("`{field}`")), "{field} is not in docs/ledger.md");
    }
}

#[test]
fn whatever_is_done_the_lines_fit_the_schema() {
    let nexus = Nexus::whole().with_guest("hostile").with_guest("relay").set("reports.folder", "reports");
    for (tool, arguments) in [
        ("entra_list_users", json!({ "limit": 1 })),
        ("entra_list_users", json!({ "limit": 0 })),
        ("ad_list_users", json!({})),
        ("generate_drift_report", json!({})),
        ("check_system_health", json!({})),
        ("nexus_audit_stats", json!({})),
        ("nobody_has_this", json!({})),
        ("hostile_fetch", json!({ "method": "GET", "url": "https://evil.test/" })),
        ("hostile_fetch", json!({ "method": "GET", "url": "https://[::1" })),
        (
            "hostile_search",
            json!({ "server": "ad", "base": "DC=evil", "scope": "subtree", "attribute": "cn", "value": "x", "attributes": ["cn"] }),
        ),
        ("hostile_loop", json!({})),
        ("hostile_trap", json!({})),
        ("hostile_log", json!({ "text": "flood", "lines": 402 })),
        ("hostile_flood", json!({ "n": 40 })),
        (
            "relay_ask",
            json!({ "calls": [{ "tool": "a tool", "arguments": "{}" }, { "tool": "entra_get_user", "arguments": "{}" }] }),
        ),
        (
            "relay_keep",
            json!({ "artifacts": [{ "name": "a.txt", "media_type": "text/plain", "text": "x" }, { "name": "../a", "media_type": "text/plain", "text": "x" }] }),
        ),
        ("relay_latest", json!({ "name_prefix": "a", "media_type": "text/plain" })),
    ] {
        nexus.call(tool, arguments);
    }
    let schema = schema();
    nexus.run(&["audit", "stats"]);
    nexus.call("nexus_audit_stats", json!({}));
    let ledger = nexus.whole_ledger();
    let kinds: BTreeSet<_> = ledger.iter().map(|line| line["kind"].as_str().unwrap().to_owned()).collect();
    for kind in [
        "call",
        "egress",
        "directory",
        "peer",
        "artifact",
        "log-suppressed",
        "refused-again",
        "admin",
        "checkpoint",
        "start",
        "stop",
    ] {
        assert!(kinds.contains(kind), "nothing of kind {kind} was written: {kinds:?}");
    }
    for line in &ledger {
        check(&schema, line);
    }
}

#[test]
fn the_schema_lets_no_other_line_pass() {
    let schema = schema();
    let whole = examples().into_iter().find(|line| line["kind"] == "call" && line["phase"] == "ended").unwrap();
    for (key, value) in [
        ("seq", json!(0)),
        ("seq", json!("1")),
        ("schema_version", json!("1")),
        ("kind", json!("mail")),
        ("event_id", json!("1")),
        ("timestamp", json!("2026-11-24T12:25:14Z")),
        ("phase", json!("done")),
        ("phase", json!("asked")),
        ("status", json!("good")),
        ("status", json!("refused")),
        ("status", json!(null)),
        ("args_summary", json!("limit=1")),
        ("result_digest", json!("b3c2")),
        ("prev", json!("00")),
        ("redactions", json!({})),
        ("redactions", json!({ "jwt": 0 })),
        ("email", json!("somebody@example.com")),
        ("destination", json!({ "host": "x" })),
    ] {
        let mut line = whole.clone();
        line[key] = value.clone();
        assert!(!schema.is_valid(&line), "{key} = {value}");
    }
    for key in ["seq", "event_id", "kind", "timestamp", "prev", "status", "latency_ms"] {
        let mut line = whole.clone();
        line.as_object_mut().unwrap().remove(key);
        assert!(!schema.is_valid(&line), "without {key}");
    }
}
