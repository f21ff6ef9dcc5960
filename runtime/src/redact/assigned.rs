//! What is assigned to a name in text. A name has been read; here is read what follows it.
//!
//! | form | value |
//! |---|---|
//! | `name=…` | what its quotes hold, or all to the end of the line or to the next pair |
//! | `name: …`, `名前：…`, `名前は…` | what its quotes hold, or what [`prose`] finds in the rest of the line |
//! | `name:` and nothing else | the line below that is deeper, the lines of a block (`\|`, `>`), the items of a list |
//! | `-Name …`, `--name …`, `ConvertTo-SecureString …` | a word, or what its quotes hold |
//! | `<name>…<` | all between the brackets |
//! | `key="name" value="…"`, also the other way round, with `<value>` below, or `name: name` above `value: …` | the value |
//! | `name is …`, `name was changed to …`, `name for the printer: …` | a word |
//!
//! Nothing, a mark, `null` and the like are no values; a variable or a call is none, for it says where a secret is. Manifests write
//! `secret:NAME`, which does so too.

use std::ops::Range;

use super::rules::PACK;
use super::shapes::{Named, before, skip, skip_blanks, starts_with};
use super::words::Value;
use super::{MARK_START, prose, slice};

/// An unquoted value on an endless line (minified script) ends here.
const LONGEST_UNQUOTED: usize = 512;
/// A name is looked for this far in what may be the next pair.
const NAME_REACH: usize = 96;
/// So far from its name the value of a tag's attribute may stand.
const TAG_REACH: usize = 512;
/// So far before a name its line may begin.
const LINE_REACH: usize = 1024;

/// How a value is tied to its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tie {
    /// Programs write so, hence whatever follows is the value.
    Equals,
    /// People write so too.
    Colon,
}

/// Puts the places of what is assigned to a name into `places`. What lies before the end that comes back has been read whole.
pub(super) fn find(text: &[u8], named: &Named, places: &mut Vec<Range<usize>>) -> usize {
    let end = named.place.end;
    let quoted = after_quote(text, end).map_or(end, |(_, after)| after);
    let bold = skip(slice(text, 0..text.len().min(quoted + 2)), quoted, |b| b == b'*');
    let next = skip_blanks(text, bold);
    if let Some((tie, after)) = tie(text, next) {
        // `**Password:** x`
        let bold = if before(text, named.place.start) == Some(b'*') {
            skip(slice(text, 0..text.len().min(after + 2)), after, |b| b == b'*')
        } else {
            after
        };
        return assigned(text, named, tie, skip_wide(text, bold), places);
    }
    if text.get(next) == Some(&b'>') && before(text, named.place.start) == Some(b'<') {
        let length = slice(text, next + 1..text.len()).iter().position(|b| *b == b'<');
        places.extend(length.map(|length| next + 1..next + 1 + length).filter(|place| is_secret(text, named, place)));
        return 0;
    }
    if quoted > end || is_line_end(text, next) {
        places.extend(paired(text, named, quoted).filter(|place| is_secret(text, named, place)));
        return 0;
    }
    if next == quoted {
        return 0;
    }
    if is_option(text, &named.place) {
        places.extend(argument(text, next).filter(|place| is_secret(text, named, place)));
    } else {
        spoken(text, named, next, places);
    }
    0
}

/// `=`, `:`, `:=`, `=>`, arrows and the signs of Japanese text, and what follows them.
fn tie(text: &[u8], at: usize) -> Option<(Tie, usize)> {
    const OTHERS: [(&str, Tie); 5] =
        [("：", Tie::Colon), ("＝", Tie::Equals), ("は", Tie::Colon), ("->", Tie::Colon), ("→", Tie::Colon)];
    let tie = match text.get(at) {
        Some(b'=') => Tie::Equals,
        Some(b':') => Tie::Colon,
        _ => {
            let found = OTHERS.into_iter().find(|(sign, _)| starts_with(text, at, sign.as_bytes()));
            return found.map(|(sign, tie)| (tie, at + sign.len()));
        }
    };
    Some((tie, skip(slice(text, 0..text.len().min(at + 3)), at, |b| b"=:>".contains(&b))))
}

