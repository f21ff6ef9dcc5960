//! `shard.toml`: what a shard asks for, read into types.
//!
//! Unknown keys are errors, an empty list grants nothing, and every error names the file, the line, what was found and
//! what is accepted. `{setting:NAME}` takes the operator's value at this point and no later, so that policy never sees
//! a placeholder. This room reads no environment: the values are given to it.

mod credential;
mod directory;
mod document;
pub(crate) mod file;
mod neighbours;
mod raw;
#[cfg(test)]
mod tests;
pub(crate) mod units;

pub use neighbours::Probe;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::audit::Digest;
use crate::egress::Limits;
use crate::names::{CredentialName, SettingName, ShardName};
use crate::policy::{ArtifactGrant, DirectoryGrant, EgressGrant, Pace, PeerGrant};
use crate::secrets::CredentialKind;
pub use file::FileError;

/// Bytes of a manifest.
const MAX_BYTES: u64 = 256 << 10;

/// One manifest, resolved.
#[derive(Debug, PartialEq)]
pub struct Manifest {
    pub file: PathBuf,
    /// Of the file's text.
    pub digest: Digest,
    pub name: ShardName,
    pub version: String,
    pub component: PathBuf,
    pub tools_prefix: Vec<String>,
    pub egress: Vec<EgressGrant>,
    pub directories: Vec<DirectoryGrant>,
    /// The tools of other shards that it may call.
    pub peers: Option<PeerGrant>,
    /// The reports that it may have kept.
    pub artifacts: Option<ArtifactGrant>,
    /// How the host finds out whether the systems behind it answer.
    pub health: Vec<Probe>,
    pub credentials: BTreeMap<CredentialName, CredentialKind>,
    /// How fast each credential may be used. One that has no limit is not in it.
    pub paces: BTreeMap<CredentialName, Pace>,
    pub limits: Limits,
    /// The operator's values that the shard may read.
    pub settings: BTreeMap<SettingName, String>,
    /// Whether the component's own prompts are offered to clients.
    pub prompts: bool,
    /// Whether its documents are.
    pub resources: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("{} cannot be read", file.display())]
    Read { file: PathBuf, source: FileError },
    /// `problem` says what was found and what is accepted.
    #[error("{}:{line}: {problem}", file.display())]
    Bad { file: PathBuf, line: usize, problem: String },
    #[error("{}:{line}: {key} needs the setting {name}: give it in nexus.toml under [settings] or in the environment", file.display())]
    Unset { file: PathBuf, line: usize, key: String, name: SettingName },
}

/// Where `{setting:NAME}` takes its value.
pub trait Values {
    /// What was set.
    fn value(&self, name: &SettingName) -> Option<String>;

    /// What takes the place of a value that neither the operator set nor the manifest has a default for.
    fn stand_in(&self, _name: &SettingName) -> Option<String> {
        None
    }
}

/// JSON Schema of `shard.toml`, for editors. It is made from the types that read the file, and knows less than they do.
pub fn schema() -> schemars::Schema {
    raw::schema()
}

impl Manifest {
    /// The shard's name, if the file says one, and nothing else of it: a shard that is switched off needs no settings.
    pub fn name(file: &Path) -> Option<ShardName> {
        #[derive(serde::Deserialize)]
        struct File {
            shard: Shard,
        }
        #[derive(serde::Deserialize)]
        struct Shard {
            name: ShardName,
        }
        toml::from_str::<File>(&text(file).ok()?).ok().map(|file| file.shard.name)
    }

    pub fn read(file: &Path, values: &dyn Values) -> Result<Self, ManifestError> {
        let text = text(file).map_err(|source| ManifestError::Read { file: file.to_owned(), source })?;
        Self::parse(&text, file, values)
    }

    /// `file` names the manifest in errors. Its folder is where `component` is, and where the documents of grants are
    /// read.
    pub fn parse(text: &str, file: &Path, values: &dyn Values) -> Result<Self, ManifestError> {
        raw::Reader::new(text, file, values).read()
    }
}

fn text(file: &Path) -> Result<String, FileError> {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return Err(FileError::Irregular("a folder"));
    };
    let bytes = file::read(folder, Path::new(name), MAX_BYTES)?;
    String::from_utf8(bytes).map_err(|error| FileError::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))
}
