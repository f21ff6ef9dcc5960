//! Incidents and changes: what came and went last week and this week, and what is still open.

use nexus_shard::{Call, Output, ToolError, Utc, tool};

use super::keep::{self, Generate, Generated};
use super::kind::ReportKind;
use super::model::{Bar, Cell, Chart, Report, Window};
use super::numbers::age_in_days;
use super::tally::{Tally, why_unknown};
use super::week::Week;
use crate::read::{self, Change, Incident, Source};

/// How long before last week an incident may have been created and still be counted when it is resolved, in days. A system
/// of tickets can be asked for what was created since a day, not for what was resolved.
const LOOK_BACK: i32 = 28;

/// Puts together the ITSM summary: incidents and changes of BMC Helix that were created in the last full ISO week (UTC) and in
/// this one so far, incidents that were resolved in them, and what is open now by status, priority, group and age.
///
/// An incident counts as resolved in a week if it was created at most four weeks before the last one. A number is null, with
/// the reason, where Helix did not answer with all it has. The result says what is different from the last summary. With
/// `save_to_file` (the default) it is kept as `itsm_summary_YYYY-wNN` in JSON, CSV, Markdown and HTML in the host's report
/// folder; nothing else is written.
#[tool(
    name = "generate_itsm_weekly_summary",
    title = "Generate the ITSM weekly summary",
    category = report,
    idempotent = false
)]
pub(crate) fn generate_itsm_weekly_summary(arguments: Generate, call: &Call) -> Result<Output<Generated>, ToolError> {
    let now = keep::now(call)?;
    let this = Week::of(now.date());
    let last = this.before();
    let since = last.begin().plus_days(-LOOK_BACK).unwrap_or(last.begin());
    let (open_incidents, open_changes) = read::tickets(call, None);
    let (incidents, changes) = read::tickets(call, Some(since));
    let is_read = [open_incidents.is_read(), open_changes.is_read(), incidents.is_read(), changes.is_read()];
    if !is_read.contains(&true) {
        let why = open_incidents.reading.notes.join("; ");
        return Err(ToolError::upstream(format!("BMC Helix did not answer: {why}")));
    }
    let window = Window { name: format!("{last}, and {this} so far"), from: Some(last.begin()), to: now };
    let mut report = Report::new(ReportKind::ItsmWeeklySummary, window, call, now);
    report.read("open incidents", &open_incidents);
    report.read("open changes", &open_changes);
    report.read("incidents of the last six weeks", &incidents);
    report.read("changes of the last six weeks", &changes);

    open(&mut report, &open_incidents, &open_changes, now);
    // Six weeks may be more than one call reads. Two are enough for what was created.
    let whole = incidents.proves_absence() && changes.proves_absence();
    let created = if whole { None } else { Some(read::tickets(call, Some(last.begin()))) };
    if let Some((incidents, changes)) = &created {
        report.read("incidents of the last two weeks", incidents);
        report.read("changes of the last two weeks", changes);
    }
    let (created_incidents, created_changes) =
        created.as_ref().map_or((&incidents, &changes), |(incidents, changes)| (incidents, changes));
    for week in [
        Span { id: "last_week", group: "Last week", week: last },
        Span { id: "this_week", group: "This week, so far", week: this },
    ] {
        week.count(&mut report, created_incidents, created_changes, &incidents, since);
    }
    tables(&mut report, &open_incidents, &open_changes, created_incidents, last, now);
    Ok(keep::finish(report, call, arguments.save_to_file))
}

/// A week, as the report calls it.
struct Span {
    id: &'static str,
    group: &'static str,
    week: Week,
}

impl Span {
    fn count(
        &self,
        report: &mut Report,
        incidents: &Source<Incident>,
        changes: &Source<Change>,
        resolved: &Source<Incident>,
        since: Utc,
    ) {
        let Self { id, group, week } = *self;
        let has = |moment: Option<Utc>| moment.is_some_and(|moment| week.has(moment));
        let tally = Tally::new(group, incidents);
        tally.noted(report, &format!("incidents_created_{id}"), "Incidents created", Some(week.to_string()), |it| {
            has(it.created_at)
        });
        let note = format!("{week}, of incidents created since {}", since.date());
        let name = "Incidents resolved";
        Tally::new(group, resolved)
            .noted(report, &format!("incidents_resolved_{id}"), name, Some(note), |it| has(it.resolved_at));
        let created = |it: &Incident| has(it.created_at);
        let title = |what: &str| format!("Incidents created in {week}, by {what}");
        tally.chart(report, &format!("incidents_{id}_by_status"), &title("status"), created, |it| it.status.as_deref());
        tally.chart(report, &format!("incidents_{id}_by_priority"), &title("priority"), created, |it| {
            it.priority.as_deref()
        });
        let tally = Tally::new(group, changes);
        tally.noted(report, &format!("changes_created_{id}"), "Changes created", Some(week.to_string()), |it| {
            has(it.created_at)
        });
        let created = |it: &Change| has(it.created_at);
        let title = |what: &str| format!("Changes created in {week}, by {what}");
        tally.chart(report, &format!("changes_{id}_by_status"), &title("status"), created, |it| it.status.as_deref());
        tally.chart(report, &format!("changes_{id}_by_type"), &title("type"), created, |it| it.change_type.as_deref());
    }
}

