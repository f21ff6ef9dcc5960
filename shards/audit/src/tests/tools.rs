//! The tools, as a client calls them: what they return, whom they ask, and what they say when a system fails.

use super::company::{Company, ad_account, with};
use crate::TOOLS;
use nexus_shard::serde_json::{Value, json};
use nexus_shard::testing::{Fake, Seen};
use nexus_shard::{ToolError, Utc};

fn call(fake: &Fake, tool: &str, arguments: Value) -> Result<Seen, ToolError> {
    fake.call(TOOLS, tool, arguments)
}

fn mock(tool: &str, arguments: Value) -> Seen {
    call(&Company::mock().fake(), tool, arguments).unwrap()
}

fn asked(fake: &Fake) -> Vec<String> {
    fake.called().into_iter().map(|call| call.tool).collect()
}

/// Rules and subjects of findings, in order.
fn rules(findings: &Value) -> Vec<String> {
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    findings.as_array().unwrap().iter().map(|one| text(one, "rule") + ":" + &text(one, "identifier")).collect()
}

#[test]
fn a_person_is_compared_across_systems() {
    for (email, count, found) in [
        ("alice.johnson@nexus.corp", 0, &[][..]),
        ("Bob.Martinez@NEXUS.corp", 1, &["person.title:EMP-1002"]),
        ("carol.chen@nexus.corp", 1, &["person.department:EMP-1003"]),
        ("david.kim@nexus.corp", 0, &["account.state-split:EMP-1004", "account.on-leave-enabled:EMP-1004"]),
        ("frank.davis@nexus.corp", 1, &["person.department:EMP-1006"]),
        ("grace.lee@nexus.corp", 0, &["person.department-spelling:EMP-1007", "person.title-spelling:EMP-1007"]),
        ("henry.park@nexus.corp", 0, &["account.starter-not-ready:EMP-1008"]),
        ("taylor.brooks@nexus.corp", 0, &["account.leaver-enabled:EMP-1009"]),
    ] {
        let seen = mock("audit_user_drift", json!({ "email": email }));
        assert_eq!(seen.data["discrepancy_count"], count, "{email}");
        assert_eq!(rules(&seen.data["findings"]), found, "{email}");
        assert!(seen.complete, "{email}: {:?}", seen.notes);
        assert_eq!(seen.data["workday"]["found"], true, "{email}");
        assert_eq!(seen.data["readings"].as_array().unwrap().len(), 3, "{email}");
    }
}

#[test]
fn a_directory_that_knows_the_address_is_asked_for_one_account_and_else_read_whole() {
    let fake = Company::mock().fake();
    call(&fake, "audit_user_drift", json!({ "email": "bob.martinez@nexus.corp" })).unwrap();
    assert_eq!(asked(&fake), ["workday_run_raas_report", "ad_get_user_by_email", "entra_get_user"]);

    let fake = Company::mock().fake();
    let seen = call(&fake, "audit_user_drift", json!({ "email": "henry.park@nexus.corp" })).unwrap();
    assert_eq!(asked(&fake)[3..], ["entra_list_users"]);
    assert_eq!(seen.data["entra"]["found"], false);

    let renamed = json!({ "email": "new@nexus.corp", "user_principal_name": "new@nexus.corp", "job_title": "Baker" });
    let fake = Company::of_one().ad(renamed).fake();
    let seen = call(&fake, "audit_user_drift", json!({ "email": "p1@nexus.corp" })).unwrap();
    assert_eq!(asked(&fake)[3..], ["ad_list_users"]);
    assert_eq!(seen.data["active_directory"]["sign_in_name"], "new@nexus.corp");
    assert_eq!(rules(&seen.data["findings"]), ["person.title:EMP-1"]);
    assert_eq!(seen.data["discrepancies"][0]["field"], "job_title");
    assert_eq!(seen.data["confidence"]["level"], "high");
}

