//! A directory's bytes through the reader of answers. Whatever it makes of a message a second reader makes of it too, which
//! reads the whole tree of elements first; and the length that it waits for is the length that it reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_fuzz::wire::RawEntry;
use nexus_fuzz::wire::directory::fuzzing::{FuzzedAnswer, FuzzedMessage, message_length, read_message};

/// One element of BER: its tag, and its content as it stands.
type Element<'a> = (u8, &'a [u8]);

/// All elements, or none if anything is left over.
fn elements(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut all = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (element, behind) = split(rest)?;
        all.push(element);
        rest = behind;
    }
    Some(all)
}

/// The first elements, whatever comes behind them.
fn first(n: usize, bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    let mut rest = bytes;
    for _ in 0..n {
        let (element, behind) = split(rest)?;
        found.push(element);
        rest = behind;
    }
    Some(found)
}

fn split(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (start, length) = match usize::from(*bytes.get(1)?) {
        short @ 0..=0x7f => (2, short),
        long @ 0x81..=0x84 => {
            let more = bytes.get(2..2 + (long - 0x80))?;
            (2 + more.len(), more.iter().fold(0, |length: usize, byte| length * 256 + usize::from(*byte)))
        }
        _ => return None,
    };
    let content = bytes.get(start..start.checked_add(length)?)?;
    Some(((*bytes.first()?, content), &bytes[start + length..]))
}

fn number(element: &Element<'_>, tag: u8) -> Option<u32> {
    let is_small = element.0 == tag && (1..=4).contains(&element.1.len()) && element.1[0] < 0x80;
    is_small.then(|| element.1.iter().fold(0, |number, byte| number * 256 + u32::from(*byte)))
}

fn content<'a>(element: Option<&Element<'a>>, tag: u8) -> Option<&'a [u8]> {
    element.filter(|(found, _)| *found == tag).map(|(_, content)| *content)
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn second_reading(bytes: &[u8]) -> Option<FuzzedMessage> {
    let whole = elements(bytes)?;
    let [message] = whole.as_slice() else { return None };
    let parts = elements(content(Some(message), 0x30)?)?;
    let (id, operation) = (number(parts.first()?, 0x02)?, parts.get(1)?);
    let code = || {
        // What stands behind the three parts of a result is passed over, also where it is no element.
        let found = first(3, operation.1)?;
        content(found.get(1), 0x04)?;
        content(found.get(2), 0x04)?;
        number(found.first()?, 0x0a)
    };
    let answer = match operation.0 {
        0x61 => FuzzedAnswer::Bound(code()?),
        0x78 => FuzzedAnswer::Extended(code()?),
        0x65 => FuzzedAnswer::Done(code()?),
        0x73 => FuzzedAnswer::Reference,
        0x64 => {
            let parts = elements(operation.1)?;
            let [dn, list] = parts.as_slice() else { return None };
            let mut attributes = Vec::new();
            for attribute in elements(content(Some(list), 0x30)?)? {
                let parts = elements(content(Some(&attribute), 0x30)?)?;
                let [name, set] = parts.as_slice() else { return None };
                let values = elements(content(Some(set), 0x31)?)?;
                let values = values.iter().map(|value| content(Some(value), 0x04).map(<[u8]>::to_vec));
                attributes.push((text(content(Some(name), 0x04)?)?, values.collect::<Option<_>>()?));
            }
            FuzzedAnswer::Entry(RawEntry { dn: text(content(Some(dn), 0x04)?)?, attributes })
        }
        _ => return None,
    };
    let cookie = match &parts[2..] {
        [] => None,
        [controls] => cookie(content(Some(controls), 0xa0)?)?,
        _ => return None,
    };
    Some(FuzzedMessage { id, answer, cookie })
}

fn cookie(controls: &[u8]) -> Option<Option<Vec<u8>>> {
    let mut cookie = None;
    for control in elements(controls)? {
        let control = content(Some(&control), 0x30)?;
        let kind = first(1, control)?;
        if content(kind.first(), 0x04)? != b"1.2.840.113556.1.4.319" {
            continue;
        }
        let two = first(2, control)?;
        let value = if two[1].0 == 0x01 { first(3, control)?[2] } else { two[1] };
        if value.0 != 0x04 || cookie.is_some() {
            return None;
        }
        // Behind the sequence, and behind the two parts within it, may stand what nobody asked for.
        let sequence = first(1, value.1)?;
        let parts = first(2, content(sequence.first(), 0x30)?)?;
        content(parts.first(), 0x02)?;
        cookie = Some(content(parts.get(1), 0x04)?.to_vec());
    }
    Some(cookie)
}

fuzz_target!(|bytes: &[u8]| {
    let length = message_length(bytes);
    let Ok(read) = read_message(bytes) else {
        let second = second_reading(bytes).filter(|second| second.id != 0);
        assert!(second.is_none(), "refused, and yet it is {second:?}");
        return;
    };
    assert!(matches!(length, Ok(Some(length)) if length == bytes.len()), "{length:?} of {} bytes", bytes.len());
    for short in 0..bytes.len() {
        let begun = message_length(&bytes[..short]);
        assert!(matches!(begun, Ok(None)) || matches!(begun, Ok(Some(n)) if n == bytes.len()), "{begun:?} after {short}");
    }
    let second = second_reading(bytes).unwrap_or_else(|| panic!("{read:?} is nothing to the second reader"));
    assert_eq!(read.id, second.id);
    assert_eq!(read.answer, second.answer);
    assert_eq!(read.cookie, second.cookie);
});
