//! The shape of a conditional access policy. Much of it is optional at the vendor's, and what the vendor does not state
//! stays null here: an exclusion nobody read must not look like "nobody is excluded".

use nexus_shard::serde_json::{Map, Value};
use nexus_shard::{data, nullable};
use serde::Deserialize;

/// Conditional access policies.
#[data]
pub(crate) struct PolicyList {
    /// The policies, in the order of Entra ID.
    pub(crate) policies: Vec<Policy>,
}

/// A conditional access policy.
#[data]
pub(crate) struct Policy {
    /// Id of the policy.
    id: String,
    /// Name as shown.
    display_name: String,
    /// `enabled`, `disabled`, or `enabledForReportingButNotEnforced`. Only `enabled` has an effect.
    state: String,
    /// When it was created, RFC 3339 in UTC.
    created_at: Option<String>,
    /// When it was last changed, RFC 3339 in UTC.
    modified_at: Option<String>,
    /// Whom and what it covers.
    conditions: Conditions,
    /// What it demands; null if it demands nothing by itself.
    grant_controls: Option<GrantControls>,
    /// Names of the session controls that are set, for example `signInFrequency`.
    session_controls: Vec<String>,
}

/// When a policy applies. Null means that Entra ID states no such condition.
#[data]
#[derive(Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(crate) struct Conditions {
    /// Users, groups and roles.
    #[serde(deserialize_with = "nullable")]
    users: Option<Users>,
    /// Applications and user actions.
    #[serde(deserialize_with = "nullable")]
    applications: Option<Applications>,
    /// Kinds of client, for example `all`, `browser`, `exchangeActiveSync`, `other` (legacy).
    client_app_types: Option<Vec<String>>,
    /// Device platforms.
    platforms: Option<Platforms>,
    /// Named locations, by id, or `All`, `AllTrusted`.
    locations: Option<Locations>,
    /// Risk levels of the user.
    user_risk_levels: Option<Vec<String>>,
    /// Risk levels of the sign-in.
    sign_in_risk_levels: Option<Vec<String>>,
}

/// Ids, or words such as `All`, `None`, `GuestsOrExternalUsers`.
#[data]
#[derive(Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(crate) struct Users {
    /// Users covered.
    include_users: Option<Vec<String>>,
    /// Users left out.
    exclude_users: Option<Vec<String>>,
    /// Groups covered.
    include_groups: Option<Vec<String>>,
    /// Groups left out.
    exclude_groups: Option<Vec<String>>,
    /// Directory roles covered.
    include_roles: Option<Vec<String>>,
    /// Directory roles left out.
    exclude_roles: Option<Vec<String>>,
}

/// Application ids, or words such as `All`, `None`, `Office365`.
#[data]
#[derive(Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(crate) struct Applications {
    /// Applications covered.
    include_applications: Option<Vec<String>>,
    /// Applications left out.
    exclude_applications: Option<Vec<String>>,
    /// User actions covered, for example registering security information.
    include_user_actions: Option<Vec<String>>,
}

/// Device platforms, for example `windows`, `iOS`, or `all`.
#[data]
#[derive(Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(crate) struct Platforms {
    /// Platforms covered.
    include_platforms: Option<Vec<String>>,
    /// Platforms left out.
    exclude_platforms: Option<Vec<String>>,
}

/// Named locations.
#[data]
#[derive(Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(crate) struct Locations {
    /// Locations covered.
    include_locations: Option<Vec<String>>,
    /// Locations left out.
    exclude_locations: Option<Vec<String>>,
}

/// What a policy demands.
#[data]
#[derive(Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(crate) struct GrantControls {
    /// `AND` or `OR`: whether all demands must be met, or one.
    #[serde(deserialize_with = "nullable")]
    operator: Option<String>,
    /// For example `block`, `mfa`, `compliantDevice`, `domainJoinedDevice`.
    built_in_controls: Vec<String>,
}

/// A policy as Graph sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyRow {
    id: String,
    display_name: String,
    state: String,
    #[serde(deserialize_with = "nullable")]
    created_date_time: Option<String>,
    #[serde(deserialize_with = "nullable")]
    modified_date_time: Option<String>,
    conditions: Conditions,
    #[serde(deserialize_with = "nullable")]
    grant_controls: Option<GrantControls>,
    #[serde(deserialize_with = "nullable")]
    session_controls: Option<Map<String, Value>>,
}

impl From<PolicyRow> for Policy {
    fn from(row: PolicyRow) -> Self {
        let controls = row.session_controls.unwrap_or_default().into_iter();
        let set = controls.filter(|(name, value)| !value.is_null() && !name.starts_with('@'));
        let mut session_controls: Vec<String> = set.map(|(name, _)| name).collect();
        session_controls.sort();
        Self {
            id: row.id,
            display_name: row.display_name,
            state: row.state,
            created_at: row.created_date_time,
            modified_at: row.modified_date_time,
            conditions: row.conditions,
            grant_controls: row.grant_controls,
            session_controls,
        }
    }
}
