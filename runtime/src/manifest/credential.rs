//! `[credential.NAME]`, and the way from it to a kind and a pace.
//!
//! Problems name the key and never the value: somebody may have written a secret there.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::ManifestError;
use super::raw::{MAX_CONCURRENCY, Reader, Span};
use super::units::{self, RATE};
use crate::names::CredentialName;
use crate::policy::Pace;
use crate::secrets::{BadCredential, CredentialHeader, CredentialKind, SecretRef, Text, TokenUrl};

/// What the AR System's own clients send before a token.
const AR_PREFIX: &str = "AR-JWT ";

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub(super) enum CredentialTable {
    Bearer {
        token: String,
        #[schemars(range(min = 1, max = MAX_CONCURRENCY))]
        concurrency: Option<u32>,
        rate: Option<String>,
    },
    Basic {
        username: String,
        password: String,
        #[schemars(range(min = 1, max = MAX_CONCURRENCY))]
        concurrency: Option<u32>,
        rate: Option<String>,
    },
    Header {
        name: String,
        #[serde(default)]
        prefix: String,
        value: String,
        #[schemars(range(min = 1, max = MAX_CONCURRENCY))]
        concurrency: Option<u32>,
        rate: Option<String>,
    },
    Oauth2ClientCredentials {
        token_url: String,
        client_id: String,
        client_secret: String,
        scope: Option<String>,
        #[schemars(range(min = 1, max = MAX_CONCURRENCY))]
        concurrency: Option<u32>,
        rate: Option<String>,
    },
    Oauth2RefreshToken {
        token_url: String,
        client_id: String,
        client_secret: String,
        refresh_token: String,
        scope: Option<String>,
        #[schemars(range(min = 1, max = MAX_CONCURRENCY))]
        concurrency: Option<u32>,
        rate: Option<String>,
    },
    JwtLogin {
        login_url: String,
        username: String,
        password: String,
        prefix: Option<String>,
        #[schemars(range(min = 1, max = MAX_CONCURRENCY))]
        concurrency: Option<u32>,
        rate: Option<String>,
    },
    Bind {
        username: String,
        password: String,
        #[schemars(range(min = 1, max = MAX_CONCURRENCY))]
        concurrency: Option<u32>,
        rate: Option<String>,
    },
}

impl Reader<'_> {
    pub(super) fn credentials(
        &self,
        tables: &BTreeMap<CredentialName, Spanned<CredentialTable>>,
    ) -> Result<BTreeMap<CredentialName, CredentialKind>, ManifestError> {
        let kind = |(name, table): (&CredentialName, &Spanned<CredentialTable>)| {
            Ok((name.clone(), self.credential(table.get_ref(), &table.span())?))
        };
        tables.iter().map(kind).collect()
    }

    pub(super) fn paces(
        &self,
        tables: &BTreeMap<CredentialName, Spanned<CredentialTable>>,
    ) -> Result<BTreeMap<CredentialName, Pace>, ManifestError> {
        let mut paces = BTreeMap::new();
        for (name, table) in tables {
            let pace = self.pace(table.get_ref(), table.span())?;
            if pace != Pace::default() {
                paces.insert(name.clone(), pace);
            }
        }
        Ok(paces)
    }

    fn credential(&self, table: &CredentialTable, span: &Span) -> Result<CredentialKind, ManifestError> {
        let bad = |key: &str, error: BadCredential| self.bad(span.clone(), format!("{key}: {error}"));
        let secret = |key: &str, value: &str| SecretRef::parse(value).map_err(|error| bad(key, error));
        let text = |key: &str, value: &str| Text::parse(value).map_err(|error| bad(key, error));
        Ok(match table {
            CredentialTable::Bearer { token, .. } => CredentialKind::Bearer { token: secret("token", token)? },
            CredentialTable::Basic { username, password, .. } => {
                CredentialKind::Basic { username: text("username", username)?, password: secret("password", password)? }
            }
            CredentialTable::Header { name, prefix, value, .. } => CredentialKind::Header {
                header: CredentialHeader::parse(name, prefix).map_err(|error| bad("name", error))?,
                value: secret("value", value)?,
            },
            CredentialTable::Oauth2ClientCredentials { token_url, client_id, client_secret, scope, .. } => {
                let token_url = self.resolve("token-url", token_url, span)?;
                CredentialKind::ClientCredentials {
                    token_url: TokenUrl::parse(&token_url).map_err(|error| bad("token-url", error))?,
                    client_id: text("client-id", client_id)?,
                    client_secret: secret("client-secret", client_secret)?,
                    scope: scope.clone(),
                }
            }
            CredentialTable::Oauth2RefreshToken {
                token_url, client_id, client_secret, refresh_token, scope, ..
            } => {
                let token_url = self.resolve("token-url", token_url, span)?;
                CredentialKind::RefreshToken {
                    token_url: TokenUrl::parse(&token_url).map_err(|error| bad("token-url", error))?,
                    client_id: text("client-id", client_id)?,
                    client_secret: secret("client-secret", client_secret)?,
                    refresh_token: secret("refresh-token", refresh_token)?,
                    scope: scope.clone(),
                }
            }
            CredentialTable::JwtLogin { login_url, username, password, prefix, .. } => {
                let login_url = self.resolve("login-url", login_url, span)?;
                let prefix = prefix.as_deref().unwrap_or(AR_PREFIX);
                CredentialKind::JwtLogin {
                    login_url: TokenUrl::login(&login_url).map_err(|error| bad("login-url", error))?,
                    username: text("username", username)?,
                    password: secret("password", password)?,
                    header: CredentialHeader::parse("authorization", prefix).map_err(|error| bad("prefix", error))?,
                }
            }
            CredentialTable::Bind { username, password, .. } => {
                CredentialKind::Bind { username: text("username", username)?, password: secret("password", password)? }
            }
        })
    }

    fn pace(&self, table: &CredentialTable, span: Span) -> Result<Pace, ManifestError> {
        let (CredentialTable::Bearer { concurrency, rate, .. }
        | CredentialTable::Basic { concurrency, rate, .. }
        | CredentialTable::Header { concurrency, rate, .. }
        | CredentialTable::Oauth2ClientCredentials { concurrency, rate, .. }
        | CredentialTable::Oauth2RefreshToken { concurrency, rate, .. }
        | CredentialTable::JwtLogin { concurrency, rate, .. }
        | CredentialTable::Bind { concurrency, rate, .. }) = table;
        let interval = match rate {
            None => None,
            Some(rate) => {
                let problem = || format!("rate: expected {RATE}");
                Some(units::rate(rate).ok_or_else(|| self.bad(span.clone(), problem()))?)
            }
        };
        let concurrency = concurrency.map(|found| self.concurrency(found, span)).transpose()?;
        Ok(Pace { concurrency, interval })
    }
}
