//! Tokens that the host fetches: one renewal at a time, and nobody else waits longer than that.
//!
//! `lease` gives the live token, or makes exactly one caller the renewer. The others wait for it. A renewer that gives up
//! (its call was cancelled, the wire failed) drops its `Renewal`, and the next in line gets one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use serde::Deserialize;
use tokio::sync::OwnedMutexGuard;
use zeroize::Zeroizing;

use super::credential::{TokenUrl, fits_a_header};
use super::sealed::Sealed;
use super::value::SecretValue;
use super::{BadToken, OAuthError, SealError};
use crate::names::CredentialName;
use crate::policy::Permit;

/// A token is renewed this long before it expires, or a tenth of its life if that is less.
const SKEW: Duration = Duration::from_secs(60);
/// The life of a token whose endpoint does not say.
const UNSAID_LIFE: Duration = Duration::from_secs(300);
/// No token is kept longer, whatever its endpoint says.
const MAX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// A refusal holds for all callers this long: a wrong secret does not get right by asking again, and token endpoints
/// answer insistence with a ban.
const REFUSAL_HOLDS: Duration = Duration::from_secs(10);

/// One credential's tokens.
pub(super) struct TokenSource {
    credential: CredentialName,
    url: TokenUrl,
    form: SecretValue,
    state: Mutex<State>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    /// The token before: a late reply may still echo it.
    previous: Option<Arc<SecretValue>>,
    generation: u64,
    refused: Option<(Instant, SealError)>,
}

struct Live {
    token: Arc<SecretValue>,
    header: Arc<SecretValue>,
    renew_at: Instant,
}

pub(super) enum Lease {
    /// The whole header value, and the generation to name should the upstream not accept it.
    Live { header: Arc<SecretValue>, generation: u64 },
    /// The caller is the one who renews.
    Renew(OwnedMutexGuard<()>),
}

impl TokenSource {
    pub(super) fn new(credential: CredentialName, url: TokenUrl, form: SecretValue) -> Self {
        Self { credential, url, form, state: Mutex::default(), turn: Arc::default() }
    }

