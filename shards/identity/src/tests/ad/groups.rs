//! Groups, and who is in them.

use super::*;

fn members(world: World, group: &str) -> Result<Seen, ToolError> {
    ask(world, "ad_get_group_members", json!({ "group_dn": group }))
}

fn groups(world: World, login: &str, nested: bool) -> Result<Seen, ToolError> {
    ask(world, "ad_get_user_groups", json!({ "sam_account_name": login, "nested": nested }))
}

#[test]
fn a_group_type_is_a_scope_and_a_kind() {
    let typed = |n: u32, bits: &str| {
        RawEntry::new(&dn_of_group(&n.to_string()))
            .with("objectCategory", ["group"])
            .with("cn", [n.to_string()])
            .with("groupType", [bits])
    };
    let kinds = [
        ("-2147483646", "global", "security"),
        ("-2147483644", "domain_local", "security"),
        ("-2147483643", "domain_local", "security"),
        ("-2147483640", "universal", "security"),
        ("2", "global", "distribution"),
        ("8", "universal", "distribution"),
        ("32", "application", "distribution"),
    ];
    let world = World::new(kinds.iter().zip(0..).map(|((bits, _, _), n)| typed(n, bits)));
    let seen = ask(world, "ad_list_groups", json!({})).unwrap();
    for ((bits, scope, kind), found) in kinds.iter().zip(seen.data["groups"].as_array().unwrap()) {
        assert_eq!((&found["scope"], &found["kind"]), (&json!(scope), &json!(kind)), "{bits}");
    }
    assert!(seen.complete);

    let untyped = RawEntry::new(&dn_of_group("a")).with("objectCategory", ["group"]).with("cn", ["a"]);
    let seen = ask(World::new([untyped]), "ad_list_groups", json!({})).unwrap();
    assert_eq!((&seen.data["groups"][0]["scope"], &seen.data["groups"][0]["kind"]), (&Value::Null, &Value::Null));
    assert!(!seen.complete && seen.notes[0].contains("for 1 of the groups"), "{:?}", seen.notes);
}

#[test]
fn groups_are_listed_up_to_the_limit() {
    let world = || World::new((0..5).map(|n| group(&format!("g{n}"), 2000 + n, &[])));
    let seen = ask(world(), "ad_list_groups", json!({ "limit": 6 })).unwrap();
    assert!(seen.complete);
    assert_eq!(seen.data["groups"].as_array().unwrap().len(), 6);
    let seen = ask(world(), "ad_list_groups", json!({ "limit": 5 })).unwrap();
    assert!(!seen.complete && seen.notes[0].contains("only the first 5"), "{:?}", seen.notes);
}

#[test]
fn a_user_is_in_its_primary_group_too() {
    let alice = enabled("alicej", 1101);
    let world = || World::new([alice.clone(), group("Engineering", 2001, &[&alice])]);
    let seen = groups(world(), "alicej", false).unwrap();
    assert!(seen.complete, "{:?}", seen.notes);
    assert_eq!(
        seen.data["groups"][0],
        json!({
            "dn": dn_of_group("Domain Users"), "name": "Domain Users", "scope": "global", "kind": "security", "is_primary": true,
        })
    );
    assert_eq!(names(&seen.data["groups"], "name"), ["Domain Users", "Engineering"]);

    // In one group only, and in none that the directory shows.
    let seen = groups(World::new([enabled("bobm", 1102)]), "bobm", false).unwrap();
    assert_eq!(names(&seen.data["groups"], "name"), ["Domain Users"]);
    let bare = RawEntry::new("CN=x,DC=nexus,DC=corp")
        .with("objectCategory", ["person"])
        .with("objectClass", ["user"])
        .with("sAMAccountName", ["x"]);
    let seen = groups(World::new([bare.clone()]), "x", false).unwrap();
    assert_eq!(seen.data["groups"], json!([]));
    assert!(!seen.complete && seen.notes[0].contains("primary group is missing"), "{:?}", seen.notes);
    let elsewhere = bare.with("objectSid", [sid(1)]).with("primaryGroupID", ["999"]);
    let seen = groups(World::new([elsewhere]), "x", false).unwrap();
    assert!(!seen.complete && seen.notes[0].contains("3411802267-999"), "{:?}", seen.notes);
}

