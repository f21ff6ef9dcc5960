//! `nexus:shard/directory`: a search in, through the door, its pages out one by one.

use wasmtime::component::Resource;
use wasmtime_wasi::WasiView;

use super::contract::types::Refusal;
use super::contract::{directory, refusal};
use crate::egress::OpenSearch;
use crate::outbound::{GuestNode, GuestSearch, Scope};
use crate::shard::instance::State;

/// An open search. Absent while a page of it is under way: there is one at a time.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct Pages(Option<Box<OpenSearch>>);

impl directory::Host for State {
    async fn open(&mut self, search: directory::Search) -> wasmtime::Result<Result<Resource<Pages>, Refusal>> {
        let asked = GuestSearch {
            server: search.server,
            base: search.base,
            scope: match search.scope {
                directory::Scope::Base => Scope::Base,
                directory::Scope::OneLevel => Scope::OneLevel,
                directory::Scope::Subtree => Scope::Subtree,
            },
            filter: search.filter.into_iter().map(node).collect(),
            attributes: search.attributes,
            page_size: search.page_size,
        };
        Ok(match self.door.open(&self.caller, asked).await {
            Ok(open) => Ok(self.ctx().table.push(Pages(Some(Box::new(open))))?),
            Err(error) => Err(refusal(error.code())),
        })
    }
}

impl directory::HostPages for State {
    async fn next(&mut self, pages: Resource<Pages>) -> wasmtime::Result<Result<Option<directory::Page>, Refusal>> {
        let Some(mut search) = self.ctx().table.get_mut(&pages)?.0.take() else {
            return Ok(Err(Refusal::Internal));
        };
        let page = self.door.next_page(&self.caller, &mut search).await;
        self.ctx().table.get_mut(&pages)?.0 = Some(search);
        Ok(match page {
            Ok(None) => Ok(None),
            Ok(Some(released)) => {
                let page = released.into_inner();
                let attribute = |(name, values)| directory::Attribute { name, values };
                let entries = page.entries.into_iter().map(|entry| directory::Entry {
                    dn: entry.dn,
                    attributes: entry.attributes.into_iter().map(attribute).collect(),
                });
                Ok(Some(directory::Page { entries: entries.collect(), partial: page.partial }))
            }
            Err(error) => Err(refusal(error.code())),
        })
    }

    async fn drop(&mut self, pages: Resource<Pages>) -> wasmtime::Result<()> {
        self.ctx().table.delete(pages)?;
        Ok(())
    }
}

fn node(node: directory::FilterNode) -> GuestNode {
    match node {
        directory::FilterNode::All(members) => GuestNode::All(members),
        directory::FilterNode::Any(members) => GuestNode::Any(members),
        directory::FilterNode::No(member) => GuestNode::No(member),
        directory::FilterNode::Equal(it) => GuestNode::Equal { attribute: it.attribute, value: it.value },
        directory::FilterNode::AtLeast(it) => GuestNode::AtLeast { attribute: it.attribute, value: it.value },
        directory::FilterNode::AtMost(it) => GuestNode::AtMost { attribute: it.attribute, value: it.value },
        directory::FilterNode::Substrings(it) => GuestNode::Substrings {
            attribute: it.attribute,
            starts_with: it.starts_with,
            contains: it.contains,
            ends_with: it.ends_with,
        },
        directory::FilterNode::Present(attribute) => GuestNode::Present(attribute),
        directory::FilterNode::Matching(it) => {
            GuestNode::Matching { attribute: it.attribute, rule: it.rule, value: it.value }
        }
    }
}
