//! Lists 50,000 workers page by page through the sandbox, from the generated mock: time, crossings, memory of the guest.
//! Also the size of every component.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark ends where it is wrong, and prints"
)]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use nexus::egress::Door;
use nexus::manifest::{Manifest, Values};
use nexus::names::{CredentialName, SettingName};
use nexus::outbound::{Host, Scheme};
use nexus::wire::mock::MockOptions;
use nexus::wire::{Mock, Request, Wire};
use serde_json::{Value, json};
use support::{ledger, repo, scrubber};

const WORKERS: usize = 50_000;
/// What one request may return.
const PAGE: usize = 100;
/// What one call may return.
const MOST: usize = 20_000;

fn main() {
    sizes();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for workers in [WORKERS / 10, WORKERS] {
        runtime.block_on(list(workers));
    }
}

fn sizes() {
    let mut folders: Vec<_> =
        fs::read_dir(repo().join("target/shards")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::metadata(folder.join(format!("{name}.wasm"))).unwrap().len();
        println!("component {name}: {} kB", bytes / 1000);
    }
}

struct World(BTreeMap<String, String>);

impl Values for World {
    fn value(&self, name: &SettingName) -> Option<String> {
        self.0.get(name.as_str()).cloned()
    }
}

async fn list(workers: usize) {
    let data = repo().join("mock-data");
    let settings = toml::from_str(&fs::read_to_string(data.join("settings.toml")).unwrap()).unwrap();
    let manifest = Manifest::read(&repo().join("target/shards/workday/shard.toml"), &World(settings)).unwrap();
    // The company's own people come before those that are made up.
    let own =
        serde_json::from_str::<Vec<Value>>(&fs::read_to_string(data.join("workday/workers.json")).unwrap()).unwrap();
    let total = workers + own.len();

    let begun = Instant::now();
    let mock = Mock::load(MockOptions { scale: workers, ..MockOptions::new(data) }).unwrap();
    println!("{total} workers: {} ms to make them up", begun.elapsed().as_millis());

    let folder = tempfile::tempdir_in(repo().join("target")).unwrap();
    let door = Arc::new(Door::new(ledger(folder.path(), true), Wire::Mock(mock.clone()), scrubber()));
    let shard = support::shard(&door, manifest).await;
    let (mut listed, mut bytes, mut memory, mut calls) = (0, 0, 0, 0);
    let begun = Instant::now();
    while listed < total {
        let (_line, caller) = support::caller(&shard, &door, "workday_list_workers").await;
        let output = support::call(&shard, &door, &caller, &json!({ "limit": MOST, "offset": listed })).await;
        memory = memory.max(caller.memory.peak());
        bytes += output.written.as_ref().map_or(0, String::len);
        listed += output.data.as_ref().and_then(|data| data["workers"].as_array()).unwrap().len();
        calls += 1;
    }
    let took = begun.elapsed();
    assert_eq!(listed, total);
    let pages = mock.count("workday/workers");
    let alone = alone(&mock, listed).await;
    println!(
        "{total} workers: {calls} calls, {pages} pages, {} ms, {:.2} ms a page (the stand-in alone {:.2}), {} KiB of results; \
         peak guest memory {} KiB",
        took.as_millis(),
        milliseconds(took) / pages as f64,
        milliseconds(alone) / pages as f64,
        bytes / 1024,
        memory / 1024,
    );
}

/// The same pages of the stand-in, without Nexus.
async fn alone(mock: &Mock, total: usize) -> Duration {
    let begun = Instant::now();
    for offset in (0..total).step_by(PAGE) {
        let query = [("limit", PAGE), ("offset", offset)].map(|(key, value)| (key.to_owned(), value.to_string()));
        let request = Request {
            method: Method::GET,
            scheme: Scheme::Https,
            host: Host::parse("wd2-impl-services1.workday.com").unwrap(),
            port: 443,
            segments: ["ccx", "api", "staffing", "v7", "nexus_corp", "workers"].map(str::to_owned).to_vec(),
            query: query.into_iter().chain([("includeTerminatedWorkers".to_owned(), "true".to_owned())]).collect(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            credential: Some(CredentialName::parse("workday").unwrap()),
        };
        assert_eq!(mock.send(&request).await.unwrap().status(), 200);
    }
    begun.elapsed()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
