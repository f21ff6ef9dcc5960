//! Held values that were cut into pieces, each in a string of its own: `["s3cr", "et-val", "ue"]`. The strings of a JSON text,
//! keys left out, are read as one, in their order; whoever holds a piece of a value loses it.
//!
//! To be found in a body that nothing else makes us read, the first piece needs three bytes. Only the value itself is sought in
//! pieces, none of its other spellings.

use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::AhoCorasick;
use zeroize::Zeroizing;

use super::needles::automaton;
use super::{json, slice};

/// The fewest bytes of a first piece.
const SHORTEST_PIECE: usize = 3;

/// Values to be sought in pieces. No `Debug`.
#[derive(Default)]
pub(super) struct Pieces {
    heads: Option<AhoCorasick>,
    values: Vec<Zeroizing<Vec<u8>>>,
}

impl Pieces {
    pub(super) fn new(values: impl IntoIterator<Item = Zeroizing<Vec<u8>>>) -> Self {
        let mut values: Vec<_> = values.into_iter().filter(|value| value.len() > SHORTEST_PIECE).collect();
        values.sort_by(|one, other| one.as_slice().cmp(other.as_slice()));
        values.dedup_by(|one, other| one.as_slice() == other.as_slice());
        let heads = values.iter().filter_map(|value| value.get(..SHORTEST_PIECE));
        let heads = if values.is_empty() { None } else { Some(automaton(heads)) };
        Self { heads, values }
    }

    /// Whether a string of this text may end in the first piece of a value.
    pub(super) fn may_begin_in(&self, text: &[u8]) -> bool {
        self.beginnings(text).any(|(value, start)| {
            let rest = slice(text, start..text.len());
            let agreed = value.iter().zip(rest).take_while(|(a, b)| a == b).count();
            agreed < value.len() && rest.get(agreed) == Some(&b'"')
        })
    }

    /// Where the strings of `text` begin that hold a piece of a value.
    pub(super) fn places(&self, text: &str) -> BTreeSet<usize> {
        let mut joined = Zeroizing::new(Vec::new());
        let mut strings: Vec<(Range<usize>, usize)> = Vec::new();
        if self.heads.is_some() {
            for (place, value) in json::values(text) {
                let start = joined.len();
                joined.extend_from_slice(value.as_bytes());
                strings.push((start..joined.len(), place));
            }
        }
        let mut places = BTreeSet::new();
        for (value, start) in self.beginnings(&joined) {
            let end = start + value.len();
            if joined.get(start..end) == Some(value) {
                let first = strings.partition_point(|(string, _)| string.end <= start);
                let pieces: Vec<_> = strings.iter().skip(first).take_while(|(string, _)| string.start < end).collect();
                // A value in one string is found there, and what stands beside it stays.
                if pieces.len() > 1 {
                    places.extend(pieces.into_iter().map(|(_, place)| *place));
                }
            }
        }
        places
    }

