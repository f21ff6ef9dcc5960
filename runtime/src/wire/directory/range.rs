//! Attributes with more values than a server gives at once: `member;range=0-1499`, then `member;range=1500-*`
//! (MS-ADTS, 3.1.1.3.1.3.3).

/// The values from `from` on that one answer has. `to` is none at the end of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range<'a> {
    pub(super) attribute: &'a str,
    pub(super) from: usize,
    pub(super) to: Option<usize>,
}

impl<'a> Range<'a> {
    /// Reads the name of an attribute in an answer. None: it has no range.
    pub(super) fn read(name: &'a str) -> Option<Self> {
        let (attribute, option) = name.split_once(';')?;
        let (key, bounds) = option.split_once('=')?;
        let (from, to) = bounds.split_once('-')?;
        if !key.eq_ignore_ascii_case("range") {
            return None;
        }
        let to = if to == "*" { None } else { Some(to.parse().ok()?) };
        Some(Self { attribute, from: from.parse().ok()?, to })
    }

    /// Whether it has as many values as it says, beginning where it should.
    pub(super) fn fits(self, from: usize, n_values: usize) -> bool {
        self.from == from && self.to.is_none_or(|to| n_values > 0 && to.checked_sub(from) == n_values.checked_sub(1))
    }

    /// What to ask for next.
    pub(super) fn rest(attribute: &str, from: usize) -> String {
        format!("{attribute};range={from}-*")
    }
}
