//! One call, one fresh instance: what it may use, what it used, and how it ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio_util::sync::{CancellationToken, DropGuard};

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::engine::TICK;
use super::imports::{self, Exports, Guest, GuestPre, GuestStdio, Hooks};
use super::threads::{self, NoThread, Threads};
use super::{CallContext, LoadError, Offer};
use crate::egress::{Caller, Door, Held, Level};
use crate::names::ToolName;
use crate::tool::{Body, Message, Outcome, PromptError, ToolError};

/// Resources a guest may hold at once: bodies, streams, pollables. No more than its memory pays for.
const MAX_RESOURCES: usize = 1024;
const MIN_RESOURCES: usize = 64;
/// What the host keeps at most for one resource: two chunks of a body, or the fields and the target of a request.
const RESOURCE_BYTES: usize = 64 << 10;
/// What a guest may hand to one host call, lists and strings together. Above the largest body and the largest result.
/// Names of one string many times over count each time, so that a small guest does not become a large list.
const MAX_HOST_CALL_BYTES: usize = 64 << 20;
const MAX_FIELDS_BYTES: usize = 16 << 10;
/// CPU time after which a guest's thread stands behind those of younger calls. The calls of one shard share it, each with a tick at
/// least: many at once compute no longer before others' than one.
const LONG: Duration = Duration::from_millis(100);
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
    #[error("the host has no room for what the shard asked it to keep")]
    Crowded,
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
            Self::Crowded => "busy",
        }
    }
}

/// Everything a guest's imports can touch.
pub(super) struct State {
    /// Goes first when all of it is dropped: a body that the guest was still writing then has an end, and is not whole.
    _ending: DropGuard,
    pub ended: CancellationToken,
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

/// All linear memories and tables of an instance, counted against the call's account for as long as it lives.
struct Memory(Held);

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.0.grow(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.0.grow(desired.saturating_sub(current).saturating_mul(size_of::<usize>())))
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

fn store(
    pre: &GuestPre<State>,
    door: &Arc<Door>,
    caller: &Arc<Caller>,
    meter: &Arc<Meter>,
) -> Result<Store<State>, Failure> {
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
    let limits = &caller.rights.limits;
    table.set_max_capacity((limits.memory / RESOURCE_BYTES).clamp(MIN_RESOURCES, MAX_RESOURCES));
    let ended = CancellationToken::new();
    let state = State {
        _ending: ended.clone().drop_guard(),
        ended,
        door: door.clone(),
        caller: caller.clone(),
        table,
        wasi: wasi.build(),
        http,
        hooks: Hooks,
        stdout,
        stderr,
        memory: Memory(caller.memory.hold(0).ok_or(Failure::Crowded)?),
    };
    let mut store = Store::new(pre.engine(), state);
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(MAX_HOST_CALL_BYTES);
    let meter = meter.clone();
    let long = (LONG / u32::try_from(caller.nth.max(1)).unwrap_or(u32::MAX)).max(TICK);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        let spent = meter.spent();
        if spent > long {
            threads::step_back();
        }
        if spent > meter.budget { Err(CpuSpent.into()) } else { Ok(UpdateDeadline::Yield(1)) }
    });
    Ok(store)
}

/// The CPU time of a call, as the clock of its thread has it: guest code, and what the host does for it meanwhile. A bulk
/// memory instruction is not interrupted, but charged for all it took.
struct Meter {
    budget: Duration,
    /// Nanoseconds of the polls that are over.
    spent: AtomicU64,
    /// What the thread's clock said when the poll that runs began.
    since: AtomicU64,
}

impl Meter {
    fn new(budget: Duration) -> Arc<Self> {
        Arc::new(Self { budget, spent: AtomicU64::new(0), since: AtomicU64::new(thread_time()) })
    }

    fn begin(&self) {
        self.since.store(thread_time(), Ordering::Relaxed);
    }

    fn end(&self) {
        let now = thread_time();
        let poll = now.saturating_sub(self.since.swap(now, Ordering::Relaxed));
        self.spent.fetch_add(poll, Ordering::Relaxed);
    }

    /// While a poll runs.
    fn spent(&self) -> Duration {
        let poll = thread_time().saturating_sub(self.since.load(Ordering::Relaxed));
        Duration::from_nanos(self.spent.load(Ordering::Relaxed).saturating_add(poll))
    }

    /// Polls on this thread until the guest has ended or has spent its time.
    async fn over<T>(&self, guest: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
        let mut guest = std::pin::pin!(guest);
        std::future::poll_fn(|context| {
            self.begin();
            let polled = guest.as_mut().poll(context);
            self.end();
            // What the host did may have taken the rest without any guest code to interrupt.
            let is_over = Duration::from_nanos(self.spent.load(Ordering::Relaxed)) > self.budget;
            if polled.is_pending() && is_over { Poll::Ready(Err(CpuSpent.into())) } else { polled }
        })
        .await
    }
}

/// Nanoseconds of CPU time that this thread has had (`CLOCK_THREAD_CPUTIME_ID`).
fn thread_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let time = Duration::try_from(time).unwrap_or(Duration::MAX);
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// One loaded component, as calls need it.
#[derive(Clone)]
pub(super) struct Ready {
    pub pre: GuestPre<State>,
    pub exports: Exports,
    pub threads: Arc<Threads>,
}

