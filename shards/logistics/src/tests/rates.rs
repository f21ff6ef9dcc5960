//! What the tool for rates promises.

use nexus_shard::ToolError;
use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::testing::Fake;

use super::{PRIVATE, TOOLS, all, call, fedex_error, output, parcel, quoted, service, set, with, without};

#[test]
fn rates_are_told_for_each_service_and_kind() {
    let ground = without(with(service(), "/serviceType", json!("SMART_POST")), "/commit");
    let ground = without(ground, "/operationalDetail");
    let fake = set(Fake::replies([quoted(&[service(), ground])]));
    let seen = fake.call(TOOLS, "fedex_get_rates", parcel()).unwrap();
    let sent: Value = serde_json::from_slice(&fake.sent().remove(0).body.unwrap()).unwrap();
    let party = |postal: &str| json!({ "address": { "postalCode": postal, "countryCode": "US" } });
    assert_eq!(
        sent,
        json!({
            "accountNumber": { "value": "700001234" },
            "rateRequestControlParameters": { "returnTransitTimes": true },
            "requestedShipment": {
                "shipper": party("80202"), "recipient": party("60601"), "pickupType": "DROPOFF_AT_FEDEX_LOCATION",
                "rateRequestType": ["ACCOUNT", "LIST"],
                "requestedPackageLineItems": [{ "weight": { "units": "LB", "value": 5.5 } }],
            },
        })
    );
    let price =
        |kind: &str, amount: &str| json!({ "rate_type": kind, "total": { "amount": amount, "currency": "USD" } });
    let prices = json!([price("ACCOUNT", "27.18"), price("LIST", "33.1")]);
    assert_eq!(
        seen.data,
        json!({
            "quote_date": "2026-06-15",
            "services": [
                {
                    "service_type": "FEDEX_2_DAY", "service_name": "FedEx 2Day®", "prices": prices, "transit_days": 2,
                    "delivery_date": "2026-06-17", "delivery_by": "17:00",
                },
                {
                    "service_type": "SMART_POST", "service_name": "FedEx 2Day®", "prices": prices,
                    "transit_days": null, "delivery_date": null, "delivery_by": null,
                },
            ],
        })
    );
    assert!(seen.complete);
    assert_eq!(seen.notes, ["FedEx commits to no day of delivery for 1 of the services"]);
}

#[test]
fn a_commitment_is_read_in_each_form_and_transit_times_are_counted() {
    for (commit, days, date, by) in [
        (
            json!({ "dateDetail": { "dayCxsFormat": "2026-06-17T08:30:00" } }),
            json!(2),
            json!("2026-06-17"),
            json!("08:30"),
        ),
        (json!({ "dateDetail": { "dayFormat": "2026-06-17" } }), json!(2), json!("2026-06-17"), Value::Null),
        (json!({ "transitDays": { "minimumTransitTime": "TWENTY_DAYS" } }), json!(20), Value::Null, Value::Null),
        (json!({ "transitDays": { "minimumTransitTime": "UNKNOWN" } }), Value::Null, Value::Null, Value::Null),
    ] {
        let row = with(service(), "/commit", commit);
        let seen = call("fedex_get_rates", parcel(), quoted(&[row])).unwrap();
        let told = ["transit_days", "delivery_date", "delivery_by"].map(|key| &seen.data["services"][0][key]);
        assert_eq!(told, [&days, &date, &by]);
    }
    let row = with(service(), "/commit/dateDetail/dayFormat", json!("Wednesday"));
    let error = call("fedex_get_rates", parcel(), quoted(&[row])).unwrap_err();
    assert_eq!(error, ToolError::upstream("FedEx told a day of delivery that is none"));
}

