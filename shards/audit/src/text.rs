//! When two texts are equal, and when they only mean the same.
//!
//! A text has three forms. As written: Unicode's compatibility form (NFKC), without capitals, one blank between words.
//! As words: also without accents, punctuation and characters that are not seen. By meaning: words after the tables of
//! `rules.toml`. Two texts whose first forms are equal are the same; if only their meanings are, they differ in spelling.

use std::collections::{HashMap, HashSet};

use unicode_normalization::UnicodeNormalization;

/// Characters of a value that are shown in a sentence, and of one that is shown on its own.
const IN_A_SENTENCE: usize = 80;
const ON_ITS_OWN: usize = 1_000;

/// How two values of a field compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// Equal as written, but for capitals and blanks.
    Same,
    /// Written differently, and the same by the tables.
    Spelling,
    /// Two values.
    Different,
    /// One has a value, the other has none.
    Missing,
    /// Neither has one.
    NotKnown,
}

/// Words that mean the same, and words that say nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    drop: HashSet<String>,
    /// A phrase, and the phrase that is meant.
    same: HashMap<String, String>,
    /// Words of the longest phrase.
    longest: usize,
}

impl Words {
    /// A table. The error names the phrase that two meanings claim.
    pub(crate) fn new<'a>(
        drop: impl IntoIterator<Item = &'a str>,
        same: impl IntoIterator<Item = (&'a str, &'a [String])>,
    ) -> Result<Self, String> {
        let mut table = Self { drop: drop.into_iter().flat_map(words).collect(), ..Self::default() };
        for (meant, written) in same {
            let meant = words(meant).join(" ");
            for phrase in written {
                let phrase = words(phrase);
                table.longest = table.longest.max(phrase.len());
                let phrase = phrase.join(" ");
                if phrase.is_empty() || meant.is_empty() {
                    return Err(format!("a phrase for {meant:?} has no word"));
                }
                if table.same.insert(phrase.clone(), meant.clone()).is_some() {
                    return Err(format!("{phrase:?} stands in the table twice"));
                }
            }
        }
        Ok(table)
    }

    /// What the text means, as words.
    pub(crate) fn meaning(&self, text: &str) -> Vec<String> {
        self.of(words(text))
    }

    /// The same with `ä` as `ae`, for those who write it so.
    fn wide_meaning(&self, text: &str) -> Vec<String> {
        self.of(words(&widened(text)))
    }

    fn of(&self, all: Vec<String>) -> Vec<String> {
        let kept: Vec<String> = all.iter().filter(|word| !self.drop.contains(*word)).cloned().collect();
        // A text of nothing but such words is about them.
        let words = if kept.is_empty() { all } else { kept };
        let mut meant = Vec::with_capacity(words.len());
        let mut rest = words.as_slice();
        while let Some((first, others)) = rest.split_first() {
            let longest = (1..=self.longest.min(rest.len())).rev();
            let found = longest.into_iter().find_map(|n| {
                let (phrase, after) = rest.split_at_checked(n)?;
                Some((self.same.get(&phrase.join(" "))?, after))
            });
            rest = match found {
                Some((phrase, after)) => {
                    meant.extend(phrase.split(' ').map(str::to_owned));
                    after
                }
                None => {
                    meant.push(first.clone());
                    others
                }
            };
        }
        meant
    }

    /// Whether the two are equal as written, only by meaning, or not at all. An empty text is no value.
    pub(crate) fn compare(&self, one: Option<&str>, other: Option<&str>) -> Compared {
        let (one, other) = match (told(one), told(other)) {
            (Some(one), Some(other)) => (one, other),
            (None, None) => return Compared::NotKnown,
            (_, _) => return Compared::Missing,
        };
        if one == other || folded(one) == folded(other) {
            Compared::Same
        } else if self.mean_the_same(one, other) {
            Compared::Spelling
        } else {
            Compared::Different
        }
    }

    fn mean_the_same(&self, one: &str, other: &str) -> bool {
        let (a, b) = (self.meaning(one), self.meaning(other));
        // A text without letters or digits means nothing, and not the same as another such.
        if a.is_empty() || b.is_empty() {
            return false;
        }
        let is_wide = || one.chars().chain(other.chars()).any(|c| wide(c).is_some());
        a == b || (is_wide() && self.wide_meaning(one) == self.wide_meaning(other))
    }
}

