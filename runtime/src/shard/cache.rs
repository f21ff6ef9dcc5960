//! Compiled components on disk, so that a start does not compile again.
//!
//! A compiled component is machine code: whoever can write one owns the host. An entry is therefore trusted only with
//! the host's own seal (HMAC-SHA-256, RFC 2104) over the engine, the component's digest and the code. A damaged,
//! foreign or outdated entry is compiled anew and replaced. Losing the folder or the key costs time and nothing else.

#![expect(clippy::disallowed_methods, reason = "the cache folder is this room's own")]

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::Digest;

type Seal = Hmac<Sha256>;

const SEAL_LENGTH: usize = 32;
const KEY_LENGTH: usize = 32;
const KEY_FILE: &str = "seal.key";

/// A folder of sealed entries that this host owns.
pub struct Cache {
    folder: PathBuf,
    seal: Seal,
}

/// Where a component's machine code came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Cached,
    Compiled,
}

impl Cache {
    /// Opens the folder, making it and its key if need be. Only this user may read or write either.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        let key = key(&folder.join(KEY_FILE))?;
        let seal = Seal::new_from_slice(&key).map_err(io::Error::other)?;
        Ok(Self { folder: folder.to_owned(), seal })
    }

    fn entry(&self, engine: &Engine, digest: &Digest) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
    }

    /// The seal covers the entry's name too, so that one entry cannot stand in for another.
    fn seal(&self, entry: &Path, code: &[u8]) -> Seal {
        let mut seal = self.seal.clone();
        seal.update(entry.file_name().map(std::ffi::OsStr::as_encoded_bytes).unwrap_or_default());
        seal.update(&[0]);
        seal.update(code);
        seal
    }

    #[expect(unsafe_code, reason = "machine code runs only under the host's own seal, checked over these very bytes")]
    fn load(&self, engine: &Engine, entry: &Path) -> Option<Component> {
        let sealed = fs::read(entry).ok()?;
        let (seal, code) = sealed.split_at_checked(SEAL_LENGTH)?;
        if self.seal(entry, code).verify_slice(seal).is_err() {
            tracing::warn!(entry = %entry.display(), "cached component is damaged or foreign: compiling it again");
            return None;
        }
        // SAFETY: the seal proves that `Engine::precompile_component` of this host made these bytes, and they are held
        // in memory since it was checked. The engine itself refuses code made for another version or configuration.
        unsafe { Component::deserialize(engine, code) }
            .inspect_err(|error| tracing::warn!(entry = %entry.display(), %error, "cached component does not fit"))
            .ok()
    }

    fn store(&self, entry: &Path, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&self.seal(entry, code).finalize().into_bytes())?;
        file.write_all(code)?;
        file.persist(entry)?;
        Ok(())
    }
}

/// The component, from the cache if there is one and it holds it. Slow when it must compile: keep it off request paths.
pub(super) fn component(
    engine: &Engine,
    cache: Option<&Cache>,
    digest: &Digest,
    binary: &[u8],
) -> wasmtime::Result<(Component, Origin)> {
    let Some(cache) = cache else {
        return Ok((Component::new(engine, binary)?, Origin::Compiled));
    };
    let entry = cache.entry(engine, digest);
    if let Some(component) = cache.load(engine, &entry) {
        return Ok((component, Origin::Cached));
    }
    let component = Component::new(engine, binary)?;
    if let Err(error) = component.serialize().map_err(io::Error::other).and_then(|code| cache.store(&entry, &code)) {
        tracing::warn!(entry = %entry.display(), %error, "compiled component cannot be kept; the next start compiles it again");
    }
    Ok((component, Origin::Compiled))
}

fn key(file: &Path) -> io::Result<Vec<u8>> {
    match fs::read(file) {
        Ok(key) if key.len() == KEY_LENGTH && fs::metadata(file)?.permissions().mode() & 0o077 == 0 => return Ok(key),
        Ok(_) => tracing::warn!(file = %file.display(), "seal key is unusable: making a new one, and compiling again"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut key = vec![0; KEY_LENGTH];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let mut fresh = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    fresh.write_all(&key)?;
    fresh.persist(file)?;
    Ok(key)
}
