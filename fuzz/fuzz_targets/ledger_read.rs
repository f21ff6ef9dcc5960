//! Ledgers that others wrote or changed. Bytes that begin with a brace are a file as it is; all others are a script that edits an
//! honest, signed ledger as somebody could who has the file and not the key: lines are taken out, doubled, changed, chained anew.
//! Readers see each line once and in order, and the end as the whole sees it; a ledger verifies only if all that was signed of it
//! is what was written, byte by byte.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use nexus_fuzz::audit::checkpoint::Checkpoint;
use nexus_fuzz::audit::read::{self, Count, ReadError};
use nexus_fuzz::audit::tree::Tree;
use nexus_fuzz::audit::verify::{Verified, VerifyError, verify};
use nexus_fuzz::audit::{Hash, Signer, Verifier, stats};
use nexus_fuzz::{signer, tree_root};
use serde_json::Value;

static SIGNER: LazyLock<Signer> = LazyLock::new(signer);

/// One file for all inputs of a process, in memory where there is such a folder.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = tempfile::Builder::new().prefix("nexus-fuzz-").tempdir_in(folder).expect("a folder can be made").keep();
    folder.join("ledger.jsonl")
});

/// Written by the host, with a key that is gone; its newest checkpoint signs all lines but the last, which is that checkpoint.
static REAL: LazyLock<(Verifier, Vec<Vec<u8>>, Checkpoint)> = LazyLock::new(|| {
    let key: Verifier = include_str!("../data/ledger.pub").parse().expect("it is a key");
    let newest = key.open(include_str!("../data/ledger.checkpoint")).expect("it is a checkpoint");
    (key, split(include_bytes!("../data/ledger.jsonl")), newest)
});

/// Twelve lines, two of them checkpoints.
static MADE: LazyLock<(Vec<Vec<u8>>, Checkpoint)> = LazyLock::new(|| {
    let (mut lines, mut leaves, mut newest) = (Vec::new(), Vec::new(), None);
    let mut tree = Tree::default();
    for seq in 1..=12u64 {
        let prev = leaves.last().copied().unwrap_or(Hash::NONE);
        let line = if seq % 6 == 0 {
            let note = SIGNER.sign(tree.size(), tree_root(&leaves));
            newest = SIGNER.verifier().open(&note).ok();
            signed_line(seq, &note, tree.peaks(), prev)
        } else {
            format!(r#"{{"seq":{seq},"event_id":"01890000-0000-7000-8000-00000000000{}","kind":"call","prev":"{prev}"}}"#, seq % 3)
        };
        leaves.push(Hash::leaf(line.as_bytes()));
        tree.push(Hash::leaf(line.as_bytes()));
        lines.push(line.into_bytes());
    }
    (lines, newest.expect("two were signed"))
});

fn signed_line(seq: u64, note: &str, peaks: &[Hash], prev: Hash) -> String {
    let peaks: Vec<String> = peaks.iter().map(Hash::to_string).collect();
    let (note, peaks) = (Value::from(note), Value::from(peaks));
    format!(r#"{{"seq":{seq},"kind":"checkpoint","checkpoint":{note},"peaks":{peaks},"prev":"{prev}"}}"#)
}

fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    lines.pop();
    lines
}

fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
}

/// Without the fields that a chain sets, so that an edited line can be chained anew.
fn chain_anew(lines: &mut [Vec<u8>]) {
    let mut prev = Hash::NONE;
    for (at, line) in lines.iter_mut().enumerate() {
        if let Ok(Value::Object(mut fields)) = serde_json::from_slice(line) {
            fields.insert("seq".into(), (at as u64 + 1).into());
            fields.insert("prev".into(), prev.to_string().into());
            *line = Value::Object(fields).to_string().into_bytes();
        }
        prev = Hash::leaf(line);
    }
}

fn edit(lines: &mut Vec<Vec<u8>>, script: &[u8]) {
    let mut script = script.iter().copied().map(usize::from);
    let mut next = || script.next().unwrap_or(0);
    for _ in 0..next() % 6 {
        if lines.is_empty() {
            return;
        }
        let at = next() % lines.len();
        match next() % 9 {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let other = next() % lines.len();
                lines.swap(at, other);
            }
            3 => lines.truncate(at),
            4 => {
                let place = (next() * 256 + next()) % lines[at].len().max(1);
                if let Some(byte) = lines[at].get_mut(place) {
                    *byte = next() as u8;
                }
            }
            5 => lines[at].push(b' '),
            6 => chain_anew(lines),
            7 => drop(lines.drain(..at)),
            8 => {
                // Signed by somebody else, or what is not signed at all.
                let note = format!("nexus/fuzz\n{at}\n{}\n\n\u{2014} nexus/fuzz AAAA\n", STANDARD.encode([0; 32]));
                lines[at] = signed_line(at as u64 + 1, &note, &[], Hash::NONE).into_bytes();
            }
            _ => {}
        }
    }
}

