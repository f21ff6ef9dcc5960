//! Other people's parsers, which somebody else may put between a shard and its upstream: what we accept Python's standard library reads
//! in the same way, part by part. Whatever two readers see differently has to be refused. The fuzz target `addresses` asks a third.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use nexus::outbound::{GuestRequest, Host, Outbound};
use nexus::policy::address::{Reach, check};
use serde_json::{Value, json};

use crate::conformance::tool;
use crate::support::repo;

/// Reads `{"urls": [..], "addresses": [..]}` and tells what each is.
const PYTHON: &str = r#"
import ipaddress, json, sys
from urllib.parse import parse_qsl, unquote, urlsplit

def url(text):
    parts = urlsplit(text)
    return {
        "scheme": parts.scheme,
        "host": parts.hostname,
        "port": parts.port or {"https": 443, "http": 80}[parts.scheme],
        "user": parts.username,
        "fragment": parts.fragment,
        "segments": [unquote(part, errors="strict") for part in (parts.path or "/").split("/")[1:]],
        "query": parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), errors="strict"),
    }

def address(text):
    ip = ipaddress.ip_address(text)
    return {"text": str(ip), "global": ip.is_global and not ip.is_multicast, "private": ip.is_private, "loopback": ip.is_loopback}

asked = json.load(sys.stdin)
print(json.dumps({"urls": [url(text) for text in asked["urls"]], "addresses": [address(text) for text in asked["addresses"]]}))
"#;

