//! A small directory that evaluates searches as Active Directory does.

use nexus_shard::directory::{Node, RawEntry, RawPage, RawSearch, Scope};
use nexus_shard::testing::Fake;

pub(super) const BASE: &str = "DC=nexus,DC=corp";

/// Entries with what every domain has: Domain Users, whose number is 513.
#[derive(Clone)]
pub(super) struct World(Vec<RawEntry>);

impl World {
    pub(super) fn new(entries: impl IntoIterator<Item = RawEntry>) -> Self {
        let domain_users = group("Domain Users", 513, &[]);
        Self(entries.into_iter().chain([domain_users]).collect())
    }

    pub(super) fn fake(self) -> Fake {
        Fake::replies([])
            .setting("AD_SERVER", "dc1.nexus.corp")
            .setting("AD_BASE_DN", BASE)
            .directory(move |search| self.answer(search).into_iter().map(Ok).collect())
    }

    /// The pages, with the attributes asked for alone.
    pub(super) fn answer(&self, search: &RawSearch) -> Vec<RawPage> {
        let is_below = |entry: &&RawEntry| match search.scope {
            Scope::Base => entry.dn.eq_ignore_ascii_case(&search.base),
            Scope::OneLevel | Scope::Subtree => entry.dn.ends_with(&search.base),
        };
        let fits = |entry: &&RawEntry| self.fits(entry, &search.filter, search.filter.len() - 1);
        let asked = |entry: &RawEntry| {
            let attributes = search.attributes.iter().map(|name| (name.clone(), self.values(entry, name)));
            RawEntry { dn: entry.dn.clone(), attributes: attributes.filter(|(_, values)| !values.is_empty()).collect() }
        };
        let found: Vec<_> = self.0.iter().filter(is_below).filter(fits).map(asked).collect();
        let pages = found.chunks(search.page_size as usize);
        pages.map(|entries| RawPage { entries: entries.to_vec(), partial: false }).collect()
    }

    fn values(&self, entry: &RawEntry, name: &str) -> Vec<Vec<u8>> {
        if name.eq_ignore_ascii_case("memberOf") {
            let has = |group: &&RawEntry| stored(group, "member").contains(&entry.dn.clone().into_bytes());
            return self.0.iter().filter(has).map(|group| group.dn.clone().into_bytes()).collect();
        }
        stored(entry, name)
    }

    fn fits(&self, entry: &RawEntry, nodes: &[Node], at: usize) -> bool {
        let member = |&at: &u32| self.fits(entry, nodes, at as usize);
        let any = |attribute: &str, fits: &dyn Fn(&[u8]) -> bool| {
            self.values(entry, attribute).iter().any(|value| fits(value))
        };
        match &nodes[at] {
            Node::All(members) => members.iter().all(member),
            Node::Any(members) => members.iter().any(member),
            Node::No(no) => !member(no),
            Node::Equal { attribute, value } => any(attribute, &|found| found.eq_ignore_ascii_case(value)),
            Node::AtLeast { attribute, value } => any(attribute, &|found| number(found) >= number(value)),
            Node::AtMost { attribute, value } => any(attribute, &|found| number(found) <= number(value)),
            Node::Present(attribute) => any(attribute, &|_| true),
            Node::Substrings { attribute, starts_with: None, contains, ends_with: None } => any(attribute, &|found| {
                let found = String::from_utf8_lossy(found).to_lowercase();
                contains.iter().all(|part| found.contains(&part.to_lowercase()))
            }),
            Node::Substrings { .. } => unreachable!("no tool looks for a beginning or an end"),
            Node::Matching { attribute, rule, value } => match rule.as_str() {
                "1.2.840.113556.1.4.803" => any(attribute, &|found| number(found) & number(value) == number(value)),
                "1.2.840.113556.1.4.1941" => self.leads(entry, attribute, value, &mut Vec::new()),
                _ => unreachable!("no tool names {rule}"),
            },
        }
    }

    fn leads(&self, entry: &RawEntry, attribute: &str, to: &[u8], seen: &mut Vec<String>) -> bool {
        if seen.contains(&entry.dn) {
            return false;
        }
        seen.push(entry.dn.clone());
        self.values(entry, attribute).iter().any(|dn| {
            let next = self.0.iter().find(|next| next.dn.as_bytes() == dn);
            dn.eq_ignore_ascii_case(to) || next.is_some_and(|next| self.leads(next, attribute, to, seen))
        })
    }
}

fn stored(entry: &RawEntry, name: &str) -> Vec<Vec<u8>> {
    let attribute = entry.attributes.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
    attribute.map(|(_, values)| values.clone()).unwrap_or_default()
}

/// A number, or a generalized time as one.
fn number(value: &[u8]) -> i64 {
    let text = std::str::from_utf8(value).expect("a number is text");
    text.strip_suffix(".0Z").unwrap_or(text).parse().expect("a number")
}

pub(super) fn sid(rid: u32) -> Vec<u8> {
    let parts = [21, 2_904_186_735, 1_387_254_960, 3_411_802_267, rid];
    [vec![1, 5, 0, 0, 0, 0, 0, 5], parts.iter().flat_map(|part| part.to_le_bytes()).collect()].concat()
}

/// A user of Domain Users, `CN=…,OU=People`; `cn` is escaped already.
pub(super) fn user(login: &str, cn: &str, rid: u32) -> RawEntry {
    RawEntry::new(&format!("CN={cn},OU=People,{BASE}"))
        .with("objectCategory", ["person"])
        .with("objectClass", ["top", "person", "organizationalPerson", "user"])
        .with("sAMAccountName", [login])
        .with("cn", [cn.replace('\\', "")])
        .with("objectSid", [sid(rid)])
        .with("primaryGroupID", ["513"])
}

/// The same with a state.
pub(super) fn enabled(login: &str, rid: u32) -> RawEntry {
    user(login, login, rid).with("userAccountControl", ["512"])
}

/// A global security group, `CN=…,OU=Groups`; `cn` is escaped already.
pub(super) fn group(cn: &str, rid: u32, members: &[&RawEntry]) -> RawEntry {
    RawEntry::new(&dn_of_group(cn))
        .with("objectCategory", ["group"])
        .with("objectClass", ["top", "group"])
        .with("cn", [cn.replace('\\', "")])
        .with("sAMAccountName", [format!("g{rid}")])
        .with("objectSid", [sid(rid)])
        .with("groupType", ["-2147483646"])
        .with("member", members.iter().map(|member| member.dn.as_str()))
}

pub(super) fn dn_of_group(cn: &str) -> String {
    format!("CN={cn},OU=Groups,{BASE}")
}
