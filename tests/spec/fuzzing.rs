//! The fuzz targets are a package of their own, which this workspace does not build: what they say of it must be true all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::repo;

fn read(file: &str) -> toml::Table {
    toml::from_str(&fs::read_to_string(repo().join(file)).unwrap()).unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    fs::read_dir(folder).unwrap().map(name).collect()
}

#[test]
fn each_target_is_built_has_seeds_and_says_what_must_hold() {
    let targets: BTreeSet<String> = names(&repo().join("fuzz/fuzz_targets"))
        .into_iter()
        .map(|name| name.strip_suffix(".rs").unwrap().to_owned())
        .collect();
    assert!(targets.len() >= 10, "{targets:?}");
    let built: BTreeSet<String> = read("fuzz/Cargo.toml")["bin"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bin| bin["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(built, targets);
    assert_eq!(names(&repo().join("fuzz/seeds")), targets);
    for target in &targets {
        let seeds = repo().join("fuzz/seeds").join(target);
        assert!(names(&seeds).len() > 5, "{target} has few seeds");
        for seed in names(&seeds) {
            let length = fs::metadata(seeds.join(&seed)).unwrap().len();
            assert!((1..=8192).contains(&length), "{target}/{seed} has {length} bytes");
        }
    }
    let docs = fs::read_to_string(repo().join("docs/fuzzing.md")).unwrap();
    let told: BTreeSet<String> =
        docs.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned())).collect();
    assert_eq!(told, targets, "docs/fuzzing.md");
}

#[test]
fn targets_run_what_the_host_runs() {
    // The same versions with the same features, or a target tries another program.
    let host = read("Cargo.toml");
    let host = host["workspace"]["dependencies"].as_table().unwrap();
    let own = read("fuzz/Cargo.toml");
    let mut shared = 0;
    for (name, wanted) in own["dependencies"].as_table().unwrap() {
        match host.get(name) {
            Some(used) => {
                assert_eq!(wanted, used, "{name}");
                shared += 1;
            }
            None => assert!(["libfuzzer-sys", "url"].contains(&name.as_str()), "the host has no {name}"),
        }
    }
    assert!(shared > 30, "{shared}");

    let locked = |file: &str| {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for package in read(file)["package"].as_array().unwrap() {
            let text = |key: &str| package[key].as_str().unwrap().to_owned();
            all.entry(text("name")).or_default().insert(text("version"));
        }
        all
    };
    let host = locked("Cargo.lock");
    for (name, versions) in locked("fuzz/Cargo.lock") {
        if let Some(used) = host.get(&name) {
            assert!(versions.is_subset(used), "{name}: {versions:?} in fuzz/Cargo.lock, {used:?} in Cargo.lock");
        }
    }
}

#[test]
fn the_rooms_that_targets_reach_are_the_first_of_the_host() {
    let list = |file: &str| {
        let text = fs::read_to_string(repo().join(file)).unwrap();
        let rooms: Vec<String> = text
            .lines()
            .filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned()))
            .collect();
        rooms
    };
    let (host, own) = (list("runtime/src/lib.rs"), list("fuzz/src/lib.rs"));
    assert!(own.len() > 8);
    let mut rest = host.iter();
    for room in &own {
        assert!(rest.any(|listed| listed == room), "fuzz/src/lib.rs has {room} out of order: {host:?}");
    }
}
