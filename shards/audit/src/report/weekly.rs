//! The week in numbers.

use nexus_shard::{Call, Output, ToolError, tool};

use super::keep::{self, Generate, Generated};
use super::kind::ReportKind;
use super::model::Report;
use super::numbers;
use super::tally::Tally;
use super::week::Week;
use crate::rules::Rules;
use crate::{devices, people, read};

/// Puts together the week's operational report: workers, accounts, devices, assets, tickets and the gravest findings.
///
/// It is about the ISO week (UTC) of now, as far as it has come, and says what is different from the last weekly report. A
/// number is null, with the reason, where a system did not answer with all it has. With `save_to_file` (the default) it is
/// kept as `weekly_report_YYYY-wNN` in JSON, CSV, Markdown and HTML in the host's report folder; nothing else is written.
/// Takes as long as reading every system, up to some minutes.
#[tool(name = "generate_weekly_report", title = "Generate the weekly report", category = report, idempotent = false)]
pub(crate) fn generate_weekly_report(arguments: Generate, call: &Call) -> Result<Output<Generated>, ToolError> {
    let now = keep::now(call)?;
    let today = now.date();
    let rules = Rules::shipped();
    let (persons, machines) = read::everything(call)?;
    let (incidents, changes) = read::tickets(call, None);
    let mut report = Report::new(ReportKind::WeeklyOperationalReport, Week::of(today).so_far(now), call, now);

    numbers::read_people(&mut report, &persons);
    numbers::read_devices(&mut report, &machines);
    report.read("open incidents", &incidents);
    report.read("open changes", &changes);

    numbers::workers(&mut report, &persons.workers, rules, today);
    numbers::entra(&mut report, &persons.entra);
    numbers::active_directory(&mut report, &persons.ad);
    numbers::intune(&mut report, &machines.intune);
    numbers::lansweeper(&mut report, &machines.lansweeper);
    numbers::cmdb(&mut report, &machines.cmdb);
    let tally = Tally::new("Helix ITSM", &incidents);
    tally.figure(&mut report, "incidents_open", "Open incidents", |_| true);
    tally.chart(&mut report, "incidents_by_status", "Open incidents by status", |_| true, |it| it.status.as_deref());
    tally.chart(
        &mut report,
        "incidents_by_priority",
        "Open incidents by priority",
        |_| true,
        |it| it.priority.as_deref(),
    );
    let tally = Tally::new("Helix ITSM", &changes);
    tally.figure(&mut report, "changes_open", "Open changes", |_| true);
    tally.chart(&mut report, "changes_by_status", "Open changes by status", |_| true, |it| it.status.as_deref());

    let mut found = people::findings(&persons, Some(&machines), now, rules);
    found.extend(devices::findings(&machines, now, rules));
    numbers::findings(&mut report, found, rules);
    numbers::noncompliant(&mut report, &machines.intune);
    Ok(keep::finish(report, call, arguments.save_to_file))
}
