//! JSON, walked where it lies: what is not redacted keeps its bytes, so numbers, order, blanks and duplicate keys stay
//! as they were, and both members of a duplicate key are redacted.
//!
//! The text must be valid JSON; the door to this file ([`is_json`]) lets nothing else in. A value nested deeper than
//! [`DEEPEST`] is masked whole, because what cannot be looked at does not pass.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;

use super::shapes::Scope;
use super::words::{self, Name, Value};
use super::{DEPTH_MARK, Eyes, MARK, Redactions, Rule};
use crate::policy::{KeepPath, KeepStep};

const DEEPEST: usize = 100;
/// JSON in a string of JSON in a string of JSON. Below that, strings are read as text.
const DEEPEST_TEXT: usize = 3;

/// How a list of pairs names what it holds: `{"name": "password", "value": "…"}`.
const PAIR_NAMES: &[&str] = &["name", "key", "field", "header", "attribute", "property", "parameter", "displayName"];
const PAIR_VALUES: &[&str] = &["value", "val", "oldValue", "newValue"];

pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// `text`, which is JSON, without secrets. `None`: there were none.
///
/// `named` are fields that a grant names one by one. A name that says too little by itself (`key`) does not make a secret
/// of such a field: who approved the grant has seen it.
pub(super) fn scrub(eyes: &Eyes, text: &str, named: &[KeepPath]) -> Option<(String, Redactions)> {
    walk(eyes, text, named, &[], 0)
}

fn walk(eyes: &Eyes, text: &str, named: &[KeepPath], path: &[Rc<str>], nesting: usize) -> Option<(String, Redactions)> {
    let mut walk = Walk {
        eyes,
        pieces: eyes.pieces(text),
        named,
        cursor: Cursor::new(text),
        edits: Vec::new(),
        redactions: Redactions::default(),
        path: path.to_vec(),
        any: Rc::from("*"),
        nesting,
        names: HashMap::new(),
    };
    walk.value(Field::default(), 0);
    let Walk { mut edits, redactions, .. } = walk;
    if edits.is_empty() {
        return None;
    }
    edits.sort_by_key(|edit| edit.place.start);
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    for Edit { place, text: new } in edits {
        clean.push_str(text.get(at..place.start).unwrap_or_default());
        clean.push_str(&new);
        at = place.end;
    }
    clean.push_str(text.get(at..).unwrap_or_default());
    Some((clean, redactions))
}

struct Walk<'a> {
    eyes: &'a Eyes,
    /// Where strings begin that hold a piece of a value.
    pieces: BTreeSet<usize>,
    named: &'a [KeepPath],
    cursor: Cursor<'a>,
    edits: Vec<Edit>,
    redactions: Redactions,
    path: Vec<Rc<str>>,
    any: Rc<str>,
    nesting: usize,
    /// A list of records has few keys, each many times.
    names: HashMap<&'a str, Key>,
}

struct Edit {
    place: Range<usize>,
    text: Cow<'static, str>,
}

/// What is known of a value from where it stands.
#[derive(Clone, Copy, Default)]
struct Field {
    secret: Option<&'static Name>,
    is_identifier: bool,
}

