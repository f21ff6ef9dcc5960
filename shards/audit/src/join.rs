//! Which records are of one person, one account or one device.
//!
//! Records join by keys and never by names. A key that two records of one system have joins nothing, and is told. A key that
//! contradicts a stronger one leaves the record where the stronger one puts it, and is told as well.

mod account;
mod devices;
mod directories;
mod joining;
mod people;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub(crate) use account::{Account, Use};
pub(crate) use devices::{Device, Record, devices};
pub(crate) use directories::{Pair, pairs};
pub(crate) use joining::people;
pub(crate) use people::{Found, Joined, Link, Person, Shared, Unowned, UnownedKind};

/// Who has a key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder {
    One(usize),
    /// In the order in which they came.
    Several(Vec<usize>),
}

/// Records by a key.
#[derive(Debug, Default)]
struct Index(HashMap<String, Holder>);

impl Index {
    fn insert(&mut self, key: String, record: usize) {
        match self.0.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(Holder::One(record));
            }
            Entry::Occupied(mut taken) => match taken.get_mut() {
                Holder::One(first) => {
                    let both = vec![*first, record];
                    taken.insert(Holder::Several(both));
                }
                Holder::Several(all) => all.push(record),
            },
        }
    }

    fn get(&self, key: Option<&str>) -> Option<&Holder> {
        self.0.get(key?)
    }

    /// The one record that has the key.
    fn one(&self, key: Option<&str>) -> Option<usize> {
        match self.get(key)? {
            Holder::One(record) => Some(*record),
            Holder::Several(_) => None,
        }
    }

    /// Keys that several records have.
    fn shared(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.0.iter().filter_map(|(key, holder)| match holder {
            Holder::One(_) => None,
            Holder::Several(all) => Some((key.as_str(), all.as_slice())),
        })
    }
}
