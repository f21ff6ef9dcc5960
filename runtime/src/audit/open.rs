//! Opening a ledger: who may write to it, and where its last good line ends.
//!
//! Only the end of the file is read, however long it is. What follows the last good line was never durable, for its
//! writer was not told so; no reply was released on the strength of it. It is moved aside all the same.
//!
//! Where lines are signed, the tree goes on from the last checkpoint in the file, if this host's key signed it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{self, beside};
use super::checkpoint::BadCheckpoint;
use super::draft::Link;
use super::evidence::{self, Evidence, Key, Signing};
use super::file::LedgerFile;
use super::read::{self, Signed};
use super::tree::Tree;
use super::value::{Digest, Hash};
use super::writer::End;
use super::{LedgerError, Options};

pub(super) struct Opened {
    /// Absolute, and not a link.
    pub(super) path: PathBuf,
    pub(super) sink: Box<LedgerFile>,
    pub(super) lock: File,
    pub(super) end: End,
    pub(super) torn: Option<Torn>,
    pub(super) signing: Option<Signing>,
}

/// What was moved aside.
pub(super) struct Torn {
    pub(super) bytes: u64,
    pub(super) digest: Digest,
}

/// How far back the last good line is looked for. A torn tail is one batch, and batches are far smaller.
const FARTHEST: u64 = 64 << 20;
const NEAREST: u64 = 64 << 10;

pub(super) fn open(path: &Path, options: &Options) -> Result<Opened, LedgerError> {
    let path =
        &resolve(path).map_err(|source| LedgerError::Open { path: path.to_owned(), source: Arc::new(source) })?;
    let folder = archive::folder(path);
    let failed = |source| LedgerError::Open { path: path.clone(), source: Arc::new(source) };
    // Not a device, nor a pipe, which would wait for a reader.
    if path.exists() && !path.is_file() {
        return Err(LedgerError::NotALedger { path: path.clone() });
    }
    let lock = lock(path)?;
    // First everything is looked at, and nothing written: a start that is refused leaves all files as they were.
    let mut found = existing(path)?;
    let length = found.as_ref().map_or(Ok(0), |file| file.metadata().map(|about| about.len())).map_err(failed)?;
    let mut end = match &mut found {
        Some(file) => find_end(file, length, path)?,
        None => End::START,
    };
    let Earlier { before, twice } = earlier(path, found.as_ref())?;
    let mut last_file = path.as_path();
    if let Some(before) = before.as_ref().filter(|_| end.length == 0) {
        // Divided, and nothing written since.
        let mut file = File::open(before).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        end = End { length: 0, ..find_end(&mut file, length, before)? };
        last_file = before;
    }
    let key = match &options.evidence {
        None => None,
        Some(evidence) => Some((evidence, sign_on(path, last_file, evidence, &mut end)?)),
    };

    // Now it is put in order and continued.
    if let Some(twice) = twice {
        fs::remove_file(twice).map_err(failed)?;
    }
    let mut signing = None;
    if let Some((evidence, (key, covered))) = key {
        signing = Some(Signing::new(key.save()?, evidence.clone(), end.next - 1, covered, path));
    }
    let mut file = match found {
        Some(file) => file,
        None => private().read(true).append(true).create(true).open(path).map_err(failed)?,
    };
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
    }
    let torn = if end.length < length {
        let torn = quarantine(&mut file, path, folder, end.length, options).map_err(failed)?;
        tracing::warn!(path = %path.display(), bytes = torn.bytes, "the ledger's torn tail was moved aside");
        Some(torn)
    } else {
        None
    };
    if let Some(signing) = signing.as_mut().filter(|_| end.next > 1) {
        signing.publish().map_err(failed)?;
    }
    // The file's own name has to outlive a crash too.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    let sink = Box::new(LedgerFile::new(file, path, options.danger_unsynced).map_err(failed)?);
    Ok(Opened { path: path.clone(), sink, lock, end, torn, signing })
}

fn existing(path: &Path) -> Result<Option<File>, LedgerError> {
    match private().read(true).append(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LedgerError::Open { path: path.to_owned(), source: Arc::new(source) }),
    }
}

/// What was set aside before the newest file.
struct Earlier {
    /// The file before this one, if the ledger was divided.
    before: Option<PathBuf>,
    /// A second name of the newest file, as a crash in the middle of dividing leaves it.
    twice: Option<PathBuf>,
}

