//! What is looked for, how gravely it is taken, and which words mean the same: `rules.toml`, as types.
//!
//! The file is read once. A rule without an entry, an entry without a rule, an unknown key, an exception without a reason or
//! a last day: all of these are errors of the file and not of a run, and a test reads the file that ships.

mod file;

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use nexus_shard::Date;
use serde::Deserialize;

use crate::model::{Exception, Finding, Severity, System};
use crate::text::{self, Words};

const SHIPPED: &str = include_str!("../rules.toml");

/// The rules that have code, with the ids by which findings and `rules.toml` name them.
macro_rules! rules {
    ($($rule:ident = $id:literal,)*) => {
        /// A rule that has code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        pub(crate) enum Rule {
            $(#[serde(rename = $id)] $rule,)*
        }

        impl Rule {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$rule),*];

            /// As findings and `rules.toml` write it.
            pub(crate) fn id(self) -> &'static str {
                match self {
                    $(Self::$rule => $id,)*
                }
            }
        }
    };
}

rules! {
    PersonName = "person.name",
    PersonLegalName = "person.legal-name",
    PersonTitle = "person.title",
    PersonTitleSpelling = "person.title-spelling",
    PersonDepartment = "person.department",
    PersonDepartmentSpelling = "person.department-spelling",
    PersonManagerMissing = "person.manager-missing",
    PersonManager = "person.manager",
    PersonManagerGone = "person.manager-gone",
    PersonAmbiguousKey = "person.ambiguous-key",
    PersonKeyConflict = "person.key-conflict",
    AccountLeaverEnabled = "account.leaver-enabled",
    AccountStateSplit = "account.state-split",
    AccountOnLeaveEnabled = "account.on-leave-enabled",
    AccountStarterNotReady = "account.starter-not-ready",
    AccountFutureHireEnabled = "account.future-hire-enabled",
    AccountMissing = "account.missing",
    AccountDisabledActive = "account.disabled-active",
    AccountContractorExpired = "account.contractor-expired",
    AccountOrphaned = "account.orphaned",
    AccountService = "account.service",
    AccountStale = "account.stale",
    AccountStaleInOne = "account.stale-in-one",
    AccountUnknownState = "account.unknown-state",
    SyncName = "sync.name",
    SyncTitle = "sync.title",
    SyncDepartment = "sync.department",
    SyncSpelling = "sync.spelling",
    SyncEnabled = "sync.enabled",
    SyncNotInAd = "sync.not-in-ad",
    DeviceSerial = "device.serial",
    DeviceManufacturer = "device.manufacturer",
    DeviceModel = "device.model",
    DeviceMissing = "device.missing",
    DeviceUnmanaged = "device.unmanaged",
    DeviceNoncompliant = "device.noncompliant",
    DeviceUnencrypted = "device.unencrypted",
    DeviceSilent = "device.silent",
    DeviceDuplicateSerial = "device.duplicate-serial",
    DeviceOfLeaver = "device.of-leaver",
}

impl Rule {
    /// Whether the rule cannot do without a number of days.
    fn has_days(self) -> bool {
        matches!(self, Self::AccountStarterNotReady | Self::AccountStale | Self::AccountStaleInOne | Self::DeviceSilent)
    }

    /// Whether the rule has a second, graver severity.
    fn has_graver(self) -> bool {
        self == Self::AccountLeaverEnabled
    }
}

/// What `rules.toml` says of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Raised when the rule's findings become other ones.
    pub(crate) version: u32,
    /// For people, in a few words.
    pub(crate) title: String,
    /// How much a finding matters.
    pub(crate) severity: Severity,
    /// How much it matters at worst; the same where the rule has one severity.
    pub(crate) graver: Severity,
    /// The system that is right about it.
    pub(crate) authority: Option<System>,
    /// The systems that it looks at.
    pub(crate) systems: Vec<System>,
    /// A number of days; 0 where the rule has none.
    pub(crate) days: i64,
    /// Why it matters.
    pub(crate) description: String,
}

