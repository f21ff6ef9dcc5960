//! `nexus approve`: a person has seen what a shard may do, and says that it may.

#![expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "the command line owns the terminal")]

use std::env;
use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::Common;
use super::approved::{self, Approved};
use super::call::print;
use super::exit::Exit;
use super::review::{Review, review};
use super::settings::Settings;
use crate::audit::readings::{self, Act, Deed};
use crate::audit::{Signer, read_private};
use crate::lock::{self, Approval};
use crate::names::ShardName;
use crate::redact::Scrubber;
use crate::refusal;

/// Approve what shards may do, after showing what is new
///
/// Without a terminal, --token must be the one of `nexus review` for the same shards: it stands for exactly what was shown. Exit
/// codes: 0 approved, 1 not approved, 2 it cannot be told what there is to approve.
#[derive(Args)]
pub(super) struct Approve {
    /// Shards to approve
    #[arg(required_unless_present_any = ["all", "make_key", "forget"])]
    shards: Vec<ShardName>,
    /// Every shard
    #[arg(long, conflicts_with = "shards")]
    all: bool,
    /// Why, in one line; stands in the lock and in the ledger
    #[arg(long)]
    why: Option<String>,
    /// Who approves [default: the user's name]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// The token of the review that was read
    #[arg(long)]
    token: Option<String>,
    /// Approve components that differ from the approved in their bytes alone, and no others: for who built them from sources that were
    /// approved
    #[arg(long, conflicts_with = "token")]
    rebuilt: bool,
    /// Let the build that was approved before serve as well: both are of the same sources
    #[arg(long, requires = "rebuilt")]
    beside: bool,
    /// Sign with this private key
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// Withdraw the approval of these shards
    #[arg(long, value_name = "SHARD", conflicts_with_all = ["shards", "all", "token", "sign", "make_key"])]
    forget: Vec<ShardName>,
    /// Make a key to sign with, under the name that --by gives, and print the public one for review.signers
    #[arg(long, value_name = "FILE", conflicts_with_all = ["shards", "all", "token", "sign"])]
    make_key: Option<PathBuf>,
}

impl Approve {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        let by = self.by.clone().unwrap_or_else(user);
        if let Some(file) = &self.make_key {
            return make_key(file, &by);
        }
        let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
        if !self.forget.is_empty() {
            return self.withdraw(&settings, &by);
        }
        self.approve(&settings, &by, common.json).await
    }

    async fn approve(self, settings: &Settings, by: &str, json: bool) -> Result<ExitCode, Exit> {
        let signer = self.sign.as_deref().map(signer).transpose()?;
        let mut token = self.token.clone();
        loop {
            let approved = Approved::read(settings)?;
            let reviewed = review(settings, &approved, &self.shards).await?;
            for untold in &reviewed.untold {
                let story = format!("{}: {}", untold.name, untold.reason);
                if !self.all {
                    return Err(Exit::untold(&story));
                }
                tracing::warn!("not approved, for it cannot be told what it may do: {story}");
            }
            if self.rebuilt && !reviewed.is_rebuilt() {
                eprintln!("{}", reviewed.to_text());
                eprintln!("nexus: nothing was approved: more than bytes differ");
                return Ok(ExitCode::from(Exit::TOOL));
            }
            if self.rebuilt || token.as_ref() == Some(&reviewed.token) {
                return self.write(settings, approved, &reviewed, by, signer.as_ref(), json);
            }
            eprintln!("{}", reviewed.to_text());
            if self.token.is_some() {
                eprintln!("nexus: the token is of another review: what there is to approve has changed; read it again");
                return Ok(ExitCode::from(Exit::TOOL));
            }
            if !io::stdin().is_terminal() {
                let story = "nobody can be asked here: give --token from `nexus review`, and --why";
                return Err(Exit::usage(story));
            }
            if token.is_some() {
                eprintln!("nexus: something changed while you read; above is what there is now");
            }
            if !asked("Approve this? Type yes: ")?.eq_ignore_ascii_case("yes") {
                eprintln!("nexus: nothing was approved");
                return Ok(ExitCode::from(Exit::TOOL));
            }
            token = Some(reviewed.token);
        }
    }

    fn write(
        &self,
        settings: &Settings,
        approved: Approved,
        reviewed: &Review,
        by: &str,
        signer: Option<&Signer>,
        json: bool,
    ) -> Result<ExitCode, Exit> {
        let why = match &self.why {
            Some(why) => why.clone(),
            None if io::stdin().is_terminal() => asked("Why? ")?,
            None => return Err(Exit::usage("--why is missing: who reads the lock wants to know")),
        };
        let now = Timestamp::now().round(jiff::Unit::Second).map_err(|error| Exit::failed("clock", &error))?;
        let approval = Approval::new(by, now, &why).map_err(|error| Exit::usage(error.to_string()))?;
        let _held = approved::hold(settings)?;
        if Approved::read(settings)?.lock != approved.lock {
            eprintln!("nexus: nothing was approved: somebody else changed the lock just now; review again");
            return Ok(ExitCode::from(Exit::TOOL));
        }
        let mut lock = approved.lock;
        let mut names = Vec::new();
        for shard in &reviewed.shards {
            // What is approved already, in the same words, keeps its date.
            let is_same = shard.findings.is_empty()
                && lock.approved(&shard.shard).is_some_and(|(approved, _)| *approved == shard.authority);
            if is_same || (self.beside && shard.findings.is_empty()) {
                continue;
            }
            let mut approval = approval.clone();
            let mut authority = shard.authority.clone();
            if let Some((before, old)) = lock.approved(&shard.shard).filter(|_| self.beside) {
                approval.also = old.also.iter().cloned().chain([authority.component]).collect();
                authority = before.clone();
            }
            if let Some(signer) = signer {
                approval = approval
                    .signed(&shard.shard, &authority, signer)
                    .map_err(|error| Exit::untold(&refusal::story(&error)))?;
            }
            lock.approve(shard.shard.clone(), authority, approval);
            names.push(shard.shard.clone());
        }
        if !names.is_empty() {
            write_lock(settings, &lock, Act::Approve, &names, &format!("{}: {}", approval.by, approval.why))?;
        }
        let text = match (json, names.is_empty()) {
            (true, _) => json!({ "approved": names, "lock": settings.review.lock }).to_string(),
            (false, true) => "nothing to approve: all of it is approved as it is".to_owned(),
            (false, false) => {
                let names: Vec<_> = names.iter().map(ShardName::as_str).collect();
                format!("approved {} in {}", names.join(" "), settings.review.lock.display())
            }
        };
        print(&text).map_err(|error| Exit::failed("output", &error)).map(|()| ExitCode::SUCCESS)
    }

    fn withdraw(&self, settings: &Settings, by: &str) -> Result<ExitCode, Exit> {
        let Some(why) = &self.why else {
            return Err(Exit::usage("--why is missing: who reads the ledger wants to know"));
        };
        let _held = approved::hold(settings)?;
        let mut lock = Approved::read(settings)?.lock;
        let gone: Vec<ShardName> = self.forget.iter().filter(|shard| lock.forget(shard)).cloned().collect();
        if let Some(unknown) = self.forget.iter().find(|shard| !gone.contains(shard)) {
            return Err(Exit::usage(format!("shard {unknown} is not in the lock")));
        }
        write_lock(settings, &lock, Act::Forget, &gone, &format!("{by}: {why}"))?;
        print("withdrawn").map_err(|error| Exit::failed("output", &error)).map(|()| ExitCode::SUCCESS)
    }
}

