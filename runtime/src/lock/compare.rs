//! What a shard can newly do: what it may do now, held against what was approved. Whatever cannot be shown to be within
//! the approved counts as new.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::authority::{Authority, Credential, Egress, PinnedTool, UnreadableGrant, pace};
use super::diff::Differ;
use super::finding::{Code, Finding, Place};
use crate::manifest::units;
use crate::names::ShardName;
use crate::policy::{BeyondAt, directory_beyond, egress_beyond};

/// Empty: it can do nothing that was not approved.
pub fn compare(shard: &ShardName, approved: Option<&Authority>, now: &Authority) -> Vec<Finding> {
    let nothing = Authority::default();
    let mut found = Findings { shard, all: Vec::new(), differ: Differ::default() };
    if approved.is_none() {
        found.add(Code::NewShard, Place::Manifest, format!("{shard} {}", now.version));
    }
    let old = approved.unwrap_or(&nothing);
    found.egress(old, now);
    found.directories(old, now);
    found.credentials(old, now);
    found.neighbours(old, now);
    found.limits(old, now, approved.is_none());
    found.tools(old, now);
    found.documents(old, now);
    if approved.is_some() && old.component != now.component {
        found.add(Code::BinaryChanged, Place::Manifest, format!("{} instead of {}", now.component, old.component));
    }
    found.all.sort_by_key(|finding| finding.code);
    found.all
}

struct Findings<'a> {
    shard: &'a ShardName,
    all: Vec<Finding>,
    differ: Differ,
}