/// What a key says.
#[derive(Clone)]
struct Key {
    secret: Option<&'static Name>,
    is_about: bool,
    is_identifier: bool,
    is_pair_name: bool,
    is_pair_value: bool,
    /// As paths show it.
    shown: Rc<str>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, field: Field, depth: usize) {
        self.cursor.skip_blanks();
        match self.cursor.peek() {
            Some(b'{' | b'[') if depth >= DEEPEST => {
                let place = self.cursor.skip_value();
                self.replace(place, Rule::Depth, Cow::Owned(quote(DEPTH_MARK)));
            }
            Some(b'{') => self.object(field, depth),
            Some(b'[') => self.array(field, depth),
            Some(b'"') => {
                let place = self.cursor.string();
                self.string(place, field);
            }
            Some(_) => {
                let place = self.cursor.scalar();
                self.number(place, field);
            }
            None => {}
        }
    }

    fn array(&mut self, field: Field, depth: usize) {
        self.cursor.at += 1;
        self.path.push(Rc::clone(&self.any));
        while self.cursor.next_item(b']') {
            self.value(field, depth + 1);
        }
        self.path.pop();
    }

    fn object(&mut self, field: Field, depth: usize) {
        self.cursor.at += 1;
        // `key` says nothing of a whole object.
        let inherited = field.secret.filter(|name| name.value.is_by_name());
        let mut pair_name = None;
        let mut pair_values = Vec::new();
        while self.cursor.next_item(b'}') {
            let place = self.cursor.string();
            let key = self.key(place);
            self.cursor.skip_colon();
            let start = self.cursor.at;
            let secret = key.secret.or(if key.is_about { None } else { inherited });
            self.path.push(Rc::clone(&key.shown));
            let secret = secret.filter(|name| name.value.is_by_name() || !self.is_named());
            self.value(Field { secret, is_identifier: key.is_identifier }, depth + 1);
            let value = start..self.cursor.at;
            if key.is_pair_name {
                pair_name = pair_name.or_else(|| self.names_secret(value));
            } else if key.is_pair_value {
                pair_values.push((value, key.shown));
            }
            self.path.pop();
        }
        if let Some(name) = pair_name {
            // From the last to the first, so that edits made since always lie behind.
            for (place, shown) in pair_values.into_iter().rev() {
                self.path.push(shown);
                self.pair_value(place, name);
                self.path.pop();
            }
        }
    }

    /// Whether a grant names the field at this path.
    fn is_named(&self) -> bool {
        let is_here = |step: &KeepStep, at: &Rc<str>| match step {
            KeepStep::Field(name) => **at == **name,
            KeepStep::Each => true,
        };
        let mut named = self.named.iter().map(KeepPath::steps);
        named.any(|steps| {
            steps.len() == self.path.len() && steps.iter().zip(&self.path).all(|(step, at)| is_here(step, at))
        })
    }

    /// The secret that the string at `place` names, if it is a name and no sentence.
    fn names_secret(&self, place: Range<usize>) -> Option<&'static Name> {
        let text = decode(self.cursor.text.get(place)?.strip_prefix('"')?.strip_suffix('"')?);
        let text = self.eyes.cleaned(text.as_bytes(), Scope::All).map_or(text, |(clean, _)| lossy(clean).into());
        let is_name = text.len() <= 40 && text.split_ascii_whitespace().count() <= 2;
        is_name.then(|| words::secret_name(&text)).flatten()
    }

    fn pair_value(&mut self, place: Range<usize>, name: &'static Name) {
        if !matches!(self.cursor.text.as_bytes().get(place.start), None | Some(b'{' | b'[')) {
            // Masking the whole replaces masking of parts.
            let later = self.edits.iter().rev().take_while(|edit| edit.place.end > place.start).count();
            let later = self.edits.split_off(self.edits.len() - later);
            self.edits.extend(later.into_iter().filter(|edit| edit.place.start >= place.end));
            self.scalar(place, name);
        }
    }

    fn key(&mut self, place: Range<usize>) -> Key {
        let raw = self.inner(&place);
        if let Some(key) = self.names.get(raw) {
            return key.clone();
        }
        let text = decode(raw);
        let cleaned = self.eyes.cleaned(text.as_bytes(), Scope::All).map(|(clean, rules)| (lossy(clean), rules));
        let masked = cleaned.as_ref().map_or(text.as_ref(), |(clean, _)| clean);
        let shown = if cleaned.is_none() { Rc::from(shown(&text)) } else { Rc::clone(&self.any) };
        let key = Key {
            secret: words::secret_name(masked),
            is_about: words::is_about(masked),
            is_identifier: words::is_identifier(masked),
            is_pair_name: PAIR_NAMES.contains(&text.as_ref()),
            is_pair_value: PAIR_VALUES.contains(&text.as_ref()),
            shown,
        };
        match cleaned {
            None => drop(self.names.insert(raw, key.clone())),
            Some((clean, rules)) => {
                self.path.push(Rc::clone(&self.any));
                self.clean(place, &clean, &rules);
                self.path.pop();
            }
        }
        key
    }

    fn string(&mut self, place: Range<usize>, field: Field) {
        if self.pieces.contains(&place.start) {
            return self.replace(place, Rule::Needle, Cow::Owned(quote(MARK)));
        }
        if let Some(name) = field.secret.filter(|name| matches!(name.value, Value::Any | Value::Code)) {
            return self.scalar(place, name);
        }
        let raw = self.inner(&place);
        if raw.len() < super::needles::SHORTEST {
            return;
        }
        let text = decode(raw);
        if let Some(name) = field.secret.filter(|name| name.value.fits(&text)) {
            return self.scalar(place, name);
        }
        let looks_nested = self.nesting < DEEPEST_TEXT && text.trim_start().starts_with(['{', '[', '"']);
        if looks_nested && is_json(&text) {
            if let Some((clean, redactions)) = walk(self.eyes, &text, &[], &self.path, self.nesting + 1) {
                self.redactions.merge(redactions);
                self.edits.push(Edit { place, text: Cow::Owned(quote(&clean)) });
            }
            return;
        }
        let scope = if field.is_identifier { Scope::NoCards } else { Scope::All };
        let Some((clean, rules)) = self.eyes.cleaned(text.as_bytes(), scope) else { return };
        let clean = lossy(clean);
        // With what went, it may have become JSON.
        let nested =
            (looks_nested && is_json(&clean)).then(|| walk(self.eyes, &clean, &[], &self.path, self.nesting + 1));
        let clean = match nested.flatten() {
            None => clean,
            Some((cleaner, redactions)) => {
                self.redactions.merge(redactions);
                cleaner
            }
        };
        self.clean(place, &clean, &rules);
    }

    fn number(&mut self, place: Range<usize>, field: Field) {
        let text = self.cursor.text.get(place.clone()).unwrap_or_default();
        if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return; // null, true and false are no secrets
        }
        if let Some(name) = field.secret.filter(|name| name.value.fits(text)) {
            return self.scalar(place, name);
        }
        let scope = if field.is_identifier { Scope::NoCards } else { Scope::All };
        if let Some(found) = self.eyes.find(text.as_bytes(), scope).first() {
            self.replace(place, found.rule, Cow::Owned(quote(MARK)));
        }
    }

    /// Masks a whole string or number. An empty string says that nothing is set, which is no secret.
    fn scalar(&mut self, place: Range<usize>, name: &'static Name) {
        let text = self.cursor.text.get(place.clone()).unwrap_or_default();
        let is_masked = text.strip_prefix('"').is_some_and(|text| text.starts_with(MARK));
        let is_nothing = matches!(text, "\"\"" | "null" | "true" | "false");
        let fits = name.value.fits(text.trim_matches('"'));
        if !is_masked && !is_nothing && fits {
            self.replace(place, name.value.rule(), Cow::Owned(quote(MARK)));
        }
    }

    /// Puts a text in the place of a string, from which something went by these rules.
    fn clean(&mut self, place: Range<usize>, clean: &str, rules: &[Rule]) {
        rules.iter().for_each(|rule| self.redactions.add(*rule, &self.path));
        self.edits.push(Edit { place, text: Cow::Owned(quote(clean)) });
    }

    fn replace(&mut self, place: Range<usize>, rule: Rule, text: Cow<'static, str>) {
        self.redactions.add(rule, &self.path);
        self.edits.push(Edit { place, text });
    }

    fn inner(&self, place: &Range<usize>) -> &'a str {
        self.cursor.text.get(place.start + 1..place.end.saturating_sub(1)).unwrap_or_default()
    }
}

