//! Which tools of other shards a shard may call.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use crate::names::ToolName;

/// `[peers]` of a manifest. By default: none.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    grant: Option<PeerGrant>,
}

/// What `[peers]` says. A peer has its own grants; naming it adds none to either side's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerGrant {
    /// Whole names.
    pub tools: BTreeSet<ToolName>,
    /// Calls of peers during one call.
    pub calls: u32,
    /// Of these, how many at once.
    pub concurrency: NonZeroU32,
}

/// Proof that the manifest names this tool.
#[must_use]
#[derive(Debug)]
pub struct PeerPermit {
    tool: ToolName,
}

/// A tool that the manifest does not name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the manifest does not name this tool of another shard under [peers]")]
pub struct NotAPeer {
    /// If it could be a tool's name.
    pub tool: Option<ToolName>,
    /// What the manifest would have to say.
    pub suggestion: Option<String>,
}

impl Peers {
    pub fn new(grant: Option<PeerGrant>) -> Self {
        Self { grant }
    }

    pub fn grant(&self) -> Option<&PeerGrant> {
        self.grant.as_ref()
    }

    /// Names are compared whole: there are no patterns.
    pub fn permit(&self, tool: &str) -> Result<PeerPermit, NotAPeer> {
        let named = self.grant.as_ref().and_then(|grant| grant.tools.get(tool));
        if let Some(tool) = named {
            return Ok(PeerPermit { tool: tool.clone() });
        }
        let tool = ToolName::parse(tool).ok();
        let suggestion = tool.as_ref().map(|tool| match &self.grant {
            None => format!("[peers]\ntools = [\"{tool}\"]"),
            Some(_) => format!("\"{tool}\" # in tools of [peers]"),
        });
        Err(NotAPeer { tool, suggestion })
    }
}

impl PeerPermit {
    pub fn tool(&self) -> &ToolName {
        &self.tool
    }
}
