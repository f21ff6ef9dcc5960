//! What a component finds that was built by an ordinary toolchain and knows of WASI alone: `wasi:http` ends in the
//! door, and everything else is there and reaches nothing.

mod fetch;
mod look;
mod print;

use fetch::fetch;
use look::look;
use print::print;

nexus_shard::shard! {
    tools: [fetch, look, print],
}
