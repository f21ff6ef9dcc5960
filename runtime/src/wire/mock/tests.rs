use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value as Json, json};

use super::*;
use crate::names::CredentialName;
use crate::outbound::{GuestRequest, Outbound};

const GRAPH: &str = "https://graph.microsoft.com/v1.0";

fn data() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../mock-data"))
}

fn options() -> MockOptions {
    MockOptions::new(data())
}

fn hostile() -> MockOptions {
    MockOptions { overlays: vec![data().join("hostile")], ..options() }
}

/// A request as the wire would hand it over, read from its URL by the same parser.
fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> Request {
    let asked = GuestRequest {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        credential: Some("graph".to_owned()),
    };
    let outbound = Outbound::parse(asked).unwrap();
    let headers = headers.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
    Request {
        method: outbound.method().clone(),
        scheme: outbound.scheme(),
        host: outbound.host().clone(),
        port: outbound.port(),
        segments: outbound.segments().to_vec(),
        query: outbound.query().to_vec(),
        headers: headers.collect(),
        body: Bytes::new(),
        credential: Some(CredentialName::parse("graph").unwrap()),
    }
}

async fn get(mock: &Mock, url: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Json) {
    let reply = mock.send(&request("GET", url, headers)).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    let (status, headers, body) = reply.into_parts();
    (status, headers, serde_json::from_slice(&body).unwrap_or(Json::Null))
}

async fn graph(mock: &Mock, rest: &str) -> (StatusCode, Json) {
    let (status, _, body) = get(mock, &format!("{GRAPH}{rest}"), &[]).await;
    (status, body)
}

async fn rows(mock: &Mock, rest: &str) -> Vec<Json> {
    let (status, body) = graph(mock, rest).await;
    assert_eq!(status, StatusCode::OK, "{rest}: {body}");
    body["value"].as_array().unwrap().clone()
}

fn names(rows: &[Json]) -> Vec<&str> {
    rows.iter().map(|row| row["displayName"].as_str().unwrap()).collect()
}

/// Follows every next link as it is, and says how many pages there were.
async fn walk(mock: &Mock, rest: &str) -> (Vec<Json>, usize) {
    let (mut next, mut rows, mut pages) = (Some(format!("{GRAPH}{rest}")), Vec::new(), 0);
    while let Some(url) = next {
        let (status, _, body) = get(mock, &url, &[]).await;
        assert_eq!(status, StatusCode::OK, "{url}: {body}");
        rows.extend(body["value"].as_array().unwrap().iter().cloned());
        next = body["@odata.nextLink"].as_str().map(str::to_owned);
        pages += 1;
        assert!(pages < 1_000, "the links do not end");
    }
    (rows, pages)
}

