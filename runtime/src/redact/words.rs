//! Which names of fields say that a secret stands there. Names are compared by word, never by substring: `userPWD`,
//! `user_pwd` and `user-pwd` hold the word `pwd`; `shipping` does not hold `pin`.
//!
//! # How a name is read
//!
//! A word ends at anything that is neither letter nor digit, at a digit, between a small and a capital letter, and
//! before the last capital of a run that a small letter follows (`APIKey` is `api key`). Case and digits are then
//! forgotten, and so is a plural's `s`. A rule such as `api`, `key` matches two words side by side, or the same joined into
//! one: `apiKey`, `API_KEY`, `x-apikey`.
//!
//! English puts the thing last: a `passwordPolicy` is a policy. So a name is harmless if a word of [`ABOUT`] follows the
//! secret one, if a word of the rule's `unless_after` stands before it, or if it asks a question (`isPasswordSet`). A name
//! with an unknown ending is a secret.

/// What a name must look like, and what else must hold.
pub(super) struct Name {
    /// Divided where a writer may divide them.
    pub(super) words: &'static [&'static str],
    pub(super) value: Value,
    unless_after: &'static [&'static str],
}

/// What the value must look like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Any,
    /// The name alone says too little (`key`): the value must look as if a machine had made it.
    Random,
}

const fn name(words: &'static [&'static str]) -> Name {
    Name { words, value: Value::Any, unless_after: &[] }
}

const fn random(words: &'static [&'static str]) -> Name {
    Name { words, value: Value::Random, unless_after: &[] }
}

const fn except(words: &'static [&'static str], unless_after: &'static [&'static str]) -> Name {
    Name { words, value: Value::Any, unless_after }
}

/// Places in a list, and what counts the words of a language model, are called tokens too.
const OTHER_TOKENS: &[&str] = &[
    "page",
    "skip",
    "next",
    "previous",
    "prev",
    "continuation",
    "continue",
    "cursor",
    "delta",
    "sync",
    "resume",
    "start",
    "change",
    "line",
    "lines",
    "street",
    "max",
    "min",
    "prompt",
    "completion",
    "total",
    "input",
    "output",
    "unexpected",
];

#[rustfmt::skip]
pub(super) const NAMES: &[Name] = &[
    name(&["pass", "word"]), name(&["pass", "wd"]), name(&["pass", "wort"]), name(&["pwd"]), name(&["pass", "phrase"]), name(&["pass", "code"]),
    // `secret_id` is half of a login, where other ids are only ids.
    name(&["secret"]), name(&["secret", "id"]),
    except(&["token"], OTHER_TOKENS),
    name(&["api", "key"]), name(&["private", "key"]), name(&["access", "key"]), name(&["client", "key"]), name(&["secret", "key"]), name(&["shared", "key"]),
    name(&["signing", "key"]), name(&["encryption", "key"]), name(&["master", "key"]), name(&["account", "key"]), name(&["storage", "key"]),
    name(&["subscription", "key"]), name(&["functions", "key"]), name(&["auth", "key"]), name(&["session", "key"]),
    name(&["license", "key"]), name(&["licence", "key"]), name(&["product", "key"]), name(&["recovery", "key"]), name(&["recovery", "code"]),
    name(&["jwt"]), name(&["bearer"]), name(&["cookie"]),
    name(&["session", "id"]), name(&["sess", "id"]), name(&["jsessionid"]), name(&["phpsessid"]),
    name(&["authorization"]), name(&["authorisation"]),
    // The directory's lists of that name hold ids and dates; what is secret in them has its own name.
    except(&["credential"], &["password", "key", "federated"]),
    name(&["signature"]), name(&["connection", "string"]), name(&["conn", "string"]), name(&["conn", "str"]),
    name(&["otp"]), name(&["totp"]), name(&["pin"]), name(&["cvv"]), name(&["cvc"]), name(&["security", "code"]), name(&["verification", "code"]),
    name(&["account", "number"]),
    random(&["key"]), random(&["auth"]), random(&["sig"]), random(&["pass"]),
];