/// Marks are text, so what was text stays text.
fn lossy(clean: Vec<u8>) -> String {
    String::from_utf8(clean).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A key as the ledger may show it: a name that a programmer gave, never a value used as a key.
fn shown(key: &str) -> &str {
    let is_name = key.len() <= 48
        && key.bytes().filter(u8::is_ascii_digit).count() < 4
        && key
            .bytes()
            .enumerate()
            .all(|(at, b)| b.is_ascii_alphanumeric() || b"_-.$".contains(&b) || (at == 0 && b == b'@'))
        && key.bytes().any(|b| b.is_ascii_alphabetic());
    if is_name { key } else { "*" }
}

/// Every string of `text`, which is JSON, keys included.
pub(super) fn strings(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut cursor = Cursor::new(text);
    std::iter::from_fn(move || {
        let rest = text.as_bytes().get(cursor.at..)?;
        cursor.at += rest.iter().position(|b| *b == b'"')?;
        let place = cursor.string();
        Some(decode(text.get(place.start + 1..place.end.saturating_sub(1)).unwrap_or_default()))
    })
}

/// Every string of `text`, which is JSON, that is no key, and where it begins.
pub(super) fn values(text: &str) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
    let mut cursor = Cursor::new(text);
    std::iter::from_fn(move || {
        loop {
            let rest = text.as_bytes().get(cursor.at..)?;
            cursor.at += rest.iter().position(|b| *b == b'"')?;
            let place = cursor.string();
            cursor.skip_blanks();
            if cursor.peek() != Some(b':') {
                let raw = text.get(place.start + 1..place.end.saturating_sub(1)).unwrap_or_default();
                return Some((place.start, decode(raw)));
            }
        }
    })
}

