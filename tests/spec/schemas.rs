//! A schema is a program, and so is a result: what they make the host do is bounded, and told.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::support::mcp::Http;
use crate::support::{Nexus, eventually, guest};

const INPUT: &str = "NEXUS-INPUT-SCHEMA:";
const OUTPUT: &str = "NEXUS-OUTPUT-SCHEMA:";
/// What a patched constant holds.
const ROOM: usize = 4096;

/// The hostile guest beside a good shard, with a schema written into its component. Its limits are far apart.
fn patched(mark: &str, schema: &Value) -> Nexus {
    let nexus = Nexus::identity().with_shard_as(&guest("hostile"), "hostile", |manifest| {
        manifest.replace("cpu = \"1s\"", "cpu = \"30s\"").replace("deadline = \"2s\"", "deadline = \"60s\"")
    });
    let file = nexus.path("shards/hostile/hostile.wasm");
    let mut component = fs::read(&file).unwrap();
    let at = component.windows(mark.len()).position(|window| window == mark.as_bytes()).unwrap() + mark.len();
    let text = schema.to_string();
    let room = ROOM - mark.len();
    assert!(text.len() <= room, "{} bytes", text.len());
    component[at..at + room].fill(b' ');
    component[at..at + text.len()].copy_from_slice(text.as_bytes());
    fs::write(&file, component).unwrap();
    nexus
}

fn to(name: usize) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn defs(n: usize, make: impl Fn(usize) -> Value) -> Value {
    Value::Object((0..n).map(|at| (at.to_string(), make(at))).collect::<Map<_, _>>())
}

fn nested(n: usize) -> Value {
    (0..n).fold(json!(1), |inner, _| json!([inner]))
}

