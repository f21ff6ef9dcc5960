//! The settings file, beyond its types: bounds of numbers, and names that nothing can answer to or nothing does.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Nexus, eventually, shards};

/// Reads the settings and does nothing else.
#[track_caller]
fn check(nexus: &Nexus, refused: Option<&[&str]>) {
    let ran = nexus.run(&["quarantine"]);
    assert_eq!(ran.code, Some(if refused.is_some() { 3 } else { 0 }), "{refused:?}: {ran:#?}");
    for said in refused.unwrap_or_default() {
        assert!(ran.stderr.contains(said), "{said:?} is not said: {ran:#?}");
    }
}

#[test]
fn every_limit_of_loading_and_http_has_a_bound_on_both_sides() {
    let mib = 1_i64 << 20;
    let mut table = vec![("loading.compile-bytes", 64 * mib, 64 * 1024 * mib)];
    table.extend([
        ("loading.compile-seconds", 1, 3_600),
        ("http.max-connections", 1, 65_536),
        ("http.max-per-address", 1, 65_536),
        ("http.max-sessions", 1, 65_536),
        ("http.session-idle-seconds", 1, 604_800),
        ("http.head-seconds", 1, 3_600),
        ("http.body-seconds", 1, 3_600),
        ("http.idle-seconds", 1, 3_600),
    ]);
    let schema: Value = serde_json::from_str(&Nexus::new().run(&["schema", "nexus"]).stdout).unwrap();
    let text = fs::read_to_string(crate::support::repo().join("docs/settings.md")).unwrap();
    for (key, least, most) in table {
        let set = |value: i64| Nexus::new().set(key, value);
        check(&set(least), None);
        check(&set(most), None);
        let bounds = format!("expected {least} to {most}");
        check(&set(most + 1), Some(&[key, &(most + 1).to_string(), &bounds]));
        let name = key.split_once('.').unwrap().1;
        match least {
            // No number at all for what counts something.
            1 => check(&set(0), Some(&[name, "nonzero"])),
            _ => check(&set(least - 1), Some(&[key, &(least - 1).to_string(), &bounds])),
        }
        check(&set(0), Some(&[name]));
        check(&set(-1), Some(&[name]));
        check(&set(i64::MAX), Some(&[name]));
        // Editors know the same, and so does the document.
        let (table, name) = key.split_once('.').unwrap();
        let table = if table == "http" { "Http" } else { "Loading" };
        let told = &schema["$defs"][table]["properties"][name];
        assert_eq!((&told["minimum"], &told["maximum"]), (&json!(least), &json!(most)), "{key}: {told:#}");
        let row = format!("| `{key}` | number, {least} to {most} |");
        assert!(text.contains(&row), "docs/settings.md has no {row:?}");
    }
    // Every number of the two is in the table above.
    let numbers = |table: &str| {
        let properties = schema["$defs"][table]["properties"].as_object().unwrap();
        properties.values().filter(|told| told.to_string().contains("integer")).count()
    };
    assert_eq!(numbers("Http") + numbers("Loading"), 9);
}

#[test]
fn a_host_that_no_client_can_name_is_a_settings_error() {
    for (entry, can) in [
        ("nexus.example.com", true),
        ("NEXUS.example.com:8420", true),
        ("nexus.example.com.", true),
        ("mcp_nexus:65535", true),
        ("10.0.0.1", true),
        ("::1", true),
        ("[2001:db8::1]", true),
        ("[2001:db8::1]:8420", true),
        ("", false),
        (" nexus.example.com", false),
        ("nexus.example.com ", false),
        ("nexus example.com", false),
        ("https://nexus.example.com", false),
        ("nexus.example.com/mcp", false),
        ("me@nexus.example.com", false),
        ("*.example.com", false),
        ("nexus..example.com", false),
        ("nexus.example.com:", false),
        ("nexus.example.com:0", false),
        ("nexus.example.com:65536", false),
        ("nexus.example.com:+80", false),
        ("nexus.example.com:*", false),
        ("[2001:db8::1", false),
        ("[2001:db8::1]8420", false),
        ("[nexus.example.com]", false),
        ("büro.example.com", false),
    ] {
        let nexus = Nexus::new().set("http.allowed-hosts", vec!["good.example.com", entry]);
        let quoted = format!("{entry:?}");
        check(&nexus, (!can).then_some(&["http.allowed-hosts", &quoted, "expected a name or an address"]));
    }
}

