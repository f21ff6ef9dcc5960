//! Hosts: DNS names and addresses, in one spelling each.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Malformed;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    Https,
    Http,
}

impl Scheme {
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.eq_ignore_ascii_case("https") {
            Ok(Self::Https)
        } else if text.eq_ignore_ascii_case("http") {
            Ok(Self::Http)
        } else {
            Err(Malformed::Scheme)
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    pub fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a request goes. Displayed as in an URL: IPv6 stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    Dns(DnsName),
    Ip(IpAddr),
}

impl Host {
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.is_empty() {
            return Err(Malformed::EmptyHost);
        }
        if text.contains('%') {
            return Err(Malformed::EncodedHost);
        }
        if text.ends_with('.') {
            return Err(Malformed::TrailingDot);
        }
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(Malformed::OddAddress)?;
            return Ok(Self::Ip(IpAddr::V6(ipv6(inner)?)));
        }
        if ends_in_number(text) {
            // `Ipv4Addr` itself knows four decimal numbers without leading zeros and nothing else.
            let address: Ipv4Addr = text.parse().map_err(|_| Malformed::OddAddress)?;
            return Ok(Self::Ip(IpAddr::V4(address)));
        }
        DnsName::parse(text).map(Self::Dns)
    }

    /// Whether the text itself says this machine. Nothing is resolved: `localhost`, 127.0.0.0/8 and `::1`.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Dns(name) => name.as_str() == "localhost",
            Self::Ip(address) => address.is_loopback(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(IpAddr::V4(address)) => address.fmt(f),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// A DNS name: lower case, A-labels, no trailing dot, at most 253 characters, and never one that ends in a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(String);

impl DnsName {
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.is_empty() {
            return Err(Malformed::EmptyHost);
        }
        if text.ends_with('.') {
            return Err(Malformed::TrailingDot);
        }
        if !text.is_ascii() {
            return Err(Malformed::NonAscii);
        }
        if ends_in_number(text) {
            return Err(Malformed::OddAddress);
        }
        let name = text.to_ascii_lowercase();
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(Malformed::HostName);
        }
        if name.split('.').any(|label| label.starts_with("xn--")) {
            // Made-up A-labels decode to nothing, or to text that encodes differently: two names for one host.
            let encoded = idna::domain_to_ascii_strict(&name).ok();
            if encoded.as_ref() != Some(&name) {
                return Err(Malformed::HostName);
            }
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_label(label: &str) -> bool {
    let hyphens_34 = label.get(2..4) == Some("--") && !label.starts_with("xn--");
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
        && !hyphens_34
}

/// What a lenient resolver would take for an IPv4 address: the last label is decimal, octal or hex.
fn ends_in_number(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()),
    }
}

fn ipv6(text: &str) -> Result<Ipv6Addr, Malformed> {
    let address: Ipv6Addr = text.parse().map_err(|_| Malformed::OddAddress)?;
    // `[::ffff:127.0.0.1]` and `[::7f00:1]` are 127.0.0.1 to a socket and something else to whoever compares text.
    let has_ipv4_inside = address.to_ipv4().is_some() && !address.is_loopback() && !address.is_unspecified();
    if has_ipv4_inside || address.to_string() != text.to_ascii_lowercase() {
        return Err(Malformed::OddAddress);
    }
    Ok(address)
}

/// `host` or `host:port`, as URLs and grants write it.
pub(crate) fn split_port(text: &str) -> Result<(&str, Option<u16>), Malformed> {
    let (host, port) = match text.find(']') {
        Some(end) if text.starts_with('[') => {
            let (host, rest) = text.split_at(end + 1);
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(Malformed::OddAddress),
            }
        }
        _ => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    Ok((host, port.map(parse_port).transpose()?))
}

fn parse_port(text: &str) -> Result<u16, Malformed> {
    if text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Malformed::Port);
    }
    text.parse().map_err(|_| Malformed::Port)
}