fn code(result: &Value) -> &str {
    result["_meta"]["nexus/error"].as_str().unwrap_or("none")
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

#[track_caller]
fn assert_neighbour(client: &Http) {
    let users = client.call("entra_list_users", json!({ "limit": 1 }));
    assert_eq!(users["structuredContent"]["users"].as_array().map(Vec::len), Some(1), "{users:#}");
}

#[test]
fn a_shard_whose_schema_fans_out_or_has_no_end_stays_out_and_is_told_where() {
    let doubling = json!({ "$ref": "#/$defs/8", "$defs": defs(9, |at| match at {
        0 => json!({}),
        _ => json!({ "allOf": [to(at - 1), to(at - 1)] }),
    }) });
    let deep = (0..70).fold(json!({}), |inner, _| json!({ "not": inner }));
    for (schema, said) in [
        (doubling, &["fans out at \"/$defs/", "500"][..]),
        (json!({ "$ref": "#" }), &["comes back to itself at \"\""]),
        (
            json!({ "$ref": "#/$defs/0", "$defs": { "0": { "anyOf": [to(0)] } } }),
            &["comes back to itself at \"/$defs/0\""],
        ),
        (json!({ "$ref": "https://example.com/schema" }), &["refers at \"\" to something else"]),
        (json!({ "properties": { "a": { "$dynamicRef": "#a" } } }), &["$dynamicRef at \"/properties/a\""]),
        (deep, &["nested deeper than 64"]),
        (
            json!({ "properties": { "a": { "pattern": "(((a{1,99}){1,99}){1,99})" } } }),
            &["pattern at \"/properties/a\"", "256 KiB"],
        ),
        (
            json!({ "properties": { "a": { "x-nexus-class": "person" }, "b": { "x-nexus-class": "nobody" } } }),
            &["x-nexus-class at \"/properties/b\""],
        ),
        (json!({ "type": "no type" }), &["is not a JSON Schema at \"/type\""]),
    ] {
        let start = Instant::now();
        let nexus = patched(OUTPUT, &schema);
        let listed: Value = serde_json::from_str(&nexus.run(&["shards", "--json"]).stdout).unwrap();
        assert!(start.elapsed() < Duration::from_secs(100), "{:?} for {schema}", start.elapsed());
        let left_out = listed["left_out"].as_array().unwrap();
        assert_eq!(left_out.len(), 1, "{schema}: {left_out:?}");
        let reason = left_out[0]["reason"].as_str().unwrap();
        for said in ["hostile_json", "output-schema"].iter().chain(said) {
            assert!(reason.contains(said), "{said:?} is not in {reason:?}");
        }
        assert_eq!(nexus.call("entra_list_users", json!({ "limit": 1 })).data()["users"].as_array().unwrap().len(), 1);
        assert_eq!(nexus.call("hostile_echo", json!({ "text": "x" })).error(), "unknown-tool");
    }
}

#[test]
fn a_bad_schema_keeps_a_shard_out_of_review_approval_and_service_alike() {
    for (mark, which, schema, said) in [
        (OUTPUT, "tool hostile_json: output-schema", json!({ "properties": { "a": { "pattern": "(" } } }), "pattern"),
        (
            INPUT,
            "tool hostile_judged: input-schema",
            json!({ "properties": { "a": { "x-nexus-class": "nobody" } } }),
            "x-nexus-class at \"/properties/value/properties/a\" is \"nobody\"",
        ),
        (
            INPUT,
            "tool hostile_judged: input-schema",
            json!({ "properties": { "a": { "maxLength": "9" } } }),
            "is not a JSON Schema at \"/properties/value/properties/a/maxLength\"",
        ),
        (
            OUTPUT,
            "tool hostile_json: output-schema",
            json!({ "$defs": { "a": { "format": "regex" } }, "$ref": "#/$defs/a" }),
            "format: regex at \"/$defs/a\"",
        ),
        (
            OUTPUT,
            "tool hostile_json: output-schema",
            json!({ "items": { "$ref": "#/$defs/none" } }),
            "refers at \"/items\" to a place that it does not have",
        ),
    ] {
        let nexus = patched(mark, &schema);
        let review = nexus.run(&["review", "--json"]);
        assert_eq!(review.code, Some(2), "{schema}: {review:#?}");
        let told: Value = serde_json::from_str(&review.stdout).unwrap();
        assert_eq!(told["untold"][0]["name"], "hostile", "{told:#}");
        let reason = told["untold"][0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.starts_with(which) && reason.contains(said), "{schema}: {reason:?}");

        let token = told["token"].as_str().unwrap();
        let approve = nexus.run(&["approve", "--all", "--token", token, "--by", "test", "--why", "for a test"]);
        let lock = fs::read_to_string(nexus.path("nexus.lock")).unwrap_or_default();
        assert!(!lock.contains("hostile"), "{approve:#?}");
        let alone = nexus.run(&["approve", "hostile", "--token", token, "--by", "test", "--why", "for a test"]);
        assert_eq!(alone.code, Some(2), "{alone:#?}");
        assert!(alone.stderr.contains(&reason), "{reason:?} is not in {alone:#?}");

        let listed: Value = serde_json::from_str(&nexus.run(&["shards", "--json"]).stdout).unwrap();
        assert_eq!(listed["left_out"][0]["reason"], *reason, "{listed:#}");
        let doctor = nexus.run(&["doctor"]);
        assert!(doctor.code != Some(0) && doctor.stdout.contains(&reason), "{reason:?} is not in {doctor:#?}");
        let server = nexus.serve();
        assert_neighbour(&server.client());
        // It is not approved, so the start does not wait for it.
        eventually("a reason in the log", || {
            server.log().contains("shard stays out") && server.log().contains(said.split('"').next().unwrap())
        });
    }
}

#[test]
fn a_schema_that_recurses_into_the_value_serves() {
    let tree = json!({ "type": "object", "additionalProperties": { "type": "array", "items": { "$ref": "#" } } });
    let nexus = patched(OUTPUT, &tree);
    let server = nexus.serve();
    let client = server.client();
    let fits = client.call("hostile_json", json!({ "before": "{\"a\":[{\"b\":[{}]}]}" }));
    assert_eq!((code(&fits), &fits["structuredContent"]), ("none", &json!({ "a": [{ "b": [{}] }] })));
    let misfit = client.call("hostile_json", json!({ "before": "{\"a\":[{\"b\":[{\"c\":1}]}]}" }));
    assert_eq!(code(&misfit), "output-misfit", "{misfit:#}");
}

/// Each level of the value is judged by two alternatives, and each of them judges the next level.
fn twice(root: &str) -> Value {
    let branch = |least: u32| json!({ "items": { "$ref": root }, "minItems": least });
    json!({ "anyOf": [branch(9), branch(8), { "items": { "$ref": root } }] })
}

#[test]
fn arguments_that_take_too_much_judging_are_refused_while_a_neighbour_is_served() {
    let nexus = patched(INPUT, &twice("#/properties/value"));
    let server = nexus.serve();
    let client = server.client();
    let few = client.call("hostile_judged", json!({ "value": nested(6) }));
    assert_eq!(code(&few), "none", "{few:#}");
    thread::scope(|scope| {
        let attackers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| server.client().call("hostile_judged", json!({ "value": nested(60) }))))
            .collect();
        let mut honest = 0;
        while honest < 2 || attackers.iter().any(|attacker| !attacker.is_finished()) {
            assert_neighbour(&client);
            honest += 1;
        }
        for attacker in attackers {
            let result = attacker.join().unwrap();
            assert_eq!(code(&result), "invalid-arguments", "{result:#}");
            assert!(text(&result).contains("more than 60000000 steps"), "{result:#}");
        }
    });
    let line = nexus.ledger().into_iter().rfind(|line| line["tool"] == "hostile_judged" && line["phase"] == "ended");
    assert_eq!(line.unwrap()["refusal"], "invalid-arguments");
}

