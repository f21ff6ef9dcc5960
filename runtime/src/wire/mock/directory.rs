//! Stands in for a directory: entries from a table, and a filter's tree walked over them as Active Directory would.
//!
//! Text compares without case, names by their parts, numbers by their value. An attribute that no entry has is one that
//! the schema does not know: what asks for it is neither true nor false (RFC 4511, 4.5.1.7), and `No` of it neither.
//! `memberOf` follows from `member`, as it does in a real directory.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::time::timeout_at;

use super::faults::Misbehaviour;
use super::{Mock, MockError, Upstreams};
use crate::outbound::{Attribute, Dn, Filter, Scope};
use crate::secrets::SealedSearch;
use crate::wire::{BadReply, Budget, Phase, RawEntry, RawPage, ResultCode, Unreachable, WireError};

/// A `[[directory]]` of `routes.toml` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Entry {
    name: String,
    /// `host:port`, or a host for port 636.
    hosts: Vec<String>,
    base: String,
    /// The table of its entries.
    entries: String,
    /// The most entries of a page, whatever is asked for.
    #[serde(default = "page_size")]
    page_size: u32,
}

/// MaxPageSize of Active Directory as it comes.
fn page_size() -> u32 {
    1000
}

/// Bit rules, and the one that follows names: members of members.
const BIT_AND: &str = "1.2.840.113556.1.4.803";
const BIT_OR: &str = "1.2.840.113556.1.4.804";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// Attributes whose values are names of entries.
const NAMES: [&str; 7] =
    ["directreports", "distinguishedname", "managedby", "manager", "member", "memberof", "objectcategory"];

/// Entries between two looks at what else there is to do.
const STRIDE: usize = 256;

/// One directory, ready to be searched.
pub(super) struct Directory {
    /// `upstream/name`, as faults and counts call it.
    pub(super) name: String,
    pub(super) hosts: Vec<String>,
    /// As `key` spells it.
    base: String,
    page_size: u32,
    rows: Vec<Row>,
    /// Where in `rows` an entry is, by its name as `key` spells it.
    places: BTreeMap<String, usize>,
    /// Every attribute that some entry has, in lower case.
    schema: BTreeSet<String>,
}

struct Row {
    /// As the table writes it.
    dn: String,
    /// As `key` spells it.
    key: String,
    /// By name in lower case.
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
    /// Of attributes in `NAMES`, what they name, as `key` spells it.
    names: BTreeMap<String, Vec<String>>,
}

impl Directory {
    pub(super) fn new(upstream: &str, entry: Entry, tables: &Json) -> Result<Self, MockError> {
        let place = format!("{upstream}/routes.toml: directory {:?}", entry.name);
        let bad = |reason: String| MockError::Directory { place: place.clone(), reason };
        let base = named(entry.base.as_bytes()).ok_or_else(|| bad(format!("base {:?} is no name", entry.base)))?;
        let table = tables.get(&entry.entries).and_then(Json::as_array);
        let table = table.ok_or_else(|| bad(format!("entries: {:?} is no table that is a list", entry.entries)))?;
        let mut rows = table.iter().map(Row::read).collect::<Result<Vec<_>, _>>().map_err(&bad)?;
        let mut places = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            if below(&row.key, &base).is_none() {
                return Err(bad(format!("{} is not below {}", row.dn, entry.base)));
            }
            if places.insert(row.key.clone(), at).is_some() {
                return Err(bad(format!("{} is there twice", row.dn)));
            }
        }
        link_back(&mut rows, &places);
        let schema = rows.iter().flat_map(|row| row.attributes.keys().cloned()).collect();
        let name = format!("{upstream}/{}", entry.name);
        Ok(Self { name, hosts: entry.hosts, base, page_size: entry.page_size, rows, places, schema })
    }

    fn serves(&self, host: &str, port: u16) -> bool {
        self.hosts.iter().any(|served| match served.rsplit_once(':') {
            Some((name, on)) => name == host && on.parse() == Ok(port),
            None => served == host && port == 636,
        })
    }

    fn has_place(&self, base: &str) -> bool {
        base == self.base || self.rows.iter().any(|row| below(&row.key, base).is_some())
    }

    /// None: neither true nor false.
    fn holds(&self, filter: &Filter, row: &Row) -> Option<bool> {
        let any = |attribute: &Attribute, fits: &dyn Fn(&[u8]) -> bool| {
            let name = self.known(attribute)?;
            Some(row.values(&name).iter().any(|found| fits(found)))
        };
        match filter {
            Filter::All(members) => every(members.iter().map(|member| self.holds(member, row))),
            Filter::Any(members) => {
                let none = every(members.iter().map(|member| self.holds(member, row).map(|is| !is)));
                none.map(|none| !none)
            }
            Filter::No(member) => self.holds(member, row).map(|is| !is),
            Filter::Equal { attribute, value } => {
                let name = self.known(attribute)?;
                Some(row.has(&name, value))
            }
            Filter::AtLeast { attribute, value } => any(attribute, &|found| order(found, value) != Ordering::Less),
            Filter::AtMost { attribute, value } => any(attribute, &|found| order(found, value) != Ordering::Greater),
            Filter::Substrings { attribute, starts_with, contains, ends_with } => any(attribute, &|found| {
                has_parts(&folded(found), starts_with.as_deref(), contains, ends_with.as_deref())
            }),
            Filter::Present(attribute) => any(attribute, &|_| true),
            Filter::Matching { attribute, rule, value } => {
                let name = self.known(attribute)?;
                self.matches(row, &name, rule, value)
            }
        }
    }

    fn matches(&self, row: &Row, name: &str, rule: &str, value: &[u8]) -> Option<bool> {
        match rule {
            BIT_AND | BIT_OR => {
                let mask = number(value)?;
                let fits = |found: &Vec<u8>| number(found).map(|bits| bits & mask);
                let is_met = |bits| if rule == BIT_AND { bits == mask } else { bits != 0 };
                Some(row.values(name).iter().filter_map(fits).any(is_met))
            }
            IN_CHAIN if NAMES.contains(&name) => Some(self.leads_to(row, name, &named(value)?)),
            _ => None,
        }
    }

    /// Whether the names in this attribute, and in that of the entries they name, and so on, have this one.
    fn leads_to(&self, row: &Row, name: &str, goal: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![row];
        while let Some(row) = next.pop() {
            for found in row.names(name) {
                if found == goal {
                    return true;
                }
                let at = self.places.get(found);
                if let Some(at) = at.filter(|at| seen.insert(**at)) {
                    next.extend(self.rows.get(*at));
                }
            }
        }
        false
    }

    fn known(&self, attribute: &Attribute) -> Option<String> {
        let name = attribute.as_str().to_ascii_lowercase();
        self.schema.contains(&name).then_some(name)
    }
}

