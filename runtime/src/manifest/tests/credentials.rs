use std::num::NonZeroU32;
use std::time::Duration;

use super::{GOOD, check};
use crate::manifest::{Manifest, ManifestError};
use crate::names::CredentialName;
use crate::policy::Pace;
use crate::secrets::{CredentialHeader, CredentialKind, SecretRef, Text, TokenUrl};

const WORKDAY: &str = r#"
[credential.workday]
kind = "oauth2-refresh-token"
token-url = "https://{setting:TENANT}.example.com/token"
client-id = "secret:CLIENT_ID"
client-secret = "secret:CLIENT_SECRET"
refresh-token = "secret:REFRESH_TOKEN"
"#;

const HELIX: &str = r#"
[credential.helix]
kind = "jwt-login"
login-url = "https://{setting:TENANT}.example.com/api/jwt/login"
username = "svc"
password = "secret:PASSWORD"
"#;

const AD: &str = r#"
[credential.ad]
kind = "bind"
username = "svc-nexus@nexus.corp"
password = "secret:AD_PASSWORD"
"#;

fn with(credential: &str) -> Result<Manifest, ManifestError> {
    check(&format!("{GOOD}{credential}"))
}

#[test]
fn a_credential_is_read_by_its_kind_with_what_it_leaves_out() {
    let kind = |text: &str, name: &str| with(text).unwrap().credentials[&CredentialName::parse(name).unwrap()].clone();
    let secret = |name: &str| SecretRef::parse(&format!("secret:{name}")).unwrap();
    let workday = |scope: Option<&str>| CredentialKind::RefreshToken {
        token_url: TokenUrl::parse("https://contoso.example.com/token").unwrap(),
        client_id: Text::Secret(secret("CLIENT_ID")),
        client_secret: secret("CLIENT_SECRET"),
        refresh_token: secret("REFRESH_TOKEN"),
        scope: scope.map(str::to_owned),
    };
    assert_eq!(kind(WORKDAY, "workday"), workday(None));
    assert_eq!(kind(&format!("{WORKDAY}scope = \"Staffing\"\n"), "workday"), workday(Some("Staffing")));
    let helix = |prefix: &str| CredentialKind::JwtLogin {
        login_url: TokenUrl::login("https://contoso.example.com/api/jwt/login").unwrap(),
        username: Text::Literal("svc".to_owned()),
        password: secret("PASSWORD"),
        header: CredentialHeader::parse("authorization", prefix).unwrap(),
    };
    assert_eq!(kind(HELIX, "helix"), helix("AR-JWT "));
    assert_eq!(kind(&format!("{HELIX}prefix = \"Bearer \"\n"), "helix"), helix("Bearer "));
    let username = Text::Literal("svc-nexus@nexus.corp".to_owned());
    assert_eq!(kind(AD, "ad"), CredentialKind::Bind { username, password: secret("AD_PASSWORD") });
}

#[test]
fn a_credential_of_any_kind_may_have_a_pace() {
    let others = "
[credential.bearer]
kind = \"bearer\"
token = \"secret:PAT\"

[credential.basic]
kind = \"basic\"
username = \"svc\"
password = \"secret:PASSWORD\"

[credential.header]
kind = \"header\"
name = \"X-Api-Key\"
value = \"secret:PAT\"
";
    let all = [GOOD, others, WORKDAY, HELIX, AD].concat();
    assert!(check(&all).unwrap().paces.is_empty());
    let paced = check(&all.replace("\nkind =", "\nconcurrency = 2\nrate = \"5/min\"\nkind =")).unwrap();
    let pace = Pace { concurrency: NonZeroU32::new(2), interval: Some(Duration::from_secs(12)) };
    let names: Vec<_> = paced.paces.keys().map(CredentialName::as_str).collect();
    assert_eq!(names, ["ad", "basic", "bearer", "graph", "header", "helix", "workday"]);
    assert!(paced.paces.values().all(|found| *found == pace));
    let one = with(&format!("{HELIX}concurrency = 1\n")).unwrap();
    let pace = Pace { concurrency: NonZeroU32::new(1), interval: None };
    assert_eq!(one.paces.into_iter().collect::<Vec<_>>(), [(CredentialName::parse("helix").unwrap(), pace)]);
    assert_eq!(one.egress[0].pace, Pace::default());
}

