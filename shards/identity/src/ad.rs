//! What Active Directory knows about people, groups and accounts, read through searches in its directory.
//!
//! Values of arguments go into conditions as values, and never into a name of what is searched unless they are a
//! distinguished name below the operator's base. What the directory does not tell is unknown, and a result with an
//! unknown account state says so.

mod accounts;
mod groups;
mod members;
mod users;

use nexus_shard::directory::{Dn, Entry, Filter, Found, Matches, Search};
use nexus_shard::rows::Bounds;
use nexus_shard::{Call, Output, ToolError};

pub(crate) use accounts::{get_disabled_accounts, get_stale_accounts};
pub(crate) use groups::{get_user_groups, list_groups};
pub(crate) use members::get_group_members;
pub(crate) use users::{get_user, get_user_by_email, list_users, search_users};

/// The name of the manifest's `[[directory]]` tables.
const SERVER: &str = "ad";

/// The setting with the server, and what the manifest says where there is none.
const HOST: &str = "AD_SERVER";
const NOWHERE: &str = "ad.invalid";

/// The setting with the distinguished name below which everything is searched.
const BASE: &str = "AD_BASE_DN";

/// The most entries a tool returns.
const MAX_ROWS: usize = 20_000;

/// Pages of one call, over all its searches. Below the manifest's `egress-calls`, so that the bound is told as a bound
/// and not as a refusal; each search reads one page at least.
const MAX_PAGES: usize = 56;

/// Bits of `userAccountControl` (MS-ADTS 2.2.16).
const DISABLED: u32 = 0x2;
const PASSWORD_NEVER_EXPIRES: u32 = 0x1_0000;

/// The directory, for one call.
struct Directory<'a> {
    call: &'a Call,
    base: &'a str,
    pages: usize,
}

impl<'a> Directory<'a> {
    fn of(call: &'a Call) -> Result<Self, ToolError> {
        if call.setting(HOST)? == NOWHERE {
            let text = format!("no Active Directory is set: the operator must give the settings {HOST} and {BASE}");
            return Err(ToolError::refused(text));
        }
        Ok(Self { call, base: call.setting(BASE)?, pages: 0 })
    }

    /// A search of everything below the base.
    fn search(&self, filter: Filter, attributes: &[&str]) -> Search {
        Search::new(SERVER, self.base).subtree().filter(filter).attributes(attributes)
    }

    /// The entry that an argument names, if it may be read as a distinguished name below the base.
    fn at(&self, dn: &Dn) -> Result<Search, ToolError> {
        let base = Dn::parse(self.base);
        let base = base.ok_or_else(|| ToolError::refused(format!("the setting {BASE} is not a distinguished name")))?;
        if !dn.is_at_or_below(&base) {
            return Err(ToolError::invalid_arguments(format!(
                "the distinguished name does not stand below {BASE}, the part of the directory that is read"
            )));
        }
        Ok(Search::new(SERVER, dn.as_str()).base_only())
    }

    fn list<T>(
        &mut self,
        search: &Search,
        rows: usize,
        make: impl FnMut(Entry) -> Result<T, ToolError>,
    ) -> Result<Found<T>, ToolError> {
        let pages = MAX_PAGES.saturating_sub(self.pages).max(1);
        let found = search.read_as(self.call, Bounds { rows, pages }, make)?;
        self.pages += found.pages;
        Ok(found)
    }

    fn one(&mut self, search: &Search) -> Result<Matches, ToolError> {
        self.pages += 1;
        search.one(self.call)
    }

    /// Whether as many pages were read as a call may read.
    fn is_spent(&self) -> bool {
        self.pages >= MAX_PAGES
    }
}

/// User accounts: neither contacts, which are persons too, nor computers, which are users too.
fn is_user() -> Filter {
    Filter::all([Filter::equal("objectCategory", "person"), Filter::equal("objectClass", "user")])
}

fn is_disabled() -> Filter {
    Filter::all_bits("userAccountControl", DISABLED)
}

/// What `userAccountControl` says. Absent, nothing is known: an account must never look enabled because nobody could
/// read it.
#[derive(Clone, Copy)]
struct Control(Option<i64>);

impl Control {
    fn of(entry: &Entry) -> Result<Self, ToolError> {
        entry.integer("userAccountControl").map(Self)
    }

    fn is_enabled(self) -> Option<bool> {
        self.has(DISABLED).map(|disabled| !disabled)
    }

    fn password_never_expires(self) -> Option<bool> {
        self.has(PASSWORD_NEVER_EXPIRES)
    }

    fn has(self, bit: u32) -> Option<bool> {
        self.0.map(|bits| bits & i64::from(bit) != 0)
    }
}

/// An attribute that every entry of its kind has.
fn required(entry: &Entry, attribute: &str) -> Result<String, ToolError> {
    let text = text(entry, attribute)?;
    text.ok_or_else(|| ToolError::upstream(format!("Active Directory sent an entry without {attribute}")))
}

fn text(entry: &Entry, attribute: &str) -> Result<Option<String>, ToolError> {
    Ok(entry.text(attribute)?.map(str::to_owned))
}

/// Tells that some account states are unknown, if they are.
fn note_unknown<T>(output: Output<T>, states: impl IntoIterator<Item = Option<bool>>) -> Output<T> {
    match states.into_iter().filter(Option::is_none).count() {
        0 => output,
        unknown => output.partial(format!(
            "is_enabled is unknown (null) for {unknown} of the accounts: Active Directory did not tell their \
             userAccountControl"
        )),
    }
}

/// Tells each gap.
fn note_gaps<T>(output: Output<T>, gaps: impl IntoIterator<Item = String>) -> Output<T> {
    gaps.into_iter().fold(output, Output::partial)
}