/// What stands after the sign that ties it to its name.
fn assigned(text: &[u8], named: &Named, tie: Tie, start: usize, places: &mut Vec<Range<usize>>) -> usize {
    let is_colon = tie == Tie::Colon;
    if is_colon && is_line_end(text, start) {
        return below(text, named, start, places);
    }
    if is_colon && let Some(line) = block_mark(text, start) {
        let block = deeper(text, line, indentation(text, named.place.start));
        let end = block.end;
        places.extend(Some(block).filter(|place| is_secret(text, named, place)));
        return end;
    }
    let Some(quoted) = value_at(text, start, clause) else { return 0 };
    let is_quoted = quoted.start > start;
    let reference = named.place.end + 1 == start && is_manifest_reference(text, named, &quoted);
    if reference || (!is_quoted && is_reference(slice(text, quoted.clone()))) {
        return 0;
    }
    // `password = a` is a password even so, and `password: required` is none.
    let said = is_colon && prose::is_complaint(lone(text, &quoted)) && lone(text, &quoted).len() > 2;
    if said || is_nothing(text, &quoted) {
        return 0;
    }
    match std::str::from_utf8(slice(text, quoted.clone())) {
        Ok(words) if !named.name.value.is_by_name() => places.extend(fitting(words, named, quoted.start)),
        Ok(words) if is_colon && !is_quoted && !is_in_smart_quotes(words) => {
            let values = prose::values(words, named.name).into_iter();
            let values = values.map(|place| quoted.start + place.start..quoted.start + place.end);
            places.extend(values.filter(|place| is_secret(text, named, place)));
        }
        _ => places.extend(Some(quoted).filter(|place| is_secret(text, named, place))),
    }
    0
}

/// Of words, the fewest from the first on that are what the name speaks of.
fn fitting(words: &str, named: &Named, start: usize) -> Option<Range<usize>> {
    let ends = words.match_indices([' ', '\t', '\n']).map(|(at, _)| at).take(5).chain([words.len()]);
    let bare = |end: usize| words.get(..end).unwrap_or("").trim_end_matches(['.', ',', ';', ')', '"', '\'']);
    ends.map(bare).find_map(|bare| {
        let head = bare.trim_start_matches(['(', '"', '\'']);
        let from = start + bare.len() - head.len();
        named.name.value.fits(head).then_some(from..from + head.len())
    })
}

/// Under a name that stands alone in its line: an item of a list, a deeper line, or one word that looks made.
fn below(text: &[u8], named: &Named, end: usize, places: &mut Vec<Range<usize>>) -> usize {
    let indent = indentation(text, named.place.start);
    let Some(mut line) = next_line(text, end) else { return 0 };
    let depth = |line: usize| skip_blanks(text, line) - line;
    let is_item = |line: usize| starts_with(text, line + depth(line), b"- ") && depth(line) >= indent;
    if !is_item(line) {
        let start = line + depth(line);
        let Some(place) = value_at(text, start, clause) else { return 0 };
        let is_deeper = depth(line) > indent;
        let is_pair = is_yaml_pair(slice(text, place.clone()));
        let word = words(text, &place);
        let is_value = is_deeper || (!word.contains(char::is_whitespace) && !prose::is_plain(word));
        if is_value && !is_pair && !is_line_end(text, start) {
            return assigned(text, named, Tie::Colon, start, places);
        }
        return 0;
    }
    let mut read = 0;
    while is_item(line) {
        let start = skip_blanks(text, line + depth(line) + 1);
        let place = value_at(text, start, clause).filter(|place| !is_yaml_pair(slice(text, place.clone())));
        if place.is_some() {
            assigned(text, named, Tie::Colon, start, places);
        }
        read = line;
        match next_line(text, start) {
            Some(next) => line = next,
            None => return text.len(),
        }
    }
    read
}

/// `name: …` as YAML writes it, with a blank behind the colon or nothing.
fn is_yaml_pair(line: &[u8]) -> bool {
    let name = skip(line, 0, |b| b.is_ascii_alphanumeric() || b"_-.\"'".contains(&b));
    name > 0 && line.get(name) == Some(&b':') && line.get(name + 1).is_none_or(u8::is_ascii_whitespace)
}

