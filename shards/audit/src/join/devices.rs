//! Records of devices that are of one device.
//!
//! The serial number joins first; an Autopilot registration also joins the device that it says it became. What is left joins
//! by its whole host name, where no system has two of that name: a part of a name is another device's.

use std::collections::{BTreeMap, BTreeSet};

use super::Index;
use crate::model::{Confidence, Level, System};
use crate::read::{AutopilotDevice, CmdbComputer, Devices, IntuneDevice, LansweeperAsset};
use crate::rules::{DeviceKey, DeviceType, Rules};
use crate::text;

/// A system's record of a device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) system: System,
    id: &'a str,
    pub(crate) hostname: Option<&'a str>,
    pub(crate) serial: Option<&'a str>,
    pub(crate) manufacturer: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) os: Option<&'a str>,
    pub(crate) intune: Option<&'a IntuneDevice>,
    pub(crate) lansweeper: Option<&'a LansweeperAsset>,
    /// The device in Intune that an Autopilot registration became.
    became: Option<&'a str>,
}

impl<'a> Record<'a> {
    fn of_intune(row: &'a IntuneDevice) -> Self {
        Self {
            system: System::Intune,
            id: &row.device_id,
            hostname: text::told(row.hostname.as_deref()),
            serial: text::told(row.serial_number.as_deref()),
            manufacturer: text::told(row.manufacturer.as_deref()),
            model: text::told(row.model.as_deref()),
            os: text::told(row.os_name.as_deref()),
            intune: Some(row),
            lansweeper: None,
            became: None,
        }
    }

    fn of_autopilot(row: &'a AutopilotDevice) -> Self {
        Self {
            system: System::Autopilot,
            id: row.serial_number.as_deref().unwrap_or_default(),
            hostname: None,
            serial: text::told(row.serial_number.as_deref()),
            manufacturer: text::told(row.manufacturer.as_deref()),
            model: text::told(row.model.as_deref()),
            os: None,
            intune: None,
            lansweeper: None,
            became: text::told(row.device_id.as_deref()),
        }
    }

    fn of_lansweeper(row: &'a LansweeperAsset) -> Self {
        Self {
            system: System::Lansweeper,
            id: &row.asset_id,
            hostname: text::told(row.hostname.as_deref()),
            serial: text::told(row.serial_number.as_deref()),
            manufacturer: text::told(row.manufacturer.as_deref()),
            model: text::told(row.model.as_deref()),
            os: text::told(row.os_name.as_deref()),
            intune: None,
            lansweeper: Some(row),
            became: None,
        }
    }

    fn of_cmdb(row: &'a CmdbComputer) -> Self {
        Self {
            system: System::HelixCmdb,
            id: &row.instance_id,
            hostname: text::told(row.hostname.as_deref()),
            serial: text::told(row.serial_number.as_deref()),
            manufacturer: text::told(row.manufacturer.as_deref()),
            model: text::told(row.model.as_deref()),
            os: None,
            intune: None,
            lansweeper: None,
            became: None,
        }
    }
}

/// A device: all records of it.
#[derive(Debug)]
pub(crate) struct Device<'a> {
    /// In the order of the systems.
    pub(crate) records: Vec<Record<'a>>,
    pub(crate) kind: &'a DeviceType,
    /// What people call it.
    pub(crate) subject: &'a str,
    /// The serial number where the records agree on one, else the host name.
    pub(crate) identifier: &'a str,
    pub(crate) confidence: Confidence,
    /// The serial numbers, as they are compared; more than one contradict each other.
    pub(crate) serials: usize,
    /// There is a host name by which it can be found elsewhere.
    pub(crate) has_name: bool,
    /// Some system has another device of this name.
    pub(crate) is_name_shared: bool,
}

