//! The tools that compare: what they share.
//!
//! A result says of each system whether it answered, with how much and when. It is partial, with the reason, when one did not
//! or not wholly; lists are bounded, and numbers beside them count everything.

mod account;
mod address;
mod bulk;
mod device;
mod intune_lansweeper;
mod person;
mod record;
mod scan;
mod status;
mod sync;
mod user;

use nexus_shard::{Call, Output, ToolError, Utc, data};

use crate::model::{Finding, Reading, Severity};
use crate::rules::{Rule, Rules};

pub(crate) use account::audit_account_state;
pub(crate) use bulk::audit_bulk_user_drift;
pub(crate) use device::audit_device_drift;
pub(crate) use intune_lansweeper::audit_intune_lansweeper_device_drift;
pub(crate) use scan::{
    scan_department_mismatches, scan_job_title_drift, scan_name_variance_mismatches, scan_status_reconciliation,
};
pub(crate) use status::audit_person_status;
pub(crate) use sync::audit_entra_ad_sync_drift;
pub(crate) use user::audit_user_drift;

/// Findings in one result. The gravest come first, so the others are the least grave.
const MOST_FINDINGS: usize = 2_000;

/// How many findings there are, in the list or not.
#[data]
#[derive(Copy, Default)]
pub(crate) struct Counts {
    /// Somebody has what they must not have.
    critical: usize,
    /// Dangerous.
    high: usize,
    /// Wrong.
    medium: usize,
    /// Untidy.
    low: usize,
    /// Worth knowing.
    info: usize,
    /// All of them.
    total: usize,
}

impl Counts {
    pub(crate) fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            counts.total += 1;
            match finding.severity {
                Severity::Critical => counts.critical += 1,
                Severity::High => counts.high += 1,
                Severity::Medium => counts.medium += 1,
                Severity::Low => counts.low += 1,
                Severity::Info => counts.info += 1,
            }
        }
        counts
    }
}

/// How many findings a rule has.
#[data]
pub(crate) struct RuleCount {
    /// Id of the rule.
    rule: String,
    /// What it finds, in a few words.
    title: String,
    /// Why it matters.
    description: String,
    /// How many.
    count: usize,
}

impl RuleCount {
    /// One for each of the rules, also for those that found nothing.
    pub(crate) fn of(findings: &[Finding], which: &[Rule], rules: &Rules) -> Vec<Self> {
        let count = |rule: &Rule| Self {
            rule: rule.id().to_owned(),
            title: rules.entry(*rule).title.clone(),
            description: rules.entry(*rule).description.clone(),
            count: findings.iter().filter(|finding| finding.rule == rule.id()).count(),
        };
        which.iter().map(count).collect()
    }
}

/// The moment of the call.
pub(crate) fn now(call: &Call) -> Result<Utc, ToolError> {
    Utc::since_1970(call.now()).ok_or_else(|| ToolError::internal("the clock is outside of the years 1970 to 9999"))
}

/// As many of the findings as a result holds, and what to say of the others.
pub(crate) fn bounded(mut findings: Vec<Finding>) -> (Vec<Finding>, Option<String>) {
    let n = findings.len();
    findings.truncate(MOST_FINDINGS);
    let note = (n > MOST_FINDINGS)
        .then(|| format!("the {MOST_FINDINGS} gravest of {n} findings are listed; the counts are those of all"));
    (findings, note)
}

/// A result that says which systems it lacks.
pub(crate) fn told<T>(data: T, readings: &[Reading], cut: Option<String>) -> Output<T> {
    let mut output = Output::new(data);
    for reading in readings {
        let name = reading.system.name();
        let notes = reading.notes.join("; ");
        output = if !reading.is_read {
            output.partial(format!("{name} did not answer, and nothing is concluded that needs it: {notes}"))
        } else if !reading.is_complete {
            output.partial(format!("{name} was not read completely, and no absence is concluded from it: {notes}"))
        } else if notes.is_empty() {
            output
        } else {
            output.note(format!("{name}: {notes}"))
        };
    }
    match cut {
        Some(cut) => output.partial(cut),
        None => output,
    }
}
