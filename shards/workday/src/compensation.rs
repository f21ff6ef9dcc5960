//! The pay range of one worker. Workday's REST services do not tell it, so it comes from a report.

use nexus_shard::serde_json::Number;
use nexus_shard::{Call, Money, Output, Source, ToolError, arguments, data, tool};
use serde::Deserialize;

use crate::{workday, workers};

const REPORT: &str = "Nexus_Compensation";
const SOURCE: Source = workday::source(
    "the report Nexus_Compensation",
    "the report shared with it, and access to the report's data source and fields",
);

#[arguments]
pub(crate) struct GetCompensation {
    /// The worker's Workday id (WID, 32 hexadecimal digits), or employee number such as `EMP-1001`.
    #[field(length = 1..=32, pattern = "^[A-Za-z0-9][A-Za-z0-9_-]*$", class = person)]
    worker_id: String,
}

/// The grade of a worker and the pay range of that grade. What the worker is paid is not in it.
#[data]
pub(crate) struct Compensation {
    /// Workday id (WID) of the worker, 32 hexadecimal digits.
    wid: String,
    /// Compensation grade; null if the report shows none.
    #[field(class = pay)]
    grade: Option<String>,
    /// Least pay of the range, for one period of `frequency`; null if the report shows none.
    #[field(class = pay)]
    pay_range_min: Option<Money>,
    /// Most pay of the range, for one period of `frequency`; null if the report shows none.
    #[field(class = pay)]
    pay_range_max: Option<Money>,
    /// The period that the range is for, such as `Annual`; null only where there is no range.
    #[field(class = pay)]
    frequency: Option<String>,
}

/// Gets the compensation grade and pay range of one worker of Workday, not what the worker is paid.
///
/// Takes a Workday id or an employee number. A worker without an entry in the report is not found. Needs the scope Staffing,
/// the security domain Worker Data: Public Worker Reports, and the report `Nexus_Compensation` shared with the integration
/// account.
#[tool(name = "workday_get_compensation", title = "Get the pay range of a Workday worker", category = read)]
pub(crate) fn get_compensation(arguments: GetCompensation, call: &Call) -> Result<Output<Compensation>, ToolError> {
    // The report's prompt takes a Workday id and nothing else; what it does with a wrong one depends on its definition.
    let wid = workers::wid(call, &arguments.worker_id)?;
    let request = workday::report(call, workday::report_owner(call)?, REPORT)?.query("Worker!WID", &wid);
    let mut entries: Vec<EntryRow> = workday::entries(SOURCE, &request.send(call)?)?;
    match (entries.pop(), entries.len()) {
        (None, _) => Err(ToolError::not_found("the report Nexus_Compensation has no entry for this worker")),
        // A report whose prompt is not what it should be shows everybody's pay.
        (Some(entry), 0) if entry.wid.eq_ignore_ascii_case(&wid) => entry.told(),
        (Some(_), 0) => Err(ToolError::upstream("the report Nexus_Compensation answered for another worker")),
        (Some(_), more) => {
            let entries = more.saturating_add(1);
            Err(ToolError::upstream(format!("the report Nexus_Compensation has {entries} entries for one worker")))
        }
    }
}

/// An entry of the report. A column that is empty is left out.
#[derive(Deserialize)]
struct EntryRow {
    #[serde(rename = "WID")]
    wid: String,
    #[serde(rename = "Grade")]
    grade: Option<String>,
    #[serde(rename = "Pay_Range_Min")]
    pay_range_min: Option<Amount>,
    #[serde(rename = "Pay_Range_Max")]
    pay_range_max: Option<Amount>,
    #[serde(rename = "Currency")]
    currency: Option<String>,
    #[serde(rename = "Frequency")]
    frequency: Option<String>,
}

/// Reports write numbers as numbers or as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Text(String),
    Number(Number),
}

impl EntryRow {
    fn told(self) -> Result<Output<Compensation>, ToolError> {
        let currency = self.currency.as_deref();
        let pay_range_min = self.pay_range_min.map(|amount| amount.in_currency(currency)).transpose()?;
        let pay_range_max = self.pay_range_max.map(|amount| amount.in_currency(currency)).transpose()?;
        if self.frequency.is_none() && (pay_range_min.is_some() || pay_range_max.is_some()) {
            return Err(ToolError::upstream("the report Nexus_Compensation has a pay range without a frequency"));
        }
        let is_whole = self.grade.is_some() && pay_range_min.is_some() && pay_range_max.is_some();
        let found =
            Compensation { wid: self.wid, grade: self.grade, pay_range_min, pay_range_max, frequency: self.frequency };
        let output = Output::new(found);
        if is_whole {
            return Ok(output);
        }
        Ok(output.partial(
            "null is what the report Nexus_Compensation does not show of this worker: Workday leaves out what is empty, \
             and what the account may not see",
        ))
    }
}

impl Amount {
    fn in_currency(&self, currency: Option<&str>) -> Result<Money, ToolError> {
        let Some(currency) = currency else {
            return Err(ToolError::upstream("the report Nexus_Compensation has an amount without a currency"));
        };
        match self {
            Self::Text(text) => Money::new(text, currency),
            Self::Number(number) => Money::new(number, currency),
        }
    }
}
