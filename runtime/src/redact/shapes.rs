//! Secrets that nobody told the host about, known by their look. One pass finds where a shape may begin; then the
//! shape itself must hold, so that GUIDs, images and tracking numbers stay.
//!
//! | shape | begins at | holds if |
//! |---|---|---|
//! | private key | `-----BEGIN` | the label ends in `PRIVATE KEY`; reaches to its end line, or to the end of the text |
//! | JWT | `eyJ` | three or more parts, the first of which decodes to a JSON object with `alg` |
//! | header | `Bearer`, `Basic` | a long token follows; for Basic, one that decodes to `name:password` |
//! | assignment | a secret name | `name=value`, `name: value`, `--name value` and what else is in [`assigned`] and [`tables`] |
//! | webhook | its host and path | the rest of the address is long enough for a secret |
//! | URL | `://` | a password, or a machine's token, before the `@` of its authority |
//! | vendor token | its prefix | as many characters of its alphabet as the vendor uses, see `rules.toml` |
//! | card number | digits | a known issuer, its length and grouping, and the Luhn sum |

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::LazyLock;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::cards::{self, Around};
use super::rules::{Alphabet, PACK};
use super::words::{self, Name, Stem};
use super::{MARK_START, Rule, assigned, slice, tables};

/// A name is looked for this far to either side of its stem.
const NAME_REACH: usize = 96;
/// So many words before one are read with it.
const WORDS_BEFORE: usize = 2;
/// What joins no name though it is no ASCII: signs of Japanese text and wide blanks.
const WIDE_ENDS: [&str; 14] =
    ["：", "＝", "は", "。", "、", "（", "）", "「", "」", "『", "』", "\u{3000}", "\u{a0}", "\u{202f}"];

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
    Webhook(usize),
}

/// Where shapes may begin. Nearly every place is told from them by its first three bytes, and each by itself, which is
/// why this is faster than an automaton, whose every step waits for the one before.
struct Anchors {
    all: Vec<(String, Anchor)>,
    stems: Vec<Stem>,
    /// A bit for the first three bytes of each.
    bits: Vec<u64>,
    /// By the place of that bit: the anchors that may begin there.
    groups: Vec<Vec<usize>>,
}

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| {
    let stems = words::stems();
    let mut all: Vec<(String, Anchor)> = Vec::new();
    for (index, stem) in stems.iter().enumerate() {
        all.extend(spellings(stem.text).into_iter().map(|text| (text, Anchor::Stem(index))));
    }
    let signs = [
        ("-----begin", Anchor::Pem),
        ("eyj", Anchor::Jwt),
        ("bearer", Anchor::Scheme),
        ("basic", Anchor::Scheme),
        ("://", Anchor::Url),
        (":\\/\\/", Anchor::Url),
        (":aa", Anchor::Bot),
    ];
    let signs = signs.into_iter().chain(AZURE.iter().map(|text| (*text, Anchor::Azure)));
    let tokens = PACK.tokens.iter().enumerate().map(|(index, token)| (token.prefix.as_str(), Anchor::Vendor(index)));
    let hooks = PACK.webhooks.iter().enumerate();
    let hooks =
        hooks.flat_map(|(index, hook)| hook.prefixes.iter().map(move |text| (text.as_str(), Anchor::Webhook(index))));
    all.extend(signs.chain(tokens).chain(hooks).map(|(text, kind)| (text.to_owned(), kind)));
    Anchors::new(all, stems)
});

/// How a stem is sought. Letters that are no ASCII have each case by itself; one of two letters is too short to be sought, so what
/// may follow it comes with it.
fn spellings(stem: &str) -> Vec<String> {
    if stem.len() < Anchors::GRAM {
        return (0x20..0x7f).map(|b: u8| format!("{stem}{}", char::from(b).to_ascii_lowercase())).collect();
    }
    let first: String = stem.chars().take(1).flat_map(char::to_uppercase).collect();
    let mut spellings = vec![stem.to_owned(), first + &stem.chars().skip(1).collect::<String>(), stem.to_uppercase()];
    spellings.truncate(if stem.is_ascii() { 1 } else { 3 });
    spellings.dedup();
    spellings
}

/// A digit stands before the `Q~` of Azure's secrets.
const AZURE: &[&str] = &["0q~", "1q~", "2q~", "3q~", "4q~", "5q~", "6q~", "7q~", "8q~", "9q~"];

/// The run of joints in which a stem stands.
fn run(text: &[u8], stem: Range<usize>) -> Range<usize> {
    let ends = |at: usize| {
        let wide = || WIDE_ENDS.iter().find(|sign| starts_with(text, at, sign.as_bytes())).map(|sign| sign.len());
        match text.get(at) {
            Some(b) if b.is_ascii() => (!is_joint(*b)).then_some(1),
            Some(_) => wide(),
            None => Some(0),
        }
    };
    let before = stem.start.saturating_sub(NAME_REACH)..stem.start;
    let first = before.start;
    let start = before.rev().find_map(|at| ends(at).map(|length| at + length)).unwrap_or(first);
    let last = text.len().min(stem.end + NAME_REACH);
    let end = (stem.end..last).find(|at| ends(*at).is_some()).unwrap_or(last);
    start.min(stem.start)..end
}

