//! What a shard may do, in full and in words: the manifest with the operator's settings in place, and what the component
//! itself says it imports and offers. Made anew each time from these, never carried on from what was approved before.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::LockError;
use super::finding::Place;
use super::outline::{outline, personal_fields};
use crate::audit::Digest;
use crate::egress;
use crate::manifest::{Manifest, Probe, units};
use crate::names::{CredentialName, DirectoryName, SettingName, ShardName, ToolName};
use crate::outbound::{Attribute, Dn, Host, Scheme, Scope};
use crate::policy::{self, Document, EgressGrant, HostPattern, KeepPath, Pace, PathTemplate, Tls};
use crate::secrets::CredentialKind;
use crate::tool::{self, Category, Prompt, Tool};

/// All that a shard may do. Its fields stand in the lock under these names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Authority {
    /// As its author counts. Says nothing of what it may do.
    pub version: String,
    /// SHA-256 of the component's bytes, as `sha256:` and hex.
    pub component: String,
    /// Beginnings of the names that its tools and prompts may have.
    pub tools_prefix: BTreeSet<String>,
    #[serde(default)]
    pub imports: Imports,
    pub limits: Limits,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<SettingName, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<Peers>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<Artifacts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<Health>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<Egress>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directory: Vec<Directory>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credential: BTreeMap<CredentialName, Credential>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tool: BTreeMap<ToolName, PinnedTool>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prompt: BTreeMap<ToolName, PinnedPrompt>,
    /// By URI.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub document: BTreeMap<String, PinnedDocument>,
}

/// What the component's binary imports. What it may not import keeps it from being loaded at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imports {
    /// Leads to the door.
    #[serde(default)]
    pub granted: BTreeSet<String>,
    /// Is linked and reaches nothing.
    #[serde(default)]
    pub inert: BTreeSet<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    pub memory: String,
    pub deadline: String,
    pub cpu: String,
    pub egress_calls: u32,
    pub reply_bytes: String,
    pub output_bytes: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    pub tools: BTreeSet<ToolName>,
    pub calls: u32,
    pub concurrency: NonZeroU32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Artifacts {
    pub media_types: BTreeSet<String>,
    pub bytes: String,
    pub count: u32,
}

/// A call that the host makes by itself when it is asked whether the systems answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    pub system: String,
    pub tool: ToolName,
    /// JSON.
    pub arguments: String,
}

/// One `[[egress]]`, settings in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    pub host: String,
    #[serde(default = "https", skip_serializing_if = "is_https")]
    pub scheme: String,
    pub methods: Vec<String>,
    pub paths: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub query: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<BTreeSet<ToolName>>,
    /// Name and digest of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub idempotent: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub private: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<NonZeroU32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
}

/// One `[[directory]]`, settings in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Directory {
    pub name: DirectoryName,
    pub host: String,
    pub port: u16,
    pub tls: String,
    pub bases: Vec<String>,
    pub scopes: Vec<String>,
    pub attributes: Vec<String>,
    pub filter_attributes: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rules: BTreeSet<String>,
    pub credential: CredentialName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<BTreeSet<ToolName>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub private: bool,
    pub entries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<NonZeroU32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
}

/// A credential: what it is made of, by name, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Credential {
    pub kind: String,
    /// Everything else that the manifest says of it, but for values that are secret: those it names.
    pub says: BTreeMap<String, String>,
    /// Where it goes by the grants: hosts.
    pub reach: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<NonZeroU32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
}

/// A tool as clients and models see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedTool {
    /// SHA-256 of the whole definition.
    pub digest: String,
    pub title: String,
    pub category: Category,
    /// The annotations that are true.
    pub hints: BTreeSet<String>,
    pub description: String,
    /// Names of the fields that its results say of a person, by class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sees: BTreeMap<String, BTreeSet<String>>,
    /// The input schema, a line for each place.
    pub input: Vec<String>,
    /// The output schema, likewise.
    pub output: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedPrompt {
    pub title: String,
    pub description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PinnedDocument {
    pub name: String,
    pub title: String,
    pub description: String,
    pub media_type: String,
}

/// What was read from the component.
pub struct Component<'a> {
    /// As `sha256:` and hex.
    pub digest: String,
    pub imports: &'a [String],
    pub tools: &'a [Tool],
    pub prompts: &'a [Prompt],
    pub documents: &'a [tool::Document],
}

