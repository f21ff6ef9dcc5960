//! What clients send, before anything else reads it. A frame that is let through is JSON that every reader reads alike: one object, no
//! key twice, not too deep, integers that 64 bits hold; and it says what a second reader finds in it.

#![no_main]

use std::collections::BTreeSet;
use std::fmt;

use libfuzzer_sys::fuzz_target;
use nexus_fuzz::mcp::frame::{FrameFault, MAX_DEPTH, read};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// JSON without a key that stands twice, and how deep it is.
struct Strict(usize);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Strict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
                Ok(Strict(0))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
                Ok(Strict(0))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
                Ok(Strict(0))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
                Ok(Strict(0))
            }

            fn visit_str<E>(self, _: &str) -> Result<Strict, E> {
                Ok(Strict(0))
            }

            fn visit_unit<E>(self) -> Result<Strict, E> {
                Ok(Strict(0))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Strict, A::Error> {
                let mut deepest = 0;
                while let Some(Strict(depth)) = list.next_element()? {
                    deepest = deepest.max(depth);
                }
                Ok(Strict(deepest + 1))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
                let (mut seen, mut deepest) = (BTreeSet::new(), 0);
                while let Some((key, Strict(depth))) = members.next_entry::<String, Strict>()? {
                    if !seen.insert(key) {
                        return Err(A::Error::custom("twice"));
                    }
                    deepest = deepest.max(depth);
                }
                Ok(Strict(deepest + 1))
            }
        }
        from.deserialize_any(Any)
    }
}

/// Tokens of numbers, which stand outside of texts.
fn numbers(text: &str) -> Vec<&str> {
    let (mut found, mut in_text, mut escaped, mut start) = (Vec::new(), false, false, None);
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        let is_part = !in_text && matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        match (is_part, start) {
            (true, None) if matches!(byte, b'-' | b'0'..=b'9') => start = Some(at),
            (false, Some(from)) => {
                found.push(&text[from..at]);
                start = None;
            }
            _ => {}
        }
        if in_text {
            in_text = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
        } else if byte == b'"' {
            (in_text, escaped) = (true, false);
        }
    }
    found
}

fuzz_target!(|bytes: &[u8]| {
    let strict = serde_json::from_slice::<Strict>(bytes);
    match read(bytes) {
        Ok(frame) => {
            let Strict(depth) = strict.unwrap_or_else(|error| panic!("let through, and a strict reader refuses it: {error}"));
            assert!(depth <= MAX_DEPTH);
            let value: Value = serde_json::from_slice(bytes).expect("it was read before");
            assert!(value.is_object() && value["jsonrpc"] == "2.0");
            assert_eq!(frame.method.as_deref(), value["method"].as_str());
            if frame.is_tool_call() {
                assert_eq!(frame.name.as_deref(), value["params"]["name"].as_str());
                assert!(frame.name.is_some());
            }
            if let Some(id) = value.get("id").filter(|id| !id.is_null()) {
                // `1.0` is 1, and a number that is none of these is the protocol's library's to refuse.
                match frame.id.as_ref().map(|id| serde_json::to_value(id).expect("an id is JSON")) {
                    Some(Value::Number(number)) => assert_eq!(number.as_f64(), id.as_f64()),
                    Some(told) => assert_eq!(told, *id),
                    None => assert!(!id.is_i64() && id.as_str().is_none_or(|text| text.len() > 256)),
                }
            }
            let text = std::str::from_utf8(bytes).expect("it was let through");
            for number in numbers(text).into_iter().filter(|number| !number.contains(['.', 'e', 'E'])) {
                let integer = number.parse::<i128>().unwrap_or_else(|_| panic!("{number} was let through"));
                assert!(integer >= i64::MIN.into() && integer <= u64::MAX.into(), "{number} was let through");
            }
        }
        Err(refused) => {
            assert!([-32700, -32600, -32602].contains(&refused.fault.code()));
            assert!(refused.fault.to_string().len() < 1000);
            if let FrameFault::NotJson(at) = refused.fault {
                assert!(at <= bytes.len());
                // Both readers know the same language; ours is no deeper than its bound.
                assert!(serde_json::from_slice::<Value>(bytes).is_err(), "called no JSON, and it is");
            }
        }
    }
});
