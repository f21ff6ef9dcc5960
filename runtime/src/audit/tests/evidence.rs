//! Checkpoints, files, proofs: that a ledger is evidence.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::super::checkpoint::{Checkpoint, Signer, Verifier};
use super::super::proof::{self, BadProof, ProveError};
use super::super::readings::{self, Reader};
use super::super::{archive, evidence};
use super::*;

fn often() -> Evidence {
    Evidence { lines: 8, every: Duration::from_secs(3600), rotate_bytes: None, ..Evidence::default() }
}

/// A file of a few calls each.
fn small_files() -> Evidence {
    Evidence { rotate_bytes: Some(4096), ..often() }
}

fn open_with(path: &Path, evidence: Evidence) -> Ledger {
    Ledger::open(path, Options::default().signed(evidence)).unwrap()
}

fn refused(path: &Path, evidence: Evidence) -> LedgerError {
    Ledger::open(path, Options::default().signed(evidence)).map(drop).unwrap_err()
}

fn key(path: &Path) -> Verifier {
    fs::read_to_string(public_key_file(path)).unwrap().parse().unwrap()
}

async fn calls(ledger: &Ledger, n: usize) -> Vec<EventId> {
    let mut events = Vec::new();
    for _ in 0..n {
        let entry = ledger.ask(call()).await.unwrap();
        events.push(entry.event_id());
        entry.close(done(), ()).await.unwrap().into_inner();
    }
    events
}

fn verified(path: &Path) -> Verified {
    let kept = fs::read_to_string(checkpoint_file(path)).unwrap();
    let key = key(path);
    verify(path, Some(&key), &[key.open(&kept).unwrap()]).unwrap()
}

fn broken(path: &Path, key: Option<&Verifier>) -> (u64, Break) {
    let found = verify(path, key, &[]);
    let Err(VerifyError::Broken { line, source, .. }) = found else { panic!("{found:?}") };
    (line, source)
}

/// What is wrong with the whole, and with no line of it.
fn other(path: &Path, given: &[Checkpoint]) -> Break {
    let found = verify(path, Some(&key(path)), given);
    let Err(VerifyError::Given { source }) = found else { panic!("{found:?}") };
    source
}

fn checkpoints(path: &Path) -> Vec<(u64, Checkpoint)> {
    let signed = |line: Line| Some((line.seq, key(path).open(&line.checkpoint?).unwrap()));
    written(path).into_iter().filter_map(signed).collect()
}

fn codes(path: &Path) -> Vec<String> {
    written(path).into_iter().filter_map(|line| line.code).collect()
}

fn files(path: &Path) -> Vec<PathBuf> {
    archive::list(path).unwrap().into_iter().map(|(_, path)| path).chain([path.to_owned()]).collect()
}

#[tokio::test]
async fn lines_are_signed_by_number_and_at_the_end() {
    let (_folder, path) = scratch();
    let ledger = open_with(&path, often());
    calls(&ledger, 10).await;
    drop(ledger);
    let signed: Vec<_> = checkpoints(&path).into_iter().map(|(seq, checkpoint)| (seq, checkpoint.size)).collect();
    assert_eq!(signed, [(9, 8), (18, 17), (23, 22)], "a checkpoint signs all lines before it");
    let found = verified(&path);
    assert_eq!((found.lines, found.signed, found.checkpoints, found.torn), (23, 22, 3, 0));
    // The newest stands by itself, for others to keep.
    let kept = key(&path).open(&fs::read_to_string(checkpoint_file(&path)).unwrap()).unwrap();
    assert_eq!(kept.size, 22);
}

