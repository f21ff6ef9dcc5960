//! What the tools that track promise.

use std::cell::Cell;
use std::rc::Rc;

use nexus_shard::ToolError;
use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::testing::Fake;

use super::{
    A, B, C, NOT_FOUND, TOOLS, call, failed, fedex_error, no_data, of, output, set, shipment, tracked, with, without,
};

#[test]
fn a_shipment_is_told_with_its_dates_and_all_its_scans_the_newest_first() {
    let seen =
        call("fedex_track_shipment", json!({ "tracking_number": A }), tracked(&[of(A, &[shipment(A)])])).unwrap();
    assert!(seen.complete && seen.notes.is_empty(), "{:?}", seen.notes);
    let place = json!({ "city": "DENVER", "state": "CO", "country": "US" });
    let event = |at: &str, kind: &str, place: &Value| {
        json!({
            "at": at, "type": kind, "description": "Scanned", "exception_code": null,
            "city": place["city"], "state": place["state"], "country": place["country"],
        })
    };
    // By the clocks on the wall the scan of 22:55 comes after that of 22:20, which is an hour further west.
    let events = json!([
        event("2026-06-09T16:12:00Z", "DL", &place),
        event("2026-06-09T04:20:00Z", "AR", &json!({ "country": "US" })),
        event("2026-06-09T03:55:00Z", "DP", &place),
    ]);
    assert_eq!(
        seen.data,
        json!({
            "tracking_number": A,
            "shipments": [{
                "tracking_number": A, "shipment_id": format!("12026~{A}~FDEG"), "carrier_code": "FDXG",
                "status": "delivered", "status_code": "DL", "status_description": "Delivered",
                "service_type": "FEDEX_GROUND", "service_name": "FedEx Ground", "ship_date": "2026-06-05",
                "estimated_delivery": null, "estimated_delivery_date": null,
                "actual_delivery": "2026-06-09T16:12:00Z", "actual_delivery_date": "2026-06-09",
                "events": events,
            }],
        })
    );
    let answer = tracked(&[of(A, &[shipment(A)])]);
    let seen = call("fedex_get_shipment_events", json!({ "tracking_number": A }), answer).unwrap();
    let shipment = json!({ "shipment_id": format!("12026~{A}~FDEG"), "ship_date": "2026-06-05", "events": events });
    assert_eq!(seen.data, json!({ "tracking_number": A, "shipments": [shipment] }));
}

#[test]
fn a_status_comes_from_the_code_and_only_then_from_the_derived_code() {
    for (code, derived, expected) in [
        (Some("OC"), Some("IN"), "created"),
        (Some("PU"), Some("PU"), "picked_up"),
        (Some("IT"), Some("IT"), "in_transit"),
        (Some("DP"), Some("IT"), "in_transit"),
        (Some("HL"), Some("HL"), "in_transit"),
        (Some("OD"), Some("IT"), "out_for_delivery"),
        (Some("DL"), Some("DL"), "delivered"),
        (Some("DE"), Some("DE"), "exception"),
        (Some("RS"), Some("DL"), "exception"),
        (Some("CA"), Some("CA"), "cancelled"),
        (Some("ZZ"), Some("IT"), "in_transit"),
        (Some("ZZ"), Some("YY"), "unknown"),
        (Some(""), None, "unknown"),
        (None, Some("DL"), "delivered"),
        (None, None, "unknown"),
    ] {
        let row = with(shipment(A), "/latestStatusDetail", json!({ "code": code, "derivedCode": derived }));
        let answer = tracked(&[of(A, &[row])]);
        let seen = call("fedex_track_shipment", json!({ "tracking_number": A }), answer).unwrap();
        let shipment = &seen.data["shipments"][0];
        assert_eq!(shipment["status"], expected, "{code:?} {derived:?}");
        let told = code.filter(|code| !code.is_empty()).or(derived);
        assert_eq!(shipment["status_code"], json!(told), "{code:?} {derived:?}");
    }
}

