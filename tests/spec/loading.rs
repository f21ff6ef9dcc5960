//! A shard that cannot be loaded as it is stays out, says why, and keeps nobody else from serving.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Nexus, guest};

/// Adds a bad copy of the hostile guest beside a good shard: the good one serves, the bad one's tools are not there, and
/// `shards` and `doctor` tell every one of the reasons.
#[track_caller]
fn check(edit: impl FnOnce(String) -> String, spoil: impl FnOnce(&Path), reasons: &[&str]) {
    let nexus = Nexus::new().with_guest("c").with_shard_as(&guest("hostile"), "hostile", edit);
    spoil(&nexus.path("shards/hostile/hostile.wasm"));
    let left_out = left_out(&nexus);
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    let reason = left_out[0]["reason"].as_str().unwrap();
    for said in reasons {
        assert!(reason.contains(said), "{said:?} is not in {reason:?}");
    }
    assert!(left_out[0]["manifest"].as_str().unwrap().ends_with("shards/hostile/shard.toml"), "{left_out:?}");
    assert_eq!(nexus.call("c_count_users", json!({})).data()["count"], 5);
    assert_eq!(nexus.call("hostile_echo", json!({ "text": "x" })).error(), "unknown-tool");
    let doctor = nexus.run(&["doctor"]);
    assert_eq!(doctor.code, Some(6), "{doctor:#?}");
    let line = doctor.stdout.lines().find(|line| line.starts_with("BAD")).unwrap();
    assert!(reasons.iter().all(|said| line.contains(said)), "{reasons:?} in {line:?}");
}

fn left_out(nexus: &Nexus) -> Vec<Value> {
    let listed = nexus.run(&["shards", "--json"]);
    assert_eq!(listed.code, Some(0), "{listed:#?}");
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    listed["left_out"].as_array().unwrap().clone()
}

fn same(manifest: String) -> String {
    manifest
}

fn keep(_: &Path) {}

#[test]
fn a_manifest_that_cannot_be_read_says_where_and_what_is_accepted() {
    for (from, to, line, reasons) in [
        ("version =", "vresion =", 5, &["`vresion`", "expected one of", "`version`"][..]),
        ("query =", "querry =", 13, &["`querry`", "expected one of", "`query`"]),
        ("kind =", "knid =", 0, &["kind"]),
        ("memory = \"16MiB\"", "memory = \"16 megabytes\"", 40, &["memory", "64MiB"]),
        ("methods = [\"GET\"]", "methods = []", 11, &["methods", "grants nothing"]),
        ("credential = \"graph\"", "credential = \"grpah\"", 14, &["grpah", "[credential.grpah]"]),
        ("[limits]", "[limits", 39, &[]),
    ] {
        let place = if line == 0 { "shard.toml:".to_owned() } else { format!("shard.toml:{line}:") };
        let edit = |manifest: String| {
            assert!(manifest.contains(from), "{from}");
            manifest.replacen(from, to, 1)
        };
        check(edit, keep, &[&[place.as_str()], reasons].concat());
    }
}

#[test]
fn an_import_that_is_not_granted_is_named_with_the_line_to_add() {
    let without = |manifest: String| {
        let (head, tail) = manifest.split_once("[[egress]]").unwrap();
        let (_, tail) = tail.split_once("[[directory]]").unwrap();
        format!("{head}[[directory]]{tail}")
    };
    check(without, keep, &["imports nexus:shard/egress", "add a [[egress]] to shard.toml"]);
}

#[test]
fn what_is_no_component_stays_out() {
    let not_valid = "not a valid WebAssembly component";
    let truncate = |file: &Path| {
        let whole = fs::read(file).unwrap();
        fs::write(file, &whole[..whole.len() / 2]).unwrap();
    };
    check(same, truncate, &[not_valid]);
    check(same, |file| fs::write(file, "").unwrap(), &[not_valid]);
    check(same, |file| fs::write(file, "#!/bin/sh\n").unwrap(), &[not_valid]);
    // A core module, as compilers make before it is wrapped: magic, version, no sections.
    check(same, |file| fs::write(file, b"\0asm\x01\0\0\0").unwrap(), &[not_valid]);
    // A component without any export.
    check(same, |file| fs::write(file, b"\0asm\x0d\0\x01\0").unwrap(), &["does not fit the contract nexus:shard@0.1"]);
    check(same, |file| fs::remove_file(file).unwrap(), &["hostile.wasm cannot be read"]);
    check(
        same,
        |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        },
        &["hostile.wasm cannot be read"],
    );
}

#[test]
fn a_tool_outside_its_prefixes_stays_out() {
    let other = |manifest: String| manifest.replace("[\"hostile_\"]", "[\"other_\"]");
    check(other, keep, &["hostile_bad_json", "tools-prefix"]);
}

#[test]
fn a_shard_that_asks_for_more_memory_than_it_may_have_stays_out() {
    let small = |manifest: String| manifest.replace("memory = \"16MiB\"", "memory = \"64KiB\"");
    check(small, keep, &["tools cannot be listed", "memory"]);
}

