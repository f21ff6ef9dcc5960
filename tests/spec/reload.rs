//! While a server runs: what is stopped is stopped at once, whatever else goes on; what failed is tried until it holds; and what
//! outlives a reload, row by row of the table in ARCHITECTURE.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::approval::approve_now;
use crate::support::upstream::{CLIENT_SECRET, Upstream};
use crate::support::{Nexus, Serving, eventually, get, guest, mcp, shards};

/// How long a quarantine or a withdrawal may take on a machine that is busy with other tests. It takes 0.3 s on an idle one; what
/// it must not wait for takes longer than this.
const AT_ONCE: Duration = Duration::from_secs(10);

const LOCK: &str = "nexus.lock";
const QUARANTINE: &str = "nexus.lock.quarantine";

/// The guest with time to spare.
fn patient(manifest: String) -> String {
    manifest.replace("cpu = \"1s\"", "cpu = \"60s\"").replace("deadline = \"2s\"", "deadline = \"60s\"")
}

/// Two approved shards, one that hangs when it is told to and one that is honest.
fn two() -> Nexus {
    let nexus =
        Nexus::new().with_shard_as(&guest("hostile"), "hostile", patient).with_shard(&shards().join("identity"));
    approve_now(&nexus, &[]);
    nexus.unapproved()
}

