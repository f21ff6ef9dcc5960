//! What a call leaves in sums: refusals beyond the first ones, and log lines that were not passed on.
//!
//! A refusal costs the guest next to nothing, so a guest could fill the disk with them. The first of a call are described with a
//! pair of lines each; those after them are counted by kind and code, and told in one line before the call's ending. Only what was
//! refused before anything moved is counted like this.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::audit::{Event, EventId, Kind, Ledger, Note, RefusedAgain, Subject};
use crate::refusal::Code;

/// Refusals of a call that have lines of their own, over all kinds.
pub(super) const DESCRIBED: u64 = 16;
/// Refusals and failures of a call that the operator's log tells.
pub(super) const STORIES: u64 = 64;
/// Log lines of a call that are passed on.
pub(super) const LOG_LINES: u64 = 200;

/// Counts of one call. Whatever of them is not in the ledger yet is handed to it when the call ends or is dropped.
#[derive(Default)]
pub(super) struct Tally {
    described: AtomicU64,
    stories: AtomicU64,
    log_lines: AtomicU64,
    again: Mutex<BTreeMap<(Kind, Code), u64>>,
    /// Where the counts go. None as long as there is nothing to tell.
    record: OnceLock<Record>,
}

struct Record {
    ledger: Ledger,
    parent: Option<EventId>,
    subject: Arc<Subject>,
}

impl Tally {
    /// Whether a refusal is described with lines of its own.
    pub(super) fn describes(&self) -> bool {
        up_to(&self.described, DESCRIBED)
    }

    /// Whether all refusals are only counted from now on.
    pub(super) fn only_counts(&self) -> bool {
        self.described.load(Ordering::Relaxed) >= DESCRIBED
    }

    /// Counts a refusal that is not described.
    pub(super) fn count(&self, ledger: &Ledger, parent: Option<EventId>, subject: &Arc<Subject>, what: (Kind, Code)) {
        self.goes_to(ledger, parent, subject);
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        let count = again.entry(what).or_default();
        *count = count.saturating_add(1);
    }

    /// Whether the operator's log tells of a refusal or failure.
    pub(super) fn tells(&self) -> bool {
        self.stories.fetch_add(1, Ordering::Relaxed) < STORIES
    }

    /// Whether a log line of the guest is passed on.
    pub(super) fn passes_on(&self, ledger: &Ledger, parent: Option<EventId>, subject: &Arc<Subject>) -> bool {
        let passes = self.log_lines.fetch_add(1, Ordering::Relaxed) < LOG_LINES;
        if !passes {
            self.goes_to(ledger, parent, subject);
        }
        passes
    }

    fn goes_to(&self, ledger: &Ledger, parent: Option<EventId>, subject: &Arc<Subject>) {
        self.record.get_or_init(|| Record { ledger: ledger.clone(), parent, subject: subject.clone() });
    }

    /// Hands the counts to the ledger and begins anew. Nothing of them is lost, and nothing is told twice.
    pub(super) fn close(&self) {
        let again = std::mem::take(&mut *self.again.lock().unwrap_or_else(PoisonError::into_inner));
        let suppressed = self.log_lines.fetch_min(LOG_LINES, Ordering::Relaxed).saturating_sub(LOG_LINES);
        let untold = self.stories.fetch_min(STORIES, Ordering::Relaxed).saturating_sub(STORIES);
        let refusals: Vec<_> = again
            .into_iter()
            .map(|((kind, code), count)| RefusedAgain { kind, refusal: code.as_str(), count })
            .collect();
        let refused = refusals.iter().fold(0_u64, |sum, again| sum.saturating_add(again.count));
        if untold > 0 {
            tracing::warn!(untold, "so many more refusals and failures of this call are in the ledger alone");
        }
        if refused > 0 {
            tracing::warn!(refused, "so many more requests of this call were refused: the ledger counts them");
            self.tell(Note { count: Some(refused), refusals, ..Note::new(Event::RefusedAgain) });
        }
        if suppressed > 0 {
            self.tell(Note { count: Some(suppressed), ..Note::new(Event::LogSuppressed) });
        }
    }

    fn tell(&self, note: Note) {
        let Some(Record { ledger, parent, subject }) = self.record.get() else { return };
        let count = note.count;
        if let Err(error) = ledger.owe(&Note { parent: *parent, subject: subject.clone(), ..note }) {
            tracing::error!(%error, count, "what a call left in sums cannot be recorded");
        }
    }
}

/// A call may be dropped at any moment; what it was refused is told all the same.
impl Drop for Tally {
    fn drop(&mut self) {
        self.close();
    }
}

/// Counts one more, as long as there are fewer.
fn up_to(counter: &AtomicU64, most: u64) -> bool {
    let more = |count| (count < most).then(|| count + 1);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

#[cfg(test)]
impl Tally {
    pub(super) fn pretend_log_lines(&self, lines: u64) {
        self.log_lines.store(lines, Ordering::Relaxed);
    }
}
