//! A shard, loaded: one component under one manifest.
//!
//! Loading reads the component's real imports, links only what the manifest grants, compiles (or takes the host's own
//! sealed copy), and asks for the list of tools with no grant in force. Calling makes a fresh instance, runs one tool
//! within the manifest's limits, and drops the instance. This room knows wasmtime and WIT (`imports/`); it does not know
//! who calls or what leaves: everything a guest asks for goes to the door.

mod cache;
mod compile;
mod engine;
mod import;
mod imports;
mod instance;
mod offer;
mod threads;
mod tools;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, Linker};

use crate::tool::{Body, Document, Message, Outcome, Prompt, PromptError, Resumed, Tool, ToolError};
pub use cache::{Cache, Origin};
pub use compile::{
    COMMAND as COMPILE_COMMAND, CompileError, CompileFailure, CompileLimits, Compiler, compile_standard_input,
};
pub use engine::{Engine, MAX_CALLS, engine};
pub use import::{BadImport, BadImports};
pub use instance::Failure;
pub use offer::TooMuch;
pub use tools::ToolJudges;

use crate::audit::{self, Subject};
use crate::egress::{Caller, Door, Limits, Rights};
use crate::lock::{self, Authority, LockError};
use crate::manifest::{FileError, Manifest, file};
use crate::names::{ShardName, ToolName};
use crate::policy::{Artifacts, Directories, Grants, Peers};
use crate::secrets::Vault;
use crate::wire::Source;

/// Bytes of a component. An interpreter's takes 20 MiB.
const MAX_COMPONENT_BYTES: u64 = 64 << 20;

