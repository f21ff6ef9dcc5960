//! Calls of other shards' tools: only what the manifest names, for the same person, within the caller's time, on record.

use serde_json::{Value, json};

use crate::support::{Nexus, guest, shards};

/// Nexus with both guests that ask, the hostile one, and identity.
fn nexus() -> Nexus {
    Nexus::identity().with_guest("relay").with_guest("distant").with_guest("hostile")
}

fn one(tool: &str, arguments: &Value) -> Value {
    json!({ "tool": tool, "arguments": arguments.to_string() })
}

/// What became of one call that `relay` makes.
fn ask(nexus: &Nexus, tool: &str, arguments: &Value) -> Value {
    nexus.call("relay_ask", json!({ "calls": [one(tool, arguments)] })).data()["answers"][0].clone()
}

#[test]
fn a_peer_answers_as_it_answers_a_client() {
    let nexus = nexus();
    let asked = ask(&nexus, "entra_list_users", &json!({ "limit": 2 }));
    let direct = nexus.call("entra_list_users", json!({ "limit": 2 }));
    let text: Value = serde_json::from_str(asked["text"].as_str().unwrap()).unwrap();
    assert_eq!(&text, direct.data());
    for (key, expected) in [
        ("complete", json!(false)),
        ("notes", direct.answer["notes"].clone()),
        ("source", json!("mock")),
        ("as_of", direct.answer["as_of"].clone()),
        ("refusal", json!(null)),
        ("error", json!(null)),
    ] {
        assert_eq!(asked[key], expected, "{key}: {asked:#}");
    }
    // Its own call is on record, under the crossing, under the caller's call.
    let ledger = nexus.ledger();
    let line = |id: &Value| ledger.iter().find(|line| line["event_id"] == *id && line["phase"] == "asked").unwrap();
    let inner = line(&asked["call_id"]);
    assert_eq!(
        (&inner["kind"], &inner["tool"], &inner["shard"]),
        (&json!("call"), &json!("entra_list_users"), &json!("identity"))
    );
    let crossing = line(&inner["parent_id"]);
    assert_eq!(
        (&crossing["kind"], &crossing["peer"], &crossing["shard"]),
        (&json!("peer"), &json!("entra_list_users"), &json!("relay"))
    );
    let outer = line(&crossing["parent_id"]);
    assert_eq!((&outer["kind"], &outer["tool"]), (&json!("call"), &json!("relay_ask")));
    for line in [inner, crossing, outer] {
        assert_eq!((&line["principal"], &line["mock_mode"]), (&outer["principal"], &json!(true)), "{line:#}");
    }
    let ended =
        ledger.iter().find(|line| line["event_id"] == crossing["event_id"] && line["phase"] == "ended").unwrap();
    assert_eq!(
        (&ended["status"], &ended["rows"], &ended["complete"]),
        (&json!("success"), &json!(2), &json!(false)),
        "{ended:#}"
    );
}

#[test]
fn only_what_the_manifest_names_is_called_and_a_denial_says_what_would_allow_it() {
    let nexus = nexus();
    for (tool, code) in [
        ("entra_list_groups", "not-granted"),
        ("ad_list_users", "not-granted"),
        ("entra_list_users ", "not-granted"),
        ("Entra_list_users", "not-granted"),
        ("entra_list_users\0", "not-granted"),
        ("entra_*", "not-granted"),
        ("", "not-granted"),
        ("relay_ask", "not-granted"),
        ("AKIAIOSFODNN7EXAMPLE", "not-granted"),
    ] {
        let called = nexus.call("relay_ask", json!({ "calls": [one(tool, &json!({}))] }));
        assert_eq!(called.data()["answers"][0]["refusal"], code, "{tool:?}");
        let ledger = nexus.ledger();
        let last = ledger.iter().rfind(|line| line["kind"] == "peer" && line["phase"] == "ended").unwrap();
        assert_eq!((&last["status"], &last["refusal"]), (&json!("refused"), &json!(code)), "{tool:?}");
        assert!(!serde_json::to_string(&ledger).unwrap().contains("AKIA"), "{tool:?}");
    }
    let called = nexus.call("relay_ask", json!({ "calls": [one("entra_list_groups", &json!({}))] }));
    let suggestion = called.answer["crossings"][0]["verdict"]["refused"]["suggestion"].as_str().unwrap();
    let line = suggestion.split('#').next().unwrap().trim();
    // The line it suggests, in its place, allows it.
    let allowing = Nexus::identity().with_shard_as(&guest("relay"), "relay", |manifest| {
        manifest.replace("tools = [\"distant_ask\"", &format!("tools = [{line}, \"distant_ask\""))
    });
    let answered = ask(&allowing, "entra_list_groups", &json!({}));
    assert_eq!(answered["refusal"], Value::Null, "{answered:#}");
}

