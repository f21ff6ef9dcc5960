//! Persons: pseudonyms in the record, which join and can be made meaningless; and what results say of them, as the operator wants it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::Nexus;

const ALICE: &str = "alice.johnson@nexus.corp";

fn subjects(nexus: &Nexus) -> Vec<String> {
    let ledger = nexus.ledger();
    let all = ledger.iter().filter_map(|line| line["subjects"].as_array()).flatten();
    all.map(|subject| subject.as_str().unwrap().to_owned()).collect()
}

fn searched(nexus: &Nexus, subject: &str) -> Vec<Value> {
    let ran = nexus.run(&["audit", "search", "--json", "--subject", subject]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_person_joins_over_tools_and_shards_and_stands_nowhere_in_the_ledger() {
    let nexus = Nexus::whole();
    nexus.call("entra_get_user", json!({ "user_id_or_upn": ALICE }));
    nexus.call("ad_get_user_by_email", json!({ "email": ALICE.to_uppercase() }));
    nexus.call("workday_find_worker_by_email", json!({ "email": ALICE }));
    nexus.call("audit_person_status", json!({ "email": ALICE }));
    nexus.call("entra_get_user", json!({ "user_id_or_upn": "bob.smith@nexus.corp" }));
    let text = fs::read_to_string(nexus.ledger_file()).unwrap().to_lowercase();
    assert!(!text.contains("alice") && !text.contains("johnson"), "{text}");

    let pseudonym = nexus.run(&["audit", "pseudonym", ALICE]).stdout.trim().to_owned();
    let found = searched(&nexus, ALICE);
    assert!(found.len() >= 4, "{found:#?}");
    let tools: BTreeSet<_> = found.iter().map(|line| line["tool"].as_str().unwrap()).collect();
    for tool in ["entra_get_user", "ad_get_user_by_email", "workday_find_worker_by_email", "audit_person_status"] {
        assert!(tools.contains(tool), "{tool}: {tools:?}");
    }
    assert_eq!(searched(&nexus, &pseudonym), found, "who has no key gives the pseudonym");
    assert_eq!(searched(&nexus, "nobody@nexus.corp"), Vec::<Value>::new());
    let all: BTreeSet<_> = subjects(&nexus).into_iter().collect();
    assert!(all.len() >= 2 && all.contains(&pseudonym), "{all:?}");
}

#[test]
fn without_the_key_a_pseudonym_says_nothing_and_the_next_start_says_that_it_made_another() {
    let nexus = Nexus::identity();
    let key = nexus.path("ledger.jsonl.persons");
    nexus.call("entra_get_user", json!({ "user_id_or_upn": ALICE }));
    let before = subjects(&nexus);
    fs::remove_file(&key).unwrap();
    let ran = nexus.run(&["audit", "search", "--subject", ALICE]);
    assert!(ran.code == Some(2) && ran.stderr.contains("no key"), "{ran:#?}");
    assert_eq!(nexus.run(&["audit", "pseudonym", ALICE]).code, Some(2));
    assert!(!key.exists(), "a reader makes none");

    nexus.call("entra_get_user", json!({ "user_id_or_upn": ALICE }));
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let made = nexus.ledger().iter().filter(|line| line["code"] == "person-key-made").count();
    assert_eq!(made, 1);
    let after = subjects(&nexus);
    assert_eq!(after.len(), 2);
    assert_ne!(after[1], before[0]);

    for (text, mode) in [("zz", 0o600), ("", 0o600), (&"07".repeat(32) as &str, 0o644)] {
        fs::write(&key, text).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let ran = nexus.run(&["call", "entra_list_users"]);
        assert!(ran.code == Some(3) && ran.stderr.contains("ledger.jsonl.persons"), "{text} {mode:o}: {ran:#?}");
    }
}

/// By hand from the tools' descriptions: whoever adds an argument that names a person adds it here.
#[test]
fn every_argument_that_names_a_person_is_a_pseudonym() {
    let nexus = Nexus::whole();
    for (tool, argument, value) in [
        ("ad_get_user", "sam_account_name", json!("someone")),
        ("ad_get_user_by_email", "email", json!("someone@x.test")),
        ("ad_get_user_groups", "sam_account_name", json!("someone")),
        ("ad_search_users", "query", json!("someone")),
        ("audit_bulk_user_drift", "emails", json!(["someone@x.test", "another@x.test"])),
        ("audit_person_status", "email", json!("someone@x.test")),
        ("audit_user_drift", "email", json!("someone@x.test")),
        ("entra_get_user", "user_id_or_upn", json!("someone@x.test")),
        ("fedex_validate_address", "street", json!("1 Some Street")),
        ("helix_list_incidents", "assignee", json!("someone")),
        ("save_report", "content", json!("someone did something")),
        ("workday_find_worker_by_email", "email", json!("someone@x.test")),
        ("workday_get_compensation", "worker_id", json!("21001")),
        ("workday_get_worker", "worker_id", json!("21001")),
    ] {
        nexus.call(tool, json!({ argument: value }));
        let asked = nexus.ledger().into_iter().rfind(|line| line["tool"] == tool && line["args_summary"].is_string());
        let asked = asked.unwrap_or_else(|| panic!("{tool} is no tool"));
        assert!(asked["subjects"].is_array(), "{tool} {argument}: {asked}");
        let summary = asked["args_summary"].as_str().unwrap();
        assert!(summary.contains(asked["subjects"][0].as_str().unwrap()), "{tool} {argument}: {asked}");
    }
}

#[test]
fn results_say_of_persons_what_the_operator_wants() {
    let user = |nexus: &Nexus| nexus.call("entra_get_user", json!({ "user_id_or_upn": ALICE }));
    let shown = user(&Nexus::identity());
    assert!(shown.data().to_string().contains(ALICE));

    let nexus = Nexus::identity().set("results.person", "mask");
    let masked = user(&nexus);
    let data = masked.data();
    assert!(!data.to_string().to_lowercase().contains("alice"), "{data:#}");
    assert!(data.to_string().contains("[redacted:person]"));
    let ended = nexus.ledger().into_iter().rfind(|line| line["kind"] == "call").unwrap();
    assert!(ended["redactions"]["class-person"].as_u64().unwrap() > 2, "{ended}");
    let places = ended["redacted"].as_array().unwrap();
    assert!(places.iter().any(|place| place["path"].as_str().unwrap().ends_with("user_principal_name")), "{places:?}");

    let but_one = Nexus::identity().set("results.person", "mask").set("results.tools.entra_get_user.person", "pass");
    assert!(user(&but_one).data().to_string().contains(ALICE));

    for (key, value) in [("results.person", "hide"), ("results.secret", "pass"), ("results.tools.x.colour", "mask")] {
        let ran = Nexus::identity().set(key, value).run(&["shards"]);
        assert_eq!(ran.code, Some(3), "{key}: {ran:#?}");
    }
}

/// A shard that joins systems by address needs the addresses; what it tells clients is masked by its own tool's policy.
#[test]
fn a_shard_that_asks_another_still_sees_whom_it_is_about() {
    let findings = |nexus: &Nexus| {
        let data = nexus.call("generate_drift_report", json!({})).data().clone();
        data["counts"].clone()
    };
    let plain = findings(&Nexus::whole().set("reports.folder", "reports"));
    let masked = findings(&Nexus::whole().set("reports.folder", "reports").set("results.person", "mask"));
    assert_eq!(plain, masked);
}
