//! `nexus redact`: what redaction does to a text, for whoever reviews or doubts it.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::exit::Exit;
use super::settings::Settings;
use super::{Common, load, start};
use crate::redact::{self, Redactions, Scrubber};

/// Bytes that are read at most: as many as the largest body that the host takes.
const MOST: u64 = 64 << 20;

/// Redact standard input as the host redacts what leaves it, and write it to standard output
#[derive(Args)]
pub(super) struct Redact {
    /// Say on standard error what went, by which rule, at which path of the JSON
    #[arg(long)]
    explain: bool,
}

impl Redact {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Exit> {
        let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
        let scrubber = scrubber(&settings)?;
        let mut text = Vec::new();
        let failed = |error: io::Error| Exit::failed("standard input", &error);
        io::stdin().take(MOST + 1).read_to_end(&mut text).map_err(failed)?;
        if text.len() as u64 > MOST {
            return Err(Exit::usage(format!("standard input is longer than {} MiB", MOST >> 20)));
        }
        let clean = scrubber.bytes(&text);
        let failed = |error: io::Error| Exit::failed("output", &error);
        io::stdout().write_all(&clean.value).and_then(|()| io::stdout().flush()).map_err(failed)?;
        if self.explain {
            let told = explained(&clean.redactions, settings.mock, common.json);
            writeln!(io::stderr(), "{told}").map_err(failed)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// With every secret that the shards' credentials are made of, where there are any: in mock mode no secret is read.
fn scrubber(settings: &Settings) -> Result<Scrubber, Exit> {
    let (manifests, _) = load::manifests(settings)?;
    let mut secrets = Vec::new();
    for manifest in &manifests {
        let vault = start::vault(settings, manifest).map_err(|error| Exit::settings(&error))?;
        secrets.extend(vault.values());
    }
    Ok(Scrubber::new(secrets.iter().map(|secret| &**secret)))
}

fn explained(redactions: &Redactions, mock: bool, json: bool) -> String {
    let pack = redact::rule_pack();
    if json {
        let all =
            redactions.iter().map(|(rule, path, count)| json!({ "rule": rule.as_str(), "path": path, "count": count }));
        let rules = json!({ "id": pack.id, "digest": pack.digest });
        return json!({ "redactions": all.collect::<Value>(), "needles": !mock, "rules": rules }).to_string();
    }
    let mut lines: Vec<_> = redactions
        .iter()
        .map(|(rule, path, count)| {
            let path = if path.is_empty() { "(text)" } else { path };
            format!("{count:>6}  {:<14} {path}", rule.as_str())
        })
        .collect();
    if lines.is_empty() {
        lines.push("nothing was taken out".to_owned());
    }
    lines.push(format!("rules {} sha256:{}", pack.id, pack.digest));
    if mock {
        lines.push("no secret was looked for by its value: mock mode holds none (--live does)".to_owned());
    }
    lines.join("\n")
}
