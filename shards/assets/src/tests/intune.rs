//! What the `intune_` tools promise, with a stand-in for Microsoft Graph.

use std::collections::BTreeSet;

use crate::TOOLS;
use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::testing::{Fake, Seen, reply};
use nexus_shard::{Refusal, Reply, ToolError};

const ID: &str = "4465fc6a-9c01-497b-8944-39971aa833ac";
const GRAPH: &str = "https://graph.microsoft.com/v1.0/";
const DEVICES: &str = "deviceManagement/managedDevices";
const POLICIES: &str = "deviceManagement/deviceCompliancePolicies";
const PROFILES: &str = "deviceManagement/deviceConfigurations";
const APPS: &str = "deviceAppManagement/mobileApps";
const AUTOPILOT: &str = "deviceManagement/windowsAutopilotDeviceIdentities";

/// The lists: tool, collection, what it is called in the result, a row of it.
type List = (&'static str, &'static str, &'static str, fn() -> Value);

const LISTS: [List; 6] = [
    ("intune_list_managed_devices", DEVICES, "devices", noncompliant),
    ("intune_get_noncompliant_devices", DEVICES, "devices", noncompliant),
    ("intune_list_compliance_policies", POLICIES, "policies", policy),
    ("intune_list_configuration_profiles", PROFILES, "profiles", policy),
    ("intune_list_apps", APPS, "apps", app),
    ("intune_get_autopilot_devices", AUTOPILOT, "devices", registration),
];

/// Fields of the vendor's that no tool may ask for or return.
const WITHHELD: [&str; 9] = [
    "activationLockBypassCode",
    "imei",
    "phoneNumber",
    "remoteAssistanceSessionUrl",
    "notes",
    "productKey",
    "largeIcon",
    "emailAddress",
    "deviceType",
];

fn device(name: &str) -> Value {
    json!({
        "id": ID, "deviceName": name, "operatingSystem": "Windows", "osVersion": "10.0.22631.4317",
        "complianceState": "compliant", "managementState": "managed", "enrolledDateTime": "2024-04-08T15:02:10Z",
        "lastSyncDateTime": "2026-06-14T22:41:09.1843107Z", "userPrincipalName": "bob.martinez@nexus.corp",
        "manufacturer": "HP", "model": "HP EliteBook 840 14 inch G10", "serialNumber": "5CG4120B02",
        "isEncrypted": false, "azureADRegistered": true, "azureADDeviceId": "34813425-268f-4bc2-a0fb-a366b8f059be",
        // Neither is asked for. Both would have to be ignored if they came.
        "activationLockBypassCode": "SECRET", "phoneNumber": "SECRET",
    })
}

fn noncompliant() -> Value {
    with(device("LAPTOP-BOB-02"), "complianceState", json!("noncompliant"))
}

fn policy() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.windows10CompliancePolicy", "id": ID, "displayName": "Windows 11 baseline",
        "description": null, "version": 4, "createdDateTime": "2023-11-06T10:12:30.2210432Z",
        "lastModifiedDateTime": "2026-03-02T00:45:11-08:00",
    })
}

fn app() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.win32LobApp", "id": ID, "displayName": "Nexus VPN", "publisher": "Nexus Corp",
        "publishingState": "published", "createdDateTime": "2023-12-04T09:31:07Z",
        "lastModifiedDateTime": "2026-04-14T11:03:29Z", "notes": "SECRET",
    })
}

fn registration() -> Value {
    json!({
        "id": ID, "serialNumber": "PF4YL05H", "manufacturer": "Lenovo", "model": "ThinkPad T14 Gen 5",
        "groupTag": "ENG", "purchaseOrderIdentifier": "PO-2026-0604", "enrollmentState": "enrolled",
        "lastContactedDateTime": "2026-06-10T13:19:02Z", "managedDeviceId": "10224502-f83f-4d36-a73c-d8a48bb0485f",
        "userPrincipalName": "henry.park@nexus.corp", "productKey": "SECRET",
    })
}

fn with(mut row: Value, key: &str, value: Value) -> Value {
    row[key] = value;
    row
}

fn without(mut row: Value, key: &str) -> Value {
    row.as_object_mut().unwrap().remove(key).unwrap();
    row
}

fn page(rows: &[Value]) -> Result<Reply, Refusal> {
    reply(200, &json!({ "@odata.context": "c", "@odata.count": rows.len(), "value": rows }).to_string())
}

fn linked(rows: &[Value], next: &str) -> Result<Reply, Refusal> {
    let next = if next.contains("://") { next.to_owned() } else { format!("{GRAPH}{next}") };
    reply(200, &json!({ "@odata.count": rows.len(), "@odata.nextLink": next, "value": rows }).to_string())
}

