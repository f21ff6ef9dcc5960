//! `[peers]`, `[artifacts]` and `[[health]]` of a manifest.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::ManifestError;
use super::raw::Reader;
use super::units::{self, SIZE};
use crate::names::ToolName;
use crate::policy::{ArtifactGrant, PeerGrant, is_media_type};

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PeersTable {
    /// Tools of other shards that it may call.
    #[schemars(with = "Vec<ToolName>")]
    tools: Spanned<Vec<Spanned<ToolName>>>,
    /// Calls during one call; 16 unless said.
    #[schemars(with = "Option<u32>")]
    calls: Option<Spanned<u32>>,
    /// Of these, how many at once; 4 unless said.
    #[schemars(with = "Option<NonZeroU32>")]
    concurrency: Option<Spanned<u32>>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ArtifactsTable {
    /// Kinds of files that it may have kept, such as `text/html`.
    #[schemars(with = "Vec<String>")]
    media_types: Spanned<Vec<Spanned<String>>>,
    /// Of one; 4MiB unless said.
    #[schemars(with = "Option<String>")]
    bytes: Option<Spanned<String>>,
    /// Of one call; 16 unless said.
    #[schemars(with = "Option<u32>")]
    count: Option<Spanned<u32>>,
}

/// One question by which the host finds out whether a system answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// For people: `Microsoft Entra ID`.
    pub system: String,
    /// A tool of this shard.
    pub tool: ToolName,
    /// An object.
    pub arguments: Value,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HealthTable {
    /// The system's name, for people.
    #[schemars(with = "String")]
    system: Spanned<String>,
    /// The shard's own tool by which the host asks.
    #[schemars(with = "ToolName")]
    tool: Spanned<ToolName>,
    /// What it is called with.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    arguments: toml::Table,
}

const SYSTEM: usize = 64;

const PEER_CALLS: u32 = 16;
const MOST_PEER_CALLS: u32 = 1000;
const PEERS_AT_ONCE: u32 = 4;
const MOST_PEERS_AT_ONCE: u32 = 16;

const ARTIFACT_BYTES: usize = 4 << 20;
const MOST_ARTIFACT_BYTES: usize = 64 << 20;
const ARTIFACTS: u32 = 16;
const MOST_ARTIFACTS: u32 = 100;

impl Reader<'_> {
    /// `own` are the shard's own prefixes: a tool of its own it calls as a function.
    pub(super) fn peers(&self, table: &PeersTable, own: &[String]) -> Result<PeerGrant, ManifestError> {
        if table.tools.get_ref().is_empty() {
            let problem = "tools is empty, which grants nothing: name what may be called, or leave [peers] out";
            return Err(self.bad(table.tools.span(), problem.to_owned()));
        }
        let is_own = |tool: &&Spanned<ToolName>| own.iter().any(|prefix| tool.get_ref().as_str().starts_with(prefix));
        if let Some(tool) = table.tools.get_ref().iter().find(is_own) {
            let problem = format!("\"{}\" is a tool of this shard: peers are other shards' tools", tool.get_ref());
            return Err(self.bad(tool.span(), problem));
        }
        let concurrency = self.count("concurrency", table.concurrency.as_ref(), PEERS_AT_ONCE, MOST_PEERS_AT_ONCE)?;
        Ok(PeerGrant {
            tools: table.tools.get_ref().iter().map(|tool| tool.get_ref().clone()).collect(),
            calls: self.count("calls", table.calls.as_ref(), PEER_CALLS, MOST_PEER_CALLS)?,
            concurrency: NonZeroU32::new(concurrency).unwrap_or(NonZeroU32::MIN),
        })
    }

    pub(super) fn probe(&self, table: &HealthTable, own: &[String]) -> Result<Probe, ManifestError> {
        let system = table.system.get_ref();
        if system.is_empty() || system.chars().count() > SYSTEM || system.chars().any(char::is_control) {
            let problem = format!("system {system:?}: expected one line of 1 to {SYSTEM} characters");
            return Err(self.bad(table.system.span(), problem));
        }
        let tool = table.tool.get_ref();
        if !own.iter().any(|prefix| tool.as_str().starts_with(prefix.as_str())) {
            let problem = format!("\"{tool}\" is no tool of this shard: its health is asked by one of its own");
            return Err(self.bad(table.tool.span(), problem));
        }
        let arguments = serde_json::to_value(&table.arguments)
            .map_err(|error| self.bad(table.tool.span(), format!("arguments are not JSON: {error}")))?;
        Ok(Probe { system: system.clone(), tool: tool.clone(), arguments })
    }

    pub(super) fn artifacts(&self, table: &ArtifactsTable) -> Result<ArtifactGrant, ManifestError> {
        if table.media_types.get_ref().is_empty() {
            let problem = "media-types is empty, which grants nothing: name what is kept, or leave [artifacts] out";
            return Err(self.bad(table.media_types.span(), problem.to_owned()));
        }
        let media_type = |item: &Spanned<String>| {
            let text = item.get_ref();
            if is_media_type(text) {
                return Ok(text.clone());
            }
            let problem = format!("media type {text:?}: expected lower case without parameters, such as \"text/html\"");
            Err(self.bad(item.span(), problem))
        };
        let bytes = match &table.bytes {
            None => ARTIFACT_BYTES,
            Some(text) => {
                let size = units::size(text.get_ref()).filter(|size| (1..=MOST_ARTIFACT_BYTES).contains(size));
                let problem =
                    || format!("bytes {:?}: expected {SIZE}, 1B to {}MiB", text.get_ref(), MOST_ARTIFACT_BYTES >> 20);
                size.ok_or_else(|| self.bad(text.span(), problem()))?
            }
        };
        Ok(ArtifactGrant {
            media_types: table.media_types.get_ref().iter().map(media_type).collect::<Result<BTreeSet<_>, _>>()?,
            bytes,
            count: self.count("count", table.count.as_ref(), ARTIFACTS, MOST_ARTIFACTS)?,
        })
    }

    fn count(&self, key: &str, found: Option<&Spanned<u32>>, default: u32, most: u32) -> Result<u32, ManifestError> {
        match found {
            None => Ok(default),
            Some(found) if (1..=most).contains(found.get_ref()) => Ok(*found.get_ref()),
            Some(found) => Err(self.bad(found.span(), format!("{key} {}: expected 1 to {most}", found.get_ref()))),
        }
    }
}
