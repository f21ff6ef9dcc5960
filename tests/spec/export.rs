//! The record in the forms that others read: whole, in their words, and nothing in it that acts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Nexus, mcp};

/// A call that succeeds, one that is refused, one of a tool that does not exist, one whose guest fails, a peer, an artifact.
fn busy() -> Nexus {
    let nexus = Nexus::identity().with_guest("hostile").with_guest("relay").set("reports.folder", "reports");
    for (tool, arguments) in [
        ("entra_list_users", json!({ "limit": 1 })),
        ("entra_list_users", json!({ "limit": 0 })),
        ("nobody_has_this", json!({})),
        ("hostile_trap", json!({})),
        (
            "relay_ask",
            json!({ "calls": [{ "tool": "entra_get_user", "arguments": "{\"user_id_or_upn\":\"alice.johnson@nexus.corp\"}" }] }),
        ),
        ("relay_keep", json!({ "artifacts": [{ "name": "a.txt", "media_type": "text/plain", "text": "x" }] })),
    ] {
        nexus.call(tool, arguments);
    }
    nexus
}

fn export(nexus: &Nexus, args: &[&str]) -> String {
    let ran = nexus.run(&[&["audit", "export", "--schema"], args].concat());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.stdout
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn schema_1_has_the_earlier_systems_fields_one_line_a_call() {
    let nexus = busy();
    let lines = objects(&export(&nexus, &["v1"]));
    let fields = [
        "event_id",
        "timestamp",
        "schema_version",
        "source",
        "tool",
        "shard",
        "action_category",
        "args_summary",
        "mock_mode",
        "status",
        "latency_ms",
        "error_type",
        "error_message",
    ];
    for line in &lines {
        let names: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, fields);
        assert_eq!(line["schema_version"], "1");
        assert!(["success", "error"].contains(&line["status"].as_str().unwrap()), "{line:#}");
    }
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line["tool"].as_str().unwrap(), line["status"].as_str().unwrap(), line["error_type"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("entra_list_users", "success", None),
            ("entra_list_users", "error", Some("invalid-arguments")),
            ("nobody_has_this", "error", Some("unknown-tool")),
            ("hostile_trap", "error", Some("trap")),
            ("entra_get_user", "success", None),
            ("relay_ask", "success", None),
            ("relay_keep", "success", None),
        ]
    );
    assert_eq!(lines[0]["args_summary"], json!({ "limit": "1" }));
    assert_eq!(
        (&lines[0]["shard"], &lines[0]["action_category"], &lines[0]["mock_mode"]),
        (&json!("identity"), &json!("READ"), &json!(true))
    );
    assert!(lines[0]["latency_ms"].is_number());
}

#[test]
fn ocsf_has_an_api_activity_for_every_call_and_crossing() {
    let nexus = busy();
    let events = objects(&export(&nexus, &["ocsf"]));
    let ledger = nexus.ledger();
    let ended = ledger.iter().filter(|line| line.get("status").is_some()).count();
    assert_eq!(events.len(), ended);
    for event in &events {
        for (key, expected) in [("category_uid", 6), ("class_uid", 6003), ("severity_id", 1)] {
            assert_eq!(event[key], expected, "{event:#}");
        }
        let activity = event["activity_id"].as_u64().unwrap();
        assert_eq!(event["type_uid"], 600_300 + activity, "{event:#}");
        assert_eq!(event["metadata"]["version"], "1.3.0");
        assert!(event["time"].as_i64().unwrap() > 1_700_000_000_000, "{event:#}");
        for required in
            ["/actor/user/name", "/api/operation", "/metadata/product/name", "/metadata/uid", "/src_endpoint/name"]
        {
            assert!(event.pointer(required).is_some_and(Value::is_string), "{required}: {event:#}");
        }
        assert!(!event.to_string().contains("null"), "{event:#}");
    }
    let of =
        |kind: &str| events.iter().find(|event| event["unmapped"]["kind"] == kind).unwrap_or_else(|| panic!("{kind}"));
    let egress = of("egress");
    assert_eq!(egress["api"]["operation"], "GET /v1.0/users");
    assert_eq!(egress["dst_endpoint"], json!({ "hostname": "graph.microsoft.com", "port": 443 }));
    assert_eq!((&egress["activity_id"], &egress["status_id"]), (&json!(2), &json!(1)));
    assert_eq!(of("peer")["api"]["operation"], "entra_get_user");
    assert_eq!(of("artifact")["activity_id"], 1);
    let refused = events.iter().find(|event| event["status_code"] == "invalid-arguments").unwrap();
    assert_eq!((&refused["status_id"], &refused["status"]), (&json!(2), &json!("Failure")));
    // What left belongs to its call.
    let call = events.iter().find(|event| event["metadata"]["uid"] == egress["metadata"]["correlation_uid"]).unwrap();
    assert_eq!(call["api"]["operation"], "entra_list_users");
}