#[test]
fn a_peers_own_errors_come_back_as_its_errors() {
    let nexus = nexus();
    for (tool, arguments, key, expected) in [
        ("entra_list_users", json!({ "limit": 0 }), "error", "/limit"),
        ("entra_list_users", json!({ "nobody": 1 }), "error", "the arguments"),
        ("entra_get_user", json!({ "user_id_or_upn": "nobody@nexus.corp" }), "error", "no user"),
        ("nobody_serves_this", json!({}), "error", "is not served"),
        ("entra_list_users", json!([]), "refusal", "malformed"),
        ("entra_list_users", json!(null), "refusal", "malformed"),
        ("entra_get_user", json!({ "user_id_or_upn": "AKIAIOSFODNN7EXAMPLE" }), "refusal", "leak"),
        ("entra_get_user", json!({ "user_id_or_upn": "AKIA\u{49}OSFODNN7EXAMPLE" }), "refusal", "leak"),
    ] {
        let answer = ask(&nexus, tool, &arguments);
        assert!(answer[key].as_str().is_some_and(|text| text.contains(expected)), "{tool} {arguments}: {answer:#}");
        assert_eq!(answer["text"], Value::Null);
    }
}

#[test]
fn calls_do_not_go_in_circles() {
    let nexus = nexus();
    let back = json!({ "calls": [one("relay_ask", &json!({ "calls": [] }))] });
    let answer = ask(&nexus, "distant_ask", &back);
    let inner: Value = serde_json::from_str(answer["text"].as_str().unwrap()).unwrap();
    assert_eq!(inner["answers"][0]["refusal"], "not-granted", "{inner:#}");
    // The same call is allowed where nobody waits for it.
    let direct = nexus.call("distant_ask", back);
    assert_eq!(direct.data()["answers"][0]["refusal"], Value::Null, "{direct:#?}");
}

#[test]
fn calls_of_peers_are_counted() {
    let nexus = nexus();
    let calls: Vec<_> = (0..8).map(|_| one("entra_list_users", &json!({ "limit": 1 }))).collect();
    let called = nexus.call("relay_ask", json!({ "calls": calls }));
    let answers = called.data()["answers"].as_array().unwrap().clone();
    let refused = answers.iter().filter(|answer| answer["refusal"] == "over-budget").count();
    assert_eq!((answers.len(), refused), (8, 2), "{answers:#?}");
    let done = answers.iter().filter(|answer| answer["text"].is_string()).count();
    assert_eq!(done, 6);
    // A refused one is on record too.
    let asked = nexus.ledger().iter().filter(|line| line["kind"] == "peer" && line["phase"] == "asked").count();
    assert_eq!(asked, 8);
}

