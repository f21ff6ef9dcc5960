//! What FedEx would charge: FedEx Rates and Transit Times.

use nexus_shard::serde_json::Number;
use nexus_shard::{Call, Date, Money, Output, Reply, Source, ToolError, arguments, data, tool};
use serde::{Deserialize, Serialize};

use crate::fedex::{self, Coded, line, told};

const SOURCE: Source = Source {
    upstream: "FedEx",
    what: "rates",
    needs: "the Rates and Transit Times API in its FedEx project",
    code: fedex::CODE,
};

/// What FedEx carries as one parcel, in pounds.
const MAX_POUNDS: f64 = 150.0;

#[arguments]
pub(crate) struct GetRates {
    /// Postal code of the sender.
    #[field(pattern = "^[A-Za-z0-9][A-Za-z0-9 -]{1,9}$", class = person)]
    origin_postal: String,
    /// Postal code of the recipient.
    #[field(pattern = "^[A-Za-z0-9][A-Za-z0-9 -]{1,9}$", class = person)]
    dest_postal: String,
    /// Weight of the parcel in pounds, above 0 and at most 150.
    #[field(range = ..=150)]
    #[schemars(extend("exclusiveMinimum" = 0))]
    weight_lb: f64,
    /// Country of the sender, two letters of ISO 3166.
    #[field(pattern = "^[A-Za-z]{2}$", default = "US".to_owned())]
    origin_country: String,
    /// Country of the recipient, two letters of ISO 3166.
    #[field(pattern = "^[A-Za-z]{2}$", default = "US".to_owned())]
    dest_country: String,
}

/// What FedEx would charge today for one parcel that is dropped off.
#[data]
pub(crate) struct Rates {
    /// The day of the quote, as FedEx tells it.
    quote_date: Option<Date>,
    /// The services that FedEx offers.
    services: Vec<Service>,
}

/// One service.
#[data]
pub(crate) struct Service {
    /// FedEx's code of the service, such as `FEDEX_2_DAY`.
    service_type: String,
    /// The service's name.
    service_name: Option<String>,
    /// What it costs, once for each kind of rate.
    prices: Vec<Price>,
    /// Working days on the way; null if FedEx does not say.
    transit_days: Option<usize>,
    /// The day of delivery that FedEx commits to, by the calendar of the destination; null if it commits to none.
    delivery_date: Option<Date>,
    /// Until when on that day, `HH:MM` by the clocks of the destination.
    delivery_by: Option<String>,
}

/// One kind of rate.
#[data]
pub(crate) struct Price {
    /// FedEx's code of the rate: `ACCOUNT` is what the operator's account pays, `LIST` what everybody pays.
    rate_type: String,
    /// The total with surcharges, without duties and taxes of an import.
    total: Money,
}

