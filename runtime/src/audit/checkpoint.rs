//! What a ledger amounted to at some moment, signed: a checkpoint (C2SP tlog-checkpoint) in the form of a signed note (C2SP
//! signed-note, Ed25519). The key is text as Go's `sumdb/note` writes it, so that its tools and those of transparency logs
//! read ours.
//!
//! A checkpoint is three lines (origin, number of lines, root of the tree in base64), a blank one, and a signature:
//!
//! ```text
//! nexus/4fa0c1d2e3b45a69
//! 1042
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — nexus/4fa0c1d2e3b45a69 Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::value::Hash;

/// The type byte of Ed25519 in keys and key ids.
const ALGORITHM: u8 = 1;
/// A note is small; more would be somebody's attempt.
const LONGEST_NOTE: usize = 64 << 10;
const MOST_SIGNATURES: usize = 64;

/// What signs checkpoints. No `Debug`, no `Clone`; its text leaves it once, when it is made.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

/// What checks them: the public key, and the name it goes by. As text `name+id+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: [u8; 32],
}

/// A tree's size and root, under the name of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("it is not a key: expected {0}")]
    Form(&'static str),
    #[error("its id does not belong to it: a character was changed, or it is not of Ed25519")]
    Id,
    #[error("its name is not one: no blanks and no plus signs")]
    Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCheckpoint {
    #[error("it is not a signed note")]
    Note,
    #[error("it is not signed by the key {0:08x}")]
    Unsigned(u32),
    #[error("its signature does not hold")]
    Signature,
    #[error("its text is not a checkpoint")]
    Text,
    #[error("it is another ledger's")]
    Origin,
}

impl Signer {
    /// A new key, and the text it is kept as.
    pub fn generate(name: &str) -> Result<(Self, Zeroizing<String>), BadKey> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|_| BadKey::Form("random bytes"))?;
        let signer = Self::of(name, &*seed)?;
        let key = Zeroizing::new([&[ALGORITHM], &seed[..]].concat());
        let key = Zeroizing::new(STANDARD.encode(&*key));
        let text = format!("PRIVATE+KEY+{name}+{:08x}+{}", signer.verifier.id(), *key);
        Ok((signer, Zeroizing::new(text)))
    }

    fn of(name: &str, seed: &[u8]) -> Result<Self, BadKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| BadKey::Form(PRIVATE))?;
        let key = pair.public_key().as_ref().try_into().map_err(|_| BadKey::Form(PRIVATE))?;
        Ok(Self { verifier: Verifier::of(name, key)?, pair })
    }

    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let (name, id, key) = text.trim().strip_prefix("PRIVATE+KEY+").and_then(parts).ok_or(BadKey::Form(PRIVATE))?;
        let key = Zeroizing::new(STANDARD.decode(key).map_err(|_| BadKey::Form(PRIVATE))?);
        let Some((&ALGORITHM, seed)) = key.split_first() else { return Err(BadKey::Form(PRIVATE)) };
        let signer = Self::of(name, seed)?;
        if signer.verifier.id() == id { Ok(signer) } else { Err(BadKey::Id) }
    }

    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The note, with its last newline.
    pub fn sign(&self, size: u64, root: Hash) -> String {
        let origin = &self.verifier.name;
        self.sign_text(&format!("{origin}\n{size}\n{}\n", STANDARD.encode(root.as_bytes())))
    }

    /// A note of any text. It ends in a newline and has no blank line.
    pub fn sign_text(&self, text: &str) -> String {
        let origin = &self.verifier.name;
        let mut signature = self.verifier.id().to_be_bytes().to_vec();
        signature.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n\u{2014} {origin} {}\n", STANDARD.encode(signature))
    }
}

const PRIVATE: &str = "PRIVATE+KEY+name+id+key";
const PUBLIC: &str = "name+id+key";

