//! Reports that the tenant defines and offers as web services (RaaS).

use std::borrow::Cow;
use std::collections::BTreeMap;

use nexus_shard::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use nexus_shard::serde_json::Number;
use nexus_shard::serde_json::value::RawValue;
use nexus_shard::{Call, Output, Refusal, Request, Source, ToolError, arguments, data, tool};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::workday;

const SOURCE: Source =
    workday::source("the report", "the report shared with it, and access to the report's data source and fields");

/// Bytes of a URL; the host takes no longer one.
const MAX_URL: usize = 8 * 1024;

#[arguments]
pub(crate) struct RunRaasReport {
    /// The report: `Owner/Report`, or `Report` alone, which is then owned by the integration account. For example
    /// `Nexus_Workers`.
    #[field(length = 1..=200, pattern = "^([A-Za-z0-9][A-Za-z0-9._@-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*$")]
    report_path: String,
    /// Values of the report's prompts by name, such as `{"Worker_Status": "Active"}`; the name of a prompt for a thing of
    /// Workday ends in `!WID`, and its value is a Workday id. Booleans are sent as 1 and 0.
    #[field(class = person, default = None)]
    params: Option<BTreeMap<String, Prompt>>,
}

/// A value of a prompt.
#[arguments]
#[serde(untagged)]
pub(crate) enum Prompt {
    /// Text, a date (YYYY-MM-DD) or an id.
    Text(String),
    /// A number.
    Number(Number),
    /// Yes or no.
    Flag(bool),
}

/// What a report said.
#[data]
pub(crate) struct Report {
    /// The report, as `Owner/Report`.
    report_path: String,
    /// Its rows, as Workday sent them: names are the report's column aliases, and a column that is empty in a row is left
    /// out of it.
    #[field(class = person)]
    rows: Vec<Entry>,
}

/// Runs a report of Workday and returns its rows, all of them: reports have no pages.
///
/// Only the reports and prompts that the shard's manifest names can be run, and only the columns that it names are
/// returned. `Nexus_Workers` tells what the staffing service does not: `Worker_Status`, `Hire_Date`, `Termination_Date`,
/// `Department`, `Manager_Employee_ID` and more; its prompts are `Worker_Status` and `Supervisory_Organization!WID`. The
/// report of pay is not among them: that is `workday_get_compensation`. Needs the report shared with the integration account
/// and access to its data source and fields.
#[tool(name = "workday_run_raas_report", title = "Run a Workday report", category = read)]
pub(crate) fn run_raas_report(arguments: RunRaasReport, call: &Call) -> Result<Output<Report>, ToolError> {
    let (owner, name) = match arguments.report_path.split_once('/') {
        Some((owner, name)) => (owner, name),
        None => (workday::report_owner(call)?, arguments.report_path.as_str()),
    };
    if !is_plain(owner) || !is_plain(name) {
        return Err(ToolError::invalid_arguments(
            "report_path is neither Owner/Report nor Report: letters, digits and ._-, and in the owner's name @",
        ));
    }
    let request = with_prompts(workday::report(call, owner, name)?, arguments.params.unwrap_or_default())?;
    let reply = request.send(call).map_err(not_granted)?;
    if reply.status == 404 {
        return Err(ToolError::not_found("Workday has no such report for this account"));
    }
    let rows = workday::entries(SOURCE, &reply)?;
    Ok(Output::new(Report { report_path: format!("{owner}/{name}"), rows }))
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    name.len() <= 100 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(plain)
}

fn with_prompts(mut request: Request, prompts: BTreeMap<String, Prompt>) -> Result<Request, ToolError> {
    for (name, value) in prompts {
        if name.eq_ignore_ascii_case("format") {
            return Err(ToolError::invalid_arguments("the format of a report is always JSON and cannot be chosen"));
        }
        let value = match value {
            Prompt::Text(text) => text,
            Prompt::Number(number) => number.to_string(),
            Prompt::Flag(flag) => u8::from(flag).to_string(),
        };
        if !is_prompt(&name) || value.chars().any(char::is_control) {
            return Err(ToolError::invalid_arguments(
                "params has a name or value that no prompt has: names are letters, digits and _, and may end in !WID or \
                 the like; values have no control characters",
            ));
        }
        request = request.query(&name, value);
    }
    if request.clone().build()?.url.len() > MAX_URL {
        return Err(ToolError::invalid_arguments("params is too long for one request"));
    }
    Ok(request)
}

fn is_prompt(name: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let (name, kind) = name.split_once('!').unwrap_or((name, "WID"));
    name.len() <= 100 && kind.len() <= 20 && is_word(name) && is_word(kind)
}

/// The shard cannot know what its manifest lists, so the host's refusal has to say it.
fn not_granted(error: ToolError) -> ToolError {
    if error != ToolError::from(Refusal::NotGranted) {
        return error;
    }
    ToolError::refused(
        "this report, or one of its prompts, is not among those that the shard's manifest names for this tool (not-granted)",
    )
}

/// A row of a report, to the letter as Workday wrote it. Always an object.
#[derive(Debug, Clone)]
struct Entry(Box<RawValue>);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let row = Box::<RawValue>::deserialize(from)?;
        if row.get().starts_with('{') { Ok(Self(row)) } else { Err(D::Error::custom("expected an object")) }
    }
}

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl JsonSchema for Entry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Entry".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}
