//! Devices, policies, apps and Autopilot identities of Microsoft Intune, read through Microsoft Graph v1.0.
//!
//! Every tool asks for named fields (`$select`), for a whole device holds bypass codes, phone numbers and remote sessions.
//! Autopilot identities are the exception: Intune fails when asked for fields of theirs, so there the grant's `keep` drops
//! what is not needed. A field that was asked for and not sent is an error, not a default.

use nexus_shard::odata::Bounds;
use nexus_shard::{Request, Source, Utc, graph};

pub(crate) use apps::list_apps;
pub(crate) use autopilot::get_autopilot_devices;
pub(crate) use devices::{get_managed_device, get_noncompliant_devices, list_managed_devices};
pub(crate) use policies::{list_compliance_policies, list_configuration_profiles};

mod apps;
mod autopilot;
mod devices;
mod policies;

/// The most rows a tool returns, and so the highest `limit`.
const MAX_ROWS: u32 = 20_000;

/// The most that Intune gives at once. The vendor does not state it; clients ask for as many.
const PAGE: u32 = 1_000;

/// Pages of one call. Below the manifest's `egress-calls`, so that the bound is told as a bound and not as a refusal.
const MAX_PAGES: usize = 60;

/// Seconds since 1970 at which the year 2 begins. Intune writes "never" as `0001-01-01T00:00:00Z`.
const YEAR_2: i64 = -62_104_060_800;

fn get(path: &str) -> Request {
    graph::get(path, "intune")
}

fn bounds(rows: u32) -> Bounds {
    Bounds { rows: rows as usize, pages: MAX_PAGES }
}

const fn source(what: &'static str, needs: &'static str) -> Source {
    Source { upstream: "Microsoft Intune", ..graph::source(what, needs) }
}

/// A time, unless it stands for "never".
fn happened(time: Option<Utc>) -> Option<Utc> {
    time.filter(|time| time.seconds_since_1970() >= YEAR_2)
}

/// A text, unless it is empty: Intune writes "none" as `""` as often as `null`.
fn told(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// An id of something else, unless it stands for nothing: empty, or a GUID of zeros.
fn linked(id: Option<String>) -> Option<String> {
    told(id).filter(|id| id.bytes().any(|byte| byte != b'0' && byte != b'-'))
}

/// `windows10CompliancePolicy` from `#microsoft.graph.windows10CompliancePolicy`.
fn kind(odata_type: String) -> String {
    odata_type.strip_prefix("#microsoft.graph.").map(str::to_owned).unwrap_or(odata_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_and_nothing_are_null() {
        let time = |text| happened(Utc::parse(text)).map(|time| time.to_string());
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert_eq!(time("0001-12-31T23:59:59Z"), None);
        assert_eq!(time("0002-01-01T00:00:00Z").as_deref(), Some("0002-01-01T00:00:00Z"));
        assert_eq!(time("2026-06-15T01:12:44-07:00").as_deref(), Some("2026-06-15T08:12:44Z"));

        let text = |text: &str| told(Some(text.to_owned()));
        assert_eq!((text(""), text(" "), told(None)), (None, None, None));
        assert_eq!(text("0").as_deref(), Some("0"));

        let id = |id: &str| linked(Some(id.to_owned()));
        assert_eq!((id(""), id("00000000-0000-0000-0000-000000000000")), (None, None));
        assert!(id("00000000-0000-0000-0000-000000000001").is_some());
    }

    #[test]
    fn a_kind_is_the_name_of_the_type() {
        assert_eq!(kind("#microsoft.graph.webApp".to_owned()), "webApp");
        assert_eq!(kind("#other.webApp".to_owned()), "#other.webApp");
    }
}
