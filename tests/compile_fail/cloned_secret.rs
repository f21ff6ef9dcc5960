//! E0277: a second copy of a secret.

use nexus::secrets::SecretValue;

pub fn cloned(secret: &SecretValue) -> SecretValue {
    SecretValue::clone(secret)
}
