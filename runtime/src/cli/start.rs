//! Puts the host together from the settings: ledger first, for nothing runs unrecorded; then the wire, the shards, the
//! router.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::approved::Approved;
use super::exit::Exit;
use super::load::{Loading, Looked, manifests};
use super::settings::{self, Settings, SettingsError};
use super::{mirror, otlp, persons};
use crate::audit::{self, Digest, Event, Ledger, LedgerError, Note, Scrubbed, Subject};
use crate::call::{Clock, Host, Standing};
use crate::egress::Door;
use crate::lock::Code;
use crate::manifest::{Manifest, Values};
use crate::names::SettingName;
use crate::redact::{Pseudonyms, Scrubber, rule_pack};
use crate::refusal::story;
use crate::router::{LeftOut, Rooms, Router};
use crate::secrets::{SecretValue, Vault};
use crate::shard::{Cache, Compiler, Loader, Shard, engine};
use crate::wire::{Mock, Network, NetworkOptions, Wire};

/// What a host stands on, and what outlives a reload: ledger, door, engine.
pub(super) struct Ground {
    settings: Arc<Settings>,
    door: Arc<Door>,
    clock: Clock,
    persons: Pseudonyms,
    loader: Arc<Loader>,
    /// Room for calls: what is taken stays taken over a reload.
    rooms: Arc<Rooms>,
    /// Shards serve without approval.
    dev: bool,
}

/// Opens the ledger, loads every shard that can be loaded and is approved, and writes the start into the ledger.
pub(super) async fn host(settings: Settings, dev: bool) -> Result<(Ground, Arc<Host>), Exit> {
    let ledger = ledger(&settings)?;
    let (persons, is_new_key) = persons::load_or_make(&settings)?;
    if is_new_key {
        let made = Note::new(Event::Admin { code: "person-key-made" });
        ledger.note(made).await.map_err(|error| Exit::ledger(&error))?;
    }
    let (wire, clock) = wire(&settings)?;
    let looked = look(&settings)?;
    let door = Arc::new(door(ledger, wire, &looked).keeping(settings.reports.store()));
    let (loader, rooms) = loader(&settings)?;
    let ground = Ground { loader, rooms, settings: Arc::new(settings), door, clock, persons, dev };
    if dev {
        tracing::warn!(
            "--dev: every shard serves, whether or not anybody approved it; every result and every line of the ledger says so"
        );
    }
    let host = ground.serving(looked, None).await?;
    ground.record_start(&host).await.map_err(|error| Exit::ledger(&error))?;
    Ok((ground, host))
}

/// What shards are loaded with, and the room for their calls.
fn loader(settings: &Settings) -> Result<(Arc<Loader>, Arc<Rooms>), Exit> {
    let engine = engine(settings.sandbox.memory())
        .map_err(|error| Exit::failed("WebAssembly engine cannot be made", error.as_ref()))?;
    let rooms = Rooms::new(engine.memory().clone());
    let loader = Loader::new(engine, cache(settings), Compiler::Process(settings.loading.limits()));
    Ok((Arc::new(loader), rooms))
}

/// Every shard that can be loaded, approved or not, and those that cannot. Nothing is recorded, for nothing can leave: no grant is in
/// force while a shard lists its tools.
pub(super) async fn every_shard(
    settings: &Settings,
    approved: &Approved,
) -> Result<(Vec<Arc<Shard>>, Vec<LeftOut>), Exit> {
    let failed = |error: &dyn std::error::Error| Exit::failed("a place for the ledger of nothing", error);
    let place = tempfile::tempdir().map_err(|error| failed(&error))?;
    let ledger = Ledger::open(&place.path().join("ledger.jsonl"), audit::Options::default());
    let network = Network::new(NetworkOptions::default()).map_err(|error| Exit::settings(&error))?;
    let looked = look(settings)?;
    let door = Arc::new(door(ledger.map_err(|error| failed(&error))?, Wire::Network(network), &looked));
    let (loader, _) = loader(settings)?;
    let mut loading = Loading::begin(looked, approved, &loader, &door);
    loading.all().await;
    Ok((loading.shards().to_vec(), loading.left_out()))
}

fn look(settings: &Settings) -> Result<Looked, Exit> {
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
    Ok(Looked { manifests, left_out })
}

fn door(ledger: Ledger, wire: Wire, looked: &Looked) -> Door {
    let secrets: Vec<_> = looked.manifests.iter().flat_map(|(_, vault)| vault.values()).collect();
    Door::new(ledger, wire, Scrubber::new(secrets.iter().map(|secret| &**secret)))
}

fn cache(settings: &Settings) -> Option<Cache> {
    Cache::open(&settings.cache)
        .inspect_err(|error| tracing::warn!(folder = %settings.cache.display(), %error, "no component cache: compiling at every start"))
        .ok()
}

