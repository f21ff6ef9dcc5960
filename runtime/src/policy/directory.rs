//! Grants for searches of a directory, and the permits made from them.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::address::Reach;
use super::refused::{Quoted, list};
use super::{GrantKey, Pace};
use crate::names::{CredentialName, DirectoryName, ToolName};
use crate::outbound::{Attribute, DirectorySearch, Dn, Host, Scope};

/// One `[[directory]]` of a manifest. It allows a search if it allows every part of it. Empty lists allow nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryGrant {
    /// What a shard calls it. Several grants may share one, for other tools.
    pub name: DirectoryName,
    pub server: LdapServer,
    /// Entries at or below one of these may be searched.
    pub bases: Vec<Dn>,
    pub scopes: BTreeSet<Scope>,
    /// What a search may return.
    pub attributes: BTreeSet<Attribute>,
    /// What a filter may look at: a filter tells, by what it finds, what it looks at.
    pub filter_attributes: BTreeSet<Attribute>,
    /// OIDs of the matching rules that a filter may name.
    pub rules: BTreeSet<String>,
    /// As whom the host binds.
    pub credential: CredentialName,
    /// The tools that may use it. None: each of the shard.
    pub tools: Option<BTreeSet<ToolName>>,
    /// May reach private addresses, if the operator allows it too.
    pub private: bool,
    /// Entries of one search at most, over all its pages.
    pub entries: u32,
    pub pace: Pace,
}

/// A server, and how TLS comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapServer {
    pub host: Host,
    pub port: u16,
    pub tls: Tls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte.
    Ldaps,
    /// By the extended operation (RFC 4511, 4.14), before anything else is said.
    StartTls,
}

impl Tls {
    pub fn default_port(self) -> u16 {
        match self {
            Self::Ldaps => 636,
            Self::StartTls => 389,
        }
    }
}

impl DirectoryGrant {
    /// Grants that differ in `private` alone allow the same searches, so the first of them is used.
    pub fn key(&self) -> GrantKey {
        let bases: BTreeSet<_> = self.bases.iter().map(ToString::to_string).collect();
        let to = (&self.name, &self.server, bases, &self.scopes);
        let what = (&self.attributes, &self.filter_attributes, &self.rules, self.entries);
        GrantKey::new(&("directory", to, what, &self.credential, &self.tools))
    }

    /// Which addresses the manifest opens. The operator's own reach bounds it: `Reach::within`.
    pub fn reach(&self) -> Reach {
        Reach { private: self.private, loopback: self.server.host.is_loopback() }
    }

    /// The narrowest of its bases that covers the search, if every other part is allowed as well.
    fn judge(&self, tool: Option<&ToolName>, search: &DirectorySearch) -> Result<&Dn, SearchPart> {
        if self.name != *search.server() {
            return Err(SearchPart::Server);
        }
        if !self.tools.as_ref().is_none_or(|tools| tool.is_some_and(|tool| tools.contains(tool))) {
            return Err(SearchPart::Tool);
        }
        let base = self.base(search).ok_or(SearchPart::Base)?;
        if !self.scopes.contains(&search.scope()) {
            return Err(SearchPart::Scope(search.scope()));
        }
        if let Some(attribute) = search.attributes().iter().find(|asked| !self.attributes.contains(*asked)) {
            return Err(SearchPart::Attribute(attribute.clone()));
        }
        let filter = search.filter();
        if let Some(attribute) = filter.attributes().into_iter().find(|asked| !self.filter_attributes.contains(*asked))
        {
            return Err(SearchPart::FilterAttribute(attribute.clone()));
        }
        match filter.rules().into_iter().find(|rule| !self.rules.contains(*rule)) {
            Some(rule) => Err(SearchPart::Rule(rule.to_owned())),
            None => Ok(base),
        }
    }

    fn base(&self, search: &DirectorySearch) -> Option<&Dn> {
        let covering = self.bases.iter().filter(|base| covers(base, search));
        // All that cover one search are ends of one DN, so each two of them stand one below the other.
        covering.reduce(|wide, base| if base.is_at_or_below(wide) { base } else { wide })
    }

