//! Many people, asked for by address.

use std::collections::HashSet;

use nexus_shard::{Call, Output, ToolError, arguments, data, tool};

use super::address::{self, Addresses};
use super::person::PersonDrift;
use super::{Counts, now, told};
use crate::model::{Finding, Reading};
use crate::people::Audit;
use crate::read;
use crate::rules::Rules;
use crate::text;

#[arguments]
pub(crate) struct AuditBulkUserDrift {
    /// The mail addresses, 1 to 50, in any case. One that is given twice is looked at once.
    #[field(length = 1..=50, class = person)]
    emails: Vec<String>,
}

/// What the systems say of several people.
#[data]
pub(crate) struct BulkUserDrift {
    /// How many different addresses were asked for.
    evaluated: usize,
    /// How many of them are people about whom a field differs.
    with_drift: usize,
    /// How many of them no system knows.
    not_found: usize,
    /// One for each address, in the order of the arguments.
    people: Vec<PersonDrift>,
    /// How many findings there are, about all of them.
    counts: Counts,
    /// The systems, and how they answered.
    readings: Vec<Reading>,
}

/// Compares what Workday, Active Directory and Entra ID say of up to 50 people: name, job title, department, manager, and the
/// state of the accounts.
///
/// Each system is read once for all of them. An address that no system knows is in the result, with `is_known` false. What is
/// only written differently is told as `info` and does not count.
#[tool(name = "audit_bulk_user_drift", title = "Compare several people across systems", category = audit)]
pub(crate) fn audit_bulk_user_drift(
    arguments: AuditBulkUserDrift,
    call: &Call,
) -> Result<Output<BulkUserDrift>, ToolError> {
    let mut seen = HashSet::new();
    let mut emails = Vec::new();
    for email in &arguments.emails {
        let email = address::parse(email)?;
        if seen.insert(text::folded(email)) {
            emails.push(email);
        }
    }
    if emails.is_empty() || arguments.emails.len() > 50 {
        return Err(ToolError::invalid_arguments("emails are 1 to 50 mail addresses"));
    }
    let all = read::people(call)?;
    let readings = vec![all.workers.reading.clone(), all.ad.reading.clone(), all.entra.reading.clone()];
    let audit = Audit::new(&all, now(call)?, Rules::shipped());
    let addresses = Addresses::of(&audit);
    let people: Vec<PersonDrift> =
        emails.iter().map(|email| PersonDrift::of(email, addresses.find(email), &audit)).collect();
    // Two addresses can be one person's.
    let mut ids = HashSet::new();
    let once = |finding: &&Finding| ids.insert(finding.id.clone());
    let counts = Counts::of(people.iter().flat_map(PersonDrift::findings).filter(once));
    let data = BulkUserDrift {
        evaluated: people.len(),
        with_drift: people.iter().filter(|person| person.has_drift()).count(),
        not_found: people.iter().filter(|person| person.is_known() == Some(false)).count(),
        people,
        counts,
        readings: readings.clone(),
    };
    Ok(told(data, &readings, None))
}
