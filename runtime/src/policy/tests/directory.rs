//! Who may search what.

use std::collections::BTreeSet;

use super::refusals::Lcg;
use super::*;
use crate::names::DirectoryName;
use crate::outbound::{Attribute, DirectorySearch, Dn, GuestNode, GuestSearch, Host, Scope};

const BITS: &str = "1.2.840.113556.1.4.803";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

const AD: &str = r#"
[[directory]]
name = "ad"
host = "dc1.nexus.corp"
bases = ["OU=Users,DC=nexus,DC=corp"]
scopes = ["subtree"]
attributes = ["cn", "mail"]
filter-attributes = ["mail", "userAccountControl"]
rules = ["1.2.840.113556.1.4.803"]
credential = "ad"
tools = ["ad_get_user"]
private = true
entries = 1000
"#;

/// As the manifest is read, without its checks across tables.
fn read(text: &str) -> Vec<DirectoryGrant> {
    let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let Some(grants) = manifest.get("directory") else {
        return Vec::new();
    };
    grants.as_array().unwrap().iter().map(|grant| read_grant(grant.as_table().unwrap())).collect()
}

fn read_grant(table: &toml::Table) -> DirectoryGrant {
    let known = [
        "name",
        "host",
        "port",
        "tls",
        "bases",
        "scopes",
        "attributes",
        "filter-attributes",
        "rules",
        "credential",
        "tools",
        "private",
        "entries",
    ];
    assert!(table.keys().all(|key| known.contains(&key.as_str())), "{table:?}");
    let text = |key: &str| table[key].as_str().unwrap();
    let list = |key: &str| -> Option<Vec<&str>> {
        let list = table.get(key)?.as_array().unwrap();
        Some(list.iter().map(|item| item.as_str().unwrap()).collect())
    };
    let number = |key: &str| table.get(key).map(|number| number.as_integer().unwrap());
    let tls = match table.get("tls").map(|tls| tls.as_str().unwrap()) {
        None => Tls::Ldaps,
        Some(tls) => {
            assert_eq!(tls, "starttls");
            Tls::StartTls
        }
    };
    DirectoryGrant {
        name: DirectoryName::parse(text("name")).unwrap(),
        server: LdapServer {
            host: Host::parse(text("host")).unwrap(),
            port: number("port").map_or(tls.default_port(), |port| u16::try_from(port).unwrap()),
            tls,
        },
        bases: list("bases").unwrap().into_iter().map(|base| Dn::parse(base).unwrap()).collect(),
        scopes: list("scopes").unwrap().into_iter().map(|scope| Scope::parse(scope).unwrap()).collect(),
        attributes: list("attributes").unwrap().into_iter().map(named).collect(),
        filter_attributes: list("filter-attributes").unwrap().into_iter().map(named).collect(),
        rules: list("rules").unwrap_or_default().into_iter().map(str::to_owned).collect(),
        credential: CredentialName::parse(text("credential")).unwrap(),
        tools: list("tools").map(|tools| tools.into_iter().map(|tool| ToolName::parse(tool).unwrap()).collect()),
        private: table.get("private").is_some_and(|private| private.as_bool().unwrap()),
        entries: number("entries").map_or(50_000, |entries| u32::try_from(entries).unwrap()),
        pace: Pace::default(),
    }
}

fn named(attribute: &str) -> Attribute {
    Attribute::parse(attribute).unwrap()
}

/// What a shard asks, on behalf of which tool.
#[derive(Clone)]
struct Search {
    tool: Option<&'static str>,
    guest: GuestSearch,
}

/// One that `AD` allows.
fn search() -> Search {
    let guest = GuestSearch {
        server: "ad".into(),
        base: "OU=Users,DC=nexus,DC=corp".into(),
        scope: Scope::Subtree,
        filter: vec![equal("mail")],
        attributes: vec!["cn".into()],
        page_size: 10,
    };
    Search { tool: Some("ad_get_user"), guest }
}

impl Search {
    fn with(mut self, change: impl FnOnce(&mut GuestSearch)) -> Self {
        change(&mut self.guest);
        self
    }

    fn base(self, base: &str) -> Self {
        self.with(|guest| base.clone_into(&mut guest.base))
    }

    fn scope(self, scope: Scope) -> Self {
        self.with(|guest| guest.scope = scope)
    }

