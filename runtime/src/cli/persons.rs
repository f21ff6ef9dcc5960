//! The key that makes pseudonyms of persons in the ledger, in a file of its own: 32 bytes as hexadecimal digits, mode 0600.
//!
//! Who holds it can look for a person. Who destroys it makes all pseudonyms before meaningless: the next start makes another,
//! and says so in the ledger.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::exit::Exit;
use super::settings::Settings;
use crate::audit;
use crate::redact::Pseudonyms;

pub(super) fn file(settings: &Settings) -> PathBuf {
    settings.audit.person_key.clone().unwrap_or_else(|| audit::beside(&settings.ledger, ".persons"))
}

/// The key, and whether it was made just now.
pub(super) fn load_or_make(settings: &Settings) -> Result<(Pseudonyms, bool), Exit> {
    let path = file(settings);
    if let Some(key) = load(&path)? {
        return Ok((key, false));
    }
    let failed = |error: &dyn std::error::Error| Exit::settings_of(&path.display().to_string(), error);
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).map_err(|error| failed(&error))?;
    let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(*key))));
    audit::replace(&path, &text).map_err(|error| failed(&error))?;
    Ok((Pseudonyms::new(*key), true))
}

/// None if there is no such file.
pub(super) fn load(path: &Path) -> Result<Option<Pseudonyms>, Exit> {
    let failed = |error: io::Error| Exit::settings_of(&path.display().to_string(), &error);
    let text = match audit::read_private(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(failed)?,
    };
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim_end(), &mut *key)
        .map_err(|_| failed(io::Error::other("it is not a key: expected 64 hexadecimal digits")))?;
    Ok(Some(Pseudonyms::new(*key)))
}
