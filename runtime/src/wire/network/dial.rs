//! From a host to an open connection, in three steps: addresses, a socket to one of them, TLS with the host's name.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::pool::Connection;
use super::{NetworkError, NetworkOptions};
use crate::outbound::{DnsName, Host, Outbound, Scheme};
use crate::policy::address::{self, CheckedAddr, Forbidden, Reach};
use crate::wire::{ForbiddenAddress, Phase, Unreachable, WireError};

/// The bytes of a reply's head, and of each read.
const HEAD_BYTES: usize = 64 * 1024;
const HEAD_FIELDS: usize = 100;
/// No single address may use up more than this while others are left.
const ADDRESS_SHARE: Duration = Duration::from_secs(5);

pub(in crate::wire) struct Dialer {
    tls: Arc<ClientConfig>,
    /// The same trust, and no protocol named.
    plain_tls: Arc<ClientConfig>,
    resolve: BTreeMap<DnsName, SocketAddr>,
    /// The operator's half.
    reach: Reach,
}

impl Dialer {
    pub(super) fn new(options: NetworkOptions) -> Result<Self, NetworkError> {
        let plain_tls = options.tls()?;
        let mut tls = plain_tls.clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let reach = Reach { private: options.allow_private, loopback: options.allow_loopback };
        Ok(Self { tls: Arc::new(tls), plain_tls: Arc::new(plain_tls), resolve: options.resolve, reach })
    }

    /// What both the manifest and the operator allow, and this machine where the operator pinned the name to it.
    pub(in crate::wire) fn reach(&self, host: &Host, manifest: Reach) -> Reach {
        let both = manifest.within(self.reach);
        Reach { loopback: both.loopback || self.pin(host).is_some(), ..both }
    }

    pub(super) async fn dial(
        &self,
        outbound: &Outbound,
        reach: Reach,
        deadline: Instant,
    ) -> Result<Connection, WireError> {
        let (host, scheme) = (outbound.host(), outbound.scheme());
        let tcp = self.tcp(host, outbound.port(), scheme, reach, deadline).await?;
        match scheme {
            Scheme::Http => handshake(tcp).await,
            Scheme::Https => handshake(secured(&self.tls, tcp, host, deadline).await?).await,
        }
    }

    /// A socket that is to carry TLS from its first byte, or from where the protocol on it says so.
    pub(in crate::wire) async fn dial_tcp(
        &self,
        host: &Host,
        port: u16,
        reach: Reach,
        deadline: Instant,
    ) -> Result<TcpStream, WireError> {
        self.tcp(host, port, Scheme::Https, reach, deadline).await
    }

    /// TLS with the host's name, for whatever is spoken in it.
    pub(in crate::wire) async fn secure(
        &self,
        tcp: TcpStream,
        host: &Host,
        deadline: Instant,
    ) -> Result<TlsStream<TcpStream>, WireError> {
        secured(&self.plain_tls, tcp, host, deadline).await
    }

    async fn tcp(
        &self,
        host: &Host,
        port: u16,
        scheme: Scheme,
        reach: Reach,
        deadline: Instant,
    ) -> Result<TcpStream, WireError> {
        let addresses = timeout_at(deadline, self.addresses(host, port, scheme, reach))
            .await
            .map_err(|_| WireError::Timeout(Phase::Resolving))??;
        connect(&addresses, deadline).await
    }

    /// Every address of the host, each of them judged. An address written into the URL is judged alike.
    #[expect(clippy::disallowed_methods, reason = "this is where names resolve: every answer is judged below")]
    async fn addresses(&self, host: &Host, port: u16, scheme: Scheme, reach: Reach) -> Result<Vec<Target>, WireError> {
        let found: Vec<SocketAddr> = match (self.pin(host), host) {
            (Some(pin), _) => vec![pin],
            (None, Host::Ip(ip)) => vec![SocketAddr::new(*ip, port)],
            (None, Host::Dns(name)) => tokio::net::lookup_host((name.to_string().as_str(), port))
                .await
                .map_err(|error| WireError::Unreachable(Unreachable::Resolve(error)))?
                .collect(),
        };
        judge(&found, scheme, reach)
    }

