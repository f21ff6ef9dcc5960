//! URLs: how they are read, and the one form in which they are written.

use std::borrow::Cow;
use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Host, MAX_KEY, MAX_URL, Malformed, Scheme, split_port};

/// The parts of an URL, decoded.
#[derive(PartialEq, Eq)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, Malformed> {
        if url.len() > MAX_URL {
            return Err(Malformed::UrlTooLong);
        }
        plain(url)?;
        let (scheme, rest) = url.split_once("://").ok_or(Malformed::NotAbsolute)?;
        let scheme = Scheme::parse(scheme)?;
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = parse_authority(authority)?;
        if scheme == Scheme::Http && !host.is_loopback() {
            return Err(Malformed::PlainHttp);
        }
        let (path, query) = match tail.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (tail, None),
        };
        if tail.contains(['[', ']']) {
            return Err(Malformed::RawCharacter);
        }
        Ok(Self {
            scheme,
            host,
            port: port.unwrap_or(scheme.default_port()),
            segments: parse_path(path)?,
            query: query.map(parse_query).transpose()?.unwrap_or_default(),
        })
    }

    pub(super) fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(super) fn path(&self) -> String {
        self.segments.iter().flat_map(|segment| ["/".into(), encode(segment, IN_PATH)]).collect()
    }

    pub(super) fn path_and_query(&self) -> String {
        let mut text = self.path();
        let mut joint = '?';
        for (key, value) in &self.query {
            text.push(joint);
            text.push_str(&encode(key, IN_QUERY));
            text.push('=');
            text.push_str(&encode(value, IN_QUERY));
            joint = '&';
        }
        text
    }
}

/// Beside RFC 3986's unreserved characters, those that vendors write raw in paths and that no server reads as
/// anything else: `HPD:IncidentInterface`, `Employee_ID=21001`, `users('x')`, `a@b`. A plus is a blank to some.
const IN_PATH: &AsciiSet = &UNRESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b':')
    .remove(b'=')
    .remove(b'@');

/// What divides or ends a query for anyone is encoded: `& = + ; # ?` and quotes. `$select` keeps its dollar.
const IN_QUERY: &AsciiSet = &UNRESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b'@');

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encode<'a>(text: &'a str, set: &'static AsciiSet) -> Cow<'a, str> {
    utf8_percent_encode(text, set).into()
}

/// Whatever has no place in any part of an URL.
fn plain(url: &str) -> Result<(), Malformed> {
    for byte in url.bytes() {
        match byte {
            0..=0x1f | 0x7f => return Err(Malformed::Control),
            0x80.. => return Err(Malformed::NonAscii),
            b' ' => return Err(Malformed::Whitespace),
            b'\\' => return Err(Malformed::Backslash),
            b'#' => return Err(Malformed::Fragment),
            b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' => return Err(Malformed::RawCharacter),
            _ => {}
        }
    }
    Ok(())
}

fn parse_authority(text: &str) -> Result<(Host, Option<u16>), Malformed> {
    if text.contains('@') {
        return Err(Malformed::UserInfo);
    }
    let (host, port) = split_port(text)?;
    Ok((Host::parse(host)?, port))
}

/// `text` is empty or starts with a slash.
fn parse_path(text: &str) -> Result<Vec<String>, Malformed> {
    let raw: Vec<&str> = text.strip_prefix('/').unwrap_or(text).split('/').collect();
    let last = raw.len() - 1;
    raw.into_iter().enumerate().map(|(at, segment)| parse_segment(segment, at == last)).collect()
}

fn parse_segment(raw: &str, is_last: bool) -> Result<String, Malformed> {
    if raw.is_empty() {
        return if is_last { Ok(String::new()) } else { Err(Malformed::EmptySegment) };
    }
    let segment = decode(raw)?;
    if segment.contains(['/', '\\']) {
        return Err(Malformed::EncodedSlash);
    }
    if segment.contains(char::is_control) {
        return Err(Malformed::EncodedControl);
    }
    if segment.contains(';') {
        return Err(Malformed::PathParameter);
    }
    if segment.trim_matches(['.', ' ']).is_empty() {
        return Err(Malformed::DotSegment);
    }
    // `%252e%252e` is `%2e%2e` here and `..` to a server that decodes once more.
    if escapes(&segment).any(|is_escape| is_escape) {
        return Err(Malformed::EncodedTwice);
    }
    Ok(segment)
}

fn parse_query(text: &str) -> Result<Vec<(String, String)>, Malformed> {
    if text.is_empty() {
        return Err(Malformed::EmptyQuery);
    }
    if text.contains('+') {
        return Err(Malformed::RawPlus);
    }
    let mut seen = BTreeSet::new();
    let mut pairs = Vec::new();
    for pair in text.split('&') {
        let (key, value) = pair.split_once('=').ok_or(Malformed::BareKey)?;
        let (key, value) = (decode(key)?, decode(value)?);
        // Visible ASCII, because a key is quoted in refusals and in the grants they suggest.
        if !(1..=MAX_KEY).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Malformed::Key);
        }
        if value.contains('\0') {
            return Err(Malformed::EncodedNul);
        }
        if !seen.insert(key.clone()) {
            return Err(Malformed::DuplicateKey);
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn decode(text: &str) -> Result<String, Malformed> {
    if escapes(text).any(|is_escape| !is_escape) {
        return Err(Malformed::Escape);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| Malformed::NotUtf8)?;
    Ok(decoded.into_owned())
}

/// For each percent sign, whether two hex digits follow it.
fn escapes(text: &str) -> impl Iterator<Item = bool> {
    text.split('%').skip(1).map(|after| after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}
