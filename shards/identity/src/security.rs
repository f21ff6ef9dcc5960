//! What Entra ID demands of a sign-in, which sign-ins there were, and whom it holds to be at risk.

use nexus_shard::{Call, Output, Source, ToolError, arguments, data, nullable, odata, tool};
use serde::Deserialize;

use crate::graph;
use crate::security::policies::{Policy, PolicyList, PolicyRow};

mod policies;

/// Tenants may have some hundreds of policies, so this is a bound against a broken upstream, not a limit one meets.
const MAX_POLICIES: u32 = 2_000;
const POLICIES: Source = graph::source("conditional access policies", "the permission Policy.Read.All");

/// Graph gives 1000 sign-ins at once and bears five such requests in ten seconds.
const SIGN_IN_PAGE: u32 = 1_000;
const SIGN_INS: Source =
    graph::source("sign-in logs", "the permission AuditLog.Read.All and the tenant an Entra ID P1 or P2 licence");

/// At one request a second, more would not be read before the deadline.
const MAX_RISKY: u32 = 10_000;
const RISKY_PAGE: u32 = 500;
const RISKY: Source =
    graph::source("risky users", "the permission IdentityRiskyUser.Read.All and the tenant an Entra ID P2 licence");

/// Lists the conditional access policies of Microsoft Entra ID: whom and what each covers, and what it demands.
///
/// Policies that are switched off or only reporting are in the list; `state` says so. Needs the Graph permission
/// Policy.Read.All.
#[tool(
    name = "entra_get_conditional_access_policies",
    title = "Get Entra conditional access policies",
    category = read
)]
pub(crate) fn get_conditional_access_policies(call: &Call) -> Result<Output<PolicyList>, ToolError> {
    let select = "id,displayName,state,createdDateTime,modifiedDateTime,conditions,grantControls,sessionControls";
    let request = graph::get("identity/conditionalAccess/policies").query("$select", select);
    let rows = odata::pages::<PolicyRow>(call, request, graph::bounds(MAX_POLICIES), |reply| POLICIES.explain(reply))?;
    Ok(rows.into_output("policies", |rows| PolicyList { policies: rows.into_iter().map(Policy::from).collect() }))
}

#[arguments]
pub(crate) struct GetSignInLogs {
    /// How many sign-ins to return at most, the newest first.
    #[field(range = 1..=5_000, default = 50)]
    limit: u32,
}

/// Sign-ins, the newest first.
#[data]
pub(crate) struct SignInList {
    /// The sign-ins.
    sign_ins: Vec<SignIn>,
}

/// One interactive or federated sign-in.
#[data]
pub(crate) struct SignIn {
    /// Id of the log entry.
    id: String,
    /// When it was, RFC 3339 in UTC.
    created_at: String,
    /// Who it was.
    #[field(class = person)]
    user_principal_name: Option<String>,
    /// The application signed in to.
    app_display_name: Option<String>,
    /// From which address.
    #[field(class = person)]
    ip_address: Option<String>,
    /// City of that address, as Entra ID guesses it.
    #[field(class = person)]
    city: Option<String>,
    /// Country or region of that address, two letters.
    country_or_region: Option<String>,
    /// The kind of client, for example `Browser` or a legacy protocol.
    client_app: Option<String>,
    /// `success`, `failure`, `notApplied` or `unknownFutureValue`.
    conditional_access_status: Option<String>,
    /// `none`, `low`, `medium`, `high`, or `hidden` where the licence does not show it.
    risk_level: Option<String>,
    /// Whether the sign-in succeeded (`error_code` is 0); null if Entra ID does not say.
    is_success: Option<bool>,
    /// Entra ID's error number; 0 is success.
    error_code: Option<i64>,
    /// Why it failed, in Entra ID's words.
    failure_reason: Option<String>,
}

/// Lists the latest interactive and federated sign-ins recorded by Microsoft Entra ID, the newest first.
///
/// Follows pages up to `limit`. Sign-ins of services and non-interactive ones are not in this log. Needs the Graph
/// permission AuditLog.Read.All and an Entra ID P1 or P2 licence.
#[tool(name = "entra_get_signin_logs", title = "Get Entra sign-in logs", category = read)]
pub(crate) fn get_signin_logs(arguments: GetSignInLogs, call: &Call) -> Result<Output<SignInList>, ToolError> {
    // No `$orderby`: the newest come first already, and it is not among the documented options. No `$select` either;
    // what the shard does not need is dropped by the grant's `keep`.
    let request = graph::get("auditLogs/signIns").query("$top", graph::top(arguments.limit, SIGN_IN_PAGE));
    let rows =
        odata::pages::<SignInRow>(call, request, graph::bounds(arguments.limit), |reply| SIGN_INS.explain(reply))?;
    Ok(rows.into_output("sign-ins", |rows| SignInList { sign_ins: rows.into_iter().map(SignIn::from).collect() }))
}