    /// Orders grants that allow one search from narrow to wide.
    fn width(&self) -> impl Ord + use<> {
        (self.tools.is_none(), self.attributes.len(), self.entries)
    }
}

/// The root covers itself alone. Below it stands all that the server has, which no base but those that name it grants.
fn covers(base: &Dn, search: &DirectorySearch) -> bool {
    if base.is_root() {
        search.base().is_root() && search.scope() == Scope::Base
    } else {
        search.base().is_at_or_below(base)
    }
}

/// All that a shard may search, from its manifest. Never changes.
#[derive(Debug, Clone, Default)]
pub struct Directories(Vec<(GrantKey, Arc<DirectoryGrant>)>);

impl Directories {
    pub fn new(grants: Vec<DirectoryGrant>) -> Self {
        Self(grants.into_iter().map(|grant| (grant.key(), Arc::new(grant))).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &DirectoryGrant> {
        self.0.iter().map(|(_, grant)| grant.as_ref())
    }

    /// How fast each may be used.
    pub fn paces(&self) -> impl Iterator<Item = (&GrantKey, Pace)> {
        self.0.iter().map(|(key, grant)| (key, grant.pace))
    }

    /// `tool` is the one on whose behalf the search leaves; without one, grants bound to tools do not count.
    pub fn permit(&self, tool: Option<&ToolName>, search: DirectorySearch) -> Result<DirectoryPermit, NotPermitted> {
        let mut allowing = Vec::new();
        let mut misses = Vec::new();
        for (index, (key, grant)) in self.0.iter().enumerate() {
            match grant.judge(tool, &search) {
                Ok(base) => allowing.push(((index, key), grant, base)),
                Err(part) => misses.push((grant, part)),
            }
        }
        // `min_by_key` takes the first of equals: the manifest's order is the last to decide.
        match allowing.into_iter().min_by_key(|(_, grant, _)| grant.width()) {
            Some(((index, key), grant, base)) => {
                let (grant, key) = (Arc::clone(grant), key.clone());
                Ok(DirectoryPermit { grant, key, index, base: base.clone(), search })
            }
            None => Err(refuse(misses, tool, &search)),
        }
    }
}

/// Proof that the policy has seen this very search, and the grant that allows it.
#[must_use]
pub struct DirectoryPermit {
    search: DirectorySearch,
    grant: Arc<DirectoryGrant>,
    key: GrantKey,
    index: usize,
    base: Dn,
}

impl DirectoryPermit {
    pub fn search(&self) -> &DirectorySearch {
        &self.search
    }

    pub fn grant(&self) -> &DirectoryGrant {
        &self.grant
    }

    pub fn grant_key(&self) -> &GrantKey {
        &self.key
    }

    /// The grant's place in the manifest, from 0.
    pub fn grant_index(&self) -> usize {
        self.index
    }

    /// Of the grant's bases, the narrowest that covers the search: what a record shows, for the search's own base may name
    /// a person.
    pub fn base(&self) -> &Dn {
        &self.base
    }
}

/// Shows whom it asks, and no value.
impl fmt::Debug for DirectoryPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectoryPermit").field("search", &self.search).finish_non_exhaustive()
    }
}

/// No grant allows the search.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part}")]
pub struct NotPermitted {
    /// Of the grant that comes closest, the first part that does not fit.
    pub part: SearchPart,
    /// One `[[directory]]` that allows this search and no more than its kind: valid TOML in ASCII, without any value of the
    /// filter, and with the grant's base in place of the search's. A comment without any lines where no grant says which
    /// server is meant, or has the base: a base may name a person, and what stands below it a person knows. For the
    /// operator; a shard does not get to see it.
    pub suggestion: String,
    /// Where the closest grant leads, if its name fits.
    pub server: Option<LdapServer>,
}

