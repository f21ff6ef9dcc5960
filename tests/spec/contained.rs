//! A shard that loops, eats memory, traps or lies harms one call of its own and nothing else.

use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use crate::support::mcp::Http;
use crate::support::{Nexus, Serving, eventually, guest};

/// Limits far apart, so that a busy machine does not turn one ending into another.
fn hostile(cpu: &str, deadline: &str) -> Nexus {
    Nexus::identity().with_shard_as(&guest("hostile"), "hostile", |manifest| {
        let manifest = manifest.replace("cpu = \"1s\"", &format!("cpu = \"{cpu}\""));
        manifest.replace("deadline = \"2s\"", &format!("deadline = \"{deadline}\""))
    })
}

/// Makes one hostile call, and meanwhile and afterwards honest ones: of another shard, and of the hostile shard itself.
#[track_caller]
fn check(server: &Serving, tool: &str, arguments: Value, expected: &str) {
    thread::scope(|scope| {
        let hostile = scope.spawn(|| server.client().call(tool, arguments));
        let other = server.client();
        let mut honest = 0;
        while honest < 2 || !hostile.is_finished() {
            assert_honest(&other);
            honest += 1;
        }
        let result = hostile.join().unwrap();
        assert_eq!(code(&result), expected, "{tool}: {result:#}");
        assert_eq!(result["isError"], true, "{tool}: {result:#}");
        assert!(result.get("structuredContent").is_none_or(Value::is_null), "{tool}: {result:#}");
    });
    assert_honest(&server.client());
}

#[track_caller]
fn assert_honest(client: &Http) {
    let identity = client.call("entra_list_users", json!({ "limit": 1 }));
    assert_eq!(identity["structuredContent"]["users"].as_array().map(Vec::len), Some(1), "{identity:#}");
    let echo = client.call("hostile_echo", json!({ "text": "honest" }));
    assert_eq!(echo["structuredContent"]["text"], "honest", "{echo:#}");
}

fn code(result: &Value) -> &str {
    result["_meta"]["nexus/error"].as_str().unwrap_or("none")
}

/// The line that ended this call.
fn ended(nexus: &Nexus, tool: &str) -> Value {
    let mut lines = nexus.ledger().into_iter();
    let line = lines.rfind(|line| line["tool"] == tool && line["kind"] == "call" && line["phase"] == "ended");
    line.unwrap_or_else(|| panic!("{tool} has not ended"))
}

#[test]
fn each_way_of_not_coming_back_ends_one_call() {
    let nexus = hostile("1s", "60s");
    let server = nexus.serve();
    for (tool, arguments, expected) in [
        ("hostile_loop", json!({}), "cpu"),
        ("hostile_sleep", json!({ "ms": 600_000 }), "cpu"),
        ("hostile_eat_memory", json!({}), "memory"),
        ("hostile_trap", json!({}), "trap"),
        ("hostile_panic", json!({ "text": "last words" }), "trap"),
        // A Rust guest keeps its own stack in linear memory and walks off its end.
        ("hostile_recurse", json!({}), "trap"),
    ] {
        check(&server, tool, arguments, expected);
        let line = ended(&nexus, tool);
        assert_eq!((&line["status"], &line["error_type"]), (&json!("error"), &json!(expected)), "{line}");
    }
}

/// A bulk instruction is not interrupted. What it took is charged all the same, or the limit would be many times itself.
#[test]
fn instructions_that_nothing_interrupts_use_up_cpu_time() {
    let nexus = Nexus::identity().with_shard_as(&guest("hostile"), "hostile", |manifest| {
        let manifest = manifest.replace("memory = \"16MiB\"", "memory = \"512MiB\"");
        manifest.replace("deadline = \"2s\"", "deadline = \"20s\"")
    });
    let server = nexus.serve();
    check(&server, "hostile_fill", json!({ "mib": 400 }), "cpu");
    let held = server.client().call("hostile_hold", json!({ "mib": 400 }));
    assert_eq!(code(&held), "none", "{held:#}");
}

