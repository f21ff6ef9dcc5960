//! What the `helix_` tools promise, with a stand-in for BMC Helix.

use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::testing::{Fake, Seen, reply};
use nexus_shard::{Refusal, Reply, ToolError};

use crate::entries::{Entry, Form};
use crate::{TOOLS, changes, cmdb, incidents, problems};

const HOST: &str = "helix.test";
const MANIFEST: &str = include_str!("../shard.toml");

fn incident(number: u32) -> Value {
    json!({
        "Incident Number": format!("INC{number:07}"),
        "Status": "In Progress",
        "Priority": "High",
        "Description": "LAPTOP-BOB-02 is not encrypted",
        "Assignee": "Frank Davis",
        "Assigned Group": "Endpoint Management",
        "Service Type": "Infrastructure Event",
        "HPD_CI": "LAPTOP-BOB-02",
        "Submit Date": "2026-06-09T13:27:55.000+0000",
        "Last Modified Date": "2026-06-12T18:40:18.000+0200",
        "Last Resolved Date": null,
    })
}

fn change() -> Value {
    json!({
        "Infrastructure Change ID": "CRQ0000412",
        "Change Request Status": "Scheduled",
        "Description": "Install updates",
        "Risk Level": "Risk Level 2",
        "Change Type": "Change",
        "Submit Date": "2026-06-08T09:41:23.000+0000",
        "Scheduled Start Date": "2026-06-20T22:00:00.000+0000",
        "Scheduled End Date": null,
        "Last Modified Date": "2026-06-12T11:15:47.000+0000",
    })
}

fn problem() -> Value {
    json!({
        "Problem Investigation ID": "PBI0000091",
        "Investigation Status": "Under Investigation",
        "Description": "Laptops leave setup without disk encryption",
        "Priority": "High",
        "Target Resolution Date": "2026-06-30T17:00:00.000+0000",
        "Last Modified Date": "2026-06-12T17:24:50.000+0000",
    })
}

