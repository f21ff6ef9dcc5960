//! What a finding rests on: what was said, by whom, and who did not answer.

use nexus_shard::{Date, Utc};

use crate::model::{Confidence, Finding, Kind, Level, Reading, Said, System};
use crate::read::{Devices, People};
use crate::rules::{Rule, Rules};
use crate::text;

/// Values of one finding, and reasons. A key that everybody has would make a finding as long as everybody.
const MOST_VALUES: usize = 50;

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(pub(crate) i64);

impl Day {
    /// The day in UTC.
    pub(crate) fn of(time: Utc) -> Self {
        Self(time.seconds_since_1970().div_euclid(24 * 60 * 60))
    }

    /// A day as Workday writes it: `YYYY-MM-DD`, in some tenants with an offset behind it that means nothing.
    pub(crate) fn parse(text: Option<&str>) -> Option<Self> {
        let (day, rest) = text::told(text)?.split_at_checked(10)?;
        let is_day = rest.is_empty() || rest.starts_with(['+', '-', 'Z', 'T']);
        let day = Date::parse(day).filter(|_| is_day)?;
        Utc::parse(&format!("{day}T00:00:00Z")).map(Self::of)
    }
}

/// The systems that were asked, and how they answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked<'a>(Vec<&'a Reading>);

impl<'a> Asked<'a> {
    pub(crate) fn of_people(people: &'a People) -> Self {
        Self(vec![&people.workers.reading, &people.ad.reading, &people.entra.reading])
    }

    /// Of the devices' systems, those that were meant to be asked.
    pub(crate) fn of_devices(devices: &'a Devices, systems: &[System]) -> Self {
        let all =
            [&devices.intune.reading, &devices.autopilot.reading, &devices.lansweeper.reading, &devices.cmdb.reading];
        Self(all.into_iter().filter(|reading| systems.contains(&reading.system)).collect())
    }

    pub(crate) fn of(readings: &'a [Reading]) -> Self {
        Self(readings.iter().collect())
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn reading(&self, system: System) -> Option<&'a Reading> {
        self.0.iter().copied().find(|reading| reading.system == system)
    }

    /// Whether the system was asked and answered.
    pub(crate) fn is_read(&self, system: System) -> bool {
        self.reading(system).is_some_and(|reading| reading.is_read)
    }

    /// Whether what the system did not show is not there.
    pub(crate) fn proves_absence(&self, system: System) -> bool {
        self.reading(system).is_some_and(|reading| reading.is_read && reading.is_complete)
    }

    /// What a system says that has a record. Nothing of a system that did not answer.
    pub(crate) fn said(&self, system: System, value: Option<&str>) -> Option<Said> {
        let as_of = self.reading(system).filter(|reading| reading.is_read)?.as_of?;
        Some(Said { system, value: value.map(text::bounded), is_present: true, as_of })
    }

    /// That a system has no record, if it proves that.
    pub(crate) fn absent(&self, system: System) -> Option<Said> {
        let as_of = self.reading(system).filter(|_| self.proves_absence(system))?.as_of?;
        Some(Said { system, value: None, is_present: false, as_of })
    }

    /// Which of a rule's systems could not be looked at, or not wholly.
    fn gaps(&self, systems: &[System]) -> Vec<String> {
        let gap = |reading: &&Reading| {
            let name = reading.system.name();
            if !reading.is_read {
                Some(format!("{name} did not answer: what it would say is not known"))
            } else if !reading.is_complete {
                Some(format!("{name} was not read completely"))
            } else {
                None
            }
        };
        self.0.iter().filter(|reading| systems.contains(&reading.system)).filter_map(gap).collect()
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) identifier: &'a str,
}

/// What it rests on.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) values: Vec<Said>,
    pub(crate) confidence: Confidence,
    pub(crate) missing: Vec<String>,
}

impl Evidence {
    pub(crate) fn new(values: Vec<Said>, confidence: Confidence) -> Self {
        Self { values, confidence, missing: Vec::new() }
    }

    /// Adds what could not be looked at.
    pub(crate) fn missing(mut self, what: Option<String>) -> Self {
        self.missing.extend(what);
        self
    }
}

impl Subject<'_> {
    /// A finding about the subject. `says` goes on where the subject's name ends.
    pub(crate) fn finding(
        &self,
        (rules, asked): (&Rules, &Asked<'_>),
        rule: Rule,
        says: &str,
        evidence: Evidence,
    ) -> Finding {
        let entry = rules.entry(rule);
        let identifier = text::bounded(self.identifier);
        let mut values = evidence.values;
        values.sort_by(|a, b| (a.system, &a.value).cmp(&(b.system, &b.value)));
        let mut missing = evidence.missing;
        if let Some(more) = values.len().checked_sub(MOST_VALUES).filter(|more| *more > 0) {
            values.truncate(MOST_VALUES);
            missing.push(format!("{more} more records are not shown"));
        }
        let mut confidence = evidence.confidence;
        confidence.reasons.truncate(MOST_VALUES);
        missing.extend(asked.gaps(&entry.systems));
        Finding {
            // A system that writes it in other letters, or did not answer, makes it no other finding.
            id: format!("{}:{}", rule.id(), text::folded(&identifier)),
            rule: rule.id().to_owned(),
            rule_version: entry.version,
            severity: entry.severity,
            kind: self.kind,
            subject: text::bounded(self.name),
            identifier,
            field: None,
            summary: text::bounded(&format!("{}: {says}", text::named(self.name))),
            values,
            authority: entry.authority,
            confidence,
            missing,
            exception: None,
        }
    }
}

/// The weakest of several degrees, with all reasons.
pub(crate) fn confidence(parts: impl IntoIterator<Item = (Level, String)>) -> Confidence {
    let (levels, reasons): (Vec<Level>, Vec<String>) = parts.into_iter().unzip();
    Confidence { level: levels.into_iter().min().unwrap_or(Level::High), reasons }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1 account`, `2 accounts`.
pub(crate) fn counted(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}
