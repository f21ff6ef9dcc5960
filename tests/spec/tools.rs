//! Every tool of every shard: the same result from sockets as from mock data, and no argument that says more than it
//! should.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::Nexus;
use crate::support::record::record;
use crate::support::upstream::Upstream;

/// One good call of each tool, by which every other call is measured.
pub fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("ad_get_disabled_accounts", json!({})),
        ("ad_get_group_members", json!({ "group_dn": "CN=Engineering,OU=Groups,DC=nexus,DC=corp" })),
        ("ad_get_stale_accounts", json!({ "days_inactive": 90 })),
        ("ad_get_user", json!({ "sam_account_name": "alicej" })),
        ("ad_get_user_by_email", json!({ "email": "bob.martinez@nexus.corp" })),
        ("ad_get_user_groups", json!({ "sam_account_name": "frankd" })),
        ("ad_list_groups", json!({ "limit": 200 })),
        ("ad_list_users", json!({ "limit": 1000 })),
        ("ad_search_users", json!({ "query": "lee", "limit": 50 })),
        ("audit_account_state", json!({})),
        ("audit_bulk_user_drift", json!({ "emails": ["bob.martinez@nexus.corp", "nobody@nexus.corp"] })),
        ("audit_device_drift", json!({ "device_name": "LAPTOP-CAROL-03" })),
        ("audit_entra_ad_sync_drift", json!({ "limit": 200 })),
        ("audit_intune_lansweeper_device_drift", json!({ "limit": 100 })),
        ("audit_person_status", json!({ "email": "taylor.brooks@nexus.corp" })),
        ("audit_user_drift", json!({ "email": "bob.martinez@nexus.corp" })),
        ("entra_get_conditional_access_policies", json!({})),
        ("entra_get_group_members", json!({ "group_id": "6591c5a7-707d-4204-9753-58555f70d240" })),
        ("entra_get_risky_users", json!({})),
        ("entra_get_signin_logs", json!({ "limit": 5 })),
        ("entra_get_user", json!({ "user_id_or_upn": "alice.johnson@nexus.corp" })),
        ("entra_list_groups", json!({ "limit": 100 })),
        ("entra_list_service_principals", json!({ "limit": 100 })),
        ("entra_list_users", json!({ "limit": 100, "include_sign_ins": true })),
        ("fedex_get_rates", json!({ "origin_postal": "80202", "dest_postal": "94105", "weight_lb": 12.5 })),
        ("fedex_get_shipment_events", json!({ "tracking_number": "776126785997" })),
        ("fedex_track_multiple", json!({ "tracking_numbers": ["776126785997", "776126785998", "999999999999"] })),
        ("fedex_track_shipment", json!({ "tracking_number": "776126785999" })),
        (
            "fedex_validate_address",
            json!({ "street": "410 Platform Way Suite 300", "city": "Denver", "state": "CO", "postal": "80202" }),
        ),
        ("generate_asset_reconciliation_report", json!({ "save_to_file": true })),
        ("generate_compliance_report", json!({ "save_to_file": false })),
        ("generate_drift_report", json!({ "save_to_file": false })),
        ("generate_itsm_weekly_summary", json!({ "save_to_file": false })),
        ("generate_weekly_report", json!({ "save_to_file": false })),
        ("helix_get_incident", json!({ "incident_id": "INC0001234" })),
        ("helix_get_problem", json!({ "problem_id": "PBI0000091" })),
        ("helix_list_changes", json!({ "created_since": "2026-06-01T00:00:00Z", "limit": 50 })),
        ("helix_list_cmdb_assets", json!({ "limit": 100 })),
        ("helix_list_incidents", json!({ "assignee": "a", "limit": 50 })),
        ("helix_search_cmdb", json!({ "ci_name": "LAPTOP" })),
        ("intune_get_autopilot_devices", json!({})),
        ("intune_get_managed_device", json!({ "device_id": "LAPTOP-BOB-02" })),
        ("intune_get_noncompliant_devices", json!({})),
        ("intune_list_apps", json!({ "limit": 100 })),
        ("intune_list_compliance_policies", json!({})),
        ("intune_list_configuration_profiles", json!({})),
        ("intune_list_managed_devices", json!({ "limit": 100 })),
        (
            "lansweeper_get_asset",
            json!({ "asset_id": "MTAwMS1Bc3NldC04ZDJmNmExYy01YjNlLTRmNzAtOWM4NC1hMWU2YjdkMDNmNTI=" }),
        ),
        (
            "lansweeper_get_software",
            json!({ "asset_id": "MTAwMS1Bc3NldC04ZDJmNmExYy01YjNlLTRmNzAtOWM4NC1hMWU2YjdkMDNmNTI=" }),
        ),
        ("lansweeper_list_assets", json!({ "limit": 100 })),
        ("lansweeper_search_assets", json!({ "query": "LAPTOP", "limit": 50 })),
        (
            "save_report",
            json!({ "title": "Leavers", "content": "# None", "subfolder": "weekly", "filename": "leavers", "format": "md" }),
        ),
        ("scan_department_mismatches", json!({})),
        ("scan_job_title_drift", json!({})),
        ("scan_name_variance_mismatches", json!({})),
        ("scan_status_reconciliation", json!({})),
        ("workday_find_worker_by_email", json!({ "email": "bob.martinez@nexus.corp" })),
        ("workday_get_compensation", json!({ "worker_id": "48e13004e3c5eadbdaee4b5ffc6d095e" })),
        ("workday_get_worker", json!({ "worker_id": "EMP-1001" })),
        ("workday_list_organizations", json!({ "limit": 200 })),
        ("workday_list_positions", json!({ "limit": 100 })),
        ("workday_list_workers", json!({ "limit": 100, "offset": 0 })),
        ("workday_run_raas_report", json!({ "report_path": "Nexus_Workers" })),
    ]
}

