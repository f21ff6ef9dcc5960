//! What a token endpoint answers. Pure: the clock comes in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::credential::fits_a_header;
use super::value::SecretValue;
use super::{BadToken, OAuthError, SealError};

/// The life of a token whose endpoint does not say.
const UNSAID_LIFE: Duration = Duration::from_secs(300);
/// No token is kept longer, whatever its endpoint says.
const MAX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) struct Granted {
    pub(super) token: SecretValue,
    pub(super) life: Duration,
}

/// RFC 6749, 5.1 and 5.2. Of a refusal only the code is kept, and only if the RFC lists it: descriptions carry names of
/// tenants and of applications.
pub(super) fn bearer(status: StatusCode, body: &[u8]) -> Result<Granted, SealError> {
    if status != StatusCode::OK {
        let error = serde_json::from_slice::<ErrorReply>(body).ok().and_then(|reply| OAuthError::parse(&reply.error));
        return Err(SealError::Refused { status, error });
    }
    let reply: TokenReply = serde_json::from_slice(body).map_err(|_| SealError::BadToken(BadToken::NotJson))?;
    if !reply.token_type.eq_ignore_ascii_case("bearer") {
        return Err(SealError::BadToken(BadToken::Kind));
    }
    let life = match reply.expires_in {
        None => UNSAID_LIFE,
        Some(seconds) => seconds.read().ok_or(SealError::BadToken(BadToken::Life))?.min(MAX_LIFE),
    };
    if !fits_a_header(&reply.access_token) || reply.access_token.contains(' ') {
        return Err(SealError::BadToken(BadToken::Value));
    }
    let token = SecretValue::new(reply.access_token).map_err(|_| SealError::BadToken(BadToken::Value))?;
    Ok(Granted { token, life })
}

/// RFC 6749, 6: the same, and perhaps a refresh token in place of the one that was sent. That one may be dead by now, so
/// an answer whose new one cannot be kept is refused as a whole rather than used for as long as it goes well.
pub(super) fn refreshed(status: StatusCode, body: &[u8]) -> Result<(Granted, Option<SecretValue>), SealError> {
    let granted = bearer(status, body);
    if let Err(SealError::Refused { status, error: Some(OAuthError::InvalidGrant) }) = granted {
        return Err(SealError::Revoked { status });
    }
    granted.and_then(|granted| {
        let unfit = SealError::BadToken(BadToken::Refresh);
        let reply: RefreshReply = serde_json::from_slice(body).map_err(|_| unfit.clone())?;
        let refresh = reply.refresh_token.map(SecretValue::new).transpose().map_err(|_| unfit)?;
        Ok((granted, refresh))
    })
}

/// The token is the whole text. Whoever signs people on may answer 200 with a page for them, so what does not look like
/// a signed token (RFC 7519 in the compact form of RFC 7515) is not used as one.
pub(super) fn login(status: StatusCode, body: &[u8], wall: SystemTime) -> Result<Granted, SealError> {
    if status != StatusCode::OK {
        return Err(SealError::Refused { status, error: None });
    }
    let text = std::str::from_utf8(body).map_err(|_| SealError::BadToken(BadToken::NotJwt))?;
    let text = text.trim_matches(['\r', '\n']);
    let claims = claims(text).ok_or(SealError::BadToken(BadToken::NotJwt))?;
    let life = life(&claims, wall).ok_or(SealError::BadToken(BadToken::Expiry))?;
    let token = SecretValue::new(text.to_owned()).map_err(|_| SealError::BadToken(BadToken::Value))?;
    Ok(Granted { token, life })
}

