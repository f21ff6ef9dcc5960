//! The first look at what a client sent, before anything else reads it: is it one JSON object that can be read in one
//! way, and within bounds? Pure: no clock, no socket, no host.
//!
//! Accepted: UTF-8 JSON (RFC 8259) of at most [`MAX_BYTES`], nested at most [`MAX_DEPTH`] deep, of at most [`MAX_VALUES`]
//! values, whose top is an object that JSON-RPC 2.0 knows as a request, a notification or an answer.
//!
//! Refused, because two readers could understand it differently:
//! - a key that stands twice in one object, also where one of the two is spelled with escapes;
//! - a number that 64 bits cannot hold: an integer beyond `i64` and `u64`, or a decimal that a 64-bit float would round.
//!   `5.0`, `1e3` and `0.1` pass: a float's own spelling, the shortest or the one of 17 digits, gives them back;
//! - arrays of requests (batches), which the protocol no longer has.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

pub const MAX_BYTES: usize = 4 << 20;
/// As deep as redaction looks into JSON.
pub const MAX_DEPTH: usize = 100;
/// Each becomes a value in memory of some hundred bytes.
pub const MAX_VALUES: usize = 100_000;
/// Bytes of a request's id, which is kept while the request lasts.
const MAX_ID: usize = 256;
/// The largest float written out has 309 digits before its point.
const MAX_NUMBER: usize = 400;
/// Characters of a path in an answer.
const MAX_PATH: usize = 200;

/// What a request is known by (JSON-RPC 2.0).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MessageId {
    Number(i64),
    Text(String),
}

/// What a frame says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Absent for notifications, and where it cannot be told which of several it is.
    pub id: Option<MessageId>,
    /// Absent for answers.
    pub method: Option<String>,
    /// `params.name`: the tool of a call.
    pub name: Option<String>,
}

impl Frame {
    pub fn is_tool_call(&self) -> bool {
        self.method.as_deref() == Some("tools/call")
    }
}

