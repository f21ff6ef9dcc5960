//! What Intune demands of devices, and how it sets them up.

use nexus_shard::{Call, Output, Source, ToolError, Utc, data, nullable, odata, tool};
use serde::Deserialize;

use super::{bounds, get, kind, source, told};

const SELECT: &str = "id,displayName,description,version,createdDateTime,lastModifiedDateTime";
const NEEDS: &str = "the permission DeviceManagementConfiguration.Read.All and the tenant an Intune licence";
const POLICIES: Source = source("compliance policies", NEEDS);
const PROFILES: Source = source("configuration profiles", NEEDS);

/// Tenants have some hundreds, so this is a bound against a broken upstream, not a limit one meets.
const MAX_POLICIES: u32 = 2_000;

/// Compliance policies.
#[data]
pub(crate) struct PolicyList {
    /// The policies, in the order of Intune.
    policies: Vec<Policy>,
}

/// Configuration profiles.
#[data]
pub(crate) struct ProfileList {
    /// The profiles, in the order of Intune.
    profiles: Vec<Policy>,
}

/// A compliance policy or a configuration profile. What it demands or sets is not shown.
#[data]
pub(crate) struct Policy {
    /// Id, a GUID.
    id: String,
    /// Name as shown.
    display_name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// Platform and template, for example `windows10CompliancePolicy`, `iosGeneralDeviceConfiguration`.
    kind: String,
    /// How often it was changed, counted by Intune.
    version: i64,
    /// When it was created, RFC 3339 in UTC.
    created_at: Utc,
    /// When it was last changed, RFC 3339 in UTC.
    modified_at: Utc,
}

/// Lists the compliance policies of Microsoft Intune: name, platform, version and age, not what each demands.
///
/// Follows all pages, to at most 2000 policies. Needs the Graph permission DeviceManagementConfiguration.Read.All.
#[tool(name = "intune_list_compliance_policies", title = "List Intune compliance policies", category = read)]
pub(crate) fn list_compliance_policies(call: &Call) -> Result<Output<PolicyList>, ToolError> {
    let rows = read(call, "deviceManagement/deviceCompliancePolicies", &POLICIES)?;
    Ok(rows.into_output(POLICIES.what, |rows| PolicyList { policies: rows.into_iter().map(Policy::from).collect() }))
}

/// Lists the configuration profiles of Microsoft Intune that are made from templates: name, template, version and age.
///
/// Policies of the settings catalogue are not in the list: Graph v1.0 does not show them. Follows all pages, to at most
/// 2000 profiles. Needs the Graph permission DeviceManagementConfiguration.Read.All.
#[tool(name = "intune_list_configuration_profiles", title = "List Intune configuration profiles", category = read)]
pub(crate) fn list_configuration_profiles(call: &Call) -> Result<Output<ProfileList>, ToolError> {
    let rows = read(call, "deviceManagement/deviceConfigurations", &PROFILES)?;
    let output =
        rows.into_output(PROFILES.what, |rows| ProfileList { profiles: rows.into_iter().map(Policy::from).collect() });
    Ok(output.note(
        "these are the profiles made from templates; policies of the settings catalogue are not in Graph v1.0, and so not \
         in this list",
    ))
}

fn read(call: &Call, path: &str, source: &Source) -> Result<odata::Rows<Row>, ToolError> {
    let request = get(path).query("$select", SELECT);
    odata::pages(call, request, bounds(MAX_POLICIES), |reply| source.explain(reply))
}

/// A policy or profile as Graph sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    // Not a property, so not asked for: Graph adds it, as the collection is declared as one of a base type.
    #[serde(rename = "@odata.type")]
    kind: String,
    id: String,
    #[serde(deserialize_with = "nullable")]
    display_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    description: Option<String>,
    version: i64,
    created_date_time: Utc,
    last_modified_date_time: Utc,
}

impl From<Row> for Policy {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            display_name: told(row.display_name),
            description: told(row.description),
            kind: kind(row.kind),
            version: row.version,
            created_at: row.created_date_time,
            modified_at: row.last_modified_date_time,
        }
    }
}
