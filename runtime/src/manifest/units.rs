//! Sizes and durations as manifests write them: `"64MiB"`, `"30s"`.

use std::time::Duration;

pub(super) const SIZE: &str = "a size such as \"64MiB\" (B, KiB, MiB)";
pub(super) const DURATION: &str = "a duration such as \"30s\" (ms, s, min)";

pub(super) const RATE: &str = "a rate such as \"5/s\" (s, min, h)";

pub(super) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let unit: usize = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    usize::try_from(number).ok()?.checked_mul(unit)
}

pub(super) fn duration(text: &str) -> Option<Duration> {
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
pub(super) fn rate(text: &str) -> Option<Duration> {
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

/// Digits, then a unit, and nothing between them.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit))
}
