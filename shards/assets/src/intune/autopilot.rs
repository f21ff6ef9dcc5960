//! Devices that are registered for Windows Autopilot, whether they have been set up or not.

use nexus_shard::{Call, Output, Source, ToolError, Utc, data, nullable, odata, tool};
use serde::Deserialize;

use super::{MAX_ROWS, bounds, get, happened, linked, source, told};

const SOURCE: Source = source(
    "Autopilot devices",
    "the permission DeviceManagementServiceConfig.Read.All and the tenant an Intune licence",
);

/// Devices registered for Windows Autopilot.
#[data]
pub(crate) struct AutopilotList {
    /// The registrations, in the order of Intune.
    devices: Vec<AutopilotDevice>,
}

/// A device registered for Windows Autopilot.
#[data]
pub(crate) struct AutopilotDevice {
    /// Id of the registration, a GUID.
    id: String,
    /// Serial number, by which the device is known to other systems.
    serial_number: Option<String>,
    /// Maker of the device.
    manufacturer: Option<String>,
    /// Model, as its maker calls it.
    model: Option<String>,
    /// Group tag, by which the organisation sorts its registrations.
    group_tag: Option<String>,
    /// Purchase order that the device came with, as whoever registered it wrote it.
    purchase_order: Option<String>,
    /// `enrolled`, `pendingReset`, `failed`, `notContacted` or `unknown`.
    enrollment_state: String,
    /// When the device last contacted the service, RFC 3339 in UTC; null if it never did.
    last_contacted_at: Option<Utc>,
    /// Id of the device in Intune, as intune_list_managed_devices tells it; null if Intune does not manage it.
    device_id: Option<String>,
    /// Sign-in name of the user the device is meant for; null if there is none.
    #[field(class = person)]
    user_principal_name: Option<String>,
}

/// Lists the devices that are registered for Windows Autopilot, with their group tag, order and enrolment.
///
/// A registration whose `device_id` is null has no device under Intune's management. Follows all pages, to at most 20000
/// registrations. Needs the Graph permission DeviceManagementServiceConfig.Read.All.
#[tool(name = "intune_get_autopilot_devices", title = "Get Windows Autopilot devices", category = read)]
pub(crate) fn get_autopilot_devices(call: &Call) -> Result<Output<AutopilotList>, ToolError> {
    // No `$select` and no `$top`: clients have seen the one answered with a 500, and the other with the same page for ever.
    let request = get("deviceManagement/windowsAutopilotDeviceIdentities");
    let rows = odata::pages::<Row>(call, request, bounds(MAX_ROWS), |reply| SOURCE.explain(reply))?;
    Ok(rows.into_output(SOURCE.what, |rows| AutopilotList {
        devices: rows.into_iter().map(AutopilotDevice::from).collect(),
    }))
}

/// A registration as Graph sends it, less what the grant's `keep` drops.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    #[serde(deserialize_with = "nullable")]
    serial_number: Option<String>,
    #[serde(deserialize_with = "nullable")]
    manufacturer: Option<String>,
    #[serde(deserialize_with = "nullable")]
    model: Option<String>,
    #[serde(deserialize_with = "nullable")]
    group_tag: Option<String>,
    #[serde(deserialize_with = "nullable")]
    purchase_order_identifier: Option<String>,
    enrollment_state: String,
    #[serde(deserialize_with = "nullable")]
    last_contacted_date_time: Option<Utc>,
    #[serde(deserialize_with = "nullable")]
    managed_device_id: Option<String>,
    #[serde(deserialize_with = "nullable")]
    user_principal_name: Option<String>,
}

impl From<Row> for AutopilotDevice {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            serial_number: told(row.serial_number),
            manufacturer: told(row.manufacturer),
            model: told(row.model),
            group_tag: told(row.group_tag),
            purchase_order: told(row.purchase_order_identifier),
            enrollment_state: row.enrollment_state,
            last_contacted_at: happened(row.last_contacted_date_time),
            device_id: linked(row.managed_device_id),
            user_principal_name: told(row.user_principal_name),
        }
    }
}
