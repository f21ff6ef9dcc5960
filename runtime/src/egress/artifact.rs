//! Artifacts through the door: judged, scanned, on record, and stored by the host.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinHandle;

use super::caller::Way;
use super::{Caller, Crossed, Door, Verdict};
use crate::artifacts::{Kept, New, Store, StoreError};
use crate::audit::{Asked, Crossing, Digest, Ending, Entry, Facts, LedgerError, Released, Scrubbed};
use crate::names::ArtifactName;
use crate::policy::ArtifactPermit;
use crate::redact::Place;
use crate::refusal::Refusal;

/// An artifact with its bytes.
pub struct Found {
    pub kept: Kept,
    pub data: Vec<u8>,
    digest: Digest,
}

impl Door {
    /// Where artifacts are kept. Without, none are.
    pub fn keeping(self, store: Store) -> Self {
        Self { store: Some(Arc::new(store)), ..self }
    }

    pub fn shared_store(&self) -> Option<Arc<Store>> {
        self.store.clone()
    }

    /// Stores an artifact, whole or not at all, and returns what became of it.
    ///
    /// Once the store has begun nobody can call it back: a call that ends meanwhile leaves the artifact, and its ending on record says
    /// that it is kept.
    pub async fn put(
        &self,
        caller: &Caller,
        name: &str,
        media_type: &str,
        data: Vec<u8>,
    ) -> Result<Released<Kept>, Refusal> {
        caller.still_reads(&self.ledger, Way::Artifact)?;
        let started = Instant::now();
        let bytes = data.len();
        let judged = self.unless_counted(caller, self.judge_artifact(caller, name, media_type, data))?;
        let shown = self.shown(name);
        let entry = self.ask_artifact(caller, &shown, Some(bytes)).await?;
        let crossed = |verdict| crossed(format!("KEEP {shown}"), verdict, started);
        let refused = match judged.and_then(|permit| self.writing(caller, permit)) {
            Ok(writing) => match caller.track_spawned(self.acts.track_future(keep(entry, writing))).await {
                Ok(Ok(released)) => {
                    caller.crossed(crossed(Verdict::Answered { bytes, complete: true }));
                    return Ok(released?);
                }
                Ok(Err((entry, refusal))) => (entry, refusal),
                Err(_) => return Err(Refusal::NoStore),
            },
            Err(refusal) => (entry, refusal),
        };
        let (entry, refusal) = refused;
        let verdict = Verdict::Refused { code: refusal.code(), suggestion: self.clean_suggestion(&refusal) };
        Err(self.turn_away(caller, entry, crossed(verdict), refusal).await)
    }

    /// The newest of the shard's own artifacts whose name begins so. One from another source is not comparable.
    pub async fn latest(
        &self,
        caller: &Caller,
        prefix: &str,
        media_type: &str,
    ) -> Result<Released<Option<Found>>, Refusal> {
        caller.still_reads(&self.ledger, Way::Artifact)?;
        let judged = ArtifactName::parse(prefix).map_err(|_| Refusal::ArtifactName).and_then(|prefix| {
            caller.rights.artifacts.permit_reading(media_type)?;
            caller.spend(Way::Artifact)?;
            Ok(prefix)
        });
        let judged = self.unless_counted(caller, judged)?;
        let started = Instant::now();
        let shown = format!("{}*", self.shown(prefix));
        let entry = self.ask_artifact(caller, &shown, None).await?;
        let crossed = |verdict| crossed(format!("READ {shown}"), verdict, started);
        let found = match judged {
            Ok(prefix) => self.newest(caller, prefix, media_type.to_owned()).await,
            Err(refusal) => Err(refusal),
        };
        match found {
            Ok(found) => {
                let bytes = found.as_ref().map_or(0, |found| found.data.len());
                let facts = Facts {
                    reply_bytes: Some(bytes as u64),
                    rows: Some(found.is_some().into()),
                    result: found.as_ref().map(|found| found.digest),
                    ..Facts::default()
                };
                caller.crossed(crossed(Verdict::Answered { bytes, complete: true }));
                Ok(entry.close(Ending::Release { facts }, found).await?)
            }
            Err(refusal) => {
                let verdict = Verdict::Refused { code: refusal.code(), suggestion: self.clean_suggestion(&refusal) };
                Err(self.turn_away(caller, entry, crossed(verdict), refusal).await)
            }
        }
    }

