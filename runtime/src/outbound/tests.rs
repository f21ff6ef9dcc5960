//! What can be read, and what only looks as if it could.

use super::*;

/// The only caller of the API for single URLs.
fn check(url: &str) -> Result<String, Malformed> {
    parse(GuestRequest { method: "GET".into(), url: url.into(), ..GuestRequest::default() }).map(|read| written(&read))
}

fn parse(asked: GuestRequest) -> Result<Outbound, Malformed> {
    Outbound::parse(asked)
}

fn written(read: &Outbound) -> String {
    format!("{}://{}{}", read.scheme(), read.authority(), read.path_and_query())
}

fn with_headers(headers: &[(&str, &[u8])]) -> Result<Outbound, Malformed> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
    parse(GuestRequest { method: "GET".into(), url: "https://a.test/".into(), headers, ..GuestRequest::default() })
}

#[test]
fn what_can_be_read_is_written_in_one_form() {
    for (url, form) in [
        ("https://api.example.com", "https://api.example.com/"),
        ("https://API.Example.COM:443/v1", "https://api.example.com/v1"),
        ("HTTPS://api.example.com:8443/v1/", "https://api.example.com:8443/v1/"),
        ("https://api.example.com?a=1", "https://api.example.com/?a=1"),
        ("http://localhost:8080/x", "http://localhost:8080/x"),
        ("http://127.0.0.1/x", "http://127.0.0.1/x"),
        ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://a.test/%41%2d%7e", "https://a.test/A-~"),
        ("https://a.test/a%2bb+c", "https://a.test/a%2Bb%2Bc"),
        ("https://a.test/q?b=2&a=1", "https://a.test/q?b=2&a=1"),
        ("https://a.test/q?a=", "https://a.test/q?a="),
        ("https://a.test/q?a=b=c?d/e;f", "https://a.test/q?a=b%3Dc%3Fd/e%3Bf"),
        ("https://a.test/q?a=%26%3D%2B%23%20%27", "https://a.test/q?a=%26%3D%2B%23%20%27"),
        ("https://a.test/100%25", "https://a.test/100%25"),
        ("https://a.test/..a/...b/.c", "https://a.test/..a/...b/.c"),
        ("https://a.test/%c3%bc", "https://a.test/%C3%BC"),
    ] {
        assert_eq!(check(url).as_deref(), Ok(form), "{url}");
    }
}

#[test]
fn what_real_vendors_send_survives_as_it_is() {
    for url in [
        "https://graph.microsoft.com/v1.0/users/x_adatum.com%23EXT%23@contoso.com?$select=id,displayName",
        "https://graph.microsoft.com/v1.0/users?$top=999&$skiptoken=RFNwdAIAAQAAABg6YWRlbGVAY29udG9zby5jb20%3D",
        "https://graph.microsoft.com/v1.0/users?$skiptoken=X%27445370740200%27&$filter=startswith(mail,%27a%25%27)",
        "https://graph.microsoft.com/v1.0/auditLogs/signins?$skiptoken=a%2Bb%2F_c-~%3D%3D_%0A",
        "https://graph.microsoft.com/v1.0/users('$x@y')",
        "https://wd2.workday.com/ccx/api/staffing/v7/acme/workers/Employee_ID=21001",
        "https://wd2.workday.com/ccx/service/customreport2/acme/isu/Report?format=json&Worker!WID=0e44",
        "https://h.example.com/api/arsys/v1/entry/HPD:IncidentInterface?q=%27Status%27%20%3C%20%22Resolved%22",
        "https://h.example.com/api/arsys/v1/entry/AST:Computer?fields=values(Name,Serial%20Number)&sort=Name.desc",
        "https://h.example.com/api/arsys/v1/entry/HPD:IncidentInterface/INC1%7CINC1",
    ] {
        let sent = url.replace("%2F", "/");
        assert_eq!(check(url).as_deref(), Ok(sent.as_str()), "{url}");
    }
}

