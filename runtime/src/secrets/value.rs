//! A secret while the host holds it.

use zeroize::Zeroizing;

/// Shorter values are refused: redaction would find them by accident everywhere, so it could not protect them.
pub(super) const MIN_BYTES: usize = 6;
/// Longer values are no credential and would not fit a header.
pub(super) const MAX_BYTES: usize = 16 * 1024;

/// No `Debug`, `Display`, `Clone` or `Serialize`: printing one is a type error. Overwritten when dropped.
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    pub fn new(text: String) -> Result<Self, BadSecret> {
        let text = Zeroizing::new(text);
        if text.len() < MIN_BYTES {
            return Err(BadSecret::TooShort);
        }
        if text.len() > MAX_BYTES {
            return Err(BadSecret::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(BadSecret::Control);
        }
        Ok(Self(text))
    }

    /// What the host composed from values that were checked before.
    pub(super) fn derived(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// Whether both are the same text. For values that the host holds both: it takes as long as they agree.
    pub(super) fn is(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }

    /// The one way to see the value: every place that does is found by this name.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Why a value cannot be a secret. Says nothing about the value but that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    #[error("shorter than {MIN_BYTES} bytes, so it could not be told from ordinary text when replies are cleaned")]
    TooShort,
    #[error("longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("contains a control character, such as a line end at its end")]
    Control,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_cannot_be_protected_is_refused() {
        for (text, refused) in [
            ("s3cret".to_owned(), None),
            ("s3cre".to_owned(), Some(BadSecret::TooShort)),
            (String::new(), Some(BadSecret::TooShort)),
            ("hunter-22\n".to_owned(), Some(BadSecret::Control)),
            ("x".repeat(MAX_BYTES), None),
            ("x".repeat(MAX_BYTES + 1), Some(BadSecret::TooLong)),
        ] {
            assert_eq!(SecretValue::new(text).err(), refused);
        }
    }
}