fn ids(rows: &[Json]) -> BTreeSet<&str> {
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

fn fault(route: &str, at: u64, does: Misbehaviour) -> Fault {
    Fault { route: route.to_owned(), at, times: 1, does }
}

#[tokio::test]
async fn the_tables_hold_who_they_should() {
    let mock = Mock::load(options()).unwrap();
    assert_eq!(mock.now().to_string(), "2026-06-15T09:00:00Z");
    for (rest, count) in [
        ("/users", 9),
        ("/groups", 5),
        ("/servicePrincipals", 3),
        ("/identity/conditionalAccess/policies", 3),
        ("/identityProtection/riskyUsers", 3),
        ("/auditLogs/signIns", 3),
        ("/auditLogs/signins", 3),
    ] {
        assert_eq!(rows(&mock, rest).await.len(), count, "{rest}");
    }
    let users = rows(&mock, "/users?$select=displayName,accountEnabled,onPremisesSyncEnabled,mail,employeeId").await;
    assert!(users.iter().all(|user| user["accountEnabled"] == true));
    assert!(!names(&users).contains(&"Henry Park"));
    let unsynced: Vec<_> = users.iter().filter(|user| user["onPremisesSyncEnabled"] != true).cloned().collect();
    assert_eq!(names(&unsynced), ["Svc-Monitoring"]);
    assert_eq!(unsynced[0]["mail"], Json::Null);
}

#[tokio::test]
async fn pages_join_to_the_whole_without_loss_or_repetition() {
    let mock = Mock::load(MockOptions { scale: 1_200, ..options() }).unwrap();
    for (rest, count, pages) in [
        ("/users", 1_209, 13),
        ("/users?$top=999", 1_209, 2),
        ("/users?$top=100&$select=id,signInActivity", 1_209, 13),
        ("/users?$top=999&$select=id,signInActivity", 1_209, 3),
        ("/users?$top=93&$select=id", 1_209, 13),
        ("/users?$top=403&$select=id", 1_209, 3),
        ("/users?$filter=accountEnabled%20eq%20false&$select=id&$top=50", 171, 4),
        ("/identityProtection/riskyUsers?$top=2", 3, 2),
        ("/auditLogs/signIns?$top=1", 3, 3),
    ] {
        let (rows, walked) = walk(&mock, rest).await;
        assert_eq!((rows.len(), ids(&rows).len(), walked), (count, count, pages), "{rest}");
    }
}

#[tokio::test]
async fn a_tenant_may_have_smaller_pages_and_link_them_by_row() {
    let overlay = tempfile::tempdir().unwrap();
    std::fs::create_dir(overlay.path().join("graph")).unwrap();
    let sizes = r#"{"page_sizes": {"identity/conditionalAccess/policies": 1}}"#;
    std::fs::write(overlay.path().join("graph/tenant.json"), sizes).unwrap();
    let mock = Mock::load(MockOptions { overlays: vec![overlay.path().to_owned()], ..options() }).unwrap();
    let rest = "/identity/conditionalAccess/policies?$select=id,state";
    let (_, body) = graph(&mock, rest).await;
    let link = body["@odata.nextLink"].as_str().unwrap();
    assert_eq!(link, format!("{GRAPH}/identity/conditionalAccess/policies?$select=id%2Cstate&$skip=1"));
    let (rows, pages) = walk(&mock, rest).await;
    assert_eq!((ids(&rows).len(), rows.len(), pages), (3, 3, 3));
}

#[tokio::test]
async fn an_empty_page_may_have_a_next_link() {
    let overlay = tempfile::tempdir().unwrap();
    std::fs::create_dir(overlay.path().join("graph")).unwrap();
    std::fs::write(overlay.path().join("graph/tenant.json"), r#"{"empty_pages": {"users": [1, 3]}}"#).unwrap();
    let mock = Mock::load(MockOptions { overlays: vec![overlay.path().to_owned()], ..options() }).unwrap();
    let (status, body) = graph(&mock, "/users?$top=5").await;
    assert_eq!((status, body["value"].as_array().unwrap().len()), (StatusCode::OK, 0));
    let (rows, pages) = walk(&mock, "/users?$top=5").await;
    assert_eq!((ids(&rows).len(), rows.len(), pages), (9, 9, 4));
}

#[tokio::test]
async fn a_next_link_is_the_vendors() {
    let mock = Mock::load(options()).unwrap();
    let (_, body) = graph(&mock, "/users?$select=id,mail&$top=4&$filter=accountEnabled%20eq%20true").await;
    let link = body["@odata.nextLink"].as_str().unwrap();
    let start = "https://graph.microsoft.com/v1.0/users?$select=id%2Cmail&$top=4&$filter=accountEnabled%20eq%20true&$skiptoken=";
    assert!(link.starts_with(start), "{link}");
    let (_, body) = graph(&mock, "/auditLogs/signIns?$top=1").await;
    let link = body["@odata.nextLink"].as_str().unwrap();
    assert!(link.starts_with("https://graph.microsoft.com/v1.0/auditLogs/signins?$top=1&$skiptoken="), "{link}");
    let token = link.rsplit_once('=').unwrap().1;
    let (status, body) =
        graph(&mock, &format!("/auditLogs/signIns?$filter=riskState%20eq%20'none'&$skiptoken={token}")).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("Directory_ExpiredPageToken")));
}

#[tokio::test]
async fn without_select_an_account_does_not_say_whether_it_is_enabled() {
    let mock = Mock::load(options()).unwrap();
    let user = &rows(&mock, "/users?$top=1").await[0];
    let keys: BTreeSet<_> = user.as_object().unwrap().keys().map(String::as_str).collect();
    let default = BTreeSet::from([
        "businessPhones",
        "displayName",
        "givenName",
        "id",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
    ]);
    assert_eq!(keys, default);
    let (_, user) = graph(&mock, "/users/Bob.Martinez@NEXUS.corp?$select=accountEnabled,jobTitle,employeeId").await;
    assert_eq!((&user["accountEnabled"], &user["employeeId"]), (&json!(true), &json!("EMP-1002")));
    assert_eq!(user.get("id"), None);
}

