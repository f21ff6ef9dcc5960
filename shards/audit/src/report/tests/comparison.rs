//! What is said about the report before.

use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::testing::Fake;
use nexus_shard::{Artifact, Output, Refusal};

use super::world::{NOW, World, figure, finding, run, text, utc};
use crate::model::{Finding, Reading, Severity, System};
use crate::read::Source;
use crate::report::keep::{self, Generated};
use crate::report::kind::ReportKind;
use crate::report::model::{Report, Window};

fn source(is_complete: bool) -> Source<()> {
    let reading = Reading {
        system: System::Entra,
        is_read: true,
        is_complete,
        records: Some(1),
        as_of: Some(utc(NOW)),
        source: Some("mock".to_owned()),
        event_id: None,
        notes: Vec::new(),
    };
    Source { rows: Vec::new(), reading }
}

fn finish(host: &Fake, findings: Vec<Finding>, is_complete: bool, rules_version: u32) -> Value {
    let call = host.context();
    let mut report = Report::new(ReportKind::DriftReport, Window::at(utc(NOW)), &call, utc(NOW));
    report.searched("accounts", &source(is_complete));
    report.figure("Findings", "findings_total", "Findings", is_complete.then_some(findings.len()), None);
    report.find(findings, rules_version);
    let output: Output<Generated> = keep::finish(report, &call, true);
    serde_json::to_value(output.data()).unwrap()["report"].clone()
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|it| it["id"].as_str().or(it.as_str()).unwrap()).collect()
}

#[test]
fn the_second_report_tells_what_is_new_gone_and_still_there() {
    let host = World::small().host();
    let first = finish(&host, vec![finding("a", Severity::Low, "A"), finding("b", Severity::High, "B")], true, 1);
    assert_eq!(first["changes"], Value::Null);
    assert!(first["notes"][0].as_str().unwrap().contains("no earlier report"));
    let found = vec![
        finding("c", Severity::Critical, "C"),
        finding("b", Severity::High, "B"),
        finding("d", Severity::Info, "D"),
    ];
    let second = finish(&host, found, true, 1);
    let changes = &second["changes"];
    let (found, notes) = (&changes["findings"], &changes["notes"]);
    assert_eq!(ids(&found["new"]), ["c", "d"]);
    assert_eq!(ids(&found["gone"]), ["a"]);
    assert_eq!(ids(&found["still"]), ["b"]);
    assert_eq!(
        (&found["n_new"], &found["n_gone"], &found["n_still"], notes),
        (&json!(2), &json!(1), &json!(1), &json!([]))
    );
    assert_eq!(
        changes["figures"],
        json!([{ "id": "findings_total", "name": "Findings: Findings", "before": 2, "now": 3, "change": 1 }])
    );
    assert_eq!(changes["previous_uri"], "nexus://artifacts/test/drift_report_2026-06-15.json/1");
    // The gravest first, in the report and in its formats.
    assert_eq!(ids(&second["findings"]), ["c", "b", "d"]);
    for (extension, new, gone) in [
        ("md", "New findings (2)", "Findings that are gone (1)"),
        ("html", "New findings (2)", "Findings that are gone (1)"),
        ("csv", "\"new_findings\",2,\"d\"", "\"gone_findings\",1,\"a\""),
    ] {
        let text = text(&host.kept(), extension);
        assert!(text.contains(new) && text.contains(gone), "{extension}");
    }
}

