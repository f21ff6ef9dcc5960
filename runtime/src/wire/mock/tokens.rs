//! The access tokens that mock upstreams have given out. They are random and mean nothing to anyone else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub(super) struct Tokens {
    pub(super) lifetime: Duration,
    given: Mutex<HashMap<String, Given>>,
}

struct Given {
    upstream: String,
    until: Instant,
}

/// No randomness to be had. Without it there are no tokens.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub(super) struct NoRandomness;

impl Tokens {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self { lifetime, given: Mutex::default() }
    }

    /// A token that is good nowhere yet.
    pub(super) fn fresh() -> Result<String, NoRandomness> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(format!("mock.{}", hex::encode(bytes)))
    }

    pub(super) fn admit(&self, upstream: &str, token: String) {
        let until = Instant::now() + self.lifetime;
        let given = Given { upstream: upstream.to_owned(), until };
        self.given.lock().unwrap_or_else(PoisonError::into_inner).insert(token, given);
    }

    pub(super) fn good_at(&self, upstream: &str, token: &str) -> bool {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.get(token).is_some_and(|given| given.upstream == upstream && Instant::now() < given.until)
    }

    pub(super) fn expire(&self) {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