impl<'a> Device<'a> {
    /// The records of one system; more than one have the same serial number.
    pub(crate) fn of(&self, system: System) -> impl Iterator<Item = &Record<'a>> {
        self.records.iter().filter(move |record| record.system == system)
    }

    /// The systems that have more than one record of the device.
    pub(crate) fn doubled(&self) -> Vec<System> {
        let systems = self.records.iter().map(|record| record.system).collect::<Vec<_>>();
        let mut doubled: Vec<System> = systems
            .windows(2)
            .filter(|pair| matches!(pair, [a, b] if a == b))
            .filter_map(|pair| pair.first().copied())
            .collect();
        doubled.dedup();
        doubled
    }

    /// Whether no system says that the device is out of use.
    pub(crate) fn is_in_use(&self, rules: &Rules) -> bool {
        self.records.iter().filter_map(|one| one.lansweeper).all(|asset| rules.is_in_use(asset.state.as_deref()))
    }
}

/// Joins the records of all systems.
pub(crate) fn devices<'a>(devices: &'a Devices, rules: &'a Rules) -> Vec<Device<'a>> {
    let intune = devices.intune.rows.iter().map(Record::of_intune);
    let autopilot = devices.autopilot.rows.iter().map(Record::of_autopilot);
    let lansweeper = devices.lansweeper.rows.iter().map(Record::of_lansweeper);
    let cmdb = devices.cmdb.rows.iter().map(Record::of_cmdb);
    let mut records: Vec<Record<'_>> = intune.chain(autopilot).chain(lansweeper).chain(cmdb).collect();
    // The order of the systems is that in which their word for a name or a number is taken.
    records.sort_by_key(|record| (record.system, record.id, record.hostname, record.serial));

    let mut groups = Groups::of(records, rules);
    for key in &rules.device_keys {
        match key {
            DeviceKey::SerialNumber => groups.by_serial(),
            DeviceKey::Hostname => groups.by_hostname(rules),
        }
    }
    groups.devices(rules)
}

/// Records that are joined.
#[derive(Default)]
struct Group {
    records: Vec<usize>,
    /// Each once.
    systems: BTreeSet<System>,
    /// Some system has another device of its name.
    is_name_shared: bool,
}

impl Group {
    /// Whether some system has two of the records.
    fn is_doubled(&self) -> bool {
        self.records.len() > self.systems.len()
    }
}

struct Groups<'a> {
    records: Vec<Record<'a>>,
    serials: Vec<Option<String>>,
    /// A group that was merged into another is empty.
    groups: Vec<Group>,
    /// The group of a record.
    of: Vec<usize>,
}

impl<'a> Groups<'a> {
    fn of(records: Vec<Record<'a>>, rules: &Rules) -> Self {
        let alone = |(at, record): (usize, &Record<'a>)| Group {
            records: vec![at],
            systems: BTreeSet::from([record.system]),
            is_name_shared: false,
        };
        Self {
            serials: records.iter().map(|record| rules.serial_key(record.serial)).collect(),
            groups: records.iter().enumerate().map(alone).collect(),
            of: (0..records.len()).collect(),
            records,
        }
    }

