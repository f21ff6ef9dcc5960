//! Accounts that belong to no worker: nobody's, services', guests'.

use super::Audit;
use super::accounts::state;
use crate::evidence::{Evidence, Subject, listed};
use crate::join::{Account, Unowned, UnownedKind};
use crate::model::{Confidence, Finding, Kind, Level, Said, System};
use crate::rules::Rule;

impl<'a> Audit<'a> {
    pub(super) fn unowned(&self, one: &Unowned<'a>, found: &mut Vec<Finding>) {
        let Some(first) = one.accounts().next() else { return };
        // Entra's sign-in name is the one that people know; Active Directory's account may have none.
        let identifier = one.accounts().find_map(|account| account.upn).unwrap_or_else(|| first.sign_in_name());
        let subject = Subject { kind: Kind::Account, name: first.name(), identifier };
        let values: Vec<Said> =
            one.accounts().filter_map(|account| self.asked.said(account.system, Some(&state(account)))).collect();
        let finding = |rule: Rule, says: &str, reason: &str, values: Vec<Said>| {
            let confidence = Confidence { level: Level::High, reasons: vec![reason.to_owned()] };
            subject.finding((self.rules, &self.asked), rule, says, Evidence::new(values, confidence))
        };
        let open: Vec<&str> =
            one.accounts().filter(|account| account.is_open()).map(|account| account.system.name()).collect();
        let is_nobodys = one.kind == UnownedKind::Orphan && self.asked.proves_absence(System::Workday);

        if is_nobodys && !open.is_empty() {
            let says = format!("the account is enabled in {}, and no worker has its keys", listed(&open));
            let mut all = values.clone();
            all.extend(self.asked.absent(System::Workday));
            found.push(finding(Rule::AccountOrphaned, &says, "no employee number or address leads to a worker", all));
        }
        if one.kind == UnownedKind::Service && !open.is_empty() {
            let says = format!("the account is by its name no person's, and enabled in {}", listed(&open));
            found.push(finding(Rule::AccountService, &says, "the name, and no employee number", values.clone()));
        }
        let expired = one.ad.and_then(|account| account.expires_at).filter(|at| *at <= self.now);
        if let Some(at) = expired.filter(|_| !open.is_empty()) {
            let open = listed(&open);
            let says = format!("the account in Active Directory expired at {at}, and the account is enabled in {open}");
            let reason = "the directory's own record";
            found.push(finding(Rule::AccountContractorExpired, &says, reason, values.clone()));
        }
        let untold = |account: &&Account<'a>| account.is_enabled.is_none();
        let untold: Vec<&str> = one.accounts().filter(untold).map(|account| account.system.name()).collect();
        if is_nobodys && !untold.is_empty() {
            let says = format!("{} did not tell whether the account is enabled", listed(&untold));
            found.push(finding(Rule::AccountUnknownState, &says, "the directory's own record", values.clone()));
        }
        // Whoever is on leave or has left may be among those whose worker is not known.
        if is_nobodys || matches!(one.kind, UnownedKind::Service | UnownedKind::Guest) {
            found.extend(self.stale_unowned(one, &subject, values));
        }
    }
}
