//! Who read the ledger on the command line. A reader takes no lock and writes to no ledger, so it leaves a line in
//! `<ledger>.readings`, and the writer takes it over: at once while a host runs, else when the next one starts.
//!
//! Only where the ledger is written: a copy that an auditor verifies elsewhere is not touched. Whoever reads the file with other
//! programs leaves nothing here.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::archive::beside;
use super::draft::Draft;
use super::line::{Event, Note, Subject};
use super::value::{EventId, Scrubbed};

/// The reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    Tail,
    Stats,
    Search,
    Export,
    Verify,
    Prove,
}

/// Who read what, and when. Nothing in it is text that others chose.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reading {
    event_id: EventId,
    at: Timestamp,
    reader: Reader,
    uid: u32,
}

/// More than this many bytes nobody reads between two looks of the writer.
const MOST: u64 = 16 << 20;

/// What is left once readings were taken over: nothing, once [`Left::done`] says so.
pub(super) struct Left(File);

impl Left {
    pub(super) fn done(self) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.sync_all()
    }
}

/// Leaves a line that this was read. False if this is not where the ledger is written: then nothing is left.
pub fn leave(ledger: &Path, reader: Reader) -> io::Result<bool> {
    // Who holds the lock's file holds the ledger, and not a copy.
    let Ok(ledger) = ledger.canonicalize() else { return Ok(false) };
    if !beside(&ledger, ".lock").exists() {
        return Ok(false);
    }
    let uid = std::fs::metadata("/proc/self")?.uid();
    let reading = Reading { event_id: EventId::new(), at: Timestamp::now(), reader, uid };
    let line = serde_json::to_string(&reading)? + "\n";
    let path = beside(&ledger, ".readings");
    let mut file = OpenOptions::new().mode(0o600).append(true).create(true).open(path)?;
    file.lock()?;
    file.write_all(line.as_bytes())?;
    file.sync_data()?;
    Ok(true)
}

/// Shows what was left. None if nothing was.
pub(super) fn take(ledger: &Path, mut each: impl FnMut(Reading)) -> io::Result<Option<Left>> {
    let mut file = match OpenOptions::new().read(true).write(true).open(beside(ledger, ".readings")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    // A reader is about to write. The writer waits for nobody.
    if file.try_lock().is_err() {
        return Ok(None);
    }
    let mut text = Vec::new();
    (&mut file).take(MOST).read_to_end(&mut text)?;
    // A torn line, or somebody's own, says nothing that could be recorded.
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).for_each(&mut each);
    Ok(Some(Left(file)))
}

impl Reading {
    pub(super) fn draft(&self) -> Draft {
        let code = match self.reader {
            Reader::Tail => "read-tail",
            Reader::Stats => "read-stats",
            Reader::Search => "read-search",
            Reader::Export => "read-export",
            Reader::Verify => "read-verify",
            Reader::Prove => "read-prove",
        };
        let principal = Some(Scrubbed::already_scrubbed(format!("uid:{}", self.uid)));
        let subject = Subject { principal, ..Subject::default() };
        let note = Note { subject: subject.into(), ..Note::new(Event::Admin { code }) };
        Draft::note(self.event_id, &note, self.at)
    }
}
