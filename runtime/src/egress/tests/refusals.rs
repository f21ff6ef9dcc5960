//! Refusals by the thousand: what they cost the record, and that none is lost.

use serde_json::{Value, json};

use super::*;
use crate::audit::{Digest, Event, Note, Subject};
use crate::names::ShardName;
use crate::outbound::{GuestNode, GuestSearch, Scope};
use crate::policy::Artifacts;

/// Refusals of a call that have two lines each.
const DESCRIBED: usize = 16;
const MANY: usize = 2000;
/// What the manifest of these tests allows of requests, as the default is.
const BUDGET: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Out {
    Unreadable,
    Elsewhere,
    Leak,
    Search,
    Peer,
    Artifact,
    Latest,
}

impl Setup {
    /// A call that may be made; one after the other, each has its own counts.
    fn call(&self) -> Caller {
        self.caller(ENOUGH)
    }

    async fn refused(&self, caller: &Caller, out: Out) -> Code {
        let refusal = match out {
            Out::Unreadable => self.door.cross(caller, asked("https://[::1", None)).await.err().unwrap(),
            Out::Elsewhere => self.door.cross(caller, asked("https://evil.test/", None)).await.err().unwrap(),
            Out::Leak => {
                let url = "https://helix.example.com/a";
                let body = b"{\"key\": \"AKIAIOSFODNN7EXAMPLE\"}".to_vec();
                let request = GuestRequest { headers: vec![("x-note".to_owned(), body)], ..asked(url, Some("helix")) };
                self.door.cross(caller, request).await.err().unwrap()
            }
            Out::Search => {
                let search = GuestSearch {
                    server: "ad".to_owned(),
                    base: "DC=nexus,DC=corp".to_owned(),
                    scope: Scope::Subtree,
                    filter: vec![GuestNode::Present("cn".to_owned())],
                    attributes: vec!["cn".to_owned()],
                    page_size: 1,
                };
                self.door.open(caller, search).await.err().unwrap()
            }
            Out::Peer => match self.door.peer(caller, "entra_list_users", "{}").await {
                Err(PeerFault::Refused(code)) => return code,
                other => panic!("{other:?}"),
            },
            Out::Artifact => self.door.put(caller, "a.txt", "text/plain", b"x".to_vec()).await.err().unwrap(),
            Out::Latest => self.door.latest(caller, "a", "text/plain").await.err().unwrap(),
        };
        refusal.code()
    }
}

