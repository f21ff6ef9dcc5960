//! How requests are authenticated, as a manifest declares it: names of secrets, never their values.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::names::{BadName, SettingName};
use crate::outbound::{GuestRequest, Malformed, Outbound};

/// One `[credential.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialKind {
    /// `Authorization: Bearer TOKEN`
    Bearer { token: SecretRef },
    /// `Authorization: Basic base64(USERNAME:PASSWORD)`
    Basic { username: Text, password: SecretRef },
    /// `NAME: PREFIX VALUE`, the prefix with the space it may end in.
    Header { header: CredentialHeader, value: SecretRef },
    /// OAuth 2.0 client credentials (RFC 6749, 4.4), the client named in the form.
    ClientCredentials { token_url: TokenUrl, client_id: Text, client_secret: SecretRef, scope: Option<String> },
    /// OAuth 2.0 refresh token (RFC 6749, 6), the client named by HTTP Basic (2.3.1).
    RefreshToken {
        token_url: TokenUrl,
        client_id: Text,
        client_secret: SecretRef,
        refresh_token: SecretRef,
        scope: Option<String>,
    },
    /// A login by form that answers with a JSON Web Token as its whole text: `Authorization: PREFIX TOKEN`.
    JwtLogin { login_url: TokenUrl, username: Text, password: SecretRef, header: CredentialHeader },
    /// A simple bind (RFC 4513, 5.1.3) of an LDAP directory. The user name is a user principal name or a distinguished
    /// name. For directories alone: no request carries it.
    Bind { username: Text, password: SecretRef },
}

impl CredentialKind {
    /// Whether it is for directories and not for requests.
    pub fn is_bind(&self) -> bool {
        matches!(self, CredentialKind::Bind { .. })
    }

    /// Its kind as manifests write it, and all else that they say of it: names of secrets, never values.
    pub fn describe(&self) -> (&'static str, Vec<(&'static str, String)>) {
        let scoped = |scope: &Option<String>| scope.iter().map(|scope| ("scope", scope.clone())).collect::<Vec<_>>();
        match self {
            CredentialKind::Bearer { token } => ("bearer", vec![("token", token.to_string())]),
            CredentialKind::Basic { username, password } => {
                ("basic", vec![("username", username.to_string()), ("password", password.to_string())])
            }
            CredentialKind::Header { header, value } => (
                "header",
                vec![
                    ("name", header.name.to_string()),
                    ("prefix", header.prefix.clone()),
                    ("value", value.to_string()),
                ],
            ),
            CredentialKind::ClientCredentials { token_url, client_id, client_secret, scope } => {
                let mut says = vec![
                    ("token-url", token_url.text.clone()),
                    ("client-id", client_id.to_string()),
                    ("client-secret", client_secret.to_string()),
                ];
                says.extend(scoped(scope));
                ("oauth2-client-credentials", says)
            }
            CredentialKind::RefreshToken { token_url, client_id, client_secret, refresh_token, scope } => {
                let mut says = vec![
                    ("token-url", token_url.text.clone()),
                    ("client-id", client_id.to_string()),
                    ("client-secret", client_secret.to_string()),
                    ("refresh-token", refresh_token.to_string()),
                ];
                says.extend(scoped(scope));
                ("oauth2-refresh-token", says)
            }
            CredentialKind::JwtLogin { login_url, username, password, header } => (
                "jwt-login",
                vec![
                    ("login-url", login_url.text.clone()),
                    ("username", username.to_string()),
                    ("password", password.to_string()),
                    ("prefix", header.prefix.clone()),
                ],
            ),
            CredentialKind::Bind { username, password } => {
                ("bind", vec![("username", username.to_string()), ("password", password.to_string())])
            }
        }
    }

    /// The settings it cannot do without.
    pub fn settings(&self) -> Vec<&SettingName> {
        match self {
            CredentialKind::Bearer { token } => vec![token.name()],
            CredentialKind::Basic { username, password } => {
                username.setting().into_iter().chain([password.name()]).collect()
            }
            CredentialKind::Header { value, .. } => vec![value.name()],
            CredentialKind::ClientCredentials { client_id, client_secret, .. } => {
                client_id.setting().into_iter().chain([client_secret.name()]).collect()
            }
            CredentialKind::RefreshToken { client_id, client_secret, refresh_token, .. } => {
                client_id.setting().into_iter().chain([client_secret.name(), refresh_token.name()]).collect()
            }
            CredentialKind::JwtLogin { username, password, .. } | CredentialKind::Bind { username, password } => {
                username.setting().into_iter().chain([password.name()]).collect()
            }
        }
    }

    /// The settings that must not come back in a reply. The account of a bind is an entry of the directory like any
    /// other: its name may.
    pub(super) fn hidden(&self) -> Vec<&SettingName> {
        match self {
            CredentialKind::Bind { password, .. } => vec![password.name()],
            CredentialKind::Bearer { .. }
            | CredentialKind::Basic { .. }
            | CredentialKind::Header { .. }
            | CredentialKind::ClientCredentials { .. }
            | CredentialKind::RefreshToken { .. }
            | CredentialKind::JwtLogin { .. } => self.settings(),
        }
    }

    /// The header that is the host's because of it.
    pub fn header(&self) -> Option<&HeaderName> {
        match self {
            CredentialKind::Header { header, .. } | CredentialKind::JwtLogin { header, .. } => Some(&header.name),
            CredentialKind::Bearer { .. }
            | CredentialKind::Basic { .. }
            | CredentialKind::ClientCredentials { .. }
            | CredentialKind::RefreshToken { .. } => Some(&http::header::AUTHORIZATION),
            CredentialKind::Bind { .. } => None,
        }
    }
}

