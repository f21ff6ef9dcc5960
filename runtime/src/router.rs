//! Which shard answers for which tool, and how many calls may be under way.
//!
//! Everything a client may call is in one table, made at start. A shard that cannot be loaded stays out with its reason
//! and the others serve. Two shards that claim the same names both stay out: to choose one would let a newcomer take a
//! tool over.

mod rooms;

pub use rooms::{Admitted, Rooms};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::egress::MemoryAccount;
use crate::names::{ShardName, ToolName};
use crate::redact::Classes;
use crate::schema::Judge;
use crate::shard::{Shard, ToolJudges};
use crate::tool::{Document, Prompt, Tool};

pub struct Router {
    shards: Vec<Arc<Shard>>,
    routes: BTreeMap<ToolName, Arc<Route>>,
    left_out: Vec<LeftOut>,
    rooms: Arc<Rooms>,
}

/// A shard that does not serve, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The shard's name, or its folder's if the manifest does not tell.
    pub name: String,
    pub manifest: PathBuf,
    pub reason: String,
    /// The operator wants it so.
    pub disabled: bool,
    /// It is not known yet whether it serves.
    pub loading: bool,
    /// What lies there may be good: it could not be read this time.
    pub may_pass: bool,
}

/// One tool, ready to be called.
pub struct Route {
    pub shard: Arc<Shard>,
    pub tool: Tool,
    /// Of its arguments, and of its results.
    pub asked: Arc<Classes>,
    pub told: Arc<Classes>,
    input: Judge,
    output: Option<Judge>,
}

impl Router {
    /// `rooms` are those of the router before it: they outlive a reload.
    pub fn new(shards: Vec<Arc<Shard>>, mut left_out: Vec<LeftOut>, rooms: Arc<Rooms>) -> Self {
        let (shards, rivals) = part_rivals(shards);
        left_out.extend(rivals);
        let mut router = Self { shards: Vec::new(), routes: BTreeMap::new(), left_out, rooms };
        for shard in shards {
            match router.free_documents(&shard) {
                Ok(()) => {
                    router.routes.extend(routes(&shard));
                    router.shards.push(shard);
                }
                Err(reason) => router.left_out.push(LeftOut::of(&shard, reason)),
            }
        }
        router.left_out.sort_by(|a, b| a.name.cmp(&b.name));
        router
    }

    /// Sorted by name.
    pub fn shards(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Sorted by name, so that every listing has the same order.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.routes.values().map(|route| &route.tool)
    }

    pub fn route(&self, tool: &str) -> Option<&Route> {
        self.routes.get(tool).map(AsRef::as_ref)
    }

    /// The same without these shards, each with the reason. Made of what is at hand: nothing is read, compiled or listed,
    /// so it takes no time that a shard could stretch.
    #[must_use]
    pub fn without(&self, gone: &BTreeMap<ShardName, String>) -> Self {
        let (out, shards): (Vec<_>, Vec<_>) =
            self.shards.iter().cloned().partition(|shard| gone.contains_key(&shard.manifest.name));
        let serves = |route: &Arc<Route>| !gone.contains_key(&route.shard.manifest.name);
        let routes = self.routes.iter().filter(|(_, route)| serves(route));
        let mut left_out = self.left_out.clone();
        left_out
            .extend(out.iter().filter_map(|shard| Some(LeftOut::of(shard, gone.get(&shard.manifest.name)?.clone()))));
        left_out.sort_by(|a, b| a.name.cmp(&b.name));
        let routes = routes.map(|(name, route)| (name.clone(), Arc::clone(route))).collect();
        Self { shards, routes, left_out, rooms: self.rooms.clone() }
    }

    /// Sorted by name within each shard, and shards by name.
    pub fn prompts(&self) -> impl Iterator<Item = (&Arc<Shard>, &Prompt)> {
        self.shards.iter().flat_map(|shard| shard.prompts.iter().map(move |prompt| (shard, prompt)))
    }

    /// Sorted by URI within each shard, and shards by name.
    pub fn documents(&self) -> impl Iterator<Item = (&Arc<Shard>, &Document)> {
        self.shards.iter().flat_map(|shard| shard.documents.iter().map(move |document| (shard, document)))
    }

    /// It is this router's turn: room is kept for its shards from now on.
    pub fn begin(&self) {
        self.rooms.serve(self.shards.iter().map(|shard| shard.manifest.name.clone()));
    }

    /// What all guests together may have the host keep.
    pub fn memory(&self) -> &Arc<MemoryAccount> {
        self.rooms.memory()
    }

    /// Room for a call of this shard, or none at once.
    pub fn admit(&self, shard: &Shard) -> Option<Admitted> {
        self.rooms.admit(&shard.manifest.name)
    }

