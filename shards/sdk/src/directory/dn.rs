//! Distinguished names (RFC 4514), as the host reads them: see `runtime/src/outbound/directory/dn.rs`.

use std::fmt;

/// A distinguished name that the host would take, for one that comes from outside: ask whether it is one, and below
/// which base.
///
/// Parts are `attribute=value`, several joined by `+`. Special characters in a value are escaped. Refused are
/// attributes by OID, `#`-values, quotes, `;`, control characters, empty values, more than 4096 bytes and more than 64
/// parts. ASCII letters are equal in any case.
#[derive(Debug, Clone)]
pub struct Dn {
    text: String,
    parts: Vec<Part>,
}

/// Attribute and value of each pair, in lower case, sorted.
type Part = Vec<(String, String)>;

impl Dn {
    const BYTES: usize = 4096;
    const PARTS: usize = 64;

    /// Reads a name. `None` if it is none. The empty one is the root of the server.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::BYTES {
            return None;
        }
        let mut parts = Vec::new();
        if !text.trim_matches(' ').is_empty() {
            parts = split(text, ',').map(part).collect::<Option<Vec<_>>>()?;
        }
        (parts.len() <= Self::PARTS).then(|| Self { text: text.to_owned(), parts })
    }

    /// Whether it names `base` or an entry below it.
    pub fn is_at_or_below(&self, base: &Self) -> bool {
        self.parts.ends_with(&base.parts)
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Dn {}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Divides at a separator that no backslash stands before.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c| {
        let divides = c == at && !escaped;
        escaped = c == '\\' && !escaped;
        divides
    })
}

fn part(text: &str) -> Option<Part> {
    let mut pairs = split(text, '+').map(pair).collect::<Option<Part>>()?;
    pairs.sort();
    Some(pairs)
}

fn pair(text: &str) -> Option<(String, String)> {
    let (attribute, value) = text.split_once('=')?;
    let attribute = attribute.trim_matches(' ');
    let is_name = attribute.len() <= 64
        && attribute.starts_with(|c: char| c.is_ascii_alphabetic())
        && attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_name.then_some(())?;
    Some((attribute.to_ascii_lowercase(), value_of(value)?.to_ascii_lowercase()))
}

fn value_of(text: &str) -> Option<String> {
    let text = text.trim_start_matches(' ');
    if text.starts_with('#') {
        return None;
    }
    let mut value = Vec::with_capacity(text.len());
    // Where what counts ends: a blank at the end counts only if it is escaped.
    let mut end = 0;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                escaped(&mut rest, &mut value)?;
                end = value.len();
            }
            '"' | '+' | ',' | ';' | '<' | '>' => return None,
            c => {
                value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                if c != ' ' {
                    end = value.len();
                }
            }
        }
    }
    value.truncate(end);
    let value = String::from_utf8(value).ok()?;
    (!value.is_empty() && !value.chars().any(char::is_control)).then_some(value)
}

/// What stands behind a backslash: a special character, or the hex digits of one byte.
fn escaped(rest: &mut std::str::Chars<'_>, value: &mut Vec<u8>) -> Option<()> {
    let first = rest.next()?;
    if matches!(first, ' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\') {
        value.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
        return Some(());
    }
    let digits = [first, rest.next()?].map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let [Some(high), Some(low)] = digits else { return None };
    value.push(high << 4 | low);
    Some(())
}