/// A word that, after a secret one, makes the name speak *about* the secret.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "age", "algorithm", "alg", "attempts", "attempt", "audience", "banner", "change", "changed", "class", "complexity", "consent",
    "count", "created", "date", "datetime", "days", "disabled", "enabled", "endpoint", "expired", "expires", "expiry", "expiration",
    "format", "hint", "history", "hours", "id", "in", "issued", "issuer", "kind", "last", "length", "lifetime", "limit", "manager",
    "max", "maximum", "method", "methods", "min", "minimum", "minutes", "mode", "modified", "name", "names", "never", "option",
    "options", "policies", "policy", "provider", "required", "requirement", "requirements", "reset", "rotation", "scheme", "scope",
    "scopes", "seconds", "set", "size", "state", "status", "strength", "supported", "time", "timestamp", "ttl", "type", "types",
    "updated", "uri", "url", "usage", "valid", "validity", "vault", "version",
];

/// A name that begins so is answered by yes or no.
const QUESTIONS: &[&str] = &["is", "has", "can", "needs", "requires", "allow", "allows", "enable", "disable"];

/// Names of numbers that only look like the numbers of cards.
#[rustfmt::skip]
const IDENTIFIERS: &[&str] = &[
    "id", "ids", "imei", "meid", "iccid", "serial", "tracking", "barcode", "order", "invoice", "timestamp", "time", "guid", "uid",
];

/// The rule by which `text` names a secret.
pub(super) fn secret_name(text: &str) -> Option<&'static Name> {
    // What a name held was redacted; the mark is not a part of the name.
    let words = if text.contains(super::MARK) { words(&text.replace(super::MARK, " ")) } else { words(text) };
    if words.first().is_some_and(|first| QUESTIONS.contains(&first.as_str())) && words.len() > 1 {
        return None;
    }
    // A name whose capitals mislead (`APIkey`) still is one word.
    let joined = (words.len() > 1 && text.bytes().all(|b| b.is_ascii_alphabetic())).then(|| [words.concat()]);
    let initials: Vec<u8> = words.iter().filter_map(|word| word.bytes().next()).collect();
    let begins =
        |rule: &Name| rule.words.first().is_some_and(|word| word.bytes().next().is_some_and(|b| initials.contains(&b)));
    let found = |value: Value| {
        let fits = |words: &[String]| NAMES.iter().find(|rule| begins(rule) && rule.value == value && rule.fits(words));
        fits(&words).or_else(|| fits(joined.as_ref()?))
    };
    found(Value::Any).or_else(|| found(Value::Random))
}

/// Whether the name, found in a secret object, speaks about the secret (`credentials.type`).
pub(super) fn is_about(text: &str) -> bool {
    words(text).last().is_some_and(|word| ABOUT.contains(&word.as_str()))
}

pub(super) fn is_identifier(text: &str) -> bool {
    words(text).iter().any(|word| IDENTIFIERS.contains(&word.as_str()))
}

/// Whether a rule of several words begins with `word`, so that the word after it says more with it.
pub(super) fn begins_name(word: &[u8]) -> bool {
    NAMES.iter().any(|rule| match rule.words {
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
    let mut rules: Vec<&Name> = NAMES.iter().collect();
    rules.sort_by_key(|rule| (rule.words.len(), rule.words.concat().len()));
    for rule in rules {
        let is_new = |part: &&str| !stems.iter().any(|stem| part.starts_with(stem));
        if rule.words.iter().all(is_new) {
            stems.extend(rule.words.iter().max_by_key(|part| part.len()));
        }
    }
    let after = |stem: &str| {
        let pairs = NAMES.iter().flat_map(|rule| rule.words.windows(2));
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
                before.last().is_none_or(|word| !self.unless_after.contains(&word.as_str()))
                    && !after.iter().any(|word| ABOUT.contains(&word.as_str()))
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
        if (starts || !c.is_alphabetic()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphabetic() {
            word.push(c.to_ascii_lowercase());
        }
        previous = Some(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
