use super::*;
use crate::testing::Fake;
use crate::{Utc, rows::Rows};

const BASE: &str = "DC=nexus,DC=corp";

fn search() -> Search {
    Search::new("ad", BASE).subtree().attributes(&["cn", "mail"])
}

fn page(names: &[&str]) -> Result<RawPage, Refusal> {
    let entries = names.iter().map(|name| RawEntry::new(&format!("CN={name},{BASE}")).with("cn", [*name])).collect();
    Ok(RawPage { entries, partial: false })
}

fn withheld(names: &[&str]) -> Result<RawPage, Refusal> {
    page(names).map(|page| RawPage { partial: true, ..page })
}

fn directory(pages: Vec<Result<RawPage, Refusal>>) -> Fake {
    Fake::replies([]).directory(move |_| pages.clone())
}

fn read(pages: Vec<Result<RawPage, Refusal>>, rows: usize, most: usize) -> Result<Found<String>, ToolError> {
    search().read_as(&directory(pages).context(), Bounds { rows, pages: most }, |entry| {
        Ok(entry.text("cn")?.unwrap_or_default().to_owned())
    })
}

#[test]
fn a_filter_is_a_tree_in_one_list_and_its_values_stay_values() {
    let hostile = "*)(objectClass=*";
    let filter = Filter::all([
        Filter::equal("cn", hostile),
        Filter::not(Filter::any([Filter::all_bits("userAccountControl", 2), Filter::present("mail")])),
        Filter::at_least("n", 1.to_string()),
        Filter::at_most("n", vec![0, 255]),
        Filter::in_chain("memberOf", "CN=a,DC=b"),
        Filter::starts_with("sn", "a*"),
        Filter::contains("sn", "b"),
    ]);
    let attribute = |name: &str| name.to_owned();
    let part = |starts_with: Option<&str>, contains: &[&str]| Node::Substrings {
        attribute: attribute("sn"),
        starts_with: starts_with.map(str::to_owned),
        contains: contains.iter().map(|&part| part.to_owned()).collect(),
        ends_with: None,
    };
    let raw = search().filter(filter).build().unwrap();
    assert_eq!(
        raw.filter,
        [
            Node::Equal { attribute: attribute("cn"), value: hostile.into() },
            Node::Matching {
                attribute: attribute("userAccountControl"),
                rule: attribute("1.2.840.113556.1.4.803"),
                value: b"2".to_vec(),
            },
            Node::Present(attribute("mail")),
            Node::Any(vec![1, 2]),
            Node::No(3),
            Node::AtLeast { attribute: attribute("n"), value: b"1".to_vec() },
            Node::AtMost { attribute: attribute("n"), value: vec![0, 255] },
            Node::Matching {
                attribute: attribute("memberOf"),
                rule: attribute("1.2.840.113556.1.4.1941"),
                value: b"CN=a,DC=b".to_vec(),
            },
            part(Some("a*"), &[]),
            part(None, &["b"]),
            Node::All(vec![0, 4, 5, 6, 7, 8, 9]),
        ]
    );
    assert_eq!((raw.server.as_str(), raw.base.as_str(), raw.scope), ("ad", BASE, Scope::Subtree));
    assert_eq!(raw.page_size, 1000);
}

#[test]
fn what_no_directory_has_is_not_looked_for() {
    let empty = Some(String::new());
    for (search, is_the_authors) in [
        (search().filter(Filter::equal("cn", "")), false),
        (search().filter(Filter::not(Filter::at_most("cn", ""))), false),
        (search().filter(Filter::contains("cn", "")), false),
        (search().filter(Filter::substrings("cn", empty.clone(), vec!["a".to_owned()], None)), false),
        (search().filter(Filter::substrings("cn", None, vec!["a".to_owned()], empty)), false),
        (search().filter(Filter::substrings("cn", None, Vec::new(), None)), false),
        (search().filter(Filter::in_chain("memberOf", "")), false),
        (search().filter(Filter::all([])), true),
        (search().filter(Filter::not(Filter::any([]))), true),
        (search().attributes(&[]), true),
        (search().page_size(0), true),
        (search().page_size(1001), true),
    ] {
        let fake = directory(vec![page(&["a"])]);
        let error = search.read(&fake.context(), Bounds { rows: usize::MAX, pages: 9 }).unwrap_err();
        assert_eq!(matches!(error, ToolError::Internal(_)), is_the_authors, "{search:?}");
        assert_eq!(matches!(error, ToolError::InvalidArguments(_)), !is_the_authors, "{search:?}");
        assert!(fake.searched().is_empty());
    }
}

