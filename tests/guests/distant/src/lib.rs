//! A shard that asks back.

#[path = "../../relay/src/ask.rs"]
mod ask;

use ask::{Ask, Asked};
use nexus_shard::{Call, Output, ToolError, tool};

nexus_shard::shard! { tools: [distant_ask] }

/// Asks other shards' tools anything and tells what became of it.
#[tool(name = "distant_ask", title = "Ask back", category = read)]
fn distant_ask(arguments: Ask, call: &Call) -> Result<Output<Asked>, ToolError> {
    ask::ask(&arguments, call)
}
