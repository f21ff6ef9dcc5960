//! Least privilege, from what really happened: grants that the ledger never saw used, each with its evidence, and a narrower
//! manifest as a patch. Nothing here changes a file.
//!
//! The ledger holds where a request went by the grant's template, and never a path or a query. So what is told is which methods,
//! templates, hosts, tools and peers were used; which parameters were, or what stood below a `**`, nobody recorded.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use similar::TextDiff;
use toml::Spanned;

use super::words::line;
use super::{Approved, Exit, Format, LeftOut, Settings, ShardName, fs, print, start};
use crate::audit::read::{self, Line};
use crate::audit::readings::{self, Reader};
use crate::audit::{Kind, Phase};
use crate::lock::{Authority, Egress, Place};
use crate::manifest::Manifest;
use crate::outbound::{Host, Scheme};
use crate::policy::{HostPattern, PathTemplate};
use crate::shard::Shard;

#[derive(Serialize)]
struct Report {
    shards: Vec<OfShard>,
    /// Where nothing can be told.
    untold: Vec<String>,
}

#[derive(Serialize)]
struct OfShard {
    shard: ShardName,
    manifest: String,
    /// Calls of its tools that are on record.
    calls: u64,
    since: Option<String>,
    until: Option<String>,
    unused: Vec<Unused>,
    /// A unified diff of the manifest.
    patch: Option<String>,
}

#[derive(Serialize)]
struct Unused {
    what: String,
    evidence: String,
    line: usize,
    #[serde(skip)]
    cut: Option<Cut>,
}

/// What a narrower manifest leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Grant(usize),
    Method(usize, usize),
    Path(usize, usize),
}

/// What the ledger saw of one shard.
#[derive(Default)]
struct Seen {
    calls: u64,
    since: Option<String>,
    until: Option<String>,
    requests: BTreeMap<Request, u64>,
    /// Host and base of a directory.
    searches: BTreeMap<(String, String), u64>,
    peers: BTreeMap<String, u64>,
    artifacts: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    tool: String,
    scheme: String,
    host: String,
    port: u16,
    method: String,
    template: String,
}

pub(super) async fn run(settings: &Settings, named: &[ShardName], format: Format) -> Result<ExitCode, Exit> {
    let (shards, left_out) = start::every_shard(settings, &Approved::read(settings)?).await?;
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let unreadable = |error: read::ReadError| Exit::failed(&settings.ledger.display().to_string(), &error);
    // Where nothing ran yet there is no ledger.
    if settings.ledger.exists() {
        for record in read::lines(&settings.ledger).map_err(unreadable)? {
            let line = record.map_err(unreadable)?.line;
            if let Some(shard) = line.shard.clone() {
                seen.entry(shard).or_default().see(line);
            }
        }
    }
    if let Err(error) = readings::leave(&settings.ledger, Reader::Search) {
        tracing::warn!(%error, "this reading is not on record");
    }
    let wanted = |name: &str| named.is_empty() || named.iter().any(|one| one.as_str() == name);
    let told = shards.iter().filter(|shard| wanted(shard.manifest.name.as_str()));
    let told = told.map(|shard| of(shard, seen.remove(shard.manifest.name.as_str()).unwrap_or_default(), settings));
    let report = Report {
        shards: told.collect(),
        untold: left_out.iter().filter(|left| !left.disabled && wanted(&left.name)).map(reason).collect(),
    };
    let text = match format {
        Format::Json => serde_json::to_string_pretty(&report).map_err(|error| Exit::failed("output", &error))?,
        Format::Text => report.to_text(),
        Format::Markdown | Format::Sarif | Format::Html => {
            return Err(Exit::usage("--from-ledger is said as text or as json"));
        }
    };
    print(&text).map_err(|error| Exit::failed("output", &error))?;
    let is_narrow = report.shards.iter().all(|shard| shard.unused.is_empty());
    Ok(match (report.untold.is_empty(), is_narrow) {
        (false, _) => ExitCode::from(Exit::UNTOLD),
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(Exit::TOOL),
    })
}

fn reason(left: &LeftOut) -> String {
    format!("{}: {}", left.name, left.reason)
}

