//! The guest's stdout and stderr: each line becomes a log line. Many toolchains tell of a panic there and only there.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::egress::{Caller, Door, Level};

/// A line longer than this is cut into several.
const LINE: usize = 4 << 10;

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
