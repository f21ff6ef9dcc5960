//! `nexus:shard/artifacts`: reports that the host keeps.

use super::contract::types::Refusal;
use super::contract::{artifacts, refusal};
use crate::shard::instance::State;

impl artifacts::Host for State {
    async fn put(&mut self, artifact: artifacts::Artifact) -> wasmtime::Result<Result<String, Refusal>> {
        let artifacts::Artifact { name, media_type, data } = artifact;
        Ok(match self.door.put(&self.caller, &name, &media_type, data).await {
            Ok(released) => Ok(released.into_inner().uri()),
            Err(error) => Err(refusal(error.code())),
        })
    }

    async fn latest(
        &mut self,
        prefix: String,
        media_type: String,
    ) -> wasmtime::Result<Result<Option<artifacts::Kept>, Refusal>> {
        Ok(match self.door.latest(&self.caller, &prefix, &media_type).await {
            Ok(released) => Ok(released.into_inner().map(|found| artifacts::Kept {
                uri: found.kept.uri(),
                name: found.kept.name.to_string(),
                data: found.data,
            })),
            Err(error) => Err(refusal(error.code())),
        })
    }
}
