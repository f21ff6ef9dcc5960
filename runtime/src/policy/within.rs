//! Whether one grant says no more than others: inclusion of the languages that hosts, paths, kept fields, bases and grants
//! are.
//!
//! What is decided is exact for one part against one part. A grant is held against the approved ones piece by piece (one
//! method, one path, one tool), and each piece must lie within *one* of them; what only several together would cover
//! counts as new. So an answer of "within" is a proof, and anything undecided is not.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;

use super::keep::KeepStep;
use super::{DirectoryGrant, Document, EgressGrant, KeepPath, PathTemplate};
use crate::names::ToolName;
use crate::outbound::{Attribute, Dn, Scope};

/// A part of a grant that goes beyond what was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Beyond {
    Host,
    Method,
    Path,
    Query,
    Credential,
    Tools,
    Documents,
    Keep,
    Private,
    Repeat,
    Pace,
    // Of directories alone.
    Base,
    Scope,
    Attribute,
    FilterAttribute,
    Rule,
    Entries,
}

/// Where a grant goes beyond, in its own words: `POST`, `/v1.0/users/**`.
pub type BeyondAt = BTreeMap<Beyond, BTreeSet<String>>;

/// One method and path of a grant, for one tool or for all: everything that it allows is allowed as a whole or not.
struct Piece<'a> {
    grant: &'a EgressGrant,
    method: &'a Method,
    path: &'a PathTemplate,
    tool: Option<&'a ToolName>,
}

/// All that `grant` allows and `approved` do not, by part; empty if it allows nothing that they do not.
///
/// `now` are the grants that it stands among: which of several is used decides what of a reply a shard sees.
pub fn egress_beyond(grant: &EgressGrant, now: &[EgressGrant], approved: &[EgressGrant]) -> BeyondAt {
    let mut beyond = BeyondAt::new();
    for piece in pieces(grant) {
        let misses = approved.iter().map(|old| piece.misses(old)).min_by(closer);
        let misses = misses.unwrap_or_else(|| {
            let credential = grant.credential.as_ref().map(|name| (Beyond::Credential, name.to_string()));
            [(Beyond::Host, piece.host())].into_iter().chain(credential).collect()
        });
        for (part, what) in misses {
            beyond.entry(part).or_default().insert(what);
        }
        // Of several grants the narrowest is used. Where another answered for some of these requests, what it withheld counts.
        for old in approved.iter().filter(|old| piece.overlaps(old) && !stood(grant, old, now, approved)) {
            let withheld = [Beyond::Keep, Beyond::Private, Beyond::Repeat, Beyond::Pace];
            for (part, what) in piece.misses(old).into_iter().filter(|(part, _)| withheld.contains(part)) {
                beyond.entry(part).or_default().insert(what);
            }
        }
    }
    beyond
}

/// Fewest parts first, and of these the least: a grant for the same host is closer than one for another.
fn closer(a: &BTreeMap<Beyond, String>, b: &BTreeMap<Beyond, String>) -> std::cmp::Ordering {
    let elsewhere = |misses: &BTreeMap<Beyond, String>| misses.contains_key(&Beyond::Host);
    let key = |misses: &BTreeMap<Beyond, String>| (elsewhere(misses), misses.contains_key(&Beyond::Path), misses.len());
    key(a).cmp(&key(b))
}

/// Each tool of a grant, or all of them as one.
fn each_tool(tools: Option<&BTreeSet<ToolName>>) -> Vec<Option<&ToolName>> {
    tools.map_or_else(|| vec![None], |tools| tools.iter().map(Some).collect())
}

/// Whether a grant for these tools is one for this, or for all if none is named.
fn serves(tools: Option<&BTreeSet<ToolName>>, tool: Option<&ToolName>) -> bool {
    tools.is_none_or(|tools| tool.is_some_and(|tool| tools.contains(tool)))
}

/// Whether both are for some tool.
fn meet(tools: Option<&BTreeSet<ToolName>>, tool: Option<&ToolName>) -> bool {
    tools.is_none_or(|tools| tool.is_none_or(|tool| tools.contains(tool)))
}

