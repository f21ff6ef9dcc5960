//! What an MCP client meets, over HTTP and over standard input and output: what is offered, what a result says of itself,
//! which versions are spoken, who may ask, and how errors look.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::{Value, json};

use crate::support::mcp::{LATEST, request};
use crate::support::record::record;
use crate::support::{Nexus, PATIENCE, Serving, eventually, guest};

/// The hostile guest with limits that this machine cannot reach by being slow.
fn patient() -> Nexus {
    Nexus::new().with_shard_as(&guest("hostile"), "hostile", |manifest| {
        manifest.replace("deadline = \"2s\"", "deadline = \"120s\"").replace("cpu = \"1s\"", "cpu = \"120s\"")
    })
}

#[test]
fn the_tools_are_listed_as_approved_and_in_the_same_order_everywhere() {
    let nexus = Nexus::whole();
    let over_http = {
        let server = nexus.serve();
        let first = server.client().rpc("tools/list", json!({}));
        assert_eq!(first, server.client().rpc("tools/list", json!({})));
        first
    };
    let mut stdio = nexus.stdio();
    let over_stdio = stdio.rpc(1, "tools/list", json!({}));
    let tools = &over_http["result"]["tools"];
    assert_eq!(tools, &over_stdio["result"]["tools"]);
    for tool in tools.as_array().unwrap() {
        for which in ["inputSchema", "outputSchema"] {
            jsonschema::draft202012::meta::validate(&tool[which]).unwrap_or_else(|error| panic!("{which}: {error}"));
        }
    }
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("tools", serde_json::to_string_pretty(tools).unwrap());
    });
}

#[test]
fn a_result_fits_its_schema_and_says_where_it_is_from() {
    let nexus = Nexus::whole();
    let server = nexus.serve();
    let client = server.client();
    let tools = client.rpc("tools/list", json!({}))["result"]["tools"].clone();
    for (name, arguments) in crate::tools::calls() {
        let tool = tools.as_array().unwrap().iter().find(|tool| tool["name"] == name).unwrap();
        let result = client.call(name, arguments);
        assert_eq!(result["isError"], false, "{name}: {result:#}");
        let schema = jsonschema::draft202012::new(&tool["outputSchema"]).unwrap();
        let problems: Vec<_> =
            schema.iter_errors(&result["structuredContent"]).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{name}: {problems:?}");
        let category = match name.split('_').next().unwrap() {
            "audit" | "scan" => "audit",
            "generate" => "report",
            "save" => "write",
            _ => "read",
        };
        // A client that knows no structured content reads the same, or of a report what it says in short.
        let first = &result["content"][0];
        match (category, first["text"].as_str()) {
            ("report", Some(text)) => assert!(text.contains("MOCK"), "{name}: {text}"),
            ("write", None) => assert_eq!(first["uri"], result["structuredContent"]["uri"], "{name}"),
            (_, text) => {
                assert_eq!(serde_json::from_str::<Value>(text.unwrap()).unwrap(), result["structuredContent"], "{name}")
            }
        }
        let meta = &result["_meta"];
        assert_eq!((&meta["nexus/source"], &meta["nexus/as-of"]), (&json!("mock"), &json!("2026-06-15T09:00:00Z")));
        let line = nexus.ledger().into_iter().find(|line| line["seq"] == meta["nexus/ledger-position"]).unwrap();
        assert_eq!((&line["event_id"], &line["tool"]), (&meta["nexus/event-id"], &json!(name)));
        assert_eq!(line["complete"], meta["nexus/complete"], "{name}");
        assert_eq!(tool["_meta"]["nexus/category"], category, "{name}");
    }
    let calls = nexus.ledger().into_iter().filter(|line| line["kind"] == "call");
    assert!(calls.into_iter().all(|line| line["principal"] == "loopback" && line["client"] == "spec/1"));
}

#[test]
fn a_result_that_is_not_all_says_so_to_programs_and_to_models() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    let result = server.client().call("entra_list_users", json!({ "limit": 2 }));
    assert_eq!(result["_meta"]["nexus/complete"], false);
    let note = result["_meta"]["nexus/notes"][0].as_str().unwrap();
    let said = result["content"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap();
    assert_eq!(said, format!("Note: {note}"));
}

