use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::outbound::{GuestRequest, Outbound};
use crate::policy::KeepPath;
use crate::wire::{RawEntry, RawPage, RawReply};

fn scrubber(secrets: &[&str]) -> Scrubber {
    let values: Vec<SecretValue> = secrets.iter().map(|text| secret(text)).collect();
    Scrubber::new(&values)
}

fn secret(text: &str) -> SecretValue {
    SecretValue::new(text.to_owned()).expect("long enough")
}

fn reply(scrubber: &Scrubber, status: u16, body: &str, keep: Option<&[&str]>) -> Result<CleanReply, BadBody> {
    let keep: Option<Vec<KeepPath>> = keep.map(|keep| keep.iter().map(|path| KeepPath::parse(path).unwrap()).collect());
    let raw = RawReply::new(StatusCode::from_u16(status).unwrap(), HeaderMap::new(), Bytes::from(body.to_owned()));
    scrubber.reply(raw, keep.as_deref())
}

fn body(reply: &CleanReply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

/// In JSON, as a string value under that name.
fn masks_name(name: &str, value: &str) -> bool {
    scrubber(&[]).json(json!({ name: value })).value != json!({ name: value })
}

#[test]
fn a_name_is_secret_by_its_words() {
    #[rustfmt::skip]
    let names = [
        ("password", true), ("Password", true), ("PASSWORD", true), ("user_password", true), ("userPassword", true),
        ("user-password", true), ("PassWord", true), ("password2", true), ("passwords", true), ("passwd", true),
        ("newPassword", true), ("passwordHash", true), ("adminPasswordPlain", true), ("@odata.password", true),
        ("pwd", true), ("userPWD", true), ("dbPwd", true), ("unicodePwd", true), ("passphrase", true), ("pass_phrase", true),
        ("passcode", true), ("jwt", true), ("bearer", true), ("cookie", true), ("cookies", true), ("session_id", true),
        ("sessionId", true), ("sessionid", true), ("x-api-key", true), ("xApiKey", true), ("APIKey", true), ("apikey", true),
        ("APIkey", true), ("api key", true), ("API_KEY", true), ("client_key", true), ("clientKey", true),
        ("client_secret", true), ("clientSecret", true), ("secret", true), ("secretText", true), ("secrets", true),
        ("otp", true), ("TOTPs", true), ("signature", true), ("connection_string", true), ("connectionString", true),
        ("privateKey", true), ("private_key", true), ("accessKey", true), ("accountNumber", true), ("account_number", true),
        ("secretAccessKey", true), ("accessToken", true), ("access_token", true), ("token", true), ("refreshToken", true),
        ("authorization", true), ("Authorization", true), ("credential", true), ("credentials", true), ("pin", true),
        ("userPin", true), ("PIN", true), ("cvv", true), ("licenseKey", true), ("secret_id", true), ("api:key", true),
        ("oauth2Token", true), ("passwordFooBar", true),

        ("shipping_address", false), ("shippingAddress", false), ("mapping", false), ("opinion", false), ("typing", false),
        ("helping", false), ("author", false), ("authority", false), ("authorName", false), ("wildcard", false),
        ("discard", false), ("cardinality", false), ("className", false), ("adobe", false), ("streetLinesToken", false),
        ("street_lines_token", false), ("secretary", false), ("monkey", false), ("keyboard", false), ("tokenType", false),
        ("token_type", false), ("pageToken", false), ("nextPageToken", false), ("skipToken", false), ("$skiptoken", false),
        ("@odata.nextLink", false), ("continuationToken", false), ("nextToken", false), ("passwordLastSet", false),
        ("pwdLastSet", false), ("lastPasswordChangeDateTime", false), ("passwordPolicies", false),
        ("passwordExpires", false), ("badPwdCount", false), ("badPasswordTime", false), ("isPasswordSet", false),
        ("tokenizer", false), ("pinned", false), ("pinnacle", false), ("spin", false), ("cookieConsent", false),
        ("keyId", false), ("secretName", false), ("tokenUrl", false), ("clientId", false), ("compass", false),
        ("signatureRequired", false), ("signatureAlgorithm", false), ("passport", false), ("bypass", false),
        ("trackingNumber", false), ("displayName", false), ("userPrincipalName", false), ("maxTokens", false),
    ];
    for (name, secret) in names {
        assert_eq!(masks_name(name, "hunter2"), secret, "{name}");
    }
}

#[test]
fn a_name_that_says_too_little_needs_a_value_that_looks_made() {
    for (name, value, secret) in [
        ("key", "Zx81kLm29QpRtVbN4wEy", true),
        ("key", "0123456789abcdef0123456789abcdef", true),
        ("key", "ITSM-1234", false),
        ("key", "banana", false),
        ("key", "8f14e45f-ceea-4672-9d2b-1a2b3c4d5e6f", false),
        ("auth", "oauth2", false),
        ("auth", "Zx81kLm29QpRtVbN4wEy", true),
    ] {
        assert_eq!(masks_name(name, value), secret, "{name} {value}");
    }
}

#[test]
fn lists_of_any_order_and_nested_json_are_descended() {
    for (value, clean) in [
        (json!([1, [2, { "pwd": "x1" }]]), json!([1, [2, { "pwd": MARK }]])),
        (json!(["a", { "pwd": "x1" }]), json!(["a", { "pwd": MARK }])),
        (json!([[[{ "privateKey": 12345 }]]]), json!([[[{ "privateKey": MARK }]]])),
        (
            json!({ "password": null, "secret": true, "pin": "" }),
            json!({ "password": null, "secret": true, "pin": "" }),
        ),
        (
            json!({ "credentials": { "type": "basic", "user": "u", "n": [1, "a"] } }),
            json!({ "credentials": { "type": "basic", "user": MARK, "n": [MARK, MARK] } }),
        ),
        (
            json!({ "passwordCredentials": [{ "keyId": "k", "secretText": "x", "hint": "abc" }] }),
            json!({ "passwordCredentials": [{ "keyId": "k", "secretText": MARK, "hint": "abc" }] }),
        ),
        (json!({ "j": r#"{"pwd":"x","a":1.0}"# }), json!({ "j": r#"{"pwd":"[redacted:secret]","a":1.0}"# })),
        (json!({ "j": "{ \"a\": 1 }" }), json!({ "j": "{ \"a\": 1 }" })),
        (json!({ "j": "[\"{\\\"otp\\\":1}\"]" }), json!({ "j": "[\"{\\\"otp\\\":\\\"[redacted:secret]\\\"}\"]" })),
        (json!({ "name": "password", "value": "x1" }), json!({ "name": "password", "value": MARK })),
        (json!({ "value": "a x1", "name": "apiKey" }), json!({ "value": MARK, "name": "apiKey" })),
        // A name has two words at most, and forty bytes.
        (json!({ "name": "client secret", "value": "x1" }), json!({ "name": "client secret", "value": MARK })),
        (json!({ "name": "the client secret", "value": "x1" }), json!({ "name": "the client secret", "value": "x1" })),
        (
            json!({ "name": format!("{}password", "x".repeat(31) + "-"), "value": "x1" }),
            json!({ "name": format!("{}password", "x".repeat(31) + "-"), "value": MARK }),
        ),
        (
            json!({ "name": format!("{}password", "x".repeat(32) + "-"), "value": "x1" }),
            json!({ "name": format!("{}password", "x".repeat(32) + "-"), "value": "x1" }),
        ),
        (
            json!({ "displayName": "pwd", "oldValue": "password=a", "newValue": "password=b" }),
            json!({ "displayName": "pwd", "oldValue": MARK, "newValue": MARK }),
        ),
        (
            json!({ "name": "password policy", "value": "strict" }),
            json!({ "name": "password policy", "value": "strict" }),
        ),
    ] {
        assert_eq!(scrubber(&[]).json(value.clone()).value, clean, "{value}");
    }
}

#[test]
fn text_is_masked_where_a_secret_stands_and_nowhere_else() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----";
    #[rustfmt::skip]
    let rows = [
        // What the old rules let pass.
        (r#"bad body {"password": "hunter2"} sent"#, r#"bad body {"password": "~"} sent"#),
        (r#"{\"password\": \"hunter2\"} escaped"#, r#"{\"password\": \"~\"} escaped"#),
        ("Authorization: Bearer abc123def456", "Authorization: ~"),
        ("got 401 for Bearer abc123def456 today", "got 401 for Bearer ~ today"),
        ("pwd=hunter2", "pwd=~"),
        ("q: password=hunter2", "q: password=~"),
        ("https://bob:hunter2@db.example.com/x", "https://bob:~@db.example.com/x"),
        ("https:\\/\\/bob:hunter2@db.example.com", "https:\\/\\/bob:~@db.example.com"),
        ("the password is hunter2", "the password is ~"),
        ("password is blessed", "password is ~"),
        ("the password is x", "the password is ~"),
        ("password was 'correct horse', sorry", "password was '~', sorry"),
        ("password: correct horse battery staple", "password: ~"),
        ("password=correct horse user=bob", "password=~ user=bob"),
        ("password=hunter2, user=bob", "password=~, user=bob"),
        ("password=hunter2&user=bob", "password=~&user=bob"),
        ("Server=db;Pwd=hun;ter2;Database=x=1", "Server=db;Pwd=~;Database=x=1"),
        ("pwd = a\nuser = b", "pwd = ~\nuser = b"),
        ("'api_key': 'abc'", "'api_key': '~'"),
        ("api key: abc", "api key: ~"),
        ("run --password hunter2 now", "run --password ~ now"),
        ("<password>hunter2</password>", "<password>~</password>"),
        ("/cb?access_token=abc&x=1", "/cb?access_token=~&x=1"),
        // Shapes.
        (jwt, "~"),
        (pem, "~"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB cut", "~"),
        ("Basic Ym9iOmh1bnRlcjI=", "Basic ~"),
        ("id AKIAIOSFODNN7EXAMPLE.", "id ~."),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "~"),
        ("xoxb-123456789012-abcdef", "~"),
        ("AIzaSyA0123456789abcdefghijklmnopqrstuv", "~"),
        ("sk_live_0123456789abcdef", "~"),
        ("card 4111 1111 1111 1111.", "card ~."),
        ("card 4111111111111111", "card ~"),
        ("3782-822463-10005", "~"),
    ];
    for (text, clean) in rows {
        assert_eq!(scrubber(&[]).text(text).value, clean.replace('~', MARK), "{text}");
    }
    assert_eq!(scrubber(&[]).text("abc8Q~0123456789abcdefghijABCDEFGHIJ0123").value, MARK);
    for text in [
        "monkey: banana",
        "keyboard: banana",
        "key: banana",
        "password is required",
        "the token is expired",
        "your password was incorrect",
        "password: required",
        "password: null",
        "Basic authentication is off",
        "Bearer authentication needed",
        "bearer token is missing",
        "secret:ENTRA_CLIENT_SECRET has no value",
        "pageToken=abc",
        "author: Bob, mapping: x, shipping: y",
        "passwordLastSet: 2024-01-02",
        "ssh://git@example.com/x",
        "https://example.com/a@b",
        "mail bob@example.com",
        "8f14e45f-ceea-4672-9d2b-1a2b3c4d5e6f",
        "4111-1111-1111-1112",
        "4111111111111112",
        "tracking 794644790138, 9622001900005105596800549",
        "794644790138794644",
        "IMEI 490154203237518",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJub3QiOiJqd3QifQ.eyJzdWIiOiIxIn0.c2ln",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        "1700000000000 and 2024-01-15 10:00:00 1234",
        "AKIAshort",
        "ghp_short",
        "",
    ] {
        let clean = scrubber(&[]).text(text);
        assert_eq!(clean.value, text);
        assert!(clean.redactions.is_empty(), "{text}");
    }
}

#[test]
fn a_secret_does_not_pass_in_any_spelling() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    let secret = "S3cr\"et/<&+?>\\'=é;x";
    let scrubber = scrubber(&[secret]);
    let mut forms: Vec<Vec<u8>> = vec![
        secret.into(),
        hex::encode(secret).into(),
        hex::encode_upper(secret).into(),
        secret.chars().rev().collect::<String>().into(),
        serde_json::to_string(secret).unwrap().trim_matches('"').into(),
        serde_json::to_string(secret).unwrap().replace('/', "\\/").into(),
        secret.encode_utf16().map(|u| format!("\\u{u:04x}")).collect::<String>().into(),
        secret.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string().into(),
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC)
            .to_string()
            .to_lowercase()
            .replace("s3cr", "S3cr")
            .into(),
        secret.bytes().map(|b| format!("%{b:02x}")).collect::<String>().into(),
        b"S3cr&quot;et/&lt;&amp;+?&gt;\\&#39;=\xc3\xa9;x".to_vec(),
        b"S3cr&#34;et/&lt;&amp;+?&gt;\\&#x27;=\xc3\xa9;x".to_vec(),
    ];
    for lead in ["", "a", "ab", "user:"] {
        for trail in ["", "z", "zz"] {
            let text = format!("{lead}{secret}{trail}");
            for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                let coded = engine.encode(&text);
                forms.push(coded.replace('+', "%2B").replace('/', "%2F").into());
                forms.push(coded.into());
            }
        }
    }
    for form in forms {
        for (before, after) in [("", ""), ("x ", " y"), ("\"a\":\"", "\"")] {
            let text = [before.as_bytes(), &form, after.as_bytes()].concat();
            let raw = RawReply::new(StatusCode::OK, HeaderMap::new(), Bytes::from(text));
            let clean = scrubber.reply(raw, None).unwrap();
            let shown = String::from_utf8_lossy(&form);
            assert_eq!(clean.redactions.by_rule(), [("needle", 1)].into(), "{shown}");
            let left = clean.body.len() - before.len() - after.len() - MARK.len();
            assert!(left <= 8, "{shown} leaves {}", String::from_utf8_lossy(&clean.body));
        }
    }
}

/// Base64 shares a character with its neighbour at either edge; that character holds bits of the value too.
#[test]
fn of_base64_every_character_goes_that_holds_a_bit_of_the_value() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let secret = "Kestrel-Harbor-9271";
    let scrubber = scrubber(&[secret]);
    for before in 0..7 {
        for after in 0..7 {
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let coded = engine.encode(format!("{}{secret}{}", "x".repeat(before), "y".repeat(after)));
                // The first and the last character with a bit of the value.
                let (first, last) = (before * 8 / 6, ((before + secret.len()) * 8 - 1) / 6);
                let clean = format!("{}{MARK}{}", &coded[..first], &coded[last + 1..]);
                assert_eq!(scrubber.text(&coded).value, clean, "{before} before, {after} after");
            }
        }
    }
}

