//! A name is a name in every format, whatever it is made of.

use nexus_shard::serde_json::{self, Value};
use pulldown_cmark::{Event, Options, Parser};

use super::world::{NOW, World, finding, utc};
use crate::model::{Exception, Reading, Severity, System};
use crate::read::Source;
use crate::report::kind::ReportKind;
use crate::report::model::{Bar, Brief, Cell, Changes, Chart, FigureChange, FindingChanges, Origin, Report, Window};
use crate::report::visible::visible;
use crate::report::{csv, html, markdown};

const HOSTILE: [&str; 40] = [
    "<script>alert(1)</script>",
    "</title></svg></style><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)",
    "' onload='alert(1)",
    "Tom &amp; Jerry & Co &lt;3 &#64;",
    "--><!-- ]]>",
    "=HYPERLINK(\"http://evil.test\",\"click\")",
    "=1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " \u{a0}\u{3000}=1",
    "\u{200b}\u{feff}=1",
    "＝1＋1",
    "－1",
    "＠SUM(A1)",
    "﹦1",
    "x;=cmd|' /C calc'!A0",
    "a,b;\"c\"\r\nd",
    "a|b\\|c\\",
    "`code` and ``more``",
    "`",
    "[click](javascript:alert(1))",
    "![x](http://evil.test/p.png)",
    "<http://evil.test/>",
    "see http://evil.test/x|y or www.evil.test",
    "mallory@evil.test",
    "`tick mallory@evil.test `` tock` `http://evil.test`",
    "12) item  with a.b@evil.test",
    "# heading",
    "1. item",
    "- item",
    "> quote",
    "***bold*** _it_ ~~gone~~ $x$",
    "[^1] [ ] [x]",
    "two\nlines\u{2028}and\u{85}more",
    "PC\u{202e}exe.01\u{2066}",
    "日本 Zoë \u{e0041}",
];

/// A report that says `name` wherever a system's word can stand.
fn report(name: &str) -> Report {
    let host = World::small().host();
    let mut report = Report::new(ReportKind::DriftReport, Window::at(utc(NOW)), &host.context(), utc(NOW));
    let brief = |id: &str| Brief { id: format!("{id}:{name}"), severity: Severity::Low, summary: name.to_owned() };
    let reading = Reading {
        system: System::Entra,
        is_read: true,
        is_complete: false,
        records: None,
        as_of: None,
        source: Some("mock".to_owned()),
        event_id: Some(name.to_owned()),
        notes: vec![name.to_owned()],
    };
    report.searched("accounts", &Source::<()> { rows: Vec::new(), reading });
    report.title = name.to_owned();
    report.window.name = name.to_owned();
    report.notes.push(name.to_owned());
    report.figure(name, "figure", name, Some(1), Some(name.to_owned()));
    report.charts.push(Chart {
        id: "chart".to_owned(),
        title: name.to_owned(),
        bars: vec![Bar { label: Some(name.to_owned()), value: 3 }, Bar { label: None, value: 1 }],
        note: Some(name.to_owned()),
    });
    let mut found = finding(name, Severity::High, name);
    found.field = Some(name.to_owned());
    found.rule = name.to_owned();
    found.exception = Some(Exception { reason: name.to_owned(), expires: name.to_owned() });
    report.find(vec![found], 1);
    report.more_findings.push(brief("more"));
    report.table(
        "table",
        name,
        &[name, "Number"],
        vec![vec![Cell::from(name), Cell::Number(7)]],
        Some(name.to_owned()),
    );
    report.changes = Some(Changes {
        previous_uri: name.to_owned(),
        previous_generated_at: utc(NOW),
        previous_window: name.to_owned(),
        figures: vec![FigureChange {
            id: "figure".to_owned(),
            name: name.to_owned(),
            before: Some(4),
            now: Some(1),
            change: Some(-3),
        }],
        findings: Some(FindingChanges {
            n_new: 1,
            n_gone: 1,
            n_still: 0,
            n_not_looked_at: 1,
            new: vec![brief("new")],
            gone: vec![brief("gone")],
            still: Vec::new(),
            not_looked_at: vec![brief("perhaps")],
        }),
        notes: vec![name.to_owned()],
    });
    report
}