fn https() -> String {
    "https".to_owned()
}

fn is_https(scheme: &str) -> bool {
    scheme == "https"
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Authority {
    pub fn of(manifest: &Manifest, component: &Component<'_>) -> Result<Self, LockError> {
        let egress: Vec<Egress> = manifest.egress.iter().map(Egress::of).collect();
        let directory: Vec<Directory> = manifest.directories.iter().map(Directory::of).collect();
        let credential = manifest.credentials.iter().map(|(name, kind)| {
            let requests = egress.iter().filter(|grant| grant.credential.as_ref() == Some(name)).map(Egress::place);
            let searches = directory.iter().filter(|grant| grant.credential == *name).map(Directory::place);
            let pace = manifest.paces.get(name).copied().unwrap_or_default();
            (name.clone(), Credential::of(kind, requests.chain(searches).collect(), pace))
        });
        let tools = component.tools.iter().map(|tool| Ok((tool.name.clone(), PinnedTool::of(tool)?)));
        Ok(Self {
            version: manifest.version.clone(),
            component: component.digest.clone(),
            tools_prefix: manifest.tools_prefix.iter().cloned().collect(),
            imports: Imports::of(component.imports, manifest),
            limits: Limits::of(&manifest.limits),
            settings: manifest.settings.clone(),
            peers: manifest.peers.as_ref().map(|peers| Peers {
                tools: peers.tools.clone(),
                calls: peers.calls,
                concurrency: peers.concurrency,
            }),
            artifacts: manifest.artifacts.as_ref().map(|artifacts| Artifacts {
                media_types: artifacts.media_types.clone(),
                bytes: units::write_size(artifacts.bytes),
                count: artifacts.count,
            }),
            health: manifest.health.iter().map(Health::of).collect(),
            credential: credential.collect(),
            egress,
            directory,
            tool: tools.collect::<Result<_, LockError>>()?,
            prompt: component.prompts.iter().map(|prompt| (prompt.name.clone(), PinnedPrompt::of(prompt))).collect(),
            document: component.documents.iter().map(|one| (one.uri.clone(), PinnedDocument::of(one))).collect(),
        })
    }

    /// SHA-256 of everything in it. An approval is bound to this.
    pub fn digest(&self, shard: &ShardName) -> Result<String, LockError> {
        digest_of(&(shard, self))
    }

    /// The grants, each at the place where it stands in `egress`.
    pub(super) fn grants(&self) -> Result<Vec<EgressGrant>, UnreadableGrant> {
        let read = |(n, grant): (usize, &Egress)| {
            grant.grant().ok_or_else(|| UnreadableGrant { at: Place::Egress(n), what: grant.place() })
        };
        self.egress.iter().enumerate().map(read).collect()
    }

    /// The directories, each at the place where it stands in `directory`.
    pub(super) fn directories(&self) -> Result<Vec<policy::DirectoryGrant>, UnreadableGrant> {
        let read = |(n, grant): (usize, &Directory)| {
            grant.grant().ok_or_else(|| UnreadableGrant { at: Place::Directory(n), what: grant.place() })
        };
        self.directory.iter().enumerate().map(read).collect()
    }
}

/// A grant with words that no manifest could say. Nobody can tell what it allows.
#[derive(Debug)]
pub(super) struct UnreadableGrant {
    pub(super) at: Place,
    pub(super) what: String,
}

/// SHA-256 of a value's JSON, whose maps are sorted.
pub(super) fn digest_of(value: &impl Serialize) -> Result<String, LockError> {
    let json = serde_json::to_vec(value).map_err(LockError::Digest)?;
    Ok(Digest::of(&json).to_string())
}

impl Imports {
    /// `wasi:http` leads to the same door as `egress`, and where nothing is granted it leads nowhere.
    fn of(imports: &[String], manifest: &Manifest) -> Self {
        const DOORS: [&str; 4] =
            ["nexus:shard/egress", "nexus:shard/directory", "nexus:shard/peers", "nexus:shard/artifacts"];
        let is_granted = |import: &&String| {
            DOORS.iter().any(|door| import.starts_with(door))
                || import.starts_with("wasi:http/outgoing-handler") && !manifest.egress.is_empty()
        };
        let (granted, inert): (Vec<_>, Vec<_>) = imports.iter().partition(is_granted);
        Self { granted: granted.into_iter().cloned().collect(), inert: inert.into_iter().cloned().collect() }
    }
}

impl Limits {
    fn of(limits: &egress::Limits) -> Self {
        Self {
            memory: units::write_size(limits.memory),
            deadline: units::write_duration(limits.deadline),
            cpu: units::write_duration(limits.cpu),
            egress_calls: limits.egress_calls,
            reply_bytes: units::write_size(limits.reply_bytes),
            output_bytes: units::write_size(limits.output_bytes),
        }
    }
}

impl Health {
    fn of(probe: &Probe) -> Self {
        let arguments = probe.arguments.to_string();
        Self { system: probe.system.clone(), tool: probe.tool.clone(), arguments }
    }
}

/// None for a rate that no manifest could say.
pub(super) fn pace(concurrency: Option<NonZeroU32>, rate: Option<&str>) -> Option<Pace> {
    let interval = match rate {
        None => None,
        Some(rate) => Some(units::rate(rate)?),
    };
    Some(Pace { concurrency, interval })
}

impl Egress {
    fn of(grant: &EgressGrant) -> Self {
        let document = |document: &Document| format!("{} {}", document.name(), document.digest());
        Self {
            host: grant.host.to_string(),
            scheme: grant.scheme.to_string(),
            methods: grant.methods.iter().map(ToString::to_string).collect(),
            paths: grant.paths.iter().map(ToString::to_string).collect(),
            query: grant.query.clone(),
            credential: grant.credential.clone(),
            tools: grant.tools.clone(),
            documents: grant.documents.as_ref().map(|documents| documents.iter().map(document).collect()),
            keep: grant.keep.as_ref().map(|keep| keep.iter().map(ToString::to_string).collect()),
            idempotent: grant.idempotent,
            private: grant.private,
            concurrency: grant.pace.concurrency,
            rate: grant.pace.interval.map(units::write_rate),
        }
    }

    /// The way back. None for what no manifest could say.
    fn grant(&self) -> Option<EgressGrant> {
        let scheme = match self.scheme.as_str() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return None,
        };
        let document = |text: &String| {
            let (name, digest) = text.rsplit_once(' ')?;
            Document::locked(name, digest)
        };
        let list = |list: &Vec<String>| list.iter().map(|text| KeepPath::parse(text).ok()).collect::<Option<Vec<_>>>();
        let method = |text: &String| http::Method::from_bytes(text.as_bytes()).ok();
        Some(EgressGrant {
            scheme,
            host: HostPattern::parse(&self.host, scheme).ok()?,
            methods: self.methods.iter().map(method).collect::<Option<_>>()?,
            paths: self.paths.iter().map(|path| PathTemplate::parse(path).ok()).collect::<Option<_>>()?,
            query: self.query.clone(),
            credential: self.credential.clone(),
            tools: self.tools.clone(),
            documents: match &self.documents {
                None => None,
                Some(documents) => Some(documents.iter().map(document).collect::<Option<_>>()?),
            },
            keep: match &self.keep {
                None => None,
                Some(keep) => Some(list(keep)?),
            },
            idempotent: self.idempotent,
            private: self.private,
            pace: pace(self.concurrency, self.rate.as_deref())?,
        })
    }

    /// May change something there, as far as its methods say: a `POST` that only reads is marked, or has its documents
    /// fixed.
    pub fn is_write(&self) -> bool {
        let reads = |method: &String| method == "GET" || method == "HEAD";
        !self.methods.iter().all(reads) && !self.idempotent && self.documents.is_none()
    }

    pub fn serves(&self, tool: &ToolName) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.contains(tool))
    }

    /// `https://graph.microsoft.com`.
    pub fn place(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }
}

