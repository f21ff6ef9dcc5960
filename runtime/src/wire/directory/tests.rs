//! Against OpenLDAP's own server, and against one on loopback that says what it is told to say.

#[path = "../../../../tests/support/slapd.rs"]
#[expect(
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "starts a server in a folder; tests of the program share it"
)]
mod slapd;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::names::{CredentialName, DirectoryName, SettingName};
use crate::outbound::{Attribute, DirectorySearch, Dn, DnsName, GuestNode, GuestSearch, Host};
use crate::policy::address::Forbidden;
use crate::policy::{Directories, DirectoryGrant, LdapServer, Pace, Tls};
use crate::secrets::{CredentialKind, SecretRef, SecretValue, Text, Vault};
use crate::wire::{Network, NetworkOptions};
use slapd::{BASE, Certificate, HOST, LIMITED, MANY, ODD, PASSWORD, READER, Slapd};

const BIT_AND: &str = "1.2.840.113556.1.4.803";
const NO_RULE: &str = "1.2.840.113556.1.4.99999";
const RULES: [&str; 4] = [BIT_AND, "1.2.840.113556.1.4.804", "1.2.840.113556.1.4.1941", NO_RULE];

/// What a shard asks for, granted as it stands.
#[derive(Clone)]
pub(in crate::wire) struct Asked {
    pub(in crate::wire) base: String,
    pub(in crate::wire) scope: Scope,
    pub(in crate::wire) filter: Vec<GuestNode>,
    pub(in crate::wire) attributes: Vec<&'static str>,
    pub(in crate::wire) page_size: u32,
    pub(in crate::wire) entries: u32,
    pub(in crate::wire) tls: Tls,
    pub(in crate::wire) private: bool,
    pub(in crate::wire) reply_bytes: usize,
    pub(in crate::wire) patience: Duration,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            base: BASE.to_owned(),
            scope: Scope::Subtree,
            filter: vec![equal("objectClass", b"user")],
            attributes: vec!["sAMAccountName"],
            page_size: 1000,
            entries: 50_000,
            tls: Tls::Ldaps,
            private: false,
            reply_bytes: 8 << 20,
            patience: Duration::from_secs(60),
        }
    }
}

impl Asked {
    pub(in crate::wire) fn at(base: &str) -> Self {
        Self { base: base.to_owned(), ..Self::default() }
    }

    pub(in crate::wire) fn found(name: &'static str, value: &[u8]) -> Self {
        Self { filter: vec![equal(name, value)], ..Self::default() }
    }

    pub(in crate::wire) fn budget(&self) -> Budget {
        Budget { deadline: Instant::now() + self.patience, reply_bytes: self.reply_bytes }
    }

    pub(in crate::wire) fn sealed(&self, vault: &Vault, port: u16) -> SealedSearch {
        let search = DirectorySearch::parse(GuestSearch {
            server: "ad".to_owned(),
            base: self.base.clone(),
            scope: self.scope,
            filter: self.filter.clone(),
            attributes: self.attributes.iter().map(|name| (*name).to_owned()).collect(),
            page_size: self.page_size,
        })
        .unwrap();
        let attribute = |name: &str| Attribute::parse(name).unwrap();
        let grant = DirectoryGrant {
            name: DirectoryName::parse("ad").unwrap(),
            server: LdapServer { host: Host::parse(HOST).unwrap(), port, tls: self.tls },
            bases: vec![Dn::parse(&self.base).unwrap()],
            scopes: BTreeSet::from([Scope::Base, Scope::OneLevel, Scope::Subtree]),
            attributes: self.attributes.iter().map(|name| attribute(name)).collect(),
            filter_attributes: search.filter().attributes().into_iter().map(|name| attribute(name.as_str())).collect(),
            rules: RULES.map(str::to_owned).into(),
            credential: CredentialName::parse("bind").unwrap(),
            tools: None,
            private: self.private,
            entries: self.entries,
            pace: Pace::default(),
        };
        vault.bind(Directories::new(vec![grant]).permit(None, search).unwrap()).unwrap()
    }
}

pub(in crate::wire) fn equal(attribute: &str, value: &[u8]) -> GuestNode {
    GuestNode::Equal { attribute: attribute.to_owned(), value: value.to_vec() }
}

fn vault(username: &str, password: &str) -> Vault {
    let kind = CredentialKind::Bind {
        username: Text::parse(username).unwrap(),
        password: SecretRef::parse("secret:AD_PASSWORD").unwrap(),
    };
    let secret = (SettingName::parse("AD_PASSWORD").unwrap(), SecretValue::new(password.to_owned()).unwrap());
    Vault::new(BTreeMap::from([(CredentialName::parse("bind").unwrap(), kind)]), BTreeMap::from([secret]))
}

