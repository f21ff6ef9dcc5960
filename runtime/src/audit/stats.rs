//! What a ledger amounts to, and what in it fits a question. Both stream: a ledger of any size takes the memory of what is
//! told. What cannot be read is counted and hides nothing after it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::line::{Kind, Phase};
use super::read::{self, Count, Line, ReadError, Record};
use super::value::EventId;

const TOP_TOOLS: usize = 10;
const RECENT_ERRORS: usize = 10;

/// Counts over a whole ledger. An entry is a call that has ended, or was refused before it became one; what left during a
/// call is counted apart.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Stats {
    pub total_entries: u64,
    /// By `status`: `success`, `refused`, `error`, `abandoned`.
    pub status_breakdown: BTreeMap<String, u64>,
    pub shard_breakdown: BTreeMap<String, u64>,
    pub action_category_breakdown: BTreeMap<String, u64>,
    /// The most called, the first first.
    pub top_10_tools: Vec<(String, u64)>,
    /// Entries that did not succeed.
    pub error_count: u64,
    /// The newest of them, oldest first.
    pub recent_errors: Vec<RecentError>,
    pub mock_mode_calls: u64,
    /// What left a sandbox or asked to, by kind, those included that were refused and only counted.
    pub crossing_breakdown: BTreeMap<&'static str, u64>,
    /// Crossings that the host refused, by code, those included that were only counted.
    pub refusal_breakdown: BTreeMap<String, u64>,
    /// Calls and crossings without an ending: under way, or left by a crash.
    pub open_entries: u64,
    pub total_lines: u64,
    pub unreadable_lines: u64,
    /// Of the oldest and the newest line, as they say.
    pub first_at: Option<String>,
    pub last_at: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct RecentError {
    pub timestamp: String,
    pub event_id: Option<EventId>,
    pub tool: Option<String>,
    pub status: String,
    /// A code.
    pub error: Option<String>,
}

/// What lines must be like. What is not said is not asked for.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub kind: Option<Kind>,
    pub tool: Option<String>,
    pub shard: Option<String>,
    pub principal: Option<String>,
    /// The status, of lines that have one.
    pub outcome: Option<String>,
    /// The host, in any case.
    pub destination: Option<String>,
    /// A pseudonym, of a person that the arguments named.
    pub subject: Option<String>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}

/// What was found, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub records: Vec<Record>,
    /// How many lines fit, those included that are not in `records`.
    pub total: u64,
    pub unreadable: u64,
}

/// Reads the whole ledger.
pub fn stats(path: &Path) -> Result<Stats, ReadError> {
    let mut stats = Stats::default();
    let mut tools: BTreeMap<String, u64> = BTreeMap::new();
    let mut errors = VecDeque::new();
    let mut open: HashSet<EventId> = HashSet::new();
    for record in read::lines(path)? {
        stats.total_lines += 1;
        let Some(Record { line, .. }) = read::readable(record)? else {
            stats.unreadable_lines += 1;
            continue;
        };
        stats.first_at.get_or_insert_with(|| line.timestamp.clone());
        stats.last_at = Some(line.timestamp.clone());
        match (line.phase, line.event_id) {
            (Some(Phase::Asked), Some(id)) => drop(open.insert(id)),
            (Some(Phase::Ended | Phase::Abandoned), Some(id)) => drop(open.remove(&id)),
            (_, _) => {}
        }
        match line.kind {
            Some(Kind::Call) if line.phase != Some(Phase::Asked) => stats.entry(line, &mut tools, &mut errors),
            Some(Kind::RefusedAgain) => {
                for again in line.refusals {
                    stats.crossed(again.kind, again.count);
                    stats.refused(again.refusal, again.count);
                }
            }
            Some(kind) if line.phase == Some(Phase::Asked) => stats.crossed(Some(kind), 1),
            Some(kind) if crossing(kind).is_some() => {
                if let Some(code) = line.refusal {
                    stats.refused(code, 1);
                }
            }
            Some(_) | None => {}
        }
    }
    stats.open_entries = open.len() as u64;
    let mut top: Vec<_> = tools.into_iter().collect();
    top.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    top.truncate(TOP_TOOLS);
    stats.top_10_tools = top;
    stats.recent_errors = errors.into();
    Ok(stats)
}

