//! What holds of any text at all.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value, json};

use super::forms::forms;
use super::{MARK, Scrubber};
use crate::secrets::SecretValue;

const HELD: [&str; 3] = ["Kestrel-Harbor-9271!", "orchid~7#Granite%Copper", "zx81-Velvet/Falcon+42="];
/// Values of every kind of character, two of them with what reads as escapes itself.
const ODD: [&str; 5] = [
    "Kestrel-Harbor-9271!",
    "a\"quote'<Tag>&Amp/back\\slash",
    "Z\u{fc}rich-\u{df}-\u{1f511}-\u{e9}t\u{e9}",
    "lit%41eral&lt;Granite",
    "c:\\new\\u0041dir%2541&#x42;",
];

static HOLDING_ODD: LazyLock<Scrubber> = LazyLock::new(|| {
    let held: Vec<_> = ODD.iter().map(|value| SecretValue::new((*value).to_owned()).unwrap()).collect();
    Scrubber::new(&held)
});

static HOLDING: LazyLock<Scrubber> = LazyLock::new(|| {
    let held: Vec<_> = HELD.iter().map(|value| SecretValue::new((*value).to_owned()).unwrap()).collect();
    Scrubber::new(&held)
});

/// Words among which secrets hide: names, beginnings of shapes, pieces and spellings of what is held, marks.
fn word() -> impl Strategy<Value = String> {
    let spellings: Vec<String> = HELD.iter().flat_map(|value| forms(value)).collect();
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
        "%25",
        "\\u0041",
        "\\u",
        "&#x",
        "&amp;",
        ";",
        "Kes",
        "trel-",
        "пароль",
        "パスワード：",
        "pass",
        ":\n  ",
        ": |\n    ",
        "| password |\n",
        "user,password\n",
        "\nbob,Winter27!\n",
        "-Password ",
        "ConvertTo-SecureString ",
        "key=\"password\" value=\"",
        " was changed to ",
        "user locked out",
        "Winter27!",
        "tracking ",
        "378282246310005",
        "4111\u{a0}1111\u{a0}1111\u{a0}1111",
        "https://hooks.slack.com/services/T01/B02/x9Kd2mQ7pLw3",
        "dob: ",
        "1990-01-31",
        "- ",
        "**",
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

/// A character, escaped in one of many ways, or as it is.
fn escaped(c: char, way: usize, zeros: usize) -> String {
    let units = |upper: bool| {
        let unit = |unit: &u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        c.encode_utf16(&mut [0; 2]).iter().map(unit).collect::<String>()
    };
    let bytes = |upper: bool| {
        let byte = |b: u8| if upper { format!("%{b:02X}") } else { format!("%{b:02x}") };
        c.to_string().bytes().map(byte).collect::<String>()
    };
    let zeros = "0".repeat(zeros);
    let code = u32::from(c);
    match way {
        0 => bytes(true),
        1 => bytes(false),
        2 => units(true),
        3 => units(false),
        4 => format!("&#{zeros}{code};"),
        5 => format!("&#x{zeros}{code:x};"),
        6 => format!("&#X{zeros}{code:X};"),
        7 => match c {
            '"' => "&quot;".to_owned(),
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '\'' => "&apos;".to_owned(),
            '/' => "&sol;".to_owned(),
            '-' => c.to_string(),
            '!' => "&excl;".to_owned(),
            '\u{e9}' => "&eacute;".to_owned(),
            _ => format!("&#{code};"),
        },
        8 => match c {
            '"' | '\\' | '/' => format!("\\{c}"),
            _ => units(false),
        },
        // A backslash by itself would make an escape of what follows.
        _ if c == '\\' => "\\\\".to_owned(),
        _ => c.to_string(),
    }
}

/// All of a text escaped once more, as those do who put one format into another.
fn once_more(text: &str, way: usize) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    match way {
        0 => utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
        1 => serde_json::to_string(text).unwrap().trim_matches('"').replace("\\\"", "\\u0022"),
        2 => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        3 => text.replace('%', "%25"),
        _ => text.to_owned(),
    }
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
        for spelling in forms(HELD[which]) {
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

    #[test]
    fn a_held_value_is_found_whatever_mixture_of_escapes_it_is_written_in(
        which in 0..ODD.len(),
        ways in vec((0..14usize, 0..4usize), 40),
        layers in vec(0..8usize, 0..=2),
        frame in 0..4usize,
    ) {
        let value = ODD[which];
        prop_assume!(value.chars().count() <= ways.len());
        let mut written = String::new();
        let mut before = None;
        for (c, (way, zeros)) in value.chars().zip(&ways) {
            // A backslash of the value and a JSON escape of another layer behind it have two readings.
            let has_one_reading = before != Some('\\') || ![2, 3, 8].contains(way);
            written += &escaped(c, if has_one_reading { *way } else { 0 }, *zeros);
            before = Some(c);
        }
        for way in layers {
            written = once_more(&written, way);
        }
        let inner = format!("so {written} it is");
        let (text, clean) = match frame {
            0 => (inner, format!("so {MARK} it is")),
            1 => (json!({ "a": inner }).to_string(), json!({ "a": format!("so {MARK} it is") }).to_string()),
            2 => (json!({ &inner: 1 }).to_string(), json!({ format!("so {MARK} it is"): 1 }).to_string()),
            _ => (format!("\0{inner}\u{1}"), format!("\0so {MARK} it is\u{1}")),
        };
        let found = HOLDING_ODD.bytes(text.as_bytes());
        prop_assert_eq!(String::from_utf8_lossy(&found.value), clean, "{}", text);
        prop_assert_eq!(found.redactions.by_rule(), [("needle", 1)].into(), "{}", text);
        // What a shard sends is read in the same way.
        prop_assert!(HOLDING_ODD.leak_of_text(text.as_bytes(), super::Place::Arguments).is_err(), "{}", text);
    }

    /// None of these characters, however they are decoded, makes the first of a value's.
    #[test]
    fn escapes_of_anything_else_keep_their_bytes(text in "[a-d%&\\\\;#u0-3xX \"{}]{0,120}") {
        let found = HOLDING.exact(text.as_bytes());
        prop_assert_eq!(String::from_utf8(found.value).unwrap(), text);
        prop_assert!(found.redactions.is_empty());
    }
}
