//! Workers and their accounts.
//!
//! An account belongs to the worker to whom its strongest key leads; of a worker's accounts in one directory the one that the
//! strongest key joins is compared. Service accounts are kept out, for their mail address is often their owner's, and guests
//! join by an employee number alone, for their address is another company's.

use std::collections::{BTreeMap, HashMap};

use super::{Account, Holder, Index};
use crate::model::System;
use crate::read::Worker;
use crate::rules::{PersonKey, Rules};
use crate::text;

/// What joins an account to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LinkKey {
    Key(PersonKey),
    /// The account of Active Directory that the account of Entra ID comes from.
    Source,
}

/// A worker's account.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    pub(crate) account: Account<'a>,
    pub(crate) by: LinkKey,
    /// How strong the key is, 0 for the strongest.
    pub(crate) rank: usize,
    /// What another key says instead.
    pub(crate) conflict: Option<String>,
}

/// A worker's accounts in one directory.
#[derive(Debug, Default)]
pub(crate) struct Standing<'a> {
    /// The strongest keys first.
    pub(crate) links: Vec<Link<'a>>,
    /// A weaker key of somebody else's account leads to this worker.
    pub(super) is_contested: bool,
}

impl<'a> Standing<'a> {
    /// The account to compare: the only one that the strongest key joins, contradicted by no other key.
    pub(crate) fn only(&self) -> Option<&Link<'a>> {
        let (first, others) = self.links.split_first()?;
        let is_alone = others.iter().all(|other| other.rank > first.rank);
        (is_alone && first.conflict.is_none()).then_some(first)
    }

    /// Whether no record looks as if it were the worker's. That there is none is only proved by a complete reading.
    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty() && !self.is_contested
    }
}

/// A worker and their accounts.
#[derive(Debug)]
pub(crate) struct Person<'a> {
    pub(crate) worker: &'a Worker,
    /// Workday has the employee number once.
    pub(crate) is_sole: bool,
    pub(crate) ad: Standing<'a>,
    pub(crate) entra: Standing<'a>,
}

impl<'a> Person<'a> {
    /// The accounts in one of the directories; of another system, none.
    pub(crate) fn standing(&self, system: System) -> Option<&Standing<'a>> {
        match system {
            System::ActiveDirectory => Some(&self.ad),
            System::Entra => Some(&self.entra),
            System::Workday
            | System::Intune
            | System::Autopilot
            | System::Lansweeper
            | System::HelixCmdb
            | System::HelixItsm => None,
        }
    }

    /// Every account that leads to the worker, sure or not.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Link<'a>> {
        self.ad.links.iter().chain(&self.entra.links)
    }
}

/// Why an account has no worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnownedKind {
    /// No key leads to one.
    Orphan,
    /// A key leads to several.
    Unclear,
    /// It is no person's.
    Service,
    /// It is another company's.
    Guest,
}

/// An account without a worker, in one directory or in both.
#[derive(Debug)]
pub(crate) struct Unowned<'a> {
    pub(crate) kind: UnownedKind,
    pub(crate) ad: Option<Account<'a>>,
    pub(crate) entra: Option<Account<'a>>,
}

impl<'a> Unowned<'a> {
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account<'a>> {
        self.ad.iter().chain(&self.entra)
    }
}

/// A key that several records of one system have.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) system: System,
    pub(crate) key: PersonKey,
    /// The key's value, as one of the records has it.
    pub(crate) value: &'a str,
    /// The records, by what people call them.
    pub(crate) holders: Vec<&'a str>,
}

/// Everybody, joined.
#[derive(Debug)]
pub(crate) struct Joined<'a> {
    pub(crate) people: Vec<Person<'a>>,
    pub(crate) unowned: Vec<Unowned<'a>>,
    /// By the key's value, as it is compared.
    pub(crate) shared: BTreeMap<String, Vec<Shared<'a>>>,
    pub(super) workers_by_id: Index,
    /// Of an account of Active Directory, by its distinguished name: what it is called, and the worker.
    pub(super) by_dn: HashMap<String, (&'a str, Option<usize>)>,
}

impl<'a> Joined<'a> {
    /// The worker with this employee number.
    pub(crate) fn worker(&self, rules: &Rules, employee_id: Option<&str>) -> Found<'a> {
        let Some(key) = rules.employee_key(employee_id) else { return Found::Unclear };
        match self.workers_by_id.get(Some(&key)) {
            None => Found::None,
            Some(Holder::Several(_)) => Found::Unclear,
            Some(Holder::One(at)) => self.people.get(*at).map_or(Found::Unclear, |person| Found::One(person.worker)),
        }
    }

    /// The worker to whom an account of Active Directory belongs, and what the account is called.
    pub(crate) fn owner(&self, dn: &str) -> Option<(&'a str, &'a Worker)> {
        let (name, owner) = self.by_dn.get(&text::folded(dn))?;
        Some((*name, self.people.get((*owner)?)?.worker))
    }
}

/// What a search by a key comes to.
pub(crate) enum Found<'a> {
    One(&'a Worker),
    None,
    /// The key is none, or several have it.
    Unclear,
}

impl LinkKey {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Key(key) => key.name(),
            Self::Source => "account in Active Directory",
        }
    }
}

impl PersonKey {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EmployeeId => "employee number",
            Self::Email => "mail address",
            Self::UserPrincipalName => "sign-in name",
        }
    }
}