/// Why a frame goes no further, with what could be read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedFrame {
    pub fault: FrameFault,
    pub frame: Frame,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    #[error("the message is larger than 4 MiB")]
    TooLarge,
    #[error("the message is not UTF-8")]
    NotUtf8,
    #[error("the message is not JSON: see byte {0}")]
    NotJson(usize),
    #[error("batches of messages are not accepted: send them one by one")]
    Batch,
    #[error("the message is not a JSON object")]
    NotAnObject,
    #[error("the message is nested deeper than 100 levels")]
    TooDeep,
    #[error("the message has more than 100,000 values")]
    TooManyValues,
    #[error("{0} stands twice in one object")]
    DuplicateKey(String),
    #[error("{0} has half of a surrogate pair, which is no character")]
    HalfCharacter(String),
    #[error("{0}")]
    NotARequest(&'static str),
    #[error("{0} is a number that 64 bits cannot hold exactly")]
    InexactNumber(String),
    #[error("{0}")]
    BadParams(&'static str),
}

impl FrameFault {
    /// As JSON-RPC 2.0 numbers errors.
    pub fn code(&self) -> i32 {
        match self {
            Self::NotUtf8 | Self::NotJson(_) | Self::HalfCharacter(_) => -32700,
            Self::TooLarge
            | Self::Batch
            | Self::NotAnObject
            | Self::TooDeep
            | Self::TooManyValues
            | Self::DuplicateKey(_)
            | Self::NotARequest(_) => -32600,
            Self::InexactNumber(_) | Self::BadParams(_) => -32602,
        }
    }
}

/// Judges one frame, without a line end.
pub fn read(bytes: &[u8]) -> Result<Frame, RefusedFrame> {
    let bare = |fault| RefusedFrame { fault, frame: Frame::default() };
    if bytes.len() > MAX_BYTES {
        return Err(bare(FrameFault::TooLarge));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| bare(FrameFault::NotUtf8))?;
    let mut scan =
        Scan { text, at: 0, n_values: 0, open: Vec::new(), fault: None, is_half: false, seen: Seen::default() };
    let scanned = scan.run();
    // A scan that ended early has not seen whether another id follows.
    let is_json = match &scanned {
        Ok(()) => true,
        Err(FrameFault::TooDeep | FrameFault::TooManyValues) => scan.skip().is_ok(),
        Err(_) => false,
    };
    let Scan { mut seen, fault, .. } = scan;
    if !is_json {
        seen.n_ids = 0;
    }
    let frame = seen.frame();
    if let Err(fault) = scanned {
        // What is no JSON is not answered by what it seemed to say.
        let frame = if matches!(fault, FrameFault::NotJson(_)) { Frame::default() } else { frame };
        return Err(RefusedFrame { fault, frame });
    }
    match fault.map_or_else(|| seen.judge(&frame), Err) {
        Ok(()) => Ok(frame),
        Err(fault) => Err(RefusedFrame { fault, frame }),
    }
}

/// A value's kind, with its content where that is looked at.
#[derive(Debug, Clone)]
enum Kind<'a> {
    Object,
    Array,
    Text(Cow<'a, str>),
    Number(&'a str),
    Null,
    Switch,
}

/// The members that the envelope has, as they were found.
#[derive(Default)]
struct Seen<'a> {
    top: Option<Kind<'a>>,
    jsonrpc: Option<Kind<'a>>,
    id: Option<Kind<'a>>,
    n_ids: usize,
    method: Option<Kind<'a>>,
    params: Option<Kind<'a>>,
    is_answer: bool,
    name: Option<Kind<'a>>,
    arguments: Option<Kind<'a>>,
}

/// A whole number, also where it is written `1.0`.
fn whole(number: &str) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.parse().ok().or_else(|| {
        let float: f64 = number.parse().ok()?;
        (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
    })
}

impl Seen<'_> {
    fn frame(&self) -> Frame {
        let text = |kind: &Option<Kind<'_>>| match kind {
            Some(Kind::Text(text)) => Some(text.to_string()),
            _ => None,
        };
        let id = match &self.id {
            _ if self.n_ids != 1 => None,
            Some(Kind::Text(text)) if text.len() <= MAX_ID => Some(MessageId::Text(text.to_string())),
            Some(Kind::Number(number)) => whole(number).map(MessageId::Number),
            _ => None,
        };
        Frame { id, method: text(&self.method), name: text(&self.name) }
    }

    fn judge(&self, frame: &Frame) -> Result<(), FrameFault> {
        match self.top {
            Some(Kind::Object) => {}
            Some(Kind::Array) => return Err(FrameFault::Batch),
            _ => return Err(FrameFault::NotAnObject),
        }
        if !matches!(&self.jsonrpc, Some(Kind::Text(version)) if version == "2.0") {
            return Err(FrameFault::NotARequest("jsonrpc is not \"2.0\""));
        }
        match (&self.id, &frame.id) {
            (None, _) | (Some(_), Some(_)) => {}
            // Whoever answers what could not be read has no id to give.
            (Some(Kind::Null), None) if self.method.is_none() => {}
            _ => return Err(FrameFault::NotARequest("id is neither a text of at most 256 bytes nor an integer")),
        }
        match (&self.method, self.is_answer) {
            (Some(Kind::Text(_)), _) | (None, true) => {}
            (Some(_), _) => return Err(FrameFault::NotARequest("method is not a text")),
            (None, false) => return Err(FrameFault::NotARequest("the message has neither a method nor an answer")),
        }
        if self.method.is_some() && !matches!(self.params, None | Some(Kind::Object)) {
            return Err(FrameFault::BadParams("params is not an object"));
        }
        if frame.is_tool_call() {
            if !matches!(self.name, Some(Kind::Text(_))) {
                return Err(FrameFault::BadParams("params.name is not a text: it names the tool"));
            }
            if !matches!(self.arguments, None | Some(Kind::Object | Kind::Null)) {
                return Err(FrameFault::BadParams("params.arguments is not an object"));
            }
        }
        Ok(())
    }
}

