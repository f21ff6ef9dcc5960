//! The guest's stdout and stderr: each line becomes a log line. Many toolchains tell of a panic there and only there.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::egress::{Caller, Door, Level};

/// A line longer than this is cut into several.
const LINE: usize = 4 << 10;
/// Bytes of one write.
const AT_ONCE: usize = 8 << 10;

#[derive(Clone)]
pub(in crate::shard) struct GuestStdio {
    door: Arc<Door>,
    caller: Arc<Caller>,
    level: Level,
    pending: Arc<Mutex<Vec<u8>>>,
}

impl GuestStdio {
    pub(in crate::shard) fn new(door: &Arc<Door>, caller: &Arc<Caller>, level: Level) -> Self {
        Self { door: door.clone(), caller: caller.clone(), level, pending: Arc::default() }
    }

    fn take(&self, bytes: &[u8]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if byte == b'\n' || pending.len() >= LINE {
                self.line(&std::mem::take(&mut *pending));
            }
            if byte != b'\n' {
                pending.push(byte);
            }
        }
    }

    fn line(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.door.log(&self.caller, self.level, &String::from_utf8_lossy(bytes));
        }
    }

    /// Whatever stands there without a newline when the call ends.
    pub(in crate::shard) fn flush(&self) {
        let rest = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        self.line(&rest);
    }
}

impl IsTerminal for GuestStdio {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStdio {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    /// A stream of our own: wasmtime's keeps every write in a queue, and an empty one costs no budget there (GHSA-5m8g-xhq4-4h93).
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

/// Each write is read before the guest goes on: nothing waits, so nothing piles up.
impl OutputStream for GuestStdio {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > AT_ONCE {
            return Err(StreamError::Trap(wasmtime::format_err!("a write of more bytes than check-write allowed")));
        }
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(AT_ONCE)
    }
}

#[async_trait::async_trait]
impl Pollable for GuestStdio {
    async fn ready(&mut self) {}
}

impl AsyncWrite for GuestStdio {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
