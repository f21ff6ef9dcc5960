//! Workers: all of them, or one.

use nexus_shard::rows::{End, Rows};
use nexus_shard::{Call, Output, Request, Source, ToolError, arguments, data, tool};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::workday::{self, MAX_ROWS, Named, Reference};

const SOURCE: Source =
    workday::source("workers", "the scope Staffing and the security domain Worker Data: Public Worker Reports");

#[arguments]
pub(crate) struct ListWorkers {
    /// How many workers to return at most.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
    /// How many workers to skip, counted from the first.
    #[field(range = 0.., default = 0)]
    offset: u64,
}

/// Workers as the staffing service lists them.
#[data]
pub(crate) struct WorkerList {
    /// How many workers Workday counts in all, terminated ones among them.
    total: Option<u64>,
    /// The workers, in the order of Workday.
    workers: Vec<Worker>,
}

/// A worker as the staffing service shows them. Whether they are active, on leave or terminated it does not show.
#[data]
pub(crate) struct Worker {
    /// Workday id (WID), 32 hexadecimal digits.
    wid: String,
    /// Employee number, or the number of a contingent worker.
    #[field(class = person)]
    employee_id: String,
    /// Name as shown: the preferred one.
    #[field(class = person)]
    display_name: String,
    /// For example `Employee` or `Contingent Worker`.
    worker_type: Option<String>,
    /// Public primary work mail address; null if there is none, or the account may not see it.
    #[field(class = person)]
    email: Option<String>,
    /// Business title of the primary job. Like all of that job it is null where Workday shows none, as for somebody
    /// terminated.
    business_title: Option<String>,
    /// Job profile of the primary job.
    job_profile: Option<String>,
    /// Supervisory organization of the primary job: whom the worker reports to. It is not the department.
    supervisory_organization: Option<Reference>,
    /// Location of the primary job.
    location: Option<String>,
    /// How many jobs the worker holds besides the primary one; null if Workday did not tell.
    additional_job_count: Option<usize>,
}

/// Lists workers of Workday with name, employee number, mail address and primary job; terminated workers are among them.
///
/// Follows all pages from `offset` up to `limit`. The result says whether there are more. The staffing service shows no
/// status, hire or termination date, department and manager: `workday_run_raas_report` with the report `Nexus_Workers` does.
/// Needs the scope Staffing and the security domain Worker Data: Public Worker Reports.
#[tool(name = "workday_list_workers", title = "List Workday workers", category = read)]
pub(crate) fn list_workers(arguments: ListWorkers, call: &Call) -> Result<Output<WorkerList>, ToolError> {
    let rows = workday::list(call, SOURCE, &workers(call)?, arguments.offset, arguments.limit, key)?;
    let total = rows.count;
    Ok(rows.into_output("workers", |rows| WorkerList { total, workers: rows.into_iter().map(Worker::from).collect() }))
}

#[arguments]
pub(crate) struct GetWorker {
    /// The worker's Workday id (WID, 32 hexadecimal digits), or employee number such as `EMP-1001`.
    #[field(length = 1..=32, pattern = "^[A-Za-z0-9][A-Za-z0-9_-]*$", class = person)]
    worker_id: String,
}

/// Gets one worker of Workday by Workday id or employee number, whether active or terminated.
///
/// A contingent worker is found by Workday id alone. Status, hire and termination date, department and manager are not
/// shown: `workday_run_raas_report` with the report `Nexus_Workers` does. Needs the scope Staffing and the security domain
/// Worker Data: Public Worker Reports.
#[tool(name = "workday_get_worker", title = "Get a Workday worker", category = read)]
pub(crate) fn get_worker(arguments: GetWorker, call: &Call) -> Result<Output<Worker>, ToolError> {
    let key = Key::read(&arguments.worker_id)?;
    let row: Row = by_key(call, &key)?;
    key.check(&row.id, &row.worker_id)?;
    Ok(Output::new(row.into()))
}

/// The Workday id of a worker who may be asked for by employee number. Not found if there is no such worker.
pub(crate) fn wid(call: &Call, worker_id: &str) -> Result<String, ToolError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Identity {
        id: String,
        worker_id: String,
    }

    let key = Key::read(worker_id)?;
    let found: Identity = by_key(call, &key)?;
    key.check(&found.id, &found.worker_id)?;
    Ok(found.id)
}

fn by_key<T: DeserializeOwned>(call: &Call, key: &Key) -> Result<T, ToolError> {
    let reply = workday::staffing(call, "workers")?.segment(&key.segment()).send(call)?;
    if reply.status == 404 {
        return Err(ToolError::not_found("no worker has this id, or the account may not see them"));
    }
    SOURCE.json(&reply)
}

/// How a worker is asked for.
enum Key {
    /// 32 hexadecimal digits, in lower case as Workday writes them.
    Wid(String),
    /// Letters, digits, `_` and `-`.
    Employee(String),
}

impl Key {
    fn read(text: &str) -> Result<Self, ToolError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let is_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(plain);
        if !is_plain || text.len() > 32 {
            return Err(ToolError::invalid_arguments(
                "worker_id is neither a Workday id (32 hexadecimal digits) nor an employee number (letters, digits, - and _)",
            ));
        }
        let is_wid = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(if is_wid { Self::Wid(text.to_ascii_lowercase()) } else { Self::Employee(text.to_owned()) })
    }

    fn segment(&self) -> String {
        match self {
            Self::Wid(wid) => wid.clone(),
            Self::Employee(number) => format!("Employee_ID={number}"),
        }
    }

    /// Nobody else may be shown for the worker who was asked for, whatever Workday made of the id.
    fn check(&self, wid: &str, number: &str) -> Result<(), ToolError> {
        let is_asked = match self {
            Self::Wid(asked) => asked == wid,
            Self::Employee(asked) => asked.eq_ignore_ascii_case(number),
        };
        if is_asked {
            Ok(())
        } else {
            Err(ToolError::upstream("Workday answered with another worker than was asked for"))
        }
    }
}

