//! What the tool for addresses promises.

use nexus_shard::ToolError;
use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::testing::Fake;

use super::{PRIVATE, TOOLS, address, call, fedex_error, headquarters, resolved, set, with, without};

#[test]
fn an_address_is_told_as_fedex_resolved_it() {
    let fake = set(Fake::replies([resolved(&[address()])]));
    let seen = fake.call(TOOLS, "fedex_validate_address", headquarters()).unwrap();
    let sent: Value = serde_json::from_slice(&fake.sent().remove(0).body.unwrap()).unwrap();
    let asked = json!({
        "streetLines": ["410 Platform Way, Suite 300"], "city": "Denver", "stateOrProvinceCode": "CO",
        "postalCode": "80202", "countryCode": "US",
    });
    assert_eq!(sent, json!({ "addressesToValidate": [{ "address": asked }] }));
    assert_eq!(
        seen.data,
        json!({
            "status": "standardized", "street_lines": ["410 PLATFORM WAY STE 300"], "city": "DENVER", "state": "CO",
            "postal_code": "80202-5117", "country": "US", "classification": "business", "messages": [],
            "attributes": {
                "address_type": "STANDARDIZED", "precision": "MULTI_TENANT_UNIT", "is_matched": true,
                "is_resolved": true, "is_delivery_point": true, "has_multiple_matches": false,
                "is_suite_missing": false, "is_suite_invalid": false, "is_interpolated": null, "is_po_box": false,
            },
        })
    );
}

#[test]
fn an_address_is_standardized_only_if_nothing_speaks_against_it() {
    let message = |code: &str| with(address(), "/customerMessages", json!([{ "code": code, "message": "SECRET" }]));
    let attribute = |name: &str, value: Value| with(address(), &format!("/attributes/{name}"), value);
    let abroad = |row: Value| with(row, "/countryCode", json!("DE"));
    let unmatched = with(attribute("AddressType", json!("NORMALIZED")), "/classification", json!("UNKNOWN"));
    for (row, expected) in [
        (attribute("DPV", json!(true)), "standardized"),
        (attribute("DPV", json!("false")), "unconfirmed"),
        (without(address(), "/attributes/DPV"), "unconfirmed"),
        (abroad(attribute("DPV", json!("false"))), "standardized"),
        (abroad(without(address(), "/attributes/Resolved")), "standardized"),
        (message("SUITE.NUMBER.REQUIRED"), "unconfirmed"),
        (message("INTERPOLATED.STREET.ADDRESS"), "unconfirmed"),
        (message("A.NEW.MESSAGE"), "unconfirmed"),
        (attribute("SuiteRequiredButMissing", json!("true")), "unconfirmed"),
        (attribute("InvalidSuiteNumber", json!(true)), "unconfirmed"),
        (attribute("InterpolatedStreetAddress", json!("true")), "unconfirmed"),
        (message("MISSING.OR.AMBIGUOUS.DIRECTIONAL"), "ambiguous"),
        (attribute("MultipleMatches", json!("true")), "ambiguous"),
        (message("STANDARDIZED.ADDRESS.NOTFOUND"), "not_matched"),
        (attribute("Matched", json!("false")), "not_matched"),
        (attribute("Resolved", json!(false)), "not_matched"),
        (unmatched, "not_matched"),
        (attribute("AddressType", json!("RAW")), "unsupported_country"),
        (attribute("CountrySupported", json!("false")), "unsupported_country"),
        (attribute("AddressType", json!("NEW")), "unknown"),
        (without(address(), "/attributes/Matched"), "standardized"),
        (with(address(), "/attributes", json!({ "AddressType": "STANDARDIZED" })), "unknown"),
        (with(address(), "/attributes", json!({})), "unknown"),
    ] {
        let seen = call("fedex_validate_address", headquarters(), resolved(std::slice::from_ref(&row))).unwrap();
        assert_eq!(seen.data["status"], expected, "{row}");
        assert!(!seen.data.to_string().contains(PRIVATE), "{row}");
    }
    let suite = with(message("SUITE.NUMBER.REQUIRED"), "/classification", json!("UNKNOWN"));
    let seen = call("fedex_validate_address", headquarters(), resolved(&[suite])).unwrap();
    assert_eq!(
        (&seen.data["classification"], &seen.data["messages"]),
        (&json!("unknown"), &json!(["SUITE.NUMBER.REQUIRED"]))
    );
}

#[test]
fn an_unknown_address_is_not_found_and_no_or_two_answers_for_one_are_errors() {
    let error =
        call("fedex_validate_address", headquarters(), fedex_error(400, "STANDARDIZED.ADDRESS.NOTFOUND")).unwrap_err();
    assert_eq!(error, ToolError::not_found("FedEx knows no such address (400 STANDARDIZED.ADDRESS.NOTFOUND)"));
    for (rows, says) in [(vec![], "0 addresses for one"), (vec![address(), address()], "2 addresses for one")] {
        let error = call("fedex_validate_address", headquarters(), resolved(&rows)).unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains(says), "{error:?}");
    }
    for member in ["/streetLinesToken", "/classification", "/attributes"] {
        let error =
            call("fedex_validate_address", headquarters(), resolved(&[without(address(), member)])).unwrap_err();
        let says = format!("resolvedAddresses[0] (no {})", &member[1..]);
        assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains(&says), "{error:?}");
    }
}

#[test]
fn a_country_without_states_has_none() {
    let fake = set(Fake::replies([resolved(&[address()])]));
    let arguments = json!({ "street": "Am Markt 1", "city": "Bonn", "state": "", "postal": "53111", "country": "de" });
    fake.call(TOOLS, "fedex_validate_address", arguments).unwrap();
    let sent: Value = serde_json::from_slice(&fake.sent().remove(0).body.unwrap()).unwrap();
    let address = &sent["addressesToValidate"][0]["address"];
    assert_eq!((&address["countryCode"], address.get("stateOrProvinceCode")), (&json!("DE"), None));
}
