//! A mail address, and whose it is.

use std::collections::HashMap;

use nexus_shard::ToolError;

use crate::join::{Person, Unowned};
use crate::people::Audit;
use crate::text;

/// The address, without blanks around it.
pub(crate) fn parse(email: &str) -> Result<&str, ToolError> {
    let email = email.trim();
    let odd = |c: char| c == '@' || c.is_whitespace() || c.is_control();
    let is_address = email.len() <= 320
        && email
            .split_once('@')
            .is_some_and(|(name, domain)| [name, domain].iter().all(|part| !part.is_empty() && !part.contains(odd)));
    if is_address { Ok(email) } else { Err(ToolError::invalid_arguments("email is not a mail address (name@domain)")) }
}

/// Whose an address is.
#[derive(Clone, Copy)]
pub(crate) enum Who<'p, 'a> {
    /// A worker's: by the work email, or as an account of theirs has it.
    Worker(&'p Person<'a>),
    /// An account's that has no worker.
    Account(&'p Unowned<'a>),
    /// Several workers have it.
    Several,
    /// Nobody's, as far as was read.
    Nobody,
}

/// Everybody, by address.
pub(crate) struct Addresses<'p, 'a>(HashMap<String, Who<'p, 'a>>);

impl<'p, 'a> Addresses<'p, 'a> {
    pub(crate) fn of(audit: &'p Audit<'a>) -> Self {
        let mut all: HashMap<String, Who<'_, '_>> = HashMap::new();
        for person in &audit.joined.people {
            if let Some(address) = text::told(person.worker.email.as_deref()) {
                all.entry(text::folded(address)).and_modify(|who| *who = Who::Several).or_insert(Who::Worker(person));
            }
        }
        // An address that is a worker's own is nobody else's, whatever an account says.
        for person in &audit.joined.people {
            let addresses = person.links().flat_map(|link| [link.account.email, link.account.upn]);
            for address in addresses.flatten() {
                all.entry(text::folded(address)).or_insert(Who::Worker(person));
            }
        }
        for one in &audit.joined.unowned {
            for address in one.accounts().flat_map(|account| [account.email, account.upn]).flatten() {
                all.entry(text::folded(address)).or_insert(Who::Account(one));
            }
        }
        Self(all)
    }

    pub(crate) fn find(&self, email: &str) -> Who<'p, 'a> {
        self.0.get(&text::folded(email)).copied().unwrap_or(Who::Nobody)
    }
}
