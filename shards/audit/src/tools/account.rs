//! The state of every account.

use nexus_shard::{Call, Output, ToolError, tool};

use super::scan::Scan;
use crate::rules::Rule;

/// Finds what is wrong with accounts: enabled for people who have left or not begun, missing or disabled for people who work,
/// open in one directory only, not used, without an owner, and the accounts of services.
///
/// Compares the employment in Workday with the accounts of Active Directory and Entra ID, for everybody, each system read
/// once. Where Entra ID cannot tell sign-ins (a permission, a licence), nothing is said about accounts that are not used.
#[tool(name = "audit_account_state", title = "Audit the state of all accounts", category = audit)]
pub(crate) fn audit_account_state(call: &Call) -> Result<Output<Scan>, ToolError> {
    let rules: Vec<Rule> = Rule::ALL.iter().copied().filter(|rule| rule.id().starts_with("account.")).collect();
    Scan::of(call, &rules)
}