#[test]
fn an_address_that_several_accounts_have_is_not_taken_for_nobodys() {
    let mut company = Company::of_one();
    company.workers.clear();
    company.ad.push(with(ad_account(2), json!({ "email": "p1@nexus.corp" })));
    let fake = company.fake();
    let seen = call(&fake, "audit_user_drift", json!({ "email": "p1@nexus.corp" })).unwrap();
    assert_eq!(asked(&fake)[3..], ["ad_list_users"]);
    assert_eq!(seen.data["active_directory"]["found"], true);
    assert!(rules(&seen.data["findings"]).contains(&"person.ambiguous-key:p1@nexus.corp".to_owned()));
}

#[test]
fn an_address_that_only_an_account_has_leads_to_the_worker_by_number() {
    let alias = json!({ "email": "bob@nexus.corp" });
    let fake = Company::of_one().ad(alias).fake();
    let seen = call(&fake, "audit_user_drift", json!({ "email": "bob@nexus.corp" })).unwrap();
    assert_eq!(seen.data["workday"]["employee_id"], "EMP-1");
    assert_eq!(seen.data["entra"]["found"], true);
}

#[test]
fn nobody_is_only_not_found_if_every_system_answered() {
    let nobody = json!({ "email": "nobody@nexus.corp" });
    for tool in ["audit_user_drift", "audit_person_status"] {
        let error = call(&Company::mock().fake(), tool, nobody.clone()).unwrap_err();
        assert!(matches!(error, ToolError::NotFound(_)), "{tool}: {error}");
        for system in ["workday_", "ad_", "entra_"] {
            let seen = call(&Company::mock().without(system).fake(), tool, nobody.clone()).unwrap();
            assert!(!seen.complete, "{tool} {system}");
            assert_eq!(seen.data["is_known"], Value::Null, "{tool} {system}");
        }
    }
    let all = ["workday_", "ad_", "entra_"].into_iter().fold(Company::mock(), Company::without);
    let error = call(&all.fake(), "audit_user_drift", nobody).unwrap_err();
    assert!(matches!(error, ToolError::Upstream(_)), "{error}");
    for email in ["no address", "a@b@c", "@", "a b@c"] {
        let error = call(&Company::mock().fake(), "audit_user_drift", json!({ "email": email })).unwrap_err();
        assert!(matches!(error, ToolError::InvalidArguments(_)), "{email}");
    }
}

#[test]
fn a_system_that_fails_is_named_and_nothing_is_concluded_from_it() {
    let email = json!({ "email": "taylor.brooks@nexus.corp" });
    for (system, name, record) in [
        ("workday_", "Workday", "workday"),
        ("ad_", "Active Directory", "active_directory"),
        ("entra_", "Entra ID", "entra"),
    ] {
        let seen = call(&Company::mock().without(system).fake(), "audit_user_drift", email.clone()).unwrap();
        assert!(!seen.complete && seen.notes.iter().any(|note| note.contains(name)), "{:?}", seen.notes);
        assert_eq!(seen.data[record]["found"], Value::Null, "{system}");
        let readings = seen.data["readings"].as_array().unwrap();
        assert_eq!(readings.iter().filter(|one| one["is_read"] == false).count(), 1, "{system}");
        let expected: &[&str] = if system == "workday_" { &[] } else { &["account.leaver-enabled:EMP-1009"] };
        assert_eq!(rules(&seen.data["findings"]), expected, "{system}");
    }
}

#[test]
fn many_people_are_compared_with_one_reading_of_each_system() {
    let fake = Company::mock().fake();
    let emails = json!([
        "bob.martinez@nexus.corp",
        "grace.lee@nexus.corp",
        "BOB.martinez@nexus.corp ",
        "nobody@nexus.corp",
        "svc-monitoring@nexus.corp",
    ]);
    let seen = call(&fake, "audit_bulk_user_drift", json!({ "emails": emails })).unwrap();
    assert_eq!(asked(&fake), ["workday_run_raas_report", "ad_list_users", "entra_list_users"]);
    let data = &seen.data;
    assert_eq!((&data["evaluated"], &data["with_drift"], &data["not_found"]), (&json!(4), &json!(1), &json!(1)));
    let known: Vec<&Value> = data["people"].as_array().unwrap().iter().map(|person| &person["is_known"]).collect();
    assert_eq!(known, [&json!(true), &json!(true), &json!(false), &json!(true)]);
    assert_eq!(data["counts"]["total"], 4);
    assert!(seen.complete);

    let partial = call(
        &Company::mock().without("entra_").fake(),
        "audit_bulk_user_drift",
        json!({ "emails": ["nobody@nexus.corp"] }),
    );
    let partial = partial.unwrap();
    assert!(!partial.complete);
    assert_eq!(partial.data["not_found"], 0);
    assert_eq!(partial.data["people"][0]["is_known"], Value::Null);
}

