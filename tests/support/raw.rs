//! An upstream of bytes: TLS on a free loopback port, and behind it whatever a test says, word for word.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Nexus;
use super::upstream::Upstream;

/// The host whose place it takes.
pub const HOST: &str = "graph.microsoft.com";

/// What the upstream does to one connection.
#[derive(Clone)]
pub enum Act {
    /// Reads the request, says this, and ends TLS as it should.
    Say(Vec<u8>),
    /// The same, and ends TCP without ending TLS.
    SayAndCut(Vec<u8>),
    /// Says the first, and then the second again and again, with a pause between.
    SayOn(Vec<u8>, Vec<u8>, Duration),
    /// Says this before it has read the request, which it then reads.
    SayFirst(Vec<u8>),
    /// Shows another certificate.
    Show(Certificate),
    /// Says this instead of a TLS handshake, and goes.
    InPlain(Vec<u8>),
    /// Accepts and says nothing.
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    OfAnotherAuthority,
    OfAnotherName,
    Expired,
}

pub struct Raw {
    address: SocketAddr,
    authority: String,
    state: Arc<State>,
}

struct State {
    act: Mutex<Act>,
    requests: Mutex<Vec<String>>,
    good: Arc<ServerConfig>,
    others: Vec<(Certificate, Arc<ServerConfig>)>,
}

/// What an honest upstream says. The connection is closed, so that the next attempt makes one of its own.
pub fn honest() -> Act {
    Act::Say(reply("", b"{\"value\":[]}"))
}

/// A whole reply with these fields, which end in line ends.
pub fn reply(fields: &str, body: &[u8]) -> Vec<u8> {
    status("200 OK", fields, body)
}

pub fn status(line: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {line}\r\nConnection: close\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body.to_vec()].concat()
}

impl Raw {
    pub fn new() -> Self {
        let (published, other) = (authority(), authority());
        let good = config(&published, HOST, false);
        let others = vec![
            (Certificate::OfAnotherAuthority, config(&other, HOST, false)),
            (Certificate::OfAnotherName, config(&published, "other.example.com", false)),
            (Certificate::Expired, config(&published, HOST, true)),
        ];
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { act: Mutex::new(honest()), requests: Mutex::default(), good, others });
        let served = Arc::clone(&state);
        // Ends with the process, as do its connections.
        thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&served);
                thread::spawn(move || state.serve(tcp));
            }
        });
        Self { address, authority: published.pem(), state }
    }

    /// From the next connection on.
    pub fn act(&self, act: Act) {
        *self.state.act.lock().unwrap() = act;
    }

    /// Heads of the requests that came since this was asked.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.requests.lock().unwrap())
    }

    /// Live mode, in which this is Graph and `upstream` everybody else.
    pub fn reached_by(&self, nexus: Nexus, upstream: &Upstream) -> Nexus {
        let mut nexus = upstream.reached_by(nexus);
        let ca = nexus.path("ca.pem");
        fs::write(&ca, fs::read_to_string(&ca).unwrap() + &self.authority).unwrap();
        let resolve = nexus.settings["network"]["resolve"].as_table_mut().unwrap();
        resolve.insert(HOST.into(), self.address.to_string().into());
        nexus
    }
}

impl State {
    /// Whatever goes wrong is the other side's going away.
    fn serve(&self, mut tcp: TcpStream) {
        let act = self.act.lock().unwrap().clone();
        let config = match act {
            Act::InPlain(said) => {
                // The hello is read first: to close with bytes unread would be a reset.
                drop(tcp.read(&mut [0; 4096]));
                drop(tcp.write_all(&said));
                return;
            }
            Act::Silent => {
                drop(tcp.read_to_end(&mut Vec::new()));
                return;
            }
            Act::Show(certificate) => &self.others.iter().find(|(shown, _)| *shown == certificate).unwrap().1,
            Act::Say(_) | Act::SayAndCut(_) | Act::SayOn(..) | Act::SayFirst(_) => &self.good,
        };
        let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), tcp);
        if let Act::SayFirst(said) = &act {
            drop(tls.write_all(said).and_then(|()| tls.flush()));
        }
        let Some(head) = read_head(&mut tls) else { return };
        self.requests.lock().unwrap().push(head);
        match act {
            Act::Say(said) => end(&mut tls, &said),
            Act::SayAndCut(said) => drop(tls.write_all(&said).and_then(|()| tls.flush())),
            Act::SayOn(first, on, pause) => {
                let mut said = tls.write_all(&first).and_then(|()| tls.flush());
                while said.is_ok() {
                    thread::sleep(pause);
                    said = tls.write_all(&on).and_then(|()| tls.flush());
                }
            }
            Act::SayFirst(_) => end(&mut tls, b""),
            Act::Show(_) => end(&mut tls, &reply("", b"{}")),
            Act::InPlain(_) | Act::Silent => {}
        }
    }
}

fn end(tls: &mut StreamOwned<ServerConnection, TcpStream>, said: &[u8]) {
    drop(tls.write_all(said));
    tls.conn.send_close_notify();
    drop(tls.flush());
    // Until the other side has read it all and goes.
    drop(tls.sock.set_read_timeout(Some(Duration::from_secs(5))));
    drop(std::io::copy(tls, &mut std::io::sink()));
}

/// None if no whole head comes.
fn read_head(tls: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        match tls.read(&mut chunk) {
            Ok(0) => return None,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn config(authority: &CertifiedIssuer<'static, KeyPair>, name: &str, is_expired: bool) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if is_expired {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate: CertificateDer<'static> = params.signed_by(&key, authority).unwrap().der().clone();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key.into()).unwrap())
}
