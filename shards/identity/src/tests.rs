//! What the `entra_` tools promise, with a stand-in for Microsoft Graph. The `ad_` tools have their own file.

mod ad;

use super::TOOLS;
use nexus_shard::serde_json::{Value, json};
use nexus_shard::testing::{Fake, Seen, reply};
use nexus_shard::{RawRequest, Refusal, Reply, ToolError};

const ID: &str = "11111111-2222-3333-4444-555555555555";
const GRAPH: &str = "https://graph.microsoft.com/v1.0/";

fn user(id: u32) -> Value {
    json!({
        "id": format!("00000000-0000-0000-0000-{id:012}"),
        "userPrincipalName": "alice.johnson@nexus.corp",
        "displayName": "Alice Johnson",
        "mail": "alice.johnson@nexus.corp",
        "jobTitle": "Engineer",
        "department": "Engineering",
        "accountEnabled": true,
        "employeeId": "EMP-1001",
        "userType": "Member",
        "createdDateTime": "2020-01-01T00:00:00Z",
        "onPremisesSyncEnabled": null,
        "onPremisesSamAccountName": null,
        "onPremisesSecurityIdentifier": null,
        "assignedLicenses": [{ "skuId": ID, "disabledPlans": [] }],
    })
}

fn with(mut row: Value, key: &str, value: Value) -> Value {
    row[key] = value;
    row
}

fn without(mut row: Value, key: &str) -> Value {
    row.as_object_mut().unwrap().remove(key);
    row
}

fn page(rows: &[Value]) -> Result<Reply, Refusal> {
    reply(200, &json!({ "@odata.context": "c", "value": rows }).to_string())
}

fn linked(rows: &[Value], next: &str) -> Result<Reply, Refusal> {
    reply(200, &json!({ "value": rows, "@odata.nextLink": format!("{GRAPH}{next}") }).to_string())
}

fn graph_error(status: u16, code: &str) -> Result<Reply, Refusal> {
    reply(status, &json!({ "error": { "code": code, "message": "SECRET at https://internal.test/" } }).to_string())
}

fn call(fake: &Fake, tool: &str, arguments: Value) -> Result<Seen, ToolError> {
    fake.call(TOOLS, tool, arguments)
}

fn urls(fake: &Fake) -> Vec<String> {
    fake.sent().into_iter().map(|request| request.url.strip_prefix(GRAPH).expect("Graph").to_owned()).collect()
}

