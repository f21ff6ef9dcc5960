//! `nexus redact`: a reviewer can see what redaction does, without a host that runs.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Nexus, Ran, guest};

fn redact(nexus: &Nexus, args: &[&str], input: &[u8]) -> Ran {
    let mut child = nexus
        .command(&[&["redact"], args].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

#[test]
fn what_is_clean_comes_back_to_the_byte() {
    for input in [
        "",
        "nothing to see",
        "{\"shipping_address\":  \"10 Main St\", \"mapping\": 1.50,\n\"author\":\"A. Writer\", \"wildcard\": \"*\"}\n",
        "{\"a\": \"\\u0041\", \"b\": 1e400}",
        "[1, 2,",
        "\u{feff}{}",
    ] {
        let ran = redact(&Nexus::new(), &["--explain"], input.as_bytes());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), input));
        assert!(ran.stderr.starts_with("nothing was taken out"), "{ran:#?}");
    }
}

#[test]
fn each_redaction_is_told_by_rule_and_path_and_never_by_value() {
    let input = json!({
        "value": [
            { "id": 1, "privateKey": "QmFzZTY0", "note": "call with Authorization: Bearer c2VjcmV0LXRva2Vu" },
            { "id": 2, "pwd": "hunter22", "inner": "{\"client_secret\":\"abcdef123456\"}" },
        ],
        "link": "https://user:pa55word@example.com/",
    });
    let ran = redact(&Nexus::new(), &["--explain", "--json"], input.to_string().as_bytes());
    for secret in ["QmFzZTY0", "c2VjcmV0", "hunter22", "abcdef123456", "pa55word"] {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{secret}: {ran:#?}");
    }
    let clean: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(clean["value"][0]["id"], 1);
    let told: Value = serde_json::from_str(&ran.stderr).unwrap();
    let rules: Vec<_> = told["redactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["rule"].as_str().unwrap(), one["path"].as_str().unwrap()))
        .collect();
    assert!(rules.contains(&("secret-name", "/value/*/pwd")), "{told:#}");
    assert!(told["rules"]["id"].as_str().unwrap().starts_with("nexus-"), "{told:#}");
    assert_eq!(told["rules"]["digest"].as_str().unwrap().len(), 64, "{told:#}");
    assert!(rules.contains(&("authorization", "/value/*/note")), "{told:#}");
    assert!(rules.contains(&("url-userinfo", "/link")), "{told:#}");
    assert_eq!(told["needles"], false);
    // Twice is once.
    let again = redact(&Nexus::new(), &[], ran.stdout.as_bytes());
    assert_eq!(again.stdout, ran.stdout);
}

#[test]
fn in_live_mode_the_hosts_own_secrets_are_looked_for_in_every_spelling() {
    let secret = "Zq8~vT4+pLw9K";
    let nexus = Nexus::identity()
        .set("mock", false)
        .set("settings.ENTRA_TENANT_ID", "nexus.corp")
        .env("ENTRA_CLIENT_SECRET", secret);
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    for spelling in [secret.to_owned(), hex, secret.chars().rev().collect()] {
        let ran = redact(&nexus, &["--explain"], format!("it is {spelling} indeed").as_bytes());
        assert_eq!(ran.stdout, "it is [redacted:secret] indeed", "{spelling}: {ran:#?}");
        assert!(ran.stderr.contains("needle"), "{ran:#?}");
    }
    let open = redact(&Nexus::identity(), &["--explain"], secret.as_bytes());
    assert_eq!(open.stdout, secret);
    assert!(open.stderr.contains("mock mode holds none"), "{open:#?}");
}

#[test]
fn a_result_tells_how_much_of_it_was_masked_by_rule_and_never_by_value() {
    let mark = "[redacted:secret]";
    let nexus = Nexus::new().with_shard_as(&guest("hostile"), "hostile", |manifest| manifest);
    // The guest says its text three times: in the data, in a note and in a block.
    for (text, notes) in [
        ("Password: user locked out", vec!["Password: user locked out".to_owned()]),
        (
            "password=Winter27!",
            vec![format!("password={mark}"), "3 values were masked as secrets (rule assignment)".to_owned()],
        ),
        (
            "see https://svc:Velvet58@db.example.com, dob: 1990-01-31",
            vec![
                format!("see https://svc:{mark}@db.example.com, dob: {mark}"),
                "6 values were masked as secrets (rules url-userinfo: 3, birth-date: 3)".to_owned(),
            ],
        ),
        // A shard may hand on what was masked on its way to it.
        (
            "password=[redacted:secret]",
            vec![format!("password={mark}"), "1 value was masked as a secret before the tool got to see it".to_owned()],
        ),
    ] {
        let called = nexus.call("hostile_echo", json!({ "text": text }));
        assert_eq!(called.answer["notes"], json!(notes), "{text}");
        assert_eq!(called.answer["complete"], true, "{text}");
        assert!(!called.ran.stdout.contains("Winter27") && !called.ran.stdout.contains("Velvet58"), "{called:#?}");
    }
}
