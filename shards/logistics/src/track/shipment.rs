//! One shipment: as FedEx tells it, and as a result shows it.

use std::cmp::Reverse;

use nexus_shard::{Date, ToolError, Utc, data};
use serde::Deserialize;

use super::key;
use crate::fedex::{Coded, told};

/// A shipment.
#[data]
pub(crate) struct Shipment {
    /// Its tracking number.
    tracking_number: String,
    /// FedEx's id of the shipment, which tells several uses of one number apart.
    pub(super) shipment_id: Option<String>,
    /// The part of FedEx that carries it, such as `FDXE` (Express) or `FDXG` (Ground).
    carrier_code: Option<String>,
    /// Where it stands.
    status: Status,
    /// FedEx's own code for that, such as `DL`, whether or not `status` knows it.
    status_code: Option<String>,
    /// The same in FedEx's words.
    status_description: Option<String>,
    /// FedEx's code of the service, such as `FEDEX_GROUND`.
    service_type: Option<String>,
    /// The service's name.
    service_name: Option<String>,
    /// Day of shipping.
    pub(super) ship_date: Option<Date>,
    /// When FedEx expects to deliver it. Null if FedEx tells no more than the day.
    estimated_delivery: Option<Utc>,
    /// The day on which FedEx expects to deliver it, by the calendar of the place.
    estimated_delivery_date: Option<Date>,
    /// When it was delivered. Null if it was not, or if FedEx tells no more than the day.
    actual_delivery: Option<Utc>,
    /// The day on which it was delivered, by the calendar of the place.
    actual_delivery_date: Option<Date>,
    /// The scans, the newest first.
    pub(super) events: Vec<Event>,
}

/// A scan of a parcel.
#[data]
pub(crate) struct Event {
    /// When.
    at: Utc,
    /// FedEx's code of what happened, such as `PU`, `DP`, `OD` or `DL`.
    #[serde(rename = "type")]
    kind: String,
    /// The same in FedEx's words.
    description: Option<String>,
    /// FedEx's code of what went wrong; null if nothing did.
    exception_code: Option<String>,
    /// City. The last one may be where somebody lives.
    #[field(class = person)]
    city: Option<String>,
    /// State or province, as two letters.
    state: Option<String>,
    /// Country, two letters of ISO 3166.
    country: Option<String>,
}

/// Where a shipment stands.
#[data]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// FedEx has been told of it and does not have it yet.
    Created,
    /// FedEx has it.
    PickedUp,
    /// On its way, or held for the recipient to fetch.
    InTransit,
    /// On the vehicle that brings it.
    OutForDelivery,
    /// Delivered.
    Delivered,
    /// Not going as planned: delayed, not delivered, or on its way back.
    Exception,
    /// Cancelled.
    Cancelled,
    /// FedEx told no status, or one that this list does not know.
    Unknown,
}

/// FedEx's codes of a latest status. Codes that are not here are judged by their derived code.
const STATUSES: &[(&str, Status)] = &[
    ("OC", Status::Created),
    ("IN", Status::Created),
    ("PU", Status::PickedUp),
    ("IT", Status::InTransit),
    ("AR", Status::InTransit),
    ("DP", Status::InTransit),
    ("AF", Status::InTransit),
    ("HL", Status::InTransit),
    ("OD", Status::OutForDelivery),
    ("DL", Status::Delivered),
    ("DE", Status::Exception),
    ("SE", Status::Exception),
    ("DY", Status::Exception),
    ("RS", Status::Exception),
    ("CA", Status::Cancelled),
];

/// The code first: a parcel on the vehicle has the code `OD` and the derived code `IT`, and one on its way back may have
/// `RS` and `DL`. The derived code is the coarse one.
fn status(code: Option<&str>, derived: Option<&str>) -> Status {
    let known = |code: Option<&str>| STATUSES.iter().find(|(known, _)| Some(*known) == code).map(|(_, status)| *status);
    known(code).or_else(|| known(derived)).unwrap_or(Status::Unknown)
}

