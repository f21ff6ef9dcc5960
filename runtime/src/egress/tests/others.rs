//! Calls of other shards' tools, artifacts, and what a guest asks a person: the door's side of each.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::refusals::recorded;
use super::*;
use crate::artifacts::Store;
use crate::audit::EventId;
use crate::manifest::Manifest;
use crate::names::ShardName;
use crate::policy::{Artifacts, PeerGrant, PeerPermit, Peers};
use crate::tool::{InputRequired, Question};

/// The rest of the host, of which one shard called the next.
struct Chain {
    waiting: Vec<ShardName>,
    calls: AtomicUsize,
}

impl Chain {
    fn of(shards: usize) -> Arc<Self> {
        let waiting = (0..shards).map(|n| ShardName::parse(&format!("shard-{n}")).unwrap()).collect();
        Arc::new(Self { waiting, calls: AtomicUsize::new(0) })
    }
}

impl Neighbours for Chain {
    fn waiting(&self) -> &[ShardName] {
        &self.waiting
    }

    fn owner(&self, _: &ToolName) -> Option<ShardName> {
        None
    }

    fn call<'a>(&'a self, _: &'a PeerPermit, _: Value, parent: EventId) -> Answering<'a> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let as_of = "2026-06-15T09:00:00Z".parse().unwrap();
        let answer = PeerAnswer {
            data: Some("{}".to_owned()),
            content: Vec::new(),
            complete: true,
            notes: Vec::new(),
            rows: None,
            call: parent,
            source: Source::Mock,
            as_of,
            memory: AnswerMemory::default(),
        };
        Box::pin(async { Ok(answer) })
    }
}

/// With peers and artifacts that the manifest grants.
fn granted() -> Setup {
    let folder = data(HELIX, WORKDAY);
    let mock = Mock::load(MockOptions::new(folder.path())).unwrap();
    let mut setup = Arc::into_inner(Setup::with(folder, Wire::Mock(mock), manifest("", ""))).unwrap();
    let text = "[shard]\nname = \"x\"\nversion = \"1\"\ncomponent = \"x.wasm\"\ntools-prefix = [\"x_\"]\n\
                [artifacts]\nmedia-types = [\"text/plain\"]\nbytes = \"1KiB\"\ncount = 4\n";
    let kept = Manifest::parse(text, Path::new("shard.toml"), &Nothing).unwrap().artifacts;
    setup.door = setup.door.keeping(Store::new(setup.folder.path().join("reports"), 1 << 20));
    let rights = Arc::get_mut(&mut setup.rights).unwrap();
    rights.artifacts = Artifacts::new(kept);
    rights.peers = Peers::new(Some(PeerGrant {
        tools: [ToolName::parse("y_list").unwrap()].into(),
        calls: 4,
        concurrency: NonZeroU32::MIN,
    }));
    setup
}

#[tokio::test]
async fn four_shards_in_a_row_may_ask_and_a_fifth_is_not_reached() {
    for (waiting, reached) in [(1, true), (2, true), (3, true), (4, false), (5, false)] {
        let (setup, chain) = (granted(), Chain::of(waiting));
        let caller = setup.caller(ENOUGH).among(chain.clone());
        let answer = setup.door.peer(&caller, "y_list", "{}").await;
        match answer {
            Ok(_) => assert!(reached, "{waiting} wait"),
            Err(PeerFault::Refused(code)) => assert!(!reached && code == Code::OverBudget, "{waiting} wait: {code:?}"),
            Err(PeerFault::Tool(error)) => panic!("{error:?}"),
        }
        assert_eq!(chain.calls.load(Ordering::Relaxed), usize::from(reached), "{waiting} wait");
    }
}

