//! A shard may be written in any language that makes a component: the same tool in C, Go, JavaScript and Python.

use serde_json::{Value, json};

use crate::support::Nexus;

struct Guest {
    name: &'static str,
    tool: &'static str,
    /// Packages that it may import beside `nexus:shard`.
    wasi: &'static [&'static str],
}

const GUESTS: [Guest; 4] = [
    Guest { name: "c", tool: "c_count_users", wasi: &[] },
    Guest {
        name: "go",
        tool: "go_count_users",
        wasi: &["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random"],
    },
    Guest {
        name: "javascript",
        tool: "js_count_users",
        wasi: &["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:http", "wasi:io", "wasi:random"],
    },
    Guest {
        name: "python",
        tool: "py_count_users",
        wasi: &["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"],
    },
];

const NAMES: [&str; 5] = ["Alice Johnson", "Bob Martinez", "Carol Chen", "David Kim", "Emma Wilson"];

impl Guest {
    fn nexus(&self) -> Nexus {
        Nexus::new().with_guest(self.name)
    }
}

/// Calls the guest's tool where its upstream misbehaves, or its grant is not there: the code of the error.
#[track_caller]
fn check(guest: &Guest, nexus: &Nexus, arguments: Value, expected: &str) {
    let called = nexus.call(guest.tool, arguments);
    assert_eq!(called.error(), expected, "{}: {called:#?}", guest.name);
    assert!(called.answer.get("data").is_none(), "{}: {called:#?}", guest.name);
}

fn fault(nexus: Nexus, does: toml::Value) -> Nexus {
    let fault = toml::Table::from_iter([
        ("route".to_owned(), "graph/users".into()),
        ("times".to_owned(), 0.into()),
        ("does".to_owned(), does),
    ]);
    nexus.set("mock-upstreams.faults", vec![toml::Value::from(fault)])
}

fn status(status: i64) -> toml::Value {
    let inner = toml::Table::from_iter([("status".to_owned(), status.into())]);
    toml::Table::from_iter([("status".to_owned(), inner.into())]).into()
}

#[test]
fn a_tool_reads_the_directory_in_every_language() {
    for guest in &GUESTS {
        let nexus = guest.nexus();
        let called = nexus.call(guest.tool, json!({}));
        assert_eq!(*called.data(), json!({ "count": 5, "names": NAMES }), "{}", guest.name);
        let called = nexus.call(guest.tool, json!({ "top": 2 }));
        assert_eq!(*called.data(), json!({ "count": 2, "names": NAMES[..2] }), "{}", guest.name);
        let called = nexus.call(guest.tool, json!({ "top": 999 }));
        let names = called.data()["names"].as_array().unwrap();
        assert_eq!(called.data()["count"], names.len(), "{}", guest.name);
        assert!(names.len() > 5, "{}: {names:?}", guest.name);
        check(guest, &nexus, json!({ "top": 0 }), "invalid-arguments");
    }
}

#[test]
fn what_leaves_is_on_record_in_every_language() {
    for guest in &GUESTS {
        let nexus = guest.nexus();
        let called = nexus.call(guest.tool, json!({ "top": 1 }));
        let call = called.answer["event_id"].as_str().unwrap();
        let ledger = nexus.ledger();
        let phases: Vec<_> = ledger
            .iter()
            .filter(|line| line["kind"] == "egress" && line["parent_id"] == call)
            .inspect(|line| {
                assert_eq!(line["tool"], guest.tool);
                assert_eq!(line["shard"], format!("guest-{}", guest.name));
            })
            .map(|line| line["phase"].as_str().unwrap())
            .collect();
        assert_eq!(phases, ["asked", "ended"], "{}", guest.name);
    }
}

#[test]
fn an_upstream_that_fails_is_an_error_in_every_language() {
    for guest in &GUESTS {
        for does in [status(500), status(404), "wrong-json".into(), "torn".into()] {
            let nexus = fault(guest.nexus(), does);
            check(guest, &nexus, json!({}), "upstream");
        }
    }
}

#[test]
fn a_refusal_of_the_host_is_an_error_in_every_language() {
    for guest in &GUESTS {
        let folder = crate::support::guest(guest.name);
        let nexus = Nexus::new().with_shard_as(&folder, guest.name, |manifest| {
            manifest.replace("paths = [\"/v1.0/users\"]", "paths = [\"/v1.0/groups\"]")
        });
        check(guest, &nexus, json!({}), "refused");
    }
}

#[test]
fn a_toolchain_brings_the_imports_that_its_readme_names() {
    for guest in &GUESTS {
        let listed = guest.nexus().run(&["shards", "--json"]);
        let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
        let shard = &listed["shards"][0];
        assert_eq!(shard["tools"][0]["name"], guest.tool, "{listed:#}");
        assert_eq!(shard["tools"].as_array().unwrap().len(), 1, "{listed:#}");
        let mut packages: Vec<_> = shard["imports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|import| import.as_str().unwrap().split('/').next().unwrap())
            .filter(|package| *package != "nexus:shard")
            .collect();
        packages.dedup();
        assert_eq!(packages, guest.wasi, "{}", guest.name);
    }
}