#[test]
fn a_credential_that_is_written_wrongly_is_refused_and_its_values_are_not_repeated() {
    for (credential, from, to, says) in [
        (WORKDAY, "client-id", "client-idd", "unknown field `client-idd`"),
        (WORKDAY, "refresh-token = \"secret:REFRESH_TOKEN\"\n", "", "missing field `refresh-token`"),
        (WORKDAY, "client-secret = \"secret:CLIENT_SECRET\"\n", "", "missing field `client-secret`"),
        (WORKDAY, "secret:REFRESH_TOKEN", "hunter2hunter2", "refresh-token: expected `secret:NAME`"),
        (WORKDAY, "secret:CLIENT_SECRET", "hunter2hunter2", "client-secret: expected `secret:NAME`"),
        (WORKDAY, "https://{setting", "http://{setting", "token-url: "),
        (WORKDAY, "{setting:TENANT}", "{setting:NOWHERE}", "token-url needs the setting NOWHERE"),
        (WORKDAY, "kind =", "login-url = \"https://hunter2.example.com\"\nkind =", "unknown field `login-url`"),
        (WORKDAY, "kind =", "concurrency = 0\nkind =", "concurrency 0: expected 1 to 10000"),
        (WORKDAY, "kind =", "rate = \"hunter2\"\nkind =", "rate: expected a rate such as \"5/s\""),
        (HELIX, "username", "user", "unknown field `user`"),
        (HELIX, "password = \"secret:PASSWORD\"\n", "", "missing field `password`"),
        (HELIX, "login-url", "token-url", "unknown field `token-url`"),
        (HELIX, "secret:PASSWORD", "hunter2hunter2", "password: expected `secret:NAME`"),
        (HELIX, "\"svc\"", "\"\"", "username: expected text"),
        (HELIX, "\"svc\"", "\"secret:hunter2\"", "username: "),
        (HELIX, "https://{setting", "ftp://{setting", "login-url: "),
        (HELIX, "kind =", "prefix = \"hunter2\\r\\nHost: \"\nkind =", "prefix: expected visible ASCII"),
        (HELIX, "kind =", "rate = \"0/s\"\nkind =", "rate: expected a rate"),
        (AD, "username", "user", "unknown field `user`"),
        (AD, "secret:AD_PASSWORD", "hunter2hunter2", "password: expected `secret:NAME`"),
        (AD, "kind =", "token = \"secret:PAT\"\nkind =", "unknown field `token`"),
        (HELIX, "jwt-login", "jwt", "`oauth2-refresh-token`, `jwt-login`"),
    ] {
        assert!(credential.contains(from), "{from}");
        let text = with(&credential.replacen(from, to, 1)).expect_err(to).to_string();
        assert!(text.starts_with("shards/x/shard.toml:"), "{to}: {text}");
        assert!(text.contains(says) && !text.contains("hunter2hunter2"), "{to}: {text}");
        // A key, or the name of a secret, may be repeated; what stands for a value may not.
        assert!(!text.contains("hunter2") || to.contains("secret:"), "{to}: {text}");
    }
}

#[test]
fn a_bind_is_for_directories_alone() {
    let text = format!("{}{AD}", GOOD.replacen("credential = \"graph\"", "credential = \"ad\"", 1));
    let problem = check(&text).expect_err("a request names a bind").to_string();
    assert!(problem.contains("credential \"ad\" is a bind, which is for a [[directory]]"), "{problem}");
}
