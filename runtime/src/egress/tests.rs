//! Credentials whose tokens the door fetches, and how fast they may be used: against a mock upstream, in process and over
//! TLS on loopback.

mod others;
mod refusals;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant as Deadline;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::audit::Options;
use crate::manifest::{Manifest, Values};
use crate::names::{SettingName, ToolName};
use crate::outbound::DnsName;
use crate::policy::{Directories, Grants};
use crate::refusal::Code;
use crate::secrets::{SealError, SecretValue, Vault};
use crate::wire::mock::{Fault, Misbehaviour, Mock, MockOptions, ServeOptions, serve};
use crate::wire::{Network, NetworkOptions};

const PASSWORD: &str = "p\u{e4}ss word&more";
const CLIENT_SECRET: &str = "a+b&c=d e~%:f";
const FIRST: &str = "refresh/token+one";
const ROTATED: &str = "refresh/token+two";

/// Each credential has its own upstream, and what it may reach there.
fn manifest(helix: &str, workday: &str) -> Manifest {
    let grant = |host: &str, path: &str, credential: &str| {
        format!(
            "[[egress]]\nhost = \"{host}\"\nmethods = [\"GET\"]\npaths = [\"{path}\"]\ncredential = \"{credential}\"\n"
        )
    };
    let text = [
        "[shard]\nname = \"x\"\nversion = \"1\"\ncomponent = \"x.wasm\"\ntools-prefix = [\"x_\"]\n",
        &grant("helix.example.com", "/a", "helix"),
        &grant("helix.example.com", "/b", "helix"),
        &grant("workday.example.com", "/echo", "workday"),
        "[credential.helix]\nkind = \"jwt-login\"\nlogin-url = \"https://helix.example.com/api/jwt/login\"\n",
        "username = \"svc nexus\"\npassword = \"secret:PASSWORD\"\n",
        helix,
        "\n[credential.workday]\nkind = \"oauth2-refresh-token\"\ntoken-url = \"https://workday.example.com/token\"\n",
        "client-id = \"the client\"\nclient-secret = \"secret:CLIENT_SECRET\"\nrefresh-token = \"secret:REFRESH_TOKEN\"\n",
        workday,
    ]
    .concat();
    Manifest::parse(&text, Path::new("shard.toml"), &Nothing).unwrap()
}

struct Nothing;

impl Values for Nothing {
    fn value(&self, _: &SettingName) -> Option<String> {
        None
    }
}

fn vault(manifest: &Manifest) -> Vault {
    let secrets = [("PASSWORD", PASSWORD), ("CLIENT_SECRET", CLIENT_SECRET), ("REFRESH_TOKEN", FIRST)]
        .map(|(name, value)| (SettingName::parse(name).unwrap(), SecretValue::new(value.to_owned()).unwrap()));
    Vault::new(manifest.credentials.clone(), BTreeMap::from(secrets))
}

const HELIX: &str = r#"
hosts = ["helix.example.com"]
[auth]
prefix = "AR-JWT "
accepts = "tokens"
[secrets]
PASSWORD = "p\u00e4ss word&more"
[[route]]
name = "login"
method = "POST"
path = "/api/jwt/login"
open = true
issues = "helix"
token = "jwt"
reply = '''
if .checks and ($request.body | [.username, .password]) != ["svc nexus", .secrets.PASSWORD] then
  {status: 401, body: [{messageType: "ERROR", messageNumber: 623, messageText: "Authentication failed"}]}
else {status: 200, text: "\(.token)\n"} end
'''
[[route]]
name = "a"
method = "GET"
path = "/a"
reply = '{status: 200, body: {said: "a"}}'
[[route]]
name = "b"
method = "GET"
path = "/b"
open = true
reply = '{status: 200, body: {said: "b"}}'
"#;

/// Gives another refresh token for the first one, and echoes all that it knows.
const WORKDAY: &str = r#"
hosts = ["workday.example.com"]
[auth]
prefix = "Bearer "
accepts = "tokens"
[secrets]
CLIENT_ID = "the client"
CLIENT_SECRET = "a+b&c=d e~%:f"
FIRST = "refresh/token+one"
ROTATED = "refresh/token+two"
[[route]]
name = "token"
method = "POST"
path = "/token"
open = true
issues = "workday"
reply = '''
if .checks and .basic != [.secrets.CLIENT_ID, .secrets.CLIENT_SECRET] then {status: 401, body: {error: "invalid_client"}}
elif $request.body.grant_type != "refresh_token" then {status: 400, body: {error: "unsupported_grant_type"}}
elif $request.headers.authorization then error("the header is not for expressions")
elif $request.body.refresh_token == .secrets.ROTATED then {status: 200, body: {access_token: .token, token_type: "bearer"}}
elif $request.body.refresh_token == .secrets.FIRST then
  {status: 200, body: {access_token: .token, token_type: "bearer", expires_in: 3600, refresh_token: .secrets.ROTATED}}
else {status: 400, body: {error: "invalid_grant"}} end
'''
[[route]]
name = "echo"
method = "GET"
path = "/echo"
reply = '''
"the%20client:a%2Bb%26c%3Dd%20e~%25%3Af" as $pair |
{status: 200, body: {first: "<refresh/token+one>", new: "<refresh/token+two>", coded: ("refresh/token+two" | @base64),
  header: "<Basic \($pair | @base64)>", pair: ($pair | @base64), form: "client=a%2Bb%26c%3Dd%20e~%25%3Af", clean: "yes"}}
'''
"#;

