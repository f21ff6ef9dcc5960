//! What the `lansweeper_` tools promise, with a stand-in for Lansweeper.

use crate::TOOLS;
use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::testing::{Fake, Seen, reply};
use nexus_shard::{RawRequest, Refusal, Reply, ToolError};

const SITE: &str = "11111111-2222-3333-4444-555555555555";
const KEY: &str = "MTAwMS1Bc3NldC1hYmM=";
const FIRST: &str = include_str!("../../queries/assets-first.graphql");
const NEXT: &str = include_str!("../../queries/assets-next.graphql");
const ASSET: &str = include_str!("../../queries/asset.graphql");
const ASSET_NAME: &str = include_str!("../../queries/asset-name.graphql");
const SOFTWARE: &str = include_str!("../../queries/software.graphql");

type Sent = Result<Reply, Refusal>;

/// The smallest arguments of each tool.
const ALL: [(&str, &str); 4] = [
    ("lansweeper_list_assets", "{}"),
    ("lansweeper_search_assets", r#"{"query":"LAP"}"#),
    ("lansweeper_get_asset", r#"{"asset_id":"MTAwMS1Bc3NldC1hYmM="}"#),
    ("lansweeper_get_software", r#"{"asset_id":"MTAwMS1Bc3NldC1hYmM="}"#),
];

fn arguments(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn fake(replies: impl IntoIterator<Item = Sent>) -> Fake {
    Fake::replies(replies).setting("LANSWEEPER_HOST", "api.lansweeper.com").setting("LANSWEEPER_SITE_ID", SITE)
}

fn call(fake: &Fake, tool: &str, arguments: Value) -> Result<Seen, ToolError> {
    fake.call(TOOLS, tool, arguments)
}

fn list(replies: impl IntoIterator<Item = Sent>, limit: u32) -> Result<Seen, ToolError> {
    call(&fake(replies), "lansweeper_list_assets", json!({ "limit": limit }))
}

fn body(request: &RawRequest) -> Value {
    serde_json::from_slice(request.body.as_deref().unwrap()).unwrap()
}

/// Query and variables of everything sent.
fn asked(fake: &Fake) -> Vec<(String, Value)> {
    let sent = fake.sent();
    sent.iter().map(body).map(|body| (body["query"].as_str().unwrap().to_owned(), body["variables"].clone())).collect()
}

fn asset(n: u32) -> Value {
    json!({
        "key": format!("a2V5{n:05}="),
        "assetBasicInfo": {
            "name": format!("LAPTOP-{n}"), "type": "Windows", "domain": "NEXUS", "ipAddress": "10.20.1.101",
            "mac": "9C:7B:EF:12:A0:01", "firstSeen": "2024-03-11T09:14:22.000Z",
            "lastSeen": "2026-06-15T09:50:03.000+02:00", "userDomain": "NEXUS", "userName": "alicej",
        },
        "assetCustom": {
            "manufacturer": "HP", "model": "EliteBook", "serialNumber": "5CG4120A01", "stateName": "Active",
            "purchaseDate": "2024-03-01T00:00:00.000Z", "warrantyDate": "2027-02-28T23:59:59.000Z",
        },
        "operatingSystem": { "caption": "Windows 11 Enterprise", "version": "10.0.22631.5413" },
    })
}

fn assets(numbers: std::ops::Range<u32>) -> Vec<Value> {
    numbers.map(asset).collect()
}

fn with(mut row: Value, pointer: &str, value: Value) -> Value {
    *row.pointer_mut(pointer).unwrap() = value;
    row
}

fn without(mut row: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    row.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
    row
}

fn site(member: &str, value: Value) -> Sent {
    reply(200, &json!({ "data": { "site": { (member): value } } }).to_string())
}

fn first(total: u64, rows: &[Value], next: Value) -> Sent {
    site("assetResources", json!({ "total": total, "pagination": { "next": next }, "items": rows }))
}

fn next(rows: &[Value], next: Value) -> Sent {
    site("assetResources", json!({ "pagination": { "next": next }, "items": rows }))
}

fn details(row: Value) -> Sent {
    site("assetDetails", row)
}

fn software(total: u64, items: Value) -> Sent {
    site("softwares", json!({ "total": total, "items": items }))
}

fn errors(status: u16, data: Value) -> Sent {
    let error = json!({ "message": "SECRET of SECRET", "path": ["site"], "extensions": { "code": "FORBIDDEN" } });
    reply(status, &json!({ "data": data, "errors": [error] }).to_string())
}

#[test]
fn an_empty_inventory_is_empty_and_every_failure_is_an_error() {
    for (tool, args) in &ALL[..2] {
        let seen = call(&fake([first(0, &[], Value::Null)]), tool, arguments(args)).unwrap();
        assert_eq!(seen.data, json!({ "assets": [], "total": 0 }), "{tool}");
        assert!(seen.complete && seen.notes.is_empty(), "{tool}");
    }
    for (tool, args) in ALL {
        for (answer, expected) in [
            (errors(200, Value::Null), "1 error: FORBIDDEN"),
            (errors(200, json!({ "site": null })), "1 error: FORBIDDEN"),
            (reply(200, r#"{"data":{"site":null}}"#), "data.site"),
            (reply(200, r#"{"data":null}"#), "without data"),
            (reply(200, "{}"), "without data"),
            (reply(200, r#"{"data":{"site":{}}}"#), "data.site (no asset"),
            (reply(200, r#"{"data":{"site":{"assetResources":null,"assetDetails":7}}}"#), "data.site"),
            (reply(200, "<html>SECRET</html>"), "not JSON"),
            (reply(200, r#"{"data":{"si"#), "cut short"),
            (errors(403, json!({ "site": null })), "403"),
            (reply(401, ""), "401"),
            (reply(500, "<html>SECRET</html>"), "500"),
            (reply(503, ""), "503"),
            (reply(204, ""), "204"),
            (Err(Refusal::Timeout), "timeout"),
            (Err(Refusal::Credential), "credential"),
            (Err(Refusal::NotGranted), "not-granted"),
        ] {
            let error = call(&fake([answer]), tool, arguments(args)).unwrap_err();
            assert!(error.text().contains(expected), "{tool}: {expected}: {error}");
            assert!(!error.text().contains("SECRET"), "{tool}: {error}");
            assert!(!matches!(error, ToolError::NotFound(_)), "{tool}: {error}");
        }
    }
}

#[test]
fn data_beside_errors_is_not_whole_and_is_not_returned() {
    let rows =
        json!({ "site": { "assetResources": { "total": 1, "pagination": { "next": null }, "items": [asset(1)] } } });
    let one = json!({ "site": { "assetDetails": asset(1) } });
    for (tool, args) in ALL {
        let data = if tool.contains("get") { one.clone() } else { rows.clone() };
        let error = call(&fake([errors(200, data)]), tool, arguments(args)).unwrap_err();
        assert!(matches!(&error, ToolError::Upstream(text) if text.contains("nothing is returned")), "{tool}: {error}");
    }
    // Also where the errors are not of the form that they should have.
    let odd = json!({ "data": rows, "errors": "SECRET" });
    let error = list([reply(200, &odd.to_string())], 1).unwrap_err();
    assert!(error.text().contains("1 error") && !error.text().contains("SECRET"), "{error}");
}

#[test]
fn a_refusal_says_what_it_takes() {
    for (tool, args) in ALL {
        let error = call(&fake([errors(403, json!({ "site": null }))]), tool, arguments(args)).unwrap_err();
        let ToolError::Refused(text) = error else { panic!("{tool}: {error:?}") };
        assert!(text.contains("access to the site that LANSWEEPER_SITE_ID names"), "{tool}: {text}");

        // Lansweeper says so of a token that is not good.
        let error = call(&fake([errors(400, Value::Null)]), tool, arguments(args)).unwrap_err();
        assert!(error.text().contains("(400)") && error.text().contains("a token that is not good"), "{tool}: {error}");

        let mut busy = reply(429, "").unwrap();
        busy.headers.push(("retry-after".to_owned(), b"1".to_vec()));
        let fake = fake([Ok(busy), first(0, &[], Value::Null)]);
        let error = call(&fake, tool, arguments(args)).unwrap_err();
        assert!(error.text().contains("after a whole minute in which nobody asks"), "{tool}: {error}");
        assert_eq!(fake.sent().len(), 1, "{tool}");
    }
}

#[test]
fn without_a_site_the_tools_say_which_setting_is_missing_and_ask_nothing() {
    for (tool, args) in ALL {
        let fake = Fake::replies([]).setting("LANSWEEPER_HOST", "api.lansweeper.com").setting("LANSWEEPER_SITE_ID", "");
        let error = call(&fake, tool, arguments(args)).unwrap_err();
        assert!(matches!(&error, ToolError::Refused(text) if text.contains("LANSWEEPER_SITE_ID")), "{tool}: {error:?}");
        assert!(fake.sent().is_empty(), "{tool}");
    }
}

#[test]
fn every_request_goes_to_the_operators_host_with_a_document_of_the_manifest() {
    let answer = |request: &RawRequest| {
        let query = body(request)["query"].as_str().unwrap().to_owned();
        match query.as_str() {
            FIRST => first(0, &[], Value::Null),
            ASSET => details(with(asset(1), "/key", json!(KEY))),
            ASSET_NAME => details(json!({ "assetBasicInfo": { "name": "LAPTOP-1" } })),
            SOFTWARE => software(0, json!([])),
            _ => panic!("an unknown document: {query}"),
        }
    };
    for (tool, args) in ALL {
        let fake =
            Fake::answering(answer).setting("LANSWEEPER_HOST", "eu.api.test").setting("LANSWEEPER_SITE_ID", SITE);
        call(&fake, tool, arguments(args)).unwrap();
        for request in fake.sent() {
            assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://eu.api.test/api/v2/graphql"));
            assert_eq!(request.credential.as_deref(), Some("lansweeper"));
            assert_eq!(request.headers, [("content-type".to_owned(), b"application/json".to_vec())]);
            let body = body(&request);
            assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["query", "variables"]);
            assert_eq!(body["variables"]["site"], SITE);
        }
    }
}

/// Texts that would be something else if they came to stand in a query.
fn injections() -> Vec<String> {
    let mut texts: Vec<String> = [
        r#"x"}) { deleteAssets(keys: ["a"]) { key } }"#,
        r#"x") } } mutation { site(id: "1") { editAsset(key: "a") } } #"#,
        "}){deleteAssets",
        "$site",
        "' OR 1=1",
        r"\",
        r#"\""#,
        "%",
        "50%_*?",
        "{{7*7}}",
        "ünïcödé 数据 🖥",
        "\u{202e}txt",
        "{\"conjunction\":\"OR\"}",
    ]
    .map(str::to_owned)
    .into();
    texts.push("#".repeat(60));
    texts
}

#[test]
fn a_text_from_outside_stands_in_variables_alone() {
    for text in injections() {
        for (tool, args) in [
            ("lansweeper_list_assets", json!({ "asset_type": text })),
            ("lansweeper_search_assets", json!({ "query": text })),
        ] {
            let fake = fake([first(0, &[], Value::Null)]);
            // A single character is too little to search for.
            if tool.contains("search") && text.chars().count() < 2 {
                assert!(matches!(call(&fake, tool, args), Err(ToolError::InvalidArguments(_))), "{text}");
                continue;
            }
            call(&fake, tool, args).unwrap();
            let (query, variables) = asked(&fake).remove(0);
            assert_eq!(query, FIRST, "{text}");
            let conditions = variables["filters"]["conditions"].as_array().unwrap();
            assert!(conditions.iter().any(|condition| condition["value"] == text), "{text}: {variables}");
            for condition in conditions {
                assert_eq!(condition.as_object().unwrap().len(), 3, "{text}");
                assert!(condition["value"].as_str().unwrap().eq_ignore_ascii_case(&text), "{text}");
            }
        }
    }
}

#[test]
fn a_text_that_no_asset_has_is_not_sent() {
    let long = "x".repeat(10_000);
    for text in ["", " ", "a\0b", "a\nb", "a\r\nb", "a\u{1b}[2Jb", "\u{85}x\u{85}y", &long] {
        for (tool, args) in [
            ("lansweeper_list_assets", json!({ "asset_type": text })),
            ("lansweeper_search_assets", json!({ "query": text })),
            ("lansweeper_get_asset", json!({ "asset_id": text })),
            ("lansweeper_get_software", json!({ "asset_id": text })),
        ] {
            let fake = fake([first(0, &[], Value::Null)]);
            let error = call(&fake, tool, args).unwrap_err();
            assert!(matches!(error, ToolError::InvalidArguments(_)), "{tool}: {text:?}: {error:?}");
            assert!(fake.sent().is_empty(), "{tool}: {text:?}");
        }
    }
    for tool in ["lansweeper_get_asset", "lansweeper_get_software"] {
        for (n, sent) in [(256, 1), (257, 0)] {
            let fake = fake([details(Value::Null)]);
            let error = call(&fake, tool, json!({ "asset_id": "a".repeat(n) })).unwrap_err();
            assert_eq!((matches!(error, ToolError::NotFound(_)), fake.sent().len()), (sent == 1, sent), "{tool}: {n}");
        }
    }
    for (tool, argument, least, most) in
        [("lansweeper_list_assets", "asset_type", 1, 64), ("lansweeper_search_assets", "query", 2, 100)]
    {
        for (n, is_sent) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
            let fake = fake([first(0, &[], Value::Null)]);
            let seen = call(&fake, tool, json!({ argument: "ä".repeat(n) }));
            assert_eq!((seen.is_ok(), fake.sent().len()), (is_sent, usize::from(is_sent)), "{tool}: {n}: {seen:?}");
        }
    }
    let texts = injections();
    for id in texts.iter().map(String::as_str).chain(["LAPTOP ALICE", "a.b", "a:b", "../x", "ä", "[redacted:secret]"])
    {
        for tool in ["lansweeper_get_asset", "lansweeper_get_software"] {
            let fake = fake([details(asset(1))]);
            let error = call(&fake, tool, json!({ "asset_id": id })).unwrap_err();
            assert!(matches!(error, ToolError::InvalidArguments(_)), "{tool}: {id:?}: {error:?}");
            assert!(fake.sent().is_empty(), "{tool}: {id:?}");
        }
    }
}

#[test]
fn an_asset_is_told_as_it_is() {
    let seen = list([first(1, &[asset(7)], Value::Null)], 10).unwrap();
    let expected = json!({
        "asset_id": "a2V500007=",
        "hostname": "LAPTOP-7",
        "asset_type": "Windows",
        "serial_number": "5CG4120A01",
        "manufacturer": "HP",
        "model": "EliteBook",
        "os_name": "Windows 11 Enterprise",
        "os_version": "10.0.22631.5413",
        "ip_address": "10.20.1.101",
        "mac_address": "9C:7B:EF:12:A0:01",
        "domain": "NEXUS",
        "last_user": "NEXUS\\alicej",
        "state": "Active",
        "first_seen": "2024-03-11T09:14:22Z",
        "last_seen": "2026-06-15T07:50:03Z",
        "purchase_date": "2024-03-01T00:00:00Z",
        "warranty_date": "2027-02-28T23:59:59Z",
    });
    assert_eq!(seen.data, json!({ "assets": [expected], "total": 1 }));

    let fake = fake([details(with(asset(7), "/key", json!(KEY)))]);
    let seen = call(&fake, "lansweeper_get_asset", json!({ "asset_id": KEY })).unwrap();
    assert_eq!(seen.data, with(expected, "/asset_id", json!(KEY)));
    assert_eq!(asked(&fake), [(ASSET.to_owned(), json!({ "site": SITE, "key": KEY }))]);
}

#[test]
fn what_an_asset_does_not_have_is_null() {
    let bare = json!({ "key": "a2V5", "assetBasicInfo": { "name": "SW-1", "type": "Switch" } });
    let empty = json!({
        "key": "a2V5",
        "assetBasicInfo": { "name": "SW-1", "type": "Switch", "domain": "", "userDomain": "NEXUS", "userName": " " },
        "assetCustom": { "serialNumber": "", "purchaseDate": null },
        "operatingSystem": null,
    });
    for row in [bare, empty, with(asset(1), "/assetCustom", Value::Null), without(asset(1), "/assetCustom")] {
        let seen = list([first(1, std::slice::from_ref(&row), Value::Null)], 10).unwrap();
        assert!(seen.complete);
        let found = seen.data["assets"][0].as_object().unwrap();
        assert_eq!(found.len(), 17);
        assert_eq!((&found["serial_number"], &found["purchase_date"]), (&Value::Null, &Value::Null), "{row}");
        if row["assetBasicInfo"]["type"] == "Switch" {
            assert_eq!(
                (&found["domain"], &found["last_user"], &found["os_name"]),
                (&Value::Null, &Value::Null, &Value::Null)
            );
        }
    }
    let alone = without(asset(1), "/assetBasicInfo/userDomain");
    assert_eq!(list([first(1, &[alone], Value::Null)], 10).unwrap().data["assets"][0]["last_user"], "alicej");
}

#[test]
fn a_field_that_every_asset_has_and_that_did_not_come_is_an_error() {
    for (row, expected) in [
        (without(asset(2), "/key"), "items[1] (no key)"),
        (without(asset(2), "/assetBasicInfo"), "items[1] (no assetBasicInfo)"),
        (without(asset(2), "/assetBasicInfo/name"), "items[1].assetBasicInfo (no name)"),
        (without(asset(2), "/assetBasicInfo/type"), "items[1].assetBasicInfo (no type)"),
        (with(asset(2), "/assetBasicInfo/name", Value::Null), "items[1].assetBasicInfo.name"),
        (with(asset(2), "/assetBasicInfo/lastSeen", json!("yesterday")), "items[1].assetBasicInfo.lastSeen"),
        (with(asset(2), "/assetBasicInfo/lastSeen", json!("2026-06-15T07:50:03")), "items[1].assetBasicInfo.lastSeen"),
        (with(asset(2), "/assetCustom/serialNumber", json!(7)), "items[1].assetCustom.serialNumber"),
        // What the host has masked, or has been cut, is not what get_asset could be asked for.
        (with(asset(2), "/key", json!("[redacted:secret]")), "items[1].key"),
        (with(asset(2), "/key", json!("")), "items[1].key"),
        (with(asset(2), "/key", json!(17)), "items[1].key"),
    ] {
        let error = list([first(2, &[asset(1), row], Value::Null)], 10).unwrap_err();
        assert!(error.text().ends_with(&format!("at data.site.assetResources.{expected}")), "{expected}: {error}");
    }
    let page = |value: Value| list([site("assetResources", value)], 10).unwrap_err();
    assert!(page(json!({ "pagination": { "next": null }, "items": [] })).text().contains("how many assets there are"));
    assert!(page(json!({ "total": 0, "items": [] })).text().ends_with("(no pagination)"));
    assert!(page(json!({ "total": 0, "pagination": {}, "items": [] })).text().ends_with("(no next)"));
    assert!(page(json!({ "total": 0, "pagination": { "next": null } })).text().ends_with("(no items)"));
}

#[test]
fn pages_are_followed_by_cursor_and_counted_on_the_first_alone() {
    let fake = fake([
        first(1100, &assets(0..500), json!("c1")),
        next(&assets(500..1000), json!("c2")),
        next(&assets(1000..1100), Value::Null),
    ]);
    let seen = call(&fake, "lansweeper_list_assets", json!({ "limit": 20_000 })).unwrap();
    assert!(seen.complete && seen.notes.is_empty(), "{:?}", seen.notes);
    assert_eq!((seen.data["assets"].as_array().unwrap().len(), &seen.data["total"]), (1100, &json!(1100)));
    let asked = asked(&fake);
    let pages: Vec<_> = asked.iter().map(|(query, variables)| (query.as_str(), variables["page"].clone())).collect();
    assert_eq!(
        pages,
        [
            (FIRST, json!({ "limit": 500, "page": "FIRST" })),
            (NEXT, json!({ "limit": 500, "page": "NEXT", "cursor": "c1" })),
            (NEXT, json!({ "limit": 500, "page": "NEXT", "cursor": "c2" })),
        ]
    );
    for (_, variables) in &asked {
        assert!(variables.get("filters").is_none());
        let fields = variables["fields"].as_array().unwrap();
        assert!(fields.len() <= 30 && fields.contains(&json!("key")), "{fields:?}");
    }
    assert_eq!(fake.progressed(), [(500.0, Some(1100.0)), (1000.0, Some(1100.0))]);
    assert!(FIRST.contains("total") && !NEXT.contains("total"));
}

#[test]
fn a_limit_is_reached_and_the_result_says_that_there_is_more() {
    let fake = fake([first(300, &assets(0..101), json!("c1"))]);
    let seen = call(&fake, "lansweeper_list_assets", json!({})).unwrap();
    assert_eq!(seen.data["assets"].as_array().unwrap().len(), 100);
    assert_eq!(seen.data["total"], 300);
    assert_eq!(seen.notes, ["there are more assets: only the first 100 are returned, as limited"]);
    assert!(!seen.complete);
    assert_eq!(asked(&fake)[0].1["page"], json!({ "limit": 101, "page": "FIRST" }));

    // Exactly as many as wanted and a cursor: only the next page knows, and here there is nothing on it.
    let pages = || [first(2, &assets(0..2), json!("c1")), next(&[], Value::Null)];
    assert!(list(pages(), 2).unwrap().complete);
}

#[test]
fn the_end_is_where_no_cursor_follows_or_where_nothing_comes_any_more() {
    for pages in [
        vec![first(2, &assets(0..2), Value::Null)],
        vec![first(2, &assets(0..2), json!(""))],
        vec![first(2, &assets(0..2), json!("c1")), next(&[], json!("c2"))],
        vec![first(2, &assets(0..1), json!("c1")), next(&[], json!("c2")), next(&assets(1..2), Value::Null)],
        vec![first(2, &assets(0..1), json!("c1")), next(&assets(1..2), json!("c2")), next(&[], json!("c2"))],
    ] {
        let n = pages.len();
        let fake = fake(pages);
        let seen = call(&fake, "lansweeper_list_assets", json!({ "limit": 10 })).unwrap();
        assert_eq!(seen.data["assets"].as_array().unwrap().len(), 2);
        assert!(seen.complete, "{:?}", seen.notes);
        assert_eq!(fake.sent().len(), n);
    }
}

#[test]
fn an_asset_that_came_or_went_while_reading_is_told() {
    for (total, note) in [
        (4, "Lansweeper counted 4 assets and sent 3: the inventory changed while it was read"),
        (2, "Lansweeper counted 2 assets and sent 3: the inventory changed while it was read"),
    ] {
        let seen = list([first(total, &assets(0..2), json!("c1")), next(&assets(2..3), Value::Null)], 10).unwrap();
        assert!(!seen.complete);
        assert_eq!(seen.notes, [note]);
    }
}

#[test]
fn what_goes_in_circles_is_an_error_and_not_a_long_read() {
    let error = list([first(9, &assets(0..1), json!("c")), next(&assets(1..2), json!("c"))], 10).unwrap_err();
    assert!(error.text().contains("already read"), "{error}");
    let error = list([first(9, &assets(0..1), json!("c")), next(&[], json!("c"))], 10).unwrap_err();
    assert!(error.text().contains("already read"), "{error}");
    let error = list([first(9, &assets(0..2), json!("c")), next(&assets(1..3), json!("d"))], 10).unwrap_err();
    assert!(error.text().contains("twice"), "{error}");

    // And what never comes to an end stops, and says so.
    let endless = |request: &RawRequest| {
        let n = body(request)["variables"]["page"]["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
        if n == 0 {
            return first(1000, &assets(0..1), json!("1"));
        }
        next(&assets(n..n + 1), json!((n + 1).to_string()))
    };
    let fake = Fake::answering(endless).setting("LANSWEEPER_HOST", "h.test").setting("LANSWEEPER_SITE_ID", SITE);
    let seen = call(&fake, "lansweeper_list_assets", json!({ "limit": 500 })).unwrap();
    assert_eq!(seen.notes, ["there may be more assets: reading stopped after 60 pages with 60 assets"]);
    assert!(!seen.complete);
    assert_eq!(fake.sent().len(), 60);
}

#[test]
fn a_failure_on_a_later_page_means_no_data() {
    for (page, expected) in [
        (reply(503, "<html>"), "503"),
        (reply(429, ""), "whole minute"),
        (errors(200, Value::Null), "1 error"),
        (reply(200, r#"{"data":{"site":{"assetRes"#), "cut short"),
        (next(&[json!({})], Value::Null), "items[0]"),
        (Err(Refusal::OverBudget), "over-budget"),
        (Err(Refusal::Timeout), "timeout"),
    ] {
        let error = list([first(9, &assets(0..1), json!("c")), page], 10).unwrap_err();
        assert!(error.text().contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_type_is_a_filter_and_assets_of_another_type_are_an_error() {
    let ask = |rows: &[Value]| {
        let fake = fake([first(rows.len() as u64, rows, Value::Null)]);
        let seen = call(&fake, "lansweeper_list_assets", json!({ "asset_type": " windows " }));
        let (query, variables) = asked(&fake).remove(0);
        assert_eq!(query, FIRST);
        let condition = json!({ "operator": "EQUAL", "path": "assetBasicInfo.type", "value": "windows" });
        assert_eq!(variables["filters"], json!({ "conjunction": "OR", "conditions": [condition] }));
        seen
    };
    assert_eq!(ask(&[asset(1), asset(2)]).unwrap().data["total"], 2);
    let error = ask(&[asset(1), with(asset(2), "/assetBasicInfo/type", json!("Windows CE"))]).unwrap_err();
    assert!(error.text().contains("do not match"), "{error}");
}

#[test]
fn a_search_looks_at_name_address_serial_number_and_mac() {
    let ask = |query: &str, rows: &[Value]| {
        let fake = fake([first(rows.len() as u64, rows, Value::Null)]);
        let seen = call(&fake, "lansweeper_search_assets", json!({ "query": query }));
        let variables = asked(&fake).remove(0).1;
        assert_eq!(variables["page"]["limit"], 51);
        assert_eq!(variables["filters"]["conjunction"], "OR");
        let conditions = variables["filters"]["conditions"].as_array().unwrap();
        let conditions: Vec<_> = conditions
            .iter()
            .map(|condition| {
                [&condition["path"], &condition["operator"], &condition["value"]]
                    .map(|part| part.as_str().unwrap().to_owned())
                    .join(" ")
            })
            .collect();
        (seen, conditions)
    };
    let (seen, conditions) = ask("Laptop", &[asset(1)]);
    assert_eq!(seen.unwrap().data["assets"][0]["hostname"], "LAPTOP-1");
    assert_eq!(
        conditions,
        [
            "assetBasicInfo.ipAddress CONTAINS Laptop",
            "assetBasicInfo.name CONTAINS LAPTOP",
            "assetCustom.serialNumber CONTAINS LAPTOP",
            "assetBasicInfo.name CONTAINS Laptop",
            "assetCustom.serialNumber CONTAINS Laptop",
            "assetBasicInfo.name CONTAINS laptop",
            "assetCustom.serialNumber CONTAINS laptop",
        ]
    );
    for query in ["10.20.1", "5cg41", "9c-7b-ef-12-a0-01", "9c7b.ef12.a001", "9C:7B:EF:12:A0:01"] {
        let (seen, conditions) = ask(query, &[asset(1)]);
        assert!(seen.unwrap().complete, "{query}");
        let mac = conditions.iter().filter(|condition| *condition == "assetBasicInfo.mac EQUAL 9C:7B:EF:12:A0:01");
        assert_eq!(mac.count(), usize::from(query.starts_with(['9'])), "{query}");
    }
    for query in ["9c-7b-ef-12-a0", "9c-7b-ef-12-a0-01-02", "9c7b.ef12.a00g", "9c7b ef12 a001"] {
        let (_, conditions) = ask(query, &[]);
        assert!(!conditions.iter().any(|condition| condition.contains("assetBasicInfo.mac")), "{query}");
    }
    // A filter that was not heeded.
    for query in ["SERVER", "10.20.2", "9C:7B:EF:12:A0:02"] {
        let error = ask(query, &[asset(1)]).0.unwrap_err();
        assert!(matches!(&error, ToolError::Upstream(text) if text.contains("do not match")), "{query}: {error}");
    }
    let one = call(&fake([]), "lansweeper_search_assets", json!({ "query": " x " })).unwrap_err();
    assert_eq!(one, ToolError::invalid_arguments("query must have 2 to 100 characters"));
}

#[test]
fn a_filter_that_lansweeper_refuses_is_an_error_and_not_an_empty_list() {
    let refused = json!({
        "errors": [{ "message": "Invalid path: assetBasicInfo.name" }], "data": { "site": { "assetResources": null } },
    });
    for status in [200, 400] {
        let fake = fake([reply(status, &refused.to_string())]);
        let error = call(&fake, "lansweeper_search_assets", json!({ "query": "LAP" })).unwrap_err();
        assert!(matches!(&error, ToolError::Upstream(text) if !text.contains("Invalid path")), "{error:?}");
    }
}

#[test]
fn an_asset_that_does_not_exist_is_not_found_and_another_one_is_an_error() {
    let error = call(&fake([details(Value::Null)]), "lansweeper_get_asset", json!({ "asset_id": KEY })).unwrap_err();
    assert_eq!(error, ToolError::not_found("no asset has this asset_id"));
    let error = call(&fake([details(asset(1))]), "lansweeper_get_asset", json!({ "asset_id": KEY })).unwrap_err();
    assert_eq!(error, ToolError::upstream("Lansweeper sent another asset than the one asked for"));
}

fn programs(replies: impl IntoIterator<Item = Sent>) -> (Result<Seen, ToolError>, Vec<(String, Value)>) {
    let name = details(json!({ "assetBasicInfo": { "name": "LAPTOP-1" } }));
    let fake = fake(std::iter::once(name).chain(replies));
    let seen = call(&fake, "lansweeper_get_software", json!({ "asset_id": KEY }));
    (seen, asked(&fake))
}

#[test]
fn software_is_told_in_both_forms_that_it_may_come_in() {
    let full =
        json!({ "name": "Git", "version": "2.44.0", "publisher": "Git", "installDate": "2024-03-12T08:05:00.000Z" });
    let bare = json!({ "name": "7-Zip", "version": "", "publisher": null });
    let nested = |program: &Value| json!({ "softwares": program });
    for items in [json!([full, bare]), json!([nested(&full), nested(&bare)])] {
        let (seen, asked) = programs([software(2, items)]);
        let seen = seen.unwrap();
        assert!(seen.complete);
        assert_eq!(
            seen.data,
            json!({
                "asset_id": KEY, "hostname": "LAPTOP-1", "total": 2,
                "software": [
                    { "name": "Git", "version": "2.44.0", "publisher": "Git", "installed_at": "2024-03-12T08:05:00Z" },
                    { "name": "7-Zip", "version": null, "publisher": null, "installed_at": null },
                ],
            })
        );
        assert_eq!(asked[0], (ASSET_NAME.to_owned(), json!({ "site": SITE, "key": KEY })));
        let fields = ["softwares.name", "softwares.version", "softwares.publisher", "softwares.installDate"];
        assert_eq!(asked[1], (SOFTWARE.to_owned(), json!({ "site": SITE, "key": KEY, "fields": fields })));
    }
}

#[test]
fn no_software_no_asset_and_no_answer_are_three_things() {
    let (none, _) = programs([software(0, json!([]))]);
    let none = none.unwrap();
    assert!(none.complete);
    assert_eq!(none.data["software"], json!([]));

    let fake = fake([details(Value::Null), software(0, json!([]))]);
    let error = call(&fake, "lansweeper_get_software", json!({ "asset_id": KEY })).unwrap_err();
    assert_eq!(error, ToolError::not_found("no asset has this asset_id"));
    assert_eq!(fake.sent().len(), 1);

    let (some, _) = programs([software(3, json!([{ "name": "Git" }]))]);
    let some = some.unwrap();
    assert!(!some.complete);
    assert_eq!(some.notes, ["Lansweeper counts 3 programs on this device and sent 1"]);

    for (answer, expected) in [
        (errors(200, json!({ "site": { "softwares": { "total": 0, "items": [] } } })), "nothing is returned"),
        (site("softwares", Value::Null), "data.site.softwares"),
        (site("softwares", json!({ "total": 0 })), "(no items)"),
        (site("softwares", json!({ "items": [] })), "(no total)"),
        (software(1, json!([{ "version": "1" }])), "items[0]"),
        (software(1, json!([{ "name": "Git", "installDate": "20240312" }])), "items[0]"),
        (reply(503, ""), "503"),
        (reply(429, ""), "whole minute"),
        (Err(Refusal::Timeout), "timeout"),
    ] {
        let error = programs([answer]).0.unwrap_err();
        assert!(error.text().contains(expected), "{expected}: {error}");
        assert!(matches!(error, ToolError::Upstream(_)), "{error:?}");
    }
}

#[test]
fn the_definitions_say_the_limits_the_defaults_and_the_classes() {
    let tools: Vec<_> =
        TOOLS.iter().map(|tool| tool.define()).filter(|tool| tool.name.starts_with("lansweeper_")).collect();
    let mut names: Vec<_> = tools.iter().map(|tool| tool.name).collect();
    names.sort_unstable();
    let mut all = ALL.map(|(name, _)| name);
    all.sort_unstable();
    assert_eq!(names, all);
    for tool in &tools {
        assert!(tool.annotations.read_only && !tool.annotations.destructive, "{}", tool.name);
        assert_eq!(tool.input_schema["additionalProperties"], false);
        let output = tool.output_schema.as_ref().expect("an output schema");
        assert_eq!((&output["type"], &output["additionalProperties"]), (&json!("object"), &json!(false)));
        let text = output.to_string();
        assert!(!text.contains("$ref") && !text.contains("uint"), "{text}");
    }
    let tool = |name: &str| tools.iter().find(|tool| tool.name == name).unwrap();
    let limit = |name: &str| {
        let limit = &tool(name).input_schema["properties"]["limit"];
        json!([limit["minimum"], limit["maximum"], limit["default"]])
    };
    assert_eq!(limit("lansweeper_list_assets"), json!([1, 20000, 100]));
    assert_eq!(limit("lansweeper_search_assets"), json!([1, 20000, 50]));
    assert!(tool("lansweeper_list_assets").input_schema.get("required").is_none());
    assert_eq!(tool("lansweeper_search_assets").input_schema["properties"]["query"]["minLength"], 2);
    let output = |name: &str| tool(name).output_schema.clone().unwrap();
    let asset = output("lansweeper_get_asset");
    assert_eq!(output("lansweeper_list_assets")["properties"]["assets"]["items"]["properties"], asset["properties"]);
    assert_eq!(asset["properties"]["last_user"]["x-nexus-class"], "person");
    assert!(asset["properties"]["last_seen"].to_string().contains("date-time"));
}

/// Every field that is asked for is one that the manifest lets through, and the other way round.
#[test]
fn the_manifest_keeps_what_is_asked_for() {
    let manifest = include_str!("../../shard.toml");
    let fake = fake([first(0, &[], Value::Null)]);
    call(&fake, "lansweeper_list_assets", json!({})).unwrap();
    let mut asked: Vec<String> = asked(&fake)[0].1["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| format!("/data/site/assetResources/items/*/{}", field.as_str().unwrap().replace('.', "/")))
        .collect();
    let kept = manifest.split('"').filter(|text| text.starts_with("/data/site/assetResources/items/"));
    let mut kept: Vec<String> = kept.map(str::to_owned).collect();
    asked.sort_unstable();
    kept.sort_unstable();
    assert_eq!(asked, kept);
}
