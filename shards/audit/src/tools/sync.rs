//! Entra ID against Active Directory, account by account.

use nexus_shard::{Call, Output, ToolError, arguments, data, tool};

use super::{Counts, now, told};
use crate::evidence::{Asked, Evidence, Subject};
use crate::join::{Account, Pair, pairs};
use crate::model::{Confidence, Finding, Kind, Level, Reading, Said, Severity, System};
use crate::read;
use crate::rules::{Rule, Rules};
use crate::text::{self, Compared};

#[arguments]
pub(crate) struct AuditEntraAdSyncDrift {
    /// How many accounts to return at most. The numbers are those of all.
    #[field(range = 1..=20_000, default = 200)]
    limit: u32,
}

/// Accounts that Entra ID synchronises, against where they come from.
#[data]
pub(crate) struct SyncDrift {
    /// How many synchronised accounts were compared; null if one of the directories did not answer.
    evaluated: Option<usize>,
    /// How many of them differ from their source, or have none.
    drifted: Option<usize>,
    /// How many are only written differently.
    spelled_differently: Option<usize>,
    /// How many have no source; null if Active Directory was not read to the end.
    not_in_ad: Option<usize>,
    /// The accounts about which there is a finding, the gravest first.
    accounts: Vec<SyncedAccount>,
    /// How many findings there are, about all of them.
    counts: Counts,
    /// The systems, and how they answered.
    readings: Vec<Reading>,
}

/// An account that differs from its source.
#[data]
pub(crate) struct SyncedAccount {
    /// Sign-in name in Entra ID.
    #[field(class = person)]
    user_principal_name: String,
    /// Account name in Active Directory; null if there is none.
    #[field(class = person)]
    ad_account_name: Option<String>,
    /// What joins the two.
    joined_by: Option<String>,
    /// What differs.
    findings: Vec<Finding>,
}

/// Compares the accounts that Entra ID synchronises with the accounts of Active Directory that they come from: name, job
/// title, department, and whether they are enabled.
///
/// They join by security identifier, then account name, employee number, mail address and sign-in name. An account counts as
/// having no source only if Active Directory was read to its end. Both directories are read once.
#[tool(name = "audit_entra_ad_sync_drift", title = "Compare Entra ID with Active Directory", category = audit)]
pub(crate) fn audit_entra_ad_sync_drift(
    arguments: AuditEntraAdSyncDrift,
    call: &Call,
) -> Result<Output<SyncDrift>, ToolError> {
    let (ad, entra) = read::directories(call)?;
    let rules = Rules::shipped();
    let readings = vec![ad.reading.clone(), entra.reading.clone()];
    let can = ad.is_read() && entra.is_read();
    let compared = if can { pairs(&ad.rows, &entra.rows, rules) } else { Vec::new() };
    let asked = Asked::of(&readings);
    let judge = Judge { rules, asked: &asked };
    let today = now(call)?.date();
    let account = |pair: &Pair<'_>| {
        let findings = rules.conclude(judge.about(pair), today);
        (!findings.is_empty()).then(|| SyncedAccount {
            user_principal_name: text::bounded(pair.entra.sign_in_name()),
            ad_account_name: pair.ad.and_then(|account| account.login).map(text::bounded),
            joined_by: pair.ad.map(|_| pair.by.to_owned()),
            findings,
        })
    };
    let mut accounts: Vec<SyncedAccount> = compared.iter().filter_map(account).collect();
    let gravest = |one: &SyncedAccount| one.findings.first().map_or(Severity::Info, |finding| finding.severity);
    accounts.sort_by_key(|one| std::cmp::Reverse(gravest(one)));
    let counts = Counts::of(accounts.iter().flat_map(|one| &one.findings));
    let n_with = accounts.len();
    let drifted = accounts.iter().filter(|one| gravest(one) > Severity::Info).count();
    let is_lost = |finding: &Finding| finding.rule == Rule::SyncNotInAd.id();
    let lost = accounts.iter().filter(|one| one.findings.iter().any(is_lost)).count();
    accounts.truncate(arguments.limit as usize);
    let cut = (accounts.len() < n_with).then(|| {
        format!("{} of {n_with} accounts with findings are listed; the numbers are those of all", accounts.len())
    });
    let data = SyncDrift {
        evaluated: can.then_some(compared.len()),
        drifted: can.then_some(drifted),
        spelled_differently: can.then_some(n_with - drifted),
        not_in_ad: (can && ad.proves_absence()).then_some(lost),
        accounts,
        counts,
        readings: readings.clone(),
    };
    Ok(told(data, &readings, cut))
}

