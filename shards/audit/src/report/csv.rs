//! A report as CSV (RFC 4180), for spreadsheets: UTF-8, CRLF, every line with the same number of fields.
//!
//! A report is several lists, so the first field of a line says which list it is of and the second which row, `0` being the
//! heads of its columns. The file begins with a byte order mark: without one, Excel takes it for the code page of the
//! machine, and names break.
//!
//! A text that a spreadsheet would take for a formula gets an apostrophe before it. Numbers that the report counted stay
//! numbers.

use unicode_normalization::UnicodeNormalization;

use super::model::{Brief, Cell, Report};
use super::visible::{is_hidden, visible};
use crate::model::{Finding, Reading};

/// All of the report.
pub(crate) fn render(report: &Report) -> String {
    let mut sheet = Sheet::default();
    about(&mut sheet, report);
    let figures = report.figures.iter().map(|figure| {
        let value = figure.value.map_or(Cell::Missing, Cell::Number);
        vec![Cell::from(figure.group.as_str()), Cell::from(figure.name.as_str()), value, Cell::from(&figure.note)]
    });
    sheet.list("figures", &["part", "figure", "value", "note"], figures);
    for chart in &report.charts {
        let bars = chart.bars.iter().map(|bar| vec![Cell::from(&bar.label), Cell::Number(bar.value)]);
        sheet.list(&chart.id, &["kind", "number"], bars);
    }
    changes(&mut sheet, report);
    findings(&mut sheet, report);
    for table in &report.tables {
        let columns: Vec<_> = table.columns.iter().map(String::as_str).collect();
        sheet.list(&table.id, &columns, table.rows.iter().cloned());
    }
    let readings = report.readings.iter().map(|read| reading(&read.what, &read.reading));
    let columns = ["system", "what", "read", "complete", "records", "as of", "source", "event id", "notes"];
    sheet.list("systems_read", &columns, readings);
    sheet.into_text()
}

fn about(sheet: &mut Sheet, report: &Report) {
    let mut rows = vec![
        [Cell::from("title"), Cell::from(report.title.as_str())],
        [Cell::from("source"), Cell::from(report.source.name())],
        [Cell::from("window"), Cell::from(report.window.name.as_str())],
        [Cell::from("from"), Cell::from(report.window.from)],
        [Cell::from("to"), Cell::Time(report.window.to)],
        [Cell::from("generated at"), Cell::Time(report.generated_at)],
        [Cell::from("event id"), Cell::from(report.event_id.as_str())],
        [Cell::from("complete"), Cell::Flag(report.is_complete)],
        [Cell::from("findings"), Cell::from(report.n_findings)],
    ];
    rows.extend(report.warning().map(|warning| [Cell::from("warning"), Cell::from(warning)]));
    rows.extend(report.all_notes().iter().map(|note| [Cell::from("note"), Cell::from(note.as_str())]));
    sheet.list("report", &["name", "value"], rows.into_iter().map(Vec::from));
}

fn changes(sheet: &mut Sheet, report: &Report) {
    let Some(changes) = &report.changes else { return };
    let about = [
        [Cell::from("report before"), Cell::from(changes.previous_uri.as_str())],
        [Cell::from("generated at"), Cell::Time(changes.previous_generated_at)],
        [Cell::from("window"), Cell::from(changes.previous_window.as_str())],
    ];
    let notes = changes.notes.iter().map(|note| [Cell::from("note"), Cell::from(note.as_str())]);
    sheet.list("compared_with", &["name", "value"], about.into_iter().chain(notes).map(Vec::from));
    let number = |value: Option<u64>| value.map_or(Cell::Missing, Cell::Number);
    let figures = changes.figures.iter().map(|figure| {
        let change = figure.change.map_or(Cell::Missing, Cell::Change);
        vec![Cell::from(figure.name.as_str()), number(figure.before), number(figure.now), change]
    });
    sheet.list("changed_figures", &["figure", "before", "now", "change"], figures);
    let Some(found) = &changes.findings else { return };
    let columns = ["id", "severity", "summary"];
    for (id, list) in
        [("new_findings", &found.new), ("gone_findings", &found.gone), ("findings_not_looked_at", &found.not_looked_at)]
    {
        sheet.list(id, &columns, list.iter().map(brief));
    }
}

fn brief(brief: &Brief) -> Vec<Cell> {
    vec![Cell::from(brief.id.as_str()), Cell::from(brief.severity.name()), Cell::from(brief.summary.as_str())]
}

