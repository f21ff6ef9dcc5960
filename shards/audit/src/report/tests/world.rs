//! Small systems that answer as the peers' tools do, and what it takes to look at a report.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_shard::serde_json::{Value, json};
use nexus_shard::testing::{Fake, Seen, answer};
use nexus_shard::{Artifact, PeerCall, PeerError, ToolError, Utc};

use crate::TOOLS;
use crate::model::{Confidence, Finding, Kind, Level, Said, Severity, System};

/// Monday, the first day of 2026-W25.
pub(super) const NOW: &str = "2026-06-15T09:00:00Z";

pub(super) fn utc(text: &str) -> Utc {
    Utc::parse(text).unwrap()
}

pub(super) fn at(now: &str) -> Duration {
    Duration::from_secs(u64::try_from(utc(now).seconds_since_1970()).unwrap())
}

/// What each tool answers; a tool without an answer fails.
#[derive(Clone)]
pub(super) struct World(BTreeMap<&'static str, Value>);

impl World {
    /// The company of nine.
    pub(super) fn small() -> Self {
        let worker = |n: usize, status: &str, hired: &str, left: Option<&str>| {
            let mut row = json!({
                "Employee_ID": format!("EMP-{n}"), "Preferred_First": "Ann", "Preferred_Last": format!("No{n}"),
                "Work_Email": format!("ann.no{n}@nexus.corp"), "Worker_Status": status, "Hire_Date": hired,
            });
            if let Some(left) = left {
                row["Termination_Date"] = json!(left);
            }
            row
        };
        let mut workers: Vec<_> = (1..=6).map(|n| worker(n, "Active", "2019-03-04", None)).collect();
        workers.push(worker(7, "On Leave", "2020-09-21", None));
        workers.push(worker(8, "Active", "2026-06-10", None));
        workers.push(worker(9, "Terminated", "2022-04-18", Some("2026-06-15")));
        let entra = |n: usize| {
            json!({
                "id": format!("{n}"), "user_principal_name": format!("ann.no{n}@nexus.corp"), "is_enabled": n != 9,
                "user_type": "Member", "is_synced_from_ad": n < 9, "license_sku_ids": if n < 9 { vec!["E5"] } else { vec![] },
                "email": format!("ann.no{n}@nexus.corp"), "last_sign_in_at": NOW,
            })
        };
        let ad = |n: usize| {
            json!({
                "username": format!("ann{n}"), "display_name": format!("Ann No{n}"), "employee_id": format!("EMP-{n}"),
                "email": format!("ann.no{n}@nexus.corp"), "is_enabled": n < 8, "dn": format!("CN=ann{n},DC=nexus"),
            })
        };
        let intune = |n: usize, os: &str, state: &str, encrypted: Option<bool>| {
            json!({
                "device_id": format!("d{n}"), "hostname": format!("LAPTOP-{n}"), "serial_number": format!("SN00{n}"),
                "manufacturer": "HP", "model": "EliteBook", "os_name": os, "compliance_state": state,
                "is_encrypted": encrypted, "last_sync_at": "2026-06-14T08:00:00Z",
                "user_principal_name": format!("ann.no{n}@nexus.corp"),
            })
        };
        let asset = |n: usize, kind: &str| {
            json!({
                "asset_id": format!("a{n}"), "hostname": format!("LAPTOP-{n}"), "serial_number": format!("SN00{n}"),
                "asset_type": kind, "os_name": "Windows 11", "manufacturer": "HP", "model": "EliteBook", "state": "Active",
            })
        };
        let incident = |n: usize, status: &str, created: &str, resolved: Option<&str>| {
            json!({
                "incident_id": format!("INC00000{n}"), "status": status, "priority": if n == 1 { "Critical" } else { "Low" },
                "summary": format!("Trouble {n}"), "assigned_group": "Service Desk", "created_at": created,
                "resolved_at": resolved, "assigned_to": null,
            })
        };
        let change = |n: usize, created: &str| json!({ "change_id": format!("CRQ00000{n}"), "status": "Scheduled", "change_type": "Change", "created_at": created });
        let open = [
            incident(1, "New", "2026-06-15T07:58:12Z", None),
            incident(2, "Assigned", "2026-06-15T08:21:47Z", None),
            incident(3, "In Progress", "2026-06-09T13:27:55Z", None),
            incident(4, "Pending", "2026-03-01T15:02:31Z", None),
        ];
        let since = [
            open[0].clone(),
            open[1].clone(),
            open[2].clone(),
            incident(5, "Resolved", "2026-06-08T00:00:00Z", Some("2026-06-14T23:59:59Z")),
            incident(6, "Resolved", "2026-06-07T23:59:59Z", Some("2026-06-15T00:00:00Z")),
            incident(7, "Closed", "2026-05-26T05:12:40Z", Some("2026-05-27T14:03:09Z")),
        ];
        let changes = ["2026-05-28T10:05:00Z", "2026-06-08T09:41:23Z", "2026-06-12T17:20:36Z"];
        let changes: Vec<_> = changes.iter().zip(1..).map(|(created, n)| change(n, created)).collect();
        let devices = json!([
            intune(1, "Windows", "compliant", Some(true)),
            intune(2, "Windows", "noncompliant", Some(false)),
            intune(3, "Windows", "compliant", Some(true)),
            intune(4, "iOS", "noncompliant", None),
            intune(5, "Windows", "compliant", Some(true)),
        ]);
        let assets: Vec<_> =
            (1..=6).filter(|n| *n != 5).map(|n| asset(n, "Windows")).chain([asset(7, "Switch")]).collect();
        let risky = json!({
            "user_principal_name": "ann.no2@nexus.corp", "risk_level": "medium", "risk_state": "atRisk",
            "risk_updated_at": "2026-06-14T22:19:31Z",
        });
        Self(BTreeMap::from([
            ("workday_run_raas_report", json!({ "rows": workers })),
            ("ad_list_users", json!({ "users": (1..=9).map(ad).collect::<Vec<_>>() })),
            ("entra_list_users", json!({ "users": (1..=9).map(entra).collect::<Vec<_>>() })),
            ("entra_get_risky_users", json!({ "risky_users": [risky] })),
            ("intune_list_managed_devices", json!({ "devices": devices })),
            ("intune_get_autopilot_devices", json!({ "devices": [] })),
            ("lansweeper_list_assets", json!({ "assets": assets })),
            ("helix_list_cmdb_assets", json!({ "assets": [asset(1, ""), asset(2, ""), asset(6, "")] })),
            ("helix_list_incidents", json!({ "incidents": open })),
            ("helix_list_incidents since", json!({ "incidents": since })),
            ("helix_list_changes", json!({ "changes": changes })),
            ("helix_list_changes since", json!({ "changes": changes })),
        ]))
    }

    pub(super) fn without(mut self, tool: &str) -> Self {
        self.0.remove(tool).unwrap();
        self
    }

    pub(super) fn with(mut self, tool: &'static str, data: Value) -> Self {
        self.0.insert(tool, data);
        self
    }

    /// A host on which these systems answer, at nine on that Monday.
    pub(super) fn host(self) -> Fake {
        self.host_cutting("")
    }

    /// The same, but one tool does not answer with all it has.
    pub(super) fn host_cutting(self, cut: &'static str) -> Fake {
        let reply = move |call: &PeerCall| {
            let since = if call.arguments.get("created_since").is_some() { " since" } else { "" };
            let key = format!("{}{since}", call.tool);
            let data = self.0.get(key.as_str()).ok_or_else(|| PeerError::Tool(ToolError::upstream("it is down")))?;
            let mut answered = answer(data)?;
            if call.tool == cut {
                answered.complete = false;
                answered.notes.push("there are more: only the first are returned".to_owned());
            }
            Ok(answered)
        };
        Fake::replies([]).peers(reply).now(at(NOW))
    }
}

pub(super) fn run(host: &Fake, tool: &str) -> Seen {
    host.call(TOOLS, tool, json!({})).unwrap()
}

/// A number of a report, by its id.
pub(super) fn figure(report: &Value, id: &str) -> Value {
    let figures = report["figures"].as_array().unwrap();
    let found: Vec<_> = figures.iter().filter(|figure| figure["id"] == id).collect();
    assert_eq!(found.len(), 1, "{id}");
    found[0]["value"].clone()
}

/// A chart of a report as label and number.
pub(super) fn chart(report: &Value, id: &str) -> Vec<(String, u64)> {
    let chart = report["charts"].as_array().unwrap().iter().find(|chart| chart["id"] == id).unwrap();
    let bars = chart["bars"].as_array().unwrap().iter();
    bars.map(|bar| (bar["label"].as_str().unwrap_or("-").to_owned(), bar["value"].as_u64().unwrap())).collect()
}

pub(super) fn table<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["tables"].as_array().unwrap().iter().find(|table| table["id"] == id).unwrap()
}

pub(super) fn text(kept: &[Artifact], extension: &str) -> String {
    let found = kept.iter().rev().find(|artifact| artifact.name.ends_with(extension)).unwrap();
    String::from_utf8(found.data.clone()).unwrap()
}

pub(super) fn finding(id: &str, severity: Severity, subject: &str) -> Finding {
    let said = |system, value: Option<&str>| Said {
        system,
        value: value.map(str::to_owned),
        is_present: value.is_some(),
        as_of: utc(NOW),
    };
    Finding {
        id: id.to_owned(),
        rule: "person.title".to_owned(),
        rule_version: 1,
        severity,
        kind: Kind::Person,
        subject: subject.to_owned(),
        identifier: subject.to_owned(),
        field: Some("title".to_owned()),
        summary: format!("The title of {subject} differs"),
        values: vec![said(System::Workday, Some(subject)), said(System::Entra, None)],
        authority: Some(System::Workday),
        confidence: Confidence { level: Level::High, reasons: vec![format!("{subject} has a number")] },
        missing: vec![format!("{subject} in Active Directory")],
        exception: None,
    }
}
