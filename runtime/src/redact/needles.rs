//! The exact values the host holds, sought in every spelling in which a reply is likely to echo them.
//!
//! # In which spellings a value is found
//!
//! | as | what |
//! |---|---|
//! | itself | the value; where it is a header with a scheme (`Bearer …`), what stands after it too |
//! | reversed | character by character |
//! | form | with a plus for each blank |
//! | UTF-16 | little-endian, as PowerShell and directories hold text |
//! | hexadecimal | of its UTF-8 or its UTF-16, all digits of one case |
//! | base64, base64url | of its UTF-8 or its UTF-16, at each of the three places in a group that it may have in a longer text, with padding or without |
//! | cut off | the beginning of any of these, if it is at least half and sixteen bytes |
//!
//! Each of these is found under up to four layers of [escapes](super::decode), percent, JSON and HTML, in any mixture: each
//! character may stand for itself or be escaped in another way than its neighbour. That is what the text reads as where
//! the escapes are taken away, so it holds for every character and not only for what encoders are known to write.
//!
//! Not found: a value of fewer than four bytes; one that is compressed, encrypted or hashed, in UTF-16 of the other byte
//! order, in hexadecimal of mixed case or with signs between the digits, base64 in lines; escapes of other kinds
//! (quoted-printable, octal, `&amp` or `&#65` without a semicolon); and one whose beginning an escape before it swallows, in a text
//! where some of its other characters are escaped (`%4` before a value that begins with `1`, or a backslash of the value before
//! a character that JSON escaped in another layer).
//!
//! # How
//!
//! A text is sampled at every fifth byte against a bitmap of the needles' first bytes; only where a sample fits does the
//! automaton look, and only where the automaton fits is a needle compared in full. Clean text is passed at the speed of
//! the sampling, and a text made to defeat it costs a constant factor more. Each layer of escapes is one such look more.
//!
//! Spellings are wiped when they are dropped. The automaton keeps the first eight bytes of each, and what encoders and
//! decoders allocate on the way is not wiped: whoever reads the host's memory has the values anyway.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use zeroize::Zeroizing;

use super::decode;
use super::split::Pieces;

/// A shorter value is not sought: it would be found in every text.
pub(super) const SHORTEST: usize = 4;
/// A shorter encoded spelling is not sought: random base64 would hold it by chance.
const SHORTEST_ENCODED: usize = 6;
/// How much of a needle the automaton knows. The rest is compared.
const HEAD: usize = 8;
const GRAM: usize = 4;
const STRIDE: usize = HEAD - GRAM + 1;
/// A beginning this long, and at least half of the needle, is an echo that was cut off.
const SHORTEST_ECHO: usize = 16;

/// One spelling of one value.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    /// Base64 at its edges shares a character with its neighbours; that character holds bits of the value too.
    lead: bool,
    trail: bool,
}

/// Every spelling of one value. No `Debug`: it is the secret.
pub(super) type Spellings = Vec<Needle>;

/// Many values, ready to be sought. No `Debug`.
#[derive(Default)]
pub(super) struct Needles {
    long: Option<Long>,
    short: Option<Short>,
}

struct Long {
    sieve: Sieve,
    heads: AhoCorasick,
    /// By the automaton's pattern: all needles that begin so.
    groups: Vec<Vec<Needle>>,
}

struct Short {
    automaton: AhoCorasick,
    needles: Vec<Needle>,
}

