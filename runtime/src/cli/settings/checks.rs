//! What a settings file may say beyond its types: numbers within bounds, and names that something can answer to. Whatever can
//! be told from the file alone is told before anything starts.
//!
//! | key | accepted | why others are not |
//! |---|---|---|
//! | numbers of `loading` and `http` | [`NUMBERS`] | one that is absurd switches off what it stands for |
//! | `http.allowed-hosts` | a name or an address, and a port from 1 if any | nothing else can stand in `Host`, so it would let nobody in |
//! | `http.allowed-origins` | `scheme://host`, a port or `:*` behind it if any, or `null` | browsers send nothing else |
//! | `results.tools` | names that a tool can have | it would mask or show nothing |

use std::net::Ipv6Addr;

use super::{File, SettingsError};
use crate::names::ToolName;

/// In seconds.
pub(super) const HOUR: u64 = 3_600;
pub(super) const MOST_IDLE: u64 = 7 * 24 * HOUR;
/// Clients that one process can serve, whatever its limit of open files.
pub(super) const MOST_CLIENTS: u64 = 65_536;
/// Bytes in which a small component can be compiled, and more than any needs.
pub(super) const LEAST_COMPILING: u64 = 64 << 20;
pub(super) const MOST_COMPILING: u64 = 64 << 30;

/// Each number, with the least and the most that it may be.
const NUMBERS: [(&str, u64, u64, Read); 9] = [
    ("loading.compile-seconds", 1, HOUR, |file| Some(file.loading.compile_seconds.get().into())),
    ("loading.compile-bytes", LEAST_COMPILING, MOST_COMPILING, |file| Some(file.loading.compile_bytes)),
    ("http.max-connections", 1, MOST_CLIENTS, |file| Some(file.http.max_connections.get().into())),
    ("http.max-per-address", 1, MOST_CLIENTS, |file| file.http.max_per_address.map(|most| most.get().into())),
    ("http.max-sessions", 1, MOST_CLIENTS, |file| Some(file.http.max_sessions.get().into())),
    ("http.session-idle-seconds", 1, MOST_IDLE, |file| Some(file.http.session_idle_seconds.get().into())),
    ("http.head-seconds", 1, HOUR, |file| Some(file.http.head_seconds.get().into())),
    ("http.body-seconds", 1, HOUR, |file| Some(file.http.body_seconds.get().into())),
    ("http.idle-seconds", 1, HOUR, |file| Some(file.http.idle_seconds.get().into())),
];

type Read = fn(&File) -> Option<u64>;

pub(super) fn check(file: &File) -> Result<(), SettingsError> {
    for (key, least, most, read) in NUMBERS {
        if let Some(found) = read(file).filter(|found| !(least..=most).contains(found)) {
            return Err(SettingsError::Number { key, found, least, most });
        }
    }
    let bad = |key, found: &str, expected| Err(SettingsError::Entry { key, found: found.to_owned(), expected });
    if let Some(entry) = file.http.allowed_hosts.iter().find(|entry| !can_be_host(entry)) {
        return bad(
            "http.allowed-hosts",
            entry,
            "a name or an address as in \"nexus.example.com\", with a port if any",
        );
    }
    if let Some(entry) = file.http.allowed_origins.iter().find(|entry| !can_be_origin(entry)) {
        return bad("http.allowed-origins", entry, "an origin as in \"https://app.example.com:443\", without a path");
    }
    if let Some(entry) = file.results.tools.keys().find(|name| ToolName::parse(name).is_err()) {
        return bad("results.tools", entry, "a tool name: [a-z][a-z0-9_]*, at most 64 characters");
    }
    Ok(())
}

/// Whether a client can send it in `Host`. An underscore is no part of a DNS name, but of names within a cluster.
fn can_be_host(entry: &str) -> bool {
    if entry.parse::<Ipv6Addr>().is_ok() {
        return true;
    }
    if let Some((address, rest)) = entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok() && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = entry.split_once(':').map_or((entry, None), |(name, port)| (name, Some(port)));
    is_name(name) && port.is_none_or(is_port)
}

fn can_be_origin(entry: &str) -> bool {
    if entry == "null" {
        return true;
    }
    let Some((scheme, host)) = entry.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b));
    let host = host.strip_suffix(":*").unwrap_or(host);
    // A bare IPv6 address stands in brackets in an origin.
    is_scheme && can_be_host(host) && host.parse::<Ipv6Addr>().is_err()
}

fn is_name(text: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    text.len() <= 254 && text.strip_suffix('.').unwrap_or(text).split('.').all(is_label)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}
