//! The only room that speaks JSON-RPC. It turns an MCP request into a call and an answer into an MCP result, and decides
//! nothing: which tools there are is the router's to say, what may happen the call's.

mod accept;
mod answer;
mod body;
mod connections;
mod documents;
pub mod frame;
mod gate;
mod hosts;
mod http;
mod limits;
mod origins;
mod rounds;
mod sessions;
mod stdio;

pub use http::{HttpError, HttpOptions, serve as serve_http};
pub use limits::ClientLimits;
pub use stdio::serve as serve_stdio;

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, ErrorCode, ErrorData, GetPromptRequestParams,
    GetPromptResponse, Implementation, ListPromptsResult, ListResourcesResult, ListToolsResult, MetaObject,
    PaginatedRequestParams, ProgressNotificationParam, ProgressToken, Prompt, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, Resource, ServerCapabilities, ServerConfig, SubscriptionFilter,
    Tool, ToolAnnotations,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, RoleServer, SubscriptionContext};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::artifacts;
use crate::call::{Asked, ClientName, Current, Fault, Host, Principal, Reader};
use crate::egress::{AnswerMemory, Progress};
use crate::tool;
use rounds::Rounds;

/// Progress reports waiting for a slow client. More are dropped: each says more than the last.
const PROGRESS_QUEUE: usize = 64;

/// Requests that are being handled, whosever and however they came. Calls have a bound of their own below this one.
const MAX_HANDLED: usize = 512;

/// Resources of one page of `resources/list`.
const RESOURCES_PAGE: usize = 200;

/// How long a client may go on with a list of tools or prompts without asking again, in milliseconds. What is called that is
/// there no more is refused, whatever the list says. Resources come and go with every report, so they are not kept.
const LISTS_KEEP_MS: u64 = 60_000;

/// When the host is to stop: how long calls may go on, and how long the errors of those that were ended may then take to clients.
const LAST_CALLS: Duration = Duration::from_secs(5);
const LAST_ERRORS: Duration = Duration::from_secs(2);

/// Whether everybody who had asked was answered when serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Answered,
    /// Calls were cut off. Each has its end on record, and its client an error if it was still there.
    CutOff,
}

/// Methods that this server has, and whose params it reads.
const PARAMS_READ: [&str; 7] = [
    "tools/call",
    "tools/list",
    "prompts/get",
    "prompts/list",
    "resources/read",
    "resources/list",
    "subscriptions/listen",
];

const INSTRUCTIONS: &str = "Read-only tools over a company's systems. Each result says in _meta whether it is live or \
    mock (nexus/source), when it was read (nexus/as-of) and whether it is complete (nexus/complete); notes say what is \
    missing. An error means no data: it never means that there is nothing to find.";

/// Answers one client, or every client of one HTTP listener.
#[derive(Clone)]
pub struct Server {
    current: Arc<Current>,
    principal: Principal,
    listed: Arc<Mutex<Listed>>,
    rounds: Arc<Rounds>,
    room: Arc<Semaphore>,
    one: Arc<OneClient>,
}

/// What is one client's alone: a connection's over stdio, a session's over HTTP.
struct OneClient {
    /// Somebody tells it of changes. Once is enough, however often it says that it is ready.
    is_told: AtomicBool,
    gone: CancellationToken,
    _guard: DropGuard,
}

impl OneClient {
    fn new() -> Arc<Self> {
        let gone = CancellationToken::new();
        Arc::new(Self { is_told: AtomicBool::new(false), _guard: gone.clone().drop_guard(), gone })
    }
}

/// What a host offers, as clients list it.
#[derive(Clone)]
struct Listed {
    host: Arc<Host>,
    tools: Arc<Vec<Tool>>,
    prompts: Arc<Vec<Prompt>>,
    resources: Arc<Vec<Resource>>,
}

impl Listed {
    fn of(host: Arc<Host>) -> Self {
        let own = host.own_tools();
        let mut tools: Vec<_> = host.router().tools().chain(&own).map(tool).collect();
        tools.sort_by(|one, other| one.name.cmp(&other.name));
        let prompts = Arc::new(host.router().prompts().map(|(_, prompt)| documents::prompt(prompt)).collect());
        let resources = Arc::new(host.router().documents().map(|(_, one)| documents::resource(one)).collect());
        Self { host, tools: Arc::new(tools), prompts, resources }
    }
}

impl Server {
    pub fn new(current: Arc<Current>, principal: Principal) -> Self {
        let listed = Arc::new(Mutex::new(Listed::of(current.host())));
        let (rounds, room) = (Arc::new(Rounds::new()), Arc::new(Semaphore::new(MAX_HANDLED)));
        Self { current, principal, listed, rounds, room, one: OneClient::new() }
    }

    /// The same server for another client.
    fn for_one_client(&self) -> Self {
        Self { one: OneClient::new(), ..self.clone() }
    }

    /// Room to handle one request, or the refusal.
    fn enter(&self) -> Result<SemaphorePermit<'_>, ErrorData> {
        let busy = |_| ErrorData::new(gate::BUSY, "busy: too many requests are under way, try again", None);
        self.room.try_acquire().map_err(busy)
    }

    /// What the host that answers now offers. Made once for each host.
    fn listed(&self) -> Listed {
        let host = self.current.host();
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&listed.host, &host) {
            *listed = Listed::of(host);
        }
        listed.clone()
    }

    fn reader(&self, context: &RequestContext<RoleServer>) -> Reader {
        Reader {
            principal: self.principal,
            client: client(context),
            cancelled: context.ct.clone(),
            memory: answer_memory(context),
        }
    }
}

