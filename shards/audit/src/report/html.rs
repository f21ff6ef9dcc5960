//! A report as one HTML page: no script, nothing fetched, everything that came from a system escaped.

use super::markdown::SHOWN_ROWS;
use super::model::{Brief, Cell, Figure, FigureChange, Report};
use crate::model::{Finding, Severity};

mod chart;
pub(crate) mod page;

use page::{Page, escape};

/// All of the report, long lists cut.
pub(crate) fn render(report: &Report) -> String {
    let mut page = Page::new(&report.title, report.warning());
    head(&mut page, report);
    figures(&mut page, report);
    changes(&mut page, report);
    findings(&mut page, report);
    for table in &report.tables {
        page.section(&table.id, &table.title, Some(table.n_rows));
        page.note(table.note.as_deref());
        let columns: Vec<_> = table.columns.iter().map(String::as_str).collect();
        page.table(
            &table.title,
            &columns,
            table.rows.iter().take(SHOWN_ROWS).map(|row| row.iter().map(cell).collect()),
        );
        page.more(table.n_rows, SHOWN_ROWS, "rows");
    }
    readings(&mut page, report);
    page.into_html()
}

fn head(page: &mut Page, report: &Report) {
    let window = match report.window.from {
        Some(from) => format!("{} ({from} to {})", report.window.name, report.window.to),
        None => report.window.name.clone(),
    };
    page.facts(&[
        ("Window", &window),
        ("Generated", &report.generated_at.to_string()),
        ("Source", &format!("{} data", report.source.name())),
        ("Complete", if report.is_complete { "yes" } else { "no: see the notes" }),
        ("Event", &report.event_id),
    ]);
    page.notes(&report.all_notes());
}

fn figures(page: &mut Page, report: &Report) {
    page.section("figures", "Key figures", None);
    page.push("<div class=\"parts\">\n");
    for part in report.figures.chunk_by(|a, b| a.group == b.group) {
        let rows: String = part.iter().map(figure).collect();
        let name = part.first().map(|figure| data(&figure.group)).unwrap_or_default();
        page.push(&format!("<table>\n<caption>{name}</caption>\n<tbody>\n{rows}</tbody>\n</table>\n"));
    }
    page.push("</div>\n<div class=\"parts\">\n");
    for chart in &report.charts {
        page.push(&chart::draw(chart));
    }
    page.push("</div>\n");
}

fn figure(figure: &Figure) -> String {
    let note = figure.note.as_deref().map(|note| format!("<br><small>{}</small>", escape(note))).unwrap_or_default();
    let value = figure.value.map_or_else(|| page::none("unknown"), |value| page::number(&value.to_string()));
    format!("<tr><th scope=\"row\">{}{note}</th><td>{value}</td></tr>\n", escape(&figure.name))
}

fn changes(page: &mut Page, report: &Report) {
    let Some(changes) = &report.changes else { return };
    page.section("changes", "What changed since the report before", None);
    page.facts(&[
        ("Report before", &changes.previous_uri),
        ("Its window", &changes.previous_window),
        ("Generated", &changes.previous_generated_at.to_string()),
    ]);
    page.notes(&changes.notes);
    let differs = |figure: &&FigureChange| figure.change.is_none_or(|change| change != 0);
    let number = |value: Option<u64>| value.map_or_else(|| page::none("unknown"), |v| page::number(&v.to_string()));
    let rows: Vec<_> = changes
        .figures
        .iter()
        .filter(differs)
        .map(|figure| {
            let change = figure.change.map_or_else(|| page::none("unknown"), |c| page::number(&format!("{c:+}")));
            vec![escape(&figure.name), number(figure.before), number(figure.now), change]
        })
        .collect();
    if rows.is_empty() {
        page.paragraph("Every key figure is what it was.");
    } else {
        page.table("Changed figures", &["Figure", "Before", "Now", "Change"], rows.into_iter());
    }
    let Some(found) = &changes.findings else { return };
    page.paragraph(&format!("{} findings are still there.", found.n_still));
    for (what, n, list) in [
        ("New findings", found.n_new, &found.new),
        ("Findings that are gone", found.n_gone, &found.gone),
        ("Findings that were not looked at", found.n_not_looked_at, &found.not_looked_at),
    ] {
        page.heading(&format!("{what} ({n})"));
        let rows = list.iter().take(SHOWN_ROWS).map(brief);
        page.table(what, &["Severity", "Finding", "Id"], rows);
        page.more(n, SHOWN_ROWS, "findings");
    }
}

