//! Takes secrets out of whatever leaves: replies, results, errors, log lines, records; and finds them in what a shard
//! sends.
//!
//! Promises:
//!
//! - No value the host holds passes, in any of its [spellings](needles) (plain, reversed, base64 and base64url at every
//!   alignment, hexadecimal, UTF-16), under up to four layers of percent, JSON and HTML [escapes](decode) that may differ from
//!   one character to the next. The beginning of one that was cut off counts, if it is at least half of the value and
//!   sixteen bytes.
//! - No string or number passes that a field's [name](words) calls a secret, however deep it lies, in JSON or in JSON
//!   within a string. `true`, `false`, `null` and the empty string are no secrets.
//! - What has the [shape](shapes) of a private key, a token, a header, a password in a URL or in a sentence, or a card
//!   number does not pass.
//! - What holds no secret passes as the same bytes; JSON stays JSON; scrubbing twice does what scrubbing once does.
//! - Each redaction is counted by rule and by the path of its field. Neither a count, a path nor an error of this room
//!   holds anything of a value.
//!
//! Does not know: who asks, which grant allows it, what a person's data is. It has no clock, socket or file. It does not
//! decompress or decrypt, finds a value in pieces only as [split] says, does not look into binary formats for anything but
//! needles, and does not find a value with fewer than four bytes.
//!
//! The order within a reply is fixed: what a grant keeps, then needles, names and shapes over what is left.

mod assigned;
mod cards;
mod classes;
mod decode;
mod ids;
mod json;
mod leak;
mod needles;
mod page;
mod policy;
mod prose;
mod pseudonym;
mod reply;
mod rules;
mod shapes;
mod split;
mod tables;
mod words;

#[cfg(test)]
mod forms;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use classes::{BadClass, Class, Classes, ClassesAt};
pub use leak::{Leak, Place};
pub use page::CleanPage;
pub use policy::{Exception, ResultPolicy, Treatment};
pub use pseudonym::{NoPseudonym, Pseudonym, Pseudonyms};
pub use reply::{BadBody, CleanReply};
pub use rules::{RulePack, rule_pack};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::policy::KeepPath;
use crate::secrets::SecretValue;
use needles::{Needles, Spellings};
use shapes::{Found, Scope};
use split::Pieces;

/// What stands where a secret stood.
pub const MARK: &str = "[redacted:secret]";
const DEPTH_MARK: &str = "[redacted:depth]";
const MARK_START: &[u8] = b"[redacted:";

/// Tokens that were live some renewals ago have expired; forgetting them keeps the search small. Those that somebody
/// still holds are not forgotten, however many have come since.
const MOST_LIVE: usize = 256;

/// Everything the host must not let pass. Cheap to clone; clones share tokens added later. No `Debug`.
#[derive(Clone)]
pub struct Scrubber(Arc<Shared>);

struct Shared {
    base: Needles,
    base_pieces: Pieces,
    live: RwLock<Live>,
}

/// Tokens that came up while running, apart from `base`: adding one leaves `base` as it is.
#[derive(Default)]
struct Live {
    tokens: VecDeque<Token>,
    needles: Arc<Needles>,
    pieces: Arc<Pieces>,
}

struct Token {
    held: Weak<SecretValue>,
    spellings: Spellings,
}

impl Live {
    /// Whether that changed what is sought.
    fn keep(&mut self, token: Token) -> bool {
        if let Some(known) = self.tokens.iter_mut().find(|known| known.spellings == token.spellings) {
            if known.held.strong_count() == 0 {
                known.held = token.held;
            }
            return false;
        }
        self.tokens.push_back(token);
        if self.tokens.len() > MOST_LIVE
            && let Some(oldest) = self.tokens.iter().position(|token| token.held.strong_count() == 0)
        {
            self.tokens.remove(oldest);
        }
        true
    }
}

