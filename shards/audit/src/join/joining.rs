//! Joining: which worker an account's keys lead to.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::people::{Joined, Link, LinkKey, Person, Shared, Standing, Unowned, UnownedKind};
use super::{Account, Holder, Index};
use crate::model::System;
use crate::read::{People, Worker};
use crate::rules::{PersonKey, Rules};
use crate::text;

/// The keys of a record, as they are compared.
struct Keys {
    employee_id: Option<String>,
    email: Option<String>,
    upn: Option<String>,
}

impl Keys {
    fn of(account: &Account<'_>, rules: &Rules) -> Self {
        Self {
            employee_id: rules.employee_key(account.employee_id),
            email: account.email.map(text::folded),
            upn: account.upn.map(text::folded),
        }
    }

    fn get(&self, key: PersonKey) -> Option<&str> {
        match key {
            PersonKey::EmployeeId => self.employee_id.as_deref(),
            PersonKey::Email => self.email.as_deref(),
            PersonKey::UserPrincipalName => self.upn.as_deref(),
        }
    }
}

const KEYS: [PersonKey; 3] = [PersonKey::EmployeeId, PersonKey::Email, PersonKey::UserPrincipalName];

/// Joins workers and accounts.
pub(crate) fn people<'a>(people: &'a People, rules: &Rules) -> Joined<'a> {
    let mut workers: Vec<&Worker> = people.workers.rows.iter().collect();
    workers.sort_by_cached_key(|worker| {
        (worker.employee_id.clone(), worker.email.clone(), worker.status.clone(), worker.hire_date.clone())
    });
    let mut ad: Vec<Account<'_>> = people.ad.rows.iter().map(Account::from).collect();
    let mut entra: Vec<Account<'_>> = people.entra.rows.iter().map(Account::from).collect();
    for accounts in [&mut ad, &mut entra] {
        accounts.sort_by_key(|account| (account.sign_in_name(), account.id));
    }
    Joining::new(rules, workers).join(ad, entra)
}

struct Joining<'a, 'r> {
    rules: &'r Rules,
    by_id: Index,
    by_address: Index,
    worker_ids: Vec<Option<String>>,
    /// Keys of accounts that several workers have: the account may be any one's of them.
    unclear: HashSet<(System, String)>,
    joined: Joined<'a>,
}

/// Where an account belongs.
enum Place {
    Owned { worker: usize, by: LinkKey, rank: usize, conflict: Option<String> },
    Unowned(UnownedKind),
}

impl<'a, 'r> Joining<'a, 'r> {
    fn new(rules: &'r Rules, workers: Vec<&'a Worker>) -> Self {
        let (mut by_id, mut by_address) = (Index::default(), Index::default());
        let mut worker_ids = Vec::with_capacity(workers.len());
        for (at, worker) in workers.iter().enumerate() {
            let id = rules.employee_key(Some(&worker.employee_id));
            if let Some(id) = id.clone() {
                by_id.insert(id, at);
            }
            if let Some(address) = text::told(worker.email.as_deref()) {
                by_address.insert(text::folded(address), at);
            }
            worker_ids.push(id);
        }
        let is_sole = |id: &Option<String>| !matches!(by_id.get(id.as_deref()), Some(Holder::Several(_)));
        let people = workers.iter().zip(&worker_ids).map(|(worker, id)| Person {
            worker,
            is_sole: is_sole(id),
            ad: Standing::default(),
            entra: Standing::default(),
        });
        let mut joined = Joined {
            people: people.collect(),
            unowned: Vec::new(),
            shared: BTreeMap::new(),
            workers_by_id: Index::default(),
            by_dn: HashMap::new(),
        };
        let holder = |key| {
            let workers = &workers;
            move |at: usize| {
                let worker = workers.get(at)?;
                let id = worker.employee_id.as_str();
                Some((if key == PersonKey::EmployeeId { id } else { worker.email.as_deref()? }, id))
            }
        };
        share(&mut joined, System::Workday, PersonKey::EmployeeId, &by_id, holder(PersonKey::EmployeeId));
        share(&mut joined, System::Workday, PersonKey::Email, &by_address, holder(PersonKey::Email));
        Self { rules, by_id, by_address, worker_ids, unclear: HashSet::new(), joined }
    }

    fn join(mut self, ad: Vec<Account<'a>>, entra: Vec<Account<'a>>) -> Joined<'a> {
        let ad_keys: Vec<Keys> = ad.iter().map(|account| Keys::of(account, self.rules)).collect();
        let entra_keys: Vec<Keys> = entra.iter().map(|account| Keys::of(account, self.rules)).collect();
        self.share_all(&ad, &ad_keys);
        self.share_all(&entra, &entra_keys);

