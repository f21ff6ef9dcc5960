//! E0277: a sealed request, with its secret, in a log line.

use nexus::secrets::Sealed;

pub fn printed(sealed: &Sealed) -> String {
    format!("{sealed:?}")
}