#[test]
fn the_fifty_first_address_is_an_error_by_schema() {
    let tool = TOOLS.iter().find(|tool| tool.name() == "audit_bulk_user_drift").unwrap().define();
    let emails = &tool.input_schema["properties"]["emails"];
    assert_eq!((&emails["minItems"], &emails["maxItems"]), (&json!(1), &json!(50)));
    let many: Vec<String> = (0..51).map(|n| format!("p{n}@nexus.corp")).collect();
    for emails in [json!(many), json!([])] {
        let error = call(&Company::mock().fake(), "audit_bulk_user_drift", json!({ "emails": emails })).unwrap_err();
        assert!(matches!(error, ToolError::InvalidArguments(_)));
    }
    let arguments = json!({ "emails": many[..50] });
    let seen = call(&Company::mock().fake(), "audit_bulk_user_drift", arguments).unwrap();
    assert_eq!(seen.data["evaluated"], 50);
}

#[test]
fn an_address_has_320_bytes_at_most() {
    for tool in ["audit_user_drift", "audit_person_status"] {
        let of = |n: usize| {
            let email = format!("{}@nexus.corp", "a".repeat(n - 11));
            call(&Company::mock().fake(), tool, json!({ "email": email })).unwrap_err()
        };
        assert!(matches!(of(320), ToolError::NotFound(_)), "{tool}");
        assert!(matches!(of(321), ToolError::InvalidArguments(_)), "{tool}");
    }
}

#[test]
fn everything_about_a_person_is_told_in_one_call() {
    let fake = Company::mock().fake();
    let seen = call(&fake, "audit_person_status", json!({ "email": "bob.martinez@nexus.corp" })).unwrap();
    let mut asked = asked(&fake);
    let n = asked.len();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!((asked.len(), n), (8, 8), "{asked:?}");
    let data = &seen.data;
    assert_eq!(data["employment"]["status"], "Active");
    assert_eq!(data["manager"]["name"], "Alice Johnson");
    assert_eq!(data["license_sku_ids"].as_array().unwrap().len(), 1);
    assert_eq!(data["devices"][0]["hostname"], "LAPTOP-BOB-02");
    assert_eq!(data["devices"][0]["is_assigned"], true);
    assert_eq!(data["incidents"][0]["incident_id"], "INC0001234");
    assert_eq!(data["entra"]["last_used_at"], "2026-06-14T22:17:54Z");
    assert_eq!(
        rules(&data["findings"]),
        ["device.noncompliant:5CG4120B02", "device.unencrypted:5CG4120B02", "person.title:EMP-1002"]
    );
    assert!(seen.complete, "{:?}", seen.notes);

    let seen = mock("audit_person_status", json!({ "email": "taylor.brooks@nexus.corp" }));
    assert_eq!(seen.data["findings"][0]["severity"], "critical");
    assert_eq!(seen.data["employment"]["has_left"], true);
    let seen = mock("audit_person_status", json!({ "email": "svc-monitoring@nexus.corp" }));
    assert_eq!(rules(&seen.data["findings"]), ["account.service:svc-monitoring@nexus.corp"]);
    assert_eq!(seen.data["employment"], Value::Null);

    for (system, field) in [("helix_list_incidents", "incidents"), ("workday_", "employment")] {
        let fake = Company::mock().without(system).fake();
        let seen = call(&fake, "audit_person_status", json!({ "email": "bob.martinez@nexus.corp" })).unwrap();
        assert!(!seen.complete, "{system}");
        assert_eq!(seen.data[field], Value::Null, "{system}");
    }
}