/// The lock, and for each shard a line in the ledger. What opens is on record before it is done; what closes is done first.
fn write_lock(settings: &Settings, lock: &lock::Lock, act: Act, shards: &[ShardName], why: &str) -> Result<(), Exit> {
    let text = lock.to_text().map_err(|error| Exit::failed("lock", &error))?;
    let digest = Some(lock::digest(&text));
    let put_down = || shards.iter().try_for_each(|shard| record(settings, act, shard, why, digest));
    let write = || approved::write(&settings.review.lock, &text);
    if act.opens() { put_down().and_then(|()| write()) } else { write().and_then(|()| put_down()) }
}

/// What was done about a shard, for the ledger. A reason is text: no secret stays in it.
pub(super) fn record(
    settings: &Settings,
    act: Act,
    shard: &ShardName,
    why: &str,
    lock: Option<crate::audit::Digest>,
) -> Result<(), Exit> {
    let why = Scrubber::new([]).text(why).value;
    let deed = Deed { act, shard: shard.clone(), why, lock };
    readings::leave_deed(&settings.ledger, deed).map_err(|error| Exit::ledger(&error))
}

/// Who is at the keyboard, as the system has it: a name for readers, and no proof.
pub(super) fn user() -> String {
    let uid = fs::metadata("/proc/self").map(|about| about.uid());
    let name = ["USER", "LOGNAME"].into_iter().find_map(|name| env::var(name).ok().filter(|name| !name.is_empty()));
    name.unwrap_or_else(|| uid.map_or_else(|_| "unknown".to_owned(), |uid| format!("uid:{uid}")))
}

fn asked(question: &str) -> Result<String, Exit> {
    let failed = |error: io::Error| Exit::failed("terminal", &error);
    eprint!("{question}");
    io::stderr().flush().map_err(failed)?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(line.trim().to_owned())
}

fn signer(file: &Path) -> Result<Signer, Exit> {
    let failed = |error: &dyn std::error::Error| Exit::settings_of(&file.display().to_string(), error);
    let text = read_private(file).map_err(|error| failed(&error))?;
    Signer::parse(&text).map_err(|error| failed(&error))
}

/// A key is never written over.
fn make_key(file: &Path, name: &str) -> Result<ExitCode, Exit> {
    let failed = |error: &dyn std::error::Error| Exit::failed(&file.display().to_string(), error);
    let (signer, text) = Signer::generate(name).map_err(|error| failed(&error))?;
    let mut new =
        fs::OpenOptions::new().mode(0o600).write(true).create_new(true).open(file).map_err(|error| failed(&error))?;
    new.write_all(text.as_bytes()).and_then(|()| new.sync_all()).map_err(|error| failed(&error))?;
    print(&signer.verifier().to_string()).map_err(|error| Exit::failed("output", &error)).map(|()| ExitCode::SUCCESS)
}
