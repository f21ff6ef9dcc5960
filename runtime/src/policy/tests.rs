//! Who may go where.

mod addresses;
mod directory;
mod documents;
mod languages;
mod refusals;

use super::*;
use crate::names::{CredentialName, ToolName};
use crate::outbound::{GuestRequest, Outbound, Scheme};

/// The only caller of `permit`: the reason of a refusal, or the text of the template.
fn check(grants: &str, asked: &Asked<'_>) -> Result<String, Reason> {
    permit(grants, asked).map(|permit| permit.template().to_string()).map_err(|refused| refused.reason)
}

fn permit(grants: &str, asked: &Asked<'_>) -> Result<Permit, NotGranted> {
    let tool = asked.tool.map(|tool| ToolName::parse(tool).unwrap());
    Grants::new(read(grants)).permit(tool.as_ref(), outbound(asked))
}

#[derive(Clone, Copy)]
struct Asked<'a> {
    method: &'a str,
    url: &'a str,
    credential: Option<&'a str>,
    tool: Option<&'a str>,
}

fn get(url: &str) -> Asked<'_> {
    Asked { method: "GET", url, credential: None, tool: Some("list_users") }
}

fn outbound(asked: &Asked<'_>) -> Outbound {
    let request = GuestRequest {
        method: asked.method.into(),
        url: asked.url.into(),
        credential: asked.credential.map(str::to_owned),
        ..GuestRequest::default()
    };
    Outbound::parse(request).unwrap_or_else(|malformed| panic!("{}: {malformed}", asked.url))
}

/// As the manifest is read, without its checks across tables.
fn read(text: &str) -> Vec<EgressGrant> {
    let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let Some(grants) = manifest.get("egress") else {
        return Vec::new();
    };
    grants.as_array().unwrap().iter().map(|grant| read_grant(grant.as_table().unwrap())).collect()
}

fn read_grant(table: &toml::Table) -> EgressGrant {
    let known = ["host", "scheme", "methods", "paths", "query", "credential", "tools", "documents", "keep", "private"];
    assert!(table.keys().all(|key| known.contains(&key.as_str())), "{table:?}");
    let text = |key: &str| table.get(key).map(|value| value.as_str().unwrap());
    let list = |key: &str| -> Option<Vec<&str>> {
        let list = table.get(key)?.as_array().unwrap();
        Some(list.iter().map(|item| item.as_str().unwrap()).collect())
    };
    let scheme = Scheme::parse(text("scheme").unwrap_or("https")).unwrap();
    EgressGrant {
        scheme,
        host: HostPattern::parse(text("host").unwrap(), scheme).unwrap(),
        methods: list("methods").unwrap_or_default().into_iter().map(|method| method.parse().unwrap()).collect(),
        paths: list("paths").unwrap_or_default().into_iter().map(|path| PathTemplate::parse(path).unwrap()).collect(),
        query: list("query").unwrap_or_default().into_iter().map(str::to_owned).collect(),
        credential: text("credential").map(|name| CredentialName::parse(name).unwrap()),
        tools: list("tools").map(|tools| tools.into_iter().map(|tool| ToolName::parse(tool).unwrap()).collect()),
        documents: list("documents").map(|names| names.into_iter().map(documents::named).collect()),
        keep: list("keep").map(|keep| keep.into_iter().map(|path| KeepPath::parse(path).unwrap()).collect()),
        idempotent: false,
        private: table.get("private").is_some_and(|private| private.as_bool().unwrap()),
        pace: Pace::default(),
    }
}

const GRAPH: &str = r#"
[[egress]]
host = "graph.microsoft.com"
methods = ["GET"]
paths = ["/v1.0/users", "/v1.0/users/{id}", "/v1.0/auditLogs/signIns", "/v1.0/auditLogs/signins"]
query = ["$select", "$top"]
credential = "graph"
"#;

