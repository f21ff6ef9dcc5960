//! `nexus audit`: reads the record. A reader never changes it.

use std::io::{BufWriter, ErrorKind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::Common;
use super::call::print;
use super::exit::Exit;
use super::settings::Settings;
use super::{evidence, persons};
use crate::audit::export::{self, ExportError, Format};
use crate::audit::read::{self, Count, Line, ReadError, Record};
use crate::audit::readings::{self, Reader};
use crate::audit::stats::{self, Query, Stats};
use crate::audit::{Kind, Phase};
use crate::redact::Pseudonym;

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Show the last lines
    Tail {
        /// How many, 1 to 500
        #[arg(short, long, default_value_t = 20, allow_negative_numbers = true)]
        n: i64,
        /// Only entries that have no ending: under way, or left by a crash
        #[arg(long, conflicts_with = "follow")]
        open: bool,
        /// Go on with each line as it is written, until interrupted
        #[arg(short, long)]
        follow: bool,
    },
    /// Count calls by status, shard and tool, what left the sandboxes, and what has no ending
    Stats,
    /// Show the newest lines that fit all of what is asked
    Search(Search),
    /// Write the record in a form that others read; a copy for reading, which proves nothing
    Export(Export),
    Verify(evidence::Verify),
    Prove(evidence::Prove),
    /// Show the pseudonym of a person in the ledger; takes the key
    Pseudonym {
        /// A name, an address or a number, as a tool's argument has it
        value: String,
    },
    VerifyProof(evidence::VerifyProof),
}

#[derive(Args)]
pub(super) struct Export {
    /// v1: the earlier system's lines, one per call. ocsf: API Activity of OCSF 1.3. csv: a row per call, crossing and note
    #[arg(long, value_name = "FORM", value_parser = ["v1", "ocsf", "csv"])]
    schema: String,
    /// From this time on: 2026-11-24T09:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

#[derive(Args)]
pub(super) struct Search {
    /// How many, 1 to 500
    #[arg(short, long, default_value_t = 20, allow_negative_numbers = true)]
    n: i64,
    /// Of this kind: call, egress, directory, peer, artifact, token, admin, start, stop, log-suppressed, refused-again
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Of this tool
    #[arg(long)]
    tool: Option<String>,
    /// Of this shard
    #[arg(long)]
    shard: Option<String>,
    /// Of this principal: local-user, loopback, token
    #[arg(long)]
    principal: Option<String>,
    /// That ended so
    #[arg(long, value_parser = ["success", "refused", "error", "abandoned"])]
    outcome: Option<String>,
    /// Whose arguments name this person: a name or an address as it was given, which takes the key, or a pseudonym
    #[arg(long, value_name = "PERSON")]
    subject: Option<String>,
    /// That went to this host
    #[arg(long, value_name = "HOST")]
    destination: Option<String>,
    /// From this time on: 2026-11-24T09:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

/// As the ledger spells it.
fn kind(text: &str) -> Result<Kind, String> {
    serde_json::from_value(json!(text)).map_err(|_| "there is no such kind of line: see --help".to_owned())
}

/// How often a file that is followed is looked at.
const FOLLOW: Duration = Duration::from_millis(250);

impl Audit {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
        let (file, json) = (settings.ledger.as_path(), common.json);
        self.leave(file);
        match self {
            Self::Tail { open: true, .. } => open(file, json),
            Self::Tail { n, open: false, follow: true } => follow(file, count(n)?, json).await,
            Self::Tail { n, open: false, follow: false } => tail(file, count(n)?, json),
            Self::Stats => counts(file, json),
            Self::Search(search) => find(&settings, search, json),
            Self::Pseudonym { value } => {
                let pseudonym = pseudonym(&settings, &value)?;
                let text = if json { json!({ "pseudonym": pseudonym }).to_string() } else { pseudonym };
                print(&text).map_err(|error| Exit::failed("output", &error)).map(|()| ExitCode::SUCCESS)
            }
            Self::Export(export) => write_out(file, &export),
            Self::Verify(verify) => verify.run(file, json),
            Self::Prove(prove) => prove.run(file, json),
            Self::VerifyProof(verify) => verify.run(json),
        }
    }

