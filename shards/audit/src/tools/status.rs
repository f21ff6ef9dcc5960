//! Everything about one person, in one call.

use std::collections::HashSet;

use nexus_shard::{Call, Output, ToolError, Utc, arguments, data, tool};

use super::address::{self, Addresses, Who};
use super::device::readings;
use super::person::{about, confidence};
use super::record::PersonRecord;
use super::{Counts, bounded, now, told};
use crate::devices::{self, SYSTEMS, of_leavers};
use crate::join::{Device, Found};
use crate::model::{Confidence, Finding, Reading, System};
use crate::people::{Audit, name};
use crate::read::{self, Incident, Worker};
use crate::rules::Rules;
use crate::text;

#[arguments]
pub(crate) struct AuditPersonStatus {
    /// The person's mail address, as any of the systems has it, in any case.
    #[field(length = 3..=320, pattern = r"^[^@\s]+@[^@\s]+$", class = person)]
    email: String,
}

/// Everything about one person.
#[data]
pub(crate) struct PersonStatus {
    /// The address that was asked for.
    #[field(class = person)]
    email: String,
    /// Whether any system knows it; null if none does and not every system told everything.
    is_known: Option<bool>,
    /// The employment; null if there is no worker, or Workday did not tell.
    employment: Option<Employment>,
    /// What Workday says.
    workday: PersonRecord,
    /// What Active Directory says.
    active_directory: PersonRecord,
    /// What Entra ID says.
    entra: PersonRecord,
    /// How sure it is that the records are of one person; null where there is only one.
    confidence: Option<Confidence>,
    /// The manager, as Workday names them.
    manager: Option<Manager>,
    /// Product ids (GUIDs) of the licences in Entra ID.
    license_sku_ids: Vec<String>,
    /// Devices that Intune assigns to the person, or that they were last seen on.
    devices: Vec<PersonDevice>,
    /// Open incidents that name one of these devices; null if BMC Helix did not answer.
    incidents: Option<Vec<DeviceIncident>>,
    /// Everything that the rules find about the person, their accounts and their devices, the gravest first.
    findings: Vec<Finding>,
    /// How many findings there are.
    counts: Counts,
    /// The systems, and how they answered.
    readings: Vec<Reading>,
}

/// The employment of a worker.
#[data]
pub(crate) struct Employment {
    /// `Active`, `On Leave`, `Terminated`, as Workday writes it.
    status: Option<String>,
    /// Whether the worker has left, today or before.
    has_left: bool,
    /// `Employee` or `Contingent Worker`, as Workday writes it.
    worker_type: Option<String>,
    /// First day, YYYY-MM-DD.
    hire_date: Option<String>,
    /// Last day, YYYY-MM-DD.
    termination_date: Option<String>,
    /// Location.
    location: Option<String>,
}

/// Whom Workday names as the manager.
#[data]
pub(crate) struct Manager {
    /// Employee number.
    #[field(class = person)]
    employee_id: String,
    /// Name; null if there is no such worker.
    #[field(class = person)]
    name: Option<String>,
    /// Mail address.
    #[field(class = person)]
    email: Option<String>,
    /// Employment, as Workday writes it.
    status: Option<String>,
}

/// A device that a person has.
#[data]
pub(crate) struct PersonDevice {
    /// The serial number, or the host name where the serial numbers differ or are missing.
    identifier: String,
    /// Host name.
    hostname: Option<String>,
    /// What kind of device it is, by the rules.
    kind: String,
    /// The systems that know it.
    systems: Vec<System>,
    /// Whether Intune assigns it to the person. Else they were last seen on it.
    is_assigned: bool,
    /// Intune's judgement: `compliant`, `noncompliant` and more; null if Intune has none.
    compliance_state: Option<String>,
    /// Whether the storage is encrypted; null if Intune does not say.
    is_encrypted: Option<bool>,
    /// Last report to Intune, RFC 3339 in UTC.
    last_sync_at: Option<Utc>,
}

