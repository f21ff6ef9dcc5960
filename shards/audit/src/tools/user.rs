//! One person, asked for by address.

use nexus_shard::{Call, Output, ToolError, Utc, arguments, data, tool};

use super::address::{self, Addresses, Who};
use super::person::PersonDrift;
use super::{Counts, now, told};
use crate::model::{Reading, System};
use crate::people::Audit;
use crate::read::{self, Keyed, People, Source};
use crate::rules::Rules;

#[arguments]
pub(crate) struct AuditUserDrift {
    /// The person's mail address, as any of the systems has it, in any case.
    #[field(length = 3..=320, pattern = r"^[^@\s]+@[^@\s]+$", class = person)]
    email: String,
}

/// What the systems say of one person.
#[data]
pub(crate) struct UserDrift {
    #[serde(flatten)]
    person: PersonDrift,
    /// How many findings there are.
    counts: Counts,
    /// The systems, and how they answered.
    readings: Vec<Reading>,
}

/// Compares what Workday, Active Directory and Entra ID say of one person: name, job title, department, manager, and the
/// state of the accounts.
///
/// Records join by employee number, then work email, then sign-in name, never by name. Each directory is asked for the
/// address; one that does not know it is read whole, so that an account that was renamed is still found. What is only
/// written differently (Sr. and Senior, HR and Human Resources) is told as `info` and does not count. A person whom no system
/// knows is not found, and a system that did not answer makes the result partial.
#[tool(name = "audit_user_drift", title = "Compare one person across systems", category = audit)]
pub(crate) fn audit_user_drift(arguments: AuditUserDrift, call: &Call) -> Result<Output<UserDrift>, ToolError> {
    let email = address::parse(&arguments.email)?;
    let now = now(call)?;
    let rules = Rules::shipped();
    let (workers, ad, entra) = read::one_person(call, email);
    let (more_ad, more_entra) = (More::of(&ad), More::of(&entra));
    let is_keyed = matches!(&ad, Keyed::Answered(source) if source.is_read());
    let mut people =
        People { workers, ad: source(ad, System::ActiveDirectory, now), entra: source(entra, System::Entra, now) };
    let is_worker = is_worker(&people, email, now, rules);
    let (ad, entra) = read::whole_directories(call, more_ad.is_needed(is_worker), more_entra.is_needed(is_worker));
    people.ad = ad.unwrap_or(people.ad);
    people.entra = entra.unwrap_or(people.entra);
    let all = [&people.workers.reading, &people.ad.reading, &people.entra.reading];
    if !all.iter().any(|reading| reading.is_read) {
        return Err(ToolError::upstream("none of the systems answered"));
    }
    let readings: Vec<Reading> = all.into_iter().cloned().collect();

    let audit = Audit::new(&people, now, rules);
    let who = Addresses::of(&audit).find(email);
    if matches!(who, Who::Several) {
        return Err(ToolError::invalid_arguments(
            "several workers have this mail address, so that nothing can be compared by it",
        ));
    }
    let person = PersonDrift::of(email, who, &audit);
    if person.is_known() == Some(false) {
        return Err(ToolError::not_found("no worker and no account has this mail address"));
    }
    let counts = Counts::of(person.findings());
    let output = told(UserDrift { person, counts, readings: readings.clone() }, &readings, None);
    Ok(if is_keyed {
        output.note(
            "Active Directory was asked for this account alone: whose account its manager's is was not looked at; \
             audit_person_status does",
        )
    } else {
        output
    })
}

/// Whether a directory must be read whole.
enum More {
    Never,
    /// The person's account may have another address.
    OfWorker,
    Always,
}

impl More {
    fn of<T>(keyed: &Keyed<T>) -> Self {
        match keyed {
            Keyed::Answered(_) => Self::Never,
            Keyed::None => Self::OfWorker,
            Keyed::Several => Self::Always,
        }
    }

    fn is_needed(&self, is_worker: bool) -> bool {
        match self {
            Self::Never => false,
            Self::OfWorker => is_worker,
            Self::Always => true,
        }
    }
}

fn source<T>(keyed: Keyed<T>, system: System, now: Utc) -> Source<T> {
    match keyed {
        Keyed::Answered(source) => source,
        Keyed::None | Keyed::Several => Source::without(system, now),
    }
}

/// Whether the address leads to a worker, by Workday or by an account's employee number.
fn is_worker(people: &People, email: &str, now: Utc, rules: &Rules) -> bool {
    let audit = Audit::new(people, now, rules);
    matches!(Addresses::of(&audit).find(email), Who::Worker(_))
}
