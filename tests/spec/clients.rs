//! Clients that mean harm: slow ones, silent ones, many, and ones that send what is no message. Each is held, and a
//! neighbour is answered meanwhile and afterwards.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::support::mcp::{Http, LATEST, Reply, request};
use crate::support::record::record;
use crate::support::{Nexus, PATIENCE, Serving, eventually, guest};

const OLDER: &str = "2025-11-25";

/// Waits that a test can sit through. The body's is so long that a neighbour on a busy machine keeps within a sixth of it.
fn quick() -> Nexus {
    Nexus::identity().set("http.head-seconds", 1).set("http.body-seconds", 12).set("http.idle-seconds", 2)
}

/// Waits that never end within a test: what is closed was closed for another reason.
fn patient() -> Nexus {
    let nexus = Nexus::identity().set("http.head-seconds", 600).set("http.body-seconds", 600);
    nexus.set("http.idle-seconds", 600)
}

fn address(server: &Serving) -> SocketAddr {
    server.url.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap().parse().unwrap()
}

fn connect(server: &Serving) -> TcpStream {
    let stream = TcpStream::connect(address(server)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A head that asks for `length` bytes of a call, up to its last line.
fn head(server: &Serving, more: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         Mcp-Protocol-Version: {LATEST}\r\nMcp-Method: tools/list\r\n{more}",
        address(server)
    )
}

fn list() -> String {
    request(1, "tools/list", json!({})).to_string()
}

/// Everything that comes until the server closes. A reset is an end too.
fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => all.extend(&piece[..n]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("not closed: {error}"),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    !matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// The neighbour: the process is alive, and a tool answers.
#[track_caller]
fn assert_answered(server: &Serving) {
    let health = try_health(server).unwrap_or_else(|error| panic!("/healthz: {error}"));
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("ok\n"), "{health}");
    let result = server.client().call("entra_list_users", json!({ "limit": 1 }));
    assert_eq!(result["structuredContent"]["users"].as_array().map(Vec::len), Some(1), "{result:#}");
}

fn try_health(server: &Serving) -> std::io::Result<String> {
    let mut stream = connect(server);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Sends these bytes as they are, ends its side, and says what came back.
#[track_caller]
fn exchange(server: &Serving, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    // A server that has seen enough closes, and need not read the rest.
    let sent = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let answer = rest(&mut stream);
    assert!(sent.is_ok() || answer.is_empty() || status(&answer) >= 400, "{answer}");
    answer
}

/// Sends these bytes and waits for all that comes back.
fn ask(server: &Serving, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    stream.write_all(bytes).unwrap();
    rest(&mut stream)
}

#[test]
fn a_head_has_its_time_and_no_more() {
    let nexus = quick();
    let server = nexus.serve();
    let silent: Vec<_> = (0..20).map(|_| connect(&server)).collect();
    let mut half: Vec<_> = (0..20).map(|_| connect(&server)).collect();
    for stream in &mut half {
        stream.write_all(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ").unwrap();
    }
    // One that goes on, a byte at a time, has no longer.
    let mut dripping = connect(&server);
    let began = Instant::now();
    while dripping.write_all(b"G").is_ok() && !is_closed(&dripping) {
        assert!(began.elapsed() < PATIENCE, "a head that never ends was let come");
        thread::sleep(Duration::from_millis(50));
    }
    assert_answered(&server);
    for mut stream in silent.into_iter().chain(half) {
        assert_eq!(rest(&mut stream), "");
    }
    // A head in two pieces, within its time, is as good as one.
    let mut stream = connect(&server);
    let whole = format!("{}Connection: close\r\nContent-Length: {}\r\n\r\n", head(&server, ""), list().len());
    let (one, two) = whole.split_at(40);
    stream.write_all(one.as_bytes()).unwrap();
    stream.flush().unwrap();
    stream.write_all(two.as_bytes()).unwrap();
    stream.write_all(list().as_bytes()).unwrap();
    assert_eq!(status(&rest(&mut stream)), 200);
    assert_answered(&server);
}

#[test]
fn a_connection_is_kept_for_another_request_and_not_for_ever() {
    let nexus = quick();
    let server = nexus.serve();
    let mut stream = connect(&server);
    for _ in 0..2 {
        let whole = format!("{}Content-Length: {}\r\n\r\n{}", head(&server, ""), list().len(), list());
        stream.write_all(whole.as_bytes()).unwrap();
        let mut piece = [0; 12];
        stream.read_exact(&mut piece).unwrap();
        assert_eq!(&piece, b"HTTP/1.1 200");
        let mut rest = vec![0; 1 << 20];
        // The answer is one piece of JSON, so its end is the end of what is there.
        let mut told = String::new();
        while serde_json::from_str::<Value>(told.split("\r\n\r\n").nth(1).unwrap_or_default()).is_err() {
            let n = stream.read(&mut rest).unwrap();
            assert!(n > 0, "closed within an answer: {told}");
            told.push_str(std::str::from_utf8(&rest[..n]).unwrap());
        }
    }
    assert_eq!(rest(&mut stream), "", "it was not closed in silence");
    assert_answered(&server);
}

#[test]
fn a_body_has_its_time_and_its_pace() {
    let nexus = quick();
    let server = nexus.serve();
    let mut slow: Vec<_> = (0..20).map(|_| connect(&server)).collect();
    for stream in &mut slow {
        let half = format!("{}Content-Length: 1000\r\n\r\n{{\"jsonrpc\":", head(&server, ""));
        stream.write_all(half.as_bytes()).unwrap();
    }
    assert_answered(&server);
    for mut stream in slow {
        let answer = rest(&mut stream);
        assert_eq!(status(&answer), 408, "{answer}");
    }
    assert_answered(&server);
    assert!(
        record(&nexus).iter().all(|told| told.starts_with("egress") || told == "call success" || told == "token 200")
    );
}

/// So many descriptors for this process, or fewer if it may not have more.
fn raise_own_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

/// What is approved is withdrawn while clients hold all that they can get.
#[track_caller]
fn assert_quarantine_takes_effect(nexus: &Nexus, server: &Serving) {
    let began = Instant::now();
    let ran = nexus.run(&["quarantine", "identity", "--by", "test", "--why", "crowded"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    eventually("the quarantine", || {
        let answer =
            server.client().rpc("tools/call", json!({ "name": "entra_list_users", "arguments": { "limit": 1 } }));
        answer["error"]["code"] == -32602
    });
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn eleven_hundred_silent_connections_keep_nobody_out() {
    raise_own_limit();
    let nexus = patient();
    let server = nexus.serve();
    let mut held = Vec::new();
    for n in 0..1100 {
        let mut stream = connect(&server);
        if n % 2 == 1 {
            stream.write_all(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n").unwrap();
        }
        held.push(stream);
    }
    assert_answered(&server);
    // Those that were there first went, and no more than had to.
    eventually("the oldest", || held.iter().take(300).all(is_closed));
    assert!(held.iter().skip(400).all(|stream| !is_closed(stream)), "more was closed than room was needed for");
    eventually("the log", || server.log().contains("more clients than there is room for"));
    assert_quarantine_takes_effect(&nexus, &server);
}

#[test]
fn a_host_with_few_descriptors_keeps_some_for_itself() {
    let nexus = patient();
    let command = nexus.command(&["serve", "--bind", "127.0.0.1:0"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 256 && exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    limited.env_clear().current_dir(nexus.dir.path());
    let server = Serving::start(limited);
    let held: Vec<_> = (0..400).map(|_| connect(&server)).collect();
    assert_answered(&server);
    assert!(server.log().contains("connections=128"), "{}", server.log());
    assert_quarantine_takes_effect(&nexus, &server);
    assert!(held.iter().filter(|stream| !is_closed(stream)).count() < 128);
    assert!(!server.log().contains("cannot be accepted"), "{}", server.log());
}

#[test]
fn a_process_that_may_open_more_files_does() {
    let nexus = Nexus::identity();
    let command = nexus.command(&["serve", "--bind", "127.0.0.1:0"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -Sn 200 && exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    limited.env_clear().current_dir(nexus.dir.path());
    let server = Serving::start(limited);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words[3], words[4], "{line}");
    assert_ne!(words[3], "200");
}

fn initialize(client: &Http) -> Reply {
    let params =
        json!({ "protocolVersion": OLDER, "capabilities": {}, "clientInfo": { "name": "spec", "version": "1" } });
    let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    client.post(&[], body.to_string().as_bytes())
}

fn in_session(client: &Http, session: &str, body: &Value) -> Reply {
    client.post(&[("mcp-session-id", session), ("mcp-protocol-version", OLDER)], body.to_string().as_bytes())
}

fn call_in_session(client: &Http, session: &str) -> Reply {
    let params = json!({ "name": "entra_list_users", "arguments": { "limit": 1 } });
    in_session(client, session, &json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }))
}

/// A stream of events that stays open.
fn listen(server: &Serving, session: &str) -> TcpStream {
    let mut stream = connect(server);
    let address = address(server);
    let head = format!(
        "GET /mcp HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\nMcp-Session-Id: {session}\r\n\
         Mcp-Protocol-Version: {OLDER}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[test]
fn sessions_are_bounded_and_those_in_use_outlast_a_flood() {
    let nexus = Nexus::identity().set("http.max-sessions", 20).set("http.max-per-address", 20);
    let server = nexus.serve();
    let client = server.client();
    let used = initialize(&client).session.unwrap();
    assert_eq!(call_in_session(&client, &used).status, 200);
    let heard = initialize(&client).session.unwrap();
    let _stream = listen(&server, &heard);
    let flood: Vec<_> = (0..200).map(|_| initialize(&client)).collect();
    assert!(flood.iter().all(|reply| reply.status == 200));
    assert_eq!(call_in_session(&client, &used).answer()["result"]["isError"], false);
    assert_eq!(call_in_session(&client, &heard).answer()["result"]["isError"], false);
    let alive = flood.iter().filter(|reply| call_in_session(&client, reply.session.as_ref().unwrap()).status == 200);
    assert_eq!(alive.count(), 18, "twenty in all");
    eventually("the log", || server.log().contains("sessions=20"));
    assert_answered(&server);
}

#[test]
fn a_session_that_somebody_waits_on_is_not_closed_for_another() {
    let nexus = Nexus::identity().set("http.max-sessions", 2).set("http.max-per-address", 20);
    let server = nexus.serve();
    let client = server.client();
    let streams: Vec<_> = (0..2).map(|_| listen(&server, &initialize(&client).session.unwrap())).collect();
    let refused = initialize(&client);
    assert_eq!((refused.status, &refused.answer()["error"]["code"]), (503, &json!(-32000)), "{refused:#?}");
    // Versions without sessions go on.
    assert_answered(&server);
    drop(streams);
    eventually("room for another", || initialize(&client).status == 200);
}

#[test]
fn a_session_that_nobody_uses_ends() {
    let nexus = Nexus::identity().set("http.session-idle-seconds", 1);
    let server = nexus.serve();
    let client = server.client();
    let session = initialize(&client).session.unwrap();
    assert_eq!(call_in_session(&client, &session).status, 200);
    // A look is a use, so there is one look each time.
    eventually("its end", || {
        thread::sleep(Duration::from_millis(1500));
        call_in_session(&client, &session).status == 404
    });
    assert_answered(&server);
}

#[test]
fn a_request_id_is_used_once_at_a_time() {
    let nexus = Nexus::identity().with_shard_as(&guest("hostile"), "hostile", |manifest| {
        manifest.replace("deadline = \"2s\"", "deadline = \"60s\"").replace("cpu = \"1s\"", "cpu = \"60s\"")
    });
    let server = nexus.serve();
    let client = server.client();
    let session = initialize(&client).session.unwrap();
    let long = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call",
        "params": { "name": "hostile_loop", "arguments": {} } });
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 5 } });
    thread::scope(|scope| {
        let first = scope.spawn(|| in_session(&server.client(), &session, &long));
        eventually("the call", || nexus.ledger().iter().any(|line| line["tool"] == "hostile_loop"));
        let second = in_session(&client, &session, &long);
        assert_eq!((second.status, &second.messages[0]["error"]["code"]), (400, &json!(-32600)), "{second:#?}");
        assert_eq!(call_in_session(&client, &session).status, 200);
        assert_eq!(in_session(&client, &session, &cancel).status, 202);
        first.join().unwrap();
    });
    let again = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/list" });
    assert!(in_session(&client, &session, &again).answer()["result"]["tools"].is_array());
}

#[test]
fn requests_that_are_sent_without_waiting_for_answers_are_answered_in_order() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    let mut stream = connect(&server);
    let mut writer = stream.try_clone().unwrap();
    let flood: String = (0..60)
        .map(|n| {
            let body = request(n, "tools/list", json!({})).to_string();
            let end = if n == 59 { "Connection: close\r\n" } else { "" };
            format!("{}{end}Content-Length: {}\r\n\r\n{body}", head(&server, ""), body.len())
        })
        .collect();
    thread::scope(|scope| {
        scope.spawn(move || writer.write_all(flood.as_bytes()).unwrap());
        assert_answered(&server);
        let answers = rest(&mut stream);
        let ids: Vec<_> = answers.match_indices("\"id\":").map(|(at, _)| at).collect();
        assert_eq!(answers.matches("HTTP/1.1 200").count(), 60);
        assert!(ids.len() >= 60);
    });
    assert_answered(&server);
}

#[test]
fn calls_whose_clients_go_away_end_with_them() {
    let nexus = Nexus::identity().with_guest("hostile");
    let server = nexus.serve();
    let body = request(1, "tools/call", json!({ "name": "hostile_loop", "arguments": {} })).to_string();
    for _ in 0..20 {
        let mut stream = connect(&server);
        let head = head(&server, "").replace("tools/list", "tools/call");
        write!(stream, "{head}Mcp-Name: hostile_loop\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    }
    assert_answered(&server);
    // None is left open, whatever ended it.
    let count = |phase: &str| {
        let lines = nexus.ledger();
        lines.iter().filter(|line| line["tool"] == "hostile_loop" && line["phase"] == phase).count()
    };
    eventually("their end", || count("ended") + count("abandoned") == count("asked"));
    assert_answered(&server);
}

/// The guest's results are as large as `SEVEN` in the data alone, and twice that in a message.
const SEVEN: usize = 7 << 20;
/// A quarter of it is for answers on their way, which has room for three such messages.
const ALL: usize = 200 << 20;

fn wordy() -> Nexus {
    let wordy = |manifest: String| {
        let manifest = manifest.replace("memory = \"16MiB\"", "memory = \"64MiB\"");
        manifest.replace("output-bytes = \"1MiB\"", "output-bytes = \"8MiB\"")
    };
    patient().with_shard_as(&guest("hostile"), "hostile", wordy).set("sandbox.max-bytes", 200 << 20)
}

/// Asks for a long result and takes as much of the answer as shows that it has begun.
fn ask_for_much(server: &Serving, session: Option<&str>, id: u64) -> TcpStream {
    let call = json!({ "name": "hostile_output", "arguments": { "bytes": SEVEN } });
    let (body, head) = match session {
        None => {
            let head = head(server, "Mcp-Name: hostile_output\r\n").replace("tools/list", "tools/call");
            (request(id, "tools/call", call), head)
        }
        Some(session) => {
            let head = head(server, &format!("Mcp-Session-Id: {session}\r\n")).replace(LATEST, OLDER);
            let head = head.replace("Mcp-Method: tools/list\r\n", "");
            (json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call }), head)
        }
    };
    let mut stream = connect(server);
    // Or the system takes all of it in the client's place.
    set_socket_recv_buffer_size(&stream, 64 << 10).unwrap();
    let body = body.to_string();
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(String::from_utf8_lossy(&first), "HTTP/1.1 200");
    stream
}

#[test]
fn answers_that_nobody_reads_take_their_share_and_give_way() {
    let nexus = wordy();
    let server = nexus.serve();
    let read_whole = || {
        let client = server.client();
        let answer = client.call("hostile_output", json!({ "bytes": SEVEN }));
        answer["structuredContent"]["text"].as_str().map(str::len) == Some(SEVEN)
    };
    assert!(read_whole());
    let before = server.resident();
    let session = initialize(&server.client()).session.unwrap();
    for session in [None, Some(session.as_str())] {
        let unread: Vec<_> = (0..8).map(|id| ask_for_much(&server, session, id)).collect();
        let more = server.resident().saturating_sub(before);
        assert!(more < ALL, "{} MiB more", more >> 20);
        assert_answered(&server);
        // Whoever reads gets all of it, and who read nothing has lost his place to him. A stream begins before its call ends.
        eventually("an answer to whoever reads", read_whole);
        drop(unread);
        eventually("an answer when they have gone", read_whole);
    }
}

#[test]
fn a_client_over_stdio_that_reads_nothing_is_told_that_there_is_no_room() {
    let nexus = wordy();
    let mut stdio = nexus.stdio();
    stdio.rpc(1000, "tools/list", json!({}));
    let call = json!({ "name": "hostile_output", "arguments": { "bytes": SEVEN } });
    for id in 0..12 {
        stdio.write(&request(id, "tools/call", call.clone()).to_string());
    }
    let ended = || nexus.ledger().iter().filter(|line| line["kind"] == "call" && line["phase"] == "ended").count();
    eventually("every end", || ended() == 12);
    let answers: Vec<_> = (0..12).map(|_| stdio.read()).collect();
    let text = |answer: &Value| answer["result"]["structuredContent"]["text"].as_str().map(str::len);
    let (whole, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| text(answer) == Some(SEVEN));
    assert!(!whole.is_empty() && whole.len() < 5, "{}", whole.len());
    assert!(others.iter().all(|answer| answer["result"]["_meta"]["nexus/error"] == "busy"), "{:#?}", others.first());
    let again = stdio.rpc(100, "tools/call", call);
    assert_eq!(text(&again), Some(SEVEN), "there is room again");
    assert_eq!(stdio.close(), Some(0));
}

#[test]
fn what_has_no_length_or_a_wrong_one_becomes_no_call() {
    let nexus = quick();
    let server = nexus.serve();
    let body = request(1, "tools/call", json!({ "name": "entra_list_users", "arguments": {} })).to_string();
    let head = head(&server, "").replace("tools/list", "tools/call") + "Mcp-Name: entra_list_users\r\n";
    let length = body.len();
    let (less, more) = (length - 1, length + 100);
    for (what, text) in [
        ("no number", format!("{head}Content-Length: many\r\n\r\n{body}")),
        ("negative", format!("{head}Content-Length: -1\r\n\r\n{body}")),
        ("two lengths", format!("{head}Content-Length: {length}\r\nContent-Length: {less}\r\n\r\n{body}")),
        ("a list of lengths", format!("{head}Content-Length: {length}, {less}\r\n\r\n{body}")),
        ("beyond 64 bits", format!("{head}Content-Length: 99999999999999999999\r\n\r\n{body}")),
        ("too short", format!("{head}Content-Length: {less}\r\n\r\n{body}")),
        ("too long", format!("{head}Content-Length: {more}\r\n\r\n{body}")),
        ("five mebibytes", format!("{head}Content-Length: 5242880\r\n\r\n")),
        ("none", format!("{head}\r\n{body}")),
        ("chunks of no size", format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n")),
        ("a chunk without an end", format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}0\r\n\r\n")),
        ("a chunk beyond 64 bits", format!("{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{body}")),
        ("chunks without an end", format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n")),
        ("an unknown coding", format!("{head}Transfer-Encoding: gzip\r\n\r\n{body}")),
        ("no HTTP", "\u{0}\u{1}\u{2}\r\n\r\n".to_owned()),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}".to_owned()),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("a space before the colon", format!("{head}Content-Length : {length}\r\n\r\n{body}")),
        ("a folded field", format!("{head}X-Folded: a\r\n b\r\nContent-Length: {length}\r\n\r\n{body}")),
    ] {
        let answer = exchange(&server, text.as_bytes());
        assert!(answer.is_empty() || (400..500).contains(&status(&answer)), "{what}: {answer}");
    }
    assert!(!nexus.ledger().iter().any(|line| line["phase"] == "asked"), "one became a call");
    // The control: the same, with its length, and in chunks.
    let chunked =
        format!("{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
    for text in [format!("{head}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"), chunked] {
        let mut stream = connect(&server);
        stream.write_all(text.as_bytes()).unwrap();
        assert_eq!(status(&rest(&mut stream)), 200);
    }
    assert_answered(&server);
}

#[test]
fn heads_and_bodies_have_a_size() {
    let nexus = quick();
    let server = nexus.serve();
    let end = format!("Connection: close\r\nContent-Length: {}\r\n\r\n{}", list().len(), list());
    let long = |bytes: usize| format!("X-Long: {}\r\n", "x".repeat(bytes));
    let many = |n: usize| (0..n).map(|n| format!("X-Field-{n}: x\r\n")).collect::<String>();
    for (what, more, expected) in [
        ("a long field", long(20_000), 200),
        ("a longer one", long(100_000), 431),
        ("many fields", many(80), 200),
        ("more fields", many(150), 431),
    ] {
        let mut stream = connect(&server);
        // What is refused need not be read to its end.
        let sent = stream.write_all(format!("{}{end}", head(&server, &more)).as_bytes());
        let answer = rest(&mut stream);
        let found = status(&answer);
        assert!(found == expected || (expected == 431 && (found == 0 || sent.is_err())), "{what}: {answer}");
    }
    let answer = exchange(&server, format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)).as_bytes());
    assert!(answer.is_empty() || (400..500).contains(&status(&answer)), "{answer}");
    // In chunks nothing tells the size beforehand.
    let mut stream = connect(&server);
    let mut sent = stream.write_all(format!("{}Transfer-Encoding: chunked\r\n\r\n", head(&server, "")).as_bytes());
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, " ".repeat(1 << 16));
    for _ in 0..80 {
        sent = sent.and_then(|()| stream.write_all(chunk.as_bytes()));
    }
    let answer = rest(&mut stream);
    assert!(status(&answer) == 413 || (answer.is_empty() && sent.is_err()), "{answer}");
    assert_answered(&server);
}

/// What is wrong with a message, the code that it gets, and whether its id comes with it.
fn no_messages() -> Vec<(&'static str, String, i64, bool)> {
    let call = |arguments: &str| {
        let meta = crate::support::mcp::meta();
        format!(
            r#"{{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{{"name":"entra_list_users","arguments":{arguments},"_meta":{meta}}}}}"#
        )
    };
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let also = |text: String| format!("{},\"id\":78}}", text.strip_suffix('}').unwrap());
    vec![
        ("half an object", "{".to_owned(), -32700, false),
        ("no JSON", "hello".to_owned(), -32700, false),
        ("much nesting", "[".repeat(100_000), -32600, false),
        ("a batch", format!("[{}]", list()), -32600, false),
        ("an empty batch", "[]".to_owned(), -32600, false),
        ("a number", "42".to_owned(), -32600, false),
        ("nothing said", "{\"jsonrpc\":\"2.0\"}".to_owned(), -32600, false),
        ("another version", "{\"jsonrpc\":\"1.0\",\"id\":77,\"method\":\"tools/list\"}".to_owned(), -32600, true),
        ("two ids", "{\"jsonrpc\":\"2.0\",\"id\":77,\"id\":78,\"method\":\"tools/list\"}".to_owned(), -32600, false),
        (
            "two ids, one by an escape",
            r#"{"jsonrpc":"2.0","id":77,"method":"tools/list","i\u0064":77}"#.to_owned(),
            -32600,
            false,
        ),
        ("two ids behind something else that is wrong", also(call(r#"{"limit":1e400}"#)), -32602, false),
        ("two ids and two limits", also(call(r#"{"limit":1,"limit":2}"#)), -32600, false),
        ("two ids around much nesting", also(call(&deep)), -32600, false),
        ("two methods", r#"{"jsonrpc":"2.0","id":77,"method":"tools/list","method":"ping"}"#.to_owned(), -32600, true),
        ("half a character", call(r#"{"limit":"\ud800"}"#), -32700, true),
        ("the other half, in a key", call(r#"{"\udc00":1}"#), -32700, true),
        ("half a character in the id", call("{}").replace("77", r#""7\ud8007""#), -32700, false),
        ("an id, and no end", list().trim_end_matches('}').to_owned(), -32700, false),
        ("an id, and more than one message", format!("{} {}", list(), list()), -32700, false),
        ("two limits", call(r#"{"limit":1,"l\u0069mit":2}"#), -32600, true),
        ("nested arguments", call(&deep), -32600, true),
        ("a float beyond 64 bits", call(r#"{"limit":1e400}"#), -32602, true),
        ("an integer beyond 64 bits", call(r#"{"limit":18446744073709551616}"#), -32602, true),
        ("a decimal that would be rounded", call(r#"{"limit":1.23456789012345678901}"#), -32602, true),
        ("arguments that are a text", call("\"limit=5\""), -32602, true),
        ("arguments that are a list", call("[5]"), -32602, true),
    ]
}

/// Calls among these.
fn refused_calls(nexus: &Nexus) -> usize {
    let lines = nexus.ledger();
    lines.iter().filter(|line| line["kind"] == "call" && line["refusal"] == "invalid-request").count()
}

#[test]
fn what_is_no_message_over_http_is_told_so_and_calls_among_it_are_on_record() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    let client = server.client();
    let mut n_calls = 0;
    for (what, text, code, has_id) in no_messages() {
        let is_call = text.contains("tools/call");
        let method = if is_call { "tools/call" } else { "tools/list" };
        let mut headers = vec![("mcp-protocol-version", LATEST), ("mcp-method", method)];
        if is_call {
            headers.push(("mcp-name", "entra_list_users"));
        }
        let reply = client.post(&headers, text.as_bytes());
        let told = &reply.messages[0];
        assert_eq!(told["error"]["code"], code, "{what}: {reply:#?}");
        assert_eq!(told["id"], if has_id { json!(77) } else { Value::Null }, "{what}: {reply:#?}");
        assert_eq!(reply.status, if code == -32602 && has_id { 200 } else { 400 }, "{what}: {reply:#?}");
        n_calls += usize::from(is_call);
        assert_eq!(told["error"]["data"]["nexus/event-id"].is_string(), is_call, "{what}: {reply:#?}");
    }
    assert_eq!(refused_calls(&nexus), n_calls);
    let line = nexus.ledger().into_iter().find(|line| line["refusal"] == "invalid-request").unwrap();
    assert_eq!((&line["tool"], &line["principal"]), (&json!("entra_list_users"), &json!("loopback")), "{line}");
    assert_answered(&server);
}

#[test]
fn what_is_no_message_over_stdio_is_told_so_and_the_session_goes_on() {
    let nexus = Nexus::identity();
    let mut stdio = nexus.stdio();
    let mut n_calls = 0;
    let mut lines = no_messages();
    // A line of any length is one message.
    lines.push(("five mebibytes", "x".repeat(5 << 20), -32600, false));
    for (n, (what, text, code, has_id)) in (0..).zip(lines) {
        stdio.write(&text);
        let told = stdio.read();
        assert_eq!(told["error"]["code"], code, "{what}: {told:#}");
        assert_eq!(told["id"], if has_id { json!(77) } else { Value::Null }, "{what}: {told:#}");
        n_calls += usize::from(text.contains("tools/call"));
        assert!(stdio.rpc(n, "tools/list", json!({}))["result"]["tools"].is_array(), "after {what}");
    }
    assert_eq!(refused_calls(&nexus), n_calls);
    // Not a request, so not answered: what comes next is the answer to what is asked next.
    stdio.write("{\"jsonrpc\":\"2.0\",\"method\":\"$/unheard-of\"}");
    stdio.write("");
    stdio.write("\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"notifications/unheard-of\"}\r");
    stdio.write(&request(900, "tools/list", json!({})).to_string());
    assert_eq!(stdio.read()["id"], 900);
    assert_eq!(stdio.close(), Some(0));
}

#[test]
fn a_number_that_64_bits_hold_reaches_the_tool() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    for (number, is_message) in [("18446744073709551615", true), ("-0.5", true), ("2.50e1", true), ("1e-400", false)] {
        let text =
            request(1, "tools/call", json!({ "name": "entra_list_users", "arguments": { "limit": 87_654_321 } }));
        let text = text.to_string().replace("87654321", number);
        let headers =
            [("mcp-protocol-version", LATEST), ("mcp-method", "tools/call"), ("mcp-name", "entra_list_users")];
        let reply = server.client().post(&headers, text.as_bytes());
        assert_eq!(reply.answer()["result"].is_object(), is_message, "{number}: {reply:#?}");
        let told = reply.answer()["error"]["message"].as_str().unwrap_or("params.arguments.limit");
        assert!(told.contains("params.arguments.limit"), "{told}");
    }
}

#[test]
fn a_client_over_stdio_has_so_many_requests_under_way() {
    let nexus = Nexus::identity();
    let mut stdio = nexus.stdio();
    stdio.rpc(1000, "tools/list", json!({}));
    let params = json!({ "notifications": { "toolsListChanged": true } });
    for id in 0..256 {
        stdio.write(&request(id, "subscriptions/listen", params.clone()).to_string());
    }
    // The same id again, then one too many.
    stdio.write(&request(0, "tools/list", json!({})).to_string());
    stdio.write(&request(900, "tools/list", json!({})).to_string());
    let (mut told, mut heard) = (Vec::new(), 0);
    while told.len() < 2 {
        let message = stdio.read();
        if message["error"].is_object() { told.push(message) } else { heard += 1 }
    }
    assert!(heard <= 256, "{heard}");
    assert_eq!((&told[0]["id"], &told[0]["error"]["code"]), (&Value::Null, &json!(-32600)), "{told:#?}");
    assert_eq!((&told[1]["id"], &told[1]["error"]["code"]), (&json!(900), &json!(-32000)), "{told:#?}");
    // Room is given back.
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
    stdio.write(&cancel.to_string());
    let answer = stdio.rpc(901, "tools/call", json!({ "name": "entra_list_users", "arguments": { "limit": 1 } }));
    assert_eq!(answer["result"]["isError"], false, "{answer:#}");
    assert_eq!(stdio.close(), Some(0));
}

#[test]
fn floods_of_cancellations_and_of_being_ready_cost_nothing() {
    let nexus = Nexus::identity();
    let mut stdio = nexus.stdio();
    stdio.initialize(OLDER);
    for n in 0..2000 {
        let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": n } });
        stdio.write(&cancel.to_string());
        stdio.write("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
        let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress",
            "params": { "progressToken": n, "progress": 1 } });
        stdio.write(&progress.to_string());
    }
    let params = json!({ "name": "entra_list_users", "arguments": { "limit": 1 } });
    stdio.write(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string());
    assert_eq!(stdio.read()["id"], 1);
    // However often it said that it is ready, it is told of a change once.
    let ran = nexus.run(&["quarantine", "identity", "--by", "test", "--why", "a change"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let mut told = Vec::new();
    while told.last() != Some(&json!("notifications/resources/list_changed")) {
        told.push(stdio.read()["method"].clone());
    }
    stdio.write("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}");
    told.push(stdio.read()["id"].clone());
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn no_web_page_may_ask_unless_the_operator_names_it() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    let body = list();
    let port = address(&server).port();
    for (origin, expected) in [
        (None, 200),
        (Some("https://evil.example".to_owned()), 403),
        (Some("http://localhost:3000".to_owned()), 403),
        (Some(format!("http://127.0.0.1:{port}")), 403),
        (Some("null".to_owned()), 403),
        (Some(String::new()), 403),
        (Some("file://".to_owned()), 403),
    ] {
        let line = origin.as_ref().map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        let text =
            format!("{}{line}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", head(&server, ""), body.len());
        let answer = ask(&server, text.as_bytes());
        assert_eq!(status(&answer), expected, "{origin:?}: {answer}");
    }
    // Nor does what such a page sends get as far as the record.
    let call = request(1, "tools/call", json!({ "name": "entra_list_users", "arguments": "x" })).to_string();
    let head = head(&server, "Origin: https://evil.example\r\n");
    let answer =
        ask(&server, format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{call}", call.len()).as_bytes());
    assert_eq!(status(&answer), 403, "{answer}");
    assert_eq!(refused_calls(&nexus), 0);
}

#[test]
fn a_state_is_good_for_the_tool_that_gave_it_out() {
    let nexus = Nexus::new().with_guest("conformance");
    let server = nexus.serve();
    let client = server.client();
    let (one, other) = ("test_input_required_result_request_state", "test_input_required_result_tampered_state");
    let ask = |tool: &str| {
        let capable = json!({ "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} } });
        let params = json!({ "name": tool, "arguments": {}, "_meta": capable });
        let result = client.rpc("tools/call", params)["result"].clone();
        result["requestState"].as_str().unwrap_or_else(|| panic!("{result:#}")).to_owned()
    };
    let go_on = |tool: &str, state: &str| {
        let answer = json!({ "action": "accept", "content": { "ok": true } });
        let params =
            json!({ "name": tool, "arguments": {}, "requestState": state, "inputResponses": { "confirm": answer } });
        client.rpc("tools/call", params)
    };
    let (of_one, of_other) = (ask(one), ask(other));
    assert_eq!(go_on(one, &of_one)["result"]["content"][0]["text"], "state-ok");
    for (tool, state) in [(one, &of_other), (other, &of_one)] {
        let refused = go_on(tool, state);
        assert_eq!(refused["error"]["code"], -32602, "{refused:#}");
        assert!(refused["error"]["message"].as_str().unwrap().contains("requestState"), "{refused:#}");
    }
    assert!(go_on(other, &of_other)["result"]["content"][0]["text"].as_str().unwrap().contains("came back as it was"));
    // Nor is it good in another process, whose key is another.
    let elsewhere = Nexus::new().with_guest("conformance");
    let server = elsewhere.serve();
    let answer = json!({ "action": "accept", "content": { "ok": true } });
    let params =
        json!({ "name": one, "arguments": {}, "requestState": of_one, "inputResponses": { "confirm": answer } });
    assert_eq!(server.client().rpc("tools/call", params)["error"]["code"], -32602);
}

#[test]
fn a_token_that_the_group_can_read_is_not_taken() {
    let nexus = Nexus::identity().set("http.token-file", "token");
    fs::write(nexus.path("token"), "correct-horse-battery-staple\n").unwrap();
    for (mode, is_private) in
        [(0o640, false), (0o620, false), (0o604, false), (0o610, false), (0o400, true), (0o600, true)]
    {
        fs::set_permissions(nexus.path("token"), fs::Permissions::from_mode(mode)).unwrap();
        if is_private {
            let server = nexus.serve();
            assert_eq!(server.client().post(&[], b"{}").status, 401, "{mode:o}");
        } else {
            let ran = nexus.run(&["serve", "--bind", "127.0.0.1:0"]);
            assert_eq!(ran.code, Some(3), "{mode:o}: {ran:#?}");
            assert!(ran.stderr.contains("chmod 600"), "{mode:o}: {ran:#?}");
        }
    }
}