fn earlier(path: &Path, newest: Option<&File>) -> Result<Earlier, LedgerError> {
    let failed = |source| LedgerError::Open { path: path.to_owned(), source: Arc::new(source) };
    let mut files = archive::list(path).map_err(failed)?;
    let Some((_, last)) = files.pop() else { return Ok(Earlier { before: None, twice: None }) };
    let Some(newest) = newest else { return Err(LedgerError::Tampered { path: path.to_owned() }) };
    let own = archive::identity(newest).map_err(failed)?;
    let is_twice = File::open(&last).and_then(|file| archive::identity(&file)).map_err(failed)? == own;
    Ok(if is_twice {
        Earlier { before: files.pop().map(|(_, before)| before), twice: Some(last) }
    } else {
        Earlier { before: Some(last), twice: None }
    })
}

/// Takes up the tree where the last checkpoint left it, with the key that signed it, and tells how many lines that covers.
fn sign_on(path: &Path, last_file: &Path, evidence: &Evidence, end: &mut End) -> Result<(Key, u64), LedgerError> {
    let failed = |source| LedgerError::Open { path: path.to_owned(), source: Arc::new(source) };
    let lines = end.next - 1;
    let limit = if last_file == path { end.length } else { u64::MAX };
    let broken = LedgerError::BrokenChain { path: path.to_owned(), seq: lines };
    let (tree, signed) = match grown(last_file, limit) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && lines == 0 => (Tree::default(), None),
        grown => grown.map_err(failed)?.ok_or_else(|| broken.clone())?,
    };
    if tree.size() != lines {
        return Err(broken);
    }
    let has_begun = evidence::public_key_file(path).exists();
    let may_make = signed.is_none() && !evidence::checkpoint_file(path).exists() && !has_begun;
    let key = Key::load(path, evidence.key.as_deref(), may_make)?;
    let verifier = key.signer.verifier();
    let other = |source| LedgerError::OtherKey { path: path.to_owned(), source };
    let covered = match signed {
        // Itself included.
        Some(signed) => verifier.open(&signed.note).map_err(other)?.size + 1,
        None => match evidence::published(path) {
            // Nothing is signed yet, and the auditor may have the key that was published.
            Some(published) if published != *verifier => {
                return Err(other(BadCheckpoint::Unsigned(published.id())));
            }
            Some(_) | None => 0,
        },
    };
    match evidence::signed_before(path, verifier) {
        Some(before) if before.size > lines => {
            return Err(LedgerError::Cut { path: path.to_owned(), signed: before.size, found: lines });
        }
        Some(_) | None => {}
    }
    if lines == 0 && has_begun {
        return Err(LedgerError::Gone { path: path.to_owned(), begun: evidence::public_key_file(path) });
    }
    end.tree = Some(tree);
    Ok((key, covered))
}

/// The tree over all lines up to the end of this file, of which `limit` bytes count, and the last checkpoint in it. None if it
/// begins in the middle of a ledger and holds no checkpoint to begin with.
fn grown(path: &Path, limit: u64) -> io::Result<Option<(Tree, Option<Signed>)>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len().min(limit);
    let mut reach = NEAREST;
    loop {
        let start = length.saturating_sub(reach);
        file.seek(SeekFrom::Start(start))?;
        let mut window = Vec::new();
        (&mut file).take(length - start).read_to_end(&mut window)?;
        // The first line of a window may be the end of a longer one.
        let whole =
            if start == 0 { 0 } else { window.iter().position(|b| *b == b'\n').map_or(window.len(), |at| at + 1) };
        let lines = window.split_off(whole);
        let mut grown = None;
        for line in lines.split_inclusive(|b| *b == b'\n').filter_map(|line| line.strip_suffix(b"\n")) {
            grow(&mut grown, line, start == 0);
        }
        match grown {
            Some(grown) => return Ok(Some(grown)),
            None if start == 0 && length == 0 => return Ok(Some((Tree::default(), None))),
            None if start == 0 => return Ok(None),
            None => reach *= 8,
        }
    }
}

/// Adds a line to the tree, which begins with the first line of all, or with the last checkpoint.
fn grow(grown: &mut Option<(Tree, Option<Signed>)>, line: &[u8], may_begin: bool) {
    if let Some(signed) = read::signed(line)
        && let Some(mut tree) = signed.tree()
    {
        tree.push(Hash::leaf(line));
        *grown = Some((tree, Some(signed)));
    } else if let Some((tree, _)) = grown {
        tree.push(Hash::leaf(line));
    } else if may_begin && serde_json::from_slice::<Link>(line).is_ok_and(|link| link.seq == 1) {
        let mut tree = Tree::default();
        tree.push(Hash::leaf(line));
        *grown = Some((tree, None));
    }
}

/// Makes the folder, and follows links: whichever name a ledger goes by, its lock is one.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let folder = archive::folder(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(folder.canonicalize()?.join(name)),
        resolved => resolved,
    }
}

