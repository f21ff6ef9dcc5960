//! What the `ad_` tools promise, with a stand-in for Active Directory.

mod groups;
mod world;

use nexus_shard::Refusal;
use nexus_shard::directory::{Node, RawEntry, RawPage, RawSearch, Scope};
use nexus_shard::serde_json::{Value, json};
use nexus_shard::testing::{Fake, Seen};

use super::{ToolError, call};
use world::{BASE, World, dn_of_group, enabled, group, sid, user};

/// The smallest arguments of each tool that lists, and what its lists are called in the result.
const LISTS: [(&str, &str, &[&str]); 5] = [
    ("ad_search_users", r#"{"query":"al"}"#, &["users"]),
    ("ad_list_users", "{}", &["users"]),
    ("ad_list_groups", "{}", &["groups"]),
    ("ad_get_disabled_accounts", "{}", &["accounts"]),
    ("ad_get_stale_accounts", "{}", &["stale", "never_logged_on"]),
];

/// The tools that want one thing, with an argument that names it, `X`.
const ONES: [(&str, &str); 4] = [
    ("ad_get_user", r#"{"sam_account_name":"X"}"#),
    ("ad_get_user_by_email", r#"{"email":"X@nexus.corp"}"#),
    ("ad_get_user_groups", r#"{"sam_account_name":"X"}"#),
    ("ad_get_group_members", r#"{"group_dn":"X"}"#),
];

fn arguments(text: &str) -> Value {
    nexus_shard::serde_json::from_str(text).unwrap()
}

fn all() -> impl Iterator<Item = (&'static str, Value)> {
    let lists = LISTS.iter().map(|&(tool, text, _)| (tool, arguments(text)));
    lists.chain(ONES.iter().map(|&(tool, text)| (tool, arguments(text))))
}

fn answering(answer: impl Fn(&RawSearch) -> Vec<Result<RawPage, Refusal>> + 'static) -> Fake {
    Fake::replies([]).setting("AD_SERVER", "dc1.nexus.corp").setting("AD_BASE_DN", BASE).directory(answer)
}

fn ask(world: World, tool: &str, arguments: Value) -> Result<Seen, ToolError> {
    call(&world.fake(), tool, arguments)
}

fn get(entry: RawEntry) -> Result<Seen, ToolError> {
    ask(World::new([entry]), "ad_get_user", json!({ "sam_account_name": "x" }))
}

fn names(rows: &Value, field: &str) -> Vec<String> {
    let mut names: Vec<_> =
        rows.as_array().unwrap().iter().map(|row| row[field].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_user_is_told_in_full() {
    let guid = [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
    let alice = user("alicej", "Alice Johnson", 1101)
        .with("userPrincipalName", ["alice.johnson@nexus.corp"])
        .with("mail", ["alice.johnson@nexus.corp"])
        .with("displayName", ["Alice Johnson"])
        .with("givenName", ["Alice"])
        .with("sn", ["Johnson"])
        .with("title", ["Engineering Manager"])
        .with("department", ["Engineering"])
        .with("manager", [format!("CN=Grace Lee,OU=People,{BASE}")])
        .with("employeeID", ["EMP-1001"])
        .with("userAccountControl", ["66048"])
        .with("lastLogonTimestamp", ["133500000000000000"])
        .with("accountExpires", ["133600000000000000"])
        .with("whenCreated", ["20200102030405.0Z"])
        .with("telephoneNumber", ["+1 555 0100"])
        .with("physicalDeliveryOfficeName", ["Dallas"])
        .with("objectGUID", [guid]);
    let seen = ask(World::new([alice]), "ad_get_user", json!({ "sam_account_name": "AliceJ" })).unwrap();
    assert!(seen.complete && seen.notes.is_empty(), "{:?}", seen.notes);
    assert_eq!(
        seen.data,
        json!({
            "username": "alicej",
            "user_principal_name": "alice.johnson@nexus.corp",
            "email": "alice.johnson@nexus.corp",
            "display_name": "Alice Johnson",
            "first_name": "Alice",
            "last_name": "Johnson",
            "job_title": "Engineering Manager",
            "department": "Engineering",
            "office_location": "Dallas",
            "phone": "+1 555 0100",
            "employee_id": "EMP-1001",
            "dn": "CN=Alice Johnson,OU=People,DC=nexus,DC=corp",
            "manager_dn": "CN=Grace Lee,OU=People,DC=nexus,DC=corp",
            "is_enabled": true,
            "password_never_expires": true,
            "last_logon_at": "2024-01-17T21:20:00Z",
            "created_at": "2020-01-02T03:04:05Z",
            "account_expires_at": "2024-05-12T15:06:40Z",
            "object_guid": "00112233-4455-6677-8899-aabbccddeeff",
            "object_sid": "S-1-5-21-2904186735-1387254960-3411802267-1101",
        })
    );
}

#[test]
fn all_users_are_told_enabled_or_not_and_without_their_telephones() {
    let other = |name: &str, category: &str, classes: &[&str]| {
        RawEntry::new(&format!("CN={name},{BASE}"))
            .with("objectCategory", [category])
            .with("objectClass", classes.iter().copied())
            .with("sAMAccountName", [name])
            .with("userAccountControl", ["512"])
    };
    let world = || {
        World::new([
            enabled("a", 1).with("telephoneNumber", ["+1 555 0100"]).with("physicalDeliveryOfficeName", ["Dallas"]),
            user("b", "b", 2).with("userAccountControl", ["66050"]),
            // Contacts are persons, and computers are users.
            other("contact", "person", &["contact"]),
            other("pc$", "computer", &["user", "computer"]),
        ])
    };
    let seen = ask(world(), "ad_list_users", json!({})).unwrap();
    assert_eq!(names(&seen.data["users"], "username"), ["a", "b"]);
    assert!(seen.complete && seen.notes.is_empty(), "{:?}", seen.notes);
    let [a, b] = seen.data["users"].as_array().unwrap().as_slice() else { panic!("{:#}", seen.data) };
    assert_eq!((&a["is_enabled"], &a["password_never_expires"]), (&json!(true), &json!(false)));
    assert_eq!((&b["is_enabled"], &b["password_never_expires"]), (&json!(false), &json!(true)));
    assert_eq!(a["office_location"], "Dallas");
    assert_eq!(b["object_sid"], "S-1-5-21-2904186735-1387254960-3411802267-2");

    // Field by field what is told of one user, but for how to call.
    let mut one = ask(world(), "ad_get_user", json!({ "sam_account_name": "a" })).unwrap().data;
    assert_eq!(one.as_object_mut().unwrap().remove("phone"), Some(json!("+1 555 0100")));
    assert_eq!(*a, one);
    let fake = world().fake();
    call(&fake, "ad_list_users", json!({})).unwrap();
    assert!(!fake.searched()[0].attributes.contains(&"telephoneNumber".to_owned()));

    let seen = ask(world(), "ad_list_users", json!({ "limit": 1 })).unwrap();
    assert_eq!(seen.data["users"].as_array().unwrap().len(), 1);
    assert!(!seen.complete && seen.notes[0].contains("more users: only the first 1"), "{:?}", seen.notes);
    let seen = ask(World::new([user("x", "x", 1)]), "ad_list_users", json!({})).unwrap();
    assert_eq!(seen.data["users"][0]["is_enabled"], Value::Null);
    assert!(!seen.complete && seen.notes[0].contains("is_enabled is unknown (null) for 1"), "{:?}", seen.notes);
}

#[test]
fn the_state_is_a_bit_and_unknown_is_not_enabled() {
    for (control, enabled, never_expires) in [
        ("512", true, false),
        ("66048", true, true),
        ("514", false, false),
        ("546", false, false),
        ("66050", false, true),
    ] {
        let seen = get(user("x", "x", 1).with("userAccountControl", [control])).unwrap();
        assert_eq!(seen.data["is_enabled"], enabled, "{control}");
        assert_eq!(seen.data["password_never_expires"], never_expires, "{control}");
        assert!(seen.complete, "{control}");
    }
    let seen = get(user("x", "x", 1)).unwrap();
    assert_eq!((&seen.data["is_enabled"], &seen.data["password_never_expires"]), (&Value::Null, &Value::Null));
    assert!(!seen.complete && seen.notes[0].contains("is_enabled is unknown (null) for 1"), "{:?}", seen.notes);
    let error = get(user("x", "x", 1).with("userAccountControl", ["SECRET"])).unwrap_err();
    assert!(
        matches!(&error, ToolError::Upstream(text) if text.contains("userAccountControl") && !text.contains("SECRET"))
    );

    let control = |login: &str, control: &str| user(login, login, 1).with("userAccountControl", [control]);
    let world = World::new([
        control("a", "512"),
        control("b", "514"),
        control("c", "546"),
        control("d", "66050"),
        user("unknown", "unknown", 2),
        // Computers are users too, and disabled ones are not accounts of people.
        RawEntry::new("CN=pc,DC=nexus,DC=corp")
            .with("objectCategory", ["computer"])
            .with("objectClass", ["user", "computer"])
            .with("userAccountControl", ["4098"]),
    ]);
    let seen = ask(world, "ad_get_disabled_accounts", json!({})).unwrap();
    assert_eq!(names(&seen.data["accounts"], "username"), ["b", "c", "d"]);
    assert!(seen.complete);
}

#[test]
fn an_account_that_never_expires_and_one_that_never_logged_on_have_no_time() {
    for never in ["0", "9223372036854775807"] {
        let entry = enabled("x", 1).with("accountExpires", [never]).with("lastLogonTimestamp", [never]);
        let seen = get(entry).unwrap();
        assert_eq!((&seen.data["account_expires_at"], &seen.data["last_logon_at"]), (&Value::Null, &Value::Null));
    }
    assert_eq!(get(enabled("x", 1)).unwrap().data["last_logon_at"], Value::Null);
}

#[test]
fn stale_accounts_are_enabled_and_apart_from_those_never_used() {
    // The stand-in's clock is 2026-07-25T17:20:00Z: 90 days before is 2026-04-26T17:20:00Z.
    let logon = |login: &str, ticks: &str, created: &str| {
        enabled(login, 1).with("lastLogonTimestamp", [ticks]).with("whenCreated", [created])
    };
    let (old, new) = ("20200101000000.0Z", "20260720000000.0Z");
    let disabled = user("disabled", "disabled", 1).with("userAccountControl", ["66050"]);
    let world = || {
        World::new([
            logon("at_the_cutoff", "134216976000000000", old),
            logon("a_moment_later", "134216976000000001", old),
            logon("long_ago", "133500000000000000", old),
            logon("zero", "0", old),
            logon("zero_but_new", "0", new),
            enabled("never", 1).with("whenCreated", [old]),
            enabled("never_but_new", 1).with("whenCreated", [new]),
            disabled.clone().with("lastLogonTimestamp", ["133500000000000000"]).with("whenCreated", [old]),
        ])
    };
    let seen = ask(world(), "ad_get_stale_accounts", json!({})).unwrap();
    assert_eq!(seen.data["cutoff"], "2026-04-26T17:20:00Z");
    assert_eq!(names(&seen.data["stale"], "username"), ["at_the_cutoff", "long_ago"]);
    assert_eq!(names(&seen.data["never_logged_on"], "username"), ["never", "zero"]);
    assert_eq!(seen.data["never_logged_on"][0]["created_at"], "2020-01-01T00:00:00Z");
    assert_eq!(seen.data["never_logged_on"][0]["last_logon_at"], Value::Null);
    assert!(seen.complete && seen.notes.is_empty(), "{:?}", seen.notes);

    for (days, is_noted) in [(1, true), (14, true), (15, false), (3650, false)] {
        let seen = ask(world(), "ad_get_stale_accounts", json!({ "days_inactive": days })).unwrap();
        assert_eq!(seen.notes.iter().any(|note| note.contains("delay")), is_noted, "{days}");
        assert!(seen.complete, "{days}");
    }
}

#[test]
fn an_account_whose_state_is_hidden_is_told_as_unknown() {
    let hidden = user("x", "x", 1).with("lastLogonTimestamp", ["1"]).with("whenCreated", ["20200101000000.0Z"]);
    let seen = ask(World::new([hidden.clone()]), "ad_get_stale_accounts", json!({})).unwrap();
    assert_eq!(seen.data["stale"][0]["is_enabled"], Value::Null);
    assert!(!seen.complete && seen.notes[0].contains("unknown"), "{:?}", seen.notes);
    let seen = ask(World::new([hidden]), "ad_search_users", json!({ "query": "x" })).unwrap_err();
    assert!(matches!(seen, ToolError::InvalidArguments(_)));
}

#[test]
fn an_address_is_the_own_one_or_another_one_but_of_one_account() {
    let mail = |login: &str, mail: &str| enabled(login, 1).with("mail", [mail]);
    let world = || {
        World::new([
            mail("a", "shared@nexus.corp"),
            mail("b", "b@nexus.corp").with("proxyAddresses", ["SMTP:b@nexus.corp", "smtp:shared@nexus.corp"]),
            mail("c", "c@nexus.corp").with("proxyAddresses", ["SMTP:C.Main@nexus.corp", "sip:sip@nexus.corp"]),
        ])
    };
    let by = |email: &str| ask(world(), "ad_get_user_by_email", json!({ "email": email }));
    let seen = by("B@nexus.corp").unwrap();
    assert_eq!((&seen.data["username"], seen.notes.len()), (&json!("b"), 0));
    let seen = by("c.main@nexus.corp").unwrap();
    assert_eq!(seen.data["username"], "c");
    assert!(seen.complete && seen.notes[0].contains("not the account's own"), "{:?}", seen.notes);
    assert!(
        matches!(by("shared@nexus.corp").unwrap_err(), ToolError::InvalidArguments(text) if text.contains("several"))
    );
    assert!(matches!(by("sip@nexus.corp").unwrap_err(), ToolError::NotFound(_)));
    assert!(matches!(by("*@nexus.corp").unwrap_err(), ToolError::NotFound(_)));
    for email in ["", "alice", "@b", "a@", "a@b@c", "a b@c"] {
        assert!(matches!(by(email).unwrap_err(), ToolError::InvalidArguments(_)), "{email}");
    }
}

#[test]
fn users_are_found_by_a_part_of_the_name_up_to_the_limit() {
    let named = |n: u32| enabled(&format!("u{n:02}"), n).with("displayName", [format!("Person {n:02}")]);
    let world = || World::new((0..12).map(named));
    let search = |query: &str, limit: u32| ask(world(), "ad_search_users", json!({ "query": query, "limit": limit }));
    assert_eq!(search("son  1", 50).unwrap().data["users"], json!([]));
    assert_eq!(names(&search(" PERSON 1 ", 50).unwrap().data["users"], "username"), ["u10", "u11"]);
    assert_eq!(names(&search("u03", 50).unwrap().data["users"], "username"), ["u03"]);
    let seen = search("person", 12).unwrap();
    assert!(seen.complete);
    let seen = search("person", 11).unwrap();
    assert!(!seen.complete && seen.notes[0].contains("only the first 11"), "{:?}", seen.notes);
    for query in ["", "a", " a ", "\u{e9}"] {
        assert!(matches!(search(query, 50).unwrap_err(), ToolError::InvalidArguments(_)), "{query}");
    }
    assert_eq!(search("**", 50).unwrap().data["users"], json!([]));
}

#[test]
fn nothing_found_is_empty_or_not_found_and_every_failure_is_an_error() {
    for (tool, args, lists) in LISTS {
        let seen = call(&answering(|_| Vec::new()), tool, arguments(args)).unwrap();
        for list in lists {
            assert_eq!(seen.data[*list], json!([]), "{tool}");
        }
        assert!(seen.complete && seen.notes.is_empty(), "{tool}");
    }
    for (tool, args) in ONES {
        let error = call(&answering(|_| Vec::new()), tool, arguments(args)).unwrap_err();
        assert!(matches!(error, ToolError::NotFound(_)), "{tool}: {error:?}");
    }
    for (tool, args) in all() {
        for (refusal, expected) in [
            (Refusal::Unreachable, "unreachable"),
            (Refusal::Credential, "credential"),
            (Refusal::NotGranted, "not-granted"),
            (Refusal::Timeout, "timeout"),
        ] {
            for pages in [vec![Err(refusal)], vec![Ok(RawPage::default()), Err(refusal)]] {
                let error = call(&answering(move |_| pages.clone()), tool, args.clone()).unwrap_err();
                assert!(error.text().contains(expected), "{tool}: {error}");
                assert!(!matches!(error, ToolError::NotFound(_)), "{tool}: {error}");
            }
        }
        // As the manifest has it where the operator gives none.
        let unset = Fake::replies([]).setting("AD_SERVER", "ad.invalid").setting("AD_BASE_DN", "DC=invalid");
        let unset = unset.directory(|_| Vec::new());
        let error = call(&unset, tool, args).unwrap_err();
        assert!(matches!(&error, ToolError::Refused(text) if text.contains("AD_BASE_DN")), "{tool}: {error}");
        assert!(unset.searched().is_empty());
    }
}

#[test]
fn what_the_server_withholds_or_breaks_off_is_never_a_complete_list() {
    let withheld = || RawPage { entries: Vec::new(), partial: true };
    for (tool, args, lists) in LISTS {
        let seen = call(&answering(move |_| vec![Ok(withheld())]), tool, arguments(args)).unwrap();
        assert!(!seen.complete, "{tool}");
        assert_eq!(seen.notes.iter().filter(|note| note.contains("withheld")).count(), lists.len(), "{tool}");
    }
    for (tool, args) in ONES {
        let error = call(&answering(move |_| vec![Ok(withheld())]), tool, arguments(args)).unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)), "{tool}: {error:?}");
    }
    // Entries of the first page are not returned when the second one fails.
    let world = World::new([user("b", "b", 1).with("userAccountControl", ["514"])]);
    let torn = answering(move |search| {
        let pages = world.answer(search).into_iter().map(Ok);
        pages.chain([Err(Refusal::Unreachable)]).collect()
    });
    let error = call(&torn, "ad_get_disabled_accounts", json!({})).unwrap_err();
    assert!(matches!(error, ToolError::Upstream(_)));
    // A directory without an end is read up to a bound.
    let endless = answering(|_| vec![Ok(RawPage::default()); 100]);
    let seen = call(&endless, "ad_get_disabled_accounts", json!({})).unwrap();
    assert!(!seen.complete && seen.notes[0].contains("stopped after 56 pages"), "{:?}", seen.notes);
}

#[test]
fn an_entry_without_its_name_is_an_error() {
    let nameless = RawEntry::new("CN=SECRET").with("userAccountControl", ["514"]);
    for (tool, args) in all() {
        let entry = nameless.clone();
        let fake = answering(move |_| vec![Ok(RawPage { entries: vec![entry.clone()], partial: false })]);
        let error = call(&fake, tool, args).unwrap_err();
        assert!(matches!(&error, ToolError::Upstream(text) if !text.contains("SECRET")), "{tool}: {error:?}");
    }
}

#[test]
fn arguments_are_values_and_nothing_else() {
    for hostile in [
        "*",
        "*)(objectClass=*",
        "a)(|(cn=*",
        r"a\2a",
        "a\0b",
        "CN=x*",
        "é*(",
        "'; drop",
        "../..",
        "a,DC=evil",
        "alicej#EXT#",
    ] {
        for (tool, argument) in [
            ("ad_get_user", "sam_account_name"),
            ("ad_get_user_groups", "sam_account_name"),
            ("ad_search_users", "query"),
            ("ad_get_user_by_email", "email"),
            ("ad_get_group_members", "group_dn"),
        ] {
            let fake = World::new([enabled("alicej", 1101)]).fake();
            let mut arguments = json!({});
            arguments[argument] = json!(hostile);
            let seen = call(&fake, tool, arguments);
            match seen {
                Ok(seen) => assert_eq!(seen.data["users"], json!([]), "{tool} {hostile}"),
                Err(error) => {
                    let is_plain = matches!(error, ToolError::NotFound(_) | ToolError::InvalidArguments(_));
                    assert!(is_plain && !error.text().contains(hostile), "{tool} {hostile}: {error:?}");
                }
            }
            for search in fake.searched() {
                assert_eq!((search.server.as_str(), search.base.as_str(), search.scope), ("ad", BASE, Scope::Subtree));
                let values = search.filter.iter().filter(|node| is_value(node, hostile)).count();
                assert!(values > 0, "{tool} {hostile}: {search:?}");
            }
        }
    }
}

/// Whether a node compares with this text, whole.
fn is_value(node: &Node, text: &str) -> bool {
    match node {
        Node::Equal { value, .. } => value == text.as_bytes(),
        Node::Substrings { contains, .. } => contains == &[text],
        Node::All(_)
        | Node::Any(_)
        | Node::No(_)
        | Node::AtLeast { .. }
        | Node::AtMost { .. }
        | Node::Present(_)
        | Node::Matching { .. } => false,
    }
}

#[test]
fn the_definitions_say_the_limits_and_the_defaults() {
    let define = |tool: &str| super::TOOLS.iter().find(|entry| entry.name() == tool).unwrap().define();
    let range = |tool: &str, field: &str| {
        let field = &define(tool).input_schema["properties"][field];
        json!([field["minimum"], field["maximum"], field["default"]])
    };
    assert_eq!(range("ad_search_users", "limit"), json!([1, 100, 50]));
    assert_eq!(range("ad_list_groups", "limit"), json!([1, 20000, 200]));
    assert_eq!(range("ad_get_stale_accounts", "days_inactive"), json!([1, 3650, 90]));
    assert_eq!(define("ad_search_users").input_schema["properties"]["query"]["minLength"], 2);
    for tool in ["ad_get_user_groups", "ad_get_group_members"] {
        assert_eq!(define(tool).input_schema["properties"]["nested"]["default"], false);
    }
    let user = define("ad_get_user").output_schema.unwrap()["properties"].clone();
    for field in ["username", "email", "display_name", "phone", "employee_id", "dn", "manager_dn", "office_location"] {
        assert_eq!(user[field]["x-nexus-class"], "person", "{field}");
    }
}
