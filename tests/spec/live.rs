//! Live mode, over real sockets: what an upstream does to Nexus, and what Nexus makes of it.
//!
//! An outage is an error and never an empty list, a token is fetched when it is needed and not more often, and every
//! attempt is on record.

use std::time::Duration;

use nexus::wire::mock::{Certificate, Misbehaviour};
use serde_json::{Value, json};

use crate::support::record::record;
use crate::support::spellings::assert_no_secret;
use crate::support::upstream::{CLIENT_SECRET, Upstream, live, nobody};
use crate::support::{Called, Nexus, shards};

/// One call of `entra_list_users` and what the ledger says of it. Nothing that was printed holds a secret.
#[track_caller]
fn check(nexus: &Nexus, on_record: &[&str]) -> Called {
    let called = nexus.call("entra_list_users", json!({ "limit": 5 }));
    assert_eq!(record(nexus), on_record, "{called:#?}");
    assert_no_secret("standard output", called.ran.stdout.as_bytes());
    assert_no_secret("standard error", called.ran.stderr.as_bytes());
    assert_eq!(called.answer["source"], "live");
    called
}

#[track_caller]
fn check_error(nexus: &Nexus, code: &str, on_record: &[&str]) {
    let called = check(nexus, on_record);
    assert_eq!(called.error(), code, "{called:#?}");
    assert_eq!(called.answer.get("data"), None);
}

#[track_caller]
fn check_data(nexus: &Nexus, on_record: &[&str]) {
    let called = check(nexus, on_record);
    assert_eq!(called.data()["users"].as_array().unwrap().len(), 5);
}

const ALL_WELL: [&str; 3] = ["token 200", "egress 200", "call success"];

/// The identity shard with another deadline than its manifest's.
fn with_deadline(deadline: &str) -> Nexus {
    Nexus::new().with_shard_as(&shards().join("identity"), "identity", |manifest| {
        assert!(manifest.contains("deadline = \"120s\""), "{manifest}");
        manifest.replace("deadline = \"120s\"", &format!("deadline = \"{deadline}\""))
    })
}

#[test]
fn the_same_component_tells_the_same_from_sockets_as_from_mock_data() {
    let upstream = Upstream::with(|options| options.mock.scale = 1500);
    let (live, mock) = (upstream.nexus(), Nexus::identity().set("mock-upstreams.scale", 1500));
    let (live, mock) = (live.serve(), mock.serve());
    let (live, mock) = (live.client(), mock.client());
    let groups = mock.call("entra_list_groups", json!({ "limit": 20_000 }));
    let group = groups["structuredContent"]["groups"][0]["id"].clone();
    for (tool, arguments) in [
        ("entra_list_users", json!({ "limit": 20_000 })),
        ("entra_get_user", json!({ "user_id_or_upn": "alice.johnson@nexus.corp" })),
        ("entra_list_groups", json!({ "limit": 20_000 })),
        ("entra_get_group_members", json!({ "group_id": group })),
        ("entra_list_service_principals", json!({ "limit": 20_000 })),
        ("entra_get_conditional_access_policies", json!({})),
        ("entra_get_risky_users", json!({})),
        ("entra_get_signin_logs", json!({ "limit": 5_000 })),
    ] {
        let (live, mock) = (live.call(tool, arguments.clone()), mock.call(tool, arguments));
        assert_eq!(live["isError"], false, "{tool}: {live:#}");
        assert_eq!(live["structuredContent"], mock["structuredContent"], "{tool}");
        assert_eq!(live["content"], mock["content"], "{tool}");
        assert_eq!(live["_meta"]["nexus/complete"], mock["_meta"]["nexus/complete"], "{tool}");
        assert_eq!(live["_meta"]["nexus/source"], "live", "{tool}");
        assert_eq!(mock["_meta"]["nexus/source"], "mock", "{tool}");
        let rows = live["structuredContent"].as_object().unwrap().values().find_map(Value::as_array);
        assert!(rows.is_none_or(|rows| !rows.is_empty()), "{tool}: nothing to compare");
    }
    assert!(upstream.users() >= 2, "all users fit on one page");
    assert_eq!(upstream.tokens(), 1);
}