/// A value that is there. A blank one is not.
pub(crate) fn told(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| text.chars().any(|c| !is_hidden(c) && !c.is_whitespace()))
}

/// A text as written: NFKC, without capitals, with one blank between words and none around them.
pub(crate) fn folded(text: &str) -> String {
    if text.is_ascii() {
        let mut folded = collapsed(text);
        folded.make_ascii_lowercase();
        return folded;
    }
    // Folding can make a form that NFKC changes once more.
    let lower = text.nfkc().collect::<String>().to_lowercase().replace('ß', "ss");
    collapsed(&lower.nfkc().collect::<String>())
}

fn collapsed(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
}

/// Letters and digits of a folded text.
pub(crate) fn bare(folded: &str) -> String {
    folded.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The words of a text, without capitals, accents, punctuation and what is not seen.
pub(crate) fn words(text: &str) -> Vec<String> {
    let folded = folded(text);
    let mut plain = String::with_capacity(folded.len() + 8);
    if folded.is_ascii() {
        folded.chars().for_each(|c| push_plain(&mut plain, c));
    } else {
        folded.nfkd().for_each(|c| push_plain(&mut plain, c));
    }
    let mut words = Vec::new();
    for word in plain.split_whitespace() {
        let parts = word.split('.').filter(|part| !part.is_empty());
        // `V.P.` is a word, `Dr.Smith` are two.
        if parts.clone().all(|part| part.chars().count() == 1) {
            words.push(parts.collect::<String>());
        } else {
            words.extend(parts.map(str::to_owned));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn push_plain(plain: &mut String, c: char) {
    match c {
        '&' => plain.push_str(" and "),
        // `O'Brien` is one word, however the mark is drawn.
        '\'' | '\u{2019}' | '\u{2018}' | '\u{02BC}' | '`' | '\u{00B4}' => {}
        '.' => plain.push('.'),
        c if c.is_ascii() => plain.push(if c.is_ascii_alphanumeric() { c } else { ' ' }),
        c if is_accent(c) || is_hidden(c) => {}
        c if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) => match plainer(c) {
            Some(letters) => plain.push_str(letters),
            None => plain.push(c),
        },
        _ => plain.push(' '),
    }
}

/// Marks above and below letters of Latin, Greek and Cyrillic. In other scripts a mark may be a vowel.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}')
}

/// Characters that turn the direction of writing, join or break, and are not seen themselves.
pub(crate) fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Letters that are no letter and an accent to Unicode, and are written as another one by those who have no key for them.
fn plainer(c: char) -> Option<&'static str> {
    Some(match c {
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        _ => return None,
    })
}

/// The other way of writing a letter without its mark.
fn wide(c: char) -> Option<&'static str> {
    Some(match c {
        'ä' | 'Ä' | 'æ' | 'Æ' => "ae",
        'ö' | 'Ö' | 'ø' | 'Ø' | 'œ' | 'Œ' => "oe",
        'ü' | 'Ü' => "ue",
        'å' | 'Å' => "aa",
        _ => return None,
    })
}

fn widened(text: &str) -> String {
    let mut wider = String::with_capacity(text.len());
    for c in text.nfc() {
        match wide(c) {
            Some(letters) => wider.push_str(letters),
            None => wider.push(c),
        }
    }
    wider
}

/// Both ways of writing a text's words; one, where they are equal.
pub(crate) fn spellings(table: &Words, text: &str) -> Vec<Vec<String>> {
    let mut all = vec![table.meaning(text)];
    if text.nfc().any(|c| wide(c).is_some()) {
        all.push(table.wide_meaning(text));
    }
    all
}

/// A value within a sentence: without what is not seen, and cut where it is too long to be read.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", shown(text, IN_A_SENTENCE))
}

/// A name within a sentence.
pub(crate) fn named(text: &str) -> String {
    shown(text, IN_A_SENTENCE)
}

/// A value on its own: as it is, cut where it is longer than any such value should be.
pub(crate) fn bounded(text: &str) -> String {
    match text.char_indices().nth(ON_ITS_OWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn shown(text: &str, most: usize) -> String {
    let seen = text.chars().filter(|c| !is_hidden(*c)).map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = seen.take(most + 1).collect();
    if let Some((at, _)) = shown.char_indices().nth(most) {
        shown.truncate(at);
        shown.push('…');
    }
    shown.trim().to_owned()
}
