//! What the requests of this shard to Microsoft Graph share: the credential, and how much a call may read.

use nexus_shard::Request;
use nexus_shard::graph;
use nexus_shard::odata::Bounds;

pub(crate) use nexus_shard::graph::{is_guid, source, top};

/// The most rows a tool returns, and so the highest `limit`.
pub(crate) const MAX_ROWS: u32 = 20_000;

/// Pages of one call. Below the manifest's `egress-calls`, so that the bound is told as a bound and not as a refusal.
const MAX_PAGES: usize = 60;

pub(crate) fn get(path: &str) -> Request {
    graph::get(path, "graph")
}

pub(crate) fn bounds(rows: u32) -> Bounds {
    Bounds { rows: rows as usize, pages: MAX_PAGES }
}
