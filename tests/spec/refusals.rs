//! A refusal costs a shard what a request costs, and the record little: the first ones of a call are described, the others counted, and
//! none is lost.

use std::thread;

use serde_json::{Value, json};

use crate::support::{Nexus, eventually, guest};

const EACH: u64 = 10_000;
const CALLS: u64 = 12;
/// What leaves, of each call.
const BUDGET: u64 = 4;
/// Refusals of a call that have two lines each.
const DESCRIBED: u64 = 16;

fn nexus() -> Nexus {
    Nexus::identity().with_shard_as(&guest("hostile"), "hostile", |manifest| {
        let manifest = manifest.replace("egress-calls = 8", "egress-calls = 4");
        manifest.replace("cpu = \"1s\"", "cpu = \"60s\"").replace("deadline = \"2s\"", "deadline = \"60s\"")
    })
}

/// Several calls at once that each ask ten thousand times. Returns their event ids.
fn flooded(nexus: &Nexus) -> (Vec<String>, String) {
    let server = nexus.serve();
    let calls = thread::scope(|scope| {
        let one = || {
            let result = server.client().call("hostile_flood", json!({ "n": EACH }));
            let outcomes = result["structuredContent"]["outcomes"].as_array().unwrap();
            let left = outcomes.iter().filter(|outcome| **outcome == "200").count() as u64;
            let refused = outcomes.iter().filter(|outcome| **outcome == "over-budget").count() as u64;
            assert_eq!((left, refused), (BUDGET, EACH - BUDGET));
            result["_meta"]["nexus/event-id"].as_str().unwrap().to_owned()
        };
        let callers: Vec<_> = (0..CALLS).map(|_| scope.spawn(one)).collect();
        // A neighbour is served meanwhile.
        let neighbour = server.client().call("entra_list_users", json!({ "limit": 1 }));
        assert_eq!(neighbour["structuredContent"]["users"].as_array().map(Vec::len), Some(1), "{neighbour:#}");
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    eventually("the log", || server.log().matches("the ledger counts them").count() as u64 == CALLS);
    let log = server.log();
    server.stop();
    (calls, log)
}

#[test]
fn calls_that_are_refused_ten_thousand_times_write_little_and_every_refusal_is_counted() {
    let nexus = nexus();
    let (calls, log) = flooded(&nexus);
    let ledger = nexus.ledger();
    for call in &calls {
        let of_call: Vec<_> =
            ledger.iter().filter(|line| line["parent_id"] == **call || line["event_id"] == **call).collect();
        let bytes: usize = of_call.iter().map(|line| line.to_string().len()).sum();
        assert!(bytes < 32 << 10, "{bytes} bytes");
        let refused = |line: &&&Value| line["phase"] == "ended" && line["refusal"] == "over-budget";
        assert_eq!(of_call.iter().filter(refused).count() as u64, DESCRIBED);
        let again: Vec<_> = of_call.iter().filter(|line| line["kind"] == "refused-again").collect();
        let [again] = again[..] else { panic!("{again:?}") };
        let counted = EACH - BUDGET - DESCRIBED;
        assert_eq!(again["count"], counted);
        assert_eq!(again["refusals"], json!([{ "kind": "egress", "refusal": "over-budget", "count": counted }]));
        for (key, expected) in [("shard", "hostile"), ("tool", "hostile_flood"), ("status", "refused")] {
            assert_eq!(again[key], expected, "{again}");
        }
        assert!(again["component_digest"].as_str().unwrap().starts_with("sha256:"), "{again}");
        let ended = of_call.last().unwrap();
        assert_eq!((&ended["kind"], &ended["phase"]), (&json!("call"), &json!("ended")), "counted before the ending");
    }
    // The operator's log tells as many as the record describes.
    assert_eq!(log.matches("WARN refused: ").count() as u64, CALLS * DESCRIBED, "{log}");
    let verified = nexus.run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:#?}");
}

#[test]
fn whoever_reads_the_record_finds_every_refusal() {
    let nexus = nexus();
    let n = 100;
    nexus.call("hostile_flood", json!({ "n": n }));
    nexus.call("hostile_fetch", json!({ "method": "GET", "url": "https://evil.test/" }));
    let (over_budget, counted) = (n - BUDGET, n - BUDGET - DESCRIBED);

    let stats = nexus.call("nexus_audit_stats", json!({}));
    assert_eq!(stats.data()["refusal_breakdown"], json!({ "over-budget": over_budget, "not-granted": 1 }));
    assert_eq!(stats.data()["crossing_breakdown"]["egress"], n + 1, "{stats:#?}");
    let text = nexus.run(&["audit", "stats"]).stdout;
    assert!(text.contains(&format!("{over_budget:>10}  refused over-budget\n")), "{text}");

    let found =
        nexus.run(&["audit", "search", "--kind", "refused-again", "--outcome", "refused", "--shard", "hostile"]);
    assert_eq!(found.stdout.lines().count(), 1, "{found:#?}");
    assert!(found.stdout.contains(&format!("egress/over-budget={counted}")), "{found:#?}");

    let rows = nexus.run(&["audit", "export", "--schema", "csv"]).stdout;
    let row = rows.lines().find(|row| row.contains("\"refused-again\"")).unwrap();
    assert!(row.ends_with(&format!("\"{counted}\",\"egress/over-budget={counted}\"")), "{row}");
    assert!(rows.lines().next().unwrap().ends_with("\"count\",\"refusals\""), "{rows}");

    let events = nexus.run(&["audit", "export", "--schema", "ocsf"]);
    let all: Vec<Value> = events.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused: u64 = all
        .iter()
        .filter(|event| event["status_code"] == "over-budget")
        .map(|event| event["count"].as_u64().unwrap_or(1))
        .sum();
    assert_eq!(refused, over_budget, "one event each, or one with their number");
    let again = all.iter().find(|event| event["count"] == counted).unwrap();
    assert_eq!((&again["unmapped"]["kind"], &again["status"]), (&json!("egress"), &json!("Failure")), "{again:#}");
    let ids: std::collections::BTreeSet<_> = all.iter().map(|event| event["metadata"]["uid"].as_str()).collect();
    assert_eq!(ids.len(), all.len(), "no two events have one id");
    assert!(events.stderr.contains(&format!("{} records", all.len())), "{}", events.stderr);
}
