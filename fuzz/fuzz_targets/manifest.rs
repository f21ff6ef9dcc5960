//! A `shard.toml` that anybody wrote. It is read or refused, with the line where; what is read is bounded, opens nothing that is
//! not written in it, reads back from its own words, and takes no key that nobody knows.

#![no_main]

use std::path::Path;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use nexus_fuzz::manifest::{Manifest, ManifestError, Values};
use nexus_fuzz::names::SettingName;
use nexus_fuzz::outbound::Scheme;
use nexus_fuzz::policy::{HostPattern, PathTemplate};

struct Operator;

impl Values for Operator {
    fn value(&self, name: &SettingName) -> Option<String> {
        match name.as_str() {
            "HOST" => Some("api.example.com".into()),
            "TENANT" => Some("contoso".into()),
            "ODD" => Some("../a/**".into()),
            _ => None,
        }
    }
}

fn read(text: &str) -> Result<Manifest, ManifestError> {
    // There is no such folder: what the manifest lists cannot be read, and that is an error like any other.
    Manifest::parse(text, Path::new("no/such/folder/shard.toml"), &Operator)
}

fn check(text: &str, manifest: &Manifest) {
    assert!(!manifest.tools_prefix.is_empty());
    assert!(manifest.component.starts_with("no/such/folder"), "{:?}", manifest.component);
    assert!(!manifest.component.components().any(|part| part.as_os_str() == ".."), "{:?}", manifest.component);
    let limits = manifest.limits;
    assert!(limits.memory <= 512 << 20 && limits.reply_bytes <= 64 << 20 && limits.output_bytes <= 64 << 20);
    assert!(limits.deadline <= Duration::from_secs(600) && limits.cpu <= Duration::from_secs(600));
    assert!(limits.egress_calls <= 10_000);
    for grant in &manifest.egress {
        assert!(!grant.methods.is_empty() && !grant.paths.is_empty(), "an empty list grants nothing and is an error");
        let host = grant.host.to_string();
        assert_eq!(HostPattern::parse(&host, grant.scheme).as_ref(), Ok(&grant.host));
        assert!(grant.scheme == Scheme::Https || grant.host.is_loopback());
        for path in &grant.paths {
            assert_eq!(PathTemplate::parse(&path.to_string()).as_ref(), Ok(path));
        }
        assert!(grant.credential.as_ref().is_none_or(|name| manifest.credentials.contains_key(name)));
    }
    assert!(manifest.settings.values().all(|value| value.len() <= 1024));

    // One key more at the end of whatever table is last.
    let more = format!("{text}\n\"?unknown\" = 1\n");
    assert!(read(&more).is_err(), "a key that nobody knows was read");
}

fuzz_target!(|text: &str| {
    match read(text) {
        Ok(manifest) => check(text, &manifest),
        Err(ManifestError::Bad { file, line, problem }) => {
            assert!(line >= 1 && line <= text.split('\n').count(), "line {line} of {}: {problem}", file.display());
            assert!(!problem.is_empty());
        }
        Err(ManifestError::Unset { line, .. }) => assert!(line >= 1 && line <= text.split('\n').count()),
        Err(ManifestError::Read { .. }) => panic!("the text was given, not the file"),
    }
});
