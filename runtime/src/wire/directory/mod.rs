//! Searches a directory by LDAP (RFC 4511), page by page.
//!
//! Promises: nothing secret is said before TLS has shown the server's name; a referral is never followed; a page is
//! whole, bounded and in time, or it is an error; an end is one that the server has confirmed; what a server withheld is
//! told (`partial`); nothing that was not asked for is handed on.
//!
//! Does not know: who asked, what was granted, what a value means.

mod code;
#[doc(hidden)]
pub mod fuzzing;
mod links;
mod message;
mod range;
mod session;
#[cfg(test)]
pub(super) mod tests;

pub use code::{AdReason, Blame, ResultCode};
pub use links::Links;

use std::mem;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::{BadReply, Budget, Phase, Unreachable, WireError};
use crate::outbound::Scope;
use crate::secrets::SealedSearch;
use links::{Key, Link};
use message::{Ask, Page};
use range::Range;
use session::{Allowance, Found};

/// Finds every entry (RFC 4512, 2.4: each has a class), so a base search with it reads its base.
const ANYTHING: &str = "(objectClass=*)";

/// A directory's answer to one page: whole and bounded, but not yet scrubbed.
#[derive(Debug)]
pub struct RawPage {
    pub entries: Vec<RawEntry>,
    /// There are entries that are not here and will not come: a limit of the server's or of the grant's.
    pub partial: bool,
    /// Places that the server named for more entries. Nobody was asked there.
    pub references: usize,
    /// What was received for it, in bytes.
    pub bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEntry {
    /// As the server writes it.
    pub dn: String,
    /// Each at most once, by the name it was asked for. One without values was not sent, or may not be read.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// One search at a real server. A cookie is good on its own connection alone, so the search holds one to its end.
pub struct Search {
    links: Arc<Links>,
    sealed: SealedSearch,
    state: State,
    n_entries: usize,
}

enum State {
    /// Nothing has come of it yet.
    Fresh,
    Between {
        key: Key,
        link: Box<Link>,
        cookie: Vec<u8>,
    },
    Ended,
    Broken,
}

impl Search {
    pub(in crate::wire) fn new(links: Arc<Links>, sealed: SealedSearch) -> Self {
        Self { links, sealed, state: State::Fresh, n_entries: 0 }
    }

    pub fn sealed(&self) -> &SealedSearch {
        &self.sealed
    }

    /// Whether the last page has come.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    pub async fn next(&mut self, budget: &Budget) -> Result<Option<RawPage>, WireError> {
        // What is dropped on the way, by an error or by a caller who has gone, does not go on.
        let (open, cookie) = match mem::replace(&mut self.state, State::Broken) {
            State::Fresh => (None, Vec::new()),
            State::Between { key, link, cookie } => (Some((key, link)), cookie),
            State::Ended => {
                self.state = State::Ended;
                return Ok(None);
            }
            State::Broken => return Err(WireError::Unreachable(Unreachable::Closed(None))),
        };
        let is_first = open.is_none();
        let page = timeout_at(budget.deadline, self.page(open, &cookie, budget))
            .await
            .unwrap_or(Err(WireError::Timeout(Phase::Reply)));
        match page {
            Ok((page, state)) => {
                self.n_entries += page.entries.len();
                self.state = state;
                Ok(Some(page))
            }
            Err(error) => {
                if is_first {
                    self.state = State::Fresh;
                }
                Err(error)
            }
        }
    }

    async fn page(
        &self,
        open: Option<(Key, Box<Link>)>,
        cookie: &[u8],
        budget: &Budget,
    ) -> Result<(RawPage, State), WireError> {
        let (key, mut link) = match open {
            Some(open) => open,
            None => {
                let key = self.links.key(&self.sealed).ok_or(WireError::BindRefused(None))?;
                let link = self.links.take(&key, &self.sealed, budget.deadline).await?;
                (key, Box::new(link))
            }
        };
        let search = self.sealed.permit().search();
        let room = usize::try_from(self.sealed.permit().grant().entries).unwrap_or(usize::MAX) - self.n_entries;
        let attributes: Vec<&str> = search.attributes().iter().map(|attribute| attribute.as_str()).collect();
        let (base, filter) = (search.base().to_string(), search.filter().to_rfc4515());
        let is_base = search.scope() == Scope::Base;
        let size = search.page_size().min(u32::try_from(room).unwrap_or(u32::MAX));
        let ask = Ask {
            base: &base,
            scope: search.scope(),
            filter: &filter,
            attributes: &attributes,
            // One entry needs no pages, and not every server sends their control back for it.
            page: (!is_base).then_some(Page { size, cookie }),
            seconds: seconds(budget.deadline),
        };
        let mut allowance = Allowance::new(budget.reply_bytes);
        let found = link.search(&ask, &mut allowance).await?;
        let references = found.references;
        let (mut entries, end) = end(found, is_base)?;
        let mut partial = end == End::Withheld;
        for entry in &mut entries {
            complete(&mut link, entry, &attributes, budget.deadline, &mut allowance).await?;
        }
        let is_full = entries.len() >= room;
        if entries.len() > room || (is_full && matches!(end, End::More(_))) {
            entries.truncate(room);
            partial = true;
        }
        let state = match end {
            End::More(cookie) if !is_full => State::Between { key, link, cookie },
            // The server still holds the rest of this search for the connection, so it goes with it.
            End::More(_) => State::Ended,
            End::Last | End::Withheld => {
                self.links.keep(key, *link);
                State::Ended
            }
        };
        Ok((RawPage { entries, partial, references, bytes: allowance.used() }, state))
    }
}

/// What comes after a page.
#[derive(PartialEq)]
enum End {
    More(Vec<u8>),
    Last,
    /// Nothing, though there is more.
    Withheld,
}

fn end(found: Found, is_base: bool) -> Result<(Vec<RawEntry>, End), WireError> {
    let Found { entries, outcome, cookie, .. } = found;
    if is_base && entries.len() > 1 {
        return bad("several entries of one name");
    }
    match outcome.code {
        ResultCode::SUCCESS if is_base => Ok((entries, End::Last)),
        ResultCode::SUCCESS => match cookie {
            Some(cookie) if cookie.is_empty() => Ok((entries, End::Last)),
            Some(cookie) => Ok((entries, End::More(cookie))),
            None => bad("it does not say whether there are more pages"),
        },
        code if code.is_limit() && !entries.is_empty() => Ok((entries, End::Withheld)),
        // An entry that is not there is an answer; a place to look in that is not there is a mistake.
        ResultCode::NO_SUCH_OBJECT if is_base && entries.is_empty() => Ok((entries, End::Last)),
        ResultCode::REFERRAL => Err(WireError::Referral),
        code => Err(WireError::Directory(code)),
    }
}

/// Keeps what was asked for, under the name it was asked by, with all its values.
async fn complete(
    link: &mut Link,
    entry: &mut RawEntry,
    asked: &[&str],
    deadline: Instant,
    allowance: &mut Allowance,
) -> Result<(), WireError> {
    let mut ranged = Vec::new();
    for (found, values) in mem::take(&mut entry.attributes) {
        let Some(name) = asked.iter().find(|name| is_of(&found, name)) else { continue };
        if let Some(range) = Range::read(&found) {
            if !range.fits(0, values.len()) {
                return bad("a range is not what it says");
            }
            if range.to.is_some() {
                ranged.push(*name);
            }
        }
        // A server that sends a range sends the whole attribute beside it, empty.
        match entry.attributes.iter_mut().find(|(known, _)| known == name) {
            None => entry.attributes.push(((*name).to_owned(), values)),
            Some((_, known)) if known.is_empty() => *known = values,
            Some(_) if values.is_empty() => {}
            Some(_) => return bad("an attribute comes twice"),
        }
    }
    let ranged = entry.attributes.iter_mut().filter(|(name, _)| ranged.contains(&name.as_str()));
    for (name, values) in ranged {
        let mut is_whole = false;
        while !is_whole {
            let (more, is_last) = more_values(link, &entry.dn, name, values.len(), deadline, allowance).await?;
            values.extend(more);
            is_whole = is_last;
        }
    }
    Ok(())
}

fn bad<T>(what: &'static str) -> Result<T, WireError> {
    Err(WireError::BadReply(BadReply::Ldap(what)))
}

/// An attribute by its own name, or a range of it. Other options make it another one: a language, for example.
fn is_of(found: &str, name: &str) -> bool {
    found.eq_ignore_ascii_case(name)
        || Range::read(found).is_some_and(|range| range.attribute.eq_ignore_ascii_case(name))
}

/// The next range of an entry's attribute, and whether it is the last.
async fn more_values(
    link: &mut Link,
    dn: &str,
    name: &str,
    from: usize,
    deadline: Instant,
    allowance: &mut Allowance,
) -> Result<(Vec<Vec<u8>>, bool), WireError> {
    let attribute = Range::rest(name, from);
    let ask = Ask {
        base: dn,
        scope: Scope::Base,
        filter: ANYTHING,
        attributes: &[&attribute],
        page: None,
        seconds: seconds(deadline),
    };
    let (entries, _) = end(link.search(&ask, allowance).await?, true)?;
    let attributes = entries.into_iter().flat_map(|entry| entry.attributes);
    let found = attributes.filter(|(found, values)| is_of(found, name) && !values.is_empty());
    for (found, values) in found {
        if let Some(range) = Range::read(&found).filter(|range| range.fits(from, values.len())) {
            return Ok((values, range.to.is_none()));
        }
    }
    bad("the rest of an attribute is not what was asked for")
}

/// What is left, for the server to stop as well.
fn seconds(deadline: Instant) -> u32 {
    let left = deadline.saturating_duration_since(Instant::now()).as_secs().saturating_add(1);
    u32::try_from(left).unwrap_or(u32::MAX)
}
