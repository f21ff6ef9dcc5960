//! Distinguished names (RFC 4514), in the one form that every server reads alike.
//!
//! | | accepted | refused |
//! |---|---|---|
//! | DN | parts, the entry's own first, joined by `,`; nothing, which is the root of the server | nothing between two commas, a comma at either end, `;` for a comma (LDAP version 2) |
//! | part | `attribute=value`; several of them, of other attributes, joined by `+` | an attribute twice |
//! | attribute | a short name, in any case | OIDs: `2.5.4.3=x` is another spelling of `CN=x`; options |
//! | value | UTF-8; `\,` for one of `` "#+,;<=>\`` or a blank, `\2C` for any byte | nothing; `#04024869` (the BER form); `"quoted"` (LDAP version 2); raw control characters; NUL in any spelling; bytes that are no UTF-8 |
//!
//! Blanks around `,`, `+` and `=` do not count, unless they are escaped.
//!
//! One DN is at or below another if its last parts are those of the other, in order: parts are compared, never text, so
//! `OU=EvilDC=nexus,DC=corp` and `CN=x\,DC=nexus,DC=corp` are below `DC=corp` alone. The order of the pairs within a
//! part does not matter. ASCII letters are equal in any case, and every other character only to itself. Some servers
//! fold more: blanks within a value, `Ä` and `ä`, characters that nobody sees. Another DN here is then refused and not
//! granted, even where such a server means the same.

use std::fmt;

use super::{Attribute, BadSearch};

/// Bytes of a DN, as it is read and as it is written.
pub(super) const MAX: usize = 4096;
/// Parts of a DN.
pub(super) const MAX_PARTS: usize = 64;

/// A distinguished name. The empty one is the root, where a server tells of itself.
#[derive(Debug, Clone)]
pub struct Dn(Vec<Part>);

/// Attributes and their values, as they were written and without escapes. One, as a rule; each attribute once.
type Part = Vec<(Attribute, String)>;

impl Dn {
    pub fn parse(text: &str) -> Result<Self, BadSearch> {
        if text.len() > MAX {
            return Err(BadSearch::DnTooLong);
        }
        if text.trim_matches(' ').is_empty() {
            return Ok(Self(Vec::new()));
        }
        let dn = Self(split(text, ',').map(part).collect::<Result<_, _>>()?);
        // What is sent is the written form, and some characters are longer in it.
        if dn.0.len() > MAX_PARTS || dn.to_string().len() > MAX {
            return Err(BadSearch::DnTooLong);
        }
        Ok(dn)
    }

    /// The values of all parts, without escapes.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(|(_, value)| value.as_str())
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is `base` or an entry below it.
    pub fn is_at_or_below(&self, base: &Self) -> bool {
        let n_below = self.0.len().checked_sub(base.0.len());
        let end = n_below.and_then(|n_below| self.0.get(n_below..));
        end.is_some_and(|end| end.iter().zip(&base.0).all(|(a, b)| is_same(a, b)))
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.is_at_or_below(other)
    }
}

impl Eq for Dn {}

/// As RFC 4514 writes it, so that parsing it again gives the same. What nobody sees, and what changes the direction of
/// text, is written in hex.
impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, part) in self.0.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { "," })?;
            for (n, (attribute, value)) in part.iter().enumerate() {
                write!(f, "{}{attribute}=", if n == 0 { "" } else { "+" })?;
                write_value(f, value)?;
            }
        }
        Ok(())
    }
}

/// Each attribute stands once in a part, so a pair of the one has at most one counterpart in the other.
fn is_same(a: &Part, b: &Part) -> bool {
    let is_in = |pair: &(Attribute, String), part: &Part| {
        part.iter().any(|other| pair.0 == other.0 && pair.1.eq_ignore_ascii_case(&other.1))
    };
    a.len() == b.len() && a.iter().all(|pair| is_in(pair, b))
}

/// Divides at a separator that no backslash stands before.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    text.split(move |c| {
        let divides = c == at && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        divides
    })
}

fn part(text: &str) -> Result<Part, BadSearch> {
    let mut part = Part::new();
    for pair in split(text, '+') {
        let (attribute, value) = pair.split_once('=').ok_or(BadSearch::DnPart)?;
        let attribute = Attribute::parse(attribute.trim_matches(' ')).map_err(|_| BadSearch::DnAttribute)?;
        if part.iter().any(|(other, _)| *other == attribute) {
            return Err(BadSearch::DnTwice);
        }
        part.push((attribute, read_value(value)?));
    }
    Ok(part)
}

fn read_value(text: &str) -> Result<String, BadSearch> {
    let text = text.trim_start_matches(' ');
    if text.starts_with('#') {
        return Err(BadSearch::DnRaw);
    }
    let mut value = Vec::with_capacity(text.len());
    // Where what counts ends: a blank at the end counts only if it is escaped.
    let mut end = 0;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                value.push(escaped(&mut rest)?);
                end = value.len();
            }
            '"' | '+' | ',' | ';' | '<' | '>' => return Err(BadSearch::DnRaw),
            c if c.is_control() => return Err(BadSearch::DnRaw),
            c => {
                value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                if c != ' ' {
                    end = value.len();
                }
            }
        }
    }
    value.truncate(end);
    if value.is_empty() {
        return Err(BadSearch::DnEmptyValue);
    }
    let value = String::from_utf8(value).map_err(|_| BadSearch::DnText)?;
    if value.contains('\0') { Err(BadSearch::DnText) } else { Ok(value) }
}

/// What a backslash and the one or two characters behind it stand for.
fn escaped(rest: &mut std::str::Chars<'_>) -> Result<u8, BadSearch> {
    let digit = |c: Option<char>| {
        c.and_then(|c| c.to_digit(16)).and_then(|digit| u8::try_from(digit).ok()).ok_or(BadSearch::DnEscape)
    };
    match rest.next() {
        Some(c @ (' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\')) => {
            u8::try_from(c).map_err(|_| BadSearch::DnEscape)
        }
        first => Ok((digit(first)? << 4) | digit(rest.next())?),
    }
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    let last = value.chars().count().saturating_sub(1);
    for (n, c) in value.chars().enumerate() {
        let is_special = matches!(c, '"' | '+' | ',' | ';' | '<' | '=' | '>' | '\\')
            || (n == 0 && matches!(c, ' ' | '#'))
            || (n == last && c == ' ');
        if is_hidden(c) {
            c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(f, "\\{byte:02X}"))?;
        } else {
            write!(f, "{}{c}", if is_special { "\\" } else { "" })?;
        }
    }
    Ok(())
}

/// Control characters, line separators, marks of direction, characters of no width, tags.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}
