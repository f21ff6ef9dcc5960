//! JSON text that somebody else wrote, read within bounds.
//!
//! Promises: a text is weighed in one pass over its bytes before anything is made of it, so that no text becomes a tree
//! larger than its reader allows, and nothing recursive walks a tree deeper than [`MAX_DEPTH`]. A text that two readers
//! could understand differently is refused and never repaired:
//!
//! | text | accepted | refused |
//! |---|---|---|
//! | whole number | what fits a signed or an unsigned 64-bit integer | every other one: it would be rounded in silence |
//! | number with a fraction or an exponent | what a 64-bit float holds, rounded as floats are | what overflows one |
//! | object | each name once | a name that stands there twice |
//! | lists and objects in each other | 120 deep | deeper: in a message of the protocol the parsers of clients would refuse it |
//!
//! This room does not know what the text is for. A refusal names the place as an offset in bytes and repeats nothing.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Lists and objects in each other. `serde_json`, as many parsers, takes 127; a message around a result adds some.
pub const MAX_DEPTH: usize = 120;

/// What a text would become in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Values, those that lists and objects hold included.
    pub values: usize,
    /// Bytes that the tree takes, rounded up: containers grow by doubling.
    pub tree: usize,
}

/// Why a text is not read.
#[derive(Debug, thiserror::Error)]
pub enum BadJson {
    #[error("is nested deeper than {MAX_DEPTH}, at byte {0}")]
    TooDeep(usize),
    #[error("would take more than {most} bytes as a tree")]
    TooLarge { most: usize },
    #[error("has a number that 64 bits cannot hold, at byte {0}")]
    Number(usize),
    #[error("is not JSON that can be read in one way only")]
    Syntax(#[from] serde_json::Error),
}

/// Reads a text whose tree takes at most so many bytes.
pub fn parse(text: &str, most: usize) -> Result<Value, BadJson> {
    weigh(text, most)?;
    build(text)
}

/// Makes the tree of a text that has been weighed.
pub fn build(text: &str) -> Result<Value, BadJson> {
    let OneReading(value) = serde_json::from_str(text)?;
    Ok(value)
}

/// A value takes this much in a list, and its list may have room for twice as many.
const ITEM: usize = 2 * size_of::<Value>();
/// A member of an object: its value, its name and the name's hash, with room likewise.
const MEMBER: usize = 2 * (size_of::<Value>() + size_of::<String>() + 2 * size_of::<usize>());
/// What a list or an object that is not empty takes at once: room for its first four.
const LIST: usize = 4 * size_of::<Value>();
const OBJECT: usize = 4 * (size_of::<Value>() + size_of::<String>() + size_of::<usize>()) + 64;
/// What the allocator adds to a text.
const TEXT: usize = 16;

/// Weighs a text. What is no JSON has a weight too: the parser refuses it afterwards.
pub fn weigh(text: &str, most: usize) -> Result<Weight, BadJson> {
    let bytes = text.as_bytes();
    let mut weight = Weight { values: 1, tree: ITEM };
    // Whether each open container is an object: the innermost in the lowest bit.
    let (mut depth, mut objects) = (0_usize, 0_u128);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let here = at;
        at += 1;
        match byte {
            b'"' => {
                at = end_of_text(bytes, at);
                weight.tree += TEXT + (at - here);
            }
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(BadJson::TooDeep(here));
                }
                let is_object = *byte == b'{';
                objects = objects << 1 | u128::from(is_object);
                let next = bytes.get(at..).into_iter().flatten().find(|byte| !byte.is_ascii_whitespace());
                if next.is_some_and(|next| *next != b']' && *next != b'}') {
                    weight.values += 1;
                    weight.tree += if is_object { OBJECT } else { LIST };
                }
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                objects >>= 1;
            }
            b',' => {
                weight.values += 1;
                weight.tree += if objects & 1 == 1 { MEMBER } else { ITEM };
            }
            b'-' | b'0'..=b'9' => {
                at = end_of_number(bytes, at);
                if !text.get(here..at).is_some_and(fits) {
                    return Err(BadJson::Number(here));
                }
            }
            _ => {}
        }
        if weight.tree > most {
            return Err(BadJson::TooLarge { most });
        }
    }
    Ok(weight)
}

/// The place after the quotation mark that ends a text.
fn end_of_text(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn end_of_number(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte)).count()
}

/// Whether a number is kept as it is. What is no number passes: the parser refuses it.
fn fits(number: &str) -> bool {
    if number.contains(['.', 'e', 'E']) {
        return number.parse::<f64>().map_or(true, f64::is_finite);
    }
    let is_whole = number.strip_prefix('-').unwrap_or(number).bytes().all(|byte| byte.is_ascii_digit());
    !is_whole || number == "-" || number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok()
}

/// A value in whose text no object has a name twice.
struct OneReading(Value);

