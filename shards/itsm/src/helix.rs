//! What all requests to BMC Helix share: where it is, how it refuses, and how it leaves out a field.

use std::collections::BTreeSet;

use nexus_shard::offset::{Page, Slice};
use nexus_shard::rows::Bounds;
use nexus_shard::serde_json::{self, Value};
use nexus_shard::{Call, Output, Reply, Request, Source, ToolError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

pub(crate) const UPSTREAM: &str = "BMC Helix";

/// Where an error's body, a list of messages, has its number.
pub(crate) const CODE: &str = "/0/messageNumber";

/// Pages of one call. Below the manifest's `egress-calls`, so that the bound is told as a bound and not as a refusal.
const MAX_PAGES: usize = 420;

/// "User is currently connected from another machine or incompatible session."
const IN_USE: u64 = 9093;

pub(crate) fn get(call: &Call) -> Result<Request, ToolError> {
    Ok(Request::get(&format!("https://{}", call.setting("HELIX_HOST")?)).credential("helix"))
}

pub(crate) fn bounds(rows: u32) -> Bounds {
    Bounds { rows: rows as usize, pages: MAX_PAGES }
}

/// Sends a request and reads its reply. If the account is in use elsewhere it asks once more: that passes if the other
/// session is just ending.
pub(crate) fn read<T: DeserializeOwned>(call: &Call, source: &Source, request: Request) -> Result<T, ToolError> {
    let mut reply = request.clone().send(call)?;
    if is_in_use(&reply) {
        reply = request.send(call)?;
    }
    if is_in_use(&reply) {
        return Err(ToolError::upstream(format!(
            "{UPSTREAM} could not show {} ({} {IN_USE}): the account is in use from elsewhere, and Nexus needs one of its own",
            source.what, reply.status
        )));
    }
    source.json(&reply)
}

fn is_in_use(reply: &Reply) -> bool {
    let messages: Vec<Value> = serde_json::from_slice(&reply.body).unwrap_or_default();
    let mut numbers = messages.iter().filter_map(|message| message.get("messageNumber"));
    let is_it = |number: &Value| number.as_u64().or_else(|| number.as_str()?.parse().ok()) == Some(IN_USE);
    !reply.is_success() && numbers.any(is_it)
}

/// One page, filled by as many requests as the server makes of it.
///
/// A server may give fewer rows at once than it is asked for (its Max-Entries-Per-Query) without saying so. Where it tells no
/// total, an empty reply alone is the end.
pub(crate) fn filled<T>(
    slice: Slice,
    mut ask: impl FnMut(Slice) -> Result<Page<T>, ToolError>,
) -> Result<Page<T>, ToolError> {
    let (mut rows, mut rest) = (Vec::new(), slice);
    loop {
        let page = ask(rest)?;
        let got = u32::try_from(page.rows.len()).unwrap_or(u32::MAX);
        rows.extend(page.rows);
        if page.total.is_some() || got == 0 || got >= rest.limit {
            return Ok(Page { rows, total: page.total });
        }
        rest = Slice { offset: rest.offset + u64::from(got), limit: rest.limit - got };
    }
}

/// A field that was asked for. BMC Helix sends null for what is empty, and leaves out what the account may not read.
#[derive(Debug, Default)]
pub(crate) enum Told<T> {
    #[default]
    Withheld,
    Told(Option<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Told<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::deserialize(from).map(Self::Told)
    }
}

/// The fields that did not come, by the vendor's names.
#[derive(Default)]
pub(crate) struct Withheld(BTreeSet<&'static str>);

impl Withheld {
    /// The value, or null and the name remembered.
    pub(crate) fn take<T>(&mut self, name: &'static str, told: Told<T>) -> Option<T> {
        match told {
            Told::Told(value) => value,
            Told::Withheld => {
                self.0.insert(name);
                None
            }
        }
    }

    /// Says in a result which fields are null because they did not come.
    pub(crate) fn note<T>(self, output: Output<T>) -> Output<T> {
        if self.0.is_empty() {
            return output;
        }
        let names = self.0.into_iter().collect::<Vec<_>>().join(", ");
        output.partial(format!(
            "{UPSTREAM} left out fields that it was asked for, which the account may lack the permission to read; they are \
             null: {names}"
        ))
    }
}