fn computer(id: u32) -> Value {
    json!({
        "instance_id": format!("OI-{id:032}"),
        "dataset_id": "BMC.ASSET",
        "attributes": {
            "Name": "LAPTOP-BOB-02",
            "ClassId": "BMC_COMPUTERSYSTEM",
            "SerialNumber": "5CG4120B02",
            "ManufacturerName": "HP",
            "Model": "HP EliteBook 840 14 inch G10",
        },
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

/// Entries as AR System sends them. The id in the link is not the number.
fn entries(rows: &[Value]) -> Result<Reply, Refusal> {
    let link =
        json!({ "self": [{ "href": "https://helix.test/api/arsys/v1/entry/HPD:IncidentInterface/INC0001234" }] });
    let entries: Vec<Value> = rows.iter().map(|row| json!({ "values": row, "_links": link })).collect();
    reply(200, &json!({ "entries": entries }).to_string())
}

fn instances(rows: &[Value], total: u64) -> Result<Reply, Refusal> {
    reply(200, &json!({ "instances": rows, "num_matches": total }).to_string())
}

fn uncounted(rows: &[Value]) -> Result<Reply, Refusal> {
    reply(200, &json!({ "instances": rows }).to_string())
}

fn refused(status: u16, number: u32) -> Result<Reply, Refusal> {
    let message = json!({
        "messageType": "ERROR", "messageNumber": number, "messageText": "SECRET", "messageAppendedText": "SECRET",
    });
    reply(status, &json!([message]).to_string())
}

fn fake(replies: impl IntoIterator<Item = Result<Reply, Refusal>>) -> Fake {
    Fake::replies(replies).setting("HELIX_HOST", HOST)
}

fn call(fake: &Fake, tool: &str, arguments: Value) -> Result<Seen, ToolError> {
    fake.call(TOOLS, tool, arguments)
}

/// Path and query of what was sent, decoded.
fn sent(fake: &Fake) -> Vec<String> {
    let decoded = |text: &str| {
        let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
        while let [first, tail @ ..] = rest {
            let coded = (*first == b'%').then(|| std::str::from_utf8(&tail[..2]).unwrap());
            bytes.push(coded.map_or(*first, |coded| u8::from_str_radix(coded, 16).unwrap()));
            rest = if coded.is_some() { &tail[2..] } else { tail };
        }
        String::from_utf8(bytes).unwrap()
    };
    let requests = fake.sent().into_iter();
    requests.map(|request| decoded(request.url.strip_prefix("https://helix.test/api/").expect("Helix"))).collect()
}

/// The query of what was sent, without what every request to the form has.
fn queries(fake: &Fake) -> Vec<String> {
    sent(fake).into_iter().map(|url| url.split_once('?').expect("a query").1.to_owned()).collect()
}

type Answers = Vec<Result<Reply, Refusal>>;

/// The smallest arguments of each tool, and what it takes to answer with one row.
fn all() -> Vec<(&'static str, Value, Answers)> {
    vec![
        ("helix_list_incidents", json!({}), vec![entries(&[incident(1234)]), entries(&[])]),
        ("helix_get_incident", json!({ "incident_id": "INC0001234" }), vec![entries(&[incident(1234)])]),
        ("helix_list_changes", json!({}), vec![entries(&[change()]), entries(&[])]),
        ("helix_get_problem", json!({ "problem_id": "PBI0000091" }), vec![entries(&[problem()])]),
        ("helix_search_cmdb", json!({ "ci_name": "BOB" }), vec![instances(&[computer(1)], 1)]),
        ("helix_list_cmdb_assets", json!({}), vec![instances(&[computer(1)], 1)]),
    ]
}

#[test]
fn every_failure_is_an_error_that_quotes_nothing() {
    for (tool, arguments, _) in all() {
        for (answer, expected) in [
            (refused(401, 623), "did not accept the credential"),
            (refused(403, 353), "403 353"),
            (refused(400, 4558), "400 4558"),
            (refused(400, 314), "400 314"),
            (refused(404, 302), "404 302"),
            (refused(500, 92), "500 92"),
            (reply(503, "<html>SECRET</html>"), "(503)"),
            (reply(204, ""), "(204)"),
            (reply(200, "<html>SECRET</html>"), "not JSON"),
            (reply(200, r#"{"SECRET":[]}"#), "unexpected shape"),
            (reply(200, r#"[{"messageNumber":302,"messageText":"SECRET"}]"#), "unexpected shape"),
            (Err(Refusal::Timeout), "timeout"),
            (Err(Refusal::Credential), "credential"),
        ] {
            let error = call(&fake([answer]), tool, arguments.clone()).unwrap_err();
            assert!(error.text().contains(expected), "{tool}: {error}");
            assert!(!error.text().contains("SECRET"), "{tool}: {error}");
            assert!(!matches!(error, ToolError::NotFound(_)), "{tool}: {error}");
        }
    }
}

#[test]
fn a_refusal_names_the_permission_it_takes() {
    for (tool, permission) in [
        ("helix_list_incidents", "Incident Viewer"),
        ("helix_get_incident", "Incident Viewer"),
        ("helix_list_changes", "Infrastructure Change Viewer"),
        ("helix_get_problem", "Problem Viewer"),
        ("helix_search_cmdb", "Asset Viewer"),
        ("helix_list_cmdb_assets", "Asset Viewer"),
    ] {
        let (_, arguments, _) = all().into_iter().find(|(name, ..)| *name == tool).unwrap();
        let error = call(&fake([refused(403, 353)]), tool, arguments).unwrap_err();
        let ToolError::Refused(text) = error else { panic!("{tool}: {error:?}") };
        assert!(text.contains(permission), "{tool}: {text}");
    }
}

#[test]
fn without_its_setting_nothing_is_sent() {
    for (tool, arguments, answers) in all() {
        let fake = Fake::replies(answers);
        let error = call(&fake, tool, arguments).unwrap_err();
        assert!(matches!(error, ToolError::Refused(_)) && error.text().contains("HELIX_HOST"), "{tool}: {error:?}");
        assert!(fake.sent().is_empty());
    }
}

#[test]
fn an_account_in_use_elsewhere_is_tried_once_more_and_then_named() {
    for (tool, arguments, answers) in all() {
        let once = fake([refused(500, 9093)].into_iter().chain(answers));
        call(&once, tool, arguments.clone()).unwrap();
        assert_eq!(once.sent()[0], once.sent()[1], "{tool}");

        let twice = fake([refused(500, 9093), refused(500, 9093)]);
        let error = call(&twice, tool, arguments.clone()).unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)), "{tool}: {error:?}");
        assert!(error.text().contains("in use from elsewhere"), "{tool}: {error}");
        assert_eq!(twice.sent().len(), 2, "{tool}");

        // The same number in a reply that is no refusal says nothing.
        for not_in_use in [refused(500, 92), refused(200, 9093)] {
            let other = fake([not_in_use]);
            let error = call(&other, tool, arguments.clone()).unwrap_err();
            assert!(!error.text().contains("in use"), "{tool}: {error}");
            assert_eq!(other.sent().len(), 1, "{tool}");
        }
    }
}

#[test]
fn an_incident_is_told_as_it_is() {
    let arguments = json!({ "incident_id": "INC0001234" });
    let fake = fake([entries(&[incident(1234)])]);
    let seen = call(&fake, "helix_get_incident", arguments).unwrap();
    assert!(seen.complete && seen.notes.is_empty(), "{:?}", seen.notes);
    assert_eq!(
        seen.data,
        json!({
            "incident_id": "INC0001234",
            "status": "In Progress",
            "priority": "High",
            "summary": "LAPTOP-BOB-02 is not encrypted",
            "assigned_to": "Frank Davis",
            "assigned_group": "Endpoint Management",
            "service_type": "Infrastructure Event",
            "ci_name": "LAPTOP-BOB-02",
            "created_at": "2026-06-09T13:27:55Z",
            "updated_at": "2026-06-12T16:40:18Z",
            "resolved_at": null,
        })
    );
    assert_eq!(
        sent(&fake),
        [
            "arsys/v1/entry/HPD:IncidentInterface?q='Incident Number' = \"INC0001234\"&fields=values(Incident Number,Status,\
          Priority,Description,Assignee,Assigned Group,Service Type,HPD_CI,Submit Date,Last Modified Date,\
          Last Resolved Date)&limit=2"
        ]
    );
    assert_eq!(fake.sent()[0].method, "GET");
    assert_eq!(fake.sent()[0].credential.as_deref(), Some("helix"));
}

#[test]
fn a_change_and_a_problem_are_told_as_they_are() {
    let fake_changes = fake([entries(&[change()]), entries(&[])]);
    let seen = call(&fake_changes, "helix_list_changes", json!({})).unwrap();
    assert_eq!(
        seen.data["changes"],
        json!([{
            "change_id": "CRQ0000412",
            "status": "Scheduled",
            "summary": "Install updates",
            "risk_level": "Risk Level 2",
            "change_type": "Change",
            "created_at": "2026-06-08T09:41:23Z",
            "scheduled_start_at": "2026-06-20T22:00:00Z",
            "scheduled_end_at": null,
            "updated_at": "2026-06-12T11:15:47Z",
        }])
    );
    assert!(seen.complete);
    let url = sent(&fake_changes).remove(0);
    assert!(url.starts_with("arsys/v1/entry/CHG:ChangeInterface?q='Change Request Status' < \"Completed\"&"), "{url}");
    assert!(url.ends_with("&sort=Infrastructure Change ID.desc&limit=51&offset=0"), "{url}");

    let fake_problems = fake([entries(&[problem()])]);
    let seen = call(&fake_problems, "helix_get_problem", json!({ "problem_id": "PBI0000091" })).unwrap();
    assert_eq!(
        seen.data,
        json!({
            "problem_id": "PBI0000091",
            "status": "Under Investigation",
            "summary": "Laptops leave setup without disk encryption",
            "priority": "High",
            "target_resolution_at": "2026-06-30T17:00:00Z",
            "updated_at": "2026-06-12T17:24:50Z",
        })
    );
    let url = sent(&fake_problems).remove(0);
    assert!(
        url.starts_with("arsys/v1/entry/PBM:ProblemInterface?q='Problem Investigation ID' = \"PBI0000091\"&"),
        "{url}"
    );
}

#[test]
fn a_ticket_is_shown_only_if_it_has_the_number_asked_for() {
    let get = |rows: &[Value]| {
        call(&fake([entries(rows)]), "helix_get_incident", json!({ "incident_id": "INC0001234" })).unwrap_err()
    };
    let none = get(&[]);
    assert!(matches!(none, ToolError::NotFound(_)), "{none:?}");
    for (rows, expected) in [
        (vec![incident(1238)], "another incident"),
        (vec![with(incident(1234), "Incident Number", json!("INC00001234"))], "another incident"),
        (vec![incident(1234), incident(1234)], "several of this number"),
        (vec![incident(1234), incident(1238)], "several of this number"),
    ] {
        let error = get(&rows);
        assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains(expected), "{error:?}");
        assert!(!error.text().contains("Frank"), "{error}");
    }
    let other = with(problem(), "Problem Investigation ID", json!("PBI0000087"));
    let error = call(&fake([entries(&[other])]), "helix_get_problem", json!({ "problem_id": "PBI0000091" }));
    assert!(error.unwrap_err().text().contains("another problem"));
}

#[test]
fn a_number_is_a_prefix_and_digits_or_nothing_is_sent() {
    for (tool, key, prefix) in
        [("helix_get_incident", "incident_id", "INC"), ("helix_get_problem", "problem_id", "PBI")]
    {
        for text in [
            "",
            "0001234",
            "INC",
            "INC12345",
            "INC1234567890123456",
            "inc0001234",
            "INC000123x",
            "INC0001234 ",
            " INC0001234",
            "INC0001234|INC0001234",
            "INC0001234\"",
            "INC0001234\n",
            "INC0001234/../CTM:People",
            "../CTM:People",
            "%2e%2e",
            "INC0001234\" OR 'Status' != \"x",
            "INC%",
            "INC000_234",
            "INC\u{661}\u{662}34567",
        ] {
            let text = text.replace("INC", prefix).replace("inc", &prefix.to_lowercase());
            let fake = fake([entries(&[])]);
            let error = call(&fake, tool, json!({ key: text })).unwrap_err();
            assert!(matches!(error, ToolError::InvalidArguments(_)), "{text}: {error:?}");
            assert!(fake.sent().is_empty(), "{text}");
        }
        for digits in ["123456", "123456789012345"] {
            let number = format!("{prefix}{digits}");
            let (row, field) = if prefix == "INC" {
                (incident(1234), "Incident Number")
            } else {
                (problem(), "Problem Investigation ID")
            };
            let seen =
                call(&fake([entries(&[with(row, field, json!(number))])]), tool, json!({ key: number })).unwrap();
            assert_eq!(seen.data[key], number.as_str());
        }
        let wrong = if prefix == "INC" { "PBI0000091" } else { "INC0001234" };
        let fake = fake([entries(&[])]);
        assert!(matches!(call(&fake, tool, json!({ key: wrong })).unwrap_err(), ToolError::InvalidArguments(_)));
        assert!(fake.sent().is_empty());
    }
}

/// What could end a text in a condition, stand for other characters in it, or become another URL.
fn odd_texts() -> Vec<String> {
    let texts = [
        "",
        "\"",
        "a\"b",
        "\u{201c}",
        "\u{201d}",
        "\u{2018}",
        "\u{2019}",
        "\u{ff02}",
        "%",
        "_",
        "[",
        "]",
        "^",
        "50%",
        "a_b",
        "[a-z]",
        "\\",
        "a\\\"",
        "$",
        "$NULL$",
        "$USER$",
        "a\nb",
        "a\r\nb",
        "a\0b",
        "\u{7f}",
        "\u{85}",
        "\" OR 'Status' != \"x",
        "x\" OR \"1\" = \"1",
        "%2e%2e",
        "%22",
    ];
    texts.into_iter().map(str::to_owned).chain([" ".repeat(65), "x".repeat(10_000)]).collect()
}

#[test]
fn a_text_that_could_be_read_in_two_ways_is_not_sent() {
    for text in odd_texts() {
        for (tool, arguments) in [
            ("helix_list_incidents", json!({ "assignee": text })),
            ("helix_list_incidents", json!({ "assignee": text, "status": "New" })),
            ("helix_search_cmdb", json!({ "ci_name": text })),
        ] {
            let fake = fake([entries(&[]), uncounted(&[])]);
            let error = call(&fake, tool, arguments).unwrap_err();
            assert!(matches!(error, ToolError::InvalidArguments(_)), "{text:?}: {error:?}");
            assert!(fake.sent().is_empty(), "{text:?}");
        }
    }
}

#[test]
fn any_other_text_stays_within_its_quotes() {
    for text in ["O'Brien", "../", "a#b?c&d=e", "Zo\u{eb}", "a+b", "x' OR 'Status' != 'y", ") OR (", "PC-1.nexus.corp"]
    {
        let fake_incidents = fake([entries(&[])]);
        call(&fake_incidents, "helix_list_incidents", json!({ "assignee": text })).unwrap();
        let query = queries(&fake_incidents).remove(0);
        let expected = format!("q='Status' < \"Resolved\" AND 'Assignee' LIKE \"%{text}%\"&fields=");
        assert!(query.starts_with(&expected), "{query}");

        let fake_computers = fake([instances(&[], 0)]);
        call(&fake_computers, "helix_search_cmdb", json!({ "ci_name": text })).unwrap();
        let query = queries(&fake_computers).remove(0);
        let expected = format!(
            "qualification='Name' LIKE \"%{text}%\" AND ('MarkAsDeleted' = $NULL$ OR 'MarkAsDeleted' = 0)&attributes="
        );
        assert!(query.starts_with(&expected), "{query}");
        // Nothing of the value stands for itself in the URL but letters, digits and what means nothing there.
        for sent in fake_incidents.sent().iter().chain(&fake_computers.sent()) {
            assert_eq!(sent.url.matches(['#', ' ', '"', '\'', '+', '<']).count(), 0, "{}", sent.url);
            assert_eq!(sent.url.matches('?').count(), 1, "{}", sent.url);
        }
    }
}

#[test]
fn open_is_before_resolved_and_a_status_is_one_of_the_vendors() {
    let condition = |tool: &str, arguments: Value| {
        let fake = fake([entries(&[])]);
        call(&fake, tool, arguments).map(|_| queries(&fake).remove(0).split('&').next().unwrap().to_owned())
    };
    for (arguments, expected) in [
        (json!({}), "q='Status' < \"Resolved\""),
        (json!({ "status": null }), "q='Status' < \"Resolved\""),
        (json!({ "status": "In Progress" }), "q='Status' = \"In Progress\""),
        (json!({ "status": "Closed" }), "q='Status' = \"Closed\""),
    ] {
        assert_eq!(condition("helix_list_incidents", arguments).unwrap(), expected);
    }
    for (arguments, expected) in [
        (json!({}), "q='Change Request Status' < \"Completed\""),
        (json!({ "status": "Request For Authorization" }), "q='Change Request Status' = \"Request For Authorization\""),
    ] {
        assert_eq!(condition("helix_list_changes", arguments).unwrap(), expected);
    }
    for tool in ["helix_list_incidents", "helix_list_changes"] {
        for status in ["new", "Open", "", "New\"", "InProgress", "New\" OR 'Status' != \"x", "Resolved "] {
            let error = condition(tool, json!({ "status": status })).unwrap_err();
            assert!(matches!(error, ToolError::InvalidArguments(_)), "{tool} {status}: {error:?}");
        }
    }
}

#[test]
fn since_a_time_means_in_any_status_unless_one_is_asked_for() {
    const SINCE: &str = "2026-06-08T00:00:00Z";
    let condition = |tool: &str, arguments: Value| {
        let fake = fake([entries(&[])]);
        call(&fake, tool, arguments).map(|_| queries(&fake).remove(0).split('&').next().unwrap().to_owned())
    };
    for (tool, arguments, expected) in [
        ("helix_list_incidents", json!({ "created_since": SINCE }), "q='Submit Date' >= 1780876800"),
        (
            "helix_list_incidents",
            json!({ "created_since": "2026-06-08T02:00:00.25+02:00" }),
            "q='Submit Date' >= 1780876801",
        ),
        ("helix_list_incidents", json!({ "created_since": null }), "q='Status' < \"Resolved\""),
        (
            "helix_list_incidents",
            json!({ "created_since": SINCE, "status": "Closed" }),
            "q='Status' = \"Closed\" AND 'Submit Date' >= 1780876800",
        ),
        (
            "helix_list_incidents",
            json!({ "created_since": SINCE, "assignee": "Frank" }),
            "q='Submit Date' >= 1780876800 AND 'Assignee' LIKE \"%Frank%\"",
        ),
        (
            "helix_list_incidents",
            json!({ "created_since": SINCE, "assignee": "Frank", "status": "New" }),
            "q='Status' = \"New\" AND 'Submit Date' >= 1780876800 AND 'Assignee' LIKE \"%Frank%\"",
        ),
        ("helix_list_changes", json!({ "created_since": SINCE }), "q='Submit Date' >= 1780876800"),
        (
            "helix_list_changes",
            json!({ "created_since": SINCE, "status": "Closed" }),
            "q='Change Request Status' = \"Closed\" AND 'Submit Date' >= 1780876800",
        ),
    ] {
        assert_eq!(condition(tool, arguments.clone()).unwrap(), expected, "{tool} {arguments}");
    }
    for tool in ["helix_list_incidents", "helix_list_changes"] {
        for time in [
            "",
            "yesterday",
            "2026-06-08",
            "2026-06-08T00:00:00",
            "2026-06-08 00:00:00",
            "06/08/2026 12:00:00 AM",
            "1780876800",
            "2026-06-31T00:00:00Z",
            "2026-06-08T00:00:00Z OR 1 = 1",
            "2026-06-08T00:00:00Z\" OR 'Status' != \"x",
            "$TIMESTAMP$",
            "2026-06-08T00:00:00Z\n",
        ] {
            let error = condition(tool, json!({ "created_since": time })).unwrap_err();
            assert!(matches!(error, ToolError::InvalidArguments(_)), "{tool} {time:?}: {error:?}");
        }
        let error = condition(tool, json!({ "created_since": 1_780_876_800 })).unwrap_err();
        assert!(matches!(error, ToolError::InvalidArguments(_)), "{tool}: {error:?}");
    }
}

#[test]
fn a_server_that_reads_the_time_in_another_way_is_not_believed() {
    for (tool, list, row, submitted) in [
        ("helix_list_incidents", "incidents", incident(1), "2026-06-09T13:27:55Z"),
        ("helix_list_changes", "changes", change(), "2026-06-08T09:41:23Z"),
    ] {
        let ask = |since: &str| {
            let fake = fake([entries(std::slice::from_ref(&row)), entries(&[])]);
            call(&fake, tool, json!({ "created_since": since }))
        };
        let seen = ask(submitted).unwrap();
        assert_eq!(seen.data[list].as_array().unwrap().len(), 1, "{tool}");
        assert!(seen.complete, "{tool}");
        let later = submitted.replace('Z', ".5Z");
        for since in [later.as_str(), "2026-06-15T00:00:00Z", "2027-01-01T00:00:00Z"] {
            let error = ask(since).unwrap_err();
            assert!(matches!(&error, ToolError::Upstream(text) if text.contains("before created_since")), "{error:?}");
        }
        // One older row among others is enough.
        let number = if list == "changes" { "Infrastructure Change ID" } else { "Incident Number" };
        let other = with(row.clone(), number, json!("9000001"));
        let newer = with(other, "Submit Date", json!("2026-06-15T00:00:01.000+0000"));
        let fake = fake([entries(&[newer, row]), entries(&[])]);
        let error = call(&fake, tool, json!({ "created_since": "2026-06-15T00:00:00Z" })).unwrap_err();
        assert!(error.text().contains("before created_since"), "{error}");
    }
}

#[test]
fn the_labels_sent_are_those_of_the_schema() {
    let labels = |tool: &str| {
        let definition = TOOLS.iter().find(|entry| entry.name() == tool).unwrap().define();
        let labels = definition.input_schema["properties"]["status"]["enum"].as_array().expect("a list").clone();
        labels.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let incidents = labels("helix_list_incidents");
    assert_eq!(incidents, ["New", "Assigned", "In Progress", "Pending", "Resolved", "Closed", "Cancelled"]);
    for label in incidents {
        assert_eq!(serde_json::from_value::<incidents::Status>(json!(label)).unwrap().label(), label);
    }
    let changes = labels("helix_list_changes");
    assert_eq!(changes.len(), 13);
    for label in changes {
        assert_eq!(serde_json::from_value::<changes::Status>(json!(label)).unwrap().label(), label);
    }
}

/// A server that holds so many incidents and gives at most `cap` at once.
fn server(count: u32, cap: usize) -> Fake {
    Fake::answering(move |request| {
        let number = |key: &str| {
            let (_, rest) = request.url.split_once(&format!("&{key}=")).expect("paged");
            rest.split('&').next().unwrap().parse::<usize>().unwrap()
        };
        let (offset, limit) = (number("offset"), number("limit"));
        let rows: Vec<Value> = (0..count).rev().skip(offset).take(limit.min(cap)).map(incident).collect();
        entries(&rows)
    })
    .setting("HELIX_HOST", HOST)
}

#[test]
fn a_limit_is_reached_over_pages_and_the_result_says_whether_there_is_more() {
    let read = |count, cap, limit: u32| {
        let server = server(count, cap);
        let seen = call(&server, "helix_list_incidents", json!({ "limit": limit })).unwrap();
        (seen.data["incidents"].as_array().unwrap().len(), seen.complete, server.sent().len())
    };
    // One row more than the limit tells in one request whether there are more.
    assert_eq!(read(51, 2000, 50), (50, false, 1));
    // An empty reply alone is the end, for a server may give fewer at once than asked.
    assert_eq!(read(50, 2000, 50), (50, true, 2));
    assert_eq!(read(0, 2000, 50), (0, true, 1));
    assert_eq!(read(1200, 2000, 1100), (1100, false, 3));
    assert_eq!(read(1200, 2000, 5000), (1200, true, 4));
    assert_eq!(read(450, 100, 5000), (450, true, 6));
    assert_eq!(read(450, 100, 449), (449, false, 5));

    let server = server(1200, 2000);
    let seen = call(&server, "helix_list_incidents", json!({ "limit": 600 })).unwrap();
    assert_eq!(seen.notes, ["there are more incidents: only the first 600 are returned, as limited"]);
    let ends: Vec<_> = queries(&server).iter().map(|query| query.split_once("&sort=").unwrap().1.to_owned()).collect();
    assert_eq!(ends, ["Incident Number.desc&limit=500&offset=0", "Incident Number.desc&limit=101&offset=500"]);
    let numbers = seen.data["incidents"].as_array().unwrap().iter().map(|row| row["incident_id"].as_str().unwrap());
    assert!(numbers.is_sorted_by(|one, next| one > next));
}

#[test]
fn a_list_that_changes_while_it_is_read_is_read_again_or_fails() {
    let rows: Vec<Value> = (0..500).map(incident).collect();
    // The second page begins with the last row of the first: one was added meanwhile.
    let restless = || [entries(&rows), entries(&rows[499..]), entries(&[])];
    let twice = fake(restless().into_iter().chain(restless()));
    let error = call(&twice, "helix_list_incidents", json!({ "limit": 2000 })).unwrap_err();
    assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains("changed"), "{error:?}");

    let settled = [entries(&rows[..10]), entries(&[])];
    let once = fake(restless().into_iter().chain(settled));
    let seen = call(&once, "helix_list_incidents", json!({ "limit": 2000 })).unwrap();
    assert_eq!(seen.data["incidents"].as_array().unwrap().len(), 10);
    assert!(seen.complete);
}

#[test]
fn a_field_that_is_empty_is_null_and_one_that_was_left_out_is_told() {
    for key in ["Priority", "Description", "Assignee", "Assigned Group", "Service Type", "HPD_CI", "Last Modified Date"]
    {
        let empty = fake([entries(&[with(incident(1), key, Value::Null)]), entries(&[])]);
        let seen = call(&empty, "helix_list_incidents", json!({})).unwrap();
        assert!(seen.complete && seen.notes.is_empty(), "{key}: {:?}", seen.notes);

        let rows = [incident(3), without(incident(2), key), without(incident(1), key)];
        let seen = call(&fake([entries(&rows), entries(&[])]), "helix_list_incidents", json!({})).unwrap();
        assert!(!seen.complete, "{key}");
        assert_eq!(seen.notes.len(), 1, "{key}: {:?}", seen.notes);
        assert!(seen.notes[0].ends_with(&format!("they are null: {key}")), "{:?}", seen.notes);
        assert_eq!(seen.data["incidents"].as_array().unwrap().len(), 3);
    }
    let row = without(without(incident(1234), "Assignee"), "HPD_CI");
    let seen = call(&fake([entries(&[row])]), "helix_get_incident", json!({ "incident_id": "INC0001234" })).unwrap();
    assert_eq!((&seen.data["assigned_to"], &seen.data["ci_name"]), (&Value::Null, &Value::Null));
    assert!(!seen.complete && seen.notes[0].ends_with("null: Assignee, HPD_CI"), "{:?}", seen.notes);

    let mut gap = computer(1);
    gap["attributes"].as_object_mut().unwrap().remove("SerialNumber");
    let seen = call(&fake([instances(&[gap], 1)]), "helix_list_cmdb_assets", json!({})).unwrap();
    assert_eq!(seen.data["assets"][0]["serial_number"], Value::Null);
    assert!(!seen.complete && seen.notes[0].ends_with("null: SerialNumber"), "{:?}", seen.notes);
}

#[test]
fn without_number_status_or_date_there_is_no_ticket() {
    for (tool, row, key) in [
        ("helix_list_incidents", incident(1), "Incident Number"),
        ("helix_list_incidents", incident(1), "Status"),
        ("helix_list_incidents", incident(1), "Submit Date"),
        ("helix_list_changes", change(), "Infrastructure Change ID"),
        ("helix_list_changes", change(), "Change Request Status"),
        ("helix_list_changes", change(), "Submit Date"),
    ] {
        let error = call(&fake([entries(&[without(row.clone(), key)])]), tool, json!({})).unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains(&format!("(no {key})")), "{error:?}");
        let error = call(&fake([entries(&[with(row, key, Value::Null)])]), tool, json!({})).unwrap_err();
        assert!(error.text().contains(&format!("values.{key}")), "{error:?}");
    }
    let row = without(problem(), "Investigation Status");
    let error = call(&fake([entries(&[row])]), "helix_get_problem", json!({ "problem_id": "PBI0000091" })).unwrap_err();
    assert!(error.text().contains("(no Investigation Status)"), "{error}");
    for (key, value) in [("Submit Date", json!("2026-06-09 13:27")), ("Assignee", json!(7)), ("Priority", json!([]))] {
        let error = call(&fake([entries(&[with(incident(1), key, value)])]), "helix_list_incidents", json!({}));
        assert!(error.unwrap_err().text().contains(&format!("values.{key}")));
    }
}

#[test]
fn a_label_in_another_language_is_told_as_it_is() {
    let row = with(incident(1), "Status", json!("In Bearbeitung"));
    let seen = call(&fake([entries(&[row]), entries(&[])]), "helix_list_incidents", json!({})).unwrap();
    assert_eq!(seen.data["incidents"][0]["status"], "In Bearbeitung");
    assert!(seen.complete);
}

#[test]
fn a_configuration_item_is_told_as_it_is() {
    let fake = fake([instances(&[computer(1)], 1)]);
    let seen = call(&fake, "helix_search_cmdb", json!({ "ci_name": "BOB" })).unwrap();
    assert_eq!(
        seen.data,
        json!({
            "total": 1,
            "assets": [{
                "instance_id": "OI-00000000000000000000000000000001",
                "hostname": "LAPTOP-BOB-02",
                "serial_number": "5CG4120B02",
                "manufacturer": "HP",
                "model": "HP EliteBook 840 14 inch G10",
                "class_id": "BMC_COMPUTERSYSTEM",
                "dataset": "BMC.ASSET",
            }],
        })
    );
    assert!(seen.complete && seen.notes.is_empty());
    assert_eq!(
        sent(&fake),
        ["cmdb/v1.0/instances/BMC.ASSET/BMC.CORE/BMC_ComputerSystem?qualification='Name' LIKE \"%BOB%\" AND \
          ('MarkAsDeleted' = $NULL$ OR 'MarkAsDeleted' = 0)&attributes=Name,ClassId,SerialNumber,ManufacturerName,Model\
          &limit=100&offset=0&num_matches=true"]
    );
    assert_eq!(fake.sent()[0].credential.as_deref(), Some("helix"));
}

#[test]
fn the_count_of_the_cmdb_proves_the_end_or_an_empty_page_does() {
    let rows: Vec<Value> = (0..250).map(computer).collect();
    let list = |replies: Answers, limit: u32| {
        let fake = fake(replies);
        let seen = call(&fake, "helix_list_cmdb_assets", json!({ "limit": limit }));
        (seen, fake.sent().len())
    };
    let told = |seen: &Seen| (seen.data["assets"].as_array().unwrap().len(), seen.data["total"].clone(), seen.complete);
    let pages = || vec![instances(&rows[..100], 250), instances(&rows[100..200], 250), instances(&rows[200..], 250)];

    let (seen, requests) = list(pages(), 5000);
    assert_eq!((told(&seen.unwrap()), requests), ((250, json!(250), true), 3));
    let (seen, requests) = list(pages(), 100);
    assert_eq!((told(&seen.unwrap()), requests), ((100, json!(250), false), 1));
    // A count of the rows of each reply would end with every full page, so the next row must be missing.
    let (seen, requests) = list(vec![instances(&rows[..100], 100), instances(&[], 0)], 100);
    assert_eq!((told(&seen.unwrap()), requests), ((100, json!(100), true), 2));
    let (seen, _) = list(vec![instances(&rows[..100], 100), instances(&rows[100..101], 1)], 5000);
    let error = seen.unwrap_err();
    assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains("than it counts"), "{error:?}");

    // Without a count, fewer than asked are not yet the end.
    let (seen, requests) = list(vec![uncounted(&rows[..60]), uncounted(&rows[60..70]), uncounted(&[])], 5000);
    assert_eq!((told(&seen.unwrap()), requests), ((70, Value::Null, true), 3));

    // A count that does not fit what comes is no result.
    for replies in [
        vec![instances(&rows[..100], 250), instances(&[], 250), instances(&rows[..100], 250), instances(&[], 250)],
        vec![instances(&rows[..3], 2), instances(&rows[..3], 2)],
        vec![instances(&[computer(1), computer(1)], 2), instances(&[computer(1), computer(1)], 2)],
    ] {
        let (seen, _) = list(replies, 5000);
        let error = seen.unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains("changed"), "{error:?}");
    }
}

