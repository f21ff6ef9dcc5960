//! Against servers on loopback that own a real certificate and do one wrong thing each.

use std::future::Future;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::outbound::{DnsName, Host, Scheme};
use crate::policy::address::{Forbidden, Reach};
use crate::secrets::tests::Asked;
use crate::wire::{RawReply, Request};

const NAME: &str = "api.example.com";
const LIMIT: usize = 64 * 1024;

#[tokio::test]
async fn a_request_arrives_as_it_was_judged_with_what_is_the_host_s() {
    let server = Server::good(|_| Act::reply("HTTP/1.1 201 Created\r\nX-Id: 7\r\nContent-Length: 2\r\n\r\nok")).await;
    let asked = Asked {
        method: "POST",
        url: "https://api.example.com/v1/a%20b?q=x%26y",
        headers: &[("x-trace", "1")],
        body: "{}",
        ..Asked::default()
    };
    let reply = server.send(&asked).await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.body().as_ref()), (201, &b"ok"[..]));
    assert_eq!(reply.headers()["x-id"], "7");
    let mut lines: Vec<String> = server.requests()[0].lines().map(str::to_lowercase).collect();
    assert_eq!(lines.remove(0), "post /v1/a%20b?q=x%26y http/1.1");
    lines.sort();
    let agent = concat!("user-agent: nexus/", env!("CARGO_PKG_VERSION"));
    let expected =
        ["", "accept-encoding: gzip", "content-length: 2", "host: api.example.com", agent, "x-trace: 1", "{}"];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_certificate_that_does_not_convince_ends_it_before_a_byte_is_sent() {
    for wrong in [Certificate::OtherAuthority, Certificate::OtherName, Certificate::Expired] {
        let server = Server::start(wrong, |_| Act::reply(OK)).await;
        let error = server.send(&Asked::default()).await.err().unwrap();
        assert!(matches!(error, WireError::Untrusted(_)), "{wrong:?}: {error:?}");
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn a_server_without_tls_is_unreachable_and_learns_nothing() {
    // As servers do that are asked in TLS and speak plain text.
    let server = Server::listen(authority().der().clone(), Arc::new(|_| Act::reply(OK)), |mut tcp, _, _| async move {
        drop(tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
    })
    .await;
    let error = server.send(&Asked::default()).await.err().unwrap();
    assert!(matches!(error, WireError::Unreachable(Unreachable::Tls(_))), "{error:?}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn plain_http_goes_to_this_machine_where_the_operator_allows_it() {
    let server = Server::plain(|_| Act::reply(OK)).await;
    let url = format!("http://127.0.0.1:{}/v1/users", server.address.port());
    let asked = Asked { url: &url, ..Asked::default() };
    let strict = Network::new(options(&server)).unwrap();
    let error = send(&strict, &asked).await.err().unwrap();
    assert!(matches!(error, WireError::ForbiddenAddress(_)), "{error:?}");
    let open = Network::new(NetworkOptions { allow_loopback: true, ..options(&server) }).unwrap();
    assert_eq!(send(&open, &asked).await.unwrap().status(), StatusCode::OK);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_forbidden_address_is_not_dialled_although_a_server_is_there() {
    let server = Server::good(|_| Act::reply(OK)).await;
    let network = Network::new(options(&server)).unwrap();
    let port = server.address.port();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{port}/v1/users");
        let error = send(&network, &Asked { url: &url, private: true, ..Asked::default() }).await.err().unwrap();
        assert!(
            matches!(error, WireError::ForbiddenAddress(found) if found.address.is_loopback()),
            "{host}: {error:?}"
        );
    }
    assert_eq!(server.connections(), 0);
}

/// Nothing is dialled here: where both halves open private ranges, the reach says so and no request is made.
#[tokio::test]
async fn a_private_address_takes_the_manifest_and_the_operator() {
    let pinned = |allow_private| NetworkOptions {
        resolve: [(DnsName::parse(NAME).unwrap(), "10.0.0.1:443".parse().unwrap())].into(),
        allow_private,
        ..NetworkOptions::default()
    };
    let host = Host::parse("intranet.example.com").unwrap();
    for operator in [false, true] {
        let dialer = dial::Dialer::new(pinned(operator)).unwrap();
        for manifest in [false, true] {
            let reach = dialer.reach(&host, Reach { private: manifest, loopback: false });
            assert_eq!(reach, Reach { private: manifest && operator, loopback: false }, "{manifest} {operator}");
        }
    }
    for (manifest, operator) in [(false, false), (true, false), (false, true)] {
        let network = Network::new(pinned(operator)).unwrap();
        let error = send(&network, &Asked { private: manifest, ..Asked::default() }).await.err().unwrap();
        assert!(
            matches!(&error, WireError::ForbiddenAddress(found) if found.why == Some(Forbidden::Private)),
            "{manifest} {operator}: {error:?}"
        );
    }
}

#[test]
fn one_forbidden_answer_refuses_the_whole_name() {
    let socket = |text: &str| SocketAddr::new(text.parse().unwrap(), 443);
    let closed = Reach { private: false, loopback: false };
    let private = Reach { private: true, loopback: false };
    let here = Reach { private: false, loopback: true };
    for (answers, scheme, reach, expected) in [
        (vec!["93.184.216.34"], Scheme::Https, closed, Ok(1)),
        (vec!["93.184.216.34", "2606:2800:220:1::1"], Scheme::Https, closed, Ok(2)),
        (vec!["93.184.216.34", "10.0.0.1"], Scheme::Https, closed, Err("10.0.0.1")),
        (vec!["93.184.216.34", "10.0.0.1"], Scheme::Https, private, Ok(2)),
        (vec!["169.254.169.254"], Scheme::Https, private, Err("169.254.169.254")),
        (vec!["127.0.0.1"], Scheme::Https, private, Err("127.0.0.1")),
        (vec!["::ffff:127.0.0.1"], Scheme::Https, private, Err("::ffff:127.0.0.1")),
        (vec!["127.0.0.1"], Scheme::Http, here, Ok(1)),
        (vec!["127.0.0.1", "93.184.216.34"], Scheme::Http, here, Err("93.184.216.34")),
    ] {
        let found: Vec<_> = answers.iter().map(|text| socket(text)).collect();
        match (dial::judge(&found, scheme, reach), expected) {
            (Ok(targets), Ok(n)) => assert_eq!(targets.len(), n, "{answers:?}"),
            (Err(WireError::ForbiddenAddress(found)), Err(text)) => {
                assert_eq!(found.address, text.parse::<IpAddr>().unwrap())
            }
            (Ok(_), Err(_)) => panic!("{answers:?} passes"),
            (Err(error), _) => panic!("{answers:?}: {error:?}"),
        }
    }
    assert!(dial::judge(&[], Scheme::Https, closed).is_err());
}

#[tokio::test]
async fn a_redirect_is_a_reply() {
    let moved = "HTTP/1.1 302 Found\r\nLocation: https://evil.test/\r\nContent-Length: 0\r\n\r\n";
    let server = Server::good(move |_| Act::reply(moved)).await;
    let reply = server.send(&Asked::default()).await.unwrap();
    assert_eq!(reply.status(), StatusCode::FOUND);
    assert_eq!(reply.headers()["location"], "https://evil.test/");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_deadline_holds_in_every_phase() {
    let short = || Budget { deadline: Instant::now() + Duration::from_millis(300), reply_bytes: LIMIT };

    // Accepts, and says nothing to the TLS hello.
    let deaf = listener().await;
    let pinned = Server::good(|_| Act::reply(OK)).await;
    let network = pinned.network_at(deaf.local_addr().unwrap(), NetworkOptions::default());
    let sealed = Asked::default().sealed().await;
    let error = network.send(&sealed, &short()).await.err().unwrap();
    assert!(matches!(error, WireError::Timeout(Phase::Handshake)), "{error:?}");

    for (said, phase) in [
        ("", Phase::Reply),
        ("HTTP/1.1 200 OK\r\nX-Slow: ", Phase::Reply),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Phase::Body),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Phase::Body),
    ] {
        let server = Server::good(move |_| Act { bytes: said.into(), then: Then::Hang }).await;
        let network = server.network(NetworkOptions::default());
        let error = network.send(&sealed, &short()).await.err().unwrap();
        assert!(matches!(error, WireError::Timeout(found) if found == phase), "{said:?}: {error:?}");
    }
}

#[tokio::test]
async fn what_is_no_whole_reply_is_an_error() {
    for (said, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "Torn"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "Torn"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", "Torn"),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok", "Encoding"),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\nok", "Encoding"),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", "Gzip"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "Head"),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: upgrade\r\n\r\n", "Upgrade"),
        ("SSH-2.0-OpenSSH_9.9\r\n", "Head"),
    ] {
        let server = Server::good(move |_| Act { bytes: said.into(), then: Then::Close }).await;
        let error = server.send(&Asked::default()).await.err().unwrap();
        let found = format!("{error:?}");
        assert!(found.starts_with(&format!("BadReply({expected}")), "{said:?}: {found}");
    }
}

#[tokio::test]
async fn a_head_has_at_most_a_hundred_fields_and_64_kib() {
    let fields = |n: usize| (1..n).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let long = |bytes: usize| format!("x-long: {}\r\n", "a".repeat(bytes));
    for (fields, is_read) in [(fields(100), true), (fields(101), false), (long(60_000), true), (long(66_000), false)] {
        let said = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{fields}\r\nok");
        let server = Server::good(move |_| Act::reply(&said)).await;
        match server.send(&Asked::default()).await {
            Ok(reply) => assert!(is_read && reply.body() == "ok", "{} fields", reply.headers().len()),
            Err(error) => {
                assert!(!is_read && matches!(error, WireError::BadReply(BadReply::Head(_))), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_whole_only_if_tls_says_so() {
    for (then, whole) in [(Then::Close, true), (Then::Cut, false)] {
        let server = Server::good(move |_| Act { bytes: "HTTP/1.1 200 OK\r\n\r\nall of it".into(), then }).await;
        let reply = server.send(&Asked::default()).await;
        match reply {
            Ok(reply) => assert!(whole && reply.body().as_ref() == b"all of it"),
            Err(WireError::BadReply(BadReply::Torn)) => assert!(!whole),
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "x".repeat(128 * 1024));
    for fields in [many, long] {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n");
        let server = Server::good(move |_| Act::reply(&head)).await;
        let error = server.send(&Asked::default()).await.err().unwrap();
        assert!(matches!(error, WireError::BadReply(BadReply::Head(_))), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_is_bounded_before_and_after_it_is_unpacked() {
    let fits = vec![b'a'; LIMIT];
    let over = vec![b'a'; LIMIT + 1];
    let bomb = vec![0; 16 * 1024 * 1024];
    let twice = [gzip(b"one"), gzip(b"two")].concat();
    let mut torn = gzip(&fits);
    torn.truncate(torn.len() - 4);
    let huge = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".as_bytes().to_vec();
    for (what, bytes, expected) in [
        ("fits", whole("", &fits), Ok(LIMIT)),
        ("one too many", whole("", &over), Err("TooLarge")),
        ("announced only", huge, Err("TooLarge")),
        ("chunks without end", endless(), Err("TooLarge")),
        ("packed", whole("Content-Encoding: gzip\r\n", &gzip(&fits)), Ok(LIMIT)),
        ("packed in two members", whole("Content-Encoding: GZIP\r\n", &twice), Ok(6)),
        ("packed, one too many", whole("Content-Encoding: gzip\r\n", &gzip(&over)), Err("TooLarge")),
        ("bomb", whole("Content-Encoding: gzip\r\n", &gzip(&bomb)), Err("TooLarge")),
        ("packed and torn", whole("Content-Encoding: gzip\r\n", &torn), Err("BadReply(Gzip)")),
        (
            "packed, with more behind",
            whole("Content-Encoding: gzip\r\n", &[gzip(b"one"), b"two".to_vec()].concat()),
            Err("BadReply(Gzip)"),
        ),
    ] {
        let server = Server::good(move |_| Act { bytes: bytes.clone(), then: Then::Keep }).await;
        match (server.send(&Asked::default()).await, expected) {
            (Ok(reply), Ok(n)) => {
                assert_eq!(reply.body().len(), n, "{what}");
                assert!(!reply.headers().contains_key("content-encoding"), "{what}");
            }
            (Err(error), Err(text)) => assert!(format!("{error:?}").starts_with(text), "{what}: {error:?}"),
            (Ok(_), Err(_)) => panic!("{what} passes"),
            (Err(error), Ok(_)) => panic!("{what}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn replies_without_a_body_are_not_unpacked() {
    for (method, said) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n"),
    ] {
        let server = Server::good(move |_| Act::reply(said)).await;
        let reply = server.send(&Asked { method, ..Asked::default() }).await.unwrap();
        assert!(reply.body().is_empty(), "{said}");
    }
}

#[tokio::test]
async fn connections_are_shared_by_those_who_may_reach_alike() {
    let server = Server::good(|_| Act::reply(OK)).await;
    let network = server.network(NetworkOptions { allow_private: true, ..NetworkOptions::default() });
    for _ in 0..3 {
        send(&network, &Asked::default()).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    send(&network, &Asked { private: true, ..Asked::default() }).await.unwrap();
    assert_eq!(server.connections(), 2);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_replaced() {
    // Closed while idle.
    let server = Server::good(|_| Act { bytes: OK.into(), then: Then::Close }).await;
    let network = server.network(NetworkOptions::default());
    for n in 1..=3 {
        let reply = send(&network, &Asked { method: "POST", ..Asked::default() }).await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(server.connections(), n);
    }

    // Closed when the request was already on its way: it may have been read, so another attempt is not ours to make.
    let server = Server::good(|n| if n == 2 { Act { bytes: vec![], then: Then::Close } } else { Act::reply(OK) }).await;
    let network = server.network(NetworkOptions::default());
    send(&network, &Asked::default()).await.unwrap();
    let error = send(&network, &Asked::default()).await.err().unwrap();
    assert!(matches!(error, WireError::Unreachable(Unreachable::Closed(_))), "{error:?}");
    assert_eq!(server.requests().len(), 2);

    // Nor on a fresh connection.
    let server = Server::good(|_| Act { bytes: vec![], then: Then::Close }).await;
    let error = server.send(&Asked::default()).await.err().unwrap();
    assert!(matches!(error, WireError::Unreachable(Unreachable::Closed(_))), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_reply_that_was_given_up_does_not_answer_the_next_request() {
    let server = Server::good(|n| {
        let body = if n == 1 { vec![b'x'; LIMIT + 1] } else { b"second".to_vec() };
        Act { bytes: whole("", &body), then: Then::Keep }
    })
    .await;
    let network = server.network(NetworkOptions::default());
    assert!(send(&network, &Asked::default()).await.is_err());
    assert_eq!(send(&network, &Asked::default()).await.unwrap().body().as_ref(), b"second");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let server = Server::good(|_| Act::reply(OK)).await;
    let gone = listener().await;
    let address = gone.local_addr().unwrap();
    drop(gone);
    let network = server.network_at(address, NetworkOptions::default());
    let error = send(&network, &Asked::default()).await.err().unwrap();
    assert!(matches!(error, WireError::Unreachable(Unreachable::Connect(_))), "{error:?}");
}

#[tokio::test]
async fn an_address_that_does_not_answer_makes_way_for_the_next() {
    let (gone, there) = (listener().await, listener().await);
    let found = [gone.local_addr().unwrap(), there.local_addr().unwrap()];
    drop(gone);
    let here = Reach { private: false, loopback: true };
    let targets = dial::judge(&found, Scheme::Https, here).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    assert_eq!(dial::connect(&targets, deadline).await.unwrap().peer_addr().unwrap(), found[1]);
}

#[test]
fn certificates_are_read_from_pem() {
    let authority = authority();
    let pem = format!("# ours\n{}{}", authority.pem(), authority.pem());
    assert_eq!(NetworkOptions::roots_from_pem(pem.as_bytes()).unwrap().len(), 2);
    assert!(matches!(NetworkOptions::roots_from_pem(b"hello"), Err(NetworkError::NoCertificate)));
    let broken =
        NetworkOptions { extra_roots: vec![CertificateDer::from(b"no".to_vec())], ..NetworkOptions::default() };
    assert!(matches!(Network::new(broken), Err(NetworkError::Root(_))));
}

#[tokio::test]
async fn a_mock_sees_the_request_decoded() {
    let asked = Asked { url: "https://api.example.com/v1/a%20b?q=x%26y", ..Asked::default() };
    let request = Request::view(&asked.sealed().await);
    assert_eq!(request.segments, ["v1", "a b"]);
    assert_eq!(request.query, [("q".to_owned(), "x&y".to_owned())]);
    assert_eq!((request.scheme, request.port), (Scheme::Https, 443));
    assert!(matches!(request.host, Host::Dns(name) if name.to_string() == NAME));
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn whole(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn endless() -> Vec<u8> {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &chunk.repeat(64)].concat().into_bytes()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "servers for these tests alone, on loopback")]
async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

async fn send(network: &Network, asked: &Asked<'_>) -> Result<RawReply, WireError> {
    let budget = Budget { deadline: Instant::now() + Duration::from_secs(10), reply_bytes: LIMIT };
    network.send(&asked.sealed().await, &budget).await
}

fn options(server: &Server) -> NetworkOptions {
    NetworkOptions { extra_roots: vec![server.root.clone()], ..NetworkOptions::default() }
}

/// What a server does with one request.
struct Act {
    bytes: Vec<u8>,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    Keep,
    Close,
    /// Ends TCP without ending TLS.
    Cut,
    Hang,
}

impl Act {
    fn reply(text: &str) -> Self {
        Self { bytes: text.into(), then: Then::Keep }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Certificate {
    Good,
    OtherAuthority,
    OtherName,
    Expired,
}

struct Server {
    address: SocketAddr,
    root: CertificateDer<'static>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    n_connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

type Script = Arc<dyn Fn(usize) -> Act + Send + Sync>;

impl Server {
    async fn good(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        Self::start(Certificate::Good, script).await
    }

    async fn start(certificate: Certificate, script: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let (root, tls) = tls(certificate);
        let acceptor = TlsAcceptor::from(tls);
        Self::listen(root, Arc::new(script), move |tcp, script, seen| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(tls) = acceptor.accept(tcp).await {
                    act(tls, script, seen).await;
                }
            }
        })
        .await
    }

    async fn plain(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let root = authority().der().clone();
        Self::listen(root, Arc::new(script), act).await
    }

    async fn listen<F>(
        root: CertificateDer<'static>,
        script: Script,
        serve: impl Fn(tokio::net::TcpStream, Script, Arc<Seen>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = listener().await;
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let told = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                told.n_connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(tcp, Arc::clone(&script), Arc::clone(&told)));
            }
        });
        Self { address, root, seen }
    }

    /// A network in which the vendor's name lives at this server.
    fn network(&self, more: NetworkOptions) -> Network {
        self.network_at(self.address, more)
    }

    fn network_at(&self, address: SocketAddr, more: NetworkOptions) -> Network {
        let pins = [(DnsName::parse(NAME).unwrap(), address)];
        let options = NetworkOptions { extra_roots: vec![self.root.clone()], resolve: pins.into(), ..more };
        Network::new(options).unwrap()
    }

    async fn send(&self, asked: &Asked<'_>) -> Result<RawReply, WireError> {
        send(&self.network(NetworkOptions::default()), asked).await
    }

    fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        self.seen.n_connections.load(Ordering::SeqCst)
    }
}

async fn act(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: Script, seen: Arc<Seen>) {
    while let Some(request) = read_request(&mut stream).await {
        let n = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request);
            requests.len()
        };
        let Act { bytes, then } = script(n);
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match then {
            Then::Keep => {}
            Then::Close => drop(stream.shutdown().await),
            Then::Cut => return,
            Then::Hang => std::future::pending().await,
        }
    }
}

/// Head and body; the body by its content-length, which is all that our side sends.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(String::from_utf8(bytes).unwrap());
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            // A TLS hello, to a server that speaks plain text, is no request.
            Ok(_) | Err(_) => return None,
        }
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn tls(certificate: Certificate) -> (CertificateDer<'static>, Arc<rustls::ServerConfig>) {
    let published = authority();
    let other = authority();
    let signing = if certificate == Certificate::OtherAuthority { &other } else { &published };
    let name = if certificate == Certificate::OtherName { "other.example.com" } else { NAME };
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if certificate == Certificate::Expired {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, signing).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    (published.der().clone(), Arc::new(config))
}