#[test]
fn an_url_with_two_readings_is_refused() {
    use Malformed::*;
    for (url, why) in [
        ("", NotAbsolute),
        ("/v1/users", NotAbsolute),
        ("//a.test/", NotAbsolute),
        ("a.test/", NotAbsolute),
        ("https:a.test/", NotAbsolute),
        ("https:/a.test/", NotAbsolute),
        ("javascript:alert(1)", NotAbsolute),
        ("://a.test/", Scheme),
        ("ftp://a.test/", Scheme),
        ("ws://a.test/", Scheme),
        ("file:///etc/passwd", Scheme),
        ("httpss://a.test/", Scheme),
        ("x?https://a.test/", Scheme),
        ("http://a.test/", PlainHttp),
        ("http://localhost.evil.test/", PlainHttp),
        ("http://10.0.0.1/", PlainHttp),
        (" https://a.test/", Whitespace),
        ("https://a.test/ x", Whitespace),
        ("https://a.test/\t", Control),
        ("https://a.test/x\r\nHost: evil.test", Control),
        ("https://a.test/\u{7f}", Control),
        ("https://a.test/\0", Control),
        ("ht\ntps://a.test/", Control),
        ("https://b\u{fc}cher.example/", NonAscii),
        ("https://a.test\u{ff0f}evil.test/", NonAscii),
        ("https://\u{ff41}.test/", NonAscii),
        ("https://a\u{3002}test/", NonAscii),
        ("https://a.test/\u{2025}/", NonAscii),
        ("https://a.test\\@evil.test/", Backslash),
        ("https:\\\\a.test/", Backslash),
        ("https://a.test/..\\x", Backslash),
        ("https://a.test/#", Fragment),
        ("https://a.test#@evil.test/", Fragment),
        ("https://a.test/|x", RawCharacter),
        ("https://a.test/{id}", RawCharacter),
        ("https://a.test/?a[]=1", RawCharacter),
        ("https://a.test/\"", RawCharacter),
    ] {
        assert_eq!(check(url), Err(why), "{url:?}");
    }
}

#[test]
fn an_authority_names_one_host_in_one_spelling() {
    use Malformed::*;
    for (authority, why) in [
        ("", EmptyHost),
        (":443", EmptyHost),
        ("user@a.test", UserInfo),
        ("user:pw@a.test", UserInfo),
        ("api.example.com@evil.test", UserInfo),
        ("@a.test", UserInfo),
        ("a.test%40evil.test", EncodedHost),
        ("%61.test", EncodedHost),
        ("a.test%00.evil.test", EncodedHost),
        ("a.test.", TrailingDot),
        ("127.0.0.1.", TrailingDot),
        (".", TrailingDot),
        (".a.test", HostName),
        ("a..test", HostName),
        ("-a.test", HostName),
        ("a-.test", HostName),
        ("a_b.test", HostName),
        ("ab--c.test", HostName),
        ("*.a.test", HostName),
        ("a.test,evil.test", HostName),
        ("a.test;evil.test", HostName),
        ("a.test&evil.test", HostName),
        ("xn--.test", HostName),
        ("xn--a.test", HostName),
        ("xn--example-.test", HostName),
        ("xn--0.test", HostName),
        ("xn--bcher-2pa.test", HostName), // b\u{dc}cher: no A-label is made from capitals
        ("xn--e-xbb.test", HostName),     // e and a combining accent: not normalised
        ("xn--mi7c.test", HostName),      // a full-width letter
        ("2130706433", OddAddress),
        ("127.1", OddAddress),
        ("127.0.1", OddAddress),
        ("0177.0.0.1", OddAddress),
        ("127.0.0.01", OddAddress),
        ("0x7f000001", OddAddress),
        ("0x7f.0.0.1", OddAddress),
        ("127.0.0.0x1", OddAddress),
        ("127.0.0.0X1", OddAddress),
        ("0x", OddAddress),
        ("a.0x", OddAddress),
        ("256.0.0.1", OddAddress),
        ("1.2.3.4.5", OddAddress),
        ("a.test.1", OddAddress),
        ("[127.0.0.1]", OddAddress),
        ("[::1", Port),
        ("[]", OddAddress),
        ("[::1]x", OddAddress),
        ("[::1]evil.test", OddAddress),
        ("[0:0:0:0:0:0:0:1]", OddAddress),
        ("[2001:db8:0:0:0:0:0:1]", OddAddress),
        ("[2001:0db8::1]", OddAddress),
        ("[::ffff:127.0.0.1]", OddAddress),
        ("[::ffff:7f00:1]", OddAddress),
        ("[::7f00:1]", OddAddress),
        ("[::127.0.0.1]", OddAddress),
        ("[64:ff9b::127.0.0.1]", OddAddress),
        ("[fe80::1%25eth0]", EncodedHost),
        ("[fe80::1%eth0]", EncodedHost),
        ("[v1.x]", OddAddress),
        ("::1", Port),
        ("fe80::1", Port),
        ("a.test:", Port),
        ("a.test:0", Port),
        ("a.test:0443", Port),
        ("a.test:+443", Port),
        ("a.test:-1", Port),
        ("a.test:65536", Port),
        ("a.test:443:443", Port),
        ("a.test:x", Port),
        ("a.test:4%343", Port),
    ] {
        let found = check(&format!("https://{authority}/"));
        assert_eq!(found, Err(why), "{authority:?}");
    }
    let long = format!("https://{}.test/", vec!["a".repeat(63); 4].join("."));
    assert_eq!(check(&long), Err(HostName));
    assert_eq!(check(&format!("https://{}.test/", "a".repeat(64))), Err(HostName));
}

