//! Which names of fields say that a secret stands there. Names are compared by word, never by substring: `userPWD`,
//! `user_pwd` and `user-pwd` hold the word `pwd`; `shipping` does not hold `pin`.
//!
//! # How a name is read
//!
//! A word ends at anything that is neither letter nor digit, at a digit, between a small and a capital letter, where another of
//! Japan's scripts begins (`初期パスワード`), and before the last capital of a run that a small letter follows (`APIKey` is
//! `api key`). Case and digits are then forgotten, and so is a plural's `s`. A rule such as `api`, `key` matches two words side by
//! side, or the same joined into one: `apiKey`, `API_KEY`, `x-apikey`.
//!
//! English puts the thing last: a `passwordPolicy` is a policy. So a name is harmless if a word of `about` or of the rule's
//! `unless-before` follows the secret one, if a word of the rule's `unless-after` stands before it, or if it asks a question
//! (`isPasswordSet`). A name with an unknown ending is a secret.

use serde::Deserialize;

use super::rules::PACK;
use super::{Rule, ids, prose, shapes};

/// What a name must look like, and what else must hold.
pub(super) struct Name {
    /// Divided where a writer may divide them.
    pub(super) words: Vec<&'static str>,
    pub(super) value: Value,
    pub(super) unless_after: Vec<String>,
    pub(super) unless_before: Vec<String>,
    /// Whether several plain words may be its value.
    pub(super) phrase: bool,
}

/// What the value must look like.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Value {
    Any,
    /// Digits that a person types: a few of them are a value even among words.
    Code,
    /// A number of up to five digits counts tokens, and is none.
    Token,
    /// Words alone name a way to sign (`DIRECT`), or close a letter.
    Signature,
    /// The name alone says too little (`key`): the value must look as if a machine had made it.
    Random,
    /// The name alone says too little (`pass`): the value must look as if a person had thought it up.
    Chosen,
    /// A day, in any order of its parts.
    Birth,
    /// National numbers: the name says what it would be, the value has to be one.
    Ssn,
    Bsn,
    Nino,
}

impl Value {
    /// In the order in which a name is judged.
    const ALL: [Self; 10] = [
        Self::Any,
        Self::Code,
        Self::Token,
        Self::Signature,
        Self::Random,
        Self::Chosen,
        Self::Birth,
        Self::Ssn,
        Self::Bsn,
        Self::Nino,
    ];

    /// Whether this value is what the name speaks of.
    pub(super) fn fits(self, text: &str) -> bool {
        match self {
            Self::Any | Self::Code => true,
            Self::Token => text.len() > 5 || text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()),
            Self::Signature => !text.split_whitespace().all(prose::is_plain),
            Self::Random => shapes::looks_random(text),
            Self::Chosen => prose::looks_chosen(text),
            Self::Birth => ids::is_birth_date(text),
            Self::Ssn => ids::is_ssn(text),
            Self::Bsn => ids::is_bsn(text),
            Self::Nino => ids::is_nino(text),
        }
    }

    /// Whether the name alone makes a secret of nearly everything, also of what lies below it.
    pub(super) fn is_by_name(self) -> bool {
        match self {
            Self::Any | Self::Code | Self::Token | Self::Signature => true,
            Self::Random | Self::Chosen | Self::Birth | Self::Ssn | Self::Bsn | Self::Nino => false,
        }
    }

    /// Of a field.
    pub(super) fn rule(self) -> Rule {
        match self {
            Self::Any | Self::Code | Self::Token | Self::Signature | Self::Random | Self::Chosen => Rule::SecretName,
            Self::Birth => Rule::BirthDate,
            Self::Ssn | Self::Bsn | Self::Nino => Rule::NationalId,
        }
    }

    /// Of what is assigned in text.
    pub(super) fn rule_in_text(self) -> Rule {
        let rule = self.rule();
        if rule == Rule::SecretName { Rule::Assignment } else { rule }
    }
}

/// The rule by which `text` names a secret.
pub(super) fn secret_name(text: &str) -> Option<&'static Name> {
    // What a name held was redacted; the mark is not a part of the name.
    let words = if text.contains(super::MARK) { words(&text.replace(super::MARK, " ")) } else { words(text) };
    if words.first().is_some_and(|first| has(&PACK.words.questions, first)) && words.len() > 1 {
        return None;
    }
    // A name whose capitals mislead (`APIkey`) still is one word.
    let joined = (words.len() > 1 && text.bytes().all(|b| b.is_ascii_alphabetic())).then(|| [words.concat()]);
    let initials: Vec<u8> = words.iter().filter_map(|word| word.bytes().next()).collect();
    let begins =
        |rule: &Name| rule.words.first().is_some_and(|word| word.bytes().next().is_some_and(|b| initials.contains(&b)));
    let found = |value: Value| {
        let fits =
            |words: &[String]| PACK.names.iter().find(|rule| begins(rule) && rule.value == value && rule.fits(words));
        fits(&words).or_else(|| fits(joined.as_ref()?))
    };
    Value::ALL.into_iter().find_map(found)
}

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|listed| listed == word)
}

