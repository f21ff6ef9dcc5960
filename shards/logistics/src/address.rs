//! Whether FedEx knows an address: FedEx Address Validation.

use nexus_shard::{Call, Output, Source, ToolError, arguments, data, tool};
use serde::{Deserialize, Serialize};

use crate::fedex::{self, Coded, line, told};

const SOURCE: Source = Source {
    upstream: "FedEx",
    what: "addresses",
    needs: "the Address Validation API in its FedEx project",
    code: fedex::CODE,
};

#[arguments]
pub(crate) struct ValidateAddress {
    /// Street and house number on one line, with suite or apartment if there is one.
    #[field(length = 1..=120, pattern = r"^[^\x00-\x1f\x7f]*$", class = person)]
    street: String,
    /// City.
    #[field(length = 1..=60, pattern = r"^[^\x00-\x1f\x7f]*$", class = person)]
    city: String,
    /// State or province, two letters; empty in a country that has none.
    #[field(pattern = "^([A-Za-z]{2})?$", class = person)]
    state: String,
    /// Postal code.
    #[field(pattern = "^[A-Za-z0-9][A-Za-z0-9 -]{1,9}$", class = person)]
    postal: String,
    /// Country, two letters of ISO 3166.
    #[field(pattern = "^[A-Za-z]{2}$", default = "US".to_owned())]
    country: String,
}

/// An address as FedEx resolved it, and what it knows of it.
#[data]
pub(crate) struct Address {
    /// How far FedEx recognised the address.
    status: Status,
    /// Street lines as FedEx writes them.
    #[field(class = person)]
    street_lines: Vec<String>,
    /// City.
    #[field(class = person)]
    city: Option<String>,
    /// State or province, as two letters.
    #[field(class = person)]
    state: Option<String>,
    /// Postal code, as long as FedEx knows it.
    #[field(class = person)]
    postal_code: Option<String>,
    /// Country, two letters of ISO 3166.
    country: Option<String>,
    /// Who is there.
    classification: Classification,
    /// FedEx's codes for what is missing or was changed, such as `SUITE.NUMBER.REQUIRED`.
    messages: Vec<String>,
    /// What FedEx says of the address one by one. Null is what it did not say.
    attributes: Attributes,
}

/// How far FedEx recognised an address. None of these says that a parcel will arrive.
#[data]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Matched with FedEx's reference data, nothing missing, no message; in the United States also a known delivery point.
    Standardized,
    /// Matched, but something is missing or not confirmed: a suite, the house number, the delivery point.
    Unconfirmed,
    /// Several addresses match.
    Ambiguous,
    /// Not in FedEx's reference data.
    NotMatched,
    /// FedEx has no reference data for the country.
    UnsupportedCountry,
    /// FedEx did not say enough to tell.
    Unknown,
}

/// Who is at an address.
#[data]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Classification {
    /// A business.
    Business,
    /// A home.
    Residential,
    /// Both.
    Mixed,
    /// FedEx does not know.
    Unknown,
}

/// What FedEx says of an address.
#[data]
pub(crate) struct Attributes {
    /// `STANDARDIZED` (matched), `NORMALIZED` (not matched) or `RAW` (the country is not supported).
    address_type: Option<String>,
    /// How far it was matched, such as `STREET_ADDRESS` or `MULTI_TENANT_UNIT`.
    precision: Option<String>,
    /// Whether it matches a record of FedEx's reference data.
    is_matched: Option<bool>,
    /// Whether FedEx could resolve it.
    is_resolved: Option<bool>,
    /// Whether it is a known delivery point. FedEx knows that of the United States alone.
    is_delivery_point: Option<bool>,
    /// Whether several addresses match.
    has_multiple_matches: Option<bool>,
    /// Whether a suite or apartment is needed and missing.
    is_suite_missing: Option<bool>,
    /// Whether the suite or apartment is not known there.
    is_suite_invalid: Option<bool>,
    /// Whether the house number was only guessed from its neighbours.
    is_interpolated: Option<bool>,
    /// Whether it is a post office box.
    is_po_box: Option<bool>,
}

/// Resolves an address with FedEx: how FedEx writes it, whether business or home, and what is missing in it.
///
/// `status` says how far FedEx recognised it; no status says that a parcel will arrive. An address that FedEx refuses as
/// unknown is "not found". Needs the Address Validation API in the FedEx project.
#[tool(name = "fedex_validate_address", title = "Check an address with FedEx", category = read)]
pub(crate) fn validate_address(arguments: ValidateAddress, call: &Call) -> Result<Output<Address>, ToolError> {
    let state = arguments.state.to_ascii_uppercase();
    let country = arguments.country.to_ascii_uppercase();
    let address = AskedAddress {
        street_lines: [line(&arguments.street, "street")?],
        city: line(&arguments.city, "city")?,
        state_or_province_code: Some(state.as_str()).filter(|state| !state.is_empty()),
        postal_code: line(&arguments.postal, "postal")?,
        country_code: &country,
    };
    let asked = Asked { addresses_to_validate: [AskedItem { address }] };
    let reply = fedex::post(call, "address/v1/addresses/resolve", &asked)?;
    match reply.status {
        200 => {}
        400 if fedex::code(&reply).as_deref() == Some(NOT_FOUND) => {
            return Err(ToolError::not_found(format!("FedEx knows no such address (400 {NOT_FOUND})")));
        }
        _ => return Err(fedex::explain(&SOURCE, &reply)),
    }
    let output = reply.json::<Body>()?.output;
    let alerts = fedex::codes(output.alerts);
    let [row] = <[Row; 1]>::try_from(output.resolved_addresses).map_err(|rows| {
        let (n, codes) = (rows.len(), fedex::shown(&alerts));
        ToolError::upstream(format!("FedEx answered with {n} addresses for one{codes}"))
    })?;
    Ok(fedex::note_alerts(Output::new(Address::from(row)), alerts))
}

