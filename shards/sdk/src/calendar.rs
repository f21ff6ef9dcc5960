//! Points in time and days, as upstreams write them and as results show them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{OffsetDateTime, UtcDateTime};

/// A point in time, for replies and for results.
///
/// It is read from RFC 3339 with any offset. The offset may lack its colon, as AR System writes it
/// (`2022-06-21T11:08:05.000+0000`). A time without an offset is an error: it names a different time in every zone.
///
/// It is written as RFC 3339 in UTC, `2026-06-15T09:00:00Z`, with as many digits below the second as it had, but for
/// zeros at the end. Its schema is a string of the format `date-time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(UtcDateTime);

/// A day of the calendar, without a time or a place, for replies and for results: `YYYY-MM-DD` and nothing else.
///
/// Its schema is a string of the format `date`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(time::Date);

impl Utc {
    /// Reads a time with an offset. `None` if the text is anything else, or has more than nine digits below the second.
    pub fn parse(text: &str) -> Option<Self> {
        let (_, fraction) = text.split_once('.').unwrap_or_default();
        if fraction.bytes().take_while(u8::is_ascii_digit).count() > 9 {
            return None;
        }
        let time = OffsetDateTime::parse(&with_colon(text), &Rfc3339).ok()?.checked_to_utc()?;
        // RFC 3339 has no way to write the year before 0000, where an offset can lead.
        (time.year() >= 0).then_some(Self(time))
    }

    /// The time so long after 1970-01-01T00:00:00Z, as [`crate::Call::now`] tells it. `None` after the year 9999.
    pub fn since_1970(time: Duration) -> Option<Self> {
        let time = time::Duration::try_from(time).ok()?;
        UtcDateTime::UNIX_EPOCH.checked_add(time).map(Self)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down; negative before.
    pub fn seconds_since_1970(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// The time so many nanoseconds after 1970-01-01T00:00:00Z, or before it. `None` outside of the years 0 to 9999.
    pub(crate) fn from_nanoseconds_since_1970(nanoseconds: i128) -> Option<Self> {
        let time = UtcDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
        (time.year() >= 0).then_some(Self(time))
    }

    pub(crate) fn nanoseconds_since_1970(self) -> i128 {
        self.0.unix_timestamp_nanos()
    }

    /// The day in UTC.
    pub fn date(self) -> Date {
        Date(self.0.date())
    }

    /// The same time of day so many days later, or earlier. `None` outside of the years 0 to 9999.
    pub fn plus_days(self, days: i32) -> Option<Self> {
        let time = self.0.checked_add(time::Duration::days(days.into()))?;
        (time.year() >= 0).then_some(Self(time))
    }
}

impl Date {
    /// Reads a day. `None` if the text is anything else, or no day of the calendar.
    pub fn parse(text: &str) -> Option<Self> {
        let separated = text.len() == 10 && [4, 7].iter().all(|&at| text.as_bytes().get(at) == Some(&b'-'));
        let digits = text.bytes().filter(u8::is_ascii_digit).count() == 8;
        if separated && digits { time::Date::parse(text, &Iso8601::DATE).ok().map(Self) } else { None }
    }

    /// The week by ISO 8601: the year that it counts to, and its number from 1. Weeks begin on Monday and count to the year
    /// that has their Thursday, so 2027-01-01 is in week 53 of 2026.
    pub fn iso_week(self) -> (i32, u8) {
        let (year, week, _) = self.0.to_iso_week_date();
        (year, week)
    }

    /// Days since the last Monday: 0 on a Monday, 6 on a Sunday.
    pub fn days_since_monday(self) -> u8 {
        self.0.weekday().number_days_from_monday()
    }

    /// The day so many days later, or earlier. `None` outside of the years 0 to 9999.
    pub fn plus_days(self, days: i32) -> Option<Self> {
        let day = self.0.checked_add(time::Duration::days(days.into()))?;
        (day.year() >= 0).then_some(Self(day))
    }

    /// Days since 1970-01-01; negative before.
    pub fn days_since_1970(self) -> i32 {
        self.0.to_julian_day() - UtcDateTime::UNIX_EPOCH.date().to_julian_day()
    }

    /// Its first moment in UTC.
    pub fn begin(self) -> Utc {
        Utc(UtcDateTime::new(self.0, time::Time::MIDNIGHT))
    }
}

/// `+0000` as `+00:00`.
fn with_colon(text: &str) -> Cow<'_, str> {
    let offset = text.len().checked_sub(5).and_then(|at| text.split_at_checked(at));
    match offset {
        Some((time, offset)) if offset.starts_with(['+', '-']) && !offset.contains(':') => {
            let (hours, minutes) = offset.split_at(3);
            format!("{time}{hours}:{minutes}").into()
        }
        _ => text.into(),
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("expected a time with an offset"))
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("expected a day, YYYY-MM-DD"))
    }
}

