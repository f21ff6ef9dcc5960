//! What Nexus promises, as tests. Each file is one promise or one reader of it; the names say what holds.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may be as blunt as it likes, and so may what it is helped by"
)]

#[path = "../support/mod.rs"]
mod support;

mod artifacts;
mod call;
mod cli;
mod clients;
mod conformance;
mod contained;
mod corpus;
mod directory;
mod drift;
mod documented;
mod door;
mod evidence;
mod export;
mod fuzzing;
mod guests;
mod health;
mod imports;
mod impossible;
mod ledger;
mod live;
mod loading;
mod manifest;
mod manners;
mod mcp;
mod otlp;
mod parsers;
mod peers;
mod persons;
mod policy_matrix;
mod readers;
mod redact;
mod reload;
mod review;
mod redaction_corpus;
mod refusals;
mod schema;
mod schemas;
mod secrets;
mod settings;
mod structure;
mod supply;
mod tools;
mod upstreams;
