//! On whose behalf something leaves, and what that call has used so far.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::tally::Tally;
use super::{AnswerMemory, MemoryAccount, Neighbours};
use crate::audit::{EventId, Kind, Ledger, Subject};
use crate::names::{CredentialName, ShardName, ToolName};
use crate::policy::{Artifacts, Directories, Grants, Pace, Peers};
use crate::refusal::{Code, Refusal};
use crate::secrets::Vault;

/// What a manifest bounds. Each applies to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory and tables together.
    pub memory: usize,
    /// Wall clock, host calls included.
    pub deadline: Duration,
    /// Time in guest code.
    pub cpu: Duration,
    /// Requests that leave.
    pub egress_calls: u32,
    /// Bytes of one reply, decompressed.
    pub reply_bytes: usize,
    /// Bytes of the result.
    pub output_bytes: usize,
}

impl Limits {
    /// The most memory any manifest may ask for: the engine's pool reserves this much address space per instance.
    pub const MAX_MEMORY: usize = 512 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            deadline: Duration::from_secs(30),
            cpu: Duration::from_secs(5),
            egress_calls: 64,
            reply_bytes: 8 << 20,
            output_bytes: 4 << 20,
        }
    }
}

/// What a shard may do, from its manifest. One for all its calls.
pub struct Rights {
    pub shard: ShardName,
    pub grants: Grants,
    pub directories: Directories,
    pub peers: Peers,
    pub artifacts: Artifacts,
    pub vault: Vault,
    /// What the vendor bears of requests that name a credential, over all grants. Not there: as fast as the call asks.
    pub paces: BTreeMap<CredentialName, Pace>,
    pub limits: Limits,
}

/// One call of a shard.
pub struct Caller {
    pub rights: Arc<Rights>,
    /// None while no tool is called: then nothing may leave.
    pub tool: Option<ToolName>,
    pub call: Option<EventId>,
    pub subject: Arc<Subject>,
    pub deadline: Instant,
    pub cancelled: CancellationToken,
    progress: Option<mpsc::Sender<Progress>>,
    neighbours: Option<Arc<dyn Neighbours>>,
    /// Room for calls of peers at once.
    peers: Semaphore,
    /// Those that run as tasks of their own.
    tasks: TaskTracker,
    spent: AtomicU32,
    spent_on_peers: AtomicU32,
    spent_on_artifacts: AtomicU32,
    /// What this call makes the host keep.
    pub memory: Arc<MemoryAccount>,
    pub(super) tally: Tally,
    /// What its answer takes.
    answer: AnswerMemory,
    /// How many calls of its shard were under way when it began, this one included.
    pub(crate) nth: usize,
    crossings: Mutex<Vec<Crossed>>,
}

/// The ways out of a sandbox. Requests and searches count together, against `egress-calls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Egress,
    Directory,
    Peer,
    Artifact,
}

impl Way {
    fn kind(self) -> Kind {
        match self {
            Self::Egress => Kind::Egress,
            Self::Directory => Kind::Directory,
            Self::Peer => Kind::Peer,
            Self::Artifact => Kind::Artifact,
        }
    }

    fn used_up(self) -> Refusal {
        match self {
            Self::Egress | Self::Directory => Refusal::OverBudget,
            Self::Peer | Self::Artifact => Refusal::UsedUp,
        }
    }
}

/// How far a call is. `message` has been scrubbed.
#[derive(Debug, Clone)]
pub struct Progress {
    pub done: f64,
    pub total: Option<f64>,
    pub message: Option<String>,
}

/// One crossing as a person at a terminal wants to see it.
#[derive(Debug, Clone)]
pub struct Crossed {
    /// Method, scheme, host and path template: `GET https://graph.microsoft.com/v1.0/users`.
    pub destination: Option<String>,
    pub credential: Option<String>,
    pub verdict: Verdict,
    pub elapsed: Duration,
}

#[derive(Debug, Clone)]
pub enum Verdict {
    Released {
        status: u16,
        bytes: usize,
        redactions: u64,
    },
    /// A page of a search.
    Found {
        entries: usize,
        bytes: usize,
        redactions: u64,
    },
    /// `suggestion` is what the manifest would have to say.
    Refused {
        code: Code,
        suggestion: Option<String>,
    },
    /// Another shard's tool, or the host's store of artifacts, did what was asked.
    Answered {
        bytes: usize,
        complete: bool,
    },
    /// Another shard's tool ended in an error of its own.
    Failed {
        code: &'static str,
    },
}

/// Crossings that a call keeps for its answer. The ledger has them all.
const MOST_CROSSINGS: usize = 1000;

impl Caller {
    pub fn new(
        rights: Arc<Rights>,
        tool: ToolName,
        subject: Arc<Subject>,
        call: EventId,
        deadline: Instant,
        cancelled: CancellationToken,
        progress: Option<mpsc::Sender<Progress>>,
    ) -> Self {
        Self { tool: Some(tool), call: Some(call), subject, progress, ..Self::bare(rights, deadline, cancelled) }
    }

    /// For a shard's prompts and documents, which it makes from itself: every crossing is refused.
    pub fn reader(
        rights: Arc<Rights>,
        subject: Arc<Subject>,
        call: EventId,
        deadline: Instant,
        cancelled: CancellationToken,
    ) -> Self {
        Self { call: Some(call), subject, ..Self::bare(rights, deadline, cancelled) }
    }

    /// For listing a shard's tools: every crossing is refused, and its lines say of which shard and component.
    pub fn nobody(rights: Arc<Rights>, subject: Arc<Subject>) -> Self {
        let deadline = Instant::now() + rights.limits.deadline;
        Self { subject, ..Self::bare(rights, deadline, CancellationToken::new()) }
    }

