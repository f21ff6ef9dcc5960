//! Reading a ledger, also while it is written to. Readers take no lock and hold no more than they return: lines stream,
//! and a tail is read from the end.
//!
//! A line without its newline at the end of a file is being written, or was torn by a crash: it is passed over and
//! counted. Any other line that cannot be read is reported in its place and does not hide the lines after it. A ledger that was
//! divided into files is read as one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::archive::{self, Files, identity};
use super::checkpoint::Checkpoint;
use super::line::{Kind, Phase};
use super::tree::Tree;
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
    /// Where it begins, in its file.
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
    pub dev_mode: Option<bool>,
    pub destination: Option<Destination>,
    pub credential: Option<String>,
    pub peer: Option<String>,
    pub artifact: Option<String>,
    pub args_summary: Option<serde_json::Value>,
    pub subjects: Vec<String>,
    pub upstream_status: Option<u16>,
    pub request_bytes: Option<u64>,
    pub reply_bytes: Option<u64>,
    pub rows: Option<u64>,
    pub complete: Option<bool>,
    pub redactions: BTreeMap<String, u64>,
    pub redacted: Vec<serde_json::Value>,
    pub result_digest: Option<String>,
    pub code: Option<String>,
    pub count: Option<u64>,
    pub bytes: Option<u64>,
    pub digest: Option<String>,
    pub through: Option<u64>,
    pub refusals: Vec<RefusedAgain>,
    pub checkpoint: Option<String>,
    pub peaks: Vec<Hash>,
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

/// Crossings of one kind that were refused for one reason and counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefusedAgain {
    pub kind: Option<Kind>,
    pub refusal: String,
    pub count: u64,
}

/// All lines of a ledger, in order. See [`lines`].
pub struct Lines {
    raw: RawLines,
}

/// A line that signs all lines before it.
#[derive(Deserialize)]
pub(super) struct Signed {
    pub(super) seq: u64,
    #[serde(rename = "checkpoint")]
    pub(super) note: String,
    peaks: Vec<Hash>,
}

impl Signed {
    /// The tree over the lines before it, if its peaks are those of what it signs.
    pub(super) fn tree(&self) -> Option<Tree> {
        let checkpoint = Checkpoint::unverified(&self.note)?;
        let tree = Tree::of(checkpoint.size, self.peaks.clone())?;
        (tree.root() == checkpoint.root && self.seq == checkpoint.size + 1).then_some(tree)
    }
}

/// If this line is a checkpoint.
pub(super) fn signed(line: &[u8]) -> Option<Signed> {
    // Few lines are, and each is looked at: where the field stands is the same in all of them.
    const KIND: &[u8] = b"\"kind\":\"checkpoint\"";
    let start = line.get(..line.len().min(256))?;
    start.windows(KIND.len()).any(|window| window == KIND).then(|| serde_json::from_slice(line).ok())?
}

/// The first line of a file, if that is whole and can be read.
pub(super) fn first_line(file: &Path) -> Option<Line> {
    let mut line = Vec::new();
    BufReader::new(File::open(file).ok()?).take(MAX_LINE as u64).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
}

/// The last `count` lines, oldest first. Reads no more than it has to.
pub fn tail(path: &Path, count: Count) -> Result<Vec<Result<Record, ReadError>>, ReadError> {
    let files = Files::open(path)?;
    let mut lines = VecDeque::from(last_lines(&files.newest, count.0)?.0);
    add_earlier(&mut lines, &files.before, count)?;
    Ok(lines.into())
}

fn add_earlier(
    lines: &mut VecDeque<Result<Record, ReadError>>,
    before: &[PathBuf],
    count: Count,
) -> Result<(), ReadError> {
    for file in before.iter().rev() {
        if lines.len() >= count.0 {
            break;
        }
        let (earlier, _) = last_lines(&File::open(file)?, count.0 - lines.len())?;
        earlier.into_iter().rev().for_each(|line| lines.push_front(line));
    }
    Ok(())
}

pub(super) fn tail_of_file(path: &Path, count: Count) -> Result<Vec<Result<Record, ReadError>>, ReadError> {
    Ok(last_lines(&File::open(path)?, count.0)?.0)
}

