//! Serves the mock upstreams over TLS on loopback, so that live mode meets real sockets.
//!
//! One port answers for every host; which one is meant stands in the `Host` header, as a client sends it that connects to
//! loopback under the upstream's own name. Proof of who asks is checked here, unlike in process: tokens come from the
//! token routes, and expire.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use rustls::ServerConfig;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::answer::Answer;
use super::asked::{Asked, Proof, form};
use super::certificate::{self, Certificate};
use super::{Act, Fault, Mock, MockError, MockOptions, files};
use crate::wire::WireError;

/// Large enough for any report that a client might post, small enough to stay harmless.
const MAX_REQUEST_BODY: usize = 16 << 20;

pub struct ServeOptions {
    pub mock: MockOptions,
    pub certificate: Certificate,
    /// Where to write the authority that a client has to trust, in PEM.
    pub authority_file: Option<PathBuf>,
    /// Lets any client put in faults, by `POST https://localhost/_mock/faults`.
    pub danger_remote_control: bool,
}

impl ServeOptions {
    pub fn new(mock: MockOptions) -> Self {
        Self { mock, certificate: Certificate::Good, authority_file: None, danger_remote_control: false }
    }
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    #[error("mock upstreams cannot be loaded")]
    Mock(#[from] MockError),
    #[error("no certificate can be made")]
    Certificate(#[source] rcgen::Error),
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    #[error("{} cannot be written", path.display())]
    Authority { path: PathBuf, source: io::Error },
    #[error("the listener has no address")]
    Listener(#[source] io::Error),
    #[error("{0} is not a loopback address, and mock upstreams are served nowhere else")]
    NotLoopback(SocketAddr),
}

/// A server that runs until it is shut down or this is dropped.
pub struct Handle {
    addr: SocketAddr,
    ca_pem: String,
    mock: Mock,
    server: JoinHandle<()>,
}

impl Handle {
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The authority to trust, in PEM. It is made anew by every server.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// How many requests have reached this `upstream/route`.
    pub fn count(&self, route: &str) -> u64 {
        self.mock.count(route)
    }

    pub fn inject(&self, fault: Fault) {
        self.mock.inject(fault);
    }

    pub fn expire_tokens(&self) {
        self.mock.expire_tokens();
    }

    /// Closes every connection, answered or not.
    pub async fn shutdown(mut self) {
        self.server.abort();
        // The task was just cancelled: that it ended so is no news.
        let _ = (&mut self.server).await;
    }

    /// Until the server ends, which it does not do by itself.
    pub async fn run(mut self) {
        let _ = (&mut self.server).await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Loads the mock upstreams and serves them. Returns as soon as connections are accepted.
pub async fn serve(options: ServeOptions, listener: TcpListener) -> Result<Handle, ServeError> {
    let addr = listener.local_addr().map_err(ServeError::Listener)?;
    if !addr.ip().is_loopback() {
        return Err(ServeError::NotLoopback(addr));
    }
    let mock = Mock::load(options.mock)?;
    let names = mock.hosts().map(|host| host.split(':').next().unwrap_or_default().to_owned()).collect();
    let issued = certificate::issue(names, options.certificate).map_err(ServeError::Certificate)?;
    if let Some(path) = options.authority_file {
        files::write(&path, &issued.authority).map_err(|source| ServeError::Authority { path, source })?;
    }
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ServeError::Tls)?
        .with_no_client_auth()
        .with_single_cert(issued.chain, issued.key)
        .map_err(ServeError::Tls)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let service = Service { mock: mock.clone(), port: addr.port(), remote_control: options.danger_remote_control };
    let server = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), service));
    Ok(Handle { addr, ca_pem: issued.authority, mock, server })
}

/// Dropping this future drops the connections with it.
async fn accept(listener: TcpListener, tls: TlsAcceptor, service: Service) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, tls.clone(), service.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "mock upstream could not accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, service: Service) {
    let stream = match tls.accept(stream).await {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!(%error, "no TLS with a client of the mock upstream"),
    };
    let answer = service_fn(move |request| {
        let service = service.clone();
        async move { service.answer(request).await }
    });
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the mock upstream ended early");
    }
}

#[derive(Clone)]
struct Service {
    mock: Mock,
    port: u16,
    remote_control: bool,
}

/// The connection is closed without an answer: hyper does so when a service fails.
#[derive(Debug, thiserror::Error)]
#[error("the mock upstream closes the connection")]
struct Hangup;