#[test]
fn a_day_without_a_time_or_an_offset_is_a_day_and_no_point_in_time() {
    for (text, at, day) in [
        ("2026-06-16T15:30:00-06:00", json!("2026-06-16T21:30:00Z"), json!("2026-06-16")),
        ("2026-06-16T23:30:00-06:00", json!("2026-06-17T05:30:00Z"), json!("2026-06-16")),
        ("2026-06-16T15:30:00", Value::Null, json!("2026-06-16")),
        ("2026-06-16T00:00:00-06:00", Value::Null, json!("2026-06-16")),
        ("2026-06-16", Value::Null, json!("2026-06-16")),
        ("", Value::Null, Value::Null),
    ] {
        let dates =
            json!([{ "type": "COMMITMENT", "dateTime": "" }, { "type": "ESTIMATED_DELIVERY", "dateTime": text }]);
        let answer = tracked(&[of(A, &[with(shipment(A), "/dateAndTimes", dates)])]);
        let seen = call("fedex_track_shipment", json!({ "tracking_number": A }), answer).unwrap();
        let shipment = &seen.data["shipments"][0];
        assert_eq!((&shipment["estimated_delivery"], &shipment["estimated_delivery_date"]), (&at, &day), "{text}");
        assert_eq!((&shipment["ship_date"], &shipment["actual_delivery_date"]), (&Value::Null, &Value::Null));
    }
    for text in ["tomorrow", "2026-02-30", "06/16/2026"] {
        let dates = json!([{ "type": "ESTIMATED_DELIVERY", "dateTime": text }]);
        let answer = tracked(&[of(A, &[with(shipment(A), "/dateAndTimes", dates)])]);
        let error = call("fedex_track_shipment", json!({ "tracking_number": A }), answer).unwrap_err();
        assert_eq!(error, ToolError::upstream("FedEx told a date that is none"), "{text}");
    }
}

#[test]
fn a_shipment_that_lacks_what_was_asked_for_or_is_another_one_is_an_error() {
    for (row, says) in [
        (without(shipment(A), "/scanEvents"), "without its scans"),
        (without(shipment(A), "/latestStatusDetail"), "without its status"),
        (without(shipment(A), "/trackingNumberInfo"), "without its number"),
        (without(shipment(A), "/scanEvents/0/date"), "scanEvents[0] (no date)"),
        (with(shipment(A), "/scanEvents/0/date", json!("2026-06-09T10:12:00")), "scanEvents[0].date"),
        (without(shipment(A), "/scanEvents/0/eventType"), "scanEvents[0] (no eventType)"),
        (shipment(B), "of another tracking number"),
    ] {
        let answer = tracked(&[of(A, &[row])]);
        let error = call("fedex_get_shipment_events", json!({ "tracking_number": A }), answer).unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains(says), "{says}: {error:?}");
    }
    let bare = without(shipment(A), "/scanEvents/0/scanLocation");
    let seen = call("fedex_get_shipment_events", json!({ "tracking_number": A }), tracked(&[of(A, &[bare])])).unwrap();
    assert_eq!(seen.data["shipments"][0]["events"][2]["country"], Value::Null);
}

