//! The only room that speaks JSON-RPC. It turns an MCP request into a call and an answer into an MCP result, and decides
//! nothing: which tools there are is the router's to say, what may happen the call's.

mod answer;
mod documents;
mod http;
mod rounds;
mod stdio;

pub use http::{HttpError, HttpOptions, serve as serve_http};
pub use stdio::serve as serve_stdio;

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorData, GetPromptRequestParams, GetPromptResponse, Implementation,
    ListPromptsResult, ListResourcesResult, ListToolsResult, MetaObject, PaginatedRequestParams,
    ProgressNotificationParam, ProgressToken, Prompt, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
    Resource, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{Peer, RequestContext, RoleServer};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::artifacts;
use crate::call::{Asked, ClientName, Fault, Host, Principal, Reader};
use crate::egress::Progress;
use crate::tool;
use rounds::Rounds;

/// Progress reports waiting for a slow client. More are dropped: each says more than the last.
const PROGRESS_QUEUE: usize = 64;

/// Resources of one page of `resources/list`.
const RESOURCES_PAGE: usize = 200;

const INSTRUCTIONS: &str = "Read-only tools over a company's systems. Each result says in _meta whether it is live or \
    mock (nexus/source), when it was read (nexus/as-of) and whether it is complete (nexus/complete); notes say what is \
    missing. An error means no data: it never means that there is nothing to find.";

/// Answers one client, or every client of one HTTP listener.
#[derive(Clone)]
pub struct Server {
    host: Arc<Host>,
    principal: Principal,
    tools: Arc<Vec<Tool>>,
    prompts: Arc<Vec<Prompt>>,
    resources: Arc<Vec<Resource>>,
    rounds: Arc<Rounds>,
}

impl Server {
    pub fn new(host: Arc<Host>, principal: Principal) -> Self {
        let own = host.own_tools();
        let mut listed: Vec<_> = host.router().tools().chain(&own).map(tool).collect();
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        let tools = Arc::new(listed);
        let prompts = Arc::new(host.router().prompts().map(|(_, prompt)| documents::prompt(prompt)).collect());
        let resources = Arc::new(host.router().documents().map(|(_, one)| documents::resource(one)).collect());
        Self { host, principal, tools, prompts, resources, rounds: Arc::new(Rounds::new()) }
    }
}

impl Server {
    fn reader(&self, context: &RequestContext<RoleServer>) -> Reader {
        Reader { principal: self.principal, client: client(context), cancelled: context.ct.clone() }
    }
}

