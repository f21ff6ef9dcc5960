//! A report as Markdown (GitHub's flavour), for a person or a model to read on.

use super::model::{Bar, Brief, Cell, FigureChange, Report};
use super::tally::drawn;
use super::visible::visible;
use crate::model::{Finding, Severity};

/// Rows of a list that are shown. The other formats have the rest.
pub(crate) const SHOWN_ROWS: usize = 200;

/// All of the report, long lists cut.
pub(crate) fn render(report: &Report) -> String {
    let mut page = Page(String::new());
    head(&mut page, report);
    figures(&mut page, report);
    charts(&mut page, report);
    changes(&mut page, report);
    findings(&mut page, report);
    for table in &report.tables {
        page.heading(2, &table.title);
        page.note(table.note.as_deref());
        let columns: Vec<_> = table.columns.iter().map(String::as_str).collect();
        page.table(&columns, table.rows.iter().take(SHOWN_ROWS).map(|row| row.iter().map(cell).collect()));
        page.more(table.n_rows, SHOWN_ROWS, "rows");
    }
    readings(&mut page, report);
    page.0
}

/// The beginning of a report, for the result of a tool.
pub(crate) fn summary(report: &Report) -> String {
    let mut page = Page(String::new());
    head(&mut page, report);
    figures(&mut page, report);
    if let Some(found) = report.changes.as_ref().and_then(|changes| changes.findings.as_ref()) {
        page.line(&format!(
            "Since the report before: {} findings are new, {} are gone, {} are still there, {} were not looked at.",
            found.n_new, found.n_gone, found.n_still, found.n_not_looked_at
        ));
    }
    if report.n_findings > 0 {
        page.heading(2, &format!("The gravest of {} findings", report.n_findings));
        for finding in report.findings.iter().take(10) {
            page.item(&format!("**{}** {}", finding.severity.name(), text(&finding.summary)));
        }
    }
    page.0
}

fn head(page: &mut Page, report: &Report) {
    page.heading(1, &report.title);
    if let Some(warning) = report.warning() {
        page.line(&format!("> **{}**", text(warning)));
    }
    let window = match report.window.from {
        Some(from) => format!("{} (from {from} to {})", text(&report.window.name), report.window.to),
        None => text(&report.window.name),
    };
    page.item(&format!("Window: {window}"));
    page.item(&format!(
        "Generated: {} from {} data, event {}",
        report.generated_at,
        report.source.name(),
        code(&report.event_id)
    ));
    page.item(&format!("Complete: {}", if report.is_complete { "yes" } else { "no" }));
    for note in report.all_notes() {
        page.item(&format!("Note: {}", text(&note)));
    }
    page.blank();
}

fn figures(page: &mut Page, report: &Report) {
    page.heading(2, "Key figures");
    let rows = report.figures.iter().map(|figure| {
        let value = figure.value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
        vec![text(&figure.group), text(&figure.name), value, figure.note.as_deref().map(text).unwrap_or_default()]
    });
    page.table(&["Part", "Figure", "Value", "Note"], rows);
}

fn charts(page: &mut Page, report: &Report) {
    for chart in &report.charts {
        page.heading(3, &chart.title);
        page.note(chart.note.as_deref());
        let bars = drawn(&chart.bars);
        page.table(&["Kind", "Number"], bars.iter().map(|bar| vec![label(bar), bar.value.to_string()]));
    }
}

fn label(bar: &Bar) -> String {
    bar.label.as_deref().map_or_else(|| "not told".to_owned(), text)
}

fn changes(page: &mut Page, report: &Report) {
    let Some(changes) = &report.changes else { return };
    page.heading(2, "What changed");
    page.line(&format!(
        "Compared with {} ({}, generated {}).",
        code(&changes.previous_uri),
        text(&changes.previous_window),
        changes.previous_generated_at
    ));
    for note in &changes.notes {
        page.item(&format!("Note: {}", text(note)));
    }
    page.blank();
    let differs = |figure: &&FigureChange| figure.change.is_none_or(|change| change != 0);
    let number = |value: Option<u64>| value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
    let rows = changes.figures.iter().filter(differs).map(|figure| {
        let change = figure.change.map_or_else(|| "unknown".to_owned(), |change| format!("{change:+}"));
        vec![text(&figure.name), number(figure.before), number(figure.now), change]
    });
    page.table(&["Figure", "Before", "Now", "Change"], rows);
    let Some(found) = &changes.findings else { return };
    page.line(&format!("{} findings are still there.", found.n_still));
    for (what, n, list) in [
        ("New findings", found.n_new, &found.new),
        ("Findings that are gone", found.n_gone, &found.gone),
        ("Findings that were not looked at", found.n_not_looked_at, &found.not_looked_at),
    ] {
        if n > 0 {
            page.heading(3, &format!("{what} ({n})"));
            list.iter().take(SHOWN_ROWS).for_each(|finding| page.item(&brief(finding)));
            page.blank();
            page.more(n, SHOWN_ROWS, "findings");
        }
    }
}

fn brief(finding: &Brief) -> String {
    format!("**{}** {} ({})", finding.severity.name(), text(&finding.summary), code(&finding.id))
}

