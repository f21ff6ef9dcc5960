//! Runs Nexus as its users do: as a program with a settings file, over MCP, and through the files it writes.
//!
//! Each `Nexus` has a folder of its own, a ledger of its own and free ports, so tests need no order and share nothing
//! but the components that `just build-shards` and `just build-guests` made, and their compiled form.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod approval;
pub mod component;
pub mod mcp;
pub mod raw;
pub mod record;
pub mod samba;
pub mod slapd;
pub mod spellings;
pub mod table;
pub mod upstream;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take before a test calls it stuck. Generous: it is no measurement.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn repo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Where the shards of this repository were built.
pub fn shards() -> PathBuf {
    built("shards")
}

/// The folder that holds one guest's folder: `guests/<name>` was copied alone, so that no other guest is loaded.
pub fn guest(name: &str) -> PathBuf {
    built("guests").join(name)
}

fn built(what: &str) -> PathBuf {
    let folder = repo().join("target").join(what);
    assert!(folder.is_dir(), "{} is not there: run `just build-shards build-guests`", folder.display());
    folder
}

/// One installation of Nexus: a folder, its settings, and its environment.
pub struct Nexus {
    pub dir: TempDir,
    settings: toml::Table,
    env: BTreeMap<String, String>,
    /// Whatever lies in the shards' folders is approved before it is served.
    approves: bool,
}

