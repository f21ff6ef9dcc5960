//! The access tokens that mock upstreams have given out. They are random and mean nothing to anyone else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::time::Instant;

use super::routes::TokenForm;

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
    pub(super) fn fresh(&self, form: TokenForm) -> Result<String, NoRandomness> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        let random = hex::encode(bytes);
        Ok(match form {
            TokenForm::Opaque => format!("mock.{random}"),
            TokenForm::Jwt => {
                let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let ends = made + self.lifetime;
                let coded = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
                let head = coded(json!({ "alg": "HS256", "typ": "JWT" }));
                let claims = coded(json!({ "sub": "mock", "iat": made.as_secs(), "exp": ends.as_secs() }));
                // Nobody checks the signature, which makes the token one that cannot be guessed.
                format!("{head}.{claims}.mock{random}")
            }
        })
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