#[test]
fn every_part_of_a_request_must_be_granted() {
    let users = get("https://graph.microsoft.com/v1.0/users?$top=1");
    let graph = Asked { credential: Some("graph"), ..users };
    let refused = |asked: &Asked<'_>| check(GRAPH, asked).err();
    assert_eq!(refused(&graph), None);
    assert_eq!(refused(&Asked { method: "POST", ..graph }), Some(Reason::Method));
    assert_eq!(refused(&Asked { method: "HEAD", ..graph }), Some(Reason::Method));
    assert_eq!(refused(&Asked { credential: Some("intune"), ..graph }), Some(Reason::Credential));
    assert_eq!(refused(&Asked { url: "https://graph.microsoft.com/v1.0/groups", ..graph }), Some(Reason::Path));
    assert_eq!(refused(&Asked { url: "https://graph.microsoft.us/v1.0/users", ..graph }), Some(Reason::Host));
    let key = |key: &str| Some(Reason::Query(key.to_owned()));
    for (query, reason) in [
        ("$top=1&$select=id", None),
        ("$TOP=1", key("$TOP")),
        ("top=1", key("top")),
        ("%24top=1", None),
        ("$top=1&$expand=manager", key("$expand")),
    ] {
        let url = format!("https://graph.microsoft.com/v1.0/users?{query}");
        assert_eq!(refused(&Asked { url: &url, ..graph }), reason, "{query}");
    }
}

/// Everything that tells one grant from another, each part in a spelling of its own.
#[test]
fn a_grant_is_known_by_what_it_allows_and_not_by_its_order_or_pace() {
    let grant = "[[egress]]\nhost = \"a.test\"\nmethods = [\"GET\", \"POST\"]\npaths = [\"/a\", \"/b\"]\n\
        query = [\"x\", \"y\"]\ncredential = \"c\"\ntools = [\"x_a\"]\ndocuments = [\"queries/sites.graphql\"]\nkeep = [\"/a\", \"/b\"]\n";
    let key = |text: &str| read(text)[0].key();
    let first = key(grant);
    for (from, to) in [
        ("[\"GET\", \"POST\"]", "[\"POST\", \"GET\"]"),
        ("paths = [\"/a\", \"/b\"]", "paths = [\"/b\", \"/a\"]"),
        ("keep = [\"/a\", \"/b\"]", "keep = [\"/b\", \"/a\"]"),
        ("tools =", "private = true\ntools ="),
    ] {
        let other = grant.replace(from, to);
        assert_ne!(other, grant);
        assert_eq!(key(&other), first, "{to}");
    }
    let mut paced = read(grant);
    paced[0].pace.concurrency = std::num::NonZeroU32::new(3);
    paced[0].pace.interval = Some(std::time::Duration::from_secs(1));
    assert_eq!(paced[0].key(), first);
    for (from, to) in [
        ("a.test", "b.test"),
        ("a.test", "a.test:8443"),
        ("a.test", "*.a.test"),
        ("[\"GET\", \"POST\"]", "[\"GET\"]"),
        ("paths = [\"/a\", \"/b\"]", "paths = [\"/a\"]"),
        ("query = [\"x\", \"y\"]", "query = [\"x\"]"),
        ("credential = \"c\"", "credential = \"d\""),
        ("credential = \"c\"\n", ""),
        ("[\"x_a\"]", "[]"),
        ("tools = [\"x_a\"]\n", ""),
        ("[\"queries/sites.graphql\"]", "[\"queries/assets.graphql\"]"),
        ("documents = [\"queries/sites.graphql\"]\n", ""),
        ("keep = [\"/a\", \"/b\"]", "keep = [\"/a\"]"),
        ("keep = [\"/a\", \"/b\"]\n", ""),
    ] {
        let other = grant.replace(from, to);
        assert_ne!(other, grant, "{from}");
        assert_ne!(key(&other), first, "{to}");
    }
}

