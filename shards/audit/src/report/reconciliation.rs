//! The same devices in Intune, Lansweeper and the CMDB: who has which, and where two that have one differ.

use nexus_shard::{Call, Output, ToolError, tool};

use super::keep::{self, Generate, Generated};
use super::kind::ReportKind;
use super::model::{Cell, Report, Window};
use super::numbers;
use super::tally::{Tally, why_unknown};
use crate::join::{self, Device};
use crate::model::{Finding, Reading, System};
use crate::read::Devices;
use crate::rules::{Rule, Rules};
use crate::{devices, read};

/// Who says what a device is.
const SYSTEMS: [System; 4] = [System::Intune, System::Autopilot, System::Lansweeper, System::HelixCmdb];

/// What is a difference between two records of one device.
const MISMATCHES: [Rule; 3] = [Rule::DeviceSerial, Rule::DeviceManufacturer, Rule::DeviceModel];

/// Puts together the asset reconciliation: which devices are in Intune, Lansweeper and the CMDB of BMC Helix, which are in one
/// and not in another, both ways for each pair, and where records of one device differ in serial number, maker or model.
///
/// Devices are joined by serial number and then by whole name. That a device is missing is said only where both systems
/// answered with all they have. The result says what is different from the last report of this kind. With `save_to_file` (the
/// default) it is kept as `asset_reconciliation_YYYY-MM-DD` in JSON, CSV, Markdown and HTML in the host's report folder;
/// nothing else is written. The lists are whole in JSON and CSV.
#[tool(
    name = "generate_asset_reconciliation_report",
    title = "Generate the asset reconciliation report",
    category = report,
    idempotent = false
)]
pub(crate) fn generate_asset_reconciliation_report(
    arguments: Generate,
    call: &Call,
) -> Result<Output<Generated>, ToolError> {
    let now = keep::now(call)?;
    let rules = Rules::shipped();
    let machines = read::devices(call)?;
    let mut report = Report::new(ReportKind::AssetReconciliationReport, Window::at(now), call, now);
    numbers::read_devices(&mut report, &machines);
    Tally::new("Intune", &machines.intune).figure(&mut report, "intune_total", "Devices", |_| true);
    numbers::lansweeper(&mut report, &machines.lansweeper);
    numbers::cmdb(&mut report, &machines.cmdb);

    let joined = join::devices(&machines, rules);
    for pair in PAIRS {
        pair.compare(&mut report, &machines, &joined);
    }
    let found = devices::findings(&machines, now, rules);
    let differing: Vec<_> = found.iter().filter(|it| MISMATCHES.iter().any(|rule| it.rule == rule.id())).collect();
    mismatches(&mut report, &machines, &differing);
    numbers::findings(&mut report, found, rules);
    Ok(keep::finish(report, call, arguments.save_to_file))
}

/// Two systems, with the words of their ids.
struct Pair {
    one: (System, &'static str),
    other: (System, &'static str),
}

const PAIRS: [Pair; 3] = [
    Pair { one: (System::Intune, "intune"), other: (System::Lansweeper, "lansweeper") },
    Pair { one: (System::Intune, "intune"), other: (System::HelixCmdb, "cmdb") },
    Pair { one: (System::Lansweeper, "lansweeper"), other: (System::HelixCmdb, "cmdb") },
];

impl Pair {
    fn compare(&self, report: &mut Report, devices: &Devices, joined: &[Device<'_>]) {
        let Self { one, other } = self;
        let group = format!("{} and {}", one.0.name(), other.0.name());
        let unknown: Vec<_> = [one.0, other.0].iter().filter_map(|it| why_unknown(reading(devices, *it)?)).collect();
        let note = (!unknown.is_empty()).then(|| unknown.join(", "));
        let known = |n: usize| note.is_none().then_some(n);
        let both = joined.iter().filter(|device| has(device, one.0) && has(device, other.0)).count();
        let name = "Devices in both";
        report.figure(&group, &format!("in_{}_and_{}", one.1, other.1), name, known(both), note.clone());
        for (there, not) in [(one, other), (other, one)] {
            let mut only: Vec<_> = joined.iter().filter(|device| has(device, there.0) && !has(device, not.0)).collect();
            only.sort_by_key(|device| (device.subject, device.identifier));
            let id = format!("in_{}_not_{}", there.1, not.1);
            let title = format!("In {} and not in {}", there.0.name(), not.0.name());
            report.figure(&group, &id, &title, known(only.len()), note.clone());
            // Of a system that was read in part, absence proves nothing: there is no list.
            let rows = if note.is_none() { only.iter().map(|device| row(device)).collect() } else { Vec::new() };
            let columns = ["Device", "Identified by", "Type", "Seen in", "User", "State in Lansweeper"];
            report.table(&id, &title, &columns, rows, note.clone());
        }
    }
}

fn has(device: &Device<'_>, system: System) -> bool {
    device.of(system).next().is_some()
}

fn row(device: &Device<'_>) -> Vec<Cell> {
    let mut systems: Vec<_> = device.records.iter().map(|record| record.system.name()).collect();
    systems.dedup();
    let user = device.records.iter().find_map(|record| {
        let intune = record.intune.and_then(|device| device.user_principal_name.as_deref());
        intune.or_else(|| record.lansweeper.and_then(|asset| asset.last_user.as_deref()))
    });
    let state = device.records.iter().find_map(|record| record.lansweeper?.state.as_deref());
    vec![
        Cell::from(device.subject),
        Cell::from(device.identifier),
        Cell::from(device.kind.name.as_str()),
        Cell::from(systems.join(", ").as_str()),
        user.map_or(Cell::Missing, Cell::from),
        state.map_or(Cell::Missing, Cell::from),
    ]
}

fn reading(devices: &Devices, system: System) -> Option<&Reading> {
    match system {
        System::Intune => Some(&devices.intune.reading),
        System::Autopilot => Some(&devices.autopilot.reading),
        System::Lansweeper => Some(&devices.lansweeper.reading),
        System::HelixCmdb => Some(&devices.cmdb.reading),
        System::Workday | System::ActiveDirectory | System::Entra | System::HelixItsm => None,
    }
}

/// Records that are there and differ, whatever else is missing.
fn mismatches(report: &mut Report, devices: &Devices, found: &[&Finding]) {
    let unknown: Vec<_> = SYSTEMS.iter().filter_map(|it| why_unknown(reading(devices, *it)?)).collect();
    let note = (!unknown.is_empty()).then(|| format!("there may be more: {}", unknown.join(", ")));
    let value = note.is_none().then_some(found.len());
    report.figure("Records of one device", "mismatches", "Fields that differ", value, note.clone());
    let rows = found.iter().map(|finding| {
        let said = |system: System| {
            let value = finding.values.iter().find(|said| said.system == system);
            value.map_or(Cell::Missing, |said| Cell::from(&said.value))
        };
        let what = [Cell::from(finding.subject.as_str()), Cell::from(&finding.field)];
        what.into_iter().chain(SYSTEMS.map(said)).collect()
    });
    let columns = ["Device", "Field", "Intune", "Autopilot", "Lansweeper", "Helix CMDB"];
    report.table("mismatches", "Records of one device that differ", &columns, rows.collect(), note);
}
