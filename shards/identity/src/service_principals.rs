//! Applications as the tenant knows them.

use nexus_shard::{Call, Output, Source, ToolError, arguments, data, nullable, odata, tool};
use serde::Deserialize;

use crate::graph;

const SELECT: &str = "id,appId,displayName,servicePrincipalType,accountEnabled,appOwnerOrganizationId,tags";
const PAGE: u32 = 999;
const SOURCE: Source = graph::source("service principals", "the permission Application.Read.All");

#[arguments]
pub(crate) struct ListServicePrincipals {
    /// How many service principals to return at most.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
}

/// Service principals as Entra ID lists them.
#[data]
pub(crate) struct ServicePrincipalList {
    /// The service principals, in the order of Entra ID.
    service_principals: Vec<ServicePrincipal>,
}

/// An application in this tenant.
#[data]
pub(crate) struct ServicePrincipal {
    /// Object id in this tenant, a GUID.
    id: String,
    /// The application's id, the same in every tenant, a GUID.
    app_id: Option<String>,
    /// Name as shown.
    display_name: Option<String>,
    /// For example `Application`, `ManagedIdentity`, `Legacy`, `SocialIdp`.
    kind: Option<String>,
    /// Whether it may sign in. Null means unknown, not enabled.
    is_enabled: Option<bool>,
    /// The tenant that owns the application, a GUID; null for managed identities and some others.
    owner_tenant_id: Option<String>,
    /// The tags that portals show it by.
    tags: Vec<String>,
}

/// Lists service principals (enterprise applications and managed identities) of Microsoft Entra ID.
///
/// Follows all pages up to `limit`. The result says whether there are more. Needs the Graph permission
/// Application.Read.All.
#[tool(name = "entra_list_service_principals", title = "List Entra service principals", category = read)]
pub(crate) fn list_service_principals(
    arguments: ListServicePrincipals,
    call: &Call,
) -> Result<Output<ServicePrincipalList>, ToolError> {
    let request =
        graph::get("servicePrincipals").query("$select", SELECT).query("$top", graph::top(arguments.limit, PAGE));
    let rows = odata::pages::<Row>(call, request, graph::bounds(arguments.limit), |reply| SOURCE.explain(reply))?;
    let output = rows.into_output("service principals", |rows| ServicePrincipalList {
        service_principals: rows.into_iter().map(ServicePrincipal::from).collect(),
    });
    let unknown = output.data().service_principals.iter().filter(|found| found.is_enabled.is_none()).count();
    if unknown == 0 {
        return Ok(output);
    }
    Ok(output.partial(format!(
        "is_enabled is unknown (null) for {unknown} service principals: Microsoft Graph did not tell their state"
    )))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    #[serde(deserialize_with = "nullable")]
    app_id: Option<String>,
    #[serde(deserialize_with = "nullable")]
    display_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    service_principal_type: Option<String>,
    // Unknown if absent or null, as with users.
    account_enabled: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    app_owner_organization_id: Option<String>,
    tags: Vec<String>,
}

impl From<Row> for ServicePrincipal {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            app_id: row.app_id,
            display_name: row.display_name,
            kind: row.service_principal_type,
            is_enabled: row.account_enabled,
            owner_tenant_id: row.app_owner_organization_id,
            tags: row.tags,
        }
    }
}
