//! A stand-in for the host, for native tests of a shard.
//!
//! ```text
//! let fake = Fake::replies([reply(200, r#"{"value":[]}"#)]);
//! let seen = fake.call(TOOLS, "entra_list_users", json!({ "limit": 5 }))?;
//! assert!(seen.complete);
//! assert_eq!(fake.sent()[0].method, "GET");
//! ```
//!
//! It records what is sent and answers what it was told to. It grants everything and checks no schema: policy and
//! limits are the host's, and are tested there.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use crate::directory::{RawPage, RawSearch};
use crate::{
    Answered, Artifact, Call, Content, Entry, Kept, Level, Origin, PeerAnswer, PeerCall, PeerError, RawRequest,
    Refusal, Reply, Resumed, ToolError,
};

type Upstream = dyn Fn(&RawRequest) -> Result<Reply, Refusal>;
type Directory = dyn Fn(&RawSearch) -> Vec<Result<RawPage, Refusal>>;
type Peers = dyn Fn(&PeerCall) -> Result<PeerAnswer, PeerError>;
type Keeper = dyn Fn(&Artifact) -> Result<(), Refusal>;

/// The host, as a test sees it.
#[derive(Clone)]
pub struct Fake {
    host: Host,
    settings: Vec<(String, String)>,
    resumed: Option<Resumed>,
}

/// What a tool returned, with its data read back from the JSON text that would have left the shard.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The data; null if there was none.
    pub data: Value,
    /// Blocks.
    pub content: Vec<Content>,
    /// Whether everything asked for is there.
    pub complete: bool,
    /// What was said beside the data.
    pub notes: Vec<String>,
}

/// A peer's complete answer, from mock data.
pub fn answer(data: &Value) -> Result<PeerAnswer, PeerError> {
    Ok(PeerAnswer {
        data: Some(data.to_string()),
        complete: true,
        notes: Vec::new(),
        call_id: "00000000-0000-7000-8000-000000000001".to_owned(),
        origin: Origin::Mock,
        as_of: "2026-06-15T09:00:00Z".to_owned(),
    })
}

/// A reply without headers.
pub fn reply(status: u16, body: &str) -> Result<Reply, Refusal> {
    Ok(Reply { status, body: body.as_bytes().to_vec(), ..Reply::default() })
}

impl Fake {
    /// Upstreams that answer by looking at the request.
    pub fn answering(upstream: impl Fn(&RawRequest) -> Result<Reply, Refusal> + 'static) -> Self {
        let host = Host {
            upstream: Rc::new(upstream),
            directory: Rc::new(|_| vec![Err(Refusal::Unreachable)]),
            peers: Rc::new(|_| Err(PeerError::Refused(Refusal::NotGranted))),
            keeper: Rc::new(|_| Ok(())),
            seen: Rc::default(),
            now: Duration::from_secs(1_785_000_000),
        };
        Self { host, settings: Vec::new(), resumed: None }
    }

    /// Upstreams that answer in this order, whatever is asked, and are then out of reach.
    pub fn replies(replies: impl IntoIterator<Item = Result<Reply, Refusal>>) -> Self {
        let queue = RefCell::new(replies.into_iter().collect::<VecDeque<_>>());
        Self::answering(move |_| queue.borrow_mut().pop_front().unwrap_or(Err(Refusal::Unreachable)))
    }

    /// A directory that answers each search with these pages, in order, and then comes to an end. Without one,
    /// directories are out of reach.
    #[must_use]
    pub fn directory(mut self, answer: impl Fn(&RawSearch) -> Vec<Result<RawPage, Refusal>> + 'static) -> Self {
        self.host.directory = Rc::new(answer);
        self
    }

    /// Other shards' tools. Without, none may be called.
    #[must_use]
    pub fn peers(mut self, answer: impl Fn(&PeerCall) -> Result<PeerAnswer, PeerError> + 'static) -> Self {
        self.host.peers = Rc::new(answer);
        self
    }

    /// Which reports the host keeps. Without, it keeps all of them.
    #[must_use]
    pub fn keeper(mut self, judge: impl Fn(&Artifact) -> Result<(), Refusal> + 'static) -> Self {
        self.host.keeper = Rc::new(judge);
        self
    }

    /// The moment at which the guest's clock stands, since 1970.
    #[must_use]
    pub fn now(mut self, now: Duration) -> Self {
        self.host.now = now;
        self
    }

    /// A value that the operator has set, and the manifest declares.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The person has answered: the next call goes on.
    #[must_use]
    pub fn resumed(mut self, resumed: Resumed) -> Self {
        self.resumed = Some(resumed);
        self
    }

    /// A call to hand to a function under test.
    pub fn context(&self) -> Call {
        Call {
            host: self.host.clone(),
            id: "00000000-0000-7000-8000-000000000000".to_owned(),
            remaining: Duration::from_secs(30),
            settings: self.settings.clone(),
            resumed: self.resumed.clone(),
        }
    }

