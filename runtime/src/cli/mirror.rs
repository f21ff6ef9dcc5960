//! The ledger's lines on standard error, for whoever collects what a process says.

use std::io::{self, Write as _};
use std::thread;

use crate::audit::{Mirror, Mirrored};

/// On a thread of its own: standard error may be a pipe that nobody reads.
pub(super) fn to_stderr() -> io::Result<Mirror> {
    let (mirror, mirrored) = Mirror::new("stderr-lines-lost");
    thread::Builder::new().name("ledger-stderr".to_owned()).spawn(move || pass_on(&mirrored))?;
    Ok(mirror)
}

fn pass_on(mirrored: &Mirrored) {
    while let Some(lines) = mirrored.next() {
        if io::stderr().write_all(&lines).is_err() {
            mirrored.lose(lines.iter().filter(|byte| **byte == b'\n').count() as u64);
        }
    }
}
