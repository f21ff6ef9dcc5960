//! Shards that somebody stopped at once, and why. They stay stopped, whatever is approved, until somebody lifts it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::approval::{Approval, BadApproval};
use crate::names::ShardName;

/// The file beside the lock. A file that cannot be read stops every shard: nobody can tell whom it stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    #[serde(default)]
    pub shard: BTreeMap<ShardName, Stopped>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    pub by: String,
    pub at: Timestamp,
    pub why: String,
}

const HEADER: &str =
    "# Shards that `nexus quarantine` stopped. They do not serve until `nexus quarantine SHARD --lift --why ...`.\n\n";

impl Quarantine {
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    pub fn to_text(&self) -> Result<String, toml::ser::Error> {
        Ok(format!("{HEADER}{}", toml::to_string_pretty(self)?))
    }
}

impl Stopped {
    pub fn new(by: &str, at: Timestamp, why: &str) -> Result<Self, BadApproval> {
        // A reason is a line in both.
        let Approval { by, at, why, .. } = Approval::new(by, at, why)?;
        Ok(Self { by, at, why })
    }
}