#[test]
fn a_path_leads_to_one_place_for_every_server() {
    use Malformed::*;
    for (path, why) in [
        ("/.", DotSegment),
        ("/..", DotSegment),
        ("/a/../b", DotSegment),
        ("/a/./b", DotSegment),
        ("/a/..", DotSegment),
        ("/%2e", DotSegment),
        ("/%2e%2e/b", DotSegment),
        ("/a/.%2e/b", DotSegment),
        ("/a/%2E./b", DotSegment),
        ("/a/...", DotSegment),
        ("/a/..%20/b", DotSegment),
        ("/a/%20", DotSegment),
        ("/a/..;/b", PathParameter),
        ("/a/..%3b/b", PathParameter),
        ("/a;x=1", PathParameter),
        ("//a", EmptySegment),
        ("/a//b", EmptySegment),
        ("/a//", EmptySegment),
        ("/a%2fb", EncodedSlash),
        ("/a%2Fb", EncodedSlash),
        ("/a%5cb", EncodedSlash),
        ("/..%2f", EncodedSlash),
        ("/a%00", EncodedControl),
        ("/a%0d%0aHost:x", EncodedControl),
        ("/a%7f", EncodedControl),
        ("/a%c2%85", EncodedControl),
        ("/%252e%252e/b", EncodedTwice),
        ("/a%252fb", EncodedTwice),
        ("/a%25252f", EncodedTwice),
        ("/%", Escape),
        ("/%4", Escape),
        ("/%zz", Escape),
        ("/%u002e", Escape),
        ("/% 41", Whitespace),
        ("/%c0%ae%c0%ae/", NotUtf8),
        ("/%ff", NotUtf8),
        ("/%ed%a0%80", NotUtf8),
    ] {
        assert_eq!(check(&format!("https://a.test{path}")), Err(why), "{path:?}");
    }
}

#[test]
fn a_query_gives_one_value_to_each_key() {
    use Malformed::*;
    for (query, why) in [
        ("", EmptyQuery),
        ("a", BareKey),
        ("a=1&", BareKey),
        ("&a=1", BareKey),
        ("a=1&&b=2", BareKey),
        ("=1", Key),
        ("a%20b=1", Key),
        ("a%00=1", Key),
        ("a%0a=1", Key),
        ("%e2%80%aea=1", Key),
        ("a=1&a=2", DuplicateKey),
        ("a=1&%61=2", DuplicateKey),
        ("$top=1&%24top=2", DuplicateKey),
        ("a=b+c", RawPlus),
        ("a+b=c", RawPlus),
        ("a=%00", EncodedNul),
        ("a=%", Escape),
        ("a=%4g", Escape),
        ("a=%ff", NotUtf8),
    ] {
        assert_eq!(check(&format!("https://a.test/?{query}")), Err(why), "{query:?}");
    }
    assert_eq!(check(&format!("https://a.test/?{}=1", "k".repeat(MAX_KEY + 1))), Err(Key));
}

