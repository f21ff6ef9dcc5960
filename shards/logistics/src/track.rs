//! Where parcels are: FedEx Basic Integrated Visibility.

mod reply;
mod shipment;

use std::collections::{BTreeMap, BTreeSet};

use nexus_shard::{Call, Date, Output, ToolError, arguments, data, tool};

use crate::fedex;
use reply::{Answer, ask};
use shipment::{Event, Shipment};

#[arguments]
pub(crate) struct TrackShipment {
    /// A FedEx tracking number: 8 to 40 letters and digits, without blanks.
    #[field(pattern = "^[A-Za-z0-9]{8,40}$")]
    tracking_number: String,
}

/// A tracking number and what it was used for.
#[data]
pub(crate) struct Tracked {
    /// The number as it was asked for.
    tracking_number: String,
    /// One shipment, or several if FedEx used the number again.
    shipments: Vec<Shipment>,
}

/// Tells where a FedEx parcel is: status, service, dates and all scans.
///
/// FedEx uses numbers again, so there may be several shipments. It forgets shipments after about 90 days. Who sent and who
/// received is not told. Needs the Track API in the FedEx project.
#[tool(name = "fedex_track_shipment", title = "Track a FedEx shipment", category = read)]
pub(crate) fn track_shipment(arguments: TrackShipment, call: &Call) -> Result<Output<Tracked>, ToolError> {
    let tracking_number = arguments.tracking_number;
    one(call, &tracking_number, |shipments| Tracked { tracking_number: tracking_number.clone(), shipments })
}

/// The scans of the shipments that have a tracking number.
#[data]
pub(crate) struct TrackedEvents {
    /// The number as it was asked for.
    tracking_number: String,
    /// One shipment, or several if FedEx used the number again.
    shipments: Vec<ShipmentEvents>,
}

/// The scans of one shipment.
#[data]
pub(crate) struct ShipmentEvents {
    /// FedEx's id of the shipment, which tells several uses of one number apart.
    shipment_id: Option<String>,
    /// Day of shipping.
    ship_date: Option<Date>,
    /// The scans, the newest first.
    events: Vec<Event>,
}

/// Lists the scans of a FedEx parcel, the newest first.
///
/// A number that FedEx does not know is "not found", never an empty list. Needs the Track API in the FedEx project.
#[tool(name = "fedex_get_shipment_events", title = "List the scans of a FedEx shipment", category = read)]
pub(crate) fn get_shipment_events(arguments: TrackShipment, call: &Call) -> Result<Output<TrackedEvents>, ToolError> {
    let tracking_number = arguments.tracking_number;
    one(call, &tracking_number, |shipments| {
        let events =
            |Shipment { shipment_id, ship_date, events, .. }| ShipmentEvents { shipment_id, ship_date, events };
        TrackedEvents {
            tracking_number: tracking_number.clone(),
            shipments: shipments.into_iter().map(events).collect(),
        }
    })
}

fn one<T>(call: &Call, number: &str, data: impl FnOnce(Vec<Shipment>) -> T) -> Result<Output<T>, ToolError> {
    let mut read = read(call, &[number.to_owned()])?;
    let Answer { shipments, errors } = read.answers.remove(&key(number)).unwrap_or_default();
    let (n, refused) = (shipments.len(), errors.len());
    if shipments.is_empty() {
        let codes = fedex::shown(&errors);
        return Err(if errors.iter().all(|code| is_not_found(code)) {
            ToolError::not_found(format!("FedEx has no shipment with this tracking number{codes}"))
        } else {
            ToolError::upstream(format!("FedEx could not track this number{codes}"))
        });
    }
    let mut output = Output::new(data(shipments));
    if n > 1 {
        output = output.note(format!("FedEx used this number for {n} shipments, and all of them are returned"));
    }
    if refused > 0 {
        let codes = fedex::shown(&errors);
        output = output.partial(format!("FedEx has more on this number and could not show it{codes}"));
    }
    Ok(fedex::note_alerts(output, read.alerts))
}

#[arguments]
pub(crate) struct TrackMultiple {
    /// FedEx tracking numbers, at most 300, each 8 to 40 letters and digits.
    #[field(length = 1..=300)]
    #[schemars(inner(regex(pattern = "^[A-Za-z0-9]{8,40}$")))]
    tracking_numbers: Vec<String>,
}