/// One layer more than is taken away.
#[test]
fn escapes_are_taken_away_four_times() {
    let scrubber = scrubber(&["Kestrel-Harbor-9271"]);
    for (layers, found) in [(1, true), (2, true), (3, true), (4, true), (5, false)] {
        let mut text = "Kestrel%2dHarbor-9271".to_owned();
        for _ in 1..layers {
            text = text.replace('%', "%25");
        }
        assert_eq!(scrubber.text(&text).value == MARK, found, "{text}");
        if !found {
            assert_eq!(scrubber.text(&text).value, text);
        }
    }
}

#[test]
fn a_value_is_found_whose_escapes_are_partial_or_of_mixed_case() {
    let scrubber = scrubber(&["hunter2/s&c=ret+1 x"]);
    for text in [
        "hunter2%2Fs&c=ret+1 x",
        "hunter2%2fs%26c=ret%2B1 x",
        "hunter2%252fs%2526c%253Dret%252b1%2520x",
        "hunter2%252Fs%2526c=ret+1 x",
        "hunter2/s%26c%3dret%2b1+x",
        "hunter2/s&amp;c=ret+1 x",
        "hunter2&#47;s&#x26;c&#x3D;ret&#0043;1&#32;x",
        "hunter2&sol;s&amp;c&equals;ret&plus;1 x",
        "hunter2&amp;sol;s&amp;amp;c=ret+1 x",
        "hunter2\\/s\\u0026c=ret\\u002B1 x",
        "hunter2/s\\\\u0026c=ret+1 x",
        "\\x68unter2/s&c=ret+1 x",
        "%68&#117;\\u006eter2%2Fs&amp;c%3Dret+1 x",
    ] {
        assert_eq!(scrubber.text(text).value, MARK, "{text}");
    }
    // Near misses keep their bytes.
    for text in ["hunter2%2Fs&c=re%", "hunter2%2Gs&c=ret+1 x", "hunter2&sol s&c=ret+1 x", "hunter3%2fs&c=ret+1 x"] {
        assert_eq!(scrubber.text(text).value, text);
    }
}