fn listed(client: &mcp::Http) -> Vec<String> {
    let tools = client.rpc("tools/list", json!({}));
    tools["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

fn serves(client: &mcp::Http, tool: &str) -> bool {
    listed(client).iter().any(|listed| listed == tool)
}

const HOSTILE: &str = "hostile_sleep";
const HONEST: &str = "entra_list_users";

fn signal(server: &Serving, signal: &str) {
    send(server.pid(), signal);
}

fn send(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// SIGHUP, and until the look that it asks for is over.
fn hangup(server: &Serving) {
    let looks = |log: &str| log.matches("shards are served anew").count() + log.matches("looked again:").count();
    let before = looks(&server.log());
    signal(server, "-HUP");
    eventually("the look that SIGHUP asks for", || looks(&server.log()) > before);
}

/// A call that would go on for a minute, once it has begun.
fn sleeping(nexus: &Nexus, server: &Serving) -> std::thread::JoinHandle<Value> {
    let url = server.url.clone();
    let begun = || nexus.ledger().iter().filter(|line| line["tool"] == HOSTILE && line["phase"] == "asked").count();
    let before = begun();
    let running = std::thread::spawn(move || mcp::Http::new(&url).call(HOSTILE, json!({ "ms": 50_000 })));
    eventually("the call begins", || begun() > before);
    running
}

fn error(answer: &Value) -> &str {
    answer["_meta"]["nexus/error"].as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

fn works(client: &mcp::Http) -> bool {
    client.call(HONEST, json!({ "limit": 1 }))["isError"] == false
}

fn quarantined(names: &[&str]) -> String {
    let entry =
        |name: &&str| format!("[shard.{name}]\nby = \"ada\"\nat = \"2026-06-15T09:00:00Z\"\nwhy = \"a test\"\n");
    names.iter().map(entry).collect()
}

/// A shard that nobody approved, whose component is a pipe that nobody writes to.
fn pipe(nexus: &Nexus) -> PathBuf {
    let folder = nexus.path("shards/pipe");
    fs::create_dir(&folder).unwrap();
    let manifest = "[shard]\nname = \"pipe\"\nversion = \"1\"\ncomponent = \"pipe.wasm\"\ntools-prefix = [\"pipe_\"]\n";
    fs::write(folder.join("shard.toml"), manifest).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("pipe.wasm")).status().unwrap().success());
    folder
}

#[test]
fn what_lies_in_the_folders_delays_neither_a_quarantine_nor_a_withdrawal() {
    let nexus = two();
    let server = nexus.serve();
    let client = server.client();
    // From here on a look at the folders may never come back.
    pipe(&nexus);
    signal(&server, "-HUP");
    let running = sleeping(&nexus, &server);
    let began = Instant::now();
    fs::write(nexus.path(QUARANTINE), quarantined(&["hostile"])).unwrap();
    assert_eq!(error(&running.join().unwrap()), "cancelled");
    eventually("its tools are gone", || !serves(&client, HOSTILE));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(works(&client), "the other shard serves");
    let began = Instant::now();
    assert_eq!(nexus.run(&["approve", "--forget", "identity", "--why", "no longer"]).code, Some(0));
    eventually("its tools are gone", || !serves(&client, HONEST));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    server.stop();
}

#[test]
fn a_lock_or_a_quarantine_that_cannot_be_read_stops_every_shard_until_it_can() {
    let nexus = two();
    let lock = fs::read(nexus.path(LOCK)).unwrap();
    let server = nexus.serve();
    let client = server.client();
    for (file, break_it) in [
        (QUARANTINE, (|file| fs::write(file, "[shard.identity]\nby = ").unwrap()) as fn(&Path)),
        (QUARANTINE, |file| fs::create_dir(file).unwrap()),
        (QUARANTINE, |file| assert!(Command::new("mkfifo").arg(file).status().unwrap().success())),
        (LOCK, |file| fs::write(file, "version = 1\n[shard").unwrap()),
        (LOCK, |file| fs::write(file, "version = 2\n").unwrap()),
        (LOCK, |file| fs::create_dir(file).unwrap()),
        // A lock that is gone approves nothing.
        (LOCK, |_| ()),
    ] {
        assert!(works(&client) && serves(&client, HOSTILE), "{file}: before");
        let running = sleeping(&nexus, &server);
        let file = nexus.path(file);
        drop(fs::remove_file(&file));
        break_it(&file);
        assert_eq!(error(&running.join().unwrap()), "cancelled");
        eventually("no shard serves", || !serves(&client, HOSTILE) && !serves(&client, HONEST));
        let refused =
            client.send(&mcp::request(1, "tools/call", json!({ "name": HONEST, "arguments": { "limit": 1 } })));
        assert_eq!(refused.answer()["error"]["code"], -32602, "{refused:#?}");
        match file.is_dir() {
            true => fs::remove_dir(&file).unwrap(),
            false => drop(fs::remove_file(&file)),
        }
        // Whole or not there: half a lock may approve one shard of two.
        fs::write(nexus.path("lock"), &lock).unwrap();
        fs::rename(nexus.path("lock"), nexus.path(LOCK)).unwrap();
        eventually("both serve again", || serves(&client, HOSTILE) && serves(&client, HONEST));
    }
    server.stop();
    // Every stop and every return is on record.
    let ledger = nexus.ledger();
    let times = |code: &str| ledger.iter().filter(|line| line["code"] == code && line["shard"] == "identity").count();
    assert_eq!(times("shard-stopped"), 7);
    assert!(times("shard-loaded") >= 8, "{}", times("shard-loaded"));
}

#[test]
fn a_look_that_failed_is_repeated_until_it_holds() {
    let nexus = Nexus::new().unapproved().with_guest("hostile").with_shard(&shards().join("identity"));
    let server = nexus.serve();
    let client = server.client();
    // Where the shards were is a file: what is approved now cannot be looked for.
    approve_now(&nexus, &[]);
    eventually("both serve", || serves(&client, HOSTILE) && serves(&client, HONEST));
    fs::rename(nexus.path("shards"), nexus.path("elsewhere")).unwrap();
    fs::write(nexus.path("shards"), "").unwrap();
    fs::write(nexus.path(QUARANTINE), quarantined(&["identity"])).unwrap();
    eventually("one is stopped", || !serves(&client, HONEST));
    fs::write(nexus.path(QUARANTINE), "").unwrap();
    eventually("it cannot be looked for", || server.log().contains("cannot be served anew yet"));
    assert!(serves(&client, HOSTILE) && !serves(&client, HONEST), "the other serves, and nothing more");
    fs::remove_file(nexus.path("shards")).unwrap();
    fs::rename(nexus.path("elsewhere"), nexus.path("shards")).unwrap();
    eventually("it serves again", || serves(&client, HONEST));

    // Files that are being written when the approval comes.
    for file in ["shard.toml", "identity.wasm"] {
        let file = nexus.path("shards/identity").join(file);
        let whole = fs::read(&file).unwrap();
        fs::write(nexus.path(QUARANTINE), quarantined(&["identity"])).unwrap();
        eventually("it is stopped", || !serves(&client, HONEST));
        let out = || {
            let is_it =
                |line: &&str| line.contains("stays out") && line.contains("identity") && !line.contains("quarantine");
            server.log().lines().filter(is_it).count()
        };
        let before = out();
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        fs::write(nexus.path(QUARANTINE), "").unwrap();
        eventually("half of it stays out", || out() > before);
        fs::write(&file, &whole).unwrap();
        eventually("the whole of it serves", || serves(&client, HONEST));
    }
    server.stop();
}

/// Runs with a limit on the size of files, which a test can set later: a disk that fills up and has room again.
fn with_a_disk(nexus: &Nexus, args: &[&str]) -> Command {
    let inner = nexus.command(args);
    let mut command = Command::new("/bin/bash");
    // Beyond the limit a write gets an error and no signal.
    command.arg("-c").arg("trap '' XFSZ; exec \"$0\" \"$@\"").arg(inner.get_program()).args(inner.get_args());
    command.env_clear().current_dir(nexus.dir.path());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

fn room(pid: u32, bytes: &str) {
    let ran = Command::new("prlimit").args(["--pid", &pid.to_string(), &format!("--fsize={bytes}:unlimited")]).status();
    assert!(ran.unwrap().success());
}

#[test]
fn a_withdrawal_is_in_force_while_the_ledger_cannot_record_it_and_is_on_record_when_it_can() {
    let nexus = two();
    let server = nexus.serving(with_a_disk(&nexus, &["serve", "--bind", "127.0.0.1:0"]));
    let client = server.client();
    assert!(works(&client));
    let bytes = fs::metadata(nexus.ledger_file()).unwrap().len();
    room(server.pid(), &bytes.to_string());
    assert_eq!(error(&client.call(HONEST, json!({ "limit": 1 }))), "unrecorded");
    let began = Instant::now();
    assert_eq!(nexus.run(&["approve", "--forget", "hostile", "--why", "no longer"]).code, Some(0));
    eventually("it is gone", || !serves(&client, HOSTILE));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(serves(&client, HONEST));
    assert_eq!(error(&client.call(HONEST, json!({ "limit": 1 }))), "unrecorded");
    room(server.pid(), "unlimited");
    eventually("the other is answered again", || works(&client));
    let stopped = |line: &Value| line["code"] == "shard-stopped" && line["shard"] == "hostile";
    eventually("it is on record", || nexus.ledger().iter().any(stopped));
    assert!(!serves(&client, HOSTILE));
    // And what was approved while nothing could be recorded serves when it can be.
    let bytes = fs::metadata(nexus.ledger_file()).unwrap().len();
    room(server.pid(), &bytes.to_string());
    assert_eq!(error(&client.call(HONEST, json!({ "limit": 1 }))), "unrecorded");
    approve_now(&nexus, &[]);
    eventually("it cannot be recorded", || server.log().contains("cannot be served anew yet"));
    assert!(!serves(&client, HOSTILE));
    room(server.pid(), "unlimited");
    eventually("it serves again", || serves(&client, HOSTILE));
    server.stop();
    assert_eq!(nexus.run(&["audit", "verify"]).code, Some(0));
}

#[test]
fn a_host_without_descriptors_still_reads_whom_to_stop_and_serves_the_others_when_it_has_some() {
    let nexus = two();
    let inner = nexus.command(&["serve", "--bind", "127.0.0.1:0"]);
    let mut command = Command::new("/bin/bash");
    command.arg("-c").arg("ulimit -n 64; exec \"$0\" \"$@\"").arg(inner.get_program()).args(inner.get_args());
    command.env_clear().current_dir(nexus.dir.path());
    let server = nexus.serving(command);
    assert!(works(&server.client()));
    let address = server.url.trim_start_matches("http://").split('/').next().unwrap();
    let held: Vec<_> = (0..100).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    let stopped = |line: &Value| line["code"] == "shard-stopped" && line["shard"] == "hostile";
    assert_eq!(nexus.run(&["quarantine", "hostile", "--why", "a test"]).code, Some(0));
    eventually("it is stopped", || nexus.ledger().iter().any(stopped));
    assert!(!server.log().contains("every shard is stopped"), "{}", server.log());
    drop(held);
    let client = server.client();
    assert!(works(&client) && !serves(&client, HOSTILE));
    assert_eq!(nexus.run(&["quarantine", "hostile", "--lift", "--why", "a test"]).code, Some(0));
    eventually("it serves again", || serves(&client, HOSTILE));
    server.stop();
}

#[test]
fn a_hangup_is_another_look_and_no_end() {
    let nexus = two();
    let server = nexus.serve();
    let client = server.client();
    let running = sleeping(&nexus, &server);
    for _ in 0..3 {
        hangup(&server);
    }
    assert!(works(&client));
    assert!(!running.is_finished(), "a call goes on");
    // A folder that is new, and approved already.
    fs::rename(nexus.path("shards/identity"), nexus.path("identity")).unwrap();
    hangup(&server);
    assert!(!serves(&client, HONEST));
    fs::rename(nexus.path("identity"), nexus.path("shards/identity")).unwrap();
    hangup(&server);
    assert!(works(&client));
    assert_eq!(server.stop().0, Some(7), "the call was cut off");
    drop(running);
    assert_eq!(nexus.ledger().last().unwrap()["kind"], "stop");

    let mut client = nexus.stdio();
    let answer = client.rpc(1, "tools/list", json!({}));
    let tools = answer["result"]["tools"].as_array().unwrap().len();
    send(client.pid(), "-HUP");
    let answer = client.rpc(2, "tools/list", json!({}));
    assert_eq!(answer["result"]["tools"].as_array().unwrap().len(), tools);
    assert_eq!(client.close(), Some(0));
    assert_eq!(nexus.ledger().last().unwrap()["kind"], "stop");
}

#[test]
fn dev_does_not_go_before_a_quarantine() {
    let nexus = Nexus::new().unapproved().with_guest("hostile").with_shard(&shards().join("identity"));
    let call = || nexus.run(&["call", HONEST, "--args", "{\"limit\":1}", "--dev", "--json"]);
    assert_eq!(call().code, Some(0), "a shard that nobody approved");
    let server = nexus.serving(nexus.command(&["serve", "--dev", "--bind", "127.0.0.1:0"]));
    let client = server.client();
    assert!(works(&client));
    assert_eq!(nexus.run(&["quarantine", "identity", "--why", "a test"]).code, Some(0));
    eventually("it is stopped", || !serves(&client, HONEST));
    assert!(serves(&client, HOSTILE));
    fs::write(nexus.path(QUARANTINE), "[shard").unwrap();
    eventually("all are", || !serves(&client, HOSTILE));
    server.stop();
    assert_eq!(call().code, Some(3));
    fs::write(nexus.path(QUARANTINE), quarantined(&["identity"])).unwrap();
    let ran = call();
    assert!(ran.code == Some(1) && ran.stdout.contains("unknown-tool"), "{ran:#?}");
    let server = nexus.serving(nexus.command(&["serve", "--dev", "--bind", "127.0.0.1:0"]));
    let client = server.client();
    assert!(serves(&client, HOSTILE) && !serves(&client, HONEST));
    server.stop();
}

#[test]
fn a_shard_is_stopped_without_a_look_at_what_lies_in_its_folder() {
    let nexus = two();
    // A server goes on with it as it was loaded, and it is nowhere to be looked for.
    fs::rename(nexus.path("shards"), nexus.path("elsewhere")).unwrap();
    fs::create_dir(nexus.path("shards")).unwrap();
    assert_eq!(nexus.run(&["quarantine", "hostile", "--why", "a test"]).code, Some(0));
    assert!(nexus.run(&["quarantine"]).stdout.contains("hostile"));
}

// What outlives a reload.

fn fetched(client: &mcp::Http) -> String {
    let mut request = get("https://graph.microsoft.com/v1.0/users?$top=1");
    request["credential"] = "graph".into();
    let result = client.call("hostile_fetch", request);
    let data = &result["structuredContent"];
    data["refusal"].as_str().map_or_else(|| data["status"].to_string(), str::to_owned)
}

fn set_rate(nexus: &Nexus, rate: &str) {
    let file = nexus.path("shards/hostile/shard.toml");
    let text = fs::read_to_string(&file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("rate =")).map(|line| format!("{line}\n"));
    let paced = lines.collect::<String>().replacen("query =", &format!("rate = \"{rate}\"\nquery ="), 1);
    fs::write(file, paced).unwrap();
}

#[test]
fn an_approved_rate_is_in_force_with_the_reload_and_counts_from_the_last_start() {
    let nexus = Nexus::new().unapproved().with_shard_as(&guest("hostile"), "hostile", patient);
    set_rate(&nexus, "1/h");
    approve_now(&nexus, &[]);
    let server = nexus.serve();
    let client = server.client();
    assert_eq!((fetched(&client).as_str(), fetched(&client).as_str()), ("200", "timeout"));
    // The same grant goes on where it was.
    hangup(&server);
    assert_eq!(fetched(&client), "timeout");
    set_rate(&nexus, "1000/s");
    approve_now(&nexus, &[]);
    eventually("the faster pace is approved", || fetched(&client) == "200");
    assert_eq!(fetched(&client), "200");
    // The slower one needs no approval: it is within the faster one.
    set_rate(&nexus, "1/h");
    hangup(&server);
    assert_eq!(fetched(&client), "timeout");
    server.stop();
}

#[test]
fn tokens_outlive_what_happens_to_other_shards_and_to_their_own() {
    let upstream = Upstream::new();
    let nexus = upstream.reached_by(two());
    approve_now(&nexus, &[]);
    let nexus = nexus.unapproved();
    let server = nexus.serve();
    let client = server.client();
    assert!(works(&client));
    assert_eq!(upstream.tokens(), 1);
    let stopped = |shard: &str, tool: &str| {
        assert_eq!(nexus.run(&["quarantine", shard, "--why", "a test"]).code, Some(0));
        eventually("it is stopped", || !serves(&client, tool));
        // Not only until the shards are looked at.
        hangup(&server);
        assert_eq!(nexus.run(&["quarantine", shard, "--lift", "--why", "a test"]).code, Some(0));
        eventually("it serves again", || serves(&client, tool));
    };
    stopped("hostile", HOSTILE);
    assert!(works(&client));
    assert_eq!(upstream.tokens(), 1, "another shard was stopped and served again");
    stopped("identity", HONEST);
    assert!(works(&client));
    assert_eq!(upstream.tokens(), 1, "it was itself");
    let manifest = nexus.path("shards/identity/shard.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("deadline = \"120s\"", "deadline = \"110s\"", 1)).unwrap();
    hangup(&server);
    assert!(server.log().contains("served anew") && works(&client));
    assert_eq!(upstream.tokens(), 1, "its manifest says something else of something else");
    // The upstream is asked by the same token: a restart has another.
    server.stop();
    let server = nexus.serve();
    assert!(works(&server.client()));
    assert_eq!(upstream.tokens(), 2);
    server.stop();
}

#[test]
fn a_renewed_secret_is_used_with_the_next_look_and_ends_what_was_fetched_with_the_old_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let upstream = Upstream::new();
    let nexus = upstream.nexus();
    let file = nexus.path("client-secret");
    fs::write(&file, CLIENT_SECRET).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let nexus = nexus.env("ENTRA_CLIENT_SECRET", "").env("ENTRA_CLIENT_SECRET_FILE", &file.display().to_string());
    let server = nexus.serve();
    let client = server.client();
    assert!(works(&client));
    fs::write(&file, "another-secret-of-theirs").unwrap();
    assert!(works(&client), "nobody has looked");
    hangup(&server);
    assert_eq!(error(&client.call(HONEST, json!({ "limit": 1 }))), "refused", "the upstream knows the old one");
    fs::write(&file, format!("{CLIENT_SECRET}\n")).unwrap();
    hangup(&server);
    assert!(works(&client));
    server.stop();
}

#[test]
fn a_destination_that_rests_goes_on_resting() {
    let upstream = Upstream::new();
    upstream.status("graph/users", 0, 500, None);
    let nexus = upstream.nexus();
    let server = nexus.serve();
    let client = server.client();
    for _ in 0..6 {
        assert!(!works(&client));
    }
    assert_eq!(upstream.users(), 5);
    hangup(&server);
    assert!(!works(&client));
    assert_eq!(upstream.users(), 5);
    server.stop();
}

#[test]
fn a_session_goes_on_and_is_told_of_each_change() {
    let nexus = two();
    let mut old = nexus.stdio();
    old.initialize("2025-11-25");
    let tools = |old: &mut mcp::Stdio, id: u64| {
        old.write(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list" }).to_string());
        loop {
            let message = old.read();
            if message["id"] == id {
                return message["result"]["tools"].as_array().unwrap().len();
            }
        }
    };
    let both = tools(&mut old, 1);
    for (id, text) in [(2, quarantined(&["hostile"])), (3, String::new()), (4, quarantined(&["hostile"]))] {
        fs::write(nexus.path(QUARANTINE), &text).unwrap();
        while old.read()["method"] != "notifications/tools/list_changed" {}
        assert_eq!(tools(&mut old, id) == both, text.is_empty());
    }
    drop(old);

    // Over HTTP a session is known by its number.
    let server = nexus.serve();
    let client = server.client();
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "spec", "version": "1" } });
    let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let session = client.post(&[], body.to_string().as_bytes()).session.unwrap();
    let headers = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-11-25")];
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(client.post(&headers, initialized.to_string().as_bytes()).status, 202);
    fs::write(nexus.path(QUARANTINE), "").unwrap();
    eventually("the reload", || serves(&client, HOSTILE));
    let call = json!({ "name": HONEST, "arguments": { "limit": 1 } });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call });
    let reply = client.post(&headers, body.to_string().as_bytes());
    assert_eq!(reply.answer()["result"]["isError"], false, "{reply:#?}");
    server.stop();
}