impl<'de> Deserialize<'de> for OneReading {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(OneReading(item)) = from.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, OneReading(value))) = from.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("an object has one name twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ENOUGH: usize = 1 << 30;

    /// What is wrong with a text, in one word; `ok` if it is read, and then as `serde_json` reads it.
    fn read(text: &str) -> &'static str {
        match parse(text, ENOUGH) {
            Ok(value) => {
                assert_eq!(value, serde_json::from_str::<Value>(text).unwrap(), "{text}");
                "ok"
            }
            Err(BadJson::TooDeep(_)) => "deep",
            Err(BadJson::TooLarge { .. }) => "large",
            Err(BadJson::Number(_)) => "number",
            Err(BadJson::Syntax(error)) if error.to_string().contains("twice") => "twice",
            Err(BadJson::Syntax(_)) => "syntax",
        }
    }

    #[test]
    fn a_number_is_kept_as_it_is_or_refused() {
        for (number, expected) in [
            ("0", "ok"),
            ("-0", "ok"),
            ("9223372036854775807", "ok"),
            ("18446744073709551615", "ok"),
            ("18446744073709551616", "number"),
            ("-9223372036854775808", "ok"),
            ("-9223372036854775809", "number"),
            ("100000000000000000000000000000000000000000", "number"),
            ("1.0", "ok"),
            ("18446744073709551616.0", "ok"),
            ("0.1234567890123456789012345678901234567890", "ok"),
            ("1e308", "ok"),
            ("1e309", "number"),
            ("-1E+309", "number"),
            ("1e-400", "ok"),
            ("1.5e400", "number"),
            // No numbers at all.
            ("-", "syntax"),
            ("01", "syntax"),
            ("1-1", "syntax"),
            ("1.", "syntax"),
            ("1e", "syntax"),
            ("--1", "syntax"),
            ("+1", "syntax"),
        ] {
            for text in [number.to_owned(), format!("[{number}]"), format!("{{\"a\" : {number} , \"b\":0}}")] {
                assert_eq!(read(&text), expected, "{text}");
            }
        }
        // In a text a number is letters.
        assert_eq!(read("\"18446744073709551616 \\\" 1e309\""), "ok");
        assert_eq!(read("{\"18446744073709551616\": [\"\\\\\", \"1e309\"]}"), "ok");
        assert_eq!(read("[\"\\\\\", 1e309]"), "number");
    }

    #[test]
    fn a_name_stands_in_an_object_once() {
        for (text, expected) in [
            ("{\"a\":1,\"b\":1}", "ok"),
            ("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}", "ok"),
            ("{\"a\":1,\"a\":1}", "twice"),
            ("{\"a\":1,\"\\u0061\":1}", "twice"),
            ("[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]", "twice"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn depth_has_its_bound_below_the_parsers() {
        let nested = |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            assert_eq!(read(&nested(open, close, MAX_DEPTH)), "ok");
            assert_eq!(read(&nested(open, close, MAX_DEPTH + 1)), "deep");
            // A result, in a message, in a list of them.
            assert!(serde_json::from_str::<Value>(&nested(open, close, MAX_DEPTH + 5)).is_ok());
            assert!(serde_json::from_str::<Value>(&nested(open, close, 128)).is_err());
        }
        // It is a mark, not a counter of brackets: side by side there may be any number.
        assert_eq!(read(&format!("[{}[]]", "[],".repeat(1000))), "ok");
        assert_eq!(read(&"]".repeat(1000)), "syntax");
    }

    #[test]
    fn a_tree_has_its_bound_before_it_is_made() {
        let text = format!("[{}[]]", "[],".repeat(9_999));
        let weight = weigh(&text, ENOUGH).unwrap();
        assert_eq!(weight.values, 10_001);
        assert!(weight.tree > 10_000 * size_of::<Value>(), "{weight:?}");
        assert!(parse(&text, weight.tree).is_ok());
        assert!(matches!(parse(&text, weight.tree - 1), Err(BadJson::TooLarge { .. })));
        // A text that is no JSON is weighed all the same.
        assert!(matches!(parse(&",".repeat(1 << 20), 1 << 20), Err(BadJson::TooLarge { .. })));
    }

    #[test]
    fn the_weight_is_no_less_than_what_the_tree_takes() {
        /// What was allocated for a value: capacities where they can be asked for, the least where not.
        fn taken(value: &Value) -> usize {
            match value {
                Value::Null | Value::Bool(_) | Value::Number(_) => 0,
                Value::String(text) => text.capacity(),
                Value::Array(items) => items.capacity() * size_of::<Value>() + items.iter().map(taken).sum::<usize>(),
                Value::Object(members) => {
                    let entry = size_of::<Value>() + size_of::<String>() + 2 * size_of::<usize>();
                    members.iter().map(|(name, value)| entry + name.capacity() + taken(value)).sum()
                }
            }
        }
        let row = json!({ "id": 1, "name": "Anna", "mail": null, "tags": ["a", "b"], "more": { "x": {}, "y": [] } });
        for value in [
            json!(null),
            json!(vec![Value::Null; 1000]),
            json!(vec![json!([]); 1000]),
            json!(vec![json!([1]); 1000]),
            json!(vec![json!({ "a": 1 }); 1000]),
            json!(vec![row; 1000]),
            json!("x".repeat(100_000)),
        ] {
            let text = value.to_string();
            let weight = weigh(&text, ENOUGH).unwrap();
            let read = parse(&text, ENOUGH).unwrap();
            assert!(weight.tree >= taken(&read), "{} < {} for {:.60}", weight.tree, taken(&read), text);
        }
    }
}
