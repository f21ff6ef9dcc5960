//! What a directory says of how it went: a number of RFC 4511, and Active Directory's own word on a failed bind.

use std::fmt;

/// A result code (RFC 4511, appendix A). Displayed with its name there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultCode(u32);

/// What has to change before it goes better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The account, or how it is let in.
    Account,
    /// The server, now.
    Server,
    /// The time it took.
    Time,
    /// What was asked.
    Request,
}

impl ResultCode {
    pub(super) const SUCCESS: Self = Self(0);
    pub(super) const REFERRAL: Self = Self(10);
    pub(super) const NO_SUCH_OBJECT: Self = Self(32);
    pub(super) const INVALID_CREDENTIALS: Self = Self(49);

    pub(in crate::wire) fn new(code: u32) -> Self {
        Self(code)
    }

    pub fn as_u32(self) -> u32 {
        self.0
    }

    /// Time, size or administrative limit: what has been sent is true, and not all.
    pub(in crate::wire) fn is_limit(self) -> bool {
        matches!(self.0, 3 | 4 | 11)
    }

    /// Active Directory says `operationsError` to a search on a connection that is not bound.
    pub fn blames(self) -> Blame {
        match self.0 {
            1 | 7 | 8 | 13 | 14 | 48 | 49 | 50 => Blame::Account,
            51 | 52 => Blame::Server,
            3 => Blame::Time,
            _ => Blame::Request,
        }
    }

    fn name(self) -> &'static str {
        match self.0 {
            0 => "success",
            1 => "operationsError",
            2 => "protocolError",
            3 => "timeLimitExceeded",
            4 => "sizeLimitExceeded",
            5 => "compareFalse",
            6 => "compareTrue",
            7 => "authMethodNotSupported",
            8 => "strongerAuthRequired",
            10 => "referral",
            11 => "adminLimitExceeded",
            12 => "unavailableCriticalExtension",
            13 => "confidentialityRequired",
            14 => "saslBindInProgress",
            16 => "noSuchAttribute",
            17 => "undefinedAttributeType",
            18 => "inappropriateMatching",
            19 => "constraintViolation",
            20 => "attributeOrValueExists",
            21 => "invalidAttributeSyntax",
            32 => "noSuchObject",
            33 => "aliasProblem",
            34 => "invalidDNSyntax",
            36 => "aliasDereferencingProblem",
            48 => "inappropriateAuthentication",
            49 => "invalidCredentials",
            50 => "insufficientAccessRights",
            51 => "busy",
            52 => "unavailable",
            53 => "unwillingToPerform",
            54 => "loopDetect",
            64 => "namingViolation",
            65 => "objectClassViolation",
            66 => "notAllowedOnNonLeaf",
            67 => "notAllowedOnRDN",
            68 => "entryAlreadyExists",
            69 => "objectClassModsProhibited",
            71 => "affectsMultipleDSAs",
            80 => "other",
            _ => "not in RFC 4511",
        }
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "result {} ({})", self.0, self.name())
    }
}

/// Why Active Directory did not let an account in, by the number in the text beside result 49. For the operator alone:
/// it tells a wrong name from a wrong password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdReason {
    #[error("no such user (525)")]
    NoUser,
    #[error("wrong password (52e)")]
    Password,
    #[error("not at this time of day (530)")]
    Hours,
    #[error("not from this machine (531)")]
    Workstation,
    #[error("password has expired (532)")]
    PasswordExpired,
    #[error("account is disabled (533)")]
    Disabled,
    #[error("account has expired (701)")]
    Expired,
    #[error("password must be changed first (773)")]
    MustChange,
    #[error("account is locked (775)")]
    Locked,
}

impl AdReason {
    /// Reads `…, data 52e, v4563`. Nothing else of the text is kept.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (_, after) = text.split_once(", data ")?;
        Some(match after.split(',').next()? {
            "525" => AdReason::NoUser,
            "52e" => AdReason::Password,
            "530" => AdReason::Hours,
            "531" => AdReason::Workstation,
            "532" => AdReason::PasswordExpired,
            "533" => AdReason::Disabled,
            "701" => AdReason::Expired,
            "773" => AdReason::MustChange,
            "775" => AdReason::Locked,
            _ => return None,
        })
    }
}
