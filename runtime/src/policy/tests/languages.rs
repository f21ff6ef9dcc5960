//! The three small languages of a grant: hosts, paths, kept fields.

use super::*;

#[test]
fn a_grant_covers_its_host_and_nothing_that_looks_like_it() {
    for (host, url, covered) in [
        ("api.example.com", "https://api.example.com/", true),
        ("API.example.com", "https://api.EXAMPLE.com:443/", true),
        ("api.example.com:443", "https://api.example.com/", true),
        ("api.example.com:8443", "https://api.example.com:8443/", true),
        ("api.example.com:8443", "https://api.example.com/", false),
        ("api.example.com", "https://api.example.com:8443/", false),
        ("api.example.com", "https://api.example.com.evil.test/", false),
        ("api.example.com", "https://evil-api.example.com/", false),
        ("api.example.com", "https://xapi.example.com/", false),
        ("api.example.com", "https://a.api.example.com/", false),
        ("api.example.com", "https://example.com/", false),
        ("api.example.com", "https://api-example.com/", false),
        ("localhost", "http://localhost/", false),
        ("localhost", "https://localhost/", true),
        ("localhost", "https://127.0.0.1/", false),
        ("192.0.2.1", "https://192.0.2.1/", true),
        ("192.0.2.1", "https://192.0.2.11/", false),
        ("[2001:DB8::1]", "https://[2001:db8::1]/", true),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443/", true),
        ("[2001:db8::1]", "https://[2001:db8::2]/", false),
        ("*.example.com", "https://a.example.com/", true),
        ("*.example.com", "https://A.EXAMPLE.com/", true),
        ("*.example.com", "https://example.com/", false),
        ("*.example.com", "https://a.b.example.com/", false),
        ("*.example.com", "https://a.example.com.evil.test/", false),
        ("*.example.com", "https://aexample.com/", false),
        ("*.example.com", "https://192.0.2.1/", false),
        ("*.example.com:8443", "https://a.example.com/", false),
    ] {
        let grants = format!("[[egress]]\nhost = \"{host}\"\nmethods = [\"GET\"]\npaths = [\"/\"]");
        assert_eq!(check(&grants, &get(url)).err(), (!covered).then_some(Reason::Host), "{host} {url}");
    }
}

