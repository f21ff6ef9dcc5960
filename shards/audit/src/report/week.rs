//! Weeks by ISO 8601, in UTC: from Monday 00:00 up to, and without, the next Monday 00:00.

use std::fmt;

use nexus_shard::{Date, Utc};

use super::model::Window;

/// A week. It counts to the year that has its Thursday: 2027-01-01 is in week 53 of 2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Week {
    monday: Date,
}

impl Week {
    /// The week that has this day.
    pub(crate) fn of(day: Date) -> Self {
        // Only in the first days of the year 0 is there no Monday before.
        Self { monday: day.plus_days(-i32::from(day.days_since_monday())).unwrap_or(day) }
    }

    /// The week before.
    pub(crate) fn before(self) -> Self {
        Self { monday: self.monday.plus_days(-7).unwrap_or(self.monday) }
    }

    /// Its first day.
    pub(crate) fn monday(self) -> Date {
        self.monday
    }

    /// Its first moment.
    pub(crate) fn begin(self) -> Utc {
        self.monday.begin()
    }

    /// The first moment after it.
    pub(crate) fn end(self) -> Utc {
        let next = self.monday.plus_days(7).unwrap_or(self.monday);
        next.begin()
    }

    /// Whether the moment is in it.
    pub(crate) fn has(self, moment: Utc) -> bool {
        self.begin() <= moment && moment < self.end()
    }

    /// What of it is over.
    pub(crate) fn so_far(self, now: Utc) -> Window {
        Window { name: format!("{self}, so far"), from: Some(self.begin()), to: now }
    }
}

/// `2026-W25`
impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, number) = self.monday.iso_week();
        write!(f, "{year:04}-W{number:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_named_and_bounded_by_iso_8601() {
        for (day, name, begin, end) in [
            ("2027-01-01", "2026-W53", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
            ("2025-12-29", "2026-W01", "2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z"),
            ("2024-12-30", "2025-W01", "2024-12-30T00:00:00Z", "2025-01-06T00:00:00Z"),
            ("2021-01-03", "2020-W53", "2020-12-28T00:00:00Z", "2021-01-04T00:00:00Z"),
            ("2026-06-15", "2026-W25", "2026-06-15T00:00:00Z", "2026-06-22T00:00:00Z"),
            ("2026-06-14", "2026-W24", "2026-06-08T00:00:00Z", "2026-06-15T00:00:00Z"),
        ] {
            let week = Week::of(Date::parse(day).unwrap());
            assert_eq!(week.to_string(), name);
            assert_eq!((week.begin().to_string(), week.end().to_string()), (begin.to_owned(), end.to_owned()), "{day}");
        }
    }

    #[test]
    fn a_week_has_its_first_moment_and_not_the_first_of_the_next() {
        let week = Week::of(Date::parse("2026-06-17").unwrap());
        for (moment, is_in) in [
            ("2026-06-14T23:59:59.999Z", false),
            ("2026-06-15T00:00:00Z", true),
            ("2026-06-15T01:00:00+02:00", false),
            ("2026-06-21T23:59:59.999Z", true),
            ("2026-06-22T00:00:00Z", false),
        ] {
            assert_eq!(week.has(Utc::parse(moment).unwrap()), is_in, "{moment}");
        }
        assert_eq!(week.before().to_string(), "2026-W24");
    }
}