#[test]
fn a_request_has_a_size() {
    use Malformed::*;
    let url = |n: usize| format!("https://a.test/{}", "a".repeat(n - "https://a.test/".len()));
    assert!(check(&url(MAX_URL)).is_ok());
    assert_eq!(check(&url(MAX_URL + 1)), Err(UrlTooLong));

    let post = |n| {
        let asked = GuestRequest { method: "POST".into(), url: "https://a.test/".into(), ..GuestRequest::default() };
        parse(GuestRequest { body: vec![0; n], ..asked }).map(|read| read.body().len())
    };
    assert_eq!(post(MAX_BODY), Ok(MAX_BODY));
    assert_eq!(post(MAX_BODY + 1), Err(BodyTooLarge));

    let names: Vec<String> = (0..=MAX_HEADERS).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert!(with_headers(&many[..MAX_HEADERS]).is_ok());
    assert_eq!(with_headers(&many).err(), Some(TooManyHeaders));
    assert_eq!(with_headers(&[("x-a", &[b'a'; MAX_HEADER_BYTES])]).err(), Some(HeadersTooLarge));
}

#[test]
fn a_method_is_one_of_six_in_upper_case() {
    for (method, reads) in [
        ("GET", true),
        ("HEAD", true),
        ("POST", true),
        ("PUT", true),
        ("PATCH", true),
        ("DELETE", true),
        ("get", false),
        ("Get", false),
        ("CONNECT", false),
        ("TRACE", false),
        ("OPTIONS", false),
        ("PROPFIND", false),
        ("", false),
        ("GET ", false),
        ("GET\r\n", false),
    ] {
        let asked = GuestRequest { method: method.into(), url: "https://a.test/".into(), ..GuestRequest::default() };
        assert_eq!(parse(asked).err(), (!reads).then_some(Malformed::Method), "{method:?}");
    }
}

#[test]
fn get_and_head_carry_no_body() {
    for (method, carries) in
        [("GET", false), ("HEAD", false), ("POST", true), ("PUT", true), ("PATCH", true), ("DELETE", true)]
    {
        let asked = GuestRequest {
            method: method.into(),
            url: "https://a.test/".into(),
            body: b"x".to_vec(),
            ..GuestRequest::default()
        };
        assert_eq!(parse(asked).err(), (!carries).then_some(Malformed::BodyWithoutMeaning), "{method}");
    }
}

#[test]
fn a_shard_does_not_write_the_hosts_headers() {
    use HostHeader::*;
    for (name, why) in [
        ("Host", Route),
        ("X-Original-URL", Route),
        ("x-rewrite-url", Route),
        ("X-HTTP-Method-Override", Method),
        ("X-HTTP-Method", Method),
        ("X-Method-Override", Method),
        ("Authorization", Credential),
        ("AUTHORIZATION", Credential),
        ("Cookie", Credential),
        ("Set-Cookie", Credential),
        ("Proxy-Authorization", Credential),
        ("Proxy-Connection", Credential),
        ("Proxy-Anything", Credential),
        ("Forwarded", Origin),
        ("X-Forwarded-For", Origin),
        ("X-Forwarded-Host", Origin),
        ("X_Forwarded_For", Origin),
        ("Via", Origin),
        ("Connection", Connection),
        ("Keep-Alive", Connection),
        ("TE", Connection),
        ("Upgrade", Connection),
        ("Trailer", Framing),
        ("Transfer-Encoding", Framing),
        ("Transfer_Encoding", Framing),
        ("Content-Length", Framing),
        ("Content_Length", Framing),
        ("Content-Encoding", Framing),
        ("Accept-Encoding", Framing),
        ("Expect", Framing),
    ] {
        assert_eq!(with_headers(&[(name, b"x")]).err(), Some(Malformed::HostHeader(why)), "{name}");
    }
}