#[test]
fn a_result_that_takes_too_much_judging_is_withheld_while_a_neighbour_is_served() {
    let nexus = patched(
        OUTPUT,
        &json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/n" } }, "$defs": { "n": twice("#/$defs/n") } }),
    );
    let server = nexus.serve();
    let client = server.client();
    let data = |n: usize| json!({ "before": json!({ "a": nested(n) }).to_string() });
    assert_eq!(code(&client.call("hostile_json", data(6))), "none");
    thread::scope(|scope| {
        let attackers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| server.client().call("hostile_json", data(60)))).collect();
        let mut honest = 0;
        while honest < 2 || attackers.iter().any(|attacker| !attacker.is_finished()) {
            assert_neighbour(&client);
            honest += 1;
        }
        for attacker in attackers {
            let result = attacker.join().unwrap();
            assert_eq!(code(&result), "output-misfit", "{result:#}");
        }
    });
    assert!(server.log().contains("more than 60000000 steps"), "{}", server.log());
}

#[test]
fn data_is_read_within_bounds_and_in_one_way_or_not_at_all() {
    let nexus = patched(OUTPUT, &json!({ "type": "object" }));
    let server = nexus.serve();
    let client = server.client();
    let lists = |n: u32| json!({ "before": "{\"a\":[", "piece": "[],", "times": n, "after": "[]]}" });
    let deep = |n: usize| json!({ "before": format!("{{\"a\":{}", "[".repeat(n - 1)), "after": format!("{}}}", "]".repeat(n - 1)) });
    let number = |n: &str| json!({ "before": format!("{{\"a\":{n}}}") });
    for (arguments, expected, said) in [
        (lists(10_000), "none", ""),
        // Within output-bytes as text, and far beyond the shard's memory as a tree.
        (lists(300_000), "output-too-large", "short enough as text, but in memory it would take more than"),
        (deep(120), "none", ""),
        (deep(121), "internal", "nested deeper than 120"),
        (number("18446744073709551615"), "none", ""),
        (number("18446744073709551616"), "internal", "a number that 64 bits cannot hold, at byte 5"),
        (number("-9223372036854775808"), "none", ""),
        (number("-9223372036854775809"), "internal", "64 bits"),
        (number("1e308"), "none", ""),
        (number("1e309"), "internal", "64 bits"),
        (json!({ "before": "{\"a\":1,\"b\":1}" }), "none", ""),
        (json!({ "before": "{\"a\":1,\"a\":1}" }), "internal", "one way only"),
    ] {
        let result = client.call("hostile_json", arguments.clone());
        assert_eq!(code(&result), expected, "{arguments:.200}: {result:.500}");
        assert!(text(&result).contains(said), "{said}: {result:#}");
    }
    assert_neighbour(&client);
}