/// As Intune writes it: JSON in the message, with an internal address.
fn failure(status: u16, code: &str) -> Result<Reply, Refusal> {
    let message = r#"{"_version":3,"Message":"SECRET - Url: https://fef.msub01.manage.microsoft.com/SECRET"}"#;
    reply(status, &json!({ "error": { "code": code, "message": message, "innerError": {} } }).to_string())
}

fn busy(retry_after: Option<&str>) -> Result<Reply, Refusal> {
    let headers = retry_after.map(|seconds| ("retry-after".to_owned(), seconds.as_bytes().to_vec()));
    failure(429, "TooManyRequests").map(|reply| Reply { headers: headers.into_iter().collect(), ..reply })
}

fn call(fake: &Fake, tool: &str, arguments: Value) -> Result<Seen, ToolError> {
    fake.call(TOOLS, tool, arguments)
}

fn list(tool: &str, replies: impl IntoIterator<Item = Result<Reply, Refusal>>) -> Result<Seen, ToolError> {
    call(&Fake::replies(replies), tool, json!({}))
}

fn devices(rows: &[Value]) -> Result<Seen, ToolError> {
    list("intune_list_managed_devices", [page(rows)])
}

fn get(key: &str, replies: impl IntoIterator<Item = Result<Reply, Refusal>>) -> (Result<Seen, ToolError>, Vec<String>) {
    let fake = Fake::replies(replies);
    let seen = call(&fake, "intune_get_managed_device", json!({ "device_id": key }));
    (seen, urls(&fake))
}

fn urls(fake: &Fake) -> Vec<String> {
    fake.sent().into_iter().map(|request| request.url.strip_prefix(GRAPH).expect("Graph").to_owned()).collect()
}

/// The fields that a URL selects.
fn selected(url: &str) -> BTreeSet<String> {
    let Some((_, rest)) = url.split_once("$select=") else { return BTreeSet::new() };
    rest.split('&').next().unwrap().split("%2C").map(str::to_owned).collect()
}

