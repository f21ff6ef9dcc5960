//! The one thread that writes: it takes all lines that wait, gives them their places, and makes them durable with one
//! write and one `fdatasync`. While it waits for the disk the next lines gather, so many callers share one wait.
//!
//! Between the callers' lines it writes some of its own: checkpoints, what was read on the command line, what mirrors lost,
//! which files were removed.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::oneshot;

use super::draft::Draft;
use super::evidence::{self, Signing};
use super::file::{Fault, Sink};
use super::line::{Event, Note};
use super::mirror::Mirror;
use super::queue::{Leaving, Queue, Request, Round};
use super::read;
use super::readings;
use super::tree::Tree;
use super::value::{EventId, Hash};
use super::{LedgerError, archive};

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
const UNDIVIDED: Duration = Duration::from_secs(60);

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
        let mut last = Round::default();
        let patience = self.signing.is_some().then_some(PATIENCE);
        while queue.take(&mut batch, &last, patience) {
            let (lines, began) = (batch.len(), Instant::now());
            self.read_readings();
            if self.divide_if_due() {
                self.tidy();
            }
            self.commit(&mut batch, false);
            last = Round { lines, took: began.elapsed() };
        }
        self.read_readings();
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
        let now = (self.clock)();
        let mut end = self.end.clone();
        let mut signed = None;
        // A file that continues another begins with what was signed of it.
        if end.length == 0 && end.next > 1 {
            signed = self.sign(&mut end, now);
        }
        match &mut self.state {
            State::Sound => {}
            State::Interrupted(_) if batch.is_empty() && !last => return Ok(end.next),
            State::Interrupted(Interruption { cause, lost, dirty, owed }) => {
                if *dirty {
                    take_back(self.sink.as_mut(), self.end.length)?;
                    *dirty = false;
                }
                let note = Note { count: Some(*lost), ..Note::new(Event::Admin { code: cause }) };
                end.place(&Draft::note(EventId::new(), &note, now), &mut self.bytes);
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
        let is_due = |signing: &Signing| signing.is_due(end.next - 1) || (last && signing.is_unsigned(end.next - 1));
        let mut told = Vec::new();
        if signed.is_none() && self.signing.as_ref().is_some_and(is_due) {
            for mirror in &self.mirrors {
                let lost = mirror.lost();
                if lost > 0 {
                    let note = Note { count: Some(lost), ..Note::new(Event::Admin { code: mirror.code() }) };
                    end.place(&Draft::note(EventId::new(), &note, now), &mut self.bytes);
                }
                told.push(lost);
            }
            signed = self.sign(&mut end, now);
        }
        if self.bytes.is_empty() {
            return Ok(first);
        }

        // As we left it before, and as we made it after: a line in a file that nobody finds is no record.
        same(self.sink.length()?, self.end.length)?;
        self.sink.append(&self.bytes)?;
        self.sink.sync()?;
        same(self.sink.length()?, end.length)?;

        self.first.get_or_insert((self.end.next, evidence::day(now)));
        self.end = end;
        if let State::Interrupted(Interruption { lost, .. }) = std::mem::replace(&mut self.state, State::Sound) {
            tracing::warn!(path = %self.path.display(), lost, "the ledger is written to again");
        }
        self.mirrors.iter().zip(told).for_each(|(mirror, told)| mirror.forget(told));
        self.mirrors.iter().for_each(|mirror| mirror.offer(&self.bytes));
        if let Some(signing) = &mut self.signing {
            signing.written(self.end.next - 1, signed.as_ref().map(|(covered, _)| *covered));
        }
        if let Some((_, note)) = signed
            && let Err(error) = evidence::replace(&evidence::checkpoint_file(&self.path), &note)
        {
            tracing::warn!(path = %self.path.display(), %error, "the newest checkpoint is in the ledger alone");
        }
        Ok(first)
    }

    /// Places a checkpoint, and returns up to where it covers, itself included, and its note.
    fn sign(&mut self, end: &mut End, now: Timestamp) -> Option<(u64, String)> {
        let (draft, note) = self.signing.as_ref()?.draft(end.tree.as_ref()?, now);
        end.place(&draft, &mut self.bytes);
        Some((end.next - 1, note))
    }

    /// Begins a new file if this one is full, or of another day. True if it did.
    fn divide_if_due(&mut self) -> bool {
        let (Some(signing), Some((first, day)), State::Sound) = (&self.signing, self.first, &self.state) else {
            return false;
        };
        let options = signing.options();
        let is_full = options.rotate_bytes.is_some_and(|most| self.end.length >= most);
        let is_old = options.rotate_daily && day != evidence::day((self.clock)());
        // A file of nothing but its first line would only be followed by another.
        if !(is_full || is_old)
            || self.end.next == first + 1
            || self.undivided_until.is_some_and(|at| Instant::now() < at)
        {
            return false;
        }
        let is_ours = self.sink.length().is_ok_and(|length| length == self.end.length);
        // What is not as we left it is not set aside: the next line finds that out.
        if !is_ours {
            return false;
        }
        if let Err(error) = self.sink.divide(&archive::name(&self.path, first)) {
            tracing::warn!(path = %self.path.display(), %error, "the ledger's file cannot be divided, and grows on");
            self.undivided_until = Some(Instant::now() + UNDIVIDED);
            return false;
        }
        self.end.length = 0;
        self.first = None;
        true
    }

    /// Removes files that are older than they have to be kept, each once the ledger says so.
    fn tidy(&mut self) {
        let Some((signing, keep)) = self.signing.as_ref().and_then(|signing| Some((signing, signing.options().keep?)))
        else {
            return;
        };
        let before = (self.clock)() - jiff::SignedDuration::try_from(keep).unwrap_or(jiff::SignedDuration::MAX);
        let old = match archive::removable(&self.path, signing.verifier(), before) {
            Ok(old) => old,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "old files of the ledger are kept");
                return;
            }
        };
        for file in old {
            let note = Note {
                count: Some(file.last - file.first + 1),
                bytes: Some(file.bytes),
                through: Some(file.last),
                ..Note::new(Event::Admin { code: "file-removed" })
            };
            if let Err(error) = self.write_now(note).and_then(|()| {
                let failed = |source| LedgerError::Write { path: file.path.clone(), source: Arc::new(source) };
                fs::remove_file(&file.path).map_err(failed)
            }) {
                tracing::warn!(path = %file.path.display(), %error, "an old file of the ledger is kept");
                return;
            }
        }
    }

    /// Takes over what commands have left about what they read.
    fn read_readings(&mut self) {
        if self.signing.is_none() || !matches!(self.state, State::Sound) {
            return;
        }
        let mut batch = Vec::new();
        let left = readings::take(&self.path, |reading| {
            let (done, _) = oneshot::channel();
            batch.push(Request::Note { draft: reading.draft(), done });
        });
        match left {
            Ok(None) => {}
            Ok(Some(left)) => {
                self.commit(&mut batch, false);
                // What could not be recorded stays where it is.
                if matches!(self.state, State::Sound)
                    && let Err(error) = left.done()
                {
                    tracing::warn!(path = %self.path.display(), %error, "what was read may be recorded twice");
                }
            }
            Err(error) => tracing::warn!(path = %self.path.display(), %error, "what was read cannot be taken over"),
        }
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

    /// Gives a line its place: the next number, the link to the line before, and its bytes at the end of `bytes`.
    fn place(&mut self, draft: &Draft, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        // Writing to a Vec cannot fail.
        let _ = write!(bytes, "{{\"seq\":{},", self.next);
        bytes.extend_from_slice(draft.fields());
        let _ = write!(bytes, ",\"prev\":\"{}\"}}", self.prev);
        let line = bytes.get(start..).unwrap_or_default();
        self.prev = Hash::leaf(line);
        if let Some(tree) = &mut self.tree {
            tree.push(self.prev);
        }
        self.length += line.len() as u64 + 1;
        self.next += 1;
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
