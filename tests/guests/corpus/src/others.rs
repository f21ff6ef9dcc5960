//! Other shards' tools. With `n` = 0 each calls the one that the manifest names.

use crate::nexus::shard::peers::{PeerCall, PeerError, call};
use crate::nexus::shard::types::ToolError;
use crate::reach::code;
use crate::{Answer, marker, told};

const GRANTED: &str = "entra_list_groups";

pub(crate) fn ask(tool: &str, arguments: &str) -> String {
    match call(&PeerCall { tool: tool.to_owned(), arguments: arguments.to_owned() }) {
        Ok(_) => "answered".to_owned(),
        Err(PeerError::Refusal(refusal)) => code(refusal).to_owned(),
        Err(PeerError::Tool(error)) => match error {
            ToolError::InvalidArguments(_) => "invalid-arguments",
            ToolError::NotFound(_) => "not-found",
            ToolError::Upstream(_) => "upstream",
            ToolError::Refused(_) => "refused",
            ToolError::Internal(_) => "internal",
        }
        .to_owned(),
    }
}

fn asked(n: u64, tool: &str, arguments: &str) -> Answer {
    told(&if n == 0 { ask(GRANTED, "{\"limit\":1}") } else { ask(tool, arguments) })
}

/// One that is served and that the manifest does not name.
pub(crate) fn undeclared(n: u64) -> Answer {
    asked(n, "entra_list_users", "{\"limit\":1}")
}

/// One that the manifest names and that nobody serves.
pub(crate) fn missing(n: u64) -> Answer {
    asked(n, "nobody_serves_this", "{}")
}

/// Its own: it waits for itself.
pub(crate) fn itself(n: u64) -> Answer {
    asked(n, &format!("{}go", marker().0), "{\"n\":0}")
}

/// The host's own, which tells what is on record.
pub(crate) fn tool_of_the_host(n: u64) -> Answer {
    asked(n, "nexus_audit_stats", "{}")
}

/// Arguments that are no JSON.
pub(crate) fn no_json(n: u64) -> Answer {
    asked(n, GRANTED, "{\"limit\": 1")
}

/// `n` calls: how many were answered.
pub(crate) fn flood(n: u64) -> Answer {
    let answered = (0..n).filter(|_| ask(GRANTED, "{\"limit\":1}") == "answered").count();
    told(&format!("{answered} answered"))
}
