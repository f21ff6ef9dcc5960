//! Tools that each try one escape. Each is as blunt as it can be: the host must hold without the SDK's help.

mod carry;
mod crash;
mod heap;
mod lie;
mod reach;
mod directory;

use carry::{echo, error, log, progress};
use crash::{eat_memory, endless_loop, fill, hold, panic, recurse, sleep, trap};
use directory::search;
use heap::{ask, empty, half, json_of_pieces, judged, long_error};
use lie::{bad_json, bad_schema, output};
use reach::{fetch, flood};

nexus_shard::shard! {
    tools: [
        fetch, flood, endless_loop, sleep, eat_memory, recurse, trap, panic, output, bad_json, bad_schema, echo, error, log,
        progress, search, hold, fill, judged, json_of_pieces, half, empty, long_error, ask,
    ],
}