/// Users at risk.
#[data]
pub(crate) struct RiskyUserList {
    /// The users at risk or confirmed compromised.
    risky_users: Vec<RiskyUser>,
}

/// A user whom Entra ID holds to be at risk.
#[data]
pub(crate) struct RiskyUser {
    /// The user's object id, a GUID.
    id: String,
    /// Sign-in name.
    #[field(class = person)]
    user_principal_name: Option<String>,
    /// `low`, `medium`, `high`, or `hidden` where the licence does not show it.
    risk_level: String,
    /// `atRisk` or `confirmedCompromised`.
    risk_state: String,
    /// What the state rests on, in Entra ID's words.
    risk_detail: Option<String>,
    /// When the risk was last updated, RFC 3339 in UTC.
    risk_updated_at: Option<String>,
}

/// Lists the users whom Microsoft Entra ID Protection holds to be at risk or confirmed compromised now.
///
/// Users whose risk was remediated or dismissed are not in the list. Needs the Graph permission
/// IdentityRiskyUser.Read.All and an Entra ID P2 licence; without them the answer is an error, never an empty list.
#[tool(name = "entra_get_risky_users", title = "Get Entra risky users", category = read)]
pub(crate) fn get_risky_users(call: &Call) -> Result<Output<RiskyUserList>, ToolError> {
    let request = graph::get("identityProtection/riskyUsers")
        .query("$select", "id,userPrincipalName,riskLevel,riskState,riskDetail,riskLastUpdatedDateTime")
        .query("$filter", "riskState eq 'atRisk' or riskState eq 'confirmedCompromised'")
        .query("$top", RISKY_PAGE);
    let rows = odata::pages::<RiskyRow>(call, request, graph::bounds(MAX_RISKY), |reply| RISKY.explain(reply))?;
    // A filter that was ignored would show people as risky who are not.
    if !rows.rows.iter().all(|row| matches!(row.risk_state.as_str(), "atRisk" | "confirmedCompromised")) {
        return Err(ToolError::upstream("Microsoft Graph sent risky users in another state than was asked for"));
    }
    Ok(rows.into_output("risky users", |rows| RiskyUserList {
        risky_users: rows.into_iter().map(RiskyUser::from).collect(),
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignInRow {
    id: String,
    created_date_time: String,
    #[serde(deserialize_with = "nullable")]
    user_principal_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    app_display_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    ip_address: Option<String>,
    #[serde(deserialize_with = "nullable")]
    client_app_used: Option<String>,
    #[serde(deserialize_with = "nullable")]
    conditional_access_status: Option<String>,
    // Left out for tenants whose licence does not show risk.
    risk_level_aggregated: Option<String>,
    // Null, or gone with `keep` when none of the fields kept is there.
    status: Option<SignInStatus>,
    location: Option<Location>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignInStatus {
    error_code: i64,
    failure_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    city: Option<String>,
    country_or_region: Option<String>,
}

impl From<SignInRow> for SignIn {
    fn from(row: SignInRow) -> Self {
        let (city, country_or_region) = row.location.map(|at| (at.city, at.country_or_region)).unwrap_or_default();
        let (error_code, failure_reason) =
            row.status.map(|status| (Some(status.error_code), status.failure_reason)).unwrap_or_default();
        Self {
            id: row.id,
            created_at: row.created_date_time,
            user_principal_name: row.user_principal_name,
            app_display_name: row.app_display_name,
            ip_address: row.ip_address,
            city,
            country_or_region,
            client_app: row.client_app_used,
            conditional_access_status: row.conditional_access_status,
            risk_level: row.risk_level_aggregated,
            is_success: error_code.map(|code| code == 0),
            error_code,
            failure_reason: failure_reason.filter(|_| error_code != Some(0)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RiskyRow {
    id: String,
    #[serde(deserialize_with = "nullable")]
    user_principal_name: Option<String>,
    risk_level: String,
    risk_state: String,
    #[serde(deserialize_with = "nullable")]
    risk_detail: Option<String>,
    #[serde(deserialize_with = "nullable")]
    risk_last_updated_date_time: Option<String>,
}

impl From<RiskyRow> for RiskyUser {
    fn from(row: RiskyRow) -> Self {
        Self {
            id: row.id,
            user_principal_name: row.user_principal_name,
            risk_level: row.risk_level,
            risk_state: row.risk_state,
            risk_detail: row.risk_detail,
            risk_updated_at: row.risk_last_updated_date_time,
        }
    }
}
