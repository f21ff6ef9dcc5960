//! Filters of a search (RFC 4511, 4.5.1.7), as a tree from the moment they exist.
//!
//! | part | accepted | refused |
//! |---|---|---|
//! | nodes | 1 to [`MAX_NODES`]; each names earlier ones, and is used once; the last is the filter | loops, places that there are not; a node used twice, or never |
//! | depth | [`MAX_DEPTH`], the last node and the one farthest from it included | - |
//! | `all`, `any` | one member or more | none: "all of nothing" is true, and opens what the filter should close |
//! | attribute | as in `mod.rs` | options, OIDs |
//! | value | 1 to [`MAX_VALUE`] bytes, any of them | nothing |
//! | substrings | one part or more, none of them empty, [`MAX_VALUE`] bytes together | `*` alone: that is `present` |
//! | matching | an attribute and a rule, by its OID | rules by name, `:dn:`, a rule for every attribute |
//!
//! A value is bytes and is never text of a filter: `to_rfc4515` writes whatever could mean something as an escape.

use std::fmt::{self, Write};

use super::{Attribute, BadSearch};

pub(super) const MAX_NODES: usize = 64;
pub(super) const MAX_DEPTH: usize = 16;
/// Bytes of a value.
pub(super) const MAX_VALUE: usize = 4096;
/// Characters of a matching rule's OID.
pub(super) const MAX_RULE: usize = 64;

/// A node as the shard wrote it: `wit/capabilities.wit`, `filter-node`.
#[derive(Clone, PartialEq, Eq)]
pub enum GuestNode {
    All(Vec<u32>),
    Any(Vec<u32>),
    No(u32),
    Equal { attribute: String, value: Vec<u8> },
    AtLeast { attribute: String, value: Vec<u8> },
    AtMost { attribute: String, value: Vec<u8> },
    Substrings { attribute: String, starts_with: Option<String>, contains: Vec<String>, ends_with: Option<String> },
    Present(String),
    Matching { attribute: String, rule: String, value: Vec<u8> },
}

/// What an entry must be like.
#[derive(Clone, PartialEq, Eq)]
pub enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    No(Box<Filter>),
    Equal {
        attribute: Attribute,
        value: Vec<u8>,
    },
    AtLeast {
        attribute: Attribute,
        value: Vec<u8>,
    },
    AtMost {
        attribute: Attribute,
        value: Vec<u8>,
    },
    Substrings {
        attribute: Attribute,
        starts_with: Option<String>,
        contains: Vec<String>,
        ends_with: Option<String>,
    },
    Present(Attribute),
    /// Extensible match by a rule alone (RFC 4511, 4.5.1.7.7).
    Matching {
        attribute: Attribute,
        rule: String,
        value: Vec<u8>,
    },
}

impl Filter {
    pub fn parse(nodes: Vec<GuestNode>) -> Result<Self, BadSearch> {
        if nodes.is_empty() || nodes.len() > MAX_NODES {
            return Err(BadSearch::FilterSize);
        }
        // Each node is taken by the one that uses it, with its depth, so that no second one can.
        let mut made: Vec<Option<(Filter, usize)>> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let node = join(node, &mut made)?;
            made.push(Some(node));
        }
        let last = made.pop().flatten();
        if made.iter().any(Option::is_some) {
            return Err(BadSearch::FilterTree);
        }
        last.map(|(filter, _)| filter).ok_or(BadSearch::FilterSize)
    }

    /// Every attribute that it looks at.
    pub fn attributes(&self) -> Vec<&Attribute> {
        let mut found = Vec::new();
        self.each(&mut |filter| match filter {
            Self::All(_) | Self::Any(_) | Self::No(_) => {}
            Self::Equal { attribute, .. }
            | Self::AtLeast { attribute, .. }
            | Self::AtMost { attribute, .. }
            | Self::Present(attribute)
            | Self::Substrings { attribute, .. }
            | Self::Matching { attribute, .. } => found.push(attribute),
        });
        found
    }

    /// The OID of every matching rule that it names.
    pub fn rules(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.each(&mut |filter| match filter {
            Self::Matching { rule, .. } => found.push(rule.as_str()),
            Self::All(_)
            | Self::Any(_)
            | Self::No(_)
            | Self::Equal { .. }
            | Self::AtLeast { .. }
            | Self::AtMost { .. }
            | Self::Substrings { .. }
            | Self::Present(_) => {}
        });
        found
    }

    /// Every value that it compares with, as bytes.
    pub fn values(&self) -> Vec<&[u8]> {
        let mut found = Vec::new();
        self.each(&mut |filter| match filter {
            Self::All(_) | Self::Any(_) | Self::No(_) | Self::Present(_) => {}
            Self::Equal { value, .. }
            | Self::AtLeast { value, .. }
            | Self::AtMost { value, .. }
            | Self::Matching { value, .. } => found.push(value.as_slice()),
            Self::Substrings { starts_with, contains, ends_with, .. } => {
                found.extend(starts_with.iter().chain(contains).chain(ends_with).map(|part| part.as_bytes()));
            }
        });
        found
    }

    fn each<'a>(&'a self, look: &mut impl FnMut(&'a Self)) {
        look(self);
        match self {
            Self::All(members) | Self::Any(members) => members.iter().for_each(|member| member.each(look)),
            Self::No(member) => member.each(look),
            Self::Equal { .. }
            | Self::AtLeast { .. }
            | Self::AtMost { .. }
            | Self::Substrings { .. }
            | Self::Present(_)
            | Self::Matching { .. } => {}
        }
    }

    /// As text (RFC 4515), for a server.
    pub fn to_rfc4515(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        let mut joined = |sign: char, members: &[Filter]| {
            text.push('(');
            text.push(sign);
            members.iter().for_each(|member| member.write(text));
            text.push(')');
        };
        match self {
            Self::All(members) => joined('&', members),
            Self::Any(members) => joined('|', members),
            Self::No(member) => joined('!', std::slice::from_ref(member)),
            Self::Equal { attribute, value } => assertion(text, attribute, "=", value),
            Self::AtLeast { attribute, value } => assertion(text, attribute, ">=", value),
            Self::AtMost { attribute, value } => assertion(text, attribute, "<=", value),
            Self::Present(attribute) => {
                let _ = write!(text, "({attribute}=*)");
            }
            Self::Matching { attribute, rule, value } => assertion(text, attribute, &format!(":{rule}:="), value),
            Self::Substrings { attribute, starts_with, contains, ends_with } => {
                let _ = write!(text, "({attribute}=");
                escape(text, starts_with.as_deref().unwrap_or_default().as_bytes());
                for part in contains {
                    text.push('*');
                    escape(text, part.as_bytes());
                }
                text.push('*');
                escape(text, ends_with.as_deref().unwrap_or_default().as_bytes());
                text.push(')');
            }
        }
    }
}

