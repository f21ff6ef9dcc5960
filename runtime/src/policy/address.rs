//! Which addresses may be dialled. Whoever resolves a name asks about every answer, and dials what was checked.
//!
//! Promises: an address that is not an ordinary public one is refused, unless it is of this machine or of a private
//! range and `Reach` opens just that. Addresses at which clouds hand out credentials are never opened. IPv6 is closed
//! but for the global unicast range, so a range that is assigned tomorrow is closed today.
//!
//! An IPv6 address with an IPv4 address inside (mapped, compatible, translated, 6to4, Teredo) is refused whatever is
//! inside: it is a second spelling, and an upstream has no need of one. A host behind NAT64 that knows no IPv4 of its
//! own therefore reaches only upstreams with IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What may be dialled beside public addresses. Closed unless said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Reach {
    /// RFC 1918 and unique local addresses. Not link-local ones, not those of a carrier.
    pub private: bool,
    /// 127.0.0.0/8 and `::1`.
    pub loopback: bool,
}

impl Reach {
    /// What both allow: the manifest and the operator.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { private: self.private && other.private, loopback: self.loopback && other.loopback }
    }
}

/// An address that was judged. `check` alone makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CheckedAddr(IpAddr);

impl CheckedAddr {
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for CheckedAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What kind of address was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("address hands out a cloud's credentials or settings")]
    Metadata,
    #[error("address is of this machine")]
    Loopback,
    #[error("address is private")]
    Private,
    #[error("address is link-local")]
    LinkLocal,
    #[error("address is shared by a carrier's customers")]
    Shared,
    #[error("address names no host")]
    Unspecified,
    #[error("address is multicast or broadcast")]
    Multicast,
    #[error("address is for documentation or benchmarks")]
    Documentation,
    #[error("address holds an IPv4 address inside IPv6")]
    Embedded,
    #[error("address is reserved")]
    Reserved,
}

pub fn check(ip: IpAddr, reach: Reach) -> Result<CheckedAddr, Forbidden> {
    let kind = match ip {
        IpAddr::V4(ip) => kind_of_v4(ip),
        IpAddr::V6(ip) => kind_of_v6(ip),
    };
    match kind {
        None => Ok(CheckedAddr(ip)),
        Some(Forbidden::Private) if reach.private => Ok(CheckedAddr(ip)),
        Some(Forbidden::Loopback) if reach.loopback => Ok(CheckedAddr(ip)),
        Some(kind) => Err(kind),
    }
}

fn kind_of_v4(ip: Ipv4Addr) -> Option<Forbidden> {
    let covers = |net: Ipv4Addr, bits: u32| (ip.to_bits() ^ net.to_bits()) >> (32 - bits) == 0;
    V4.iter().find(|(net, bits, _)| covers(*net, *bits)).map(|(_, _, kind)| *kind)
}

