//! Streamable HTTP on one listener: `/mcp`, and `/healthz` for whoever watches the process.
//!
//! Loopback unless the operator says otherwise, and anything else needs a bearer token. `Host` and `Origin` are checked,
//! so that a web page cannot reach a server on the reader's own machine (DNS rebinding).
//!
//! No client keeps others out: connections, sessions, requests under way and memory for bodies are counted, and what waits
//! for a client waits so long and no longer. Answers count until clients have taken them. Beyond the bounds a connection is
//! closed that can be spared, or a request gets 503.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::transport::streamable_http_server::session::SessionId;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept::Accepted;
use super::body::{self, BodyFault, OnePiece, Whole};
use super::connections::{Admitted, Connection, Connections, Crowding, Watched};
use super::frame::{self, Frame as Message};
use super::gate;
use super::hosts::has_one_host;
use super::limits::{ClientAddress, ClientLimits};
use super::origins::{self, Origins, Page};
use super::sessions::{CLIENT, SessionFault, Sessions};
use super::{Ended, LAST_CALLS, LAST_ERRORS, Server};
use crate::call::Current;
use crate::call::Principal;
use crate::egress::{AnswerMemory, Held as MemoryHeld, MemoryAccount};
use crate::secrets::SecretValue;

/// Of a request's head: its bytes, and its fields.
const MAX_HEAD: usize = 64 << 10;
const MAX_FIELDS: usize = 100;

/// Connections that are told why they are not served, at once. More are just closed.
const MAX_FAREWELLS: usize = 32;
const FAREWELL: Duration = Duration::from_secs(1);

/// How often connections are looked at, at most. No wait is longer than it should be by more.
const LOOK: Duration = Duration::from_secs(1);
/// How often the log tells of crowding.
const TELL: Duration = Duration::from_secs(10);
/// Rests after a descriptor could not be had: doubled each time, up to the second.
const RESTS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Part of what all guests may have the host keep that answers may take on their way to clients.
const ANSWERS_SHARE: usize = 4;
/// An answer up to this size needs nobody's leave: connections are counted.
const FREE_ANSWER: usize = 4 << 10;
/// How long an answer waits for room, and how long another may take to reach its client before its connection is closed for it.
const ROOM_PATIENCE: Duration = Duration::from_secs(3);
const ANSWER_GRACE: Duration = Duration::from_secs(1);
const ROOM_LOOK: Duration = Duration::from_millis(20);

const SESSION: &str = "mcp-session-id";