impl JsonSchema for Utc {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Utc".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl JsonSchema for Date {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reply, nullable, schema, serde_json::json};

    #[test]
    fn a_time_of_any_offset_becomes_the_same_time_in_utc() {
        for (sent, shown) in [
            ("2026-06-15T09:00:00Z", "2026-06-15T09:00:00Z"),
            ("2026-06-15T09:00:00+00:00", "2026-06-15T09:00:00Z"),
            ("2026-06-15T09:00:00-00:00", "2026-06-15T09:00:00Z"),
            ("2022-06-21T11:08:05.000+0000", "2022-06-21T11:08:05Z"),
            ("2022-06-21T23:08:05.250-0530", "2022-06-22T04:38:05.25Z"),
            ("2026-01-01T01:30:00+02:00", "2025-12-31T23:30:00Z"),
            ("2026-06-15T09:00:00.1234567Z", "2026-06-15T09:00:00.1234567Z"),
            ("2026-06-15T09:00:00.123456789Z", "2026-06-15T09:00:00.123456789Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("2024-02-29T00:00:00z", "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(Utc::parse(sent).map(|time| time.to_string()).as_deref(), Some(shown), "{sent}");
        }
    }

    #[test]
    fn what_could_be_another_time_is_no_time() {
        for text in [
            "",
            "2026-06-15",
            "2026-06-15T09:00:00",
            "2026-06-15 09:00:00",
            "2026-06-15T09:00:00.123",
            "2026-06-15T09:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-06-15T24:00:00Z",
            "2026-06-15T09:60:00Z",
            "2026-06-15T09:00:00+24:00",
            "2026-06-15T09:00:00+0",
            "2026-06-15T09:00:00+00",
            "2026-06-15T09:00:00 +0000",
            "2026-06-15T09:00:00+00000",
            "2026-06-15T09:00:00.1234567891Z",
            "2026-06-15T09:00:00,5Z",
            "2026-06-15T09:00:00Z ",
            " 2026-06-15T09:00:00Z",
            "2026-06-15T09:00:00Z[Europe/Paris]",
            "20260615T090000Z",
            "+2026-06-15T09:00:00Z",
            "-2026-06-15T09:00:00Z",
            "12026-06-15T09:00:00Z",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "1781514000",
            "15.06.2026 09:00:00+0000",
            "２０２６-06-15T09:00:00Z",
            "2026-06-15T09:00:00\u{2212}0100",
        ] {
            assert_eq!(Utc::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_in_the_order_in_which_they_happen() {
        let earlier = Utc::parse("2026-06-15T10:00:00+02:00").unwrap();
        let later = Utc::parse("2026-06-15T09:00:00Z").unwrap();
        assert!(earlier < later);
        assert_eq!(later.seconds_since_1970() - earlier.seconds_since_1970(), 3600);
        assert_eq!(Utc::since_1970(Duration::from_secs(1_781_514_000)), Some(later));
        assert_eq!(Utc::since_1970(Duration::from_millis(500)).unwrap().to_string(), "1970-01-01T00:00:00.5Z");
        assert_eq!(Utc::since_1970(Duration::MAX), None);
        assert_eq!(Utc::since_1970(Duration::from_secs(253_402_300_800)), None);
        assert_eq!(Utc::parse("1969-12-31T23:59:59.5Z").unwrap().seconds_since_1970(), -1);
        assert_eq!(later.date(), Date::parse("2026-06-15").unwrap());
    }

    #[test]
    fn a_day_is_one_of_the_calendar_and_written_in_one_way() {
        for (text, fits) in [
            ("2026-06-15", true),
            ("2024-02-29", true),
            ("0001-01-01", true),
            ("9999-12-31", true),
            ("2026-02-29", false),
            ("2026-00-01", false),
            ("2026-6-5", false),
            ("20260615", false),
            ("2026-W25-1", false),
            ("2026-166", false),
            ("2026-06-15T00:00:00Z", false),
            ("2026-06-15Z", false),
            ("15/06/2026", false),
            ("-026-06-15", false),
            ("２026-06-1", false),
            ("", false),
        ] {
            assert_eq!(Date::parse(text).map(|day| day.to_string()).as_deref(), fits.then_some(text), "{text}");
        }
        assert!(Date::parse("2025-12-31") < Date::parse("2026-01-01"));
    }

    #[test]
    fn a_week_counts_to_the_year_that_has_its_thursday() {
        for (day, week, since_monday) in [
            ("2027-01-01", (2026, 53), 4),
            ("2025-12-28", (2025, 52), 6),
            ("2025-12-29", (2026, 1), 0),
            ("2024-12-30", (2025, 1), 0),
            ("2021-01-03", (2020, 53), 6),
            ("2021-01-04", (2021, 1), 0),
            ("2016-01-01", (2015, 53), 4),
            ("2026-06-15", (2026, 25), 0),
        ] {
            let day = Date::parse(day).unwrap();
            assert_eq!((day.iso_week(), day.days_since_monday()), (week, since_monday), "{day}");
        }
    }

    #[test]
    fn days_are_counted_across_months_and_not_out_of_the_calendar() {
        let day = |text| Date::parse(text).unwrap();
        for (from, days, to) in [
            ("2026-06-15", 0, Some("2026-06-15")),
            ("2026-06-15", -15, Some("2026-05-31")),
            ("2024-02-28", 1, Some("2024-02-29")),
            ("2025-12-29", 7, Some("2026-01-05")),
            ("9999-12-31", 1, None),
            ("0000-01-01", -1, None),
            ("2026-06-15", i32::MAX, None),
        ] {
            let later = day(from).plus_days(days);
            assert_eq!(later, to.map(day), "{from} {days}");
            assert_eq!(day(from).begin().plus_days(days), to.map(|to| day(to).begin()), "{from} {days}");
            assert!(later.is_none_or(|later| later.days_since_1970() - day(from).days_since_1970() == days));
        }
        assert_eq!(day("1970-01-01").days_since_1970(), 0);
        assert_eq!(day("1969-12-31").days_since_1970(), -1);
        assert_eq!(day("2026-06-15").begin().to_string(), "2026-06-15T00:00:00Z");
    }

    #[crate::data]
    #[derive(serde::Deserialize)]
    struct Row {
        /// When.
        at: Utc,
        #[serde(deserialize_with = "nullable")]
        #[field(class = person)]
        born: Option<Date>,
    }

    #[test]
    fn a_reply_is_read_by_the_types_and_a_result_shows_them() {
        let read = |body: &str| Reply { body: body.as_bytes().to_vec(), ..Reply::default() }.json::<Row>();
        let row = read(r#"{"at":"2022-06-21T11:08:05.000+0000","born":null}"#).unwrap();
        assert_eq!(serde_json::to_value(&row).unwrap(), json!({ "at": "2022-06-21T11:08:05Z", "born": null }));
        for (body, at) in [
            (r#"{"at":"2022-06-21T11:08:05","born":null}"#, "at at"),
            (r#"{"at":1655809685,"born":null}"#, "at at"),
            (r#"{"at":"2022-06-21T11:08:05Z","born":"1999-02-30"}"#, "at born"),
            (r#"{"at":"2022-06-21T11:08:05Z"}"#, "(no born)"),
        ] {
            let error = read(body).unwrap_err();
            assert!(error.text().ends_with(at), "{error}");
        }
        assert_eq!(
            schema::of_data::<Row>()["properties"],
            json!({
                "at": { "type": "string", "format": "date-time", "description": "When." },
                "born": { "type": ["string", "null"], "format": "date", "x-nexus-class": "person" },
            })
        );
    }
}
