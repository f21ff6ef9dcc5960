//! `nexus audit verify`, `prove` and `verify-proof`: what an auditor does, with a copy of the ledger and the public key.

#![expect(clippy::disallowed_methods, reason = "keys, checkpoints and proofs are files that the auditor names")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::audit::unreadable;
use super::call::print;
use super::exit::Exit;
use crate::audit::checkpoint::{Checkpoint, Verifier};
use crate::audit::proof::{self, ProveError, Proven};
use crate::audit::verify::{self, Verified, VerifyError};
use crate::audit::{EventId, checkpoint_file, public_key_file};
use crate::refusal::story;

/// Check that no line was changed, removed or moved, and that what was signed holds; name the first line that is not right
#[derive(Args)]
pub(super) struct Verify {
    /// The public key, or a file that holds it [default: the one beside the ledger, which whoever changes the ledger may change]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A checkpoint that was kept elsewhere; may be given several times. The one beside the ledger always counts
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
}

/// Write a proof of each line of an event, which anybody can check without the ledger
#[derive(Args)]
pub(super) struct Prove {
    /// The event id of a call, a crossing or a note
    #[arg(value_name = "EVENT")]
    event: String,
    /// Where the proofs are written, as EVENT-LINE.tlog-proof
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
}

/// Check proofs and show what they prove; needs the public key and nothing else
#[derive(Args)]
pub(super) struct VerifyProof {
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The public key of the ledger, or a file that holds it
    #[arg(long, value_name = "KEY")]
    key: String,
}

impl Verify {
    pub(super) fn run(&self, file: &Path, json: bool) -> Result<ExitCode, Exit> {
        let beside = public_key_file(file);
        let key = match &self.key {
            Some(key) => Some(read_key(key)?),
            None if beside.exists() => Some(read_key_file(&beside)?),
            None => None,
        };
        let mut given = Vec::new();
        let own = Some(checkpoint_file(file)).filter(|own| own.exists());
        for path in self.checkpoints.iter().chain(&own) {
            match checkpoint(path, key.as_ref())? {
                Ok(checkpoint) => given.push(checkpoint),
                Err(what) => return told(json, &Err(what)),
            }
        }
        match verify::verify(file, key.as_ref(), &given) {
            Ok(verified) => {
                let trust = match (&self.key, &key) {
                    (Some(_), _) => Trust::Given,
                    (None, Some(_)) => Trust::Beside,
                    (None, None) => Trust::Unsigned,
                };
                told(json, &Ok((verified, trust, key)))
            }
            Err(VerifyError::Read(error)) => Err(unreadable(file, &error)),
            Err(error @ VerifyError::Broken { line, offset, .. }) => {
                let what = story(&error);
                told(json, &Err(json!({ "whole": false, "line": line, "byte": offset, "what": what })))
            }
            Err(error @ VerifyError::Given { .. }) => {
                told(json, &Err(json!({ "whole": false, "what": story(&error) })))
            }
        }
    }
}

/// Where the key came from, which says what its signatures are worth.
enum Trust {
    Given,
    Beside,
    Unsigned,
}

impl Trust {
    fn words(&self) -> &'static str {
        match self {
            Self::Given => "signatures hold under the key that was given",
            Self::Beside => {
                "signatures hold under the key beside the ledger; whoever changes one may change the other: keep the key elsewhere \
                 and give it with --key"
            }
            Self::Unsigned => "no signature was checked: there is no key beside the ledger; give it with --key",
        }
    }
}

fn told(json: bool, found: &Result<(Verified, Trust, Option<Verifier>), Value>) -> Result<ExitCode, Exit> {
    let (code, text) = match found {
        Ok((found, trust, key)) if json => {
            let Verified { first, lines, head, root, checkpoints, signed, torn } = found;
            let told = json!({
                "whole": true,
                "first": first,
                "lines": lines,
                "head": head.to_string(),
                "root": root.to_string(),
                "checkpoints": checkpoints,
                "signed_lines": signed,
                "unsigned_lines": lines - signed,
                "key": key.as_ref().map(ToString::to_string),
                "key_given": matches!(trust, Trust::Given),
                "torn_bytes": torn,
            });
            (0, told.to_string())
        }
        Ok((found, trust, _)) => (0, in_words(found, trust)),
        Err(what) if json => (Exit::CHECK, what.to_string()),
        Err(what) => (Exit::CHECK, what.get("what").and_then(Value::as_str).unwrap_or_default().to_owned()),
    };
    say(&text)?;
    Ok(ExitCode::from(code))
}

