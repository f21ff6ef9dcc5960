//! The command line, as people and scripts meet it: help, exit codes, settings and where they come from.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::upstream::{CLIENT_ID, CLIENT_SECRET, TENANT};
use crate::support::{Nexus, Ran, repo};

/// Runs the program and tells how it ended; whatever went wrong is told on standard error and by the code alone.
#[track_caller]
fn check(nexus: &Nexus, args: &[&str], code: i32, says: &[&str]) -> Ran {
    let ran = nexus.run(args);
    assert_eq!(ran.code, Some(code), "{args:?}: {ran:#?}");
    for said in says {
        assert!(ran.stderr.contains(said) || ran.stdout.contains(said), "{args:?} does not say {said:?}: {ran:#?}");
    }
    ran
}

/// What clap prints of the commands below `args`.
fn commands(nexus: &Nexus, args: &[&str]) -> Vec<String> {
    let help = check(nexus, &[args, &["--help"]].concat(), 0, &["Usage:"]).stdout;
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default().lines().take_while(|line| line.starts_with("  "));
    let first = |line: &str| line.strip_prefix("  ")?.split_whitespace().next().map(str::to_owned);
    let is_name = |line: &&str| !line.starts_with("   ");
    listed.filter(is_name).filter_map(first).filter(|name| name != "help").collect()
}

#[test]
fn every_command_has_help() {
    let nexus = Nexus::new();
    let top = commands(&nexus, &[]);
    for known in ["serve", "call", "shards", "doctor", "mock-upstream", "audit", "completions"] {
        assert!(top.iter().any(|command| command == known), "{known} is not among {top:?}");
    }
    for command in &top {
        let ran = check(&nexus, &[command, "--help"], 0, &["Usage: nexus"]);
        assert!(ran.stdout.lines().next().is_some_and(|line| line.len() > 10), "{command}: {}", ran.stdout);
        for below in commands(&nexus, &[command]) {
            check(&nexus, &[command, &below, "--help"], 0, &["Usage: nexus"]);
        }
    }
    check(&nexus, &["--version"], 0, &[env!("CARGO_PKG_VERSION")]);
    assert!(!nexus.ledger_file().exists(), "help needs no ledger");
}

