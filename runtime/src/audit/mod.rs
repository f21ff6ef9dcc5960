//! The ledger: what left a sandbox, who asked for it, and how it ended.
//!
//! It promises:
//!
//! - **Before and after.** [`Ledger::ask`] returns once the intent is on disk, so whoever holds an [`Entry`] may move;
//!   [`Entry::close`] returns once the ending is on disk, and nothing else makes a [`Released`]. If the first line
//!   cannot be written the request stays; if the second cannot, the reply stays. A dropped entry writes `abandoned`.
//! - **In order, without gaps.** `seq` counts from 1. `prev` is the RFC 6962 leaf hash of the line before: SHA-256 of
//!   a zero byte and the line without its newline. The first line's `prev` is 64 zeros. `seq` orders lines, the clock
//!   does not: it may step backwards.
//! - **Nothing by accident.** A field is a name, a number, an enum, a digest or a code from our own source. Text that
//!   came from outside is [`Scrubbed`], which only redaction makes.
//! - **Failing closed.** Lines that could not be made durable are taken back from the file, and their callers get an
//!   error. Each later ask tries again; the first that succeeds also records the interruption, and closes as
//!   `abandoned` the entries whose endings were lost in it. A ledger file that was removed, replaced, cut or written to
//!   by others is an error until restart, for no truth can be restored from within.
//! - **One writer.** A lock beside the file refuses a second one.
//! - **Crashes stay visible.** Entries without an ending remain so ([`read::open_entries`]); nothing is invented. A torn
//!   tail is moved to a file of its own, bytes intact, and said in the ledger.
//!
//! - **Evidence.** All lines together are a Merkle tree (RFC 6962), whose root is signed now and then ([`checkpoint`]). With the
//!   public key alone, [`verify`] names the first line that is not as it was written, and [`proof`] shows that a line was.
//! - **Bounded.** A full file is set aside and another continues chain and tree. Old files are removed only where the operator
//!   says so, only once what follows them signs them, and not before the ledger says it.
//!
//! What it cannot show: lines that were cut from the end, or written anew by who holds the key, against who keeps no checkpoint
//! elsewhere. An ending says what was decided, not that the other side received it: a client may leave while the line is written.
//!
//! It knows no request, reply, policy or secret. The ledger is not the log: failures are also told to `tracing`, lines
//! are not.

#[expect(clippy::disallowed_methods, reason = "this room owns the ledger's files")]
mod archive;
pub mod checkpoint;
mod draft;
#[expect(clippy::disallowed_methods, reason = "this room owns the ledger's files")]
mod evidence;
pub mod export;
#[expect(clippy::disallowed_methods, reason = "this room owns the ledger's files")]
mod file;
mod line;
mod mirror;
#[expect(clippy::disallowed_methods, reason = "this room owns the ledger's files")]
mod open;
pub mod proof;
mod queue;
#[expect(clippy::disallowed_methods, reason = "this room owns the ledger's files")]
pub mod read;
#[expect(clippy::disallowed_methods, reason = "this room owns the ledger's files")]
pub mod readings;
pub mod stats;
pub mod tree;
mod value;
pub mod verify;
#[expect(clippy::disallowed_methods, reason = "this room owns the ledger's files")]
mod writer;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests do to a ledger what others should not")]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::oneshot;

pub use archive::beside;
pub use checkpoint::{BadKey, Signer, Verifier};
pub use evidence::{Evidence, checkpoint_file, public_key_file, read_private, replace};
pub use line::{
    Asked, Category, Crossing, Destination, Ending, Event, Facts, Kind, Method, Note, Phase, RefusedAgain, Scheme,
    Subject,
};
pub use mirror::{Mirror, Mirrored};
pub use value::{Digest, EventId, Hash, Scrubbed};

use checkpoint::BadCheckpoint;
use draft::Draft;
use queue::{Queue, Request};
use writer::Writer;

/// A handle on the one writer of a ledger file. Cheap to clone; the last one dropped waits until what is queued is
/// written, and lets the file go.
#[derive(Clone)]
pub struct Ledger(Arc<Handle>);

struct Handle {
    queue: Arc<Queue>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    path: PathBuf,
}

/// How a ledger works. None of it is what it records.
#[derive(Debug, Clone)]
pub struct Options {
    waiting: usize,
    clock: fn() -> Timestamp,
    danger_unsynced: bool,
    evidence: Option<Evidence>,
    mirrors: Vec<Mirror>,
}