#[test]
fn pages_are_read_to_the_end_or_to_a_bound_that_is_told() {
    let pages = || vec![page(&["a", "b"]), page(&[]), page(&["c"])];
    for (rows, most, end, names, gap) in [
        (3, 4, End::Last, "abc", None),
        (9, 9, End::Last, "abc", None),
        (2, 9, End::Rows, "ab", Some("there are more users: only the first 2 are returned, as limited")),
        (1, 9, End::Rows, "a", Some("there are more users: only the first 1 are returned, as limited")),
        (9, 2, End::Pages, "ab", Some("there may be more users: reading stopped after 2 pages with 2 users")),
    ] {
        let found = read(pages(), rows, most).unwrap();
        assert_eq!((found.end, found.entries.concat().as_str()), (end, names));
        let output = found.into_output("users", |users| users);
        assert_eq!(output.is_complete(), gap.is_none());
        assert_eq!(output.notes().first().map(String::as_str), gap);
    }
    // A page after the bound is never asked for: it would be an error here.
    let found = read(vec![page(&["a", "b"]), Err(Refusal::Timeout)], 1, 9).unwrap();
    assert_eq!(found.end, End::Rows);
    assert_eq!(read(vec![], 5, 9).unwrap().end, End::Last);
    // Of no rows at all it is still known whether there are any.
    let none = read(vec![page(&["a"])], 0, 9).unwrap();
    assert_eq!((none.end, none.entries.len()), (End::Rows, 0));
    assert_eq!(read(vec![page(&[])], 0, 9).unwrap().end, End::Last);
    let whole = search().read(&directory(pages()).context(), Bounds { rows: 9, pages: 9 }).unwrap();
    assert_eq!((whole.entries.len(), whole.pages), (3, 3));
}

#[test]
fn entries_that_the_server_withheld_are_a_gap() {
    let found = read(vec![page(&["a"]), withheld(&["b"])], 9, 9).unwrap();
    assert_eq!((found.end, found.partial), (End::Last, true));
    let output = found.into_output("users", |users| users);
    assert!(!output.is_complete());
    assert_eq!(output.notes(), ["there may be more users: the directory withheld entries (a limit of the server)"]);
    assert_eq!(read(vec![withheld(&["a", "b"])], 1, 9).unwrap().gaps("users").len(), 2);
    // The contract lets a server say so on any page, and a later page that is whole does not take it back.
    for pages in [vec![withheld(&["a"]), page(&["b"])], vec![page(&["a"]), withheld(&[]), page(&["b"]), page(&[])]] {
        let found = read(pages, 9, 9).unwrap();
        assert_eq!((found.end, found.entries.concat().as_str(), found.partial), (End::Last, "ab", true));
        assert!(!found.into_output("users", |users| users).is_complete());
    }
    assert!(!read(vec![page(&["a"]), page(&["b"])], 9, 9).unwrap().partial);
}

#[test]
fn a_page_that_fails_ends_it_all() {
    for (refusal, expected) in [
        (Refusal::Unreachable, "unreachable"),
        (Refusal::NotGranted, "not-granted"),
        (Refusal::OverBudget, "over-budget"),
        (Refusal::BadReply, "bad-reply"),
    ] {
        for pages in [vec![Err(refusal)], vec![page(&["a"]), Err(refusal), page(&["b"])]] {
            let error = read(pages, 9, 9).unwrap_err();
            assert!(error.text().contains(expected), "{error}");
        }
    }
    let bounds = Bounds { rows: 9, pages: 9 };
    let entries = directory(vec![page(&["a"]), Err(Refusal::Timeout)]);
    let unfit = search().read_as(&entries.context(), bounds, |entry| entry.integer("cn")).unwrap_err();
    assert!(unfit.text().contains("whole number"), "{unfit}");
    let error = search().one(&Fake::replies([]).context()).unwrap_err();
    assert!(error.text().contains("unreachable"), "{error}");
}

