mod evidence;
mod killed;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::file::{Fault, LedgerFile, Sink};
use super::read::{self, Count, Line, Record};
use super::verify::{Break, Verified, VerifyError, verify};
use super::*;
use crate::names::{CredentialName, ShardName, ToolName};
use crate::redact::{Redactions, Rule};

fn scratch() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit.jsonl");
    (folder, path)
}

fn open(path: &Path) -> Ledger {
    Ledger::open(path, Options::default()).unwrap()
}

fn scrubbed(text: &str) -> Scrubbed {
    Scrubbed::already_scrubbed(text.to_owned())
}

fn subject() -> Arc<Subject> {
    Arc::new(Subject {
        shard: Some(ShardName::parse("identity").unwrap()),
        tool: Some(ToolName::parse("entra_list_users").unwrap()),
        category: Some(Category::Read),
        mock_mode: Some(true),
        principal: Some(scrubbed("operator")),
        client: Some(scrubbed("assistant \"1.2\"\n")),
        component: Some(Digest::of(b"component")),
        lock: Some(Digest::of(b"lock")),
        dev: false,
    })
}

fn graph() -> Destination {
    Destination {
        scheme: Scheme::Https,
        host: scrubbed("graph.microsoft.com"),
        port: 443,
        method: Method::named("GET"),
        template: Some(scrubbed("/v1.0/users/{id}")),
    }
}

