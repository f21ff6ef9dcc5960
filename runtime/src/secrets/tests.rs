use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::*;
use crate::outbound::{GuestRequest, Scheme};
use crate::policy::address::Reach;
use crate::policy::{EgressGrant, Grants, HostPattern, Pace, PathTemplate};

const TOKEN_URL: &str = "https://login.example.com/tenant/oauth2/v2.0/token";
const LOGIN_URL: &str = "https://helix.example.com/api/jwt/login";

/// The credentials whose tokens are fetched, with what stands before a token in its header.
const FETCHED: [(&str, &str); 3] = [("graph", "Bearer "), ("workday", "Bearer "), ("helix", "AR-JWT ")];

/// By the clock on the wall, when tokens are fetched here.
const WALL: u64 = 1_700_000_000;

/// What a shard asks for, granted as it stands.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a str,
    pub(crate) credential: Option<&'a str>,
    pub(crate) private: bool,
    pub(crate) idempotent: bool,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self {
            method: "GET",
            url: "https://api.example.com/v1/users",
            headers: &[],
            body: "",
            credential: None,
            private: false,
            idempotent: false,
        }
    }
}

impl Asked<'_> {
    pub(crate) fn permit(&self) -> Permit {
        let outbound = Outbound::parse(GuestRequest {
            method: self.method.to_owned(),
            url: self.url.to_owned(),
            headers: self.headers.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect(),
            body: self.body.as_bytes().to_vec(),
            credential: self.credential.map(str::to_owned),
        })
        .unwrap();
        let scheme = outbound.scheme();
        let path: String = (0..outbound.segments().len()).map(|n| format!("/{{s{n}}}")).collect();
        let grant = EgressGrant {
            scheme,
            host: HostPattern::parse(&outbound.authority(), scheme).unwrap(),
            methods: vec![outbound.method().clone()],
            paths: vec![PathTemplate::parse(&path).unwrap()],
            query: outbound.query().iter().map(|(key, _)| key.clone()).collect::<BTreeSet<_>>(),
            credential: self.credential.map(|name| CredentialName::parse(name).unwrap()),
            tools: None,
            documents: None,
            keep: None,
            idempotent: self.idempotent,
            private: self.private,
            pace: Pace::default(),
        };
        Grants::new(vec![grant]).permit(None, outbound).unwrap()
    }

    /// Sealed without a credential.
    pub(crate) async fn sealed(&self) -> Sealed {
        ready(Vault::new(BTreeMap::new(), BTreeMap::new()).seal(self.permit(), Instant::now()).await)
    }
}

fn with(credential: &str) -> Permit {
    Asked { credential: Some(credential), ..Asked::default() }.permit()
}

fn ready(sealing: Result<Sealing, SealError>) -> Sealed {
    match sealing {
        Ok(Sealing::Ready(sealed)) => sealed,
        Ok(Sealing::Renew(_)) => panic!("asks for a token"),
        Err(error) => panic!("{error}"),
    }
}

fn renewal(sealing: Result<Sealing, SealError>) -> Box<Renewal> {
    match sealing {
        Ok(Sealing::Renew(renewal)) => renewal,
        Ok(Sealing::Ready(_)) => panic!("asks for no token"),
        Err(error) => panic!("{error}"),
    }
}

fn refused(sealing: Result<Sealing, SealError>) -> SealError {
    sealing.err().unwrap()
}

fn authorization(sealed: &Sealed) -> Option<String> {
    sealed.unseal().headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned())
}

fn secret(name: &str) -> SecretRef {
    SecretRef::parse(&format!("secret:{name}")).unwrap()
}

