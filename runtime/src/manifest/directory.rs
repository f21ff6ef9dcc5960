//! `[[directory]]` of a manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;

use serde::Deserialize;
use toml::Spanned;

use super::ManifestError;
use super::raw::{MAX_CONCURRENCY, Reader, Sizes, Span};
use crate::names::{CredentialName, DirectoryName, SettingName, ToolName};
use crate::outbound::{Attribute, Dn, Host, Scope, is_oid};
use crate::policy::{DirectoryGrant, LdapServer, Tls};
use crate::secrets::CredentialKind;

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct DirectoryTable {
    /// What the shard calls it.
    name: DirectoryName,
    /// The server.
    #[schemars(with = "String")]
    host: Spanned<String>,
    /// 636 unless said; 389 for starttls.
    #[schemars(with = "Option<NonZeroU16>")]
    port: Option<Spanned<u32>>,
    /// `ldaps` unless said, or `starttls`.
    #[schemars(with = "Option<String>")]
    tls: Option<Spanned<String>>,
    /// Entries at or below which may be searched.
    #[schemars(with = "Vec<String>")]
    bases: Spanned<Vec<Spanned<String>>>,
    /// `base`, `one-level`, `subtree`.
    #[schemars(with = "Vec<String>")]
    scopes: Spanned<Vec<Spanned<String>>>,
    /// What a search may return.
    #[schemars(with = "Vec<String>")]
    attributes: Spanned<Vec<Spanned<String>>>,
    /// What a filter may look at. Absent: what may be returned.
    #[schemars(with = "Option<Vec<String>>")]
    filter_attributes: Option<Spanned<Vec<Spanned<String>>>>,
    /// OIDs of matching rules that a filter may name.
    #[schemars(with = "Option<Vec<String>>")]
    rules: Option<Spanned<Vec<Spanned<String>>>>,
    /// A `[credential.NAME]` of kind `bind`.
    #[schemars(with = "CredentialName")]
    credential: Spanned<CredentialName>,
    /// The only tools that may use the grant. Absent: every tool of the shard.
    #[schemars(with = "Option<BTreeSet<ToolName>>")]
    tools: Option<Spanned<BTreeSet<ToolName>>>,
    /// May reach private addresses, if the operator allows it too.
    #[serde(default)]
    private: bool,
    /// Entries of one search at most; 50000 unless said.
    #[schemars(with = "Option<u32>")]
    entries: Option<Spanned<u32>>,
    /// Searches under way at once.
    #[schemars(with = "Option<u32>", range(min = 1, max = MAX_CONCURRENCY))]
    concurrency: Option<Spanned<u32>>,
    /// How often a page may be asked for, such as `5/s`.
    #[schemars(with = "Option<String>")]
    rate: Option<Spanned<String>>,
}

impl DirectoryTable {
    pub(super) fn sizes(&self) -> Sizes {
        let optional =
            |list: &Option<Spanned<Vec<Spanned<String>>>>| list.as_ref().map_or(0, |list| list.get_ref().len());
        let tools = self.tools.as_ref().map_or(1, |tools| tools.get_ref().len());
        let (bases, scopes) = (self.bases.get_ref().len(), self.scopes.get_ref().len());
        let lists = [
            bases,
            scopes,
            tools,
            self.attributes.get_ref().len(),
            optional(&self.filter_attributes),
            optional(&self.rules),
        ];
        Sizes {
            span: self.host.span(),
            longest: lists.into_iter().max().unwrap_or(0),
            pieces: bases.saturating_mul(scopes).saturating_mul(tools),
        }
    }
}

/// Entries of a search, where the manifest does not say.
const ENTRIES: u32 = 50_000;
const MAX_ENTRIES: u32 = 1_000_000;
const OPEN: &str = "{setting:";