#[test]
fn a_subscription_goes_on_after_the_first_change() {
    let nexus = two();
    let mut client = nexus.stdio();
    let wanted = json!({ "notifications": { "toolsListChanged": true } });
    client.write(&mcp::request(7, "subscriptions/listen", wanted).to_string());
    assert_eq!(client.read()["method"], "notifications/subscriptions/acknowledged");
    for text in [quarantined(&["hostile"]), String::new(), quarantined(&["hostile"])] {
        fs::write(nexus.path(QUARANTINE), text).unwrap();
        assert_eq!(client.read()["method"], "notifications/tools/list_changed");
    }
}

#[test]
fn a_question_that_was_asked_before_a_reload_may_be_answered_after_it() {
    let nexus = Nexus::new().with_guest("conformance").with_shard(&shards().join("identity"));
    let server = nexus.serve();
    let client = server.client();
    let mut params = json!({ "name": "test_input_required_result_elicitation", "arguments": {} });
    params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} } });
    let asked = client.rpc("tools/call", params.clone());
    let state = asked["result"]["requestState"].as_str().unwrap_or_else(|| panic!("{asked:#}")).to_owned();
    fs::write(nexus.path(QUARANTINE), quarantined(&["identity"])).unwrap();
    eventually("the reload", || !serves(&client, HONEST));
    hangup(&server);
    let questions = asked["result"]["inputRequests"].as_object().unwrap();
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    params["inputResponses"] =
        questions.keys().map(|id| (id.clone(), answer.clone())).collect::<serde_json::Map<_, _>>().into();
    params["requestState"] = state.into();
    let answered = client.rpc("tools/call", params.clone());
    assert!(answered["result"]["content"].to_string().contains("Ada"), "{answered:#}");
    server.stop();
    // The key that sealed it is the process's own.
    let server = nexus.serve();
    assert!(server.client().rpc("tools/call", params)["error"].is_object());
    server.stop();
}

