//! `nexus shards`

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::call::print;
use super::exit::Exit;
use super::settings::Settings;
use super::{Common, start};
use crate::call::Host;
use crate::policy::{DirectoryGrant, EgressGrant, Tls};

#[derive(Args)]
pub(super) struct Shards {
    /// Show each tool's whole definition
    #[arg(long)]
    tools: bool,
}

impl Shards {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
        let (_ground, host) = start::host(settings, false).await?;
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
        for grant in &manifest.egress {
            text += &format!("  may call   {}\n", words(grant));
        }
        for grant in &manifest.directories {
            text += &format!("  may search {}\n", search_words(grant));
        }
        if let Some(grant) = &manifest.peers {
            let tools: Vec<_> = grant.tools.iter().map(ToString::to_string).collect();
            let (calls, at_once) = (grant.calls, grant.concurrency);
            text += &format!("  may ask    {}, at most {calls} in a call, {at_once} at once\n", tools.join(" "));
        }
        if let Some(grant) = &manifest.artifacts {
            let types: Vec<_> = grant.media_types.iter().map(String::as_str).collect();
            let (count, bytes) = (grant.count, grant.bytes);
            text += &format!("  may keep   {}, at most {count} in a call, {bytes} bytes each\n", types.join(" "));
        }
        text += &format!("  imports    {}\n", shard.imports.join(" "));
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

/// A grant in one line: `GET graph.microsoft.com/v1.0/users ($select, $top) with graph`.
fn words(grant: &EgressGrant) -> String {
    let methods: Vec<_> = grant.methods.iter().map(ToString::to_string).collect();
    let paths: Vec<_> = grant.paths.iter().map(|path| format!("{}{path}", grant.host)).collect();
    let mut words = format!("{} {}", methods.join(" "), paths.join(" "));
    if !grant.query.is_empty() {
        words += &format!(" ({})", grant.query.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    if let Some(credential) = &grant.credential {
        words += &format!(" with {credential}");
    }
    if let Some(tools) = &grant.tools {
        let tools: Vec<_> = tools.iter().map(ToString::to_string).collect();
        words += &format!(", only for {}", tools.join(" "));
    }
    if let Some(documents) = &grant.documents {
        let documents: Vec<_> =
            documents.iter().map(|document| format!("{} ({})", document.name(), document.digest())).collect();
        words += &format!(", only sending {}", documents.join(" "));
    }
    words
}

/// A grant in one line: `ldaps://dc1.example.com:636 below DC=example,DC=com (subtree) for cn mail by mail with ad`.
fn search_words(grant: &DirectoryGrant) -> String {
    let scheme = match grant.server.tls {
        Tls::Ldaps => "ldaps",
        Tls::StartTls => "ldap+starttls",
    };
    let joined = |words: Vec<String>| words.join(" ");
    let scopes: Vec<_> = grant.scopes.iter().map(|scope| scope.as_str()).collect();
    let mut words = format!(
        "{scheme}://{}:{} below {} ({}) for {} by {}",
        grant.server.host,
        grant.server.port,
        grant.bases.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
        scopes.join(" "),
        joined(grant.attributes.iter().map(ToString::to_string).collect()),
        joined(grant.filter_attributes.iter().map(ToString::to_string).collect()),
    );
    if !grant.rules.is_empty() {
        words += &format!(" and rules {}", grant.rules.iter().cloned().collect::<Vec<_>>().join(" "));
    }
    words += &format!(" with {}, at most {} entries", grant.credential, grant.entries);
    if let Some(tools) = &grant.tools {
        words += &format!(", only for {}", joined(tools.iter().map(ToString::to_string).collect()));
    }
    words
}
