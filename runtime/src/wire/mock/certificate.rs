//! The certificate that a served mock upstream shows, from an authority that exists for as long as the server does.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What is right or wrong about it. A client must refuse all but the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certificate {
    #[default]
    Good,
    /// Issued for a host that nobody asks for.
    OtherName,
    /// Good until the year 2001.
    Expired,
    /// From another authority than the one the server publishes, of the same name.
    OtherAuthority,
}

pub(super) struct Issued {
    /// The authority to trust, in PEM.
    pub(super) authority: String,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// Covers `names` and the ways to say loopback.
pub(super) fn issue(names: Vec<String>, certificate: Certificate) -> Result<Issued, rcgen::Error> {
    let published = authority()?;
    let signing = match certificate {
        Certificate::OtherAuthority => &authority()?,
        Certificate::Good | Certificate::OtherName | Certificate::Expired => &published,
    };
    let names = match certificate {
        Certificate::OtherName => vec!["other.invalid".to_owned()],
        Certificate::Good | Certificate::Expired | Certificate::OtherAuthority => {
            names.into_iter().chain(["localhost", "127.0.0.1", "::1"].map(str::to_owned)).collect()
        }
    };
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = named("Nexus mock upstream");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    if certificate == Certificate::Expired {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, signing)?;
    Ok(Issued {
        authority: published.pem(),
        chain: vec![leaf.der().clone()],
        key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    })
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Nexus mock authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
