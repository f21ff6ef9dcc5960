//! What Nexus promises, as tests. Each file is one promise or one reader of it; the names say what holds.

#[path = "../support/mod.rs"]
mod support;

mod call;
mod contained;
mod door;
mod guests;
mod live;
mod secrets;
mod ledger;
mod conformance;
mod mcp;