#[tokio::test]
async fn a_filter_keeps_what_it_says() {
    let mock = Mock::load(hostile()).unwrap();
    for (rest, expected) in [
        ("/users?$filter=userPrincipalName eq 'ALICE.johnson@nexus.corp'", vec!["Alice Johnson"]),
        ("/users?$filter=mail eq 'apostrophe.o''test@nexus.corp'", vec!["Ãpostrophe O'Test"]),
        ("/users?$filter=mail eq 'shared@nexus.corp'&$top=2", vec!["Shared Mailbox One", "Shared Mailbox Two"]),
        ("/users?$filter=accountEnabled eq false", vec!["Disabled Account"]),
        ("/users?$filter=onPremisesSyncEnabled eq false", vec!["Disabled Account"]),
        ("/users?$filter=mail eq null", vec!["Svc-Monitoring", "Mailless Member"]),
        ("/users?$filter=userType eq 'Guest'", vec!["Guest External"]),
        ("/users?$filter=userPrincipalName eq '$dollar@nexus.corp'", vec!["Dollar Sign"]),
        (
            "/users?$filter=startswith(displayName,'al') or startsWith(displayName,'bo')",
            vec!["Alice Johnson", "Bob Martinez"],
        ),
        (
            "/users?$filter=(department eq 'HR' or department eq 'Sales') and jobTitle eq 'HR Director'",
            vec!["Grace Lee"],
        ),
        (
            "/users?$filter=department eq 'Sales' or department eq 'HR' and jobTitle eq 'HR Director'",
            vec!["David Kim", "Grace Lee"],
        ),
        ("/users?$filter=employeeId in ('EMP-1009','EMP-1004')", vec!["David Kim", "Taylor Brooks"]),
        (
            "/users?$filter=createdDateTime ge 2023-01-01T00:00:00Z and employeeId eq null and mail eq null",
            vec!["Svc-Monitoring", "Mailless Member"],
        ),
        ("/users?$filter=displayName eq 'nobody'", vec![]),
    ] {
        assert_eq!(names(&rows(&mock, &rest.replace(' ', "%20")).await), expected, "{rest}");
    }
    for (rest, expected) in [
        ("riskState eq 'atRisk'", vec!["Bob Martinez"]),
        ("riskState eq 'atRisk' or riskState eq 'confirmedCompromised'", vec!["Bob Martinez", "Disabled Account"]),
    ] {
        let rest = format!("/identityProtection/riskyUsers?$top=500&$filter={}", rest.replace(' ', "%20"));
        let found = rows(&mock, &rest).await;
        let found: Vec<_> = found.iter().map(|row| row["userDisplayName"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{rest}");
    }
    let failed = rows(&mock, "/auditLogs/signIns?$filter=status/errorCode%20eq%2050126").await;
    assert_eq!((failed.len(), &failed[0]["location"]["countryOrRegion"]), (1, &json!("RU")));
}

#[tokio::test]
async fn what_the_vendor_refuses_is_refused_with_its_code() {
    let mock = Mock::load(hostile()).unwrap();
    for (rest, status, code) in [
        ("/users?$select=id,shoeSize", 400, "BadRequest"),
        ("/users?$select=hireDate", 501, "NotImplemented"),
        ("/users?$top=1000", 400, "Request_BadRequest"),
        ("/users?$top=0", 400, "Request_BadRequest"),
        ("/users?$top=many", 400, "Request_BadRequest"),
        ("/users?$top=-1", 400, "Request_BadRequest"),
        ("/identityProtection/riskyUsers?$top=999", 400, "Request_BadRequest"),
        ("/users?$skiptoken=abc", 400, "Directory_ExpiredPageToken"),
        ("/users?$count=true", 400, "Request_UnsupportedQuery"),
        ("/users?$filter=accountEnabled ne true", 400, "Request_UnsupportedQuery"),
        ("/users?$filter=not accountEnabled eq true", 400, "Request_UnsupportedQuery"),
        ("/users?$filter=endswith(mail,'corp')", 400, "Request_UnsupportedQuery"),
        ("/users?$filter=aboutMe eq 'x'", 400, "Request_UnsupportedQuery"),
        ("/users?$filter=mail eq", 400, "BadRequest"),
        ("/users?$filter=mail eq 'a' or", 400, "BadRequest"),
        ("/users?$filter=mail eq 'o'brien'", 400, "BadRequest"),
        ("/users?$filter=(mail eq 'a'", 400, "BadRequest"),
        ("/users?$filter=mail is 'a'", 400, "BadRequest"),
        ("/users/nobody@nexus.corp", 404, "Request_ResourceNotFound"),
        ("/users/00000000-0000-0000-0000-000000000000", 404, "Request_ResourceNotFound"),
        ("/users/$dollar@nexus.corp", 400, "Request_BadRequest"),
        ("/groups/engineering/members", 400, "Request_BadRequest"),
        ("/groups/00000000-0000-0000-0000-000000000000/members", 404, "Request_ResourceNotFound"),
    ] {
        let (found, body) = graph(&mock, &rest.replace(' ', "%20")).await;
        assert_eq!((found.as_u16(), &body["error"]["code"]), (status, &json!(code)), "{rest}: {body}");
        assert_eq!(body["error"]["innerError"]["date"], "2026-06-15T09:00:00", "{rest}");
    }
}

#[tokio::test]
async fn an_advanced_query_needs_the_header_and_the_count() {
    let mock = Mock::load(hostile()).unwrap();
    let url = format!("{GRAPH}/users?$filter=accountEnabled%20ne%20true&$count=true&$top=5");
    let (status, _, body) = get(&mock, &url, &[("ConsistencyLevel", "eventual")]).await;
    assert_eq!((status, &body["@odata.count"]), (StatusCode::OK, &json!(1)));
    let (_, _, body) =
        get(&mock, &format!("{GRAPH}/users?$count=true&$top=5"), &[("ConsistencyLevel", "eventual")]).await;
    assert_eq!(body["@odata.count"], 18);
    let next = body["@odata.nextLink"].as_str().unwrap();
    let (status, _, body) = get(&mock, next, &[("ConsistencyLevel", "eventual")]).await;
    assert_eq!((status, body.get("@odata.count")), (StatusCode::OK, None));
    assert_eq!(
        get(&mock, next, &[]).await.0,
        StatusCode::BAD_REQUEST,
        "the header is sent again, or the page is refused"
    );
}

#[tokio::test]
async fn a_guest_is_found_under_its_whole_name() {
    let mock = Mock::load(hostile()).unwrap();
    let (status, user) =
        graph(&mock, "/users/guest_partner.example%23EXT%23@nexuscorp.onmicrosoft.com?$select=userType").await;
    assert_eq!((status, &user["userType"]), (StatusCode::OK, &json!("Guest")));
    let (status, _) = graph(&mock, "/users/guest_partner.example").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn members_are_direct_and_a_missing_permission_leaves_their_ids() {
    let mock = Mock::load(options()).unwrap();
    let groups = rows(&mock, "/groups?$select=id,displayName").await;
    let id = |name: &str| {
        groups.iter().find(|group| group["displayName"] == name).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let rest = format!("/groups/{}/members?$select=id,displayName,userPrincipalName,mail", id("VPN Users"));
    let members = rows(&mock, &rest).await;
    assert_eq!(names(&members), ["Alice Johnson", "Bob Martinez", "David Kim", "Taylor Brooks", "IT Operations"]);
    assert_eq!(members[4]["@odata.type"], "#microsoft.graph.group");

    let url = format!("{GRAPH}/groups/{}/members", id("IT Operations"));
    let (_, _, plain) = get(&mock, &url, &[]).await;
    let (_, _, full) = get(&mock, &format!("{url}?$count=true"), &[("ConsistencyLevel", "eventual")]).await;
    assert_eq!(plain["value"].as_array().unwrap().len(), 3);
    assert_eq!(full["@odata.count"], 4);

    let overlay = tempfile::tempdir().unwrap();
    std::fs::create_dir(overlay.path().join("graph")).unwrap();
    std::fs::write(overlay.path().join("graph/tenant.json"), r#"{"members_readable": false, "denied": ["users"]}"#)
        .unwrap();
    let mock = Mock::load(MockOptions { overlays: vec![overlay.path().to_owned()], ..options() }).unwrap();
    let members = rows(&mock, &rest).await;
    assert_eq!(members.len(), 5);
    assert!(members.iter().all(|member| member["id"].is_string() && member["displayName"].is_null()));
    let (status, body) = graph(&mock, "/users").await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::FORBIDDEN, &json!("Authorization_RequestDenied")));
}

#[tokio::test]
async fn a_request_that_no_route_knows_is_an_error() {
    let mock = Mock::load(options()).unwrap();
    for (method, url) in [
        ("GET", "https://graph.microsoft.com/v1.0/me"),
        ("GET", "https://graph.microsoft.com/v1.0/Users"),
        ("GET", "https://graph.microsoft.com/v1.0/users/"),
        ("GET", "https://graph.microsoft.com/beta/users"),
        ("GET", "https://graph.microsoft.com:8443/v1.0/users"),
        ("GET", "https://graph.microsoft.com/v1.0/users?$orderby=displayName"),
        ("GET", "https://graph.microsoft.com/v1.0/users?%24expand=manager"),
        ("DELETE", "https://graph.microsoft.com/v1.0/users/alice.johnson@nexus.corp"),
        ("GET", "https://graph.microsoft.us/v1.0/users"),
    ] {
        let found = mock.send(&request(method, url, &[])).await;
        assert!(matches!(found, Err(WireError::NoRoute { .. })), "{method} {url}");
    }
}

#[tokio::test]
async fn a_request_without_a_credential_is_not_authenticated() {
    let mock = Mock::load(options()).unwrap();
    let request = Request { credential: None, ..request("GET", &format!("{GRAPH}/users"), &[]) };
    let reply = mock.send(&request).await.unwrap();
    assert_eq!(reply.status(), StatusCode::UNAUTHORIZED);
    assert!(String::from_utf8_lossy(reply.body()).contains("InvalidAuthenticationToken"));
}

#[tokio::test]
async fn a_fault_strikes_the_request_it_names_and_no_other() {
    let mock = Mock::load(options()).unwrap();
    let limited = Misbehaviour::Status { status: 429, retry_after: Some("7".to_owned()) };
    mock.inject(fault("graph/users", 2, limited));
    mock.inject(fault("graph/risky-users", 1, Misbehaviour::Status { status: 429, retry_after: None }));
    let url = format!("{GRAPH}/users");
    assert_eq!(get(&mock, &url, &[]).await.0, StatusCode::OK);
    let (status, headers, body) = get(&mock, &url, &[]).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("TooManyRequests")));
    assert_eq!(headers[RETRY_AFTER], "7");
    assert_eq!(get(&mock, &url, &[]).await.0, StatusCode::OK);
    let (status, headers, _) = get(&mock, &format!("{GRAPH}/identityProtection/riskyUsers"), &[]).await;
    assert_eq!((status, headers.get(RETRY_AFTER)), (StatusCode::TOO_MANY_REQUESTS, None));
    assert_eq!((mock.count("graph/users"), mock.count("graph/groups")), (3, 0));
}

#[tokio::test]
async fn every_misbehaviour_shows_in_process() {
    let mock = Mock::load(options()).unwrap();
    let url = format!("{GRAPH}/users?$top=3");
    let send = async |does| {
        mock.inject(fault("graph/*", 1, does));
        tokio::time::timeout(Duration::from_millis(200), mock.send(&request("GET", &url, &[]))).await
    };
    assert!(send(Misbehaviour::Stall).await.is_err());
    assert!(send(Misbehaviour::StallBody).await.is_err());
    assert!(matches!(send(Misbehaviour::Torn).await, Ok(Err(WireError::BadReply(BadReply::Torn)))));
    assert!(matches!(send(Misbehaviour::Reset).await, Ok(Err(WireError::Unreachable(_)))));
    let reply = send(Misbehaviour::ExpiredToken).await.unwrap().unwrap();
    assert_eq!(reply.status(), StatusCode::UNAUTHORIZED);
    let reply = send(Misbehaviour::Html { status: 503 }).await.unwrap().unwrap();
    assert_eq!(
        (reply.status(), reply.headers()[CONTENT_TYPE].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "text/html; charset=utf-8")
    );
    let reply = send(Misbehaviour::Oversized { bytes: 1 << 20 }).await.unwrap().unwrap();
    assert!(reply.body().len() > 1 << 20 && serde_json::from_slice::<Json>(reply.body()).is_ok());
    let reply = send(Misbehaviour::WrongJson).await.unwrap().unwrap();
    assert!(serde_json::from_slice::<Json>(reply.body()).is_err());
    let elsewhere = json!("https://graph.evil.test/v1.0/users?$skiptoken=x");
    let reply = send(Misbehaviour::Set { pointer: "/@odata.nextLink".to_owned(), value: elsewhere.clone() })
        .await
        .unwrap()
        .unwrap();
    let body: Json = serde_json::from_slice(reply.body()).unwrap();
    assert_eq!((&body["@odata.nextLink"], body["value"].as_array().unwrap().len()), (&elsewhere, 3));
}

#[test]
fn faults_are_written_in_toml() {
    #[derive(serde::Deserialize)]
    struct File {
        fault: Vec<Fault>,
    }
    let text = r#"
        fault = [
            { route = "graph/users", at = 3, does = "torn" },
            { route = "graph/*", times = 0, does = { status = { status = 429, retry-after = "7" } } },
            { route = "graph/users", does = { set = { pointer = "/@odata.nextLink", value = "https://x.test/" } } },
        ]
    "#;
    let file: File = toml::from_str(text).unwrap();
    assert_eq!(file.fault[0], fault("graph/users", 3, Misbehaviour::Torn));
    assert_eq!((file.fault[1].at, file.fault[1].times), (1, 0));
    assert!(toml::from_str::<File>("fault = [{ route = 'a/b', does = 'explode' }]").is_err());
    assert!(toml::from_str::<File>("fault = [{ route = 'a/b', does = 'torn', when = 2 }]").is_err());
}

#[test]
fn a_fault_or_an_overlay_that_is_nowhere_is_an_error() {
    let faults = vec![fault("graph/user-list", 1, Misbehaviour::Torn)];
    assert!(matches!(Mock::load(MockOptions { faults, ..options() }), Err(MockError::Fault(_))));
    let overlays = vec![data().join("friendly")];
    assert!(matches!(Mock::load(MockOptions { overlays, ..options() }), Err(MockError::Overlay(_))));
}

/// One upstream in a directory of its own.
fn upstream(routes: &str) -> (tempfile::TempDir, Result<Mock, MockError>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("clock.toml"), "now = \"2026-06-15T09:00:00Z\"").unwrap();
    std::fs::create_dir(dir.path().join("up")).unwrap();
    std::fs::write(dir.path().join("up/things.json"), r#"[{"id": 1}, {"id": 2}]"#).unwrap();
    std::fs::write(dir.path().join("up/routes.toml"), routes).unwrap();
    let mock = Mock::load(MockOptions::new(dir.path()));
    (dir, mock)
}

#[test]
fn a_mistake_in_a_file_shows_when_it_is_loaded() {
    let route = |reply: &str| {
        format!("hosts = ['a.test']\n[[route]]\nname = 'x'\nmethod = 'GET'\npath = '/x'\nreply = '''{reply}'''\n")
    };
    assert!(upstream(&route("{status: 200, body: .tables.things}")).1.is_ok());
    for (routes, expected) in [
        (route(".["), "expected"),
        (route("nothing"), "unknown filter nothing"),
        (route("$secret"), "unknown variable $secret"),
        (route("{}") + "colour = 1\n", "colour"),
        (route("{}").replace("'/x'", "'x'"), "must start with /"),
        (route("{}").replace("'/x'", "'/x{id}'"), "whole segment"),
        (route("{}").replace("name = 'x'\n", ""), "name"),
        (route("{}").replace("reply", "ignored"), "ignored"),
        (route("{}") + "token = 'jwt'\n", "`token` is for a route with `issues`"),
        (route("{}") + "issues = 'up'\ntoken = 'saml'\n", "saml"),
        (route("{}") + "[[route]]\nname = 'x'\nmethod = 'GET'\npath = '/y'\nreply = '{}'\n", "taken"),
    ] {
        let error = upstream(&routes).1.map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn an_expression_that_does_not_answer_is_an_error_and_reaches_nothing_outside() {
    for reply in [
        "empty",
        "{status: 200}, {status: 200}",
        "{status: 99}",
        "{stat: 200}",
        "error(\"x\")",
        "env",
        "now",
        "halt",
        "{status: 200, body: 1, text: \"x\"}",
        "null",
        "{status: 200, headers: {\"a b\": \"c\"}}",
    ] {
        let routes =
            format!("hosts = ['a.test']\n[[route]]\nname = 'x'\nmethod = 'GET'\npath = '/x'\nreply = '''{reply}'''\n");
        let (_dir, mock) = upstream(&routes);
        let found = mock.unwrap().send(&request("GET", "https://a.test/x", &[])).await;
        assert!(matches!(found, Err(WireError::BadMock(_))), "{reply}");
    }
}

#[tokio::test]
async fn a_route_sees_its_request_and_matches_segments_decoded() {
    let routes = r#"
        hosts = ["*.a.test:8443"]
        [[route]]
        name = "entry"
        method = "GET"
        path = "/HPD:Help%20Desk/{id}"
        query = ["q"]
        reply = '{status: 200, headers: {"x-b": "c"}, body: {id: .request.params.id, q: $request.query.q, h: .request.headers, n: (.tables.things | length)}}'
    "#;
    let (_dir, mock) = upstream(routes);
    let mock = mock.unwrap();
    let (status, headers, body) =
        get(&mock, "https://eu.a.test:8443/HPD:Help%20Desk/a%23b?q=%27x%27", &[("x-a", "1")]).await;
    assert_eq!((status, headers["x-b"].to_str().unwrap()), (StatusCode::OK, "c"));
    assert_eq!(body, json!({"id": "a#b", "q": "'x'", "h": {"x-a": "1"}, "n": 2}));
    for url in [
        "https://a.test:8443/HPD:Help%20Desk/1",
        "https://x.eu.a.test:8443/HPD:Help%20Desk/1",
        "https://eu.a.test/HPD:Help%20Desk/1",
    ] {
        assert!(matches!(mock.send(&request("GET", url, &[])).await, Err(WireError::NoRoute { .. })), "{url}");
    }
}

#[tokio::test]
async fn the_same_request_gets_the_same_bytes() {
    let (one, other) = (Mock::load(hostile()).unwrap(), Mock::load(hostile()).unwrap());
    for rest in ["/users?$top=4&$select=id,displayName", "/auditLogs/signIns", "/users/nobody"] {
        let asked = request("GET", &format!("{GRAPH}{rest}"), &[]);
        let (one, other) = (one.send(&asked).await.unwrap(), other.send(&asked).await.unwrap());
        assert_eq!((one.headers(), one.body()), (other.headers(), other.body()), "{rest}");
    }
}

/// A client that trusts `ca_pem` alone, finds every name at the server, and reads what it gets to the end.
struct Client<'a> {
    server: &'a Handle,
    host: &'a str,
    /// A bearer token, or the whole header.
    token: Option<&'a str>,
}

impl Client<'_> {
    async fn send(&self, method: &str, path: &str, body: &str) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.server.ca_pem().as_bytes()).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = tokio::net::TcpStream::connect(self.server.addr()).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from(self.host.to_owned()).unwrap();
        let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let stream = TokioIo::new(stream.map_err(|error| format!("tls: {error}"))?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = http::Request::builder().method(method).uri(path).header("host", self.host);
        if let Some(token) = self.token {
            let whole = if token.contains(' ') { token.to_owned() } else { format!("Bearer {token}") };
            request = request.header(AUTHORIZATION, whole);
        }
        if !body.is_empty() {
            let kind = if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
            request = request.header(CONTENT_TYPE, kind);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let reply = sender.send_request(request).await.map_err(|error| format!("reply: {error}"))?;
        let (head, body) = reply.into_parts();
        let body = body.collect().await.map_err(|error| format!("body: {error}"))?.to_bytes();
        connection.abort();
        Ok((head.status, head.headers, body))
    }
}

const TOKEN: &str = "/nexus.corp/oauth2/v2.0/token";
const FORM: &str = "grant_type=client_credentials&client_id=4b1f0f4e-6f0e-4a35-9d0a-5f3c0c9d7e21\
    &client_secret=mock-entra-client-secret&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";

async fn served(options: ServeOptions) -> Handle {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve(options, listener).await.unwrap()
}

async fn token(server: &Handle, form: &str) -> (StatusCode, Json) {
    let login = Client { server, host: "login.microsoftonline.com", token: None };
    let (status, _, body) = login.send("POST", TOKEN, form).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn over_tls_a_token_is_needed_and_expires() {
    let server = served(ServeOptions::new(options())).await;
    let (status, body) = token(&server, FORM).await;
    assert_eq!((status, &body["token_type"], &body["expires_in"]), (StatusCode::OK, &json!("Bearer"), &json!(3599)));
    let given = body["access_token"].as_str().unwrap();
    let graph = |token| Client { server: &server, host: "graph.microsoft.com", token };
    let (status, _, body) = graph(Some(given)).send("GET", "/v1.0/users?$top=4", "").await.unwrap();
    let body: Json = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, body["value"].as_array().unwrap().len()), (StatusCode::OK, 4));
    let next = body["@odata.nextLink"].as_str().unwrap().strip_prefix("https://graph.microsoft.com").unwrap();
    assert_eq!(graph(Some(given)).send("GET", next, "").await.unwrap().0, StatusCode::OK);
    for token in [None, Some("mock.0000"), Some("")] {
        let (status, _, body) = graph(token).send("GET", "/v1.0/users", "").await.unwrap();
        let body: Json = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &body["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("InvalidAuthenticationToken")));
    }
    server.expire_tokens();
    assert_eq!(graph(Some(given)).send("GET", "/v1.0/users", "").await.unwrap().0, StatusCode::UNAUTHORIZED);
    let (status, _, body) = graph(Some(given)).send("GET", "/v1.0/me", "").await.unwrap();
    assert_eq!((status, String::from_utf8_lossy(&body).contains("no route")), (StatusCode::NOT_IMPLEMENTED, true));
    assert_eq!((server.count("graph/users"), server.count("login/token")), (6, 1));
    server.shutdown().await;
}

#[tokio::test]
async fn over_tls_a_wrong_secret_gets_no_token() {
    let server = served(ServeOptions::new(MockOptions { token_lifetime: Duration::ZERO, ..options() })).await;
    for (form, status, error) in [
        (FORM.replace("mock-entra", "other"), 401, "invalid_client"),
        (FORM.replace("4b1f", "5b1f"), 400, "unauthorized_client"),
        (FORM.replace("client_credentials", "password"), 400, "unsupported_grant_type"),
        (FORM.replace("graph.microsoft.com", "graph.evil.test"), 400, "invalid_scope"),
        (String::new(), 400, "unsupported_grant_type"),
    ] {
        let (found, body) = token(&server, &form).await;
        assert_eq!((found.as_u16(), &body["error"]), (status, &json!(error)), "{form}");
    }
    let (_, body) = token(&server, FORM).await;
    let expired = Client { server: &server, host: "graph.microsoft.com", token: body["access_token"].as_str() };
    assert_eq!(expired.send("GET", "/v1.0/users", "").await.unwrap().0, StatusCode::UNAUTHORIZED);
}

/// Says what it sees of who asks, and gives out both forms of token.
const TOKENS: &str = r#"
    hosts = ["a.test"]
    [auth]
    prefix = "AR-JWT "
    accepts = "tokens"
    [secrets]
    NAME = "kept-to-itself"
    [[route]]
    name = "jwt"
    method = "POST"
    path = "/jwt"
    open = true
    issues = "up"
    token = "jwt"
    reply = '{status: 200, text: .token}'
    [[route]]
    name = "opaque"
    method = "POST"
    path = "/opaque"
    open = true
    issues = "up"
    reply = '{status: 200, body: {token: .token, basic: .basic, checks: .checks, headers: .request.headers}}'
    [[route]]
    name = "broken"
    method = "POST"
    path = "/broken"
    open = true
    issues = "up"
    reply = '.secrets | error'
    [[route]]
    name = "things"
    method = "GET"
    path = "/things"
    reply = '{status: 200, body: .tables.things}'
"#;

#[tokio::test]
async fn over_tls_a_token_may_say_itself_when_it_ends() {
    let (dir, _) = upstream(TOKENS);
    let seconds = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let lifetime = Duration::from_secs(1800);
    let server =
        served(ServeOptions::new(MockOptions { token_lifetime: lifetime, ..MockOptions::new(dir.path()) })).await;
    let things = async |token: &str| {
        let shown = format!("AR-JWT {token}");
        let client = Client { server: &server, host: "a.test", token: Some(&shown) };
        client.send("GET", "/things", "").await.unwrap().0
    };
    let login = Client { server: &server, host: "a.test", token: None };
    let before = seconds();
    let mut given = BTreeSet::new();
    for _ in 0..2 {
        let (status, _, token) = login.send("POST", "/jwt", "").await.unwrap();
        let token = String::from_utf8(token.to_vec()).unwrap();
        let parts: Vec<_> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        let [head, claims, signature] = parts.try_into().unwrap();
        let (head, claims): (Json, Json) =
            (serde_json::from_slice(&head).unwrap(), serde_json::from_slice(&claims).unwrap());
        assert_eq!((status, &head["typ"], signature.is_empty()), (StatusCode::OK, &json!("JWT"), false));
        let (made, ends) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
        assert!((before..=seconds()).contains(&made) && ends == made + 1800, "{claims}");
        assert_eq!(things(&token).await, StatusCode::OK);
        assert!(given.insert(token), "two tokens are alike");
    }
    for token in &given {
        assert_eq!(things(&format!("{token}0")).await, StatusCode::UNAUTHORIZED);
    }
    server.expire_tokens();
    for token in &given {
        assert_eq!(things(token).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_token_route_sees_the_client_s_name_and_secret_only_where_they_are_checked() {
    let (dir, mock) = upstream(TOKENS);
    let basic = |pair: &[u8]| format!("Basic {}", STANDARD.encode(pair));
    let server = served(ServeOptions::new(MockOptions::new(dir.path()))).await;
    for (sent, seen) in [
        (None, Json::Null),
        (Some(basic(b"id:secret")), json!(["id", "secret"])),
        (Some(basic(b"id%3A1:a%2Bb+c%20d:e")), json!(["id:1", "a+b c d:e"])),
        (Some(basic(b":")), json!(["", ""])),
        (Some(basic(b"id:secret").replace("Basic", "bAsIc")), json!(["id", "secret"])),
        (Some(basic(b"no colon")), Json::Null),
        (Some("Basic ?".to_owned()), Json::Null),
        (Some("Bearer aWQ6c2VjcmV0".to_owned()), Json::Null),
    ] {
        let client = Client { server: &server, host: "a.test", token: sent.as_deref() };
        let (status, _, body) = client.send("POST", "/opaque", "").await.unwrap();
        let body: Json = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &body["basic"], &body["checks"]), (StatusCode::OK, &seen, &json!(true)), "{sent:?}");
        assert_eq!(body["headers"].get("authorization"), None);
        assert!(body["token"].as_str().unwrap().starts_with("mock."), "{body}");
    }
    // In process the host holds no secret that it could show.
    let asked = request("POST", "https://a.test/opaque", &[("authorization", &basic(b"id:secret"))]);
    let reply = mock.unwrap().send(&asked).await.unwrap();
    let body: Json = serde_json::from_slice(reply.body()).unwrap();
    assert_eq!((&body["basic"], &body["checks"]), (&Json::Null, &json!(false)));
    assert_eq!(body["headers"], json!({}));
}

#[tokio::test]
async fn what_breaks_in_a_token_route_does_not_say_its_secrets() {
    let (dir, mock) = upstream(TOKENS);
    let error = mock.unwrap().send(&request("POST", "https://a.test/broken", &[])).await.err().unwrap();
    let server = served(ServeOptions::new(MockOptions::new(dir.path()))).await;
    let client = Client { server: &server, host: "a.test", token: None };
    let (status, _, body) = client.send("POST", "/broken", "").await.unwrap();
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    for said in [error.to_string(), String::from_utf8(body.to_vec()).unwrap()] {
        assert!(said.contains("up/broken") && !said.contains("kept"), "{said}");
    }
}

#[tokio::test]
async fn over_tls_a_misbehaviour_shows_on_the_socket() {
    let server = served(ServeOptions { danger_remote_control: true, ..ServeOptions::new(options()) }).await;
    let (_, body) = token(&server, FORM).await;
    let graph = Client { server: &server, host: "graph.microsoft.com", token: body["access_token"].as_str() };
    let send = async |does| {
        server.inject(fault("graph/users", 1, does));
        tokio::time::timeout(Duration::from_millis(500), graph.send("GET", "/v1.0/users", "")).await
    };
    let torn = send(Misbehaviour::Torn).await.unwrap().unwrap_err();
    assert!(torn.starts_with("body: "), "{torn}");
    let reset = send(Misbehaviour::Reset).await.unwrap().unwrap_err();
    assert!(reset.starts_with("reply: "), "{reset}");
    assert!(send(Misbehaviour::Stall).await.is_err());
    assert!(send(Misbehaviour::StallBody).await.is_err());
    let (status, headers, _) = send(Misbehaviour::Status { status: 429, retry_after: None }).await.unwrap().unwrap();
    assert_eq!((status, headers.get(RETRY_AFTER)), (StatusCode::TOO_MANY_REQUESTS, None));
    assert_eq!(send(Misbehaviour::ExpiredToken).await.unwrap().unwrap().0, StatusCode::UNAUTHORIZED);
    let (_, _, body) = send(Misbehaviour::Oversized { bytes: 9 << 20 }).await.unwrap().unwrap();
    assert!(body.len() > 9 << 20);

    let control = Client { server: &server, host: "localhost", token: None };
    let asked = r#"{"route": "graph/users", "does": {"html": {"status": 503}}}"#;
    assert_eq!(control.send("POST", "/_mock/faults", asked).await.unwrap().0, StatusCode::OK);
    assert_eq!(graph.send("GET", "/v1.0/users", "").await.unwrap().0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(control.send("POST", "/_mock/faults", "{}").await.unwrap().0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn over_tls_a_wrong_certificate_is_not_trusted() {
    for (certificate, trusted) in [
        (Certificate::Good, true),
        (Certificate::OtherName, false),
        (Certificate::Expired, false),
        (Certificate::OtherAuthority, false),
    ] {
        let server = served(ServeOptions { certificate, ..ServeOptions::new(options()) }).await;
        for host in ["graph.microsoft.com", "login.microsoftonline.com", "localhost"] {
            let client = Client { server: &server, host, token: None };
            let met = client.send("GET", "/", "").await;
            assert_eq!(met.is_ok(), trusted, "{certificate:?} {host}");
        }
    }
}

#[tokio::test]
async fn mock_upstreams_are_served_on_loopback_and_their_authority_is_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("authority.pem");
    let server = served(ServeOptions { authority_file: Some(file.clone()), ..ServeOptions::new(options()) }).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), server.ca_pem());
    let everywhere = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = serve(ServeOptions::new(options()), everywhere).await;
    assert!(matches!(refused, Err(ServeError::NotLoopback(_))));
}
