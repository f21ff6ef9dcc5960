//! LDAP's messages (RFC 4511), as far as a client needs them that binds and searches.
//!
//! What is sent is composed with `ldap3`, but for a bind. What comes is read here: a server's bytes are not trusted, and `ldap3` panics
//! at a message of another shape than it expects and follows nesting to any depth. This reader knows the few shapes that
//! can be an answer, definite lengths only, and copies nothing before a message is whole.

use bytes::BytesMut;
use ldap3::asn1::{ASNTag, Boolean, Enumerated, Integer, OctetString, Sequence, Tag, TagClass, write};
use ldap3::controls::{MakeCritical, PagedResults, RawControl};
use zeroize::Zeroizing;

use super::RawEntry;
use super::code::{AdReason, ResultCode};
use crate::outbound::Scope;
use crate::secrets::Bind;
use crate::wire::{BadReply, Unreachable, WireError};

/// RFC 2696.
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// Active Directory then makes no references to other domains of the forest.
const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
const VERSION: [u8; 1] = [3];

/// A message on its way to the wire. It may hold a password.
pub(super) type Written = Zeroizing<Vec<u8>>;

pub(super) fn start_tls(id: u32) -> Result<Written, WireError> {
    let name = Tag::OctetString(OctetString { class: TagClass::Context, id: 0, inner: START_TLS.into() });
    written(id, operation(23, vec![name]), vec![])
}

/// By hand: the encoder would leave copies of the password behind.
pub(super) fn bind(id: u32, bind: &Bind<'_>) -> Written {
    let parts = [(INTEGER, &VERSION[..]), (OCTETS, bind.username.as_bytes()), (SIMPLE, bind.password.as_bytes())];
    let operation = elements(&parts);
    elements(&[(SEQUENCE, &elements(&[(INTEGER, &id.to_be_bytes()), (BIND_REQUEST, &operation)]))])
}

/// One after the other, each length in four bytes. Room for all is made first, so that nothing is moved and left behind.
fn elements(parts: &[(u8, &[u8])]) -> Written {
    let room = parts.iter().map(|(_, content)| content.len() + 6).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    for (tag, content) in parts {
        bytes.extend_from_slice(&[*tag, 0x84]);
        bytes.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(content);
    }
    bytes
}

/// One SearchRequest.
pub(super) struct Ask<'a> {
    pub(super) base: &'a str,
    pub(super) scope: Scope,
    /// RFC 4515.
    pub(super) filter: &'a str,
    pub(super) attributes: &'a [&'a str],
    pub(super) page: Option<Page<'a>>,
    /// The server's own time limit. 0: none.
    pub(super) seconds: u32,
}

/// The entries to come at most, and where the page before ended.
pub(super) struct Page<'a> {
    pub(super) size: u32,
    pub(super) cookie: &'a [u8],
}

pub(super) fn search(id: u32, ask: &Ask<'_>) -> Result<Written, WireError> {
    let scope = match ask.scope {
        Scope::Base => ldap3::Scope::Base,
        Scope::OneLevel => ldap3::Scope::OneLevel,
        Scope::Subtree => ldap3::Scope::Subtree,
    };
    let parts = vec![
        octets(ask.base),
        enumerated(scope as i64),
        enumerated(ldap3::DerefAliases::Never as i64),
        // The size limit would count over all pages; the caller counts itself.
        integer(0),
        integer(ask.seconds.into()),
        Tag::Boolean(Boolean { inner: false, ..Boolean::default() }),
        ldap3::parse_filter(ask.filter).map_err(|()| WireError::BadFilter)?,
        sequence(ask.attributes.iter().map(|attribute| octets(*attribute)).collect()),
    ];
    let mut controls = vec![RawControl { ctype: DOMAIN_SCOPE.into(), crit: false, val: None }];
    if let Some(Page { size, cookie }) = ask.page {
        let size = i32::try_from(size).unwrap_or(i32::MAX);
        controls.push(RawControl::from(PagedResults { size, cookie: cookie.to_vec() }.critical()));
    }
    written(id, operation(3, parts), controls)
}