/// What verifies is, up to what was signed, what was written.
fn check_edited(lines: &[Vec<u8>], written: &[Vec<u8>], key: &Verifier, newest: &Checkpoint) {
    fs::write(&*FILE, joined(lines)).expect("there is room");
    let size = newest.size as usize;
    // A changed byte may have become a newline.
    let lines = split(&joined(lines));
    let whole = lines.len() >= size && lines[..size] == written[..size];
    match verify(&FILE, Some(key), std::slice::from_ref(newest)) {
        Ok(verified) => {
            assert!(whole, "{verified:?}");
            assert_eq!(verified.lines as usize, lines.len());
            assert!(verified.signed >= newest.size);
        }
        Err(VerifyError::Read(error)) => panic!("{error}"),
        Err(error) => assert!(lines != written, "it is as it was written: {error}"),
    }
    check_readers(&joined(&lines));
}

/// By hand, over the whole: chained from the first line on, which has number 1.
fn is_chained(lines: &[Vec<u8>]) -> bool {
    let mut prev = Value::from(Hash::NONE.to_string());
    lines.iter().enumerate().all(|(at, line)| {
        // Half of a pair of surrogates is JSON to some and not to others, and to us where nobody asks for the field.
        let text = std::str::from_utf8(line).map(|text| text.replace("\\\\", "").replace("\\u", "u"));
        let Ok(Ok(fields)) = text.map(|text| serde_json::from_str::<Value>(&text)) else { return false };
        let holds = fields.get("seq").and_then(Value::as_u64) == Some(at as u64 + 1) && fields.get("prev") == Some(&prev);
        prev = Value::from(Hash::leaf(line).to_string());
        holds
    })
}

fn check_readers(bytes: &[u8]) {
    fs::write(&*FILE, bytes).expect("there is room");
    let file = &*FILE;
    let lines = split(bytes);
    let torn = bytes.len() - lines.iter().map(|line| line.len() + 1).sum::<usize>();

    let mut all = read::lines(file).expect("the file is there");
    let mut offset = 0;
    let mut read = Vec::new();
    for line in &lines {
        let record = all.next().expect("each line is told of");
        match &record {
            Ok(record) => assert!(record.raw == *line && record.offset == offset),
            Err(ReadError::NotALine { offset: at, .. } | ReadError::TooLong { offset: at }) => assert_eq!(*at, offset),
            Err(ReadError::Io(error)) => panic!("{error}"),
            Err(error) => panic!("{error}"),
        }
        read.push(record.ok());
        offset += line.len() as u64 + 1;
    }
    assert!(all.next().is_none());
    assert_eq!(all.torn(), torn as u64);

    for count in [1, 3, 500] {
        let tail = read::tail(file, Count::try_from(count as i64).expect("it is a count")).expect("the file is there");
        let tail: Vec<_> = tail.into_iter().map(Result::ok).collect();
        let start = read.len().saturating_sub(count);
        assert_eq!(tail, read[start..], "the last {count}");
    }
    for open in read::open_entries(file).expect("the file is there") {
        assert!(read.iter().flatten().any(|record| *record == open));
    }
    let counted = stats::stats(file);
    assert!(counted.is_ok(), "{counted:?}");

    match verify(file, None, &[]) {
        Ok(Verified { first, lines: n, torn: found, .. }) => {
            assert_eq!(found, torn as u64);
            assert!(first != 1 || is_chained(&lines) && n as usize == lines.len(), "{:?}", String::from_utf8_lossy(bytes));
        }
        Err(VerifyError::Broken { line, .. }) => assert!(line >= 1),
        Err(VerifyError::Given { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    // Nobody has signed it with this key, unless nothing in it is signed at all.
    if let Ok(verified) = verify(file, Some(&REAL.0), &[]) {
        let signed = verified.checkpoints > 0;
        assert!(!signed || REAL.1.iter().any(|line| lines.contains(line)), "who signed this?");
    }
}

fuzz_target!(|bytes: &[u8]| {
    match bytes {
        [b'{', ..] => check_readers(bytes),
        [kind, script @ ..] => {
            let (mut lines, written, key, newest) = if kind % 2 == 0 {
                (MADE.0.clone(), &MADE.0, SIGNER.verifier(), &MADE.1)
            } else {
                (REAL.1.clone(), &REAL.1, &REAL.0, &REAL.2)
            };
            edit(&mut lines, script);
            check_edited(&lines, written, key, newest);
        }
        [] => check_readers(bytes),
    }
});
