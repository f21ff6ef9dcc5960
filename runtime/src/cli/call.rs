//! `nexus call TOOL`

#![expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "the command line owns the terminal")]

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::settings::Settings;
use super::start::Started;
use super::{Common, start};
use crate::call::{Answer, Asked, ClientName, Good, Principal};
use crate::egress::{AnswerMemory, Crossed, Verdict};
use crate::tool::Content;

#[derive(Args)]
pub(super) struct Call {
    /// The tool's name; `nexus shards` lists them
    tool: String,
    /// Arguments as a JSON object; `-` reads them from standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    args: String,
    /// Run shards that nobody approved; the result and the ledger say so
    #[arg(long)]
    dev: bool,
}

impl Call {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        let arguments = self.arguments()?;
        let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
        let Started { ground, host, .. } = start::host(settings, self.dev, start::Wait::All).await?;
        let settings = ground.settings();
        let cancelled = CancellationToken::new();
        let on_signal = cancelled.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                on_signal.cancel();
            }
        });
        let started = Instant::now();
        let answer = host
            .call(Asked {
                tool: self.tool,
                arguments,
                principal: Principal::Local,
                client: Some(ClientName::new("nexus-call", env!("CARGO_PKG_VERSION"))),
                cancelled,
                progress: None,
                resumed: None,
                memory: AnswerMemory::default(),
                within: None,
            })
            .await;
        let elapsed = started.elapsed();
        let good = answer.result.is_ok();
        let told = if common.json {
            serde_json::to_string_pretty(&as_json(&answer)).map(|text| print(&text))
        } else {
            story(&answer, elapsed, settings);
            Ok(shown(&answer).map_or(Ok(()), |text| print(&text)))
        };
        start::stop(&host).await;
        told.map_err(std::io::Error::other)
            .and_then(|printed| printed)
            .map_err(|error| Exit::failed("output", &error))?;
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(Exit::TOOL) })
    }

    fn arguments(&self) -> Result<Value, Exit> {
        let mut text = self.args.clone();
        if text == "-" {
            text.clear();
            std::io::stdin().read_to_string(&mut text).map_err(|error| Exit::failed("standard input", &error))?;
        }
        match serde_json::from_str(&text) {
            Ok(Value::Object(arguments)) => Ok(Value::Object(arguments)),
            Ok(_) => Err(Exit::usage("--args is not a JSON object, such as '{\"limit\": 5}'")),
            Err(error) => Err(Exit::usage(format!("--args is not JSON: {error}"))),
        }
    }
}

/// A reader that goes away early is no fault.
pub(super) fn print(text: &str) -> std::io::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn shown(answer: &Answer) -> Option<String> {
    let Ok(Good::Done(done)) = &answer.result else { return None };
    if let Some(data) = &done.data {
        return serde_json::to_string_pretty(data).ok();
    }
    let texts = done.content.iter().map(|content| match content {
        Content::Text(text) => text.clone(),
        Content::Image(media) | Content::Audio(media) => format!("[{}, {} bytes]", media.media_type, media.data.len()),
        Content::Link { uri, .. } | Content::Embedded { uri, .. } => format!("[{uri}]"),
    });
    Some(texts.collect::<Vec<_>>().join("\n"))
}

/// What happened, for a person: how it ended, where the data is from, what left the sandbox, where it is on record.
fn story(answer: &Answer, elapsed: std::time::Duration, settings: &Settings) {
    let paint = Paint { on: std::io::stderr().is_terminal() };
    let ended = match &answer.result {
        Ok(Good::Done(done)) if done.complete => paint.good("complete"),
        Ok(Good::Done(_)) => paint.warn("incomplete"),
        Ok(Good::InputRequired(_)) => paint.warn("asks for input, which this command cannot give"),
        Err(fault) => paint.bad(fault.code()),
    };
    eprintln!("{}  {ended}  in {} ms", answer.tool, elapsed.as_millis());
    eprintln!("source    {}, as of {}", answer.source.as_str(), answer.as_of);
    if answer.dev {
        eprintln!("approved  {}", paint.warn("by nobody: --dev"));
    }
    if let Err(fault) = &answer.result {
        eprintln!("reason    {fault}");
    }
    if let Ok(Good::Done(done)) = &answer.result {
        for note in &done.notes {
            eprintln!("note      {note}");
        }
    }
    if answer.crossings.is_empty() {
        eprintln!("crossings none: nothing left the sandbox");
    }
    for crossed in &answer.crossings {
        eprintln!("crossing  {}", crossing(crossed, &paint));
    }
    if answer.memory > 0 {
        eprintln!("guest     {:.1} MiB of memory at most", answer.memory as f64 / f64::from(1 << 20));
    }
    match &answer.position {
        Some(position) => {
            eprintln!("record    event {}, line {} of {}", position.event_id, position.seq, settings.ledger.display())
        }
        None => eprintln!("record    {}", paint.bad("none: the ledger cannot be written")),
    }
    eprintln!();
}

