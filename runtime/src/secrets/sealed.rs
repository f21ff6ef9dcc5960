//! A request with its credential in place.

use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::value::SecretValue;
use crate::names::CredentialName;
use crate::outbound::Outbound;
use crate::policy::Permit;
use crate::policy::address::Reach;

/// A request that may be sent as it is. No `Debug`: it may hold a secret, which only `unseal` shows.
#[must_use]
pub struct Sealed {
    order: Order,
    mark: Option<Mark>,
    secret: Secret,
}

/// On whose word it goes.
enum Order {
    /// A shard asked and the policy permitted.
    Crossing(Box<Permit>),
    /// A credential of the manifest needs a token.
    Token(Arc<Outbound>),
}

/// The credential that was used, and which token of it.
pub(super) struct Mark {
    pub(super) credential: CredentialName,
    pub(super) generation: Option<u64>,
}

pub(super) enum Secret {
    None,
    Header(HeaderName, HeaderValue),
    Form(TokenForm),
}

/// The secret half of a token request.
pub(super) struct TokenForm {
    /// For a client that names itself by HTTP Basic instead of in the form.
    pub(super) authorization: Option<HeaderValue>,
    pub(super) body: Bytes,
}

/// What a socket gets to write, beyond what `Sealed::outbound` says. No `Debug`.
pub struct Unsealed {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Sealed {
    pub(super) fn crossing(permit: Permit, mark: Option<Mark>, secret: Secret) -> Self {
        Self { order: Order::Crossing(Box::new(permit)), mark, secret }
    }

    pub(super) fn token(outbound: Arc<Outbound>, credential: CredentialName, form: TokenForm) -> Self {
        let mark = Mark { credential, generation: None };
        Self { order: Order::Token(outbound), mark: Some(mark), secret: Secret::Form(form) }
    }

    /// The request without its secret.
    pub fn outbound(&self) -> &Outbound {
        match &self.order {
            Order::Crossing(permit) => permit.outbound(),
            Order::Token(outbound) => outbound,
        }
    }

    /// None for a token request: the manifest's credential orders it, not a grant.
    pub fn permit(&self) -> Option<&Permit> {
        match &self.order {
            Order::Crossing(permit) => Some(permit),
            Order::Token(_) => None,
        }
    }

    pub fn credential(&self) -> Option<&CredentialName> {
        self.mark.as_ref().map(|mark| &mark.credential)
    }

    /// The manifest's half of what addresses it may go to; the operator holds the other. A token endpoint that is not
    /// of this machine is a public one.
    pub fn reach(&self) -> Reach {
        match &self.order {
            Order::Crossing(permit) => permit.grant().reach(),
            Order::Token(outbound) => Reach { private: false, loopback: outbound.host().is_loopback() },
        }
    }

    /// Sending it twice does what sending it once does. Not so a token request: a login opens a session, and a refresh
    /// token may be good once.
    pub fn idempotent(&self) -> bool {
        match &self.order {
            Order::Crossing(permit) => permit.outbound().method().is_idempotent() || permit.grant().idempotent,
            Order::Token(_) => false,
        }
    }

    /// Scheme, host and port: what a breaker keeps apart.
    pub fn destination(&self) -> String {
        let outbound = self.outbound();
        format!("{}://{}", outbound.scheme(), outbound.authority())
    }

    /// For the wire alone: shows what was sealed.
    pub(crate) fn unseal(&self) -> Unsealed {
        let outbound = self.outbound();
        let mut headers = outbound.headers().clone();
        let mut body = outbound.body().clone();
        match &self.secret {
            Secret::None => {}
            Secret::Header(name, value) => {
                headers.insert(name.clone(), value.clone());
            }
            Secret::Form(form) => {
                body = form.body.clone();
                headers.extend(form.authorization.iter().map(|value| (AUTHORIZATION, value.clone())));
            }
        }
        Unsealed { headers, body }
    }

    pub(super) fn into_parts(self) -> (Option<Permit>, Option<Mark>) {
        let permit = match self.order {
            Order::Crossing(permit) => Some(*permit),
            Order::Token(_) => None,
        };
        (permit, self.mark)
    }
}

/// A copy that is overwritten when its last holder drops it.
pub(super) fn wiped(secret: &SecretValue) -> Bytes {
    Bytes::from_owner(Zeroizing::new(secret.expose().as_bytes().to_vec()))
}
