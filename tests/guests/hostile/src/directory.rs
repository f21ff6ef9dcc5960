//! Searches that no honest shard would make.

use nexus_shard::directory::{Node, RawPage, RawSearch, Scope};
use nexus_shard::{Call, Output, Refusal, ToolError, arguments, data, tool};

#[arguments]
pub(crate) struct Search {
    /// Asked as it is.
    server: String,
    /// Asked as it is.
    base: String,
    /// `base`, `one-level` or `subtree`.
    scope: String,
    /// The filter is that this attribute equals the value.
    attribute: String,
    /// Compared as it is.
    value: String,
    /// The matching rule to compare by, if any.
    rule: Option<String>,
    /// Asked as they are.
    attributes: Vec<String>,
    /// Asked as it is.
    #[field(default = 1000)]
    page_size: u32,
}

/// What became of a search.
#[data]
pub(crate) struct Searched {
    /// The code of the refusal, or null.
    refusal: Option<String>,
    /// Pages that came.
    pages: usize,
    /// Whether entries were withheld.
    partial: bool,
    /// What came.
    entries: Vec<Found>,
}

#[data]
pub(crate) struct Found {
    dn: String,
    /// `name=value`, one each; what is not UTF-8 is replaced.
    values: Vec<String>,
}

/// Makes any search and tells what became of it.
#[tool(name = "hostile_search", title = "Search anything", category = read)]
pub(crate) fn search(arguments: Search, call: &Call) -> Result<Output<Searched>, ToolError> {
    let Search { attribute, value, .. } = &arguments;
    let (attribute, value) = (attribute.clone(), value.clone().into_bytes());
    let raw = RawSearch {
        server: arguments.server.clone(),
        base: arguments.base.clone(),
        scope: match arguments.scope.as_str() {
            "base" => Scope::Base,
            "one-level" => Scope::OneLevel,
            _ => Scope::Subtree,
        },
        filter: vec![match arguments.rule.clone() {
            None => Node::Equal { attribute, value },
            Some(rule) => Node::Matching { attribute, rule, value },
        }],
        attributes: arguments.attributes.clone(),
        page_size: arguments.page_size,
    };
    let mut searched = Searched { refusal: None, pages: 0, partial: false, entries: Vec::new() };
    if let Err(refusal) = read(call, &raw, &mut searched) {
        searched.refusal = Some(refusal.code().to_owned());
    }
    Ok(Output::new(searched))
}

fn read(call: &Call, raw: &RawSearch, searched: &mut Searched) -> Result<(), Refusal> {
    let mut pages = call.search(raw)?;
    while let Some(RawPage { entries, partial }) = pages.next()? {
        searched.pages += 1;
        searched.partial |= partial;
        searched.entries.extend(entries.into_iter().map(|entry| {
            Found {
                values: entry
                    .attributes
                    .iter()
                    .flat_map(|(name, values)| {
                        values.iter().map(move |value| format!("{name}={}", String::from_utf8_lossy(value)))
                    })
                    .collect(),
                dn: entry.dn,
            }
        }));
    }
    Ok(())
}
