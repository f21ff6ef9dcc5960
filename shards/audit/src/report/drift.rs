//! Where the systems disagree, all of it.

use nexus_shard::{Call, Output, ToolError, tool};

use super::keep::{self, Generate, Generated};
use super::kind::ReportKind;
use super::model::{Chart, Report, Window};
use super::numbers;
use super::tally::bars;
use crate::model::{Finding, Kind};
use crate::rules::Rules;
use crate::{devices, people, read};

/// Puts together the drift report: everything in which Workday, Active Directory, Entra ID, Intune, Autopilot, Lansweeper and
/// the CMDB disagree about people, accounts and devices, the gravest first, with what each system says.
///
/// It says how things stand now, and which findings are new, gone or still there since the last report of this kind. What
/// needs a system that did not answer is not concluded, and the report says so. With `save_to_file` (the default) it is kept
/// as `drift_report_YYYY-MM-DD` in JSON, CSV, Markdown and HTML in the host's report folder; nothing else is written.
#[tool(name = "generate_drift_report", title = "Generate the drift report", category = report, idempotent = false)]
pub(crate) fn generate_drift_report(arguments: Generate, call: &Call) -> Result<Output<Generated>, ToolError> {
    let now = keep::now(call)?;
    let rules = Rules::shipped();
    let (persons, machines) = read::everything(call)?;
    let mut report = Report::new(ReportKind::DriftReport, Window::at(now), call, now);

    numbers::read_people(&mut report, &persons);
    numbers::read_devices(&mut report, &machines);

    let mut found = people::findings(&persons, Some(&machines), now, rules);
    found.extend(devices::findings(&machines, now, rules));
    chart(&mut report, "findings_by_kind", "Findings by what they are about", &found, |finding| match finding.kind {
        Kind::Person => "people",
        Kind::Account => "accounts of nobody",
        Kind::Device => "devices",
    });
    chart(&mut report, "findings_by_rule", "Findings by rule", &found, |finding| &finding.rule);
    numbers::findings(&mut report, found, rules);
    Ok(keep::finish(report, call, arguments.save_to_file))
}

/// What was found is drawn even if a system is missing: the notes say that there may be more.
fn chart(report: &mut Report, id: &str, title: &str, found: &[Finding], label: impl Fn(&Finding) -> &str) {
    let bars = bars(found.iter().map(|finding| Some(label(finding))));
    let note = (!report.is_complete).then(|| "there may be more: not every system was read whole".to_owned());
    report.charts.push(Chart { id: id.to_owned(), title: title.to_owned(), bars, note });
}