#[test]
fn a_finding_is_gone_only_if_everything_was_looked_at() {
    let host = World::small().host();
    finish(&host, vec![finding("a", Severity::Low, "A")], true, 1);
    let blind = finish(&host, Vec::new(), false, 1);
    let changes = &blind["changes"];
    assert!(ids(&changes["findings"]["gone"]).is_empty());
    assert_eq!(ids(&changes["findings"]["not_looked_at"]), ["a"]);
    assert!(changes["notes"][0].as_str().unwrap().contains("Entra ID (accounts) could not be read whole"));
    assert_eq!(changes["figures"][0]["change"], Value::Null);
    // The next one sees again, and what it sees is not new for that.
    let seeing = finish(&host, vec![finding("a", Severity::Low, "A")], true, 2);
    let notes = seeing["changes"]["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note.as_str().unwrap().contains("look new may be old")));
    assert!(notes.iter().any(|note| note.as_str().unwrap().contains("rules are of another version")));
}

#[test]
fn a_report_before_that_is_no_report_or_of_another_form_is_a_note() {
    let good = |host: &Fake| {
        finish(host, Vec::new(), true, 1);
        serde_json::from_str::<Value>(&text(&host.kept(), "json")).unwrap()
    };
    let host = World::small().host();
    let earlier = good(&host);
    for (data, why) in [
        (json!("torn").to_string(), "it cannot be read as a report"),
        ("{\"schema\":{\"name\":\"nexus.audit.report\",\"version\":1}}".to_owned(), "it cannot be read as a report"),
        (
            changed(&earlier, "schema", json!({ "name": "nexus.audit.report", "version": 2 })),
            "of another form or version",
        ),
        (changed(&earlier, "kind", json!("compliance_report")), "a report of another kind"),
        (changed(&earlier, "source", json!("live")), "one of the two is of mock data"),
    ] {
        let artifact = Artifact {
            name: "drift_report_2026-06-08.json".to_owned(),
            media_type: "application/json".to_owned(),
            data: data.into_bytes(),
        };
        host.context().put(&artifact).unwrap();
        let report = finish(&host, vec![finding("a", Severity::Low, "A")], true, 1);
        assert_eq!(report["changes"], Value::Null);
        let note = report["notes"][0].as_str().unwrap();
        assert!(note.contains(why) && note.contains("drift_report_2026-06-08.json"), "{note}");
    }
}

fn changed(report: &Value, key: &str, value: Value) -> String {
    let mut report = report.clone();
    report[key] = value;
    report.to_string()
}

#[test]
fn a_tool_that_runs_twice_compares_with_its_own_last_report() {
    let host = World::small().host();
    for (tool, other) in [
        ("generate_weekly_report", "generate_drift_report"),
        ("generate_itsm_weekly_summary", "generate_compliance_report"),
    ] {
        assert_eq!(run(&host, tool).data["report"]["changes"], Value::Null);
        run(&host, other);
        let changes = run(&host, tool).data["report"]["changes"].clone();
        assert!(changes["figures"].as_array().unwrap().iter().all(|figure| figure["change"] == 0), "{tool}");
        assert_eq!(changes["previous_generated_at"], NOW);
    }
}

#[test]
fn a_number_that_moved_is_told() {
    let host = World::small().host();
    run(&host, "generate_weekly_report");
    let fewer =
        World::small().with("ad_list_users", json!({ "users": [{ "username": "ann1", "dn": "CN=ann1" }] })).host();
    for artifact in host.kept() {
        fewer.context().put(&artifact).unwrap();
    }
    let report = run(&fewer, "generate_weekly_report").data["report"].clone();
    assert_eq!(figure(&report, "ad_unknown"), 1);
    let figures = report["changes"]["figures"].as_array().unwrap();
    let total = figures.iter().find(|figure| figure["id"] == "ad_total").unwrap();
    assert_eq!((&total["before"], &total["now"], &total["change"]), (&json!(9), &json!(1), &json!(-8)));
    assert!(text(&fewer.kept(), "csv").contains("\"Active Directory: Accounts\",9,1,-8"));
}

#[test]
fn reports_that_are_not_kept_are_compared_all_the_same() {
    let host = World::small().host().keeper(|_| Err(Refusal::Internal));
    let seen = run(&host, "generate_drift_report");
    assert!(!seen.complete && host.kept().is_empty());
    assert_eq!(seen.notes.iter().filter(|note| note.contains("could not be kept")).count(), 4);
}

#[test]
fn too_many_findings_are_told_in_brief_and_then_counted() {
    let host = World::small().host();
    let findings: Vec<_> =
        (0..40_000).map(|n| finding(&format!("person.title:{n:06}"), Severity::Low, "Ann No1")).collect();
    let report = finish(&host, findings, true, 1);
    assert_eq!((&report["n_findings"], report["findings"].as_array().unwrap().len()), (&json!(40_000), 50));
    let kept = host.kept();
    assert!(kept.iter().all(|artifact| artifact.data.len() < 16 * 1024 * 1024));
    let canonical: Value = serde_json::from_str(&text(&kept, "json")).unwrap();
    let (whole, brief) =
        (canonical["findings"].as_array().unwrap().len(), canonical["more_findings"].as_array().unwrap().len());
    assert!(whole > 5_000 && brief > 5_000 && whole + brief < 40_000, "{whole} {brief}");
    assert!(canonical["notes"].as_array().unwrap().iter().any(|note| note.as_str().unwrap().contains("counted only")));
    // A list that is not whole proves nothing: the next report does not compare findings with it.
    let next = finish(&host, Vec::new(), true, 1);
    assert_eq!(next["changes"]["findings"], Value::Null);
    assert!(next["changes"]["notes"][0].as_str().unwrap().contains("more findings than it lists"));
}
