//! Changes: those in a status, created since a time, or not yet done.

use nexus_shard::{Call, Output, Source, ToolError, Utc, arguments, data, tool};
use serde::Deserialize;

use crate::entries::{self, Entry, Form, Ticket};
use crate::helix::{self, Told, Withheld};

#[arguments]
pub(crate) struct ListChanges {
    /// Only changes in this status, by its English label. Without it: the open ones, which are those before Completed;
    /// Rejected is among them, for a rejected change can be taken up again. Or those in any status, if `created_since` is
    /// given.
    status: Option<Status>,
    /// Only changes submitted at or after this time, RFC 3339 with an offset: `2026-06-08T00:00:00Z`. Without `status` these
    /// are in any status, closed ones among them.
    created_since: Option<Utc>,
    /// How many changes to return at most.
    #[field(range = 1..=5_000, default = 50)]
    limit: u32,
}

/// In the vendor's order.
#[arguments]
#[derive(Copy)]
pub(crate) enum Status {
    Draft,
    #[serde(rename = "Request For Authorization")]
    RequestForAuthorization,
    #[serde(rename = "Request For Change")]
    RequestForChange,
    #[serde(rename = "Planning In Progress")]
    PlanningInProgress,
    #[serde(rename = "Scheduled For Review")]
    ScheduledForReview,
    #[serde(rename = "Scheduled For Approval")]
    ScheduledForApproval,
    Scheduled,
    #[serde(rename = "Implementation In Progress")]
    ImplementationInProgress,
    Pending,
    Rejected,
    Completed,
    Closed,
    Cancelled,
}

impl Status {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::RequestForAuthorization => "Request For Authorization",
            Self::RequestForChange => "Request For Change",
            Self::PlanningInProgress => "Planning In Progress",
            Self::ScheduledForReview => "Scheduled For Review",
            Self::ScheduledForApproval => "Scheduled For Approval",
            Self::Scheduled => "Scheduled",
            Self::ImplementationInProgress => "Implementation In Progress",
            Self::Pending => "Pending",
            Self::Rejected => "Rejected",
            Self::Completed => "Completed",
            Self::Closed => "Closed",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// Changes as BMC Helix lists them.
#[data]
pub(crate) struct ChangeList {
    /// The changes, the highest number first.
    changes: Vec<Change>,
}

/// A change request of BMC Helix.
#[data]
pub(crate) struct Change {
    /// The number that people know: `CRQ000000012345`.
    change_id: String,
    /// The label of the status, in the language of the account: `Scheduled`.
    status: String,
    /// What the change is about, in a line. It may name people.
    #[field(class = person)]
    summary: Option<String>,
    /// The label of the risk, from `Risk Level 1` (low) to `Risk Level 5`.
    risk_level: Option<String>,
    /// The label of the kind of change.
    change_type: Option<String>,
    /// When it was submitted.
    created_at: Utc,
    /// When work is to begin; null if that is not planned yet.
    scheduled_start_at: Option<Utc>,
    /// When work is to end; null if that is not planned yet.
    scheduled_end_at: Option<Utc>,
    /// When it was last changed.
    updated_at: Option<Utc>,
}

/// Lists change requests of BMC Helix ITSM, the highest number first.
///
/// Without `status` these are the open ones: all that are not Completed, Closed or Cancelled. With `created_since` and
/// without `status` they are all that were submitted since then, in any status. Follows all pages up to `limit`. The result
/// says whether there are more. Needs the permission Infrastructure Change Viewer.
#[tool(name = "helix_list_changes", title = "List Helix changes", category = read)]
pub(crate) fn list_changes(arguments: ListChanges, call: &Call) -> Result<Output<ChangeList>, ToolError> {
    let (asked, since) = (arguments.status.map(Status::label), arguments.created_since);
    let condition = entries::status("Change Request Status", asked, Status::Completed.label(), since)?;
    let rows = entries::tickets::<Row>(call, &condition, since, arguments.limit)?;
    let mut withheld = Withheld::default();
    let output = rows.into_output("changes", |rows| ChangeList {
        changes: rows.into_iter().map(|row| Change::new(row, &mut withheld)).collect(),
    });
    Ok(withheld.note(output))
}

/// A change as AR System sends it.
#[derive(Deserialize)]
pub(crate) struct Row {
    #[serde(rename = "Infrastructure Change ID")]
    number: String,
    #[serde(rename = "Change Request Status")]
    status: String,
    #[serde(rename = "Description", default)]
    description: Told<String>,
    #[serde(rename = "Risk Level", default)]
    risk_level: Told<String>,
    #[serde(rename = "Change Type", default)]
    change_type: Told<String>,
    #[serde(rename = "Submit Date")]
    submitted: Utc,
    #[serde(rename = "Scheduled Start Date", default)]
    start: Told<Utc>,
    #[serde(rename = "Scheduled End Date", default)]
    end: Told<Utc>,
    #[serde(rename = "Last Modified Date", default)]
    modified: Told<Utc>,
}

impl Entry for Row {
    const FORM: Form = Form {
        name: "CHG:ChangeInterface",
        thing: "change",
        source: Source {
            upstream: helix::UPSTREAM,
            what: "changes",
            needs: "the permission Infrastructure Change Viewer",
            code: helix::CODE,
        },
        number: "Infrastructure Change ID",
        fields: &[
            "Infrastructure Change ID",
            "Change Request Status",
            "Description",
            "Risk Level",
            "Change Type",
            "Submit Date",
            "Scheduled Start Date",
            "Scheduled End Date",
            "Last Modified Date",
        ],
    };

    fn number(&self) -> &str {
        &self.number
    }
}

impl Ticket for Row {
    fn submitted(&self) -> Utc {
        self.submitted
    }
}

impl Change {
    fn new(row: Row, withheld: &mut Withheld) -> Self {
        Self {
            change_id: row.number,
            status: row.status,
            summary: withheld.take("Description", row.description),
            risk_level: withheld.take("Risk Level", row.risk_level),
            change_type: withheld.take("Change Type", row.change_type),
            created_at: row.submitted,
            scheduled_start_at: withheld.take("Scheduled Start Date", row.start),
            scheduled_end_at: withheld.take("Scheduled End Date", row.end),
            updated_at: withheld.take("Last Modified Date", row.modified),
        }
    }
}