fn pieces(grant: &EgressGrant) -> impl Iterator<Item = Piece<'_>> {
    let tools = each_tool(grant.tools.as_ref());
    grant.methods.iter().flat_map(move |method| {
        let tools = tools.clone();
        grant
            .paths
            .iter()
            .flat_map(move |path| tools.clone().into_iter().map(move |tool| Piece { grant, method, path, tool }))
    })
}

impl Piece<'_> {
    fn host(&self) -> String {
        format!("{}://{}", self.grant.scheme, self.grant.host)
    }

    fn misses(&self, old: &EgressGrant) -> BTreeMap<Beyond, String> {
        let Self { grant, method, path, tool } = self;
        let mut misses = BTreeMap::new();
        let mut miss = |is_within: bool, part: Beyond, what: &dyn Fn() -> String| {
            if !is_within {
                misses.insert(part, what());
            }
        };
        let is_here = grant.scheme == old.scheme && grant.host.is_within(&old.host);
        miss(is_here, Beyond::Host, &|| self.host());
        miss(old.methods.contains(method), Beyond::Method, &|| format!("{method} {path}"));
        miss(old.paths.iter().any(|wide| path.is_within(wide)), Beyond::Path, &|| path.to_string());
        miss(grant.query.is_subset(&old.query), Beyond::Query, &|| names(grant.query.difference(&old.query)));
        // Who gets it is a host: to another it is new, whatever it was before.
        let is_same = grant.credential.is_none() || (is_here && grant.credential == old.credential);
        miss(is_same, Beyond::Credential, &|| {
            let name = grant.credential.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{name} to {}{path}", self.host())
        });
        miss(serves(old.tools.as_ref(), *tool), Beyond::Tools, &|| {
            tool.map_or("every tool".to_owned(), ToString::to_string)
        });
        miss(documents_within(grant, old), Beyond::Documents, &|| new_documents(grant, old));
        miss(keep_within(grant.keep.as_deref(), old.keep.as_deref()), Beyond::Keep, &|| new_kept(grant, old));
        miss(old.private || !grant.private, Beyond::Private, &|| self.host());
        miss(old.idempotent || !grant.idempotent, Beyond::Repeat, &|| format!("{method} {path}"));
        miss(grant.pace.is_within(&old.pace), Beyond::Pace, &|| self.host());
        misses
    }

    fn overlaps(&self, old: &EgressGrant) -> bool {
        let hosts = self.grant.host.is_within(&old.host) || old.host.is_within(&self.grant.host);
        let paths = old.paths.iter().any(|path| self.path.overlaps(path));
        hosts && paths && meet(old.tools.as_ref(), self.tool) && old.methods.contains(self.method)
    }
}

/// Whether both stand as they stood, in the same order: then of the two the same one is used as before.
fn stood<T: PartialEq>(grant: &T, other: &T, now: &[T], approved: &[T]) -> bool {
    let order = |all: &[T]| {
        let place = |one: &T| all.iter().position(|listed| listed == one);
        Some(place(grant)?.cmp(&place(other)?))
    };
    let before = order(approved);
    before.is_some() && before == order(now)
}

fn documents_within(grant: &EgressGrant, old: &EgressGrant) -> bool {
    match (&grant.documents, &old.documents) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(new), Some(old)) => new.iter().all(|document| is_among(document, old)),
    }
}

fn is_among(document: &Document, documents: &[Document]) -> bool {
    documents.iter().any(|other| other.digest() == document.digest())
}

fn new_documents(grant: &EgressGrant, old: &EgressGrant) -> String {
    let (Some(new), Some(old)) = (&grant.documents, &old.documents) else { return "any body".to_owned() };
    names(new.iter().filter(|document| !is_among(document, old)).map(Document::name))
}

fn keep_within(new: Option<&[KeepPath]>, old: Option<&[KeepPath]>) -> bool {
    match (new, old) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(new), Some(old)) => new.iter().all(|path| old.iter().any(|wide| path.is_within(wide))),
    }
}

fn new_kept(grant: &EgressGrant, old: &EgressGrant) -> String {
    let (Some(new), Some(old)) = (&grant.keep, &old.keep) else { return "all of a reply".to_owned() };
    names(new.iter().filter(|path| !old.iter().any(|wide| path.is_within(wide))))
}