#[test]
fn a_token_is_fetched_once_for_many_calls() {
    let upstream = Upstream::new();
    let nexus = upstream.nexus();
    let server = nexus.serve();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let result = server.client().call("entra_list_users", json!({ "limit": 5 }));
                assert_eq!(result["isError"], false, "{result:#}");
            });
        }
    });
    assert_eq!((upstream.tokens(), upstream.users()), (1, 8));
    let told = record(&nexus);
    assert_eq!(told.iter().filter(|line| *line == "token 200").count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|line| *line == "egress 200").count(), 8, "{told:?}");
}

#[test]
fn a_token_is_renewed_before_it_expires() {
    let upstream = Upstream::with(|options| options.mock.token_lifetime = Duration::from_secs(3));
    let nexus = upstream.nexus();
    let server = nexus.serve();
    let client = server.client();
    for _ in 0..2 {
        let result = client.call("entra_list_users", json!({ "limit": 5 }));
        assert_eq!(result["isError"], false, "{result:#}");
        std::thread::sleep(Duration::from_millis(3100));
    }
    assert_eq!(upstream.tokens(), 2);
    // No 401 led to it.
    assert_eq!(record(&nexus), [ALL_WELL, ALL_WELL].concat());
}

#[test]
fn a_token_that_is_no_longer_accepted_is_renewed_once() {
    let upstream = Upstream::new();
    let nexus = upstream.nexus();
    let server = nexus.serve();
    let client = server.client();
    client.call("entra_list_users", json!({ "limit": 5 }));
    upstream.expire_tokens();
    let result = client.call("entra_list_users", json!({ "limit": 5 }));
    assert_eq!(result["isError"], false, "{result:#}");
    assert_eq!(upstream.tokens(), 2);
    let again = ["egress 401", "token 200", "egress 200", "call success"];
    assert_eq!(record(&nexus), [&ALL_WELL[..], &again[..]].concat());
}

#[test]
fn an_upstream_that_refuses_the_new_token_too_has_refused() {
    let upstream = Upstream::new();
    upstream.fault("graph/users", 0, Misbehaviour::ExpiredToken);
    let nexus = upstream.nexus();
    check_error(&nexus, "refused", &["token 200", "egress 401", "token 200", "egress 401", "call refused refused"]);
    assert_eq!((upstream.tokens(), upstream.users()), (2, 2));
}

#[test]
fn an_upstream_that_says_when_is_asked_again_then_and_not_before() {
    let upstream = Upstream::new();
    upstream.status("graph/users", 1, 429, Some("2"));
    let nexus = upstream.nexus();
    check_data(&nexus, &["token 200", "egress 429", "egress 200", "call success"]);
    assert!(waited(&nexus) >= 2.0, "{} s", waited(&nexus));
}

#[test]
fn an_upstream_that_does_not_say_when_is_given_a_moment() {
    let upstream = Upstream::new();
    upstream.status("graph/users", 1, 429, None);
    let nexus = upstream.nexus();
    check_data(&nexus, &["token 200", "egress 429", "egress 200", "call success"]);
    assert!(waited(&nexus) >= 1.0, "{} s", waited(&nexus));
}

#[test]
fn an_upstream_that_asks_for_more_patience_than_there_is_is_told_at_once() {
    let upstream = Upstream::new();
    upstream.status("graph/users", 0, 429, Some("3600"));
    let nexus = upstream.nexus();
    let called = check(&nexus, &["token 200", "egress 429", "call error upstream"]);
    assert_eq!(called.error(), "upstream");
    let message = called.answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("in 3600 seconds"), "{message}");
    assert_eq!(upstream.users(), 1);
}

