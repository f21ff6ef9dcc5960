//! `nexus review`: what each shard may do, and what it can newly do.

#![expect(
    clippy::disallowed_methods,
    reason = "manifests are shown with their lines, and git is asked for an earlier lock"
)]

mod html;
mod least;
mod markdown;
mod sarif;
pub(super) mod text;
pub(super) mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::approved::Approved;
use super::call::print;
use super::exit::Exit;
use super::settings::Settings;
use super::{Common, start};
use crate::lock::{Approval, Authority, Code, Finding, Join, Lock, Remark, Signers, joins, remarks, token};
use crate::names::ShardName;
use crate::refusal::story;
use crate::router::LeftOut;

/// Say what each shard may do, and what it can do that nobody approved
///
/// Exit codes: 0 nothing new, 1 findings, 2 it cannot be told (a shard that cannot be loaded, settings that are wrong).
#[derive(Args)]
pub(super) struct ReviewArgs {
    /// Shards to review [default: all]
    shards: Vec<ShardName>,
    /// How to say it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Compare with the lock of this git revision instead of the one here, as for a pull request
    #[arg(long, value_name = "REV")]
    against: Option<String>,
    /// Say instead what the ledger shows was never used, and propose a narrower manifest
    #[arg(long, conflicts_with_all = ["against", "explain"])]
    from_ledger: bool,
    /// Explain a finding's code
    #[arg(long, value_name = "CODE", exclusive = true)]
    explain: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
    /// For a pull request
    Markdown,
    /// For code scanning
    Sarif,
    /// One page, for a ticket
    Html,
}

/// What was found, for whatever way of saying it.
#[derive(Serialize)]
pub(super) struct Review {
    pub shards: Vec<Reviewed>,
    /// Shards of which nothing can be told, and why.
    pub untold: Vec<Untold>,
    /// Across all shards that were found.
    pub joins: Vec<Join>,
    /// What an approval of these shards is bound to.
    pub token: String,
    /// The revision that it was held against, if not the lock here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Reviewed {
    pub shard: ShardName,
    pub manifest: PathBuf,
    pub approval: Option<Approval>,
    /// In quarantine, and why.
    pub stopped: Option<String>,
    pub findings: Vec<Finding>,
    pub remarks: Vec<Remark>,
    pub authority: Authority,
    /// The manifest's text, for the lines of findings.
    #[serde(skip)]
    pub text: String,
}

#[derive(Serialize)]
pub(super) struct Untold {
    pub name: String,
    pub manifest: PathBuf,
    pub reason: String,
}

