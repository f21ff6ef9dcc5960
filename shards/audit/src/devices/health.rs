//! What Intune says of a device that should not be.

use super::Case;
use crate::join::Record;
use crate::model::{Finding, Said, System};
use crate::read::IntuneDevice;
use crate::rules::Rule;

/// The states in which a device breaks a policy, or its policies cannot be kept. The others are not known, or not yet judged.
const NONCOMPLIANT: [&str; 3] = ["noncompliant", "error", "conflict"];

impl Case<'_, '_> {
    pub(super) fn health(&self, found: &mut Vec<Finding>) {
        let devices: Vec<&IntuneDevice> = self.device.of(System::Intune).filter_map(|record| record.intune).collect();
        let breaks = |device: &&&IntuneDevice| {
            let state = device.compliance_state.as_deref().unwrap_or_default();
            NONCOMPLIANT.iter().any(|one| one.eq_ignore_ascii_case(state))
        };
        if let Some(device) = devices.iter().find(breaks) {
            let state = device.compliance_state.as_deref().unwrap_or_default();
            let says = format!("Intune holds the device to be {state}");
            let values = self.intune(|device| device.compliance_state.clone());
            found.push(self.finding(Rule::DeviceNoncompliant, Some("compliance_state"), &says, self.evidence(values)));
        }
        if devices.iter().any(|device| device.is_encrypted == Some(false)) {
            let encrypted = |device: &IntuneDevice| {
                Some(if device.is_encrypted? { "encrypted" } else { "not encrypted" }.to_owned())
            };
            let evidence = self.evidence(self.intune(encrypted));
            found.push(self.finding(
                Rule::DeviceUnencrypted,
                Some("is_encrypted"),
                "the storage is not encrypted",
                evidence,
            ));
        }
        self.silent(&devices, found);
    }

    /// Of two records of one device the newer one counts.
    fn silent(&self, devices: &[&IntuneDevice], found: &mut Vec<Finding>) {
        let Some(last) = devices.iter().filter_map(|device| device.last_sync_at).max() else { return };
        let seconds = self.audit.now.seconds_since_1970() - last.seconds_since_1970();
        if seconds > self.audit.rules.seconds(Rule::DeviceSilent) {
            let says = format!("last reported to Intune at {last}, {} days ago", seconds / (24 * 60 * 60));
            let values = self.intune(|device| device.last_sync_at.map(|at| at.to_string()));
            found.push(self.finding(Rule::DeviceSilent, Some("last_sync_at"), &says, self.evidence(values)));
        }
    }

    fn intune(&self, value: impl Fn(&IntuneDevice) -> Option<String>) -> Vec<Said> {
        let said = |record: &Record<'_>| self.audit.asked.said(System::Intune, value(record.intune?).as_deref());
        self.device.records.iter().filter_map(said).collect()
    }
}