impl Scrubber {
    pub fn new<'a>(needles: impl IntoIterator<Item = &'a SecretValue>) -> Self {
        let spellings: Vec<Spellings> = needles.into_iter().map(|value| needles::spellings(value.expose())).collect();
        let base_pieces = needles::pieces(&spellings);
        Self(Arc::new(Shared { base: Needles::new(&spellings), base_pieces, live: RwLock::default() }))
    }

    /// A token the host has just been given. It is sought in everything scrubbed from now on.
    pub fn add(&self, token: &Arc<SecretValue>) {
        let token = Token { held: Arc::downgrade(token), spellings: needles::spellings(token.expose()) };
        let mut live = self.0.live.write().unwrap_or_else(PoisonError::into_inner);
        if live.keep(token) {
            live.needles = Arc::new(Needles::new(live.tokens.iter().map(|token| &token.spellings)));
            live.pieces = Arc::new(needles::pieces(live.tokens.iter().map(|token| &token.spellings)));
        }
    }

    /// Text for people: errors, log lines, notes, traps. Text that is JSON is read as JSON.
    pub fn text(&self, text: &str) -> Clean<String> {
        match self.eyes().scrub(text.as_bytes(), &[]) {
            Some((clean, redactions)) => Clean::new(String::from_utf8_lossy(&clean).into_owned(), redactions),
            None => Clean::new(text.to_owned(), Redactions::default()),
        }
    }

    /// Bytes of any kind: JSON is read as JSON, other text as text, and of what is neither only what the host holds is taken
    /// out. What is clean comes back as it was.
    pub fn bytes(&self, bytes: &[u8]) -> Clean<Vec<u8>> {
        match self.eyes().scrub(bytes, &[]) {
            Some((clean, redactions)) => Clean::new(clean, redactions),
            None => Clean::new(bytes.to_vec(), Redactions::default()),
        }
    }

    /// Only what the host itself holds is taken out, from bytes of any kind: pictures, and text of our own making whose
    /// words would look like secrets to the other rules.
    pub fn exact(&self, bytes: &[u8]) -> Clean<Vec<u8>> {
        let places = self.eyes().needles(bytes);
        let found = merge(bytes, places.into_iter().map(|place| Found { rule: Rule::Needle, place }).collect());
        let mut redactions = Redactions::default();
        for found in &found {
            redactions.add(found.rule, &[""; 0]);
        }
        Clean::new(mask(bytes, &found), redactions)
    }

    pub fn json(&self, value: Value) -> Clean<Value> {
        let text = value.to_string();
        self.json_of(value, &text)
    }

    /// For a value whose text is at hand. What is clean in the text is clean in the value, which says no more than it.
    pub fn json_of(&self, value: Value, text: &str) -> Clean<Value> {
        let eyes = self.eyes();
        if eyes.is_clean(text.as_bytes()) {
            return Clean::new(value, Redactions::default());
        }
        // The text may say something twice. Only the value travels on.
        match json::scrub(&eyes, &value.to_string(), &[]) {
            None => Clean::new(value, Redactions::default()),
            Some((clean, redactions)) => {
                // Cannot fail: an edit replaces a value by a string. If it did, nothing would pass.
                let value = serde_json::from_str(&clean).unwrap_or_else(|_| Value::from(DEPTH_MARK));
                Clean::new(value, redactions)
            }
        }
    }

    fn eyes(&self) -> Eyes {
        let live = self.0.live.read().unwrap_or_else(PoisonError::into_inner);
        let (needles, pieces) = (Arc::clone(&live.needles), Arc::clone(&live.pieces));
        Eyes { shared: Arc::clone(&self.0), live: needles, live_pieces: pieces }
    }
}

/// What is sought, at the moment the look begins.
struct Eyes {
    shared: Arc<Shared>,
    live: Arc<Needles>,
    live_pieces: Arc<Pieces>,
}

impl Eyes {
    /// Secrets in `text`, in order, none overlapping.
    fn find(&self, text: &[u8], scope: Scope) -> Vec<Found> {
        let mut found: Vec<Found> =
            self.needles(text).into_iter().map(|place| Found { rule: Rule::Needle, place }).collect();
        shapes::find(text, scope, &mut found);
        merge(text, found)
    }

    /// `text` without secrets, and by which rules they went. None if there are none.
    ///
    /// Looked at until nothing more is found: where something went, what stands beside it may be a name or a token that it was not
    /// before. Each look takes something out, so there is an end; after some the rest is taken as a whole.
    fn cleaned(&self, text: &[u8], scope: Scope) -> Option<(Vec<u8>, Vec<Rule>)> {
        const MOST_LOOKS: usize = 16;
        let mut rules = Vec::new();
        let mut clean: Option<Vec<u8>> = None;
        for _ in 0..MOST_LOOKS {
            let now = clean.as_deref().unwrap_or(text);
            let found = self.find(now, scope);
            if found.is_empty() {
                return clean.map(|clean| (clean, rules));
            }
            rules.extend(found.iter().map(|found| found.rule));
            clean = Some(mask(now, &found));
        }
        Some((MARK.as_bytes().to_vec(), rules))
    }

    /// Where values stand that the host holds, as they are or escaped.
    fn needles(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        if self.shared.base.is_empty() && self.live.is_empty() {
            return places;
        }
        self.plain_needles(text, &mut places);
        // Each text is the one before without its outermost escapes.
        let mut layers: Vec<Vec<u8>> = Vec::new();
        for _ in 0..decode::MOST_LAYERS {
            let Some(next) = decode::decoded(layers.last().map_or(text, Vec::as_slice)) else { break };
            let mut found = Vec::new();
            self.plain_needles(&next, &mut found);
            if !found.is_empty() {
                for above in layers.iter().rev().map(Vec::as_slice).chain([text]) {
                    decode::sources(above, &mut found);
                }
                places.append(&mut found);
            }
            layers.push(next);
        }
        places
    }

