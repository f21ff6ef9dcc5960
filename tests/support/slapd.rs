//! A real directory for tests: OpenLDAP's `slapd` on free loopback ports, with its files in a folder of its own and a
//! certificate that is made for it. It has a schema with Active Directory's names and a small company in it.

#![allow(dead_code, reason = "each of its users uses a part of it")]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};

/// The name that the certificate is for.
pub const HOST: &str = "dc1.nexus.corp";
pub const BASE: &str = "dc=nexus,dc=corp";
/// May read all but `OU=Hidden`, and is given all of it.
pub const READER: &str = "cn=svc-nexus,ou=Service,dc=nexus,dc=corp";
/// Is given 10 entries of a search, whatever there are.
pub const LIMITED: &str = "cn=svc-limited,ou=Service,dc=nexus,dc=corp";
pub const PASSWORD: &str = "Tr0ub4dor&3*(x)";
/// People in `OU=Many`: three pages of the size that Active Directory allows at most.
pub const MANY: usize = 2500;

/// Names that mean something to a filter or to a distinguished name, by account.
pub const ODD: [(&str, &str); 8] = [
    ("star", "a*b"),
    ("plain", "axb"),
    ("paren", "Lee (Grace)"),
    ("unclosed", ")(cn=*"),
    ("slash", r"back\slash \2a"),
    ("comma", "Chen, Carol"),
    ("wide", "Zoë Müller 陳"),
    ("nul", "nul\0byte"),
];

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Certificate {
    Good,
    OtherAuthority,
    OtherName,
    Expired,
}

pub struct Slapd {
    child: Child,
    pub ldaps: SocketAddr,
    /// In clear, until StartTLS.
    pub ldap: SocketAddr,
    /// Whom to trust for it, in DER.
    pub root: Vec<u8>,
    folder: tempfile::TempDir,
}

impl Slapd {
    pub fn start() -> Self {
        Self::with(Certificate::Good)
    }

    pub fn with(certificate: Certificate) -> Self {
        Self::filled(certificate, &company())
    }

    /// With more entries than the company's, in LDIF. Those above them come before them.
    pub fn holding(entries: &str) -> Self {
        Self::filled(Certificate::Good, &(company() + entries))
    }

    /// With the entries of a mock directory's table and nothing else. What this schema does not know of them is left out.
    #[allow(dead_code, reason = "not every test that starts a server needs it")]
    pub fn mocked(entries: &[serde_json::Value]) -> Self {
        Self::filled(Certificate::Good, &mock::ldif(entries))
    }

    /// `root` as a file in PEM.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn filled(certificate: Certificate, entries: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = program(folder.path());
        let root = write_certificate(folder.path(), certificate);
        fs::create_dir(folder.path().join("db")).unwrap();
        fs::write(folder.path().join("ad.schema"), SCHEMA).unwrap();
        fs::write(folder.path().join("company.ldif"), entries).unwrap();
        fs::write(folder.path().join("slapd.conf"), configuration(folder.path())).unwrap();
        fill(&program, folder.path());
        // A free port may be taken by somebody else before it is bound.
        for _ in 0..8 {
            if let Some((child, ldaps, ldap)) = run(&program, folder.path()) {
                return Self { child, ldaps, ldap, root, folder };
            }
        }
        panic!("slapd does not start");
    }

    /// As a crash does: connections end without a word.
    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A copy of the system's: where AppArmor confines slapd to the system's own directory, it does so by the program's path.
fn program(folder: &Path) -> PathBuf {
    let copy = folder.join("slapd");
    if let Err(error) = fs::copy("/usr/sbin/slapd", &copy) {
        panic!("/usr/sbin/slapd: {error}. OpenLDAP's server is missing: `./bootstrap test` installs it");
    }
    copy
}