#[tokio::test]
async fn a_quiet_ledger_is_signed_in_time_and_only_once() {
    let (_folder, path) = scratch();
    let ledger = open_with(&path, Evidence { every: Duration::from_millis(10), ..often() });
    calls(&ledger, 1).await;
    tokio::time::timeout(Duration::from_secs(30), async {
        while checkpoints(&path).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    // The writer looks each second; a second look finds nothing unsigned.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    drop(ledger);
    assert_eq!(checkpoints(&path).len(), 1, "a checkpoint is not signed for its own sake");
    assert_eq!(verified(&path).lines, 3);
}

#[tokio::test]
async fn a_restart_continues_the_tree_also_after_a_crash() {
    let (_folder, path) = scratch();
    for restart in 0..4 {
        let ledger = open_with(&path, often());
        calls(&ledger, 3 + restart).await;
        let crashed = fs::read(&path).unwrap();
        drop(ledger);
        if restart % 2 == 1 {
            // As a crash leaves it: the last checkpoint was never written, neither here nor beside.
            fs::write(&path, crashed).unwrap();
            fs::remove_file(checkpoint_file(&path)).unwrap();
        }
    }
    open_with(&path, often());
    let found = verified(&path);
    assert_eq!(found.signed + 1, found.lines);
}

#[tokio::test]
async fn a_ledger_that_was_never_signed_is_signed_whole() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    calls(&ledger, 100).await;
    drop(ledger);
    open_with(&path, often());
    let found = verified(&path);
    assert_eq!((found.first, found.signed, found.lines), (1, 200, 201));
}

#[tokio::test]
async fn full_files_are_set_aside_and_read_as_one() {
    let (_folder, path) = scratch();
    let mut events = Vec::new();
    for _ in 0..3 {
        let ledger = open_with(&path, small_files());
        events.extend(calls(&ledger, 15).await);
    }
    let all = files(&path);
    assert!(all.len() > 4, "{all:?}");
    for (at, file) in all.iter().enumerate() {
        let first = read::first_line(file).unwrap();
        assert_eq!(
            first.checkpoint.is_some(),
            at > 0,
            "a file that continues another begins with what was signed of it"
        );
        if at + 1 < all.len() {
            assert_eq!(*file, archive::name(&path, first.seq));
        }
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let found = verified(&path);
    assert_eq!((found.first, found.torn), (1, 0));
    let lines = written(&path);
    assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), (1..=found.lines).collect::<Vec<_>>());
    let there: BTreeSet<_> = lines.iter().filter_map(|line| line.event_id).collect();
    assert!(events.iter().all(|event| there.contains(event)));
    // A tail that is longer than the newest file.
    let tail = read::tail(&path, Count::new(100).unwrap()).unwrap();
    let seqs: Vec<_> = tail.into_iter().map(|line| line.unwrap().line.seq).collect();
    assert_eq!(seqs, (found.lines - 99..=found.lines).collect::<Vec<_>>());
    assert_eq!(super::super::stats::stats(&path).unwrap().total_entries, 45);
}

#[tokio::test]
async fn each_day_has_its_file() {
    static TOMORROW: AtomicBool = AtomicBool::new(false);
    fn clock() -> Timestamp {
        let day = if TOMORROW.load(Ordering::Relaxed) { "2026-02-02T00:00:01Z" } else { "2026-02-01T23:59:59Z" };
        day.parse().unwrap()
    }
    let (_folder, path) = scratch();
    let daily = Evidence { rotate_daily: true, ..often() };
    let options = || Options::default().signed(daily.clone()).clock(clock);
    let ledger = Ledger::open(&path, options()).unwrap();
    calls(&ledger, 2).await;
    assert_eq!(files(&path).len(), 1);
    TOMORROW.store(true, Ordering::Relaxed);
    calls(&ledger, 2).await;
    assert_eq!(files(&path).len(), 2);
    drop(ledger);
    // A restart on the same day goes on in the same file.
    calls(&Ledger::open(&path, options()).unwrap(), 1).await;
    assert_eq!(files(&path).len(), 2);
    assert_eq!(written(&files(&path)[0]).len(), 4);
    verified(&path);
}

#[tokio::test]
async fn a_crash_while_a_file_is_set_aside_loses_nothing() {
    let (_folder, path) = scratch();
    calls(&open_with(&path, often()), 5).await;
    let lines = verified(&path).lines;
    // Linked under its new name, and not yet replaced.
    fs::hard_link(&path, archive::name(&path, 1)).unwrap();
    assert_eq!(verified(&path).lines, lines, "a reader meets the file once");
    calls(&open_with(&path, often()), 1).await;
    assert_eq!((files(&path).len(), verified(&path).lines), (1, lines + 3));
    // Replaced, and nothing written yet.
    fs::rename(&path, archive::name(&path, 1)).unwrap();
    fs::write(&path, "").unwrap();
    calls(&open_with(&path, often()), 1).await;
    assert_eq!((files(&path).len(), verified(&path).lines), (2, lines + 7), "it begins with a checkpoint of its own");
}

