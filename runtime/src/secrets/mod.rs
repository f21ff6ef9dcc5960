//! Holds what a shard never sees, and puts it into requests that the policy has permitted.
//!
//! Promises: a shard names a credential and learns nothing of its value; a credential goes only with a request that
//! names it, to where a grant names it too; a value has no way to be printed; a token is fetched once for all who wait for it.
//!
//! Does not know: sockets. A token request is handed out to be sent like any other, and its answer is handed back in.

mod bind;
mod credential;
mod reply;
mod sealed;
mod token;
mod value;

#[cfg(test)]
pub(crate) mod tests;

pub use bind::{Account, Bind, SealedSearch};
pub use credential::{BadCredential, CredentialHeader, CredentialKind, SecretRef, Text, TokenUrl};
pub use sealed::{Sealed, Unsealed};
pub use token::Renewal;
pub use value::{BadSecret, SecretValue};

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::names::{CredentialName, SettingName};
use crate::outbound::Outbound;
use crate::policy::{DirectoryPermit, Permit};
use credential::fits_a_header;
use sealed::{Mark, Secret, wiped};
use token::{Ask, Lease, Refresh, TokenSource};

/// One shard's credentials, ready for use. A shard's vault holds no other shard's. Clones share tokens.
#[derive(Clone)]
pub struct Vault {
    slots: BTreeMap<CredentialName, Slot>,
    made_of: BTreeMap<CredentialName, MadeOf>,
    /// Headers that are the host's because some credential of this shard uses them.
    headers: HashSet<HeaderName>,
    /// What must not come back.
    secrets: BTreeMap<SettingName, Arc<SecretValue>>,
}

/// What a credential was made of. Where that is the same, so is the credential, and its tokens are still good.
#[derive(Clone)]
struct MadeOf {
    kind: CredentialKind,
    /// None where a secret is missing.
    secrets: BTreeMap<SettingName, Option<Arc<SecretValue>>>,
}

