//! The file's own shape, and the way from it to `Manifest`.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::credential::CredentialTable;
use super::directory::DirectoryTable;
use super::document::{self, BadDocument};
use super::neighbours::{ArtifactsTable, HealthTable, PeersTable};
use super::units::{self, DURATION, RATE, SIZE};
use super::{Manifest, ManifestError, Values};
use crate::audit::Digest;
use crate::egress::Limits;
use crate::names::{CredentialName, SettingName, ShardName, ToolName};
use crate::outbound::Scheme;
use crate::policy::{Document, EgressGrant, HostPattern, KeepPath, Pace, PathTemplate};
use crate::secrets::CredentialKind;

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    /// Who it is.
    shard: ShardTable,
    /// What it may send.
    #[serde(default)]
    egress: Vec<EgressTable>,
    /// What it may search.
    #[serde(default)]
    directory: Vec<DirectoryTable>,
    /// Whom it may ask.
    peers: Option<PeersTable>,
    /// What it may have kept.
    artifacts: Option<ArtifactsTable>,
    /// How the host finds out whether its systems answer.
    #[serde(default)]
    health: Vec<HealthTable>,
    /// How its requests are authenticated. Secrets by name, never by value.
    #[serde(default)]
    #[schemars(with = "BTreeMap<CredentialName, CredentialTable>")]
    credential: BTreeMap<CredentialName, Spanned<CredentialTable>>,
    /// The operator's values that it may read.
    #[serde(default)]
    #[schemars(with = "BTreeMap<SettingName, SettingTable>")]
    setting: BTreeMap<SettingName, Spanned<SettingTable>>,
    /// What one call may use.
    #[serde(default)]
    limits: LimitsTable,
    /// Its prompts are offered to clients.
    prompts: Option<Nothing>,
    /// Its documents are offered to clients.
    resources: Option<Nothing>,
}

/// A table whose presence says all.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ShardTable {
    /// The shard's name.
    name: ShardName,
    /// As its author counts.
    version: String,
    /// The component's file in this folder.
    #[schemars(with = "String")]
    component: Spanned<String>,
    /// Beginnings of the names of its tools, each ending in `_`.
    #[schemars(with = "Vec<String>")]
    tools_prefix: Spanned<Vec<Spanned<String>>>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct SettingTable {
    /// Where the operator gives no value.
    default: Option<String>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EgressTable {
    /// A host such as `api.example.com`, or `*.example.com` for one label below; `:port` where it is not 443. `{setting:NAME}` takes the operator's value.
    #[schemars(with = "String")]
    host: Spanned<String>,
    /// `https` unless said; `http` for this machine alone.
    #[schemars(with = "Option<String>")]
    scheme: Option<Spanned<String>>,
    /// GET, HEAD, POST, PUT, PATCH, DELETE.
    #[schemars(with = "Vec<String>")]
    methods: Spanned<Vec<Spanned<String>>>,
    /// `/v1.0/users`, `/v1.0/users/{id}` (one segment), `/files/**` (at the end, one or more).
    #[schemars(with = "Vec<String>")]
    paths: Spanned<Vec<Spanned<String>>>,
    /// The keys that a request may have. Absent: a request has no query.
    #[serde(default)]
    query: BTreeSet<String>,
    /// The one credential that a request may name: a `[credential.NAME]`.
    #[schemars(with = "Option<CredentialName>")]
    credential: Option<Spanned<CredentialName>>,
    /// The only tools that may use the grant. Absent: every tool of the shard.
    #[schemars(with = "Option<BTreeSet<ToolName>>")]
    tools: Option<Spanned<BTreeSet<ToolName>>>,
    /// Files with the only GraphQL documents that may be sent.
    #[schemars(with = "Option<Vec<String>>")]
    documents: Option<Spanned<Vec<Spanned<String>>>>,
    /// What of a JSON reply the shard sees, such as `/value/*/id`. Absent: all.
    #[schemars(with = "Option<Vec<String>>")]
    keep: Option<Spanned<Vec<Spanned<String>>>>,
    /// Sending a request twice does what sending it once does: it may be tried again.
    #[serde(default)]
    idempotent: bool,
    /// May reach private addresses, if the operator allows it too.
    #[serde(default)]
    private: bool,
    /// Requests under way at once.
    #[schemars(with = "Option<u32>", range(min = 1, max = MAX_CONCURRENCY))]
    concurrency: Option<Spanned<u32>>,
    /// How often a request may start, such as `5/s`.
    #[schemars(with = "Option<String>")]
    rate: Option<Spanned<String>>,
}

#[derive(Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct LimitsTable {
    /// Linear memory of one call; 64MiB unless said.
    #[schemars(with = "Option<String>")]
    memory: Option<Spanned<String>>,
    /// Wall clock of one call; 30s unless said.
    #[schemars(with = "Option<String>")]
    deadline: Option<Spanned<String>>,
    /// Computing time of one call; 5s unless said.
    #[schemars(with = "Option<String>")]
    cpu: Option<Spanned<String>>,
    /// Requests of one call; 64 unless said.
    #[schemars(with = "Option<u32>")]
    egress_calls: Option<Spanned<u32>>,
    /// Bytes of one reply; 8MiB unless said.
    #[schemars(with = "Option<String>")]
    reply_bytes: Option<Spanned<String>>,
    /// Bytes of the result; 4MiB unless said.
    #[schemars(with = "Option<String>")]
    output_bytes: Option<Spanned<String>>,
}

