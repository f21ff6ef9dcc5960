//! The five reports, from small systems.

use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::{Content, Refusal};

use super::world::{World, chart, figure, run, table, text};
use crate::TOOLS;

const ALL: [(&str, &str); 5] = [
    ("generate_weekly_report", "weekly_report_2026-w25"),
    ("generate_compliance_report", "compliance_report_2026-06-15"),
    ("generate_asset_reconciliation_report", "asset_reconciliation_2026-06-15"),
    ("generate_itsm_weekly_summary", "itsm_summary_2026-w25"),
    ("generate_drift_report", "drift_report_2026-06-15"),
];

#[test]
fn each_report_is_kept_in_four_formats_and_says_that_its_data_is_mock() {
    for (tool, stem) in ALL {
        let host = World::small().host();
        let seen = run(&host, tool);
        assert!(seen.complete, "{tool}: {:?}", seen.notes);
        let kept = host.kept();
        let mut names: Vec<_> = kept.iter().map(|it| (it.name.clone(), it.media_type.as_str())).collect();
        names.sort();
        let expected =
            [("csv", "text/csv"), ("html", "text/html"), ("json", "application/json"), ("md", "text/markdown")];
        assert_eq!(names, expected.map(|(extension, media_type)| (format!("{stem}.{extension}"), media_type)));
        for artifact in &kept {
            assert!(artifact.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b)));
            let text = String::from_utf8(artifact.data.clone()).unwrap();
            assert!(text.contains("MOCK DATA") || text.contains(r#""source":"mock""#), "{}", artifact.name);
        }
        let artifacts = seen.data["artifacts"].as_array().unwrap();
        let links = seen.content.iter().filter(|block| matches!(block, Content::Link { .. })).count();
        assert_eq!((artifacts.len(), links), (4, 4));
        assert!(artifacts.iter().all(|it| it["uri"].as_str().unwrap().starts_with("nexus://artifacts/")));
        assert!(matches!(&seen.content[0], Content::Text(text) if text.contains("MOCK DATA")));
        // The result is the report, cut; the JSON is the report.
        let canonical: Value = serde_json::from_str(&text(&kept, "json")).unwrap();
        assert_eq!(canonical["schema"], json!({ "name": "nexus.audit.report", "version": 1 }));
        assert_eq!(canonical["figures"], seen.data["report"]["figures"]);
        assert_eq!(canonical["event_id"], "00000000-0000-7000-8000-000000000000");
    }
}