#[test]
fn empty_means_closed() {
    let root = get("https://a.test/");
    for (grants, reason) in [
        ("", Reason::NoGrant),
        ("[[egress]]\nhost = \"a.test\"\npaths = [\"/\"]", Reason::Method),
        ("[[egress]]\nhost = \"a.test\"\nmethods = []\npaths = [\"/\"]", Reason::Method),
        ("[[egress]]\nhost = \"a.test\"\nmethods = [\"GET\"]\npaths = []", Reason::Path),
        ("[[egress]]\nhost = \"a.test\"\nmethods = [\"GET\"]\npaths = [\"/\"]\ntools = []", Reason::Tool),
    ] {
        assert_eq!(check(grants, &root), Err(reason), "{grants}");
    }
    let no_query = "[[egress]]\nhost = \"a.test\"\nmethods = [\"GET\"]\npaths = [\"/\"]";
    assert_eq!(check(no_query, &get("https://a.test/?a=")), Err(Reason::Query("a".into())));
}

#[test]
fn a_grant_of_two_minds_about_its_scheme_allows_nothing() {
    let mut grants = read("[[egress]]\nhost = \"localhost:8080\"\nmethods = [\"GET\"]\npaths = [\"/\"]");
    grants[0].scheme = Scheme::Http;
    for url in ["http://localhost:8080/", "https://localhost:8080/"] {
        let refused = Grants::new(grants.clone()).permit(None, outbound(&get(url))).unwrap_err();
        assert_eq!(refused.reason, Reason::Host);
    }
}

#[test]
fn a_request_names_the_grants_credential_or_none() {
    let open = "[[egress]]\nhost = \"graph.microsoft.com\"\nmethods = [\"GET\"]\npaths = [\"/v1.0/users\"]";
    for (grants, credential, allowed) in [
        (GRAPH, None, true),
        (GRAPH, Some("graph"), true),
        (GRAPH, Some("intune"), false),
        (open, Some("graph"), false),
    ] {
        let asked = Asked { credential, ..get("https://graph.microsoft.com/v1.0/users") };
        match permit(grants, &asked) {
            Ok(permit) => {
                assert!(allowed);
                assert_eq!(permit.credential().map(CredentialName::as_str), credential, "none is added unasked");
            }
            Err(refused) => assert_eq!((refused.reason, allowed), (Reason::Credential, false)),
        }
    }
}

#[test]
fn a_grant_bound_to_tools_is_for_them_alone() {
    let grants = "[[egress]]\nhost = \"a.test\"\nmethods = [\"GET\"]\npaths = [\"/\"]\ntools = [\"list_users\"]";
    for (tool, allowed) in [(Some("list_users"), true), (Some("list_groups"), false), (None, false)] {
        let found = check(grants, &Asked { tool, ..get("https://a.test/") });
        assert_eq!(found.err(), (!allowed).then_some(Reason::Tool), "{tool:?}");
    }
}

#[test]
fn two_halves_do_not_make_a_grant() {
    let halves = r#"
        [[egress]]
        host = "a.test"
        methods = ["GET"]
        paths = ["/read"]
        query = ["q"]

        [[egress]]
        host = "a.test"
        methods = ["POST"]
        paths = ["/write"]
        credential = "writer"
    "#;
    assert!(check(halves, &get("https://a.test/read?q=1")).is_ok());
    for (method, path, credential) in [
        ("POST", "/read", None),
        ("GET", "/write", None),
        ("POST", "/write?q=1", None),
        ("GET", "/read", Some("writer")),
    ] {
        let url = format!("https://a.test{path}");
        assert!(check(halves, &Asked { method, credential, ..get(&url) }).is_err(), "{method} {path}");
    }
}