/// Longest a tool call may be given; a client has long stopped waiting by then.
const MAX_DEADLINE: Duration = Duration::from_secs(600);
const MAX_EGRESS_CALLS: u32 = 10_000;
/// More than a host has calls at once by far.
pub(super) const MAX_CONCURRENCY: u32 = 10_000;
const MAX_BYTES: usize = 64 << 20;

/// Grants of a manifest, of each kind, and values of one list of a grant. What a grant says of methods, paths and tools is
/// compared combination by combination: all grants together have so many.
const MAX_GRANTS: usize = 64;
const MAX_VALUES: usize = 512;
const MAX_PIECES: usize = 4096;

/// Bytes of a setting that a shard reads.
const MAX_SETTING: usize = 1024;

/// Whether a variable of this name is likely to hold what must not leave the vault: a manifest could otherwise read any
/// secret of the environment.
fn names_a_secret(name: &SettingName) -> bool {
    const WORDS: [&str; 12] = [
        "AUTH",
        "COOKIE",
        "CREDENTIAL",
        "CREDENTIALS",
        "KEY",
        "PASSPHRASE",
        "PASSWD",
        "PASSWORD",
        "PAT",
        "PWD",
        "SECRET",
        "TOKEN",
    ];
    name.as_str().split('_').any(|word| WORDS.contains(&word))
}

/// JSON Schema of `shard.toml`.
pub(super) fn schema() -> schemars::Schema {
    let mut schema = schemars::schema_for!(File);
    schema.insert("title".to_owned(), "shard.toml".into());
    schema
        .insert("description".to_owned(), "A shard's manifest: what it asks for, and nothing else is granted.".into());
    schema
}

pub(super) type Span = std::ops::Range<usize>;

/// How much one grant says.
pub(super) struct Sizes {
    pub span: Span,
    /// Values of its longest list.
    pub longest: usize,
    /// Combinations that are compared one by one.
    pub pieces: usize,
}

impl EgressTable {
    fn sizes(&self) -> Sizes {
        let keep = self.keep.as_ref().map_or(0, |keep| keep.get_ref().len());
        let tools = self.tools.as_ref().map_or(1, |tools| tools.get_ref().len());
        let (methods, paths) = (self.methods.get_ref().len(), self.paths.get_ref().len());
        Sizes {
            span: self.host.span(),
            longest: methods.max(paths).max(tools).max(keep).max(self.query.len()),
            pieces: methods.saturating_mul(paths).saturating_mul(tools),
        }
    }
}