fn findings(page: &mut Page, report: &Report) {
    if report.n_findings == 0 {
        return;
    }
    page.heading(2, &format!("Findings ({})", report.n_findings));
    let shown = report.kind.shown_findings();
    let listed = &report.findings;
    for severity in Severity::ALL {
        for finding in listed.iter().take(shown).filter(|finding| finding.severity == severity) {
            one(page, finding);
        }
    }
    page.more(report.n_findings, shown.min(listed.len()), "findings");
}

fn one(page: &mut Page, finding: &Finding) {
    page.line(&format!("### {}: {}", finding.severity.name(), text(&finding.subject)));
    page.line(&text(&finding.summary));
    let rows = finding.values.iter().map(|said| {
        let value = match (&said.value, said.is_present) {
            (Some(value), _) => text(value),
            (None, true) => "no value".to_owned(),
            (None, false) => "no record".to_owned(),
        };
        vec![said.system.name().to_owned(), value, said.as_of.to_string()]
    });
    page.table(&["System", "Value", "As of"], rows);
    page.item(&format!("Finding {}, rule {} version {}", code(&finding.id), code(&finding.rule), finding.rule_version));
    let reasons: Vec<_> = finding.confidence.reasons.iter().map(|reason| text(reason)).collect();
    page.item(&format!("Confidence {}: {}", finding.confidence.level.name(), reasons.join("; ")));
    if let Some(authority) = finding.authority {
        page.item(&format!("By the rules {} is right", authority.name()));
    }
    for missing in &finding.missing {
        page.item(&format!("Not looked at: {}", text(missing)));
    }
    if let Some(exception) = &finding.exception {
        page.item(&format!("Exception until {}: {}", text(&exception.expires), text(&exception.reason)));
    }
    page.blank();
}

fn readings(page: &mut Page, report: &Report) {
    page.heading(2, "Which systems were read");
    let yes = |flag: bool| if flag { "yes" } else { "**no**" }.to_owned();
    let rows = report.readings.iter().map(|read| {
        let reading = &read.reading;
        vec![
            reading.system.name().to_owned(),
            text(&read.what),
            yes(reading.is_read),
            yes(reading.is_complete),
            reading.records.map(|records| records.to_string()).unwrap_or_default(),
            reading.as_of.map(|time| time.to_string()).unwrap_or_default(),
            reading.source.as_deref().map(text).unwrap_or_default(),
            reading.event_id.as_deref().map(code).unwrap_or_default(),
            text(&reading.notes.join("; ")),
        ]
    });
    let columns = ["System", "What", "Read", "Complete", "Records", "As of", "Source", "Event", "Notes"];
    page.table(&columns, rows);
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(words) => text(words),
        Cell::Number(number) => number.to_string(),
        Cell::Change(number) => format!("{number:+}"),
        Cell::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Cell::Time(time) => time.to_string(),
        Cell::Missing => String::new(),
    }
}

struct Page(String);

impl Page {
    fn heading(&mut self, level: usize, words: &str) {
        self.line(&format!("{} {}", "#".repeat(level), text(words)));
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push_str("\n\n");
    }

    fn item(&mut self, line: &str) {
        self.0.push_str("- ");
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn note(&mut self, note: Option<&str>) {
        if let Some(note) = note {
            self.line(&format!("Note: {}", text(note)));
        }
    }

    fn more(&mut self, all: usize, shown: usize, what: &str) {
        if all > shown {
            self.line(&format!("{} more {what} are in the JSON and the CSV of this report.", all - shown));
        }
    }

    /// Cells are Markdown already.
    fn table(&mut self, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            self.line("None.");
            return;
        }
        let heads: Vec<_> = columns.iter().map(|name| text(name)).collect();
        for line in [heads, vec!["---".to_owned(); columns.len()]].into_iter().chain(rows) {
            self.0.push_str(&format!("| {} |\n", line.join(" | ")));
        }
        self.blank();
    }
}

/// Text that stays text, in one line and in a cell of a table. A word that a renderer would make a link of by itself is code:
/// some do so behind a backslash as well.
pub(crate) fn text(words: &str) -> String {
    let seen = visible(words);
    let seen = seen.trim();
    let number = seen.bytes().take_while(u8::is_ascii_digit).count();
    let escape = |at: usize, c: char| {
        let begins_block = match c {
            '-' | '+' | '=' => at == 0,
            '.' | ')' => at == number,
            _ => false,
        };
        begins_block || r"\`*_[]<>&|~$#!".contains(c)
    };
    let mut at = 0;
    let mut escaped = Vec::new();
    for word in seen.split(' ') {
        let lower = word.to_ascii_lowercase();
        if ["@", "://", "www."].iter().any(|link| lower.contains(link)) {
            escaped.push(code(word));
        } else {
            let chars = word.char_indices().flat_map(|(within, c)| [escape(at + within, c).then_some('\\'), Some(c)]);
            escaped.push(chars.flatten().collect());
        }
        at += word.len() + 1;
    }
    escaped.join(" ")
}

/// Text as code: fenced by more backticks than there are in it. A pipe ends a cell even in code, but not behind a backslash;
/// outside of tables that would be seen, so it is written as the bar that looks like it.
fn code(words: &str) -> String {
    let seen = visible(words).replace('|', "\u{2758}");
    let longest = seen.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if seen.starts_with('`') || seen.ends_with('`') || seen.trim().is_empty() { " " } else { "" };
    format!("{fence}{pad}{seen}{pad}{fence}")
}
