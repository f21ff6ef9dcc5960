//! Reports that shards have kept: whole, versioned, bounded, never overwritten, read over MCP, on record.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::Nexus;

fn nexus() -> Nexus {
    Nexus::new().with_guest("relay").set("reports.folder", "reports")
}

fn note(name: &str, text: &str) -> Value {
    json!({ "name": name, "media_type": "text/plain", "text": text })
}

/// What became of each.
fn keep(nexus: &Nexus, artifacts: Value) -> Vec<String> {
    let called = nexus.call("relay_keep", json!({ "artifacts": artifacts }));
    called.data()["uris"].as_array().unwrap().iter().map(|uri| uri.as_str().unwrap().to_owned()).collect()
}

fn latest(nexus: &Nexus, prefix: &str) -> Value {
    nexus.call("relay_latest", json!({ "name_prefix": prefix, "media_type": "text/plain" })).data().clone()
}

#[test]
fn what_is_kept_is_a_file_for_people_a_resource_for_clients_and_a_line_in_the_ledger() {
    let nexus = nexus();
    assert_eq!(
        keep(&nexus, json!([note("weekly-2026-w25.txt", "all is well")])),
        ["nexus://artifacts/relay/weekly-2026-w25.txt/1"]
    );
    let file = nexus.path("reports/relay/weekly-2026-w25.txt");
    assert_eq!(fs::read_to_string(&file).unwrap(), "all is well");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(nexus.path("reports/relay")).unwrap().permissions().mode() & 0o777, 0o700);

    let server = nexus.serve();
    let client = server.client();
    let listed = client.rpc("resources/list", json!({}))["result"].clone();
    let resource = &listed["resources"][0];
    for (key, expected) in [
        ("uri", json!("nexus://artifacts/relay/weekly-2026-w25.txt/1")),
        ("name", json!("weekly-2026-w25.txt")),
        ("mimeType", json!("text/plain")),
        ("size", json!(11)),
    ] {
        assert_eq!(resource[key], expected, "{resource:#}");
    }
    assert!(resource["description"].as_str().unwrap().contains("mock"), "{resource:#}");
    let read = client.rpc("resources/read", json!({ "uri": resource["uri"] }))["result"].clone();
    assert_eq!(read["contents"][0]["text"], "all is well", "{read:#}");

    let ledger = nexus.ledger();
    let kept = ledger.iter().find(|line| line["kind"] == "artifact" && line["phase"] == "asked").unwrap();
    assert_eq!((&kept["artifact"], &kept["request_bytes"]), (&json!("weekly-2026-w25.txt"), &json!(11)), "{kept:#}");
    let reading = ledger.iter().rfind(|line| line["kind"] == "artifact" && line["phase"] == "ended").unwrap();
    assert_eq!((&reading["status"], &reading["reply_bytes"]), (&json!("success"), &json!(11)), "{reading:#}");
    assert!(reading["result_digest"].as_str().unwrap().starts_with("sha256:"), "{reading:#}");
}

#[test]
fn a_name_taken_gets_a_new_version_and_nothing_is_overwritten() {
    let nexus = nexus();
    let all =
        keep(&nexus, json!([note("a.txt", "first"), note("a.txt", "second"), note("a", "third"), note("a", "fourth")]));
    assert_eq!(
        all,
        [
            "nexus://artifacts/relay/a.txt/1",
            "nexus://artifacts/relay/a.txt/2",
            "nexus://artifacts/relay/a/1",
            "nexus://artifacts/relay/a/2",
        ]
    );
    for (file, text) in [("a.txt", "first"), ("a~2.txt", "second"), ("a", "third"), ("a~2", "fourth")] {
        assert_eq!(fs::read_to_string(nexus.path("reports/relay").join(file)).unwrap(), text, "{file}");
    }
    assert_eq!(latest(&nexus, "a.txt")["text"], "second");
    assert_eq!(latest(&nexus, "a")["text"], "fourth");
    assert_eq!(latest(&nexus, "b"), json!({ "refusal": null, "uri": null, "text": null }));
}

#[test]
fn a_file_that_stands_there_already_stays_as_it_is() {
    let nexus = nexus();
    fs::create_dir_all(nexus.path("reports/relay")).unwrap();
    fs::write(nexus.path("reports/relay/a.txt"), "somebody's").unwrap();
    assert_eq!(keep(&nexus, json!([note("a.txt", "ours")])), ["nexus://artifacts/relay/a.txt/2"]);
    assert_eq!(fs::read_to_string(nexus.path("reports/relay/a.txt")).unwrap(), "somebody's");
    // Nor is it shown as something that a shard had kept.
    let listed = nexus.serve().client().rpc("resources/list", json!({}))["result"].clone();
    assert_eq!(listed["resources"].as_array().unwrap().len(), 1, "{listed:#}");
}

