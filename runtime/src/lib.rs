//! Nexus: a host for MCP tools that run as sandboxed WebAssembly components.
//!
//! The rooms, in walking order. A room uses only rooms listed above it; `tests/spec` holds it to that. A tool call comes
//! in from below (`mcp → router → call → shard`), and whatever leaves a shard goes through `egress`, the door.

pub mod names;
pub mod tool;

pub mod audit;
pub mod egress;
pub mod outbound;
pub mod policy;
pub mod redact;
pub mod refusal;
pub mod secrets;
pub mod wire;

pub mod call;
pub mod cli;
pub mod manifest;
pub mod mcp;
pub mod router;
pub mod shard;
