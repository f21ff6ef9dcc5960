//! People in Entra ID: all of them, or one.

use nexus_shard::{Call, Output, Source, ToolError, arguments, data, nullable, odata, tool};
use serde::Deserialize;

use crate::graph;

/// Graph shows eleven fields unless asked for others; the account state is not among the eleven.
const SELECT: &str = "id,displayName,userPrincipalName,mail,jobTitle,department,accountEnabled,employeeId,userType,\
                      createdDateTime,onPremisesSyncEnabled,onPremisesSamAccountName,assignedLicenses";
const PAGE: u32 = 999;
const SOURCE: Source = graph::source("users", "the permission User.Read.All");

#[arguments]
pub(crate) struct ListUsers {
    /// How many users to return at most.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
}

/// Users as Entra ID lists them.
#[data]
pub(crate) struct UserList {
    /// The users, in the order of Entra ID.
    users: Vec<User>,
}

/// A user account of Entra ID.
#[data]
pub(crate) struct User {
    /// Object id, a GUID.
    id: String,
    /// Sign-in name. A guest's contains `#EXT#` and is not a mail address.
    #[field(class = person)]
    user_principal_name: String,
    /// Name as shown.
    #[field(class = person)]
    display_name: Option<String>,
    /// Primary mail address; null if the account has none.
    #[field(class = person)]
    email: Option<String>,
    /// Employee number, as the directory has it.
    #[field(class = person)]
    employee_id: Option<String>,
    /// Job title.
    job_title: Option<String>,
    /// Department.
    department: Option<String>,
    /// Whether the account may sign in. Null means unknown, not enabled.
    is_enabled: Option<bool>,
    /// `Member` or `Guest`; null for old accounts.
    user_type: Option<String>,
    /// When the account was created, RFC 3339 in UTC.
    created_at: Option<String>,
    /// Whether the account comes from Active Directory: true, false (no longer), or null (never did).
    is_synced_from_ad: Option<bool>,
    /// The account's sAMAccountName in Active Directory, by which the two join.
    #[field(class = person)]
    ad_account_name: Option<String>,
    /// Product ids (GUIDs) of the assigned licences.
    license_sku_ids: Vec<String>,
}

/// Lists user accounts of Microsoft Entra ID with their account state, job, licences and their link to Active Directory.
///
/// Follows all pages up to `limit`. The result says whether there are more. Needs the Graph permission User.Read.All.
#[tool(name = "entra_list_users", title = "List Entra users", category = read)]
pub(crate) fn list_users(arguments: ListUsers, call: &Call) -> Result<Output<UserList>, ToolError> {
    let request = graph::get("users").query("$select", SELECT).query("$top", graph::top(arguments.limit, PAGE));
    let rows = odata::pages::<Row>(call, request, graph::bounds(arguments.limit), |reply| SOURCE.explain(reply))?;
    let output = rows.into_output("users", |rows| UserList { users: rows.into_iter().map(User::from).collect() });
    let unknown = output.data().users.iter().filter(|user| user.is_enabled.is_none()).count();
    Ok(note_unknown(output, unknown))
}

#[arguments]
pub(crate) struct GetUser {
    /// The user's object id (a GUID), user principal name, or mail address.
    #[field(
        length = 3..=320,
        pattern = r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[^@\s/\\]+@[^@\s/\\]+)$",
        class = person,
    )]
    user_id_or_upn: String,
}

