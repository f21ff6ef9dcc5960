//! Whether a ledger is as it was written. It streams: a ledger of any size takes the memory of one line and its tree's edge.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::checkpoint::{BadCheckpoint, Checkpoint, Verifier};
use super::draft::Link;
use super::read::{self, ReadError};
use super::tree::Tree;
use super::value::Hash;

/// What [`verify`] found in a ledger that holds together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The number of the first line: 1, unless old files were removed.
    pub first: u64,
    /// The number of the last.
    pub lines: u64,
    /// The leaf hash of the last line, which the next one will carry as `prev`.
    pub head: Hash,
    /// Of the tree over all lines, those that were removed included.
    pub root: Hash,
    pub checkpoints: u64,
    /// The lines that a checkpoint covers, one in the ledger or one that was given.
    pub signed: u64,
    /// Bytes after the last newline: a line that is being written, or a torn one.
    pub torn: u64,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("line {line} (byte {offset} of {})", file.display())]
    Broken { line: u64, file: PathBuf, offset: u64, source: Break },
    /// A checkpoint from elsewhere.
    #[error("the ledger is not the one that was signed")]
    Given { source: Break },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    #[error("it is not a line of a ledger")]
    NotALine,
    #[error("its seq is {found} where {expected} is due: lines were removed, added or reordered")]
    Seq { expected: u64, found: u64 },
    #[error("the line before it is not the one it was chained to: one of the two was changed")]
    Prev,
    #[error("its checkpoint does not hold")]
    Checkpoint(#[from] BadCheckpoint),
    #[error(
        "its checkpoint signs other lines than those before it: one of the lines from {since} on was changed and chained anew"
    )]
    Root { since: u64 },
    #[error("the {missing} lines before it are gone, and no line says that they were removed")]
    Missing { missing: u64 },
    #[error("{signed} lines were signed and {found} are there: lines were cut from the end")]
    Short { signed: u64, found: u64 },
    #[error("its first {signed} lines are not those that were signed")]
    Differs { signed: u64 },
}

/// Checks that every line has the next number and is chained to the line before it, that each checkpoint signs exactly the
/// lines before it, and that all given checkpoints do too; names the first line that is not as it should be. Without a key no
/// signature is checked, and whoever wrote the whole file anew is not found.
///
/// Lines after the last checkpoint are only chained: the last of them could be changed, or all be cut, unnoticed.
pub fn verify(path: &Path, key: Option<&Verifier>, given: &[Checkpoint]) -> Result<Verified, VerifyError> {
    let mut raw = read::raw_lines(path)?;
    let mut given: Vec<&Checkpoint> = given.iter().collect();
    given.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.size));
    let mut so_far = SoFar { given, ..SoFar::default() };
    while let Some(next) = raw.next() {
        let due = so_far.next();
        let broken = |offset, source| VerifyError::Broken { line: due, file: raw.file().to_owned(), offset, source };
        match next {
            Ok((offset, line)) => so_far.line(&line, key).map_err(|source| broken(offset, source))?,
            Err(ReadError::TooLong { offset } | ReadError::NotALine { offset, .. }) => {
                return Err(broken(offset, Break::NotALine));
            }
            Err(error @ ReadError::Io(_)) => return Err(error.into()),
        }
        so_far.compare().map_err(|source| VerifyError::Given { source })?;
    }
    so_far.end(raw.torn()).map_err(|source| VerifyError::Given { source })
}

#[derive(Default)]
struct SoFar<'a> {
    first: Option<u64>,
    head: Hash,
    tree: Tree,
    checkpoints: u64,
    signed: u64,
    /// The last line that the ledger says was removed.
    removed: u64,
    /// Largest first.
    given: Vec<&'a Checkpoint>,
}

/// What a line says that old files were removed.
#[derive(Deserialize)]
struct Removal {
    code: Option<String>,
    through: Option<u64>,
}

impl SoFar<'_> {
    fn next(&self) -> u64 {
        self.tree.size() + 1
    }

    fn line(&mut self, line: &[u8], key: Option<&Verifier>) -> Result<(), Break> {
        // All of it: `serde_json` passes over the bytes of fields that nobody asks for, and readers do not.
        let text = std::str::from_utf8(line).map_err(|_| Break::NotALine)?;
        let Link { seq, prev } = serde_json::from_str(text).map_err(|_| Break::NotALine)?;
        let signed = read::signed(line);
        if self.first.is_none() {
            self.first = Some(seq);
            if seq != 1 {
                // Where old files were removed, what stays begins with what was signed of them.
                let tree = signed.as_ref().and_then(|signed| signed.tree());
                self.tree = tree.ok_or(Break::Seq { expected: 1, found: seq })?;
                self.head = prev;
            }
        }
        let expected = self.next();
        if seq != expected {
            return Err(Break::Seq { expected, found: seq });
        }
        if prev != self.head {
            return Err(Break::Prev);
        }
        if let Some(signed) = signed {
            let checkpoint = match key {
                Some(key) => key.open(&signed.note)?,
                None => Checkpoint::unverified(&signed.note).ok_or(BadCheckpoint::Text)?,
            };
            let is_whole = checkpoint.size == self.tree.size()
                && checkpoint.root == self.tree.root()
                && signed.tree().as_ref() == Some(&self.tree);
            if !is_whole {
                return Err(Break::Root { since: self.signed + 1 });
            }
            self.checkpoints += 1;
            self.signed = checkpoint.size;
        } else if line.windows(REMOVED.len()).any(|window| window == REMOVED)
            && let Ok(Removal { code: Some(code), through: Some(through) }) = serde_json::from_slice(line)
            && code == "file-removed"
        {
            self.removed = self.removed.max(through);
        }
        self.head = Hash::leaf(line);
        self.tree.push(self.head);
        Ok(())
    }

    /// With the given checkpoints of this very size.
    fn compare(&mut self) -> Result<(), Break> {
        let size = self.tree.size();
        while let Some(checkpoint) = self.given.pop_if(|given| given.size <= size) {
            // What was signed before the first line that is left can no longer be compared.
            if checkpoint.size == size {
                if checkpoint.root != self.tree.root() {
                    return Err(Break::Differs { signed: size });
                }
                self.signed = self.signed.max(size);
            }
        }
        Ok(())
    }

    fn end(mut self, torn: u64) -> Result<Verified, Break> {
        if let Some(checkpoint) = self.given.pop() {
            return Err(Break::Short { signed: checkpoint.size, found: self.tree.size() });
        }
        let first = self.first.unwrap_or(1);
        if self.removed + 1 < first {
            return Err(Break::Missing { missing: first - 1 - self.removed });
        }
        let (lines, root) = (self.tree.size(), self.tree.root());
        Ok(Verified { first, lines, head: self.head, root, checkpoints: self.checkpoints, signed: self.signed, torn })
    }
}

/// In few lines; those are read.
const REMOVED: &[u8] = b"\"file-removed\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "writes a ledger as somebody else might")]
    fn a_line_that_readers_cannot_read_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.jsonl");
        let none = Hash::NONE;
        for (note, holds) in [(&b"caf\xc3\xa9"[..], true), (b"caf\xe9", false)] {
            let line = [b"{\"seq\":1,\"note\":\"", note, format!("\",\"prev\":\"{none}\"}}\n").as_bytes()].concat();
            std::fs::write(&ledger, line).unwrap();
            let found = verify(&ledger, None, &[]);
            let is_broken = matches!(found, Err(VerifyError::Broken { line: 1, source: Break::NotALine, .. }));
            assert!(if holds { found.is_ok() } else { is_broken }, "{found:?}");
        }
    }
}