#[tokio::test]
async fn old_files_go_once_they_are_signed_and_the_ledger_says_so() {
    static LATER: AtomicBool = AtomicBool::new(false);
    fn clock() -> Timestamp {
        if LATER.load(Ordering::Relaxed) { "2026-03-01T00:00:00Z" } else { "2026-02-01T00:00:00Z" }.parse().unwrap()
    }
    let (_folder, path) = scratch();
    let kept = Evidence { keep: Some(Duration::from_secs(7 * 86_400)), ..small_files() };
    let options = |evidence: &Evidence| Options::default().signed(evidence.clone()).clock(clock);
    let events = calls(&Ledger::open(&path, options(&kept)).unwrap(), 40).await;
    let old = files(&path);
    assert!(old.len() > 3 && !codes(&path).contains(&"file-removed".to_owned()));
    LATER.store(true, Ordering::Relaxed);
    let kept = Evidence { rotate_bytes: None, ..kept };
    calls(&Ledger::open(&path, options(&kept)).unwrap(), 1).await;
    assert_eq!(files(&path).len(), 1, "all that was set aside is old");
    let removed: Vec<_> =
        written(&path).into_iter().filter(|line| line.code.as_deref() == Some("file-removed")).collect();
    assert_eq!(removed.len(), old.len() - 1);
    let found = verified(&path);
    assert!(found.first > 1);
    assert_eq!(removed.last().unwrap().through, Some(found.first - 1));
    // What is left can still be proven, what is gone cannot.
    assert!(matches!(proof::prove(&path, events[0]), Err(ProveError::Unknown)));
    for event in written(&path).into_iter().filter(|line| line.seq <= found.signed).filter_map(|line| line.event_id) {
        for proof in proof::prove(&path, event).unwrap() {
            assert_eq!(proof::verify(&proof.text, &key(&path)).unwrap().seq, proof.seq);
        }
    }
    // Without a line that says so it is no removal.
    let first = archive::name(&path, found.first);
    let text = fs::read_to_string(&path).unwrap();
    let (line, _) = text.split_once('\n').unwrap();
    fs::write(&path, format!("{line}\n")).unwrap();
    assert!(!first.exists());
    assert_eq!(other(&path, &[]), Break::Missing { missing: found.first - 1 });
}

#[tokio::test]
async fn a_file_that_nothing_signs_is_kept_however_old() {
    fn clock() -> Timestamp {
        "2026-02-01T00:00:00Z".parse().unwrap()
    }
    let (_folder, path) = scratch();
    let options = Options::default().signed(small_files()).clock(clock);
    calls(&Ledger::open(&path, options).unwrap(), 40).await;
    let [.., before_last, last, _] = files(&path)
        .try_into()
        .unwrap_or_else(|files: Vec<_>| <[PathBuf; 4]>::try_from(files[files.len() - 4..].to_vec()).unwrap());
    // The file after it no longer begins with a checkpoint of it.
    let text = fs::read_to_string(&last).unwrap();
    fs::write(&last, text.replacen("checkpoint", "chequepoint", 1)).unwrap();
    let now = "2027-02-01T00:00:00Z".parse().unwrap();
    let removable = archive::removable(&path, &key(&path), now).unwrap();
    assert!(removable.iter().all(|file| file.path != before_last && file.path != last) && !removable.is_empty());
}