    /// Whether a value stands in strings that follow each other.
    pub(super) fn stand_in<'a>(&self, strings: impl Iterator<Item = impl AsRef<str> + 'a>) -> bool {
        if self.heads.is_none() {
            return false;
        }
        let mut joined = Zeroizing::new(Vec::new());
        strings.for_each(|string| joined.extend_from_slice(string.as_ref().as_bytes()));
        self.beginnings(&joined).any(|(value, start)| joined.get(start..start + value.len()) == Some(value))
    }

    /// Each place where the first bytes of a value stand, and the values that begin so.
    fn beginnings<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (&'a [u8], usize)> {
        let mut from = 0;
        let places = std::iter::from_fn(move || {
            let found = self.heads.as_ref()?.find(text.get(from..)?)?;
            let start = from + found.start();
            from = start + 1;
            Some(start)
        });
        places.flat_map(move |start| {
            let head = text.get(start..start + SHORTEST_PIECE);
            let first = self.values.partition_point(|value| value.get(..SHORTEST_PIECE) < head);
            let begin_so = self.values.iter().skip(first).take_while(move |value| value.get(..SHORTEST_PIECE) == head);
            begin_so.map(move |value| (value.as_slice(), start))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MARK, Scrubber};
    use crate::secrets::SecretValue;

    const VALUE: &str = "Kestrel-Harbor-9271";

    fn scrubber() -> Scrubber {
        let others = ["Kestrel-Bridge-1", "Kes4", "another value"];
        let values: Vec<_> =
            others.iter().chain(&[VALUE]).map(|value| SecretValue::new(format!("{value}~~")).unwrap()).collect();
        let own = SecretValue::new(VALUE.to_owned()).unwrap();
        Scrubber::new(values.iter().chain(std::iter::once(&own)))
    }

    #[test]
    fn a_value_in_pieces_does_not_pass_and_its_neighbours_do() {
        for (text, clean) in [
            (r#"["Kes", "trel-Har", "bor-9271", "x"]"#, r#"["M", "M", "M", "x"]"#),
            (
                r#"{"a": "ok", "b": "so Kestrel-H", "n": 1, "c": "arbor-9271!"}"#,
                r#"{"a": "ok", "b": "M", "n": 1, "c": "M"}"#,
            ),
            (r#"[["Kestrel-"], {"x": ["Harbor"]}, "-9271"]"#, r#"[["M"], {"x": ["M"]}, "M"]"#),
            (r#"["Kestrel-", "", "Harbor-9271"]"#, r#"["M", "M", "M"]"#),
            (r#"["\u004bes", "trel-Harbor-9271"]"#, r#"["M", "M"]"#),
            (r#"{"Kestrel-": "Kestrel-Harbor-", "9": "9271"}"#, r#"{"Kestrel-": "M", "9": "M"}"#),
            (r#"{"t": "[\"Kestrel-\",\"Harbor-9271\"]"}"#, r#"{"t": "[\"M\",\"M\"]"}"#),
            // What is not the whole of it.
            (r#"["Kestrel-", "Harbour-9271"]"#, r#"["Kestrel-", "Harbour-9271"]"#),
            (r#"["Kestrel-", "x", "Harbor-9271"]"#, r#"["Kestrel-", "x", "Harbor-9271"]"#),
            (r#"["Harbor-9271", "Kestrel-"]"#, r#"["Harbor-9271", "Kestrel-"]"#),
            (r#"["Kes"]"#, r#"["Kes"]"#),
            (r#"["so Kestrel-Harbor-9271 it is", "x"]"#, r#"["so M it is", "x"]"#),
            // What ends where a value begins, or begins where one ends, holds none of it.
            (r#"["x", "Kestrel-", "Harbor-9271", "y"]"#, r#"["x", "M", "M", "y"]"#),
            (r#"["x", "Kestrel-Harbor-9271", "y"]"#, r#"["x", "M", "y"]"#),
            // A first piece of three bytes is enough to read the text, one of two is not.
            (r#"["Ke", "strel-Harbor-9271"]"#, r#"["Ke", "strel-Harbor-9271"]"#),
        ] {
            let found = scrubber().bytes(text.as_bytes());
            assert_eq!(String::from_utf8(found.value).unwrap(), clean.replace('M', MARK), "{text}");
            assert_eq!(found.redactions.count() as usize, clean.matches('M').count(), "{text}");
        }
    }

    #[test]
    fn a_shard_sends_no_value_in_pieces() {
        let scrubber = scrubber();
        let leaks = |text: &str| scrubber.leak_of_text(text.as_bytes(), super::super::Place::Arguments).is_err();
        for text in [
            r#"["K","e","s","trel-Harbor-9271"]"#,
            r#"{"Kestrel-":"Harbor-9271"}"#,
            r#"{"a":"Kestrel-Harbor","b":{"c":"-9271"}}"#,
        ] {
            assert!(leaks(text), "{text}");
        }
        for text in [r#"["Kestrel","Harbor"]"#, r#"{"a":"Kestrel-Harbor","b":"9271"}"#, "Kestrel- Harbor-9271"] {
            assert!(!leaks(text), "{text}");
        }
    }
}