    fn pin(&self, host: &Host) -> Option<SocketAddr> {
        match host {
            Host::Dns(name) => self.resolve.get(name).copied(),
            Host::Ip(_) => None,
        }
    }
}

/// An address that was judged, and the port to dial there.
pub(super) struct Target {
    address: CheckedAddr,
    port: u16,
}

pub(super) fn judge(found: &[SocketAddr], scheme: Scheme, reach: Reach) -> Result<Vec<Target>, WireError> {
    let targets = found
        .iter()
        .map(|found| {
            let ip = found.ip();
            let address = address::check(ip, reach).map_err(|why| forbidden(ip, Some(why)))?;
            match scheme {
                // Plain http never leaves the machine, whatever the reach.
                Scheme::Http if !ip.is_loopback() => Err(forbidden(ip, None)),
                Scheme::Http | Scheme::Https => Ok(Target { address, port: found.port() }),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    if targets.is_empty() { Err(WireError::Unreachable(Unreachable::NoAddress)) } else { Ok(targets) }
}

fn forbidden(address: IpAddr, why: Option<Forbidden>) -> WireError {
    WireError::ForbiddenAddress(ForbiddenAddress { address, why })
}

/// Tries the addresses in order. Each but the last gets a share of the time that is left.
#[expect(clippy::disallowed_methods, reason = "this is where sockets are opened: only to a `CheckedAddr`")]
pub(super) async fn connect(targets: &[Target], deadline: Instant) -> Result<TcpStream, WireError> {
    let mut last = WireError::Unreachable(Unreachable::NoAddress);
    for (n, target) in targets.iter().enumerate() {
        let n_left = u32::try_from(targets.len() - n).unwrap_or(u32::MAX);
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / n_left;
        let until = if n_left == 1 { deadline } else { now + share.min(ADDRESS_SHARE) };
        let socket = SocketAddr::new(target.address.ip(), target.port);
        match timeout_at(until, TcpStream::connect(socket)).await {
            Ok(Ok(tcp)) => {
                tcp.set_nodelay(true).map_err(connect_error)?;
                return Ok(tcp);
            }
            Ok(Err(error)) => last = connect_error(error),
            Err(_) => last = WireError::Timeout(Phase::Connecting),
        }
    }
    Err(last)
}

async fn secured(
    tls: &Arc<ClientConfig>,
    tcp: TcpStream,
    host: &Host,
    deadline: Instant,
) -> Result<TlsStream<TcpStream>, WireError> {
    let connect = TlsConnector::from(Arc::clone(tls)).connect(server_name(host)?, tcp);
    timeout_at(deadline, connect).await.map_err(|_| WireError::Timeout(Phase::Handshake))?.map_err(tls_error)
}

async fn handshake<S>(stream: S) -> Result<Connection, WireError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, driver) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| WireError::Unreachable(Unreachable::Closed(Some(error))))?;
    // Ends when the sender is dropped or the upstream closes; its error reaches whoever waits for the reply.
    tokio::spawn(async move { drop(driver.await) });
    Ok(Connection { sender, kept: false })
}

fn server_name(host: &Host) -> Result<ServerName<'static>, WireError> {
    match host {
        Host::Ip(ip) => Ok(ServerName::IpAddress(IpAddr::into(*ip))),
        Host::Dns(name) => ServerName::try_from(name.to_string())
            .map_err(|error| WireError::Unreachable(Unreachable::Tls(io::Error::other(error)))),
    }
}

fn connect_error(error: io::Error) -> WireError {
    WireError::Unreachable(Unreachable::Connect(error))
}

/// A certificate that does not convince is not an outage: it is told apart and never retried.
fn tls_error(error: io::Error) -> WireError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner @ rustls::Error::InvalidCertificate(_)) => WireError::Untrusted(inner.clone()),
        Some(_) | None => WireError::Unreachable(Unreachable::Tls(error)),
    }
}