#[arguments]
pub(crate) struct FindWorkerByEmail {
    /// The worker's public primary work mail address, in any case.
    #[field(length = 3..=320, pattern = r"^[^@\s]+@[^@\s]+$", class = person)]
    email: String,
}

/// Finds the one worker of Workday, active or terminated, whose public primary work mail address this is.
///
/// Other addresses of a worker are not looked at. Two workers with one address are an error that says so. Where a tenant's
/// staffing service cannot search by mail address, all workers are read, which may take minutes; a search that does not come
/// to the end is an error. Needs the scope Staffing and the security domains Worker Data: Public Worker Reports and Person
/// Data: Work Contact Information.
#[tool(name = "workday_find_worker_by_email", title = "Find a Workday worker by mail address", category = read)]
pub(crate) fn find_worker_by_email(arguments: FindWorkerByEmail, call: &Call) -> Result<Output<Worker>, ToolError> {
    let email = &arguments.email;
    if !is_address(email) {
        return Err(ToolError::invalid_arguments("email is not a mail address (name@domain)"));
    }
    let found = match search(call, email)? {
        Search::Done(found) => found,
        Search::Unsupported => every_worker(call)?,
    };
    one(found, email).map(Output::new)
}

fn is_address(text: &str) -> bool {
    let odd = |c: char| c == '@' || c.is_whitespace() || c.is_control();
    let parts = text.split_once('@');
    text.len() <= 320
        && parts.is_some_and(|(name, domain)| [name, domain].iter().all(|part| !part.is_empty() && !part.contains(odd)))
}

enum Search {
    /// Whom Workday found. All workers, if it overlooked the address.
    Done(Rows<Row>),
    /// The tenant's staffing service does not know the parameter.
    Unsupported,
}

fn search(call: &Call, email: &str) -> Result<Search, ToolError> {
    let request = workers(call)?.query("email", email);
    let mut status = 0;
    let found = workday::pages(call, 0, MAX_ROWS, key, |slice| {
        let reply = workday::sliced(&request, slice).send(call)?;
        status = reply.status;
        workday::page(SOURCE, &reply)
    });
    match found {
        Err(_) if status == 400 => Ok(Search::Unsupported),
        found => found.map(Search::Done),
    }
}

fn every_worker(call: &Call) -> Result<Rows<Row>, ToolError> {
    let found = workday::list(call, SOURCE, &workers(call)?, 0, MAX_ROWS, key)?;
    // An empty answer to a search says that nobody has the address; this one says that the account sees nobody.
    if found.rows.is_empty() { Err(unseen("any worker")) } else { Ok(found) }
}

fn one(found: Rows<Row>, email: &str) -> Result<Worker, ToolError> {
    let folded = email.to_lowercase();
    let n_read = found.rows.len();
    let is_blind = n_read > 0 && found.rows.iter().all(|row| row.email().is_none());
    let mut matches: Vec<Row> = found.rows;
    matches.retain(|row| row.email().is_some_and(|email| email.to_lowercase() == folded));
    match (matches.pop(), matches.len(), found.end) {
        (Some(_), 1.., _) => Err(ToolError::invalid_arguments(
            "more than one worker has this mail address: ask for one of them by workday_get_worker",
        )),
        (_, _, End::Rows | End::Pages) => Err(ToolError::upstream(format!(
            "the search stopped after {n_read} workers and Workday has more: who has this mail address is not known"
        ))),
        (Some(row), _, End::Last) => Ok(row.into()),
        (None, _, End::Last) if is_blind => Err(unseen("a mail address of any worker")),
        (None, _, End::Last) => Err(ToolError::not_found("no worker has this public primary work mail address")),
    }
}

/// What the account may not see is left out of a reply without a word.
fn unseen(what: &str) -> ToolError {
    ToolError::refused(format!(
        "Workday did not show {what}: the account needs the security domains Worker Data: Public Worker Reports and Person \
         Data: Work Contact Information"
    ))
}

fn workers(call: &Call) -> Result<Request, ToolError> {
    // Without it Workday lists only those who have not left.
    Ok(workday::staffing(call, "workers")?.query("includeTerminatedWorkers", true))
}

/// A worker as Workday sends it. What is empty, or hidden from the account, is left out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    descriptor: String,
    worker_id: String,
    worker_type: Option<Named>,
    person: Option<Person>,
    primary_job: Option<Job>,
    additional_jobs: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Person {
    email: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    business_title: Option<String>,
    supervisory_organization: Option<Reference>,
    job_profile: Option<Named>,
    location: Option<Named>,
}

impl Row {
    fn email(&self) -> Option<&str> {
        self.person.as_ref()?.email.as_deref()
    }
}

fn key(row: &Row) -> &str {
    &row.id
}

impl From<Row> for Worker {
    fn from(row: Row) -> Self {
        let job = row.primary_job.unwrap_or_default();
        Self {
            wid: row.id,
            employee_id: row.worker_id,
            display_name: row.descriptor,
            worker_type: Named::name(row.worker_type),
            email: row.person.and_then(|person| person.email),
            business_title: job.business_title,
            job_profile: Named::name(job.job_profile),
            supervisory_organization: job.supervisory_organization,
            location: Named::name(job.location),
            additional_job_count: row.additional_jobs.map(|jobs| jobs.len()),
        }
    }
}
