//! What a shard may do is what somebody approved: nothing else is served, every finding has its name, and a person can stop a shard.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::approval::approve_now;
use crate::support::component::{self, Lister};
use crate::support::{Nexus, Ran, eventually, guest, mcp, repo, shards};

const MANIFEST: &str = "shards/identity/shard.toml";

/// The identity shard, approved by hand as it was built.
fn approved() -> Nexus {
    let nexus = Nexus::identity().unapproved();
    approve_now(&nexus, &[]);
    nexus
}

fn edit(nexus: &Nexus, file: &str, edit: impl FnOnce(String) -> String) {
    let path = nexus.path(file);
    let text = fs::read_to_string(&path).unwrap();
    let new = edit(text.clone());
    assert_ne!(text, new, "the edit changes something");
    fs::write(path, new).unwrap();
}

fn review(nexus: &Nexus, args: &[&str]) -> (Option<i32>, Value) {
    let ran = nexus.run(&[&["review", "--json"], args].concat());
    let said = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    (ran.code, said)
}

fn codes(review: &Value) -> BTreeSet<String> {
    let shards = review["shards"].as_array().unwrap().iter();
    let findings = shards.flat_map(|shard| shard["findings"].as_array().unwrap());
    findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

fn tools(nexus: &Nexus) -> Vec<String> {
    let server = nexus.serve();
    let tools = listed(&server.client());
    // In order, so that what commands left for it is on record.
    server.stop();
    tools
}

fn listed(client: &mcp::Http) -> Vec<String> {
    let listed = client.rpc("tools/list", json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap().iter();
    tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

fn serves(nexus: &Nexus, tool: &str) -> bool {
    tools(nexus).iter().any(|listed| listed == tool)
}

/// Approves as whoever read the review would.
fn approve(nexus: &Nexus, args: &[&str]) -> Ran {
    let (_, said) = review(nexus, &["identity"]);
    let token = said["token"].as_str().unwrap();
    nexus.run(&[&["approve", "identity", "--token", token, "--why", "looked through", "--by", "ada"], args].concat())
}

#[test]
fn what_nobody_approved_is_not_served_and_the_rest_is() {
    let nexus = Nexus::identity().unapproved();
    approve_now(&nexus, &[]);
    let nexus = nexus.with_guest("hostile");
    let server = nexus.serve();
    let tools = listed(&server.client());
    assert!(tools.iter().any(|tool| tool == "entra_list_users"));
    assert!(!tools.iter().any(|tool| tool.starts_with("hostile_")));
    let says = |what: &str| eventually(what, || server.log().contains(what));
    says("nexus review hostile");
    says("nexus approve hostile");
    drop(server);
    // The command line refuses as well, and says why.
    let called = nexus.call("hostile_fetch", json!({ "method": "GET", "url": "https://graph.microsoft.com/" }));
    assert_eq!(called.error(), "unknown-tool");
    assert!(called.ran.stderr.contains("nexus approve hostile"), "{}", called.ran.stderr);
}

#[test]
fn a_widened_manifest_is_not_served_and_a_narrower_one_is() {
    let nexus = approved();
    assert!(serves(&nexus, "entra_list_users"));
    edit(&nexus, MANIFEST, |text| text.replacen("\"/v1.0/groups\"", "\"/v1.0/groups\", \"/v1.0/devices\"", 1));
    assert!(!serves(&nexus, "entra_list_users"));
    let (code, said) = review(&nexus, &[]);
    assert_eq!((code, codes(&said)), (Some(1), ["wider-path".to_owned()].into()));
    edit(&nexus, MANIFEST, |text| text.replacen("\"/v1.0/groups\", \"/v1.0/devices\"", "\"/v1.0/groups\"", 1));
    assert!(serves(&nexus, "entra_list_users"));
    edit(&nexus, MANIFEST, |text| {
        text.replacen("egress-calls = 64", "egress-calls = 63", 1).replacen(
            "deadline = \"2min\"",
            "deadline = \"1min\"",
            1,
        )
    });
    assert_eq!(review(&nexus, &[]).0, Some(0));
    assert!(serves(&nexus, "entra_list_users"));
}

/// Puts other bytes in the place of some of the same number.
fn patch(nexus: &Nexus, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let path = nexus.path("shards/identity/identity.wasm");
    let mut binary = fs::read(&path).unwrap();
    let at = binary.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    binary[at..at + from.len()].copy_from_slice(to.as_bytes());
    fs::write(path, binary).unwrap();
}

#[test]
fn a_shard_that_says_something_else_after_its_approval_is_not_served() {
    let nexus = approved();
    patch(&nexus, "Lists all disabled user accounts", "Calls all disabled user accounts");
    let (code, said) = review(&nexus, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(codes(&said), ["binary-changed".to_owned(), "tool-text-changed".to_owned()].into());
    let finding = &said["shards"][0]["findings"][0];
    let diff = finding["diff"].as_str().unwrap();
    assert!(
        diff.contains("-Lists all disabled user accounts") && diff.contains("+Calls all disabled user accounts"),
        "{diff}"
    );
    assert!(!serves(&nexus, "entra_list_users"));
    assert_eq!(nexus.call("entra_list_users", json!({ "limit": 1 })).error(), "unknown-tool");
}

#[test]
fn a_swapped_binary_with_the_same_powers_is_not_served() {
    let nexus = approved();
    let path = nexus.path("shards/identity/identity.wasm");
    let mut binary = fs::read(&path).unwrap();
    // A custom section, which changes nothing that runs: id 0, size, name.
    binary.extend_from_slice(b"\x00\x05\x04mine");
    fs::write(path, binary).unwrap();
    let (code, said) = review(&nexus, &[]);
    assert_eq!((code, codes(&said)), (Some(1), ["binary-changed".to_owned()].into()));
    assert!(!serves(&nexus, "entra_list_users"));
    // Who built it can say so, of its bytes and of nothing else.
    edit(&nexus, MANIFEST, |text| text.replacen("\"/v1.0/groups\"", "\"/v1.0/groups\", \"/v1.0/devices\"", 1));
    let rebuilt = ["approve", "--all", "--rebuilt", "--why", "built here"];
    assert_eq!(nexus.run(&rebuilt).code, Some(1));
    edit(&nexus, MANIFEST, |text| text.replacen(", \"/v1.0/devices\"", "", 1));
    assert_eq!(nexus.run(&rebuilt).code, Some(0));
    assert!(serves(&nexus, "entra_list_users"));
    // And that one build may serve beside another.
    let path = nexus.path("shards/identity/identity.wasm");
    let second = fs::read(&path).unwrap();
    let third = [second.as_slice(), b"\x00\x05\x04more"].concat();
    fs::write(&path, &third).unwrap();
    assert!(!serves(&nexus, "entra_list_users"));
    assert_eq!(nexus.run(&[rebuilt.as_slice(), &["--beside"]].concat()).code, Some(0));
    assert!(serves(&nexus, "entra_list_users"));
    fs::write(&path, &second).unwrap();
    assert!(serves(&nexus, "entra_list_users"));
    fs::write(&path, [third.as_slice(), b"\x00\x05\x04more"].concat()).unwrap();
    assert!(!serves(&nexus, "entra_list_users"));
}

#[test]
fn a_newcomer_that_claims_the_names_of_an_approved_shard_does_not_take_them() {
    let nexus = approved().with_shard_as(&guest("hostile"), "newcomer", |manifest| {
        manifest.replace("\"hostile_\"", "\"hostile_\", \"entra_list_\"")
    });
    assert!(serves(&nexus, "entra_list_users"));
    let nexus = approved().with_shard_as(&guest("hostile"), "newcomer", |manifest| {
        manifest.replace("name = \"hostile\"", "name = \"identity\"")
    });
    assert!(serves(&nexus, "entra_list_users"));
}

#[test]
fn an_approval_is_of_what_was_shown_and_says_who_when_and_why() {
    let nexus = Nexus::identity().unapproved();
    let (code, said) = review(&nexus, &[]);
    assert_eq!(code, Some(1));
    assert!(codes(&said).contains("new-shard"));
    let token = said["token"].as_str().unwrap();
    // Nobody can be asked here, and no reason is no approval.
    assert_eq!(nexus.run(&["approve", "identity", "--why", "x"]).code, Some(2));
    assert_eq!(nexus.run(&["approve", "identity", "--token", token]).code, Some(2));
    assert!(!nexus.path("nexus.lock").exists());
    // Something changes between reading and approving.
    edit(&nexus, MANIFEST, |text| text.replacen("\"/v1.0/groups\"", "\"/v1.0/**\"", 1));
    let ran = nexus.run(&["approve", "identity", "--token", token, "--why", "x"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stderr.contains("/v1.0/**") && ran.stderr.contains("changed"), "{}", ran.stderr);
    assert!(!nexus.path("nexus.lock").exists());

    let ran = approve(&nexus, &[]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let lock: toml::Table = fs::read_to_string(nexus.path("nexus.lock")).unwrap().parse().unwrap();
    let approval = &lock["approval"]["identity"];
    assert_eq!((approval["by"].as_str(), approval["why"].as_str()), (Some("ada"), Some("looked through")));
    assert!(approval["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(review(&nexus, &[]).0, Some(0));
    // Approving again changes nothing, not even the date.
    let before = fs::read(nexus.path("nexus.lock")).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(approve(&nexus, &[]).code, Some(0));
    assert_eq!(fs::read(nexus.path("nexus.lock")).unwrap(), before);

    // It is on record with the lock that came of it, and so is what serves under that.
    assert!(serves(&nexus, "entra_list_users"));
    let ledger = nexus.whole_ledger();
    let approved = ledger.iter().find(|line| line["code"] == "shard-approved").unwrap();
    assert_eq!(approved["shard"], "identity");
    assert_eq!(approved["args_summary"], "ada: looked through");
    assert!(approved["principal"].as_str().unwrap().starts_with("uid:"));
    let start = ledger.iter().find(|line| line["kind"] == "start").unwrap();
    assert_eq!(start["lock_digest"], approved["lock_digest"]);
    // And under which rules of redaction.
    assert!(start["args_summary"].as_str().unwrap().starts_with("rules="), "{start}");

    let ran = nexus.run(&["approve", "--forget", "identity", "--why", "a mistake", "--by", "ada"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(!serves(&nexus, "entra_list_users"));
    assert!(nexus.whole_ledger().iter().any(|line| line["code"] == "approval-withdrawn"));
}

/// `nexus approve` at a terminal, which `script` stands in for.
struct Terminal {
    child: std::process::Child,
    said: Arc<Mutex<String>>,
}

impl Terminal {
    fn approve(nexus: &Nexus) -> Self {
        // Writes the settings file.
        let _ = nexus.command(&["approve"]);
        let program = env!("CARGO_BIN_EXE_nexus");
        let line = format!("{program} --config {} approve identity --by ada", nexus.path("nexus.toml").display());
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]).current_dir(nexus.dir.path());
        script.env_clear().env("SHELL", "/bin/sh").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = script.spawn().unwrap();
        let (said, mut output) = (Arc::new(Mutex::new(String::new())), child.stdout.take().unwrap());
        let kept = said.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        Self { child, said }
    }

    fn waits_for(&self, text: &str, times: usize) {
        eventually(text, || self.said.lock().unwrap().matches(text).count() >= times);
    }

    fn types(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    fn ends(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

#[test]
fn a_person_is_shown_what_is_new_and_asked_and_asked_again_if_it_changes_meanwhile() {
    let nexus = Nexus::identity().unapproved();
    let mut terminal = Terminal::approve(&nexus);
    terminal.waits_for("Type yes:", 1);
    assert!(terminal.said.lock().unwrap().contains("new-host: https://graph.microsoft.com"));
    terminal.types("y");
    assert_eq!(terminal.ends(), Some(1));
    assert!(!nexus.path("nexus.lock").exists());

    let mut terminal = Terminal::approve(&nexus);
    terminal.waits_for("Type yes:", 1);
    edit(&nexus, MANIFEST, |text| text.replacen("\"/v1.0/groups\"", "\"/v1.0/**\"", 1));
    terminal.types("yes");
    terminal.waits_for("Type yes:", 2);
    assert!(terminal.said.lock().unwrap().contains("something changed while you read"));
    assert!(!nexus.path("nexus.lock").exists());
    terminal.types("yes");
    terminal.waits_for("Why?", 1);
    terminal.types("looked through");
    assert_eq!(terminal.ends(), Some(0));
    assert_eq!(review(&nexus, &[]).0, Some(0));
}

#[test]
fn approvals_at_one_moment_undo_none_of_each_other() {
    let nexus = Nexus::whole().unapproved();
    let names = ["assets", "identity", "itsm", "logistics", "workday"];
    let approve = |name: &str| {
        // Whoever comes second to the lock is told so, and reviews again.
        for _ in 0..20 {
            let token = review(&nexus, &[name]).1["token"].as_str().unwrap().to_owned();
            if nexus.run(&["approve", name, "--token", &token, "--why", "x"]).code == Some(0) {
                return;
            }
        }
        panic!("{name} was never approved");
    };
    // Written once, before they run side by side.
    let _ = nexus.command(&["review"]);
    std::thread::scope(|scope| {
        for name in names {
            scope.spawn(move || approve(name));
        }
        scope.spawn(|| nexus.run(&["quarantine", "itsm", "--why", "x"]));
        scope.spawn(|| nexus.run(&["quarantine", "assets", "--why", "x"]));
    });
    let lock: toml::Table = fs::read_to_string(nexus.path("nexus.lock")).unwrap().parse().unwrap();
    assert_eq!(lock["shard"].as_table().unwrap().keys().collect::<Vec<_>>(), names);
    let stopped = nexus.run(&["quarantine"]).stdout;
    assert!(stopped.contains("itsm") && stopped.contains("assets"), "{stopped}");
}

#[test]
fn where_the_operator_wants_a_signature_nothing_else_approves() {
    let nexus = Nexus::identity().unapproved();
    let made = nexus.run(&["approve", "--make-key", "ada.key", "--by", "ada"]);
    let public = made.stdout.trim().to_owned();
    assert!(public.starts_with("ada+"), "{made:#?}");
    // A key is never written over, and one that others may read does not sign.
    assert_ne!(nexus.run(&["approve", "--make-key", "ada.key", "--by", "ada"]).code, Some(0));
    let nexus = nexus.set("review.signers", vec![toml::Value::from(public)]);
    assert_eq!(approve(&nexus, &[]).code, Some(0));
    let (code, said) = review(&nexus, &[]);
    assert_eq!((code, codes(&said)), (Some(1), ["signature-missing".to_owned()].into()));
    assert!(!serves(&nexus, "entra_list_users"));
    let ran = approve(&nexus, &["--sign", "ada.key"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(serves(&nexus, "entra_list_users"));
    // What is changed in the lock by hand is not what was signed.
    edit(&nexus, "nexus.lock", |text| text.replacen("looked through", "looked at it all", 1));
    assert!(!serves(&nexus, "entra_list_users"));
}

#[test]
fn dev_serves_everything_for_one_run_on_loopback_and_says_so_everywhere() {
    let nexus = Nexus::identity().unapproved();
    let ran = nexus.run(&["serve", "--dev", "--bind", "0.0.0.0:0"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.stderr.contains("loopback"), "{}", ran.stderr);
    let ran = nexus.run(&["call", "entra_list_users", "--args", "{\"limit\":1}", "--dev", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["dev"], true);
    assert!(ran.stderr.contains("--dev"), "{}", ran.stderr);
    let mut client = mcp::Stdio::start(nexus.command(&["serve", "--stdio", "--dev"]));
    let answer = client.rpc(1, "tools/call", json!({ "name": "entra_list_users", "arguments": { "limit": 1 } }));
    assert_eq!(answer["result"]["_meta"]["nexus/dev"], true, "{answer:#}");
    client.close();
    for line in nexus.ledger().iter().filter(|line| line["kind"] != "stop" && line["code"] != "person-key-made") {
        assert_eq!(line["dev_mode"], true, "{line:#}");
    }
    // For that run alone.
    assert!(!serves(&nexus, "entra_list_users"));
}

#[test]
fn a_quarantine_stops_a_running_shard_at_once_and_holds_until_it_is_lifted() {
    let patient = |manifest: String| {
        manifest.replace("cpu = \"1s\"", "cpu = \"60s\"").replace("deadline = \"2s\"", "deadline = \"60s\"")
    };
    let nexus =
        Nexus::new().with_shard_as(&guest("hostile"), "hostile", patient).with_shard(&shards().join("identity"));
    let server = nexus.serve();
    let client = server.client();
    assert!(listed(&client).iter().any(|tool| tool == "hostile_loop"));
    // A call that would go on for its whole deadline.
    let url = server.url.clone();
    let began = std::time::Instant::now();
    let running = std::thread::spawn(move || mcp::Http::new(&url).call("hostile_sleep", json!({ "ms": 50_000 })));
    eventually("the call begins", || nexus.ledger().iter().any(|line| line["tool"] == "hostile_sleep"));
    // A misspelt name would stop nobody.
    let ran = nexus.run(&["quarantine", "hostil", "--why", "it asks for too much"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("there are: hostile, identity"), "{ran:#?}");
    let ran = nexus.run(&["quarantine", "hostile", "--why", "it asks for too much", "--by", "ada"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let answer = running.join().unwrap();
    assert_eq!(answer["_meta"]["nexus/error"], "cancelled", "{answer:#} after {:?}", began.elapsed());
    eventually("its tools are gone", || !listed(&client).iter().any(|tool| tool.starts_with("hostile_")));
    assert!(listed(&client).iter().any(|tool| tool == "entra_list_users"), "the others serve");
    server.stop();
    // It survives a restart, and an approval.
    assert!(!serves(&nexus, "hostile_loop"));
    approve_now(&nexus, &[]);
    assert!(!serves(&nexus, "hostile_loop"));
    let listing = nexus.run(&["quarantine"]).stdout;
    assert!(listing.contains("hostile") && listing.contains("ada: it asks for too much"), "{listing}");
    let server = nexus.serve();
    assert_eq!(nexus.run(&["quarantine", "hostile", "--lift", "--why", "explained"]).code, Some(0));
    let client = server.client();
    eventually("its tools are back", || listed(&client).iter().any(|tool| tool == "hostile_loop"));
    server.stop();
    let ledger = nexus.whole_ledger();
    for (code, why) in [("shard-quarantined", "ada: it asks for too much"), ("quarantine-lifted", "explained")] {
        let line = ledger.iter().find(|line| line["code"] == code).unwrap_or_else(|| panic!("{code}"));
        assert_eq!(line["shard"], "hostile");
        assert!(line["args_summary"].as_str().unwrap().ends_with(why), "{line}");
    }
}

#[test]
fn a_quarantine_that_cannot_be_read_stops_every_start() {
    let nexus = approved();
    fs::write(nexus.path("nexus.lock.quarantine"), "[shard.identity]\nby = ").unwrap();
    let ran = nexus.run(&["call", "entra_list_users"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    fs::write(nexus.path("nexus.lock.quarantine"), "").unwrap();
    fs::write(nexus.path("nexus.lock"), "version = 1\n[shard").unwrap();
    assert_eq!(nexus.run(&["call", "entra_list_users"]).code, Some(3));
}

#[test]
fn an_approval_takes_effect_in_a_running_server_and_clients_are_told() {
    let nexus = Nexus::identity().unapproved();
    let mut old = nexus.stdio();
    old.initialize("2025-11-25");
    let tools = |message: &Value| message["result"]["tools"].as_array().unwrap().len();
    old.write(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string());
    let before = tools(&old.read());
    assert_eq!(approve(&nexus, &[]).code, Some(0));
    let told: BTreeSet<String> = (0..3).map(|_| old.read()["method"].as_str().unwrap().to_owned()).collect();
    assert!(told.contains("notifications/tools/list_changed"), "{told:?}");
    old.write(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }).to_string());
    assert!(tools(&old.read()) > before);
    // The other way round, for a client of the newest revision, which asked to be told.
    drop(old);
    let mut new = nexus.stdio();
    new.write(
        &mcp::request(7, "subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } })).to_string(),
    );
    let acknowledged = new.read();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged", "{acknowledged:#}");
    assert_eq!(nexus.run(&["approve", "--forget", "identity", "--why", "no longer"]).code, Some(0));
    assert_eq!(new.read()["method"], "notifications/tools/list_changed");
    assert_eq!(tools(&new.rpc(8, "tools/list", json!({}))), before);
}

#[test]
fn a_call_that_runs_while_another_shard_is_approved_ends_as_it_began() {
    let nexus = Nexus::new().unapproved().with_guest("hostile");
    edit(&nexus, "shards/hostile/shard.toml", |text| {
        text.replace("cpu = \"1s\"", "cpu = \"60s\"").replace("deadline = \"2s\"", "deadline = \"60s\"")
    });
    approve_now(&nexus, &[]);
    let nexus = nexus.with_shard(&shards().join("identity"));
    let server = nexus.serve();
    let url = server.url.clone();
    let running = std::thread::spawn(move || mcp::Http::new(&url).call("hostile_sleep", json!({ "ms": 1500 })));
    eventually("the call begins", || nexus.ledger().iter().any(|line| line["tool"] == "hostile_sleep"));
    assert_eq!(approve(&nexus, &[]).code, Some(0));
    let client = server.client();
    eventually("the other shard serves", || listed(&client).iter().any(|tool| tool == "entra_list_users"));
    let answer = running.join().unwrap();
    assert_ne!(answer["isError"], true, "{answer:#}");
    // What lies there unapproved now does not take down what serves.
    fs::write(
        nexus.path("shards/hostile/shard.toml"),
        fs::read_to_string(nexus.path("shards/hostile/shard.toml")).unwrap().replace("\"/v1.0/users\"", "\"/v1.0/**\""),
    )
    .unwrap();
    assert_eq!(nexus.run(&["quarantine", "identity", "--why", "to reload"]).code, Some(0));
    eventually("the reload", || !listed(&client).iter().any(|tool| tool == "entra_list_users"));
    assert!(listed(&client).iter().any(|tool| tool == "hostile_sleep"));
    server.stop();
    assert!(!serves(&nexus, "hostile_sleep"), "after a restart it is what lies there that counts");
}

#[test]
fn the_lines_of_a_denial_are_the_same_in_the_call_the_log_and_the_ledger_and_they_allow_it() {
    let request =
        json!({ "method": "GET", "url": "https://graph.microsoft.com/v1.0/devices?$top=1", "credential": "graph" });
    let nexus = Nexus::new().with_guest("hostile");
    let called = nexus.call("hostile_fetch", request.clone());
    let crossings = called.answer["crossings"].as_array().unwrap();
    let lines = crossings[0]["verdict"]["refused"]["suggestion"]
        .as_str()
        .unwrap_or_else(|| panic!("{crossings:#?}"))
        .to_owned();
    assert!(lines.contains("paths = [\"/v1.0/devices\"]"), "{lines}");
    assert!(called.ran.stderr.contains(&lines), "{}", called.ran.stderr);
    let ledger = nexus.ledger();
    let refused = ledger.iter().find(|line| line["refusal"] == "not-granted").unwrap();
    assert_eq!(refused["suggestion"], lines.as_str());
    let allowing = Nexus::new().with_shard_as(&guest("hostile"), "hostile", |manifest| format!("{manifest}\n{lines}"));
    allowing.call("hostile_fetch", request);
    assert!(allowing.ledger().iter().all(|line| line["refusal"] != "not-granted"));
}

/// A text with a unified diff applied, every line of which must fit.
fn patched(text: &str, diff: &str) -> String {
    let old: Vec<_> = text.split_inclusive('\n').collect();
    let (mut new, mut at) = (String::new(), 0);
    for line in diff.split_inclusive('\n').skip(2) {
        if let Some(hunk) = line.strip_prefix("@@ -") {
            let start: usize = hunk.split([',', ' ']).next().unwrap().parse().unwrap();
            new.extend(old[at..start - 1].iter().copied());
            at = start - 1;
            continue;
        }
        let (sign, content) = line.split_at(1);
        if sign != "+" {
            assert_eq!(old[at], content);
            at += 1;
        }
        if sign != "-" {
            new.push_str(content);
        }
    }
    new.extend(old[at..].iter().copied());
    new
}

#[test]
fn what_was_never_used_is_told_with_its_evidence_and_a_patch_that_nobody_applied() {
    let nexus = approved();
    let before = fs::read_to_string(nexus.path(MANIFEST)).unwrap();
    let ran = nexus.run(&["review", "identity", "--from-ledger"]);
    assert!(ran.stdout.contains("no call on record"), "{ran:#?}");
    nexus.call("entra_list_users", json!({ "limit": 1 })).data();
    nexus.call("entra_list_groups", json!({})).data();
    let ran = nexus.run(&["review", "identity", "--from-ledger", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    let shard = &said["shards"][0];
    let unused: Vec<_> = shard["unused"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(shard["calls"], 2);
    assert!(unused.iter().any(|what| what.contains("base ") && what.contains("never searched")), "{unused:#?}");
    assert!(unused.iter().any(|what| what.starts_with("tool entra_get_user in the grant")), "{unused:#?}");
    assert_eq!(
        unused.iter().filter(|what| what.starts_with("GET https://graph.microsoft.com, never used")).count(),
        6,
        "{unused:#?}"
    );
    assert_eq!(fs::read_to_string(nexus.path(MANIFEST)).unwrap(), before, "nothing is changed");

    // What the patch leaves is within what was approved, and serves what was used.
    let patch = shard["patch"].as_str().unwrap();
    assert!(!patch.contains("-paths = [\"/v1.0/groups\"]"), "{patch}");
    fs::write(nexus.path(MANIFEST), patched(&before, patch)).unwrap();
    assert_eq!(review(&nexus, &[]).0, Some(0));
    nexus.call("entra_list_users", json!({ "limit": 1 })).data();
    nexus.call("entra_list_groups", json!({})).data();
    assert_ne!(nexus.call("entra_list_service_principals", json!({})).ran.code, Some(0));
}

#[test]
fn a_review_is_held_against_a_revision_as_a_pull_request_is() {
    let nexus = approved();
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(nexus.dir.path()).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(args);
        let ran = Ran::of(git.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", nexus.dir.path()).output().unwrap());
        assert_eq!(ran.code, Some(0), "{ran:#?}");
    };
    let with_path = |nexus: Nexus| nexus.env("PATH", &std::env::var("PATH").unwrap());
    git(&["init", "-q", "-b", "main"]);
    git(&["commit", "-q", "--allow-empty", "-m", "before any lock"]);
    git(&["tag", "none"]);
    git(&["add", "nexus.lock"]);
    git(&["commit", "-q", "-m", "approved"]);
    edit(&nexus, MANIFEST, |text| text.replacen("\"/v1.0/groups\"", "\"/v1.0/groups\", \"/v1.0/devices\"", 1));
    let nexus = with_path(nexus);
    assert_eq!(approve(&nexus, &[]).code, Some(0));
    assert_eq!(review(&nexus, &[]).0, Some(0), "the lock here approves it");
    let (code, said) = review(&nexus, &["--against", "main"]);
    assert_eq!((code, codes(&said)), (Some(1), ["wider-path".to_owned()].into()));
    assert!(codes(&review(&nexus, &["--against", "none"]).1).contains("new-shard"));
    for bad in ["nowhere", "--output=x", "main:nexus.lock"] {
        let ran = nexus.run(&["review", &format!("--against={bad}")]);
        assert_eq!(ran.code, Some(2), "{bad}: {ran:#?}");
    }
    assert!(!nexus.path("x").exists());
}

#[test]
fn what_cannot_be_told_is_neither_new_nor_not() {
    let nexus =
        Nexus::new().unapproved().with_shard_as(&guest("hostile"), "hostile", |manifest| manifest + "\nsurprise = 1\n");
    assert_eq!(nexus.run(&["review"]).code, Some(2));
    assert_eq!(nexus.run(&["review", "nobody"]).code, Some(2));
    assert_eq!(nexus.run(&["approve", "hostile", "--why", "x", "--token", "x"]).code, Some(2));
    // A component that imports what it may not have cannot be loaded; every such import is named.
    let manifest = |manifest: String| {
        let start = manifest.find("[[egress]]").unwrap();
        let end = manifest.find("[credential.ad]").unwrap();
        format!("{}{}", &manifest[..start], &manifest[end..])
    };
    let nexus = Nexus::new().unapproved().with_shard_as(&guest("hostile"), "hostile", manifest);
    let ran = nexus.run(&["review"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    for interface in ["directory", "egress"] {
        let named = format!("imports nexus:shard/{interface}, which its manifest does not grant");
        assert!(ran.stdout.contains(&named), "{}", ran.stdout);
    }
}

/// The identity shard with a hidden character, a script and Markdown in a tool's description.
fn suspicious() -> Nexus {
    let nexus = approved();
    patch(&nexus, "Lists all disabled user accounts", "</pre><script>`|[x](y)\u{202e}@all!!!");
    nexus
}

/// What is neither in a block nor in a span of code (CommonMark): a run of ticks ends at the next run of as many.
fn outside_of_code(markdown: &str) -> String {
    let mut outside = String::new();
    let mut rest = markdown;
    while let Some(at) = rest.find('`') {
        outside.push_str(&rest[..at]);
        let ticks = rest[at..].chars().take_while(|c| *c == '`').count();
        let inner = &rest[at + ticks..];
        let mut from = 0;
        let end = loop {
            let start = from + inner[from..].find('`').expect("every run of ticks has its end");
            let run = inner[start..].chars().take_while(|c| *c == '`').count();
            if run == ticks {
                break start + run;
            }
            from = start + run;
        };
        rest = &inner[end..];
    }
    outside + rest
}

#[test]
fn every_format_says_the_same_and_none_lets_a_description_out_of_its_place() {
    let nexus = suspicious();
    let say = |format: &str| {
        let ran = nexus.run(&["review", "--format", format]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        assert!(ran.stdout.contains("tool-text-changed") && ran.stdout.contains("binary-changed"), "{format}");
        assert!(!ran.stdout.contains('\u{202e}'), "{format} shows a hidden character as it is");
        ran.stdout
    };
    assert!(say("text").contains("⟨U+202E⟩"));
    let html = say("html");
    assert!(html.contains("&lt;/pre&gt;&lt;script&gt;") && !html.contains("<script"), "{html}");
    assert!(!html.contains("http://") && !html.contains("src="), "nothing is loaded");
    let markdown = say("markdown");
    let outside = outside_of_code(&markdown);
    assert!(!outside.contains("<script>") && !outside.contains("[x](y)") && !outside.contains("@all"), "{outside}");
    let sarif: Value = serde_json::from_str(&say("sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap() >= 1);
    }
    let json: Value = serde_json::from_str(&nexus.run(&["review", "--json"]).stdout).unwrap();
    let remarks = json["shards"][0]["remarks"].as_array().unwrap();
    assert!(remarks.iter().any(|remark| remark["code"] == "hidden-text"), "{remarks:#?}");
}

#[test]
fn a_finding_is_placed_at_the_line_of_its_grant() {
    let nexus = approved();
    edit(&nexus, MANIFEST, |text| text.replacen("\"/v1.0/groups\"", "\"/v1.0/groups\", \"/v1.0/devices\"", 1));
    let text = fs::read_to_string(nexus.path(MANIFEST)).unwrap();
    let at = text.lines().position(|line| line.contains("/v1.0/devices")).unwrap();
    let header = text.lines().take(at).enumerate().filter(|(_, line)| line.starts_with("[[egress]]")).last().unwrap().0;
    let sarif: Value = serde_json::from_str(&nexus.run(&["review", "--format", "sarif"]).stdout).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "wider-path");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], header as u64 + 1);
}

/// What somebody who checks out this repository and builds its shards has.
fn ours() -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
    command.env_clear().env("HOME", "/nonexistent").current_dir(repo());
    Ran::of(command.args(["review", "--json"]).stdin(Stdio::null()).output().unwrap())
}

#[test]
fn the_shards_of_this_repository_are_what_its_lock_approves() {
    let ran = ours();
    let said: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    let shards = said["shards"].as_array().unwrap();
    let changed = |shard: &&Value| !shard["findings"].as_array().unwrap().is_empty();
    // Another compiler makes other bytes of every shard. One shard alone is one that was changed and not approved.
    let only_bytes = codes(&said) == ["binary-changed".to_owned()].into();
    let is_another_compiler = only_bytes && shards.iter().filter(changed).count() == shards.len();
    let findings: Vec<_> = shards.iter().filter(changed).map(|shard| (&shard["shard"], &shard["findings"])).collect();
    assert!(ran.code == Some(0) || is_another_compiler, "review and approve: {findings:#?}");
    let names: Vec<_> = shards.iter().map(|shard| shard["shard"].as_str().unwrap()).collect();
    assert_eq!(names, ["assets", "audit", "identity", "itsm", "logistics", "workday"]);
    assert_eq!(said["untold"], json!([]));
    // All of them read; none writes outside, and so none can be joined into a leak.
    assert_eq!(said["joins"], json!([]));
}

#[test]
fn editors_are_told_what_the_files_may_say() {
    for (which, files) in [("shard", manifests()), ("nexus", vec![repo().join("nexus.toml")])] {
        let committed = fs::read_to_string(repo().join(format!("docs/schema/{which}.schema.json"))).unwrap();
        let printed = Nexus::new().unapproved().run(&["schema", which]).stdout;
        assert_eq!(printed.trim(), committed.trim(), "write it again: nexus schema {which}");
        let schema = jsonschema::draft202012::new(&serde_json::from_str(&committed).unwrap()).unwrap();
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let value: toml::Table = text.parse().unwrap();
            let value = serde_json::to_value(value).unwrap();
            let problems: Vec<_> =
                schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(problems.is_empty(), "{}: {problems:#?}", file.display());
            let mut other = value;
            other["surprise"] = json!(1);
            assert!(!schema.is_valid(&other), "an unknown key is an error");
        }
    }
}

fn manifests() -> Vec<PathBuf> {
    let folders = ["shards", "tests/guests"].into_iter().flat_map(|folder| fs::read_dir(repo().join(folder)).unwrap());
    folders.map(|entry| entry.unwrap().path().join("shard.toml")).filter(|file| file.is_file()).collect()
}

#[test]
fn every_code_is_explained_in_the_program_and_in_the_guide() {
    let guide = fs::read_to_string(repo().join("docs/reviewing.md")).unwrap();
    let nexus = Nexus::new().unapproved();
    let ran = nexus.run(&["review", "--explain", "nothing"]);
    assert_eq!(ran.code, Some(2));
    let (_, list) = ran.stderr.split_once("there are: ").unwrap();
    let codes: Vec<_> = list.trim().split(", ").collect();
    assert!(codes.len() > 30, "{codes:?}");
    for code in codes {
        assert!(guide.contains(&format!("| `{code}` |")), "{code} is not in docs/reviewing.md");
        let explained = nexus.run(&["review", "--explain", code]).stdout;
        assert!(explained.starts_with(&format!("{code}: ")) && explained.lines().count() == 2, "{explained}");
    }
}

#[test]
fn a_long_text_that_changed_as_a_whole_is_counted_and_does_not_hold_up_the_review() {
    let nexus = Nexus::new().unapproved();
    let lay = |lines: usize| {
        let lister = Lister { lines, ..Lister::honest() };
        lister.write(&nexus.path("shards/lister"), component::MANIFEST);
    };
    lay(1000);
    let (_, said) = review(&nexus, &["lister"]);
    let token = said["token"].as_str().unwrap();
    assert_eq!(nexus.run(&["approve", "lister", "--token", token, "--why", "x"]).code, Some(0));
    assert_eq!(review(&nexus, &[]).0, Some(0));

    // A line more is shown as such.
    lay(1001);
    let ran = nexus.run(&["review"]);
    assert!(ran.stdout.contains("tool-text-changed") && !ran.stdout.contains("too long"), "{ran:#?}");
    lay(121_000);
    let ran = nexus.run(&["review"]);
    assert!(ran.stdout.contains("too long to be compared line by line: 120000 lines differ"), "{ran:#?}");
    // The token of such a review can be given.
    let (_, said) = review(&nexus, &[]);
    let token = said["token"].as_str().unwrap();
    assert_eq!(nexus.run(&["approve", "lister", "--token", token, "--why", "x"]).code, Some(0));
}
