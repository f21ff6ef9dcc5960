//! The exact values the host holds, sought in every spelling in which a reply is likely to echo them.
//!
//! A text is sampled at every fifth byte against a bitmap of the needles' first bytes; only where a sample fits does the
//! automaton look, and only where the automaton fits is a needle compared in full. Clean text is passed at the speed of
//! the sampling, and a text made to defeat it costs a constant factor more.
//!
//! Spellings are wiped when they are dropped. The automaton keeps the first eight bytes of each, and what encoders
//! allocate on the way is not wiped: whoever reads the host's memory has the values anyway.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

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

    /// Every place where a needle stands. Places may overlap; whoever masks merges them.
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
fn automaton(patterns: impl IntoIterator<Item = impl AsRef<[u8]>>) -> AhoCorasick {
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
        text_forms(value, &mut all);
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

fn push(bytes: &[u8], all: &mut Spellings) {
    all.push(Needle { bytes: Zeroizing::new(bytes.to_vec()), lead: false, trail: false });
}

fn push_encoded(text: &str, all: &mut Spellings) {
    if text.len() >= SHORTEST_ENCODED {
        push(text.as_bytes(), all);
    }
}

fn text_forms(text: &str, all: &mut Spellings) {
    push(text.as_bytes(), all);
    push_encoded(&text.chars().rev().collect::<String>(), all);
    for form in json_forms(text).iter().chain(&html_forms(text)) {
        push_encoded(form, all);
    }
}

/// As JSON writers write it: only what must be escaped; with `\/`; without non-ASCII; safe for HTML (Go, .NET); and
/// every character escaped.
fn json_forms(text: &str) -> Vec<String> {
    type Escapes = fn(char) -> bool;
    let writers: [Escapes; 5] = [
        |c| matches!(c, '"' | '\\') || c.is_control(),
        |c| matches!(c, '"' | '\\') || c.is_control() || !c.is_ascii(),
        |c| matches!(c, '"' | '\\' | '<' | '>' | '&') || c.is_control(),
        |c| matches!(c, '"' | '\\' | '<' | '>' | '&' | '\'' | '+' | '`') || c.is_control() || !c.is_ascii(),
        |_| true,
    ];
    let mut forms = Vec::new();
    for escapes in writers {
        for upper in [false, true] {
            for numeric in [false, true] {
                let mut form = String::new();
                for c in text.chars() {
                    json_char(c, escapes(c), numeric || escapes('a'), upper, &mut form);
                }
                forms.push(form.replace('/', "\\/"));
                // Escaped once more: JSON that stands in a string of other JSON.
                forms.push(form.replace('\\', "\\\\").replace('"', "\\\""));
                forms.push(form);
            }
        }
    }
    forms
}

fn json_char(c: char, escape: bool, numeric: bool, upper: bool, form: &mut String) {
    let short = match c {
        _ if !escape || numeric => None,
        '"' => Some("\\\""),
        '\\' => Some("\\\\"),
        '\n' => Some("\\n"),
        '\r' => Some("\\r"),
        '\t' => Some("\\t"),
        _ => None,
    };
    match short {
        Some(short) => form.push_str(short),
        None if escape => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let code = if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                form.push_str(&code);
            }
        }
        None => form.push(c),
    }
}

/// The named references, and both ways to write a quote.
fn html_forms(text: &str) -> Vec<String> {
    let named = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut forms = vec![named.clone()];
    for quote in ["&quot;", "&#34;", "&#x22;"] {
        for apostrophe in ["&#39;", "&#x27;", "&apos;", "'"] {
            let form = named.replace('"', quote).replace('\'', apostrophe);
            forms.push(form.replace('/', "&#x2F;").replace('=', "&#x3D;").replace('`', "&#x60;"));
            forms.push(form.replace('+', "&#43;"));
            forms.push(form.replace('/', "&#x2F;"));
            forms.push(form);
        }
    }
    forms.push(text.chars().map(|c| format!("&#{};", u32::from(c))).collect());
    forms.push(text.chars().map(|c| format!("&#x{:x};", u32::from(c))).collect());
    forms.push(text.chars().map(|c| format!("&#x{:X};", u32::from(c))).collect());
    forms
}

