//! Numbers from rows. A number is known only if the system was read whole: the length of a part is no total.

use std::collections::BTreeMap;

use super::model::{Bar, Chart, Figure, Report};
use crate::model::Reading;
use crate::read::Source;

const MOST_BARS: usize = 12;

/// Counts the rows of one source into a report.
pub(crate) struct Tally<'a, T> {
    group: &'static str,
    source: &'a Source<T>,
}

impl<'a, T> Tally<'a, T> {
    /// `group` is what the numbers are a part of, for people.
    pub(crate) fn new(group: &'static str, source: &'a Source<T>) -> Self {
        Self { group, source }
    }

    /// How many rows fit.
    pub(crate) fn figure(&self, report: &mut Report, id: &str, name: &str, fits: impl Fn(&T) -> bool) {
        self.noted(report, id, name, None, fits);
    }

    /// The same, with something that a reader of the number should know.
    pub(crate) fn noted(
        &self,
        report: &mut Report,
        id: &str,
        name: &str,
        note: Option<String>,
        fits: impl Fn(&T) -> bool,
    ) {
        let why_not = why_unknown(&self.source.reading);
        report.figures.push(Figure {
            id: id.to_owned(),
            group: self.group.to_owned(),
            name: name.to_owned(),
            value: why_not.is_none().then(|| self.source.rows.iter().filter(|row| fits(row)).count() as u64),
            note: why_not.or(note),
        });
    }

    /// How many rows there are of each kind, among those that fit.
    pub(crate) fn chart(
        &self,
        report: &mut Report,
        id: &str,
        title: &str,
        fits: impl Fn(&T) -> bool,
        label: impl Fn(&T) -> Option<&str>,
    ) {
        let note = why_unknown(&self.source.reading);
        let labels = self.source.rows.iter().filter(|row| fits(row)).map(label);
        let bars = if note.is_none() { bars(labels) } else { Vec::new() };
        report.charts.push(Chart { id: id.to_owned(), title: title.to_owned(), bars, note });
    }
}

/// The largest first, and those that the system does not name last.
pub(crate) fn bars<'a>(labels: impl Iterator<Item = Option<&'a str>>) -> Vec<Bar> {
    let mut counts = BTreeMap::<Option<&str>, u64>::new();
    for label in labels {
        *counts.entry(label.filter(|label| !label.trim().is_empty())).or_default() += 1;
    }
    let mut bars: Vec<_> =
        counts.into_iter().map(|(label, value)| Bar { label: label.map(str::to_owned), value }).collect();
    bars.sort_by(|a, b| a.label.is_none().cmp(&b.label.is_none()).then(b.value.cmp(&a.value)));
    bars
}

/// As many bars as can be told apart at a glance: the largest, and the others as one.
pub(crate) fn drawn(bars: &[Bar]) -> Vec<Bar> {
    if bars.len() <= MOST_BARS {
        return bars.to_vec();
    }
    let (large, small) = bars.split_at(MOST_BARS - 1);
    let label = Some(format!("others ({} kinds)", small.len()));
    let others = Bar { label, value: small.iter().map(|bar| bar.value).sum() };
    large.iter().cloned().chain([others]).collect()
}

/// Why a system's rows cannot be counted, if they cannot.
pub(crate) fn why_unknown(reading: &Reading) -> Option<String> {
    let name = reading.system.name();
    if !reading.is_read {
        Some(format!("{name} was not read"))
    } else if !reading.is_complete {
        Some(format!("{name} was not read to its end"))
    } else {
        None
    }
}