#[test]
fn an_unknown_number_a_failure_and_an_answer_about_another_number_are_three_things() {
    for tool in ["fedex_track_shipment", "fedex_get_shipment_events"] {
        let get = |answer| call(tool, json!({ "tracking_number": A }), answer).unwrap_err();
        assert_eq!(
            get(tracked(&[of(A, &[failed(A, NOT_FOUND)])])),
            ToolError::not_found(format!("FedEx has no shipment with this tracking number ({NOT_FOUND})"))
        );
        let silent = get(output(&json!({ "alerts": no_data() })));
        assert!(matches!(&silent, ToolError::NotFound(text) if text.contains("TRACKING.DATA.NOTFOUND")), "{silent:?}");
        let (longest, longer) = ("C".repeat(80), "C".repeat(81));
        for (answer, says) in [
            (tracked(&[of(A, &[failed(A, "TRACKING.TRACKINGNUMBER.INVALID")])]), "TRACKING.TRACKINGNUMBER.INVALID"),
            (tracked(&[of(A, &[failed(A, &longest)])]), longest.as_str()),
            (tracked(&[of(A, &[failed(A, &longer)])]), "UNREADABLE.CODE"),
            (tracked(&[of(A, &[failed(A, NOT_FOUND), failed(A, "SYSTEM.UNAVAILABLE")])]), "SYSTEM.UNAVAILABLE"),
            (tracked(&[of(A, &[failed(A, "SECRET St")])]), "UNREADABLE.CODE"),
            (tracked(&[of(B, &[failed(B, NOT_FOUND)])]), "was not asked for"),
            (tracked(&[of(A, &[])]), "neither a shipment nor an error"),
            (tracked(&[]), "left out 1 of 1"),
            (
                output(&json!({ "alerts": [{ "code": "OTHER.ALERT" }] })),
                "left out 1 of 1 tracking numbers (OTHER.ALERT)",
            ),
        ] {
            let error = get(answer);
            assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains(says), "{says}: {error:?}");
        }
    }
}

#[test]
fn a_number_that_was_used_again_has_all_its_shipments_and_what_is_missing_is_told() {
    let old = with(shipment(C), "/trackingNumberInfo/trackingNumberUniqueId", json!("11111~1~FX"));
    let answer = tracked(&[of(C, &[old.clone(), shipment(C)])]);
    let seen = call("fedex_track_shipment", json!({ "tracking_number": C }), answer).unwrap();
    let ids: Vec<&Value> = seen.data["shipments"].as_array().unwrap().iter().map(|row| &row["shipment_id"]).collect();
    assert_eq!(ids, [&json!("11111~1~FX"), &json!(format!("12026~{C}~FDEG"))]);
    assert!(seen.complete && seen.notes[0].contains("for 2 shipments"), "{:?}", seen.notes);

    let answer = tracked(&[of(C, std::slice::from_ref(&old)), of(C, &[failed(C, "SYSTEM.UNAVAILABLE")])]);
    let seen = call("fedex_get_shipment_events", json!({ "tracking_number": C }), answer).unwrap();
    assert_eq!(seen.data["shipments"].as_array().unwrap().len(), 1);
    assert!(!seen.complete && seen.notes[0].contains("SYSTEM.UNAVAILABLE"), "{:?}", seen.notes);
}

#[test]
fn a_mixed_batch_has_an_outcome_for_each_number_in_the_order_given() {
    let (unknown, broken, silent) = ("111111111111", "222222222222", "333333333333");
    let fake = set(Fake::replies([output(&json!({
        "completeTrackResults": [
            of(C, &[shipment(C), failed(C, "SYSTEM.UNAVAILABLE")]),
            of(broken, &[failed(broken, "SYSTEM.UNAVAILABLE")]),
            of(A, &[shipment(A)]),
            of(unknown, &[failed(unknown, NOT_FOUND)]),
        ],
        "alerts": no_data(),
    }))]));
    let numbers = json!([A, unknown, broken, C, silent, A]);
    let seen = fake.call(TOOLS, "fedex_track_multiple", json!({ "tracking_numbers": numbers })).unwrap();
    let rows: Vec<Value> = seen.data["numbers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let shipments = row["shipments"].as_array().unwrap().len();
            json!([row["tracking_number"], row["outcome"], row["error_code"], shipments])
        })
        .collect();
    assert_eq!(
        json!(rows),
        json!([
            [A, "found", null, 1],
            [unknown, "not_found", NOT_FOUND, 0],
            [broken, "error", "SYSTEM.UNAVAILABLE", 0],
            [C, "found", "SYSTEM.UNAVAILABLE", 1],
            [silent, "not_found", "TRACKING.DATA.NOTFOUND", 0],
            [A, "found", null, 1],
        ])
    );
    let counts = ["found", "not_found", "failed"].map(|key| &seen.data[key]);
    assert_eq!(counts, [&json!(3), &json!(2), &json!(1)]);
    assert!(!seen.complete);
    assert_eq!(
        seen.notes,
        [
            "FedEx could not track 1 of 6 numbers: error_code says why",
            "FedEx has more on 1 of 6 numbers and could not show it: error_code says why",
            "FedEx adds an alert: TRACKING.DATA.NOTFOUND",
        ]
    );
    assert_eq!(asked(&fake), [vec![A, unknown, broken, C, silent]]);
}