/// FedEx says it as an error of the request, and of others beside the resolved address.
const NOT_FOUND: &str = "STANDARDIZED.ADDRESS.NOTFOUND";

/// The message of an address that a direction, such as North, would make another one.
const DIRECTION: &str = "MISSING.OR.AMBIGUOUS.DIRECTIONAL";

impl Status {
    /// The first that fits. Any message and any doubt rules out `standardized`.
    fn of(attributes: &Attributes, messages: &[String], is_us: bool, is_supported: Option<bool>) -> Self {
        let kind = attributes.address_type.as_deref();
        let says = |code: &str| messages.iter().any(|message| message == code);
        let is_no = |flag: Option<bool>| flag == Some(false);
        let is_yes = |flag: Option<bool>| flag == Some(true);
        if is_no(is_supported) || kind == Some("RAW") {
            Self::UnsupportedCountry
        } else if kind == Some("NORMALIZED")
            || is_no(attributes.is_matched)
            || is_no(attributes.is_resolved)
            || says(NOT_FOUND)
        {
            Self::NotMatched
        } else if is_yes(attributes.has_multiple_matches) || says(DIRECTION) {
            Self::Ambiguous
        } else if kind != Some("STANDARDIZED") || !is_yes(attributes.is_matched.or(attributes.is_resolved)) {
            Self::Unknown
        } else if !messages.is_empty()
            || is_yes(attributes.is_suite_missing)
            || is_yes(attributes.is_suite_invalid)
            || is_yes(attributes.is_interpolated)
            || is_us && !is_yes(attributes.is_delivery_point)
        {
            Self::Unconfirmed
        } else {
            Self::Standardized
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    addresses_to_validate: [AskedItem<'a>; 1],
}

#[derive(Serialize)]
struct AskedItem<'a> {
    address: AskedAddress<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AskedAddress<'a> {
    street_lines: [&'a str; 1],
    city: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_or_province_code: Option<&'a str>,
    postal_code: &'a str,
    country_code: &'a str,
}

#[derive(Deserialize)]
struct Body {
    output: AddressOutput,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddressOutput {
    resolved_addresses: Vec<Row>,
    #[serde(default)]
    alerts: Vec<Coded>,
}

/// A resolved address as FedEx sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    street_lines_token: Vec<String>,
    city: Option<String>,
    state_or_province_code: Option<String>,
    postal_code: Option<String>,
    parsed_postal_code: Option<PostalCode>,
    country_code: Option<String>,
    classification: String,
    // FedEx's specification has the singular, its replies the plural.
    #[serde(default)]
    customer_message: Vec<Coded>,
    #[serde(default)]
    customer_messages: Vec<Coded>,
    attributes: AttributesRow,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostalCode {
    base: Option<String>,
    add_on: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributesRow {
    address_type: Option<String>,
    address_precision: Option<String>,
    country_supported: Option<Flag>,
    matched: Option<Flag>,
    resolved: Option<Flag>,
    #[serde(rename = "DPV")]
    dpv: Option<Flag>,
    multiple_matches: Option<Flag>,
    suite_required_but_missing: Option<Flag>,
    invalid_suite_number: Option<Flag>,
    interpolated_street_address: Option<Flag>,
    #[serde(rename = "POBox")]
    po_box: Option<Flag>,
}

/// FedEx's specification has booleans, its replies their names as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Boolean(bool),
    Text(String),
}

impl Flag {
    fn read(flag: Option<Self>) -> Option<bool> {
        match flag? {
            Self::Boolean(value) => Some(value),
            Self::Text(text) => match text.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
        }
    }
}

impl From<Row> for Address {
    fn from(row: Row) -> Self {
        let country = told(row.country_code);
        let is_us = country.as_deref() == Some("US");
        let is_supported = Flag::read(row.attributes.country_supported);
        let attributes = Attributes {
            address_type: told(row.attributes.address_type),
            precision: told(row.attributes.address_precision),
            is_matched: Flag::read(row.attributes.matched),
            is_resolved: Flag::read(row.attributes.resolved),
            // Elsewhere FedEx says false of every address.
            is_delivery_point: Flag::read(row.attributes.dpv).filter(|_| is_us),
            has_multiple_matches: Flag::read(row.attributes.multiple_matches),
            is_suite_missing: Flag::read(row.attributes.suite_required_but_missing),
            is_suite_invalid: Flag::read(row.attributes.invalid_suite_number),
            is_interpolated: Flag::read(row.attributes.interpolated_street_address),
            is_po_box: Flag::read(row.attributes.po_box),
        };
        let messages: Vec<String> =
            fedex::codes(row.customer_message.into_iter().chain(row.customer_messages)).into_iter().collect();
        Self {
            status: Status::of(&attributes, &messages, is_us, is_supported),
            street_lines: row.street_lines_token.into_iter().filter_map(|line| told(Some(line))).collect(),
            city: told(row.city),
            state: told(row.state_or_province_code),
            postal_code: told(row.postal_code).or_else(|| row.parsed_postal_code?.joined()),
            country,
            classification: match row.classification.as_str() {
                "BUSINESS" => Classification::Business,
                "RESIDENTIAL" => Classification::Residential,
                "MIXED" => Classification::Mixed,
                _ => Classification::Unknown,
            },
            messages,
            attributes,
        }
    }
}

impl PostalCode {
    fn joined(self) -> Option<String> {
        let base = told(self.base)?;
        Some(told(self.add_on).map(|add_on| format!("{base}-{add_on}")).unwrap_or(base))
    }
}
