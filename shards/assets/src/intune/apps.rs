//! Apps that Intune can give to devices.

use nexus_shard::{Call, Output, Source, ToolError, Utc, arguments, data, graph, nullable, odata, tool};
use serde::Deserialize;

use super::{PAGE, bounds, get, kind, source, told};

const SELECT: &str = "id,displayName,publisher,publishingState,createdDateTime,lastModifiedDateTime";
const SOURCE: Source = source("apps", "the permission DeviceManagementApps.Read.All and the tenant an Intune licence");

#[arguments]
pub(crate) struct ListApps {
    /// How many apps to return at most.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
}

/// Apps as Intune lists them.
#[data]
pub(crate) struct AppList {
    /// The apps, in the order of Intune.
    apps: Vec<App>,
}

/// An app that Intune can give to devices. Whether a device has it is not told.
#[data]
pub(crate) struct App {
    /// Id of the app in Intune, a GUID.
    id: String,
    /// Name as shown.
    display_name: Option<String>,
    /// Who publishes it.
    publisher: Option<String>,
    /// Platform and form, for example `win32LobApp`, `iosStoreApp`, `webApp`.
    kind: String,
    /// `notPublished`, `processing` or `published`. Only a published app can be given to anyone.
    publishing_state: String,
    /// When it was added, RFC 3339 in UTC.
    created_at: Utc,
    /// When it was last changed, RFC 3339 in UTC.
    modified_at: Utc,
}

/// Lists the apps that Microsoft Intune can give to devices, with publisher, kind and state.
///
/// Follows all pages up to `limit`. The result says whether there are more. Needs the Graph permission
/// DeviceManagementApps.Read.All.
#[tool(name = "intune_list_apps", title = "List Intune apps", category = read)]
pub(crate) fn list_apps(arguments: ListApps, call: &Call) -> Result<Output<AppList>, ToolError> {
    let request =
        get("deviceAppManagement/mobileApps").query("$select", SELECT).query("$top", graph::top(arguments.limit, PAGE));
    let rows = odata::pages::<Row>(call, request, bounds(arguments.limit), |reply| SOURCE.explain(reply))?;
    Ok(rows.into_output(SOURCE.what, |rows| AppList { apps: rows.into_iter().map(App::from).collect() }))
}

/// An app as Graph sends it.
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
    publisher: Option<String>,
    publishing_state: String,
    created_date_time: Utc,
    last_modified_date_time: Utc,
}

impl From<Row> for App {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            display_name: told(row.display_name),
            publisher: told(row.publisher),
            kind: kind(row.kind),
            publishing_state: row.publishing_state,
            created_at: row.created_date_time,
            modified_at: row.last_modified_date_time,
        }
    }
}
