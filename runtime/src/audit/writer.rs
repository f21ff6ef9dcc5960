//! The one thread that writes: it takes all lines that wait, gives them their places, and makes them durable with one
//! write and one `fdatasync`. While it waits for the disk the next lines gather, so many callers share one wait.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::line::{Draft, Event, EventId, Hash, Note};
use super::{Entry, LedgerError};

/// A line that waits, and who waits for it.
pub(super) enum Request {
    Ask {
        draft: Draft,
        entry: Entry,
        done: oneshot::Sender<Result<Entry, LedgerError>>,
    },
    End {
        draft: Draft,
        done: oneshot::Sender<Result<u64, LedgerError>>,
    },
    Note {
        draft: Draft,
        done: oneshot::Sender<Result<u64, LedgerError>>,
    },
    Abandon {
        draft: Draft,
    },
}

/// What waits for the writer. Asks and notes have a limit; endings do not, for each belongs to an ask that was let in.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    room: usize,
    clock: fn() -> Timestamp,
}

struct Waiting {
    requests: Vec<Request>,
    /// How many the writer waits for. It is woken when they are there.
    wanted: usize,
    /// The writer leaves as soon as nothing waits.
    closing: bool,
    /// The writer has left. Nothing is taken any more.
    gone: bool,
}

/// How long the last round took, from which follows how long to wait for company in the next.
#[derive(Default)]
struct Round {
    lines: usize,
    took: Duration,
}

/// Where the next line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The length of the file, all of it durable.
    pub(super) length: u64,
    pub(super) next: u64,
    pub(super) prev: Hash,
}

