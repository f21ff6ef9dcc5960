//! Which reports there are, and what each is called.

use nexus_shard::serde::Deserialize;
use nexus_shard::{Utc, data};

use super::week::Week;

/// A report that this shard puts together.
#[data]
#[derive(Copy, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportKind {
    /// The week in numbers.
    WeeklyOperationalReport,
    /// Devices and accounts that break rules.
    ComplianceReport,
    /// The same devices in several systems.
    AssetReconciliationReport,
    /// Incidents and changes of two weeks.
    ItsmWeeklySummary,
    /// Where the systems disagree.
    DriftReport,
}

impl ReportKind {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::WeeklyOperationalReport => "Weekly operational report",
            Self::ComplianceReport => "Compliance report",
            Self::AssetReconciliationReport => "Asset reconciliation",
            Self::ItsmWeeklySummary => "ITSM weekly summary",
            Self::DriftReport => "Drift report",
        }
    }

    /// How the names of all artifacts of this kind begin.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::WeeklyOperationalReport => "weekly_report_",
            Self::ComplianceReport => "compliance_report_",
            Self::AssetReconciliationReport => "asset_reconciliation_",
            Self::ItsmWeeklySummary => "itsm_summary_",
            Self::DriftReport => "drift_report_",
        }
    }

    /// Name of an artifact made now, without its extension.
    pub(crate) fn stem(self, now: Utc) -> String {
        let day = now.date();
        let when = match self {
            Self::WeeklyOperationalReport | Self::ItsmWeeklySummary => Week::of(day).to_string().to_lowercase(),
            Self::ComplianceReport | Self::AssetReconciliationReport | Self::DriftReport => day.to_string(),
        };
        format!("{}{when}", self.prefix())
    }

    /// How many findings are drawn with their evidence in the formats for people. A week's overview is no list.
    pub(crate) fn shown_findings(self) -> usize {
        match self {
            Self::WeeklyOperationalReport => 20,
            Self::ComplianceReport | Self::AssetReconciliationReport | Self::ItsmWeeklySummary | Self::DriftReport => {
                200
            }
        }
    }
}
