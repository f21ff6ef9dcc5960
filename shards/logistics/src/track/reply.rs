//! One request for up to 30 numbers, and what its reply says of each.

use std::collections::BTreeSet;

use nexus_shard::{Call, Source, ToolError};
use serde::{Deserialize, Serialize};

use super::shipment::{Row, Shipment};
use super::{DATA_NOT_FOUND, Read, key};
use crate::fedex::{self, Coded};

const SOURCE: Source = Source {
    upstream: "FedEx",
    what: "shipments",
    needs: "the Track API (Basic Integrated Visibility) in its FedEx project",
    code: fedex::CODE,
};

/// What FedEx said about one number: shipments, codes of what it could not show, or both.
#[derive(Clone, Default)]
pub(super) struct Answer {
    pub(super) shipments: Vec<Shipment>,
    pub(super) errors: Vec<String>,
}

/// Adds the answers for these numbers, which are told apart by [`key`].
///
/// A number that was not asked for, and one that is left out without a word, make the reply a wrong one as a whole.
pub(super) fn ask(call: &Call, keys: &[String], read: &mut Read) -> Result<(), ToolError> {
    let reply = fedex::post(call, "track/v1/trackingnumbers", &Asked::new(keys))?;
    if reply.status != 200 {
        return Err(fedex::explain(&SOURCE, &reply));
    }
    let output = reply.json::<Body>()?.output;
    let alerts = fedex::codes(output.alerts);
    let asked: BTreeSet<&String> = keys.iter().collect();
    for result in output.complete_track_results {
        let number = key(&result.tracking_number);
        if !asked.contains(&number) {
            return Err(ToolError::upstream("FedEx answered for a tracking number that was not asked for"));
        }
        if result.track_results.is_empty() {
            return Err(ToolError::upstream(
                "FedEx answered with neither a shipment nor an error for a tracking number",
            ));
        }
        let answer = read.answers.entry(number.clone()).or_default();
        for found in result.track_results {
            match found.read(&number)? {
                Ok(shipment) => answer.shipments.push(shipment),
                Err(code) => answer.errors.push(code),
            }
        }
    }
    let left_out: Vec<&String> = keys.iter().filter(|key| !read.answers.contains_key(*key)).collect();
    if !left_out.is_empty() && !alerts.contains(DATA_NOT_FOUND) {
        let (n, of, codes) = (left_out.len(), keys.len(), fedex::shown(&alerts));
        return Err(ToolError::upstream(format!("FedEx left out {n} of {of} tracking numbers{codes}")));
    }
    for key in left_out {
        read.answers.entry(key.clone()).or_default().errors.push(DATA_NOT_FOUND.to_owned());
    }
    read.alerts.extend(alerts);
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    include_detailed_scans: bool,
    tracking_info: Vec<AskedInfo<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AskedInfo<'a> {
    tracking_number_info: AskedNumber<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AskedNumber<'a> {
    tracking_number: &'a str,
}

impl<'a> Asked<'a> {
    fn new(numbers: &'a [String]) -> Self {
        let info = |number: &'a String| AskedInfo { tracking_number_info: AskedNumber { tracking_number: number } };
        Self { include_detailed_scans: true, tracking_info: numbers.iter().map(info).collect() }
    }
}

#[derive(Deserialize)]
struct Body {
    output: TrackOutput,
}

/// Without any answer the results may be absent; the alerts say why then.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TrackOutput {
    #[serde(default)]
    complete_track_results: Vec<NumberResult>,
    #[serde(default)]
    alerts: Vec<Coded>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NumberResult {
    tracking_number: String,
    track_results: Vec<Row>,
}
