//! The only room that knows WIT. Everything a guest may call is here, one file per interface, and each ends in the door
//! or in a limit of its own. Which of it is linked depends on the manifest: see `link`.

mod artifacts;
mod contract;
mod directory;
mod documents;
mod egress;
mod http;
mod log;
mod peers;
mod progress;
mod stdio;

pub(super) use contract::{Guest, GuestPre, ListedTool, call_tool, list_tools};
pub(super) use documents::Exports;
pub(super) use http::Hooks;
pub(super) use stdio::GuestStdio;

use wasmtime::component::{HasSelf, Linker};

use super::import::Capability;
use super::instance::State;

/// Adds what every shard gets: progress, log, and WASI made inert. Clocks and randomness are real; there are no files,
/// no sockets, no environment and no arguments; `wasi:http` ends in the same door as `egress`.
pub(super) fn link_always(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    http::link(linker)?;
    contract::types::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    contract::log::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    contract::progress::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    Ok(())
}

/// Adds one interface that a manifest grants.
pub(super) fn link(capability: Capability, linker: &mut Linker<State>) -> wasmtime::Result<()> {
    match capability {
        Capability::Egress => contract::egress::add_to_linker::<_, HasSelf<State>>(linker, |state| state),
        Capability::Directory => contract::directory::add_to_linker::<_, HasSelf<State>>(linker, |state| state),
        Capability::Peers => contract::peers::add_to_linker::<_, HasSelf<State>>(linker, |state| state),
        Capability::Artifacts => contract::artifacts::add_to_linker::<_, HasSelf<State>>(linker, |state| state),
    }
}
