//! Proof that a line is in a ledger, for whoever has neither: the line, its way to the root, and the checkpoint that signs the
//! root, in the form of C2SP tlog-proof. The line is the proof's extra data; only its hash decides.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{BadCheckpoint, Checkpoint, Verifier};
use super::read::{self, ReadError};
use super::tree::{self, Tree};
use super::value::{EventId, Hash};

const HEAD: &str = "c2sp.org/tlog-proof@v1";
/// A proof holds one line and at most 64 hashes.
const LONGEST: usize = 2 * read::MAX_LINE;

/// Of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The number of the line, from 1.
    pub seq: u64,
    /// The proof as text, to be kept in a file of its own.
    pub text: String,
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    pub line: Vec<u8>,
    /// The number of the line, from 1.
    pub seq: u64,
    pub checkpoint: Checkpoint,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("no line of the ledger has this event id")]
    Unknown,
    #[error("line {seq} is not signed yet; a host that runs signs it within a minute, and one that stops at once")]
    Unsigned { seq: u64 },
    #[error("the ledger does not hold together; nexus audit verify names the line")]
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    #[error("it is not a proof: expected the form of {HEAD}")]
    Form,
    #[error("its checkpoint does not hold")]
    Checkpoint(#[from] BadCheckpoint),
    #[error("it holds no line")]
    NoLine,
    #[error("the line is not in the ledger that was signed: one of the two was changed")]
    NotIn,
}

/// Proves each line of an event, under the newest checkpoint of the ledger. Reads the ledger twice.
pub fn prove(path: &Path, event: EventId) -> Result<Vec<Proof>, ProveError> {
    let id = event.to_string();
    let (mut wanted, mut newest) = (Vec::new(), None);
    for line in read::raw_lines(path)? {
        let (_, line) = line?;
        if line.windows(id.len()).any(|window| window == id.as_bytes()) {
            let line = serde_json::from_slice::<read::Line>(&line).map_err(|_| ProveError::Broken)?;
            wanted.extend((line.event_id == Some(event)).then_some(line.seq));
        }
        newest = read::signed(&line).or(newest);
    }
    let last = *wanted.last().ok_or(ProveError::Unknown)?;
    let newest = newest.ok_or(ProveError::Unsigned { seq: last })?;
    let signed = Checkpoint::unverified(&newest.note).ok_or(ProveError::Broken)?;
    if signed.size < last {
        return Err(ProveError::Unsigned { seq: last });
    }

    let mut paths: Vec<(u64, Vec<u8>, tree::Path)> = Vec::new();
    let mut start = None;
    for line in read::raw_lines(path)? {
        let (_, line) = line?;
        let at = match &mut start {
            Some(at) => at,
            None => {
                let before = match read::signed(&line) {
                    Some(signed) => signed.tree().ok_or(ProveError::Broken)?,
                    None => Tree::default(),
                };
                for seq in &wanted {
                    let path = tree::Path::to(seq - 1, before.clone()).ok_or(ProveError::Broken)?;
                    paths.push((*seq, Vec::new(), path));
                }
                start.insert(before.size())
            }
        };
        if *at == signed.size {
            break;
        }
        *at += 1;
        let leaf = Hash::leaf(&line);
        for (seq, own, path) in &mut paths {
            if seq == at {
                own.clone_from(&line);
            }
            path.push(leaf);
        }
    }
    let proofs = paths.into_iter().map(|(seq, line, path)| {
        if path.root() != signed.root {
            return Err(ProveError::Broken);
        }
        let mut text = format!("{HEAD}\nextra {}\nindex {}\n", STANDARD.encode(line), seq - 1);
        for sibling in path.finish().ok_or(ProveError::Broken)? {
            text += &STANDARD.encode(sibling.as_bytes());
            text.push('\n');
        }
        Ok(Proof { seq, text: text + "\n" + &newest.note })
    });
    proofs.collect()
}

/// Checks a proof with the public key alone.
pub fn verify(text: &str, key: &Verifier) -> Result<Proven, BadProof> {
    if text.len() > LONGEST {
        return Err(BadProof::Form);
    }
    let (proof, note) = text.split_once("\n\n").ok_or(BadProof::Form)?;
    let checkpoint = key.open(note)?;
    let mut lines = proof.split('\n');
    if lines.next() != Some(HEAD) {
        return Err(BadProof::Form);
    }
    let extra = lines.next().and_then(|line| line.strip_prefix("extra ")).ok_or(BadProof::NoLine)?;
    let line = STANDARD.decode(extra).map_err(|_| BadProof::Form)?;
    let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(BadProof::Form)?;
    let index: u64 = index.parse().ok().filter(|number: &u64| number.to_string() == index).ok_or(BadProof::Form)?;
    let hash = |text: &str| STANDARD.decode(text).ok()?.try_into().ok().map(Hash::from_bytes);
    let siblings = lines.map(hash).collect::<Option<Vec<_>>>().ok_or(BadProof::Form)?;
    match tree::root_from(Hash::leaf(&line), index, checkpoint.size, &siblings) {
        Some(root) if root == checkpoint.root => Ok(Proven { line, seq: index + 1, checkpoint }),
        Some(_) | None => Err(BadProof::NotIn),
    }
}
