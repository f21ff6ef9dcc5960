//! Ways to use up memory.

use std::hint::black_box;

use wasip2::random::random::get_random_bytes;

use crate::{Answer, told};

/// Takes `n` MiB and writes to them.
pub(crate) fn fill_the_heap(n: u64) -> Answer {
    let eaten: Vec<Vec<u8>> = (0..n).map(|_| black_box(vec![0xAA; 1 << 20])).collect();
    told(if eaten.len() as u64 == n { "taken" } else { "less" })
}

/// Takes `n` MiB at once and does not touch them.
pub(crate) fn reserve(n: u64) -> Answer {
    let mut reserved: Vec<u8> = Vec::new();
    let bytes = usize::try_from(n << 20).unwrap_or(usize::MAX);
    match reserved.try_reserve_exact(bytes) {
        Ok(()) => told("taken"),
        Err(_) => told("refused"),
    }
}

/// Calls itself `n` times.
pub(crate) fn recurse(n: u64) -> Answer {
    told(if black_box(descend(black_box(n))) == 1 { "odd" } else { "came back" })
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

/// Asks the host for `n` random bytes in one call.
pub(crate) fn ask_for_random_bytes(n: u64) -> Answer {
    told(if get_random_bytes(n).len() as u64 == n { "given" } else { "less" })
}