/// RFC 4180, as a spreadsheet reads it.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\r' if !quoted && chars.next_if_eq(&'\n').is_some() => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            c => field.push(c),
        }
    }
    assert!(field.is_empty() && row.is_empty(), "the last row does not end");
    rows
}

#[test]
fn csv_has_a_row_for_everything_and_no_cell_acts() {
    let nexus = busy();
    {
        let server = nexus.serve();
        let client = json!({ "io.modelcontextprotocol/clientInfo": { "name": "=HYPERLINK(\"http://evil.test\",\"x\"),\"", "version": "1" } });
        let params = json!({ "name": "entra_list_users", "arguments": { "limit": 1 }, "_meta": client });
        server.client().send(&mcp::request(1, "tools/call", params));
        // It dies with its entry of `start` alone; what it asked has ended.
        server.kill();
    }
    let rows = rows(&export(&nexus, &["csv"]));
    let head = rows[0].clone();
    assert!(rows.iter().all(|row| row.len() == head.len()), "{rows:#?}");
    let cells: Vec<BTreeMap<&str, &str>> = rows[1..]
        .iter()
        .map(|row| head.iter().map(String::as_str).zip(row.iter().map(String::as_str)).collect())
        .collect();
    let ledger = nexus.whole_ledger();
    let expected = ledger.iter().filter(|line| line["phase"] != "asked").count();
    assert_eq!(cells.len(), expected);
    let named = cells.iter().find(|row| row["client"].contains("HYPERLINK")).unwrap();
    assert!(named["client"].starts_with("'="), "{named:#?}");
    for row in &rows[1..] {
        for cell in row {
            assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{cell}");
        }
    }
    let users = cells.iter().find(|row| row["destination"].ends_with("/v1.0/users")).unwrap();
    assert_eq!((users["credential"], users["upstream_status"], users["status"]), ("graph", "200", "success"));
    let call = cells.iter().find(|row| row["kind"] == "call" && row["tool"] == "entra_list_users").unwrap();
    assert_eq!((call["args_summary"], call["rows"], call["complete"]), ("limit=1", "1", "false"));
}

#[test]
fn an_export_is_of_a_time_if_asked_and_of_a_form_that_there_is() {
    let nexus = busy();
    let all = objects(&export(&nexus, &["ocsf"]));
    let middle = all[all.len() / 2]["metadata"]["original_time"].as_str().unwrap().to_owned();
    let before = objects(&export(&nexus, &["ocsf", "--until", &middle]));
    let after = objects(&export(&nexus, &["ocsf", "--since", &middle]));
    assert_eq!([before.as_slice(), &after].concat(), all);
    for args in [
        &["audit", "export"][..],
        &["audit", "export", "--schema", "pdf"],
        &["audit", "export", "--schema", "v1", "--since", "now"],
    ] {
        assert_eq!(nexus.run(args).code, Some(2), "{args:?}");
    }
}
