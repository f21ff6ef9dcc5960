//! `docs/settings.md` and `docs/manifest.md` have a row for every setting, every key of a manifest, every command and every flag,
//! and no row for what there is not.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::{Nexus, repo};

fn document(name: &str) -> String {
    fs::read_to_string(repo().join("docs").join(name)).unwrap()
}

fn schema(of: &str) -> Value {
    serde_json::from_str(&Nexus::new().run(&["schema", of]).stdout).unwrap()
}

/// The section under a heading, up to the next heading of its kind or above.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let at = text.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let rest = &text[at + heading.len() + 2..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

/// The cells of each row, without heads.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// What stands between backticks in a cell.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The keys that a table's rows tell of.
fn keys(text: &str) -> BTreeSet<String> {
    rows(text).into_iter().flat_map(|row| names(row[0])).collect()
}

fn properties(told: &Value) -> BTreeSet<String> {
    told["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

#[test]
fn every_setting_has_its_row_and_the_default_that_the_program_has() {
    let schema = schema("nexus");
    let text = document("settings.md");
    let text = section(&text, "## nexus.toml");
    let mut expected = BTreeSet::new();
    for (name, told) in schema["properties"].as_object().unwrap() {
        let Some(table) = told["$ref"].as_str().and_then(|to| to.strip_prefix("#/$defs/")) else {
            expected.insert(name.clone());
            continue;
        };
        for (key, told) in schema["$defs"][table]["properties"].as_object().unwrap() {
            let key = if key == "tools" { "tools.TOOL" } else { key };
            let key = format!("{name}.{key}");
            let row = rows(text).into_iter().find(|row| names(row[0]).contains(&key));
            let row = row.unwrap_or_else(|| panic!("docs/settings.md has no row for {key}"));
            if let Some(default) = told["default"].as_u64() {
                assert_eq!(row[2], format!("`{default}`"), "{key}");
            }
            expected.insert(key);
        }
    }
    assert_eq!(keys(text), expected);
}

#[test]
fn every_key_of_a_manifest_has_its_row() {
    let schema = schema("shard");
    let text = document("manifest.md");
    let defs = &schema["$defs"];
    for (heading, table) in [
        ("## [shard]", "ShardTable"),
        ("## [[egress]]", "EgressTable"),
        ("## [[directory]]", "DirectoryTable"),
        ("## [peers]", "PeersTable"),
        ("## [artifacts]", "ArtifactsTable"),
        ("## [[health]]", "HealthTable"),
        ("## [setting.NAME]", "SettingTable"),
        ("## [limits]", "LimitsTable"),
    ] {
        assert_eq!(keys(section(&text, heading)), properties(&defs[table]), "{heading}");
    }
    // A row for each kind, with its own keys; those of all kinds have rows of their own.
    let credentials = section(&text, "## [credential.NAME]");
    let paces: BTreeSet<_> = ["concurrency", "rate"].map(str::to_owned).into();
    let mut expected = paces.clone();
    for kind in defs["CredentialTable"]["oneOf"].as_array().unwrap() {
        let name = kind["properties"]["kind"]["const"].as_str().unwrap();
        expected.insert(name.to_owned());
        let row = rows(credentials).into_iter().find(|row| names(row[0]) == [name]).unwrap();
        for key in properties(kind).difference(&paces).filter(|key| *key != "kind") {
            assert!(names(row[1]).contains(key), "{name}: {key} is not in {row:?}");
        }
    }
    assert_eq!(keys(credentials), expected);
    // Every table has its section.
    for table in properties(&schema) {
        let is_told = |line: &str| line.starts_with("## ") && line.contains(&format!("[{table}"));
        assert!(text.lines().any(is_told), "{table} has no section");
    }
    // A default that the host has is the one that the row tells.
    let limits: Vec<_> = rows(section(&text, "## [limits]")).into_iter().map(|row| (row[0], row[2])).collect();
    for (key, default) in limits {
        let told = defs["LimitsTable"]["properties"][key.trim_matches('`')]["description"].as_str().unwrap();
        let default = default.trim_matches(['`', '"']);
        assert!(told.contains(&format!("{default} unless said")), "{key}: {default} is not in {told:?}");
    }
}

/// What clap prints of the commands below `args`.
fn commands(nexus: &Nexus, args: &[&str]) -> Vec<String> {
    let help = nexus.run(&[args, &["--help"]].concat()).stdout;
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default().lines().take_while(|line| line.starts_with("  "));
    let first = |line: &str| line.strip_prefix("  ")?.split_whitespace().next().map(str::to_owned);
    listed.filter(|line| !line.starts_with("   ")).filter_map(first).filter(|name| name != "help").collect()
}

/// The flags of a command that are its own.
fn flags(nexus: &Nexus, command: &[&str]) -> BTreeSet<String> {
    const COMMON: [&str; 8] = ["--config", "--mock", "--live", "--shards", "--ledger", "--json", "--help", "--version"];
    let help = nexus.run(&[command, &["--help"]].concat()).stdout;
    let options =
        help.lines().filter(|line| line.trim_start().starts_with('-') && !line.trim_start().starts_with("- "));
    let flag = |line: &str| {
        let words = line.split([' ', ',', '.']).filter(|word| word.starts_with("--") && word.len() > 2);
        words.take(1).map(str::to_owned).collect::<Vec<_>>()
    };
    options.flat_map(flag).filter(|flag| !COMMON.contains(&flag.as_str())).collect()
}

#[test]
fn every_command_and_every_flag_has_its_row() {
    let nexus = Nexus::new();
    let text = document("settings.md");
    let text = section(&text, "## Flags");
    let common = keys(text);
    for flag in ["--config FILE", "--mock", "--live", "--shards FOLDER", "--ledger FILE", "--json"] {
        assert!(common.contains(flag), "{flag}");
    }
    let mut all = Vec::new();
    for command in commands(&nexus, &[]) {
        match commands(&nexus, &[&command]) {
            below if below.is_empty() => all.push(vec![command]),
            below => all.extend(below.into_iter().map(|below| vec![command.clone(), below])),
        }
    }
    assert!(all.len() > 15, "{all:?}");
    let is_of = |row: &[&str], command: &str| {
        let name = &names(row[0])[0];
        name == command || name.starts_with(&format!("{command} "))
    };
    let table = rows(text).into_iter().filter(|row| !row[0].starts_with("`--")).collect::<Vec<_>>();
    for command in &all {
        let row = table.iter().find(|row| is_of(row, &command.join(" ")));
        let row = row.unwrap_or_else(|| panic!("docs/settings.md has no row for {command:?}"));
        let first = |name: String| name.split_whitespace().next().unwrap_or_default().to_owned();
        let told: BTreeSet<_> =
            row[1..].iter().flat_map(|cell| names(cell)).map(first).filter(|name| name.starts_with("--")).collect();
        let command: Vec<_> = command.iter().map(String::as_str).collect();
        assert_eq!(told, flags(&nexus, &command), "{command:?}");
    }
    assert_eq!(table.len(), all.len(), "a row for a command that is not there");
}
