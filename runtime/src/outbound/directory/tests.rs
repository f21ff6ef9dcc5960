//! What can be asked of a directory, and what only looks as if it could.

use super::*;
use crate::outbound::Malformed;
use crate::outbound::tests::Lcg;

fn dn(text: &str) -> Dn {
    Dn::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn a_name_is_read_in_one_way_and_written_in_one_form() {
    for (text, written) in [
        ("", ""),
        ("  ", ""),
        ("DC=nexus,DC=corp", "DC=nexus,DC=corp"),
        ("cn = Alice Johnson , dc=corp", "cn=Alice Johnson,dc=corp"),
        (r"CN=Johnson\, Alice,DC=corp", r"CN=Johnson\, Alice,DC=corp"),
        (r"CN=Johnson\2c Alice,DC=corp", r"CN=Johnson\, Alice,DC=corp"),
        (r"CN=Johnson\2C Alice,DC=corp", r"CN=Johnson\, Alice,DC=corp"),
        (r"CN=\  a \ ,DC=corp", r"CN=\  a \ ,DC=corp"),
        (r"CN=\20a\20 ,DC=corp", r"CN=\ a\ ,DC=corp"),
        (r"CN=\ ", r"CN=\ "),
        (r"CN=a\=b\+c\;d\<e\>f\\g\22h", r#"CN=a\=b\+c\;d\<e\>f\\g\"h"#),
        (r"CN=a\\,DC=corp", r"CN=a\\,DC=corp"),
        (r"CN=a\,", r"CN=a\,"),
        (r"CN=\#1", r"CN=\#1"),
        (r"CN=\231", r"CN=\#1"),
        ("CN=a#1", "CN=a#1"),
        ("CN=a=b", r"CN=a\=b"),
        ("CN=a*b(c)", "CN=a*b(c)"),
        (r"CN=\61", "CN=a"),
        (r"CN=Z\C3\B6e", "CN=Zöe"),
        ("CN=Zöe,OU=Käse", "CN=Zöe,OU=Käse"),
        ("CN=\u{738b}", "CN=\u{738b}"),
        ("CN=a+UID=b,DC=corp", "CN=a+UID=b,DC=corp"),
        ("CN = a + UID = b , DC = corp", "CN=a+UID=b,DC=corp"),
        (r"CN=a\+UID\=b", r"CN=a\+UID\=b"),
        // Of an entry that lost a conflict between two domain controllers.
        (r"CN=a\0ACNF:1f0b,DC=corp", r"CN=a\0ACNF:1f0b,DC=corp"),
        // What nobody sees, or what turns the text around.
        ("CN=a\u{202e}b", r"CN=a\E2\80\AEb"),
        ("CN=\u{2067}a\u{2069}", r"CN=\E2\81\A7a\E2\81\A9"),
        ("CN=a\u{200b}", r"CN=a\E2\80\8B"),
        ("CN=\u{feff}a", r"CN=\EF\BB\BFa"),
        ("CN=a\u{e0041}", r"CN=a\F3\A0\81\81"),
    ] {
        let read = dn(text);
        assert_eq!(read.to_string(), written, "{text:?}");
        assert_eq!(dn(written), read, "{text:?}");
        assert_eq!(dn(written).to_string(), written, "{text:?}");
        assert_eq!(read.is_root(), written.is_empty(), "{text:?}");
    }
}

#[test]
fn a_name_with_two_readings_is_refused() {
    use BadSearch::*;
    for (text, why) in [
        ("corp", DnPart),
        (",", DnPart),
        ("DC=nexus,", DnPart),
        ("DC=nexus, ", DnPart),
        (",DC=corp", DnPart),
        ("DC=nexus,,DC=corp", DnPart),
        ("CN=a+,DC=corp", DnPart),
        ("+CN=a", DnPart),
        (r"CN\=a", DnAttribute),
        ("=a", DnAttribute),
        ("2.5.4.3=a", DnAttribute),
        ("OID.2.5.4.3=a", DnAttribute),
        ("oid:2.5.4.3=a", DnAttribute),
        ("CN;lang-de=a", DnAttribute),
        ("C N=a", DnAttribute),
        ("CN\t=a", DnAttribute),
        ("\nCN=a", DnAttribute),
        ("\"CN\"=a", DnAttribute),
        ("\u{421}N=a", DnAttribute),
        ("\u{ff23}\u{ff2e}=a", DnAttribute),
        ("ldap://dc1/CN=a", DnAttribute),
        ("CN=a+cn=b", DnTwice),
        ("CN=a+CN=a,DC=corp", DnTwice),
        ("CN=", DnEmptyValue),
        ("CN=,DC=corp", DnEmptyValue),
        ("CN=  ,DC=corp", DnEmptyValue),
        ("CN=#04024869", DnRaw),
        ("CN= #04024869", DnRaw),
        ("CN=#", DnRaw),
        ("CN=\"a, b\",DC=corp", DnRaw),
        ("CN=\"a\"", DnRaw),
        ("CN=a;DC=corp", DnRaw),
        ("CN=a;", DnRaw),
        ("CN=a<b", DnRaw),
        ("CN=a>b", DnRaw),
        ("CN=a\0b", DnRaw),
        ("CN=a\nb", DnRaw),
        ("CN=a\tb", DnRaw),
        ("CN=a\u{85}b", DnRaw),
        (r"CN=a\00b", DnText),
        (r"CN=a\00", DnText),
        (r"CN=a\ff", DnText),
        (r"CN=a\C3", DnText),
        (r"CN=a\C0\AF", DnText),
        (r"CN=a\ED\A0\80", DnText),
        (r"CN=a\", DnEscape),
        (r"CN=a\x", DnEscape),
        (r"CN=a\2", DnEscape),
        (r"CN=a\2,DC=corp", DnEscape),
        (r"CN=a\zz", DnEscape),
        (r"CN=a\ö", DnEscape),
        ("CN=a\\\0", DnEscape),
        ("CN=a\\\u{ff12}0", DnEscape),
    ] {
        assert_eq!(Dn::parse(text).err(), Some(why), "{text:?}");
    }
}

#[test]
fn a_name_has_its_limits_as_it_is_read_and_as_it_is_written() {
    for (text, fits) in [
        (format!("CN={}", "a".repeat(4093)), true),
        (format!("CN={}", "a".repeat(4094)), false),
        (format!("CN={}", "=".repeat(2046)), true),
        (format!("CN={}", "=".repeat(2047)), false),
        (format!("CN={}", "\u{200b}".repeat(1000)), false),
        (["CN=a"; 64].join(","), true),
        (["CN=a"; 65].join(","), false),
        (" ".repeat(4096), true),
        (" ".repeat(4097), false),
    ] {
        let refused = Dn::parse(&text).err();
        assert_eq!(refused, (!fits).then_some(BadSearch::DnTooLong), "{} bytes", text.len());
    }
}

#[test]
fn below_a_name_is_what_has_its_parts_at_its_end() {
    for (name, base, is_below) in [
        ("DC=nexus,DC=corp", "DC=nexus,DC=corp", true),
        ("dc=NEXUS, dc=Corp", "DC=nexus,DC=corp", true),
        (r"DC=\6eexus,DC=c\6Frp", "DC=nexus,DC=corp", true),
        ("CN=a,OU=Users,DC=nexus,DC=corp", "OU=users,DC=nexus,DC=corp", true),
        ("UID=b+CN=a,DC=corp", "cn=A+uid=B,DC=corp", true),
        (r"CN=x\,y,DC=corp", "DC=corp", true),
        ("DC=nexus,DC=corp", "", true),
        ("", "", true),
        ("", "DC=corp", false),
        ("DC=corp", "DC=nexus,DC=corp", false),
        ("DC=corp,DC=nexus", "DC=nexus,DC=corp", false),
        ("DC=nexus,DC=corp,DC=evil", "DC=nexus,DC=corp", false),
        ("OU=Users,DC=nexus,DC=corp", "OU=Groups,DC=nexus,DC=corp", false),
        // A sibling that ends alike.
        ("OU=EvilDC=nexus,DC=corp", "DC=nexus,DC=corp", false),
        ("OU=x,DC=notnexus,DC=corp", "DC=nexus,DC=corp", false),
        ("OU=x,EDC=nexus,DC=corp", "DC=nexus,DC=corp", false),
        // One part whose text spells the base.
        (r"CN=x\,DC=nexus\,DC=corp", "DC=nexus,DC=corp", false),
        (r"CN=x\2CDC\3Dnexus,DC=corp", "DC=nexus,DC=corp", false),
        (r"CN=x\2cDC=nexus\2cDC=corp", "DC=corp", false),
        (r"CN=x\\\,DC=nexus,DC=corp", "DC=nexus,DC=corp", false),
        ("CN=x+DC=nexus,DC=corp", "DC=nexus,DC=corp", false),
        ("DC=nexus,DC=corp", "CN=x+DC=nexus,DC=corp", false),
        ("CN=a+UID=b,DC=corp", "CN=b+UID=a,DC=corp", false),
        // What some servers take for the same, and we do not.
        ("OU=a  b,DC=corp", "OU=a b,DC=corp", false),
        (r"OU=Users\ ,DC=corp", "OU=Users,DC=corp", false),
        ("OU=Us\u{200b}ers,DC=corp", "OU=Users,DC=corp", false),
        ("OU=Us\u{ad}ers,DC=corp", "OU=Users,DC=corp", false),
        (r"OU=Users\0A,DC=corp", "OU=Users,DC=corp", false),
        ("OU=KÄSE,DC=corp", "OU=käse,DC=corp", false),
        ("OU=ka\u{308}se,DC=corp", "OU=k\u{e4}se,DC=corp", false),
        ("DC=ne\u{212a}us,DC=corp", "DC=nekus,DC=corp", false),
        ("OU=\u{420}\u{3bf},DC=corp", "OU=Po,DC=corp", false),
        ("organizationalUnitName=Users,DC=corp", "OU=Users,DC=corp", false),
    ] {
        assert_eq!(dn(name).is_at_or_below(&dn(base)), is_below, "{name:?} below {base:?}");
        let is_equal = is_below && dn(base).is_at_or_below(&dn(name));
        assert_eq!(dn(name) == dn(base), is_equal, "{name:?} is {base:?}");
    }
}

/// However a value looks, it is the value of one part.
#[test]
fn no_value_of_a_name_is_a_part_of_it() {
    let base = dn("OU=Users,DC=nexus,DC=corp");
    let pieces = [
        ",",
        "+",
        "=",
        "\\",
        "\\,",
        "\"",
        ";",
        "<",
        ">",
        "#",
        " ",
        "\n",
        "a",
        "Z",
        "2C",
        "ö",
        "\u{202e}",
        "\u{1f600}",
        "DC=nexus",
        ",OU=Users,DC=nexus,DC=corp",
    ];
    let mut random = Lcg(3);
    for _ in 0..2_000 {
        let value: String = (0..=random.below(6)).map(|_| pieces[random.below(pieces.len())]).collect();
        let hex: String = value.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        let alone = dn(&format!("CN={hex}"));
        let below = dn(&format!("CN={hex},{base}"));
        assert_eq!(below.to_string(), format!("{alone},{base}"), "{value:?}");
        assert_eq!(dn(&below.to_string()), below, "{value:?}");
        assert!(below.is_at_or_below(&base) && !alone.is_at_or_below(&base), "{value:?}");
        let above = dn(&format!("{base},CN={hex}"));
        assert!(!above.is_at_or_below(&base), "{value:?}");
        let joined = dn(&format!("CN={hex}+UID=x,DC=corp"));
        assert_eq!(joined.to_string(), format!("{alone}+UID=x,DC=corp"), "{value:?}");
    }
}

#[test]
fn an_attribute_is_a_name_in_any_case_and_nothing_more() {
    let longest = "a".repeat(64);
    for name in ["cn", "CN", "sAMAccountName", "msDS-LogonTimeSyncInterval", "x121Address", "a", "a-", &longest] {
        assert_eq!(Attribute::parse(name).map(|name| name.to_string()).as_deref(), Ok(name));
    }
    let too_long = "a".repeat(65);
    for name in [
        "",
        " ",
        "*",
        "+",
        "1.1",
        "2.5.4.3",
        "OID.2.5.4.3",
        "oid:2.5.4.3",
        "member;range=0-1499",
        "member;range=1500-*",
        "userCertificate;binary",
        "cn;",
        "cn:caseExactMatch:",
        "cn:dn",
        "cn ",
        " cn",
        "cn\0",
        "cn\n",
        "c n",
        "cn,mail",
        "cn=",
        "cn)(mail",
        "1cn",
        "-cn",
        "c_n",
        "c.n",
        "@person",
        "\u{441}n",
        "c\u{578}",
        "\u{ff43}\u{ff4e}",
        "c\u{200d}n",
        "\u{202e}nc",
        "mai\u{29f}",
        "\u{212a}",
        &too_long,
    ] {
        assert_eq!(Attribute::parse(name), Err(BadSearch::Attribute), "{name:?}");
    }
    let of = |name: &str| Attribute::parse(name).unwrap();
    let set = std::collections::BTreeSet::from([of("sAMAccountName"), of("mail"), of("Mail")]);
    assert_eq!(set.len(), 2);
    for (name, is_in) in
        [("SAMACCOUNTNAME", true), ("samaccountname", true), ("MAIL", true), ("mai", false), ("mailx", false)]
    {
        assert_eq!(set.contains(&of(name)), is_in, "{name}");
        assert_eq!(of("mail") == of(name), name == "MAIL", "{name}");
    }
}

fn equal(attribute: &str, value: &[u8]) -> GuestNode {
    GuestNode::Equal { attribute: attribute.into(), value: value.into() }
}

fn matching(attribute: &str, rule: &str) -> GuestNode {
    GuestNode::Matching { attribute: attribute.into(), rule: rule.into(), value: b"2".into() }
}

fn substrings(starts: Option<&str>, contains: &[&str], ends: Option<&str>) -> GuestNode {
    GuestNode::Substrings {
        attribute: "cn".into(),
        starts_with: starts.map(str::to_owned),
        contains: contains.iter().map(|part| (*part).to_owned()).collect(),
        ends_with: ends.map(str::to_owned),
    }
}

fn present() -> GuestNode {
    GuestNode::Present("mail".into())
}

fn filter(nodes: Vec<GuestNode>) -> Result<String, BadSearch> {
    Filter::parse(nodes).map(|filter| filter.to_rfc4515())
}

#[test]
fn a_tree_becomes_the_filter_it_says() {
    use GuestNode::*;
    for (nodes, text) in [
        (vec![present()], "(mail=*)"),
        (vec![present(), No(0)], "(!(mail=*))"),
        (vec![equal("cn", b"a"), present(), All(vec![0, 1])], "(&(cn=a)(mail=*))"),
        (vec![equal("cn", b"a"), present(), Any(vec![1, 0])], "(|(mail=*)(cn=a))"),
        (vec![present(), All(vec![0])], "(&(mail=*))"),
        (vec![equal("cn", b"a"), No(0), present(), All(vec![2, 1])], "(&(mail=*)(!(cn=a)))"),
        (
            vec![equal("a", b"1"), equal("b", b"2"), Any(vec![0, 1]), equal("c", b"3"), No(3), All(vec![2, 4])],
            "(&(|(a=1)(b=2))(!(c=3)))",
        ),
        (vec![AtLeast { attribute: "x".into(), value: b"1".into() }], "(x>=1)"),
        (vec![AtMost { attribute: "x".into(), value: b"1".into() }], "(x<=1)"),
        (vec![substrings(Some("a"), &["b", "c"], Some("d"))], "(cn=a*b*c*d)"),
        (vec![substrings(None, &["b"], None)], "(cn=*b*)"),
        (vec![substrings(Some("a"), &[], None)], "(cn=a*)"),
        (vec![substrings(None, &[], Some("d"))], "(cn=*d)"),
        (vec![substrings(Some("*"), &[")("], Some("\\"))], r"(cn=\2a*\29\28*\5c)"),
        (
            vec![matching("userAccountControl", "1.2.840.113556.1.4.803")],
            "(userAccountControl:1.2.840.113556.1.4.803:=2)",
        ),
        (vec![equal("cn", b"*")], r"(cn=\2a)"),
        (vec![equal("cn", b"()")], r"(cn=\28\29)"),
        (vec![equal("cn", br"\2a")], r"(cn=\5c2a)"),
        (vec![equal("cn", b"a\0b")], r"(cn=a\00b)"),
        (vec![equal("cn", "Zoë".as_bytes())], r"(cn=Zo\c3\ab)"),
        (vec![equal("cn", b"\xff\xfe\n")], r"(cn=\ff\fe\0a)"),
        (
            vec![equal("manager", br"CN=Johnson\, Alice,DC=nexus,DC=corp")],
            r"(manager=CN=Johnson\5c, Alice,DC=nexus,DC=corp)",
        ),
    ] {
        assert_eq!(filter(nodes), Ok(text.to_owned()));
    }
}

#[test]
fn what_is_no_tree_is_refused() {
    use BadSearch::*;
    use GuestNode::*;
    let chain = |n_above: u32| [present()].into_iter().chain((0..n_above).map(No)).collect::<Vec<_>>();
    let ladder = |n_above: u32| [present()].into_iter().chain((0..n_above).map(|n| Any(vec![n]))).collect::<Vec<_>>();
    let flat = |n: u32| (0..n).map(|_| present()).chain([All((0..n).collect())]).collect::<Vec<_>>();
    let shared_below = vec![present(), No(0), No(0), All(vec![1, 2])];
    for (what, nodes, refused) in [
        ("nothing", vec![], Some(FilterSize)),
        ("64 nodes", flat(63), None),
        ("65 nodes", flat(64), Some(FilterSize)),
        ("65 loose nodes", vec![present(); 65], Some(FilterSize)),
        ("depth 16", chain(15), None),
        ("depth 17", chain(16), Some(FilterDepth)),
        ("depth 16 of any", ladder(15), None),
        ("depth 17 of any", ladder(16), Some(FilterDepth)),
        ("itself", vec![No(0)], Some(FilterOrder)),
        ("itself, in a list", vec![present(), All(vec![0, 1])], Some(FilterOrder)),
        ("a loop of two", vec![No(1), No(0)], Some(FilterOrder)),
        ("a later node", vec![No(1), present()], Some(FilterOrder)),
        ("no such node", vec![present(), All(vec![0, 7])], Some(FilterOrder)),
        ("the farthest place", vec![present(), All(vec![u32::MAX])], Some(FilterOrder)),
        ("one node twice in a list", vec![present(), All(vec![0, 0])], Some(FilterTree)),
        ("one node for two", vec![present(), No(0), Any(vec![0, 1])], Some(FilterTree)),
        ("one node below two", shared_below, Some(FilterTree)),
        ("two filters", vec![present(), present()], Some(FilterTree)),
        ("a node that nobody uses", vec![present(), present(), No(1)], Some(FilterTree)),
        ("all of nothing", vec![All(vec![])], Some(FilterEmpty)),
        ("any of nothing", vec![present(), Any(vec![])], Some(FilterEmpty)),
        ("nothing within", vec![All(vec![]), No(0)], Some(FilterEmpty)),
        ("an empty value", vec![equal("cn", b"")], Some(FilterValue)),
        ("a long value", vec![equal("cn", &[b'a'; 4096])], None),
        ("a value too long", vec![equal("cn", &[b'a'; 4097])], Some(FilterValue)),
        ("5 KiB", vec![AtLeast { attribute: "x".into(), value: vec![0; 5120] }], Some(FilterValue)),
        ("5 KiB, negated", vec![AtMost { attribute: "x".into(), value: vec![0; 5120] }, No(0)], Some(FilterValue)),
        ("no parts", vec![substrings(None, &[], None)], Some(FilterValue)),
        ("an empty part", vec![substrings(None, &["a", ""], None)], Some(FilterValue)),
        ("an empty start", vec![substrings(Some(""), &["a"], None)], Some(FilterValue)),
        ("an empty end", vec![substrings(Some("a"), &[], Some(""))], Some(FilterValue)),
        ("parts of 4 KiB", vec![substrings(Some(&"a".repeat(4000)), &[&"b".repeat(96)], None)], None),
        ("parts too long", vec![substrings(Some(&"a".repeat(4000)), &[&"b".repeat(97)], None)], Some(FilterValue)),
        ("a rule of one number", vec![matching("x", "803")], Some(FilterRule)),
        ("a rule that ends in a dot", vec![matching("x", "1.2.")], Some(FilterRule)),
        ("a rule with an empty number", vec![matching("x", "1..2")], Some(FilterRule)),
        ("another spelling of a rule", vec![matching("x", "1.02.3")], Some(FilterRule)),
        ("a rule with zeros", vec![matching("x", "1.0.10")], None),
        ("a rule that closes the filter", vec![matching("x", "1.2:=x)(cn")], Some(FilterRule)),
        ("a rule by name", vec![matching("x", "caseExactMatch")], Some(FilterRule)),
        ("no rule", vec![matching("x", "")], Some(FilterRule)),
        ("digits that only look so", vec![matching("x", "\u{661}.2")], Some(FilterRule)),
        ("a long rule", vec![matching("x", &format!("1.{}", "2".repeat(62)))], None),
        ("a rule too long", vec![matching("x", &format!("1.{}", "2".repeat(63)))], Some(FilterRule)),
        ("a rule for every attribute", vec![matching("", "1.2.3")], Some(Attribute)),
        ("the rule's names of parts", vec![matching("x:dn", "1.2.3")], Some(Attribute)),
        ("an option", vec![equal("cn;lang-de", b"a")], Some(Attribute)),
        ("an OID", vec![equal("2.5.4.3", b"a")], Some(Attribute)),
        ("an attribute that closes the filter", vec![equal("cn=*)(x", b"a")], Some(Attribute)),
        ("no attribute", vec![equal("", b"a")], Some(Attribute)),
        ("presence of an option", vec![Present("cn;binary".into())], Some(Attribute)),
        ("presence of everything", vec![Present("*".into())], Some(Attribute)),
    ] {
        assert_eq!(filter(nodes).err(), refused, "{what}");
    }
}

#[test]
fn a_filter_tells_all_that_it_looks_at() {
    let nodes = vec![
        equal("a", b"1"),
        GuestNode::AtLeast { attribute: "b".into(), value: b"2".into() },
        GuestNode::AtMost { attribute: "c".into(), value: b"3".into() },
        substrings(Some("4"), &["5", "6"], Some("7")),
        matching("d", "1.2.3"),
        GuestNode::Present("e".into()),
        GuestNode::No(5),
        GuestNode::Any(vec![3, 4]),
        GuestNode::All(vec![0, 1, 2, 7, 6]),
    ];
    let read = Filter::parse(nodes).unwrap();
    let attributes: Vec<&str> = read.attributes().into_iter().map(Attribute::as_str).collect();
    assert_eq!(attributes, ["a", "b", "c", "cn", "d", "e"]);
    assert_eq!(read.rules(), ["1.2.3"]);
    assert_eq!(read.values(), [b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"2"]);
}

/// A filter's text by the grammar of RFC 4515, 3, and nothing more.
#[derive(Debug, PartialEq)]
enum Text {
    All(Vec<Text>),
    Any(Vec<Text>),
    No(Box<Text>),
    /// What stands up to and with the equals sign, and the values between asterisks.
    Item(String, Vec<Vec<u8>>),
}

impl Text {
    fn read(text: &str) -> Self {
        let (read, rest) = Self::one(text.as_bytes());
        assert!(rest.is_empty(), "more behind the filter: {text}");
        read
    }

    fn one(text: &[u8]) -> (Self, &[u8]) {
        let [b'(', inner @ ..] = text else { panic!("no filter here: {}", text.escape_ascii()) };
        let (read, rest) = match inner {
            [b'&', list @ ..] => {
                let (members, rest) = Self::list(list);
                (Self::All(members), rest)
            }
            [b'|', list @ ..] => {
                let (members, rest) = Self::list(list);
                (Self::Any(members), rest)
            }
            [b'!', one @ ..] => {
                let (member, rest) = Self::one(one);
                (Self::No(Box::new(member)), rest)
            }
            item => Self::item(item),
        };
        let [b')', rest @ ..] = rest else { panic!("not closed: {}", rest.escape_ascii()) };
        (read, rest)
    }

    fn list(mut text: &[u8]) -> (Vec<Self>, &[u8]) {
        let mut members = Vec::new();
        while text.first() == Some(&b'(') {
            let (member, rest) = Self::one(text);
            members.push(member);
            text = rest;
        }
        (members, text)
    }

    fn item(text: &[u8]) -> (Self, &[u8]) {
        let at = text.iter().position(|byte| *byte == b'=').unwrap() + 1;
        let sign = String::from_utf8(text[..at].to_vec()).unwrap();
        let (mut values, mut rest) = (vec![Vec::new()], &text[at..]);
        loop {
            match rest {
                [b')', ..] => return (Self::Item(sign, values), rest),
                [b'*', ..] => {
                    values.push(Vec::new());
                    rest = &rest[1..];
                }
                [b'\\', a, b, ..] => {
                    let byte = u8::from_str_radix(std::str::from_utf8(&[*a, *b]).unwrap(), 16).unwrap();
                    values.last_mut().unwrap().push(byte);
                    rest = &rest[3..];
                }
                [byte @ b' '..=b'~', ..] if !b"(\\".contains(byte) => {
                    values.last_mut().unwrap().push(*byte);
                    rest = &rest[1..];
                }
                _ => panic!("a byte that must be an escape: {}", rest.escape_ascii()),
            }
        }
    }

    /// What the tree says, without writing it.
    fn meant(filter: &Filter) -> Self {
        let all = |members: &[Filter]| members.iter().map(Self::meant).collect();
        match filter {
            Filter::All(members) => Self::All(all(members)),
            Filter::Any(members) => Self::Any(all(members)),
            Filter::No(member) => Self::No(Box::new(Self::meant(member))),
            Filter::Equal { attribute, value } => Self::Item(format!("{attribute}="), vec![value.clone()]),
            Filter::AtLeast { attribute, value } => Self::Item(format!("{attribute}>="), vec![value.clone()]),
            Filter::AtMost { attribute, value } => Self::Item(format!("{attribute}<="), vec![value.clone()]),
            Filter::Present(attribute) => Self::Item(format!("{attribute}="), vec![vec![], vec![]]),
            Filter::Matching { attribute, rule, value } => {
                Self::Item(format!("{attribute}:{rule}:="), vec![value.clone()])
            }
            Filter::Substrings { attribute, starts_with, contains, ends_with } => {
                let parts = [starts_with.clone().unwrap_or_default()]
                    .into_iter()
                    .chain(contains.clone())
                    .chain([ends_with.clone().unwrap_or_default()]);
                Self::Item(format!("{attribute}="), parts.map(String::into_bytes).collect())
            }
        }
    }
}

/// However a value looks, the text reads back as the tree that was asked for: no value opens, closes or negates anything.
#[test]
fn no_value_is_anything_but_a_value() {
    let every_byte: Vec<u8> = (0..=255).collect();
    for value in [
        b"*".as_slice(),
        b"a)(objectClass=*",
        b"a)(|(cn=*",
        b"*)(!(&(cn=",
        br"a\29\28",
        br"\2a",
        br"\",
        b"a\0b",
        "Zoë".as_bytes(),
        "\u{202e}\u{ff08}\u{ff0a}".as_bytes(),
        b"\xff\xfe",
        b"\xc0\xa8",
        b"&|!=<>~:",
        b" a ",
        &every_byte,
    ] {
        let text = filter(vec![equal("cn", value)]).unwrap();
        assert_eq!(Text::read(&text), Text::Item("cn=".into(), vec![value.to_vec()]), "{text}");
    }

    let mut random = Lcg(5);
    for _ in 0..3_000 {
        let mut nodes = Vec::new();
        grow(&mut random, 3, &mut nodes);
        let read = Filter::parse(nodes).unwrap();
        let text = read.to_rfc4515();
        assert_eq!(Text::read(&text), Text::meant(&read), "{text}");
    }
}

/// Adds a tree to the nodes and says where its top is.
fn grow(random: &mut Lcg, depth: usize, nodes: &mut Vec<GuestNode>) -> u32 {
    let kind = random.below(if depth == 0 { 6 } else { 9 });
    let members = |random: &mut Lcg, nodes: &mut Vec<GuestNode>| {
        (0..=random.below(3)).map(|_| grow(random, depth - 1, nodes)).collect::<Vec<u32>>()
    };
    let attribute = ["cn", "mail", "memberOf", "x-y"][random.below(4)].to_owned();
    let node = match kind {
        0 => GuestNode::Equal { attribute, value: bytes(random) },
        1 => GuestNode::AtLeast { attribute, value: bytes(random) },
        2 => GuestNode::AtMost { attribute, value: bytes(random) },
        3 => GuestNode::Matching { attribute, rule: "1.2.840.113556.1.4.803".to_owned(), value: bytes(random) },
        4 => GuestNode::Present(attribute),
        5 => GuestNode::Substrings {
            attribute,
            starts_with: (random.below(2) == 0).then(|| text(random)),
            contains: (0..=random.below(2)).map(|_| text(random)).collect(),
            ends_with: (random.below(2) == 0).then(|| text(random)),
        },
        6 => GuestNode::All(members(random, nodes)),
        7 => GuestNode::Any(members(random, nodes)),
        _ => GuestNode::No(grow(random, depth - 1, nodes)),
    };
    nodes.push(node);
    u32::try_from(nodes.len() - 1).unwrap()
}

fn bytes(random: &mut Lcg) -> Vec<u8> {
    let mut bytes = text(random).into_bytes();
    bytes.extend((0..random.below(4)).map(|_| u8::try_from(random.below(256)).unwrap()));
    bytes
}

fn text(random: &mut Lcg) -> String {
    let pieces =
        ["*", "(", ")", "\\", "\0", "=", "&", "|", "!", "\\2a", ")(cn=*", "a", "Z", " ", "ö", "\u{202e}", ":="];
    (0..=random.below(5)).map(|_| pieces[random.below(pieces.len())]).collect()
}

fn search() -> GuestSearch {
    GuestSearch {
        server: "ad".into(),
        base: "DC=nexus,DC=corp".into(),
        scope: Scope::Subtree,
        filter: vec![equal("cn", b"s3cret")],
        attributes: vec!["cn".into(), "sAMAccountName".into()],
        page_size: 1000,
    }
}

#[test]
fn a_search_is_read_whole_or_refused() {
    let read = DirectorySearch::parse(search()).unwrap();
    assert_eq!((read.server().as_str(), read.page_size(), read.scope()), ("ad", 1000, Scope::Subtree));
    assert_eq!(read.base().to_string(), "DC=nexus,DC=corp");
    assert_eq!(read.attributes().iter().map(Attribute::as_str).collect::<Vec<_>>(), ["cn", "sAMAccountName"]);
    assert_eq!(read.filter().to_rfc4515(), "(cn=s3cret)");

    let names = |n: usize| (0..n).map(|n| format!("a{n}")).collect::<Vec<_>>();
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (asked, refused) in [
        (GuestSearch { base: String::new(), scope: Scope::Base, ..search() }, None),
        (GuestSearch { attributes: names(64), page_size: 1, ..search() }, None),
        (GuestSearch { server: "AD".into(), ..search() }, Some(BadSearch::Server)),
        (GuestSearch { server: String::new(), ..search() }, Some(BadSearch::Server)),
        (GuestSearch { server: "dc1.nexus.corp:636".into(), ..search() }, Some(BadSearch::Server)),
        (GuestSearch { server: "ldaps://dc1".into(), ..search() }, Some(BadSearch::Server)),
        (GuestSearch { base: "nexus.corp".into(), ..search() }, Some(BadSearch::DnPart)),
        (GuestSearch { attributes: vec![], ..search() }, Some(BadSearch::Attributes)),
        (GuestSearch { attributes: names(65), ..search() }, Some(BadSearch::Attributes)),
        (GuestSearch { attributes: of(&["cn", "mail", "CN"]), ..search() }, Some(BadSearch::AttributeTwice)),
        (GuestSearch { attributes: of(&["cn", "*"]), ..search() }, Some(BadSearch::Attribute)),
        (GuestSearch { attributes: of(&["+"]), ..search() }, Some(BadSearch::Attribute)),
        (GuestSearch { attributes: of(&["1.1"]), ..search() }, Some(BadSearch::Attribute)),
        (GuestSearch { attributes: of(&["member;range=0-9"]), ..search() }, Some(BadSearch::Attribute)),
        (GuestSearch { filter: vec![], ..search() }, Some(BadSearch::FilterSize)),
        (GuestSearch { page_size: 0, ..search() }, Some(BadSearch::PageSize)),
        (GuestSearch { page_size: 1001, ..search() }, Some(BadSearch::PageSize)),
        (GuestSearch { page_size: u32::MAX, ..search() }, Some(BadSearch::PageSize)),
    ] {
        assert_eq!(DirectorySearch::parse(asked).err(), refused);
    }
}

#[test]
fn a_search_is_shown_without_what_is_searched_for() {
    let asked = GuestSearch { base: "CN=s3cret,DC=corp".into(), ..search() };
    let shown = format!("{asked:?} {:?}", asked.filter);
    let read = DirectorySearch::parse(asked).unwrap();
    let shown = format!("{shown} {read:?} {:?}", read.filter());
    assert!(shown.contains("Subtree") && shown.contains("cn") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn a_refused_search_is_a_request_that_cannot_be_read() {
    let refused = Malformed::from(BadSearch::PageSize);
    assert_eq!(refused.to_string(), "search cannot be read: page size is not a number from 1 to 1000");
}

#[test]
fn a_scope_has_one_spelling() {
    for scope in [Scope::Base, Scope::OneLevel, Scope::Subtree] {
        assert_eq!(Scope::parse(scope.as_str()), Some(scope));
    }
    for text in ["", "Base", "one", "onelevel", "one_level", "sub", "children", "subtree "] {
        assert_eq!(Scope::parse(text), None, "{text:?}");
    }
}