/// Gets one user account of Microsoft Entra ID by object id, user principal name or mail address.
///
/// A guest's user principal name (with `#EXT#`) works too. If two accounts share a mail address, the answer is an error
/// that says so. Needs the Graph permission User.Read.All.
#[tool(name = "entra_get_user", title = "Get an Entra user", category = read)]
pub(crate) fn get_user(arguments: GetUser, call: &Call) -> Result<Output<User>, ToolError> {
    let key = arguments.user_id_or_upn.trim();
    if !graph::is_guid(key) && !is_address(key) {
        return Err(ToolError::invalid_arguments(
            "user_id_or_upn is neither an object id (a GUID) nor an address (name@domain)",
        ));
    }
    // Graph reads `/users/$x@y` as an operator, so such a name is looked for, not addressed.
    let found = if key.starts_with('$') { by_field(call, "userPrincipalName", key)? } else { by_key(call, key)? };
    if let Some(row) = found {
        return Ok(one(row));
    }
    if graph::is_guid(key) {
        return Err(ToolError::not_found("no user has this object id"));
    }
    match by_field(call, "mail", key)? {
        Some(row) => Ok(one(row).note("found by its mail address, which is not its user principal name")),
        None => Err(ToolError::not_found("no user has this user principal name or mail address")),
    }
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    let odd = |c: char| c == '@' || c == '/' || c == '\\' || c.is_whitespace() || c.is_control();
    parts.is_some_and(|(name, domain)| [name, domain].iter().all(|part| !part.is_empty() && !part.contains(odd)))
}

fn by_key(call: &Call, key: &str) -> Result<Option<Row>, ToolError> {
    let reply = graph::get("users").segment(key).query("$select", SELECT).send(call)?;
    match reply.status {
        200 => reply.json().map(Some),
        404 => Ok(None),
        _ => Err(SOURCE.explain(&reply)),
    }
}

fn by_field(call: &Call, field: &str, value: &str) -> Result<Option<Row>, ToolError> {
    let filter = format!("{field} eq {}", odata::literal(value));
    let request = graph::get("users").query("$select", SELECT).query("$filter", filter).query("$top", 2);
    let mut found = odata::pages::<Row>(call, request, graph::bounds(2), |reply| SOURCE.explain(reply))?;
    match (found.rows.len(), found.end) {
        (0 | 1, odata::End::Last) => Ok(found.rows.pop()),
        (0 | 1, _) => Err(ToolError::upstream("Microsoft Graph did not come to an end when asked for one user")),
        (_, odata::End::Last) => Err(ambiguous("2")),
        (_, _) => Err(ambiguous("more than 2")),
    }
}

fn ambiguous(count: &str) -> ToolError {
    let text = format!("{count} users have this address: ask for one of them by its object id or user principal name");
    ToolError::invalid_arguments(text)
}

fn one(row: Row) -> Output<User> {
    let user = User::from(row);
    let unknown = usize::from(user.is_enabled.is_none());
    note_unknown(Output::new(user), unknown)
}

fn note_unknown<T>(output: Output<T>, unknown: usize) -> Output<T> {
    if unknown == 0 {
        return output;
    }
    output.partial(format!(
        "is_enabled is unknown (null) for {unknown} of the users: Microsoft Graph did not tell their account state"
    ))
}

/// A user as Graph sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    user_principal_name: String,
    #[serde(deserialize_with = "nullable")]
    display_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    mail: Option<String>,
    #[serde(deserialize_with = "nullable")]
    employee_id: Option<String>,
    #[serde(deserialize_with = "nullable")]
    job_title: Option<String>,
    #[serde(deserialize_with = "nullable")]
    department: Option<String>,
    // May be absent or null where the application may not read it. Either way the state is unknown.
    account_enabled: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    user_type: Option<String>,
    #[serde(deserialize_with = "nullable")]
    created_date_time: Option<String>,
    #[serde(deserialize_with = "nullable")]
    on_premises_sync_enabled: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    on_premises_sam_account_name: Option<String>,
    assigned_licenses: Vec<License>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct License {
    sku_id: String,
}

impl From<Row> for User {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            user_principal_name: row.user_principal_name,
            display_name: row.display_name,
            email: row.mail,
            employee_id: row.employee_id,
            job_title: row.job_title,
            department: row.department,
            is_enabled: row.account_enabled,
            user_type: row.user_type,
            created_at: row.created_date_time,
            is_synced_from_ad: row.on_premises_sync_enabled,
            ad_account_name: row.on_premises_sam_account_name,
            license_sku_ids: row.assigned_licenses.into_iter().map(|license| license.sku_id).collect(),
        }
    }
}
