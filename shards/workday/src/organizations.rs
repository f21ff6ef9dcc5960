//! Supervisory organizations.

use nexus_shard::{Call, Output, Source, ToolError, arguments, data, tool};
use serde::Deserialize;

use crate::workday::{self, Reference};

const SOURCE: Source = workday::source(
    "supervisory organizations",
    "the scope Organizations and Roles and the security domain View: Supervisory Organization",
);

#[arguments]
pub(crate) struct ListOrganizations {
    /// How many organizations to return at most.
    #[field(range = 1..=20_000, default = 200)]
    limit: u32,
}

/// Supervisory organizations as the staffing service lists them.
#[data]
pub(crate) struct OrganizationList {
    /// How many supervisory organizations Workday counts in all, inactive ones among them.
    total: Option<u64>,
    /// The organizations, in the order of Workday.
    organizations: Vec<Organization>,
}

/// A supervisory organization: workers and whom they report to. It is not a department, and may be named differently.
#[data]
pub(crate) struct Organization {
    /// Workday id (WID), 32 hexadecimal digits.
    wid: String,
    /// Name as shown, often with the manager's name in parentheses; workers and positions refer to it so.
    #[field(class = person)]
    display_name: String,
    /// The name alone.
    name: Option<String>,
    /// The organization's code.
    code: Option<String>,
    /// Who manages the organization; empty if nobody does, null if Workday did not tell.
    managers: Option<Vec<Reference>>,
    /// Whether the organization is in use. Null means unknown, not active.
    is_active: Option<bool>,
}

/// Lists the supervisory organizations of Workday with their managers; inactive ones are among them, as `is_active` says.
///
/// A supervisory organization is not a department. Follows all pages up to `limit`. The result says whether there are
/// more. Needs the scope Organizations and Roles and the security domain View: Supervisory Organization.
#[tool(name = "workday_list_organizations", title = "List Workday organizations", category = read)]
pub(crate) fn list_organizations(
    arguments: ListOrganizations,
    call: &Call,
) -> Result<Output<OrganizationList>, ToolError> {
    let request = workday::staffing(call, "supervisoryOrganizations")?.query("includeInactive", true);
    let rows = workday::list(call, SOURCE, &request, 0, arguments.limit, |row: &Row| &row.id)?;
    let total = rows.count;
    Ok(rows.into_output("supervisory organizations", |rows| OrganizationList {
        total,
        organizations: rows.into_iter().map(Organization::from).collect(),
    }))
}

/// An organization as Workday sends it. What is empty, or hidden from the account, is left out.
#[derive(Deserialize)]
struct Row {
    id: String,
    descriptor: String,
    name: Option<String>,
    code: Option<String>,
    managers: Option<Vec<Reference>>,
    inactive: Option<bool>,
}

impl From<Row> for Organization {
    fn from(row: Row) -> Self {
        Self {
            wid: row.id,
            display_name: row.descriptor,
            name: row.name,
            code: row.code,
            managers: row.managers,
            is_active: row.inactive.map(|inactive| !inactive),
        }
    }
}
