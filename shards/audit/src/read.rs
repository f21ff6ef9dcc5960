//! What other shards' tools say, each system read once.
//!
//! A system that fails leaves an empty [`Source`] that says so: what needs it is then not concluded. One that answered in
//! part proves nothing by a record's absence.

use nexus_shard::serde::de::DeserializeOwned;
use nexus_shard::serde_json::json;
use nexus_shard::{Call, PeerAnswer, PeerCall, PeerError, ToolError, Utc};
use serde::Deserialize;

use crate::model::{Reading, System};

/// The most records read of one system. One that has more says so, and is then not complete.
const MOST: u32 = 20_000;

/// The records of one system, and how they were come by.
pub(crate) struct Source<T> {
    /// Empty where the system did not answer.
    pub(crate) rows: Vec<T>,
    /// How they were read.
    pub(crate) reading: Reading,
}

impl<T> Source<T> {
    /// Whether the system answered at all.
    pub(crate) fn is_read(&self) -> bool {
        self.reading.is_read
    }

    /// Whether a record that is not here is not there: the system answered, and with all it has.
    pub(crate) fn proves_absence(&self) -> bool {
        self.reading.is_read && self.reading.is_complete
    }

    /// A system that was asked for one record and has none.
    pub(crate) fn without(system: System, now: Utc) -> Self {
        let mut reading = Reading::failed(system, "no record has this address".to_owned());
        (reading.is_read, reading.is_complete) = (true, true);
        (reading.records, reading.as_of) = (Some(0), Some(now));
        Self { rows: Vec::new(), reading }
    }

    fn of<D: DeserializeOwned>(
        system: System,
        answer: Result<PeerAnswer, PeerError>,
        rows: impl FnOnce(D) -> Vec<T>,
    ) -> Self {
        let read = answer.map_err(|error| error.text()).and_then(|answer| {
            let data = answer.read::<D>().map_err(|error| error.text().to_owned())?;
            let as_of = Utc::parse(&answer.as_of).ok_or("the answer does not say when it was read")?;
            Ok((answer, data, as_of))
        });
        match read {
            Ok((answer, data, as_of)) => {
                let rows = rows(data);
                let reading = Reading {
                    system,
                    is_read: true,
                    is_complete: answer.complete,
                    records: Some(rows.len()),
                    as_of: Some(as_of),
                    source: Some(answer.origin.as_str().to_owned()),
                    event_id: Some(answer.call_id),
                    notes: answer.notes,
                };
                Self { rows, reading }
            }
            Err(why) => Self { rows: Vec::new(), reading: Reading::failed(system, why) },
        }
    }
}

impl Reading {
    fn failed(system: System, why: String) -> Self {
        Self {
            system,
            is_read: false,
            is_complete: false,
            records: None,
            as_of: None,
            source: None,
            event_id: None,
            notes: vec![why],
        }
    }
}

/// A worker, as the report `Nexus_Workers` tells. A column that is empty is not there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Worker {
    #[serde(rename = "Employee_ID")]
    pub(crate) employee_id: String,
    #[serde(rename = "Legal_First")]
    pub(crate) legal_first: Option<String>,
    #[serde(rename = "Legal_Last")]
    pub(crate) legal_last: Option<String>,
    #[serde(rename = "Preferred_First")]
    pub(crate) preferred_first: Option<String>,
    #[serde(rename = "Preferred_Last")]
    pub(crate) preferred_last: Option<String>,
    #[serde(rename = "Work_Email")]
    pub(crate) email: Option<String>,
    /// `Active`, `On Leave`, `Terminated`.
    #[serde(rename = "Worker_Status")]
    pub(crate) status: Option<String>,
    /// `YYYY-MM-DD`.
    #[serde(rename = "Hire_Date")]
    pub(crate) hire_date: Option<String>,
    /// `YYYY-MM-DD`. Of a contingent worker also the day on which the contract is to end.
    #[serde(rename = "Termination_Date")]
    pub(crate) termination_date: Option<String>,
    /// `Employee` or `Contingent Worker`.
    #[serde(rename = "Worker_Type")]
    pub(crate) worker_type: Option<String>,
    #[serde(rename = "Business_Title")]
    pub(crate) title: Option<String>,
    #[serde(rename = "Department")]
    pub(crate) department: Option<String>,
    #[serde(rename = "Manager_Employee_ID")]
    pub(crate) manager_employee_id: Option<String>,
    #[serde(rename = "Location")]
    pub(crate) location: Option<String>,
}

/// A user account of Active Directory.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AdAccount {
    pub(crate) username: String,
    pub(crate) user_principal_name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) job_title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) office_location: Option<String>,
    pub(crate) employee_id: Option<String>,
    pub(crate) dn: String,
    pub(crate) manager_dn: Option<String>,
    /// Null: the directory did not tell.
    pub(crate) is_enabled: Option<bool>,
    pub(crate) last_logon_at: Option<Utc>,
    pub(crate) created_at: Option<Utc>,
    pub(crate) account_expires_at: Option<Utc>,
    pub(crate) object_sid: Option<String>,
}