#[test]
fn twenty_thousand_configuration_items_are_read_and_twice_if_they_must_be() {
    let server = |count: u32, restless: bool| {
        let asked = std::cell::Cell::new(0);
        Fake::answering(move |request| {
            let (_, offset) = request.url.split_once("&offset=").expect("paged");
            let offset: u32 = offset.split('&').next().unwrap().parse().unwrap();
            asked.set(asked.get() + 1);
            // Near the end of the first reading one is added.
            let count = if restless && asked.get() < 200 { count - 1 } else { count };
            let rows: Vec<Value> = (offset..count.min(offset + 100)).map(computer).collect();
            instances(&rows, count.into())
        })
        .setting("HELIX_HOST", HOST)
    };
    for (count, restless, complete) in [(20_000, false, true), (20_050, true, false)] {
        let server = server(count, restless);
        let seen = call(&server, "helix_list_cmdb_assets", json!({ "limit": 20_000 })).unwrap();
        assert_eq!(seen.data["assets"].as_array().unwrap().len(), 20_000);
        assert_eq!((seen.complete, &seen.data["total"]), (complete, &json!(count)), "{:?}", seen.notes);
        // Less than the manifest's `egress-calls`.
        assert!(MANIFEST.contains("egress-calls = 448") && server.sent().len() < 448, "{}", server.sent().len());
    }
}

