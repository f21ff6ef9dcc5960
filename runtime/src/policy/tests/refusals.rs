//! What a refusal teaches, and what it keeps to itself.

use super::*;
use crate::outbound::MAX_KEY;

#[test]
fn the_closest_grant_gives_the_reason() {
    let far = "[[egress]]\nhost = \"far.test\"\nmethods = [\"GET\"]\npaths = [\"/\"]\n";
    let grants = format!("{far}{GRAPH}{far}");
    let asked = Asked { method: "POST", ..get("https://graph.microsoft.com/v1.0/users/1?$filter=x") };
    assert_eq!(check(&grants, &asked), Err(Reason::Method));
    let asked = Asked { method: "GET", ..asked };
    assert_eq!(check(&grants, &asked), Err(Reason::Query("$filter".into())));
    assert_eq!(check(&grants, &Asked { url: "https://near.test/", ..asked }), Err(Reason::Host));
}

#[test]
fn a_refusal_gives_the_manifest_lines_that_would_allow_the_request() {
    let asked = Asked {
        method: "POST",
        url: "https://graph.microsoft.com/v1.0/users/ada@contoso.com/memberOf?$filter=ada&$top=5",
        credential: Some("graph"),
        tool: Some("entra_get_user"),
    };
    let refused = permit(GRAPH, &asked).unwrap_err();
    assert_eq!(
        refused.suggestion,
        r#"[[egress]]
host = "graph.microsoft.com"
methods = ["POST"]
paths = ["/v1.0/users/{id}/memberOf"]
query = ["$filter", "$top"]
credential = "graph"
tools = ["entra_get_user"]
"#
    );
    assert_eq!(refused.destination.to_string(), "POST https://graph.microsoft.com/v1.0/users/{id}/memberOf");
    assert_eq!(refused.to_string(), "no grant for this host covers the path");

    let local = get("http://[::1]:8080/");
    let refused = permit("", &Asked { tool: None, ..local }).unwrap_err();
    assert_eq!(
        refused.suggestion,
        "[[egress]]\nhost = \"[::1]:8080\"\nscheme = \"http\"\nmethods = [\"GET\"]\npaths = [\"/\"]\n"
    );
}

#[test]
fn a_suggestion_says_when_a_credential_would_travel_to_a_new_host() {
    let warning = "# No grant sends this credential to this host today.";
    for (url, credential, warns) in [
        ("https://graph.microsoft.com/v1.0/groups", "graph", false),
        ("https://evil.test/", "graph", true),
        ("https://graph.microsoft.com/v1.0/groups", "intune", true),
    ] {
        let refused = permit(GRAPH, &Asked { credential: Some(credential), ..get(url) }).unwrap_err();
        assert_eq!(refused.suggestion.contains(warning), warns, "{url} {credential}");
    }
}

#[test]
fn a_suggestion_keeps_what_the_closest_grant_keeps_from_the_shard() {
    let grants = "[[egress]]\nhost = \"a.test\"\nmethods = [\"GET\"]\npaths = [\"/x\"]\nprivate = true\n\
                  keep = [\"/value/*/id\", \"/\\u00FC\\\"\\\\\"]";
    let refused = permit(grants, &Asked { method: "POST", ..get("https://a.test/x") }).unwrap_err();
    assert_eq!(read(&refused.suggestion)[0].keep, read(grants)[0].keep);
    assert!(read(&refused.suggestion)[0].private);
    let refused = permit(grants, &get("https://a.test/y")).unwrap_err();
    assert_eq!(read(&refused.suggestion)[0].keep, None);
}

