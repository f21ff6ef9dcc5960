//! Hostile upstreams on real sockets: what a shard is told of each, that an honest reply on the next connection is read,
//! and that a neighbour with another upstream is served meanwhile.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;

use crate::corpus::row::{Ask, Ending};
use crate::corpus::{self, NEIGHBOUR};
use crate::support::mcp::Http;
use crate::support::raw::{Act, Certificate, Raw, honest, reply, status};
use crate::support::record::record;
use crate::support::table::{self, Attempt, Neighbour};
use crate::support::upstream::Upstream;
use crate::support::{Nexus, shards};

/// An upstream that does one thing.
struct Row {
    name: &'static str,
    tries: &'static str,
    holds: &'static str,
    act: Act,
    ending: Ending,
    /// How many requests reach it: a retry is one more.
    requests: usize,
}

fn row(
    name: &'static str,
    tries: &'static str,
    holds: &'static str,
    act: Act,
    told: &'static str,
    requests: usize,
) -> Row {
    Row { name, tries, holds, act, ending: Ending::Told(told), requests }
}

/// It takes all the time that there is.
fn endless(name: &'static str, tries: &'static str, act: Act, requests: usize) -> Row {
    Row { name, tries, holds: "`limits.deadline`", act, ending: Ending::Fails(&["deadline"]), requests }
}

/// Calls a guest that makes one granted request of each upstream in turn.
fn check(title: &str, rows: Vec<Row>) {
    let (upstream, raw) = (Upstream::new(), Raw::new());
    let nexus = raw.reached_by(Nexus::new().with_shard(&shards().join("workday")), &upstream);
    let long = corpus::install(&nexus, 1, "host-port", &[]);
    let short = corpus::install(&nexus, 2, "host-port", &[("deadline = \"60s\"", "deadline = \"3s\"")]);
    let server = nexus.serve();
    let client = server.client();
    let (mut attempts, mut wrong) = (Vec::new(), Vec::new());
    // The token, and a first connection.
    assert_eq!(corpus::ended(&client, &long, Ask::Call, 0), "200");
    raw.requests();
    for row in rows {
        let component = if matches!(row.ending, Ending::Fails(_)) { &short } else { &long };
        let mut neighbour = Neighbour::default();
        call_neighbour(&client, &mut neighbour);
        raw.act(row.act);
        let seen = thread::scope(|scope| {
            let asked = scope.spawn(|| corpus::ended(&server.client(), component, Ask::Call, 0));
            while !asked.is_finished() {
                call_neighbour(&client, &mut neighbour);
            }
            asked.join().unwrap()
        });
        call_neighbour(&client, &mut neighbour);
        let requests = raw.requests();
        if !row.ending.is(&seen) {
            wrong.push(format!("{}: {seen}, and not {}", row.name, row.ending.words()));
        }
        if requests.len() != row.requests {
            wrong.push(format!("{}: {} requests, and not {}: {requests:?}", row.name, requests.len(), row.requests));
        }
        if neighbour.slowest > NEIGHBOUR {
            wrong.push(format!("{}: a neighbour's call took {:?}", row.name, neighbour.slowest));
        }
        raw.act(honest());
        let said = corpus::ended(&client, &long, Ask::Call, 0);
        let requests = raw.requests();
        if said != "200" || requests.len() != 1 || requests[0].to_lowercase().contains("cookie") {
            wrong.push(format!("{}: afterwards an honest upstream is told as {said}, asked by {requests:?}", row.name));
        }
        attempts.push(Attempt {
            name: row.name.to_owned(),
            tries: row.tries.to_owned(),
            holds: row.holds.to_owned(),
            result: row.ending.words(),
            neighbour,
        });
    }
    assert!(wrong.is_empty(), "{}\n\nthe log:\n{}", wrong.join("\n"), server.log());
    server.stop();
    record(&nexus);
    table::check(title, &attempts);
}

fn call_neighbour(client: &Http, neighbour: &mut Neighbour) {
    let start = Instant::now();
    let workers = client.call("workday_list_workers", json!({ "limit": 1, "offset": 0 }));
    neighbour.answered(start.elapsed());
    assert_eq!(workers["structuredContent"]["workers"].as_array().map(Vec::len), Some(1), "{workers:#}");
}

fn redirect(line: &str, to: &str) -> Act {
    Act::Say(status(line, &format!("Location: {to}\r\n"), b""))
}

/// A head as it stands, and what follows.
fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

const NOT_FOLLOWED: &str = "a redirect is a reply";
const MOMENT: Duration = Duration::from_millis(100);