#[test]
fn errors_name_what_is_wrong_and_are_on_record() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    let client = server.client();
    let unknown = client.rpc("tools/call", json!({ "name": "entra_list_user", "arguments": {} }));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown:#}");
    assert!(unknown["error"]["data"]["nexus/event-id"].is_string(), "{unknown:#}");
    for (arguments, named) in
        [(json!({ "limit": 0 }), "/limit"), (json!({ "limit": "all" }), "/limit"), (json!({ "limti": 5 }), "limti")]
    {
        let result = client.call("entra_list_users", arguments);
        assert_eq!((&result["isError"], &result["_meta"]["nexus/error"]), (&json!(true), &json!("invalid-arguments")));
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(named), "{text}");
        assert!(result.get("structuredContent").is_none());
        assert!(result["_meta"]["nexus/event-id"].is_string());
    }
    let missing = client.call("entra_get_user", json!({}));
    assert!(missing["content"][0]["text"].as_str().unwrap().contains("user_id_or_upn"), "{missing:#}");
    // The value, which may be about a person, is not repeated.
    let personal = client.call("entra_get_user", json!({ "user_id_or_upn": ["alice"] }));
    assert!(!personal.to_string().contains("alice"), "{personal:#}");
}

#[test]
fn versions_back_to_2025_06_18_shake_hands() {
    let nexus = Nexus::identity();
    for version in ["2025-11-25", "2025-06-18"] {
        let mut stdio = nexus.stdio();
        let answer = stdio.initialize(version);
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer:#}");
        assert_eq!(answer["result"]["serverInfo"]["name"], "nexus");
        assert!(answer["result"]["instructions"].as_str().unwrap().contains("nexus/source"));
        assert!(answer["result"]["capabilities"]["tools"].is_object(), "{answer:#}");
        let call = json!({ "name": "entra_list_users", "arguments": { "limit": 1 } });
        stdio.write(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call }).to_string());
        let answer = stdio.read();
        assert_eq!(answer["result"]["structuredContent"]["users"].as_array().unwrap().len(), 1, "{answer:#}");
        assert_eq!(stdio.close(), Some(0));

        let server = nexus.serve();
        let client = server.client();
        let params =
            json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "spec", "version": "1" } });
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let reply = client.post(&[], body.to_string().as_bytes());
        assert_eq!((reply.status, &reply.answer()["result"]["protocolVersion"]), (200, &json!(version)), "{reply:#?}");
        let session = reply.session.unwrap();
        let headers = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", version)];
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(client.post(&headers, initialized.to_string().as_bytes()).status, 202);
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call });
        let reply = client.post(&headers, body.to_string().as_bytes());
        assert_eq!(reply.answer()["result"]["isError"], false, "{reply:#?}");
        // Nobody's session is nobody's.
        let headers = [("mcp-session-id", "guessed"), ("mcp-protocol-version", version)];
        assert_eq!(client.post(&headers, body.to_string().as_bytes()).status, 404);
    }
}

#[test]
fn the_latest_version_needs_no_handshake_and_can_be_discovered() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    let reply = server.client().send(&request(1, "server/discover", json!({})));
    let found = &reply.answer()["result"];
    let versions = found["supportedVersions"].as_array().unwrap_or_else(|| panic!("{reply:#?}"));
    for version in [LATEST, "2025-11-25", "2025-06-18"] {
        assert!(versions.contains(&json!(version)), "{found:#}");
    }
    assert!(found["capabilities"]["tools"].is_object(), "{found:#}");
    assert_eq!(reply.session, None);

    let beside = Nexus::identity();
    let answer = beside.stdio().rpc(1, "server/discover", json!({}));
    assert_eq!(answer["result"]["supportedVersions"], found["supportedVersions"]);

    let mut unheard_of = request(1, "tools/list", json!({}));
    unheard_of["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2031-01-01".into();
    let headers = [("mcp-protocol-version", "2031-01-01"), ("mcp-method", "tools/list")];
    let reply = server.client().post(&headers, unheard_of.to_string().as_bytes());
    assert_eq!(reply.status, 400, "{reply:#?}");
}