#[test]
fn an_origin_that_no_browser_sends_is_a_settings_error() {
    for (entry, can) in [
        ("https://app.example.com", true),
        ("https://app.example.com:443", true),
        ("http://localhost:*", true),
        ("http://[::1]:8080", true),
        ("vscode-webview://abc", true),
        ("null", true),
        ("app.example.com", false),
        ("https://app.example.com/", false),
        ("https://app.example.com/path", false),
        ("https://app.example.com:65536", false),
        ("https:// app.example.com", false),
        ("https://", false),
        ("*", false),
        ("http://::1", false),
    ] {
        let nexus = Nexus::new().set("http.allowed-origins", vec![entry]);
        let quoted = format!("{entry:?}");
        check(&nexus, (!can).then_some(&["http.allowed-origins", &quoted, "expected an origin"]));
    }
}

#[test]
fn what_is_set_for_a_tool_that_cannot_be_is_a_settings_error() {
    for name in ["Entra_list_users", "entra-list-users", "entra list users", ""] {
        let rule = toml::Table::from_iter([("person".to_owned(), "mask".into())]);
        let tools = toml::Table::from_iter([(name.to_owned(), rule.into())]);
        let quoted = format!("{name:?}");
        check(&Nexus::new().set("results.tools", tools), Some(&["results.tools", &quoted, "a tool name"]));
    }
}

/// What `nexus doctor` says of a name: whether it is good, and the rest of the line.
fn told(nexus: &Nexus, about: &str) -> Option<(bool, String)> {
    let found: Value = serde_json::from_str(&nexus.run(&["doctor", "--json"]).stdout).unwrap();
    let found = found.as_array().unwrap().iter().find(|finding| finding["about"] == about)?.clone();
    Some((found["good"].as_bool().unwrap(), found["says"].as_str().unwrap().to_owned()))
}

#[test]
fn a_name_in_the_settings_that_nothing_answers_to_is_told_by_doctor_and_in_the_log() {
    let good = || Nexus::identity().set("results.tools.entra_list_users.person", "mask");
    assert_eq!(told(&good(), "results.tools.entra_list_users"), None);

    let misspelt = good().set("results.tools.entra_list_user.person", "mask").set("disabled", vec!["itms"]);
    let (is_good, says) = told(&misspelt, "results.tools.entra_list_user").unwrap();
    assert!(!is_good && says.contains("no shard has a tool entra_list_user"), "{says}");
    let (is_good, says) = told(&misspelt, "disabled: itms").unwrap();
    assert!(!is_good && says.contains("there is no shard itms") && says.contains("identity"), "{says}");
    assert_eq!(misspelt.run(&["doctor"]).code, Some(6));
    let server = misspelt.serve();
    for key in ["results.tools.entra_list_user", "disabled: itms"] {
        eventually("a warning", || server.log().lines().any(|line| line.contains("WARN") && line.contains(key)));
    }
    assert!(!server.log().contains("results.tools.entra_list_users"), "{}", server.log());
    server.stop();

    // A shard that is off is not looked into: the name may be right.
    let off = misspelt.with_shard(&shards().join("itsm")).set("disabled", vec!["itsm"]);
    let (is_good, says) = told(&off, "results.tools.entra_list_user").unwrap();
    assert!(is_good && says.contains("may: itsm"), "{says}");
    assert_eq!(told(&off, "disabled: itsm"), None);
    assert_eq!(off.run(&["doctor"]).code, Some(0));
}
