//! What is installed on one asset.

use nexus_shard::{Call, Output, Source, ToolError, Utc, arguments, data, nullable, tool};
use serde::{Deserialize, Serialize};

use super::{Key, OneAsset, told};

const ASSET_NAME: &str = include_str!("../../queries/asset-name.graphql");
const SOFTWARE: &str = include_str!("../../queries/software.graphql");
const SOURCE: Source = super::source("software");

/// What is asked of every program: the paths of [`Program`].
const FIELDS: &[&str] = &["softwares.name", "softwares.version", "softwares.publisher", "softwares.installDate"];

#[arguments]
pub(crate) struct GetSoftware {
    /// The `asset_id` that the other Lansweeper tools return. A name is not one.
    #[field(length = 1..=256, pattern = "^[A-Za-z0-9+/=_-]+$")]
    asset_id: String,
}

/// What is installed on a device.
#[data]
pub(crate) struct SoftwareList {
    /// The `asset_id` of the device.
    asset_id: String,
    /// Name of the device.
    hostname: String,
    /// What is installed, in the order of Lansweeper. Empty if Lansweeper found nothing, or cannot look into the device.
    software: Vec<Software>,
    /// How many there are by Lansweeper's own count.
    total: u64,
}

/// A program on a device.
#[data]
pub(crate) struct Software {
    /// Name of the program.
    name: String,
    /// Its version.
    version: Option<String>,
    /// Who publishes it.
    publisher: Option<String>,
    /// When it was installed, RFC 3339 in UTC.
    installed_at: Option<Utc>,
}

/// Lists the software that Lansweeper found on one device, by the `asset_id` of the device.
///
/// A device that does not exist is an error and never an empty list.
#[tool(name = "lansweeper_get_software", title = "List the software of a Lansweeper asset", category = read)]
pub(crate) fn get_software(arguments: GetSoftware, call: &Call) -> Result<Output<SoftwareList>, ToolError> {
    let key = Key::parse(&arguments.asset_id)?;
    // First, because Lansweeper may find no software on a device that does not exist.
    let asset: Details = super::ask(call, ASSET_NAME, OneAsset { key: &key.0 }, &SOURCE)?;
    let asset = asset.asset_details.ok_or_else(|| ToolError::not_found("no asset has this asset_id"))?;
    let found: Found = super::ask(call, SOFTWARE, Variables { key: &key.0, fields: FIELDS }, &SOURCE)?;
    let Programs { total, items } = found.softwares;
    let sent = items.len();
    let output = Output::new(SoftwareList {
        asset_id: key.0,
        hostname: asset.asset_basic_info.name,
        software: items.into_iter().map(Software::from).collect(),
        total,
    });
    if total == sent as u64 {
        return Ok(output);
    }
    Ok(output.partial(format!("Lansweeper counts {total} programs on this device and sent {sent}")))
}

#[derive(Serialize)]
struct Variables<'a> {
    key: &'a str,
    fields: &'a [&'a str],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(deserialize_with = "nullable")]
    asset_details: Option<Asset>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asset {
    asset_basic_info: BasicInfo,
}

#[derive(Deserialize)]
struct BasicInfo {
    name: String,
}

#[derive(Deserialize)]
struct Found {
    softwares: Programs,
}

#[derive(Deserialize)]
struct Programs {
    total: u64,
    items: Vec<Item>,
}

/// A program as Lansweeper sends it. The vendor documents how to ask and not what comes: nested by the paths asked for, as
/// assets are, or plain.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Nested { softwares: Program },
    Plain(Program),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Program {
    name: String,
    version: Option<String>,
    publisher: Option<String>,
    install_date: Option<Utc>,
}

impl From<Item> for Software {
    fn from(item: Item) -> Self {
        let (Item::Nested { softwares: program } | Item::Plain(program)) = item;
        Self {
            name: program.name,
            version: told(program.version),
            publisher: told(program.publisher),
            installed_at: program.install_date,
        }
    }
}
