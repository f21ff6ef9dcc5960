//! What is found about one person, for the tools that are asked by address.

use std::collections::HashSet;

use nexus_shard::data;

use super::address::Who;
use super::record::PersonRecord;
use crate::model::{Confidence, Finding, Said, Severity, System};
use crate::people::{Audit, sureness};
use crate::rules::Rule;
use crate::text;

/// Rules about a field that both sides have.
const FIELDS: [Rule; 9] = [
    Rule::PersonName,
    Rule::PersonLegalName,
    Rule::PersonTitle,
    Rule::PersonTitleSpelling,
    Rule::PersonDepartment,
    Rule::PersonDepartmentSpelling,
    Rule::PersonManagerMissing,
    Rule::PersonManager,
    Rule::PersonManagerGone,
];

/// A field that the systems do not agree on. The finding of the same id tells the rest.
#[data]
pub(crate) struct Discrepancy {
    /// Id of the finding.
    #[field(class = person)]
    finding_id: String,
    /// The field: `name`, `job_title`, `department`, `manager`.
    field: String,
    /// How much it matters. `info`: written differently, and the same.
    severity: Severity,
    /// The system that is right about it.
    authority: Option<System>,
    /// What each system says.
    values: Vec<Said>,
}

/// What the systems say of one person.
#[data]
pub(crate) struct PersonDrift {
    /// The address that was asked for.
    #[field(class = person)]
    email: String,
    /// Whether any system knows it; null if none does and not every system told everything.
    is_known: Option<bool>,
    /// What Workday says.
    workday: PersonRecord,
    /// What Active Directory says.
    active_directory: PersonRecord,
    /// What Entra ID says.
    entra: PersonRecord,
    /// How sure it is that the records are of one person; null where there is only one.
    confidence: Option<Confidence>,
    /// How many fields differ. What is only written differently does not count.
    discrepancy_count: usize,
    /// The fields that differ, and those that are written differently.
    discrepancies: Vec<Discrepancy>,
    /// Everything that the rules find about the person and their accounts, the gravest first.
    findings: Vec<Finding>,
}

impl PersonDrift {
    pub(crate) fn of(email: &str, who: Who<'_, '_>, audit: &Audit<'_>) -> Self {
        let findings = about(who, audit);
        let workday = PersonRecord::of_worker(who, audit);
        let active_directory = PersonRecord::of_account(who, System::ActiveDirectory, audit);
        let entra = PersonRecord::of_account(who, System::Entra, audit);
        let systems = [System::Workday, System::ActiveDirectory, System::Entra];
        let is_known = match who {
            Who::Worker(_) | Who::Account(_) | Who::Several => Some(true),
            Who::Nobody => systems.iter().all(|system| audit.asked.proves_absence(*system)).then_some(false),
        };
        let discrepancies: Vec<Discrepancy> = findings.iter().filter_map(discrepancy).collect();
        Self {
            email: email.to_owned(),
            is_known,
            workday,
            active_directory,
            entra,
            confidence: confidence(who),
            discrepancy_count: discrepancies.iter().filter(|one| one.severity > Severity::Info).count(),
            discrepancies,
            findings,
        }
    }

    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(crate) fn is_known(&self) -> Option<bool> {
        self.is_known
    }

    pub(crate) fn has_drift(&self) -> bool {
        self.discrepancy_count > 0
    }
}

fn discrepancy(finding: &Finding) -> Option<Discrepancy> {
    let is_field = FIELDS.iter().any(|rule| rule.id() == finding.rule);
    is_field.then(|| Discrepancy {
        finding_id: finding.id.clone(),
        field: finding.field.clone().unwrap_or_default(),
        severity: finding.severity,
        authority: finding.authority,
        values: finding.values.clone(),
    })
}

/// How sure it is that somebody's records are theirs.
pub(crate) fn confidence(who: Who<'_, '_>) -> Option<Confidence> {
    let Who::Worker(person) = who else { return None };
    let parts: Vec<_> = person.links().map(sureness).collect();
    (!parts.is_empty()).then(|| crate::evidence::confidence(parts))
}

/// What the rules find about somebody, and about keys that they share with others.
pub(crate) fn about(who: Who<'_, '_>, audit: &Audit<'_>) -> Vec<Finding> {
    let (mut found, keys): (Vec<Finding>, HashSet<String>) = match who {
        Who::Worker(person) => {
            let accounts = person.links().flat_map(|link| {
                let account = &link.account;
                [account.employee_id, account.email, account.upn]
            });
            let worker = person.worker;
            let own = [Some(worker.employee_id.as_str()), worker.email.as_deref()];
            (audit.about(person), accounts.chain(own).flatten().map(text::folded).collect())
        }
        Who::Account(one) => {
            let keys = one.accounts().flat_map(|account| [account.employee_id, account.email, account.upn]);
            (audit.about_unowned(one), keys.flatten().map(text::folded).collect())
        }
        Who::Several | Who::Nobody => return Vec::new(),
    };
    let shared = audit.about_keys().into_iter();
    found.extend(shared.filter(|finding| keys.contains(&text::folded(&finding.identifier))));
    audit.rules.conclude(found, audit.now.date())
}