#[test]
fn a_refusal_shows_no_value_of_a_query_and_no_identifier_of_a_path() {
    for path in [
        "ada@contoso.com",
        "21001",
        "Employee_ID=21001",
        "INC000000000430",
        "4f5b9e7c-6f0d-4a53-9c0e-0a4f8d1f2b3c",
        "0e44c92412d34b01ace61e80a47aaf6d",
        "x_adatum.com%23EXT%23@contoso.com",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "%C3%BC",
        "O'Brien",
        "a%20b",
    ] {
        let url = format!("https://graph.microsoft.com/v1.0/people/{path}?$search=s3cret");
        let refused = permit(GRAPH, &get(&url)).unwrap_err();
        assert!(refused.suggestion.contains("paths = [\"/v1.0/people/{id}\"]"), "{}", refused.suggestion);
        assert!(!format!("{refused:?} {refused} {}", refused.destination).contains("s3cret"));
    }
}

#[test]
fn every_suggestion_is_a_manifest_that_allows_just_this_request() {
    let hosts = [
        "a.example.com",
        "b.example.com:8443",
        "graph.microsoft.com",
        "127.0.0.1",
        "[2001:db8::1]",
        "xn--mgbh0fb.example",
    ];
    let pieces = [
        "users",
        "v1.0",
        "{id}",
        "me",
        "1",
        "HPD:Form",
        "a%20b",
        "%23",
        "%22",
        "..a",
        "-",
        "_",
        ":",
        "%C3%BC",
        "a*",
        "**",
        "~",
        "$x",
        "%7Bid%7D",
        "%7Bsetting:X%7D",
        "averyveryveryveryveryverylongwordthatisnone",
        "x=y",
        "users('x')",
        "a,b",
    ];
    let keys = ["$select", "q", "a%22b", "%5C", "Worker!WID", "{x}", "[]", "a%27", "long"];
    let mut random = Lcg(11);
    for round in 0..4_000 {
        let scheme = if random.below(5) == 0 { "http" } else { "https" };
        let host = if scheme == "http" { "localhost:8080" } else { random.one_of(&hosts) };
        let n_segments = if round % 50 == 0 { random.below(40) } else { random.below(6) };
        let mut url = format!("{scheme}://{host}");
        for _ in 0..n_segments {
            url.push('/');
            url.push_str(&random.one_of(&pieces).replace('{', "%7B").replace('}', "%7D"));
        }
        if random.below(4) == 0 {
            url.push('/');
        }
        let first_key = random.below(keys.len());
        for n in 0..random.below(4) {
            let key = keys[(first_key + n) % keys.len()].replace("long", &"k".repeat(MAX_KEY));
            let key = key.replace(['{', '}', '[', ']'], "%7B");
            url.push_str(&format!("{}{key}=s3cret", if n == 0 { '?' } else { '&' }));
        }
        let asked = Asked {
            method: random.one_of(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
            url: &url,
            credential: random.one_of(&[None, Some("graph"), Some("other")]),
            tool: random.one_of(&[None, Some("list_users"), Some("get_user")]),
        };
        let Err(refused) = permit(random.one_of(&["", GRAPH]), &asked) else {
            continue;
        };
        assert!(refused.suggestion.is_ascii() && !refused.suggestion.contains("s3cret"), "{}", refused.suggestion);
        assert_eq!(read(&refused.suggestion).len(), 1);
        let permit = permit(&refused.suggestion, &asked)
            .unwrap_or_else(|refused| panic!("{url}: {refused}\n{}", refused.suggestion));
        assert_eq!(permit.destination(), *refused.destination, "{url}");

        // And no other: each part changed alone is refused.
        let others = [
            Asked { method: if asked.method == "GET" { "POST" } else { "GET" }, ..asked },
            Asked { credential: Some("third"), ..asked },
            Asked { url: "https://other.example.com/", ..asked },
        ];
        for other in others {
            assert!(check(&refused.suggestion, &other).is_err(), "{}", refused.suggestion);
        }
        if asked.tool.is_some() {
            assert_eq!(check(&refused.suggestion, &Asked { tool: Some("third"), ..asked }), Err(Reason::Tool));
        }
    }
}

/// The same numbers on every run.
pub(super) struct Lcg(pub(super) u64);

impl Lcg {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        usize::try_from((self.0 >> 33) % n as u64).unwrap()
    }

    pub(super) fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}
