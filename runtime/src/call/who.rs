//! Who asks.

use crate::audit::Scrubbed;
use crate::redact::Scrubber;

/// How the caller was told from others. A closed set: the ledger says what was checked, not what was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// The user who started the process: standard input, or the command line.
    Local,
    /// Anybody on this machine, over loopback HTTP without a token.
    Loopback,
    /// Who holds the bearer token.
    Token,
}

impl Principal {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local-user",
            Self::Loopback => "loopback",
            Self::Token => "token",
        }
    }
}

/// What the client says it is. Not checked by anybody.
#[derive(Debug, Clone)]
pub struct ClientName(String);

impl ClientName {
    const MAX: usize = 100;

    pub fn new(name: &str, version: &str) -> Self {
        let printable = |c: &char| !c.is_control();
        Self(format!("{name}/{version}").chars().filter(printable).take(Self::MAX).collect())
    }

    pub(super) fn scrubbed(&self, scrubber: &Scrubber) -> Scrubbed {
        Scrubbed::already_scrubbed(scrubber.text(&self.0).value)
    }
}
