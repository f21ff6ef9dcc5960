//! The reader of a directory's answers, for the fuzz target `ldap_answer` and nobody else.

use super::RawEntry;
use super::message::{self, Answer};
use crate::wire::WireError;

/// One message of a server, with its result as a number.
#[derive(Debug)]
pub struct FuzzedMessage {
    pub id: u32,
    pub answer: FuzzedAnswer,
    pub cookie: Option<Vec<u8>>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum FuzzedAnswer {
    Bound(u32),
    Extended(u32),
    Entry(RawEntry),
    Reference,
    Done(u32),
}

/// The bytes of the message that these begin with. None: there are too few to say.
pub fn message_length(bytes: &[u8]) -> Result<Option<usize>, WireError> {
    message::length(bytes)
}

/// Reads one whole message.
pub fn read_message(bytes: &[u8]) -> Result<FuzzedMessage, WireError> {
    let read = message::read(bytes)?;
    let answer = match read.answer {
        Answer::Bound(outcome) => FuzzedAnswer::Bound(outcome.code.as_u32()),
        Answer::Extended(outcome) => FuzzedAnswer::Extended(outcome.code.as_u32()),
        Answer::Entry(entry) => FuzzedAnswer::Entry(entry),
        Answer::Reference => FuzzedAnswer::Reference,
        Answer::Done(outcome) => FuzzedAnswer::Done(outcome.code.as_u32()),
    };
    Ok(FuzzedMessage { id: read.id, answer, cookie: read.cookie })
}
