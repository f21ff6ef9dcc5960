//! One engine for all shards: its limits, its pool of instances, and the clock that makes guest code yield.

use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::egress::Limits;

/// How often guest code is interrupted so that it yields its worker thread. A tenth of the smallest sensible CPU limit.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Calls in flight, all shards together. The router admits no more, so the pool is never the one to say no.
pub const MAX_CALLS: u32 = 256;

/// Core modules in one component: an interpreter's component has a dozen with its adapters.
const MAX_CORE_INSTANCES: u32 = 32;
const MAX_TABLE_ELEMENTS: usize = 64 << 10;
/// Guest stack. Host functions run on the rest of the fibre's stack.
const WASM_STACK: usize = 512 << 10;
const FIBRE_STACK: usize = 2 << 20;
/// Pages of a slot that stay mapped between calls. Resetting them by copying is cheaper than asking the kernel to take
/// them back and to fault them in again; `docs/benchmarks.md` has the figures.
const KEEP_RESIDENT: usize = 2 << 20;

/// Makes the engine and starts its ticker, which ends when the engine is dropped.
pub fn engine() -> wasmtime::Result<Engine> {
    let engine = Engine::new(&config())?;
    tick(engine.weak())?;
    Ok(engine)
}

fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.max_wasm_stack(WASM_STACK);
    config.async_stack_size(FIBRE_STACK);
    config.cranelift_opt_level(OptLevel::Speed);
    // Guests speak WASI 0.2: without component-model concurrency a store is cheaper to make and to enter.
    config.concurrency_support(false);
    config.wasm_memory64(false);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    config
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MAX_CALLS);
    pool.total_stacks(MAX_CALLS);
    pool.total_core_instances(MAX_CALLS * 8);
    pool.total_memories(MAX_CALLS * 2);
    pool.total_tables(MAX_CALLS * 4);
    pool.max_core_instances_per_component(MAX_CORE_INSTANCES);
    pool.max_memories_per_component(4);
    pool.max_tables_per_component(16);
    pool.max_memories_per_module(1);
    pool.max_tables_per_module(4);
    pool.max_core_instance_size(1 << 20);
    pool.max_component_instance_size(1 << 20);
    pool.table_elements(MAX_TABLE_ELEMENTS);
    pool.max_memory_size(Limits::MAX_MEMORY);
    pool.linear_memory_keep_resident(KEEP_RESIDENT);
    pool.table_keep_resident(KEEP_RESIDENT);
    pool.async_stack_keep_resident(FIBRE_STACK);
    pool.decommit_batch_size(64);
    pool.pagemap_scan(Enabled::Auto);
    pool
}

/// A thread of its own: a tick must come even when every worker thread is busy with a guest that will not yield.
fn tick(engine: wasmtime::EngineWeak) -> wasmtime::Result<()> {
    let ticker = std::thread::Builder::new().name("epoch".into());
    let started = ticker.spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
    // Without ticks a looping guest would never end: better not to start at all.
    started.map(drop).map_err(|error| wasmtime::Error::new(error).context("no thread to interrupt guests"))
}
