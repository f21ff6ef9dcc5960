//! Assets of a Lansweeper site: all, those that match, or one.

use nexus_shard::rows::{End, Rows};
use nexus_shard::{Call, Output, Source, ToolError, Utc, arguments, data, nullable, tool};
use serde::Deserialize;

use super::pages::{self, Condition, Filter};
use super::{Key, OneAsset, told};

const ASSET: &str = include_str!("../../queries/asset.graphql");
const SOURCE: Source = super::source("assets");

const NAME: &str = "assetBasicInfo.name";
const TYPE: &str = "assetBasicInfo.type";
const IP_ADDRESS: &str = "assetBasicInfo.ipAddress";
const MAC_ADDRESS: &str = "assetBasicInfo.mac";
const SERIAL_NUMBER: &str = "assetCustom.serialNumber";

/// Assets as Lansweeper lists them.
#[data]
pub(crate) struct AssetList {
    /// The assets, in the order of Lansweeper.
    assets: Vec<Asset>,
    /// How many there are by Lansweeper's own count, whether returned or not.
    total: u64,
}

/// A device that Lansweeper has found.
#[data]
pub(crate) struct Asset {
    /// What Lansweeper knows the asset by. Opaque.
    asset_id: String,
    /// Name of the device.
    hostname: String,
    /// As Lansweeper names it: `Windows`, `iPad`, `Switch`.
    asset_type: String,
    /// Serial number.
    serial_number: Option<String>,
    /// Who made it.
    manufacturer: Option<String>,
    /// What the maker calls it.
    model: Option<String>,
    /// Operating system, for example `Windows 11 Enterprise`.
    os_name: Option<String>,
    /// Version of the operating system.
    os_version: Option<String>,
    /// The last known IP address.
    ip_address: Option<String>,
    /// MAC address, as Lansweeper writes it: `9C:7B:EF:12:A0:01`.
    mac_address: Option<String>,
    /// Domain or workgroup of the device.
    domain: Option<String>,
    /// Who was last logged on: `DOMAIN\login`, or the login alone.
    #[field(class = person)]
    last_user: Option<String>,
    /// What people in Lansweeper say of it, for example `Active` or `Stolen`.
    state: Option<String>,
    /// When Lansweeper first found it, RFC 3339 in UTC.
    first_seen: Option<Utc>,
    /// When Lansweeper last found it, RFC 3339 in UTC.
    last_seen: Option<Utc>,
    /// When it was bought, as Lansweeper has it: a moment, perhaps the midnight of another time zone. RFC 3339 in UTC.
    purchase_date: Option<Utc>,
    /// When its warranty ends, as Lansweeper has it: a moment like `purchase_date`.
    warranty_date: Option<Utc>,
}

#[arguments]
pub(crate) struct ListAssets {
    /// How many assets to return at most.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
    /// Only assets of this type, exactly as Lansweeper names it: `Windows`, `iPad`, `Switch`.
    #[field(length = 1..=64)]
    asset_type: Option<String>,
}

/// Lists the devices that Lansweeper has found in the network, or those of one type.
///
/// Follows all pages up to `limit`. The result says whether there are more, and `total` how many there are. Whether small
/// and capital letters of `asset_type` matter is for Lansweeper to decide: write it as Lansweeper does.
#[tool(name = "lansweeper_list_assets", title = "List Lansweeper assets", category = read)]
pub(crate) fn list_assets(arguments: ListAssets, call: &Call) -> Result<Output<AssetList>, ToolError> {
    let asset_type = arguments.asset_type.as_deref().map(|kind| super::text("asset_type", kind, 1..=64)).transpose()?;
    let filter = asset_type.map(|kind| Filter::any(vec![Condition::equal(TYPE, kind)]));
    let rows = pages::read(call, filter.as_ref(), arguments.limit, &SOURCE)?;
    let fits = |row: &Row| asset_type.is_none_or(|kind| row.asset_basic_info.kind.eq_ignore_ascii_case(kind));
    output(rows, fits)
}

#[arguments]
pub(crate) struct SearchAssets {
    /// A part of the name, IP address or serial number, or a whole MAC address.
    #[field(length = 2..=100)]
    query: String,
    /// How many assets to return at most.
    #[field(range = 1..=20_000, default = 50)]
    limit: u32,
}

/// Finds devices in Lansweeper by a part of their name, IP address or serial number, or by their whole MAC address.
///
/// The text stands for itself, without wildcards. Names and serial numbers are looked for as it is written, in capitals and
/// in small letters; whether other spellings match is for Lansweeper to decide. Follows all pages up to `limit`. The result
/// says whether there are more, and `total` how many there are.
#[tool(name = "lansweeper_search_assets", title = "Search Lansweeper assets", category = read)]
pub(crate) fn search_assets(arguments: SearchAssets, call: &Call) -> Result<Output<AssetList>, ToolError> {
    let query = super::text("query", &arguments.query, 2..=100)?;
    let mut conditions = vec![Condition::contains(IP_ADDRESS, query)];
    for spelling in spellings(query) {
        conditions.extend([NAME, SERIAL_NUMBER].map(|path| Condition::contains(path, &spelling)));
    }
    let address = mac_address(query);
    conditions.extend(address.iter().map(|address| Condition::equal(MAC_ADDRESS, address)));
    let rows = pages::read(call, Some(&Filter::any(conditions)), arguments.limit, &SOURCE)?;
    output(rows, |row| row.holds(query, address.as_deref()))
}

