//! Host patterns: one host, or every host one label below a name.

use std::fmt;

use crate::outbound::{DnsName, Host, Malformed, Scheme, split_port};

/// A host or `*.` and a name, on one port of one scheme. Lower case and with its port filled in from the moment it
/// exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPattern {
    scheme: Scheme,
    name: Name,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Name {
    Exact(Host),
    Below(DnsName),
}

/// A text that is no host pattern. The operator's own text, so it is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "host {found:?}: {problem}; accepted are `api.example.com`, `*.example.com`, `192.0.2.1`, `[2001:db8::1]`, each also with `:port`"
)]
pub struct BadHost {
    pub found: String,
    pub problem: BadHostProblem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHostProblem {
    #[error("{0}")]
    Host(Malformed),
    #[error("it is an URL, not a host")]
    Url,
    #[error("`*.` stands before a DNS name and for one whole label")]
    Wildcard,
    #[error("everybody can register names below it")]
    PublicSuffix,
    #[error("http is for this machine alone (localhost, 127.0.0.1, [::1])")]
    PlainHttp,
}

impl HostPattern {
    /// `text` is `host` or `host:port`.
    pub fn parse(text: &str, scheme: Scheme) -> Result<Self, BadHost> {
        read(text, scheme).map_err(|problem| BadHost { found: text.chars().take(80).collect(), problem })
    }

    pub fn covers(&self, scheme: Scheme, host: &Host, port: u16) -> bool {
        let named = match (&self.name, host) {
            (Name::Exact(exact), host) => exact == host,
            (Name::Below(name), Host::Dns(host)) => {
                host.as_str().split_once('.').is_some_and(|(_, above)| above == name.as_str())
            }
            (Name::Below(_), Host::Ip(_)) => false,
        };
        named && self.scheme == scheme && self.port == port
    }

    /// Every host that this covers, `wide` covers too. Exact.
    pub fn is_within(&self, wide: &Self) -> bool {
        match &self.name {
            Name::Exact(host) => wide.covers(self.scheme, host, self.port),
            Name::Below(_) => self == wide,
        }
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Covers one host alone.
    pub fn is_exact(&self) -> bool {
        match self.name {
            Name::Exact(_) => true,
            Name::Below(_) => false,
        }
    }

    /// The pattern itself says this machine.
    pub fn is_loopback(&self) -> bool {
        match &self.name {
            Name::Exact(host) => host.is_loopback(),
            Name::Below(_) => false,
        }
    }
}

/// As the manifest writes it: without the scheme, and with the port where it is not the scheme's own.
impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::Exact(host) => write!(f, "{host}")?,
            Name::Below(name) => write!(f, "*.{name}")?,
        }
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

fn read(text: &str, scheme: Scheme) -> Result<HostPattern, BadHostProblem> {
    if text.contains('/') {
        return Err(BadHostProblem::Url);
    }
    if text.contains('@') {
        return Err(BadHostProblem::Host(Malformed::UserInfo));
    }
    let (host, port) = split_port(text).map_err(BadHostProblem::Host)?;
    let name = match host.strip_prefix("*.") {
        Some(name) => {
            let name = DnsName::parse(name).map_err(|_| BadHostProblem::Wildcard)?;
            if is_public(&name) {
                return Err(BadHostProblem::PublicSuffix);
            }
            Name::Below(name)
        }
        None if host.contains('*') => return Err(BadHostProblem::Wildcard),
        None => Name::Exact(Host::parse(host).map_err(BadHostProblem::Host)?),
    };
    let pattern = HostPattern { scheme, name, port: port.unwrap_or(scheme.default_port()) };
    if scheme == Scheme::Http && !pattern.is_loopback() {
        return Err(BadHostProblem::PlainHttp);
    }
    Ok(pattern)
}

/// Whether strangers get names below `name`. Some lists of suffixes start one label lower (`*.compute.example`): what
/// the star would stand for is then a suffix itself.
fn is_public(name: &DnsName) -> bool {
    let is_suffix = |name: &str| psl::suffix_str(name) == Some(name);
    is_suffix(name.as_str()) || is_suffix(&format!("a.{name}"))
}