/// A key of a person, as `rules.toml` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PersonKey {
    EmployeeId,
    Email,
    UserPrincipalName,
}

/// A key of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeviceKey {
    SerialNumber,
    Hostname,
}

/// What Workday says of somebody's employment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Employment {
    Active,
    OnLeave,
    Terminated,
    /// A word that `rules.toml` does not know, or none.
    Unknown,
}

/// A type of device, and where one is expected.
#[derive(Debug, Clone)]
pub(crate) struct DeviceType {
    pub(crate) name: String,
    asset_types: HashSet<String>,
    os: Vec<String>,
    models: Vec<String>,
    /// Absence from there is wrong.
    pub(crate) expected: Vec<System>,
    /// Absence from there is worth knowing.
    pub(crate) noted: Vec<System>,
}

/// A finding that somebody decided to leave as it is.
#[derive(Debug, Clone)]
struct Accepted {
    reason: String,
    expires: Date,
}

/// The rules of one `rules.toml`.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) version: u32,
    entries: BTreeMap<Rule, Entry>,
    pub(crate) person_keys: Vec<PersonKey>,
    pub(crate) device_keys: Vec<DeviceKey>,
    not_employee_ids: HashSet<String>,
    not_serial_numbers: HashSet<String>,
    not_hostnames: HashSet<String>,
    active: HashSet<String>,
    on_leave: HashSet<String>,
    terminated: HashSet<String>,
    contingent: HashSet<String>,
    service_prefixes: Vec<String>,
    service_names: HashSet<String>,
    in_use: HashSet<String>,
    device_types: Vec<DeviceType>,
    pub(crate) titles: Words,
    pub(crate) departments: Words,
    pub(crate) manufacturers: Words,
    pub(crate) models: Words,
    pub(crate) names: Words,
    /// By the rule's id, then by what identifies the subject.
    exceptions: BTreeMap<&'static str, BTreeMap<String, Accepted>>,
}

