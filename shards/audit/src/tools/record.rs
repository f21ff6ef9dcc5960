//! What each system says of a person, side by side.

use nexus_shard::{Utc, data};

use super::address::Who;
use crate::join::{Account, Use};
use crate::model::System;
use crate::people::{Audit, name};
use crate::read::Worker;
use crate::text;

/// What one system says of a person.
#[data]
pub(crate) struct PersonRecord {
    /// The system.
    system: System,
    /// Whether it has a record of the person; null if it did not answer, or not wholly, or has several.
    found: Option<bool>,
    /// Employee number.
    #[field(class = person)]
    employee_id: Option<String>,
    /// What the person signs in with; null in Workday.
    #[field(class = person)]
    sign_in_name: Option<String>,
    /// Mail address.
    #[field(class = person)]
    email: Option<String>,
    /// Name as shown; in Workday the preferred one.
    #[field(class = person)]
    display_name: Option<String>,
    /// Job title.
    job_title: Option<String>,
    /// Department.
    department: Option<String>,
    /// Manager: the employee number in Workday, the account's distinguished name in Active Directory.
    #[field(class = person)]
    manager: Option<String>,
    /// Employment in Workday, as Workday writes it.
    status: Option<String>,
    /// Whether the account is enabled; null if the directory did not tell, and in Workday.
    is_enabled: Option<bool>,
    /// Last use of the account, RFC 3339 in UTC; null if none is recorded, or it was not told.
    last_used_at: Option<Utc>,
}

impl PersonRecord {
    fn empty(system: System, found: Option<bool>) -> Self {
        Self {
            system,
            found,
            employee_id: None,
            sign_in_name: None,
            email: None,
            display_name: None,
            job_title: None,
            department: None,
            manager: None,
            status: None,
            is_enabled: None,
            last_used_at: None,
        }
    }

    /// What Workday says.
    pub(crate) fn of_worker(who: Who<'_, '_>, audit: &Audit<'_>) -> Self {
        match who {
            Who::Worker(person) => Self::worker(person.worker),
            Who::Several => Self::empty(System::Workday, None),
            Who::Account(_) | Who::Nobody => Self::absent(System::Workday, audit),
        }
    }

    /// What a directory says.
    pub(crate) fn of_account(who: Who<'_, '_>, system: System, audit: &Audit<'_>) -> Self {
        let account = match who {
            Who::Worker(person) => match person.standing(system).map(|one| (one.links.first(), one.is_empty())) {
                Some((Some(link), _)) => Some(&link.account),
                // Another's account looks like theirs.
                Some((None, false)) => return Self::empty(system, None),
                Some((None, true)) | None => None,
            },
            Who::Account(one) => one.accounts().find(|account| account.system == system),
            Who::Several => return Self::empty(system, None),
            Who::Nobody => None,
        };
        account.map_or_else(|| Self::absent(system, audit), Self::account)
    }

    fn absent(system: System, audit: &Audit<'_>) -> Self {
        Self::empty(system, audit.asked.proves_absence(system).then_some(false))
    }

    fn worker(worker: &Worker) -> Self {
        let told = |value: Option<&str>| text::told(value).map(text::bounded);
        Self {
            employee_id: told(Some(&worker.employee_id)),
            email: told(worker.email.as_deref()),
            display_name: told(Some(&name(worker))),
            job_title: told(worker.title.as_deref()),
            department: told(worker.department.as_deref()),
            manager: told(worker.manager_employee_id.as_deref()),
            status: told(worker.status.as_deref()),
            ..Self::empty(System::Workday, Some(true))
        }
    }

    fn account(account: &Account<'_>) -> Self {
        let told = |value: Option<&str>| value.map(text::bounded);
        Self {
            employee_id: told(account.employee_id),
            sign_in_name: told(Some(account.sign_in_name())),
            email: told(account.email),
            display_name: told(account.display_name),
            job_title: told(account.title),
            department: told(account.department),
            manager: told(account.manager_dn),
            is_enabled: account.is_enabled,
            last_used_at: match account.last_use {
                Use::At(at) => Some(at),
                Use::Never | Use::Unknown => None,
            },
            ..Self::empty(account.system, Some(true))
        }
    }
}