        let ad_places: Vec<Place> = ad.iter().zip(&ad_keys).map(|(one, keys)| self.place(one, keys, None)).collect();
        let sources = Sources::of(&ad, &ad_places);
        let mut pairs: BTreeMap<usize, Unowned<'a>> = BTreeMap::new();
        for (at, (account, place)) in ad.iter().zip(ad_places).enumerate() {
            let owner = match &place {
                Place::Owned { worker, .. } => Some(*worker),
                Place::Unowned(_) => None,
            };
            self.joined.by_dn.insert(text::folded(account.id), (account.name(), owner));
            match place {
                Place::Owned { worker, by, rank, conflict } => self.link(worker, *account, by, rank, conflict),
                Place::Unowned(kind) => {
                    pairs.insert(at, Unowned { kind, ad: Some(*account), entra: None });
                }
            }
        }
        let mut alone = Vec::new();
        for (account, keys) in entra.iter().zip(&entra_keys) {
            let source = sources.find(account);
            match self.place(account, keys, source.and_then(|(_, owner)| owner)) {
                Place::Owned { worker, by, rank, conflict } => self.link(worker, *account, by, rank, conflict),
                Place::Unowned(kind) => match source.and_then(|(at, _)| pairs.get_mut(&at)) {
                    Some(pair) if pair.entra.is_none() => {
                        pair.kind = more_telling(pair.kind, kind);
                        pair.entra = Some(*account);
                    }
                    _ => alone.push(Unowned { kind, ad: None, entra: Some(*account) }),
                },
            }
        }
        self.joined.unowned = pairs.into_values().chain(alone).collect();
        self.weigh();
        self.joined.workers_by_id = self.by_id;
        self.joined
    }

    /// Whether an account is no person's: by its name, and without an employee number.
    fn is_service(&self, account: &Account<'_>, keys: &Keys) -> bool {
        let names = [account.login, account.upn];
        keys.employee_id.is_none() && names.into_iter().flatten().any(|name| self.rules.is_service_name(name))
    }

    /// Where an account belongs by its own keys, and by the account it comes from.
    fn place(&mut self, account: &Account<'a>, keys: &Keys, source: Option<usize>) -> Place {
        if self.is_service(account, keys) {
            return Place::Unowned(UnownedKind::Service);
        }
        let mut candidates: Vec<(LinkKey, usize, Option<usize>)> = Vec::with_capacity(4);
        for (rank, key) in self.rules.person_keys.iter().enumerate() {
            if account.is_guest && *key != PersonKey::EmployeeId {
                continue;
            }
            let index = if *key == PersonKey::EmployeeId { &self.by_id } else { &self.by_address };
            match index.get(keys.get(*key)) {
                None => {}
                Some(Holder::One(worker)) => candidates.push((LinkKey::Key(*key), rank, Some(*worker))),
                Some(Holder::Several(_)) => {
                    candidates.push((LinkKey::Key(*key), rank, None));
                    let unclear = (account.system, keys.get(*key).unwrap_or_default().to_owned());
                    self.unclear.insert(unclear);
                }
            }
        }
        if let Some(worker) = source {
            candidates.push((LinkKey::Source, self.rules.person_keys.len(), Some(worker)));
        }
        let Some((by, rank, first)) = candidates.first().copied() else {
            return Place::Unowned(if account.is_guest { UnownedKind::Guest } else { UnownedKind::Orphan });
        };
        let Some(worker) = first else { return Place::Unowned(UnownedKind::Unclear) };
        let conflict = self.contradiction(account, keys, worker, by, &candidates);
        Place::Owned { worker, by, rank, conflict }
    }

    /// What another key than the strongest says of an account's owner.
    fn contradiction(
        &mut self,
        account: &Account<'a>,
        keys: &Keys,
        worker: usize,
        by: LinkKey,
        candidates: &[(LinkKey, usize, Option<usize>)],
    ) -> Option<String> {
        let system = account.system.name();
        let mut conflict = None;
        for (key, _, other) in candidates {
            let Some(other) = other.filter(|other| *other != worker) else { continue };
            let Some(person) = self.joined.people.get_mut(other) else { continue };
            let standing = if account.system == System::ActiveDirectory { &mut person.ad } else { &mut person.entra };
            standing.is_contested = true;
            conflict = conflict.or_else(|| {
                let (strong, weak, whose) = (by.name(), key.name(), text::named(&person.worker.employee_id));
                Some(format!("{system}: the {strong} of the account is this worker's, its {weak} leads to {whose}"))
            });
        }
        if conflict.is_some() {
            return conflict;
        }
        let own = self.worker_ids.get(worker).and_then(Option::as_deref);
        match (keys.employee_id.as_deref(), own) {
            (Some(written), Some(own)) if written != own => {
                let (strong, written) = (by.name(), text::named(account.employee_id.unwrap_or_default()));
                Some(format!(
                    "{system}: the {strong} of the account is this worker's, its employee number is {written}"
                ))
            }
            _ => None,
        }
    }

    fn link(&mut self, worker: usize, account: Account<'a>, by: LinkKey, rank: usize, conflict: Option<String>) {
        let Some(person) = self.joined.people.get_mut(worker) else { return };
        let standing = if account.system == System::ActiveDirectory { &mut person.ad } else { &mut person.entra };
        standing.links.push(Link { account, by, rank, conflict });
    }

    /// Puts the strongest keys first, and looks whether a worker's keys lead to different accounts.
    fn weigh(&mut self) {
        for (person, id) in self.joined.people.iter_mut().zip(&self.worker_ids) {
            let address = text::told(person.worker.email.as_deref()).map(text::folded);
            for (system, standing) in [(System::ActiveDirectory, &mut person.ad), (System::Entra, &mut person.entra)] {
                let is_unclear = |key: &Option<String>| {
                    key.as_ref().is_some_and(|key| self.unclear.contains(&(system, key.clone())))
                };
                standing.is_contested |= !self.unclear.is_empty() && (is_unclear(id) || is_unclear(&address));
                standing.links.sort_by_key(|link| link.rank);
                let Some((first, others)) = standing.links.split_first_mut() else { continue };
                let own = [first.account.email, first.account.upn].into_iter().flatten().map(text::folded);
                let is_reached = || own.into_iter().any(|one| Some(one) == address);
                let mut by_address =
                    others.iter().filter(|other| other.rank > first.rank && other.by != LinkKey::Source);
                if first.conflict.is_none()
                    && let (Some(other), None) = (by_address.next(), by_address.next())
                    && !is_reached()
                {
                    let (system, name) = (first.account.system.name(), text::named(other.account.sign_in_name()));
                    let strong = first.by.name();
                    first.conflict =
                        Some(format!("{system}: the {strong} leads to another account than the work email, {name}"));
                }
            }
        }
    }

    fn share_all(&mut self, accounts: &[Account<'a>], keys: &[Keys]) {
        for key in KEYS {
            let mut index = Index::default();
            for (at, (account, keys)) in accounts.iter().zip(keys).enumerate() {
                let is_service = self.is_service(account, keys);
                if let Some(value) = keys.get(key).filter(|_| !is_service && !account.is_guest) {
                    index.insert(value.to_owned(), at);
                }
            }
            let Some(system) = accounts.first().map(|account| account.system) else { continue };
            share(&mut self.joined, system, key, &index, |at| {
                let account = accounts.get(at)?;
                Some((account.key(key)?, account.sign_in_name()))
            });
        }
    }
}