impl Directory {
    fn of(grant: &policy::DirectoryGrant) -> Self {
        let attributes =
            |set: &BTreeSet<Attribute>| set.iter().map(|attribute| attribute.as_str().to_owned()).collect();
        Self {
            name: grant.name.clone(),
            host: grant.server.host.to_string(),
            port: grant.server.port,
            tls: match grant.server.tls {
                Tls::Ldaps => "ldaps".to_owned(),
                Tls::StartTls => "starttls".to_owned(),
            },
            bases: grant.bases.iter().map(ToString::to_string).collect(),
            scopes: grant.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            attributes: attributes(&grant.attributes),
            filter_attributes: attributes(&grant.filter_attributes),
            rules: grant.rules.clone(),
            credential: grant.credential.clone(),
            tools: grant.tools.clone(),
            private: grant.private,
            entries: grant.entries,
            concurrency: grant.pace.concurrency,
            rate: grant.pace.interval.map(units::write_rate),
        }
    }

    fn grant(&self) -> Option<policy::DirectoryGrant> {
        let attributes = |list: &[String]| list.iter().map(|text| Attribute::parse(text).ok()).collect::<Option<_>>();
        Some(policy::DirectoryGrant {
            name: self.name.clone(),
            server: policy::LdapServer {
                host: Host::parse(&self.host).ok()?,
                port: self.port,
                tls: match self.tls.as_str() {
                    "ldaps" => Tls::Ldaps,
                    "starttls" => Tls::StartTls,
                    _ => return None,
                },
            },
            bases: self.bases.iter().map(|base| Dn::parse(base).ok()).collect::<Option<_>>()?,
            scopes: self.scopes.iter().map(|scope| Scope::parse(scope)).collect::<Option<_>>()?,
            attributes: attributes(&self.attributes)?,
            filter_attributes: attributes(&self.filter_attributes)?,
            rules: self.rules.clone(),
            credential: self.credential.clone(),
            tools: self.tools.clone(),
            private: self.private,
            entries: self.entries,
            pace: pace(self.concurrency, self.rate.as_deref())?,
        })
    }

