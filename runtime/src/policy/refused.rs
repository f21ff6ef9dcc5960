//! Refusals that teach: what was refused, and the manifest lines that would allow it.

use std::fmt::{self, Write};

use http::Method;

use super::document::Carrier;
use super::{Document, EgressGrant, KeepPath, NoDocument, PathTemplate};
use crate::names::ToolName;
use crate::outbound::{Host, Outbound, Scheme};

/// No grant allows the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotGranted {
    /// Of the grant that comes closest, the most important part that does not fit.
    pub reason: Reason,
    /// One `[[egress]]` that allows this request and no more than its kind: valid TOML in ASCII, without any value of
    /// a query or of a path segment that looks like an identifier. A comment without any lines where a grant fixes what
    /// may be sent and the request is something else. For the operator; a shard does not get to see it.
    pub suggestion: String,
    pub destination: Box<Destination>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("manifest has no [[egress]] at all")]
    NoGrant,
    #[error("no grant covers the host on this port")]
    Host,
    #[error("no grant for this host covers the path")]
    Path,
    #[error("no grant for this path has the method")]
    Method,
    #[error("grant is for other tools")]
    Tool,
    #[error("grant has another credential, or none")]
    Credential,
    /// Holds the key: visible ASCII, at most `outbound::MAX_KEY` bytes, and written by the shard.
    #[error("grant does not have the query key {0:?}")]
    Query(String),
    #[error("grant sends its documents alone, and {0}")]
    Document(NoDocument),
}

/// Where a request goes: never a query, and a template in place of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub method: Method,
    pub scheme: Scheme,
    pub host: Host,
    pub port: u16,
    /// The grant's; of a refused request, its words with `{id}` for what looks like an identifier.
    pub path: PathTemplate,
}

impl Destination {
    pub(super) fn of(outbound: &Outbound, path: PathTemplate) -> Self {
        Self {
            method: outbound.method().clone(),
            scheme: outbound.scheme(),
            host: outbound.host().clone(),
            port: outbound.port(),
            path,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}://{}", self.method, self.scheme, self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        write!(f, "{}", self.path)
    }
}

/// What a grant does not allow of a request. The derived order is that of the fields: the smallest is the closest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Miss {
    pub(super) host: bool,
    pub(super) path: bool,
    pub(super) method: bool,
    pub(super) tool: bool,
    pub(super) credential: bool,
    pub(super) query: Option<String>,
    pub(super) document: Option<NoDocument>,
}

impl Miss {
    pub(super) fn is_none(&self) -> bool {
        !(self.host || self.path || self.method || self.tool || self.credential)
            && self.query.is_none()
            && self.document.is_none()
    }

    fn reason(&self) -> Reason {
        if self.host {
            return Reason::Host;
        }
        if self.path {
            return Reason::Path;
        }
        if self.method {
            return Reason::Method;
        }
        if self.tool {
            return Reason::Tool;
        }
        match (&self.query, self.document) {
            (Some(key), _) if !self.credential => Reason::Query(key.clone()),
            (None, Some(why)) if !self.credential => Reason::Document(why),
            _ => Reason::Credential,
        }
    }
}

/// `misses` holds every grant of the shard: none allowed the request.
pub(super) fn refuse(
    misses: Vec<(&EgressGrant, Miss)>,
    tool: Option<&ToolName>,
    outbound: &Outbound,
    carrier: &Carrier<'_>,
) -> NotGranted {
    let here = misses.iter().filter(|(_, miss)| !miss.host && !miss.path);
    let fixed: Vec<&[Document]> = here.filter_map(|&(grant, _)| grant.documents.as_deref()).collect();
    let document = (!fixed.is_empty()).then(|| carrier.one_of(fixed.into_iter().flatten()));
    let travels = misses.iter().any(|(grant, miss)| !miss.host && grant.credential.as_ref() == outbound.credential());
    let closest = misses.into_iter().min_by(|(_, a), (_, b)| a.cmp(b));
    let path = PathTemplate::shape(outbound.segments());
    let lines = |document| {
        let closest = closest.as_ref();
        Suggestion { tool, outbound, path: &path, document, closest, credential_travels_there: travels }.to_string()
    };
    NotGranted {
        reason: closest.as_ref().map_or(Reason::NoGrant, |(_, miss)| miss.reason()),
        suggestion: match document {
            None => lines(None),
            Some(Ok(document)) => lines(Some(document)),
            // Without its documents a grant would open all that the server does, and no program tells a good one.
            Some(Err(why)) => {
                format!("# Nothing is suggested: grants for this place send their documents alone, and {why}.\n")
            }
        },
        destination: Box::new(Destination::of(outbound, path)),
    }
}

/// Always a grant of its own, for that widens no other. Where the closest grant is for this host, its `private` is taken
/// over, and where it covers the path, so is its `keep`.
struct Suggestion<'a> {
    tool: Option<&'a ToolName>,
    outbound: &'a Outbound,
    path: &'a PathTemplate,
    /// What the request carries, where grants fix that.
    document: Option<&'a Document>,
    closest: Option<&'a (&'a EgressGrant, Miss)>,
    credential_travels_there: bool,
}

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.outbound;
        let near = self.closest.filter(|(_, miss)| !miss.host);
        f.write_str("[[egress]]\n")?;
        writeln!(f, "host = {}", Quoted(&asked.authority()))?;
        match asked.scheme() {
            Scheme::Https => {}
            Scheme::Http => f.write_str("scheme = \"http\"\n")?,
        }
        writeln!(f, "methods = [{}]", Quoted(asked.method().as_str()))?;
        writeln!(f, "paths = [{}]", Quoted(&self.path.to_string()))?;
        if !asked.query().is_empty() {
            writeln!(f, "query = [{}]", list(asked.query().iter().map(|(key, _)| key.as_str())))?;
        }
        if let Some(credential) = asked.credential() {
            if !self.credential_travels_there {
                f.write_str("# No grant sends this credential to this host today.\n")?;
            }
            writeln!(f, "credential = {}", Quoted(credential.as_str()))?;
        }
        if let Some(document) = self.document {
            writeln!(f, "documents = [{}]", Quoted(document.name()))?;
        }
        if let Some(tool) = self.tool {
            writeln!(f, "tools = [{}]", Quoted(tool.as_str()))?;
        }
        if let Some((grant, miss)) = near {
            if let Some(keep) = grant.keep.as_ref().filter(|_| !miss.path) {
                let keep: Vec<String> = keep.iter().map(KeepPath::to_string).collect();
                writeln!(f, "keep = [{}]", list(keep.iter().map(String::as_str)))?;
            }
            if grant.private {
                f.write_str("private = true\n")?;
            }
        }
        Ok(())
    }
}

pub(super) fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.map(|item| Quoted(item).to_string()).collect::<Vec<_>>().join(", ")
}

/// A TOML basic string, in ASCII: what changes the direction of text, or looks like another letter, is spelled out.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                ' '..='~' => f.write_char(c)?,
                _ => write!(f, "\\U{:08X}", u32::from(c))?,
            }
        }
        f.write_char('"')
    }
}