#[test]
fn a_search_tells_that_there_are_more_than_a_hundred() {
    let rows: Vec<Value> = (0..100).map(computer).collect();
    let seen = call(&fake([instances(&rows, 101)]), "helix_search_cmdb", json!({ "ci_name": "LAPTOP" })).unwrap();
    assert_eq!((seen.data["assets"].as_array().unwrap().len(), &seen.data["total"]), (100, &json!(101)));
    assert!(!seen.complete && seen.notes[0].contains("more configuration items"), "{:?}", seen.notes);
    let seen = call(&fake([instances(&[], 0)]), "helix_search_cmdb", json!({ "ci_name": "LAPTOP" })).unwrap();
    assert_eq!(seen.data, json!({ "total": 0, "assets": [] }));
    assert!(seen.complete);
}

#[test]
fn an_item_of_another_dataset_is_not_shown() {
    let rows = [computer(1), with(computer(2), "dataset_id", json!("BMC.ADDM"))];
    let error = call(&fake([instances(&rows, 2)]), "helix_list_cmdb_assets", json!({})).unwrap_err();
    assert!(matches!(error, ToolError::Upstream(_)) && error.text().contains("another dataset"), "{error:?}");
    assert!(!error.text().contains("ADDM"));
    // Some versions of the server leave the dataset out: the path has it.
    let seen = call(&fake([instances(&[without(computer(1), "dataset_id")], 1)]), "helix_list_cmdb_assets", json!({}));
    assert_eq!(seen.unwrap().data["assets"][0]["dataset"], "BMC.ASSET");
}

