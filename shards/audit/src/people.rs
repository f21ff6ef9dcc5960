//! Where the systems disagree about people and their accounts.
//!
//! Each rule concludes only from systems that answered: from a record that is not there only if its system was read to the
//! end, and from two records only if one key, contradicted by no other, joins them.

mod accounts;
mod fields;
mod keys;
mod managers;
mod names;
mod stale;
mod unowned;

use nexus_shard::Utc;

use crate::devices::of_leavers;
use crate::evidence::{Asked, Day, Evidence, Subject, confidence};
use crate::join::{self, Joined, Link, Person, Unowned};
use crate::model::{Confidence, Finding, Kind, Level, Said, System};
use crate::read::{Devices, People, Worker};
use crate::rules::{Employment, Rule, Rules};
use crate::text;

/// The two directories.
pub(crate) const DIRECTORIES: [System; 2] = [System::ActiveDirectory, System::Entra];

/// Everything that the rules find about people and their accounts, the gravest first. With `devices` also the devices that
/// people who have left still have.
pub(crate) fn findings(people: &People, devices: Option<&Devices>, now: Utc, rules: &Rules) -> Vec<Finding> {
    let audit = Audit::new(people, now, rules);
    let mut found: Vec<Finding> = audit.joined.people.iter().flat_map(|person| audit.about(person)).collect();
    found.extend(audit.joined.unowned.iter().flat_map(|one| audit.about_unowned(one)));
    found.extend(audit.about_keys());
    if let Some(devices) = devices {
        found.extend(of_leavers(&audit, devices));
    }
    rules.conclude(found, now.date())
}

/// People and accounts, joined, and what is needed to judge them.
pub(crate) struct Audit<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) now: Utc,
    pub(crate) today: Day,
    pub(crate) asked: Asked<'a>,
    pub(crate) joined: Joined<'a>,
}

impl<'a> Audit<'a> {
    pub(crate) fn new(people: &'a People, now: Utc, rules: &'a Rules) -> Self {
        let joined = join::people(people, rules);
        Self { rules, now, today: Day::of(now), asked: Asked::of_people(people), joined }
    }

    /// What the rules find about a worker, in no particular order.
    pub(crate) fn about(&self, person: &Person<'a>) -> Vec<Finding> {
        let case = Case::new(self, person);
        let mut found = Vec::new();
        case.contradictions(&mut found);
        if person.is_sole {
            if !case.has_left {
                case.names(&mut found);
                case.fields(&mut found);
                case.manager(&mut found);
            }
            case.accounts(&mut found);
        }
        found
    }

    /// What the rules find about an account without a worker, in no particular order.
    pub(crate) fn about_unowned(&self, one: &Unowned<'a>) -> Vec<Finding> {
        let mut found = Vec::new();
        self.unowned(one, &mut found);
        found
    }

    /// The keys that several records have.
    pub(crate) fn about_keys(&self) -> Vec<Finding> {
        self.shared_keys()
    }

    /// Whether somebody no longer works here.
    pub(crate) fn has_left(&self, worker: &Worker) -> bool {
        self.rules.employment(worker.status.as_deref()) == Employment::Terminated
            && Day::parse(worker.termination_date.as_deref()).is_none_or(|day| day <= self.today)
    }
}

/// What a worker is called: by the preferred name, else the legal one, else the number.
pub(crate) fn name(worker: &Worker) -> String {
    let part = |preferred: &Option<String>, legal: &Option<String>| {
        text::told(preferred.as_deref()).or(text::told(legal.as_deref())).map(str::to_owned)
    };
    let first = part(&worker.preferred_first, &worker.legal_first);
    let last = part(&worker.preferred_last, &worker.legal_last);
    let parts: Vec<String> = [first, last].into_iter().flatten().collect();
    if parts.is_empty() { worker.employee_id.clone() } else { parts.join(" ") }
}

/// What identifies a worker: the employee number, else the address.
pub(crate) fn identifier(worker: &Worker) -> &str {
    text::told(Some(&worker.employee_id)).or(text::told(worker.email.as_deref())).unwrap_or_default()
}

/// How sure it is that an account is the worker's.
pub(crate) fn sureness(link: &Link<'_>) -> (Level, String) {
    let (system, key) = (link.account.system.name(), link.by.name());
    match (&link.conflict, link.rank) {
        (Some(conflict), _) => (Level::Low, conflict.clone()),
        (None, 0) => (Level::High, format!("{system}: joined by {key}")),
        (None, _) => (Level::Medium, format!("{system}: joined by {key}, not by the strongest key")),
    }
}

/// A worker who is judged.
struct Case<'c, 'a> {
    audit: &'c Audit<'a>,
    person: &'c Person<'a>,
    name: String,
    has_left: bool,
}

impl<'c, 'a> Case<'c, 'a> {
    fn new(audit: &'c Audit<'a>, person: &'c Person<'a>) -> Self {
        Self { audit, person, name: name(person.worker), has_left: audit.has_left(person.worker) }
    }

    fn finding(&self, rule: Rule, says: &str, evidence: Evidence) -> Finding {
        let subject = Subject { kind: Kind::Person, name: &self.name, identifier: identifier(self.person.worker) };
        subject.finding((self.audit.rules, &self.audit.asked), rule, says, evidence)
    }

    /// The account to compare, if there is one without doubt.
    fn only(&self, system: System) -> Option<&'c Link<'a>> {
        self.person.standing(system)?.only()
    }

    /// Whether the worker certainly has no account there.
    fn lacks(&self, system: System) -> bool {
        self.audit.asked.proves_absence(system) && self.person.standing(system).is_some_and(|one| one.is_empty())
    }

    /// What Workday says, and what each directory says of the account to compare.
    fn values(
        &self,
        worker: Option<&str>,
        systems: &[System],
        account: impl Fn(&Link<'a>) -> Option<String>,
    ) -> Vec<Said> {
        let asked = &self.audit.asked;
        let directories = systems.iter().filter_map(|system| match self.only(*system) {
            Some(link) => asked.said(*system, account(link).as_deref()),
            None if self.lacks(*system) => asked.absent(*system),
            None => None,
        });
        asked.said(System::Workday, worker).into_iter().chain(directories).collect()
    }

    /// How sure it is that the accounts to compare are the worker's.
    fn confidence(&self, systems: &[System]) -> Confidence {
        let links = systems.iter().filter_map(|system| self.only(*system));
        let mut parts: Vec<(Level, String)> = links.map(sureness).collect();
        if parts.is_empty() {
            parts.push((Level::High, "Workday has the employee number once".to_owned()));
        }
        confidence(parts)
    }
}
