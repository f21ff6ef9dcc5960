//! How much clients may take, in all and from one address.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// The operator's, or the defaults.
#[derive(Debug, Clone, Copy)]
pub struct ClientLimits {
    pub connections: usize,
    /// Of one address. None: three quarters of all for this machine itself, a quarter for any other.
    pub per_address: Option<usize>,
    /// Of the protocol versions that have sessions.
    pub sessions: usize,
    pub session_idle: Duration,
    /// From a connection's first byte, or its beginning, to the end of a request's head.
    pub head: Duration,
    /// For a whole body. So long may an answer wait for a client to take any of it, too.
    pub body: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            per_address: None,
            sessions: 512,
            session_idle: Duration::from_secs(1800),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        }
    }
}

impl ClientLimits {
    /// Requests that are being answered. Half of the connections at most, so that one can always be closed for a new one.
    pub(super) fn requests(&self) -> usize {
        (self.connections / 2).max(1)
    }

    /// Streams of events that stay open until the client goes.
    pub(super) fn streams(&self) -> usize {
        (self.connections / 4).max(1)
    }

    /// The part of `all` that one address may have.
    pub(super) fn share(&self, all: usize, client: ClientAddress) -> usize {
        let share = match self.per_address {
            Some(share) => share,
            None if client.is_loopback() => all - all / 4,
            None => all / 4,
        };
        share.clamp(1, all.max(1))
    }
}

/// Who is counted as one: an address of IPv4, a network of 64 bits in IPv6, where anybody has a whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClientAddress(IpAddr);

impl ClientAddress {
    pub(super) fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(address),
        })
    }

    fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientAddress {
        ClientAddress::new(address.parse().unwrap())
    }

    #[test]
    fn an_address_counts_as_what_one_person_has() {
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:ffff::9"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert!(client("::1").is_loopback() && client("127.9.9.9").is_loopback() && !client("::2").is_loopback());
    }

    #[test]
    fn nobody_has_everything_and_somebody_something() {
        let limits = ClientLimits::default();
        let (near, far) = (client("127.0.0.1"), client("192.0.2.1"));
        assert_eq!((limits.share(1024, near), limits.share(1024, far)), (768, 256));
        assert_eq!((limits.share(1, near), limits.share(1, far), limits.share(0, far)), (1, 1, 1));
        let limits = ClientLimits { per_address: Some(300), ..limits };
        assert_eq!((limits.share(1024, near), limits.share(1024, far), limits.share(100, far)), (300, 300, 100));
        // What cannot be closed to make room is never all.
        for connections in [4, 5, 100, 1024] {
            let limits = ClientLimits { connections, ..limits };
            assert!(limits.requests() + limits.streams() < connections, "{connections}");
        }
    }
}
