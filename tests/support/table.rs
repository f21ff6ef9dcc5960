//! `docs/security-tests.md`, made by the tests that it tells of: each compares its section with what it saw, or writes it
//! where `NEXUS_SECURITY_TESTS=write` asks for that (`just security-tests`).

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;

use super::repo;

/// One attempt, and what became of it.
pub struct Attempt {
    pub name: String,
    pub tries: String,
    pub holds: String,
    pub result: String,
    /// How the neighbour fared.
    pub neighbour: Neighbour,
}

/// Calls that a good shard answered while the attempt was under way.
#[derive(Debug, Default, Clone, Copy)]
pub struct Neighbour {
    pub calls: usize,
    pub slowest: Duration,
}

impl Neighbour {
    pub fn answered(&mut self, took: Duration) {
        self.calls += 1;
        self.slowest = self.slowest.max(took);
    }
}

const HEAD: &str = "| attempt | what holds it | result | neighbour |\n|---|---|---|---|\n";

impl Attempt {
    /// The cells that are the same in every run.
    fn cells(&self) -> String {
        let Self { name, tries, holds, result, .. } = self;
        format!("| `{name}`: {tries} | {holds} | {result} |")
    }

    fn line(&self) -> String {
        format!(
            "{} served, slowest of {} in {} ms |",
            self.cells(),
            self.neighbour.calls,
            self.neighbour.slowest.as_millis()
        )
    }
}

pub fn document() -> PathBuf {
    repo().join("docs/security-tests.md")
}

/// The titles of the document's sections, in order.
pub fn sections() -> Vec<String> {
    let text = fs::read_to_string(document()).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("## ").map(str::to_owned)).collect()
}

/// The document's section of this title is what was seen.
#[track_caller]
pub fn check(title: &str, seen: &[Attempt]) {
    if std::env::var("NEXUS_SECURITY_TESTS").as_deref() == Ok("write") {
        return write(title, seen);
    }
    let text = fs::read_to_string(document()).unwrap();
    let (_, section) = split(&text, title);
    let written: Vec<_> = section.lines().filter(|line| line.starts_with("| `")).map(fixed_cells).collect();
    let seen: Vec<_> = seen.iter().map(Attempt::cells).collect();
    assert_eq!(written, seen, "docs/security-tests.md, {title}: run `just security-tests`");
}

/// A line without its last cell.
fn fixed_cells(line: &str) -> String {
    let line = line.trim_end().trim_end_matches('|');
    line[..=line.rfind('|').unwrap()].to_owned()
}

/// Where a section's rows are: what comes before and including its title, and its text.
fn split<'a>(text: &'a str, title: &str) -> (usize, &'a str) {
    let head = format!("\n## {title}\n");
    let at = text.find(&head).unwrap_or_else(|| panic!("docs/security-tests.md has no section {title}"));
    let from = at + head.len();
    let rest = &text[from..];
    let ends = ["\n## ", "\n# "].into_iter().filter_map(|next| rest.find(next));
    (from, &rest[..ends.min().unwrap_or(rest.len())])
}

fn write(title: &str, seen: &[Attempt]) {
    // Tests are processes of their own, at once.
    let lock = File::create(repo().join("target/security-tests.lock")).unwrap();
    lock.lock().unwrap();
    let text = fs::read_to_string(document()).unwrap();
    let (from, section) = split(&text, title);
    let prose = section.split(HEAD).next().unwrap().trim_end();
    let rows: String = seen.iter().map(|attempt| attempt.line() + "\n").collect();
    let rest = &text[from + section.len()..];
    let prose = if prose.is_empty() { String::new() } else { format!("{prose}\n") };
    fs::write(document(), format!("{}{prose}\n{HEAD}{rows}{rest}", &text[..from])).unwrap();
}