/// A user account of Entra ID.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EntraAccount {
    pub(crate) id: String,
    pub(crate) user_principal_name: String,
    pub(crate) display_name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) employee_id: Option<String>,
    pub(crate) job_title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) is_enabled: Option<bool>,
    /// `Member` or `Guest`.
    pub(crate) user_type: Option<String>,
    pub(crate) created_at: Option<Utc>,
    pub(crate) is_synced_from_ad: Option<bool>,
    pub(crate) ad_account_name: Option<String>,
    pub(crate) ad_object_sid: Option<String>,
    pub(crate) license_sku_ids: Vec<String>,
    /// Absent (`None`): not asked for, or not to be had. `Some(None)`: no sign-in is recorded.
    #[serde(deserialize_with = "told")]
    pub(crate) last_sign_in_at: Option<Option<Utc>>,
}

/// A user whom Entra ID Protection holds to be at risk.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RiskyUser {
    pub(crate) user_principal_name: Option<String>,
    pub(crate) risk_level: Option<String>,
    pub(crate) risk_state: Option<String>,
    pub(crate) risk_updated_at: Option<Utc>,
}

/// A device that Intune manages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IntuneDevice {
    pub(crate) device_id: String,
    pub(crate) hostname: Option<String>,
    pub(crate) serial_number: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) os_name: Option<String>,
    pub(crate) compliance_state: Option<String>,
    pub(crate) is_encrypted: Option<bool>,
    pub(crate) last_sync_at: Option<Utc>,
    pub(crate) user_principal_name: Option<String>,
}

/// A device that Autopilot sets up.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AutopilotDevice {
    pub(crate) serial_number: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) model: Option<String>,
    /// Of the device in Intune.
    pub(crate) device_id: Option<String>,
}

/// An asset that Lansweeper saw on the network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LansweeperAsset {
    pub(crate) asset_id: String,
    pub(crate) hostname: Option<String>,
    pub(crate) asset_type: Option<String>,
    pub(crate) serial_number: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) os_name: Option<String>,
    /// `DOMAIN\login`.
    pub(crate) last_user: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) last_seen: Option<Utc>,
}

/// A computer in the CMDB.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CmdbComputer {
    pub(crate) instance_id: String,
    pub(crate) hostname: Option<String>,
    pub(crate) serial_number: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) model: Option<String>,
}

/// An incident.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Incident {
    pub(crate) incident_id: String,
    pub(crate) status: Option<String>,
    pub(crate) priority: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) assigned_to: Option<String>,
    pub(crate) assigned_group: Option<String>,
    pub(crate) ci_name: Option<String>,
    pub(crate) created_at: Option<Utc>,
    pub(crate) resolved_at: Option<Utc>,
}

/// A change.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Change {
    pub(crate) change_id: String,
    pub(crate) status: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) risk_level: Option<String>,
    pub(crate) change_type: Option<String>,
    pub(crate) created_at: Option<Utc>,
}

/// Everything that is known of people.
pub(crate) struct People {
    pub(crate) workers: Source<Worker>,
    pub(crate) ad: Source<AdAccount>,
    pub(crate) entra: Source<EntraAccount>,
}

/// Everything that is known of devices.
pub(crate) struct Devices {
    pub(crate) intune: Source<IntuneDevice>,
    pub(crate) autopilot: Source<AutopilotDevice>,
    pub(crate) lansweeper: Source<LansweeperAsset>,
    pub(crate) cmdb: Source<CmdbComputer>,
}

/// Reads every worker and every account, each system once and all at the same time.
pub(crate) fn people(call: &Call) -> Result<People, ToolError> {
    let [workers, ad, entra] = ask(call, [workers_call(), ad_call(), entra_call(true)]);
    let people = People { workers: workers_of(workers), ad: ad_of(ad), entra: entra_of(call, entra) };
    answered(&[people.workers.is_read(), people.ad.is_read(), people.entra.is_read()])?;
    Ok(people)
}

/// Reads every device, each system once and all at the same time.
pub(crate) fn devices(call: &Call) -> Result<Devices, ToolError> {
    let [intune, autopilot, lansweeper, cmdb] = ask(call, device_calls());
    let devices = devices_of(intune, autopilot, lansweeper, cmdb);
    let Devices { intune, autopilot, lansweeper, cmdb } = &devices;
    answered(&[intune.is_read(), autopilot.is_read(), lansweeper.is_read(), cmdb.is_read()])?;
    Ok(devices)
}

