//! The rooms that read what others wrote, from the host's own files, without those that run guests and serve clients: so the
//! fuzz targets build in a fraction of the time, and reach what is no part of the host's surface. `runtime/src/lib.rs` has
//! the order; a room uses only rooms above it, so the list may end anywhere.

#![allow(dead_code, reason = "the rooms that would use it are not here")]

#[path = "../../runtime/src/names.rs"]
pub mod names;
#[path = "../../runtime/src/json.rs"]
pub mod json;
#[path = "../../runtime/src/schema/mod.rs"]
pub mod schema;
#[path = "../../runtime/src/tool.rs"]
pub mod tool;

#[path = "../../runtime/src/outbound/mod.rs"]
pub mod outbound;
#[path = "../../runtime/src/policy/mod.rs"]
pub mod policy;
#[path = "../../runtime/src/secrets/mod.rs"]
pub mod secrets;
#[path = "../../runtime/src/wire/mod.rs"]
pub mod wire;
#[path = "../../runtime/src/redact/mod.rs"]
pub mod redact;
#[path = "../../runtime/src/audit/mod.rs"]
pub mod audit;
#[path = "../../runtime/src/artifacts.rs"]
pub mod artifacts;
#[path = "../../runtime/src/refusal.rs"]
pub mod refusal;
#[path = "../../runtime/src/egress/mod.rs"]
pub mod egress;

#[path = "../../runtime/src/manifest/mod.rs"]
pub mod manifest;

/// Of the room that knows the protocol: what looks at a message before the protocol's own library does.
#[path = "../../runtime/src/mcp"]
pub mod mcp {
    pub mod frame;
}

mod evidence;
pub use evidence::{signer, tree_path, tree_root};