/// `holder` tells the key's value and what people call the record.
fn share<'a>(
    joined: &mut Joined<'a>,
    system: System,
    key: PersonKey,
    index: &Index,
    holder: impl Fn(usize) -> Option<(&'a str, &'a str)>,
) {
    for (folded, records) in index.shared() {
        let mut held: Vec<(&str, &str)> = records.iter().filter_map(|at| holder(*at)).collect();
        held.sort_unstable();
        let Some((value, _)) = held.first().copied() else { continue };
        let holders = held.into_iter().map(|(_, holder)| holder).collect();
        joined.shared.entry(folded.to_owned()).or_default().push(Shared { system, key, value, holders });
    }
}

/// An account that is a service's in one directory is so in the other.
fn more_telling(one: UnownedKind, other: UnownedKind) -> UnownedKind {
    let telling = |kind| match kind {
        UnownedKind::Service => 3,
        UnownedKind::Unclear => 2,
        UnownedKind::Orphan => 1,
        UnownedKind::Guest => 0,
    };
    if telling(other) > telling(one) { other } else { one }
}

/// Accounts of Active Directory as sources of those of Entra ID.
struct Sources {
    by_sid: Index,
    by_login: Index,
    owners: Vec<Option<usize>>,
}

impl Sources {
    fn of(ad: &[Account<'_>], places: &[Place]) -> Self {
        let (mut by_sid, mut by_login) = (Index::default(), Index::default());
        for (at, account) in ad.iter().enumerate() {
            if let Some(sid) = account.sid {
                by_sid.insert(text::folded(sid), at);
            }
            if let Some(login) = account.login {
                by_login.insert(text::folded(login), at);
            }
        }
        let owner = |place: &Place| match place {
            Place::Owned { worker, .. } => Some(*worker),
            Place::Unowned(_) => None,
        };
        Self { by_sid, by_login, owners: places.iter().map(owner).collect() }
    }

    fn find(&self, account: &Account<'_>) -> Option<(usize, Option<usize>)> {
        let by_sid = self.by_sid.one(account.sid.map(text::folded).as_deref());
        let at = by_sid.or_else(|| self.by_login.one(account.login.map(text::folded).as_deref()))?;
        Some((at, self.owners.get(at).copied().flatten()))
    }
}
