//! A shard, loaded: one component under one manifest.
//!
//! Loading reads the component's real imports, links only what the manifest grants, compiles (or takes the host's own
//! sealed copy), and asks for the list of tools with no grant in force. Calling makes a fresh instance, runs one tool
//! within the manifest's limits, and drops the instance. This room knows wasmtime and WIT (`imports/`); it does not know
//! who calls or what leaves: everything a guest asks for goes to the door.

mod cache;
mod engine;
mod import;
mod imports;
mod instance;
mod threads;

use std::fmt;
use std::fs;
use std::io;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Linker;

use crate::tool::{Body, Document, Message, Outcome, Prompt, PromptError, Resumed, Tool, ToolError};
pub use cache::{Cache, Origin};
pub use engine::{Engine, MAX_CALLS, engine};
pub use import::{BadImport, BadImports};
pub use instance::Failure;

use crate::egress::{Caller, Door, Rights};
use crate::lock::{self, Authority};
use crate::manifest::Manifest;
use crate::names::ToolName;

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
    Read { file: String, source: io::Error },
    #[error("component is not a valid WebAssembly component")]
    Compile(#[source] wasmtime::Error),
    #[error(transparent)]
    Import(#[from] BadImports),
    #[error("component does not fit the contract nexus:shard@0.1")]
    Link(#[source] wasmtime::Error),
    #[error("tools cannot be listed")]
    List(#[source] Failure),
    #[error(transparent)]
    Tool(#[from] BadTool),
    #[error(transparent)]
    Document(#[from] BadDocument),
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
}

/// What a component offers.
struct Offer {
    tools: Vec<Tool>,
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
    #[error("lists no tools")]
    None,
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
    /// Sorted by name.
    pub prompts: Vec<Prompt>,
    /// Sorted by URI.
    pub documents: Vec<Document>,
    pub origin: Origin,
    ready: instance::Ready,
}

impl Shard {
    /// Loads a component. Compiling takes from tens of milliseconds to seconds: run it off the request path.
    #[expect(clippy::disallowed_methods, reason = "components are read here")]
    pub async fn load(
        engine: &Engine,
        cache: Option<&Cache>,
        door: &Arc<Door>,
        manifest: Manifest,
        rights: impl FnOnce(&Manifest) -> Rights,
    ) -> Result<Self, LoadError> {
        let file = &manifest.component;
        let binary = fs::read(file).map_err(|source| LoadError::Read { file: file.display().to_string(), source })?;
        let digest = Digest::of(&binary);
        let (component, origin) = cache::component(engine, cache, &digest, &binary).map_err(LoadError::Compile)?;
        let imports = import::check(engine, &component, &manifest)?;
        let mut linker = Linker::new(engine);
        imports::link_always(&mut linker).map_err(LoadError::Link)?;
        for capability in import::Capability::ALL.into_iter().filter(|capability| capability.granted(&manifest)) {
            imports::link(capability, &mut linker).map_err(LoadError::Link)?;
        }
        let pre = linker.instantiate_pre(&component).and_then(imports::GuestPre::new).map_err(LoadError::Link)?;
        let exports = imports::Exports::find(pre.instance_pre(), manifest.prompts, manifest.resources)
            .map_err(BadDocument::Missing)?;
        let rights = Arc::new(rights(&manifest));
        let nobody = Arc::new(Caller::nobody(rights.clone()).within(engine.memory()));
        let ready = instance::Ready { pre, exports, threads: engine.threads.clone() };
        let offer = ready.list(door, &nobody).await.map_err(LoadError::List)??;
        let tools = checked(offer.tools, &manifest)?;
        let (prompts, documents) = checked_documents(offer.prompts, offer.documents, &manifest)?;
        let read = lock::Component {
            digest: format!("sha256:{digest}"),
            imports: &imports,
            tools: &tools,
            prompts: &prompts,
            documents: &documents,
        };
        let authority = Authority::of(&manifest, &read);
        Ok(Self { rights, manifest, digest, authority, imports, tools, prompts, documents, origin, ready })
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

fn checked(mut tools: Vec<Tool>, manifest: &Manifest) -> Result<Vec<Tool>, BadTool> {
    if tools.is_empty() {
        return Err(BadTool::None);
    }
    tools.sort_by(|a, b| a.name.cmp(&b.name));
    for tool in &tools {
        if !manifest.tools_prefix.iter().any(|prefix| tool.name.as_str().starts_with(prefix.as_str())) {
            return Err(BadTool::Prefix(tool.name.clone()));
        }
    }
    let bound = manifest.egress.iter().filter_map(|grant| grant.tools.as_ref());
    let searching = manifest.directories.iter().filter_map(|grant| grant.tools.as_ref());
    let probing = manifest.health.iter().map(|probe| &probe.tool);
    let mut bound = bound.chain(searching).flatten().chain(probing);
    if let Some(unlisted) = bound.find(|name| tools.iter().all(|tool| tool.name != **name)) {
        return Err(BadTool::Unlisted(unlisted.clone()));
    }
    for pair in tools.windows(2) {
        if let [a, b] = pair
            && a.name == b.name
        {
            return Err(BadTool::Twice(a.name.clone()));
        }
    }
    Ok(tools)
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