/// An open incident about a device.
#[data]
pub(crate) struct DeviceIncident {
    /// Number of the incident.
    incident_id: String,
    /// Status.
    status: Option<String>,
    /// Priority.
    priority: Option<String>,
    /// What it is about. It may name people.
    #[field(class = person)]
    summary: Option<String>,
    /// Name of the device, as the incident has it.
    ci_name: Option<String>,
}

/// Tells everything about one person in one call: employment, manager, accounts with their state and last use, licences,
/// devices, open incidents about these devices, and all findings.
///
/// Reads Workday, Active Directory, Entra ID, Intune, Autopilot, Lansweeper, the CMDB and the open incidents of BMC Helix, each
/// once. A person whom no system knows is not found, and a system that did not answer makes the result partial.
#[tool(name = "audit_person_status", title = "Status of one person across systems", category = audit)]
pub(crate) fn audit_person_status(
    arguments: AuditPersonStatus,
    call: &Call,
) -> Result<Output<PersonStatus>, ToolError> {
    let email = address::parse(&arguments.email)?;
    let (now, rules) = (now(call)?, Rules::shipped());
    let (people, machines) = read::everything(call)?;
    let audit = Audit::new(&people, now, rules);
    let who = Addresses::of(&audit).find(email);
    let systems = [System::Workday, System::ActiveDirectory, System::Entra];
    let is_known = match who {
        Who::Several => {
            return Err(ToolError::invalid_arguments(
                "several workers have this mail address, so that it is not clear who is meant",
            ));
        }
        Who::Nobody if systems.iter().all(|system| audit.asked.proves_absence(*system)) => {
            return Err(ToolError::not_found("no worker and no account has this mail address"));
        }
        Who::Nobody => None,
        Who::Worker(_) | Who::Account(_) => Some(true),
    };
    let incidents = read::open_incidents(call);
    let mut all = vec![people.workers.reading.clone(), people.ad.reading.clone(), people.entra.reading.clone()];
    all.extend(readings(&machines));
    all.push(incidents.reading.clone());

    let names = names(who);
    let of_devices = devices::Audit::new(&machines, &SYSTEMS, now, rules);
    let own: Vec<&Device<'_>> = of_devices.devices.iter().filter(|device| is_own(device, &names)).collect();
    let mut findings = about(who, &audit);
    let ids: HashSet<&str> = own.iter().map(|device| device.identifier).collect();
    findings.extend(of_leavers(&audit, &machines).into_iter().filter(|one| ids.contains(one.identifier.as_str())));
    findings.extend(own.iter().flat_map(|device| of_devices.about(device)));
    let findings = rules.conclude(findings, now.date());
    let counts = Counts::of(&findings);
    let (findings, cut) = bounded(findings);
    let worker = match who {
        Who::Worker(person) => Some(person.worker),
        Who::Account(_) | Who::Several | Who::Nobody => None,
    };
    let data = PersonStatus {
        email: email.to_owned(),
        is_known,
        employment: worker.map(|worker| employment(worker, &audit)),
        workday: PersonRecord::of_worker(who, &audit),
        active_directory: PersonRecord::of_account(who, System::ActiveDirectory, &audit),
        entra: PersonRecord::of_account(who, System::Entra, &audit),
        confidence: confidence(who),
        manager: worker.and_then(|worker| manager(worker, &audit)),
        license_sku_ids: licences(who, &people.entra.rows),
        incidents: incidents.is_read().then(|| about_devices(&incidents.rows, &own)),
        devices: own.iter().map(|device| PersonDevice::of(device, &names)).collect(),
        findings,
        counts,
        readings: all.clone(),
    };
    Ok(told(data, &all, cut))
}

fn employment(worker: &Worker, audit: &Audit<'_>) -> Employment {
    Employment {
        status: worker.status.clone(),
        has_left: audit.has_left(worker),
        worker_type: worker.worker_type.clone(),
        hire_date: worker.hire_date.clone(),
        termination_date: worker.termination_date.clone(),
        location: worker.location.clone(),
    }
}

