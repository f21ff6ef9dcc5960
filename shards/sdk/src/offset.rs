//! Collections read by offset: page after page, to a proven end.
//!
//! An offset counts rows of a list that may change between two pages; then rows are missed or come twice, and no reply
//! says so. What shows it: a total other than that of the first page, a row met twice, an empty page although the total
//! says that more follow, and more rows than the total. Then everything read is thrown away and reading begins once more;
//! if the list does not hold still, the call fails. One change shows nowhere: a row removed from the pages already read
//! while another is added behind them. Ask for an order in which new rows do not come last, if there is one.
//!
//! The end is proven by the total if the upstream tells one; then a page may be shorter than asked. Without a total, a page
//! shorter than asked is the end.

use std::collections::BTreeSet;

use crate::rows::{Bounds, End, Rows};
use crate::{Call, ToolError};

/// One page, as a `fetch` returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in the upstream's order.
    pub rows: Vec<T>,
    /// How many rows the whole collection has, those before `start` included; none if the upstream does not tell.
    pub total: Option<u64>,
}

/// Which rows to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Rows to skip, counted from the first of the collection.
    pub offset: u64,
    /// Rows to ask for at most. Never 0.
    pub limit: u32,
}

/// Reads a collection from row `start` (zero-based) on, at most `size` rows at once.
///
/// One row more than `bounds.rows` is asked for, so that one page can tell whether there are more. `key` tells rows apart: an
/// id that no two rows share. `fetch` asks for one slice; its errors end the call. Errors of this function are upstream
/// errors: more rows than asked for, and a list that changed twice while it was read.
pub fn pages<T>(
    call: &Call,
    bounds: Bounds,
    start: u64,
    size: u32,
    key: impl Fn(&T) -> &str,
    mut fetch: impl FnMut(Slice) -> Result<Page<T>, ToolError>,
) -> Result<Rows<T>, ToolError> {
    if size == 0 {
        return Err(ToolError::internal("a page of 0 rows was asked for"));
    }
    let mut reading = Reading { call, bounds, start, size, pages: 0, told: 0 };
    for _ in 0..2 {
        if let Some(rows) = reading.attempt(&key, &mut fetch)? {
            return Ok(rows);
        }
        if reading.pages >= bounds.pages {
            break;
        }
    }
    Err(ToolError::upstream("the list changed while it was read; try again"))
}

struct Reading<'a> {
    call: &'a Call,
    bounds: Bounds,
    start: u64,
    size: u32,
    /// Pages of all attempts.
    pages: usize,
    /// Rows last told to the client. Progress never goes back, not even when reading begins again.
    told: usize,
}

