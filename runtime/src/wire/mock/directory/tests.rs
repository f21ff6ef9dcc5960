#![expect(clippy::disallowed_methods, reason = "tests write small directories")]

use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::super::{Fault, MockOptions};
use super::*;
use crate::names::CredentialName;
use crate::outbound::GuestNode;
use crate::secrets::{CredentialKind, SecretRef, Text, Vault};
use crate::wire::directory::tests::{Asked, equal};

const ROUTES: &str = r#"
[[directory]]
name = "search"
hosts = ["dc1.nexus.corp", "dc1.nexus.corp:389"]
base = "DC=nexus,DC=corp"
entries = "people"
page-size = 4
"#;

const PEOPLE: &str = r#"[
    {"dn": "OU=People,DC=nexus,DC=corp", "objectClass": ["top", "organizationalUnit"], "ou": "People"},
    {"dn": "CN=Alice Johnson,OU=People,DC=nexus,DC=corp", "objectClass": ["top", "person", "user"],
     "objectCategory": "CN=Person,CN=Schema,CN=Configuration,DC=nexus,DC=corp", "sAMAccountName": "alicej",
     "displayName": "Alice Johnson", "userAccountControl": 512, "lastLogonTimestamp": "134260308000000000",
     "whenCreated": "20240131120000.0Z", "objectSid": {"hex": "0105000000"}, "objectGUID": {"base64": "/wABAg=="},
     "mail": []},
    {"dn": "CN=Chen\\, Carol,OU=People,DC=nexus,DC=corp", "objectClass": ["top", "person", "user"],
     "sAMAccountName": "carolc", "displayName": "Chen, Carol (a*b)", "userAccountControl": 514,
     "lastLogonTimestamp": "9", "whenCreated": "20260101000000.0Z",
     "manager": "cn=alice johnson, ou=people, dc=nexus, dc=corp"},
    {"dn": "CN=Henry,OU=People,DC=nexus,DC=corp", "objectClass": ["top", "person", "user"],
     "sAMAccountName": "henryp", "displayName": "Z\u00cb", "userAccountControl": 66050},
    {"dn": "CN=Inner,DC=nexus,DC=corp", "objectClass": ["top", "group"], "sAMAccountName": "inner",
     "member": ["CN=Alice Johnson,OU=People,DC=nexus,DC=corp", "CN=Outer,DC=nexus,DC=corp"]},
    {"dn": "CN=Outer,DC=nexus,DC=corp", "objectClass": ["top", "group"], "sAMAccountName": "outer",
     "member": ["CN=Inner,DC=nexus,DC=corp", "CN=Henry,OU=People,DC=nexus,DC=corp"]}
]"#;

struct World {
    mock: Mock,
    vault: Vault,
    _folder: TempDir,
}

fn load(routes: &str, people: &str) -> Result<World, MockError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("clock.toml"), "now = \"2026-06-15T09:00:00Z\"\n").unwrap();
    fs::create_dir(folder.path().join("ad")).unwrap();
    fs::write(folder.path().join("ad/routes.toml"), routes).unwrap();
    fs::write(folder.path().join("ad/people.json"), people).unwrap();
    let mock = Mock::load(MockOptions::new(folder.path()))?;
    let kind = CredentialKind::Bind {
        username: Text::parse("svc").unwrap(),
        password: SecretRef::parse("secret:AD_PASSWORD").unwrap(),
    };
    let vault = Vault::mock([(CredentialName::parse("bind").unwrap(), kind)].into());
    Ok(World { mock, vault, _folder: folder })
}

impl World {
    fn new() -> Self {
        load(ROUTES, PEOPLE).unwrap()
    }

    fn search(&self, asked: &Asked) -> Search {
        self.mock.search(asked.sealed(&self.vault, 636))
    }

    async fn first(&self, asked: &Asked) -> Result<RawPage, WireError> {
        self.search(asked).next(&asked.budget()).await.map(Option::unwrap)
    }

    async fn names(&self, asked: &Asked) -> Vec<String> {
        let mut search = self.search(asked);
        let mut names = Vec::new();
        while let Some(page) = search.next(&asked.budget()).await.unwrap() {
            assert!(!page.partial);
            names.extend(page.entries.into_iter().map(|entry| match entry.attributes.into_iter().next() {
                Some((_, values)) => String::from_utf8(values[0].clone()).unwrap(),
                None => entry.dn,
            }));
        }
        names
    }

    async fn by(&self, filter: Vec<GuestNode>) -> Vec<String> {
        self.names(&Asked { filter, ..Asked::default() }).await
    }

