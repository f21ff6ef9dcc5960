//! Whether what stands after a name is a value or what people say about one: `Password: Winter27!`, `Password: user locked out`.
//!
//! One word is a value, unless it is what people say of passwords (`expired`). Of several words
//!
//! 1. those that could stand in any sentence stay, unless they can be a passphrase: four or more small words after a name of
//!    passwords, none of which belongs into a sentence (`correct horse battery staple`);
//! 2. a first word that looks made is the value, and the rest stays with it if it looks like the rest of a sentence;
//! 3. in a sentence, what has letters, digits and signs goes wherever it stands;
//! 4. what is neither goes as a whole: passwords have blanks.
//!
//! A word looks made if it has digits and letters, or signs inside. Ticket numbers, dates, addresses and names of products with a
//! number do not.

use std::ops::Range;

use super::MARK_START;
use super::rules::PACK;
use super::words::{Name, Script, Value};

/// A word of a text, and where it begins in it.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    start: usize,
}

/// The places in `text`, which follows a name and a colon, that are values.
pub(super) fn values(text: &str, name: &Name) -> Vec<Range<usize>> {
    let words = words(text);
    let whole = || std::iter::once(0..text.trim_end().len()).collect();
    let Some((first, rest)) = words.split_first() else { return Vec::new() };
    if rest.is_empty() {
        let is_value = !is_japanese(first.text) && !is_complaint(bare(first.text));
        return if is_value { whole() } else { Vec::new() };
    }
    let is_short_code =
        |word: &str| name.value == Value::Code && word.len() >= 3 && word.bytes().all(|b| b.is_ascii_digit());
    let is_made = |word: &Word<'_>| !is_plain(word.text) || is_short_code(bare(word.text));
    let strong = |words: &[Word<'_>]| words.iter().filter(|word| is_strong(word.text)).map(Word::place).collect();
    if is_made(first) {
        let is_sentence = first.text.ends_with(['.', ',', ';', ')']) || rest.iter().any(|word| is_prose(word.text));
        if !is_sentence {
            return whole();
        }
        let mut places: Vec<Range<usize>> = strong(rest);
        places.insert(0, first.place());
        return places;
    }
    if !rest.iter().any(is_made) {
        let is_phrase = name.phrase && words.len() >= 4 && words.iter().all(|word| is_of_phrase(word.text));
        return if is_phrase { whole() } else { Vec::new() };
    }
    if words.iter().any(|word| is_prose(word.text)) { strong(&words) } else { whole() }
}

/// Whether one word can be a value: a made one, or a plain one that nobody says of passwords.
pub(super) fn is_value(word: &str) -> bool {
    let bare = bare(word);
    !is_complaint(bare) && !is_japanese(bare) && !PACK.words.prose.contains(&bare.to_lowercase())
}

/// What people say of passwords in place of a password.
pub(super) fn is_complaint(word: &str) -> bool {
    word.is_empty() || PACK.words.complaints.contains(&word.to_lowercase())
}

/// Of letters, digits and signs.
pub(super) fn is_strong(word: &str) -> bool {
    let word = word.trim_matches(['"', '\'', '`', ',', ';', ':', '(', ')', '.']);
    let has = |class: fn(char) -> bool| word.chars().any(class);
    let is_sign = |c| "!$#%*?^~&+=@".contains(c);
    word.len() >= 7
        && has(char::is_alphabetic)
        && has(|c| c.is_ascii_digit())
        && has(is_sign)
        && !is_place(word)
        && !word.trim_end_matches('?').bytes().all(|b| b.is_ascii_alphanumeric())
        && !word.as_bytes().starts_with(MARK_START)
}

/// What a person would take for a password: letters, and digits or signs.
pub(super) fn looks_chosen(text: &str) -> bool {
    const READ: usize = 128;
    let text = text.get(..READ).unwrap_or(text);
    let is_one = text.len() >= 6 && !text.contains(char::is_whitespace) && !is_place(text);
    is_one && text.contains(char::is_alphabetic) && (!is_plain(text) || (text.len() >= 8 && text.ends_with('!')))
}

/// Whether a word can stand in any sentence.
pub(super) fn is_plain(word: &str) -> bool {
    if word.as_bytes().starts_with(MARK_START) {
        return true;
    }
    let is_called_out = word.ends_with('!');
    let word = bare(word);
    let is_joint = |c: char| matches!(c, '-' | '\'' | '’' | '/' | '.' | '_' | ',' | ':' | '&');
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if !word.chars().all(|c| c.is_alphanumeric() || is_joint(c)) {
        return is_place(word);
    }
    if digits == 0 {
        return !is_mixed(word);
    }
    if !word.contains(char::is_alphabetic) {
        // A date, a time or a version is divided, a count is short, and nobody calls it out.
        return (digits < 6 || word.contains(is_joint)) && !(digits > 2 && is_called_out);
    }
    let letters: String = word.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    is_place(word) || is_ticket(word) || PACK.words.prose.contains(&letters)
}

/// Capitals where no word has them: names of products have two at most after a small letter.
fn is_mixed(word: &str) -> bool {
    let turns = |(one, two): (char, char)| one.is_lowercase() && two.is_uppercase();
    word.chars().zip(word.chars().skip(1)).filter(|pair| turns(*pair)).count() > 2
}

/// `INC0012345`, `REQ-1234`.
fn is_ticket(word: &str) -> bool {
    let digits = word.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let letters = word.len() - digits.len();
    let digits = digits.strip_prefix('-').unwrap_or(digits);
    letters >= 2 && digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit())
}