#[test]
fn money_is_exact_and_in_the_currency_codes_of_iso() {
    for (amount, currency, expected) in [
        (json!(1234.5), "UKL", json!({ "amount": "1234.5", "currency": "GBP" })),
        (json!(6_280_821), "JYE", json!({ "amount": "6280821", "currency": "JPY" })),
        (json!(0.1), "EUR", json!({ "amount": "0.1", "currency": "EUR" })),
    ] {
        let row = with(service(), "/ratedShipmentDetails/0/totalNetCharge", amount);
        let row = with(row, "/ratedShipmentDetails/0/currency", json!(currency));
        let seen = call("fedex_get_rates", parcel(), quoted(&[row])).unwrap();
        assert_eq!(seen.data["services"][0]["prices"][0]["total"], expected);
    }
    for (row, says) in [
        (without(service(), "/ratedShipmentDetails/0/currency"), "without its currency"),
        (with(service(), "/ratedShipmentDetails/0/currency", json!("SECRET")), "currency"),
        (without(service(), "/ratedShipmentDetails/0/totalNetCharge"), "no totalNetCharge"),
        (with(service(), "/ratedShipmentDetails/0/totalNetCharge", json!("SECRET")), "totalNetCharge"),
    ] {
        let error = call("fedex_get_rates", parcel(), quoted(&[row])).unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains(says), "{error:?}");
        assert!(!error.text().contains(PRIVATE), "{error}");
    }
}

#[test]
fn no_service_another_account_and_silence_are_three_things() {
    let alerts = json!([{ "code": "ORIGINZIPCODE.SERVICE.ERROR", "alertType": "NOTE", "message": "SECRET" }]);
    for none in [json!({ "rateReplyDetails": [], "alerts": alerts }), json!({ "alerts": alerts })] {
        let error = call("fedex_get_rates", parcel(), output(&none)).unwrap_err();
        assert!(
            matches!(&error, ToolError::NotFound(text) if text.ends_with("(ORIGINZIPCODE.SERVICE.ERROR)")),
            "{error:?}"
        );
    }
    let error = call("fedex_get_rates", parcel(), fedex_error(400, "RATE.LOCATION.NOSERVICE")).unwrap_err();
    assert!(matches!(error, ToolError::NotFound(_)), "{error:?}");
    let error = call("fedex_get_rates", parcel(), quoted(&[])).unwrap_err();
    assert_eq!(error, ToolError::upstream("FedEx told neither a rate nor why there is none"));
    let error = call("fedex_get_rates", parcel(), fedex_error(400, "ACCOUNT.NUMBER.MISMATCH")).unwrap_err();
    assert!(matches!(&error, ToolError::Refused(text) if text.contains("FEDEX_ACCOUNT_NUMBER")), "{error:?}");
}

#[test]
fn rates_alone_need_the_account_number() {
    for (tool, arguments, answer) in all() {
        let fake = Fake::replies([answer]).setting("FEDEX_HOST", "apis.fedex.com").setting("FEDEX_ACCOUNT_NUMBER", "");
        let seen = fake.call(TOOLS, tool, arguments);
        if tool == "fedex_get_rates" {
            let error = seen.unwrap_err();
            assert!(matches!(&error, ToolError::Refused(text) if text.contains("FEDEX_ACCOUNT_NUMBER")), "{error:?}");
            assert!(fake.sent().is_empty());
        } else {
            seen.unwrap();
        }
    }
}

#[test]
fn a_weight_that_is_none_is_not_sent() {
    for weight in [0.0, -1.0, 150.5, 1e9] {
        let fake = set(Fake::replies([quoted(&[service()])]));
        let arguments = json!({ "origin_postal": "80202", "dest_postal": "60601", "weight_lb": weight });
        let error = fake.call(TOOLS, "fedex_get_rates", arguments).unwrap_err();
        assert!(matches!(error, ToolError::InvalidArguments(_)), "{weight}: {error:?}");
        assert!(fake.sent().is_empty(), "{weight}");
    }
    for weight in [0.01, 150.0] {
        let fake = set(Fake::replies([quoted(&[service()])]));
        let arguments = json!({ "origin_postal": "80202", "dest_postal": "60601", "weight_lb": weight });
        fake.call(TOOLS, "fedex_get_rates", arguments).unwrap();
        assert_eq!(fake.sent().len(), 1, "{weight}");
    }
}