/// Tells what FedEx would charge for one parcel between two postal codes, and when it would arrive, for each service.
///
/// Prices are those of the operator's account and of the list. Needs the setting FEDEX_ACCOUNT_NUMBER, and the Rates and
/// Transit Times API in the FedEx project.
#[tool(name = "fedex_get_rates", title = "Get FedEx rates", category = read)]
pub(crate) fn get_rates(arguments: GetRates, call: &Call) -> Result<Output<Rates>, ToolError> {
    let account = call.setting("FEDEX_ACCOUNT_NUMBER")?;
    if !(arguments.weight_lb > 0.0 && arguments.weight_lb <= MAX_POUNDS) {
        return Err(ToolError::invalid_arguments("weight_lb must be above 0 and at most 150"));
    }
    let (origin, dest) = (arguments.origin_country.to_ascii_uppercase(), arguments.dest_country.to_ascii_uppercase());
    let asked = Asked {
        account_number: Value { value: account },
        rate_request_control_parameters: Control { return_transit_times: true },
        requested_shipment: AskedShipment {
            shipper: Party::new(line(&arguments.origin_postal, "origin_postal")?, &origin),
            recipient: Party::new(line(&arguments.dest_postal, "dest_postal")?, &dest),
            pickup_type: "DROPOFF_AT_FEDEX_LOCATION",
            rate_request_type: ["ACCOUNT", "LIST"],
            requested_package_line_items: [Package { weight: Weight { units: "LB", value: arguments.weight_lb } }],
        },
    };
    let reply = fedex::post(call, "rate/v1/rates/quotes", &asked)?;
    match reply.status {
        200 => {}
        400 => return Err(refused(&reply)),
        _ => return Err(fedex::explain(&SOURCE, &reply)),
    }
    let output = reply.json::<Body>()?.output;
    let alerts = fedex::codes(output.alerts);
    if output.rate_reply_details.is_empty() {
        if alerts.is_empty() {
            return Err(ToolError::upstream("FedEx told neither a rate nor why there is none"));
        }
        return Err(no_service(&fedex::shown(&alerts)));
    }
    let services = output.rate_reply_details.into_iter().map(Row::service).collect::<Result<Vec<_>, _>>()?;
    let undated = services.iter().filter(|service| service.delivery_date.is_none()).count();
    let quote_date = output.quote_date.as_deref().and_then(Date::parse);
    let mut output = Output::new(Rates { quote_date, services });
    if undated > 0 {
        output = output.note(format!("FedEx commits to no day of delivery for {undated} of the services"));
    }
    Ok(fedex::note_alerts(output, alerts))
}

/// What FedEx says by refusing the request: about the account, about the places, or about the request itself.
fn refused(reply: &Reply) -> ToolError {
    match fedex::code(reply).as_deref() {
        Some(code @ "ACCOUNT.NUMBER.MISMATCH") => ToolError::refused(format!(
            "FedEx does not quote for the account of the setting FEDEX_ACCOUNT_NUMBER (400 {code})"
        )),
        Some(code @ "RATE.LOCATION.NOSERVICE") => no_service(&format!(" (400 {code})")),
        _ => fedex::explain(&SOURCE, reply),
    }
}

fn no_service(codes: &str) -> ToolError {
    ToolError::not_found(format!("FedEx offers no rate for this parcel between these places{codes}"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    account_number: Value<'a>,
    rate_request_control_parameters: Control,
    requested_shipment: AskedShipment<'a>,
}

#[derive(Serialize)]
struct Value<'a> {
    value: &'a str,
}

/// Without it no transit time and no day of delivery comes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Control {
    return_transit_times: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AskedShipment<'a> {
    shipper: Party<'a>,
    recipient: Party<'a>,
    pickup_type: &'a str,
    rate_request_type: [&'a str; 2],
    requested_package_line_items: [Package<'a>; 1],
}

#[derive(Serialize)]
struct Party<'a> {
    address: PartyAddress<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartyAddress<'a> {
    postal_code: &'a str,
    country_code: &'a str,
}

#[derive(Serialize)]
struct Package<'a> {
    weight: Weight<'a>,
}

#[derive(Serialize)]
struct Weight<'a> {
    units: &'a str,
    value: f64,
}

impl<'a> Party<'a> {
    fn new(postal_code: &'a str, country_code: &'a str) -> Self {
        Self { address: PartyAddress { postal_code, country_code } }
    }
}

