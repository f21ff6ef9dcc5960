//! Keys that several records have, and keys that contradict each other.

use super::{Audit, Case, sureness};
use crate::evidence::{Evidence, Subject, confidence, counted, listed};
use crate::model::{Confidence, Finding, Kind, Level, Said, System};
use crate::rules::Rule;
use crate::text;

/// Records named in a sentence.
const NAMED: usize = 5;

impl<'a> Audit<'a> {
    pub(super) fn shared_keys(&self) -> Vec<Finding> {
        let finding = |all: &Vec<crate::join::Shared<'a>>| -> Option<Finding> {
            let value = all.first()?.value;
            let says: Vec<String> = all
                .iter()
                .map(|one| {
                    let records = counted(one.holders.len(), "record");
                    format!("{records} of {} have it as {}", one.system.name(), one.key.name())
                })
                .collect();
            let says = listed(&says.iter().map(String::as_str).collect::<Vec<_>>());
            let mut values: Vec<Said> = Vec::new();
            for one in all {
                let holders = one.holders.iter().take(NAMED).map(|holder| text::named(holder)).collect::<Vec<_>>();
                let more = one.holders.len().saturating_sub(NAMED);
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                let value = format!("{} of {}{more}", one.key.name(), holders.join(", "));
                values.extend(self.asked.said(one.system, Some(&value)));
            }
            let reasons = vec!["nothing is compared by this key".to_owned()];
            let evidence = Evidence::new(values, Confidence { level: Level::High, reasons });
            let kind = if all.iter().any(|one| one.system == System::Workday) { Kind::Person } else { Kind::Account };
            let subject = Subject { kind, name: value, identifier: value };
            Some(subject.finding((self.rules, &self.asked), Rule::PersonAmbiguousKey, &says, evidence))
        };
        self.joined.shared.values().filter_map(finding).collect()
    }
}

impl Case<'_, '_> {
    pub(super) fn contradictions(&self, found: &mut Vec<Finding>) {
        let contradicted: Vec<_> = self.person.links().filter(|link| link.conflict.is_some()).collect();
        if contradicted.is_empty() {
            return;
        }
        let says: Vec<&str> = contradicted.iter().filter_map(|link| link.conflict.as_deref()).collect();
        let asked = &self.audit.asked;
        let worker = self.person.worker;
        let workday = format!("{}, {}", worker.employee_id, worker.email.as_deref().unwrap_or("no address"));
        let account = |link: &&crate::join::Link<'_>| {
            let (name, number) =
                (link.account.sign_in_name(), link.account.employee_id.unwrap_or("no employee number"));
            let address = link.account.email.unwrap_or("no address");
            asked.said(link.account.system, Some(&format!("{name}: {number}, {address}")))
        };
        let values = asked
            .said(System::Workday, Some(&workday))
            .into_iter()
            .chain(self.person.links().filter_map(|link| account(&link)));
        let evidence = Evidence::new(values.collect(), confidence(contradicted.iter().map(|link| sureness(link))));
        found.push(self.finding(Rule::PersonKeyConflict, &says.join("; "), evidence));
    }
}
