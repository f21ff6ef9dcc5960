//! Each command line that the program or its documents hint at is one that the program takes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser as _};

use super::Cli;

fn below(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, extension, found);
        } else if path.extension().is_some_and(|is| is == extension) {
            found.push(path);
        }
    }
}

/// What stands between backticks and begins with the program's name, wherever the line is wrapped.
fn quoted(text: &str) -> Vec<String> {
    let words: Vec<_> = text.split_whitespace().collect();
    let text = words.join(" ");
    let begun = text.split("`nexus ").skip(1);
    begun.filter_map(|rest| Some(rest.split_once('`')?.0.to_owned())).collect()
}

/// The words of a command line, as a shell takes them, with something in place of what the reader is to fill in.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" #").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in line.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    let filled = |word: String| match word.as_str() {
        "FORM" => "csv".to_owned(),
        "…" | "..." | "{shard}" | "{name}" | "SHARD" => "desk".to_owned(),
        _ => word,
    };
    words.into_iter().map(filled).collect()
}

/// Whether it names a command and says nothing of how it is called.
fn is_name(words: &[String]) -> bool {
    let mut command = Cli::command();
    for word in words {
        let Some(below) = command.find_subcommand(word) else { return false };
        command = below.clone();
    }
    true
}

#[test]
fn a_command_line_that_is_hinted_at_can_be_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    below(&root.join("src"), "rs", &mut sources);
    let mut hints = Vec::new();
    // Tests write command lines of their own.
    sources.retain(|file| file.file_name().is_some_and(|name| name != "tests.rs"));
    for file in sources {
        let text = fs::read_to_string(&file).unwrap();
        // Messages, and the descriptions that become help and schemas; no comments.
        let lines = text.lines().filter(|line| {
            let line = line.trim_start();
            !line.starts_with("//") || line.starts_with("/// ")
        });
        hints.extend(lines.flat_map(quoted).map(|hint| (file.clone(), hint)));
    }
    let mut documents = Vec::new();
    below(&root.join("../docs"), "md", &mut documents);
    documents
        .extend(["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root.join("..").join(name)));
    for file in documents {
        let text = fs::read_to_string(&file).unwrap();
        hints.extend(quoted(&text).into_iter().map(|hint| (file.clone(), hint)));
        let shown = text.lines().filter_map(|line| {
            let line = line.strip_prefix("$ ").unwrap_or(line);
            line.strip_prefix("target/release/").unwrap_or(line).strip_prefix("nexus ")
        });
        hints.extend(shown.map(|line| (file.clone(), line.to_owned())));
    }
    assert!(hints.len() > 60, "{}", hints.len());
    for needed in ["quarantine {shard} --lift --why …", "approve {name} --rebuilt --why …"] {
        assert!(hints.iter().any(|(_, hint)| hint == needed), "{needed}");
    }
    for (file, hint) in hints {
        let words = words(&hint);
        if is_name(&words) {
            continue;
        }
        let parsed = Cli::try_parse_from(["nexus".to_owned()].into_iter().chain(words));
        if let Err(error) = parsed {
            panic!("{}: `nexus {hint}` cannot be run: {error}", file.display());
        }
    }
}