#[test]
fn nested_groups_are_found_once_even_in_a_loop() {
    let alice = enabled("alicej", 1101);
    let (b, c) = (RawEntry::new(&dn_of_group("B")), RawEntry::new(&dn_of_group("C")));
    let everyone = group("Everyone", 2004, &[&RawEntry::new(&dn_of_group("Domain Users"))]);
    let world = || {
        World::new([
            alice.clone(),
            enabled("bobm", 1102),
            group("A", 2001, &[&alice, &c]),
            group("B", 2002, &[&RawEntry::new(&dn_of_group("A"))]),
            group("C", 2003, &[&b]),
            everyone.clone(),
        ])
    };
    let seen = groups(world(), "alicej", false).unwrap();
    assert_eq!(names(&seen.data["groups"], "name"), ["A", "Domain Users"]);
    let seen = groups(world(), "alicej", true).unwrap();
    assert_eq!(names(&seen.data["groups"], "name"), ["A", "B", "C", "Domain Users", "Everyone"]);
    assert!(seen.complete, "{:?}", seen.notes);

    let seen = members(world(), &dn_of_group("B")).unwrap();
    assert_eq!((&seen.data["members"], &seen.data["other_members"]["groups"]), (&json!([]), &json!(1)));
    let nested = |group: &str| {
        let arguments = json!({ "group_dn": dn_of_group(group), "nested": true });
        ask(world(), "ad_get_group_members", arguments).unwrap()
    };
    let seen = nested("B");
    assert_eq!(names(&seen.data["members"], "username"), ["alicej"]);
    assert!(seen.complete, "{:?}", seen.notes);
    // By the primary group of a group inside.
    let seen = nested("Everyone");
    assert_eq!(names(&seen.data["members"], "username"), ["alicej", "bobm"]);
    assert!(seen.complete && seen.data["members"][0]["is_by_primary_group"] == true, "{:?}", seen.notes);
}

#[test]
fn a_group_whose_members_are_all_by_primary_group_is_not_empty() {
    let world = || World::new([enabled("alicej", 1101), enabled("bobm", 1102).with("mail", ["b@nexus.corp"])]);
    for name in [&dn_of_group("Domain Users"), "Domain Users", "domain users", "g513", " g513 "] {
        let seen = members(world(), name).unwrap();
        assert_eq!(names(&seen.data["members"], "username"), ["alicej", "bobm"], "{name}");
        assert_eq!(seen.data["group_dn"], dn_of_group("Domain Users"));
        assert_eq!(seen.data["group_name"], "Domain Users");
        assert!(seen.complete, "{:?}", seen.notes);
    }
    assert_eq!(
        members(world(), "g513").unwrap().data["members"][1],
        json!({
            "username": "bobm", "name": "bobm", "email": "b@nexus.corp", "job_title": null,
            "dn": "CN=bobm,OU=People,DC=nexus,DC=corp", "is_enabled": true, "is_by_primary_group": true,
        })
    );
}

#[test]
fn a_built_in_group_is_nobodys_primary_group() {
    // S-1-5-32-513 is no group of the domain, although its last number is that of Domain Users.
    let built_in = RawEntry::new(&dn_of_group("Builtin"))
        .with("objectClass", ["group"])
        .with("cn", ["Builtin"])
        .with("objectSid", [vec![1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 1, 2, 0, 0]]);
    let seen = members(World::new([enabled("alicej", 1101), built_in.clone()]), "Builtin").unwrap();
    assert!(seen.complete && seen.data["members"] == json!([]), "{:?}", seen.notes);

    let hidden = RawEntry::new(&dn_of_group("Hidden")).with("objectClass", ["group"]).with("cn", ["Hidden"]);
    let seen = members(World::new([hidden]), "Hidden").unwrap();
    assert!(!seen.complete && seen.notes[0].contains("objectSid"), "{:?}", seen.notes);
}

#[test]
fn members_that_are_not_users_are_counted_and_those_not_seen_are_told() {
    let other = |name: &str, category: &str, classes: &[&str]| {
        RawEntry::new(&format!("CN={name},{BASE}"))
            .with("objectCategory", [category])
            .with("objectClass", classes.iter().copied())
    };
    let alice = enabled("alicej", 1101);
    let others = [
        other("pc", "computer", &["top", "person", "user", "computer"]),
        other("contact", "person", &["top", "person", "contact"]),
        other("S-1-5-21-9", "foreignSecurityPrincipal", &["top", "foreignSecurityPrincipal"]),
        group("Inner", 2002, &[]),
    ];
    let mut all: Vec<_> = others.iter().collect();
    all.push(&alice);
    let entries = |more: &[&RawEntry]| {
        let outer = group("Outer", 2001, &[&all[..], more].concat());
        World::new(others.iter().cloned().chain([alice.clone(), outer]))
    };
    let seen = members(entries(&[]), "Outer").unwrap();
    assert_eq!(names(&seen.data["members"], "username"), ["alicej"]);
    assert_eq!(seen.data["other_members"], json!({ "groups": 1, "computers": 1, "contacts": 1, "others": 1 }));
    assert!(seen.complete, "{:?}", seen.notes);

    let foreign = RawEntry::new("CN=far,DC=other,DC=corp");
    let seen = members(entries(&[&foreign]), "Outer").unwrap();
    assert!(
        !seen.complete && seen.notes[0].starts_with("1 members that the group names were not found"),
        "{:?}",
        seen.notes
    );
}