/// A directory speaks LDAP, so `directory.rs` has a real one for those tools. What compares systems, and needs it too, says
/// when it read them: `drift.rs` compares that.
fn elsewhere(tool: &str) -> bool {
    ["ad_", "audit_", "generate_", "scan_", "save_"].iter().any(|prefix| tool.starts_with(prefix))
}

#[test]
fn each_tool_tells_the_same_from_sockets_as_from_mock_data() {
    let upstream = Upstream::new();
    let (over_sockets, of_mock_data) = (upstream.reached_by(Nexus::whole()), Nexus::whole());
    let (live, mock) = (over_sockets.serve(), of_mock_data.serve());
    let (live, mock) = (live.client(), mock.client());
    for (tool, arguments) in calls().into_iter().filter(|(tool, _)| !elsewhere(tool)) {
        let (live, mock) = (live.call(tool, arguments.clone()), mock.call(tool, arguments));
        assert_eq!(live["isError"], false, "{tool}: {live:#}");
        assert_eq!(live["structuredContent"], mock["structuredContent"], "{tool}");
        assert_eq!(live["content"], mock["content"], "{tool}");
        assert_eq!(live["_meta"]["nexus/complete"], mock["_meta"]["nexus/complete"], "{tool}");
        assert_eq!(live["_meta"]["nexus/source"], "live", "{tool}");
        assert_eq!(mock["_meta"]["nexus/source"], "mock", "{tool}");
        let rows = live["structuredContent"].as_object().unwrap().values().find_map(Value::as_array);
        assert!(rows.is_none_or(|rows| !rows.is_empty()), "{tool}: nothing to compare");
    }
    // One token for each credential, whatever its kind, and none of them on record.
    let told = record(&over_sockets);
    assert_eq!(told.iter().filter(|line| *line == "token 200").count(), 5, "{told:?}");
}

