//! Reading a ledger, also while it is written to. Readers take no lock and hold no more than they return: lines stream,
//! and a tail is read from the end.
//!
//! A line without its newline at the end of a file is being written, or was torn by a crash: it is passed over and
//! counted. Any other line that cannot be read is reported in its place and does not hide the lines after it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::draft::Link;
use super::line::{Kind, Phase};
use super::value::{EventId, Hash};

/// No line is longer. Written lines are far shorter; a file that is no ledger may hold anything.
pub const MAX_LINE: usize = 1 << 20;

const BLOCK: u64 = 64 << 10;

/// How many lines: 1 to 500. There is no zero, no negative and no "all".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Count(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} lines cannot be shown: expected 1 to {}", Count::MAX)]
pub struct BadCount {
    found: i64,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    #[error("cannot read the ledger")]
    Io(#[from] io::Error),
    #[error("a line at byte {offset} is not one of a ledger")]
    NotALine { offset: u64, source: serde_json::Error },
    #[error("a line at byte {offset} is longer than {MAX_LINE} bytes")]
    TooLong { offset: u64 },
}

/// A line as it stands in the file, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it begins.
    pub offset: u64,
    /// Its bytes, without the newline.
    pub raw: Vec<u8>,
    pub line: Line,
}

/// What a line says, for readers. Fields that are absent are none or empty, fields we do not know are passed over, and
/// where schema 1 had words of its own there is text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    pub seq: u64,
    pub event_id: Option<EventId>,
    pub schema_version: String,
    pub source: String,
    pub kind: Option<Kind>,
    pub parent_id: Option<EventId>,
    pub shard: Option<String>,
    pub tool: Option<String>,
    pub action_category: Option<String>,
    pub mock_mode: Option<bool>,
    pub principal: Option<String>,
    pub client: Option<String>,
    pub timestamp: String,
    pub phase: Option<Phase>,
    pub status: Option<String>,
    pub refusal: Option<String>,
    pub error_type: Option<String>,
    pub error_message: Option<String>,
    pub latency_ms: Option<f64>,
    pub component_digest: Option<String>,
    pub lock_digest: Option<String>,
    pub destination: Option<Destination>,
    pub credential: Option<String>,
    pub peer: Option<String>,
    pub artifact: Option<String>,
    pub args_summary: Option<serde_json::Value>,
    pub upstream_status: Option<u16>,
    pub request_bytes: Option<u64>,
    pub reply_bytes: Option<u64>,
    pub rows: Option<u64>,
    pub complete: Option<bool>,
    pub redactions: BTreeMap<String, u64>,
    pub result_digest: Option<String>,
    pub code: Option<String>,
    pub count: Option<u64>,
    pub bytes: Option<u64>,
    pub digest: Option<String>,
    pub prev: Option<Hash>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Destination {
    pub scheme: String,
    pub host: String,
    pub port: u16,
    pub method: String,
    pub template: Option<String>,
}

/// All lines of a ledger, in order. See [`lines`].
pub struct Lines {
    raw: RawLines,
}

/// What [`verify_chain`] found in a ledger that holds together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub lines: u64,
    /// The leaf hash of the last line, which the next one will carry as `prev`.
    pub head: Hash,
    /// Bytes after the last newline: a line that is being written, or a torn one.
    pub torn: u64,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the chain breaks at line {line} (byte {offset})")]
    Broken { line: u64, offset: u64, source: Break },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    #[error("it is not a line of a ledger")]
    NotALine,
    #[error("its seq is {found} where {expected} is due: lines were removed, added or reordered")]
    Seq { expected: u64, found: u64 },
    #[error("the line before it is not the one it was chained to: one of the two was changed")]
    Prev,
}