#[test]
fn a_narrow_grant_before_a_wide_one_hides_nothing_and_of_several_the_narrowest_is_used() {
    let grant = |paths: &str, rest: &str| {
        format!("[[egress]]\nhost = \"a.example.com\"\nmethods = [\"GET\"]\npaths = [{paths}]\n{rest}\n")
    };
    let literal = grant("\"/v1/users\"", "keep = [\"/literal\"]");
    let keyed = grant("\"/v1/users\"", "query = [\"q\"]\nkeep = [\"/keyed\", \"/x\"]");
    let one = grant("\"/v1/{x}\"", "query = [\"q\", \"r\"]\nkeep = [\"/one\"]");
    let rest = grant("\"/**\"", "query = [\"q\", \"r\", \"s\"]\nkeep = [\"/rest\"]");
    let tool = grant("\"/**\"", "query = [\"t\", \"s\"]\ntools = [\"list_users\"]\nkeep = [\"/tool\"]");
    let named = grant("\"/**\"", "credential = \"graph\"\nkeep = [\"/named\"]");
    let below = grant("\"/v1/users\"", "keep = [\"/below\"]").replace("a.example.com", "*.example.com");
    let orders = [
        [&below, &rest, &one, &tool, &keyed, &named, &literal],
        [&literal, &named, &keyed, &tool, &one, &rest, &below],
    ];
    for (query, credential, keep) in [
        ("?q=1", None, "/keyed"),
        ("?r=1", None, "/one"),
        ("?s=1", None, "/tool"),
        ("?t=1", None, "/tool"),
        ("", Some("graph"), "/named"),
    ] {
        for order in orders {
            let grants: String = order.into_iter().map(String::as_str).collect();
            let url = format!("https://a.example.com/v1/users{query}");
            let permit = permit(&grants, &Asked { credential, ..get(&url) }).unwrap();
            assert_eq!(permit.grant().keep.as_ref().unwrap()[0].to_string(), keep, "{query}");
        }
    }
    // Of equals the first.
    let grants = format!("{literal}{}", literal.replace("/literal", "/second"));
    let permit = permit(&grants, &get("https://a.example.com/v1/users")).unwrap();
    assert_eq!(permit.grant().keep.as_ref().unwrap()[0].to_string(), "/literal");
}

#[test]
fn a_permit_shows_where_it_goes_and_nothing_a_shard_put_in_it() {
    let permit = permit(GRAPH, &get("https://graph.microsoft.com/v1.0/users/s3cret?$top=s3cret")).unwrap();
    assert_eq!(permit.destination().to_string(), "GET https://graph.microsoft.com/v1.0/users/{id}");
    assert!(!format!("{permit:?}").contains("s3cret"));
    assert_eq!(permit.outbound().path_and_query(), "/v1.0/users/s3cret?$top=s3cret");
}