fn manager(worker: &Worker, audit: &Audit<'_>) -> Option<Manager> {
    let number = text::told(worker.manager_employee_id.as_deref())?;
    let found = match audit.joined.worker(audit.rules, Some(number)) {
        Found::One(manager) => Some(manager),
        Found::None | Found::Unclear => None,
    };
    Some(Manager {
        employee_id: number.to_owned(),
        name: found.map(name),
        email: found.and_then(|manager| manager.email.clone()),
        status: found.and_then(|manager| manager.status.clone()),
    })
}

/// What systems of devices call the person.
fn names(who: Who<'_, '_>) -> HashSet<String> {
    let (accounts, email): (Vec<_>, _) = match who {
        Who::Worker(person) => (person.links().map(|link| link.account).collect(), person.worker.email.as_deref()),
        Who::Account(one) => (one.accounts().copied().collect(), None),
        Who::Several | Who::Nobody => return HashSet::new(),
    };
    let names = accounts.iter().flat_map(|account| [account.upn, account.email, account.login]);
    names.chain([text::told(email)]).flatten().map(text::folded).collect()
}

fn is_own(device: &Device<'_>, names: &HashSet<String>) -> bool {
    is_assigned(device, names)
        || device.records.iter().filter_map(|record| record.lansweeper?.last_user.as_deref()).any(|user| {
            let user = text::folded(user);
            names.contains(user.rsplit_once('\\').map_or(user.as_str(), |(_, login)| login))
        })
}

fn is_assigned(device: &Device<'_>, names: &HashSet<String>) -> bool {
    let users = device.records.iter().filter_map(|record| record.intune?.user_principal_name.as_deref());
    users.map(text::folded).any(|user| names.contains(&user))
}

/// The licences of the person's accounts.
fn licences(who: Who<'_, '_>, rows: &[read::EntraAccount]) -> Vec<String> {
    let ids: HashSet<&str> = match who {
        Who::Worker(person) => person.entra.links.iter().map(|link| link.account.id).collect(),
        Who::Account(one) => one.entra.iter().map(|account| account.id).collect(),
        Who::Several | Who::Nobody => return Vec::new(),
    };
    let own = rows.iter().filter(|row| ids.contains(row.id.as_str()));
    let mut licences: Vec<String> = own.flat_map(|row| row.license_sku_ids.clone()).collect();
    licences.sort_unstable();
    licences.dedup();
    licences
}

fn about_devices(incidents: &[Incident], devices: &[&Device<'_>]) -> Vec<DeviceIncident> {
    let names = devices.iter().flat_map(|device| &device.records).filter_map(|record| record.hostname);
    let names: HashSet<String> = names.map(text::folded).collect();
    let is_about = |one: &&Incident| one.ci_name.as_deref().is_some_and(|name| names.contains(&text::folded(name)));
    let incident = |one: &Incident| DeviceIncident {
        incident_id: one.incident_id.clone(),
        status: one.status.clone(),
        priority: one.priority.clone(),
        summary: one.summary.as_deref().map(text::bounded),
        ci_name: one.ci_name.clone(),
    };
    incidents.iter().filter(is_about).map(incident).collect()
}

impl PersonDevice {
    fn of(device: &Device<'_>, names: &HashSet<String>) -> Self {
        let mut systems: Vec<System> = device.records.iter().map(|record| record.system).collect();
        systems.dedup();
        let intune = device.records.iter().find_map(|record| record.intune);
        Self {
            identifier: text::bounded(device.identifier),
            hostname: device.records.iter().find_map(|record| record.hostname).map(text::bounded),
            kind: device.kind.name.clone(),
            systems,
            is_assigned: is_assigned(device, names),
            compliance_state: intune.and_then(|one| one.compliance_state.clone()),
            is_encrypted: intune.and_then(|one| one.is_encrypted),
            last_sync_at: intune.and_then(|one| one.last_sync_at),
        }
    }
}