#[test]
fn what_is_asked_for_is_what_the_manifest_lets_through() {
    let kept = |path: &str| MANIFEST.matches(&format!("  \"{path}\",\n")).count();
    let forms: [Form; 3] = [incidents::Row::FORM, changes::Row::FORM, problems::Row::FORM];
    for form in &forms {
        let (_, grant) = MANIFEST.split_once(&format!("/api/arsys/v1/entry/{}\"]", form.name)).unwrap();
        let grant = grant.split_once("\n]").unwrap().0;
        for field in form.fields {
            assert!(grant.contains(&format!("\"/entries/*/values/{field}\",")), "{} {field}", form.name);
        }
        assert_eq!(grant.matches("/entries/*").count(), form.fields.len(), "{}", form.name);
        assert!(form.fields.contains(&form.number));
    }
    for attribute in cmdb::ATTRIBUTES {
        assert_eq!(kept(&format!("/instances/*/attributes/{attribute}")), 1, "{attribute}");
    }
    assert_eq!(MANIFEST.matches("/instances/*/attributes/").count(), cmdb::ATTRIBUTES.len());
    for line in MANIFEST.lines().filter(|line| line.starts_with("paths")) {
        assert!(!line.contains(['{', '*']), "a path that is not literal: {line}");
    }
}