impl Seen {
    fn see(&mut self, line: Line) {
        // What was refused used no grant. Of the rest the first line says where it went.
        let Some(kind) = line.kind.filter(|_| line.phase == Some(Phase::Asked)) else { return };
        self.since.get_or_insert_with(|| line.timestamp.clone());
        self.until = Some(line.timestamp);
        match (kind, line.destination) {
            (Kind::Call, _) => self.calls += 1,
            (Kind::Egress, Some(to)) => {
                if let (Some(tool), Some(template)) = (line.tool, to.template) {
                    let (scheme, host, port, method) = (to.scheme, to.host, to.port, to.method);
                    *self.requests.entry(Request { tool, scheme, host, port, method, template }).or_default() += 1;
                }
            }
            (Kind::Directory, Some(to)) => {
                *self.searches.entry((to.host, to.template.unwrap_or_default())).or_default() += 1;
            }
            (Kind::Peer, _) => *self.peers.entry(line.peer.unwrap_or_default()).or_default() += 1,
            (Kind::Artifact, _) => self.artifacts += 1,
            _ => {}
        }
    }
}

impl Request {
    /// Whether the grant could have been the one, by this path if one is asked for.
    fn used(&self, grant: &Egress, method: Option<&str>, path: Option<&str>) -> bool {
        let scheme = if self.scheme == "http" { Scheme::Http } else { Scheme::Https };
        let (Ok(host), Ok(pattern), Ok(template)) =
            (Host::parse(&self.host), HostPattern::parse(&grant.host, scheme), PathTemplate::parse(&self.template))
        else {
            return false;
        };
        let covers = |path: &String| PathTemplate::parse(path).is_ok_and(|path| template.is_within(&path));
        grant.scheme == self.scheme
            && pattern.covers(scheme, &host, self.port)
            && grant.methods.contains(&self.method)
            && grant.tools.as_ref().is_none_or(|tools| tools.contains(self.tool.as_str()))
            && method.is_none_or(|method| method == self.method)
            && match path {
                None => grant.paths.iter().any(covers),
                Some(path) => covers(&path.to_owned()),
            }
    }
}

fn of(shard: &Shard, seen: Seen, settings: &Settings) -> OfShard {
    let manifest = &shard.manifest;
    let text = fs::read_to_string(&manifest.file).unwrap_or_default();
    let unused = unused(&shard.authority, &seen, &text);
    let cuts: Vec<Cut> = unused.iter().filter_map(|one| one.cut).collect();
    OfShard {
        shard: manifest.name.clone(),
        manifest: manifest.file.display().to_string(),
        patch: patch(&text, &cuts, &manifest.file, settings),
        calls: seen.calls,
        since: seen.since,
        until: seen.until,
        unused,
    }
}

fn unused(authority: &Authority, seen: &Seen, text: &str) -> Vec<Unused> {
    let mut unused = Vec::new();
    if seen.calls == 0 {
        return unused;
    }
    let calls = format!("0 of {} calls on record", seen.calls);
    let mut add = |what: String, evidence: String, at: &Place, cut: Option<Cut>| {
        unused.push(Unused { what, evidence, line: line(text, at), cut });
    };
    for (n, grant) in authority.egress.iter().enumerate() {
        let at = Place::Egress(n);
        let used = |method: Option<&str>, path: Option<&str>| -> u64 {
            let all = seen.requests.iter().filter(|(request, _)| request.used(grant, method, path));
            all.map(|(_, count)| *count).sum()
        };
        let total = used(None, None);
        if total == 0 {
            add(
                format!("{} {}, never used", grant.methods.join(", "), grant.place()),
                calls.clone(),
                &at,
                Some(Cut::Grant(n)),
            );
            continue;
        }
        let of = format!("0 of {total} requests by this grant");
        for (m, method) in grant.methods.iter().enumerate().filter(|(_, method)| used(Some(method), None) == 0) {
            add(format!("method {method} to {}, never used", grant.place()), of.clone(), &at, Some(Cut::Method(n, m)));
        }
        for (p, path) in grant.paths.iter().enumerate().filter(|(_, path)| used(None, Some(path)) == 0) {
            add(format!("path {path} at {}, never used", grant.place()), of.clone(), &at, Some(Cut::Path(n, p)));
        }
        for tool in grant.tools.iter().flatten() {
            if !seen.requests.keys().any(|request| request.tool == tool.as_str() && request.used(grant, None, None)) {
                add(format!("tool {tool} in the grant for {}, never used", grant.place()), of.clone(), &at, None);
            }
        }
        if grant.host.starts_with("*.") {
            let mut hosts: Vec<_> = seen.requests.keys().filter(|request| request.used(grant, None, None)).collect();
            hosts.dedup_by(|a, b| a.host == b.host);
            let hosts = hosts.iter().map(|request| request.host.as_str()).collect::<Vec<_>>().join(", ");
            add(
                format!("{} is wider than needed: only {hosts}", grant.place()),
                format!("{total} requests"),
                &at,
                None,
            );
        }
    }
    for (n, grant) in authority.directory.iter().enumerate() {
        for base in &grant.bases {
            if !seen.searches.contains_key(&(grant.host.clone(), base.clone())) {
                add(
                    format!("base {base} of directory {}, never searched", grant.name),
                    calls.clone(),
                    &Place::Directory(n),
                    None,
                );
            }
        }
    }
    for tool in authority.peers.iter().flat_map(|peers| &peers.tools) {
        if !seen.peers.contains_key(tool.as_str()) {
            add(format!("peer {tool}, never called"), calls.clone(), &Place::Table("peers".to_owned()), None);
        }
    }
    if authority.artifacts.is_some() && seen.artifacts == 0 {
        add("artifacts, never kept".to_owned(), calls.clone(), &Place::Table("artifacts".to_owned()), None);
    }
    unused
}