/// A shipment as FedEx sends it, or an error. Beside an error all else may be absent, so what must be there is looked for
/// in [`Row::shipment`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    error: Option<Coded>,
    tracking_number_info: Option<NumberInfo>,
    latest_status_detail: Option<StatusDetail>,
    #[serde(default)]
    date_and_times: Vec<DateAndTime>,
    estimated_delivery_time_window: Option<TimeWindow>,
    service_detail: Option<ServiceDetail>,
    scan_events: Option<Vec<Scan>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NumberInfo {
    tracking_number: String,
    tracking_number_unique_id: Option<String>,
    carrier_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusDetail {
    code: Option<String>,
    derived_code: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DateAndTime {
    #[serde(rename = "type")]
    kind: String,
    date_time: String,
}

#[derive(Deserialize)]
struct TimeWindow {
    window: Option<Window>,
}

#[derive(Deserialize)]
struct Window {
    ends: Option<String>,
}

#[derive(Deserialize)]
struct ServiceDetail {
    #[serde(rename = "type")]
    kind: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scan {
    date: Utc,
    event_type: String,
    event_description: Option<String>,
    exception_code: Option<String>,
    #[serde(default)]
    scan_location: Location,
}

/// A scan at the sender's has no city.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Location {
    city: Option<String>,
    state_or_province_code: Option<String>,
    country_code: Option<String>,
}

impl Row {
    /// The shipment, or the code of the error instead of it.
    pub(super) fn read(mut self, asked: &str) -> Result<Result<Shipment, String>, ToolError> {
        match self.error.take() {
            Some(error) => Ok(Err(error.plain())),
            None => self.shipment(asked).map(Ok),
        }
    }

    /// The shipment, if it is one of the number `asked`.
    fn shipment(self, asked: &str) -> Result<Shipment, ToolError> {
        let missing = |what: &str| ToolError::upstream(format!("FedEx told of a shipment without its {what}"));
        let number = self.tracking_number_info.ok_or_else(|| missing("number (trackingNumberInfo)"))?;
        if key(&number.tracking_number) != asked {
            return Err(ToolError::upstream("FedEx answered with a shipment of another tracking number"));
        }
        let latest = self.latest_status_detail.ok_or_else(|| missing("status (latestStatusDetail)"))?;
        let scans = self.scan_events.ok_or_else(|| missing("scans (scanEvents)"))?;

        let date = |kind: &str| {
            let dates = self.date_and_times.iter().filter(|date| date.kind == kind);
            dates.map(|date| date.date_time.as_str()).find(|text| !text.is_empty())
        };
        let window =
            self.estimated_delivery_time_window.as_ref().and_then(|window| window.window.as_ref()?.ends.as_deref());
        let estimated = moment(date("ESTIMATED_DELIVERY").or(window))?;
        let actual = moment(date("ACTUAL_DELIVERY"))?;
        let ship = moment(date("SHIP"))?;

        let (code, derived) = (told(latest.code), told(latest.derived_code));
        let (service_type, service_name) =
            self.service_detail.map(|service| (told(service.kind), told(service.description))).unwrap_or_default();
        let mut events: Vec<Event> = scans.into_iter().map(Event::from).collect();
        events.sort_by_key(|event| Reverse(event.at));
        Ok(Shipment {
            tracking_number: number.tracking_number,
            shipment_id: told(number.tracking_number_unique_id),
            carrier_code: told(number.carrier_code),
            status: status(code.as_deref(), derived.as_deref()),
            status_code: code.or(derived),
            status_description: told(latest.description),
            service_type,
            service_name,
            ship_date: ship.map(|(day, _)| day),
            estimated_delivery: estimated.and_then(|(_, at)| at),
            estimated_delivery_date: estimated.map(|(day, _)| day),
            actual_delivery: actual.and_then(|(_, at)| at),
            actual_delivery_date: actual.map(|(day, _)| day),
            events,
        })
    }
}

/// A date as FedEx writes it: `2026-06-09T10:12:00-06:00`, the same without the offset, or the day alone. The day is that
/// of the place. There is no point in time without an offset, and none at midnight, which FedEx writes for a whole day.
fn moment(text: Option<&str>) -> Result<Option<(Date, Option<Utc>)>, ToolError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let (day, time) = text.split_once('T').unwrap_or((text, ""));
    let day = Date::parse(day).ok_or_else(|| ToolError::upstream("FedEx told a date that is none"))?;
    let at = if time.starts_with("00:00:00") { None } else { Utc::parse(text) };
    Ok(Some((day, at)))
}

impl From<Scan> for Event {
    fn from(scan: Scan) -> Self {
        Self {
            at: scan.date,
            kind: scan.event_type,
            description: told(scan.event_description),
            exception_code: told(scan.exception_code),
            city: told(scan.scan_location.city),
            state: told(scan.scan_location.state_or_province_code),
            country: told(scan.scan_location.country_code),
        }
    }
}