    fn plain_needles(&self, text: &[u8], places: &mut Vec<Range<usize>>) {
        self.shared.base.find(text, places);
        self.live.find(text, places);
    }

    /// Whether a body of any kind can pass without being read. An escape may hide anything, so it is read.
    fn is_clean(&self, text: &[u8]) -> bool {
        !text.contains(&b'\\')
            && self.needles(text).is_empty()
            && shapes::is_clean_json(text)
            && !self.shared.base_pieces.may_begin_in(text)
            && !self.live_pieces.may_begin_in(text)
    }

    /// Where the strings of this JSON begin that hold a piece of a value.
    fn pieces(&self, text: &str) -> BTreeSet<usize> {
        let mut places = self.shared.base_pieces.places(text);
        places.extend(self.live_pieces.places(text));
        places
    }

    /// `text` without secrets. `None`: there were none. Only needles are taken out of what is not text. `named`: see
    /// `json::scrub`.
    fn scrub(&self, text: &[u8], named: &[KeepPath]) -> Option<(Vec<u8>, Redactions)> {
        if self.is_clean(text) {
            return None;
        }
        if let Some((mark, body)) = as_json(text) {
            let (clean, redactions) = json::scrub(self, body, named)?;
            return Some(([mark, clean.as_bytes()].concat(), redactions));
        }
        let is_text = std::str::from_utf8(text).is_ok() || !text.contains(&0);
        let (clean, rules) = if is_text {
            self.cleaned(text, Scope::All)?
        } else {
            let found = self.needles(text).into_iter().map(|place| Found { rule: Rule::Needle, place }).collect();
            let found = merge(text, found);
            if found.is_empty() {
                return None;
            }
            (mask(text, &found), found.iter().map(|found| found.rule).collect())
        };
        let mut redactions = Redactions::default();
        rules.into_iter().for_each(|rule| redactions.add(rule, &[""; 0]));
        // With what went, it may have become JSON: a character that JSON does not have stood in a secret. Then names count.
        if as_json(&clean).is_some()
            && let Some((cleaner, more)) = self.scrub(&clean, named)
        {
            redactions.merge(more);
            return Some((cleaner, redactions));
        }
        Some((clean, redactions))
    }
}

/// A byte order mark, if there is one, and the JSON after it. A lone word or number is text.
fn as_json(text: &[u8]) -> Option<(&[u8], &str)> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let mark = text.get(..3).filter(|start| *start == BYTE_ORDER_MARK).unwrap_or_default();
    let body = std::str::from_utf8(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)).ok()?;
    (body.trim_start().starts_with(['{', '[', '"']) && json::is_json(body)).then_some((mark, body))
}

/// Joins what overlaps, under the first of its rules. What lies in a mark was redacted before: without this, a secret
/// that is a part of the mark (`secret`) would make it grow.
fn merge(text: &[u8], mut found: Vec<Found>) -> Vec<Found> {
    if found.is_empty() {
        return found;
    }
    let marks = marks(text);
    found.retain(|found| {
        let before = marks.partition_point(|mark| mark.start <= found.place.start);
        before.checked_sub(1).and_then(|at| marks.get(at)).is_none_or(|mark| found.place.end > mark.end)
    });
    found.sort_by_key(|found| (found.place.start, found.place.end));
    let mut merged: Vec<Found> = Vec::with_capacity(found.len());
    for next in found {
        match merged.last_mut() {
            Some(last) if next.place.start < last.place.end => {
                last.place.end = last.place.end.max(next.place.end);
                last.rule = last.rule.min(next.rule);
            }
            _ => merged.push(next),
        }
    }
    merged
}

fn marks(text: &[u8]) -> Vec<Range<usize>> {
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'[')) {
        let start = at + open;
        let rest = slice(text, start..text.len());
        let mark = [MARK, DEPTH_MARK].into_iter().find(|mark| rest.starts_with(mark.as_bytes()));
        let length = mark.map_or(1, str::len);
        if mark.is_some() {
            marks.push(start..start + length);
        }
        at = start + length;
    }
    marks
}

fn mask(text: &[u8], found: &[Found]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(text.len());
    let mut at = 0;
    for Found { place, .. } in found {
        clean.extend_from_slice(slice(text, at..place.start));
        clean.extend_from_slice(MARK.as_bytes());
        at = place.end;
    }
    clean.extend_from_slice(slice(text, at..text.len()));
    clean
}

/// A part of a text. A place that is none of it has nothing.
fn slice(text: &[u8], place: Range<usize>) -> &[u8] {
    text.get(place).unwrap_or_default()
}

