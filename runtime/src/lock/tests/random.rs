//! What "nothing new" promises, for pairs of manifests at random: no request of a large set is allowed by the new one and refused
//! by the old, and of no reply the shard sees more.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::outbound::{DirectorySearch, GuestNode, GuestRequest, GuestSearch, Outbound, Scope};
use crate::policy::{Directories, EgressGrant, Grants, KeepPath, PathTemplate};

const HOSTS: [&str; 4] = ["a.example.com", "b.example.com", "*.example.com", "a.example.com:8443"];
const PATHS: [&str; 10] = ["/", "/u", "/u/", "/u/{id}", "/u/{id}/", "/u/me", "/u/{id}/x", "/{a}/{b}", "/u/**", "/**"];
const KEYS: [&str; 2] = ["p", "q"];
const KEEP: [&str; 5] = ["/v", "/v/*", "/v/*/id", "/v/*/name", "/w"];
const METHODS: [&str; 3] = ["GET", "POST", "DELETE"];

fn subset<T: Clone + std::fmt::Debug + 'static>(all: Vec<T>, least: usize) -> impl Strategy<Value = Vec<T>> {
    let most = all.len();
    prop::sample::subsequence(all, least..=most)
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

fn grant() -> impl Strategy<Value = Egress> {
    let tools = || vec![ToolName::parse("desk_a").unwrap(), ToolName::parse("desk_b").unwrap()];
    let credential = prop::option::of(prop::sample::select(vec!["one", "two"]));
    (
        prop::sample::select(HOSTS.to_vec()),
        subset(strings(&METHODS), 1),
        prop::sample::subsequence(strings(&PATHS), 1..=3),
        subset(strings(&KEYS), 0),
        credential,
        prop::option::of(subset(tools(), 1)),
        prop::option::weighted(0.4, subset(strings(&KEEP), 1)),
        (prop::bool::weighted(0.3), prop::bool::weighted(0.3)),
    )
        .prop_map(|(host, methods, paths, query, credential, tools, keep, (idempotent, private))| Egress {
            host: host.to_owned(),
            scheme: "https".to_owned(),
            methods,
            paths,
            query: query.into_iter().collect(),
            credential: credential.map(|name| crate::names::CredentialName::parse(name).unwrap()),
            tools: tools.map(|tools| tools.into_iter().collect()),
            documents: None,
            keep,
            idempotent,
            private,
            concurrency: None,
            rate: None,
        })
}