const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// JavaScript's `encodeURIComponent`.
const COMPONENT: AsciiSet = UNRESERVED.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
/// HTML forms: a blank becomes a plus afterwards.
const FORM: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
/// All that a path segment may hold is left as it is.
const SEGMENT: AsciiSet =
    COMPONENT.remove(b'$').remove(b'&').remove(b'+').remove(b',').remove(b';').remove(b'=').remove(b':').remove(b'@');
/// Only what cannot stand in a URL at all.
const MINIMAL: AsciiSet =
    CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');
/// JavaScript's `encodeURI`.
const WHOLE_URL: AsciiSet = SEGMENT.remove(b'/').remove(b'?').remove(b'#');

fn byte_forms(bytes: &[u8], all: &mut Spellings) {
    let hexed = hex::encode(bytes);
    for form in [hexed.to_uppercase(), hexed] {
        push_encoded(&form, all);
    }
    for form in percent_forms(bytes) {
        push_encoded(&form, all);
    }
    for (alphabet, url) in [(&STANDARD, false), (&URL_SAFE, true)] {
        let engine = GeneralPurpose::new(alphabet, NO_PAD);
        for offset in 0..3usize {
            base64_forms(&engine, url, offset, bytes, all);
        }
    }
}

fn percent_forms(bytes: &[u8]) -> Vec<String> {
    let every: String = bytes.iter().map(|b| format!("%{b:02X}")).collect();
    let mut forms = vec![every];
    for set in [&UNRESERVED, NON_ALPHANUMERIC, &COMPONENT, &SEGMENT, &MINIMAL, &WHOLE_URL] {
        forms.push(percent_encode(bytes, set).to_string());
    }
    forms.push(percent_encode(bytes, &FORM).to_string().replace("%20", "+"));
    let mut all = Vec::new();
    for form in forms {
        let lower = lower_escapes(&form);
        all.push(form.replace('%', "%25"));
        all.push(lower.replace('%', "%25"));
        all.push(lower);
        all.push(form);
    }
    all
}

/// `%2F` to `%2f`, and nothing else.
fn lower_escapes(text: &str) -> String {
    let mut escape = 0;
    text.chars()
        .map(|c| {
            escape = if c == '%' { 3 } else { escape };
            let lower = if escape > 0 { c.to_ascii_lowercase() } else { c };
            escape = i32::max(escape - 1, 0);
            lower
        })
        .collect()
}

/// The characters that `bytes` alone decides when they stand `offset` bytes after a group of three begins.
fn base64_forms(engine: &GeneralPurpose, url: bool, offset: usize, bytes: &[u8], all: &mut Spellings) {
    let mut padded = Zeroizing::new(vec![0u8; offset]);
    padded.extend_from_slice(bytes);
    let encoded = Zeroizing::new(engine.encode(padded.as_slice()));
    let first = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    let Some(core) = encoded.get(first..end) else { return };
    let mut forms = vec![core.to_owned()];
    if !url {
        // In a query, in JSON with escaped slashes, and in JSON that is safe for HTML.
        forms.push(core.replace('+', "%2B").replace('/', "%2F"));
        forms.push(core.replace('+', "%2b").replace('/', "%2f"));
        forms.push(core.replace('/', "\\/"));
        forms.push(core.replace('+', "\\u002B"));
        forms.push(core.replace('+', "\\u002b"));
    }
    for form in forms.into_iter().filter(|form| form.len() >= SHORTEST_ENCODED) {
        let trail = !padded.len().is_multiple_of(3);
        all.push(Needle { bytes: Zeroizing::new(form.into_bytes()), lead: offset != 0, trail });
    }
}
