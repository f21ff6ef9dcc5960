//! `nexus shards`

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::call::print;
use super::exit::Exit;
use super::review::text::section;
use super::review::words::may;
use super::settings::Settings;
use super::start::Started;
use super::{Common, start};
use crate::call::Host;

#[derive(Args)]
pub(super) struct Shards {
    /// Show each tool's whole definition
    #[arg(long)]
    tools: bool,
}

impl Shards {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
        let Started { ground: _ground, host, .. } = start::host(settings, false, start::Wait::All).await?;
        let text = if common.json { json_text(&host) } else { text(&host, self.tools) };
        start::stop(&host).await;
        print(text.trim_end()).map_err(|error| Exit::failed("output", &error))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn json_text(host: &Host) -> String {
    let shards = host.router().shards().iter().map(|shard| {
        json!({
            "name": shard.manifest.name,
            "version": shard.manifest.version,
            "digest": format!("sha256:{}", shard.digest),
            "imports": shard.imports,
            "tools": shard.tools,
        })
    });
    let left_out = host.router().left_out().iter();
    let left_out = left_out.map(|left| json!({ "name": left.name, "manifest": left.manifest, "reason": left.reason, "disabled": left.disabled }));
    let all = json!({ "shards": shards.collect::<Value>(), "left_out": left_out.collect::<Value>() });
    serde_json::to_string_pretty(&all).unwrap_or_default()
}

fn text(host: &Host, whole: bool) -> String {
    let mut text = String::new();
    for shard in host.router().shards() {
        let manifest = &shard.manifest;
        text += &format!("{} {}  sha256:{}\n", manifest.name, manifest.version, shard.digest);
        for (heading, lines) in may(&shard.authority) {
            // Tools follow with all that is to be said of them.
            if heading != "tools" {
                text += &section(heading, &lines);
            }
        }
        for tool in &shard.tools {
            text += &format!("  {:<40} {}\n", tool.name.as_str(), tool.title);
            if whole {
                text += &format!("    {}\n", tool.description.replace('\n', "\n    "));
                text += &format!("    arguments  {}\n", tool.input_schema);
                if let Some(schema) = &tool.output_schema {
                    text += &format!("    result     {schema}\n");
                }
            }
        }
        text.push('\n');
    }
    for left in host.router().left_out() {
        let out = if left.disabled { "off" } else { "STAYS OUT" };
        text += &format!("{}  {out}: {}\n", left.name, left.reason);
    }
    text
}
