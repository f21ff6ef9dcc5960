//! What the ledger, and the person at a terminal, get to know of a crossing. Hosts and templates, never a path or a
//! query string.

use std::time::Duration;

use http::StatusCode;

use super::{Crossed, Verdict};
use crate::audit::{Crossing, Destination, Ending, Facts, Method, Scheme, Scrubbed};
use crate::names::CredentialName;
use crate::outbound::{self, Dn};
use crate::policy::{self, DirectoryPermit, LdapServer, NotGranted, NotPermitted, Permit, Tls};
use crate::redact::{CleanPage, CleanReply, Scrubber};
use crate::refusal::{Code, Refusal};
use crate::secrets::Sealed;

/// Where something is about to go, and as whom.
#[derive(Clone)]
pub(super) struct Plan {
    to: Option<Destination>,
    credential: Option<CredentialName>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Request,
    Search,
    /// A token of the host's own, rather than something of the shard's.
    Token,
}

impl Plan {
    /// What could not be read has no destination.
    pub(super) fn unreadable() -> Self {
        Self { to: None, credential: None, kind: Kind::Request }
    }

    pub(super) fn permitted(permit: &Permit) -> Self {
        let to = permit.destination();
        let template = to.path.to_string();
        let credential = permit.credential().cloned();
        Self { to: Some(destination(&to, Some(template))), credential, kind: Kind::Request }
    }

    /// Of a request that no grant covers. Its host is the shard's own text: a name by its parser's word, but one that may
    /// spell a secret. Its path stays out.
    pub(super) fn refused(refused: &NotGranted, credential: Option<CredentialName>, scrubber: &Scrubber) -> Self {
        let to = &refused.destination;
        let host = scrubber.text(&to.host.to_string()).value.chars().take(100).collect();
        let to = Destination { host: Scrubbed::already_scrubbed(host), ..destination(to, None) };
        // A name is as free a text as a host.
        let credential = credential.filter(|name| scrubber.text(name.as_str()).redactions.is_empty());
        Self { to: Some(to), credential, kind: Kind::Request }
    }

    /// A token's path is the manifest's own, so it is its own template.
    pub(super) fn token(sealed: &Sealed) -> Self {
        let outbound = sealed.outbound();
        let to = Destination {
            scheme: scheme(outbound.scheme()),
            host: Scrubbed::already_scrubbed(outbound.host().to_string()),
            port: outbound.port(),
            method: Method::named(outbound.method().as_str()),
            template: Some(Scrubbed::already_scrubbed(outbound.path())),
        };
        Self { to: Some(to), credential: sealed.credential().cloned(), kind: Kind::Token }
    }

    /// Of a search that could not be read, or that no grant covers. Where its name fits a grant, that server is named; its
    /// base may name a person and stays out.
    pub(super) fn no_search(refused: Option<&NotPermitted>) -> Self {
        let to = refused.and_then(|refused| refused.server.as_ref()).map(|server| search(server, None));
        Self { to, credential: None, kind: Kind::Search }
    }

    /// With the grant's base in place of the search's.
    pub(super) fn search(permit: &DirectoryPermit) -> Self {
        let to = search(&permit.grant().server, Some(permit.base()));
        Self { to: Some(to), credential: Some(permit.grant().credential.clone()), kind: Kind::Search }
    }

    pub(super) fn found(&self, page: &CleanPage, elapsed: Duration) -> Crossed {
        let (entries, redactions) = (page.entries.len(), page.redactions.count());
        self.crossed(Verdict::Found { entries, bytes: page.bytes, redactions }, elapsed)
    }

    pub(super) fn crossing(&self) -> Crossing {
        match (self.kind, self.to.clone(), self.credential.clone()) {
            (Kind::Token, Some(to), Some(credential)) => Crossing::Token { to, credential },
            (Kind::Search, to, credential) => Crossing::Directory { to, credential },
            (Kind::Token | Kind::Request, to, credential) => Crossing::Egress { to, credential },
        }
    }

    pub(super) fn released(&self, status: StatusCode, bytes: usize, redactions: u64, elapsed: Duration) -> Crossed {
        self.crossed(Verdict::Released { status: status.as_u16(), bytes, redactions }, elapsed)
    }

    pub(super) fn not_released(&self, code: Code, suggestion: Option<String>, elapsed: Duration) -> Crossed {
        self.crossed(Verdict::Refused { code, suggestion }, elapsed)
    }

    fn crossed(&self, verdict: Verdict, elapsed: Duration) -> Crossed {
        let destination = self.to.as_ref().map(ToString::to_string);
        Crossed { destination, credential: self.credential.as_ref().map(ToString::to_string), verdict, elapsed }
    }
}

fn destination(to: &policy::Destination, template: Option<String>) -> Destination {
    Destination {
        scheme: scheme(to.scheme),
        host: Scrubbed::already_scrubbed(to.host.to_string()),
        port: to.port,
        method: Method::named(to.method.as_str()),
        template: template.map(Scrubbed::already_scrubbed),
    }
}

fn scheme(scheme: outbound::Scheme) -> Scheme {
    match scheme {
        outbound::Scheme::Https => Scheme::Https,
        outbound::Scheme::Http => Scheme::Http,
    }
}

fn search(server: &LdapServer, base: Option<&Dn>) -> Destination {
    Destination {
        scheme: match server.tls {
            Tls::Ldaps => Scheme::Ldaps,
            Tls::StartTls => Scheme::Ldap,
        },
        host: Scrubbed::already_scrubbed(server.host.to_string()),
        port: server.port,
        method: Method::Search,
        template: base.map(|base| Scrubbed::already_scrubbed(base.to_string())),
    }
}

pub(super) fn page_facts(page: &CleanPage) -> Facts {
    Facts {
        rows: Some(page.entries.len() as u64),
        reply_bytes: Some(page.bytes as u64),
        complete: Some(!page.partial),
        redactions: page.redactions.clone(),
        ..Facts::default()
    }
}

pub(super) fn facts(reply: &CleanReply) -> Facts {
    Facts {
        upstream_status: Some(reply.status.as_u16()),
        reply_bytes: Some(reply.body.len() as u64),
        redactions: reply.redactions.clone(),
        ..Facts::default()
    }
}

/// Codes only: what an upstream or a request said stays out of the record.
///
/// `suggestion` is what the manifest would have to say, and redaction has been over it.
pub(super) fn ending(refusal: &Refusal, suggestion: Option<&str>) -> Ending {
    let code = refusal.code().as_str();
    if refusal.is_ours() {
        let suggestion = suggestion.map(|lines| Scrubbed::already_scrubbed(lines.to_owned()));
        Ending::Refuse { code, facts: Facts { suggestion, ..Facts::default() } }
    } else {
        Ending::Fail { code, message: None, facts: Facts::default() }
    }
}
