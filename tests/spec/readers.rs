//! Those who read the record: over MCP, and on the command line. They stream, pass over what cannot be read and say so, and the
//! host's own are on record themselves.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Nexus, Ran};

/// Five calls: three that succeed, one refused, one of a tool that does not exist.
fn busy() -> Nexus {
    let nexus = Nexus::identity();
    for (tool, arguments) in [
        ("entra_list_users", json!({ "limit": 1 })),
        ("entra_list_users", json!({ "limit": 2 })),
        ("entra_list_groups", json!({ "limit": 200 })),
        ("entra_list_users", json!({ "limit": 0 })),
        ("nobody_has_this", json!({})),
    ] {
        nexus.call(tool, arguments);
    }
    nexus
}

#[test]
fn the_newest_lines_are_told_oldest_first_as_they_stand_in_the_file() {
    let nexus = busy();
    let before = nexus.whole_ledger();
    let called = nexus.call("nexus_audit_recent", json!({ "n": 3 }));
    let records = called.data()["records"].as_array().unwrap();
    assert_eq!(records.len(), 3);
    // The host's start and this call's own beginning came in between.
    let ledger = nexus.whole_ledger();
    let at = ledger.iter().position(|line| line == records.last().unwrap()).unwrap();
    assert_eq!(records.as_slice(), &ledger[at - 2..=at]);
    assert!(at >= before.len(), "{records:#?}");
    assert_eq!(records[2]["tool"], "nexus_audit_recent", "{records:#?}");
    assert_eq!((&records[2]["phase"], &records[2]["shard"]), (&json!("asked"), &json!("nexus")));
    let default = nexus.call("nexus_audit_recent", json!({}));
    assert_eq!(default.data()["records"].as_array().unwrap().len(), 50.min(nexus.whole_ledger().len() - 3));
}

#[test]
fn a_number_of_lines_is_from_1_to_500_and_nothing_else_is_an_argument() {
    let nexus = busy();
    for arguments in [
        json!({ "n": 0 }),
        json!({ "n": -2 }),
        json!({ "n": 501 }),
        json!({ "n": 9_223_372_036_854_775_807_u64 }),
        json!({ "n": 1.5 }),
        json!({ "n": "5" }),
        json!({ "lines": 5 }),
    ] {
        let called = nexus.call("nexus_audit_recent", arguments.clone());
        assert_eq!(called.error(), "invalid-arguments", "{arguments}");
        let last = nexus.ledger().into_iter().rfind(|line| line["tool"] == "nexus_audit_recent").unwrap();
        assert_eq!(
            (&last["status"], &last["refusal"]),
            (&json!("refused"), &json!("invalid-arguments")),
            "{arguments}"
        );
    }
    assert_eq!(nexus.call("nexus_audit_stats", json!({ "n": 5 })).error(), "invalid-arguments");
    assert!(nexus.call("nexus_audit_recent", json!({ "n": 500 })).data()["records"].as_array().unwrap().len() > 20);
}