/// Everything between `<` and `>`.
fn tags(html: &str) -> Vec<&str> {
    let inner = html.split('<').skip(1);
    inner.map(|rest| rest.split_once('>').map_or(rest, |(tag, _)| tag)).collect()
}

#[test]
fn html_has_the_same_tags_whatever_things_are_called() {
    let plain = html::render(&report("Ann"));
    for name in HOSTILE {
        let html = html::render(&report(name));
        assert_eq!(tags(&html), tags(&plain), "{name}");
        let shown = visible(name).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let shown = shown.replace('"', "&quot;").replace('\'', "&#39;");
        assert!(html.matches(&shown).count() > 20, "{name}");
        assert!(!html.chars().any(|c| c != '\n' && crate::report::is_hidden(c)), "{name}");
    }
}

#[test]
fn html_fetches_nothing_and_runs_nothing() {
    let html = html::render(&report("Ann"));
    assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"));
    assert!(html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""));
    assert!(html.contains("<title>MOCK: Ann</title>") && html.contains("MOCK DATA"));
    for tag in tags(&html) {
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        assert!(
            !["script", "link", "img", "iframe", "object", "embed", "base", "form", "use", "image"].contains(&name),
            "{tag}"
        );
        assert!(!tag.contains(" on") && !tag.contains("src=") && !tag.contains("://"), "{tag}");
        assert!(!tag.contains("href=") || tag.starts_with("a href=\"#"), "{tag}");
    }
    for forbidden in ["@import", "url(", "http://", "https://", "javascript:"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    // Each picture has a title for those who do not see it, and each anchor a target.
    assert_eq!(html.matches("<svg role=\"img\"").count(), html.matches("aria-labelledby=\"chart-").count());
    for target in html.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(html.contains(&format!("id=\"{target}\"")), "{target}");
    }
}

#[test]
fn a_live_report_has_no_word_of_mock_data() {
    let mut live = report("Ann");
    live.source = Origin::Live;
    for text in [html::render(&live), markdown::render(&live), csv::render(&live)] {
        assert!(!text.contains("MOCK"));
    }
}

#[test]
fn a_chart_draws_twelve_bars_at_most_and_loses_nothing() {
    let mut many = report("Ann");
    many.charts[0].bars = (0..40_u64).map(|n| Bar { label: Some(format!("kind {n}")), value: 100 - n }).collect();
    let html = html::render(&many);
    assert_eq!(html.matches("<rect").count(), 12);
    let others: u64 = (11..40).map(|n| 100 - n).sum();
    assert!(html.contains(&format!("others (29 kinds): {others}")));
    assert!(csv::render(&many).contains("\"kind 39\",61"));
    many.charts[0].bars.truncate(12);
    let html = html::render(&many);
    assert!(html.matches("<rect").count() == 12 && html.contains("kind 11") && !html.contains("others ("));
}

/// Lines of fields, by RFC 4180.
fn rows(csv: &str) -> Vec<Vec<(bool, String)>> {
    let mut rows = vec![Vec::new()];
    let mut rest = csv.strip_prefix('\u{feff}').unwrap();
    while !rest.is_empty() {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut chars = quoted.char_indices().peekable();
            let end = loop {
                let (at, c) = chars.next().expect("a quote at the end");
                if c != '"' {
                    field.push(c);
                } else if chars.next_if(|(_, c)| *c == '"').is_some() {
                    field.push('"');
                } else {
                    break at + 1;
                }
            };
            ((true, field), &quoted[end..])
        } else {
            let end = rest.find([',', '\r']).unwrap();
            ((false, rest[..end].to_owned()), &rest[end..])
        };
        rows.last_mut().unwrap().push(field);
        rest = if let Some(next) = after.strip_prefix(',') {
            next
        } else {
            let next = after.strip_prefix("\r\n").expect("CRLF after the last field");
            if !next.is_empty() {
                rows.push(Vec::new());
            }
            next
        };
    }
    rows
}