fn assertion(text: &mut String, attribute: &Attribute, sign: &str, value: &[u8]) {
    let _ = write!(text, "({attribute}{sign}");
    escape(text, value);
    text.push(')');
}

/// Letters, digits and a few signs that mean nothing stand for themselves; every other byte is an escape.
fn escape(text: &mut String, value: &[u8]) {
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b" ,-.=@_".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "\\{byte:02x}");
        }
    }
}

/// One node with those below it, and its depth.
fn join(node: GuestNode, made: &mut [Option<(Filter, usize)>]) -> Result<(Filter, usize), BadSearch> {
    let named = |name: String| Attribute::parse(&name);
    let (filter, below) = match node {
        GuestNode::All(places) => {
            let (members, below) = take(&places, made)?;
            (Filter::All(members), below)
        }
        GuestNode::Any(places) => {
            let (members, below) = take(&places, made)?;
            (Filter::Any(members), below)
        }
        GuestNode::No(place) => {
            let (mut members, below) = take(&[place], made)?;
            let member = members.pop().ok_or(BadSearch::FilterEmpty)?;
            (Filter::No(Box::new(member)), below)
        }
        GuestNode::Equal { attribute, value } => {
            (Filter::Equal { attribute: named(attribute)?, value: bounded(value)? }, 0)
        }
        GuestNode::AtLeast { attribute, value } => {
            (Filter::AtLeast { attribute: named(attribute)?, value: bounded(value)? }, 0)
        }
        GuestNode::AtMost { attribute, value } => {
            (Filter::AtMost { attribute: named(attribute)?, value: bounded(value)? }, 0)
        }
        GuestNode::Present(attribute) => (Filter::Present(named(attribute)?), 0),
        GuestNode::Matching { attribute, rule, value } => {
            if !is_oid(&rule) {
                return Err(BadSearch::FilterRule);
            }
            (Filter::Matching { attribute: named(attribute)?, rule, value: bounded(value)? }, 0)
        }
        GuestNode::Substrings { attribute, starts_with, contains, ends_with } => {
            let parts: Vec<&String> = starts_with.iter().chain(&contains).chain(&ends_with).collect();
            let total: usize = parts.iter().map(|part| part.len()).sum();
            if parts.is_empty() || parts.iter().any(|part| part.is_empty()) || total > MAX_VALUE {
                return Err(BadSearch::FilterValue);
            }
            (Filter::Substrings { attribute: named(attribute)?, starts_with, contains, ends_with }, 0)
        }
    };
    if below == MAX_DEPTH { Err(BadSearch::FilterDepth) } else { Ok((filter, below + 1)) }
}

/// The nodes at these places, and the depth of the deepest.
fn take(places: &[u32], made: &mut [Option<(Filter, usize)>]) -> Result<(Vec<Filter>, usize), BadSearch> {
    if places.is_empty() {
        return Err(BadSearch::FilterEmpty);
    }
    let (mut members, mut deepest) = (Vec::with_capacity(places.len()), 0);
    for place in places {
        let place = usize::try_from(*place).map_err(|_| BadSearch::FilterOrder)?;
        let node = made.get_mut(place).ok_or(BadSearch::FilterOrder)?;
        let (member, depth) = node.take().ok_or(BadSearch::FilterTree)?;
        members.push(member);
        deepest = deepest.max(depth);
    }
    Ok((members, deepest))
}

fn bounded(value: Vec<u8>) -> Result<Vec<u8>, BadSearch> {
    if value.is_empty() || value.len() > MAX_VALUE { Err(BadSearch::FilterValue) } else { Ok(value) }
}

/// RFC 4512, 1.4: `numericoid`. A leading zero would be a second spelling.
pub fn is_oid(text: &str) -> bool {
    let is_number = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    text.len() <= MAX_RULE && text.contains('.') && text.split('.').all(is_number)
}

/// Shows that there is a node and nothing of it: a value may name a person.
impl fmt::Debug for GuestNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestNode").finish_non_exhaustive()
    }
}

/// Shows what it looks at and no value.
impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("attributes", &self.attributes()).finish_non_exhaustive()
    }
}