#[tokio::test]
async fn a_peers_name_that_is_a_secret_is_not_recorded() {
    let setup = granted();
    let value = "kestrel_harbor_9271";
    let secret = Arc::new(SecretValue::new(value.to_owned()).unwrap());
    setup.door.scrubber().add(&secret);
    let caller = setup.caller(ENOUGH).among(Chain::of(1));
    for name in [value, "z_list"] {
        let refused = setup.door.peer(&caller, name, "{}").await;
        assert!(matches!(refused, Err(PeerFault::Refused(Code::NotGranted))), "{name}");
    }
    let lines = recorded(&setup).await;
    assert!(lines.iter().all(|line| !line.to_string().contains(value)), "{lines:#?}");
    let names: Vec<_> = lines.iter().filter(|line| line["phase"] == "asked").map(|line| &line["peer"]).collect();
    assert_eq!(names, [&Value::Null, &json!("z_list")], "what is no secret is recorded");
    let shown = format!("{:?}", caller.crossings());
    assert!(!shown.contains(value) && shown.contains("CALL z_list"), "{shown}");
}

#[tokio::test]
async fn a_question_and_its_state_hold_no_secret() {
    let setup = granted();
    let asked = InputRequired {
        questions: vec![Question {
            id: "q".to_owned(),
            message: format!("is it {PASSWORD}?"),
            schema: json!({ "type": "string", "description": format!("not {CLIENT_SECRET}") }),
        }],
        state: format!("so far: {PASSWORD}, and this"),
    };
    let clean = setup.door.clean_questions(asked);
    let told = format!("{clean:?}");
    assert!(!told.contains("word&more") && !told.contains(CLIENT_SECRET), "{told}");
    // What is no secret comes back as it was.
    assert!(clean.state.starts_with("so far: ") && clean.state.ends_with(", and this"), "{told}");
}

/// The call is dropped while the disk takes the artifact, as when its client goes: what is kept is not said to be abandoned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_artifact_that_is_kept_after_its_call_has_gone_is_recorded_as_kept() {
    let setup = Arc::new(granted());
    let store = setup.door.shared_store().unwrap();
    let disk = store.stalled();
    let putting = {
        let setup = setup.clone();
        tokio::spawn(async move {
            let caller = setup.caller(ENOUGH);
            setup.door.put(&caller, "a.txt", "text/plain", b"kept".to_vec()).await.map(drop)
        })
    };
    let asked = async {
        while !ledger(&setup).contains("\"asked\"") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(ENOUGH, asked).await.unwrap();
    // The store has begun, or will not begin at all: either way the record says what became of it.
    putting.abort();
    assert!(putting.await.unwrap_err().is_cancelled());
    drop(disk);
    setup.door.settle().await;
    let lines = recorded(&setup).await;
    let kept = store.list().unwrap();
    let ended = lines.iter().find(|line| line["phase"] != "asked").unwrap();
    let told = (ended["phase"].as_str().unwrap(), ended["status"].as_str().unwrap());
    assert_eq!(told, if kept.is_empty() { ("abandoned", "abandoned") } else { ("ended", "success") }, "{lines:#?}");
    if let [kept] = &kept[..] {
        assert_eq!(ended["result_digest"], kept.digest);
    }
}

/// The same where the store certainly had begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_has_begun_ends_on_record_whoever_waits() {
    let setup = Arc::new(granted());
    let store = setup.door.shared_store().unwrap();
    let disk = store.stalled();
    let caller = Arc::new(setup.caller(ENOUGH));
    let putting = {
        let (setup, caller) = (setup.clone(), caller.clone());
        tokio::spawn(async move { setup.door.put(&caller, "a.txt", "text/plain", b"kept".to_vec()).await.map(drop) })
    };
    let begun = async {
        while store.waiting() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(ENOUGH, begun).await.unwrap();
    putting.abort();
    assert!(putting.await.unwrap_err().is_cancelled());
    drop(disk);
    // The call itself waits for it, so that its own ending comes after.
    caller.settle().await;
    let lines = recorded(&setup).await;
    assert_eq!(store.list().unwrap().len(), 1);
    let ended = lines.iter().find(|line| line["phase"] != "asked").unwrap();
    assert_eq!((&ended["phase"], &ended["status"]), (&json!("ended"), &json!("success")), "{lines:#?}");
}

fn ledger(setup: &Setup) -> String {
    std::fs::read_to_string(setup.folder.path().join("ledger.jsonl")).unwrap()
}