/// An address of mail or the web, a path, or an account with its domain.
fn is_place(word: &str) -> bool {
    let is_name =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let is_ending = |part: &str| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_alphabetic());
    let is_mail = word.split_once('@').is_some_and(|(user, host)| {
        is_name(user) && is_name(host) && host.rsplit_once('.').is_some_and(|(_, ending)| is_ending(ending))
    });
    let is_account = word.split_once('\\').is_some_and(|(domain, user)| is_name(domain) && is_name(user));
    is_mail || is_account || word.contains("://") || word.starts_with("www.") || word.starts_with("//")
}

/// A small word of a passphrase, which no sentence needs.
fn is_of_phrase(word: &str) -> bool {
    (3..=10).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase()) && !is_prose(word)
}

/// Whether a word shows that it stands in a sentence.
fn is_prose(word: &str) -> bool {
    let bare = bare(word);
    if bare.is_empty() || word.starts_with('(') || is_japanese(bare) {
        return true;
    }
    let small = bare.to_lowercase();
    let ends = bare.len() > 4
        && bare.bytes().all(|b| b.is_ascii_lowercase())
        && (small.ends_with("ing") || small.ends_with("ed"));
    // `correct` is said of passwords, and begins the best known of all phrases.
    ends || PACK.words.prose.contains(&small) || (small != "correct" && is_complaint(&small))
}

fn is_japanese(word: &str) -> bool {
    word.chars().any(|c| Script::of(c) != Script::Other)
}

/// A word without the signs around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// The words of a text: between blanks, and where Japanese, which has none, begins and ends.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut before = false;
    for (at, c) in text.char_indices() {
        let japanese = Script::of(c) != Script::Other || matches!(c, '。' | '、' | '「' | '」' | '（' | '）');
        let ends = c.is_whitespace() || japanese != before;
        if let Some(from) = start.filter(|_| ends) {
            words.push(Word { text: text.get(from..at).unwrap_or(""), start: from });
            start = None;
        }
        if !c.is_whitespace() {
            start = start.or(Some(at));
            before = japanese;
        }
    }
    words.extend(start.map(|from| Word { text: text.get(from..).unwrap_or(""), start: from }));
    words
}

impl Word<'_> {
    fn place(&self) -> Range<usize> {
        self.start..self.start + self.text.trim_end_matches(['.', ',', ';', ')']).len().max(1)
    }
}