#[test]
fn json_escapes_of_any_mixture_are_read() {
    let scrubber = scrubber(&["hunter2/x"]);
    for text in [r#"{"a":"\u0068unter2\/x"}"#, r#"{"a":"hunt\u0065r2/x"}"#, r#"{"a":"{\"b\":\"h\\u0075nter2/x\"}"}"#] {
        let clean = reply(&scrubber, 200, text, None).unwrap();
        assert!(body(&clean).contains(MARK), "{}", body(&clean));
        assert!(serde_json::from_str::<Value>(body(&clean)).is_ok());
    }
}

#[test]
fn a_secret_cut_off_in_an_error_does_not_pass() {
    let secret = "abcdefghijklmnopqrstuvwxyz0123456789";
    let scrubber = scrubber(&[secret]);
    assert_eq!(scrubber.text(&format!("bad {}...", &secret[..20])).value, format!("bad {MARK}..."));
    assert_eq!(scrubber.text(&secret[..12]).value, &secret[..12]);
    // Of a value of 36 bytes half is enough, of one of 20 it has to be sixteen bytes.
    for (length, shown, is_found) in [(36, 18, true), (36, 17, false), (20, 16, true), (20, 15, false)] {
        let scrubber = super::tests::scrubber(&[&secret[..length]]);
        let expected = if is_found { MARK } else { &secret[..shown] };
        assert_eq!(scrubber.text(&secret[..shown]).value, expected, "{shown} of {length}");
    }
}

#[test]
fn overlapping_secrets_leave_nothing_of_either() {
    let scrubber = scrubber(&["abcdefgh", "efghijkl", "fghi-shorter-one"]);
    assert_eq!(scrubber.text("<abcdefghijkl>").value, format!("<{MARK}>"));
}

#[test]
fn a_secret_that_is_part_of_the_mark_does_not_make_it_grow() {
    let scrubber = scrubber(&["secret", "redacted"]);
    let once = scrubber.text("a secret redacted thing").value;
    assert_eq!(once, format!("a {MARK} {MARK} thing"));
    assert_eq!(scrubber.text(&once).value, once);
}

#[test]
fn a_header_value_is_sought_without_its_scheme_too() {
    assert_eq!(scrubber(&["Bearer opaque-token-1"]).text("echo opaque-token-1!").value, format!("echo {MARK}!"));
}

#[test]
fn tokens_can_be_added_while_running_and_clones_share_them() {
    let scrubber = scrubber(&["first-secret"]);
    let clone = scrubber.clone();
    assert_eq!(clone.text("live-token-1").value, "live-token-1");
    scrubber.add(&Arc::new(secret("live-token-1")));
    scrubber.add(&Arc::new(secret("live-token-1")));
    assert_eq!(clone.text("live-token-1 first-secret").value, format!("{MARK} {MARK}"));
}

