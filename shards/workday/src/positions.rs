//! Positions that somebody fills.

use nexus_shard::{Call, Output, Source, ToolError, arguments, data, tool};
use serde::Deserialize;

use crate::workday::{self, Named, Reference};

const SOURCE: Source = workday::source("positions", "the scope Staffing and access to Worker Position: View");

#[arguments]
pub(crate) struct ListPositions {
    /// How many positions to return at most.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
}

/// Filled positions as the staffing service lists them.
#[data]
pub(crate) struct PositionList {
    /// How many filled positions Workday counts in all.
    total: Option<u64>,
    /// The positions, in the order of Workday.
    positions: Vec<Position>,
}

/// A position and who fills it; Workday calls the two together a job.
#[data]
pub(crate) struct Position {
    /// Workday id (WID) of the job, 32 hexadecimal digits.
    wid: String,
    /// The job as shown, often with the worker's name.
    #[field(class = person)]
    display_name: String,
    /// Business title.
    business_title: Option<String>,
    /// Who fills the position; null if the account may not see them.
    worker: Option<Reference>,
    /// The supervisory organization that the position belongs to. It is not the department.
    supervisory_organization: Option<Reference>,
    /// Job profile.
    job_profile: Option<String>,
    /// Where the position is.
    location: Option<String>,
}

/// Lists the filled positions of Workday, each with its title, worker, supervisory organization and location.
///
/// The staffing service knows no open positions, so none is in the list. Follows all pages up to `limit`. The result says
/// whether there are more. Needs the scope Staffing and access to Worker Position: View.
#[tool(name = "workday_list_positions", title = "List Workday positions", category = read)]
pub(crate) fn list_positions(arguments: ListPositions, call: &Call) -> Result<Output<PositionList>, ToolError> {
    let request = workday::staffing(call, "jobs")?;
    let rows = workday::list(call, SOURCE, &request, 0, arguments.limit, |row: &Row| &row.id)?;
    let total = rows.count;
    let output = rows.into_output("positions", |rows| PositionList {
        total,
        positions: rows.into_iter().map(Position::from).collect(),
    });
    Ok(output.note("filled positions only: Workday's staffing service does not list open ones"))
}

/// A job as Workday sends it. What is empty, or hidden from the account, is left out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    descriptor: String,
    business_title: Option<String>,
    worker: Option<Reference>,
    supervisory_organization: Option<Reference>,
    job_profile: Option<Named>,
    location: Option<Named>,
}

impl From<Row> for Position {
    fn from(row: Row) -> Self {
        Self {
            wid: row.id,
            display_name: row.descriptor,
            business_title: row.business_title,
            worker: row.worker,
            supervisory_organization: row.supervisory_organization,
            job_profile: Named::name(row.job_profile),
            location: Named::name(row.location),
        }
    }
}