fn names<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}

impl KeepPath {
    /// What this reaches, the other reaches too. What a path reaches is kept with all below it.
    pub fn is_within(&self, wide: &Self) -> bool {
        let (mine, theirs) = (self.steps(), wide.steps());
        let covers = |(wide, step): (&KeepStep, &KeepStep)| *wide == KeepStep::Each || wide == step;
        theirs.len() <= mine.len() && theirs.iter().zip(mine).all(covers)
    }
}

/// The same of searches. A piece is one base and scope for one tool.
pub fn directory_beyond(grant: &DirectoryGrant, now: &[DirectoryGrant], approved: &[DirectoryGrant]) -> BeyondAt {
    let mut beyond = BeyondAt::new();
    let tools = each_tool(grant.tools.as_ref());
    for base in &grant.bases {
        for scope in &grant.scopes {
            for tool in &tools {
                let misses = approved.iter().map(|old| search_misses(grant, base, *scope, *tool, old)).min_by(closer);
                let misses = misses.unwrap_or_else(|| {
                    [(Beyond::Host, server(grant)), (Beyond::Credential, grant.credential.to_string())].into()
                });
                for (part, what) in misses {
                    beyond.entry(part).or_default().insert(what);
                }
                let met = |old: &&DirectoryGrant| {
                    let bases = old.bases.iter().any(|other| other.is_at_or_below(base) || base.is_at_or_below(other));
                    old.name == grant.name && bases && meet(old.tools.as_ref(), *tool) && old.scopes.contains(scope)
                };
                for old in approved.iter().filter(met).filter(|old| !stood(grant, old, now, approved)) {
                    let withheld = [Beyond::Entries, Beyond::Credential, Beyond::Private, Beyond::Pace];
                    let misses = search_misses(grant, base, *scope, *tool, old).into_iter();
                    for (part, what) in misses.filter(|(part, _)| withheld.contains(part)) {
                        beyond.entry(part).or_default().insert(what);
                    }
                }
            }
        }
    }
    beyond
}

fn server(grant: &DirectoryGrant) -> String {
    format!("{}:{}", grant.server.host, grant.server.port)
}

fn search_misses(
    grant: &DirectoryGrant,
    base: &Dn,
    scope: Scope,
    tool: Option<&ToolName>,
    old: &DirectoryGrant,
) -> BTreeMap<Beyond, String> {
    let mut misses = BTreeMap::new();
    let mut miss = |is_within: bool, part: Beyond, what: String| {
        if !is_within {
            misses.insert(part, what);
        }
    };
    let new = |mine: &BTreeSet<Attribute>, theirs: &BTreeSet<Attribute>| {
        names(mine.difference(theirs).map(Attribute::as_str))
    };
    let covers = |wide: &Dn| if wide.is_root() { base.is_root() } else { base.is_at_or_below(wide) };
    miss(grant.name == old.name && grant.server == old.server, Beyond::Host, server(grant));
    miss(old.bases.iter().any(covers), Beyond::Base, base.to_string());
    miss(old.scopes.contains(&scope), Beyond::Scope, scope.as_str().to_owned());
    let (mine, theirs) = (&grant.attributes, &old.attributes);
    miss(mine.is_subset(theirs), Beyond::Attribute, new(mine, theirs));
    let (mine, theirs) = (&grant.filter_attributes, &old.filter_attributes);
    miss(mine.is_subset(theirs), Beyond::FilterAttribute, new(mine, theirs));
    miss(grant.rules.is_subset(&old.rules), Beyond::Rule, names(grant.rules.difference(&old.rules)));
    miss(grant.credential == old.credential, Beyond::Credential, format!("{} to {}", grant.credential, server(grant)));
    miss(serves(old.tools.as_ref(), tool), Beyond::Tools, tool.map_or("every tool".to_owned(), ToString::to_string));
    miss(old.private || !grant.private, Beyond::Private, server(grant));
    miss(grant.entries <= old.entries, Beyond::Entries, format!("{} instead of {}", grant.entries, old.entries));
    miss(grant.pace.is_within(&old.pace), Beyond::Pace, server(grant));
    misses
}
