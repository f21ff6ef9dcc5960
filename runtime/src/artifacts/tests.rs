//! `kill -9` at random moments: an artifact is whole or not there, and what was acknowledged is there.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

const FOLDER: &str = "NEXUS_TEST_REPORTS_TO_BE_KILLED";
const KILLS: usize = 25;

fn new<'a>(shard: &'a ShardName, name: &'a ArtifactName) -> New<'a> {
    New { shard, name, media_type: "text/plain", source: "mock", call: "a-call".to_owned() }
}

/// What runs until it is killed: versions of one name, one after the other. It says each that it was told is kept.
#[test]
#[ignore = "the process that the test below kills"]
fn keeps_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = Store::new(PathBuf::from(folder), 1 << 30);
    let (shard, name) = (ShardName::parse("x").unwrap(), ArtifactName::parse("a.txt").unwrap());
    for n in 0_usize.. {
        let data = format!("{n} ").repeat(n % 5000 + 1);
        let (kept, digest) = store.put(&new(&shard, &name), data.as_bytes()).unwrap();
        writeln!(io::stdout(), "kept {} {digest}", kept.version).unwrap();
    }
}

#[test]
fn what_was_kept_is_there_and_whole_after_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    let reports = folder.path().join("deep/er/reports");
    let mut acknowledged = BTreeMap::new();
    for _ in 0..KILLS {
        acknowledged.extend(killed(&reports));
        let store = Store::new(reports.clone(), 1 << 30);
        let kept = store.list().unwrap();
        for (version, digest) in &acknowledged {
            let one = kept.iter().find(|kept| kept.version == *version).unwrap_or_else(|| panic!("{version} is lost"));
            assert_eq!(one.digest, *digest, "{version}");
        }
        for one in &kept {
            store.read(one).unwrap();
        }
        // What was not finished is shown to nobody, and in nobody's way.
        let files = fs::read_dir(reports.join("x")).unwrap();
        let names: Vec<_> = files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let whole = names.iter().filter(|name| !name.starts_with('.')).count();
        assert!(kept.len() <= whole && whole <= kept.len() + KILLS, "{names:?}");
    }
    assert!(acknowledged.len() > KILLS, "it kept some between the kills");
    let store = Store::new(reports, 1 << 30);
    let (shard, name) = (ShardName::parse("x").unwrap(), ArtifactName::parse("a.txt").unwrap());
    let before = store.list().unwrap().len();
    store.put(&new(&shard, &name), b"it goes on").unwrap();
    assert_eq!(store.list().unwrap().len(), before + 1);
}

/// Starts one, kills it some milliseconds after its first word, and returns what it was told is kept, by version.
fn killed(reports: &Path) -> BTreeMap<u32, String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "artifacts::tests::keeps_until_it_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, reports)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let read = |line: String| {
        let (version, digest) = line.split_once("kept ")?.1.split_once(' ')?;
        // A kill may cut the last word.
        (digest.len() == "sha256:".len() + 64).then(|| Some((version.parse().ok()?, digest.to_owned())))?
    };
    let first = said.find_map(read).expect("it keeps");
    std::thread::sleep(Duration::from_micros(u64::from(getrandom::u32().unwrap() % 8_000)));
    child.kill().unwrap();
    let all = said.filter_map(read).chain([first]).collect();
    child.wait().unwrap();
    all
}
