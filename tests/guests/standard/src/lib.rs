//! What a component finds that was built by an ordinary toolchain and knows of WASI alone: `wasi:http` ends in the
//! door, and everything else is there and reaches nothing.

mod http;
mod machine;
mod stdio;

use http::{fetch, hoard};
use machine::look;
use stdio::print;

nexus_shard::shard! {
    tools: [fetch, hoard, look, print],
}
