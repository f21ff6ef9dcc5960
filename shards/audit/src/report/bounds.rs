//! How much of a report is told. The host keeps no artifact above 16 MiB, and a model reads no list of thousands.

use nexus_shard::serde::Serialize;
use nexus_shard::serde_json;

use super::model::{Brief, Report};
use super::tally::drawn;

/// Bytes of one artifact, as the manifest says.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;

const KIB: usize = 1024;

/// How many entries of a list are in the result of a tool. The artifacts have the rest.
const RESULT_FINDINGS: usize = 50;
const RESULT_ROWS: usize = 20;

/// Cuts a report to what fits into an artifact. What is cut is said, and still counted.
pub(crate) fn to_fit(mut report: Report) -> Report {
    let findings = std::mem::take(&mut report.findings);
    let whole = how_many(&findings, 6 * KIB * KIB);
    let more: Vec<_> = findings.iter().skip(whole).map(Brief::of).collect();
    report.findings = findings.into_iter().take(whole).collect();
    let brief = how_many(&more, 3 * KIB * KIB / 2);
    if !more.is_empty() {
        report.notes.push(format!(
            "too many findings for one report: the gravest {whole} are told whole, {brief} in brief, and {} are counted only",
            more.len() - brief
        ));
    }
    report.more_findings = more.into_iter().take(brief).collect();
    if let Some(found) = report.changes.as_mut().and_then(|changes| changes.findings.as_mut()) {
        cut(&mut found.new, KIB * KIB);
        cut(&mut found.gone, KIB * KIB);
        cut(&mut found.not_looked_at, KIB * KIB);
        cut(&mut found.still, KIB * KIB / 2);
    }
    let mut left = 4 * KIB * KIB;
    for table in &mut report.tables {
        left = left.saturating_sub(cut(&mut table.rows, left));
        if table.rows.len() < table.n_rows {
            let listed = table.rows.len();
            let note = format!("too long for one report: the first {listed} of {} are listed", table.n_rows);
            table.note = Some(table.note.take().map_or(note.clone(), |old| format!("{old}; {note}")));
        }
    }
    report
}

/// Cuts a report to what a model should read at once. Lists say beside them how long they are.
pub(crate) fn to_read(mut report: Report) -> Report {
    report.findings.truncate(RESULT_FINDINGS);
    report.more_findings.clear();
    for table in &mut report.tables {
        table.rows.truncate(RESULT_ROWS);
    }
    for chart in &mut report.charts {
        chart.bars = drawn(&chart.bars);
    }
    if let Some(found) = report.changes.as_mut().and_then(|changes| changes.findings.as_mut()) {
        found.new.truncate(RESULT_FINDINGS);
        found.gone.truncate(RESULT_FINDINGS);
        found.not_looked_at.truncate(RESULT_FINDINGS);
        found.still.truncate(RESULT_FINDINGS);
    }
    report
}

/// Leaves as many from the front as fit into so many bytes of JSON, and returns how many those take.
fn cut<T: Serialize>(list: &mut Vec<T>, most: usize) -> usize {
    list.truncate(how_many(list, most));
    list.iter().map(size).sum()
}

fn how_many<T: Serialize>(list: &[T], most: usize) -> usize {
    let sizes = list.iter().scan(0, |sum: &mut usize, item| {
        *sum = sum.saturating_add(size(item));
        Some(*sum)
    });
    sizes.take_while(|sum| *sum <= most).count()
}

/// As JSON, with the comma after it.
fn size<T: Serialize>(item: &T) -> usize {
    serde_json::to_string(item).map_or(usize::MAX, |text| text.len().saturating_add(1))
}