#[test]
fn a_host_pattern_that_says_more_than_it_seems_is_refused() {
    use crate::outbound::Malformed;
    use crate::policy::host::BadHostProblem::{self, *};
    let cases: [(&str, Scheme, BadHostProblem); 34] = [
        ("", Scheme::Https, Host(Malformed::EmptyHost)),
        ("*", Scheme::Https, Wildcard),
        ("*.", Scheme::Https, Wildcard),
        ("**", Scheme::Https, Wildcard),
        ("**.example.com", Scheme::Https, Wildcard),
        ("*.*.example.com", Scheme::Https, Wildcard),
        ("a*.example.com", Scheme::Https, Wildcard),
        ("a.*.example.com", Scheme::Https, Wildcard),
        ("*example.com", Scheme::Https, Wildcard),
        ("*.192.0.2.1", Scheme::Https, Wildcard),
        ("*.2.1", Scheme::Https, Wildcard),
        ("*.[2001:db8::1]", Scheme::Https, Host(Malformed::Port)),
        ("*.example.com.", Scheme::Https, Wildcard),
        ("*.com", Scheme::Https, PublicSuffix),
        ("*.co.uk", Scheme::Https, PublicSuffix),
        ("*.github.io", Scheme::Https, PublicSuffix),
        ("*.azurewebsites.net", Scheme::Https, PublicSuffix),
        ("*.s3.amazonaws.com", Scheme::Https, PublicSuffix),
        ("*.compute.amazonaws.com", Scheme::Https, PublicSuffix),
        ("*.ck", Scheme::Https, PublicSuffix),
        ("*.internal", Scheme::Https, PublicSuffix),
        ("*.localhost", Scheme::Https, PublicSuffix),
        ("example.com.", Scheme::Https, Host(Malformed::TrailingDot)),
        ("b\u{fc}cher.example", Scheme::Https, Host(Malformed::NonAscii)),
        ("2130706433", Scheme::Https, Host(Malformed::OddAddress)),
        ("127.1", Scheme::Https, Host(Malformed::OddAddress)),
        ("[::ffff:127.0.0.1]", Scheme::Https, Host(Malformed::OddAddress)),
        ("{setting:HOST}", Scheme::Https, Host(Malformed::Port)),
        ("user@example.com", Scheme::Https, Host(Malformed::UserInfo)),
        ("https://example.com", Scheme::Https, Url),
        ("example.com/v1", Scheme::Https, Url),
        ("example.com:0", Scheme::Https, Host(Malformed::Port)),
        ("example.com", Scheme::Http, PlainHttp),
        ("10.0.0.1", Scheme::Http, PlainHttp),
    ];
    for (text, scheme, problem) in cases {
        assert_eq!(HostPattern::parse(text, scheme).map_err(|bad| bad.problem), Err(problem), "{text:?}");
    }
    for text in ["localhost", "localhost:8080", "127.0.0.1", "127.8.8.8:81", "[::1]:8080"] {
        let pattern = HostPattern::parse(text, Scheme::Http).unwrap();
        assert!(pattern.is_loopback());
        assert_eq!(pattern.to_string(), text);
    }
    for text in ["*.workday.com", "*.myworkday.com", "graph.microsoft.com", "*.restapi.onbmc.com"] {
        assert_eq!(HostPattern::parse(text, Scheme::Https).unwrap().to_string(), text);
    }
    let shown = HostPattern::parse("*.com", Scheme::Https).unwrap_err().to_string();
    assert!(shown.contains("\"*.com\"") && shown.contains("`*.example.com`"), "{shown}");
}

#[test]
fn a_template_covers_its_paths_and_no_others() {
    for (template, path, covered) in [
        ("/", "", true),
        ("/", "/", true),
        ("/", "/a", false),
        ("/v1.0/users", "/v1.0/users", true),
        ("/v1.0/users", "/v1.0/%75sers", true),
        ("/v1.0/users", "/v1.0/users/", false),
        ("/v1.0/users", "/V1.0/users", false),
        ("/v1.0/users", "/v1.0/Users", false),
        ("/v1.0/users", "/v1.0/usersx", false),
        ("/v1.0/users", "/v1.0/users/1", false),
        ("/v1.0/users", "/v1.0", false),
        ("/v1.0/users", "/v1x0/users", false),
        ("/v1.0/users/", "/v1.0/users/", true),
        ("/v1.0/users/", "/v1.0/users", false),
        ("/users/{id}", "/users/1", true),
        ("/users/{id}", "/users/x%23EXT%23@contoso.com", true),
        ("/users/{id}", "/users/Employee_ID=21001", true),
        ("/users/{id}", "/users/", false),
        ("/users/{id}", "/users", false),
        ("/users/{id}", "/users/1/", false),
        ("/users/{id}", "/users/1/manager", false),
        ("/{a}/x/{b}", "/1/x/2", true),
        ("/{a}/x/{b}", "/1/y/2", false),
        ("/files/**", "/files/a", true),
        ("/files/**", "/files/a/", true),
        ("/files/**", "/files/a/b/c", true),
        ("/files/**", "/files/", false),
        ("/files/**", "/files", false),
        ("/files/**", "/filesx/a", false),
        ("/**", "/a/b", true),
        ("/**", "/", false),
        ("/entry/HPD:IncidentInterface", "/entry/HPD:IncidentInterface", true),
        ("/entry/HPD:IncidentInterface", "/entry/HPD%3AIncidentInterface", true),
        ("/entry/My Form", "/entry/My%20Form", true),
        ("/users('x')", "/users('x')", true),
    ] {
        let grants = format!("[[egress]]\nhost = \"a.test\"\nmethods = [\"GET\"]\npaths = [\"{template}\"]");
        let found = check(&grants, &get(&format!("https://a.test{path}")));
        let expected = if covered { Ok(template.to_owned()) } else { Err(Reason::Path) };
        assert_eq!(found, expected, "{template} {path}");
    }
}