struct Setup {
    door: Door,
    rights: Arc<Rights>,
    /// Removed when the test ends.
    folder: tempfile::TempDir,
}

impl Setup {
    /// Live in all but the sockets.
    fn new(helix: &str) -> (Arc<Self>, Mock) {
        let folder = data(HELIX, WORKDAY);
        let mock = Mock::load(MockOptions::new(folder.path())).unwrap();
        (Self::with(folder, Wire::Mock(mock.clone()), manifest(helix, "")), mock)
    }

    fn with(folder: tempfile::TempDir, wire: Wire, manifest: Manifest) -> Arc<Self> {
        let vault = vault(&manifest);
        let ledger = Ledger::open(&folder.path().join("ledger.jsonl"), Options::default().danger_unsynced()).unwrap();
        let values = vault.values();
        let scrubber = Scrubber::new(values.iter().map(|value| &**value));
        Arc::new(Self { door: Door::new(ledger, wire, scrubber), rights: rights(manifest), folder })
    }

    fn caller(&self, time: Duration) -> Caller {
        let (tool, call) =
            (ToolName::parse("x_tool").unwrap(), "01890000-0000-7000-8000-000000000000".parse().unwrap());
        let deadline = Deadline::now() + time;
        Caller::new(self.rights.clone(), tool, Arc::default(), call, deadline, CancellationToken::new(), None)
    }

    /// Status and body, or why not.
    async fn get(&self, url: &str, credential: Option<&str>, time: Duration) -> Result<(u16, String), Refusal> {
        let reply = self.door.cross(&self.caller(time), asked(url, credential)).await?.into_inner();
        Ok((reply.status.as_u16(), String::from_utf8(reply.body.to_vec()).unwrap()))
    }

    async fn helix(&self, path: &str) -> (u16, String) {
        self.get(&format!("https://helix.example.com{path}"), Some("helix"), ENOUGH).await.unwrap()
    }

    /// With hardly any time: long enough for what need not wait, too short for what does.
    async fn gives_up(&self, path: &str) {
        let met = self.get(&format!("https://helix.example.com{path}"), Some("helix"), Duration::from_millis(50)).await;
        assert!(matches!(met, Err(Refusal::Deadline)), "{met:?}");
    }

    /// Drops the live token of this credential, as after a 401.
    async fn forget(&self, url: &str, credential: &str) {
        let tool = ToolName::parse("x_tool").unwrap();
        let outbound = Outbound::parse(asked(url, Some(credential))).unwrap();
        let permit = self.rights.grants.permit(Some(&tool), outbound).unwrap();
        match self.rights.vault.seal(permit, Instant::now()).await {
            Ok(Sealing::Ready(sealed)) => assert!(self.rights.vault.forget(sealed).is_some()),
            Ok(Sealing::Renew(_)) | Err(_) => panic!("there is no live token"),
        }
    }
}

const ENOUGH: Duration = Duration::from_secs(60);

fn asked(url: &str, credential: Option<&str>) -> GuestRequest {
    GuestRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        credential: credential.map(str::to_owned),
    }
}

fn data(helix: &str, workday: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let file: PathBuf = folder.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write("clock.toml", "now = \"2026-06-15T09:00:00Z\"\n");
    write("helix/routes.toml", helix);
    write("workday/routes.toml", workday);
    folder
}

fn once(mock: &Mock, route: &str, does: Misbehaviour) {
    mock.inject(Fault { route: route.to_owned(), at: 1, times: 1, does });
}

