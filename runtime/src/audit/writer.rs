//! The one thread that writes: it takes all lines that wait, gives them their places, and makes them durable with one
//! write and one `fdatasync`. While it waits for the disk the next lines gather, so many callers share one wait.
//!
//! Between the callers' lines it writes some of its own: checkpoints, what was read on the command line, what mirrors lost,
//! which files were removed.

mod upkeep;

use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::oneshot;

use super::LedgerError;
use super::draft::Draft;
use super::evidence::{self, Signing};
use super::file::{Fault, Sink};
use super::line::{Event, Note};
use super::mirror::Mirror;
use super::queue::{Leaving, Queue, Request};
use super::read;
use super::tree::Tree;
use super::value::{EventId, Hash};

/// Where the next line goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The length of the file, all of it durable.
    pub(super) length: u64,
    pub(super) next: u64,
    pub(super) prev: Hash,
    /// Over all lines, where they are signed.
    pub(super) tree: Option<Tree>,
}

/// How often an idle writer looks for lines to sign, and for what was read.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    sink: Box<dyn Sink>,
    path: PathBuf,
    clock: fn() -> Timestamp,
    end: End,
    state: State,
    signing: Option<Signing>,
    mirrors: Vec<Mirror>,
    /// The number and the day of the file's first line, once it has one.
    first: Option<(u64, Date)>,
    /// Dividing the file failed; it is tried again after that.
    undivided_until: Option<Instant>,
    /// When it was last looked for readings.
    looked: Instant,
    /// Up to which byte readings were taken over, as long as there are more.
    taken_over: u64,
    bytes: Vec<u8>,
    /// Keeps other writers out for as long as it lives.
    _lock: Option<File>,
}

enum State {
    Sound,
    /// The last attempt failed. The next one has more to say.
    Interrupted(Interruption),
    /// The file is not as we left it. Only a restart helps.
    Tampered,
}

/// What was placed.
struct Placed {
    /// The number of the batch's first line.
    first: u64,
    /// Up to where a checkpoint among it covers, itself included, and its note.
    signed: Option<(u64, String)>,
    /// What each mirror lost, as is now on record.
    told: Vec<u64>,
}

struct Interruption {
    cause: &'static str,
    /// How many lines were refused.
    lost: u64,
    /// True if something may be left behind the last good line.
    dirty: bool,
    /// For each entry whose ending was lost, the line that says so.
    owed: Vec<Draft>,
}

impl Writer {
    pub(super) fn new(sink: Box<dyn Sink>, path: PathBuf, end: End, clock: fn() -> Timestamp) -> Self {
        let first =
            read::first_line(&path).and_then(|line| Some((line.seq, evidence::day(line.timestamp.parse().ok()?))));
        Self {
            sink,
            path,
            clock,
            end,
            state: State::Sound,
            signing: None,
            mirrors: Vec::new(),
            first,
            undivided_until: None,
            looked: Instant::now(),
            taken_over: 0,
            bytes: Vec::new(),
            _lock: None,
        }
    }

    pub(super) fn signing(self, signing: Option<Signing>) -> Self {
        Self { signing, ..self }
    }

    pub(super) fn mirrored(self, mirrors: Vec<Mirror>) -> Self {
        Self { mirrors, ..self }
    }