fn brief(finding: &Brief) -> Vec<String> {
    vec![badge(finding.severity), data(&finding.summary), page::code(&finding.id)]
}

fn findings(page: &mut Page, report: &Report) {
    page.section("findings", "Findings", Some(report.n_findings));
    if report.n_findings == 0 {
        page.paragraph("None.");
    }
    let shown = report.kind.shown_findings().min(report.findings.len());
    report.findings.iter().take(shown).for_each(|finding| one(page, finding));
    page.more(report.n_findings, shown, "findings");
}

fn one(page: &mut Page, finding: &Finding) {
    page.push(&format!(
        "<article class=\"finding {}\">\n<h3>{} {}</h3>\n",
        finding.severity.name(),
        badge(finding.severity),
        data(&finding.subject)
    ));
    page.paragraph(&finding.summary);
    let rows = finding.values.iter().map(|said| {
        let value = match (&said.value, said.is_present) {
            (Some(value), _) => data(value),
            (None, true) => page::none("no value"),
            (None, false) => page::none("no record"),
        };
        vec![escape(said.system.name()), value, time(&said.as_of.to_string())]
    });
    page.table("What each system says", &["System", "Value", "As of"], rows);
    let confidence = format!("{}: {}", finding.confidence.level.name(), finding.confidence.reasons.join("; "));
    let rule = format!("{}, version {}", finding.rule, finding.rule_version);
    let exception = finding.exception.as_ref().map(|it| format!("until {}: {}", it.expires, it.reason));
    let missing = finding.missing.join("; ");
    let mut facts = vec![("Finding", finding.id.as_str()), ("Rule", &rule), ("Confidence", &confidence)];
    facts.extend(finding.authority.map(|system| ("Right by the rules", system.name())));
    facts.extend((!missing.is_empty()).then_some(("Not looked at", missing.as_str())));
    facts.extend(exception.as_deref().map(|exception| ("Exception", exception)));
    page.facts(&facts);
    page.push("</article>\n");
}

fn readings(page: &mut Page, report: &Report) {
    page.section("systems", "Which systems were read", None);
    let flag = |flag: bool| if flag { "yes".to_owned() } else { "<strong class=\"bad\">no</strong>".to_owned() };
    let rows = report.readings.iter().map(|read| {
        let reading = &read.reading;
        vec![
            escape(reading.system.name()),
            escape(&read.what),
            flag(reading.is_read),
            flag(reading.is_complete),
            reading.records.map_or_else(|| page::none("none"), |records| page::number(&records.to_string())),
            reading.as_of.map_or_else(|| page::none("never"), |as_of| time(&as_of.to_string())),
            reading.source.as_deref().map_or_else(|| page::none("none"), escape),
            reading.event_id.as_deref().map_or_else(|| page::none("none"), page::code),
            reading.notes.iter().map(|note| data(note)).collect::<Vec<_>>().join("<br>"),
        ]
    });
    let columns = ["System", "What", "Read", "Complete", "Records", "As of", "Source", "Event", "Notes"];
    page.table("Which systems were read", &columns, rows);
}

/// A word beside the colour: not everybody sees colours, and paper has none.
fn badge(severity: Severity) -> String {
    let name = severity.name();
    format!("<span class=\"badge {name}\">{name}</span>")
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => data(text),
        Cell::Number(number) => page::number(&number.to_string()),
        Cell::Change(number) => page::number(&format!("{number:+}")),
        Cell::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Cell::Time(moment) => time(&moment.to_string()),
        Cell::Missing => page::none("not told"),
    }
}

/// A time does not break in the middle.
fn time(text: &str) -> String {
    format!("<time>{}</time>", escape(text))
}

/// What a system calls something: isolated, so that a name written from right to left does not turn what stands beside it.
fn data(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}