    fn judge_artifact(
        &self,
        caller: &Caller,
        name: &str,
        media_type: &str,
        data: Vec<u8>,
    ) -> Result<ArtifactPermit, Refusal> {
        let name = ArtifactName::parse(name).map_err(|_| Refusal::ArtifactName)?;
        let permit = caller.rights.artifacts.permit(name, media_type, data)?;
        self.scrubber.leak_of_text(permit.name().as_str().as_bytes(), Place::Artifact)?;
        self.scrubber.leak_of_text(permit.data(), Place::Artifact)?;
        caller.spend(Way::Artifact)?;
        Ok(permit)
    }

    /// What was judged, for the record to tell. A refusal that was counted instead ends it here.
    fn unless_counted<T>(&self, caller: &Caller, judged: Result<T, Refusal>) -> Result<Result<T, Refusal>, Refusal> {
        match judged {
            Err(refusal) if !caller.describes(&self.ledger, Way::Artifact, &refusal) => Err(refusal),
            judged => Ok(judged),
        }
    }

    /// The name is the shard's own text: it is shown and recorded only where it could be an artifact's.
    fn shown(&self, name: &str) -> String {
        let known = ArtifactName::parse(name).ok().filter(|name| self.clean_text(name.as_str()) == name.as_str());
        known.as_ref().map_or("(unreadable name)", ArtifactName::as_str).to_owned()
    }

    async fn ask_artifact(&self, caller: &Caller, shown: &str, bytes: Option<usize>) -> Result<Entry, Refusal> {
        let asked = Asked {
            what: Crossing::Artifact { name: Scrubbed::already_scrubbed(shown.to_owned()) },
            parent: caller.call,
            subject: caller.subject.clone(),
            args_summary: None,
            subjects: Vec::new(),
            request_bytes: bytes.map(|bytes| bytes as u64),
        };
        Ok(self.ledger.ask(asked).await?)
    }

    /// Files are written on a thread that may wait for the disk.
    fn writing(&self, caller: &Caller, permit: ArtifactPermit) -> Result<Writing, Refusal> {
        // Outside of a call no artifact is permitted.
        let (Some(store), Some(call)) = (self.store.clone(), caller.call) else { return Err(Refusal::NoStore) };
        let shard = caller.rights.shard.clone();
        let source = self.source().as_str();
        Ok(tokio::task::spawn_blocking(move || {
            let call = call.to_string();
            let new = New { shard: &shard, name: permit.name(), media_type: permit.media_type(), source, call };
            store.put(&new, permit.data())
        }))
    }

    async fn newest(
        &self,
        caller: &Caller,
        prefix: ArtifactName,
        media_type: String,
    ) -> Result<Option<Found>, Refusal> {
        let Some(store) = self.store.clone() else { return Ok(None) };
        let (shard, source) = (caller.rights.shard.clone(), self.source().as_str());
        let reading = tokio::task::spawn_blocking(move || -> Result<Option<Found>, StoreError> {
            let fits = |kept: &Kept| {
                kept.name.as_str().starts_with(prefix.as_str())
                    && kept.media_type == media_type
                    && kept.source == source
            };
            let Some(kept) = store.list_of(&shard)?.into_iter().find(fits) else { return Ok(None) };
            let (data, digest) = store.read(&kept)?;
            Ok(Some(Found { kept, data, digest }))
        });
        Ok(reading.await.map_err(|_| Refusal::NoStore)??)
    }
}

type Writing = JoinHandle<Result<(Kept, Digest), StoreError>>;

/// Waits for the store and records what became of it. What was not stored is the caller's to refuse.
async fn keep(entry: Entry, writing: Writing) -> Result<Result<Released<Kept>, LedgerError>, (Entry, Refusal)> {
    match writing.await {
        Ok(Ok((kept, digest))) => {
            let facts = Facts { result: Some(digest), ..Facts::default() };
            Ok(entry.close(Ending::Release { facts }, kept).await)
        }
        Ok(Err(error)) => Err((entry, error.into())),
        Err(_) => Err((entry, Refusal::NoStore)),
    }
}

fn crossed(destination: String, verdict: Verdict, started: Instant) -> Crossed {
    Crossed { destination: Some(destination), credential: None, verdict, elapsed: started.elapsed() }
}
