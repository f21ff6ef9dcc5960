//! Devices and accounts that break rules.

use nexus_shard::{Call, Output, ToolError, tool};

use super::keep::{self, Generate, Generated};
use super::kind::ReportKind;
use super::model::{Cell, Report, Window};
use super::numbers;
use super::tally::{Tally, why_unknown};
use crate::model::Finding;
use crate::read::{AdAccount, RiskyUser, Source};
use crate::rules::{Rule, Rules};
use crate::{devices, people, read};

/// What of the findings is a matter of compliance: who can get in and should not, and devices that must not be trusted.
const RULES: [Rule; 10] = [
    Rule::AccountLeaverEnabled,
    Rule::AccountContractorExpired,
    Rule::AccountOnLeaveEnabled,
    Rule::AccountOrphaned,
    Rule::AccountStale,
    Rule::AccountStaleInOne,
    Rule::DeviceNoncompliant,
    Rule::DeviceUnencrypted,
    Rule::DeviceSilent,
    Rule::DeviceOfLeaver,
];

/// Puts together the compliance report: noncompliant and unencrypted devices, users at risk, disabled accounts, leavers who
/// can still sign in, and accounts that nobody uses.
///
/// It says how things stand now, and what is different from the last report of this kind. A number is null, with the reason,
/// where a system did not answer with all it has. With `save_to_file` (the default) it is kept as
/// `compliance_report_YYYY-MM-DD` in JSON, CSV, Markdown and HTML in the host's report folder; nothing else is written.
#[tool(
    name = "generate_compliance_report",
    title = "Generate the compliance report",
    category = report,
    idempotent = false
)]
pub(crate) fn generate_compliance_report(arguments: Generate, call: &Call) -> Result<Output<Generated>, ToolError> {
    let now = keep::now(call)?;
    let rules = Rules::shipped();
    let (persons, machines) = read::everything(call)?;
    let risky = read::risky_users(call);
    let mut report = Report::new(ReportKind::ComplianceReport, Window::at(now), call, now);

    numbers::read_people(&mut report, &persons);
    numbers::read_devices(&mut report, &machines);
    report.read("users at risk", &risky);

    numbers::intune(&mut report, &machines.intune);
    let tally = Tally::new("Intune", &machines.intune);
    tally.figure(&mut report, "intune_unencrypted", "Not encrypted", |device| device.is_encrypted == Some(false));
    tally
        .figure(&mut report, "intune_encryption_unknown", "Encryption unknown", |device| device.is_encrypted.is_none());
    Tally::new("Entra ID Protection", &risky).figure(&mut report, "risky_users", "Users at risk", |_| true);
    numbers::entra(&mut report, &persons.entra);
    numbers::active_directory(&mut report, &persons.ad);

    let mut found = people::findings(&persons, Some(&machines), now, rules);
    found.extend(devices::findings(&machines, now, rules));
    found.retain(|finding| RULES.iter().any(|rule| finding.rule == rule.id()));
    let leavers = subjects(&found, &[Rule::AccountLeaverEnabled]);
    let stale = subjects(&found, &[Rule::AccountStale, Rule::AccountStaleInOne]);
    let note = people_note(&persons);
    for (id, name, list) in
        [("leavers_enabled", "Of leavers, and enabled", &leavers), ("stale_accounts", "That nobody uses", &stale)]
    {
        report.figure("Accounts", id, name, note.is_none().then_some(list.len()), note.clone());
    }
    numbers::findings(&mut report, found, rules);

    numbers::noncompliant(&mut report, &machines.intune);
    numbers::device_table(
        &mut report,
        "unencrypted_devices",
        "Devices that are not encrypted",
        &machines.intune,
        |device| device.is_encrypted == Some(false),
    );
    risky_table(&mut report, &risky);
    let columns = ["Severity", "Who", "Identifier", "What"];
    report.table("leavers_enabled", "Leavers whose accounts are enabled", &columns, leavers, note.clone());
    report.table("stale_accounts", "Accounts that nobody uses", &columns, stale, note);
    disabled_table(&mut report, &persons.ad);
    Ok(keep::finish(report, call, arguments.save_to_file))
}

fn subjects(found: &[Finding], rules: &[Rule]) -> Vec<Vec<Cell>> {
    let of = found.iter().filter(|finding| rules.iter().any(|rule| finding.rule == rule.id()));
    let row = |finding: &Finding| {
        [finding.severity.name(), &finding.subject, &finding.identifier, &finding.summary].map(Cell::from).to_vec()
    };
    of.map(row).collect()
}

/// A list of findings about people is whole only if every system was.
fn people_note(people: &read::People) -> Option<String> {
    let readings = [&people.workers.reading, &people.ad.reading, &people.entra.reading];
    let why: Vec<_> = readings.into_iter().filter_map(why_unknown).collect();
    (!why.is_empty()).then(|| why.join(", "))
}

fn risky_table(report: &mut Report, risky: &Source<RiskyUser>) {
    let rows = risky.rows.iter().map(|user| {
        vec![
            Cell::from(&user.user_principal_name),
            Cell::from(&user.risk_level),
            Cell::from(&user.risk_state),
            Cell::from(user.risk_updated_at),
        ]
    });
    let columns = ["User", "Risk", "State", "Since"];
    report.table("risky_users", "Users at risk", &columns, rows.collect(), why_unknown(&risky.reading));
}

fn disabled_table(report: &mut Report, accounts: &Source<AdAccount>) {
    let mut disabled: Vec<_> = accounts.rows.iter().filter(|account| account.is_enabled == Some(false)).collect();
    disabled.sort_by(|a, b| a.username.cmp(&b.username));
    let rows = disabled.into_iter().map(|account| {
        vec![
            Cell::from(account.username.as_str()),
            Cell::from(&account.display_name),
            Cell::from(&account.employee_id),
            Cell::from(account.last_logon_at),
        ]
    });
    let columns = ["Account", "Name", "Employee number", "Last logon"];
    let title = "Disabled accounts of Active Directory";
    report.table("ad_disabled_accounts", title, &columns, rows.collect(), why_unknown(&accounts.reading));
}
