//! A text as it reads when the escapes in it are taken away, and where each part of that came from.
//!
//! # What an escape is
//!
//! | kind | forms |
//! |---|---|
//! | percent | `%` and two hexadecimal digits, for a byte; `%u` and four, as JavaScript's `escape` writes |
//! | JSON | `\uXXXX`, two of them for a character beyond U+FFFF; `\"` `\\` `\/` `\b` `\f` `\n` `\r` `\t`; also `\'` and `\xHH`, which other languages have |
//! | HTML | `&#65;` and `&#x41;` with any number of zeros, and the names of ASCII and Latin-1 (`&quot;`, `&sol;`, `&eacute;`), with their semicolon |
//!
//! Digits of either case count. Kinds may be mixed, character by character, with each other and with characters that stand
//! for themselves. Taking one layer away reads the text once, from the left; what is an escape only afterwards (`%2541`,
//! `\\u0041`, `&amp;#65;`) belongs to the next layer.
//!
//! The work is a pass over the text for each layer. Only the text is kept, and no table of places: where something was
//! found, which is seldom, the walk is repeated.

use std::ops::Range;

use super::slice;

/// Layers that are taken away. JSON in JSON of a text that was percent-encoded twice has four.
pub(super) const MOST_LAYERS: usize = 4;

/// The text without its outermost layer of escapes. `None`: it has none.
pub(super) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut escapes = Escapes::new(text).peekable();
    escapes.peek()?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    for escape in escapes {
        bytes.extend_from_slice(slice(text, at..escape.place.start));
        bytes.extend_from_slice(escape.means());
        at = escape.place.end;
    }
    bytes.extend_from_slice(slice(text, at..text.len()));
    Some(bytes)
}

/// Turns places in the decoded text into the places in `text` that they came from. An escape is in or out as a whole.
pub(super) fn sources(text: &[u8], places: &mut [Range<usize>]) {
    let firsts = places.iter().enumerate().map(|(index, place)| (place.start, index, false));
    let lasts = places.iter().enumerate().map(|(index, place)| (place.end.saturating_sub(1), index, true));
    let mut wanted: Vec<_> = firsts.chain(lasts).collect();
    wanted.sort_unstable();
    let mut escapes = Escapes::new(text).peekable();
    // The walk has come this far in the decoded text and in `text`.
    let (mut at, mut source) = (0, 0);
    for (offset, index, is_last) in wanted {
        let byte = loop {
            let plain = |at: usize, source: usize| source + (offset - at)..source + (offset - at) + 1;
            let Some(escape) = escapes.peek() else { break plain(at, source) };
            let escape_at = at + (escape.place.start - source);
            if offset < escape_at {
                break plain(at, source);
            }
            if offset < escape_at + escape.length {
                break escape.place.clone();
            }
            (at, source) = (escape_at + escape.length, escape.place.end);
            escapes.next();
        };
        if let Some(place) = places.get_mut(index) {
            if is_last {
                place.end = byte.end;
            } else {
                place.start = byte.start;
            }
        }
    }
}

/// An escape, and the bytes that it stands for.
struct Escape {
    place: Range<usize>,
    bytes: [u8; 4],
    length: usize,
}

impl Escape {
    fn means(&self) -> &[u8] {
        slice(&self.bytes, 0..self.length)
    }
}

/// The escapes of a text, from the left.
struct Escapes<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Escapes<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Escapes<'_> {
    type Item = Escape;

    fn next(&mut self) -> Option<Escape> {
        loop {
            let start = self.at + introducer(self.text.get(self.at..)?)?;
            let rest = slice(self.text, start..self.text.len());
            let Some((meaning, spelled)) = escape(rest) else {
                self.at = start + 1;
                continue;
            };
            self.at = start + spelled;
            let mut bytes = [0; 4];
            let length = match meaning {
                Meaning::Byte(byte) => {
                    bytes = [byte, 0, 0, 0];
                    1
                }
                Meaning::Char(c) => c.encode_utf8(&mut bytes).len(),
            };
            return Some(Escape { place: start..self.at, bytes, length });
        }
    }
}

