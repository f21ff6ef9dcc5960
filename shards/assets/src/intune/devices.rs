//! Devices under Intune's management: all of them, one, or those that Intune found noncompliant.

use nexus_shard::{Call, Output, Source, ToolError, Utc, arguments, data, graph, nullable, odata, tool};
use serde::Deserialize;

use super::{MAX_ROWS, PAGE, bounds, get, happened, linked, source, told};

const PATH: &str = "deviceManagement/managedDevices";
const SELECT: &str = "id,deviceName,operatingSystem,osVersion,complianceState,managementState,enrolledDateTime,\
                      lastSyncDateTime,userPrincipalName,manufacturer,model,serialNumber,isEncrypted,azureADRegistered,\
                      azureADDeviceId";
const SOURCE: Source =
    source("devices", "the permission DeviceManagementManagedDevices.Read.All and the tenant an Intune licence");

/// Characters of a device name.
const MAX_NAME: usize = 255;

#[arguments]
pub(crate) struct ListManagedDevices {
    /// How many devices to return at most.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
}

/// Devices as Intune lists them.
#[data]
pub(crate) struct DeviceList {
    /// The devices, in the order of Intune.
    devices: Vec<Device>,
}

/// A device under Intune's management.
#[data]
pub(crate) struct Device {
    /// Id of the device in Intune, a GUID.
    device_id: String,
    /// Name of the device. Phones often carry the name of their owner.
    hostname: Option<String>,
    /// Serial number, by which the device is known to other systems.
    serial_number: Option<String>,
    /// Maker of the device.
    manufacturer: Option<String>,
    /// Model, as its maker calls it.
    model: Option<String>,
    /// Operating system, for example `Windows`, `iOS`, `macOS`, `Android`.
    os_name: Option<String>,
    /// Version of the operating system, for example `10.0.22631.5413`.
    os_version: Option<String>,
    /// `compliant`, `noncompliant`, `conflict`, `error`, `inGracePeriod`, `configManager` (decided by Configuration
    /// Manager) or `unknown`. Every state but `compliant` is not known to be compliant.
    compliance_state: String,
    /// Whether the storage is encrypted. Null means unknown, not unencrypted.
    is_encrypted: Option<bool>,
    /// `managed`, or what is under way, for example `retirePending`, `wipeIssued`; null if Intune does not say.
    management_state: Option<String>,
    /// When the device was enrolled, RFC 3339 in UTC.
    enrolled_at: Option<Utc>,
    /// When the device last reported to Intune, RFC 3339 in UTC; null if it never did.
    last_sync_at: Option<Utc>,
    /// Sign-in name of the user the device is assigned to; null if there is none.
    #[field(class = person)]
    user_principal_name: Option<String>,
    /// Device id in Entra ID, a GUID; null if the device is not there.
    entra_device_id: Option<String>,
    /// Whether the device is registered in Entra ID. Null means unknown.
    is_entra_registered: Option<bool>,
}

/// Lists the devices that Microsoft Intune manages, with their compliance, encryption, last report and user.
///
/// Follows all pages up to `limit`. The result says whether there are more. Needs the Graph permission
/// DeviceManagementManagedDevices.Read.All.
#[tool(name = "intune_list_managed_devices", title = "List Intune devices", category = read)]
pub(crate) fn list_managed_devices(
    arguments: ListManagedDevices,
    call: &Call,
) -> Result<Output<DeviceList>, ToolError> {
    let request = get(PATH).query("$select", SELECT).query("$top", graph::top(arguments.limit, PAGE));
    let rows = odata::pages::<Row>(call, request, bounds(arguments.limit), |reply| SOURCE.explain(reply))?;
    Ok(listed(rows))
}

#[arguments]
pub(crate) struct GetManagedDevice {
    /// The device's id in Intune (a GUID), or its exact name.
    #[field(length = 1..=255, pattern = r"^[^\x00-\x1F\x7F]+$")]
    device_id: String,
}

/// Gets one device of Microsoft Intune by its id or its exact name.
///
/// If several devices have the name, the answer is an error that says so. Needs the Graph permission
/// DeviceManagementManagedDevices.Read.All.
#[tool(name = "intune_get_managed_device", title = "Get an Intune device", category = read)]
pub(crate) fn get_managed_device(arguments: GetManagedDevice, call: &Call) -> Result<Output<Device>, ToolError> {
    let key = arguments.device_id;
    if key.is_empty() || key.chars().count() > MAX_NAME || key.chars().any(char::is_control) {
        return Err(ToolError::invalid_arguments(
            "device_id is neither a device id (a GUID) nor a device name (1 to 255 characters, no control characters)",
        ));
    }
    let (found, missing) = if graph::is_guid(&key) {
        (by_id(call, &key)?, "no device has this id")
    } else {
        (by_name(call, &key)?, "no device has this name")
    };
    let device = Device::from(found.ok_or_else(|| ToolError::not_found(missing))?);
    let unknown = usize::from(device.is_encrypted.is_none());
    Ok(note_unknown(Output::new(device), unknown))
}

