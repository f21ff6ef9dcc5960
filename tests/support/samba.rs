//! A real Active Directory domain controller for tests: Samba's, provisioned in a folder of its own. LDAP has its usual ports
//! there, so each has an address of its own in 127.0.0.0/8; that takes root.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::slapd::{Certificate, PASSWORD, write_certificate};
use super::{PATIENCE, eventually};

/// Binds by its user principal name, as Active Directory lets it.
pub const READER: &str = "svc-nexus@nexus.corp";

pub struct Samba {
    child: Child,
    pub ldaps: SocketAddr,
    /// Whom to trust for it, in DER.
    pub root: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Samba {
    /// With the people, units and groups of a mock directory's table. What a domain has of its own it makes itself.
    pub fn holding(entries: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = write_certificate(folder.path(), Certificate::Good);
        fs::set_permissions(folder.path().join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
        let home = folder.path().join("dc");
        let provision = [
            "domain",
            "provision",
            "--realm=NEXUS.CORP",
            "--domain=NEXUS",
            "--server-role=dc",
            "--dns-backend=NONE",
            "--host-name=dc1",
            &format!("--adminpass={PASSWORD}"),
            &format!("--targetdir={}", home.display()),
        ];
        run("samba-tool", &provision, "");
        let address =
            Ipv4Addr::new(127, 77, std::process::id().to_be_bytes()[2], std::process::id().to_be_bytes()[3].max(1));
        let configuration = home.join("etc/smb.conf");
        configure(&configuration, folder.path(), address);
        let database = home.join("private/sam.ldb").display().to_string();
        let (add, modify) = ldif(entries);
        run("ldbadd", &["-H", &database], &add);
        run("ldbmodify", &["-H", &database, "--controls=relax:0"], &modify);
        let create = ["user", "create", "svc-nexus", PASSWORD, "-H", &database, "-s", configuration.to_str().unwrap()];
        run("samba-tool", &create, "");
        let child = Command::new("samba")
            .args(["-i", "-s", configuration.to_str().unwrap(), "--debug-stdout"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ldaps = SocketAddr::from((address, 636));
        eventually("samba listens", || TcpStream::connect_timeout(&ldaps, PATIENCE).is_ok());
        Self { child, ldaps, root, _folder: folder }
    }
}

impl Drop for Samba {
    /// It ends its own children when it is asked to.
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// Runs a program to its good end, with a text as its input.
fn run(program: &str, arguments: &[&str], input: &str) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("{program}: {error}. Samba's domain controller is missing: `./bootstrap test-samba` installs it")
    });
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let ran = child.wait_with_output().unwrap();
    assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// LDAP and nothing else, on an address of its own.
fn configure(file: &Path, folder: &Path, address: Ipv4Addr) {
    let provisioned = fs::read_to_string(file).unwrap();
    let (global, _) = provisioned.split_once("[").and_then(|(_, rest)| rest.split_once("\n[")).unwrap();
    let kept = global.lines().filter(|line| !line.contains("server services") && !line.contains("log file"));
    let mut text = format!("[{}\n", kept.collect::<Vec<_>>().join("\n"));
    let folder = folder.display();
    write!(
        text,
        "server services = ldap\ninterfaces = {address}/8\nbind interfaces only = yes\nldap server require strong auth = yes\n\
         tls enabled = yes\ntls keyfile = {folder}/server.key\ntls certfile = {folder}/server.pem\ntls cafile = {folder}/ca.pem\n\
         pid directory = {folder}\nncalrpc dir = {folder}/ncalrpc\nlog file = {folder}/log.%m\n"
    )
    .unwrap();
    fs::write(file, text).unwrap();
}

/// What is added, and what is set once all of it is there: names of others, and times that a domain writes itself.
fn ldif(entries: &[Value]) -> (String, String) {
    const TEXTS: [&str; 13] = [
        "cn",
        "department",
        "description",
        "displayName",
        "employeeID",
        "givenName",
        "mail",
        "physicalDeliveryOfficeName",
        "proxyAddresses",
        "sn",
        "telephoneNumber",
        "title",
        "userPrincipalName",
    ];
    let (mut add, mut modify) = (String::new(), String::new());
    for row in entries {
        let dn = row["dn"].as_str().unwrap();
        let class = row["objectClass"].as_array().unwrap().last().unwrap().as_str().unwrap();
        // Its own: the domain, the container of its groups, its controllers.
        if !["user", "group", "organizationalUnit"].contains(&class)
            || dn.contains("CN=Users,")
            || dn.contains("Controllers")
        {
            continue;
        }
        writeln!(add, "dn: {dn}\nobjectClass: {class}").unwrap();
        let values = |name: &str| -> Vec<String> {
            let list = row[name].as_array().map_or(std::slice::from_ref(&row[name]), Vec::as_slice);
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        for name in TEXTS.iter().chain(&["sAMAccountName", "groupType", "ou"]) {
            values(name).iter().for_each(|value| writeln!(add, "{name}: {value}").unwrap());
        }
        if let Some(control) = row["userAccountControl"].as_str() {
            // Without a password an account is made only if it needs none (0x20).
            let bits: u32 = control.parse().unwrap();
            writeln!(add, "userAccountControl: {}", bits | 0x20).unwrap();
        }
        add.push('\n');
        for name in ["manager", "member", "lastLogonTimestamp"] {
            let values = values(name);
            if !values.is_empty() {
                write!(modify, "dn: {dn}\nchangetype: modify\nreplace: {name}\n").unwrap();
                values.iter().for_each(|value| writeln!(modify, "{name}: {value}").unwrap());
                modify.push('\n');
            }
        }
    }
    (add, modify)
}
