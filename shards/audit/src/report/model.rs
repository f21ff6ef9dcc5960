//! A report as data. Its JSON is the report; every other format is drawn from it.

use nexus_shard::serde::Deserialize;
use nexus_shard::{Call, Utc, data};

use super::kind::ReportKind;
use crate::model::{Finding, Level, Reading, Severity};
use crate::read::Source;

/// The words of a report. A change of their meaning is a new version, and reports of two versions are not compared.
pub(crate) const SCHEMA: (&str, u32) = ("nexus.audit.report", 1);

/// A report.
#[data]
pub(crate) struct Report {
    /// Names the form of this document.
    pub(crate) schema: Schema,
    /// Which report it is.
    pub(crate) kind: ReportKind,
    /// For people.
    pub(crate) title: String,
    /// `mock` if anything in it is made up.
    pub(crate) source: Origin,
    /// When it was put together, RFC 3339 in UTC.
    pub(crate) generated_at: Utc,
    /// The ledger's event id of the call that put it together.
    pub(crate) event_id: String,
    /// What time it is about.
    pub(crate) window: Window,
    /// Whether every system answered with all it has.
    pub(crate) is_complete: bool,
    /// What a reader should know before believing it.
    pub(crate) notes: Vec<String>,
    /// The numbers.
    pub(crate) figures: Vec<Figure>,
    /// The numbers by kind.
    pub(crate) charts: Vec<Chart>,
    /// What is different from the report before; null if there was none to compare with.
    pub(crate) changes: Option<Changes>,
    /// Version of the rules that found something; null in a report that looks for nothing.
    pub(crate) rules_version: Option<u32>,
    /// How many findings there are, listed or not.
    pub(crate) n_findings: usize,
    /// The findings, the gravest first.
    pub(crate) findings: Vec<Finding>,
    /// The rest of the findings, in brief, where they are too many to be told whole.
    pub(crate) more_findings: Vec<Brief>,
    /// Lists of what the numbers count.
    pub(crate) tables: Vec<Table>,
    /// What was read, and what was not.
    pub(crate) readings: Vec<Read>,
}

/// The form of a document.
#[data]
#[derive(Eq, Deserialize)]
pub(crate) struct Schema {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: u32,
}

/// Where what a report says came from.
#[data]
#[derive(Copy, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// The real systems.
    Live,
    /// Mock upstreams: nothing of it is true of anybody.
    Mock,
}

/// What time a report is about.
#[data]
#[derive(Eq)]
pub(crate) struct Window {
    /// For people: `2026-W25, so far`.
    pub(crate) name: String,
    /// Its first moment, RFC 3339 in UTC; null for a report of how things stand.
    pub(crate) from: Option<Utc>,
    /// The first moment after it, RFC 3339 in UTC.
    pub(crate) to: Utc,
}

/// A number.
#[data]
#[derive(Eq)]
pub(crate) struct Figure {
    /// The same in every report of this kind: `workers_active`.
    pub(crate) id: String,
    /// What it is a part of, for people: `Workday`.
    pub(crate) group: String,
    /// For people: `Active workers`.
    pub(crate) name: String,
    /// Null if it cannot be known. Never the length of a list that may go on.
    pub(crate) value: Option<u64>,
    /// Why it is not known, or what it leaves out.
    pub(crate) note: Option<String>,
}

/// Numbers by kind.
#[data]
#[derive(Eq)]
pub(crate) struct Chart {
    /// The same in every report of this kind.
    pub(crate) id: String,
    /// For people.
    pub(crate) title: String,
    /// The largest first; none if they cannot be known.
    pub(crate) bars: Vec<Bar>,
    /// Why they are not known.
    pub(crate) note: Option<String>,
}

/// One number of a chart.
#[data]
#[derive(Eq)]
pub(crate) struct Bar {
    /// What is counted; null: the system does not say what these are.
    pub(crate) label: Option<String>,
    /// How many.
    pub(crate) value: u64,
}