#[test]
fn csv_has_no_cell_that_is_a_formula_and_numbers_stay_numbers() {
    for name in HOSTILE {
        let rows = rows(&csv::render(&report(name)));
        assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{name}");
        for (is_quoted, cell) in rows.iter().flatten() {
            let parts = if *is_quoted { cell.split(';').collect() } else { vec![cell.as_str()] };
            for part in parts {
                let first = part.trim_start().chars().next();
                let signs = "=+-@\t\r＝＋－＠﹦﹢﹣﹫−";
                assert!(cell == "-3" && !is_quoted || !first.is_some_and(|c| signs.contains(c)), "{name}: {cell}");
            }
        }
        // Read back, the name is what it was, but for the apostrophe.
        let shown = visible(name);
        let back = |cell: &str| cell.trim_start_matches('\'').replace(";'", ";");
        let wanted = shown.trim_start_matches('\'').to_owned();
        assert!(rows.iter().flatten().any(|(_, cell)| back(cell) == wanted), "{name}");
        let number = |value: &str| (false, value.to_owned());
        assert!(
            rows.iter().any(|row| row[0].1 == "changed_figures" && row[3] == number("4") && row[5] == number("-3"))
        );
        assert!(rows.iter().any(|row| row[0].1 == "table" && row[1] == number("1") && row[3] == number("7")));
    }
}

#[test]
fn csv_begins_every_list_with_its_heads() {
    let text = csv::render(&report("Ann"));
    assert!(text.starts_with("\u{feff}\"report\",0,\"name\",\"value\",") && text.ends_with("\r\n"));
    let lists = [
        "report",
        "figures",
        "chart",
        "compared_with",
        "changed_figures",
        "new_findings",
        "findings",
        "evidence",
        "table",
        "systems_read",
    ];
    for list in lists {
        assert!(text.contains(&format!("\"{list}\",0,")), "{list}");
    }
}

/// The structure of Markdown, and its text.
fn parsed(markdown: &str) -> (Vec<String>, Vec<String>, String) {
    let (mut tags, mut texts, mut all) = (Vec::new(), Vec::new(), String::new());
    for event in Parser::new_ext(
        markdown,
        Options::all() - Options::ENABLE_SMART_PUNCTUATION - Options::ENABLE_HEADING_ATTRIBUTES,
    ) {
        match event {
            Event::Start(tag) => tags.push(format!("{tag:?}")),
            Event::Text(text) => {
                all.push_str(&text);
                texts.push(text.into_string());
            }
            Event::Code(text) => all.push_str(&text),
            Event::End(_) => all.push('\n'),
            other @ (Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::SoftBreak
            | Event::HardBreak
            | Event::Rule
            | Event::TaskListMarker(_)) => tags.push(format!("{other:?}")),
        }
    }
    (tags, texts, all)
}

#[test]
fn markdown_has_the_same_structure_whatever_things_are_called() {
    let (plain, _, _) = parsed(&markdown::render(&report("Ann")));
    for name in HOSTILE {
        let text = markdown::render(&report(name));
        let (tags, texts, all) = parsed(&text);
        assert_eq!(tags, plain, "{name}\n{text}");
        let shown = visible(name).trim().to_owned();
        let found = all.matches(&shown).count() + all.matches(&shown.replace('|', "\u{2758}")).count();
        assert!(found > 15, "{name}: {found}\n{text}");
        // Renderers make links of these in text, and not in code.
        for text in texts {
            assert!(!["@", "://", "www."].iter().any(|link| text.contains(link)), "{name}: {text}");
        }
    }
}

#[test]
fn json_has_names_to_the_letter() {
    for name in HOSTILE {
        let text = serde_json::to_string(&report(name)).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["findings"][0]["subject"], name);
        assert_eq!(read["tables"][0]["rows"][0], serde_json::json!([name, 7]));
    }
}
