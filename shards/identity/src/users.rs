//! People in Entra ID: all of them, or one.

use nexus_shard::{Call, Output, Source, ToolError, Utc, arguments, data, nullable, odata, tool};
use serde::Deserialize;

use crate::graph;

/// Graph shows eleven fields unless asked for others; the account state is not among the eleven.
const SELECT: &str = "id,displayName,userPrincipalName,mail,jobTitle,department,accountEnabled,employeeId,userType,\
                      createdDateTime,onPremisesSyncEnabled,onPremisesSamAccountName,onPremisesSecurityIdentifier,\
                      assignedLicenses";
const PAGE: u32 = 999;
const SOURCE: Source = graph::source("users", "the permission User.Read.All");

/// Graph gives fewer users at once if it is asked for their sign-ins.
const PAGE_WITH_SIGN_INS: u32 = 500;
const WITH_SIGN_INS: Source = graph::source(
    "users with their last sign-ins",
    "the permissions User.Read.All and AuditLog.Read.All and the tenant an Entra ID P1 or P2 licence",
);

/// Seconds since 1970 at which the year 2 begins. Services behind Graph write "never" as `0001-01-01T00:00:00Z`.
const YEAR_2: i64 = -62_104_060_800;

#[arguments]
pub(crate) struct ListUsers {
    /// How many users to return at most.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
    /// Whether to tell when each user last signed in. Takes about twice as many requests, and needs more than a plain list:
    /// the Graph permission AuditLog.Read.All and an Entra ID P1 or P2 licence.
    #[field(default = false)]
    include_sign_ins: bool,
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
    /// The account's objectSid in Active Directory, `S-1-5-21-…`, by which the two join even where names differ.
    ad_object_sid: Option<String>,
    /// When somebody last tried to sign in as the user, or an application did for them, whether it succeeded or not, RFC
    /// 3339 in UTC. Null: no sign-in is recorded. Absent, which says nothing, unless `entra_list_users` is asked for it by
    /// `include_sign_ins`.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sign_in_at: Option<Option<Utc>>,
    /// Product ids (GUIDs) of the assigned licences.
    license_sku_ids: Vec<String>,
}

/// Lists user accounts of Microsoft Entra ID with their account state, job, licences and their link to Active Directory.
///
/// With `include_sign_ins` also when each user last signed in. Follows all pages up to `limit`. The result says whether
/// there are more. Needs the Graph permission User.Read.All; sign-ins also AuditLog.Read.All and an Entra ID P1 or P2 licence.
#[tool(name = "entra_list_users", title = "List Entra users", category = read)]
pub(crate) fn list_users(arguments: ListUsers, call: &Call) -> Result<Output<UserList>, ToolError> {
    let ListUsers { limit, include_sign_ins } = arguments;
    let (select, page, source) = if include_sign_ins {
        (format!("{SELECT},signInActivity"), PAGE_WITH_SIGN_INS, WITH_SIGN_INS)
    } else {
        (SELECT.to_owned(), PAGE, SOURCE)
    };
    let request = graph::get("users").query("$select", select).query("$top", graph::top(limit, page));
    let rows = odata::pages::<Row>(call, request, graph::bounds(limit), |reply| source.explain(reply))?;
    let user = |mut row: Row| {
        let activity = row.sign_in_activity.take();
        User { last_sign_in_at: include_sign_ins.then(|| activity.and_then(Activity::last)), ..User::from(row) }
    };
    let output = rows.into_output("users", |rows| UserList { users: rows.into_iter().map(user).collect() });
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
    #[serde(deserialize_with = "nullable")]
    on_premises_security_identifier: Option<String>,
    // Absent if it was not asked for, and absent or null for a user who never signed in.
    sign_in_activity: Option<Activity>,
    assigned_licenses: Vec<License>,
}

/// When a user last signed in, and when an application last did so for them. Attempts that failed count.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    last_sign_in_date_time: Option<Utc>,
    last_non_interactive_sign_in_date_time: Option<Utc>,
}

impl Activity {
    fn last(self) -> Option<Utc> {
        let both = [self.last_sign_in_date_time, self.last_non_interactive_sign_in_date_time];
        both.into_iter().flatten().filter(|time| time.seconds_since_1970() >= YEAR_2).max()
    }
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
            ad_object_sid: row.on_premises_security_identifier,
            last_sign_in_at: None,
            license_sku_ids: row.assigned_licenses.into_iter().map(|license| license.sku_id).collect(),
        }
    }
}
