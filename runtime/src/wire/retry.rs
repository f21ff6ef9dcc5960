//! Whether a request that got no good answer is sent again, and when. Pure: clock, chance and time left are arguments.
//!
//! Sent again is what may be sent twice (the method is idempotent, or the grant says so) and what may end differently: no
//! connection, 429, 502, 503, 504. Three attempts in all, and never past the deadline: a wait that would outlast it is
//! not begun, so that the caller gets the upstream's own answer while it still matters.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode};

use super::{RawReply, Unreachable, WireError};

pub const ATTEMPTS: u32 = 3;

/// Doubled with each attempt, up to `CEILING`; half of it is up to chance.
const PAUSE: Duration = Duration::from_millis(500);
/// Quotas are refilled by the second, and some upstreams never say when.
const QUOTA_PAUSE: Duration = Duration::from_secs(2);
const CEILING: Duration = Duration::from_secs(16);
/// Callers who were told the same time do not all come back in the same instant.
const SPREAD: Duration = Duration::from_millis(250);

/// What is known of the attempt that has just ended.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// The first is 1.
    pub number: u32,
    pub idempotent: bool,
    /// Until the deadline.
    pub remaining: Duration,
    pub now: SystemTime,
    /// Chance, from 0 up to 1.
    pub jitter: f64,
}

/// How long to wait before the next attempt; none if there is to be no other.
pub fn decide(attempt: &Attempt, outcome: Result<&RawReply, &WireError>) -> Option<Duration> {
    if !attempt.idempotent || attempt.number >= ATTEMPTS {
        return None;
    }
    let wait = match outcome {
        Ok(reply) => after_reply(attempt, reply.status(), reply.headers())?,
        Err(error) if may_pass(error) => backoff(attempt, PAUSE),
        Err(_) => return None,
    };
    (wait < attempt.remaining).then_some(wait)
}

fn after_reply(attempt: &Attempt, status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let pause = match status {
        StatusCode::TOO_MANY_REQUESTS => QUOTA_PAUSE,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => PAUSE,
        _ => return None,
    };
    let told = headers.get(http::header::RETRY_AFTER).and_then(|value| retry_after(value, attempt.now));
    Some(match told {
        Some(told) => told.saturating_add(SPREAD.mul_f64(chance(attempt))),
        None => backoff(attempt, pause),
    })
}

/// An outage may pass by itself. A certificate, an address or a broken reply does not get better by asking again.
fn may_pass(error: &WireError) -> bool {
    match error {
        WireError::Unreachable(why) => match why {
            Unreachable::Resolve(_)
            | Unreachable::NoAddress
            | Unreachable::Connect(_)
            | Unreachable::Tls(_)
            | Unreachable::Closed(_)
            | Unreachable::Broken(_) => true,
        },
        WireError::Timeout(_)
        | WireError::Untrusted(_)
        | WireError::ForbiddenAddress(_)
        | WireError::TooLarge { .. }
        | WireError::BadReply(_)
        | WireError::Unsendable(_)
        | WireError::BindRefused(_)
        | WireError::Directory(_)
        | WireError::Referral
        | WireError::BadFilter
        | WireError::NoRoute { .. }
        | WireError::BadMock(_) => false,
    }
}

fn backoff(attempt: &Attempt, pause: Duration) -> Duration {
    let n_doublings = attempt.number.saturating_sub(1).min(16);
    let whole = pause.saturating_mul(1 << n_doublings).min(CEILING);
    whole.mul_f64(0.5 + 0.5 * chance(attempt))
}

/// Whatever was handed in: a number that durations can be multiplied by.
fn chance(attempt: &Attempt) -> f64 {
    if attempt.jitter.is_finite() { attempt.jitter.clamp(0.0, 1.0) } else { 1.0 }
}

