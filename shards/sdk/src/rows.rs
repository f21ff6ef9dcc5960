//! Rows read from a collection: how far to read, what came of it, and what a result made of them says.

use crate::Output;

/// How far to read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Rows to return at most.
    pub rows: usize,
    /// Pages to ask for at most. Each is one crossing of the manifest's `egress-calls`.
    pub pages: usize,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows<T> {
    /// The rows, in the upstream's order.
    pub rows: Vec<T>,
    /// How many rows the upstream says there are, if it says so.
    pub count: Option<u64>,
    /// Pages read.
    pub pages: usize,
    /// Where reading ended.
    pub end: End,
}

/// Why no further page was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There is none.
    Last,
    /// There are more rows than were wanted.
    Rows,
    /// There may be more rows, but so many pages were not expected.
    Pages,
}

impl<T> Rows<T> {
    /// A result made of these rows, complete only if the last page was read. `what` is a plural: `users`.
    pub fn into_output<D>(self, what: &str, data: impl FnOnce(Vec<T>) -> D) -> Output<D> {
        let (n, pages, end) = (self.rows.len(), self.pages, self.end);
        let output = Output::new(data(self.rows));
        gap(end, n, pages, what).into_iter().fold(output, Output::partial)
    }
}

/// Why `n` rows of `pages` pages are not all, if they are not.
pub(crate) fn gap(end: End, n: usize, pages: usize, what: &str) -> Option<String> {
    match end {
        End::Last => None,
        End::Rows => Some(format!("there are more {what}: only the first {n} are returned, as limited")),
        End::Pages => Some(format!("there may be more {what}: reading stopped after {pages} pages with {n} {what}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_read_to_the_last_page_are_a_complete_result() {
        for (end, note) in [
            (End::Last, None),
            (End::Rows, Some("there are more workers: only the first 2 are returned, as limited")),
            (End::Pages, Some("there may be more workers: reading stopped after 3 pages with 2 workers")),
        ] {
            let rows = Rows { rows: vec![1, 2], count: Some(9), pages: 3, end };
            let output = rows.into_output("workers", |rows| rows);
            assert_eq!(output.data(), &[1, 2]);
            assert_eq!(output.is_complete(), note.is_none());
            assert_eq!(output.notes().first().map(String::as_str), note);
        }
    }
}