/// Why something was taken out. The first of several that meet is the one counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A value the host holds.
    Needle,
    /// The field's name.
    SecretName,
    PrivateKey,
    Jwt,
    Authorization,
    AwsKey,
    AzureSecret,
    GithubToken,
    GitlabToken,
    GoogleKey,
    SlackToken,
    StripeKey,
    /// Of a service that marks its tokens.
    ServiceToken,
    UrlUserinfo,
    /// The part of an address that lets in whoever knows it.
    WebhookUrl,
    CardNumber,
    /// A national number, in a field or after a word that says so.
    NationalId,
    /// A day, in a field or after a word that calls it somebody's day of birth.
    BirthDate,
    /// `password=…` in text.
    Assignment,
    /// A header that is for the host alone.
    Header,
    /// Nested too deep to be looked at.
    Depth,
    /// The tool's schema calls it a secret.
    ClassSecret,
    /// Masked as the operator wants it.
    ClassPerson,
    ClassPay,
    ClassHealth,
}

impl Rule {
    /// As the ledger calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Needle => "needle",
            Rule::SecretName => "secret-name",
            Rule::PrivateKey => "private-key",
            Rule::Jwt => "jwt",
            Rule::Authorization => "authorization",
            Rule::AwsKey => "aws-key",
            Rule::AzureSecret => "azure-secret",
            Rule::GithubToken => "github-token",
            Rule::GitlabToken => "gitlab-token",
            Rule::GoogleKey => "google-key",
            Rule::SlackToken => "slack-token",
            Rule::StripeKey => "stripe-key",
            Rule::ServiceToken => "service-token",
            Rule::WebhookUrl => "webhook-url",
            Rule::UrlUserinfo => "url-userinfo",
            Rule::CardNumber => "card-number",
            Rule::BirthDate => "birth-date",
            Rule::NationalId => "national-id",
            Rule::Assignment => "assignment",
            Rule::Header => "header",
            Rule::Depth => "depth",
            Rule::ClassSecret => "class-secret",
            Rule::ClassPerson => "class-person",
            Rule::ClassPay => "class-pay",
            Rule::ClassHealth => "class-health",
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was taken out, by rule and by the path of its field: `/value/*/password`, where `*` is any element, or a key
/// that is no programmer's name. The path is empty for text. Serialises as a count for each rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redactions(BTreeMap<(Rule, String), u64>);

impl Redactions {
    /// So many paths are told apart; a reply made of new names counts under `/*` after that.
    const MOST_PATHS: usize = 256;

    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn by_rule(&self) -> BTreeMap<&'static str, u64> {
        let mut rules = BTreeMap::new();
        for ((rule, _), count) in &self.0 {
            *rules.entry(rule.as_str()).or_default() += count;
        }
        rules
    }

    /// Rule, path and count of each place, as many as fit.
    pub fn places(&self, most: usize) -> Vec<Redacted<'_>> {
        self.iter().take(most).map(|(rule, path, count)| Redacted { rule: rule.as_str(), path, count }).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Rule, &str, u64)> {
        self.0.iter().map(|((rule, path), count)| (*rule, path.as_str(), *count))
    }

    pub fn merge(&mut self, other: Redactions) {
        for ((rule, path), count) in other.0 {
            self.add_path(rule, path, count);
        }
    }

    fn add(&mut self, rule: Rule, path: &[impl AsRef<str>]) {
        let path = path.iter().fold(String::new(), |path, step| path + "/" + step.as_ref());
        self.add_path(rule, path, 1);
    }

    pub(crate) fn add_path(&mut self, rule: Rule, path: String, count: u64) {
        let key = (rule, path);
        let is_full = self.0.len() >= Self::MOST_PATHS && !self.0.contains_key(&key);
        *self.0.entry(if is_full { (rule, "/*".to_owned()) } else { key }).or_default() += count;
    }
}

/// How often a rule struck at a path.
#[derive(Debug, serde::Serialize)]
pub struct Redacted<'a> {
    rule: &'static str,
    path: &'a str,
    count: u64,
}

impl Serialize for Redactions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rules = self.by_rule();
        let mut map = serializer.serialize_map(Some(rules.len()))?;
        for (rule, count) in rules {
            map.serialize_entry(rule, &count)?;
        }
        map.end()
    }
}

/// Something that has been scrubbed. Made in this room alone.
#[expect(clippy::manual_non_exhaustive, reason = "the attribute would let other rooms of this crate make one")]
pub struct Clean<T> {
    pub value: T,
    pub redactions: Redactions,
    _made_here: (),
}

impl<T> Clean<T> {
    fn new(value: T, redactions: Redactions) -> Self {
        Self { value, redactions, _made_here: () }
    }
}