impl Needles {
    pub(super) fn new<'a>(spellings: impl IntoIterator<Item = &'a Spellings>) -> Self {
        let all = spellings
            .into_iter()
            .flatten()
            .map(|needle| ((needle.bytes.as_slice(), needle.lead, needle.trail), needle));
        let all: BTreeMap<_, &Needle> = all.collect();
        let mut groups: BTreeMap<Vec<u8>, Vec<Needle>> = BTreeMap::new();
        let mut short = Vec::new();
        for needle in all.into_values() {
            match needle.bytes.get(..HEAD) {
                Some(head) => groups.entry(head.to_vec()).or_default().push(needle.clone()),
                None => short.push(needle.clone()),
            }
        }
        let long = if groups.is_empty() {
            None
        } else {
            let sieve = Sieve::new(groups.keys().map(Vec::as_slice));
            let heads = automaton(groups.keys());
            Some(Long { sieve, heads, groups: groups.into_values().collect() })
        };
        let short = if short.is_empty() {
            None
        } else {
            let automaton = automaton(short.iter().map(|needle| needle.bytes.as_slice()));
            Some(Short { automaton, needles: short })
        };
        Self { long, short }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.long.is_none() && self.short.is_none()
    }

    /// Every place where a needle stands as it is. Places may overlap; whoever masks merges them.
    pub(super) fn find(&self, text: &[u8], found: &mut Vec<Range<usize>>) {
        if let Some(long) = &self.long {
            long.sieve.each(text, |at| long.compare_near(text, at, found));
        }
        if let Some(short) = &self.short {
            for hit in short.automaton.find_overlapping_iter(text) {
                if let Some(needle) = short.needles.get(hit.pattern().as_usize()) {
                    found.push(needle.widen(text, hit.range()));
                }
            }
        }
    }
}

#[expect(clippy::expect_used, reason = "fails above two billion states; patterns have at most eight bytes")]
pub(super) fn automaton(patterns: impl IntoIterator<Item = impl AsRef<[u8]>>) -> AhoCorasick {
    let kind = Some(AhoCorasickKind::ContiguousNFA);
    AhoCorasick::builder().kind(kind).build(patterns).expect("fewer than two billion states")
}

impl Long {
    /// Looks at the heads that begin at `at` or up to four bytes before it: those whose sample lies at `at`.
    fn compare_near(&self, text: &[u8], at: usize, found: &mut Vec<Range<usize>>) {
        let from = at.saturating_sub(STRIDE - 1);
        let Some(window) = text.get(from..text.len().min(at + HEAD)) else {
            return;
        };
        for hit in self.heads.find_overlapping_iter(window) {
            let start = from + hit.start();
            let (Some(rest), Some(group)) = (text.get(start..), self.groups.get(hit.pattern().as_usize())) else {
                continue;
            };
            for needle in group {
                let length = needle.bytes.len();
                let agreed = needle.bytes.iter().zip(rest).take_while(|(a, b)| a == b).count();
                if agreed == length {
                    found.push(needle.widen(text, start..start + length));
                } else if agreed >= SHORTEST_ECHO && agreed * 2 >= length {
                    found.push(start..start + agreed);
                }
            }
        }
    }
}

impl Needle {
    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn widen(&self, text: &[u8], mut place: Range<usize>) -> Range<usize> {
        let is_base64 = |at: usize| {
            text.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_'))
        };
        if self.lead && place.start > 0 && is_base64(place.start - 1) {
            place.start -= 1;
        }
        if self.trail && is_base64(place.end) {
            place.end += 1;
        }
        place
    }
}

/// Says no in one load to nearly every sample. Any head of eight bytes holds one aligned sample of four, wherever it
/// stands, so what the sieve passes over holds no head.
struct Sieve(Vec<u64>);

impl Sieve {
    const BITS: u32 = 18;

    fn new<'a>(heads: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut bits = vec![0u64; 1 << (Self::BITS - 6)];
        for gram in heads.flat_map(|head| head.windows(GRAM)) {
            if let Ok(gram) = <[u8; GRAM]>::try_from(gram) {
                let (word, bit) = Self::place(gram);
                if let Some(word) = bits.get_mut(word) {
                    *word |= bit;
                }
            }
        }
        Self(bits)
    }

    #[inline]
    fn place(gram: [u8; GRAM]) -> (usize, u64) {
        let hash = u32::from_le_bytes(gram).wrapping_mul(0x9e37_79b1) >> (32 - Self::BITS);
        ((hash >> 6) as usize, 1 << (hash & 63))
    }

    #[inline]
    fn each(&self, text: &[u8], mut look: impl FnMut(usize)) {
        for (index, chunk) in text.chunks(STRIDE).enumerate() {
            let Some(gram) = chunk.first_chunk::<GRAM>() else {
                return;
            };
            let (word, bit) = Self::place(*gram);
            if self.0.get(word).is_some_and(|word| word & bit != 0) {
                look(index * STRIDE);
            }
        }
    }
}