fn credentials() -> BTreeMap<CredentialName, CredentialKind> {
    let header = |name, prefix| CredentialHeader::parse(name, prefix).unwrap();
    [
        ("bearer", CredentialKind::Bearer { token: secret("PAT") }),
        ("basic", CredentialKind::Basic { username: Text::parse("svc nexus").unwrap(), password: secret("PASSWORD") }),
        ("token", CredentialKind::Header { header: header("Authorization", "Token "), value: secret("PAT") }),
        ("key", CredentialKind::Header { header: header("X-Api-Key", ""), value: secret("PAT") }),
        (
            "graph",
            CredentialKind::ClientCredentials {
                token_url: TokenUrl::parse(TOKEN_URL).unwrap(),
                client_id: Text::parse("secret:CLIENT_ID").unwrap(),
                client_secret: secret("CLIENT_SECRET"),
                scope: Some("https://graph.example.com/.default".to_owned()),
            },
        ),
        (
            "workday",
            CredentialKind::RefreshToken {
                token_url: TokenUrl::parse(TOKEN_URL).unwrap(),
                client_id: Text::parse("id:with colon").unwrap(),
                client_secret: secret("CLIENT_SECRET"),
                refresh_token: secret("REFRESH_TOKEN"),
                scope: Some("Staffing Jobs".to_owned()),
            },
        ),
        (
            "helix",
            CredentialKind::JwtLogin {
                login_url: TokenUrl::login(LOGIN_URL).unwrap(),
                username: Text::parse("svc nexus").unwrap(),
                password: secret("PASSWORD"),
                header: header("authorization", "AR-JWT "),
            },
        ),
        ("lost", CredentialKind::Bearer { token: secret("NOT_SET") }),
        ("umlaut", CredentialKind::Bearer { token: secret("UMLAUT") }),
        ("colon", CredentialKind::Basic { username: Text::parse("a:b").unwrap(), password: secret("PASSWORD") }),
    ]
    .into_iter()
    .map(|(name, kind)| (CredentialName::parse(name).unwrap(), kind))
    .collect()
}

fn vault() -> Arc<Vault> {
    Arc::new(vault_of(credentials(), |_| {}))
}

fn vault_of(
    credentials: BTreeMap<CredentialName, CredentialKind>,
    edit: impl FnOnce(&mut BTreeMap<SettingName, SecretValue>),
) -> Vault {
    let secrets = [
        ("PAT", "pat-0123456789"),
        ("PASSWORD", "p\u{e4}ss:word"),
        ("CLIENT_ID", "client-id"),
        ("CLIENT_SECRET", "a+b&c=d e~%"),
        ("REFRESH_TOKEN", "refresh/token+one"),
        ("UMLAUT", "gr\u{fc}\u{df}e-allerseits"),
    ]
    .map(|(name, value)| (SettingName::parse(name).unwrap(), SecretValue::new(value.to_owned()).unwrap()));
    let mut secrets = BTreeMap::from(secrets);
    edit(&mut secrets);
    Vault::new(credentials, secrets)
}

/// A token as that credential's endpoint gives it.
fn token(credential: &str, name: &str, life: u64) -> String {
    match credential {
        "helix" => jwt(&json!({ "sub": name, "iat": WALL, "exp": WALL + life })),
        _ => name.to_owned(),
    }
}

/// An endpoint's answer that gives this token.
fn answer(credential: &str, token: &str, life: u64) -> Vec<u8> {
    match credential {
        "helix" => token.to_owned().into_bytes(),
        _ => json!({ "token_type": "Bearer", "expires_in": life, "access_token": token }).to_string().into_bytes(),
    }
}

pub(super) fn jwt(claims: &Value) -> String {
    let coded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}.c2lnbmF0dXJl", coded(&json!({ "alg": "HS256" })), coded(claims))
}

fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(WALL)
}

/// Walks through one renewal with this answer. The header that was sent then, and what redaction learnt.
async fn renewed(vault: &Vault, credential: &str, body: &[u8], now: Instant) -> (String, Vec<String>) {
    let renewal = renewal(vault.seal(with(credential), now).await);
    let mut learnt = Vec::new();
    let permit = renewal
        .admit(StatusCode::OK, body, now, wall(), |value| learnt.push(value.expose().to_owned()))
        .unwrap_or_else(|error| panic!("{credential}: {error}"));
    (authorization(&ready(vault.seal(permit, now).await)).unwrap(), learnt)
}

