//! What an entry must be like.

use crate::ToolError;

/// "All of these bits are set", for attributes that are numbers (MS-ADTS 3.1.1.3.4.4.1).
const ALL_BITS: &str = "1.2.840.113556.1.4.803";

/// "This entry, or one that leads to it by the same attribute", for attributes that are names of entries (MS-ADTS
/// 3.1.1.3.4.4.3).
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// A condition on entries.
///
/// Values are what they are: nothing in them needs escaping, and nothing in them can become a part of the condition. An
/// empty value is an error when the search is built, for a directory has none.
///
/// An attribute that an entry lacks fulfils no condition on it. Whether it then fulfils its [`Filter::not`] is up to
/// the server: Active Directory says yes, the standard (RFC 4511, 4.5.1.7) says that nothing is known. Add
/// [`Filter::present`] where it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Never empty; the last one is the root.
    nodes: Vec<Node>,
}

/// A node as the contract carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the contract")]
pub enum Node {
    /// All of these nodes.
    All(Vec<u32>),
    /// At least one of these nodes.
    Any(Vec<u32>),
    /// Not this node.
    No(u32),
    /// One value is this.
    Equal { attribute: String, value: Vec<u8> },
    /// One value is this or greater.
    AtLeast { attribute: String, value: Vec<u8> },
    /// One value is this or less.
    AtMost { attribute: String, value: Vec<u8> },
    /// One value has these parts, in this order.
    Substrings { attribute: String, starts_with: Option<String>, contains: Vec<String>, ends_with: Option<String> },
    /// There is a value.
    Present(String),
    /// One value fits by this matching rule.
    Matching { attribute: String, rule: String, value: Vec<u8> },
}

impl Filter {
    /// All of them.
    pub fn all(members: impl IntoIterator<Item = Self>) -> Self {
        Self::join(members, Node::All)
    }

    /// At least one of them.
    pub fn any(members: impl IntoIterator<Item = Self>) -> Self {
        Self::join(members, Node::Any)
    }

    /// Not this one.
    #[expect(clippy::should_implement_trait, reason = "it is named like its neighbours, `all` and `any`")]
    pub fn not(member: Self) -> Self {
        let root = member.nodes.len().saturating_sub(1);
        let mut nodes = member.nodes;
        nodes.push(Node::No(root as u32));
        Self { nodes }
    }

    /// One value is this, by the rule of the attribute, which mostly takes letters of either case for the same.
    pub fn equal(attribute: &str, value: impl Into<Vec<u8>>) -> Self {
        Self::leaf(Node::Equal { attribute: attribute.to_owned(), value: value.into() })
    }

    /// One value is this or greater.
    pub fn at_least(attribute: &str, value: impl Into<Vec<u8>>) -> Self {
        Self::leaf(Node::AtLeast { attribute: attribute.to_owned(), value: value.into() })
    }

    /// One value is this or less.
    pub fn at_most(attribute: &str, value: impl Into<Vec<u8>>) -> Self {
        Self::leaf(Node::AtMost { attribute: attribute.to_owned(), value: value.into() })
    }

    /// One value begins so.
    pub fn starts_with(attribute: &str, text: impl Into<String>) -> Self {
        Self::substrings(attribute, Some(text.into()), Vec::new(), None)
    }

    /// One value has this in it.
    pub fn contains(attribute: &str, text: impl Into<String>) -> Self {
        Self::substrings(attribute, None, vec![text.into()], None)
    }

    /// One value has all of these parts, in this order, none over another.
    pub fn substrings(
        attribute: &str,
        starts_with: Option<String>,
        contains: Vec<String>,
        ends_with: Option<String>,
    ) -> Self {
        Self::leaf(Node::Substrings { attribute: attribute.to_owned(), starts_with, contains, ends_with })
    }

    /// There is a value, and the account may read it.
    pub fn present(attribute: &str) -> Self {
        Self::leaf(Node::Present(attribute.to_owned()))
    }

    /// All of these bits are set in the number. Wants the rule 1.2.840.113556.1.4.803 among the grant's `rules`.
    pub fn all_bits(attribute: &str, bits: u32) -> Self {
        Self::matching(attribute, ALL_BITS, bits.to_string())
    }

    /// The attribute names this entry, or one whose same attribute names it, and so on: of `memberOf`, everybody in a
    /// group and in the groups in it. Slow on a large directory. Wants the rule 1.2.840.113556.1.4.1941 among the
    /// grant's `rules`.
    pub fn in_chain(attribute: &str, dn: &str) -> Self {
        Self::matching(attribute, IN_CHAIN, dn)
    }

    /// One value fits by a matching rule, a dotted OID of the grant's `rules`.
    pub fn matching(attribute: &str, rule: &str, value: impl Into<Vec<u8>>) -> Self {
        Self::leaf(Node::Matching { attribute: attribute.to_owned(), rule: rule.to_owned(), value: value.into() })
    }

    fn leaf(node: Node) -> Self {
        Self { nodes: vec![node] }
    }

    fn join(members: impl IntoIterator<Item = Self>, make: fn(Vec<u32>) -> Node) -> Self {
        let (mut nodes, mut roots) = (Vec::new(), Vec::new());
        for member in members {
            let first = nodes.len() as u32;
            nodes.extend(member.nodes.into_iter().map(|node| node.moved(first)));
            roots.push(nodes.len().saturating_sub(1) as u32);
        }
        nodes.push(make(roots));
        Self { nodes }
    }

    /// What the host would refuse as malformed, in words for whoever gave the value.
    pub(super) fn check(&self) -> Result<(), ToolError> {
        for node in &self.nodes {
            let is_empty = match node {
                Node::All(members) | Node::Any(members) => {
                    if members.is_empty() {
                        return Err(ToolError::internal("a condition of a search joins nothing"));
                    }
                    false
                }
                Node::No(_) | Node::Present(_) => false,
                Node::Equal { value, .. }
                | Node::AtLeast { value, .. }
                | Node::AtMost { value, .. }
                | Node::Matching { value, .. } => value.is_empty(),
                Node::Substrings { starts_with, contains, ends_with, .. } => {
                    let mut parts = starts_with.iter().chain(contains).chain(ends_with).peekable();
                    parts.peek().is_none() || parts.any(String::is_empty)
                }
            };
            if is_empty {
                return Err(ToolError::invalid_arguments("a directory cannot be searched for an empty text"));
            }
        }
        Ok(())
    }

    pub(super) fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }
}

impl Node {
    /// The same node in a longer list, where its own begins at `first`.
    fn moved(self, first: u32) -> Self {
        let moved = |members: Vec<u32>| members.into_iter().map(|member| member + first).collect();
        match self {
            Self::All(members) => Self::All(moved(members)),
            Self::Any(members) => Self::Any(moved(members)),
            Self::No(member) => Self::No(member + first),
            leaf @ (Self::Equal { .. }
            | Self::AtLeast { .. }
            | Self::AtMost { .. }
            | Self::Substrings { .. }
            | Self::Present(_)
            | Self::Matching { .. }) => leaf,
        }
    }
}