#[test]
fn the_weekly_report_counts_what_every_system_has() {
    let seen = run(&World::small().host(), "generate_weekly_report");
    let report = &seen.data["report"];
    for (id, value) in [
        ("workers_total", 9),
        ("workers_active", 7),
        ("workers_on_leave", 1),
        ("workers_terminated", 1),
        ("workers_unknown", 0),
        ("new_hires_this_week", 0),
        ("new_hires_last_7_days", 1),
        ("leavers_this_week", 1),
        ("leavers_last_7_days", 1),
        ("entra_total", 9),
        ("entra_enabled", 8),
        ("entra_disabled", 1),
        ("entra_unknown", 0),
        ("entra_synced", 8),
        ("entra_licensed", 8),
        ("entra_guests", 0),
        ("ad_total", 9),
        ("ad_enabled", 7),
        ("ad_disabled", 2),
        ("intune_total", 5),
        ("intune_compliant", 3),
        ("intune_noncompliant", 2),
        ("lansweeper_total", 6),
        ("cmdb_total", 3),
        ("incidents_open", 4),
        ("changes_open", 3),
    ] {
        assert_eq!(figure(report, id), value, "{id}");
    }
    let pairs = |pairs: &[(&str, u64)]| pairs.iter().map(|&(label, n)| (label.to_owned(), n)).collect::<Vec<_>>();
    assert_eq!(chart(report, "intune_by_os"), pairs(&[("Windows", 4), ("iOS", 1)]));
    assert_eq!(chart(report, "lansweeper_by_type"), pairs(&[("Windows", 5), ("Switch", 1)]));
    assert_eq!(chart(report, "incidents_by_priority"), pairs(&[("Low", 3), ("Critical", 1)]));
    assert_eq!(report["window"]["name"], "2026-W25, so far");
    assert_eq!(report["window"]["from"], "2026-06-15T00:00:00Z");
    assert_eq!(report["window"]["to"], "2026-06-15T09:00:00Z");
    let rows = table(report, "noncompliant_devices")["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row[0].as_str().unwrap()).collect::<Vec<_>>(), ["LAPTOP-2", "LAPTOP-4"]);
    assert_eq!(rows[1][5], Value::Null);
}

#[test]
fn a_system_that_failed_has_no_numbers_and_every_format_says_so() {
    let host = World::small().without("entra_list_users").host();
    let seen = run(&host, "generate_weekly_report");
    assert!(
        !seen.complete && seen.notes.iter().any(|note| note == "Entra ID was not read (accounts)"),
        "{:?}",
        seen.notes
    );
    let report = &seen.data["report"];
    assert_eq!(figure(report, "entra_total"), Value::Null);
    assert_eq!(figure(report, "findings_total"), Value::Null);
    assert_eq!((figure(report, "workers_total"), &report["is_complete"]), (json!(9), &json!(false)));
    for extension in ["json", "csv", "md", "html"] {
        let text = text(&host.kept(), extension);
        assert!(text.contains("Entra ID was not read") && text.contains("it is down"), "{extension}");
    }
}

#[test]
fn the_length_of_a_part_is_no_total() {
    let seen = run(&World::small().host_cutting("intune_list_managed_devices"), "generate_weekly_report");
    let report = &seen.data["report"];
    assert!(!seen.complete);
    assert_eq!(figure(report, "intune_total"), Value::Null);
    assert!(chart(report, "intune_by_os").is_empty());
    // Names that were read are names all the same, with a note beside them.
    let table = table(report, "noncompliant_devices");
    assert_eq!((&table["n_rows"], &table["note"]), (&json!(2), &json!("Intune was not read to its end")));
}

#[test]
fn nothing_that_answered_is_no_report() {
    let host = World::small().host().peers(|_| Err(nexus_shard::PeerError::Refused(Refusal::NotGranted)));
    for (tool, _) in ALL {
        host.call(TOOLS, tool, json!({})).unwrap_err();
    }
    assert!(host.kept().is_empty());
}

#[test]
fn the_compliance_report_lists_devices_users_at_risk_and_disabled_accounts() {
    let seen = run(&World::small().host(), "generate_compliance_report");
    let report = &seen.data["report"];
    for (id, value) in [
        ("intune_noncompliant", 2),
        ("intune_unencrypted", 1),
        ("intune_encryption_unknown", 1),
        ("risky_users", 1),
        ("ad_disabled", 2),
        ("leavers_enabled", 0),
        ("stale_accounts", 0),
        ("entra_total", 9),
    ] {
        assert_eq!(figure(report, id), value, "{id}");
    }
    for (id, n) in
        [("noncompliant_devices", 2), ("unencrypted_devices", 1), ("risky_users", 1), ("ad_disabled_accounts", 2)]
    {
        assert_eq!(table(report, id)["n_rows"], n, "{id}");
    }
    assert_eq!(report["window"]["from"], Value::Null);
    // Users at risk are a list of their own: without it, what is found is still all there is.
    let seen = run(&World::small().without("entra_get_risky_users").host(), "generate_compliance_report");
    let report = &seen.data["report"];
    assert_eq!((seen.complete, figure(report, "risky_users")), (false, Value::Null));
    assert_eq!((figure(report, "entra_total"), figure(report, "findings_total").is_u64()), (json!(9), true));
}

#[test]
fn the_reconciliation_tells_what_is_in_one_system_and_not_in_another_both_ways() {
    let seen = run(&World::small().host(), "generate_asset_reconciliation_report");
    let report = &seen.data["report"];
    for (id, value) in [
        ("in_intune_and_lansweeper", 4),
        ("in_intune_not_lansweeper", 1),
        ("in_lansweeper_not_intune", 2),
        ("in_intune_and_cmdb", 2),
        ("in_intune_not_cmdb", 3),
        ("in_cmdb_not_intune", 1),
        ("in_lansweeper_and_cmdb", 3),
        ("in_cmdb_not_lansweeper", 0),
    ] {
        assert_eq!(figure(report, id), value, "{id}");
    }
    assert_eq!(table(report, "in_intune_not_lansweeper")["rows"][0][0], "LAPTOP-5");
    let host = World::small().host_cutting("lansweeper_list_assets");
    let seen = run(&host, "generate_asset_reconciliation_report");
    let report = &seen.data["report"];
    assert_eq!(figure(report, "in_intune_not_lansweeper"), Value::Null);
    assert_eq!(table(report, "in_intune_not_lansweeper")["n_rows"], 0);
    assert_eq!(figure(report, "in_cmdb_not_intune"), 1);
}

#[test]
fn long_lists_are_whole_in_json_and_csv_and_cut_for_people_and_for_the_model() {
    let device = |n: usize| json!({ "device_id": format!("d{n}"), "hostname": format!("PC-{n:05}"), "serial_number": format!("Q{n:05}") });
    let devices: Vec<_> = (0..1_000).map(device).collect();
    let host = World::small().with("intune_list_managed_devices", json!({ "devices": devices })).host();
    let seen = run(&host, "generate_asset_reconciliation_report");
    let inline = table(&seen.data["report"], "in_intune_not_lansweeper");
    assert_eq!((&inline["n_rows"], inline["rows"].as_array().unwrap().len()), (&json!(1_000), 20));
    let kept = host.kept();
    let canonical: Value = serde_json::from_str(&text(&kept, "json")).unwrap();
    assert_eq!(table(&canonical, "in_intune_not_lansweeper")["rows"].as_array().unwrap().len(), 1_000);
    assert_eq!(
        text(&kept, "csv").lines().filter(|line| line.starts_with("\"in_intune_not_lansweeper\",")).count(),
        1_001
    );
    for extension in ["md", "html"] {
        let text = text(&kept, extension);
        assert!(text.contains("800 more rows are in the JSON and the CSV"), "{extension}");
        assert!(text.contains("PC-00199") && !text.contains("PC-00200"), "{extension}");
    }
}

#[test]
fn the_itsm_summary_tells_two_weeks_apart_by_their_first_moments() {
    let host = World::small().host();
    let seen = run(&host, "generate_itsm_weekly_summary");
    let report = &seen.data["report"];
    for (id, value) in [
        ("incidents_open", 4),
        ("incidents_unassigned", 4),
        ("incidents_created_last_week", 2),
        ("incidents_created_this_week", 2),
        ("incidents_resolved_last_week", 1),
        ("incidents_resolved_this_week", 1),
        ("changes_created_last_week", 2),
        ("changes_created_this_week", 0),
        ("changes_open", 3),
    ] {
        assert_eq!(figure(report, id), value, "{id}");
    }
    let ages = chart(report, "open_incidents_by_age");
    assert_eq!(ages.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [2, 1, 0, 0, 1]);
    assert_eq!(report["window"]["name"], "2026-W24, and 2026-W25 so far");
    let since: Vec<_> = host.called().iter().filter_map(|call| call.arguments.get("created_since").cloned()).collect();
    assert_eq!(since, [json!("2026-05-11T00:00:00Z"), json!("2026-05-11T00:00:00Z")]);
}

#[test]
fn each_open_incident_is_of_one_age_to_the_second() {
    // The youngest and the oldest of each age, on 2026-06-15 at nine.
    for (age, label, moments) in [
        (0, "up to a day", ["2026-06-16T09:00:00Z", "2026-06-15T09:00:00Z", "2026-06-14T09:00:01Z"].as_slice()),
        (1, "up to a week", &["2026-06-14T09:00:00Z", "2026-06-08T09:00:01Z"]),
        (2, "up to 30 days", &["2026-06-08T09:00:00Z", "2026-05-16T09:00:01Z"]),
        (3, "up to 90 days", &["2026-05-16T09:00:00Z", "2026-03-17T09:00:01Z"]),
        (4, "longer", &["2026-03-17T09:00:00Z", "1999-01-01T00:00:00Z"]),
    ] {
        for created in moments {
            let incident = json!({ "incident_id": "INC1", "status": "New", "created_at": created });
            let host = World::small().with("helix_list_incidents", json!({ "incidents": [incident] })).host();
            let seen = run(&host, "generate_itsm_weekly_summary");
            let ages = chart(&seen.data["report"], "open_incidents_by_age");
            let mut expected = [0; 5];
            expected[age] = 1;
            assert_eq!(ages.iter().map(|(_, n)| *n).collect::<Vec<_>>(), expected, "{created}");
            assert_eq!(ages[age].0, label);
        }
    }
}

#[test]
fn an_incident_at_the_first_moment_of_last_week_is_listed_and_one_before_it_is_not() {
    for (created, listed) in [("2026-06-08T00:00:00Z", 1), ("2026-06-07T23:59:59Z", 0)] {
        let incident = json!({ "incident_id": "INC1", "status": "New", "created_at": created });
        let host = World::small().with("helix_list_incidents since", json!({ "incidents": [incident] })).host();
        let seen = run(&host, "generate_itsm_weekly_summary");
        assert_eq!(table(&seen.data["report"], "created_incidents")["n_rows"], listed, "{created}");
    }
}

#[test]
fn where_six_weeks_are_too_many_tickets_two_weeks_are_asked_for() {
    let host = World::small().host_cutting("helix_list_incidents");
    let seen = run(&host, "generate_itsm_weekly_summary");
    let report = &seen.data["report"];
    assert!(!seen.complete);
    assert_eq!(figure(report, "incidents_resolved_last_week"), Value::Null);
    assert_eq!(figure(report, "changes_created_last_week"), 2);
    let since: Vec<_> = host.called().iter().filter_map(|call| call.arguments.get("created_since").cloned()).collect();
    assert_eq!(since[2..], [json!("2026-06-08T00:00:00Z"), json!("2026-06-08T00:00:00Z")]);
}

#[test]
fn a_report_that_is_not_to_be_kept_is_not() {
    for (tool, _) in ALL {
        let host = World::small().host();
        let seen = host.call(TOOLS, tool, json!({ "save_to_file": false })).unwrap();
        assert!(host.kept().is_empty() && seen.complete);
        assert_eq!((&seen.data["artifacts"], seen.content.len()), (&json!([]), 1));
    }
}

#[test]
fn a_format_that_could_not_be_kept_is_said_and_the_others_are_kept() {
    let full = |artifact: &nexus_shard::Artifact| {
        if artifact.media_type == "text/csv" { Err(Refusal::OverBudget) } else { Ok(()) }
    };
    let host = World::small().host().keeper(full);
    let seen = run(&host, "generate_drift_report");
    assert!(!seen.complete);
    assert!(
        seen.notes
            .iter()
            .any(|note| note == "the report could not be kept as CSV: the host did not keep it (over-budget)")
    );
    assert_eq!((seen.data["artifacts"].as_array().unwrap().len(), host.kept().len()), (3, 3));
}

#[test]
fn the_tools_say_what_they_are() {
    for tool in TOOLS.iter().map(|tool| tool.define()).filter(|tool| ALL.iter().any(|(name, _)| *name == tool.name)) {
        assert_eq!(tool.category, nexus_shard::Category::Report);
        assert!(!tool.annotations.idempotent && !tool.annotations.destructive);
        assert_eq!(tool.input_schema["properties"]["save_to_file"]["default"], true);
    }
}
