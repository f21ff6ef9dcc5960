//! `nexus quarantine`: stops a shard at once, and for as long as nobody lifts it.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::approve::{record, user};
use super::approved::{self, Approved, quarantine};
use super::call::print;
use super::exit::Exit;
use super::settings::Settings;
use super::{Common, load};
use crate::audit::readings::Act;
use crate::lock::Stopped;
use crate::names::ShardName;

/// Stop a shard at once, or list those that are stopped
///
/// A server that runs ends the shard's calls and serves it no more; it stays stopped after restarts and approvals until --lift.
#[derive(Args)]
pub(super) struct Quarantine {
    /// The shard [default: lists those in quarantine]
    #[arg(requires = "why")]
    shard: Option<ShardName>,
    /// Why, in one line; clients do not see it
    #[arg(long, requires = "shard")]
    why: Option<String>,
    /// Who stops it [default: the user's name]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Let it serve again, as far as it is approved
    #[arg(long, requires = "shard")]
    lift: bool,
}

/// A name that is misspelt stops nobody, so it is an error. A shard that is approved is known without a look at its folder, and where
/// no shard can be looked for any may be stopped.
fn known(settings: &Settings, shard: &ShardName) -> Result<(), Exit> {
    if Approved::read(settings).is_ok_and(|approved| approved.lock.approved(shard).is_some()) {
        return Ok(());
    }
    let Ok((found, left_out)) = load::manifests(settings) else { return Ok(()) };
    let names =
        found.iter().map(|manifest| manifest.name.to_string()).chain(left_out.into_iter().map(|left| left.name));
    let names: Vec<String> = names.collect();
    if names.iter().any(|name| name == shard.as_str()) {
        return Ok(());
    }
    Err(Exit::usage(format!("there is no shard {shard}, so nothing was stopped; there are: {}", names.join(", "))))
}

impl Quarantine {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
        let _held = approved::hold(&settings)?;
        let mut all = quarantine(&settings)?;
        let say =
            |text: String| print(&text).map_err(|error| Exit::failed("output", &error)).map(|()| ExitCode::SUCCESS);
        let (Some(shard), Some(why)) = (self.shard, self.why) else {
            if common.json {
                return say(json!(all.shard).to_string());
            }
            let lines = all
                .shard
                .iter()
                .map(|(shard, stopped)| format!("{shard}  since {} by {}: {}", stopped.at, stopped.by, stopped.why));
            let lines: Vec<_> = lines.collect();
            return say(if lines.is_empty() { "no shard is in quarantine".to_owned() } else { lines.join("\n") });
        };
        let now = Timestamp::now().round(jiff::Unit::Second).map_err(|error| Exit::failed("clock", &error))?;
        let stopped = Stopped::new(&self.by.unwrap_or_else(user), now, &why);
        let stopped = stopped.map_err(|error| Exit::usage(error.to_string()))?;
        let reason = format!("{}: {}", stopped.by, stopped.why);
        let (act, did) = if self.lift {
            if all.shard.remove(&shard).is_none() {
                return Err(Exit::usage(format!("shard {shard} is not in quarantine")));
            }
            (Act::Release, "lifted")
        } else {
            known(&settings, &shard)?;
            all.shard.insert(shard.clone(), stopped);
            (Act::Quarantine, "in quarantine")
        };
        let text = all.to_text().map_err(|error| Exit::failed("quarantine", &error))?;
        // What opens is on record before it is done; what closes is done first.
        let put_down = || record(&settings, act, &shard, &reason, None);
        let write = || approved::write(&settings.review.quarantine(), &text);
        if act.opens() {
            put_down().and_then(|()| write())?;
        } else {
            write().and_then(|()| put_down())?;
        }
        say(if common.json { json!({ "shard": shard, "did": did }).to_string() } else { format!("{shard}: {did}") })
    }
}