#[test]
fn one_entry_is_one_and_proven_to_be() {
    let one = |pages| search().one(&directory(pages).context());
    assert_eq!(one(vec![]).unwrap(), Matches::None);
    assert_eq!(one(vec![page(&[]), page(&[])]).unwrap(), Matches::None);
    assert!(
        matches!(one(vec![page(&[]), page(&["a"])]).unwrap(), Matches::One(entry) if entry.dn() == "CN=a,DC=nexus,DC=corp")
    );
    assert_eq!(one(vec![page(&["a", "b"])]).unwrap(), Matches::Several);
    assert_eq!(one(vec![page(&["a"]), page(&["b"]), Err(Refusal::Timeout)]).unwrap(), Matches::Several);
    // So many pages are read of a search for one entry, and the last of them does not tell whether another follows.
    assert_eq!(one(vec![page(&[]); 7]).unwrap(), Matches::None);
    for pages in [
        vec![withheld(&[])],
        vec![withheld(&["a"])],
        vec![withheld(&[]), page(&["a"])],
        vec![page(&[]); 8],
        vec![page(&[]); 9],
        vec![page(&["a"]), Err(Refusal::Timeout)],
    ] {
        assert!(matches!(one(pages).unwrap_err(), ToolError::Upstream(_)));
    }
    let fake = directory(vec![]);
    search().base_only().one(&fake.context()).unwrap();
    assert_eq!((fake.searched()[0].page_size, fake.searched()[0].scope), (2, Scope::Base));
}

#[test]
fn pages_can_be_read_one_by_one() {
    let fake = directory(vec![page(&["a"]), withheld(&[])]);
    let mut pages = search().one_level().open(&fake.context()).unwrap();
    let first = pages.next().unwrap().unwrap();
    assert_eq!((first.entries.len(), first.partial), (1, false));
    assert!(pages.next().unwrap().unwrap().partial);
    assert_eq!(pages.next().unwrap(), None);
    assert_eq!(fake.searched()[0].scope, Scope::OneLevel);
    assert_eq!(fake.searched()[0].filter, [Node::Present("objectClass".to_owned())]);
}

#[test]
fn a_row_reader_and_a_directory_tell_the_same_gaps() {
    let rows = Rows { rows: vec!["a"], count: None, pages: 1, end: End::Rows };
    let found = Found { entries: vec!["a"], pages: 1, end: End::Rows, partial: false };
    assert_eq!(rows.into_output("users", |rows| rows), found.into_output("users", |rows| rows));
}

fn entry(raw: RawEntry, asked: &[&str]) -> Entry {
    Entry::new(raw, asked.iter().map(|&asked| asked.to_owned()).collect())
}

#[test]
fn attributes_are_read_in_any_case_and_only_if_they_were_asked_for() {
    let raw =
        RawEntry::new("CN=a").with("MAIL", ["a@b"]).with("Member", ["x", "y"]).with("empty", [""; 0]).with("n", ["-7"]);
    let entry = entry(raw, &["mail", "member", "EMPTY", "absent", "n"]);
    assert_eq!(entry.text("Mail").unwrap(), Some("a@b"));
    assert_eq!(entry.texts("member").unwrap(), ["x", "y"]);
    assert_eq!(entry.integer("N").unwrap(), Some(-7));
    for absent in ["empty", "absent"] {
        assert_eq!(entry.text(absent).unwrap(), None);
        assert_eq!(entry.texts(absent).unwrap(), [""; 0]);
        assert_eq!(entry.integer(absent).unwrap(), None);
        assert_eq!(entry.bytes(absent).unwrap(), None);
        assert_eq!(entry.sid(absent).unwrap(), None);
        assert_eq!(entry.guid(absent).unwrap(), None);
        assert_eq!(entry.file_time(absent).unwrap(), None);
        assert_eq!(entry.generalized_time(absent).unwrap(), None);
    }
    assert!(
        matches!(entry.text("telephoneNumber"), Err(ToolError::Internal(text)) if text.contains("telephoneNumber"))
    );
}