fn written(id: u32, operation: Tag, controls: Vec<RawControl>) -> Result<Written, WireError> {
    let mut parts = vec![integer(id.into()), operation];
    if !controls.is_empty() {
        let inner = controls.into_iter().map(control).collect();
        parts.push(Tag::Sequence(Sequence { class: TagClass::Context, id: 0, inner }));
    }
    let mut bytes = BytesMut::new();
    write::encode_into(&mut bytes, sequence(parts).into_structure())
        .map_err(|error| WireError::Unreachable(Unreachable::Broken(error)))?;
    Ok(Zeroizing::new(Vec::from(bytes)))
}

fn control(control: RawControl) -> Tag {
    let mut parts = vec![octets(control.ctype)];
    if control.crit {
        parts.push(Tag::Boolean(Boolean { inner: true, ..Boolean::default() }));
    }
    parts.extend(control.val.map(octets));
    sequence(parts)
}

fn operation(id: u64, inner: Vec<Tag>) -> Tag {
    Tag::Sequence(Sequence { class: TagClass::Application, id, inner })
}

fn sequence(inner: Vec<Tag>) -> Tag {
    Tag::Sequence(Sequence { inner, ..Sequence::default() })
}

fn octets(bytes: impl Into<Vec<u8>>) -> Tag {
    Tag::OctetString(OctetString { inner: bytes.into(), ..OctetString::default() })
}

fn integer(inner: i64) -> Tag {
    Tag::Integer(Integer { inner, ..Integer::default() })
}

fn enumerated(inner: i64) -> Tag {
    Tag::Enumerated(Enumerated { inner, ..Enumerated::default() })
}

/// One LDAPMessage from a server.
#[derive(Debug)]
pub(super) struct Message {
    /// 0 is nobody's: the server has something to say by itself, and closes.
    pub(super) id: u32,
    pub(super) answer: Answer,
    /// Of the paged results control, where there is one. Empty: that was the last page.
    pub(super) cookie: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(super) enum Answer {
    Bound(Outcome),
    Extended(Outcome),
    Entry(RawEntry),
    /// Where else entries might be. The addresses are not kept: nobody follows them.
    Reference,
    Done(Outcome),
}

/// An LDAPResult without what the server says in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) code: ResultCode,
    pub(super) reason: Option<AdReason>,
}

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const SIMPLE: u8 = 0x80;
const CONTROLS: u8 = 0xa0;
const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const ENTRY: u8 = 0x64;
const DONE: u8 = 0x65;
const REFERENCE: u8 = 0x73;
const EXTENDED_RESPONSE: u8 = 0x78;

fn bad(what: &'static str) -> WireError {
    WireError::BadReply(BadReply::Ldap(what))
}

/// How many bytes the message at the start of these has, its own header counted. None: too few to say.
pub(super) fn length(bytes: &[u8]) -> Result<Option<usize>, WireError> {
    let (Some(tag), Some(first)) = (bytes.first(), bytes.get(1)) else {
        return Ok(None);
    };
    if *tag != SEQUENCE {
        return Err(bad("a message does not begin as one"));
    }
    let n_more = more_length(*first)?;
    let Some(more) = bytes.get(2..2 + n_more) else {
        return Ok(None);
    };
    Ok(Some(content_length(*first, more).saturating_add(2 + n_more)))
}

/// Bytes of the length that follow its first. Four reach further than any limit of ours; none is the indefinite form.
fn more_length(first: u8) -> Result<usize, WireError> {
    match first {
        0..=0x7f => Ok(0),
        0x81..=0x84 => Ok(usize::from(first & 0x7f)),
        _ => Err(bad("a length is indefinite or too long")),
    }
}

fn content_length(first: u8, more: &[u8]) -> usize {
    let fold =
        |length: usize, byte: &u8| length.checked_mul(256).map_or(usize::MAX, |length| length | usize::from(*byte));
    if more.is_empty() { usize::from(first) } else { more.iter().fold(0, fold) }
}