/// A network in which the directory's name lives at this address.
fn network(address: SocketAddr, root: &[u8]) -> Network {
    Network::new(NetworkOptions {
        extra_roots: vec![CertificateDer::from(root.to_vec())],
        resolve: [(DnsName::parse(HOST).unwrap(), address)].into(),
        ..NetworkOptions::default()
    })
    .unwrap()
}

/// One of the directory's clients.
struct Client {
    network: Network,
    vault: Vault,
    port: u16,
}

impl Client {
    fn of(slapd: &Slapd, username: &str, password: &str) -> Self {
        Self::at(slapd.ldaps, &slapd.root, vault(username, password))
    }

    fn at(address: SocketAddr, root: &[u8], vault: Vault) -> Self {
        Self { network: network(address, root), vault, port: address.port() }
    }

    fn search(&self, asked: &Asked) -> Search {
        self.network.search(asked.sealed(&self.vault, self.port))
    }

    async fn first(&self, asked: &Asked) -> Result<RawPage, WireError> {
        self.search(asked).next(&asked.budget()).await.map(Option::unwrap)
    }

    async fn all(&self, asked: &Asked) -> Result<Vec<RawPage>, WireError> {
        let mut search = self.search(asked);
        let mut pages = Vec::new();
        while let Some(page) = search.next(&asked.budget()).await? {
            pages.push(page);
        }
        Ok(pages)
    }

    /// The accounts of all pages, none of which may be partial.
    async fn names(&self, asked: &Asked) -> Vec<String> {
        let pages = self.all(asked).await.unwrap();
        assert!(pages.iter().all(|page| !page.partial));
        pages.iter().flat_map(|page| &page.entries).map(|entry| text(entry, "sAMAccountName")).collect()
    }
}

fn text(entry: &RawEntry, name: &str) -> String {
    let values = &entry.attributes.iter().find(|(found, _)| found == name).unwrap().1;
    assert_eq!(values.len(), 1, "{name} of {}", entry.dn);
    String::from_utf8(values[0].clone()).unwrap()
}

#[tokio::test]
async fn pages_go_on_to_an_end_that_the_server_confirms() {
    let slapd = Slapd::start();
    let client = Client::of(&slapd, READER, PASSWORD);
    let asked = Asked::at(&format!("OU=Many,{BASE}"));
    let pages = client.all(&asked).await.unwrap();
    assert_eq!(pages.iter().map(|page| page.entries.len()).collect::<Vec<_>>(), [1000, 1000, 500]);
    assert!(pages.iter().all(|page| !page.partial && page.references == 0 && page.bytes > 10_000));
    let names: BTreeSet<_> =
        pages.iter().flat_map(|page| &page.entries).map(|entry| text(entry, "sAMAccountName")).collect();
    assert_eq!(names.len(), MANY);
    // The end stays the end.
    let mut search = client.search(&Asked { page_size: 3, ..Asked::at(&format!("OU=People,{BASE}")) });
    assert_eq!(search.next(&asked.budget()).await.unwrap().unwrap().entries.len(), 2);
    assert!(search.next(&asked.budget()).await.unwrap().is_none());
    assert!(search.next(&asked.budget()).await.unwrap().is_none());
}

#[tokio::test]
async fn an_entry_has_what_was_asked_for_and_nothing_else() {
    let slapd = Slapd::start();
    let client = Client::of(&slapd, READER, PASSWORD);
    let attributes = vec!["samaccountNAME", "memberOf", "whenCreated", "userAccountControl", "mail"];
    let page = client.first(&Asked { attributes, ..Asked::found("sAMAccountName", b"ALICEJ") }).await.unwrap();
    let [alice] = &page.entries[..] else { panic!("{page:?}") };
    assert_eq!(alice.dn, "cn=Alice Johnson,ou=People,dc=nexus,dc=corp");
    assert_eq!(text(alice, "samaccountNAME"), "alicej");
    assert_eq!(text(alice, "whenCreated"), "20240131120000.0Z");
    assert_eq!(text(alice, "userAccountControl"), "512");
    assert_eq!(alice.attributes.len(), 4, "{alice:?}");
    let groups = &alice.attributes.iter().find(|(name, _)| name == "memberOf").unwrap().1;
    assert_eq!(groups.len(), 2);
}

