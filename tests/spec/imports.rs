//! Every host import leaves a line in the ledger. Those that do not are listed, with reasons, in
//! `imports_without_a_line.txt`; those that do are called here by a guest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Nexus, guest, repo};

/// Imports that leave a line, with a call that does it and the kind of the line.
fn with_a_line() -> BTreeMap<&'static str, (&'static str, &'static str, Value, &'static str)> {
    let fetch = json!({ "method": "GET", "url": "https://graph.microsoft.com/v1.0/users", "credential": "graph" });
    let search = json!({
        "server": "ad", "base": "OU=Users,DC=nexus,DC=corp", "scope": "subtree",
        "attribute": "objectClass", "value": "user", "attributes": ["cn"],
    });
    let lines = json!({ "text": "flood", "lines": 402 });
    let ask = json!({ "calls": [{ "tool": "nobody_serves_this", "arguments": "{}" }] });
    let keep = json!({ "artifacts": [{ "name": "note.txt", "media_type": "text/plain", "text": "kept" }] });
    BTreeMap::from([
        ("nexus:shard/peers", ("relay", "relay_ask", ask, "peer")),
        ("nexus:shard/artifacts", ("relay", "relay_keep", keep, "artifact")),
        ("nexus:shard/egress", ("hostile", "hostile_fetch", fetch, "egress")),
        ("nexus:shard/directory", ("hostile", "hostile_search", search, "directory")),
        ("nexus:shard/log", ("hostile", "hostile_log", lines.clone(), "log-suppressed")),
        ("wasi:cli/stdout", ("standard", "standard_print", lines.clone(), "log-suppressed")),
        ("wasi:cli/stderr", ("standard", "standard_print", lines, "log-suppressed")),
        ("wasi:http/outgoing-handler", ("standard", "standard_fetch", over_http("/v1.0/users"), "egress")),
    ])
}

/// The list's length. It may only become smaller.
const MOST_WITHOUT_A_LINE: usize = 33;