/// Something that is on record as asked, and not yet as ended.
#[must_use = "dropping an entry records it as abandoned"]
pub struct Entry {
    queue: Arc<Queue>,
    event_id: EventId,
    seq: u64,
    /// The fields an entry's lines have in common, as JSON.
    context: Vec<u8>,
    asked_at: Instant,
    /// True from the moment the first line is durable until an ending is queued.
    open: bool,
}

/// A value whose ending is on record. Only [`Entry::close`] makes one.
#[must_use]
#[derive(Debug)]
pub struct Released<T> {
    value: T,
    position: Position,
}

/// Where in the ledger to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub event_id: EventId,
    pub seq: u64,
}

#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Too many lines wait for the disk. Nothing was recorded; asking again later may succeed.
    #[error("the ledger is busy")]
    Busy,
    #[error("the ledger is closed")]
    Closed,
    #[error("{} is in use: another process writes to this ledger", path.display())]
    InUse { path: PathBuf },
    #[error("cannot open the ledger {}", path.display())]
    Open { path: PathBuf, source: Arc<io::Error> },
    #[error("{} is not a ledger of this schema: move it away, or name another file", path.display())]
    NotALedger { path: PathBuf },
    #[error("{}: line {seq} does not follow the line before it; keep this file as it is and name another", path.display())]
    BrokenChain { path: PathBuf, seq: u64 },
    #[error("cannot write to the ledger {}", path.display())]
    Write { path: PathBuf, source: Arc<io::Error> },
    #[error("the ledger's key {} cannot be used; bring it back, or begin another ledger", path.display())]
    Key { path: PathBuf, source: Arc<io::Error> },
    #[error("{} belongs to another key; bring that back, or begin another ledger", path.display())]
    OtherKey { path: PathBuf, source: BadCheckpoint },
    #[error(
        "{}: {signed} lines were signed and {found} are there; lines were cut from its end: keep what is there and name another file",
        path.display()
    )]
    Cut { path: PathBuf, signed: u64, found: u64 },
    #[error(
        "{}: a ledger was begun here, and none of its lines is left; bring it back, or name another file. If you removed it yourself, \
         remove {} as well",
        path.display(), begun.display()
    )]
    Gone { path: PathBuf, begun: PathBuf },
    #[error("{} was removed, replaced or changed by others; nothing is recorded until a restart", path.display())]
    Tampered { path: PathBuf },
}

impl LedgerError {
    /// All that a shard and its client get to know.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "ledger-busy",
            Self::Closed
            | Self::InUse { .. }
            | Self::Open { .. }
            | Self::NotALedger { .. }
            | Self::BrokenChain { .. }
            | Self::Write { .. }
            | Self::Key { .. }
            | Self::OtherKey { .. }
            | Self::Cut { .. }
            | Self::Gone { .. }
            | Self::Tampered { .. } => "ledger-unavailable",
        }
    }
}

impl Ledger {
    /// Opens the ledger at `path`, or begins one. Only the end of the file is read. Blocks: for startup.
    pub fn open(path: &Path, options: Options) -> Result<Self, LedgerError> {
        let opened = open::open(path, &options)?;
        let mut writer = Writer::new(opened.sink, opened.path, opened.end, options.clock)
            .keep(opened.lock)
            .signing(opened.signing)
            .mirrored(options.mirrors);
        if let Some(torn) = opened.torn {
            let note = Note {
                bytes: Some(torn.bytes),
                digest: Some(torn.digest),
                ..Note::new(Event::Admin { code: "torn-tail-quarantined" })
            };
            writer.write_now(note)?;
        }
        Self::start(writer, options.waiting)
    }

    fn start(writer: Writer, waiting: usize) -> Result<Self, LedgerError> {
        let (path, clock) = (writer.path().to_owned(), writer.clock());
        let file = path.clone();
        let queue = Arc::new(Queue::new(waiting, clock));
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn({
                let queue = Arc::clone(&queue);
                move || writer.run(&queue)
            })
            .map_err(|source| LedgerError::Open { path, source: Arc::new(source) })?;
        Ok(Self(Arc::new(Handle { queue, thread: Mutex::new(Some(thread)), path: file })))
    }

