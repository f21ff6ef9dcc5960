//! Reports that shards have the host keep: files in a folder of the operator's, whole or not there, and never changed.
//!
//! Promises: a version is written once and never again; a reader sees a whole file or none, whatever happens while it is
//! written; what is read is what was stored, or an error. Nothing is deleted: a folder that is full refuses.
//!
//! Does not know: who asks, what a manifest allows, what a report says.
//!
//! # In the folder
//!
//! `SHARD/NAME` is the first version of an artifact, for people to find under the name that the shard gave it. Later ones
//! are `SHARD/STEM~2.EXT` and so on: `~` is in no name, so no version can pass for another artifact. Beside each file
//! stands `.FILE.json`, which says what it is and the SHA-256 of its bytes. A file without one was not finished, and is not
//! listed. Files are for their owner alone: reports name people.

#![expect(clippy::disallowed_methods, reason = "the one room that writes the operator's report folder")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::audit::Digest;
use crate::names::{ArtifactName, ShardName};

/// Versions of one name.
const MOST_VERSIONS: u32 = 9_999;

/// The beginning of every artifact's URI.
pub const URI: &str = "nexus://artifacts/";

pub struct Store {
    folder: PathBuf,
    /// Bytes of all artifacts together.
    most: u64,
    /// One at a time finds out how much room is left.
    writing: Mutex<()>,
    /// How many have begun.
    #[cfg(test)]
    begun: std::sync::atomic::AtomicUsize,
}

/// What an artifact is, beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub shard: ShardName,
    pub name: ArtifactName,
    /// 1 for the first of its name.
    pub version: u32,
    pub media_type: String,
    pub bytes: u64,
    /// SHA-256 of the bytes, as the ledger writes it.
    pub digest: String,
    pub stored_at: Timestamp,
    /// `live` or `mock`: where what it says came from.
    pub source: String,
    /// The ledger's event id of the call that made it.
    pub call: String,
}

/// What is to be kept, but for what the store itself finds out.
pub struct New<'a> {
    pub shard: &'a ShardName,
    pub name: &'a ArtifactName,
    pub media_type: &'a str,
    pub source: &'a str,
    pub call: String,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("report folder {} cannot be used", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("report folder {} is full: it may hold {most} bytes; move old reports elsewhere, or raise max-bytes in [reports]", folder.display())]
    Full { folder: PathBuf, most: u64 },
    #[error("{} has as many versions as a name may have", .0)]
    Versions(ArtifactName),
    #[error("artifact {file} is not what was stored: it was changed, or damaged")]
    Changed { file: String },
}

/// A disk that takes nothing as long as this lives.
#[cfg(test)]
pub(crate) struct Stalled<'a> {
    _guard: std::sync::MutexGuard<'a, ()>,
}

