//! What the record costs: lines made durable against bare group-committed `fdatasync` on the same disk, a call with a durable and signed
//! ledger against one that leaves the disk alone, and verification against reading and hashing. Ratios of one run.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark ends where it is wrong, and prints"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nexus::audit::{Asked, Crossing, Ending, Evidence, Facts, Hash, Ledger, Options, Subject};
use nexus::audit::{public_key_file, verify};
use nexus::names::{ShardName, ToolName};
use support::{asked, host, repo};
use tokio::sync::oneshot;

const RUN: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
const VERIFIED: usize = 200_000;

fn main() {
    let folder = tempfile::tempdir_in(repo().join("target")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("lines made durable per second, medians of {ROUNDS} rounds of {} s, alternating", RUN.as_secs());
    println!("{:>8} {:>12} {:>12} {:>8}", "callers", "bare", "ledger", "ratio");
    for callers in [1, 8, 64] {
        let (mut bare, mut own) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let file = folder.path().join(format!("{callers}-{round}"));
            bare.push(runtime.block_on(append_bare(&file.with_extension("bare"), callers)));
            own.push(runtime.block_on(append(&file.with_extension("jsonl"), callers)));
        }
        let (bare, own) = (median(bare), median(own));
        println!("{callers:>8} {bare:>12.0} {own:>12.0} {:>8.2}", own / bare);
    }
    runtime.block_on(calls(folder.path()));
    runtime.block_on(verified(folder.path()));
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// Counts what callers do, each as fast as it is told that it was done.
async fn rate<F: Future<Output = u64> + Send + 'static>(
    callers: usize,
    act: impl Fn() -> F + Send + Sync + 'static,
) -> f64 {
    let (act, over, done) = (Arc::new(act), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    let all: Vec<_> = (0..callers)
        .map(|_| {
            let (act, over, done) = (Arc::clone(&act), Arc::clone(&over), Arc::clone(&done));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    done.fetch_add(act().await, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(RUN).await;
    over.store(true, Ordering::Relaxed);
    for caller in all {
        caller.await.unwrap();
    }
    done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

fn call() -> Asked {
    let subject = Subject {
        shard: Some(ShardName::parse("identity").unwrap()),
        tool: Some(ToolName::parse("entra_list_users").unwrap()),
        mock_mode: Some(true),
        ..Subject::default()
    };
    let what = Crossing::Call;
    Asked {
        what,
        parent: None,
        subject: Arc::new(subject),
        args_summary: None,
        subjects: Vec::new(),
        request_bytes: Some(11),
    }
}

/// As in production: chained, in the tree, signed now and then.
async fn append(file: &Path, callers: usize) -> f64 {
    let ledger = Ledger::open(file, Options::default().signed(Evidence::default())).unwrap();
    rate(callers, move || {
        let ledger = ledger.clone();
        async move {
            let entry = ledger.ask(call()).await.unwrap();
            drop(entry.close(Ending::Release { facts: Facts::default() }, ()).await.unwrap());
            2
        }
    })
    .await
}

type Waiting = (Mutex<(Vec<oneshot::Sender<()>>, bool)>, Condvar);

/// The least that durable lines take: lines of the same size that are ready made, one write and one `fdatasync` for all that wait.
async fn append_bare(file: &Path, callers: usize) -> f64 {
    let line = vec![b'x'; 420];
    let waiting = Arc::<Waiting>::default();
    let writer = thread::spawn({
        let waiting = Arc::clone(&waiting);
        let mut file = OpenOptions::new().append(true).create_new(true).open(file).unwrap();
        move || {
            loop {
                let held = waiting.0.lock().unwrap();
                let mut held = waiting.1.wait_while(held, |(batch, over)| batch.is_empty() && !*over).unwrap();
                let batch = std::mem::take(&mut held.0);
                drop(held);
                if batch.is_empty() {
                    return;
                }
                file.write_all(&line.repeat(batch.len())).unwrap();
                file.sync_data().unwrap();
                for done in batch {
                    let _ = done.send(());
                }
            }
        }
    });
    let queue = Arc::clone(&waiting);
    let rate = rate(callers, move || {
        let queue = Arc::clone(&queue);
        async move {
            let (done, told) = oneshot::channel();
            queue.0.lock().unwrap().0.push(done);
            queue.1.notify_one();
            told.await.unwrap();
            1
        }
    })
    .await;
    waiting.0.lock().unwrap().1 = true;
    waiting.1.notify_one();
    writer.join().unwrap();
    rate
}

/// Eight callers of one tool through the whole host.
async fn calls(folder: &Path) {
    println!("a call through the whole host, 8 callers, medians of {ROUNDS} rounds");
    println!("{:>36} {:>10} {:>10}", "ledger", "p50 ms", "p99 ms");
    let on = host(folder, true, Vec::new()).await;
    let off = host(folder, false, Vec::new()).await;
    let (mut times_on, mut times_off) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (host, times) in [(&on, &mut times_on), (&off, &mut times_off)] {
            let host = Arc::clone(host);
            let round = Arc::<Mutex<Vec<f64>>>::default();
            let kept = Arc::clone(&round);
            rate(8, move || {
                let (host, kept) = (Arc::clone(&host), Arc::clone(&kept));
                async move {
                    let start = Instant::now();
                    host.call(asked()).await.result.unwrap();
                    kept.lock().unwrap().push(start.elapsed().as_secs_f64() * 1000.0);
                    1
                }
            })
            .await;
            let mut round = std::mem::take(&mut *round.lock().unwrap());
            round.sort_by(f64::total_cmp);
            times.push((round[round.len() / 2], round[round.len() * 99 / 100]));
        }
    }
    let middle = |times: &[(f64, f64)]| {
        (median(times.iter().map(|time| time.0).collect()), median(times.iter().map(|time| time.1).collect()))
    };
    let (on, off) = (middle(&times_on), middle(&times_off));
    println!("{:>36} {:>10.2} {:>10.2}", "durable and signed", on.0, on.1);
    println!("{:>36} {:>10.2} {:>10.2}", "written, neither synced nor signed", off.0, off.1);
    println!("{:>36} {:>10.2} {:>10.2}", "ratio", on.0 / off.0, on.1 / off.1);
}

async fn verified(folder: &Path) {
    let file = folder.join("verified.jsonl");
    let ledger = Ledger::open(&file, Options::default().signed(Evidence::default()).danger_unsynced()).unwrap();
    let all: Vec<_> = (0..64)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for _ in 0..VERIFIED / 128 {
                    let entry = ledger.ask(call()).await.unwrap();
                    drop(entry.close(Ending::Release { facts: Facts::default() }, ()).await.unwrap());
                }
            })
        })
        .collect();
    for caller in all {
        caller.await.unwrap();
    }
    drop(ledger);
    let key = fs::read_to_string(public_key_file(&file)).unwrap().parse().unwrap();
    let (mut own, mut bare, mut lines) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let found = verify::verify(&file, Some(&key), &[]).unwrap();
        own.push(found.lines as f64 / start.elapsed().as_secs_f64());
        lines = found.lines;
        let start = Instant::now();
        let mut last = Hash::NONE;
        for line in BufReader::new(File::open(&file).unwrap()).split(b'\n') {
            last = Hash::leaf(&line.unwrap());
        }
        assert_eq!(last, found.head);
        bare.push(found.lines as f64 / start.elapsed().as_secs_f64());
    }
    let (own, bare) = (median(own), median(bare));
    println!("verification of {lines} lines, {:.0} MB", fs::metadata(&file).unwrap().len() as f64 / 1e6);
    println!("{own:.0} lines/s; reading and hashing alone {bare:.0} lines/s; ratio {:.2}", own / bare);
}