    pub fn serves(&self, tool: &ToolName) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.contains(tool))
    }

    /// `ldaps://dc1.example.com:636`.
    pub fn place(&self) -> String {
        let scheme = if self.tls == "ldaps" { "ldaps" } else { "ldap" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

impl Credential {
    fn of(kind: &CredentialKind, reach: BTreeSet<String>, pace: Pace) -> Self {
        let (kind, says) = kind.describe();
        let says = says.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let rate = pace.interval.map(units::write_rate);
        Self { kind: kind.to_owned(), says, reach, concurrency: pace.concurrency, rate }
    }
}

impl PinnedTool {
    fn of(tool: &Tool) -> Result<Self, LockError> {
        let annotations = &tool.annotations;
        let hints = [
            ("read-only", annotations.read_only),
            ("destructive", annotations.destructive),
            ("idempotent", annotations.idempotent),
            ("open-world", annotations.open_world),
        ];
        Ok(Self {
            digest: digest_of(tool)?,
            title: tool.title.clone(),
            category: tool.category,
            hints: hints.into_iter().filter(|(_, is_so)| *is_so).map(|(hint, _)| hint.to_owned()).collect(),
            description: tool.description.clone(),
            sees: tool.output_schema.as_ref().map(personal_fields).unwrap_or_default(),
            input: outline(&tool.input_schema),
            output: tool.output_schema.as_ref().map(outline).unwrap_or_default(),
        })
    }
}

impl PinnedPrompt {
    fn of(prompt: &Prompt) -> Self {
        let argument = |argument: &tool::PromptArgument| {
            let need = if argument.required { "" } else { "?" };
            let says = argument.description.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
            format!("{}{need}{says}", argument.name)
        };
        Self {
            title: prompt.title.clone(),
            description: prompt.description.clone(),
            arguments: prompt.arguments.iter().map(argument).collect(),
        }
    }
}

impl PinnedDocument {
    fn of(document: &tool::Document) -> Self {
        Self {
            name: document.name.clone(),
            title: document.title.clone(),
            description: document.description.clone(),
            media_type: document.media_type.clone(),
        }
    }
}