/// What people do to manifests: leave out, put in, change a part.
#[derive(Debug, Clone)]
enum Change {
    Drop(usize),
    Add(Box<Egress>),
    Swap(usize, usize),
    Path(usize, &'static str),
    Method(usize, &'static str),
    Without(usize),
    NoKeep(usize),
    Host(usize, &'static str),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..4usize).prop_map(Change::Drop),
        grant().prop_map(|grant| Change::Add(Box::new(grant))),
        (0..4usize, 0..4usize).prop_map(|(a, b)| Change::Swap(a, b)),
        (0..4usize, prop::sample::select(PATHS.to_vec())).prop_map(|(n, path)| Change::Path(n, path)),
        (0..4usize, prop::sample::select(METHODS.to_vec())).prop_map(|(n, method)| Change::Method(n, method)),
        (0..4usize).prop_map(Change::Without),
        (0..4usize).prop_map(Change::NoKeep),
        (0..4usize, prop::sample::select(HOSTS.to_vec())).prop_map(|(n, host)| Change::Host(n, host)),
    ]
}

fn changed(old: &[Egress], changes: &[Change]) -> Vec<Egress> {
    let mut new = old.to_vec();
    for change in changes {
        let all = new.len();
        match change {
            Change::Add(grant) => new.push((**grant).clone()),
            Change::Drop(n) if *n < all => drop(new.remove(*n)),
            Change::Swap(a, b) if *a < all && *b < all => new.swap(*a, *b),
            Change::Path(n, path) if *n < all => new[*n].paths = vec![(*path).to_owned()],
            Change::Method(n, method) if *n < all => new[*n].methods = vec![(*method).to_owned()],
            Change::Without(n) if *n < all => new[*n].query = BTreeSet::new(),
            Change::NoKeep(n) if *n < all => new[*n].keep = None,
            Change::Host(n, host) if *n < all => new[*n].host = (*host).to_owned(),
            Change::Drop(_) | Change::Swap(..) | Change::Path(..) | Change::Method(..) => {}
            Change::Without(_) | Change::NoKeep(_) | Change::Host(..) => {}
        }
    }
    new
}

fn requests() -> Vec<(ToolName, GuestRequest)> {
    let mut all = Vec::new();
    for host in
        ["a.example.com", "b.example.com", "c.example.com", "example.com", "a.b.example.com", "a.example.com:8443"]
    {
        for path in ["/", "/u", "/u/", "/u/me", "/u/me/", "/u/you", "/u/me/x", "/u/me/x/", "/w/me", "/w", "/u/me/x/y"] {
            for query in ["", "?p=1", "?q=1", "?p=1&q=2", "?r=1"] {
                for method in METHODS {
                    for credential in [None, Some("one"), Some("two")] {
                        for tool in ["desk_a", "desk_b", "desk_c"] {
                            let request = GuestRequest {
                                method: method.to_owned(),
                                url: format!("https://{host}{path}{query}"),
                                headers: Vec::new(),
                                body: Vec::new(),
                                credential: credential.map(str::to_owned),
                            };
                            all.push((ToolName::parse(tool).unwrap(), request));
                        }
                    }
                }
            }
        }
    }
    all
}

fn permits(grants: &Grants, tool: &ToolName, request: &GuestRequest) -> Option<EgressGrant> {
    let outbound = Outbound::parse(GuestRequest {
        method: request.method.clone(),
        url: request.url.clone(),
        headers: Vec::new(),
        body: Vec::new(),
        credential: request.credential.clone(),
    });
    grants.permit(Some(tool), outbound.unwrap()).ok().map(|permit| permit.grant().clone())
}

/// Nor may it be sent to a private address, or once more, where it could not.
fn sees_no_more(new: &EgressGrant, old: &EgressGrant) -> bool {
    if (new.private && !old.private) || (new.idempotent && !old.idempotent) {
        return false;
    }
    let within = |new: &KeepPath, old: &[KeepPath]| old.iter().any(|wide| new.is_within(wide));
    match (&new.keep, &old.keep) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(new), Some(old)) => new.iter().all(|path| within(path, old)),
    }
}

fn runner(cases: u32) -> TestRunner {
    // The same cases each time: a test that fails fails again.
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    TestRunner::new_with_rng(Config { cases, failure_persistence: None, ..Config::default() }, rng)
}

#[test]
fn no_finding_means_that_nothing_more_is_allowed_and_nothing_more_is_seen() {
    let all = requests();
    let (quiet, checked) = (Cell::new(0u32), Cell::new(0u64));
    let pairs = (prop::collection::vec(grant(), 1..4), prop::collection::vec(change(), 0..4));
    let base = Around::new().authority(MANIFEST);
    runner(1500)
        .run(&pairs, |(egress, changes)| {
            let old = Authority { egress, ..base.clone() };
            let new = Authority { egress: changed(&old.egress, &changes), ..base.clone() };
            if !compare(&shard(), Some(&old), &new).is_empty() {
                return Ok(());
            }
            quiet.set(quiet.get() + 1);
            let (before, after) = (Grants::new(old.grants().unwrap()), Grants::new(new.grants().unwrap()));
            // All of them for a few pairs, a part for each other: another part each time.
            let step = if quiet.get().is_multiple_of(40) { 1 } else { 23 };
            for (tool, request) in all.iter().skip(quiet.get() as usize % step).step_by(step) {
                checked.set(checked.get() + 1);
                let Some(now) = permits(&after, tool, request) else { continue };
                let was = permits(&before, tool, request);
                prop_assert!(was.is_some(), "{} {} for {tool}", request.method, request.url);
                prop_assert!(
                    sees_no_more(&now, &was.unwrap()),
                    "{} {} for {tool} sees more",
                    request.method,
                    request.url
                );
            }
            Ok(())
        })
        .unwrap();
    // Or nothing was shown.
    let (quiet, checked) = (quiet.get(), checked.get());
    assert!(quiet > 250, "{quiet} pairs without findings");
    assert!(checked > 100_000, "{checked} requests");
}