struct Judge<'r, 'k> {
    rules: &'r Rules,
    asked: &'k Asked<'r>,
}

type Field<'r> = (&'static str, Rule, &'r crate::text::Words, for<'x> fn(&Account<'x>) -> Option<&'x str>);

impl<'r> Judge<'r, '_> {
    fn about(&self, pair: &Pair<'_>) -> Vec<Finding> {
        let Some(ad) = pair.ad else {
            let is_sure = self.asked.proves_absence(System::ActiveDirectory) && !pair.is_unclear;
            return if is_sure { vec![self.lost(pair)] } else { Vec::new() };
        };
        let fields: [Field<'r>; 3] = [
            ("display_name", Rule::SyncName, &self.rules.names, |account| account.display_name),
            ("job_title", Rule::SyncTitle, &self.rules.titles, |account| account.title),
            ("department", Rule::SyncDepartment, &self.rules.departments, |account| account.department),
        ];
        let mut found: Vec<Finding> = Vec::new();
        let mut spelled: Vec<(&str, Vec<Said>)> = Vec::new();
        for (name, rule, words, value) in fields {
            let (source, copy) = (value(&ad), value(&pair.entra));
            let values = || self.values(source, copy);
            match words.compare(source, copy) {
                Compared::Different => {
                    let (source, copy) = (source.unwrap_or_default(), copy.unwrap_or_default());
                    let says = format!(
                        "{} is {} in Active Directory, and {} in Entra ID",
                        name.replace('_', " "),
                        text::quoted(source),
                        text::quoted(copy)
                    );
                    let finding = self.finding(pair, rule, &says, values());
                    found.push(Finding { field: Some(name.to_owned()), ..finding });
                }
                Compared::Spelling => spelled.push((name, values())),
                Compared::Same | Compared::Missing | Compared::NotKnown => {}
            }
        }
        if !spelled.is_empty() {
            let (names, values): (Vec<&str>, Vec<Vec<Said>>) = spelled.into_iter().unzip();
            let fields = names.join(", ").replace('_', " ");
            let says = format!("{fields}: written differently in the directories, which means the same");
            let finding = self.finding(pair, Rule::SyncSpelling, &says, values.concat());
            found.push(Finding { field: Some(names.join(", ")), ..finding });
        }
        found.extend(self.state(pair, &ad));
        found
    }

    fn state(&self, pair: &Pair<'_>, ad: &Account<'_>) -> Option<Finding> {
        let (source, copy) = (ad.is_enabled?, pair.entra.is_enabled?);
        let word = |is_enabled: bool| if is_enabled { "enabled" } else { "disabled" };
        let (source, copy) = (word(source), word(copy));
        let says = format!("the account is {source} in Active Directory, and {copy} in Entra ID");
        let finding = || self.finding(pair, Rule::SyncEnabled, &says, self.values(Some(source), Some(copy)));
        (source != copy).then(|| Finding { field: Some("is_enabled".to_owned()), ..finding() })
    }

    fn lost(&self, pair: &Pair<'_>) -> Finding {
        let says = "Entra ID says that the account comes from Active Directory, which has no such account";
        let named = self.asked.said(System::Entra, Some(pair.entra.sign_in_name()));
        let values = named.into_iter().chain(self.asked.absent(System::ActiveDirectory)).collect();
        self.finding(pair, Rule::SyncNotInAd, says, values)
    }

    fn values(&self, source: Option<&str>, copy: Option<&str>) -> Vec<Said> {
        let source = self.asked.said(System::ActiveDirectory, source);
        source.into_iter().chain(self.asked.said(System::Entra, copy)).collect()
    }

    fn finding(&self, pair: &Pair<'_>, rule: Rule, says: &str, values: Vec<Said>) -> Finding {
        let (level, reason) = match (pair.ad, pair.rank) {
            (None, _) => (Level::High, "no key of the account is in Active Directory".to_owned()),
            (Some(_), 0) => (Level::High, format!("joined by {}", pair.by)),
            (Some(_), _) => (Level::Medium, format!("joined by {}, not by the security identifier", pair.by)),
        };
        let confidence = Confidence { level, reasons: vec![reason] };
        let subject = Subject { kind: Kind::Account, name: pair.entra.name(), identifier: pair.entra.sign_in_name() };
        subject.finding((self.rules, self.asked), rule, says, Evidence::new(values, confidence))
    }
}