#[test]
fn no_tool_is_left_out_of_these_tests() {
    let listed = Nexus::whole().run(&["shards", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap_or_else(|_| panic!("{listed:#?}"));
    assert_eq!(listed["left_out"], json!([]));
    let names = listed["shards"].as_array().unwrap().iter().flat_map(|shard| shard["tools"].as_array().unwrap());
    let names: BTreeSet<_> = names.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, calls().iter().map(|(tool, _)| (*tool).to_owned()).collect());
}

/// What has a meaning to somebody between an assistant and a vendor: paths, URLs, OData, AR qualifications, GraphQL, JSON,
/// headers, databases.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "..",
        "../auditLogs/signIns",
        "..%2f..%2fusers",
        "%2e%2e",
        "a/b",
        "a\\b",
        "a;b",
        "//evil.test/x",
        "#",
        "x#y",
        "?$select=id",
        "x&limit=1",
        "'",
        "' or 1 eq 1",
        "\"",
        "\" OR 'Status' != \"x",
        "\u{201c}quoted\u{201d}",
        "\u{2018}quoted\u{2019}",
        "%",
        "%%%",
        "_____",
        "[a-z]",
        "*",
        "$NULL$",
        "{id}",
        "}) { deleteAssets }",
        "\"}],\"x\":[{\"y\":\"",
        "a\nb",
        "a\r\nX-Evil: 1",
        "a\0b",
        "\u{202e}abc",
        "a\u{fe00}b",
        "\t",
        "",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("a".repeat(10_000));
    texts
}

/// Arguments that a vendor searches for as text. A good answer to such a question is right if nothing was found.
const SEARCHED: [(&str, &str); 4] = [
    ("ad_search_users", "query"),
    ("helix_list_incidents", "assignee"),
    ("helix_search_cmdb", "ci_name"),
    ("lansweeper_search_assets", "query"),
];
/// An address may be written in any way; the vendor says what it makes of it.
const ADDRESS: &str = "fedex_validate_address";
/// Whatever is to be kept is kept, under a name that is only a name.
const KEPT: &str = "save_report";
/// What no grant names is refused, and was not sent.
const REPORT: (&str, &str) = ("workday_run_raas_report", "report_path");

/// What an argument that means nothing good may lead to.
fn is_fine(tool: &str, argument: &str, result: &Value) -> bool {
    match result["_meta"]["nexus/error"].as_str() {
        Some("invalid-arguments" | "not-found") => true,
        Some("refused") => (tool, argument) == REPORT,
        Some(_) => false,
        None if SEARCHED.contains(&(tool, argument)) => {
            let rows = result["structuredContent"].as_object().unwrap().values().find_map(Value::as_array);
            rows.is_some_and(Vec::is_empty)
        }
        None if tool == KEPT => {
            let name = result["structuredContent"]["name"].as_str().unwrap();
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        }
        None => tool == ADDRESS,
    }
}

/// Whatever stands in an argument, the upstream is asked for the same kind of thing, or for nothing.
#[test]
fn no_argument_leads_elsewhere() {
    let nexus = Nexus::whole();
    let server = nexus.serve();
    let client = server.client();
    let (mut asked, mut wrong) = (0, Vec::new());
    for (tool, good) in calls() {
        for (argument, value) in
            good.as_object().unwrap().iter().filter(|(_, value)| value.is_string() || value.is_array())
        {
            for text in hostile() {
                let mut arguments = good.clone();
                arguments[argument] = if value.is_array() { json!([text]) } else { json!(text) };
                let result = client.call(tool, arguments);
                if !is_fine(tool, argument, &result) {
                    wrong.push(format!("{tool} {argument}={text:?}: {}", result["content"]));
                }
                asked += 1;
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(asked > 500, "{asked}");
    drop(server);
    let mut reached: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in nexus
        .ledger()
        .iter()
        .filter(|line| ["egress", "directory"].iter().any(|kind| line["kind"] == *kind) && line["refusal"].is_null())
    {
        if let Some(template) = line["destination"]["template"].as_str() {
            reached.entry(line["tool"].as_str().unwrap().to_owned()).or_default().insert(template.to_owned());
        }
    }
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("tools_reach", render(&reached));
    });
}

fn render(reached: &BTreeMap<String, BTreeSet<String>>) -> String {
    let line = |(tool, templates): (&String, &BTreeSet<String>)| {
        let templates: Vec<_> = templates.iter().map(String::as_str).collect();
        format!("{tool}: {}\n", templates.join(" "))
    };
    reached.iter().map(line).collect()
}