/// Reads every worker, account and device, each system once and all at the same time.
pub(crate) fn everything(call: &Call) -> Result<(People, Devices), ToolError> {
    let [intune, autopilot, lansweeper, cmdb] = device_calls();
    let calls = [workers_call(), ad_call(), entra_call(true), intune, autopilot, lansweeper, cmdb];
    let [workers, ad, entra, intune, autopilot, lansweeper, cmdb] = ask(call, calls);
    let people = People { workers: workers_of(workers), ad: ad_of(ad), entra: entra_of(call, entra) };
    let devices = devices_of(intune, autopilot, lansweeper, cmdb);
    answered(&[
        people.workers.is_read(),
        people.ad.is_read(),
        people.entra.is_read(),
        devices.intune.is_read(),
        devices.lansweeper.is_read(),
        devices.cmdb.is_read(),
    ])?;
    Ok((people, devices))
}

/// Reads the accounts of both directories, without sign-ins.
pub(crate) fn directories(call: &Call) -> Result<(Source<AdAccount>, Source<EntraAccount>), ToolError> {
    let [ad, entra] = ask(call, [ad_call(), entra_call(false)]);
    let (ad, entra) = (ad_of(ad), entra_of(call, entra));
    answered(&[ad.is_read(), entra.is_read()])?;
    Ok((ad, entra))
}

/// Reads the devices of Intune and Lansweeper, and asks no other system.
pub(crate) fn intune_and_lansweeper(call: &Call) -> Result<Devices, ToolError> {
    let [intune, _, lansweeper, _] = device_calls();
    let [intune, lansweeper] = ask(call, [intune, lansweeper]);
    let no = |error: &str| Err(PeerError::Tool(ToolError::internal(error)));
    let devices = devices_of(intune, no("not asked"), lansweeper, no("not asked"));
    answered(&[devices.intune.is_read(), devices.lansweeper.is_read()])?;
    Ok(devices)
}

/// What a directory says that is asked for one address.
pub(crate) enum Keyed<T> {
    /// The account, or why there is no answer.
    Answered(Source<T>),
    /// No account has the address. One that was renamed may still be the person's.
    None,
    /// Several accounts have it.
    Several,
}

impl<T: DeserializeOwned> Keyed<T> {
    fn of(system: System, answer: Result<PeerAnswer, PeerError>) -> Self {
        match answer {
            Err(PeerError::Tool(ToolError::NotFound(_))) => Self::None,
            // The address was looked at before it was asked for: what the tool does not like is that several have it.
            Err(PeerError::Tool(ToolError::InvalidArguments(_))) => Self::Several,
            answer => Self::Answered(Source::of(system, answer, |one: T| vec![one])),
        }
    }
}

/// Reads the workers, and asks each directory for the account with this address.
pub(crate) fn one_person(call: &Call, email: &str) -> (Source<Worker>, Keyed<AdAccount>, Keyed<EntraAccount>) {
    let calls = [
        workers_call(),
        PeerCall::new("ad_get_user_by_email", json!({ "email": email })),
        PeerCall::new("entra_get_user", json!({ "user_id_or_upn": email })),
    ];
    let [workers, ad, entra] = ask(call, calls);
    (workers_of(workers), Keyed::of(System::ActiveDirectory, ad), Keyed::of(System::Entra, entra))
}

/// Reads all accounts of the directories that are asked for.
pub(crate) fn whole_directories(
    call: &Call,
    is_ad: bool,
    is_entra: bool,
) -> (Option<Source<AdAccount>>, Option<Source<EntraAccount>>) {
    match (is_ad, is_entra) {
        (true, true) => {
            let [ad, entra] = ask(call, [ad_call(), entra_call(true)]);
            (Some(ad_of(ad)), Some(entra_of(call, entra)))
        }
        (true, false) => {
            let [ad] = ask(call, [ad_call()]);
            (Some(ad_of(ad)), None)
        }
        (false, true) => {
            let [entra] = ask(call, [entra_call(true)]);
            (None, Some(entra_of(call, entra)))
        }
        (false, false) => (None, None),
    }
}

/// The open incidents.
pub(crate) fn open_incidents(call: &Call) -> Source<Incident> {
    #[derive(Deserialize)]
    struct List {
        incidents: Vec<Incident>,
    }
    let [answer] = ask(call, [PeerCall::new("helix_list_incidents", json!({ "limit": 5_000 }))]);
    Source::of(System::HelixItsm, answer, |list: List| list.incidents)
}

/// The users at risk.
pub(crate) fn risky_users(call: &Call) -> Source<RiskyUser> {
    #[derive(Deserialize)]
    struct List {
        risky_users: Vec<RiskyUser>,
    }
    let [answer] = ask(call, [PeerCall::new("entra_get_risky_users", json!({}))]);
    Source::of(System::Entra, answer, |list: List| list.risky_users)
}