#[derive(Deserialize)]
struct Body {
    output: RateOutput,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateOutput {
    // Without any rate it may be absent; the alerts say why then.
    #[serde(default)]
    rate_reply_details: Vec<Row>,
    quote_date: Option<String>,
    #[serde(default)]
    alerts: Vec<Coded>,
}

/// A service as FedEx sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    service_type: String,
    service_name: Option<String>,
    rated_shipment_details: Vec<Rated>,
    commit: Option<Commit>,
    operational_detail: Option<OperationalDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rated {
    rate_type: String,
    total_net_charge: Number,
    currency: Option<String>,
    shipment_rate_detail: Option<RateDetail>,
}

#[derive(Deserialize)]
struct RateDetail {
    currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit {
    date_detail: Option<DateDetail>,
    transit_days: Option<TransitDays>,
}

/// `2026-06-16T10:30:00`, under one of two names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DateDetail {
    day_format: Option<String>,
    day_cxs_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransitDays {
    minimum_transit_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperationalDetail {
    transit_time: Option<String>,
}

impl Row {
    fn service(self) -> Result<Service, ToolError> {
        let prices = self.rated_shipment_details.into_iter().map(Rated::price).collect::<Result<_, _>>()?;
        let (date, transit) = self.commit.map(|commit| (commit.date_detail, commit.transit_days)).unwrap_or_default();
        let transit = transit.and_then(|days| days.minimum_transit_time);
        let transit = transit.or_else(|| self.operational_detail?.transit_time);
        let until = date.and_then(|date| told(date.day_format).or_else(|| told(date.day_cxs_format)));
        let (delivery_date, delivery_by) = match until.as_deref() {
            Some(until) => committed(until)?,
            None => (None, None),
        };
        Ok(Service {
            service_type: self.service_type,
            service_name: told(self.service_name),
            prices,
            transit_days: transit.as_deref().and_then(days),
            delivery_date,
            delivery_by,
        })
    }
}

impl Rated {
    fn price(self) -> Result<Price, ToolError> {
        let currency = told(self.currency).or_else(|| told(self.shipment_rate_detail?.currency));
        let currency = currency.ok_or_else(|| ToolError::upstream("FedEx told a price without its currency"))?;
        Ok(Price { rate_type: self.rate_type, total: Money::new(self.total_net_charge, iso(&currency))? })
    }
}

/// The day and the time of a commitment. The time has no offset: it is told by the clocks of the destination.
fn committed(text: &str) -> Result<(Option<Date>, Option<String>), ToolError> {
    let (day, time) = text.split_once('T').unwrap_or((text, ""));
    let day = Date::parse(day).ok_or_else(|| ToolError::upstream("FedEx told a day of delivery that is none"))?;
    let time = time.get(..5).filter(|time| {
        time.bytes().enumerate().all(|(at, byte)| if at == 2 { byte == b':' } else { byte.is_ascii_digit() })
    });
    Ok((Some(day), time.map(str::to_owned)))
}

/// FedEx counts the working days of transit in words, up to twenty. Other words are no number.
const DAYS: [&str; 20] = [
    "ONE_DAY",
    "TWO_DAYS",
    "THREE_DAYS",
    "FOUR_DAYS",
    "FIVE_DAYS",
    "SIX_DAYS",
    "SEVEN_DAYS",
    "EIGHT_DAYS",
    "NINE_DAYS",
    "TEN_DAYS",
    "ELEVEN_DAYS",
    "TWELVE_DAYS",
    "THIRTEEN_DAYS",
    "FOURTEEN_DAYS",
    "FIFTEEN_DAYS",
    "SIXTEEN_DAYS",
    "SEVENTEEN_DAYS",
    "EIGHTEEN_DAYS",
    "NINETEEN_DAYS",
    "TWENTY_DAYS",
];

fn days(words: &str) -> Option<usize> {
    DAYS.iter().position(|known| *known == words).map(|before| before + 1)
}

/// FedEx has codes of its own for some currencies.
const CURRENCIES: [(&str, &str); 15] = [
    ("ARN", "ARS"),
    ("CHP", "CLP"),
    ("DHS", "AED"),
    ("ECD", "XCD"),
    ("JAD", "JMD"),
    ("JYE", "JPY"),
    ("KUD", "KWD"),
    ("NMP", "MXN"),
    ("NTD", "TWD"),
    ("RDD", "DOP"),
    ("SFR", "CHF"),
    ("SID", "SGD"),
    ("UKL", "GBP"),
    ("UYP", "UYU"),
    ("WON", "KRW"),
];

fn iso(currency: &str) -> &str {
    CURRENCIES.iter().find(|(own, _)| *own == currency).map_or(currency, |(_, iso)| iso)
}