/// An object or an array that has not ended.
enum Open<'a> {
    Object { keys: HashSet<Cow<'a, str>>, key: Cow<'a, str> },
    Array { index: usize },
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    n_values: usize,
    open: Vec<Open<'a>>,
    /// The first thing that can be read in two ways. The scan goes on, to know whose message it is.
    fault: Option<FrameFault>,
    /// The text that was read last has half a character in it.
    is_half: bool,
    seen: Seen<'a>,
}

impl<'a> Scan<'a> {
    fn run(&mut self) -> Result<(), FrameFault> {
        loop {
            self.value()?;
            loop {
                self.space();
                let is_object = match self.open.last_mut() {
                    None if self.at == self.text.len() => return Ok(()),
                    None => return Err(self.not_json()),
                    Some(Open::Object { .. }) => true,
                    Some(Open::Array { index }) => {
                        *index += 1;
                        false
                    }
                };
                match (self.next(), is_object) {
                    (Some(b','), true) => {
                        self.key()?;
                        break;
                    }
                    (Some(b','), false) => break,
                    (Some(b'}'), true) | (Some(b']'), false) => drop(self.open.pop()),
                    _ => return Err(self.not_json()),
                }
            }
        }
    }

    /// Reads on to the end for the ids of the message alone, however deep and long the rest is. The brackets and texts must
    /// fit; what else stands between them is not judged.
    fn skip(&mut self) -> Result<(), FrameFault> {
        let mut depth = self.open.len();
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    let text = self.string()?;
                    self.space();
                    if depth == 1 && self.peek() == Some(b':') && text == "id" {
                        // Its value was not kept: if it is the only one, it is not known.
                        self.seen.n_ids += 1;
                    }
                }
                b'[' | b'{' => {
                    depth += 1;
                    self.at += 1;
                }
                b']' | b'}' => {
                    depth = depth.checked_sub(1).ok_or_else(|| self.not_json())?;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        if depth == 0 { Ok(()) } else { Err(self.not_json()) }
    }

    /// A value that is no container, or the beginning of one up to its first value. An empty container is left open for
    /// `run` to see its end.
    fn value(&mut self) -> Result<(), FrameFault> {
        loop {
            self.space();
            self.n_values += 1;
            if self.n_values > MAX_VALUES {
                return Err(FrameFault::TooManyValues);
            }
            match self.peek() {
                Some(b'{') => {
                    self.enter(Kind::Object, Open::Object { keys: HashSet::new(), key: Cow::Borrowed("") })?;
                    self.space();
                    if self.peek() == Some(b'}') {
                        return Ok(());
                    }
                    self.key()?;
                }
                Some(b'[') => {
                    self.enter(Kind::Array, Open::Array { index: 0 })?;
                    self.space();
                    if self.peek() == Some(b']') {
                        return Ok(());
                    }
                }
                Some(b'"') => {
                    let text = self.string()?;
                    // What was put in place of half a character is not what was sent.
                    self.see(if self.is_half { Kind::Switch } else { Kind::Text(text) });
                    return Ok(());
                }
                Some(b'-' | b'0'..=b'9') => {
                    let number = self.number()?;
                    if !is_exact(number) && self.fault.is_none() {
                        self.fault = Some(FrameFault::InexactNumber(self.path()));
                    }
                    self.see(Kind::Number(number));
                    return Ok(());
                }
                Some(b't') => return self.literal("true", Kind::Switch),
                Some(b'f') => return self.literal("false", Kind::Switch),
                Some(b'n') => return self.literal("null", Kind::Null),
                _ => return Err(self.not_json()),
            }
        }
    }

    fn enter(&mut self, kind: Kind<'a>, open: Open<'a>) -> Result<(), FrameFault> {
        if self.open.len() == MAX_DEPTH {
            return Err(FrameFault::TooDeep);
        }
        self.see(kind);
        self.open.push(open);
        self.at += 1;
        Ok(())
    }