impl Stats {
    fn crossed(&mut self, kind: Option<Kind>, count: u64) {
        if let Some(kind) = kind.and_then(crossing) {
            add(self.crossing_breakdown.entry(kind).or_default(), count);
        }
    }

    fn refused(&mut self, code: String, count: u64) {
        add(self.refusal_breakdown.entry(code).or_default(), count);
    }

    fn entry(&mut self, line: Line, tools: &mut BTreeMap<String, u64>, errors: &mut VecDeque<RecentError>) {
        let count = |counts: &mut BTreeMap<String, u64>, key: &Option<String>| {
            *counts.entry(key.clone().unwrap_or_else(|| "unknown".to_owned())).or_default() += 1;
        };
        self.total_entries += 1;
        self.mock_mode_calls += u64::from(line.mock_mode == Some(true));
        count(&mut self.status_breakdown, &line.status);
        count(&mut self.shard_breakdown, &line.shard);
        count(&mut self.action_category_breakdown, &line.action_category);
        count(tools, &line.tool);
        let status = line.status.unwrap_or_else(|| "unknown".to_owned());
        if status != "success" {
            self.error_count += 1;
            if errors.len() == RECENT_ERRORS {
                errors.pop_front();
            }
            let error = line.refusal.or(line.error_type);
            errors.push_back(RecentError {
                timestamp: line.timestamp,
                event_id: line.event_id,
                tool: line.tool,
                status,
                error,
            });
        }
    }
}

/// A ledger is read as it stands, also one that somebody filled with the largest numbers.
fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}

fn crossing(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Egress => Some("egress"),
        Kind::Directory => Some("directory"),
        Kind::Peer => Some("peer"),
        Kind::Artifact => Some("artifact"),
        Kind::Token => Some("token"),
        Kind::Call
        | Kind::LogSuppressed
        | Kind::RefusedAgain
        | Kind::Admin
        | Kind::Checkpoint
        | Kind::Start
        | Kind::Stop => None,
    }
}

/// The newest lines that fit, as many as are asked for.
pub fn search(path: &Path, query: &Query, count: Count) -> Result<Found, ReadError> {
    let mut found = Found::default();
    let mut newest = VecDeque::new();
    for record in read::lines(path)? {
        match read::readable(record)? {
            Some(record) if query.fits(&record.line) => {
                found.total += 1;
                if newest.len() == count.get() {
                    newest.pop_front();
                }
                newest.push_back(record);
            }
            Some(_) => {}
            None => found.unreadable += 1,
        }
    }
    found.records = newest.into();
    Ok(found)
}

impl Query {
    pub(super) fn fits(&self, line: &Line) -> bool {
        let is = |asked: &Option<String>, found: &Option<String>| asked.is_none() || asked == found;
        let host = line.destination.as_ref().map(|to| to.host.as_str());
        let goes_there = |asked: &String| host.is_some_and(|host| host.eq_ignore_ascii_case(asked));
        self.kind.is_none_or(|kind| line.kind == Some(kind))
            && is(&self.tool, &line.tool)
            && is(&self.shard, &line.shard)
            && is(&self.principal, &line.principal)
            && is(&self.outcome, &line.status)
            && self.destination.as_ref().is_none_or(goes_there)
            && self.subject.as_ref().is_none_or(|subject| line.subjects.contains(subject))
            && self.is_then(&line.timestamp)
    }

    /// A line whose time cannot be read is in no span of time.
    fn is_then(&self, timestamp: &str) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Ok(at) = timestamp.parse::<Timestamp>() else { return false };
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }
}