#[test]
fn whatever_a_guest_hands_over_counts() {
    let nexus = patched(OUTPUT, &json!({ "type": "object" }));
    let server = nexus.serve();
    let client = server.client();
    for (tool, arguments, expected) in [
        ("hostile_empty", json!({ "notes": 10_000 }), "none"),
        ("hostile_empty", json!({ "notes": 10_001 }), "output-too-large"),
        ("hostile_empty", json!({ "notes": 300_000 }), "output-too-large"),
        // One block is there anyway.
        ("hostile_empty", json!({ "blocks": 999 }), "none"),
        ("hostile_empty", json!({ "blocks": 1_000 }), "output-too-large"),
        ("hostile_empty", json!({ "media_type": 1_048_576 - 64 }), "none"),
        ("hostile_empty", json!({ "media_type": 1_048_576 - 63 }), "output-too-large"),
        ("hostile_long_error", json!({ "piece": "x", "times": 65_536 }), "refused"),
        ("hostile_long_error", json!({ "piece": "x", "times": 65_537 }), "refused"),
        ("hostile_ask", json!({ "state": 2_000_000 }), "output-too-large"),
        ("hostile_ask", json!({ "message": 2_000_000 }), "output-too-large"),
        ("hostile_ask", json!({ "questions": 21 }), "output-too-large"),
        ("hostile_ask", json!({ "branches": 501 }), "internal"),
        ("hostile_half", json!({}), "output-misfit"),
    ] {
        let result = client.call(tool, arguments.clone());
        assert_eq!(code(&result), expected, "{tool} {arguments}: {result:.500}");
    }
    for (arguments, said) in [
        (json!({ "notes": 10_001 }), "the shard handed over more than 10000 notes; ask for less"),
        (json!({ "media_type": 1_048_576 }), "larger than this tool may return (1048576 bytes)"),
    ] {
        let result = client.call("hostile_empty", arguments);
        assert!(text(&result).contains(said), "{said}: {result:#}");
    }
    let told = client.call("hostile_long_error", json!({ "piece": "x", "times": 65_536 }));
    assert!(text(&told).ends_with(&"x".repeat(65_536)));
    let left_out = client.call("hostile_long_error", json!({ "piece": "x", "times": 65_537 }));
    assert!(text(&left_out).contains("left out") && !text(&left_out).contains("xx"), "{left_out:#}");
    assert_neighbour(&client);
}

#[test]
fn a_question_is_no_complete_result_in_the_record() {
    let nexus = patched(OUTPUT, &json!({ "type": "object" }));
    let server = nexus.serve();
    let client = server.client();
    client.call("hostile_ask", json!({}));
    client.call("hostile_echo", json!({ "text": "done" }));
    let ended = |tool: &str| {
        let line = nexus.ledger().into_iter().rfind(|line| line["tool"] == tool && line["phase"] == "ended").unwrap();
        (line["status"].clone(), line["complete"].clone())
    };
    assert_eq!(ended("hostile_ask"), (json!("success"), json!(false)));
    assert_eq!(ended("hostile_echo"), (json!("success"), json!(true)));
}

#[test]
#[expect(clippy::disallowed_macros, reason = "figures for people")]
fn the_schemas_of_this_repository_are_far_below_the_bounds() {
    let nexus = Nexus::whole();
    let server = nexus.serve();
    let listed = server.client().rpc("tools/list", json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap();
    assert!(tools.len() > 50, "{}", tools.len());
    let (mut largest, mut places) = (0, 0);
    for tool in tools {
        for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
            let read =
                nexus::schema::Schema::read(schema.clone()).unwrap_or_else(|error| panic!("{}: {error}", tool["name"]));
            nexus::schema::Judge::new(&read).unwrap();
            largest = largest.max(schema.to_string().len());
            places = places.max(read.graph().places().len());
        }
    }
    println!("{} tools; the largest schema has {largest} bytes, {places} places", tools.len());
    assert!(largest < nexus::schema::MAX_BYTES / 8 && places < nexus::schema::MAX_VALUES / 8, "{largest}, {places}");
}