/// RFC 9110, 10.2.3: seconds, or a date. A date that has passed means now; what cannot be read says nothing.
fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are more patience than any deadline has.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(SystemTime::from(date).duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::wire::{BadReply, ForbiddenAddress, Phase};
    use bytes::Bytes;

    const FORBIDDEN: ForbiddenAddress = ForbiddenAddress { address: IpAddr::V4(Ipv4Addr::LOCALHOST), why: None };

    /// 1994-11-06T08:49:00Z
    const NOW: u64 = 784_111_740;

    fn attempt(number: u32) -> Attempt {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        Attempt { number, idempotent: true, remaining: Duration::from_secs(30), now, jitter: 0.0 }
    }

    fn reply(status: u16, retry_after: Option<&str>) -> RawReply {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(http::header::RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        }
        RawReply::new(StatusCode::from_u16(status).unwrap(), headers, Bytes::new())
    }

    fn wait(attempt: &Attempt, status: u16, retry_after: Option<&str>) -> Option<u128> {
        decide(attempt, Ok(&reply(status, retry_after))).map(|wait| wait.as_millis())
    }

    #[test]
    fn a_reply_is_asked_for_again_only_if_it_may_differ() {
        for (status, expected) in [
            (200, None),
            (302, None),
            (400, None),
            (401, None),
            (404, None),
            (408, None),
            (429, Some(1000)),
            (500, None),
            (501, None),
            (502, Some(250)),
            (503, Some(250)),
            (504, Some(250)),
        ] {
            assert_eq!(wait(&attempt(1), status, None), expected, "{status}");
        }
    }

    #[test]
    fn the_upstream_says_when_in_seconds_or_as_a_date() {
        for (value, expected) in [
            ("0", Some(0)),
            ("7", Some(7_000)),
            (" 7 ", Some(7_000)),
            ("29", Some(29_000)),
            ("30", None),
            ("99999999999999999999999999", None),
            ("Sun, 06 Nov 1994 08:49:10 GMT", Some(10_000)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 23:59:59 GMT", None),
            ("soon", Some(1000)),
            ("-1", Some(1000)),
            ("", Some(1000)),
        ] {
            assert_eq!(wait(&attempt(1), 429, Some(value)), expected, "{value:?}");
        }
        assert_eq!(wait(&attempt(1), 503, Some("3")), Some(3_000));
        assert_eq!(wait(&attempt(1), 200, Some("3")), None);
    }

    #[test]
    fn waits_double_and_chance_adds_at_most_as_much_again() {
        assert_eq!(wait(&attempt(1), 503, None), Some(250));
        assert_eq!(wait(&attempt(2), 503, None), Some(500));
        assert_eq!(wait(&Attempt { jitter: 1.0, ..attempt(2) }, 503, None), Some(1000));
        assert_eq!(wait(&Attempt { jitter: 1.0, ..attempt(2) }, 429, None), Some(4000));
        assert_eq!(wait(&Attempt { jitter: 1.0, ..attempt(1) }, 429, Some("2")), Some(2250));
        assert_eq!(wait(&Attempt { jitter: f64::NAN, ..attempt(1) }, 503, None), Some(500));
        assert_eq!(wait(&Attempt { jitter: -5.0, ..attempt(1) }, 503, None), Some(250));
    }

    #[test]
    fn there_is_an_end_to_it() {
        assert_eq!(wait(&attempt(ATTEMPTS), 503, None), None);
        assert_eq!(wait(&attempt(u32::MAX), 503, None), None);
        assert_eq!(wait(&Attempt { idempotent: false, ..attempt(1) }, 503, None), None);
        assert_eq!(wait(&Attempt { remaining: Duration::from_millis(250), ..attempt(1) }, 503, None), None);
        assert_eq!(wait(&Attempt { remaining: Duration::ZERO, ..attempt(1) }, 503, Some("0")), None);
    }

    #[test]
    fn an_error_is_tried_again_only_if_it_may_pass() {
        let io = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let forbidden = WireError::ForbiddenAddress(FORBIDDEN);
        for (error, again) in [
            (WireError::Unreachable(Unreachable::Connect(io())), true),
            (WireError::Unreachable(Unreachable::Resolve(io())), true),
            (WireError::Unreachable(Unreachable::Closed(None)), true),
            (WireError::Timeout(Phase::Reply), false),
            (WireError::Untrusted(rustls::Error::DecryptError), false),
            (forbidden, false),
            (WireError::TooLarge { limit: 1 }, false),
            (WireError::BadReply(BadReply::Torn), false),
            (WireError::BadMock("broken".to_owned()), false),
        ] {
            assert_eq!(decide(&attempt(1), Err(&error)).is_some(), again, "{error:?}");
        }
    }
}
