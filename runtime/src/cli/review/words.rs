//! What a shard may do, in words that a person reads in a minute. The same in every format.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::lock::{Authority, Directory, Egress, Place, visible};

/// A heading, and a line for each thing under it.
pub(in crate::cli) type Section = (&'static str, Vec<String>);

pub(in crate::cli) fn may(authority: &Authority) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut section = |heading: &'static str, lines: Vec<String>| {
        if !lines.is_empty() {
            sections.push((heading, lines.iter().map(|line| visible(line)).collect()));
        }
    };
    section("sends", authority.egress.iter().flat_map(requests).collect());
    section("searches", authority.directory.iter().flat_map(searches).collect());
    section("credentials", credentials(authority));
    section(
        "asks",
        authority
            .peers
            .iter()
            .map(|peers| {
                let (calls, at_once) = (peers.calls, peers.concurrency);
                format!("{}; at most {calls} in a call, {at_once} at once", joined(&peers.tools))
            })
            .collect(),
    );
    section(
        "keeps",
        authority
            .artifacts
            .iter()
            .map(|kept| format!("{}; at most {} in a call, {} each", joined(&kept.media_types), kept.count, kept.bytes))
            .collect(),
    );
    section("reads settings", authority.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect());
    section("tells of persons", personal(authority));
    section("tools", tools(authority));
    section("prompts", authority.prompt.iter().map(|(name, prompt)| format!("{name}: {}", prompt.title)).collect());
    section("documents", authority.document.iter().map(|(uri, one)| format!("{uri}: {}", one.title)).collect());
    section("imports", imports(authority));
    let limits = &authority.limits;
    section(
        "limits",
        vec![format!(
            "{} of memory, {} in all, {} of computing, {} requests, replies of {}, results of {}",
            limits.memory, limits.deadline, limits.cpu, limits.egress_calls, limits.reply_bytes, limits.output_bytes
        )],
    );
    sections
}

pub(super) fn joined<T: Display>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(", ")
}

fn requests(grant: &Egress) -> Vec<String> {
    let mut lines = vec![format!("{} {}", joined(&grant.methods), grant.place())];
    lines.push(format!("  {}", joined(&grant.paths)));
    let mut more = |what: &str, text: String| lines.push(format!("  {what} {text}"));
    if !grant.query.is_empty() {
        more("with the parameters", joined(&grant.query));
    }
    match &grant.credential {
        Some(credential) => more("as", credential.to_string()),
        None => more("as", "nobody: no credential".to_owned()),
    }
    if let Some(tools) = &grant.tools {
        more("only for", joined(tools));
    }
    if let Some(documents) = &grant.documents {
        documents.iter().for_each(|document| more("only sending", document.clone()));
    }
    if let Some(keep) = &grant.keep {
        more("sees of a reply only", joined(keep));
    }
    if grant.private {
        more("at private addresses too,", "if the operator allows them".to_owned());
    }
    if grant.idempotent && grant.methods.iter().any(|method| method == "POST" || method == "PATCH") {
        more("only reads by these,", "as the manifest says: they may be sent again".to_owned());
    }
    pace(&mut more, grant.concurrency, grant.rate.as_ref());
    lines
}

fn pace(more: &mut impl FnMut(&str, String), concurrency: Option<std::num::NonZeroU32>, rate: Option<&String>) {
    if let Some(concurrency) = concurrency {
        more("at once", concurrency.to_string());
    }
    if let Some(rate) = rate {
        more("at most", rate.clone());
    }
}

fn searches(grant: &Directory) -> Vec<String> {
    let mut lines = vec![format!("{} at {}", grant.name, grant.place())];
    let mut more = |what: &str, text: String| lines.push(format!("  {what} {text}"));
    more("below", grant.bases.join(" or "));
    more("to the depth", joined(&grant.scopes));
    more("sees", joined(&grant.attributes));
    if grant.filter_attributes != grant.attributes {
        more("asks by", joined(&grant.filter_attributes));
    }
    if !grant.rules.is_empty() {
        more("with the rules", joined(&grant.rules));
    }
    more("as", grant.credential.to_string());
    if let Some(tools) = &grant.tools {
        more("only for", joined(tools));
    }
    more("at most", format!("{} entries", grant.entries));
    pace(&mut more, grant.concurrency, grant.rate.as_ref());
    lines
}

fn credentials(authority: &Authority) -> Vec<String> {
    let of = |(name, credential): (&crate::names::CredentialName, &crate::lock::Credential)| {
        let says = credential.says.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ");
        let reach = if credential.reach.is_empty() { "nowhere".to_owned() } else { joined(&credential.reach) };
        format!("{name}: {} ({says}); goes to {reach}", credential.kind)
    };
    authority.credential.iter().map(of).collect()
}

/// Each class, and its fields over all tools.
fn personal(authority: &Authority) -> Vec<String> {
    let mut classes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for tool in authority.tool.values() {
        for (class, fields) in &tool.sees {
            classes.entry(class).or_default().extend(fields.iter().map(String::as_str));
        }
    }
    classes.into_iter().map(|(class, fields)| format!("{class}: {}", joined(fields))).collect()
}

fn tools(authority: &Authority) -> Vec<String> {
    authority
        .tool
        .iter()
        .map(|(name, tool)| format!("{name} ({:?}): {}", tool.category, tool.title).to_string())
        .collect()
}

fn imports(authority: &Authority) -> Vec<String> {
    let mut lines = Vec::new();
    if !authority.imports.granted.is_empty() {
        lines.push(format!("granted: {}", joined(&authority.imports.granted)));
    }
    if !authority.imports.inert.is_empty() {
        lines.push(format!("inert: {}", joined(&authority.imports.inert)));
    }
    lines
}

/// The line of a manifest where a finding stands, from 1.
pub(super) fn line(manifest: &str, at: &Place) -> usize {
    let nth = |header: &str, n: usize| {
        let mut found = manifest.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with(header));
        found.nth(n).map(|(at, _)| at + 1)
    };
    let found = match at {
        Place::Manifest => None,
        Place::Egress(n) => nth("[[egress]]", *n),
        Place::Directory(n) => nth("[[directory]]", *n),
        Place::Table(name) => nth(&format!("[{name}]"), 0)
            .or_else(|| nth(&format!("[[{name}]]"), 0))
            .or_else(|| nth(&format!("[{name}."), 0)),
    };
    found.unwrap_or(1)
}