struct Hit {
    kind: Anchor,
    place: Range<usize>,
}

impl Anchors {
    const GRAM: usize = 3;
    const BITS: u32 = 16;

    fn new(all: Vec<(String, Anchor)>, stems: Vec<Stem>) -> Self {
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
                    let length = match kind {
                        Anchor::Stem(index) => self.stems.get(*index).map_or(anchor.len(), |stem| stem.text.len()),
                        Anchor::Pem
                        | Anchor::Jwt
                        | Anchor::Scheme
                        | Anchor::Url
                        | Anchor::Azure
                        | Anchor::Bot
                        | Anchor::Vendor(_)
                        | Anchor::Webhook(_) => anchor.len(),
                    };
                    look(Hit { kind: *kind, place: at..at + anchor.len().min(length) })?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Every shape in `text`. Places may overlap.
pub(super) fn find(text: &[u8], scope: Scope, found: &mut Vec<Found>) {
    if scope == Scope::All {
        cards::find(text, Around::Read, |place| found.push(Found { rule: Rule::CardNumber, place }));
    }
    let credentials_only = scope == Scope::Credentials;
    let mut names = Names::default();
    let mut covered = 0;
    // What lies in a block or a table has been read with its name.
    let mut read = 0;
    let _ = ANCHORS.each(text, |Hit { kind, place: hit }| {
        if let Anchor::Stem(index) = kind {
            if credentials_only || hit.start < read || !may_be_named(text, index, hit.start) {
                return ControlFlow::Continue(());
            }
            if let Some(named) = names.at(text, hit) {
                let mut places = Vec::new();
                read = read.max(assigned::find(text, &named, &mut places));
                read = read.max(tables::find(text, &named, &mut places).unwrap_or(0));
                let rule = named.name.value.rule_in_text();
                found.extend(places.into_iter().map(|place| Found { rule, place }));
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
            Anchor::Webhook(_) if credentials_only => None,
            Anchor::Webhook(index) => webhook(text, hit.end, index).map(|place| (Rule::WebhookUrl, place)),
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
            Anchor::Webhook(index) => webhook(text, hit.end, index).is_none(),
        };
        if is_clean { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let mut card = false;
    cards::find(text, Around::Unread, |_| card = true);
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

/// A name that says that a secret follows, and where it stands.
pub(super) struct Named {
    pub(super) name: &'static Name,
    pub(super) place: Range<usize>,
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
        let Range { start, end } = run(text, stem);
        self.read = end;
        let named = |name: &'static Name, from: usize| Named { name, place: from..end };
        let alone = self.secret_name(slice(text, start..end)).map(|name| named(name, start));
        // `key` says little; the word before it may say more.
        if alone.as_ref().is_some_and(|named| named.name.value.is_by_name()) {
            return alone;
        }
        // `security` says nothing; the words around it may (`social security number`).
        let after = skip(slice(text, 0..text.len().min(end + 16)), end + 1, |b| b.is_ascii_alphabetic());
        let ends = [Some(end), Some(after).filter(|after| text.get(end) == Some(&b' ') && *after > end + 1)];
        if after > end + 1
            && text.get(end) == Some(&b' ')
            && words::begins_name(slice(text, start..end))
            && let Some(name) = self.secret_name(slice(text, start..after))
        {
            return Some(Named { name, place: start..after });
        }
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

/// What stands behind the prefix of an address that is a credential.
fn webhook(text: &[u8], start: usize, index: usize) -> Option<Range<usize>> {
    const SHORTEST: usize = 16;
    // What shows a secret stands this near. Without a bound, a chain of prefixes would cost the square of its length.
    const REACH: usize = 512;
    let after = PACK.webhooks.get(index)?.after.as_bytes();
    let in_address = |b: u8| b.is_ascii_alphanumeric() || b"-_./@%?&=~+:".contains(&b);
    let near = slice(text, start..skip(slice(text, 0..text.len().min(start + REACH)), start, in_address));
    let from = if after.is_empty() { 0 } else { position(near, after)? + after.len() };
    let secret = slice(near, from..near.len());
    if secret.len() < SHORTEST || !secret.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let end = skip(text, start + from, in_address);
    // What ends a sentence ends no address.
    let ending = slice(text, start + from..end).iter().rev().take_while(|b| matches!(b, b'.' | b'?' | b':')).count();
    Some(start + from..end - ending)
}

fn is_base64url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
}

fn lenient() -> GeneralPurposeConfig {
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true)
}

pub(super) fn before(text: &[u8], at: usize) -> Option<u8> {
    text.get(at.checked_sub(1)?).copied()
}

pub(super) fn starts_with(text: &[u8], at: usize, prefix: &[u8]) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(prefix))
}

pub(super) fn position(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

pub(super) fn skip(text: &[u8], start: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = slice(text, start..text.len());
    start + rest.iter().take_while(|b| wanted(**b)).count()
}

/// A few blanks; more would let a text of blanks cost the square of its length.
pub(super) fn skip_blanks(text: &[u8], start: usize) -> usize {
    skip(slice(text, 0..text.len().min(start + 64)), start, |b| matches!(b, b' ' | b'\t'))
}