#[test]
fn a_peer_has_what_is_left_of_its_callers_time() {
    let nexus = nexus();
    let later = json!({ "calls": [] });
    let answer = ask(&nexus, "distant_ask", &json!({ "calls": [one("hostile_sleep", &later)] }));
    let inner: Value = serde_json::from_str(answer["text"].as_str().unwrap()).unwrap();
    // Its own manifest says 60 s, its caller's 5 s.
    assert!(inner["answers"][0]["remaining_ms"].as_u64().unwrap() <= 5_000, "{inner:#}");

    let nexus = Nexus::new()
        .with_guest("hostile")
        .with_shard_as(&guest("distant"), "distant", |manifest| manifest.replace("\"60s\"", "\"1s\""));
    let called = nexus.call("distant_ask", json!({ "calls": [one("hostile_sleep", &json!({}))] }));
    assert_eq!(called.error(), "deadline", "{called:#?}");
    let ledger = nexus.ledger();
    let open = ledger.iter().filter(|line| line["phase"] == "asked").count();
    let closed = ledger.iter().filter(|line| line["phase"] == "ended" || line["phase"] == "abandoned").count();
    assert_eq!(open, closed, "{ledger:#?}");
}

#[test]
fn a_shard_that_imports_peers_without_a_grant_stays_out() {
    for (table, key) in [("[peers]", "[peers]"), ("[artifacts]", "[artifacts]")] {
        let nexus = Nexus::new().with_shard_as(&guest("relay"), "relay", |manifest| {
            let (before, rest) = manifest.split_once(table).unwrap();
            let after = rest.split_once("\n[").unwrap().1;
            format!("{before}[{after}")
        });
        let listed: Value = serde_json::from_str(&nexus.run(&["shards", "--json"]).stdout).unwrap();
        let reason = listed["left_out"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("does not grant") && reason.contains(key), "{reason}");
    }
}

#[test]
fn a_bad_grant_of_peers_or_artifacts_is_an_error_with_its_line() {
    for (from, to, told) in [
        ("calls = 6", "calls = 0", "calls 0: expected 1 to 1000"),
        ("calls = 6", "calls = 1001", "calls 1001: expected 1 to 1000"),
        ("concurrency = 2", "concurrency = 17", "concurrency 17: expected 1 to 16"),
        ("concurrency = 2", "at-once = 2", "unknown field"),
        ("\"distant_ask\", ", "\"relay_keep\", ", "is a tool of this shard"),
        ("\"distant_ask\", ", "\"distant_*\", ", "tool name"),
        ("\"text/plain\", ", "\"text\", ", "expected lower case without parameters"),
        ("\"text/plain\", ", "\"Text/Plain\", ", "expected lower case without parameters"),
        ("\"text/plain\", ", "\"text/plain; charset=utf-8\", ", "expected lower case without parameters"),
        ("bytes = \"1KiB\"", "bytes = \"0B\"", "bytes \"0B\""),
        ("bytes = \"1KiB\"", "bytes = \"65MiB\"", "1B to 64MiB"),
        ("count = 4", "count = 101", "count 101: expected 1 to 100"),
        ("[\"text/plain\", \"text/html\"]", "[]", "media-types is empty"),
    ] {
        let nexus = Nexus::new().with_shard_as(&guest("relay"), "relay", |manifest| {
            assert!(manifest.contains(from), "{from}");
            manifest.replace(from, to)
        });
        let listed: Value = serde_json::from_str(&nexus.run(&["shards", "--json"]).stdout).unwrap();
        let reason = listed["left_out"][0]["reason"].as_str().unwrap_or_else(|| panic!("{to}: {listed:#}"));
        assert!(reason.contains("shard.toml:") && reason.contains(told), "{to}: {reason}");
    }
}

#[test]
fn a_disabled_peer_is_an_error_and_not_an_empty_list() {
    let nexus = Nexus::new().with_guest("relay").with_shard(&shards().join("identity")).env("ENABLE_IDENTITY", "false");
    let answer = ask(&nexus, "entra_list_users", &json!({}));
    assert!(answer["error"].as_str().unwrap().contains("is not served"), "{answer:#}");
}
