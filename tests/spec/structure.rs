//! The shape of the repository itself: which room uses which, what Nexus depends on, and what must not be in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::repo;

/// Every file below a folder that belongs to the repository, by its path in it.
fn files(folder: &str) -> Vec<(String, PathBuf)> {
    const NOT_OURS: [&str; 7] = [".git", "target", "node_modules", "logs", "reports", "__pycache__", ".cargo-home"];
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if NOT_OURS.iter().any(|name| path.file_name().is_some_and(|file| file == *name)) {
                continue;
            }
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&repo().join(folder), &mut found);
    found.sort();
    let name = |path: PathBuf| (path.strip_prefix(repo()).unwrap().display().to_string(), path);
    found.into_iter().map(name).collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(repo().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Rust without comments, texts and what is compiled for tests alone.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    // A module of tests stands last in its file.
    let text = match text.find("#[cfg(test)]\nmod tests {") {
        Some(at) => &text[..at],
        None => &text,
    };
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The room that a file of `runtime/src` is in; none for `lib.rs`, `main.rs` and tests.
fn room(name: &str) -> Option<&str> {
    let inside = name.strip_prefix("runtime/src/")?.strip_suffix(".rs")?;
    let room = inside.split('/').next()?;
    let is_test = inside.split('/').any(|part| part == "tests");
    (!is_test && room != "lib" && room != "main").then_some(room)
}

/// Names that follow `crate::`, also in a list in braces.
fn used(code: &str) -> BTreeSet<&str> {
    let name =
        |text: &'_ str| -> usize { text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count() };
    let mut all = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        let is_path = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let rest = &code[at + found.len()..];
        if !is_path {
            continue;
        }
        let Some(list) = rest.strip_prefix('{') else {
            all.insert(&rest[..name(rest)]);
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && c.is_alphabetic() => {
                    all.insert(&list[at..at + name(&list[at..])]);
                    start = false;
                }
                _ => {}
            }
        }
    }
    all
}

/// Asserts of every line of code that it does not hold a word, except in some rooms.
#[track_caller]
fn check(words: &[&str], rooms: &[&str]) {
    for (name, path) in files("runtime/src") {
        let Some(room) = room(&name).filter(|room| !rooms.contains(room)) else { continue };
        for line in code(&path).lines() {
            for word in words {
                assert!(!line.contains(word), "{name} (room {room}) has {word}: {line}");
            }
        }
    }
}