#[test]
fn what_the_manifest_does_not_grant_is_not_kept() {
    let long = "x".repeat(101);
    for (artifact, code) in [
        (json!({ "name": "a.svg", "media_type": "image/svg+xml", "text": "x" }), "not-granted"),
        (json!({ "name": "a.txt", "media_type": "text/plain; charset=utf-8", "text": "x" }), "not-granted"),
        (json!({ "name": "a.txt", "media_type": "", "text": "x" }), "not-granted"),
        (json!({ "name": "a.txt", "media_type": "text/plain", "text": "x", "times": 1025 }), "over-budget"),
        (note("../a.txt", "x"), "malformed"),
        (note("/etc/passwd", "x"), "malformed"),
        (note("a/b.txt", "x"), "malformed"),
        (note("A.txt", "x"), "malformed"),
        (note(".hidden", "x"), "malformed"),
        (note("-a", "x"), "malformed"),
        (note("a~2.txt", "x"), "malformed"),
        (note("a\0", "x"), "malformed"),
        (note("a b", "x"), "malformed"),
        (note("", "x"), "malformed"),
        (note(&long, "x"), "malformed"),
        (note("a.txt", "key: AKIAIOSFODNN7EXAMPLE"), "leak"),
        (note("a.txt", "{\"note\": \"\\u0041KIAIOSFODNN7EXAMPLE\"}"), "leak"),
        (
            note("a.txt", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"),
            "leak",
        ),
    ] {
        let nexus = nexus();
        assert_eq!(keep(&nexus, json!([artifact])), [code], "{artifact}");
        assert!(!nexus.path("reports").exists() || fs::read_dir(nexus.path("reports/relay")).unwrap().next().is_none());
        let ledger = nexus.ledger();
        let last = ledger.iter().rfind(|line| line["kind"] == "artifact").unwrap();
        assert_eq!((&last["status"], &last["refusal"]), (&json!("refused"), &json!(code)), "{artifact}");
        assert!(!serde_json::to_string(&ledger).unwrap().contains("AKIA"), "{artifact}");
    }
}

#[test]
fn as_many_bytes_as_the_manifest_grants_are_kept_and_as_many_as_the_folder_holds() {
    let of =
        |name: &str, bytes: usize| json!({ "name": name, "media_type": "text/plain", "text": "x", "times": bytes });
    // The manifest grants 1 KiB to each and four to a call.
    assert_eq!(keep(&nexus(), json!([of("a.txt", 1024)])), ["nexus://artifacts/relay/a.txt/1"]);
    assert_eq!(keep(&nexus(), json!([of("a.txt", 1025)])), ["over-budget"]);
    let names: Vec<_> = (1..=4).map(|n| of(&format!("{n}.txt"), 1)).collect();
    assert!(keep(&nexus(), json!(names)).iter().all(|uri| uri.starts_with("nexus://artifacts/relay/")));

    // What is there leaves the folder as much room as it does not take, and not a byte more.
    for (bytes, expected) in [(501, "over-budget"), (500, "nexus://artifacts/relay/b.txt/1")] {
        let nexus = nexus_with_room(1 << 20);
        keep(&nexus, json!([of("a.txt", 1000)]));
        let files = fs::read_dir(nexus.path("reports/relay")).unwrap();
        let taken: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        let nexus = nexus.set("reports.max-bytes", i64::try_from(taken).unwrap() + 500);
        assert_eq!(keep(&nexus, json!([of("b.txt", bytes)])), [expected]);
    }
}

#[test]
fn artifacts_of_a_call_and_bytes_of_all_are_bounded_and_nothing_makes_room() {
    let nexus = nexus();
    let five: Vec<_> = (0..5).map(|n| note(&format!("{n}.txt"), "x")).collect();
    let kept = keep(&nexus, json!(five));
    assert_eq!(kept.iter().filter(|uri| *uri == "over-budget").count(), 1, "{kept:?}");

    let nexus = nexus_with_room(1200);
    assert_eq!(
        keep(&nexus, json!([{ "name": "a.txt", "media_type": "text/plain", "text": "x", "times": 1000 }])),
        ["nexus://artifacts/relay/a.txt/1"]
    );
    assert_eq!(
        keep(&nexus, json!([{ "name": "b.txt", "media_type": "text/plain", "text": "x", "times": 1000 }])),
        ["over-budget"]
    );
    assert_eq!(latest(&nexus, "a")["text"].as_str().unwrap().len(), 1000);
}

fn nexus_with_room(bytes: i64) -> Nexus {
    nexus().set("reports.max-bytes", bytes)
}

#[test]
fn a_report_that_was_changed_or_is_not_whole_is_not_shown() {
    let nexus = nexus();
    let uris = keep(&nexus, json!([note("a.txt", "as it was"), note("b.txt", "cut"), note("c.txt", "lost")]));
    fs::write(nexus.path("reports/relay/a.txt"), "as it is!").unwrap();
    fs::write(nexus.path("reports/relay/b.txt"), "cu").unwrap();
    fs::remove_file(nexus.path("reports/relay/.c.txt.json")).unwrap();
    let server = nexus.serve();
    let client = server.client();
    for (uri, told) in [(&uris[0], "unreadable"), (&uris[1], "not-found"), (&uris[2], "not-found")] {
        let reply = client.send(&crate::support::mcp::request(7, "resources/read", json!({ "uri": uri })));
        let error = &reply.answer()["error"];
        assert!(error["message"].as_str().unwrap().contains(told), "{uri}: {reply:?}", reply = reply.answer());
    }
    drop(server);
    assert_eq!(latest(&nexus, "c")["text"], Value::Null);
    assert_eq!(latest(&nexus, "a")["refusal"], "internal");
}

#[test]
fn only_what_is_kept_can_be_read() {
    let nexus = nexus();
    keep(&nexus, json!([note("a.txt", "x")]));
    fs::write(nexus.path("reports/secret.txt"), "x").unwrap();
    let server = nexus.serve();
    let client = server.client();
    for uri in [
        "nexus://artifacts/relay/a.txt/2",
        "nexus://artifacts/relay/a.txt/01",
        "nexus://artifacts/relay/a.txt/+1",
        "nexus://artifacts/relay/a.txt",
        "nexus://artifacts/relay/a.txt/1/",
        "nexus://artifacts/relay/../secret.txt/1",
        "nexus://artifacts/../secret.txt/1",
        "nexus://artifacts/relay/%61.txt/1",
        "nexus://artifacts/RELAY/a.txt/1",
        "nexus://artifacts//a.txt/1",
        "nexus://artifacts/identity/a.txt/1",
        "nexus://artifacts/",
        "nexus://other",
    ] {
        let reply = client.send(&crate::support::mcp::request(7, "resources/read", json!({ "uri": uri })));
        let error = &reply.answer()["error"];
        assert!(error["message"].as_str().unwrap().contains("not-found"), "{uri}: {:?}", reply.answer());
    }
}

#[test]
fn resources_come_in_pages_the_newest_first() {
    let nexus = nexus();
    let folder = nexus.path("reports/relay");
    keep(&nexus, json!([note("seed.txt", "x")]));
    let seed: Value = serde_json::from_str(&fs::read_to_string(folder.join(".seed.txt.json")).unwrap()).unwrap();
    for n in 0..450 {
        let name = format!("{n:03}.txt");
        fs::write(folder.join(&name), "x").unwrap();
        let mut kept = seed.clone();
        kept["name"] = json!(name);
        kept["stored_at"] = json!(format!("2020-01-01T00:{:02}:{:02}Z", n / 60, n % 60));
        fs::write(folder.join(format!(".{name}.json")), kept.to_string()).unwrap();
    }
    let server = nexus.serve();
    let client = server.client();
    let mut names = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let which = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
        let page = client.rpc("resources/list", which)["result"].clone();
        names.extend(page["resources"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()));
        cursor = page["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(names.len(), 451);
    assert_eq!((names[0].as_str(), names[1].as_str(), names[450].as_str()), ("seed.txt", "449.txt", "000.txt"));
}

#[test]
fn live_and_mock_reports_are_not_compared() {
    let nexus = nexus();
    keep(&nexus, json!([note("a.txt", "made up")]));
    let beside = nexus.path("reports/relay/.a.txt.json");
    let text = fs::read_to_string(&beside).unwrap();
    assert!(text.contains("\"mock\""), "{text}");
    fs::write(&beside, text.replace("\"mock\"", "\"live\"")).unwrap();
    assert_eq!(latest(&nexus, "a")["uri"], Value::Null);
}

#[test]
fn the_report_folder_is_the_operators_to_choose() {
    let nexus = nexus().env("REPORT_OUTPUT_DIR", "elsewhere");
    keep(&nexus, json!([note("a.txt", "x")]));
    assert!(nexus.path("elsewhere/relay/a.txt").exists());
    assert!(!nexus.path("reports").exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_a_refusal_and_not_a_loss() {
    let nexus = nexus();
    fs::write(nexus.path("reports"), "a file").unwrap();
    assert_eq!(keep(&nexus, json!([note("a.txt", "x")])), ["internal"]);
    let log = nexus.call("relay_keep", json!({ "artifacts": [note("a.txt", "x")] })).ran.stderr;
    assert!(log.contains("report folder"), "{log}");
}

#[test]
fn doctor_says_where_reports_are_kept_and_that_they_cannot_be() {
    let told = |nexus: &Nexus| {
        let ran = nexus.run(&["doctor", "--json"]);
        let all: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
        let one = all.into_iter().find(|one| one["about"] == "reports").unwrap_or_else(|| panic!("{ran:#?}"));
        (one["good"].as_bool().unwrap(), one["says"].as_str().unwrap().to_owned())
    };
    let nexus = nexus();
    keep(&nexus, json!([note("a.txt", "x")]));
    let (good, says) = told(&nexus);
    assert!(good && says.contains("reports, 1 kept"), "{says}");
    fs::remove_dir_all(nexus.path("reports")).unwrap();
    fs::write(nexus.path("reports"), "a file").unwrap();
    let (good, says) = told(&nexus);
    assert!(!good && says.contains("is not a folder"), "{says}");
}
