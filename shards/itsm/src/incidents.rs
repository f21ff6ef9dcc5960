//! Incidents: those in a status, created since a time or assigned to somebody, or one by its number.

use nexus_shard::ar::{self, Qualification};
use nexus_shard::{Call, Output, Source, ToolError, Utc, arguments, data, tool};
use serde::Deserialize;

use crate::entries::{self, Entry, Form, Ticket};
use crate::helix::{self, Told, Withheld};

#[arguments]
pub(crate) struct ListIncidents {
    /// Only incidents in this status, by its English label. Without it: the open ones, which are those before Resolved; or
    /// those in any status, if `created_since` is given.
    status: Option<Status>,
    /// Only incidents submitted at or after this time, RFC 3339 with an offset: `2026-06-08T00:00:00Z`. Without `status`
    /// these are in any status, closed ones among them.
    created_since: Option<Utc>,
    /// Only incidents whose assignee's name holds this text: at most 64 characters, without quotes, `\`, `$` and the
    /// wildcards `%`, `_`, `[`, `]`, `^`. Whether case matters is up to the server's database.
    #[field(length = 1..=64, class = person)]
    assignee: Option<String>,
    /// How many incidents to return at most.
    #[field(range = 1..=5_000, default = 50)]
    limit: u32,
}

/// In the vendor's order.
#[arguments]
#[derive(Copy)]
pub(crate) enum Status {
    New,
    Assigned,
    #[serde(rename = "In Progress")]
    InProgress,
    Pending,
    Resolved,
    Closed,
    Cancelled,
}

impl Status {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Assigned => "Assigned",
            Self::InProgress => "In Progress",
            Self::Pending => "Pending",
            Self::Resolved => "Resolved",
            Self::Closed => "Closed",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// Incidents as BMC Helix lists them.
#[data]
pub(crate) struct IncidentList {
    /// The incidents, the highest number first.
    incidents: Vec<Incident>,
}

/// An incident of BMC Helix.
#[data]
pub(crate) struct Incident {
    /// The number that people know: `INC000000012345`.
    incident_id: String,
    /// The label of the status, in the language of the account: `In Progress`.
    status: String,
    /// The label of the priority: `Critical`, `High`, `Medium`, `Low`.
    priority: Option<String>,
    /// What the incident is about, in a line. It may name people.
    #[field(class = person)]
    summary: Option<String>,
    /// Name of the person who works on it; null if nobody does.
    #[field(class = person)]
    assigned_to: Option<String>,
    /// Name of the support group that has it.
    assigned_group: Option<String>,
    /// The label of the kind of service: `Infrastructure Event`.
    service_type: Option<String>,
    /// Name of the configuration item that it is about.
    ci_name: Option<String>,
    /// When it was submitted.
    created_at: Utc,
    /// When it was last changed.
    updated_at: Option<Utc>,
    /// When it was last resolved; null if it never was.
    resolved_at: Option<Utc>,
}

/// Lists incidents of BMC Helix ITSM, the highest number first.
///
/// Without `status` these are the open ones: New, Assigned, In Progress and Pending. With `created_since` and without
/// `status` they are all that were submitted since then, in any status. Follows all pages up to `limit`. The result says
/// whether there are more. Needs the permission Incident Viewer.
#[tool(name = "helix_list_incidents", title = "List Helix incidents", category = read)]
pub(crate) fn list_incidents(arguments: ListIncidents, call: &Call) -> Result<Output<IncidentList>, ToolError> {
    let condition = condition(&arguments)?;
    let rows = entries::tickets::<Row>(call, &condition, arguments.created_since, arguments.limit)?;
    let mut withheld = Withheld::default();
    let output = rows.into_output("incidents", |rows| IncidentList {
        incidents: rows.into_iter().map(|row| Incident::new(row, &mut withheld)).collect(),
    });
    Ok(withheld.note(output))
}

fn condition(arguments: &ListIncidents) -> Result<Qualification, ToolError> {
    let asked = arguments.status.map(Status::label);
    let status = entries::status("Status", asked, Status::Resolved.label(), arguments.created_since)?;
    match &arguments.assignee {
        Some(name) => Ok(status.and(ar::field("Assignee").contains(name)?)),
        None => Ok(status),
    }
}

#[arguments]
pub(crate) struct GetIncident {
    /// The incident's number: `INC` and 6 to 15 digits.
    #[field(pattern = "^INC[0-9]{6,15}$")]
    incident_id: String,
}

/// Gets one incident of BMC Helix ITSM by its number.
///
/// Needs the permission Incident Viewer. An incident that the account may not see looks like one that does not exist.
#[tool(name = "helix_get_incident", title = "Get a Helix incident", category = read)]
pub(crate) fn get_incident(arguments: GetIncident, call: &Call) -> Result<Output<Incident>, ToolError> {
    let number = arguments.incident_id;
    if !entries::is_number(&number, "INC") {
        return Err(ToolError::invalid_arguments("incident_id is not INC and 6 to 15 digits"));
    }
    let mut withheld = Withheld::default();
    let incident = Incident::new(entries::one(call, &number)?, &mut withheld);
    Ok(withheld.note(Output::new(incident)))
}

/// An incident as AR System sends it.
#[derive(Deserialize)]
pub(crate) struct Row {
    #[serde(rename = "Incident Number")]
    number: String,
    #[serde(rename = "Status")]
    status: String,
    #[serde(rename = "Priority", default)]
    priority: Told<String>,
    #[serde(rename = "Description", default)]
    description: Told<String>,
    #[serde(rename = "Assignee", default)]
    assignee: Told<String>,
    #[serde(rename = "Assigned Group", default)]
    assigned_group: Told<String>,
    #[serde(rename = "Service Type", default)]
    service_type: Told<String>,
    #[serde(rename = "HPD_CI", default)]
    ci: Told<String>,
    #[serde(rename = "Submit Date")]
    submitted: Utc,
    #[serde(rename = "Last Modified Date", default)]
    modified: Told<Utc>,
    #[serde(rename = "Last Resolved Date", default)]
    resolved: Told<Utc>,
}

impl Entry for Row {
    const FORM: Form = Form {
        name: "HPD:IncidentInterface",
        thing: "incident",
        source: Source {
            upstream: helix::UPSTREAM,
            what: "incidents",
            needs: "the permission Incident Viewer",
            code: helix::CODE,
        },
        number: "Incident Number",
        fields: &[
            "Incident Number",
            "Status",
            "Priority",
            "Description",
            "Assignee",
            "Assigned Group",
            "Service Type",
            "HPD_CI",
            "Submit Date",
            "Last Modified Date",
            "Last Resolved Date",
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

impl Incident {
    fn new(row: Row, withheld: &mut Withheld) -> Self {
        Self {
            incident_id: row.number,
            status: row.status,
            priority: withheld.take("Priority", row.priority),
            summary: withheld.take("Description", row.description),
            assigned_to: withheld.take("Assignee", row.assignee),
            assigned_group: withheld.take("Assigned Group", row.assigned_group),
            service_type: withheld.take("Service Type", row.service_type),
            ci_name: withheld.take("HPD_CI", row.ci),
            created_at: row.submitted,
            updated_at: withheld.take("Last Modified Date", row.modified),
            resolved_at: withheld.take("Last Resolved Date", row.resolved),
        }
    }
}