/// The line below a `|` or `>` that begins a block.
fn block_mark(text: &[u8], start: usize) -> Option<usize> {
    matches!(text.get(start)?, b'|' | b'>').then_some(())?;
    let end = skip(slice(text, 0..text.len().min(start + 4)), start + 1, |b| b"+-0123456789".contains(&b));
    let end = skip_blanks(text, end);
    is_line_end(text, end).then(|| next_line(text, end)).flatten()
}

/// All lines from `line` on that are deeper than `indent`, without the blanks around them.
fn deeper(text: &[u8], line: usize, indent: usize) -> Range<usize> {
    let (mut at, mut end) = (Some(line), line);
    while let Some(line) = at {
        let start = skip(text, line, |b| b == b' ' || b == b'\t');
        if !is_line_end(text, start) {
            if start - line <= indent {
                break;
            }
            end = line_end(text, start);
        }
        at = next_line(text, start);
    }
    let start = skip(text, line, |b| b.is_ascii_whitespace()).min(end);
    start..end
}

/// How deep the line begins in which `at` lies.
fn indentation(text: &[u8], at: usize) -> usize {
    let reach = slice(text, at.saturating_sub(LINE_REACH)..at);
    let line = reach.iter().rposition(|b| *b == b'\n').map_or(reach, |end| slice(reach, end + 1..reach.len()));
    line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

fn is_line_end(text: &[u8], at: usize) -> bool {
    matches!(text.get(at), None | Some(b'\n' | b'\r'))
}

fn line_end(text: &[u8], at: usize) -> usize {
    skip(text, at, |b| !matches!(b, b'\n' | b'\r'))
}

/// Where the line after that of `at` begins.
pub(super) fn next_line(text: &[u8], at: usize) -> Option<usize> {
    let end = skip(text, at, |b| b != b'\n');
    (end + 1 < text.len()).then_some(end + 1)
}

/// An option has hyphens before it. PowerShell's words for secrets take a value as options do.
fn is_option(text: &[u8], name: &Range<usize>) -> bool {
    let hyphen =
        starts_with(text, name.start, b"-") && !before(text, name.start).is_some_and(|b| b.is_ascii_alphanumeric());
    let cmdlet = b"ConvertTo-SecureString";
    hyphen || slice(text, name.clone()).eq_ignore_ascii_case(cmdlet)
}

/// The argument of an option, over switches that stand before it: `ConvertTo-SecureString -String 'x'`.
fn argument(text: &[u8], start: usize) -> Option<Range<usize>> {
    const MOST_SWITCHES: usize = 3;
    let mut start = start;
    for _ in 0..MOST_SWITCHES {
        let end = skip(slice(text, 0..text.len().min(start + 24)), start + 1, |b| b.is_ascii_alphabetic());
        if text.get(start) != Some(&b'-') || !matches!(text.get(end), Some(b' ')) {
            break;
        }
        start = skip_blanks(text, end);
    }
    // Another option, an expression, the next command: no word that is given.
    if is_line_end(text, start) || text.get(start).is_some_and(|b| b"$()|;-{@&>".contains(b)) {
        return None;
    }
    let place = value_at(text, start, word)?;
    let is_word = std::str::from_utf8(slice(text, place.clone())).is_ok_and(prose::is_value);
    (place.start > start || (is_word && !is_reference(slice(text, place.clone())))).then_some(place)
}

/// What a sentence says of a name: `is x`, `was changed to x`, `for the printer: x`; or a word behind it that is made.
fn spoken(text: &[u8], named: &Named, start: usize, places: &mut Vec<Range<usize>>) {
    const MOST_WORDS: usize = 6;
    let ends = |b: u8| b.is_ascii_whitespace() || b"\"'<,;:=()".contains(&b);
    let mut at = start;
    // `(temporary)` says which one it is.
    if text.get(at) == Some(&b'(') {
        let end = skip(slice(text, 0..text.len().min(at + 32)), at, |b| b != b')' && b != b'\n');
        if text.get(end) != Some(&b')') {
            return;
        }
        at = skip_blanks(text, end + 1);
    }
    let (mut linked, mut owned, mut is_change) = (at > start, 0, false);
    for _ in 0..MOST_WORDS {
        if let Some((tie, after)) = tie(text, at).filter(|_| linked || owned > 0) {
            assigned(text, named, tie, skip_wide(text, after), places);
            return;
        }
        let end = skip(slice(text, 0..text.len().min(at + 48)), at, |b| !ends(b));
        let said = String::from_utf8_lossy(slice(text, at..end)).to_lowercase();
        let changes = PACK.words.changes.contains(&said);
        let is_link = changes || PACK.words.links.contains(&said);
        let is_owner = !linked && (PACK.words.owners.contains(&said) || (owned > 0 && owned < 4));
        if end == at || !(is_link || is_owner) {
            break;
        }
        if is_link {
            (linked, is_change) = (true, changes);
        } else {
            owned += 1;
        }
        at = skip_blanks(text, end);
    }
    if let Some((tie, after)) = tie(text, at).filter(|_| linked || owned > 0) {
        assigned(text, named, tie, skip_wide(text, after), places);
        return;
    }
    let Some(place) = value_at(text, at, word).filter(|_| owned == 0 || linked) else { return };
    let given = words(text, &place);
    // What ends the sentence is no part of the value, and `fitting` finds a value of more words.
    let place = place.start..place.start + given.trim_end_matches(['.', ',', ';', ')', ':']).len();
    let is_quoted = place.start > at;
    let last = is_last(text, place.end);
    let is_given = if !named.name.value.is_by_name() {
        let words = words(text, &(at..clause(text, at)));
        places.extend(fitting(words, named, at).filter(|_| linked));
        return;
    } else if linked {
        is_quoted || !prose::is_plain(given) || (last && !is_change && prose::is_value(given))
    } else {
        named.name.phrase && prose::is_strong(given)
    };
    if is_given && !prose::is_complaint(lone(text, &place)) && !is_reference(slice(text, place.clone())) {
        places.extend(Some(place).filter(|place| is_secret(text, named, place)));
    }
}

/// Whether a sentence, or a part of one, ends at `end`.
fn is_last(text: &[u8], end: usize) -> bool {
    const JOINS: [&[u8]; 6] = [b"and ", b"but ", b"for ", b"or ", b"please ", b"now"];
    let next = skip(slice(text, 0..text.len().min(end + 2)), end, |b| b".,;)\"'!?".contains(&b));
    let after = skip_blanks(text, next);
    next > end || is_line_end(text, after) || JOINS.iter().any(|join| starts_with(text, after, join))
}

/// The value of which another field says the name: of an attribute beside it, of an element or a line below.
fn paired(text: &[u8], named: &Named, end: usize) -> Option<Range<usize>> {
    let name_start = {
        let reach = slice(text, named.place.start.saturating_sub(NAME_REACH)..named.place.start);
        let head = reach.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || b":/._-".contains(b)).count();
        named.place.start - head
    };
    // What holds the name: `key="`, `name: `.
    let held = slice(text, name_start.saturating_sub(16)..name_start);
    let held = slice(held, 0..held.iter().rposition(|b| !b"\"'\\ \t".contains(b))? + 1);
    let sign = held.last().copied().filter(|b| matches!(b, b'=' | b':'))?;
    let holder = held.split(|b| !b.is_ascii_alphabetic()).rfind(|word| !word.is_empty())?;
    [&b"key"[..], b"name", b"id", b"type", b"field", b"parameter"]
        .iter()
        .any(|wanted| holder.eq_ignore_ascii_case(wanted))
        .then_some(())?;
    if sign == b':' {
        return value_below(text, end);
    }
    let tag_end = skip(slice(text, 0..text.len().min(end + TAG_REACH)), end, |b| b != b'>' && b != b'\n');
    let beside = attribute(slice(text, 0..tag_end), end);
    if beside.is_some() {
        return beside;
    }
    if text.get(tag_end) == Some(&b'>') && before(text, tag_end) != Some(b'/') {
        let element = skip(slice(text, 0..text.len().min(tag_end + 64)), tag_end + 1, |b| b.is_ascii_whitespace());
        if starts_with(text, element, b"<value>") {
            let start = element + "<value>".len();
            let length = slice(text, start..text.len()).iter().position(|b| *b == b'<')?;
            return Some(start..start + length);
        }
    }
    let reach = name_start.saturating_sub(TAG_REACH);
    let tag = slice(text, reach..name_start).iter().rposition(|b| *b == b'<' || *b == b'>')? + reach;
    (text.get(tag) == Some(&b'<')).then(|| attribute(slice(text, 0..name_start), tag)).flatten()
}

