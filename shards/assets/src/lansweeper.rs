//! Lansweeper, through its GraphQL API v2: one address, `/api/v2/graphql`, and one credential.
//!
//! The queries are files of this shard (`queries/`), sent byte by byte. The manifest names them and the host sends no
//! other, so the same address that deletes assets for others only reads for this shard. What comes from a caller or from
//! Lansweeper goes into variables, never into a query.
//!
//! Of a result with errors nothing is returned, even if Lansweeper sent data beside them: nobody could tell what is
//! missing.

mod assets;
mod pages;
mod software;

use nexus_shard::{Call, Request, Source, ToolError, graphql};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use assets::{get_asset, list_assets, search_assets};
pub(crate) use software::get_software;

const HOST: &str = "LANSWEEPER_HOST";
const SITE: &str = "LANSWEEPER_SITE_ID";

/// What is read. Every tool needs the same of the token.
const fn source(what: &'static str) -> Source {
    Source {
        upstream: "Lansweeper",
        what,
        needs: "a token with access to the site that LANSWEEPER_SITE_ID names",
        code: "/errors/0/extensions/code",
    }
}

/// Sends one of the queries about the operator's site, and returns what it says of the site.
///
/// Two of Lansweeper's answers mean more than their status says. A token that is not accepted is answered with 400, like
/// a bad query. And after the limit of 150 requests a minute a whole minute must pass without any: each try begins it
/// anew.
fn ask<T: DeserializeOwned>(
    call: &Call,
    document: &str,
    variables: impl Serialize,
    source: &Source,
) -> Result<T, ToolError> {
    let site = call.setting(SITE)?;
    let address = format!("https://{}", call.setting(HOST)?);
    let request = Request::post(&address).path("api/v2/graphql").credential("lansweeper");
    let reply = graphql::post(call, request, document, &Variables { site, more: variables })?;
    let what = source.what;
    match reply.status {
        400 => Err(ToolError::upstream(format!(
            "Lansweeper did not accept the query for {what} (400): it answers so to a token that is not good, and to a \
             query or a filter that is not"
        ))),
        429 => Err(ToolError::upstream(format!(
            "Lansweeper is asked too often for {what} (429): it answers again after a whole minute in which nobody asks \
             it anything"
        ))),
        _ => graphql::read::<Data<T>>(&reply, source).map(|data| data.site),
    }
}

#[derive(Serialize)]
struct Variables<'a, V> {
    site: &'a str,
    #[serde(flatten)]
    more: V,
}

#[derive(Deserialize)]
struct Data<T> {
    site: T,
}

/// The variables of a query about one asset.
#[derive(Serialize)]
struct OneAsset<'a> {
    key: &'a str,
}

/// What Lansweeper knows an asset by: base64, opaque to everybody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key(String);

impl Key {
    /// From an argument.
    fn parse(text: &str) -> Result<Self, ToolError> {
        if is_key(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(ToolError::invalid_arguments("asset_id is not the key of an asset, as the other tools return it"))
    }
}

/// From a reply. What the host has masked is no key.
impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if is_key(&text) { Ok(Self(text)) } else { Err(D::Error::custom("expected the key of an asset")) }
    }
}

fn is_key(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    (1..=256).contains(&text.len()) && text.bytes().all(plain)
}

/// A text to look for: without the blanks around it, and without anything that no asset has.
fn text<'a>(argument: &str, value: &'a str, characters: std::ops::RangeInclusive<usize>) -> Result<&'a str, ToolError> {
    let value = value.trim();
    let (least, most) = (characters.start(), characters.end());
    if !characters.contains(&value.chars().count()) {
        return Err(ToolError::invalid_arguments(format!("{argument} must have {least} to {most} characters")));
    }
    if value.chars().any(char::is_control) {
        return Err(ToolError::invalid_arguments(format!("{argument} has a control character")));
    }
    Ok(value)
}

/// A text, unless it is empty, which says no more than null.
fn told(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}