/// Edits and chains anew all that follows, as who holds the file and not the key can.
fn rechained(path: &Path, edit: impl FnOnce(&mut Vec<String>)) {
    let mut lines: Vec<String> = fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    edit(&mut lines);
    let mut prev = Hash::NONE;
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let body = line.split_once(',').unwrap().1;
        let body = &body[..body.rfind(",\"prev\":").unwrap()];
        let line = format!("{{\"seq\":{},{body},\"prev\":\"{prev}\"}}", at + 1);
        prev = Hash::leaf(line.as_bytes());
        text += &line;
        text.push('\n');
    }
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn what_is_changed_and_chained_anew_is_found_by_what_was_signed() {
    type Edit = fn(&mut Vec<String>);
    let edits: [(&str, Edit, u64, Break); 5] = [
        ("edited", |lines| lines[11] = lines[11].replace("identity", "identitx"), 18, Break::Root { since: 9 }),
        ("removed", |lines| drop(lines.remove(11)), 17, Break::Root { since: 9 }),
        ("added", |lines| lines.insert(11, lines[11].clone()), 19, Break::Root { since: 9 }),
        ("reordered", |lines| lines.swap(2, 3), 9, Break::Root { since: 1 }),
        (
            "before the first checkpoint",
            |lines| lines[0] = lines[0].replace("READ", "AUDIT"),
            9,
            Break::Root { since: 1 },
        ),
    ];
    for (what, edit, line, source) in edits {
        let (_folder, path) = scratch();
        calls(&open_with(&path, often()), 12).await;
        rechained(&path, edit);
        assert_eq!(broken(&path, Some(&key(&path))), (line, source), "{what}");
        assert_eq!(broken(&path, None), (line, source), "{what}, without a key");
    }
}

#[tokio::test]
async fn who_signs_anew_with_another_key_is_found_by_the_first() {
    let (_folder, path) = scratch();
    calls(&open_with(&path, often()), 3).await;
    let first = key(&path);
    // All of it written anew, under the same name and another key.
    for suffix in ["", ".checkpoint", ".key", ".pub"] {
        fs::remove_file(beside(&path, suffix)).unwrap();
    }
    let (_, text) = Signer::generate(first.name()).unwrap();
    fs::write(beside(&path, ".key"), &*text).unwrap();
    fs::set_permissions(beside(&path, ".key"), fs::Permissions::from_mode(0o600)).unwrap();
    calls(&open_with(&path, often()), 3).await;
    verified(&path);
    assert!(matches!(broken(&path, Some(&first)), (7, Break::Checkpoint(_))));
}

#[tokio::test]
async fn lines_cut_from_the_end_are_found_by_a_checkpoint_kept_elsewhere() {
    let (_folder, path) = scratch();
    calls(&open_with(&path, often()), 12).await;
    let (key, whole) = (key(&path), fs::read_to_string(&path).unwrap());
    let kept = key.open(&fs::read_to_string(checkpoint_file(&path)).unwrap()).unwrap();
    let cut = |lines: usize| whole.split_inclusive('\n').take(lines).collect::<String>();
    for left in [0, 1, 8, 17, 25] {
        fs::write(&path, cut(left)).unwrap();
        verify(&path, Some(&key), &[]).unwrap();
        let short = Break::Short { signed: kept.size, found: left as u64 };
        assert_eq!(other(&path, std::slice::from_ref(&kept)), short);
        let error = refused(&path, often());
        assert!(matches!(error, LedgerError::Cut { .. }), "{left}: {error:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), cut(left), "a ledger that was cut is left as it is");
    }
    // The checkpoint's own line is signed by the next one only: nobody loses what it says.
    fs::write(&path, cut(26)).unwrap();
    open_with(&path, often());
    fs::write(&path, whole).unwrap();
    // A checkpoint of another ledger of the same key.
    let another = Checkpoint { root: Hash::NONE, ..kept.clone() };
    assert_eq!(other(&path, &[kept, another]), Break::Differs { signed: 26 });
}

#[tokio::test]
async fn files_in_the_middle_cannot_go_or_change() {
    let (_folder, path) = scratch();
    calls(&open_with(&path, small_files()), 40).await;
    let all = files(&path);
    let key = key(&path);
    let second = fs::read_to_string(&all[1]).unwrap();
    fs::remove_file(&all[1]).unwrap();
    let third = read::first_line(&all[2]).unwrap().seq;
    let due = read::first_line(&all[0]).unwrap().seq + written(&all[0]).len() as u64;
    assert_eq!(broken(&path, Some(&key)), (due, Break::Seq { expected: due, found: third }));
    fs::write(&all[1], second.replacen("READ", "AUDIT", 1)).unwrap();
    assert!(matches!(broken(&path, Some(&key)), (_, Break::Prev)));
    fs::write(&all[1], second).unwrap();
    verified(&path);
    // The newest gone while others are there: it was removed.
    fs::rename(&path, beside(&path, ".gone")).unwrap();
    assert!(matches!(refused(&path, small_files()), LedgerError::Tampered { .. }));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_key_is_made_once_and_must_stay() {
    let (folder, path) = scratch();
    calls(&open_with(&path, often()), 1).await;
    let file = beside(&path, ".key");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("PRIVATE+KEY+nexus/"));
    assert!(!fs::read_to_string(public_key_file(&path)).unwrap().contains("PRIVATE"));

    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(refused(&path, often()), LedgerError::Key { .. }), "others may read it");
    fs::remove_file(&file).unwrap();
    assert!(matches!(refused(&path, often()), LedgerError::Key { .. }), "what was signed has a key");
    assert!(!file.exists(), "and no other is made");
    for bad in ["", "PRIVATE+KEY+nexus/x+00000000+AQ==", &text.replace("nexus/", "nexux/")] {
        fs::write(&file, bad).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(refused(&path, often()), LedgerError::Key { .. }), "{bad}");
    }
    fs::write(&file, &*Signer::generate("nexus/another").unwrap().1).unwrap();
    assert!(matches!(refused(&path, often()), LedgerError::OtherKey { .. }));
    // Given, and for two ledgers.
    let given = folder.path().join("given");
    fs::write(&given, &text).unwrap();
    fs::set_permissions(&given, fs::Permissions::from_mode(0o600)).unwrap();
    calls(&open_with(&path, Evidence { key: Some(given), ..often() }), 1).await;
    verified(&path);
}