#[test]
fn a_group_that_the_user_names_and_that_is_not_found_is_told() {
    let alice = enabled("alicej", 1101);
    let world = World::new([alice.clone(), group("Seen", 2001, &[&alice])]);
    let fake = answering(move |search| {
        let mut pages = world.answer(search);
        for entry in pages.iter_mut().flat_map(|page| &mut page.entries) {
            let hidden = b"CN=Hidden,DC=other,DC=corp".to_vec();
            let member_of = entry.attributes.iter_mut().filter(|(name, _)| name == "memberOf");
            member_of.for_each(|(_, values)| values.push(hidden.clone()));
        }
        pages.into_iter().map(Ok).collect()
    });
    let seen = call(&fake, "ad_get_user_groups", json!({ "sam_account_name": "alicej" })).unwrap();
    assert_eq!(names(&seen.data["groups"], "name"), ["Domain Users", "Seen"]);
    assert!(!seen.complete && seen.notes[0].starts_with("1 groups that the account names"), "{:?}", seen.notes);
}

#[test]
fn names_with_special_characters_are_themselves() {
    for cn in [r"Doe\, Jane", "Team (All)", "Star * Team", r"Back\\slash", "Größe 東京", r"Plus\+Sign", r"a\=b"] {
        let person = user("x", cn, 1101).with("userAccountControl", ["512"]);
        let world = || World::new([person.clone(), group(cn, 2001, &[&person]), group("Other", 2002, &[])]);
        let seen = members(world(), &dn_of_group(cn)).unwrap();
        assert_eq!(seen.data["group_dn"], dn_of_group(cn));
        assert_eq!(seen.data["members"][0]["dn"], person.dn, "{cn}");
        assert!(seen.complete, "{cn}: {:?}", seen.notes);
        let seen = groups(world(), "x", true).unwrap();
        assert_eq!(seen.data["groups"].as_array().unwrap().len(), 2, "{cn}");
        assert_eq!(seen.data["dn"], person.dn);
    }
}

#[test]
fn a_group_is_named_by_a_name_below_the_base_or_not_at_all() {
    for (text, expected) in [
        ("CN=Domain Users,OU=Groups,DC=evil,DC=corp", "AD_BASE_DN"),
        ("DC=corp", "AD_BASE_DN"),
        (r"CN=x\,DC=nexus,DC=corp", "AD_BASE_DN"),
        ("CN=x,,DC=nexus,DC=corp", "not a distinguished name"),
        ("=", "not a distinguished name"),
        ("CN=\"x\",DC=nexus,DC=corp", "not a distinguished name"),
        ("2.5.4.3=x,DC=nexus,DC=corp", "not a distinguished name"),
        (" ", "empty"),
    ] {
        let fake = World::new([]).fake();
        let error = call(&fake, "ad_get_group_members", json!({ "group_dn": text })).unwrap_err();
        assert!(matches!(&error, ToolError::InvalidArguments(found) if found.contains(expected)), "{text}: {error:?}");
        assert!(fake.searched().is_empty(), "{text}");
    }
    let fake = World::new([enabled("alicej", 1101)]).fake();
    for dn in ["CN=None,OU=Groups,DC=nexus,DC=corp", "CN=alicej,OU=People,DC=nexus,DC=corp"] {
        let error = call(&fake, "ad_get_group_members", json!({ "group_dn": dn })).unwrap_err();
        assert!(matches!(error, ToolError::NotFound(_)), "{dn}: {error:?}");
    }
    assert!(fake.searched().iter().all(|search| search.scope == Scope::Base));
    let twins = World::new([
        group("Twin", 2001, &[]),
        RawEntry { dn: "CN=Twin,DC=nexus,DC=corp".to_owned(), ..group("Twin", 2002, &[]) },
    ]);
    let error = members(twins, "Twin").unwrap_err();
    assert!(matches!(&error, ToolError::InvalidArguments(text) if text.contains("several groups")), "{error:?}");
}

