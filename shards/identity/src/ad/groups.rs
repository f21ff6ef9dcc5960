//! Groups of Active Directory, and which of them a user is in.

use std::collections::BTreeSet;

use nexus_shard::directory::{Entry, Filter, Found, Matches, Sid};
use nexus_shard::rows::End;
use nexus_shard::{Call, Output, ToolError, Utc, arguments, data, tool};

use super::{Directory, MAX_ROWS, is_user, note_gaps, required};

const GROUP: &[&str] = &["cn", "description", "groupType", "whenCreated"];
const USER: &[&str] = &["sAMAccountName", "primaryGroupID", "objectSid", "memberOf"];
const GROUP_OF_USER: &[&str] = &["cn", "groupType"];

#[arguments]
pub(crate) struct ListGroups {
    /// How many groups to return at most.
    #[field(range = 1..=20_000, default = 200)]
    limit: u32,
}

/// Groups of Active Directory.
#[data]
pub(crate) struct GroupList {
    /// The groups, in no particular order.
    groups: Vec<Group>,
}

/// A group of Active Directory.
#[data]
pub(crate) struct Group {
    /// Distinguished name, by which `ad_get_group_members` finds it.
    dn: String,
    /// Name.
    name: String,
    /// What the group is for.
    description: Option<String>,
    /// Where the group can be used; null if the directory did not tell.
    scope: Option<Scope>,
    /// What the group can be used for; null if the directory did not tell.
    kind: Option<Kind>,
    /// When the group was created, RFC 3339 in UTC.
    created_at: Option<Utc>,
}

/// Where a group can be used.
#[data]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// In every domain that trusts its own; members from its own.
    Global,
    /// In its own domain; members from everywhere.
    DomainLocal,
    /// In the whole forest; members from the whole forest.
    Universal,
    /// By applications that ask Authorization Manager.
    Application,
}

/// What a group can be used for.
#[data]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// To give access, and as a list of recipients.
    Security,
    /// As a list of recipients only.
    Distribution,
}

/// Lists groups of Active Directory with their scope and kind.
///
/// Members are not counted: the directory keeps no count, and it leaves out those whose primary group it is.
/// `ad_get_group_members` tells who they are. The result says whether there are more groups than `limit`.
#[tool(name = "ad_list_groups", title = "List AD groups", category = read)]
pub(crate) fn list_groups(arguments: ListGroups, call: &Call) -> Result<Output<GroupList>, ToolError> {
    let mut directory = Directory::of(call)?;
    let search = directory.search(is_group(), GROUP);
    let found = directory.list(&search, arguments.limit as usize, |entry| group(&entry))?;
    let output = found.into_output("groups", |groups| GroupList { groups });
    let unknown = output.data().groups.iter().filter(|group| group.kind.is_none()).count();
    Ok(note_unknown_kinds(output, unknown))
}

fn is_group() -> Filter {
    Filter::equal("objectCategory", "group")
}

fn group(entry: &Entry) -> Result<Group, ToolError> {
    let (scope, kind) = group_type(entry)?;
    // The schema allows several values, although the directory's own tools write one.
    let description = entry.texts("description")?.join("\n");
    Ok(Group {
        dn: entry.dn().to_owned(),
        name: required(entry, "cn")?,
        description: (!description.is_empty()).then_some(description),
        scope,
        kind,
        created_at: entry.generalized_time("whenCreated")?,
    })
}

/// `groupType` (MS-ADTS 2.2.12): a signed number whose highest bit makes it negative.
fn group_type(entry: &Entry) -> Result<(Option<Scope>, Option<Kind>), ToolError> {
    let Some(bits) = entry.integer("groupType")? else { return Ok((None, None)) };
    let has = |bit: i64| bits & bit != 0;
    let scope = match () {
        () if has(0x2) => Some(Scope::Global),
        () if has(0x4) => Some(Scope::DomainLocal),
        () if has(0x8) => Some(Scope::Universal),
        () if has(0x10) || has(0x20) => Some(Scope::Application),
        () => None,
    };
    Ok((scope, Some(if has(0x8000_0000) { Kind::Security } else { Kind::Distribution })))
}

fn note_unknown_kinds<T>(output: Output<T>, unknown: usize) -> Output<T> {
    if unknown == 0 {
        return output;
    }
    output.partial(format!(
        "scope and kind are unknown (null) for {unknown} of the groups: Active Directory did not tell their groupType"
    ))
}

#[arguments]
pub(crate) struct GetUserGroups {
    /// The account name (sAMAccountName), without a domain.
    #[field(length = 1..=256, class = person)]
    sam_account_name: String,
    /// Whether to add the groups that these groups are in, and so on. Slow in a large directory.
    #[field(default = false)]
    nested: bool,
}

/// The groups of one user.
#[data]
pub(crate) struct UserGroups {
    /// Account name, as the directory writes it.
    #[field(class = person)]
    username: String,
    /// Distinguished name of the account.
    #[field(class = person)]
    dn: String,
    /// The groups, the primary one first.
    groups: Vec<UserGroup>,
}

