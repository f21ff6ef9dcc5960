//! The lock and the quarantine, as files.

#![expect(clippy::disallowed_methods, reason = "both are files of the operator's")]

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::exit::Exit;
use super::settings::Settings;
use crate::audit::Digest;
use crate::lock::{self, Lock, Quarantine, Signers};
use crate::names::ShardName;

/// All that says which shards may serve.
pub(super) struct Approved {
    pub lock: Lock,
    /// Of the lock's text. None if there is no lock.
    pub digest: Option<Digest>,
    pub quarantine: Quarantine,
    pub signers: Signers,
}

impl Approved {
    /// A lock that is not there approves nothing.
    pub(super) fn read(settings: &Settings) -> Result<Self, Exit> {
        let file = &settings.review.lock;
        let text = read(file)?;
        let lock = text.as_deref().map(Lock::parse).transpose();
        let lock = lock.map_err(|error| Exit::settings_of(&file.display().to_string(), &error))?.unwrap_or_default();
        let signers =
            Signers::parse(&settings.review.signers).map_err(|error| Exit::settings_of("review.signers", &error))?;
        Ok(Self { digest: text.as_deref().map(lock::digest), lock, quarantine: quarantine(settings)?, signers })
    }

    /// What stopped the shard, in words.
    pub(super) fn stopped(&self, shard: &ShardName) -> Option<String> {
        let stopped = self.quarantine.shard.get(shard)?;
        Some(format!(
            "in quarantine since {} by {}: {}; `nexus quarantine {shard} --lift --why …` ends it",
            stopped.at, stopped.by, stopped.why
        ))
    }
}

pub(super) fn quarantine(settings: &Settings) -> Result<Quarantine, Exit> {
    let file = settings.review.quarantine();
    let text = read(&file)?.unwrap_or_default();
    Quarantine::parse(&text).map_err(|error| Exit::settings_of(&file.display().to_string(), &error))
}

/// None if there is no such file.
pub(super) fn read(file: &Path) -> Result<Option<String>, Exit> {
    // A pipe would keep the reader for as long as nobody writes.
    if fs::metadata(file).is_ok_and(|about| !about.is_file()) {
        return Err(Exit::settings_of(&file.display().to_string(), &io::Error::other("it is no file")));
    }
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Exit::settings_of(&file.display().to_string(), &error)),
    }
}

/// Keeps others from changing lock and quarantine for as long as it is held: who reads, changes and writes one would undo what somebody
/// else did in between.
pub(super) fn hold(settings: &Settings) -> Result<fs::File, Exit> {
    let folder = folder(&settings.review.lock);
    let held = fs::File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
    held.map_err(|error| Exit::failed(&folder.display().to_string(), &error))
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The whole file or the one before it: a server may read it at any moment.
pub(super) fn write(file: &Path, text: &str) -> Result<(), Exit> {
    let failed = |error: io::Error| Exit::failed(&format!("{} cannot be written", file.display()), &error);
    let mut new = tempfile::NamedTempFile::new_in(folder(file)).map_err(failed)?;
    new.write_all(text.as_bytes()).map_err(failed)?;
    let mode = fs::metadata(file).map_or(0o644, |about| about.permissions().mode() & 0o777);
    new.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
    new.as_file().sync_all().map_err(failed)?;
    new.persist(file).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A descriptor that is good for nothing but to be let go when one is needed.
pub(super) fn spare_descriptor() -> io::Result<OwnedFd> {
    fs::File::open("/dev/null").map(OwnedFd::from)
}

/// What tells one state of a file from another without reading it. A file that is changed and looks the same is not what serves:
/// what serves is what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    place: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// None if there is no such file, or none that can be looked at.
    pub(super) fn of(file: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let about = fs::metadata(file).ok()?;
        Some(Self {
            place: (about.dev(), about.ino()),
            length: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        })
    }
}

/// Lock and quarantine as they were looked at: another value wherever one of them may say something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    lock: Option<Stamp>,
    quarantine: Option<Stamp>,
}

impl Seen {
    pub(super) fn now(settings: &Settings) -> Self {
        let review = &settings.review;
        Self { lock: Stamp::of(&review.lock), quarantine: Stamp::of(&review.quarantine()) }
    }
}
