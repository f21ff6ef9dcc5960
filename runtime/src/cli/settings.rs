//! The operator's settings: flags over environment over `nexus.toml` over defaults. Read once, at start; nothing else in
//! Nexus looks at the environment.

#![expect(clippy::disallowed_methods, reason = "settings are where the environment and the operator's files are read")]

mod checks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use serde::Deserialize;

use crate::artifacts::Store;
use crate::audit::{self, Digest, Evidence};
use crate::mcp::ClientLimits;
use crate::names::{SettingName, ShardName};
use crate::outbound::DnsName;
use crate::redact::ResultPolicy;
use crate::secrets::{BadSecret, SecretValue};
use crate::shard::CompileLimits;
use crate::wire::NetworkOptions;
use crate::wire::mock::{Fault, MockOptions};

pub const DEFAULT_FILE: &str = "nexus.toml";
const DEFAULT_BIND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8420);

/// Everything the operator decides, resolved. Paths are absolute or relative to the working directory.
pub struct Settings {
    /// The file they came from, if there is one.
    pub file: Option<PathBuf>,
    /// Of that file.
    pub digest: Option<Digest>,
    pub mock: bool,
    /// Folders that hold one folder per shard.
    pub shards: Vec<PathBuf>,
    pub disabled: Vec<ShardName>,
    pub mock_upstreams: MockUpstreams,
    pub cache: PathBuf,
    pub ledger: PathBuf,
    pub audit: Audit,
    /// What results say of persons.
    pub results: ResultPolicy,
    pub reports: Reports,
    pub sandbox: Sandbox,
    pub loading: Loading,
    pub review: Review,
    pub http: Http,
    pub network: Network,
    /// Values for `{setting:NAME}`.
    pub values: BTreeMap<SettingName, String>,
    /// The same for the mock world; empty in live mode.
    pub mock_values: BTreeMap<SettingName, String>,
}

#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Http {
    pub bind: SocketAddr,
    /// A file with the bearer token that clients must send. Needed for any address but loopback.
    pub token_file: Option<PathBuf>,
    /// Names under which clients reach this host, beside loopback.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call. None are allowed unless named.
    pub allowed_origins: Vec<String>,
    /// Connections at once; fewer where the process may not have so many files open. Half of them may be answered at
    /// once, and a quarter may be streams that stay open.
    #[schemars(range(max = checks::MOST_CLIENTS))]
    pub max_connections: NonZeroU32,
    /// Connections, and sessions, of one address. Absent: three quarters of all for this machine, a quarter for any other. Raise
    /// it behind a reverse proxy on another machine.
    #[schemars(range(max = checks::MOST_CLIENTS))]
    pub max_per_address: Option<NonZeroU32>,
    /// Sessions at once, of the protocol versions that have some. One that nobody waits on is closed for another.
    #[schemars(range(max = checks::MOST_CLIENTS))]
    pub max_sessions: NonZeroU32,
    /// Seconds after which a session that nobody uses is closed.
    #[schemars(range(max = checks::MOST_IDLE))]
    pub session_idle_seconds: NonZeroU32,
    /// Seconds within which the head of a request must have come.
    #[schemars(range(max = checks::HOUR))]
    pub head_seconds: NonZeroU32,
    /// Seconds within which a body must have come. So long may a client not take what is sent to it, too.
    #[schemars(range(max = checks::HOUR))]
    pub body_seconds: NonZeroU32,
    /// Seconds after which a connection without a request is closed.
    #[schemars(range(max = checks::HOUR))]
    pub idle_seconds: NonZeroU32,
}

impl Default for Http {
    fn default() -> Self {
        let of = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            bind: DEFAULT_BIND,
            token_file: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            max_connections: of(1024),
            max_per_address: None,
            max_sessions: of(512),
            session_idle_seconds: of(1800),
            head_seconds: of(10),
            body_seconds: of(30),
            idle_seconds: of(60),
        }
    }
}