#[test]
fn requests_that_are_never_sent_cost_the_host_no_more_than_a_guest_may_have() {
    const MOST: usize = 64 << 20;
    let nexus = Nexus::identity().with_shard_as(&guest("standard"), "standard", |manifest| {
        manifest.replace("memory = \"16MiB\"", "memory = \"8MiB\"")
    });
    let server = nexus.serve();
    let client = server.client();
    let few = client.call("standard_hoard", json!({ "count": 20, "bytes": 16_777_216 }));
    assert_eq!(code(&few), "none", "{few:#}");
    let before = server.resident();
    let paths = client.call("standard_hoard", json!({ "count": 20, "path": 16_384 }));
    assert_eq!(code(&paths), "none", "{paths:#}");
    for (hoard, expected) in [
        (json!({ "count": 100_000, "bytes": 16_777_216 }), "trap"),
        (json!({ "count": 100_000, "path": 16_384 }), "trap"),
        // The setter refuses it, and so the guest does.
        (json!({ "count": 100_000, "path": 16_385 }), "internal"),
        (json!({ "count": 100_000, "path": 1_048_576 }), "internal"),
    ] {
        let hoard = client.call("standard_hoard", hoard);
        assert_eq!(code(&hoard), expected, "{hoard:#}");
        assert!(server.resident() < before + MOST, "{} bytes more", server.resident() - before);
        let identity = client.call("entra_list_users", json!({ "limit": 1 }));
        assert_eq!(code(&identity), "none", "{identity:#}");
    }
}

#[test]
fn what_all_guests_have_has_a_ceiling_and_no_shard_reaches_it_alone() {
    // Half of it is the shard's: two of these fit, beside what the host needs for each.
    let nexus = hostile("60s", "60s").set("sandbox.max-bytes", 64 << 20);
    let server = nexus.serve();
    thread::scope(|scope| {
        let hold = |ms: u64| server.client().call("hostile_hold", json!({ "mib": 12, "ms": ms }));
        let held: Vec<_> = (0..2).map(|_| scope.spawn(move || hold(4_000))).collect();
        let asked = || {
            let ledger = nexus.ledger();
            ledger.iter().filter(|line| line["tool"] == "hostile_hold" && line["phase"] == "asked").count()
        };
        eventually("both", || asked() == 2);
        eventually("no room", || code(&hold(0)) == "busy");
        let identity = server.client().call("entra_list_users", json!({ "limit": 1 }));
        assert_eq!(code(&identity), "none", "another shard has room: {identity:#}");
        for call in held {
            assert_eq!(code(&call.join().unwrap()), "none");
        }
        eventually("room again", || code(&hold(0)) == "none");
    });
}

#[test]
fn the_deadline_ends_a_guest_that_has_cpu_time_left() {
    let nexus = hostile("60s", "1s");
    let server = nexus.serve();
    check(&server, "hostile_loop", json!({}), "deadline");
    check(&server, "hostile_sleep", json!({ "ms": 600_000 }), "deadline");
}

#[test]
fn the_deadline_ends_a_guest_that_waits_for_the_host() {
    let nexus = stalling("1s");
    let server = nexus.serve();
    let result = server.client().call("hostile_fetch", granted());
    assert_eq!(code(&result), "deadline", "{result:#}");
    let echo = server.client().call("hostile_echo", json!({ "text": "honest" }));
    assert_eq!(echo["structuredContent"]["text"], "honest", "{echo:#}");
    server.stop();
    // Whatever was under way is closed in the record.
    let open = nexus.run(&["audit", "tail", "--open", "--json"]);
    assert_eq!((open.code, open.stdout.as_str()), (Some(0), ""), "{open:#?}");
}

#[test]
fn each_way_of_lying_ends_one_call() {
    let nexus = hostile("10s", "60s");
    let server = nexus.serve();
    for (tool, arguments, expected) in [
        ("hostile_output", json!({ "bytes": 1_048_576 }), "output-too-large"),
        ("hostile_output", json!({ "bytes": 1_073_741_824 }), "memory"),
        ("hostile_bad_json", json!({}), "internal"),
        ("hostile_bad_schema", json!({}), "output-misfit"),
        ("hostile_error", json!({ "text": "no" }), "upstream"),
    ] {
        check(&server, tool, arguments, expected);
    }
    let fits = server.client().call("hostile_output", json!({ "bytes": 500_000 }));
    assert_eq!(fits["structuredContent"]["text"].as_str().map(str::len), Some(500_000));
}

#[test]
fn last_words_stay_with_the_operator() {
    let nexus = hostile("10s", "60s");
    let called = nexus.call("hostile_panic", json!({ "text": "the last words" }));
    assert_eq!(called.error(), "trap");
    assert!(!called.ran.stdout.contains("last words"), "{called:#?}");
    let ledger = std::fs::read_to_string(nexus.ledger_file()).unwrap();
    assert!(!ledger.contains("last words"), "{ledger}");
}

#[test]
fn a_flood_of_log_lines_is_cut_and_counted() {
    let nexus = hostile("30s", "60s");
    let server = nexus.serve();
    let result = server.client().call("hostile_log", json!({ "lines": 10_000, "text": "flood" }));
    assert_eq!(code(&result), "none", "{result:#}");
    assert_honest(&server.client());
    let call = &result["_meta"]["nexus/event-id"];
    let ledger = nexus.ledger();
    let cut: Vec<_> = ledger.iter().filter(|line| line["kind"] == "log-suppressed").collect();
    assert_eq!(cut.len(), 1, "{cut:?}");
    assert_eq!((&cut[0]["count"], &cut[0]["parent_id"]), (&json!(9_800), call), "{cut:?}");
    eventually("the log", || server.log().matches("flood").count() >= 200);
    assert_eq!(server.log().matches("flood").count(), 200);
}