/// What the attribute `value` holds that begins at `from` or behind.
fn attribute(tag: &[u8], from: usize) -> Option<Range<usize>> {
    const VALUE: &[u8] = b"value";
    let rest = slice(tag, from..tag.len());
    let found = rest.windows(VALUE.len()).position(|part| part.eq_ignore_ascii_case(VALUE))? + from;
    if before(tag, found).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return None;
    }
    let sign = skip_blanks(tag, found + VALUE.len());
    let start = skip_blanks(tag, sign + 1);
    let place = value_at(tag, start, word)?;
    (tag.get(sign) == Some(&b'=') && place.start > start).then_some(place)
}

/// `value: …` in the line below one that says the name, or behind a comma.
fn value_below(text: &[u8], end: usize) -> Option<Range<usize>> {
    let comma = if text.get(end) == Some(&b',') { end + 1 } else { end };
    let next = skip(slice(text, 0..text.len().min(comma + 64)), comma, |b| b.is_ascii_whitespace());
    let name = after_quote(text, next).map_or(next, |(_, after)| after);
    if next == end || !slice(text, name..name + 5).eq_ignore_ascii_case(b"value") {
        return None;
    }
    let after = after_quote(text, name + 5).map_or(name + 5, |(_, after)| after);
    let (_, after) = tie(text, skip_blanks(text, after))?;
    let place = value_at(text, skip_blanks(text, after), clause)?;
    (!is_reference(slice(text, place.clone()))).then_some(place)
}

