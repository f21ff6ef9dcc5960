//! What the `fedex_` tools promise, with a stand-in for FedEx.

mod address;
mod rates;
mod track;

use super::TOOLS;
use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::testing::{Fake, Seen, reply};
use nexus_shard::{Refusal, Reply, ToolError};

const A: &str = "776126785997";
const B: &str = "776126785998";
const C: &str = "776126780042";

/// What a reply holds that no tool may see. Errors and results are searched for it.
const PRIVATE: &str = "SECRET";

fn set(fake: Fake) -> Fake {
    fake.setting("FEDEX_HOST", "apis.fedex.com").setting("FEDEX_ACCOUNT_NUMBER", "700001234")
}

fn call(tool: &str, arguments: Value, answer: Result<Reply, Refusal>) -> Result<Seen, ToolError> {
    set(Fake::replies([answer])).call(TOOLS, tool, arguments)
}

fn output(output: &Value) -> Result<Reply, Refusal> {
    reply(200, &json!({ "transactionId": "1", "output": output }).to_string())
}

fn fedex_error(status: u16, code: &str) -> Result<Reply, Refusal> {
    let body = json!({ "transactionId": "1", "errors": [{ "code": code, "message": "SECRET at 1 SECRET St" }] });
    reply(status, &body.to_string())
}

fn scan(date: &str, kind: &str, location: &Value) -> Value {
    json!({
        "date": date, "eventType": kind, "eventDescription": "Scanned", "exceptionCode": "",
        "exceptionDescription": "left with SECRET", "scanLocation": location, "locationType": "VEHICLE",
        "derivedStatusCode": "IT", "derivedStatus": "In transit",
    })
}

/// A shipment as FedEx sends it, with much that is nobody's business.
fn shipment(number: &str) -> Value {
    let address = json!({ "streetLines": ["1 SECRET St"], "city": "SECRET", "countryCode": "US" });
    let person = json!({ "contact": { "personName": "SECRET", "phoneNumber": "SECRET" }, "address": address });
    let place = json!({
        "streetLines": ["1 SECRET St"], "city": "DENVER", "stateOrProvinceCode": "CO", "postalCode": "SECRET",
        "countryCode": "US", "residential": false, "countryName": "United States",
    });
    json!({
        "trackingNumberInfo": {
            "trackingNumber": number, "trackingNumberUniqueId": format!("12026~{number}~FDEG"), "carrierCode": "FDXG",
        },
        "additionalTrackingInfo": { "nickname": "SECRET", "packageIdentifiers": [{ "values": ["SECRET"] }] },
        "shipperInformation": person,
        "recipientInformation": person,
        "latestStatusDetail": {
            "code": "DL", "derivedCode": "DL", "statusByLocale": "Delivered", "description": "Delivered",
            "scanLocation": { "city": "SECRET" }, "ancillaryDetails": [{ "reasonDescription": "SECRET" }],
        },
        "dateAndTimes": [
            { "type": "ACTUAL_DELIVERY", "dateTime": "2026-06-09T10:12:00-06:00" },
            { "type": "SHIP", "dateTime": "2026-06-05T00:00:00-04:00" },
        ],
        "serviceDetail": { "type": "FEDEX_GROUND", "description": "FedEx Ground", "shortDescription": "FG" },
        "estimatedDeliveryTimeWindow": { "window": {} },
        "scanEvents": [
            scan("2026-06-08T22:55:00-05:00", "DP", &place),
            scan("2026-06-08T22:20:00-06:00", "AR", &json!({ "streetLines": [""], "countryCode": "US" })),
            scan("2026-06-09T10:12:00-06:00", "DL", &place),
        ],
        "deliveryDetails": { "receivedByName": "SECRET", "signedByName": "SECRET", "actualDeliveryAddress": address },
        "lastUpdatedDestinationAddress": address,
        "accountNumber": "SECRET",
    })
}

fn with(mut row: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    row.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(member.to_owned(), value);
    row
}

fn without(mut row: Value, pointer: &str) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    row.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(member).unwrap();
    row
}