/// The lock is on a file beside the ledger, which stays where it is when the ledger is moved or replaced.
fn lock(path: &Path) -> Result<File, LedgerError> {
    let failed = |source| LedgerError::Open { path: path.to_owned(), source: Arc::new(source) };
    let lock = private().write(true).create(true).open(beside(path, ".lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn find_end(file: &mut File, length: u64, path: &Path) -> Result<End, LedgerError> {
    let failed = |source| LedgerError::Open { path: path.to_owned(), source: Arc::new(source) };
    let mut reach = NEAREST;
    loop {
        let start = length.saturating_sub(reach);
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut tail = Vec::new();
        file.take(length - start).read_to_end(&mut tail).map_err(failed)?;
        match last_good(&tail, start) {
            Ok(end) => return Ok(end),
            Err(Lost::Farther) if reach < FARTHEST => reach *= 8,
            Err(Lost::Farther | Lost::Foreign) => return Err(LedgerError::NotALedger { path: path.to_owned() }),
            Err(Lost::Unchained(seq)) => {
                return Err(LedgerError::BrokenChain { path: path.to_owned(), seq });
            }
        }
    }
}

/// Why no end was found.
enum Lost {
    /// The lines that would tell lie farther back.
    Farther,
    /// A line that is whole but not one of ours.
    Foreign,
    /// Lines that are ours but do not follow each other. That is no torn tail: nothing is touched.
    Unchained(u64),
}

/// Finds the last good line of a file of which `tail` is all from `start` on, and checks that it follows the line before it.
fn last_good(tail: &[u8], start: u64) -> Result<End, Lost> {
    let mut rest = tail;
    loop {
        let (line, before) = match last_line(rest) {
            Some(found) => found,
            None if start > 0 => return Err(Lost::Farther),
            None if could_begin_a_ledger(tail) => return Ok(End::START),
            None => return Err(Lost::Foreign),
        };
        // The first line of a window may be the end of a longer one.
        if before.is_empty() && start > 0 {
            return Err(Lost::Farther);
        }
        let length = start + (before.len() + line.len()) as u64;
        rest = before;
        let Some(line) = line.strip_suffix(b"\n") else { continue };
        match serde_json::from_slice::<Link>(line) {
            Ok(link) => {
                follows(&link, before, start)?;
                let next = link.seq.checked_add(1).ok_or(Lost::Unchained(link.seq))?;
                return Ok(End { length, next, prev: Hash::leaf(line), tree: None });
            }
            Err(_) if serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok() => return Err(Lost::Foreign),
            Err(_) => {}
        }
    }
}

fn follows(link: &Link, before: &[u8], start: u64) -> Result<(), Lost> {
    let unchained = Lost::Unchained(link.seq);
    let Some((line, earlier)) = last_line(before) else {
        return if link.seq == 1 && link.prev == Hash::NONE { Ok(()) } else { Err(unchained) };
    };
    if earlier.is_empty() && start > 0 {
        return Err(Lost::Farther);
    }
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    match serde_json::from_slice::<Link>(line) {
        Ok(previous) if previous.seq.checked_add(1) == Some(link.seq) && Hash::leaf(line) == link.prev => Ok(()),
        Ok(_) | Err(_) => Err(unchained),
    }
}

/// Splits off the last line, its newline included if it has one.
fn last_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, most) = text.split_last()?;
    let cut = most.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    text.split_at_checked(cut).map(|(before, line)| (line, before))
}

/// A crash during the very first write leaves a beginning of it, or zeros. Anything else is somebody's file.
fn could_begin_a_ledger(bytes: &[u8]) -> bool {
    const BEGINNING: &[u8] = b"{\"seq\":1,\"event_id\":";
    bytes.starts_with(BEGINNING) || BEGINNING.starts_with(bytes) || bytes.iter().all(|byte| *byte == 0)
}

/// Moves all beyond `length` into a file of its own, and only then takes it off the ledger.
fn quarantine(file: &mut File, path: &Path, folder: &Path, length: u64, options: &Options) -> io::Result<Torn> {
    file.seek(SeekFrom::Start(length))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let stamp = (options.clock)().strftime("%Y%m%dT%H%M%S.%6fZ");
    let mut aside = private().write(true).create_new(true).open(beside(path, &format!(".torn-{stamp}")))?;
    aside.write_all(&tail)?;
    aside.sync_all()?;
    File::open(folder)?.sync_all()?;
    file.set_len(length)?;
    file.sync_all()?;
    Ok(Torn { bytes: tail.len() as u64, digest: Digest::of(&tail) })
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}