fn kind_of_v6(ip: Ipv6Addr) -> Option<Forbidden> {
    let covers = |net: Ipv6Addr, bits: u32| (ip.to_bits() ^ net.to_bits()) >> (128 - bits) == 0;
    let known = V6.iter().find(|(net, bits, _)| covers(*net, *bits)).map(|(_, _, kind)| *kind);
    // RFC 4291, section 2.4, and IANA's registry: 2000::/3 is all that is assigned as global unicast.
    let global = covers(v6([0x2000, 0, 0, 0, 0, 0, 0, 0]), 3);
    known.or((!global).then_some(Forbidden::Reserved))
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

/// The first that covers an address is its kind, so a single address stands above its range. None has 0 bits.
const V4: &[(Ipv4Addr, u32, Forbidden)] = &[
    // Amazon, Google, Azure, DigitalOcean and others: instance metadata, with credentials.
    (v4(169, 254, 169, 254), 32, Forbidden::Metadata),
    // Amazon: credentials of tasks (ECS) and of pods (EKS).
    (v4(169, 254, 170, 2), 32, Forbidden::Metadata),
    (v4(169, 254, 170, 23), 32, Forbidden::Metadata),
    // Azure: WireServer, a public address that only its machines reach.
    (v4(168, 63, 129, 16), 32, Forbidden::Metadata),
    // Alibaba: instance metadata, within the shared range.
    (v4(100, 100, 100, 200), 32, Forbidden::Metadata),
    // Oracle: instance metadata of older machines, within the range for protocols.
    (v4(192, 0, 0, 192), 32, Forbidden::Metadata),
    // RFC 791 and RFC 1122, section 3.2.1.3: "this network". Linux dials 0.0.0.0 as loopback.
    (v4(0, 0, 0, 0), 32, Forbidden::Unspecified),
    (v4(0, 0, 0, 0), 8, Forbidden::Reserved),
    // RFC 1918: private.
    (v4(10, 0, 0, 0), 8, Forbidden::Private),
    (v4(172, 16, 0, 0), 12, Forbidden::Private),
    (v4(192, 168, 0, 0), 16, Forbidden::Private),
    // RFC 6598: shared address space of carriers.
    (v4(100, 64, 0, 0), 10, Forbidden::Shared),
    // RFC 1122, section 3.2.1.3: loopback.
    (v4(127, 0, 0, 0), 8, Forbidden::Loopback),
    // RFC 3927: link-local.
    (v4(169, 254, 0, 0), 16, Forbidden::LinkLocal),
    // RFC 6890: protocol assignments.
    (v4(192, 0, 0, 0), 24, Forbidden::Reserved),
    // RFC 5737: documentation.
    (v4(192, 0, 2, 0), 24, Forbidden::Documentation),
    (v4(198, 51, 100, 0), 24, Forbidden::Documentation),
    (v4(203, 0, 113, 0), 24, Forbidden::Documentation),
    // RFC 7526: the anycast relay of 6to4, withdrawn.
    (v4(192, 88, 99, 0), 24, Forbidden::Reserved),
    // RFC 2544: benchmarks.
    (v4(198, 18, 0, 0), 15, Forbidden::Documentation),
    // RFC 5771: multicast.
    (v4(224, 0, 0, 0), 4, Forbidden::Multicast),
    // RFC 919: limited broadcast.
    (v4(255, 255, 255, 255), 32, Forbidden::Multicast),
    // RFC 1112, section 4: reserved.
    (v4(240, 0, 0, 0), 4, Forbidden::Reserved),
];

const fn v6(segments: [u16; 8]) -> Ipv6Addr {
    Ipv6Addr::from_segments(segments)
}

/// The first that covers an address is its kind, so a single address stands above its range. None has 0 bits.
const V6: &[(Ipv6Addr, u32, Forbidden)] = &[
    // Amazon: metadata, name and time service of instances, credentials of pods.
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0]), 32, Forbidden::Metadata),
    // Google: instance metadata.
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]), 128, Forbidden::Metadata),
    // RFC 4291, sections 2.5.2 and 2.5.3.
    (v6([0, 0, 0, 0, 0, 0, 0, 0]), 128, Forbidden::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1]), 128, Forbidden::Loopback),
    // RFC 4291, section 2.5.5.2: IPv4-mapped. A socket that gets one dials the IPv4 address.
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0]), 96, Forbidden::Embedded),
    // RFC 4291, section 2.5.5.1: IPv4-compatible, withdrawn.
    (v6([0, 0, 0, 0, 0, 0, 0, 0]), 96, Forbidden::Embedded),
    // RFC 2765: IPv4-translated, withdrawn.
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0]), 96, Forbidden::Embedded),
    // RFC 6052: NAT64. RFC 8215: NAT64 with a prefix of one's own.
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0]), 96, Forbidden::Embedded),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0]), 48, Forbidden::Embedded),
    // RFC 4380: Teredo.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 32, Forbidden::Embedded),
    // RFC 3056: 6to4.
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0]), 16, Forbidden::Embedded),
    // RFC 5180: benchmarks.
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0]), 48, Forbidden::Documentation),
    // RFC 4843 and RFC 7343: ORCHID, names of hosts that no router knows.
    (v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0]), 28, Forbidden::Reserved),
    (v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0]), 28, Forbidden::Reserved),
    // RFC 2928: protocol assignments, with the three above.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 23, Forbidden::Reserved),
    // RFC 3849 and RFC 9637: documentation.
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]), 32, Forbidden::Documentation),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0]), 20, Forbidden::Documentation),
    // RFC 4193: unique local.
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0]), 7, Forbidden::Private),
    // RFC 4291, section 2.5.6: link-local.
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0]), 10, Forbidden::LinkLocal),
    // RFC 3879: site-local, withdrawn.
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0]), 10, Forbidden::Reserved),
    // RFC 4291, section 2.7: multicast.
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0]), 8, Forbidden::Multicast),
];
