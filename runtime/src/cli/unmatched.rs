//! Names in the settings that nothing answers to: most likely misspelt, so what the operator meant by them does not hold. Which
//! shards and tools there are is known only once shards are loaded, so it is no error of the settings: `nexus doctor` tells it,
//! and a server's log.

use std::sync::Arc;

use super::settings::Settings;
use crate::call::Current;
use crate::names::ShardName;
use crate::router::{LeftOut, Router};

/// The names that the settings give to shards and tools.
pub(super) struct GivenNames {
    disabled: Vec<ShardName>,
    /// Of `results.tools`.
    tools: Vec<String>,
}

/// A name that nothing which serves has.
pub(super) struct Unmatched {
    /// The key that has it, as `results.tools.NAME`.
    pub key: String,
    /// What is wrong; or, where nobody can know, what to think of it.
    pub says: Result<String, String>,
}

impl GivenNames {
    pub(super) fn of(settings: &Settings) -> Self {
        Self { disabled: settings.disabled.clone(), tools: settings.results.tools.keys().cloned().collect() }
    }

    pub(super) fn unmatched(&self, router: &Router) -> Vec<Unmatched> {
        let left_out = router.left_out();
        let known = router.shards().iter().map(|shard| shard.manifest.name.as_str());
        let known: Vec<&str> = known.chain(left_out.iter().map(|left| left.name.as_str())).collect();
        let shards = self.disabled.iter().filter(|name| !known.contains(&name.as_str())).map(|name| Unmatched {
            key: format!("disabled: {name}"),
            says: Err(format!("there is no shard {name}, so nothing is left out; there are: {}", known.join(", "))),
        });
        let tools = self
            .tools
            .iter()
            .filter(|tool| router.route(tool).is_none())
            .map(|tool| Unmatched { key: format!("results.tools.{tool}"), says: no_tool(tool, left_out) });
        shards.chain(tools).collect()
    }

    /// Warns of them, once every shard has been looked at.
    pub(super) async fn warn(self, current: Arc<Current>) {
        let mut changes = current.changes();
        while current.host().router().left_out().iter().any(|left| left.loading) {
            if changes.changed().await.is_err() {
                return;
            }
        }
        for Unmatched { key, says } in self.unmatched(current.host().router()) {
            match says {
                Ok(reason) => tracing::info!(key, reason, "a name in the settings that nothing answers to"),
                Err(reason) => tracing::warn!(key, reason, "a name in the settings that nothing answers to"),
            }
        }
    }
}

/// A shard that is off is not looked into, and what it has is not known: that is as the operator wants it.
fn no_tool(tool: &str, left_out: &[LeftOut]) -> Result<String, String> {
    let names: Vec<_> = left_out.iter().map(|left| left.name.as_str()).collect();
    let may = format!("no shard that serves has a tool {tool}; those that do not serve may: {}", names.join(", "));
    match (left_out.is_empty(), left_out.iter().all(|left| left.disabled)) {
        (true, _) => Err(format!("no shard has a tool {tool}, so nothing follows from what is set for it")),
        (false, true) => Ok(may),
        (false, false) => Err(may),
    }
}
