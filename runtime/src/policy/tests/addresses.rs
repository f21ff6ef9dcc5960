//! Which addresses may be dialled.

use std::net::IpAddr;

use super::address::{self, Forbidden, Reach};
use super::*;

/// The only caller of the address rules.
fn dial(ip: &str, reach: Reach) -> Result<(), Forbidden> {
    let ip: IpAddr = ip.parse().unwrap();
    address::check(ip, reach).map(|checked| assert_eq!(checked.ip(), ip))
}

const CLOSED: Reach = Reach { private: false, loopback: false };

const PRIVATE: Reach = Reach { private: true, loopback: false };

const LOOPBACK: Reach = Reach { private: false, loopback: true };

const OPEN: Reach = Reach { private: true, loopback: true };

#[test]
fn public_addresses_may_be_dialled() {
    for ip in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2003::1",
        "2600:1f18::1",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "3ffe::1",
    ] {
        assert_eq!(dial(ip, CLOSED), Ok(()), "{ip}");
    }
}

#[test]
fn addresses_that_are_not_public_are_opened_by_their_own_key_or_by_none() {
    use Forbidden::*;
    for (ip, kind, key) in [
        ("127.0.0.1", Loopback, Some(LOOPBACK)),
        ("127.255.255.255", Loopback, Some(LOOPBACK)),
        ("::1", Loopback, Some(LOOPBACK)),
        ("10.0.0.0", Private, Some(PRIVATE)),
        ("10.255.255.255", Private, Some(PRIVATE)),
        ("172.16.0.0", Private, Some(PRIVATE)),
        ("172.31.255.255", Private, Some(PRIVATE)),
        ("192.168.0.1", Private, Some(PRIVATE)),
        ("fc00::1", Private, Some(PRIVATE)),
        ("fdff:ffff::1", Private, Some(PRIVATE)),
        ("169.254.169.254", Metadata, None),
        ("169.254.170.2", Metadata, None),
        ("169.254.170.23", Metadata, None),
        ("168.63.129.16", Metadata, None),
        ("100.100.100.200", Metadata, None),
        ("192.0.0.192", Metadata, None),
        ("fd00:ec2::254", Metadata, None),
        ("fd00:ec2::23", Metadata, None),
        ("fd20:ce::254", Metadata, None),
        ("169.254.0.1", LinkLocal, None),
        ("169.254.255.255", LinkLocal, None),
        ("fe80::1", LinkLocal, None),
        ("febf::1", LinkLocal, None),
        ("100.64.0.0", Shared, None),
        ("100.127.255.255", Shared, None),
        ("0.0.0.0", Unspecified, None),
        ("::", Unspecified, None),
        ("0.0.0.1", Reserved, None),
        ("0.255.255.255", Reserved, None),
        ("192.0.0.1", Reserved, None),
        ("192.0.0.170", Reserved, None),
        ("192.88.99.1", Reserved, None),
        ("240.0.0.1", Reserved, None),
        ("255.255.255.254", Reserved, None),
        ("255.255.255.255", Multicast, None),
        ("224.0.0.1", Multicast, None),
        ("239.255.255.255", Multicast, None),
        ("ff02::1", Multicast, None),
        ("192.0.2.1", Documentation, None),
        ("198.51.100.1", Documentation, None),
        ("203.0.113.1", Documentation, None),
        ("198.18.0.0", Documentation, None),
        ("198.19.255.255", Documentation, None),
        ("2001:db8::1", Documentation, None),
        ("3fff:fff::1", Documentation, None),
        ("2001:2::1", Documentation, None),
        ("::ffff:127.0.0.1", Embedded, None),
        ("::ffff:10.0.0.1", Embedded, None),
        ("::ffff:8.8.8.8", Embedded, None),
        ("::127.0.0.1", Embedded, None),
        ("::8.8.8.8", Embedded, None),
        ("::2", Embedded, None),
        ("::ffff:0:127.0.0.1", Embedded, None),
        ("64:ff9b::7f00:1", Embedded, None),
        ("64:ff9b::808:808", Embedded, None),
        ("64:ff9b:1::1", Embedded, None),
        ("2002:7f00:1::", Embedded, None),
        ("2002:808:808::1", Embedded, None),
        ("2001::1", Embedded, None),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Embedded, None),
        ("2001:10::1", Reserved, None),
        ("2001:2f::1", Reserved, None),
        ("2001:1ff::1", Reserved, None),
        ("fec0::1", Reserved, None),
        ("100::1", Reserved, None),
        ("100:0:0:1::1", Reserved, None),
        ("64:ff9b:2::1", Reserved, None),
        ("5f00::1", Reserved, None),
        ("4000::1", Reserved, None),
        ("1::1", Reserved, None),
    ] {
        assert_eq!(dial(ip, CLOSED), Err(kind), "{ip}");
        for reach in [PRIVATE, LOOPBACK] {
            assert_eq!(dial(ip, reach).is_ok(), key == Some(reach), "{ip} {reach:?}");
        }
        assert_eq!(dial(ip, OPEN).is_ok(), key.is_some(), "{ip}");
    }
}

#[test]
fn private_addresses_need_the_manifest_and_the_operator() {
    let grant =
        |rest: &str| read(&format!("[[egress]]\nmethods = [\"GET\"]\npaths = [\"/\"]\n{rest}")).remove(0).reach();
    assert_eq!(grant("host = \"a.test\""), CLOSED);
    assert_eq!(grant("host = \"a.test\"\nprivate = true"), PRIVATE);
    assert_eq!(grant("host = \"localhost\"\nscheme = \"http\""), LOOPBACK);
    assert_eq!(grant("host = \"localhost.test\""), CLOSED);
    for (manifest, operator, both) in
        [(PRIVATE, OPEN, PRIVATE), (PRIVATE, CLOSED, CLOSED), (CLOSED, OPEN, CLOSED), (LOOPBACK, PRIVATE, CLOSED)]
    {
        assert_eq!(manifest.within(operator), both);
    }
}