/// What the writer needs of a file. Tests put a failing one in its place.
pub(super) trait Sink: Send {
    /// The length of the file that is at the ledger's path now, which has to be ours.
    fn length(&self) -> Result<u64, Fault>;
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Takes back what was appended beyond `length`, durably.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the disk did not take it")]
    Disk(#[from] io::Error),
    /// The file is gone, another one, or not as long as we made it.
    #[error("the file is not as it was left")]
    Tampered,
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

impl Waiting {
    fn short(&mut self) -> bool {
        self.requests.len() < self.wanted && !self.closing
    }
}

impl Queue {
    /// Timers are no finer than this, and a disk that fast needs no company.
    const SHORTEST: Duration = Duration::from_micros(50);
    const LONGEST: Duration = Duration::from_micros(500);

    pub(super) fn new(room: usize, clock: fn() -> Timestamp) -> Self {
        let waiting = Mutex::new(Waiting {
            requests: Vec::new(),
            wanted: 1,
            closing: false,
            gone: false,
        });
        Self {
            waiting,
            arrived: Condvar::new(),
            room,
            clock,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) fn push_if_room(&self, request: Request) -> Result<(), LedgerError> {
        self.push_below(self.room, request)
    }

    pub(super) fn push(&self, request: Request) -> Result<(), LedgerError> {
        self.push_below(usize::MAX, request)
    }

    fn push_below(&self, limit: usize, request: Request) -> Result<(), LedgerError> {
        let mut waiting = self.lock();
        if waiting.gone {
            return Err(LedgerError::Closed);
        }
        if waiting.requests.len() >= limit {
            return Err(LedgerError::Busy);
        }
        waiting.requests.push(request);
        let enough = waiting.requests.len() == waiting.wanted;
        drop(waiting);
        if enough {
            self.arrived.notify_one();
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.arrived.notify_one();
    }

    /// Waits for requests and swaps them into `batch`. False when closing and empty.
    ///
    /// Callers of the last round, just woken, are likely to be back at once: an ask is followed by its ending. Going
    /// without them would leave every round half full, so they get a moment, short against what a round costs.
    fn take(&self, batch: &mut Vec<Request>, last: &Round) -> bool {
        let mut waiting = self.lock();
        let expected = last.lines + waiting.requests.len();
        waiting.wanted = 1;
        waiting = self
            .arrived
            .wait_while(waiting, Waiting::short)
            .unwrap_or_else(PoisonError::into_inner);
        let moment = (last.took / 4).min(Self::LONGEST);
        if last.lines > 1 && moment >= Self::SHORTEST {
            waiting.wanted = expected;
            let company = self.arrived.wait_timeout_while(waiting, moment, Waiting::short);
            waiting = company.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut waiting.requests, batch);
        waiting.gone = batch.is_empty();
        !waiting.gone
    }

    /// A request is pushed or it is not: a panic in between leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    pub(super) fn new(sink: Box<dyn Sink>, path: PathBuf, end: End, clock: fn() -> Timestamp) -> Self {
        let state = State::Sound;
        Self {
            sink,
            path,
            clock,
            end,
            state,
            bytes: Vec::new(),
            _lock: None,
        }
    }

    pub(super) fn keep(self, lock: File) -> Self {
        Self {
            _lock: Some(lock),
            ..self
        }
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
            last = Round {
                lines,
                took: began.elapsed(),
            };
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
            State::Interrupted(Interruption {
                cause,
                lost,
                dirty,
                owed,
            }) => {
                if *dirty {
                    take_back(self.sink.as_mut(), self.end.length)?;
                    *dirty = false;
                }
                let note = Note {
                    count: Some(*lost),
                    ..Note::new(Event::Admin { code: cause })
                };
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
        let (error, cause) = match fault {
            Fault::Disk(source) => {
                let cause = cause(&source);
                (
                    LedgerError::Write {
                        path,
                        source: Arc::new(source),
                    },
                    cause,
                )
            }
            Fault::Tampered => {
                self.state = State::Tampered;
                (LedgerError::Tampered { path }, "tampered")
            }
        };
        if !matches!(self.state, State::Interrupted(_)) {
            tracing::error!(path = %self.path.display(), lost, cause, "the ledger cannot be written to");
        }
        // At once, so that no reader meets half a line; before the next attempt, if it cannot be done now.
        let dirty = match self.state {
            State::Sound | State::Interrupted(_) => take_back(self.sink.as_mut(), self.end.length).is_err(),
            State::Tampered => false,
        };
        let now = (self.clock)();
        let newly_owed = batch
            .drain(..)
            .filter_map(|request| request.fail(&error, now))
            .collect();
        match &mut self.state {
            State::Sound => {
                self.state = State::Interrupted(Interruption {
                    cause,
                    lost,
                    dirty,
                    owed: newly_owed,
                })
            }
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
    pub(super) const START: Self = Self {
        length: 0,
        next: 1,
        prev: Hash::NONE,
    };

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

impl Request {
    fn draft(&self) -> &Draft {
        match self {
            Self::Ask { draft, .. } | Self::End { draft, .. } | Self::Note { draft, .. } | Self::Abandon { draft } => {
                draft
            }
        }
    }

    fn succeed(self, seq: u64) {
        match self {
            Self::Ask { mut entry, done, .. } => {
                entry.seq = seq;
                entry.open = true;
                // If the caller is gone the entry comes back, is dropped here, and so recorded as abandoned.
                drop(done.send(Ok(entry)));
            }
            Self::End { done, .. } | Self::Note { done, .. } => drop(done.send(Ok(seq))),
            Self::Abandon { .. } => {}
        }
    }

    /// Tells the caller, and returns the line that is owed to an entry which now has no ending.
    fn fail(self, error: &LedgerError, now: Timestamp) -> Option<Draft> {
        match self {
            Self::Ask { done, .. } => {
                drop(done.send(Err(error.clone())));
                None
            }
            Self::Note { done, .. } => {
                drop(done.send(Err(error.clone())));
                None
            }
            Self::End { draft, done } => {
                drop(done.send(Err(error.clone())));
                Some(draft.into_abandoned("ending-unrecorded", now))
            }
            Self::Abandon { draft } => Some(draft),
        }
    }
}

struct Leaving<'a>(&'a Queue);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.gone = true;
        let left = std::mem::take(&mut waiting.requests);
        // An entry that is dropped asks for the lock.
        drop(waiting);
        drop(left);
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
    if found == expected {
        Ok(())
    } else {
        Err(Fault::Tampered)
    }
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

/// The ledger file itself.
pub(super) struct LedgerFile {
    file: File,
    path: PathBuf,
    device: u64,
    inode: u64,
    danger_unsynced: bool,
}

impl LedgerFile {
    pub(super) fn new(file: File, path: &Path, danger_unsynced: bool) -> io::Result<Self> {
        let there = file.metadata()?;
        let (device, inode) = (there.dev(), there.ino());
        Ok(Self {
            file,
            path: path.to_owned(),
            device,
            inode,
            danger_unsynced,
        })
    }
}

impl Sink for LedgerFile {
    fn length(&self) -> Result<u64, Fault> {
        match std::fs::metadata(&self.path) {
            Ok(there) if (there.dev(), there.ino()) == (self.device, self.inode) => Ok(there.len()),
            Ok(_) => Err(Fault::Tampered),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fault::Tampered),
            Err(error) => Err(Fault::Disk(error)),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.danger_unsynced {
            Ok(())
        } else {
            self.file.sync_data()
        }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }
}
