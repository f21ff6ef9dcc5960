//! `rules.toml`, as it is written.

use std::collections::{BTreeMap, HashSet};

use nexus_shard::Date;
use serde::Deserialize;

use super::{Accepted, DeviceKey, DeviceType, Entry, PersonKey, Rule, Rules};
use crate::model::{Severity, System};
use crate::text::{self, Words};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    version: u32,
    keys: Keys,
    workers: Workers,
    service_accounts: ServiceAccounts,
    lansweeper: Lansweeper,
    device_type: Vec<Type>,
    rule: Vec<RuleTable>,
    normalise: Normalise,
    #[serde(default)]
    exception: Vec<ExceptionTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Keys {
    person: Vec<PersonKey>,
    device: Vec<DeviceKey>,
    not_employee_ids: Vec<String>,
    not_serial_numbers: Vec<String>,
    not_hostnames: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Workers {
    active: Vec<String>,
    on_leave: Vec<String>,
    terminated: Vec<String>,
    contingent: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceAccounts {
    prefixes: Vec<String>,
    names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Lansweeper {
    in_use: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Type {
    name: String,
    asset_types: Vec<String>,
    os: Vec<String>,
    models: Vec<String>,
    expected: Vec<System>,
    noted: Vec<System>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleTable {
    id: Rule,
    version: u32,
    title: String,
    severity: Severity,
    severity_if_used: Option<Severity>,
    authority: Option<System>,
    systems: Vec<System>,
    days: Option<u32>,
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Normalise {
    titles: Table,
    departments: Table,
    manufacturers: Table,
    models: Table,
    names: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    drop: Vec<String>,
    same: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionTable {
    rule: Rule,
    key: String,
    reason: String,
    expires: Date,
}

pub(super) fn read(text: &str) -> Result<Rules, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    if file.keys.person.is_empty() || file.keys.device.is_empty() {
        return Err("keys: there is no key of a person, or none of a device".to_owned());
    }
    Ok(Rules {
        version: file.version,
        entries: entries(file.rule)?,
        person_keys: file.keys.person,
        device_keys: file.keys.device,
        not_employee_ids: file.keys.not_employee_ids.iter().map(|id| text::bare(&text::folded(id))).collect(),
        not_serial_numbers: file.keys.not_serial_numbers.iter().map(|id| text::bare(&text::folded(id))).collect(),
        not_hostnames: folded(&file.keys.not_hostnames),
        active: folded(&file.workers.active),
        on_leave: folded(&file.workers.on_leave),
        terminated: folded(&file.workers.terminated),
        contingent: folded(&file.workers.contingent),
        service_prefixes: file.service_accounts.prefixes.iter().map(|prefix| text::folded(prefix)).collect(),
        service_names: folded(&file.service_accounts.names),
        in_use: folded(&file.lansweeper.in_use),
        device_types: device_types(file.device_type)?,
        titles: words("titles", &file.normalise.titles)?,
        departments: words("departments", &file.normalise.departments)?,
        manufacturers: words("manufacturers", &file.normalise.manufacturers)?,
        models: words("models", &file.normalise.models)?,
        names: words("names", &file.normalise.names)?,
        exceptions: exceptions(file.exception)?,
    })
}

fn folded(texts: &[String]) -> HashSet<String> {
    texts.iter().map(|text| text::folded(text)).collect()
}

fn entries(tables: Vec<RuleTable>) -> Result<BTreeMap<Rule, Entry>, String> {
    let mut entries = BTreeMap::new();
    for table in tables {
        let rule = table.id;
        let id = rule.id();
        if rule.has_days() != table.days.is_some() {
            return Err(format!("{id}: days is {}", if rule.has_days() { "missing" } else { "not used by this rule" }));
        }
        if rule.has_graver() != table.severity_if_used.is_some() {
            let state = if rule.has_graver() { "missing" } else { "not used by this rule" };
            return Err(format!("{id}: severity-if-used is {state}"));
        }
        let entry = Entry {
            version: table.version,
            title: table.title,
            severity: table.severity,
            graver: table.severity_if_used.unwrap_or(table.severity),
            authority: table.authority,
            systems: table.systems,
            days: table.days.unwrap_or_default().into(),
            description: table.description,
        };
        if entries.insert(rule, entry).is_some() {
            return Err(format!("{id} stands in the file twice"));
        }
    }
    match Rule::ALL.iter().find(|rule| !entries.contains_key(rule)) {
        Some(rule) => Err(format!("{} is missing", rule.id())),
        None => Ok(entries),
    }
}

fn device_types(tables: Vec<Type>) -> Result<Vec<DeviceType>, String> {
    let is_open = |table: &Type| table.asset_types.is_empty() && table.os.is_empty() && table.models.is_empty();
    if tables.iter().position(is_open).is_none_or(|at| at + 1 != tables.len()) {
        return Err("device-type: the last one, and no other, is without words".to_owned());
    }
    let phrases = |texts: Vec<String>| texts.iter().map(|text| format!(" {} ", text::words(text).join(" "))).collect();
    let types = tables.into_iter().map(|table| DeviceType {
        name: table.name,
        asset_types: folded(&table.asset_types),
        os: phrases(table.os),
        models: phrases(table.models),
        expected: table.expected,
        noted: table.noted,
    });
    Ok(types.collect())
}

fn words(name: &str, table: &Table) -> Result<Words, String> {
    let same = table.same.iter().map(|(meant, written)| (meant.as_str(), written.as_slice()));
    Words::new(table.drop.iter().map(String::as_str), same).map_err(|error| format!("normalise.{name}: {error}"))
}

/// A decision without a reason is none, and one without an end is forgotten.
fn exceptions(tables: Vec<ExceptionTable>) -> Result<BTreeMap<&'static str, BTreeMap<String, Accepted>>, String> {
    let mut exceptions: BTreeMap<&'static str, BTreeMap<String, Accepted>> = BTreeMap::new();
    for table in tables {
        let id = table.rule.id();
        if table.reason.trim().is_empty() || table.key.trim().is_empty() {
            return Err(format!("exception of {id}: key or reason is empty"));
        }
        let accepted = Accepted { reason: table.reason, expires: table.expires };
        if exceptions.entry(id).or_default().insert(text::folded(&table.key), accepted).is_some() {
            return Err(format!("exception of {id}: {:?} stands in the file twice", table.key));
        }
    }
    Ok(exceptions)
}
