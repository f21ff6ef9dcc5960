//! The files of one ledger: the one that is written to, and those it was divided into before. `<ledger>.000000004097` begins
//! with line 4097; the numbers order them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::checkpoint::Verifier;
use super::read::{self, Count};

/// Where a file that begins with this line is kept, once it is no longer written to.
pub(super) fn name(ledger: &Path, first: u64) -> PathBuf {
    beside(ledger, &format!(".{first:012}"))
}

/// A file beside the ledger, by its suffix.
pub fn beside(ledger: &Path, suffix: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What the ledger was divided into, oldest first, each with the number of its first line.
pub(super) fn list(ledger: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let Some(prefix) = ledger.file_name().and_then(|name| name.to_str()).map(|name| format!("{name}.")) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder(ledger))? {
        let entry = entry?;
        let first = entry.file_name().to_str().and_then(|name| number(name.strip_prefix(&prefix)?));
        found.extend(first.map(|first| (first, entry.path())));
    }
    found.sort();
    Ok(found)
}

fn number(text: &str) -> Option<u64> {
    (text.len() >= 12 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Device and inode: a name may come to mean another file.
pub(super) fn identity(file: &File) -> io::Result<(u64, u64)> {
    let about = file.metadata()?;
    Ok((about.dev(), about.ino()))
}

/// A file that need not be kept any longer.
pub(super) struct Removable {
    pub(super) path: PathBuf,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) bytes: u64,
}

/// The oldest files whose last line was written before then. Each only if the file after it begins with a checkpoint that
/// signs its last line: what is gone is proven by what stays.
pub(super) fn removable(ledger: &Path, verifier: &Verifier, before: Timestamp) -> io::Result<Vec<Removable>> {
    let files = list(ledger)?;
    let after = files.iter().skip(1).map(|(_, path)| path.as_path()).chain([ledger]);
    let mut old = Vec::new();
    for ((first, path), after) in files.iter().zip(after) {
        let Some(last) = last_line(path, before) else { break };
        let signed = read::first_line(after).filter(|line| line.seq == last + 1);
        let covers = |note: &str| verifier.open(note).is_ok_and(|checkpoint| checkpoint.size == last);
        if !signed.and_then(|line| line.checkpoint).is_some_and(|note| covers(&note)) {
            break;
        }
        old.push(Removable { path: path.clone(), first: *first, last, bytes: fs::metadata(path)?.len() });
    }
    Ok(old)
}

/// The number of a file's last line, if that was written before then.
fn last_line(path: &Path, before: Timestamp) -> Option<u64> {
    let line = read::tail_of_file(path, Count::ONE).ok()?.pop()?.ok()?.line;
    (line.timestamp.parse::<Timestamp>().ok()? < before).then_some(line.seq)
}

/// All files of a ledger at one moment, oldest first, for readers. The newest is opened before the others are listed: if it
/// is set aside meanwhile it is found twice, and read once, and nothing between is missed.
pub(super) struct Files {
    pub(super) before: Vec<PathBuf>,
    pub(super) newest: File,
    pub(super) newest_path: PathBuf,
}

impl Files {
    pub(super) fn open(ledger: &Path) -> io::Result<Self> {
        let newest = File::open(ledger)?;
        let own = identity(&newest)?;
        let mut before = Vec::new();
        for (_, path) in list(ledger)? {
            match fs::metadata(&path) {
                Ok(about) if (about.dev(), about.ino()) != own => before.push(path),
                // Removed since it was listed.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(Self { before, newest, newest_path: ledger.to_owned() })
    }
}
