//! Where the systems disagree about devices, and what Intune says that should not be.
//!
//! Manufacturer and model are compared among records that a serial number joins and none contradicts. Where one system has
//! two records of a serial number, that is told and nothing is compared by it.

mod compare;
mod health;
mod leavers;
mod presence;

use nexus_shard::Utc;

use crate::evidence::{Asked, Evidence, Subject};
use crate::join::{self, Device, Record};
use crate::model::{Finding, Kind, Said, System};
use crate::read::Devices;
use crate::rules::{Rule, Rules};
pub(crate) use leavers::of_leavers;

/// The systems that know devices.
pub(crate) const SYSTEMS: [System; 4] = [System::Intune, System::Autopilot, System::Lansweeper, System::HelixCmdb];

/// Everything that the rules find about devices, the gravest first.
pub(crate) fn findings(devices: &Devices, now: Utc, rules: &Rules) -> Vec<Finding> {
    let audit = Audit::new(devices, &SYSTEMS, now, rules);
    let found = audit.devices.iter().flat_map(|device| audit.about(device)).collect();
    rules.conclude(found, now.date())
}

/// Devices, joined, and what is needed to judge them.
pub(crate) struct Audit<'a> {
    rules: &'a Rules,
    now: Utc,
    pub(crate) asked: Asked<'a>,
    pub(crate) devices: Vec<Device<'a>>,
}

impl<'a> Audit<'a> {
    /// Of the systems, those that were asked.
    pub(crate) fn new(devices: &'a Devices, systems: &[System], now: Utc, rules: &'a Rules) -> Self {
        Self { rules, now, asked: Asked::of_devices(devices, systems), devices: join::devices(devices, rules) }
    }

    /// What the rules find about a device, in no particular order.
    pub(crate) fn about(&self, device: &Device<'a>) -> Vec<Finding> {
        let case = Case { audit: self, device };
        let mut found = Vec::new();
        case.compare(&mut found);
        case.presence(&mut found);
        case.health(&mut found);
        found
    }
}

/// A device that is judged.
struct Case<'c, 'a> {
    audit: &'c Audit<'a>,
    device: &'c Device<'a>,
}

impl<'a> Case<'_, 'a> {
    fn finding(&self, rule: Rule, field: Option<&str>, says: &str, evidence: Evidence) -> Finding {
        let subject = subject(self.device);
        let finding = subject.finding((self.audit.rules, &self.audit.asked), rule, says, evidence);
        Finding { field: field.map(str::to_owned), ..finding }
    }

    /// What each system says of the device.
    fn values(&self, value: impl Fn(&Record<'a>) -> Option<String>) -> Vec<Said> {
        let said = |record: &Record<'a>| self.audit.asked.said(record.system, value(record).as_deref());
        self.device.records.iter().filter_map(said).collect()
    }

    fn evidence(&self, values: Vec<Said>) -> Evidence {
        Evidence::new(values, self.device.confidence.clone())
    }
}

fn subject<'a>(device: &Device<'a>) -> Subject<'a> {
    Subject { kind: Kind::Device, name: device.subject, identifier: device.identifier }
}
