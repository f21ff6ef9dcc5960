//! What the ledger gets to know of a crossing. Hosts and templates, never a path or a query string.

use std::time::Duration;

use super::{Crossed, Verdict};
use crate::audit::{Crossing, Destination, Ending, Facts, Method, Scheme, Scrubbed};
use crate::names::CredentialName;
use crate::outbound;
use crate::policy::{self, Permit};
use crate::redact::{CleanReply, Scrubber};
use crate::refusal::{Code, Refusal};
use crate::secrets::Sealed;

/// Where a permitted request goes, and as whom: from its permit, or from what was sealed with it.
pub(super) fn asked(
    permit: Option<&Permit>,
    sealed: Option<&Sealed>,
) -> (Option<Destination>, Option<CredentialName>) {
    match (permit, sealed) {
        (Some(permit), _) => (Some(permitted(permit)), permit.credential().cloned()),
        (None, Some(sealed)) => (Some(of_sealed(sealed)), sealed.credential().cloned()),
        (None, None) => (None, None),
    }
}

pub(super) fn token(sealed: &Sealed) -> Crossing {
    let to = of_sealed(sealed);
    match sealed.credential().cloned() {
        Some(credential) => Crossing::Token { to, credential },
        None => Crossing::Egress { to: Some(to), credential: None },
    }
}

/// Of a request that was refused unsent: as much as could be read of it.
///
/// Its host is the shard's own text: a name by its parser's word, but one that may spell a secret.
pub(super) fn refused(refusal: &Refusal, scrubber: &Scrubber) -> Option<Destination> {
    let Refusal::NotGranted(refused) = refusal else { return None };
    let host = scrubber.text(&refused.destination.host.to_string()).value.chars().take(100).collect();
    Some(Destination { host: Scrubbed::already_scrubbed(host), ..of_policy(&refused.destination, None) })
}

fn of_sealed(sealed: &Sealed) -> Destination {
    match sealed.permit() {
        Some(permit) => permitted(permit),
        // A token's path is the manifest's own, so it is its own template.
        None => {
            let outbound = sealed.outbound();
            Destination {
                scheme: scheme(outbound.scheme()),
                host: host(&outbound.host().to_string()),
                port: outbound.port(),
                method: Method::named(outbound.method().as_str()),
                template: Some(Scrubbed::already_scrubbed(outbound.path())),
            }
        }
    }
}

fn permitted(permit: &Permit) -> Destination {
    let to = permit.destination();
    of_policy(&to, Some(to.path.to_string()))
}

fn of_policy(to: &policy::Destination, template: Option<String>) -> Destination {
    Destination {
        scheme: scheme(to.scheme),
        host: host(&to.host.to_string()),
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

/// Of a host that was granted: no more than the manifest lets a shard choose.
fn host(name: &str) -> Scrubbed {
    Scrubbed::already_scrubbed(name.to_owned())
}

pub(super) fn crossed(sealed: &Sealed) -> Crossed {
    let outbound = sealed.outbound();
    let path = match sealed.permit() {
        Some(permit) => permit.template().to_string(),
        None => outbound.path(),
    };
    Crossed {
        destination: Some(format!("{} {}{path}", outbound.method(), sealed.destination())),
        credential: sealed.credential().map(ToString::to_string),
        verdict: Verdict::Refused { code: Code::Internal, suggestion: None },
        elapsed: Duration::ZERO,
    }
}

pub(super) fn facts(reply: &CleanReply) -> Facts {
    Facts {
        upstream_status: Some(reply.status.as_u16()),
        reply_bytes: Some(reply.body.len() as u64),
        redactions: reply.redactions.by_rule(),
        ..Facts::default()
    }
}

/// Codes only: what an upstream or a request said stays out of the record.
pub(super) fn ending(refusal: &Refusal) -> Ending {
    let code = refusal.code().as_str();
    if refusal.is_ours() {
        Ending::Refuse { code, facts: Facts::default() }
    } else {
        Ending::Fail { code, message: None, facts: Facts::default() }
    }
}