/// Answers as the world does, with one entry in a page.
fn in_small_pages(world: World) -> Fake {
    answering(move |search| {
        let entries = world.answer(search).into_iter().flat_map(|page| page.entries);
        entries.map(|entry| Ok(RawPage { entries: vec![entry], partial: false })).collect()
    })
}

#[test]
fn members_that_were_not_read_to_the_end_are_no_reason_to_look_further() {
    let people: Vec<_> = (0..60).map(|n| enabled(&format!("u{n}"), 10_000 + n)).collect();
    let large = group("Large", 2001, &people.iter().collect::<Vec<_>>());
    let fake = in_small_pages(World::new(people.into_iter().chain([large])));
    let seen = call(&fake, "ad_get_group_members", json!({ "group_dn": dn_of_group("Large") })).unwrap();
    // The group itself took one page of the 56. What it names and nobody looked for is not told as missing once more.
    assert_eq!(seen.data["members"].as_array().unwrap().len(), 55);
    assert_eq!(
        seen.notes,
        [
            "there may be more users: reading stopped after 55 pages with 55 users",
            "users by primary group may be missing: reading stopped after too many pages",
        ]
    );
    assert!(!seen.complete);
    let is_primary = |node: &Node| matches!(node, Node::Equal { attribute, .. } if attribute == "primaryGroupID");
    assert!(!fake.searched().iter().any(|search| search.filter.iter().any(is_primary)));
}

/// The host takes a filter of 64 nodes at most.
#[test]
fn groups_in_a_group_are_asked_for_in_filters_that_the_host_takes() {
    let groups: Vec<_> = (0..100).map(|n| group(&format!("g{n}"), 2000 + n, &[])).collect();
    let all = group("All", 3000, &groups.iter().collect::<Vec<_>>());
    let people = (0..100).map(|n| {
        let mut person = enabled(&format!("u{n}"), 10_000 + n);
        person.attributes.retain(|(name, _)| name != "primaryGroupID");
        person.with("primaryGroupID", [(2000 + n).to_string()])
    });
    let fake = World::new(people.chain(groups).chain([all])).fake();
    let arguments = json!({ "group_dn": dn_of_group("All"), "nested": true });
    let seen = call(&fake, "ad_get_group_members", arguments).unwrap();
    assert!(seen.complete, "{:?}", seen.notes);
    assert_eq!(seen.data["members"].as_array().unwrap().len(), 100);
    assert!(fake.searched().iter().all(|search| search.filter.len() <= 64));
}

#[test]
fn groups_that_were_not_read_to_the_end_are_not_told_as_missing() {
    let alice = enabled("alicej", 1101);
    let groups = (0..60).map(|n| group(&format!("g{n}"), 2000 + n, &[&alice])).collect::<Vec<_>>();
    let fake = in_small_pages(World::new([alice].into_iter().chain(groups)));
    let seen = call(&fake, "ad_get_user_groups", json!({ "sam_account_name": "alicej" })).unwrap();
    // The user and the primary group took one page each.
    assert_eq!(seen.data["groups"].as_array().unwrap().len(), 55);
    assert_eq!(seen.notes, ["there may be more groups: reading stopped after 54 pages with 54 groups"]);
    assert!(!seen.complete);
}

#[test]
fn a_large_group_is_read_over_many_pages() {
    let people: Vec<_> = (0..2500).map(|n| enabled(&format!("u{n}"), 10_000 + n)).collect();
    let all: Vec<_> = people.iter().collect();
    let large = group("Large", 2001, &all);
    // Searching each of 2500 people in a list of 2500 names is slow; the stand-in answers by what it is asked.
    let fake = answering(move |search| {
        let is_about = |attribute: &str| {
            search.filter.iter().any(|node| matches!(node, Node::Equal { attribute: found, .. } if found == attribute))
        };
        let entries = match () {
            () if search.scope == Scope::Base => vec![large.clone()],
            () if is_about("memberOf") && !search.attributes.contains(&"objectClass".to_owned()) => people.clone(),
            () => Vec::new(),
        };
        let pages = entries.chunks(search.page_size as usize);
        pages.map(|entries| Ok(RawPage { entries: entries.to_vec(), partial: false })).collect()
    });
    let seen = call(&fake, "ad_get_group_members", json!({ "group_dn": dn_of_group("Large") })).unwrap();
    assert_eq!(seen.data["members"].as_array().unwrap().len(), 2500);
    assert!(seen.complete, "{:?}", seen.notes);
    assert!(fake.searched().iter().all(|search| search.page_size <= 1000));
}