/// Walks through one renewal that gives a token of this name.
async fn renew(vault: &Vault, (credential, prefix): (&str, &str), name: &str, life: u64, now: Instant) -> String {
    let token = token(credential, name, life);
    let (header, learnt) = renewed(vault, credential, &answer(credential, &token, life), now).await;
    assert_eq!((&header, learnt), (&format!("{prefix}{token}"), vec![token]));
    header
}

fn values(vault: &Vault) -> Vec<String> {
    vault.values().iter().map(|value| value.expose().to_owned()).collect()
}

/// What a token request says: its `Authorization`, and its form.
fn asked(sealed: &Sealed) -> (Option<String>, String) {
    assert!(sealed.outbound().body().is_empty(), "the secret is in what may be shown");
    assert!(!sealed.outbound().headers().contains_key(AUTHORIZATION), "the secret is in what may be shown");
    let Unsealed { headers, body } = sealed.unseal();
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    let sensitive = headers.get(AUTHORIZATION).is_none_or(HeaderValue::is_sensitive);
    assert!(sensitive);
    (authorization(sealed), std::str::from_utf8(&body).unwrap().to_owned())
}

#[tokio::test]
async fn each_kind_puts_its_secret_where_the_upstream_expects_it() {
    for (credential, header, value) in [
        ("bearer", "authorization", "Bearer pat-0123456789"),
        // "svc nexus:päss:word" in UTF-8.
        ("basic", "authorization", "Basic c3ZjIG5leHVzOnDDpHNzOndvcmQ="),
        ("token", "authorization", "Token pat-0123456789"),
        ("key", "x-api-key", "pat-0123456789"),
    ] {
        let sealed = ready(vault().seal(with(credential), Instant::now()).await);
        let headers = sealed.unseal().headers;
        assert_eq!(headers[header], value, "{credential}");
        assert!(headers[header].is_sensitive(), "{credential}");
        assert_eq!(headers.len(), 1);
        assert_eq!(sealed.credential().unwrap().as_str(), credential);
        assert!(sealed.outbound().headers().is_empty(), "the secret is in what may be shown");
    }
}

#[tokio::test]
async fn a_grant_without_a_credential_gets_none() {
    let sealed = ready(vault().seal(Asked::default().permit(), Instant::now()).await);
    assert!(sealed.unseal().headers.is_empty());
    assert!(sealed.credential().is_none());
}

#[tokio::test]
async fn a_shard_may_not_send_a_header_that_a_credential_uses() {
    let asked = Asked { headers: &[("X-Api-Key", "its-own-key")], ..Asked::default() };
    for vault in [vault(), Arc::new(Vault::mock(credentials()))] {
        let error = refused(vault.seal(asked.permit(), Instant::now()).await);
        assert_eq!(error, SealError::HostsHeader(HeaderName::from_static("x-api-key")));
    }
}

#[tokio::test]
async fn an_unfit_credential_is_unusable_and_the_others_still_work() {
    let vault = vault();
    let name = |name| SettingName::parse(name).unwrap();
    for (credential, reason) in [
        ("lost", Unusable::Missing(name("NOT_SET"))),
        ("umlaut", Unusable::NotAscii(name("UMLAUT"))),
        ("colon", Unusable::ColonInUsername),
    ] {
        let error = refused(vault.seal(with(credential), Instant::now()).await);
        assert_eq!(error, SealError::Unusable { credential: CredentialName::parse(credential).unwrap(), reason });
    }
    assert_eq!(vault.unusable().count(), 3);
    let error = refused(vault.seal(with("nobody-s"), Instant::now()).await);
    assert_eq!(error, SealError::Unknown(CredentialName::parse("nobody-s").unwrap()));
    assert!(authorization(&ready(vault.seal(with("bearer"), Instant::now()).await)).is_some());
}