#[test]
fn an_empty_collection_is_empty_and_every_failure_is_an_error() {
    for (tool, _, rows, _) in LISTS {
        let seen = list(tool, [page(&[])]).unwrap();
        assert_eq!(seen.data[rows], json!([]), "{tool}");
        assert!(seen.complete, "{tool}");

        for (answer, expected) in [
            (failure(401, "InvalidAuthenticationToken"), "401 InvalidAuthenticationToken"),
            (failure(403, "Forbidden"), "403 Forbidden"),
            (failure(400, "BadRequest"), "400 BadRequest"),
            (failure(404, "ResourceNotFound"), "404 ResourceNotFound"),
            (failure(500, "InternalServerError"), "500 InternalServerError"),
            (failure(500, "SECRET at https://fef.msub01.manage.microsoft.com/"), "(500)"),
            (failure(501, "NotImplemented"), "501 NotImplemented"),
            (busy(Some("7")), "try again in 7 seconds"),
            (busy(None), "429 TooManyRequests): try again"),
            (reply(503, "<html>SECRET</html>"), "503"),
            (reply(204, ""), "204"),
            (reply(302, ""), "302"),
            (reply(200, "<html>SECRET</html>"), "not JSON"),
            (reply(200, r#"{"value":[{"id":"SECR"#), "cut short"),
            (reply(200, r#"{"error":{"code":"SECRET"}}"#), "no value"),
            (reply(200, r#"{"value":[{"SECRET":1}]}"#), "value[0]"),
            (Err(Refusal::Timeout), "timeout"),
            (Err(Refusal::Credential), "credential"),
        ] {
            let error = list(tool, [answer]).unwrap_err();
            assert!(error.text().contains(expected), "{tool}: {error}");
            assert!(!error.text().contains("SECR") && !error.text().contains("manage.microsoft"), "{tool}: {error}");
            assert!(!matches!(error, ToolError::NotFound(_)), "{tool}: {error}");
        }
    }
}

#[test]
fn a_refusal_names_the_permission_it_takes() {
    let needs = |tool: &str, arguments: Value, permission: &str| {
        let error = call(&Fake::replies([failure(403, "Forbidden")]), tool, arguments).unwrap_err();
        let ToolError::Refused(text) = error else { panic!("{tool}: {error:?}") };
        let expected = format!("the permission {permission} and the tenant an Intune licence");
        assert!(text.starts_with("Microsoft Intune refused") && text.ends_with(&expected), "{tool}: {text}");
    };
    for key in [ID, "LAPTOP-BOB-02"] {
        let arguments = json!({ "device_id": key });
        needs("intune_get_managed_device", arguments, "DeviceManagementManagedDevices.Read.All");
    }
    for (tool, permission) in [
        ("intune_list_managed_devices", "DeviceManagementManagedDevices.Read.All"),
        ("intune_get_noncompliant_devices", "DeviceManagementManagedDevices.Read.All"),
        ("intune_list_compliance_policies", "DeviceManagementConfiguration.Read.All"),
        ("intune_list_configuration_profiles", "DeviceManagementConfiguration.Read.All"),
        ("intune_list_apps", "DeviceManagementApps.Read.All"),
        ("intune_get_autopilot_devices", "DeviceManagementServiceConfig.Read.All"),
    ] {
        needs(tool, json!({}), permission);
    }
}

#[test]
fn each_request_names_its_fields_and_the_credential_of_intune() {
    for (tool, path, _, _) in LISTS {
        let fake = Fake::replies([page(&[])]);
        call(&fake, tool, json!({})).unwrap();
        let sent = fake.sent().remove(0);
        assert_eq!((sent.method.as_str(), sent.credential.as_deref()), ("GET", Some("intune")), "{tool}");
        assert!(sent.headers.is_empty() && sent.body.is_none(), "{tool}");
        let url = sent.url.strip_prefix(GRAPH).unwrap();
        assert_eq!(url.split('?').next(), Some(path), "{tool}");
        assert_eq!(selected(url).is_empty(), tool == "intune_get_autopilot_devices", "{url}");
        for field in WITHHELD {
            assert!(!url.contains(field), "{url}");
        }
    }
    assert_eq!(urls_of("intune_get_autopilot_devices"), [AUTOPILOT]);
}

fn urls_of(tool: &str) -> Vec<String> {
    let fake = Fake::replies([page(&[])]);
    call(&fake, tool, json!({})).unwrap();
    urls(&fake)
}

/// What is not described cannot pass the output schema either.
#[test]
fn what_is_withheld_is_in_no_result() {
    for (tool, _, rows, row) in LISTS {
        let seen = list(tool, [page(&[row()])]).unwrap();
        assert_eq!(seen.data[rows].as_array().unwrap().len(), 1, "{tool}");
        assert!(!seen.data.to_string().contains("SECRET"), "{tool}: {}", seen.data);
        let schema = TOOLS.iter().find(|entry| entry.name() == tool).unwrap().define().output_schema.unwrap();
        for field in WITHHELD {
            assert!(!schema.to_string().contains(&format!("\"{field}\"")), "{tool}: {field}");
        }
    }
}

#[test]
fn a_limit_is_reached_over_pages_and_the_result_says_whether_there_is_more() {
    for (tool, path, name, row) in [LISTS[0], LISTS[4]] {
        let rows: Vec<Value> = std::iter::repeat_with(row).take(1000).collect();
        let next = |token: &str| format!("{path}?$top=1000&$skiptoken={token}");
        let fake = Fake::replies([linked(&rows, &next("a")), linked(&[], &next("b")), page(&rows)]);
        let seen = call(&fake, tool, json!({ "limit": 1500 })).unwrap();
        assert_eq!(seen.data[name].as_array().unwrap().len(), 1500);
        assert!(!seen.complete);
        assert_eq!(seen.notes, [format!("there are more {name}: only the first 1500 are returned, as limited")]);
        assert!(urls(&fake)[0].ends_with("&$top=1000"), "{:?}", urls(&fake));
        assert_eq!(urls(&fake)[1..], [next("a"), next("b")]);

        // The default is 100, and one row more tells in one request whether there are more.
        let fake = Fake::replies([page(&rows[..100])]);
        let seen = call(&fake, tool, json!({})).unwrap();
        assert!(seen.complete && seen.notes.is_empty());
        assert!(urls(&fake)[0].ends_with("&$top=101"), "{:?}", urls(&fake));
    }
}

#[test]
fn every_list_is_read_to_its_last_page_or_not_returned() {
    for (tool, path, rows, row) in LISTS {
        // As Intune links: lower-case escapes, and the last row's name as the token.
        let next = format!("{path}?$skiptoken=LastDeviceName%3d%27LAPTOP-BOB-02%27%2cLastDeviceId%3d%27{ID}%27");
        let fake = Fake::replies([linked(&[row()], &next), linked(&[], &format!("{path}?$skip=2")), page(&[row()])]);
        let seen = call(&fake, tool, json!({})).unwrap();
        assert_eq!(seen.data[rows].as_array().unwrap().len(), 2, "{tool}");
        assert!(seen.complete, "{tool}");
        assert_eq!(urls(&fake)[1..], [next.clone(), format!("{path}?$skip=2")], "{tool}");
        for request in fake.sent() {
            assert_eq!(request.credential.as_deref(), Some("intune"), "{tool}");
        }

        let torn = r#"{"value":[{"id":"#;
        let error = list(tool, [linked(&[row()], &next), linked(&[row()], &format!("{next}a")), reply(200, torn)]);
        assert!(error.unwrap_err().text().contains("cut short"), "{tool}");
        let error = list(tool, [linked(&[row()], &next), failure(503, "ServiceUnavailable")]);
        assert!(error.unwrap_err().text().contains("503 ServiceUnavailable"), "{tool}");
        let error = list(tool, [linked(&[row()], &next), linked(&[row()], &next)]);
        assert!(error.unwrap_err().text().contains("already read"), "{tool}");
    }
}

#[test]
fn a_link_elsewhere_is_not_followed_and_nothing_is_returned() {
    for (tool, path, _, row) in LISTS {
        for link in [
            format!("https://evil.test/v1.0/{path}?$skiptoken=a"),
            format!("http://graph.microsoft.com/v1.0/{path}?$skiptoken=a"),
            format!("https://graph.microsoft.com@evil.test/v1.0/{path}"),
            format!("https://graph.microsoft.com/beta/{path}?$skiptoken=a"),
            format!("https://graph.microsoft.com:8443/v1.0/{path}?$skiptoken=a"),
            "https://graph.microsoft.com/v1.0/users?$skiptoken=a".to_owned(),
        ] {
            let fake = Fake::replies([linked(&[row()], &link), page(&[row()])]);
            let error = call(&fake, tool, json!({})).unwrap_err();
            assert!(matches!(error, ToolError::Upstream(_)), "{tool} {link}: {error:?}");
            assert_eq!(fake.sent().len(), 1, "{tool} {link}");
        }
        let lower = format!("{GRAPH}{path}?$skiptoken=a").to_lowercase();
        assert!(list(tool, [linked(&[row()], &lower), page(&[row()])]).unwrap().complete, "{tool}");
    }
}

#[test]
fn small_pages_come_to_a_bound_and_the_result_says_so() {
    for (tool, path, name, row) in LISTS {
        let count = std::cell::Cell::new(0);
        let fake = Fake::answering(move |_| {
            count.set(count.get() + 1);
            linked(&[row()], &format!("{path}?$skiptoken={}", count.get()))
        });
        let seen = call(&fake, tool, json!({})).unwrap();
        assert_eq!(seen.data[name].as_array().unwrap().len(), 60, "{tool}");
        assert!(!seen.complete, "{tool}");
        assert!(seen.notes[0].contains("reading stopped after 60 pages"), "{tool}: {:?}", seen.notes);
    }
}

#[test]
fn a_device_is_told_as_it_is() {
    let expected = json!({
        "device_id": ID,
        "hostname": "LAPTOP-BOB-02",
        "serial_number": "5CG4120B02",
        "manufacturer": "HP",
        "model": "HP EliteBook 840 14 inch G10",
        "os_name": "Windows",
        "os_version": "10.0.22631.4317",
        "compliance_state": "compliant",
        "is_encrypted": false,
        "management_state": "managed",
        "enrolled_at": "2024-04-08T15:02:10Z",
        "last_sync_at": "2026-06-14T22:41:09.1843107Z",
        "user_principal_name": "bob.martinez@nexus.corp",
        "entra_device_id": "34813425-268f-4bc2-a0fb-a366b8f059be",
        "is_entra_registered": true,
    });
    let seen = devices(&[device("LAPTOP-BOB-02")]).unwrap();
    assert_eq!(seen.data["devices"][0], expected);
    let (seen, _) = get(ID, [reply(200, &device("LAPTOP-BOB-02").to_string())]);
    assert_eq!(seen.unwrap().data, expected);
}

#[test]
fn never_nobody_and_nowhere_are_null() {
    let mut row = device("KIOSK");
    for (key, value) in [
        ("lastSyncDateTime", "0001-01-01T00:00:00Z"),
        ("enrolledDateTime", "0001-01-01T00:00:00Z"),
        ("userPrincipalName", ""),
        ("serialNumber", ""),
        ("azureADDeviceId", "00000000-0000-0000-0000-000000000000"),
    ] {
        row[key] = json!(value);
    }
    let seen = devices(&[row.clone()]).unwrap();
    let fields = ["last_sync_at", "enrolled_at", "user_principal_name", "serial_number", "entra_device_id"];
    for field in fields {
        assert_eq!(seen.data["devices"][0][field], Value::Null, "{field}");
    }
    assert!(seen.complete);

    let nulled = ["lastSyncDateTime", "enrolledDateTime", "userPrincipalName", "serialNumber", "azureADDeviceId"];
    let row = nulled.into_iter().fold(row, |row, key| with(row, key, Value::Null));
    let seen = devices(&[row]).unwrap();
    for field in fields {
        assert_eq!(seen.data["devices"][0][field], Value::Null, "{field}");
    }
}

#[test]
fn an_encryption_that_nobody_told_is_unknown_and_not_missing() {
    let row = with(device("LAPTOP-BOB-02"), "isEncrypted", Value::Null);
    let seen = devices(&[device("LAPTOP-ALICE-01"), row.clone()]).unwrap();
    assert_eq!(seen.data["devices"][0]["is_encrypted"], false);
    assert_eq!(seen.data["devices"][1]["is_encrypted"], Value::Null);
    assert!(!seen.complete && seen.notes[0].contains("is_encrypted is unknown (null) for 1 of"), "{:?}", seen.notes);
    let seen = get(ID, [reply(200, &row.to_string())]).0.unwrap();
    assert!(!seen.complete && seen.data["is_encrypted"].is_null());
}

#[test]
fn a_field_that_was_asked_for_and_not_sent_is_an_error() {
    for (tool, _, _, row) in LISTS {
        let fake = Fake::replies([page(&[])]);
        call(&fake, tool, json!({})).unwrap();
        let mut fields = selected(&urls(&fake)[0]);
        if fields.is_empty() {
            fields = row().as_object().unwrap().keys().filter(|key| *key != "productKey").cloned().collect();
        }
        for key in fields {
            let error = list(tool, [page(&[row(), without(row(), &key)])]).unwrap_err();
            assert_eq!(
                error.text(),
                format!("graph.microsoft.com answered JSON of an unexpected shape, at value[1] (no {key})"),
                "{tool}"
            );
        }
    }
    for (tool, row) in [
        ("intune_list_apps", app()),
        ("intune_list_compliance_policies", policy()),
        ("intune_list_configuration_profiles", policy()),
    ] {
        assert!(list(tool, [page(&[without(row, "@odata.type")])]).is_err(), "{tool}");
    }
    for (key, value) in [
        ("isEncrypted", json!("True")),
        ("complianceState", Value::Null),
        ("lastSyncDateTime", json!("yesterday")),
        ("lastSyncDateTime", json!("2026-06-14T22:41:09")),
        ("id", Value::Null),
    ] {
        let error = devices(&[with(device("LAPTOP-BOB-02"), key, value)]).unwrap_err();
        assert!(error.text().ends_with(&format!("at value[0].{key}")), "{error}");
    }
}

#[test]
fn a_device_is_found_by_its_id_or_by_its_exact_name() {
    for key in [ID.to_owned(), ID.to_uppercase()] {
        let (seen, urls) = get(&key, [reply(200, &device("LAPTOP-BOB-02").to_string())]);
        assert_eq!(seen.unwrap().data["hostname"], "LAPTOP-BOB-02");
        assert_eq!(urls.len(), 1);
        assert!(urls[0].starts_with(&format!("{DEVICES}/{key}?$select=id%2CdeviceName%2C")), "{urls:?}");
        assert!(!urls[0].contains('&'), "{urls:?}");
    }
    for key in ["LAPTOP-BOB-02", "laptop-bob-02"] {
        let (seen, urls) = get(key, [page(&[device("LAPTOP-BOB-02")])]);
        assert_eq!(seen.unwrap().data["device_id"], ID);
        assert_eq!(urls.len(), 1);
        assert!(urls[0].starts_with(&format!("{DEVICES}?$select=id%2CdeviceName%2C")), "{urls:?}");
        assert!(urls[0].ends_with(&format!("&$filter=deviceName%20eq%20%27{key}%27&$top=2")), "{urls:?}");
    }
    // A page that is empty may have another behind it.
    let next = format!("{DEVICES}?$top=2&$skiptoken=a");
    let (seen, _) = get("LAPTOP-BOB-02", [linked(&[], &next), page(&[device("LAPTOP-BOB-02")])]);
    assert!(seen.is_ok());
}

/// Whatever is asked for is one value between two quotes, of one filter, in a request for devices and nothing else.
#[test]
fn a_name_is_a_name_whatever_it_holds() {
    for (name, literal) in [
        ("Ole's iPhone", "%27Ole%27%27s%20iPhone%27"),
        ("Alice\u{2019}s iPad", "%27Alice%E2%80%99s%20iPad%27"),
        ("bob_Android_5/12/2024_3:45 PM", "%27bob_Android_5%2F12%2F2024_3%3A45%20PM%27"),
        ("' or 1 eq 1", "%27%27%27%20or%201%20eq%201%27"),
        ("x' or complianceState eq 'compliant", "%27x%27%27%20or%20complianceState%20eq%20%27%27compliant%27"),
        ("\u{2018} or 1 eq 1 or \u{2019}", "%27%E2%80%98%20or%201%20eq%201%20or%20%E2%80%99%27"),
        ("../../users", "%27..%2F..%2Fusers%27"),
        ("..", "%27..%27"),
        ("%2e%2e%2fusers", "%27%252e%252e%252fusers%27"),
        ("%27 or 1 eq 1", "%27%2527%20or%201%20eq%201%27"),
        ("PC#1", "%27PC%231%27"),
        ("PC?$select=imei", "%27PC%3F%24select%3Dimei%27"),
        ("PC&$expand=users", "%27PC%26%24expand%3Dusers%27"),
        ("PC+1", "%27PC%2B1%27"),
        ("100%", "%27100%25%27"),
        ("*", "%27%2A%27"),
        ("\\", "%27%5C%27"),
        (&format!("{ID}/users"), &format!("%27{ID}%2Fusers%27")),
        (&"\u{20ac}".repeat(255), &format!("%27{}%27", "%E2%82%AC".repeat(255))),
    ] {
        let (seen, urls) = get(name, [page(&[])]);
        assert!(matches!(seen.unwrap_err(), ToolError::NotFound(_)), "{name}");
        assert_eq!(urls.len(), 1, "{name}");
        let (path, query) = urls[0].split_once('?').unwrap();
        assert_eq!(path, DEVICES, "{name}");
        let pairs: Vec<(&str, &str)> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        assert_eq!(pairs.iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["$select", "$filter", "$top"], "{name}");
        assert_eq!(pairs[1].1, format!("deviceName%20eq%20{literal}"), "{name}");
    }
}

#[test]
fn what_cannot_be_an_id_or_a_name_is_not_sent() {
    for key in ["", "a\nb", "a\r\nb", "LAPTOP\0", "a\tb", "\u{7f}", "a\u{85}b", &"x".repeat(256), &"x".repeat(10_240)] {
        let (seen, urls) = get(key, [page(&[])]);
        assert!(matches!(seen.unwrap_err(), ToolError::InvalidArguments(_)), "{key:?}");
        assert!(urls.is_empty(), "{key:?}");
    }
}

#[test]
fn no_device_two_devices_and_a_failure_are_three_things() {
    let fails = |key: &str, replies: Vec<_>| get(key, replies).0.unwrap_err();
    let not_found = fails(ID, vec![failure(404, "ResourceNotFound")]);
    assert_eq!(not_found, ToolError::not_found("no device has this id"));
    assert_eq!(fails("PC-1", vec![page(&[])]), ToolError::not_found("no device has this name"));

    let two = [device("PC-1"), device("pc-1")];
    let ambiguous = fails("PC-1", vec![page(&two)]);
    assert_eq!(
        ambiguous,
        ToolError::invalid_arguments("2 devices have this name: ask for one of them by its device id")
    );
    let next = format!("{DEVICES}?$skiptoken=a");
    let more = fails("PC-1", vec![linked(&two, &next), page(&[device("PC-1")])]);
    assert!(more.text().starts_with("more than 2 devices"), "{more}");
    // The second device may be on the second page.
    let spread = fails("PC-1", vec![linked(&two[..1], &next), page(&two[1..])]);
    assert_eq!(spread, ambiguous);

    for key in [ID, "PC-1"] {
        assert!(matches!(fails(key, vec![failure(500, "x")]), ToolError::Upstream(_)), "{key}");
        assert!(matches!(fails(key, vec![failure(403, "x")]), ToolError::Refused(_)), "{key}");
        assert!(matches!(fails(key, vec![Err(Refusal::Unreachable)]), ToolError::Upstream(_)), "{key}");
        let text = fails(key, vec![failure(400, "BadRequest")]);
        assert_eq!(text.text(), "Microsoft Intune could not show devices (400 BadRequest)", "{key}");
    }
    assert!(matches!(fails("PC-1", vec![failure(404, "ResourceNotFound")]), ToolError::Upstream(_)));
    let endless = (0..60).map(|n| linked(&[], &format!("{DEVICES}?$skiptoken={n}"))).collect();
    assert!(fails("PC-1", endless).text().contains("did not come to an end"));
}

/// Intune is known to ignore filters that it does not support, and then shows every device.
#[test]
fn a_filter_that_was_ignored_gives_no_device() {
    let other = "Microsoft Intune sent another device than was asked for";
    for rows in [
        vec![device("PC-10")],
        vec![device("PC-1"), device("PC-10")],
        vec![with(device(""), "deviceName", Value::Null)],
    ] {
        assert_eq!(get("PC-1", [page(&rows)]).0.unwrap_err(), ToolError::upstream(other));
    }
    let another = with(device("PC-1"), "id", json!("00000000-0000-0000-0000-00000000000a"));
    assert_eq!(get(ID, [reply(200, &another.to_string())]).0.unwrap_err(), ToolError::upstream(other));

    for state in ["compliant", "inGracePeriod", "unknown", "Noncompliant"] {
        let rows = [noncompliant(), with(noncompliant(), "complianceState", json!(state))];
        let error = list("intune_get_noncompliant_devices", [page(&rows)]).unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)), "{state}: {error:?}");
        assert!(error.text().contains("another state"), "{state}: {error}");
    }
}

#[test]
fn noncompliant_is_one_state_and_the_result_says_which_are_not_in_it() {
    let fake = Fake::replies([page(&[noncompliant()])]);
    let seen = call(&fake, "intune_get_noncompliant_devices", json!({})).unwrap();
    assert!(seen.complete);
    assert_eq!(seen.data["devices"][0]["compliance_state"], "noncompliant");
    for state in ["conflict", "error", "inGracePeriod", "configManager", "unknown"] {
        assert!(seen.notes[0].contains(state), "{:?}", seen.notes);
    }
    let end = "&$filter=complianceState%20eq%20%27noncompliant%27&$top=1000";
    assert!(urls(&fake)[0].ends_with(end), "{:?}", urls(&fake));
    // All other states are told by the list of all devices, in the vendor's words.
    let seen = devices(&[with(device("A"), "complianceState", json!("inGracePeriod"))]).unwrap();
    assert_eq!(seen.data["devices"][0]["compliance_state"], "inGracePeriod");
}

#[test]
fn policies_and_profiles_are_told_and_what_is_missing_from_profiles_too() {
    let expected = json!({
        "id": ID, "display_name": "Windows 11 baseline", "description": null, "kind": "windows10CompliancePolicy",
        "version": 4, "created_at": "2023-11-06T10:12:30.2210432Z", "modified_at": "2026-03-02T08:45:11Z",
    });
    let seen = list("intune_list_compliance_policies", [page(&[policy()])]).unwrap();
    assert_eq!(seen.data, json!({ "policies": [expected] }));
    assert!(seen.complete && seen.notes.is_empty());

    let seen = list("intune_list_configuration_profiles", [page(&[policy()])]).unwrap();
    assert_eq!(seen.data, json!({ "profiles": [expected] }));
    assert!(seen.complete && seen.notes[0].contains("settings catalogue"), "{:?}", seen.notes);
}

#[test]
fn an_app_is_told_as_it_is() {
    let seen = list("intune_list_apps", [page(&[app(), with(app(), "publisher", Value::Null)])]).unwrap();
    assert_eq!(
        seen.data["apps"][0],
        json!({
            "id": ID, "display_name": "Nexus VPN", "publisher": "Nexus Corp", "kind": "win32LobApp",
            "publishing_state": "published", "created_at": "2023-12-04T09:31:07Z",
            "modified_at": "2026-04-14T11:03:29Z",
        })
    );
    assert_eq!(seen.data["apps"][1]["publisher"], Value::Null);
}

#[test]
fn a_registration_is_told_as_it_is() {
    let mut waiting = registration();
    for (key, value) in [
        ("managedDeviceId", json!("00000000-0000-0000-0000-000000000000")),
        ("lastContactedDateTime", json!("0001-01-01T00:00:00Z")),
        ("userPrincipalName", json!("")),
        ("groupTag", json!("")),
        ("purchaseOrderIdentifier", Value::Null),
        ("enrollmentState", json!("notContacted")),
    ] {
        waiting[key] = value;
    }
    let seen = list("intune_get_autopilot_devices", [page(&[registration(), waiting])]).unwrap();
    let mut expected = json!({
        "id": ID, "serial_number": "PF4YL05H", "manufacturer": "Lenovo", "model": "ThinkPad T14 Gen 5",
        "group_tag": "ENG", "purchase_order": "PO-2026-0604", "enrollment_state": "enrolled",
        "last_contacted_at": "2026-06-10T13:19:02Z", "device_id": "10224502-f83f-4d36-a73c-d8a48bb0485f",
        "user_principal_name": "henry.park@nexus.corp",
    });
    assert_eq!(seen.data["devices"][0], expected);
    for key in ["device_id", "last_contacted_at", "user_principal_name", "group_tag", "purchase_order"] {
        expected[key] = Value::Null;
    }
    expected["enrollment_state"] = json!("notContacted");
    assert_eq!(seen.data["devices"][1], expected);
}

/// What the shard asks for and what the manifest lets through are the same fields.
#[test]
fn the_manifest_keeps_what_is_asked_for() {
    let manifest = include_str!("../../shard.toml");
    let grant = |path: &str| {
        let start = manifest.find(&format!("paths = [\"/v1.0/{path}\"]")).expect("a grant for the path");
        let grant = &manifest[start..];
        grant[..grant.find("\n]").expect("kept fields")].to_owned()
    };
    let kept = |path: &str, prefix: &str| -> BTreeSet<String> {
        let lines = grant(path);
        let fields = lines.lines().filter_map(|line| line.trim().strip_prefix(prefix)?.strip_suffix("\","));
        fields.filter(|field| !field.contains('/')).map(str::to_owned).collect()
    };
    for (tool, path, _, row) in LISTS {
        let mut asked = selected(&urls_of(tool)[0]);
        if asked.is_empty() {
            asked = row().as_object().unwrap().keys().filter(|key| *key != "productKey").cloned().collect();
        }
        if row().get("@odata.type").is_some() {
            asked.insert("@odata.type".to_owned());
        }
        assert_eq!(kept(path, "\"/value/*/"), asked, "{tool}");
        assert!(grant(path).contains("\"/@odata.nextLink\","), "{tool}");
        assert!(grant(path).contains(&format!("\"{tool}\"")), "{tool}");
        assert!(grant(path).contains("credential = \"intune\""), "{tool}");
    }
    let (_, urls) = get(ID, [reply(200, &device("LAPTOP-BOB-02").to_string())]);
    assert_eq!(kept(&format!("{DEVICES}/{{id}}"), "\"/"), selected(&urls[0]));
}

#[test]
fn the_definitions_say_the_limits_the_defaults_and_the_classes() {
    let define = |name: &str| TOOLS.iter().find(|entry| entry.name() == name).unwrap().define();
    let names: Vec<_> = TOOLS.iter().map(|tool| tool.name()).filter(|name| name.starts_with("intune_")).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    for name in names {
        let tool = define(name);
        assert!(tool.annotations.read_only && !tool.annotations.destructive, "{name}");
        assert_eq!(tool.input_schema["additionalProperties"], false, "{name}");
        assert!(tool.description.contains("Needs the Graph permission DeviceManagement"), "{name}");
        let output = tool.output_schema.expect("an output schema");
        assert_eq!((&output["type"], &output["additionalProperties"]), (&json!("object"), &json!(false)), "{name}");
        let text = output.to_string();
        assert!(!text.contains("$ref") && !text.contains("uint"), "{text}");
    }
    for tool in ["intune_list_managed_devices", "intune_list_apps"] {
        let limit = &define(tool).input_schema["properties"]["limit"];
        assert_eq!(json!([limit["minimum"], limit["maximum"], limit["default"]]), json!([1, 20000, 100]), "{tool}");
    }
    let get = define("intune_get_managed_device");
    assert_eq!(get.input_schema["required"], json!(["device_id"]));
    let key = &get.input_schema["properties"]["device_id"];
    assert_eq!((&key["minLength"], &key["maxLength"]), (&json!(1), &json!(255)));
    let device = get.output_schema.unwrap()["properties"].clone();
    assert_eq!(device["user_principal_name"]["x-nexus-class"], "person");
    assert_eq!(device["is_encrypted"]["type"], json!(["boolean", "null"]));
    assert!(device["last_sync_at"].to_string().contains("date-time"));
    let listed =
        |tool: &str| define(tool).output_schema.unwrap()["properties"]["devices"]["items"]["properties"].clone();
    assert_eq!(listed("intune_list_managed_devices"), device);
    assert_eq!(listed("intune_get_noncompliant_devices"), device);
    assert_eq!(listed("intune_get_autopilot_devices")["user_principal_name"]["x-nexus-class"], "person");
    let noncompliant = define("intune_get_noncompliant_devices").description.to_owned();
    assert!(noncompliant.contains("not all devices that are not compliant"), "{noncompliant}");
    let limits = serde_json::to_string(&define("intune_get_noncompliant_devices").input_schema["properties"]).unwrap();
    assert_eq!(limits, "{}");
}