/// All lines, once what was handed over before is written.
pub(super) async fn recorded(setup: &Setup) -> Vec<Value> {
    let end = setup.door.ledger().note(Note::new(Event::Stop)).await.unwrap().seq;
    let text = std::fs::read_to_string(setup.folder.path().join("ledger.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.last().unwrap()["seq"], end);
    lines.into_iter().filter(|line| line["kind"] != "stop").collect()
}

fn ended(lines: &[Value]) -> usize {
    lines.iter().filter(|line| line["phase"] == "ended" && line["status"] == "refused").count()
}

fn again(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line["kind"] == "refused-again").collect()
}

#[tokio::test]
async fn on_every_way_out_the_first_refusals_are_described_and_the_others_counted() {
    for (out, kind, first, then) in [
        (Out::Unreadable, "egress", "malformed", "over-budget"),
        (Out::Elsewhere, "egress", "not-granted", "over-budget"),
        (Out::Leak, "egress", "leak", "over-budget"),
        (Out::Search, "directory", "not-granted", "over-budget"),
        (Out::Peer, "peer", "not-granted", "over-budget"),
        (Out::Artifact, "artifact", "not-granted", "over-budget"),
        (Out::Latest, "artifact", "not-granted", "over-budget"),
    ] {
        let (setup, _mock) = Setup::new("");
        let caller = setup.call();
        let mut told = std::collections::BTreeMap::new();
        for _ in 0..MANY {
            *told.entry(setup.refused(&caller, out).await.as_str()).or_insert(0_usize) += 1;
        }
        // As many as the budget has are judged, where there is one; whatever comes then is refused unread.
        let judged = if matches!(kind, "egress" | "directory") { BUDGET } else { DESCRIBED };
        assert_eq!(told, [(first, judged), (then, MANY - judged)].into(), "{out:?}");
        caller.close();
        let lines = recorded(&setup).await;
        assert_eq!((lines.len(), ended(&lines)), (2 * DESCRIBED + 1, DESCRIBED), "{out:?}");
        let [again] = again(&lines)[..] else { panic!("{lines:?}") };
        let parts = again["refusals"].as_array().unwrap();
        let mut expected = vec![
            json!({ "kind": kind, "refusal": first, "count": judged - DESCRIBED }),
            json!({ "kind": kind, "refusal": then, "count": MANY - judged }),
        ];
        expected.retain(|part| part["count"] != 0);
        assert_eq!(*parts, expected, "{out:?}");
        assert_eq!((&again["count"], &again["status"]), (&json!(MANY - DESCRIBED), &json!("refused")), "{out:?}");
        assert_eq!(again["parent_id"], lines[0]["parent_id"], "{out:?}");
        let bytes: usize = lines.iter().map(|line| line.to_string().len()).sum();
        assert!(bytes < 32 << 10, "{out:?}: {bytes} bytes");
        // The next call is described again, and what is granted leaves.
        let next = setup.call();
        setup.refused(&next, out).await;
        assert_eq!(setup.helix("/a").await.0, 200);
        assert_eq!(ended(&recorded(&setup).await), DESCRIBED + 1, "{out:?}");
    }
}

#[tokio::test]
async fn as_many_refusals_as_are_described_are_not_counted_too() {
    let (setup, _mock) = Setup::new("");
    for (refusals, counted) in [(0, 0), (DESCRIBED - 1, 0), (DESCRIBED, 0), (DESCRIBED + 1, 1)] {
        let before = again(&recorded(&setup).await).len();
        let caller = setup.call();
        for _ in 0..refusals {
            setup.refused(&caller, Out::Elsewhere).await;
        }
        caller.close();
        assert_eq!(again(&recorded(&setup).await).len() - before, counted, "{refusals}");
    }
}

#[tokio::test]
async fn a_refusal_costs_what_a_request_costs() {
    for (refusals, leaves) in [(BUDGET - 1, true), (BUDGET, false)] {
        let (setup, _mock) = Setup::new("");
        let caller = setup.call();
        for _ in 0..refusals {
            assert_eq!(setup.refused(&caller, Out::Elsewhere).await, Code::NotGranted);
        }
        let granted = setup.door.cross(&caller, asked("https://helix.example.com/b", None)).await;
        match granted {
            Ok(reply) => assert!(leaves && reply.into_inner().status == 200),
            Err(refusal) => assert!(!leaves && matches!(refusal, Refusal::OverBudget), "{refusal:?}"),
        }
    }
}

#[tokio::test]
async fn searches_and_requests_share_a_budget_and_the_lines_for_refusals() {
    let (setup, _mock) = Setup::new("");
    let caller = setup.call();
    for _ in 0..BUDGET {
        setup.refused(&caller, Out::Search).await;
    }
    assert_eq!(setup.refused(&caller, Out::Elsewhere).await, Code::OverBudget);
    // Artifacts and peers have budgets of their own, and no lines of their own any more.
    setup.refused(&caller, Out::Artifact).await;
    drop(caller);
    let lines = recorded(&setup).await;
    let [again] = again(&lines)[..] else { panic!("{lines:?}") };
    let expected = json!([
        { "kind": "egress", "refusal": "over-budget", "count": 1 },
        { "kind": "directory", "refusal": "not-granted", "count": BUDGET - DESCRIBED },
        { "kind": "artifact", "refusal": "over-budget", "count": 1 },
    ]);
    assert_eq!(again["refusals"], expected);
}

/// A client that leaves drops the call at any point: what was counted is told all the same, once.
#[tokio::test]
async fn a_call_that_is_dropped_tells_what_it_counted() {
    let (setup, _mock) = Setup::new("");
    let caller = setup.call();
    for _ in 0..100 {
        setup.refused(&caller, Out::Elsewhere).await;
    }
    caller.close();
    for _ in 0..10 {
        setup.refused(&caller, Out::Elsewhere).await;
    }
    drop(caller);
    let lines = recorded(&setup).await;
    let counts: Vec<_> = again(&lines).iter().map(|line| line["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [100 - DESCRIBED as u64, 10]);
    assert_eq!(counts.iter().sum::<u64>() + ended(&lines) as u64, 110, "the number of refusals stays exact");
}

/// While its tools are listed a shard may do nothing; who it was stands in each line.
#[tokio::test]
async fn whoever_asks_while_it_is_listed_is_named() {
    let (setup, _mock) = Setup::new("");
    let subject = Subject {
        shard: Some(ShardName::parse("x").unwrap()),
        component: Some(Digest::of(b"component")),
        mock_mode: Some(true),
        ..Subject::default()
    };
    let nobody = Caller::nobody(setup.rights.clone(), Arc::new(subject));
    for out in [Out::Elsewhere, Out::Peer, Out::Artifact, Out::Search].into_iter().cycle().take(MANY) {
        setup.refused(&nobody, out).await;
    }
    // Not even what is granted leaves.
    let granted = setup.door.cross(&nobody, asked("https://helix.example.com/b", None)).await;
    assert!(matches!(granted, Err(Refusal::OverBudget)));
    nobody.close();
    let lines = recorded(&setup).await;
    assert_eq!(lines.len(), 2 * DESCRIBED + 1);
    let component = Digest::of(b"component").to_string();
    for line in &lines {
        assert_eq!((&line["shard"], &line["parent_id"]), (&json!("x"), &Value::Null), "{line}");
        assert!(line["phase"] == "ended" || line["component_digest"] == component, "{line}");
    }
    assert_eq!(again(&lines)[0]["count"], MANY - DESCRIBED + 1);
}

#[tokio::test]
async fn a_cancelled_call_is_told_so_and_its_refusals_are_counted_as_such() {
    let (setup, _mock) = Setup::new("");
    let caller = setup.call();
    caller.cancelled.cancel();
    for _ in 0..BUDGET + 6 {
        let met = setup.door.cross(&caller, asked("https://helix.example.com/b", None)).await;
        assert!(matches!(met, Err(Refusal::Cancelled)));
    }
    caller.close();
    let lines = recorded(&setup).await;
    let expected = json!([{ "kind": "egress", "refusal": "cancelled", "count": BUDGET + 6 - DESCRIBED }]);
    assert_eq!(again(&lines)[0]["refusals"], expected);
}

/// 2^32 lines and a few more.
#[tokio::test]
async fn log_lines_are_counted_beyond_what_32_bits_hold() {
    let (setup, _mock) = Setup::new("");
    let caller = setup.call();
    caller.tally.pretend_log_lines(u64::from(u32::MAX) - 1);
    for _ in 0..5 {
        setup.door.log(&caller, Level::Info, "flood");
    }
    caller.close();
    let lines = recorded(&setup).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        (&lines[0]["kind"], &lines[0]["count"]),
        (&json!("log-suppressed"), &json!(u64::from(u32::MAX) + 4 - 200))
    );
}

/// Artifacts that the manifest allows: refused ones count against `count`.
#[tokio::test]
async fn a_refused_artifact_counts_as_one() {
    let folder = data(HELIX, WORKDAY);
    let mock = Mock::load(MockOptions::new(folder.path())).unwrap();
    let text = "[shard]\nname = \"x\"\nversion = \"1\"\ncomponent = \"x.wasm\"\ntools-prefix = [\"x_\"]\n\
                [artifacts]\nmedia-types = [\"text/plain\"]\nbytes = \"1KiB\"\ncount = 4\n";
    let with_artifacts = Manifest::parse(text, Path::new("shard.toml"), &Nothing).unwrap();
    let mut setup = Arc::into_inner(Setup::with(folder, Wire::Mock(mock), manifest("", ""))).unwrap();
    setup.door = setup.door.keeping(Store::new(setup.folder.path().join("reports"), 1 << 20));
    Arc::get_mut(&mut setup.rights).unwrap().artifacts = Artifacts::new(with_artifacts.artifacts);
    for (refused, kept) in [(0, 4), (1, 3), (3, 1), (4, 0), (5, 0)] {
        let caller = setup.call();
        for _ in 0..refused {
            let name = setup.door.put(&caller, "../a", "text/plain", b"x".to_vec()).await;
            assert!(matches!(name, Err(Refusal::ArtifactName)), "{name:?}");
        }
        let mut stored = 0;
        while setup.door.put(&caller, "a.txt", "text/plain", b"x".to_vec()).await.is_ok() {
            stored += 1;
        }
        assert_eq!(stored, kept, "{refused} refused");
    }
}