fn call() -> Asked {
    let args_summary = Some(scrubbed(r#"{"limit":50}"#));
    Asked {
        what: Crossing::Call,
        parent: None,
        subject: subject(),
        args_summary,
        subjects: Vec::new(),
        request_bytes: None,
    }
}

fn egress(parent: EventId) -> Asked {
    let credential = Some(CredentialName::parse("graph").unwrap());
    let what = Crossing::Egress { to: Some(graph()), credential };
    Asked { what, parent: Some(parent), args_summary: None, subjects: Vec::new(), request_bytes: Some(12), ..call() }
}

fn done() -> Ending {
    Ending::Release { facts: Facts::default() }
}

fn records(path: &Path) -> Vec<Record> {
    read::lines(path).unwrap().map(Result::unwrap).collect()
}

fn written(path: &Path) -> Vec<Line> {
    records(path).into_iter().map(|record| record.line).collect()
}

/// A short form of all lines: phase, or kind and code where there is none.
fn story(path: &Path) -> Vec<String> {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    written(path)
        .into_iter()
        .map(|line| match line.phase {
            Some(phase) => word(serde_json::to_value(phase).unwrap()),
            None => word(serde_json::to_value(line.kind).unwrap()) + " " + line.code.as_deref().unwrap_or_default(),
        })
        .collect()
}

fn assert_whole(path: &Path, lines: u64) {
    let Verified { lines: found, torn, .. } = verify(path, None, &[]).unwrap();
    assert_eq!((found, torn), (lines, 0));
}

// What a line says.

#[tokio::test]
async fn a_call_and_its_crossing_leave_two_lines_each() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    let outer = ledger.ask(call()).await.unwrap();
    let call_id = outer.event_id();
    let inner = ledger.ask(egress(call_id)).await.unwrap();
    assert_eq!(written(&path).len(), 2, "both intents are on record before anything moved");

    let mut redactions = Redactions::default();
    redactions.add_path(Rule::Jwt, "/value/*/token".to_owned(), 2);
    let facts = Facts {
        upstream_status: Some(200),
        reply_bytes: Some(4096),
        redactions,
        complete: Some(false),
        rows: Some(7),
        result: Some(Digest::of(b"reply")),
        ..Facts::default()
    };
    let reply = inner.close(Ending::Release { facts }, "reply").await.unwrap();
    assert_eq!(reply.position().seq, 3);
    assert_eq!(reply.into_inner(), "reply");
    let fail = Ending::Fail { code: "trap", message: Some(scrubbed("out of fuel")), facts: Facts::default() };
    let answer = outer.close(fail, ()).await.unwrap();
    assert_eq!(answer.position(), Position { event_id: call_id, seq: 4 });

    assert_whole(&path, 4);
    let lines = written(&path);
    let [call_asked, egress_asked, egress_ended, call_ended] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(call_asked.event_id, Some(call_id));
    assert_eq!(call_asked.kind, Some(Kind::Call));
    assert_eq!(call_asked.args_summary, Some(r#"{"limit":50}"#.into()));
    assert_eq!(call_asked.component_digest, Some(Digest::of(b"component").to_string()));
    assert_eq!((call_asked.status.as_deref(), call_asked.latency_ms), (None, None));
    assert_eq!(egress_asked.parent_id, Some(call_id));
    assert_eq!(egress_asked.kind, Some(Kind::Egress));
    assert_eq!(egress_asked.credential.as_deref(), Some("graph"));
    let destination = egress_asked.destination.as_ref().unwrap();
    assert_eq!((destination.host.as_str(), destination.port), ("graph.microsoft.com", 443));
    assert_eq!((destination.method.as_str(), destination.scheme.as_str()), ("GET", "https"));
    assert_eq!(egress_ended.event_id, egress_asked.event_id);
    assert_eq!(egress_ended.status.as_deref(), Some("success"));
    assert_eq!(egress_ended.redactions, [("jwt".to_owned(), 2)].into());
    let place = serde_json::json!({ "rule": "jwt", "path": "/value/*/token", "count": 2 });
    assert_eq!(egress_ended.redacted, [place]);
    assert_eq!((egress_ended.rows, egress_ended.complete), (Some(7), Some(false)));
    assert_eq!(call_ended.status.as_deref(), Some("error"));
    assert_eq!(call_ended.error_type.as_deref(), Some("trap"));
    assert_eq!(call_ended.error_message.as_deref(), Some("out of fuel"));
    for line in &lines {
        assert_eq!((line.schema_version.as_str(), line.source.as_str()), ("2", "nexus"));
        assert_eq!(line.client.as_deref(), Some("assistant \"1.2\"\n"));
        assert_eq!(line.action_category.as_deref(), Some("READ"));
        assert_eq!(line.mock_mode, Some(true));
    }
}

#[tokio::test]
async fn every_field_that_is_written_is_one_that_readers_know() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    let refuse = || Ending::Refuse {
        code: "not-granted",
        facts: Facts { to: Some(graph()), request_bytes: Some(1), ..Facts::default() },
    };
    let credential = CredentialName::parse("graph").unwrap();
    for what in [
        Crossing::Call,
        Crossing::Egress { to: None, credential: None },
        Crossing::Directory { to: Some(graph()), credential: Some(credential.clone()) },
        Crossing::Peer { tool: ToolName::parse("ad_list_users").ok() },
        Crossing::Artifact { name: scrubbed("weekly.md") },
        Crossing::Token { to: graph(), credential },
    ] {
        let entry = ledger.ask(Asked { what, ..call() }).await.unwrap();
        entry.close(refuse(), ()).await.unwrap().into_inner();
    }
    for event in [
        Event::Start,
        Event::Admin { code: "settings-read" },
        Event::LogSuppressed,
        Event::RefusedAgain,
        Event::Refused { code: "unknown-tool" },
        Event::Stop,
    ] {
        let refusals = vec![RefusedAgain { kind: Kind::Peer, refusal: "leak", count: 3 }];
        let args_summary = call().args_summary;
        let note = Note { count: Some(3), subject: subject(), args_summary, refusals, ..Note::new(event) };
        ledger.note(note).await.unwrap();
    }
    assert_whole(&path, 18);
    for record in records(&path) {
        let raw: serde_json::Value = serde_json::from_slice(&record.raw).unwrap();
        let known = serde_json::to_value(&record.line).unwrap();
        for (name, value) in raw.as_object().unwrap() {
            assert_eq!(known.get(name), Some(value), "{name}");
        }
    }
}

#[tokio::test]
async fn a_line_is_its_number_its_fields_and_its_link() {
    let (_folder, path) = scratch();
    let ledger = Ledger::open(&path, Options::default().clock(|| Timestamp::UNIX_EPOCH)).unwrap();
    let at = ledger.note(Note::new(Event::Start)).await.unwrap();
    let expected = format!(
        "{{\"seq\":1,\"event_id\":\"{}\",\"schema_version\":\"2\",\"source\":\"nexus\",\"kind\":\"start\",\
         \"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"prev\":\"{}\"}}\n",
        at.event_id,
        "0".repeat(64),
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn a_link_is_the_leaf_hash_of_rfc_6962() {
    // The RFC's own example: the leaf hash of nothing.
    let empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(value::Hash::leaf(b"").to_string(), empty);
    assert_ne!(value::Hash::leaf(b"a"), value::Hash::leaf(b"b"));
}

#[test]
fn long_text_is_cut_between_characters() {
    assert_eq!(scrubbed("short").as_str(), "short");
    let cut = scrubbed(&"ä".repeat(5000));
    assert_eq!(cut.as_str().chars().filter(|c| *c == 'ä').count(), Scrubbed::MAX / 2);
    assert!(cut.as_str().ends_with('…'));
}

#[tokio::test]
async fn a_clock_that_steps_back_changes_no_order() {
    static NOW: AtomicI64 = AtomicI64::new(2_000_000_000);
    let (_folder, path) = scratch();
    let clock = || Timestamp::from_second(NOW.fetch_sub(1000, Ordering::Relaxed)).unwrap();
    let ledger = Ledger::open(&path, Options::default().clock(clock)).unwrap();
    for _ in 0..3 {
        ledger.note(Note::new(Event::Start)).await.unwrap();
    }
    assert_whole(&path, 3);
    let lines = written(&path);
    assert!(lines.is_sorted_by_key(|line| line.seq));
    assert!(lines.is_sorted_by(|a, b| a.timestamp > b.timestamp));
}

// Entries.

#[tokio::test]
async fn a_dropped_entry_is_recorded_as_abandoned() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    let entry = ledger.ask(call()).await.unwrap();
    let id = entry.event_id();
    drop(entry);
    drop(ledger);
    assert_eq!(story(&path), ["asked", "abandoned"]);
    let lines = written(&path);
    let last = lines.last().unwrap();
    assert_eq!((last.event_id, last.status.as_deref()), (Some(id), Some("abandoned")));
    assert!(last.latency_ms.is_some());
    assert!(read::open_entries(&path).unwrap().is_empty());
}

#[tokio::test]
async fn an_ask_that_is_given_up_while_it_waits_is_recorded_as_abandoned() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    let mut ask = Box::pin(ledger.ask(call()));
    let waker = std::task::Waker::noop();
    assert!(ask.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    drop(ask);
    drop(ledger);
    assert_eq!(story(&path), ["asked", "abandoned"]);
}

#[tokio::test]
async fn a_close_that_is_never_awaited_is_recorded_as_abandoned() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    let entry = ledger.ask(call()).await.unwrap();
    drop(entry.close(done(), ()));
    drop(ledger);
    assert_eq!(story(&path), ["asked", "abandoned"]);
}

#[tokio::test]
async fn an_entry_that_outlives_the_ledger_releases_nothing() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    let entry = ledger.ask(call()).await.unwrap();
    let other = ledger.ask(call()).await.unwrap();
    drop(ledger);
    assert!(matches!(entry.close(done(), ()).await, Err(LedgerError::Closed)));
    drop(other);
    assert_eq!(read::open_entries(&path).unwrap().len(), 2);
}

// Crashes and restarts.

#[tokio::test]
async fn a_restart_continues_the_chain_and_leaves_open_entries_open() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    let ended = ledger.ask(call()).await.unwrap();
    ended.close(done(), ()).await.unwrap().into_inner();
    let crashed = ledger.ask(call()).await.unwrap();
    let id = crashed.event_id();
    // As when the process is killed: nothing more is written.
    std::mem::forget(crashed);
    drop(ledger);

    let ledger = open(&path);
    assert_eq!(ledger.note(Note::new(Event::Start)).await.unwrap().seq, 4);
    assert_eq!(story(&path), ["asked", "ended", "asked", "start "]);
    let open = read::open_entries(&path).unwrap();
    assert_eq!(open.iter().map(|record| record.line.event_id).collect::<Vec<_>>(), [Some(id)]);
    assert_whole(&path, 4);
}

