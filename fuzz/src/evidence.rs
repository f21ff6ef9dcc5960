//! Evidence made by the targets themselves: a key that is always the same, and the tree as RFC 6962 writes it down.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::{Digest as _, Sha256};

use crate::audit::{Hash, Signer};

/// Everybody knows this key.
const SEED: [u8; 32] = *b"the key is no secret to anybody.";
const NAME: &str = "nexus/fuzz";

pub fn signer() -> Signer {
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).expect("a seed has 32 bytes");
    let id = Sha256::new().chain_update(NAME).chain_update([b'\n', 1]).chain_update(pair.public_key()).finalize();
    let id: String = id[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let key = STANDARD.encode([&[1], &SEED[..]].concat());
    Signer::parse(&format!("PRIVATE+KEY+{NAME}+{id}+{key}")).expect("it is written as a key is")
}

/// Over all of these leaves (RFC 6962, section 2.1).
pub fn tree_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::from_bytes(Sha256::digest([]).into()),
        [leaf] => *leaf,
        all => {
            let (left, right) = all.split_at(all.len().next_power_of_two() / 2);
            parent(&tree_root(left), &tree_root(right))
        }
    }
}

/// The siblings of one leaf, from its own up (RFC 9162, section 2.1.3.1).
pub fn tree_path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, sibling) = if index < left.len() {
        (tree_path(left, index), tree_root(right))
    } else {
        (tree_path(right, index - left.len()), tree_root(left))
    };
    path.push(sibling);
    path
}

fn parent(left: &Hash, right: &Hash) -> Hash {
    Hash::from_bytes(
        Sha256::new().chain_update([1]).chain_update(left.as_bytes()).chain_update(right.as_bytes()).finalize().into(),
    )
}
