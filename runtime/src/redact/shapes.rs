//! Secrets that nobody told the host about, known by their look. One pass finds where a shape may begin; then the
//! shape itself must hold, so that GUIDs, images and tracking numbers stay.
//!
//! | shape | begins at | holds if |
//! |---|---|---|
//! | private key | `-----BEGIN` | the label ends in `PRIVATE KEY`; reaches to its end line, or to the end of the text |
//! | JWT | `eyJ` | three or more parts, the first of which decodes to a JSON object with `alg` |
//! | header | `Bearer`, `Basic` | a long token follows; for Basic, one that decodes to `name:password` |
//! | assignment | a secret name | `name=value`, `name: value`, `"name": "value"`, `<name>value<`, `--name value`, `name is value` |
//! | URL | `://` | a password, or a machine's token, before the `@` of its authority |
//! | vendor token | its prefix | as many characters of its alphabet as the vendor uses, see `rules.toml` |
//! | card number | digits | a known issuer, its length and grouping, and the Luhn sum |
//!
//! An unquoted value that is assigned reaches to the end of its line or to where the next pair begins, because passwords
//! have blanks. `name is value` takes one word, and none of those with which people complain about passwords. Manifests
//! write `secret:NAME`; that names a secret and is none.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::LazyLock;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::rules::{Alphabet, PACK};
use super::words::{self, Name, Stem, Value};
use super::{MARK_START, Rule, slice};

/// A name is looked for this far to either side of its stem.
const NAME_REACH: usize = 96;
/// So many words before one are read with it.
const WORDS_BEFORE: usize = 2;
/// An unquoted value on an endless line (minified script) ends here.
const LONGEST_UNQUOTED: usize = 512;

pub(super) struct Found {
    pub(super) rule: Rule,
    pub(super) place: Range<usize>,
}

/// How much is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    /// Card numbers left out: the field's name says that its number is an identifier.
    NoCards,
    /// Only what is a credential by itself: no assignments, cards or URLs. For what a shard sends.
    Credentials,
}

#[derive(Clone, Copy)]
enum Anchor {
    Stem(usize),
    Pem,
    Jwt,
    Scheme,
    Url,
    Azure,
    Bot,
    Vendor(usize),
}

/// Where shapes may begin. Nearly every place is told from them by its first three bytes, and each by itself, which is
/// why this is faster than an automaton, whose every step waits for the one before.
struct Anchors {
    all: Vec<(&'static str, Anchor)>,
    stems: Vec<Stem>,
    /// A bit for the first three bytes of each.
    bits: Vec<u64>,
    /// By the place of that bit: the anchors that may begin there.
    groups: Vec<Vec<usize>>,
}

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| {
    let stems = words::stems();
    let mut all: Vec<(&str, Anchor)> =
        stems.iter().enumerate().map(|(index, stem)| (stem.text, Anchor::Stem(index))).collect();
    all.extend([
        ("-----begin", Anchor::Pem),
        ("eyj", Anchor::Jwt),
        ("bearer", Anchor::Scheme),
        ("basic", Anchor::Scheme),
        ("://", Anchor::Url),
        (":\\/\\/", Anchor::Url),
        (":aa", Anchor::Bot),
    ]);
    all.extend(AZURE.iter().map(|text| (*text, Anchor::Azure)));
    all.extend(PACK.tokens.iter().enumerate().map(|(index, token)| (token.prefix.as_str(), Anchor::Vendor(index))));
    Anchors::new(all, stems)
});

/// A digit stands before the `Q~` of Azure's secrets.
const AZURE: &[&str] = &["0q~", "1q~", "2q~", "3q~", "4q~", "5q~", "6q~", "7q~", "8q~", "9q~"];

struct Hit {
    kind: Anchor,
    place: Range<usize>,
}

impl Anchors {
    const GRAM: usize = 3;
    const BITS: u32 = 16;

