//! Puts the host together from the settings: ledger first, for nothing runs unrecorded; then the wire, the shards, the
//! router.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::approved::{Approved, Seen, Stamp};
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

/// What a host stands on, and what outlives a reload: ledger, door, engine, and what shards had.
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

/// What a look leaves for the next one, by manifest file. It counts once what the look came to serves: one that was overtaken
/// leaves nothing.
#[derive(Default, Clone)]
pub(super) struct Kept {
    vaults: BTreeMap<PathBuf, Vault>,
    /// As the component's file was when the shard that serves was loaded from it.
    served: BTreeMap<PathBuf, Option<Stamp>>,
    /// Shards that are not loaded again before their files or the approvals change.
    refused: BTreeMap<PathBuf, RefusedShard>,
    /// What the log has said of shards that stay out.
    told: Vec<LeftOut>,
}

/// Its component may be anybody's and take long to refuse, so it is not loaded at every look.
#[derive(Clone)]
struct RefusedShard {
    component: Option<Stamp>,
    manifest: Digest,
    reason: String,
    /// When it is loaded again all the same, and how long after the last time: what failed may have been the host's doing.
    /// None if it did load, and is not approved.
    again: Option<(Instant, Duration)>,
}

/// Between loads of a shard that failed to load: each pause twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Which shards a start waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    All,
    /// Those that somebody approved as they lie there, and for them no longer than [`PATIENCE`]. The others are looked at
    /// when it serves: what nobody approved holds nobody up.
    Approved,
}

const PATIENCE: Duration = Duration::from_secs(5);

/// What a look at the folders came to.
pub(super) struct Reloaded {
    pub host: Arc<Host>,
    pub kept: Kept,
    /// Something that is approved does not serve as it lies there: another look may find it better.
    pub amiss: bool,
}

/// A host, what it stands on, and under which approvals it was put together.
pub(super) struct Started {
    pub ground: Ground,
    pub host: Arc<Host>,
    pub kept: Kept,
    /// As the files looked before they were read.
    pub approvals: Seen,
    pub approved: Approved,
    pub amiss: bool,
}

/// Opens the ledger, loads every shard that can be loaded and is approved, and writes the start into the ledger.
pub(super) async fn host(settings: Settings, dev: bool, wait: Wait) -> Result<Started, Exit> {
    let ledger = ledger(&settings)?;
    let (persons, is_new_key) = persons::load_or_make(&settings)?;
    if is_new_key {
        let made = Note::new(Event::Admin { code: "person-key-made" });
        ledger.note(made).await.map_err(|error| Exit::ledger(&error))?;
    }
    let (wire, clock) = wire(&settings)?;
    let mut kept = Kept::default();
    let looked = look(&settings, &mut kept.vaults)?;
    let door = Arc::new(door(ledger, wire, &looked).keeping(settings.reports.store()));
    let (loader, rooms) = loader(&settings)?;
    let ground = Ground { loader, rooms, settings: Arc::new(settings), door, clock, persons, dev };
    if dev {
        tracing::warn!(
            "--dev: every shard serves, whether or not anybody approved it; every result and every line of the ledger says so"
        );
    }
    let approvals = Seen::now(&ground.settings);
    let approved = Approved::read(&ground.settings)?;
    let Reloaded { host, kept, amiss } = ground.serving(looked, &approved, &[], None, kept, wait).await;
    ground.record_start(&host).await.map_err(|error| Exit::ledger(&error))?;
    ground.adopt(&host);
    Ok(Started { ground, host, kept, approvals, approved, amiss })
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
    let looked = look(settings, &mut BTreeMap::new())?;
    let door = Arc::new(door(ledger.map_err(|error| failed(&error))?, Wire::Network(network), &looked));
    let (loader, _) = loader(settings)?;
    let mut loading = Loading::begin(looked, approved, &loader, &door);
    loading.all().await;
    Ok((loading.shards().to_vec(), loading.left_out()))
}

