//! What the `workday_` tools promise, with a stand-in for Workday.

use super::TOOLS;
use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::testing::{Fake, Seen, reply};
use nexus_shard::{RawRequest, Refusal, Reply, ToolError};

const WID: &str = "48e13004e3c5eadbdaee4b5ffc6d095e";
const STAFFING: &str = "https://wd2.workday.test/ccx/api/staffing/v7/nexus_corp/";
const REPORTS: &str = "https://wd2.workday.test/ccx/service/customreport2/nexus_corp/";

fn wid(n: usize) -> String {
    format!("{n:032x}")
}

fn worker(n: usize) -> Value {
    json!({
        "id": wid(n), "descriptor": "Alice Johnson", "workerId": format!("EMP-{n}"),
        "workerType": { "id": WID, "descriptor": "Employee" },
        "person": { "id": WID, "email": format!("worker{n}@nexus.corp"), "phone": "+1 303 555 0101" },
        "primaryJob": {
            "id": WID, "descriptor": "Engineering Manager - Alice Johnson", "businessTitle": "Engineering Manager",
            "supervisoryOrganization": { "id": WID, "descriptor": "Platform Engineering (Alice Johnson)" },
            "jobProfile": { "id": WID, "descriptor": "Manager, Software Engineering" },
            "location": { "id": WID, "descriptor": "Denver HQ", "country": { "id": WID, "descriptor": "USA" } },
        },
        "additionalJobs": [],
    })
}

/// The least that a worker has, for long lists.
fn slim(n: usize) -> Value {
    let person = json!({ "email": format!("worker{n}@nexus.corp") });
    json!({ "id": wid(n), "descriptor": "Alice Johnson", "workerId": format!("EMP-{n}"), "person": person })
}

fn job(n: usize) -> Value {
    json!({
        "id": wid(n), "descriptor": "Software Engineer - Bob Martinez", "businessTitle": "Software Engineer",
        "worker": { "id": WID, "descriptor": "Bob Martinez" },
        "supervisoryOrganization": { "id": WID, "descriptor": "Platform Engineering (Alice Johnson)" },
        "jobProfile": { "id": WID, "descriptor": "Software Engineer" },
        "location": { "id": WID, "descriptor": "Denver HQ" },
    })
}

fn organization(n: usize) -> Value {
    json!({
        "id": wid(n), "descriptor": "Platform Engineering (Alice Johnson)", "name": "Platform Engineering",
        "code": "SUP_ENG", "managers": [{ "id": WID, "descriptor": "Alice Johnson" }], "inactive": false,
    })
}

