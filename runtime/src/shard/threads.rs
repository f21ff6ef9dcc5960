//! Threads for guests, apart from the ones that serve.
//!
//! A guest computes for as long as it likes between two ticks of the epoch, and a bulk memory instruction is not
//! interrupted at all. On the threads that serve, as many such guests as there are cores would make everybody wait. So
//! each call that runs has a thread here, and the operating system shares the cores out: guests stand behind the threads
//! that serve, and guests that have computed for long stand behind those that have just begun.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Threads at once. Calls are admitted before they come here, and listing is bounded by who loads, so none is refused.
const MOST: usize = 512;
/// How long a thread waits for another call before it ends.
const IDLE: Duration = Duration::from_secs(5);
/// How far a thread that runs a guest stands behind the host's own, and one whose guest has computed for long
/// (`setpriority(2)`).
const BEHIND: i32 = 5;
const BEHIND_WHEN_LONG: i32 = 15;
const LAST: i32 = 19;

type Job = Box<dyn FnOnce() + Send>;

pub(super) struct Threads {
    /// The host's own niceness. Threads are started by others of any.
    own: i32,
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    all: usize,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum NoThread {
    #[error("all {MOST} threads for guests are taken")]
    Full,
    #[error("no thread for a guest can be started")]
    Start(#[source] io::Error),
    #[error("a guest's thread ended before its work was done")]
    Ended,
}

std::thread_local! {
    /// Whether this thread has been put behind the others. It cannot be brought forward again without privileges.
    static IS_LONG: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    static OWN: std::cell::Cell<i32> = const { std::cell::Cell::new(0) };
}

/// Puts the thread of the caller, which runs a guest, behind those of younger calls.
pub(super) fn step_back() {
    if !IS_LONG.replace(true) {
        nice((OWN.get() + BEHIND_WHEN_LONG).min(LAST));
    }
}

/// For this thread alone: on Linux `setpriority` with no process named is the calling thread's.
fn nice(niceness: i32) {
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::debug!(%error, niceness, "a guest's thread keeps the priority it has");
    }
}

impl Default for Threads {
    fn default() -> Self {
        let own = rustix::process::getpriority_process(None).unwrap_or(0);
        Self { own, state: Mutex::default(), came: Condvar::new() }
    }
}

impl Threads {
    /// Does the work on a thread of this pool and waits for it. Dropping the answer does not end the work.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoThread> {
        let (tell, told) = oneshot::channel();
        // Nobody may be there to be told any more.
        self.start(Box::new(move || drop(tell.send(work()))))?;
        told.await.map_err(|_| NoThread::Ended)
    }

    fn start(self: &Arc<Self>, job: Job) -> Result<(), NoThread> {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.idle > state.jobs.len() {
                state.jobs.push_back(job);
                self.came.notify_one();
                return Ok(());
            }
            if state.all >= MOST {
                return Err(NoThread::Full);
            }
            state.all += 1;
        }
        let place = Place(self.clone());
        let thread = std::thread::Builder::new().name("guest".into());
        thread.spawn(move || place.work(job)).map(drop).map_err(NoThread::Start)
    }
}

/// A thread's place in the count, given back even when its work panics.
struct Place(Arc<Threads>);

impl Place {
    fn work(self, first: Job) {
        OWN.set(self.0.own);
        nice((self.0.own + BEHIND).min(LAST));
        let mut next = Some(first);
        while let Some(job) = next {
            job();
            if IS_LONG.get() {
                return;
            }
            next = self.next();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.idle += 1;
        let waited = self.0.came.wait_timeout_while(state, IDLE, |state| state.jobs.is_empty());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        state.jobs.pop_front()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).all -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_piece_of_work_has_a_thread_and_a_thread_serves_again() {
        let threads = Arc::new(Threads::default());
        let name = || std::thread::current().name().map(str::to_owned);
        assert_eq!(threads.run(name).await.unwrap().as_deref(), Some("guest"));
        let meet = Arc::new(std::sync::Barrier::new(3));
        let wait = |meet: &Arc<std::sync::Barrier>| {
            let (threads, meet) = (threads.clone(), meet.clone());
            async move { threads.run(move || meet.wait().is_leader()).await.unwrap() }
        };
        let leaders = tokio::join!(wait(&meet), wait(&meet), wait(&meet));
        assert_eq!([leaders.0, leaders.1, leaders.2].iter().filter(|leader| **leader).count(), 1, "three at once");
        for _ in 0..50 {
            threads.run(|| ()).await.unwrap();
        }
        assert!(threads.state.lock().unwrap().all <= 4, "threads serve again");
    }

    #[tokio::test]
    async fn work_that_panics_is_told_as_such_and_gives_its_place_back() {
        let threads = Arc::new(Threads::default());
        assert!(matches!(threads.run(|| panic!("on purpose")).await, Err(NoThread::Ended)));
        while threads.state.lock().unwrap().all > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(threads.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_thread_that_stepped_back_does_not_serve_again() {
        let threads = Arc::new(Threads::default());
        let id = || std::thread::current().id();
        let long = threads.run(move || (step_back(), id()).1).await.unwrap();
        assert_ne!(threads.run(id).await.unwrap(), long);
    }
}
