//! Approves what a test serves, as an operator would: by review and token. What was approved once for the same shards under the
//! same settings is kept in `target/`, so that a test costs no more than a copy.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Nexus, Ran, repo};

/// `args` are those of the command that is to follow: what it says of shards and mode counts here too.
pub fn approve(nexus: &Nexus, args: &[&str]) {
    let flags = flags(args);
    let kept = repo().join("target/test-locks").join(key(nexus, &flags));
    let lock = nexus.path("nexus.lock");
    if let Ok(text) = fs::read(&kept) {
        if fs::read(&lock).ok().as_ref() != Some(&text) {
            fs::write(&lock, text).unwrap();
        }
        return;
    }
    approve_now(nexus, &flags);
    if let Ok(text) = fs::read(&lock) {
        fs::create_dir_all(kept.parent().unwrap()).unwrap();
        let new = tempfile::NamedTempFile::new_in(kept.parent().unwrap()).unwrap();
        fs::write(new.path(), text).unwrap();
        new.persist(kept).unwrap();
    }
}

/// Approves every shard that can be loaded. On record in a ledger of its own: tests look at theirs.
pub fn approve_now(nexus: &Nexus, flags: &[&str]) {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut settings = nexus.settings.clone();
    let ledger = elsewhere.path().join("ledger.jsonl").display().to_string();
    settings.insert("ledger".into(), ledger.into());
    settings.insert("cache".into(), repo().join("target/test-cache").display().to_string().into());
    let file = nexus.path("approval.toml");
    let run = |args: &[&str]| {
        fs::write(&file, toml::to_string(&settings).unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
        command.env_clear().envs(&nexus.env).env_remove("AUDIT_LOG_FILE").current_dir(nexus.dir.path());
        let command = command.arg("--config").arg(&file).args(flags).args(args).stdin(Stdio::null());
        let ran = Ran::of(command.output().unwrap());
        fs::remove_file(&file).unwrap();
        ran
    };
    let review: Value = serde_json::from_str(&run(&["review", "--json"]).stdout).unwrap_or_default();
    // Where nothing can be reviewed nothing is approved, and the test sees what comes of that.
    if let Some(token) = review["token"].as_str() {
        run(&["approve", "--all", "--token", token, "--by", "test", "--why", "for a test"]);
    }
}

fn flags<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let mut flags = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--mock" | "--live" => flags.push(*arg),
            "--shards" => flags.extend([*arg, args.next().unwrap()]),
            _ => {}
        }
    }
    flags
}

fn key(nexus: &Nexus, flags: &[&str]) -> String {
    let mut hash = Sha256::new();
    let dir = nexus.dir.path().to_str().unwrap();
    let settings = toml::to_string(&nexus.settings).unwrap();
    for text in [settings, format!("{:?}", nexus.env), format!("{flags:?}")] {
        hash.update(text.replace(dir, "DIR"));
        hash.update([0]);
    }
    // Another program may see another authority in the same shard.
    let program = fs::metadata(env!("CARGO_BIN_EXE_nexus")).unwrap();
    hash.update(format!("{:?} {}", program.modified().unwrap(), program.len()));
    files(&nexus.path("shards"), &mut hash);
    for flag in flags.iter().filter(|flag| Path::new(flag).is_dir()) {
        files(Path::new(flag), &mut hash);
    }
    hex::encode(hash.finalize())
}

fn files(folder: &Path, hash: &mut Sha256) {
    let mut all: Vec<_> = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    for path in all {
        hash.update(path.file_name().unwrap().as_encoded_bytes());
        hash.update([0]);
        if path.is_dir() {
            files(&path, hash);
        } else if path.is_file() {
            // One that cannot be read is as good as empty here: it is for the program to say so. A pipe is not opened.
            hash.update(fs::read(&path).unwrap_or_default());
        }
        hash.update([0]);
    }
}
