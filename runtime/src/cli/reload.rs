//! While a server runs: what was approved, stopped or changed takes effect without a restart.
//!
//! Promises: a quarantine or a withdrawn approval is in force at once, whatever lies in the shards' folders and however busy
//! the host is: a thread of its own looks at lock and quarantine, ends the calls of every shard that may no longer serve,
//! and puts a host without it in place, made of what is already loaded. Only then does another thread look at the folders.
//! A look that is overtaken by the next change comes to nothing. A look that failed, or found something amiss, is repeated
//! until it holds. Where lock or quarantine cannot be read nobody can tell which shards are meant, so none serves.
//!
//! What begins to serve is on record before it does. What is stopped is stopped first, and on record when it can be.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::approved::{Approved, Seen, quarantine, spare_descriptor};
use super::exit::Exit;
use super::start::{Ground, Kept, Reloaded, Started};
use crate::audit::Digest;
use crate::call::{Current, Host};
use crate::shard::Shard;

/// How long a change may go unseen.
const LOOK: Duration = Duration::from_millis(200);
/// Somebody may be in the middle of writing a file that cannot be read: it is read once more after that.
const HALF_WRITTEN: Duration = Duration::from_millis(100);
/// Between looks at the folders while something is amiss: each pause twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The thread that looks, for as long as a server runs.
pub(super) struct Watch {
    events: Sender<Event>,
    /// The operator wants another look at everything. Once or a thousand times: one look, at most five a second.
    wanted: Arc<AtomicBool>,
    ended: Arc<Notify>,
}

enum Event {
    Looked { number: u64, afresh: bool, found: Box<Result<(Reloaded, Option<Exit>), Exit>> },
    Stop,
}

struct Watcher {
    ground: Arc<Ground>,
    current: Arc<Current>,
    runtime: Handle,
    events: (Sender<Event>, Receiver<Event>),
    wanted: Arc<AtomicBool>,
    seen: Seen,
    /// As lock and quarantine were last read, or why they could not be.
    approved: Result<Arc<Approved>, String>,
    /// Shards that were loaded and approved when the folders were last looked at.
    known: Vec<Arc<Shard>>,
    kept: Kept,
    /// The number of the newest look at the folders. What an older one found counts no more.
    number: u64,
    looking: Option<CancellationToken>,
    /// When to look at the folders again.
    due: Option<Instant>,
    pause: Duration,
    /// What was last said of a look that failed.
    said: Option<String>,
    stopping: CancellationToken,
    /// Descriptors for lock and quarantine when there are no others.
    spare: Vec<OwnedFd>,
}

/// How many: others may be quicker to take one that was let go.
const SPARE: usize = 4;

/// As many as there are.
fn spare() -> Vec<OwnedFd> {
    std::iter::repeat_with(|| spare_descriptor().ok()).take(SPARE).flatten().collect()
}

impl Watch {
    /// `Started` is what serves now. The thread ends when it is told to.
    pub(super) fn start(started: Started, current: Arc<Current>) -> Result<Self, Exit> {
        let Started { ground, host, kept, approvals, approved, amiss } = started;
        let (events, received) = mpsc::channel();
        let (wanted, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let watcher = Watcher {
            ground: Arc::new(ground),
            current,
            runtime: Handle::current(),
            events: (events.clone(), received),
            wanted: Arc::clone(&wanted),
            seen: approvals,
            approved: Ok(Arc::new(approved)),
            known: host.router().shards().to_vec(),
            kept,
            number: 0,
            looking: None,
            due: amiss.then(|| Instant::now() + FIRST_PAUSE),
            pause: FIRST_PAUSE,
            said: None,
            stopping: CancellationToken::new(),
            spare: spare(),
        };
        let at_end = Arc::clone(&ended);
        let thread = thread::Builder::new().name("approvals".into()).spawn(move || {
            // Without it no quarantine would take effect any more, so the host does not go on without it.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watcher.run())).is_err() {
                tracing::error!("what looks at approvals has failed: the host ends");
                std::process::abort();
            }
            at_end.notify_one();
        });
        thread.map_err(|error| Exit::failed("no thread to look at approvals", &error))?;
        Ok(Self { events, wanted, ended })
    }