fn decode(raw: &str) -> Cow<'_, str> {
    if raw.contains('\\') {
        // A lone surrogate has no text. Its string is read as it was sent.
        serde_json::from_str(&format!("\"{raw}\"")).map_or(Cow::Borrowed(raw), Cow::Owned)
    } else {
        Cow::Borrowed(raw)
    }
}

pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What a grant keeps of a reply.
pub(super) struct Keep<'a> {
    pub(super) paths: Vec<&'a [KeepStep]>,
    /// Kept values must be codes: numbers, or short words without blanks.
    pub(super) codes_only: bool,
}

/// `text`, which is JSON, with the kept paths only. What lies under a kept path stays whole; a list or an object on the
/// way to one stays, if need be empty.
pub(super) fn project(text: &str, keep: &Keep<'_>) -> String {
    let mut projection = Projection { cursor: Cursor::new(text), clean: String::new(), codes_only: keep.codes_only };
    if !projection.value(&keep.paths, 0) {
        projection.clean.push_str("null");
    }
    projection.clean
}

struct Projection<'a> {
    cursor: Cursor<'a>,
    clean: String,
    codes_only: bool,
}

impl Projection<'_> {
    /// Whether anything was written.
    fn value(&mut self, paths: &[&[KeepStep]], depth: usize) -> bool {
        self.cursor.skip_blanks();
        let opening = self.cursor.peek();
        let is_kept = paths.iter().any(|path| path.is_empty());
        match opening {
            Some(b'{' | b'[') if depth >= DEEPEST => {
                self.cursor.skip_value();
                false
            }
            _ if is_kept && !self.codes_only => {
                let place = self.cursor.skip_value();
                self.clean.push_str(self.cursor.text.get(place).unwrap_or_default());
                true
            }
            Some(b'{') => {
                self.members(paths, depth);
                true
            }
            Some(b'[') => {
                self.elements(paths, depth);
                true
            }
            _ => {
                let place = self.cursor.skip_value();
                let text = self.cursor.text.get(place).unwrap_or_default();
                let kept = is_kept && is_code(text);
                if kept {
                    self.clean.push_str(text);
                }
                kept
            }
        }
    }

    fn members(&mut self, paths: &[&[KeepStep]], depth: usize) {
        self.cursor.at += 1;
        self.clean.push('{');
        let mut is_first = true;
        while self.cursor.next_item(b'}') {
            let place = self.cursor.string();
            let raw = self.cursor.text.get(place).unwrap_or_default();
            let key = decode(raw.trim_matches('"'));
            self.cursor.skip_colon();
            let next: Vec<&[KeepStep]> = paths
                .iter()
                .filter_map(|path| match path.split_first()? {
                    (KeepStep::Each, rest) => Some(rest),
                    (KeepStep::Field(name), rest) => (*name == key).then_some(rest),
                })
                .collect();
            self.item(&mut is_first, raw, &next, depth);
        }
        self.clean.push('}');
    }

    fn elements(&mut self, paths: &[&[KeepStep]], depth: usize) {
        self.cursor.at += 1;
        self.clean.push('[');
        let mut is_first = true;
        let next: Vec<&[KeepStep]> = paths
            .iter()
            .filter_map(|path| match path.split_first()? {
                (KeepStep::Each, rest) => Some(rest),
                (KeepStep::Field(_), _) => None,
            })
            .collect();
        while self.cursor.next_item(b']') {
            self.item(&mut is_first, "", &next, depth);
        }
        self.clean.push(']');
    }

    /// Writes one member or element with its key and comma, or nothing.
    fn item(&mut self, is_first: &mut bool, key: &str, paths: &[&[KeepStep]], depth: usize) {
        let before = self.clean.len();
        if !*is_first {
            self.clean.push(',');
        }
        self.clean.push_str(key);
        if !key.is_empty() {
            self.clean.push(':');
        }
        let written = if paths.is_empty() {
            self.cursor.skip_value();
            false
        } else {
            self.value(paths, depth + 1)
        };
        if written {
            *is_first = false;
        } else {
            self.clean.truncate(before);
        }
    }
}

