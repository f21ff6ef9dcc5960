//! One connection that is bound, and asks one thing at a time.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::RawEntry;
use super::code::ResultCode;
use super::message::{self, Answer, Ask, Message, Outcome, Written};
use crate::outbound::Host;
use crate::policy::Tls;
use crate::policy::address::Reach;
use crate::secrets::Bind;
use crate::wire::network::dial::Dialer;
use crate::wire::{BadReply, Unreachable, WireError};

/// Read from the socket at once.
const CHUNK: usize = 16 * 1024;
/// More than any answer to a StartTLS or a bind has.
const GREETING: usize = 64 * 1024;

/// The bytes that one page may still cost.
pub(super) struct Allowance {
    limit: usize,
    left: usize,
}

impl Allowance {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, left: limit }
    }

    pub(super) fn used(&self) -> usize {
        self.limit - self.left
    }

    fn room_for(&self, bytes: usize) -> Result<(), WireError> {
        if bytes > self.left { Err(WireError::TooLarge { limit: self.limit }) } else { Ok(()) }
    }

    fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }
}

/// Messages over a stream. One that has seen an error is of no more use: who holds it drops it.
pub(super) struct Session<S> {
    stream: S,
    /// Received and not yet read.
    buffer: BytesMut,
    last_id: u32,
}

/// Everything a server said to one SearchRequest.
pub(super) struct Found {
    pub(super) entries: Vec<RawEntry>,
    pub(super) references: usize,
    pub(super) outcome: Outcome,
    pub(super) cookie: Option<Vec<u8>>,
}

/// A connection of the directory's own: TLS before anything secret is said.
pub(super) async fn connect(
    dialer: &Dialer,
    (host, port, tls): (&Host, u16, Tls),
    reach: Reach,
    deadline: Instant,
) -> Result<Session<TlsStream<TcpStream>>, WireError> {
    let tcp = dialer.dial_tcp(host, port, reach, deadline).await?;
    let tcp = match tls {
        Tls::Ldaps => tcp,
        Tls::StartTls => Session::new(tcp).start_tls().await?,
    };
    Ok(Session::new(dialer.secure(tcp, host, deadline).await?))
}

impl Session<TcpStream> {
    /// Gives the socket back for TLS to begin on it.
    async fn start_tls(mut self) -> Result<TcpStream, WireError> {
        let id = self.next_id();
        self.send(&message::start_tls(id)?).await?;
        let answer = self.receive(id, &mut Allowance::new(GREETING)).await?;
        let Answer::Extended(Outcome { code, .. }) = answer.answer else {
            return Err(unexpected());
        };
        if code != ResultCode::SUCCESS {
            return Err(WireError::Directory(code));
        }
        // Whatever came in clear after the answer would be taken for the server's own words within TLS.
        if !self.buffer.is_empty() {
            return Err(WireError::BadReply(BadReply::Ldap("something follows before TLS begins")));
        }
        Ok(self.stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new(), last_id: 0 }
    }

    /// Whether nothing has come since it was last used, its end neither.
    pub(super) async fn is_quiet(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut read = ReadBuf::new(&mut byte);
        let waits = poll_fn(|cx| Poll::Ready(Pin::new(&mut self.stream).poll_read(cx, &mut read).is_pending())).await;
        waits && self.buffer.is_empty()
    }

    pub(super) async fn bind(&mut self, bind: &Bind<'_>) -> Result<(), WireError> {
        let id = self.next_id();
        self.send(&message::bind(id, bind)).await?;
        match self.receive(id, &mut Allowance::new(GREETING)).await?.answer {
            Answer::Bound(Outcome { code: ResultCode::SUCCESS, .. }) => Ok(()),
            Answer::Bound(Outcome { code: ResultCode::INVALID_CREDENTIALS, reason }) => {
                Err(WireError::BindRefused(reason))
            }
            Answer::Bound(Outcome { code: ResultCode::REFERRAL, .. }) => Err(WireError::Referral),
            Answer::Bound(Outcome { code, .. }) => Err(WireError::Directory(code)),
            Answer::Extended(_) | Answer::Entry(_) | Answer::Reference | Answer::Done(_) => Err(unexpected()),
        }
    }

    pub(super) async fn search(&mut self, ask: &Ask<'_>, allowance: &mut Allowance) -> Result<Found, WireError> {
        let id = self.next_id();
        self.send(&message::search(id, ask)?).await?;
        let (mut entries, mut references) = (Vec::new(), 0);
        loop {
            let Message { answer, cookie, .. } = self.receive(id, allowance).await?;
            match answer {
                Answer::Entry(entry) => entries.push(entry),
                Answer::Reference => references += 1,
                Answer::Done(outcome) => return Ok(Found { entries, references, outcome, cookie }),
                Answer::Bound(_) | Answer::Extended(_) => return Err(unexpected()),
            }
        }
    }

    fn next_id(&mut self) -> u32 {
        // RFC 4511, 4.1.1.1: up to 2^31 - 1, and not 0.
        self.last_id = self.last_id % (i32::MAX as u32) + 1;
        self.last_id
    }

    async fn send(&mut self, message: &Written) -> Result<(), WireError> {
        self.stream.write_all(message).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)
    }

    /// The next message, which must be an answer to this one: nothing else is under way.
    async fn receive(&mut self, id: u32, allowance: &mut Allowance) -> Result<Message, WireError> {
        loop {
            if let Some(length) = message::length(&self.buffer)? {
                allowance.room_for(length)?;
                if self.buffer.len() >= length {
                    allowance.spend(length);
                    let message = message::read(&self.buffer.split_to(length))?;
                    return if message.id == id { Ok(message) } else { Err(unexpected()) };
                }
            }
            self.buffer.reserve(CHUNK);
            if self.stream.read_buf(&mut self.buffer).await.map_err(broken)? == 0 {
                return Err(WireError::Unreachable(Unreachable::Closed(None)));
            }
        }
    }
}

fn broken(error: io::Error) -> WireError {
    WireError::Unreachable(Unreachable::Broken(error))
}

fn unexpected() -> WireError {
    WireError::BadReply(BadReply::Ldap("an answer to something else"))
}