#[tokio::test]
async fn a_name_is_found_exactly_whatever_it_is_made_of() {
    let slapd = Slapd::start();
    let client = Client::of(&slapd, READER, PASSWORD);
    for (login, name) in ODD {
        assert_eq!(client.names(&Asked::found("displayName", name.as_bytes())).await, [login], "{name:?}");
    }
    let guid = [0, 0x5c, 0x2a, 0x28, 0x29, 0xff, 0xfe, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let asked = Asked { attributes: vec!["objectGUID"], ..Asked::found("objectGUID", &guid) };
    let page = client.first(&asked).await.unwrap();
    assert_eq!(page.entries.len(), 1);
    assert_eq!(page.entries[0].attributes, [("objectGUID".to_owned(), vec![guid.to_vec()])]);
    // A part of a name, with a star that is one.
    let filter = vec![GuestNode::Substrings {
        attribute: "displayName".to_owned(),
        starts_with: Some("a*".to_owned()),
        contains: vec![],
        ends_with: None,
    }];
    assert_eq!(client.names(&Asked { filter, ..Asked::default() }).await, ["star"]);
}

#[tokio::test]
async fn a_filter_means_what_its_tree_says() {
    let slapd = Slapd::start();
    let client = Client::of(&slapd, READER, PASSWORD);
    let filter = vec![
        equal("department", b"engineering"),
        equal("sAMAccountName", b"bobm"),
        GuestNode::No(1),
        GuestNode::Present("memberOf".to_owned()),
        GuestNode::AtMost { attribute: "userAccountControl".to_owned(), value: b"512".to_vec() },
        GuestNode::AtLeast { attribute: "lastLogonTimestamp".to_owned(), value: b"1".to_vec() },
        GuestNode::All(vec![0, 2, 3, 4, 5]),
    ];
    assert_eq!(client.names(&Asked { filter, ..Asked::default() }).await, ["alicej"]);
    // By a rule; and one that this server does not have is no match, and never everybody.
    for (rule, expected) in [(BIT_AND, vec!["davidk", "henryp"]), (NO_RULE, vec![])] {
        let attribute = "userAccountControl".to_owned();
        let filter = vec![GuestNode::Matching { attribute, rule: rule.to_owned(), value: b"2".to_vec() }];
        assert_eq!(client.names(&Asked { filter, ..Asked::default() }).await, expected, "{rule}");
    }
}

#[tokio::test]
async fn an_entry_that_is_not_there_is_nothing_and_a_place_that_is_not_there_is_an_error() {
    let slapd = Slapd::start();
    let client = Client::of(&slapd, READER, PASSWORD);
    let gone = Asked::at(&format!("CN=Nobody,{BASE}"));
    let page = client.first(&Asked { scope: Scope::Base, ..gone.clone() }).await.unwrap();
    assert!(page.entries.is_empty() && !page.partial);
    let error = client.first(&gone).await.err().unwrap();
    assert!(matches!(error, WireError::Directory(code) if code.as_u32() == 32), "{error:?}");
    assert_eq!(error.to_string(), "directory refused: result 32 (noSuchObject)");
    let there = Asked { scope: Scope::Base, ..Asked::at(&format!("CN=Alice Johnson,OU=People,{BASE}")) };
    assert_eq!(client.names(&there).await, ["alicej"]);
}

#[tokio::test]
async fn what_the_account_may_not_read_is_not_there() {
    let slapd = Slapd::start();
    let client = Client::of(&slapd, READER, PASSWORD);
    assert!(client.names(&Asked::found("sAMAccountName", b"ghost")).await.is_empty());
}

#[tokio::test]
async fn a_referral_is_never_followed() {
    let slapd = Slapd::start();
    let client = Client::of(&slapd, READER, PASSWORD);
    // This server keeps to the domain when it is told to: what another one has is not there.
    let error = client.first(&Asked::at(&format!("OU=Elsewhere,{BASE}"))).await.err().unwrap();
    assert!(matches!(error, WireError::Directory(code) if code.as_u32() == 32), "{error:?}");
    let page = client.first(&Asked::found("sAMAccountName", b"alicej")).await.unwrap();
    assert_eq!((page.entries.len(), page.references), (1, 0));
    // One that refers all the same.
    let server = Server::start(|_, _| Act::raw(done(10, None))).await;
    let error = server.client().first(&Asked::default()).await.err().unwrap();
    assert!(matches!(error, WireError::Referral), "{error:?}");
    let reference = message(LAST, tlv(0x73, &tlv(4, b"ldap://dc2.nexus.corp/")), None);
    let server =
        Server::start(move |_, _| Act::say(vec![reference.clone(), entry("cn=a", &[]), reference.clone()])).await;
    let page = server.client().first(&Asked::default()).await.unwrap();
    assert_eq!((page.entries.len(), page.references, server.connections()), (1, 2, 1));
}

#[tokio::test]
async fn what_a_limit_withholds_is_told() {
    let slapd = Slapd::start();
    let limited = Client::of(&slapd, LIMITED, PASSWORD);
    let asked = Asked { page_size: 100, ..Asked::at(&format!("OU=Many,{BASE}")) };
    let pages = limited.all(&asked).await.unwrap();
    assert_eq!(pages.iter().map(|page| (page.entries.len(), page.partial)).collect::<Vec<_>>(), [(10, true)]);
    // The grant's own limit, within a page, at its end, and where the entries end with it.
    let client = Client::of(&slapd, READER, PASSWORD);
    for (entries, expected) in [(150, vec![(100, false), (50, true)]), (100, vec![(100, true)]), (7, vec![(7, true)])] {
        let pages = client.all(&Asked { entries, ..asked.clone() }).await.unwrap();
        assert_eq!(pages.iter().map(|page| (page.entries.len(), page.partial)).collect::<Vec<_>>(), expected);
    }
    let two = Asked { entries: 2, ..Asked::at(&format!("OU=People,{BASE}")) };
    assert_eq!(client.names(&two).await.len(), 2);
}

#[tokio::test]
async fn a_page_larger_than_the_bound_is_an_error_and_no_page() {
    let slapd = Slapd::start();
    let client = Client::of(&slapd, READER, PASSWORD);
    let asked = Asked { reply_bytes: 20_000, ..Asked::at(&format!("OU=Many,{BASE}")) };
    let error = client.first(&asked).await.err().unwrap();
    assert!(matches!(error, WireError::TooLarge { limit: 20_000 }), "{error:?}");
    // The bound is of a page and not of the search.
    let pages = client.all(&Asked { page_size: 100, ..asked }).await.unwrap();
    assert_eq!(pages.iter().map(|page| page.entries.len()).sum::<usize>(), MANY);
}

#[tokio::test]
async fn a_certificate_that_does_not_convince_ends_it() {
    for wrong in [Certificate::OtherAuthority, Certificate::OtherName, Certificate::Expired] {
        let slapd = Slapd::with(wrong);
        for (address, tls) in [(slapd.ldaps, Tls::Ldaps), (slapd.ldap, Tls::StartTls)] {
            let client = Client::at(address, &slapd.root, vault(READER, PASSWORD));
            let error = client.first(&Asked { tls, ..Asked::default() }).await.err().unwrap();
            assert!(matches!(error, WireError::Untrusted(_)), "{wrong:?} {tls:?}: {error:?}");
        }
    }
}

/// What both halves open is told by `a_private_address_takes_the_manifest_and_the_operator`, without a connection.
#[tokio::test]
async fn a_directory_at_a_private_address_takes_the_manifest_and_the_operator() {
    for (manifest, operator) in [(false, false), (true, false), (false, true)] {
        let network = Network::new(NetworkOptions {
            resolve: [(DnsName::parse(HOST).unwrap(), "10.0.0.1:636".parse().unwrap())].into(),
            allow_private: operator,
            ..NetworkOptions::default()
        })
        .unwrap();
        let asked = Asked { private: manifest, ..Asked::default() };
        let mut search = network.search(asked.sealed(&vault(READER, PASSWORD), 636));
        let error = search.next(&asked.budget()).await.err().unwrap();
        let is_private = matches!(&error, WireError::ForbiddenAddress(found) if found.why == Some(Forbidden::Private));
        assert!(is_private, "{manifest} {operator}: {error:?}");
    }
}

#[tokio::test]
async fn start_tls_comes_before_everything_else() {
    let slapd = Slapd::start();
    let client = Client::at(slapd.ldap, &slapd.root, vault(READER, PASSWORD));
    let asked = Asked { tls: Tls::StartTls, ..Asked::found("sAMAccountName", b"alicej") };
    assert_eq!(client.names(&asked).await, ["alicej"]);
    // A server that wants TLS at once, and one that does not.
    let error = client.first(&Asked { tls: Tls::Ldaps, ..asked.clone() }).await.err().unwrap();
    assert!(matches!(error, WireError::Unreachable(Unreachable::Tls(_))), "{error:?}");
    let client = Client::at(slapd.ldaps, &slapd.root, vault(READER, PASSWORD));
    assert!(matches!(client.first(&asked).await.err().unwrap(), WireError::Unreachable(_)));
}

#[tokio::test]
async fn an_account_that_is_refused_is_not_tried_again_and_again() {
    let mut slapd = Slapd::start();
    let client = Client::of(&slapd, READER, "wrong-password");
    let error = client.first(&Asked::default()).await.err().unwrap();
    assert!(matches!(error, WireError::BindRefused(None)), "{error:?}");
    // Active Directory would lock the account after some more: the answer is known without asking.
    slapd.stop();
    let error = client.first(&Asked::default()).await.err().unwrap();
    assert!(matches!(error, WireError::BindRefused(None)), "{error:?}");
    // Another account is another matter.
    let other = Client { vault: vault(LIMITED, PASSWORD), ..client };
    assert!(matches!(other.first(&Asked::default()).await, Err(WireError::Unreachable(_))));
}

#[tokio::test]
async fn a_server_that_goes_between_pages_ends_the_search_with_an_error() {
    let mut slapd = Slapd::start();
    let client = Client::of(&slapd, READER, PASSWORD);
    let asked = Asked::at(&format!("OU=Many,{BASE}"));
    let mut search = client.search(&asked);
    assert_eq!(search.next(&asked.budget()).await.unwrap().unwrap().entries.len(), 1000);
    slapd.stop();
    for _ in 0..2 {
        let error = search.next(&asked.budget()).await.err().unwrap();
        assert!(matches!(error, WireError::Unreachable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_search_that_has_not_begun_may_be_asked_again() {
    let server = Server::start(|n, _| if n == 0 { Act::close(vec![]) } else { Act::say(vec![]) }).await;
    let client = server.client();
    let mut search = client.search(&Asked::default());
    let error = search.next(&Asked::default().budget()).await.err().unwrap();
    assert!(matches!(error, WireError::Unreachable(_)), "{error:?}");
    assert!(search.next(&Asked::default().budget()).await.unwrap().unwrap().entries.is_empty());
    assert!(search.next(&Asked::default().budget()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_server_that_goes_within_a_page_gives_no_page() {
    let server = Server::start(|_, _| Act::close(vec![entry("cn=a", &[("sAMAccountName", &["a"])])])).await;
    let error = server.client().first(&Asked::default()).await.err().unwrap();
    assert!(matches!(error, WireError::Unreachable(Unreachable::Closed(None) | Unreachable::Broken(_))), "{error:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_the_deadline_and_no_more() {
    let server = Server::start(|_, _| Act { messages: vec![entry("cn=a", &[])], then: Then::Hang }).await;
    let asked = Asked { patience: Duration::from_millis(300), ..Asked::default() };
    let error = server.client().first(&asked).await.err().unwrap();
    assert!(matches!(error, WireError::Timeout(Phase::Reply)), "{error:?}");
}

#[tokio::test]
async fn a_connection_is_used_again_by_the_same_account_alone() {
    let server = Server::start(|_, _| Act::say(vec![])).await;
    let mut client = server.client();
    for _ in 0..3 {
        client.first(&Asked::default()).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    client.vault = vault(READER, PASSWORD);
    client.first(&Asked::default()).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_has_ended_meanwhile_is_not_used() {
    let server = Server::start(|_, _| Act::close(done(0, Some(b"")))).await;
    let client = server.client();
    client.first(&Asked::default()).await.unwrap();
    server.closed(1).await;
    client.first(&Asked::default()).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_attribute_that_comes_in_ranges_is_whole() {
    let server = Server::start(|_, request| {
        let answer = |name: &str, values: &[&str]| vec![entry("cn=g,dc=nexus", &[(name, values)])];
        if request.contains("member;range=2-*") {
            assert!(request.contains("cn=g,dc=nexus") && request.contains("objectClass"));
            Act::say(answer("member;range=2-3", &["c", "d"]))
        } else if request.contains("member;range=4-*") {
            Act::say(answer("member;Range=4-*", &["e"]))
        } else {
            Act::say(vec![entry(
                "cn=g,dc=nexus",
                &[("member", &[]), ("member;range=0-1", &["a", "b"]), ("cn", &["g"])],
            )])
        }
    })
    .await;
    let asked = Asked { attributes: vec!["member", "cn"], ..Asked::default() };
    let page = server.client().first(&asked).await.unwrap();
    let values = |list: &[&str]| list.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>();
    let expected = [("member".to_owned(), values(&["a", "b", "c", "d", "e"])), ("cn".to_owned(), values(&["g"]))];
    assert_eq!(page.entries[0].attributes, expected);
}

#[tokio::test]
async fn a_range_that_is_not_what_it_says_is_an_error() {
    type Attributes = &'static [(&'static str, &'static [&'static str])];
    let cases: [(Attributes, Attributes); 7] = [
        (&[("member;range=0-2", &["a", "b"])], &[]),
        (&[("member;range=1-2", &["a", "b"])], &[]),
        (&[("member;range=0-1", &["a", "b"])], &[("member;range=3-*", &["d"])]),
        (&[("member;range=0-1", &["a", "b"])], &[("member;range=2-*", &[])]),
        (&[("member;range=0-1", &["a", "b"])], &[("member;range=2-5", &["c"])]),
        (&[("member;range=0-1", &["a", "b"])], &[]),
        (&[("member", &["a"]), ("member;range=0-*", &["a", "b"])], &[]),
    ];
    for (first, rest) in cases {
        let server = Server::start(move |_, request| {
            Act::say(vec![entry("cn=g", if request.contains("range=") { rest } else { first })])
        })
        .await;
        let asked = Asked { attributes: vec!["member"], ..Asked::default() };
        let error = server.client().first(&asked).await.err().unwrap();
        assert!(matches!(error, WireError::BadReply(BadReply::Ldap(_))), "{first:?} {rest:?}: {error:?}");
    }
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_handed_on() {
    let attributes: &[(&str, &[&str])] =
        &[("sAMAccountName", &["a"]), ("unicodePwd", &["x"]), ("sAMAccountName;lang-de", &["b"])];
    let server = Server::start(move |_, _| Act::say(vec![entry("cn=a", attributes)])).await;
    let page = server.client().first(&Asked::default()).await.unwrap();
    assert_eq!(page.entries[0].attributes, [("sAMAccountName".to_owned(), vec![b"a".to_vec()])]);
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error() {
    let deep = [0x30, 0x84, 0x00, 0x10, 0x00, 0x00].repeat(10_000);
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("no LDAP", vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]),
        ("an indefinite length", vec![vec![0x30, 0x80, 0x00, 0x00]]),
        ("nesting without end", vec![[vec![0x30, 0x83, 0x00, 0xea, 0x60], deep].concat()]),
        ("an empty message", vec![vec![0x30, 0x00]]),
        ("an answer to a bind", vec![message(LAST, tlv(0x61, &result(0)), None)]),
        ("an answer to another request", vec![message(77, tlv(0x65, &result(0)), None)]),
        ("an intermediate answer", vec![message(LAST, tlv(0x79, &[]), None)]),
        ("no word on more pages", done(0, None)),
        ("an end that is cut off", vec![message(LAST, tlv(0x65, &[0x0a, 0x01]), None)]),
        ("a negative result", vec![message(LAST, tlv(0x65, &[0x0a, 0x01, 0xff, 4, 0, 4, 0]), None)]),
        ("a name that is no text", vec![message(LAST, tlv(0x64, &[tlv(4, b"\xff"), tlv(0x30, &[])].concat()), None)]),
        ("an attribute twice", vec![entry("cn=a", &[("sAMAccountName", &["a"]), ("samaccountname", &["b"])])]),
    ];
    for (what, messages) in cases {
        let server = Server::start(move |_, _| Act::say(messages.clone())).await;
        let error = server.client().first(&Asked::default()).await.err().unwrap();
        assert!(matches!(error, WireError::BadReply(BadReply::Ldap(_))), "{what}: {error:?}");
    }
    // Two entries of one name, and a notice that the server goes.
    let server = Server::start(|_, _| Act::say(vec![entry("cn=a", &[]), entry("cn=b", &[])])).await;
    let error = server.client().first(&Asked { scope: Scope::Base, ..Asked::default() }).await.err().unwrap();
    assert!(matches!(error, WireError::BadReply(BadReply::Ldap(_))), "{error:?}");
    let server = Server::start(|_, _| Act::say(vec![message(0, tlv(0x78, &result(52)), None)])).await;
    let error = server.client().first(&Asked::default()).await.err().unwrap();
    assert!(matches!(error, WireError::Unreachable(Unreachable::Closed(None))), "{error:?}");
}

#[tokio::test]
async fn a_message_larger_than_the_bound_is_not_waited_for() {
    let server =
        Server::start(|_, _| Act { messages: vec![vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]], then: Then::Hang }).await;
    let error = server.client().first(&Asked { reply_bytes: 1 << 20, ..Asked::default() }).await.err().unwrap();
    assert!(matches!(error, WireError::TooLarge { limit: 1_048_576 }), "{error:?}");
}

#[tokio::test]
async fn a_result_is_told_by_its_number_and_never_in_the_servers_words() {
    use crate::refusal::{Code, Refusal, story};
    for (result, expected) in [
        (1, Code::Credential),
        (8, Code::Credential),
        (50, Code::Credential),
        (3, Code::Timeout),
        (4, Code::BadReply),
        (11, Code::BadReply),
        (12, Code::BadReply),
        (32, Code::BadReply),
        (51, Code::Unreachable),
        (52, Code::Unreachable),
        (53, Code::BadReply),
        (4711, Code::BadReply),
    ] {
        let server = Server::start(move |_, _| Act::say(done(result, None))).await;
        let error = server.client().first(&Asked::default()).await.err().unwrap();
        assert!(matches!(error, WireError::Directory(code) if code.as_u32() == result), "{result}: {error:?}");
        let refusal = Refusal::from(error);
        assert_eq!(refusal.code(), expected, "{result}");
        assert!(!story(&refusal).contains(WORDS), "{}", story(&refusal));
    }
    // With some entries, a limit is no error.
    for result in [3, 4, 11] {
        let server = Server::start(move |_, _| Act::raw([vec![entry("cn=a", &[])], done(result, None)].concat())).await;
        let page = server.client().first(&Asked::default()).await.unwrap();
        assert!(page.partial && page.entries.len() == 1);
    }
}

#[tokio::test]
async fn why_an_account_was_refused_is_for_the_operator() {
    use crate::refusal::{Code, Refusal, story};
    for (data, expected) in [
        ("52e", "wrong password (52e)"),
        ("775", "account is locked (775)"),
        ("532", "password has expired (532)"),
        ("52e8", ""),
        ("", ""),
    ] {
        let text =
            format!("80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {data}, v4563\0");
        let refused = [tlv(0x0a, &[49]), tlv(4, b""), tlv(4, text.as_bytes())].concat();
        let server = Server::binding(move |_, _| Act::say(vec![]), message(LAST, tlv(0x61, &refused), None)).await;
        let refusal = Refusal::from(server.client().first(&Asked::default()).await.err().unwrap());
        assert_eq!(refusal.code(), Code::Credential);
        let story = story(&refusal);
        assert!(story.contains(expected) && !story.contains("DSID"), "{story}");
        assert!(!refusal.to_string().contains(expected) || expected.is_empty());
    }
}

#[tokio::test]
async fn what_follows_the_answer_to_start_tls_in_clear_is_not_believed() {
    let answer = message(LAST, tlv(0x78, &result(0)), None);
    for (bytes, expected) in [
        ([answer.clone(), message(2, tlv(0x61, &result(0)), None)].concat(), "follows"),
        (message(LAST, tlv(0x78, &result(2)), None), "protocolError"),
        (message(LAST, tlv(0x61, &result(0)), None), "something else"),
    ] {
        let server = Server::plain(bytes).await;
        let error = server.client().first(&Asked { tls: Tls::StartTls, ..Asked::default() }).await.err().unwrap();
        assert!(crate::refusal::story(&error).contains(expected), "{expected}: {error:?}");
    }
}

#[test]
fn a_range_is_read_in_one_way() {
    let read = |name| Range::read(name).map(|range| (range.attribute, range.from, range.to));
    assert_eq!(read("member;range=0-1499"), Some(("member", 0, Some(1499))));
    assert_eq!(read("member;Range=1500-*"), Some(("member", 1500, None)));
    for none in ["member", "member;binary", "member;range=", "member;range=1", "member;range=a-b", "member;range=1--2"]
    {
        assert_eq!(read(none), None, "{none}");
    }
}

/// In every answer of `Server`, where a server puts its own words.
const WORDS: &str = "000004DC: LdapErr";
/// Replaced by the number of the request that is answered.
const LAST: u8 = 0x7f;

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84], &length[..], content].concat()
}

fn message(id: u8, operation: Vec<u8>, controls: Option<Vec<u8>>) -> Vec<u8> {
    tlv(0x30, &[tlv(2, &[id]), operation, controls.unwrap_or_default()].concat())
}

fn result(code: u32) -> Vec<u8> {
    let code = code.to_be_bytes();
    [tlv(0x0a, code.strip_prefix(&[0]).unwrap()), tlv(4, b"DC=nexus"), tlv(4, WORDS.as_bytes())].concat()
}

/// The end of a search, with the paged results control if there is a cookie.
fn done(code: u32, cookie: Option<&[u8]>) -> Vec<Vec<u8>> {
    let control = |cookie| {
        let value = tlv(0x30, &[tlv(2, &[0]), tlv(4, cookie)].concat());
        let parts = [tlv(4, b"1.2.840.113556.1.4.319"), tlv(1, &[0]), tlv(4, &value)].concat();
        tlv(0xa0, &[tlv(0x30, &tlv(4, b"1.2.3")), tlv(0x30, &parts)].concat())
    };
    vec![message(LAST, tlv(0x65, &result(code)), cookie.map(control))]
}

fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> Vec<u8> {
    let attribute = |(name, values): &(&str, &[&str])| {
        let values: Vec<u8> = values.iter().flat_map(|value| tlv(4, value.as_bytes())).collect();
        tlv(0x30, &[tlv(4, name.as_bytes()), tlv(0x31, &values)].concat())
    };
    let attributes: Vec<u8> = attributes.iter().flat_map(attribute).collect();
    message(LAST, tlv(0x64, &[tlv(4, dn.as_bytes()), tlv(0x30, &attributes)].concat()), None)
}

/// What a server does with one search.
struct Act {
    messages: Vec<Vec<u8>>,
    then: Then,
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Keep,
    Close,
    Hang,
}

impl Act {
    /// These, and then the end of a search that has found all.
    fn say(messages: Vec<Vec<u8>>) -> Self {
        Self::raw([messages, done(0, Some(b""))].concat())
    }

    fn raw(messages: Vec<Vec<u8>>) -> Self {
        Self { messages, then: Then::Keep }
    }

    fn close(messages: Vec<Vec<u8>>) -> Self {
        Self { messages, then: Then::Close }
    }
}

/// Says what it is told to say, over TLS with a certificate of its own.
struct Server {
    address: SocketAddr,
    root: Vec<u8>,
    seen: Arc<Seen>,
}

struct Seen {
    connections: AtomicUsize,
    searches: AtomicUsize,
    closed: Semaphore,
}

type Script = Arc<dyn Fn(usize, &str) -> Act + Send + Sync>;

impl Server {
    async fn start(script: impl Fn(usize, &str) -> Act + Send + Sync + 'static) -> Self {
        Self::binding(script, message(LAST, tlv(0x61, &result(0)), None)).await
    }

    async fn binding(script: impl Fn(usize, &str) -> Act + Send + Sync + 'static, bound: Vec<u8>) -> Self {
        let (root, tls) = tls();
        let acceptor = TlsAcceptor::from(tls);
        let script: Script = Arc::new(script);
        Self::listen(root, move |tcp, seen| {
            let (acceptor, script, bound) = (acceptor.clone(), Arc::clone(&script), bound.clone());
            async move {
                let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                serve(&mut tls, &script, &bound, &seen).await;
                drop(tls.shutdown().await);
                seen.closed.add_permits(1);
            }
        })
        .await
    }

    /// Answers the first request with this, in clear.
    async fn plain(bytes: Vec<u8>) -> Self {
        Self::listen(tls().0, move |mut tcp, _| {
            let bytes = bytes.clone();
            async move {
                let Some(request) = read_request(&mut tcp).await else { return };
                drop(tcp.write_all(&numbered(&bytes, &request)).await);
                drop(read_request(&mut tcp).await);
            }
        })
        .await
    }

    #[expect(clippy::disallowed_methods, reason = "servers for these tests alone, on loopback")]
    async fn listen<F: Future<Output = ()> + Send + 'static>(
        root: Vec<u8>,
        serve: impl Fn(tokio::net::TcpStream, Arc<Seen>) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            connections: AtomicUsize::new(0),
            searches: AtomicUsize::new(0),
            closed: Semaphore::new(0),
        });
        let told = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                told.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(tcp, Arc::clone(&told)));
            }
        });
        Self { address, root, seen }
    }

    fn client(&self) -> Client {
        Client::at(self.address, &self.root, vault(READER, PASSWORD))
    }

    fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Waits until so many connections have been ended by the server.
    async fn closed(&self, n: u32) {
        self.seen.closed.acquire_many(n).await.unwrap().forget();
    }
}