/// Incidents and changes: those that are open, or with `since` all that were created since then.
pub(crate) fn tickets(call: &Call, since: Option<Utc>) -> (Source<Incident>, Source<Change>) {
    #[derive(Deserialize)]
    struct Incidents {
        incidents: Vec<Incident>,
    }
    #[derive(Deserialize)]
    struct Changes {
        changes: Vec<Change>,
    }
    let arguments = match since {
        Some(since) => json!({ "limit": 5_000, "created_since": since }),
        None => json!({ "limit": 5_000 }),
    };
    let calls =
        [PeerCall::new("helix_list_incidents", arguments.clone()), PeerCall::new("helix_list_changes", arguments)];
    let [incidents, changes] = ask(call, calls);
    (
        Source::of(System::HelixItsm, incidents, |list: Incidents| list.incidents),
        Source::of(System::HelixItsm, changes, |list: Changes| list.changes),
    )
}

/// Asks all of them at once.
pub(crate) fn ask<const N: usize>(call: &Call, calls: [PeerCall; N]) -> [Result<PeerAnswer, PeerError>; N] {
    let mut answers = call.peers(&calls).into_iter();
    std::array::from_fn(|_| {
        let missing = || Err(PeerError::Tool(ToolError::internal("the host gave fewer answers than calls")));
        answers.next().unwrap_or_else(missing)
    })
}

/// A comparison of nothing is none.
fn answered(read: &[bool]) -> Result<(), ToolError> {
    if read.contains(&true) { Ok(()) } else { Err(ToolError::upstream("none of the systems answered")) }
}

fn workers_call() -> PeerCall {
    PeerCall::new("workday_run_raas_report", json!({ "report_path": "Nexus_Workers" }))
}

fn ad_call() -> PeerCall {
    PeerCall::new("ad_list_users", json!({ "limit": MOST }))
}

fn entra_call(sign_ins: bool) -> PeerCall {
    PeerCall::new("entra_list_users", json!({ "limit": MOST, "include_sign_ins": sign_ins }))
}

fn device_calls() -> [PeerCall; 4] {
    [
        PeerCall::new("intune_list_managed_devices", json!({ "limit": MOST })),
        PeerCall::new("intune_get_autopilot_devices", json!({})),
        PeerCall::new("lansweeper_list_assets", json!({ "limit": MOST })),
        PeerCall::new("helix_list_cmdb_assets", json!({ "limit": MOST })),
    ]
}

pub(crate) fn workers_of(answer: Result<PeerAnswer, PeerError>) -> Source<Worker> {
    #[derive(Deserialize)]
    struct Report {
        rows: Vec<Worker>,
    }
    Source::of(System::Workday, answer, |report: Report| report.rows)
}

pub(crate) fn ad_of(answer: Result<PeerAnswer, PeerError>) -> Source<AdAccount> {
    #[derive(Deserialize)]
    struct List {
        users: Vec<AdAccount>,
    }
    Source::of(System::ActiveDirectory, answer, |list: List| list.users)
}

/// Where sign-ins are not to be had (a licence, a permission), the accounts are read without them, and a note says so.
fn entra_of(call: &Call, answer: Result<PeerAnswer, PeerError>) -> Source<EntraAccount> {
    #[derive(Deserialize)]
    struct List {
        users: Vec<EntraAccount>,
    }
    let (answer, without) = match answer {
        Err(PeerError::Tool(ToolError::Refused(why))) => {
            let [again] = ask(call, [entra_call(false)]);
            (again, Some(why))
        }
        answer => (answer, None),
    };
    let mut source = Source::of(System::Entra, answer, |list: List| list.users);
    if let Some(why) = without.filter(|_| source.is_read()) {
        source.reading.notes.push(format!("last sign-ins are unknown: {why}"));
    }
    source
}

fn devices_of(
    intune: Result<PeerAnswer, PeerError>,
    autopilot: Result<PeerAnswer, PeerError>,
    lansweeper: Result<PeerAnswer, PeerError>,
    cmdb: Result<PeerAnswer, PeerError>,
) -> Devices {
    #[derive(Deserialize)]
    struct Listed<T> {
        devices: Vec<T>,
    }
    #[derive(Deserialize)]
    struct Assets<T> {
        assets: Vec<T>,
    }
    Devices {
        intune: Source::of(System::Intune, intune, |list: Listed<IntuneDevice>| list.devices),
        autopilot: Source::of(System::Autopilot, autopilot, |list: Listed<AutopilotDevice>| list.devices),
        lansweeper: Source::of(System::Lansweeper, lansweeper, |list: Assets<LansweeperAsset>| list.assets),
        cmdb: Source::of(System::HelixCmdb, cmdb, |list: Assets<CmdbComputer>| list.assets),
    }
}

/// A field that is there, whatever it holds.
fn told<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<Utc>>, D::Error> {
    Option::<Utc>::deserialize(from).map(Some)
}
