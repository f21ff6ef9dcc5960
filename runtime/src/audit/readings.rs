//! Who read the ledger on the command line, approved a shard or stopped one. A command takes no lock and writes to no ledger,
//! so it leaves a line in `<ledger>.readings`, and the writer takes it over: at once while a host runs, else when the next one
//! starts.
//!
//! Only where the ledger is written: a copy that an auditor verifies elsewhere is not touched. Whoever reads the file with other
//! programs leaves nothing here.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::archive::beside;
use super::draft::Draft;
use super::line::{Event, Note, Subject};
use super::value::{Digest, EventId, Scrubbed};
use crate::names::ShardName;

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

/// What somebody did about a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    Approve,
    Forget,
    Quarantine,
    Release,
}

/// Who did what, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Reading {
    event_id: EventId,
    at: Timestamp,
    uid: u32,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum What {
    Read { reader: Reader },
    Did(Deed),
}

/// An act that the record must tell of. `why` is a person's text, and redaction has been over it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deed {
    pub act: Act,
    pub shard: ShardName,
    pub why: String,
    /// Of the lock after it.
    pub lock: Option<Digest>,
}

/// What is taken over at once. The rest waits for the next look.
const MOST: u64 = 16 << 20;

/// What is left once readings were taken over.
pub(super) struct Left {
    file: File,
    next: u64,
    is_all: bool,
}

impl Left {
    /// Where to go on. The file is empty again once all of it was taken over.
    pub(super) fn done(self) -> io::Result<u64> {
        if !self.is_all {
            return Ok(self.next);
        }
        self.file.set_len(0)?;
        self.file.sync_all()?;
        Ok(0)
    }
}

/// Leaves a line that this was read. False if this is not where the ledger is written: then nothing is left.
pub fn leave(ledger: &Path, reader: Reader) -> io::Result<bool> {
    // Who holds the lock's file holds the ledger, and not a copy.
    let Ok(ledger) = ledger.canonicalize() else { return Ok(false) };
    if !beside(&ledger, ".lock").exists() {
        return Ok(false);
    }
    append(&ledger, What::Read { reader })?;
    Ok(true)
}

/// Leaves a line that this was done, also where no ledger is written yet: it is taken over when there is one.
pub fn leave_deed(ledger: &Path, deed: Deed) -> io::Result<()> {
    if let Some(folder) = ledger.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let ledger = ledger.canonicalize().unwrap_or_else(|_| ledger.to_owned());
    append(&ledger, What::Did(deed))
}

fn append(ledger: &Path, what: What) -> io::Result<()> {
    let uid = std::fs::metadata("/proc/self")?.uid();
    let reading = Reading { event_id: EventId::new(), at: Timestamp::now(), uid, what };
    let line = serde_json::to_string(&reading)? + "\n";
    let path = beside(ledger, ".readings");
    let mut file = OpenOptions::new().mode(0o600).append(true).create(true).open(path)?;
    file.lock()?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

/// Shows what was left from this byte on, so much of it as is taken over at once. None if nothing was.
pub(super) fn take(ledger: &Path, from: u64, mut each: impl FnMut(Reading)) -> io::Result<Option<Left>> {
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
    let length = file.metadata()?.len();
    // One that others made shorter is read from its beginning.
    let from = if from > length { 0 } else { from };
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    (&mut file).take(MOST).read_to_end(&mut text)?;
    let is_all = from + text.len() as u64 >= length;
    if !is_all && let Some(end) = text.iter().rposition(|byte| *byte == b'\n') {
        // The last line goes on.
        text.truncate(end + 1);
    }
    // A torn line, or somebody's own, says nothing that could be recorded.
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).for_each(&mut each);
    Ok(Some(Left { file, next: from + text.len() as u64, is_all }))
}

impl Reading {
    pub(super) fn draft(&self) -> Draft {
        let (code, deed) = match &self.what {
            What::Read { reader } => (reader.code(), None),
            What::Did(deed) => (deed.act.code(), Some(deed)),
        };
        let subject = Subject {
            principal: Some(Scrubbed::already_scrubbed(format!("uid:{}", self.uid))),
            shard: deed.map(|deed| deed.shard.clone()),
            lock: deed.and_then(|deed| deed.lock),
            ..Subject::default()
        };
        let note = Note {
            subject: subject.into(),
            args_summary: deed.map(|deed| Scrubbed::already_scrubbed(deed.why.clone())),
            ..Note::new(Event::Admin { code })
        };
        Draft::note(self.event_id, &note, self.at)
    }
}

impl Act {
    /// Lets a shard do what it could not.
    pub fn opens(self) -> bool {
        match self {
            Self::Approve | Self::Release => true,
            Self::Forget | Self::Quarantine => false,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Approve => "shard-approved",
            Self::Forget => "approval-withdrawn",
            Self::Quarantine => "shard-quarantined",
            Self::Release => "quarantine-lifted",
        }
    }
}

impl Reader {
    fn code(self) -> &'static str {
        match self {
            Reader::Tail => "read-tail",
            Reader::Stats => "read-stats",
            Reader::Search => "read-search",
            Reader::Export => "read-export",
            Reader::Verify => "read-verify",
            Reader::Prove => "read-prove",
        }
    }
}
