//! Why something did not leave, or did not come back. Two readers: the shard and its client learn a code, the operator
//! the whole chain.

use crate::artifacts::StoreError;
use crate::audit::LedgerError;
use crate::names::ShardName;
use crate::outbound::Malformed;
use crate::policy::{NotAPeer, NotGranted, NotKept, NotPermitted};
use crate::redact::{BadBody, Leak};
use crate::secrets::SealError;
use crate::wire::breaker::Open;
use crate::wire::{Blame, WireError};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    #[error("request cannot be read in one way only")]
    Malformed(#[from] Malformed),
    #[error("manifest does not grant it")]
    NotGranted(#[from] NotGranted),
    #[error(transparent)]
    NotPermitted(#[from] NotPermitted),
    #[error(transparent)]
    NotAPeer(#[from] NotAPeer),
    #[error(transparent)]
    NotKept(#[from] NotKept),
    #[error("arguments of another shard's tool are no JSON object")]
    PeerArguments,
    #[error("the call would lead back to shard {0}, which waits for it")]
    Circle(ShardName),
    #[error("calls of other shards' tools are {0} deep, and no call goes deeper")]
    TooDeep(usize),
    #[error("host has no room for the arguments of another shard's tool")]
    Crowded,
    #[error("calls of other shards' tools, or artifacts, of this call are used up")]
    UsedUp,
    #[error("the other shard's tool did not answer: {}", .0.as_str())]
    Peer(Code),
    #[error("artifact's name does not fit: expected [a-z0-9][a-z0-9._-]*, at most 100 characters")]
    ArtifactName,
    #[error("this host keeps no artifacts")]
    NoStore,
    #[error("artifact cannot be kept")]
    Store(#[from] StoreError),
    #[error("request carries what looks like a credential")]
    Leak(#[from] Leak),
    #[error("credential cannot be used")]
    Seal(#[from] SealError),
    #[error("token endpoint did not answer")]
    Token(#[source] WireError),
    #[error("tokens expire before they can be used")]
    TokenShortLived,
    #[error("upstream did not answer")]
    Wire(#[from] WireError),
    #[error("nothing is sent for now")]
    Resting(#[from] Open),
    #[error("reply is not what the grant says it is")]
    Body(#[from] BadBody),
    #[error("ledger cannot record it")]
    Ledger(#[from] LedgerError),
    #[error("egress-calls of this call are used up")]
    OverBudget,
    #[error("deadline passed")]
    Deadline,
    #[error("call was cancelled")]
    Cancelled,
}

/// All that a shard and its client get to know. The same set as `refusal` in `wit/types.wit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    Malformed,
    NotGranted,
    Leak,
    Credential,
    OverBudget,
    Busy,
    Timeout,
    Unreachable,
    Untrusted,
    BadReply,
    Unrecorded,
    Cancelled,
    Internal,
}

impl Refusal {
    pub fn code(&self) -> Code {
        match self {
            Self::Malformed(_) | Self::PeerArguments | Self::ArtifactName => Code::Malformed,
            Self::NotGranted(_) | Self::NotPermitted(_) | Self::NotAPeer(_) | Self::Circle(_) => Code::NotGranted,
            Self::NotKept(NotKept::None { .. } | NotKept::MediaType { .. }) => Code::NotGranted,
            Self::NotKept(NotKept::TooLarge { .. }) => Code::OverBudget,
            Self::TooDeep(_) | Self::UsedUp | Self::Store(StoreError::Full { .. }) => Code::OverBudget,
            Self::Peer(code) => *code,
            Self::Store(_) | Self::NoStore => Code::Internal,
            Self::Leak(_) => Code::Leak,
            Self::Seal(error) => sealing(error),
            Self::Token(_) | Self::TokenShortLived => Code::Credential,
            Self::Wire(error) => wire(error),
            Self::Resting(_) => Code::Unreachable,
            Self::Body(_) => Code::BadReply,
            Self::Ledger(LedgerError::Busy) | Self::Crowded => Code::Busy,
            Self::Ledger(_) => Code::Unrecorded,
            Self::OverBudget => Code::OverBudget,
            Self::Deadline => Code::Timeout,
            Self::Cancelled => Code::Cancelled,
        }
    }

    /// Whether we said no before anything was sent. Otherwise something went wrong outside.
    pub fn is_ours(&self) -> bool {
        match self {
            Self::Malformed(_)
            | Self::NotGranted(_)
            | Self::NotPermitted(_)
            | Self::NotAPeer(_)
            | Self::NotKept(_)
            | Self::PeerArguments
            | Self::Circle(_)
            | Self::TooDeep(_)
            | Self::Crowded
            | Self::UsedUp
            | Self::ArtifactName
            | Self::Leak(_)
            | Self::Ledger(_)
            | Self::OverBudget
            | Self::Cancelled => true,
            Self::Seal(_)
            | Self::Token(_)
            | Self::TokenShortLived
            | Self::Wire(_)
            | Self::Resting(_)
            | Self::Body(_)
            | Self::Peer(_)
            | Self::Store(_)
            | Self::NoStore
            | Self::Deadline => false,
        }
    }

    /// What the manifest would have to say, if that would help.
    pub fn suggestion(&self) -> Option<String> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only what the manifest decides can be mended there")]
        match self {
            Self::NotGranted(NotGranted { suggestion, .. }) | Self::NotPermitted(NotPermitted { suggestion, .. }) => {
                Some(suggestion.clone())
            }
            Self::NotAPeer(refused) => refused.suggestion.clone(),
            Self::NotKept(refused) => refused.suggestion().map(str::to_owned),
            _ => None,
        }
    }
}

/// An error with everything that led to it, for the operator.
pub fn story(error: &dyn std::error::Error) -> String {
    let mut story = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        // Some errors repeat their source in their own text.
        if !story.contains(&text) {
            story = format!("{story}: {text}");
        }
        source = error.source();
    }
    story
}

/// A shard that names a header of the host's is told so; what is wrong with a credential is the operator's to know.
fn sealing(error: &SealError) -> Code {
    match error {
        SealError::HostsHeader(_) => Code::Malformed,
        SealError::Unknown(_)
        | SealError::Unusable { .. }
        | SealError::Refused { .. }
        | SealError::Revoked { .. }
        | SealError::BadToken(_)
        | SealError::ForDirectories(_)
        | SealError::ForRequests(_) => Code::Credential,
    }
}

fn wire(error: &WireError) -> Code {
    match error {
        WireError::Timeout(_) => Code::Timeout,
        WireError::Unreachable(_) | WireError::ForbiddenAddress { .. } => Code::Unreachable,
        WireError::Untrusted(_) => Code::Untrusted,
        WireError::TooLarge { .. } | WireError::BadReply(_) | WireError::Referral => Code::BadReply,
        WireError::BindRefused(_) => Code::Credential,
        WireError::Directory(code) => match code.blames() {
            Blame::Account => Code::Credential,
            Blame::Server => Code::Unreachable,
            Blame::Time => Code::Timeout,
            Blame::Request => Code::BadReply,
        },
        WireError::Unsendable(_) | WireError::BadFilter | WireError::NoRoute { .. } | WireError::BadMock(_) => {
            Code::Internal
        }
    }
}

impl Code {
    /// As the contract and the ledger spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotGranted => "not-granted",
            Self::Leak => "leak",
            Self::Credential => "credential",
            Self::OverBudget => "over-budget",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Untrusted => "untrusted",
            Self::BadReply => "bad-reply",
            Self::Unrecorded => "unrecorded",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}