impl Row {
    fn read(json: &Json) -> Result<Self, String> {
        let object = json.as_object().ok_or("an entry is no object")?;
        let dn = object.get("dn").and_then(Json::as_str).ok_or("an entry has no \"dn\"")?.to_owned();
        let key = named(dn.as_bytes()).ok_or_else(|| format!("{dn:?} is no name"))?;
        let mut attributes = BTreeMap::new();
        for (name, json) in object.iter().filter(|(name, _)| *name != "dn") {
            let values = match json {
                Json::Array(list) => list.iter().map(value).collect::<Option<Vec<_>>>(),
                Json::String(_) | Json::Number(_) | Json::Bool(_) | Json::Object(_) | Json::Null => {
                    value(json).map(|one| vec![one])
                }
            };
            let values = values.ok_or_else(|| format!("{name} of {dn}: expected text, a number or bytes"))?;
            if attributes.insert(name.to_ascii_lowercase(), values).is_some() {
                return Err(format!("{name} of {dn} is there twice"));
            }
        }
        attributes.retain(|_, values| !values.is_empty());
        let mut names = BTreeMap::new();
        for (name, values) in attributes.iter().filter(|(name, _)| NAMES.contains(&name.as_str())) {
            let keys = values.iter().map(|value| named(value)).collect::<Option<Vec<_>>>();
            names.insert(name.clone(), keys.ok_or_else(|| format!("{name} of {dn}: expected names of entries"))?);
        }
        Ok(Self { dn, key, attributes, names })
    }

    fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes.get(name).map_or(&[], Vec::as_slice)
    }

    fn names(&self, name: &str) -> &[String] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    fn has(&self, name: &str, value: &[u8]) -> bool {
        if !NAMES.contains(&name) {
            let value = folded(value);
            return self.values(name).iter().any(|found| folded(found) == value);
        }
        match named(value) {
            Some(value) => self.names(name).contains(&value),
            // A category is also known by the last part of its name: `(objectCategory=person)`.
            None if name == "objectcategory" => {
                let start = [b"cn=", folded(value).as_slice(), b","].concat();
                self.names(name).iter().any(|found| found.as_bytes().starts_with(&start))
            }
            None => false,
        }
    }

    fn entry(&self, asked: &[String]) -> RawEntry {
        let attribute = |name: &String| {
            let values = self.attributes.get(&name.to_ascii_lowercase())?;
            Some((name.clone(), values.clone()))
        };
        RawEntry { dn: self.dn.clone(), attributes: asked.iter().filter_map(attribute).collect() }
    }
}

