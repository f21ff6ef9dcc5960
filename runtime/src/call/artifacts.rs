//! Artifacts as clients read them. They name people and systems, so reading one is on record like a call.

use std::sync::Arc;

use super::{Fault, Host, Reader};
use crate::artifacts::{Kept, Store, StoreError};
use crate::audit::{self, Crossing, Ending, Facts, Scrubbed};
use crate::refusal::story;
use crate::tool::Body;

impl Host {
    /// Whether any shard may have something kept.
    pub fn keeps_artifacts(&self) -> bool {
        self.router.shards().iter().any(|shard| shard.manifest.artifacts.is_some())
    }

    /// The newest first.
    pub async fn artifacts(&self) -> Result<Vec<Kept>, Fault> {
        self.stored(Store::list).await
    }

    /// One, if it is kept. A file that is not what was stored is an error.
    pub async fn artifact(&self, uri: &str, reader: Reader) -> Result<(Kept, Body), Fault> {
        let wanted = uri.to_owned();
        let Some(kept) = self.stored(move |store| store.find(&wanted)).await? else {
            return Err(self.unknown_document(&reader, "unknown-resource").await);
        };
        let subject = self.asker(reader.principal, reader.client.as_ref());
        let asked = audit::Asked {
            what: Crossing::Artifact { name: Scrubbed::already_scrubbed(kept.name.to_string()) },
            parent: None,
            subject: Arc::new(audit::Subject { shard: Some(kept.shard.clone()), ..subject }),
            args_summary: Some(Scrubbed::already_scrubbed(format!("version {}", kept.version))),
            subjects: Vec::new(),
            request_bytes: None,
        };
        let unrecorded = |error: audit::LedgerError| {
            tracing::error!(%error, "artifact withheld: it cannot be recorded");
            Fault::Unrecorded
        };
        let entry = self.door.ledger().ask(asked).await.map_err(unrecorded)?;
        let result = self.stored(move |store| store.read(&kept).map(|(data, digest)| (kept, data, digest))).await;
        let ending = match &result {
            Ok((_, data, digest)) => Ending::Release {
                facts: Facts { reply_bytes: Some(data.len() as u64), result: Some(*digest), ..Facts::default() },
            },
            Err(fault) => fault.ending(),
        };
        let (kept, data, _) = entry.close(ending, result).await.map_err(unrecorded)?.into_inner()?;
        // It was searched for secrets when it was stored; a token may have come up since.
        let clean = self.door.scrubber().exact(&data).value;
        Ok((kept, String::from_utf8(clean).map_or_else(|error| Body::Blob(error.into_bytes()), Body::Text)))
    }

    /// On a thread that may wait for the disk.
    async fn stored<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Fault> {
        let Some(store) = self.door.shared_store() else { return Err(Fault::NotFound) };
        let done = tokio::task::spawn_blocking(move || act(&store)).await;
        done.map_err(|_| Fault::Kept).and_then(|done| {
            done.map_err(|error| {
                tracing::error!("artifact cannot be read: {}", story(&error));
                Fault::Kept
            })
        })
    }
}
