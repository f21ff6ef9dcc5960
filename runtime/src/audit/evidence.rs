//! What makes a ledger evidence: its tree, signed now and then, and files that begin and end with what was signed.
//!
//! A checkpoint is a line of the ledger. It signs all lines before it, and carries the peaks of their tree, so that the tree
//! can be continued from there without what came before. The newest stands also in `<ledger>.checkpoint`, to be copied to
//! where nobody who writes the ledger can change it: it shows lines that were cut from the end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::LedgerError;
use super::archive::{beside, folder};
use super::checkpoint::{BadKey, Checkpoint, Signer, Verifier};
use super::draft::Draft;
use super::tree::Tree;

/// When lines are signed, files are divided, and old ones removed.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The file of the private key. `<ledger>.key` if none is given; made if it is not there.
    pub key: Option<PathBuf>,
    /// A checkpoint at the latest after so many lines.
    pub lines: u64,
    /// And at the latest so long after a line.
    pub every: Duration,
    /// A new file once the old one has as many bytes.
    pub rotate_bytes: Option<u64>,
    /// A new file with each day, in UTC.
    pub rotate_daily: bool,
    /// Files are removed once their last line is older.
    pub keep: Option<Duration>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            key: None,
            lines: 4096,
            every: Duration::from_secs(60),
            rotate_bytes: Some(256 << 20),
            rotate_daily: false,
            keep: None,
        }
    }
}

/// The signing half of a writer.
pub(super) struct Signing {
    signer: Signer,
    options: Evidence,
    /// How many lines the last checkpoint covers, itself included: it need not be signed for its own sake.
    covered: u64,
    /// When the first line after that was written.
    since: Option<Instant>,
    /// Where the public key is to stand, until it does.
    unpublished: Option<PathBuf>,
}

impl Signing {
    pub(super) fn new(signer: Signer, options: Evidence, size: u64, covered: u64, ledger: &Path) -> Self {
        // What a crash left unsigned waits from now on.
        let since = (size > covered).then(Instant::now);
        Self { signer, options, covered, since, unpublished: Some(public_key_file(ledger)) }
    }

    /// Puts the public key beside the ledger, unless it stands there.
    ///
    /// It also says that this ledger has begun: a start that finds it, and no line, knows that lines are gone. So it is written once
    /// there is a line, and before anybody is told of that line.
    pub(super) fn publish(&mut self) -> io::Result<()> {
        let Some(path) = &self.unpublished else { return Ok(()) };
        let text = format!("{}\n", self.signer.verifier());
        if fs::read_to_string(path).ok().as_ref() != Some(&text) {
            replace(path, &text)?;
        }
        self.unpublished = None;
        Ok(())
    }

    pub(super) fn verifier(&self) -> &Verifier {
        self.signer.verifier()
    }

    pub(super) fn options(&self) -> &Evidence {
        &self.options
    }

    /// The line that signs `tree`.
    pub(super) fn draft(&self, tree: &Tree, now: Timestamp) -> (Draft, String) {
        let note = self.signer.sign(tree.size(), tree.root());
        (Draft::checkpoint(&note, tree.peaks(), now), note)
    }

    /// Whether so many lines, or so old ones, wait to be signed.
    pub(super) fn is_due(&self, size: u64) -> bool {
        let unsigned = size.saturating_sub(self.covered);
        unsigned >= self.options.lines
            || (unsigned > 0 && self.since.is_some_and(|at| at.elapsed() >= self.options.every))
    }

    pub(super) fn is_unsigned(&self, size: u64) -> bool {
        size > self.covered
    }

    /// Lines are durable, up to `size`; a checkpoint among them if `covered` says up to where.
    pub(super) fn written(&mut self, size: u64, covered: Option<u64>) {
        if let Some(covered) = covered {
            self.covered = covered;
            self.since = None;
        }
        if size > self.covered {
            self.since.get_or_insert_with(Instant::now);
        }
    }
}

/// The day of a moment, in UTC.
pub(super) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Where the newest checkpoint stands by itself.
pub fn checkpoint_file(ledger: &Path) -> PathBuf {
    beside(ledger, ".checkpoint")
}

/// Where the public key stands, for whoever verifies.
pub fn public_key_file(ledger: &Path) -> PathBuf {
    beside(ledger, ".pub")
}

pub(super) fn private_key_file(ledger: &Path) -> PathBuf {
    beside(ledger, ".key")
}

/// Puts a private file in place, whole or not at all, and durably: the file before its name, and then the name.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = beside(path, ".new");
    let mut file = OpenOptions::new().mode(0o600).write(true).create(true).truncate(true).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)?;
    File::open(folder(path))?.sync_all()
}

/// A file that its owner alone may read: one that others may is an error.
pub fn read_private(path: &Path) -> io::Result<zeroize::Zeroizing<String>> {
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        return Err(io::Error::other("others may read it; make it private with chmod 600"));
    }
    fs::read_to_string(path).map(zeroize::Zeroizing::new)
}

/// The key that a start signs with. A new one is not written before the start has found nothing wrong.
pub(super) struct Key {
    pub(super) signer: Signer,
    path: PathBuf,
    unsaved: Option<zeroize::Zeroizing<String>>,
}

impl Key {
    /// The key of this ledger. `may_make` says that nothing was signed with one, and none was published.
    pub(super) fn load(ledger: &Path, given: Option<&Path>, may_make: bool) -> Result<Self, LedgerError> {
        let path = given.map_or_else(|| private_key_file(ledger), Path::to_owned);
        let failed = |source: io::Error| LedgerError::Key { path: path.clone(), source: Arc::new(source) };
        let bad = |source: BadKey| failed(io::Error::new(io::ErrorKind::InvalidData, source));
        match read_private(&path) {
            Ok(text) => Ok(Self { signer: Signer::parse(&text).map_err(bad)?, path, unsaved: None }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => {
                let random = getrandom::u64().map_err(|error| failed(io::Error::other(error)))?;
                let (signer, text) = Signer::generate(&format!("nexus/{random:016x}")).map_err(bad)?;
                Ok(Self { signer, path, unsaved: Some(text) })
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Keeps a key that was made.
    pub(super) fn save(self) -> Result<Signer, LedgerError> {
        let Self { signer, path, unsaved } = self;
        if let Some(text) = unsaved {
            let text = zeroize::Zeroizing::new(format!("{}\n", *text));
            replace(&path, &text).map_err(|source| LedgerError::Key { path, source: Arc::new(source) })?;
        }
        Ok(signer)
    }
}

/// The public key that stands beside the ledger, if one can be read there.
pub(super) fn published(ledger: &Path) -> Option<Verifier> {
    fs::read_to_string(public_key_file(ledger)).ok()?.parse().ok()
}

/// What the checkpoint beside the ledger signed, if there is one that this key signed.
pub(super) fn signed_before(ledger: &Path, verifier: &Verifier) -> Option<Checkpoint> {
    let path = checkpoint_file(ledger);
    let note = match fs::read_to_string(&path) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the newest checkpoint cannot be read");
            return None;
        }
    };
    match verifier.open(&note) {
        Ok(checkpoint) => Some(checkpoint),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the newest checkpoint is not this ledger's");
            None
        }
    }
}
