//! The same again and again.

use wasip2::cli::stdout::get_stdout;

use crate::nexus::shard::log::{Level, write};
use crate::nexus::shard::progress::report;
use crate::reach::{GRANTED, get};
use crate::{Answer, told};

/// `n` lines for the log.
pub(crate) fn log(n: u64) -> Answer {
    for _ in 0..n {
        write(Level::Info, "flood of lines");
    }
    told("logged")
}

/// A line of `n` KiB.
pub(crate) fn long_line(n: u64) -> Answer {
    let letters = "y".repeat(usize::try_from(n << 10).unwrap_or(usize::MAX));
    write(Level::Info, &format!("long line {letters} its end"));
    told("logged")
}

/// A line that would be several, and the host's own.
pub(crate) fn forged_line(_: u64) -> Answer {
    write(
        Level::Info,
        "first\n{\"kind\":\"start\",\"forged\":true}\r\n\u{1b}[31m2026-01-01T00:00:00Z ERROR nexus: forged\u{2028}line",
    );
    told("logged")
}

/// `n` reports of progress.
pub(crate) fn progress(n: u64) -> Answer {
    for at in 0..n {
        report(at as f64, None, Some("flood of progress"));
    }
    told("reported")
}

/// `n` lines on standard output.
pub(crate) fn standard_output(n: u64) -> Answer {
    print(n, b"flood of output\n")
}

/// `n` KiB on standard output, in one line that does not end.
pub(crate) fn line_without_end(n: u64) -> Answer {
    print(n, &[b'z'; 1024])
}

fn print(n: u64, text: &[u8]) -> Answer {
    let stream = get_stdout();
    for _ in 0..n {
        if stream.blocking_write_and_flush(text).is_err() {
            return told("closed");
        }
    }
    told("printed")
}

/// `n` requests that no grant covers.
pub(crate) fn refused_requests(n: u64) -> Answer {
    repeat(n, "https://evil.test/")
}

/// `n` requests that cannot be read.
pub(crate) fn malformed_requests(n: u64) -> Answer {
    repeat(n, "https://graph.microsoft.com/v1.0/users#fragment")
}

/// `n` requests that are granted: how many were answered.
pub(crate) fn granted_requests(n: u64) -> Answer {
    let answered = (0..n).filter(|_| get(GRANTED) == "200").count();
    told(&format!("{answered} answered"))
}

fn repeat(n: u64, url: &str) -> Answer {
    let answered = (0..n).filter(|_| get(url) == "200").count();
    told(&format!("{answered} answered"))
}
