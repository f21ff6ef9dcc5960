//! Which bodies are one of a grant's documents.

use super::refusals::Lcg;
use super::*;
use crate::outbound::{HostHeader, MAX_BODY, Malformed};

const ASSETS: &str = "# The assets of a site \u{2013} all of them.\nquery Assets($site: ID!, $page: Page) {\r\n\
                      \tsite(id: $site) { assets(page: $page, note: \"a\\\"b\") { items } }\n}\n";
const SITES: &str = "{ authorizedSites { sites { id name } } }";
const DELETE: &str = "mutation { deleteAssets(keys: [\"s3cret\"]) }";

/// The documents that a grant of these tests can list.
pub(super) fn named(name: &str) -> Document {
    let text = match name {
        "queries/assets.graphql" => ASSETS,
        "queries/sites.graphql" => SITES,
        _ => panic!("{name}"),
    };
    Document::new(name, text)
}

const URL: &str = "https://api.example.com/graphql";
const GRANT: &str = r#"
[[egress]]
host = "api.example.com"
methods = ["POST"]
paths = ["/graphql"]
credential = "graph"
documents = ["queries/assets.graphql", "queries/sites.graphql"]
"#;

#[derive(Clone, Copy)]
struct Sent<'a> {
    asked: Asked<'a>,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn post(body: &[u8]) -> Sent<'_> {
    let asked = Asked { method: "POST", url: URL, credential: Some("graph"), tool: Some("list_assets") };
    Sent { asked, headers: JSON, body }
}

fn parse(sent: &Sent<'_>) -> Result<Outbound, Malformed> {
    Outbound::parse(GuestRequest {
        method: sent.asked.method.into(),
        url: sent.asked.url.into(),
        headers: sent.headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().to_vec())).collect(),
        body: sent.body.to_vec(),
        credential: sent.asked.credential.map(str::to_owned),
    })
}

fn send(grants: &str, sent: &Sent<'_>) -> Result<Permit, NotGranted> {
    let tool = sent.asked.tool.map(|tool| ToolName::parse(tool).unwrap());
    Grants::new(read(grants)).permit(tool.as_ref(), parse(sent).unwrap())
}

#[track_caller]
fn check(body: &str, expected: Result<(), NoDocument>) {
    let found = send(GRANT, &post(body.as_bytes())).map(drop).map_err(|refused| refused.reason);
    assert_eq!(found, expected.map_err(Reason::Document), "{body:.300}");
}

/// A JSON text.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn unlisted(text: &str) -> Result<(), NoDocument> {
    Err(NoDocument::Unlisted(DocumentDigest::of(text)))
}

#[test]
fn a_document_passes_in_every_spelling_that_reads_as_its_text() {
    let good = quoted(ASSETS);
    let escaped: String = ASSETS.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    for body in [
        format!("{{\"query\":{good}}}"),
        format!("{{\"query\":{}}}", quoted(SITES)),
        format!("{{\"query\":{good},\"variables\":{{\"site\":\"1\"}},\"operationName\":null}}"),
        format!("{{\"operationName\":null,\"variables\":null,\"query\":{good}}}"),
        format!(" \r\n\t{{ \"variables\" : {{}} ,\n\"query\"\t:\r{good} }} \n"),
        format!("{{\"\\u0071uery\":{good}}}"),
        format!("{{\"query\":\"{escaped}\"}}"),
    ] {
        check(&body, Ok(()));
    }
}

#[test]
fn a_text_that_is_not_byte_for_byte_a_document_stays() {
    let changed = [
        DELETE.to_owned(),
        String::new(),
        format!("{ASSETS} "),
        format!(" {ASSETS}"),
        ASSETS.trim_end().to_owned(),
        ASSETS.replace("\r\n", "\n"),
        ASSETS.replace('\t', " "),
        ASSETS.replace("query", "Query"),
        ASSETS.replace('\u{2013}', "-"),
        format!("\u{feff}{ASSETS}"),
        format!("{ASSETS}\0"),
        format!("{ASSETS}{SITES}"),
        format!("{ASSETS}{DELETE}"),
        ASSETS.replace("$page: Page", "$page: Page = {limit: 1}"),
    ];
    for text in &changed {
        check(&format!("{{\"query\":{}}}", quoted(text)), unlisted(text));
    }
}

