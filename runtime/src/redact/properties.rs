//! What holds of any text at all.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value, json};

use super::{MARK, Scrubber, needles};
use crate::secrets::SecretValue;

const HELD: [&str; 3] = ["Kestrel-Harbor-9271!", "orchid~7#Granite%Copper", "zx81-Velvet/Falcon+42="];

static HOLDING: LazyLock<Scrubber> = LazyLock::new(|| {
    let held: Vec<_> = HELD.iter().map(|value| SecretValue::new((*value).to_owned()).unwrap()).collect();
    Scrubber::new(&held)
});

/// Words among which secrets hide: names, beginnings of shapes, pieces and spellings of what is held, marks.
fn word() -> impl Strategy<Value = String> {
    let spellings: Vec<String> = HELD
        .iter()
        .flat_map(|value| needles::spellings(value))
        .filter_map(|needle| String::from_utf8(needle.bytes().to_vec()).ok())
        .collect();
    let mut parts: Vec<String> = [
        "password",
        "=",
        ": ",
        "Bearer ",
        "eyJhbGciOiJub25lIn0.e30.x",
        "https://a:b@c/",
        "4111 1111 1111 1111",
        "ssn ",
        "123-45-6789",
        "key",
        "is ",
        "\"",
        "\\",
        "{",
        "}",
        "[redacted:",
        MARK,
        "-----BEGIN RSA PRIVATE KEY-----",
        "\n",
        "é",
        "\u{0}",
        "token",
        "ghp_",
        "&",
        "%4b",
        "Kes",
        "trel-",
    ]
    .map(str::to_owned)
    .into();
    parts.extend(spellings);
    prop_oneof![proptest::sample::select(parts), "[ -~]{0,12}", any::<String>()]
}

fn text() -> impl Strategy<Value = String> {
    vec(word(), 0..8).prop_map(|words| words.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((text(), inner.clone()), 0..5).prop_map(|fields| Value::from(Map::from_iter(fields))),
            inner.prop_map(|inner| Value::from(inner.to_string())),
        ]
    })
}

/// Lists as long, objects with as many fields, and scalars where scalars were. A field's name may hold a secret too.
fn same_shape(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_shape(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            // Two names that become one mark are one field to a reader.
            other.len() <= one.len()
                && (other.len() < one.len()
                    || one.values().zip(other.values()).all(|(one, other)| same_shape(one, other)))
        }
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => false,
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, rng_seed: RngSeed::Fixed(20_261_124), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_of_any_kind_are_read_and_twice_is_as_once(bytes in prop_oneof![vec(any::<u8>(), 0..200), text().prop_map(String::into_bytes)]) {
        let scrubber = &*HOLDING;
        let once = scrubber.bytes(&bytes).value;
        let twice = scrubber.bytes(&once);
        prop_assert!(twice.redactions.is_empty(), "{:?}", String::from_utf8_lossy(&once));
        prop_assert_eq!(twice.value, once);
    }

    #[test]
    fn json_stays_json_of_the_same_shape(value in value()) {
        let text = value.to_string();
        let clean = HOLDING.bytes(text.as_bytes()).value;
        let clean: Value = serde_json::from_slice(&clean).unwrap();
        prop_assert!(same_shape(&value, &clean), "{value} became {clean}");
    }

    #[test]
    fn no_spelling_of_what_is_held_is_left_and_nothing_of_its_length(before in "[a-z ]{0,9}", which in 0..HELD.len(), after in "[a-z ]{0,9}", frame in 0..3usize) {
        for needle in needles::spellings(HELD[which]) {
            let Ok(spelling) = String::from_utf8(needle.bytes().to_vec()) else { continue };
            let inner = format!("{before} {spelling} {after}");
            let text = match frame {
                0 => inner,
                1 => json!({ "text": inner, "n": 1 }).to_string(),
                _ => json!([json!({ "deep": inner }).to_string()]).to_string(),
            };
            let clean = String::from_utf8(HOLDING.bytes(text.as_bytes()).value).unwrap();
            prop_assert!(!clean.contains(&spelling), "{text} became {clean}");
            // One mark, whatever the length was.
            prop_assert_eq!(clean.matches(MARK).count(), 1, "{} became {}", text, clean);
        }
    }
}
