//! Across shards: which tools together bring personal data, text that others wrote, and a way to write outside into one
//! conversation. Each may be harmless alone; together a text can have a model carry the data out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::authority::Authority;
use crate::names::{ShardName, ToolName};

/// What a tool brings into a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Its results tell of persons.
    PersonalData,
    /// Its results hold text from another system, which anybody may have written.
    UntrustedText,
    /// It may send what changes something outside.
    OutboundWrite,
}

/// The fewest tools that bring all three together, ending in one that writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Join {
    pub path: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub shard: ShardName,
    pub tool: ToolName,
    pub brings: BTreeSet<Part>,
    /// The tool that writes can call it by itself ([peers]); otherwise whoever calls both carries it over.
    pub as_peer: bool,
}

struct Candidate<'a> {
    shard: &'a ShardName,
    tool: &'a ToolName,
    brings: BTreeSet<Part>,
    authority: &'a Authority,
}

/// A path for each tool that writes and can be joined with the rest, the shortest first.
pub fn joins(shards: &BTreeMap<ShardName, Authority>) -> Vec<Join> {
    let all: Vec<Candidate<'_>> = shards
        .iter()
        .flat_map(|(shard, authority)| {
            authority.tool.keys().map(move |tool| Candidate { shard, tool, brings: parts(authority, tool), authority })
        })
        .collect();
    let sinks = all.iter().filter(|candidate| candidate.brings.contains(&Part::OutboundWrite));
    let mut joins: Vec<Join> = sinks.filter_map(|sink| shortest(sink, &all)).collect();
    joins.sort_by_key(|join| join.path.len());
    joins
}

fn parts(authority: &Authority, tool: &ToolName) -> BTreeSet<Part> {
    let mut parts = BTreeSet::new();
    if authority.tool.get(tool).is_some_and(|pinned| !pinned.sees.is_empty()) {
        parts.insert(Part::PersonalData);
    }
    let searches = authority.directory.iter().any(|grant| grant.serves(tool));
    if searches || authority.peers.is_some() || authority.egress.iter().any(|grant| grant.serves(tool)) {
        parts.insert(Part::UntrustedText);
    }
    if authority.egress.iter().any(|grant| grant.is_write() && grant.serves(tool)) {
        parts.insert(Part::OutboundWrite);
    }
    parts
}

fn shortest(sink: &Candidate<'_>, all: &[Candidate<'_>]) -> Option<Join> {
    const WANTED: [Part; 3] = [Part::PersonalData, Part::UntrustedText, Part::OutboundWrite];
    let missing: BTreeSet<Part> = WANTED.into_iter().filter(|part| !sink.brings.contains(part)).collect();
    let is_peer =
        |other: &Candidate<'_>| sink.authority.peers.as_ref().is_some_and(|peers| peers.tools.contains(other.tool));
    let step = |of: &Candidate<'_>| Step {
        shard: of.shard.clone(),
        tool: of.tool.clone(),
        brings: of.brings.clone(),
        as_peer: is_peer(of),
    };
    // What the sink reaches by itself comes first, then its own shard's tools.
    let mut others: Vec<&Candidate<'_>> = all.iter().filter(|other| other.tool != sink.tool).collect();
    others.sort_by_key(|other| (!is_peer(other), other.shard != sink.shard));
    let with = |more: &[&Candidate<'_>]| Join { path: more.iter().copied().chain([sink]).map(step).collect() };
    if missing.is_empty() {
        return Some(with(&[]));
    }
    if let Some(one) = others.iter().find(|other| missing.is_subset(&other.brings)) {
        return Some(with(&[one]));
    }
    let of = |part: Part| others.iter().copied().find(|other| other.brings.contains(&part));
    let several: Option<Vec<_>> = missing.into_iter().map(of).collect();
    several.map(|several| with(&several))
}