/// Text, a number or a truth as a directory writes it; bytes as `{"hex": ".."}` or `{"base64": ".."}`.
fn value(json: &Json) -> Option<Vec<u8>> {
    match json {
        Json::String(text) => Some(text.as_bytes().to_vec()),
        Json::Number(number) => Some(number.to_string().into_bytes()),
        Json::Bool(true) => Some(b"TRUE".to_vec()),
        Json::Bool(false) => Some(b"FALSE".to_vec()),
        Json::Object(bytes) if bytes.len() == 1 => match (bytes.get("hex"), bytes.get("base64")) {
            (Some(text), None) => hex::decode(text.as_str()?).ok(),
            (None, Some(text)) => STANDARD.decode(text.as_str()?).ok(),
            _ => None,
        },
        Json::Object(_) | Json::Array(_) | Json::Null => None,
    }
}

/// `memberOf` of whom a group names.
fn link_back(rows: &mut [Row], places: &BTreeMap<String, usize>) {
    let mut links = Vec::new();
    for group in rows.iter() {
        let members = group.names("member").iter().filter_map(|member| places.get(member));
        links.extend(members.map(|member| (*member, group.dn.clone(), group.key.clone())));
    }
    for (member, group, key) in links {
        let Some(row) = rows.get_mut(member) else { continue };
        let names = row.names.entry("memberof".to_owned()).or_default();
        if !names.contains(&key) {
            names.push(key);
            row.attributes.entry("memberof".to_owned()).or_default().push(group.into_bytes());
        }
    }
}

/// And: false if one is false, else unknown if one is unknown.
fn every(members: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for member in members {
        match member {
            Some(false) => return Some(false),
            Some(true) => {}
            None => all = None,
        }
    }
    all
}

fn order(found: &[u8], value: &[u8]) -> Ordering {
    match (number(found), number(value)) {
        (Some(found), Some(value)) => found.cmp(&value),
        _ => folded(found).cmp(&folded(value)),
    }
}

fn has_parts(found: &[u8], starts_with: Option<&str>, contains: &[String], ends_with: Option<&str>) -> bool {
    let Some(mut rest) = found.strip_prefix(folded(starts_with.unwrap_or_default().as_bytes()).as_slice()) else {
        return false;
    };
    for part in contains {
        let part = folded(part.as_bytes());
        let Some(at) = rest.windows(part.len().max(1)).position(|window| window.starts_with(&part)) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(&folded(ends_with.unwrap_or_default().as_bytes()))
}

/// Text without case; bytes that are no text as they are.
fn folded(bytes: &[u8]) -> Vec<u8> {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.to_vec(), |text| text.to_lowercase().into_bytes())
}

fn number(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The name of an entry in one spelling. None: it is no name.
fn named(bytes: &[u8]) -> Option<String> {
    Dn::parse(std::str::from_utf8(bytes).ok()?).ok().map(|dn| key(&dn))
}

fn key(dn: &Dn) -> String {
    dn.to_string().to_lowercase()
}

/// What is left of a key before this base and the comma that parts them. None: it is not at or below the base.
fn below<'a>(key: &'a str, base: &str) -> Option<&'a str> {
    let before = key.strip_suffix(base)?;
    if before.is_empty() || base.is_empty() {
        return Some(before);
    }
    before.strip_suffix(',').filter(|before| divides(before))
}

/// Whether a comma after this parts names: a backslash that is none itself makes it one of a value.
fn divides(before: &str) -> bool {
    (before.len() - before.trim_end_matches('\\').len()).is_multiple_of(2)
}

/// Whether it is one part of a name and not several.
fn is_one(key: &str) -> bool {
    !key.is_empty() && !key.match_indices(',').any(|(at, _)| key.get(..at).is_some_and(divides))
}

/// One search of a stand-in.
pub struct Search {
    mock: Mock,
    sealed: SealedSearch,
    state: State,
    n_entries: usize,
}

#[derive(Clone, Copy)]
enum State {
    /// The row to go on with, and whether a page has come already.
    At {
        row: usize,
        is_first: bool,
    },
    Ended,
    Broken,
}

impl Mock {
    pub fn search(&self, sealed: SealedSearch) -> Search {
        Search { mock: self.clone(), sealed, state: State::At { row: 0, is_first: true }, n_entries: 0 }
    }
}

