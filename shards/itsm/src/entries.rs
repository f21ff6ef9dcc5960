//! Entries of a form of AR System.
//!
//! The number that people know (`INC000000012345`) is a field like others. The id by which the path of an entry names it is
//! another one, and may equal the number of another entry, so nothing here uses it.

use nexus_shard::ar::{self, Qualification};
use nexus_shard::offset::{self, Page, Slice};
use nexus_shard::rows::Rows;
use nexus_shard::{Call, Request, Source, ToolError, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::helix;

/// Entries asked for at once.
const PAGE: u32 = 500;

/// A form, and what is asked of it.
pub(crate) struct Form {
    /// The form's name, as in the path.
    pub(crate) name: &'static str,
    /// One of its entries, for errors: `incident`.
    pub(crate) thing: &'static str,
    pub(crate) source: Source,
    /// The field that holds the number. No two entries share one, so that a list sorted by it can be read in pages.
    pub(crate) number: &'static str,
    /// The fields to ask for. An entry has a hundred more, with addresses and telephone numbers of people.
    pub(crate) fields: &'static [&'static str],
}

/// The field with the time of submission, in every form.
const SUBMITTED: &str = "Submit Date";

/// An entry as it comes: the fields of `FORM`.
pub(crate) trait Entry: DeserializeOwned {
    const FORM: Form;

    /// The value of the form's `number` field.
    fn number(&self) -> &str;
}

/// An entry that can be listed by the time of its submission.
pub(crate) trait Ticket: Entry {
    /// The value of the field `Submit Date`.
    fn submitted(&self) -> Utc;
}

/// Entries that meet a condition, the highest number first.
fn list<T: Entry>(call: &Call, condition: &Qualification, limit: u32) -> Result<Rows<T>, ToolError> {
    let ask = |slice: Slice| {
        let request = request::<T>(call, condition)?
            .query("sort", format!("{}.desc", T::FORM.number))
            .query("limit", slice.limit)
            .query("offset", slice.offset);
        Ok(Page { rows: read::<T>(call, request)?, total: None })
    };
    offset::pages(call, helix::bounds(limit), 0, PAGE, T::number, |slice| helix::filled(slice, ask))
}

/// The status that tickets are to have: the one asked for; else one before `end`, unless a time is asked for, of which all
/// are wanted.
pub(crate) fn status(
    field: &'static str,
    asked: Option<&str>,
    end: &str,
    since: Option<Utc>,
) -> Result<Qualification, ToolError> {
    let status = ar::field(field);
    let submitted = since.map(|since| ar::field(SUBMITTED).since(since));
    match (asked, submitted) {
        (Some(asked), Some(submitted)) => Ok(status.eq(asked)?.and(submitted)),
        (Some(asked), None) => status.eq(asked),
        (None, Some(submitted)) => Ok(submitted),
        (None, None) => status.lt(end),
    }
}

/// Tickets that meet a condition, the highest number first. `since` is part of the condition: an older one shows that the
/// server reads a time in another way, and then the newer ones may be missing.
pub(crate) fn tickets<T: Ticket>(
    call: &Call,
    condition: &Qualification,
    since: Option<Utc>,
    limit: u32,
) -> Result<Rows<T>, ToolError> {
    let rows = list::<T>(call, condition, limit)?;
    if rows.rows.iter().any(|row| since.is_some_and(|since| row.submitted() < since)) {
        return Err(ToolError::upstream(format!(
            "{} answered with {} from before created_since; none are shown",
            helix::UPSTREAM,
            T::FORM.source.what
        )));
    }
    Ok(rows)
}

/// The entry that has this number.
pub(crate) fn one<T: Entry>(call: &Call, number: &str) -> Result<T, ToolError> {
    let thing = T::FORM.thing;
    let request = request::<T>(call, &ar::field(T::FORM.number).eq(number)?)?.query("limit", 2);
    let mut found = read::<T>(call, request)?;
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(ToolError::not_found(format!("no {thing} that the account may see has this number"))),
        (Some(entry), true) if entry.number() == number => Ok(entry),
        (Some(_), true) => Err(ToolError::upstream(format!(
            "{} answered with another {thing} than the one asked for; it is not shown",
            helix::UPSTREAM
        ))),
        (Some(_), false) => Err(ToolError::upstream(format!(
            "{} has several of this number, which should name one {thing}; none is shown",
            helix::UPSTREAM
        ))),
    }
}

/// Whether a text is a number such as `INC000000012345`: the prefix and 6 to 15 digits.
pub(crate) fn is_number(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[derive(Deserialize)]
struct Entries<T> {
    entries: Vec<Values<T>>,
}

#[derive(Deserialize)]
struct Values<T> {
    values: T,
}

fn request<T: Entry>(call: &Call, condition: &Qualification) -> Result<Request, ToolError> {
    let request = helix::get(call)?.path("api/arsys/v1/entry").path(T::FORM.name);
    Ok(request.query("q", condition).query("fields", format!("values({})", T::FORM.fields.join(","))))
}

fn read<T: Entry>(call: &Call, request: Request) -> Result<Vec<T>, ToolError> {
    let entries: Entries<T> = helix::read(call, &T::FORM.source, request)?;
    Ok(entries.entries.into_iter().map(|entry| entry.values).collect())
}
