//! Bounds of what a manifest may say, from both sides, and what is told beyond them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::Nexus;

const MANIFEST: &str = r#"
[shard]
name = "NAME"
version = "0.1.0"
component = "x.wasm"
tools-prefix = ["NAME_"]

[[egress]]
host = "api.example.com"
methods = ["GET"]
paths = ["/v1"]
credential = "token"
#egress

[[directory]]
name = "corp"
host = "dc1.example.com"
bases = ["DC=example,DC=com"]
scopes = ["base"]
attributes = ["cn"]
credential = "account"
#directory

[peers]
tools = ["other_tool"]
#peers

[artifacts]
media-types = ["text/html"]
#artifacts

[[health]]
tool = "NAME_tool"
system = "SYSTEM"

[credential.token]
kind = "bearer"
token = "secret:TOKEN"
#credential

[credential.account]
kind = "bind"
username = "svc"
password = "secret:PASSWORD"

[setting.WHERE]
default = "here"

[limits]
#limits
"#;

/// Why each shard stays out. None of them has a component, so one whose manifest is good is told for that.
fn reasons(manifests: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let nexus = Nexus::new();
    for (name, text) in manifests {
        fs::create_dir(nexus.path("shards").join(name)).unwrap();
        fs::write(nexus.path("shards").join(name).join("shard.toml"), text.replace("NAME", name)).unwrap();
    }
    let listed: Value = serde_json::from_str(&nexus.run(&["shards", "--json"]).stdout).unwrap();
    let reason =
        |left: &Value| (left["name"].as_str().unwrap().to_owned(), left["reason"].as_str().unwrap().to_owned());
    listed["left_out"].as_array().unwrap().iter().map(reason).collect()
}

