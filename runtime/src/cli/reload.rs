//! While a server runs: an approval or a quarantine takes effect without a restart.

use std::sync::Arc;
use std::time::Duration;

use super::approved::{fingerprint, quarantine};
use super::start::Ground;
use crate::call::{Current, Host};
use crate::names::ShardName;

/// How long a change may go unseen.
const LOOK: Duration = Duration::from_millis(200);

/// Looks at the lock and the quarantine for as long as it is polled.
pub(super) async fn watch(ground: Ground, current: Arc<Current>) {
    let mut seen = fingerprint(ground.settings());
    loop {
        tokio::time::sleep(LOOK).await;
        let now = fingerprint(ground.settings());
        if now == seen {
            continue;
        }
        seen = now;
        let before = current.host();
        stop_at_once(&ground, &current, &before);
        match ground.reloaded(&before).await {
            Ok(host) => {
                tracing::info!(shards = names(&host).join(" "), "approvals changed: shards are served anew");
                current.replace(host);
            }
            // What was approved before stays so; a lock that cannot be read approves nothing more.
            Err(exit) => tracing::error!("approvals changed and cannot be taken over: {}", exit.story()),
        }
    }
}

/// Calls of a shard in quarantine end now, not when they would. Where nobody can tell which shards are meant, all do.
fn stop_at_once(ground: &Ground, current: &Current, host: &Host) {
    let stopped: Vec<ShardName> = match quarantine(ground.settings()) {
        Ok(quarantine) => quarantine.shard.into_keys().collect(),
        Err(exit) => {
            tracing::error!("every shard is stopped: {}", exit.story());
            host.router().shards().iter().map(|shard| shard.manifest.name.clone()).collect()
        }
    };
    for shard in stopped {
        current.stop_shard(&shard);
    }
}

fn names(host: &Host) -> Vec<&str> {
    host.router().shards().iter().map(|shard| shard.manifest.name.as_str()).collect()
}
