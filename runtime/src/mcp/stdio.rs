//! One client over standard input and output. Nothing but protocol goes to standard output.
//!
//! Each line is looked at (`frame`) before the protocol reads it. What is no message gets an error, and the next line is
//! read. A client that asks more at once than it may, or does not read what it is told, waits.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rmcp::ServiceExt;
use rmcp::model::RequestId;
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::frame::{self, Frame, FrameFault, RefusedFrame};
use super::sessions::{answered, cancelled};
use super::{Server, gate};
use crate::call::Current;
use crate::call::Principal;
use crate::egress::AnswerMemory;

/// Requests that are not answered yet.
const MAX_REQUESTS: usize = 256;
/// Messages that wait for the client to read.
const OUT_QUEUE: usize = 64;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Serves until the client closes its end.
#[expect(clippy::disallowed_methods, reason = "the standard streams carry the protocol")]
pub async fn serve(current: Arc<Current>) -> io::Result<()> {
    let server = Server::new(current.clone(), Principal::Local);
    let lines = Lines::new(current, BufReader::new(tokio::io::stdin()), tokio::io::stdout());
    let running = match server.serve(lines).await {
        Ok(running) => running,
        // A client that goes away before it says anything is no fault.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(io::Error::other(error)),
    };
    running.waiting().await.map_err(io::Error::other)?;
    Ok(())
}

/// Requests that are not answered yet, and what their answers take until they have been written.
type Requests = HashMap<RequestId, AnswerMemory>;

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
    out: Option<mpsc::Sender<Said>>,
    writer: Option<JoinHandle<()>>,
}

/// A line for the client, and who waits until it has been written.
struct Said {
    line: Bytes,
    written: Option<oneshot::Sender<io::Result<()>>>,
}

impl<R: AsyncBufRead + Unpin + Send> Lines<R> {
    fn new(current: Arc<Current>, input: R, output: impl AsyncWrite + Unpin + Send + 'static) -> Self {
        let (out, said) = mpsc::channel(OUT_QUEUE);
        Self {
            current,
            input,
            line: Vec::new(),
            skips: false,
            refusing: None,
            to_say: VecDeque::new(),
            requests: Arc::default(),
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
            lock(&self.requests).remove(request);
        }
        if let (Some(id), Some(_)) = (id, method) {
            let mut requests = lock(&self.requests);
            let refusal = if requests.contains_key(&id) {
                // Its id is another's, which is yet to be answered.
                Some(gate::error(None, -32600, "a request with this id is under way", None))
            } else if requests.len() >= MAX_REQUESTS {
                let text = "busy: 256 requests are under way, wait for one to end";
                Some(gate::error(Some(&id), gate::BUSY.0, text, None))
            } else {
                let memory = AnswerMemory::default();
                message.insert_extension(memory.clone());
                requests.insert(id, memory);
                None
            };
            drop(requests);
            if let Some(refusal) = refusal {
                self.say(&refusal);
                return None;
            }
        }
        Some(message)
    }
}

impl<R: AsyncBufRead + Unpin + Send + 'static> Transport<RoleServer> for Lines<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let (out, requests) = (self.out.clone(), self.requests.clone());
        async move {
            let closed = || io::Error::from(io::ErrorKind::NotConnected);
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            let (written, told) = oneshot::channel();
            let said = Said { line: line.into(), written: Some(written) };
            out.ok_or_else(closed)?.send(said).await.map_err(|_| closed())?;
            let written = told.await.map_err(|_| closed())?;
            if let Some(request) = answered(&item) {
                lock(&requests).remove(request);
            }
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
            match self.next_line().await {
                Ok(Some(Ok(line))) => {
                    if let Some(message) = self.read(&line) {
                        return Some(message);
                    }
                }
                Ok(Some(Err(fault))) => self.refuse(RefusedFrame { fault, frame: Frame::default() }),
                Ok(None) => return None,
                Err(error) => {
                    tracing::error!(%error, "standard input cannot be read");
                    return None;
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