#[test]
fn inclusion_and_overlap_of_path_templates_are_what_their_paths_say() {
    let pieces = ["", "a", "b", "{x}", "**"];
    let mut templates = Vec::new();
    for one in pieces {
        templates.push(format!("/{one}"));
        for two in pieces {
            templates.push(format!("/{one}/{two}"));
            templates.extend(pieces.iter().map(|three| format!("/{one}/{two}/{three}")));
        }
    }
    let templates: Vec<PathTemplate> = templates.iter().filter_map(|text| PathTemplate::parse(text).ok()).collect();
    assert!(templates.len() > 50);
    // One letter that no template names, and one segment more than any has.
    let mut paths: Vec<Vec<String>> = vec![vec![String::new()]];
    let mut longer: Vec<Vec<String>> = vec![Vec::new()];
    for _ in 0..4 {
        longer = longer
            .iter()
            .flat_map(|path| ["a", "b", "c"].map(|next| [path.as_slice(), &[next.to_owned()]].concat()))
            .collect();
        paths.extend(longer.iter().cloned());
        paths.extend(longer.iter().map(|path| [path.as_slice(), &[String::new()]].concat()));
    }
    for one in &templates {
        for other in &templates {
            let (mut within, mut overlaps) = (true, false);
            for path in &paths {
                within &= !one.covers(path) || other.covers(path);
                overlaps |= one.covers(path) && other.covers(path);
            }
            assert_eq!(one.is_within(other), within, "{one} within {other}");
            assert_eq!(one.overlaps(other), overlaps, "{one} meets {other}");
        }
    }
}

const BASES: [&str; 4] = ["DC=corp", "OU=Users,DC=corp", "OU=Sales,OU=Users,DC=corp", "OU=Groups,DC=corp"];
const SCOPES: [&str; 3] = ["base", "one-level", "subtree"];
const ATTRIBUTES: [&str; 3] = ["cn", "mail", "title"];
const ACCOUNTS: [&str; 2] = ["reader", "admin"];

fn directory() -> impl Strategy<Value = Directory> {
    let tools = vec![ToolName::parse("desk_a").unwrap(), ToolName::parse("desk_b").unwrap()];
    (
        prop::sample::subsequence(strings(&BASES), 1..=2),
        subset(strings(&SCOPES), 1),
        subset(strings(&ATTRIBUTES), 1),
        subset(strings(&["cn", "mail"]), 1),
        prop::sample::select(ACCOUNTS.to_vec()),
        prop::option::of(subset(tools, 1)),
        prop::bool::weighted(0.3),
        prop::sample::select(vec![10u32, 100, 1000]),
    )
        .prop_map(|(bases, scopes, attributes, filter_attributes, account, tools, private, entries)| Directory {
            name: crate::names::DirectoryName::parse("ad").unwrap(),
            host: "dc1.example.com".to_owned(),
            port: 636,
            tls: "ldaps".to_owned(),
            bases,
            scopes,
            attributes,
            filter_attributes,
            rules: BTreeSet::new(),
            credential: crate::names::CredentialName::parse(account).unwrap(),
            tools: tools.map(|tools| tools.into_iter().collect()),
            private,
            entries,
            concurrency: None,
            rate: None,
        })
}

