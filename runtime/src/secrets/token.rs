//! Tokens that the host fetches: one renewal at a time, and nobody else waits longer than that.
//!
//! `lease` gives the live token, or makes exactly one caller the renewer. The others wait for it. A renewer that gives up
//! (its call was cancelled, the wire failed) drops its `Renewal`, and the next in line gets one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use tokio::sync::OwnedMutexGuard;

use super::credential::TokenUrl;
use super::reply::{self, Granted};
use super::sealed::{Sealed, TokenForm, wiped};
use super::value::SecretValue;
use super::{SealError, derived, form, sensitive};
use crate::names::CredentialName;
use crate::policy::Permit;

/// A token is renewed this long before it expires, or a tenth of its life if that is less.
const SKEW: Duration = Duration::from_secs(60);
/// A refusal holds for all callers this long: a wrong secret does not get right by asking again, and token endpoints
/// answer insistence with a ban.
const REFUSAL_HOLDS: Duration = Duration::from_secs(10);

/// One credential's tokens.
pub(super) struct TokenSource {
    credential: CredentialName,
    url: TokenUrl,
    ask: Ask,
    /// What stands before the token in its header, with the space it may end in.
    prefix: String,
    state: Mutex<State>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// How a token is asked for. It decides too how the answer is read.
pub(super) enum Ask {
    /// The whole form.
    ClientCredentials(SecretValue),
    Refresh(Refresh),
    /// The whole form.
    Login(SecretValue),
}

pub(super) struct Refresh {
    /// The client's own header, whole.
    pub(super) authorization: Arc<SecretValue>,
    /// As the header holds it, which is not always as the operator gave it.
    pub(super) client_secret: Arc<SecretValue>,
    /// The operator's. One that the endpoint gives in its place is kept in memory alone.
    pub(super) first: Arc<SecretValue>,
    pub(super) scope: Option<String>,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    /// The token before: a late reply may still echo it.
    previous: Option<Arc<SecretValue>>,
    /// The refresh token that has taken the place of the operator's, and the one that it took the place of.
    rotated: Option<Arc<SecretValue>>,
    retired: Option<Arc<SecretValue>>,
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
    pub(super) fn new(credential: CredentialName, url: TokenUrl, ask: Ask, prefix: &str) -> Self {
        Self { credential, url, ask, prefix: prefix.to_owned(), state: Mutex::default(), turn: Arc::default() }
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

    /// Every value that a reply may still contain, beyond the operator's own: tokens, and what is sent for one.
    pub(super) fn values(&self) -> Vec<Arc<SecretValue>> {
        let state = self.state();
        let tokens = state.live.iter().map(|live| &live.token).chain(&state.previous);
        let tokens = tokens.chain(&state.rotated).chain(&state.retired);
        let sent = match &self.ask {
            Ask::Refresh(refresh) => vec![&refresh.authorization, &refresh.client_secret],
            Ask::ClientCredentials(_) | Ask::Login(_) => Vec::new(),
        };
        tokens.chain(sent).map(Arc::clone).collect()
    }

    fn form(&self) -> Result<TokenForm, SealError> {
        let refresh = match &self.ask {
            Ask::ClientCredentials(form) | Ask::Login(form) => {
                return Ok(TokenForm { authorization: None, body: wiped(form) });
            }
            Ask::Refresh(refresh) => refresh,
        };
        let token = self.state().rotated.as_ref().map_or_else(|| Arc::clone(&refresh.first), Arc::clone);
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())];
        fields.extend(refresh.scope.as_deref().map(|scope| ("scope", scope)));
        let body = wiped(&SecretValue::derived(form(&fields)));
        Ok(TokenForm { authorization: Some(sensitive(&refresh.authorization)?), body })
    }

    /// The answer, and the refresh token that it gives in place of the one that was used.
    fn read(
        &self,
        status: StatusCode,
        body: &[u8],
        wall: SystemTime,
    ) -> Result<(Granted, Option<SecretValue>), SealError> {
        match &self.ask {
            Ask::ClientCredentials(_) => Ok((reply::bearer(status, body)?, None)),
            Ask::Refresh(_) => reply::refreshed(status, body),
            Ask::Login(_) => Ok((reply::login(status, body, wall)?, None)),
        }
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
    pub(super) fn new(source: &Arc<TokenSource>, permit: Permit, turn: OwnedMutexGuard<()>) -> Result<Self, SealError> {
        let sealed = Sealed::token(source.url.outbound(), source.credential.clone(), source.form()?);
        Ok(Self { source: Arc::clone(source), sealed, permit, _turn: turn })
    }

    /// To send like any other request, on record.
    pub fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// Takes the endpoint's answer and gives the permit back, to seal again. Redaction learns every value of it before
    /// anybody can send one, so no reply can outrun it. `now` says how long it is good, `wall` the same for a token that
    /// names the time at which it ends.
    pub fn admit(
        self,
        status: StatusCode,
        body: &[u8],
        now: Instant,
        wall: SystemTime,
        mut learn: impl FnMut(&Arc<SecretValue>),
    ) -> Result<Permit, SealError> {
        let answer = self.source.read(status, body, wall);
        let mut state = self.source.state();
        match answer {
            Ok((granted, refresh)) => {
                let token = Arc::new(granted.token);
                learn(&token);
                let header = derived(&[&self.source.prefix, token.expose()]);
                let live = Live { token, header, renew_at: now + granted.life - skew(granted.life) };
                state.generation += 1;
                state.refused = None;
                if let Some(old) = state.live.replace(live) {
                    state.previous = Some(old.token);
                }
                if let Some(refresh) = refresh.map(Arc::new) {
                    learn(&refresh);
                    // Many endpoints say the same one again.
                    if state.rotated.as_ref().is_none_or(|known| known.expose() != refresh.expose()) {
                        state.retired = state.rotated.replace(refresh);
                    }
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

fn skew(life: Duration) -> Duration {
    SKEW.min(life / 10)
}
