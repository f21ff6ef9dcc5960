//! Lines that wait for the writer, and those who wait for the lines.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::draft::Draft;
use super::{Entry, LedgerError};

/// What waits for the writer. Asks and notes have a limit; endings do not, for each belongs to an ask that was let in.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    room: usize,
    clock: fn() -> Timestamp,
}

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
    /// A line that nobody waits for and that must not be lost: an entry that was dropped, or what a call leaves at its end.
    Owed {
        draft: Draft,
    },
}

struct Waiting {
    requests: Vec<Request>,
    /// The writer leaves as soon as nothing waits.
    closing: bool,
    /// The writer has left. Nothing is taken any more.
    gone: bool,
}

impl Queue {
    pub(super) fn new(room: usize, clock: fn() -> Timestamp) -> Self {
        let waiting = Mutex::new(Waiting { requests: Vec::new(), closing: false, gone: false });
        Self { waiting, arrived: Condvar::new(), room, clock }
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
        let is_first = waiting.requests.len() == 1;
        drop(waiting);
        if is_first {
            self.arrived.notify_one();
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.arrived.notify_one();
    }

    /// Waits for requests, `patience` at most, and swaps what there is into `batch`. False when closing and empty.
    ///
    /// It waits for no company: while the disk takes one round the next gathers by itself.
    pub(super) fn take(&self, batch: &mut Vec<Request>, patience: Option<Duration>) -> bool {
        let waiting = self.lock();
        let idle = |waiting: &mut Waiting| waiting.requests.is_empty() && !waiting.closing;
        let mut waiting = match patience {
            None => self.arrived.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let woken = self.arrived.wait_timeout_while(waiting, patience, idle);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        std::mem::swap(&mut waiting.requests, batch);
        waiting.gone = waiting.closing && batch.is_empty();
        !waiting.gone
    }

    /// A request is pushed or it is not: a panic in between leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Request {
    pub(super) fn draft(&self) -> &Draft {
        match self {
            Self::Ask { draft, .. } | Self::End { draft, .. } | Self::Note { draft, .. } | Self::Owed { draft } => {
                draft
            }
        }
    }

    pub(super) fn succeed(self, seq: u64) {
        match self {
            Self::Ask { mut entry, done, .. } => {
                entry.seq = seq;
                entry.open = true;
                // If the caller is gone the entry comes back, is dropped here, and so recorded as abandoned.
                drop(done.send(Ok(entry)));
            }
            Self::End { done, .. } | Self::Note { done, .. } => drop(done.send(Ok(seq))),
            Self::Owed { .. } => {}
        }
    }

    /// Tells the caller, and returns the line that is owed to an entry which now has no ending.
    pub(super) fn fail(self, error: &LedgerError, now: Timestamp) -> Option<Draft> {
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
            Self::Owed { draft } => Some(draft),
        }
    }
}

pub(super) struct Leaving<'a>(pub(super) &'a Queue);

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