/// Seconds between the first reply and the next attempt, by the ledger.
fn waited(nexus: &Nexus) -> f64 {
    let lines = nexus.ledger();
    let time = |phase: &str, nth: usize| {
        let mut found = lines.iter().filter(|line| line["kind"] == "egress" && line["phase"] == phase);
        found.nth(nth).unwrap()["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap()
    };
    time("asked", 1).duration_since(time("ended", 0)).as_secs_f64()
}

#[test]
fn a_short_outage_is_waited_out() {
    for status in [502, 503, 504] {
        let upstream = Upstream::new();
        upstream.status("graph/users", 1, status, None);
        let failed = format!("egress {status}");
        check_data(&upstream.nexus(), &["token 200", &failed, "egress 200", "call success"]);
    }
}

#[test]
fn a_connection_that_breaks_is_made_again() {
    let upstream = Upstream::new();
    upstream.fault("graph/users", 1, Misbehaviour::Reset);
    check_data(&upstream.nexus(), &["token 200", "egress error unreachable", "egress 200", "call success"]);
    assert_eq!(upstream.users(), 2);
}

#[test]
fn an_outage_is_an_error_and_never_an_empty_list() {
    for (status, attempts) in [(500, 1), (501, 1), (502, 3), (503, 3), (504, 3)] {
        let upstream = Upstream::new();
        upstream.status("graph/users", 0, status, None);
        let attempt = format!("egress {status}");
        let mut told = vec!["token 200"];
        told.extend(std::iter::repeat_n(attempt.as_str(), attempts));
        told.push("call error upstream");
        check_error(&upstream.nexus(), "upstream", &told);
        assert_eq!(upstream.users(), attempts as u64, "{status}");
    }
}

#[test]
fn a_page_for_people_is_no_data_and_is_not_repeated() {
    for (status, attempts) in [(200, 1), (403, 1), (503, 3)] {
        let upstream = Upstream::new();
        upstream.fault("graph/users", 0, Misbehaviour::Html { status });
        let nexus = upstream.nexus();
        let called = nexus.call("entra_list_users", json!({ "limit": 5 }));
        assert_eq!(called.error(), if status == 403 { "refused" } else { "upstream" });
        let message = called.answer["error"]["message"].as_str().unwrap();
        assert!(!message.contains('<'), "{message}");
        assert_eq!(upstream.users(), attempts, "{status}");
        assert_eq!(record(&nexus).len() as u64, attempts + 2);
    }
}

#[test]
fn half_an_answer_is_no_answer() {
    for does in [Misbehaviour::Torn, Misbehaviour::Oversized { bytes: 9 << 20 }] {
        let upstream = Upstream::new();
        upstream.fault("graph/users", 0, does);
        check_error(&upstream.nexus(), "upstream", &["token 200", "egress error bad-reply", "call error upstream"]);
        assert_eq!(upstream.users(), 1, "a broken answer does not get better by asking again");
    }
}

#[test]
fn an_answer_of_another_shape_is_an_error() {
    for does in [
        Misbehaviour::WrongJson,
        Misbehaviour::Set { pointer: "/value".into(), value: Value::Null },
        Misbehaviour::Set { pointer: "/value".into(), value: json!({}) },
        Misbehaviour::Set { pointer: "/value/0".into(), value: json!({ "id": 7 }) },
        Misbehaviour::Set { pointer: "/@odata.nextLink".into(), value: json!(["a", "b"]) },
    ] {
        let upstream = Upstream::new();
        upstream.fault("graph/users", 0, does);
        check_error(&upstream.nexus(), "upstream", &["token 200", "egress 200", "call error upstream"]);
    }
}

#[test]
fn a_page_in_the_middle_that_fails_fails_the_whole() {
    let upstream = Upstream::with(|options| options.mock.scale = 1500);
    let nexus = upstream.nexus();
    upstream.fault_at("graph/users", 2, Misbehaviour::Status { status: 500, retry_after: None });
    let called = nexus.call("entra_list_users", json!({ "limit": 20_000 }));
    assert_eq!(called.error(), "upstream");
    assert_eq!(record(&nexus), ["token 200", "egress 200", "egress 500", "call error upstream"]);
}

#[test]
fn an_empty_page_with_a_next_link_is_not_the_end() {
    let upstream = Upstream::with(|options| options.mock.scale = 100);
    upstream.fault("graph/users", 1, Misbehaviour::Set { pointer: "/value".into(), value: json!([]) });
    let called = check(&upstream.nexus(), &["token 200", "egress 200", "egress 200", "call success"]);
    assert_eq!(called.data()["users"].as_array().unwrap().len(), 5);
    assert_eq!(upstream.users(), 2);
}

#[test]
fn a_next_link_leads_nowhere_but_on() {
    for link in [
        "https://evil.example/v1.0/users?$skiptoken=x",
        "https://graph.microsoft.com.evil.example/v1.0/users?$skiptoken=x",
        "https://graph.microsoft.com@evil.example/v1.0/users?$skiptoken=x",
        "http://graph.microsoft.com/v1.0/users?$skiptoken=x",
        "https://graph.microsoft.com:8443/v1.0/users?$skiptoken=x",
        "https://graph.microsoft.com/v1.0/groups?$skiptoken=x",
        "//evil.example/v1.0/users",
        "/v1.0/users?$skiptoken=x",
    ] {
        let upstream = Upstream::new();
        let does = Misbehaviour::Set { pointer: "/@odata.nextLink".into(), value: link.into() };
        upstream.fault("graph/users", 0, does);
        let nexus = upstream.nexus();
        let called = nexus.call("entra_list_users", json!({ "limit": 1000 }));
        assert_eq!(called.error(), "upstream", "{link}");
        let message = called.answer["error"]["message"].as_str().unwrap();
        assert!(!message.contains("evil"), "{message}");
        assert_eq!(record(&nexus), ["token 200", "egress 200", "call error upstream"], "{link}");
        let elsewhere = nexus.ledger().iter().any(|line| line.to_string().contains("evil"));
        assert!(!elsewhere, "{link}");
    }
}

#[test]
fn a_stall_ends_with_the_deadline() {
    for does in [Misbehaviour::Stall, Misbehaviour::StallBody] {
        let upstream = Upstream::new();
        upstream.fault("graph/users", 0, does);
        let nexus = upstream.reached_by(with_deadline("2s"));
        let called = nexus.call("entra_list_users", json!({ "limit": 5 }));
        // The guest's wait and the socket's end at the same moment, and either may be seen first.
        let (told, code) = (record(&nexus), called.error());
        assert!(["deadline", "upstream"].contains(&code), "{called:#?}");
        assert_eq!(told[0], "token 200", "{told:?}");
        assert!(["egress error timeout", "egress abandoned"].contains(&told[1].as_str()), "{told:?}");
        assert_eq!(told[2], format!("call error {code}"), "{told:?}");
        assert_eq!(upstream.users(), 1, "a stall is not asked again");
    }
}

#[test]
fn a_token_endpoint_that_stalls_ends_with_the_deadline_too() {
    let upstream = Upstream::new();
    upstream.fault("login/token", 0, Misbehaviour::Stall);
    let nexus = upstream.reached_by(with_deadline("2s"));
    let called = nexus.call("entra_list_users", json!({ "limit": 5 }));
    assert_eq!(called.ran.code, Some(1), "{called:#?}");
    record(&nexus);
    assert_eq!((upstream.tokens(), upstream.users()), (1, 0));
}

#[test]
fn a_wrong_certificate_gets_no_secret_and_no_request() {
    for certificate in [Certificate::OtherName, Certificate::Expired, Certificate::OtherAuthority] {
        let good = Upstream::new();
        let bad = Upstream::with(|options| options.certificate = certificate);
        // Of the token endpoint: the client secret stays here.
        let nexus = live(Nexus::identity(), (bad.addr(), &bad), (good.addr(), &good));
        check_error(&nexus, "refused", &["token error credential", "egress error credential", "call refused refused"]);
        assert_eq!((bad.tokens(), good.users()), (0, 0), "{certificate:?}");
        // Of Graph: the token stays here.
        let nexus = live(Nexus::identity(), (good.addr(), &good), (bad.addr(), &bad));
        check_error(&nexus, "upstream", &["token 200", "egress error untrusted", "call error upstream"]);
        assert_eq!((good.tokens(), bad.users()), (1, 0), "{certificate:?}");
    }
}

#[test]
fn an_upstream_that_is_down_is_an_error_after_three_tries() {
    let upstream = Upstream::new();
    let nexus = live(Nexus::identity(), (upstream.addr(), &upstream), (nobody(), &upstream));
    let down = "egress error unreachable";
    check_error(&nexus, "upstream", &["token 200", down, down, down, "call error upstream"]);
    let nexus = live(Nexus::identity(), (nobody(), &upstream), (upstream.addr(), &upstream));
    check_error(&nexus, "refused", &["token error credential", "egress error credential", "call refused refused"]);
    assert_eq!(upstream.users(), 0);
}

#[test]
fn an_upstream_that_keeps_failing_is_left_alone() {
    let upstream = Upstream::new();
    upstream.status("graph/users", 0, 500, None);
    let nexus = upstream.nexus();
    let server = nexus.serve();
    let client = server.client();
    for _ in 0..8 {
        let result = client.call("entra_list_users", json!({ "limit": 5 }));
        assert_eq!(result["_meta"]["nexus/error"], "upstream", "{result:#}");
    }
    assert_eq!(upstream.users(), 5);
    let told = record(&nexus);
    assert_eq!(told.iter().filter(|line| *line == "egress error unreachable").count(), 3, "{told:?}");
}

#[test]
fn a_missing_secret_is_named_by_doctor_and_sends_nothing() {
    for missing in ["ENTRA_CLIENT_ID", "ENTRA_CLIENT_SECRET"] {
        let upstream = Upstream::new();
        let nexus = upstream.nexus().env(missing, "");
        let doctor = nexus.run(&["doctor"]);
        assert_eq!(doctor.code, Some(6), "{doctor:#?}");
        assert!(doctor.stdout.contains(&format!("{missing} is not set")), "{doctor:#?}");
        assert_no_secret("doctor's report", format!("{doctor:?}").as_bytes());
        assert_no_secret("doctor's report", doctor.stdout.as_bytes());
        check_error(&nexus, "refused", &["egress error credential", "call refused refused"]);
        assert_eq!((upstream.tokens(), upstream.users()), (0, 0));
    }
    let upstream = Upstream::new();
    let doctor = upstream.nexus().run(&["doctor"]);
    assert_eq!(doctor.code, Some(0), "{doctor:#?}");
    assert_no_secret("doctor's report", doctor.stdout.as_bytes());
}

#[test]
fn a_missing_setting_keeps_its_shard_out_and_is_named() {
    let upstream = Upstream::new();
    let nexus = upstream.nexus().set("settings", toml::Table::new());
    let doctor = nexus.run(&["doctor"]);
    assert_eq!(doctor.code, Some(6), "{doctor:#?}");
    assert!(doctor.stdout.contains("ENTRA_TENANT_ID"), "{doctor:#?}");
    let called = nexus.call("entra_list_users", json!({}));
    assert_eq!(called.error(), "unknown-tool");
    assert_eq!((upstream.tokens(), upstream.users()), (0, 0));
}

#[test]
fn a_wrong_secret_is_refused_told_apart_and_not_insisted_on() {
    let upstream = Upstream::new();
    let wrong = format!("{CLIENT_SECRET}-of-last-year");
    let nexus = upstream.nexus().env("ENTRA_CLIENT_SECRET", &wrong);
    let server = nexus.serve();
    let client = server.client();
    for _ in 0..3 {
        let result = client.call("entra_list_users", json!({ "limit": 5 }));
        assert_eq!(result["_meta"]["nexus/error"], "refused", "{result:#}");
        assert_no_secret("a result", result.to_string().as_bytes());
    }
    // A token endpoint answers insistence with a ban.
    assert_eq!((upstream.tokens(), upstream.users()), (1, 0));
    assert!(server.log().contains("invalid_client"), "{}", server.log());
    assert_no_secret("the log", server.log().as_bytes());
    let told = record(&nexus);
    assert_eq!(told[..3], ["token error credential", "egress error credential", "call refused refused"]);
}

#[test]
fn an_address_of_this_machine_needs_the_operators_pin() {
    let upstream = Upstream::new();
    let nexus = upstream.nexus().set("network.resolve", toml::Table::new());
    let edited = nexus.path("shards/identity/shard.toml");
    let manifest = std::fs::read_to_string(&edited).unwrap();
    std::fs::write(&edited, manifest.replace("login.microsoftonline.com", "localhost")).unwrap();
    let called = nexus.call("entra_list_users", json!({ "limit": 5 }));
    assert_ne!(called.ran.code, Some(0), "{called:#?}");
    assert_eq!((upstream.tokens(), upstream.users()), (0, 0));
}