/// A list.
#[data]
pub(crate) struct Table {
    /// The same in every report of this kind.
    pub(crate) id: String,
    /// For people.
    pub(crate) title: String,
    /// Heads of the columns.
    pub(crate) columns: Vec<String>,
    /// As many cells each as there are columns.
    #[field(class = person)]
    pub(crate) rows: Vec<Vec<Cell>>,
    /// How many rows there are, listed or not.
    pub(crate) n_rows: usize,
    /// What a reader should know.
    pub(crate) note: Option<String>,
}

/// What stands in a list. Null: the system has no value, or does not tell it.
#[data]
#[serde(untagged)]
pub(crate) enum Cell {
    /// Text.
    Text(String),
    /// A number that this report counted.
    Number(u64),
    /// A difference of two of them.
    Change(i64),
    /// Yes or no.
    Flag(bool),
    /// A point in time.
    Time(Utc),
    /// Nothing.
    Missing,
}

/// A finding in brief.
#[data]
#[derive(Eq, Deserialize)]
pub(crate) struct Brief {
    /// As in the finding.
    #[field(class = person)]
    pub(crate) id: String,
    /// As in the finding.
    pub(crate) severity: Severity,
    /// As in the finding.
    #[field(class = person)]
    pub(crate) summary: String,
}

/// What is different from the report before.
#[data]
pub(crate) struct Changes {
    /// The report before, as a resource.
    pub(crate) previous_uri: String,
    /// When it was put together, RFC 3339 in UTC.
    pub(crate) previous_generated_at: Utc,
    /// What time it was about.
    pub(crate) previous_window: String,
    /// Every number of this report.
    pub(crate) figures: Vec<FigureChange>,
    /// Null if the findings cannot be compared; a note says why.
    pub(crate) findings: Option<FindingChanges>,
    /// What a reader should know.
    pub(crate) notes: Vec<String>,
}

/// A number, then and now.
#[data]
#[derive(Eq)]
pub(crate) struct FigureChange {
    /// As in the figure.
    pub(crate) id: String,
    /// As in the figure, its group before it.
    pub(crate) name: String,
    /// Null if it was not known.
    pub(crate) before: Option<u64>,
    /// Null if it is not known.
    pub(crate) now: Option<u64>,
    /// Null if one of the two is not known.
    pub(crate) change: Option<i64>,
}

/// Findings, then and now, told apart by their ids.
#[data]
#[derive(Eq)]
pub(crate) struct FindingChanges {
    /// How many are new.
    pub(crate) n_new: usize,
    /// How many are gone.
    pub(crate) n_gone: usize,
    /// How many are still there.
    pub(crate) n_still: usize,
    /// How many were there before and may still be: what shows them was not read whole this time.
    pub(crate) n_not_looked_at: usize,
    /// Those that the report before did not have.
    pub(crate) new: Vec<Brief>,
    /// Those that only the report before had.
    pub(crate) gone: Vec<Brief>,
    /// Ids of those that both have.
    #[field(class = person)]
    pub(crate) still: Vec<String>,
    /// Those that may still be there.
    pub(crate) not_looked_at: Vec<Brief>,
}

/// One reading.
#[data]
pub(crate) struct Read {
    /// What was asked for, for people: `open incidents`.
    pub(crate) what: String,
    /// Whether findings depend on it: those that were not read whole leave findings out.
    pub(crate) is_for_findings: bool,
    /// How it went.
    pub(crate) reading: Reading,
}

impl Report {
    /// A report that says nothing yet.
    pub(crate) fn new(kind: ReportKind, window: Window, call: &Call, now: Utc) -> Self {
        Self {
            schema: Schema::current(),
            kind,
            title: format!("{}: {}", kind.title(), window.name),
            source: Origin::Live,
            generated_at: now,
            event_id: call.id().to_owned(),
            window,
            is_complete: true,
            notes: Vec::new(),
            figures: Vec::new(),
            charts: Vec::new(),
            changes: None,
            rules_version: None,
            n_findings: 0,
            findings: Vec::new(),
            more_findings: Vec::new(),
            tables: Vec::new(),
            readings: Vec::new(),
        }
    }