impl Ground {
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The shards anew, as files and approvals are now. One that was approved and is not as it lies there now goes on as it was
    /// loaded, as long as that is still approved.
    pub(super) async fn reloaded(&self, before: &Host) -> Result<Arc<Host>, Exit> {
        let looked = look(&self.settings)?;
        for secret in looked.manifests.iter().flat_map(|(_, vault)| vault.values()) {
            self.door.scrubber().add(&secret);
        }
        let host = self.serving(looked, Some(before)).await?;
        self.record_shards(&host).await.map_err(|error| Exit::ledger(&error))?;
        Ok(host)
    }

    async fn serving(&self, looked: Looked, before: Option<&Host>) -> Result<Arc<Host>, Exit> {
        let approved = Approved::read(&self.settings)?;
        let mut loading = Loading::begin(looked, &approved, &self.loader, &self.door);
        loading.all().await;
        let mut left_out = loading.left_out();
        let mut shards = Vec::new();
        for shard in loading.shards() {
            let (name, file) = (shard.manifest.name.clone(), shard.manifest.file.clone());
            match self.refused(&approved, shard) {
                None => shards.push(shard.clone()),
                Some(reason) => left_out.push(LeftOut::bad(name.to_string(), file, reason)),
            }
        }
        for shard in before.into_iter().flat_map(|host| host.router().shards()) {
            let name = &shard.manifest.name;
            let is_here = shards.iter().any(|one| one.manifest.name == *name);
            let lies_there = left_out.iter().any(|left| left.manifest == shard.manifest.file && !left.disabled);
            if !is_here && lies_there && self.refused(&approved, shard).is_none() {
                tracing::warn!(shard = %name, "goes on as it was approved: what lies there now is not");
                shards.push(shard.clone());
            }
        }
        let router = Router::new(shards, left_out, self.rooms.clone());
        let host = Host::new(router, self.door.clone(), self.clock)
            .of_persons(Some(self.persons.clone()), self.settings.results.clone())
            .standing(Standing { lock: approved.digest, dev: self.dev });
        for left_out in host.router().left_out() {
            match left_out.disabled {
                true => tracing::info!(shard = left_out.name, reason = left_out.reason, "shard is off"),
                false => tracing::warn!(shard = left_out.name, reason = left_out.reason, "shard stays out"),
            }
        }
        Ok(Arc::new(host))
    }

    /// Why a shard may not serve.
    fn refused(&self, approved: &Approved, shard: &Shard) -> Option<String> {
        let name = &shard.manifest.name;
        if let Some(stopped) = approved.stopped(name) {
            return Some(stopped);
        }
        let findings = approved.lock.judge(name, &shard.authority, &approved.signers);
        if findings.is_empty() || self.dev {
            return None;
        }
        if findings.iter().all(|finding| finding.code == Code::BinaryChanged) {
            return Some(format!(
                "its component is not the one that was approved, with the same powers: if you built it yourself, `nexus approve {name} --rebuilt --why …`; otherwise find out who did"
            ));
        }
        let mut codes: Vec<_> = findings.iter().map(|finding| finding.code.as_str()).collect();
        codes.dedup();
        Some(format!("not approved ({}): see `nexus review {name}`, then `nexus approve {name}`", codes.join(", ")))
    }

    /// The start, under which settings, and what serves: a reader of the record can tell what was in force.
    async fn record_start(&self, host: &Host) -> Result<(), LedgerError> {
        let rules = rule_pack();
        let start = Note {
            subject: Arc::new(host.bare_subject()),
            args_summary: Some(Scrubbed::already_scrubbed(format!("rules={} sha256:{}", rules.id, rules.digest))),
            count: Some(host.router().shards().len() as u64),
            digest: self.settings.digest,
            ..Note::new(Event::Start)
        };
        self.door.ledger().note(start).await?;
        self.record_shards(host).await
    }

    async fn record_shards(&self, host: &Host) -> Result<(), LedgerError> {
        for shard in host.router().shards() {
            let subject = Subject {
                shard: Some(shard.manifest.name.clone()),
                component: Some(Digest::from_bytes(shard.digest.to_bytes())),
                ..host.bare_subject()
            };
            let loaded = Note {
                subject: Arc::new(subject),
                count: Some(shard.tools.len() as u64),
                digest: Some(shard.manifest.digest),
                ..Note::new(Event::Admin { code: "shard-loaded" })
            };
            self.door.ledger().note(loaded).await?;
        }
        for (disabled, code) in [(false, "shards-left-out"), (true, "shards-disabled")] {
            let out = host.router().left_out().iter().filter(|left| left.disabled == disabled).count() as u64;
            if out > 0 {
                self.door.ledger().note(Note { count: Some(out), ..Note::new(Event::Admin { code }) }).await?;
            }
        }
        Ok(())
    }
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
