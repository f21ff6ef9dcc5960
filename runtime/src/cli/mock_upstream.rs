//! `nexus mock-upstream`

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::net::TcpListener;

use super::Common;
use super::call::print;
use super::exit::Exit;
use super::settings::Settings;
use crate::wire::mock::{ServeOptions, serve};

#[derive(Args)]
pub(super) struct MockUpstream {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8443)]
    port: u16,
    /// Where to write the certificate authority that a host must trust (network.extra-ca)
    #[arg(long, value_name = "FILE", default_value = "target/mock-upstream-ca.pem")]
    ca: PathBuf,
    /// Let any client put in faults, by POST https://localhost/_mock/faults
    #[arg(long)]
    danger_remote_control: bool,
}

impl MockUpstream {
    #[expect(clippy::disallowed_methods, reason = "a listener on loopback, for tests")]
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode, Exit> {
        let settings = Settings::load(common.flags(None)).map_err(|error| Exit::settings(&error))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| Exit::failed(&format!("cannot listen on {address}, choose another --port"), &error))?;
        let options = ServeOptions {
            authority_file: Some(self.ca.clone()),
            danger_remote_control: self.danger_remote_control,
            ..ServeOptions::new(settings.mock_upstreams.options())
        };
        let handle = serve(options, listener).await.map_err(|error| Exit::resource(&error))?;
        let told = if common.json {
            print(&serde_json::json!({ "address": handle.addr().to_string(), "ca": self.ca }).to_string())
        } else {
            print(&format!("mock upstreams at https://{}, to be trusted by {}", handle.addr(), self.ca.display()))
        };
        told.map_err(|error| Exit::failed("output", &error))?;
        tokio::select! {
            () = handle.run() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}
