//! One call, one fresh instance: what it may use, what it used, and how it ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::engine::TICK;
use super::imports::{self, Exports, Guest, GuestPre, GuestStdio, Hooks};
use super::{CallContext, LoadError, Offer};
use crate::egress::{Caller, Door, Level};
use crate::names::ToolName;
use crate::tool::{Body, Message, Outcome, PromptError, ToolError};

/// Resources a guest may hold at once: bodies, streams, pollables.
const MAX_RESOURCES: usize = 1024;
/// What a guest may hand to one host call, lists and strings together. Above the largest body and the largest result.
const MAX_HOST_CALL_BYTES: usize = 64 << 20;
const MAX_FIELDS_BYTES: usize = 32 << 10;
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// Why a guest did not come to its own end. It harmed this call and nothing else.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the shard's deadline passed")]
    Deadline,
    #[error("the shard used up its CPU time")]
    Cpu,
    #[error("the shard asked for more memory than its manifest allows")]
    Memory,
    #[error("the shard recursed too deep")]
    Stack,
    #[error("the shard trapped")]
    Trap(#[source] wasmtime::Error),
    #[error("the call was cancelled")]
    Cancelled,
}

impl Failure {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Trap(_) => "trap",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Everything a guest's imports can touch.
pub(super) struct State {
    pub door: Arc<Door>,
    pub caller: Arc<Caller>,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    stdout: GuestStdio,
    stderr: GuestStdio,
    memory: Memory,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// All linear memories and tables of an instance together, against the manifest's limit.
struct Memory {
    limit: usize,
    used: usize,
    refused: bool,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current).saturating_mul(size_of::<usize>())))
    }
}

impl Memory {
    fn grow(&mut self, more: usize) -> bool {
        let fits = self.used.saturating_add(more) <= self.limit;
        if fits {
            self.used += more;
        } else {
            self.refused = true;
        }
        fits
    }
}

#[derive(Debug, thiserror::Error)]
#[error("CPU time is used up")]
struct CpuSpent;

/// Begins at the mock world's moment and goes on from there: who waits by it does not wait for ever.
struct MockClock {
    moment: jiff::Timestamp,
    since: Instant,
}

impl HostWallClock for MockClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::try_from(self.moment.as_duration()).unwrap_or_default() + self.since.elapsed()
    }
}

fn store(pre: &GuestPre<State>, door: &Arc<Door>, caller: &Arc<Caller>) -> Store<State> {
    let stdout = GuestStdio::new(door, caller, Level::Info);
    let stderr = GuestStdio::new(door, caller, Level::Warn);
    let mut wasi = WasiCtx::builder();
    wasi.stdout(stdout.clone()).stderr(stderr.clone()).max_random_size(MAX_RANDOM_BYTES);
    if let Some(moment) = door.moment() {
        wasi.wall_clock(MockClock { moment, since: Instant::now() });
    }
    wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(MAX_FIELDS_BYTES);
    let mut table = ResourceTable::new();
    table.set_max_capacity(MAX_RESOURCES);
    let limits = &caller.rights.limits;
    let state = State {
        door: door.clone(),
        caller: caller.clone(),
        table,
        wasi: wasi.build(),
        http,
        hooks: Hooks { door: door.clone(), caller: caller.clone() },
        stdout,
        stderr,
        memory: Memory { limit: limits.memory, used: 0, refused: false },
    };
    let mut store = Store::new(pre.engine(), state);
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(MAX_HOST_CALL_BYTES);
    meter(&mut store, limits.cpu);
    store
}

/// Makes guest code yield at every tick and end when its CPU time is spent. A tick's worth is charged at most per
/// interruption: time that passed while the guest waited for the host is not the guest's.
fn meter(store: &mut Store<State>, budget: Duration) {
    let mut spent = Duration::ZERO;
    let mut last = Instant::now();
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        let now = Instant::now();
        spent += now.duration_since(last).min(TICK);
        last = now;
        if spent > budget { Err(CpuSpent.into()) } else { Ok(UpdateDeadline::Yield(1)) }
    });
}

/// Runs a tool in a fresh instance and drops the instance.
pub(super) async fn call(
    pre: &GuestPre<State>,
    door: &Arc<Door>,
    caller: &Arc<Caller>,
    tool: &ToolName,
    arguments: &String,
    context: CallContext,
) -> Result<Result<Outcome, ToolError>, Failure> {
    run(pre, door, caller, async |store| {
        let guest = pre.instantiate_async(&mut *store).await?;
        imports::call_tool(store, &guest, tool, arguments, context).await
    })
    .await
}

/// What a component offers, from a fresh instance.
pub(super) async fn list(
    pre: &GuestPre<State>,
    exports: &Exports,
    door: &Arc<Door>,
    caller: &Arc<Caller>,
) -> Result<Result<Offer, LoadError>, Failure> {
    run(pre, door, caller, async |store| {
        let instance = pre.instance_pre().instantiate_async(&mut *store).await?;
        let guest = Guest::new(&mut *store, &instance)?;
        let tools = imports::list_tools(store, &guest).await?;
        let documents = exports.list(store, &instance).await?;
        Ok(tools.map_err(LoadError::from).and_then(|tools| {
            let (prompts, documents) = documents?;
            Ok(Offer { tools, prompts, documents })
        }))
    })
    .await
}

pub(super) async fn get_prompt(
    pre: &GuestPre<State>,
    exports: &Exports,
    door: &Arc<Door>,
    caller: &Arc<Caller>,
    name: &str,
    arguments: &[(String, String)],
) -> Result<Result<Vec<Message>, PromptError>, Failure> {
    run(pre, door, caller, async |store| {
        let instance = pre.instance_pre().instantiate_async(&mut *store).await?;
        exports.get_prompt(store, &instance, name, arguments).await
    })
    .await
}

pub(super) async fn read_document(
    pre: &GuestPre<State>,
    exports: &Exports,
    door: &Arc<Door>,
    caller: &Arc<Caller>,
    uri: &str,
) -> Result<Option<Body>, Failure> {
    run(pre, door, caller, async |store| {
        let instance = pre.instance_pre().instantiate_async(&mut *store).await?;
        exports.read_resource(store, &instance, uri).await
    })
    .await
}

/// The wall clock and the client's cancellation go round everything, host calls included: epochs do not fire while a
/// guest waits for the host.
async fn run<T>(
    pre: &GuestPre<State>,
    door: &Arc<Door>,
    caller: &Arc<Caller>,
    guest: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> Result<T, Failure> {
    let mut store = store(pre, door, caller);
    let ended = tokio::select! {
        biased;
        () = caller.cancelled.cancelled() => Err(Failure::Cancelled),
        () = tokio::time::sleep_until(caller.deadline) => Err(Failure::Deadline),
        ended = guest(&mut store) => ended.map_err(|error| failure(error, &store.data().memory)),
    };
    store.data().stdout.flush();
    store.data().stderr.flush();
    caller.used_memory(store.data().memory.used);
    ended
}

fn failure(error: wasmtime::Error, memory: &Memory) -> Failure {
    if error.is::<CpuSpent>() {
        return Failure::Cpu;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Failure::Stack,
        _ if memory.refused => Failure::Memory,
        _ => Failure::Trap(error),
    }
}