    /// Keeps what the envelope says, where it stands.
    fn see(&mut self, kind: Kind<'a>) {
        let place = match self.open.as_slice() {
            [] => &mut self.seen.top,
            [Open::Object { key, .. }] => match key.as_ref() {
                "jsonrpc" => &mut self.seen.jsonrpc,
                "id" => &mut self.seen.id,
                "method" => &mut self.seen.method,
                "params" => &mut self.seen.params,
                "result" | "error" => {
                    self.seen.is_answer = true;
                    return;
                }
                _ => return,
            },
            [Open::Object { key, .. }, Open::Object { key: below, .. }] if key == "params" => match below.as_ref() {
                "name" => &mut self.seen.name,
                "arguments" => &mut self.seen.arguments,
                _ => return,
            },
            _ => return,
        };
        // Of two, the first: a frame with a key that stands twice is refused.
        place.get_or_insert(kind);
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<(), FrameFault> {
        self.space();
        if self.peek() != Some(b'"') {
            return Err(self.not_json());
        }
        let text = self.string()?;
        self.space();
        if self.next() != Some(b':') {
            return Err(self.not_json());
        }
        let Some(Open::Object { keys, key }) = self.open.last_mut() else { return Err(self.not_json()) };
        let is_new = keys.insert(text.clone());
        *key = text;
        if let [Open::Object { key, .. }] = self.open.as_slice()
            && key == "id"
        {
            self.seen.n_ids += 1;
        }
        if !is_new && self.fault.is_none() {
            self.fault = Some(FrameFault::DuplicateKey(self.path()));
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, FrameFault> {
        self.at += 1;
        self.is_half = false;
        let mut text = Cow::Borrowed("");
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let plain = plain.ok_or_else(|| self.not_json())?;
            let piece = self.text.get(self.at..self.at + plain).ok_or_else(|| self.not_json())?;
            if text.is_empty() {
                text = Cow::Borrowed(piece);
            } else {
                text.to_mut().push_str(piece);
            }
            self.at += plain;
            match self.next() {
                Some(b'"') => return Ok(text),
                Some(b'\\') => {
                    let escaped = self.escape()?;
                    text.to_mut().push(escaped);
                }
                _ => return Err(self.not_json()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, FrameFault> {
        Ok(match self.next() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex()?;
                let behind = self.at;
                let second = match first {
                    0xd800..=0xdbff if self.text.get(behind..).is_some_and(|rest| rest.starts_with("\\u")) => {
                        self.at += 2;
                        Some(self.hex()?).filter(|second| (0xdc00..=0xdfff).contains(second))
                    }
                    _ => None,
                };
                let code = second.map_or(first, |second| 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
                if let Some(character) = char::from_u32(code) {
                    character
                } else {
                    // JSON by its grammar. Whoever reads on puts something in its place, each another thing.
                    self.at = behind;
                    self.is_half = true;
                    if self.fault.is_none() {
                        self.fault = Some(FrameFault::HalfCharacter(self.path()));
                    }
                    char::REPLACEMENT_CHARACTER
                }
            }
            _ => return Err(self.not_json()),
        })
    }

    fn hex(&mut self) -> Result<u32, FrameFault> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or_else(|| self.not_json())?;
            code = code * 16 + digit;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<&'a str, FrameFault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.at;
        let n_digits = self.digits();
        // A leading zero stands alone.
        if n_digits == 0 || (n_digits > 1 && self.text.as_bytes().get(first) == Some(&b'0')) {
            return Err(self.not_json());
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.not_json());
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.not_json());
            }
        }
        self.text.get(start..self.at).ok_or_else(|| self.not_json())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn literal(&mut self, word: &str, kind: Kind<'a>) -> Result<(), FrameFault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.not_json());
        }
        self.at += word.len();
        self.see(kind);
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn not_json(&self) -> FrameFault {
        FrameFault::NotJson(self.at)
    }

    /// Where the scan is: `params.arguments.ids[3]`.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match open {
                Open::Object { key, .. } if path.is_empty() => path.push_str(key),
                Open::Object { key, .. } => path.extend([".", key]),
                Open::Array { index } => path.push_str(&format!("[{index}]")),
            }
        }
        if path.chars().count() > MAX_PATH {
            path = path.chars().take(MAX_PATH).chain(['…']).collect();
        }
        path
    }
}