#[test]
fn a_template_that_says_more_than_it_seems_is_refused() {
    use crate::policy::path::BadPathProblem::*;
    for (text, problem) in [
        ("", NotAbsolute),
        ("v1.0/users", NotAbsolute),
        ("https://a.test/", NotAbsolute),
        ("{id}", NotAbsolute),
        ("**", NotAbsolute),
        ("//users", EmptySegment),
        ("/a//b", EmptySegment),
        ("/a//", EmptySegment),
        ("/./a", DotSegment),
        ("/a/..", DotSegment),
        ("/a/../b", DotSegment),
        ("/a/ ", DotSegment),
        ("/a?b=1", Query),
        ("/a#b", Query),
        ("/a%20b", Percent),
        ("/a%2fb", Percent),
        ("/a\\b", Character),
        ("/a;b", Character),
        ("/a\tb", Character),
        ("/us\u{435}rs", Character),
        ("/*", Star),
        ("/a*", Star),
        ("/**/a", Star),
        ("/a**", Star),
        ("/***", Star),
        ("/**/", Star),
        ("/a/**/**", Star),
        ("/{}", Braces),
        ("/{id", Braces),
        ("/id}", Braces),
        ("/x{id}", Braces),
        ("/{id}x", Braces),
        ("/{a}{b}", Braces),
        ("/{a b}", Braces),
        ("/{1}", Braces),
        ("/users('{id}')", Braces),
        ("/{setting:TENANT}/a", Setting),
        ("/x{setting:TENANT}", Setting),
    ] {
        assert_eq!(PathTemplate::parse(text).map_err(|bad| bad.problem), Err(problem), "{text:?}");
    }
    assert!(PathTemplate::parse(&format!("/{}", "a".repeat(1023))).is_ok());
    assert_eq!(PathTemplate::parse(&format!("/{}", "a".repeat(1024))).map_err(|bad| bad.problem), Err(TooLong));
    let shown = PathTemplate::parse("/x{id}").unwrap_err().to_string();
    assert!(shown.contains("\"/x{id}\"") && shown.contains("`/v1.0/users/{id}`"), "{shown}");
}

#[test]
fn a_kept_field_is_a_pointer_with_stars() {
    use crate::policy::keep::BadKeepProblem::*;
    for (text, problem) in [
        ("", NotAbsolute),
        ("value/id", NotAbsolute),
        ("/", EmptyStep),
        ("//", EmptyStep),
        ("/a/", EmptyStep),
        ("/a//b", EmptyStep),
        ("/a*", Star),
        ("/**", Star),
        ("/a~", Tilde),
        ("/a~2", Tilde),
        ("/a\n", Control),
    ] {
        assert_eq!(KeepPath::parse(text).map_err(|bad| bad.problem), Err(problem), "{text:?}");
    }
    for (text, is_read) in [
        ("/a".repeat(32), true),
        ("/a".repeat(33), false),
        (format!("/{}", "a".repeat(1023)), true),
        (format!("/{}", "a".repeat(1024)), false),
    ] {
        assert_eq!(
            KeepPath::parse(&text).map(drop).map_err(|bad| bad.problem),
            if is_read { Ok(()) } else { Err(TooLong) }
        );
    }
    for text in ["/value/*/id", "/*", "/@odata.nextLink", "/a~1b/~0c", "/value/*/location/city", "/m~01"] {
        assert_eq!(KeepPath::parse(text).unwrap().to_string(), text);
    }
    let field = |name: &str| KeepStep::Field(name.to_owned());
    assert_eq!(KeepPath::parse("/a~1b/*/~01").unwrap().steps(), [field("a/b"), KeepStep::Each, field("~1")]);
}
