//! Results that are too much, or not what they should be.

use crate::exports::nexus::shard::tools::{Content, Media, Outcome, Output, ToolError};
use crate::{Answer, data, told};

fn text_of(n: u64) -> String {
    "x".repeat(usize::try_from(n).unwrap_or(usize::MAX))
}

/// A text of `n` bytes.
pub(crate) fn much(n: u64) -> Answer {
    told(&text_of(n))
}

fn output(content: Vec<Content>, notes: Vec<String>) -> Answer {
    let data = Some("{\"told\":\"said\"}".to_owned());
    Ok(Outcome::Done(Output { data, content, complete: true, notes }))
}

/// `n` notes without a letter.
pub(crate) fn many_empty_notes(n: u64) -> Answer {
    output(Vec::new(), (0..n).map(|_| String::new()).collect())
}

/// `n` blocks without a letter.
pub(crate) fn many_empty_blocks(n: u64) -> Answer {
    output((0..n).map(|_| Content::Text(String::new())).collect(), Vec::new())
}

/// An image of one byte whose media type has `n`.
pub(crate) fn long_media_type(n: u64) -> Answer {
    output(vec![Content::Image(Media { data: vec![0], media_type: format!("image/{}", text_of(n)) })], Vec::new())
}

/// An error whose text has `n` bytes.
pub(crate) fn long_error(n: u64) -> Answer {
    if n == 0 { told("no error") } else { Err(ToolError::Internal(text_of(n))) }
}

/// `n` lists, one in the other.
pub(crate) fn deep(n: u64) -> Answer {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    data(format!("{{\"told\":\"deep\",\"list\":{}{}}}", "[".repeat(n), "]".repeat(n)))
}

/// `n` empty lists, side by side: as a tree many times the text.
pub(crate) fn wide(n: u64) -> Answer {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    data(format!("{{\"told\":\"wide\",\"list\":[[]{}]}}", ",[]".repeat(n)))
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
