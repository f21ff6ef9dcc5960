//! A secret is nowhere but in the request that it is for: not in what a shard or a client gets, not in what is printed,
//! logged or recorded, and not in a request that a shard made.

use std::fs;
use std::path::Path;
use std::process::Command;

use nexus::wire::mock::Misbehaviour;
use serde_json::{Value, json};

use crate::support::record::record;
use crate::support::spellings::{assert_no_secret, spellings};
use crate::support::upstream::{CLIENT_SECRET, Upstream};
use crate::support::{Nexus, eventually, guest, repo};

/// What a token endpoint of a test's own gives out, so that a test can know it. Found by the same search as a random one.
const TOKEN: &str = "mock.9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const MARK: &str = "[redacted:secret]";

/// The hostile guest, with time enough for a busy machine.
fn hostile() -> Nexus {
    Nexus::new().with_shard_as(&guest("hostile"), "hostile", |manifest| {
        manifest.replace("deadline = \"2s\"", "deadline = \"60s\"").replace("egress-calls = 8", "egress-calls = 1000")
    })
}

/// Upstreams with one answer each: the token endpoint `login`, Graph's users `graph`. Neither asks who asks.
fn upstream(login: &Value, graph: &Value) -> Upstream {
    let dir = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let file = dir.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("clock.toml", &fs::read_to_string(repo().join("mock-data/clock.toml")).unwrap());
    let routes = |host: &str, name: &str, method: &str, path: &str, query: &str| {
        let route = format!("name = {name:?}\nmethod = {method:?}\npath = {path:?}\nquery = {query}");
        format!("hosts = [{host:?}]\n[[route]]\n{route}\nreply = \"$tables.answer\"\n")
    };
    let query = r#"["$select", "$top", "$filter"]"#;
    write(
        "login/routes.toml",
        &routes("login.microsoftonline.com", "token", "POST", "/{tenant}/oauth2/v2.0/token", "[]"),
    );
    write("graph/routes.toml", &routes("graph.microsoft.com", "users", "GET", "/v1.0/users", query));
    write("login/answer.json", &login.to_string());
    write("graph/answer.json", &graph.to_string());
    Upstream::with(|options| options.mock.dir = dir.path().to_owned())
}

