//! Scans over everybody, one kind of difference each.

use nexus_shard::{Call, Output, ToolError, data, tool};

use super::{Counts, RuleCount, bounded, now, told};
use crate::model::{Finding, Reading};
use crate::people;
use crate::read::{self, People};
use crate::rules::{Rule, Rules};

/// What some of the rules find about everybody.
#[data]
pub(crate) struct Scan {
    /// How many workers were looked at; null if Workday did not answer.
    workers: Option<usize>,
    /// The findings, the gravest first; at most 2,000.
    findings: Vec<Finding>,
    /// How many there are, listed or not.
    counts: Counts,
    /// How many each rule has, listed or not.
    rules: Vec<RuleCount>,
    /// The systems, and how they answered.
    readings: Vec<Reading>,
}

impl Scan {
    /// Reads everybody, and keeps what these rules find.
    pub(crate) fn of(call: &Call, which: &[Rule]) -> Result<Output<Self>, ToolError> {
        let all = read::people(call)?;
        let rules = Rules::shipped();
        let mut found = people::findings(&all, None, now(call)?, rules);
        found.retain(|finding| which.iter().any(|rule| rule.id() == finding.rule));
        let People { workers, ad, entra } = all;
        let n_workers = workers.is_read().then_some(workers.rows.len());
        let readings = vec![workers.reading, ad.reading, entra.reading];
        let (counts, of_rules) = (Counts::of(&found), RuleCount::of(&found, which, rules));
        let (findings, cut) = bounded(found);
        let scan = Self { workers: n_workers, findings, counts, rules: of_rules, readings: readings.clone() };
        Ok(told(scan, &readings, cut))
    }
}

/// Finds accounts whose state does not fit the employment in Workday: of people who have left, whose contract has ended, who
/// are on leave, who begin later or have just begun.
///
/// Every worker and every account is read, each system once.
#[tool(name = "scan_status_reconciliation", title = "Scan employment against accounts", category = audit)]
pub(crate) fn scan_status_reconciliation(call: &Call) -> Result<Output<Scan>, ToolError> {
    Scan::of(
        call,
        &[
            Rule::AccountLeaverEnabled,
            Rule::AccountContractorExpired,
            Rule::AccountStarterNotReady,
            Rule::AccountFutureHireEnabled,
            Rule::AccountDisabledActive,
            Rule::AccountOnLeaveEnabled,
            Rule::AccountUnknownState,
        ],
    )
}

/// Finds people whose job title in Active Directory or Entra ID is another than in Workday.
///
/// Titles that are written differently and mean the same are told as `info`. Every worker and every account is read, each
/// system once.
#[tool(name = "scan_job_title_drift", title = "Scan job titles", category = audit)]
pub(crate) fn scan_job_title_drift(call: &Call) -> Result<Output<Scan>, ToolError> {
    Scan::of(call, &[Rule::PersonTitle, Rule::PersonTitleSpelling])
}

/// Finds people whose department in Active Directory or Entra ID is another than in Workday.
///
/// Departments that are written differently and mean the same are told as `info`. Every worker and every account is read,
/// each system once.
#[tool(name = "scan_department_mismatches", title = "Scan departments", category = audit)]
pub(crate) fn scan_department_mismatches(call: &Call) -> Result<Output<Scan>, ToolError> {
    Scan::of(call, &[Rule::PersonDepartment, Rule::PersonDepartmentSpelling])
}

/// Finds people whose name in Active Directory or Entra ID is neither the preferred nor the legal one of Workday, and people
/// whose legal last name the directories do not show.
///
/// Compared are words, without accents, capitals and titles. Every worker and every account is read, each system once.
#[tool(name = "scan_name_variance_mismatches", title = "Scan names", category = audit)]
pub(crate) fn scan_name_variance_mismatches(call: &Call) -> Result<Output<Scan>, ToolError> {
    Scan::of(call, &[Rule::PersonName, Rule::PersonLegalName])
}
