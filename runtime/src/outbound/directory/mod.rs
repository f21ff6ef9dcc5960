//! A search of a directory, as the shard asks for it, read once.
//!
//! | part | accepted | refused |
//! |---|---|---|
//! | server | a [`DirectoryName`] | everything else: the shard names no host |
//! | base | a DN, as `dn.rs` says | one with two readings |
//! | scope | `base`, `one-level`, `subtree` | - |
//! | filter | a tree, as `filter.rs` says | loops; nodes used twice or never |
//! | attributes | 1 to [`MAX_ATTRIBUTES`], each once, in any case | - |
//! | attribute | a letter, then letters, digits and hyphens, at most [`Attribute::MAX`] | options (`member;range=0-9`, `userCertificate;binary`), OIDs (`2.5.4.3`), `*`, `+`, `1.1`, letters that look like others |
//! | page size | 1 to [`MAX_PAGE`] | every other |
//!
//! Options are refused because the host reads the ranges of a long attribute itself: a shard sees it whole or not at all.
//! An OID is a second spelling of a name, and `*` and `+` ask for what nobody listed.

mod dn;
mod filter;
#[cfg(test)]
mod tests;

pub use dn::Dn;
pub use filter::{Filter, GuestNode, is_oid};

use std::cmp::Ordering;
use std::fmt;

use crate::names::DirectoryName;

/// Attributes of a search.
pub(super) const MAX_ATTRIBUTES: usize = 64;
/// Entries of a page: what Active Directory gives at most.
pub(super) const MAX_PAGE: u32 = 1000;

/// How far a search reaches below its base (RFC 4511, 4.5.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    Base,
    OneLevel,
    Subtree,
}

impl Scope {
    /// As manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::OneLevel => "one-level",
            Self::Subtree => "subtree",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Base, Self::OneLevel, Self::Subtree].into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A search as the shard wrote it. Nothing in it has been looked at.
#[derive(Clone)]
pub struct GuestSearch {
    pub server: String,
    pub base: String,
    pub scope: Scope,
    /// Members of a node are places of earlier ones; the last node is the filter.
    pub filter: Vec<GuestNode>,
    pub attributes: Vec<String>,
    /// Entries of a page.
    pub page_size: u32,
}

/// Shows that there is a search and nothing of it: it may name a person.
impl fmt::Debug for GuestSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestSearch").finish_non_exhaustive()
    }
}

/// A search that can be read in one way only.
pub struct DirectorySearch {
    server: DirectoryName,
    base: Dn,
    scope: Scope,
    filter: Filter,
    attributes: Vec<Attribute>,
    page_size: u32,
}

impl DirectorySearch {
    pub fn parse(asked: GuestSearch) -> Result<Self, BadSearch> {
        let server = DirectoryName::parse(&asked.server).map_err(|_| BadSearch::Server)?;
        let base = Dn::parse(&asked.base)?;
        let filter = Filter::parse(asked.filter)?;
        if asked.attributes.is_empty() || asked.attributes.len() > MAX_ATTRIBUTES {
            return Err(BadSearch::Attributes);
        }
        let mut attributes: Vec<Attribute> = Vec::with_capacity(asked.attributes.len());
        for name in &asked.attributes {
            let attribute = Attribute::parse(name)?;
            if attributes.contains(&attribute) {
                return Err(BadSearch::AttributeTwice);
            }
            attributes.push(attribute);
        }
        if !(1..=MAX_PAGE).contains(&asked.page_size) {
            return Err(BadSearch::PageSize);
        }
        Ok(Self { server, base, scope: asked.scope, filter, attributes, page_size: asked.page_size })
    }

    pub fn server(&self) -> &DirectoryName {
        &self.server
    }

    pub fn base(&self) -> &Dn {
        &self.base
    }

    pub fn scope(&self) -> Scope {
        self.scope
    }

    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    pub fn page_size(&self) -> u32 {
        self.page_size
    }
}

/// Shows whom it asks and how far, and no value of it: a base or a filter may name a person.
impl fmt::Debug for DirectorySearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectorySearch")
            .field("server", &self.server)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The name of an attribute (RFC 4512, 2.5: a `descr` without options). Equal in any case, shown as it was written.
#[derive(Debug, Clone)]
pub struct Attribute(String);

impl Attribute {
    /// Characters of a name.
    const MAX: usize = 64;

    pub fn parse(text: &str) -> Result<Self, BadSearch> {
        let is_name = text.len() <= Self::MAX
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_name { Ok(Self(text.to_owned())) } else { Err(BadSearch::Attribute) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Attribute {}

impl Ord for Attribute {
    fn cmp(&self, other: &Self) -> Ordering {
        let folded = |name: &Self| name.0.to_ascii_lowercase();
        folded(self).cmp(&folded(other))
    }
}

impl PartialOrd for Attribute {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a search has no single reading. Holds nothing of the search, so that it may be shown and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSearch {
    #[error("server is not the name of a [[directory]]")]
    Server,
    #[error("an attribute is not a name of letters, digits and hyphens: options, OIDs, * and + are not accepted")]
    Attribute,
    #[error("a search names 1 to {MAX_ATTRIBUTES} attributes")]
    Attributes,
    #[error("an attribute comes twice")]
    AttributeTwice,
    #[error("page size is not a number from 1 to {MAX_PAGE}")]
    PageSize,

    #[error("DN is longer than {} bytes or {} parts", dn::MAX, dn::MAX_PARTS)]
    DnTooLong,
    #[error("DN has a part that is not attribute=value")]
    DnPart,
    #[error("DN names an attribute by something else than its short name")]
    DnAttribute,
    #[error("DN has an attribute twice in one part")]
    DnTwice,
    #[error("DN has an empty value")]
    DnEmptyValue,
    #[error(
        "DN has a character that must be escaped: one of \" + , ; < > \\, a control character, or # at the start of a value"
    )]
    DnRaw,
    #[error("DN has an escape that is neither a special character nor two hex digits")]
    DnEscape,
    #[error("escapes of a DN do not decode to UTF-8 without NUL")]
    DnText,

    #[error("filter has no node, or more than {}", filter::MAX_NODES)]
    FilterSize,
    #[error("a node of the filter names one that does not come before it")]
    FilterOrder,
    #[error("a node of the filter is used twice, or never")]
    FilterTree,
    #[error("filter is deeper than {}", filter::MAX_DEPTH)]
    FilterDepth,
    #[error("a node of the filter joins nothing")]
    FilterEmpty,
    #[error("a value of the filter is empty, or longer than {} bytes", filter::MAX_VALUE)]
    FilterValue,
    #[error("a matching rule of the filter is not an OID of numbers and dots, at most {} characters", filter::MAX_RULE)]
    FilterRule,
}