fn crossing(crossed: &Crossed, paint: &Paint) -> String {
    let destination = crossed.destination.as_deref().unwrap_or("(unreadable request)");
    let credential = crossed.credential.as_ref().map(|name| format!("  credential {name}")).unwrap_or_default();
    let millis = crossed.elapsed.as_secs_f64() * 1000.0;
    match &crossed.verdict {
        Verdict::Released { status, bytes, redactions } => {
            let redacted = if *redactions == 0 { String::new() } else { format!(", {redactions} redactions") };
            let verdict = paint.good("released");
            format!("{destination}{credential}  {verdict}: {status}, {bytes} bytes{redacted}, {millis:.1} ms")
        }
        Verdict::Found { entries, bytes, redactions } => {
            let redacted = if *redactions == 0 { String::new() } else { format!(", {redactions} redactions") };
            let verdict = paint.good("released");
            format!("{destination}{credential}  {verdict}: {entries} entries, {bytes} bytes{redacted}, {millis:.1} ms")
        }
        Verdict::Answered { bytes, complete } => {
            let verdict = if *complete { paint.good("done") } else { paint.warn("incomplete") };
            format!("{destination}  {verdict}: {bytes} bytes, {millis:.1} ms")
        }
        Verdict::Failed { code } => format!("{destination}  {}: {code}, {millis:.1} ms", paint.bad("failed")),
        Verdict::Refused { code, suggestion } => {
            let suggestion = suggestion
                .as_ref()
                .map(|lines| format!("\nthe manifest would have to say:\n{lines}"))
                .unwrap_or_default();
            format!("{destination}  {}: {}{suggestion}", paint.bad("refused"), code.as_str())
        }
    }
}

fn as_json(answer: &Answer) -> Value {
    let crossings = answer.crossings.iter().map(|crossed| {
        let verdict = match &crossed.verdict {
            Verdict::Released { status, bytes, redactions } => {
                json!({ "released": { "status": status, "bytes": bytes, "redactions": redactions } })
            }
            Verdict::Found { entries, bytes, redactions } => {
                json!({ "found": { "entries": entries, "bytes": bytes, "redactions": redactions } })
            }
            Verdict::Answered { bytes, complete } => json!({ "answered": { "bytes": bytes, "complete": complete } }),
            Verdict::Failed { code } => json!({ "failed": { "code": code } }),
            Verdict::Refused { code, suggestion } => {
                json!({ "refused": { "code": code.as_str(), "suggestion": suggestion } })
            }
        };
        json!({
            "destination": crossed.destination,
            "credential": crossed.credential,
            "verdict": verdict,
            "elapsed_ms": crossed.elapsed.as_secs_f64() * 1000.0,
        })
    });
    let mut shown = json!({
        "tool": answer.tool,
        "source": answer.source.as_str(),
        "as_of": answer.as_of,
        "event_id": answer.position.map(|position| position.event_id.to_string()),
        "ledger_position": answer.position.map(|position| position.seq),
        "dev": answer.dev,
        "guest_memory_bytes": answer.memory,
        "crossings": crossings.collect::<Vec<_>>(),
    });
    let result = match &answer.result {
        Ok(Good::Done(done)) => json!({
            "complete": done.complete,
            "notes": done.notes,
            "data": done.data,
            "content": super::call::shown(answer).filter(|_| done.data.is_none()),
        }),
        Ok(Good::InputRequired(asked)) => {
            json!({ "input_required": asked.questions.iter().map(|question| &question.message).collect::<Vec<_>>() })
        }
        Err(fault) => json!({ "error": { "code": fault.code(), "message": fault.to_string() } }),
    };
    if let (Value::Object(shown), Value::Object(result)) = (&mut shown, result) {
        shown.extend(result);
    }
    shown
}

/// Colour, where there is a terminal to show it.
struct Paint {
    on: bool,
}

impl Paint {
    fn with(&self, code: u8, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn good(&self, text: &str) -> String {
        self.with(32, text)
    }

    fn warn(&self, text: &str) -> String {
        self.with(33, text)
    }

    fn bad(&self, text: &str) -> String {
        self.with(31, text)
    }
}
