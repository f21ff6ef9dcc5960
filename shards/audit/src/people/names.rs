//! Names: what the directories show against the preferred and the legal name.
//!
//! Compared are words. The shown name must begin with a word of either first name and end in a word of either last name, or
//! the other way round; what stands in brackets is not of the name, and `Martinez, Bob` is `Bob Martinez`.

use std::collections::HashSet;

use super::{Case, DIRECTORIES};
use crate::evidence::{Evidence, listed};
use crate::join::{Account, Link};
use crate::model::Finding;
use crate::read::Worker;
use crate::rules::Rule;
use crate::text::{self, Compared, Words};

/// The words of somebody's names.
struct Names<'a> {
    table: &'a Words,
    first: HashSet<String>,
    last: HashSet<String>,
    legal_last: HashSet<String>,
}

impl<'a> Names<'a> {
    fn of(worker: &Worker, table: &'a Words) -> Self {
        let words = |names: &[&Option<String>]| -> HashSet<String> {
            let names = names.iter().filter_map(|name| text::told(name.as_deref()));
            names.flat_map(|name| text::spellings(table, name)).flatten().collect()
        };
        Self {
            table,
            first: words(&[&worker.preferred_first, &worker.legal_first]),
            last: words(&[&worker.preferred_last, &worker.legal_last]),
            legal_last: words(&[&worker.legal_last]),
        }
    }

    /// Whether the account shows one of the names, as far as it shows any.
    fn fit(&self, account: &Account<'_>) -> bool {
        let is_in = |words: &HashSet<String>, word: Option<&String>| {
            words.is_empty() || word.is_some_and(|word| words.contains(word))
        };
        let display = |name: &str| {
            text::spellings(self.table, &in_order(name)).iter().any(|words| {
                let (first, last) = (words.first(), words.last());
                (is_in(&self.first, first) && is_in(&self.last, last))
                    || (is_in(&self.last, first) && is_in(&self.first, last))
            })
        };
        let part = |name: &str, words: &HashSet<String>| {
            text::spellings(self.table, name).iter().any(|found| found.iter().any(|word| is_in(words, Some(word))))
        };
        account.display_name.is_none_or(display)
            && account.first_name.is_none_or(|name| part(name, &self.first))
            && account.last_name.is_none_or(|name| part(name, &self.last))
    }

    /// Whether the shown name ends in no word of the legal last name.
    fn hides_legal(&self, account: &Account<'_>) -> bool {
        account.display_name.is_some_and(|name| {
            let spellings = text::spellings(self.table, &in_order(name));
            !spellings.iter().flatten().any(|word| self.legal_last.contains(word))
        })
    }
}

/// A shown name without what stands in brackets, the first name first.
fn in_order(name: &str) -> String {
    let mut depth = 0_usize;
    let mut plain = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    match plain.split_once(',') {
        Some((last, first)) if text::told(Some(first)).is_some() => format!("{first} {last}"),
        _ => plain,
    }
}

impl<'a> Case<'_, 'a> {
    pub(super) fn names(&self, found: &mut Vec<Finding>) {
        let worker = self.person.worker;
        if DIRECTORIES.into_iter().filter_map(|system| self.only(system)).all(|link| self.is_shown_by(&link.account)) {
            return;
        }
        let names = Names::of(worker, &self.audit.rules.names);
        if names.first.is_empty() && names.last.is_empty() {
            return;
        }
        let links: Vec<&Link<'a>> = DIRECTORIES.into_iter().filter_map(|system| self.only(system)).collect();
        let others: Vec<&Link<'a>> = links.iter().copied().filter(|link| !names.fit(&link.account)).collect();
        if !others.is_empty() {
            let says: Vec<String> = others.iter().map(|link| shown(&link.account)).collect();
            let says = listed(&says.iter().map(String::as_str).collect::<Vec<_>>());
            found.push(self.about_name(Rule::PersonName, &format!("the name is {says}")));
            return;
        }
        let (preferred, legal) = (worker.preferred_last.as_deref(), worker.legal_last.as_deref());
        let differ = names.table.compare(preferred, legal) == Compared::Different;
        let hiding: Vec<&str> = links
            .iter()
            .filter(|link| differ && names.hides_legal(&link.account))
            .map(|link| link.account.system.name())
            .collect();
        if !hiding.is_empty() {
            let (preferred, legal) = (preferred.unwrap_or_default(), legal.unwrap_or_default());
            let (preferred, legal) = (text::quoted(preferred), text::quoted(legal));
            let says = format!("the legal last name is {legal}, and the name is {preferred} in {}", listed(&hiding));
            found.push(self.about_name(Rule::PersonLegalName, &says));
        }
    }

    /// Whether the account shows the very name, and the legal one ends alike. That is nearly everybody, and quickly seen.
    fn is_shown_by(&self, account: &Account<'a>) -> bool {
        let worker = self.person.worker;
        let is = |name: Option<&str>, own: &Option<String>| name.is_none() || name == own.as_deref();
        account.display_name.is_none_or(|name| name == self.name)
            && is(account.first_name, &worker.preferred_first)
            && is(account.last_name, &worker.preferred_last)
            && worker.legal_last == worker.preferred_last
    }

    fn about_name(&self, rule: Rule, says: &str) -> Finding {
        let worker = self.person.worker;
        let legal = [worker.legal_first.as_deref(), worker.legal_last.as_deref()];
        let legal = legal.into_iter().filter_map(text::told).collect::<Vec<_>>().join(" ");
        let workday = if legal.is_empty() || legal == self.name {
            self.name.clone()
        } else {
            format!("{} (legal: {legal})", self.name)
        };
        let values = self.values(Some(&workday), &DIRECTORIES, |link| full(&link.account));
        let evidence = Evidence::new(values, self.confidence(&DIRECTORIES));
        Finding { field: Some("name".to_owned()), ..self.finding(rule, says, evidence) }
    }
}

/// The name that an account shows, and the parts of it that are kept apart where they say something else.
fn full(account: &Account<'_>) -> Option<String> {
    let parts = [account.first_name, account.last_name].into_iter().flatten().collect::<Vec<_>>().join(" ");
    match account.display_name {
        Some(display) if parts.is_empty() || text::folded(display) == text::folded(&parts) => Some(display.to_owned()),
        Some(display) => Some(format!("{display} (first and last name: {parts})")),
        None => (!parts.is_empty()).then_some(parts),
    }
}

fn shown(account: &Account<'_>) -> String {
    format!("{} in {}", text::quoted(&full(account).unwrap_or_default()), account.system.name())
}
