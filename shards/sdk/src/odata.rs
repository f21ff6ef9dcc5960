//! Collections of an OData service (Microsoft Graph): page after page, to a known end.
//!
//! The next page is where `@odata.nextLink` says, whole and unread; an empty page may have one too. A link is followed
//! only if it names the collection that was asked for: same scheme, host and port, and the same path but for case (the
//! vendor links `signIns` to `signins`). A link seen before would never end.
//!
//! A page that fails fails the call: half a collection looks like a whole one to whoever counts it. A bound that is
//! reached does not fail: the rows are true, and [`Rows::into_output`] says that there are more.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::request::RawRequest;
use crate::url::Link;
use crate::{Call, Output, Reply, Request, ToolError};

/// How far to read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Rows to return at most.
    pub rows: usize,
    /// Pages to ask for at most. Each is one crossing of the manifest's `egress-calls`.
    pub pages: usize,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows<T> {
    /// The rows, in the upstream's order.
    pub rows: Vec<T>,
    /// How many rows the upstream says there are (`@odata.count`), if it was asked.
    pub count: Option<u64>,
    /// Pages read.
    pub pages: usize,
    /// Where reading ended.
    pub end: End,
}

/// Why no further page was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There is none.
    Last,
    /// There are more rows than were wanted.
    Rows,
    /// There may be more rows, but so many pages were not expected.
    Pages,
}

impl<T> Rows<T> {
    /// A result made of these rows, complete only if the last page was read. `what` is a plural: `users`.
    pub fn into_output<D>(self, what: &str, data: impl FnOnce(Vec<T>) -> D) -> Output<D> {
        let (n, pages) = (self.rows.len(), self.pages);
        let output = Output::new(data(self.rows));
        match self.end {
            End::Last => output,
            End::Rows => output.partial(format!("there are more {what}: only the first {n} are returned, as limited")),
            End::Pages => {
                let why = format!("there may be more {what}: reading stopped after {pages} pages with {n} {what}");
                output.partial(why)
            }
        }
    }
}

/// Reads a collection. `explain` turns a reply that is not 200 into the error the client sees.
pub fn pages<T: DeserializeOwned>(
    call: &Call,
    first: Request,
    bounds: Bounds,
    explain: impl Fn(&Reply) -> ToolError,
) -> Result<Rows<T>, ToolError> {
    let mut request = first.build()?;
    let first_url = request.url.clone();
    let origin = Link::parse(&first_url).ok_or_else(|| ToolError::internal("the first page has no readable URL"))?;
    let mut seen = BTreeSet::from([first_url.clone()]);
    let mut read = Rows { rows: Vec::new(), count: None, pages: 0, end: End::Last };
    loop {
        let page: Page<T> = page(call, &request, &origin.host, &explain)?;
        read.pages += 1;
        if read.pages == 1 {
            read.count = page.count;
        }
        read.rows.extend(page.value);
        // Exactly as many rows as wanted and another page to come: only that page knows whether there are more.
        if read.rows.len() > bounds.rows {
            read.rows.truncate(bounds.rows);
            read.end = End::Rows;
            return Ok(read);
        }
        let Some(link) = page.next else { return Ok(read) };
        check(&origin, &link)?;
        if read.pages >= bounds.pages {
            read.end = End::Pages;
            return Ok(read);
        }
        if !seen.insert(link.clone()) {
            return Err(bad_link(&origin, "links the next page to one already read"));
        }
        let total = read.count.map(|count| count as f64);
        call.progress(read.rows.len() as f64, total, None);
        request = RawRequest { url: link, ..request };
    }
}

/// A text in a filter: quoted, its own quotes doubled. `o'brien` becomes `'o''brien'`.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink", default)]
    next: Option<String>,
    #[serde(rename = "@odata.count", default)]
    count: Option<u64>,
}

fn page<T: DeserializeOwned>(
    call: &Call,
    request: &RawRequest,
    upstream: &str,
    explain: &impl Fn(&Reply) -> ToolError,
) -> Result<Page<T>, ToolError> {
    let reply = Reply { upstream: upstream.to_owned(), ..call.exchange(request)? };
    if reply.status == 200 { reply.json() } else { Err(explain(&reply)) }
}

fn check(origin: &Link<'_>, link: &str) -> Result<(), ToolError> {
    let Some(link) = Link::parse(link) else {
        return Err(bad_link(origin, "links the next page in a way that cannot be read for certain"));
    };
    if (link.https, &link.host, link.port) != (origin.https, &origin.host, origin.port) {
        return Err(bad_link(origin, "links the next page to another host, port or scheme"));
    }
    if !link.path.eq_ignore_ascii_case(origin.path) {
        return Err(bad_link(origin, "links the next page to another resource"));
    }
    Ok(())
}