/// The part of a search that is not granted, in the order in which a grant is judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchPart {
    #[error("manifest has no [[directory]] at all")]
    NoGrant,
    #[error("manifest has no [[directory]] of this name")]
    Server,
    #[error("grant is for other tools")]
    Tool,
    #[error("base is neither one of the grant's bases nor below one")]
    Base,
    #[error("grant does not have the scope {}", .0.as_str())]
    Scope(Scope),
    /// Holds a name that the shard wrote: letters, digits and hyphens, and so does the next.
    #[error("grant does not return the attribute {0}")]
    Attribute(Attribute),
    #[error("grant does not filter by the attribute {0}")]
    FilterAttribute(Attribute),
    /// Holds an OID that the shard wrote.
    #[error("grant does not filter by the matching rule {0}")]
    Rule(String),
}

impl SearchPart {
    /// How far a grant was judged before this part stopped it.
    fn place(&self) -> u8 {
        match self {
            Self::NoGrant => 0,
            Self::Server => 1,
            Self::Tool => 2,
            Self::Base => 3,
            Self::Scope(_) => 4,
            Self::Attribute(_) => 5,
            Self::FilterAttribute(_) => 6,
            Self::Rule(_) => 7,
        }
    }
}

/// `misses` holds every grant of the shard: none allowed the search.
fn refuse(
    misses: Vec<(&Arc<DirectoryGrant>, SearchPart)>,
    tool: Option<&ToolName>,
    search: &DirectorySearch,
) -> NotPermitted {
    // `min_by_key` takes the first of equals.
    let Some((grant, part)) = misses.into_iter().min_by_key(|(_, part)| Reverse(part.place())) else {
        let suggestion = "# Nothing is suggested: the manifest does not say which directory is meant.\n".to_owned();
        return NotPermitted { part: SearchPart::NoGrant, suggestion, server: None };
    };
    if part == SearchPart::Server {
        let asked = search.server();
        let suggestion = format!("# Nothing is suggested: no [[directory]] is called \"{asked}\".\n");
        return NotPermitted { part, suggestion, server: None };
    }
    let suggestion = match grant.base(search) {
        Some(base) => Suggestion { tool, search, grant, base }.to_string(),
        None => "# Nothing is suggested: a person chooses the bases, who knows what stands below them.\n".to_owned(),
    };
    NotPermitted { part, suggestion, server: Some(grant.server.clone()) }
}

/// Always a grant of its own, for that widens no other. What the search does not say is that of the closest grant.
struct Suggestion<'a> {
    tool: Option<&'a ToolName>,
    search: &'a DirectorySearch,
    grant: &'a DirectoryGrant,
    base: &'a Dn,
}

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (grant, server, filter) = (self.grant, &self.grant.server, self.search.filter());
        let filtered: BTreeSet<&Attribute> = filter.attributes().into_iter().collect();
        let rules: BTreeSet<&str> = filter.rules().into_iter().collect();
        writeln!(f, "[[directory]]\nname = {}", Quoted(grant.name.as_str()))?;
        writeln!(f, "host = {}", Quoted(&server.host.to_string()))?;
        if server.port != server.tls.default_port() {
            writeln!(f, "port = {}", server.port)?;
        }
        match server.tls {
            Tls::Ldaps => {}
            Tls::StartTls => f.write_str("tls = \"starttls\"\n")?,
        }
        writeln!(f, "bases = [{}]", Quoted(&self.base.to_string()))?;
        writeln!(f, "scopes = [{}]", Quoted(self.search.scope().as_str()))?;
        writeln!(f, "attributes = [{}]", list(self.search.attributes().iter().map(Attribute::as_str)))?;
        writeln!(f, "filter-attributes = [{}]", list(filtered.into_iter().map(Attribute::as_str)))?;
        if !rules.is_empty() {
            writeln!(f, "rules = [{}]", list(rules.into_iter()))?;
        }
        writeln!(f, "credential = {}", Quoted(grant.credential.as_str()))?;
        if let Some(tool) = self.tool {
            writeln!(f, "tools = [{}]", Quoted(tool.as_str()))?;
        }
        if grant.private {
            f.write_str("private = true\n")?;
        }
        writeln!(f, "entries = {}", grant.entries)
    }
}
