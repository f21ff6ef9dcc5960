//! What is compared of a device: serial number, manufacturer, model.

use super::Case;
use crate::evidence::{counted, listed};
use crate::join::Record;
use crate::model::{Finding, System};
use crate::rules::Rule;
use crate::text::{self, Compared, Words};

/// Letters and digits of the shortest type number.
const CODE: usize = 8;

impl<'a> Case<'_, 'a> {
    pub(super) fn compare(&self, found: &mut Vec<Finding>) {
        let doubled = self.device.doubled();
        if !doubled.is_empty() {
            return found.push(self.duplicate(&doubled));
        }
        if self.device.serials > 1 {
            return found.push(self.serial());
        }
        let rules = self.audit.rules;
        let manufacturer = |record: &Record<'a>| record.manufacturer;
        found.extend(self.field(Rule::DeviceManufacturer, "manufacturer", &rules.manufacturers, manufacturer));
        found.extend(self.field(Rule::DeviceModel, "model", &rules.models, |record| record.model));
    }

    fn duplicate(&self, systems: &[System]) -> Finding {
        let told = |system: &System| {
            let records = self.device.of(*system).count();
            format!("{} has {} of this serial number", system.name(), counted(records, "record"))
        };
        let says: Vec<String> = systems.iter().map(told).collect();
        let values = self.values(|record| record.hostname.map(str::to_owned));
        self.finding(Rule::DeviceDuplicateSerial, Some("serial_number"), &says.join("; "), self.evidence(values))
    }

    fn serial(&self) -> Finding {
        let says = format!("the serial number is {}", self.sides(|record| record.serial));
        let values = self.values(|record| record.serial.map(str::to_owned));
        self.finding(Rule::DeviceSerial, Some("serial_number"), &says, self.evidence(values))
    }

    /// A field that says something else somewhere than where the rules say that it is right, or, if that says nothing, than
    /// in the first system that says anything.
    fn field(
        &self,
        rule: Rule,
        name: &str,
        words: &Words,
        value: impl Fn(&Record<'a>) -> Option<&'a str>,
    ) -> Option<Finding> {
        let entry = self.audit.rules.entry(rule);
        let told: Vec<(System, &str)> = self
            .device
            .records
            .iter()
            .filter(|record| entry.systems.contains(&record.system))
            .filter_map(|record| Some((record.system, value(record)?)))
            .collect();
        let right = told.iter().find(|(system, _)| Some(*system) == entry.authority).or(told.first())?.1;
        let differs = |(_, other): &(System, &str)| {
            words.compare(Some(right), Some(other)) == Compared::Different && is_code(right) == is_code(other)
        };
        if !told.iter().any(differs) {
            return None;
        }
        let says = format!("the {name} is {}", self.sides(&value));
        let values = self.values(|record| value(record).map(str::to_owned));
        Some(self.finding(rule, Some(name), &says, self.evidence(values)))
    }

    /// `"A" in Intune and "B" in Lansweeper`.
    fn sides(&self, value: impl Fn(&Record<'a>) -> Option<&'a str>) -> String {
        let mut sides: Vec<(&str, Vec<&str>)> = Vec::new();
        for record in &self.device.records {
            let Some(value) = value(record) else { continue };
            match sides.iter_mut().find(|(known, _)| text::folded(known) == text::folded(value)) {
                Some((_, systems)) => systems.push(record.system.name()),
                None => sides.push((value, vec![record.system.name()])),
            }
        }
        let sides: Vec<String> =
            sides.iter().map(|(value, systems)| format!("{} in {}", text::quoted(value), listed(systems))).collect();
        listed(&sides.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// Whether a model is a maker's type number, `21HMCTO1WW`. One cannot be compared with a name for people.
fn is_code(model: &str) -> bool {
    let model = model.trim();
    model.len() >= CODE
        && model.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && model.bytes().any(|byte| byte.is_ascii_digit())
        && model.bytes().any(|byte| byte.is_ascii_alphabetic())
}