/// The last lines of a file, and where the next one will begin.
fn last_lines(mut file: &File, count: usize) -> Result<(Vec<Result<Record, ReadError>>, u64), ReadError> {
    let mut start = file.seek(SeekFrom::End(0))?;
    let mut blocks = Vec::new();
    let mut newlines = 0;
    // One newline more than lines: the one that ends the line before them.
    while start > 0 && newlines <= count {
        let length = start.min(BLOCK);
        start -= length;
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        file.take(length).read_to_end(&mut block)?;
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
    let skip = lines.len().saturating_sub(count);
    let end = lines.last().map_or(start, |(offset, line)| offset + line.len() as u64 + 1);
    Ok((lines.into_iter().skip(skip).map(|(offset, line)| Record::parse(offset, line.to_vec())).collect(), end))
}

/// Lines as they are written, from some place in the ledger on.
pub struct Following {
    path: PathBuf,
    file: File,
    offset: u64,
    /// A line that is not whole yet.
    rest: Vec<u8>,
}

impl Following {
    /// The last lines, as many as asked for, and what will follow them.
    pub fn from(path: &Path, count: Count) -> Result<(Vec<Result<Record, ReadError>>, Self), ReadError> {
        let Files { before, newest: file, newest_path } = Files::open(path)?;
        let (last, offset) = last_lines(&file, count.0)?;
        let mut lines = VecDeque::from(last);
        add_earlier(&mut lines, &before, count)?;
        Ok((lines.into(), Self { path: newest_path, file, offset, rest: Vec::new() }))
    }

    /// What has come since. A file that was replaced, or became shorter, is an error.
    pub fn more(&mut self) -> Result<Vec<Result<Record, ReadError>>, ReadError> {
        let mut lines = self.rest_of_file()?;
        while let Some(next) = self.next_file()? {
            // What was written to the old one between the look at it and its end.
            lines.extend(self.rest_of_file()?);
            (self.file, self.offset, self.rest) = (next, 0, Vec::new());
            lines.extend(self.rest_of_file()?);
        }
        Ok(lines)
    }

    fn rest_of_file(&mut self) -> Result<Vec<Result<Record, ReadError>>, ReadError> {
        let from = self.offset + self.rest.len() as u64;
        if self.file.metadata()?.len() < from {
            return Err(io::Error::other("the file was cut while it was followed").into());
        }
        self.file.seek(SeekFrom::Start(from))?;
        self.file.read_to_end(&mut self.rest)?;
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

    /// The file after this one, if the ledger goes on in another.
    fn next_file(&self) -> Result<Option<File>, ReadError> {
        let own = identity(&self.file)?;
        let newest = File::open(&self.path)?;
        if identity(&newest)? == own {
            return Ok(None);
        }
        let mut files = archive::list(&self.path)?.into_iter();
        let is_own = |path: &Path| File::open(path).and_then(|file| identity(&file)).is_ok_and(|found| found == own);
        if !files.any(|(_, path)| is_own(&path)) {
            return Err(io::Error::other("the file was replaced while it was followed").into());
        }
        Ok(Some(files.next().map_or(Ok(newest), |(_, path)| File::open(path))?))
    }
}

/// All lines, one at a time.
pub fn lines(path: &Path) -> Result<Lines, ReadError> {
    Ok(Lines { raw: RawLines::open(path)? })
}

/// All lines as bytes, each with its place in its file.
pub(super) fn raw_lines(path: &Path) -> Result<RawLines, ReadError> {
    RawLines::open(path)
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

impl Iterator for Lines {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.raw.next()?.and_then(|(offset, raw)| Record::parse(offset, raw)))
    }
}

impl Lines {
    /// How many bytes after the last newline were passed over. Known at the end.
    pub fn torn(&self) -> u64 {
        self.raw.torn()
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
    pub const ONE: Self = Self(1);

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

/// Lines as bytes, each with its offset in its file. After a line that is too long it goes on with the next.
pub(super) struct RawLines {
    current: Option<Current>,
    files: VecDeque<Source>,
    torn: u64,
}

struct Current {
    from: BufReader<File>,
    path: PathBuf,
    offset: u64,
}

enum Source {
    Named(PathBuf),
    Open(File, PathBuf),
}

impl RawLines {
    fn open(path: &Path) -> Result<Self, ReadError> {
        let Files { before, newest, newest_path } = Files::open(path)?;
        let files = before.into_iter().map(Source::Named).chain([Source::Open(newest, newest_path)]).collect();
        Ok(Self { current: None, files, torn: 0 })
    }

    /// The file that the last line was read from.
    pub(super) fn file(&self) -> &Path {
        self.current.as_ref().map_or(Path::new(""), |current| &current.path)
    }

    /// How many bytes after the last newline were passed over. Known at the end.
    pub(super) fn torn(&self) -> u64 {
        self.torn
    }

    fn read_next(&mut self) -> Result<Option<(u64, Vec<u8>)>, ReadError> {
        loop {
            if let Some(current) = &mut self.current {
                let offset = current.offset;
                let mut line = Vec::new();
                let read = (&mut current.from).take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
                current.offset += read as u64;
                if line.pop_if(|byte| *byte == b'\n').is_some() {
                    return Ok(Some((offset, line)));
                }
                if read == MAX_LINE {
                    current.offset += current.from.skip_until(b'\n')? as u64;
                    return Err(ReadError::TooLong { offset });
                }
                self.torn += read as u64;
            }
            let (file, path) = match self.files.pop_front() {
                None => return Ok(None),
                Some(Source::Open(file, path)) => (file, path),
                Some(Source::Named(path)) => (File::open(&path)?, path),
            };
            self.current = Some(Current { from: BufReader::with_capacity(64 << 10, file), path, offset: 0 });
        }
    }
}

impl Iterator for RawLines {
    type Item = Result<(u64, Vec<u8>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.read_next();
        if let Err(ReadError::Io(_)) = &next {
            // A file that cannot be read hides all that follows: nothing more comes.
            self.current = None;
            self.files.clear();
        }
        next.transpose()
    }
}
