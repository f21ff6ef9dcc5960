//! A shard that cannot be loaded as it is stays out, says why, and keeps nobody else from serving.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::component::{Before, Lister, MANIFEST};
use crate::support::{Nexus, Serving, eventually, guest};

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
    check(other, keep, &["hostile_ask", "tools-prefix"]);
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

#[test]
fn of_two_shards_with_one_prefix_within_the_other_neither_serves() {
    // The tool fits both prefixes, and shards are looked at in the order of their names.
    for newcomer in ["a-newcomer", "z-newcomer"] {
        let edit = |manifest: String| {
            manifest
                .replace("name = \"guest-c\"", &format!("name = \"{newcomer}\""))
                .replace("[\"c_\"]", "[\"c_count_\"]")
        };
        let nexus = Nexus::identity().with_guest("c").with_shard_as(&guest("c"), "second", edit);
        let mut reasons: Vec<_> =
            left_out(&nexus).iter().map(|left| left["reason"].as_str().unwrap().to_owned()).collect();
        reasons.sort();
        assert_eq!(
            reasons,
            [
                format!("claims tools c_*, and so does shard {newcomer}; neither is served"),
                "claims tools c_count_*, and so does shard guest-c; neither is served".to_owned(),
            ]
        );
        assert_eq!(nexus.call("c_count_users", json!({})).error(), "unknown-tool");
        assert_eq!(nexus.call("entra_list_users", json!({ "limit": 1 })).data()["users"].as_array().unwrap().len(), 1);
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
    for others in [0o644, 0o640, 0o620, 0o604, 0o602] {
        fs::set_permissions(&key, fs::Permissions::from_mode(others)).unwrap();
        assert_origin(&nexus, "Compiled");
        assert_origin(&nexus, "Cached");
    }

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

/// How soon a good shard answers after the program was started, on a busy machine. What lies beside it would take more.
const SOON: Duration = Duration::from_secs(5);

/// Starts a server beside whatever lies there, and sees that the guest in C answers soon.
#[track_caller]
fn serve_soon(nexus: &Nexus) -> Serving {
    let start = Instant::now();
    let server = nexus.serve();
    let count = server.client().call("c_count_users", json!({}));
    let elapsed = start.elapsed();
    assert_eq!(count["structuredContent"]["count"], 5, "{count:#}");
    assert!(elapsed < SOON, "answered after {elapsed:?}: {}", server.log());
    server
}

/// Waits until the server has said of a shard that it stays out, and for this reason.
#[track_caller]
fn says(server: &Serving, shard: &str, reason: &str) {
    let is_said =
        |line: &str| line.contains("stays out") && line.contains(&format!("\"{shard}\"")) && line.contains(reason);
    eventually(&format!("{shard}: {reason} in {}", server.log()), || server.log().lines().any(is_said));
}

fn tools(server: &Serving) -> Vec<String> {
    let listed = server.client().rpc("tools/list", json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{listed:#}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// The manifest of a component of a test's own, under another name.
fn named(name: &str, limits: &str) -> String {
    MANIFEST.replace("\"lister\"", &format!("\"{name}\"")) + "[limits]\n" + limits
}

#[test]
fn what_nobody_approved_is_bounded_before_it_is_approved_and_holds_up_nobody() {
    const LONG: &str = "deadline = \"600s\"\ncpu = \"600s\"\nmemory = \"512MiB\"\n";
    let nexus = Nexus::new().with_guest("c");
    let shards = nexus.path("shards");
    let honest = || Lister::honest().component();
    let lay = |name: &str| {
        fs::create_dir(shards.join(name)).unwrap();
        fs::write(shards.join(name).join("shard.toml"), named(name, "")).unwrap();
        shards.join(name).join("lister.wasm")
    };
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let list = |name: &str, lister: Lister| lister.write(&shards.join(name), &named(name, LONG));

    // The honest twin, whose component is a link within its folder.
    fs::create_dir_all(shards.join("lister/data")).unwrap();
    fs::write(shards.join("lister/shard.toml"), MANIFEST).unwrap();
    fs::write(shards.join("lister/data/one.wasm"), honest()).unwrap();
    std::os::unix::fs::symlink("data/one.wasm", shards.join("lister/lister.wasm")).unwrap();

    pipe(&lay("a-pipe"));
    fs::create_dir(shards.join("a-pipe-as-manifest")).unwrap();
    pipe(&shards.join("a-pipe-as-manifest/shard.toml"));
    fs::create_dir(lay("a-folder")).unwrap();
    fs::write(nexus.path("outside.wasm"), honest()).unwrap();
    std::os::unix::fs::symlink("../../outside.wasm", lay("a-link")).unwrap();
    Lister::honest().write(&nexus.path("outside"), &named("a-linked-folder", ""));
    std::os::unix::fs::symlink("../outside", shards.join("a-linked-folder")).unwrap();
    let zeros = fs::File::create(lay("zeros")).unwrap();
    zeros.set_len(65 << 20).unwrap();
    fs::write(lay("long-manifest"), honest()).unwrap();
    let long = named("long-manifest", "") + &"# no more\n".repeat(27_000);
    fs::write(shards.join("long-manifest/shard.toml"), long).unwrap();
    list("loops", Lister { before: Before::Loop, ..Lister::honest() });
    list("sleeps", Lister { before: Before::Sleep(300), ..Lister::honest() });
    list("grows", Lister { before: Before::Grow(5000), ..Lister::honest() });
    list("lists-much", Lister { tools: 200_000, ..Lister::honest() });
    list("says-much", Lister { lines: 200_000, ..Lister::honest() });

    // What can be approved is.
    drop(nexus.command(&["serve"]));
    let nexus = nexus.unapproved();
    let server = serve_soon(&nexus);
    assert!(tools(&server).contains(&"lister_one".to_owned()), "the honest twin serves: {}", server.log());
    for (shard, reason) in [
        ("a-pipe", "it is a pipe"),
        ("a-pipe-as-manifest", "it is a pipe"),
        ("a-folder", "it is a folder"),
        ("a-link", "leads out of the shard's folder"),
        ("a-linked-folder", "leads out of the folder of shards"),
        ("zeros", "larger than 65536 KiB"),
        ("long-manifest", "larger than 256 KiB"),
        ("loops", "tools cannot be listed"),
        ("sleeps", "deadline passed"),
        ("grows", "more memory"),
        ("lists-much", "lists 200000 tools: expected at most 512"),
        ("says-much", "expected at most 262144"),
    ] {
        says(&server, shard, reason);
    }
    assert_eq!(server.client().call("c_count_users", json!({}))["structuredContent"]["count"], 5);
    assert_eq!(server.stop().0, Some(0));
}

/// A server beside the guest in JavaScript, which nobody approved and which takes seconds to compile.
fn beside_javascript(nexus: Nexus) -> (Nexus, Serving) {
    drop(nexus.command(&["serve"]));
    let nexus = nexus.unapproved().with_guest("javascript");
    let server = serve_soon(&nexus);
    (nexus, server)
}

/// The process that a server compiles in, and its folder below `/proc`.
fn compiling(server: &Serving) -> std::path::PathBuf {
    let mut found = None;
    // Tests may be behind others themselves.
    let behind = (rustix::process::getpriority_process(None).unwrap() + 10).min(19);
    eventually("a process that compiles", || {
        let children = format!("/proc/{}/task", server.pid());
        let tasks = fs::read_dir(children).unwrap().flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let mut children = children.flat_map(|all| all.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let compiles = |pid: &String| {
            let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            // Its limits are set before it asks to be behind everything else.
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let nice = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(16));
            command.contains("compile-component") && nice.and_then(|nice| nice.parse().ok()) == Some(behind)
        };
        found = children.find(compiles).map(|pid| Path::new("/proc").join(pid));
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn a_component_is_compiled_in_a_process_with_limits_and_without_an_environment() {
    let (_nexus, server) = beside_javascript(cached().env("ENTRA_CLIENT_SECRET", "Kestrel-Harbor-9271"));
    let process = compiling(&server);
    let limits = fs::read_to_string(process.join("limits")).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(limit("Max data size"), (2u64 << 30).to_string());
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max file size"), "0");
    assert!(limit("Max cpu time").parse::<u64>().is_ok_and(|seconds| seconds <= 480), "{limits}");
    assert!(limit("Max open files").parse::<u64>().is_ok_and(|files| files <= 32), "{limits}");
    let environment = fs::read_to_string(process.join("environ")).unwrap();
    let mut names: Vec<_> = environment.split_terminator('\0').filter_map(|one| one.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["MIMALLOC_ARENA_EAGER_COMMIT", "RAYON_NUM_THREADS"]);

    // Whoever ends it, the host says so and goes on.
    let pid = process.file_name().unwrap().to_str().unwrap();
    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    says(&server, "guest-javascript", "the process that compiles ended with signal: 9");
    assert_eq!(server.client().call("c_count_users", json!({}))["structuredContent"]["count"], 5);
}

#[test]
fn a_component_that_takes_too_long_or_too_much_to_compile_stays_out_and_says_so() {
    for (setting, most, reason) in [
        ("loading.compile-seconds", 1, "compiling took more than 1 s"),
        ("loading.compile-bytes", 120 << 20, "compiling took more than 120 MiB of memory"),
    ] {
        // The guest in C is compiled within the same limits.
        let (_nexus, server) = beside_javascript(cached().set(setting, most));
        says(&server, "guest-javascript", reason);
        assert_eq!(server.client().call("c_count_users", json!({}))["structuredContent"]["count"], 5);
    }
}

#[test]
fn what_was_approved_and_takes_long_to_compile_joins_when_it_is_ready() {
    let nexus = cached().with_guest("javascript");
    let server = nexus.serve();
    assert_eq!(server.client().call("c_count_users", json!({}))["structuredContent"]["count"], 5);
    eventually("the interpreter's tools", || tools(&server).iter().any(|tool| tool.starts_with("js_")));
    let is_loaded = |line: &Value| line["code"] == "shard-loaded" && line["shard"] == "guest-javascript";
    eventually("it is on record", || nexus.ledger().iter().any(is_loaded));
    assert_eq!(server.stop().0, Some(0));
}
