//! `kill -9` at random moments: what was acknowledged is there, and the ledger goes on.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

const LEDGER: &str = "NEXUS_TEST_LEDGER_TO_BE_KILLED";
/// A ledger is killed so often and then another one is begun, because each check reads all of it.
const KILLS: usize = 50;
const LEDGERS: usize = 20;

/// What runs until it is killed: several callers, small files, many checkpoints. It says each number that it was told is durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test below kills"]
async fn writes_until_it_is_killed() {
    let Ok(path) = std::env::var(LEDGER) else { return };
    let evidence = Evidence { lines: 16, rotate_bytes: Some(40_000), ..Evidence::default() };
    let ledger = Ledger::open(Path::new(&path), Options::default().signed(evidence)).unwrap();
    let callers = (0..4).map(|_| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            while ledger.path().exists() {
                let entry = ledger.ask(call()).await.unwrap();
                let seq = entry.close(done(), ()).await.unwrap().position().seq;
                writeln!(io::stdout(), "durable {seq}").unwrap();
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    tokio::time::sleep(Duration::from_secs(600)).await;
    drop(callers);
}

#[test]
fn nothing_that_was_acknowledged_is_lost_in_a_thousand_kills() {
    for _ in 0..LEDGERS {
        let (_folder, path) = scratch();
        for _ in 0..KILLS {
            let acknowledged = killed(&path);
            let key = fs::read_to_string(public_key_file(&path)).unwrap().parse().unwrap();
            let found = verify(&path, Some(&key), &[]).unwrap();
            assert!(found.lines >= acknowledged, "{found:?} of {acknowledged}");
        }
        // It goes on by itself, and ends whole.
        drop(Ledger::open(&path, Options::default().signed(Evidence::default())).unwrap());
        let key: super::super::checkpoint::Verifier =
            fs::read_to_string(public_key_file(&path)).unwrap().parse().unwrap();
        let kept = key.open(&fs::read_to_string(checkpoint_file(&path)).unwrap()).unwrap();
        let found = verify(&path, Some(&key), &[kept]).unwrap();
        assert_eq!((found.signed + 1, found.torn), (found.lines, 0));
    }
}

/// Killed at any moment of its start, from before the key is made until after the first line.
#[test]
fn a_start_that_is_killed_at_any_moment_is_followed_by_one_that_works() {
    let mut unfinished = 0;
    for round in 0..60_u64 {
        let (_folder, path) = scratch();
        let mut child = begun(&path);
        // From when the first of its files is there: what comes before is not ours.
        let start = std::time::Instant::now();
        while !beside(&path, ".lock").exists() && start.elapsed() < Duration::from_secs(60) {
            std::hint::spin_loop();
        }
        std::thread::sleep(Duration::from_micros(round * 50));
        child.kill().unwrap();
        child.wait().unwrap();
        let published = fs::read_to_string(public_key_file(&path)).ok();
        unfinished += usize::from(published.is_none());
        let ledger = Ledger::open(&path, Options::default().signed(Evidence::default())).unwrap();
        drop(ledger);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ledger = Ledger::open(&path, Options::default().signed(Evidence::default())).unwrap();
        runtime.block_on(async { drop(ledger.ask(call()).await.unwrap()) });
        drop(ledger);
        let text = fs::read_to_string(public_key_file(&path)).unwrap();
        assert!(published.is_none_or(|published| published == text), "a key that was published stays");
        let key = text.parse().unwrap();
        let found = verify(&path, Some(&key), &[]).unwrap();
        assert_eq!((found.signed + 1, found.torn), (found.lines, 0));
    }
    assert!(unfinished > 0, "some were killed before their first line");
}

fn begun(path: &Path) -> std::process::Child {
    let name = "audit::tests::killed::writes_until_it_is_killed";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"])
        .env(LEDGER, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Starts one, kills it some milliseconds after its first word, and returns the last number it was told.
fn killed(path: &Path) -> u64 {
    let mut child = begun(path);
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let number = |line: String| line.split_once("durable ")?.1.parse::<u64>().ok();
    let first = said.find_map(number).expect("it writes");
    std::thread::sleep(Duration::from_micros(u64::from(getrandom::u32().unwrap() % 8_000)));
    child.kill().unwrap();
    // A number may be cut too; one that is shorter is smaller.
    let last = said.filter_map(number).chain([first]).max().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9), "it was killed and did not end by itself");
    last
}