impl MadeOf {
    fn is(&self, other: &Self) -> bool {
        let same = |one: &Option<Arc<SecretValue>>, other: &Option<Arc<SecretValue>>| match (one, other) {
            (Some(one), Some(other)) => one.is(other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.kind == other.kind
            && self.secrets.iter().all(|(name, one)| other.secrets.get(name).is_some_and(|other| same(one, other)))
    }
}

#[derive(Clone)]
enum Slot {
    /// The header's whole value, prefix and all.
    Header(HeaderName, Arc<SecretValue>),
    Token(Arc<TokenSource>),
    Account(Arc<Account>),
    /// Mock mode: the use is marked, nothing is put in.
    Placeholder,
    Unusable(Unusable),
}

/// What sealing came to.
#[must_use]
pub enum Sealing {
    Ready(Sealed),
    /// A token must be fetched first: send `Renewal::sealed`, hand the answer to `Renewal::admit`, seal again.
    Renew(Box<Renewal>),
}

impl Vault {
    /// A credential whose secrets are missing or unfit is kept as unusable: the shard's other tools still work.
    pub fn new(
        credentials: BTreeMap<CredentialName, CredentialKind>,
        secrets: BTreeMap<SettingName, SecretValue>,
    ) -> Self {
        let mut secrets: BTreeMap<_, _> = secrets.into_iter().map(|(name, value)| (name, Arc::new(value))).collect();
        let headers = credentials.values().filter_map(|kind| kind.header().cloned()).collect();
        let shown = shown(&credentials);
        let slots = credentials
            .iter()
            .map(|(name, kind)| {
                let slot = fill(name, kind, &secrets).unwrap_or_else(Slot::Unusable);
                (name.clone(), slot)
            })
            .collect();
        let made_of = credentials.into_iter().map(|(name, kind)| {
            let used = kind.settings().into_iter().map(|name| (name.clone(), secrets.get(name).map(Arc::clone)));
            let secrets = used.collect();
            (name, MadeOf { kind, secrets })
        });
        let made_of = made_of.collect();
        secrets.retain(|name, _| !shown.contains(name));
        Self { slots, made_of, headers, secrets }
    }

    /// Takes over every credential that the vault before it had too, made of the same: with its tokens, a refresh token
    /// that was given in place of the operator's, and what is remembered of refusals. A credential that was made of
    /// anything else begins anew.
    #[must_use]
    pub fn adopting(mut self, before: &Self) -> Self {
        for (name, slot) in &mut self.slots {
            if let (Some(now), Some(then), Some(known)) =
                (self.made_of.get(name), before.made_of.get(name), before.slots.get(name))
                && now.is(then)
            {
                *slot = known.clone();
            }
        }
        for (name, secret) in &mut self.secrets {
            if let Some(known) = before.secrets.get(name).filter(|known| known.is(secret)) {
                *secret = Arc::clone(known);
            }
        }
        self
    }

    /// Whether both have the same credentials, made of the same.
    pub fn is_made_of(&self, other: &Self) -> bool {
        self.made_of.len() == other.made_of.len()
            && self.made_of.iter().all(|(name, one)| other.made_of.get(name).is_some_and(|other| one.is(other)))
    }

    /// Needs no secrets and puts none in, but keeps every rule and marks every use.
    pub fn mock(credentials: BTreeMap<CredentialName, CredentialKind>) -> Self {
        let headers = credentials.values().filter_map(|kind| kind.header().cloned()).collect();
        let slots = credentials.keys().map(|name| (name.clone(), Slot::Placeholder)).collect();
        let made_of =
            credentials.into_iter().map(|(name, kind)| (name, MadeOf { kind, secrets: BTreeMap::new() })).collect();
        Self { slots, made_of, headers, secrets: BTreeMap::new() }
    }

    /// Puts in the credential that the request names and its grant has. Waits while another caller renews the same token, so the caller's deadline goes
    /// round it.
    pub async fn seal(&self, permit: Permit, now: Instant) -> Result<Sealing, SealError> {
        self.refuse_hosts_headers(permit.outbound())?;
        let Some(name) = permit.credential().cloned() else {
            return Ok(Sealing::Ready(Sealed::crossing(permit, None, Secret::None)));
        };
        let slot = self.slots.get(&name).ok_or_else(|| SealError::Unknown(name.clone()))?;
        let mark = |generation| Some(Mark { credential: name.clone(), generation });
        match slot {
            Slot::Placeholder => Ok(Sealing::Ready(Sealed::crossing(permit, mark(None), Secret::None))),
            Slot::Header(header, value) => {
                let secret = in_header(header, value)?;
                Ok(Sealing::Ready(Sealed::crossing(permit, mark(None), secret)))
            }
            Slot::Token(source) => match source.lease(now).await? {
                Lease::Renew(turn) => Ok(Sealing::Renew(Box::new(Renewal::new(source, permit, turn)?))),
                Lease::Live { header, generation } => {
                    let secret = in_header(&http::header::AUTHORIZATION, &header)?;
                    Ok(Sealing::Ready(Sealed::crossing(permit, mark(Some(generation)), secret)))
                }
            },
            Slot::Account(_) => Err(SealError::ForDirectories(name)),
            Slot::Unusable(reason) => Err(SealError::Unusable { credential: name, reason: reason.clone() }),
        }
    }

    /// Puts in the account that the search's grant binds with.
    pub fn bind(&self, permit: DirectoryPermit) -> Result<SealedSearch, SealError> {
        let name = permit.grant().credential.clone();
        match self.slots.get(&name) {
            Some(Slot::Account(account)) => Ok(SealedSearch::new(permit, Some(Arc::clone(account)))),
            Some(Slot::Placeholder) => Ok(SealedSearch::new(permit, None)),
            Some(Slot::Unusable(reason)) => Err(SealError::Unusable { credential: name, reason: reason.clone() }),
            Some(Slot::Header(..) | Slot::Token(_)) => Err(SealError::ForRequests(name)),
            None => Err(SealError::Unknown(name)),
        }
    }

    /// After a 401: drops the token that failed, and gives the permit back if a new token may help. A static
    /// credential has no other value to try.
    pub fn forget(&self, sealed: Sealed) -> Option<Permit> {
        let (permit, mark) = sealed.into_parts();
        let Mark { credential, generation } = mark?;
        let Slot::Token(source) = self.slots.get(&credential)? else {
            return None;
        };
        source.forget(generation?);
        permit
    }

    /// Every value that must not come back: secrets, what headers make of them, live tokens and those just before.
    pub fn values(&self) -> Vec<Arc<SecretValue>> {
        let made = self.slots.values().flat_map(|slot| match slot {
            Slot::Header(_, value) => vec![Arc::clone(value)],
            Slot::Token(source) => source.values(),
            Slot::Account(_) | Slot::Placeholder | Slot::Unusable(_) => Vec::new(),
        });
        self.secrets.values().map(Arc::clone).chain(made).collect()
    }

    /// Those that the manifest declares.
    pub fn credentials(&self) -> impl Iterator<Item = &CredentialName> {
        self.slots.keys()
    }

    /// What keeps a credential from being used, for the operator to mend.
    pub fn unusable(&self) -> impl Iterator<Item = (&CredentialName, &Unusable)> {
        self.slots.iter().filter_map(|(name, slot)| match slot {
            Slot::Unusable(reason) => Some((name, reason)),
            Slot::Header(..) | Slot::Token(_) | Slot::Account(_) | Slot::Placeholder => None,
        })
    }

    /// A shard that could send a credential's header itself could bring its own key, or pose as another client.
    fn refuse_hosts_headers(&self, outbound: &Outbound) -> Result<(), SealError> {
        match self.headers.iter().find(|name| outbound.headers().contains_key(*name)) {
            Some(name) => Err(SealError::HostsHeader(name.clone())),
            None => Ok(()),
        }
    }
}

/// Secrets by name only: what a bind says in clear beside its password.
fn shown(credentials: &BTreeMap<CredentialName, CredentialKind>) -> BTreeSet<SettingName> {
    let hidden: BTreeSet<_> = credentials.values().flat_map(CredentialKind::hidden).collect();
    let used = credentials.values().flat_map(CredentialKind::settings);
    used.filter(|name| !hidden.contains(name)).cloned().collect()
}

fn in_header(name: &HeaderName, value: &SecretValue) -> Result<Secret, SealError> {
    Ok(Secret::Header(name.clone(), sensitive(value)?))
}

fn sensitive(value: &SecretValue) -> Result<HeaderValue, SealError> {
    // Shares the copy that is wiped on drop, rather than making one more.
    let mut value = HeaderValue::from_maybe_shared(wiped(value)).map_err(|_| SealError::BadToken(BadToken::Value))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Finds a credential's secrets and composes what will be sent.
fn fill(
    name: &CredentialName,
    kind: &CredentialKind,
    secrets: &BTreeMap<SettingName, Arc<SecretValue>>,
) -> Result<Slot, Unusable> {
    let find = |secret: &SecretRef| {
        secrets.get(secret.name()).map(Arc::clone).ok_or_else(|| Unusable::Missing(secret.name().clone()))
    };
    let for_header = |secret: &SecretRef| {
        let value = find(secret)?;
        if fits_a_header(value.expose()) { Ok(value) } else { Err(Unusable::NotAscii(secret.name().clone())) }
    };
    let text = |text: &Text| match text {
        Text::Literal(text) => Ok(Zeroizing::new(text.clone())),
        Text::Secret(secret) => find(secret).map(|value| Zeroizing::new(value.expose().to_owned())),
    };
    let source =
        |url: &TokenUrl, ask, prefix| Slot::Token(Arc::new(TokenSource::new(name.clone(), url.clone(), ask, prefix)));
    match kind {
        CredentialKind::Bearer { token } => {
            Ok(Slot::Header(http::header::AUTHORIZATION, derived(&[BEARER, for_header(token)?.expose()])))
        }
        CredentialKind::Basic { username, password } => {
            let username = text(username)?;
            // RFC 7617: the first colon ends the user name.
            if username.contains(':') {
                return Err(Unusable::ColonInUsername);
            }
            Ok(Slot::Header(http::header::AUTHORIZATION, basic(&username, find(password)?.expose())))
        }
        CredentialKind::Header { header, value } => {
            Ok(Slot::Header(header.name().clone(), derived(&[header.prefix(), for_header(value)?.expose()])))
        }
        CredentialKind::ClientCredentials { token_url, client_id, client_secret, scope } => {
            let secret = find(client_secret)?;
            let client_id = text(client_id)?;
            let mut fields = vec![
                ("grant_type", "client_credentials"),
                ("client_id", client_id.as_str()),
                ("client_secret", secret.expose()),
            ];
            fields.extend(scope.as_deref().map(|scope| ("scope", scope)));
            let ask = Ask::ClientCredentials(SecretValue::derived(form(&fields)));
            Ok(source(token_url, ask, BEARER))
        }
        CredentialKind::RefreshToken { token_url, client_id, client_secret, refresh_token, scope } => {
            // Each is encoded before they are joined, so that a colon in either parts nothing.
            let secret = Arc::new(SecretValue::derived(encoded(find(client_secret)?.expose())));
            let ask = Ask::Refresh(Refresh {
                authorization: basic(&encoded(&text(client_id)?), secret.expose()),
                client_secret: secret,
                first: find(refresh_token)?,
                scope: scope.clone(),
            });
            Ok(source(token_url, ask, BEARER))
        }
        CredentialKind::JwtLogin { login_url, username, password, header } => {
            let (username, password) = (text(username)?, find(password)?);
            let form = form(&[("username", username.as_str()), ("password", password.expose())]);
            Ok(source(login_url, Ask::Login(SecretValue::derived(form)), header.prefix()))
        }
        CredentialKind::Bind { username, password } => {
            Ok(Slot::Account(Arc::new(Account::new(text(username)?, find(password)?)?)))
        }
    }
}

const BEARER: &str = "Bearer ";

/// RFC 7617.
fn basic(username: &str, password: &str) -> Arc<SecretValue> {
    let pair = Zeroizing::new([username, ":", password].concat());
    derived(&["Basic ", Zeroizing::new(STANDARD.encode(pair.as_bytes())).as_str()])
}

fn derived(parts: &[&str]) -> Arc<SecretValue> {
    Arc::new(SecretValue::derived(Zeroizing::new(parts.concat())))
}

/// RFC 3986's unreserved characters stand for themselves; `%20` is read as a space by every form parser.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encoded(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    encoded.extend(utf8_percent_encode(text, FORM));
    encoded
}

fn form(fields: &[(&str, &str)]) -> Zeroizing<String> {
    // Three bytes for each at most: the text never moves, so no copy of a secret is left behind.
    let room = fields.iter().map(|(key, value)| key.len() + 3 * value.len() + 2).sum();
    let mut form = Zeroizing::new(String::with_capacity(room));
    for (key, value) in fields {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(key);
        form.push('=');
        form.extend(utf8_percent_encode(value, FORM));
    }
    form
}

/// Why a permitted request was not given its credential. Static text and names: an endpoint's words do not come along.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("shard has no credential {0}")]
    Unknown(CredentialName),
    #[error("credential {credential} cannot be used: {reason}")]
    Unusable { credential: CredentialName, reason: Unusable },
    #[error("header {0} is a credential's, so a shard may not send it")]
    HostsHeader(HeaderName),
    #[error("token endpoint refused with status {}{}", .status.as_u16(), .error.map(OAuthError::suffix).unwrap_or_default())]
    Refused { status: StatusCode, error: Option<OAuthError> },
    #[error("token endpoint refused with status {} (invalid_grant): the refresh token is expired, revoked or another client's, and a new one is needed", .status.as_u16())]
    Revoked { status: StatusCode },
    #[error("token endpoint gave no usable token: {0}")]
    BadToken(BadToken),
    #[error("credential {0} binds to a directory, so no request carries it")]
    ForDirectories(CredentialName),
    #[error("credential {0} is for requests, so nothing binds with it")]
    ForRequests(CredentialName),
}

/// What the operator has to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("{0} is not set")]
    Missing(SettingName),
    #[error("{0} is not visible ASCII and cannot be sent in a header")]
    NotAscii(SettingName),
    #[error("user name contains a colon, which would end it early")]
    ColonInUsername,
    #[error("user name is blank, and a directory would take the bind for an anonymous one")]
    BlankUsername,
    #[error("password is blank, and a directory would let anybody in by it")]
    BlankPassword,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    #[error("reply lacks access_token or token_type, or is not JSON")]
    NotJson,
    #[error("token_type is not Bearer")]
    Kind,
    #[error("expires_in is not a number of seconds above 0")]
    Life,
    #[error("token cannot be sent in a header, or is too short or too long to be kept from leaking")]
    Value,
    #[error("refresh_token is not text, has control characters, or is too short to be kept from leaking")]
    Refresh,
    #[error("reply is not a signed JSON Web Token (a page to sign on at, perhaps)")]
    NotJwt,
    #[error("exp is not a time to come, in seconds")]
    Expiry,
}

/// The codes of RFC 6749, 5.2. No other text of a token endpoint's is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuthError {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
}

impl OAuthError {
    fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "invalid_request" => OAuthError::InvalidRequest,
            "invalid_client" => OAuthError::InvalidClient,
            "invalid_grant" => OAuthError::InvalidGrant,
            "unauthorized_client" => OAuthError::UnauthorizedClient,
            "unsupported_grant_type" => OAuthError::UnsupportedGrantType,
            "invalid_scope" => OAuthError::InvalidScope,
            _ => return None,
        })
    }

    fn suffix(self) -> &'static str {
        match self {
            OAuthError::InvalidRequest => " (invalid_request)",
            OAuthError::InvalidClient => " (invalid_client)",
            OAuthError::InvalidGrant => " (invalid_grant)",
            OAuthError::UnauthorizedClient => " (unauthorized_client)",
            OAuthError::UnsupportedGrantType => " (unsupported_grant_type)",
            OAuthError::InvalidScope => " (invalid_scope)",
        }
    }
}
