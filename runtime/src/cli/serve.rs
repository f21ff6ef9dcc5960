//! `nexus serve`

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::reload::Watch;
use super::settings::Settings;
use super::unmatched::GivenNames;
use super::{Common, open_files, start};
use crate::call::Current;
use crate::mcp::{self, Ended, HttpError, HttpOptions};

#[derive(Args)]
pub(super) struct Serve {
    /// One client over standard input and output, instead of HTTP
    #[arg(long, conflicts_with = "bind")]
    stdio: bool,
    /// Address and port to listen on [default: 127.0.0.1:8420]
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<SocketAddr>,
    /// Serve shards that nobody approved, on loopback only; every result and every line of the ledger says so
    #[arg(long)]
    dev: bool,
}

impl Serve {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        let settings = Settings::load(common.flags(self.bind)).map_err(|error| Exit::settings(&error))?;
        let token = settings.http_token().map_err(|error| Exit::settings(&error))?;
        let (http, names) = (settings.http.clone(), GivenNames::of(&settings));
        if self.dev && !self.stdio && !http.bind.ip().is_loopback() {
            let story = format!(
                "--dev serves what nobody approved, so it serves this machine alone: {} is not loopback",
                http.bind
            );
            return Err(Exit::usage(story));
        }
        // Before anything is loaded: from here on a hangup ends nothing.
        let hangups = signal(SignalKind::hangup()).map_err(|error| Exit::failed("signals", &error))?;
        let stop = CancellationToken::new();
        let terminated = signal(SignalKind::terminate()).map_err(|error| Exit::failed("signals", &error))?;
        let interrupted = signal(SignalKind::interrupt()).map_err(|error| Exit::failed("signals", &error))?;
        tokio::spawn(on_end(terminated, interrupted, stop.clone()));
        let started = tokio::select! {
            started = start::host(settings, self.dev, start::Wait::Approved) => started?,
            () = stop.cancelled() => {
                tracing::info!("told to stop before anything was served");
                return Ok(ExitCode::SUCCESS);
            }
        };
        let host = started.host.clone();
        let current = Arc::new(Current::new(host.clone()));
        let warning = tokio::spawn(names.warn(current.clone()));
        let watch = Arc::new(Watch::start(started, current.clone())?);
        let reloading = tokio::spawn(on_hangup(hangups, watch.clone()));
        let source = host.source().as_str();
        let served = if self.stdio {
            tracing::info!(source, tools = host.router().tools().count(), "serving one client over stdio");
            mcp::serve_stdio(current.clone(), stop).await.map_err(|error| Exit::failed("stdio", &error))
        } else {
            let options = HttpOptions {
                bind: http.bind,
                token,
                limits: http.limits(open_files::for_clients()),
                allowed_hosts: http.allowed_hosts,
                allowed_origins: http.allowed_origins,
            };
            let tools = host.router().tools().count();
            let ready = |address: SocketAddr| {
                tracing::info!(source, tools, "serving MCP at http://{address}/mcp");
            };
            mcp::serve_http(current.clone(), options, stop, ready).await.map_err(|error| match error {
                HttpError::Unauthenticated(_) => Exit::settings(&error),
                HttpError::Bind { .. } => Exit::resource(&error),
            })
        };
        reloading.abort();
        warning.abort();
        watch.stop().await;
        current.settle().await;
        start::stop(&host).await;
        served.map(|ended| match ended {
            Ended::Answered => ExitCode::SUCCESS,
            Ended::CutOff => ExitCode::from(Exit::CUT_OFF),
        })
    }
}

/// SIGHUP: another look at lock, quarantine, folders and the files of secrets.
async fn on_hangup(mut hangups: Signal, watch: Arc<Watch>) {
    while hangups.recv().await.is_some() {
        tracing::info!("hangup: looking at approvals, shards and secrets again");
        watch.look_again();
    }
}

/// SIGINT or SIGTERM.
async fn on_end(mut terminated: Signal, mut interrupted: Signal, stop: CancellationToken) {
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    stop.cancel();
}