/// The last `count` lines, oldest first. Reads no more of the file than it has to.
pub fn tail(path: &Path, count: Count) -> Result<Vec<Result<Record, ReadError>>, ReadError> {
    let mut file = File::open(path)?;
    let mut start = file.seek(SeekFrom::End(0))?;
    let mut blocks = Vec::new();
    let mut newlines = 0;
    // One newline more than lines: the one that ends the line before them.
    while start > 0 && newlines <= count.0 {
        let length = start.min(BLOCK);
        start -= length;
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        (&mut file).take(length).read_to_end(&mut block)?;
        newlines += block.iter().filter(|byte| **byte == b'\n').count();
        blocks.push(block);
        if blocks.len() as u64 * BLOCK > MAX_LINE as u64 * (newlines as u64 + 1) {
            return Err(ReadError::TooLong { offset: start });
        }
    }
    let bytes: Vec<u8> = blocks.into_iter().rev().flatten().collect();
    let mut lines = Vec::new();
    let mut offset = start;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some(line) = line.strip_suffix(b"\n") {
            lines.push((offset, line));
        }
        offset += line.len() as u64;
    }
    let skip = lines.len().saturating_sub(count.0);
    Ok(lines.into_iter().skip(skip).map(|(offset, line)| Record::parse(offset, line.to_vec())).collect())
}

/// Lines as they are written, from some place in the file on.
pub struct Following {
    path: PathBuf,
    file: (u64, u64),
    offset: u64,
    /// A line that is not whole yet.
    rest: Vec<u8>,
}

impl Following {
    /// `offset` is where a line begins.
    pub fn from(path: &Path, offset: u64) -> Result<Self, ReadError> {
        let file = identity(&File::open(path)?)?;
        Ok(Self { path: path.to_owned(), file, offset, rest: Vec::new() })
    }

    /// What has come since. A file that was replaced, or became shorter, is an error.
    pub fn more(&mut self) -> Result<Vec<Result<Record, ReadError>>, ReadError> {
        let mut file = File::open(&self.path)?;
        let from = self.offset + self.rest.len() as u64;
        if identity(&file)? != self.file || file.metadata()?.len() < from {
            return Err(io::Error::other("the file was replaced or cut while it was followed").into());
        }
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut self.rest)?;
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.rest.split_off(whole);
        let mut lines = Vec::new();
        for line in std::mem::replace(&mut self.rest, rest).split_inclusive(|byte| *byte == b'\n') {
            let record = Record::parse(self.offset, line.strip_suffix(b"\n").unwrap_or(line).to_vec());
            self.offset += line.len() as u64;
            lines.push(record);
        }
        Ok(lines)
    }
}

/// Device and inode: a name may come to mean another file.
fn identity(file: &File) -> io::Result<(u64, u64)> {
    let about = file.metadata()?;
    Ok((about.dev(), about.ino()))
}

/// All lines, one at a time.
pub fn lines(path: &Path) -> Result<Lines, ReadError> {
    Ok(Lines { raw: RawLines::open(path)? })
}

/// The first lines of entries that have no second one, oldest first: in flight, or left by a crash. Lines that cannot
/// be read are passed over, so an entry whose ending is unreadable counts as open.
pub fn open_entries(path: &Path) -> Result<Vec<Record>, ReadError> {
    let mut open = HashMap::new();
    for record in lines(path)? {
        let Some(record) = readable(record)? else { continue };
        let Some(id) = record.line.event_id else { continue };
        match record.line.phase {
            Some(Phase::Asked) => drop(open.insert(id, record)),
            Some(Phase::Ended | Phase::Abandoned) => drop(open.remove(&id)),
            None => {}
        }
    }
    let mut open: Vec<Record> = open.into_values().collect();
    open.sort_by_key(|record| record.offset);
    Ok(open)
}

