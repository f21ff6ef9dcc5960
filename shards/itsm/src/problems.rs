//! Problem investigations, one by its number.

use nexus_shard::{Call, Output, Source, ToolError, Utc, arguments, data, tool};
use serde::Deserialize;

use crate::entries::{self, Entry, Form};
use crate::helix::{self, Told, Withheld};

#[arguments]
pub(crate) struct GetProblem {
    /// The problem investigation's number: `PBI` and 6 to 15 digits.
    #[field(pattern = "^PBI[0-9]{6,15}$")]
    problem_id: String,
}

/// A problem investigation of BMC Helix.
#[data]
pub(crate) struct Problem {
    /// The number that people know: `PBI000000012345`.
    problem_id: String,
    /// The label of the status, in the language of the account: `Under Investigation`.
    status: String,
    /// What the problem is, in a line. It may name people.
    #[field(class = person)]
    summary: Option<String>,
    /// The label of the priority: `Critical`, `High`, `Medium`, `Low`.
    priority: Option<String>,
    /// When it is meant to be resolved; null if that is not planned.
    target_resolution_at: Option<Utc>,
    /// When it was last changed.
    updated_at: Option<Utc>,
}

/// Gets one problem investigation of BMC Helix ITSM by its number.
///
/// Needs the permission Problem Viewer. A problem that the account may not see looks like one that does not exist.
#[tool(name = "helix_get_problem", title = "Get a Helix problem", category = read)]
pub(crate) fn get_problem(arguments: GetProblem, call: &Call) -> Result<Output<Problem>, ToolError> {
    let number = arguments.problem_id;
    if !entries::is_number(&number, "PBI") {
        return Err(ToolError::invalid_arguments("problem_id is not PBI and 6 to 15 digits"));
    }
    let row = entries::one::<Row>(call, &number)?;
    let mut withheld = Withheld::default();
    let problem = Problem {
        problem_id: row.number,
        status: row.status,
        summary: withheld.take("Description", row.description),
        priority: withheld.take("Priority", row.priority),
        target_resolution_at: withheld.take("Target Resolution Date", row.target),
        updated_at: withheld.take("Last Modified Date", row.modified),
    };
    Ok(withheld.note(Output::new(problem)))
}

/// A problem investigation as AR System sends it.
#[derive(Deserialize)]
pub(crate) struct Row {
    #[serde(rename = "Problem Investigation ID")]
    number: String,
    #[serde(rename = "Investigation Status")]
    status: String,
    #[serde(rename = "Description", default)]
    description: Told<String>,
    #[serde(rename = "Priority", default)]
    priority: Told<String>,
    #[serde(rename = "Target Resolution Date", default)]
    target: Told<Utc>,
    #[serde(rename = "Last Modified Date", default)]
    modified: Told<Utc>,
}

impl Entry for Row {
    const FORM: Form = Form {
        name: "PBM:ProblemInterface",
        thing: "problem",
        source: Source {
            upstream: helix::UPSTREAM,
            what: "problems",
            needs: "the permission Problem Viewer",
            code: helix::CODE,
        },
        number: "Problem Investigation ID",
        fields: &[
            "Problem Investigation ID",
            "Investigation Status",
            "Description",
            "Priority",
            "Target Resolution Date",
            "Last Modified Date",
        ],
    };

    fn number(&self) -> &str {
        &self.number
    }
}