#[test]
fn a_value_of_another_form_is_an_error_that_names_the_attribute_alone() {
    type Read = fn(&Entry) -> Result<(), ToolError>;
    let reads: [(&str, Read, &[&[u8]]); 7] = [
        ("text", |entry| entry.text("a").map(|_| ()), &[b"SECRET\xff"]),
        ("text", |entry| entry.texts("a").map(|_| ()), &[b"SECRET\xff"]),
        (
            "a whole number",
            |entry| entry.integer("a").map(|_| ()),
            &[b"SECRET", b"", b"+1", b"1.0", b" 1", b"-", b"9223372036854775808"],
        ),
        (
            "a security identifier",
            |entry| entry.sid("a").map(|_| ()),
            &[b"SECRET", b"", b"\x01\x00\x00\x00\x00\x00\x00\x05"],
        ),
        ("a GUID", |entry| entry.guid("a").map(|_| ()), &[b"SECRET", b"", &[0; 17]]),
        (
            "a file time",
            |entry| entry.file_time("a").map(|_| ()),
            &[b"SECRET", b"-1", b"9223372036854775806", b"2024-01-01"],
        ),
        (
            "a time",
            |entry| entry.generalized_time("a").map(|_| ()),
            &[b"SECRET", b"20240131120000", b"20240231120000Z"],
        ),
    ];
    for (expected, read, values) in reads {
        for value in values {
            let error = read(&entry(RawEntry::new("SECRET").with("a", [*value]), &["a"])).unwrap_err();
            let text = format!("the directory sent a a of an unexpected form (expected {expected})");
            assert_eq!(error, ToolError::upstream(text));
        }
    }
    let twice = entry(RawEntry::new("d").with("a", ["1", "2"]), &["a"]);
    assert!(twice.text("a").unwrap_err().text().contains("one value and not several"));
    let spelled_twice = entry(RawEntry::new("d").with("a", ["1"]).with("A", ["2"]), &["a"]);
    assert!(spelled_twice.integer("a").is_err());
}

#[test]
fn a_sid_is_read_written_and_related() {
    for (bytes, text) in [
        (vec![1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], "S-1-1-0"),
        (vec![1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0], "S-1-5-32-544"),
        (vec![1, 1, 1, 0, 0, 0, 0, 0, 255, 255, 255, 255], "S-1-0x010000000000-4294967295"),
    ] {
        let sid = Sid::parse(&bytes).unwrap();
        assert_eq!((sid.to_string().as_str(), sid.to_bytes()), (text, bytes));
        assert_eq!((sid.rid(), sid.sibling(513)), (None, None));
    }
    let mut bytes = vec![1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0];
    for part in [2_904_186_735_u32, 1_387_254_960, 3_411_802_267, 1101] {
        bytes.extend(part.to_le_bytes());
    }
    let sid = Sid::parse(&bytes).unwrap();
    assert_eq!(sid.to_string(), "S-1-5-21-2904186735-1387254960-3411802267-1101");
    assert_eq!(sid.rid(), Some(1101));
    let sibling = sid.sibling(513).unwrap();
    assert_eq!(sibling.to_string(), "S-1-5-21-2904186735-1387254960-3411802267-513");
    assert_eq!(Sid::parse(&sibling.to_bytes()), Some(sibling));

    bytes.push(0);
    assert_eq!(Sid::parse(&bytes), None);
    assert_eq!(Sid::parse(&bytes[..27]), None);
    assert!(Sid::parse(&[&[1, 15, 0, 0, 0, 0, 0, 5][..], &[0; 60]].concat()).is_some());
    assert_eq!(Sid::parse(&[&[1, 16, 0, 0, 0, 0, 0, 5][..], &[0; 64]].concat()), None);
    assert_eq!(Sid::parse(&[1, 0, 0, 0, 0, 0, 0, 5]), None);
    assert_eq!(Sid::parse(&[2, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]), None);
}

