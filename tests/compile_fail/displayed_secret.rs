//! E0277: a secret in a text.

use nexus::secrets::SecretValue;

pub fn displayed(secret: &SecretValue) -> String {
    format!("{secret}")
}
