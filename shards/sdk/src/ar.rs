//! Qualifications: the conditions by which BMC's AR System (Remedy, Helix ITSM, Helix CMDB) finds entries.
//!
//! ```text
//! let open = ar::field("Status").lt("Resolved")?;
//! let mine = ar::field("Assignee").contains(name)?;
//! request.query("q", open.and(mine)) // 'Status' < "Resolved" AND 'Assignee' LIKE "%name%"
//! ```
//!
//! Field names stand in single quotes, texts in double quotes. How to escape a character in a text depends on the server's
//! database, and on some it cannot be done, so a value that would need it is refused and nothing is sent.

use std::fmt;

use crate::{ToolError, Utc};

/// The longest text to compare with, in characters.
pub const MAX_VALUE: usize = 64;

/// A field of a form, by its name as the form has it. The author writes it, never a caller.
pub fn field(name: &'static str) -> Field {
    Field { name }
}

/// A field to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    name: &'static str,
}

/// A condition. [`fmt::Display`] writes it, not yet percent-encoded: `request.query("q", condition)` does that.
#[must_use = "a condition that is not sent finds nothing"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qualification {
    text: String,
    /// Whether an OR stands outside of any parentheses: AND binds closer.
    is_or: bool,
}

impl Field {
    /// The field is this text. A selection field compares with a label: `Resolved`.
    pub fn eq(self, value: &str) -> Result<Qualification, ToolError> {
        self.compare("=", value)
    }

    /// The field comes before this text; a selection field, before this label in the order of the selection.
    pub fn lt(self, value: &str) -> Result<Qualification, ToolError> {
        self.compare("<", value)
    }

    /// The field is this text or comes after it. For a time there is [`Field::since`]: how a server reads a time that is
    /// written as text depends on its settings.
    pub fn ge(self, value: &str) -> Result<Qualification, ToolError> {
        self.compare(">=", value)
    }

    /// The field holds this text somewhere. Wildcards in it are refused.
    pub fn contains(self, text: &str) -> Result<Qualification, ToolError> {
        check(text)?;
        if text.contains(['%', '_', '[', ']', '^']) {
            return Err(refuse("%, _, [, ] or ^, which stand for other characters there"));
        }
        Ok(self.is(&format!("LIKE \"%{text}%\"")))
    }

    /// The field is this number.
    pub fn eq_number(self, number: i64) -> Qualification {
        self.is(&format!("= {number}"))
    }

    /// The field is this time or a later one. It is written as seconds since 1970, as AR System keeps times: whole, so a
    /// fraction is rounded up, and none before 1970.
    pub fn since(self, time: Utc) -> Qualification {
        let seconds = time.nanoseconds_since_1970().max(0).unsigned_abs().div_ceil(1_000_000_000);
        self.is(&format!(">= {seconds}"))
    }

    /// The field has no value.
    pub fn is_null(self) -> Qualification {
        self.is("= $NULL$")
    }

    fn compare(self, operator: &str, value: &str) -> Result<Qualification, ToolError> {
        check(value)?;
        Ok(self.is(&format!("{operator} \"{value}\"")))
    }

    fn is(self, rest: &str) -> Qualification {
        Qualification { text: format!("'{}' {rest}", self.name.replace('\'', "''")), is_or: false }
    }
}

impl Qualification {
    /// Both hold.
    pub fn and(self, other: Self) -> Self {
        Self { text: format!("{} AND {}", self.closed(), other.closed()), is_or: false }
    }

    /// One of the two holds, or both.
    pub fn or(self, other: Self) -> Self {
        Self { text: format!("{} OR {}", self.text, other.text), is_or: true }
    }

    fn closed(self) -> String {
        if self.is_or { format!("({})", self.text) } else { self.text }
    }
}

impl fmt::Display for Qualification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn check(value: &str) -> Result<(), ToolError> {
    if value.is_empty() {
        return Err(ToolError::invalid_arguments("a text to look for is empty"));
    }
    if value.chars().count() > MAX_VALUE {
        return Err(ToolError::invalid_arguments(format!("a text to look for has more than {MAX_VALUE} characters")));
    }
    if value.chars().any(|c| c.is_control() || matches!(c, '"' | '\\' | '$') || folds(c)) {
        return Err(refuse("a double quote, a curly quote, a backslash, a dollar sign or a control character"));
    }
    Ok(())
}

/// Characters that some databases turn into an ASCII one when they convert a text: quotes, and the fullwidth and small
/// forms of all of ASCII.
fn folds(c: char) -> bool {
    matches!(
        c,
        '\u{2018}'..='\u{201f}' | '\u{2032}'..='\u{2037}' | '\u{02ba}' | '\u{030e}' | '\u{2216}'
            | '\u{fe50}'..='\u{fe6f}' | '\u{ff01}'..='\u{ff5e}'
    )
}

