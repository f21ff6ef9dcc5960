//! Whether a request that a shard made holds a secret. The host's own credential is added later, so whatever is found
//! here is something the shard should not have.
//!
//! Sought are needles in every spelling, and what is a credential by its shape alone: private keys, JWT, bearer and
//! basic headers, vendors' tokens. Names and cards are not sought: an honest request may well set a password.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode;

use super::shapes::Scope;
use super::split::Pieces;
use super::{Eyes, Rule, Scrubber, as_json, json};
use crate::outbound::{DirectorySearch, Outbound};

/// What was found and where, and nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{rule} in the request's {place}")]
pub struct Leak {
    pub rule: Rule,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Host,
    Path,
    Query,
    Header,
    Body,
    Base,
    Filter,
    Arguments,
    Artifact,
}

impl Place {
    pub fn as_str(self) -> &'static str {
        match self {
            Place::Host => "host",
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
            Place::Body => "body",
            Place::Base => "base",
            Place::Filter => "filter",
            Place::Arguments => "arguments",
            Place::Artifact => "artifact",
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text may be encoded once more than its place asks for, and once more than that.
const MOST_DECODINGS: usize = 3;

impl Scrubber {
    pub fn leak(&self, outbound: &Outbound) -> Result<(), Leak> {
        let eyes = self.eyes();
        eyes.pass(outbound.host().to_string().as_bytes(), Place::Host)?;
        // A secret with a slash in it is spread over segments.
        eyes.pass(outbound.segments().join("/").as_bytes(), Place::Path)?;
        for (name, value) in outbound.query() {
            eyes.pass(name.as_bytes(), Place::Query)?;
            eyes.pass(value.as_bytes(), Place::Query)?;
        }
        // As it is sent: a secret may hold `&` and `=`.
        eyes.pass(outbound.path_and_query().as_bytes(), Place::Query)?;
        eyes.headers(outbound.headers())?;
        eyes.pass(outbound.body(), Place::Body)?;
        if let Some((_, text)) = as_json(outbound.body()) {
            eyes.whole(text, Place::Body)?;
            if text.contains('\\') {
                return json::strings(text).try_for_each(|string| eyes.pass(string.as_bytes(), Place::Body));
            }
        }
        Ok(())
    }
}

impl Scrubber {
    /// What a search says to its directory: its base, and the values of its filter. Each is read without the escapes of DNs and
    /// filters, and all of a base or of a filter also as one text, for a secret may be divided among them.
    pub fn leak_of_search(&self, search: &DirectorySearch) -> Result<(), Leak> {
        let eyes = self.eyes();
        eyes.pass(search.base().to_string().as_bytes(), Place::Base)?;
        search.base().values().try_for_each(|value| eyes.pass(value.as_bytes(), Place::Base))?;
        eyes.in_pieces(|pieces| pieces.stand_in(search.base().values()), Place::Base)?;
        let values = search.filter().values();
        values.iter().try_for_each(|value| eyes.pass(value, Place::Filter))?;
        eyes.in_pieces(
            |pieces| pieces.stand_in(values.iter().map(|value| String::from_utf8_lossy(value))),
            Place::Filter,
        )
    }
}

impl Scrubber {
    /// What a shard says to another shard's tool, or has kept. In JSON, also what stands behind escapes.
    pub fn leak_of_text(&self, text: &[u8], place: Place) -> Result<(), Leak> {
        let eyes = self.eyes();
        eyes.look(text, place)?;
        if let Some((_, text)) = as_json(text) {
            eyes.whole(text, place)?;
            if text.contains('\\') {
                return json::strings(text).try_for_each(|string| eyes.look(string.as_bytes(), place));
            }
        }
        Ok(())
    }
}

impl Eyes {
    fn headers(&self, headers: &HeaderMap) -> Result<(), Leak> {
        for (name, value) in headers {
            self.pass(name.as_str().as_bytes(), Place::Header)?;
            self.pass(value.as_bytes(), Place::Header)?;
        }
        Ok(())
    }

    fn pass(&self, text: &[u8], place: Place) -> Result<(), Leak> {
        let mut view = Cow::Borrowed(text);
        for _ in 0..=MOST_DECODINGS {
            self.look(&view, place)?;
            if view.contains(&b'+') {
                // Forms write a blank as a plus, base64 means the plus: both are looked at.
                let blanks: Vec<u8> = view.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
                self.look(&percent_decode(&blanks).collect::<Vec<u8>>(), place)?;
            }
            if !view.contains(&b'%') {
                break;
            }
            view = Cow::Owned(percent_decode(&view).collect());
        }
        Ok(())
    }

    /// A value in pieces, with keys and without.
    fn whole(&self, text: &str, place: Place) -> Result<(), Leak> {
        let stands = |pieces: &Pieces| {
            pieces.stand_in(json::strings(text)) || pieces.stand_in(json::values(text).map(|(_, value)| value))
        };
        self.in_pieces(stands, place)
    }

    fn in_pieces(&self, stands: impl Fn(&Pieces) -> bool, place: Place) -> Result<(), Leak> {
        match stands(&self.shared.base_pieces) || stands(&self.live_pieces) {
            true => Err(Leak { rule: Rule::Needle, place }),
            false => Ok(()),
        }
    }

    fn look(&self, text: &[u8], place: Place) -> Result<(), Leak> {
        match self.find(text, Scope::Credentials).first() {
            Some(found) => Err(Leak { rule: found.rule, place }),
            None => Ok(()),
        }
    }
}