/// Names, bytes and modes of all files beside the ledger, but for the lock.
fn standing(path: &Path) -> Vec<(PathBuf, Vec<u8>, u32)> {
    let mut all: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| *file != beside(path, ".lock"))
        .map(|file| {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            (file.clone(), fs::read(&file).unwrap(), mode)
        })
        .collect();
    all.sort();
    all
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_start_that_is_refused_leaves_every_file_as_it_was() {
    type Deed = fn(&Path);
    let deeds: [(&str, Deed); 11] = [
        ("another key", |path| write_private(&beside(path, ".key"), &Signer::generate("nexus/another").unwrap().1)),
        ("no key", |path| fs::remove_file(beside(path, ".key")).unwrap()),
        ("a key that is none", |path| write_private(&beside(path, ".key"), "PRIVATE+KEY+nexus/x+00000000+AQ==\n")),
        ("a key that others read", |path| {
            fs::set_permissions(beside(path, ".key"), fs::Permissions::from_mode(0o640)).unwrap();
        }),
        ("cut", |path| {
            fs::write(path, fs::read_to_string(path).unwrap().split_inclusive('\n').take(3).collect::<String>())
                .unwrap()
        }),
        ("cut, and torn", |path| {
            let text = fs::read_to_string(path).unwrap();
            fs::write(path, text.split_inclusive('\n').take(3).collect::<String>() + "{\"seq\":4,").unwrap();
        }),
        ("emptied", |path| fs::write(path, "").unwrap()),
        ("deleted", |path| fs::remove_file(path).unwrap()),
        ("not a ledger", |path| fs::write(path, "hello\n").unwrap()),
        ("a line in between removed", |path| {
            let text = fs::read_to_string(path).unwrap();
            let mut lines: Vec<_> = text.split_inclusive('\n').collect();
            lines.remove(lines.len() - 2);
            fs::write(path, lines.concat()).unwrap();
        }),
        ("open to others, with another key", |path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
            write_private(&beside(path, ".key"), &Signer::generate("nexus/another").unwrap().1);
        }),
    ];
    for (what, deed) in deeds {
        let (_folder, path) = scratch();
        calls(&open_with(&path, often()), 12).await;
        let public = key(&path);
        deed(&path);
        let before = standing(&path);
        refused(&path, often());
        assert_eq!(standing(&path), before, "{what}");
        assert_eq!(key(&path), public, "{what}");
    }
    // Where there is no ledger yet, none is begun either.
    let (folder, path) = scratch();
    let given = folder.path().join("given");
    write_private(&given, "no key");
    refused(&path, Evidence { key: Some(given.clone()), ..often() });
    assert_eq!(standing(&path).len(), 1);
    // The control: with a key that is one it is.
    write_private(&given, &Signer::generate("nexus/given").unwrap().1);
    calls(&open_with(&path, Evidence { key: Some(given), ..often() }), 1).await;
    verified(&path);
}