impl ReviewArgs {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        self.answer(common).await.map_err(|exit| Exit::untold(exit.story()))
    }

    async fn answer(self, common: &Common) -> Result<ExitCode, Exit> {
        let show = |text: &str| print(text).map_err(|error| Exit::failed("output", &error));
        if let Some(code) = &self.explain {
            show(&explanation(code)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
        let format = if common.json { Format::Json } else { self.format };
        if self.from_ledger {
            return least::run(&settings, &self.shards, format).await;
        }
        let mut approved = Approved::read(&settings)?;
        if let Some(revision) = &self.against {
            approved.lock = earlier(&settings.review.lock, revision)?;
            approved.signers = Signers::default();
        }
        let mut review = review(&settings, &approved, &self.shards).await?;
        review.against = self.against;
        show(&said(&review, format)?)?;
        Ok(review.code())
    }
}

fn explanation(code: &str) -> Result<String, Exit> {
    let Some(code) = Code::named(code) else {
        let all: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        return Err(Exit::usage(format!("{code:?} is no code of a finding; there are: {}", all.join(", "))));
    };
    Ok(format!("{code}: {}\n{}", code.title(), code.why()))
}

fn said(review: &Review, format: Format) -> Result<String, Exit> {
    let json = match format {
        Format::Text => return Ok(text::say(review)),
        Format::Markdown => return Ok(markdown::say(review)),
        Format::Html => return Ok(html::say(review)),
        Format::Json => serde_json::to_string_pretty(review),
        Format::Sarif => serde_json::to_string_pretty(&sarif::say(review)),
    };
    json.map_err(|error| Exit::failed("output", &error))
}

/// Holds the shards named, or all, against a lock.
pub(super) async fn review(settings: &Settings, approved: &Approved, named: &[ShardName]) -> Result<Review, Exit> {
    let (loaded, left_out) = start::every_shard(settings, approved).await?;
    let all: BTreeMap<ShardName, Authority> =
        loaded.iter().map(|shard| (shard.manifest.name.clone(), shard.authority.clone())).collect();
    let is_wanted = |name: &str| named.is_empty() || named.iter().any(|one| one.as_str() == name);
    let is_known =
        |name: &&ShardName| all.contains_key(*name) || left_out.iter().any(|left| left.name == name.as_str());
    if let Some(name) = named.iter().find(|name| !is_known(name)) {
        return Err(Exit::usage(format!("there is no shard {name}; `nexus shards` lists them")));
    }
    let mut shards = Vec::new();
    for shard in loaded.iter().filter(|shard| is_wanted(shard.manifest.name.as_str())) {
        let name = shard.manifest.name.clone();
        let approval = approved.lock.approved(&name).map(|(_, approval)| approval.clone());
        shards.push(Reviewed {
            findings: approved.lock.judge(&name, &shard.authority, &approved.signers),
            remarks: remarks(&shard.authority),
            stopped: approved.stopped(&name),
            text: fs::read_to_string(&shard.manifest.file).unwrap_or_default(),
            manifest: shard.manifest.file.clone(),
            authority: shard.authority.clone(),
            shard: name,
            approval,
        });
    }
    shards.sort_by(|a, b| a.shard.cmp(&b.shard));
    let bound = shards.iter().map(|one| (&one.shard, &one.authority, one.findings.as_slice()));
    let token = token(&approved.lock, bound).map_err(|error| Exit::untold(&story(&error)))?;
    let untold = |left: LeftOut| Untold { name: left.name, manifest: left.manifest, reason: left.reason };
    let untold = left_out.into_iter().filter(|left| !left.disabled && is_wanted(&left.name)).map(untold).collect();
    Ok(Review { shards, untold, joins: joins(&all), token, against: None })
}

impl Review {
    /// Findings of all shards.
    fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.findings.len()).sum()
    }

    /// What is new is the bytes of components, and nothing that these can do.
    pub(super) fn is_rebuilt(&self) -> bool {
        self.shards.iter().flat_map(|shard| &shard.findings).all(|finding| finding.code == Code::BinaryChanged)
    }

    fn code(&self) -> ExitCode {
        match (self.untold.is_empty(), self.count() > 0) {
            (false, _) => ExitCode::from(Exit::UNTOLD),
            (true, true) => ExitCode::from(Exit::TOOL),
            (true, false) => ExitCode::SUCCESS,
        }
    }

    pub(super) fn to_text(&self) -> String {
        text::say(self)
    }
}

/// The lock as a revision has it. One that has none approved nothing.
fn earlier(lock: &Path, revision: &str) -> Result<Lock, Exit> {
    let folder = lock.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = lock.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(folder).args(args).stdin(Stdio::null());
        git.output().map_err(|error| Exit::failed("git", &error))
    };
    // A revision is a name and never an option.
    let commit = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{revision}^{{commit}}")])?;
    let commit = String::from_utf8_lossy(&commit.stdout).trim().to_owned();
    if commit.is_empty() {
        return Err(Exit::usage(format!("git knows no revision {revision:?} in {}", folder.display())));
    }
    let is_there = git(&["cat-file", "-e", &format!("{commit}:./{name}")])?.status.success();
    if !is_there {
        return Ok(Lock::default());
    }
    let text = git(&["show", &format!("{commit}:./{name}")])?;
    let text = String::from_utf8(text.stdout).map_err(|error| Exit::settings_of(&name, &error))?;
    Lock::parse(&text).map_err(|error| Exit::settings_of(&format!("{name} of {revision}"), &error))
}
