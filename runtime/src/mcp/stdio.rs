//! One client over standard input and output. Nothing but protocol goes to standard output.
//!
//! Each line is looked at (`frame`) before the protocol reads it. What is no message gets an error, and the next line is
//! read. A client that asks more at once than it may, or does not read what it is told, waits. One that closes its end is still
//! answered what it asked: each call has a deadline. A host that is to stop reads no further, and gives calls some seconds.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rmcp::ServiceExt;
use rmcp::model::RequestId;
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::frame::{self, Frame, FrameFault, RefusedFrame};
use super::sessions::{answered, cancelled};
use super::{Ended, LAST_CALLS, LAST_ERRORS, Server, gate};
use crate::call::Current;
use crate::call::Principal;
use crate::egress::AnswerMemory;

/// Requests that are not answered yet.
const MAX_REQUESTS: usize = 256;
/// Messages that wait for the client to read.
const OUT_QUEUE: usize = 64;
/// How often it is looked whether a client that asks nothing more is still there.
const LOOK: Duration = Duration::from_millis(200);
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Serves until the client closes its end, or `stop`, and what it asked has been answered.
#[expect(clippy::disallowed_methods, reason = "the standard streams carry the protocol")]
pub async fn serve(current: Arc<Current>, stop: CancellationToken) -> io::Result<Ended> {
    let server = Server::new(current.clone(), Principal::Local);
    let lines = Lines::new(current, BufReader::new(tokio::io::stdin()), tokio::io::stdout(), stop);
    let requests = lines.requests.clone();
    match server.serve(lines).await {
        Ok(running) => drop(running.waiting().await.map_err(io::Error::other)?),
        // A client that goes away before it says anything is no fault.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => {}
        Err(error) => return Err(io::Error::other(error)),
    }
    let requests = lock(&requests);
    Ok(if requests.was_cut_off || requests.is_waited_for() { Ended::CutOff } else { Ended::Answered })
}

/// Requests that are not answered yet.
#[derive(Default)]
struct Requests {
    open: HashMap<RequestId, Open>,
    was_cut_off: bool,
}

struct Open {
    /// What its answer takes until it has been written.
    _memory: AnswerMemory,
    /// It has no answer for as long as the client is there.
    is_stream: bool,
}

impl Requests {
    fn is_waited_for(&self) -> bool {
        self.open.values().any(|request| !request.is_stream)
    }
}

/// Messages as lines. What it waits for is kept in it, for rmcp drops a `receive` that it no longer waits for.
struct Lines<R> {
    current: Arc<Current>,
    input: R,
    line: Vec<u8>,
    /// The rest of a line that is too long, up to its end.
    skips: bool,
    /// A refusal that is being put on record.
    refusing: Option<JoinHandle<Value>>,
    /// What is to be said before more is read.
    to_say: VecDeque<Bytes>,
    requests: Arc<Mutex<Requests>>,
    /// A request was answered, or nobody can be told any more.
    answered: Arc<Notify>,
    stop: CancellationToken,
    reads_on: bool,
    /// Whether the other end of the output is closed.
    has_gone: fn() -> bool,
    out: Option<mpsc::Sender<Said>>,
    writer: Option<JoinHandle<()>>,
}

/// A line for the client, and who waits until it has been written.
struct Said {
    line: Bytes,
    written: Option<oneshot::Sender<io::Result<()>>>,
}

impl<R: AsyncBufRead + Unpin + Send> Lines<R> {
    fn new(
        current: Arc<Current>,
        input: R,
        output: impl AsyncWrite + Unpin + Send + 'static,
        stop: CancellationToken,
    ) -> Self {
        let (out, said) = mpsc::channel(OUT_QUEUE);
        Self {
            current,
            input,
            line: Vec::new(),
            skips: false,
            refusing: None,
            to_say: VecDeque::new(),
            requests: Arc::default(),
            answered: Arc::default(),
            stop,
            reads_on: true,
            has_gone: output_is_closed,
            out: Some(out),
            writer: Some(tokio::spawn(write(output, said))),
        }
    }

    /// The next line, without its end. None at the end of the input: a line that was not ended is no message. A line that is
    /// too long is told once, and dropped.
    async fn next_line(&mut self) -> io::Result<Option<Result<Vec<u8>, FrameFault>>> {
        loop {
            let read = self.input.fill_buf().await?;
            if read.is_empty() {
                return Ok(None);
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |at| at + 1);
            if !self.skips {
                self.line.extend(read.iter().take(end.unwrap_or(taken)));
            }
            self.input.consume(taken);
            // A carriage return more may end it.
            let is_too_long = self.line.len() > frame::MAX_BYTES + BYTE_ORDER_MARK.len() + 1;
            match (is_too_long, end.is_some()) {
                (false, false) => {}
                (true, ended) => {
                    self.line = Vec::new();
                    self.skips = !ended;
                    return Ok(Some(Err(FrameFault::TooLarge)));
                }
                (false, true) if self.skips => self.skips = false,
                (false, true) => return Ok(Some(Ok(std::mem::take(&mut self.line)))),
            }
        }
    }

    /// Waits until what was asked is answered. Calls are cut off where nobody is there to read, and where the host is to stop and
    /// they take too long.
    async fn last_answers(&self) {
        let late = async {
            self.stop.cancelled().await;
            tokio::time::sleep(LAST_CALLS).await;
        };
        let all = async {
            while lock(&self.requests).is_waited_for() && !self.is_alone() {
                // A client that goes away says so to nobody who only waits.
                drop(tokio::time::timeout(LOOK, self.answered.notified()).await);
            }
        };
        tokio::select! {
            () = all => if !lock(&self.requests).is_waited_for() { return },
            () = late => {}
        }
        lock(&self.requests).was_cut_off = true;
        self.current.stop_all();
        let told = async {
            while lock(&self.requests).is_waited_for() && !self.is_alone() {
                self.answered.notified().await;
            }
        };
        drop(tokio::time::timeout(LAST_ERRORS, told).await);
    }