impl Verifier {
    fn of(name: &str, key: [u8; 32]) -> Result<Self, BadKey> {
        let is_name = !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control());
        if is_name { Ok(Self { name: name.to_owned(), key }) } else { Err(BadKey::Name) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn id(&self) -> u32 {
        let hash =
            Sha256::new().chain_update(&self.name).chain_update([b'\n', ALGORITHM]).chain_update(self.key).finalize();
        hash.iter().take(4).fold(0, |id, byte| id << 8 | u32::from(*byte))
    }

    /// The checkpoint that a note holds, if this key signed it. Signatures of others are passed over.
    pub fn open(&self, note: &str) -> Result<Checkpoint, BadCheckpoint> {
        let checkpoint = Checkpoint::parse(self.verify(note)?).ok_or(BadCheckpoint::Text)?;
        if checkpoint.origin == self.name { Ok(checkpoint) } else { Err(BadCheckpoint::Origin) }
    }

    /// The text of a note, if this key signed it.
    pub fn verify<'n>(&self, note: &'n str) -> Result<&'n str, BadCheckpoint> {
        if note.len() > LONGEST_NOTE || note.contains(|c: char| c.is_ascii_control() && c != '\n') {
            return Err(BadCheckpoint::Note);
        }
        // The last blank line divides.
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(BadCheckpoint::Note)?;
        let signatures = signatures.strip_suffix('\n').ok_or(BadCheckpoint::Note)?;
        let text = note.get(..=text.len()).ok_or(BadCheckpoint::Note)?;
        if signatures.split('\n').count() > MOST_SIGNATURES {
            return Err(BadCheckpoint::Note);
        }
        let mut signed = false;
        for line in signatures.split('\n') {
            let (name, signature) =
                line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')).ok_or(BadCheckpoint::Note)?;
            let signature = STANDARD.decode(signature).map_err(|_| BadCheckpoint::Note)?;
            let (id, signature) = signature.split_first_chunk().ok_or(BadCheckpoint::Note)?;
            if name == self.name && u32::from_be_bytes(*id) == self.id() {
                let key = UnparsedPublicKey::new(&ED25519, &self.key);
                key.verify(text.as_bytes(), signature).map_err(|_| BadCheckpoint::Signature)?;
                signed = true;
            }
        }
        if !signed {
            return Err(BadCheckpoint::Unsigned(self.id()));
        }
        Ok(text)
    }
}