#[cfg(test)]
impl Store {
    pub(crate) fn stalled(&self) -> Stalled<'_> {
        Stalled { _guard: self.writing.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// How many have begun to store something and wait for that disk.
    pub(crate) fn waiting(&self) -> usize {
        self.begun.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Kept {
    pub fn uri(&self) -> String {
        format!("{URI}{}/{}/{}", self.shard, self.name, self.version)
    }

    /// As the file is called.
    pub fn file_name(&self) -> String {
        file_name(&self.name, self.version)
    }
}

impl Store {
    /// The folder is made when something is first kept in it.
    pub fn new(folder: PathBuf, most: u64) -> Self {
        Self {
            folder,
            most,
            writing: Mutex::default(),
            #[cfg(test)]
            begun: Default::default(),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stores it under the next free version of its name, and tells the digest of its bytes.
    pub fn put(&self, new: &New<'_>, data: &[u8]) -> Result<(Kept, Digest), StoreError> {
        #[cfg(test)]
        self.begun.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder.join(new.shard.as_str());
        let unusable = |source| StoreError::Folder { folder: folder.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(unusable)?;
        // A folder that was just made must be there after a crash too: its name is durable before anything stands in it.
        for folder in [Some(self.folder.as_path()), self.folder.parent()].into_iter().flatten() {
            sync(folder).map_err(unusable)?;
        }
        let used = size(&self.folder).map_err(unusable)?;
        if used.saturating_add(data.len() as u64) > self.most {
            return Err(StoreError::Full { folder: self.folder.clone(), most: self.most });
        }
        let digest = Digest::of(data);
        let mut file = written(&folder, data).map_err(unusable)?;
        for version in 1..=MOST_VERSIONS {
            let kept = Kept {
                shard: new.shard.clone(),
                name: new.name.clone(),
                version,
                media_type: new.media_type.to_owned(),
                bytes: data.len() as u64,
                digest: digest.to_string(),
                stored_at: Timestamp::now(),
                source: new.source.to_owned(),
                call: new.call.clone(),
            };
            // Takes the name only if nobody has it, in one step: two hosts may share the folder.
            match file.persist_noclobber(folder.join(kept.file_name())) {
                Ok(_) => {}
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                    file = taken.file;
                    continue;
                }
                Err(failed) => return Err(unusable(failed.error)),
            }
            let said = serde_json::to_vec_pretty(&kept).map_err(|error| unusable(error.into()))?;
            let beside = written(&folder, &said).map_err(unusable)?;
            beside.persist_noclobber(folder.join(beside_name(&kept.file_name()))).map_err(|f| unusable(f.error))?;
            sync(&folder).map_err(unusable)?;
            return Ok((kept, digest));
        }
        Err(StoreError::Versions(new.name.clone()))
    }

    /// All that is kept, the newest first. What cannot be read as an artifact is none.
    pub fn list(&self) -> Result<Vec<Kept>, StoreError> {
        let unusable = |source| StoreError::Folder { folder: self.folder.clone(), source };
        let mut all = Vec::new();
        for shard in entries(&self.folder).map_err(unusable)? {
            let Some(name) = shard.file_name().and_then(|name| ShardName::parse(name.to_str()?).ok()) else { continue };
            all.extend(self.list_of(&name)?);
        }
        all.sort_by(newest_first);
        Ok(all)
    }

    /// The same of one shard.
    pub fn list_of(&self, shard: &ShardName) -> Result<Vec<Kept>, StoreError> {
        let folder = self.folder.join(shard.as_str());
        let files = entries(&folder).map_err(|source| StoreError::Folder { folder: folder.clone(), source })?;
        let mut all: Vec<_> = files.iter().filter_map(|file| said(&folder, file)).collect();
        all.retain(|kept| kept.shard == *shard);
        all.sort_by(newest_first);
        Ok(all)
    }

    /// What a URI names, if it is kept.
    pub fn find(&self, uri: &str) -> Result<Option<Kept>, StoreError> {
        let parts = uri.strip_prefix(URI).and_then(|rest| {
            let (shard, rest) = rest.split_once('/')?;
            let (name, version) = rest.split_once('/')?;
            let number: u32 = version.parse().ok()?;
            // One spelling: neither `+1` nor `01`.
            let exact = number.to_string() == version;
            Some((ShardName::parse(shard).ok()?, ArtifactName::parse(name).ok()?, exact.then_some(number)?))
        });
        let Some((shard, name, version)) = parts else { return Ok(None) };
        let folder = self.folder.join(shard.as_str());
        let beside = folder.join(beside_name(&file_name(&name, version)));
        let kept = said(&folder, &beside);
        Ok(kept.filter(|kept| kept.shard == shard && kept.name == name && kept.version == version))
    }

    /// The bytes, which are what was stored or an error, and their digest.
    pub fn read(&self, kept: &Kept) -> Result<(Vec<u8>, Digest), StoreError> {
        let file = self.folder.join(kept.shard.as_str()).join(kept.file_name());
        let data = fs::read(&file).map_err(|source| StoreError::Folder { folder: file.clone(), source })?;
        let digest = Digest::of(&data);
        if digest.to_string() == kept.digest {
            Ok((data, digest))
        } else {
            Err(StoreError::Changed { file: kept.file_name() })
        }
    }
}

fn newest_first(one: &Kept, other: &Kept) -> std::cmp::Ordering {
    other.stored_at.cmp(&one.stored_at).then_with(|| one.uri().cmp(&other.uri()))
}

fn file_name(name: &ArtifactName, version: u32) -> String {
    let name = name.as_str();
    if version == 1 {
        return name.to_owned();
    }
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem}~{version}.{ending}"),
        _ => format!("{name}~{version}"),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    let here = Path::new(".");
    File::open(if folder == Path::new("") { here } else { folder })?.sync_all()
}

/// No artifact's name begins with a dot.
fn beside_name(file: &str) -> String {
    format!(".{file}.json")
}

/// A file that has no name yet and is on disk whole.
fn written(folder: &Path, data: &[u8]) -> io::Result<NamedTempFile> {
    let mut file =
        tempfile::Builder::new().prefix(".part-").permissions(fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
    file.write_all(data)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// What a file says of the artifact that it stands beside, if both are there.
fn said(folder: &Path, file: &Path) -> Option<Kept> {
    let name = file.file_name()?.to_str()?;
    let of = name.strip_prefix('.')?.strip_suffix(".json")?;
    let kept: Kept = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let is_whole = fs::symlink_metadata(folder.join(of)).is_ok_and(|data| data.is_file() && data.len() == kept.bytes);
    (kept.file_name() == of && is_whole).then_some(kept)
}

/// What is in a folder; nothing, if it is not there.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Bytes of all files in the folder and its folders.
fn size(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in entries(folder)? {
        for file in entries(&entry)? {
            bytes += fs::symlink_metadata(file)?.len();
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