    /// Calls a tool by name. Panics if there is none, or if it asks instead of answering.
    #[expect(clippy::expect_used, reason = "a test that is wrong itself should stop")]
    pub fn call(&self, tools: &[Entry], name: &str, arguments: Value) -> Result<Seen, ToolError> {
        match self.outcome(tools, name, &arguments)? {
            Answered::Done { data, content, complete, notes } => {
                let data = data.map_or(Value::Null, |text| serde_json::from_str(&text).expect("data is JSON"));
                Ok(Seen { data, content, complete, notes })
            }
            Answered::Ask { .. } => unreachable!("{name} asks the person"),
        }
    }

    /// Calls a tool by name, questions included. Panics if there is none.
    #[expect(clippy::expect_used, reason = "a test that is wrong itself should stop")]
    pub fn outcome(&self, tools: &[Entry], name: &str, arguments: &Value) -> Result<Answered, ToolError> {
        let tool = tools.iter().find(|tool| tool.name() == name).expect("a tool of this name");
        tool.call(&arguments.to_string(), &self.context())
    }

    /// What was sent, in order.
    pub fn sent(&self) -> Vec<RawRequest> {
        self.host.seen.borrow().sent.clone()
    }

    /// What was looked for in directories, in order.
    pub fn searched(&self) -> Vec<RawSearch> {
        self.host.seen.borrow().searched.clone()
    }

    /// The peers called, in order.
    pub fn called(&self) -> Vec<PeerCall> {
        self.host.seen.borrow().called.clone()
    }

    /// The reports kept, in order.
    pub fn kept(&self) -> Vec<Artifact> {
        self.host.seen.borrow().kept.clone()
    }

    /// What was logged, in order.
    pub fn logged(&self) -> Vec<(Level, String)> {
        self.host.seen.borrow().logged.clone()
    }

    /// The progress reported, in order.
    pub fn progressed(&self) -> Vec<(f64, Option<f64>)> {
        self.host.seen.borrow().progressed.clone()
    }
}

#[derive(Default)]
struct Crossings {
    sent: Vec<RawRequest>,
    searched: Vec<RawSearch>,
    called: Vec<PeerCall>,
    kept: Vec<Artifact>,
    logged: Vec<(Level, String)>,
    progressed: Vec<(f64, Option<f64>)>,
}

#[derive(Clone)]
pub(crate) struct Host {
    upstream: Rc<Upstream>,
    directory: Rc<Directory>,
    peers: Rc<Peers>,
    keeper: Rc<Keeper>,
    seen: Rc<RefCell<Crossings>>,
    now: Duration,
}

impl Host {
    pub(crate) fn exchange(&self, request: &RawRequest) -> Result<Reply, Refusal> {
        self.seen.borrow_mut().sent.push(request.clone());
        (self.upstream)(request)
    }

    pub(crate) fn open(&self, search: &RawSearch) -> Result<Pages, Refusal> {
        self.seen.borrow_mut().searched.push(search.clone());
        Ok(Pages((self.directory)(search).into()))
    }

    pub(crate) fn peers(&self, calls: &[PeerCall]) -> Vec<Result<PeerAnswer, PeerError>> {
        self.seen.borrow_mut().called.extend_from_slice(calls);
        calls.iter().map(|call| (self.peers)(call)).collect()
    }

    pub(crate) fn put(&self, artifact: &Artifact) -> Result<String, Refusal> {
        (self.keeper)(artifact)?;
        let kept = &mut self.seen.borrow_mut().kept;
        kept.push(artifact.clone());
        Ok(uri(kept.len() - 1, &artifact.name))
    }

    pub(crate) fn latest(&self, name_prefix: &str, media_type: &str) -> Result<Option<Kept>, Refusal> {
        let kept = &self.seen.borrow().kept;
        let fits = |(_, one): &(usize, &Artifact)| one.name.starts_with(name_prefix) && one.media_type == media_type;
        let newest = kept.iter().enumerate().rev().find(fits);
        Ok(newest.map(|(index, one)| Kept {
            uri: uri(index, &one.name),
            name: one.name.clone(),
            data: one.data.clone(),
        }))
    }

    pub(crate) fn progress(&self, done: f64, total: Option<f64>, _message: Option<&str>) {
        self.seen.borrow_mut().progressed.push((done, total));
    }

    pub(crate) fn log(&self, level: Level, line: &str) {
        self.seen.borrow_mut().logged.push((level, line.to_owned()));
    }

    pub(crate) fn now(&self) -> Duration {
        self.now
    }
}

fn uri(index: usize, name: &str) -> String {
    format!("nexus://artifacts/test/{name}/{}", index + 1)
}

/// The pages of a search that are still to come.
pub(crate) struct Pages(VecDeque<Result<RawPage, Refusal>>);

impl Pages {
    pub(crate) fn next(&mut self) -> Result<Option<RawPage>, Refusal> {
        self.0.pop_front().transpose()
    }
}
