//! Puts the host together from the settings: ledger first, for nothing runs unrecorded; then the wire, the shards, the
//! router.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::Exit;
use super::settings::{self, Settings, SettingsError};
use super::{mirror, otlp, persons};
use crate::audit::{self, Digest, Event, Ledger, LedgerError, Note, Subject};
use crate::call::{Clock, Host};
use crate::egress::{Door, Rights};
use crate::manifest::{Manifest, Values};
use crate::names::SettingName;
use crate::policy::{Artifacts, Directories, Grants, Peers};
use crate::redact::Scrubber;
use crate::refusal::story;
use crate::router::{LeftOut, Router, folder_name};
use crate::secrets::{SecretValue, Vault};
use crate::shard::{Cache, Shard, engine};
use crate::wire::{Mock, Network, Wire};

/// Opens the ledger, loads every shard that can be loaded, and writes the start into the ledger.
pub(super) async fn host(settings: &Settings) -> Result<Arc<Host>, Exit> {
    let ledger = ledger(settings)?;
    let (persons, is_new_key) = persons::load_or_make(settings)?;
    if is_new_key {
        let made = Note::new(Event::Admin { code: "person-key-made" });
        ledger.note(made).await.map_err(|error| Exit::ledger(&error))?;
    }
    let (wire, clock) = wire(settings)?;
    let (found, mut left_out) = manifests(settings)?;
    let mut manifests = Vec::new();
    for manifest in found {
        match vault(settings, &manifest) {
            Ok(vault) => manifests.push((manifest, vault)),
            Err(error) => {
                let name = manifest.name.to_string();
                left_out.push(LeftOut::bad(name, manifest.file, story(&error)));
            }
        }
    }
    let secrets: Vec<_> = manifests.iter().flat_map(|(_, vault)| vault.values()).collect();
    let scrubber = Scrubber::new(secrets.iter().map(|secret| &**secret));
    let door = Arc::new(Door::new(ledger, wire, scrubber).keeping(settings.reports.store()));
    let engine = engine().map_err(|error| Exit::failed("WebAssembly engine cannot be made", error.as_ref()))?;
    let cache = Cache::open(&settings.cache)
        .inspect_err(|error| tracing::warn!(folder = %settings.cache.display(), %error, "no component cache: compiling at every start"))
        .ok();
    let mut shards = Vec::new();
    for (manifest, vault) in manifests {
        let (name, file) = (manifest.name.to_string(), manifest.file.clone());
        let rights = |manifest: &Manifest| Rights {
            shard: manifest.name.clone(),
            grants: Grants::new(manifest.egress.clone()),
            directories: Directories::new(manifest.directories.clone()),
            peers: Peers::new(manifest.peers.clone()),
            artifacts: Artifacts::new(manifest.artifacts.clone()),
            vault,
            paces: manifest.paces.clone(),
            limits: manifest.limits,
        };
        match Shard::load(&engine, cache.as_ref(), &door, manifest, rights).await {
            Ok(shard) => shards.push(Arc::new(shard)),
            Err(error) => left_out.push(LeftOut::bad(name, file, story(&error))),
        }
    }
    let host = Host::new(Router::new(shards, left_out), door, clock);
    let host = Arc::new(host.of_persons(Some(persons), settings.results.clone()));
    for left_out in host.router().left_out() {
        match left_out.disabled {
            true => tracing::info!(shard = left_out.name, reason = left_out.reason, "shard is off"),
            false => tracing::warn!(shard = left_out.name, reason = left_out.reason, "shard stays out"),
        }
    }
    record(&host, settings).await.map_err(|error| Exit::ledger(&error))?;
    Ok(host)
}

/// The start, under which settings, and what serves: a reader of the record can tell what was in force.
async fn record(host: &Host, settings: &Settings) -> Result<(), LedgerError> {
    let mock_mode = Some(settings.mock);
    let start = Note {
        subject: Arc::new(Subject { mock_mode, ..Subject::default() }),
        count: Some(host.router().shards().len() as u64),
        digest: settings.digest,
        ..Note::new(Event::Start)
    };
    host.door().ledger().note(start).await?;
    for shard in host.router().shards() {
        let subject = Subject {
            shard: Some(shard.manifest.name.clone()),
            component: Some(Digest::from_bytes(shard.digest.to_bytes())),
            mock_mode,
            ..Subject::default()
        };
        let loaded = Note {
            subject: Arc::new(subject),
            count: Some(shard.tools.len() as u64),
            digest: Some(shard.manifest.digest),
            ..Note::new(Event::Admin { code: "shard-loaded" })
        };
        host.door().ledger().note(loaded).await?;
    }
    for (disabled, code) in [(false, "shards-left-out"), (true, "shards-disabled")] {
        let out = host.router().left_out().iter().filter(|left| left.disabled == disabled).count() as u64;
        if out > 0 {
            host.door().ledger().note(Note { count: Some(out), ..Note::new(Event::Admin { code }) }).await?;
        }
    }
    Ok(())
}

