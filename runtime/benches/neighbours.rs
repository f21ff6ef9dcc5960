//! How long a good shard's callers wait while another shard attacks: `cargo bench --bench neighbours`.
//!
//! One installation, one server, one honest client that calls a tool again and again. Beside it, attackers: twice as many
//! as there are processors, each making the same hostile call without pause. The table gives the honest client's times by
//! itself and under each attack, all in one run, and the server's memory after each. Then a fresh server's memory before,
//! while and after 4,200 hostile calls of many kinds, and how far it came back.

#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a measurement, which shares its tools with the tests"
)]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Nexus, Serving, guest};

const HONEST_CALLS: usize = 300;

fn main() {
    let nexus = Nexus::identity()
        .with_shard_as(&guest("hostile"), "hostile", |manifest| {
            let manifest =
                manifest.replace("cpu = \"1s\"", "cpu = \"3s\"").replace("deadline = \"2s\"", "deadline = \"20s\"");
            manifest.replace("memory = \"16MiB\"", "memory = \"512MiB\"")
        })
        .with_shard_as(&guest("standard"), "standard", |manifest| {
            manifest.replace("memory = \"16MiB\"", "memory = \"8MiB\"")
        });
    let server = nexus.serve();
    let attacks: [(&str, Option<(&str, Value)>); 13] = [
        ("nobody", None),
        ("a loop", Some(("hostile_loop", json!({})))),
        ("the clock asked without pause", Some(("hostile_sleep", json!({ "ms": 60_000 })))),
        ("memory filled, 400 MiB an instruction", Some(("hostile_fill", json!({ "mib": 400 })))),
        ("memory filled, 16 MiB an instruction", Some(("hostile_fill", json!({ "mib": 16 })))),
        ("memory eaten to its limit", Some(("hostile_eat_memory", json!({})))),
        ("recursion", Some(("hostile_recurse", json!({})))),
        ("traps", Some(("hostile_trap", json!({})))),
        ("results of 1 MB", Some(("hostile_output", json!({ "bytes": 1_000_000 })))),
        ("log lines without end", Some(("hostile_log", json!({ "lines": 100_000, "text": "flood" })))),
        ("reports of progress without end", Some(("hostile_progress", json!({ "lines": 100_000, "text": "flood" })))),
        ("requests that no grant covers", Some(("hostile_flood", json!({ "n": 1000 })))),
        ("requests that are never sent", Some(("standard_hoard", json!({ "count": 100_000, "bytes": 16_777_216 })))),
    ];
    let processors = thread::available_parallelism().unwrap().get();
    println!("{processors} processors, {} attackers, {HONEST_CALLS} honest calls", 2 * processors);
    println!("{:<40} {:>8} {:>9} {:>9} {:>9} {:>9}", "attack", "attacks", "p50", "p99", "longest", "memory");
    measure(&server, None, processors);
    for (name, attack) in attacks {
        let (mut times, attacks) = measure(&server, attack, processors);
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        let memory = server.resident() >> 20;
        println!("{name:<40} {attacks:>8} {:>9.1?} {:>9.1?} {:>9.1?} {memory:>5} MiB", at(0.5), at(0.99), at(1.0));
    }
    drop(server);
    memory();
}

/// Hostile calls, and how many at once.
const HOSTILE_CALLS: u64 = 4_200;
const CALLERS: usize = 32;
/// What an idle host may take to give memory back.
const AFTERWARDS: Duration = Duration::from_secs(12);

fn memory() {
    let hostile = |manifest: String| manifest.replace("memory = \"16MiB\"", "memory = \"64MiB\"");
    let nexus = Nexus::identity().with_shard_as(&guest("hostile"), "hostile", hostile).with_guest("standard");
    let server = nexus.serve();
    let honest = || {
        let client = server.client();
        for _ in 0..HONEST_CALLS {
            let answer = client.call("entra_list_users", json!({ "limit": 1 }));
            assert_eq!(answer["structuredContent"]["users"].as_array().map(Vec::len), Some(1), "{answer:#}");
        }
    };
    honest();
    let before = server.resident();
    let kinds: [(&str, Value); 12] = [
        ("hostile_trap", json!({})),
        ("hostile_recurse", json!({})),
        ("hostile_eat_memory", json!({})),
        ("hostile_output", json!({ "bytes": 1_048_576 })),
        ("hostile_output", json!({ "bytes": 900_000 })),
        ("hostile_bad_json", json!({})),
        ("hostile_log", json!({ "lines": 2_000, "text": "flood".repeat(50) })),
        ("hostile_progress", json!({ "lines": 2_000, "text": "flood" })),
        ("hostile_flood", json!({ "n": 200 })),
        ("standard_hoard", json!({ "count": 100_000, "bytes": 16_777_216 })),
        ("hostile_hold", json!({ "mib": 40 })),
        ("hostile_panic", json!({ "text": "x".repeat(1_000) })),
    ];
    let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let peak = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                scope.spawn(|| {
                    let client = server.client();
                    loop {
                        let call = next.fetch_add(1, Ordering::Relaxed);
                        if call >= HOSTILE_CALLS {
                            return;
                        }
                        let (tool, arguments) = &kinds[call as usize % kinds.len()];
                        client.call(tool, arguments.clone());
                    }
                })
            })
            .collect();
        let looking = scope.spawn(|| {
            let mut peak = before;
            while !over.load(Ordering::Relaxed) {
                peak = peak.max(server.resident());
                thread::sleep(Duration::from_millis(100));
            }
            peak
        });
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        over.store(true, Ordering::Relaxed);
        looking.join().unwrap()
    });
    let after = server.resident();
    honest();
    thread::sleep(AFTERWARDS);
    let later = server.resident();
    let [before, peak, after, later] = [before, peak, after, later].map(|bytes| bytes >> 20);
    println!(
        "memory around {HOSTILE_CALLS} hostile calls, {CALLERS} at once: {before} MiB before, {peak} at most, {after} after,"
    );
    println!("{later} after {AFTERWARDS:?} more: {:.2} of before", later as f64 / before as f64);
}

fn measure(server: &Serving, attack: Option<(&str, Value)>, processors: usize) -> (Vec<Duration>, u64) {
    let (over, made) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 * processors {
            let (attack, over, made) = (attack.clone(), &over, &made);
            let Some((tool, arguments)) = attack else { continue };
            scope.spawn(move || {
                let client = server.client();
                while !over.load(Ordering::Relaxed) {
                    client.call(tool, arguments.clone());
                    made.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        if attack.is_some() {
            thread::sleep(Duration::from_secs(1));
        }
        let client = server.client();
        let times = (0..HONEST_CALLS).map(|_| {
            let began = Instant::now();
            let answer = client.call("entra_list_users", json!({ "limit": 1 }));
            assert_eq!(answer["structuredContent"]["users"].as_array().map(Vec::len), Some(1), "{answer:#}");
            began.elapsed()
        });
        let times = times.collect();
        over.store(true, Ordering::Relaxed);
        (times, made.load(Ordering::Relaxed))
    })
}