impl Findings<'_> {
    fn add(&mut self, code: Code, at: Place, what: String) {
        self.all.push(Finding { shard: self.shard.clone(), code, what, diff: None, at });
    }

    fn differs(&mut self, code: Code, what: String, old: &str, new: &str) {
        let diff = Some(self.differ.diff(old, new));
        self.all.push(Finding { shard: self.shard.clone(), code, what, diff, at: Place::Manifest });
    }

    /// What is in one list and not in the other, an entry for each.
    fn added<T: Ord + Display>(&mut self, code: Code, at: &Place, old: &BTreeSet<T>, new: &BTreeSet<T>) {
        for what in new.difference(old) {
            self.add(code, at.clone(), what.to_string());
        }
    }

    fn beyond(&mut self, beyond: BeyondAt, at: &Place, of: &str) {
        for (part, what) in beyond {
            let what: Vec<_> = what.into_iter().collect();
            self.add(Code::of(part), at.clone(), format!("{} ({of})", what.join(", ")));
        }
    }

    fn egress(&mut self, old: &Authority, now: &Authority) {
        let Some((approved, grants)) = self.readable(old.grants(), now.grants()) else { return };
        for (n, (grant, written)) in grants.iter().zip(&now.egress).enumerate() {
            self.beyond(egress_beyond(grant, &grants, &approved), &Place::Egress(n), &summary(written));
        }
    }

    /// Both lists of grants, if each of them can be compared. What stands in a manifest can be read back, so only a lock that
    /// somebody wrote by hand comes here; what it was meant to allow is not guessed.
    fn readable<T>(
        &mut self,
        old: Result<Vec<T>, UnreadableGrant>,
        now: Result<Vec<T>, UnreadableGrant>,
    ) -> Option<(Vec<T>, Vec<T>)> {
        let mut add = |unreadable: UnreadableGrant, at: Place, whose: &str| {
            let what = unreadable.what;
            self.add(Code::NewHost, at, format!("{whose} for {what} cannot be read, so no grant can be compared"));
        };
        match (old, now) {
            (Ok(old), Ok(now)) => return Some((old, now)),
            (_, Err(unreadable)) => {
                let at = unreadable.at.clone();
                add(unreadable, at, "a grant");
            }
            (Err(unreadable), _) => add(unreadable, Place::Manifest, "an approved grant"),
        }
        None
    }

    fn directories(&mut self, old: &Authority, now: &Authority) {
        let Some((approved, grants)) = self.readable(old.directories(), now.directories()) else { return };
        for (n, grant) in grants.iter().enumerate() {
            let of = format!("directory {} at {}", grant.name, grant.server.host);
            self.beyond(directory_beyond(grant, &grants, &approved), &Place::Directory(n), &of);
        }
    }

    fn credentials(&mut self, old: &Authority, now: &Authority) {
        for (name, credential) in &now.credential {
            let at = Place::Table(format!("credential.{name}"));
            let Some(approved) = old.credential.get(name) else {
                let says = credential.says.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>();
                self.add(Code::NewCredential, at, format!("{name}: {}, {}", credential.kind, says.join(", ")));
                continue;
            };
            if (&credential.kind, &credential.says) != (&approved.kind, &approved.says) {
                let lines = |of: &Credential| {
                    let says = of.says.iter().map(|(key, value)| format!("{key} = {value}\n"));
                    format!("kind = {}\n{}", of.kind, says.collect::<String>())
                };
                self.differs(Code::CredentialChanged, name.to_string(), &lines(approved), &lines(credential));
            }
            if !is_as_slow(credential, approved) {
                self.add(Code::FasterPace, at, format!("credential {name}"));
            }
        }
    }

    fn neighbours(&mut self, old: &Authority, now: &Authority) {
        if let Some(peers) = &now.peers {
            let (at, none) = (Place::Table("peers".to_owned()), BTreeSet::new());
            let before = old.peers.as_ref();
            self.added(Code::NewPeer, &at, before.map_or(&none, |peers| &peers.tools), &peers.tools);
            for (what, new, before) in [
                ("calls", peers.calls, before.map(|peers| peers.calls)),
                ("concurrency", peers.concurrency.get(), before.map(|peers| peers.concurrency.get())),
            ] {
                self.more(Code::MorePeerCalls, &at, what, new, before);
            }
        }
        if let Some(artifacts) = &now.artifacts {
            let (at, none) = (Place::Table("artifacts".to_owned()), BTreeSet::new());
            let before = old.artifacts.as_ref();
            self.added(
                Code::NewArtifact,
                &at,
                before.map_or(&none, |before| &before.media_types),
                &artifacts.media_types,
            );
            self.more(Code::MoreArtifacts, &at, "count", artifacts.count, before.map(|before| before.count));
            if let Some(before) = before
                && is_raised(units::size(&artifacts.bytes), units::size(&before.bytes))
            {
                self.add(Code::MoreArtifacts, at, format!("bytes {} instead of {}", artifacts.bytes, before.bytes));
            }
        }
        let names = |of: &Authority| of.settings.keys().cloned().collect::<BTreeSet<_>>();
        self.added(Code::NewSetting, &Place::Table("setting".to_owned()), &names(old), &names(now));
        let all = |of: &Authority| of.imports.granted.union(&of.imports.inert).cloned().collect::<BTreeSet<_>>();
        // What was inert and is granted is new; the other way round it is less.
        self.added(Code::NewImport, &Place::Manifest, &old.imports.granted, &now.imports.granted);
        self.added(Code::NewImport, &Place::Manifest, &all(old), &now.imports.inert);
        self.added(Code::PrefixAdded, &Place::Table("shard".to_owned()), &old.tools_prefix, &now.tools_prefix);
        for probe in now.health.iter().filter(|probe| !old.health.contains(probe)) {
            let what = format!("{}: {} {}", probe.system, probe.tool, probe.arguments);
            self.add(Code::HealthChanged, Place::Table("health".to_owned()), what);
        }
    }

    fn more(&mut self, code: Code, at: &Place, what: &str, new: u32, before: Option<u32>) {
        if let Some(before) = before.filter(|before| new > *before) {
            self.add(code, at.clone(), format!("{what} {new} instead of {before}"));
        }
    }

    /// A new shard's limits are part of what it may do, and not raised.
    fn limits(&mut self, old: &Authority, now: &Authority, is_new: bool) {
        if is_new {
            return;
        }
        let size = |text: &str| units::size(text).map(|size| size as u128);
        let time = |text: &str| units::duration(text).map(|time| time.as_millis());
        let (was, is) = (&old.limits, &now.limits);
        let at = Place::Table("limits".to_owned());
        for (what, is, was, of) in [
            ("memory", &is.memory, &was.memory, &size as &dyn Fn(&str) -> Option<u128>),
            ("deadline", &is.deadline, &was.deadline, &time),
            ("cpu", &is.cpu, &was.cpu, &time),
            ("reply-bytes", &is.reply_bytes, &was.reply_bytes, &size),
            ("output-bytes", &is.output_bytes, &was.output_bytes, &size),
        ] {
            if is_raised(of(is), of(was)) {
                self.add(Code::LimitRaised, at.clone(), format!("{what} {is} instead of {was}"));
            }
        }
        self.more(Code::LimitRaised, &at, "egress-calls", is.egress_calls, Some(was.egress_calls));
    }

    fn tools(&mut self, old: &Authority, now: &Authority) {
        for (name, tool) in &now.tool {
            match old.tool.get(name) {
                None => self.add(Code::ToolAdded, Place::Manifest, format!("{name}: {}", tool.title)),
                Some(approved) => self.tool(name.as_str(), approved, tool),
            }
        }
    }

    fn tool(&mut self, name: &str, old: &PinnedTool, now: &PinnedTool) {
        if old == now {
            return;
        }
        let before = self.all.len();
        let text = |tool: &PinnedTool| format!("{}\n{}\n", tool.title, tool.description);
        if text(old) != text(now) {
            self.differs(Code::ToolText, name.to_owned(), &text(old), &text(now));
        }
        let kind = |tool: &PinnedTool| {
            let hints: Vec<_> = tool.hints.iter().map(String::as_str).collect();
            format!("category {:?}\nhints {}\n", tool.category, hints.join(", "))
        };
        if kind(old) != kind(now) {
            self.differs(Code::ToolKind, name.to_owned(), &kind(old), &kind(now));
        }
        for (class, fields) in &now.sees {
            let none = BTreeSet::new();
            let more: Vec<_> = fields.difference(old.sees.get(class).unwrap_or(&none)).map(String::as_str).collect();
            if !more.is_empty() {
                let what = format!("{name}: {class}: {}", more.join(", "));
                self.add(Code::SeesMore, Place::Manifest, what);
            }
        }
        let lines = |lines: &[String]| lines.join("\n") + "\n";
        for (which, old, now) in [("input", &old.input, &now.input), ("output", &old.output, &now.output)] {
            if old != now {
                self.differs(Code::ToolSchema, format!("{name}: {which}"), &lines(old), &lines(now));
            }
        }
        // The digest covers all of the definition: what the lines do not show is not the same either.
        if self.all.len() == before {
            let what = format!("{name}: the definition is {} instead of {}", now.digest, old.digest);
            self.add(Code::ToolSchema, Place::Manifest, what);
        }
    }

    fn documents(&mut self, old: &Authority, now: &Authority) {
        for (name, prompt) in &now.prompt {
            let text = |prompt: &super::PinnedPrompt| {
                format!("{}\n{}\n{}\n", prompt.title, prompt.description, prompt.arguments.join("\n"))
            };
            let before = old.prompt.get(name).map(text).unwrap_or_default();
            if before != text(prompt) {
                self.differs(Code::PromptChanged, name.to_string(), &before, &text(prompt));
            }
        }
        for (uri, document) in &now.document {
            let text = |one: &super::PinnedDocument| {
                format!("{}\n{}\n{}\n{}\n", one.name, one.title, one.description, one.media_type)
            };
            let before = old.document.get(uri).map(text).unwrap_or_default();
            if before != text(document) {
                self.differs(Code::DocumentChanged, uri.clone(), &before, &text(document));
            }
        }
    }
}

/// A limit that cannot be read is no limit.
fn is_raised<T: Ord>(is: Option<T>, was: Option<T>) -> bool {
    is.zip(was).is_none_or(|(is, was)| is > was)
}

fn is_as_slow(new: &Credential, old: &Credential) -> bool {
    let of = |one: &Credential| pace(one.concurrency, one.rate.as_deref());
    of(new).zip(of(old)).is_some_and(|(new, old)| new.is_within(&old))
}

fn summary(grant: &Egress) -> String {
    format!("{} {}", grant.methods.join(", "), grant.place())
}