/// `vaults` are those of the look before: a shard whose credentials are made of the same goes on with them.
fn look(settings: &Settings, vaults: &mut BTreeMap<PathBuf, Vault>) -> Result<Looked, Exit> {
    let (found, mut left_out) = manifests(settings)?;
    let mut manifests = Vec::new();
    for manifest in found {
        match vault(settings, &manifest) {
            Ok(vault) => {
                let vault = match vaults.get(&manifest.file) {
                    Some(before) => vault.adopting(before),
                    None => vault,
                };
                vaults.insert(manifest.file.clone(), vault.clone());
                manifests.push((manifest, vault));
            }
            Err(error) => {
                let name = manifest.name.to_string();
                left_out.push(LeftOut::bad(name, manifest.file, story(&error)));
            }
        }
    }
    vaults.retain(|file, _| {
        manifests.iter().any(|(manifest, _)| manifest.file == *file) || left_out.iter().any(|out| out.manifest == *file)
    });
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

impl Kept {
    /// How each shard fared, for the next look.
    fn keep(&mut self, serving: &[Arc<Shard>], not_loaded: &[LeftOut], unapproved: &[LeftOut], stamps: Stamps) {
        for (file, (component, manifest)) in stamps {
            let is = |out: &&LeftOut| out.manifest == file && !out.may_pass;
            if serving.iter().any(|shard| shard.manifest.file == file) {
                self.refused.remove(&file);
                self.served.insert(file, component);
            } else if let Some(out) = unapproved.iter().find(is) {
                let reason = out.reason.clone();
                self.refused.insert(file, RefusedShard { component, manifest, reason, again: None });
            } else if let Some(out) = not_loaded.iter().find(is) {
                let same = self
                    .refused
                    .get(&file)
                    .filter(|before| (&before.component, before.manifest) == (&component, manifest));
                let pause = same.and_then(|before| before.again).map(|(_, pause)| LONGEST_PAUSE.min(2 * pause));
                let pause = pause.unwrap_or(FIRST_PAUSE);
                let (reason, again) = (out.reason.clone(), Some((Instant::now() + pause, pause)));
                self.refused.insert(file, RefusedShard { component, manifest, reason, again });
            }
        }
    }
}

/// Sorts out what need not be loaded: shards that are at hand, and those that were refused as they lie there still.
fn unchanged(looked: Looked, known: &[Arc<Shard>], kept: &Kept) -> Unchanged {
    let Looked { manifests, mut left_out } = looked;
    let (mut shards, mut rest, mut stamps) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (manifest, vault) in manifests {
        let (file, component) = (manifest.file.clone(), Stamp::of(&manifest.component));
        let is_same = |shard: &&Arc<Shard>| {
            shard.manifest == manifest
                && shard.rights.vault.is_made_of(&vault)
                && component.is_some()
                && kept.served.get(&file) == Some(&component)
        };
        let at_hand = known.iter().find(is_same);
        let refused = kept.refused.get(&file).filter(|refused| {
            component.is_some()
                && (&refused.component, refused.manifest) == (&component, manifest.digest)
                && refused.again.is_none_or(|(at, _)| Instant::now() < at)
        });
        stamps.insert(file.clone(), (component.clone(), manifest.digest));
        match (at_hand, refused) {
            (Some(shard), _) => shards.push(Arc::clone(shard)),
            (None, Some(refused)) => {
                left_out.push(LeftOut::bad(manifest.name.to_string(), file, refused.reason.clone()));
            }
            (None, None) => rest.push((manifest, vault)),
        }
    }
    Unchanged { shards, looked: Looked { manifests: rest, left_out: Vec::new() }, left_out, stamps }
}

impl Ground {
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The shards anew, as files, secrets and approvals are now. A shard whose files and secrets are as they were is not loaded
    /// again, and neither is one that did not load or was not approved, unless `afresh`. One that was approved and is not as
    /// it lies there now goes on as it was loaded, as long as that is still approved.
    ///
    /// What begins to serve is on record before it does: if it cannot be, the error is the ledger's.
    pub(super) async fn reloaded(
        &self,
        approved: &Approved,
        known: &[Arc<Shard>],
        before: &Host,
        mut kept: Kept,
        afresh: bool,
    ) -> Result<(Reloaded, Option<Exit>), Exit> {
        if afresh {
            kept.refused.clear();
        }
        let looked = look(&self.settings, &mut kept.vaults)?;
        for secret in looked.manifests.iter().flat_map(|(_, vault)| vault.values()) {
            self.door.scrubber().add(&secret);
        }
        let reloaded = self.serving(looked, approved, known, Some(before), kept, Wait::All).await;
        let unrecorded = match reloaded.host.is_as(before) {
            true => None,
            false => self.record_shards(&reloaded.host).await.err().map(|error| Exit::ledger(&error)),
        };
        Ok((reloaded, unrecorded))
    }

    async fn serving(
        &self,
        looked: Looked,
        approved: &Approved,
        known: &[Arc<Shard>],
        before: Option<&Host>,
        mut kept: Kept,
        wait: Wait,
    ) -> Reloaded {
        let Unchanged { mut shards, mut left_out, looked, stamps } = unchanged(looked, known, &kept);
        let mut loading = Loading::begin(looked, approved, &self.loader, &self.door);
        match wait {
            Wait::All => loading.all().await,
            // Without approvals nobody is an approved one.
            Wait::Approved if self.dev => loading.all().await,
            Wait::Approved => loading.approved(PATIENCE).await,
        }
        let is_over = loading.is_over();
        let not_loaded = loading.left_out();
        shards.extend(loading.shards().iter().cloned());
        let (mut serving, mut unapproved) = (Vec::new(), Vec::new());
        for shard in shards {
            match self.refused(approved, &shard) {
                None => serving.push(shard),
                Some(reason) => {
                    unapproved.push(LeftOut::bad(shard.manifest.name.to_string(), shard.manifest.file.clone(), reason));
                }
            }
        }
        kept.keep(&serving, &not_loaded, &unapproved, stamps);
        left_out.extend(not_loaded);
        left_out.extend(unapproved);
        let told = std::mem::take(&mut kept.told);
        let as_they_lie = serving.len();
        for shard in known.iter().chain(before.into_iter().flat_map(|host| host.router().shards())) {
            let name = &shard.manifest.name;
            let is_here = serving.iter().any(|one| one.manifest.name == *name);
            let lies_there = left_out.iter().find(|left| left.manifest == shard.manifest.file && !left.disabled);
            if let (false, Some(left), None) = (is_here, lies_there, self.refused(approved, shard)) {
                if !told.contains(left) {
                    tracing::warn!(shard = %name, "goes on as it was approved: what lies there now is not");
                }
                serving.push(shard.clone());
            }
        }
        let amiss = !is_over || serving.len() > as_they_lie || self.misses(approved, &serving, &left_out);
        let router = Router::new(serving, left_out, self.rooms.clone());
        let host = Host::new(router, self.door.clone(), self.clock)
            .of_persons(Some(self.persons.clone()), self.settings.results.clone())
            .standing(Standing { lock: approved.digest, dev: self.dev });
        for left_out in host.router().left_out().iter().filter(|left| !told.contains(left)) {
            match left_out.disabled {
                true => tracing::info!(shard = left_out.name, reason = left_out.reason, "shard is off"),
                false => tracing::warn!(shard = left_out.name, reason = left_out.reason, "shard stays out"),
            }
        }
        kept.told = host.router().left_out().to_vec();
        Reloaded { host: Arc::new(host), kept, amiss }
    }

    /// Whether a shard that somebody approved, and nobody stopped or switched off, does not serve.
    fn misses(&self, approved: &Approved, serving: &[Arc<Shard>], left_out: &[LeftOut]) -> bool {
        approved.lock.names().any(|name| {
            let is_off = left_out.iter().any(|left| left.disabled && left.name == name.as_str());
            !is_off && approved.stopped(name).is_none() && !serving.iter().any(|shard| shard.manifest.name == *name)
        })
    }

    /// Why a shard may not serve.
    pub(super) fn refused(&self, approved: &Approved, shard: &Shard) -> Option<String> {
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

    /// A shard was stopped while the server runs, under this lock.
    pub(super) async fn record_stopped(&self, host: &Host, shard: &Shard) -> Result<(), LedgerError> {
        let stopped =
            Note { subject: Arc::new(about(host, shard)), ..Note::new(Event::Admin { code: "shard-stopped" }) };
        self.door.ledger().note(stopped).await.map(drop)
    }

    /// From now on calls begin on this host.
    pub(super) fn adopt(&self, host: &Host) {
        self.door.adopt_paces(host.router().shards().iter().map(|shard| &*shard.rights));
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
            let loaded = Note {
                subject: Arc::new(about(host, shard)),
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

fn about(host: &Host, shard: &Shard) -> Subject {
    Subject {
        shard: Some(shard.manifest.name.clone()),
        component: Some(Digest::from_bytes(shard.digest.to_bytes())),
        ..host.bare_subject()
    }
}

/// Of a manifest's file: its component's file, and its digest.
type Stamps = BTreeMap<PathBuf, (Option<Stamp>, Digest)>;

/// What need not be loaded, and what must be.
struct Unchanged {
    shards: Vec<Arc<Shard>>,
    left_out: Vec<LeftOut>,
    looked: Looked,
    stamps: Stamps,
}

/// Writes the stop into the ledger, after the endings of all calls, and ends the ledger, whoever holds it still.
pub(super) async fn stop(host: &Host) {
    host.settle().await;
    if let Err(error) = host.door().ledger().note(Note::new(Event::Stop)).await {
        tracing::error!(%error, "the stop cannot be recorded");
    }
    let ledger = host.door().ledger().clone();
    if let Err(error) = tokio::task::spawn_blocking(move || ledger.finish()).await {
        tracing::error!(%error, "the ledger's end cannot be waited for");
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
