//! Bytes per second through redaction with twenty secrets to look for, against reading the same JSON and throwing it away, in the
//! same run.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_macros,
    reason = "a benchmark ends where it is wrong, and prints"
)]

#[path = "support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::de::IgnoredAny;
use serde_json::json;

const ROUND: Duration = Duration::from_millis(500);
const ROUNDS: usize = 5;

fn main() {
    let scrubber = support::scrubber();
    println!("MB/s, medians of {ROUNDS} rounds; 20 secrets");
    println!("{:>10} {:>12} {:>12} {:>10}", "bytes", "JSON read", "redacted", "ratio");
    for (bytes, with_secret) in
        [(1 << 10, false), (64 << 10, false), (4 << 20, false), (64 << 10, true), (4 << 20, true)]
    {
        let body = body(bytes, with_secret);
        let read = rate(&body, |body| serde_json::from_slice::<IgnoredAny>(body).is_ok());
        let redacted = rate(&body, |body| scrubber.bytes(body).value);
        let what = if with_secret { "one secret" } else { "clean" };
        let ratio = redacted / read;
        println!("{:>10} {read:>12.0} {redacted:>12.0} {ratio:>10.2}  {what}", body.len());
    }
}

fn rate<T>(body: &[u8], act: impl Fn(&[u8]) -> T) -> f64 {
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let (start, mut done) = (Instant::now(), 0);
        while start.elapsed() < ROUND {
            black_box(act(black_box(body)));
            done += body.len();
        }
        rates.push(done as f64 / start.elapsed().as_secs_f64() / 1e6);
    }
    rates.sort_by(f64::total_cmp);
    rates[ROUNDS / 2]
}

/// Users as Graph gives them, as many as fit.
fn body(bytes: usize, with_secret: bool) -> Vec<u8> {
    let mut users = Vec::new();
    let mut length = 0;
    while length < bytes {
        let n = users.len();
        let user = json!({
            "id": format!("{n:08x}-7d38-4c75-bf2c-a919c8aba016"),
            "displayName": format!("Person {n}"),
            "userPrincipalName": format!("person.{n}@nexus.corp"),
            "accountEnabled": n % 3 != 0,
            "department": "Finance",
            "createdDateTime": "2024-02-29T08:15:00Z",
            "signInActivity": { "lastSignInDateTime": "2026-06-14T07:55:12Z" },
        });
        length += user.to_string().len() + 1;
        users.push(user);
    }
    if with_secret {
        users.push(json!({ "note": "bench-secret-07-Zx9~7kQ7" }));
    }
    json!({ "value": users }).to_string().into_bytes()
}
