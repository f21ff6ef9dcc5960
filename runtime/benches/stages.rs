//! Where the time of one call goes: each stage by itself, the whole call, and the same tool as a native function.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark ends where it is wrong, and prints"
)]

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use nexus::audit::{Asked, Crossing, Ending, Facts};
use nexus::egress::{Caller, Door};
use nexus::names::ToolName;
use nexus::outbound::{GuestRequest, Outbound};
use nexus::policy::Grants;
use nexus::shard::CallContext;
use nexus::wire::Wire;
use support::{TOOL, asked, host, ledger, manifest, mock, native, request, scrubber};
use tokio::runtime::Runtime;

fn outbound() -> GuestRequest {
    let query = request().query.into_iter().map(|(key, value)| format!("{key}={}", value.replace(',', "%2C")));
    GuestRequest {
        method: "GET".into(),
        url: format!("https://graph.microsoft.com/v1.0/users?{}", query.collect::<Vec<_>>().join("&")),
        headers: vec![("accept".into(), b"application/json".to_vec())],
        body: Vec::new(),
        credential: Some("graph".into()),
    }
}

fn stages(bench: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir_in(support::repo().join("target")).unwrap();
    let grants = Grants::new(manifest().egress);
    let tool = ToolName::parse(TOOL).unwrap();
    let scrubber = scrubber();
    let upstream = mock(Vec::new());

    let asked_for = outbound();
    bench.bench_function("policy: read and judge one request", |b| {
        b.iter(|| grants.permit(Some(&tool), Outbound::parse(asked_for.clone()).unwrap()).unwrap());
    });
    let permit = grants.permit(Some(&tool), Outbound::parse(outbound()).unwrap()).unwrap();
    bench.bench_function("scan: look for secrets in the request", |b| b.iter(|| scrubber.leak(permit.outbound())));
    let reply = runtime.block_on(upstream.send(&request())).unwrap();
    bench.bench_function("scan: clean the reply", |b| {
        b.iter(|| {
            let raw = nexus::wire::RawReply::new(reply.status(), reply.headers().clone(), reply.body().clone());
            scrubber.reply(raw, None).unwrap()
        });
    });
    for durable in [false, true] {
        let ledger = ledger(folder.path(), durable);
        let name = if durable { "ledger: two lines, durable" } else { "ledger: two lines, not durable" };
        bench.bench_function(name, |b| {
            b.to_async(&runtime).iter(async || {
                let asked = Asked {
                    what: Crossing::Call,
                    parent: None,
                    subject: Default::default(),
                    args_summary: None,
                    subjects: Vec::new(),
                    request_bytes: None,
                };
                let entry = ledger.ask(asked).await.unwrap();
                entry.close(Ending::Release { facts: Facts::default() }, ()).await.unwrap()
            });
        });
    }
    guest(bench, &runtime);
    bench.bench_function("mock upstream: answer", |b| {
        b.to_async(&runtime).iter(async || upstream.send(&request()).await.unwrap());
    });
    bench.bench_function("native: the same tool as a function", |b| {
        b.to_async(&runtime).iter(async || native(&upstream).await);
    });
    for durable in [false, true] {
        let folder = tempfile::tempdir_in(support::repo().join("target")).unwrap();
        let host = runtime.block_on(host(folder.path(), durable, Vec::new()));
        let name = if durable { "call: whole, ledger durable" } else { "call: whole, ledger not durable" };
        bench.bench_function(name, |b| {
            b.to_async(&runtime).iter(async || {
                let answer = host.call(asked()).await;
                assert!(answer.result.is_ok(), "{answer:?}");
                answer
            });
        });
    }
}

/// A store, an instance, one call that does next to nothing, and their end.
fn guest(bench: &mut Criterion, runtime: &Runtime) {
    let folder = tempfile::tempdir_in(support::repo().join("target")).unwrap();
    let door = Arc::new(Door::new(ledger(folder.path(), false), Wire::Mock(mock(Vec::new())), scrubber()));
    let shard = runtime.block_on(support::shard(&door, support::built("guests/hostile")));
    let tool = ToolName::parse("hostile_echo").unwrap();
    let arguments = r#"{"text":"hello"}"#.to_owned();
    bench.bench_function("guest: fresh instance, one small call", |b| {
        b.to_async(runtime).iter(async || {
            let caller = Arc::new(Caller::nobody(shard.rights.clone(), Arc::default()));
            let context =
                CallContext { call_id: String::new(), remaining_ms: 1000, settings: Vec::new(), resumed: None };
            shard.call(&door, &caller, &tool, arguments.clone(), context).await.unwrap().unwrap()
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(std::time::Duration::from_secs(3)).warm_up_time(std::time::Duration::from_secs(1)).without_plots();
    targets = stages
}
criterion_main!(benches);