#[tokio::test]
async fn in_mock_mode_a_use_is_marked_and_nothing_is_put_in() {
    let vault = Vault::mock(credentials());
    for credential in credentials().into_keys() {
        let sealed = ready(vault.seal(with(credential.as_str()), Instant::now()).await);
        assert_eq!(sealed.credential(), Some(&credential));
        assert!(sealed.unseal().headers.is_empty(), "{credential}");
    }
    assert!(vault.values().is_empty());
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_rfc_and_the_vendor_say() {
    // "id%3Awith%20colon:a%2Bb%26c%3Dd%20e~%25"
    let basic = "Basic aWQlM0F3aXRoJTIwY29sb246YSUyQmIlMjZjJTNEZCUyMGV+JTI1";
    for (credential, url, accept, authorization, form) in [
        (
            "graph",
            TOKEN_URL,
            "application/json",
            None,
            "grant_type=client_credentials&client_id=client-id&client_secret=a%2Bb%26c%3Dd%20e~%25\
             &scope=https%3A%2F%2Fgraph.example.com%2F.default",
        ),
        (
            "workday",
            TOKEN_URL,
            "application/json",
            Some(basic.to_owned()),
            "grant_type=refresh_token&refresh_token=refresh%2Ftoken%2Bone&scope=Staffing%20Jobs",
        ),
        ("helix", LOGIN_URL, "text/plain, */*;q=0.1", None, "username=svc%20nexus&password=p%C3%A4ss%3Aword"),
    ] {
        let renewal = renewal(vault().seal(with(credential), Instant::now()).await);
        let sealed = renewal.sealed();
        assert_eq!(format!("{}{}", sealed.destination(), sealed.outbound().path()), url);
        assert_eq!(sealed.outbound().headers()["accept"], accept);
        assert_eq!(sealed.credential().unwrap().as_str(), credential);
        assert!(sealed.permit().is_none() && sealed.reach() == Reach::default() && !sealed.idempotent());
        assert_eq!(asked(sealed), (authorization, form.to_owned()));
    }
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_it_expires() {
    for (kind, (life, renewed_after)) in FETCHED.into_iter().flat_map(|kind| [(kind, (3600, 3540)), (kind, (100, 90))])
    {
        let (vault, start) = (vault(), Instant::now());
        let header = renew(&vault, kind, "token-one", life, start).await;
        let early = start + Duration::from_secs(renewed_after) - Duration::from_millis(1);
        let sealed = ready(vault.seal(with(kind.0), early).await);
        assert_eq!(authorization(&sealed).unwrap(), header);
        drop(renewal(vault.seal(with(kind.0), start + Duration::from_secs(renewed_after)).await));
    }
}

#[tokio::test]
async fn callers_who_come_at_once_share_one_renewal() {
    for (credential, prefix) in FETCHED {
        let (vault, now) = (vault(), Instant::now());
        let first = renewal(vault.seal(with(credential), now).await);
        let waiting: Vec<_> = (0..8)
            .map(|_| {
                let vault = Arc::clone(&vault);
                tokio::spawn(async move { authorization(&ready(vault.seal(with(credential), now).await)) })
            })
            .collect();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
        let token = token(credential, "token-one", 3600);
        let permit = first.admit(StatusCode::OK, &answer(credential, &token, 3600), now, wall(), |_| {}).unwrap();
        let header = format!("{prefix}{token}");
        assert_eq!(authorization(&ready(vault.seal(permit, now).await)).unwrap(), header);
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap().unwrap(), header);
        }
    }
}