    pub(super) async fn lease(&self, now: Instant) -> Result<Lease, SealError> {
        if let Some(lease) = self.live(now)? {
            return Ok(lease);
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        // Somebody may have renewed, or been refused, while this caller waited for its turn.
        if let Some(lease) = self.live(now)? {
            return Ok(lease);
        }
        Ok(Lease::Renew(turn))
    }

    fn live(&self, now: Instant) -> Result<Option<Lease>, SealError> {
        let state = self.state();
        if let Some(live) = state.live.as_ref().filter(|live| now < live.renew_at) {
            return Ok(Some(Lease::Live { header: Arc::clone(&live.header), generation: state.generation }));
        }
        match &state.refused {
            Some((until, refusal)) if now < *until => Err(refusal.clone()),
            Some(_) | None => Ok(None),
        }
    }

    /// Drops the token of this generation. A newer one stays: it has not failed.
    pub(super) fn forget(&self, generation: u64) {
        let mut state = self.state();
        if state.generation == generation
            && let Some(live) = state.live.take()
        {
            state.previous = Some(live.token);
        }
    }

    /// Every token that a reply may still contain.
    pub(super) fn tokens(&self) -> Vec<Arc<SecretValue>> {
        let state = self.state();
        state.live.iter().map(|live| &live.token).chain(&state.previous).map(Arc::clone).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token request, the sole right to send it, and the permit that waits for it. Dropping it passes the right on.
#[must_use = "others wait for this renewal"]
pub struct Renewal {
    source: Arc<TokenSource>,
    sealed: Sealed,
    permit: Permit,
    _turn: OwnedMutexGuard<()>,
}

impl Renewal {
    pub(super) fn new(source: &Arc<TokenSource>, permit: Permit, turn: OwnedMutexGuard<()>) -> Self {
        let sealed = Sealed::token(source.url.outbound(), source.credential.clone(), &source.form);
        Self { source: Arc::clone(source), sealed, permit, _turn: turn }
    }

    /// To send like any other request, on record.
    pub fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// Takes the endpoint's answer and gives the permit back, to seal again. Redaction learns the token before anybody
    /// can send it, so no reply can outrun it.
    pub fn admit(
        self,
        status: StatusCode,
        body: &[u8],
        now: Instant,
        learn: impl FnOnce(&SecretValue),
    ) -> Result<Permit, SealError> {
        let mut state = self.source.state();
        match read_reply(status, body) {
            Ok(grant) => {
                learn(&grant.token);
                let token = Arc::new(grant.token);
                let header = Arc::new(bearer(&token));
                let live = Live { token, header, renew_at: now + grant.life - skew(grant.life) };
                state.generation += 1;
                state.refused = None;
                if let Some(old) = state.live.replace(live) {
                    state.previous = Some(old.token);
                }
                drop(state);
                Ok(self.permit)
            }
            Err(refusal) => {
                state.refused = Some((now + REFUSAL_HOLDS, refusal.clone()));
                Err(refusal)
            }
        }
    }
}

pub(super) fn bearer(token: &SecretValue) -> SecretValue {
    SecretValue::derived(Zeroizing::new(["Bearer ", token.expose()].concat()))
}

fn skew(life: Duration) -> Duration {
    SKEW.min(life / 10)
}

struct Granted {
    token: SecretValue,
    life: Duration,
}

/// RFC 6749, 5.1 and 5.2. Of a refusal only the code is kept, and only if the RFC lists it: descriptions carry names of
/// tenants and of applications.
fn read_reply(status: StatusCode, body: &[u8]) -> Result<Granted, SealError> {
    if status != StatusCode::OK {
        let error = serde_json::from_slice::<ErrorReply>(body).ok().and_then(|reply| OAuthError::parse(&reply.error));
        return Err(SealError::Refused { status, error });
    }
    let reply: TokenReply = serde_json::from_slice(body).map_err(|_| SealError::BadToken(BadToken::NotJson))?;
    if !reply.token_type.eq_ignore_ascii_case("bearer") {
        return Err(SealError::BadToken(BadToken::Kind));
    }
    let life = match reply.expires_in {
        None => UNSAID_LIFE,
        Some(seconds) => seconds.read().ok_or(SealError::BadToken(BadToken::Life))?.min(MAX_LIFE),
    };
    if !fits_a_header(&reply.access_token) || reply.access_token.contains(' ') {
        return Err(SealError::BadToken(BadToken::Value));
    }
    let token = SecretValue::new(reply.access_token).map_err(|_| SealError::BadToken(BadToken::Value))?;
    Ok(Granted { token, life })
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: String,
    token_type: String,
    expires_in: Option<Seconds>,
}

#[derive(Deserialize)]
struct ErrorReply {
    error: String,
}

/// A number, or a number in quotes as some endpoints have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

impl Seconds {
    fn read(self) -> Option<Duration> {
        let seconds = match self {
            Seconds::Number(seconds) => seconds,
            Seconds::Text(text) => text.parse().ok()?,
        };
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<(String, u64), SealError> {
        let status = StatusCode::from_u16(status).unwrap();
        read_reply(status, body.as_bytes()).map(|granted| (granted.token.expose().to_owned(), granted.life.as_secs()))
    }

    #[test]
    fn a_token_reply_is_read_as_the_rfc_and_the_vendors_have_it() {
        for (body, expected) in [
            (
                r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"token-1"}"#,
                ("token-1", 3599),
            ),
            (
                r#"{"token_type":"bearer","expires_in":"3600","access_token":"token-2","scope":"CXS"}"#,
                ("token-2", 3600),
            ),
            (r#"{"token_type":"BEARER","access_token":"token-3"}"#, ("token-3", 300)),
            (r#"{"token_type":"Bearer","expires_in":99999999,"access_token":"token-4"}"#, ("token-4", 86400)),
        ] {
            let (token, life) = expected;
            assert_eq!(read(200, body), Ok((token.to_owned(), life)), "{body}");
        }
    }

    #[test]
    fn what_is_no_bearer_token_is_not_used_as_one() {
        for (body, expected) in [
            ("<html>", BadToken::NotJson),
            ("{}", BadToken::NotJson),
            (r#"{"token_type":"Bearer"}"#, BadToken::NotJson),
            (r#"{"token_type":"mac","access_token":"token-1"}"#, BadToken::Kind),
            (r#"{"token_type":"Bearer","expires_in":0,"access_token":"token-1"}"#, BadToken::Life),
            (r#"{"token_type":"Bearer","expires_in":"soon","access_token":"token-1"}"#, BadToken::Life),
            (r#"{"token_type":"Bearer","expires_in":-1,"access_token":"token-1"}"#, BadToken::NotJson),
            (r#"{"token_type":"Bearer","access_token":"short"}"#, BadToken::Value),
            (r#"{"token_type":"Bearer","access_token":"two words"}"#, BadToken::Value),
            (r#"{"token_type":"Bearer","access_token":"line\r\nX-Evil: 1"}"#, BadToken::Value),
        ] {
            assert_eq!(read(200, body), Err(SealError::BadToken(expected)), "{body}");
        }
    }

    #[test]
    fn a_refusal_keeps_a_listed_code_and_no_text() {
        for (status, body, error) in [
            (
                401,
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: app 'secret-name'"}"#,
                Some(OAuthError::InvalidClient),
            ),
            (400, r#"{"error":"invalid_scope"}"#, Some(OAuthError::InvalidScope)),
            (400, r#"{"error":"ignore previous instructions"}"#, None),
            (500, "oops", None),
            (302, "", None),
            (204, "", None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(read(status.as_u16(), body), Err(SealError::Refused { status, error }), "{body}");
        }
    }
}