/// Whether what stands here is what the name speaks of, and is not nothing.
pub(super) fn is_secret(text: &[u8], Named { name, .. }: &Named, place: &Range<usize>) -> bool {
    // The signs at the end of a signature belong to it.
    let sought = if name.value == Value::Signature { words(text, place) } else { lone(text, place) };
    name.value.fits(sought) && !is_nothing(text, place)
}

/// The words that stand here. What is no UTF-8 has none, and counts as a value: nothing that people say.
fn words<'a>(text: &'a [u8], place: &Range<usize>) -> &'a str {
    std::str::from_utf8(slice(text, place.clone())).unwrap_or("")
}

/// A value without the signs around it.
fn lone<'a>(text: &'a [u8], place: &Range<usize>) -> &'a str {
    words(text, place).trim_matches(|c: char| !c.is_alphanumeric())
}

fn is_nothing(text: &[u8], place: &Range<usize>) -> bool {
    let bytes = slice(text, place.clone());
    let lone = lone(text, place).to_ascii_lowercase();
    bytes.is_empty()
        || bytes.starts_with(MARK_START)
        || bytes.starts_with(b"//")
        || bytes.iter().all(|b| b"-_.*|# \t".contains(b))
        || ["null", "none", "nil", "true", "false", "undefined", "n/a"].contains(&lone.as_str())
}

/// `secret:NAME` in a manifest says where a secret is.
fn is_manifest_reference(text: &[u8], named: &Named, value: &Range<usize>) -> bool {
    let name = slice(text, named.place.clone());
    let bytes = slice(text, value.clone());
    // In names of resources (`arn:…:secret:name`) it does so too.
    let is_of_resource = before(text, named.place.start) == Some(b':');
    text.get(named.place.end) == Some(&b':')
        && name.eq_ignore_ascii_case(b"secret")
        && (is_of_resource
            || bytes
                .iter()
                .take_while(|b| **b != b' ')
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_'))
}

/// A variable, a place to fill in, or a call: it says where a secret is.
pub(super) fn is_reference(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let value = value.trim_end_matches([';', ',', ')']).trim_end();
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:- ".contains(&b));
    let is_constant = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let between = |open: &str, close: &str| value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let is_filled_in = between("${", "}").is_some_and(|rest| !rest.contains('}'))
        || between("{{", "}}").is_some()
        || between("<", ">").is_some_and(is_name)
        || between("%", "%").is_some_and(is_constant)
        || between("$(", "").is_some()
        || value.strip_prefix('$').is_some_and(is_constant)
        || value.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("$env:"));
    let starts = |start: &String| value.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    let is_code = |b: u8| b.is_ascii_alphanumeric() || b"_.-:/()[]\"'=, @\\|".contains(&b);
    is_filled_in || (value.bytes().all(is_code) && PACK.words.references.iter().any(starts))
}