#[test]
fn a_report_is_there_after_a_reload_and_counts_on() {
    let nexus =
        Nexus::new().with_guest("relay").with_shard(&shards().join("identity")).set("reports.folder", "reports");
    let server = nexus.serve();
    let client = server.client();
    let keep = |text: &str| {
        let artifact = json!({ "name": "weekly.txt", "media_type": "text/plain", "text": text });
        client.call("relay_keep", json!({ "artifacts": [artifact] }))["structuredContent"]["uris"][0].clone()
    };
    let first = keep("before");
    fs::write(nexus.path(QUARANTINE), quarantined(&["identity"])).unwrap();
    eventually("the reload", || !serves(&client, HONEST));
    let read = client.rpc("resources/read", json!({ "uri": first }));
    assert_eq!(read["result"]["contents"][0]["text"], "before", "{read:#}");
    assert_eq!(keep("after"), "nexus://artifacts/relay/weekly.txt/2");
    server.stop();
}

#[test]
fn a_person_has_the_same_pseudonym_before_and_after_a_reload() {
    let nexus = two();
    let server = nexus.serve();
    let client = server.client();
    let ask = || client.call("entra_get_user", json!({ "user_id_or_upn": "alice.johnson@nexus.corp" }));
    ask();
    fs::write(nexus.path(QUARANTINE), quarantined(&["hostile"])).unwrap();
    eventually("the reload", || !serves(&client, HOSTILE));
    hangup(&server);
    ask();
    server.stop();
    let ledger = nexus.ledger();
    let subjects: Vec<_> = ledger
        .iter()
        .filter(|line| line["tool"] == "entra_get_user" && line["phase"] == "asked" && line["kind"] == "call")
        .map(|line| line["subjects"].clone())
        .collect();
    assert_eq!(subjects.len(), 2, "{ledger:#?}");
    assert!(subjects[0].is_array() && subjects[0] == subjects[1], "{subjects:?}");
}