impl Nexus {
    /// Mock mode, no shards, everything in a folder of its own.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("shards")).unwrap();
        let mut settings = toml::Table::new();
        let mut set = |key: &str, value: toml::Value| drop(settings.insert(key.into(), value));
        set("mock", true.into());
        set("shards", vec!["shards"].into());
        set("ledger", "ledger.jsonl".into());
        set("cache", repo().join("target/test-cache").display().to_string().into());
        let upstreams = toml::Table::from_iter(
            [("data", repo().join("mock-data").display().to_string())].map(|(k, v)| (k.to_owned(), v.into())),
        );
        set("mock-upstreams", upstreams.into());
        // As after a first start, which makes one and says so.
        let key = dir.path().join("ledger.jsonl.persons");
        fs::write(&key, "07".repeat(32)).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        Self { dir, settings, env: BTreeMap::new(), approves: true }
    }

    /// With the identity shard.
    pub fn identity() -> Self {
        Self::new().with_shard(&shards().join("identity"))
    }

    /// With all shards of this repository.
    pub fn whole() -> Self {
        let mut folders: Vec<_> = fs::read_dir(shards()).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        folders.iter().fold(Self::new(), |nexus, folder| nexus.with_shard(folder))
    }

    /// With one guest of `tests/guests`.
    pub fn with_guest(self, name: &str) -> Self {
        let folder = guest(name);
        self.with_shard(&folder)
    }

    /// With a copy of a built shard's folder.
    pub fn with_shard(self, folder: &Path) -> Self {
        self.with_shard_as(folder, folder.file_name().unwrap(), |manifest| manifest)
    }

    /// With a copy whose manifest was edited.
    pub fn with_shard_as(self, folder: &Path, name: impl AsRef<OsStr>, edit: impl FnOnce(String) -> String) -> Self {
        let copy = self.dir.path().join("shards").join(name.as_ref());
        copy_folder(folder, &copy);
        let manifest = copy.join("shard.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(&manifest, edit(text)).unwrap();
        self
    }

    /// A value at a dotted path of the settings file.
    pub fn set(mut self, path: &str, value: impl Into<toml::Value>) -> Self {
        let mut table = &mut self.settings;
        let (folders, key) =
            path.rsplit_once('.').map_or((Vec::new(), path), |(folders, key)| (folders.split('.').collect(), key));
        for folder in folders {
            table = table.entry(folder).or_insert_with(|| toml::Table::new().into()).as_table_mut().unwrap();
        }
        table.insert(key.into(), value.into());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// As an operator has it who has approved nothing, or only what a test approves.
    pub fn unapproved(mut self) -> Self {
        self.approves = false;
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn ledger_file(&self) -> PathBuf {
        self.path("ledger.jsonl")
    }

    /// The program with this installation's settings and nothing of the surrounding environment.
    pub fn command(&self, args: &[&str]) -> Command {
        if self.approves && ["serve", "call", "shards", "doctor"].iter().any(|command| args.contains(command)) {
            approval::approve(self, args);
        }
        self.bare_command(args)
    }

    fn bare_command(&self, args: &[&str]) -> Command {
        let file = self.path("nexus.toml");
        let text = toml::to_string(&self.settings).unwrap();
        // Another command may be reading it.
        if fs::read_to_string(&file).ok().as_ref() != Some(&text) {
            fs::write(&file, text).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
        command.env_clear().envs(&self.env).current_dir(self.dir.path());
        command.arg("--config").arg(file).args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let (pid, (over, waited)) = (child.id().to_string(), mpsc::channel::<()>());
        // A command that does not end is a failure, and no test that hangs.
        let watch = thread::spawn(move || {
            let is_late = waited.recv_timeout(10 * PATIENCE) == Err(RecvTimeoutError::Timeout);
            is_late && Command::new("kill").args(["-KILL", &pid]).status().is_ok()
        });
        let output = child.wait_with_output().unwrap();
        drop(over);
        assert!(!watch.join().unwrap(), "{args:?} did not end");
        Ran::of(output)
    }

    /// `nexus call TOOL --json`: the answer as one JSON object.
    pub fn call(&self, tool: &str, arguments: Value) -> Called {
        let ran = self.run(&["call", tool, "--json", "--args", &arguments.to_string()]);
        let answer = serde_json::from_str(&ran.stdout).unwrap_or(Value::Null);
        Called { ran, answer }
    }

    /// The lines of the ledger about calls and the host: without those that sign others, or say who read them.
    pub fn ledger(&self) -> Vec<Value> {
        let mut lines = self.whole_ledger();
        lines.retain(|line| {
            line["kind"] != "checkpoint" && !line["code"].as_str().is_some_and(|code| code.starts_with("read-"))
        });
        lines
    }

    /// Every line of the ledger. One that has no end yet is being written.
    pub fn whole_ledger(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.ledger_file()).unwrap_or_default();
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// `nexus serve` over HTTP on a free port.
    pub fn serve(&self) -> Serving {
        Serving::start(self.command(&["serve", "--bind", "127.0.0.1:0"]))
    }

    /// `nexus serve` over HTTP at an address of the test's choice.
    pub fn serve_at(&self, bind: &str) -> Serving {
        Serving::start(self.command(&["serve", "--bind", bind]))
    }

    /// The same by a command of the test's own.
    pub fn serving(&self, command: Command) -> Serving {
        Serving::start(command)
    }

    /// `nexus serve --stdio`.
    pub fn stdio(&self) -> mcp::Stdio {
        mcp::Stdio::start(self.command(&["serve", "--stdio"]))
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, to).unwrap();
        }
    }
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// One `nexus call`.
#[derive(Debug)]
pub struct Called {
    pub ran: Ran,
    pub answer: Value,
}

impl Called {
    pub fn data(&self) -> &Value {
        assert_eq!(self.ran.code, Some(0), "{self:#?}");
        &self.answer["data"]
    }

    /// The code of the error that it must have ended with.
    pub fn error(&self) -> &str {
        assert_eq!(self.ran.code, Some(1), "{self:#?}");
        self.answer["error"]["code"].as_str().unwrap()
    }
}

/// A server that ends with the test.
pub struct Serving {
    pub url: String,
    child: Child,
    log: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Serving {
    /// A server that a command of the test's starts.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (found, url) = std::sync::mpsc::channel();
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(at) = line.find("http://127.0.0.1:") {
                    let url = line[at..].split_whitespace().next().unwrap_or_default();
                    let url: String = url.chars().take_while(|c| !c.is_control()).collect();
                    let _ = found.send(url);
                }
                kept.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let url = url.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("did not start: {}", log.lock().unwrap()));
        Self { url, child, log }
    }

    pub fn client(&self) -> mcp::Http {
        mcp::Http::new(&self.url)
    }

    /// What it has said on standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bytes of memory that the process has now (`VmRSS` of proc(5)).
    pub fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }

    /// SIGKILL: nothing is flushed, nothing is closed.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and what it printed on standard output.
    pub fn stop(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        (self.child.wait().unwrap().code(), stdout)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Arguments of `hostile_fetch`.
pub fn get(url: &str) -> Value {
    json!({ "method": "GET", "url": url })
}