/// SHA-256 of a component's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Why a shard stays out. The others serve.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("component {file} cannot be read")]
    Read { file: String, source: FileError },
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error(transparent)]
    Import(#[from] BadImports),
    #[error("component does not fit the contract nexus:shard@0.1")]
    Link(#[source] wasmtime::Error),
    #[error("what the shard may do cannot be compared with an approval")]
    Authority(#[source] LockError),
    #[error("tools cannot be listed")]
    List(#[source] Failure),
    #[error(transparent)]
    Tool(#[from] BadTool),
    #[error(transparent)]
    Document(#[from] BadDocument),
    #[error("loading it ended early")]
    Ended,
}

impl LoadError {
    /// Whether the same files may load another time: nothing is wrong with what they say.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Read { .. } | Self::Ended | Self::Compile(CompileError::Process(_) | CompileError::Ended { .. }) => {
                true
            }
            // There was no room to run it.
            Self::List(failure) => matches!(failure, Failure::Crowded),
            Self::Compile(_)
            | Self::Import(_)
            | Self::Link(_)
            | Self::Tool(_)
            | Self::Document(_)
            | Self::Authority(_) => false,
        }
    }
}

/// A prompt or a document whose definition keeps its shard out.
#[derive(Debug, thiserror::Error)]
pub enum BadDocument {
    #[error("the manifest offers [prompts] or [resources] that the component does not export")]
    Missing(#[source] wasmtime::Error),
    #[error("prompt: {0}")]
    Name(String),
    #[error("prompt {0} does not start with one of the manifest's tools-prefix")]
    Prefix(ToolName),
    #[error("document {0:?} is listed twice, is no absolute URI, or begins with nexus:, which is the host's")]
    Uri(String),
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
}

/// What a component offers.
struct Offer {
    tools: Vec<imports::ListedTool>,
    prompts: Vec<Prompt>,
    documents: Vec<Document>,
}

/// A tool whose definition keeps its shard out.
#[derive(Debug, thiserror::Error)]
pub enum BadTool {
    #[error("{0}")]
    Name(String),
    #[error("tool {0} does not start with one of the manifest's tools-prefix")]
    Prefix(ToolName),
    #[error("a grant or a [[health]] names tool {0}, which the component does not have")]
    Unlisted(ToolName),
    #[error("tool {0} is listed twice")]
    Twice(ToolName),
    #[error("tool {tool}: {which} {why}")]
    Schema { tool: ToolName, which: &'static str, why: String },
    #[error("its tools' schemas have more than {most} bytes together")]
    Schemas { most: usize },
    #[error("its tools' schemas have more than {most} {what} together")]
    Compiled { what: &'static str, most: usize },
    #[error("lists no tools")]
    None,
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
}

/// What the host tells a shard of the call it serves.
#[derive(Debug, Clone)]
pub struct CallContext {
    pub call_id: String,
    pub remaining_ms: u64,
    /// Names and values, sorted.
    pub settings: Vec<(String, String)>,
    pub resumed: Option<Resumed>,
}

/// A component ready to be called.
pub struct Shard {
    pub rights: Arc<Rights>,
    pub manifest: Manifest,
    pub digest: Digest,
    /// All that it may do, as a lock has it.
    pub authority: Authority,
    /// As the binary has them, sorted.
    pub imports: Vec<String>,
    /// Sorted by name.
    pub tools: Vec<Tool>,
    /// Of the tools, in their order.
    judges: Vec<ToolJudges>,
    /// Sorted by name.
    pub prompts: Vec<Prompt>,
    /// Sorted by URI.
    pub documents: Vec<Document>,
    pub origin: Origin,
    ready: instance::Ready,
}

/// What all shards are loaded with.
#[derive(Clone)]
pub struct Loader {
    engine: Engine,
    cache: Option<Arc<Cache>>,
    compiler: Compiler,
    /// Components that are compiled at once; of those that nobody approved at least one fewer, so that an approved one
    /// need not wait for them.
    compiling: Arc<Semaphore>,
    compiling_unapproved: Arc<Semaphore>,
    /// Components that are being made, by their digest.
    made: Arc<Mutex<BTreeMap<Digest, Weak<tokio::sync::Mutex<()>>>>>,
}

/// Components that are compiled at once on a machine of many cores.
const MAX_COMPILING: usize = 4;

impl Loader {
    pub fn new(engine: Engine, cache: Option<Cache>, compiler: Compiler) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let at_once = cores.clamp(2, MAX_COMPILING);
        Self {
            engine,
            cache: cache.map(Arc::new),
            compiler,
            compiling: Arc::new(Semaphore::new(at_once)),
            compiling_unapproved: Arc::new(Semaphore::new(at_once - 1)),
            made: Arc::default(),
        }
    }

    /// What has begun is not begun again: it goes on where nobody waits for it any more, and whoever comes next finds it in
    /// the cache.
    async fn component(
        &self,
        name: &ShardName,
        trust: Trust,
        binary: Binary,
    ) -> Result<(Component, Origin), LoadError> {
        let (loader, name) = (self.clone(), name.clone());
        let made = tokio::spawn(async move { loader.make(&name, trust, binary).await });
        made.await.map_err(|_| LoadError::Ended)?
    }

    async fn make(&self, name: &ShardName, trust: Trust, binary: Binary) -> Result<(Component, Origin), LoadError> {
        let Binary { digest, bytes } = binary;
        let one = self.one_of(digest);
        let _one = one.lock().await;
        if let Some(cache) = self.cache.clone() {
            let engine = self.engine.clone();
            let cached = tokio::task::spawn_blocking(move || cache::cached(&engine, &cache, &digest));
            if let Some(component) = cached.await.map_err(|_| LoadError::Ended)? {
                return Ok((component, Origin::Cached));
            }
        }
        let _behind = match trust {
            Trust::Approved => None,
            Trust::Unapproved => Some(self.compiling_unapproved.acquire().await.map_err(|_| LoadError::Ended)?),
        };
        let _room = self.compiling.acquire().await.map_err(|_| LoadError::Ended)?;
        tracing::info!(shard = %name, bytes = bytes.len(), "compiling, which may take a while");
        let component = cache::compiled(&self.engine, self.cache.clone(), self.compiler, digest, bytes).await?;
        Ok((component, Origin::Compiled))
    }

    /// Held by whoever makes this component.
    fn one_of(&self, digest: Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|_, one| one.strong_count() > 0);
        if let Some(one) = made.get(&digest).and_then(Weak::upgrade) {
            return one;
        }
        let one = Arc::default();
        made.insert(digest, Arc::downgrade(&one));
        one
    }
}

/// Whether somebody approved this very component under this very manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    Approved,
    Unapproved,
}

/// How long an approved component may list its tools, whatever its manifest gives a call.
const LISTING: Duration = Duration::from_secs(10);
/// What a component that nobody approved may use to list its tools, whatever its manifest says.
const UNAPPROVED_LISTING: Duration = Duration::from_secs(2);
const UNAPPROVED_CPU: Duration = Duration::from_secs(1);
const UNAPPROVED_MEMORY: usize = 256 << 20;

impl Trust {
    fn limits(self, manifest: Limits) -> Limits {
        match self {
            Self::Approved => Limits { deadline: manifest.deadline.min(LISTING), ..manifest },
            Self::Unapproved => Limits {
                deadline: manifest.deadline.min(UNAPPROVED_LISTING),
                cpu: manifest.cpu.min(UNAPPROVED_CPU),
                memory: manifest.memory.min(UNAPPROVED_MEMORY),
                ..manifest
            },
        }
    }
}

/// A component as it was read.
pub struct Binary {
    pub digest: Digest,
    bytes: Arc<Vec<u8>>,
}

impl Binary {
    /// Waits for the disk, and for nothing else: see [`file`].
    pub fn read(manifest: &Manifest) -> Result<Self, LoadError> {
        let component = &manifest.component;
        let folder = component.parent().unwrap_or(Path::new(""));
        let bytes = file::read(folder, Path::new(component.file_name().unwrap_or_default()), MAX_COMPONENT_BYTES)
            .map_err(|source| LoadError::Read { file: component.display().to_string(), source })?;
        Ok(Self { digest: Digest::of(&bytes), bytes: Arc::new(bytes) })
    }
}

/// Nothing but room: while tools are listed no grant is in force.
fn bare(shard: &ShardName, limits: Limits) -> Rights {
    Rights {
        shard: shard.clone(),
        grants: Grants::new(Vec::new()),
        directories: Directories::new(Vec::new()),
        peers: Peers::new(None),
        artifacts: Artifacts::new(None),
        vault: Vault::mock(BTreeMap::new()),
        paces: BTreeMap::new(),
        limits,
    }
}

impl Shard {
    /// Loads a component. Where it must be compiled this takes from tens of milliseconds to minutes.
    pub async fn load(
        loader: &Loader,
        door: &Arc<Door>,
        manifest: Manifest,
        binary: Binary,
        trust: Trust,
        rights: impl FnOnce(&Manifest) -> Rights,
    ) -> Result<Self, LoadError> {
        let digest = binary.digest;
        let engine = &loader.engine;
        let (component, origin) = loader.component(&manifest.name, trust, binary).await?;
        let imports = import::check(engine, &component, &manifest)?;
        let mut linker = Linker::new(engine);
        imports::link_always(&mut linker).map_err(LoadError::Link)?;
        for capability in import::Capability::ALL.into_iter().filter(|capability| capability.granted(&manifest)) {
            imports::link(capability, &mut linker).map_err(LoadError::Link)?;
        }
        let pre = linker.instantiate_pre(&component).and_then(imports::GuestPre::new).map_err(LoadError::Link)?;
        let exports = imports::Exports::find(pre.instance_pre(), manifest.prompts, manifest.resources)
            .map_err(BadDocument::Missing)?;
        let bare = bare(&manifest.name, trust.limits(manifest.limits));
        // Whatever it asks for while it is listed is refused, and on record under the name of the shard and its component.
        let subject = Subject {
            shard: Some(manifest.name.clone()),
            component: Some(audit::Digest::from_bytes(digest.to_bytes())),
            mock_mode: Some(door.source() == Source::Mock),
            ..Subject::default()
        };
        let nobody = Arc::new(Caller::nobody(Arc::new(bare), Arc::new(subject)).within(engine.memory()));
        let ready = instance::Ready { pre, exports, threads: engine.threads.clone() };
        let offer = ready.list(door, &nobody).await;
        nobody.close();
        let offer = offer.map_err(LoadError::List)??;
        let rights = Arc::new(rights(&manifest));
        let listed = tools::checked(offer.tools, &manifest)?;
        let judged = tokio::task::spawn_blocking(move || tools::judged(listed)).await;
        let (tools, judges): (Vec<Tool>, Vec<ToolJudges>) = judged.map_err(|_| LoadError::Ended)??.into_iter().unzip();
        let (prompts, documents) = checked_documents(offer.prompts, offer.documents, &manifest)?;
        let read = lock::Component {
            digest: format!("sha256:{digest}"),
            imports: &imports,
            tools: &tools,
            prompts: &prompts,
            documents: &documents,
        };
        let authority = Authority::of(&manifest, &read).map_err(LoadError::Authority)?;
        Ok(Self { rights, manifest, digest, authority, imports, tools, judges, prompts, documents, origin, ready })
    }

    /// Each tool with what judges its arguments and results.
    pub fn judged_tools(&self) -> impl Iterator<Item = (&Tool, &ToolJudges)> {
        self.tools.iter().zip(&self.judges)
    }

    pub async fn get_prompt(
        &self,
        door: &Arc<Door>,
        caller: &Arc<Caller>,
        name: &ToolName,
        arguments: &[(String, String)],
    ) -> Result<Result<Vec<Message>, PromptError>, Failure> {
        self.ready.get_prompt(door, caller, name.as_str(), arguments).await
    }

    pub async fn read_document(
        &self,
        door: &Arc<Door>,
        caller: &Arc<Caller>,
        uri: &str,
    ) -> Result<Option<Body>, Failure> {
        self.ready.read_document(door, caller, uri).await
    }

    pub async fn call(
        &self,
        door: &Arc<Door>,
        caller: &Arc<Caller>,
        tool: &ToolName,
        arguments: String,
        context: CallContext,
    ) -> Result<Result<Outcome, ToolError>, Failure> {
        self.ready.call(door, caller, tool, arguments, context).await
    }
}

/// A prompt is named as a tool is, so that no two shards can have the same one.
fn checked_documents(
    mut prompts: Vec<Prompt>,
    mut documents: Vec<Document>,
    manifest: &Manifest,
) -> Result<(Vec<Prompt>, Vec<Document>), BadDocument> {
    prompts.sort_by(|a, b| a.name.cmp(&b.name));
    documents.sort_by(|a, b| a.uri.cmp(&b.uri));
    let prefixed =
        |name: &ToolName| manifest.tools_prefix.iter().any(|prefix| name.as_str().starts_with(prefix.as_str()));
    if let Some(prompt) = prompts.iter().find(|prompt| !prefixed(&prompt.name)) {
        return Err(BadDocument::Prefix(prompt.name.clone()));
    }
    // `nexus://` is the host's own.
    let absolute = |uri: &str| {
        !uri.starts_with("nexus:") && uri.contains("://") && uri.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let twice = documents.windows(2).find(|pair| matches!(pair, [a, b] if a.uri == b.uri)).and_then(<[_]>::first);
    if let Some(document) = twice.or_else(|| documents.iter().find(|document| !absolute(&document.uri))) {
        return Err(BadDocument::Uri(document.uri.clone()));
    }
    Ok((prompts, documents))
}
