//! Artifacts that are no business of a shard's. With `n` = 0 each keeps an honest one.

use crate::nexus::shard::artifacts::{Artifact, put};
use crate::reach::code;
use crate::{Answer, told};

/// `kept`, or the code of the refusal.
pub(crate) fn kept(name: &str, media_type: &str, data: &[u8]) -> String {
    let artifact = Artifact { name: name.to_owned(), media_type: media_type.to_owned(), data: data.to_vec() };
    match put(&artifact) {
        Ok(_) => "kept".to_owned(),
        Err(refusal) => code(refusal).to_owned(),
    }
}

/// Under this name.
pub(crate) fn name(n: u64, name: &str) -> Answer {
    told(&kept(if n == 0 { "kept.txt" } else { name }, "text/plain", b"kept"))
}

/// As something that a browser runs.
pub(crate) fn other_type(n: u64) -> Answer {
    told(&kept("kept.txt", if n == 0 { "text/plain" } else { "text/html" }, b"kept"))
}

/// Of `n` bytes.
pub(crate) fn large(n: u64) -> Answer {
    told(&kept("kept.txt", "text/plain", &vec![b'k'; usize::try_from(n).unwrap_or(usize::MAX)]))
}

/// `n` of them: how many were kept.
pub(crate) fn many(n: u64) -> Answer {
    let kept = (0..n).filter(|_| kept("many.txt", "text/plain", b"kept") == "kept").count();
    told(&format!("{kept} kept"))
}

/// One twice: the second has another URI, and the first is as it was.
pub(crate) fn overwrite(_: u64) -> Answer {
    let put_text = |text: &str| {
        put(&Artifact { name: "over.txt".to_owned(), media_type: "text/plain".to_owned(), data: text.into() })
    };
    match (put_text("first"), put_text("second")) {
        (Ok(first), Ok(second)) if first != second => told("both kept"),
        (Ok(_), Ok(_)) => told("overwritten"),
        (Err(refusal), _) | (_, Err(refusal)) => told(code(refusal)),
    }
}
