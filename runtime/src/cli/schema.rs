//! `nexus schema`: JSON Schemas of the files that people write, for editors.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::call::print;
use super::exit::Exit;
use super::settings;
use crate::manifest;

/// Print the JSON Schema of a file, for editors
#[derive(Args)]
pub(super) struct Schema {
    file: Of,
}

#[derive(Clone, Copy, ValueEnum)]
enum Of {
    /// shard.toml
    Shard,
    /// nexus.toml
    Nexus,
}

impl Schema {
    pub(super) fn run(&self) -> Result<ExitCode, Exit> {
        let schema = match self.file {
            Of::Shard => manifest::schema(),
            Of::Nexus => settings::schema(),
        };
        let text = serde_json::to_string_pretty(&schema).map_err(|error| Exit::failed("output", &error))?;
        print(&text).map_err(|error| Exit::failed("output", &error)).map(|()| ExitCode::SUCCESS)
    }
}