/// What is open, whenever it was created.
fn open(report: &mut Report, incidents: &Source<Incident>, changes: &Source<Change>, now: Utc) {
    let all = |_: &Incident| true;
    let tally = Tally::new("Open now", incidents);
    tally.figure(report, "incidents_open", "Open incidents", all);
    tally.figure(report, "incidents_unassigned", "Open incidents that nobody has", |it| it.assigned_to.is_none());
    tally.chart(report, "open_incidents_by_status", "Open incidents by status", all, |it| it.status.as_deref());
    tally.chart(report, "open_incidents_by_priority", "Open incidents by priority", all, |it| it.priority.as_deref());
    tally.chart(report, "open_incidents_by_group", "Open incidents by group", all, |it| it.assigned_group.as_deref());
    report.charts.push(ages(incidents, now));
    let tally = Tally::new("Open now", changes);
    tally.figure(report, "changes_open", "Open changes", |_| true);
    tally.chart(report, "open_changes_by_status", "Open changes by status", |_| true, |it| it.status.as_deref());
    tally.chart(report, "open_changes_by_type", "Open changes by type", |_| true, |it| it.change_type.as_deref());
}

/// Ages in the order of age, and not of number.
fn ages(incidents: &Source<Incident>, now: Utc) -> Chart {
    const AGES: [(&str, i64, i64); 5] = [
        ("up to a day", i64::MIN, 0),
        ("up to a week", 1, 6),
        ("up to 30 days", 7, 29),
        ("up to 90 days", 30, 89),
        ("longer", 90, i64::MAX),
    ];
    let note = why_unknown(&incidents.reading);
    let ages: Vec<_> = incidents.rows.iter().filter_map(|it| Some(age_in_days(it.created_at?, now))).collect();
    let bars = AGES.iter().map(|(label, from, to)| Bar {
        label: Some((*label).to_owned()),
        value: ages.iter().filter(|age| (from..=to).contains(age)).count() as u64,
    });
    let bars = if note.is_none() && !ages.is_empty() { bars.collect() } else { Vec::new() };
    Chart { id: "open_incidents_by_age".to_owned(), title: "Open incidents by age".to_owned(), bars, note }
}

fn tables(
    report: &mut Report,
    open_incidents: &Source<Incident>,
    open_changes: &Source<Change>,
    created: &Source<Incident>,
    last: Week,
    now: Utc,
) {
    let columns = ["Incident", "Status", "Priority", "Summary", "Group", "Assignee", "Created", "Age in days"];
    let rows = incidents(open_incidents.rows.iter().collect(), now);
    let note = why_unknown(&open_incidents.reading);
    report.table("open_incidents", "Open incidents, the oldest first", &columns, rows, note);
    let title = format!("Incidents created since {}, the oldest first", last.monday());
    let new = created.rows.iter().filter(|it| it.created_at.is_some_and(|at| at >= last.begin()));
    let rows = incidents(new.collect(), now);
    report.table("created_incidents", &title, &columns, rows, why_unknown(&created.reading));
    let mut open: Vec<_> = open_changes.rows.iter().collect();
    open.sort_by(|a, b| (a.created_at, &a.change_id).cmp(&(b.created_at, &b.change_id)));
    let rows = open.into_iter().map(|change| {
        vec![
            Cell::from(change.change_id.as_str()),
            Cell::from(&change.status),
            Cell::from(&change.change_type),
            Cell::from(&change.risk_level),
            Cell::from(&change.summary),
            Cell::from(change.created_at),
        ]
    });
    let columns = ["Change", "Status", "Type", "Risk", "Summary", "Created"];
    let note = why_unknown(&open_changes.reading);
    report.table("open_changes", "Open changes, the oldest first", &columns, rows.collect(), note);
}

fn incidents(mut incidents: Vec<&Incident>, now: Utc) -> Vec<Vec<Cell>> {
    incidents.sort_by(|a, b| (a.created_at, &a.incident_id).cmp(&(b.created_at, &b.incident_id)));
    let rows = incidents.into_iter().map(|incident| {
        let age = incident.created_at.and_then(|at| u64::try_from(age_in_days(at, now)).ok());
        vec![
            Cell::from(incident.incident_id.as_str()),
            Cell::from(&incident.status),
            Cell::from(&incident.priority),
            Cell::from(&incident.summary),
            Cell::from(&incident.assigned_group),
            Cell::from(&incident.assigned_to),
            Cell::from(incident.created_at),
            age.map_or(Cell::Missing, Cell::Number),
        ]
    });
    rows.collect()
}