#[test]
fn a_log_line_is_one_line_and_not_endless() {
    let nexus = hostile("30s", "60s");
    let text = format!("first\n\u{1b}[31mERROR forged\r{}END", "x".repeat(10_000));
    let ran = nexus.call("hostile_log", json!({ "lines": 1, "text": text })).ran;
    let line = ran.stderr.lines().find(|line| line.contains("first")).unwrap();
    assert!(line.contains("forged") && !line.contains("END"), "{line}");
    assert!(!ran.stderr.contains("\u{1b}[31mERROR"), "{}", ran.stderr);
}

#[test]
fn a_flood_of_progress_is_no_harm() {
    let nexus = hostile("30s", "60s");
    let server = nexus.serve();
    let result = server.client().call("hostile_progress", json!({ "lines": 100_000, "text": "flood" }));
    assert_eq!(code(&result), "none", "{result:#}");
    assert_honest(&server.client());
}

#[test]
fn forty_looping_callers_do_not_freeze_the_server() {
    const CALLERS: usize = 40;
    let nexus = hostile("60s", "5s");
    let server = nexus.serve();
    thread::scope(|scope| {
        let callers: Vec<_> =
            (0..CALLERS).map(|_| scope.spawn(|| server.client().call("hostile_loop", json!({})))).collect();
        let asked = || {
            let ledger = nexus.ledger();
            ledger.iter().filter(|line| line["tool"] == "hostile_loop" && line["phase"] == "asked").count()
        };
        eventually("all loops", || asked() == CALLERS);
        assert_honest(&server.client());
        assert!(callers.iter().any(|caller| !caller.is_finished()), "the honest call came after the loops");
        for caller in callers {
            assert_eq!(code(&caller.join().unwrap()), "deadline");
        }
    });
    assert_honest(&server.client());
}

#[test]
fn more_calls_than_are_admitted_are_told_so_at_once() {
    const CALLERS: usize = 160;
    /// Half of what the host runs at once: one shard cannot take it all.
    const ADMITTED: usize = 128;
    let nexus = stalling("15s");
    let server = nexus.serve();
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        for _ in 0..CALLERS {
            let (tell, server) = (tell.clone(), &server);
            scope.spawn(move || tell.send(server.client().call("hostile_fetch", granted())));
        }
        // Those that were admitted wait for an upstream that does not answer, so the first to be told are the others.
        for _ in ADMITTED..CALLERS {
            let result = told.recv().unwrap();
            assert_eq!(code(&result), "busy", "{result:#}");
        }
        let identity = server.client().call("entra_list_groups", json!({ "limit": 1 }));
        assert_eq!(code(&identity), "none", "another shard has room: {identity:#}");
        let busy = server.client().call("hostile_echo", json!({ "text": "x" }));
        assert_eq!(code(&busy), "busy", "{busy:#}");
        for _ in 0..ADMITTED {
            assert_ne!(code(&told.recv().unwrap()), "busy");
        }
    });
    let echo = server.client().call("hostile_echo", json!({ "text": "room again" }));
    assert_eq!(echo["structuredContent"]["text"], "room again", "{echo:#}");
    let busy = nexus.ledger().into_iter().filter(|line| line["refusal"] == "busy" && line["kind"] == "call").count();
    assert_eq!(busy, CALLERS - ADMITTED + 1);
}

#[test]
fn nothing_of_one_call_is_there_in_the_next() {
    let nexus = hostile("1s", "60s");
    let server = nexus.serve();
    let client = server.client();
    for text in ["one", "two", "three"] {
        assert_eq!(code(&client.call("hostile_panic", json!({ "text": text }))), "trap");
        let echo = client.call("hostile_echo", json!({ "text": text }));
        assert_eq!(echo["structuredContent"]["text"], text, "{echo:#}");
    }
}

/// The hostile shard with an upstream that takes its time for ever.
fn stalling(deadline: &str) -> Nexus {
    let fault = toml::Table::from_iter([
        ("route".to_owned(), "graph/users".into()),
        ("times".to_owned(), 0.into()),
        ("does".to_owned(), "stall".into()),
    ]);
    hostile("10s", deadline).set("mock-upstreams.faults", vec![toml::Value::from(fault)])
}

fn granted() -> Value {
    json!({ "method": "GET", "url": "https://graph.microsoft.com/v1.0/users?$top=1", "credential": "graph" })
}
