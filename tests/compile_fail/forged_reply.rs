//! E0451: a reply that did not pass redaction.

use nexus::redact::CleanReply;

pub fn forged(given: CleanReply) -> CleanReply {
    CleanReply { body: Default::default(), _made_here: (), ..given }
}