#[tokio::test]
async fn what_a_crash_in_the_middle_of_dividing_left_stays_while_a_start_is_refused() {
    let (_folder, path) = scratch();
    calls(&open_with(&path, small_files()), 15).await;
    let first = read::first_line(&path).unwrap().seq;
    fs::hard_link(&path, archive::name(&path, first)).unwrap();
    let text = fs::read_to_string(beside(&path, ".key")).unwrap();
    write_private(&beside(&path, ".key"), &Signer::generate("nexus/another").unwrap().1);
    let before = standing(&path);
    refused(&path, small_files());
    assert_eq!(standing(&path), before);
    write_private(&beside(&path, ".key"), &text);
    drop(open_with(&path, small_files()));
    assert!(!archive::name(&path, first).exists());
    verified(&path);
}

#[tokio::test]
async fn a_key_that_was_published_and_signed_nothing_yet_is_not_replaced() {
    let (_folder, path) = scratch();
    let ledger = open_with(&path, often());
    calls(&ledger, 1).await;
    let crashed = fs::read(&path).unwrap();
    let public = key(&path);
    drop(ledger);
    // As a crash before the first checkpoint leaves it.
    fs::write(&path, crashed).unwrap();
    fs::remove_file(checkpoint_file(&path)).unwrap();
    let text = fs::read_to_string(beside(&path, ".key")).unwrap();
    write_private(&beside(&path, ".key"), &Signer::generate(public.name()).unwrap().1);
    assert!(matches!(refused(&path, often()), LedgerError::OtherKey { .. }));
    fs::remove_file(beside(&path, ".key")).unwrap();
    assert!(matches!(refused(&path, often()), LedgerError::Key { .. }), "nor is another made");
    assert_eq!(key(&path), public);
    write_private(&beside(&path, ".key"), &text);
    calls(&open_with(&path, often()), 1).await;
    verified(&path);
    // Where what was signed tells whose it is, a public key that somebody put there is put right.
    for other in ["", "garbage", &Signer::generate("nexus/other").unwrap().0.verifier().to_string()] {
        fs::write(public_key_file(&path), other).unwrap();
        drop(open_with(&path, often()));
        assert_eq!(key(&path), public);
    }
}

/// Before its first checkpoint no signature tells that there were lines; the public key does, which stands there before anybody is
/// told of the first line.
#[tokio::test]
async fn a_ledger_that_is_gone_before_its_first_checkpoint_is_missed() {
    let evidence = || Evidence { lines: 4096, every: Duration::from_secs(3600), ..often() };
    for emptied in [false, true] {
        let (_folder, path) = scratch();
        let ledger = open_with(&path, evidence());
        assert!(!public_key_file(&path).exists(), "a ledger without a line has not begun");
        calls(&ledger, 1).await;
        assert!(public_key_file(&path).exists() && !checkpoint_file(&path).exists());
        let lines = fs::read(&path).unwrap();
        // As after a kill: no last checkpoint.
        let (_copy, elsewhere) = scratch();
        for suffix in [".key", ".pub"] {
            write_private(&beside(&elsewhere, suffix), &fs::read_to_string(beside(&path, suffix)).unwrap());
        }
        if emptied {
            fs::write(&elsewhere, "").unwrap();
        }
        let before = standing(&elsewhere);
        let error = refused(&elsewhere, evidence());
        assert!(matches!(error, LedgerError::Gone { .. }), "{error:?}");
        assert_eq!(standing(&elsewhere), before);
        // It goes on with its lines, and begins anew where the operator says so.
        fs::write(&elsewhere, lines).unwrap();
        calls(&open_with(&elsewhere, evidence()), 1).await;
        verified(&elsewhere);
        for suffix in ["", ".pub", ".checkpoint"] {
            fs::remove_file(beside(&elsewhere, suffix)).unwrap();
        }
        calls(&open_with(&elsewhere, evidence()), 1).await;
        assert_eq!(verified(&elsewhere).first, 1);
    }
}

