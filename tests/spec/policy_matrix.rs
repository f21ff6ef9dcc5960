//! Who may reach what, as a table that is checked in. A change of a manifest shows there as a changed line.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use nexus::manifest::{Manifest, Values};
use nexus::names::SettingName;
use nexus::policy::{ArtifactGrant, DirectoryGrant, Document, EgressGrant, PeerGrant};
use serde_json::Value;

use crate::support::{Nexus, repo, shards};

/// A setting stands in the table as its own name.
struct Named;

impl Values for Named {
    fn value(&self, name: &SettingName) -> Option<String> {
        let text = name.as_str().to_ascii_lowercase().replace('_', "-");
        // One is a part of a directory.
        Some(if text.ends_with("-dn") { format!("DC={text}") } else { text })
    }
}

/// The manifests of this repository's shards, and each shard's tools, from the built component.
fn check() -> String {
    let mut manifests: Vec<PathBuf> =
        fs::read_dir(repo().join("shards")).unwrap().map(|entry| entry.unwrap().path().join("shard.toml")).collect();
    manifests.retain(|file| file.is_file());
    manifests.sort();
    let listed = Nexus::new().set("shards", vec![shards().display().to_string()]).run(&["shards", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap_or_else(|_| panic!("{listed:#?}"));
    let tools: BTreeMap<_, _> = listed["shards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shard| (shard["name"].as_str().unwrap().to_owned(), shard["tools"].as_array().unwrap().clone()))
        .collect();

    let mut table = String::from(HEAD);
    for file in manifests {
        let manifest = Manifest::read(&file, &Named).unwrap();
        let name = manifest.name.as_str();
        let tools = tools.get(name).unwrap_or_else(|| panic!("{name} is not built or stays out: {listed:#}"));
        writeln!(table, "\n[{name}]").unwrap();
        for (credential, kind) in &manifest.credentials {
            let secrets: Vec<_> = kind.settings().into_iter().map(|name| name.as_str()).collect();
            writeln!(table, "credential {credential} is made of {}", secrets.join(" ")).unwrap();
        }
        for document in manifest.egress.iter().filter_map(|grant| grant.documents.as_ref()).flatten() {
            writeln!(table, "document {} is {}", document.name(), document.digest()).unwrap();
        }
        for tool in tools {
            let tool_name = tool["name"].as_str().unwrap();
            writeln!(table, "\n{tool_name} ({})", tool["category"].as_str().unwrap()).unwrap();
            let may = |grant: &&EgressGrant| {
                grant.tools.as_ref().is_none_or(|tools| tools.iter().any(|name| name.as_str() == tool_name))
            };
            let grants: Vec<_> = manifest.egress.iter().filter(may).collect();
            let may_search = |grant: &&DirectoryGrant| {
                grant.tools.as_ref().is_none_or(|tools| tools.iter().any(|name| name.as_str() == tool_name))
            };
            let searches: Vec<_> = manifest.directories.iter().filter(may_search).collect();
            let peers = manifest.peers.iter();
            let kept = manifest.artifacts.iter();
            if grants.is_empty() && searches.is_empty() && peers.len() + kept.len() == 0 {
                writeln!(table, "  nothing").unwrap();
            }
            for grant in peers {
                peer_cell(&mut table, grant);
            }
            for grant in kept {
                artifact_cell(&mut table, grant);
            }
            for grant in grants {
                cells(&mut table, grant);
            }
            for grant in searches {
                search_cell(&mut table, grant);
            }
        }
    }
    table
}

const HEAD: &str = "\
# Who may reach what: each tool, and each method, place, query and credential that a grant gives it. Made from the
# manifests by the test `policy_matrix`; after a change: NEXUS_UPDATE=1 cargo test --package nexus --test spec policy_matrix
";

fn cells(table: &mut String, grant: &EgressGrant) {
    for method in &grant.methods {
        for path in &grant.paths {
            write!(table, "  {method:<6} {}://{}{path}", grant.scheme, grant.host).unwrap();
            if !grant.query.is_empty() {
                write!(table, "  ?{}", grant.query.iter().cloned().collect::<Vec<_>>().join(" ")).unwrap();
            }
            match &grant.credential {
                Some(credential) => write!(table, "  as {credential}").unwrap(),
                None => write!(table, "  as nobody").unwrap(),
            }
            if let Some(documents) = &grant.documents {
                write!(table, "  sends {}", documents.iter().map(Document::name).collect::<Vec<_>>().join(" "))
                    .unwrap();
            }
            if let Some(keep) = &grant.keep {
                write!(table, "  keeps {} fields", keep.len()).unwrap();
            }
            if grant.private {
                write!(table, "  PRIVATE ADDRESSES").unwrap();
            }
            writeln!(table).unwrap();
        }
    }
}

fn search_cell(table: &mut String, grant: &DirectoryGrant) {
    fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
        items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
    }
    let server = &grant.server;
    write!(table, "  SEARCH {:?} {}:{} below {}", server.tls, server.host, server.port, list(&grant.bases)).unwrap();
    write!(table, "  ({})  as {}", list(grant.scopes.iter().map(|scope| scope.as_str())), grant.credential).unwrap();
    write!(table, "  returns {}", list(&grant.attributes)).unwrap();
    write!(table, "  by {}", list(grant.filter_attributes.iter().map(ToString::to_string).chain(grant.rules.clone())))
        .unwrap();
    write!(table, "  at most {} entries", grant.entries).unwrap();
    if grant.private {
        write!(table, "  PRIVATE ADDRESSES").unwrap();
    }
    writeln!(table).unwrap();
}

fn peer_cell(table: &mut String, grant: &PeerGrant) {
    let tools: Vec<_> = grant.tools.iter().map(ToString::to_string).collect();
    writeln!(table, "  CALL {}  at most {}, {} at once", tools.join(" "), grant.calls, grant.concurrency).unwrap();
}

fn artifact_cell(table: &mut String, grant: &ArtifactGrant) {
    let types: Vec<_> = grant.media_types.iter().cloned().collect();
    writeln!(table, "  KEEP {}  at most {} of {} bytes", types.join(" "), grant.count, grant.bytes).unwrap();
}

#[test]
fn who_may_reach_what_is_the_table_that_is_checked_in() {
    let file = repo().join("tests/snapshots/policy_matrix.txt");
    let now = check();
    if std::env::var_os("NEXUS_UPDATE").is_some() {
        fs::write(&file, &now).unwrap();
        return;
    }
    let before = fs::read_to_string(&file).unwrap_or_default();
    if before == now {
        return;
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (lines(&before), lines(&now));
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}\n"));
    let added = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}\n"));
    panic!(
        "who may reach what has changed:\n{}\nIf that is meant, run NEXUS_UPDATE=1 cargo test --package nexus --test spec \
         policy_matrix, and let the change of {} be reviewed",
        gone.chain(added).collect::<String>(),
        file.display()
    );
}
