//! Tables in text: Markdown, tabs, commas, semicolons. A column whose head names a secret holds secrets, down to the first line that
//! has not as many cells.
//!
//! Commas and semicolons also stand in sentences. Between them the cells of a head have three words at most, and a value is one word.

use std::ops::Range;

use super::assigned::{is_reference, is_secret, next_line};
use super::shapes::{Named, skip};
use super::words::{self, Name};
use super::{prose, slice};

/// So far from a name its line is looked at.
const LINE_REACH: usize = 1024;
const MOST_CELLS: usize = 64;
const LONGEST_HEAD: usize = 48;

/// Puts the places of values under the head in which a name stands into `places`, and tells where the table ends.
pub(super) fn find(text: &[u8], named: &Named, places: &mut Vec<Range<usize>>) -> Option<usize> {
    let divider = divider(text, &named.place)?;
    let start = {
        let reach = slice(text, named.place.start.saturating_sub(LINE_REACH)..named.place.start);
        named.place.start - reach.iter().rev().take_while(|b| **b != b'\n').count()
    };
    let head = cells(text, start, divider)?;
    let is_loose = matches!(divider, b',' | b';');
    let is_name = |cell: &Range<usize>| {
        let text = String::from_utf8_lossy(slice(text, cell.clone()));
        !text.is_empty() && text.split_whitespace().count() <= 3 && !text.contains(['=', ':', '{', '(', '.', '?'])
    };
    if head.len() < 2 || (is_loose && !head.iter().all(is_name)) {
        return None;
    }
    let columns: Vec<(usize, &'static Name)> = head
        .iter()
        .enumerate()
        .filter(|(_, cell)| cell.len() <= LONGEST_HEAD)
        .filter_map(|(at, cell)| Some((at, words::secret_name(&String::from_utf8_lossy(slice(text, cell.clone())))?)))
        .collect();
    let mut end = None;
    let mut at = next_line(text, named.place.end);
    while let Some(line) = at {
        let row = cells(text, line, divider).filter(|row| row.len() == head.len());
        let Some(row) = row else { break };
        for (column, name) in &columns {
            let named = Named { name, place: named.place.clone() };
            places.extend(row.get(*column).into_iter().flat_map(|cell| value(text, &named, cell.clone(), is_loose)));
        }
        end = Some(skip(text, line, |b| b != b'\n'));
        at = next_line(text, line);
    }
    end
}

/// What stands beside a name that fills its cell.
fn divider(text: &[u8], name: &Range<usize>) -> Option<u8> {
    const REACH: usize = 64;
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || b" \"'*`_-".contains(b) || !b.is_ascii();
    let before = slice(text, name.start.saturating_sub(REACH)..name.start).iter().rev().find(|b| !is_part(b));
    let after = slice(text, name.end..text.len().min(name.end + REACH)).iter().find(|b| !is_part(b));
    let divides = |b: &&u8| matches!(b, b'|' | b'\t' | b',' | b';');
    let is_edge = |b: Option<&u8>| b.is_none_or(|b| matches!(b, b'\n' | b'\r'));
    match (before.filter(divides), after.filter(divides)) {
        (Some(one), Some(other)) => (one == other).then_some(*one),
        (Some(one), None) => is_edge(after).then_some(*one),
        (None, Some(other)) => is_edge(before).then_some(*other),
        (None, None) => None,
    }
}

/// The cells of the line at `start`, without blanks and quotes around them. None if they are too many.
fn cells(text: &[u8], start: usize, divider: u8) -> Option<Vec<Range<usize>>> {
    let mut cells = Vec::new();
    let (mut from, mut at, mut quoted) = (start, start, false);
    loop {
        match text.get(at) {
            Some(b'"') => quoted = !quoted,
            Some(b) if *b == divider && !quoted => {
                cells.push(trimmed(text, from..at));
                from = at + 1;
            }
            None | Some(b'\n' | b'\r') => break,
            Some(_) => {}
        }
        at += 1;
        if cells.len() > MOST_CELLS {
            return None;
        }
    }
    cells.push(trimmed(text, from..at));
    Some(cells)
}

fn trimmed(text: &[u8], cell: Range<usize>) -> Range<usize> {
    let is_around = |b: &u8| b" \t\"'`*".contains(b);
    let cell_text = slice(text, cell.clone());
    let head = cell_text.iter().take_while(|b| is_around(b)).count();
    let tail = cell_text.iter().rev().take_while(|b| is_around(b)).count();
    cell.start + head..(cell.end - tail).max(cell.start + head)
}

fn value(text: &[u8], named: &Named, cell: Range<usize>, is_loose: bool) -> Vec<Range<usize>> {
    let Ok(words) = std::str::from_utf8(slice(text, cell.clone())) else { return vec![cell] };
    if is_reference(words.as_bytes()) || !is_secret(text, named, &cell) {
        return Vec::new();
    }
    if !named.name.value.is_by_name() {
        return vec![cell];
    }
    if is_loose {
        let is_value = !words.contains(char::is_whitespace) && prose::is_value(words);
        return if is_value { vec![cell] } else { Vec::new() };
    }
    let places = prose::values(words, named.name).into_iter();
    places.map(|place| cell.start + place.start..cell.start + place.end).collect()
}
