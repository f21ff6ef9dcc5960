//! The file a ledger is written to.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What the writer needs of a file. Tests put a failing one in its place.
pub(super) trait Sink: Send {
    /// The length of the file that is at the ledger's path now, which has to be ours.
    fn length(&self) -> Result<u64, Fault>;
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Takes back what was appended beyond `length`, durably.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the disk did not take it")]
    Disk(#[from] io::Error),
    /// The file is gone, another one, or not as long as we made it.
    #[error("the file is not as it was left")]
    Tampered,
}

/// The ledger file itself.
pub(super) struct LedgerFile {
    file: File,
    path: PathBuf,
    device: u64,
    inode: u64,
    danger_unsynced: bool,
}

impl LedgerFile {
    pub(super) fn new(file: File, path: &Path, danger_unsynced: bool) -> io::Result<Self> {
        let there = file.metadata()?;
        let (device, inode) = (there.dev(), there.ino());
        Ok(Self { file, path: path.to_owned(), device, inode, danger_unsynced })
    }
}

impl Sink for LedgerFile {
    fn length(&self) -> Result<u64, Fault> {
        match std::fs::metadata(&self.path) {
            Ok(there) if (there.dev(), there.ino()) == (self.device, self.inode) => Ok(there.len()),
            Ok(_) => Err(Fault::Tampered),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fault::Tampered),
            Err(error) => Err(Fault::Disk(error)),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.danger_unsynced { Ok(()) } else { self.file.sync_data() }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }
}
