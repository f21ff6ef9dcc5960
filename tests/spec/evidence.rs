//! What an auditor does: verify a copy of the record with the public key alone, and keep a proof of one event.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Nexus, Ran, eventually};

fn three_calls() -> Nexus {
    let nexus = Nexus::identity();
    for _ in 0..3 {
        nexus.call("entra_list_users", json!({ "limit": 1 }));
    }
    nexus
}

/// The program on another machine: no settings, no environment, nothing but these arguments.
fn elsewhere(folder: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
    Ran::of(command.env_clear().current_dir(folder).args(args).output().unwrap())
}

/// A copy of what an auditor is given: the files of the ledger, and the key that was handed over long before.
fn copy(nexus: &Nexus) -> TempDir {
    let folder = TempDir::new().unwrap();
    for entry in fs::read_dir(nexus.dir.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_ledger = name == "ledger.jsonl" || name.starts_with("ledger.jsonl.0") || name.ends_with(".checkpoint");
        if is_ledger {
            fs::copy(entry.path(), folder.path().join(&name)).unwrap();
        }
    }
    fs::copy(nexus.path("ledger.jsonl.pub"), folder.path().join("auditors.pub")).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_copy_is_verified_with_the_public_key_alone_and_stays_as_it_is() {
    let nexus = three_calls();
    let folder = copy(&nexus);
    let before = names(folder.path());
    let verify = ["audit", "verify", "--ledger", "ledger.jsonl", "--key", "auditors.pub", "--json"];
    let ran = elsewhere(folder.path(), &verify);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let lines = nexus.whole_ledger().len();
    assert_eq!((&told["lines"], &told["unsigned_lines"], &told["key_given"]), (&json!(lines), &json!(1), &json!(true)));
    assert_eq!(names(folder.path()), before, "an auditor's copy is not written to");

    // Without a key nothing is claimed of signatures; the key itself will do as well as its file.
    let ran = elsewhere(folder.path(), &["audit", "verify", "--ledger", "ledger.jsonl"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("no signature was checked"), "{ran:#?}");
    let key = fs::read_to_string(folder.path().join("auditors.pub")).unwrap();
    let ran = elsewhere(folder.path(), &["audit", "verify", "--ledger", "ledger.jsonl", "--key", key.trim()]);
    assert!(ran.code == Some(0) && ran.stdout.contains("under the key that was given"), "{ran:#?}");

    // Somebody else's key, and what is no key.
    let other = three_calls();
    fs::copy(other.path("ledger.jsonl.pub"), folder.path().join("other.pub")).unwrap();
    let ran = elsewhere(folder.path(), &["audit", "verify", "--ledger", "ledger.jsonl", "--key", "other.pub"]);
    assert_eq!(ran.code, Some(6), "{ran:#?}");
    for (key, code) in [("ledger.jsonl", 5), ("nobody", 5), ("a+b+c", 5)] {
        let ran = elsewhere(folder.path(), &["audit", "verify", "--ledger", "ledger.jsonl", "--key", key]);
        assert_eq!(ran.code, Some(code), "{ran:#?}");
    }
}

#[test]
fn whatever_is_done_to_a_copy_is_found() {
    let nexus = three_calls();
    let pristine = copy(&nexus);
    let verify = |folder: &Path| {
        elsewhere(folder, &["audit", "verify", "--ledger", "ledger.jsonl", "--key", "auditors.pub", "--json"])
    };
    let text = fs::read_to_string(pristine.path().join("ledger.jsonl")).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let n = lines.len();
    let joined = |lines: &[&str]| lines.concat();
    let changes: Vec<(&str, String, &str)> = vec![
        ("edited", text.replacen("\"limit=1\"", "\"limit=2\"", 1), "changed"),
        ("removed", joined(&[&lines[..4], &lines[5..]].concat()), "removed"),
        ("swapped", joined(&[&lines[..4], &[lines[5], lines[4]], &lines[6..]].concat()), "reordered"),
        ("inserted", joined(&[&lines[..4], &[lines[3]], &lines[4..]].concat()), "added"),
        ("cut", joined(&lines[..n - 3]), "cut from the end"),
        ("emptied", String::new(), "cut from the end"),
        ("the first cut off", joined(&lines[1..]), "removed"),
        ("all but the signed", joined(&lines[n - 1..]), "no line says that they were removed"),
    ];
    for (what, changed, told) in changes {
        fs::write(pristine.path().join("ledger.jsonl"), changed).unwrap();
        let ran = verify(pristine.path());
        assert_eq!(ran.code, Some(6), "{what}: {ran:#?}");
        assert!(ran.stdout.contains(told), "{what}: {ran:#?}");
    }
    // A checkpoint that was kept before: all of it is still there.
    fs::write(pristine.path().join("ledger.jsonl"), &text).unwrap();
    nexus.call("entra_list_users", json!({ "limit": 1 }));
    fs::copy(nexus.path("ledger.jsonl.checkpoint"), pristine.path().join("kept")).unwrap();
    let later = ["audit", "verify", "--ledger", "ledger.jsonl", "--key", "auditors.pub", "--checkpoint", "kept"];
    let ran = elsewhere(pristine.path(), &later);
    assert!(ran.code == Some(6) && ran.stdout.contains("cut from the end"), "{ran:#?}");
}

#[test]
fn a_start_with_the_wrong_key_changes_nothing_and_the_ledger_still_verifies() {
    let nexus = three_calls();
    let key = nexus.path("ledger.jsonl.key");
    let right = fs::read_to_string(&key).unwrap();
    let files = || {
        let names = names(nexus.dir.path()).into_iter().filter(|name| name.starts_with("ledger.jsonl"));
        names.map(|name| (fs::read(nexus.path(&name)).unwrap(), name)).collect::<Vec<_>>()
    };
    fs::copy(three_calls().path("ledger.jsonl.key"), &key).unwrap();
    let before = files();
    let refused = nexus.run(&["call", "entra_list_users"]);
    assert_eq!(refused.code, Some(4), "{refused:#?}");
    assert!(refused.stderr.contains("belongs to another key"), "{refused:#?}");
    assert_eq!(files(), before);
    let verified = nexus.run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:#?}");
    fs::write(&key, right).unwrap();
    assert_eq!(nexus.run(&["call", "entra_list_users"]).code, Some(0));
}

#[test]
fn a_ledger_that_was_deleted_before_it_was_ever_signed_is_missed() {
    let nexus = Nexus::identity();
    let server = nexus.serve();
    server.client().call("entra_list_users", json!({ "limit": 1 }));
    server.kill();
    assert!(!nexus.path("ledger.jsonl.checkpoint").exists(), "it was never signed");
    fs::remove_file(nexus.ledger_file()).unwrap();
    let refused = nexus.run(&["call", "entra_list_users"]);
    assert_eq!(refused.code, Some(4), "{refused:#?}");
    assert!(refused.stderr.contains("none of its lines is left"), "{refused:#?}");
    assert!(!nexus.ledger_file().exists(), "and none is begun");
    // The operator who did it says so.
    fs::remove_file(nexus.path("ledger.jsonl.pub")).unwrap();
    assert_eq!(nexus.run(&["call", "entra_list_users"]).code, Some(0));
}

#[test]
fn one_event_is_proven_without_the_ledger() {
    let nexus = three_calls();
    let event = nexus.ledger().into_iter().rfind(|line| line["kind"] == "call").unwrap();
    let id = event["event_id"].as_str().unwrap();
    let ran = nexus.run(&["audit", "prove", id, "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let proofs: Vec<_> = told["proofs"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    assert_eq!(proofs.len(), 2, "asked and ended");

    let folder = TempDir::new().unwrap();
    fs::copy(nexus.path("ledger.jsonl.pub"), folder.path().join("key")).unwrap();
    for (at, proof) in proofs.iter().enumerate() {
        fs::copy(nexus.path(proof), folder.path().join(format!("{at}.tlog-proof"))).unwrap();
    }
    let ran =
        elsewhere(folder.path(), &["audit", "verify-proof", "0.tlog-proof", "1.tlog-proof", "--key", "key", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let proven: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line: Value = serde_json::from_str(proven[1]["line"].as_str().unwrap()).unwrap();
    assert_eq!((&line, &proven[1]["proven"]), (&event, &json!(true)), "the very line");

    let text = fs::read_to_string(folder.path().join("1.tlog-proof")).unwrap();
    let index = text.lines().nth(2).unwrap();
    fs::write(folder.path().join("1.tlog-proof"), text.replacen(index, "index 0", 1)).unwrap();
    let ran = elsewhere(folder.path(), &["audit", "verify-proof", "0.tlog-proof", "1.tlog-proof", "--key", "key"]);
    assert_eq!(ran.code, Some(6), "{ran:#?}");
    assert!(ran.stdout.contains("1.tlog-proof: the line is not in the ledger"), "{ran:#?}");

    for (args, code) in [
        (vec!["audit", "prove", "not-an-id"], 2),
        (vec!["audit", "prove", "01a20d84-7731-7660-abf1-becdf41d8953"], 5),
        (vec!["audit", "prove", id, "--out", "no/such/folder"], 5),
        (vec!["audit", "verify-proof", proofs[0]], 2),
    ] {
        assert_eq!(nexus.run(&args).code, Some(code), "{args:?}");
    }
}

#[test]
fn files_and_what_is_removed_follow_the_settings() {
    let nexus = three_calls().set("audit.rotate-bytes", 3000).set("audit.checkpoint-lines", 5);
    for _ in 0..3 {
        nexus.call("entra_list_users", json!({ "limit": 1 }));
    }
    let files = names(nexus.dir.path()).iter().filter(|name| name.starts_with("ledger.jsonl.0")).count();
    assert!(files > 1, "{:?}", names(nexus.dir.path()));
    let folder = copy(&nexus);
    let verify = ["audit", "verify", "--ledger", "ledger.jsonl", "--key", "auditors.pub"];
    let ran = elsewhere(folder.path(), &verify);
    assert!(ran.code == Some(0) && ran.stdout.starts_with("lines 1 to "), "{ran:#?}");
    // Readers see one ledger.
    let ran = nexus.run(&["audit", "stats", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["total_entries"], 6, "{ran:#?}");

    for (key, value) in [
        ("audit.checkpoint-lines", toml::Value::from(0)),
        ("audit.keep-days", toml::Value::from(0)),
        ("audit.rotate-bytes", toml::Value::from(-1)),
        ("audit.enabled", toml::Value::from(false)),
    ] {
        let ran = three_calls().set(key, value).run(&["shards"]);
        assert_eq!(ran.code, Some(3), "{key}: {ran:#?}");
    }
}

#[test]
fn a_reading_is_on_record_while_the_host_runs_and_afterwards() {
    let nexus = three_calls();
    let readings = |nexus: &Nexus| {
        let codes = nexus.whole_ledger().into_iter().filter_map(|line| Some(line["code"].as_str()?.to_owned()));
        codes.filter(|code| code.starts_with("read-")).collect::<Vec<_>>()
    };
    let server = nexus.serve();
    nexus.run(&["audit", "tail"]);
    eventually("the reading", || readings(&nexus) == ["read-tail"]);
    server.stop();
    for reader in ["stats", "search", "verify"] {
        assert_eq!(nexus.run(&["audit", reader]).code, Some(0));
    }
    nexus.run(&["audit", "export", "--schema", "csv"]);
    nexus.run(&["shards"]);
    assert_eq!(readings(&nexus), ["read-tail", "read-stats", "read-search", "read-verify", "read-export"]);
}

#[test]
fn lines_go_to_standard_error_too_if_the_operator_says_so() {
    let nexus = Nexus::identity().env("AUDIT_LOG_STDERR", "true").env("NEXUS_LOG", "off");
    let ran = nexus.run(&["call", "entra_list_users", "--args", "{\"limit\": 1}"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let mirrored: Vec<Value> = ran.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(mirrored, nexus.whole_ledger(), "each line, the last ones too");
    assert!(!ran.stdout.contains("\"seq\""));
    let ran = nexus.env("AUDIT_LOG_STDERR", "maybe").run(&["shards"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
}