    /// Looks again at lock, quarantine, folders and the files of secrets.
    pub(super) fn look_again(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    /// Ends the thread, which then holds the ledger no more: its last holder waits for the disk.
    pub(super) async fn stop(&self) {
        self.send(Event::Stop);
        self.ended.notified().await;
    }

    fn send(&self, event: Event) {
        if self.events.send(event).is_err() {
            tracing::debug!("nobody looks at approvals any more");
        }
    }
}

impl Watcher {
    fn run(mut self) {
        loop {
            match self.events.1.recv_timeout(LOOK) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Event::Looked { number, afresh, found }) => {
                    // What was found counts only under the approvals as they are now.
                    self.approvals(false);
                    if number == self.number {
                        self.take_over(*found, afresh);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let anyway = self.wanted.swap(false, Ordering::AcqRel);
                    self.approvals(anyway);
                }
            }
            if self.looking.is_none() && self.due.is_some_and(|due| due <= Instant::now()) {
                self.look(false);
            }
        }
        self.stopping.cancel();
        self.overtake();
    }

    /// Acts on lock and quarantine if they may say something else than before.
    fn approvals(&mut self, anyway: bool) {
        let seen = Seen::now(self.ground.settings());
        // What could not be read is tried again and again.
        let retried = self.approved.is_err();
        if seen == self.seen && !anyway && !retried {
            return;
        }
        let is_news = seen != self.seen || anyway;
        // Taken before the files are read: what changes meanwhile is seen next time.
        self.seen = seen;
        self.stop_quarantined();
        match self.read(retried) {
            Ok(approved) => {
                let approved = Arc::new(approved);
                self.approved = Ok(Arc::clone(&approved));
                self.withdraw(approved.digest, |shard| self.ground.refused(&approved, shard));
                self.look(true);
            }
            Err(exit) => {
                let why = exit.story().to_owned();
                if is_news || self.approved.as_ref().err() != Some(&why) {
                    tracing::error!("every shard is stopped: {why}");
                }
                self.overtake();
                self.withdraw(None, |_| Some(why.clone()));
                self.approved = Err(why);
            }
        }
    }

    /// A file that cannot be read, or a lock that is gone, may be somebody's who is just writing it, and a host that is out of
    /// descriptors lets go of those that it keeps for this.
    fn read(&mut self, retried: bool) -> Result<Approved, Exit> {
        let had_lock = self.approved.as_ref().is_ok_and(|approved| approved.digest.is_some());
        let holds = |read: &Result<Approved, Exit>| read.as_ref().is_ok_and(|one| one.digest.is_some() || !had_lock);
        let mut read = Approved::read(self.ground.settings());
        if !holds(&read) {
            self.spare.clear();
            read = Approved::read(self.ground.settings());
        }
        if !holds(&read) && !retried {
            thread::sleep(HALF_WRITTEN);
            read = Approved::read(self.ground.settings());
        }
        if self.spare.is_empty() {
            self.spare = spare();
        }
        read
    }

    /// The calls of shards in quarantine end before anything else is looked at.
    fn stop_quarantined(&self) {
        for shard in quarantine(self.ground.settings()).into_iter().flat_map(|all| all.shard.into_keys()) {
            self.current.stop_shard(&shard);
        }
    }

    /// Ends the calls of every shard that may no longer serve, on whichever host they run, and puts a host without these in
    /// place. Nothing of it waits for the ledger, which learns of it as soon as it can.
    fn withdraw(&self, lock: Option<Digest>, refused: impl Fn(&Shard) -> Option<String>) {
        let current = self.current.host();
        let mut gone = BTreeMap::new();
        for host in self.current.hosts() {
            for shard in host.router().shards() {
                let Some(reason) = refused(shard) else { continue };
                host.stop_shard(&shard.manifest.name);
                if Arc::ptr_eq(&host, &current) {
                    tracing::warn!(shard = %shard.manifest.name, reason, "shard is stopped");
                    gone.insert(shard.manifest.name.clone(), reason);
                }
            }
        }
        if gone.is_empty() {
            return;
        }
        let host = Arc::new(current.without(&gone, lock));
        self.current.replace(Arc::clone(&host));
        let stopped = current.router().shards().iter().filter(|shard| gone.contains_key(&shard.manifest.name));
        self.record_stopped(host, stopped.cloned().collect());
    }

