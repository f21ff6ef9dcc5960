//! Computers of the configuration management database (CMDB): those of a name, or all.
//!
//! The path fixes the dataset. Items marked as deleted stay in it until they are purged, and are left out here.

use nexus_shard::ar::{self, Qualification};
use nexus_shard::offset::{self, Page, Slice};
use nexus_shard::{Call, Output, Source, ToolError, arguments, data, tool};
use serde::Deserialize;

use crate::helix::{self, Told, Withheld};

/// The dataset in production, as in the path.
const DATASET: &str = "BMC.ASSET";
pub(crate) const ATTRIBUTES: &[&str] = &["Name", "ClassId", "SerialNumber", "ManufacturerName", "Model"];
/// The vendor documents 100 in one place and 500 in another.
const PAGE: u32 = 100;
const SEARCH_ROWS: u32 = 100;
const SOURCE: Source = Source {
    upstream: helix::UPSTREAM,
    what: "configuration items",
    needs: "the permission Asset Viewer and a CMDB role that may read",
    code: helix::CODE,
};

#[arguments]
pub(crate) struct SearchCmdb {
    /// A part of the name: at most 64 characters, without quotes, `\`, `$` and the wildcards `%`, `_`, `[`, `]`, `^`.
    /// Whether case matters is up to the server's database.
    #[field(length = 1..=64)]
    ci_name: String,
}

#[arguments]
pub(crate) struct ListCmdbAssets {
    /// How many configuration items to return at most.
    #[field(range = 1..=20_000, default = 100)]
    limit: u32,
}

/// Configuration items as the CMDB lists them.
#[data]
pub(crate) struct AssetList {
    /// How many the CMDB counts, returned or not; null if it did not say.
    total: Option<u64>,
    /// The configuration items, in the order of the CMDB.
    assets: Vec<Asset>,
}

/// A computer in the CMDB: a laptop, a server, a printer.
#[data]
pub(crate) struct Asset {
    /// Id of the configuration item in its dataset.
    instance_id: String,
    /// Name of the configuration item, which for a computer is its host name.
    hostname: Option<String>,
    /// Serial number, as the CMDB has it.
    serial_number: Option<String>,
    /// Name of the manufacturer.
    manufacturer: Option<String>,
    /// Name of the model.
    model: Option<String>,
    /// Class of the configuration item: `BMC_COMPUTERSYSTEM`, or a kind of it such as `BMC_PRINTER`.
    class_id: Option<String>,
    /// Dataset that it was read from: `BMC.ASSET`.
    dataset: String,
}

/// Searches the computers of the BMC Helix CMDB by a part of their name.
///
/// Returns at most 100, and says whether there are more. Reads the dataset BMC.ASSET, without items marked as deleted.
/// Needs the permission Asset Viewer and a CMDB role that may read.
#[tool(name = "helix_search_cmdb", title = "Search the Helix CMDB", category = read)]
pub(crate) fn search_cmdb(arguments: SearchCmdb, call: &Call) -> Result<Output<AssetList>, ToolError> {
    assets(call, &ar::field("Name").contains(&arguments.ci_name)?.and(is_kept()), SEARCH_ROWS)
}

/// Lists the computers of the BMC Helix CMDB.
///
/// Follows all pages up to `limit`. The result says whether there are more. Reads the dataset BMC.ASSET, without items
/// marked as deleted. Needs the permission Asset Viewer and a CMDB role that may read.
#[tool(name = "helix_list_cmdb_assets", title = "List Helix CMDB assets", category = read)]
pub(crate) fn list_cmdb_assets(arguments: ListCmdbAssets, call: &Call) -> Result<Output<AssetList>, ToolError> {
    assets(call, &is_kept(), arguments.limit)
}

/// Not marked as deleted: null, or 0, which is `No` in every language.
fn is_kept() -> Qualification {
    ar::field("MarkAsDeleted").is_null().or(ar::field("MarkAsDeleted").eq_number(0))
}

fn assets(call: &Call, condition: &Qualification, limit: u32) -> Result<Output<AssetList>, ToolError> {
    let ask = |slice| page(call, condition, slice);
    let rows = offset::pages(call, helix::bounds(limit), 0, PAGE, Instance::id, |slice| helix::filled(slice, ask))?;
    let total = rows.count;
    let mut withheld = Withheld::default();
    let output = rows.into_output(SOURCE.what, |rows| AssetList {
        total,
        assets: rows.into_iter().map(|row| Asset::new(row, &mut withheld)).collect(),
    });
    Ok(withheld.note(output))
}

/// A count that ends exactly with a full page is not believed before the next row is known to be missing: if the server
/// counted the rows of its reply, every full page would look like the last one.
fn page(call: &Call, condition: &Qualification, slice: Slice) -> Result<Page<Instance>, ToolError> {
    let found = ask(call, condition, slice)?;
    let got = found.instances.len() as u64;
    let next = Slice { offset: slice.offset + got, limit: 1 };
    let is_last = found.num_matches == Some(next.offset) && got == u64::from(slice.limit);
    if is_last && !ask(call, condition, next)?.instances.is_empty() {
        return Err(ToolError::upstream(format!("{} has more {} than it counts", helix::UPSTREAM, SOURCE.what)));
    }
    Ok(Page { rows: found.instances, total: found.num_matches })
}

fn ask(call: &Call, condition: &Qualification, slice: Slice) -> Result<Instances, ToolError> {
    let request = helix::get(call)?
        .path("api/cmdb/v1.0/instances")
        .path(DATASET)
        .path("BMC.CORE/BMC_ComputerSystem")
        .query("qualification", condition)
        .query("attributes", ATTRIBUTES.join(","))
        .query("limit", slice.limit)
        .query("offset", slice.offset)
        .query("num_matches", true);
    let found: Instances = helix::read(call, &SOURCE, request)?;
    if found.instances.iter().any(Instance::is_elsewhere) {
        return Err(ToolError::upstream(format!(
            "{} answered with a configuration item of another dataset than {DATASET}",
            helix::UPSTREAM
        )));
    }
    Ok(found)
}

#[derive(Deserialize)]
struct Instances {
    instances: Vec<Instance>,
    /// How many instances meet the condition. That the reply has it by the name it was asked by is not documented.
    num_matches: Option<u64>,
}

#[derive(Deserialize)]
struct Instance {
    instance_id: String,
    dataset_id: Option<String>,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "Name", default)]
    name: Told<String>,
    #[serde(rename = "ClassId", default)]
    class: Told<String>,
    #[serde(rename = "SerialNumber", default)]
    serial_number: Told<String>,
    #[serde(rename = "ManufacturerName", default)]
    manufacturer: Told<String>,
    #[serde(rename = "Model", default)]
    model: Told<String>,
}

impl Instance {
    fn id(&self) -> &str {
        &self.instance_id
    }

    fn is_elsewhere(&self) -> bool {
        self.dataset_id.as_deref().is_some_and(|dataset| dataset != DATASET)
    }
}

impl Asset {
    fn new(row: Instance, withheld: &mut Withheld) -> Self {
        let Attributes { name, class, serial_number, manufacturer, model } = row.attributes;
        Self {
            instance_id: row.instance_id,
            hostname: withheld.take("Name", name),
            serial_number: withheld.take("SerialNumber", serial_number),
            manufacturer: withheld.take("ManufacturerName", manufacturer),
            model: withheld.take("Model", model),
            class_id: withheld.take("ClassId", class),
            dataset: DATASET.to_owned(),
        }
    }
}
