//! Reads 20,000 users of a directory page by page through the sandbox, against `ldapsearch`: same server, same TLS, same
//! account, same filter, same attributes. In between, the same search through the door without a guest. Rounds alternate.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark ends where it is wrong, and prints"
)]

#[path = "../../tests/support/slapd.rs"]
#[expect(unreachable_pub, reason = "tests of the program share it")]
mod slapd;
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus::egress::{Caller, Door, Rights, Verdict};
use nexus::manifest::{Manifest, Values};
use nexus::names::SettingName;
use nexus::outbound::{DirectorySearch, DnsName, GuestNode, GuestSearch, Scope};
use nexus::secrets::{SecretValue, Vault};
use nexus::shard::Shard;
use nexus::wire::{Network, NetworkOptions, Wire};
use serde_json::json;
use slapd::{BASE, HOST, PASSWORD, READER, Slapd};
use support::{ledger, repo, scrubber};

const TOOL: &str = "ad_get_disabled_accounts";
const PEOPLE: usize = 20_000;
const ROUNDS: usize = 7;
/// All bits of the value (LDAP_MATCHING_RULE_BIT_AND of Active Directory).
const BIT_AND: &str = "1.2.840.113556.1.4.803";
/// What the tool reads of each user.
const ATTRIBUTES: [&str; 14] = [
    "sAMAccountName",
    "userPrincipalName",
    "mail",
    "displayName",
    "title",
    "department",
    "manager",
    "employeeID",
    "userAccountControl",
    "lastLogonTimestamp",
    "accountExpires",
    "whenCreated",
    "objectGUID",
    "objectSid",
];

fn main() {
    let begun = Instant::now();
    let slapd = Slapd::holding(&people());
    println!("{PEOPLE} disabled users: {} ms to make them up and start a directory", begun.elapsed().as_millis());
    tokio::runtime::Runtime::new().unwrap().block_on(measure(&slapd));
}

async fn measure(slapd: &Slapd) {
    let manifest = Manifest::read(&repo().join("target/shards/identity/shard.toml"), &World).unwrap();
    let folder = tempfile::tempdir_in(repo().join("target")).unwrap();
    let door = Arc::new(Door::new(ledger(folder.path(), true), Wire::Network(network(slapd)), scrubber()));
    let shard = support::shard_with(&door, manifest, |manifest| Rights {
        vault: Vault::new(manifest.credentials.clone(), secrets()),
        ..support::rights(manifest)
    })
    .await;

    // One that does not count: it opens files and the host's connection.
    let first = Round::run(slapd, &door, &shard).await;
    // As many bytes from the server. Later they differ: the number of a message takes more of them as it grows.
    assert_eq!(first.asked, first.asked_by_tool, "filter or attributes of the tool are no longer those of this file");
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(Round::run(slapd, &door, &shard).await);
    }

    let Round { asked: Cost { pages, entries, bytes }, ldif, result, memory, .. } = first;
    println!("{entries} users in {pages} pages, {} kB from the server; {ROUNDS} rounds, ledger durable", bytes / 1000);
    println!("{:>34} {:>10} {:>18} {:>7}", "", "median ms", "fastest, slowest", "ratio");
    let base = report("ldapsearch", None, rounds.iter().map(|round| round.ldapsearch));
    report("the door without a guest", Some(base), rounds.iter().map(|round| round.door));
    report(TOOL, Some(base), rounds.iter().map(|round| round.tool));
    report("ldapsearch for one entry", None, rounds.iter().map(|round| round.one_entry));
    println!(
        "result {} kB ({} kB of LDIF from ldapsearch); peak guest memory {} KiB",
        result / 1000,
        ldif / 1000,
        memory / 1024
    );
}

/// All that are compared, once each.
struct Round {
    /// What `ldapsearch` needs to start, connect and bind: Nexus keeps its connection.
    one_entry: Duration,
    ldapsearch: Duration,
    door: Duration,
    tool: Duration,
    /// Of the server, by the door without a guest.
    asked: Cost,
    asked_by_tool: Cost,
    /// Bytes that `ldapsearch` wrote.
    ldif: usize,
    /// Bytes of the tool's result.
    result: usize,
    /// The guest's most, in bytes.
    memory: usize,
}

