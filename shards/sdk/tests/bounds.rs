//! Bounds of what the SDK takes from an upstream, on both sides of each.

use nexus_shard::odata::{self, Bounds, End};
use nexus_shard::serde_json::{Value, json};
use nexus_shard::testing::{Fake, reply};
use nexus_shard::{Money, Reply, Request, Source, ToolError, graphql};

const ROWS: Source = Source { upstream: "Test", what: "rows", needs: "nothing", code: "/code" };

#[test]
fn an_amount_of_money_has_thirty_digits_at_most() {
    for (amount, fits) in [
        (format!("{}.25", "1".repeat(28)), true),
        (format!("-{}.25", "1".repeat(28)), true),
        (format!("1.{}", "2".repeat(29)), true),
        (format!("{}.25", "1".repeat(29)), false),
        (format!("1.{}", "2".repeat(30)), false),
    ] {
        let money = Money::new(&amount, "USD");
        assert_eq!(money.as_ref().map(Money::amount).ok(), fits.then_some(amount.as_str()), "{amount}");
    }
}

#[test]
fn a_code_of_an_upstream_has_eighty_characters_at_most() {
    for (n, is_told) in [(80, true), (81, false)] {
        let code = "C".repeat(n);
        let body = json!({ "code": code }).to_string().into_bytes();
        let error = ROWS.explain(&Reply { status: 500, body, ..Reply::default() });
        assert_eq!(error.text().contains(&code), is_told, "{n}");
        assert_eq!(error.text() == "Test could not show rows (500)", !is_told, "{error}");
    }
}

#[test]
fn five_codes_of_a_query_are_told_and_the_sixth_is_one_of_others() {
    for (n, codes) in [(5, "5 errors: C0, C1, C2, C3, C4:"), (6, "6 errors: C0, C1, C2, C3, C4, and others:")] {
        let errors: Vec<_> = (0..n).map(|n| json!({ "extensions": { "code": format!("C{n}") } })).collect();
        let body = json!({ "errors": errors }).to_string().into_bytes();
        let reply = Reply { status: 200, body, ..Reply::default() };
        let error = graphql::read::<Value>(&reply, &ROWS).unwrap_err();
        assert!(error.text().contains(codes), "{error}");
    }
}

#[test]
fn a_link_back_to_the_first_page_is_a_loop() {
    let read = |next: &str| {
        let linked = reply(200, &json!({ "value": [1], "@odata.nextLink": next }).to_string());
        let fake = Fake::replies([linked, reply(200, &json!({ "value": [2] }).to_string())]);
        let request = Request::get("https://graph.microsoft.com").path("v1.0/users").query("$top", 1);
        let bounds = Bounds { rows: 10, pages: 10 };
        let rows = odata::pages::<u32>(&fake.context(), request, bounds, |reply| ROWS.explain(reply));
        (rows, fake.sent())
    };
    let (rows, sent) = read("https://graph.microsoft.com/v1.0/users?$top=1&$skiptoken=a");
    let rows = rows.unwrap();
    assert_eq!((rows.rows, rows.end), (vec![1, 2], End::Last));
    let (rows, first) = read(&sent[0].url);
    let error = rows.unwrap_err();
    assert!(matches!(&error, ToolError::Upstream(text) if text.contains("already read")), "{error:?}");
    assert_eq!(first.len(), 1);
}

#[test]
fn a_later_page_does_not_change_the_count() {
    let url = "https://graph.microsoft.com/v1.0/users?$count=true";
    let next = format!("{url}&$skiptoken=a");
    let first = reply(200, &json!({ "value": [1], "@odata.count": 2, "@odata.nextLink": next }).to_string());
    let last = reply(200, &json!({ "value": [2], "@odata.count": 1 }).to_string());
    let request = Request::get("https://graph.microsoft.com").path("v1.0/users").query("$count", true);
    let bounds = Bounds { rows: 10, pages: 10 };
    let call = Fake::replies([first, last]).context();
    let rows = odata::pages::<u32>(&call, request, bounds, |reply| ROWS.explain(reply)).unwrap();
    assert_eq!((rows.rows, rows.count), (vec![1, 2], Some(2)));
}

#[test]
fn a_header_value_may_have_a_tab_and_no_other_control_character() {
    let built = |value: &str| Request::get("https://api.example.com").path("rows").header("x-note", value).build();
    assert_eq!(built("a\tb").unwrap().headers, [("x-note".to_owned(), b"a\tb".to_vec())]);
    for odd in ["a\nb", "a\rb", "a\0b", "a\u{7f}b", "a\u{85}b"] {
        assert!(matches!(built(odd), Err(ToolError::InvalidArguments(_))), "{odd:?}");
    }
}