#[test]
fn a_token_that_is_still_held_is_sought_however_many_come_after_it() {
    let scrubber = scrubber(&[]);
    let held = Arc::new(secret("held-token-1"));
    scrubber.add(&held);
    scrubber.add(&Arc::new(secret("dropped-token-1")));
    // Like `add`, without making all ready to be sought each time.
    for n in 1..MOST_LIVE {
        let token = Token { held: Weak::new(), spellings: needles::spellings(&format!("later-token-{n}")) };
        assert!(scrubber.0.live.write().unwrap().keep(token));
    }
    scrubber.add(&Arc::new(secret(&format!("later-token-{MOST_LIVE}"))));
    assert_eq!(scrubber.text("held-token-1").value, MARK);
    assert_eq!(scrubber.text("dropped-token-1").value, "dropped-token-1");
    assert_eq!(scrubber.text(&format!("later-token-{MOST_LIVE}")).value, MARK);
}

/// A vault may hand out the same token twice, each time to a holder of its own.
#[test]
fn a_token_that_comes_again_is_held_by_whoever_holds_it_last() {
    let scrubber = scrubber(&[]);
    let first = Arc::new(secret("same-token-1"));
    scrubber.add(&first);
    drop(first);
    let second = Arc::new(secret("same-token-1"));
    scrubber.add(&second);
    for n in 1..=MOST_LIVE {
        let token = Token { held: Weak::new(), spellings: needles::spellings(&format!("later-token-{n}")) };
        scrubber.0.live.write().unwrap().keep(token);
    }
    scrubber.add(&Arc::new(secret("last-token-1")));
    assert_eq!(scrubber.text("same-token-1 last-token-1").value, format!("{MARK} {MARK}"));
    assert_eq!(scrubber.text("later-token-1").value, "later-token-1");
    // And while the first is held, the second changes nothing.
    let scrubber = super::tests::scrubber(&[]);
    let first = Arc::new(secret("same-token-1"));
    scrubber.add(&first);
    scrubber.add(&Arc::new(secret("same-token-1")));
    for n in 1..=MOST_LIVE {
        let token = Token { held: Weak::new(), spellings: needles::spellings(&format!("later-token-{n}")) };
        scrubber.0.live.write().unwrap().keep(token);
    }
    scrubber.add(&Arc::new(secret("last-token-1")));
    assert_eq!(scrubber.text("same-token-1").value, MARK);
}

#[test]
fn clean_bodies_pass_untouched() {
    let scrubber = scrubber(&["first-secret"]);
    for text in ["{\"a\" : 1.10, \"b\":[ ]}", "plain", "\u{feff}{\"a\":1}", "{\"big\":12345678901234567890123}", ""] {
        let raw = Bytes::from(text.to_owned());
        let clean = scrubber.reply(RawReply::new(StatusCode::OK, HeaderMap::new(), raw.clone()), None).unwrap();
        assert_eq!(clean.body.as_ptr(), raw.as_ptr(), "{text}");
        assert_eq!(clean.body, raw);
    }
    let binary = Bytes::from_static(b"\x89PNG\0\xff password=hunter2 \0");
    let clean = scrubber.reply(RawReply::new(StatusCode::OK, HeaderMap::new(), binary.clone()), None).unwrap();
    assert_eq!(clean.body, binary);
}

#[test]
fn what_is_not_redacted_keeps_its_bytes() {
    let text = "{ \"n\":1.10, \"big\":12345678901234567890123,\n\"password\":\"x1\",\"password\" : \"x2\", \"e\":\"\\u00e9\" }";
    let clean = reply(&scrubber(&[]), 200, text, None).unwrap();
    assert_eq!(body(&clean), text.replace("x1", MARK).replace("x2", MARK));
    let redactions: Vec<_> = clean.redactions.iter().collect();
    assert_eq!(redactions, [(Rule::SecretName, "/password", 2)]);
}

#[test]
fn paths_show_names_and_never_values() {
    let scrubber = scrubber(&["hunter2-secret"]);
    let clean = scrubber.json(json!({
        "value": [{ "password": "a" }, { "password": "b" }],
        "alice@example.com": { "pin": 1 },
        "hunter2-secret": { "pwd": "c" },
        "8f14e45f-ceea-4672": { "pwd": "c" },
    }));
    let redactions: Vec<(&str, &str, u64)> =
        clean.redactions.iter().map(|(rule, path, count)| (rule.as_str(), path, count)).collect();
    #[rustfmt::skip]
    assert_eq!(redactions, [
        ("needle", "/*", 1), ("secret-name", "/*/pin", 1), ("secret-name", "/*/pwd", 2),
        ("secret-name", "/value/*/password", 2),
    ]);
    assert_eq!(serde_json::to_value(&clean.redactions).unwrap(), json!({ "needle": 1, "secret-name": 5 }));
    assert!(!clean.value.to_string().contains("hunter2-secret"));
}

#[test]
fn new_names_without_end_do_not_make_the_count_grow_without_end() {
    let many: serde_json::Map<String, Value> =
        (0..5000).map(|n| (format!("a{}", to_letters(n)), json!({ "password": "x" }))).collect();
    let clean = scrubber(&[]).json(Value::Object(many));
    assert_eq!(clean.redactions.count(), 5000);
    assert!(clean.redactions.iter().count() <= 300);
}

fn to_letters(n: u32) -> String {
    n.to_string().chars().map(|digit| char::from(b'a' + digit as u8 - b'0')).collect()
}

#[test]
fn a_value_nested_too_deep_is_masked_whole() {
    let deep = format!("{}\"password=hunter2\"{}", "[".repeat(5000), "]".repeat(5000));
    let clean = reply(&scrubber(&[]), 200, &deep, None).unwrap();
    assert!(!body(&clean).contains("hunter2"));
    assert!(serde_json::from_str::<Value>(body(&clean)).is_ok());
    assert_eq!(clean.redactions.by_rule(), [("depth", 1)].into());
    let clean = reply(&scrubber(&[]), 200, &deep, Some(&["/a"])).unwrap();
    assert_eq!(body(&clean), "[]");
}