fn token() -> Value {
    json!({ "status": 200, "body": { "access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600 } })
}

/// All spellings of all that the host holds here.
fn needles() -> Vec<String> {
    let headers = [TOKEN.to_owned(), format!("Bearer {TOKEN}")];
    headers.iter().flat_map(|text| spellings(text)).chain(spellings(CLIENT_SECRET)).collect()
}

fn granted() -> Value {
    json!({ "method": "GET", "url": "https://graph.microsoft.com/v1.0/users?$top=1", "credential": "graph" })
}

/// Every file of an installation: its ledger, what lies beside it, its cache of compiled components.
#[track_caller]
fn no_secret_in_files(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            no_secret_in_files(&path);
        } else {
            let text = fs::read(&path).unwrap();
            assert!(!contains(&text, TOKEN), "{}", path.display());
            for spelling in spellings(CLIENT_SECRET) {
                assert!(!contains(&text, &spelling), "{} has {spelling}", path.display());
            }
        }
    }
}

fn contains(text: &[u8], what: &str) -> bool {
    text.windows(what.len()).any(|window| window == what.as_bytes())
}

#[test]
fn what_an_upstream_echoes_reaches_neither_shard_nor_client() {
    let echoes: serde_json::Map<_, _> = needles()
        .into_iter()
        .enumerate()
        .map(|(n, spelling)| (format!("n{n}"), json!(format!("<{spelling}>"))))
        .collect();
    let n = echoes.len();
    let inner = json!({ "said": format!("Bearer {TOKEN}") }).to_string();
    let graph = json!({
        "status": 200,
        "headers": { "x-echo": format!("Bearer {TOKEN}"), "x-coded": hex::encode(CLIENT_SECRET) },
        "body": { "value": [], "echoes": echoes, "list": [[{ "deep": TOKEN }]], "inner": inner, (TOKEN): "as a name" },
    });
    let upstream = upstream(&token(), &graph);
    let nexus = upstream.reached_by(hostile()).set("cache", "cache");

    let called = nexus.call("hostile_fetch", granted());
    assert_eq!(called.data()["status"], 200, "{called:#?}");
    let body = called.data()["body"].as_str().unwrap();
    assert!(body.matches(MARK).count() >= n, "{body}");
    assert_no_secret("a result", called.ran.stdout.as_bytes());
    assert_no_secret("the log", called.ran.stderr.as_bytes());

    let server = nexus.serve();
    let reply = server.client().send(&crate::support::mcp::request(
        1,
        "tools/call",
        json!({ "name": "hostile_fetch", "arguments": granted() }),
    ));
    assert_eq!(reply.answer()["result"]["structuredContent"]["status"], 200, "{reply:#?}");
    assert_no_secret("an answer", reply.text.as_bytes());
    assert_no_secret("the log", server.log().as_bytes());
    let (code, stdout) = server.stop();
    assert_eq!((code, stdout.as_str()), (Some(0), ""));

    let mut stdio = nexus.stdio();
    let answer = stdio.rpc(1, "tools/call", json!({ "name": "hostile_fetch", "arguments": granted() }));
    assert_eq!(answer["result"]["structuredContent"]["status"], 200, "{answer:#}");
    assert_no_secret("standard output", answer.to_string().as_bytes());
    assert_eq!(stdio.close(), Some(0));

    assert_eq!(record(&nexus), ["token 200", "egress 200", "call success"].repeat(3));
    no_secret_in_files(nexus.dir.path());
}

#[test]
fn what_an_upstream_echoes_into_a_field_is_masked_and_the_rest_is_there() {
    for spelling in spellings(CLIENT_SECRET) {
        let upstream = Upstream::new();
        let value = format!("Alice {spelling} Johnson");
        upstream.fault("graph/user", 0, Misbehaviour::Set { pointer: "/displayName".into(), value: value.into() });
        let nexus = upstream.nexus();
        let called = nexus.call("entra_get_user", json!({ "user_id_or_upn": "alice.johnson@nexus.corp" }));
        assert_eq!(called.data()["display_name"], format!("Alice {MARK} Johnson"), "{spelling}");
        assert_eq!(called.data()["user_principal_name"], "alice.johnson@nexus.corp");
        let struck = &called.answer["crossings"][1]["verdict"]["released"]["redactions"];
        assert_eq!(struck, 1, "{called:#?}");
        assert_no_secret("a result", called.ran.stdout.as_bytes());
        assert_no_secret("the log", called.ran.stderr.as_bytes());
        record(&nexus);
    }
}

#[test]
fn an_upstreams_error_carries_nothing_out() {
    for status in [400, 401, 403, 404, 429, 500] {
        for echoed in [hex::encode(CLIENT_SECRET), hex::encode(TOKEN), TOKEN.to_owned(), CLIENT_SECRET.to_owned()] {
            let error =
                json!({ "code": echoed, "message": format!("no, {echoed}"), "innerError": { "token": echoed } });
            let graph = json!({
                "status": status,
                "headers": { "www-authenticate": format!("Bearer error=\"{}\"", hex::encode(TOKEN)), "retry-after": "999" },
                "body": { "error": error },
            });
            let upstream = upstream(&token(), &graph);
            let nexus = upstream.nexus();
            let called = nexus.call("entra_list_users", json!({}));
            assert_eq!(called.ran.code, Some(1), "{called:#?}");
            assert_no_secret("an error", called.ran.stdout.as_bytes());
            assert_no_secret("the log", called.ran.stderr.as_bytes());
            record(&nexus);
        }
    }
}

#[test]
fn a_token_endpoints_answer_carries_nothing_out() {
    let refused = json!({ "error": "invalid_client", "error_description": format!("{CLIENT_SECRET} is not right") });
    for login in [
        json!({ "status": 401, "body": refused }),
        json!({ "status": 400, "body": { "error": hex::encode(CLIENT_SECRET) } }),
        json!({ "status": 302, "headers": { "location": format!("https://evil.example/?{}", hex::encode(CLIENT_SECRET)) } }),
        json!({ "status": 200, "text": format!("client_secret={CLIENT_SECRET}") }),
        json!({ "status": 200, "body": { "access_token": format!("{TOKEN} {CLIENT_SECRET}"), "token_type": "Bearer" } }),
        json!({ "status": 200, "body": { "access_token": TOKEN, "token_type": CLIENT_SECRET } }),
    ] {
        let upstream = upstream(&login, &json!({ "status": 200, "body": {} }));
        let nexus = upstream.nexus();
        let called = nexus.call("entra_list_users", json!({}));
        assert_eq!(called.error(), "refused", "{called:#?}");
        assert_no_secret("an error", called.ran.stdout.as_bytes());
        assert_no_secret("the log", called.ran.stderr.as_bytes());
        assert_eq!(record(&nexus), ["token error credential", "egress error credential", "call refused refused"]);
        assert_eq!(upstream.users(), 0);
    }
}

/// Everything that a library might print is printed.
#[test]
fn the_most_talkative_log_holds_no_secret() {
    let upstream = Upstream::new();
    let nexus = upstream.nexus().env("NEXUS_LOG", "trace");
    for arguments in [json!({ "limit": 5 }), json!({ "limit": 0 })] {
        let called = nexus.call("entra_list_users", arguments);
        assert!(called.ran.stderr.contains("TRACE"), "{called:#?}");
        assert_no_secret("the log", called.ran.stderr.as_bytes());
        assert_no_secret("standard output", called.ran.stdout.as_bytes());
    }
    let wrong = nexus.env("ENTRA_CLIENT_SECRET", &format!("{CLIENT_SECRET}-wrong"));
    let called = wrong.call("entra_list_users", json!({}));
    assert_eq!(called.error(), "refused");
    assert_no_secret("the log", called.ran.stderr.as_bytes());
}

/// However a guest came by it: whatever it says is cleaned on every way out.
#[test]
fn what_a_guest_says_is_cleaned_on_every_way_out() {
    let upstream = Upstream::with(|_| {});
    let nexus = upstream.reached_by(hostile());
    let server = nexus.serve();
    let client = server.client();
    for spelling in spellings(CLIENT_SECRET) {
        let text = format!("it is <{spelling}>, you know");
        for (tool, arguments) in [
            ("hostile_echo", json!({ "text": text })),
            ("hostile_error", json!({ "text": text })),
            ("hostile_log", json!({ "text": text })),
            ("hostile_panic", json!({ "text": text })),
            ("hostile_progress", json!({ "text": text })),
        ] {
            let params = json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": "p" } });
            let reply = client.send(&crate::support::mcp::request(1, "tools/call", params));
            assert_eq!(reply.status, 200, "{reply:#?}");
            assert_no_secret(tool, reply.text.as_bytes());
            if ["hostile_echo", "hostile_error"].contains(&tool) {
                assert!(reply.text.contains(MARK), "{tool}: {reply:#?}");
            }
        }
        // A name that nobody has is anybody's text as well.
        client.rpc("tools/call", json!({ "name": format!("hostile_{}", hex::encode(CLIENT_SECRET)), "arguments": {} }));
    }
    let log = server.log();
    assert_no_secret("the log", log.as_bytes());
    assert!(log.contains(&format!("it is <{MARK}>, you know")), "{log}");
    drop(server);
    record(&nexus);
    no_secret_in_files(nexus.dir.path());
}

/// A guest's request with a `$select`, and with a header, of a test's own.
fn carrying(text: &str) -> [Value; 2] {
    let coded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut in_query = granted();
    in_query["url"] = format!("https://graph.microsoft.com/v1.0/users?$select={coded}").into();
    let mut in_header = granted();
    in_header["headers"] = json!([{ "name": "x-note", "value": text }]);
    [in_query, in_header]
}

#[test]
fn a_request_that_carries_a_secret_is_held_back() {
    let graph = json!({ "status": 200, "body": { "value": [] } });
    let upstream = upstream(&token(), &graph);
    let nexus = upstream.reached_by(hostile());
    let server = nexus.serve();
    let client = server.client();
    let fetch = |request: Value| client.call("hostile_fetch", request)["structuredContent"].clone();
    // The positive control; and from here on there is a token that could leak.
    assert_eq!(fetch(granted())["status"], 200);
    for request in carrying("id,displayName") {
        assert_eq!(fetch(request)["status"], 200);
    }
    let sent = upstream.users();
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLWlzLWhlcmU";
    let shapes =
        ["AKIAIOSFODNN7EXAMPLE", jwt, "Bearer 4kX9qLw2ZtY7uPs0aQm3", "-----BEGIN PRIVATE KEY-----MIIEvQIBADANBg"];
    let all = needles().into_iter().chain(shapes.map(str::to_owned));
    for secret in all.filter(|secret| secret.is_ascii()) {
        for text in [secret.clone(), format!("x{secret}y"), format!("a,{secret},b")] {
            // A shape has its edges: a letter more makes it another word.
            if shapes.contains(&secret.as_str()) && text.starts_with('x') {
                continue;
            }
            for request in carrying(&text) {
                let fetched = fetch(request.clone());
                assert_eq!(fetched["refusal"], "leak", "{request}");
            }
        }
    }
    assert_eq!(upstream.users(), sent, "something left");
    assert_no_secret("the log", server.log().as_bytes());
    let told = record(&nexus);
    assert!(told.iter().any(|line| line == "egress refused leak"), "{told:?}");
}

#[test]
fn a_guest_cannot_send_a_header_of_the_hosts() {
    let upstream = Upstream::new();
    let nexus = upstream.reached_by(hostile());
    let server = nexus.serve();
    let client = server.client();
    let fetch = |name: &str, value: &str| {
        let mut request = granted();
        request["headers"] = json!([{ "name": name, "value": value }]);
        client.call("hostile_fetch", request)["structuredContent"].clone()
    };
    assert_eq!(fetch("ConsistencyLevel", "eventual")["status"], 200);
    let sent = upstream.users();
    for name in ["Authorization", "authorization", "AUTHORIZATION", "Proxy-Authorization", "Cookie", "Host"] {
        let fetched = fetch(name, "mine");
        assert_eq!(fetched["refusal"], "malformed", "{name}: {fetched}");
    }
    // Nor without a credential of the manifest's, to go as somebody else.
    let mut bare = granted();
    bare["credential"] = Value::Null;
    bare["headers"] = json!([{ "name": "authorization", "value": "mine" }]);
    assert_eq!(client.call("hostile_fetch", bare)["structuredContent"]["refusal"], "malformed");
    assert_eq!(upstream.users(), sent);
}

#[test]
fn a_credential_that_nobody_has_and_one_that_is_not_granted_look_the_same() {
    let upstream = Upstream::new();
    let spare = "[credential.spare]\nkind = \"bearer\"\ntoken = \"secret:SPARE_TOKEN\"\n\n[credential.graph]";
    let shard =
        Nexus::new().with_shard_as(&guest("hostile"), "hostile", |text| text.replace("[credential.graph]", spare));
    let nexus = upstream.reached_by(shard).env("SPARE_TOKEN", "a-token-nobody-was-granted");
    let server = nexus.serve();
    // Declared and not granted; declared by nobody; no name at all.
    for (name, code) in
        [("spare", "not-granted"), ("sparse", "not-granted"), ("../graph", "malformed"), ("", "malformed")]
    {
        let mut request = granted();
        request["credential"] = name.into();
        let fetched = server.client().call("hostile_fetch", request)["structuredContent"].clone();
        assert_eq!(fetched["refusal"], code, "{name:?}: {fetched}");
    }
    assert_eq!((upstream.tokens(), upstream.users()), (0, 0));
}

#[test]
fn a_secret_may_come_from_a_file_that_only_its_owner_reads() {
    use std::os::unix::fs::PermissionsExt;

    let upstream = Upstream::new();
    let nexus = upstream.nexus();
    let file = nexus.path("client-secret");
    fs::write(&file, format!("{CLIENT_SECRET}\n")).unwrap();
    let nexus = nexus.env("ENTRA_CLIENT_SECRET", "").env("ENTRA_CLIENT_SECRET_FILE", &file.display().to_string());
    for (mode, code) in [(0o600, 0), (0o400, 0), (0o644, 1), (0o640, 1)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let called = nexus.call("entra_list_users", json!({ "limit": 1 }));
        assert_eq!(called.ran.code, Some(code), "{mode:o}: {called:#?}");
        assert_no_secret("standard error", called.ran.stderr.as_bytes());
        if code != 0 {
            assert_eq!(called.error(), "unknown-tool", "its shard stays out");
            assert!(called.ran.stderr.contains("ENTRA_CLIENT_SECRET"), "{called:#?}");
        }
    }
}

#[test]
fn a_secret_that_is_renewed_while_a_server_runs_is_masked_and_so_is_the_old_one() {
    use std::os::unix::fs::PermissionsExt;

    const RENEWED: &str = "quiet-harbour-lantern-forty";
    let said = json!({ "value": [], "old": format!("<{CLIENT_SECRET}>"), "new": format!("<{RENEWED}>") });
    let upstream = upstream(&token(), &json!({ "status": 200, "body": said }));
    let nexus = upstream.reached_by(hostile());
    let file = nexus.path("client-secret");
    fs::write(&file, CLIENT_SECRET).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let nexus = nexus.env("ENTRA_CLIENT_SECRET", "").env("ENTRA_CLIENT_SECRET_FILE", &file.display().to_string());
    let server = nexus.serve();
    let client = server.client();
    let echoed = || {
        let result = client.call("hostile_fetch", granted());
        let body = result["structuredContent"]["body"].as_str().unwrap_or_else(|| panic!("{result:#}"));
        let body: Value = serde_json::from_str(body).unwrap();
        [&body["old"], &body["new"]].map(|value| value.as_str().unwrap().to_owned())
    };
    // What nobody has told the host is no secret of its own.
    assert_eq!(echoed(), [format!("<{MARK}>"), format!("<{RENEWED}>")]);
    fs::write(&file, RENEWED).unwrap();
    let pid = server.pid().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    eventually("the look at secrets", || echoed()[1] != format!("<{RENEWED}>"));
    assert_eq!(echoed(), [format!("<{MARK}>"), format!("<{MARK}>")]);
    server.stop();
}
