//! Clients that mean well and say it in their own way: pages in a browser, and those that take one form of answer alone.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::mcp::{LATEST, request};
use crate::support::record::record;
use crate::support::{Nexus, PATIENCE, Serving, eventually, guest};

const PAGE: &str = "https://app.example.com";
const OLDER: &str = "2025-11-25";

/// An answer: its status, its head in lower case, its body as it was sent.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn ask(server: &Serving, method: &str, fields: &[(&str, &str)], body: &str) -> Answer {
    let address = server.url.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head =
        format!("{method} /mcp HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    write!(stream, "{head}{fields}\r\n{body}").unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

fn call(name: &str, meta: &Value) -> String {
    let mut call = request(1, "tools/call", json!({ "name": name, "arguments": {} }));
    for (key, value) in meta.as_object().unwrap() {
        call["params"]["_meta"][key] = value.clone();
    }
    call.to_string()
}

fn fields<'a>(name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("Content-Type", "application/json"),
        ("Mcp-Protocol-Version", LATEST),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", name),
    ];
    fields.extend(more);
    fields
}

#[test]
fn a_page_that_is_listed_may_ask_and_read_every_answer_and_no_other_may() {
    let nexus = Nexus::identity().set("http.allowed-origins", vec![PAGE]).set("http.token-file", "token");
    let token = "k3J9-token-of-the-test-2kd0";
    fs::write(nexus.path("token"), token).unwrap();
    fs::set_permissions(nexus.path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    let server = nexus.serve();
    // The browser asks first, without a token.
    let asks = [
        ("Origin", PAGE),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type,mcp-protocol-version,mcp-param-region"),
    ];
    let preflight = ask(&server, "OPTIONS", &asks, "");
    assert_eq!(preflight.status, 204, "{}", preflight.head);
    assert_eq!(preflight.field("access-control-allow-origin"), Some(PAGE));
    assert_eq!(preflight.field("access-control-allow-methods"), Some("get, post, delete"));
    let allowed: Vec<_> = preflight.field("access-control-allow-headers").unwrap().split(", ").collect();
    for name in ["authorization", "content-type", "mcp-session-id", "mcp-protocol-version", "mcp-param-region"] {
        assert!(allowed.contains(&name), "{name}: {allowed:?}");
    }
    let name = "entra_list_users";
    let (body, bearer) = (call(name, &json!({})), format!("Bearer {token}"));
    let accept = ("Accept", "application/json, text/event-stream");
    let known = fields(name, &[("Origin", PAGE), ("Authorization", &bearer), accept]);
    let unknown = fields(name, &[("Origin", PAGE), accept]);
    for (fields, body, status) in [(&known, body.as_str(), 200), (&unknown, body.as_str(), 401), (&known, "{", 400)] {
        let answer = ask(&server, "POST", fields, body);
        assert_eq!(answer.status, status, "{}", answer.head);
        assert_eq!(answer.field("access-control-allow-origin"), Some(PAGE), "{}", answer.head);
        assert_eq!(answer.field("vary"), Some("origin"));
        assert!(answer.field("access-control-expose-headers").unwrap().contains("mcp-session-id"));
    }
    for other in ["https://evil.example", "https://app.example.com:8443", "null"] {
        let asks = [("Origin", other), ("Access-Control-Request-Method", "POST")];
        let known = fields(name, &[("Origin", other), ("Authorization", &bearer), accept]);
        for answer in [ask(&server, "OPTIONS", &asks, ""), ask(&server, "POST", &known, &body)] {
            assert_eq!(answer.status, 403, "{other}: {}", answer.head);
            assert!(answer.body.contains("http.allowed-origins"), "{}", answer.body);
            assert_eq!(answer.field("access-control-allow-origin"), None, "{}", answer.head);
        }
    }
    // A client that is no page is told nothing of pages.
    let answer = ask(&server, "POST", &fields(name, &[("Authorization", &bearer), accept]), &body);
    assert_eq!((answer.status, answer.field("access-control-allow-origin")), (200, None));
}

#[test]
fn an_answer_has_the_form_that_its_client_takes() {
    let nexus = Nexus::new().with_guest("conformance");
    let server = nexus.serve();
    let (quiet, loud) = ("test_simple_text", "test_tool_with_progress");
    let (json, events) = ("application/json", "text/event-stream");
    let progress = json!({ "progressToken": "p" });
    for (accept, quietly, loudly) in [
        (Some("application/json, text/event-stream"), json, events),
        (None, json, events),
        (Some("*/*"), json, events),
        (Some("application/json"), json, json),
        (Some("text/event-stream"), events, events),
    ] {
        let accept: Vec<_> = accept.iter().map(|accept| ("Accept", *accept)).collect();
        for (tool, meta, kind) in [(quiet, json!({}), quietly), (loud, progress.clone(), loudly)] {
            let answer = ask(&server, "POST", &fields(tool, &accept), &call(tool, &meta));
            assert_eq!((answer.status, answer.field("content-type")), (200, Some(kind)), "{accept:?} {tool}");
            let texts: Vec<&str> = match kind {
                "application/json" => vec![&answer.body],
                _ => answer.body.lines().filter_map(|line| line.strip_prefix("data: ")).collect(),
            };
            let messages: Vec<Value> = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
            assert_eq!(messages.last().unwrap()["result"]["isError"], false, "{accept:?} {tool}: {}", answer.body);
        }
        // The handshake of the versions with sessions.
        let params =
            json!({ "protocolVersion": OLDER, "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string();
        let mut hellos = vec![("Content-Type", "application/json")];
        hellos.extend(&accept);
        let answer = ask(&server, "POST", &hellos, &hello);
        assert_eq!((answer.status, answer.field("content-type")), (200, Some(loudly)), "{accept:?}");
        assert!(answer.field("mcp-session-id").is_some() && answer.body.contains(OLDER), "{}", answer.body);
    }
    let told = ask(&server, "POST", &fields(quiet, &[("Accept", "text/html")]), &call(quiet, &json!({})));
    assert_eq!(told.status, 406);
    // What is told for as long as it changes has no other form.
    let listen =
        request(1, "subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } })).to_string();
    let fields = [
        ("Content-Type", "application/json"),
        ("Mcp-Protocol-Version", LATEST),
        ("Mcp-Method", "subscriptions/listen"),
        ("Accept", "application/json"),
    ];
    assert_eq!(ask(&server, "POST", &fields, &listen).status, 406);
}

/// Calls that take their time, and a neighbour.
fn patient() -> Nexus {
    let patient = |manifest: String| {
        manifest.replace("deadline = \"2s\"", "deadline = \"60s\"").replace("cpu = \"1s\"", "cpu = \"60s\"")
    };
    Nexus::identity().with_shard_as(&guest("hostile"), "hostile", patient)
}

fn sleep(ms: u64) -> Value {
    json!({ "name": "hostile_sleep", "arguments": { "ms": ms } })
}

fn terminate(pid: u32) {
    assert!(Command::new("kill").args(["-TERM", &pid.to_string()]).status().unwrap().success());
}

/// Waits until so many calls of the hostile shard are on record.
fn under_way(nexus: &Nexus, calls: usize) {
    let asked = |line: &&Value| line["kind"] == "call" && line["phase"] == "asked" && line["shard"] == "hostile";
    eventually("calls under way", || nexus.ledger().iter().filter(asked).count() >= calls);
}

#[test]
fn who_asks_over_stdio_and_asks_no_more_is_answered_still() {
    let nexus = patient();
    let mut stdio = nexus.stdio();
    stdio.initialize(OLDER);
    for id in 1..4 {
        stdio.write(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": sleep(1_500) }).to_string());
    }
    stdio.ask_no_more();
    let mut answered: Vec<_> = (1..4).map(|_| stdio.read()).collect();
    answered.sort_by_key(|answer| answer["id"].as_u64());
    for (id, answer) in (1..4).zip(&answered) {
        assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(id), &json!(false)), "{answer:#}");
    }
    assert_eq!(stdio.wait(), Some(0));
    // What has no end of its own keeps nobody.
    let nexus = patient();
    let mut stdio = nexus.stdio();
    let listen = json!({ "notifications": { "toolsListChanged": true } });
    stdio.write(&request(1, "subscriptions/listen", listen).to_string());
    assert_eq!(stdio.rpc(2, "tools/call", sleep(10))["result"]["isError"], false);
    let began = Instant::now();
    assert_eq!(stdio.close(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_client_over_stdio_that_is_gone_is_waited_for_by_nobody() {
    let nexus = patient();
    let mut stdio = nexus.stdio();
    stdio.write(&request(1, "tools/call", sleep(59_000)).to_string());
    under_way(&nexus, 1);
    let began = Instant::now();
    stdio.go();
    assert_eq!(stdio.wait(), Some(7));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(nexus.ledger().last().unwrap()["kind"], "stop");
    assert_eq!(record(&nexus), ["call error cancelled"]);
}

#[test]
fn who_is_told_to_stop_answers_first_and_says_when_it_could_not_wait() {
    for (ms, code, error) in [(1_500, 0, Value::Null), (59_000, 7, json!("cancelled"))] {
        let nexus = patient();
        let mut stdio = nexus.stdio();
        stdio.write(&request(1, "tools/call", sleep(ms)).to_string());
        under_way(&nexus, 1);
        terminate(stdio.pid());
        let answer = stdio.read();
        assert_eq!((&answer["id"], &answer["result"]["_meta"]["nexus/error"]), (&json!(1), &error), "{answer:#}");
        assert_eq!(stdio.wait(), Some(code));
        assert_eq!(nexus.ledger().last().unwrap()["kind"], "stop");

        let nexus = patient();
        let server = nexus.serve();
        let params =
            json!({ "protocolVersion": OLDER, "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let session = server.client().post(&[], hello.to_string().as_bytes()).session.unwrap();
        let in_session = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": sleep(ms) }).to_string();
        let fields = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", OLDER)];
        thread::scope(|scope| {
            let stateless = scope.spawn(|| server.client().call("hostile_sleep", json!({ "ms": ms })));
            let stateful = scope.spawn(|| server.client().post(&fields, in_session.as_bytes()).answer().clone());
            under_way(&nexus, 2);
            terminate(server.pid());
            for answer in [stateless.join().unwrap(), stateful.join().unwrap()["result"].clone()] {
                assert_eq!(answer["_meta"]["nexus/error"], error, "{answer:#}");
            }
        });
        assert_eq!(server.stop().0, Some(code));
    }
}

#[test]
fn who_is_told_to_stop_while_shards_compile_ends_at_once() {
    // An interpreter takes seconds to compile.
    let nexus = Nexus::identity().with_guest("javascript");
    let mut server = nexus.command(&["serve", "--dev", "--bind", "127.0.0.1:0"]).stderr(Stdio::null()).spawn().unwrap();
    eventually("the ledger", || nexus.ledger_file().exists());
    terminate(server.id());
    let began = Instant::now();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(nexus.run(&["audit", "verify"]).code, Some(0));
}

#[test]
fn a_stream_of_news_delays_no_stop() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    let address = server.url.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap();
    let listen =
        request(1, "subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } })).to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nMcp-Protocol-Version: {LATEST}\r\n\
         Mcp-Method: subscriptions/listen\r\nContent-Length: {}\r\n\r\n{listen}",
        listen.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let began = Instant::now();
    assert_eq!(server.stop().0, Some(0));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn a_client_without_a_person_to_ask_is_told_so_and_asked_nothing() {
    let nexus = Nexus::new().with_guest("conformance");
    let server = nexus.serve();
    let asks = |capabilities: Value| {
        let meta = json!({ "io.modelcontextprotocol/clientCapabilities": capabilities });
        let tool = "test_input_required_result_elicitation";
        server.client().rpc("tools/call", json!({ "name": tool, "arguments": {}, "_meta": meta }))["result"].clone()
    };
    let asked = asks(json!({ "elicitation": {} }));
    assert!(asked["requestState"].is_string(), "{asked:#}");
    let refused = asks(json!({}));
    assert_eq!(
        (&refused["isError"], &refused["_meta"]["nexus/error"]),
        (&json!(true), &json!("refused")),
        "{refused:#}"
    );
    assert!(refused["content"][0]["text"].as_str().unwrap().contains("an answer from a person"), "{refused:#}");
    assert!(refused.get("requestState").is_none() && refused.get("inputRequests").is_none(), "{refused:#}");
}

#[test]
fn lists_may_be_kept_for_a_while_and_what_went_away_is_refused_all_the_same() {
    let nexus = Nexus::identity().with_guest("hostile");
    let server = nexus.serve();
    let client = server.client();
    for method in ["tools/list", "prompts/list"] {
        assert_eq!(client.rpc(method, json!({}))["result"]["ttlMs"], 60_000, "{method}");
    }
    let stopped = nexus.run(&["quarantine", "hostile", "--why", "a test"]);
    assert_eq!(stopped.code, Some(0), "{stopped:#?}");
    eventually("it is refused", || {
        client.rpc("tools/call", json!({ "name": "hostile_echo", "arguments": { "text": "x" } }))["error"]["code"]
            == -32602
    });
}

#[test]
fn no_output_schema_uses_array_keywords_that_older_validators_read_in_another_way() {
    // Validators of drafts before 2020-12 take `items` for what follows `prefixItems`, and refuse what fits.
    fn keywords<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
        match schema {
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                found.push(name);
                keywords(value, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| keywords(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let nexus = Nexus::whole();
    let listed = nexus.serve().client().rpc("tools/list", json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap();
    assert!(tools.len() > 60, "{}", tools.len());
    for tool in tools {
        let mut found = Vec::new();
        keywords(&tool["outputSchema"], &mut found);
        for keyword in ["prefixItems", "unevaluatedItems", "minContains", "maxContains"] {
            assert!(!found.contains(&keyword), "{}: {keyword}", tool["name"]);
        }
    }
}

#[test]
fn a_session_that_its_client_ends_is_gone_and_nothing_more_is_said() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    let params = json!({ "protocolVersion": OLDER, "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let session = server.client().post(&[], hello.to_string().as_bytes()).session.unwrap();
    let fields = [("Mcp-Session-Id", session.as_str()), ("Mcp-Protocol-Version", OLDER)];
    let ended = ask(&server, "DELETE", &fields, "");
    assert_eq!((ended.status, ended.body.as_str()), (204, ""));
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    assert_eq!(server.client().post(&fields, list.as_bytes()).status, 404);
}
