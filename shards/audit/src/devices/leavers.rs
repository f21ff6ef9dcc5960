//! Devices of people who have left.

use std::collections::HashMap;

use super::{SYSTEMS, subject};
use crate::evidence::{Asked, Evidence};
use crate::join::{self, Device, Person};
use crate::model::{Finding, System};
use crate::people::{Audit, name};
use crate::read::Devices;
use crate::rules::Rule;
use crate::text;

/// The devices that Intune assigns to somebody who has left, or, where it assigns one to nobody, that they were last seen on.
pub(crate) fn of_leavers(audit: &Audit<'_>, devices: &Devices) -> Vec<Finding> {
    let users = Users::of(audit);
    let asked = audit.asked.clone().and(Asked::of_devices(devices, &SYSTEMS));
    let joined = join::devices(devices, audit.rules);
    let finding = |device: &Device<'_>| {
        let (system, user) = user(device)?;
        let person = users.find(user).filter(|person| audit.has_left(person.worker))?;
        if !device.is_in_use(audit.rules) {
            return None;
        }
        let worker = person.worker;
        let day = worker.termination_date.as_deref();
        let left = day.map_or_else(|| "has left".to_owned(), |day| format!("left on {day}"));
        let who = format!("{} ({})", text::named(&name(worker)), text::named(&worker.employee_id));
        let verb = if system == System::Intune { "is assigned to" } else { "was last used by" };
        let says = format!("{verb} {who}, who {left}");
        let status = format!("{who}: {}", worker.status.as_deref().unwrap_or_default());
        let mut values: Vec<_> = asked.said(System::Workday, Some(&status)).into_iter().collect();
        let records = device.records.iter().filter(|record| record.intune.is_some() || record.lansweeper.is_some());
        values.extend(records.filter_map(|record| asked.said(record.system, told(record))));
        let mut confidence = device.confidence.clone();
        confidence.reasons.push(format!("{}: the user is the worker's account or address", system.name()));
        let evidence = Evidence::new(values, confidence);
        let finding = subject(device).finding((audit.rules, &asked), Rule::DeviceOfLeaver, &says, evidence);
        Some(Finding { field: Some("user".to_owned()), ..finding })
    };
    joined.iter().filter_map(finding).collect()
}

fn told<'a>(record: &join::Record<'a>) -> Option<&'a str> {
    let user = match (record.intune, record.lansweeper) {
        (Some(device), _) => device.user_principal_name.as_deref(),
        (None, Some(asset)) => asset.last_user.as_deref(),
        (None, None) => None,
    };
    text::told(user)
}

/// Who has a device: its user in Intune, who is assigned, before whoever was last seen on it.
pub(crate) fn user<'a>(device: &Device<'a>) -> Option<(System, &'a str)> {
    let of = |system: System| device.of(system).find_map(|record| Some((system, told(record)?)));
    of(System::Intune).or_else(|| of(System::Lansweeper))
}

/// People by what systems of devices call their users.
pub(crate) struct Users<'p, 'a> {
    /// Nobody, where two people have it.
    by_name: HashMap<String, Option<&'p Person<'a>>>,
}

impl<'p, 'a> Users<'p, 'a> {
    pub(crate) fn of(audit: &'p Audit<'a>) -> Self {
        let mut by_name: HashMap<String, Option<&Person<'_>>> = HashMap::new();
        for person in audit.joined.people.iter().filter(|person| person.is_sole) {
            let accounts = person.links().filter(|link| link.conflict.is_none()).map(|link| &link.account);
            let mut names: Vec<String> = accounts
                .flat_map(|account| [account.upn, account.email, account.login])
                .chain([text::told(person.worker.email.as_deref())])
                .flatten()
                .map(text::folded)
                .collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                by_name.entry(name).and_modify(|taken| *taken = None).or_insert(Some(person));
            }
        }
        Self { by_name }
    }

    /// By an address, an account name, or a domain and an account name.
    pub(crate) fn find(&self, user: &str) -> Option<&'p Person<'a>> {
        let user = text::folded(user);
        let login = user.rsplit_once('\\').map_or(user.as_str(), |(_, login)| login);
        self.by_name.get(login).copied().flatten()
    }
}