    pub(super) fn keep(self, lock: File) -> Self {
        Self { _lock: Some(lock), ..self }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn clock(&self) -> fn() -> Timestamp {
        self.clock
    }

    /// Writes one line before the thread runs.
    pub(super) fn write_now(&mut self, note: Note) -> Result<(), LedgerError> {
        let draft = Draft::note(EventId::new(), &note, (self.clock)());
        let (done, mut answer) = oneshot::channel();
        self.commit(&mut vec![Request::Note { draft, done }], false);
        answer.try_recv().map_err(|_| LedgerError::Closed)?.map(drop)
    }

    pub(super) fn run(mut self, queue: &Queue) {
        // Whatever ends this thread, nobody waits for it for ever.
        let _leaving = Leaving(queue);
        self.tidy();
        let mut batch = Vec::new();
        let patience = self.signing.is_some().then_some(PATIENCE);
        while queue.take(&mut batch, patience) {
            if self.looked.elapsed() >= PATIENCE {
                self.read_readings(false);
            }
            if self.divide_if_due() {
                self.tidy();
            }
            self.commit(&mut batch, false);
        }
        self.read_readings(true);
        self.commit(&mut batch, true);
        self.mirrors.into_iter().for_each(Mirror::close);
    }

    /// Makes a batch durable and tells those who wait, or takes all of it back and tells them that. With `last`, signs whatever
    /// is unsigned.
    fn commit(&mut self, batch: &mut Vec<Request>, last: bool) {
        match self.write(batch, last) {
            Ok(first) => {
                for (seq, request) in (first..).zip(batch.drain(..)) {
                    request.succeed(seq);
                }
            }
            Err(fault) => self.fail(batch, fault),
        }
    }

    /// Returns the `seq` of the batch's first line.
    fn write(&mut self, batch: &[Request], last: bool) -> Result<u64, Fault> {
        self.bytes.clear();
        let mut end = self.end.clone();
        let Placed { first, signed, told } = self.place(batch, last, &mut end)?;
        if self.bytes.is_empty() {
            return Ok(first);
        }

        // As we left it before, and as we made it after: a line in a file that nobody finds is no record.
        same(self.sink.length()?, self.end.length)?;
        self.sink.append(&self.bytes)?;
        self.sink.sync()?;
        same(self.sink.length()?, end.length)?;

        self.first.get_or_insert((self.end.next, evidence::day((self.clock)())));
        self.end = end;
        if let State::Interrupted(Interruption { lost, .. }) = std::mem::replace(&mut self.state, State::Sound) {
            tracing::warn!(path = %self.path.display(), lost, "the ledger is written to again");
        }
        for (mirror, told) in self.mirrors.iter().zip(told) {
            mirror.forget(told);
        }
        self.mirrors.iter().for_each(|mirror| mirror.offer(&self.bytes));
        if let Some(signing) = &mut self.signing {
            signing.written(self.end.next - 1, signed.as_ref().map(|(covered, _)| *covered));
            if let Err(error) = signing.publish() {
                tracing::warn!(path = %self.path.display(), %error, "the public key does not stand beside the ledger yet");
            }
        }
        if let Some((_, note)) = signed
            && let Err(error) = evidence::replace(&evidence::checkpoint_file(&self.path), &note)
        {
            tracing::warn!(path = %self.path.display(), %error, "the newest checkpoint is in the ledger alone");
        }
        Ok(first)
    }

    /// Gives a batch its place, after what is owed and before what is due.
    fn place(&mut self, batch: &[Request], last: bool, end: &mut End) -> Result<Placed, Fault> {
        let now = (self.clock)();
        let mut signed = None;
        // A file that continues another begins with what was signed of it.
        if end.length == 0 && end.next > 1 {
            signed = self.sign(end, now);
        }
        match &mut self.state {
            State::Sound => {}
            State::Interrupted(_) if batch.is_empty() && !last => {
                self.bytes.clear();
                return Ok(Placed { first: end.next, signed: None, told: Vec::new() });
            }
            State::Interrupted(Interruption { cause, lost, dirty, owed }) => {
                if *dirty {
                    take_back(self.sink.as_mut(), self.end.length)?;
                    *dirty = false;
                }
                end.note(Event::Admin { code: cause }, *lost, now, &mut self.bytes);
                for draft in owed {
                    end.place(draft, &mut self.bytes);
                }
            }
            State::Tampered => return Err(Fault::Tampered),
        }
        let first = end.next;
        for request in batch {
            end.place(request.draft(), &mut self.bytes);
        }
        let lines = end.next - 1;
        let is_due = |signing: &Signing| signing.is_due(lines) || (last && signing.is_unsigned(lines));
        let mut told = Vec::new();
        if signed.is_none() && self.signing.as_ref().is_some_and(is_due) {
            for mirror in &self.mirrors {
                let lost = mirror.lost();
                if lost > 0 {
                    end.note(Event::Admin { code: mirror.code() }, lost, now, &mut self.bytes);
                }
                told.push(lost);
            }
            signed = self.sign(end, now);
        }
        Ok(Placed { first, signed, told })
    }

    /// Places a checkpoint, and returns up to where it covers, itself included, and its note.
    fn sign(&mut self, end: &mut End, now: Timestamp) -> Option<(u64, String)> {
        let (draft, note) = self.signing.as_ref()?.draft(end.tree.as_ref()?, now);
        end.place(&draft, &mut self.bytes);
        Some((end.next - 1, note))
    }

    fn fail(&mut self, batch: &mut Vec<Request>, fault: Fault) {
        let lost = batch.len() as u64;
        let path = self.path.clone();
        let news = matches!(self.state, State::Sound);
        let (error, cause) = match fault {
            Fault::Disk(source) => {
                let cause = cause(&source);
                (LedgerError::Write { path, source: Arc::new(source) }, cause)
            }
            Fault::Tampered => {
                self.state = State::Tampered;
                (LedgerError::Tampered { path }, "tampered")
            }
        };
        if news {
            tracing::error!(path = %self.path.display(), lost, cause, "the ledger cannot be written to");
        }
        // At once, so that no reader meets half a line; before the next attempt, if it cannot be done now.
        let dirty = match self.state {
            State::Sound | State::Interrupted(_) => take_back(self.sink.as_mut(), self.end.length).is_err(),
            State::Tampered => false,
        };
        let now = (self.clock)();
        let newly_owed = batch.drain(..).filter_map(|request| request.fail(&error, now)).collect();
        match &mut self.state {
            State::Sound => self.state = State::Interrupted(Interruption { cause, lost, dirty, owed: newly_owed }),
            State::Interrupted(interruption) => {
                interruption.lost = interruption.lost.saturating_add(lost);
                interruption.dirty |= dirty;
                interruption.owed.extend(newly_owed);
            }
            State::Tampered => {}
        }
    }
}

impl End {
    pub(super) const START: Self = Self { length: 0, next: 1, prev: Hash::NONE, tree: None };

