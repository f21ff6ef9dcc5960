//! Programs that must not compile: forging what only one room makes, printing what must not be printed. Each is a file
//! of `tests/compile_fail`, whose first line names the error of the compiler. They are compiled against the library
//! that this test itself was linked with, so nothing is built twice.

use std::env::current_exe;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;

use crate::support::repo;

/// The codes of the errors that a file is refused with; none if it compiles.
fn check(file: &Path) -> Vec<String> {
    let scratch = tempfile::tempdir().unwrap();
    let dependencies = current_exe().unwrap().parent().unwrap().to_owned();
    let mut rustc = Command::new(option_env!("RUSTC").unwrap_or("rustc"));
    // Where rustup chooses the toolchain, it does so by the folder.
    rustc.current_dir(repo()).args(["--edition=2024", "--crate-type=lib", "--crate-name=probe", "--emit=metadata"]);
    rustc.args(["--error-format=json", "--cap-lints=allow"]).arg("--out-dir").arg(scratch.path());
    rustc.arg("-L").arg(format!("dependency={}", dependencies.display()));
    for name in ["nexus", "serde"] {
        rustc.arg("--extern").arg(format!("{name}={}", newest(&dependencies, name).display()));
    }
    let ran = rustc.arg(file).output().unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    let messages = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let errors = messages.filter(|message| message["level"] == "error");
    let codes: Vec<_> = errors.filter_map(|error| error["code"]["code"].as_str().map(str::to_owned)).collect();
    assert_eq!(ran.status.success(), codes.is_empty(), "{}: {told}", file.display());
    codes
}

/// The library that cargo built last: the one this test is linked with.
fn newest(folder: &Path, name: &str) -> PathBuf {
    let start = format!("lib{name}-");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let libraries = files.filter(|file| {
        let file = file.file_name().into_string().unwrap_or_default();
        file.starts_with(&start) && file.ends_with(".rlib")
    });
    let built =
        |file: &fs::DirEntry| file.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    libraries.max_by_key(built).unwrap_or_else(|| panic!("no library {name} in {}", folder.display())).path()
}

#[test]
fn what_must_not_compile_does_not() {
    let mut wrong = Vec::new();
    let mut files: Vec<_> =
        fs::read_dir(repo().join("tests/compile_fail")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 8, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let expected = text.strip_prefix("//! ").and_then(|text| text.split_once(": ")).unwrap().0;
        let found = check(&file);
        let good = if expected == "compiles" { found.is_empty() } else { found.iter().any(|code| code == expected) };
        // Only for the reason named: a file that fails for another proves nothing.
        if !good || found.iter().any(|code| code != expected) {
            wrong.push(format!("{}: expected {expected}, found {found:?}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