impl Http {
    /// With so many connections at most.
    pub fn limits(&self, connections: usize) -> ClientLimits {
        let count = |number: NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
        let seconds = |number: NonZeroU32| Duration::from_secs(number.get().into());
        ClientLimits {
            connections: count(self.max_connections).min(connections),
            per_address: self.max_per_address.map(count),
            sessions: count(self.max_sessions),
            session_idle: seconds(self.session_idle_seconds),
            head: seconds(self.head_seconds),
            body: seconds(self.body_seconds),
            idle: seconds(self.idle_seconds),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Network {
    /// PEM file with certificate authorities to trust beside the operating system's.
    pub extra_ca: Option<PathBuf>,
    /// Fixed addresses for names: a name resolves to this and to nothing else.
    pub resolve: BTreeMap<String, SocketAddr>,
    /// Grants that say `private = true` may reach private address ranges.
    pub allow_private: bool,
    /// Grants that say `scheme = "http"` may reach this machine.
    pub allow_loopback: bool,
}

/// How the record is kept. That it is kept is not a setting.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Audit {
    /// The private key that signs checkpoints: `<ledger>.key` unless said, made at first use.
    pub key: Option<PathBuf>,
    /// The key that makes pseudonyms of persons: `<ledger>.persons` unless said, made at first use.
    pub person_key: Option<PathBuf>,
    /// A checkpoint at the latest after so many lines, and so many seconds after a line.
    pub checkpoint_lines: NonZeroU32,
    pub checkpoint_seconds: NonZeroU32,
    /// Bytes of a file, after which the ledger goes on in another. 0: in one for ever.
    pub rotate_bytes: u64,
    /// Another file with each day, in UTC.
    pub rotate_daily: bool,
    /// Files whose last line is so many days old are removed. Absent: none are.
    pub keep_days: Option<NonZeroU32>,
    /// Lines also go to standard error. `AUDIT_LOG_STDERR` goes before it.
    pub stderr: bool,
    /// Lines also go to this OpenTelemetry collector, as logs and traces: `http://127.0.0.1:4318`.
    pub otlp: Option<String>,
}

impl Default for Audit {
    fn default() -> Self {
        let of = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            key: None,
            person_key: None,
            checkpoint_lines: of(4096),
            checkpoint_seconds: of(60),
            rotate_bytes: 256 << 20,
            rotate_daily: false,
            keep_days: None,
            stderr: false,
            otlp: None,
        }
    }
}

impl Audit {
    pub fn evidence(&self) -> Evidence {
        let days = |days: NonZeroU32| Duration::from_secs(u64::from(days.get()) * 86_400);
        Evidence {
            key: self.key.clone(),
            lines: u64::from(self.checkpoint_lines.get()),
            every: Duration::from_secs(u64::from(self.checkpoint_seconds.get())),
            rotate_bytes: (self.rotate_bytes > 0).then_some(self.rotate_bytes),
            rotate_daily: self.rotate_daily,
            keep: self.keep_days.map(days),
        }
    }
}

/// What was approved, and who may.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Review {
    /// What each shard was approved to do.
    pub lock: PathBuf,
    /// Public keys, as `nexus approve --make-key FILE` prints them. With any, an approval must be signed by one of them.
    pub signers: Vec<String>,
}

impl Default for Review {
    fn default() -> Self {
        Self { lock: "nexus.lock".into(), signers: Vec::new() }
    }
}

impl Review {
    /// Beside the lock: the shards that were stopped.
    pub fn quarantine(&self) -> PathBuf {
        audit::beside(&self.lock, ".quarantine")
    }
}

/// Where the reports of shards are kept.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Reports {
    /// `REPORT_OUTPUT_DIR` goes before it.
    pub folder: PathBuf,
    /// Bytes of all reports together. What would be more is refused; nothing is deleted.
    pub max_bytes: u64,
}

impl Default for Reports {
    fn default() -> Self {
        Self { folder: "reports".into(), max_bytes: 2 << 30 }
    }
}

impl Reports {
    pub fn store(&self) -> Store {
        Store::new(self.folder.clone(), self.max_bytes)
    }
}

/// What all guests together may take of this machine.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Sandbox {
    /// Bytes that the host keeps for all guests together, 64 MiB at least. Beyond it calls are refused as busy. One shard
    /// gets half of it. Without it: half of the machine's memory, or of the control group's if that is less.
    pub max_bytes: Option<usize>,
}