    /// Puts the reading on record. A ledger whose folder cannot be written to is still read, or nobody could look into what is
    /// wrong with it.
    fn leave(&self, file: &Path) {
        let reader = match self {
            Self::Tail { .. } => Reader::Tail,
            Self::Stats => Reader::Stats,
            Self::Search(_) => Reader::Search,
            Self::Export(_) => Reader::Export,
            Self::Verify(_) => Reader::Verify,
            Self::Prove(_) => Reader::Prove,
            // Read no ledger.
            Self::VerifyProof(_) | Self::Pseudonym { .. } => return,
        };
        if let Err(error) = readings::leave(file, reader) {
            tracing::warn!(%error, "this reading is not on record");
        }
    }
}

fn count(n: i64) -> Result<Count, Exit> {
    Count::new(n).map_err(|error| Exit::usage(error.to_string()))
}

/// The last lines, and then those that come, until the operator has seen enough. A file that is gone, or is another one, ends
/// it: what came between is not known.
async fn follow(file: &Path, count: Count, json: bool) -> Result<ExitCode, Exit> {
    // One for all of it: nobody would hear a signal between two waits.
    let mut enough = signal(SignalKind::interrupt()).map_err(|error| Exit::failed("signals", &error))?;
    let (last, mut lines) = read::Following::from(file, count).map_err(|error| unreadable(file, &error))?;
    for line in last {
        told(line, json)?;
    }
    loop {
        for line in lines.more().map_err(|error| unreadable(file, &error))? {
            told(line, json)?;
        }
        tokio::select! {
            () = tokio::time::sleep(FOLLOW) => {}
            _ = enough.recv() => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn counts(file: &Path, json: bool) -> Result<ExitCode, Exit> {
    let stats = stats::stats(file).map_err(|error| unreadable(file, &error))?;
    let text = if json { serde_json::to_string_pretty(&stats).unwrap_or_default() } else { counted(&stats) };
    print(&text).map_err(|error| Exit::failed("output", &error))?;
    Ok(if stats.unreadable_lines == 0 { ExitCode::SUCCESS } else { ExitCode::from(Exit::CHECK) })
}

/// The counts as a table, for a person.
fn counted(stats: &Stats) -> String {
    let mut rows = vec![
        ("calls".to_owned(), stats.total_entries),
        ("of mock data".to_owned(), stats.mock_mode_calls),
        ("not successful".to_owned(), stats.error_count),
    ];
    let groups = [
        ("status", &stats.status_breakdown),
        ("shard", &stats.shard_breakdown),
        ("category", &stats.action_category_breakdown),
    ];
    for (group, counts) in groups {
        rows.extend(counts.iter().map(|(name, count)| (format!("{group} {name}"), *count)));
    }
    rows.extend(stats.top_10_tools.iter().map(|(name, count)| (format!("tool {name}"), *count)));
    rows.extend(stats.crossing_breakdown.iter().map(|(name, count)| (format!("asked by {name}"), *count)));
    rows.extend(stats.refusal_breakdown.iter().map(|(code, count)| (format!("refused {code}"), *count)));
    rows.push(("without an ending".to_owned(), stats.open_entries));
    rows.push(("lines".to_owned(), stats.total_lines));
    rows.push(("unreadable lines".to_owned(), stats.unreadable_lines));
    let mut text: Vec<_> = rows.iter().map(|(name, count)| format!("{count:>10}  {name}")).collect();
    if let (Some(first), Some(last)) = (&stats.first_at, &stats.last_at) {
        text.push(format!("from {first} to {last}"));
    }
    text.join("\n")
}

#[expect(clippy::disallowed_macros, reason = "standard error is for what a person should know beside the lines")]
fn find(settings: &Settings, search: Search, json: bool) -> Result<ExitCode, Exit> {
    let file = settings.ledger.as_path();
    let Search { n, kind, tool, shard, principal, outcome, subject, destination, since, until } = search;
    let subject = subject.map(|subject| pseudonym(settings, &subject)).transpose()?;
    let query = Query { kind, tool, shard, principal, outcome, destination, subject, since, until };
    let found = stats::search(file, &query, count(n)?).map_err(|error| unreadable(file, &error))?;
    for record in &found.records {
        show(&record.raw, &record.line, json)?;
    }
    let shown = found.records.len() as u64;
    if shown < found.total {
        eprintln!("{} older lines fit as well: ask for more with -n, or for a shorter time", found.total - shown);
    }
    if found.unreadable > 0 {
        eprintln!("{} lines cannot be read, and may fit: see nexus audit verify", found.unreadable);
        return Ok(ExitCode::from(Exit::CHECK));
    }
    Ok(ExitCode::SUCCESS)
}

/// Of a person, or as it was given.
fn pseudonym(settings: &Settings, person: &str) -> Result<String, Exit> {
    if let Ok(given) = person.parse::<Pseudonym>() {
        return Ok(given.to_string());
    }
    let path = persons::file(settings);
    match persons::load(&path)? {
        Some(key) => Ok(key.of(person).to_string()),
        None => Err(Exit::usage(format!("there is no key at {}: give a pseudonym (p_...) instead", path.display()))),
    }
}

/// To standard output. How much it was, and what could not be read, is for standard error.
#[expect(clippy::disallowed_macros, reason = "standard error is for what a person should know beside the records")]
fn write_out(file: &Path, asked: &Export) -> Result<ExitCode, Exit> {
    let format = match asked.schema.as_str() {
        "v1" => Format::V1,
        "ocsf" => Format::Ocsf,
        _ => Format::Csv,
    };
    let query = Query { since: asked.since, until: asked.until, ..Query::default() };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let exported = match export::export(file, format, &query, &mut out) {
        Ok(exported) => exported,
        Err(ExportError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        Err(ExportError::Write(error)) => return Err(Exit::failed("output", &error)),
        Err(ExportError::Read(error)) => return Err(unreadable(file, &error)),
    };
    eprintln!("{} records", exported.records);
    if exported.unreadable > 0 {
        eprintln!("{} lines cannot be read and are left out: see nexus audit verify", exported.unreadable);
        return Ok(ExitCode::from(Exit::CHECK));
    }
    Ok(ExitCode::SUCCESS)
}

fn tail(file: &Path, count: Count, json: bool) -> Result<ExitCode, Exit> {
    let lines = read::tail(file, count).map_err(|error| unreadable(file, &error))?;
    let mut whole = true;
    for line in lines {
        whole &= told(line, json)?;
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(Exit::CHECK) })
}

/// Shows a line, or that it cannot be read; says whether it could.
fn told(line: Result<Record, ReadError>, json: bool) -> Result<bool, Exit> {
    match line {
        Ok(record) => show(&record.raw, &record.line, json).map(|()| true),
        Err(error) => {
            print(&format!("unreadable: {error}")).map_err(|error| Exit::failed("output", &error))?;
            Ok(false)
        }
    }
}

fn open(file: &Path, json: bool) -> Result<ExitCode, Exit> {
    for record in read::open_entries(file).map_err(|error| unreadable(file, &error))? {
        show(&record.raw, &record.line, json)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn unreadable(file: &Path, error: &ReadError) -> Exit {
    Exit::failed(&format!("ledger {}", file.display()), error)
}

fn show(raw: &[u8], line: &Line, json: bool) -> Result<(), Exit> {
    let text = if json { String::from_utf8_lossy(raw).into_owned() } else { words(line) };
    print(&text).map_err(|error| Exit::failed("output", &error))
}

/// One line for a person: when, what, who, where, and how it ended.
fn words(line: &Line) -> String {
    let mut words = vec![format!("{:>6}", line.seq), line.timestamp.clone()];
    let phase = match line.phase {
        Some(Phase::Asked) => "asked",
        Some(Phase::Ended) => "ended",
        Some(Phase::Abandoned) => "abandoned",
        None => "",
    };
    let kind = line.kind.and_then(|kind| serde_json::to_value(kind).ok());
    words.push(format!("{:<10} {phase:<9}", kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("?")));
    words.extend([&line.shard, &line.tool].into_iter().flatten().cloned());
    if let Some(to) = &line.destination {
        let template = to.template.as_deref().unwrap_or("");
        words.push(format!("{} {}://{}{template}", to.method, to.scheme, to.host));
    }
    words.extend(line.credential.iter().map(|name| format!("credential={name}")));
    words.extend(line.status.iter().cloned());
    words.extend([&line.refusal, &line.error_type, &line.code].into_iter().flatten().cloned());
    words.extend(line.refusals.iter().map(|again| {
        let kind = again.kind.and_then(|kind| serde_json::to_value(kind).ok());
        let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("?");
        format!("{kind}/{}={}", again.refusal, again.count)
    }));
    words.extend(line.upstream_status.map(|status| format!("upstream={status}")));
    words.extend(line.rows.map(|rows| format!("rows={rows}")));
    words.extend(line.complete.filter(|complete| !complete).map(|_| "incomplete".to_owned()));
    words.extend(line.mock_mode.filter(|mock| *mock).map(|_| "mock".to_owned()));
    words.extend(line.latency_ms.map(|ms| format!("{ms:.1}ms")));
    words.join("  ")
}