fn findings(sheet: &mut Sheet, report: &Report) {
    let columns = [
        "finding",
        "id",
        "severity",
        "rule",
        "rule version",
        "subject",
        "identifier",
        "field",
        "summary",
        "authority",
        "confidence",
        "reasons",
        "missing",
        "exception",
        "exception expires",
    ];
    let rows = report.findings.iter().zip(1..).map(|(found, number)| finding(number, found));
    sheet.list("findings", &columns, rows);
    let evidence = report.findings.iter().zip(1..).flat_map(|(found, number): (_, usize)| {
        found.values.iter().map(move |said| {
            vec![
                Cell::from(number),
                Cell::from(said.system.name()),
                Cell::Flag(said.is_present),
                Cell::from(&said.value),
                Cell::Time(said.as_of),
            ]
        })
    });
    sheet.list("evidence", &["finding", "system", "has a record", "value", "as of"], evidence);
    sheet.list("more_findings", &["id", "severity", "summary"], report.more_findings.iter().map(brief));
}

fn finding(number: usize, finding: &Finding) -> Vec<Cell> {
    let exception = finding.exception.as_ref();
    vec![
        Cell::from(number),
        Cell::from(finding.id.as_str()),
        Cell::from(finding.severity.name()),
        Cell::from(finding.rule.as_str()),
        Cell::Number(finding.rule_version.into()),
        Cell::from(finding.subject.as_str()),
        Cell::from(finding.identifier.as_str()),
        Cell::from(&finding.field),
        Cell::from(finding.summary.as_str()),
        finding.authority.map_or(Cell::Missing, |system| Cell::from(system.name())),
        Cell::from(finding.confidence.level.name()),
        Cell::from(finding.confidence.reasons.join("; ").as_str()),
        Cell::from(finding.missing.join("; ").as_str()),
        exception.map_or(Cell::Missing, |exception| Cell::from(exception.reason.as_str())),
        exception.map_or(Cell::Missing, |exception| Cell::from(exception.expires.as_str())),
    ]
}

fn reading(what: &str, reading: &Reading) -> Vec<Cell> {
    vec![
        Cell::from(reading.system.name()),
        Cell::from(what),
        Cell::Flag(reading.is_read),
        Cell::Flag(reading.is_complete),
        reading.records.map_or(Cell::Missing, Cell::from),
        Cell::from(reading.as_of),
        Cell::from(&reading.source),
        Cell::from(&reading.event_id),
        Cell::from(reading.notes.join("; ").as_str()),
    ]
}

/// Lines that are still to be made equally long.
#[derive(Default)]
struct Sheet {
    lines: Vec<Vec<String>>,
}

impl Sheet {
    fn list(&mut self, id: &str, columns: &[&str], rows: impl Iterator<Item = Vec<Cell>>) {
        let heads = columns.iter().map(|&name| Cell::from(name)).collect();
        for (row, number) in std::iter::once(heads).chain(rows).zip(0..) {
            let place = [field(&Cell::from(id)), field(&Cell::Number(number))];
            self.lines.push(place.into_iter().chain(row.iter().map(field)).collect());
        }
    }

    fn into_text(self) -> String {
        let width = self.lines.iter().map(Vec::len).max().unwrap_or_default();
        let mut text = String::from('\u{feff}');
        for line in self.lines {
            let empty = width - line.len();
            text.push_str(&line.join(","));
            text.push_str(&",".repeat(empty));
            text.push_str("\r\n");
        }
        text
    }
}

/// A field as it stands in the file. Text is always quoted, so that no text can be read as two fields.
fn field(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => format!("\"{}\"", disarmed(text).replace('"', "\"\"")),
        Cell::Number(number) => number.to_string(),
        Cell::Change(number) => number.to_string(),
        Cell::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Cell::Time(time) => time.to_string(),
        Cell::Missing => String::new(),
    }
}

/// Text that no spreadsheet takes for a formula. Where the list separator is a semicolon, a program may cut a field at one,
/// quoted or not, so that what stands behind it begins a cell.
fn disarmed(text: &str) -> String {
    let parts = text.split(';').map(|part| {
        let shown = visible(part);
        if is_formula(part) { format!("'{shown}") } else { shown }
    });
    parts.collect::<Vec<_>>().join(";")
}

/// Whether it begins with what makes a cell a formula, perhaps behind blanks or what is not seen, or in another width.
fn is_formula(text: &str) -> bool {
    if text.starts_with(['\t', '\r']) {
        return true;
    }
    let first = text.chars().find(|&c| !c.is_whitespace() && !c.is_control() && !is_hidden(c));
    first.is_some_and(|c| c.nfkc().next().is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '\u{2212}')))
}