impl Service {
    async fn answer(&self, request: http::Request<Incoming>) -> Result<Response<Reply>, Hangup> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_REQUEST_BODY).collect().await else {
            return Ok(complain(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large or broke off"));
        };
        let body = body.to_bytes();
        let Some(asked) = asked(&head, body, self.port) else {
            return Ok(complain(StatusCode::BAD_REQUEST, "the request has no readable host or path"));
        };
        if self.remote_control && asked.host == "localhost" && asked.path().starts_with("/_mock/") {
            return Ok(self.control(&asked));
        }
        match self.mock.answer(asked).await {
            Ok(Act::Reply(answer)) => Ok(respond(answer, Ending::Whole)),
            Ok(Act::Torn(answer)) => Ok(respond(answer, Ending::Torn)),
            Ok(Act::StallBody(answer)) => Ok(respond(answer, Ending::Stalled)),
            Ok(Act::Stall) => std::future::pending().await,
            Ok(Act::Reset) => Err(Hangup),
            Err(error) => Ok(unanswered(&error)),
        }
    }

    /// Counts and faults, for programs that run the mock upstream as a process of its own.
    fn control(&self, asked: &Asked) -> Response<Reply> {
        match (&asked.method, asked.path().as_str()) {
            (&Method::POST, "/_mock/faults") => match serde_json::from_slice::<Fault>(&asked.body) {
                Ok(fault) if !self.mock.has_route(&fault) => {
                    complain(StatusCode::BAD_REQUEST, "no upstream has this route")
                }
                Ok(fault) => {
                    self.mock.inject(fault);
                    complain(StatusCode::OK, "done")
                }
                Err(error) => complain(StatusCode::BAD_REQUEST, &error.to_string()),
            },
            (&Method::POST, "/_mock/expire-tokens") => {
                self.mock.expire_tokens();
                complain(StatusCode::OK, "done")
            }
            _ => complain(StatusCode::NOT_FOUND, "known are POST /_mock/faults and POST /_mock/expire-tokens"),
        }
    }
}

/// A client that was told our own port means the upstream's usual one.
fn asked(head: &http::request::Parts, body: Bytes, own_port: u16) -> Option<Asked> {
    let authority = head.headers.get(HOST)?.to_str().ok()?.to_ascii_lowercase();
    let authority: http::uri::Authority = authority.parse().ok()?;
    let path = head.uri.path().strip_prefix('/')?;
    let decode = |segment: &str| percent_decode_str(segment).decode_utf8().map(|text| text.into_owned());
    let segments = path.split('/').map(decode).collect::<Result<Vec<_>, _>>().ok()?;
    Some(Asked {
        method: head.method.clone(),
        host: authority.host().to_owned(),
        port: authority.port_u16().filter(|port| *port != own_port).unwrap_or(443),
        segments,
        query: form(head.uri.query().unwrap_or_default().as_bytes()),
        headers: head.headers.clone(),
        body,
        proof: Proof::Headers,
    })
}

/// A request that the mock upstream cannot answer is not the vendor's 404: 501 is never retried and nobody takes it for
/// an answer.
fn unanswered(error: &WireError) -> Response<Reply> {
    tracing::warn!(%error, "mock upstream cannot answer");
    complain(StatusCode::NOT_IMPLEMENTED, &error.to_string())
}

fn complain(status: StatusCode, message: &str) -> Response<Reply> {
    let body = Bytes::from(json!({ "mock-upstream": message }).to_string());
    let mut headers = http::HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    respond(Answer { status, headers, body }, Ending::Whole)
}

fn respond(answer: Answer, ending: Ending) -> Response<Reply> {
    let length = answer.body.len();
    let sent = match ending {
        Ending::Whole => answer.body,
        Ending::Torn | Ending::Stalled => answer.body.slice(..length / 2),
    };
    let mut response = Response::new(Reply { sent: Some(sent), length, ending, flushed: false });
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

#[derive(Clone, Copy)]
enum Ending {
    Whole,
    Torn,
    Stalled,
}

/// A body that announces its whole length, whether or not all of it comes.
struct Reply {
    sent: Option<Bytes>,
    length: usize,
    ending: Ending,
    flushed: bool,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Hangup;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Hangup>>> {
        if let Some(sent) = self.sent.take() {
            return Poll::Ready(Some(Ok(Frame::data(sent))));
        }
        match self.ending {
            Ending::Whole => Poll::Ready(None),
            // The half is sent only when the body has nothing more to give at once.
            Ending::Torn if !self.flushed => {
                self.flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ending::Torn => Poll::Ready(Some(Err(Hangup))),
            // Nothing wakes this again: the client gives up, or the server is shut down.
            Ending::Stalled => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.ending {
            Ending::Whole => self.sent.is_none(),
            Ending::Torn | Ending::Stalled => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}
