//! Lines for others to see as they are written: a terminal, a collector. They get what is durable, and get it when they can:
//! whoever is slow loses lines, delays nobody, and what was lost is counted in the ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// So many batches wait for a mirror. A batch is what one round of the disk makes durable.
const WAITING: usize = 1024;
/// How long a ledger that closes waits for a mirror to pass on the last lines.
const FAREWELL: Duration = Duration::from_secs(2);

/// The ledger's end.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// Of the line that says how many were lost.
    code: &'static str,
    to: SyncSender<Arc<[u8]>>,
    lost: Arc<AtomicU64>,
    gone: Arc<AtomicBool>,
}

/// The other end.
pub struct Mirrored {
    from: Receiver<Arc<[u8]>>,
    lost: Arc<AtomicU64>,
    gone: Arc<AtomicBool>,
}

impl Mirror {
    pub fn new(code: &'static str) -> (Self, Mirrored) {
        let (to, from) = sync_channel(WAITING);
        let (lost, gone) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        (Self { code, to, lost: Arc::clone(&lost), gone: Arc::clone(&gone) }, Mirrored { from, lost, gone })
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// Whole lines, each with its newline.
    pub(super) fn offer(&self, lines: &[u8]) {
        if self.to.try_send(lines.into()).is_err() {
            let lost = lines.iter().filter(|byte| **byte == b'\n').count();
            self.lost.fetch_add(lost as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Nothing more comes. Waits a moment until the last lines were passed on.
    pub(super) fn close(self) {
        let Self { to, gone, .. } = self;
        drop(to);
        let until = Instant::now() + FAREWELL;
        while !gone.load(Ordering::Acquire) && Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// So many are on record as lost.
    pub(super) fn forget(&self, lost: u64) {
        self.lost.fetch_sub(lost, Ordering::Relaxed);
    }
}

impl Mirrored {
    /// The next lines, each with its newline. Waits for them; none once the ledger is closed.
    pub fn next(&self) -> Option<Arc<[u8]>> {
        self.from.recv().ok()
    }

    /// More lines that are there already.
    pub fn more(&self) -> Option<Arc<[u8]>> {
        self.from.try_recv().ok()
    }

    /// For what was taken and could not be passed on.
    pub fn lose(&self, lines: u64) {
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }
}

impl Drop for Mirrored {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
    }
}
