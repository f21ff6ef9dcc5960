//! What a component imports, read from its binary and not from what its author says of it.

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::manifest::Manifest;

/// An interface that is linked only when the manifest grants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capability {
    Egress,
    Directory,
    Peers,
    Artifacts,
}

impl Capability {
    pub(super) const ALL: [Self; 4] = [Self::Egress, Self::Directory, Self::Peers, Self::Artifacts];

    pub(super) fn interface(self) -> &'static str {
        match self {
            Self::Egress => "nexus:shard/egress",
            Self::Directory => "nexus:shard/directory",
            Self::Peers => "nexus:shard/peers",
            Self::Artifacts => "nexus:shard/artifacts",
        }
    }

    /// The manifest's key for it.
    fn key(self) -> &'static str {
        match self {
            Self::Egress => "[[egress]]",
            Self::Directory => "[[directory]]",
            Self::Peers => "[peers]",
            Self::Artifacts => "[artifacts]",
        }
    }

    pub(super) fn granted(self, manifest: &Manifest) -> bool {
        match self {
            Self::Egress => !manifest.egress.is_empty(),
            Self::Directory => !manifest.directories.is_empty(),
            Self::Peers => manifest.peers.is_some(),
            Self::Artifacts => manifest.artifacts.is_some(),
        }
    }
}

/// Interfaces of the contract that need no grant: they carry types, or end in bounded and scrubbed output.
const ALWAYS: [&str; 4] = ["nexus:shard/types", "nexus:shard/tools", "nexus:shard/log", "nexus:shard/progress"];

/// Interfaces of the contract that this host does not serve yet.
const UNSERVED: [&str; 1] = ["nexus:shard/secrets"];

/// WASI packages that are linked for everybody and reach nothing. `wasi:http` reaches the door.
const INERT: [&str; 7] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:http/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// A component that imports what it may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadImport {
    #[error("imports {interface}, which its manifest does not grant: add a {key} to shard.toml, or stop importing it")]
    NotGranted { interface: &'static str, key: &'static str },
    #[error("imports {0}, which this version of Nexus does not serve")]
    Unserved(String),
    #[error("imports {0}, which is neither part of the contract nexus:shard@0.1 nor of WASI 0.2")]
    Unknown(String),
}

/// All imports of a component that may not be: a reviewer wants to see them together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(BadImport::to_string).collect::<Vec<_>>().join("; "))]
pub struct BadImports(Vec<BadImport>);

/// The component's imports, sorted; an error names all that may not be.
pub(super) fn check(engine: &Engine, component: &Component, manifest: &Manifest) -> Result<Vec<String>, BadImports> {
    let kind = component.component_type();
    let mut imports: Vec<String> = kind.imports(engine).map(|(name, _)| name.to_owned()).collect();
    imports.sort();
    let bad: Vec<BadImport> = imports.iter().filter_map(|import| refused(import, manifest)).collect();
    if bad.is_empty() { Ok(imports) } else { Err(BadImports(bad)) }
}

fn refused(import: &str, manifest: &Manifest) -> Option<BadImport> {
    let interface = import.split('@').next().unwrap_or(import);
    if let Some(capability) = Capability::ALL.into_iter().find(|capability| capability.interface() == interface) {
        let missing = || BadImport::NotGranted { interface: capability.interface(), key: capability.key() };
        return (!capability.granted(manifest)).then(missing);
    }
    if UNSERVED.contains(&interface) {
        return Some(BadImport::Unserved(import.to_owned()));
    }
    let is_known = ALWAYS.contains(&interface) || INERT.iter().any(|package| interface.starts_with(package));
    (!is_known).then(|| BadImport::Unknown(import.to_owned()))
}
