//! The numbers that several reports have, each under one id.

use nexus_shard::{Date, Utc};

use super::model::{Cell, Report};
use super::tally::{Tally, why_unknown};
use super::week::Week;
use crate::model::{Finding, Severity};
use crate::read::{
    AdAccount, CmdbComputer, Devices, EntraAccount, IntuneDevice, LansweeperAsset, People, Source, Worker,
};
use crate::rules::{Employment, Rules};

/// Records how people were read.
pub(crate) fn read_people(report: &mut Report, people: &People) {
    report.searched("workers", &people.workers);
    report.searched("accounts", &people.ad);
    report.searched("accounts", &people.entra);
}

/// Records how devices were read.
pub(crate) fn read_devices(report: &mut Report, devices: &Devices) {
    report.searched("devices", &devices.intune);
    report.searched("devices", &devices.autopilot);
    report.searched("assets", &devices.lansweeper);
    report.searched("computers", &devices.cmdb);
}

/// Workers by status, and who came and went in the week and in the last seven days.
pub(crate) fn workers(report: &mut Report, workers: &Source<Worker>, rules: &Rules, today: Date) {
    let tally = Tally::new("Workday", workers);
    let note = "in every status, those who have left among them".to_owned();
    tally.noted(report, "workers_total", "Workers", Some(note), |_| true);
    let of = |employment| move |worker: &Worker| rules.employment(worker.status.as_deref()) == employment;
    tally.figure(report, "workers_active", "Active", of(Employment::Active));
    tally.figure(report, "workers_on_leave", "On leave", of(Employment::OnLeave));
    tally.figure(report, "workers_terminated", "Terminated", of(Employment::Terminated));
    tally.figure(report, "workers_unknown", "In no status that is known", of(Employment::Unknown));
    let week = Week::of(today).monday();
    let seven = today.plus_days(-6).unwrap_or(today);
    for (id, name, from) in [("this_week", "this week, so far", week), ("last_7_days", "in the last 7 days", seven)] {
        let days = Some(format!("{from} to {today}"));
        let within =
            |day: &Option<String>| day.as_deref().and_then(Date::parse).is_some_and(|day| from <= day && day <= today);
        tally.noted(report, &format!("new_hires_{id}"), &format!("New hires {name}"), days.clone(), |worker| {
            within(&worker.hire_date)
        });
        tally.noted(report, &format!("leavers_{id}"), &format!("Leavers {name}"), days, |worker| {
            within(&worker.termination_date)
        });
    }
    let undated = workers.rows.iter().filter(|worker| worker.hire_date.as_deref().and_then(Date::parse).is_none());
    let undated = undated.count();
    if undated > 0 {
        report.notes.push(format!("{undated} workers have no hire date that can be read, and are no new hires here"));
    }
}

/// Accounts of Entra ID by state.
pub(crate) fn entra(report: &mut Report, accounts: &Source<EntraAccount>) {
    let tally = Tally::new("Entra ID", accounts);
    tally.figure(report, "entra_total", "Accounts", |_| true);
    tally.figure(report, "entra_enabled", "Enabled", |account| account.is_enabled == Some(true));
    tally.figure(report, "entra_disabled", "Disabled", |account| account.is_enabled == Some(false));
    tally.figure(report, "entra_unknown", "In an unknown state", |account| account.is_enabled.is_none());
    tally.figure(report, "entra_synced", "Synced from Active Directory", |account| {
        account.is_synced_from_ad == Some(true)
    });
    tally.figure(report, "entra_licensed", "With a licence", |account| !account.license_sku_ids.is_empty());
    tally.figure(report, "entra_guests", "Guests", |account| {
        account.user_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("Guest"))
    });
}

/// Accounts of Active Directory by state.
pub(crate) fn active_directory(report: &mut Report, accounts: &Source<AdAccount>) {
    let tally = Tally::new("Active Directory", accounts);
    tally.figure(report, "ad_total", "Accounts", |_| true);
    tally.figure(report, "ad_enabled", "Enabled", |account| account.is_enabled == Some(true));
    tally.figure(report, "ad_disabled", "Disabled", |account| account.is_enabled == Some(false));
    tally.figure(report, "ad_unknown", "In an unknown state", |account| account.is_enabled.is_none());
}

