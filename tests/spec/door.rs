//! The door: what a shard may send, and what only looks like it. The probe is a guest that sends any request it is told
//! to. A refusal counts only because the same probe is let through for what is granted.

use std::fs;

use serde_json::{Value, json};

use crate::support::mcp::Http;
use crate::support::{Nexus, guest, repo};

/// What the guest's manifest grants.
const GRANTED: &str = "https://graph.microsoft.com/v1.0/users?$top=1";
/// How a request ends that is granted.
const RELEASED: &str = "released";

/// Every row is a request and how it must end: `released`, or the code of a refusal, which means that nothing was sent.
#[track_caller]
fn check(rows: impl IntoIterator<Item = (Value, &'static str)>) {
    let nexus = Nexus::new().with_guest("hostile");
    let server = nexus.serve();
    let client = server.client();
    let control = (asked(GRANTED), RELEASED);
    let rows = [control.clone()].into_iter().chain(rows).chain([control]);
    let ended: Vec<_> = rows.map(|(request, expected)| (fetch(&client, &request), request, expected)).collect();
    server.stop();

    let ledger = nexus.ledger();
    let mut wrong = Vec::new();
    for ((call, ending), request, expected) in &ended {
        let crossings = crossings(&ledger, call);
        let sent = crossings.iter().any(|line| line["kind"] == "token" || !line["upstream_status"].is_null());
        let recorded = crossings.iter().filter(|line| line["phase"] == "ended").all(|line| match *expected {
            RELEASED => line["status"] == "success",
            code => line["status"] == "refused" && line["refusal"] == code,
        });
        let whole = !crossings.is_empty() && recorded && sent == (*expected == RELEASED);
        if ending != expected || !whole {
            wrong.push(format!("{request}\n    expected {expected}, was {ending}; on record: {crossings:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), ended.len(), wrong.join("\n"));
}

/// Sends one request and tells which call it was and how it ended.
fn fetch(client: &Http, request: &Value) -> (String, String) {
    let result = client.call("hostile_fetch", request.clone());
    let call = result["_meta"]["nexus/event-id"].as_str().unwrap_or_else(|| panic!("{result:#}")).to_owned();
    let data = &result["structuredContent"];
    let ending = match (&data["refusal"], &data["status"]) {
        (Value::String(code), Value::Null) => code.clone(),
        (Value::Null, Value::Number(status)) if status.as_u64() == Some(200) => RELEASED.to_owned(),
        _ => result.to_string(),
    };
    (call, ending)
}

fn crossings<'a>(ledger: &'a [Value], call: &str) -> Vec<&'a Value> {
    ledger.iter().filter(|line| line["parent_id"] == call).collect()
}

fn asked(url: &str) -> Value {
    json!({ "method": "GET", "url": url, "credential": "graph" })
}

/// Rows of URLs that all end alike.
fn urls(expected: &'static str, urls: &[&str]) -> Vec<(Value, &'static str)> {
    urls.iter().map(|url| (asked(url), expected)).collect()
}

#[test]
fn a_grant_covers_its_own_spellings_and_no_more() {
    check(urls(
        RELEASED,
        &[
            "https://graph.microsoft.com/v1.0/users",
            "https://GRAPH.Microsoft.COM/v1.0/users",
            "HTTPS://graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com:443/v1.0/users",
            "https://graph.microsoft.com/v1.0/%75sers",
            "https://graph.microsoft.com/v1%2e0/users",
            "https://graph.microsoft.com/v1.0/users?%24top=1",
            "https://graph.microsoft.com/v1.0/users?$select=id&$top=2",
        ],
    ));
}

#[test]
fn a_host_that_looks_like_the_granted_one_is_another_host() {
    check(urls(
        "not-granted",
        &[
            "https://graph.microsoft.com.evil.test/v1.0/users",
            "https://evil-graph.microsoft.com/v1.0/users",
            "https://evil.graph.microsoft.com/v1.0/users",
            "https://microsoft.com/v1.0/users",
            "https://graph.microsoft.co/v1.0/users",
            "https://graphmicrosoft.com/v1.0/users",
            "https://graph-microsoft.com/v1.0/users",
            "https://graph.microsoft.com-evil.test/v1.0/users",
            "https://graph.micr0soft.com/v1.0/users",
            "https://grapn.microsoft.com/v1.0/users",
            "https://graph.rnicrosoft.com/v1.0/users",
            "https://xn--grph-5na.microsoft.com/v1.0/users",
            "https://login.microsoftonline.com/v1.0/users",
            "https://evil.test/graph.microsoft.com/v1.0/users",
            "https://evil.test/v1.0/users?$top=graph.microsoft.com",
            "https://localhost/v1.0/users",
        ],
    ));
    check(urls(
        "malformed",
        &[
            "https://graph.microsoft.com./v1.0/users",
            "https://graph.microsoft.com../v1.0/users",
            "https://.graph.microsoft.com/v1.0/users",
            "https://graph..microsoft.com/v1.0/users",
            "https://graph.microsoft.com%2eevil.test/v1.0/users",
            "https://graph%2emicrosoft%2ecom/v1.0/users",
            "https://graph.microsoft.com%00.evil.test/v1.0/users",
            "https://graph.microsoft.com\0.evil.test/v1.0/users",
            "https://graph.microsoft.com%0d%0aHost:evil.test/v1.0/users",
            "https://graph.microsoft.com\r\n/v1.0/users",
            "https://graph\u{3002}microsoft\u{3002}com/v1.0/users",
            "https://gr\u{430}ph.microsoft.com/v1.0/users",
            "https://\u{ff47}raph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com\u{200b}/v1.0/users",
            "https://graph_microsoft.com/v1.0/users",
            "https://-graph.microsoft.com/v1.0/users",
            "https://xn--.microsoft.com/v1.0/users",
            "https://*.microsoft.com/v1.0/users",
            "https://graph.microsoft.com,evil.test/v1.0/users",
        ],
    ));
}

#[test]
fn only_https_to_the_granted_port() {
    check(urls(
        "malformed",
        &[
            "http://graph.microsoft.com/v1.0/users",
            "http://graph.microsoft.com:443/v1.0/users",
            "ftp://graph.microsoft.com/v1.0/users",
            "ws://graph.microsoft.com/v1.0/users",
            "wss://graph.microsoft.com/v1.0/users",
            "file:///etc/passwd",
            "file://graph.microsoft.com/v1.0/users",
            "gopher://graph.microsoft.com/v1.0/users",
            "data:text/plain,x",
            "unix:///var/run/docker.sock",
            "graph.microsoft.com/v1.0/users",
            "//graph.microsoft.com/v1.0/users",
            "https:graph.microsoft.com/v1.0/users",
            "https:/graph.microsoft.com/v1.0/users",
            "https:///graph.microsoft.com/v1.0/users",
            "https://https://graph.microsoft.com/v1.0/users",
            " https://graph.microsoft.com/v1.0/users",
            "https ://graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com:/v1.0/users",
            "https://graph.microsoft.com:0/v1.0/users",
            "https://graph.microsoft.com:0443/v1.0/users",
            "https://graph.microsoft.com:+443/v1.0/users",
            "https://graph.microsoft.com:443:443/v1.0/users",
            "https://graph.microsoft.com:65979/v1.0/users",
            "https://graph.microsoft.com:4 43/v1.0/users",
            "https://graph.microsoft.com:https/v1.0/users",
            "",
            "/v1.0/users",
        ],
    ));
    check(urls(
        "not-granted",
        &[
            "https://graph.microsoft.com:80/v1.0/users",
            "https://graph.microsoft.com:444/v1.0/users",
            "https://graph.microsoft.com:8443/v1.0/users",
            "https://graph.microsoft.com:65535/v1.0/users",
            "http://localhost/v1.0/users",
            "http://127.0.0.1:8420/mcp",
        ],
    ));
}

#[test]
fn nothing_hides_a_host_behind_userinfo_fragments_or_backslashes() {
    check(urls(
        "malformed",
        &[
            "https://graph.microsoft.com@evil.test/v1.0/users",
            "https://user@graph.microsoft.com/v1.0/users",
            "https://user:password@graph.microsoft.com/v1.0/users",
            "https://@graph.microsoft.com/v1.0/users",
            "https://:@graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com:443@evil.test/v1.0/users",
            "https://evil.test\\@graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com\\.evil.test/v1.0/users",
            "https:\\\\graph.microsoft.com\\v1.0\\users",
            "https://evil.test#@graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com#.evil.test/v1.0/users",
            "https://graph.microsoft.com/v1.0/users#",
            "https://graph.microsoft.com/v1.0/users#fragment",
            "https://graph.microsoft.com/v1.0/users?$top=1#fragment",
        ],
    ));
}

#[test]
fn an_address_has_one_spelling_and_is_granted_by_none() {
    check(urls(
        "not-granted",
        &[
            "https://127.0.0.1/v1.0/users",
            "https://10.0.0.1/v1.0/users",
            "https://192.168.0.1/v1.0/users",
            "https://0.0.0.0/v1.0/users",
            "https://169.254.169.254/latest/meta-data/",
            "https://100.100.100.200/latest/meta-data/",
            "https://168.63.129.16/machine",
            "https://metadata.google.internal/computeMetadata/v1/",
            "https://[::1]/v1.0/users",
            "https://[::]/v1.0/users",
            "https://[fe80::1]/v1.0/users",
            "https://[fd00:ec2::254]/latest/meta-data/",
            "https://[2001:db8::1]/v1.0/users",
        ],
    ));
    check(urls(
        "malformed",
        &[
            "http://169.254.169.254/latest/meta-data/",
            "http://metadata.google.internal/computeMetadata/v1/",
            "https://2130706433/v1.0/users",
            "https://0x7f000001/v1.0/users",
            "https://0x7f.0.0.1/v1.0/users",
            "https://017700000001/v1.0/users",
            "https://0177.0.0.1/v1.0/users",
            "https://127.1/v1.0/users",
            "https://127.0.0.1./v1.0/users",
            "https://127.0.0.01/v1.0/users",
            "https://127.0.0.256/v1.0/users",
            "https://1.2.3.4.5/v1.0/users",
            "https://evil.test.1/v1.0/users",
            "https://[::ffff:127.0.0.1]/v1.0/users",
            "https://[::ffff:7f00:1]/v1.0/users",
            "https://[::127.0.0.1]/v1.0/users",
            "https://[0:0:0:0:0:0:0:1]/v1.0/users",
            "https://[::0001]/v1.0/users",
            "https://[fe80::1%25eth0]/v1.0/users",
            "https://[fe80::1%eth0]/v1.0/users",
            "https://[v1.x]/v1.0/users",
            "https://[::1/v1.0/users",
            "https://::1/v1.0/users",
            "https://[::1]evil.test/v1.0/users",
            "https://[graph.microsoft.com]/v1.0/users",
        ],
    ));
}

#[test]
fn a_path_is_granted_as_it_is_written() {
    check(urls(
        "not-granted",
        &[
            "https://graph.microsoft.com",
            "https://graph.microsoft.com/",
            "https://graph.microsoft.com/v1.0",
            "https://graph.microsoft.com/v1.0/users/",
            "https://graph.microsoft.com/v1.0/Users",
            "https://graph.microsoft.com/V1.0/users",
            "https://graph.microsoft.com/v1.0/users/alice.johnson@nexus.corp",
            "https://graph.microsoft.com/v1.0/groups",
            "https://graph.microsoft.com/beta/users",
            "https://graph.microsoft.com/v1.0/usersx",
            "https://graph.microsoft.com/v1.0/users%20",
            "https://graph.microsoft.com/v1.0/users%3F$top=1",
            "https://graph.microsoft.com/v1.0/users%23",
            "https://graph.microsoft.com/v1.0/users.json",
            "https://graph.microsoft.com/v1.0/users&$top=1",
        ],
    ));
    check(urls(
        "malformed",
        &[
            "https://graph.microsoft.com//v1.0/users",
            "https://graph.microsoft.com/v1.0//users",
            "https://graph.microsoft.com/v1.0/users//",
            "https://graph.microsoft.com/v1.0/./users",
            "https://graph.microsoft.com/v1.0/users/.",
            "https://graph.microsoft.com/v1.0/users/..",
            "https://graph.microsoft.com/v1.0/users/../groups",
            "https://graph.microsoft.com/v1.0/groups/../users",
            "https://graph.microsoft.com/v1.0/users/%2e%2e/groups",
            "https://graph.microsoft.com/v1.0/users/.%2e/groups",
            "https://graph.microsoft.com/v1.0/users/%2E./groups",
            "https://graph.microsoft.com/v1.0/users/..%20/groups",
            "https://graph.microsoft.com/v1.0/users/...",
            "https://graph.microsoft.com/v1.0/users/..;/groups",
            "https://graph.microsoft.com/v1.0/users;x=1",
            "https://graph.microsoft.com/v1.0/users%3bx=1",
            "https://graph.microsoft.com/v1.0%2fusers",
            "https://graph.microsoft.com/v1.0%2Fusers",
            "https://graph.microsoft.com/v1.0/users%2f..%2fgroups",
            "https://graph.microsoft.com/v1.0%5cusers",
            "https://graph.microsoft.com/v1.0\\users",
            "https://graph.microsoft.com/v1.0/users/%252e%252e/groups",
            "https://graph.microsoft.com/v1.0%252fusers",
            "https://graph.microsoft.com/v1.0/users%00",
            "https://graph.microsoft.com/v1.0/users%0a",
            "https://graph.microsoft.com/v1.0/users%0d%0aX-Evil:%201",
            "https://graph.microsoft.com/v1.0/users%",
            "https://graph.microsoft.com/v1.0/users%2",
            "https://graph.microsoft.com/v1.0/users%zz",
            "https://graph.microsoft.com/v1.0/users%ff",
            "https://graph.microsoft.com/v1.0/users%c0%af",
            "https://graph.microsoft.com/v1.0/us\u{435}rs",
            "https://graph.microsoft.com/v1.0/users ",
            "https://graph.microsoft.com/v1.0/users\t",
            "https://graph.microsoft.com/v1.0/{users}",
        ],
    ));
}

#[test]
fn a_query_has_the_granted_keys_each_once() {
    check(urls(
        "not-granted",
        &[
            "https://graph.microsoft.com/v1.0/users?$filter=startswith(mail,%27a%27)",
            "https://graph.microsoft.com/v1.0/users?$top=1&$filter=x",
            "https://graph.microsoft.com/v1.0/users?$TOP=1",
            "https://graph.microsoft.com/v1.0/users?top=1",
            "https://graph.microsoft.com/v1.0/users?$expand=manager",
            "https://graph.microsoft.com/v1.0/users?%2524top=1",
            "https://graph.microsoft.com/v1.0/users?_method=",
        ],
    ));
    check(urls(
        "malformed",
        &[
            "https://graph.microsoft.com/v1.0/users?",
            "https://graph.microsoft.com/v1.0/users?$top",
            "https://graph.microsoft.com/v1.0/users?$top=1&$top=999",
            "https://graph.microsoft.com/v1.0/users?$top=1&%24top=999",
            "https://graph.microsoft.com/v1.0/users?$top=1&&$select=id",
            "https://graph.microsoft.com/v1.0/users?$top=1&",
            "https://graph.microsoft.com/v1.0/users?=1",
            "https://graph.microsoft.com/v1.0/users?$top=+1",
            "https://graph.microsoft.com/v1.0/users?$select=id name",
            "https://graph.microsoft.com/v1.0/users?$select=id%00",
            "https://graph.microsoft.com/v1.0/users?$top=%zz",
            "https://graph.microsoft.com/v1.0/users?%20$top=1",
        ],
    ));
}

#[test]
fn a_method_is_granted_by_its_name() {
    let row = |method: &str, expected| {
        (json!({ "method": method, "url": "https://graph.microsoft.com/v1.0/users", "credential": "graph" }), expected)
    };
    check(["HEAD", "POST", "PUT", "PATCH", "DELETE"].map(|method| row(method, "not-granted")));
    check(
        ["get", "Get", "GET ", " GET", "GET\r\n", "CONNECT", "TRACE", "OPTIONS", "PROPFIND", "G\u{415}T", ""]
            .map(|method| row(method, "malformed")),
    );
    let body = |method: &str| json!({ "method": method, "url": "https://graph.microsoft.com/v1.0/users", "credential": "graph", "body": "{}" });
    check([(body("GET"), "malformed"), (body("HEAD"), "malformed"), (body("POST"), "not-granted")]);
}

#[test]
fn a_header_of_the_hosts_is_not_the_shards_to_set() {
    let row = |name: &str, value: &str, expected| {
        let mut request = asked(GRANTED);
        request["headers"] = json!([{ "name": name, "value": value }]);
        (request, expected)
    };
    check([
        row("accept", "application/json", RELEASED),
        row("client-request-id", "0b6d4b1e", RELEASED),
        row("x-ms-throttle-priority", "low", RELEASED),
    ]);
    let forbidden = [
        "host",
        "Host",
        "authorization",
        "AUTHORIZATION",
        "proxy-authorization",
        "proxy-connection",
        "cookie",
        "set-cookie",
        "connection",
        "keep-alive",
        "te",
        "upgrade",
        "trailer",
        "transfer-encoding",
        "content-length",
        "content-encoding",
        "accept-encoding",
        "expect",
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x_forwarded_for",
        "x-real-ip",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-method-override",
    ];
    check(forbidden.map(|name| row(name, "x", "malformed")));
    check([
        row("", "x", "malformed"),
        row("a b", "x", "malformed"),
        row("a:b", "x", "malformed"),
        row(":path", "x", "malformed"),
        row("x-a\r\nhost", "evil.test", "malformed"),
        row("x-a", "x\r\nhost: evil.test", "malformed"),
        row("x-a", "x\0", "malformed"),
        row("x-a", " x", "malformed"),
        row("x-a", "\u{e9}", "malformed"),
    ]);
    let mut twice = asked(GRANTED);
    twice["headers"] = json!([{ "name": "x-a", "value": "1" }, { "name": "X-A", "value": "2" }]);
    check([(twice, "malformed")]);
}

#[test]
fn a_credential_is_one_that_the_grant_names() {
    let row = |name: &str, expected| (json!({ "method": "GET", "url": GRANTED, "credential": name }), expected);
    check([
        row("graph", RELEASED),
        row("login", "not-granted"),
        row("graph2", "not-granted"),
        row("grap", "not-granted"),
        row("Graph", "malformed"),
        row("", "malformed"),
        row("graph ", "malformed"),
        row("secret:ENTRA_CLIENT_SECRET", "malformed"),
        row("../graph", "malformed"),
        row("*", "malformed"),
    ]);
}

#[test]
fn a_request_that_carries_a_credential_of_its_own_stays() {
    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4";
    let header = |name: &str, value: &str| {
        let mut request = asked(GRANTED);
        request["headers"] = json!([{ "name": name, "value": value }]);
        (request, "leak")
    };
    check([
        header("x-note", JWT),
        header("x-note", &format!("Bearer {JWT}")),
        header("x-note", "AKIAIOSFODNN7EXAMPLE"),
        header("x-note", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        (asked(&format!("https://graph.microsoft.com/v1.0/users?$select={JWT}")), "leak"),
        (asked(&format!("https://graph.microsoft.com/v1.0/users?$select={}", JWT.replace('.', "%2e"))), "leak"),
    ]);
}

#[test]
fn a_denial_suggests_the_lines_that_allow_just_that_request() {
    let denied = [
        asked("https://graph.microsoft.com/v1.0/groups"),
        asked("https://graph.microsoft.com/v1.0/users/alice.johnson@nexus.corp?$select=id"),
        asked("https://graph.microsoft.com/v1.0/users?$top=1&$filter=accountEnabled%20eq%20true"),
        asked("https://graph.microsoft.com:8443/v1.0/users"),
        json!({ "method": "POST", "url": "https://graph.microsoft.com/v1.0/users", "credential": "graph", "body": "{}" }),
        json!({ "method": "GET", "url": "https://other.example.com/a/b%20c" }),
        json!({ "method": "GET", "url": "https://[2001:db8::1]/" }),
    ];
    let plain = Nexus::new().with_guest("hostile");
    for request in &denied {
        let suggestion = suggestion(&plain, request).unwrap_or_else(|| panic!("{request} was not denied"));
        let allowing =
            Nexus::new().with_shard_as(&guest("hostile"), "hostile", |manifest| manifest + "\n" + &suggestion);
        for other in &denied {
            let allowed = self::suggestion(&allowing, other).is_none();
            assert_eq!(allowed, other == request, "with\n{suggestion}\nfor {request}: {other}");
        }
        assert!(suggestion.is_ascii(), "{suggestion}");
    }
}

/// The lines that a denial suggests, or none if the request was not denied for want of a grant.
fn suggestion(nexus: &Nexus, request: &Value) -> Option<String> {
    let called = nexus.call("hostile_fetch", request.clone());
    if called.data()["refusal"] != "not-granted" {
        return None;
    }
    let crossings = called.answer["crossings"].as_array().unwrap();
    assert_eq!(crossings.len(), 1, "{called:#?}");
    let suggestion = &crossings[0]["verdict"]["refused"]["suggestion"];
    Some(suggestion.as_str().unwrap_or_else(|| panic!("{called:#?}")).to_owned())
}

#[test]
fn a_shard_does_not_learn_what_would_be_granted() {
    let nexus = Nexus::new().with_guest("hostile");
    let called = nexus.call("hostile_fetch", asked("https://graph.microsoft.com/v1.0/groups"));
    assert_eq!(*called.data(), json!({ "refusal": "not-granted", "status": null, "headers": [], "body": null }));
}

#[test]
fn the_ninth_request_of_eight_is_over_budget() {
    let nexus = Nexus::new().with_guest("hostile");
    let called = nexus.call("hostile_flood", json!({ "n": 10 }));
    let outcomes = called.data()["outcomes"].as_array().unwrap();
    assert_eq!(outcomes[..8], ["200"; 8].map(Value::from), "{outcomes:?}");
    assert_eq!(outcomes[8..], ["over-budget"; 2].map(Value::from), "{outcomes:?}");

    let ledger = nexus.ledger();
    let call = called.answer["event_id"].as_str().unwrap();
    let ended: Vec<_> = crossings(&ledger, call)
        .into_iter()
        .filter(|line| line["kind"] == "egress" && line["phase"] == "ended")
        .map(|line| if line["status"] == "success" { RELEASED } else { line["refusal"].as_str().unwrap() })
        .collect();
    assert_eq!(ended, [[RELEASED; 8].as_slice(), &["over-budget"; 2]].concat());
    // The budget is a call's, not the shard's.
    assert_eq!(nexus.call("hostile_flood", json!({ "n": 1 })).data()["outcomes"], json!(["200"]));
}

#[test]
fn a_grant_bound_to_a_tool_is_that_tools_alone() {
    let bound = |tool: &str| {
        Nexus::new().with_shard_as(&guest("hostile"), "hostile", |manifest| {
            let bound = format!("credential = \"graph\"\ntools = [\"{tool}\"]");
            manifest.replacen("credential = \"graph\"", &bound, 1)
        })
    };
    let own = bound("hostile_fetch").call("hostile_fetch", asked(GRANTED));
    assert_eq!(own.data()["status"], 200, "{own:#?}");
    let foreign = bound("hostile_flood").call("hostile_fetch", asked(GRANTED));
    assert_eq!(foreign.data()["refusal"], "not-granted", "{foreign:#?}");
}

#[test]
fn a_field_that_a_grant_does_not_keep_is_not_in_the_reply() {
    let nexus = Nexus::new().with_shard_as(&guest("hostile"), "hostile", |manifest| {
        let keeping = "credential = \"graph\"\nkeep = [\"/value/*/displayName\"]";
        manifest.replacen("credential = \"graph\"", keeping, 1)
    });
    let called = nexus.call("hostile_fetch", asked(GRANTED));
    let body: Value = serde_json::from_str(called.data()["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({ "value": [{ "displayName": "Alice Johnson" }] }));
}

/// An installation whose guest may send one document to a server that would answer any.
fn with_documents() -> Nexus {
    let grant = r#"
[[egress]]
host = "api.example.com"
methods = ["POST"]
paths = ["/graphql"]
documents = ["queries/sites.graphql"]
"#;
    let nexus = Nexus::new().with_shard_as(&guest("hostile"), "hostile", |manifest| manifest + grant);
    let write = |file: &str, text: &str| {
        let file = nexus.path(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("shards/hostile/queries/sites.graphql", SITES);
    write("upstreams/clock.toml", &fs::read_to_string(repo().join("mock-data/clock.toml")).unwrap());
    write("upstreams/api/answer.json", &json!({ "status": 200, "body": { "data": {} } }).to_string());
    let route = "name = \"graphql\"\nmethod = \"POST\"\npath = \"/graphql\"\nreply = \"$tables.answer\"\n";
    write("upstreams/api/routes.toml", &format!("hosts = [\"api.example.com\"]\n[[route]]\n{route}"));
    nexus.set("mock-upstreams.data", "upstreams")
}

const SITES: &str = "query Sites($n: Int) {\n  sites(n: $n) { name }\n}\n";

fn posted(body: &str) -> Value {
    let json = json!([{ "name": "content-type", "value": "application/json" }]);
    json!({ "method": "POST", "url": "https://api.example.com/graphql", "headers": json, "body": body })
}

#[test]
fn a_grant_with_documents_sends_these_and_no_others() {
    let good = json!({ "query": SITES, "variables": { "n": 1 } }).to_string();
    let evil = json!({ "query": "mutation { deleteSites }" }).to_string();
    let mut text = posted(&good);
    text["headers"][0]["value"] = "text/plain".into();
    let mut address = posted(&good);
    address["url"] = "https://api.example.com/graphql?query=mutation%7BdeleteSites%7D".into();
    let rows = [
        (posted(&good), RELEASED),
        (posted(&good.replace("query", "\\u0071uery")), RELEASED),
        (posted(&evil), "not-granted"),
        (posted(&good.replace("Int) {", "Int) { ")), "not-granted"),
        (posted(&good.replacen('{', "{\"query\":\"mutation { deleteSites }\",", 1)), "not-granted"),
        (posted(&good.replacen('{', "{\"\\u0071uery\":\"mutation { deleteSites }\",", 1)), "not-granted"),
        (posted(&format!("[{good},{evil}]")), "not-granted"),
        (posted(&format!("{good}{evil}")), "not-granted"),
        (posted(""), "not-granted"),
        (text, "not-granted"),
        (address, "not-granted"),
        (
            posted(&json!({ "query": SITES, "variables": { "query": "mutation { deleteSites }" } }).to_string()),
            RELEASED,
        ),
    ];
    let nexus = with_documents();
    let server = nexus.serve();
    let client = server.client();
    for (request, expected) in &rows {
        let (call, ending) = fetch(&client, request);
        assert_eq!(ending, *expected, "{request}");
        let ledger = nexus.ledger();
        let crossings = crossings(&ledger, &call);
        let sent = crossings.iter().any(|line| !line["upstream_status"].is_null());
        assert_eq!(sent, *expected == RELEASED, "{request}: {crossings:?}");
    }
    server.stop();
}

#[test]
fn a_denied_document_is_told_by_its_digest_and_not_suggested() {
    let suggestion = suggestion(&with_documents(), &posted("{\"query\":\"mutation { deleteSites }\"}")).unwrap();
    let digest = "sha256:7c0d9d0ebbe291e20e0ee1d322116b57fd86876e653194ec46d48ebe3c299ad8";
    assert!(suggestion.contains(digest) && !suggestion.contains("mutation"), "{suggestion}");
    assert!(suggestion.lines().all(|line| line.starts_with('#')), "{suggestion}");
}

#[test]
fn the_ledger_has_hosts_and_templates_and_no_query() {
    let nexus = Nexus::new().with_guest("hostile");
    nexus.call("hostile_fetch", asked("https://graph.microsoft.com/v1.0/users?$select=displayName&$top=1"));
    nexus.call(
        "hostile_fetch",
        asked("https://graph.microsoft.com/v1.0/users/grace.lee@nexus.corp?$select=mobilePhone"),
    );
    let text = fs::read_to_string(nexus.ledger_file()).unwrap();
    assert!(text.contains("/v1.0/users"), "{text}");
    for private in ["grace.lee", "displayName", "mobilePhone"] {
        assert!(!text.contains(private), "{private} is in the ledger: {text}");
    }
    // A key is in the lines that would allow the request, and nowhere else.
    assert_eq!(text.matches("$select").count(), 1, "{text}");
}
