//! Grants, and the permits made from them.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::address::Reach;
use super::document::Carrier;
use super::refused::{Miss, refuse};
use super::{Destination, Document, HostPattern, KeepPath, NotGranted, PathTemplate};
use crate::names::{CredentialName, ToolName};
use crate::outbound::{Outbound, Scheme};

/// One `[[egress]]` of a manifest. It allows a request if it allows every part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressGrant {
    /// The one `host` was read with. A grant whose two schemes differ allows nothing.
    pub scheme: Scheme,
    pub host: HostPattern,
    /// Empty: none.
    pub methods: Vec<Method>,
    /// Empty: none.
    pub paths: Vec<PathTemplate>,
    /// The keys a request may have. Empty: a request has no query.
    pub query: BTreeSet<String>,
    /// The one credential a request may name.
    pub credential: Option<CredentialName>,
    /// The tools that may use it. None: each of the shard.
    pub tools: Option<BTreeSet<ToolName>>,
    /// The GraphQL documents that a request may carry. None: any body. Empty: none.
    pub documents: Option<Vec<Document>>,
    /// What of a reply the shard sees. None: all.
    pub keep: Option<Vec<KeepPath>>,
    /// Sending a request twice does what sending it once does, whatever its method says.
    pub idempotent: bool,
    /// May reach private addresses, if the operator allows it too.
    pub private: bool,
    /// How fast it may be used. The policy carries it; the door keeps to it.
    pub pace: Pace,
}

/// What the vendor bears. Nothing set: as fast as the call asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// Requests under way at once.
    pub concurrency: Option<NonZeroU32>,
    /// Time from the start of one request to the start of the next.
    pub interval: Option<Duration>,
}

/// What a grant is, apart from how fast it may be used, where it stands in the manifest and in which order it lists its
/// parts. Two grants of one shard have the same key only if the second of them is never used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantKey(Arc<str>);

impl GrantKey {
    /// `content` is everything that tells the grant from others, with its lists in order.
    pub(super) fn new(content: &dyn fmt::Debug) -> Self {
        Self(format!("{content:?}").into())
    }
}

impl Pace {
    /// As slow as the other, or slower. What is not set is no limit.
    pub fn is_within(&self, wide: &Self) -> bool {
        let at_once = wide.concurrency.is_none_or(|wide| self.concurrency.is_some_and(|own| own <= wide));
        at_once && wide.interval.is_none_or(|wide| self.interval.is_some_and(|own| own >= wide))
    }
}

impl EgressGrant {
    /// Grants that differ in `private` or `idempotent` alone allow the same requests, so the first of them is used.
    pub fn key(&self) -> GrantKey {
        let methods: BTreeSet<_> = self.methods.iter().map(Method::as_str).collect();
        let paths: BTreeSet<_> = self.paths.iter().collect();
        let documents = self.documents.as_ref().map(|all| all.iter().map(Document::digest).collect::<BTreeSet<_>>());
        let keep = self.keep.as_ref().map(|all| all.iter().collect::<BTreeSet<_>>());
        let (to, as_whom) = ((self.scheme, &self.host, methods, paths, &self.query), (&self.credential, &self.tools));
        GrantKey::new(&("egress", to, as_whom, documents, keep))
    }

    /// Which addresses the manifest opens. The operator's own reach bounds it: `Reach::within`.
    pub fn reach(&self) -> Reach {
        Reach { private: self.private, loopback: self.host.is_loopback() }
    }

