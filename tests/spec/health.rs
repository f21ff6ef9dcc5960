//! `check_system_health`: which systems answer, without saying that one is well that was not asked.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Nexus, guest, shards};

fn states(data: &Value) -> BTreeMap<String, String> {
    let told = |one: &Value| (one["system"].as_str().unwrap().to_owned(), one["state"].as_str().unwrap().to_owned());
    data["systems"].as_array().unwrap().iter().map(told).collect()
}

/// From now on.
fn fault(route: &str, status: i64) -> toml::Value {
    let text = format!("route = \"{route}\"\ntimes = 0\ndoes = {{ status = {{ status = {status} }} }}");
    toml::from_str::<toml::Table>(&text).unwrap().into()
}

#[test]
fn each_system_is_asked_once_by_an_ordinary_call() {
    let nexus = Nexus::whole();
    let called = nexus.call("check_system_health", json!({}));
    let data = called.data();
    let all =
        ["Active Directory", "BMC Helix ITSM", "Lansweeper", "Microsoft Entra ID", "Microsoft Intune", "Workday HCM"];
    assert_eq!(states(data), all.map(|name| (name.to_owned(), "up".to_owned())).into(), "{data:#}");
    assert_eq!(data["source"], "mock");
    let ledger = nexus.ledger();
    for system in data["systems"].as_array().unwrap() {
        let probe =
            ledger.iter().find(|line| line["event_id"] == system["event_id"] && line["phase"] == "asked").unwrap();
        assert_eq!((&probe["tool"], &probe["kind"]), (&system["tool"], &json!("call")), "{system:#}");
        assert_eq!(probe["parent_id"], called.answer["event_id"], "{system:#}");
        assert!(system["latency_ms"].is_number() && system["as_of"].is_string(), "{system:#}");
    }
    let own = ledger.iter().find(|line| line["tool"] == "check_system_health" && line["phase"] == "asked").unwrap();
    assert_eq!((&own["shard"], &own["action_category"]), (&json!("nexus"), &json!("READ")), "{own:#}");
}

#[test]
fn a_system_that_fails_is_down_one_that_says_no_is_refusing_and_the_others_are_up() {
    let faults = vec![fault("graph/users", 503), fault("helix/incidents", 500), fault("lansweeper/graphql", 403)];
    let nexus = Nexus::whole().set("mock-upstreams.faults", faults);
    let called = nexus.call("check_system_health", json!({}));
    let data = called.data();
    let states = states(data);
    for (system, state) in [
        ("Microsoft Entra ID", "down"),
        ("BMC Helix ITSM", "down"),
        ("Lansweeper", "refusing"),
        ("Workday HCM", "up"),
        ("Microsoft Intune", "up"),
        ("Active Directory", "up"),
    ] {
        assert_eq!(states[system], state, "{data:#}");
    }
    let down = data["systems"].as_array().unwrap().iter().find(|one| one["system"] == "Microsoft Entra ID").unwrap();
    assert_eq!(down["code"], "upstream", "{down:#}");
    assert!(down["message"].as_str().unwrap().contains("503"), "{down:#}");
}

#[test]
fn what_was_not_asked_is_not_well() {
    // One shard is off, one cannot serve, one has no probe.
    let nexus = Nexus::identity()
        .with_shard(&shards().join("workday"))
        .with_guest("relay")
        .with_shard_as(&guest("hostile"), "hostile", |_| "[shard]\nname = \"hostile\"".into())
        .env("ENABLE_WORKDAY", "false");
    let called = nexus.call("check_system_health", json!({}));
    assert_eq!(called.answer["complete"], false, "{called:#?}");
    let data = called.answer["data"].clone();
    let shards: BTreeMap<_, _> =
        data["shards"].as_array().unwrap().iter().map(|one| (one["shard"].as_str().unwrap(), one)).collect();
    assert_eq!(shards["workday"]["state"], "off");
    assert_eq!(shards["hostile"]["state"], "left-out");
    assert_eq!((&shards["relay"]["state"], &shards["relay"]["probes"]), (&json!("serving"), &json!(0)));
    assert_eq!(states(&data).len(), 2, "{data:#}");
    // Reasons name files of the operator's.
    assert!(!data.to_string().contains("shard.toml"), "{data:#}");
}

#[test]
fn the_hosts_own_tools_are_listed_with_the_others_and_their_results_fit_their_schemas() {
    let nexus = Nexus::whole();
    let server = nexus.serve();
    let client = server.client();
    let listed = client.rpc("tools/list", json!({}))["result"].clone();
    let tools = listed["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for name in ["check_system_health", "nexus_audit_recent", "nexus_audit_stats"] {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        let result = client.call(name, json!({}));
        let schema = jsonschema::validator_for(&tool["outputSchema"]).unwrap();
        let problems: Vec<_> =
            schema.iter_errors(&result["structuredContent"]).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{name}: {problems:#?}");
    }
    let refused = client.call("check_system_health", json!({ "systems": ["Workday"] }));
    assert_eq!(refused["isError"], true, "{refused:#}");
}

#[test]
fn no_shard_passes_for_the_host() {
    for (from, to, told) in [
        ("name = \"relay\"", "name = \"nexus\"", "the host's own name"),
        ("tools-prefix = [\"relay_\"]", "tools-prefix = [\"relay_\", \"check_\"]", "the host's own"),
        ("tools-prefix = [\"relay_\"]", "tools-prefix = [\"relay_\", \"check_system_\"]", "the host's own"),
        ("tools-prefix = [\"relay_\"]", "tools-prefix = [\"relay_\", \"nexus_\"]", "the host's own"),
    ] {
        let nexus = Nexus::new().with_shard_as(&guest("relay"), "relay", |manifest| manifest.replace(from, to));
        let listed: Value = serde_json::from_str(&nexus.run(&["shards", "--json"]).stdout).unwrap();
        let reason = listed["left_out"][0]["reason"].as_str().unwrap_or_else(|| panic!("{to}: {listed:#}"));
        assert!(reason.contains(told), "{to}: {reason}");
    }
}

#[test]
fn a_probe_that_is_no_question_of_the_shard_is_an_error_with_its_line() {
    for (probe, told) in [
        ("system = \"X\"\ntool = \"entra_list_users\"", "no tool of this shard"),
        ("system = \"\"\ntool = \"relay_ask\"", "expected one line"),
        ("system = \"X\"\ntool = \"relay_nothing\"", "does not have"),
        ("system = \"X\"\ntool = \"relay_ask\"\nargs = {}", "unknown field"),
    ] {
        let nexus = Nexus::new()
            .with_shard_as(&guest("relay"), "relay", |manifest| format!("{manifest}\n[[health]]\n{probe}\n"));
        let listed: Value = serde_json::from_str(&nexus.run(&["shards", "--json"]).stdout).unwrap();
        let reason = listed["left_out"][0]["reason"].as_str().unwrap_or_else(|| panic!("{probe}: {listed:#}"));
        assert!(reason.contains(told), "{probe}: {reason}");
    }
}