/// Whether the name, found in a secret object, speaks about the secret (`credentials.type`).
pub(super) fn is_about(text: &str) -> bool {
    words(text).last().is_some_and(|word| has(&PACK.words.about, word))
}

pub(super) fn is_identifier(text: &str) -> bool {
    words(text).iter().any(|word| has(&PACK.words.identifiers, word))
}

/// Whether a word of text says what the number after it is.
pub(super) fn is_numbered(word: &[u8]) -> bool {
    let word = String::from_utf8_lossy(word);
    has(&PACK.words.identifiers, &word.to_lowercase()) || is_identifier(&word)
}

/// Whether a word may stand between such a word and its number, as another number may.
pub(super) fn is_between(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_digit)
        || PACK.words.between.iter().any(|between| word.eq_ignore_ascii_case(between.as_bytes()))
}

/// Whether a rule of several words begins with `word`, so that the word after it says more with it.
pub(super) fn begins_name(word: &[u8]) -> bool {
    PACK.names.iter().any(|rule| match rule.words.as_slice() {
        [first, _, ..] => word.eq_ignore_ascii_case(first.as_bytes()),
        _ => false,
    })
}

/// Where a secret name may be.
pub(super) struct Stem {
    pub(super) text: &'static str,
    /// Parts that may stand before it, joined to it in one word.
    after: Vec<&'static str>,
}

impl Stem {
    /// Whether a word can begin after `before` with a small letter, or with a capital one.
    pub(super) fn fits_after(&self, before: &[u8], is_small: bool) -> bool {
        let inside = is_small && before.last().is_some_and(u8::is_ascii_lowercase);
        let ends = |part: &&str| {
            let tail = before.len().checked_sub(part.len()).and_then(|start| before.get(start..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(part.as_bytes()))
        };
        !inside || self.after.iter().any(ends)
    }
}

/// In every secret name a part begins with one of these, in any case. The fewest for which that is so.
pub(super) fn stems() -> Vec<Stem> {
    let mut stems: Vec<&str> = Vec::new();
    // A shorter rule's word stands for all parts that begin with it, so the short come first.
    let mut rules: Vec<&Name> = PACK.names.iter().collect();
    rules.sort_by_key(|rule| (rule.words.len(), rule.words.concat().len()));
    for rule in rules {
        let is_new = |part: &&str| !stems.iter().any(|stem| part.starts_with(stem));
        if rule.words.iter().all(is_new) {
            stems.extend(rule.words.iter().max_by_key(|part| part.len()));
        }
    }
    let after = |stem: &str| {
        let pairs = PACK.names.iter().flat_map(|rule| rule.words.windows(2));
        pairs
            .filter_map(
                |pair| if let [first, second] = pair { second.starts_with(stem).then_some(*first) } else { None },
            )
            .collect()
    };
    stems.into_iter().map(|text| Stem { text, after: after(text) }).collect()
}

impl Name {
    fn fits(&self, words: &[String]) -> bool {
        (0..words.len()).any(|start| {
            let (before, from) = words.split_at(start);
            self.spans(from).is_some_and(|after| {
                before.last().is_none_or(|word| !has(&self.unless_after, word))
                    && !after.iter().any(|word| has(&PACK.words.about, word) || has(&self.unless_before, word))
            })
        })
    }

    /// The words left over when `words` begins with this rule's.
    fn spans<'a>(&self, words: &'a [String]) -> Option<&'a [String]> {
        if words.first()?.bytes().next() != self.words.first()?.bytes().next() {
            return None;
        }
        let mut wanted = self.words.iter();
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            rest = after;
            // One word may be several parts joined.
            let mut word = word.as_str();
            while !word.is_empty() && word != "s" {
                word = word.strip_prefix(*wanted.next()?)?;
            }
            if wanted.as_slice().is_empty() {
                return Some(rest);
            }
            if word == "s" {
                return None;
            }
        }
        None
    }
}

/// The words of a name, in small letters, without digits.
pub(super) fn words(text: &str) -> Vec<String> {
    let is_small = |c: Option<char>| c.is_some_and(|c| c.is_alphabetic() && !c.is_uppercase());
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut rest = text.chars();
    let mut previous = None;
    while let Some(c) = rest.next() {
        let mut ahead = rest.clone();
        let (next, after) = (ahead.next(), ahead.next());
        // `APIKey`: the `K` begins a word. `PINs`: the `N` does not, for the small letter is a plural's.
        let plural = next == Some('s') && !is_small(after);
        let starts = c.is_uppercase() && (is_small(previous) || (is_small(next) && !plural));
        let script = previous.is_some_and(|previous| Script::of(previous) != Script::of(c));
        if (starts || script || !c.is_alphabetic()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
        previous = Some(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What divides words that have no blanks between them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Han,
    Hiragana,
    Katakana,
    Other,
}

impl Script {
    pub(super) fn of(c: char) -> Self {
        match c {
            '\u{3040}'..='\u{309f}' => Self::Hiragana,
            '\u{30a0}'..='\u{30ff}' => Self::Katakana,
            '\u{3005}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => Self::Han,
            _ => Self::Other,
        }
    }
}