fn client(context: &RequestContext<RoleServer>) -> Option<ClientName> {
    context.client_info().map(|client| ClientName::new(&client.name, &client.version))
}

/// What the transport holds until the answer has been sent.
fn answer_memory(context: &RequestContext<RoleServer>) -> AnswerMemory {
    let of_http = || context.extensions.get::<::http::request::Parts>()?.extensions.get();
    context.extensions.get().or_else(of_http).cloned().unwrap_or_default()
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        // A reload may bring what there is none of now, so all that can change is offered.
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .build();
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

    /// Clients of the revisions that keep a connection are told of changes on it.
    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if self.one.is_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let (mut changes, gone) = (self.current.changes(), self.one.gone.clone());
        tokio::spawn(async move {
            while let Some(Ok(())) = gone.run_until_cancelled(changes.changed()).await {
                let told = async {
                    context.peer.notify_tool_list_changed().await?;
                    context.peer.notify_prompt_list_changed().await?;
                    context.peer.notify_resource_list_changed().await
                };
                if told.await.is_err() {
                    break;
                }
            }
        });
    }

    /// The others ask to be told (`subscriptions/listen`, revision 2026-07-28). What they may ask for is what can change.
    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let mut accepted = SubscriptionFilter::new();
        accepted.tools_list_changed = requested.tools_list_changed;
        accepted.prompts_list_changed = requested.prompts_list_changed;
        accepted.resources_list_changed = requested.resources_list_changed;
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.current.changes();
        let (accepted, sink) = (context.accepted().clone(), context.sink().clone());
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = changes.changed() => if changed.is_err() { return Ok(()) },
            }
            // Whoever has gone is cancelled next.
            if accepted.tools_list_changed == Some(true) {
                let _ = sink.notify_tool_list_changed().await;
            }
            if accepted.prompts_list_changed == Some(true) {
                let _ = sink.notify_prompt_list_changed().await;
            }
            if accepted.resources_list_changed == Some(true) {
                let _ = sink.notify_resource_list_changed().await;
            }
        }
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let _room = self.enter()?;
        Ok(ListToolsResult::with_all_items(self.listed().tools.as_ref().clone()).with_ttl_ms(LISTS_KEEP_MS))
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let _room = self.enter()?;
        Ok(ListPromptsResult::with_all_items(self.listed().prompts.as_ref().clone()).with_ttl_ms(LISTS_KEEP_MS))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let _room = self.enter()?;
        // Arguments of prompts are text by the protocol; other kinds are refused rather than turned into text.
        let mut arguments = Vec::new();
        for (name, value) in request.arguments.into_iter().flatten() {
            let Value::String(value) = value else {
                return Err(ErrorData::invalid_params(format!("prompt argument {name} is not a string"), None));
            };
            arguments.push((name, value));
        }
        let messages = self.current.host().prompt(&request.name, &arguments, self.reader(&context)).await;
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
        let _room = self.enter()?;
        let cursor = request.and_then(|request| request.cursor);
        let start = match cursor.as_deref().map(str::parse::<usize>) {
            None => 0,
            Some(Ok(start)) => start,
            Some(Err(_)) => return Err(ErrorData::invalid_params("the cursor is not one of this server's", None)),
        };
        let Listed { host, resources, .. } = self.listed();
        let mut all = resources.as_ref().clone();
        if host.keeps_artifacts() {
            let kept = host.artifacts().await.map_err(|fault| documents::error(&fault))?;
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
        let _room = self.enter()?;
        if request.uri.starts_with(artifacts::URI) {
            return match self.current.host().artifact(&request.uri, self.reader(&context)).await {
                Ok((kept, body)) => Ok(documents::contents(kept.uri(), kept.media_type, body).into()),
                Err(fault) => Err(documents::error(&fault)),
            };
        }
        match self.current.host().document(&request.uri, self.reader(&context)).await {
            Ok((document, body)) => {
                Ok(documents::contents(document.uri.clone(), document.media_type.clone(), body).into())
            }
            Err(fault) => Err(documents::error(&fault)),
        }
    }

    /// What rmcp knows no request for, and what it knows one for whose params are others.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let _room = self.enter()?;
        if !PARAMS_READ.contains(&request.method.as_str()) {
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None));
        }
        if request.method == "tools/call" {
            let name = request.params.as_ref().and_then(|params| params.get("name")?.as_str());
            let client = client(&context);
            let refused = self.current.host().refuse("invalid-request", name, self.principal, client.as_ref()).await;
            refused.map_err(|fault| documents::error(&fault))?;
        }
        let text = format!("the params of {} are not as the protocol has them", request.method);
        Err(ErrorData::invalid_params(text, None))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let _room = self.enter()?;
        // Older versions have no way to ask, and a client says whether there is a person to be asked.
        let rounds_possible =
            context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
                && context.client_capabilities().is_some_and(|client| client.elicitation.is_some());
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
        // A reload from here on does not touch this call.
        let host = self.current.host();
        let answer = host
            .call(Asked {
                tool: request.name.to_string(),
                arguments: Value::Object(request.arguments.unwrap_or_default()),
                principal: self.principal,
                client,
                cancelled: context.ct.clone(),
                progress,
                resumed,
                memory: answer_memory(&context),
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
