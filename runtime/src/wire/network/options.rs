//! What the operator may say about the network. A shard's manifest says nothing here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::outbound::DnsName;

/// Nothing set is the strictest: trust from the operating system, no address of this machine or of private networks.
#[derive(Default)]
pub struct NetworkOptions {
    /// Certificate authorities to trust besides the operating system's, such as a company's own.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Names that are not looked up: they live at this address, on this machine if it says so. TLS still asks for the
    /// name.
    pub resolve: BTreeMap<DnsName, SocketAddr>,
    /// The operator's half of reaching private ranges; the manifest holds the other.
    pub allow_private: bool,
    /// The operator's half of reaching this machine by a name or an address that says so, also in plain `http`.
    pub allow_loopback: bool,
}

impl NetworkOptions {
    /// Reads certificates as files hold them.
    pub fn roots_from_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, NetworkError> {
        let roots = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(NetworkError::Pem)?;
        if roots.is_empty() { Err(NetworkError::NoCertificate) } else { Ok(roots) }
    }

    pub(super) fn tls(&self) -> Result<ClientConfig, NetworkError> {
        let mut roots = RootCertStore::empty();
        // Where the store is, `SSL_CERT_FILE` and `SSL_CERT_DIR` may say, as for every program of the machine. A store has
        // entries that no verifier can read, and always had: they are skipped, not fatal.
        let native = rustls_native_certs::load_native_certs();
        for error in &native.errors {
            tracing::warn!(%error, "part of the operating system's certificate store cannot be read");
        }
        roots.add_parsable_certificates(native.certs);
        for root in &self.extra_roots {
            roots.add(root.clone()).map_err(NetworkError::Root)?;
        }
        if roots.is_empty() {
            return Err(NetworkError::NoTrust);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(NetworkError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(config)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("certificate file is not PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("certificate file holds no certificate")]
    NoCertificate,
    #[error("extra certificate authority cannot be used")]
    Root(#[source] rustls::Error),
    #[error("no certificate authority to trust: the operating system has none and no extra one is set")]
    NoTrust,
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}
