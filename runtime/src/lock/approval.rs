//! Who approved, when and why, and whether that is signed by somebody whom the operator wants it from.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LockError;
use super::authority::Authority;
use crate::audit::{BadKey, Signer, Verifier};
use crate::names::ShardName;

/// One approval, of what stands in the lock under the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub by: String,
    pub at: Timestamp,
    pub why: String,
    /// Other builds of the component, which may serve as well: `sha256:` and hex.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub also: BTreeSet<String>,
    /// The last line of a signed note (C2SP signed-note, Ed25519) over all of this and what was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadApproval {
    #[error("{0}: expected one line of 1 to 500 characters that can be seen")]
    Text(&'static str),
    #[error("the approval is not signed; one of these must: {0}")]
    Unsigned(String),
    #[error("the approval's signature is of none of these, or not of what stands in the lock: {0}")]
    Signature(String),
    #[error("what was approved cannot be read: {0}")]
    Statement(String),
}

/// Those from one of whom an approval must come. Empty: from anybody who can write the lock.
#[derive(Debug, Clone, Default)]
pub struct Signers(Vec<Verifier>);

impl Signers {
    /// Public keys as `name+id+key`.
    pub fn parse(keys: &[String]) -> Result<Self, BadKey> {
        keys.iter().map(|key| key.parse()).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn check(
        &self,
        shard: &ShardName,
        authority: &Authority,
        approval: &Approval,
    ) -> Result<(), BadApproval> {
        if self.0.is_empty() {
            return Ok(());
        }
        let names = || self.0.iter().map(Verifier::name).collect::<Vec<_>>().join(", ");
        let signature = approval.signature.as_ref().ok_or_else(|| BadApproval::Unsigned(names()))?;
        let statement = approval.statement(shard, authority);
        let statement = statement.map_err(|error| BadApproval::Statement(error.to_string()))?;
        let note = format!("{statement}\n{signature}\n");
        let is_signed = self.0.iter().any(|key| key.verify(&note).is_ok());
        if is_signed { Ok(()) } else { Err(BadApproval::Signature(names())) }
    }
}

impl Approval {
    pub fn new(by: &str, at: Timestamp, why: &str) -> Result<Self, BadApproval> {
        let line = |what: &'static str, text: &str| {
            let text = text.trim();
            let fits =
                (1..=500).contains(&text.chars().count()) && super::visible(text) == text && !text.contains('\n');
            if fits { Ok(text.to_owned()) } else { Err(BadApproval::Text(what)) }
        };
        let (by, why) = (line("who approves", by)?, line("the reason", why)?);
        Ok(Self { by, at, why, also: BTreeSet::new(), signature: None })
    }

    pub fn signed(self, shard: &ShardName, authority: &Authority, signer: &Signer) -> Result<Self, LockError> {
        let note = signer.sign_text(&self.statement(shard, authority)?);
        let signature = note.trim_end().rsplit_once('\n').map(|(_, line)| line.to_owned());
        Ok(Self { signature, ..self })
    }

    /// What is signed. A line each: none of them can hold another.
    fn statement(&self, shard: &ShardName, authority: &Authority) -> Result<String, LockError> {
        let Self { by, at, why, also, signature: _ } = self;
        let also: String = also.iter().map(|digest| format!("{}\n", digest.replace('\n', " "))).collect();
        Ok(format!("nexus approval v1\n{shard}\n{}\n{by}\n{at}\n{why}\n{also}", authority.digest(shard)?))
    }
}
