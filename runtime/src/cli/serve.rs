//! `nexus serve`

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::settings::Settings;
use super::{Common, start};
use crate::mcp::{self, HttpError, HttpOptions};

#[derive(Args)]
pub(super) struct Serve {
    /// One client over standard input and output, instead of HTTP
    #[arg(long, conflicts_with = "bind")]
    stdio: bool,
    /// Address and port to listen on [default: 127.0.0.1:8420]
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        let settings = Settings::load(common.flags(self.bind)).map_err(|error| Exit::settings(&error))?;
        let token = settings.http_token().map_err(|error| Exit::settings(&error))?;
        let host = start::host(&settings).await?;
        let source = host.source().as_str();
        let served = if self.stdio {
            tracing::info!(source, tools = host.router().tools().count(), "serving one client over stdio");
            tokio::select! {
                served = mcp::serve_stdio(host.clone()) => served.map_err(|error| Exit::failed("stdio", &error)),
                () = stopped() => Ok(()),
            }
        } else {
            let options = HttpOptions {
                bind: settings.http.bind,
                token,
                allowed_hosts: settings.http.allowed_hosts.clone(),
                allowed_origins: settings.http.allowed_origins.clone(),
            };
            let stop = CancellationToken::new();
            let on_signal = stop.clone();
            tokio::spawn(async move {
                stopped().await;
                on_signal.cancel();
            });
            let tools = host.router().tools().count();
            let ready = |address: SocketAddr| {
                tracing::info!(source, tools, "serving MCP at http://{address}/mcp");
            };
            mcp::serve_http(host.clone(), options, stop, ready).await.map_err(|error| match error {
                HttpError::Unauthenticated(_) => Exit::settings(&error),
                HttpError::Bind { .. } | HttpError::Serve(_) => Exit::resource(&error),
            })
        };
        start::stop(&host).await;
        served.map(|()| ExitCode::SUCCESS)
    }
}

/// SIGINT or SIGTERM.
async fn stopped() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