#[test]
fn of_two_shards_that_claim_the_same_names_neither_serves() {
    let rename = |manifest: String| manifest.replace("name = \"hostile\"", "name = \"newcomer\"");
    for (edit, reasons) in [
        (Box::new(rename) as Box<dyn Fn(String) -> String>, ["hostile", "newcomer"]),
        (Box::new(same), ["same name", "same name"]),
        (
            Box::new(move |manifest| rename(manifest).replace("[\"hostile_\"]", "[\"hostile_e_\", \"hostile_\"]")),
            ["newcomer", "hostile"],
        ),
    ] {
        let nexus = Nexus::new().with_guest("c").with_guest("hostile").with_shard_as(&guest("hostile"), "second", edit);
        let left_out = left_out(&nexus);
        assert_eq!(left_out.len(), 2, "{left_out:?}");
        for said in reasons {
            assert!(
                left_out.iter().any(|left| left["reason"].as_str().unwrap().contains(said)),
                "{said}: {left_out:?}"
            );
        }
        assert_eq!(nexus.call("hostile_echo", json!({ "text": "x" })).error(), "unknown-tool");
        assert_eq!(nexus.call("c_count_users", json!({})).data()["count"], 5);
        let doctor = nexus.run(&["doctor"]);
        assert_eq!(doctor.stdout.lines().filter(|line| line.starts_with("BAD")).count(), 2, "{}", doctor.stdout);
    }
}

/// A folder of compiled components of this test's own, with the small guest in C.
fn cached() -> Nexus {
    Nexus::new().with_guest("c").set("cache", "cache")
}

/// A start after which the component's compiled code is there.
#[track_caller]
fn start(nexus: &Nexus) {
    assert_eq!(nexus.call("c_count_users", json!({})).data()["count"], 5);
}

/// Starts once more and tells by the word of `doctor` where the code came from.
#[track_caller]
fn assert_origin(nexus: &Nexus, expected: &str) {
    let doctor = nexus.run(&["doctor", "--json"]);
    assert!(doctor.stdout.contains(&format!("component {expected}")), "expected {expected}: {doctor:#?}");
}

fn entry(nexus: &Nexus) -> std::path::PathBuf {
    let mut entries: Vec<_> = fs::read_dir(nexus.path("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
        .collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

#[test]
fn a_component_is_compiled_once() {
    let nexus = cached();
    assert_origin(&nexus, "Compiled");
    assert_origin(&nexus, "Cached");
    start(&nexus);
    assert_origin(&nexus, "Cached");
}

#[test]
fn compiled_code_is_private_to_its_user() {
    let nexus = cached();
    start(&nexus);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&nexus.path("cache")), 0o700);
    assert_eq!(mode(&nexus.path("cache/seal.key")), 0o600);
    assert_eq!(mode(&entry(&nexus)), 0o600);
}

#[test]
fn compiled_code_that_was_touched_is_never_run() {
    let nexus = cached();
    start(&nexus);
    let file = entry(&nexus);
    let good = fs::read(&file).unwrap();
    let flip = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    // In the seal, at the start of the code, within it, and at its end.
    for at in [0, 31, 32, good.len() / 2, good.len() - 1] {
        fs::write(&file, flip(at)).unwrap();
        assert_origin(&nexus, "Compiled");
        assert_origin(&nexus, "Cached");
        assert_ne!(fs::read(&file).unwrap(), flip(at), "byte {at}");
    }
    for bad in [&good[..good.len() - 1], &good[..31], &[], b"\x7fELF", &good[32..]] {
        fs::write(&file, bad).unwrap();
        assert_origin(&nexus, "Compiled");
        assert_origin(&nexus, "Cached");
    }
}

#[test]
fn compiled_code_of_another_component_or_another_host_is_never_run() {
    let nexus = cached();
    start(&nexus);
    let file = entry(&nexus);

    // Sealed by the same host, but for another component.
    let other = Nexus::new().with_guest("hostile").set("cache", nexus.path("cache").display().to_string());
    assert_origin(&other, "Compiled");
    let folder = fs::read_dir(nexus.path("cache")).unwrap().map(|entry| entry.unwrap().path());
    let foreign = folder.into_iter().find(|path| *path != file && !path.ends_with("seal.key")).unwrap();
    fs::copy(&foreign, &file).unwrap();
    assert_origin(&nexus, "Compiled");
    assert_origin(&nexus, "Cached");
    fs::remove_file(foreign).unwrap();

    // The same component, but sealed by another host.
    let stranger = cached();
    start(&stranger);
    fs::copy(entry(&stranger), &file).unwrap();
    assert_origin(&nexus, "Compiled");
    assert_origin(&nexus, "Cached");
}

#[test]
fn losing_the_key_or_the_folder_costs_time_and_nothing_else() {
    let nexus = cached();
    start(&nexus);
    let key = nexus.path("cache/seal.key");
    let before = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    assert_origin(&nexus, "Compiled");
    assert_origin(&nexus, "Cached");
    assert_ne!(fs::read(&key).unwrap(), before);

    // A key that others could have read is no key.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_origin(&nexus, "Compiled");
    assert_origin(&nexus, "Cached");

    fs::write(&key, "short").unwrap();
    assert_origin(&nexus, "Compiled");
    fs::remove_dir_all(nexus.path("cache")).unwrap();
    assert_origin(&nexus, "Compiled");
    assert_origin(&nexus, "Cached");
}

#[test]
fn without_a_cache_everything_serves_and_is_compiled_at_each_start() {
    let nexus = cached();
    fs::write(nexus.path("cache"), "a file where the folder would be").unwrap();
    assert_origin(&nexus, "Compiled");
    assert_origin(&nexus, "Compiled");
    assert_eq!(nexus.call("c_count_users", json!({})).data()["count"], 5);
}
