//! E0277: a secret in a log line.

use nexus::secrets::SecretValue;

pub fn printed(secret: &SecretValue) -> String {
    format!("{secret:?}")
}