fn without_a_line() -> BTreeMap<String, String> {
    let text = fs::read_to_string(repo().join("tests/spec/imports_without_a_line.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line: &str| {
        let (name, reason) = line.split_once(' ').unwrap_or_else(|| panic!("{line}: a name and a reason"));
        (name.to_owned(), reason.trim().to_owned())
    };
    let all: Vec<_> = lines.map(read).collect();
    let by_name: BTreeMap<_, _> = all.iter().cloned().collect();
    assert_eq!(by_name.len(), all.len(), "an interface is listed twice");
    by_name
}

/// What became of a component that imports this and nothing else.
#[derive(Debug, PartialEq, Eq)]
enum Import {
    /// It was let in, and failed later because it exports no tools.
    Served,
    /// The manifest would have to grant it.
    Granted(String),
    NotServed,
    Unknown,
}

/// One start of Nexus tells of any number of imports: each gets a shard of its own with a component that is nothing but
/// this import.
fn check(interfaces: &BTreeSet<String>) -> BTreeMap<String, Import> {
    let nexus = Nexus::new().set("cache", "cache");
    let mut names = BTreeMap::new();
    for (n, interface) in interfaces.iter().enumerate() {
        let folder = nexus.path(&format!("shards/probe-{n}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("probe.wasm"), importing(interface)).unwrap();
        let manifest = format!(
            "[shard]\nname = \"probe-{n}\"\nversion = \"1\"\ncomponent = \"probe.wasm\"\ntools-prefix = [\"probe{n}_\"]\n"
        );
        fs::write(folder.join("shard.toml"), manifest).unwrap();
        names.insert(format!("probe-{n}"), interface.clone());
    }
    let listed = nexus.run(&["shards", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap_or_else(|_| panic!("{listed:#?}"));
    let judged = listed["left_out"].as_array().unwrap().iter().map(|left| {
        let interface = names[left["name"].as_str().unwrap()].clone();
        let reason = left["reason"].as_str().unwrap();
        let import = if reason.contains("does not fit the contract") {
            Import::Served
        } else if reason.contains("its manifest does not grant") {
            Import::Granted(reason.to_owned())
        } else if reason.contains("this version of Nexus does not serve") {
            Import::NotServed
        } else {
            assert!(reason.contains("neither part of the contract"), "{interface}: {reason}");
            Import::Unknown
        };
        (interface, import)
    });
    let judged: BTreeMap<_, _> = judged.collect();
    assert_eq!(judged.len(), interfaces.len());
    judged
}

/// A component with one type (an instance without exports) and one import of that type.
fn importing(interface: &str) -> Vec<u8> {
    let version = match interface.split_once(':') {
        Some(("nexus", _)) => "0.1.0",
        _ => "0.2.0",
    };
    let name = format!("{interface}@{version}");
    let mut import = vec![1, 0, u8::try_from(name.len()).unwrap()];
    import.extend(name.as_bytes());
    // The sort `instance`, and the index of its type.
    import.extend([5, 0]);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    component.extend([7, 3, 1, 0x42, 0]);
    component.extend([10, u8::try_from(import.len()).unwrap()]);
    component.extend(import);
    component
}

/// The interfaces of the contract, by the files that define it.
fn contract() -> BTreeSet<String> {
    let files = fs::read_dir(repo().join("wit")).unwrap().map(|entry| entry.unwrap().path());
    let wit = files.filter(|file| file.extension().is_some_and(|extension| extension == "wit"));
    wit.flat_map(|file| {
        let text = fs::read_to_string(file).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("interface ")?.strip_suffix(" {"));
        names.map(|name| format!("nexus:shard/{name}")).collect::<Vec<_>>()
    })
    .collect()
}

/// What of WASI 0.2 can be imported, and what else goes by that name, whether Nexus links it or not. Left out are what
/// components export (`cli/run`, `http/incoming-handler`) and what is not stable (`clocks/timezone`): nothing links them.
fn wasi() -> BTreeSet<String> {
    let all = [
        ("cli", "environment exit stderr stdin stdout terminal-input terminal-output terminal-stderr terminal-stdin"),
        ("cli", "terminal-stdout"),
        ("clocks", "monotonic-clock wall-clock"),
        ("config", "store runtime"),
        ("blobstore", "blobstore container types"),
        ("filesystem", "preopens types"),
        ("http", "outgoing-handler types"),
        ("io", "error poll streams"),
        ("keyvalue", "atomics batch store"),
        ("logging", "logging"),
        ("messaging", "consumer producer"),
        ("nn", "inference tensor"),
        ("random", "insecure insecure-seed random"),
        ("sockets", "instance-network ip-name-lookup network tcp tcp-create-socket udp udp-create-socket"),
        ("tls", "types"),
        ("webgpu", "webgpu"),
    ];
    all.iter().flat_map(|(package, names)| names.split(' ').map(move |name| format!("wasi:{package}/{name}"))).collect()
}

#[test]
fn every_import_leaves_a_line_or_is_listed_with_a_reason() {
    let contract = contract();
    assert!(contract.contains("nexus:shard/egress") && contract.len() > 8, "{contract:?}");
    let judged = check(&contract.union(&wasi()).cloned().collect());
    let (with, without) = (with_a_line(), without_a_line());
    let mut wrong = Vec::new();
    for (interface, import) in &judged {
        let reason = without.get(interface).map(String::as_str);
        let listed = (with.contains_key(interface.as_str()), reason);
        let good = match (import, listed) {
            (Import::Served, (true, None)) => true,
            (Import::Served, (false, Some(reason))) => !reason.starts_with("not served"),
            (Import::Granted(_), (true, None)) => true,
            (Import::NotServed, (false, Some(reason))) => reason.starts_with("not served"),
            // Of the contract everything is listed; what others call their interfaces is no concern of ours.
            (Import::Unknown, (false, Some(reason))) => reason.starts_with("not served"),
            (Import::Unknown, (false, None)) => !contract.contains(interface),
            _ => false,
        };
        if !good {
            wrong.push(format!("{interface}: {import:?}; has a line: {}; listed: {reason:?}", listed.0));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unknown: Vec<_> = without.keys().filter(|name| !judged.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "listed, but no such interface: {unknown:?}");
    assert!(without.len() <= MOST_WITHOUT_A_LINE, "the list of exceptions grew to {}", without.len());
    assert!(without.values().all(|reason| reason.len() > 5), "{without:?}");
}

#[test]
fn what_leaves_leaves_a_line() {
    for (interface, (name, tool, arguments, kind)) in with_a_line() {
        assert_imports(&guest(name), interface);
        let nexus = Nexus::new().with_guest(name);
        let called = nexus.call(tool, arguments);
        assert_eq!(called.answer["complete"], true, "{called:#?}");
        let ledger = nexus.ledger();
        let lines = ledger.iter().filter(|line| line["kind"] == kind && line["parent_id"] == called.answer["event_id"]);
        assert!(lines.count() > 0, "{interface}: {ledger:#?}");
    }
}

/// The component really imports it: the line is this import's doing.
fn assert_imports(folder: &Path, interface: &str) {
    let nexus = Nexus::new().with_shard(folder);
    let listed: Value = serde_json::from_str(&nexus.run(&["shards", "--json"]).stdout).unwrap();
    let imports = listed["shards"][0]["imports"].as_array().unwrap();
    let is_this = |import: &Value| import.as_str().unwrap().split('@').next() == Some(interface);
    assert!(imports.iter().any(is_this), "{interface} is not among {imports:?}");
}

fn over_http(path: &str) -> Value {
    let headers = json!([{ "name": "nexus-credential", "value": "graph" }]);
    json!({ "method": "GET", "authority": "graph.microsoft.com", "path": path, "headers": headers })
}

#[test]
fn wasi_http_ends_in_the_same_door() {
    let nexus = Nexus::new().with_guest("standard");
    let server = nexus.serve();
    let client = server.client();
    let fetch = |arguments: Value| client.call("standard_fetch", arguments)["structuredContent"].clone();

    let granted = fetch(over_http("/v1.0/users?$top=1"));
    assert_eq!(granted["status"], 200, "{granted:#}");
    assert!(granted["body"].as_str().unwrap().contains("Alice Johnson"), "{granted:#}");

    let header = |name: &str, value: &str| {
        let mut arguments = over_http("/v1.0/users");
        arguments["headers"].as_array_mut().unwrap().push(json!({ "name": name, "value": value }));
        arguments
    };
    let with = |key: &str, value: &str| {
        let mut arguments = over_http("/v1.0/users");
        arguments[key] = json!(value);
        arguments
    };
    const DENIED: &str = "HttpRequestDenied";
    const MALFORMED: &str = "HttpRequestUriInvalid";
    for (arguments, error, code) in [
        (over_http("/v1.0/groups"), DENIED, "not-granted"),
        (over_http("/v1.0/users?$filter=x"), DENIED, "not-granted"),
        (over_http("/v1.0/users/%2e%2e/groups"), MALFORMED, "malformed"),
        (over_http("/v1.0//users"), MALFORMED, "malformed"),
        (with("authority", "evil.test"), DENIED, "not-granted"),
        (with("authority", "graph.microsoft.com:8443"), DENIED, "not-granted"),
        (with("authority", "169.254.169.254"), DENIED, "not-granted"),
        (with("method", "DELETE"), DENIED, "not-granted"),
        (with("method", "TRACE"), MALFORMED, "malformed"),
        (with("body", "x"), MALFORMED, "malformed"),
        (header("nexus-credential", "other"), MALFORMED, "malformed"),
        (header("authorization", "Basic dXNlcjpwYXNzd29yZA=="), MALFORMED, "malformed"),
        (header("cookie", "a=b"), MALFORMED, "malformed"),
        (header("x-forwarded-host", "evil.test"), MALFORMED, "malformed"),
        (header("x-note", "AKIAIOSFODNN7EXAMPLE"), DENIED, "leak"),
    ] {
        let refused = fetch(arguments.clone());
        let told = refused["error"].as_str().unwrap_or_else(|| panic!("{arguments}: {refused:#}"));
        assert!(told.contains(error), "{arguments}: {told}");
        let ledger = nexus.ledger();
        let last = ledger.iter().rfind(|line| line["kind"] == "egress" && line["phase"] == "ended").unwrap();
        assert_eq!(last["refusal"], code, "{arguments}: {last}");
    }
    let sent =
        nexus.ledger().iter().filter(|line| !line["upstream_status"].is_null() && line["kind"] == "egress").count();
    assert_eq!(sent, 1);
}

/// A request in parts, as `wasi:http` has it, and what comes of it over both ways out. `None`: the library's own setter
/// refuses the part, so that the guest has no request to send.
#[test]
fn what_egress_refuses_wasi_http_refuses_too_and_repairs_nothing() {
    const GRAPH: &str = "graph.microsoft.com";
    const USERS: &str = "/v1.0/users?$top=1";
    let nexus = Nexus::new().with_guest("standard").with_guest("hostile");
    let server = nexus.serve();
    let client = server.client();
    let ended = || {
        let is_ended = |line: &Value| line["kind"] == "egress" && line["phase"] == "ended";
        nexus.ledger().into_iter().filter(is_ended).collect::<Vec<_>>()
    };
    for (scheme, authority, path, wasi) in [
        // What both let through.
        ("https", GRAPH, USERS, Some("")),
        ("HTTPS", GRAPH, USERS, Some("")),
        ("https", "GRAPH.Microsoft.com", USERS, Some("")),
        ("https", "graph.microsoft.com:443", USERS, Some("")),
        // What `http::Uri` would have repaired.
        ("https", GRAPH, "/v1.0/users?$top=1#", Some("malformed")),
        ("https", GRAPH, "/v1.0/users?$top=1#/../groups", Some("malformed")),
        ("https", GRAPH, "/v1.0/users#?$top=1", Some("malformed")),
        ("", GRAPH, USERS, Some("malformed")),
        // And what it would have answered by itself, without a line.
        ("https", "", USERS, Some("malformed")),
        ("https", "", "/graph.microsoft.com/v1.0/users", Some("malformed")),
        ("ftp", GRAPH, USERS, Some("malformed")),
        ("http", GRAPH, USERS, Some("malformed")),
        ("wss", GRAPH, USERS, Some("malformed")),
        // Two readings.
        ("https", "bob@graph.microsoft.com", USERS, Some("malformed")),
        ("https", "bob:hunter2@graph.microsoft.com", USERS, Some("malformed")),
        ("https", "evil.test@graph.microsoft.com", USERS, Some("malformed")),
        ("https", "graph.microsoft.com@evil.test", USERS, Some("malformed")),
        ("https", "graph.microsoft.com:", USERS, Some("malformed")),
        ("https", "graph.microsoft.com:0443", USERS, Some("malformed")),
        ("https", "graph.microsoft.com:65536", USERS, Some("malformed")),
        ("https", "graph.microsoft.com.", USERS, Some("malformed")),
        ("https", "graph%2emicrosoft.com", USERS, None),
        ("https", "graph.microsoft.com\\evil.test", USERS, None),
        ("https", "gr\u{e4}ph.microsoft.com", USERS, None),
        ("https", "graph.microsoft.com evil.test", USERS, None),
        ("https", "[::ffff:127.0.0.1]", USERS, Some("malformed")),
        ("https", "0x7f.1", USERS, Some("malformed")),
        ("https", GRAPH, "/v1.0/us\u{e9}rs", Some("malformed")),
        ("https", GRAPH, "/v1.0\\users", Some("malformed")),
        ("https", GRAPH, "/v1.0/\"users\"", Some("malformed")),
        ("https", GRAPH, "/v1.0/us ers", None),
        ("https", GRAPH, "/v1.0/us\ters", None),
        ("https", GRAPH, "v1.0/users", None),
        ("https", GRAPH, "@evil.test/", None),
        // One reading, and no grant for it.
        ("https", GRAPH, "/V1.0/users", Some("not-granted")),
        ("https", GRAPH, "", Some("not-granted")),
        ("https", GRAPH, "?$top=1", Some("not-granted")),
        ("https", "graph.microsoft.com:444", USERS, Some("not-granted")),
    ] {
        let shown = format!("{scheme}|{authority}|{path}");
        let before = ended().len();
        let mut parts = over_http(path);
        parts["scheme"] = json!(scheme);
        parts["authority"] = json!(authority);
        let over_wasi = client.call("standard_fetch", parts)["structuredContent"].clone();
        let lines = ended();
        match wasi {
            None => {
                assert!(matches!(over_wasi["error"].as_str(), Some("authority" | "path")), "{shown}: {over_wasi}");
                assert_eq!(lines.len(), before, "{shown}");
            }
            Some(code) => {
                assert_eq!(lines.len(), before + 1, "{shown}: {over_wasi}");
                assert_eq!(lines[before]["refusal"].as_str().unwrap_or_default(), code, "{shown}");
                assert_eq!(over_wasi["status"] == 200, code.is_empty(), "{shown}: {over_wasi}");
            }
        }
        let before = lines.len();
        let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}:") };
        let url = format!("{scheme}//{authority}{path}");
        client.call("hostile_fetch", json!({ "method": "GET", "url": url, "credential": "graph" }));
        let refusal = ended()[before]["refusal"].as_str().unwrap_or_default().to_owned();
        assert_eq!(refusal, wasi.unwrap_or("malformed"), "{shown} over egress");
    }
}

#[test]
fn wasi_http_refuses_trailers_false_lengths_and_a_body_that_is_too_large() {
    type Change = fn(&mut Value);
    let nexus = Nexus::new().with_guest("standard");
    let server = nexus.serve();
    let client = server.client();
    let last = || nexus.ledger().into_iter().rfind(|line| line["kind"] == "egress" && line["phase"] == "ended");
    let fetch = |change: &dyn Fn(&mut Value)| {
        let mut arguments = over_http("/v1.0/users?$top=1");
        change(&mut arguments);
        client.call("standard_fetch", arguments)["structuredContent"].clone()
    };
    let length = |arguments: &mut Value, length: &str| {
        arguments["headers"].as_array_mut().unwrap().push(json!({ "name": "content-length", "value": length }));
    };
    // A length that is true says nothing new.
    assert_eq!(fetch(&|arguments| length(arguments, "0"))["status"], 200);
    let rows: [(&str, Change, &str); 3] = [
        ("trailers", |arguments| arguments["trailers"] = json!([{ "name": "x-more", "value": "1" }]), "malformed"),
        (
            "the largest body",
            |arguments| {
                (arguments["method"], arguments["body"]) = (json!("POST"), json!("x".repeat(4096)));
                arguments["times"] = json!(1024);
            },
            "not-granted",
        ),
        (
            "one part more",
            |arguments| {
                (arguments["method"], arguments["body"]) = (json!("POST"), json!("x".repeat(4096)));
                arguments["times"] = json!(1025);
            },
            "malformed",
        ),
    ];
    for (shown, change, refusal) in rows {
        let refused = fetch(&change);
        assert!(refused["status"].is_null(), "{shown}: {refused}");
        assert_eq!(last().unwrap()["refusal"], refusal, "{shown}: {refused}");
    }
    // The library itself sees to it that a length which is not the body's is never sent.
    let before = nexus.ledger().len();
    let refused = fetch(&|arguments| length(arguments, "5"));
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("HttpRequestBodySize")), "{refused}");
    let lines = nexus.ledger();
    assert!(lines[before..].iter().all(|line| line["kind"] != "egress"), "{refused}");
}

#[test]
fn wasi_reaches_no_file_no_socket_no_name_and_no_variable() {
    // Variables that are there and must not be seen.
    let nexus =
        Nexus::new().with_guest("standard").env("HOME", "/home/somebody").env("ENTRA_CLIENT_SECRET", "a-secret-value");
    let called = nexus.call("standard_look", json!({}));
    let seen = called.data();
    for (what, nothing) in [
        ("folders", json!([])),
        ("environment", json!([])),
        ("arguments", json!([])),
        ("working_directory", json!(null)),
        ("tcp", json!("access-denied")),
        ("udp", json!("access-denied")),
        ("lookup", json!("permanent-resolver-failure")),
        // These are real: nothing can be reached through them.
        ("passes", json!(true)),
        ("random", json!(true)),
    ] {
        assert_eq!(seen[what], nothing, "{what}: {seen:#}");
    }
    // In mock mode the wall clock begins at the moment of mock-data/clock.toml.
    let seconds = seen["seconds"].as_u64().unwrap();
    assert!((1_781_514_000..1_781_517_600).contains(&seconds), "{seen:#}");
    assert_eq!(called.answer["crossings"], json!([]));
}

#[test]
fn what_a_program_prints_becomes_log_lines() {
    let nexus = Nexus::new().with_guest("standard");
    let called = nexus.call("standard_print", json!({ "text": "Authorization: Bearer c2VjcmV0LXRva2Vu", "lines": 2 }));
    let lines: Vec<_> = called.ran.stderr.lines().filter(|line| line.contains("uthorization")).collect();
    assert_eq!(lines.len(), 2, "{called:#?}");
    assert!(lines[0].contains("INFO") && lines[1].contains("WARN"), "{lines:?}");
    assert!(!called.ran.stderr.contains("c2VjcmV0"), "{}", called.ran.stderr);
    assert!(!called.ran.stdout.contains("uthorization"), "{}", called.ran.stdout);
}