/// The numbers of each request.
fn asked(fake: &Fake) -> Vec<Vec<String>> {
    let numbers = |body: Vec<u8>| {
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["includeDetailedScans"], true);
        let number = |info: &Value| info["trackingNumberInfo"]["trackingNumber"].as_str().unwrap().to_owned();
        body["trackingInfo"].as_array().unwrap().iter().map(number).collect()
    };
    fake.sent().into_iter().map(|request| numbers(request.body.unwrap())).collect()
}

/// Finds every number that it is asked for, but fails the request `fails` (from 0).
fn finds_all(fails: Option<usize>) -> Fake {
    let at = Rc::new(Cell::new(0));
    set(Fake::answering(move |request| {
        let now = at.replace(at.get() + 1);
        if fails == Some(now) {
            return fedex_error(503, "SERVICE.UNAVAILABLE.ERROR");
        }
        let body: Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
        let found = |info: &Value| {
            let number = info["trackingNumberInfo"]["trackingNumber"].as_str().unwrap();
            of(number, &[shipment(number)])
        };
        // In any order: what belongs together is told by the number.
        tracked(&body["trackingInfo"].as_array().unwrap().iter().rev().map(found).collect::<Vec<_>>())
    }))
}

#[test]
fn numbers_are_asked_in_batches_of_thirty_each_once_and_one_failed_batch_fails_the_call() {
    let numbers: Vec<String> = (0..61).map(|n| format!("7761267{n:05}")).collect();
    let twice: Vec<String> = numbers.iter().chain(&numbers[..2]).cloned().collect();
    let fake = finds_all(None);
    let seen = fake.call(TOOLS, "fedex_track_multiple", json!({ "tracking_numbers": twice })).unwrap();
    assert!(seen.complete);
    let told: Vec<&str> =
        seen.data["numbers"].as_array().unwrap().iter().map(|row| row["tracking_number"].as_str().unwrap()).collect();
    assert_eq!(told, twice);
    assert_eq!(asked(&fake).iter().map(Vec::len).collect::<Vec<_>>(), [30, 30, 1]);
    assert_eq!(asked(&fake).concat(), numbers);

    for fails in 0..3 {
        let fake = finds_all(Some(fails));
        let error = fake.call(TOOLS, "fedex_track_multiple", json!({ "tracking_numbers": numbers })).unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)), "{error:?}");
        assert_eq!(fake.sent().len(), fails + 1);
    }
}

#[test]
fn capitals_make_no_other_number() {
    let fake = finds_all(None);
    let numbers = json!(["dt123456789012", "DT123456789012"]);
    let seen = fake.call(TOOLS, "fedex_track_multiple", json!({ "tracking_numbers": numbers })).unwrap();
    assert_eq!(asked(&fake), [vec!["DT123456789012"]]);
    assert_eq!(seen.data["found"], 2);
    assert_eq!(seen.data["numbers"][0]["tracking_number"], "dt123456789012");
}

#[test]
fn the_sandbox_is_told_from_the_real_thing() {
    let alerts = json!([{ "code": "VIRTUAL.RESPONSE", "message": "This is a Virtual Response." }]);
    let answer = output(&json!({ "completeTrackResults": [of(A, &[shipment(A)])], "alerts": alerts }));
    let seen = call("fedex_track_shipment", json!({ "tracking_number": A }), answer).unwrap();
    assert_eq!(seen.notes, ["the sandbox of FedEx made this answer up (VIRTUAL.RESPONSE)"]);
}
