//! Groups of Entra ID, and who is in them.

use nexus_shard::{Call, Output, Source, ToolError, arguments, data, nullable, odata, tool};
use serde::Deserialize;

use crate::graph;

const SELECT: &str = "id,displayName,description,groupTypes,mail,securityEnabled,onPremisesSyncEnabled,createdDateTime";
const PAGE: u32 = 999;
const GROUPS: Source = graph::source("groups", "the permission GroupMember.Read.All");
const MEMBERS: Source = graph::source("group members", "the permissions GroupMember.Read.All and User.Read.All");

#[arguments]
pub(crate) struct ListGroups {
    /// How many groups to return at most.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
}

/// Groups as Entra ID lists them.
#[data]
pub(crate) struct GroupList {
    /// The groups, in the order of Entra ID.
    groups: Vec<Group>,
}

/// A group of Entra ID.
#[data]
pub(crate) struct Group {
    /// Object id, a GUID.
    id: String,
    /// Name as shown.
    display_name: Option<String>,
    /// What the group is for.
    description: Option<String>,
    /// `Unified` for a Microsoft 365 group, `DynamicMembership` where a rule decides who is in it; empty for others.
    group_types: Vec<String>,
    /// Mail address of the group.
    email: Option<String>,
    /// Whether the group can be given access to things.
    is_security_group: Option<bool>,
    /// Whether the group comes from Active Directory: true, false (no longer), or null (never did).
    is_synced_from_ad: Option<bool>,
    /// When the group was created, RFC 3339 in UTC.
    created_at: Option<String>,
}

/// Lists groups of Microsoft Entra ID.
///
/// Follows all pages up to `limit`. The result says whether there are more. Needs the Graph permission
/// GroupMember.Read.All.
#[tool(name = "entra_list_groups", title = "List Entra groups", category = read)]
pub(crate) fn list_groups(arguments: ListGroups, call: &Call) -> Result<Output<GroupList>, ToolError> {
    let request = graph::get("groups").query("$select", SELECT).query("$top", graph::top(arguments.limit, PAGE));
    let rows = odata::pages::<GroupRow>(call, request, graph::bounds(arguments.limit), |reply| GROUPS.explain(reply))?;
    Ok(rows.into_output("groups", |rows| GroupList { groups: rows.into_iter().map(Group::from).collect() }))
}

#[arguments]
pub(crate) struct GetGroupMembers {
    /// The group's object id, a GUID. `entra_list_groups` tells it.
    #[field(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
    group_id: String,
}

/// The members of one group.
#[data]
pub(crate) struct MemberList {
    /// The group's object id, as asked.
    group_id: String,
    /// How many members Entra ID counts; null if it did not say.
    count: Option<u64>,
    /// The direct members. Members of member groups are not in it.
    members: Vec<Member>,
}

/// A member of a group.
#[data]
pub(crate) struct Member {
    /// Object id, a GUID.
    id: String,
    /// What the member is.
    kind: Kind,
    /// Name as shown.
    #[field(class = person)]
    display_name: Option<String>,
    /// A user's sign-in name; null for other kinds.
    #[field(class = person)]
    user_principal_name: Option<String>,
    /// Mail address.
    #[field(class = person)]
    email: Option<String>,
}

/// What a member can be.
#[data]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    User,
    Group,
    Device,
    ServicePrincipal,
    Contact,
    Other,
}

/// Lists the direct members of a group of Microsoft Entra ID: users, groups, devices, service principals and contacts.
///
/// Follows all pages, to at most 20000 members. Members of member groups are not resolved. Needs the Graph permissions
/// GroupMember.Read.All and User.Read.All; without the second, members come without names and a note says so.
#[tool(name = "entra_get_group_members", title = "Get members of an Entra group", category = read)]
pub(crate) fn get_group_members(arguments: GetGroupMembers, call: &Call) -> Result<Output<MemberList>, ToolError> {
    let group_id = arguments.group_id;
    if !graph::is_guid(&group_id) {
        return Err(ToolError::invalid_arguments("group_id is not an object id (a GUID)"));
    }
    // Advanced query mode: without it v1.0 leaves service principals out of the members.
    let request = graph::get("groups")
        .segment(&group_id)
        .path("members")
        .query("$select", "id,displayName,userPrincipalName,mail")
        .query("$count", true)
        .query("$top", PAGE)
        .header("consistencylevel", "eventual");
    let rows = odata::pages::<MemberRow>(call, request, graph::bounds(graph::MAX_ROWS), |reply| match reply.status {
        404 => ToolError::not_found("no group has this object id"),
        _ => MEMBERS.explain(reply),
    })?;
    let (count, end) = (rows.count, rows.end);
    let output = rows.into_output("members", |rows| MemberList {
        group_id,
        count,
        members: rows.into_iter().map(Member::from).collect(),
    });
    let members = output.data().members.len();
    let unnamed = output.data().members.iter().filter(|member| member.is_unnamed()).count();
    let output = match count {
        Some(count) if end == odata::End::Last && usize::try_from(count) != Ok(members) => {
            output.partial(format!("Microsoft Graph counts {count} members and sent {members}"))
        }
        _ => output,
    };
    Ok(note_unnamed(output, unnamed, members))
}

/// Graph answers 200 and leaves everything but the id null where the application may not read a kind of member.
fn note_unnamed(output: Output<MemberList>, unnamed: usize, members: usize) -> Output<MemberList> {
    if unnamed == 0 {
        return output;
    }
    output.partial(format!(
        "{unnamed} of {members} members have no name or address: the application lacks the permission to read them \
         (User.Read.All for users, Device.Read.All for devices, Application.Read.All for service principals)"
    ))
}

impl Member {
    fn is_unnamed(&self) -> bool {
        self.display_name.is_none() && self.user_principal_name.is_none() && self.email.is_none()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupRow {
    id: String,
    #[serde(deserialize_with = "nullable")]
    display_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    description: Option<String>,
    group_types: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    mail: Option<String>,
    #[serde(deserialize_with = "nullable")]
    security_enabled: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    on_premises_sync_enabled: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    created_date_time: Option<String>,
}

impl From<GroupRow> for Group {
    fn from(row: GroupRow) -> Self {
        Self {
            id: row.id,
            display_name: row.display_name,
            description: row.description,
            group_types: row.group_types,
            email: row.mail,
            is_security_group: row.security_enabled,
            is_synced_from_ad: row.on_premises_sync_enabled,
            created_at: row.created_date_time,
        }
    }
}

/// A member as Graph sends it. A kind without a property leaves it out, so absent is as good as null here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemberRow {
    #[serde(rename = "@odata.type")]
    kind: String,
    id: String,
    display_name: Option<String>,
    user_principal_name: Option<String>,
    mail: Option<String>,
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        let kind = match row.kind.as_str() {
            "#microsoft.graph.user" => Kind::User,
            "#microsoft.graph.group" => Kind::Group,
            "#microsoft.graph.device" => Kind::Device,
            "#microsoft.graph.servicePrincipal" => Kind::ServicePrincipal,
            "#microsoft.graph.orgContact" => Kind::Contact,
            _ => Kind::Other,
        };
        Self {
            id: row.id,
            kind,
            display_name: row.display_name,
            user_principal_name: row.user_principal_name,
            email: row.mail,
        }
    }
}
