//! Finds shards and loads them side by side: first those that were approved as they lie there, then the others, which
//! nobody waits for who does not want to know what they are.

#![expect(clippy::disallowed_methods, reason = "looks for shards where the operator says they are")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{Id, JoinSet};

use super::approved::Approved;
use super::exit::Exit;
use super::settings::Settings;
use crate::egress::{Door, Rights};
use crate::manifest::Manifest;
use crate::policy::{Artifacts, Directories, Grants, Peers};
use crate::refusal::story;
use crate::router::{LeftOut, folder_name};
use crate::secrets::Vault;
use crate::shard::{Binary, LoadError, Loader, Shard, Trust};

/// Shards that are worked on at once: what they hold meanwhile is bounded by this.
const AT_ONCE: usize = 8;

/// Shards as they lie there, and the vaults of those whose manifests are good.
pub(super) struct Looked {
    pub manifests: Vec<(Manifest, Vault)>,
    pub left_out: Vec<LeftOut>,
}

/// Shards that are being loaded. Dropping it ends what has not ended.
pub(super) struct Loading {
    loader: Arc<Loader>,
    door: Arc<Door>,
    room: Arc<Semaphore>,
    tasks: JoinSet<Step>,
    working: HashMap<Id, (String, PathBuf)>,
    /// Those that nobody approved. They wait until the approved ones are done.
    later: Vec<Job>,
    shards: Vec<Arc<Shard>>,
    left_out: Vec<LeftOut>,
}

struct Job {
    manifest: Manifest,
    vault: Vault,
    /// Digests of components that may be run as the manifest says.
    builds: Vec<String>,
}

enum Step {
    Ready(Box<Shard>),
    Out(LeftOut),
    Later(Box<Job>),
}