    /// Prompts carry their shard's prefix; documents have nothing that keeps them apart.
    fn free_documents(&self, shard: &Shard) -> Result<(), String> {
        let taken = |uri: &str| self.documents().any(|(_, document)| document.uri == uri);
        match shard.documents.iter().find(|document| taken(&document.uri)) {
            None => Ok(()),
            Some(document) => Err(format!("document {} is another shard's already", document.uri)),
        }
    }
}

impl Route {
    /// What judges arguments.
    pub fn input(&self) -> &Judge {
        &self.input
    }

    /// What judges a result's data, if the tool has an output schema.
    pub fn output(&self) -> Option<&Judge> {
        self.output.as_ref()
    }
}

impl LeftOut {
    /// A shard that cannot serve.
    pub fn bad(name: String, manifest: PathBuf, reason: String) -> Self {
        Self { name, manifest, reason, disabled: false, loading: false, may_pass: false }
    }

    /// A shard that was switched off.
    pub fn disabled(name: &ShardName, manifest: PathBuf, by: String) -> Self {
        let reason = format!("disabled by {by}");
        Self { disabled: true, ..Self::bad(name.to_string(), manifest, reason) }
    }

    /// A shard that is not ready yet.
    pub fn loading(name: String, manifest: PathBuf) -> Self {
        Self { loading: true, may_pass: true, ..Self::bad(name, manifest, "is still being loaded".to_owned()) }
    }

    /// Whether it is the same shard that stays out, for whatever reason.
    pub fn is_of(&self, other: &Self) -> bool {
        (&self.name, &self.manifest, self.disabled, self.loading)
            == (&other.name, &other.manifest, other.disabled, other.loading)
    }

    fn of(shard: &Shard, reason: String) -> Self {
        Self::bad(shard.manifest.name.to_string(), shard.manifest.file.clone(), reason)
    }
}

/// The beginnings of the host's own tools, and the name that they are recorded under.
const OWN_PREFIXES: [&str; 2] = ["check_", "nexus_"];
pub const OWN_NAME: &str = "nexus";

/// Why a shard would pass for the host.
fn pretence(shard: &Shard) -> Option<String> {
    let manifest = &shard.manifest;
    if manifest.name.as_str() == OWN_NAME {
        return Some(format!("{OWN_NAME} is the host's own name: give the shard another"));
    }
    let claims =
        |prefix: &&String| OWN_PREFIXES.iter().any(|own| prefix.starts_with(own) || own.starts_with(prefix.as_str()));
    let prefix = manifest.tools_prefix.iter().find(claims)?;
    Some(format!("claims tools {prefix}*, which are the host's own: choose another prefix"))
}

/// Splits off the shards that share a name or a prefix with another.
fn part_rivals(mut shards: Vec<Arc<Shard>>) -> (Vec<Arc<Shard>>, Vec<LeftOut>) {
    shards.sort_by(|a, b| a.manifest.name.cmp(&b.manifest.name));
    let rival = |shard: &Shard| {
        if let Some(reason) = pretence(shard) {
            return Some(reason);
        }
        let others = shards.iter().filter(|other| !std::ptr::eq(shard, &***other));
        others.filter_map(|other| rivalry(shard, other)).next()
    };
    let judged: Vec<_> = shards.iter().map(|shard| rival(shard)).collect();
    let mut kept = Vec::new();
    let mut out = Vec::new();
    for (shard, rivalry) in shards.into_iter().zip(judged) {
        match rivalry {
            None => kept.push(shard),
            Some(reason) => out.push(LeftOut::of(&shard, reason)),
        }
    }
    (kept, out)
}

fn rivalry(shard: &Shard, other: &Shard) -> Option<String> {
    let (mine, theirs) = (&shard.manifest, &other.manifest);
    if mine.name == theirs.name {
        return Some(format!("{} has the same name; rename one of the two", theirs.file.display()));
    }
    let overlap = mine.tools_prefix.iter().find(|prefix| {
        theirs.tools_prefix.iter().any(|other| prefix.starts_with(other.as_str()) || other.starts_with(prefix.as_str()))
    })?;
    Some(format!("claims tools {overlap}*, and so does shard {}; neither is served", theirs.name))
}

fn routes(shard: &Arc<Shard>) -> impl Iterator<Item = (ToolName, Arc<Route>)> {
    shard.judged_tools().map(move |(tool, judges)| {
        let ToolJudges { asked, told, input, output } = judges.clone();
        let route = Route { asked, told, input, output, shard: shard.clone(), tool: tool.clone() };
        (route.tool.name.clone(), Arc::new(route))
    })
}

/// The name a shard goes by before its manifest is known: its folder's.
pub fn folder_name(manifest: &std::path::Path) -> String {
    let folder = manifest.parent().and_then(std::path::Path::file_name);
    folder.map_or_else(|| manifest.display().to_string(), |name| name.to_string_lossy().into_owned())
}