#[tokio::test]
async fn a_renewer_who_gives_up_lets_the_next_one_try() {
    let (vault, now) = (vault(), Instant::now());
    let first = renewal(vault.seal(with("graph"), now).await);
    let next = {
        let vault = Arc::clone(&vault);
        tokio::spawn(async move { vault.seal(with("graph"), now).await })
    };
    tokio::task::yield_now().await;
    drop(first);
    drop(renewal(next.await.unwrap()));
    // One who waited and was cancelled is not in the way either.
    let held = renewal(vault.seal(with("graph"), now).await);
    let cancelled = tokio::time::timeout(Duration::from_millis(1), vault.seal(with("graph"), now)).await;
    assert!(cancelled.is_err());
    drop(held);
    drop(renewal(vault.seal(with("graph"), now).await));
}

#[tokio::test]
async fn a_refusal_holds_for_all_who_wait_and_is_then_tried_again() {
    let oauth = br#"{"error":"invalid_client","error_description":"AADSTS7000215: the secret of Payroll is wrong"}"#;
    let revoked = br#"{"error":"invalid_grant","error_description":"token of Payroll is revoked"}"#;
    let helix = br#"[{"messageType":"ERROR","messageNumber":623,"messageText":"Authentication failed for Payroll"}]"#;
    let (unauthorized, bad_request) = (StatusCode::UNAUTHORIZED, StatusCode::BAD_REQUEST);
    let client = SealError::Refused { status: unauthorized, error: Some(OAuthError::InvalidClient) };
    let told = "token endpoint refused with status 401";
    for (credential, status, body, refusal, says) in [
        ("graph", unauthorized, &oauth[..], client.clone(), "token endpoint refused with status 401 (invalid_client)"),
        ("workday", unauthorized, &oauth[..], client, "token endpoint refused with status 401 (invalid_client)"),
        (
            "workday",
            bad_request,
            &revoked[..],
            SealError::Revoked { status: bad_request },
            "token endpoint refused with status 400 (invalid_grant): the refresh token is expired, revoked or \
             another client's, and a new one is needed",
        ),
        ("helix", unauthorized, &helix[..], SealError::Refused { status: unauthorized, error: None }, told),
        (
            "helix",
            StatusCode::OK,
            b"<!DOCTYPE html>\n<html><body>Sign on, Payroll</body></html>",
            SealError::BadToken(BadToken::NotJwt),
            "token endpoint gave no usable token: reply is not a signed JSON Web Token (a page to sign on at, perhaps)",
        ),
    ] {
        let (vault, start) = (vault(), Instant::now());
        let first = renewal(vault.seal(with(credential), start).await);
        let waiting = {
            let vault = Arc::clone(&vault);
            tokio::spawn(async move { refused(vault.seal(with(credential), start).await) })
        };
        tokio::task::yield_now().await;
        let admitted = first.admit(status, body, start, wall(), |_| panic!("there is no token"));
        let error = admitted.err().unwrap();
        assert_eq!((&error, error.to_string().as_str()), (&refusal, says));
        assert_eq!(waiting.await.unwrap(), refusal);
        let almost = start + Duration::from_secs(10) - Duration::from_millis(1);
        assert_eq!(refused(vault.seal(with(credential), almost).await), refusal);
        drop(renewal(vault.seal(with(credential), start + Duration::from_secs(10)).await));
    }
}

#[tokio::test]
async fn after_a_401_only_the_token_that_failed_is_dropped() {
    for kind in FETCHED {
        let (vault, now) = (vault(), Instant::now());
        renew(&vault, kind, "token-one", 3600, now).await;
        let failed = ready(vault.seal(with(kind.0), now).await);
        let late = ready(vault.seal(with(kind.0), now).await);
        assert!(vault.forget(failed).is_some());
        let second = renew(&vault, kind, "token-two", 3600, now).await;
        // Sent with the first token, refused after the second came.
        let permit = vault.forget(late).unwrap();
        assert_eq!(authorization(&ready(vault.seal(permit, now).await)).unwrap(), second);
    }
    let (vault, now) = (vault(), Instant::now());
    let fixed = ready(vault.seal(with("bearer"), now).await);
    assert!(vault.forget(fixed).is_none(), "a static credential has no other value to try");
}

