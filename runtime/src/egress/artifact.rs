//! Artifacts through the door: judged, scanned, on record, and stored by the host.

use std::sync::Arc;
use std::time::Instant;

use super::caller::Way;
use super::{Caller, Crossed, Door, Verdict};
use crate::artifacts::{Kept, New, Store, StoreError};
use crate::audit::{Asked, Crossing, Digest, Ending, Facts, Released, Scrubbed};
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
    pub async fn put(
        &self,
        caller: &Caller,
        name: &str,
        media_type: &str,
        data: Vec<u8>,
    ) -> Result<Released<Kept>, Refusal> {
        caller.still_reads(&self.ledger, Way::Artifact)?;
        let bytes = data.len();
        let judged = self.unless_counted(caller, self.judge_artifact(caller, name, media_type, data))?;
        self.kept(caller, name, Some(bytes), async {
            let (kept, digest) = self.write(caller, judged?).await?;
            let facts = Facts { result: Some(digest), ..Facts::default() };
            Ok((kept, facts, bytes))
        })
        .await
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
        self.kept(caller, prefix, None, async {
            let found = self.newest(caller, judged?, media_type.to_owned()).await?;
            let bytes = found.as_ref().map_or(0, |found| found.data.len());
            let facts = Facts {
                reply_bytes: Some(bytes as u64),
                rows: Some(found.is_some().into()),
                result: found.as_ref().map(|found| found.digest),
                ..Facts::default()
            };
            Ok((found, facts, bytes))
        })
        .await
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

    /// Both lines around one act with the store.
    async fn kept<T>(
        &self,
        caller: &Caller,
        name: &str,
        request_bytes: Option<usize>,
        act: impl Future<Output = Result<(T, Facts, usize), Refusal>>,
    ) -> Result<Released<T>, Refusal> {
        let started = Instant::now();
        // The name is the shard's own text: it is recorded only where it could be an artifact's.
        let known = ArtifactName::parse(name).ok().filter(|name| self.clean_text(name.as_str()) == name.as_str());
        let known = known.as_ref().map_or("(unreadable name)", ArtifactName::as_str);
        let (verb, other) = if request_bytes.is_some() { ("KEEP", "") } else { ("READ", "*") };
        let crossed = |verdict| Crossed {
            destination: Some(format!("{verb} {known}{other}")),
            credential: None,
            verdict,
            elapsed: started.elapsed(),
        };
        let asked = Asked {
            what: Crossing::Artifact { name: Scrubbed::already_scrubbed(format!("{known}{other}")) },
            parent: caller.call,
            subject: caller.subject.clone(),
            args_summary: None,
            subjects: Vec::new(),
            request_bytes: request_bytes.map(|bytes| bytes as u64),
        };
        let entry = self.ledger.ask(asked).await?;
        match act.await {
            Ok((done, facts, bytes)) => {
                caller.crossed(crossed(Verdict::Answered { bytes, complete: true }));
                Ok(entry.close(Ending::Release { facts }, done).await?)
            }
            Err(refusal) => {
                let suggestion = self.clean_suggestion(&refusal);
                let crossed = crossed(Verdict::Refused { code: refusal.code(), suggestion });
                Err(self.turn_away(caller, entry, crossed, refusal).await)
            }
        }
    }

    /// Files are written on a thread that may wait for the disk.
    async fn write(&self, caller: &Caller, permit: ArtifactPermit) -> Result<(Kept, Digest), Refusal> {
        let store = self.store.clone().ok_or(Refusal::NoStore)?;
        let shard = caller.rights.shard.clone();
        let source = self.source().as_str();
        let call = caller.call.map(|call| call.to_string()).unwrap_or_default();
        let writing = tokio::task::spawn_blocking(move || {
            let new = New { shard: &shard, name: permit.name(), media_type: permit.media_type(), source, call };
            store.put(&new, permit.data())
        });
        Ok(writing.await.map_err(|_| Refusal::NoStore)??)
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