#[test]
fn what_is_no_request_gets_an_error_and_harms_nobody() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    let client = server.client();
    let deep = "[".repeat(100_000);
    for body in ["", "{", "null", "[]", "42", "\"tools/list\"", "\u{0}", deep.as_str(), "{\"jsonrpc\":\"2.0\"}"] {
        let reply = client.post(&[("mcp-protocol-version", LATEST), ("mcp-method", "tools/list")], body.as_bytes());
        assert!((400..500).contains(&reply.status), "{body:.20}: {reply:#?}");
    }
    for (broken, status) in [
        (json!({ "jsonrpc": "1.0", "id": 1, "method": "tools/list", "params": {} }), 400..500),
        (json!({ "jsonrpc": "2.0", "id": 1, "params": {} }), 400..500),
        (json!({ "jsonrpc": "2.0", "id": { "a": 1 }, "method": "tools/list" }), 400..500),
        (request(1, "tools/lists", json!({})), 404..405),
        (request(1, "admin/grant", json!({ "host": "evil.example" })), 404..405),
    ] {
        let method = broken["method"].as_str().unwrap_or("tools/list");
        let headers = [("mcp-protocol-version", LATEST), ("mcp-method", method)];
        let reply = client.post(&headers, broken.to_string().as_bytes());
        assert!(status.contains(&reply.status), "{broken}: {reply:#?}");
    }
    let unknown = client.rpc("tools/lists", json!({}));
    assert_eq!(unknown["error"]["code"], -32601, "{unknown:#}");
    // Arguments that are no object are not arguments.
    for arguments in [json!([1]), json!("limit=5"), json!(5)] {
        let reply =
            client.send(&request(1, "tools/call", json!({ "name": "entra_list_users", "arguments": arguments })));
        assert!(reply.status >= 400 || reply.answer().get("error").is_some(), "{reply:#?}");
    }
    assert_eq!(client.post(&[("content-type", "text/plain")], b"{}").status, 415);
    assert_eq!(client.post(&[("accept", "text/html")], b"{}").status, 406);
    assert_eq!(client.call("entra_list_users", json!({ "limit": 1 }))["isError"], false);
}

#[test]
fn garbage_on_standard_input_gets_an_error_and_the_next_line_is_read() {
    let nexus = Nexus::identity();
    let mut stdio = nexus.stdio();
    stdio.rpc(1, "tools/list", json!({}));
    for line in ["{", "hello", "[]", "{\"jsonrpc\":\"2.0\",\"id\":5}"] {
        stdio.write(line);
    }
    // Whatever is said about them, it is protocol, and it ends with the answer.
    let answer = stdio.rpc(9, "tools/call", json!({ "name": "entra_list_users", "arguments": { "limit": 1 } }));
    assert_eq!(answer["result"]["isError"], false, "{answer:#}");
    assert_eq!(stdio.close(), Some(0));
}

#[test]
fn a_body_has_a_limit() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    let call = |bytes: usize| {
        let arguments = json!({ "user_id_or_upn": "x".repeat(bytes) });
        let body = request(1, "tools/call", json!({ "name": "entra_get_user", "arguments": arguments })).to_string();
        let headers = [("mcp-protocol-version", LATEST), ("mcp-method", "tools/call"), ("mcp-name", "entra_get_user")];
        // A client of its own: the server closes a connection whose body it did not read.
        server.client().try_post(&headers, body.as_bytes()).map(|reply| reply.status)
    };
    // The server does not read to the end, so the client may find the connection closed before it finds the answer.
    assert!(matches!(call(5 << 20), Ok(413) | Err(_)));
    assert!(!nexus.ledger().iter().any(|line| line["kind"] == "call"), "it became a call");
    assert_eq!(call(100_000).unwrap(), 200);
}

/// The status of an answer to a request with these header lines, sent byte by byte as they stand here.
fn status(server: &Serving, headers: &str) -> u16 {
    let address = server.url.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap();
    let body = request(1, "tools/list", json!({})).to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\n{headers}Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         Mcp-Protocol-Version: {LATEST}\r\nMcp-Method: tools/list\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap()
}

#[test]
fn only_this_machine_by_its_own_name_and_no_web_page_may_ask() {
    let nexus = Nexus::identity()
        .set("http.allowed-hosts", vec!["nexus.example.com"])
        .set("http.allowed-origins", vec!["https://app.example.com:443"]);
    let server = nexus.serve();
    let port = server.url.rsplit(':').next().unwrap().strip_suffix("/mcp").unwrap();
    for (headers, expected) in [
        (format!("Host: 127.0.0.1:{port}\r\n"), 200),
        (format!("Host: localhost:{port}\r\n"), 200),
        ("Host: nexus.example.com\r\n".to_owned(), 200),
        // A page of anybody's whose name was made to point at this machine.
        ("Host: evil.example\r\n".to_owned(), 403),
        (format!("Host: evil.example:{port}\r\n"), 403),
        (format!("Host: localhost.evil.example:{port}\r\n"), 403),
        (format!("Host: 127.0.0.1.evil.example:{port}\r\n"), 403),
        // A name that a proxy may read otherwise than we do.
        (format!("Host: x@127.0.0.1:{port}\r\n"), 400),
        (format!("Host: evil.example@localhost:{port}\r\n"), 400),
        (format!("Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n"), 400),
        (format!("Host: [127.0.0.1]:{port}\r\n"), 400),
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: https://app.example.com\r\n"), 200),
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: https://evil.example\r\n"), 403),
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: http://app.example.com\r\n"), 403),
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: https://app.example.com.evil.example\r\n"), 403),
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: http://localhost:3000\r\n"), 403),
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: null\r\n"), 403),
    ] {
        assert_eq!(status(&server, &headers), expected, "{headers}");
    }
    assert!(status(&server, "") >= 400, "a request without a Host");
}