#[tokio::test]
async fn a_refresh_token_is_used_until_the_endpoint_gives_another() {
    let (vault, start) = (vault(), Instant::now());
    let reply = |token: &str, refresh: Value| {
        let body =
            json!({ "token_type": "Bearer", "expires_in": 100, "access_token": token, "refresh_token": refresh });
        body.to_string().into_bytes()
    };
    let used = async |now: Instant| {
        let renewal = renewal(vault.seal(with("workday"), now).await);
        let form = asked(renewal.sealed()).1;
        let used = form.strip_prefix("grant_type=refresh_token&refresh_token=").unwrap();
        used.strip_suffix("&scope=Staffing%20Jobs").unwrap().to_owned()
    };
    let mut now = start;
    for (token, given, learnt, next) in [
        ("token-1", Value::Null, &["token-1"][..], "refresh%2Ftoken%2Bone"),
        ("token-2", json!("refresh/token+one"), &["token-2", "refresh/token+one"], "refresh%2Ftoken%2Bone"),
        ("token-3", json!("refresh/token+two"), &["token-3", "refresh/token+two"], "refresh%2Ftoken%2Btwo"),
        ("token-4", Value::Null, &["token-4"], "refresh%2Ftoken%2Btwo"),
        ("token-5", json!("refresh/token+two"), &["token-5", "refresh/token+two"], "refresh%2Ftoken%2Btwo"),
        ("token-6", json!("refresh/token+3"), &["token-6", "refresh/token+3"], "refresh%2Ftoken%2B3"),
    ] {
        let (header, learns) = renewed(&vault, "workday", &reply(token, given), now).await;
        assert_eq!((header, learns), (format!("Bearer {token}"), learnt.iter().map(ToString::to_string).collect()));
        now += Duration::from_secs(100);
        assert_eq!(used(now).await, next, "{token}");
    }
    // The operator's own, the one in use and the one before it are still sought.
    for expected in ["refresh/token+one", "refresh/token+two", "refresh/token+3"] {
        assert!(values(&vault).contains(&expected.to_owned()), "{expected}");
    }
}

#[tokio::test]
async fn an_answer_whose_refresh_token_cannot_be_kept_is_refused_as_a_whole() {
    for given in
        [json!("short"), json!(""), json!("line\r\nend-of-it"), json!(7), json!(["a-refresh-token"]), json!({})]
    {
        let (vault, now) = (vault(), Instant::now());
        let body = json!({ "token_type": "Bearer", "access_token": "token-1", "refresh_token": given }).to_string();
        let first = renewal(vault.seal(with("workday"), now).await);
        let admitted = first.admit(StatusCode::OK, body.as_bytes(), now, wall(), |_| panic!("learnt of {given}"));
        assert_eq!(admitted.err(), Some(SealError::BadToken(BadToken::Refresh)), "{given}");
        assert_eq!(refused(vault.seal(with("workday"), now).await), SealError::BadToken(BadToken::Refresh));
        // To client credentials it means nothing (RFC 6749, 4.4.3), whatever it is.
        let (header, learnt) = renewed(&vault, "graph", body.as_bytes(), now).await;
        assert_eq!((header.as_str(), learnt), ("Bearer token-1", vec!["token-1".to_owned()]));
    }
}