#[test]
fn a_grant_keeps_only_what_it_names() {
    let scrubber = scrubber(&["hunter2-secret"]);
    let text = r#"{"@next":"n","value":[{"id":1.0,"name":"a","x":{"y":[1,{"z":2}]}},{"name":"b"},3],"o":{"k":{"id":7},"l":8}}"#;
    for (keep, clean) in [
        (&["/value/*/id"][..], r#"{"value":[{"id":1.0},{}]}"#),
        (&["/value/*/id", "/value/*/name"], r#"{"value":[{"id":1.0,"name":"a"},{"name":"b"}]}"#),
        (&["/value/*/x"], r#"{"value":[{"x":{"y":[1,{"z":2}]}},{}]}"#),
        (&["/value/*/x/y/*/z"], r#"{"value":[{"x":{"y":[{"z":2}]}},{}]}"#),
        (&["/o/*/id"], r#"{"o":{"k":{"id":7}}}"#),
        (&["/none"], "{}"),
        (
            &["/@next", "/value"],
            r#"{"@next":"n","value":[{"id":1.0,"name":"a","x":{"y":[1,{"z":2}]}},{"name":"b"},3]}"#,
        ),
    ] {
        assert_eq!(body(&reply(&scrubber, 200, text, Some(keep)).unwrap()), clean, "{keep:?}");
    }
    let kept = reply(&scrubber, 200, r#"{"id":"hunter2-secret","pw":"x"}"#, Some(&["/id"])).unwrap();
    assert_eq!(body(&kept), format!(r#"{{"id":"{MARK}"}}"#));
    assert_eq!(body(&reply(&scrubber, 200, r#""text""#, Some(&["/id"])).unwrap()), "null");
    assert_eq!(body(&reply(&scrubber, 200, r#"{"\u0069d":1}"#, Some(&["/id"])).unwrap()), r#"{"\u0069d":1}"#);
}

/// Vendors call ids `key`. A grant that names the field says that it is one; what names or shapes call a secret stays one.
#[test]
fn a_field_that_a_grant_names_is_not_called_a_secret_for_the_word_key() {
    let scrubber = Scrubber::new(&[]);
    let id = "MTAwMS1Bc3NldC0wYjRkNjVmMC03YzJhLTRlMTU";
    let body = format!(r#"{{"items":[{{"key":"{id}","other":{{"key":"{id}"}},"password":"{id}"}}]}}"#);
    let clean = |status, keep: &[&str]| {
        let reply = reply(&scrubber, status, &body, Some(keep)).unwrap();
        String::from_utf8(reply.body.to_vec()).unwrap()
    };
    let (shown, masked) = (format!(r#""key":"{id}""#), r#""key":"[redacted:secret]""#);
    for (keep, expected) in [
        (&["/items/*/key"][..], format!(r#"{{"items":[{{{shown}}}]}}"#)),
        (&["/items/*/key", "/items/*/other"], format!(r#"{{"items":[{{{shown},"other":{{{masked}}}}}]}}"#)),
        (&["/items/*/password"], r#"{"items":[{"password":"[redacted:secret]"}]}"#.to_owned()),
        // A whole object names none of its fields.
        (&["/items/*/other"], format!(r#"{{"items":[{{"other":{{{masked}}}}}]}}"#)),
        (&["/items/*/other", "/items/*/other/key"], format!(r#"{{"items":[{{"other":{{{shown}}}}}]}}"#)),
    ] {
        assert_eq!(clean(200, keep), expected, "{keep:?}");
    }
}

#[test]
fn a_grant_that_keeps_fields_refuses_what_has_none() {
    let scrubber = scrubber(&[]);
    for text in ["<html>", "{\"id\":1", "{\"id\":1}{", "id,name\n1,a", "\u{1}"] {
        assert!(reply(&scrubber, 200, text, Some(&["/id"])).is_err(), "{text}");
    }
    assert_eq!(body(&reply(&scrubber, 204, "", Some(&["/id"])).unwrap()), "");
}

#[test]
fn of_an_error_only_the_code_passes_a_grant_that_keeps_fields() {
    let scrubber = scrubber(&[]);
    for (status, text, clean) in [
        (
            400,
            r#"{"error":{"code":"Request_BadRequest","message":"bob@example.com"}}"#,
            r#"{"error":{"code":"Request_BadRequest"}}"#,
        ),
        (401, r#"{"error":"invalid_grant","error_description":"x y"}"#, r#"{"error":"invalid_grant"}"#),
        (400, r#"{"error":"sentence about bob"}"#, "{}"),
        (400, r#"{"errors":[{"code":"A.B","message":"m"}]}"#, r#"{"errors":[{"code":"A.B"}]}"#),
        (500, "<html>Bob</html>", ""),
        (302, "<a href=x>", ""),
        (
            400,
            r#"[{"messageType":"ERROR","messageNumber":302,"messageText":"t"}]"#,
            r#"[{"messageType":"ERROR","messageNumber":302}]"#,
        ),
    ] {
        assert_eq!(body(&reply(&scrubber, status, text, Some(&["/value/*/id"])).unwrap()), clean, "{text}");
    }
}

#[test]
fn headers_of_the_host_do_not_reach_a_shard() {
    let scrubber = scrubber(&["hunter2-secret"]);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/json"),
        ("set-cookie", "sid=1"),
        ("www-authenticate", "Bearer realm=\"hunter2-secret\", error=\"x\""),
        ("authorization", "Bearer x"),
        ("proxy-authenticate", "Basic"),
        ("connection", "close, X-Hop"),
        ("x-hop", "1"),
        ("x-other-hop", "1"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("x-api-key", "abc"),
        ("x-request-id", "8f14e45f-ceea-4672-9d2b-1a2b3c4d5e6f"),
        ("x-echo", "a hunter2-secret b"),
        ("access-control-allow-credentials", "true"),
        ("location", "https://example.com/?access_token=abc&x=1"),
        ("retry-after", "3"),
        ("link", "<https://example.com/?page=2>; rel=\"next\""),
    ] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.append("connection", HeaderValue::from_bytes(b"\xff,X-Other-Hop ").unwrap());
    let clean = scrubber.reply(RawReply::new(StatusCode::OK, headers, Bytes::new()), None).unwrap();
    let seen: BTreeMap<&str, &str> =
        clean.headers.iter().map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap())).collect();
    #[rustfmt::skip]
    assert_eq!(seen, [
        ("content-type", "application/json"),
        ("www-authenticate", "Bearer"),
        ("x-api-key", MARK),
        ("x-request-id", "8f14e45f-ceea-4672-9d2b-1a2b3c4d5e6f"),
        ("x-echo", "a [redacted:secret] b"),
        ("access-control-allow-credentials", "true"),
        ("location", "https://example.com/?access_token=[redacted:secret]&x=1"),
        ("retry-after", "3"),
        ("link", "<https://example.com/?page=2>; rel=\"next\""),
    ].into());
}

#[test]
fn an_identifier_that_looks_like_a_card_stays() {
    let clean = scrubber(&[]).json(json!({ "trackingNumber": "4111111111111111", "serial": 4111111111111111u64,
        "note": "4111111111111111", "n": 4111111111111111u64 }));
    assert_eq!(
        clean.value,
        json!({ "trackingNumber": "4111111111111111", "serial": 4111111111111111u64, "note": MARK, "n": MARK })
    );
}

#[test]
fn a_request_with_a_secret_in_it_does_not_leave() {
    type Verdict = Option<(Rule, Place)>;
    let secret = "hunter2/s&c=ret+1";
    let scrubber = scrubber(&[secret]);
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    let plain = "https://example.com/";
    #[rustfmt::skip]
    let rows: Vec<(String, &str, String, Verdict)> = vec![
        (plain.into(), "x", "{}".into(), None),
        ("https://example.com/a/b?x=1&token=abc".into(), "x", "password=hunter3".into(), None),
        ("https://example.com/?q=hunter2%2Fs%26c%3Dret%2B1".into(), "x", "".into(), Some((Rule::Needle, Place::Query))),
        ("https://example.com/?q=hunter2%252Fs%2526c%253Dret%252B1".into(), "x", "".into(), Some((Rule::Needle, Place::Query))),
        ("https://example.com/hunter2/s&c=ret+1".into(), "x", "".into(), Some((Rule::Needle, Place::Path))),
        (plain.into(), "x", format!("a {secret}"), Some((Rule::Needle, Place::Body))),
        (plain.into(), "x", "hunter2%2fs%26c%3dr%65t%2B1".into(), Some((Rule::Needle, Place::Body))),
        (plain.into(), "x", r#"{"a":"\u0068unter2\/s&c=ret+1"}"#.into(), Some((Rule::Needle, Place::Body))),
        (plain.into(), "x", hex::encode(secret), Some((Rule::Needle, Place::Body))),
        (plain.into(), "hunter2/s&c=ret+1", "".into(), Some((Rule::Needle, Place::Header))),
        (plain.into(), "Bearer abc123def456", "".into(), Some((Rule::Authorization, Place::Header))),
        (plain.into(), "x", jwt.into(), Some((Rule::Jwt, Place::Body))),
        (format!("https://example.com/?q={jwt}"), "x", "".into(), Some((Rule::Jwt, Place::Query))),
        (plain.into(), "x", "-----BEGIN PRIVATE KEY-----\nMII".into(), Some((Rule::PrivateKey, Place::Body))),
    ];
    for (url, header, body, leak) in rows {
        let shown = format!("{url} {header} {body}");
        let asked = GuestRequest {
            method: "POST".to_owned(),
            url,
            headers: vec![("x-a".to_owned(), header.as_bytes().to_vec())],
            body: body.into_bytes(),
            credential: None,
        };
        let outbound = Outbound::parse(asked).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let found = scrubber.leak(&outbound).err();
        assert_eq!(found.map(|leak| (leak.rule, leak.place)), leak, "{shown}");
        assert!(found.is_none_or(|leak| !leak.to_string().contains("hunter")));
    }
}

#[test]
fn a_search_with_a_secret_in_it_does_not_leave() {
    use crate::outbound::{DirectorySearch, GuestNode, GuestSearch, Scope};
    // With characters that DNs and filters escape.
    let secret = "hunter2,s+c=ret(1)";
    // One that reads as two parts of a DN, and one whose base64 has a character that a DN escapes.
    let scrubber = scrubber(&[secret, "Winter,DC=vault", "pass~~>>word"]);
    let equal = |value: &str| vec![GuestNode::Equal { attribute: "cn".to_owned(), value: value.as_bytes().to_vec() }];
    let parts = |starts_with: &str, contains: &[&str], ends_with: &str| {
        vec![GuestNode::Substrings {
            attribute: "cn".to_owned(),
            starts_with: Some(starts_with.to_owned()),
            contains: contains.iter().map(|part| (*part).to_owned()).collect(),
            ends_with: Some(ends_with.to_owned()),
        }]
    };
    let coded = hex::encode(secret);
    for (base, filter, leak) in [
        ("OU=Users,DC=corp", equal("alice"), None),
        (r"OU=hunter2\,s\+c\=ret,DC=corp", equal("alice"), None),
        (r"OU=hunter2\,s\+c\=ret(1),DC=corp", equal("alice"), Some(Place::Base)),
        (r"CN=a,OU=so hunter2\2Cs\2bc\3Dret\281) it is,DC=corp", equal("alice"), Some(Place::Base)),
        (r"OU=hunter2\,s,DC=\+c\=ret(1)", equal("alice"), Some(Place::Base)),
        (r"OU=hunter2%2Cs%2Bc%3Dret%281%29,DC=corp", equal("alice"), Some(Place::Base)),
        (&format!("OU={coded},DC=corp"), equal("alice"), Some(Place::Base)),
        ("OU=Winter,DC=vault,DC=corp", equal("alice"), Some(Place::Base)),
        ("OU=Winter,OU=vault,DC=corp", equal("alice"), None),
        (r"OU=cGFzc35\+Pj53b3Jk,DC=corp", equal("alice"), Some(Place::Base)),
        (r"OU=cGFzc35\+Pj53b3Jl,DC=corp", equal("alice"), None),
        ("OU=Users,DC=corp", equal(secret), Some(Place::Filter)),
        ("OU=Users,DC=corp", equal(&coded), Some(Place::Filter)),
        ("OU=Users,DC=corp", parts("hunter2,s", &["+c="], "ret(1)"), Some(Place::Filter)),
        ("OU=Users,DC=corp", parts("hunter2,s", &["-c="], "ret(1)"), None),
    ] {
        let search = DirectorySearch::parse(GuestSearch {
            server: "ad".to_owned(),
            base: base.to_owned(),
            scope: Scope::Subtree,
            filter,
            attributes: vec!["cn".to_owned()],
            page_size: 10,
        });
        let found = scrubber.leak_of_search(&search.unwrap_or_else(|error| panic!("{base}: {error}"))).err();
        assert_eq!(found.map(|leak| (leak.rule, leak.place)), leak.map(|place| (Rule::Needle, place)), "{base}");
    }
}

#[test]
fn json_is_read_a_hundred_deep_and_within_three_strings() {
    let scrubber = scrubber(&[]);
    let nested = |depth: usize| format!("{}\"password=hunter2\"{}", "[".repeat(depth), "]".repeat(depth));
    for (depth, rule) in [(100, "assignment"), (101, "depth")] {
        let clean = reply(&scrubber, 200, &nested(depth), None).unwrap();
        assert_eq!(clean.redactions.by_rule(), [(rule, 1)].into(), "{depth}");
        assert!(serde_json::from_str::<Value>(body(&clean)).is_ok());
    }
    for (strings, is_read) in [(1, true), (3, true), (4, false)] {
        let mut text = r#"{"pin":"1234"}"#.to_owned();
        for _ in 0..strings {
            text = json!([text]).to_string();
        }
        let clean = reply(&scrubber, 200, &text, None).unwrap();
        // Below that a string is text, in which a name and its value are found by their look.
        let rule = if is_read { "secret-name" } else { "assignment" };
        assert_eq!(clean.redactions.by_rule(), [(rule, 1)].into(), "{strings}: {}", body(&clean));
        assert!(!body(&clean).contains("1234"));
    }
}

/// The filter in front must never call clean what the full look would change.
#[test]
fn what_is_passed_unread_holds_nothing_that_reading_would_find() {
    let names = [
        "password",
        "userPWD",
        "api key",
        "api:key",
        "x-apikey",
        "APIkey",
        "session id",
        "otp",
        "pinCode",
        "connectionString",
        "a.b.token",
        "account/number",
        "secretText",
        "jwt",
        "key",
        "auth",
        "sig",
        "näme_pwd",
        "cvv",
        "licence key",
    ];
    for name in names {
        for value in ["Zx81kLm29QpRtVbN4wEy", "7"] {
            let text = json!({ "a": [{ name: value }], "b": format!("{name}={value}"), "c": { "n": 1 } }).to_string();
            let eyes = scrubber(&[]).eyes();
            if json::scrub(&eyes, &text, &[]).is_some() {
                assert!(!eyes.is_clean(text.as_bytes()), "{text}");
            }
        }
    }
}

#[test]
fn every_rule_for_names_is_seen_by_the_filter_in_every_spelling() {
    let capital = |part: &str| part.chars().take(1).flat_map(char::to_uppercase).chain(part.chars().skip(1)).collect();
    for rule in &super::rules::PACK.names {
        let capitals: Vec<String> = rule.words.iter().map(|part| capital(part)).collect();
        for joint in ["", "_", "-", " ", ".", "/", ":"] {
            for name in [rule.words.join(joint), rule.words.join(joint).to_uppercase(), capitals.join(joint)] {
                for name in [name.clone(), format!("x_{name}"), format!("x{}", capitals.concat()), format!("{name}s")] {
                    let value = match rule.value {
                        words::Value::Any
                        | words::Value::Code
                        | words::Value::Token
                        | words::Value::Signature
                        | words::Value::Random
                        | words::Value::Chosen => "Zx81kLm29QpRtVbN4wEy",
                        words::Value::Birth => "1990-01-31",
                        words::Value::Ssn => "123-45-6789",
                        words::Value::Bsn => "123456782",
                        words::Value::Nino => "AB123456C",
                    };
                    let text = json!({ &name: value }).to_string();
                    let eyes = scrubber(&[]).eyes();
                    assert!(!eyes.is_clean(text.as_bytes()), "{name}");
                    assert!(json::scrub(&eyes, &text, &[]).is_some(), "{name}");
                }
            }
        }
    }
}

#[test]
fn where_a_secret_stands_does_not_matter() {
    let scrubber = scrubber(&["hunter2-secret", "short6"]);
    for shift in 0..40 {
        for secret in ["hunter2-secret", "short6", "4111 1111 1111 1111", "378282246310005", "AKIAIOSFODNN7EXAMPLE"] {
            let around = (".".repeat(shift), " ".repeat(shift % 5));
            let text = format!("{} {secret}{}", around.0, around.1);
            assert_eq!(scrubber.text(&text).value, format!("{} {MARK}{}", around.0, around.1));
        }
    }
}

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }

    fn json(&mut self, depth: usize, planted: &mut Vec<String>) -> Value {
        match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => Value::from(self.next() as i32),
            1 => Value::Null,
            2 => Value::from(planted.pop().unwrap_or_default()),
            3 => {
                let length = self.below(30);
                Value::from(self.text("abc \"\\/<>{}[]:,é\u{1f600}\n09%&;=+", length))
            }
            4 => (0..self.below(5)).map(|_| self.json(depth - 1, planted)).collect(),
            _ => (0..self.below(5))
                .map(|_| {
                    let length = 1 + self.below(8);
                    let name = if self.below(5) == 0 {
                        planted.pop().unwrap_or_else(|| "password".to_owned())
                    } else {
                        self.text("abcdefXYZ_- ", length)
                    };
                    (name, self.json(depth - 1, planted))
                })
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

fn encoded(random: &mut Random, secret: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    let pick = random.below(14);
    let length = random.below(7);
    let around = (random.text("xyz09 ", length), random.text("xyz09 ", length));
    let inner = format!("{}{secret}{}", around.0, around.1);
    match pick {
        0 => STANDARD.encode(inner),
        1 => STANDARD_NO_PAD.encode(inner),
        2 => URL_SAFE.encode(inner),
        3 => URL_SAFE_NO_PAD.encode(inner),
        4 => hex::encode(inner),
        5 => hex::encode_upper(inner),
        6 => percent_encoding::utf8_percent_encode(&inner, percent_encoding::NON_ALPHANUMERIC).to_string(),
        7 => inner.bytes().map(|b| format!("%{b:02x}")).collect(),
        8 => inner.chars().rev().collect(),
        9 => serde_json::to_string(&inner).unwrap(),
        10 => inner.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect(),
        11 => inner.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
        12 => STANDARD.encode(inner.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        _ => inner,
    }
}

/// What is left of a secret, by a search that shares nothing with the one under test.
fn survivor<'a>(text: &str, spelled: &'a [String]) -> Option<&'a String> {
    spelled.iter().find(|spelling| text.contains(spelling.as_str()))
}

#[test]
fn no_spelling_of_any_secret_survives_in_any_json() {
    let mut random = Random(20_240_601);
    for round in 0..120 {
        let secrets: Vec<String> = (0..1 + random.below(4))
            .map(|_| {
                let length = 8 + random.below(30);
                random.text(
                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!\"#$%&'()*+,-./:;<=>?@\\^_`|~é",
                    length,
                )
            })
            .map(|secret| format!("q{}7", secret.trim()))
            .collect();
        let mut planted: Vec<String> = (0..12).map(|n| encoded(&mut random, &secrets[n % secrets.len()])).collect();
        let mut value = Value::from(planted.clone());
        while !planted.is_empty() && random.below(8) > 0 {
            let next = random.json(4, &mut planted);
            value = json!([value, next]);
        }
        let text = value.to_string();
        let refs: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let scrubber = scrubber(&refs);
        let once = reply(&scrubber, 200, &text, None).unwrap();
        let clean = body(&once);
        let parsed: Value = serde_json::from_str(clean).unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(once.redactions.count() >= 12, "round {round}");
        let spelled: Vec<String> = secrets.iter().flat_map(|secret| forms::forms(secret)).collect();
        let mut strings = vec![clean.to_owned()];
        collect(&parsed, &mut strings);
        for string in strings {
            assert_eq!(survivor(&string, &spelled), None, "round {round}: {secrets:?} in {string:?}");
        }
        let twice = reply(&scrubber, 200, clean, None).unwrap();
        assert_eq!(body(&twice), clean, "round {round}");
        assert!(twice.redactions.is_empty(), "round {round}: {:?}", twice.redactions);
        assert_eq!(scrubber.json(value).value, parsed, "round {round}");
    }
}

fn collect(value: &Value, strings: &mut Vec<String>) {
    match value {
        Value::String(text) => strings.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, strings)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            strings.push(name.clone());
            collect(value, strings);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Such texts would cost the square of their length, were a token or a name read again from each of its parts.
#[test]
fn texts_made_to_be_slow_are_read_to_their_end() {
    let scrubber = scrubber(&["hunter2-secret"]);
    for piece in [
        "-----BEGIN PRIVATE KEY-----",
        "eyJhbGciOiJub25lIn0.",
        "keykeykey",
        "key ",
        "password=",
        "password=\"",
        "password='a",
        "password= x ",
        "github_pat_",
        "glpat-",
        "8Q~",
        "basic ",
        "basic%20",
        "basic+",
        "://a:",
        "4111 ",
        "4111111111111111 ",
        "[",
        "{\"a\":",
        "\\\"",
        "hunter2-",
        "hunter2",
        "<password>",
        "password is ",
        "eyJ.",
        "\\",
        "[redacted:secret]",
        "bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaa:",
        "api ",
        "&password",
        "%",
        "%2",
        "%25",
        "%2525",
        "&",
        "&#",
        "&#0",
        "&#x",
        "&amp;",
        "&aaaaaaaaaaaaaaaa",
        "\\u",
        "\\u005c",
        "\\ud83d",
        "&#37;25",
        "%26#37;",
        "password: ",
        "password: a b c ",
        "password:\n ",
        "password:\n- ",
        "password: |\n",
        "password|x\na|b\n",
        "a,password\n",
        "password\t",
        "key=\"password\" ",
        "key=\"password\" value=\"",
        "password was changed to ",
        "-Password ",
        "ConvertTo-SecureString ",
        "-AsPlainText -Force ",
        "パスワード：",
        "パスワードは",
        "hooks.slack.com/services/",
        "pass=",
        "dob: ",
        "date of birth 1 ",
        "4111\u{a0}",
        "4111.",
        "tracking 378282246310005, ",
        "order 4111111111111111 ",
    ] {
        let text = piece.repeat(60_000 / piece.len());
        let once = scrubber.text(&text).value;
        assert_eq!(scrubber.text(&once).value, once, "{piece:?}");
    }
}

/// A look that costs the square of the length would take minutes here.
#[test]
fn a_megabyte_of_names_without_values_is_read_in_one_pass() {
    let scrubber = scrubber(&["hunter2-secret"]);
    let text = "password: ".repeat(1024 * 1024 / "password: ".len());
    let once = scrubber.text(&text).value;
    assert_eq!(scrubber.text(&once).value, once);
    // Each block holds all those below it.
    let blocks: String = (0..1_000).map(|depth| format!("{}password: |\n", " ".repeat(depth))).collect();
    assert_eq!(scrubber.text(&blocks).value, format!("password: |\n {MARK}\n"));
}

#[test]
fn a_page_of_a_directory_is_cleaned_value_by_value() {
    let held = SecretValue::new("Tr0ub4dor&3-held".to_owned()).unwrap();
    let scrubber = Scrubber::new([&held]);
    let attribute =
        |name: &str, values: &[&[u8]]| (name.to_owned(), values.iter().map(|value| value.to_vec()).collect());
    let binary = b"\x01\x05\0\xffTr0ub4dor&3-held\0".as_slice();
    let entry = RawEntry {
        dn: "CN=Tr0ub4dor&3-held,DC=corp".to_owned(),
        attributes: vec![
            attribute("cn", &[b"Alice", b"Zo\xc3\xab"]),
            attribute("description", &[b"password=hunter2hunter2", b"nothing"]),
            attribute("unicodePwd", &[b"\0h\0u\0n\0t", b""]),
            attribute("pwdLastSet", &[b"134260308000000000"]),
            attribute("objectSid", &[b"\x01\x05\0\0\0\0\0\x05\x15\0", binary]),
        ],
    };
    let page = scrubber.page(RawPage { entries: vec![entry], partial: true, references: 0, bytes: 77 });
    assert_eq!((page.partial, page.bytes), (true, 77));
    let clean = &page.entries[0];
    assert_eq!(clean.dn, "CN=[redacted:secret],DC=corp");
    let values = |name: &str| clean.attributes.iter().find(|(found, _)| found == name).unwrap().1.clone();
    assert_eq!(values("cn"), [b"Alice".to_vec(), "Zo\u{eb}".into()]);
    assert_eq!(values("description"), [b"password=[redacted:secret]".to_vec(), b"nothing".to_vec()]);
    assert_eq!(values("unicodePwd"), [b"[redacted:secret]".to_vec(), Vec::new()]);
    assert_eq!(values("pwdLastSet"), [b"134260308000000000".to_vec()]);
    let sids = values("objectSid");
    assert_eq!(sids[0], b"\x01\x05\0\0\0\0\0\x05\x15\0");
    assert_eq!(sids[1], b"\x01\x05\0\xff[redacted:secret]\0");
    assert_eq!(page.redactions.count(), 4);
}

/// Found by fuzzing: what is no JSON because of what is taken out of it is JSON afterwards.
#[test]
fn text_that_becomes_json_by_what_went_is_read_as_json() {
    let scrubber = scrubber(&["Kestrel-Harbor-9271"]);
    for text in [
        "{\"{\\\"api_key\\\"zdHJ1Vza\":\"z\\\"adHJ1utAuthorization:u:p5\u{1b}swVHJIYXJi\"}",
        "{\"password\":\"x\",\"note\":\"Authorization: Bearer abc\u{1b}defghijklmnop\"}",
        // What stands beside a mark is another name than before.
        "{\"{\\\"api_key\\\":api_key\\\":\\\"S2VzdHJ\\\"S2VzdHJlbC1IYXJib3ItOapi_key\\\":api",
        // And within a string.
        r#"["{\"password\":\"hunter2hunter2\",\"note\":\"Authorization: Bearer abc\u001bdefghijklmnop\"}"]"#,
    ] {
        let once = scrubber.bytes(text.as_bytes()).value;
        assert_eq!(scrubber.bytes(&once).value, once, "{text:?}");
        assert!(!String::from_utf8_lossy(&once).contains("hunter2"), "{text:?}");
    }
}
