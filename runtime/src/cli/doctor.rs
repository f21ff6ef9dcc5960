//! `nexus doctor`: what is in force, what is missing, and what to do about it. Shows no secret and calls nobody.

use std::process::ExitCode;

use serde_json::json;

use super::call::print;
use super::exit::Exit;
use super::settings::{self, Settings};
use super::start::Started;
use super::unmatched::GivenNames;
use super::{Common, load, start};
use crate::call::Host;
use crate::manifest::Manifest;
use crate::names::CredentialName;
use crate::refusal::story;

struct Finding {
    good: bool,
    about: String,
    says: String,
}

pub(super) async fn run(common: &Common) -> Result<ExitCode, Exit> {
    let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
    let mut findings = vec![
        finding(
            "settings",
            match &settings.file {
                Some(file) => Ok(file.display().to_string()),
                None => Ok("no nexus.toml here: defaults are in force".into()),
            },
        ),
        finding(
            "mode",
            Ok(match settings.mock {
                true => "mock: requests are answered from mock data".into(),
                false => "live: requests leave for the real systems".into(),
            }),
        ),
        finding("listen", listen(&settings)),
    ];
    if !settings.mock {
        findings.push(finding("network", network(&settings)));
    }
    let (manifests, left_out) = load::manifests(&settings).unwrap_or_else(|exit| {
        findings.push(finding("shards", Err(exit.story().to_owned())));
        Default::default()
    });
    for left in left_out {
        let says = if left.disabled { Ok(left.reason) } else { Err(left.reason) };
        findings.push(finding(&format!("shard {}", left.name), says));
    }
    for manifest in &manifests {
        for (name, kind) in &manifest.credentials {
            let about = format!("credential {}/{name}", manifest.name);
            let missing = kind.settings().into_iter().filter_map(|name| match settings::secret(name) {
                Ok(Some(_)) => None,
                Ok(None) => Some(format!("{name} is not set; set it, or {name}_FILE")),
                Err(error) => Some(story(&error)),
            });
            let missing: Vec<_> = missing.collect();
            findings.push(finding(
                &about,
                match (settings.mock, missing.is_empty()) {
                    (true, _) => Ok("not needed in mock mode".into()),
                    (false, true) => Ok("secrets are there".into()),
                    (false, false) if leads_nowhere(manifest, name) => Ok("not needed: its server is not set".into()),
                    (false, false) => Err(missing.join("; ")),
                },
            ));
        }
    }
    // Loading everything also proves the ledger, the cache and the components.
    match start::host(settings, false, start::Wait::All).await {
        Ok(Started { ground, host, .. }) => {
            let settings = ground.settings();
            findings.push(finding("ledger", Ok(settings.ledger.display().to_string())));
            if host.keeps_artifacts() {
                findings.push(finding("reports", reports(&host, settings).await));
            }
            for shard in host.router().shards() {
                let says = format!("{} tools, component {:?}", shard.tools.len(), shard.origin);
                findings.push(finding(&format!("shard {}", shard.manifest.name), Ok(says)));
            }
            let unmatched = GivenNames::of(settings).unmatched(host.router());
            findings.extend(unmatched.into_iter().map(|name| finding(&name.key, name.says)));
            let named: Vec<_> = findings.iter().map(|finding| finding.about.clone()).collect();
            for left in host.router().left_out() {
                let about = format!("shard {}", left.name);
                if !named.contains(&about) {
                    findings.push(finding(&about, Err(left.reason.clone())));
                }
            }
            start::stop(&host).await;
        }
        Err(exit) => findings.push(finding("start", Err(exit.story().to_owned()))),
    }
    report(&findings, common.json).map_err(|error| Exit::failed("output", &error))?;
    let good = findings.iter().all(|finding| finding.good);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(Exit::CHECK) })
}

/// Whether the credential is for directories that stand nowhere: a manifest that can do without one says `.invalid` (RFC
/// 2606) where the operator gives no server.
fn leads_nowhere(manifest: &Manifest, credential: &CredentialName) -> bool {
    let is_nowhere = |host: String| host.ends_with(".invalid");
    let mut directories = manifest.directories.iter().filter(|grant| grant.credential == *credential).peekable();
    directories.peek().is_some() && directories.all(|grant| is_nowhere(grant.server.host.to_string()))
}

fn finding(about: &str, says: Result<String, String>) -> Finding {
    let good = says.is_ok();
    Finding { good, about: about.to_owned(), says: says.unwrap_or_else(|problem| problem) }
}

fn listen(settings: &Settings) -> Result<String, String> {
    let token = settings.http_token().map_err(|error| story(&error))?;
    let bind = settings.http.bind;
    match (bind.ip().is_loopback(), token.is_some()) {
        (true, false) => Ok(format!("{bind}, this machine only, no token")),
        (_, true) => Ok(format!("{bind}, bearer token needed")),
        (false, false) => Err(format!("{bind} is not loopback: set http.token-file")),
    }
}

/// Where reports are kept, and how many. The folder is made when the first is.
async fn reports(host: &Host, settings: &Settings) -> Result<String, String> {
    let folder = settings.reports.folder.display();
    let kept = host.artifacts().await.map_err(|fault| format!("{folder}: {fault}"))?;
    match (settings.reports.folder.is_dir(), settings.reports.folder.exists()) {
        (false, true) => Err(format!("{folder} is not a folder: reports cannot be kept there")),
        (_, _) => Ok(format!("{folder}, {} kept", kept.len())),
    }
}

fn network(settings: &Settings) -> Result<String, String> {
    settings.network_options().map_err(|error| story(&error))?;
    let pins: Vec<_> = settings.network.resolve.iter().map(|(name, to)| format!("{name} is at {to}")).collect();
    Ok(if pins.is_empty() { "names resolve as usual".into() } else { pins.join(", ") })
}

fn report(findings: &[Finding], json: bool) -> std::io::Result<()> {
    if json {
        let all = findings.iter().map(|f| json!({ "good": f.good, "about": f.about, "says": f.says }));
        return print(&serde_json::to_string_pretty(&all.collect::<Vec<_>>())?);
    }
    for Finding { good, about, says } in findings {
        print(&format!("{}  {about:<28} {says}", if *good { "ok " } else { "BAD" }))?;
    }
    Ok(())
}
