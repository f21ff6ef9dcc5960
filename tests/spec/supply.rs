//! What the host is built of: no release with a fault that nobody has weighed, by a table that is read without a network. Where the
//! table comes from is told in `docs/supply.md`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde::Deserialize;

use crate::support::repo;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    read_on: String,
    line: Vec<Line>,
    advisory: Vec<Advisory>,
}

/// One line of releases, such as 48.0.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Line {
    crates: Vec<String>,
    line: String,
    least: String,
    released: String,
    newest: String,
    why_not_newest: Option<String>,
    mends: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Advisory {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(rename = "crate")]
    name: String,
    date: String,
    title: String,
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
    source: String,
    /// Why a version that is not patched does no harm here.
    met: Option<String>,
    /// Features of the crate on whose absence that rests.
    #[serde(default)]
    feature_off: Vec<String>,
}

type Version = [u64; 3];

fn table() -> Table {
    toml::from_str(&fs::read_to_string(repo().join("supply/advisories.toml")).unwrap()).unwrap()
}

/// What follows the three numbers of a release is passed over: none of ours has more.
fn version(text: &str) -> Version {
    let mut numbers = text.split(['.', '-', '+']).map(|number| number.parse().unwrap_or_else(|_| panic!("{text}")));
    [numbers.next().unwrap(), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)]
}

/// Such as `>= 48.0.9, < 49.0.0`.
fn covers(range: &str, found: Version) -> bool {
    range.split(',').all(|part| {
        let part = part.trim();
        if let Some(least) = part.strip_prefix(">=") {
            found >= version(least.trim())
        } else if let Some(end) = part.strip_prefix('<') {
            found < version(end.trim())
        } else {
            panic!("{range:?} is no range")
        }
    })
}

fn is_mended(advisory: &Advisory, found: Version) -> bool {
    advisory.patched.iter().chain(&advisory.unaffected).any(|range| covers(range, found))
}

/// Name and version of each package from a registry, by the lock it stands in.
fn locked() -> Vec<(&'static str, String, String)> {
    let mut all = Vec::new();
    for file in ["Cargo.lock", "fuzz/Cargo.lock", "tests/guests/c/bindgen/Cargo.lock"] {
        let lock: toml::Table = toml::from_str(&fs::read_to_string(repo().join(file)).unwrap()).unwrap();
        for package in lock["package"].as_array().unwrap().iter().filter(|package| package.get("source").is_some()) {
            let text = |key: &str| package[key].as_str().unwrap().to_owned();
            all.push((file, text("name"), text("version")));
        }
    }
    assert!(all.len() > 500, "{}", all.len());
    all
}

#[test]
fn ranges_have_two_ends() {
    for (range, found, expected) in [
        (">= 48.0.9, < 49.0.0", "48.0.8", false),
        (">= 48.0.9, < 49.0.0", "48.0.9", true),
        (">= 48.0.9, < 49.0.0", "48.0.10", true),
        (">= 48.0.9, < 49.0.0", "48.1.0", true),
        (">= 48.0.9, < 49.0.0", "49.0.0", false),
        (">= 1.4.0", "1.3.99", false),
        (">= 1.4.0", "3.11.0", true),
        ("< 47.0.0", "46.0.3", true),
        ("< 47.0.0", "47.0.0", false),
        (">= 0.3.47", "0.3.9", false),
    ] {
        assert_eq!(covers(range, version(found)), expected, "{range} and {found}");
    }
}

#[test]
fn the_sandbox_is_of_a_line_that_is_known_and_not_older_than_its_least_release() {
    let table = table();
    let locked = locked();
    for line in &table.line {
        for name in &line.crates {
            let found: Vec<_> = locked.iter().filter(|(.., found, _)| found == name).collect();
            assert!(!found.is_empty(), "{name} is in no lock: take it out of the table");
            for (file, _, found) in found {
                assert!(
                    found.starts_with(&format!("{}.", line.line)),
                    "{file} has {name} {found}, and the table knows line {} alone: add the line, and weigh its advisories",
                    line.line
                );
                assert!(
                    version(found) >= version(&line.least),
                    "{file} has {name} {found}, and {} of {} mends {:?} ({})",
                    line.least,
                    line.released,
                    line.mends,
                    line.source
                );
            }
        }
        let is_newest = line.least == line.newest;
        assert_eq!(is_newest, line.why_not_newest.is_none(), "{}: why not {}?", line.least, line.newest);
    }
    let in_lines: BTreeSet<_> = table.line.iter().flat_map(|line| &line.crates).collect();
    for name in ["wasmtime", "wasmtime-wasi", "wasmtime-wasi-http", "cranelift-codegen"] {
        assert!(in_lines.contains(&name.to_owned()), "{name} is of no line");
    }
    // Of one release, all that goes with the sandbox, or a fault that is mended in one crate is left in another.
    let sandbox: BTreeSet<_> =
        locked.iter().filter(|(.., name, _)| name.starts_with("wasmtime")).map(|(.., version)| version).collect();
    assert_eq!(sandbox.len(), 1, "{sandbox:?}");
}

