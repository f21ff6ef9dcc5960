//! The file a ledger is written to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::archive::{beside, folder};

/// What the writer needs of a file. Tests put a failing one in its place.
pub(super) trait Sink: Send {
    /// The length of the file that is at the ledger's path now, which has to be ours.
    fn length(&self) -> Result<u64, Fault>;
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Takes back what was appended beyond `length`, durably.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Sets the file aside under this name and begins an empty one in its place. After an error the old one is where it was.
    fn divide(&mut self, aside: &Path) -> io::Result<()>;
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
    /// The name of the file is not durable yet. Without it the lines are not either.
    unnamed: bool,
}

impl LedgerFile {
    pub(super) fn new(file: File, path: &Path, danger_unsynced: bool) -> io::Result<Self> {
        let there = file.metadata()?;
        let (device, inode) = (there.dev(), there.ino());
        Ok(Self { file, path: path.to_owned(), device, inode, danger_unsynced, unnamed: false })
    }
}

impl Sink for LedgerFile {
    fn length(&self) -> Result<u64, Fault> {
        match fs::metadata(&self.path) {
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
        if self.unnamed {
            File::open(folder(&self.path))?.sync_all()?;
            self.unnamed = false;
        }
        if self.danger_unsynced { Ok(()) } else { self.file.sync_data() }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }

    fn divide(&mut self, aside: &Path) -> io::Result<()> {
        let next = beside(&self.path, ".next");
        let file = OpenOptions::new().mode(0o600).append(true).create(true).open(&next)?;
        file.set_len(0)?;
        file.sync_all()?;
        let begun = Self::new(file, &self.path, self.danger_unsynced)?;
        // Whatever is there already under that name is a part of the record.
        fs::hard_link(&self.path, aside)?;
        if let Err(error) = fs::rename(&next, &self.path) {
            fs::remove_file(aside)?;
            return Err(error);
        }
        *self = Self { unnamed: true, ..begun };
        Ok(())
    }
}
