//! The state of a worker's accounts against the worker's employment.

use super::{Case, DIRECTORIES, sureness};
use crate::evidence::{Day, Evidence, confidence, counted, listed};
use crate::join::{Account, Link, Use};
use crate::model::{Finding, Level, Said, System};
use crate::rules::{Employment, Rule};
use crate::text;

/// An account's state and use, in a few words.
pub(super) fn state(account: &Account<'_>) -> String {
    let state = match account.is_enabled {
        Some(true) => "enabled",
        Some(false) => "disabled",
        None => "state unknown",
    };
    let used = match account.last_use {
        Use::At(at) => format!(", last used {at}"),
        Use::Never => ", no use recorded".to_owned(),
        Use::Unknown => String::new(),
    };
    let expires = account.expires_at.map(|at| format!(", expires {at}")).unwrap_or_default();
    let licences = match account.licences {
        0 => String::new(),
        n => format!(", {}", counted(n, "licence")),
    };
    format!("{state}{used}{expires}{licences}")
}

impl<'a> Case<'_, 'a> {
    pub(super) fn accounts(&self, found: &mut Vec<Finding>) {
        let worker = self.person.worker;
        let employment = self.audit.rules.employment(worker.status.as_deref());
        self.unknown_state(employment, found);
        if self.has_left {
            return self.leaver(found);
        }
        // A termination to come is employment until then.
        let is_on_leave = employment == Employment::OnLeave;
        if employment == Employment::Unknown || self.expired(found) {
            return;
        }
        let hired = Day::parse(worker.hire_date.as_deref());
        if hired.is_some_and(|hired| hired > self.audit.today) {
            return self.future_hire(found);
        }
        if is_on_leave {
            self.on_leave(found);
            return self.split(found);
        }
        let starter_days = self.audit.rules.entry(Rule::AccountStarterNotReady).days;
        if hired.is_some_and(|hired| self.audit.today.0 - hired.0 <= starter_days) {
            return self.starter(found);
        }
        self.without_account(hired, found);
        self.disabled(found);
        self.split(found);
        self.stale(found);
    }

    /// Accounts that are enabled, whether it is sure that they are the worker's or not.
    fn open(&self) -> Vec<&Link<'a>> {
        self.person.links().filter(|link| link.account.is_open()).collect()
    }

    fn about_accounts(&self, rule: Rule, says: &str, links: &[&Link<'a>]) -> Finding {
        let mut evidence = Evidence::new(self.states(), confidence(links.iter().map(|link| sureness(link))));
        if evidence.confidence.reasons.is_empty() {
            evidence.confidence = self.confidence(&DIRECTORIES);
        }
        Finding { field: Some("account_state".to_owned()), ..self.finding(rule, says, evidence) }
    }

    /// What Workday says of the employment, and each directory of every account.
    fn states(&self) -> Vec<Said> {
        let asked = &self.audit.asked;
        let worker = self.person.worker;
        let status = worker.status.as_deref().unwrap_or("no status");
        let dates = [("hired", &worker.hire_date), ("terminated", &worker.termination_date)];
        let dates = dates.iter().filter_map(|(what, day)| Some(format!(", {what} {}", day.as_deref()?)));
        let workday = format!("{status}{}", dates.collect::<String>());
        let mut values: Vec<Said> = asked.said(System::Workday, Some(&workday)).into_iter().collect();
        for system in DIRECTORIES {
            let links = self.person.standing(system).map(|one| one.links.as_slice()).unwrap_or_default();
            let said = |link: &Link<'a>| {
                let name = if links.len() > 1 { format!("{}: ", link.account.sign_in_name()) } else { String::new() };
                asked.said(system, Some(&format!("{name}{}", state(&link.account))))
            };
            values.extend(links.iter().filter_map(said));
            if self.lacks(system) {
                values.extend(asked.absent(system));
            }
        }
        values
    }

    fn leaver(&self, found: &mut Vec<Finding>) {
        let open = self.open();
        if open.is_empty() {
            return;
        }
        let termination = self.person.worker.termination_date.as_deref();
        let day = Day::parse(termination);
        let used_after = |link: &&&Link<'a>| match (link.account.last_use, day) {
            (Use::At(at), Some(day)) => Day::of(at) > day,
            (Use::At(_) | Use::Never | Use::Unknown, _) => false,
        };
        let used: Vec<String> = open
            .iter()
            .filter(used_after)
            .filter_map(|link| match link.account.last_use {
                Use::At(at) => Some(format!("{at} in {}", link.account.system.name())),
                Use::Never | Use::Unknown => None,
            })
            .collect();
        let left =
            if day.is_some() { format!("left on {}", termination.unwrap_or_default()) } else { "has left".to_owned() };
        let mut says = format!("{left}, and the account is enabled in {}", systems(&open));
        if !used.is_empty() {
            let used = listed(&used.iter().map(String::as_str).collect::<Vec<_>>());
            says.push_str(&format!("; last use, or an attempt, after that: {used}"));
        }
        let licences: usize = self.person.entra.links.iter().map(|link| link.account.licences).sum();
        if licences > 0 {
            let stay = if licences == 1 { "stays" } else { "stay" };
            says.push_str(&format!("; {} {stay} assigned in Entra ID", counted(licences, "licence")));
        }
        let mut finding = self.about_accounts(Rule::AccountLeaverEnabled, &says, &open);
        if !used.is_empty() {
            finding.severity = self.audit.rules.entry(Rule::AccountLeaverEnabled).graver;
        }
        if DIRECTORIES.iter().any(|system| self.is_unsure(*system)) {
            finding.confidence.level = finding.confidence.level.min(Level::Low);
            finding.confidence.reasons.push("several accounts have this worker's key".to_owned());
        }
        if self.shares_address() {
            finding.confidence.level = Level::Low;
            finding.confidence.reasons.push("another worker has the same address: they may have come back".to_owned());
        }
        if day.is_none() {
            finding.missing.push("Workday does not tell the day of termination".to_owned());
        }
        if open.iter().any(|link| link.account.last_use == Use::Unknown) {
            finding.missing.push("the last use is not known of every account".to_owned());
        }
        found.push(finding);
    }

    /// Whether the directory has accounts that look like the worker's, and which one is theirs is not clear.
    fn is_unsure(&self, system: System) -> bool {
        self.person.standing(system).is_some_and(|one| !one.is_empty() && one.only().is_none())
    }

    /// Whether Workday has the address for another worker too, as it does of somebody who came back under a new number.
    fn shares_address(&self) -> bool {
        let address = text::told(self.person.worker.email.as_deref()).map(text::folded);
        let shared = address.and_then(|address| self.audit.joined.shared.get(&address));
        shared.is_some_and(|all| all.iter().any(|one| one.system == System::Workday))
    }

    /// A contract that has ended, or an account that has.
    fn expired(&self, found: &mut Vec<Finding>) -> bool {
        let open = self.open();
        let worker = self.person.worker;
        let end = worker.termination_date.as_deref();
        let is_contingent = self.audit.rules.is_contingent(worker.worker_type.as_deref());
        let contract_over = is_contingent && Day::parse(end).is_some_and(|end| end < self.audit.today);
        let accounts = self.person.ad.links.iter();
        let expired = accounts.filter_map(|link| link.account.expires_at).find(|at| *at <= self.audit.now);
        let why = match (contract_over, expired) {
            (true, _) => format!("the contract ended on {}", end.unwrap_or_default()),
            (false, Some(at)) => format!("the account in Active Directory expired at {at}"),
            (false, None) => return false,
        };
        if open.is_empty() {
            return false;
        }
        let says = format!("{why}, and the account is enabled in {}", systems(&open));
        found.push(self.about_accounts(Rule::AccountContractorExpired, &says, &open));
        true
    }

    fn future_hire(&self, found: &mut Vec<Finding>) {
        let open = self.open();
        if !open.is_empty() {
            let day = self.person.worker.hire_date.as_deref().unwrap_or_default();
            let says = format!("begins on {day}, and the account is enabled in {} already", systems(&open));
            found.push(self.about_accounts(Rule::AccountFutureHireEnabled, &says, &open));
        }
    }

    fn on_leave(&self, found: &mut Vec<Finding>) {
        let open = self.open();
        if !open.is_empty() {
            let says = format!("is on leave, and the account is enabled in {}", systems(&open));
            found.push(self.about_accounts(Rule::AccountOnLeaveEnabled, &says, &open));
        }
    }

    /// One finding in place of those about accounts that are missing, disabled or split.
    fn starter(&self, found: &mut Vec<Finding>) {
        let missing: Vec<&str> = DIRECTORIES.iter().filter(|one| self.lacks(**one)).map(|one| one.name()).collect();
        let links: Vec<&Link<'a>> = DIRECTORIES.iter().filter_map(|system| self.only(*system)).collect();
        let is_shut = |link: &&&Link<'a>| link.account.is_enabled == Some(false);
        let disabled: Vec<&str> = links.iter().filter(is_shut).map(|link| link.account.system.name()).collect();
        let mut says = Vec::new();
        if !disabled.is_empty() {
            says.push(format!("the account is disabled in {}", listed(&disabled)));
        }
        if !missing.is_empty() {
            says.push(format!("there is none in {}", listed(&missing)));
        }
        if !says.is_empty() {
            let day = self.person.worker.hire_date.as_deref().unwrap_or_default();
            let says = format!("began on {day}, and {}", says.join("; "));
            found.push(self.about_accounts(Rule::AccountStarterNotReady, &says, &links));
        }
    }

    fn without_account(&self, hired: Option<Day>, found: &mut Vec<Finding>) {
        let missing: Vec<&str> = DIRECTORIES.iter().filter(|one| self.lacks(**one)).map(|one| one.name()).collect();
        if missing.is_empty() {
            return;
        }
        let links: Vec<&Link<'a>> = DIRECTORIES.iter().filter_map(|system| self.only(*system)).collect();
        let says = format!("is active, and has no account in {}", listed(&missing));
        let mut finding = self.about_accounts(Rule::AccountMissing, &says, &links);
        if hired.is_none() {
            finding.missing.push("Workday does not tell the day of hire: it may be a new worker".to_owned());
        }
        found.push(finding);
    }

    fn disabled(&self, found: &mut Vec<Finding>) {
        let links: Vec<&Link<'a>> = DIRECTORIES.iter().filter_map(|system| self.only(*system)).collect();
        let is_shut = |system: &System| match self.only(*system) {
            Some(link) => link.account.is_enabled == Some(false),
            None => self.lacks(*system),
        };
        if !links.is_empty() && DIRECTORIES.iter().all(is_shut) {
            let says = format!("is active, and the account is disabled in {}", systems(&links));
            found.push(self.about_accounts(Rule::AccountDisabledActive, &says, &links));
        }
    }

    fn split(&self, found: &mut Vec<Finding>) {
        let (Some(ad), Some(entra)) = (self.only(System::ActiveDirectory), self.only(System::Entra)) else { return };
        let (open, shut) = match (ad.account.is_enabled, entra.account.is_enabled) {
            (Some(true), Some(false)) => (System::ActiveDirectory, System::Entra),
            (Some(false), Some(true)) => (System::Entra, System::ActiveDirectory),
            (Some(_) | None, Some(_) | None) => return,
        };
        let says = format!("the account is disabled in {}, and enabled in {}", shut.name(), open.name());
        found.push(self.about_accounts(Rule::AccountStateSplit, &says, &[ad, entra]));
    }

    /// Where employment says what the state should be, a state that is not told is worth knowing.
    fn unknown_state(&self, employment: Employment, found: &mut Vec<Finding>) {
        let links: Vec<&Link<'a>> = self.person.links().filter(|link| link.account.is_enabled.is_none()).collect();
        if employment != Employment::Unknown && !links.is_empty() {
            let says = format!("{} did not tell whether the account is enabled", systems(&links));
            found.push(self.about_accounts(Rule::AccountUnknownState, &says, &links));
        }
    }
}

/// The systems of these accounts, each once.
fn systems(links: &[&Link<'_>]) -> String {
    let mut systems: Vec<System> = links.iter().map(|link| link.account.system).collect();
    systems.sort_unstable();
    systems.dedup();
    listed(&systems.iter().map(|system| system.name()).collect::<Vec<_>>())
}
