//! The rule pack: `rules.toml`, which is part of the program, read once.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Rule;
use super::words::{Name, Value};

/// Which rules are in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePack {
    pub id: String,
    /// SHA-256 of the pack, as hexadecimal digits.
    pub digest: String,
}

const TEXT: &str = include_str!("rules.toml");

/// The pack that this program redacts with.
pub fn rule_pack() -> RulePack {
    RulePack { id: PACK.id.clone(), digest: hex::encode(Sha256::digest(TEXT)) }
}

pub(super) struct Pack {
    id: String,
    pub(super) names: Vec<Name>,
    pub(super) words: Words,
    pub(super) tokens: Vec<Token>,
    pub(super) webhooks: Vec<Webhook>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) about: Vec<String>,
    pub(super) questions: Vec<String>,
    pub(super) identifiers: Vec<String>,
    pub(super) between: Vec<String>,
    pub(super) complaints: HashSet<String>,
    pub(super) prose: HashSet<String>,
    pub(super) links: HashSet<String>,
    pub(super) changes: HashSet<String>,
    pub(super) owners: HashSet<String>,
    pub(super) references: Vec<String>,
}

/// A token that a vendor marks as one.
pub(super) struct Token {
    pub(super) rule: Rule,
    pub(super) prefix: String,
    /// Characters that may follow the prefix besides letters and digits.
    pub(super) also: Vec<u8>,
    pub(super) least: usize,
    pub(super) exactly: bool,
    pub(super) of: Option<Alphabet>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Alphabet {
    Upper,
    Hex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    name: Vec<NameRule>,
    words: Words,
    token: Vec<TokenRule>,
    webhook: Vec<Webhook>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct NameRule {
    #[serde(rename = "why")]
    _why: String,
    value: Value,
    names: Vec<String>,
    #[serde(default)]
    unless_after: Vec<String>,
    #[serde(default)]
    unless_before: Vec<String>,
    #[serde(default)]
    phrase: bool,
}

/// An address that lets in whoever knows it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    #[serde(rename = "why")]
    _why: String,
    /// In small letters: a part of the address, up to where its secret begins.
    pub(super) prefixes: Vec<String>,
    /// The secret begins after this.
    #[serde(default)]
    pub(super) after: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRule {
    rule: TokenName,
    #[serde(rename = "why")]
    _why: String,
    prefixes: Vec<String>,
    least: usize,
    #[serde(default)]
    also: String,
    #[serde(default)]
    exactly: bool,
    of: Option<Alphabet>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TokenName {
    AwsKey,
    GithubToken,
    GitlabToken,
    GoogleKey,
    ServiceToken,
    SlackToken,
    StripeKey,
}

/// The pack is part of the program and a test reads it. Without one nothing would be known of secrets, so the first who asks
/// for it, which is the start, ends the program.
#[expect(clippy::expect_used, reason = "a program that cannot read its own rules must not redact without them")]
pub(super) static PACK: LazyLock<Pack> =
    LazyLock::new(|| Pack::of(toml::from_str(TEXT).expect("rules.toml is as a test has read it")));

impl Pack {
    fn of(File { id, name, words, token, webhook }: File) -> Self {
        let names = name.into_iter().flat_map(|rule| {
            let NameRule { value, names, unless_after, unless_before, phrase, .. } = rule;
            names.into_iter().map(move |name| Name {
                // Once, for as long as the program runs.
                words: name.leak().split(' ').collect(),
                value,
                unless_after: unless_after.clone(),
                unless_before: unless_before.clone(),
                phrase,
            })
        });
        let tokens = token.into_iter().flat_map(|token| {
            let rule = match token.rule {
                TokenName::AwsKey => Rule::AwsKey,
                TokenName::GithubToken => Rule::GithubToken,
                TokenName::GitlabToken => Rule::GitlabToken,
                TokenName::GoogleKey => Rule::GoogleKey,
                TokenName::ServiceToken => Rule::ServiceToken,
                TokenName::SlackToken => Rule::SlackToken,
                TokenName::StripeKey => Rule::StripeKey,
            };
            token.prefixes.into_iter().map(move |prefix| Token {
                rule,
                prefix,
                also: token.also.clone().into_bytes(),
                least: token.least,
                exactly: token.exactly,
                of: token.of,
            })
        });
        Self { id, names: names.collect(), words, tokens: tokens.collect(), webhooks: webhook }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_is_read_and_each_of_its_rules_says_why() {
        let file: File = toml::from_str(TEXT).unwrap();
        assert!(file.id.starts_with("nexus-"));
        let names = file.name.iter().map(|rule| &rule._why);
        let reasons =
            names.chain(file.token.iter().map(|rule| &rule._why)).chain(file.webhook.iter().map(|rule| &rule._why));
        assert!(reasons.clone().all(|why| why.ends_with('.')), "{:?}", reasons.collect::<Vec<_>>());
        let pack = Pack::of(file);
        assert!(pack.names.len() > 60 && pack.tokens.len() > 50 && pack.webhooks.len() > 3);
        let is_small =
            |word: &str| !word.is_empty() && word.to_lowercase() == word && word.chars().all(char::is_alphabetic);
        let Words { about, questions, identifiers, between, complaints, prose, links, changes, owners, references } =
            &pack.words;
        let lists = [about, questions, identifiers, between].into_iter();
        let lists = lists.chain(pack.names.iter().flat_map(|name| [&name.unless_after, &name.unless_before])).flatten();
        let lists = lists.chain([complaints, prose, links, changes, owners].into_iter().flatten()).map(String::as_str);
        for word in pack.names.iter().flat_map(|name| name.words.iter().copied()).chain(lists) {
            assert!(is_small(word), "{word:?} is compared with words in small letters");
        }
        assert!(references.iter().all(|start| start.to_ascii_lowercase() == *start), "{references:?}");
        assert!(pack.webhooks.iter().flat_map(|hook| &hook.prefixes).all(|text| text.to_ascii_lowercase() == *text));
        // Where a shape may begin is told by three bytes.
        assert!(pack.tokens.iter().all(|token| token.prefix.len() >= 3));
        assert_eq!(rule_pack().digest.len(), 64);
    }
}
