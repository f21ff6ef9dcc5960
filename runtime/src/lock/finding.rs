//! What a shard can newly do, as a fixed set of codes.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::names::ShardName;
use crate::policy::Beyond;

/// One thing that a shard can do and that was not approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub shard: ShardName,
    pub code: Code,
    /// On one line, in the manifest's own words.
    pub what: String,
    /// What was approved (`-`) and what is there now (`+`), line by line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Where the manifest says so.
    pub at: Place,
}

/// A part of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The file as a whole, or the component beside it.
    Manifest,
    /// The n-th `[[egress]]`, from 0.
    Egress(usize),
    /// The n-th `[[directory]]`, from 0.
    Directory(usize),
    /// A table, such as `[peers]`.
    Table(String),
}

macro_rules! codes {
    ($($name:ident $code:literal $severity:ident $title:literal $why:literal,)*) => {
        /// In the order in which a reviewer wants them: what reaches furthest first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($name,)* }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// In few words.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Why it matters.
            pub fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }

            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

/// How much a finding of this code can open. A reviewer reads all of them; a page may sort by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    High,
    Medium,
    Low,
}

codes! {
    NewShard "new-shard" High "a shard that nobody has approved"
        "Everything it may do is new. Read the whole of what it may do before its findings.",
    NewHost "new-host" High "another system within reach"
        "Data can go to, and come from, a system that it could not reach.",
    NewMethod "new-method" High "another method"
        "A method may change what it could only read.",
    WiderPath "wider-path" High "more paths"
        "Each path is another part of a system, with data and effects of its own.",
    NewQueryKey "new-query-key" Medium "more query parameters"
        "A parameter can select other data ($expand, $filter) or carry data out.",
    CredentialReach "credential-reach" High "a credential goes to more places"
        "Whoever answers there receives the credential, and acts with what it allows.",
    CredentialChanged "credential-changed" High "a credential is another"
        "Another secret, account, scope or token endpoint: requests act with other rights, or the secret goes elsewhere.",
    NewCredential "new-credential" Medium "a credential that it did not have"
        "A secret of the operator's is put to use for it.",
    WiderTools "wider-tools" Medium "a grant serves more tools"
        "A tool that could not use the grant now can; who may call it may differ.",
    NewDocument "new-document" High "more that may be sent to a GraphQL server"
        "On one URL the document decides what is read or changed.",
    KeptField "kept-field-added" High "more of a reply is seen"
        "Fields that were dropped before the shard saw them now reach it, and may reach a model.",
    PrivateNetwork "private-network" High "private addresses within reach"
        "Systems behind the firewall, metadata services' neighbours, printers and consoles become reachable by name.",
    Repeats "may-be-repeated" Low "requests may be sent again"
        "A request that is sent twice after a failure acts twice, if it was not only a read.",
    FasterPace "faster-pace" Low "more requests at once or in a time"
        "Vendors lock accounts that ask too fast; much data leaves sooner.",
    NewBase "new-base" High "more of a directory"
        "Entries below another base can be searched.",
    NewScope "new-scope" Medium "a search reaches deeper"
        "A subtree holds what its base alone does not.",
    NewAttribute "new-attribute" High "more of an entry is seen"
        "An attribute may be personal, or a secret (unicodePwd, ms-Mcs-AdmPwd, userPassword).",
    NewFilterAttribute "new-filter-attribute" Medium "more can be asked of an entry"
        "What a filter finds tells what it looked at, even if it is not returned.",
    NewRule "new-rule" Low "another matching rule"
        "A rule such as LDAP_MATCHING_RULE_IN_CHAIN follows references that a plain filter does not.",
    MoreEntries "more-entries" Medium "more entries of a search"
        "The limit bounds how much of a directory one search can carry away.",
    NewPeer "new-peer" High "another shard's tool"
        "It can have what that tool has, without being granted it, and join it with its own.",
    MorePeerCalls "more-peer-calls" Low "more calls of other shards' tools"
        "The number bounds how much it can gather in one call.",
    NewArtifact "new-artifact-type" Medium "files of another kind are kept"
        "A file is kept, served to clients and opened by people; some kinds run code where they are opened.",
    MoreArtifacts "more-artifacts" Low "more or larger files are kept"
        "The limits bound what fills the operator's disk.",
    NewSetting "new-setting" Medium "reads another of the operator's values"
        "A value tells of the installation, and steers what the shard asks for.",
    NewImport "new-import" Medium "the component imports more"
        "Code that can call an interface is code that may; an inert import is one change of a manifest away from use.",
    LimitRaised "limit-raised" Low "more time, memory or data"
        "Limits bound what a faulty or hostile call costs and carries.",
    PrefixAdded "prefix-added" Medium "claims more names of tools"
        "A name is what a model and an operator's policy go by.",
    ToolAdded "tool-added" High "another tool"
        "A model can call it, with all grants that are not bound to other tools.",
    ToolKind "tool-kind-changed" Medium "a tool is declared otherwise"
        "Clients ask before a write and not before a read, on the tool's own word.",
    ToolText "tool-text-changed" High "a tool says something else of itself"
        "A model follows what a description says. A harmless one at approval and another one later is an attack (rug pull).",
    ToolSchema "tool-schema-changed" Medium "a tool takes or gives something else"
        "Another argument is another question a model may be made to answer; another result may tell more.",
    SeesMore "personal-field-added" High "results tell more of persons"
        "A personal field reaches clients, and their models' providers.",
    PromptChanged "prompt-changed" High "another prompt, or another text of one"
        "A prompt is text that a client puts before its model as the person's own.",
    DocumentChanged "document-changed" Medium "another document, or another description of one"
        "A document is text that a client may put before its model.",
    HealthChanged "health-changed" Low "another probe of the host's"
        "The host calls it by itself when asked whether systems answer.",
    BinaryChanged "binary-changed" Medium "another binary with the same powers"
        "Code that nobody has looked at, in a sandbox that has not changed.",
    Unsigned "signature-missing" High "no signature of whom the operator lists"
        "The operator wants another person's approval than that of whoever deploys.",
}

impl Code {
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    pub(super) fn of(beyond: Beyond) -> Self {
        match beyond {
            Beyond::Host => Self::NewHost,
            Beyond::Method => Self::NewMethod,
            Beyond::Path => Self::WiderPath,
            Beyond::Query => Self::NewQueryKey,
            Beyond::Credential => Self::CredentialReach,
            Beyond::Tools => Self::WiderTools,
            Beyond::Documents => Self::NewDocument,
            Beyond::Keep => Self::KeptField,
            Beyond::Private => Self::PrivateNetwork,
            Beyond::Repeat => Self::Repeats,
            Beyond::Pace => Self::FasterPace,
            Beyond::Base => Self::NewBase,
            Beyond::Scope => Self::NewScope,
            Beyond::Attribute => Self::NewAttribute,
            Beyond::FilterAttribute => Self::NewFilterAttribute,
            Beyond::Rule => Self::NewRule,
            Beyond::Entries => Self::MoreEntries,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}