fn python(asked: &Value) -> Value {
    let mut child = Command::new(tool("python/bin/python3"))
        .args(["-I", "-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("./bootstrap test brings Python");
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let ran = child.wait_with_output().unwrap();
    assert!(ran.status.success(), "Python refuses what we accept");
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// The seeds of the fuzz target, and every host with every tail.
fn corpus() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for target in ["addresses", "outbound"] {
        for entry in fs::read_dir(repo().join("fuzz/seeds").join(target)).unwrap() {
            let text = String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap()).into_owned();
            all.extend(
                text.lines().flat_map(|line| [line.to_owned(), line.split(' ').next_back().unwrap().to_owned()]),
            );
        }
    }
    let hosts = [
        "a.example",
        "A.Example:443",
        "a.example:8443",
        "192.0.2.1",
        "127.0.0.1:1",
        "[2001:db8::1]",
        "[::1]:65535",
        "xn--bcher-kva.example",
        "a@b.example",
        "a.example:0",
        "a.example:",
        "0x7f.1",
        "127.1",
        "[::ffff:192.0.2.1]",
        "a.example.",
        "a_b.example",
        "localhost",
    ];
    let tails = [
        "",
        "/",
        "/a",
        "/a/",
        "/a/b?c=d",
        "?a=b",
        "/?a=b&c=",
        "/%41%2B?%61=%20",
        "/a:b@c,d;e",
        "/a:b@c,d",
        "/a%3Fb%23c",
        "/a//b",
        "/./a",
        "/a/..",
        "/%2e%2e/",
        "/a%2fb",
        "/a%00",
        "/a#b",
        "/a?b#c",
        "/a?b",
        "/a?=b",
        "/a?a=b&a=c",
        "/a?a=b;c=d",
        "/a?a=b+c",
        "/%c3%a9?a=%e2%82%ac",
        "/%ff",
        "/a b",
        "/a\tb",
        "/a\\b",
        "/[a]",
        "/a?a=%26%3D%3B",
        "/~a!$&'()*,=",
        "/a?a=!$'()*,:@/?~",
    ];
    for host in hosts {
        for tail in tails {
            all.extend(["https", "HTTPS", "http"].map(|scheme| format!("{scheme}://{host}{tail}")));
        }
    }
    all
}

#[test]
fn what_we_accept_python_reads_in_the_same_way() {
    let ask =
        |url: &str| Outbound::parse(GuestRequest { method: "GET".into(), url: url.into(), ..GuestRequest::default() });
    let (mut urls, mut ours, mut refused) = (Vec::new(), Vec::new(), 0);
    for url in corpus() {
        let Ok(outbound) = ask(&url) else {
            refused += 1;
            continue;
        };
        let host = match outbound.host() {
            Host::Dns(name) => name.to_string(),
            Host::Ip(ip) => ip.to_string(),
        };
        let expected = json!({
            "scheme": outbound.scheme().as_str(),
            "host": host,
            "port": outbound.port(),
            "user": null,
            "fragment": "",
            "segments": outbound.segments(),
            "query": outbound.query(),
        });
        // As the shard wrote it, and as it is sent.
        let sent = format!("{}://{}{}", outbound.scheme(), outbound.authority(), outbound.path_and_query());
        for url in [url, sent] {
            urls.push(url);
            ours.push(expected.clone());
        }
    }
    assert!(urls.len() > 200 && refused > 200, "{} are accepted, {refused} are not", urls.len());

    let addresses = addresses();
    let theirs = python(&json!({ "urls": urls, "addresses": addresses }));
    for ((url, ours), theirs) in urls.iter().zip(&ours).zip(theirs["urls"].as_array().unwrap()) {
        assert_eq!(ours, theirs, "{url}");
    }
    let (mut open, mut closed) = (0, 0);
    for (ip, theirs) in addresses.iter().zip(theirs["addresses"].as_array().unwrap()) {
        if check(*ip, Reach::default()).is_ok() {
            assert_eq!(theirs["global"], true, "{ip} may be dialled, and Python does not call it global");
            open += 1;
        } else {
            closed += 1;
        }
        if check(*ip, Reach { private: true, loopback: false }).is_ok() && check(*ip, Reach::default()).is_err() {
            assert_eq!((&theirs["private"], &theirs["loopback"]), (&json!(true), &json!(false)), "{ip}");
        }
        if check(*ip, Reach { private: false, loopback: true }).is_ok() && check(*ip, Reach::default()).is_err() {
            assert_eq!(theirs["loopback"], true, "{ip}");
        }
    }
    assert!(open > 100 && closed > 100, "{open} are open, {closed} are closed");
}

/// Two of each of the many ranges, and those at their ends.
fn addresses() -> Vec<IpAddr> {
    let mut all: BTreeSet<IpAddr> = BTreeSet::new();
    for a in 0..=255u8 {
        for [b, c, d] in
            [[0, 0, 0], [0, 0, 1], [64, 0, 1], [127, 255, 255], [168, 63, 16], [255, 255, 255], [31, 196, 1]]
        {
            all.insert(IpAddr::from([a, b, c, d]));
        }
    }
    for [a, b, c] in [
        [100, 63, 0],
        [100, 64, 0],
        [100, 127, 0],
        [169, 254, 169],
        [172, 15, 0],
        [172, 16, 0],
        [172, 31, 0],
        [172, 32, 0],
    ] {
        all.insert(IpAddr::from([a, b, c, 254]));
    }
    for [a, b, c] in [
        [192, 0, 0],
        [192, 0, 1],
        [192, 0, 2],
        [192, 88, 99],
        [192, 168, 0],
        [198, 17, 0],
        [198, 18, 0],
        [198, 19, 255],
        [198, 51, 100],
    ] {
        all.insert(IpAddr::from([a, b, c, 9]));
    }
    for first in [
        0, 0x64, 0x100, 0x1fff, 0x2000, 0x2001, 0x2002, 0x2606, 0x2a00, 0x3ffe, 0x3fff, 0x4000, 0x5f00, 0xfc00, 0xfd00,
        0xfe80, 0xfec0, 0xff02,
    ] {
        for second in [0, 2, 0x10, 0x20, 0xdb8, 0xec2, 0x1000, 0xff9b, 0xffff] {
            all.insert(IpAddr::from([first, second, 0, 0, 0, 0, 0, 1]));
            all.insert(IpAddr::from([first, second, 0, 0, 0, 0xffff, 0x7f00, 1]));
        }
    }
    all.into_iter().collect()
}
