//! Who is in a group of Active Directory.

use std::collections::BTreeSet;

use nexus_shard::directory::{Dn, Entry, Filter, Matches};
use nexus_shard::{Call, Output, ToolError, arguments, data, tool};

use super::{Control, Directory, MAX_ROWS, is_user, note_gaps, note_unknown, required, text};

const GROUP: &[&str] = &["cn", "objectSid", "member"];
const MEMBER: &[&str] = &["sAMAccountName", "cn", "mail", "title", "userAccountControl"];

/// Groups whose users are looked for in one search: a filter has 64 nodes.
const GROUPS_AT_ONCE: usize = 40;

#[arguments]
pub(crate) struct GetGroupMembers {
    /// The group's distinguished name, as `ad_list_groups` tells it. A text without `=` is taken as the group's name or
    /// its account name (sAMAccountName).
    #[field(length = 1..=4096)]
    group_dn: String,
    /// Whether to add the users of groups in the group, and so on. Slow in a large directory.
    #[field(default = false)]
    nested: bool,
}

/// The members of one group.
#[data]
pub(crate) struct GroupMembers {
    /// The group's distinguished name.
    group_dn: String,
    /// The group's name.
    group_name: String,
    /// The users in it, in no particular order.
    members: Vec<Member>,
    /// Direct members that are not users.
    other_members: OtherMembers,
}

/// A user in a group.
#[data]
pub(crate) struct Member {
    /// Account name: sAMAccountName.
    #[field(class = person)]
    username: String,
    /// Name.
    #[field(class = person)]
    name: Option<String>,
    /// Mail address.
    #[field(class = person)]
    email: Option<String>,
    /// Job title.
    job_title: Option<String>,
    /// Distinguished name of the account.
    #[field(class = person)]
    dn: String,
    /// Whether the account is not disabled. Null means unknown, not enabled.
    is_enabled: Option<bool>,
    /// Whether the user is in the group (or with `nested` in one of its groups) as the user's primary group.
    is_by_primary_group: bool,
}

/// How many direct members are not users.
#[data]
#[derive(Copy, Default)]
pub(crate) struct OtherMembers {
    /// Groups.
    groups: u32,
    /// Computers, and managed service accounts, which are made like them.
    computers: u32,
    /// Contacts: addresses without an account.
    contacts: u32,
    /// Everything else, such as accounts of foreign domains.
    others: u32,
}

/// Lists the users in a group of Active Directory, those included whose primary group it is, and counts its other
/// members.
///
/// Direct members, or with `nested` those through other groups too. Up to 20000 users; the result says whether there
/// are more, and whether the group names members that were not found, as those of other domains. An unknown group is an
/// error, never an empty list.
#[tool(name = "ad_get_group_members", title = "Get members of an AD group", category = read)]
pub(crate) fn get_group_members(arguments: GetGroupMembers, call: &Call) -> Result<Output<GroupMembers>, ToolError> {
    let mut reading =
        Reading { directory: Directory::of(call)?, members: Vec::new(), seen: BTreeSet::new(), gaps: Vec::new() };
    let group = find(&mut reading.directory, arguments.group_dn.trim())?;

    let belongs =
        if arguments.nested { Filter::in_chain("memberOf", group.dn()) } else { Filter::equal("memberOf", group.dn()) };
    reading.users(belongs, false)?;
    reading.users_by_primary_group(&group, arguments.nested)?;
    let other_members = reading.others(group.dn())?;
    reading.compare(&group)?;

    let Reading { members, gaps, .. } = reading;
    let states: Vec<_> = members.iter().map(|member| member.is_enabled).collect();
    let group_name = required(&group, "cn")?;
    let data = GroupMembers { group_dn: group.dn().to_owned(), group_name, members, other_members };
    Ok(note_unknown(note_gaps(Output::new(data), gaps), states))
}

fn find(directory: &mut Directory<'_>, group: &str) -> Result<Entry, ToolError> {
    let is_group = Filter::equal("objectClass", "group");
    let search = if group.contains('=') {
        let dn = Dn::parse(group);
        let dn = dn.ok_or_else(|| ToolError::invalid_arguments("group_dn is not a distinguished name (RFC 4514)"))?;
        directory.at(&dn)?.filter(is_group).attributes(GROUP)
    } else {
        let named = Filter::any([Filter::equal("sAMAccountName", group), Filter::equal("cn", group)]);
        directory.search(Filter::all([is_group, named]), GROUP)
    };
    match directory.one(&search)? {
        Matches::One(group) => Ok(group),
        Matches::None => Err(ToolError::not_found("Active Directory shows no group of this name")),
        Matches::Several => Err(ToolError::invalid_arguments(
            "several groups have this name: ask for one of them by its distinguished name",
        )),
    }
}

