//! Times as directories write them, and numbers.

use crate::Utc;

/// 100 ns units between 1601-01-01 and 1970-01-01.
const EPOCH: i128 = 116_444_736_000_000_000;

/// A time as a file time, for the value of a filter: 100 ns units since 1601-01-01T00:00:00Z, what is below them
/// dropped.
pub fn file_time(time: Utc) -> String {
    (time.nanoseconds_since_1970().div_euclid(100) + EPOCH).to_string()
}

/// A time as a generalized time (RFC 4517, 3.3.13), for the value of a filter: `20260615090000.0Z`, what is below a
/// second dropped.
pub fn generalized_time(time: Utc) -> String {
    let text = time.to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
    format!("{digits}.0Z")
}

/// A whole number in decimal digits, as RFC 4517, 3.3.16 writes it.
pub(super) fn integer(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// `Some(None)` is never; `None` is no file time.
pub(super) fn read_file_time(value: &[u8]) -> Option<Option<Utc>> {
    match integer(value)? {
        0 | i64::MAX => Some(None),
        ticks if ticks < 0 => None,
        ticks => Utc::from_nanoseconds_since_1970((i128::from(ticks) - EPOCH) * 100).map(Some),
    }
}

/// `YYYYMMDDHHMMSS`, perhaps a fraction, then `Z` or an offset: `20240131120000.0Z`, `20240131130000+0100`. The
/// standard also allows to leave out the seconds; no server does.
pub(super) fn read_generalized_time(value: &[u8]) -> Option<Utc> {
    let text = std::str::from_utf8(value).ok()?;
    let (digits, rest) = text.split_at_checked(14)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (date, time) = digits.split_at_checked(8)?;
    let (year, day) = date.split_at_checked(4)?;
    let (month, day) = day.split_at_checked(2)?;
    let (hour, minute) = time.split_at_checked(2)?;
    let (minute, second) = minute.split_at_checked(2)?;
    let rest = rest.replacen(',', ".", 1);
    Utc::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}{rest}"))
}