#[test]
fn the_first_three_groups_of_a_guid_are_little_endian() {
    let bytes = [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
    let entry = entry(RawEntry::new("d").with("objectGUID", [bytes]), &["objectGUID"]);
    assert_eq!(entry.guid("objectGUID").unwrap().as_deref(), Some("00112233-4455-6677-8899-aabbccddeeff"));
}

#[test]
fn a_file_time_is_a_time_or_never() {
    for (value, shown) in [
        ("0", None),
        ("9223372036854775807", None),
        ("133500000000000000", Some("2024-01-17T21:20:00Z")),
        ("133500000000000001", Some("2024-01-17T21:20:00.0000001Z")),
        ("116444736000000000", Some("1970-01-01T00:00:00Z")),
        ("1", Some("1601-01-01T00:00:00.0000001Z")),
        ("2650467743999999999", Some("9999-12-31T23:59:59.9999999Z")),
    ] {
        let entry = entry(RawEntry::new("d").with("a", [value]), &["a"]);
        let read = entry.file_time("a").unwrap();
        assert_eq!(read.map(|time| time.to_string()).as_deref(), shown, "{value}");
        if let Some(time) = read {
            assert_eq!(file_time(time), value);
        }
    }
}

#[test]
fn a_generalized_time_has_an_offset() {
    for (value, shown) in [
        ("20240131120000.0Z", Some("2024-01-31T12:00:00Z")),
        ("20240131120000Z", Some("2024-01-31T12:00:00Z")),
        ("20240131120000.25Z", Some("2024-01-31T12:00:00.25Z")),
        ("20240131120000,25Z", Some("2024-01-31T12:00:00.25Z")),
        ("20240131013000.0+0200", Some("2024-01-30T23:30:00Z")),
        ("20240131235959-0530", Some("2024-02-01T05:29:59Z")),
        ("16010101000000.0Z", Some("1601-01-01T00:00:00Z")),
        ("20240131120000.0", None),
        ("202401311200Z", None),
        ("2024013112Z", None),
        ("20240132120000Z", None),
        ("20240131120000.Z", None),
        ("20240131120000ZZ", None),
        ("2024013112000éZ", None),
        ("+0240131120000Z", None),
    ] {
        let read = time::read_generalized_time(value.as_bytes());
        assert_eq!(read.map(|time| time.to_string()).as_deref(), shown, "{value}");
    }
    let time = Utc::parse("2026-06-15T09:00:00.75+02:00").unwrap();
    assert_eq!(generalized_time(time), "20260615070000.0Z");
}

#[test]
fn a_distinguished_name_is_one_that_the_host_takes() {
    for (text, is_one) in [
        ("CN=a,DC=b", true),
        (" cn = a , dc = b ", true),
        (r"CN=Doe\, Jane (x) * \5c \\,OU=Größe,DC=b", true),
        (r"CN=a\20,DC=b", true),
        ("CN=a+UID=1,DC=b", true),
        ("CN=a=b,DC=b", true),
        ("", true),
        ("CN", false),
        ("=a", false),
        ("CN=", false),
        ("CN=a,", false),
        (",CN=a", false),
        ("CN=a,,DC=b", false),
        ("CN=a;DC=b", false),
        ("CN=\"a\",DC=b", false),
        ("CN=a<b", false),
        ("CN=#0401", false),
        ("2.5.4.3=a", false),
        ("CN;binary=a", false),
        (r"CN=a\", false),
        (r"CN=a\4", false),
        (r"CN=a\zz", false),
        (r"CN=a\0A", false),
        (r"CN=\ff", false),
        ("CN=a\n", false),
        ("CN=a)(objectClass=*", true),
    ] {
        assert_eq!(Dn::parse(text).is_some(), is_one, "{text}");
    }
    assert!(Dn::parse(&format!("CN={}", "a".repeat(4093))).is_some());
    assert!(Dn::parse(&format!("CN={}", "a".repeat(4094))).is_none());
    assert!(Dn::parse(&format!("{}=a", "n".repeat(64))).is_some());
    assert!(Dn::parse(&format!("{}=a", "n".repeat(65))).is_none());
    assert!(Dn::parse(&vec!["CN=a"; 64].join(",")).is_some());
    assert!(Dn::parse(&vec!["CN=a"; 65].join(",")).is_none());
}

#[test]
fn a_name_is_below_a_base_by_whole_parts() {
    for (name, base, is_below) in [
        ("CN=a,DC=b,DC=c", "DC=b,DC=c", true),
        ("cn=A, dc = B ,DC=C", "dc=b,dc=c", true),
        ("DC=b,DC=c", "DC=b,DC=c", true),
        (r"CN=a,DC=\62,DC=c", "DC=b,DC=c", true),
        ("CN=a,UID=2+OU=1,DC=c", "OU=1+UID=2,DC=c", true),
        ("DC=c", "DC=b,DC=c", false),
        (r"CN=a\,DC=b,DC=c", "DC=b,DC=c", false),
        ("CN=a,DC=bb,DC=c", "DC=b,DC=c", false),
        ("CN=a,DC=b,DC=c,DC=d", "DC=b,DC=c", false),
        ("", "DC=c", false),
    ] {
        let [name, base] = [name, base].map(|text| Dn::parse(text).unwrap());
        assert_eq!(name.is_at_or_below(&base), is_below, "{name} {base}");
    }
    assert_eq!(Dn::parse("cn=a,DC=b"), Dn::parse("CN=A , dc=b"));
    assert_eq!(Dn::parse("CN=a , DC=b").unwrap().as_str(), "CN=a , DC=b");
}
