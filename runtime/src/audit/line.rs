//! What a line says, in types. No field is a bare `String`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::value::{Digest, EventId, Scrubbed};
use crate::names::{CredentialName, ShardName, ToolName};
use crate::redact::{Pseudonym, Redactions};

/// Something about to happen.
#[derive(Debug, Clone)]
pub struct Asked {
    pub what: Crossing,
    /// The entry this one is part of.
    pub parent: Option<EventId>,
    pub subject: Arc<Subject>,
    pub args_summary: Option<Scrubbed>,
    /// Whom it is about.
    pub subjects: Vec<Pseudonym>,
    pub request_bytes: Option<u64>,
}

/// What has a before and an after: a call, or one thing that leaves a sandbox during it.
#[derive(Debug, Clone)]
pub enum Crossing {
    Call,
    Egress {
        /// Absent if the request could not be read.
        to: Option<Destination>,
        credential: Option<CredentialName>,
    },
    Directory {
        /// Absent if the search could not be read, or names no directory of the manifest.
        to: Option<Destination>,
        credential: Option<CredentialName>,
    },
    Peer {
        /// Absent if it could not be read as a name.
        tool: Option<ToolName>,
    },
    Artifact {
        name: Scrubbed,
    },
    /// The host obtains an access token for a credential.
    Token {
        to: Destination,
        credential: CredentialName,
    },
}

/// Whom and what a line is about. One serves a call and all its crossings.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    pub shard: Option<ShardName>,
    pub tool: Option<ToolName>,
    pub category: Option<Category>,
    pub mock_mode: Option<bool>,
    pub principal: Option<Scrubbed>,
    pub client: Option<Scrubbed>,
    pub component: Option<Digest>,
    /// Of the lock under which the shard serves.
    pub lock: Option<Digest>,
    /// The host accepts what nobody approved, for this run.
    pub dev: bool,
}

/// Where a request goes: never a query string, and a template instead of a path.
#[derive(Debug, Clone)]
pub struct Destination {
    pub scheme: Scheme,
    /// A shard can spell a secret as a host name, so this is text from outside.
    pub host: Scrubbed,
    pub port: u16,
    pub method: Method,
    /// As the manifest has it. Absent if no grant matched.
    pub template: Option<Scrubbed>,
}

/// How it ended.
#[derive(Debug, Clone)]
pub enum Ending {
    Release {
        facts: Facts,
    },
    /// We said no. A refusal has a code and no words.
    Refuse {
        code: &'static str,
        facts: Facts,
    },
    /// It went wrong: an upstream, a trap, a tool's own error.
    Fail {
        code: &'static str,
        message: Option<Scrubbed>,
        facts: Facts,
    },
}

/// What is known once it ended.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Where it went, if that was not known when it was asked.
    pub to: Option<Destination>,
    pub upstream_status: Option<u16>,
    pub request_bytes: Option<u64>,
    pub reply_bytes: Option<u64>,
    pub rows: Option<u64>,
    pub complete: Option<bool>,
    pub redactions: Redactions,
    pub result: Option<Digest>,
    /// Of what the manifest does not grant: the lines that would.
    pub suggestion: Option<Scrubbed>,
}

/// One line for what has no before and after.
#[derive(Debug, Clone)]
pub struct Note {
    pub event: Event,
    pub parent: Option<EventId>,
    pub subject: Arc<Subject>,
    pub args_summary: Option<Scrubbed>,
    pub count: Option<u64>,
    pub bytes: Option<u64>,
    pub digest: Option<Digest>,
    /// The number of the last line that it is about.
    pub through: Option<u64>,
    /// What was refused without lines of its own.
    pub refusals: Vec<RefusedAgain>,
}

/// Refused crossings of one kind and one code that have no lines of their own. Nothing of them moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RefusedAgain {
    pub kind: Kind,
    pub refusal: &'static str,
    pub count: u64,
}

#[derive(Debug, Clone)]
pub enum Event {
    Start,
    Stop,
    /// Something about Nexus itself: settings read, a shard approved, a tail repaired.
    Admin {
        code: &'static str,
    },
    /// Log lines of a shard that were not passed on; `count` says how many.
    LogSuppressed,
    /// Crossings of a call that were refused and only counted, for so many had been described before; `count` says how many,
    /// `refusals` of which kind and why.
    RefusedAgain,
    /// Refused before it became a call: an unknown tool, invalid arguments.
    Refused {
        code: &'static str,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Asked,
    Ended,
    Abandoned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Call,
    Egress,
    Directory,
    Peer,
    Artifact,
    Token,
    LogSuppressed,
    RefusedAgain,
    Admin,
    Checkpoint,
    Start,
    Stop,
}

/// In capitals, as in schema 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Category {
    Read,
    Audit,
    Report,
    Write,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Https,
    Http,
    Ldaps,
    Ldap,
}

/// What is done at the destination. A method we have no word for is `OTHER`: its spelling is the shard's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    /// Of a directory.
    Search,
    Other,
}

impl Crossing {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Call => Kind::Call,
            Self::Egress { .. } => Kind::Egress,
            Self::Directory { .. } => Kind::Directory,
            Self::Peer { .. } => Kind::Peer,
            Self::Artifact { .. } => Kind::Artifact,
            Self::Token { .. } => Kind::Token,
        }
    }
}

impl Note {
    pub fn new(event: Event) -> Self {
        let subject = Arc::default();
        Self {
            event,
            parent: None,
            subject,
            args_summary: None,
            count: None,
            bytes: None,
            digest: None,
            through: None,
            refusals: Vec::new(),
        }
    }
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Search => "SEARCH",
            Self::Other => "OTHER",
        }
    }

    pub fn named(method: &str) -> Self {
        match method {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }
}

/// `GET https://graph.microsoft.com/v1.0/users/{id}`: for people. A host that stands alone was refused.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default_port) = match self.scheme {
            Scheme::Https => ("https", 443),
            Scheme::Http => ("http", 80),
            Scheme::Ldaps => ("ldaps", 636),
            Scheme::Ldap => ("ldap", 389),
        };
        write!(f, "{} {scheme}://{}", self.method.as_str(), self.host.as_str())?;
        if self.port != default_port {
            write!(f, ":{}", self.port)?;
        }
        let Some(template) = &self.template else { return Ok(()) };
        // A path begins with its slash, and the base of a directory has none (RFC 4516).
        let slash = if template.as_str().starts_with('/') { "" } else { "/" };
        write!(f, "{slash}{}", template.as_str())
    }
}