#[test]
fn exit_codes_are_those_that_help_lists() {
    let help = Nexus::new().run(&["--help"]).stdout;
    let codes = help.split("Exit codes:").nth(1).unwrap();
    for code in 0..=6 {
        assert!(codes.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))), "{code}: {codes}");
    }
    let nexus = Nexus::identity();
    check(&nexus, &["call", "entra_list_users"], 0, &[]);
    check(&nexus, &["call", "no_such_tool"], 1, &["unknown-tool"]);
    check(&nexus, &["call", "entra_list_users", "--args", r#"{"limit": 0}"#], 1, &["invalid-arguments"]);
    for wrong in ["{", "[]", "5", "null", "", "{\"limit\": 1} {}", "{limit: 1}"] {
        check(&nexus, &["call", "entra_list_users", "--args", wrong], 2, &["--args"]);
    }
    for wrong in [&["nonsense"][..], &["call"], &["shards", "--nonsense"], &["--mock", "--live", "shards"], &[]] {
        check(&nexus, wrong, 2, &["Usage"]);
    }
    check(&nexus, &["serve", "--bind", "nowhere"], 2, &["--bind"]);
    check(&nexus, &["serve", "--stdio", "--bind", "127.0.0.1:0"], 2, &["--bind"]);
}

/// Without the settings file that `Nexus::command` names.
fn bare(nexus: &Nexus, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
    command.env_clear().current_dir(nexus.dir.path()).args(args).stdin(Stdio::null());
    command
}

#[test]
fn a_settings_file_that_is_wrong_is_named_with_its_line() {
    let nexus = Nexus::new();
    let file = nexus.path("wrong.toml");
    let check = |file: &str, code: i32, says: &[&str]| {
        let ran = Ran::of(bare(&nexus, &["--config", file, "shards"]).output().unwrap());
        assert_eq!(ran.code, Some(code), "{says:?}: {ran:#?}");
        for said in says.iter().chain([&file]) {
            assert!(ran.stderr.contains(said), "{said:?} is not said: {ran:#?}");
        }
    };
    for (text, says) in [
        ("mock = true\n\n[http]\nbnid = \"127.0.0.1:1\"\n", &["line 4", "bnid", "expected", "bind"][..]),
        ("mock = \"yes\"\n", &["line 1", "boolean"]),
        ("mock = true\nledgre = \"x\"\n", &["line 2", "ledgre", "ledger"]),
        ("mock = true\nhttp = [\n", &["line 2"]),
        ("[http]\nbind = \"localhost\"\n", &["line 2"]),
        ("disabled = [\"Not A Shard\"]\n", &["line 1", "shard name"]),
    ] {
        fs::write(&file, text).unwrap();
        check("wrong.toml", 3, says);
    }
    check("missing.toml", 3, &["missing.toml", "No such file"]);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    check(&Nexus::new().set("shards", vec!["nowhere"]), &["shards"], 5, &["nowhere"]);
    check(&Nexus::new().set("mock-upstreams.data", "nowhere"), &["shards"], 3, &["nowhere"]);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check(&Nexus::identity(), &["serve", "--bind", &address], 5, &[&address, "in use"]);
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let nexus = Nexus::identity();
    let ran = nexus.run(&["serve", "--bind", "0.0.0.0:0"]);
    assert!(matches!(ran.code, Some(3 | 5)), "{ran:#?}");
    assert!(ran.stderr.contains("token"), "{ran:#?}");
}

#[test]
fn without_a_ledger_nothing_runs() {
    let nexus = Nexus::identity();
    fs::create_dir(nexus.ledger_file()).unwrap();
    for args in
        [&["call", "entra_list_users"][..], &["serve", "--bind", "127.0.0.1:0"], &["serve", "--stdio"], &["shards"]]
    {
        check(&nexus, args, 4, &["ledger.jsonl"]);
    }
    fs::remove_dir(nexus.ledger_file()).unwrap();
    // One writer: a second one is turned away while the first runs.
    let server = nexus.serve();
    check(&nexus, &["call", "entra_list_users"], 4, &["ledger.jsonl"]);
    server.stop();
    check(&nexus, &["call", "entra_list_users"], 0, &[]);
}

#[test]
fn a_ledger_that_others_wrote_is_not_written_to() {
    let nexus = Nexus::identity();
    fs::write(nexus.ledger_file(), "a file of somebody else's\n").unwrap();
    check(&nexus, &["call", "entra_list_users"], 4, &["ledger.jsonl"]);
    assert_eq!(fs::read_to_string(nexus.ledger_file()).unwrap(), "a file of somebody else's\n");
}

#[test]
fn json_is_json_and_nothing_else() {
    let nexus = Nexus::identity();
    for args in [
        &["call", "entra_list_users", "--json"][..],
        &["call", "no_such_tool", "--json"],
        &["shards", "--json"],
        &["doctor", "--json"],
        &["audit", "verify", "--json"],
    ] {
        let ran = nexus.run(args);
        assert!(serde_json::from_str::<Value>(&ran.stdout).is_ok(), "{args:?}: {ran:#?}");
    }
    let tail = nexus.run(&["audit", "tail", "--json", "-n", "500"]);
    assert!(tail.stdout.lines().count() > 4, "{tail:#?}");
    for line in tail.stdout.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    // Errors too: one object, on standard error.
    let ran = check(&nexus, &["call", "entra_list_users", "--args", "{", "--json"], 2, &[]);
    let error: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(error["exit"], 2, "{error}");
    assert_eq!(ran.stdout, "");
}

#[test]
fn arguments_may_come_from_standard_input() {
    let nexus = Nexus::identity();
    fs::write(nexus.path("arguments.json"), r#"{"limit": 2}"#).unwrap();
    let mut command = nexus.command(&["call", "entra_list_users", "--json", "--args", "-"]);
    command.stdin(fs::File::open(nexus.path("arguments.json")).unwrap());
    let ran = Ran::of(command.output().unwrap());
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
    assert_eq!(answer["data"]["users"].as_array().map(Vec::len), Some(2), "{answer:#}");
}

#[test]
fn shells_get_completions() {
    let nexus = Nexus::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = check(&nexus, &["completions", shell], 0, &["mock-upstream", "doctor"]);
        assert!(ran.stdout.len() > 1000, "{shell}");
    }
    check(&nexus, &["completions", "cmd"], 2, &["bash"]);
}

#[test]
fn the_tail_of_the_ledger_has_one_to_five_hundred_lines() {
    let nexus = Nexus::identity();
    check(&nexus, &["call", "entra_list_users"], 0, &[]);
    for wrong in ["0", "-1", "501", "99999999999", "many", "1.5"] {
        check(&nexus, &["audit", "tail", "-n", wrong], 2, &[]);
    }
    let lines = nexus.whole_ledger().len();
    for (n, shown) in [("1", 1), ("2", 2), ("500", lines)] {
        let ran = check(&nexus, &["audit", "tail", "-n", n], 0, &[]);
        assert_eq!(ran.stdout.lines().count(), shown, "{n}: {}", ran.stdout);
    }
    check(&Nexus::new(), &["audit", "tail"], 5, &["ledger.jsonl"]);
}

#[test]
fn an_audit_that_finds_something_ends_with_six() {
    let nexus = Nexus::identity();
    check(&nexus, &["call", "entra_list_users"], 0, &[]);
    check(&nexus, &["audit", "verify"], 0, &[]);
    let text = fs::read_to_string(nexus.ledger_file()).unwrap();
    fs::write(nexus.ledger_file(), text.replacen("entra_list_users", "entra_list_group", 1)).unwrap();
    check(&nexus, &["audit", "verify"], 6, &["line"]);
}

#[test]
fn doctor_names_missing_secrets_and_shows_none() {
    let live = || Nexus::identity().set("mock", false).set("settings.ENTRA_TENANT_ID", TENANT);
    check(&live(), &["doctor"], 6, &["BAD  credential identity/graph", "ENTRA_CLIENT_ID", "ENTRA_CLIENT_SECRET_FILE"]);
    let half = live().env("ENTRA_CLIENT_ID", CLIENT_ID);
    let ran = check(&half, &["doctor"], 6, &["ENTRA_CLIENT_SECRET is not set"]);
    assert!(!ran.stdout.contains("ENTRA_CLIENT_ID is not set"), "{ran:#?}");
    assert!(!ran.stdout.contains(CLIENT_ID) && !ran.stderr.contains(CLIENT_ID), "{ran:#?}");
    let whole = half.env("ENTRA_CLIENT_SECRET", CLIENT_SECRET);
    let ran = check(&whole, &["doctor"], 0, &["secrets are there", "identity/ad", "not needed: its server is not set"]);
    assert!(!ran.stdout.contains(CLIENT_SECRET) && !ran.stderr.contains(CLIENT_SECRET), "{ran:#?}");
    check(&Nexus::identity(), &["doctor"], 0, &["not needed in mock mode"]);
    let directory = live().set("settings.AD_SERVER", "dc1.nexus.corp").set("settings.AD_BASE_DN", "DC=nexus,DC=corp");
    check(&directory, &["doctor"], 6, &["BAD  credential identity/ad", "AD_PASSWORD is not set"]);
    let unset = Nexus::identity().set("mock", false);
    check(&unset, &["doctor"], 6, &["shard.toml:", "ENTRA_TENANT_ID", "[settings]"]);
}

#[test]
fn a_shard_can_be_left_out() {
    let tools = |nexus: &Nexus| {
        let listed: Value = serde_json::from_str(&nexus.run(&["shards", "--json"]).stdout).unwrap();
        listed["shards"].as_array().unwrap().len()
    };
    assert_eq!(tools(&Nexus::identity()), 1);
    assert_eq!(tools(&Nexus::identity().env("ENABLE_IDENTITY", "false")), 0);
    assert_eq!(tools(&Nexus::identity().env("ENABLE_IDENTITY", "true")), 1);
    assert_eq!(tools(&Nexus::identity().env("ENABLE_OTHER", "false")), 1);
    assert_eq!(tools(&Nexus::identity().set("disabled", vec!["identity"])), 0);
    assert_eq!(tools(&Nexus::identity().set("disabled", vec!["identity"]).env("ENABLE_IDENTITY", "true")), 1);
    let off = Nexus::identity().env("ENABLE_IDENTITY", "false");
    assert_eq!(off.call("entra_list_users", json!({})).error(), "unknown-tool");
    check(&off, &["shards"], 0, &["identity  off: disabled by ENABLE_IDENTITY"]);
    check(&Nexus::identity().set("disabled", vec!["identity"]), &["shards"], 0, &["disabled by the settings file"]);
    // It is not looked into: what it would need need not be there, and nothing is wrong.
    check(&off.set("mock", false), &["doctor"], 0, &["ok   shard identity", "disabled by ENABLE_IDENTITY"]);
    check(
        &Nexus::identity().env("ENABLE_IDENTITY", "maybe"),
        &["shards"],
        3,
        &["ENABLE_IDENTITY", "maybe", "true or false"],
    );
}

#[test]
fn mock_mode_is_spelled_in_these_ways_and_no_other() {
    let mode = |nexus: &Nexus, args: &[&str]| {
        let ran = nexus.run(&[args, &["doctor"]].concat());
        if ran.stdout.contains("mock: requests") { "mock" } else { "live" }
    };
    let nexus = || Nexus::new();
    for yes in ["true", "TRUE", "1", "yes", "on"] {
        assert_eq!(mode(&nexus().set("mock", false).env("USE_MOCK", yes), &[]), "mock", "{yes}");
    }
    for no in ["false", "False", "0", "no", "off"] {
        assert_eq!(mode(&nexus().env("USE_MOCK", no), &[]), "live", "{no}");
    }
    for nonsense in ["ture", "2", "none", " true"] {
        check(&nexus().env("USE_MOCK", nonsense), &["doctor"], 3, &["USE_MOCK", nonsense, "true or false"]);
    }
    // An empty variable is no variable; flags go before the environment, the environment before the file.
    assert_eq!(mode(&nexus().env("USE_MOCK", ""), &[]), "mock");
    assert_eq!(mode(&nexus().set("mock", false).env("USE_MOCK", ""), &[]), "live");
    assert_eq!(mode(&nexus().env("USE_MOCK", "true"), &["--live"]), "live");
    assert_eq!(mode(&nexus().env("USE_MOCK", "false"), &["--mock"]), "mock");
}

#[test]
fn paths_of_a_settings_file_are_relative_to_it() {
    let nexus = Nexus::identity();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = nexus.command(&["call", "entra_list_users"]);
    let ran = Ran::of(command.current_dir(elsewhere.path()).output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(!nexus.ledger().is_empty());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    // The same file named by the environment.
    let before = nexus.ledger().len();
    let mut command = bare(&nexus, &["call", "entra_list_users"]);
    command.env("NEXUS_CONFIG", nexus.path("nexus.toml")).current_dir(elsewhere.path());
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(nexus.ledger().len() > before);
}

#[test]
fn the_settings_file_as_shipped_is_read_and_starts_in_mock_mode() {
    let nexus = Nexus::new();
    let shipped = repo().join("nexus.toml").display().to_string();
    let ledger = nexus.path("ledger.jsonl").display().to_string();
    let ran = Ran::of(
        // Whether the shards are those that its lock approves depends on the compiler: `review` tests that.
        bare(&nexus, &["--config", &shipped, "--ledger", &ledger, "call", "entra_list_users", "--dev"])
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stderr.contains("source    mock"), "{ran:#?}");
}
