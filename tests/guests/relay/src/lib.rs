//! A shard that asks other shards, and has things kept. As blunt as it can be: the host must hold without its help.

mod ask;

use ask::{Ask, Asked};
use nexus_shard::{Artifact, Call, Output, ToolError, arguments, data, tool};

nexus_shard::shard! { tools: [relay_ask, relay_keep, relay_latest] }

/// Asks other shards' tools anything and tells what became of it.
#[tool(name = "relay_ask", title = "Ask anybody", category = read)]
fn relay_ask(arguments: Ask, call: &Call) -> Result<Output<Asked>, ToolError> {
    ask::ask(&arguments, call)
}

#[arguments]
struct Keep {
    /// Given as they are.
    artifacts: Vec<One>,
}

#[arguments]
struct One {
    name: String,
    media_type: String,
    text: String,
    /// The text so many times.
    #[field(default = 1)]
    times: usize,
}

/// What became of each: its URI, or the code of the refusal.
#[data]
struct Kept {
    uris: Vec<String>,
}

/// Has anything kept and tells what became of it.
#[tool(name = "relay_keep", title = "Keep anything", category = report)]
fn relay_keep(arguments: Keep, call: &Call) -> Result<Output<Kept>, ToolError> {
    let keep = |one: &One| {
        let data = one.text.repeat(one.times).into_bytes();
        let artifact = Artifact { name: one.name.clone(), media_type: one.media_type.clone(), data };
        call.put(&artifact).unwrap_or_else(|refusal| refusal.code().to_owned())
    };
    Ok(Output::new(Kept { uris: arguments.artifacts.iter().map(keep).collect() }))
}

#[arguments]
struct Latest {
    name_prefix: String,
    media_type: String,
}

/// What was found.
#[data]
struct Found {
    /// The code of the refusal, or null.
    refusal: Option<String>,
    uri: Option<String>,
    text: Option<String>,
}

/// Asks for the newest artifact and tells what became of it.
#[tool(name = "relay_latest", title = "Read what was kept", category = read)]
fn relay_latest(arguments: Latest, call: &Call) -> Result<Output<Found>, ToolError> {
    let found = match call.latest(&arguments.name_prefix, &arguments.media_type) {
        Ok(Some(kept)) => {
            Found { refusal: None, uri: Some(kept.uri), text: Some(String::from_utf8_lossy(&kept.data).into_owned()) }
        }
        Ok(None) => Found { refusal: None, uri: None, text: None },
        Err(refusal) => Found { refusal: Some(refusal.code().to_owned()), uri: None, text: None },
    };
    Ok(Output::new(found))
}