#[test]
fn other_machines_need_a_token() {
    let nexus = Nexus::identity();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let ran = nexus.run(&["serve", "--bind", address]);
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        assert!(ran.stderr.contains("token-file"), "{ran:#?}");
    }
}

#[test]
fn a_token_is_asked_of_everybody_and_kept_to_its_owner() {
    let token = "correct-horse-battery-staple";
    let nexus = Nexus::identity().set("http.token-file", "token");
    fs::write(nexus.path("token"), format!("{token}\n")).unwrap();
    fs::set_permissions(nexus.path("token"), fs::Permissions::from_mode(0o644)).unwrap();
    let ran = nexus.run(&["serve", "--bind", "127.0.0.1:0"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stderr.contains("chmod 600") && !ran.stderr.contains(token), "{ran:#?}");
    fs::set_permissions(nexus.path("token"), fs::Permissions::from_mode(0o600)).unwrap();

    let server = nexus.serve();
    let port = server.url.rsplit(':').next().unwrap().strip_suffix("/mcp").unwrap();
    for (authorization, expected) in [
        (String::new(), 401),
        (format!("Authorization: Bearer {token}\r\n"), 200),
        (format!("Authorization: Bearer {token}x\r\n"), 401),
        (format!("Authorization: Bearer {}\r\n", &token[..10]), 401),
        (format!("Authorization: bearer  {token}\r\n"), 401),
        (format!("Authorization: Basic {token}\r\n"), 401),
        (format!("Authorization: {token}\r\n"), 401),
        ("Authorization: Bearer \r\n".to_owned(), 401),
        (format!("Authorization: Bearer wrong\r\nAuthorization: Bearer {token}\r\n"), 401),
    ] {
        assert_eq!(status(&server, &format!("Host: 127.0.0.1:{port}\r\n{authorization}")), expected, "{authorization}");
    }
    let client = server.client();
    let call = request(1, "tools/call", json!({ "name": "entra_list_users", "arguments": { "limit": 1 } })).to_string();
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("mcp-protocol-version", LATEST),
        ("mcp-method", "tools/call"),
        ("mcp-name", "entra_list_users"),
    ];
    assert_eq!(client.post(&headers, call.as_bytes()).status, 200);
    let call = nexus.ledger().into_iter().find(|line| line["kind"] == "call").unwrap();
    assert_eq!(call["principal"], "token");
    assert!(!server.log().contains(token) && !fs::read_to_string(nexus.ledger_file()).unwrap().contains(token));
}

#[test]
fn an_address_that_is_taken_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = Nexus::identity().run(&["serve", "--bind", &address]);
    assert_eq!(ran.code, Some(5), "{ran:#?}");
    assert!(ran.stderr.contains(&address) && ran.stderr.contains("--bind"), "{ran:#?}");
}