    fn attributes(self, names: &[&str]) -> Self {
        self.with(|guest| guest.attributes = names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn filter(self, nodes: Vec<GuestNode>) -> Self {
        self.with(|guest| guest.filter = nodes)
    }

    fn tool(self, tool: Option<&'static str>) -> Self {
        Self { tool, ..self }
    }
}

fn equal(attribute: &str) -> GuestNode {
    GuestNode::Equal { attribute: attribute.into(), value: b"s3cret".into() }
}

fn matching(attribute: &str, rule: &str) -> Vec<GuestNode> {
    vec![GuestNode::Matching { attribute: attribute.into(), rule: rule.into(), value: b"2".into() }]
}

fn permit(grants: &str, asked: &Search) -> Result<DirectoryPermit, NotPermitted> {
    let tool = asked.tool.map(|tool| ToolName::parse(tool).unwrap());
    let search = DirectorySearch::parse(asked.guest.clone()).unwrap_or_else(|error| panic!("{error}"));
    Directories::new(read(grants)).permit(tool.as_ref(), search)
}

/// The part that is refused, if one is.
fn refused(grants: &str, asked: &Search) -> Option<SearchPart> {
    permit(grants, asked).err().map(|refused| refused.part)
}

#[test]
fn every_part_of_a_search_must_be_granted() {
    use SearchPart::{Base, Rule, Server, Tool};
    let returned = |name: &str| Some(SearchPart::Attribute(named(name)));
    let filtered = |name: &str| Some(SearchPart::FilterAttribute(named(name)));
    let scoped = |scope| Some(SearchPart::Scope(scope));
    for (asked, part) in [
        (search(), None),
        (search().base("CN=Alice,ou=users,dc=NEXUS,dc=corp"), None),
        (search().attributes(&["CN", "Mail"]), None),
        (search().filter(matching("UserAccountControl", BITS)), None),
        (search().with(|guest| guest.page_size = 1000), None),
        (search().with(|guest| guest.server = "other".into()), Some(Server)),
        (search().with(|guest| guest.server = "ad-1".into()), Some(Server)),
        (search().tool(Some("ad_get_group")), Some(Tool)),
        (search().tool(None), Some(Tool)),
        (search().base("DC=nexus,DC=corp"), Some(Base)),
        (search().base("OU=Groups,DC=nexus,DC=corp"), Some(Base)),
        (search().base("OU=EvilOU=Users,DC=nexus,DC=corp"), Some(Base)),
        (search().base(r"CN=x\,OU=Users\,DC=nexus\,DC=corp"), Some(Base)),
        (search().base(r"CN=x\,OU=Users,DC=nexus,DC=corp"), Some(Base)),
        (search().base("OU=Users,DC=nexus,DC=corp,DC=evil"), Some(Base)),
        (search().base(""), Some(Base)),
        (search().scope(Scope::Base), scoped(Scope::Base)),
        (search().scope(Scope::OneLevel), scoped(Scope::OneLevel)),
        (search().attributes(&["cn", "unicodePwd"]), returned("unicodePwd")),
        (search().attributes(&["mailNickname"]), returned("mailNickname")),
        // What may be filtered by is not thereby returned, nor the other way round.
        (search().attributes(&["userAccountControl"]), returned("userAccountControl")),
        (search().filter(vec![equal("cn")]), filtered("cn")),
        (search().filter(vec![GuestNode::Present("cn".into())]), filtered("cn")),
        (search().filter(matching("cn", BITS)), filtered("cn")),
        (search().filter(vec![equal("mail"), equal("cn"), GuestNode::Any(vec![0, 1])]), filtered("cn")),
        (search().filter(vec![equal("cn"), GuestNode::No(0)]), filtered("cn")),
        (
            search().filter(vec![
                equal("mail"),
                GuestNode::AtLeast { attribute: "badPwdCount".into(), value: b"3".into() },
                GuestNode::No(1),
                GuestNode::All(vec![0, 2]),
            ]),
            filtered("badPwdCount"),
        ),
        (search().filter(matching("userAccountControl", IN_CHAIN)), Some(Rule(IN_CHAIN.into()))),
        (
            search().filter([matching("userAccountControl", IN_CHAIN), vec![GuestNode::No(0)]].concat()),
            Some(Rule(IN_CHAIN.into())),
        ),
    ] {
        let shown = format!("{:?} {} {:?}", asked.tool, asked.guest.base, asked.guest.attributes);
        assert_eq!(refused(AD, &asked), part, "{shown}");
    }
}

#[test]
fn a_permit_is_the_search_that_was_asked_and_shows_nobody() {
    let asked = search().base("CN=s3cret,OU=Users,DC=nexus,DC=corp").attributes(&["mail"]);
    let other = AD.replace("\"ad\"", "\"other\"");
    let permit = permit(&format!("{other}{AD}"), &asked).unwrap();
    assert_eq!(permit.grant_index(), 1);
    assert_eq!(*permit.grant(), read(AD)[0]);
    assert_eq!(permit.search().base().to_string(), asked.guest.base);
    assert_eq!(permit.search().filter().to_rfc4515(), "(mail=s3cret)");
    assert_eq!(permit.base().to_string(), "OU=Users,DC=nexus,DC=corp");
    assert!(!format!("{permit:?}").contains("s3cret"));
}

#[test]
fn empty_means_closed() {
    let without = |key: &str| {
        let lines = AD.lines().map(|line| {
            let emptied = line.starts_with(&format!("{key} = ["));
            if emptied { format!("{key} = []\n") } else { format!("{line}\n") }
        });
        lines.collect::<String>()
    };
    let rule = search().filter(matching("userAccountControl", BITS));
    for (key, part) in [
        ("bases", SearchPart::Base),
        ("scopes", SearchPart::Scope(Scope::Subtree)),
        ("attributes", SearchPart::Attribute(named("cn"))),
        ("filter-attributes", SearchPart::FilterAttribute(named("userAccountControl"))),
        ("rules", SearchPart::Rule(BITS.into())),
        ("tools", SearchPart::Tool),
    ] {
        assert_eq!(refused(&without(key), &rule), Some(part), "{key}");
    }
    assert_eq!(refused(AD, &rule), None);
    assert_eq!(refused("", &rule), Some(SearchPart::NoGrant));
}

#[test]
fn a_grant_bound_to_tools_is_for_them_alone() {
    let open = AD.replace("tools = [\"ad_get_user\"]\n", "");
    for (grants, tool, is_allowed) in [
        (AD, Some("ad_get_user"), true),
        (AD, Some("ad_get_users"), false),
        (AD, None, false),
        (&open, Some("ad_get_users"), true),
        (&open, None, true),
    ] {
        assert_eq!(refused(grants, &search().tool(tool)), (!is_allowed).then_some(SearchPart::Tool), "{tool:?}");
    }
}

#[test]
fn two_halves_do_not_make_a_grant() {
    let halves = r#"
        [[directory]]
        name = "ad"
        host = "dc1.nexus.corp"
        bases = ["OU=Users,DC=nexus,DC=corp"]
        scopes = ["subtree"]
        attributes = ["cn", "mail"]
        filter-attributes = ["mail"]
        rules = ["1.2.840.113556.1.4.803"]
        credential = "ad"

        [[directory]]
        name = "ad"
        host = "dc1.nexus.corp"
        bases = ["OU=Groups,DC=nexus,DC=corp"]
        scopes = ["base"]
        attributes = ["cn", "member"]
        filter-attributes = ["cn"]
        rules = ["1.2.840.113556.1.4.1941"]
        credential = "ad"

        [[directory]]
        name = "hr"
        host = "dc2.nexus.corp"
        bases = ["DC=nexus,DC=corp"]
        scopes = ["base", "one-level", "subtree"]
        attributes = ["cn", "mail", "member"]
        filter-attributes = ["cn", "mail", "member"]
        rules = ["1.2.840.113556.1.4.803", "1.2.840.113556.1.4.1941"]
        credential = "ad"
    "#;
    let users = || search().filter(matching("mail", BITS));
    let groups = || {
        search()
            .base("OU=Groups,DC=nexus,DC=corp")
            .scope(Scope::Base)
            .filter(matching("cn", IN_CHAIN))
            .attributes(&["member"])
    };
    assert_eq!(refused(halves, &users()), None);
    assert_eq!(refused(halves, &groups()), None);
    for asked in [
        users().base("OU=Groups,DC=nexus,DC=corp"),
        users().base("DC=nexus,DC=corp"),
        users().scope(Scope::Base),
        users().attributes(&["mail", "member"]),
        users().attributes(&["member"]),
        users().filter(vec![equal("mail"), equal("cn"), GuestNode::All(vec![0, 1])]),
        users().filter(matching("mail", IN_CHAIN)),
        groups().base("OU=Users,DC=nexus,DC=corp"),
        groups().scope(Scope::Subtree),
        groups().attributes(&["mail"]),
        groups().filter(matching("mail", IN_CHAIN)),
        groups().filter(matching("cn", BITS)),
    ] {
        assert!(permit(halves, &asked).is_err(), "{} {:?}", asked.guest.base, asked.guest.attributes);
        // And it is a whole search: the third grant, by its own name, has it all.
        assert_eq!(refused(halves, &asked.with(|guest| guest.server = "hr".into())), None);
    }
}

#[test]
fn the_root_is_granted_by_itself_alone_and_grants_nothing_below() {
    let scopes = "scopes = [\"base\", \"one-level\", \"subtree\"]";
    let grant = |bases: &str| {
        AD.replace("scopes = [\"subtree\"]", scopes).replace("bases = [\"OU=Users,DC=nexus,DC=corp\"]", bases)
    };
    for (bases, base, scope, is_allowed) in [
        ("bases = [\"\"]", "", Scope::Base, true),
        ("bases = [\"\"]", "", Scope::OneLevel, false),
        ("bases = [\"\"]", "", Scope::Subtree, false),
        ("bases = [\"\"]", "DC=corp", Scope::Base, false),
        ("bases = [\"\"]", "DC=nexus,DC=corp", Scope::Subtree, false),
        ("bases = [\"DC=corp\"]", "", Scope::Base, false),
        ("bases = [\"\", \"DC=corp\"]", "DC=nexus,DC=corp", Scope::Subtree, true),
        ("bases = [\"\", \"DC=corp\"]", "", Scope::Base, true),
        ("bases = [\"\", \"DC=corp\"]", "", Scope::Subtree, false),
    ] {
        let part = refused(&grant(bases), &search().base(base).scope(scope));
        assert_eq!(part, (!is_allowed).then_some(SearchPart::Base), "{bases} {base} {scope:?}");
    }
}

#[test]
fn of_several_grants_the_narrowest_is_used_and_of_its_bases_too() {
    let free = AD.replace("tools = [\"ad_get_user\"]\n", "");
    let wide = AD.replace("attributes = [\"cn\", \"mail\"]\n", "attributes = [\"cn\", \"mail\", \"title\"]\n");
    let few = AD.replace("entries = 1000", "entries = 10");
    let one = AD.replace("attributes = [\"cn\", \"mail\"]\n", "attributes = [\"cn\"]\n");
    for (grants, used) in [
        ([&free, &wide, AD], 2),
        ([AD, &free, &wide], 0),
        ([AD, &few, &wide], 1),
        ([&few, &one, AD], 1),
        ([&wide, &free, &wide], 0),
        ([AD, AD, AD], 0),
    ] {
        assert_eq!(permit(&grants.concat(), &search()).unwrap().grant_index(), used, "{}", grants.concat());
    }
    let base = "\"OU=Users,DC=nexus,DC=corp\"";
    for (bases, used) in [
        ("\"DC=corp\", \"OU=Users,DC=nexus,DC=corp\", \"DC=nexus,DC=corp\"", "OU=Users,DC=nexus,DC=corp"),
        ("\"OU=Users,DC=nexus,DC=corp\", \"DC=corp\"", "OU=Users,DC=nexus,DC=corp"),
        ("\"CN=a,OU=Users,DC=nexus,DC=corp\", \"DC=corp\"", "DC=corp"),
    ] {
        let permit = permit(&AD.replace(base, bases), &search()).unwrap();
        assert_eq!(permit.base().to_string(), used, "{bases}");
    }
}

#[test]
fn this_machine_is_reached_only_by_its_own_name() {
    let reach = |host: &str| read(&AD.replace("dc1.nexus.corp", host))[0].reach();
    let private = address::Reach { private: true, loopback: false };
    assert_eq!(reach("dc1.nexus.corp"), private);
    assert_eq!(reach("localhost.nexus.corp"), private);
    assert_eq!(reach("localhost"), address::Reach { private: true, loopback: true });
    assert_eq!(read(&AD.replace("private = true", ""))[0].reach(), address::Reach::default());
}

#[test]
fn the_closest_grant_gives_the_reason() {
    let other = AD.replace("name = \"ad\"", "name = \"other\"");
    let tool = AD.replace("ad_get_user", "ad_get_group");
    let base = AD.replace("OU=Users", "OU=Groups");
    let grants = format!("{other}{base}{AD}{tool}");
    let asked = search().attributes(&["title"]);
    assert_eq!(refused(&grants, &asked), Some(SearchPart::Attribute(named("title"))));
    assert_eq!(refused(&format!("{other}{base}{tool}"), &asked), Some(SearchPart::Base));
    assert_eq!(refused(&format!("{tool}{other}"), &asked), Some(SearchPart::Tool));
    assert_eq!(refused(&other, &asked), Some(SearchPart::Server));
}

#[test]
fn a_refusal_gives_the_manifest_lines_that_would_allow_the_search() {
    let asked = search().base("CN=Alice Johnson,OU=Users,DC=nexus,DC=corp").attributes(&["title", "mail"]).filter(
        [matching("memberOf", IN_CHAIN), vec![equal("cn"), equal("cn"), GuestNode::All(vec![0, 1, 2])]].concat(),
    );
    let refused = permit(AD, &asked).unwrap_err();
    assert_eq!(
        refused.suggestion,
        r#"[[directory]]
name = "ad"
host = "dc1.nexus.corp"
bases = ["OU=Users,DC=nexus,DC=corp"]
scopes = ["subtree"]
attributes = ["title", "mail"]
filter-attributes = ["cn", "memberOf"]
rules = ["1.2.840.113556.1.4.1941"]
credential = "ad"
tools = ["ad_get_user"]
private = true
entries = 1000
"#
    );
    assert_eq!(refused.to_string(), "grant does not return the attribute title");
    assert_eq!(refused.server, Some(read(AD)[0].server.clone()));

    let other = "[[directory]]\nname = \"ad\"\nhost = \"192.0.2.1\"\nport = 3389\ntls = \"starttls\"\n\
                 bases = [\"OU=K\\u00E4se \\\\\\\"1\\\\\\\",DC=nexus,DC=corp\"]\nscopes = [\"base\"]\nattributes = [\"cn\"]\n\
                 filter-attributes = [\"cn\"]\ncredential = \"ad\"\n";
    let asked = search().base(r"OU=Käse \221\22,DC=nexus,DC=corp").tool(None).filter(vec![equal("cn")]);
    let refused = permit(other, &asked).unwrap_err();
    assert_eq!(
        refused.suggestion,
        r#"[[directory]]
name = "ad"
host = "192.0.2.1"
port = 3389
tls = "starttls"
bases = ["OU=K\U000000E4se \\\"1\\\",DC=nexus,DC=corp"]
scopes = ["subtree"]
attributes = ["cn"]
filter-attributes = ["cn"]
credential = "ad"
entries = 50000
"#
    );
    assert_eq!(refused.to_string(), "grant does not have the scope subtree");
    assert!(permit(&refused.suggestion, &asked).is_ok());
}

#[test]
fn where_no_grant_says_server_or_base_nothing_is_suggested_and_nobody_is_named() {
    let nameless = search().with(|guest| guest.server = "other".into());
    let tool = AD.replace("ad_get_user", "ad_get_group");
    for (grants, asked, part, has_server) in [
        ("", search(), SearchPart::NoGrant, false),
        (AD, nameless, SearchPart::Server, false),
        (AD, search().base("CN=s3cret,DC=elsewhere"), SearchPart::Base, true),
        (&tool, search().base("CN=s3cret,DC=elsewhere"), SearchPart::Tool, true),
    ] {
        let refused = permit(grants, &asked).unwrap_err();
        assert_eq!(refused.part, part);
        assert_eq!(refused.server.is_some(), has_server, "{part:?}");
        assert!(refused.suggestion.starts_with("# Nothing is suggested: "), "{}", refused.suggestion);
        assert!(read(&refused.suggestion).is_empty() && !refused.suggestion.trim_end().contains('\n'));
        assert!(!format!("{refused:?} {refused}").contains("s3cret"), "{refused:?}");
    }
}

#[test]
fn every_suggestion_is_a_manifest_that_allows_just_this_search() {
    let names = ["cn", "mail", "title", "member", "userAccountControl", "MAIL", "x-y"];
    let scopes = [Scope::Base, Scope::OneLevel, Scope::Subtree];
    let mut random = Lcg(13);
    let mut n_suggested = 0;
    for _ in 0..2_000 {
        let first = random.below(names.len() - 1);
        let asked: Vec<&str> = (first..=first + random.below(2)).map(|n| names[n]).collect();
        let (a, b) = (random.one_of(&names), random.one_of(&names));
        let rule = random.one_of(&[BITS, IN_CHAIN, "1.2.3"]);
        let filter = random.below(3);
        let filter = match filter {
            0 => vec![equal(a)],
            1 => matching(a, rule),
            _ => [matching(a, rule), vec![equal(b), GuestNode::No(1), GuestNode::Any(vec![0, 2])]].concat(),
        };
        let bases = [
            "OU=Users,DC=nexus,DC=corp",
            "CN=s3cret,OU=Users,DC=nexus,DC=corp",
            r"CN=s3cret\,,ou=users,dc=nexus,dc=CORP",
        ];
        let asked = search()
            .attributes(&asked)
            .filter(filter)
            .scope(random.one_of(&scopes))
            .base(random.one_of(&bases))
            .tool(random.one_of(&[None, Some("ad_get_user"), Some("ad_get_group")]));
        let Err(NotPermitted { suggestion, .. }) = permit(AD, &asked) else {
            continue;
        };
        n_suggested += 1;
        assert!(suggestion.is_ascii() && !suggestion.contains("s3cret"), "{suggestion}");
        let grants = read(&suggestion);
        assert_eq!(grants.len(), 1);
        let permit = permit(&suggestion, &asked).unwrap_or_else(|refused| panic!("{refused}\n{suggestion}"));
        let mine = &read(AD)[0];
        let grant = permit.grant();
        assert_eq!((&grant.server, &grant.bases, grant.entries), (&mine.server, &mine.bases, mine.entries));

        // And no other: each part changed alone is refused.
        let returned: BTreeSet<Attribute> = asked.guest.attributes.iter().map(|name| named(name)).collect();
        assert_eq!(grant.attributes, returned);
        let other_scope = random.one_of(&scopes);
        for (other, part) in [
            (asked.clone().with(|guest| guest.server = "other".into()), SearchPart::Server),
            (asked.clone().base("DC=nexus,DC=corp"), SearchPart::Base),
            (asked.clone().attributes(&["pwdLastSet"]), SearchPart::Attribute(named("pwdLastSet"))),
            (asked.clone().filter(vec![equal("sn")]), SearchPart::FilterAttribute(named("sn"))),
            (asked.clone().filter(matching(a, "1.2.4")), SearchPart::Rule("1.2.4".into())),
        ] {
            assert_eq!(refused(&suggestion, &other), Some(part), "{suggestion}");
        }
        let rescoped = refused(&suggestion, &asked.clone().scope(other_scope));
        assert_eq!(rescoped.is_some(), other_scope != asked.guest.scope, "{suggestion}");
        if asked.tool.is_some() {
            let other = refused(&suggestion, &asked.clone().tool(Some("third")));
            assert_eq!(other, Some(SearchPart::Tool));
        }
    }
    assert!(n_suggested > 1_000, "only {n_suggested} searches were refused, so little was shown");
}

#[test]
fn a_directory_s_grant_is_known_by_what_it_allows_and_not_by_its_pace() {
    let grant = AD.replace("scopes = [\"subtree\"]", "scopes = [\"subtree\", \"base\"]");
    let key = |text: &str| read(text)[0].key();
    let first = key(&grant);
    let mut paced = read(&grant.replace("\"subtree\", \"base\"", "\"base\", \"subtree\""));
    paced[0].pace.interval = Some(std::time::Duration::from_secs(1));
    assert_eq!(paced[0].key(), first);
    for (from, to) in [
        ("name = \"ad\"", "name = \"other\""),
        ("dc1.", "dc2."),
        ("bases =", "tls = \"starttls\"\nport = 636\nbases ="),
        ("bases =", "port = 637\nbases ="),
        ("OU=Users", "OU=People"),
        ("\"subtree\", \"base\"", "\"base\""),
        ("attributes = [\"cn\", \"mail\"]", "attributes = [\"cn\"]"),
        ("[\"mail\", \"userAccountControl\"]", "[\"mail\"]"),
        ("rules = [\"1.2.840.113556.1.4.803\"]", "rules = []"),
        ("credential = \"ad\"", "credential = \"other\""),
        ("tools = [\"ad_get_user\"]\n", ""),
        ("entries = 1000", "entries = 1001"),
    ] {
        let other = grant.replacen(from, to, 1);
        assert_ne!(other, grant, "{from}");
        assert_ne!(key(&other), first, "{to}");
    }
}
