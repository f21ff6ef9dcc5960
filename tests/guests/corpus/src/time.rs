//! Ways not to come back.

use std::hint::black_box;

use wasip2::cli::stdin::get_stdin;
use wasip2::clocks::monotonic_clock::{now, subscribe_duration};
use wasip2::random::random::get_random_u64;

use crate::{Answer, told};

/// Counts, and never asks the host for anything.
pub(crate) fn count(n: u64) -> Answer {
    let mut at: u64 = 0;
    while at < n {
        at = black_box(at + 1);
    }
    told("counted")
}

/// Looks at the clock until `n` milliseconds have passed.
pub(crate) fn watch_the_clock(n: u64) -> Answer {
    let until = now().saturating_add(n.saturating_mul(1_000_000));
    while now() < until {}
    told("waited")
}

/// Waits in the host for `n` milliseconds.
pub(crate) fn poll(n: u64) -> Answer {
    subscribe_duration(n.saturating_mul(1_000_000)).block();
    told("waited")
}

/// Waits `n` times for what is there already.
pub(crate) fn poll_what_is_ready(n: u64) -> Answer {
    for _ in 0..n {
        subscribe_duration(0).block();
    }
    told("waited")
}

/// Asks the host for `n` numbers, one after the other.
pub(crate) fn ask_for_random_numbers(n: u64) -> Answer {
    for _ in 0..n {
        black_box(get_random_u64());
    }
    told("asked")
}

/// Waits for what somebody types; `n` is not looked at, for nobody does.
pub(crate) fn read_standard_input(_: u64) -> Answer {
    match get_stdin().blocking_read(1) {
        Ok(bytes) if !bytes.is_empty() => told("read"),
        Ok(_) | Err(_) => told("nothing"),
    }
}