/// One whole message.
pub(super) fn read(bytes: &[u8]) -> Result<Message, WireError> {
    let mut whole = Reader(bytes);
    let mut parts = whole.inside(SEQUENCE)?;
    whole.end()?;
    let id = number(parts.content(INTEGER)?)?;
    let (tag, content) = parts.next()?;
    // What Active Directory appends to a notice of disconnection belongs inside it: nothing of it is of use.
    if id == 0 {
        return Err(WireError::Unreachable(Unreachable::Closed(None)));
    }
    let operation = Reader(content);
    let answer = match tag {
        BIND_RESPONSE => Answer::Bound(outcome(operation)?),
        EXTENDED_RESPONSE => Answer::Extended(outcome(operation)?),
        DONE => Answer::Done(outcome(operation)?),
        ENTRY => Answer::Entry(entry(operation)?),
        REFERENCE => Answer::Reference,
        _ => return Err(bad("an operation was not asked for")),
    };
    let cookie = if parts.is_empty() { None } else { paged(parts.inside(CONTROLS)?)? };
    parts.end()?;
    Ok(Message { id, answer, cookie })
}

/// Whatever an operation adds to an LDAPResult is passed over.
fn outcome(mut parts: Reader<'_>) -> Result<Outcome, WireError> {
    let code = ResultCode::new(number(parts.content(ENUMERATED)?)?);
    parts.content(OCTETS)?;
    let text = parts.content(OCTETS)?;
    let reason =
        if code == ResultCode::INVALID_CREDENTIALS { AdReason::read(&String::from_utf8_lossy(text)) } else { None };
    Ok(Outcome { code, reason })
}

fn entry(mut parts: Reader<'_>) -> Result<RawEntry, WireError> {
    let dn = text(parts.content(OCTETS)?)?;
    let mut list = parts.inside(SEQUENCE)?;
    parts.end()?;
    let mut attributes = Vec::new();
    while !list.is_empty() {
        let mut attribute = list.inside(SEQUENCE)?;
        let name = text(attribute.content(OCTETS)?)?;
        let mut set = attribute.inside(SET)?;
        attribute.end()?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.content(OCTETS)?.to_vec());
        }
        attributes.push((name, values));
    }
    Ok(RawEntry { dn, attributes })
}

/// The cookie of the paged results control; other controls were not asked for and are passed over.
fn paged(mut controls: Reader<'_>) -> Result<Option<Vec<u8>>, WireError> {
    let mut cookie = None;
    while !controls.is_empty() {
        let mut control = controls.inside(SEQUENCE)?;
        if control.content(OCTETS)? != PAGED_RESULTS.as_bytes() {
            continue;
        }
        let (mut tag, mut value) = control.next()?;
        if tag == BOOLEAN {
            (tag, value) = control.next()?;
        }
        if tag != OCTETS || cookie.is_some() {
            return Err(bad("the paged results control"));
        }
        let mut parts = Reader(value).inside(SEQUENCE)?;
        parts.content(INTEGER)?;
        cookie = Some(parts.content(OCTETS)?.to_vec());
    }
    Ok(cookie)
}

fn text(bytes: &[u8]) -> Result<String, WireError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| bad("a name is not UTF-8"))
}

/// Result codes and message ids: never negative, and small.
fn number(bytes: &[u8]) -> Result<u32, WireError> {
    match bytes {
        [first, ..] if bytes.len() <= 4 && *first < 0x80 => {
            Ok(bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte)))
        }
        _ => Err(bad("a number is out of range")),
    }
}

/// Elements of BER, one after the other. Goes no deeper by itself.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(u8, &'a [u8]), WireError> {
        let short = || bad("an element ends before its end");
        let (tag, rest) = self.0.split_first().ok_or_else(short)?;
        let (first, rest) = rest.split_first().ok_or_else(short)?;
        let (more, rest) = rest.split_at_checked(more_length(*first)?).ok_or_else(short)?;
        let (content, rest) = rest.split_at_checked(content_length(*first, more)).ok_or_else(short)?;
        self.0 = rest;
        Ok((*tag, content))
    }

    fn content(&mut self, expected: u8) -> Result<&'a [u8], WireError> {
        let (tag, content) = self.next()?;
        if tag == expected { Ok(content) } else { Err(bad("an element is of another kind than expected")) }
    }

    fn inside(&mut self, expected: u8) -> Result<Reader<'a>, WireError> {
        self.content(expected).map(Reader)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn end(&self) -> Result<(), WireError> {
        if self.is_empty() { Ok(()) } else { Err(bad("a message goes on after its end")) }
    }
}