impl Checkpoint {
    /// Of a note whose signature nobody has looked at: what it says, and no more.
    pub fn unverified(note: &str) -> Option<Self> {
        let (text, _) = note.rsplit_once("\n\n")?;
        Self::parse(note.get(..=text.len())?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let is_decimal = size.bytes().all(|b| b.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
        if origin.is_empty() || !is_decimal || lines.any(str::is_empty) {
            return None;
        }
        let root = STANDARD.decode(root).ok()?.try_into().ok()?;
        Some(Self { origin: origin.to_owned(), size: size.parse().ok()?, root: Hash::from_bytes(root) })
    }
}

/// Name, id and key.
fn parts(text: &str) -> Option<(&str, u32, &str)> {
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    // Base64 has a plus too, but the key comes last.
    let id = (id.len() == 8).then(|| u32::from_str_radix(id, 16).ok())??;
    Some((name, id, key))
}

impl FromStr for Verifier {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let (name, id, key) = parts(text.trim()).ok_or(BadKey::Form(PUBLIC))?;
        let key = STANDARD.decode(key).map_err(|_| BadKey::Form(PUBLIC))?;
        let Some((&ALGORITHM, key)) = key.split_first() else { return Err(BadKey::Form(PUBLIC)) };
        let verifier = Self::of(name, key.try_into().map_err(|_| BadKey::Form(PUBLIC))?)?;
        if verifier.id() == id { Ok(verifier) } else { Err(BadKey::Id) }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ALGORITHM], &self.key[..]].concat());
        write!(f, "{}+{:08x}+{key}", self.name, self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::generate("nexus/test").unwrap().0
    }

    /// From the documentation of Go's `sumdb/note`: what its authors' code signs, ours verifies.
    #[test]
    fn a_note_of_another_program_verifies() {
        let verifier: Verifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\
                    \n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        // Its signature holds; that its text is no checkpoint is said only then.
        assert_eq!(verifier.open(note), Err(BadCheckpoint::Text));
        let changed = note.replacen("answer", "Answer", 1);
        assert_eq!(verifier.open(&changed), Err(BadCheckpoint::Signature));
    }

    #[test]
    fn what_is_signed_is_what_is_read() {
        let signer = signer();
        let root = Hash::leaf(b"root");
        let note = signer.sign(1042, root);
        let expected = Checkpoint { origin: "nexus/test".to_owned(), size: 1042, root };
        assert_eq!(signer.verifier().open(&note), Ok(expected.clone()));
        assert_eq!(Checkpoint::unverified(&note), Some(expected));
        // A witness adds its own.
        let witnessed = note.clone() + "\u{2014} witness.example mJirIklj\n";
        assert!(signer.verifier().open(&witnessed).is_ok());
    }

    #[test]
    fn keys_are_read_as_they_were_written() {
        let (signer, text) = Signer::generate("nexus/test").unwrap();
        let again = Signer::parse(&format!("{}\n", *text)).unwrap();
        assert_eq!(again.verifier(), signer.verifier());
        assert_eq!(signer.verifier().to_string().parse::<Verifier>().as_ref(), Ok(signer.verifier()));
        for (bad, why) in [
            ("", BadKey::Form(PUBLIC)),
            ("nexus", BadKey::Form(PUBLIC)),
            ("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", BadKey::Id),
            ("PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", BadKey::Id),
            ("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", BadKey::Name),
            ("PeterNeumann+c74f20a3+AhpcaaaUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", BadKey::Form(PUBLIC)),
        ] {
            assert_eq!(bad.parse::<Verifier>(), Err(why), "{bad}");
        }
        assert!(Signer::generate("a name").is_err());
        assert!(Signer::parse(&signer.verifier().to_string()).is_err(), "a public key signs nothing");
    }

    #[test]
    fn nothing_but_the_very_note_is_accepted() {
        let signer = signer();
        let note = signer.sign(7, Hash::NONE);
        let other = Signer::generate("nexus/test").unwrap().0;
        let renamed = Signer::generate("nexus/other").unwrap().0;
        let text = note.split_once("\n\n").unwrap().0;
        // The control: signed as text it is the same note.
        assert_eq!(signer.sign_text(&format!("{text}\n")), note);
        assert!(signer.verifier().open(&note).is_ok());
        for (bad, why) in [
            (String::new(), BadCheckpoint::Note),
            (text.to_owned(), BadCheckpoint::Note),
            (format!("{text}\n\n"), BadCheckpoint::Note),
            (note.trim_end().to_owned(), BadCheckpoint::Note),
            (note.replacen("\n7\n", "\n8\n", 1), BadCheckpoint::Signature),
            (note.replacen('\n', "\r\n", 1), BadCheckpoint::Note),
            (note.replacen("\n7\n", "\n07\n", 1), BadCheckpoint::Signature),
            (other.sign(7, Hash::NONE), BadCheckpoint::Unsigned(signer.verifier().id())),
            (renamed.sign(7, Hash::NONE), BadCheckpoint::Unsigned(signer.verifier().id())),
            // Its own key under the name of another log.
            (signer.sign_text(&format!("{}\n", text.replacen("nexus/test", "nexus/other", 1))), BadCheckpoint::Origin),
            (signer.sign_text(&format!("{text} \n")), BadCheckpoint::Text),
        ] {
            assert_eq!(signer.verifier().open(&bad), Err(why), "{bad:?}");
        }
    }
}