/// Whether the number that a JSON reader of 64 bits makes of this text is the one that was written.
fn is_exact(number: &str) -> bool {
    if number.len() > MAX_NUMBER {
        return false;
    }
    if !number.contains(['.', 'e', 'E']) {
        return number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    }
    let Ok(float) = number.parse::<f64>() else { return false };
    let written = Decimal::of(number);
    float.is_finite()
        && (written == Decimal::of(&format!("{float:e}")) || written == Decimal::of(&format!("{float:.16e}")))
}

/// A number as its digits, without zeros around them, and the place of the point before the first.
#[derive(PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    point: i64,
}

impl Decimal {
    fn of(number: &str) -> Self {
        let (is_negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number),
        };
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let without = digits.trim_start_matches('0');
        if without.is_empty() {
            return Self { is_negative, digits: String::new(), point: 0 };
        }
        // An exponent that is no i64 is beyond what a float can be, as is the greatest.
        let exponent = exponent.parse::<i64>().unwrap_or(i64::MAX / 2);
        let places = i64::try_from(whole.len()).unwrap_or(i64::MAX / 4);
        let zeros = i64::try_from(digits.len() - without.len()).unwrap_or(i64::MAX / 4);
        let point = exponent.saturating_add(places).saturating_sub(zeros);
        Self { is_negative, digits: without.trim_end_matches('0').to_owned(), point }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn fault(text: &str) -> FrameFault {
        match read(text.as_bytes()) {
            Ok(frame) => panic!("{text:.200} passes as {frame:?}"),
            Err(refused) => refused.fault,
        }
    }

    #[track_caller]
    fn passes(text: &str) -> Frame {
        read(text.as_bytes()).unwrap_or_else(|refused| panic!("{text:.200}: {refused:?}"))
    }