/// Writes the stop into the ledger, after the endings of all calls. Its last handle then waits for the disk.
pub(super) async fn stop(host: &Host) {
    host.settle().await;
    if let Err(error) = host.door().ledger().note(Note::new(Event::Stop)).await {
        tracing::error!(%error, "the stop cannot be recorded");
    }
}

pub(super) fn ledger(settings: &Settings) -> Result<Ledger, Exit> {
    let mut options = audit::Options::default().signed(settings.audit.evidence());
    if settings.audit.stderr {
        options = options.mirrored(mirror::to_stderr().map_err(|error| Exit::resource(&error))?);
    }
    if let Some(endpoint) = &settings.audit.otlp {
        options = options.mirrored(otlp::to_collector(endpoint, settings)?);
    }
    Ledger::open(&settings.ledger, options).map_err(|error| Exit::ledger(&error))
}

fn wire(settings: &Settings) -> Result<(Wire, Clock), Exit> {
    if settings.mock {
        let mock = Mock::load(settings.mock_upstreams.options()).map_err(|error| Exit::settings(&error))?;
        let clock = Clock::Fixed(mock.now());
        return Ok((Wire::Mock(mock), clock));
    }
    let options = settings.network_options().map_err(|error| Exit::settings(&error))?;
    let network = Network::new(options).map_err(|error| Exit::settings(&error))?;
    Ok((Wire::Network(network), Clock::Real))
}

/// Every `FOLDER/*/shard.toml`, in order of name. One that is switched off is not looked into, a bad one stays out; a folder that is not there is a mistake of the
/// operator's.
pub(super) fn manifests(settings: &Settings) -> Result<(Vec<Manifest>, Vec<LeftOut>), Exit> {
    let mut good = Vec::new();
    let mut out = Vec::new();
    for folder in &settings.shards {
        for file in manifest_files(folder)? {
            if let Some(name) = Manifest::name(&file)
                && let Some(by) = settings.disabled_by(&name).map_err(|error| Exit::settings(&error))?
            {
                out.push(LeftOut::disabled(&name, file, by));
                continue;
            }
            match Manifest::read(&file, settings) {
                Ok(manifest) => good.push(manifest),
                Err(error) => out.push(LeftOut::bad(folder_name(&file), file, story(&error))),
            }
        }
    }
    Ok((good, out))
}

#[expect(clippy::disallowed_methods, reason = "looks for shards where the operator says they are")]
fn manifest_files(folder: &Path) -> Result<Vec<PathBuf>, Exit> {
    let entries = fs::read_dir(folder).map_err(|error| {
        Exit::failed(
            &format!("shard folder {} cannot be read (has `just build-shards` run?)", folder.display()),
            &error,
        )
    })?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path().join("shard.toml")).collect();
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

/// In mock mode no secret is read: there is nothing it could be needed for.
pub(super) fn vault(settings: &Settings, manifest: &Manifest) -> Result<Vault, SettingsError> {
    if settings.mock {
        return Ok(Vault::mock(manifest.credentials.clone()));
    }
    let mut secrets: BTreeMap<SettingName, SecretValue> = BTreeMap::new();
    for name in manifest.credentials.values().flat_map(|kind| kind.settings()) {
        if let Some(secret) = settings::secret(name)? {
            secrets.insert(name.clone(), secret);
        }
    }
    Ok(Vault::new(manifest.credentials.clone(), secrets))
}

impl Values for Settings {
    /// In mock mode those of the mock world go first: its upstreams know no others.
    fn value(&self, name: &SettingName) -> Option<String> {
        let mock = self.mock_values.get(name).filter(|_| self.mock);
        mock.cloned().or_else(|| Settings::value(self, name))
    }

    /// Mock mode needs no settings: a stand-in takes the place of one that is not there, visibly.
    fn stand_in(&self, name: &SettingName) -> Option<String> {
        self.mock.then(|| format!("mock-{}", name.as_str().to_ascii_lowercase().replace('_', "-")))
    }
}
