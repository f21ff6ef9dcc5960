//! How a call fails. The texts go to the client, so none of them quotes a value that came from an upstream.

use std::fmt;

/// Why a tool has no result. A failure means no data: nothing is returned beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolError {
    /// The arguments fit the schema but mean nothing.
    InvalidArguments(String),
    /// The one thing asked for does not exist.
    NotFound(String),
    /// An upstream failed.
    Upstream(String),
    /// The host or an upstream said no.
    Refused(String),
    /// A fault of the shard.
    Internal(String),
}

impl ToolError {
    /// What was wrong with the arguments, and what would be right.
    pub fn invalid_arguments(text: impl Into<String>) -> Self {
        Self::InvalidArguments(text.into())
    }

    /// What does not exist.
    pub fn not_found(text: impl Into<String>) -> Self {
        Self::NotFound(text.into())
    }

    /// Which upstream failed, and how.
    pub fn upstream(text: impl Into<String>) -> Self {
        Self::Upstream(text.into())
    }

    /// Who said no, and what would be needed.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }

    /// What is broken in the shard.
    pub fn internal(text: impl Into<String>) -> Self {
        Self::Internal(text.into())
    }

    /// The text alone.
    pub fn text(&self) -> &str {
        match self {
            Self::InvalidArguments(text)
            | Self::NotFound(text)
            | Self::Upstream(text)
            | Self::Refused(text)
            | Self::Internal(text) => text,
        }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for ToolError {}

/// Why the host did not do what was asked. The whole story is in the host's ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The request cannot be read in exactly one way.
    Malformed,
    /// The manifest does not grant it.
    NotGranted,
    /// The request carries something that looks like a credential.
    Leak,
    /// The credential is unknown, not granted here, or could not be obtained.
    Credential,
    /// A limit of this call is used up.
    OverBudget,
    /// Too much is going on at once.
    Busy,
    /// The deadline passed.
    Timeout,
    /// The upstream could not be reached, or broke off.
    Unreachable,
    /// The upstream's certificate or handshake was not acceptable.
    Untrusted,
    /// The answer is too large or not what its headers say.
    BadReply,
    /// The host cannot record the crossing.
    Unrecorded,
    /// The client cancelled the call.
    Cancelled,
    /// A fault of the host.
    Internal,
}

impl Refusal {
    /// The code as the contract spells it.
    pub fn code(self) -> &'static str {
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

impl From<Refusal> for ToolError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed => Self::internal("the shard made a request that the host could not read (malformed)"),
            Refusal::NotGranted => Self::refused("the shard's manifest does not grant this request (not-granted)"),
            Refusal::Leak => Self::refused("the request was held back: it carried something like a credential (leak)"),
            Refusal::Credential => Self::refused("the credential for the upstream could not be used (credential)"),
            Refusal::OverBudget => Self::refused("a limit of this call is used up (over-budget)"),
            Refusal::Busy => Self::refused("the host is busy with other calls; try again later (busy)"),
            Refusal::Timeout => Self::upstream("the upstream did not answer before the deadline (timeout)"),
            Refusal::Unreachable => Self::upstream("the upstream could not be reached, or broke off (unreachable)"),
            Refusal::Untrusted => Self::upstream("the upstream's certificate was not acceptable (untrusted)"),
            Refusal::BadReply => Self::upstream("the upstream's answer was too large or torn (bad-reply)"),
            Refusal::Unrecorded => Self::refused("the host cannot record the request, so it was not sent (unrecorded)"),
            Refusal::Cancelled => Self::refused("the call was cancelled (cancelled)"),
            Refusal::Internal => Self::refused("the host failed (internal)"),
        }
    }
}