/// `secret:NAME`: a secret by the name that the operator's environment gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef(SettingName);

impl SecretRef {
    pub fn parse(text: &str) -> Result<Self, BadCredential> {
        let name = text.strip_prefix("secret:").ok_or(BadCredential::NotASecret)?;
        Ok(Self(SettingName::parse(name)?))
    }

    pub fn name(&self) -> &SettingName {
        &self.0
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret:{}", self.0)
    }
}

/// A value that need not be secret: a user name or a client's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    Literal(String),
    Secret(SecretRef),
}

impl Text {
    pub fn parse(text: &str) -> Result<Self, BadCredential> {
        if text.starts_with("secret:") {
            return SecretRef::parse(text).map(Text::Secret);
        }
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(BadCredential::BadText);
        }
        Ok(Text::Literal(text.to_owned()))
    }

    fn setting(&self) -> Option<&SettingName> {
        match self {
            Text::Literal(_) => None,
            Text::Secret(secret) => Some(secret.name()),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text::Literal(text) => f.write_str(text),
            Text::Secret(secret) => secret.fmt(f),
        }
    }
}

/// The header a key goes into, and what stands before the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialHeader {
    name: HeaderName,
    /// Visible ASCII and spaces.
    prefix: String,
}

impl CredentialHeader {
    pub fn parse(name: &str, prefix: &str) -> Result<Self, BadCredential> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| BadCredential::BadHeader)?;
        if OURS.contains(&name.as_str()) {
            return Err(BadCredential::BadHeader);
        }
        if !fits_a_header(prefix) {
            return Err(BadCredential::BadPrefix);
        }
        Ok(Self { name, prefix: prefix.to_owned() })
    }

    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// These say how a message is framed, where it goes or what its body is. A key in one of them would change that.
const OURS: [&str; 16] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Visible ASCII and spaces: what every server reads alike.
pub(super) fn fits_a_header(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Where tokens come from. Read by the same parser as a shard's requests, so it has one meaning only.
///
/// `https`, or `http` to this machine: whether the operator allows that is judged when it is dialled.
#[derive(Clone)]
pub struct TokenUrl {
    text: String,
    outbound: Arc<Outbound>,
}

impl TokenUrl {
    /// An OAuth endpoint, which answers in JSON (RFC 6749, 5.1).
    pub fn parse(url: &str) -> Result<Self, BadCredential> {
        Self::answering("application/json", url)
    }

    /// A login that answers with a token as text.
    pub fn login(url: &str) -> Result<Self, BadCredential> {
        Self::answering("text/plain, */*;q=0.1", url)
    }

    fn answering(accept: &str, url: &str) -> Result<Self, BadCredential> {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let outbound = Outbound::parse(GuestRequest {
            method: "POST".to_owned(),
            url: url.to_owned(),
            headers: vec![header("content-type", "application/x-www-form-urlencoded"), header("accept", accept)],
            body: Vec::new(),
            credential: None,
        })?;
        let text = format!("{}://{}{}", outbound.scheme(), outbound.authority(), outbound.path_and_query());
        Ok(Self { text, outbound: Arc::new(outbound) })
    }

    /// The canonical text, for review and lock.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn outbound(&self) -> Arc<Outbound> {
        Arc::clone(&self.outbound)
    }
}

impl PartialEq for TokenUrl {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TokenUrl {}

impl fmt::Debug for TokenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenUrl({:?})", self.text)
    }
}

/// Why a declaration is not a credential.
#[derive(Debug, thiserror::Error)]
pub enum BadCredential {
    #[error("expected `secret:NAME`, a name from the operator's environment")]
    NotASecret,
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("expected text without control characters, or `secret:NAME`")]
    BadText,
    #[error("expected a header that is the credential's alone, such as `Authorization` or `X-Api-Key`")]
    BadHeader,
    #[error("expected visible ASCII and spaces, such as `Token `")]
    BadPrefix,
    #[error("token URL cannot be read in one way only")]
    TokenUrl(#[from] Malformed),
}
