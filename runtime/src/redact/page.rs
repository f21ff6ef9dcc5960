//! A page of a directory on its way to a shard.

use std::collections::BTreeMap;

use super::{Eyes, MARK, Redactions, Rule, Scrubber, words};
use crate::wire::{RawEntry, RawPage};

/// What a shard gets to see. Made in this room alone.
#[expect(clippy::manual_non_exhaustive, reason = "the attribute would let other rooms of this crate make one")]
pub struct CleanPage {
    pub entries: Vec<RawEntry>,
    /// The server, or the grant, withheld entries.
    pub partial: bool,
    /// What was received for it, in bytes.
    pub bytes: usize,
    pub redactions: Redactions,
    _made_here: (),
}

impl Scrubber {
    /// Values that are text are scrubbed as text; in others only what the host holds is sought. A value of an attribute
    /// whose name says secret is masked whole.
    pub fn page(&self, raw: RawPage) -> CleanPage {
        let RawPage { entries, partial, references: _, bytes } = raw;
        let eyes = self.eyes();
        let mut redactions = Redactions::default();
        // A page has few names, each many times.
        let mut secret = BTreeMap::new();
        let clean = |entry| clean(&eyes, entry, &mut secret, &mut redactions);
        let entries = entries.into_iter().map(clean).collect();
        CleanPage { entries, partial, bytes, redactions, _made_here: () }
    }
}

fn clean(eyes: &Eyes, entry: RawEntry, secret: &mut BTreeMap<String, bool>, redactions: &mut Redactions) -> RawEntry {
    let dn = match eyes.scrub(entry.dn.as_bytes(), &[]) {
        None => entry.dn,
        Some((clean, found)) => {
            redactions.merge(found);
            String::from_utf8_lossy(&clean).into_owned()
        }
    };
    let attribute = |(name, values): (String, Vec<Vec<u8>>)| {
        let is_secret = match secret.get(&name) {
            Some(known) => *known,
            None => {
                let is_secret = words::secret_name(&name).is_some_and(|rule| rule.value == words::Value::Any);
                secret.insert(name.clone(), is_secret);
                is_secret
            }
        };
        let value = |value: Vec<u8>| {
            if is_secret && !value.is_empty() {
                redactions.add(Rule::SecretName, &[name.as_str()]);
                return MARK.as_bytes().to_vec();
            }
            match eyes.scrub(&value, &[]) {
                None => value,
                Some((clean, found)) => {
                    redactions.merge(found);
                    clean
                }
            }
        };
        let values = values.into_iter().map(value).collect();
        (name, values)
    };
    RawEntry { dn, attributes: entry.attributes.into_iter().map(attribute).collect() }
}