    /// Tried until the ledger takes it, or the server stops.
    fn record_stopped(&self, host: Arc<Host>, stopped: Vec<Arc<Shard>>) {
        let (ground, stopping) = (Arc::clone(&self.ground), self.stopping.clone());
        let record = async move {
            for shard in stopped {
                let mut pause = FIRST_PAUSE;
                while let Err(error) = ground.record_stopped(&host, &shard).await {
                    tracing::error!(shard = %shard.manifest.name, %error, "a shard was stopped, which cannot be recorded now");
                    tokio::time::sleep(pause).await;
                    pause = LONGEST_PAUSE.min(2 * pause);
                }
            }
        };
        drop(self.runtime.spawn(async move { stopping.run_until_cancelled(record).await }));
    }

    /// Looks at the folders on a thread of its own, which may take as long as it likes.
    fn look(&mut self, afresh: bool) {
        self.overtake();
        let Ok(approved) = &self.approved else { return };
        if afresh {
            self.pause = FIRST_PAUSE;
        }
        let cancelled = CancellationToken::new();
        let (number, approved) = (self.number, Arc::clone(approved));
        let (known, kept) = (self.known.clone(), self.kept.clone());
        let (ground, before) = (Arc::clone(&self.ground), self.current.host());
        let (runtime, events, stop) = (self.runtime.clone(), self.events.0.clone(), cancelled.clone());
        let look = move || {
            let reloaded = ground.reloaded(&approved, &known, &before, kept, afresh);
            let found = runtime.block_on(stop.run_until_cancelled(reloaded));
            // The ground is let go first: whoever takes this over may be about to stop.
            drop((ground, before, known));
            if let Some(found) = found {
                drop(events.send(Event::Looked { number, afresh, found: Box::new(found) }));
            }
        };
        match thread::Builder::new().name("reload".into()).spawn(look) {
            Ok(_) => self.looking = Some(cancelled),
            Err(error) => self.failed(&format!("no thread to load shards: {error}")),
        }
    }

    /// What is being looked for now counts no more.
    fn overtake(&mut self) {
        self.number += 1;
        self.due = None;
        if let Some(looking) = self.looking.take() {
            looking.cancel();
        }
    }

    fn take_over(&mut self, found: Result<(Reloaded, Option<Exit>), Exit>, afresh: bool) {
        self.looking = None;
        let (Reloaded { host, kept, amiss }, unrecorded) = match found {
            Ok(found) => found,
            Err(exit) => return self.failed(exit.story()),
        };
        (self.known, self.kept) = (host.router().shards().to_vec(), kept);
        if let Some(exit) = unrecorded {
            // Loaded as they are: only the ledger has to be asked again.
            return self.failed(exit.story());
        }
        self.said = None;
        if !host.is_as(&self.current.host()) {
            tracing::info!(shards = names(&host).join(" "), "shards are served anew");
            self.ground.adopt(&host);
            self.current.replace(host);
        } else if afresh {
            tracing::info!("looked again: nothing else is served than before");
        }
        match amiss {
            true => self.look_later(),
            false => self.pause = FIRST_PAUSE,
        }
    }

    fn failed(&mut self, why: &str) {
        if self.said.as_deref() != Some(why) {
            tracing::error!("what serves stays as it is, for shards cannot be served anew yet: {why}");
        }
        self.said = Some(why.to_owned());
        self.look_later();
    }

    fn look_later(&mut self) {
        self.due = Some(Instant::now() + self.pause);
        self.pause = LONGEST_PAUSE.min(2 * self.pause);
    }
}

fn names(host: &Host) -> Vec<&str> {
    host.router().shards().iter().map(|shard| shard.manifest.name.as_str()).collect()
}