async fn serve(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), script: &Script, bound: &[u8], seen: &Seen) {
    while let Some(request) = read_request(stream).await {
        let text = String::from_utf8_lossy(&request).into_owned();
        let act = if is_bind(&request) {
            Act::raw(vec![bound.to_vec()])
        } else {
            script(seen.searches.fetch_add(1, Ordering::SeqCst), &text)
        };
        for message in act.messages {
            if stream.write_all(&numbered(&message, &request)).await.is_err() {
                return;
            }
        }
        drop(stream.flush().await);
        match act.then {
            Then::Keep => {}
            Then::Close => return,
            Then::Hang => std::future::pending().await,
        }
    }
}

/// Where the id of a message begins, behind its header and the id's own.
fn id_at(message: &[u8]) -> usize {
    let header = |first: u8| if first < 0x80 { 2 } else { 2 + usize::from(first & 0x7f) };
    let outer = header(message[1]);
    outer + header(message[outer + 1])
}

fn is_bind(request: &[u8]) -> bool {
    let at = id_at(request);
    // An id has one byte there, and four in a bind.
    request[at..].starts_with(&[0, 0, 0]) && request[at + 4] == 0x60
}

/// The same message as an answer to this request.
fn numbered(message: &[u8], request: &[u8]) -> Vec<u8> {
    let (mut message, at) = (message.to_vec(), id_at(request));
    let id = if is_bind(request) { request[at + 3] } else { request[at] };
    let place = 6 + 6;
    if message.get(place) == Some(&LAST) {
        message[place] = id;
    }
    message
}

/// One whole message of the client's.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(length) = message::length(&bytes).ok()?
            && bytes.len() >= length
        {
            return Some(bytes);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn tls() -> (Vec<u8>, Arc<rustls::ServerConfig>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![HOST.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    (authority.der().to_vec(), Arc::new(config))
}
