//! Whether a secret of these tests stands in what Nexus wrote, in any spelling that an upstream or a shard might give it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::upstream::CLIENT_SECRET;

const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text itself and what encoders make of it, also in the middle of something longer.
pub fn spellings(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    let mut all = vec![
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        hex::encode(secret),
        hex::encode_upper(secret),
        utf8_percent_encode(secret, FORM).to_string(),
        lower_escapes(&utf8_percent_encode(secret, FORM).to_string()),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
    ];
    for engine in [&STANDARD, &URL_SAFE] {
        for before in 0..3 {
            let coded = engine.encode(format!("{}{secret}", "x".repeat(before)));
            // Characters at either edge hold bits of a neighbour.
            let coded = coded.trim_end_matches('=');
            all.push(coded[if before == 0 { 0 } else { before + 1 }..coded.len() - 1].to_owned());
        }
    }
    all.sort();
    all.dedup();
    all
}

fn lower_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + "%" + &part[..2].to_lowercase() + &part[2..])
}

/// Neither the client secret nor a token that a mock upstream gave out. Tokens are random; opaque ones begin with `mock.`,
/// and the signature of a JSON Web Token with `mock`.
pub fn assert_no_secret(place: &str, written: &[u8]) {
    let text = String::from_utf8_lossy(written);
    for spelling in spellings(CLIENT_SECRET) {
        assert!(!text.contains(&spelling), "the client secret is in {place}, as {spelling}: {text}");
    }
    for head in ["mock.", ".mock"] {
        for (at, _) in text.match_indices(head) {
            let digits = text[at + 5..].chars().take_while(char::is_ascii_hexdigit).count();
            assert!(digits < 12, "a token is in {place}: {text}");
        }
    }
    for head in ["bW9jay4", "1vY2su", "tb2NrL", "6d6f636b2e", "6D6F636B2E", "mock%2E", "mock%2e"] {
        assert!(!text.contains(head), "a token is in {place}, as {head}: {text}");
    }
}