/// The smallest arguments of each tool, and what its collection is called in the result.
const ALL: [(&str, &str, &str); 7] = [
    ("entra_list_users", "{}", "users"),
    ("entra_list_groups", "{}", "groups"),
    ("entra_get_group_members", r#"{"group_id":"11111111-2222-3333-4444-555555555555"}"#, "members"),
    ("entra_list_service_principals", "{}", "service_principals"),
    ("entra_get_conditional_access_policies", "{}", "policies"),
    ("entra_get_signin_logs", "{}", "sign_ins"),
    ("entra_get_risky_users", "{}", "risky_users"),
];

fn arguments(text: &str) -> Value {
    nexus_shard::serde_json::from_str(text).unwrap()
}

#[test]
fn an_empty_collection_is_empty_and_every_failure_is_an_error() {
    for (tool, args, rows) in ALL {
        let seen = call(&Fake::replies([page(&[])]), tool, arguments(args)).unwrap();
        assert_eq!(seen.data[rows], json!([]), "{tool}");
        assert!(seen.complete && seen.notes.is_empty(), "{tool}");

        for (answer, expected) in [
            (graph_error(403, "Authorization_RequestDenied"), "403 Authorization_RequestDenied"),
            (graph_error(401, "InvalidAuthenticationToken"), "401 InvalidAuthenticationToken"),
            (graph_error(400, "BadRequest"), "400 BadRequest"),
            (graph_error(501, "NotImplemented"), "501 NotImplemented"),
            (reply(503, "<html>SECRET</html>"), "503"),
            (reply(204, ""), "204"),
            (reply(200, "<html>SECRET</html>"), "not JSON"),
            (reply(200, r#"{"value":[{"SECRET":1}]}"#), "value[0]"),
            (Err(Refusal::Timeout), "timeout"),
            (Err(Refusal::Credential), "credential"),
        ] {
            let error = call(&Fake::replies([answer]), tool, arguments(args)).unwrap_err();
            assert!(error.text().contains(expected), "{tool}: {error}");
            assert!(!error.text().contains("SECRET"), "{tool}: {error}");
            assert!(!matches!(error, ToolError::NotFound(_)), "{tool}: {error}");
        }
    }
}

#[test]
fn a_refusal_names_the_permission_it_takes() {
    for (tool, args, permission) in [
        ("entra_list_users", "{}", "User.Read.All"),
        ("entra_get_user", r#"{"user_id_or_upn":"a@b"}"#, "User.Read.All"),
        ("entra_list_groups", "{}", "GroupMember.Read.All"),
        ("entra_get_group_members", ALL[2].1, "GroupMember.Read.All and User.Read.All"),
        ("entra_list_service_principals", "{}", "Application.Read.All"),
        ("entra_get_conditional_access_policies", "{}", "Policy.Read.All"),
        ("entra_get_signin_logs", "{}", "AuditLog.Read.All and the tenant an Entra ID P1 or P2 licence"),
        ("entra_get_risky_users", "{}", "IdentityRiskyUser.Read.All and the tenant an Entra ID P2 licence"),
    ] {
        let error = call(&Fake::replies([graph_error(403, "Forbidden")]), tool, arguments(args)).unwrap_err();
        let ToolError::Refused(text) = error else { panic!("{tool}: {error:?}") };
        assert!(text.contains(permission), "{tool}: {text}");
    }
}

#[test]
fn every_request_names_its_fields_and_the_credential() {
    for (tool, args, _) in ALL {
        let fake = Fake::replies([page(&[])]);
        call(&fake, tool, arguments(args)).unwrap();
        let sent: RawRequest = fake.sent().remove(0);
        assert_eq!(sent.method, "GET");
        assert_eq!(sent.credential.as_deref(), Some("graph"));
        assert_eq!(sent.url.contains("$select="), tool != "entra_get_signin_logs", "{}", sent.url);
        assert!(!sent.url.contains("$orderby"));
    }
}

#[test]
fn a_limit_is_reached_over_pages_and_the_result_says_whether_there_is_more() {
    let rows: Vec<Value> = (0..999).map(user).collect();
    let fake = Fake::replies([linked(&rows, "users?$skiptoken=a"), linked(&[], "users?$skiptoken=b"), page(&rows)]);
    let seen = call(&fake, "entra_list_users", json!({ "limit": 1500 })).unwrap();
    assert_eq!(seen.data["users"].as_array().unwrap().len(), 1500);
    assert!(!seen.complete);
    assert_eq!(seen.notes, ["there are more users: only the first 1500 are returned, as limited"]);
    assert!(urls(&fake)[0].ends_with("&$top=999"), "{:?}", urls(&fake));
    assert_eq!(urls(&fake)[1..], ["users?$skiptoken=a", "users?$skiptoken=b"]);

    // The default is 100, and one row more tells in one request whether there are more.
    let fake = Fake::replies([page(&rows[..100])]);
    let seen = call(&fake, "entra_list_users", json!({})).unwrap();
    assert!(seen.complete);
    assert!(urls(&fake)[0].ends_with("&$top=101"), "{:?}", urls(&fake));
}

#[test]
fn a_user_is_told_as_it_is() {
    let seen = call(&Fake::replies([page(&[user(7)])]), "entra_list_users", json!({})).unwrap();
    assert_eq!(
        seen.data["users"][0],
        json!({
            "id": "00000000-0000-0000-0000-000000000007",
            "user_principal_name": "alice.johnson@nexus.corp",
            "display_name": "Alice Johnson",
            "email": "alice.johnson@nexus.corp",
            "employee_id": "EMP-1001",
            "job_title": "Engineer",
            "department": "Engineering",
            "is_enabled": true,
            "user_type": "Member",
            "created_at": "2020-01-01T00:00:00Z",
            "is_synced_from_ad": null,
            "ad_account_name": null,
            "ad_object_sid": null,
            "license_sku_ids": [ID],
        })
    );
}

#[test]
fn a_user_of_active_directory_is_told_with_what_joins_the_two() {
    let row = with(user(1), "onPremisesSamAccountName", json!("alicej"));
    let row = with(row, "onPremisesSecurityIdentifier", json!("S-1-5-21-1-2-3-1101"));
    let row = with(row, "onPremisesSyncEnabled", json!(true));
    let listed = call(&Fake::replies([page(std::slice::from_ref(&row))]), "entra_list_users", json!({})).unwrap();
    let got = call(&Fake::replies([reply(200, &row.to_string())]), "entra_get_user", json!({ "user_id_or_upn": ID }));
    for seen in [&listed.data["users"][0], &got.unwrap().data] {
        assert_eq!((&seen["ad_account_name"], &seen["is_synced_from_ad"]), (&json!("alicej"), &json!(true)));
        assert_eq!(seen["ad_object_sid"], "S-1-5-21-1-2-3-1101");
    }
}

#[test]
fn the_last_sign_in_is_the_later_of_two_and_null_is_never() {
    let (early, late) = ("2026-06-01T00:00:00Z", "2026-06-02T10:00:00Z");
    for (own, unattended, expected) in [
        (json!(early), json!(late), json!(late)),
        (json!(late), json!(early), json!(late)),
        (json!(late), Value::Null, json!(late)),
        (Value::Null, json!(late), json!(late)),
        (json!("2026-06-02T12:00:00+02:00"), json!(early), json!(late)),
        (json!("0001-01-01T00:00:00Z"), json!(early), json!(early)),
        (json!("0001-01-01T00:00:00Z"), Value::Null, Value::Null),
        (json!("0001-12-31T23:59:59Z"), Value::Null, Value::Null),
        (json!("0002-01-01T00:00:00Z"), Value::Null, json!("0002-01-01T00:00:00Z")),
        (Value::Null, Value::Null, Value::Null),
    ] {
        let activity = json!({
            "lastSignInDateTime": own, "lastSignInRequestId": ID, "lastNonInteractiveSignInDateTime": unattended,
        });
        let fake = Fake::replies([page(&[with(user(1), "signInActivity", activity)])]);
        let seen = call(&fake, "entra_list_users", json!({ "include_sign_ins": true })).unwrap();
        assert_eq!(seen.data["users"][0].get("last_sign_in_at"), Some(&expected), "{own} {unattended}");
        assert!(seen.complete && seen.notes.is_empty());
    }
    // Graph leaves it out, or has null, for a user who never signed in.
    for row in [user(1), with(user(1), "signInActivity", Value::Null), with(user(1), "signInActivity", json!({}))] {
        let seen = call(&Fake::replies([page(&[row])]), "entra_list_users", json!({ "include_sign_ins": true }));
        assert_eq!(seen.unwrap().data["users"][0].get("last_sign_in_at"), Some(&Value::Null));
    }
    for odd in [json!("SECRET"), json!({ "lastSignInDateTime": "SECRET" }), json!({ "lastSignInDateTime": 7 })] {
        let fake = Fake::replies([page(&[with(user(1), "signInActivity", odd)])]);
        let error = call(&fake, "entra_list_users", json!({ "include_sign_ins": true })).unwrap_err();
        assert!(error.text().contains("at value[0].signInActivity"), "{error}");
        assert!(!error.text().contains("SECRET"), "{error}");
    }
}

#[test]
fn sign_ins_that_were_not_asked_for_are_absent_and_not_null() {
    for (tool, arguments) in [
        ("entra_list_users", json!({})),
        ("entra_list_users", json!({ "include_sign_ins": false })),
        ("entra_get_user", json!({ "user_id_or_upn": ID })),
    ] {
        let row = with(user(1), "signInActivity", json!({ "lastSignInDateTime": "2026-06-01T00:00:00Z" }));
        let fake = Fake::replies([if tool == "entra_get_user" { reply(200, &row.to_string()) } else { page(&[row]) }]);
        let seen = call(&fake, tool, arguments).unwrap();
        let user = seen.data.pointer("/users/0").unwrap_or(&seen.data);
        assert_eq!((&user["display_name"], user.get("last_sign_in_at")), (&json!("Alice Johnson"), None), "{tool}");
        assert!(!urls(&fake)[0].contains("signInActivity"), "{tool}");
    }
}

#[test]
fn users_with_sign_ins_come_in_smaller_pages_and_need_more() {
    let fake = Fake::replies([page(&[])]);
    call(&fake, "entra_list_users", json!({ "include_sign_ins": true, "limit": 20_000 })).unwrap();
    assert!(urls(&fake)[0].ends_with("%2CsignInActivity&$top=500"), "{:?}", urls(&fake));
    let fake = Fake::replies([page(&[])]);
    call(&fake, "entra_list_users", json!({ "include_sign_ins": true, "limit": 10 })).unwrap();
    assert!(urls(&fake)[0].ends_with("&$top=11"), "{:?}", urls(&fake));

    // 20,000 users are 40 pages, and one more to know that they are all.
    let full = |at: u32| linked(&(at..at + 500).map(user).collect::<Vec<_>>(), &format!("users?$skiptoken={at}"));
    let fake = Fake::replies((0..40).map(|at| full(at * 500)).chain([page(&[])]));
    let seen = call(&fake, "entra_list_users", json!({ "include_sign_ins": true, "limit": 20_000 })).unwrap();
    assert_eq!(seen.data["users"].as_array().unwrap().len(), 20_000);
    assert!(seen.complete, "{:?}", seen.notes);

    let refused = Fake::replies([graph_error(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")]);
    let error = call(&refused, "entra_list_users", json!({ "include_sign_ins": true })).unwrap_err();
    let ToolError::Refused(text) = error else { panic!("{error:?}") };
    assert!(text.contains("AuditLog.Read.All and the tenant an Entra ID P1 or P2 licence"), "{text}");
    let plain = call(&Fake::replies([graph_error(403, "x")]), "entra_list_users", json!({})).unwrap_err();
    assert!(!plain.text().contains("AuditLog"), "{plain}");
}

#[test]
fn an_account_state_that_nobody_told_is_not_enabled() {
    for row in [without(user(1), "accountEnabled"), with(user(1), "accountEnabled", Value::Null)] {
        let seen = call(&Fake::replies([page(std::slice::from_ref(&row))]), "entra_list_users", json!({})).unwrap();
        assert_eq!(seen.data["users"][0]["is_enabled"], Value::Null);
        assert!(!seen.complete && seen.notes[0].contains("is_enabled is unknown"), "{:?}", seen.notes);

        let fake = Fake::replies([reply(200, &row.to_string())]);
        let seen = call(&fake, "entra_get_user", json!({ "user_id_or_upn": ID })).unwrap();
        assert_eq!(seen.data["is_enabled"], Value::Null);
        assert!(!seen.complete);
    }
    let disabled = with(user(1), "accountEnabled", json!(false));
    let seen = call(&Fake::replies([page(&[disabled])]), "entra_list_users", json!({})).unwrap();
    assert_eq!(seen.data["users"][0]["is_enabled"], json!(false));
    assert!(seen.complete);
}

#[test]
fn a_field_that_was_asked_for_and_not_sent_is_an_error() {
    for key in [
        "id",
        "userPrincipalName",
        "displayName",
        "mail",
        "employeeId",
        "onPremisesSyncEnabled",
        "onPremisesSecurityIdentifier",
        "assignedLicenses",
    ] {
        let error = call(&Fake::replies([page(&[user(1), without(user(2), key)])]), "entra_list_users", json!({}));
        let error = error.unwrap_err();
        assert_eq!(
            error.text(),
            format!("graph.microsoft.com answered JSON of an unexpected shape, at value[1] (no {key})")
        );
    }
    let text = with(user(1), "accountEnabled", json!("True"));
    let error = call(&Fake::replies([page(&[text])]), "entra_list_users", json!({})).unwrap_err();
    assert!(error.text().ends_with("at value[0].accountEnabled"), "{error}");
}

#[test]
fn a_user_is_found_by_id_or_by_any_address_of_theirs() {
    let one = || reply(200, &user(1).to_string());
    let none = || graph_error(404, "Request_ResourceNotFound");
    let select = "%2CuserPrincipalName%2C";
    for (key, replies, expected) in [
        (ID, vec![one()], vec!["users/11111111-2222-3333-4444-555555555555?$select="]),
        ("alice@nexus.corp", vec![one()], vec!["users/alice@nexus.corp?$select="]),
        ("x_adatum.com#EXT#@contoso.com", vec![one()], vec!["users/x_adatum.com%23EXT%23@contoso.com?$select="]),
        (
            "o'brien@nexus.corp",
            vec![none(), page(&[user(1)])],
            vec!["users/o%27brien@nexus.corp?$select=", "users?$select="],
        ),
        ("$alice@nexus.corp", vec![page(&[user(1)])], vec!["users?$select="]),
    ] {
        let fake = Fake::replies(replies);
        let seen = call(&fake, "entra_get_user", json!({ "user_id_or_upn": key })).unwrap();
        assert_eq!(seen.data["display_name"], "Alice Johnson");
        let urls = urls(&fake);
        assert_eq!(urls.len(), expected.len(), "{urls:?}");
        for (url, start) in urls.iter().zip(expected) {
            assert!(url.starts_with(start) && url.contains(select), "{url}");
        }
    }
    let fake = Fake::replies([none(), page(&[user(1)])]);
    let seen = call(&fake, "entra_get_user", json!({ "user_id_or_upn": "o'brien@nexus.corp" })).unwrap();
    assert!(urls(&fake)[1].ends_with("&$filter=mail%20eq%20%27o%27%27brien@nexus.corp%27&$top=2"), "{:?}", urls(&fake));
    assert!(seen.notes[0].contains("mail address"));
}

#[test]
fn nobody_two_people_and_a_failure_are_three_things() {
    let none = || graph_error(404, "Request_ResourceNotFound");
    let get = |key: &str, replies: Vec<_>| {
        call(&Fake::replies(replies), "entra_get_user", json!({ "user_id_or_upn": key })).unwrap_err()
    };
    assert!(matches!(get(ID, vec![none()]), ToolError::NotFound(_)));
    assert!(matches!(get("a@b", vec![none(), page(&[])]), ToolError::NotFound(_)));
    let two = get("a@b", vec![none(), page(&[user(1), user(2)])]);
    assert_eq!(
        two,
        ToolError::invalid_arguments(
            "2 users have this address: ask for one of them by its object id or user principal name"
        )
    );
    let more = get("a@b", vec![none(), linked(&[user(1), user(2)], "users?$skiptoken=a"), page(&[user(3)])]);
    assert!(more.text().starts_with("more than 2 users"), "{more}");
    assert!(matches!(get("a@b", vec![none(), graph_error(500, "x")]), ToolError::Upstream(_)));
    // 60 pages are read at most. A user on one of them is the only one if there is no page behind the last that was read.
    let link = |n: usize| format!("users?$skiptoken={n}");
    for first in [vec![], vec![user(1)]] {
        let pages = (0..60).map(|n| linked(if n == 0 { &first } else { &[] }, &link(n)));
        let endless = get("$a@b", pages.collect());
        assert!(matches!(endless, ToolError::Upstream(_)), "{endless:?}");
        assert!(endless.text().contains("did not come to an end"), "{endless}");
    }
    let pages = (0..59).map(|n| linked(&[], &link(n))).chain([page(&[user(1)])]);
    let seen = call(&Fake::replies(pages), "entra_get_user", json!({ "user_id_or_upn": "$a@b" })).unwrap();
    assert_eq!(seen.data["display_name"], "Alice Johnson");
    assert!(matches!(get("a@b", vec![graph_error(403, "x")]), ToolError::Refused(_)));
}

#[test]
fn what_is_neither_an_id_nor_an_address_is_not_sent() {
    for key in ["", "alice", "a@b/messages", "../auditLogs/signIns", "a@b@c", "a b@c", "@", "a@", "a\\b@c", "$x"] {
        let fake = Fake::replies([page(&[])]);
        let error = call(&fake, "entra_get_user", json!({ "user_id_or_upn": key })).unwrap_err();
        assert!(matches!(error, ToolError::InvalidArguments(_)), "{key}: {error:?}");
        assert!(fake.sent().is_empty(), "{key}");
    }
    for id in ["", "x", "../users", "11111111-2222-3333-4444-555555555555/owners"] {
        let fake = Fake::replies([page(&[])]);
        let error = call(&fake, "entra_get_group_members", json!({ "group_id": id })).unwrap_err();
        assert!(matches!(error, ToolError::InvalidArguments(_)), "{id}: {error:?}");
        assert!(fake.sent().is_empty(), "{id}");
    }
}

fn member(kind: &str, name: Value) -> Value {
    json!({ "@odata.type": format!("#microsoft.graph.{kind}"), "id": ID, "displayName": name })
}

fn members(count: u64, rows: &[Value]) -> Result<Seen, ToolError> {
    let body = json!({ "@odata.count": count, "value": rows }).to_string();
    call(&Fake::replies([reply(200, &body)]), "entra_get_group_members", json!({ "group_id": ID }))
}

#[test]
fn members_are_counted_and_a_permission_gap_is_told() {
    let rows =
        [member("user", json!("Alice")), member("servicePrincipal", json!("app")), member("newKind", json!("x"))];
    let seen = members(3, &rows).unwrap();
    assert!(seen.complete, "{:?}", seen.notes);
    assert_eq!(seen.data["count"], 3);
    let kinds: Vec<_> = seen.data["members"].as_array().unwrap().iter().map(|member| member["kind"].clone()).collect();
    assert_eq!(kinds, ["user", "service_principal", "other"]);

    let seen = members(2, &[member("user", Value::Null), member("user", Value::Null)]).unwrap();
    assert!(!seen.complete && seen.notes[0].starts_with("2 of 2 members have no name"), "{:?}", seen.notes);
    assert!(seen.notes[0].contains("User.Read.All"));

    let seen = members(5, &[member("user", json!("Alice"))]).unwrap();
    assert!(!seen.complete && seen.notes[0].contains("counts 5 members and sent 1"), "{:?}", seen.notes);
}

#[test]
fn members_that_were_not_read_to_the_end_are_one_gap_and_not_two() {
    let next = |n: usize| format!("{GRAPH}groups/{ID}/members?$count=true&$skiptoken={n}");
    let pages = (0..60).map(|n| {
        let body = json!({ "@odata.count": 5, "value": [member("user", json!("Alice"))], "@odata.nextLink": next(n) });
        reply(200, &body.to_string())
    });
    let seen = call(&Fake::replies(pages), "entra_get_group_members", json!({ "group_id": ID })).unwrap();
    assert!(!seen.complete);
    assert_eq!(seen.notes, ["there may be more members: reading stopped after 60 pages with 60 members"]);
}

#[test]
fn members_are_asked_for_in_advanced_mode_on_every_page() {
    let path = format!("groups/{ID}/members");
    let fake = Fake::replies([
        linked(&[member("user", json!("a"))], &format!("{path}?$count=true&$skiptoken=a")),
        page(&[member("user", json!("b"))]),
    ]);
    call(&fake, "entra_get_group_members", json!({ "group_id": ID })).unwrap();
    for request in fake.sent() {
        assert_eq!(request.headers, [("consistencylevel".to_owned(), b"eventual".to_vec())]);
        assert!(request.url.contains("$count=true"));
    }
    let error = call(&Fake::replies([graph_error(404, "x")]), "entra_get_group_members", json!({ "group_id": ID }));
    assert!(matches!(error.unwrap_err(), ToolError::NotFound(_)));
}

#[test]
fn only_those_at_risk_are_risky() {
    let row = |state: &str| {
        json!({
            "id": ID, "userPrincipalName": "bob@nexus.corp", "riskLevel": "medium", "riskState": state,
            "riskDetail": "none", "riskLastUpdatedDateTime": "2026-07-01T00:00:00Z",
        })
    };
    let fake = Fake::replies([page(&[row("atRisk"), row("confirmedCompromised")])]);
    let seen = call(&fake, "entra_get_risky_users", json!({})).unwrap();
    assert_eq!(seen.data["risky_users"].as_array().unwrap().len(), 2);
    let url = urls(&fake).remove(0);
    assert!(
        url.ends_with(
            "&$filter=riskState%20eq%20%27atRisk%27%20or%20riskState%20eq%20%27confirmedCompromised%27&$top=500"
        ),
        "{url}"
    );
    for others in [vec![row("dismissed")], vec![row("atRisk"), row("dismissed")], vec![row("none"), row("atRisk")]] {
        let error = call(&Fake::replies([page(&others)]), "entra_get_risky_users", json!({})).unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)));
    }
}

#[test]
fn a_sign_in_is_told_with_its_error_and_place() {
    let row = json!({
        "id": "1", "createdDateTime": "2026-07-01T00:00:00Z", "userPrincipalName": "bob@nexus.corp",
        "appDisplayName": "Portal", "ipAddress": "203.0.113.7", "clientAppUsed": "Browser",
        "conditionalAccessStatus": "failure", "riskLevelAggregated": "medium",
        "status": { "errorCode": 50126, "failureReason": "Invalid username or password." },
        "location": { "city": "Moscow", "countryOrRegion": "RU" },
    });
    let good = with(row.clone(), "status", json!({ "errorCode": 0, "failureReason": "Other." }));
    let bare = without(without(row.clone(), "status"), "location");
    let fake = Fake::replies([linked(&[row], "auditLogs/signins?$top=51&$skiptoken=a"), page(&[good, bare])]);
    let seen = call(&fake, "entra_get_signin_logs", json!({})).unwrap();
    assert_eq!(urls(&fake)[0], "auditLogs/signIns?$top=51");
    let rows = &seen.data["sign_ins"];
    assert_eq!((&rows[0]["is_success"], &rows[0]["error_code"]), (&json!(false), &json!(50126)));
    assert_eq!((&rows[0]["city"], &rows[0]["country_or_region"]), (&json!("Moscow"), &json!("RU")));
    assert_eq!((&rows[1]["is_success"], &rows[1]["failure_reason"]), (&json!(true), &Value::Null));
    assert_eq!((&rows[2]["is_success"], &rows[2]["city"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_policy_is_told_and_what_it_does_not_state_is_null() {
    let row = json!({
        "id": "p1", "displayName": "Require MFA", "state": "enabledForReportingButNotEnforced",
        "createdDateTime": "2020-01-01T00:00:00Z", "modifiedDateTime": null,
        "conditions": {
            "clientAppTypes": ["all"], "platforms": null, "signInRiskLevels": [],
            "users": { "includeUsers": ["All"], "excludeUsers": [] },
            "applications": { "includeApplications": ["All"], "excludeApplications": [], "includeUserActions": [] },
        },
        "grantControls": { "operator": "OR", "builtInControls": ["mfa"], "termsOfUse": [] },
        "sessionControls": { "signInFrequency": { "value": 4 }, "persistentBrowser": null },
    });
    let seen = call(&Fake::replies([page(&[row])]), "entra_get_conditional_access_policies", json!({})).unwrap();
    let policy = &seen.data["policies"][0];
    assert_eq!(policy["state"], "enabledForReportingButNotEnforced");
    assert_eq!(policy["session_controls"], json!(["signInFrequency"]));
    assert_eq!(policy["grant_controls"], json!({ "operator": "OR", "built_in_controls": ["mfa"] }));
    assert_eq!(policy["conditions"]["users"]["exclude_users"], json!([]));
    assert_eq!(policy["conditions"]["users"]["exclude_groups"], Value::Null);
    assert_eq!(policy["conditions"]["sign_in_risk_levels"], json!([]));
    assert_eq!(policy["conditions"]["locations"], Value::Null);
}

#[test]
fn the_definitions_say_the_limits_the_defaults_and_the_classes() {
    let names: Vec<_> = TOOLS.iter().map(|tool| tool.define().name).collect();
    assert_eq!(names.len(), 17);
    for tool in TOOLS {
        let tool = tool.define();
        assert!(tool.name.starts_with("entra_") || tool.name.starts_with("ad_"));
        assert!(tool.annotations.read_only && !tool.annotations.destructive);
        assert_eq!(tool.input_schema["additionalProperties"], false);
        let output = tool.output_schema.expect("an output schema");
        assert_eq!((&output["type"], &output["additionalProperties"]), (&json!("object"), &json!(false)));
        let text = output.to_string();
        assert!(!text.contains("$ref") && !text.contains("uint"), "{text}");
    }
    let limit = |tool: &str| {
        let entry = TOOLS.iter().find(|entry| entry.name() == tool).unwrap();
        let limit = &entry.define().input_schema["properties"]["limit"];
        json!([limit["minimum"], limit["maximum"], limit["default"]])
    };
    assert_eq!(limit("entra_list_users"), json!([1, 20000, 100]));
    assert_eq!(limit("ad_list_users"), json!([1, 20000, 1000]));
    assert_eq!(limit("entra_list_groups"), json!([1, 20000, 100]));
    assert_eq!(limit("entra_list_service_principals"), json!([1, 20000, 100]));
    assert_eq!(limit("entra_get_signin_logs"), json!([1, 5000, 50]));
    let get_user = TOOLS.iter().find(|entry| entry.name() == "entra_get_user").unwrap().define();
    assert_eq!(get_user.input_schema["properties"]["user_id_or_upn"]["x-nexus-class"], "person");
    let properties = &get_user.output_schema.unwrap()["properties"];
    for field in ["display_name", "email", "user_principal_name", "employee_id", "ad_account_name"] {
        assert_eq!(properties[field]["x-nexus-class"], "person", "{field}");
    }
    let list_users = TOOLS.iter().find(|entry| entry.name() == "entra_list_users").unwrap().define();
    assert_eq!(list_users.input_schema["properties"]["include_sign_ins"]["default"], false);
    let row = &list_users.output_schema.unwrap()["properties"]["users"]["items"];
    let required = row["required"].as_array().unwrap();
    assert!(required.contains(&json!("ad_object_sid")) && !required.contains(&json!("last_sign_in_at")));
    assert_eq!(row["properties"]["last_sign_in_at"]["type"], json!(["string", "null"]));

    // One user alone is told with a telephone number.
    let list_accounts = TOOLS.iter().find(|entry| entry.name() == "ad_list_users").unwrap().define();
    let get_account = TOOLS.iter().find(|entry| entry.name() == "ad_get_user").unwrap().define();
    let account = &list_accounts.output_schema.unwrap()["properties"]["users"]["items"];
    let mut user = get_account.output_schema.unwrap();
    assert_eq!(user["properties"].as_object_mut().unwrap().remove("phone").unwrap()["x-nexus-class"], "person");
    assert_eq!(account["properties"], user["properties"]);
    assert_eq!(account["additionalProperties"], false);
    for field in ["username", "email", "first_name", "last_name", "office_location", "employee_id", "dn", "manager_dn"]
    {
        assert_eq!(account["properties"][field]["x-nexus-class"], "person", "{field}");
    }
}