#[tokio::test]
async fn a_torn_tail_is_moved_aside_and_said() {
    for torn in [&b"{\"seq\":3,\"event_id\":\"01"[..], b"{\"seq\":3,\n", b"\0\0\0\0\0", b"\n", b"{\"a\n\0\0\nxy"] {
        let (folder, path) = scratch();
        let ledger = open(&path);
        ledger.note(Note::new(Event::Start)).await.unwrap();
        ledger.note(Note::new(Event::Stop)).await.unwrap();
        drop(ledger);
        let good = fs::read(&path).unwrap();
        fs::write(&path, [&good, torn].concat()).unwrap();

        let ledger = open(&path);
        assert_eq!(ledger.note(Note::new(Event::Start)).await.unwrap().seq, 4);
        assert_eq!(story(&path), ["start ", "stop ", "admin torn-tail-quarantined", "start "]);
        let lines = written(&path);
        assert_eq!(lines[2].bytes, Some(torn.len() as u64));
        assert_eq!(lines[2].digest, Some(Digest::of(torn).to_string()));
        assert_whole(&path, 4);
        let aside = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let aside = aside.filter(|path| path.to_string_lossy().contains(".torn-")).collect::<Vec<_>>();
        let [aside] = aside.as_slice() else { panic!("{aside:?}") };
        assert_eq!(fs::read(aside).unwrap(), torn);
        assert_eq!(fs::metadata(aside).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_torn_first_line_is_moved_aside_too() {
    for torn in [&b"{\"se"[..], b"{\"seq\":1,\"event_id\":\"0199", b"\0\0"] {
        let (_folder, path) = scratch();
        fs::write(&path, torn).unwrap();
        let ledger = open(&path);
        drop(ledger);
        assert_eq!(story(&path), ["admin torn-tail-quarantined"]);
        assert_whole(&path, 1);
    }
}

#[tokio::test]
async fn only_the_end_of_a_long_ledger_is_read_and_lines_longer_than_a_block_are_found() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    for _ in 0..300 {
        let args_summary = Some(scrubbed(&"\u{1}".repeat(2000)));
        ledger.note(Note { args_summary, ..Note::new(Event::Start) }).await.unwrap();
    }
    drop(ledger);
    // The beginning is no ledger any more. Opening does not look there; verifying does.
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 3_000_000);
    bytes[..10].fill(b'x');
    fs::write(&path, [&bytes[..], &[b'y'; 200_000]].concat()).unwrap();
    let ledger = open(&path);
    assert_eq!(ledger.note(Note::new(Event::Start)).await.unwrap().seq, 302);
    assert!(matches!(verify(&path, None, &[]), Err(VerifyError::Broken { line: 1, .. })));
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone() {
    for content in [
        "hello",
        "hello\n",
        "{\"event_id\":\"x\",\"schema_version\":\"1\"}\n",
        "{\"event_id\":\"x\"}\n{\"ev",
        "1\n",
        "x\n\n",
    ] {
        let (folder, path) = scratch();
        fs::write(&path, content).unwrap();
        let opened = Ledger::open(&path, Options::default());
        assert!(matches!(opened, Err(LedgerError::NotALedger { .. })), "{content:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the file and its lock");
    }
}

#[tokio::test]
async fn a_ledger_whose_last_line_follows_nothing_is_not_continued() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    for _ in 0..3 {
        ledger.note(Note::new(Event::Start)).await.unwrap();
    }
    drop(ledger);
    let good = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    for changed in [[lines[0], lines[2]].concat(), lines[1].to_owned(), [lines[0], lines[2], lines[1]].concat()] {
        fs::write(&path, &changed).unwrap();
        let opened = Ledger::open(&path, Options::default());
        assert!(matches!(opened, Err(LedgerError::BrokenChain { .. })), "{changed}");
        assert_eq!(fs::read_to_string(&path).unwrap(), changed);
    }
}

#[test]
fn a_second_writer_is_refused() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    let second = Ledger::open(&path, Options::default()).err().unwrap();
    assert!(matches!(&second, LedgerError::InUse { path: named } if *named == path));
    assert!(second.to_string().contains("audit.jsonl"));

    let link = path.with_extension("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let by_another_name = Ledger::open(&link, Options::default());
    assert!(matches!(by_another_name, Err(LedgerError::InUse { .. })));
    drop(ledger);
    drop(open(&link));
}

#[test]
fn the_ledger_is_its_owners_alone() {
    let (folder, _) = scratch();
    let path = folder.path().join("deep/er/audit.jsonl");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    drop(open(&path));
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    for others in [0o644, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o677] {
        fs::set_permissions(&path, fs::Permissions::from_mode(others)).unwrap();
        drop(open(&path));
        assert_eq!(mode(&path), 0o600, "{others:o}");
    }
    // What its owner took away from himself stays away.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    drop(open(&path));
    assert_eq!(mode(&path), 0o700);
    let device = Ledger::open(Path::new("/dev/full"), Options::default());
    assert!(matches!(device, Err(LedgerError::NotALedger { .. })));
}

// Many callers.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_a_wait_for_the_disk() {
    let (_folder, path) = scratch();
    let (ledger, faults) = faulty(&path, Options::default());
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    let entry = ledger.ask(call()).await.unwrap();
                    entry.close(done(), ()).await.unwrap().into_inner();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    drop(ledger);
    assert_whole(&path, 64 * 10 * 2);
    assert!(read::open_entries(&path).unwrap().is_empty());
    let syncs = faults.lock().unwrap().syncs;
    assert!(syncs < 64 * 10 * 2 / 2, "{syncs} syncs");
}

