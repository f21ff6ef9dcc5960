//! What the writer does between the callers' lines: it divides the ledger into files, removes old ones, and takes over what was
//! read.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{State, Writer};
use crate::audit::line::{Event, Note};
use crate::audit::queue::Request;
use crate::audit::{LedgerError, archive, evidence, readings};

/// A file that cannot be divided is tried again after that.
const UNDIVIDED: Duration = Duration::from_secs(60);

impl Writer {
    /// Begins a new file if this one is full, or of another day. True if it did.
    pub(super) fn divide_if_due(&mut self) -> bool {
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
    pub(super) fn tidy(&mut self) {
        let Some((signing, keep)) = self.signing.as_ref().and_then(|signing| Some((signing, signing.options().keep?)))
        else {
            return;
        };
        // Longer than the calendar reaches: nothing is that old.
        let Ok(before) = (self.clock)().checked_sub(keep) else { return };
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

    /// Takes over what commands have left about what they read, all of it at the end and a part at each look before.
    pub(super) fn read_readings(&mut self, last: bool) {
        if self.signing.is_none() || !matches!(self.state, State::Sound) {
            return;
        }
        self.looked = Instant::now();
        loop {
            let mut batch = Vec::new();
            let left = readings::take(&self.path, self.taken_over, |reading| {
                let (done, _) = oneshot::channel();
                batch.push(Request::Note { draft: reading.draft(), done });
            });
            let left = match left {
                Ok(Some(left)) => left,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(path = %self.path.display(), %error, "what was read cannot be taken over");
                    return;
                }
            };
            self.commit(&mut batch, false);
            // What could not be recorded stays where it is.
            if !matches!(self.state, State::Sound) {
                return;
            }
            match left.done() {
                Ok(next) => self.taken_over = next,
                Err(error) => {
                    tracing::warn!(path = %self.path.display(), %error, "what was read may be recorded twice");
                    return;
                }
            }
            if !last || self.taken_over == 0 {
                return;
            }
        }
    }
}
