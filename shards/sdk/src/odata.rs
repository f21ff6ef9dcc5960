//! Collections of an OData service (Microsoft Graph): page after page, to a known end.
//!
//! The next page is where `@odata.nextLink` says, whole and unread; an empty page may have one too. A link is followed
//! only if it names the collection that was asked for: same scheme, host and port, and the same path but for case (the
//! vendor links `signIns` to `signins`). A link seen before would never end. One letter of it is written anew: a `+` in the
//! query, which the vendor's form encoding has for a blank and the host refuses as ambiguous, becomes `%20`.
//!
//! A page that fails fails the call: half a collection looks like a whole one to whoever counts it. A bound that is
//! reached does not fail: the rows are true, and [`Rows::into_output`] says that there are more.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use crate::rows::{Bounds, End, Rows};

use crate::request::RawRequest;
use crate::url::Link;
use crate::{Call, Reply, Request, ToolError};

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
    let counted = first_url.contains("$count=true");
    let mut seen = BTreeSet::from([first_url.clone()]);
    let mut read = Rows { rows: Vec::new(), count: None, pages: 0, end: End::Last };
    loop {
        let page: Page<T> = page(call, &request, &origin.host, &explain)?;
        read.pages += 1;
        // Some collections send a count unasked, and mean the page.
        if read.pages == 1 && counted {
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
        let link = match link.split_once('?') {
            Some((path, query)) => format!("{path}?{}", query.replace('+', "%20")),
            None => link,
        };
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
    fn a_blank_that_the_vendor_writes_as_plus_stays_a_blank() {
        let link = format!("{URL}?$skiptoken=LastDeviceName%3d%27Ole%27%27s+phone%2b1%27");
        let fake = Fake::replies([linked(&[1], &link), last(&[2])]);
        assert_eq!(read(&fake, 10, 10).unwrap().rows, [1, 2]);
        let expected = format!("{URL}?$skiptoken=LastDeviceName%3d%27Ole%27%27s%20phone%2b1%27");
        assert_eq!(fake.sent().last().unwrap().url, expected);
    }

    #[test]
    fn a_count_that_nobody_asked_for_is_not_believed() {
        let page = || reply(200, r#"{"@odata.count":1,"value":[1]}"#);
        assert_eq!(read(&Fake::replies([page()]), 10, 10).unwrap().count, None);
        let request = Request::get("https://graph.microsoft.com").path("v1.0/groups").query("$count", true);
        let bounds = Bounds { rows: 10, pages: 10 };
        let fake = Fake::replies([page()]);
        let rows = super::pages::<u32>(&fake.context(), request, bounds, |_| ToolError::internal("")).unwrap();
        assert_eq!(rows.count, Some(1));
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