#[test]
fn the_grants_of_real_upstreams_can_be_written() {
    let grants = r#"
        [[egress]]
        host = "graph.microsoft.com"
        methods = ["GET"]
        paths = ["/v1.0/users", "/v1.0/groups", "/v1.0/groups/{id}/members", "/v1.0/servicePrincipals"]
        query = ["$select", "$top", "$filter", "$count", "$skiptoken"]
        credential = "graph"

        [[egress]]
        host = "graph.microsoft.com"
        methods = ["GET"]
        paths = ["/v1.0/users/{id}"]
        query = ["$select"]
        credential = "graph"

        [[egress]]
        host = "graph.microsoft.com"
        methods = ["GET"]
        paths = ["/v1.0/auditLogs/signIns", "/v1.0/auditLogs/signins"]
        query = ["$top", "$filter", "$skiptoken"]
        credential = "graph"
        keep = ["/value/*/id", "/value/*/location/city", "/@odata.nextLink"]

        [[egress]]
        host = "wd2-impl-services1.workday.com"
        methods = ["GET"]
        paths = ["/ccx/api/staffing/v7/acme/workers"]
        query = ["search", "email", "includeTerminatedWorkers", "limit", "offset"]
        credential = "workday"

        [[egress]]
        host = "wd2-impl-services1.workday.com"
        methods = ["GET"]
        paths = ["/ccx/api/staffing/v7/acme/workers/{id}"]
        credential = "workday"

        [[egress]]
        host = "wd2-impl-services1.workday.com"
        methods = ["GET"]
        paths = ["/ccx/service/customreport2/acme/isu_reports/Nexus_Compensation"]
        query = ["format", "Worker!WID"]
        credential = "workday"
        tools = ["workday_get_compensation"]

        [[egress]]
        host = "acme-restapi.onbmc.com:8443"
        methods = ["GET"]
        paths = ["/api/arsys/v1/entry/HPD:IncidentInterface", "/api/arsys/v1/entry/CHG:ChangeInterface"]
        query = ["q", "fields", "sort", "limit", "offset"]
        credential = "helix"

        [[egress]]
        host = "acme-restapi.onbmc.com:8443"
        methods = ["GET"]
        paths = ["/api/cmdb/v1.0/instances/BMC.ASSET/BMC.CORE/BMC_ComputerSystem"]
        query = ["qualification", "attributes", "limit", "offset", "num_matches"]
        credential = "helix"

        [[egress]]
        host = "api.lansweeper.com"
        methods = ["POST"]
        paths = ["/api/v2/graphql"]
        credential = "lansweeper"

        [[egress]]
        host = "apis.fedex.com"
        methods = ["POST"]
        paths = ["/track/v1/trackingnumbers", "/address/v1/addresses/resolve", "/rate/v1/rates/quotes"]
        credential = "fedex"
    "#;
    let pay = "https://wd2-impl-services1.workday.com/ccx/service/customreport2/acme/isu_reports/Nexus_Compensation";
    for (method, url, credential, tool, allowed) in [
        ("GET", "https://graph.microsoft.com/v1.0/users?$top=999&$select=id,mail", "graph", "t", true),
        (
            "GET",
            "https://graph.microsoft.com/v1.0/users/x_adatum.com%23EXT%23@contoso.com?$select=id",
            "graph",
            "t",
            true,
        ),
        ("GET", "https://graph.microsoft.com/v1.0/users/1?$expand=manager", "graph", "t", false),
        ("GET", "https://graph.microsoft.com/v1.0/users/1/messages", "graph", "t", false),
        ("PATCH", "https://graph.microsoft.com/v1.0/users/1", "graph", "t", false),
        ("GET", "https://graph.microsoft.com/v1.0/auditLogs/signins?$skiptoken=a%2Bb%3D", "graph", "t", true),
        ("GET", "https://graph.microsoft.com/v1.0/auditlogs/signins", "graph", "t", false),
        ("GET", "https://graph.microsoft.com/beta/users", "graph", "t", false),
        (
            "GET",
            "https://wd2-impl-services1.workday.com/ccx/api/staffing/v7/acme/workers/Employee_ID=21001",
            "workday",
            "t",
            true,
        ),
        ("GET", "https://wd2-impl-services1.workday.com/ccx/api/staffing/v7/other/workers", "workday", "t", false),
        ("GET", &format!("{pay}?format=json&Worker!WID=0e44"), "workday", "workday_get_compensation", true),
        ("GET", &format!("{pay}?format=json"), "workday", "workday_list_workers", false),
        (
            "GET",
            "https://acme-restapi.onbmc.com:8443/api/arsys/v1/entry/HPD:IncidentInterface?q=%27Status%27%20%3C%20%22Resolved%22",
            "helix",
            "t",
            true,
        ),
        (
            "GET",
            "https://acme-restapi.onbmc.com:8443/api/arsys/v1/entry/HPD:IncidentInterface/INC1%7CINC1",
            "helix",
            "t",
            false,
        ),
        ("GET", "https://acme-restapi.onbmc.com/api/arsys/v1/entry/HPD:IncidentInterface", "helix", "t", false),
        ("POST", "https://api.lansweeper.com/api/v2/graphql", "lansweeper", "t", true),
        ("POST", "https://api.lansweeper.com/api/v2/graphql?query=x", "lansweeper", "t", false),
        ("POST", "https://apis.fedex.com/track/v1/trackingnumbers", "fedex", "t", true),
        ("POST", "https://apis.fedex.com/ship/v1/shipments", "fedex", "t", false),
        ("POST", "https://apis.fedex.com/track/v1/trackingnumbers", "graph", "t", false),
    ] {
        let asked = Asked { method, url, credential: Some(credential), tool: Some(tool) };
        assert_eq!(check(grants, &asked).is_ok(), allowed, "{method} {url}");
    }
}