#[tokio::test]
async fn a_start_that_never_wrote_a_line_leaves_nothing_that_stops_the_next() {
    let (_folder, path) = scratch();
    for _ in 0..3 {
        drop(open_with(&path, often()));
    }
    fs::remove_file(&path).unwrap();
    calls(&open_with(&path, often()), 1).await;
    verified(&path);
}

#[tokio::test]
async fn a_proof_proves_its_line_and_nothing_else() {
    let (_folder, path) = scratch();
    let ledger = open_with(&path, small_files());
    let events = calls(&ledger, 30).await;
    let unsigned = proof::prove(&path, *events.last().unwrap());
    assert!(matches!(unsigned, Err(ProveError::Unsigned { .. }) | Ok(_)));
    drop(ledger);
    let (key, lines) = (key(&path), records(&path));
    for event in &events {
        let proofs = proof::prove(&path, *event).unwrap();
        assert_eq!(proofs.len(), 2, "asked and ended");
        for proof in proofs {
            let proven = proof::verify(&proof.text, &key).unwrap();
            assert_eq!(proven.line, lines[proof.seq as usize - 1].raw);
            assert_eq!(proven.seq, proof.seq);
        }
    }
    assert!(matches!(proof::prove(&path, EventId::new()), Err(ProveError::Unknown)));

    let text = proof::prove(&path, events[7]).unwrap().remove(0).text;
    let other = Signer::generate("nexus/other").unwrap().0;
    let (head, extra) = (text.lines().next().unwrap(), text.lines().nth(1).unwrap());
    let sibling = text.lines().nth(3).unwrap();
    for (bad, why) in [
        (String::new(), BadProof::Form),
        (text.replacen("@v1", "@v2", 1), BadProof::Form),
        (text.replacen(&format!("{extra}\n"), "", 1), BadProof::NoLine),
        (text.replacen(extra, "extra eyJzZXEiOjF9", 1), BadProof::NotIn),
        (text.replacen("index ", "index 0", 1), BadProof::Form),
        (text.replacen("index ", "index 1", 1), BadProof::NotIn),
        (text.replacen(&format!("{sibling}\n"), "", 1), BadProof::NotIn),
        (text.replacen(sibling, "AAAA", 1), BadProof::Form),
        (format!("{head}\n{text}"), BadProof::NoLine),
    ] {
        assert_eq!(proof::verify(&bad, &key), Err(why), "{bad}");
    }
    assert!(matches!(proof::verify(&text, other.verifier()), Err(BadProof::Checkpoint(_))));
}

