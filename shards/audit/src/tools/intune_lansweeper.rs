//! Intune against Lansweeper, both ways.

use nexus_shard::{Call, Output, ToolError, arguments, data, tool};

use super::{Counts, now, told};
use crate::devices::Audit;
use crate::join::Device;
use crate::model::{Finding, Reading, System};
use crate::read;
use crate::rules::{Rule, Rules};
use crate::text;

#[arguments]
pub(crate) struct AuditIntuneLansweeperDeviceDrift {
    /// How many entries of each list to return at most. The numbers are those of all.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
}

/// What Intune and Lansweeper say of devices.
#[data]
pub(crate) struct IntuneLansweeperDrift {
    /// Devices in both; null if one did not answer.
    in_both: Option<usize>,
    /// Devices in Intune alone; null if Lansweeper was not read to the end.
    only_in_intune_count: Option<usize>,
    /// Devices in Lansweeper alone; null if Intune was not read to the end.
    only_in_lansweeper_count: Option<usize>,
    /// Devices in both about which serial number, manufacturer or model differ; null if one did not answer.
    drifted: Option<usize>,
    /// Devices in Intune alone, by name.
    only_in_intune: Vec<DeviceName>,
    /// Devices in Lansweeper alone, by name.
    only_in_lansweeper: Vec<DeviceName>,
    /// What differs, and serial numbers that two devices of one system have; the gravest first.
    findings: Vec<Finding>,
    /// How many findings there are, listed or not.
    counts: Counts,
    /// The systems, and how they answered.
    readings: Vec<Reading>,
}

/// A device that one system has.
#[data]
pub(crate) struct DeviceName {
    /// Host name, or what else the device is called.
    name: String,
    /// Serial number.
    serial_number: Option<String>,
    /// What kind of device it is, by the rules.
    kind: String,
    /// Whether a device of this kind is expected in the other system.
    is_expected: bool,
}

const COMPARED: [Rule; 4] =
    [Rule::DeviceSerial, Rule::DeviceManufacturer, Rule::DeviceModel, Rule::DeviceDuplicateSerial];

/// Compares the devices of Intune and Lansweeper, both ways: which are in one alone, and of those in both, serial number,
/// manufacturer and model.
///
/// Records join by serial number, then by the whole host name. A device is in one alone only if the other was read to its end.
/// Both systems are read once.
#[tool(
    name = "audit_intune_lansweeper_device_drift",
    title = "Compare devices of Intune and Lansweeper",
    category = audit
)]
pub(crate) fn audit_intune_lansweeper_device_drift(
    arguments: AuditIntuneLansweeperDeviceDrift,
    call: &Call,
) -> Result<Output<IntuneLansweeperDrift>, ToolError> {
    let all = read::intune_and_lansweeper(call)?;
    let (now, rules) = (now(call)?, Rules::shipped());
    let audit = Audit::new(&all, &[System::Intune, System::Lansweeper], now, rules);
    let readings = vec![all.intune.reading.clone(), all.lansweeper.reading.clone()];
    let limit = arguments.limit as usize;
    let mut lists = Lists { limit, cut: Vec::new() };

    let mut findings: Vec<Finding> = audit.devices.iter().flat_map(|device| audit.about(device)).collect();
    findings.retain(|finding| COMPARED.iter().any(|rule| rule.id() == finding.rule));
    let findings = rules.conclude(findings, now.date());
    let counts = Counts::of(&findings);
    let is_drift = |finding: &&Finding| finding.rule != Rule::DeviceDuplicateSerial.id();
    let drifted: std::collections::HashSet<&str> =
        findings.iter().filter(is_drift).map(|finding| finding.identifier.as_str()).collect();
    let n_drifted = drifted.len();

    let has = |device: &Device<'_>, system| device.of(system).next().is_some();
    let both = |device: &&Device<'_>| has(device, System::Intune) && has(device, System::Lansweeper);
    let can = all.intune.is_read() && all.lansweeper.is_read();
    let alone = |system: System, other: System| -> Option<Vec<DeviceName>> {
        let is_alone = |device: &&Device<'_>| has(device, system) && !has(device, other);
        let is_proved = audit.asked.is_read(system) && audit.asked.proves_absence(other);
        let mut names: Vec<DeviceName> =
            audit.devices.iter().filter(is_alone).map(|device| DeviceName::of(device, other)).collect();
        names.sort_by(|a, b| (&a.name, &a.serial_number).cmp(&(&b.name, &b.serial_number)));
        is_proved.then_some(names)
    };
    let only_intune = alone(System::Intune, System::Lansweeper);
    let only_lansweeper = alone(System::Lansweeper, System::Intune);
    let data = IntuneLansweeperDrift {
        in_both: can.then(|| audit.devices.iter().filter(both).count()),
        only_in_intune_count: only_intune.as_ref().map(Vec::len),
        only_in_lansweeper_count: only_lansweeper.as_ref().map(Vec::len),
        drifted: can.then_some(n_drifted),
        only_in_intune: lists.cut("devices in Intune alone", only_intune.unwrap_or_default()),
        only_in_lansweeper: lists.cut("devices in Lansweeper alone", only_lansweeper.unwrap_or_default()),
        findings: lists.cut("findings", findings),
        counts,
        readings: readings.clone(),
    };
    let cut = (!lists.cut.is_empty()).then(|| format!("not everything is listed: {}", lists.cut.join(", ")));
    Ok(told(data, &readings, cut))
}

struct Lists {
    limit: usize,
    cut: Vec<String>,
}

impl Lists {
    fn cut<T>(&mut self, what: &str, mut list: Vec<T>) -> Vec<T> {
        if list.len() > self.limit {
            self.cut.push(format!("{} of {} {what}", self.limit, list.len()));
            list.truncate(self.limit);
        }
        list
    }
}

impl DeviceName {
    fn of(device: &Device<'_>, other: System) -> Self {
        Self {
            name: text::bounded(device.subject),
            serial_number: device.records.iter().find_map(|record| record.serial).map(text::bounded),
            kind: device.kind.name.clone(),
            is_expected: device.kind.expected.contains(&other),
        }
    }
}