fn pay() -> Value {
    json!({
        "WID": WID, "Grade": "M2", "Pay_Range_Min": "148000", "Pay_Range_Max": "196000.50", "Currency": "USD",
        "Frequency": "Annual",
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

fn page(total: usize, rows: &[Value]) -> Result<Reply, Refusal> {
    reply(200, &json!({ "total": total, "data": rows }).to_string())
}

fn one(row: &Value) -> Result<Reply, Refusal> {
    reply(200, &row.to_string())
}

fn report(rows: &[Value]) -> Result<Reply, Refusal> {
    reply(200, &json!({ "Report_Entry": rows }).to_string())
}

fn workday_error(status: u16, code: &str) -> Result<Reply, Refusal> {
    let errors = json!([{ "error": "SECRET of Alice Johnson", "code": code, "field": "SECRET", "path": "/SECRET" }]);
    reply(status, &json!({ "error": "SECRET", "errors": errors }).to_string())
}

fn configured(fake: Fake) -> Fake {
    fake.setting("WORKDAY_HOST", "wd2.workday.test")
        .setting("WORKDAY_TENANT", "nexus_corp")
        .setting("WORKDAY_REPORT_OWNER", "ISU_Nexus")
}

fn replies(replies: impl IntoIterator<Item = Result<Reply, Refusal>>) -> Fake {
    configured(Fake::replies(replies))
}

fn option(request: &RawRequest, key: &str) -> Option<usize> {
    let (_, query) = request.url.split_once('?')?;
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
    pair.parse().ok()
}

/// Workday with a list of so many rows: pages of at most 100, 20 unless asked for more, and a refusal above.
fn listing(total: usize, row: Row) -> Fake {
    configured(Fake::answering(move |request| {
        let (limit, offset) = (option(request, "limit").unwrap_or(20), option(request, "offset").unwrap_or(0));
        if limit > 100 {
            return workday_error(400, "A1");
        }
        let rows: Vec<Value> = (offset..total.min(offset + limit)).map(row).collect();
        page(total, &rows)
    }))
}

fn call(fake: &Fake, tool: &str, arguments: Value) -> Result<Seen, ToolError> {
    fake.call(TOOLS, tool, arguments)
}

fn fails(replied: impl IntoIterator<Item = Result<Reply, Refusal>>, tool: &str, arguments: Value) -> ToolError {
    call(&replies(replied), tool, arguments).unwrap_err()
}

fn urls(fake: &Fake) -> Vec<String> {
    let short = |url: &str| url.strip_prefix(STAFFING).or(url.strip_prefix(REPORTS)).expect("Workday").to_owned();
    fake.sent().iter().map(|request| short(&request.url)).collect()
}

fn arguments(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Each tool with its smallest arguments.
const ALL: [(&str, &str); 7] = [
    ("workday_list_workers", "{}"),
    ("workday_get_worker", r#"{"worker_id":"48e13004e3c5eadbdaee4b5ffc6d095e"}"#),
    ("workday_find_worker_by_email", r#"{"email":"alice.johnson@nexus.corp"}"#),
    ("workday_list_positions", "{}"),
    ("workday_get_compensation", r#"{"worker_id":"48e13004e3c5eadbdaee4b5ffc6d095e"}"#),
    ("workday_list_organizations", "{}"),
    ("workday_run_raas_report", r#"{"report_path":"Nexus_Workers"}"#),
];

/// Makes a row of Workday's.
type Row = fn(usize) -> Value;

/// Each tool that lists, what the list is called in its result, and a row of it.
const LISTS: [(&str, &str, Row); 3] = [
    ("workday_list_workers", "workers", worker),
    ("workday_list_positions", "positions", job),
    ("workday_list_organizations", "organizations", organization),
];

#[test]
fn every_failure_is_an_error_that_quotes_nothing() {
    for (tool, args) in ALL {
        for (answer, expected) in [
            (workday_error(403, "S22"), "403 S22"),
            (workday_error(401, "S19"), "401 S19"),
            (workday_error(500, "S50"), "500 S50"),
            (workday_error(429, "SECRET text"), "429"),
            (reply(503, "<html>SECRET</html>"), "503"),
            (reply(500, "<?xml version=\"1.0\"?><Fault>SECRET</Fault>"), "500"),
            (reply(204, ""), "204"),
            (reply(302, ""), "302"),
            (reply(200, "<html>SECRET</html>"), "not JSON"),
            (reply(200, "<?xml version=\"1.0\"?><Fault>SECRET</Fault>"), "not JSON"),
            (reply(200, r#"{"total":1,"data":[{"SECR"#), "cut short"),
            (reply(200, r#"["SECRET"]"#), "unexpected shape"),
            (Err(Refusal::Timeout), "timeout"),
            (Err(Refusal::Credential), "credential"),
            (Err(Refusal::BadReply), "bad-reply"),
        ] {
            let error = fails([answer], tool, arguments(args));
            let text = error.text();
            assert!(text.contains(expected), "{tool}: {error}");
            assert!(!text.contains("SECR"), "{tool}: {error}");
            assert!(matches!(error, ToolError::Upstream(_) | ToolError::Refused(_)), "{tool}: {error:?}");
        }
    }
}

#[test]
fn a_refusal_names_what_it_takes() {
    for ((tool, args), needs) in ALL.into_iter().zip([
        "the scope Staffing and the security domain Worker Data: Public Worker Reports",
        "the scope Staffing and the security domain Worker Data: Public Worker Reports",
        "the scope Staffing and the security domain Worker Data: Public Worker Reports",
        "the scope Staffing and access to Worker Position: View",
        "the scope Staffing and the security domain Worker Data: Public Worker Reports",
        "the scope Organizations and Roles and the security domain View: Supervisory Organization",
        "the report shared with it, and access to the report's data source and fields",
    ]) {
        let error = fails([workday_error(403, "S22")], tool, arguments(args));
        let ToolError::Refused(text) = error else { panic!("{tool}: {error:?}") };
        assert!(text.ends_with(needs), "{tool}: {text}");
    }
    let refused = [one(&worker(1)), workday_error(403, "S22")];
    let error = fails(refused, "workday_get_compensation", json!({ "worker_id": wid(1) }));
    let ToolError::Refused(text) = error else { panic!("{error:?}") };
    assert!(text.contains("the report Nexus_Compensation (403 S22)"), "{text}");

    let mut busy = workday_error(429, "S29").unwrap();
    busy.headers.push(("retry-after".to_owned(), b"7".to_vec()));
    let error = fails([Ok(busy)], "workday_list_workers", json!({}));
    assert!(error.text().ends_with("(429 S29): try again in 7 seconds"), "{error}");
}

#[test]
fn nothing_is_sent_before_the_operator_has_set_where() {
    for (tool, args) in ALL {
        let fake = Fake::replies([]).setting("WORKDAY_HOST", "wd2.workday.test");
        let error = call(&fake, tool, arguments(args)).unwrap_err();
        assert!(matches!(error, ToolError::Refused(_)), "{tool}: {error:?}");
        assert!(fake.sent().is_empty(), "{tool}");
    }
}

#[test]
fn every_request_goes_to_the_tenant_with_the_credential() {
    for (tool, args) in ALL {
        let fake = configured(Fake::answering(|request| match &request.url {
            url if url.starts_with(REPORTS) => report(&[pay()]),
            url if url.contains("/workers/") => one(&with(worker(1), "id", json!(WID))),
            _ => page(0, &[]),
        }));
        let _ = call(&fake, tool, arguments(args));
        assert!(!fake.sent().is_empty(), "{tool}");
        for request in fake.sent() {
            assert_eq!((request.method.as_str(), request.credential.as_deref()), ("GET", Some("workday")), "{tool}");
            assert!(request.body.is_none() && request.headers.is_empty(), "{tool}");
        }
        urls(&fake);
    }
}

#[test]
fn a_list_is_read_to_the_end_that_its_total_proves() {
    for (tool, rows, row) in LISTS {
        let fake = listing(250, row);
        let seen = call(&fake, tool, json!({ "limit": 1000 })).unwrap();
        assert_eq!(seen.data[rows].as_array().unwrap().len(), 250, "{tool}");
        assert_eq!(seen.data["total"], 250, "{tool}");
        assert!(seen.complete, "{tool}: {:?}", seen.notes);
        let ends: Vec<_> = fake.sent().iter().map(|sent| (option(sent, "limit"), option(sent, "offset"))).collect();
        assert_eq!(ends, [(Some(100), Some(0)), (Some(100), Some(100)), (Some(100), Some(200))], "{tool}");

        let seen = call(&listing(0, row), tool, json!({})).unwrap();
        assert_eq!((&seen.data[rows], &seen.data["total"]), (&json!([]), &json!(0)), "{tool}");
        assert!(seen.complete, "{tool}");
        let error = fails([reply(200, r#"{"total":1}"#)], tool, json!({}));
        assert!(error.text().contains("sent none"), "{tool}: {error}");
    }
}

#[test]
fn a_limit_is_told_and_is_no_end() {
    for (tool, rows, row) in LISTS {
        let seen = call(&listing(250, row), tool, json!({ "limit": 120 })).unwrap();
        assert_eq!(seen.data[rows].as_array().unwrap().len(), 120, "{tool}");
        assert_eq!(seen.data["total"], 250, "{tool}");
        assert!(
            !seen.complete && seen.notes[0].contains("only the first 120 are returned"),
            "{tool}: {:?}",
            seen.notes
        );
    }
    for (tool, limit) in
        [("workday_list_workers", 100), ("workday_list_positions", 100), ("workday_list_organizations", 200)]
    {
        let fake = listing(1000, LISTS.into_iter().find(|list| list.0 == tool).unwrap().2);
        let seen = call(&fake, tool, json!({})).unwrap();
        assert!(seen.notes[0].contains(&format!("only the first {limit} are")), "{tool}: {:?}", seen.notes);
    }
}

#[test]
fn as_many_workers_as_a_limit_allows_are_read_within_the_bound_of_pages() {
    let fake = listing(20_000, slim);
    let seen = call(&fake, "workday_list_workers", json!({ "limit": 20_000 })).unwrap();
    assert_eq!(seen.data["workers"].as_array().unwrap().len(), 20_000);
    assert!(seen.complete);
    assert_eq!(fake.sent().len(), 200);

    // A page may be shorter than asked; then pages run out before rows do, and the result says so.
    let short = configured(Fake::answering(|request| {
        let offset = option(request, "offset").unwrap();
        page(20_000, &[slim(offset)])
    }));
    let seen = call(&short, "workday_list_workers", json!({ "limit": 20_000 })).unwrap();
    assert_eq!((short.sent().len(), seen.data["workers"].as_array().unwrap().len()), (400, 400));
    assert!(!seen.complete && seen.notes[0].contains("stopped after 400 pages"), "{:?}", seen.notes);
}

#[test]
fn a_list_that_moves_is_read_again_and_then_given_up() {
    let pages = |first: usize| {
        let rows: Vec<Value> = (0..200).map(worker).collect();
        [page(first, &rows[..100]), page(200, &rows[100..])]
    };
    let settled = replies(pages(199).into_iter().chain(pages(200)));
    let seen = call(&settled, "workday_list_workers", json!({ "limit": 500 })).unwrap();
    assert!(seen.complete);
    assert_eq!(seen.data["workers"].as_array().unwrap().len(), 200);

    let error = fails(pages(199).into_iter().chain(pages(199)), "workday_list_workers", json!({ "limit": 500 }));
    assert!(matches!(&error, ToolError::Upstream(text) if text.contains("changed")), "{error:?}");
}

#[test]
fn a_failure_on_a_later_page_means_no_data() {
    for (tool, _, row) in LISTS {
        let rows: Vec<Value> = (0..100).map(row).collect();
        for (second, expected) in [
            (reply(503, "<html>"), "503"),
            (workday_error(401, "S19"), "401"),
            (reply(200, r#"{"total":150,"data":[{}]}"#), "data[0]"),
            (reply(200, r#"{"total":150}"#), "sent none"),
            (Err(Refusal::OverBudget), "over-budget"),
        ] {
            let error = fails([page(150, &rows), second], tool, json!({ "limit": 150 }));
            assert!(error.text().contains(expected), "{tool}: {error}");
        }
    }
}

#[test]
fn an_offset_skips_rows_and_the_total_counts_them() {
    let fake = listing(250, worker);
    let seen = call(&fake, "workday_list_workers", json!({ "offset": 240 })).unwrap();
    assert_eq!(seen.data["workers"].as_array().unwrap().len(), 10);
    assert_eq!((&seen.data["total"], seen.complete), (&json!(250), true));
    assert_eq!(urls(&fake), ["workers?includeTerminatedWorkers=true&limit=100&offset=240"]);

    let seen = call(&listing(250, worker), "workday_list_workers", json!({ "offset": 250 })).unwrap();
    assert_eq!((&seen.data["workers"], seen.complete), (&json!([]), true));
}

#[test]
fn a_worker_is_told_as_they_are_and_nothing_else() {
    let expected = json!({
        "wid": wid(7),
        "employee_id": "EMP-7",
        "display_name": "Alice Johnson",
        "worker_type": "Employee",
        "email": "worker7@nexus.corp",
        "business_title": "Engineering Manager",
        "job_profile": "Manager, Software Engineering",
        "supervisory_organization": { "wid": WID, "display_name": "Platform Engineering (Alice Johnson)" },
        "location": "Denver HQ",
        "additional_job_count": 0,
    });
    let seen = call(&replies([page(1, &[worker(7)])]), "workday_list_workers", json!({})).unwrap();
    assert_eq!(seen.data["workers"][0], expected);
    let seen = call(&replies([one(&worker(7))]), "workday_get_worker", json!({ "worker_id": "EMP-7" })).unwrap();
    assert_eq!(seen.data, expected);

    let two = with(worker(7), "additionalJobs", json!([{ "id": WID }, { "id": WID }]));
    let seen = call(&replies([page(1, &[two])]), "workday_list_workers", json!({})).unwrap();
    assert_eq!(seen.data["workers"][0]["additional_job_count"], 2);
}

#[test]
fn what_workday_leaves_out_of_a_worker_is_null_and_never_made_up() {
    // Somebody who has left has no job; `keep` leaves an empty person where there is no address.
    let mut left = with(without(worker(9), "primaryJob"), "person", json!({}));
    for key in ["workerType", "additionalJobs"] {
        left = without(left, key);
    }
    for row in [left.clone(), without(left, "person")] {
        let seen = call(&replies([page(1, &[row])]), "workday_list_workers", json!({})).unwrap();
        assert_eq!(
            seen.data["workers"][0],
            json!({
                "wid": wid(9), "employee_id": "EMP-9", "display_name": "Alice Johnson", "worker_type": null, "email": null,
                "business_title": null, "job_profile": null, "supervisory_organization": null, "location": null,
                "additional_job_count": null,
            })
        );
    }
    for key in ["id", "descriptor", "workerId"] {
        let error = fails([page(2, &[worker(1), without(worker(2), key)])], "workday_list_workers", json!({}));
        assert!(error.text().ends_with(&format!("at data[1] (no {key})")), "{error}");
    }
}

#[test]
fn workers_who_have_left_are_asked_for() {
    for tool in ["workday_list_workers", "workday_find_worker_by_email"] {
        let fake = listing(3, worker);
        let _ =
            call(&fake, tool, if tool.contains("find") { json!({ "email": "worker1@nexus.corp" }) } else { json!({}) });
        assert!(urls(&fake)[0].contains("includeTerminatedWorkers=true"), "{tool}: {:?}", urls(&fake));
    }
}

#[test]
fn a_worker_is_asked_for_by_either_id() {
    let upper = WID.to_uppercase();
    for (id, path) in [
        (WID, format!("workers/{WID}")),
        (upper.as_str(), format!("workers/{WID}")),
        ("EMP-1001", "workers/Employee_ID%3DEMP-1001".to_owned()),
        ("21001", "workers/Employee_ID%3D21001".to_owned()),
        // Workday takes this for whoever asks.
        ("me", "workers/Employee_ID%3Dme".to_owned()),
    ] {
        let row = with(with(worker(1), "id", json!(WID)), "workerId", json!(id));
        let fake = replies([one(&row)]);
        call(&fake, "workday_get_worker", json!({ "worker_id": id })).unwrap();
        assert_eq!(urls(&fake), [path]);
    }
}

#[test]
fn nobody_else_is_shown_for_the_worker_asked_for() {
    for tool in ["workday_get_worker", "workday_get_compensation"] {
        for id in [WID, "EMP-1001"] {
            let error = fails([one(&worker(2)), report(&[pay()])], tool, json!({ "worker_id": id }));
            assert_eq!(
                error,
                ToolError::upstream("Workday answered with another worker than was asked for"),
                "{tool} {id}"
            );
        }
        let error = fails([workday_error(404, "S21")], tool, json!({ "worker_id": "EMP-1001" }));
        assert!(matches!(error, ToolError::NotFound(_)), "{tool}: {error:?}");
    }
}

#[test]
fn a_mail_address_finds_one_worker_whatever_its_case() {
    let mixed = with(worker(1), "person", json!({ "email": "Alice.Johnson@Nexus.corp" }));
    for (email, sent) in [
        ("alice.johnson@nexus.corp", "alice.johnson@nexus.corp"),
        ("ALICE.JOHNSON@NEXUS.CORP", "ALICE.JOHNSON@NEXUS.CORP"),
    ] {
        // Whom the search finds by another address is no match.
        let fake = replies([page(2, &[worker(2), mixed.clone()])]);
        let seen = call(&fake, "workday_find_worker_by_email", json!({ "email": email })).unwrap();
        assert_eq!(seen.data["wid"], json!(wid(1)));
        let expected = format!("workers?includeTerminatedWorkers=true&email={sent}&limit=100&offset=0");
        assert_eq!(urls(&fake), [expected]);
    }
}

#[test]
fn nobody_two_workers_and_a_search_without_an_end_are_three_things() {
    let find =
        |replied: Vec<_>| fails(replied, "workday_find_worker_by_email", json!({ "email": "worker1@nexus.corp" }));
    assert!(matches!(find(vec![page(0, &[])]), ToolError::NotFound(_)));
    assert!(matches!(find(vec![page(1, &[worker(2)])]), ToolError::NotFound(_)));

    let twin = with(worker(2), "person", json!({ "email": "WORKER1@nexus.corp" }));
    let two = find(vec![page(2, &[worker(1), twin])]);
    assert!(matches!(&two, ToolError::InvalidArguments(text) if text.starts_with("more than one worker")), "{two:?}");

    // A tenant that overlooks the address answers with everybody: read to the end, that is as good.
    let seen = call(&listing(250, worker), "workday_find_worker_by_email", json!({ "email": "worker249@nexus.corp" }));
    assert_eq!(seen.unwrap().data["employee_id"], "EMP-249");
    for email in ["worker1@nexus.corp", "nobody@nexus.corp"] {
        let error =
            call(&listing(20_050, slim), "workday_find_worker_by_email", json!({ "email": email })).unwrap_err();
        assert!(matches!(&error, ToolError::Upstream(text) if text.contains("stopped after 20000")), "{error:?}");
    }
}

#[test]
fn a_tenant_that_cannot_search_by_mail_address_is_read_whole() {
    let old = |total: usize, row: Row| {
        configured(Fake::answering(move |request| {
            if request.url.contains("email=") {
                return workday_error(400, "A1");
            }
            let offset = option(request, "offset").unwrap();
            let rows: Vec<Value> = (offset..total.min(offset + 100)).map(row).collect();
            page(total, &rows)
        }))
    };
    let find = |fake: &Fake, email: &str| call(fake, "workday_find_worker_by_email", json!({ "email": email }));
    let fake = old(250, worker);
    assert_eq!(find(&fake, "worker249@nexus.corp").unwrap().data["employee_id"], "EMP-249");
    assert_eq!(fake.sent().len(), 4);
    assert!(matches!(find(&old(250, worker), "nobody@nexus.corp").unwrap_err(), ToolError::NotFound(_)));
    let error = find(&old(20_050, slim), "worker1@nexus.corp").unwrap_err();
    assert!(matches!(&error, ToolError::Upstream(text) if text.contains("is not known")), "{error:?}");
    // Only a refusal of the request means that; and then the whole list may fail as well.
    for (answer, n_sent) in
        [(workday_error(403, "S22"), 1), (workday_error(500, "S50"), 1), (workday_error(400, "A1"), 2)]
    {
        let fake = configured(Fake::answering(move |_| answer.clone()));
        assert!(find(&fake, "worker1@nexus.corp").is_err());
        assert_eq!(fake.sent().len(), n_sent);
    }
}

#[test]
fn a_search_that_is_refused_at_a_later_page_ends_as_one_that_is_refused_at_the_first() {
    let rows: Vec<Value> = (0..200).map(worker).collect();
    let moved = || [page(250, &rows[..100]), page(249, &rows[100..])];
    let whole = || [page(200, &rows[..100]), page(200, &rows[100..])];
    let find = |fake: &Fake| call(fake, "workday_find_worker_by_email", json!({ "email": "worker150@nexus.corp" }));
    // After one page, and when a list that changed is read for the second time.
    for before in [vec![page(250, &rows[..100])], moved().to_vec()] {
        let refused = before.iter().cloned().chain([workday_error(400, "A1")]);
        let fake = replies(refused.chain(whole()));
        assert_eq!(find(&fake).unwrap().data["employee_id"], "EMP-150");
        let searched: Vec<_> = urls(&fake).iter().map(|url| url.contains("email=")).collect();
        let expected: Vec<_> = (0..=before.len()).map(|_| true).chain([false, false]).collect();
        assert_eq!(searched, expected);

        for (status, expected) in [(403, "403"), (404, "404"), (429, "429"), (500, "500")] {
            let fake = replies(before.iter().cloned().chain([workday_error(status, "S1")]));
            let error = find(&fake).unwrap_err();
            assert!(error.text().contains(expected) && fake.sent().len() == before.len() + 1, "{status}: {error}");
        }
    }
}

#[test]
fn an_account_that_sees_no_mail_address_does_not_make_people_unknown() {
    let blind = |n: usize| with(worker(n), "person", json!({}));
    for replied in [
        vec![page(1, &[blind(1)])],
        vec![page(2, &[blind(1), without(worker(2), "person")])],
        vec![workday_error(400, "A1"), page(1, &[blind(1)])],
        vec![workday_error(400, "A1"), page(0, &[])],
    ] {
        let error = fails(replied, "workday_find_worker_by_email", json!({ "email": "worker1@nexus.corp" }));
        let ToolError::Refused(text) = error else { panic!("{error:?}") };
        assert!(text.contains("Person Data: Work Contact Information"), "{text}");
    }
    // One worker without an address among others is only that.
    let error = fails([page(2, &[blind(1), worker(2)])], "workday_find_worker_by_email", json!({ "email": "a@b.c" }));
    assert!(matches!(error, ToolError::NotFound(_)), "{error:?}");
}

#[test]
fn a_position_is_told_with_who_fills_it_and_that_open_ones_are_not_listed() {
    let bare = json!({ "id": wid(2), "descriptor": "Software Engineer" });
    let fake = replies([page(2, &[job(1), bare])]);
    let seen = call(&fake, "workday_list_positions", json!({})).unwrap();
    assert_eq!(urls(&fake), ["jobs?limit=100&offset=0"]);
    assert_eq!(
        seen.data["positions"],
        json!([
            {
                "wid": wid(1),
                "display_name": "Software Engineer - Bob Martinez",
                "business_title": "Software Engineer",
                "worker": { "wid": WID, "display_name": "Bob Martinez" },
                "supervisory_organization": { "wid": WID, "display_name": "Platform Engineering (Alice Johnson)" },
                "job_profile": "Software Engineer",
                "location": "Denver HQ",
            },
            {
                "wid": wid(2), "display_name": "Software Engineer", "business_title": null, "worker": null,
                "supervisory_organization": null, "job_profile": null, "location": null,
            },
        ])
    );
    assert!(seen.complete);
    assert_eq!(seen.notes, ["filled positions only: Workday's staffing service does not list open ones"]);
}

#[test]
fn an_organization_is_told_with_its_state_and_managers() {
    let vacant = with(with(organization(2), "managers", json!([])), "inactive", json!(true));
    let bare = json!({ "id": wid(3), "descriptor": "Sales" });
    let fake = replies([page(3, &[organization(1), vacant, bare])]);
    let seen = call(&fake, "workday_list_organizations", json!({})).unwrap();
    assert_eq!(urls(&fake), ["supervisoryOrganizations?includeInactive=true&limit=100&offset=0"]);
    let rows = &seen.data["organizations"];
    assert_eq!(
        rows[0],
        json!({
            "wid": wid(1),
            "display_name": "Platform Engineering (Alice Johnson)",
            "name": "Platform Engineering",
            "code": "SUP_ENG",
            "managers": [{ "wid": WID, "display_name": "Alice Johnson" }],
            "is_active": true,
        })
    );
    assert_eq!((&rows[1]["managers"], &rows[1]["is_active"]), (&json!([]), &json!(false)));
    assert_eq!(
        (&rows[2]["managers"], &rows[2]["is_active"], &rows[2]["code"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
}

fn compensation(rows: &[Value]) -> Result<Seen, ToolError> {
    let row = with(worker(1), "id", json!(WID));
    call(&replies([one(&row), report(rows)]), "workday_get_compensation", json!({ "worker_id": "EMP-1" }))
}

#[test]
fn a_pay_range_is_exact_and_of_the_worker_asked_for() {
    let row = with(worker(1), "id", json!(WID));
    let fake = replies([one(&row), report(&[pay()])]);
    let seen = call(&fake, "workday_get_compensation", json!({ "worker_id": "EMP-1" })).unwrap();
    assert_eq!(
        urls(&fake),
        ["workers/Employee_ID%3DEMP-1", &format!("ISU_Nexus/Nexus_Compensation?format=json&Worker%21WID={WID}")]
    );
    assert_eq!(
        seen.data,
        json!({
            "wid": WID,
            "grade": "M2",
            "pay_range_min": { "amount": "148000", "currency": "USD" },
            "pay_range_max": { "amount": "196000.5", "currency": "USD" },
            "frequency": "Annual",
        })
    );
    assert!(seen.complete && seen.notes.is_empty());
    let seen = compensation(&[with(pay(), "Pay_Range_Min", json!(148_000.25))]).unwrap();
    assert_eq!(seen.data["pay_range_min"]["amount"], "148000.25");
}

#[test]
fn a_pay_range_that_is_not_certain_is_an_error() {
    for (rows, expected) in [
        (vec![pay(), pay()], "2 entries"),
        (vec![with(pay(), "WID", json!(wid(5)))], "another worker"),
        (vec![without(pay(), "WID")], "no WID"),
        (vec![without(pay(), "Currency")], "without a currency"),
        (vec![without(pay(), "Frequency")], "without a frequency"),
        (vec![without(without(pay(), "Frequency"), "Pay_Range_Min")], "without a frequency"),
        (vec![without(without(pay(), "Frequency"), "Pay_Range_Max")], "without a frequency"),
        (vec![with(pay(), "Currency", json!("dollars"))], "currency"),
        (vec![with(pay(), "Pay_Range_Min", json!("148,000"))], "decimal"),
        (vec![with(pay(), "Pay_Range_Min", json!(["SECRET"]))], "Pay_Range_Min"),
    ] {
        let error = compensation(&rows).unwrap_err();
        assert!(matches!(&error, ToolError::Upstream(text) if text.contains(expected)), "{expected}: {error:?}");
        assert!(!error.text().contains("148"), "{error}");
    }
    assert!(matches!(compensation(&[]).unwrap_err(), ToolError::NotFound(_)));

    let seen = compensation(&[json!({ "WID": WID, "Grade": "M2" })]).unwrap();
    assert!(!seen.complete && seen.notes[0].contains("leaves out"), "{:?}", seen.notes);
    assert_eq!(seen.data["pay_range_min"], Value::Null);
    for column in ["Grade", "Pay_Range_Min", "Pay_Range_Max"] {
        let seen = compensation(&[without(pay(), column)]).unwrap();
        assert!(!seen.complete && seen.notes[0].contains("leaves out"), "{column}: {:?}", seen.notes);
    }
}

#[test]
fn the_rows_of_a_report_are_as_workday_wrote_them() {
    let text = r#"{"Report_Entry":[{"Z":"1","A":0.1000000000000000055511151231257827,"B":null,"C":{"d":[true]}},{}]}"#;
    let fake = replies([reply(200, text)]);
    let seen = call(&fake, "workday_run_raas_report", json!({ "report_path": "Nexus_Workers" })).unwrap();
    assert_eq!(urls(&fake), ["ISU_Nexus/Nexus_Workers?format=json"]);
    assert_eq!(seen.data["report_path"], "ISU_Nexus/Nexus_Workers");
    assert_eq!(seen.data["rows"], json!([{ "Z": "1", "A": 0.1, "B": null, "C": { "d": [true] } }, {}]));
    assert!(seen.complete && seen.notes.is_empty());

    let outcome = replies([reply(200, text)]);
    let outcome =
        outcome.outcome(TOOLS, "workday_run_raas_report", &json!({ "report_path": "ISU_Nexus/Nexus_Workers" }));
    let nexus_shard::Answered::Done { data: Some(data), .. } = outcome.unwrap() else { panic!("no data") };
    assert!(data.contains(r#"{"Z":"1","A":0.1000000000000000055511151231257827,"B":null"#), "{data}");
}

#[test]
fn a_report_without_rows_is_empty_and_one_of_another_shape_is_an_error() {
    let run = |body: &str| {
        call(
            &replies([reply(200, body)]),
            "workday_run_raas_report",
            json!({ "report_path": "Nexus_Workers", "params": null }),
        )
    };
    for body in ["{}", r#"{"Report_Entry":[]}"#] {
        let seen = run(body).unwrap();
        assert_eq!((&seen.data["rows"], seen.complete), (&json!([]), true), "{body}");
    }
    for body in [
        "[]",
        "null",
        r#""SECRET""#,
        r#"{"Report_Entry":null}"#,
        r#"{"Report_Entry":{"a":"SECRET"}}"#,
        r#"{"Report_Entry":[{"a":1},"SECRET"]}"#,
        r#"{"Report_Entry":[[]]}"#,
        r#"{"Report_Entry":[{"a":1}"#,
        r#"{"Report_Entry":[],"errors":[{"code":"S22"}]}"#,
        r#"{"errors":[{"code":"S22"}]}"#,
        "",
    ] {
        let error = run(body).unwrap_err();
        assert!(matches!(error, ToolError::Upstream(_)) && !error.text().contains("SECRET"), "{body}: {error:?}");
    }
    let error =
        fails([workday_error(404, "S21")], "workday_run_raas_report", json!({ "report_path": "Nexus_Workers" }));
    assert!(matches!(error, ToolError::NotFound(_)), "{error:?}");
}

#[test]
fn a_report_takes_prompts_but_never_another_format() {
    let run = |params: Value| {
        let fake = replies([report(&[])]);
        let ran = call(
            &fake,
            "workday_run_raas_report",
            json!({ "report_path": "ISU_Other/Some.Report-2", "params": params }),
        );
        (ran, urls(&fake))
    };
    let (ran, sent) = run(json!({ "Worker_Status": "On Leave & more=?#", "Org!WID": WID, "Year": 2026, "Deep": true }));
    ran.unwrap();
    assert_eq!(
        sent,
        [format!(
            "ISU_Other/Some.Report-2?format=json&Deep=1&Org%21WID={WID}&Worker_Status=On%20Leave%20%26%20more%3D%3F%23&Year=2026"
        )]
    );
    for params in [
        json!({ "format": "csv" }),
        json!({ "FORMAT": "csv" }),
        json!({ "": "x" }),
        json!({ "a!": "x" }),
        json!({ "!WID": "x" }),
        json!({ "a!b!c": "x" }),
        json!({ "a&format": "csv" }),
        json!({ "a b": "x" }),
        json!({ "a": "x\ny" }),
        json!({ "a": "x\0y" }),
        json!({ "a": "x".repeat(10_000) }),
        json!({ "a": null }),
        json!({ "a": ["x"] }),
        json!({ "a": { "b": 1 } }),
        json!("a=b"),
    ] {
        let (ran, sent) = run(params.clone());
        assert!(matches!(ran, Err(ToolError::InvalidArguments(_))), "{params}: {ran:?}");
        assert!(sent.is_empty(), "{params}");
    }
}

/// Each bound of what a report is asked by, on both sides.
#[test]
fn a_report_is_asked_for_by_names_and_prompts_of_bounded_length() {
    let run = |report_path: &str, params: Value| {
        let fake = replies([report(&[])]);
        let ran = call(&fake, "workday_run_raas_report", json!({ "report_path": report_path, "params": params }));
        assert_eq!(fake.sent().len(), usize::from(ran.is_ok()));
        assert!(matches!(ran, Ok(_) | Err(ToolError::InvalidArguments(_))), "{ran:?}");
        ran.is_ok().then(|| fake.sent().remove(0).url.len())
    };
    let (most, more) = ("a".repeat(100), "a".repeat(101));
    for (report_path, is_sent) in [
        (most.clone(), true),
        (format!("{most}/{most}"), true),
        (more.clone(), false),
        (format!("{more}/{most}"), false),
        (format!("{most}/{more}"), false),
    ] {
        assert_eq!(run(&report_path, json!({})).is_some(), is_sent, "{report_path}");
    }
    let (kind, kinds) = ("b".repeat(20), "b".repeat(21));
    for (prompt, is_sent) in
        [(most.clone(), true), (more, false), (format!("{most}!{kind}"), true), (format!("a!{kinds}"), false)]
    {
        assert_eq!(run("Nexus_Workers", json!({ prompt.clone(): "x" })).is_some(), is_sent, "{prompt}");
    }
    let of = |n: usize| run("Nexus_Workers", json!({ "a": "x".repeat(n) }));
    let rest = 8 * 1024 - of(0).unwrap();
    assert_eq!((of(rest), of(rest + 1)), (Some(8 * 1024), None));
}

#[test]
fn a_report_that_the_manifest_does_not_name_is_refused_with_the_reason() {
    let error =
        fails([Err(Refusal::NotGranted)], "workday_run_raas_report", json!({ "report_path": "Nexus_Compensation" }));
    let ToolError::Refused(text) = error else { panic!("{error:?}") };
    assert!(text.contains("not among those that the shard's manifest names"), "{text}");
}

/// What tries to be another path, query or text than one value.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        ".",
        "..",
        "../",
        "../workers",
        "a/../b",
        "a/b/c",
        "/",
        "//",
        "a//b",
        "\\",
        "..\\x",
        "%2e%2e",
        "%2F",
        "a%2Fb",
        "#",
        "a#b",
        "?",
        "a?limit=1",
        "a&b=c",
        "'",
        "\"",
        "\u{2018}a\u{2019}",
        "\u{201c}a\u{201d}",
        "%",
        "%00",
        "a\nb",
        "a\r\nb: c",
        "a\0b",
        "a\tb",
        "a b",
        " ",
        "\u{202e}a",
        "a;b",
        "a=b",
        "\u{ff0e}\u{ff0e}",
    ]
    .map(str::to_owned)
    .into();
    texts.push("a".repeat(10_000));
    texts.push(format!("EMP-1001{}", "/".repeat(10_000)));
    texts
}

#[test]
fn no_id_or_report_leads_to_another_path() {
    for text in hostile() {
        for (tool, key) in [
            ("workday_get_worker", "worker_id"),
            ("workday_get_compensation", "worker_id"),
            ("workday_run_raas_report", "report_path"),
        ] {
            let fake = replies([]);
            let error = call(&fake, tool, json!({ key: text })).unwrap_err();
            assert!(matches!(error, ToolError::InvalidArguments(_)), "{tool} {text:?}: {error:?}");
            assert!(fake.sent().is_empty(), "{tool} {text:?}");
        }
        for report_path in [format!("ISU_Nexus/{text}"), format!("{text}/Nexus_Workers")] {
            let fake = replies([]);
            let error = call(&fake, "workday_run_raas_report", json!({ "report_path": report_path })).unwrap_err();
            assert!(matches!(error, ToolError::InvalidArguments(_)), "{report_path:?}: {error:?}");
            assert!(fake.sent().is_empty(), "{report_path:?}");
        }
    }
}

#[test]
fn a_mail_address_has_320_bytes_at_most() {
    let of = |n: usize| {
        let fake = replies([page(0, &[])]);
        let email = format!("{}@nexus.corp", "a".repeat(n - 11));
        let error = call(&fake, "workday_find_worker_by_email", json!({ "email": email })).unwrap_err();
        (matches!(error, ToolError::NotFound(_)), fake.sent().len())
    };
    assert_eq!((of(320), of(321)), ((true, 1), (false, 0)));
}

#[test]
fn a_mail_address_and_a_prompt_are_one_value_or_are_not_sent() {
    let is_one_value = |url: &str, key: &str, before: usize, after: usize| {
        let (path, query) = url.split_once('?').unwrap();
        let pairs: Vec<_> = query.split('&').collect();
        assert_eq!(pairs.len(), before + 1 + after, "{url}");
        let value = pairs[before].strip_prefix(key).and_then(|rest| rest.strip_prefix('=')).expect("the key");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@%".contains(&byte);
        assert!(value.bytes().all(plain) && !path.contains('%'), "{url}");
    };
    for text in hostile() {
        for email in [text.clone(), format!("{text}@nexus.corp"), format!("alice@{text}")] {
            let fake = replies([page(0, &[])]);
            let error = call(&fake, "workday_find_worker_by_email", json!({ "email": email })).unwrap_err();
            if matches!(error, ToolError::InvalidArguments(_)) {
                assert!(fake.sent().is_empty(), "{email:?}");
            } else {
                is_one_value(&fake.sent()[0].url, "email", 1, 2);
            }
        }
        let fake = replies([report(&[])]);
        let params = json!({ "Worker_Status": text });
        match call(&fake, "workday_run_raas_report", json!({ "report_path": "Nexus_Workers", "params": params })) {
            Err(ToolError::InvalidArguments(_)) => assert!(fake.sent().is_empty(), "{text:?}"),
            ran => {
                ran.unwrap();
                is_one_value(&fake.sent()[0].url, "Worker_Status", 1, 0);
            }
        }
    }
    for email in ["", "@", "a@", "@b", "a@b@c", "a b@c", " a@b", "a@b\n", "a\0@b", "alice"] {
        let error = fails([page(0, &[])], "workday_find_worker_by_email", json!({ "email": email }));
        assert!(matches!(error, ToolError::InvalidArguments(_)), "{email:?}: {error:?}");
    }
}

#[test]
fn the_definitions_say_the_limits_the_defaults_and_the_classes() {
    assert_eq!(TOOLS.iter().map(|tool| tool.define().name).collect::<Vec<_>>(), ALL.map(|(name, _)| name));
    for tool in TOOLS {
        let tool = tool.define();
        assert!(tool.annotations.read_only && !tool.annotations.destructive);
        assert_eq!(tool.input_schema["additionalProperties"], false);
        let output = tool.output_schema.expect("an output schema");
        assert_eq!((&output["type"], &output["additionalProperties"]), (&json!("object"), &json!(false)));
        let text = format!("{output}{}", tool.input_schema);
        assert!(!text.contains("$ref") && !text.contains("uint"), "{text}");
    }
    let define = |tool: &str| TOOLS.iter().find(|entry| entry.name() == tool).unwrap().define();
    let input = |tool: &str, key: &str| define(tool).input_schema["properties"][key].clone();
    let class = |tool: &str, pointer: &str| {
        define(tool).output_schema.unwrap().pointer(pointer).unwrap()["x-nexus-class"].clone()
    };
    for (tool, limit) in
        [("workday_list_workers", 100), ("workday_list_positions", 100), ("workday_list_organizations", 200)]
    {
        let found = input(tool, "limit");
        assert_eq!([&found["minimum"], &found["maximum"], &found["default"]], [1, 20_000, limit], "{tool}");
    }
    let offset = input("workday_list_workers", "offset");
    assert_eq!((&offset["minimum"], &offset["default"]), (&json!(0), &json!(0)));
    assert_eq!(input("workday_run_raas_report", "params")["default"], Value::Null);
    for (tool, key) in [
        ("workday_get_worker", "worker_id"),
        ("workday_get_compensation", "worker_id"),
        ("workday_find_worker_by_email", "email"),
        ("workday_run_raas_report", "params"),
    ] {
        assert_eq!(input(tool, key)["x-nexus-class"], "person", "{tool}");
    }
    for field in ["employee_id", "display_name", "email"] {
        assert_eq!(class("workday_get_worker", &format!("/properties/{field}")), "person", "{field}");
    }
    for field in ["grade", "pay_range_min", "pay_range_max", "frequency"] {
        assert_eq!(class("workday_get_compensation", &format!("/properties/{field}")), "pay", "{field}");
    }
    assert_eq!(class("workday_run_raas_report", "/properties/rows"), "person");
    assert_eq!(class("workday_list_positions", "/properties/positions/items/properties/display_name"), "person");
    assert_eq!(
        class("workday_list_organizations", "/properties/organizations/items/properties/display_name"),
        "person"
    );
}
