//! How the program ends when it does not end well.

#![expect(clippy::disallowed_macros, reason = "the command line owns the terminal")]

use std::error::Error;
use std::process::ExitCode;

use serde_json::json;

use crate::refusal::story;

pub(super) const HELP: &str = "\
Exit codes:
  0  done
  1  the tool failed or was refused; its answer says why. Of review: there are findings. Of approve: nothing was approved
  2  the command line is wrong; or a review could not tell (review, approve)
  3  settings, a manifest or a secret must be put right first
  4  the ledger cannot be written, so nothing runs
  5  an address or a file cannot be used
  6  a check found something wrong (doctor, audit verify, audit verify-proof)
  7  serve was stopped while calls took longer than it waits: they were ended, and each was answered with an error

Settings: flags go before the environment, the environment before the settings file, that before defaults.
Log level: NEXUS_LOG, for example NEXUS_LOG=debug. Logs go to standard error.";

/// An ending with its code and its story, told once, on standard error.
pub(super) struct Exit {
    code: u8,
    story: String,
}

impl Exit {
    pub(super) const TOOL: u8 = 1;
    pub(super) const UNTOLD: u8 = 2;
    const SETTINGS: u8 = 3;
    const LEDGER: u8 = 4;
    const RESOURCE: u8 = 5;
    pub(super) const CHECK: u8 = 6;
    pub(super) const CUT_OFF: u8 = 7;

    pub(super) fn settings(error: &dyn Error) -> Self {
        Self { code: Self::SETTINGS, story: story(error) }
    }

    pub(super) fn settings_of(what: &str, error: &dyn Error) -> Self {
        Self { code: Self::SETTINGS, story: format!("{what}: {}", story(error)) }
    }

    pub(super) fn ledger(error: &dyn Error) -> Self {
        Self { code: Self::LEDGER, story: story(error) }
    }

    pub(super) fn resource(error: &dyn Error) -> Self {
        Self { code: Self::RESOURCE, story: story(error) }
    }

    pub(super) fn check(error: &dyn Error) -> Self {
        Self { code: Self::CHECK, story: story(error) }
    }

    pub(super) fn story(&self) -> &str {
        &self.story
    }

    pub(super) fn failed(what: &str, error: &dyn Error) -> Self {
        Self { code: Self::RESOURCE, story: format!("{what}: {}", story(error)) }
    }

    /// A review that cannot tell.
    pub(super) fn untold(story: &str) -> Self {
        Self { code: Self::UNTOLD, story: story.to_owned() }
    }

    pub(super) fn usage(story: impl Into<String>) -> Self {
        Self { code: 2, story: story.into() }
    }

    pub(super) fn report(self, json: bool) -> ExitCode {
        if json {
            eprintln!("{}", json!({ "error": self.story, "exit": self.code }));
        } else {
            eprintln!("nexus: {}", self.story);
        }
        ExitCode::from(self.code)
    }
}
