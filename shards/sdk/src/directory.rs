//! Searches in an LDAP directory, such as Active Directory: conditions, pages, entries, and what the bytes of values
//! mean.
//!
//! ```text
//! let found = Search::new("ad", call.setting("AD_BASE_DN")?)
//!     .subtree()
//!     .filter(Filter::all([Filter::equal("objectCategory", "person"), Filter::present("mail")]))
//!     .attributes(&["sAMAccountName", "mail", "lastLogonTimestamp"])
//!     .read(call, Bounds { rows: 500, pages: 60 })?;
//! for entry in &found.entries {
//!     let (mail, seen) = (entry.text("mail")?, entry.file_time("lastLogonTimestamp")?);
//! }
//! ```
//!
//! A search is data and never text: a value with `*`, `(` or `\` in it is that value. A directory leaves out an
//! attribute that an entry does not have and one that the account may not read, and does not tell which: absent means
//! unknown.

mod dn;
mod entry;
mod filter;
mod sid;
#[cfg(test)]
mod tests;
mod time;

use std::rc::Rc;

pub use dn::Dn;
pub use entry::Entry;
pub use filter::{Filter, Node};
pub use sid::Sid;
pub use time::{file_time, generalized_time};

use crate::rows::{self, Bounds, End};
use crate::{Call, Output, Refusal, ToolError, host};

/// Entries in a page: what Active Directory gives at most.
const PAGE: u32 = 1000;

/// Pages of a search for one entry. A server may give empty ones before it comes to an end.
const PAGES_FOR_ONE: usize = 8;

/// How far a search reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The base entry itself. If there is none, nothing is found.
    Base,
    /// Its direct children.
    OneLevel,
    /// The base entry and all below it.
    Subtree,
}

/// A search as the contract carries it. The host judges it; nothing here makes it allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSearch {
    /// The name of a `[[directory]]` of the manifest.
    pub server: String,
    /// A distinguished name (RFC 4514).
    pub base: String,
    /// How far.
    pub scope: Scope,
    /// A tree in one list: members are indices of earlier nodes, the last node is the filter.
    pub filter: Vec<Node>,
    /// What to read, without options.
    pub attributes: Vec<String>,
    /// Entries in a page, 1 to 1000.
    pub page_size: u32,
}

/// One page, as the contract carries it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawPage {
    /// The entries.
    pub entries: Vec<RawEntry>,
    /// Whether the server withheld entries.
    pub partial: bool,
}

/// One entry, as the contract carries it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawEntry {
    /// Where it stands.
    pub dn: String,
    /// Names and their values.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl RawEntry {
    /// An entry without attributes, for tests.
    pub fn new(dn: &str) -> Self {
        Self { dn: dn.to_owned(), attributes: Vec::new() }
    }

    /// The same entry with one more attribute.
    #[must_use]
    pub fn with<V: Into<Vec<u8>>>(mut self, attribute: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.attributes.push((attribute.to_owned(), values.into_iter().map(Into::into).collect()));
        self
    }
}

/// A search under construction: of the base entry alone, unless said otherwise.
#[must_use = "a search that is not read finds nothing"]
#[derive(Debug, Clone)]
pub struct Search {
    server: String,
    base: String,
    scope: Scope,
    filter: Filter,
    attributes: Vec<String>,
    page_size: u32,
}

impl Search {
    /// `server` is the name of a `[[directory]]` of the manifest, `base` a distinguished name at or below one of its
    /// bases.
    pub fn new(server: &str, base: &str) -> Self {
        Self {
            server: server.to_owned(),
            base: base.to_owned(),
            scope: Scope::Base,
            // Every entry has it (RFC 4512, 2.4.1).
            filter: Filter::present("objectClass"),
            attributes: Vec::new(),
            page_size: PAGE,
        }
    }

    /// The base entry itself.
    pub fn base_only(mut self) -> Self {
        self.scope = Scope::Base;
        self
    }

    /// The direct children of the base entry.
    pub fn one_level(mut self) -> Self {
        self.scope = Scope::OneLevel;
        self
    }

    /// The base entry and all below it.
    pub fn subtree(mut self) -> Self {
        self.scope = Scope::Subtree;
        self
    }

    /// What an entry must be like. Without a filter every entry is found.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// What to read of each entry, each by its name without options. Large attributes come whole. A search names at
    /// least one.
    pub fn attributes(mut self, attributes: &[&str]) -> Self {
        self.attributes = attributes.iter().map(|&attribute| attribute.to_owned()).collect();
        self
    }

    /// Entries in a page, 1 to 1000; 1000 unless said.
    pub fn page_size(mut self, entries: u32) -> Self {
        self.page_size = entries;
        self
    }

    /// The search as the contract carries it, or what is wrong with it.
    pub fn build(&self) -> Result<RawSearch, ToolError> {
        self.filter.check()?;
        if self.attributes.is_empty() || !(1..=PAGE).contains(&self.page_size) {
            return Err(ToolError::internal(format!(
                "a search names its attributes, and asks for 1 to {PAGE} entries a page"
            )));
        }
        Ok(RawSearch {
            server: self.server.clone(),
            base: self.base.clone(),
            scope: self.scope,
            filter: self.filter.clone().into_nodes(),
            attributes: self.attributes.clone(),
            page_size: self.page_size,
        })
    }