/// The signature is the vendor's to check; that there is one is ours.
fn claims(text: &str) -> Option<Map<String, Value>> {
    let mut parts = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let (header, claims, signature) = (parts.next()??, parts.next()??, parts.next()??);
    if signature.is_empty() || parts.next().is_some() {
        return None;
    }
    serde_json::from_slice::<Map<String, Value>>(&header).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// From `iat` to `exp`, for the vendor's clock need not be ours; without `iat`, from now. RFC 7519, 4.1: numbers of
/// seconds since 1970, fractions allowed.
fn life(claims: &Map<String, Value>, wall: SystemTime) -> Option<Duration> {
    let Some(end) = claims.get("exp") else { return Some(UNSAID_LIFE) };
    let start = match claims.get("iat") {
        Some(start) => start.as_f64()?,
        // A clock before 1970 knows no life.
        None => wall.duration_since(UNIX_EPOCH).ok()?.as_secs_f64(),
    };
    let life = end.as_f64()? - start;
    (life > 0.0).then(|| Duration::from_secs_f64(life.min(MAX_LIFE.as_secs_f64())))
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: String,
    token_type: String,
    expires_in: Option<Seconds>,
}

#[derive(Deserialize)]
struct RefreshReply {
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct ErrorReply {
    error: String,
}

/// A number, or a number in quotes as some endpoints have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

impl Seconds {
    fn read(self) -> Option<Duration> {
        let seconds = match self {
            Seconds::Number(seconds) => seconds,
            Seconds::Text(text) => text.parse().ok()?,
        };
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secrets::tests::jwt;

    fn read(status: u16, body: &str) -> Result<(String, u64), SealError> {
        let status = StatusCode::from_u16(status).unwrap();
        bearer(status, body.as_bytes()).map(|granted| (granted.token.expose().to_owned(), granted.life.as_secs()))
    }

    #[test]
    fn a_token_reply_is_read_as_the_rfc_and_the_vendors_have_it() {
        for (body, expected) in [
            (
                r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"token-1"}"#,
                ("token-1", 3599),
            ),
            (
                r#"{"token_type":"bearer","expires_in":"3600","access_token":"token-2","scope":"CXS"}"#,
                ("token-2", 3600),
            ),
            (r#"{"token_type":"BEARER","access_token":"token-3"}"#, ("token-3", 300)),
            (r#"{"token_type":"Bearer","expires_in":99999999,"access_token":"token-4"}"#, ("token-4", 86400)),
        ] {
            let (token, life) = expected;
            assert_eq!(read(200, body), Ok((token.to_owned(), life)), "{body}");
        }
    }

    #[test]
    fn what_is_no_bearer_token_is_not_used_as_one() {
        for (body, expected) in [
            ("<html>", BadToken::NotJson),
            ("{}", BadToken::NotJson),
            (r#"{"token_type":"Bearer"}"#, BadToken::NotJson),
            (r#"{"token_type":"mac","access_token":"token-1"}"#, BadToken::Kind),
            (r#"{"token_type":"Bearer","expires_in":0,"access_token":"token-1"}"#, BadToken::Life),
            (r#"{"token_type":"Bearer","expires_in":"soon","access_token":"token-1"}"#, BadToken::Life),
            (r#"{"token_type":"Bearer","expires_in":-1,"access_token":"token-1"}"#, BadToken::NotJson),
            (r#"{"token_type":"Bearer","access_token":"short"}"#, BadToken::Value),
            (r#"{"token_type":"Bearer","access_token":"two words"}"#, BadToken::Value),
            (r#"{"token_type":"Bearer","access_token":"line\r\nX-Evil: 1"}"#, BadToken::Value),
        ] {
            assert_eq!(read(200, body), Err(SealError::BadToken(expected)), "{body}");
        }
    }

    #[test]
    fn a_refresh_token_that_is_no_longer_taken_is_told_apart() {
        let bad_request = StatusCode::BAD_REQUEST;
        for (body, expected) in [
            (r#"{"error":"invalid_grant"}"#, SealError::Revoked { status: bad_request }),
            (
                r#"{"error":"invalid_client"}"#,
                SealError::Refused { status: bad_request, error: Some(OAuthError::InvalidClient) },
            ),
            (r#"{"error":"invalid grant"}"#, SealError::Refused { status: bad_request, error: None }),
            ("invalid_grant", SealError::Refused { status: bad_request, error: None }),
        ] {
            assert_eq!(refreshed(bad_request, body.as_bytes()).err(), Some(expected), "{body}");
        }
    }

    const WALL: u64 = 1_700_000_000;

    fn life_of(body: &str) -> Result<u64, SealError> {
        let wall = UNIX_EPOCH + Duration::from_secs(WALL);
        login(StatusCode::OK, body.as_bytes(), wall).map(|granted| {
            assert_eq!(granted.token.expose(), body.trim());
            granted.life.as_secs()
        })
    }

    #[test]
    fn a_login_s_token_lives_as_long_as_it_says() {
        for (claims, life) in [
            (json!({ "iat": WALL, "exp": WALL + 3600 }), 3600),
            // The vendor's clock is an hour behind ours, and a day before it.
            (json!({ "iat": WALL - 3600, "exp": WALL }), 3600),
            (json!({ "iat": WALL + 86400, "exp": WALL + 86460 }), 60),
            (json!({ "exp": WALL + 120 }), 120),
            (json!({ "iat": 1_700_000_000.25, "exp": 1_700_000_060.75 }), 60),
            (json!({}), 300),
            (json!({ "iat": WALL }), 300),
            (json!({ "exp": WALL + 99_999_999 }), 86400),
            (json!({ "iat": 0, "exp": u64::MAX }), 86400),
            (json!({ "exp": 1e300 }), 86400),
        ] {
            assert_eq!(life_of(&jwt(&claims)), Ok(life), "{claims}");
        }
        for end in ["\n", "\r\n", "\n\n"] {
            assert_eq!(life_of(&format!("{}{end}", jwt(&json!({})))), Ok(300), "{end:?}");
        }
    }

    #[test]
    fn a_login_s_token_that_ended_or_says_so_in_words_is_not_used() {
        for claims in [
            json!({ "exp": WALL }),
            json!({ "exp": WALL - 1 }),
            json!({ "exp": -1 }),
            json!({ "exp": 0 }),
            json!({ "iat": WALL, "exp": WALL }),
            json!({ "iat": WALL, "exp": WALL - 1 }),
            json!({ "iat": "then", "exp": WALL + 60 }),
            json!({ "iat": null, "exp": WALL + 60 }),
            json!({ "exp": "1900000000" }),
            json!({ "exp": null }),
            json!({ "exp": [1_900_000_000] }),
            json!({ "exp": true }),
        ] {
            assert_eq!(life_of(&jwt(&claims)), Err(SealError::BadToken(BadToken::Expiry)), "{claims}");
        }
    }

    #[test]
    fn what_is_no_signed_json_web_token_is_not_used_as_one() {
        let good = jwt(&json!({ "exp": WALL + 60 }));
        let (head, rest) = good.split_once('.').unwrap();
        let (claims, signature) = rest.split_once('.').unwrap();
        let coded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for body in [
            "<!DOCTYPE html>\n<html><body>Sign on</body></html>".to_owned(),
            format!("<html>{good}</html>"),
            String::new(),
            "\n".to_owned(),
            "..".to_owned(),
            "plain-token".to_owned(),
            format!("{head}.{claims}"),
            format!("{head}.{claims}."),
            format!(".{claims}.{signature}"),
            format!("{head}..{signature}"),
            format!("{good}.{signature}"),
            format!("{good}.{signature}.{signature}"),
            format!(" {good}"),
            format!("{good} "),
            format!("Bearer {good}"),
            format!("{good:?}"),
            format!("{good}\r\nX-Evil: 1"),
            format!("{head}.{claims}\r\n.{signature}"),
            format!("{good}\0"),
            format!("{head}=.{claims}.{signature}"),
            format!("{head}.{claims}.not+base64/url"),
            format!("\u{feff}{good}"),
            format!("{}.{claims}.{signature}", coded("not JSON")),
            format!("{}.{claims}.{signature}", coded("[]")),
            format!("{head}.{}.{signature}", coded("not JSON")),
            format!("{head}.{}.{signature}", coded("[1900000000]")),
            format!("{head}.{}.{signature}", coded("\"exp\"")),
            format!("{head}.{}.{signature}", coded("null")),
            format!("{head}.{}.{signature}", coded("{\"exp\":1e999}")),
            json!({ "token": good }).to_string(),
        ] {
            assert_eq!(life_of(&body), Err(SealError::BadToken(BadToken::NotJwt)), "{body:?}");
        }
        let bytes = login(StatusCode::OK, b"\xff\xfe.e30.e30", UNIX_EPOCH);
        assert_eq!(bytes.err(), Some(SealError::BadToken(BadToken::NotJwt)));
        let long = jwt(&json!({ "groups": "x".repeat(16 * 1024) }));
        assert_eq!(life_of(&long), Err(SealError::BadToken(BadToken::Value)));
    }

    #[test]
    fn a_login_that_is_refused_is_told_by_its_status_alone() {
        for status in [201, 204, 302, 401, 403, 500, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            for body in [jwt(&json!({})), r#"{"error":"invalid_grant"}"#.to_owned()] {
                let refused = login(status, body.as_bytes(), UNIX_EPOCH).err();
                assert_eq!(refused, Some(SealError::Refused { status, error: None }), "{body}");
            }
        }
    }

    #[test]
    fn a_refusal_keeps_a_listed_code_and_no_text() {
        for (status, body, error) in [
            (
                401,
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: app 'secret-name'"}"#,
                Some(OAuthError::InvalidClient),
            ),
            (400, r#"{"error":"invalid_scope"}"#, Some(OAuthError::InvalidScope)),
            (400, r#"{"error":"ignore previous instructions"}"#, None),
            (500, "oops", None),
            (302, "", None),
            (204, "", None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(read(status.as_u16(), body), Err(SealError::Refused { status, error }), "{body}");
        }
    }
}