/// A group that a user is in.
#[data]
pub(crate) struct UserGroup {
    /// Distinguished name.
    dn: String,
    /// Name.
    name: String,
    /// Where the group can be used; null if the directory did not tell.
    scope: Option<Scope>,
    /// What the group can be used for; null if the directory did not tell.
    kind: Option<Kind>,
    /// Whether it is the primary group, usually Domain Users.
    is_primary: bool,
}

/// Lists the groups that a user of Active Directory is in, the primary group included.
///
/// Direct memberships, or with `nested` those through other groups too. Groups outside of the searched part of the
/// directory, as those of other domains, are not found; where the account names more groups than were found, the result
/// says so.
#[tool(name = "ad_get_user_groups", title = "Get groups of an AD user", category = read)]
pub(crate) fn get_user_groups(arguments: GetUserGroups, call: &Call) -> Result<Output<UserGroups>, ToolError> {
    let mut directory = Directory::of(call)?;
    let named = Filter::equal("sAMAccountName", arguments.sam_account_name);
    let user = match directory.one(&directory.search(Filter::all([is_user(), named]), USER))? {
        Matches::One(user) => user,
        Matches::None => return Err(ToolError::not_found("Active Directory shows no user with this account name")),
        Matches::Several => {
            return Err(ToolError::invalid_arguments(
                "several users have this account name: they are in different domains below AD_BASE_DN",
            ));
        }
    };

    let mut gaps = Vec::new();
    let primary = primary_group(&mut directory, &user, &mut gaps)?;
    let mut groups = Vec::new();
    let mut seen = BTreeSet::new();
    if let Some(primary) = &primary {
        groups.extend(user_group(primary, true).map(Some)?);
        seen.insert(primary.dn().to_lowercase());
    }
    let mut members = vec![user.dn()];
    if arguments.nested {
        members.extend(primary.as_ref().map(Entry::dn));
    }
    for member in members {
        let found = groups_with(&mut directory, member, arguments.nested)?;
        gaps.extend(found.gaps("groups"));
        for entry in &found.entries {
            if seen.insert(entry.dn().to_lowercase()) {
                groups.push(user_group(entry, false)?);
            }
        }
        if member == user.dn() && found.end == End::Last {
            let unseen = user.texts("memberOf")?.iter().filter(|dn| !seen.contains(&dn.to_lowercase())).count();
            gaps.extend((unseen > 0).then(|| unseen_groups(unseen)));
        }
    }

    let unknown = groups.iter().filter(|group| group.kind.is_none()).count();
    let data = UserGroups { username: required(&user, "sAMAccountName")?, dn: user.dn().to_owned(), groups };
    Ok(note_unknown_kinds(note_gaps(Output::new(data), gaps), unknown))
}

fn groups_with(directory: &mut Directory<'_>, member: &str, nested: bool) -> Result<Found, ToolError> {
    let has = if nested { Filter::in_chain("member", member) } else { Filter::equal("member", member) };
    let search = directory.search(Filter::all([is_group(), has]), GROUP_OF_USER);
    directory.list(&search, MAX_ROWS, Ok)
}

fn unseen_groups(count: usize) -> String {
    format!(
        "{count} groups that the account names were not found: they stand outside of AD_BASE_DN, or the bind account may \
         not see them"
    )
}

/// The group whose number the account holds; neither lists the other (MS-ADTS 3.1.1.4.5.31).
fn primary_group(
    directory: &mut Directory<'_>,
    user: &Entry,
    gaps: &mut Vec<String>,
) -> Result<Option<Entry>, ToolError> {
    let number = user.integer("primaryGroupID")?.and_then(|number| u32::try_from(number).ok());
    let sid = user.sid("objectSid")?;
    let Some(sid) = number.and_then(|number| sid.as_ref().and_then(|sid: &Sid| sid.sibling(number))) else {
        gaps.push("the primary group is missing: Active Directory did not tell which it is".to_owned());
        return Ok(None);
    };
    let has_sid = Filter::equal("objectSid", sid.to_bytes());
    match directory.one(&directory.search(Filter::all([is_group(), has_sid]), GROUP_OF_USER))? {
        Matches::One(group) => Ok(Some(group)),
        Matches::None => {
            gaps.push(format!(
                "the primary group is missing: none with the security identifier {sid} was found below AD_BASE_DN"
            ));
            Ok(None)
        }
        Matches::Several => {
            Err(ToolError::upstream("Active Directory sent several groups with one security identifier"))
        }
    }
}

fn user_group(entry: &Entry, is_primary: bool) -> Result<UserGroup, ToolError> {
    let (scope, kind) = group_type(entry)?;
    Ok(UserGroup { dn: entry.dn().to_owned(), name: required(entry, "cn")?, scope, kind, is_primary })
}