/// Where the first character stands with which escapes begin.
fn introducer(text: &[u8]) -> Option<usize> {
    const STEP: usize = 32;
    let introduces = |b: &u8| matches!(b, b'%' | b'&' | b'\\');
    text.chunks(STEP).enumerate().find_map(|(index, chunk)| {
        // All of a chunk is looked at without a branch, which compilers turn into one comparison of many bytes.
        let any = chunk.iter().fold(false, |any, b| any | introduces(b));
        if any { chunk.iter().position(introduces).map(|at| index * STEP + at) } else { None }
    })
}

enum Meaning {
    Byte(u8),
    Char(char),
}

/// What the escape at the beginning of `text` means, and its length.
fn escape(text: &[u8]) -> Option<(Meaning, usize)> {
    match text.first()? {
        b'%' => percent(text),
        b'\\' => backslash(text),
        b'&' => reference(text),
        _ => None,
    }
}

fn percent(text: &[u8]) -> Option<(Meaning, usize)> {
    if text.get(1) == Some(&b'u') {
        return utf16(text, b"%u");
    }
    let byte = u8::try_from(hexadecimal(text.get(1..3)?)?).ok()?;
    Some((Meaning::Byte(byte), 3))
}

fn backslash(text: &[u8]) -> Option<(Meaning, usize)> {
    let c = match text.get(1)? {
        b'u' => return utf16(text, b"\\u"),
        b'x' => {
            let byte = u8::try_from(hexadecimal(text.get(2..4)?)?).ok()?;
            return Some((Meaning::Byte(byte), 4));
        }
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        c @ (b'"' | b'\'' | b'\\' | b'/') => char::from(*c),
        _ => return None,
    };
    Some((Meaning::Char(c), 2))
}

/// One unit of UTF-16 after `lead`, or two that make one character.
fn utf16(text: &[u8], lead: &[u8]) -> Option<(Meaning, usize)> {
    let unit = |text: &[u8]| hexadecimal(text.strip_prefix(lead)?.get(..4)?);
    let length = lead.len() + 4;
    let first = unit(text)?;
    if let Some(c) = char::from_u32(first) {
        return Some((Meaning::Char(c), length));
    }
    let second = unit(text.get(length..)?)?;
    let units = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let c = char::decode_utf16(units).next()?.ok()?;
    Some((Meaning::Char(c), 2 * length))
}

fn reference(text: &[u8]) -> Option<(Meaning, usize)> {
    /// Of a name, with its semicolon.
    const LONGEST: usize = 20;
    let Some(number) = text.strip_prefix(b"&#") else {
        let name = text.get(1..)?;
        let length = name.iter().take(LONGEST).position(|b| *b == b';')?;
        let name = std::str::from_utf8(name.get(..length)?).ok()?;
        let found = NAMED.binary_search_by_key(&name, |(name, _)| name).ok()?;
        return Some((Meaning::Char(NAMED.get(found)?.1), length + 2));
    };
    let (digits, radix) = match number.first()? {
        b'x' | b'X' => (number.get(1..)?, 16),
        _ => (number, 10),
    };
    let mut value = 0u32;
    let mut length = 0;
    while let Some(digit) = digits.get(length).and_then(|b| char::from(*b).to_digit(radix)) {
        // What is beyond every character stays beyond.
        value = value.saturating_mul(radix).saturating_add(digit);
        length += 1;
    }
    // Without it the reference might go on behind another escape: `&#x4%32;`.
    let is_ended = length > 0 && digits.get(length) == Some(&b';');
    let c = char::from_u32(value).filter(|_| is_ended)?;
    Some((Meaning::Char(c), text.len() - digits.len() + length + 1))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, b| Some(value * 16 + char::from(*b).to_digit(16)?))
}