    /// The narrowest template that covers the path, if every other part is allowed as well.
    fn judge(
        &self,
        tool: Option<&ToolName>,
        outbound: &Outbound,
        carrier: &Carrier<'_>,
    ) -> Result<&PathTemplate, Miss> {
        let covering = self.paths.iter().filter(|path| path.covers(outbound.segments()));
        let template = covering.min_by_key(|path| path.width());
        let covers_host =
            self.scheme == outbound.scheme() && self.host.covers(outbound.scheme(), outbound.host(), outbound.port());
        let mut miss = Miss {
            host: !covers_host,
            path: template.is_none(),
            method: !self.methods.contains(outbound.method()),
            tool: !self.tools.as_ref().is_none_or(|tools| tool.is_some_and(|tool| tools.contains(tool))),
            credential: outbound.credential().is_some() && outbound.credential() != self.credential.as_ref(),
            query: outbound.query().iter().map(|(key, _)| key).find(|key| !self.query.contains(*key)).cloned(),
            document: None,
        };
        // A body is read only for a grant that would allow all else.
        if let Some(documents) = self.documents.as_ref().filter(|_| miss.is_none()) {
            miss.document = carrier.one_of(documents).err();
        }
        match template {
            Some(template) if miss.is_none() => Ok(template),
            Some(_) | None => Err(miss),
        }
    }

    /// Orders grants that allow one request from narrow to wide.
    fn width(&self, template: &PathTemplate, outbound: &Outbound) -> impl Ord + use<> {
        let other_credential = self.credential.as_ref() != outbound.credential();
        let open = (self.tools.is_none(), self.documents.is_none(), self.keep.is_none());
        (other_credential, !self.host.is_exact(), template.width(), open)
    }
}

/// All that a shard may send, from its manifest. Never changes.
#[derive(Debug, Clone, Default)]
pub struct Grants(Vec<(GrantKey, Arc<EgressGrant>)>);

impl Grants {
    pub fn new(grants: Vec<EgressGrant>) -> Self {
        Self(grants.into_iter().map(|grant| (grant.key(), Arc::new(grant))).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &EgressGrant> {
        self.0.iter().map(|(_, grant)| grant.as_ref())
    }

    /// How fast each may be used.
    pub fn paces(&self) -> impl Iterator<Item = (&GrantKey, Pace)> {
        self.0.iter().map(|(key, grant)| (key, grant.pace))
    }

    /// `tool` is the one on whose behalf the request leaves; without one, grants bound to tools do not count.
    pub fn permit(&self, tool: Option<&ToolName>, outbound: Outbound) -> Result<Permit, NotGranted> {
        let carrier = Carrier::new(&outbound);
        let mut allowing = Vec::new();
        let mut misses = Vec::new();
        for (key, grant) in &self.0 {
            match grant.judge(tool, &outbound, &carrier) {
                Ok(template) => allowing.push((key, grant, template)),
                Err(miss) => misses.push((grant.as_ref(), miss)),
            }
        }
        // `min_by_key` takes the first of equals: the manifest's order is the last to decide.
        match allowing.into_iter().min_by_key(|(_, grant, template)| grant.width(template, &outbound)) {
            Some((key, grant, template)) => {
                Ok(Permit { grant: Arc::clone(grant), key: key.clone(), template: template.clone(), outbound })
            }
            None => Err(refuse(misses, tool, &outbound, &carrier)),
        }
    }
}

/// Proof that the policy has seen this very request, and the grant that allows it.
#[must_use]
pub struct Permit {
    outbound: Outbound,
    grant: Arc<EgressGrant>,
    key: GrantKey,
    template: PathTemplate,
}

impl Permit {
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    pub fn grant(&self) -> &EgressGrant {
        &self.grant
    }

    pub fn grant_key(&self) -> &GrantKey {
        &self.key
    }

    /// Of the grant's paths, the one that covers the request.
    pub fn template(&self) -> &PathTemplate {
        &self.template
    }

    /// What the request is sealed with: the grant's credential if the request names it, and none if it names none.
    pub fn credential(&self) -> Option<&CredentialName> {
        self.outbound.credential()
    }

    /// Where it goes, with the template in place of the path.
    pub fn destination(&self) -> Destination {
        Destination::of(&self.outbound, self.template.clone())
    }
}

/// Shows where it goes, by the grant's own words.
impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("outbound", &self.outbound)
            .field("template", &self.template.to_string())
            .finish_non_exhaustive()
    }
}