fn fill(program: &Path, folder: &Path) {
    let mut add = Command::new(program);
    add.arg0("slapadd").arg("-q").arg("-f").arg(folder.join("slapd.conf")).arg("-l").arg(folder.join("company.ldif"));
    let ran = add.output().unwrap();
    assert!(ran.status.success(), "slapadd: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Waits until it listens. None: it ended before.
fn run(program: &Path, folder: &Path) -> Option<(Child, SocketAddr, SocketAddr)> {
    let (ldaps, ldap) = (free(), free());
    let mut command = Command::new(program);
    command.args(["-h", &format!("ldaps://{ldaps}/ ldap://{ldap}/"), "-d", "stats", "-f"]);
    command.arg(folder.join("slapd.conf")).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let is_up = lines.by_ref().any(|line| line.is_ok_and(|line| line.ends_with("slapd starting")));
    if !is_up {
        child.wait().unwrap();
        return None;
    }
    // Somebody has to read on, or it would wait for that.
    std::thread::spawn(move || lines.count());
    // It says so a moment before it is.
    for address in [ldaps, ldap] {
        while TcpStream::connect(address).is_err() {
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::yield_now();
        }
    }
    Some((child, ldaps, ldap))
}

fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// `server.pem`, `server.key` and `ca.pem` in a folder; the authority in DER.
pub fn write_certificate(folder: &Path, certificate: Certificate) -> Vec<u8> {
    let published = authority();
    let other = authority();
    let signing = if certificate == Certificate::OtherAuthority { &other } else { &published };
    let name = if certificate == Certificate::OtherName { "dc2.nexus.corp" } else { HOST };
    // By its address it is asked by a program that cannot be told where the name lives.
    let mut params = CertificateParams::new([name, "127.0.0.1"].map(str::to_owned)).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if certificate == Certificate::Expired {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, signing).unwrap();
    fs::write(folder.join("server.pem"), leaf.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    fs::write(folder.join("ca.pem"), published.pem()).unwrap();
    published.der().to_vec()
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include {folder}/ad.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
sizelimit unlimited

database mdb
suffix "{BASE}"
directory {folder}/db
maxsize 268435456
index objectClass,sAMAccountName eq
limits dn.exact="{READER}" size=unlimited
limits dn.exact="{LIMITED}" size.soft=10 size.hard=10 size.prtotal=10
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=Hidden,{BASE}" by * none
access to * by users read by * none
"#
    )
}

/// Active Directory's names, numbers and syntaxes, with the matching rules that it applies. There `objectCategory` is a DN
/// that is found by the last part of its name too; here it is that part.
const SCHEMA: &str = r"
objectidentifier ad 1.2.840.113556.1
attributetype ( ad:4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( ad:4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( ad:2.13 NAME 'displayName' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( ad:2.141 NAME 'department' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( ad:4.35 NAME 'employeeID' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( ad:4.8 NAME 'userAccountControl' EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( ad:4.98 NAME 'primaryGroupID' EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( ad:4.750 NAME 'groupType' EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( ad:4.1696 NAME 'lastLogonTimestamp' EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( ad:4.159 NAME 'accountExpires' EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( ad:4.782 NAME 'objectCategory' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( ad:2.2 NAME 'whenCreated' EQUALITY generalizedTimeMatch ORDERING generalizedTimeOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )
attributetype ( ad:4.146 NAME 'objectSid' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( ad:4.2 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( ad:2.210 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( ad:2.102 NAME 'memberOf' EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )
objectclass ( ad:5.9 NAME 'user' SUP organizationalPerson STRUCTURAL MAY ( sAMAccountName $ userPrincipalName $ displayName $ department $ employeeID $ userAccountControl $ primaryGroupID $ lastLogonTimestamp $ accountExpires $ objectCategory $ whenCreated $ objectSid $ objectGUID $ memberOf $ mail $ manager $ givenName $ proxyAddresses ) )
objectclass ( ad:5.8 NAME 'group' SUP top STRUCTURAL MUST cn MAY ( sAMAccountName $ groupType $ member $ memberOf $ description $ objectSid $ objectGUID $ objectCategory $ whenCreated ) )
";

fn company() -> String {
    let mut ldif = String::new();
    entry(&mut ldif, BASE, &["dcObject", "organization"], &[("dc", "nexus"), ("o", "Nexus")]);
    for unit in ["Service", "People", "Disabled", "Groups", "Odd", "Many", "Hidden"] {
        entry(&mut ldif, &format!("ou={unit},{BASE}"), &["organizationalUnit"], &[("ou", unit)]);
    }
    for dn in [READER, LIMITED] {
        let name = dn.split(['=', ',']).nth(1).unwrap();
        entry(&mut ldif, dn, &["user"], &[("cn", name), ("sn", name), ("userPassword", PASSWORD)]);
    }
    let groups = format!("ou=Groups,{BASE}");
    let people = format!("ou=People,{BASE}");
    let (alice, bob) = (format!("cn=Alice Johnson,{people}"), format!("cn=Bob Martinez,{people}"));
    for (dn, login, number) in [(&alice, "alicej", "1101"), (&bob, "bobm", "1102")] {
        let name = dn.split(['=', ',']).nth(1).unwrap();
        let fields = [
            ("cn", name),
            ("sn", name),
            ("sAMAccountName", login),
            ("displayName", name),
            ("department", "Engineering"),
            ("userAccountControl", "512"),
            ("primaryGroupID", "513"),
            ("employeeID", number),
            ("lastLogonTimestamp", "134260308000000000"),
            ("whenCreated", "20240131120000.0Z"),
            ("memberOf", &format!("cn=Engineers,{groups}")),
            ("memberOf", &format!("cn=Everybody,{groups}")),
        ];
        entry(&mut ldif, dn, &["user"], &fields);
    }
    for name in ["Engineers", "Everybody"] {
        let fields = [("cn", name), ("groupType", "-2147483646"), ("member", &alice), ("member", &bob)];
        entry(&mut ldif, &format!("cn={name},{groups}"), &["group"], &fields);
    }
    // The bit for "disabled" alone, and among others.
    for (login, flags) in [("davidk", "514"), ("henryp", "66050")] {
        let fields = [("cn", login), ("sn", login), ("sAMAccountName", login), ("userAccountControl", flags)];
        entry(&mut ldif, &format!("cn={login},ou=Disabled,{BASE}"), &["user"], &fields);
    }
    for (login, name) in ODD {
        let fields = [("cn", login), ("sn", login), ("sAMAccountName", login), ("displayName", name)];
        entry(&mut ldif, &format!("cn={login},ou=Odd,{BASE}"), &["user"], &fields);
    }
    // A GUID with the bytes that a filter cannot have as they are, and one that is no UTF-8.
    writeln!(
        ldif,
        "dn: cn=guid,ou=Odd,{BASE}\nobjectClass: user\ncn: guid\nsn: guid\nobjectGUID:: AFwqKCn//gABAgMEBQYHCA==\n"
    )
    .unwrap();
    for n in 1..=MANY {
        let (name, login) = (format!("Generated {n:06}"), format!("generated{n:06}"));
        let fields = [("cn", name.as_str()), ("sn", &name), ("sAMAccountName", &login), ("department", "Generated")];
        entry(&mut ldif, &format!("cn={name},ou=Many,{BASE}"), &["user"], &fields);
    }
    entry(
        &mut ldif,
        &format!("cn=Ghost,ou=Hidden,{BASE}"),
        &["user"],
        &[("cn", "Ghost"), ("sn", "Ghost"), ("sAMAccountName", "ghost")],
    );
    let elsewhere = [("ou", "Elsewhere"), ("ref", "ldap://dc2.nexus.corp/ou=Elsewhere,dc=nexus,dc=corp")];
    entry(&mut ldif, &format!("ou=Elsewhere,{BASE}"), &["referral", "extensibleObject"], &elsewhere);
    ldif
}

/// Entries of a mock directory as LDIF.
#[allow(dead_code, reason = "as `Slapd::mocked`")]
mod mock {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::{BASE, PASSWORD, READER, base64, entry};

    #[rustfmt::skip]
    const KNOWN: [&str; 27] = [
        "accountExpires", "cn", "dc", "department", "description", "displayName", "employeeID", "givenName", "groupType",
        "lastLogonTimestamp", "mail", "manager", "member", "objectCategory", "objectGUID", "objectSid", "ou",
        "physicalDeliveryOfficeName", "primaryGroupID", "proxyAddresses", "sAMAccountName", "sn", "telephoneNumber", "title",
        "userAccountControl", "userPrincipalName", "whenCreated",
    ];

    pub(super) fn ldif(entries: &[Value]) -> String {
        let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for group in entries.iter().filter(|entry| class(entry) == "group") {
            for member in texts(&group["member"]) {
                groups.entry(member.to_lowercase()).or_default().push(group["dn"].as_str().unwrap());
            }
        }
        let mut ldif = String::new();
        for row in entries {
            let dn = row["dn"].as_str().unwrap();
            let classes: &[&str] = match class(row) {
                "domainDNS" => &["dcObject", "organization"],
                "organizationalUnit" => &["organizationalUnit"],
                "container" => &["organizationalRole"],
                "group" => &["group"],
                _ => &["user"],
            };
            ldif += &format!("dn:: {}\n", base64(dn.as_bytes()));
            classes.iter().for_each(|class| ldif += &format!("objectClass: {class}\n"));
            if classes.contains(&"organization") {
                ldif += "o: Nexus\n";
            }
            // A person has a last name here; computers have none there.
            if classes == ["user"] && row.get("sn").is_none() {
                ldif += "sn: none\n";
            }
            for (name, value) in row.as_object().unwrap().iter().filter(|(name, _)| KNOWN.contains(&name.as_str())) {
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                values.iter().for_each(|value| ldif += &format!("{name}:: {}\n", base64(&bytes(name, value))));
            }
            let groups = groups.get(&dn.to_lowercase()).into_iter().flatten();
            groups.for_each(|group| ldif += &format!("memberOf:: {}\n", base64(group.as_bytes())));
            ldif.push('\n');
        }
        entry(&mut ldif, &format!("ou=Service,{BASE}"), &["organizationalUnit"], &[("ou", "Service")]);
        // Not one of the users.
        let fields = [("cn", "svc-nexus"), ("sn", "svc-nexus"), ("userPassword", PASSWORD)];
        entry(&mut ldif, READER, &["person"], &fields);
        ldif
    }

    fn class(entry: &Value) -> &str {
        texts(&entry["objectClass"]).last().unwrap()
    }

    fn texts(list: &Value) -> impl Iterator<Item = &str> {
        list.as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    fn bytes(name: &str, value: &Value) -> Vec<u8> {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let coded = |kind: &str| value.get(kind).and_then(Value::as_str);
        if let Some(text) = coded("hex") {
            return hex::decode(text).unwrap();
        }
        if let Some(text) = coded("base64") {
            return STANDARD.decode(text).unwrap();
        }
        let text = value.as_str().unwrap_or_else(|| panic!("{name}: {value}"));
        // Found by the last part of its name: here it is that part.
        let category = || text.split(['=', ',']).nth(1).unwrap().to_lowercase();
        if name == "objectCategory" { category().into_bytes() } else { text.as_bytes().to_vec() }
    }
}

fn entry(ldif: &mut String, dn: &str, classes: &[&str], fields: &[(&str, &str)]) {
    writeln!(ldif, "dn: {dn}").unwrap();
    for class in classes {
        writeln!(ldif, "objectClass: {class}").unwrap();
    }
    for (name, value) in fields {
        writeln!(ldif, "{name}:: {}", base64(value.as_bytes())).unwrap();
    }
    ldif.push('\n');
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
