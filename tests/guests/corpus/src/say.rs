//! Results that are too much, or not what they should be.

use crate::{Answer, data, told};

fn text_of(n: u64) -> String {
    "x".repeat(usize::try_from(n).unwrap_or(usize::MAX))
}

/// A text of `n` bytes.
pub(crate) fn much(n: u64) -> Answer {
    told(&text_of(n))
}

/// `n` lists, one in the other.
pub(crate) fn deep(n: u64) -> Answer {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    data(format!("{{\"told\":\"deep\",\"list\":{}{}}}", "[".repeat(n), "]".repeat(n)))
}

/// `malformed` where `n` is not 0.
fn or_honest(n: u64, malformed: &str) -> Answer {
    data(if n == 0 { "{\"told\":\"fits\"}" } else { malformed }.to_owned())
}

/// Data that is never closed.
pub(crate) fn no_json(n: u64) -> Answer {
    or_honest(n, "{\"told\": \"never closed")
}

/// Two values for the one that is asked for.
pub(crate) fn two_values(n: u64) -> Answer {
    or_honest(n, "{\"told\":\"one\"} {\"told\":\"two\"}")
}

/// Half a character.
pub(crate) fn lone_surrogate(n: u64) -> Answer {
    or_honest(n, "{\"told\":\"\\ud800\"}")
}

/// A number that no reader can hold.
pub(crate) fn huge_number(n: u64) -> Answer {
    or_honest(n, "{\"told\":\"number\",\"number\":1e999999}")
}

/// A number where the schema says text.
pub(crate) fn misfit(n: u64) -> Answer {
    or_honest(n, "{\"told\":1}")
}

/// A list where the schema says object.
pub(crate) fn no_object(n: u64) -> Answer {
    or_honest(n, "[1,2,3]")
}