/// Checks that every line has the next number and is chained to the line before it, and names the first that is not.
///
/// It finds lines that were changed, removed, added or reordered. It cannot find lines cut from the end, nor a change
/// to the last line, nor a file that was written anew from some point on: those need a checkpoint kept elsewhere.
pub fn verify_chain(path: &Path) -> Result<Chain, VerifyError> {
    let mut raw = RawLines::open(path)?;
    let mut chain = Chain { lines: 0, head: Hash::NONE, torn: 0 };
    for next in raw.by_ref() {
        let (offset, line) = match next {
            Ok(found) => found,
            Err(ReadError::TooLong { offset }) => {
                return Err(VerifyError::Broken { line: chain.lines + 1, offset, source: Break::NotALine });
            }
            Err(error @ (ReadError::Io(_) | ReadError::NotALine { .. })) => return Err(error.into()),
        };
        let expected = chain.lines + 1;
        match serde_json::from_slice::<Link>(&line) {
            Ok(Link { seq, .. }) if seq != expected => Err(Break::Seq { expected, found: seq }),
            Ok(Link { prev, .. }) if prev != chain.head => Err(Break::Prev),
            Ok(_) => Ok(()),
            Err(_) => Err(Break::NotALine),
        }
        .map_err(|source| VerifyError::Broken { line: expected, offset, source })?;
        chain.lines = expected;
        chain.head = Hash::leaf(&line);
    }
    chain.torn = raw.torn;
    Ok(chain)
}

impl Iterator for Lines {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.raw.next()?.and_then(|(offset, raw)| Record::parse(offset, raw)))
    }
}

impl Lines {
    /// How many bytes after the last newline were passed over. Known at the end.
    pub fn torn(&self) -> u64 {
        self.raw.torn
    }
}

/// A line of [`lines`], or none if it cannot be read: that hides no other. Only a file that cannot be read is an error.
pub(super) fn readable(line: Result<Record, ReadError>) -> Result<Option<Record>, ReadError> {
    match line {
        Ok(record) => Ok(Some(record)),
        Err(ReadError::Io(error)) => Err(error.into()),
        Err(ReadError::NotALine { .. } | ReadError::TooLong { .. }) => Ok(None),
    }
}

impl Record {
    fn parse(offset: u64, raw: Vec<u8>) -> Result<Self, ReadError> {
        match serde_json::from_slice(&raw) {
            Ok(line) => Ok(Self { offset, raw, line }),
            Err(source) => Err(ReadError::NotALine { offset, source }),
        }
    }
}

impl Count {
    pub const MAX: i64 = 500;

    pub fn get(self) -> usize {
        self.0
    }

    pub fn new(count: i64) -> Result<Self, BadCount> {
        match usize::try_from(count) {
            Ok(lines) if (1..=Self::MAX).contains(&count) => Ok(Self(lines)),
            Ok(_) | Err(_) => Err(BadCount { found: count }),
        }
    }
}

impl TryFrom<i64> for Count {
    type Error = BadCount;

    fn try_from(count: i64) -> Result<Self, BadCount> {
        Self::new(count)
    }
}

/// Lines as bytes, each with its offset. After a line that is too long it goes on with the next.
struct RawLines {
    from: BufReader<File>,
    offset: u64,
    torn: u64,
    /// Nothing more comes: the file ended, or cannot be read.
    ended: bool,
}

impl RawLines {
    fn open(path: &Path) -> Result<Self, ReadError> {
        Ok(Self { from: BufReader::with_capacity(64 << 10, File::open(path)?), offset: 0, torn: 0, ended: false })
    }

    fn read_next(&mut self) -> Result<Option<(u64, Vec<u8>)>, ReadError> {
        let offset = self.offset;
        let mut line = Vec::new();
        let read = (&mut self.from).take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
        self.offset += read as u64;
        if line.pop_if(|byte| *byte == b'\n').is_some() {
            return Ok(Some((offset, line)));
        }
        if read == MAX_LINE {
            self.offset += self.from.skip_until(b'\n')? as u64;
            return Err(ReadError::TooLong { offset });
        }
        self.torn = read as u64;
        Ok(None)
    }
}

impl Iterator for RawLines {
    type Item = Result<(u64, Vec<u8>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read_next();
        self.ended = matches!(next, Ok(None) | Err(ReadError::Io(_)));
        next.transpose()
    }
}