#[test]
fn a_header_is_a_token_and_visible_text_and_comes_once() {
    use Malformed::*;
    for (name, value, why) in [
        ("Accept", b"application/json".as_slice(), None),
        ("ConsistencyLevel", b"eventual", None),
        ("x-empty", b"", None),
        ("x-inner", b"a b", None),
        ("", b"x", Some(HeaderName)),
        ("a b", b"x", Some(HeaderName)),
        ("a:", b"x", Some(HeaderName)),
        ("a\r\nb", b"x", Some(HeaderName)),
        ("\u{e4}", b"x", Some(HeaderName)),
        ("Host ", b"x", Some(HeaderName)),
        ("x", b"a\r\nAuthorization: b", Some(HeaderValue)),
        ("x", b"a\nb", Some(HeaderValue)),
        ("x", b"a\0", Some(HeaderValue)),
        ("x", b"a\x7f", Some(HeaderValue)),
        ("x", b"\xff", Some(HeaderValue)),
        ("x", b" a", Some(HeaderValue)),
        ("x", b"a\t", Some(HeaderValue)),
    ] {
        assert_eq!(with_headers(&[(name, value)]).err(), why, "{name:?}");
    }
    assert_eq!(with_headers(&[("Accept", b"a"), ("accept", b"b")]).err(), Some(DuplicateHeader));
}

#[test]
fn a_credential_is_a_name() {
    for (name, reads) in [("graph", true), ("", false), ("Bearer abc", false), ("graph\n", false)] {
        let asked = GuestRequest {
            method: "GET".into(),
            url: "https://a.test/".into(),
            credential: Some(name.into()),
            ..GuestRequest::default()
        };
        assert_eq!(parse(asked).err(), (!reads).then_some(Malformed::Credential), "{name:?}");
    }
}

#[test]
fn printing_a_request_shows_nothing_a_shard_put_in_it() {
    let asked = GuestRequest {
        method: "POST".into(),
        url: "https://a.test/s3cret?k=s3cret".into(),
        headers: vec![("x-a".into(), b"s3cret".to_vec())],
        body: b"s3cret".to_vec(),
        credential: None,
    };
    assert!(!format!("{asked:?}").contains("s3cret"));
    assert!(!format!("{:?}", parse(asked).unwrap()).contains("s3cret"));
}

#[test]
fn parsing_what_is_sent_gives_the_same_request() {
    let pieces = [
        "a",
        "Z",
        "0",
        "-",
        ".",
        "_",
        "~",
        "!",
        "$",
        "'",
        "(",
        ")",
        "*",
        ",",
        ":",
        "=",
        "@",
        "&",
        "/",
        "?",
        ";",
        "+",
        "%23",
        "%20",
        "%2B",
        "%25",
        "%26",
        "%3D",
        "%3f",
        "%27",
        "%22",
        "%7C",
        "%c3%bc",
        "%e2%82%ac",
        "%f0%9f%8d%b0",
        "%2e",
        "%2f",
        "%5c",
        "%00",
        "%0a",
        "%",
        "%4",
        "..",
        "//",
        "#",
        "[",
        "]",
        "\\",
        " ",
        "\u{fc}",
        "%41",
        "users",
    ];
    let mut random = Lcg(7);
    let mut n_read = 0;
    for _ in 0..60_000 {
        let mut url = String::from("https://a.test/");
        for _ in 0..random.below(9) {
            url.push_str(pieces[random.below(pieces.len())]);
        }
        if random.below(2) == 0 {
            url.push_str("?k=");
            for _ in 0..random.below(6) {
                url.push_str(pieces[random.below(pieces.len())]);
            }
        }
        let Ok(form) = check(&url) else { continue };
        n_read += 1;
        assert_eq!(check(&form).as_deref(), Ok(form.as_str()), "{url}");
        let first = parse(GuestRequest { method: "GET".into(), url, ..GuestRequest::default() }).unwrap();
        let again = parse(GuestRequest { method: "GET".into(), url: form, ..GuestRequest::default() }).unwrap();
        assert_eq!(first.segments(), again.segments());
        assert_eq!(first.query(), again.query());
        http::uri::PathAndQuery::try_from(first.path_and_query()).expect("HTTP can carry it");
    }
    assert!(n_read > 5_000, "only {n_read} URLs were readable, so little was shown");
}

/// The same numbers on every run.
pub(super) struct Lcg(pub(super) u64);

impl Lcg {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        usize::try_from((self.0 >> 33) % n as u64).unwrap()
    }
}
