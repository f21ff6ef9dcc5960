//! One engine for all shards: its limits, its pool of instances, and the clock that makes guest code yield.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmFeatures};

use super::threads::Threads;
use crate::egress::{Limits, MemoryAccount};

/// How often guest code is interrupted so that it yields its worker thread. A tenth of the smallest sensible CPU limit.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Calls in flight, all shards together. The router admits no more, so the pool is never the one to say no.
pub const MAX_CALLS: u32 = 256;

/// Instances at once: calls, and what lists tools or answers for prompts and documents beside them.
const MAX_INSTANCES: u32 = MAX_CALLS + 32;

/// What one component may have. The pool has as much for every instance, so that no component, however greedy, takes
/// what another was admitted for. Core modules: an interpreter's component has a dozen with its adapters.
const MAX_CORE_INSTANCES: u32 = 32;
const MAX_MEMORIES: u32 = 4;
const MAX_TABLES: u32 = 16;
/// Bytes that the engine itself keeps for one core instance: its globals, functions and segments.
const MAX_CORE_INSTANCE_BYTES: usize = 256 << 10;
const MAX_TABLE_ELEMENTS: usize = 64 << 10;
/// Guest stack. Host functions run on the rest of the fibre's stack.
const WASM_STACK: usize = 512 << 10;
const FIBRE_STACK: usize = 2 << 20;
/// Slots that keep the image of the component that was in them last, and with it a descriptor: components that were replaced
/// leave no more than these behind.
const MAX_WARM: u32 = 32;
/// Pages of a slot that stay mapped between calls. Resetting them by copying is cheaper than asking the kernel to take
/// them back and to fault them in again; `docs/benchmarks.md` has the figures.
const KEEP_RESIDENT: usize = 512 << 10;

/// Where guests run: the WebAssembly engine, the threads that they compute on, and the memory of all of them together.
#[derive(Clone)]
pub struct Engine {
    wasm: wasmtime::Engine,
    pub(super) threads: Arc<Threads>,
    memory: Arc<MemoryAccount>,
}

impl Engine {
    /// What all guests together may have the host keep, in bytes.
    pub fn memory(&self) -> &Arc<MemoryAccount> {
        &self.memory
    }
}

impl Deref for Engine {
    type Target = wasmtime::Engine;

    fn deref(&self) -> &wasmtime::Engine {
        &self.wasm
    }
}

/// Makes the engine and starts its ticker, which ends when the engine is dropped. `memory` bounds all guests together.
pub fn engine(memory: usize) -> wasmtime::Result<Engine> {
    let wasm = wasmtime::Engine::new(&config())?;
    tick(wasm.weak())?;
    Ok(Engine { wasm, threads: Arc::default(), memory: MemoryAccount::new(memory) })
}

/// An engine that compiles what [`engine`] runs, and runs nothing itself: it reserves no room for instances.
pub(super) fn for_compiling() -> wasmtime::Result<wasmtime::Engine> {
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    wasmtime::Engine::new(&config)
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
    config.wasm_features(NOT_BUILT, false);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    config
}

/// The engine is built without garbage collection and without threads. It takes function types with subtypes all the same unless it
/// is told not to, and ends the process where a call has to compare two of them (GHSA-rc4p-x33f-vpr2).
const NOT_BUILT: WasmFeatures = WasmFeatures::GC
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::SHARED_EVERYTHING_THREADS);

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MAX_INSTANCES);
    pool.total_stacks(MAX_INSTANCES);
    pool.total_core_instances(MAX_INSTANCES * MAX_CORE_INSTANCES);
    pool.total_memories(MAX_INSTANCES * MAX_MEMORIES);
    pool.total_tables(MAX_INSTANCES * MAX_TABLES);
    pool.max_core_instances_per_component(MAX_CORE_INSTANCES);
    pool.max_memories_per_component(MAX_MEMORIES);
    pool.max_tables_per_component(MAX_TABLES);
    pool.max_memories_per_module(1);
    pool.max_tables_per_module(4);
    pool.max_core_instance_size(MAX_CORE_INSTANCE_BYTES);
    pool.max_component_instance_size(1 << 20);
    pool.table_elements(MAX_TABLE_ELEMENTS);
    pool.max_memory_size(Limits::MAX_MEMORY);
    pool.linear_memory_keep_resident(KEEP_RESIDENT);
    pool.table_keep_resident(KEEP_RESIDENT);
    pool.async_stack_keep_resident(FIBRE_STACK);
    pool.decommit_batch_size(1);
    pool.max_unused_warm_slots(MAX_WARM);
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

#[cfg(test)]
mod tests {
    use wasmtime::component::Component;

    use super::*;

    /// A component with one core module, which has these sections.
    fn component(sections: &[u8]) -> Vec<u8> {
        let module = [b"\0asm\x01\0\0\0", sections].concat();
        let length = u8::try_from(module.len()).unwrap();
        [b"\0asm\x0d\0\x01\0", &[1, length][..], &module].concat()
    }

    #[test]
    fn what_the_engine_is_not_built_for_is_refused_before_it_is_compiled() {
        let engine = wasmtime::Engine::new(&config()).unwrap();
        for (what, sections, is_accepted) in [
            ("a function type", &b"\x01\x04\x01\x60\0\0"[..], true),
            ("a function type that may have subtypes", b"\x01\x06\x01\x50\0\x60\0\0", false),
            ("a function type that says it has none", b"\x01\x06\x01\x4f\0\x60\0\0", true),
            ("a structure", b"\x01\x03\x01\x5f\0", false),
            ("an array", b"\x01\x04\x01\x5e\x7f\0", false),
            ("a group of types", b"\x01\x06\x01\x4e\x01\x60\0\0", false),
            ("a reference to a function of one type", b"\x01\x07\x01\x60\x01\x64\x70\0", false),
            ("a memory", b"\x05\x04\x01\x01\x01\x01", true),
            ("a memory of several threads", b"\x05\x04\x01\x03\x01\x01", false),
            ("an instruction", b"\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x05\x01\x03\0\x01\x0b", true),
            ("an atomic instruction", b"\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x07\x01\x05\0\xfe\x03\0\x0b", false),
            ("a memory of 64 bits", b"\x05\x04\x01\x05\x01\x01", false),
        ] {
            let read = Component::new(&engine, component(sections));
            assert_eq!(read.is_ok(), is_accepted, "{what}: {:?}", read.err());
        }
    }
}