/// Less would not hold the largest guest of a small installation.
const LEAST_MEMORY: usize = 64 << 20;
/// Where the machine does not tell how much memory it has.
const MEMORY_OF_UNKNOWN: usize = 2 << 30;

impl Sandbox {
    /// The bytes of all guests together.
    pub fn memory(&self) -> usize {
        self.max_bytes.unwrap_or_else(|| machine_memory().map_or(MEMORY_OF_UNKNOWN, |all| (all / 2).max(LEAST_MEMORY)))
    }
}

/// Bytes of memory of this machine, or of the control group if that has less (cgroup v2, `memory.max`).
fn machine_memory() -> Option<usize> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = total.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    let all = kilobytes.checked_mul(1024)?;
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse().ok());
    Some(group.map_or(all, |group: usize| group.min(all)))
}

/// What compiling one component may use, in a process of its own. A component is compiled once and kept in `cache`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Loading {
    /// Seconds by the clock, after which the shard stays out.
    #[schemars(range(max = checks::HOUR))]
    pub compile_seconds: NonZeroU32,
    /// Bytes of memory.
    #[schemars(range(min = checks::LEAST_COMPILING, max = checks::MOST_COMPILING))]
    pub compile_bytes: u64,
}

impl Default for Loading {
    fn default() -> Self {
        let CompileLimits { time, memory } = CompileLimits::default();
        let seconds = u32::try_from(time.as_secs()).ok().and_then(NonZeroU32::new);
        Self { compile_seconds: seconds.unwrap_or(NonZeroU32::MIN), compile_bytes: memory }
    }
}

impl Loading {
    pub fn limits(&self) -> CompileLimits {
        CompileLimits { time: Duration::from_secs(u64::from(self.compile_seconds.get())), memory: self.compile_bytes }
    }
}

/// The stand-ins for the real systems.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MockUpstreams {
    pub data: PathBuf,
    /// Folders with tables that are laid over those of `data`.
    pub overlays: Vec<PathBuf>,
    /// How many more people and things to make up.
    pub scale: usize,
    pub faults: Vec<Fault>,
}

impl Default for MockUpstreams {
    fn default() -> Self {
        Self { data: "mock-data".into(), overlays: Vec::new(), scale: 0, faults: Vec::new() }
    }
}

impl MockUpstreams {
    pub fn options(&self) -> MockOptions {
        let Self { data, overlays, scale, faults } = self.clone();
        MockOptions { overlays, scale, faults, ..MockOptions::new(data) }
    }
}

#[derive(Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    mock: Option<bool>,
    shards: Option<Vec<PathBuf>>,
    disabled: Vec<ShardName>,
    mock_upstreams: MockUpstreams,
    cache: Option<PathBuf>,
    ledger: Option<PathBuf>,
    audit: Audit,
    results: ResultPolicy,
    reports: Reports,
    sandbox: Sandbox,
    loading: Loading,
    review: Review,
    http: Http,
    network: Network,
    settings: BTreeMap<SettingName, String>,
}

/// JSON Schema of `nexus.toml`, for editors.
pub fn schema() -> schemars::Schema {
    let mut schema = schemars::schema_for!(File);
    schema.insert("title".to_owned(), "nexus.toml".into());
    schema.insert("description".to_owned(), "The operator's settings. Paths are relative to the file.".into());
    schema
}

/// A settings file as read, and the folder that its paths start from.
#[derive(Default)]
struct Source {
    file: Option<PathBuf>,
    digest: Option<Digest>,
    base: PathBuf,
    read: File,
}