impl Reading<'_> {
    /// The rows, or none if the list changed.
    fn attempt<T>(
        &mut self,
        key: &impl Fn(&T) -> &str,
        fetch: &mut impl FnMut(Slice) -> Result<Page<T>, ToolError>,
    ) -> Result<Option<Rows<T>>, ToolError> {
        let mut rows = Vec::new();
        let mut seen = BTreeSet::new();
        let mut count = None;
        loop {
            let offset = self.start.saturating_add(rows.len() as u64);
            let limit = self.limit(rows.len());
            let Page { rows: page, total } = fetch(Slice { offset, limit })?;
            self.pages += 1;
            let got = page.len() as u64;
            if got > u64::from(limit) {
                return Err(ToolError::upstream("the upstream sent more rows than it was asked for"));
            }
            if *count.get_or_insert(total) != total || !page.iter().all(|row| seen.insert(key(row).to_owned())) {
                return Ok(None);
            }
            rows.extend(page);
            let next = offset.saturating_add(got);
            let last = match total {
                Some(total) if (got == 0 && next < total) || (got > 0 && next > total) => return Ok(None),
                Some(total) => next >= total,
                None => got < u64::from(limit),
            };
            let end = if rows.len() > self.bounds.rows || (!last && total.is_some() && rows.len() == self.bounds.rows) {
                rows.truncate(self.bounds.rows);
                End::Rows
            } else if last {
                End::Last
            } else if self.pages >= self.bounds.pages {
                End::Pages
            } else {
                self.tell(rows.len(), total);
                continue;
            };
            return Ok(Some(Rows { rows, count: total, pages: self.pages, end }));
        }
    }

    fn limit(&self, read: usize) -> u32 {
        let wanted = self.bounds.rows.saturating_sub(read).saturating_add(1);
        u32::try_from(wanted).unwrap_or(u32::MAX).min(self.size)
    }

    fn tell(&mut self, read: usize, total: Option<u64>) {
        if read > self.told {
            self.told = read;
            let total = total.map(|total| total.saturating_sub(self.start) as f64);
            self.call.progress(read as f64, total, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::testing::Fake;

    type Answer = Result<Page<String>, ToolError>;

    fn page(keys: &str, total: impl Into<Option<u64>>) -> Answer {
        Ok(Page { rows: keys.chars().map(String::from).collect(), total: total.into() })
    }

    struct Read {
        result: Result<Rows<String>, ToolError>,
        /// Offset and limit of each page asked for.
        asked: Vec<(u64, u32)>,
        progressed: Vec<(f64, Option<f64>)>,
    }

    /// Reads at most three rows at once from answers in this order.
    fn read(bounds: (usize, usize), start: u64, answers: impl IntoIterator<Item = Answer>) -> Read {
        let fake = Fake::replies([]);
        let mut asked = Vec::new();
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        let bounds = Bounds { rows: bounds.0, pages: bounds.1 };
        let result = pages(&fake.context(), bounds, start, 3, String::as_str, |slice| {
            asked.push((slice.offset, slice.limit));
            answers.pop_front().unwrap_or_else(|| Err(ToolError::upstream("asked for a page too many")))
        });
        assert_eq!(answers.len(), 0, "pages not asked for");
        Read { result, asked, progressed: fake.progressed() }
    }

    fn changed() -> Result<Rows<String>, ToolError> {
        Err(ToolError::upstream("the list changed while it was read; try again"))
    }

    impl Read {
        fn rows(&self) -> (String, Option<u64>, usize, End) {
            let rows = self.result.as_ref().unwrap();
            (rows.rows.concat(), rows.count, rows.pages, rows.end)
        }
    }

    #[test]
    fn all_rows_are_read_to_the_total_even_in_short_pages() {
        let seen = read((100, 9), 0, [page("abc", 8), page("d", 8), page("efg", 8), page("h", 8)]);
        assert_eq!(seen.rows(), ("abcdefgh".to_owned(), Some(8), 4, End::Last));
        assert_eq!(seen.asked, [(0, 3), (3, 3), (4, 3), (7, 3)]);
        assert_eq!(seen.progressed, [(3.0, Some(8.0)), (4.0, Some(8.0)), (7.0, Some(8.0))]);
        let seen = read((100, 9), 0, [page("", 0)]);
        assert_eq!(seen.rows(), (String::new(), Some(0), 1, End::Last));
    }

    #[test]
    fn without_a_total_a_short_page_is_the_end() {
        let seen = read((100, 9), 0, [page("abc", None), page("de", None)]);
        assert_eq!(seen.rows(), ("abcde".to_owned(), None, 2, End::Last));
        let seen = read((100, 9), 0, [page("abc", None), page("", None)]);
        assert_eq!(seen.rows(), ("abc".to_owned(), None, 2, End::Last));
        assert_eq!(seen.progressed, [(3.0, None)]);
    }

    #[test]
    fn one_row_more_than_wanted_tells_whether_there_are_more() {
        for (wanted, answers, asked, expected) in [
            (2, vec![page("abc", None)], vec![(0, 3)], ("ab", End::Rows)),
            (2, vec![page("ab", None)], vec![(0, 3)], ("ab", End::Last)),
            (1, vec![page("ab", 7)], vec![(0, 2)], ("a", End::Rows)),
            (3, vec![page("abc", 4)], vec![(0, 3)], ("abc", End::Rows)),
            (3, vec![page("abc", 3)], vec![(0, 3)], ("abc", End::Last)),
            (3, vec![page("abc", None), page("d", None)], vec![(0, 3), (3, 1)], ("abc", End::Rows)),
            (3, vec![page("abc", None), page("", None)], vec![(0, 3), (3, 1)], ("abc", End::Last)),
            (4, vec![page("abc", 9), page("de", 9)], vec![(0, 3), (3, 2)], ("abcd", End::Rows)),
            (0, vec![page("a", 7)], vec![(0, 1)], ("", End::Rows)),
            (0, vec![page("", 0)], vec![(0, 1)], ("", End::Last)),
        ] {
            let seen = read((wanted, 9), 0, answers);
            let (rows, _, _, end) = seen.rows();
            assert_eq!((rows.as_str(), end, seen.asked), (expected.0, expected.1, asked), "{wanted}");
        }
    }

    #[test]
    fn reading_begins_at_the_row_asked_for() {
        let seen = read((100, 9), 5, [page("fgh", 9), page("i", 9)]);
        assert_eq!(seen.rows(), ("fghi".to_owned(), Some(9), 2, End::Last));
        assert_eq!(seen.asked, [(5, 3), (8, 3)]);
        assert_eq!(seen.progressed, [(3.0, Some(4.0))]);
        let behind = read((100, 9), 50, [page("", 9)]);
        assert_eq!(behind.rows(), (String::new(), Some(9), 1, End::Last));
    }

    #[test]
    fn a_page_bound_is_said_and_is_not_a_failure() {
        let seen = read((100, 2), 0, [page("abc", 9), page("def", 9)]);
        assert_eq!(seen.rows(), ("abcdef".to_owned(), Some(9), 2, End::Pages));
        let seen = read((100, 1), 0, [page("abc", 3)]);
        assert_eq!(seen.rows(), ("abc".to_owned(), Some(3), 1, End::Last));
    }

    /// Every way in which a list shows that it changed.
    fn changes() -> Vec<Vec<Answer>> {
        vec![
            vec![page("abc", 5), page("de", 6)],
            vec![page("abc", 5), page("d", 4)],
            vec![page("abc", 5), page("de", None)],
            vec![page("abc", None), page("de", 5)],
            vec![page("abc", 5), page("cd", 5)],
            vec![page("aa", None)],
            vec![page("abc", 5), page("", 5)],
            vec![page("", 5)],
            vec![page("abc", 2)],
            vec![page("abc", 5), page("def", 5)],
        ]
    }

    #[test]
    fn a_list_that_changed_is_read_once_again_from_the_start() {
        for change in changes() {
            let before = change.len();
            let seen = read((100, 9), 0, change.into_iter().chain([page("vwx", 5), page("yz", 5)]));
            assert_eq!(seen.rows(), ("vwxyz".to_owned(), Some(5), before + 2, End::Last));
            assert_eq!(seen.asked[before..], [(0, 3), (3, 3)]);
            let done: Vec<_> = seen.progressed.iter().map(|(done, _)| *done).collect();
            assert_eq!(done, [3.0], "progress never goes back or stands still");
        }
    }

    #[test]
    fn a_list_that_does_not_hold_still_is_an_error() {
        for change in changes() {
            assert_eq!(read((100, 9), 0, change.clone().into_iter().chain(change)).result, changed());
        }
    }

    #[test]
    fn reading_again_asks_for_no_more_pages_than_are_left() {
        for change in changes() {
            let pages = change.len();
            assert_eq!(read((100, pages), 0, change.clone()).result, changed());
            let seen = read((100, pages + 1), 0, change.into_iter().chain([page("vwx", 5)]));
            assert_eq!(seen.rows(), ("vwx".to_owned(), Some(5), pages + 1, End::Pages));
        }
    }

    #[test]
    fn a_failure_on_any_page_means_no_data() {
        let fault = || Err(ToolError::refused("no"));
        for answers in [
            vec![fault()],
            vec![page("abc", 9), fault()],
            vec![page("abc", 9), page("abc", 9), fault()],
            vec![page("abc", 9), page("d", 8), page("abc", 9), fault()],
        ] {
            assert_eq!(read((100, 9), 0, answers).result, Err(ToolError::refused("no")));
        }
    }

    #[test]
    fn more_rows_than_asked_for_are_an_error() {
        for (wanted, answers) in [(100, page("abcd", 4)), (1, page("abc", 3)), (0, page("ab", None))] {
            let error = read((wanted, 9), 0, [answers]).result.unwrap_err();
            assert_eq!(error, ToolError::upstream("the upstream sent more rows than it was asked for"));
        }
    }

    #[test]
    fn a_page_holds_at_least_one_row() {
        let fake = Fake::replies([]);
        let bounds = Bounds { rows: 1, pages: 1 };
        let read = pages(&fake.context(), bounds, 0, 0, String::as_str, |_| page("", 0));
        assert!(matches!(read, Err(ToolError::Internal(_))));
    }
}
