//! Card numbers: digits of a known issuer, with its length, its grouping and the Luhn sum.
//!
//! Carriers and shops give out numbers with as many digits, of which one in ten has that sum too. So digits in one piece stay after
//! a word that says what they number (`tracking`, `order`; `identifiers` in `rules.toml`). Digits in groups are written as on
//! a card, and go whatever stands before them.

use std::ops::Range;

use super::shapes::{before, skip, starts_with};
use super::{MARK, MARK_START, slice, words};

/// Digits.
const SHORTEST_CARD: usize = 14;

/// What divides the groups of a number, besides a blank, a hyphen and a dot: blanks that word processors write.
const WIDE_JOINTS: [&[u8]; 5] = [b"\xc2\xa0", b"\xe2\x80\x87", b"\xe2\x80\x89", b"\xe2\x80\xaf", b"\xe2\x80\x91"];

/// Whether the words before a number count. They do not where the text is JSON as it was sent: what stands before a number there
/// may be another field's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    Read,
    Unread,
}

/// Card numbers: digits in one piece, or in groups as on a card, between which the same joint stands.
pub(super) fn find(text: &[u8], around: Around, mut found: impl FnMut(Range<usize>)) {
    wide_cards(text, &mut found);
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
                let in_number = |b: u8| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'.');
                let reach = slice(text, at.saturating_sub(32)..at);
                let start = at - reach.iter().rev().take_while(|b| in_number(**b)).count();
                done = skip(text, at, in_number);
                // Dates and identifiers come this far.
                if slice(text, start..done).iter().filter(|b| b.is_ascii_digit()).count() >= SHORTEST_CARD {
                    card_in(text, start..done, around, &mut found);
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

/// Numbers whose groups stand between wide joints. Few texts have one after a digit.
fn wide_cards(text: &[u8], found: &mut impl FnMut(Range<usize>)) {
    // Large results are ASCII for the most part, and this costs them next to nothing.
    if text.is_ascii() {
        return;
    }
    let mut at = 0;
    while let Some(next) = slice(text, at..text.len()).iter().position(|b| matches!(b, 0xc2 | 0xe2)) {
        let joint = at + next;
        at = joint + 1;
        let Some(start) = joint.checked_sub(4).filter(|_| wide_joint(text, joint).is_some()) else { continue };
        let groups: [&[usize]; 3] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];
        let card = groups.into_iter().find_map(|groups| card_at(text, start, groups));
        if let Some(card) = card {
            at = card.end;
            found(card);
        }
    }
}

fn wide_joint(text: &[u8], at: usize) -> Option<&'static [u8]> {
    WIDE_JOINTS.into_iter().find(|joint| starts_with(text, at, joint))
}

fn card_in(text: &[u8], run: Range<usize>, around: Around, found: &mut impl FnMut(Range<usize>)) {
    for start in run {
        if !text.get(start).is_some_and(u8::is_ascii_digit) || before(text, start).is_some_and(|b| b.is_ascii_digit()) {
            continue;
        }
        for groups in [&[14][..], &[15], &[16], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]] {
            let card = card_at(text, start, groups);
            let is_other = || groups.len() == 1 && around == Around::Read && is_numbered(text, start);
            if let Some(card) = card.filter(|_| !is_other()) {
                found(card);
            }
        }
    }
}

/// The card number in `groups` that begins here and touches nothing.
fn card_at(text: &[u8], start: usize, groups: &[usize]) -> Option<Range<usize>> {
    let touches =
        |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/'));
    // What a mark stands for may have touched it: without this, a second look would find what the first did not.
    let after_mark = slice(text, 0..start).ends_with(MARK.as_bytes());
    if touches(before(text, start)) || after_mark {
        return None;
    }
    let end = grouped(text, start, groups)?;
    let dot = text.get(end) == Some(&b'.') && !text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
    let is_apart = !touches(text.get(end).copied()) && !starts_with(text, end, MARK_START);
    // The joints of a number are no digits, but their bytes may be anything.
    let digits: Vec<u8> = slice(text, start..end).iter().filter(|b| b.is_ascii_digit()).map(|b| b - b'0').collect();
    ((dot || is_apart) && is_issued(&digits) && luhn(&digits)).then_some(start..end)
}

/// Whether the words before a number say that it is an identifier: `tracking no. 1, 2 and`. Numbers and little words between are
/// passed over; the first other word decides.
fn is_numbered(text: &[u8], start: usize) -> bool {
    const REACH: usize = 96;
    let line = slice(text, start.saturating_sub(REACH)..start);
    let line = line.iter().rposition(|b| *b == b'\n').map_or(line, |at| slice(line, at + 1..line.len()));
    let mut words = line.split(|b| !b.is_ascii_alphanumeric()).rev().filter(|word| !word.is_empty());
    words.find(|word| !words::is_between(word)).is_some_and(words::is_numbered)
}

/// The end of digits in `groups`, all divided by the same character.
fn grouped(text: &[u8], start: usize, groups: &[usize]) -> Option<usize> {
    let mut at = start;
    let mut joint = None;
    for (index, length) in groups.iter().enumerate() {
        if index > 0 {
            let narrow = || text.get(at..=at).filter(|b| matches!(b, [b' ' | b'-' | b'.']));
            let found = narrow().or_else(|| wide_joint(text, at))?;
            if *joint.get_or_insert(found) != found {
                return None;
            }
            at += found.len();
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
