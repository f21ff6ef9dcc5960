//! One entry, and its attributes as types.

use std::rc::Rc;

use super::{RawEntry, Sid, time};
use crate::{ToolError, Utc};

/// An entry of a directory.
///
/// Attributes are named in any case. One that was not asked for is an internal error, for it would read like an absent
/// one; one that was asked for and is absent is `None`. A value that does not fit is an upstream error that names the
/// attribute and never the value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    raw: RawEntry,
    asked: Rc<[String]>,
}

impl Entry {
    pub(super) fn new(raw: RawEntry, asked: Rc<[String]>) -> Self {
        Self { raw, asked }
    }

    /// Its distinguished name, as the server writes it.
    pub fn dn(&self) -> &str {
        &self.raw.dn
    }

    /// All values, in the order of the server.
    pub fn values(&self, attribute: &str) -> Result<Vec<&[u8]>, ToolError> {
        let is_it = |name: &str| name.eq_ignore_ascii_case(attribute);
        if !self.asked.iter().any(|asked| is_it(asked)) {
            return Err(ToolError::internal(format!("the shard reads {attribute} of an entry and did not ask for it")));
        }
        let attributes = self.raw.attributes.iter().filter(|(name, _)| is_it(name));
        Ok(attributes.flat_map(|(_, values)| values).map(Vec::as_slice).collect())
    }

    /// The only value. Several are an error.
    pub fn bytes(&self, attribute: &str) -> Result<Option<&[u8]>, ToolError> {
        match self.values(attribute)?.as_slice() {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            [_, _, ..] => Err(unfit(attribute, "one value and not several")),
        }
    }

    /// The only value, as text.
    pub fn text(&self, attribute: &str) -> Result<Option<&str>, ToolError> {
        self.read(attribute, "text", |value| std::str::from_utf8(value).ok())
    }

    /// All values, as texts.
    pub fn texts(&self, attribute: &str) -> Result<Vec<&str>, ToolError> {
        let values = self.values(attribute)?.into_iter();
        values.map(|value| std::str::from_utf8(value).map_err(|_| unfit(attribute, "text"))).collect()
    }

    /// The only value, as a whole number.
    pub fn integer(&self, attribute: &str) -> Result<Option<i64>, ToolError> {
        self.read(attribute, "a whole number", time::integer)
    }

    /// The only value, as a security identifier: `objectSid`.
    pub fn sid(&self, attribute: &str) -> Result<Option<Sid>, ToolError> {
        self.read(attribute, "a security identifier", Sid::parse)
    }

    /// The only value, as a GUID in the usual form: `objectGUID`.
    pub fn guid(&self, attribute: &str) -> Result<Option<String>, ToolError> {
        self.read(attribute, "a GUID", guid)
    }

    /// The only value, as a file time: `lastLogonTimestamp`, `accountExpires`, `pwdLastSet`. `None` also for 0 and
    /// 9223372036854775807, which both mean never.
    pub fn file_time(&self, attribute: &str) -> Result<Option<Utc>, ToolError> {
        self.read(attribute, "a file time", time::read_file_time).map(Option::flatten)
    }

    /// The only value, as a generalized time: `whenCreated`.
    pub fn generalized_time(&self, attribute: &str) -> Result<Option<Utc>, ToolError> {
        self.read(attribute, "a time", time::read_generalized_time)
    }

    fn read<'a, T>(
        &'a self,
        attribute: &str,
        expected: &str,
        read: impl Fn(&'a [u8]) -> Option<T>,
    ) -> Result<Option<T>, ToolError> {
        let value = self.bytes(attribute)?;
        value.map(|value| read(value).ok_or_else(|| unfit(attribute, expected))).transpose()
    }
}

fn unfit(attribute: &str, expected: &str) -> ToolError {
    ToolError::upstream(format!("the directory sent a {attribute} of an unexpected form (expected {expected})"))
}

/// The first three groups are little-endian numbers (MS-DTYP 2.3.4.2).
fn guid(value: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = value.try_into().ok()?;
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    let [i, j, node @ ..] = rest;
    let group = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Some([group(&[d, c, b, a]), group(&[f, e]), group(&[h, g]), group(&[i, j]), group(&node)].join("-"))
}