pub(super) struct Reader<'a> {
    pub text: &'a str,
    pub file: &'a Path,
    pub values: &'a dyn Values,
    defaults: BTreeMap<SettingName, String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, file: &'a Path, values: &'a dyn Values) -> Self {
        Self { text, file, values, defaults: BTreeMap::new() }
    }

    pub(super) fn read(mut self) -> Result<Manifest, ManifestError> {
        let read: File = toml::from_str(self.text)
            .map_err(|error| self.bad(error.span().unwrap_or_default(), error.message().to_owned()))?;
        let default = |(name, table): (&SettingName, &Spanned<SettingTable>)| {
            table.get_ref().default.clone().map(|default| (name.clone(), default))
        };
        self.defaults = read.setting.iter().filter_map(default).collect();
        self.bounded(&read)?;
        let shard = read.shard;
        let tools_prefix = self.prefixes(&shard.tools_prefix)?;
        let component = self.component(&shard.component)?;
        let credentials = self.credentials(&read.credential)?;
        let egress = read.egress.iter().map(|table| self.egress(table, &credentials)).collect::<Result<_, _>>()?;
        let directories =
            read.directory.iter().map(|table| self.directory(table, &credentials)).collect::<Result<_, _>>()?;
        Ok(Manifest {
            file: self.file.to_owned(),
            digest: Digest::of(self.text.as_bytes()),
            name: shard.name,
            version: shard.version,
            component,
            peers: read.peers.as_ref().map(|table| self.peers(table, &tools_prefix)).transpose()?,
            health: read.health.iter().map(|table| self.probe(table, &tools_prefix)).collect::<Result<_, _>>()?,
            artifacts: read.artifacts.as_ref().map(|table| self.artifacts(table)).transpose()?,
            tools_prefix,
            egress,
            directories,
            credentials,
            paces: self.paces(&read.credential)?,
            limits: self.limits(&read.limits)?,
            settings: self.settings(&read.setting)?,
            prompts: read.prompts.is_some(),
            resources: read.resources.is_some(),
        })
    }

    /// A manifest is read, compared and reviewed before anybody approved it: how much it says is bounded.
    fn bounded(&self, read: &File) -> Result<(), ManifestError> {
        let egress = read.egress.iter().map(EgressTable::sizes);
        let directories = read.directory.iter().map(DirectoryTable::sizes);
        for (key, found) in [("[[egress]]", read.egress.len()), ("[[directory]]", read.directory.len())] {
            if found > MAX_GRANTS {
                return Err(self.bad(0..0, format!("{found} {key}: expected at most {MAX_GRANTS}")));
            }
        }
        let mut all = 0usize;
        for Sizes { span, longest, pieces } in egress.chain(directories) {
            if longest > MAX_VALUES {
                let problem = format!("a list of {longest} values: expected at most {MAX_VALUES}");
                return Err(self.bad(span, problem));
            }
            all = all.saturating_add(pieces);
            if all > MAX_PIECES {
                let problem = format!(
                    "more than {MAX_PIECES} combinations of what grants list (methods, paths and tools; bases, scopes and \
                     tools): name fewer, or make it two shards"
                );
                return Err(self.bad(span, problem));
            }
        }
        Ok(())
    }

    pub(super) fn bad(&self, span: Span, problem: String) -> ManifestError {
        ManifestError::Bad { file: self.file.to_owned(), line: self.line(&span), problem }
    }

    fn line(&self, span: &Span) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        before.filter(|&&byte| byte == b'\n').count() + 1
    }

    fn prefixes(&self, prefixes: &Spanned<Vec<Spanned<String>>>) -> Result<Vec<String>, ManifestError> {
        if prefixes.get_ref().is_empty() {
            return Err(self.bad(prefixes.span(), "tools-prefix is empty: name at least one, such as \"ad_\"".into()));
        }
        for prefix in prefixes.get_ref() {
            let text = prefix.get_ref();
            if ToolName::parse(text).is_err() || !text.ends_with('_') {
                let problem = format!("tools-prefix {text:?}: expected lower-case letters, digits and _, ending in _");
                return Err(self.bad(prefix.span(), problem));
            }
        }
        Ok(prefixes.get_ref().iter().map(|prefix| prefix.get_ref().clone()).collect())
    }

    /// A file name in the manifest's folder: a manifest does not point elsewhere.
    fn component(&self, component: &Spanned<String>) -> Result<std::path::PathBuf, ManifestError> {
        let text = component.get_ref();
        let plain = text.ends_with(".wasm") && !text.starts_with('.') && !text.contains(['/', '\\', '\0']);
        if !plain {
            let problem = format!("component {text:?}: expected a file name ending in .wasm, in the manifest's folder");
            return Err(self.bad(component.span(), problem));
        }
        Ok(self.folder().join(text))
    }

    fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    fn egress(
        &self,
        table: &EgressTable,
        credentials: &BTreeMap<CredentialName, CredentialKind>,
    ) -> Result<EgressGrant, ManifestError> {
        let scheme = match table.scheme.as_ref().map(|scheme| (scheme.get_ref().as_str(), scheme.span())) {
            None | Some(("https", _)) => Scheme::Https,
            Some(("http", _)) => Scheme::Http,
            Some((found, span)) => {
                return Err(
                    self.bad(span, format!("scheme {found:?}: expected \"https\", or \"http\" for a loopback host"))
                );
            }
        };
        let host = self.resolved("host", &table.host)?;
        let host = HostPattern::parse(&host, scheme).map_err(|error| self.bad(table.host.span(), error.to_string()))?;
        if let Some(credential) = &table.credential {
            let name = credential.get_ref();
            let problem = match credentials.get(name) {
                Some(kind) if kind.is_bind() => {
                    Some(format!("credential \"{name}\" is a bind, which is for a [[directory]]"))
                }
                Some(_) => None,
                None => Some(format!("credential \"{name}\" is not defined: add a [credential.{name}]")),
            };
            if let Some(problem) = problem {
                return Err(self.bad(credential.span(), problem));
            }
        }
        let tools = self.grant_tools(table.tools.as_ref())?;
        Ok(EgressGrant {
            scheme,
            host,
            methods: self.list("methods", &table.methods, |text| {
                ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
                    .contains(&text)
                    .then(|| http::Method::from_bytes(text.as_bytes()).ok())
                    .flatten()
                    .ok_or_else(|| format!("method {text:?}: expected GET, HEAD, POST, PUT, PATCH or DELETE"))
            })?,
            paths: self
                .list("paths", &table.paths, |text| PathTemplate::parse(text).map_err(|error| error.to_string()))?,
            query: table.query.clone(),
            credential: table.credential.as_ref().map(|credential| credential.get_ref().clone()),
            tools,
            documents: self.documents(table)?,
            keep: match &table.keep {
                None => None,
                Some(keep) => {
                    Some(self.list("keep", keep, |text| KeepPath::parse(text).map_err(|error| error.to_string()))?)
                }
            },
            idempotent: table.idempotent,
            private: table.private,
            pace: self.grant_pace(table.concurrency.as_ref(), table.rate.as_ref())?,
        })
    }

    /// The tools that may use a grant: all of the shard where the manifest names none.
    pub(super) fn grant_tools(
        &self,
        tools: Option<&Spanned<BTreeSet<ToolName>>>,
    ) -> Result<Option<BTreeSet<ToolName>>, ManifestError> {
        match tools {
            Some(tools) if tools.get_ref().is_empty() => {
                let problem = "tools is empty: leave it out, or name the tools that may use the grant";
                Err(self.bad(tools.span(), problem.to_owned()))
            }
            tools => Ok(tools.map(|tools| tools.get_ref().clone())),
        }
    }

    pub(super) fn grant_pace(
        &self,
        concurrency: Option<&Spanned<u32>>,
        rate: Option<&Spanned<String>>,
    ) -> Result<Pace, ManifestError> {
        let interval = |rate: &Spanned<String>| {
            let problem = || format!("rate {:?}: expected {RATE}", rate.get_ref());
            units::rate(rate.get_ref()).ok_or_else(|| self.bad(rate.span(), problem()))
        };
        let concurrency = concurrency.map(|found| self.concurrency(*found.get_ref(), found.span())).transpose()?;
        Ok(Pace { concurrency, interval: rate.map(interval).transpose()? })
    }

    pub(super) fn concurrency(&self, found: u32, span: Span) -> Result<NonZeroU32, ManifestError> {
        NonZeroU32::new(found)
            .filter(|_| found <= MAX_CONCURRENCY)
            .ok_or_else(|| self.bad(span, format!("concurrency {found}: expected 1 to {MAX_CONCURRENCY}")))
    }

    /// A server also takes a query from the URL, so a grant that fixes the body leaves no other place for one.
    fn documents(&self, table: &EgressTable) -> Result<Option<Vec<Document>>, ManifestError> {
        let Some(list) = &table.documents else {
            return Ok(None);
        };
        let names = list.get_ref();
        if names.is_empty() {
            return Err(self.bad(list.span(), "documents is empty, which grants nothing: name what is granted".into()));
        }
        if names.len() > document::MAX {
            return Err(self.bad(list.span(), format!("documents: expected at most {}", document::MAX)));
        }
        if let Some(method) = table.methods.get_ref().iter().find(|method| method.get_ref() != "POST") {
            let problem = format!("method {:?}: a grant with documents is for \"POST\" alone", method.get_ref());
            return Err(self.bad(method.span(), problem));
        }
        if !table.query.is_empty() {
            return Err(self.bad(list.span(), "documents: a grant with documents has no query".into()));
        }
        let mut documents: Vec<Document> = Vec::new();
        for name in names {
            if documents.iter().any(|document| document.name() == name.get_ref()) {
                return Err(self.bad(name.span(), format!("document {:?} is listed twice", name.get_ref())));
            }
            documents.push(document::read(self.folder(), name.get_ref()).map_err(|error| match error {
                BadDocument::Name(problem) => self.bad(name.span(), problem),
                BadDocument::Text(error) => error,
            })?);
        }
        Ok(Some(documents))
    }

    fn list<T>(
        &self,
        key: &str,
        list: &Spanned<Vec<Spanned<String>>>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ManifestError> {
        if list.get_ref().is_empty() {
            return Err(self.bad(list.span(), format!("{key} is empty, which grants nothing: name what is granted")));
        }
        let parse = |item: &Spanned<String>| {
            let text = self.resolved(key, item)?;
            parse(&text).map_err(|problem| self.bad(item.span(), problem))
        };
        list.get_ref().iter().map(parse).collect()
    }

    /// What the shard may read. A value is one line of text, and may be empty only if the manifest says so.
    fn settings(
        &self,
        tables: &BTreeMap<SettingName, Spanned<SettingTable>>,
    ) -> Result<BTreeMap<SettingName, String>, ManifestError> {
        let setting = |(name, table): (&SettingName, &Spanned<SettingTable>)| {
            let value = self.value(&format!("[setting.{name}]"), name, &table.span())?;
            if value.len() > MAX_SETTING || value.chars().any(char::is_control) {
                let problem = format!("setting {name}: expected one line, at most {MAX_SETTING} bytes");
                return Err(self.bad(table.span(), problem));
            }
            Ok((name.clone(), value))
        };
        tables.iter().map(setting).collect()
    }

    /// The operator's value, else the manifest's own.
    pub(super) fn value(&self, key: &str, name: &SettingName, span: &Span) -> Result<String, ManifestError> {
        if names_a_secret(name) {
            let problem = format!("setting {name} is called like a secret: settings are shown, and shards read them");
            return Err(self.bad(span.clone(), problem));
        }
        let value = self.values.value(name).or_else(|| self.defaults.get(name).cloned());
        value.or_else(|| self.values.stand_in(name)).ok_or_else(|| ManifestError::Unset {
            file: self.file.to_owned(),
            line: self.line(span),
            key: key.into(),
            name: name.clone(),
        })
    }

    fn limits(&self, table: &LimitsTable) -> Result<Limits, ManifestError> {
        let default = Limits::default();
        let size = |key: &str, text: &Option<Spanned<String>>, default: usize, most: usize| match text {
            None => Ok(default),
            Some(text) => units::size(text.get_ref()).filter(|size| (1..=most).contains(size)).ok_or_else(|| {
                let problem = format!("{key} {:?}: expected {SIZE}, 1B to {}MiB", text.get_ref(), most >> 20);
                self.bad(text.span(), problem)
            }),
        };
        let duration = |key: &str, text: &Option<Spanned<String>>, default: Duration| match text {
            None => Ok(default),
            Some(text) => units::duration(text.get_ref())
                .filter(|duration| !duration.is_zero() && *duration <= MAX_DEADLINE)
                .ok_or_else(|| {
                    let problem =
                        format!("{key} {:?}: expected {DURATION}, 1ms to {}s", text.get_ref(), MAX_DEADLINE.as_secs());
                    self.bad(text.span(), problem)
                }),
        };
        let egress_calls = match &table.egress_calls {
            None => default.egress_calls,
            Some(calls) if *calls.get_ref() <= MAX_EGRESS_CALLS => *calls.get_ref(),
            Some(calls) => {
                let problem = format!("egress-calls {}: expected 0 to {MAX_EGRESS_CALLS}", calls.get_ref());
                return Err(self.bad(calls.span(), problem));
            }
        };
        Ok(Limits {
            memory: size("memory", &table.memory, default.memory, Limits::MAX_MEMORY)?,
            deadline: duration("deadline", &table.deadline, default.deadline)?,
            cpu: duration("cpu", &table.cpu, default.cpu)?,
            egress_calls,
            reply_bytes: size("reply-bytes", &table.reply_bytes, default.reply_bytes, MAX_BYTES)?,
            output_bytes: size("output-bytes", &table.output_bytes, default.output_bytes, MAX_BYTES)?,
        })
    }

    pub(super) fn resolved(&self, key: &str, text: &Spanned<String>) -> Result<String, ManifestError> {
        self.resolve(key, text.get_ref(), &text.span())
    }

    /// Replaces every `{setting:NAME}`. A value is a part of a host or one path segment and nothing more, so that an
    /// operator's setting cannot widen what a reviewer approved.
    pub(super) fn resolve(&self, key: &str, text: &str, span: &Span) -> Result<String, ManifestError> {
        const OPEN: &str = "{setting:";
        let mut resolved = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN) {
            let Some((name, after)) = after.split_once('}') else {
                return Err(self.bad(span.clone(), format!("{key} {text:?}: {OPEN} is not closed by }}")));
            };
            let name = SettingName::parse(name).map_err(|error| self.bad(span.clone(), error.to_string()))?;
            let value = self.value(key, &name, span)?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            if value.is_empty() || !value.bytes().all(plain) || value.contains("..") || value == "." {
                let problem = format!("setting {name}: expected letters, digits, '.', '-' and '_' only");
                return Err(self.bad(span.clone(), problem));
            }
            resolved.push_str(before);
            resolved.push_str(&value);
            rest = after;
        }
        resolved.push_str(rest);
        Ok(resolved)
    }
}