/// The manifest without what was never used, as a diff. None if there is nothing to leave out, or if what would be left is no
/// manifest.
fn patch(text: &str, cuts: &[Cut], file: &Path, settings: &Settings) -> Option<String> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        egress: Vec<Grant>,
    }
    #[derive(Deserialize)]
    struct Grant {
        methods: Vec<Spanned<String>>,
        paths: Vec<Spanned<String>>,
    }
    if cuts.is_empty() {
        return None;
    }
    let File { egress } = toml::from_str(text).ok()?;
    let mut gone: Vec<Range<usize>> = Vec::new();
    for cut in cuts {
        gone.push(match *cut {
            Cut::Grant(n) => block(text, n)?,
            Cut::Method(n, m) => item(text, egress.get(n)?.methods.get(m)?.span()),
            Cut::Path(n, p) => item(text, egress.get(n)?.paths.get(p)?.span()),
        });
    }
    gone.sort_by_key(|range| range.start);
    let mut new = String::new();
    let mut at = 0;
    for range in gone {
        new.push_str(text.get(at..range.start.max(at))?);
        at = at.max(range.end);
    }
    new.push_str(text.get(at..)?);
    Manifest::parse(&new, file, settings).ok()?;
    let name = file.display().to_string();
    Some(TextDiff::from_lines(text, &new).unified_diff().header(&name, &name).to_string())
}

/// The n-th `[[egress]]`, from its header to the next.
fn block(text: &str, n: usize) -> Option<Range<usize>> {
    let mut at = 0;
    let mut headers = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            headers.push((at, line.trim_start().starts_with("[[egress]]")));
        }
        at += line.len();
    }
    let nth = headers.iter().enumerate().filter(|(_, (_, is_egress))| *is_egress).map(|(index, _)| index).nth(n)?;
    let start = headers.get(nth)?.0;
    Some(start..headers.get(nth + 1).map_or(text.len(), |(at, _)| *at))
}

/// An element of a list, with the comma and the blanks after it; of the last one, with those before.
fn item(text: &str, span: Range<usize>) -> Range<usize> {
    let after = text.get(span.end..).unwrap_or_default();
    if let Some(rest) = after.trim_start().strip_prefix(',') {
        let rest = rest.trim_start_matches([' ', '\t']);
        let rest = rest.strip_prefix('\n').map_or(rest, |rest| rest.trim_start_matches([' ', '\t']));
        return span.start..text.len() - rest.len();
    }
    let before = text.get(..span.start).unwrap_or_default().trim_end();
    before.strip_suffix(',').unwrap_or(before).len()..span.end
}

impl Report {
    fn to_text(&self) -> String {
        let mut text = String::new();
        for shard in &self.shards {
            let time = match (&shard.since, &shard.until) {
                (Some(since), Some(until)) => format!("{} calls from {since} to {until}", shard.calls),
                _ => "no call on record: nothing can be said".to_owned(),
            };
            text += &format!("{}  {time}\n", shard.shard);
            for one in &shard.unused {
                text += &format!("  line {:<4} {} ({})\n", one.line, one.what, one.evidence);
            }
            if shard.calls > 0 && shard.unused.is_empty() {
                text += "  all that it may do was used\n";
            }
            if let Some(patch) = &shard.patch {
                text += &format!("  Proposed; nothing was changed:\n\n{patch}\n");
            }
            text.push('\n');
        }
        for untold in &self.untold {
            text += &format!("{untold}\n");
        }
        text.trim_end().to_owned()
    }
}