/// A number, or a word as programs use for kinds of errors.
fn is_code(text: &str) -> bool {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(word) => word.len() <= 64 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b)),
        None => true,
    }
}

/// A place in valid JSON. On anything else it would stop early, never loop or panic.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn skip_colon(&mut self) {
        self.skip_blanks();
        self.at += 1;
        self.skip_blanks();
    }

    /// Moves to the next member or element, over the comma before it; or over the closing bracket.
    fn next_item(&mut self, close: u8) -> bool {
        self.skip_blanks();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip_blanks();
        }
        match self.peek() {
            None => false,
            Some(b) if b == close => {
                self.at += 1;
                false
            }
            Some(_) => true,
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Range<usize> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            match rest.iter().position(|b| matches!(b, b'"' | b'\\')) {
                None => {
                    self.at = bytes.len();
                    return start..self.at;
                }
                Some(length) if rest.get(length) == Some(&b'"') => {
                    self.at += length + 1;
                    return start..self.at;
                }
                Some(length) => self.at = bytes.len().min(self.at + length + 2),
            }
        }
    }

    /// A number, `null`, `true` or `false`.
    fn scalar(&mut self) -> Range<usize> {
        let start = self.at;
        self.at += 1;
        while self.peek().is_some_and(|b| !matches!(b, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        start..self.at
    }

    fn skip_value(&mut self) -> Range<usize> {
        self.skip_blanks();
        let start = self.at;
        let mut open = 0usize;
        loop {
            match self.peek() {
                None => return start..self.at,
                Some(b'"') => {
                    self.string();
                }
                Some(b'{' | b'[') => {
                    open += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    open = open.saturating_sub(1);
                    self.at += 1;
                }
                Some(b',' | b':' | b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(_) => {
                    self.scalar();
                }
            }
            if open == 0 {
                return start..self.at;
            }
        }
    }
}
