//! Proofs of lines, by whoever has no key. The first byte chooses: text as it is, or a proof made of an honest tree and then edited
//! by the bytes that follow. A proof is believed only if it proves just what was signed: that line, at that place, in that tree.

#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use nexus_fuzz::audit::{Hash, Signer, Verifier, proof};
use nexus_fuzz::{signer, tree_path, tree_root};

static SIGNER: LazyLock<Signer> = LazyLock::new(signer);

/// A ledger of the host's own, whose key is gone, and what is proven of it.
static REAL: LazyLock<(Verifier, proof::Proven)> = LazyLock::new(|| {
    let key: Verifier = include_str!("../data/ledger.pub").parse().expect("it is a key");
    let proven = proof::verify(include_str!("../data/proof.txt"), &key).expect("it is a proof");
    (key, proven)
});

fn line(index: usize) -> Vec<u8> {
    format!("{{\"seq\":{},\"kind\":\"call\"}}", index + 1).into_bytes()
}

fn check_real(text: &str) {
    let (key, real) = &*REAL;
    if let Ok(proven) = proof::verify(text, key) {
        assert_eq!(&proven, real, "another line, place or tree was believed");
    }
    assert!(proof::verify(text, SIGNER.verifier()).is_err(), "nothing was signed with this key");
}

fn check_made(script: &[u8]) {
    let mut script = script.iter().copied().map(usize::from);
    let mut next = || script.next().unwrap_or(0);
    let size = next() % 24 + 1;
    let lines: Vec<Vec<u8>> = (0..size).map(line).collect();
    let leaves: Vec<Hash> = lines.iter().map(|line| Hash::leaf(line)).collect();
    let honest = next() % size;
    let note = SIGNER.sign(size as u64, tree_root(&leaves));
    let mut path = tree_path(&leaves, honest);
    let (mut index, mut extra) = (honest, lines[honest].clone());
    for _ in 0..next() % 5 {
        match next() % 8 {
            0 => drop(path.pop()),
            1 if !path.is_empty() => drop(path.remove(0)),
            2 => path.push(leaves[next() % size]),
            3 => path.insert(0, leaves[next() % size]),
            4 if !path.is_empty() => {
                let (one, other) = (next() % path.len(), next() % path.len());
                path.swap(one, other);
            }
            5 => index = next() % (size + 2),
            6 => extra = lines[next() % size].clone(),
            7 => {
                // A node of the tree in place of a line: leaves and nodes hash differently.
                let at = next() % size;
                extra = [&[1][..], leaves[at].as_bytes(), leaves[(at + 1) % size].as_bytes()].concat();
            }
            _ => {}
        }
    }
    let siblings: String = path.iter().map(|hash| STANDARD.encode(hash.as_bytes()) + "\n").collect();
    let text = format!("c2sp.org/tlog-proof@v1\nextra {}\nindex {index}\n{siblings}\n{note}", STANDARD.encode(&extra));
    let is_honest = index < size && lines.get(index) == Some(&extra) && path == tree_path(&leaves, index);
    match proof::verify(&text, SIGNER.verifier()) {
        Ok(proven) => {
            assert!(is_honest, "believed: {text}");
            assert_eq!((proven.seq, proven.line, proven.checkpoint.size), (index as u64 + 1, extra, size as u64));
        }
        Err(why) => assert!(!is_honest, "not believed ({why}): {text}"),
    }
    assert!(proof::verify(&text, &REAL.0).is_err(), "it was signed with another key");
}

fuzz_target!(|bytes: &[u8]| {
    match bytes {
        [b'c', ..] => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                check_real(text);
            }
        }
        [_, script @ ..] => check_made(script),
        [] => {}
    }
});
