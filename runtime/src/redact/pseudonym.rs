//! Persons in the record: the same one is always the same pseudonym, which nobody turns back without the key.
//!
//! A pseudonym is the beginning of an HMAC-SHA-256 (RFC 2104) under a key in a file of its own. Who holds the key can look for a
//! person; who destroys it makes all pseudonyms ever written meaningless, in a record that is chained and cannot forget.
//! People are few and guessable, so a plain hash would hide nobody.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Serialize, Serializer};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Makes pseudonyms. No `Debug`: it holds the key.
#[derive(Clone)]
pub struct Pseudonyms(Arc<Zeroizing<[u8; 32]>>);

/// `p_` and 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pseudonym([u8; 16]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no pseudonym: expected p_ and 32 hexadecimal digits")]
pub struct NoPseudonym;

impl Pseudonyms {
    pub fn new(key: [u8; 32]) -> Self {
        Self(Arc::new(Zeroizing::new(key)))
    }

    /// Of a name, an address, a number. Case and blanks around it do not count: systems differ in them.
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub fn of(&self, value: &str) -> Pseudonym {
        let mut mac = Hmac::<Sha256>::new_from_slice(&**self.0).expect("HMAC takes a key of any length");
        mac.update(value.trim().to_lowercase().as_bytes());
        let mut half = [0; 16];
        half.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        Pseudonym(half)
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p_{}", hex::encode(self.0))
    }
}

impl FromStr for Pseudonym {
    type Err = NoPseudonym;

    fn from_str(text: &str) -> Result<Self, NoPseudonym> {
        let mut half = [0; 16];
        let digits = text.strip_prefix("p_").ok_or(NoPseudonym)?;
        hex::decode_to_slice(digits, &mut half).map_err(|_| NoPseudonym)?;
        Ok(Self(half))
    }
}

impl Serialize for Pseudonym {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_is_one_pseudonym_and_under_another_key_another() {
        let key = Pseudonyms::new([7; 32]);
        let one = key.of("Anna.Kowalski@nexus.corp");
        for same in ["anna.kowalski@nexus.corp", " ANNA.KOWALSKI@NEXUS.CORP\n"] {
            assert_eq!(key.of(same), one);
        }
        for other in ["anna.kowalski@nexus.com", "anna.kowalski", "", "ánna.kowalski@nexus.corp"] {
            assert_ne!(key.of(other), one);
        }
        assert_ne!(Pseudonyms::new([8; 32]).of("anna.kowalski@nexus.corp"), one);
        assert_eq!(one.to_string().parse(), Ok(one));
        for no in ["", "p_", "p_00", "q_00000000000000000000000000000000", "p_0000000000000000000000000000000g"] {
            assert_eq!(no.parse::<Pseudonym>(), Err(NoPseudonym));
        }
    }

    /// RFC 4231, test case 2, with a key that is filled up with zeros, as HMAC does itself.
    #[test]
    fn it_is_an_hmac() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let pseudonym = Pseudonyms::new(key).of("what do ya want for nothing?");
        assert_eq!(pseudonym.to_string(), "p_5bdcc146bf60754e6a042426089575c7");
    }
}