#[test]
fn a_redirect_is_not_followed() {
    let rows = vec![
        row(
            "redirect-same",
            "redirects to another path of its own",
            NOT_FOLLOWED,
            redirect("302 Found", "/v1.0/groups"),
            "302",
            1,
        ),
        row(
            "redirect-other",
            "redirects to another host",
            NOT_FOLLOWED,
            redirect("302 Found", "https://evil.test/"),
            "302",
            1,
        ),
        row(
            "redirect-plain",
            "redirects to plain HTTP",
            NOT_FOLLOWED,
            redirect("301 Moved Permanently", "http://graph.microsoft.com/v1.0/users"),
            "301",
            1,
        ),
        row(
            "redirect-inside",
            "redirects to this machine",
            NOT_FOLLOWED,
            redirect("307 Temporary Redirect", "http://127.0.0.1/"),
            "307",
            1,
        ),
        row(
            "redirect-loop",
            "redirects to itself",
            NOT_FOLLOWED,
            redirect("308 Permanent Redirect", "/v1.0/users?$top=1"),
            "308",
            1,
        ),
    ];
    check("Upstreams: redirects", rows);
}

#[test]
fn a_body_is_whole_bounded_and_in_time() {
    const LIMIT: &str = "`limits.reply-bytes`";
    const WHOLE: &str = "a reply is whole or an error";
    let chunked = |body: &str| say(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
    let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    // 64 MiB of zeros.
    let bomb = vec![0; 64 << 20];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&bomb).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(&bomb).unwrap();
    let deflate = deflate.finish().unwrap();
    let rows = vec![
        row(
            "body-endless",
            "sends without end",
            LIMIT,
            Act::SayOn(head.clone(), chunk, Duration::ZERO),
            "bad-reply",
            1,
        ),
        endless("body-slow", "sends a byte at a time", Act::SayOn(head, b"1\r\nx\r\n".to_vec(), MOMENT), 1),
        row(
            "body-torn",
            "breaks off",
            WHOLE,
            Act::SayAndCut(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec()),
            "bad-reply",
            1,
        ),
        row(
            "body-short",
            "says a length that is too long",
            WHOLE,
            say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
            "bad-reply",
            1,
        ),
        row(
            "body-long",
            "says a length that is too short",
            "the rest answers nobody",
            say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"),
            "200",
            1,
        ),
        row(
            "body-announced",
            "says a length of 99 GB",
            LIMIT,
            say("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
            "bad-reply",
            1,
        ),
        row(
            "body-lengths",
            "says two lengths",
            WHOLE,
            say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
            "bad-reply",
            1,
        ),
        row(
            "bomb-gzip",
            "packs 64 MiB of zeros",
            LIMIT,
            Act::Say(reply("Content-Encoding: gzip\r\n", &gzip)),
            "bad-reply",
            1,
        ),
        row(
            "bomb-deflate",
            "packs them in another way",
            "gzip alone is unpacked",
            Act::Say(reply("Content-Encoding: deflate\r\n", &deflate)),
            "bad-reply",
            1,
        ),
        row(
            "bomb-twice",
            "packs them twice",
            "gzip alone is unpacked",
            Act::Say(reply("Content-Encoding: gzip, gzip\r\n", &gzip)),
            "bad-reply",
            1,
        ),
        row(
            "chunk-garbage",
            "sends chunks whose length is no number",
            WHOLE,
            chunked("zz\r\nhello\r\n0\r\n\r\n"),
            "bad-reply",
            1,
        ),
        row(
            "chunk-huge",
            "sends a chunk longer than any number",
            WHOLE,
            chunked("fffffffffffffffffff\r\nhello\r\n"),
            "bad-reply",
            1,
        ),
        row(
            "chunk-extension",
            "sends a chunk with 1 MiB of extension",
            WHOLE,
            chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(1 << 20))),
            "bad-reply",
            1,
        ),
    ];
    check("Upstreams: bodies", rows);
}