impl Ready {
    /// Runs a tool in a fresh instance and drops the instance.
    pub(super) async fn call(
        &self,
        door: &Arc<Door>,
        caller: &Arc<Caller>,
        tool: &ToolName,
        arguments: String,
        context: CallContext,
    ) -> Result<Result<Outcome, ToolError>, Failure> {
        let (pre, tool) = (self.pre.clone(), tool.clone());
        self.run(door, caller, async move |store| {
            let guest = pre.instantiate_async(&mut *store).await?;
            imports::call_tool(store, &guest, &tool, &arguments, context).await
        })
        .await
    }

    /// What a component offers, from a fresh instance.
    pub(super) async fn list(
        &self,
        door: &Arc<Door>,
        caller: &Arc<Caller>,
    ) -> Result<Result<Offer, LoadError>, Failure> {
        let Self { pre, exports, .. } = self.clone();
        self.run(door, caller, async move |store| {
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
        &self,
        door: &Arc<Door>,
        caller: &Arc<Caller>,
        name: &str,
        arguments: &[(String, String)],
    ) -> Result<Result<Vec<Message>, PromptError>, Failure> {
        let Self { pre, exports, .. } = self.clone();
        let (name, arguments) = (name.to_owned(), arguments.to_owned());
        self.run(door, caller, async move |store| {
            let instance = pre.instance_pre().instantiate_async(&mut *store).await?;
            exports.get_prompt(store, &instance, &name, &arguments).await
        })
        .await
    }

    pub(super) async fn read_document(
        &self,
        door: &Arc<Door>,
        caller: &Arc<Caller>,
        uri: &str,
    ) -> Result<Option<Body>, Failure> {
        let Self { pre, exports, .. } = self.clone();
        let uri = uri.to_owned();
        self.run(door, caller, async move |store| {
            let instance = pre.instance_pre().instantiate_async(&mut *store).await?;
            exports.read_resource(store, &instance, &uri).await
        })
        .await
    }

    /// Runs it on a thread for guests, and waits until nothing of it is left there. Dropping the answer ends the guest.
    async fn run<T: Send + 'static>(
        &self,
        door: &Arc<Door>,
        caller: &Arc<Caller>,
        guest: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let left = CancellationToken::new();
        let _leaving = left.clone().drop_guard();
        let (pre, door, caller) = (self.pre.clone(), door.clone(), caller.clone());
        let runtime = tokio::runtime::Handle::current();
        let work = move || runtime.block_on(alone(&pre, &door, &caller, left, guest));
        self.threads.run(work).await.unwrap_or_else(|error| match error {
            NoThread::Full | NoThread::Start(_) => Err(Failure::Crowded),
            NoThread::Ended => Err(Failure::Trap(wasmtime::Error::new(error))),
        })
    }
}

/// The wall clock and the client's cancellation go round everything, host calls included: epochs do not fire while a
/// guest waits for the host.
async fn alone<T>(
    pre: &GuestPre<State>,
    door: &Arc<Door>,
    caller: &Arc<Caller>,
    left: CancellationToken,
    guest: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> Result<T, Failure> {
    let meter = Meter::new(caller.rights.limits.cpu);
    let mut store = store(pre, door, caller, &meter)?;
    let ended = tokio::select! {
        biased;
        () = caller.cancelled.cancelled() => Err(Failure::Cancelled),
        () = left.cancelled() => Err(Failure::Cancelled),
        () = tokio::time::sleep_until(caller.deadline) => Err(Failure::Deadline),
        ended = meter.over(guest(&mut store)) => ended.map_err(|error| failure(error, caller)),
    };
    store.data().stdout.flush();
    store.data().stderr.flush();
    ended
}

fn failure(error: wasmtime::Error, caller: &Caller) -> Failure {
    if error.is::<CpuSpent>() {
        return Failure::Cpu;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Failure::Stack,
        _ if caller.memory.refused() => Failure::Memory,
        _ if caller.memory.was_crowded() => Failure::Crowded,
        _ => Failure::Trap(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::MemoryAccount;

    #[test]
    fn pages_of_memory_and_elements_of_tables_count_in_bytes() {
        let account = MemoryAccount::new(100_000);
        let mut memory = Memory(account.hold(0).unwrap());
        assert!(memory.memory_growing(0, 65_536, None).unwrap());
        assert!(memory.table_growing(0, 1_000, None).unwrap());
        assert_eq!(account.used(), 65_536 + 8_000);
        assert!(!memory.table_growing(1_000, 1_000 + 3_309, None).unwrap(), "26,472 bytes are eight too many");
        assert!(memory.table_growing(1_000, 1_000 + 3_308, None).unwrap());
        drop(memory);
        assert_eq!((account.used(), account.peak()), (0, 100_000));
    }

    #[test]
    fn time_is_that_of_the_thread_and_not_of_the_clock_on_the_wall() {
        let meter = Meter::new(Duration::from_millis(20));
        meter.begin();
        std::thread::sleep(Duration::from_millis(30));
        assert!(meter.spent() < Duration::from_millis(20), "sleeping costs nothing: {:?}", meter.spent());
        while meter.spent() <= Duration::from_millis(20) {}
        meter.end();
        assert!(Duration::from_nanos(meter.spent.load(Ordering::Relaxed)) > meter.budget);
    }
}