#[tokio::test]
async fn redaction_learns_every_form_that_is_sent() {
    let (vault, now) = (vault(), Instant::now());
    for expected in [
        "pat-0123456789",
        "p\u{e4}ss:word",
        "a+b&c=d e~%",
        "refresh/token+one",
        "Basic c3ZjIG5leHVzOnDDpHNzOndvcmQ=",
        // The client of the refresh token, as its header has it, and its secret as it stands in there.
        "Basic aWQlM0F3aXRoJTIwY29sb246YSUyQmIlMjZjJTNEZCUyMGV+JTI1",
        "a%2Bb%26c%3Dd%20e~%25",
    ] {
        assert!(values(&vault).iter().any(|value| value == expected), "{expected}");
    }
    for kind in FETCHED {
        let first = token(kind.0, "token-one", 3600);
        renew(&vault, kind, "token-one", 3600, now).await;
        assert!(values(&vault).contains(&first));
        let failed = ready(vault.seal(with(kind.0), now).await);
        vault.forget(failed);
        renew(&vault, kind, "token-two", 3600, now).await;
        for expected in [first, token(kind.0, "token-two", 3600)] {
            assert!(values(&vault).contains(&expected), "{expected}");
        }
    }
}

#[test]
fn a_token_url_is_read_like_a_shard_s_own() {
    for (url, expected) in [
        ("https://LOGIN.example.com:443/t/token", Some("https://login.example.com/t/token")),
        ("https://login.example.com:8443/t/token", Some("https://login.example.com:8443/t/token")),
        ("http://127.0.0.1:9/token", Some("http://127.0.0.1:9/token")),
        ("http://localhost/token", Some("http://localhost/token")),
        ("http://login.example.com/token", None),
        ("http://10.0.0.1/token", None),
        ("https://login.example.com@evil.test/token", None),
        ("https://login.example.com/token#x", None),
        ("https://login.example.com/%2e%2e/token", None),
        ("login.example.com/token", None),
        ("ftp://login.example.com/token", None),
        ("", None),
    ] {
        assert_eq!(TokenUrl::parse(url).ok().as_ref().map(TokenUrl::as_str), expected, "{url}");
        assert_eq!(TokenUrl::login(url).ok().as_ref().map(TokenUrl::as_str), expected, "{url}");
    }
}

#[test]
fn a_declaration_is_a_credential_or_says_why_not() {
    for (text, fits) in [
        ("secret:CLIENT_SECRET", true),
        ("secret:", false),
        ("secret:lower", false),
        ("SECRET:X", false),
        ("hunter2-in-the-manifest", false),
        ("", false),
    ] {
        assert_eq!(SecretRef::parse(text).is_ok(), fits, "{text:?}");
    }
    for (text, fits) in [("svc", true), ("secret:USER", true), ("secret:user", false), ("a\nb", false), ("", false)] {
        assert_eq!(Text::parse(text).is_ok(), fits, "{text:?}");
    }
    for (name, prefix, fits) in [
        ("Authorization", "Token ", true),
        ("X-Api-Key", "", true),
        ("x api key", "", false),
        ("Host", "", false),
        ("Transfer-Encoding", "", false),
        ("Content-Length", "", false),
        ("X-Api-Key", "a\r\nHost: evil.test", false),
        ("X-Api-Key", "gr\u{fc}n", false),
    ] {
        assert_eq!(CredentialHeader::parse(name, prefix).is_ok(), fits, "{name:?} {prefix:?}");
    }
    let kinds = credentials();
    let settings: BTreeSet<&str> = kinds.values().flat_map(CredentialKind::settings).map(SettingName::as_str).collect();
    assert_eq!(
        settings,
        BTreeSet::from(["CLIENT_ID", "CLIENT_SECRET", "NOT_SET", "PASSWORD", "PAT", "REFRESH_TOKEN", "UMLAUT"])
    );
}

#[test]
fn plain_http_is_kept_for_this_machine_alone() {
    let url = TokenUrl::parse("http://127.0.0.1:9/token").unwrap();
    assert_eq!(url.outbound().scheme(), Scheme::Http);
}

/// Which of the fetched credentials are ready without asking for a token.
async fn live(vault: &Vault, now: Instant) -> Vec<&'static str> {
    let mut live = Vec::new();
    for (credential, _) in FETCHED {
        match vault.seal(with(credential), now).await.unwrap() {
            Sealing::Ready(_) => live.push(credential),
            Sealing::Renew(_) => {}
        }
    }
    live
}