/// What the command line said.
#[derive(Default)]
pub struct Flags {
    pub config: Option<PathBuf>,
    pub mock: Option<bool>,
    pub shards: Vec<PathBuf>,
    pub ledger: Option<PathBuf>,
    pub bind: Option<SocketAddr>,
}

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("settings file {file} cannot be read")]
    Read { file: PathBuf, source: io::Error },
    #[error("settings file {file}: {problem}")]
    Parse { file: PathBuf, problem: String },
    #[error("environment variable {name} is {found:?}: expected {expected}")]
    Variable { name: String, found: String, expected: &'static str },
    #[error("secret {name} cannot be read from {file}")]
    SecretFile { name: SettingName, file: PathBuf, source: io::Error },
    #[error("secret {name}: {file} may be read by others; make it private: chmod 600 {file}")]
    SecretOpen { name: SettingName, file: PathBuf },
    #[error("secret {name}")]
    Secret { name: SettingName, source: BadSecret },
    #[error("token file {} cannot be used", file.display())]
    Token { file: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("network.extra-ca {} cannot be used", file.display())]
    ExtraCa { file: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("network.resolve: {0:?} is not a host name")]
    Resolve(String),
    #[error("{key} is {found}: expected {least} to {most}")]
    Number { key: &'static str, found: u64, least: u64, most: u64 },
    #[error("{key} has {found:?}: expected {expected}")]
    Entry { key: &'static str, found: String, expected: &'static str },
    #[error("sandbox.max-bytes is {found}: expected {LEAST_MEMORY} (64 MiB) or more")]
    Sandbox { found: usize },
}

impl Settings {
    pub fn load(flags: Flags) -> Result<Self, SettingsError> {
        let Source { file, digest, base, read } = read(flags.config)?;
        checks::check(&read)?;
        let from_base = |path: PathBuf| if path.is_absolute() { path } else { base.join(path) };
        let mut http = read.http;
        http.token_file = http.token_file.map(from_base);
        http.bind = flags.bind.unwrap_or(http.bind);
        let mut network = read.network;
        network.extra_ca = network.extra_ca.map(from_base);
        let mut review = read.review;
        review.lock = from_base(review.lock);
        let mut audit = read.audit;
        audit.key = audit.key.map(from_base);
        audit.person_key = audit.person_key.map(from_base);
        audit.stderr = flag("AUDIT_LOG_STDERR")?.unwrap_or(audit.stderr);
        let mock = match (flags.mock, flag("USE_MOCK")?) {
            (Some(mock), _) | (None, Some(mock)) => mock,
            (None, None) => read.mock.unwrap_or(true),
        };
        let shards = if flags.shards.is_empty() {
            let folders = read.shards.unwrap_or_else(|| vec!["target/shards".into()]);
            folders.into_iter().map(from_base).collect()
        } else {
            flags.shards
        };
        if let Some(found) = read.sandbox.max_bytes.filter(|bytes| *bytes < LEAST_MEMORY) {
            return Err(SettingsError::Sandbox { found });
        }
        let ledger = flags.ledger.or_else(|| variable("AUDIT_LOG_FILE").map(PathBuf::from).map(from_base));
        let reports = variable("REPORT_OUTPUT_DIR").map_or(read.reports.folder, PathBuf::from);
        let or_default = |path: Option<PathBuf>, default: &str| from_base(path.unwrap_or_else(|| default.into()));
        let data = from_base(read.mock_upstreams.data);
        Ok(Self {
            mock,
            mock_values: if mock { mock_values(&data.join("settings.toml"))? } else { BTreeMap::new() },
            shards,
            disabled: read.disabled,
            mock_upstreams: MockUpstreams {
                data,
                overlays: read.mock_upstreams.overlays.into_iter().map(from_base).collect(),
                ..read.mock_upstreams
            },
            cache: or_default(read.cache, "target/cache"),
            audit,
            results: read.results,
            ledger: ledger.unwrap_or_else(|| or_default(read.ledger, "logs/nexus_audit.jsonl")),
            reports: Reports { folder: from_base(reports), ..read.reports },
            sandbox: read.sandbox,
            loading: read.loading,
            review,
            http,
            network,
            values: read.settings,
            file,
            digest,
        })
    }

    /// The value of `{setting:NAME}`: the environment's, else the file's.
    pub fn value(&self, name: &SettingName) -> Option<String> {
        variable(name.as_str()).or_else(|| self.values.get(name).cloned())
    }

    /// What clients over HTTP must send, if anything.
    pub fn http_token(&self) -> Result<Option<SecretValue>, SettingsError> {
        let Some(file) = &self.http.token_file else { return Ok(None) };
        let bad =
            |source: Box<dyn std::error::Error + Send + Sync>| SettingsError::Token { file: file.clone(), source };
        let open = fs::metadata(file).map_err(|error| bad(error.into()))?.permissions().mode() & 0o077 != 0;
        if open {
            return Err(bad("it may be read by others; make it private with chmod 600".into()));
        }
        let text = fs::read_to_string(file).map_err(|error| bad(error.into()))?;
        SecretValue::new(text.trim_end_matches(['\r', '\n']).to_owned()).map(Some).map_err(|error| bad(error.into()))
    }

    pub fn network_options(&self) -> Result<NetworkOptions, SettingsError> {
        let extra_roots = match &self.network.extra_ca {
            None => Vec::new(),
            Some(file) => {
                let bad = |source| SettingsError::ExtraCa { file: file.clone(), source };
                let pem = fs::read(file).map_err(|error| bad(error.into()))?;
                NetworkOptions::roots_from_pem(&pem).map_err(|error| bad(error.into()))?
            }
        };
        let resolve = self.network.resolve.iter().map(|(name, address)| {
            let parsed = DnsName::parse(name).map_err(|_| SettingsError::Resolve(name.clone()))?;
            Ok((parsed, *address))
        });
        Ok(NetworkOptions {
            extra_roots,
            resolve: resolve.collect::<Result<_, _>>()?,
            allow_private: self.network.allow_private,
            allow_loopback: self.network.allow_loopback,
        })
    }

    /// What keeps a shard out: `ENABLE_<SHARD>=false`, or `disabled` in the file.
    pub fn disabled_by(&self, shard: &ShardName) -> Result<Option<String>, SettingsError> {
        let name = format!("ENABLE_{}", shard.as_str().to_ascii_uppercase().replace('-', "_"));
        Ok(match flag(&name)? {
            Some(false) => Some(name),
            None if self.disabled.contains(shard) => Some("the settings file".to_owned()),
            Some(true) | None => None,
        })
    }
}

/// A secret's value: the variable of that name, or the content of the file that `<NAME>_FILE` names.
pub fn secret(name: &SettingName) -> Result<Option<SecretValue>, SettingsError> {
    let value = match (variable(name.as_str()), variable(&format!("{name}_FILE"))) {
        (Some(value), _) => value,
        (None, Some(file)) => secret_file(name, Path::new(&file))?,
        (None, None) => return Ok(None),
    };
    SecretValue::new(value).map(Some).map_err(|source| SettingsError::Secret { name: name.clone(), source })
}

fn secret_file(name: &SettingName, file: &Path) -> Result<String, SettingsError> {
    let unreadable = |source| SettingsError::SecretFile { name: name.clone(), file: file.to_owned(), source };
    if fs::metadata(file).map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
        return Err(SettingsError::SecretOpen { name: name.clone(), file: file.to_owned() });
    }
    Ok(fs::read_to_string(file).map_err(unreadable)?.trim_end_matches(['\r', '\n']).to_owned())
}