    /// Records how something was read that only numbers and lists are made of.
    pub(crate) fn read<T>(&mut self, what: &str, source: &Source<T>) {
        self.record(what, false, source);
    }

    /// Records how something was read in which findings are looked for.
    pub(crate) fn searched<T>(&mut self, what: &str, source: &Source<T>) {
        self.record(what, true, source);
    }

    /// What was not read, or not to its end, makes the report one of a part.
    fn record<T>(&mut self, what: &str, is_for_findings: bool, source: &Source<T>) {
        let reading = source.reading.clone();
        self.is_complete &= reading.is_read && reading.is_complete;
        if reading.source.as_deref() == Some("mock") {
            self.source = Origin::Mock;
        }
        self.readings.push(Read { what: what.to_owned(), is_for_findings, reading });
    }

    /// Takes in what rules of this version found, the gravest first.
    pub(crate) fn find(&mut self, mut findings: Vec<Finding>, rules_version: u32) {
        self.rules_version = Some(rules_version);
        findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
        self.n_findings = findings.len();
        self.findings = findings;
    }

    /// What has to be said before anything else.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        match self.source {
            Origin::Live => None,
            Origin::Mock => Some("MOCK DATA: nothing in this report is true of any person, account or device"),
        }
    }

    /// Everything that a reader should know before believing it: its own notes, and what was not read.
    pub(crate) fn all_notes(&self) -> Vec<String> {
        let unread = self.readings.iter().filter_map(|Read { what, reading, .. }| {
            let why = super::tally::why_unknown(reading)?;
            let said = reading.notes.join("; ");
            Some(if said.is_empty() { format!("{why} ({what})") } else { format!("{why} ({what}): {said}") })
        });
        unread.chain(self.notes.iter().cloned()).collect()
    }

    /// A number that does not come from the rows of one system.
    pub(crate) fn figure(&mut self, group: &str, id: &str, name: &str, value: Option<usize>, note: Option<String>) {
        self.figures.push(Figure {
            id: id.to_owned(),
            group: group.to_owned(),
            name: name.to_owned(),
            value: value.map(|value| value as u64),
            note,
        });
    }

    /// A list. `note` says what a reader should know of it.
    pub(crate) fn table(
        &mut self,
        id: &str,
        title: &str,
        columns: &[&str],
        rows: Vec<Vec<Cell>>,
        note: Option<String>,
    ) {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        let (id, title, n_rows) = (id.to_owned(), title.to_owned(), rows.len());
        self.tables.push(Table { id, title, columns, rows, n_rows, note });
    }
}

impl Schema {
    pub(crate) fn current() -> Self {
        Self { name: SCHEMA.0.to_owned(), version: SCHEMA.1 }
    }
}

impl Origin {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Mock => "mock",
        }
    }
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl Window {
    /// How things stand now.
    pub(crate) fn at(now: Utc) -> Self {
        Self { name: format!("as of {now}"), from: None, to: now }
    }
}

impl Brief {
    pub(crate) fn of(finding: &Finding) -> Self {
        Self { id: finding.id.clone(), severity: finding.severity, summary: finding.summary.clone() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&Option<String>> for Cell {
    fn from(text: &Option<String>) -> Self {
        text.as_deref().map_or(Self::Missing, Self::from)
    }
}

impl From<Option<bool>> for Cell {
    fn from(flag: Option<bool>) -> Self {
        flag.map_or(Self::Missing, Self::Flag)
    }
}

impl From<Option<Utc>> for Cell {
    fn from(time: Option<Utc>) -> Self {
        time.map_or(Self::Missing, Self::Time)
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}
