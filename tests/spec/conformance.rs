//! Clients by other hands: the official conformance suite, and the official Python SDK.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::upstream::nobody;
use crate::support::{Nexus, Ran, repo};

/// What `./bootstrap test` installs. Without it there is nothing to see here, and that is a failure.
pub fn tool(path: &str) -> PathBuf {
    let file = repo().join("target/tools").join(path);
    assert!(file.exists(), "{} is not there: run `./bootstrap test`, which installs it", file.display());
    file
}

/// The guest with the suite's fixtures.
fn fixtures() -> Nexus {
    Nexus::new().with_guest("conformance")
}

/// What the suite says of each scenario, `✓ tools-list: 4 passed, 0 failed`, when nothing failed but what is listed in
/// `tests/clients` with a reason, and nothing on that list passed.
fn check_requirements(revision: &str, must_pass: &[&str]) {
    // A page of the server's own origin may call, which the suite asks for; so the port has to be known beforehand.
    let address = nobody().to_string();
    let nexus = fixtures().set("http.allowed-origins", vec![format!("http://{address}")]);
    let server = nexus.serve_at(&address);
    let known = repo().join(format!("tests/clients/expected-failures-{revision}.yml"));
    let mut suite = Command::new(tool("bin/node"));
    suite.arg(tool("bin/conformance")).args(["server", "--url", &server.url, "--requirements", revision]);
    suite.arg("--expected-failures").arg(&known).env_clear().current_dir(nexus.dir.path()).stdin(Stdio::null());
    let ran = Ran::of(suite.output().unwrap());
    let said = ran.stdout + &ran.stderr;
    assert_eq!(ran.code, Some(0), "{said}");
    let known = fs::read_to_string(known).unwrap();
    for scenario in must_pass {
        let line = said.lines().find(|line| line.starts_with(&format!("✓ {scenario}: ")));
        let line = line.unwrap_or_else(|| panic!("{scenario} did not pass: {said}"));
        // "0 passed, 0 failed" is a scenario that was skipped.
        assert!(line.ends_with(" passed, 0 failed") && !line.ends_with(": 0 passed, 0 failed"), "{line}");
        assert!(!known.contains(&format!("- {scenario}\n")), "{scenario} is excused");
    }
}

#[test]
fn the_conformance_suite_passes_for_2026_07_28() {
    check_requirements(
        "2026-07-28",
        &[
            "tools-list",
            "tools-call-simple-text",
            "tools-call-image",
            "tools-call-audio",
            "tools-call-embedded-resource",
            "tools-call-mixed-content",
            "tools-call-error",
            "tools-call-with-progress",
            "server-sse-multiple-streams",
            "resources-list",
            "resources-read-text",
            "resources-read-binary",
            "sep-2164-resource-not-found",
            "prompts-list",
            "prompts-get-simple",
            "prompts-get-with-args",
            "dns-rebinding-protection",
            "input-required-result-basic-elicitation",
            "input-required-result-request-state",
            "input-required-result-multi-round",
            "input-required-result-missing-input-response",
            "input-required-result-result-type",
            "input-required-result-unsupported-methods",
            "input-required-result-tampered-state",
            "input-required-result-validate-input",
            "json-schema-2020-12",
            "http-header-validation",
        ],
    );
}

#[test]
fn the_conformance_suite_passes_for_2025_11_25() {
    check_requirements(
        "2025-11-25",
        &[
            "server-initialize",
            "ping",
            "tools-list",
            "tools-call-simple-text",
            "tools-call-image",
            "tools-call-audio",
            "tools-call-embedded-resource",
            "tools-call-mixed-content",
            "tools-call-error",
            "tools-call-with-progress",
            "server-sse-multiple-streams",
            "resources-list",
            "resources-read-text",
            "resources-read-binary",
            "prompts-list",
            "prompts-get-simple",
            "prompts-get-with-args",
            "server-session-lifecycle",
            "dns-rebinding-protection",
            "json-schema-2020-12",
        ],
    );
}