struct Reading<'a> {
    directory: Directory<'a>,
    members: Vec<Member>,
    /// Distinguished names of everything found, in lower case.
    seen: BTreeSet<String>,
    gaps: Vec<String>,
}

impl Reading<'_> {
    fn users(&mut self, belongs: Filter, is_by_primary_group: bool) -> Result<(), ToolError> {
        let search = self.directory.search(Filter::all([is_user(), belongs]), MEMBER);
        let found = self.directory.list(&search, MAX_ROWS.saturating_sub(self.members.len()), |entry| {
            Ok(Member {
                username: required(&entry, "sAMAccountName")?,
                name: text(&entry, "cn")?,
                email: text(&entry, "mail")?,
                job_title: text(&entry, "title")?,
                dn: entry.dn().to_owned(),
                is_enabled: Control::of(&entry)?.is_enabled(),
                is_by_primary_group,
            })
        })?;
        self.gaps.extend(found.gaps(if is_by_primary_group { "users by primary group" } else { "users" }));
        for member in found.entries {
            if self.seen.insert(member.dn.to_lowercase()) {
                self.members.push(member);
            }
        }
        Ok(())
    }

    /// A user names its primary group by number and is not among the group's members.
    fn users_by_primary_group(&mut self, group: &Entry, nested: bool) -> Result<(), ToolError> {
        let mut sids = vec![group.sid("objectSid")?];
        if nested {
            let inside = [Filter::equal("objectClass", "group"), Filter::in_chain("memberOf", group.dn())];
            let search = self.directory.search(Filter::all(inside), &["objectSid"]);
            let groups = self.directory.list(&search, MAX_ROWS, |entry| entry.sid("objectSid"))?;
            self.gaps.extend(groups.gaps("groups in the group"));
            sids.extend(groups.entries);
        }
        if sids.iter().any(Option::is_none) {
            self.gaps
                .push("users by primary group may be missing: Active Directory did not tell an objectSid".to_owned());
        }
        // A built-in group has no number of the domain, and is nobody's primary group.
        let rids: BTreeSet<u32> = sids.iter().flatten().filter_map(|sid| sid.rid()).collect();
        let rids: Vec<u32> = rids.into_iter().collect();
        for rids in rids.chunks(GROUPS_AT_ONCE) {
            if self.directory.is_spent() {
                self.gaps
                    .push("users by primary group may be missing: reading stopped after too many pages".to_owned());
                break;
            }
            let primary = rids.iter().map(|rid| Filter::equal("primaryGroupID", rid.to_string()));
            self.users(Filter::any(primary), true)?;
        }
        Ok(())
    }

    fn others(&mut self, group: &str) -> Result<OtherMembers, ToolError> {
        let others = Filter::all([Filter::equal("memberOf", group), Filter::not(is_user())]);
        let search = self.directory.search(others, &["objectClass"]);
        let found = self.directory.list(&search, MAX_ROWS, Ok)?;
        self.gaps.extend(found.gaps("members that are not users"));
        let mut count = OtherMembers::default();
        for entry in &found.entries {
            let classes = entry.texts("objectClass")?;
            let is = |class: &str| classes.iter().any(|found| found.eq_ignore_ascii_case(class));
            let kind = match () {
                () if is("group") => &mut count.groups,
                () if is("computer") => &mut count.computers,
                () if is("contact") => &mut count.contacts,
                () => &mut count.others,
            };
            *kind += 1;
            self.seen.insert(entry.dn().to_lowercase());
        }
        Ok(count)
    }

    /// The group's own list tells whether searching has found everybody in it.
    fn compare(&mut self, group: &Entry) -> Result<(), ToolError> {
        let unseen = group.texts("member")?.iter().filter(|dn| !self.seen.contains(&dn.to_lowercase())).count();
        if unseen > 0 && self.gaps.is_empty() {
            self.gaps.push(format!(
                "{unseen} members that the group names were not found: they stand outside of AD_BASE_DN, or the bind \
                 account may not see them"
            ));
        }
        Ok(())
    }
}
