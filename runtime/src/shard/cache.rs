//! Compiled components on disk, so that a start does not compile again.
//!
//! A compiled component is machine code: whoever can write one owns the host. An entry is therefore trusted only with
//! the host's own seal (HMAC-SHA-256, RFC 2104) over the engine, the component's digest and the code. A damaged,
//! foreign or outdated entry is compiled anew and replaced. Losing the folder or the key costs time and nothing else.
//! What the host has just compiled (`compile`) is trusted without one: the host seals it here, and nobody else does.

#![expect(clippy::disallowed_methods, reason = "the cache folder is this room's own")]

use std::borrow::Cow;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::Digest;
use super::compile::{CompileError, Compiler};

type Seal = Hmac<Sha256>;

const SEAL_LENGTH: usize = 32;
const KEY_LENGTH: usize = 32;
const KEY_FILE: &str = "seal.key";

/// A folder of sealed entries that this host owns.
pub struct Cache {
    folder: PathBuf,
    seal: Seal,
}

/// Machine code that this host may run, for one of two reasons: it bears the host's seal, or the host has just had it
/// compiled.
pub(super) struct Code<'a>(Cow<'a, [u8]>);

impl Code<'_> {
    /// For `compile` alone, which knows where the bytes come from.
    pub(super) fn compiled(bytes: Vec<u8>) -> Code<'static> {
        Code(Cow::Owned(bytes))
    }

    #[expect(unsafe_code, reason = "machine code runs only under the host's own seal, or as its compiler made it")]
    fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `Engine::precompile_component` of this host made these bytes. Either the seal proves it, and they are
        // held in memory since it was checked; or they came from the host's own compiler, in memory or through a pipe
        // that nobody else holds. The engine itself refuses code made for another version or configuration.
        unsafe { Component::deserialize(engine, &self.0) }
    }
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

    fn load(&self, engine: &Engine, entry: &Path) -> Option<Component> {
        let sealed = fs::read(entry).ok()?;
        let (seal, code) = sealed.split_at_checked(SEAL_LENGTH)?;
        if self.seal(entry, code).verify_slice(seal).is_err() {
            tracing::warn!(entry = %entry.display(), "cached component is damaged or foreign: compiling it again");
            return None;
        }
        Code(Cow::Borrowed(code))
            .load(engine)
            .inspect_err(|error| tracing::warn!(entry = %entry.display(), %error, "cached component does not fit"))
            .ok()
    }

    fn store(&self, entry: &Path, code: &Code<'_>) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&self.seal(entry, &code.0).finalize().into_bytes())?;
        file.write_all(&code.0)?;
        file.persist(entry)?;
        Ok(())
    }
}

/// The component as the cache has it. Reads some megabytes and works through them: not for a thread that serves.
pub(super) fn cached(engine: &Engine, cache: &Cache, digest: &Digest) -> Option<Component> {
    cache.load(engine, &cache.entry(engine, digest))
}

/// The component compiled anew, and kept if there is a cache.
pub(super) async fn compiled(
    engine: &Engine,
    cache: Option<Arc<Cache>>,
    compiler: Compiler,
    digest: Digest,
    binary: Arc<Vec<u8>>,
) -> Result<Component, CompileError> {
    let code = compiler.compile(engine, binary).await?;
    let engine = engine.clone();
    let load = move || {
        let component = code.load(&engine).map_err(CompileError::Unfit)?;
        if let Some(cache) = cache {
            let entry = cache.entry(&engine, &digest);
            if let Err(error) = cache.store(&entry, &code) {
                tracing::warn!(entry = %entry.display(), %error, "compiled component cannot be kept; the next start compiles it again");
            }
        }
        Ok(component)
    };
    tokio::task::spawn_blocking(load).await.map_err(|error| CompileError::Process(error.into()))?
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