impl Rules {
    /// Those that ship with the shard.
    #[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
    pub(crate) fn shipped() -> &'static Self {
        static SHIPPED_RULES: OnceLock<Rules> = OnceLock::new();
        SHIPPED_RULES.get_or_init(|| Self::parse(SHIPPED).expect("rules.toml is right"))
    }

    /// Reads a file of rules. The error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        file::read(text)
    }

    /// What the file says of a rule.
    #[expect(clippy::expect_used, reason = "a file without an entry for each rule is not read")]
    pub(crate) fn entry(&self, rule: Rule) -> &Entry {
        self.entries.get(&rule).expect("each rule has its entry")
    }

    /// The rule's number of days, in seconds.
    pub(crate) fn seconds(&self, rule: Rule) -> i64 {
        self.entry(rule).days * 24 * 60 * 60
    }

    /// An employee number as a key. `None` where it is none.
    pub(crate) fn employee_key(&self, id: Option<&str>) -> Option<String> {
        let key = text::folded(id?).replace(' ', "");
        (!key.is_empty() && !self.not_employee_ids.contains(&text::bare(&key))).then_some(key)
    }

    /// A serial number as a key. `None` where it is what a mainboard says that has none.
    pub(crate) fn serial_key(&self, serial: Option<&str>) -> Option<String> {
        let key = text::folded(serial?).replace(' ', "");
        let bare = text::bare(&key);
        // `00000000` and `XXXXXXXX` of any length.
        let is_filled = bare.chars().all(|c| bare.starts_with(c));
        (!is_filled && !self.not_serial_numbers.contains(&bare)).then_some(key)
    }

    /// Whether a name, folded, is one device's.
    pub(crate) fn is_hostname(&self, folded: &str) -> bool {
        !self.not_hostnames.contains(folded)
    }

    /// What Workday's word for a worker's status means.
    pub(crate) fn employment(&self, status: Option<&str>) -> Employment {
        let status = text::folded(status.unwrap_or_default());
        if self.active.contains(&status) {
            Employment::Active
        } else if self.on_leave.contains(&status) {
            Employment::OnLeave
        } else if self.terminated.contains(&status) {
            Employment::Terminated
        } else {
            Employment::Unknown
        }
    }

    /// Whether a worker of this type is there until a day that is known beforehand.
    pub(crate) fn is_contingent(&self, worker_type: Option<&str>) -> bool {
        self.contingent.contains(&text::folded(worker_type.unwrap_or_default()))
    }

    /// Whether an account of this name is no person's, unless it has an employee number.
    pub(crate) fn is_service_name(&self, name: &str) -> bool {
        let folded = text::folded(name);
        let local = folded.split_once('@').map_or(folded.as_str(), |(local, _)| local);
        self.service_names.contains(local) || self.service_prefixes.iter().any(|prefix| local.starts_with(prefix))
    }

    /// Whether an asset in this state of Lansweeper's is in use.
    pub(crate) fn is_in_use(&self, state: Option<&str>) -> bool {
        state.is_none_or(|state| state.trim().is_empty() || self.in_use.contains(&text::folded(state)))
    }

    /// The type of a device, by what its records say: types of asset, operating systems, models.
    pub(crate) fn device_type(&self, asset_types: &[&str], os: &[&str], models: &[&str]) -> &DeviceType {
        let asset_types: Vec<String> = asset_types.iter().map(|text| text::folded(text)).collect();
        let phrases = |texts: &[&str]| -> Vec<String> {
            texts.iter().map(|text| format!(" {} ", text::words(text).join(" "))).collect()
        };
        let (os, models) = (phrases(os), phrases(models));
        let has = |texts: &[String], phrase: &String| texts.iter().any(|text| text.contains(phrase.as_str()));
        let fits = |kind: &&DeviceType| {
            asset_types.iter().any(|one| kind.asset_types.contains(one))
                || kind.os.iter().any(|phrase| has(&os, phrase))
                || kind.models.iter().any(|phrase| has(&models, phrase))
        };
        self.device_types.iter().find(fits).unwrap_or_else(|| self.unknown_type())
    }

    /// The last one, which has no words.
    #[expect(clippy::expect_used, reason = "a file without a last type is not read")]
    fn unknown_type(&self) -> &DeviceType {
        self.device_types.last().expect("there is a last type of device")
    }

    /// Applies the exceptions, and puts the findings in the order in which they are shown: the gravest first, then by id.
    /// In what order the systems gave their records does not show in it.
    pub(crate) fn conclude(&self, mut findings: Vec<Finding>, today: Date) -> Vec<Finding> {
        for finding in &mut findings {
            self.except(finding, today);
        }
        findings.sort_by(|a, b| {
            let gravest = b.severity.cmp(&a.severity);
            gravest.then_with(|| a.id.cmp(&b.id)).then_with(|| a.summary.cmp(&b.summary))
        });
        number_twins(&mut findings);
        findings
    }

    fn except(&self, finding: &mut Finding, today: Date) {
        let Some(of_rule) = self.exceptions.get(finding.rule.as_str()) else { return };
        let Some(accepted) = of_rule.get(&text::folded(&finding.identifier)) else { return };
        if accepted.expires >= today {
            let expires = accepted.expires.to_string();
            finding.exception = Some(Exception { reason: accepted.reason.clone(), expires });
        } else {
            finding.missing.push(format!("an exception ({}) expired on {}", accepted.reason, accepted.expires));
        }
    }
}

/// An id names one finding. Records without any key can share one.
fn number_twins(findings: &mut [Finding]) {
    let mut last = (String::new(), 1);
    for finding in findings {
        if finding.id == last.0 {
            last.1 += 1;
            finding.id = format!("{}#{}", last.0, last.1);
        } else {
            last = (finding.id.clone(), 1);
        }
    }
}