async fn with_tokens(now: Instant) -> Vault {
    let vault = vault_of(credentials(), |_| {});
    for credential in FETCHED {
        renew(&vault, credential, "first-token", 3600, now).await;
    }
    vault
}

#[tokio::test]
async fn a_credential_made_of_the_same_keeps_its_tokens_and_any_other_begins_anew() {
    let now = Instant::now();
    let before = with_tokens(now).await;
    assert_eq!(live(&vault(), now).await, [""; 0], "another vault of the same is another shard's");
    let name = |name: &str| SettingName::parse(name).unwrap();
    let renewed = |setting: &str, value: &str| {
        let value = SecretValue::new(value.to_owned()).unwrap();
        vault_of(credentials(), |secrets| drop(secrets.insert(name(setting), value)))
    };
    let same = vault_of(credentials(), |_| {});
    assert!(same.is_made_of(&before) && before.is_made_of(&same));
    assert_eq!(live(&same.adopting(&before), now).await, ["graph", "workday", "helix"]);
    for (setting, value, kept) in [
        ("CLIENT_SECRET", "another-secret", &["helix"][..]),
        ("REFRESH_TOKEN", "another-token", &["graph", "helix"]),
        ("PASSWORD", "another-word", &["graph", "workday"]),
        ("CLIENT_ID", "another-id", &["workday", "helix"]),
        ("PAT", "another-pat", &["graph", "workday", "helix"]),
    ] {
        let other = renewed(setting, value);
        assert!(!other.is_made_of(&before), "{setting}");
        let other = other.adopting(&before);
        assert_eq!(live(&other, now).await, kept, "{setting}");
        assert!(values(&other).iter().any(|known| known == value), "{setting} is to be masked");
    }
    let without = vault_of(credentials(), |secrets| drop(secrets.remove(&name("CLIENT_SECRET"))));
    assert!(!without.is_made_of(&before));
    for (credential, _) in FETCHED.iter().take(2) {
        let refused = without.clone().adopting(&before).seal(with(credential), now).await;
        assert!(matches!(refused, Err(SealError::Unusable { .. })), "{credential}");
    }
    // The same name for another thing.
    let mut other = credentials();
    for (credential, kind) in &mut other {
        if let CredentialKind::ClientCredentials { scope, .. } | CredentialKind::RefreshToken { scope, .. } = kind {
            *scope = None;
            assert!(["graph", "workday"].contains(&credential.as_str()));
        }
    }
    let other = vault_of(other, |_| {});
    assert!(!other.is_made_of(&before));
    assert_eq!(live(&other.adopting(&before), now).await, ["helix"]);
    let mut fewer = credentials();
    fewer.retain(|credential, _| credential.as_str() != "graph");
    let fewer = vault_of(fewer, |_| {});
    assert!(!fewer.is_made_of(&before) && !before.is_made_of(&fewer));
    assert_eq!(fewer.adopting(&before).credentials().filter(|one| one.as_str() == "graph").count(), 0);
}

#[tokio::test]
async fn a_token_that_either_of_two_vaults_of_the_same_fetches_or_drops_is_both_s() {
    let now = Instant::now();
    let before = vault_of(credentials(), |_| {});
    let body = json!({
        "token_type": "Bearer", "expires_in": 3600, "access_token": "token-one", "refresh_token": "refresh/token+two",
    });
    renewed(&before, "workday", body.to_string().as_bytes(), now).await;
    let after = vault_of(credentials(), |_| {}).adopting(&before);
    for known in ["refresh/token+one", "refresh/token+two", "token-one"] {
        assert!(values(&after).iter().any(|value| value == known), "{known}");
    }
    assert!(after.forget(ready(before.seal(with("workday"), now).await)).is_some());
    let asks = renewal(after.seal(with("workday"), now).await);
    let (_, form) = asked(asks.sealed());
    assert!(form.contains("refresh_token=refresh%2Ftoken%2Btwo"), "{form}");
}