fn is_in_smart_quotes(words: &str) -> bool {
    const QUOTES: [(char, char); 6] = [('“', '”'), ('„', '“'), ('«', '»'), ('‘', '’'), ('「', '」'), ('『', '』')];
    QUOTES.iter().any(|(open, close)| {
        words.strip_prefix(*open).is_some_and(|rest| rest.trim_end_matches(['.', ',']).ends_with(*close))
    })
}

/// Blanks, also those of other widths.
fn skip_wide(text: &[u8], start: usize) -> usize {
    let at = skip_blanks(text, start);
    let wide = ["\u{a0}", "\u{3000}", "\u{202f}"].iter().find(|blank| starts_with(text, at, blank.as_bytes()));
    wide.map_or(at, |blank| skip_blanks(text, at + blank.len()))
}

/// The value at `start`: what its quotes hold, or as far as `unquoted` reads.
pub(super) fn value_at(text: &[u8], start: usize, unquoted: fn(&[u8], usize) -> usize) -> Option<Range<usize>> {
    if let Some((quote, from)) = after_quote(text, start) {
        let mut end = from;
        while end < text.len() && !starts_with(text, end, slice(text, quote.clone())) {
            let escaped = text.get(end) == Some(&b'\\') && quote.len() == 1;
            end += if escaped { 2 } else { 1 };
        }
        return Some(from..end.min(text.len()));
    }
    // What begins a list or an object is no value itself; names in it are found on their own.
    let nested = matches!(text.get(start)?, b'{' | b'[') && !starts_with(text, start, MARK_START);
    (!nested).then(|| start..unquoted(text, start))
}

/// The end of a value that may hold blanks: its line's end, or the next `name=` or `name:`.
pub(super) fn clause(text: &[u8], start: usize) -> usize {
    let limit = text.len().min(start + LONGEST_UNQUOTED);
    let ends = |at: &usize| match text.get(*at) {
        None | Some(b'\n' | b'\r') => true,
        Some(b'"' | b'\'' | b'`') => {
            let after = text.get(*at + 1);
            after.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b',' | b'}' | b']' | b')' | b';' | b'>' | b'.'))
        }
        Some(b'&' | b';' | b',') => is_pair(text, *at + 1) || text.get(*at + 1).is_none(),
        Some(b'<') => matches!(text.get(*at + 1), Some(b'/' | b'!')) || starts_with(text, *at, b"<br"),
        Some(b' ' | b'\t') => is_pair(text, *at + 1),
        Some(b'\\') => matches!(text.get(*at + 1), Some(b'n' | b'r' | b'"')),
        Some(_) => false,
    };
    (start..limit).find(ends).unwrap_or(limit)
}

/// The end of a value that is one word.
fn word(text: &[u8], start: usize) -> usize {
    skip(text, start, |b| !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b'<' | b','))
}

/// Whether `name=` or `name:` stands at `start`, after blanks.
fn is_pair(text: &[u8], start: usize) -> bool {
    let from = skip_blanks(text, start);
    let from = after_quote(text, from).map_or(from, |(_, after)| after);
    let joined = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let end = skip(slice(text, 0..text.len().min(from + NAME_REACH)), from, joined);
    let end = after_quote(text, end).filter(|_| end > from).map_or(end, |(_, after)| after);
    end > from && text.get(from).is_some_and(u8::is_ascii_alphabetic) && matches!(text.get(end), Some(b'=' | b':'))
}

/// A quote at `start`, with the backslashes that escape it, and where it ends.
pub(super) fn after_quote(text: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let quote = skip(slice(text, 0..text.len().min(start + 16)), start, |b| b == b'\\');
    matches!(text.get(quote), Some(b'"' | b'\'' | b'`')).then_some((start..quote + 1, quote + 1))
}