/// The value is not quoted: it is the caller's own, but it may be about a person.
fn refuse(what: &str) -> ToolError {
    ToolError::invalid_arguments(format!("a text to look for has {what}: it cannot be asked for safely"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_written_as_the_server_reads_it() {
        let status = field("Status");
        for (condition, expected) in [
            (status.eq("In Progress").unwrap(), r#"'Status' = "In Progress""#),
            (status.lt("Resolved").unwrap(), r#"'Status' < "Resolved""#),
            (
                field("Submit Date").ge("2026-06-08T00:00:00.000+0000").unwrap(),
                r#"'Submit Date' >= "2026-06-08T00:00:00.000+0000""#,
            ),
            (field("Assignee").contains("O'Brien").unwrap(), r#"'Assignee' LIKE "%O'Brien%""#),
            (field("Assignee").eq("Zoë Müller-Šimić 王").unwrap(), r#"'Assignee' = "Zoë Müller-Šimić 王""#),
            (field("MarkAsDeleted").is_null(), "'MarkAsDeleted' = $NULL$"),
            (field("MarkAsDeleted").eq_number(0), "'MarkAsDeleted' = 0"),
            (field("Owner's Group").eq_number(-1), "'Owner''s Group' = -1"),
        ] {
            assert_eq!(condition.to_string(), expected);
        }
    }

    #[test]
    fn a_time_is_written_as_whole_seconds_since_1970() {
        for (time, seconds) in [
            ("2026-06-08T00:00:00Z", "1780876800"),
            ("2026-06-08T02:00:00+02:00", "1780876800"),
            // What was submitted in this second was submitted before.
            ("2026-06-08T00:00:00.000000001Z", "1780876801"),
            ("2026-06-08T00:00:00.999Z", "1780876801"),
            ("1970-01-01T00:00:00Z", "0"),
            ("1969-12-31T23:59:59.5Z", "0"),
            ("0000-01-01T00:00:00Z", "0"),
            ("9999-12-31T23:59:59Z", "253402300799"),
        ] {
            let condition = field("Submit Date").since(Utc::parse(time).unwrap());
            assert_eq!(condition.to_string(), format!("'Submit Date' >= {seconds}"), "{time}");
        }
    }

    #[test]
    fn parentheses_stand_where_or_meets_and() {
        let is = |name: &'static str| field(name).eq_number(1);
        for (condition, expected) in [
            (is("a").and(is("b")).and(is("c")), "'a' = 1 AND 'b' = 1 AND 'c' = 1"),
            (is("a").or(is("b")).or(is("c")), "'a' = 1 OR 'b' = 1 OR 'c' = 1"),
            (is("a").and(is("b").or(is("c"))), "'a' = 1 AND ('b' = 1 OR 'c' = 1)"),
            (is("a").or(is("b")).and(is("c")), "('a' = 1 OR 'b' = 1) AND 'c' = 1"),
            (is("a").and(is("b")).or(is("c")), "'a' = 1 AND 'b' = 1 OR 'c' = 1"),
            (is("a").or(is("b").and(is("c"))), "'a' = 1 OR 'b' = 1 AND 'c' = 1"),
            (is("a").or(is("b")).and(is("c").or(is("d"))), "('a' = 1 OR 'b' = 1) AND ('c' = 1 OR 'd' = 1)"),
            (is("a").or(is("b")).and(is("c")).or(is("d")), "('a' = 1 OR 'b' = 1) AND 'c' = 1 OR 'd' = 1"),
        ] {
            assert_eq!(condition.to_string(), expected);
        }
    }

    #[test]
    fn a_value_that_could_end_its_text_is_never_asked_for() {
        for value in [
            r#"x" OR 'Status' = "Closed"#,
            r#"""#,
            r"x\",
            "$USER$",
            "a\nb",
            "a\0b",
            "a\u{7f}b",
            "a\u{85}b",
            "\u{201c}x\u{201d}",
            "\u{201e}x\u{201f}",
            "O\u{2019}Brien",
            "\u{2018}x",
            "x\u{2033}",
            "x\u{2ba}",
            "x\u{30e}",
            "\u{ff02}x",
            "\u{ff3c}",
            "\u{fe69}x",
            "\u{2216}",
            "",
            &"a".repeat(MAX_VALUE + 1),
            &"é".repeat(MAX_VALUE + 1),
        ] {
            let f = field("Status");
            for condition in [f.eq(value), f.lt(value), f.ge(value), f.contains(value)] {
                let error = condition.unwrap_err();
                assert!(matches!(error, ToolError::InvalidArguments(_)), "{value:?}");
                assert!(value.len() < 5 || !error.text().contains(value), "{error}");
            }
        }
        assert!(field("Status").eq(&"é".repeat(MAX_VALUE)).is_ok());
    }

    #[test]
    fn a_wildcard_is_a_letter_where_it_is_compared_and_an_error_where_it_would_match_others() {
        for value in ["100%", "a_b", "[a", "a]", "^a"] {
            assert!(field("Name").eq(value).is_ok(), "{value}");
            let error = field("Name").contains(value).unwrap_err();
            assert!(matches!(&error, ToolError::InvalidArguments(text) if text.contains("stand for other")), "{error}");
        }
    }
}
