//! URLs and addresses, a line each, against another parser: what we accept the `url` crate (WHATWG's rules) reads in the same
//! way, part by part. What the two read differently we have to refuse. And an address that may be dialled is an ordinary public
//! one by the standard library's word, bit by bit. Python's parsers are asked in `tests/spec/parsers.rs`, over the seeds.

#![no_main]

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use nexus_fuzz::outbound::{GuestRequest, Host, Outbound};
use nexus_fuzz::policy::address::{Reach, check};
use percent_encoding::percent_decode_str;
use url::Url;

fn check_url(text: &str) {
    let asked = GuestRequest { method: "GET".into(), url: text.to_owned(), ..GuestRequest::default() };
    let Ok(ours) = Outbound::parse(asked) else { return };
    let theirs = Url::parse(text).unwrap_or_else(|error| panic!("{text:?} was accepted, and it is no URL: {error}"));
    assert_eq!(theirs.scheme(), ours.scheme().as_str(), "{text:?}");
    assert_eq!(theirs.username(), "", "{text:?}");
    assert_eq!(theirs.password(), None, "{text:?}");
    assert_eq!(theirs.fragment(), None, "{text:?}");
    assert_eq!(theirs.port_or_known_default(), Some(ours.port()), "{text:?}");
    assert_eq!(theirs.host_str(), Some(ours.host().to_string().as_str()), "{text:?}");
    let decode = |text: &str| percent_decode_str(text).decode_utf8().map(Cow::into_owned).expect("it was UTF-8 before");
    let segments: Vec<String> = theirs.path_segments().expect("it has a host").map(decode).collect();
    assert_eq!(segments, ours.segments(), "{text:?}");
    let query: Vec<(String, String)> = theirs.query_pairs().into_owned().collect();
    assert_eq!(query, ours.query(), "{text:?}");

    // What is sent is read likewise, and says the same.
    let sent = format!("{}://{}{}", ours.scheme(), ours.authority(), ours.path_and_query());
    let theirs = Url::parse(&sent).unwrap_or_else(|error| panic!("{text:?} is sent as {sent:?}: {error}"));
    assert_eq!(theirs.path(), ours.path(), "{text:?}");
    assert_eq!(theirs.as_str(), sent, "{text:?}");
    let query: Vec<(String, String)> = theirs.query_pairs().into_owned().collect();
    assert_eq!(query, ours.query(), "{text:?}");
}

fn check_host(text: &str) {
    let Ok(ours) = Host::parse(text) else { return };
    let theirs = url::Host::parse(text).unwrap_or_else(|error| panic!("{text:?} was accepted: {error}"));
    match (&ours, &theirs) {
        (Host::Dns(ours), url::Host::Domain(theirs)) => assert_eq!(ours.as_str(), theirs),
        (Host::Ip(IpAddr::V4(ours)), url::Host::Ipv4(theirs)) => assert_eq!(ours, theirs),
        (Host::Ip(IpAddr::V6(ours)), url::Host::Ipv6(theirs)) => assert_eq!(ours, theirs),
        _ => panic!("{text:?} is {ours:?} to us and {theirs:?} to others"),
    }
    assert!(Host::parse(&ours.to_string()).as_ref() == Ok(&ours), "{text:?}");
    if let Host::Ip(ip) = ours {
        check_address(ip);
    }
}

/// By other means than the table of `policy/address.rs`.
fn check_address(ip: IpAddr) {
    let (closed, open) = (Reach::default(), Reach { private: true, loopback: true });
    let bits = match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    if let Ok(checked) = check(ip, closed) {
        assert_eq!(checked.ip(), ip);
        assert!(check(ip, open).is_ok(), "{ip}: more reach closes nothing");
        let ordinary = match ip {
            IpAddr::V4(ip) => {
                let odd = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_broadcast();
                let odd = odd || ip.is_documentation() || ip.is_unspecified() || ip.is_multicast();
                let [a, b, c, _] = ip.octets();
                let shared = a == 100 && b & 0xc0 == 64;
                let special = a == 0 || a >= 240 || (a, b, c) == (192, 0, 0) || a == 198 && b & 0xfe == 18;
                !odd && !shared && !special
            }
            IpAddr::V6(ip) => {
                let groups = ip.segments();
                let global = groups[0] >> 13 == 1;
                let protocols = groups[0] == 0x2001 && groups[1] < 0x200;
                let documents = groups[0] == 0x2001 && groups[1] == 0xdb8 || groups[0] == 0x3fff && groups[1] < 0x1000;
                global && !protocols && !documents && groups[0] != 0x2002 && ip.to_ipv4().is_none()
            }
        };
        assert!(ordinary, "{ip} may be dialled");
        assert_ne!(bits, 0);
    }
    if check(ip, open).is_ok() && check(ip, closed).is_err() {
        let within = match ip {
            IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.segments()[0] & 0xfe00 == 0xfc00,
        };
        assert!(within, "{ip} is opened and is neither private nor of this machine");
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(octets) = bytes.first_chunk() {
        check_address(Ipv4Addr::from_octets(*octets).into());
    }
    if let Some(octets) = bytes.first_chunk() {
        check_address(Ipv6Addr::from_octets(*octets).into());
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for line in text.split('\n').take(8) {
        check_url(line);
        check_host(line);
        if let Ok(ip) = line.parse() {
            check_address(ip);
        }
    }
});
