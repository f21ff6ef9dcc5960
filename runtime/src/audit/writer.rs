//! The one thread that writes: it takes all lines that wait, gives them their places, and makes them durable with one
//! write and one `fdatasync`. While it waits for the disk the next lines gather, so many callers share one wait.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::LedgerError;
use super::draft::Draft;
use super::file::{Fault, Sink};
use super::line::{Event, Note};
use super::queue::{Leaving, Queue, Request, Round};
use super::value::{EventId, Hash};

/// Where the next line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The length of the file, all of it durable.
    pub(super) length: u64,
    pub(super) next: u64,
    pub(super) prev: Hash,
}

pub(super) struct Writer {
    sink: Box<dyn Sink>,
    path: PathBuf,
    clock: fn() -> Timestamp,
    end: End,
    state: State,
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
        let state = State::Sound;
        Self { sink, path, clock, end, state, bytes: Vec::new(), _lock: None }
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
        self.commit(&mut vec![Request::Note { draft, done }]);
        answer.try_recv().map_err(|_| LedgerError::Closed)?.map(drop)
    }

    pub(super) fn run(mut self, queue: &Queue) {
        // Whatever ends this thread, nobody waits for it for ever.
        let _leaving = Leaving(queue);
        let mut batch = Vec::new();
        let mut last = Round::default();
        while queue.take(&mut batch, &last) {
            let (lines, began) = (batch.len(), Instant::now());
            self.commit(&mut batch);
            last = Round { lines, took: began.elapsed() };
        }
        if matches!(self.state, State::Interrupted(_)) {
            self.commit(&mut batch);
        }
    }

    /// Makes a batch durable and tells those who wait, or takes all of it back and tells them that.
    fn commit(&mut self, batch: &mut Vec<Request>) {
        match self.write(batch) {
            Ok(first) => {
                for (seq, request) in (first..).zip(batch.drain(..)) {
                    request.succeed(seq);
                }
            }
            Err(fault) => self.fail(batch, fault),
        }
    }

    /// Returns the `seq` of the batch's first line.
    fn write(&mut self, batch: &[Request]) -> Result<u64, Fault> {
        self.bytes.clear();
        let mut end = self.end;
        match &mut self.state {
            State::Sound => {}
            State::Interrupted(Interruption { cause, lost, dirty, owed }) => {
                if *dirty {
                    take_back(self.sink.as_mut(), self.end.length)?;
                    *dirty = false;
                }
                let note = Note { count: Some(*lost), ..Note::new(Event::Admin { code: cause }) };
                end.place(&Draft::note(EventId::new(), &note, (self.clock)()), &mut self.bytes);
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

        // As we left it before, and as we made it after: a line in a file that nobody finds is no record.
        same(self.sink.length()?, self.end.length)?;
        self.sink.append(&self.bytes)?;
        self.sink.sync()?;
        same(self.sink.length()?, end.length)?;

        self.end = end;
        if let State::Interrupted(Interruption { lost, .. }) = std::mem::replace(&mut self.state, State::Sound) {
            tracing::warn!(path = %self.path.display(), lost, "the ledger is written to again");
        }
        Ok(first)
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
    pub(super) const START: Self = Self { length: 0, next: 1, prev: Hash::NONE };

    /// Gives a line its place: the next number, the link to the line before, and its bytes at the end of `bytes`.
    fn place(&mut self, draft: &Draft, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        // Writing to a Vec cannot fail.
        let _ = write!(bytes, "{{\"seq\":{},", self.next);
        bytes.extend_from_slice(draft.fields());
        let _ = write!(bytes, ",\"prev\":\"{}\"}}", self.prev);
        let line = bytes.get(start..).unwrap_or_default();
        self.prev = Hash::leaf(line);
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