#[test]
fn a_head_is_bounded_and_one_head() {
    const HEAD: &str = "64 KiB and 100 fields of a head";
    const ONE: &str = "a head is HTTP/1.1 or an error";
    let fields: String = (0..10_000).map(|n| format!("X-{n}: 1\r\n")).collect();
    let rows = vec![
        row("head-many", "sends 10,000 fields", HEAD, Act::Say(reply(&fields, b"{}")), "bad-reply", 1),
        row(
            "head-long",
            "sends a field of 1 MiB",
            HEAD,
            Act::Say(reply(&format!("X: {}\r\n", "x".repeat(1 << 20)), b"{}")),
            "bad-reply",
            1,
        ),
        row(
            "head-line",
            "sends a first line of 1 MiB",
            HEAD,
            say(&format!("HTTP/1.1 200 {}\r\n\r\n", "x".repeat(1 << 20))),
            "bad-reply",
            1,
        ),
        endless(
            "head-slow",
            "sends a head a byte at a time",
            Act::SayOn(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), b"x".to_vec(), MOMENT),
            1,
        ),
        endless(
            "head-continue",
            "says without end that more is to come",
            Act::SayOn(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), Duration::from_millis(1)),
            1,
        ),
        row(
            "head-upgrade",
            "changes to another protocol",
            ONE,
            say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: upgrade\r\n\r\n"),
            "bad-reply",
            1,
        ),
        row("head-none", "sends a body and no head", ONE, say("hello\n"), "bad-reply", 1),
        row(
            "head-status",
            "sends a status that is no number",
            ONE,
            say("HTTP/1.1 2OO OK\r\nContent-Length: 2\r\n\r\n{}"),
            "bad-reply",
            1,
        ),
        row(
            "head-folded",
            "sends a field of two lines",
            ONE,
            say("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n{}"),
            "bad-reply",
            1,
        ),
        row(
            "head-cookie",
            "sets a cookie",
            "cookies are not kept",
            Act::Say(reply("Set-Cookie: a=b; Path=/\r\n", b"{}")),
            "200",
            1,
        ),
        row(
            "head-hops",
            "sends what belongs to a connection",
            "it is not the shard's",
            Act::Say(reply("Keep-Alive: timeout=9999\r\nProxy-Authenticate: Basic\r\n", b"{}")),
            "200",
            1,
        ),
    ];
    check("Upstreams: heads", rows);
}

#[test]
fn who_says_no_for_ever_is_asked_three_times() {
    const RETRY: &str = "3 attempts, none past the deadline";
    let many = |fields: &str| Act::Say(status("429 Too Many Requests", fields, b"{}"));
    let rows = vec![
        row("status-429", "is busy for ever", RETRY, many(""), "429", 3),
        row(
            "retry-huge",
            "is busy for longer than a number can say",
            RETRY,
            many("Retry-After: 99999999999999999999999\r\n"),
            "429",
            1,
        ),
        row("retry-negative", "is busy for less than no time", RETRY, many("Retry-After: -5\r\n"), "429", 3),
        row("retry-past", "was busy in 1994", RETRY, many("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), "429", 3),
        row(
            "retry-date",
            "is busy until 2999",
            RETRY,
            many("Retry-After: Wed, 06 Nov 2999 08:49:37 GMT\r\n"),
            "429",
            1,
        ),
        row(
            "status-401",
            "refuses every token",
            "one new token, and no more",
            Act::Say(status("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", b"{}")),
            "401",
            2,
        ),
    ];
    check("Upstreams: refusals", rows);
}

#[test]
fn a_handshake_convinces_or_nothing_is_said() {
    const NOTHING: &str = "the certificate is checked before a byte is sent";
    // An alert that says which version the server would speak, and a hello in that of 1999.
    let alert = b"\x15\x03\x01\x00\x02\x02\x46".to_vec();
    let old =
        [b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01".to_vec(), vec![7; 32], b"\x00\x00\x2f\x00".to_vec()].concat();
    let rows = vec![
        row(
            "tls-authority",
            "has a certificate of another authority",
            NOTHING,
            Act::Show(Certificate::OfAnotherAuthority),
            "untrusted",
            0,
        ),
        row(
            "tls-name",
            "has a certificate of another name",
            NOTHING,
            Act::Show(Certificate::OfAnotherName),
            "untrusted",
            0,
        ),
        row("tls-expired", "has a certificate of 2001", NOTHING, Act::Show(Certificate::Expired), "untrusted", 0),
        row("tls-alert", "speaks an old version alone", "TLS 1.2 and 1.3", Act::InPlain(alert), "unreachable", 0),
        row("tls-old", "answers in TLS 1.0", "TLS 1.2 and 1.3", Act::InPlain(old), "unreachable", 0),
        row(
            "tls-cut",
            "goes away in the handshake",
            "an outage is told as one",
            Act::InPlain(Vec::new()),
            "unreachable",
            0,
        ),
        row(
            "tls-plain",
            "answers in plain text",
            "TLS or nothing",
            Act::InPlain(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec()),
            "unreachable",
            0,
        ),
        endless("tls-silent", "accepts and says nothing", Act::Silent, 0),
    ];
    check("Upstreams: handshakes", rows);
}
