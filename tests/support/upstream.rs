//! The real systems' stand-ins over real sockets: TLS on a free loopback port, in this process, so that a test can count
//! what arrived there and make it go wrong.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use nexus::wire::mock::{Fault, Handle, Misbehaviour, MockOptions, ServeOptions, serve};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::slapd::{self, Slapd};
use super::{Nexus, repo};

/// What the token endpoint accepts. Each spelling of the secret differs: base64 has `+` and `/` to say otherwise, and
/// percent-encoding and JSON have something to escape.
pub const CLIENT_ID: &str = "7d6c5b4a-1f2e-4d3c-8b9a-0a1b2c3d4e5f";
pub const CLIENT_SECRET: &str = r#"Zq8~vT/4+pL%w"K\x&=9?b>"#;
pub const TENANT: &str = "nexus.corp";

const LOGIN: &str = "login.microsoftonline.com";

pub struct Upstream {
    handle: Option<Handle>,
    runtime: Runtime,
}

impl Upstream {
    /// With the repository's mock data.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// With options of a test's own.
    pub fn with(edit: impl FnOnce(&mut ServeOptions)) -> Self {
        let mut options =
            ServeOptions::new(MockOptions { secrets: World::read().secrets, ..MockOptions::new(mock_data()) });
        edit(&mut options);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let handle = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            serve(options, listener).await.unwrap()
        });
        Self { handle: Some(handle), runtime }
    }

    pub fn addr(&self) -> SocketAddr {
        self.handle().addr()
    }

    /// How many requests have arrived at this `upstream/route`.
    pub fn count(&self, route: &str) -> u64 {
        self.handle().count(route)
    }

    pub fn users(&self) -> u64 {
        self.count("graph/users")
    }

    pub fn tokens(&self) -> u64 {
        self.count("login/token")
    }

    /// From the next request at this route on, so many times; 0 is for ever.
    pub fn fault(&self, route: &str, times: u64, does: Misbehaviour) {
        self.handle().inject(Fault { route: route.to_owned(), at: 1, times, does });
    }

    /// At one later request alone, counted from 1.
    pub fn fault_at(&self, route: &str, at: u64, does: Misbehaviour) {
        self.handle().inject(Fault { route: route.to_owned(), at, times: 1, does });
    }

    pub fn status(&self, route: &str, times: u64, status: u16, retry_after: Option<&str>) {
        self.fault(route, times, Misbehaviour::Status { status, retry_after: retry_after.map(str::to_owned) });
    }

    pub fn expire_tokens(&self) {
        self.handle().expire_tokens();
    }

    /// The identity shard in live mode, with this as both of its upstreams.
    pub fn nexus(&self) -> Nexus {
        self.reached_by(Nexus::identity())
    }

    pub fn reached_by(&self, nexus: Nexus) -> Nexus {
        live(nexus, (self.addr(), self), (self.addr(), self))
    }

    /// The same with a directory beside it, which speaks LDAP.
    pub fn reached_with(&self, nexus: Nexus, slapd: &Slapd) -> Nexus {
        let mut nexus = self.reached_by(nexus);
        let ca = nexus.path("ca.pem");
        let both = fs::read_to_string(&ca).unwrap() + &fs::read_to_string(slapd.authority()).unwrap();
        fs::write(ca, both).unwrap();
        let resolve = nexus.settings["network"]["resolve"].as_table_mut().unwrap();
        resolve.insert(slapd::HOST.into(), slapd.ldaps.to_string().into());
        nexus
            .set("settings.AD_SERVER", slapd::HOST)
            .set("settings.AD_BASE_DN", slapd::BASE)
            .env("AD_USER", slapd::READER)
            .env("AD_PASSWORD", slapd::PASSWORD)
    }

    fn handle(&self) -> &Handle {
        self.handle.as_ref().unwrap()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.runtime.block_on(handle.shutdown());
        }
    }
}

/// Live mode: where the token endpoint and Graph are, and whose certificates are trusted for them.
pub fn live(nexus: Nexus, login: (SocketAddr, &Upstream), graph: (SocketAddr, &Upstream)) -> Nexus {
    let authorities = [login.1, graph.1].map(|upstream| upstream.handle().ca_pem()).concat();
    fs::write(nexus.path("ca.pem"), authorities).unwrap();
    let World { hosts, settings, secrets } = World::read();
    let pin = |host: String| {
        let addr = if host == LOGIN { login.0 } else { graph.0 };
        (host, toml::Value::from(addr.to_string()))
    };
    let nexus = nexus
        .set("mock", false)
        .set("network.extra-ca", "ca.pem")
        .set("network.resolve", hosts.into_iter().map(pin).collect::<toml::Table>())
        .set("settings", settings);
    secrets.iter().fold(nexus, |nexus, (name, value)| nexus.env(name, value))
}

/// What an operator of the mock world would have set, read from its files.
struct World {
    hosts: Vec<String>,
    settings: toml::Table,
    secrets: BTreeMap<String, String>,
}

impl World {
    fn read() -> Self {
        let table = |file: PathBuf| -> toml::Table { toml::from_str(&fs::read_to_string(file).unwrap()).unwrap() };
        let (mut hosts, mut secrets) = (Vec::new(), BTreeMap::new());
        for folder in fs::read_dir(mock_data()).unwrap() {
            let routes = folder.unwrap().path().join("routes.toml");
            if !routes.is_file() {
                continue;
            }
            let routes = table(routes);
            let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
            // A directory is no part of what is served: tests that ask one start a real one.
            hosts.extend(routes.get("hosts").and_then(toml::Value::as_array).into_iter().flatten().map(text));
            let theirs = routes.get("secrets").and_then(toml::Value::as_table);
            secrets.extend(theirs.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))));
        }
        secrets.insert("ENTRA_CLIENT_ID".to_owned(), CLIENT_ID.to_owned());
        secrets.insert("ENTRA_CLIENT_SECRET".to_owned(), CLIENT_SECRET.to_owned());
        Self { hosts, secrets, settings: table(mock_data().join("settings.toml")) }
    }
}

fn mock_data() -> PathBuf {
    repo().join("mock-data")
}

/// An address where nobody listens.
pub fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