fn client(context: &RequestContext<RoleServer>) -> Option<ClientName> {
    context.client_info().map(|client| ClientName::new(&client.name, &client.version))
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let builder = ServerCapabilities::builder().enable_tools();
        let no_resources = self.resources.is_empty() && !self.host.keeps_artifacts();
        let capabilities = match (self.prompts.is_empty(), no_resources) {
            (true, true) => builder.build(),
            (false, true) => builder.enable_prompts().build(),
            (true, false) => builder.enable_resources().build(),
            (false, false) => builder.enable_prompts().enable_resources().build(),
        };
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("nexus", env!("CARGO_PKG_VERSION")).with_title("Nexus"))
            .with_instructions(INSTRUCTIONS)
    }

    /// Older revisions know no structured results, so they could not be served truthfully.
    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        const SPOKEN: [ProtocolVersion; 3] =
            [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];
        Cow::Borrowed(&SPOKEN)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.as_ref().clone()))
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(self.prompts.as_ref().clone()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        // Arguments of prompts are text by the protocol; other kinds are refused rather than turned into text.
        let mut arguments = Vec::new();
        for (name, value) in request.arguments.into_iter().flatten() {
            let Value::String(value) = value else {
                return Err(ErrorData::invalid_params(format!("prompt argument {name} is not a string"), None));
            };
            arguments.push((name, value));
        }
        let messages = self.host.prompt(&request.name, &arguments, self.reader(&context)).await;
        match messages {
            Ok(messages) => Ok(documents::messages(messages).into()),
            // The protocol has no "not found" for prompts.
            Err(Fault::NotFound) => Err(ErrorData::invalid_params("unknown prompt: see prompts/list", None)),
            Err(fault) => Err(documents::error(&fault)),
        }
    }

    /// Documents first, then reports, the newest first. One that comes up while a client turns pages moves the others on,
    /// so that none is passed over.
    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let start = match cursor.as_deref().map(str::parse::<usize>) {
            None => 0,
            Some(Ok(start)) => start,
            Some(Err(_)) => return Err(ErrorData::invalid_params("the cursor is not one of this server's", None)),
        };
        let mut all = self.resources.as_ref().clone();
        if self.host.keeps_artifacts() {
            let kept = self.host.artifacts().await.map_err(|fault| documents::error(&fault))?;
            all.extend(kept.iter().map(documents::artifact));
        }
        let more = all.len() > start.saturating_add(RESOURCES_PAGE);
        let page = all.into_iter().skip(start).take(RESOURCES_PAGE).collect();
        let mut listed = ListResourcesResult::with_all_items(page);
        listed.next_cursor = more.then(|| (start + RESOURCES_PAGE).to_string());
        Ok(listed)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if request.uri.starts_with(artifacts::URI) {
            return match self.host.artifact(&request.uri, self.reader(&context)).await {
                Ok((kept, body)) => Ok(documents::contents(kept.uri(), kept.media_type, body).into()),
                Err(fault) => Err(documents::error(&fault)),
            };
        }
        match self.host.document(&request.uri, self.reader(&context)).await {
            Ok((document, body)) => {
                Ok(documents::contents(document.uri.clone(), document.media_type.clone(), body).into())
            }
            Err(fault) => Err(documents::error(&fault)),
        }
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let rounds_possible =
            context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        let resumed = match self.rounds.resume(&request, self.principal) {
            Ok(resumed) => resumed,
            Err(error) => return Err(ErrorData::invalid_params(error.to_string(), None)),
        };
        let (progress, forwarder) = match context.meta.get_progress_token() {
            Some(token) => {
                let (sender, receiver) = mpsc::channel(PROGRESS_QUEUE);
                (Some(sender), Some(tokio::spawn(forward(context.peer.clone(), token, receiver))))
            }
            None => (None, None),
        };
        let client = client(&context);
        let answer = self
            .host
            .call(Asked {
                tool: request.name.to_string(),
                arguments: Value::Object(request.arguments.unwrap_or_default()),
                principal: self.principal,
                client,
                cancelled: context.ct.clone(),
                progress,
                resumed,
                within: None,
            })
            .await;
        // Reports come before the result they lead to.
        if let Some(forwarder) = forwarder {
            let _ = forwarder.await;
        }
        answer::response(answer, &self.rounds, self.principal, rounds_possible)
    }
}

async fn forward(peer: Peer<RoleServer>, token: ProgressToken, mut reports: mpsc::Receiver<Progress>) {
    while let Some(report) = reports.recv().await {
        let mut param = ProgressNotificationParam::new(token.clone(), report.done);
        param.total = report.total;
        param.message = report.message;
        if peer.notify_progress(param).await.is_err() {
            break;
        }
    }
}

fn tool(tool: &tool::Tool) -> Tool {
    let object = |schema: &Value| Arc::new(schema.as_object().cloned().unwrap_or_default());
    let annotations = ToolAnnotations::from_raw(
        Some(tool.title.clone()),
        Some(tool.annotations.read_only),
        Some(tool.annotations.destructive),
        Some(tool.annotations.idempotent),
        Some(tool.annotations.open_world),
    );
    let mut listed = Tool::new(tool.name.to_string(), tool.description.clone(), object(&tool.input_schema))
        .with_title(tool.title.clone())
        .with_annotations(annotations);
    if let Some(schema) = &tool.output_schema {
        listed = listed.with_raw_output_schema(object(schema));
    }
    let mut meta = MetaObject::default();
    meta.0.insert("nexus/category".into(), serde_json::to_value(tool.category).unwrap_or_default());
    listed.meta = Some(meta);
    listed
}