    fn call(arguments: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"a_tool","arguments":{arguments}}}}}"#
        )
    }

    #[test]
    fn what_the_protocol_has_passes_and_says_whose_it_is() {
        let frame =
            passes(&call(r#"{"limit":5,"ids":[1,2],"none":null,"on":true,"text":"\u00e9 \ud83d\ude00 \\ \/"}"#));
        let number = Some(MessageId::Number(7));
        assert_eq!(frame, Frame { id: number, method: Some("tools/call".into()), name: Some("a_tool".into()) });
        assert_eq!(passes(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).id, None);
        let answer = passes(" {\"id\" : \"a\\u0062\" , \"result\" : { } , \"jsonrpc\" : \"2\\u002e0\" }\r\n");
        assert_eq!((answer.id, answer.method), (Some(MessageId::Text("ab".into())), None));
        passes(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}"#);
        passes(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":null}}"#);
        passes(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#);
        passes(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
        assert_eq!(passes(r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#).id, Some(MessageId::Number(1)));
        // A name further in is somebody else's.
        let frame = passes(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":{"name":"n"}},"name":"m"}"#);
        assert_eq!(frame.name, None);
    }

    #[test]
    fn what_is_not_json_is_said_to_be_none() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "hello",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "[1,]",
            "[1 2]",
            "{} {}",
            "{}x",
            "nul",
            "truex",
            "\"",
            "\"\u{1}\"",
            "\"\n\"",
            r#""\x""#,
            r#""\u12""#,
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "0x1",
            "1.e5",
            "NaN",
            "-Infinity",
            "'a'",
            "\u{feff}{}",
            "{\"a\":}",
            "[",
            "]",
            "{]",
            "[}",
        ] {
            assert!(matches!(fault(text), FrameFault::NotJson(_)), "{text}: {:?}", fault(text));
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
        }
        let refused = read(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}").unwrap_err();
        assert_eq!((refused.fault.code(), refused.frame), (-32700, Frame::default()));
        assert_eq!(read(b"{\"id\":1,").unwrap_err().frame, Frame::default());
    }

    #[test]
    fn half_a_character_is_refused_where_it_stands_and_the_rest_is_read() {
        for text in [r"\ud800", r"\ud800\u0041", r"\udc00", r"\udc00\ud800", r"\ud800\ud800\udc00", r"\ud800x"] {
            let refused = read(call(&format!(r#"{{"a":"{text}"}}"#)).as_bytes()).unwrap_err();
            assert_eq!(refused.fault, FrameFault::HalfCharacter("params.arguments.a".into()), "{text}");
            assert_eq!((refused.fault.code(), refused.frame.id), (-32700, Some(MessageId::Number(7))), "{text}");
            assert!(serde_json::from_str::<Value>(&format!("\"{text}\"")).is_err(), "{text}");
        }
        // What is in its place is no name of anything.
        for text in [
            r#"{"jsonrpc":"2.0","id":"\ud800","method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id\ud800":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping\ud800","id":1}"#,
        ] {
            let refused = read(text.as_bytes()).unwrap_err();
            assert!(matches!(refused.fault, FrameFault::HalfCharacter(_)), "{text}: {:?}", refused.fault);
            assert_eq!(refused.frame.id, None, "{text}");
        }
    }

    #[test]
    fn an_id_is_known_only_where_no_other_follows() {
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        let long = format!("[1{}]", ",1".repeat(MAX_VALUES));
        for (text, id) in [
            (r#"{"id":1,"a":DEEP}"#, Some(1)),
            (r#"{"a":"\"}","id":1,"b":DEEP,"c":{"id":2},"d":"id"}"#, Some(1)),
            (r#"{"id":1,"a":DEEP,"id":2}"#, None),
            (r#"{"id":1,"a":DEEP,"\u0069d" : 1}"#, None),
            (r#"{"id":1,"a":DEEP}}"#, None),
            (r#"{"id":1,"a":DEEP"#, None),
            (r#"{"id":1,"a":DEEP,"id"#, None),
            // It was not come to.
            (r#"{"a":DEEP,"id":1}"#, None),
        ] {
            for inner in [&deep, &long] {
                let refused = read(text.replace("DEEP", inner).as_bytes()).unwrap_err();
                assert!(matches!(refused.fault, FrameFault::TooDeep | FrameFault::TooManyValues), "{text}");
                assert_eq!(refused.frame.id, id.map(MessageId::Number), "{text}");
            }
        }
    }

    #[test]
    fn what_is_json_and_no_request_is_refused() {
        for text in ["[]", "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]"] {
            assert_eq!(fault(text), FrameFault::Batch);
        }
        for text in ["1", "null", "\"tools/list\"", "true"] {
            assert_eq!(fault(text), FrameFault::NotAnObject);
        }
        let long = "x".repeat(MAX_ID + 1);
        for text in [
            r#"{}"#,
            r#"{"jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":["ping"]}"#,
            &format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"ping"}}"#),
        ] {
            assert!(matches!(fault(text), FrameFault::NotARequest(_)), "{text}: {:?}", fault(text));
            assert_eq!(fault(text).code(), -32600);
        }
        passes(&format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "x".repeat(MAX_ID)));
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":5}}"#,
            &call("[1]"),
            &call("\"limit=5\""),
            &call("5"),
        ] {
            assert!(matches!(fault(text), FrameFault::BadParams(_)), "{text}: {:?}", fault(text));
            assert_eq!(fault(text).code(), -32602);
        }
    }

    #[test]
    fn a_key_stands_once_however_it_is_spelled() {
        let twice = r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}"#;
        assert_eq!(fault(twice), FrameFault::DuplicateKey("method".into()));
        for arguments in [r#"{"limit":1,"limit":2}"#, r#"{"limit":1,"\u006cimit":2}"#, r#"{"\u006cimit":1,"limit":2}"#]
        {
            assert_eq!(fault(&call(arguments)), FrameFault::DuplicateKey("params.arguments.limit".into()));
        }
        assert_eq!(
            fault(&call(r#"{"a":[{"b":1},{"b":1,"b":1}]}"#)),
            FrameFault::DuplicateKey("params.arguments.a[1].b".into())
        );
        passes(&call(r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}],"A":1}"#));
        // It is still known whose call it was.
        let refused = read(call(r#"{"a":1,"a":2}"#).as_bytes()).unwrap_err();
        assert!(refused.frame.is_tool_call() && refused.frame.name.as_deref() == Some("a_tool"));
    }

    #[test]
    fn a_number_is_what_was_written_or_is_refused() {
        for number in [
            "0",
            "-0",
            "5",
            "5.0",
            "-5.00",
            "5e0",
            "50e-1",
            "1e3",
            "1E+3",
            "0.1",
            "0.10000000000000001",
            "1.5e300",
            "0.0",
            "0e9",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "1e20",
            "1.7976931348623157e308",
            "5e-324",
            "0.30000000000000004",
            "3.141592653589793",
            "123456789012345.6",
        ] {
            passes(&call(&format!(r#"{{"n":{number}}}"#)));
        }
        let long = format!("0.{}", "1".repeat(MAX_NUMBER));
        for number in [
            "18446744073709551616",
            "-9223372036854775809",
            "100000000000000000000",
            "1e400",
            "-1e400",
            "1e-400",
            "12345678901234567.0",
            "9007199254740993.0",
            "1.23456789012345678901",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "1.7976931348623159e308",
            long.as_str(),
        ] {
            let expected = FrameFault::InexactNumber("params.arguments.a[2].n".into());
            assert_eq!(fault(&call(&format!(r#"{{"a":[0,1,{{"n":{number}}}]}}"#))), expected, "{number}");
        }
        assert_eq!(fault(&call(r#"{"n":1e400}"#)).code(), -32602);
        let path = fault(&call(&format!(r#"{{"{}":1e400}}"#, "k".repeat(10_000)))).to_string();
        assert!(path.chars().count() < MAX_PATH + 100, "{path}");
    }

    #[test]
    fn each_bound_holds_on_both_sides() {
        // The frame, its params and the arguments are three levels.
        let deep = |levels: usize| call(&format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels)));
        passes(&deep(MAX_DEPTH - 3));
        let refused = read(deep(MAX_DEPTH - 2).as_bytes()).unwrap_err();
        assert_eq!(refused.fault, FrameFault::TooDeep);
        assert!(refused.frame.is_tool_call());
        assert_eq!(fault(&"[".repeat(1_000_000)), FrameFault::TooDeep);
        assert_eq!(fault(&"{\"a\":".repeat(500_000)), FrameFault::TooDeep);

        let many = |values: usize| call(&format!(r#"{{"a":[{}0]}}"#, "0,".repeat(values - 1)));
        // Seven are the envelope's: the frame, its four members, a name and the arguments; and the list is one.
        passes(&many(MAX_VALUES - 8));
        assert_eq!(fault(&many(MAX_VALUES - 7)), FrameFault::TooManyValues);

        let large = |bytes: usize| call(&format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - call(r#"{"a":""}"#).len())));
        passes(&large(MAX_BYTES));
        assert_eq!(fault(&large(MAX_BYTES + 1)), FrameFault::TooLarge);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_a_program_writes_passes(value in any_json()) {
            let frame = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "t", "arguments": { "value": value },
            }});
            passes(&frame.to_string());
            passes(&serde_json::to_string_pretty(&frame).unwrap());
        }

        #[test]
        fn whatever_passes_is_json_to_the_next_reader(text in "[-{}\\[\\]:,\"a\\\\u0-9.eE+ tfn]{0,40}") {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{text}}}}}"#);
            let ours = read(text.as_bytes());
            let theirs = serde_json::from_str::<Value>(&text);
            prop_assert!(ours.is_err() || theirs.is_ok(), "{text}");
            // Nor is called no JSON what is.
            let is_json = !ours.is_err_and(|refused| refused.fault.code() == -32700);
            prop_assert!(theirs.is_err() || is_json, "{text}");
        }
    }
}