#[test]
fn every_number_of_a_manifest_has_a_bound_on_both_sides_that_its_error_names() {
    let size = |text: &str| format!("{text:?}");
    let sizes = |most: &str, over: &str| [size("1B"), size(most), size("0B"), size(over)];
    let times = || [size("1ms"), size("600s"), size("0ms"), size("600001ms")];
    let numbers = |least: i64, most: i64| [least, most, least - 1, most + 1].map(|number| number.to_string());
    let rates = || [size("1/h"), size("10000/s"), size("0/h"), size("10001/s")];
    let rate = "1 to 10000 per s, min or h";
    let table = [
        ("limits", "memory", sizes("512MiB", "536870913B"), "1B to 512MiB"),
        ("limits", "deadline", times(), "1ms to 600s"),
        ("limits", "cpu", times(), "1ms to 600s"),
        ("limits", "egress-calls", numbers(0, 10_000), "0 to 10000"),
        ("limits", "reply-bytes", sizes("64MiB", "67108865B"), "1B to 64MiB"),
        ("limits", "output-bytes", sizes("64MiB", "67108865B"), "1B to 64MiB"),
        ("egress", "concurrency", numbers(1, 10_000), "1 to 10000"),
        ("egress", "rate", rates(), rate),
        ("directory", "concurrency", numbers(1, 10_000), "1 to 10000"),
        ("directory", "rate", rates(), rate),
        ("directory", "entries", numbers(1, 1_000_000), "1 to 1000000"),
        ("directory", "port", numbers(1, 65_535), "1 to 65535"),
        ("credential", "concurrency", numbers(1, 10_000), "1 to 10000"),
        ("credential", "rate", rates(), rate),
        ("peers", "calls", numbers(1, 1_000), "1 to 1000"),
        ("peers", "concurrency", numbers(1, 16), "1 to 16"),
        ("artifacts", "bytes", sizes("64MiB", "67108865B"), "1B to 64MiB"),
        ("artifacts", "count", numbers(1, 100), "1 to 100"),
    ];
    let mut manifests = BTreeMap::new();
    let mut expected = BTreeMap::new();
    for (n, (section, key, values, bounds)) in table.into_iter().enumerate() {
        for (at, value) in values.into_iter().enumerate() {
            // Below nothing there is nothing that a number could be, so it is no number of this kind.
            let is_negative = value.starts_with('-');
            let name = format!("s{n}x{at}");
            let line = format!("{key} = {value}");
            manifests.insert(name.clone(), MANIFEST.replace(&format!("#{section}"), &line));
            let is_good = at < 2;
            expected.insert(name, (line, is_good, if is_negative { "expected u32" } else { bounds }, key));
        }
    }
    // What a list, a text or the whole of it may hold.
    let listed = |n: usize, of: &dyn Fn(usize) -> String| (0..n).map(of).collect::<Vec<_>>().join(", ");
    let query = |n: usize| format!("query = [{}]", listed(n, &|n| format!("\"k{n}\"")));
    let grants = |n: usize| {
        format!("\n{}", "[[egress]]\nhost = \"a.example.com\"\nmethods = [\"GET\"]\npaths = [\"/\"]\n".repeat(n - 1))
    };
    let setting = |n: usize| MANIFEST.replace("\"here\"", &format!("\"{}\"", "x".repeat(n)));
    let system = |n: usize| MANIFEST.replace("SYSTEM", &"x".repeat(n));
    let padded = |n: usize| {
        let text = MANIFEST.replace("NAME", "m0");
        format!("{text}{}", "#".repeat(n - text.len()))
    };
    let more = [
        ("l", MANIFEST.replace("#egress", &query(512)), MANIFEST.replace("#egress", &query(513)), "at most 512"),
        ("g", MANIFEST.replace("#egress", &grants(64)), MANIFEST.replace("#egress", &grants(65)), "at most 64"),
        ("t", setting(1_024), setting(1_025), "at most 1024 bytes"),
        ("h", system(64), system(65), "1 to 64 characters"),
        ("e", system(1), system(0), "1 to 64 characters"),
        ("m", padded(256 << 10), padded((256 << 10) + 1), "larger than"),
    ];
    for (name, good, bad, bounds) in more {
        for (at, text, is_good) in [(0, good, true), (1, bad, false)] {
            let name = format!("{name}{at}");
            manifests.insert(name.clone(), text);
            expected.insert(name.clone(), (name, is_good, bounds, ""));
        }
    }
    let reasons = reasons(&manifests);
    for (name, (line, is_good, bounds, key)) in expected {
        let reason = reasons.get(&name).unwrap_or_else(|| panic!("{name} is not among {:?}", reasons.keys()));
        assert_eq!(reason.contains("x.wasm cannot be read"), is_good, "{line}: {reason}");
        if !is_good {
            assert!(reason.contains(bounds), "{line}: {bounds:?} is not in {reason}");
            assert!(bounds == "expected u32" || reason.contains(key), "{line}: {key:?} is not in {reason}");
        }
    }
}

#[test]
fn every_number_that_a_manifest_may_have_stands_in_the_table_of_bounds() {
    let schema: Value = serde_json::from_str(&Nexus::new().run(&["schema", "shard"]).stdout).unwrap();
    let mut numbers = Vec::new();
    for (table, told) in schema["$defs"].as_object().unwrap() {
        for variant in told["oneOf"].as_array().unwrap_or(&vec![told.clone()]) {
            let properties = variant["properties"].as_object().into_iter().flatten();
            let is_number = |told: &Value| told["type"].to_string().contains("integer");
            numbers.extend(properties.filter(|(_, told)| is_number(told)).map(|(key, _)| format!("{table}.{key}")));
        }
    }
    numbers.sort();
    numbers.dedup();
    // Sizes, times and rates are texts there.
    assert_eq!(
        numbers,
        [
            "ArtifactsTable.count",
            "CredentialTable.concurrency",
            "DirectoryTable.concurrency",
            "DirectoryTable.entries",
            "DirectoryTable.port",
            "EgressTable.concurrency",
            "LimitsTable.egress-calls",
            "PeersTable.calls",
            "PeersTable.concurrency",
        ]
    );
}
