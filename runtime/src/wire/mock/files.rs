//! The files of mock upstreams: read whole at the start, and never again.

#![expect(
    clippy::disallowed_methods,
    reason = "this room reads mock upstreams and writes the authority of a served one"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::MockError;

pub(super) fn text(path: &Path) -> Result<String, MockError> {
    fs::read_to_string(path).map_err(|source| MockError::Read { path: path.to_owned(), source })
}

/// The tables in a directory, by name.
pub(super) fn tables(directory: &Path) -> Result<BTreeMap<String, PathBuf>, MockError> {
    let named = entries(directory)?.into_iter().filter_map(|path| {
        let name = path.file_stem()?.to_str()?.to_owned();
        path.extension().is_some_and(|extension| extension == "json").then_some((name, path))
    });
    Ok(named.collect())
}

/// The directories that hold an upstream, in the order of their names.
pub(super) fn upstreams(directory: &Path) -> Result<Vec<PathBuf>, MockError> {
    let mut upstreams = entries(directory)?;
    upstreams.retain(|path| path.join("routes.toml").is_file());
    upstreams.sort();
    Ok(upstreams)
}

/// Blocks for as long as a small file takes.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, MockError> {
    let io = |source| MockError::Read { path: directory.to_owned(), source };
    let entries = fs::read_dir(directory).map_err(io)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(io)).collect()
}