impl Search {
    pub fn sealed(&self) -> &SealedSearch {
        &self.sealed
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// As on the network: an error between pages is the end of the search, and not of the entries.
    pub async fn next(&mut self, budget: &Budget) -> Result<Option<RawPage>, WireError> {
        let (row, is_first) = match std::mem::replace(&mut self.state, State::Broken) {
            State::At { row, is_first } => (row, is_first),
            State::Ended => {
                self.state = State::Ended;
                return Ok(None);
            }
            State::Broken => return Err(WireError::Unreachable(Unreachable::Closed(None))),
        };
        let page =
            timeout_at(budget.deadline, self.page(row, budget)).await.unwrap_or(Err(WireError::Timeout(Phase::Reply)));
        match page {
            Ok((page, state)) => {
                self.n_entries += page.entries.len();
                self.state = state;
                Ok(Some(page))
            }
            Err(error) => {
                if is_first {
                    self.state = State::At { row, is_first };
                }
                Err(error)
            }
        }
    }

    async fn page(&self, from: usize, budget: &Budget) -> Result<(RawPage, State), WireError> {
        let upstreams: Arc<Upstreams> = Arc::clone(&self.mock.0);
        let directory = upstreams.directory(&self.sealed)?;
        upstreams.count_name(&directory.name);
        let fault = upstreams.faults.strike(&directory.name);
        let (mut page, mut state) = match &fault {
            Some(Misbehaviour::Stall | Misbehaviour::StallBody) => std::future::pending().await,
            Some(Misbehaviour::Reset) => {
                let reset = io::ErrorKind::ConnectionReset.into();
                return Err(WireError::Unreachable(Unreachable::Connect(reset)));
            }
            Some(Misbehaviour::Torn) => return Err(WireError::Unreachable(Unreachable::Closed(None))),
            Some(Misbehaviour::ExpiredToken) => return Err(WireError::BindRefused(None)),
            Some(Misbehaviour::Html { .. } | Misbehaviour::WrongJson) => {
                return Err(WireError::BadReply(BadReply::Ldap("the fault of a test")));
            }
            Some(Misbehaviour::Set { .. }) => {
                return Err(WireError::BadMock("a directory has no JSON to set a member of".to_owned()));
            }
            Some(Misbehaviour::Status { .. } | Misbehaviour::Oversized { .. }) | None => {
                self.found(directory, from).await?
            }
        };
        match fault {
            Some(Misbehaviour::Status { status, .. }) => {
                let code = ResultCode::new(status.into());
                if !code.is_limit() || page.entries.len() < 2 {
                    return Err(refusal(code));
                }
                page.entries.truncate(page.entries.len() / 2);
                page.partial = true;
                state = State::Ended;
            }
            Some(Misbehaviour::Oversized { bytes }) => page.bytes = page.bytes.saturating_add(bytes),
            _ => {}
        }
        if page.bytes > budget.reply_bytes {
            return Err(WireError::TooLarge { limit: budget.reply_bytes });
        }
        Ok((page, state))
    }

    /// What the directory has, from that row on.
    async fn found(&self, directory: &Directory, from: usize) -> Result<(RawPage, State), WireError> {
        let search = self.sealed.permit().search();
        let (base, scope) = (key(search.base()), search.scope());
        if below(&base, &directory.base).is_none() {
            return Err(WireError::Referral);
        }
        if scope != Scope::Base && !directory.has_place(&base) {
            return Err(refusal(ResultCode::new(32)));
        }
        let room = usize::try_from(self.sealed.permit().grant().entries).unwrap_or(usize::MAX) - self.n_entries;
        let size = usize::try_from(search.page_size().min(directory.page_size)).unwrap_or(usize::MAX).min(room);
        let asked: Vec<String> = search.attributes().iter().map(|name| name.as_str().to_owned()).collect();
        let mut page = RawPage { entries: Vec::new(), partial: false, references: 0, bytes: 0 };
        for (at, row) in directory.rows.iter().enumerate().skip(from) {
            if at % STRIDE == 0 {
                tokio::task::yield_now().await;
            }
            let is_there = below(&row.key, &base).is_some_and(|before| match scope {
                Scope::Base => before.is_empty(),
                Scope::OneLevel => is_one(before),
                Scope::Subtree => true,
            });
            if !is_there || directory.holds(search.filter(), row) != Some(true) {
                continue;
            }
            if page.entries.len() == size {
                page.partial = size == room;
                let state = if page.partial { State::Ended } else { State::At { row: at, is_first: false } };
                return Ok((page, state));
            }
            let entry = row.entry(&asked);
            let values =
                entry.attributes.iter().map(|(name, values)| name.len() + values.iter().map(Vec::len).sum::<usize>());
            page.bytes += entry.dn.len() + values.sum::<usize>();
            page.entries.push(entry);
        }
        Ok((page, State::Ended))
    }
}

fn refusal(code: ResultCode) -> WireError {
    match code.as_u32() {
        10 => WireError::Referral,
        49 => WireError::BindRefused(None),
        _ => WireError::Directory(code),
    }
}

impl Upstreams {
    fn directory(&self, sealed: &SealedSearch) -> Result<&Directory, WireError> {
        let server = &sealed.permit().grant().server;
        let host = server.host.to_string();
        let mut all = self.upstreams.iter().flat_map(|upstream| &upstream.directories);
        all.find(|directory| directory.serves(&host, server.port))
            .ok_or_else(|| WireError::BadMock(format!("no directory answers for {host}:{}", server.port)))
    }
}