/// The settings of the mock world, which need not have any.
fn mock_values(file: &Path) -> Result<BTreeMap<SettingName, String>, SettingsError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(SettingsError::Read { file: file.to_owned(), source }),
    };
    toml::from_str(&text).map_err(|error| SettingsError::Parse { problem: error.to_string(), file: file.to_owned() })
}

/// The file named, which must exist; or `nexus.toml` in the working directory, which need not.
fn read(named: Option<PathBuf>) -> Result<Source, SettingsError> {
    let optional = named.is_none();
    let file = named.or_else(|| variable("NEXUS_CONFIG").map(PathBuf::from)).unwrap_or_else(|| DEFAULT_FILE.into());
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if optional && error.kind() == io::ErrorKind::NotFound => {
            return Ok(Source::default());
        }
        Err(source) => return Err(SettingsError::Read { file, source }),
    };
    let read = toml::from_str(&text)
        .map_err(|error| SettingsError::Parse { problem: error.to_string(), file: file.clone() })?;
    let base = file.parent().map(Path::to_owned).unwrap_or_default();
    Ok(Source { digest: Some(Digest::of(text.as_bytes())), file: Some(file), base, read })
}

/// An empty variable counts as absent: container platforms cannot unset one.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn flag(name: &str) -> Result<Option<bool>, SettingsError> {
    match variable(name) {
        None => Ok(None),
        Some(value) => match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => Err(SettingsError::Variable { name: name.into(), found: value, expected: "true or false" }),
        },
    }
}
