//! What each shard was approved to do (`nexus.lock`), and what it can newly do.
//!
//! Promises: what a shard may do is made anew from its manifest, the operator's settings and its binary ([`Authority`]), and
//! a shard serves only if all of it lies within what somebody approved. That it does is proven part by part, or it counts
//! as new ([`compare`]). An approval is bound to exactly what was shown ([`token`]).
//!
//! Does not know: files, terminals, git; who may approve, but for the keys that the operator lists.

mod approval;
mod authority;
mod compare;
mod diff;
mod finding;
mod joins;
mod outline;
mod quarantine;
mod remarks;
#[cfg(test)]
mod tests;
mod text;

pub use approval::{Approval, BadApproval, Signers};
pub use authority::{
    Artifacts, Authority, Component, Credential, Directory, Egress, Health, Imports, Limits, Peers, PinnedDocument,
    PinnedPrompt, PinnedTool,
};
pub use compare::compare;
pub use finding::{Code, Finding, Place, Severity};
pub use joins::{Join, Part, Step, joins};
pub use quarantine::{Quarantine, Stopped};
pub use remarks::{Remark, remarks};
pub use text::visible;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit;
use crate::manifest::Manifest;
use crate::names::ShardName;

/// `nexus.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// Who approved what stands below under the same name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    approval: BTreeMap<ShardName, Approval>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    shard: BTreeMap<ShardName, Authority>,
}

const VERSION: u32 = 1;

const HEADER: &str = "\
# What each shard was approved to do. `nexus approve` writes it, `nexus serve` serves nothing beyond it, `nexus review`
# says what a shard can newly do. It is made from manifests, settings and components; to change it by hand is to approve.

";

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("it is not a lock of this version of Nexus: {0}")]
    Form(String),
    #[error("it is of version {0}; this Nexus knows {VERSION}")]
    Version(u32),
    #[error("it cannot be written as TOML")]
    Write(#[from] toml::ser::Error),
    #[error("what a shard may do cannot be written as JSON, so no approval can be bound to it")]
    Digest(#[source] serde_json::Error),
}

impl Default for Lock {
    fn default() -> Self {
        Self { version: VERSION, approval: BTreeMap::new(), shard: BTreeMap::new() }
    }
}

impl Lock {
    pub fn parse(text: &str) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let form = |error: toml::de::Error| LockError::Form(error.message().to_owned());
        let Head { version } = toml::from_str(text).map_err(form)?;
        if version != VERSION {
            return Err(LockError::Version(version));
        }
        toml::from_str(text).map_err(form)
    }

    /// The same lock is the same text.
    pub fn to_text(&self) -> Result<String, LockError> {
        Ok(format!("{HEADER}{}", toml::to_string_pretty(self)?))
    }

    /// What it was approved to do. None without an approval: the two stand and fall together.
    pub fn approved(&self, shard: &ShardName) -> Option<(&Authority, &Approval)> {
        Some((self.shard.get(shard)?, self.approval.get(shard)?))
    }

    /// The builds (`sha256:…`) that were approved under such a manifest: a component with one of these digests offers what
    /// it offered then, and what its manifest asks for now is nothing new. Known before the component is run.
    pub fn builds(&self, manifest: &Manifest, signers: &Signers) -> Vec<String> {
        let Some((approved, approval)) = self.approved(&manifest.name) else { return Vec::new() };
        let build =
            Component { digest: approved.component.clone(), imports: &[], tools: &[], prompts: &[], documents: &[] };
        let Ok(asked) = Authority::of(manifest, &build) else { return Vec::new() };
        let now = Authority {
            imports: approved.imports.clone(),
            tool: approved.tool.clone(),
            prompt: approved.prompt.clone(),
            document: approved.document.clone(),
            ..asked
        };
        if !self.judge(&manifest.name, &now, signers).is_empty() {
            return Vec::new();
        }
        std::iter::once(&approved.component).chain(&approval.also).cloned().collect()
    }

    /// Every shard that somebody approved.
    pub fn names(&self) -> impl Iterator<Item = &ShardName> {
        self.shard.keys().filter(|name| self.approval.contains_key(*name))
    }

    pub fn approve(&mut self, shard: ShardName, authority: Authority, approval: Approval) {
        self.shard.insert(shard.clone(), authority);
        self.approval.insert(shard, approval);
    }

    /// Whether there was such an approval.
    pub fn forget(&mut self, shard: &ShardName) -> bool {
        self.approval.remove(shard);
        self.shard.remove(shard).is_some()
    }

    /// What the shard can do that was not approved, or was not by one of those whom the operator wants to. Empty: it may
    /// serve.
    pub fn judge(&self, shard: &ShardName, now: &Authority, signers: &Signers) -> Vec<Finding> {
        let Some((approved, approval)) = self.approved(shard) else { return compare(shard, None, now) };
        let mut findings = compare(shard, Some(approved), now);
        if approval.also.contains(&now.component) {
            findings.retain(|finding| finding.code != Code::BinaryChanged);
        }
        if let Err(why) = signers.check(shard, approved, approval) {
            let finding = Finding {
                shard: shard.clone(),
                code: Code::Unsigned,
                what: why.to_string(),
                diff: None,
                at: Place::Manifest,
            };
            findings.push(finding);
        }
        findings
    }
}

/// What an approval is bound to: the shards as they are now, what was approved before, and what is found between the two.
/// Twelve hexadecimal digits.
pub fn token<'a>(
    lock: &Lock,
    reviewed: impl IntoIterator<Item = (&'a ShardName, &'a Authority, &'a [Finding])>,
) -> Result<String, LockError> {
    let mut all = Vec::new();
    for (shard, now, findings) in reviewed {
        let approved = lock.approved(shard).map(|(authority, _)| authority.digest(shard)).transpose()?;
        all.push((shard, now.digest(shard)?, approved, findings));
    }
    all.sort_by(|a, b| a.0.cmp(b.0));
    let digest = authority::digest_of(&all)?;
    Ok(digest.trim_start_matches("sha256:").chars().take(12).collect())
}

/// Of the lock's text, for the ledger.
pub fn digest(text: &str) -> audit::Digest {
    audit::Digest::of(text.as_bytes())
}