#[arguments]
pub(crate) struct GetAsset {
    /// The `asset_id` that the other Lansweeper tools return. A name is not one.
    #[field(length = 1..=256, pattern = "^[A-Za-z0-9+/=_-]+$")]
    asset_id: String,
}

/// Gets one device of Lansweeper by its `asset_id`.
///
/// To find a device by name, serial number or address, use `lansweeper_search_assets`.
#[tool(name = "lansweeper_get_asset", title = "Get a Lansweeper asset", category = read)]
pub(crate) fn get_asset(arguments: GetAsset, call: &Call) -> Result<Output<Asset>, ToolError> {
    let key = Key::parse(&arguments.asset_id)?;
    let found: Details = super::ask(call, ASSET, OneAsset { key: &key.0 }, &SOURCE)?;
    let row = found.asset_details.ok_or_else(|| ToolError::not_found("no asset has this asset_id"))?;
    if row.key != key {
        return Err(ToolError::upstream("Lansweeper sent another asset than the one asked for"));
    }
    Ok(Output::new(row.into()))
}

/// A result made of rows. `fits` is what was asked for: a filter that Lansweeper did not heed must not look like an answer.
fn output(rows: Rows<Row>, fits: impl Fn(&Row) -> bool) -> Result<Output<AssetList>, ToolError> {
    if !rows.rows.iter().all(fits) {
        return Err(ToolError::upstream("Lansweeper sent assets that do not match what was asked for"));
    }
    let (sent, end) = (rows.rows.len() as u64, rows.end);
    let total = rows.count.unwrap_or(sent);
    let output =
        rows.into_output("assets", |rows| AssetList { assets: rows.into_iter().map(Asset::from).collect(), total });
    if end != End::Last || sent == total {
        return Ok(output);
    }
    Ok(output
        .partial(format!("Lansweeper counted {total} assets and sent {sent}: the inventory changed while it was read")))
}

/// A text as it is written, in capitals and in small letters, each once.
fn spellings(text: &str) -> Vec<String> {
    let mut spellings = vec![text.to_owned(), text.to_ascii_uppercase(), text.to_ascii_lowercase()];
    spellings.sort_unstable();
    spellings.dedup();
    spellings
}

/// The text as Lansweeper writes a MAC address, if it is one in any of the usual spellings.
fn mac_address(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut address = String::new();
    for (at, digit) in digits.to_ascii_uppercase().chars().enumerate() {
        if at > 0 && at % 2 == 0 {
            address.push(':');
        }
        address.push(digit);
    }
    Some(address)
}

/// The same for an asset asked for by its key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(deserialize_with = "nullable")]
    asset_details: Option<Row>,
}

/// An asset as Lansweeper sends it: nested by the paths asked for. A list leaves out what an asset does not have, so
/// absent is as good as null here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    key: Key,
    asset_basic_info: BasicInfo,
    asset_custom: Option<Custom>,
    operating_system: Option<OperatingSystem>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BasicInfo {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    domain: Option<String>,
    ip_address: Option<String>,
    mac: Option<String>,
    first_seen: Option<Utc>,
    last_seen: Option<Utc>,
    user_domain: Option<String>,
    user_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Custom {
    manufacturer: Option<String>,
    model: Option<String>,
    serial_number: Option<String>,
    state_name: Option<String>,
    purchase_date: Option<Utc>,
    warranty_date: Option<Utc>,
}

#[derive(Debug, Default, Deserialize)]
struct OperatingSystem {
    caption: Option<String>,
    version: Option<String>,
}

impl Row {
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Whether a search for `text`, perhaps a MAC address, may find it.
    fn holds(&self, text: &str, mac_address: Option<&str>) -> bool {
        let basic = &self.asset_basic_info;
        let serial_number = self.asset_custom.as_ref().and_then(|custom| custom.serial_number.as_deref());
        let text = text.to_lowercase();
        let contains = |field: &str| field.to_lowercase().contains(&text);
        contains(&basic.name)
            || [basic.ip_address.as_deref(), serial_number].into_iter().flatten().any(contains)
            || basic.mac.as_deref().is_some_and(|mac| mac_address.is_some_and(|asked| mac.eq_ignore_ascii_case(asked)))
    }
}

impl From<Row> for Asset {
    fn from(row: Row) -> Self {
        let basic = row.asset_basic_info;
        let custom = row.asset_custom.unwrap_or_default();
        let os = row.operating_system.unwrap_or_default();
        let last_user = told(basic.user_name).map(|name| match told(basic.user_domain) {
            Some(domain) => format!("{domain}\\{name}"),
            None => name,
        });
        Self {
            asset_id: row.key.0,
            hostname: basic.name,
            asset_type: basic.kind,
            serial_number: told(custom.serial_number),
            manufacturer: told(custom.manufacturer),
            model: told(custom.model),
            os_name: told(os.caption),
            os_version: told(os.version),
            ip_address: told(basic.ip_address),
            mac_address: told(basic.mac),
            domain: told(basic.domain),
            last_user,
            state: told(custom.state_name),
            first_seen: basic.first_seen,
            last_seen: basic.last_seen,
            purchase_date: custom.purchase_date,
            warranty_date: custom.warranty_date,
        }
    }
}
