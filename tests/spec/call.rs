//! One tool call, end to end, in mock mode.

use serde_json::json;

use crate::support::Nexus;

#[test]
fn a_call_answers_with_data_where_it_is_from_and_where_it_is_on_record() {
    let nexus = Nexus::identity();
    let called = nexus.call("entra_get_user", json!({ "user_id_or_upn": "alice.johnson@nexus.corp" }));
    assert_eq!(called.data()["display_name"], "Alice Johnson");
    assert_eq!(called.answer["source"], "mock");
    assert_eq!(called.answer["as_of"], "2026-06-15T09:00:00Z");
    assert_eq!(called.answer["complete"], true);
    let crossings = called.answer["crossings"].as_array().unwrap();
    assert_eq!(crossings.len(), 1, "{crossings:?}");
    assert_eq!(crossings[0]["destination"], "GET https://graph.microsoft.com/v1.0/users/{id}");
    let position = called.answer["ledger_position"].as_u64().unwrap();
    let line = nexus.ledger().into_iter().find(|line| line["seq"] == position).unwrap();
    assert_eq!(line["event_id"], called.answer["event_id"]);
    assert_eq!(line["phase"], "ended");
    assert_eq!(line["status"], "success");
}

#[test]
fn not_found_is_an_error_and_never_an_empty_result() {
    let nexus = Nexus::identity();
    let called = nexus.call("entra_get_user", json!({ "user_id_or_upn": "nobody@nexus.corp" }));
    assert_eq!(called.error(), "not-found");
}

#[test]
fn arguments_that_break_the_schema_never_reach_the_guest() {
    let nexus = Nexus::identity();
    for arguments in [
        json!({ "limit": 0 }),
        json!({ "limit": -1 }),
        json!({ "limit": 1.5 }),
        json!({ "limit": "5" }),
        json!({ "limit": 99_999_999 }),
        json!({ "limt": 5 }),
    ] {
        let called = nexus.call("entra_list_users", arguments.clone());
        assert_eq!(called.error(), "invalid-arguments", "{arguments}");
        assert_eq!(called.answer["crossings"], json!([]), "{arguments}");
    }
}