#[tokio::test]
async fn who_reads_on_the_command_line_is_on_record() {
    let (folder, path) = scratch();
    let ledger = open_with(&path, often());
    assert!(readings::leave(&path, Reader::Search).unwrap());
    tokio::time::timeout(Duration::from_secs(30), async {
        while !codes(&path).contains(&"read-search".to_owned()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    drop(ledger);
    // Also while no host runs, and whatever else stands in the file.
    readings::leave(&path, Reader::Export).unwrap();
    let left = beside(&path, ".readings");
    let text = fs::read_to_string(&left).unwrap();
    fs::write(&left, format!("torn{{\n{text}{}", text.replace("export", "no-reader"))).unwrap();
    drop(open_with(&path, often()));
    assert_eq!(codes(&path), ["read-search", "read-export"]);
    assert_eq!(fs::metadata(&left).unwrap().len(), 0);
    let line = written(&path).into_iter().find(|line| line.code.as_deref() == Some("read-export")).unwrap();
    assert!(line.principal.unwrap().starts_with("uid:"));
    verified(&path);
    // An auditor's copy is left alone.
    let copy = folder.path().join("copy.jsonl");
    fs::copy(&path, &copy).unwrap();
    assert!(!readings::leave(&copy, Reader::Verify).unwrap());
    assert!(!beside(&copy, ".readings").exists());
}

/// More than is taken over at once: nothing of it is lost, and nothing recorded twice.
#[tokio::test]
async fn what_many_have_read_is_taken_over_whole() {
    const AT_ONCE: usize = 16 << 20;
    let (_folder, path) = scratch();
    drop(open_with(&path, often()));
    let left = beside(&path, ".readings");
    let line = |reader| {
        readings::leave(&path, reader).unwrap();
        let text = fs::read_to_string(&left).unwrap();
        fs::remove_file(&left).unwrap();
        text
    };
    let (first, across, last) = (line(Reader::Search), line(Reader::Export), line(Reader::Prove));
    // One line lies across the border, and one beyond; what lies between is nobody's.
    let mut text = first;
    while text.len() < AT_ONCE - 100 {
        text += &format!("{}\n", "x".repeat((AT_ONCE - 51 - text.len()).min(65_536)));
    }
    text += &across;
    assert!(text.len() > AT_ONCE && text.len() - across.len() < AT_ONCE);
    text += &format!("{}\n", "x".repeat(AT_ONCE));
    text += &last;
    fs::write(&left, text).unwrap();
    drop(open_with(&path, often()));
    assert_eq!(codes(&path), ["read-search", "read-export", "read-prove"]);
    assert_eq!(fs::metadata(&left).unwrap().len(), 0);
    verified(&path);
}

#[tokio::test]
async fn a_mirror_shows_each_line_and_what_it_loses_is_counted() {
    let (_folder, path) = scratch();
    let (mirror, mirrored) = Mirror::new("stderr-lines-lost");
    let ledger = Ledger::open(&path, Options::default().signed(often()).mirrored(mirror)).unwrap();
    calls(&ledger, 3).await;
    let mut seen = Vec::new();
    while let Some(lines) = mirrored.more() {
        seen.extend_from_slice(&lines);
    }
    assert_eq!(seen, fs::read(&path).unwrap(), "the very bytes");
    // One that does not look delays nobody.
    mirrored.lose(5);
    calls(&ledger, 1500).await;
    let last_words = std::thread::spawn(move || while mirrored.next().is_some() {});
    drop(ledger);
    last_words.join().unwrap();
    let lost: u64 = written(&path)
        .iter()
        .filter(|line| line.code.as_deref() == Some("stderr-lines-lost"))
        .map(|line| line.count.unwrap())
        .sum();
    assert!(lost > 1000, "{lost}");
    verified(&path);
}

#[tokio::test]
async fn a_disk_that_fails_around_checkpoints_leaves_a_ledger_that_verifies() {
    let (_folder, path) = scratch();
    let (ledger, faults) = faulty(&path, Options::default().signed(small_files()));
    for round in 0..60 {
        faults.lock().unwrap().room = (round % 3 == 1).then_some(round * 13);
        faults.lock().unwrap().sync_fails = round % 7 == 2;
        if let Ok(entry) = ledger.ask(call()).await {
            faults.lock().unwrap().room = (round % 5 == 4).then_some(10);
            drop(entry.close(done(), ()).await);
        }
    }
    *faults.lock().unwrap() = Faults::default();
    calls(&ledger, 1).await;
    drop(ledger);
    let found = verified(&path);
    assert_eq!(found.signed + 1, found.lines);
    assert!(codes(&path).contains(&"interrupted-disk-full".to_owned()));
    assert!(files(&path).len() > 2);
}

#[tokio::test]
async fn a_reader_follows_into_the_next_files() {
    let (_folder, path) = scratch();
    let ledger = open_with(&path, small_files());
    calls(&ledger, 2).await;
    let (last, mut following) = read::Following::from(&path, Count::new(3).unwrap()).unwrap();
    let mut seqs: Vec<_> = last.into_iter().map(|line| line.unwrap().line.seq).collect();
    assert_eq!(seqs, [2, 3, 4]);
    for n in [1, 30, 0, 2] {
        calls(&ledger, n).await;
        seqs.extend(following.more().unwrap().into_iter().map(|line| line.unwrap().line.seq));
    }
    let newest = written(&path).last().unwrap().seq;
    assert_eq!(seqs, (2..=newest).collect::<Vec<_>>());
    assert!(files(&path).len() > 2);
    fs::write(beside(&path, ".other"), "").unwrap();
    fs::rename(beside(&path, ".other"), &path).unwrap();
    assert!(following.more().is_err(), "a file that replaces the ledger is not its next");
}

#[test]
fn days_are_those_of_utc() {
    assert_eq!(evidence::day("2026-02-01T23:59:59Z".parse().unwrap()).to_string(), "2026-02-01");
}