fn failed(number: &str, code: &str) -> Value {
    let info = json!({ "trackingNumber": number, "trackingNumberUniqueId": "", "carrierCode": "" });
    json!({ "trackingNumberInfo": info, "error": { "code": code, "message": "SECRET" } })
}

const NOT_FOUND: &str = "TRACKING.TRACKINGNUMBER.NOTFOUND";

fn of(number: &str, results: &[Value]) -> Value {
    json!({ "trackingNumber": number, "trackResults": results })
}

fn tracked(results: &[Value]) -> Result<Reply, Refusal> {
    output(&json!({ "completeTrackResults": results }))
}

fn no_data() -> Value {
    json!([{ "code": "TRACKING.DATA.NOTFOUND", "alertType": "NOTE", "message": "SECRET" }])
}

fn address() -> Value {
    json!({
        "clientReferenceId": "SECRET", "streetLinesToken": ["410 PLATFORM WAY STE 300", ""], "city": "DENVER",
        "stateOrProvinceCode": "CO", "postalCode": "80202-5117",
        "parsedPostalCode": { "base": "80202", "addOn": "5117", "deliveryPoint": "25" }, "countryCode": "US",
        "classification": "BUSINESS", "customerMessages": [], "normalizedStatusNameDPV": true,
        "attributes": {
            "POBox": "false", "SuiteRequiredButMissing": "false", "InvalidSuiteNumber": "false", "DPV": "true",
            "CountrySupported": "true", "Matched": "true", "Resolved": "true", "AddressType": "STANDARDIZED",
            "AddressPrecision": "MULTI_TENANT_UNIT", "MultipleMatches": "false", "ResolutionInput": "SECRET",
        },
    })
}

fn resolved(addresses: &[Value]) -> Result<Reply, Refusal> {
    output(&json!({ "resolvedAddresses": addresses }))
}

fn headquarters() -> Value {
    json!({ "street": "410 Platform Way, Suite 300", "city": "Denver", "state": "co", "postal": "80202" })
}

fn service() -> Value {
    json!({
        "serviceType": "FEDEX_2_DAY", "serviceName": "FedEx 2Day®", "packagingType": "YOUR_PACKAGING",
        "ratedShipmentDetails": [
            { "rateType": "ACCOUNT", "totalNetCharge": 27.18, "currency": "USD", "quoteNumber": "SECRET" },
            { "rateType": "LIST", "totalNetCharge": 33.1, "shipmentRateDetail": { "currency": "USD" } },
        ],
        "commit": {
            "dateDetail": { "dayOfWeek": "WED", "dayFormat": "2026-06-17T17:00:00" },
            "transitDays": { "minimumTransitTime": "TWO_DAYS", "description": "2 Business Days" },
            "derivedDestinationDetail": { "postalCode": "SECRET" },
        },
        "operationalDetail": { "transitTime": "TWO_DAYS", "originPostalCodes": ["SECRET"] },
    })
}

fn quoted(services: &[Value]) -> Result<Reply, Refusal> {
    output(&json!({ "rateReplyDetails": services, "quoteDate": "2026-06-15", "encoded": false }))
}

fn parcel() -> Value {
    json!({ "origin_postal": "80202", "dest_postal": "60601", "weight_lb": 5.5 })
}