#[derive(Debug, Clone)]
enum DirectoryChange {
    Drop(usize),
    Add(Box<Directory>),
    Swap(usize, usize),
    Base(usize, &'static str),
    Account(usize, &'static str),
    Entries(usize, u32),
    Fewer(usize),
}

fn directory_change() -> impl Strategy<Value = DirectoryChange> {
    prop_oneof![
        (0..3usize).prop_map(DirectoryChange::Drop),
        directory().prop_map(|grant| DirectoryChange::Add(Box::new(grant))),
        (0..3usize, 0..3usize).prop_map(|(a, b)| DirectoryChange::Swap(a, b)),
        (0..3usize, prop::sample::select(BASES.to_vec())).prop_map(|(n, base)| DirectoryChange::Base(n, base)),
        (0..3usize, prop::sample::select(ACCOUNTS.to_vec())).prop_map(|(n, name)| DirectoryChange::Account(n, name)),
        (0..3usize, prop::sample::select(vec![10u32, 1000])).prop_map(|(n, most)| DirectoryChange::Entries(n, most)),
        (0..3usize).prop_map(DirectoryChange::Fewer),
    ]
}

fn changed_directories(old: &[Directory], changes: &[DirectoryChange]) -> Vec<Directory> {
    let mut new = old.to_vec();
    for change in changes {
        let all = new.len();
        match change {
            DirectoryChange::Add(grant) => new.push((**grant).clone()),
            DirectoryChange::Drop(n) if *n < all => drop(new.remove(*n)),
            DirectoryChange::Swap(a, b) if *a < all && *b < all => new.swap(*a, *b),
            DirectoryChange::Base(n, base) if *n < all => new[*n].bases = vec![(*base).to_owned()],
            DirectoryChange::Account(n, name) if *n < all => {
                new[*n].credential = crate::names::CredentialName::parse(name).unwrap();
            }
            DirectoryChange::Entries(n, most) if *n < all => new[*n].entries = *most,
            DirectoryChange::Fewer(n) if *n < all => new[*n].attributes.truncate(1),
            DirectoryChange::Drop(_) | DirectoryChange::Swap(..) | DirectoryChange::Base(..) => {}
            DirectoryChange::Account(..) | DirectoryChange::Entries(..) | DirectoryChange::Fewer(_) => {}
        }
    }
    new
}

fn searches() -> Vec<(ToolName, GuestSearch)> {
    let mut all = Vec::new();
    for base in BASES.iter().chain(&["CN=a,OU=Sales,OU=Users,DC=corp", "OU=Other,DC=corp", "DC=net"]) {
        for scope in [Scope::Base, Scope::OneLevel, Scope::Subtree] {
            for attribute in ATTRIBUTES {
                for filter in ["cn", "mail"] {
                    for tool in ["desk_a", "desk_b", "desk_c"] {
                        let search = GuestSearch {
                            server: "ad".to_owned(),
                            base: (*base).to_owned(),
                            scope,
                            filter: vec![GuestNode::Present(filter.to_owned())],
                            attributes: vec![attribute.to_owned()],
                            page_size: 10,
                        };
                        all.push((ToolName::parse(tool).unwrap(), search));
                    }
                }
            }
        }
    }
    all
}

/// The account of a search is a part of what it may see, and so is how much of it comes back.
#[test]
fn no_finding_means_that_no_search_is_allowed_more_or_made_by_another_account() {
    let all = searches();
    let (quiet, checked) = (Cell::new(0u32), Cell::new(0u64));
    let pairs = (prop::collection::vec(directory(), 1..4), prop::collection::vec(directory_change(), 0..3));
    let base = Around::new().authority(MANIFEST);
    let permits = |grants: &Directories, tool: &ToolName, search: &GuestSearch| {
        let search = DirectorySearch::parse(search.clone()).unwrap();
        grants.permit(Some(tool), search).ok().map(|permit| permit.grant().clone())
    };
    runner(1500)
        .run(&pairs, |(directory, changes)| {
            let old = Authority { directory, ..base.clone() };
            let new = Authority { directory: changed_directories(&old.directory, &changes), ..base.clone() };
            if !compare(&shard(), Some(&old), &new).is_empty() {
                return Ok(());
            }
            quiet.set(quiet.get() + 1);
            let (before, after) =
                (Directories::new(old.directories().unwrap()), Directories::new(new.directories().unwrap()));
            // Another part each time.
            for (tool, search) in all.iter().skip(quiet.get() as usize % 7).step_by(7) {
                checked.set(checked.get() + 1);
                let Some(now) = permits(&after, tool, search) else { continue };
                let was = permits(&before, tool, search);
                prop_assert!(was.is_some(), "{} for {tool}", search.base);
                let was = was.unwrap();
                prop_assert_eq!(&now.credential, &was.credential, "{} for {} by another account", search.base, tool);
                prop_assert!(now.entries <= was.entries && (was.private || !now.private), "{} for {tool}", search.base);
            }
            Ok(())
        })
        .unwrap();
    let (quiet, checked) = (quiet.get(), checked.get());
    assert!(quiet > 200, "{quiet} pairs without findings");
    assert!(checked > 10_000, "{checked} searches");
}
