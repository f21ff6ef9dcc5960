//! Which systems know a device, and which should.

use super::Case;
use crate::evidence::listed;
use crate::model::{Finding, System};
use crate::rules::Rule;

impl Case<'_, '_> {
    pub(super) fn presence(&self, found: &mut Vec<Finding>) {
        let device = self.device;
        for (rule, expected) in
            [(Rule::DeviceMissing, &device.kind.expected), (Rule::DeviceUnmanaged, &device.kind.noted)]
        {
            let systems = &self.audit.rules.entry(rule).systems;
            // A registration for Autopilot alone is a device in its box.
            let is_known = systems.iter().any(|system| device.of(*system).next().is_some());
            let lacks = |system: &&System| {
                systems.contains(system)
                    && device.of(**system).next().is_none()
                    && self.audit.asked.proves_absence(**system)
            };
            let missing: Vec<System> = expected.iter().filter(lacks).copied().collect();
            // Without a serial number, a device without a name of its own cannot be told from others.
            let is_told_apart = device.serials > 0 || (device.has_name && !device.is_name_shared);
            if missing.is_empty() || !is_known || !is_told_apart || !device.is_in_use(self.audit.rules) {
                continue;
            }
            found.push(self.absent(rule, &missing));
        }
    }

    fn absent(&self, rule: Rule, missing: &[System]) -> Finding {
        let names = |systems: &[System]| listed(&systems.iter().map(|system| system.name()).collect::<Vec<_>>());
        let mut known: Vec<System> = self.device.records.iter().map(|record| record.system).collect();
        known.dedup();
        let kind = &self.device.kind.name;
        let says = format!("a {kind} that is in {}, and not in {}", names(&known), names(missing));
        let mut values = self.values(|record| record.hostname.or(record.serial).map(str::to_owned));
        values.extend(missing.iter().filter_map(|system| self.audit.asked.absent(*system)));
        let shared = self.device.is_name_shared;
        let shared = shared.then(|| "a system has other devices of this name, with other serial numbers".to_owned());
        self.finding(rule, None, &says, self.evidence(values).missing(shared))
    }
}