/// Each tool with the arguments and the reply of a good call.
fn all() -> [(&'static str, Value, Result<Reply, Refusal>); 5] {
    let found = || tracked(&[of(A, &[shipment(A)])]);
    [
        ("fedex_track_shipment", json!({ "tracking_number": A }), found()),
        ("fedex_track_multiple", json!({ "tracking_numbers": [A] }), found()),
        ("fedex_get_shipment_events", json!({ "tracking_number": A }), found()),
        ("fedex_validate_address", headquarters(), resolved(&[address()])),
        ("fedex_get_rates", parcel(), quoted(&[service()])),
    ]
}

#[test]
fn every_failure_is_an_error_that_tells_the_code_and_quotes_nothing() {
    for (tool, arguments, _) in all() {
        for (answer, expected) in [
            (fedex_error(401, "NOT.AUTHORIZED.ERROR"), "401 NOT.AUTHORIZED.ERROR"),
            (fedex_error(403, "FORBIDDEN.ERROR"), "403 FORBIDDEN.ERROR"),
            (fedex_error(404, "NOT.FOUND.ERROR"), "404 NOT.FOUND.ERROR"),
            (fedex_error(400, "INVALID.INPUT.EXCEPTION"), "400 INVALID.INPUT.EXCEPTION"),
            (fedex_error(500, "INTERNAL.SERVER.ERROR"), "500 INTERNAL.SERVER.ERROR"),
            (fedex_error(503, "SERVICE.UNAVAILABLE.ERROR"), "503 SERVICE.UNAVAILABLE.ERROR"),
            (fedex_error(503, "SECRET at"), "(503)"),
            (reply(503, ""), "(503)"),
            (reply(204, ""), "(204)"),
            (reply(200, "<html>SECRET</html>"), "not JSON"),
            (reply(200, r#"{"output":"SECRET"}"#), "output"),
            (output(&json!({})), ""),
            (Err(Refusal::Timeout), "timeout"),
            (Err(Refusal::Credential), "credential"),
        ] {
            let error = call(tool, arguments.clone(), answer).unwrap_err();
            assert!(error.text().contains(expected), "{tool}: {error}");
            assert!(!error.text().contains(PRIVATE), "{tool}: {error}");
            assert!(matches!(error, ToolError::Upstream(_) | ToolError::Refused(_)), "{tool}: {error:?}");
        }
    }
}

#[test]
fn a_refusal_names_the_api_that_the_project_lacks() {
    let api = ["Track API", "Track API", "Track API", "Address Validation API", "Rates and Transit Times API"];
    for ((tool, arguments, _), api) in all().into_iter().zip(api) {
        let error = call(tool, arguments, fedex_error(403, "FORBIDDEN.ERROR")).unwrap_err();
        let ToolError::Refused(text) = error else { panic!("{tool}: {error:?}") };
        assert!(text.contains(api), "{tool}: {text}");
    }
}

#[test]
fn too_many_requests_may_mean_seconds_or_until_midnight() {
    for (tool, arguments, _) in all() {
        for (wait, says) in [(None, "try again;"), (Some("8"), "try again in 8 seconds;")] {
            let mut answer = fedex_error(429, "TOO.MANY.REQUESTS").unwrap();
            answer.headers.extend(wait.map(|wait| ("retry-after".to_owned(), wait.as_bytes().to_vec())));
            let error = call(tool, arguments.clone(), Ok(answer)).unwrap_err();
            assert!(matches!(error, ToolError::Upstream(_)), "{error:?}");
            for says in ["429 TOO.MANY.REQUESTS", says, "per 10 seconds", "00:00 GMT"] {
                assert!(error.text().contains(says), "{tool}: {error}");
            }
        }
    }
}

#[test]
fn every_request_is_a_post_to_the_host_of_the_setting_with_the_credential_named() {
    let paths = ["track/v1/trackingnumbers", "address/v1/addresses/resolve", "rate/v1/rates/quotes"];
    for ((tool, arguments, answer), path) in all().into_iter().zip([paths[0], paths[0], paths[0], paths[1], paths[2]]) {
        let fake = Fake::replies([answer])
            .setting("FEDEX_HOST", "apis-sandbox.fedex.com")
            .setting("FEDEX_ACCOUNT_NUMBER", "700001234");
        fake.call(TOOLS, tool, arguments).unwrap();
        let sent = fake.sent().remove(0);
        assert_eq!((sent.method.as_str(), sent.credential.as_deref()), ("POST", Some("fedex")));
        assert_eq!(sent.url, format!("https://apis-sandbox.fedex.com/{path}"));
        let names: Vec<&str> = sent.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-locale", "x-customer-transaction-id", "content-type"]);
    }
}

/// What the host lets through: the members that shard.toml keeps.
fn kept(body: &Value) -> Value {
    let keep: Vec<Vec<&str>> = include_str!("../shard.toml")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\"/")?.strip_suffix("\","))
        .map(|path| path.split('/').collect())
        .collect();
    assert!(keep.len() > 50, "{keep:?}");
    project(body, &keep.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap_or_default()
}

fn project(value: &Value, keep: &[&[&str]]) -> Option<Value> {
    if keep.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    let below = |member: Option<&str>| -> Vec<&[&str]> {
        let fits = |step: &str| step == "*" || Some(step) == member;
        keep.iter().filter_map(|path| path.split_first()).filter(|(step, _)| fits(step)).map(|(_, rest)| rest).collect()
    };
    match value {
        Value::Object(members) => {
            let members =
                members.iter().filter_map(|(name, value)| Some((name.clone(), project(value, &below(Some(name)))?)));
            Some(Value::Object(members.collect()))
        }
        Value::Array(items) => {
            Some(Value::Array(items.iter().filter_map(|item| project(item, &below(None))).collect()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[test]
fn the_manifest_keeps_what_the_tools_read_and_nobodys_business_stays_with_the_host() {
    let alerts = json!([{ "code": "VIRTUAL.RESPONSE", "message": "SECRET" }]);
    let late = with(shipment(B), "/estimatedDeliveryTimeWindow/window/ends", json!("2026-06-16T20:00:00-06:00"));
    let failed = failed(B, "TRACKING.TRACKINGNUMBER.INVALID");
    let odd = with(address(), "/customerMessage", json!([{ "code": "RRHC.CONVERSION", "message": "SECRET" }]));
    let odd = with(odd, "/attributes/InterpolatedStreetAddress", json!("false"));
    let odd = without(odd, "/postalCode");
    let cxs = with(service(), "/commit/dateDetail", json!({ "dayCxsFormat": "2026-06-17T17:00:00" }));
    let days = without(service(), "/commit");
    for (tool, arguments, output) in [
        (
            "fedex_track_multiple",
            json!({ "tracking_numbers": [A, B] }),
            json!({ "completeTrackResults": [of(A, &[shipment(A)]), of(B, &[late, failed])], "alerts": alerts }),
        ),
        ("fedex_validate_address", headquarters(), json!({ "resolvedAddresses": [odd], "alerts": alerts })),
        (
            "fedex_get_rates",
            parcel(),
            json!({ "rateReplyDetails": [service(), cxs, days], "quoteDate": "2026-06-15", "alerts": alerts }),
        ),
    ] {
        let body = json!({ "transactionId": "SECRET", "output": output });
        let clean = kept(&body);
        assert!(body.to_string().contains(PRIVATE) && !clean.to_string().contains(PRIVATE), "{tool}: {clean}");
        let whole = call(tool, arguments.clone(), reply(200, &body.to_string())).unwrap();
        let kept = call(tool, arguments, reply(200, &clean.to_string())).unwrap();
        assert_eq!(kept, whole, "{tool}");
        assert!(!whole.data.to_string().contains(PRIVATE) && !whole.notes.join("").contains(PRIVATE), "{tool}");
    }
}

/// Whatever text an argument holds, it is one string of the body, whose other members are as always, or it is refused.
#[test]
fn text_in_an_argument_stays_text() {
    let long = "9".repeat(10_240);
    let hostile = [
        r#"1","countryCode":"XX"#,
        r#"}]}},{"#,
        "a\nb",
        "a\r\nX-Evil: 1",
        "a\0b",
        "../../oauth/token",
        "https://evil.test/",
        "{setting:FEDEX_HOST}",
        "ẞtraße 1 №5 😀",
        long.as_str(),
    ];
    let arguments = [
        ("fedex_track_shipment", "tracking_number"),
        ("fedex_get_shipment_events", "tracking_number"),
        ("fedex_track_multiple", "tracking_numbers"),
        ("fedex_validate_address", "street"),
        ("fedex_validate_address", "city"),
        ("fedex_validate_address", "state"),
        ("fedex_validate_address", "postal"),
        ("fedex_validate_address", "country"),
        ("fedex_get_rates", "origin_postal"),
        ("fedex_get_rates", "dest_postal"),
        ("fedex_get_rates", "origin_country"),
        ("fedex_get_rates", "dest_country"),
    ];
    for (tool, name) in arguments {
        let (_, good, _) = all().into_iter().find(|(known, ..)| *known == tool).unwrap();
        let body = |value: &str| {
            let value = if name == "tracking_numbers" { json!([value]) } else { json!(value) };
            let fake = set(Fake::answering(|_| fedex_error(400, "INVALID.INPUT.EXCEPTION")));
            let error = fake.call(TOOLS, tool, with(good.clone(), &format!("/{name}"), value)).unwrap_err();
            let sent = fake.sent().pop()?;
            assert!(matches!(error, ToolError::Upstream(_)), "{tool} {name}: {error:?}");
            assert!(sent.url.starts_with("https://apis.fedex.com/") && !sent.url.contains(['?', '#']), "{}", sent.url);
            Some(serde_json::from_slice::<Value>(&sent.body.unwrap()).unwrap())
        };
        let plain = body("AB").unwrap();
        for text in hostile {
            match body(text) {
                Some(sent) => assert_eq!(shape(&sent), shape(&plain), "{tool} {name}: {text}"),
                None => assert!(text.chars().any(char::is_control), "{tool} {name}: {text} was refused"),
            }
        }
    }
}

/// The pointers of all values.
fn shape(value: &Value) -> Vec<String> {
    let below = |name: String, value: &Value| shape(value).into_iter().map(move |rest| format!("/{name}{rest}"));
    match value {
        Value::Object(members) => members.iter().flat_map(|(name, value)| below(name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().flat_map(|(at, item)| below(at.to_string(), item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![String::new()],
    }
}

#[test]
fn the_definitions_say_the_limits_the_defaults_and_the_classes() {
    assert_eq!(TOOLS.len(), 5);
    for tool in TOOLS {
        let tool = tool.define();
        assert!(tool.name.starts_with("fedex_"));
        assert!(tool.annotations.read_only && !tool.annotations.destructive);
        assert_eq!(tool.input_schema["additionalProperties"], false);
        let output = tool.output_schema.expect("an output schema");
        assert_eq!((&output["type"], &output["additionalProperties"]), (&json!("object"), &json!(false)));
        let text = output.to_string();
        assert!(!text.contains("$ref") && !text.contains("uint"), "{text}");
    }
    let define = |tool: &str| TOOLS.iter().find(|entry| entry.name() == tool).unwrap().define();
    let input = |tool: &str| define(tool).input_schema["properties"].clone();
    let number = "^[A-Za-z0-9]{8,40}$";
    assert_eq!(input("fedex_track_shipment")["tracking_number"]["pattern"], number);
    let numbers = &input("fedex_track_multiple")["tracking_numbers"];
    assert_eq!((&numbers["minItems"], &numbers["maxItems"]), (&json!(1), &json!(300)));
    assert_eq!(numbers["items"]["pattern"], number);
    let weight = &input("fedex_get_rates")["weight_lb"];
    assert_eq!((&weight["exclusiveMinimum"], &weight["maximum"]), (&json!(0), &json!(150)));
    for (tool, country) in [
        ("fedex_validate_address", "country"),
        ("fedex_get_rates", "origin_country"),
        ("fedex_get_rates", "dest_country"),
    ] {
        assert_eq!(input(tool)[country]["default"], "US", "{tool} {country}");
    }
    for (tool, field) in [
        ("fedex_validate_address", "street"),
        ("fedex_validate_address", "city"),
        ("fedex_validate_address", "state"),
        ("fedex_validate_address", "postal"),
        ("fedex_get_rates", "origin_postal"),
        ("fedex_get_rates", "dest_postal"),
    ] {
        assert_eq!(input(tool)[field]["x-nexus-class"], "person", "{tool} {field}");
    }
    let events = define("fedex_get_shipment_events").output_schema.unwrap();
    let city = events.pointer("/properties/shipments/items/properties/events/items/properties/city").unwrap();
    assert_eq!(city["x-nexus-class"], "person");
}
