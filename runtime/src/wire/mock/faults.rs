//! Makes an upstream misbehave, on purpose and at a known request.
//!
//! A fault names a route and counts the requests that reach it. In process and over sockets it shows as the same thing
//! wherever that is possible: a torn body is a `BadReply` in one and half a body on the wire in the other.

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

/// What goes wrong, where, and when.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `upstream/route` as in `routes.toml`, or `upstream/*`.
    pub route: String,
    /// The first request that it strikes, counted from 1 from the moment the fault is put in.
    #[serde(default = "one")]
    pub at: u64,
    /// How many requests it strikes in a row; 0 is all that follow.
    #[serde(default = "one")]
    pub times: u64,
    pub does: Misbehaviour,
}

fn one() -> u64 {
    1
}

impl Fault {
    pub(super) fn covers(&self, route: &str) -> bool {
        match self.route.strip_suffix("/*") {
            Some(upstream) => route.split_once('/').is_some_and(|(of, _)| of == upstream),
            None => self.route == route,
        }
    }
}

/// What a client meets instead of the answer, or on the way to it.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Misbehaviour {
    /// An error in the vendor's form, as the upstream's `errors` give it. The request has no effect.
    Status {
        status: u16,
        #[serde(rename = "retry-after")]
        retry_after: Option<String>,
    },
    /// A page for people where a program asked, as proxies and maintenance windows send it.
    Html { status: u16 },
    /// The token the request carries is no longer good.
    ExpiredToken,
    /// No answer, ever.
    Stall,
    /// The head and half of the body, then nothing, ever.
    StallBody,
    /// The head and half of the body, then the connection is gone.
    Torn,
    /// The connection is gone before an answer.
    Reset,
    /// The answer, followed by this many bytes of blanks: as JSON it says the same.
    Oversized { bytes: usize },
    /// A body that is not the JSON it says it is.
    WrongJson,
    /// The answer with one member of its JSON replaced, for example `/@odata.nextLink` by a link to another host.
    Set { pointer: String, value: serde_json::Value },
}

/// The faults that are in, and how often each has been passed.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<(Fault, u64)>>);

impl Faults {
    pub(super) fn add(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((fault, 0));
    }

    /// Counts this request at every fault of its route and gives the first one that strikes.
    pub(super) fn strike(&self, route: &str) -> Option<Misbehaviour> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut struck = None;
        for (fault, passed) in faults.iter_mut().filter(|(fault, _)| fault.covers(route)) {
            *passed += 1;
            let since = passed.checked_sub(fault.at);
            if struck.is_none() && since.is_some_and(|since| fault.times == 0 || since < fault.times) {
                struck = Some(fault.does.clone());
            }
        }
        struck
    }
}