#[test]
fn a_device_is_compared_by_its_whole_name() {
    for (name, discrepancies, found) in [
        ("laptop-alice-01", 0, &[][..]),
        ("LAPTOP-CAROL-03", 1, &["device.serial:LAPTOP-CAROL-03"]),
        ("SERVER-PROD-01", 0, &["device.unmanaged:7XKQ2S1"]),
        ("LAPTOP-HENRY-05", 0, &["device.missing:PF4YL05H"]),
    ] {
        let fake = Company::mock().fake();
        let seen = call(&fake, "audit_device_drift", json!({ "device_name": name })).unwrap();
        assert_eq!(asked(&fake).len(), 4);
        let [device] = seen.data["devices"].as_array().unwrap().as_slice() else { panic!("{name}") };
        assert_eq!(device["discrepancy_count"], discrepancies, "{name}");
        assert_eq!(rules(&device["findings"]), found, "{name}");
        assert_eq!(device["records"].as_array().unwrap().len(), 4, "{name}");
        assert!(seen.complete);
    }
    for name in ["LAPTOP-ALICE", "LAPTOP-ALICE-01.nexus.corp", "LAPTOP-ALICE-0%"] {
        let arguments = json!({ "device_name": name });
        let error = call(&Company::mock().fake(), "audit_device_drift", arguments.clone()).unwrap_err();
        assert!(matches!(error, ToolError::NotFound(_)), "{name}");
        let seen = call(&Company::mock().without("helix_").fake(), "audit_device_drift", arguments).unwrap();
        assert!(!seen.complete && seen.data["devices"].as_array().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn synchronised_accounts_are_compared_with_their_source() {
    let fake = Company::mock().fake();
    let seen = call(&fake, "audit_entra_ad_sync_drift", json!({})).unwrap();
    assert_eq!(asked(&fake), ["ad_list_users", "entra_list_users"]);
    assert_eq!(fake.called()[1].arguments["include_sign_ins"], false);
    let data = &seen.data;
    assert_eq!(
        (&data["evaluated"], &data["drifted"], &data["spelled_differently"], &data["not_in_ad"]),
        (&json!(8), &json!(4), &json!(2), &json!(0))
    );
    let found: Vec<(&str, Vec<String>)> = data["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| (account["ad_account_name"].as_str().unwrap(), rules(&account["findings"])))
        .collect();
    assert_eq!(
        found,
        [
            ("bobm", vec!["sync.title:bob.martinez@nexus.corp".to_owned()]),
            ("carolc", vec!["sync.department:carol.chen@nexus.corp".to_owned()]),
            ("davidk", vec!["sync.enabled:david.kim@nexus.corp".to_owned()]),
            ("frankd", vec!["sync.department:frank.davis@nexus.corp".to_owned()]),
            ("emmaw", vec!["sync.spelling:emma.wilson@nexus.corp".to_owned()]),
            ("gracel", vec!["sync.spelling:grace.lee@nexus.corp".to_owned()]),
        ]
    );
    assert!(seen.complete, "{:?}", seen.notes);
    let exact = mock("audit_entra_ad_sync_drift", json!({ "limit": 6 }));
    assert_eq!((&exact.data["accounts"], exact.complete), (&data["accounts"], true));
    let cut = mock("audit_entra_ad_sync_drift", json!({ "limit": 5 }));
    assert_eq!((cut.data["accounts"].as_array().unwrap().len(), cut.complete), (5, false));
    let cut = mock("audit_entra_ad_sync_drift", json!({ "limit": 1 }));
    assert_eq!((&cut.data["evaluated"], &cut.data["drifted"], cut.complete), (&json!(8), &json!(4), false));
    assert_eq!(cut.data["accounts"].as_array().unwrap().len(), 1);
}

#[test]
fn an_account_has_no_source_only_if_active_directory_was_read_to_its_end() {
    let company = || Company::of_one().no_ad();
    let seen = call(&company().fake(), "audit_entra_ad_sync_drift", json!({})).unwrap();
    assert_eq!(rules(&seen.data["accounts"][0]["findings"]), ["sync.not-in-ad:p1@nexus.corp"]);
    let seen = call(&company().partly("ad_").fake(), "audit_entra_ad_sync_drift", json!({})).unwrap();
    assert_eq!((&seen.data["not_in_ad"], &seen.data["drifted"], seen.complete), (&Value::Null, &json!(0), false));
    for system in ["ad_", "entra_"] {
        let seen = call(&company().without(system).fake(), "audit_entra_ad_sync_drift", json!({})).unwrap();
        assert_eq!(
            (&seen.data["evaluated"], &seen.data["drifted"], seen.complete),
            (&Value::Null, &Value::Null, false)
        );
        assert!(seen.data["accounts"].as_array().unwrap().is_empty());
    }
    let unsynced = Company::of_one().entra(json!({ "is_synced_from_ad": false }));
    let seen = call(&unsynced.fake(), "audit_entra_ad_sync_drift", json!({})).unwrap();
    assert_eq!(seen.data["evaluated"], 0);
}

#[test]
fn intune_and_lansweeper_are_compared_both_ways() {
    let fake = Company::mock().fake();
    let seen = call(&fake, "audit_intune_lansweeper_device_drift", json!({})).unwrap();
    assert_eq!(asked(&fake), ["intune_list_managed_devices", "lansweeper_list_assets"]);
    let data = &seen.data;
    let names = |list: &str| -> Vec<String> {
        data[list].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((&data["in_both"], &data["drifted"]), (&json!(4), &json!(1)));
    assert_eq!(names("only_in_intune"), ["LAPTOP-HENRY-05"]);
    assert_eq!(names("only_in_lansweeper"), ["SERVER-PROD-01", "SW-CORE-01"]);
    assert_eq!(rules(&data["findings"]), ["device.serial:LAPTOP-CAROL-03"]);
    assert!(seen.complete, "{:?}", seen.notes);

    let exact = mock("audit_intune_lansweeper_device_drift", json!({ "limit": 2 }));
    assert_eq!((&exact.data["only_in_lansweeper"], exact.complete), (&data["only_in_lansweeper"], true));
    let cut = mock("audit_intune_lansweeper_device_drift", json!({ "limit": 1 }));
    assert_eq!((&cut.data["only_in_lansweeper_count"], cut.complete), (&json!(2), false));
    assert_eq!(cut.data["only_in_lansweeper"].as_array().unwrap().len(), 1);
    for system in ["intune_", "lansweeper_"] {
        let fake = Company::mock().without(system).fake();
        let seen = call(&fake, "audit_intune_lansweeper_device_drift", json!({})).unwrap();
        let nothing = (&Value::Null, &Value::Null, &Value::Null);
        let data = &seen.data;
        assert_eq!((&data["in_both"], &data["only_in_intune_count"], &data["only_in_lansweeper_count"]), nothing);
        assert!(!seen.complete && data["findings"].as_array().unwrap().is_empty());
    }
    let partly = Company::mock().partly("lansweeper_").fake();
    let seen = call(&partly, "audit_intune_lansweeper_device_drift", json!({})).unwrap();
    assert_eq!((&seen.data["only_in_intune_count"], &seen.data["only_in_lansweeper_count"]), (&Value::Null, &json!(2)));
}

#[test]
fn scans_find_what_their_rules_find_over_the_real_systems() {
    for (tool, found) in [
        (
            "audit_account_state",
            &[
                "account.leaver-enabled:EMP-1009",
                "account.starter-not-ready:EMP-1008",
                "account.state-split:EMP-1004",
                "account.on-leave-enabled:EMP-1004",
                "account.stale-in-one:EMP-1005",
                "account.service:svc-monitoring@nexus.corp",
            ][..],
        ),
        (
            "scan_status_reconciliation",
            &[
                "account.leaver-enabled:EMP-1009",
                "account.starter-not-ready:EMP-1008",
                "account.on-leave-enabled:EMP-1004",
            ],
        ),
        ("scan_job_title_drift", &["person.title:EMP-1002", "person.title-spelling:EMP-1007"]),
        (
            "scan_department_mismatches",
            &[
                "person.department:EMP-1003",
                "person.department:EMP-1006",
                "person.department-spelling:EMP-1005",
                "person.department-spelling:EMP-1007",
            ],
        ),
        ("scan_name_variance_mismatches", &["person.legal-name:EMP-1005"]),
    ] {
        let fake = Company::mock().fake();
        let seen = call(&fake, tool, json!({})).unwrap();
        assert_eq!(rules(&seen.data["findings"]), found, "{tool}");
        assert_eq!(asked(&fake), ["workday_run_raas_report", "ad_list_users", "entra_list_users"], "{tool}");
        assert_eq!((&seen.data["workers"], &seen.data["counts"]["total"]), (&json!(9), &json!(found.len())), "{tool}");
        assert!(seen.complete, "{tool}");
        for system in ["workday_", "ad_", "entra_"] {
            let seen = call(&Company::mock().without(system).fake(), tool, json!({})).unwrap();
            assert!(!seen.complete, "{tool} {system}");
            assert_eq!(
                seen.data["readings"].as_array().unwrap().iter().filter(|one| one["is_read"] == false).count(),
                1
            );
        }
    }
}

#[test]
fn where_sign_ins_are_refused_accounts_are_read_without_them_and_the_result_says_so() {
    let company = Company::mock();
    let refuse = move |call: &nexus_shard::PeerCall| call.arguments["include_sign_ins"] == true;
    let inner = company.clone().fake();
    let fake = Fake::replies([]).now(inner.context().now()).peers(move |call| {
        if refuse(call) {
            return Err(nexus_shard::PeerError::Tool(ToolError::refused("no licence")));
        }
        inner.context().peers(std::slice::from_ref(call)).remove(0)
    });
    let seen = call(&fake, "audit_account_state", json!({})).unwrap();
    assert!(seen.complete && seen.notes.iter().any(|note| note.contains("no licence")), "{:?}", seen.notes);
    let found = rules(&seen.data["findings"]);
    assert!(!found.iter().any(|id| id.starts_with("account.stale")), "{found:?}");
    assert_eq!(seen.data["findings"][0]["severity"], "high");
}

#[test]
fn a_list_that_is_too_long_is_cut_and_counted_whole() {
    let of = |n: usize| {
        let workers = (0..n).map(super::company::worker).collect();
        let company = Company { workers, ..Company::default() };
        call(&company.fake(), "audit_account_state", json!({})).unwrap()
    };
    let most = of(2_000);
    assert_eq!(most.data["findings"].as_array().unwrap().len(), 2_000);
    assert!(most.complete && most.notes.is_empty(), "{:?}", most.notes);
    let seen = of(2_100);
    assert_eq!(seen.data["findings"].as_array().unwrap().len(), 2_000);
    assert_eq!(seen.data["counts"]["total"], 2_100);
    assert!(!seen.complete && seen.notes.iter().any(|note| note.contains("2000 gravest of 2100")), "{:?}", seen.notes);
}

#[test]
fn an_id_is_the_same_in_whatever_letters_a_system_writes() {
    let id = |company: Company| {
        let seen = call(&company.fake(), "audit_account_state", json!({})).unwrap();
        seen.data["findings"][0]["id"].as_str().unwrap().to_owned()
    };
    let of = |number: &str| id(Company::of_one().worker(json!({ "Employee_ID": number })).no_ad());
    assert_eq!(of("EMP-1"), "account.missing:emp-1");
    assert_eq!(of("emp-1"), of("EMP-1"));
}

#[test]
fn every_reading_says_when_and_how() {
    let seen = mock("audit_account_state", json!({}));
    for reading in seen.data["readings"].as_array().unwrap() {
        assert_eq!(reading["source"], "mock");
        assert!(Utc::parse(reading["as_of"].as_str().unwrap()).is_some());
        assert!(reading["event_id"].is_string() && reading["records"].is_u64());
    }
}

#[test]
fn every_result_is_a_closed_object_whose_fields_are_all_described() {
    for tool in TOOLS {
        let schema = tool.define().output_schema.unwrap();
        assert_eq!(schema["type"], "object", "{}", tool.name());
        assert_eq!(schema["additionalProperties"], false, "{}", tool.name());
    }
    let schema = TOOLS.iter().find(|tool| tool.name() == "audit_user_drift").unwrap().define().output_schema.unwrap();
    let seen = mock("audit_user_drift", json!({ "email": "bob.martinez@nexus.corp" }));
    for field in seen.data.as_object().unwrap().keys() {
        assert!(schema["properties"][field]["description"].is_string(), "{field}");
    }
}
