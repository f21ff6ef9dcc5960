//! What all requests to Workday share: where it is, how it pages, and the shape of its replies.

use nexus_shard::offset::{self, Page, Slice};
use nexus_shard::rows::{Bounds, Rows};
use nexus_shard::{Call, Reply, Request, Source, ToolError, data};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// The most rows a tool returns, and so the highest `limit`.
pub(crate) const MAX_ROWS: u32 = 20_000;

/// Pages of one call: all rows twice, because a list that changes while it is read is read again. Below the manifest's
/// `egress-calls`, so that the bound is told as a bound and not as a refusal.
const MAX_PAGES: usize = 400;

/// Rows of a page; Workday refuses to give more.
const PAGE: u32 = 100;

/// A kind of thing of Workday. `what` is a plural; `needs` is what the integration account and its API client must have.
pub(crate) const fn source(what: &'static str, needs: &'static str) -> Source {
    Source { upstream: "Workday", what, needs, code: "/errors/0/code" }
}

/// A request to the staffing service. `resource` is written by the author: `workers`.
pub(crate) fn staffing(call: &Call, resource: &str) -> Result<Request, ToolError> {
    let request = get(call, "ccx/api/staffing/v7")?;
    Ok(request.path(resource))
}

/// A request for a report as JSON. Its rows are read by [`entries`].
pub(crate) fn report(call: &Call, owner: &str, name: &str) -> Result<Request, ToolError> {
    let request = get(call, "ccx/service/customreport2")?;
    Ok(request.segment(owner).segment(name).query("format", "json"))
}

/// The user name that owns the reports of the manifest.
pub(crate) fn report_owner(call: &Call) -> Result<&str, ToolError> {
    call.setting("WORKDAY_REPORT_OWNER")
}

fn get(call: &Call, service: &str) -> Result<Request, ToolError> {
    let base = format!("https://{}", call.setting("WORKDAY_HOST")?);
    Ok(Request::get(&base).path(service).segment(call.setting("WORKDAY_TENANT")?).credential("workday"))
}

/// Reads a collection of the staffing service from row `start` on. `key` is a row's Workday id.
pub(crate) fn list<T: DeserializeOwned>(
    call: &Call,
    source: Source,
    request: &Request,
    start: u64,
    limit: u32,
    key: impl Fn(&T) -> &str,
) -> Result<Rows<T>, ToolError> {
    pages(call, start, limit, key, |slice| page(source, &sliced(request, slice).send(call)?))
}

/// The same, with a `fetch` of the caller's.
pub(crate) fn pages<T>(
    call: &Call,
    start: u64,
    limit: u32,
    key: impl Fn(&T) -> &str,
    fetch: impl FnMut(Slice) -> Result<Page<T>, ToolError>,
) -> Result<Rows<T>, ToolError> {
    let bounds = Bounds { rows: limit as usize, pages: MAX_PAGES };
    offset::pages(call, bounds, start, PAGE, key, fetch)
}

pub(crate) fn sliced(request: &Request, slice: Slice) -> Request {
    request.clone().query("limit", slice.limit).query("offset", slice.offset)
}

pub(crate) fn page<T: DeserializeOwned>(source: Source, reply: &Reply) -> Result<Page<T>, ToolError> {
    #[derive(Deserialize)]
    struct Listing<T> {
        total: u64,
        data: Option<Vec<T>>,
    }

    let Listing { total, data } = source.json(reply)?;
    let rows = match data {
        Some(rows) => rows,
        // Workday leaves out what is empty. That nothing is there, the total must say.
        None if total == 0 => Vec::new(),
        None => return Err(ToolError::upstream(format!("Workday counts {} and sent none", source.what))),
    };
    Ok(Page { rows, total: Some(total) })
}

/// The rows of a report. Workday leaves an empty list out, but never beside errors.
pub(crate) fn entries<T: DeserializeOwned>(source: Source, reply: &Reply) -> Result<Vec<T>, ToolError> {
    #[derive(Deserialize)]
    struct Listing<T> {
        #[serde(rename = "Report_Entry", default = "Vec::new")]
        entries: Vec<T>,
        errors: Option<IgnoredAny>,
    }

    let listing: Listing<T> = source.json(reply)?;
    match listing.errors {
        None => Ok(listing.entries),
        Some(_) => Err(ToolError::upstream(format!("Workday answered with errors when asked for {}", source.what))),
    }
}

/// Another thing of Workday, as a row refers to it.
#[data]
#[derive(Deserialize)]
pub(crate) struct Reference {
    /// Its Workday id (WID), 32 hexadecimal digits.
    #[serde(rename(deserialize = "id"))]
    wid: String,
    /// Its name as shown. That of an organization often has its manager's name in parentheses.
    #[field(class = person)]
    #[serde(rename(deserialize = "descriptor"))]
    display_name: String,
}

/// A reference of which only the name is kept.
#[derive(Deserialize)]
pub(crate) struct Named {
    descriptor: String,
}

impl Named {
    pub(crate) fn name(named: Option<Self>) -> Option<String> {
        named.map(|named| named.descriptor)
    }
}