#[test]
fn a_room_uses_only_rooms_listed_above_it() {
    let lib = read("runtime/src/lib.rs");
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod ")));
    let rooms: Vec<_> = modules.filter_map(|line| line.strip_suffix(';')).collect();
    let place = |room: &str| rooms.iter().position(|listed| *listed == room);
    let mut wrong = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (name, path) in files("runtime/src") {
        let Some(room) = room(&name) else { continue };
        let own = place(room).unwrap_or_else(|| panic!("{name}: lib.rs does not list {room}"));
        seen.insert(room.to_owned());
        for other in used(&code(&path)) {
            match place(other) {
                Some(there) if there <= own => {}
                Some(_) => drop(wrong.insert(format!("{name}: {room} uses {other}, which is listed below it"))),
                None => drop(wrong.insert(format!("{name}: crate::{other} is no room"))),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(seen.len(), rooms.len(), "lib.rs lists {rooms:?}, and there are {seen:?}");
}

#[test]
fn the_reader_of_uses_sees_every_form() {
    let code = "use crate::a;\nuse crate::{b::{self, X}, c, d::Y};\ncrate::e::f(); mycrate::g; pub(in crate::h) x";
    assert_eq!(used(code), BTreeSet::from(["a", "b", "c", "d", "e", "h"]));
}

/// Where a value is put in the place of what could not be read or made. In a room that a promise rests on, each needs a
/// reason why nothing is opened by it.
const DEFAULTS: [&str; 5] = ["unwrap_or_default()", ".ok()", "Result::ok", "let _ =", "unwrap_or_else(|_|"];
/// The sum of the list. It may only become smaller.
const MOST_DEFAULTS: usize = 75;

#[test]
fn nothing_is_defaulted_that_a_promise_rests_on() {
    const ROOMS: [&str; 7] = ["outbound", "policy", "secrets", "wire", "redact", "manifest", "lock"];
    let list = read("tests/spec/defaults.txt");
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed: BTreeMap<&str, usize> = lines
        .map(|line| {
            let (file, rest) = line.split_once(' ').unwrap();
            let (count, reason) =
                rest.split_once(' ').unwrap_or_else(|| panic!("{line}: a file, a number and a reason"));
            assert!(reason.len() > 20 && !reason.contains("  "), "{line}");
            (file, count.parse().unwrap())
        })
        .collect();
    assert_eq!(listed.values().sum::<usize>(), MOST_DEFAULTS);
    let mut files_seen = BTreeSet::new();
    for (name, path) in files("runtime/src") {
        // What serves the mock world decides nothing about the real one.
        let Some(_) = room(&name).filter(|room| ROOMS.contains(room) && !name.contains("/wire/mock")) else { continue };
        if ["properties.rs", "forms.rs"].iter().any(|test| name.ends_with(test)) {
            continue;
        }
        let code = code(&path);
        let found: usize = DEFAULTS.iter().map(|default| code.matches(default).count()).sum();
        let allowed = listed.get(name.as_str()).copied().unwrap_or_default();
        assert!(
            found <= allowed,
            "{name} has {found} of {DEFAULTS:?}, and tests/spec/defaults.txt gives reasons for {allowed}"
        );
        files_seen.insert(name);
    }
    for file in listed.keys() {
        assert!(files_seen.contains(*file), "{file} is listed in tests/spec/defaults.txt and is none of these rooms");
    }
}

#[test]
fn one_room_per_foreign_language() {
    // Sockets and names: `wire` for what leaves, `mcp` and `cli` for what listens.
    check(
        &["TcpStream", "TcpListener", "TcpSocket", "UdpSocket", "UnixStream", "UnixListener"],
        &["wire", "mcp", "cli"],
    );
    check(&["lookup_host", "ToSocketAddrs", "hyper::", "rustls"], &["wire", "mcp", "cli"]);
    // The protocol.
    check(&["rmcp::", "axum::", "jsonrpc"], &["mcp"]);
    // WebAssembly and WIT.
    check(&["wasmtime::", "wasmtime_wasi", "bindgen!"], &["shard"]);
    // The environment and the command line.
    check(&["env::var", "env::args", "clap::"], &["cli"]);
    // Nobody starts other programs, but for git, which a review asks for an earlier lock, and itself, to compile.
    check(&["Command::new(", "process::Command"], &["cli", "shard"]);
    let starts = |path: &Path| code(path).contains("Command::new(");
    let starting: Vec<_> = files("runtime/src")
        .into_iter()
        .filter(|(name, path)| room(name).is_some() && starts(path))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(starting, ["runtime/src/cli/review.rs", "runtime/src/shard/compile.rs"]);
    // Values of secrets: `secrets` puts them into requests, `redact` looks for them, `mcp` compares its own token.
    check(&[".expose("], &["secrets", "redact", "mcp"]);
}

#[test]
fn parsing_policy_and_redaction_are_pure() {
    const IMPURE: [&str; 11] = [
        "std::fs",
        "tokio::",
        "std::env",
        "std::net::Tcp",
        "Instant::now",
        "SystemTime::now",
        "Timestamp::now",
        "std::io::",
        "std::process",
        "getrandom",
        "tracing::",
    ];
    for (name, path) in files("runtime/src") {
        if !matches!(room(&name), Some("outbound" | "policy" | "redact" | "refusal" | "names" | "tool")) {
            continue;
        }
        let code = code(&path);
        for word in IMPURE {
            assert!(!code.contains(word), "{name} has {word}");
        }
    }
}

#[test]
fn the_contract_explains_itself() {
    let mut interfaces = 0;
    for (name, path) in files("wit") {
        if !name.ends_with(".wit") || name.starts_with("wit/deps/") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        let mut before = "";
        for line in text.lines() {
            if line.starts_with("interface ") || line.starts_with("world ") {
                interfaces += 1;
                assert!(before.trim_start().starts_with("///"), "{name}: {line} has no doc comment");
            }
            before = line;
        }
    }
    assert!(interfaces > 10, "{interfaces}");
}

#[test]
fn each_guest_has_a_test() {
    let tests = files("tests/spec").into_iter().filter(|(name, _)| name.ends_with(".rs"));
    let tests: String = tests.map(|(_, path)| fs::read_to_string(path).unwrap()).collect();
    for entry in fs::read_dir(repo().join("tests/guests")).unwrap() {
        let guest = entry.unwrap().file_name().into_string().unwrap();
        assert!(tests.contains(&format!("\"{guest}\"")), "no test names the guest {guest}");
    }
}

#[test]
fn nothing_here_belongs_to_one_machine() {
    // Put together, so that this file does not hold them.
    let home = |name: &str| format!("/{name}/");
    let mut words =
        vec![home("root"), home("work"), home("Users"), format!("..{}", home("shared").trim_end_matches('/'))];
    words.push(repo().display().to_string());
    for (name, path) in files("") {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (n, line) in text.lines().enumerate() {
            for word in &words {
                assert!(!line.contains(word.as_str()), "{name}:{}: {word} in {line:.200}", n + 1);
            }
        }
    }
}

/// What is built for the targets of `deny.toml`, without what only tests need: name and version.
fn packages() -> BTreeSet<(String, String)> {
    let deny: toml::Table = toml::from_str(&read("deny.toml")).unwrap();
    let mut all = BTreeSet::new();
    for target in deny["graph"]["targets"].as_array().unwrap() {
        let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
        cargo.current_dir(repo()).args(["tree", "--workspace", "--locked", "--offline", "--edges", "normal,build"]);
        cargo.args(["--target", target.as_str().unwrap(), "--prefix", "none", "--format", "{p}"]);
        let ran = cargo.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        for line in String::from_utf8(ran.stdout).unwrap().lines().filter(|line| !line.is_empty()) {
            let mut words = line.split(' ');
            let (name, version) = (words.next().unwrap(), words.next().unwrap().trim_start_matches('v'));
            all.insert((name.into(), version.into()));
        }
    }
    assert!(all.len() > 100, "{all:?}");
    all
}

#[test]
fn dependencies_come_from_one_registry() {
    let deny: toml::Table = toml::from_str(&read("deny.toml")).unwrap();
    let allowed = deny["sources"]["allow-registry"].as_array().unwrap();
    let locks = files("").into_iter().filter(|(name, _)| name.ends_with("Cargo.lock"));
    for (name, path) in locks {
        let lock: toml::Table = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for package in lock["package"].as_array().unwrap() {
            // Without a source it is a folder of this repository.
            let Some(source) = package.get("source") else { continue };
            let registry = source.as_str().unwrap().strip_prefix("registry+");
            assert!(
                registry.is_some_and(|registry| allowed.iter().any(|url| url.as_str() == Some(registry))),
                "{name}: {package}"
            );
            assert!(package.get("checksum").is_some(), "{name}: {package}");
        }
    }
}

#[test]
fn dependencies_come_in_one_version_or_with_a_reason() {
    let deny: toml::Table = toml::from_str(&read("deny.toml")).unwrap();
    let mut skipped = BTreeMap::new();
    for entry in deny["bans"]["skip"].as_array().unwrap() {
        assert!(entry["reason"].as_str().is_some_and(|reason| reason.len() > 5), "{entry}");
        let (name, version) = entry["crate"].as_str().unwrap().split_once('@').unwrap();
        skipped.insert((name.to_owned(), version.to_owned()), false);
    }
    let mut kept: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, version) in packages() {
        let skip = skipped.iter_mut().find(|((skipped, start), _)| {
            *skipped == name && (version == *start || version.starts_with(&format!("{start}.")))
        });
        match skip {
            Some((_, used)) => *used = true,
            None => drop(kept.entry(name).or_default().insert(version)),
        }
    }
    kept.retain(|_, versions| versions.len() > 1);
    assert!(kept.is_empty(), "in several versions, and deny.toml does not say why: {kept:?}");
    skipped.retain(|_, used| !*used);
    assert!(skipped.is_empty(), "deny.toml excuses what is not there: {:?}", skipped.keys());
    let banned = deny["bans"]["deny"].as_array().unwrap();
    for (name, _) in packages() {
        assert!(banned.iter().all(|entry| entry["crate"].as_str() != Some(&name)), "{name} is banned by deny.toml");
    }
}

#[test]
fn each_dependency_says_what_it_is_for_and_is_used() {
    let manifest = read("Cargo.toml");
    let section = manifest.split("[workspace.dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    assert!(section.starts_with("# "), "the first dependency has no comment above it");
    assert!(!section.contains("\n\n"), "a blank line parts a dependency from its comment");
    let members = files("").into_iter().filter(|(name, _)| name.ends_with("/Cargo.toml"));
    let members: String = members.map(|(_, path)| fs::read_to_string(path).unwrap()).collect();
    for line in section.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(" = ").next().unwrap();
        let used = [format!("\n{name}.workspace = true"), format!("\n{name} = {{ workspace = true")];
        assert!(used.iter().any(|used| members.contains(used)), "nobody uses {name}");
    }
}