#[test]
fn the_counts_are_those_of_the_whole_ledger() {
    let nexus = busy();
    let called = nexus.call("nexus_audit_stats", json!({}));
    let stats = called.data();
    for (key, expected) in [
        ("total_entries", json!(5)),
        ("status_breakdown", json!({ "refused": 2, "success": 3 })),
        ("shard_breakdown", json!({ "identity": 4, "unknown": 1 })),
        ("action_category_breakdown", json!({ "READ": 4, "unknown": 1 })),
        ("top_10_tools", json!([["entra_list_users", 3], ["entra_list_groups", 1], ["nobody_has_this", 1]])),
        ("error_count", json!(2)),
        ("mock_mode_calls", json!(5)),
        ("crossing_breakdown", json!({ "egress": 3 })),
        ("open_entries", json!(1)),
        ("unreadable_lines", json!(0)),
    ] {
        assert_eq!(stats[key], expected, "{key}: {stats:#}");
    }
    let errors: Vec<_> =
        stats["recent_errors"].as_array().unwrap().iter().map(|one| one["error"].as_str().unwrap()).collect();
    assert_eq!(errors, ["invalid-arguments", "unknown-tool"]);
    // On the command line the same, and the calls of the two readers besides.
    let ran = nexus.run(&["audit", "stats", "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &told["total_entries"], &told["open_entries"]), (Some(0), &json!(6), &json!(0)), "{told:#}");
    let text = nexus.run(&["audit", "stats"]).stdout;
    assert!(text.contains("         6  calls\n") && text.contains("tool entra_list_users"), "{text}");
}

#[test]
fn a_line_that_cannot_be_read_hides_no_other_and_is_told() {
    let nexus = busy();
    let mut file = fs::OpenOptions::new().append(true).open(nexus.ledger_file()).unwrap();
    // Written by hand between two runs: the host itself will not go on with it, readers do.
    writeln!(file, "this is no line").unwrap();
    write!(file, "{{\"seq\":9").unwrap();
    let ran = nexus.run(&["audit", "stats", "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (ran.code, &told["unreadable_lines"], &told["total_entries"]),
        (Some(6), &json!(1), &json!(5)),
        "{told:#}"
    );
    let ran = nexus.run(&["audit", "search", "--tool", "entra_list_groups"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(6), 4), "{ran:#?}");
    assert!(ran.stderr.contains("1 lines cannot be read"), "{ran:#?}");
}

type Fits = Box<dyn Fn(&Value) -> bool>;

fn search(nexus: &Nexus, args: &[&str]) -> (Ran, Vec<Value>) {
    let ran = nexus.run(&[&["audit", "search", "--json", "-n", "500"], args].concat());
    let lines = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (ran, lines)
}

#[test]
fn a_search_tells_the_lines_that_fit_all_that_is_asked() {
    let nexus = busy();
    let ledger = nexus.whole_ledger();
    let middle = ledger[ledger.len() / 2]["timestamp"].as_str().unwrap().to_owned();
    let is = |key: &'static str, value: &'static str| move |line: &Value| line[key] == value;
    let cases: Vec<(Vec<&str>, Fits)> = vec![
        (vec![], Box::new(|_| true)),
        (vec!["--tool", "entra_list_groups"], Box::new(is("tool", "entra_list_groups"))),
        (vec!["--kind", "egress"], Box::new(is("kind", "egress"))),
        (vec!["--shard", "identity"], Box::new(is("shard", "identity"))),
        (vec!["--principal", "local-user"], Box::new(is("principal", "local-user"))),
        (vec!["--outcome", "refused"], Box::new(is("status", "refused"))),
        (
            vec!["--destination", "GRAPH.microsoft.com"],
            Box::new(|line| line["destination"]["host"] == "graph.microsoft.com"),
        ),
        (
            vec!["--since", &middle],
            Box::new({
                let middle = middle.clone();
                move |line| line["timestamp"].as_str().unwrap() >= middle.as_str()
            }),
        ),
        (
            vec!["--until", &middle],
            Box::new({
                let middle = middle.clone();
                move |line| line["timestamp"].as_str().unwrap() < middle.as_str()
            }),
        ),
        (
            vec!["--kind", "call", "--outcome", "success", "--tool", "entra_list_users"],
            Box::new(|line| {
                line["kind"] == "call" && line["status"] == "success" && line["tool"] == "entra_list_users"
            }),
        ),
        (vec!["--tool", "entra_list"], Box::new(|_| false)),
        (vec!["--destination", "microsoft.com"], Box::new(|_| false)),
    ];
    for (args, fits) in cases {
        let (ran, found) = search(&nexus, &args);
        let expected: Vec<_> = ledger.iter().filter(|line| fits(line)).cloned().collect();
        assert_eq!((ran.code, found), (Some(0), expected), "{args:?}");
    }
    let few = nexus.run(&["audit", "search", "-n", "2"]);
    assert_eq!(few.stdout.lines().count(), 2);
    assert!(few.stderr.contains(&format!("{} older lines fit as well", ledger.len() - 2)), "{few:#?}");
}

#[test]
fn a_search_that_means_nothing_is_an_error_that_says_why() {
    let nexus = busy();
    for args in [
        ["--kind", "mail"],
        ["--outcome", "good"],
        ["--since", "yesterday"],
        ["--since", "2026-11-24"],
        ["-n", "0"],
        ["-n", "-1"],
        ["-n", "501"],
    ] {
        let (ran, found) = search(&nexus, &args);
        assert_eq!((ran.code, found), (Some(2), Vec::new()), "{args:?}: {ran:#?}");
        assert!(!ran.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_ledger_is_followed_while_it_is_written_each_line_once() {
    let nexus = busy();
    let n_before = nexus.whole_ledger().len();
    let mut child = nexus
        .command(&["audit", "tail", "--follow", "--json", "-n", "3"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut seen: Vec<Value> = Vec::new();
    let mut read = |seen: &mut Vec<Value>, n: usize| {
        for _ in 0..n {
            seen.push(serde_json::from_str(&lines.next().unwrap()).unwrap());
        }
    };
    read(&mut seen, 3);
    nexus.call("entra_list_users", json!({ "limit": 1 }));
    let ledger = nexus.whole_ledger();
    let new = ledger.len() - n_before;
    read(&mut seen, new);
    assert_eq!(seen, ledger[n_before - 3..].to_vec());
    // It ends when it is told to.
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut ended = None;
    crate::support::eventually("the end", || {
        std::thread::sleep(Duration::from_millis(10));
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(0));
}