/// Every spelling in which `value` is sought; none if it is too short to be told from other text.
pub(super) fn spellings(value: &str) -> Spellings {
    let value = value.trim();
    if value.len() < SHORTEST {
        return Vec::new();
    }
    let mut all = Vec::new();
    // A whole header is sought, and so is what stands after its scheme.
    for value in std::iter::once(value).chain(after_scheme(value)) {
        push(value.as_bytes(), &mut all);
        push_encoded(&value.chars().rev().collect::<String>(), &mut all);
        // As HTML forms write blanks.
        if value.contains(' ') {
            push_encoded(&value.replace(' ', "+"), &mut all);
        }
        byte_forms(value.as_bytes(), &mut all);
        // As PowerShell and directories hold it.
        let utf16: Zeroizing<Vec<u8>> = Zeroizing::new(value.encode_utf16().flat_map(u16::to_le_bytes).collect());
        push(&utf16, &mut all);
        byte_forms(&utf16, &mut all);
    }
    all
}

/// The values themselves, to be sought in pieces. A value's own form is the first of its spellings.
pub(super) fn pieces<'a>(spellings: impl IntoIterator<Item = &'a Spellings>) -> Pieces {
    Pieces::new(spellings.into_iter().filter_map(|all| Some(all.first()?.bytes.clone())))
}

fn after_scheme(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ')?;
    let known = ["basic", "bearer", "token", "apikey", "ssws", "negotiate"];
    known.contains(&scheme.to_ascii_lowercase().as_str()).then_some(rest.trim()).filter(|rest| rest.len() >= SHORTEST)
}

/// A spelling, and what is left of it where escapes are taken away: a value that holds `%41` reads as `A` in a text that is
/// decoded because of another escape.
fn push(bytes: &[u8], all: &mut Spellings) {
    let mut bytes = bytes.to_vec();
    for _ in 0..=decode::MOST_LAYERS {
        let next = decode::decoded(&bytes).filter(|next| next.len() >= SHORTEST_ENCODED);
        all.push(Needle { bytes: Zeroizing::new(bytes), lead: false, trail: false });
        match next {
            Some(next) => bytes = next,
            None => break,
        }
    }
}

fn push_encoded(text: &str, all: &mut Spellings) {
    if text.len() >= SHORTEST_ENCODED {
        push(text.as_bytes(), all);
    }
}

fn byte_forms(bytes: &[u8], all: &mut Spellings) {
    let hexed = hex::encode(bytes);
    for form in [hexed.to_uppercase(), hexed] {
        push_encoded(&form, all);
    }
    for alphabet in [&STANDARD, &URL_SAFE] {
        let engine = GeneralPurpose::new(alphabet, NO_PAD);
        for offset in 0..3usize {
            base64_form(&engine, offset, bytes, all);
        }
    }
}

/// The characters that `bytes` alone decides when they stand `offset` bytes after a group of three begins.
fn base64_form(engine: &GeneralPurpose, offset: usize, bytes: &[u8], all: &mut Spellings) {
    let mut padded = Zeroizing::new(vec![0u8; offset]);
    padded.extend_from_slice(bytes);
    let encoded = Zeroizing::new(engine.encode(padded.as_slice()));
    let first = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    let Some(core) = encoded.get(first..end).filter(|core| core.len() >= SHORTEST_ENCODED) else { return };
    let trail = !padded.len().is_multiple_of(3);
    all.push(Needle { bytes: Zeroizing::new(core.as_bytes().to_vec()), lead: offset != 0, trail });
}
