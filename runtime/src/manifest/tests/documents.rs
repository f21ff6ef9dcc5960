//! The documents of a grant, read from the manifest's folder.

#![expect(clippy::disallowed_methods, reason = "a test makes the files that it reads")]

use std::fs;

use super::{Manifest, ManifestError, Tenant};
use crate::policy::Document;

const MANIFEST: &str = r#"[shard]
name = "x"
version = "0.1.0"
component = "x.wasm"
tools-prefix = ["x_"]

[[egress]]
host = "api.example.com"
methods = ["POST"]
paths = ["/graphql"]
documents = ["queries/assets.graphql", "sites.graphql"]
"#;

const ASSETS: &str =
    "# All.\nquery Assets($n: Int) {\n  assets(n: $n) { ...Name }\n}\n\nfragment Name on Asset { name }\n";
const SITES: &str = "{ sites }\r\n";

/// A manifest in a folder with the two documents that it lists, both edited.
fn check(edit: impl FnOnce(String) -> String, assets: &[u8]) -> Result<Manifest, ManifestError> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("queries")).unwrap();
    fs::create_dir(folder.path().join("folder.graphql")).unwrap();
    write("queries/assets.graphql", assets);
    write("sites.graphql", SITES.as_bytes());
    write("query.txt", SITES.as_bytes());
    write("large.graphql", &[b' '; (64 << 10) + 1]);
    write("latin.graphql", b"{ sites } # \xfc");
    Manifest::parse(&edit(MANIFEST.to_owned()), &folder.path().join("shard.toml"), &Tenant)
}

fn same(manifest: String) -> String {
    manifest
}

#[test]
fn a_grant_holds_its_documents_by_name_and_digest_of_their_bytes() {
    let manifest = check(same, ASSETS.as_bytes()).unwrap();
    let expected = vec![Document::new("queries/assets.graphql", ASSETS), Document::new("sites.graphql", SITES)];
    assert_eq!(manifest.egress[0].documents, Some(expected));
    let without = check(|text| text.replace("documents", "# documents"), b"").unwrap();
    assert_eq!(without.egress[0].documents, None, "and no file was read");
}

#[test]
fn a_document_of_the_largest_size_and_the_longest_list_are_read() {
    let mut full = ASSETS.to_owned();
    full += &format!("#{}", " ".repeat((64 << 10) - full.len() - 1));
    assert!(check(same, full.as_bytes()).is_ok());

    let folder = tempfile::tempdir().unwrap();
    let read = |n: usize| {
        let names: Vec<_> = (0..n).map(|n| format!("{n}.graphql")).collect();
        names.iter().for_each(|name| fs::write(folder.path().join(name), SITES).unwrap());
        let text = MANIFEST.replace("[\"queries/assets.graphql\", \"sites.graphql\"]", &format!("{names:?}"));
        Manifest::parse(&text, &folder.path().join("shard.toml"), &Tenant)
    };
    assert_eq!(read(32).unwrap().egress[0].documents.as_ref().unwrap().len(), 32);
    let error = read(33).unwrap_err().to_string();
    assert!(error.ends_with("shard.toml:11: documents: expected at most 32"), "{error}");
}

#[test]
fn a_bad_list_is_told_at_its_line() {
    let sites = "\"sites.graphql\"";
    for (from, to, line, says) in [
        (sites, "\"../sites.graphql\"", 11, "below the manifest's folder"),
        (sites, "\"queries/../sites.graphql\"", 11, "below the manifest's folder"),
        (sites, "\"./sites.graphql\"", 11, "below the manifest's folder"),
        (sites, "\"queries//assets.graphql\"", 11, "below the manifest's folder"),
        (sites, "\"/etc/sites.graphql\"", 11, "below the manifest's folder"),
        (sites, "'queries\\assets.graphql'", 11, "below the manifest's folder"),
        (sites, "\"C:sites.graphql\"", 11, "below the manifest's folder"),
        (sites, "\".graphql\"", 11, "below the manifest's folder"),
        (sites, "\"\"", 11, "below the manifest's folder"),
        (sites, "\"sites.graphql\\u0000\"", 11, "below the manifest's folder"),
        (sites, "\"{setting:TENANT}.graphql\"", 11, "below the manifest's folder"),
        (sites, "\"query.txt\"", 11, "below the manifest's folder"),
        (sites, "\"sites.GRAPHQL\"", 11, "below the manifest's folder"),
        (sites, "\"missing.graphql\"", 11, "document \"missing.graphql\": No such file"),
        (sites, "\n\"missing.graphql\"", 12, "document \"missing.graphql\": No such file"),
        (sites, "\"folder.graphql\"", 11, "expected a file of at most 64 KiB"),
        (sites, "\"large.graphql\"", 11, "expected a file of at most 64 KiB"),
        (sites, "\"latin.graphql\"", 11, "expected UTF-8"),
        (sites, "\"queries/assets.graphql\"", 11, "listed twice"),
        ("[\"queries/assets.graphql\", \"sites.graphql\"]", "[]", 11, "grants nothing"),
        ("[\"queries/assets.graphql\", \"sites.graphql\"]", "\"sites.graphql\"", 11, "expected a sequence"),
        ("[\"POST\"]", "[\"GET\"]", 9, "method \"GET\": a grant with documents is for \"POST\" alone"),
        ("[\"POST\"]", "[\"POST\", \"PUT\"]", 9, "method \"PUT\": a grant with documents is for \"POST\" alone"),
        ("[\"POST\"]", "[]", 9, "grants nothing"),
        ("documents =", "query = [\"query\"]\ndocuments =", 12, "a grant with documents has no query"),
    ] {
        assert!(MANIFEST.contains(from), "{from}");
        let error = check(|text| text.replacen(from, to, 1), ASSETS.as_bytes()).expect_err(to).to_string();
        assert!(error.contains(&format!("/shard.toml:{line}: ")) && error.contains(says), "{to}: {error}");
    }
}