/// The link itself is not quoted: whoever wrote it chose its words.
fn bad_link(origin: &Link<'_>, what: &str) -> ToolError {
    ToolError::upstream(format!("{} {what}; it was not followed, and nothing is returned", origin.host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, reply};
    use crate::{Refusal, serde_json::json};

    const URL: &str = "https://graph.microsoft.com/v1.0/auditLogs/signIns";

    fn read(fake: &Fake, rows: usize, pages: usize) -> Result<Rows<u32>, ToolError> {
        let request = Request::get("https://graph.microsoft.com")
            .path("v1.0/auditLogs/signIns")
            .query("$top", 2)
            .header("consistencylevel", "eventual")
            .credential("graph");
        let bounds = Bounds { rows, pages };
        super::pages(&fake.context(), request, bounds, |reply| ToolError::upstream(format!("status {}", reply.status)))
    }

    fn linked(rows: &[u32], next: &str) -> Result<Reply, Refusal> {
        reply(200, &json!({ "value": rows, "@odata.nextLink": next }).to_string())
    }

    fn last(rows: &[u32]) -> Result<Reply, Refusal> {
        reply(200, &json!({ "value": rows }).to_string())
    }

    #[test]
    fn all_pages_are_read_with_the_same_headers_even_behind_an_empty_one() {
        let lower = format!("{}?$skiptoken=b", URL.to_lowercase());
        let fake = Fake::replies([linked(&[1, 2], &format!("{URL}?$skiptoken=a")), linked(&[], &lower), last(&[3])]);
        let rows = read(&fake, 10, 10).unwrap();
        assert_eq!((rows.rows, rows.end, rows.pages), (vec![1, 2, 3], End::Last, 3));
        let sent = fake.sent();
        assert_eq!(sent.last().unwrap().url, lower);
        for request in sent {
            assert_eq!(request.headers, [("consistencylevel".to_owned(), b"eventual".to_vec())]);
            assert_eq!(request.credential.as_deref(), Some("graph"));
        }
    }

    #[test]
    fn exactly_as_many_rows_as_wanted_is_complete_only_if_no_more_follow() {
        let link = format!("{URL}?$skiptoken=a");
        let more = read(&Fake::replies([linked(&[1, 2], &link), last(&[3])]), 2, 10).unwrap();
        assert_eq!((more.rows, more.end), (vec![1, 2], End::Rows));
        let none = read(&Fake::replies([linked(&[1, 2], &link), last(&[])]), 2, 10).unwrap();
        assert_eq!((none.rows, none.end), (vec![1, 2], End::Last));
        let one_page = read(&Fake::replies([last(&[1, 2, 3])]), 2, 10).unwrap();
        assert_eq!((one_page.rows, one_page.end), (vec![1, 2], End::Rows));
    }

    #[test]
    fn a_bound_is_said_and_is_not_a_failure() {
        let link = |n: u32| format!("{URL}?$skiptoken={n}");
        let rows = read(&Fake::replies([linked(&[1], &link(1)), linked(&[2], &link(2))]), 10, 2).unwrap();
        assert_eq!((rows.rows.clone(), rows.end), (vec![1, 2], End::Pages));
        let output = rows.into_output("sign-ins", |rows| rows);
        assert!(!output.is_complete());
        assert_eq!(output.notes(), ["there may be more sign-ins: reading stopped after 2 pages with 2 sign-ins"]);
    }

    #[test]
    fn a_link_elsewhere_is_not_followed_and_nothing_is_returned() {
        for link in [
            "https://evil.test/v1.0/auditLogs/signIns?$skiptoken=a",
            "http://graph.microsoft.com/v1.0/auditLogs/signIns?$skiptoken=a",
            "https://graph.microsoft.com:8443/v1.0/auditLogs/signIns?$skiptoken=a",
            "https://graph.microsoft.com@evil.test/v1.0/auditLogs/signIns",
            "https://graph.microsoft.com.evil.test/v1.0/auditLogs/signIns",
            "https://graph.microsoft.com/beta/auditLogs/signIns?$skiptoken=a",
            "https://graph.microsoft.com/v1.0/auditLogs/signIns/../../users",
            "https://graph.microsoft.com/v1.0/auditLogs/signIns#",
            "/v1.0/auditLogs/signIns?$skiptoken=a",
            "",
        ] {
            let fake = Fake::replies([linked(&[1], link), last(&[2])]);
            let error = read(&fake, 10, 10).unwrap_err();
            assert!(matches!(error, ToolError::Upstream(_)), "{link}");
            assert!(!error.text().contains("evil"), "{error}");
            assert_eq!(fake.sent().len(), 1, "{link}");
        }
    }

    #[test]
    fn a_loop_is_an_error_and_not_a_long_read() {
        let link = format!("{URL}?$skiptoken=a");
        let error = read(&Fake::replies([linked(&[1], &link), linked(&[2], &link)]), 10, 10).unwrap_err();
        assert!(error.text().contains("already read"), "{error}");
    }

    #[test]
    fn a_failure_on_a_later_page_means_no_data() {
        let link = format!("{URL}?$skiptoken=a");
        for (page, text) in [
            (reply(503, "<html>"), "status 503"),
            (reply(200, r#"{"value":[2"#), "cut short"),
            (reply(200, r#"{"value":[2,"x"]}"#), "value[1]"),
            (reply(200, r#"{"error":{}}"#), "no value"),
            (Err(Refusal::NotGranted), "not-granted"),
            (Err(Refusal::OverBudget), "over-budget"),
        ] {
            let error = read(&Fake::replies([linked(&[1], &link), page]), 10, 10).unwrap_err();
            assert!(error.text().contains(text), "{error}");
        }
    }

    #[test]
    fn a_quote_cannot_end_a_filter_text() {
        assert_eq!(literal("o'brien' or 1 eq 1"), "'o''brien'' or 1 eq 1'");
    }
}
