//! Accounts of Entra ID, and the accounts of Active Directory that they come from.
//!
//! The security identifier joins them even where all names differ, then the account name as a whole, then what joins people.

use super::{Account, Index};
use crate::read::{AdAccount, EntraAccount};
use crate::rules::Rules;
use crate::text;

/// An account that Entra ID says it synchronises, and its source.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    pub(crate) entra: Account<'a>,
    /// Nothing where no key leads to one account.
    pub(crate) ad: Option<Account<'a>>,
    /// What joins them.
    pub(crate) by: &'static str,
    /// 0 for the strongest key.
    pub(crate) rank: usize,
    /// Several accounts of Active Directory have a key: that none was found proves nothing.
    pub(crate) is_unclear: bool,
}

const KEYS: [&str; 5] = ["security identifier", "account name", "employee number", "mail address", "sign-in name"];

/// The synchronised accounts, by sign-in name.
pub(crate) fn pairs<'a>(ad: &'a [AdAccount], entra: &'a [EntraAccount], rules: &Rules) -> Vec<Pair<'a>> {
    let sources: Vec<Account<'_>> = ad.iter().map(Account::from).collect();
    let mut indexes: [Index; 5] = Default::default();
    for (at, account) in sources.iter().enumerate() {
        for (index, key) in indexes.iter_mut().zip(keys(account, rules)) {
            if let Some(key) = key {
                index.insert(key, at);
            }
        }
    }
    let synced = entra.iter().map(Account::from).filter(|account| account.is_synced);
    let mut pairs: Vec<Pair<'_>> = synced
        .map(|account| {
            let keys = keys(&account, rules);
            let mut held = indexes.iter().zip(&keys).zip(KEYS).enumerate();
            let found = held.find_map(|(rank, ((index, key), by))| Some((rank, by, index.one(key.as_deref())?)));
            let is_unclear = indexes.iter().zip(&keys).any(|(index, key)| {
                index.get(key.as_deref()).is_some_and(|holder| matches!(holder, super::Holder::Several(_)))
            });
            let (rank, by, at) = found.map_or((0, "", None), |(rank, by, at)| (rank, by, Some(at)));
            let ad = at.and_then(|at| sources.get(at)).copied();
            Pair { entra: account, ad, by, rank, is_unclear }
        })
        .collect();
    pairs.sort_by_key(|pair| (pair.entra.sign_in_name(), pair.entra.id));
    pairs
}

fn keys(account: &Account<'_>, rules: &Rules) -> [Option<String>; 5] {
    [
        account.sid.map(text::folded),
        account.login.map(text::folded),
        rules.employee_key(account.employee_id),
        account.email.map(text::folded),
        account.upn.map(text::folded),
    ]
}