    fn note(&mut self, event: Event, count: u64, now: Timestamp, bytes: &mut Vec<u8>) {
        let note = Note { count: Some(count), ..Note::new(event) };
        self.place(&Draft::note(EventId::new(), &note, now), bytes);
    }

    /// Gives a line its place: the next number, the link to the line before, and its bytes at the end of `bytes`.
    fn place(&mut self, draft: &Draft, bytes: &mut Vec<u8>) {
        let (before, after) = (format!("{{\"seq\":{},", self.next), format!(",\"prev\":\"{}\"}}", self.prev));
        let line = [before.as_bytes(), draft.fields(), after.as_bytes()].concat();
        self.prev = Hash::leaf(&line);
        if let Some(tree) = &mut self.tree {
            tree.push(self.prev);
        }
        self.length += line.len() as u64 + 1;
        self.next += 1;
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
    }
}

/// Never makes a file longer: where lines are missing, filling up with zeros would hide it.
fn take_back(sink: &mut dyn Sink, length: u64) -> Result<(), Fault> {
    match sink.length()?.cmp(&length) {
        Ordering::Less => Err(Fault::Tampered),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Ok(sink.truncate(length)?),
    }
}

fn same(found: u64, expected: u64) -> Result<(), Fault> {
    if found == expected { Ok(()) } else { Err(Fault::Tampered) }
}

/// What the ledger says of an interruption.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of io errors are no closed set")]
fn cause(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "interrupted-disk-full",
        io::ErrorKind::QuotaExceeded => "interrupted-quota",
        io::ErrorKind::ReadOnlyFilesystem => "interrupted-read-only",
        _ => "interrupted-write-failed",
    }
}
