//! Nexus: a host for MCP tools that run as sandboxed WebAssembly components.
//!
//! The rooms, in walking order. A room uses only rooms listed above it; `tests/spec` holds it to that. A tool call comes
//! in from below (`mcp → router → call → shard`), and whatever leaves a shard goes through `egress`, the door.

pub mod names;
pub mod json;
pub mod schema;
pub mod tool;

pub mod outbound;
pub mod policy;
pub mod secrets;
pub mod wire;
pub mod redact;
pub mod audit;
pub mod artifacts;
pub mod refusal;
pub mod egress;

pub mod manifest;
pub mod lock;
pub mod shard;
pub mod router;
pub mod call;
pub mod mcp;
pub mod cli;