    fn fault(&self, at: u64, does: Misbehaviour) {
        self.mock.inject(Fault { route: "ad/search".to_owned(), at, times: 1, does });
    }
}

fn matching(attribute: &str, rule: &str, value: &str) -> GuestNode {
    GuestNode::Matching { attribute: attribute.to_owned(), rule: rule.to_owned(), value: value.into() }
}

fn parts(starts_with: Option<&str>, contains: &[&str], ends_with: Option<&str>) -> GuestNode {
    GuestNode::Substrings {
        attribute: "displayName".to_owned(),
        starts_with: starts_with.map(str::to_owned),
        contains: contains.iter().map(|part| (*part).to_owned()).collect(),
        ends_with: ends_with.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_filter_is_walked_as_the_real_directory_does() {
    let world = World::new();
    let at_most = |attribute: &str, value: &str| GuestNode::AtMost { attribute: attribute.into(), value: value.into() };
    let at_least =
        |attribute: &str, value: &str| GuestNode::AtLeast { attribute: attribute.into(), value: value.into() };
    let present = |attribute: &str| GuestNode::Present(attribute.to_owned());
    let alice = "CN=ALICE JOHNSON,OU=People,DC=nexus,DC=corp";
    let outer = "CN=Outer,DC=nexus,DC=corp";
    let cases: Vec<(Vec<GuestNode>, Vec<&str>)> = vec![
        // Without case, names by their parts, a category by its last part, bytes as they are.
        (vec![equal("samaccountname", b"ALICEJ")], vec!["alicej"]),
        (vec![equal("displayName", "z\u{eb}".as_bytes())], vec!["henryp"]),
        (vec![equal("manager", alice.as_bytes())], vec!["carolc"]),
        (vec![equal("objectCategory", b"person")], vec!["alicej"]),
        (vec![equal("objectCategory", b"Per")], vec![]),
        (vec![equal("objectGUID", &[0xff, 0, 1, 2])], vec!["alicej"]),
        (vec![equal("displayName", b"Alice*")], vec![]),
        // Numbers by their value, times by their order.
        (vec![at_most("lastLogonTimestamp", "10")], vec!["carolc"]),
        (vec![at_least("lastLogonTimestamp", "10")], vec!["alicej"]),
        (vec![at_least("whenCreated", "20250101000000.0Z")], vec!["carolc"]),
        // Parts.
        (vec![parts(Some("chen"), &["(a*"], None)], vec!["carolc"]),
        (vec![parts(Some("alice"), &["alice"], None)], vec![]),
        (vec![parts(None, &["o", "n"], Some("ON"))], vec!["alicej"]),
        (vec![parts(Some("Alice Johnson"), &[], Some("n"))], vec![]),
        // Bits, and names of names, round in a circle.
        (vec![matching("userAccountControl", BIT_AND, "2")], vec!["carolc", "henryp"]),
        (vec![matching("userAccountControl", BIT_AND, "65538")], vec!["henryp"]),
        (vec![matching("userAccountControl", BIT_OR, "65538")], vec!["carolc", "henryp"]),
        (vec![equal("memberOf", outer.as_bytes())], vec!["henryp", "inner"]),
        (vec![matching("memberOf", IN_CHAIN, outer)], vec!["alicej", "henryp", "inner", "outer"]),
        (vec![matching("member", IN_CHAIN, alice)], vec!["inner", "outer"]),
        // Absent is false, and so its negation true.
        (
            vec![
                equal("objectClass", b"user"),
                present("lastLogonTimestamp"),
                GuestNode::No(1),
                GuestNode::All(vec![0, 2]),
            ],
            vec!["henryp"],
        ),
        (
            vec![equal("sAMAccountName", b"henryp"), equal("sAMAccountName", b"inner"), GuestNode::Any(vec![0, 1])],
            vec!["henryp", "inner"],
        ),
        (vec![present("mail")], vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(world.by(filter.clone()).await, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn what_the_schema_does_not_know_is_neither_true_nor_false() {
    let world = World::new();
    let unknown = equal("samAcountName", b"alicej");
    let rule = matching("userAccountControl", "1.2.840.113556.1.4.99999", "2");
    let mask = matching("userAccountControl", BIT_AND, "two");
    let chain = matching("displayName", IN_CHAIN, "CN=Outer,DC=nexus,DC=corp");
    for node in [unknown, rule, mask, chain] {
        assert!(world.by(vec![node.clone()]).await.is_empty(), "{node:?}");
        assert!(world.by(vec![node.clone(), GuestNode::No(0)]).await.is_empty(), "{node:?}");
        let known = equal("sAMAccountName", b"alicej");
        let both = |join: fn(Vec<u32>) -> GuestNode| vec![node.clone(), known.clone(), join(vec![0, 1])];
        assert_eq!(world.by(both(GuestNode::Any)).await, ["alicej"]);
        assert!(world.by(both(GuestNode::All)).await.is_empty());
    }
}

#[tokio::test]
async fn a_scope_is_the_entry_its_children_or_all_below() {
    let world = World::new();
    let any = vec![GuestNode::Present("objectClass".to_owned())];
    let people = "ou=people, dc=nexus, dc=corp";
    for (scope, base, expected) in [
        (Scope::Base, people, vec!["OU=People,DC=nexus,DC=corp"]),
        (Scope::OneLevel, people, vec!["alicej", "carolc", "henryp"]),
        (Scope::OneLevel, "DC=nexus,DC=corp", vec!["OU=People,DC=nexus,DC=corp", "inner", "outer"]),
        (Scope::Subtree, people, vec!["OU=People,DC=nexus,DC=corp", "alicej", "carolc", "henryp"]),
        (Scope::Base, "CN=Nobody,DC=nexus,DC=corp", vec![]),
    ] {
        let asked = Asked { scope, filter: any.clone(), ..Asked::at(base) };
        assert_eq!(world.names(&asked).await, expected, "{scope:?} {base}");
    }
    let error = world.first(&Asked::at("OU=Nowhere,DC=nexus,DC=corp")).await.err().unwrap();
    assert!(matches!(error, WireError::Directory(code) if code.as_u32() == 32), "{error:?}");
    let error = world.first(&Asked::at("DC=other,DC=corp")).await.err().unwrap();
    assert!(matches!(error, WireError::Referral), "{error:?}");
}

#[tokio::test]
async fn an_entry_has_what_was_asked_for_by_the_name_it_was_asked_by() {
    let world = World::new();
    let asked = Asked {
        attributes: vec!["OBJECTSID", "objectGUID", "memberOf", "mail", "telephoneNumber"],
        ..Asked::found("sAMAccountName", b"alicej")
    };
    let page = world.first(&asked).await.unwrap();
    let expected = [
        ("OBJECTSID".to_owned(), vec![vec![1, 5, 0, 0, 0]]),
        ("objectGUID".to_owned(), vec![vec![0xff, 0, 1, 2]]),
        ("memberOf".to_owned(), vec![b"CN=Inner,DC=nexus,DC=corp".to_vec()]),
    ];
    assert_eq!(page.entries[0].attributes, expected);
    assert_eq!(page.entries[0].dn, "CN=Alice Johnson,OU=People,DC=nexus,DC=corp");
}

#[tokio::test]
async fn pages_end_where_the_entries_do_and_a_limit_is_told() {
    let world = World::new();
    let any = Asked { filter: vec![GuestNode::Present("objectClass".to_owned())], ..Asked::default() };
    for (page_size, entries, expected) in [
        (4, 100, vec![(4, false), (2, false)]),
        (1000, 100, vec![(4, false), (2, false)]),
        (3, 100, vec![(3, false), (3, false)]),
        (4, 5, vec![(4, false), (1, true)]),
        (3, 3, vec![(3, true)]),
        (3, 6, vec![(3, false), (3, false)]),
    ] {
        let mut search = world.search(&Asked { page_size, entries, ..any.clone() });
        let mut pages = Vec::new();
        while let Some(page) = search.next(&any.budget()).await.unwrap() {
            pages.push((page.entries.len(), page.partial));
        }
        assert_eq!(pages, expected, "{page_size} {entries}");
    }
    let error = world.first(&Asked { reply_bytes: 100, ..any }).await.err().unwrap();
    assert!(matches!(error, WireError::TooLarge { limit: 100 }), "{error:?}");
}

#[tokio::test]
async fn a_fault_strikes_the_page_it_is_for() {
    let world = World::new();
    let any = Asked { filter: vec![GuestNode::Present("objectClass".to_owned())], page_size: 2, ..Asked::default() };
    let status = |status| Misbehaviour::Status { status, retry_after: None };
    type Expected = fn(&WireError) -> bool;
    let cases: [(Misbehaviour, Expected); 6] = [
        (Misbehaviour::Torn, |error| matches!(error, WireError::Unreachable(Unreachable::Closed(None)))),
        (Misbehaviour::Reset, |error| matches!(error, WireError::Unreachable(Unreachable::Connect(_)))),
        (Misbehaviour::ExpiredToken, |error| matches!(error, WireError::BindRefused(None))),
        (status(51), |error| matches!(error, WireError::Directory(code) if code.as_u32() == 51)),
        (status(10), |error| matches!(error, WireError::Referral)),
        (Misbehaviour::Oversized { bytes: 8 << 20 }, |error| matches!(error, WireError::TooLarge { .. })),
    ];
    for (does, expected) in cases {
        world.fault(2, does.clone());
        let mut search = world.search(&any);
        assert_eq!(search.next(&any.budget()).await.unwrap().unwrap().entries.len(), 2);
        let error = search.next(&any.budget()).await.err().unwrap();
        assert!(expected(&error), "{does:?}: {error:?}");
        // There is no going on after it, and no end either.
        assert!(search.next(&any.budget()).await.is_err());
    }
    // Before the first page it may be asked again.
    world.fault(1, Misbehaviour::Torn);
    let mut search = world.search(&any);
    assert!(search.next(&any.budget()).await.is_err());
    assert_eq!(search.next(&any.budget()).await.unwrap().unwrap().entries.len(), 2);
    // A limit withholds the rest.
    world.fault(1, status(4));
    let mut search = world.search(&any);
    let page = search.next(&any.budget()).await.unwrap().unwrap();
    assert_eq!((page.entries.len(), page.partial), (1, true));
    assert!(search.next(&any.budget()).await.unwrap().is_none());
    // No answer costs the deadline.
    world.fault(1, Misbehaviour::Stall);
    let asked = Asked { patience: Duration::from_millis(50), ..any };
    let error = world.first(&asked).await.err().unwrap();
    assert!(matches!(error, WireError::Timeout(Phase::Reply)), "{error:?}");
    assert_eq!(world.mock.count("ad/search"), 16);
}

#[test]
fn a_comma_within_a_value_parts_no_names() {
    for (key, base, expected) in [
        ("cn=a,dc=x", "dc=x", Some("cn=a")),
        ("dc=x", "dc=x", Some("")),
        ("cn=a\\,dc=x", "dc=x", None),
        ("cn=a\\\\,dc=x", "dc=x", Some("cn=a\\\\")),
        ("cn=adc=x", "dc=x", None),
    ] {
        assert_eq!(below(key, base), expected, "{key}");
    }
    assert!(is_one("cn=a\\,b") && !is_one("cn=a,ou=b") && !is_one(""));
}

#[tokio::test]
async fn a_server_that_nobody_is_is_an_error() {
    let world = World::new();
    let asked = Asked::default();
    let mut search = world.mock.search(asked.sealed(&world.vault, 3268));
    let error = search.next(&asked.budget()).await.err().unwrap();
    assert!(matches!(&error, WireError::BadMock(text) if text.contains("dc1.nexus.corp:3268")), "{error:?}");
}

#[test]
fn a_mistake_in_the_files_shows_when_they_are_read() {
    for (from, to, says) in [
        ("entries = \"people\"", "entries = \"nobody\"", "\"nobody\" is no table"),
        ("page-size", "pagesize", "unknown field `pagesize`"),
        ("base = \"DC=nexus,DC=corp\"", "base = \"nexus\"", "base \"nexus\" is no name"),
        ("base = \"DC=nexus,DC=corp\"", "base = \"OU=People,DC=nexus,DC=corp\"", "is not below"),
        (ROUTES, "hosts = [\"a.example\"]\n", "needs a `[[route]]` or a `[[directory]]`"),
    ] {
        let error = load(&ROUTES.replace(from, to), PEOPLE).err().unwrap();
        assert!(error.to_string().contains(says), "{to}: {error}");
    }
    for (from, to, says) in [
        ("\"userAccountControl\": 512", "\"userAccountControl\": null", "userAccountControl of CN=Alice Johnson"),
        ("{\"hex\": \"0105000000\"}", "{\"hex\": \"01050\"}", "objectSid of CN=Alice Johnson"),
        ("\"sAMAccountName\": \"outer\"", "\"MEMBER\": []", " of CN=Outer,DC=nexus,DC=corp is there twice"),
        ("CN=Henry,OU=People,DC=nexus,DC=corp\", \"obj", "cn=inner,dc=nexus,dc=corp\", \"obj", "is there twice"),
        ("\"dn\": \"OU=People", "\"DN\": \"OU=People", "an entry has no \"dn\""),
    ] {
        assert!(PEOPLE.contains(from), "{from}");
        let error = load(ROUTES, &PEOPLE.replacen(from, to, 1)).err().unwrap();
        assert!(error.to_string().contains(says), "{to}: {error}");
    }
}