    fn new(all: Vec<(&'static str, Anchor)>, stems: Vec<Stem>) -> Self {
        let mut bits = vec![0u64; 1 << (Self::BITS - 6)];
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); 1 << Self::BITS];
        for (index, (text, _)) in all.iter().enumerate() {
            let Some(gram) = text.as_bytes().first_chunk().map(Self::fold) else { continue };
            if let Some(group) = groups.get_mut(Self::hash(gram)) {
                group.push(index);
            }
            let (word, bit) = Self::bit(gram);
            if let Some(word) = bits.get_mut(word) {
                *word |= bit;
            }
        }
        Self { all, stems, bits, groups }
    }

    /// Letters lose their case here. Other bytes may fall together, which costs a comparison.
    #[inline]
    fn fold(&[a, b, c]: &[u8; Self::GRAM]) -> u32 {
        u32::from_le_bytes([a, b, c, 0]) | 0x0020_2020
    }

    #[inline]
    fn hash(gram: u32) -> usize {
        (gram.wrapping_mul(0x9e37_79b1) >> (32 - Self::BITS)) as usize
    }

    #[inline]
    fn bit(gram: u32) -> (usize, u64) {
        let hash = Self::hash(gram);
        (hash >> 6, 1 << (hash & 63))
    }

    /// The first place from `from` on where an anchor may begin.
    #[inline(never)]
    fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        let rest = text.get(from..)?;
        let may_begin = |window: &[u8]| {
            let (word, bit) = Self::bit(window.first_chunk().map_or(0, Self::fold));
            self.bits.get(word).is_some_and(|word| word & bit != 0)
        };
        rest.windows(Self::GRAM).position(may_begin).map(|at| from + at)
    }

    /// Shows `look` each anchor in `text`, from the left, until it says stop.
    fn each(&self, text: &[u8], mut look: impl FnMut(Hit) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut from = 0;
        while let Some(at) = self.next(text, from) {
            from = at + 1;
            let gram = text.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, Self::fold);
            for (anchor, kind) in
                self.groups.get(Self::hash(gram)).into_iter().flatten().filter_map(|index| self.all.get(*index))
            {
                let place = at..at + anchor.len();
                if slice(text, place.clone()).eq_ignore_ascii_case(anchor.as_bytes()) {
                    look(Hit { kind: *kind, place })?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Every shape in `text`. Places may overlap.
pub(super) fn find(text: &[u8], scope: Scope, found: &mut Vec<Found>) {
    if scope == Scope::All {
        cards(text, |place| found.push(Found { rule: Rule::CardNumber, place }));
    }
    let credentials_only = scope == Scope::Credentials;
    let mut names = Names::default();
    let mut covered = 0;
    let _ = ANCHORS.each(text, |Hit { kind, place: hit }| {
        if let Anchor::Stem(index) = kind {
            if !credentials_only && may_be_named(text, index, hit.start) {
                let place = names.at(text, hit).and_then(|name| assignment(text, name));
                found.extend(place.map(|place| Found { rule: Rule::Assignment, place }));
            }
            return ControlFlow::Continue(());
        }
        // What begins in a token is part of it. Reading it again would cost the square of a chain of tokens.
        if hit.start < covered {
            return ControlFlow::Continue(());
        }
        let shape = match kind {
            Anchor::Stem(_) => None,
            Anchor::Pem => private_key(text, hit.start).map(|place| (Rule::PrivateKey, place)),
            Anchor::Jwt => jwt(text, hit.start).map(|place| (Rule::Jwt, place)),
            Anchor::Scheme => scheme(text, hit).map(|place| (Rule::Authorization, place)),
            Anchor::Url if credentials_only => None,
            Anchor::Url => userinfo(text, hit.end).map(|place| (Rule::UrlUserinfo, place)),
            Anchor::Azure => azure(text, hit.start + 1).map(|place| (Rule::AzureSecret, place)),
            Anchor::Bot => bot(text, hit.start).map(|place| (Rule::ServiceToken, place)),
            Anchor::Vendor(index) => vendor_token(text, hit.start, index),
        };
        if let Some((rule, place)) = shape {
            covered = place.end;
            found.push(Found { rule, place });
        }
        ControlFlow::Continue(())
    });
}

/// Whether JSON as it was sent holds nothing that [`find`] or a field's name could make something of. May err on the
/// side of no.
pub(super) fn is_clean_json(text: &[u8]) -> bool {
    let mut names = Names::default();
    let looks = ANCHORS.each(text, |Hit { kind, place: hit }| {
        let is_clean = match kind {
            Anchor::Stem(index) => {
                !may_be_named(text, index, hit.start)
                    || (names.at(text, hit.clone()).is_none() && !is_odd_key(text, hit))
            }
            Anchor::Pem => false,
            Anchor::Jwt => jwt(text, hit.start).is_none(),
            Anchor::Scheme => scheme(text, hit).is_none(),
            Anchor::Url => userinfo(text, hit.end).is_none(),
            Anchor::Azure => azure(text, hit.start + 1).is_none(),
            Anchor::Bot => bot(text, hit.start).is_none(),
            Anchor::Vendor(index) => vendor_token(text, hit.start, index).is_none(),
        };
        if is_clean { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let mut card = false;
    cards(text, |_| card = true);
    looks.is_continue() && !card
}

/// The `pin` of `shipping` begins no word, and most of what is found goes here.
#[inline]
fn may_be_named(text: &[u8], stem: usize, start: usize) -> bool {
    let is_small = text.get(start).is_some_and(u8::is_ascii_lowercase);
    let before = slice(text, start.saturating_sub(NAME_REACH)..start);
    ANCHORS.stems.get(stem).is_some_and(|stem| stem.fits_after(before, is_small))
}

/// Whether the stem stands in a key that is a secret name only as a whole: one with blanks, colons and the like.
fn is_odd_key(text: &[u8], stem: Range<usize>) -> bool {
    let quote = |b: &u8| *b == b'"';
    let before = slice(text, stem.start.saturating_sub(NAME_REACH)..stem.start);
    let after = slice(text, stem.end..text.len().min(stem.end + NAME_REACH));
    let (Some(open), Some(close)) = (before.iter().rposition(quote), after.iter().position(quote)) else {
        return false;
    };
    let is_key = after.iter().skip(close + 1).find(|b| !b.is_ascii_whitespace()).is_none_or(|b| *b == b':');
    let key = slice(text, stem.start - (before.len() - open - 1)..stem.end + close);
    // Without such signs it is a run, and was read as one.
    is_key && key.iter().any(|b| !is_joint(*b)) && words::secret_name(&String::from_utf8_lossy(key)).is_some()
}

/// What names are made of: letters, digits, and what joins them. Names in other scripts are made of other bytes.
fn is_joint(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.') || !b.is_ascii()
}

struct Named {
    name: &'static Name,
    place: Range<usize>,
}

/// Reads each run of letters, digits and joints once, however many stems it holds, and each name once, however many
/// records have it.
#[derive(Default)]
struct Names<'a> {
    read: usize,
    known: HashMap<&'a [u8], Option<&'static Name>>,
}

impl<'a> Names<'a> {
    /// Bounds what a text of ever new names costs.
    const MOST_KNOWN: usize = 256;

    fn secret_name(&mut self, text: &'a [u8]) -> Option<&'static Name> {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let name = words::secret_name(&String::from_utf8_lossy(text));
        if self.known.len() < Self::MOST_KNOWN {
            self.known.insert(text, name);
        }
        name
    }

    /// The secret name of which `stem` is a part: a run, or that with the word before it (`api key`).
    fn at(&mut self, text: &'a [u8], stem: Range<usize>) -> Option<Named> {
        const LONGEST_WORD: usize = 32;
        if stem.end + LONGEST_WORD <= self.read {
            return None;
        }
        let is_end = |b: &u8| !is_joint(*b);
        let before = slice(text, stem.start.saturating_sub(NAME_REACH)..stem.start);
        let after = slice(text, stem.end..text.len().min(stem.end + NAME_REACH));
        let start = stem.start - before.iter().rev().position(is_end).unwrap_or(before.len());
        let end = stem.end + after.iter().position(is_end).unwrap_or(after.len());
        self.read = end;
        let named = |name: &'static Name, from: usize| Named { name, place: from..end };
        let alone = self.secret_name(slice(text, start..end)).map(|name| named(name, start));
        // `key` says little; the word before it may say more.
        if alone.as_ref().is_some_and(|named| named.name.value == Value::Any) {
            return alone;
        }
        // `security` says nothing; the words around it may (`social security number`).
        let after = skip(slice(text, 0..text.len().min(end + 16)), end + 1, |b| b.is_ascii_alphabetic());
        let ends = [Some(end), Some(after).filter(|after| text.get(end) == Some(&b' ') && *after > end + 1)];
        let mut from = start;
        for _ in 0..WORDS_BEFORE {
            if self::before(text, from) != Some(b' ') {
                break;
            }
            let previous = slice(text, from.saturating_sub(16)..from - 1);
            let word = previous.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
            from -= 1 + word;
            if !words::begins_name(slice(text, from..from + word)) {
                continue;
            }
            for end in ends.into_iter().flatten() {
                if let Some(name) = self.secret_name(slice(text, from..end)) {
                    return Some(Named { name, place: from..end });
                }
            }
        }
        alone
    }
}

/// The value that is assigned to a secret name.
fn assignment(text: &[u8], Named { name, place }: Named) -> Option<Range<usize>> {
    let at = |index: usize| text.get(index).copied();
    let quoted = after_quote(text, place.end).map_or(place.end, |(_, after)| after);
    let next = skip_blanks(text, quoted);
    let (value, whole) = match at(next) {
        Some(b'=' | b':') => {
            let start =
                skip_blanks(text, skip(slice(text, 0..text.len().min(next + 3)), next, |b| b"=:>".contains(&b)));
            (value_at(text, start, clause)?, true)
        }
        Some(b'>') if before(text, place.start) == Some(b'<') => {
            let length = slice(text, next + 1..text.len()).iter().position(|b| *b == b'<')?;
            (next + 1..next + 1 + length, true)
        }
        // The hyphens of an option are joints, so they are part of the name.
        Some(_) if next > quoted && starts_with(text, place.start, b"--") => (value_at(text, next, word)?, true),
        Some(_) if next > quoted => {
            let verb = [&b"is "[..], b"was "].into_iter().find(|verb| starts_with(text, next, verb))?;
            (value_at(text, skip_blanks(text, next + verb.len()), word)?, false)
        }
        _ => return None,
    };
    let bytes = slice(text, value.clone());
    let lone = std::str::from_utf8(bytes).unwrap_or_default().trim_matches(|c: char| !c.is_alphanumeric());
    let nothing = bytes.is_empty()
        || bytes.starts_with(MARK_START)
        || bytes.starts_with(b"//")
        || ["null", "none", "nil", "true", "false", "undefined"].contains(&lone.to_ascii_lowercase().as_str());
    // `secret:NAME` in a manifest says where a secret is.
    let reference = place.end + 1 == value.start
        && at(place.end) == Some(b':')
        && slice(text, place).eq_ignore_ascii_case(b"secret")
        && bytes.iter().take_while(|b| **b != b' ').all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
    // `password = a` is a password even so, and `password: required` is none.
    let complaint = is_complaint(lone) && (!whole || (at(next) == Some(b':') && lone.len() > 2));
    let fits = name.value.fits(lone);
    (!nothing && !reference && !complaint && fits).then_some(value)
}

/// The value at `start`: what its quotes hold, or as far as `unquoted` reads.
fn value_at(text: &[u8], start: usize, unquoted: fn(&[u8], usize) -> usize) -> Option<Range<usize>> {
    if let Some((quote, from)) = after_quote(text, start) {
        let mut end = from;
        while end < text.len() && !starts_with(text, end, slice(text, quote.clone())) {
            let escaped = text.get(end) == Some(&b'\\') && quote.len() == 1;
            end += if escaped { 2 } else { 1 };
        }
        return Some(from..end.min(text.len()));
    }
    // What begins a list or an object is no value itself; names in it are found on their own.
    let nested = matches!(text.get(start)?, b'{' | b'[') && !starts_with(text, start, MARK_START);
    (!nested).then(|| start..unquoted(text, start))
}

/// The end of a value that may hold blanks: its line's end, or the next `name=` or `name:`.
fn clause(text: &[u8], start: usize) -> usize {
    let limit = text.len().min(start + LONGEST_UNQUOTED);
    let ends = |at: &usize| match text.get(*at) {
        None | Some(b'\n' | b'\r') => true,
        Some(b'"' | b'\'' | b'`') => {
            let after = text.get(*at + 1);
            after.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b',' | b'}' | b']' | b')' | b';' | b'>' | b'.'))
        }
        Some(b'&' | b';' | b',') => is_pair(text, *at + 1) || text.get(*at + 1).is_none(),
        Some(b'<') => matches!(text.get(*at + 1), Some(b'/' | b'!')) || starts_with(text, *at, b"<br"),
        Some(b' ' | b'\t') => is_pair(text, *at + 1),
        Some(b'\\') => matches!(text.get(*at + 1), Some(b'n' | b'r' | b'"')),
        Some(_) => false,
    };
    (start..limit).find(ends).unwrap_or(limit)
}

/// The end of a value that is one word.
fn word(text: &[u8], start: usize) -> usize {
    skip(text, start, |b| !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b'<' | b','))
}

/// Whether `name=` or `name:` stands at `start`, after blanks.
fn is_pair(text: &[u8], start: usize) -> bool {
    let from = skip_blanks(text, start);
    let from = after_quote(text, from).map_or(from, |(_, after)| after);
    let joined = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let end = skip(slice(text, 0..text.len().min(from + NAME_REACH)), from, joined);
    let end = after_quote(text, end).filter(|_| end > from).map_or(end, |(_, after)| after);
    end > from && text.get(from).is_some_and(u8::is_ascii_alphabetic) && matches!(text.get(end), Some(b'=' | b':'))
}

/// A quote at `start`, with the backslashes that escape it, and where it ends.
fn after_quote(text: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let quote = skip(slice(text, 0..text.len().min(start + 16)), start, |b| b == b'\\');
    matches!(text.get(quote), Some(b'"' | b'\'' | b'`')).then_some((start..quote + 1, quote + 1))
}

/// What people say of passwords in place of a password.
fn is_complaint(word: &str) -> bool {
    word.is_empty() || PACK.words.complaints.iter().any(|complaint| word.eq_ignore_ascii_case(complaint))
}

/// Made by a machine: long, without blanks, letters of both cases and digits or long hex, and no GUID.
pub(super) fn looks_random(text: &str) -> bool {
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'_' | b'-' | b'.' | b'~' | b'%');
    let has = |class: fn(&u8) -> bool| text.as_bytes().iter().any(class);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    let hex = text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    text.len() >= 16 && text.bytes().all(allowed) && (mixed || hex) && !is_guid(text)
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn private_key(text: &[u8], start: usize) -> Option<Range<usize>> {
    let body = slice(text, start + "-----BEGIN".len()..text.len());
    let label = slice(body, 0..position(body, b"-----")?);
    // `PGP PRIVATE KEY BLOCK` has a word more.
    let private = label.len() < 64 && position(label, b"PRIVATE KEY").is_some();
    let end = || {
        let closing = position(body, b"-----END")? + "-----END".len();
        let rest = slice(body, closing..body.len());
        Some(closing + position(rest, b"-----")? + "-----".len())
    };
    private.then(|| start..end().map_or(text.len(), |end| start + "-----BEGIN".len() + end))
}

fn jwt(text: &[u8], start: usize) -> Option<Range<usize>> {
    if !starts_with(text, start, b"eyJ") || before(text, start).is_some_and(is_base64url) {
        return None;
    }
    let header_end = skip(text, start, is_base64url);
    let header = GeneralPurpose::new(&URL_SAFE, lenient()).decode(slice(text, start..header_end)).ok()?;
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&header).ok()?;
    header.get("alg")?.as_str()?;
    let (mut end, mut parts) = (header_end, 1);
    while text.get(end) == Some(&b'.') {
        end = skip(text, end + 1, is_base64url);
        parts += 1;
    }
    (parts >= 3).then_some(start..end)
}

/// What follows `Bearer` or `Basic`, if it can be a credential.
fn scheme(text: &[u8], name: Range<usize>) -> Option<Range<usize>> {
    if before(text, name.start).is_some_and(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    // A blank, possibly as URLs write it.
    let blanks = [&b"%20"[..], b" "].into_iter().find(|blank| starts_with(text, name.end, blank))?;
    let start = skip_blanks(text, name.end + blanks.len());
    let end = skip(text, start, |b| is_base64url(b) || matches!(b, b'.' | b'~' | b'+' | b'/' | b'=' | b':'));
    let token = slice(text, start..end);
    let is_basic = slice(text, name).eq_ignore_ascii_case(b"basic");
    let digits = token.iter().filter(|b| b.is_ascii_digit()).count();
    let fits = if is_basic {
        let decoded = GeneralPurpose::new(&STANDARD, lenient()).decode(token).unwrap_or_default();
        token.len() >= 4 && decoded.contains(&b':')
    } else {
        (token.len() >= 8 && digits > 0) || token.len() >= 24
    };
    fits.then_some(start..end)
}

/// The password in a URL's authority; or its user, if that is a machine's token.
///
/// Whoever composes an URL from its parts forgets that `#` and `?` end an authority. A password with one of them is found as well,
/// unless what stands before it is a port.
fn userinfo(text: &[u8], start: usize) -> Option<Range<usize>> {
    let ends = |b: u8| matches!(b, b'/' | b'"' | b'\'' | b'<' | b'>' | b'\\') || b.is_ascii_whitespace();
    let mut authority = slice(text, start..skip(text, start, |b| !ends(b)));
    if let Some(odd) = authority.iter().position(|b| matches!(b, b'?' | b'#')) {
        let before = slice(authority, 0..odd);
        let is_cut = before
            .iter()
            .position(|b| *b == b':')
            .is_some_and(|colon| slice(before, colon + 1..odd).iter().any(|b| !b.is_ascii_digit()));
        if before.contains(&b'@') || !is_cut {
            authority = before;
        }
    }
    let info = slice(authority, 0..authority.iter().rposition(|b| *b == b'@')?);
    let from = match info.iter().position(|b| *b == b':') {
        Some(colon) => colon + 1,
        None if looks_random(std::str::from_utf8(info).ok()?) => 0,
        None => return None,
    };
    let secret = slice(info, from..info.len());
    (!secret.is_empty() && !secret.starts_with(MARK_START)).then(|| start + from..start + info.len())
}

/// `…8Q~…`: an application's secret has the tilde at its sixth place.
fn azure(text: &[u8], tilde: usize) -> Option<Range<usize>> {
    let start = tilde.checked_sub(4)?;
    let in_secret = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'~' | b'.' | b'-');
    let head = slice(text, start..tilde);
    let begins = starts_with(text, tilde, b"Q~")
        && head.iter().all(|b| in_secret(*b))
        && head.last().is_some_and(u8::is_ascii_digit)
        && !before(text, start).is_some_and(|b| b.is_ascii_alphanumeric());
    if !begins {
        return None;
    }
    let end = skip(text, tilde + 2, in_secret);
    (end - tilde - 2 >= 31).then_some(start..end)
}

/// Of a Telegram bot: its number, a colon, `AA` and 33 more.
fn bot(text: &[u8], colon: usize) -> Option<Range<usize>> {
    let digits = slice(text, colon.saturating_sub(11)..colon).iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let start = colon - digits;
    let end = skip(text, colon + 1, is_base64url);
    let fits = (8..=10).contains(&digits)
        && starts_with(text, colon, b":AA")
        && end - colon - 1 == 35
        && !before(text, start).is_some_and(is_base64url);
    fits.then_some(start..end)
}

fn vendor_token(text: &[u8], start: usize, index: usize) -> Option<(Rule, Range<usize>)> {
    let token = PACK.tokens.get(index)?;
    let from = start + token.prefix.len();
    let end = skip(text, from, |b| b.is_ascii_alphanumeric() || token.also.contains(&b));
    let length = end - from;
    let is_of = |b: &u8| match token.of {
        None => true,
        Some(Alphabet::Upper) => !b.is_ascii_lowercase(),
        Some(Alphabet::Hex) => b.is_ascii_hexdigit(),
    };
    let fits = starts_with(text, start, token.prefix.as_bytes())
        && !before(text, start).is_some_and(|b| b.is_ascii_alphanumeric())
        && (length == token.least || (length > token.least && !token.exactly))
        && slice(text, from..end).iter().all(is_of);
    fits.then_some((token.rule, start..end))
}

/// Digits.
const SHORTEST_CARD: usize = 14;

/// Card numbers: digits in one piece, or grouped by single blanks or hyphens as on a card.
fn cards(text: &[u8], mut found: impl FnMut(Range<usize>)) {
    const STEP: usize = 8;
    // A bit for each number below sixteen that has three bits or four.
    const THREE_OR_MORE: u32 = 0b1110_1000_1000_0000;
    // A number of fourteen digits, grouped or not, covers two halves of steps in a row, each with three digits or more.
    let (mut dense, mut done) = (false, 0);
    for (index, step) in text.chunks(STEP).enumerate() {
        let digits = digits(step);
        for (half, digits) in [digits & 0xf, digits >> 4].into_iter().enumerate() {
            let before = std::mem::replace(&mut dense, (THREE_OR_MORE >> digits) & 1 == 1);
            let at = index * STEP + half * STEP / 2;
            if before && dense && at >= done {
                let in_number = |b: u8| b.is_ascii_digit() || matches!(b, b' ' | b'-');
                let reach = slice(text, at.saturating_sub(32)..at);
                let start = at - reach.iter().rev().take_while(|b| in_number(**b)).count();
                done = skip(text, at, in_number);
                // Dates and identifiers come this far.
                if slice(text, start..done).iter().filter(|b| b.is_ascii_digit()).count() >= SHORTEST_CARD {
                    card_in(text, start..done, &mut found);
                }
            }
        }
    }
}

/// A bit for each byte that is a digit, or one of the six signs that follow the digits in ASCII.
#[inline]
fn digits(step: &[u8]) -> u32 {
    let Some(step) = step.first_chunk::<8>() else {
        return step.iter().enumerate().fold(0, |bits, (at, b)| bits | (u32::from(b.is_ascii_digit()) << at));
    };
    // A byte is nothing after this if its upper half was a three.
    let rest = (u64::from_le_bytes(*step) & 0xf0f0_f0f0_f0f0_f0f0) ^ 0x3030_3030_3030_3030;
    let others = ((rest >> 4) | (rest >> 5) | (rest >> 6) | (rest >> 7)) & 0x0101_0101_0101_0101;
    // Gathers the lowest bits of eight bytes into one.
    u32::from(!(others.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8)
}

fn card_in(text: &[u8], run: Range<usize>, found: &mut impl FnMut(Range<usize>)) {
    let touches =
        |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/'));
    for start in run.clone() {
        // What a mark stands for may have touched it: without this, a second look would find what the first did not.
        let after_mark = slice(text, 0..start).ends_with(super::MARK.as_bytes());
        let begins = text.get(start).is_some_and(u8::is_ascii_digit) && !touches(before(text, start)) && !after_mark;
        for groups in [&[14][..], &[15], &[16], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]] {
            if !begins {
                continue;
            }
            let Some(end) = grouped(text, start, groups) else {
                continue;
            };
            let dot = text.get(end) == Some(&b'.') && !text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
            let digits: Vec<u8> =
                slice(text, start..end).iter().filter(|b| b.is_ascii_digit()).map(|b| b - b'0').collect();
            let is_apart = !touches(text.get(end).copied()) && !starts_with(text, end, MARK_START);
            if (dot || is_apart) && is_issued(&digits) && luhn(&digits) {
                found(start..end);
            }
        }
    }
}

/// The end of digits in `groups`, all divided by the same character.
fn grouped(text: &[u8], start: usize, groups: &[usize]) -> Option<usize> {
    let mut at = start;
    let mut joint = None;
    for (index, length) in groups.iter().enumerate() {
        if index > 0 {
            let found = text.get(at).copied().filter(|b| matches!(b, b' ' | b'-'))?;
            if *joint.get_or_insert(found) != found {
                return None;
            }
            at += 1;
        }
        let group = text.get(at..at + length)?;
        if !group.iter().all(u8::is_ascii_digit) {
            return None;
        }
        at += length;
    }
    Some(at)
}

fn is_issued(digits: &[u8]) -> bool {
    let head = |length: usize| digits.iter().take(length).fold(0u32, |sum, d| sum * 10 + u32::from(*d));
    match digits.len() {
        14 => matches!(head(3), 300..=305) || matches!(head(2), 36 | 38),
        15 => matches!(head(2), 34 | 37),
        16 => {
            head(1) == 4
                || matches!(head(2), 51..=55 | 62 | 65)
                || matches!(head(4), 2221..=2720 | 6011 | 3528..=3589)
                || matches!(head(3), 644..=649)
        }
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_base64url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
}

fn lenient() -> GeneralPurposeConfig {
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true)
}

fn before(text: &[u8], at: usize) -> Option<u8> {
    text.get(at.checked_sub(1)?).copied()
}

fn starts_with(text: &[u8], at: usize, prefix: &[u8]) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(prefix))
}

fn position(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

fn skip(text: &[u8], start: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = slice(text, start..text.len());
    start + rest.iter().take_while(|b| wanted(**b)).count()
}

/// A few blanks; more would let a text of blanks cost the square of its length.
fn skip_blanks(text: &[u8], start: usize) -> usize {
    skip(slice(text, 0..text.len().min(start + 64)), start, |b| matches!(b, b' ' | b'\t'))
}