#[test]
fn a_body_with_a_second_reading_stays() {
    let good = quoted(ASSETS);
    let evil = quoted(DELETE);
    for (body, why) in [
        // Some servers take the first of two members, some the last.
        (format!("{{\"query\":{good},\"query\":{evil}}}"), NoDocument::Twice),
        (format!("{{\"query\":{evil},\"query\":{good}}}"), NoDocument::Twice),
        (format!("{{\"query\":{good},\"query\":{good}}}"), NoDocument::Twice),
        (format!("{{\"query\":{good},\"\\u0071uery\":{evil}}}"), NoDocument::Twice),
        (format!("{{\"qu\\u0065ry\":{evil},\"query\":{good}}}"), NoDocument::Twice),
        (format!("{{\"query\":{good},\"variables\":{{}},\"variables\":{{}}}}"), NoDocument::Twice),
        (format!("{{\"query\":{good},\"operationName\":null,\"operationName\":null}}"), NoDocument::Twice),
        // Some match names without regard to case.
        (format!("{{\"query\":{good},\"Query\":{evil}}}"), NoDocument::Member),
        (format!("{{\"Query\":{good}}}"), NoDocument::Member),
        (format!("{{\"query\":{good},\"query\\u0000\":{evil}}}"), NoDocument::Member),
        (format!("{{\"query\":{good},\"query \":{evil}}}"), NoDocument::Member),
        (format!("{{\"query\":{good},\"\":{evil}}}"), NoDocument::Member),
        (format!("{{\"query\":{good},\"0\":{evil}}}"), NoDocument::Member),
        // Documents that the server already has.
        (
            format!(
                "{{\"query\":{good},\"extensions\":{{\"persistedQuery\":{{\"version\":1,\"sha256Hash\":\"00\"}}}}}}"
            ),
            NoDocument::Member,
        ),
        ("{\"extensions\":{\"persistedQuery\":{\"version\":1,\"sha256Hash\":\"00\"}}}".into(), NoDocument::Member),
        (format!("{{\"query\":{good},\"extensions\":null}}"), NoDocument::Member),
        (format!("{{\"query\":{good},\"id\":\"1\"}}"), NoDocument::Member),
        (format!("{{\"query\":{good},\"documentId\":\"1\"}}"), NoDocument::Member),
        (format!("{{\"query\":{good},\"mutation\":{evil}}}"), NoDocument::Member),
        // Several requests, and what a derived reader would take for fields in order.
        (format!("[{{\"query\":{good}}}]"), NoDocument::Body),
        (format!("[{{\"query\":{good}}},{{\"query\":{evil}}}]"), NoDocument::Body),
        (format!("[{good},{{}},null]"), NoDocument::Body),
        (format!("{{\"query\":{good}}}{{\"query\":{evil}}}"), NoDocument::Body),
        (format!("{{\"query\":{good}}}\n{{\"query\":{evil}}}"), NoDocument::Body),
        (format!("{{\"query\":{good}}},"), NoDocument::Body),
        (format!("{{\"query\":{good}}}\0"), NoDocument::Body),
        (format!("{{\"query\":{good}}}//"), NoDocument::Body),
        (format!("{{\"query\":{good},}}"), NoDocument::Body),
        (format!("{{/**/\"query\":{good}}}"), NoDocument::Body),
        (format!("{{query:{good}}}"), NoDocument::Body),
        (format!("{{'query':{good}}}"), NoDocument::Body),
        (format!("{{\"query\":{good}"), NoDocument::Body),
        (format!("\u{feff}{{\"query\":{good}}}"), NoDocument::Body),
        (format!("\u{a0}{{\"query\":{good}}}"), NoDocument::Body),
        (format!("{{\"query\":{good},\"variables\":{{\"n\":NaN}}}}"), NoDocument::Body),
        (good.clone(), NoDocument::Body),
        ("null".into(), NoDocument::Body),
        ("{".into(), NoDocument::Body),
        (String::new(), NoDocument::Body),
        (ASSETS.into(), NoDocument::Body),
        (format!("query={}", ASSETS.replace(' ', "+")), NoDocument::Body),
        // No text.
        ("{}".into(), NoDocument::Text),
        ("{\"variables\":{}}".into(), NoDocument::Text),
        ("{\"query\":null}".into(), NoDocument::Text),
        ("{\"query\":1}".into(), NoDocument::Text),
        (format!("{{\"query\":[{good}]}}"), NoDocument::Text),
        (format!("{{\"query\":{{\"query\":{good}}}}}"), NoDocument::Text),
        ("{\"query\":\"\\ud800\"}".into(), NoDocument::Text),
        // What some servers read as JSON in JSON.
        (format!("{{\"query\":{good},\"variables\":\"{{}}\"}}"), NoDocument::Variables),
        (format!("{{\"query\":{good},\"variables\":[]}}"), NoDocument::Variables),
        (format!("{{\"query\":{good},\"variables\":[{{}}]}}"), NoDocument::Variables),
        (format!("{{\"query\":{good},\"variables\":0}}"), NoDocument::Variables),
        (format!("{{\"query\":{good},\"variables\":false}}"), NoDocument::Variables),
        (format!("{{\"query\":{good},\"operationName\":\"Assets\"}}"), NoDocument::OperationName),
        (format!("{{\"query\":{good},\"operationName\":\"\"}}"), NoDocument::OperationName),
        (format!("{{\"query\":{good},\"operationName\":{{}}}}"), NoDocument::OperationName),
    ] {
        check(&body, Err(why));
    }
    let mut latin = format!("{{\"query\":{good},\"variables\":{{\"a\":\"?\"}}}}").into_bytes();
    let at = latin.iter().position(|byte| *byte == b'?').unwrap();
    latin[at] = 0xfc;
    assert_eq!(send(GRANT, &post(&latin)).unwrap_err().reason, Reason::Document(NoDocument::Body));
    let wide: Vec<u8> = format!("{{\"query\":{good}}}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(send(GRANT, &post(&wide)).unwrap_err().reason, Reason::Document(NoDocument::Body));
}

#[test]
fn a_document_comes_as_json_in_utf_8_and_says_so_once() {
    let body = format!("{{\"query\":{}}}", quoted(ASSETS));
    let rows: [(&[(&str, &str)], bool); 19] = [
        (JSON, true),
        (&[("Content-Type", "Application/JSON")], true),
        (&[("content-type", "application/json; charset=utf-8")], true),
        (&[("content-type", "application/json;charset=UTF-8"), ("accept", "application/json")], true),
        (&[], false),
        (&[("content-type", "")], false),
        (&[("content_type", "application/json")], false),
        (&[("content-type", "application/json"), ("content_type", "text/plain")], false),
        (&[("content_type", "text/plain"), ("content-type", "application/json")], false),
        (&[("content-type", "text/plain")], false),
        (&[("content-type", "application/graphql")], false),
        (&[("content-type", "application/graphql+json")], false),
        (&[("content-type", "application/x-www-form-urlencoded")], false),
        (&[("content-type", "multipart/form-data; boundary=x")], false),
        (&[("content-type", "application/json; charset=utf-16")], false),
        (&[("content-type", "application/json; charset=\"utf-8\"")], false),
        (&[("content-type", "application/json; charset=utf-8; charset=utf-16")], false),
        (&[("content-type", "application/json, text/plain")], false),
        (&[("content-type", "application/json;")], false),
    ];
    for (headers, passes) in rows {
        let found = send(GRANT, &Sent { headers, ..post(body.as_bytes()) }).map(drop).map_err(|refused| refused.reason);
        let expected = if passes { Ok(()) } else { Err(Reason::Document(NoDocument::ContentType)) };
        assert_eq!(found, expected, "{headers:?}");
    }
}

#[test]
fn a_packed_body_is_refused_before_it_is_judged() {
    for (header, value) in
        [("content-encoding", "gzip"), ("Content_Encoding", "gzip"), ("transfer-encoding", "chunked")]
    {
        let headers = [JSON[0], (header, value)];
        let found = parse(&Sent { headers: &headers, ..post(b"{}") }).map(drop);
        assert_eq!(found, Err(Malformed::HostHeader(HostHeader::Framing)), "{header}");
    }
}

#[test]
fn variables_never_matter() {
    let mut random = Lcg(7);
    for _ in 0..2_000 {
        let variables = members(&mut random, 4);
        let body = |text: &str| format!("{{\"query\":{},\"variables\":{variables}}}", quoted(text));
        check(&body(ASSETS), Ok(()));
        check(&body(DELETE), unlisted(DELETE));
    }
}

/// Any object: members twice, names and texts that mean something elsewhere, odd numbers, lone surrogates.
fn members(random: &mut Lcg, depth: usize) -> String {
    const NAMES: [&str; 7] = ["query", "variables", "mutation", "", "\\u0071uery", "__proto__", "a b"];
    let members = (0..random.below(5)).map(|_| {
        let name = random.one_of(&NAMES);
        format!("\"{name}\":{}", value(random, depth))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn value(random: &mut Lcg, depth: usize) -> String {
    const PLAIN: [&str; 10] = [
        "null",
        "true",
        "-0",
        "1e999",
        "123456789012345678901234567890.5",
        "\"\"",
        "\"mutation { deleteAssets }\"",
        "\"}],\\\"query\\\":\\\"{a}\\\"\"",
        "\"\\ud800\\u0000\"",
        "\"\u{1f980}\"",
    ];
    match random.below(if depth == 0 { 1 } else { 3 }) {
        0 => random.one_of(&PLAIN).to_owned(),
        1 => members(random, depth - 1),
        _ => {
            let items: Vec<_> = (0..random.below(4)).map(|_| value(random, depth - 1)).collect();
            format!("[ {} ]", items.join(" , "))
        }
    }
}

#[test]
fn neither_deep_nor_large_variables_take_a_judge_down() {
    let body = |variables: &str| format!("{{\"query\":{},\"variables\":{{\"a\":{variables}}}}}", quoted(ASSETS));
    let room = MAX_BODY - body("").len();
    check(&body(&format!("\"{}\"", "x".repeat(room - 2))), Ok(()));
    check(&body(&format!("{}{}", "[".repeat(room / 2), "]".repeat(room / 2))), Ok(()));
    check(&body(&format!("{}0{}", "{\"a\":".repeat(room / 7), "}".repeat(room / 7))), Ok(()));
    check(&body(&"[".repeat(room)), Err(NoDocument::Body));
    let many = format!("{{{}\"query\":{}}}", "\"variables\":{},".repeat(MAX_BODY / 20), quoted(ASSETS));
    check(&many, Err(NoDocument::Twice));
}

#[test]
fn a_grant_that_was_made_wider_than_a_manifest_can_still_takes_documents_by_post_alone() {
    let wide = GRANT.replace("\"POST\"", "\"GET\", \"PUT\", \"POST\"") + "query = [\"query\", \"x\"]\n";
    let body = format!("{{\"query\":{}}}", quoted(SITES));
    assert!(send(&wide, &post(body.as_bytes())).is_ok());
    let reason = |method, url: &str, body: &[u8]| {
        let plain = post(body);
        send(&wide, &Sent { asked: Asked { method, url, ..plain.asked }, ..plain }).unwrap_err().reason
    };
    let evil = format!("{URL}?query=mutation%7Bx%7D");
    assert_eq!(reason("GET", &evil, b""), Reason::Document(NoDocument::Method));
    assert_eq!(reason("GET", URL, b""), Reason::Document(NoDocument::Method));
    assert_eq!(reason("PUT", URL, body.as_bytes()), Reason::Document(NoDocument::Method));
    assert_eq!(reason("POST", &evil, body.as_bytes()), Reason::Document(NoDocument::Query));
    assert_eq!(reason("POST", &format!("{URL}?x=1"), body.as_bytes()), Reason::Document(NoDocument::Query));

    let empty = GRANT.replace("\"queries/assets.graphql\", \"queries/sites.graphql\"", "");
    let refused = send(&empty, &post(body.as_bytes())).unwrap_err();
    assert_eq!(refused.reason, Reason::Document(NoDocument::Unlisted(DocumentDigest::of(SITES))));
}

#[test]
fn a_document_is_the_last_part_to_be_refused() {
    let body = format!("{{\"query\":{}}}", quoted(DELETE));
    let plain = post(body.as_bytes());
    let bound = format!("{GRANT}tools = [\"list_assets\"]\n");
    for (asked, reason) in [
        (plain.asked, Reason::Document(NoDocument::Unlisted(DocumentDigest::of(DELETE)))),
        (Asked { tool: Some("other"), ..plain.asked }, Reason::Tool),
        (Asked { method: "PUT", ..plain.asked }, Reason::Method),
        (Asked { credential: Some("other"), ..plain.asked }, Reason::Credential),
        (Asked { url: "https://api.example.com/other", ..plain.asked }, Reason::Path),
        (Asked { url: "https://api.example.com/graphql?x=1", ..plain.asked }, Reason::Query("x".into())),
    ] {
        assert_eq!(send(&bound, &Sent { asked, ..plain }).unwrap_err().reason, reason);
    }
}

#[test]
fn a_grant_with_documents_is_narrower_than_one_without() {
    let open =
        GRANT.replace("documents = [\"queries/assets.graphql\", \"queries/sites.graphql\"]", "keep = [\"/data\"]");
    let good = format!("{{\"query\":{}}}", quoted(ASSETS));
    let other = format!("{{\"query\":{}}}", quoted(DELETE));
    for grants in [format!("{GRANT}{open}"), format!("{open}{GRANT}")] {
        let used = |body: &str| send(&grants, &post(body.as_bytes())).unwrap().grant().documents.is_some();
        assert!(used(&good), "{grants}");
        assert!(!used(&other), "{grants}");
    }
}

#[test]
fn a_refused_document_is_told_by_its_digest_and_never_suggested() {
    let body = format!("{{\"query\":{},\"variables\":{{\"key\":\"s3cret\"}}}}", quoted(DELETE));
    let refused = send(GRANT, &post(body.as_bytes())).unwrap_err();
    let digest = DocumentDigest::of(DELETE).to_string();
    assert_eq!(digest, "sha256:062740ec6f74da560e9a7bc43354c5d2489c8f038105adee6fbf4ec375ab47cf");
    assert_eq!(
        refused.to_string(),
        format!("grant sends its documents alone, and the body's document, {digest}, is none of them")
    );
    assert!(refused.suggestion.contains(&digest), "{}", refused.suggestion);
    assert_eq!(read(&refused.suggestion), [], "a comment: {}", refused.suggestion);
    assert!(!format!("{refused:?} {refused} {}", refused.suggestion).contains("s3cret"));
}

#[test]
fn a_suggestion_opens_no_more_of_a_place_whose_documents_are_fixed() {
    let open = "[[egress]]\nhost = \"api.example.com\"\nmethods = [\"GET\"]\npaths = [\"/graphql\"]\n";
    let bound = format!("{open}{GRANT}tools = [\"list_assets\"]\nkeep = [\"/data\"]\n");
    let good = format!("{{\"query\":{}}}", quoted(SITES));
    let evil = format!("{{\"query\":{}}}", quoted(DELETE));
    let other_tool = |body| {
        let plain: Sent<'_> = post(body);
        Sent { asked: Asked { tool: Some("get_sites"), ..plain.asked }, ..plain }
    };
    let refused = send(&bound, &other_tool(good.as_bytes())).unwrap_err();
    assert_eq!(
        (refused.reason, refused.suggestion.as_str()),
        (
            Reason::Tool,
            "[[egress]]\nhost = \"api.example.com\"\nmethods = [\"POST\"]\npaths = [\"/graphql\"]\ncredential = \"graph\"\n\
             documents = [\"queries/sites.graphql\"]\ntools = [\"get_sites\"]\nkeep = [\"/data\"]\n"
        )
    );
    assert!(send(&refused.suggestion, &other_tool(good.as_bytes())).is_ok());
    assert!(send(&refused.suggestion, &other_tool(evil.as_bytes())).is_err());

    let put = Sent { asked: Asked { method: "PUT", ..post(b"").asked }, ..post(good.as_bytes()) };
    let key = Sent {
        asked: Asked { url: "https://api.example.com/graphql?x=1", ..post(b"").asked },
        ..post(good.as_bytes())
    };
    for (sent, why) in [
        (other_tool(evil.as_bytes()), "is none of them"),
        (other_tool(b""), "is not one JSON object"),
        (put, "the method is not POST"),
        (key, "the URL has a query"),
    ] {
        let suggestion = send(&bound, &sent).unwrap_err().suggestion;
        assert_eq!(read(&suggestion), [], "{suggestion}");
        assert!(suggestion.contains(why) && suggestion.is_ascii(), "{suggestion}");
    }
    // Elsewhere on that host nothing says that the server speaks GraphQL.
    let elsewhere = Sent { asked: Asked { url: "https://api.example.com/other", ..post(b"").asked }, ..post(b"") };
    assert_eq!(read(&send(&bound, &elsewhere).unwrap_err().suggestion).len(), 1);
}