impl Loading {
    /// Begins to load them.
    pub(super) fn begin(looked: Looked, approved: &Approved, loader: &Arc<Loader>, door: &Arc<Door>) -> Self {
        let mut loading = Self {
            loader: loader.clone(),
            door: door.clone(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: JoinSet::new(),
            working: HashMap::new(),
            later: Vec::new(),
            shards: Vec::new(),
            left_out: looked.left_out,
        };
        for (manifest, vault) in looked.manifests {
            let builds = approved.lock.builds(&manifest, &approved.signers);
            let job = Job { manifest, vault, builds };
            // Without an approval of that name there is nothing to compare the component with.
            if job.builds.is_empty() { loading.later.push(job) } else { loading.work(job, None) }
        }
        loading
    }

    fn work(&mut self, job: Job, trust: Option<Trust>) {
        let name = (job.manifest.name.to_string(), job.manifest.file.clone());
        let (loader, door, room) = (self.loader.clone(), self.door.clone(), self.room.clone());
        let task = self.tasks.spawn(async move {
            // The semaphore is never closed.
            let _room = room.acquire().await;
            job.run(&loader, &door, trust).await
        });
        self.working.insert(task.id(), name);
    }

    /// Waits until another shard is ready or stays out. False: all are.
    pub(super) async fn next(&mut self) -> bool {
        loop {
            match self.step().await {
                Some(true) => return true,
                Some(false) => {}
                None if self.later.is_empty() => return false,
                None => {
                    for job in std::mem::take(&mut self.later) {
                        self.work(job, Some(Trust::Unapproved));
                    }
                }
            }
        }
    }

    /// Waits for the approved ones, and for none of the others; no longer than `patience`.
    pub(super) async fn approved(&mut self, patience: Duration) {
        let all = async { while self.step().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("approved shards are still being loaded: each joins when it is ready");
        }
    }

    /// Whether nothing is left to load.
    pub(super) fn is_over(&self) -> bool {
        self.working.is_empty() && self.later.is_empty()
    }

    /// Whether what ended now was the last of its shard. None: nothing is worked on.
    async fn step(&mut self) -> Option<bool> {
        match self.tasks.join_next_with_id().await? {
            Ok((id, step)) => {
                self.working.remove(&id);
                match step {
                    Step::Ready(shard) => self.shards.push(Arc::from(shard)),
                    Step::Out(left_out) => self.left_out.push(left_out),
                    Step::Later(job) => {
                        self.later.push(*job);
                        return Some(false);
                    }
                }
            }
            Err(error) => {
                let (name, file) = self.working.remove(&error.id()).unwrap_or_default();
                tracing::error!(shard = name, %error, "loading a shard failed");
                self.left_out.push(LeftOut::bad(name, file, story(&LoadError::Ended)));
            }
        }
        Some(true)
    }

    pub(super) async fn all(&mut self) {
        while self.next().await {}
    }

    /// Those that are ready, whether or not they may serve.
    pub(super) fn shards(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    /// Those that cannot be loaded, and those that are not yet.
    pub(super) fn left_out(&self) -> Vec<LeftOut> {
        let later = self.later.iter().map(|job| (job.manifest.name.to_string(), job.manifest.file.clone()));
        let waiting = self.working.values().cloned().chain(later).map(|(name, file)| LeftOut::loading(name, file));
        let mut all: Vec<_> = self.left_out.iter().cloned().chain(waiting).collect();
        all.sort_by(|a, b| (&a.name, &a.manifest).cmp(&(&b.name, &b.manifest)));
        all
    }
}

impl Job {
    /// `trust` is told the second time: the first time the component's digest decides it.
    async fn run(self, loader: &Loader, door: &Arc<Door>, trust: Option<Trust>) -> Step {
        let (name, file) = (self.manifest.name.to_string(), self.manifest.file.clone());
        let out = |error: LoadError| {
            let may_pass = error.may_pass();
            Step::Out(LeftOut { may_pass, ..LeftOut::bad(name.clone(), file.clone(), story(&error)) })
        };
        let read = tokio::task::spawn_blocking(move || (Binary::read(&self.manifest), self)).await;
        let (binary, job) = match read {
            Ok((Ok(binary), job)) => (binary, job),
            Ok((Err(error), _)) => return out(error),
            Err(_) => return out(LoadError::Ended),
        };
        let is_approved = job.builds.contains(&format!("sha256:{}", binary.digest));
        let trust = match (trust, is_approved) {
            (Some(trust), _) => trust,
            (None, true) => Trust::Approved,
            (None, false) => return Step::Later(Box::new(job)),
        };
        let Self { manifest, vault, .. } = job;
        match Shard::load(loader, door, manifest, binary, trust, |manifest| rights(manifest, vault)).await {
            Ok(shard) => Step::Ready(Box::new(shard)),
            Err(error) => out(error),
        }
    }
}

fn rights(manifest: &Manifest, vault: Vault) -> Rights {
    Rights {
        shard: manifest.name.clone(),
        grants: Grants::new(manifest.egress.clone()),
        directories: Directories::new(manifest.directories.clone()),
        peers: Peers::new(manifest.peers.clone()),
        artifacts: Artifacts::new(manifest.artifacts.clone()),
        vault,
        paces: manifest.paces.clone(),
        limits: manifest.limits,
    }
}

/// Every `FOLDER/*/shard.toml`, in order of name. One that is switched off is not looked into, a bad one stays out; a
/// folder that is not there is a mistake of the operator's.
pub(super) fn manifests(settings: &Settings) -> Result<(Vec<Manifest>, Vec<LeftOut>), Exit> {
    let mut good = Vec::new();
    let mut out = Vec::new();
    for folder in &settings.shards {
        for file in manifest_files(folder)? {
            if leads_out(folder, &file) {
                let reason = "its folder leads out of the folder of shards: name the place itself in `shards`";
                out.push(LeftOut::bad(folder_name(&file), file, reason.to_owned()));
                continue;
            }
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

/// Whatever is called so counts: one that is no file stays out with its reason.
fn manifest_files(folder: &Path) -> Result<Vec<PathBuf>, Exit> {
    let entries = fs::read_dir(folder).map_err(|error| {
        Exit::failed(
            &format!("shard folder {} cannot be read (has `just build-shards` run?)", folder.display()),
            &error,
        )
    })?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path().join("shard.toml")).collect();
    files.retain(|file| fs::symlink_metadata(file).is_ok());
    files.sort();
    Ok(files)
}

/// Whether a shard's folder is a link to another place. What lies in `shards` is the operator's, what is elsewhere may be
/// anybody's.
fn leads_out(folder: &Path, manifest: &Path) -> bool {
    let own = manifest.parent().map(fs::canonicalize);
    !matches!((own, fs::canonicalize(folder)), (Some(Ok(own)), Ok(folder)) if own.starts_with(&folder))
}
