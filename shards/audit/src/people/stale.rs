//! Accounts that nobody uses.

use super::{Audit, Case, sureness};
use crate::evidence::{Evidence, Subject, confidence};
use crate::join::{Account, Unowned, Use};
use crate::model::{Finding, Level, Said, System};
use crate::rules::Rule;

/// Active Directory copies a logon to the attribute that all controllers share once in up to 14 days.
const LAG: &str = "Active Directory's record of the last logon is up to 14 days behind";

/// How an account is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usage {
    InUse,
    Stale,
    /// The last use or the day of creation was not told.
    Unknown,
}

impl<'a> Audit<'a> {
    fn usage(&self, account: &Account<'a>, rule: Rule) -> Usage {
        let cutoff = self.now.seconds_since_1970() - self.rules.seconds(rule);
        let is_old = |time: nexus_shard::Utc| time.seconds_since_1970() < cutoff;
        match (account.last_use, account.created_at) {
            (Use::At(at), _) if is_old(at) => Usage::Stale,
            (Use::At(_), _) => Usage::InUse,
            (Use::Never, Some(created)) if is_old(created) => Usage::Stale,
            (Use::Never, Some(_)) => Usage::InUse,
            (Use::Never, None) | (Use::Unknown, _) => Usage::Unknown,
        }
    }

    /// What the use of one subject's accounts comes to: the rule, and a sentence. `lacks` tells where there is certainly none.
    fn judge(
        &self,
        ad: Option<&Account<'a>>,
        entra: Option<&Account<'a>>,
        lacks: impl Fn(System) -> bool,
    ) -> Option<(Rule, String)> {
        let days = |rule| self.rules.entry(rule).days;
        let usage = |account: Option<&Account<'a>>, system, rule| match account {
            Some(account) if account.is_open() => Some(self.usage(account, rule)),
            // What cannot be used is not used.
            Some(account) if account.is_enabled == Some(false) => None,
            Some(_) => Some(Usage::Unknown),
            None if lacks(system) => None,
            None => Some(Usage::Unknown),
        };
        let both = |rule| (usage(ad, System::ActiveDirectory, rule), usage(entra, System::Entra, rule));
        if matches!(
            both(Rule::AccountStale),
            (Some(Usage::Stale), Some(Usage::Stale) | None) | (None, Some(Usage::Stale))
        ) {
            let says = format!("the account is enabled and was not used for {} days", days(Rule::AccountStale));
            return Some((Rule::AccountStale, says));
        }
        let (stale, used) = match both(Rule::AccountStaleInOne) {
            (Some(Usage::Stale), Some(Usage::InUse)) => (System::ActiveDirectory, System::Entra),
            (Some(Usage::InUse), Some(Usage::Stale)) => (System::Entra, System::ActiveDirectory),
            (_, _) => return None,
        };
        let account = if used == System::Entra { entra } else { ad };
        let when = match account.map(|account| account.last_use) {
            Some(Use::At(at)) => format!("was used at {at}"),
            Some(Use::Never | Use::Unknown) | None => "is new".to_owned(),
        };
        let days = days(Rule::AccountStaleInOne);
        let says =
            format!("the account was not used in {} for {days} days, and {when} in {}", stale.name(), used.name());
        Some((Rule::AccountStaleInOne, says))
    }

    /// The same for accounts without a worker.
    pub(super) fn stale_unowned(&self, one: &Unowned<'a>, subject: &Subject<'_>, values: Vec<Said>) -> Option<Finding> {
        // Whoever is not in this pair has no account here, as far as the directory was read.
        let lacks = |system| self.asked.proves_absence(system);
        let (rule, says) = self.judge(one.ad.as_ref(), one.entra.as_ref(), lacks)?;
        let confidence = confidence([(Level::High, "the directories' own records".to_owned())]);
        let evidence = Evidence::new(values, confidence).missing(one.ad.map(|_| LAG.to_owned()));
        Some(subject.finding((self.rules, &self.asked), rule, &says, evidence))
    }
}

impl<'a> Case<'_, 'a> {
    pub(super) fn stale(&self, found: &mut Vec<Finding>) {
        let (ad, entra) = (self.only(System::ActiveDirectory), self.only(System::Entra));
        let judged =
            self.audit.judge(ad.map(|link| &link.account), entra.map(|link| &link.account), |one| self.lacks(one));
        let Some((rule, says)) = judged else { return };
        let systems = super::DIRECTORIES;
        let values = self.values(None, &systems, |link| Some(super::accounts::state(&link.account)));
        let values = values.into_iter().filter(|said| said.system != System::Workday).collect();
        let links = [ad, entra].into_iter().flatten();
        let evidence = Evidence::new(values, confidence(links.map(sureness))).missing(ad.map(|_| LAG.to_owned()));
        found.push(Finding { field: Some("last_use".to_owned()), ..self.finding(rule, &says, evidence) });
    }
}
