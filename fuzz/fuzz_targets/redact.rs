//! Bytes of any kind through redaction. Whatever they are: no held value passes, JSON stays JSON, what is clean comes back as it was,
//! and a second look finds nothing that the first did not.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nexus_fuzz::redact::Scrubber;
use nexus_fuzz::secrets::SecretValue;

const HELD: [&str; 3] = ["Kestrel-Harbor-9271", "p\u{e4}ss/w+rd\"<&>'1", "0123456789abcdef0123"];

static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| {
    let held: Vec<_> = HELD.iter().map(|value| SecretValue::new((*value).to_owned()).expect("long enough")).collect();
    Scrubber::new(&held)
});

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes).is_ok()
}

fn holds(bytes: &[u8]) -> Option<&'static str> {
    HELD.into_iter().find(|value| bytes.windows(value.len()).any(|window| window == value.as_bytes()))
}

fuzz_target!(|bytes: &[u8]| {
    let clean = SCRUBBER.bytes(bytes);
    if clean.redactions.is_empty() {
        assert_eq!(clean.value, bytes, "clean bytes come back as they were");
    }
    if let Some(value) = holds(&clean.value) {
        panic!("{value:?} passed");
    }
    if is_json(bytes) {
        assert!(is_json(&clean.value), "JSON stays JSON");
    }
    let again = SCRUBBER.bytes(&clean.value);
    assert_eq!(again.value, clean.value, "a second look changes nothing");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let clean = SCRUBBER.text(text);
        if let Some(value) = holds(clean.value.as_bytes()) {
            panic!("{value:?} passed in a text");
        }
    }
});