    fn by_serial(&mut self) {
        let mut by_serial: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, serial) in self.serials.iter().enumerate() {
            if let Some(serial) = serial {
                by_serial.entry(serial.clone()).or_default().push(at);
            }
        }
        for records in by_serial.into_values() {
            let groups = self.groups_of(&records);
            self.merge(&groups);
        }
        self.by_registration();
    }

    /// A registration whose serial number no device has still says which device it became.
    fn by_registration(&mut self) {
        let mut by_id = Index::default();
        for (at, record) in self.records.iter().enumerate().filter(|(_, record)| record.system == System::Intune) {
            by_id.insert(text::folded(record.id), at);
        }
        for at in 0..self.records.len() {
            let became = self.records.get(at).and_then(|record| record.became).map(text::folded);
            let Some(device) = by_id.one(became.as_deref()) else { continue };
            let groups = self.groups_of(&[device, at]);
            let is_alone = self.group(at).is_some_and(|group| group.records.len() == 1);
            let is_free = self.group(device).is_some_and(|group| !group.systems.contains(&System::Autopilot));
            if is_alone && is_free {
                self.merge(&groups);
            }
        }
    }

    fn by_hostname(&mut self, rules: &Rules) {
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, record) in self.records.iter().enumerate() {
            if let Some(name) = record.hostname.map(text::folded).filter(|name| rules.is_hostname(name)) {
                by_name.entry(name).or_default().push(at);
            }
        }
        for records in by_name.into_values() {
            let groups = self.groups_of(&records);
            if groups.len() < 2 {
                continue;
            }
            let all = || groups.iter().filter_map(|group| self.groups.get(*group));
            let mut systems = BTreeSet::new();
            let is_apart = all().flat_map(|group| &group.systems).all(|system| systems.insert(*system));
            if is_apart && !all().any(Group::is_doubled) {
                self.merge(&groups);
            } else {
                for group in groups {
                    if let Some(group) = self.groups.get_mut(group) {
                        group.is_name_shared = true;
                    }
                }
            }
        }
    }

    fn group(&self, record: usize) -> Option<&Group> {
        self.groups.get(*self.of.get(record)?)
    }

    /// The groups that these records are in, each once.
    fn groups_of(&self, records: &[usize]) -> Vec<usize> {
        let mut groups: Vec<usize> = records.iter().filter_map(|at| self.of.get(*at)).copied().collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    fn merge(&mut self, groups: &[usize]) {
        let Some((first, others)) = groups.split_first() else { return };
        for other in others {
            let moved = self.groups.get_mut(*other).map(std::mem::take).unwrap_or_default();
            for at in &moved.records {
                if let Some(of) = self.of.get_mut(*at) {
                    *of = *first;
                }
            }
            if let Some(group) = self.groups.get_mut(*first) {
                group.records.extend(moved.records);
                group.systems.extend(moved.systems);
                group.is_name_shared |= moved.is_name_shared;
            }
        }
    }

    fn devices(self, rules: &'a Rules) -> Vec<Device<'a>> {
        let device = |group: &Group| {
            let mut members = group.records.clone();
            members.sort_unstable();
            let records: Vec<Record<'a>> = members.iter().filter_map(|at| self.records.get(*at)).copied().collect();
            let mut serials: Vec<&String> =
                members.iter().filter_map(|at| self.serials.get(*at)).filter_map(Option::as_ref).collect();
            let n_with = serials.len();
            serials.sort_unstable();
            serials.dedup();
            one(records, n_with, serials.len(), group.is_name_shared, rules)
        };
        self.groups.iter().filter(|group| !group.records.is_empty()).map(device).collect()
    }
}

fn one<'a>(
    records: Vec<Record<'a>>,
    with_serial: usize,
    serials: usize,
    is_name_shared: bool,
    rules: &'a Rules,
) -> Device<'a> {
    let hostname = records.iter().find_map(|record| record.hostname);
    let serial = records.iter().find(|record| rules.serial_key(record.serial).is_some()).and_then(|one| one.serial);
    let id = records.first().map_or("", |record| record.id);
    let by_serial = if serials == 1 { serial } else { None };
    let reason = |text: &str| vec![text.to_owned()];
    let (level, reasons) = match serials {
        0 if records.len() == 1 => (Level::Medium, reason("one record, without a serial number")),
        0 => (Level::Medium, reason("the host name is the same; there is no serial number")),
        1 if records.len() == 1 => (Level::High, reason("one record, with a serial number")),
        1 if with_serial == records.len() => (Level::High, reason("the serial number is the same")),
        1 => (Level::Medium, reason("the host name is the same; not every record has a serial number")),
        _ => (Level::Low, reason("the host name is the same, the serial numbers contradict each other")),
    };
    let all = |field: fn(&Record<'a>) -> Option<&'a str>| records.iter().filter_map(field).collect::<Vec<_>>();
    let asset_types = all(|record| record.lansweeper?.asset_type.as_deref());
    let kind = rules.device_type(&asset_types, &all(|record| record.os), &all(|record| record.model));
    Device {
        kind,
        subject: hostname.or(serial).unwrap_or(id),
        identifier: by_serial.or(hostname).or(serial).unwrap_or(id),
        confidence: Confidence { level, reasons },
        serials,
        has_name: records
            .iter()
            .filter_map(|record| record.hostname)
            .any(|name| rules.is_hostname(&text::folded(name))),
        is_name_shared,
        records,
    }
}