fn in_words(found: &Verified, trust: &Trust) -> String {
    let Verified { first, lines, head, root, checkpoints, signed, torn } = found;
    let mut text = vec![
        format!("lines {first} to {lines}, each chained to the one before; head {head}"),
        format!("{checkpoints} checkpoints sign the lines up to {signed}; root {root}"),
        trust.words().to_owned(),
    ];
    if *first > 1 {
        text.push(format!("lines 1 to {} were removed as the ledger says, and are what was signed", first - 1));
    }
    if *torn > 0 {
        text.push(format!("{torn} bytes at the end are no whole line: it is being written, or was torn"));
    }
    text.join("\n")
}

impl Prove {
    pub(super) fn run(&self, file: &Path, json: bool) -> Result<ExitCode, Exit> {
        let event: EventId = self.event.parse().map_err(|_| Exit::usage(format!("{:?} is no event id", self.event)))?;
        let proofs = match proof::prove(file, event) {
            Ok(proofs) => proofs,
            Err(ProveError::Read(error)) => return Err(unreadable(file, &error)),
            Err(error @ (ProveError::Unknown | ProveError::Unsigned { .. })) => return Err(Exit::resource(&error)),
            Err(error @ ProveError::Broken) => return Err(Exit::check(&error)),
        };
        let mut written = Vec::new();
        for proof in proofs {
            let path = self.out.join(format!("{event}-{}.tlog-proof", proof.seq));
            let failed = |error| Exit::failed(&path.display().to_string(), &error);
            fs::write(&path, &proof.text).map_err(failed)?;
            written.push(path.display().to_string());
        }
        say(&if json { json!({ "proofs": written }).to_string() } else { written.join("\n") })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl VerifyProof {
    pub(super) fn run(&self, json: bool) -> Result<ExitCode, Exit> {
        let key = read_key(&self.key)?;
        let mut code = 0;
        for path in &self.files {
            let failed = |error| Exit::failed(&path.display().to_string(), &error);
            let text = fs::read(path).map_err(failed)?;
            let name = path.display().to_string();
            match proof::verify(&String::from_utf8_lossy(&text), &key) {
                Ok(Proven { line, seq, checkpoint }) => {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    let Checkpoint { origin, size, root } = checkpoint;
                    say(&if json {
                        let root = root.to_string();
                        json!({ "file": name, "proven": true, "seq": seq, "origin": origin, "size": size, "root": root, "line": line })
                            .to_string()
                    } else {
                        format!("{name}: line {seq} of {origin}, among the {size} that were signed\n{line}")
                    })?;
                }
                Err(error) => {
                    code = Exit::CHECK;
                    let what = story(&error);
                    say(&if json {
                        json!({ "file": name, "proven": false, "what": what }).to_string()
                    } else {
                        format!("{name}: {what}")
                    })?;
                }
            }
        }
        Ok(ExitCode::from(code))
    }
}

fn say(text: &str) -> Result<(), Exit> {
    print(text).map_err(|error| Exit::failed("output", &error))
}

/// The key itself, or a file.
fn read_key(given: &str) -> Result<Verifier, Exit> {
    match given.parse() {
        Ok(key) => Ok(key),
        Err(error) if !Path::new(given).exists() => Err(Exit::failed("--key is no file, and as a key", &error)),
        Err(_) => read_key_file(Path::new(given)),
    }
}

fn read_key_file(path: &Path) -> Result<Verifier, Exit> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| Exit::failed(&name, &error))?;
    text.parse().map_err(|error| Exit::failed(&name, &error))
}

/// What a checkpoint says, or why it proves nothing.
fn checkpoint(path: &Path, key: Option<&Verifier>) -> Result<Result<Checkpoint, Value>, Exit> {
    let name = path.display().to_string();
    let note = fs::read_to_string(path).map_err(|error| Exit::failed(&name, &error))?;
    let read = match key {
        Some(key) => key.open(&note).map_err(|error| story(&error)),
        None => Checkpoint::unverified(&note).ok_or_else(|| "it is not a checkpoint".to_owned()),
    };
    Ok(read.map_err(|what| json!({ "whole": false, "what": format!("checkpoint {name}: {what}") })))
}