/// What became of each tracking number, in the order in which they were given.
#[data]
pub(crate) struct TrackedNumbers {
    /// An entry for each number that was given, repeated ones too.
    numbers: Vec<TrackedNumber>,
    /// How many entries are `found`.
    found: usize,
    /// How many entries are `not_found`.
    not_found: usize,
    /// How many entries are `error`.
    failed: usize,
}

/// One tracking number and what became of it.
#[data]
pub(crate) struct TrackedNumber {
    /// The number as it was given.
    tracking_number: String,
    /// What became of it.
    outcome: Outcome,
    /// FedEx's code for what it did not find or could not show; null if it showed all.
    error_code: Option<String>,
    /// One shipment, or several if FedEx used the number again; none unless `found`.
    shipments: Vec<Shipment>,
}

/// What FedEx said of a number.
#[data]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// There is at least one shipment.
    Found,
    /// FedEx has no shipment with this number.
    NotFound,
    /// FedEx could not tell. The number may well exist.
    Error,
}

/// Tells where up to 300 FedEx parcels are, with an outcome for each number: found, not found, or an error of FedEx.
///
/// FedEx is asked for 30 numbers at a time; if one such request fails, the call fails. Needs the Track API in the FedEx
/// project.
#[tool(name = "fedex_track_multiple", title = "Track several FedEx shipments", category = read)]
pub(crate) fn track_multiple(arguments: TrackMultiple, call: &Call) -> Result<Output<TrackedNumbers>, ToolError> {
    let Read { answers, alerts } = read(call, &arguments.tracking_numbers)?;
    let mut numbers = Vec::with_capacity(arguments.tracking_numbers.len());
    for tracking_number in arguments.tracking_numbers {
        let Answer { shipments, errors } = answers.get(&key(&tracking_number)).cloned().unwrap_or_default();
        let outcome = match (shipments.is_empty(), errors.iter().all(|code| is_not_found(code))) {
            (false, _) => Outcome::Found,
            (true, true) => Outcome::NotFound,
            (true, false) => Outcome::Error,
        };
        // What failed says more than what is unknown.
        let error_code = errors.iter().find(|code| !is_not_found(code)).or_else(|| errors.first()).cloned();
        numbers.push(TrackedNumber { tracking_number, outcome, error_code, shipments });
    }
    let count = |outcome| numbers.iter().filter(|number| number.outcome == outcome).count();
    let (found, not_found, failed) = (count(Outcome::Found), count(Outcome::NotFound), count(Outcome::Error));
    let all = numbers.len();
    let cut = numbers.iter().filter(|number| number.outcome == Outcome::Found && number.error_code.is_some()).count();
    let mut output = Output::new(TrackedNumbers { numbers, found, not_found, failed });
    if failed > 0 {
        output = output.partial(format!("FedEx could not track {failed} of {all} numbers: error_code says why"));
    }
    if cut > 0 {
        let why = format!("FedEx has more on {cut} of {all} numbers and could not show it: error_code says why");
        output = output.partial(why);
    }
    Ok(fedex::note_alerts(output, alerts))
}

/// What FedEx said about all numbers.
struct Read {
    answers: BTreeMap<String, Answer>,
    alerts: BTreeSet<String>,
}

/// FedEx takes so many numbers in one request.
const BATCH: usize = 30;

/// Asks for each number once. Every one of them has an answer then, or the call has failed.
fn read(call: &Call, numbers: &[String]) -> Result<Read, ToolError> {
    let mut read = Read { answers: BTreeMap::new(), alerts: BTreeSet::new() };
    let mut seen = BTreeSet::new();
    let keys: Vec<String> = numbers.iter().map(|number| key(number)).filter(|key| seen.insert(key.clone())).collect();
    for keys in keys.chunks(BATCH) {
        ask(call, keys, &mut read)?;
    }
    Ok(read)
}

/// What tells numbers apart. FedEx writes the letters of those that have some in capitals.
fn key(number: &str) -> String {
    number.to_ascii_uppercase()
}

/// Whether FedEx says that there is no such shipment, which is an answer. Every other code is a failure.
fn is_not_found(code: &str) -> bool {
    matches!(code, "TRACKING.TRACKINGNUMBER.NOTFOUND" | DATA_NOT_FOUND)
}

/// The alert by which FedEx says that it has nothing on the numbers that it left out.
const DATA_NOT_FOUND: &str = "TRACKING.DATA.NOTFOUND";