#[tokio::test]
async fn a_full_queue_refuses_asks_at_once_and_takes_endings() {
    let (_folder, path) = scratch();
    let (ledger, faults) = faulty(&path, Options::default().waiting(2));
    let entry = ledger.ask(call()).await.unwrap();
    // The disk hangs: the writer waits for this guard.
    let disk = faults.lock().unwrap();
    let waker = std::task::Waker::noop();
    let context = &mut std::task::Context::from_waker(waker);
    let mut waiting = Vec::new();
    let refused = loop {
        let mut ask = Box::pin(ledger.ask(call()));
        match ask.as_mut().poll(context) {
            std::task::Poll::Pending => waiting.push(ask),
            std::task::Poll::Ready(answer) => break answer.err().unwrap(),
        }
    };
    assert!(matches!(refused, LedgerError::Busy));
    assert_eq!(refused.code(), "ledger-busy");
    let mut close = Box::pin(entry.close(done(), ()));
    assert!(close.as_mut().poll(context).is_pending());
    drop(disk);
    close.await.unwrap().into_inner();
    let asked = waiting.len();
    drop(waiting);
    drop(ledger);
    assert_whole(&path, 2 + 2 * asked as u64);
}

// A disk that fails.

#[derive(Default)]
struct Faults {
    syncs: u64,
    /// How many bytes the disk still takes.
    room: Option<usize>,
    sync_fails: bool,
    truncate_fails: bool,
    /// What somebody else writes to the file between our line and our look at it.
    others_add: &'static [u8],
    /// How many bytes of our line somebody else takes away there.
    others_cut: u64,
}