impl Reader<'_> {
    pub(super) fn directory(
        &self,
        table: &DirectoryTable,
        credentials: &BTreeMap<CredentialName, CredentialKind>,
    ) -> Result<DirectoryGrant, ManifestError> {
        let host = self.resolved("host", &table.host)?;
        let host = Host::parse(&host).map_err(|error| {
            self.bad(table.host.span(), format!("host {host:?}: {error}; the port stands in `port`"))
        })?;
        let tls = match table.tls.as_ref().map(|tls| (tls.get_ref().as_str(), tls.span())) {
            None | Some(("ldaps", _)) => Tls::Ldaps,
            Some(("starttls", _)) => Tls::StartTls,
            Some((found, span)) => {
                let problem =
                    format!("tls {found:?}: expected \"ldaps\" or \"starttls\"; nothing is asked without TLS");
                return Err(self.bad(span, problem));
            }
        };
        let port = match &table.port {
            None => tls.default_port(),
            Some(port) => match u16::try_from(*port.get_ref()) {
                Ok(number) if number > 0 => number,
                _ => return Err(self.bad(port.span(), format!("port {}: expected 1 to {}", port.get_ref(), u16::MAX))),
            },
        };
        let attributes = self.attributes("attributes", &table.attributes)?;
        let filter_attributes = match &table.filter_attributes {
            None => attributes.clone(),
            Some(list) => self.attributes("filter-attributes", list)?,
        };
        let pace = self.grant_pace(table.concurrency.as_ref(), table.rate.as_ref())?;
        Ok(DirectoryGrant {
            name: table.name.clone(),
            server: LdapServer { host, port, tls },
            bases: self.each("bases", &table.bases, |text, span| self.base(text, span))?,
            scopes: self.each("scopes", &table.scopes, |text, span| {
                let problem = || format!("scope {text:?}: expected \"base\", \"one-level\" or \"subtree\"");
                Scope::parse(text).ok_or_else(|| self.bad(span, problem()))
            })?,
            attributes,
            filter_attributes,
            rules: match &table.rules {
                None => BTreeSet::new(),
                Some(rules) => self.each("rules", rules, |text, span| {
                    let problem = || format!("rule {text:?}: expected the OID of a matching rule");
                    if is_oid(text) { Ok(text.to_owned()) } else { Err(self.bad(span, problem())) }
                })?,
            },
            credential: self.bind(&table.credential, credentials)?,
            tools: self.grant_tools(table.tools.as_ref())?,
            private: table.private,
            entries: match &table.entries {
                None => ENTRIES,
                Some(entries) if (1..=MAX_ENTRIES).contains(entries.get_ref()) => *entries.get_ref(),
                Some(entries) => {
                    let problem = format!("entries {}: expected 1 to {MAX_ENTRIES}", entries.get_ref());
                    return Err(self.bad(entries.span(), problem));
                }
            },
            pace,
        })
    }

    fn bind(
        &self,
        named: &Spanned<CredentialName>,
        credentials: &BTreeMap<CredentialName, CredentialKind>,
    ) -> Result<CredentialName, ManifestError> {
        let name = named.get_ref();
        let problem = match credentials.get(name) {
            Some(kind) if kind.is_bind() => return Ok(name.clone()),
            Some(_) => format!("credential \"{name}\" is for requests: a directory needs one of kind \"bind\""),
            None => format!("credential \"{name}\" is not defined: add a [credential.{name}]"),
        };
        Err(self.bad(named.span(), problem))
    }

    fn attributes(
        &self,
        key: &str,
        list: &Spanned<Vec<Spanned<String>>>,
    ) -> Result<BTreeSet<Attribute>, ManifestError> {
        self.each(key, list, |text, span| {
            Attribute::parse(text).map_err(|error| self.bad(span, format!("{key} {text:?}: {error}")))
        })
    }

    fn each<T, C: FromIterator<T>>(
        &self,
        key: &str,
        list: &Spanned<Vec<Spanned<String>>>,
        parse: impl Fn(&str, Span) -> Result<T, ManifestError>,
    ) -> Result<C, ManifestError> {
        if list.get_ref().is_empty() {
            return Err(self.bad(list.span(), format!("{key} is empty, which grants nothing: name what is granted")));
        }
        list.get_ref().iter().map(|item| parse(item.get_ref(), item.span())).collect()
    }

    /// A DN, or some parts before `{setting:NAME}`. The value is a DN of its own, so it cannot run into what stands before.
    fn base(&self, text: &str, span: Span) -> Result<Dn, ManifestError> {
        let bad = |problem: String| self.bad(span.clone(), format!("base {text:?}: {problem}"));
        let Some((before, setting)) = text.split_once(OPEN) else {
            return Dn::parse(text).map_err(|error| bad(error.to_string()));
        };
        let is_apart = before.is_empty() || (before.ends_with(',') && !before.ends_with("\\,"));
        let name = setting.strip_suffix('}').filter(|_| is_apart);
        let name = name.ok_or_else(|| bad(format!("{OPEN}NAME}} stands at the end, alone or behind a comma")))?;
        let name = SettingName::parse(name).map_err(|error| bad(error.to_string()))?;
        let value = self.value("bases", &name, &span)?;
        let above = Dn::parse(&value).map_err(|error| bad(format!("setting {name}: {error}")))?;
        if above.is_root() {
            return Err(bad(format!("setting {name} is empty: expected a DN such as DC=example,DC=com")));
        }
        Dn::parse(&format!("{before}{above}")).map_err(|error| bad(error.to_string()))
    }
}
