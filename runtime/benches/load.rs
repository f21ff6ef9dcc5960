//! Load over streamable HTTP against the same tool as a native rmcp function, cold start, and memory. One run, one
//! process, two cores for clients and servers alike: compare the ratios, not the figures of two machines.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark ends where it is wrong, and prints"
)]

#[path = "support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use nexus::call::Current;
use nexus::mcp::{self, ClientLimits, HttpOptions};
use nexus::wire::Mock;
use nexus::wire::mock::{Fault, Misbehaviour};
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use support::{TOOL, arguments, asked, host, mock, native, repo};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const RUN: Duration = Duration::from_secs(4);

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(load());
    runtime.block_on(memory());
    cold_start();
}

async fn load() {
    let folder = tempfile::tempdir_in(repo().join("target")).unwrap();
    let stop = CancellationToken::new();
    let nexus = serve_nexus(folder.path(), stop.clone()).await;
    let bare = serve_native(mock(Vec::new())).await;
    println!("load over streamable HTTP, {} s each, ledger durable", RUN.as_secs());
    println!("{:>8} {:>10} {:>12} {:>10} {:>10}", "clients", "server", "calls/s", "p50 ms", "p99 ms");
    for clients in [1, 8, 64] {
        let mut rates = Vec::new();
        for (name, address) in [("native", bare), ("nexus", nexus)] {
            drive(address, clients, Duration::from_millis(500)).await;
            let mut times = drive(address, clients, RUN).await;
            times.sort();
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
            let rate = times.len() as f64 / RUN.as_secs_f64();
            println!("{clients:>8} {name:>10} {rate:>12.0} {:>10.2} {:>10.2}", at(0.5), at(0.99));
            rates.push(rate);
        }
        println!("{clients:>8} {:>10} {:>12.2}", "ratio", rates[1] / rates[0]);
    }
    stop.cancel();
}

async fn serve_nexus(folder: &std::path::Path, stop: CancellationToken) -> SocketAddr {
    let host = host(folder, true, Vec::new()).await;
    let options = HttpOptions {
        bind: ([127, 0, 0, 1], 0).into(),
        token: None,
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
        limits: ClientLimits::default(),
    };
    let (tell, told) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let ready = |address| {
            let _ = tell.send(address);
        };
        mcp::serve_http(Arc::new(Current::new(host)), options, stop, ready).await.unwrap();
    });
    told.await.unwrap()
}

/// The same tool on bare rmcp: no sandbox, no policy, no scan, no ledger.
#[derive(Clone)]
struct Native(Mock);

impl ServerHandler for Native {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let data = native(&self.0).await;
        let mut result = CallToolResult::success(vec![ContentBlock::text(data.to_string())]);
        result.structured_content = Some(data);
        Ok(result.into())
    }
}

async fn serve_native(mock: Mock) -> SocketAddr {
    use axum::serve::ListenerExt;
    let server = Native(mock);
    let config = StreamableHttpServerConfig::default().with_json_response(true);
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::new(LocalSessionManager::default()), config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    let app = axum::Router::new().route_service("/mcp", service);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// Calls as fast as answers come, on one kept connection a client. The time of each call.
async fn drive(address: SocketAddr, clients: usize, run: Duration) -> Vec<Duration> {
    let end = Instant::now() + run;
    let clients = (0..clients).map(|_| {
        tokio::spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let mut times = Vec::new();
            while Instant::now() < end {
                let begun = Instant::now();
                sender.ready().await.unwrap();
                let reply = sender.send_request(request(address)).await.unwrap();
                let status = reply.status();
                let body = reply.into_body().collect().await.unwrap().to_bytes();
                let text = std::str::from_utf8(&body).unwrap();
                assert!(status.is_success() && text.contains("Alice Johnson"), "{status} {text}");
                times.push(begun.elapsed());
            }
            times
        })
    });
    let mut times = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        times.extend(client.await.unwrap());
    }
    times
}

fn call() -> serde_json::Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": TOOL, "arguments": arguments(), "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
}

fn request(address: SocketAddr) -> http::Request<Full<bytes::Bytes>> {
    http::Request::post("/mcp")
        .header("host", address.to_string())
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", TOOL)
        .body(Full::new(call().to_string().into()))
        .unwrap()
}

/// Resident memory of this process, in KiB.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn memory() {
    const SHARDS: i64 = 8;
    const CALLS: i64 = 64;
    let mut kept = Vec::new();
    let folder = || tempfile::tempdir_in(repo().join("target")).unwrap();
    // The first one pays for the engine and the code of the host itself.
    let first = folder();
    kept.push(host(first.path(), false, Vec::new()).await);
    let before = resident();
    let mut folders = vec![first];
    for _ in 0..SHARDS {
        let next = folder();
        kept.push(host(next.path(), false, Vec::new()).await);
        folders.push(next);
    }
    println!("memory: {} KiB for each further host with one shard loaded", (resident() - before) / SHARDS);

    let stall = Fault { route: "graph/*".into(), at: 1, times: 0, does: Misbehaviour::Stall };
    let next = folder();
    let stalled = host(next.path(), false, vec![stall]).await;
    let before = resident();
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let host = stalled.clone();
            tokio::spawn(async move { host.call(asked()).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("memory: {} KiB for each call in flight, of {CALLS}", (resident() - before) / CALLS);
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

/// From starting the program to its first `tools/list`, over standard input and output.
fn cold_start() {
    let folder = tempfile::tempdir_in(repo().join("target")).unwrap();
    let settings = folder.path().join("nexus.toml");
    let text = format!(
        "shards = [{:?}]\nledger = \"ledger.jsonl\"\ncache = \"cache\"\n[mock-upstreams]\ndata = {:?}\n[review]\nlock = {:?}\n",
        repo().join("target/shards"),
        repo().join("mock-data"),
        repo().join("nexus.lock")
    );
    std::fs::write(&settings, text).unwrap();
    for run in ["compiling", "cached", "cached"] {
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_nexus"))
            .args(["--config", settings.to_str().unwrap(), "serve", "--stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut request = call();
        request["method"] = json!("tools/list");
        request["params"] = json!({ "_meta": request["params"]["_meta"] });
        writeln!(child.stdin.as_ref().unwrap(), "{request}").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let took = begun.elapsed();
        assert!(line.contains(TOOL), "{line}");
        drop(child.stdin.take());
        child.wait().unwrap();
        println!("cold start, {run}: {:.0} ms to the first tools/list", took.as_secs_f64() * 1000.0);
    }
}