struct Faulty {
    file: Box<LedgerFile>,
    faults: Arc<Mutex<Faults>>,
}

impl Sink for Faulty {
    fn length(&self) -> Result<u64, Fault> {
        self.file.length()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let faults = self.faults.lock().unwrap();
        match faults.room {
            Some(room) if room < bytes.len() => {
                self.file.append(&bytes[..room])?;
                return Err(io::ErrorKind::StorageFull.into());
            }
            Some(_) | None => self.file.append(bytes)?,
        }
        self.file.append(faults.others_add)?;
        if faults.others_cut > 0 {
            let length = self.file.length().map_err(io::Error::other)?;
            self.file.truncate(length - faults.others_cut)?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut faults = self.faults.lock().unwrap();
        faults.syncs += 1;
        if faults.sync_fails { Err(io::Error::other("the disk said no")) } else { self.file.sync() }
    }

    fn divide(&mut self, aside: &Path) -> io::Result<()> {
        self.file.divide(aside)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        if self.faults.lock().unwrap().truncate_fails {
            Err(io::Error::other("nor this"))
        } else {
            self.file.truncate(length)
        }
    }
}

fn faulty(path: &Path, options: Options) -> (Ledger, Arc<Mutex<Faults>>) {
    let opened = open::open(path, &options).unwrap();
    let faults = Arc::<Mutex<Faults>>::default();
    let sink = Box::new(Faulty { file: opened.sink, faults: Arc::clone(&faults) });
    let writer = Writer::new(sink, opened.path, opened.end, options.clock).keep(opened.lock).signing(opened.signing);
    (Ledger::start(writer, options.waiting).unwrap(), faults)
}

#[tokio::test]
async fn a_full_disk_refuses_and_what_was_half_written_is_taken_back() {
    let (_folder, path) = scratch();
    let (ledger, faults) = faulty(&path, Options::default());
    ledger.note(Note::new(Event::Start)).await.unwrap();
    let good = fs::read(&path).unwrap();
    for room in [0, 1, 100] {
        faults.lock().unwrap().room = Some(room);
        let refused = ledger.ask(call()).await.err().unwrap();
        assert!(matches!(refused, LedgerError::Write { .. }));
        assert_eq!(refused.code(), "ledger-unavailable");
        assert_eq!(fs::read(&path).unwrap(), good);
    }
    faults.lock().unwrap().room = None;
    let entry = ledger.ask(call()).await.unwrap();
    entry.close(done(), ()).await.unwrap().into_inner();
    assert_eq!(story(&path), ["start ", "admin interrupted-disk-full", "asked", "ended"]);
    assert_eq!(written(&path)[1].count, Some(3));
    assert_whole(&path, 4);
}

#[tokio::test]
async fn a_failed_sync_releases_nothing_and_the_ending_is_owed() {
    let (_folder, path) = scratch();
    let (ledger, faults) = faulty(&path, Options::default());
    let entry = ledger.ask(call()).await.unwrap();
    let dropped = ledger.ask(call()).await.unwrap();
    let (id, dropped_id) = (entry.event_id(), dropped.event_id());
    faults.lock().unwrap().sync_fails = true;
    assert!(matches!(entry.close(done(), "reply").await, Err(LedgerError::Write { .. })));
    drop(dropped);
    assert!(ledger.ask(call()).await.is_err());
    assert_eq!(story(&path), ["asked", "asked"]);

    faults.lock().unwrap().sync_fails = false;
    drop(ledger.ask(call()).await.unwrap());
    drop(ledger);
    let all = ["asked", "asked", "admin interrupted-write-failed", "abandoned", "abandoned", "asked", "abandoned"];
    assert_eq!(story(&path), all);
    let lines = written(&path);
    assert_eq!((lines[3].event_id, lines[3].error_type.as_deref()), (Some(id), Some("ending-unrecorded")));
    assert_eq!((lines[4].event_id, lines[4].error_type.as_deref()), (Some(dropped_id), None));
    assert!(read::open_entries(&path).unwrap().is_empty());
    assert_whole(&path, 7);
}

#[tokio::test]
async fn what_cannot_be_taken_back_at_once_is_taken_back_before_the_next_line() {
    let (_folder, path) = scratch();
    let (ledger, faults) = faulty(&path, Options::default());
    ledger.note(Note::new(Event::Start)).await.unwrap();
    *faults.lock().unwrap() = Faults { room: Some(50), truncate_fails: true, ..Faults::default() };
    assert!(ledger.ask(call()).await.is_err());
    assert_eq!(verify(&path, None, &[]).unwrap().torn, 50, "readers pass over it meanwhile");
    faults.lock().unwrap().room = None;
    assert!(ledger.ask(call()).await.is_err());
    *faults.lock().unwrap() = Faults::default();
    drop(ledger.ask(call()).await.unwrap());
    drop(ledger);
    assert_eq!(story(&path), ["start ", "admin interrupted-disk-full", "asked", "abandoned"]);
    assert_whole(&path, 4);
}

#[tokio::test]
async fn an_ending_that_is_owed_is_written_at_the_latest_when_the_ledger_closes() {
    let (_folder, path) = scratch();
    let (ledger, faults) = faulty(&path, Options::default());
    let entry = ledger.ask(call()).await.unwrap();
    faults.lock().unwrap().room = Some(0);
    assert!(entry.close(done(), ()).await.is_err());
    faults.lock().unwrap().room = None;
    drop(ledger);
    assert_eq!(story(&path), ["asked", "admin interrupted-disk-full", "abandoned"]);
    assert_whole(&path, 3);
}

#[tokio::test]
async fn a_disk_that_comes_and_goes_leaves_no_gap() {
    let (_folder, path) = scratch();
    let (ledger, faults) = faulty(&path, Options::default());
    let mut released = 0;
    for round in 0..60 {
        *faults.lock().unwrap() = Faults {
            room: (round % 3 == 1).then_some(round * 7),
            sync_fails: round % 5 == 2,
            truncate_fails: round % 7 == 3,
            ..Faults::default()
        };
        if let Ok(entry) = ledger.ask(call()).await {
            *faults.lock().unwrap() = Faults { sync_fails: round % 4 == 0, ..Faults::default() };
            released += usize::from(entry.close(done(), ()).await.is_ok());
        }
    }
    *faults.lock().unwrap() = Faults::default();
    drop(ledger);
    let lines = written(&path);
    assert_whole(&path, lines.len() as u64);
    assert!(read::open_entries(&path).unwrap().is_empty());
    assert_eq!(lines.iter().filter(|line| line.phase == Some(Phase::Ended)).count(), released);
    assert!(released > 10);
}

#[tokio::test]
async fn a_ledger_that_others_touch_is_an_error_until_restart() {
    type Deed = fn(&Path);
    let deeds: [(&str, Deed); 4] = [
        ("removed", |path| fs::remove_file(path).unwrap()),
        ("replaced", |path| {
            fs::copy(path, path.with_extension("copy")).unwrap();
            fs::rename(path.with_extension("copy"), path).unwrap();
        }),
        ("cut", |path| fs::write(path, "").unwrap()),
        ("written to", |path| fs::write(path, [fs::read(path).unwrap(), b"{}\n".to_vec()].concat()).unwrap()),
    ];
    for (name, deed) in deeds {
        let (_folder, path) = scratch();
        let ledger = open(&path);
        let entry = ledger.ask(call()).await.unwrap();
        deed(&path);
        let after = fs::read(&path).unwrap_or_default();
        let refused = entry.close(done(), ()).await.err().unwrap();
        assert!(matches!(refused, LedgerError::Tampered { .. }), "{name}");
        assert!(ledger.ask(call()).await.is_err(), "{name}");
        drop(ledger);
        assert_eq!(fs::read(&path).unwrap_or_default(), after, "{name}: nothing is added to it");
    }
}

#[tokio::test]
async fn a_file_that_others_touch_while_a_line_is_written_is_found_after_it() {
    for (others_add, others_cut) in [(&b"x"[..], 0), (b"{}\n", 0), (b"", 1), (b"", 100)] {
        let (_folder, path) = scratch();
        let (ledger, faults) = faulty(&path, Options::default());
        let entry = ledger.ask(call()).await.unwrap();
        *faults.lock().unwrap() = Faults { others_add, others_cut, ..Faults::default() };
        let refused = entry.close(done(), "reply").await.err().unwrap();
        assert!(matches!(refused, LedgerError::Tampered { .. }), "{refused:?}");
        let after = fs::read(&path).unwrap();
        *faults.lock().unwrap() = Faults::default();
        assert!(matches!(ledger.ask(call()).await.err().unwrap(), LedgerError::Tampered { .. }));
        drop(ledger);
        assert_eq!(fs::read(&path).unwrap(), after, "nothing more is written to it");
    }
}

/// What a call leaves in sums waits for nobody, and comes before the call's ending, whatever the disk does.
#[tokio::test]
async fn what_is_owed_is_written_before_what_is_handed_over_after_it() {
    let (_folder, path) = scratch();
    let (ledger, faults) = faulty(&path, Options::default().waiting(1));
    let entry = ledger.ask(call()).await.unwrap();
    let sums = |count| Note {
        count: Some(count),
        refusals: vec![RefusedAgain { kind: Kind::Egress, refusal: "not-granted", count }],
        ..Note::new(Event::RefusedAgain)
    };
    faults.lock().unwrap().sync_fails = true;
    ledger.owe(&sums(3)).unwrap();
    // Until the writer has met the disk that takes nothing.
    while !matches!(ledger.note(Note::new(Event::Start)).await, Err(LedgerError::Write { .. })) {}
    faults.lock().unwrap().sync_fails = false;
    // There is room for one line that waits, and what is owed needs none.
    for count in 4..8 {
        ledger.owe(&sums(count)).unwrap();
    }
    entry.close(done(), ()).await.unwrap().into_inner();
    let counts: Vec<_> =
        written(&path).iter().filter(|line| !line.refusals.is_empty()).map(|line| line.count).collect();
    assert_eq!(counts, [3, 4, 5, 6, 7].map(Some));
    assert_eq!(written(&path).last().unwrap().phase, Some(Phase::Ended));
    let again = &written(&path)[2].refusals;
    assert_eq!((again[0].kind, again[0].refusal.as_str(), again[0].count), (Some(Kind::Egress), "not-granted", 3));
    drop(ledger);
    assert_whole(&path, 8);
}

// Readers.

#[tokio::test]
async fn a_line_that_was_edited_removed_added_or_reordered_is_found() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    for _ in 0..3 {
        let entry = ledger.ask(call()).await.unwrap();
        entry.close(done(), ()).await.unwrap().into_inner();
    }
    drop(ledger);
    let good = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let edited = lines[2].replace("identity", "idEntity");
    let unreadable = "no line\n";
    for (name, changed, line, fault) in [
        ("edited", [lines[0], lines[1], &edited, lines[3], lines[4]].concat(), 4, Break::Prev),
        ("removed", [lines[0], lines[1], lines[3], lines[4]].concat(), 3, Break::Seq { expected: 3, found: 4 }),
        ("first removed", lines[1..].concat(), 1, Break::Seq { expected: 1, found: 2 }),
        ("added", [lines[0], lines[1], lines[1], lines[2]].concat(), 3, Break::Seq { expected: 3, found: 2 }),
        ("reordered", [lines[0], lines[2], lines[1]].concat(), 2, Break::Seq { expected: 2, found: 3 }),
        ("not a line", [lines[0], unreadable, lines[2]].concat(), 2, Break::NotALine),
    ] {
        fs::write(&path, changed).unwrap();
        match verify(&path, None, &[]) {
            Err(VerifyError::Broken { line: at, source, .. }) => assert_eq!((at, source), (line, fault), "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_tail_is_the_last_lines_and_survives_what_it_cannot_read() {
    let (_folder, path) = scratch();
    let ledger = open(&path);
    for count in 1..=700 {
        let args_summary = Some(scrubbed(&"x".repeat(500)));
        ledger.note(Note { count: Some(count), args_summary, ..Note::new(Event::Start) }).await.unwrap();
    }
    drop(ledger);
    let seqs = |count| -> Vec<Option<u64>> {
        let tail = read::tail(&path, Count::new(count).unwrap()).unwrap();
        tail.into_iter().map(|record| record.ok().map(|record| record.line.seq)).collect()
    };
    assert_eq!(seqs(1), [Some(700)]);
    assert_eq!(seqs(3), [Some(698), Some(699), Some(700)]);
    assert_eq!(seqs(500), (201..=700).map(Some).collect::<Vec<_>>());

    let good = fs::read(&path).unwrap();
    fs::write(&path, [&good[..], b"not a line\n", b"{\"torn"].concat()).unwrap();
    assert_eq!(seqs(2), [Some(700), None]);
    let mut lines = read::lines(&path).unwrap();
    assert_eq!(lines.by_ref().filter(Result::is_err).count(), 1);
    assert_eq!(lines.torn(), 6);

    fs::write(&path, "").unwrap();
    assert!(seqs(5).is_empty());
    fs::write(&path, vec![b'x'; 3 * read::MAX_LINE]).unwrap();
    assert!(matches!(read::tail(&path, Count::new(1).unwrap()), Err(read::ReadError::TooLong { .. })));
}

#[test]
fn a_line_too_long_to_be_one_does_not_hide_the_next() {
    let (_folder, path) = scratch();
    let long = vec![b'x'; 2 * read::MAX_LINE];
    fs::write(&path, [&long[..], b"\n{\"seq\":2}\n"].concat()).unwrap();
    let found: Vec<_> = read::lines(&path).unwrap().map(|record| record.ok().map(|record| record.line.seq)).collect();
    assert_eq!(found, [None, Some(2)]);
}

#[test]
fn a_line_of_schema_1_can_be_read() {
    let (_folder, path) = scratch();
    let v1 = r#"{"event_id":"7b1c6a5e-0000-4000-8000-000000000000","schema_version":"1","tool":"ad_list_users","args_summary":{"n":1},"status":"success","latency_ms":3,"error_type":null}"#;
    fs::write(&path, format!("{v1}\n")).unwrap();
    let lines = written(&path);
    assert_eq!((lines[0].seq, lines[0].tool.as_deref(), lines[0].kind), (0, Some("ad_list_users"), None));
}

#[test]
fn a_count_is_one_to_five_hundred() {
    for (count, fits) in [(1, true), (500, true), (0, false), (-2, false), (501, false), (i64::MIN, false)] {
        assert_eq!(Count::new(count).is_ok(), fits, "{count}");
        assert_eq!(serde_json::from_value::<Count>(count.into()).is_ok(), fits, "{count}");
    }
}