impl Round {
    async fn run(slapd: &Slapd, door: &Arc<Door>, shard: &Shard) -> Self {
        let (one_entry, _) = timed(|| ldapsearch(slapd, &["-s", "base"], "(objectClass=*)", &["ou"], 1));
        let pages = ["-s", "sub", "-E", "pr=1000/noprompt"];
        let (ldapsearch, ldif) = timed(|| ldapsearch(slapd, &pages, &filter(), &ATTRIBUTES, PEOPLE));

        let (_line, caller) = support::caller(shard, door, TOOL).await;
        let begun = Instant::now();
        through_the_door(door, &caller).await;
        let (alone, asked) = (begun.elapsed(), Cost::of(&caller));

        let (_line, caller) = support::caller(shard, door, TOOL).await;
        let begun = Instant::now();
        let output = support::call(shard, door, &caller, &json!({})).await;
        let tool = begun.elapsed();
        let accounts = output.data.as_ref().and_then(|data| data["accounts"].as_array()).unwrap();
        assert!(output.complete && accounts.len() == PEOPLE, "{} accounts; {:?}", accounts.len(), output.notes);
        let (asked_by_tool, result, memory) =
            (Cost::of(&caller), output.written.as_ref().map_or(0, String::len), caller.memory.peak());
        Self { one_entry, ldapsearch, door: alone, tool, asked, asked_by_tool, ldif, result, memory }
    }
}

/// The median in milliseconds, after printing it, and its ratio to `base`.
fn report(name: &str, base: Option<f64>, times: impl Iterator<Item = Duration>) -> f64 {
    let mut times: Vec<f64> = times.map(|time| time.as_secs_f64() * 1000.0).collect();
    times.sort_by(f64::total_cmp);
    let (fastest, median, slowest) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    let ratio = base.map(|base| format!("{:.2}", median / base)).unwrap_or_default();
    println!("{name:>34} {median:>10.0} {:>18} {ratio:>7}", format!("{fastest:.0}, {slowest:.0}"));
    median
}

fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let result = run();
    (begun.elapsed(), result)
}

/// What a call took from the server.
#[derive(Debug, Default, PartialEq)]
struct Cost {
    pages: usize,
    entries: usize,
    bytes: usize,
}

impl Cost {
    fn of(caller: &Caller) -> Self {
        let mut cost = Self::default();
        for crossed in caller.crossings() {
            let Verdict::Found { entries, bytes, .. } = crossed.verdict else { panic!("{crossed:?}") };
            cost.pages += 1;
            cost.entries += entries;
            cost.bytes += bytes;
        }
        cost
    }
}

/// Returns the bytes that it wrote.
fn ldapsearch(slapd: &Slapd, options: &[&str], filter: &str, attributes: &[&str], expected: usize) -> usize {
    let mut command = Command::new("ldapsearch");
    command.env("LDAPTLS_CACERT", slapd.authority()).env("LDAPTLS_REQCERT", "demand");
    command.args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", &format!("ldaps://{}", slapd.ldaps)]);
    command.args(["-D", READER, "-w", PASSWORD, "-b", &base()]).args(options).arg(filter).args(attributes);
    let ran = match command.output() {
        Ok(ran) => ran,
        Err(error) => panic!("ldapsearch: {error}. OpenLDAP's programs are missing: `./bootstrap bench` installs them"),
    };
    assert!(ran.status.success(), "ldapsearch: {}", String::from_utf8_lossy(&ran.stderr));
    let entries = ran.stdout.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"dn:")).count();
    assert_eq!(entries, expected);
    ran.stdout.len()
}

async fn through_the_door(door: &Door, caller: &Caller) {
    let mut search = door.open(caller, search()).await.unwrap();
    let mut entries = 0;
    while let Some(page) = door.next_page(caller, &mut search).await.unwrap() {
        entries += page.into_inner().entries.len();
    }
    assert_eq!(entries, PEOPLE);
}