/// The suite takes "tool not found" for an answer in places. This is what its fixtures say.
#[test]
fn every_kind_of_content_arrives_as_the_guest_made_it() {
    let nexus = fixtures();
    let server = nexus.serve();
    let client = server.client();
    let text = |text: &str| json!({ "type": "text", "text": text });
    let pixel = json!({
        "type": "image",
        "mimeType": "image/png",
        "data": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC",
    });
    let resource = |uri: &str, kind: &str, text: &str| json!({ "type": "resource", "resource": { "uri": uri, "mimeType": kind, "text": text } });
    for (tool, content) in [
        ("test_simple_text", vec![text("This is a simple text response for testing.")]),
        ("test_image_content", vec![pixel.clone()]),
        (
            "test_audio_content",
            vec![json!({
                "type": "audio",
                "mimeType": "audio/wav",
                "data": "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA==",
            })],
        ),
        (
            "test_embedded_resource",
            vec![resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
        ),
        (
            "test_multiple_content_types",
            vec![
                text("Multiple content types test:"),
                pixel,
                resource("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
            ],
        ),
    ] {
        let result = client.call(tool, json!({}));
        assert_eq!((&result["isError"], &result["content"]), (&json!(false), &json!(content)), "{tool}");
    }
    let result = client.call("test_error_handling", json!({}));
    assert_eq!(result["isError"], true);
    assert_eq!(result["content"], json!([text("upstream: This tool intentionally returns an error for testing")]));
}

/// What `tests/clients/sdk_client.py` saw.
#[track_caller]
fn sdk(nexus: &Nexus, arguments: &[&str], calls: &Value) -> Value {
    let mut client = Command::new(tool("python/bin/python3"));
    client.arg(repo().join("tests/clients/sdk_client.py")).args(arguments);
    client.env_clear().current_dir(nexus.dir.path());
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = client.spawn().unwrap();
    client.stdin.take().unwrap().write_all(calls.to_string().as_bytes()).unwrap();
    let ran = Ran::of(client.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
}

#[test]
fn the_python_sdk_sees_the_same_over_stdio_and_http_with_every_handshake() {
    let nexus = fixtures().with_shard(&crate::support::shards().join("identity"));
    let calls = json!([
        ["test_simple_text", {}],
        ["test_tool_with_progress", {}],
        ["test_error_handling", {}],
        ["entra_get_user", { "user_id_or_upn": "alice.johnson@nexus.corp" }],
        ["entra_get_user", { "user_id_or_upn": 7 }],
        ["no_such_tool", {}],
        ["test_input_required_result_elicitation", {}],
    ]);
    for (mode, protocol, greeted) in
        [("auto", "2026-07-28", true), ("2026-07-28", "2026-07-28", true), ("legacy", "2025-11-25", false)]
    {
        let seen = {
            let server = nexus.serve();
            sdk(&nexus, &[mode, &server.url], &calls)
        };
        // The command is run with the settings that `serve` has just written.
        let config = nexus.path("nexus.toml").display().to_string();
        let program = env!("CARGO_BIN_EXE_nexus");
        let over_stdio = sdk(&nexus, &[mode, "--", program, "--config", &config, "serve", "--stdio"], &calls);
        for seen in [&seen, &over_stdio] {
            assert_eq!(seen["protocol"], protocol, "{mode}");
            assert!(seen["server"].is_null() || seen["server"] == "nexus", "{mode}");
            let names: Vec<_> =
                seen["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
            assert!(names.is_sorted() && names.len() == 35, "{names:?}");
            let results = seen["results"].as_array().unwrap();
            assert_eq!(results[0]["content"][0]["text"], "This is a simple text response for testing.");
            assert_eq!(results[1]["progress"], json!([[0.0, 100.0, null], [50.0, 100.0, null], [100.0, 100.0, null]]));
            assert_eq!(results[2]["isError"], true);
            // The SDK itself checks it against the output schema.
            assert_eq!(results[3]["structuredContent"]["display_name"], "Alice Johnson");
            assert_eq!(results[3]["_meta"]["nexus/source"], "mock");
            assert_eq!(results[4]["_meta"]["nexus/error"], "invalid-arguments");
            assert!(results[5]["raised"].as_str().unwrap().contains("unknown tool"), "{}", results[5]);
            let (text, error) = (&results[6]["content"][0]["text"], &results[6]["isError"]);
            assert_eq!((text == "Hello, Ada!", error == &json!(false)), (greeted, greeted), "{mode}: {}", results[6]);
        }
        assert_eq!(seen["tools"], over_stdio["tools"], "{mode}");
    }
}