    /// Where it is, for readers.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Records that something is about to happen. It may happen once this returns.
    ///
    /// Dropping the future is safe: if the line was written nevertheless, `abandoned` follows it.
    pub async fn ask(&self, asked: Asked) -> Result<Entry, LedgerError> {
        let queue = &self.0.queue;
        let event_id = EventId::new();
        let context = draft::context(event_id, asked.what.kind(), asked.parent, &asked.subject);
        let draft = Draft::asked(&context, &asked, queue.now());
        let queue_of_entry = Arc::clone(queue);
        let entry = Entry { queue: queue_of_entry, event_id, seq: 0, context, asked_at: Instant::now(), open: false };
        let (done, answer) = oneshot::channel();
        queue.push_if_room(Request::Ask { draft, entry, done })?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }

    /// Records something that has no before and after: a start, a stop, what was refused before it became a call.
    pub async fn note(&self, note: Note) -> Result<Position, LedgerError> {
        let event_id = EventId::new();
        let draft = Draft::note(event_id, &note, self.0.queue.now());
        let (done, answer) = oneshot::channel();
        self.0.queue.push_if_room(Request::Note { draft, done })?;
        let seq = answer.await.map_err(|_| LedgerError::Closed)??;
        Ok(Position { event_id, seq })
    }

    /// Records what belongs to a call that was let in, before the call's ending and without waiting for the disk. It is never
    /// refused for want of room, and is written before any line that is handed over after it, also where the disk fails meanwhile.
    pub fn owe(&self, note: &Note) -> Result<(), LedgerError> {
        let queue = &self.0.queue;
        queue.push(Request::Owed { draft: Draft::note(EventId::new(), note, queue.now()) })
    }

    /// Writes what was handed over and the last checkpoint, and waits for the disk. Whoever holds the ledger still gets
    /// [`LedgerError::Closed`] from then on. Blocks: for the end.
    pub fn finish(&self) {
        self.0.finish();
    }
}

impl Handle {
    fn finish(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the ledger's writer ended in a panic");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Entry {
    pub fn event_id(&self) -> EventId {
        self.event_id
    }

    /// Records how it ended, and releases `value` once that is durable.
    ///
    /// An ending is never refused for want of room. If it cannot be written `value` is dropped, and the ledger says
    /// `abandoned` as soon as it can be written to again.
    pub async fn close<T>(mut self, ending: Ending, value: T) -> Result<Released<T>, LedgerError> {
        let draft = Draft::ended(self.take_context(), &ending, self.queue.now(), self.asked_at.elapsed());
        let (done, answer) = oneshot::channel();
        self.queue.push(Request::End { draft, done })?;
        let seq = answer.await.map_err(|_| LedgerError::Closed)??;
        Ok(Released { value, position: Position { event_id: self.event_id, seq } })
    }

    fn take_context(&mut self) -> Vec<u8> {
        self.open = false;
        std::mem::take(&mut self.context)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let draft = Draft::abandoned(self.take_context(), None, self.queue.now(), Some(self.asked_at.elapsed()));
        if self.queue.push(Request::Owed { draft }).is_err() {
            tracing::warn!(event_id = %self.event_id, seq = self.seq, "an entry stays open: the ledger is closed");
        }
    }
}

impl<T> Released<T> {
    pub fn into_inner(self) -> T {
        self.value
    }

    pub fn position(&self) -> Position {
        self.position
    }
}

impl Options {
    /// How many lines may wait for the disk before an ask is refused as busy.
    pub fn waiting(self, waiting: usize) -> Self {
        Self { waiting, ..self }
    }

    pub fn clock(self, clock: fn() -> Timestamp) -> Self {
        Self { clock, ..self }
    }

    /// Signs checkpoints, and divides the ledger into files. Without it lines are chained only.
    pub fn signed(self, evidence: Evidence) -> Self {
        Self { evidence: Some(evidence), ..self }
    }

    /// Shows each line to someone else too, once it is durable.
    pub fn mirrored(mut self, mirror: Mirror) -> Self {
        self.mirrors.push(mirror);
        self
    }

    /// Says "durable" without asking the disk. For benchmarks, to tell our own time from the disk's; no setting
    /// leads here.
    #[doc(hidden)]
    pub fn danger_unsynced(self) -> Self {
        Self { danger_unsynced: true, ..self }
    }
}

impl Default for Options {
    fn default() -> Self {
        let (evidence, mirrors) = (None, Vec::new());
        Self { waiting: 1024, clock: Timestamp::now, danger_unsynced: false, evidence, mirrors }
    }
}