#[test]
fn a_document_is_one_query_and_anything_else_is_told_at_its_own_line() {
    let after = |text: &str| format!("{ASSETS}{text}\n");
    for (document, line, says) in [
        ("mutation { deleteAssets }".into(), 1, "found a mutation: expected one query"),
        (after("mutation { deleteAssets }"), 7, "found a mutation: expected one query"),
        (after("\nmutation Delete($k: ID!) { deleteAssets(key: $k) }"), 8, "found a mutation: expected one query"),
        (after("subscription { assets }"), 7, "found a subscription: expected one query"),
        (after("query Second { assets }"), 7, "found a second query: expected one query"),
        (after("{ assets }"), 7, "found a second query: expected one query"),
        (after("type Asset { id: ID }"), 7, "found a definition of types: expected one query"),
        (after("extend type Asset { id: ID }"), 7, "found a definition of types: expected one query"),
        (after("schema { query: Q }"), 7, "found a definition of types: expected one query"),
        (after("directive @a on FIELD"), 7, "found a definition of types: expected one query"),
        ("# Nothing.\nfragment Name on Asset { name }".into(), 1, "found no query: expected one query"),
        (String::new(), 1, "not GraphQL: "),
        ("# Nothing.\n".into(), 2, "not GraphQL: "),
        ("query Assets {\n  assets {\n    name\n}\n".into(), 5, "not GraphQL: "),
        ("query Assets {\n  assets\n}}\n".into(), 3, "not GraphQL: "),
        ("query Assets {\n  assets(n: ) { name }\n}\n".into(), 2, "not GraphQL: "),
        ("query {\n a }\nMutation { b }".into(), 3, "not GraphQL: "),
        ("query {\n a(x: \"b) }".into(), 2, "not GraphQL: "),
        (format!("query {{\n {}a{} }}", "a {".repeat(200), "}".repeat(200)), 2, "not GraphQL: "),
        // A comment to one reader and a mutation to another.
        ("{ a }\n# x\rmutation { b }".into(), 2, "found \\u{d}, which not everybody reads alike"),
        ("{ a }\n# x\u{2028}mutation { b }".into(), 2, "found \\u{2028}, which"),
        ("{ a }\n# x\u{85}mutation { b }".into(), 2, "found \\u{85}, which"),
        ("{ a }\n# \u{202e}x".into(), 2, "found \\u{202e}, which"),
        ("{ a }\n# \0".into(), 2, "found \\u{0}, which"),
        ("\u{feff}{ a }".into(), 1, "found \\u{feff}, which"),
    ] {
        let document: String = document;
        let error = check(same, document.as_bytes()).expect_err(&document).to_string();
        let place = format!("/queries/assets.graphql:{line}: ");
        assert!(error.contains(&place) && error.contains(says), "{document:.200}: {error}");
    }
}

#[test]
fn a_query_may_be_written_in_each_way_there_is() {
    for document in [
        "{ a }",
        "query { a }",
        "query Assets { a }",
        "# mutation { b }\nquery { mutation }",
        "query mutation { a(note: \"mutation { b }\", block: \"\"\"\nmutation { b }\n\"\"\") }",
        "query ($n: [Int!]! = [1] @d) @live { a(n: $n) { ... on B @include(if: true) { c: d } ...E } }\nfragment E on F { g }",
        "fragment E on F { g }\r\nquery {\r\n\t...E\r\n}\r\n",
        "{ a(x: \"\u{fc}\", y: {z: [1.5e3, ENUM, null, true]}) } # \u{fc}",
    ] {
        check(same, document.as_bytes()).unwrap_or_else(|error| panic!("{document}: {error}"));
    }
}