/// In the order of their bytes.
#[rustfmt::skip]
const NAMED: &[(&str, char)] = &[
    ("AElig", '\u{c6}'), ("AMP", '&'), ("Aacute", '\u{c1}'), ("Acirc", '\u{c2}'), ("Agrave", '\u{c0}'),
    ("Aring", '\u{c5}'), ("Atilde", '\u{c3}'), ("Auml", '\u{c4}'), ("COPY", '\u{a9}'), ("Ccedil", '\u{c7}'),
    ("Cedilla", '\u{b8}'), ("CenterDot", '\u{b7}'), ("DiacriticalAcute", '\u{b4}'), ("DiacriticalGrave", '`'),
    ("Dot", '\u{a8}'), ("DoubleDot", '\u{a8}'), ("ETH", '\u{d0}'), ("Eacute", '\u{c9}'), ("Ecirc", '\u{ca}'),
    ("Egrave", '\u{c8}'), ("Euml", '\u{cb}'), ("GT", '>'), ("Hat", '^'), ("Iacute", '\u{cd}'), ("Icirc", '\u{ce}'),
    ("Igrave", '\u{cc}'), ("Iuml", '\u{cf}'), ("LT", '<'), ("NewLine", '\n'), ("NonBreakingSpace", '\u{a0}'),
    ("Ntilde", '\u{d1}'), ("Oacute", '\u{d3}'), ("Ocirc", '\u{d4}'), ("Ograve", '\u{d2}'), ("Oslash", '\u{d8}'),
    ("Otilde", '\u{d5}'), ("Ouml", '\u{d6}'), ("PlusMinus", '\u{b1}'), ("QUOT", '"'), ("REG", '\u{ae}'),
    ("THORN", '\u{de}'), ("Tab", '\t'), ("Uacute", '\u{da}'), ("Ucirc", '\u{db}'), ("Ugrave", '\u{d9}'),
    ("UnderBar", '_'), ("Uuml", '\u{dc}'), ("VerticalLine", '|'), ("Yacute", '\u{dd}'), ("aacute", '\u{e1}'),
    ("acirc", '\u{e2}'), ("acute", '\u{b4}'), ("aelig", '\u{e6}'), ("agrave", '\u{e0}'), ("amp", '&'),
    ("angst", '\u{c5}'), ("apos", '\''), ("aring", '\u{e5}'), ("ast", '*'), ("atilde", '\u{e3}'), ("auml", '\u{e4}'),
    ("brvbar", '\u{a6}'), ("bsol", '\\'), ("ccedil", '\u{e7}'), ("cedil", '\u{b8}'), ("cent", '\u{a2}'),
    ("centerdot", '\u{b7}'), ("circledR", '\u{ae}'), ("colon", ':'), ("comma", ','), ("commat", '@'),
    ("copy", '\u{a9}'), ("curren", '\u{a4}'), ("deg", '\u{b0}'), ("die", '\u{a8}'), ("div", '\u{f7}'),
    ("divide", '\u{f7}'), ("dollar", '$'), ("eacute", '\u{e9}'), ("ecirc", '\u{ea}'), ("egrave", '\u{e8}'),
    ("equals", '='), ("eth", '\u{f0}'), ("euml", '\u{eb}'), ("excl", '!'), ("frac12", '\u{bd}'), ("frac14", '\u{bc}'),
    ("frac34", '\u{be}'), ("grave", '`'), ("gt", '>'), ("half", '\u{bd}'), ("iacute", '\u{ed}'), ("icirc", '\u{ee}'),
    ("iexcl", '\u{a1}'), ("igrave", '\u{ec}'), ("iquest", '\u{bf}'), ("iuml", '\u{ef}'), ("laquo", '\u{ab}'),
    ("lbrace", '{'), ("lbrack", '['), ("lcub", '{'), ("lowbar", '_'), ("lpar", '('), ("lsqb", '['), ("lt", '<'),
    ("macr", '\u{af}'), ("micro", '\u{b5}'), ("midast", '*'), ("middot", '\u{b7}'), ("nbsp", '\u{a0}'),
    ("not", '\u{ac}'), ("ntilde", '\u{f1}'), ("num", '#'), ("oacute", '\u{f3}'), ("ocirc", '\u{f4}'),
    ("ograve", '\u{f2}'), ("ordf", '\u{aa}'), ("ordm", '\u{ba}'), ("oslash", '\u{f8}'), ("otilde", '\u{f5}'),
    ("ouml", '\u{f6}'), ("para", '\u{b6}'), ("percnt", '%'), ("period", '.'), ("plus", '+'), ("plusmn", '\u{b1}'),
    ("pm", '\u{b1}'), ("pound", '\u{a3}'), ("quest", '?'), ("quot", '"'), ("raquo", '\u{bb}'), ("rbrace", '}'),
    ("rbrack", ']'), ("rcub", '}'), ("reg", '\u{ae}'), ("rpar", ')'), ("rsqb", ']'), ("sect", '\u{a7}'),
    ("semi", ';'), ("shy", '\u{ad}'), ("sol", '/'), ("strns", '\u{af}'), ("sup1", '\u{b9}'), ("sup2", '\u{b2}'),
    ("sup3", '\u{b3}'), ("szlig", '\u{df}'), ("thorn", '\u{fe}'), ("times", '\u{d7}'), ("uacute", '\u{fa}'),
    ("ucirc", '\u{fb}'), ("ugrave", '\u{f9}'), ("uml", '\u{a8}'), ("uuml", '\u{fc}'), ("verbar", '|'), ("vert", '|'),
    ("yacute", '\u{fd}'), ("yen", '\u{a5}'), ("yuml", '\u{ff}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// One layer after the other, until none is left.
    fn layers(text: &str) -> Vec<String> {
        let mut layers = Vec::new();
        let mut text = text.as_bytes().to_vec();
        while let Some(next) = decoded(&text) {
            layers.push(String::from_utf8(next.clone()).unwrap());
            text = next;
        }
        layers
    }

    #[test]
    fn one_layer_is_taken_away_at_a_time() {
        for (text, expected) in [
            ("%41b%63", &["Abc"][..]),
            ("%c3%A9", &["\u{e9}"]),
            ("%u0041%u00e9", &["A\u{e9}"]),
            ("\\u0041\\u00E9", &["A\u{e9}"]),
            ("\\ud83d\\uDE00", &["\u{1f600}"]),
            (r#"\"\'\/\b\f\n\r\t\x41"#, &["\"'/\u{8}\u{c}\n\r\tA"]),
            ("\\\\", &["\\"]),
            ("&#65;&#x42;&#X043;&#0000068;&#69;", &["ABCDE"]),
            ("&#6%35;&#x%34;", &["&#65;&#x4;", "A\u{4}"]),
            ("&quot;&sol;&DiacriticalGrave;&eacute;&NonBreakingSpace;", &["\"/`\u{e9}\u{a0}"]),
            ("%2541", &["%41", "A"]),
            ("\\\\u0041", &["\\u0041", "A"]),
            ("&amp;#65;", &["&#65;", "A"]),
            ("&#37;41%5cu0042", &["%41\\u0042", "AB"]),
            // What is none.
            ("%", &[]),
            ("%4", &[]),
            ("%4g", &[]),
            ("100%; a & b; c:\\dir", &[]),
            ("\\", &[]),
            ("\\u12", &[]),
            ("\\ud83d", &[]),
            ("\\ud83d\\u0041x", &["\\ud83dAx"]),
            ("&", &[]),
            ("&#65", &[]),
            ("&#65 ;", &[]),
            ("&#;", &[]),
            ("&#x;", &[]),
            ("&#x110000;", &[]),
            ("&#99999999999999999999;", &[]),
            ("&nothing;", &[]),
            ("&amp", &[]),
            ("&Amp;", &[]),
            ("&averyveryverylongname;", &[]),
        ] {
            assert_eq!(layers(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_in_order_and_each_is_read() {
        assert!(NAMED.is_sorted_by(|one, next| one.0 < next.0));
        for (name, c) in NAMED {
            assert_eq!(layers(&format!("&{name};x"))[0], format!("{c}x"), "{name}");
        }
    }

    #[test]
    fn a_place_leads_back_to_the_whole_escape_and_no_further() {
        let text = "a%41b\\u00e9&#000067;d";
        let read = decoded(text.as_bytes()).unwrap();
        assert_eq!(std::str::from_utf8(&read), Ok("aAb\u{e9}Cd"));
        // By the decoded byte.
        let spelled = [0..1, 1..4, 4..5, 5..11, 5..11, 11..20, 20..21];
        for first in 0..spelled.len() {
            for last in first..spelled.len() {
                let mut places = [first..last + 1, 0..1];
                sources(text.as_bytes(), &mut places);
                assert_eq!(places[0], spelled[first].start..spelled[last].end, "{first} to {last}");
            }
        }
        // Several at once, in any order and overlapping.
        let mut places = [5..7, 0..2, 1..6, 6..7];
        sources(text.as_bytes(), &mut places);
        assert_eq!(places, [11..21, 0..4, 1..20, 20..21]);
    }
}