/// `Stdio::read` accepts nothing but protocol.
#[test]
fn standard_output_is_protocol_whatever_a_guest_does() {
    let nexus = patient();
    let mut stdio = nexus.stdio();
    let text = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n\u{1b}[2J";
    let calls = [
        ("hostile_log", json!({ "text": text, "lines": 300 })),
        ("hostile_progress", json!({ "text": text, "lines": 300 })),
        ("hostile_panic", json!({ "text": text })),
        ("hostile_trap", json!({})),
        ("hostile_recurse", json!({})),
        ("hostile_eat_memory", json!({})),
        ("hostile_bad_json", json!({})),
        ("hostile_bad_schema", json!({})),
        ("hostile_echo", json!({ "text": text })),
        ("hostile_error", json!({ "text": text })),
    ];
    for (id, (tool, arguments)) in (10..).zip(calls) {
        let answer = stdio.rpc(id, "tools/call", json!({ "name": tool, "arguments": arguments }));
        assert!(answer["result"]["content"].is_array(), "{tool}: {answer:#}");
    }
    assert_eq!(stdio.close(), Some(0));
}

#[test]
fn a_client_that_is_gone_ends_what_it_asked_for() {
    let nexus = patient();
    assert_eq!(nexus.stdio().close(), Some(0));

    let mut stdio = nexus.stdio();
    stdio.rpc(1, "tools/list", json!({}));
    stdio.write(&request(2, "tools/call", json!({ "name": "hostile_loop", "arguments": {} })).to_string());
    eventually("the call", || nexus.ledger().iter().any(|line| line["kind"] == "call"));
    let start = Instant::now();
    stdio.go();
    assert_eq!(stdio.wait(), Some(7), "a call was cut off");
    assert!(start.elapsed() < Duration::from_secs(60), "it waited for a guest that never ends");
    let told = record(&nexus);
    assert!(["call error cancelled", "call abandoned"].contains(&told[0].as_str()), "{told:?}");
}

#[test]
fn a_cancelled_call_ends_early_and_gets_no_answer() {
    let nexus = patient();
    let mut stdio = nexus.stdio();
    for (id, tool) in [(7, "hostile_loop"), (8, "hostile_sleep")] {
        stdio.write(&request(id, "tools/call", json!({ "name": tool, "arguments": {} })).to_string());
        let calls =
            |phase: &str| nexus.ledger().iter().filter(|line| line["tool"] == tool && line["phase"] == phase).count();
        eventually("the call", || calls("asked") == 1);
        let cancel = json!({ "requestId": id, "reason": "no longer needed" });
        stdio.write(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel }).to_string());
        let start = Instant::now();
        eventually("its end", || calls("ended") == 1);
        assert!(start.elapsed() < Duration::from_secs(50), "{tool} was not ended by the cancellation");
    }
    // What comes next is the answer to what is asked next.
    stdio.write(&request(9, "tools/list", json!({})).to_string());
    assert_eq!(stdio.read()["id"], 9);
    assert_eq!(record(&nexus), ["call error cancelled", "call error cancelled"]);
}

#[test]
fn a_client_that_goes_away_takes_its_call_with_it() {
    let nexus = patient();
    let server = nexus.serve();
    let address = server.url.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap();
    let body = request(1, "tools/call", json!({ "name": "hostile_loop", "arguments": {} })).to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMcp-Protocol-Version: {LATEST}\r\nMcp-Method: tools/call\r\n\
         Mcp-Name: hostile_loop\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    eventually("the call", || nexus.ledger().iter().any(|line| line["phase"] == "asked"));
    drop(stream);
    let start = Instant::now();
    eventually("its end", || nexus.ledger().iter().any(|line| line["phase"] != "asked" && line["kind"] == "call"));
    assert!(start.elapsed() < Duration::from_secs(50), "nobody noticed that the client had gone");
    let told = record(&nexus);
    assert!(["call error cancelled", "call abandoned"].contains(&told[0].as_str()), "{told:?}");
}

#[test]
fn progress_comes_in_order_and_before_the_result() {
    let nexus = Nexus::new().with_guest("conformance");
    let params = json!({ "name": "test_tool_with_progress", "arguments": {}, "_meta": { "progressToken": "p-1" } });
    let over_http = {
        let server = nexus.serve();
        server.client().send(&request(1, "tools/call", params.clone())).messages
    };
    let mut stdio = nexus.stdio();
    stdio.write(&request(1, "tools/call", params).to_string());
    let over_stdio: Vec<Value> = (0..4).map(|_| stdio.read()).collect();
    for messages in [over_http, over_stdio] {
        let told: Vec<_> = messages.iter().map(|message| message["params"]["progress"].as_f64()).collect();
        assert_eq!(told, [Some(0.0), Some(50.0), Some(100.0), None], "{messages:#?}");
        for message in &messages[..3] {
            assert_eq!(message["method"], "notifications/progress");
            assert_eq!(
                (&message["params"]["progressToken"], &message["params"]["total"]),
                (&json!("p-1"), &json!(100.0))
            );
        }
        assert_eq!(messages[3]["result"]["isError"], false);
    }
    assert_eq!(stdio.close(), Some(0));
    // Who did not ask gets none.
    let mut stdio = nexus.stdio();
    stdio.write(&request(1, "tools/call", json!({ "name": "test_tool_with_progress", "arguments": {} })).to_string());
    assert_eq!(stdio.read()["id"], 1);
}

#[test]
fn many_clients_at_once_each_get_their_own_answer() {
    let nexus = patient();
    let server = nexus.serve();
    thread::scope(|scope| {
        for client in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let http = server.client();
                for call in 0..10 {
                    let text = format!("{client}/{call}");
                    let result = http.call("hostile_echo", json!({ "text": text }));
                    assert_eq!(result["structuredContent"]["text"], text, "{result:#}");
                }
            });
        }
    });
    assert_eq!(record(&nexus).len(), 80);
}