fn base() -> String {
    format!("ou=Leavers,{BASE}")
}

/// What the tool asks for.
fn search() -> GuestSearch {
    let equal = |attribute: &str, value: &str| GuestNode::Equal { attribute: attribute.into(), value: value.into() };
    let disabled =
        GuestNode::Matching { attribute: "userAccountControl".into(), rule: BIT_AND.into(), value: b"2".to_vec() };
    GuestSearch {
        server: "ad".into(),
        base: base(),
        scope: Scope::Subtree,
        filter: vec![
            equal("objectCategory", "person"),
            equal("objectClass", "user"),
            GuestNode::All(vec![0, 1]),
            disabled,
            GuestNode::All(vec![2, 3]),
        ],
        attributes: ATTRIBUTES.map(str::to_owned).to_vec(),
        page_size: 1000,
    }
}

fn filter() -> String {
    DirectorySearch::parse(search()).unwrap().filter().to_rfc4515()
}

fn network(slapd: &Slapd) -> Network {
    let pem = fs::read(slapd.authority()).unwrap();
    let options = NetworkOptions {
        extra_roots: NetworkOptions::roots_from_pem(&pem).unwrap(),
        resolve: BTreeMap::from([(DnsName::parse(HOST).unwrap(), slapd.ldaps)]),
        ..NetworkOptions::default()
    };
    Network::new(options).unwrap()
}

/// The names that the manifest gives to the account. The shard's other credentials stay without a value.
fn secrets() -> BTreeMap<SettingName, SecretValue> {
    let secret =
        |(name, value): (&str, &str)| (SettingName::parse(name).unwrap(), SecretValue::new(value.to_owned()).unwrap());
    BTreeMap::from([("AD_USER", READER), ("AD_PASSWORD", PASSWORD)].map(secret))
}

struct World;

impl Values for World {
    fn value(&self, name: &SettingName) -> Option<String> {
        match name.as_str() {
            "AD_SERVER" => Some(HOST.to_owned()),
            "AD_BASE_DN" => Some(base()),
            _ => Some("bench".to_owned()),
        }
    }
}

/// People who have left, in LDIF, with all that the shard may read of a user.
fn people() -> String {
    let base = base();
    let mut ldif = format!("dn: {base}\nobjectClass: organizationalUnit\nou: Leavers\n\n");
    for n in 1..=PEOPLE {
        let (guid, sid) = (STANDARD.encode(guid(n)), STANDARD.encode(sid(n)));
        write!(
            ldif,
            "dn: cn=Generated {n:06},{base}
objectClass: user
objectCategory: person
cn: Generated {n:06}
sn: {n:06}
givenName: Generated
displayName: Generated {n:06}
sAMAccountName: generated{n:06}
userPrincipalName: generated.{n:06}@nexus.corp
mail: generated.{n:06}@nexus.corp
title: Engineer
department: Engineering
manager: cn=Alice Johnson,ou=People,{BASE}
employeeID: EMP-{}
telephoneNumber: +1 303 555 0100
physicalDeliveryOfficeName: Denver HQ
userAccountControl: 514
primaryGroupID: 513
lastLogonTimestamp: 134256528000000000
accountExpires: 9223372036854775807
whenCreated: 20200101000000.0Z
objectGUID:: {guid}
objectSid:: {sid}

",
            100_000 + n
        )
        .unwrap();
    }
    ldif
}

fn guid(n: usize) -> [u8; 16] {
    (n as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
}

/// S-1-5-21-…: an account of a domain (MS-DTYP, 2.4.2.2).
fn sid(n: usize) -> Vec<u8> {
    let domain = [0x6f, 0x5f, 0x1a, 0xad, 0xb0, 0xd4, 0xaf, 0x52, 0x9b, 0xf8, 0x5b, 0xcb];
    let number = 10_000 + n as u32;
    [&[1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0][..], &domain, &number.to_le_bytes()].concat()
}