/// Lists the devices that Microsoft Intune found noncompliant.
///
/// These are not all devices that are not compliant: the states conflict, error, inGracePeriod, configManager and unknown
/// are not in the list, and intune_list_managed_devices shows them. Follows all pages, to at most 20000 devices. Needs the
/// Graph permission DeviceManagementManagedDevices.Read.All.
#[tool(name = "intune_get_noncompliant_devices", title = "Get noncompliant Intune devices", category = read)]
pub(crate) fn get_noncompliant_devices(call: &Call) -> Result<Output<DeviceList>, ToolError> {
    let request =
        get(PATH).query("$select", SELECT).query("$filter", "complianceState eq 'noncompliant'").query("$top", PAGE);
    let rows = odata::pages::<Row>(call, request, bounds(MAX_ROWS), |reply| SOURCE.explain(reply))?;
    // Intune ignores a filter that it does not support, and would show every device as noncompliant.
    if !rows.rows.iter().all(|row| row.compliance_state == "noncompliant") {
        return Err(ToolError::upstream("Microsoft Intune sent devices in another state than was asked for"));
    }
    Ok(listed(rows).note(
        "only the state noncompliant: devices in the states conflict, error, inGracePeriod, configManager and unknown are \
         not in this list",
    ))
}

fn listed(rows: odata::Rows<Row>) -> Output<DeviceList> {
    let output =
        rows.into_output("devices", |rows| DeviceList { devices: rows.into_iter().map(Device::from).collect() });
    let unknown = output.data().devices.iter().filter(|device| device.is_encrypted.is_none()).count();
    note_unknown(output, unknown)
}

fn note_unknown<T>(output: Output<T>, unknown: usize) -> Output<T> {
    if unknown == 0 {
        return output;
    }
    output.partial(format!(
        "is_encrypted is unknown (null) for {unknown} of the devices: Microsoft Intune did not tell whether they are \
         encrypted"
    ))
}

fn by_id(call: &Call, id: &str) -> Result<Option<Row>, ToolError> {
    let reply = get(PATH).segment(id).query("$select", SELECT).send(call)?;
    if reply.status == 404 {
        return Ok(None);
    }
    let row: Row = SOURCE.json(&reply)?;
    if row.id.eq_ignore_ascii_case(id) { Ok(Some(row)) } else { Err(another()) }
}

fn by_name(call: &Call, name: &str) -> Result<Option<Row>, ToolError> {
    let filter = format!("deviceName eq {}", odata::literal(name));
    let request = get(PATH).query("$select", SELECT).query("$filter", filter).query("$top", 2);
    let mut found = odata::pages::<Row>(call, request, bounds(2), |reply| SOURCE.explain(reply))?;
    let asked = name.to_lowercase();
    let named = |row: &Row| row.device_name.as_ref().is_some_and(|name| name.to_lowercase() == asked);
    if !found.rows.iter().all(named) {
        return Err(another());
    }
    match (found.rows.len(), found.end) {
        (0 | 1, odata::End::Last) => Ok(found.rows.pop()),
        (0 | 1, _) => Err(ToolError::upstream("Microsoft Intune did not come to an end when asked for one device")),
        (_, odata::End::Last) => Err(ambiguous("2")),
        (_, _) => Err(ambiguous("more than 2")),
    }
}

/// A filter that was ignored, or an id that was read in another way, would give another device's data.
fn another() -> ToolError {
    ToolError::upstream("Microsoft Intune sent another device than was asked for")
}

fn ambiguous(count: &str) -> ToolError {
    let text = format!("{count} devices have this name: ask for one of them by its device id");
    ToolError::invalid_arguments(text)
}

/// A device as Graph sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    #[serde(deserialize_with = "nullable")]
    device_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    operating_system: Option<String>,
    #[serde(deserialize_with = "nullable")]
    os_version: Option<String>,
    compliance_state: String,
    #[serde(deserialize_with = "nullable")]
    management_state: Option<String>,
    #[serde(deserialize_with = "nullable")]
    enrolled_date_time: Option<Utc>,
    #[serde(deserialize_with = "nullable")]
    last_sync_date_time: Option<Utc>,
    #[serde(deserialize_with = "nullable")]
    user_principal_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    manufacturer: Option<String>,
    #[serde(deserialize_with = "nullable")]
    model: Option<String>,
    #[serde(deserialize_with = "nullable")]
    serial_number: Option<String>,
    #[serde(deserialize_with = "nullable")]
    is_encrypted: Option<bool>,
    #[serde(rename = "azureADRegistered", deserialize_with = "nullable")]
    entra_registered: Option<bool>,
    #[serde(rename = "azureADDeviceId", deserialize_with = "nullable")]
    entra_device_id: Option<String>,
}

impl From<Row> for Device {
    fn from(row: Row) -> Self {
        Self {
            device_id: row.id,
            hostname: told(row.device_name),
            serial_number: told(row.serial_number),
            manufacturer: told(row.manufacturer),
            model: told(row.model),
            os_name: told(row.operating_system),
            os_version: told(row.os_version),
            compliance_state: row.compliance_state,
            is_encrypted: row.is_encrypted,
            management_state: told(row.management_state),
            enrolled_at: happened(row.enrolled_date_time),
            last_sync_at: happened(row.last_sync_date_time),
            user_principal_name: told(row.user_principal_name),
            entra_device_id: linked(row.entra_device_id),
            is_entra_registered: row.entra_registered,
        }
    }
}
