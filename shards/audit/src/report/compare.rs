//! What is different from the report before. Only what both say is compared, and only where both looked.

use std::collections::{BTreeMap, BTreeSet};

use nexus_shard::serde_json;
use nexus_shard::{Call, Utc};
use serde::Deserialize;

use super::kind::ReportKind;
use super::model::{Brief, Changes, FigureChange, FindingChanges, Origin, Report, Schema};
use crate::model::{Reading, System};

/// What is read of an earlier report.
#[derive(Deserialize)]
struct Previous {
    kind: ReportKind,
    source: Origin,
    generated_at: Utc,
    window: Named,
    figures: Vec<Number>,
    rules_version: Option<u32>,
    n_findings: usize,
    findings: Vec<Brief>,
    more_findings: Vec<Brief>,
    readings: Vec<Read>,
}

/// The form comes first: nothing else is looked at in a document of another.
#[derive(Deserialize)]
struct Form {
    schema: Schema,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Number {
    id: String,
    value: Option<u64>,
}

#[derive(Deserialize)]
struct Read {
    what: String,
    is_for_findings: bool,
    reading: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    system: System,
    is_read: bool,
    is_complete: bool,
}

/// What was read, and of what.
type Sight = (System, String);

/// Adds to a report what is different from the one kept before it. One that cannot be read is a note and no error: the
/// report is worth having without.
pub(crate) fn compare(report: &mut Report, call: &Call) {
    let kept = match call.latest(report.kind.prefix(), "application/json") {
        Ok(Some(kept)) => kept,
        Ok(None) => {
            report.notes.push("there is no earlier report of this kind to compare with".to_owned());
            return;
        }
        Err(refusal) => {
            report.notes.push(format!("the report before could not be had ({}): nothing is compared", refusal.code()));
            return;
        }
    };
    match previous(&kept.data, report) {
        Ok(previous) => report.changes = Some(changes(report, previous, kept.uri)),
        Err(why) => report.notes.push(format!("{} is not compared with: {why}", kept.name)),
    }
}

fn previous(data: &[u8], report: &Report) -> Result<Previous, &'static str> {
    let unreadable = "it cannot be read as a report";
    let form: Form = serde_json::from_slice(data).map_err(|_| unreadable)?;
    if form.schema != report.schema {
        return Err("it is of another form or version");
    }
    let previous: Previous = serde_json::from_slice(data).map_err(|_| unreadable)?;
    if previous.kind != report.kind {
        return Err("it is a report of another kind");
    }
    if previous.source != report.source {
        return Err("one of the two is of mock data");
    }
    Ok(previous)
}

fn changes(report: &Report, previous: Previous, uri: String) -> Changes {
    let before: BTreeMap<_, _> = previous.figures.iter().map(|figure| (figure.id.as_str(), figure.value)).collect();
    let figures = report.figures.iter().map(|figure| {
        let before = before.get(figure.id.as_str()).copied().flatten();
        let both = before.and_then(|before| Some((i64::try_from(before).ok()?, i64::try_from(figure.value?).ok()?)));
        FigureChange {
            id: figure.id.clone(),
            name: format!("{}: {}", figure.group, figure.name),
            before,
            now: figure.value,
            change: both.and_then(|(before, now)| now.checked_sub(before)),
        }
    });
    let figures = figures.collect();
    let mut notes = Vec::new();
    let findings = findings(report, &previous, &mut notes);
    Changes {
        previous_uri: uri,
        previous_generated_at: previous.generated_at,
        previous_window: previous.window.name,
        figures,
        findings,
        notes,
    }
}

fn findings(report: &Report, previous: &Previous, notes: &mut Vec<String>) -> Option<FindingChanges> {
    if previous.findings.len() + previous.more_findings.len() != previous.n_findings {
        notes.push("the report before had more findings than it lists: findings are not compared".to_owned());
        return None;
    }
    if previous.rules_version != report.rules_version {
        notes.push(
            "the rules are of another version than last time: some findings may be new or gone by that".to_owned(),
        );
    }
    let (seen_now, seen_before) = (sight(report), previous.sight());
    let blind: Vec<_> = seen_before.difference(&seen_now).map(name).collect();
    if !blind.is_empty() {
        notes.push(format!(
            "findings that are not there any more may still be there: this time {} could not be read whole",
            blind.join(", ")
        ));
    }
    let fresh: Vec<_> = seen_now.difference(&seen_before).map(name).collect();
    if !fresh.is_empty() {
        notes
            .push(format!("findings that look new may be old: last time {} could not be read whole", fresh.join(", ")));
    }
    let before: BTreeMap<_, _> =
        previous.findings.iter().chain(&previous.more_findings).map(|brief| (brief.id.as_str(), brief)).collect();
    let now: BTreeSet<_> = report.findings.iter().map(|finding| finding.id.as_str()).collect();
    let mut missing: Vec<Brief> =
        before.iter().filter(|(id, _)| !now.contains(*id)).map(|(_, &brief)| brief.clone()).collect();
    missing.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let (gone, not_looked_at) = if blind.is_empty() { (missing, Vec::new()) } else { (Vec::new(), missing) };
    let new = report.findings.iter().filter(|finding| !before.contains_key(finding.id.as_str()));
    let new: Vec<_> = new.map(Brief::of).collect();
    let still: Vec<_> = now.iter().filter(|id| before.contains_key(*id)).map(|&id| id.to_owned()).collect();
    Some(FindingChanges {
        n_new: new.len(),
        n_gone: gone.len(),
        n_still: still.len(),
        n_not_looked_at: not_looked_at.len(),
        new,
        gone,
        still,
        not_looked_at,
    })
}

/// Where findings were looked for, and all of it was there.
fn sight(report: &Report) -> BTreeSet<Sight> {
    let whole = |reading: &Reading| reading.is_read && reading.is_complete;
    let searched = report.readings.iter().filter(|read| read.is_for_findings && whole(&read.reading));
    searched.map(|read| (read.reading.system, read.what.clone())).collect()
}

impl Previous {
    fn sight(&self) -> BTreeSet<Sight> {
        let whole = |reading: &Outcome| reading.is_read && reading.is_complete;
        let searched = self.readings.iter().filter(|read| read.is_for_findings && whole(&read.reading));
        searched.map(|read| (read.reading.system, read.what.clone())).collect()
    }
}

fn name((system, what): &Sight) -> String {
    format!("{} ({what})", system.name())
}
