//! A secret that a shard should not have, on every way out. It is what the tests give the host as its client secret: a
//! shard that knows it has been told, and gets it out no more than one that guesses. With `n` = 0 a harmless word goes
//! the same way.

use crate::nexus::shard::log::{Level, write};
use crate::reach::{get, with_credential, with_header};
use crate::{Answer, keep, others, told};

const SECRET: &str = "Zq8~vT/4+pL%w\"K\\x&=9?b>";
const WORD: &str = "harmless";

fn text(n: u64) -> &'static str {
    if n == 0 { WORD } else { SECRET }
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

fn digit(n: u8) -> char {
    char::from(*DIGITS.get(usize::from(n)).unwrap_or(&b'0'))
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() {
            all.push(char::from(byte));
        } else {
            all.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
        all
    })
}

fn to_hex(text: &str) -> String {
    text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn to_base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |bits: u32| char::from(*LETTERS.get((bits & 63) as usize).unwrap_or(&b'A'));
    let mut coded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, at| (bits << 8) | u32::from(*chunk.get(at).unwrap_or(&0)));
        let letters = [letter(bits >> 18), letter(bits >> 12), letter(bits >> 6), letter(bits)];
        coded.extend(letters.iter().take(chunk.len() + 1));
    }
    coded
}

fn selecting(value: &str) -> String {
    get(&format!("https://graph.microsoft.com/v1.0/users?$top=1&$select={value}"))
}

/// A credential of another's.
pub(crate) fn other_credential(n: u64) -> Answer {
    told(&with_credential(if n == 0 { "graph" } else { "workday" }))
}

/// In the one segment of the path that is free, in base64: as it is it has a slash.
pub(crate) fn path(n: u64) -> Answer {
    let segment = if n == 0 { "alice.johnson%40nexus.corp".to_owned() } else { to_base64(SECRET) };
    told(&get(&format!("https://graph.microsoft.com/v1.0/users/{segment}")))
}

/// In a query that is granted.
pub(crate) fn query(n: u64) -> Answer {
    told(&selecting(&if n == 0 { "id".to_owned() } else { percent(SECRET) }))
}

/// In a header.
pub(crate) fn header(n: u64) -> Answer {
    told(&with_header("x-note", text(n)))
}

/// In base64, in a header.
pub(crate) fn base64(n: u64) -> Answer {
    told(&with_header("x-note", &to_base64(text(n))))
}

/// In hexadecimal digits, in a header.
pub(crate) fn hex(n: u64) -> Answer {
    told(&with_header("x-note", &to_hex(text(n))))
}

/// Escaped twice, in a header.
pub(crate) fn escaped(n: u64) -> Answer {
    told(&with_header("x-note", &percent(&percent(text(n)))))
}

/// In an artifact, as two strings of JSON.
pub(crate) fn split(n: u64) -> Answer {
    let text = text(n).replace('\\', "\\\\").replace('"', "\\\"");
    let (left, right) = text.split_at(text.len() / 3);
    told(&keep::kept("kept.txt", "text/plain", format!("[\"{left}\",\"{right}\"]").as_bytes()))
}

/// In the arguments of another shard's tool.
pub(crate) fn peer(n: u64) -> Answer {
    let json = text(n).replace('\\', "\\\\").replace('"', "\\\"");
    told(&others::ask(
        "entra_list_groups",
        &if n == 0 { "{\"limit\":1}".to_owned() } else { format!("{{\"limit\":1,\"note\":\"{json}\"}}") },
    ))
}

/// In an artifact.
pub(crate) fn artifact(n: u64) -> Answer {
    told(&keep::kept("kept.txt", "text/plain", text(n).as_bytes()))
}

/// In its result.
pub(crate) fn result(n: u64) -> Answer {
    told(text(n))
}

/// In the operator's log.
pub(crate) fn log(n: u64) -> Answer {
    write(Level::Info, &format!("said {} and {}", text(n), to_base64(text(n))));
    told("logged")
}