#[test]
fn a_locked_version_has_no_fault_that_nobody_has_weighed() {
    let table = table();
    let locked = locked();
    let names: BTreeSet<_> = locked.iter().map(|(_, name, _)| name.as_str()).collect();
    for advisory in &table.advisory {
        let told = format!("{} of {} ({})", advisory.id, advisory.name, advisory.title);
        assert!(names.contains(advisory.name.as_str()), "{told}: the crate is in no lock any more, nor should this be");
        let open: Vec<_> = locked
            .iter()
            .filter(|(_, name, found)| *name == advisory.name && !is_mended(advisory, version(found)))
            .collect();
        match &advisory.met {
            None => assert!(open.is_empty(), "{told} is in {open:?}: see {}", advisory.source),
            Some(reason) => {
                assert!(!open.is_empty(), "{told} is mended in every lock: the reason is not needed any more");
                assert!(reason.len() > 40, "{told}: {reason:?} is no reason");
            }
        }
    }
}

#[test]
fn the_table_says_where_it_is_from_and_nothing_twice() {
    let table = table();
    let is_date = |text: &str| text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    assert!(is_date(&table.read_on) && table.advisory.len() > 20);
    let mut seen = BTreeSet::new();
    for advisory in &table.advisory {
        for id in advisory.aliases.iter().chain([&advisory.id]) {
            assert!(["RUSTSEC-", "GHSA-", "CVE-"].iter().any(|kind| id.starts_with(kind)), "{id}");
            assert!(seen.insert(id), "{id} stands twice");
        }
        let source = advisory.source.strip_prefix("https://").unwrap_or_else(|| panic!("{}", advisory.id));
        let known = ["rustsec.org/", "osv.dev/", "github.com/"];
        assert!(known.iter().any(|host| source.starts_with(host)), "{}", advisory.source);
        assert!(is_date(&advisory.date) && advisory.date <= table.read_on, "{}: {}", advisory.id, advisory.date);
        assert!(!advisory.title.is_empty() && !advisory.patched.is_empty(), "{}", advisory.id);
    }
}

/// Reasons that rest on what is not built, against what cargo would build.
#[test]
fn what_a_reason_says_is_not_built_is_not() {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.current_dir(repo()).args(["tree", "--workspace", "--locked", "--offline", "--edges", "normal"]);
    cargo.args(["--target", "x86_64-unknown-linux-gnu", "--prefix", "none", "--format", "{p}|{f}"]);
    let ran = cargo.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let tree = String::from_utf8(ran.stdout).unwrap();
    let mut looked_at = 0;
    for advisory in table().advisory {
        for feature in &advisory.feature_off {
            let mut built = 0;
            for line in tree.lines() {
                let Some(rest) = line.strip_prefix(&format!("{} v", advisory.name)) else { continue };
                let features = rest.split('|').nth(1).unwrap().trim_end_matches(" (*)");
                assert!(!features.split(',').any(|on| on == feature), "{}: {feature} is built: {line}", advisory.id);
                built += 1;
            }
            assert!(built > 0, "{} is not built at all", advisory.name);
            looked_at += 1;
        }
    }
    assert!(looked_at > 3, "{looked_at}");
    // The reader of the tree sees a feature that is on.
    assert!(tree.lines().any(|line| line.starts_with("wasmtime v") && line.contains("pooling-allocator")));
}

/// Reasons that rest on what the host does not call.
#[test]
fn what_a_reason_says_the_host_does_not_call_is_not_called() {
    fn walk(folder: &std::path::Path, all: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, all);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                all.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut all = String::new();
    walk(&repo().join("runtime/src"), &mut all);
    assert!(all.contains("fn p2_stream"), "the host gives guests a stream of its own");
    for name in [
        "AsyncWriteStream",
        "inherit_stdout",
        "inherit_stderr",
        "inherit_stdio",
        "get_module_export",
        "preopened_dir",
        "default_send_request",
        "http2::",
    ] {
        assert!(!all.contains(name), "{name} is called");
    }
}

/// Licences, sources, versions: `cargo-deny` reads them better than a test of ours, so `just check` may not pass without it.
#[test]
fn check_cannot_go_without_cargo_deny() {
    let just = crate::conformance::tool("bin/just");
    let nothing = tempfile::tempdir().unwrap();
    let deny = |tools: &std::path::Path| {
        let mut just = Command::new(&just);
        just.current_dir(repo()).arg("deny").env("CARGO_TARGET_DIR", tools).env("PATH", "/usr/bin:/bin");
        just.output().unwrap()
    };
    let ran = deny(nothing.path());
    assert!(
        !ran.status.success() && String::from_utf8_lossy(&ran.stderr).contains("./bootstrap deny installs it"),
        "{ran:?}"
    );
    // One that is there is asked, and its word counts.
    for (code, passes) in [(0, true), (4, false)] {
        let bin = nothing.path().join("tools/bin");
        fs::create_dir_all(&bin).unwrap();
        let command = bin.join("cargo-deny");
        fs::write(
            &command,
            format!("#!/bin/sh\n[ \"$*\" = '--locked check bans licenses sources' ] && exit {code}\nexit 9\n"),
        )
        .unwrap();
        fs::set_permissions(&command, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let ran = deny(nothing.path());
        assert_eq!(ran.status.success(), passes, "{ran:?}");
    }
    let recipes = fs::read_to_string(repo().join("justfile")).unwrap();
    assert!(recipes.contains("\ncheck: && deny\n"), "check ends with deny");
    let ci = fs::read_to_string(repo().join(".ci/run")).unwrap();
    assert!(ci.lines().any(|line| line == "./bootstrap check"), "CI checks");
}