pub struct HttpOptions {
    pub bind: SocketAddr,
    pub token: Option<SecretValue>,
    pub allowed_hosts: Vec<String>,
    pub allowed_origins: Vec<String>,
    pub limits: ClientLimits,
}

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{0} is not a loopback address: set http.token-file, so that clients must authenticate")]
    Unauthenticated(SocketAddr),
    #[error("cannot listen on {bind}: {source}; choose another address with --bind or http.bind")]
    Bind { bind: SocketAddr, source: io::Error },
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// Binds, tells `ready` the address, and serves until `stop`.
#[expect(clippy::disallowed_methods, reason = "the one listener for clients")]
pub async fn serve(
    current: Arc<Current>,
    options: HttpOptions,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<Ended, HttpError> {
    let bind = options.bind;
    if !bind.ip().is_loopback() && options.token.is_none() {
        return Err(HttpError::Unauthenticated(bind));
    }
    let bound = TcpListener::bind(bind).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = bound.map_err(|source| HttpError::Bind { bind, source })?;
    let connections = Connections::new(options.limits);
    // Sessions go on until what they were asked has been answered.
    let over = CancellationToken::new();
    let _over = over.clone().drop_guard();
    let site = Arc::new(Site::new(current.clone(), options, connections.clone(), over));
    let tracker = TaskTracker::new();
    let looking = tokio::spawn(look(connections.clone(), site.clone()));
    ready(address);
    accept(&listener, &connections, &site, &tracker, &stop).await;
    drop(listener);
    connections.close_waiting();
    tracker.close();
    let mut ended = Ended::Answered;
    if tokio::time::timeout(LAST_CALLS, tracker.wait()).await.is_err() {
        if current.stop_all() {
            ended = Ended::CutOff;
        }
        if tokio::time::timeout(LAST_ERRORS, tracker.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "stopping while clients have not taken their answers");
        }
    }
    looking.abort();
    Ok(ended)
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Connections>,
    site: &Arc<Site>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) {
    let farewells = Arc::new(Semaphore::new(MAX_FAREWELLS));
    let mut rest = RESTS.0;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = async { connections.caught_up().await; listener.accept().await } => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                rest = RESTS.0;
                // Without it a small answer waits for the client's delayed acknowledgement: 40 calls a second.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY cannot be set");
                }
                match connections.admit(ClientAddress::new(peer.ip())) {
                    Some(admitted) => drop(tracker.spawn(converse(stream, admitted, site.clone(), stop.clone()))),
                    None => {
                        if let Ok(permit) = farewells.clone().try_acquire_owned() {
                            tracker.spawn(say_farewell(stream, permit));
                        }
                    }
                }
            }
            // One that went away while it waited.
            Err(error) if is_of_one_connection(&error) => {}
            // Descriptors or memory: a connection that can be spared goes, and nobody spins meanwhile.
            Err(error) => {
                tracing::error!(%error, connections = connections.len(), "a connection cannot be accepted");
                connections.make_room();
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(rest) => {}
                }
                rest = RESTS.1.min(rest * 2);
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Serves one connection until it ends, or is to be closed.
async fn converse(stream: TcpStream, admitted: Admitted, site: Arc<Site>, stop: CancellationToken) {
    let connection = admitted.connection.clone();
    let io = TokioIo::new(Watched::new(stream, connection.clone()));
    let asked_of = connection.clone();
    let service = service_fn(move |request| {
        let (site, connection) = (site.clone(), asked_of.clone());
        async move { Ok::<_, Infallible>(site.answer(request, connection).await) }
    });
    let mut http = http1::Builder::new();
    // The table of connections keeps the times.
    http.header_read_timeout(None).max_buf_size(MAX_HEAD).max_header_size(MAX_HEAD).max_headers(MAX_FIELDS);
    let mut serving = std::pin::pin!(http.serve_connection(io, service));
    let mut stopping = false;
    loop {
        tokio::select! {
            served = serving.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = connection.closed() => return,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Says that there is no room, and waits until the client has had a chance to read it.
async fn say_farewell(mut stream: TcpStream, _permit: OwnedSemaphorePermit) {
    const TEXT: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
        Content-Type: text/plain\r\nContent-Length: 21\r\n\r\ntoo many connections\n";
    let said = async {
        stream.write_all(TEXT).await?;
        stream.shutdown().await?;
        // What is left unread when a socket closes takes the answer with it.
        let mut left = [0; 1024];
        while stream.read(&mut left).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(FAREWELL, said).await {
        tracing::debug!(%error, "a connection that was not served went away");
    }
}

/// Closes what takes too long, and tells of crowding.
async fn look(connections: Arc<Connections>, site: Arc<Site>) {
    let limits = site.limits;
    let every = [limits.head, limits.body, limits.idle].into_iter().min().unwrap_or(LOOK) / 4;
    let every = every.clamp(Duration::from_millis(20), LOOK);
    let (mut crowding, mut n_sessions_closed, mut told) = (Crowding::default(), 0, None::<Instant>);
    loop {
        tokio::time::sleep(every).await;
        let now = Instant::now();
        connections.close_overdue(now);
        let Crowding { n_closed_for_room, n_too_slow, n_refused } = connections.take_crowding();
        crowding.n_closed_for_room += n_closed_for_room;
        crowding.n_too_slow += n_too_slow;
        crowding.n_refused += n_refused;
        n_sessions_closed += site.sessions.take_closed();
        let is_crowded = crowding.n_closed_for_room + crowding.n_refused + n_sessions_closed > 0;
        if is_crowded && told.is_none_or(|told| now.duration_since(told) >= TELL) {
            tracing::warn!(
                connections = connections.len(),
                sessions = site.sessions.len(),
                closed_for_room = crowding.n_closed_for_room,
                too_slow = crowding.n_too_slow,
                refused = crowding.n_refused,
                sessions_closed_for_room = n_sessions_closed,
                "more clients than there is room for"
            );
            (crowding, n_sessions_closed, told) = (Crowding::default(), 0, Some(now));
        }
    }
}

/// Digest of the token. Digests are compared, so that neither content nor length shows in the time it takes.
type Expected = [u8; 32];

/// What is served at the address.
struct Site {
    current: Arc<Current>,
    principal: Principal,
    origins: Origins,
    expected: Option<Expected>,
    mcp: StreamableHttpService<Server, Sessions>,
    sessions: Arc<Sessions>,
    limits: ClientLimits,
    /// Requests that are being answered.
    requests: Arc<Semaphore>,
    /// Streams that stay open until the client goes.
    streams: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    connections: Arc<Connections>,
    /// Answers that clients have not taken yet.
    answers: Arc<MemoryAccount>,
}

/// A request on its way through rmcp: what it holds, and what to answer if it was stopped.
#[derive(Default)]
struct Passage {
    stopped: Option<Answer>,
    held: Held,
}

/// Given back when the answer has been sent.
#[derive(Default)]
struct Held {
    permits: Vec<OwnedSemaphorePermit>,
    waiting: Option<super::sessions::Waiting>,
    memory: AnswerMemory,
}

/// A request went no further. The answer is in its passage.
#[derive(Debug, thiserror::Error)]
#[error("the request was stopped")]
struct Stopped;

impl Site {
    fn new(
        current: Arc<Current>,
        options: HttpOptions,
        connections: Arc<Connections>,
        stop: CancellationToken,
    ) -> Self {
        let HttpOptions { bind: _, token, allowed_hosts, allowed_origins, limits } = options;
        let principal = if token.is_some() { Principal::Token } else { Principal::Loopback };
        let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
        hosts.extend(allowed_hosts);
        let config = StreamableHttpServerConfig::default()
            .with_allowed_hosts(hosts)
            .with_json_response(true)
            .with_max_request_body_bytes(frame::MAX_BYTES)
            .with_cancellation_token(stop);
        let server = Server::new(current.clone(), principal);
        let memory = current.host().router().memory().clone();
        let sessions = Arc::new(Sessions::new(limits));
        let mcp = StreamableHttpService::new(move || Ok(server.for_one_client()), sessions.clone(), config);
        Self {
            current,
            principal,
            origins: Origins::new(&allowed_origins),
            expected: token.map(|token| Sha256::digest(token.expose().as_bytes()).into()),
            mcp,
            sessions,
            limits,
            requests: Arc::new(Semaphore::new(limits.requests())),
            streams: Arc::new(Semaphore::new(limits.streams())),
            bodies: body::store(),
            connections,
            answers: memory.within(memory.limit() / ANSWERS_SHARE),
        }
    }

    async fn answer(self: &Arc<Self>, request: Request<Incoming>, connection: Arc<Connection>) -> Response<Sent> {
        connection.answer();
        let client = connection.client();
        let passage = Arc::new(Mutex::new(Passage::default()));
        let page = if request.uri().path() == "/mcp" { self.origins.page(request.headers()) } else { Page::None };
        let mut answer = match (request.uri().path(), request.method()) {
            ("/healthz", &(Method::GET | Method::HEAD)) => text(StatusCode::OK, "ok\n"),
            ("/healthz", _) => {
                let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "");
                answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
                answer
            }
            ("/mcp", _) => {
                let accepted = Accepted::of(request.headers());
                match self.refused(&request, &page, accepted) {
                    Some(answer) => {
                        body::discard(request.into_body()).await;
                        answer
                    }
                    None => CLIENT.scope(client, self.pass(request, accepted, &connection, &passage)).await,
                }
            }
            _ => text(StatusCode::NOT_FOUND, ""),
        };
        if let Page::Listed(origin) = page {
            origins::show(&mut answer, origin);
        }
        let held = std::mem::take(&mut lock(&passage).held);
        let answer = self.with_room(answer, &held.memory).await;
        answer.map(|body| Sent { body, connection, held, site: self.clone(), waiting: None })
    }

    /// What is answered by the head alone.
    fn refused(&self, request: &Request<Incoming>, page: &Page, accepted: Accepted) -> Option<Answer> {
        let headers = request.headers();
        // Before the token is looked at: a browser sends none to ask what it may send.
        if *page == Page::Other {
            let told = "pages of this origin may not ask; the operator can list it under http.allowed-origins\n";
            return Some(text(StatusCode::FORBIDDEN, told));
        }
        if *page != Page::None && origins::is_preflight(request.method(), headers) {
            return Some(origins::preflight::<Full<Bytes>>(headers).map(BodyExt::boxed));
        }
        if !self.is_known(headers) {
            let mut answer = text(StatusCode::UNAUTHORIZED, "a bearer token is needed\n");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            return Some(answer);
        }
        if !has_one_host(request.uri(), headers) {
            let told = "the Host header must be one host, with or without a port\n";
            return Some(text(StatusCode::BAD_REQUEST, told));
        }
        if request.method() == Method::POST && accepted.is_nothing() {
            let told = "answers are application/json or text/event-stream: accept one, or better both\n";
            return Some(text(StatusCode::NOT_ACCEPTABLE, told));
        }
        None
    }

    /// Waits for room for the answer to be sent from. If there is none, whoever is slowest to take an answer goes, or the
    /// client learns that the host is busy.
    async fn with_room(&self, answer: Answer, memory: &AnswerMemory) -> Answer {
        // One without a size comes in pieces, which are counted one by one.
        let Some(bytes) = answer.body().size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
        else {
            return answer;
        };
        if bytes <= FREE_ANSWER {
            memory.clear();
            return answer;
        }
        let since = Instant::now();
        while !memory.becomes(&self.answers, bytes) {
            if since.elapsed() >= ROOM_PATIENCE || bytes > self.answers.limit() {
                drop(answer);
                memory.clear();
                return no_room("answers that nobody has read");
            }
            self.connections.close_slowest(ANSWER_GRACE);
            tokio::time::sleep(ROOM_LOOK).await;
        }
        answer
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let Some(expected) = &self.expected else { return true };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        // The scheme's name in any case (RFC 9110, section 11.1).
        let token =
            given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        token.is_some_and(|(_, token)| {
            let given: Expected = Sha256::digest(token.as_bytes()).into();
            given.ct_eq(expected).into()
        })
    }

    /// Through rmcp, which looks at the head and then asks for the body: only then is that read, and judged.
    async fn pass(
        self: &Arc<Self>,
        request: Request<Incoming>,
        accepted: Accepted,
        connection: &Arc<Connection>,
        passage: &Arc<Mutex<Passage>>,
    ) -> Answer {
        let (mut head, body) = request.into_parts();
        let method = head.method.clone();
        if method == Method::POST {
            Accepted::tell(&mut head.headers);
        }
        head.extensions.insert(lock(passage).held.memory.clone());
        let session = head.headers.get(SESSION).and_then(|id| id.to_str().ok()).map(SessionId::from);
        if head.method == Method::GET {
            let Ok(permit) = self.streams.clone().try_acquire_owned() else { return no_room("streams") };
            connection.streams();
            let mut passage = lock(passage);
            passage.held.permits.push(permit);
            passage.held.waiting = session.as_ref().and_then(|id| self.sessions.wait_on(id));
        }
        let (site, connection, kept) = (self.clone(), connection.clone(), passage.clone());
        let reading = async move {
            connection.wait_for_body();
            let read = site.read(body, session, accepted, &connection, &kept).await;
            read.map_err(|answer| {
                lock(&kept).stopped = Some(*answer);
                Stopped
            })
        };
        let mut answer = self.mcp.handle(Request::from_parts(head, OnePiece::new(reading))).await;
        if let Some(stopped) = lock(passage).stopped.take() {
            return stopped;
        }
        // A session that was ended is gone: nothing more will come of it.
        if method == Method::DELETE && answer.status() == StatusCode::ACCEPTED {
            *answer.status_mut() = StatusCode::NO_CONTENT;
        }
        if method == Method::POST { accepted.fit(answer).await } else { answer }
    }

    async fn read(
        &self,
        body: Incoming,
        session: Option<SessionId>,
        accepted: Accepted,
        connection: &Connection,
        passage: &Mutex<Passage>,
    ) -> Result<Bytes, Box<Answer>> {
        let read = body::read(body, self.limits.body, &self.bodies).await;
        connection.answer();
        let Whole { bytes, stored } = read.map_err(|fault| Box::new(unread(fault)))?;
        let message = match frame::read(&bytes) {
            Ok(message) => message,
            Err(refused) => {
                let told = gate::refuse(&self.current.host(), &refused, self.principal).await;
                // An error about the params of a request is an answer to it; what cannot be read as one is no request.
                let is_answer = refused.fault.code() == -32602 && refused.frame.id.is_some();
                let status = if is_answer { StatusCode::OK } else { StatusCode::BAD_REQUEST };
                return Err(Box::new(json(status, &told)));
            }
        };
        let is_stream = message.method.as_deref() == Some("subscriptions/listen");
        if is_stream && !accepted.events {
            return Err(Box::new(text(StatusCode::NOT_ACCEPTABLE, "what is told is told as text/event-stream\n")));
        }
        let room = self.room(&message, session, connection.client())?;
        if is_stream {
            connection.streams();
        }
        let mut passage = lock(passage);
        passage.held.permits.extend(stored.into_iter().chain([room]));
        Ok(bytes)
    }

    fn room(
        &self,
        message: &Message,
        session: Option<SessionId>,
        client: ClientAddress,
    ) -> Result<OwnedSemaphorePermit, Box<Answer>> {
        let Message { id, method, .. } = message;
        let id = &id.clone().map(gate::request_id);
        let of_session = match (session, id, method.as_deref()) {
            (None, _, Some("initialize")) => self.sessions.has_room(client),
            (Some(session), Some(id), Some(_)) => self.sessions.may_begin(&session, id),
            _ => Ok(()),
        };
        if let Err(fault) = of_session {
            let (status, code, id) = match fault {
                // Its id is another's, who waits for an answer.
                SessionFault::IdInUse => (StatusCode::BAD_REQUEST, -32600, None),
                SessionFault::Full | SessionFault::TooManyRequests | SessionFault::Manager(_) => {
                    (StatusCode::SERVICE_UNAVAILABLE, gate::BUSY.0, id.as_ref())
                }
            };
            return Err(Box::new(json(status, &gate::error(id, code, &fault.to_string(), None))));
        }
        let (rooms, what) = if method.as_deref() == Some("subscriptions/listen") {
            (&self.streams, "streams")
        } else {
            (&self.requests, "requests")
        };
        rooms.clone().try_acquire_owned().map_err(|_| {
            let told = gate::error(id.as_ref(), gate::BUSY.0, &format!("busy: too many {what} are open"), None);
            Box::new(json(StatusCode::SERVICE_UNAVAILABLE, &told))
        })
    }
}

fn lock(passage: &Mutex<Passage>) -> std::sync::MutexGuard<'_, Passage> {
    passage.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unread(fault: BodyFault) -> Answer {
    match fault {
        BodyFault::TooLarge => text(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 4 MiB\n"),
        BodyFault::TooSlow => text(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
        BodyFault::Torn => text(StatusCode::BAD_REQUEST, "the body did not come whole\n"),
        BodyFault::NoRoom => no_room("large bodies"),
    }
}

fn no_room(what: &str) -> Answer {
    text(StatusCode::SERVICE_UNAVAILABLE, &format!("busy: too many {what} are open\n"))
}

fn text(status: StatusCode, body: &str) -> Answer {
    answer(status, "text/plain; charset=utf-8", body.to_owned())
}

fn json(status: StatusCode, body: &Value) -> Answer {
    answer(status, "application/json", body.to_string())
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    answer
}

/// An answer's body, and all that is held until it has been sent.
struct Sent {
    body: BoxBody<Bytes, Infallible>,
    connection: Arc<Connection>,
    held: Held,
    site: Arc<Site>,
    /// A piece of a stream that there is no room for yet.
    waiting: Option<Waiting>,
}

struct Waiting {
    piece: Bytes,
    since: Instant,
    look: Pin<Box<tokio::time::Sleep>>,
}

impl Sent {
    /// The connection has a piece in its own hands until the client takes it: what it counts as goes with it.
    fn on_its_way(&self, piece: Bytes) -> Bytes {
        self.connection.sends();
        Bytes::from_owner(OnItsWay { piece, connection: self.connection.clone(), _held: self.held.memory.take() })
    }

    /// A piece that waited, once there is room for it. One that waits for too long ends its connection: a stream has no other
    /// way to say so.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(Waiting { piece, since, look }) = &mut self.waiting else { return Poll::Ready(None) };
        loop {
            if self.held.memory.becomes(&self.site.answers, piece.len()) {
                let piece = std::mem::take(piece);
                self.waiting = None;
                return Poll::Ready(Some(self.on_its_way(piece)));
            }
            if since.elapsed() >= ROOM_PATIENCE || piece.len() > self.site.answers.limit() {
                self.connection.close();
                return Poll::Pending;
            }
            self.site.connections.close_slowest(ANSWER_GRACE);
            look.as_mut().reset(tokio::time::Instant::now() + ROOM_LOOK);
            if look.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// A piece of an answer that its client has not taken yet.
struct OnItsWay {
    piece: Bytes,
    connection: Arc<Connection>,
    _held: Option<MemoryHeld>,
}

impl AsRef<[u8]> for OnItsWay {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.connection.sent();
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        // Others may know of it still.
        self.held.memory.clear();
        self.connection.answered();
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(piece) = ready!(self.poll_waiting(cx)) {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let is_whole = self.body.size_hint().exact().is_some();
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) if piece.len() <= FREE_ANSWER => Poll::Ready(Some(Ok(Frame::data(piece)))),
                Ok(piece) if is_whole => Poll::Ready(Some(Ok(Frame::data(self.on_its_way(piece))))),
                Ok(piece) => {
                    let look = Box::pin(tokio::time::sleep(ROOM_LOOK));
                    self.waiting = Some(Waiting { piece, since: Instant::now(), look });
                    self.poll_waiting(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
                }
                Err(other) => Poll::Ready(Some(Ok(other))),
            },
            other => Poll::Ready(other),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.waiting.is_none() { self.body.size_hint() } else { SizeHint::default() }
    }
}