/// Until a request has reached that route.
async fn arrives(mock: &Mock, route: &str, count: u64) {
    let arrived = async {
        while mock.count(route) < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(ENOUGH, arrived).await.unwrap();
}

#[tokio::test]
async fn where_one_session_is_borne_a_login_and_its_requests_get_through_one_by_one() {
    let (setup, mock) = Setup::new("concurrency = 1");
    let calls: Vec<_> = (0..8)
        .map(|n| {
            let setup = Arc::clone(&setup);
            tokio::spawn(async move { setup.helix(["/a", "/b"][n % 2]).await.0 })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!((mock.count("helix/login"), mock.count("helix/a"), mock.count("helix/b")), (1, 4, 4));
}

#[tokio::test]
async fn where_one_session_is_borne_nothing_goes_beside_a_login() {
    let (setup, mock) = Setup::new("concurrency = 1");
    once(&mock, "helix/login", Misbehaviour::Stall);
    let stalled = {
        let setup = Arc::clone(&setup);
        tokio::spawn(async move { setup.helix("/a").await })
    };
    arrives(&mock, "helix/login", 1).await;
    setup.gives_up("/b").await;
    assert_eq!((mock.count("helix/login"), mock.count("helix/a"), mock.count("helix/b")), (1, 0, 0));
    // Without the credential there is nothing to wait for.
    let bare = setup.get("https://helix.example.com/b", None, ENOUGH).await.unwrap();
    assert_eq!(bare.0, 200);
    // Who logs in gives up: the next one logs in.
    stalled.abort();
    assert!(stalled.await.unwrap_err().is_cancelled());
    assert_eq!(setup.helix("/a").await.0, 200);
    assert_eq!((mock.count("helix/login"), mock.count("helix/a")), (2, 1));
}

#[tokio::test]
async fn where_one_session_is_borne_no_login_goes_beside_a_request() {
    let (setup, mock) = Setup::new("concurrency = 1");
    assert_eq!(setup.helix("/a").await.0, 200);
    once(&mock, "helix/a", Misbehaviour::Stall);
    let stalled = {
        let setup = Arc::clone(&setup);
        tokio::spawn(async move { setup.helix("/a").await })
    };
    arrives(&mock, "helix/a", 2).await;
    setup.gives_up("/b").await;
    setup.forget("https://helix.example.com/a", "helix").await;
    setup.gives_up("/b").await;
    assert_eq!((mock.count("helix/login"), mock.count("helix/b")), (1, 0));
    stalled.abort();
    assert!(stalled.await.unwrap_err().is_cancelled());
    assert_eq!(setup.helix("/b").await.0, 200);
    assert_eq!((mock.count("helix/login"), mock.count("helix/b")), (2, 1));
}

#[tokio::test]
async fn a_session_that_is_no_longer_accepted_is_opened_once_more() {
    let (setup, mock) = Setup::new("concurrency = 1");
    once(&mock, "helix/a", Misbehaviour::ExpiredToken);
    assert_eq!(setup.helix("/a").await.0, 200);
    assert_eq!((mock.count("helix/login"), mock.count("helix/a")), (2, 2));
    mock.inject(Fault { route: "helix/a".to_owned(), at: 1, times: 0, does: Misbehaviour::ExpiredToken });
    assert_eq!(setup.helix("/a").await.0, 401);
    assert_eq!((mock.count("helix/login"), mock.count("helix/a")), (3, 4));
}

#[tokio::test]
async fn a_login_uses_up_no_start_of_its_credential() {
    let (setup, mock) = Setup::new("rate = \"1/h\"");
    assert_eq!(setup.helix("/a").await.0, 200);
    setup.gives_up("/a").await;
    // The other grant has the same credential.
    setup.gives_up("/b").await;
    assert_eq!((mock.count("helix/login"), mock.count("helix/a"), mock.count("helix/b")), (1, 1, 0));
}

#[tokio::test]
async fn a_page_to_sign_on_at_is_no_token() {
    let (setup, mock) = Setup::new("");
    once(&mock, "helix/login", Misbehaviour::Html { status: 200 });
    let met = setup.get("https://helix.example.com/a", Some("helix"), ENOUGH).await;
    assert!(matches!(met, Err(Refusal::Seal(SealError::BadToken(_)))), "{met:?}");
    assert_eq!(mock.count("helix/a"), 0);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_used_and_neither_it_nor_the_old_one_comes_back() {
    let (setup, mock) = Setup::new("");
    let url = "https://workday.example.com/echo";
    for tokens in 1..4 {
        let (status, body) = setup.get(url, Some("workday"), ENOUGH).await.unwrap();
        let mark = "[redacted:secret]";
        let said =
            |key: &str| serde_json::from_str::<serde_json::Value>(&body).unwrap()[key].as_str().unwrap().to_owned();
        assert_eq!((status, said("clean").as_str()), (200, "yes"));
        for key in ["first", "new", "header"] {
            assert_eq!(said(key), format!("<{mark}>"), "{body}");
        }
        for key in ["coded", "pair"] {
            assert_eq!(said(key).trim_end_matches('='), mark, "{body}");
        }
        assert!(!said("form").contains("a%2Bb"), "{body}");
        assert_eq!(mock.count("workday/token"), tokens);
        setup.forget(url, "workday").await;
    }
    written_nowhere(&setup);
}

/// Over sockets the stand-in checks who asks: the client by its Basic header, the form, and the tokens that it gave out.
#[tokio::test]
async fn both_kinds_pass_an_upstream_that_checks() {
    let folder = data(HELIX, WORKDAY);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = serve(ServeOptions::new(MockOptions::new(folder.path())), listener).await.unwrap();
    let names = ["helix.example.com", "workday.example.com"].map(|name| (DnsName::parse(name).unwrap(), server.addr()));
    let options = NetworkOptions {
        extra_roots: NetworkOptions::roots_from_pem(server.ca_pem().as_bytes()).unwrap(),
        resolve: names.into(),
        ..NetworkOptions::default()
    };
    let setup = Setup::with(folder, Wire::Network(Network::new(options).unwrap()), manifest("concurrency = 1", ""));
    let workday = async || setup.get("https://workday.example.com/echo", Some("workday"), ENOUGH).await.unwrap().0;
    for round in 1..4 {
        assert_eq!((setup.helix("/a").await.0, workday().await), (200, 200));
        assert_eq!((server.count("helix/login"), server.count("workday/token")), (round, round));
        server.expire_tokens();
    }
    let bare = setup.get("https://helix.example.com/a", None, ENOUGH).await.unwrap();
    assert_eq!(bare.0, 401);
    written_nowhere(&setup);
}

fn written_nowhere(setup: &Setup) {
    let ledger = std::fs::read_to_string(setup.folder.path().join("ledger.jsonl")).unwrap();
    assert!(ledger.contains("\"token\""), "{ledger}");
    for secret in [PASSWORD, CLIENT_SECRET, FIRST, ROTATED, "eyJ"] {
        assert!(!ledger.contains(secret), "{ledger}");
    }
}

/// The manifest's two grants of one host, in this order and at these rates.
fn paced(grants: [(&str, &str); 2]) -> Manifest {
    let mut manifest = manifest("", "");
    let mut egress = Vec::new();
    for (path, rate) in grants {
        let at = manifest.egress.iter().position(|grant| grant.paths[0].to_string() == path).unwrap();
        let grant = manifest.egress.remove(at);
        let pace = Pace { concurrency: None, interval: Some(units_of(rate)) };
        egress.push(crate::policy::EgressGrant { pace, ..grant });
    }
    manifest.egress.splice(0..0, egress);
    manifest
}

fn units_of(rate: &str) -> Duration {
    match rate {
        "1/h" => Duration::from_secs(3600),
        "1000/s" => Duration::from_millis(1),
        other => panic!("{other}"),
    }
}

fn rights(manifest: Manifest) -> Arc<Rights> {
    let vault = vault(&manifest);
    Arc::new(Rights {
        shard: manifest.name,
        grants: Grants::new(manifest.egress),
        directories: Directories::new(manifest.directories),
        peers: Default::default(),
        artifacts: Default::default(),
        vault,
        paces: manifest.paces,
        limits: manifest.limits,
    })
}

/// A request at each of the two paths: whether it goes at once.
async fn go(setup: &Setup, rights: &Arc<Rights>) -> [bool; 2] {
    let mut gone = [false; 2];
    for (gone, path) in gone.iter_mut().zip(["/a", "/b"]) {
        let (tool, call) =
            (ToolName::parse("x_tool").unwrap(), "01890000-0000-7000-8000-000000000000".parse().unwrap());
        let deadline = Deadline::now() + Duration::from_secs(60);
        let caller = Caller::new(rights.clone(), tool, Arc::default(), call, deadline, CancellationToken::new(), None);
        let request = asked(&format!("https://helix.example.com{path}"), Some("helix"));
        *gone = setup.door.cross(&caller, request).await.is_ok();
    }
    gone
}

#[tokio::test]
async fn each_grant_keeps_its_own_pace_wherever_it_stands_and_another_pace_counts_from_its_adoption() {
    let folder = data(HELIX, WORKDAY);
    let mock = Mock::load(MockOptions::new(folder.path())).unwrap();
    let setup = Setup::with(folder, Wire::Mock(mock), manifest("", ""));
    let first = rights(paced([("/a", "1/h"), ("/b", "1000/s")]));
    setup.door.adopt_paces([&*first]);
    assert_eq!(go(&setup, &first).await, [true, true]);
    assert_eq!(go(&setup, &first).await, [false, true]);
    // The other way round they are the same grants.
    let turned = rights(paced([("/b", "1000/s"), ("/a", "1/h")]));
    setup.door.adopt_paces([&*turned]);
    assert_eq!(go(&setup, &turned).await, [false, true]);
    // What is approved now holds, for calls that began before as well.
    let other = rights(paced([("/a", "1000/s"), ("/b", "1/h")]));
    setup.door.adopt_paces([&*other]);
    assert_eq!(go(&setup, &first).await, [true, false]);
    assert_eq!(go(&setup, &other).await, [true, false]);
}
