//! What a comparison finds, in words that every tool and every report shares.

use nexus_shard::serde::Deserialize;
use nexus_shard::{Utc, data};

/// A system whose word is compared with others'.
#[data]
#[derive(Copy, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum System {
    /// Workday HCM.
    Workday,
    /// Active Directory.
    ActiveDirectory,
    /// Microsoft Entra ID.
    Entra,
    /// Microsoft Intune.
    Intune,
    /// Windows Autopilot.
    Autopilot,
    /// Lansweeper.
    Lansweeper,
    /// The CMDB of BMC Helix.
    HelixCmdb,
    /// Incidents and changes of BMC Helix.
    HelixItsm,
}

impl System {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Workday => "Workday",
            Self::ActiveDirectory => "Active Directory",
            Self::Entra => "Entra ID",
            Self::Intune => "Intune",
            Self::Autopilot => "Autopilot",
            Self::Lansweeper => "Lansweeper",
            Self::HelixCmdb => "Helix CMDB",
            Self::HelixItsm => "Helix ITSM",
        }
    }
}

/// How much a finding matters. In this order: the gravest comes last.
#[data]
#[derive(Copy, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Worth knowing; nothing to repair.
    Info,
    /// Untidy.
    Low,
    /// Wrong.
    Medium,
    /// Dangerous.
    High,
    /// Somebody has what they must not have.
    Critical,
}

impl Severity {
    /// The gravest first.
    pub(crate) const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a finding is about.
#[data]
#[derive(Copy, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A worker, and their accounts.
    Person,
    /// An account that belongs to no worker.
    Account,
    /// A device.
    Device,
}

/// One place where the systems disagree, or agree on something that should not be.
#[data]
pub(crate) struct Finding {
    /// The same in every run as long as the same thing is wrong with the same subject: rule and identifier.
    #[field(class = person)]
    pub(crate) id: String,
    /// Which rule found it; see `rules.toml` of the shard.
    pub(crate) rule: String,
    /// Version of that rule.
    pub(crate) rule_version: u32,
    /// How much it matters.
    pub(crate) severity: Severity,
    /// Person, account or device.
    pub(crate) kind: Kind,
    /// Name of the person or the device, or the account's sign-in name.
    #[field(class = person)]
    pub(crate) subject: String,
    /// What identifies the subject: employee number, sign-in name, serial number or host name.
    #[field(class = person)]
    pub(crate) identifier: String,
    /// The field that differs, where the finding is about one.
    pub(crate) field: Option<String>,
    /// What is wrong, in a sentence.
    #[field(class = person)]
    pub(crate) summary: String,
    /// What each system says.
    pub(crate) values: Vec<Said>,
    /// The system that is right about this field by the rules, whatever the others say.
    pub(crate) authority: Option<System>,
    /// How sure it is that these records are of one subject.
    pub(crate) confidence: Confidence,
    /// What could not be looked at, so that the finding may be more or less than it seems.
    pub(crate) missing: Vec<String>,
    /// Somebody decided to leave it so, for now.
    pub(crate) exception: Option<Exception>,
}

/// What one system says.
#[data]
pub(crate) struct Said {
    /// The system.
    pub(crate) system: System,
    /// The value as the system has it; null where it has the record but no value.
    #[field(class = person)]
    pub(crate) value: Option<String>,
    /// Whether the system has a record of the subject at all.
    pub(crate) is_present: bool,
    /// When the system was read, RFC 3339 in UTC.
    pub(crate) as_of: Utc,
}

/// How sure it is that records belong together.
#[data]
pub(crate) struct Confidence {
    /// `high`: the strongest key joins them. `medium`: a weaker one does. `low`: keys contradict each other.
    pub(crate) level: Level,
    /// Why.
    pub(crate) reasons: Vec<String>,
}

/// A degree of confidence.
#[data]
#[derive(Copy, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// Keys contradict each other.
    Low,
    /// A weaker key joins the records.
    Medium,
    /// The strongest key joins the records.
    High,
}

/// A decision to leave a finding as it is.
#[data]
pub(crate) struct Exception {
    /// Why.
    pub(crate) reason: String,
    /// The last day on which it holds.
    pub(crate) expires: String,
}

/// One system's part in a result: whether it answered, and with what.
#[data]
pub(crate) struct Reading {
    /// The system.
    pub(crate) system: System,
    /// Whether it answered. What needs a system that did not is left out, and not concluded.
    pub(crate) is_read: bool,
    /// Whether every record of it was read. Where it is false, nothing is concluded from a record's absence.
    pub(crate) is_complete: bool,
    /// Records read.
    pub(crate) records: Option<usize>,
    /// When, RFC 3339 in UTC.
    pub(crate) as_of: Option<Utc>,
    /// `live` or `mock`.
    pub(crate) source: Option<String>,
    /// Event id of the reading in the ledger.
    pub(crate) event_id: Option<String>,
    /// What was said beside the records, or why there are none.
    pub(crate) notes: Vec<String>,
}