    /// Nobody reads what is written.
    fn is_alone(&self) -> bool {
        self.out.as_ref().is_none_or(mpsc::Sender::is_closed) || (self.has_gone)()
    }

    fn refuse(&mut self, refused: RefusedFrame) {
        let host = self.current.host();
        self.refusing = Some(tokio::spawn(async move { gate::refuse(&host, &refused, Principal::Local).await }));
    }

    fn say(&mut self, message: &Value) {
        self.to_say.push_back(format!("{message}\n").into());
    }

    /// What a line is to the protocol, if anything.
    fn read(&mut self, line: &[u8]) -> Option<RxJsonRpcMessage<RoleServer>> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if line.is_empty() {
            return None;
        }
        let Frame { id, method, .. } = match frame::read(line) {
            Ok(frame) => frame,
            Err(refused) => {
                self.refuse(refused);
                return None;
            }
        };
        let id = id.map(gate::request_id);
        let mut message: RxJsonRpcMessage<RoleServer> = match serde_json::from_slice(line) {
            Ok(message) => message,
            // A notification that nobody knows is not answered.
            Err(_) if id.is_none() && method.is_some() => return None,
            Err(error) => {
                tracing::debug!(%error, "not a message of the protocol");
                self.say(&gate::error(id.as_ref(), -32600, "the message is none of the protocol", None));
                return None;
            }
        };
        if let Some(request) = cancelled(&message) {
            // Its answer will not be sent.
            lock(&self.requests).open.remove(request);
        }
        if let (Some(id), Some(method)) = (id, method) {
            let mut guard = lock(&self.requests);
            let requests = &mut guard.open;
            let refusal = if requests.contains_key(&id) {
                // Its id is another's, which is yet to be answered.
                Some(gate::error(None, -32600, "a request with this id is under way", None))
            } else if requests.len() >= MAX_REQUESTS {
                let text = "busy: 256 requests are under way, wait for one to end";
                Some(gate::error(Some(&id), gate::BUSY.0, text, None))
            } else {
                let memory = AnswerMemory::default();
                message.insert_extension(memory.clone());
                requests.insert(id, Open { _memory: memory, is_stream: method == "subscriptions/listen" });
                None
            };
            drop(guard);
            if let Some(refusal) = refusal {
                self.say(&refusal);
                return None;
            }
        }
        Some(message)
    }
}

impl<R: AsyncBufRead + Unpin + Send + Sync + 'static> Transport<RoleServer> for Lines<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let (out, requests, over) = (self.out.clone(), self.requests.clone(), self.answered.clone());
        async move {
            let closed = || io::Error::from(io::ErrorKind::NotConnected);
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            let (written, told) = oneshot::channel();
            let said = Said { line: line.into(), written: Some(written) };
            let written = async {
                out.ok_or_else(closed)?.send(said).await.map_err(|_| closed())?;
                told.await.map_err(|_| closed())?
            };
            let written = written.await;
            if let (Some(request), Ok(())) = (answered(&item), &written) {
                lock(&requests).open.remove(request);
            }
            over.notify_one();
            written
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if let Some(refusing) = &mut self.refusing {
                let told = refusing.await;
                self.refusing = None;
                self.say(&told.ok()?);
            }
            while !self.to_say.is_empty() {
                let room = self.out.as_ref()?.reserve().await.ok()?;
                if let Some(line) = self.to_say.pop_front() {
                    room.send(Said { line, written: None });
                }
            }
            if !self.reads_on {
                self.last_answers().await;
                return None;
            }
            let stop = self.stop.clone();
            let line = tokio::select! {
                () = stop.cancelled() => Ok(None),
                line = self.next_line() => line,
            };
            match line {
                Ok(Some(Ok(line))) => {
                    if let Some(message) = self.read(&line) {
                        return Some(message);
                    }
                }
                Ok(Some(Err(fault))) => self.refuse(RefusedFrame { fault, frame: Frame::default() }),
                Ok(None) => self.reads_on = false,
                Err(error) => {
                    tracing::error!(%error, "standard input cannot be read");
                    self.reads_on = false;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        drop(self.out.take());
        match self.writer.take() {
            Some(writer) => writer.await.map_err(io::Error::other),
            None => Ok(()),
        }
    }
}

/// Of a pipe or a socket: its reader has closed it (poll(2)). Of anything else nobody can tell.
#[expect(clippy::disallowed_methods, reason = "the standard streams carry the protocol")]
fn output_is_closed() -> bool {
    let output = std::io::stdout();
    let mut looked = [PollFd::new(&output, PollFlags::empty())];
    let is_ready = poll(&mut looked, Some(&Timespec::default())).is_ok_and(|n| n > 0);
    is_ready && looked.iter().any(|one| one.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

/// The one who writes. It ends with the last who has something to say, or when nobody reads.
async fn write(mut output: impl AsyncWrite + Unpin, mut said: mpsc::Receiver<Said>) {
    while let Some(Said { line, written }) = said.recv().await {
        let result = match output.write_all(&line).await {
            Ok(()) => output.flush().await,
            Err(error) => Err(error),
        };
        let failed = result.is_err();
        match (written, result) {
            // Who waited may have been dropped.
            (Some(written), result) => drop(written.send(result)),
            (None, Err(error)) => tracing::debug!(%error, "standard output cannot be written"),
            (None, Ok(())) => {}
        }
        if failed {
            return;
        }
    }
}

fn lock(requests: &Mutex<Requests>) -> std::sync::MutexGuard<'_, Requests> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}