/// Devices of Intune by compliance.
pub(crate) fn intune(report: &mut Report, devices: &Source<IntuneDevice>) {
    let tally = Tally::new("Intune", devices);
    tally.figure(report, "intune_total", "Devices", |_| true);
    tally.figure(report, "intune_compliant", "Compliant", |device| state(device) == Some("compliant"));
    tally.figure(report, "intune_noncompliant", "Noncompliant", |device| state(device) == Some("noncompliant"));
    tally.figure(report, "intune_other", "Neither: no verdict yet, or none to be had", |device| {
        !matches!(state(device), Some("compliant" | "noncompliant"))
    });
    tally.chart(report, "intune_by_compliance", "Intune devices by compliance", |_| true, state);
    tally.chart(report, "intune_by_os", "Intune devices by operating system", |_| true, |it| it.os_name.as_deref());
}

/// The devices that Intune found noncompliant.
pub(crate) fn noncompliant(report: &mut Report, devices: &Source<IntuneDevice>) {
    device_table(report, "noncompliant_devices", "Noncompliant devices", devices, |device| {
        state(device) == Some("noncompliant")
    });
}

/// A list of devices of Intune, by name.
pub(crate) fn device_table(
    report: &mut Report,
    id: &str,
    title: &str,
    devices: &Source<IntuneDevice>,
    fits: impl Fn(&IntuneDevice) -> bool,
) {
    let mut found: Vec<_> = devices.rows.iter().filter(|device| fits(device)).collect();
    found.sort_by(|a, b| (&a.hostname, &a.device_id).cmp(&(&b.hostname, &b.device_id)));
    let rows = found.into_iter().map(|device| {
        vec![
            Cell::from(&device.hostname),
            Cell::from(&device.user_principal_name),
            Cell::from(&device.os_name),
            Cell::from(&device.compliance_state),
            Cell::from(device.last_sync_at),
            Cell::from(device.is_encrypted),
            Cell::from(&device.serial_number),
        ]
    });
    let columns = ["Device", "User", "Operating system", "Compliance", "Last sync", "Encrypted", "Serial number"];
    report.table(id, title, &columns, rows.collect(), why_unknown(&devices.reading));
}

/// Assets of Lansweeper by type and system.
pub(crate) fn lansweeper(report: &mut Report, assets: &Source<LansweeperAsset>) {
    let tally = Tally::new("Lansweeper", assets);
    tally.figure(report, "lansweeper_total", "Assets", |_| true);
    tally.chart(report, "lansweeper_by_type", "Lansweeper assets by type", |_| true, |it| it.asset_type.as_deref());
    tally.chart(
        report,
        "lansweeper_by_os",
        "Lansweeper assets by operating system",
        |_| true,
        |it| it.os_name.as_deref(),
    );
}

/// Computers of the CMDB.
pub(crate) fn cmdb(report: &mut Report, computers: &Source<CmdbComputer>) {
    Tally::new("Helix CMDB", computers).figure(report, "cmdb_total", "Computers", |_| true);
}

/// Findings by severity. They are known only if everything was read whole in which they are looked for.
pub(crate) fn findings(report: &mut Report, findings: Vec<Finding>, rules: &Rules) {
    let unread = report.readings.iter().filter(|read| read.is_for_findings);
    let unread: Vec<_> = unread.filter_map(|read| why_unknown(&read.reading)).collect();
    let count = |report: &mut Report, id: &str, name: &str, fits: &dyn Fn(&Finding) -> bool| {
        let n = findings.iter().filter(|finding| fits(finding)).count();
        let note = format!("{n} were found, and there may be more: {}", unread.join(", "));
        let (value, note) = if unread.is_empty() { (Some(n), None) } else { (None, Some(note)) };
        report.figure("Findings", id, name, value, note);
    };
    count(report, "findings_total", "Findings", &|_| true);
    for severity in Severity::ALL {
        let id = format!("findings_{}", severity.name());
        let name = format!("Of severity {}, without an exception", severity.name());
        count(report, &id, &name, &|finding| finding.severity == severity && finding.exception.is_none());
    }
    count(report, "findings_excepted", "With an exception", &|finding| finding.exception.is_some());
    report.find(findings, rules.version);
}

/// How long ago, in whole days.
pub(crate) fn age_in_days(then: Utc, now: Utc) -> i64 {
    (now.seconds_since_1970() - then.seconds_since_1970()).div_euclid(24 * 60 * 60)
}

fn state(device: &IntuneDevice) -> Option<&str> {
    device.compliance_state.as_deref()
}
