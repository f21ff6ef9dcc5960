//! Sizes and durations as manifests write them: `"64MiB"`, `"30s"`.

use std::time::Duration;

pub(super) const SIZE: &str = "a size such as \"64MiB\" (B, KiB, MiB)";
pub(super) const DURATION: &str = "a duration such as \"30s\" (ms, s, min)";

pub(super) const RATE: &str = "a rate such as \"5/s\", 1 to 10000 per s, min or h";

pub(crate) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let unit: usize = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    usize::try_from(number).ok()?.checked_mul(unit)
}

pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(unit)?))
}

/// The time from one start to the next.
pub(crate) fn rate(text: &str) -> Option<Duration> {
    let (number, per) = text.split_once('/')?;
    let per = match per {
        "s" => Duration::from_secs(1),
        "min" => Duration::from_secs(60),
        "h" => Duration::from_secs(3600),
        _ => return None,
    };
    let number: u32 = number.parse().ok().filter(|number| (1..=10_000).contains(number))?;
    Some(per / number)
}

/// As [`size`] reads it, in the largest unit that leaves no rest.
pub(crate) fn write_size(bytes: usize) -> String {
    match bytes {
        0 => "0B".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => format!("{bytes}B"),
    }
}

/// As [`duration`] reads it. Manifests know no part of a millisecond.
pub(crate) fn write_duration(duration: Duration) -> String {
    match duration.as_millis() {
        ms if ms > 0 && ms.is_multiple_of(60_000) => format!("{}min", ms / 60_000),
        ms if ms > 0 && ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}

/// As [`rate`] reads it.
pub(crate) fn write_rate(interval: Duration) -> String {
    for (per, unit) in [(1, "s"), (60, "min"), (3600, "h")] {
        let per = Duration::from_secs(per);
        let number = (per.as_nanos() / interval.as_nanos().max(1)).min(10_000);
        let number = u32::try_from(number).unwrap_or(1).max(1);
        if per / number == interval {
            return format!("{number}/{unit}");
        }
    }
    // No manifest says so; of what it could say the next slower.
    let seconds = interval.as_secs().saturating_add(1);
    format!("{}/h", (3600 / seconds).max(1))
}

/// Digits, then a unit, and nothing between them.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit))
}
