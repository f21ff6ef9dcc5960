//! `nexus audit`: reads the record. A reader never changes it.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::Common;
use super::call::print;
use super::exit::Exit;
use super::settings::Settings;
use crate::audit::Phase;
use crate::audit::read::{self, Count, Line, ReadError, VerifyError};

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Show the last lines
    Tail {
        /// How many, 1 to 500
        #[arg(short, long, default_value_t = 20, allow_negative_numbers = true)]
        n: i64,
        /// Only entries that have no ending: under way, or left by a crash
        #[arg(long)]
        open: bool,
    },
    /// Check that no line was changed, removed or moved, and name the first that was
    Verify,
}

impl Audit {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
        let (file, json) = (settings.ledger.as_path(), common.json);
        match self {
            Self::Tail { open: true, .. } => open(file, json),
            Self::Tail { n, open: false } => {
                tail(file, Count::new(n).map_err(|error| Exit::usage(error.to_string()))?, json)
            }
            Self::Verify => verify(file, json),
        }
    }
}

fn tail(file: &Path, count: Count, json: bool) -> Result<ExitCode, Exit> {
    let lines = read::tail(file, count).map_err(|error| unreadable(file, &error))?;
    let mut whole = true;
    for line in lines {
        match line {
            Ok(record) => show(&record.raw, &record.line, json)?,
            Err(error) => {
                whole = false;
                print(&format!("unreadable: {error}")).map_err(|error| Exit::failed("output", &error))?;
            }
        }
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(Exit::CHECK) })
}

fn open(file: &Path, json: bool) -> Result<ExitCode, Exit> {
    for record in read::open_entries(file).map_err(|error| unreadable(file, &error))? {
        show(&record.raw, &record.line, json)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(file: &Path, json: bool) -> Result<ExitCode, Exit> {
    let (code, text) = match read::verify_chain(file) {
        Ok(chain) if json => {
            let head = chain.head.to_string();
            (0, json!({ "whole": true, "lines": chain.lines, "head": head, "torn_bytes": chain.torn }).to_string())
        }
        Ok(chain) => (0, format!("{} lines, each chained to the one before; head {}", chain.lines, chain.head)),
        Err(VerifyError::Broken { line, offset, source }) => {
            let what = source.to_string();
            let text = json!({ "whole": false, "line": line, "byte": offset, "what": what }).to_string();
            (Exit::CHECK, if json { text } else { format!("line {line} (byte {offset}): {what}") })
        }
        Err(VerifyError::Read(error)) => return Err(unreadable(file, &error)),
    };
    print(&text).map_err(|error| Exit::failed("output", &error))?;
    Ok(ExitCode::from(code))
}

fn unreadable(file: &Path, error: &ReadError) -> Exit {
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
    words.extend(line.upstream_status.map(|status| format!("upstream={status}")));
    words.extend(line.rows.map(|rows| format!("rows={rows}")));
    words.extend(line.complete.filter(|complete| !complete).map(|_| "incomplete".to_owned()));
    words.extend(line.mock_mode.filter(|mock| *mock).map(|_| "mock".to_owned()));
    words.extend(line.latency_ms.map(|ms| format!("{ms:.1}ms")));
    words.join("  ")
}