    /// Begins the search, to read it page by page. Nothing is asked of the server before the first page is.
    pub fn open(&self, call: &Call) -> Result<Pages, ToolError> {
        let pages = call.search(&self.build()?)?;
        Ok(Pages { pages, asked: self.attributes.as_slice().into() })
    }

    /// Reads pages up to the end or to a bound. A page that fails ends it all: there is no half result.
    ///
    /// One entry more than `bounds.rows` is asked for, so that one page can tell whether there are more.
    pub fn read(&self, call: &Call, bounds: Bounds) -> Result<Found, ToolError> {
        self.read_as(call, bounds, Ok)
    }

    /// The same, with each entry made into something else as soon as its page is there: of a large directory only a page
    /// is held as it came. The first error is the error of all.
    pub fn read_as<T>(
        &self,
        call: &Call,
        bounds: Bounds,
        mut make: impl FnMut(Entry) -> Result<T, ToolError>,
    ) -> Result<Found<T>, ToolError> {
        let wanted = u32::try_from(bounds.rows).unwrap_or(u32::MAX).saturating_add(1);
        let mut pages = self.clone().page_size(self.page_size.min(wanted)).open(call)?;
        let mut found = Found { entries: Vec::new(), pages: 0, end: End::Last, partial: false };
        while let Some(page) = pages.next()? {
            found.pages += 1;
            found.partial |= page.partial;
            for entry in page.entries {
                found.entries.push(make(entry)?);
            }
            if found.entries.len() > bounds.rows {
                found.entries.truncate(bounds.rows);
                found.end = End::Rows;
                break;
            }
            if found.pages >= bounds.pages {
                found.end = End::Pages;
                break;
            }
        }
        Ok(found)
    }

    /// Reads as much as it takes to know whether one entry fits, none or several. Entries that the server withheld, and
    /// a search without an end, are errors: what was not seen is not absent.
    pub fn one(&self, call: &Call) -> Result<Matches, ToolError> {
        let mut found = self.read(call, Bounds { rows: 1, pages: PAGES_FOR_ONE })?;
        match found.end {
            End::Rows => Ok(Matches::Several),
            End::Last if !found.partial => Ok(found.entries.pop().map_or(Matches::None, Matches::One)),
            End::Last => {
                Err(ToolError::upstream("the directory withheld entries when asked for one (a limit of the server)"))
            }
            End::Pages => Err(ToolError::upstream("the directory did not come to an end when asked for one entry")),
        }
    }
}

/// How many entries fit.
#[derive(Debug, Clone, PartialEq)]
pub enum Matches {
    /// None that the account may see.
    None,
    /// Exactly one.
    One(Entry),
    /// More than one.
    Several,
}

/// The pages of a search, as [`Call::search`] begins it.
pub struct RawPages(pub(crate) host::Pages);

impl RawPages {
    /// The next page, or none after the last. An error ends the search, and what came before it is no result.
    #[expect(clippy::should_implement_trait, reason = "an iterator would go on after an error")]
    pub fn next(&mut self) -> Result<Option<RawPage>, Refusal> {
        self.0.next()
    }
}

/// A search that is read page by page.
pub struct Pages {
    pages: RawPages,
    asked: Rc<[String]>,
}

/// One page of entries. It may be empty although others follow.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Whether the server withheld entries, for example by a limit of its own.
    pub partial: bool,
}

impl Pages {
    /// The next page, or none after the last. An error ends the search, and what came before it is no result.
    #[expect(clippy::should_implement_trait, reason = "an iterator would go on after an error")]
    pub fn next(&mut self) -> Result<Option<Page>, ToolError> {
        let Some(page) = self.pages.next()? else { return Ok(None) };
        let entries = page.entries.into_iter().map(|entry| Entry::new(entry, Rc::clone(&self.asked))).collect();
        Ok(Some(Page { entries, partial: page.partial }))
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<T = Entry> {
    /// The entries, in the order of the directory, which is none in particular.
    pub entries: Vec<T>,
    /// Pages read.
    pub pages: usize,
    /// Where reading ended.
    pub end: End,
    /// Whether the server withheld entries.
    pub partial: bool,
}

impl<T> Found<T> {
    /// Why this is not all of it; empty if it is. `what` is a plural: `users`.
    pub fn gaps(&self, what: &str) -> Vec<String> {
        let withheld = format!("there may be more {what}: the directory withheld entries (a limit of the server)");
        let withheld = self.partial.then_some(withheld);
        rows::gap(self.end, self.entries.len(), self.pages, what).into_iter().chain(withheld).collect()
    }

    /// A result made of these entries, complete only if the last page was read and nothing was withheld.
    pub fn into_output<D>(self, what: &str, data: impl FnOnce(Vec<T>) -> D) -> Output<D> {
        let gaps = self.gaps(what);
        gaps.into_iter().fold(Output::new(data(self.entries)), Output::partial)
    }
}
