//! Lists of assets: page after page by cursor, to a proven end.
//!
//! Lansweeper counts only beside the first page, and refuses to on any other; so there are two queries. The end is where
//! no cursor follows. The page that is full and the last may have a cursor all the same: then the page behind it is empty.
//!
//! The inventory changes while it is read. An asset that came twice is an error; one that came or went shows in the count,
//! and then the result says that it is not whole.

use std::collections::BTreeSet;

use nexus_shard::rows::{Bounds, End, Rows};
use nexus_shard::{Call, Source, ToolError, nullable};
use serde::{Deserialize, Serialize};

use super::assets::Row;

const FIRST: &str = include_str!("../../queries/assets-first.graphql");
const NEXT: &str = include_str!("../../queries/assets-next.graphql");

/// Assets of a page; Lansweeper gives no more.
const PAGE: u32 = 500;
/// Pages of one call. Below the manifest's `egress-calls`, so that the bound is told as a bound and not as a refusal.
const MAX_PAGES: usize = 60;

/// What is asked of every asset: the paths of [`Row`]. Lansweeper takes 30 at most.
const FIELDS: &[&str] = &[
    "key",
    "assetBasicInfo.name",
    "assetBasicInfo.type",
    "assetBasicInfo.domain",
    "assetBasicInfo.ipAddress",
    "assetBasicInfo.mac",
    "assetBasicInfo.firstSeen",
    "assetBasicInfo.lastSeen",
    "assetBasicInfo.userDomain",
    "assetBasicInfo.userName",
    "assetCustom.manufacturer",
    "assetCustom.model",
    "assetCustom.serialNumber",
    "assetCustom.stateName",
    "assetCustom.purchaseDate",
    "assetCustom.warrantyDate",
    "operatingSystem.caption",
    "operatingSystem.version",
];

/// Which assets.
#[derive(Serialize)]
pub(super) struct Filter {
    conjunction: &'static str,
    conditions: Vec<Condition>,
}

#[derive(Serialize)]
pub(super) struct Condition {
    operator: &'static str,
    path: &'static str,
    value: String,
}

impl Filter {
    /// Those that meet at least one condition.
    pub(super) fn any(conditions: Vec<Condition>) -> Self {
        Self { conjunction: "OR", conditions }
    }
}

impl Condition {
    pub(super) fn equal(path: &'static str, value: &str) -> Self {
        Self { operator: "EQUAL", path, value: value.to_owned() }
    }

    pub(super) fn contains(path: &'static str, value: &str) -> Self {
        Self { operator: "CONTAINS", path, value: value.to_owned() }
    }
}

/// Reads at most `limit` assets. Their `count` is how many there are.
pub(super) fn read(call: &Call, filter: Option<&Filter>, limit: u32, source: &Source) -> Result<Rows<Row>, ToolError> {
    let bounds = Bounds { rows: limit as usize, pages: MAX_PAGES };
    // One asset more, so that one page tells whether there are more than were asked for.
    let size = limit.saturating_add(1).min(PAGE);
    let mut seen = Seen::default();
    let mut read = Rows { rows: Vec::new(), count: None, pages: 0, end: End::Last };
    let mut cursor: Option<String> = None;
    loop {
        let page = page(call, cursor.as_deref(), size, filter, source)?;
        if read.pages == 0 {
            let uncounted = || ToolError::upstream("Lansweeper did not say how many assets there are");
            read.count = Some(page.total.ok_or_else(uncounted)?);
        }
        read.pages += 1;
        let is_empty = page.items.is_empty();
        seen.assets(&page.items)?;
        read.rows.extend(page.items);
        if read.rows.len() > bounds.rows {
            read.rows.truncate(bounds.rows);
            read.end = End::Rows;
            return Ok(read);
        }
        let Some(next) = page.pagination.next.filter(|next| !next.is_empty()) else { return Ok(read) };
        if is_empty && read.count.is_some_and(|count| read.rows.len() as u64 >= count) {
            return Ok(read);
        }
        if read.pages >= bounds.pages {
            read.end = End::Pages;
            return Ok(read);
        }
        seen.cursor(&next)?;
        let total = read.count.map(|count| count as f64);
        call.progress(read.rows.len() as f64, total, None);
        cursor = Some(next);
    }
}

fn page(
    call: &Call,
    cursor: Option<&str>,
    limit: u32,
    filters: Option<&Filter>,
    source: &Source,
) -> Result<List, ToolError> {
    let (document, page) = if cursor.is_some() { (NEXT, "NEXT") } else { (FIRST, "FIRST") };
    let variables = Variables { fields: FIELDS, page: Page { limit, page, cursor }, filters };
    super::ask::<Resources>(call, document, variables, source).map(|found| found.asset_resources)
}

/// What must not come twice.
#[derive(Default)]
struct Seen {
    keys: BTreeSet<super::Key>,
    cursors: BTreeSet<String>,
}

impl Seen {
    fn assets(&mut self, rows: &[Row]) -> Result<(), ToolError> {
        if rows.iter().all(|row| self.keys.insert(row.key().clone())) {
            return Ok(());
        }
        Err(ToolError::upstream("Lansweeper sent an asset twice: its list changed while it was read; try again"))
    }

    fn cursor(&mut self, next: &str) -> Result<(), ToolError> {
        if self.cursors.insert(next.to_owned()) {
            return Ok(());
        }
        Err(ToolError::upstream("Lansweeper named a page as the next one that was already read; nothing is returned"))
    }
}

#[derive(Serialize)]
struct Variables<'a> {
    fields: &'a [&'a str],
    page: Page<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filters: Option<&'a Filter>,
}

#[derive(Serialize)]
struct Page<'a> {
    limit: u32,
    page: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resources {
    asset_resources: List,
}

#[derive(Deserialize)]
struct List {
    // Of the first page only.
    total: Option<u64>,
    pagination: Pagination,
    items: Vec<Row>,
}

#[derive(Deserialize)]
struct Pagination {
    #[serde(deserialize_with = "nullable")]
    next: Option<String>,
}
