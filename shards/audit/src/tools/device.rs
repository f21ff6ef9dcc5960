//! One device, asked for by name.

use nexus_shard::{Call, Output, ToolError, Utc, arguments, data, tool};

use super::{Counts, now, told};
use crate::devices::{Audit, SYSTEMS};
use crate::join::Device;
use crate::model::{Confidence, Finding, Reading, System};
use crate::read::{self, Devices};
use crate::rules::{Rule, Rules};
use crate::text;

#[arguments]
pub(crate) struct AuditDeviceDrift {
    /// The whole host name of the device, in any case: `PC-1` is not `PC-10`.
    #[field(length = 1..=255, pattern = r"^[^\x00-\x1F\x7F]+$")]
    device_name: String,
}

/// What the systems say of the devices of one name.
#[data]
pub(crate) struct DeviceDrift {
    /// The name that was asked for.
    device_name: String,
    /// The devices of that name: one, unless systems have several that no serial number joins.
    devices: Vec<DeviceComparison>,
    /// How many findings there are.
    counts: Counts,
    /// The systems, and how they answered.
    readings: Vec<Reading>,
}

/// What the systems say of one device.
#[data]
pub(crate) struct DeviceComparison {
    /// The serial number, or the host name where the serial numbers differ or are missing.
    identifier: String,
    /// What kind of device it is, by the rules.
    kind: String,
    /// How sure it is that the records are of one device.
    confidence: Confidence,
    /// What each system says, also that it has no record.
    records: Vec<DeviceRecord>,
    /// How many of serial number, manufacturer and model differ.
    discrepancy_count: usize,
    /// Everything that the rules find about the device, the gravest first.
    findings: Vec<Finding>,
}

/// What one system says of a device.
#[data]
pub(crate) struct DeviceRecord {
    /// The system.
    system: System,
    /// Whether it has a record; null if it did not answer, or not wholly.
    found: Option<bool>,
    /// Host name.
    hostname: Option<String>,
    /// Serial number.
    serial_number: Option<String>,
    /// Manufacturer.
    manufacturer: Option<String>,
    /// Model.
    model: Option<String>,
    /// Operating system.
    os_name: Option<String>,
    /// Its user: assigned in Intune, last seen in Lansweeper.
    #[field(class = person)]
    user: Option<String>,
    /// Last report to Intune, or last seen by Lansweeper, RFC 3339 in UTC.
    last_seen_at: Option<Utc>,
}

/// Compares what Intune, Autopilot, Lansweeper and the CMDB say of one device: serial number, manufacturer, model, and
/// whether each knows it.
///
/// The name is compared as a whole, in any case. Records join by serial number, then by host name. A device that no system
/// knows is not found, and a system that did not answer makes the result partial.
#[tool(name = "audit_device_drift", title = "Compare one device across systems", category = audit)]
pub(crate) fn audit_device_drift(arguments: AuditDeviceDrift, call: &Call) -> Result<Output<DeviceDrift>, ToolError> {
    let name = text::folded(&arguments.device_name);
    if name.is_empty() {
        return Err(ToolError::invalid_arguments("device_name is empty"));
    }
    let all = read::devices(call)?;
    let (now, rules) = (now(call)?, Rules::shipped());
    let audit = Audit::new(&all, &SYSTEMS, now, rules);
    let is_it = |device: &&Device<'_>| {
        device.records.iter().filter_map(|record| record.hostname).any(|hostname| text::folded(hostname) == name)
    };
    let comparison = |device: &Device<'_>| {
        let findings = rules.conclude(audit.about(device), now.date());
        DeviceComparison::of(device, findings, &audit)
    };
    let devices: Vec<DeviceComparison> = audit.devices.iter().filter(is_it).map(comparison).collect();
    let with_names = [System::Intune, System::Lansweeper, System::HelixCmdb];
    if devices.is_empty() && with_names.iter().all(|system| audit.asked.proves_absence(*system)) {
        return Err(ToolError::not_found("no system has a device of this name"));
    }
    let counts = Counts::of(devices.iter().flat_map(|device| &device.findings));
    let readings = readings(&all);
    let data = DeviceDrift { device_name: arguments.device_name, devices, counts, readings: readings.clone() };
    Ok(told(data, &readings, None))
}

/// How the systems of devices answered.
pub(crate) fn readings(all: &Devices) -> Vec<Reading> {
    let Devices { intune, autopilot, lansweeper, cmdb } = all;
    [&intune.reading, &autopilot.reading, &lansweeper.reading, &cmdb.reading].into_iter().cloned().collect()
}

impl DeviceComparison {
    fn of(device: &Device<'_>, findings: Vec<Finding>, audit: &Audit<'_>) -> Self {
        let mut records = Vec::new();
        for system in SYSTEMS {
            let of_system = DeviceRecord::of(device, system);
            if of_system.is_empty() {
                records.push(DeviceRecord::absent(system, audit));
            }
            records.extend(of_system);
        }
        let compared = [Rule::DeviceSerial, Rule::DeviceManufacturer, Rule::DeviceModel];
        let is_difference = |finding: &&Finding| compared.iter().any(|rule| rule.id() == finding.rule);
        Self {
            identifier: text::bounded(device.identifier),
            kind: device.kind.name.clone(),
            confidence: device.confidence.clone(),
            records,
            discrepancy_count: findings.iter().filter(is_difference).count(),
            findings,
        }
    }
}

impl DeviceRecord {
    fn of(device: &Device<'_>, system: System) -> Vec<Self> {
        let told = |value: Option<&str>| text::told(value).map(text::bounded);
        let record = |record: &crate::join::Record<'_>| {
            let (intune, lansweeper) = (record.intune, record.lansweeper);
            let user = intune.and_then(|one| one.user_principal_name.as_deref());
            Self {
                system,
                found: Some(true),
                hostname: told(record.hostname),
                serial_number: told(record.serial),
                manufacturer: told(record.manufacturer),
                model: told(record.model),
                os_name: told(record.os),
                user: told(user.or(lansweeper.and_then(|one| one.last_user.as_deref()))),
                last_seen_at: intune
                    .and_then(|one| one.last_sync_at)
                    .or_else(|| lansweeper.and_then(|one| one.last_seen)),
            }
        };
        device.of(system).map(record).collect()
    }

    fn absent(system: System, audit: &Audit<'_>) -> Self {
        Self {
            system,
            found: audit.asked.proves_absence(system).then_some(false),
            hostname: None,
            serial_number: None,
            manufacturer: None,
            model: None,
            os_name: None,
            user: None,
            last_seen_at: None,
        }
    }
}
