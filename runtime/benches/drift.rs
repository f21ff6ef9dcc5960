//! A full drift scan through the whole host, from the generated mock: time, memory of the guest, crossings, and how they
//! grow from 2,000 people and devices to 20,000. Beside it, in the same run, the same reading without the comparison.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark ends where it is wrong, and prints"
)]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus::artifacts::Store;
use nexus::call::{Answer, Asked, Clock, Good, Host};
use nexus::egress::Door;
use nexus::manifest::{Manifest, Values};
use nexus::names::SettingName;
use nexus::router::Router;
use nexus::wire::mock::MockOptions;
use nexus::wire::{Mock, Wire};
use serde_json::{Value, json};
use support::{ledger, repo, scrubber};

const SCALES: [usize; 2] = [2_000, 20_000];
const ROUNDS: usize = 3;
const SCAN: &str = "generate_drift_report";

/// What the scan reads, each system once.
fn reading() -> Vec<(&'static str, Value)> {
    vec![
        ("workday_run_raas_report", json!({ "report_path": "Nexus_Workers" })),
        ("ad_list_users", json!({ "limit": 20_000 })),
        ("entra_list_users", json!({ "limit": 20_000, "include_sign_ins": true })),
        ("intune_list_managed_devices", json!({ "limit": 20_000 })),
        ("intune_get_autopilot_devices", json!({})),
        ("lansweeper_list_assets", json!({ "limit": 20_000 })),
        ("helix_list_cmdb_assets", json!({ "limit": 20_000 })),
    ]
}

struct World(BTreeMap<String, String>);

impl Values for World {
    fn value(&self, name: &SettingName) -> Option<String> {
        self.0.get(name.as_str()).cloned()
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut medians = Vec::new();
    for scale in SCALES {
        medians.push(runtime.block_on(measure(scale)));
    }
    if let [few, many] = medians.as_slice() {
        let times = |few: f64, many: f64| many / few;
        println!(
            "from {} to {}: {:.1} times the time, {:.1} times the guest's memory",
            SCALES[0],
            SCALES[1],
            times(few.0.as_secs_f64(), many.0.as_secs_f64()),
            times(few.1 as f64, many.1 as f64),
        );
    }
}

/// Median time of the scan, and the guest's peak memory.
async fn measure(scale: usize) -> (Duration, usize) {
    let folder = tempfile::tempdir_in(repo().join("target")).unwrap();
    // The company's own people and devices come before those that are made up, and a list has an end at 20,000.
    let mock = Mock::load(MockOptions { scale: scale - 20, ..MockOptions::new(repo().join("mock-data")) }).unwrap();
    let host = host(folder.path(), mock).await;
    let mut alone = Vec::new();
    let mut scans = Vec::new();
    let (mut memory, mut findings) = (0, 0);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        read_all(&host).await;
        alone.push(begun.elapsed());

        let lines = lines(folder.path());
        let begun = Instant::now();
        let answer = ask(&host, SCAN, json!({ "save_to_file": true })).await;
        scans.push((begun.elapsed(), kinds(folder.path(), lines)));
        memory = memory.max(answer.memory);
        let Ok(Good::Done(done)) = &answer.result else { unreachable!("{:?}", answer.result) };
        assert!(done.complete, "{:?}", done.notes);
        findings = done.data.as_ref().map_or(0, count);
    }
    alone.sort();
    scans.sort_by_key(|(took, _)| *took);
    let (alone, (took, kinds)) = (alone[ROUNDS / 2], scans[ROUNDS / 2].clone());
    println!(
        "{scale} people and devices: {} ms, {:.2} of reading alone ({} ms); guest {} MiB; {findings} findings; crossings {kinds:?}",
        took.as_millis(),
        took.as_secs_f64() / alone.as_secs_f64(),
        alone.as_millis(),
        memory >> 20,
    );
    (took, memory)
}

async fn host(folder: &Path, mock: Mock) -> Arc<Host> {
    let data = repo().join("mock-data");
    let settings = toml::from_str(&fs::read_to_string(data.join("settings.toml")).unwrap()).unwrap();
    let world = World(settings);
    let clock = Clock::Fixed(mock.now());
    let store = Store::new(folder.join("reports"), 1 << 30);
    let door = Arc::new(Door::new(ledger(folder, true), Wire::Mock(mock), scrubber()).keeping(store));
    let mut shards = Vec::new();
    for name in ["assets", "audit", "identity", "itsm", "workday"] {
        let file = repo().join("target/shards").join(name).join("shard.toml");
        let manifest = Manifest::read(&file, &world).expect("run `just build-shards` first");
        shards.push(Arc::new(support::shard(&door, manifest).await));
    }
    Arc::new(Host::new(Router::new(shards, Vec::new(), support::rooms()), door, clock))
}

async fn read_all(host: &Arc<Host>) {
    let mut under_way = tokio::task::JoinSet::new();
    for (tool, arguments) in reading() {
        let host = Arc::clone(host);
        under_way.spawn(async move { ask(&host, tool, arguments).await.result.is_ok() });
    }
    assert!(under_way.join_all().await.into_iter().all(|read| read));
}

async fn ask(host: &Arc<Host>, tool: &str, arguments: Value) -> Answer {
    host.call(Asked { tool: tool.into(), arguments, ..support::asked() }).await
}

fn count(data: &Value) -> u64 {
    data["report"]["n_findings"].as_u64().unwrap()
}

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join("ledger-true.jsonl")).unwrap()
}

fn lines(folder: &Path) -> usize {
    text(folder).lines().count()
}

/// How many crossings of each kind were asked since.
fn kinds(folder: &Path, since: usize) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for line in text(folder).lines().skip(since) {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["phase"] == "asked" {
            *kinds.entry(line["kind"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    kinds
}
