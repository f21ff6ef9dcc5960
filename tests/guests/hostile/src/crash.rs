//! Ways not to come back.

use std::hint::black_box;
use std::time::Duration;

use nexus_shard::{Call, Output, ToolError, arguments, tool};

/// Loops for ever without calling the host.
#[tool(name = "hostile_loop", title = "Loop", category = read)]
pub(crate) fn endless_loop() -> Result<Output, ToolError> {
    let mut n: u64 = 0;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

#[arguments]
pub(crate) struct Sleep {
    /// How long, in milliseconds.
    #[field(range = 0..=600_000, default = 60_000)]
    ms: u64,
}

/// Looks at the clock until the time has passed.
#[tool(name = "hostile_sleep", title = "Sleep", category = read)]
pub(crate) fn sleep(arguments: Sleep, call: &Call) -> Result<Output, ToolError> {
    let until = call.now() + Duration::from_millis(arguments.ms);
    while call.now() < until {}
    Ok(Output::text("slept"))
}

/// Takes memory and writes to it until there is no more.
#[tool(name = "hostile_eat_memory", title = "Eat memory", category = read)]
pub(crate) fn eat_memory() -> Result<Output, ToolError> {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    loop {
        eaten.push(black_box(vec![0xAA; 1 << 20]));
    }
}

#[arguments]
pub(crate) struct Hold {
    /// How much, in MiB.
    #[field(range = 1..=500, default = 8)]
    mib: usize,
    /// How long, in milliseconds; it computes all the while.
    #[field(range = 0..=600_000, default = 0)]
    ms: u64,
}

/// Takes so much memory, writes to it, and keeps it for a while.
#[tool(name = "hostile_hold", title = "Hold memory", category = read)]
pub(crate) fn hold(arguments: Hold, call: &Call) -> Result<Output, ToolError> {
    let held = black_box(vec![0xAAu8; arguments.mib << 20]);
    let until = call.now() + Duration::from_millis(arguments.ms);
    while call.now() < until {}
    Ok(Output::text(format!("held {}", black_box(&held).len())))
}

/// Fills the same memory for ever, by instructions that nothing interrupts.
#[tool(name = "hostile_fill", title = "Fill memory", category = read)]
pub(crate) fn fill(arguments: Hold) -> Result<Output, ToolError> {
    let mut filled = vec![0u8; arguments.mib << 20];
    let mut with = 0u8;
    loop {
        black_box(&mut filled).fill(black_box(with));
        with = with.wrapping_add(1);
    }
}

/// Calls itself until the stack is used up.
#[tool(name = "hostile_recurse", title = "Recurse", category = read)]
pub(crate) fn recurse() -> Result<Output, ToolError> {
    let depth = descend(black_box(u64::MAX));
    Ok(Output::text(format!("came back from {depth}")))
}

/// The array is there so that no optimizer makes a loop of it.
#[inline(never)]
fn descend(n: u64) -> u64 {
    let frame = black_box([n; 16]);
    if black_box(n) == 0 {
        return 0;
    }
    descend(n - 1).wrapping_add(black_box(frame).iter().fold(0, |sum, n| sum ^ n))
}

/// Traps at once.
#[tool(name = "hostile_trap", title = "Trap", category = read)]
pub(crate) fn trap() -> Result<Output, ToolError> {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    Err(ToolError::internal("only a component can trap"))
}

#[arguments]
pub(crate) struct Panic {
    /// The last words.
    text: String,
}

/// Panics with a text.
#[tool(name = "hostile_panic", title = "Panic", category = read)]
#[expect(clippy::panic, reason = "this is what it is for")]
pub(crate) fn panic(arguments: Panic) -> Result<Output, ToolError> {
    panic!("{}", arguments.text)
}
