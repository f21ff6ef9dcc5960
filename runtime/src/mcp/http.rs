//! Streamable HTTP on one listener: `/mcp`, and `/healthz` for whoever watches the process.
//!
//! Loopback unless the operator says otherwise, and anything else needs a bearer token. `Host` and `Origin` are checked,
//! so that a web page cannot reach a server on the reader's own machine (DNS rebinding).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Server;
use crate::call::Current;
use crate::call::Principal;
use crate::secrets::SecretValue;

pub struct HttpOptions {
    pub bind: SocketAddr,
    pub token: Option<SecretValue>,
    pub allowed_hosts: Vec<String>,
    pub allowed_origins: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{0} is not a loopback address: set http.token-file, so that clients must authenticate")]
    Unauthenticated(SocketAddr),
    #[error("cannot listen on {bind}: {source}; choose another address with --bind or http.bind")]
    Bind { bind: SocketAddr, source: std::io::Error },
    #[error("HTTP server failed")]
    Serve(#[source] std::io::Error),
}

/// Binds, tells `ready` the address, and serves until `stop`.
#[expect(clippy::disallowed_methods, reason = "the one listener for clients")]
pub async fn serve(
    current: Arc<Current>,
    options: HttpOptions,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), HttpError> {
    let bind = options.bind;
    if !bind.ip().is_loopback() && options.token.is_none() {
        return Err(HttpError::Unauthenticated(bind));
    }
    let bound = TcpListener::bind(bind).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = bound.map_err(|source| HttpError::Bind { bind, source })?;
    // Without it a small answer waits for the client's delayed acknowledgement: 40 calls a second.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
    });
    let app = app(current, options, stop.clone());
    ready(address);
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await.map_err(HttpError::Serve)
}

fn app(current: Arc<Current>, options: HttpOptions, stop: CancellationToken) -> Router {
    let principal = if options.token.is_some() { Principal::Token } else { Principal::Loopback };
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    hosts.extend(options.allowed_hosts);
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(hosts)
        .with_allowed_origins(options.allowed_origins)
        .enforce_origin_validation()
        .with_json_response(true)
        .with_cancellation_token(stop);
    let server = Server::new(current, principal);
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::new(LocalSessionManager::default()), config);
    let mut mcp = Router::new().route_service("/mcp", service);
    if let Some(token) = options.token {
        let expected: Expected = Arc::new(Sha256::digest(token.expose().as_bytes()).into());
        mcp = mcp.layer(middleware::from_fn_with_state(expected, authenticate));
    }
    mcp.route("/healthz", get(|| async { "ok\n" }))
}

/// Digest of the token. Digests are compared, so that neither content nor length shows in the time it takes.
type Expected = Arc<[u8; 32]>;

async fn authenticate(State(expected): State<Expected>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer "));
    let right = token.is_some_and(|token| {
        let given: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        given.ct_eq(&*expected).into()
    });
    if right {
        next.run(request).await
    } else {
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], "a bearer token is needed\n").into_response()
    }
}