#[test]
fn the_definitions_say_the_limits_the_defaults_and_the_classes() {
    assert_eq!(TOOLS.len(), 6);
    for tool in TOOLS {
        let tool = tool.define();
        assert!(tool.name.starts_with("helix_"));
        assert!(tool.annotations.read_only && !tool.annotations.destructive);
        assert_eq!(tool.input_schema["additionalProperties"], false);
        let output = tool.output_schema.expect("an output schema");
        assert_eq!((&output["type"], &output["additionalProperties"]), (&json!("object"), &json!(false)));
        let text = output.to_string();
        assert!(!text.contains("$ref") && !text.contains("uint"), "{text}");
    }
    let define = |tool: &str| TOOLS.iter().find(|entry| entry.name() == tool).unwrap().define();
    let limit = |tool: &str| {
        let limit = &define(tool).input_schema["properties"]["limit"];
        json!([limit["minimum"], limit["maximum"], limit["default"]])
    };
    assert_eq!(limit("helix_list_incidents"), json!([1, 5000, 50]));
    assert_eq!(limit("helix_list_changes"), json!([1, 5000, 50]));
    assert_eq!(limit("helix_list_cmdb_assets"), json!([1, 20000, 100]));
    let pattern = |tool: &str, key: &str| define(tool).input_schema["properties"][key]["pattern"].clone();
    assert_eq!(pattern("helix_get_incident", "incident_id"), "^INC[0-9]{6,15}$");
    assert_eq!(pattern("helix_get_problem", "problem_id"), "^PBI[0-9]{6,15}$");
    assert_eq!(define("helix_list_incidents").input_schema["properties"]["assignee"]["x-nexus-class"], "person");
    for tool in ["helix_list_incidents", "helix_list_changes"] {
        let since = &define(tool).input_schema["properties"]["created_since"];
        assert_eq!(since["format"], "date-time", "{tool}: {since}");
    }
    let output = define("helix_get_incident").output_schema.unwrap();
    for field in ["summary", "assigned_to"] {
        assert_eq!(output["properties"][field]["x-nexus-class"], "person", "{field}");
    }
    assert_eq!(output["properties"]["created_at"]["format"], "date-time");
}