    fn bare(rights: Arc<Rights>, deadline: Instant, cancelled: CancellationToken) -> Self {
        let at_once = rights.peers.grant().map_or(0, |grant| grant.concurrency.get());
        Self {
            peers: Semaphore::new(at_once as usize),
            tasks: TaskTracker::new(),
            neighbours: None,
            spent_on_peers: AtomicU32::new(0),
            spent_on_artifacts: AtomicU32::new(0),
            memory: MemoryAccount::new(rights.limits.memory),
            rights,
            tool: None,
            call: None,
            subject: Arc::default(),
            deadline,
            cancelled,
            progress: None,
            spent: AtomicU32::new(0),
            tally: Tally::default(),
            crossings: Mutex::default(),
            answer: AnswerMemory::default(),
            nth: 1,
        }
    }

    /// The rest of the host, which a call of a tool may ask for other shards' tools.
    #[must_use]
    pub fn among(self, neighbours: Arc<dyn Neighbours>) -> Self {
        Self { neighbours: Some(neighbours), ..self }
    }

    /// So many calls of the shard are under way, this one included.
    #[must_use]
    pub fn nth(self, nth: usize) -> Self {
        Self { nth, ..self }
    }

    /// Who asked holds what the answer takes.
    #[must_use]
    pub fn answering(self, answer: AnswerMemory) -> Self {
        Self { answer, ..self }
    }

    /// What the call makes the host keep counts in this account, too.
    #[must_use]
    pub fn within(self, memory: &Arc<MemoryAccount>) -> Self {
        Self { memory: memory.within(self.rights.limits.memory), ..self }
    }

    pub(super) fn neighbours(&self) -> Option<&dyn Neighbours> {
        self.neighbours.as_deref()
    }

    /// Counts one crossing against what the manifest allows of its kind.
    pub(super) fn spend(&self, way: Way) -> Result<(), Refusal> {
        if self.cancelled.is_cancelled() {
            return Err(Refusal::Cancelled);
        }
        if self.charge(way) { Ok(()) } else { Err(way.used_up()) }
    }

    /// A refusal costs what a crossing costs. True if it has lines of its own in the ledger; otherwise it has been counted.
    pub(super) fn describes(&self, ledger: &Ledger, way: Way, refusal: &Refusal) -> bool {
        self.charge(way);
        let describes = self.tally.describes();
        if !describes {
            self.tally.count(ledger, self.call, &self.subject, (way.kind(), refusal.code()));
        }
        describes
    }

    /// Refuses without reading what is asked, and counts that, once this call has had all its lines for refusals and may send
    /// nothing more: whatever it asks is refused.
    pub(super) fn still_reads(&self, ledger: &Ledger, way: Way) -> Result<(), Refusal> {
        let (spent, most) = self.budget(way);
        if spent.load(Ordering::Relaxed) < most || !self.tally.only_counts() {
            return Ok(());
        }
        let refusal = if self.cancelled.is_cancelled() { Refusal::Cancelled } else { way.used_up() };
        self.tally.count(ledger, self.call, &self.subject, (way.kind(), refusal.code()));
        Err(refusal)
    }

    /// Room for one call of a peer, when there is some.
    pub(super) async fn peer_room(&self) -> Option<SemaphorePermit<'_>> {
        self.peers.acquire().await.ok()
    }

    /// Work for this call that runs beside its guest.
    pub(crate) fn track<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.tasks.track_future(work)
    }

    /// The same as a task of its own, which goes on although nobody waits for it any more.
    pub(crate) fn track_spawned<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.tasks.spawn(work)
    }

    /// The guest has ended: waits until what ran beside it has, and has its endings on record.
    pub(crate) async fn settle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Whether there was one left.
    fn charge(&self, way: Way) -> bool {
        let (spent, most) = self.budget(way);
        let more = |spent| (spent < most).then(|| spent + 1);
        spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// What was spent, and the most that may be. Outside of a tool's call that is nothing.
    fn budget(&self, way: Way) -> (&AtomicU32, u32) {
        let (spent, most) = match way {
            Way::Egress | Way::Directory => (&self.spent, self.rights.limits.egress_calls),
            Way::Peer => (&self.spent_on_peers, self.rights.peers.grant().map_or(0, |grant| grant.calls)),
            Way::Artifact => (&self.spent_on_artifacts, self.rights.artifacts.grant().map_or(0, |grant| grant.count)),
        };
        (spent, if self.tool.is_some() { most } else { 0 })
    }

    /// The guest has ended: what it left in sums goes to the ledger, before any line that is written after this.
    pub(crate) fn close(&self) {
        self.tally.close();
    }

    /// Keeps so many bytes for this call's answer, beside what the guest itself may have. False: there is no room for them.
    pub(crate) fn keep(&self, bytes: usize) -> bool {
        self.answer.keep(&self.memory, bytes)
    }

    pub(super) fn crossed(&self, crossed: Crossed) {
        let mut crossings = self.crossings.lock().unwrap_or_else(PoisonError::into_inner);
        if crossings.len() < MOST_CROSSINGS {
            crossings.push(crossed);
        }
    }

    pub fn crossings(&self) -> Vec<Crossed> {
        std::mem::take(&mut self.crossings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A client that does not keep up loses reports, not the call.
    pub(super) fn report(&self, progress: Progress) {
        if let Some(sender) = &self.progress {
            let _ = sender.try_send(progress);
        }
    }
}
