//! Sessions of the protocol versions before 2026-07-28: how many there are, whose, and which one goes for another.
//!
//! A client that finds its session gone gets 404 and begins another, as the protocol has it. So a session is closed for a
//! new one if nobody waits on it: first one that nothing came of since it began, then the one that was used longest ago.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::service::{RoleServer, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, SessionConfig, SessionError, SessionTransport,
};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use tokio::sync::mpsc;

use super::limits::{ClientAddress, ClientLimits};

/// Requests of one session that are not answered yet.
pub(super) const MAX_REQUESTS: usize = 64;
/// For the first message of a session that was made for it.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);
/// For a session's worker to take what is sent to it. It may wait for a client that does not read.
const WORKER: Duration = Duration::from_secs(60);

tokio::task_local! {
    /// Whose request is being handled: what makes a session is not told.
    pub(super) static CLIENT: ClientAddress;
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SessionFault {
    #[error("no session can be spared for another")]
    Full,
    #[error("64 requests of this session are under way: wait for one to end")]
    TooManyRequests,
    #[error("a request with this id is under way")]
    IdInUse,
    #[error(transparent)]
    Manager(#[from] LocalSessionManagerError),
}

pub(super) struct Sessions {
    inner: Arc<LocalSessionManager>,
    limits: ClientLimits,
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    open: HashMap<SessionId, Session>,
    /// Being made.
    n_coming: usize,
    n_closed_for_room: u64,
}

struct Session {
    client: ClientAddress,
    used: Instant,
    /// Its first message has not been answered.
    is_beginning: bool,
    /// Something came after the first message.
    is_in_use: bool,
    requests: HashSet<RequestId>,
    streams: usize,
}

impl Session {
    fn is_waited_on(&self) -> bool {
        self.is_beginning || !self.requests.is_empty() || self.streams > 0
    }
}

impl Table {
    /// Those that may go for one of this client, and how good it would be if they did.
    fn spare(&self, of: Option<ClientAddress>) -> Option<SessionId> {
        let candidates = self.open.iter().filter(|(_, one)| !one.is_waited_on());
        let candidates = candidates.filter(|(_, one)| of.is_none_or(|client| one.client == client));
        candidates.min_by_key(|(_, one)| (one.is_in_use, one.used)).map(|(id, _)| id.clone())
    }

    /// None: there is room. Some: there is, once this one is closed.
    fn room(&self, limits: &ClientLimits, client: ClientAddress) -> Result<Option<SessionId>, SessionFault> {
        let theirs = self.open.values().filter(|one| one.client == client).count();
        if theirs >= limits.share(limits.sessions, client) {
            return self.spare(Some(client)).map(Some).ok_or(SessionFault::Full);
        }
        if self.open.len() + self.n_coming < limits.sessions {
            return Ok(None);
        }
        self.spare(None).map(Some).ok_or(SessionFault::Full)
    }

    fn may_begin(&self, id: &SessionId, request: &RequestId) -> Result<(), SessionFault> {
        match self.open.get(id) {
            Some(session) if session.requests.contains(request) => Err(SessionFault::IdInUse),
            Some(session) if session.requests.len() >= MAX_REQUESTS => Err(SessionFault::TooManyRequests),
            // None: whoever looks for it says that it is not there.
            Some(_) | None => Ok(()),
        }
    }

    fn use_now(&mut self, id: &SessionId) -> Option<&mut Session> {
        let session = self.open.get_mut(id)?;
        (session.used, session.is_in_use) = (Instant::now(), true);
        Some(session)
    }
}

impl Sessions {
    pub(super) fn new(limits: ClientLimits) -> Self {
        let mut config = SessionConfig::default();
        config.keep_alive = Some(limits.session_idle);
        config.init_timeout = Some(FIRST_MESSAGE);
        // What was cancelled is not asked for again: each kept one would be memory that a client can make.
        config.completed_cache_ttl = Duration::ZERO;
        let mut inner = LocalSessionManager::default();
        inner.session_config = config;
        Self { inner: Arc::new(inner), limits, table: Arc::default() }
    }

    /// Whether a session could be made for this client now.
    pub(super) fn has_room(&self, client: ClientAddress) -> Result<(), SessionFault> {
        self.table().room(&self.limits, client).map(drop)
    }

    pub(super) fn may_begin(&self, id: &SessionId, request: &RequestId) -> Result<(), SessionFault> {
        self.table().may_begin(id, request)
    }

    /// Somebody waits on this session's events for as long as this is held.
    pub(super) fn wait_on(&self, id: &SessionId) -> Option<Waiting> {
        self.table().use_now(id)?.streams += 1;
        Some(Waiting { table: self.table.clone(), id: id.clone() })
    }

    pub(super) fn len(&self) -> usize {
        self.table().open.len()
    }

    /// Sessions closed for others since this was asked last.
    pub(super) fn take_closed(&self) -> u64 {
        std::mem::take(&mut self.table().n_closed_for_room)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Waiting {
    table: Arc<Mutex<Table>>,
    id: SessionId,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(session) = lock(&self.table).use_now(&self.id) {
            session.streams = session.streams.saturating_sub(1);
        }
    }
}

/// While its first message is being answered. If nobody waits for that any more, the session may go for another.
struct Beginning {
    table: Arc<Mutex<Table>>,
    id: SessionId,
}

impl Drop for Beginning {
    fn drop(&mut self) {
        if let Some(session) = lock(&self.table).open.get_mut(&self.id) {
            session.is_beginning = false;
        }
    }
}

/// What is sent to a session's worker at the moment in which it ends may never be answered.
async fn in_time<T, E: Into<LocalSessionManagerError>>(
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, SessionFault> {
    let ended = |_| LocalSessionManagerError::from(SessionError::SessionServiceTerminated);
    Ok(tokio::time::timeout(WORKER, asked).await.map_err(ended)?.map_err(Into::<LocalSessionManagerError>::into)?)
}

/// A place for a session that is being made.
struct Coming(Arc<Mutex<Table>>);

impl Drop for Coming {
    fn drop(&mut self) {
        let mut table = lock(&self.0);
        table.n_coming = table.n_coming.saturating_sub(1);
    }
}

impl SessionManager for Sessions {
    type Error = SessionFault;
    type Transport = Observed;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let client = CLIENT.try_with(|client| *client).map_err(|_| SessionFault::Full)?;
        let (_coming, spared) = {
            let mut table = self.table();
            let spared = table.room(&self.limits, client)?;
            if let Some(id) = &spared {
                table.open.remove(id);
                table.n_closed_for_room += 1;
            }
            table.n_coming += 1;
            (Coming(self.table.clone()), spared)
        };
        if let Some(id) = spared {
            let inner = self.inner.clone();
            // Its worker may be waiting for its client.
            tokio::spawn(async move {
                if let Err(error) = inner.close_session(&id).await {
                    tracing::debug!(%error, "a session was closed for another");
                }
            });
        }
        let (id, transport) = self.inner.create_session().await?;
        let session = Session {
            client,
            used: Instant::now(),
            is_beginning: true,
            is_in_use: false,
            requests: HashSet::new(),
            streams: 0,
        };
        self.table().open.insert(id.clone(), session);
        Ok((id.clone(), Observed { inner: transport, table: self.table.clone(), id }))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        let _beginning = Beginning { table: self.table.clone(), id: id.clone() };
        in_time(self.inner.initialize_session(id, message)).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        // In both, or a request could come in while the session is being closed.
        let known = self.table().open.contains_key(id);
        Ok(known && self.inner.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.table().open.remove(id);
        Ok(self.inner.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        if let JsonRpcMessage::Request(request) = &message {
            let mut table = self.table();
            table.may_begin(id, &request.id)?;
            if let Some(session) = table.use_now(id) {
                session.requests.insert(request.id.clone());
            }
        }
        let handle = self.inner.sessions.read().await.get(id).cloned();
        let handle = handle.ok_or_else(|| LocalSessionManagerError::SessionNotFound(id.clone()))?;
        // A client that goes away in between must not leave half a request behind.
        let made = tokio::spawn(in_time(async move {
            let events = handle.establish_request_wise_channel().await?;
            handle.push_message(message, events.http_request_id).await?;
            Ok::<_, SessionError>(Events(events.inner))
        }));
        // What fails here has no session any more, and with it go its requests.
        made.await.map_err(|_| LocalSessionManagerError::from(SessionError::SessionServiceTerminated))?
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        if let Some(session) = self.table().use_now(id)
            && let Some(request) = cancelled(&message)
        {
            // Its answer will not be sent.
            session.requests.remove(request);
        }
        in_time(self.inner.accept_message(id, message)).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        in_time(self.inner.create_standalone_stream(id)).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        in_time(self.inner.resume(id, last_event_id)).await
    }
}

/// What a session sends as the answer to one request.
struct Events(mpsc::Receiver<ServerSseMessage>);

impl Stream for Events {
    type Item = ServerSseMessage;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// The request that a message takes back.
pub(super) fn cancelled(message: &ClientJsonRpcMessage) -> Option<&RequestId> {
    let JsonRpcMessage::Notification(message) = message else { return None };
    let ClientNotification::CancelledNotification(cancelled) = &message.notification else { return None };
    cancelled.params.request_id.as_ref()
}

/// The request that a message answers.
pub(super) fn answered(message: &ServerJsonRpcMessage) -> Option<&RequestId> {
    match message {
        JsonRpcMessage::Response(response) => Some(&response.id),
        JsonRpcMessage::Error(error) => error.id.as_ref(),
        JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
    }
}

/// A session's transport that tells which requests were answered.
pub(super) struct Observed {
    inner: SessionTransport,
    table: Arc<Mutex<Table>>,
    id: SessionId,
}

impl Transport<RoleServer> for Observed {
    type Error = <SessionTransport as Transport<RoleServer>>::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let request = answered(&item).cloned();
        let (table, id) = (self.table.clone(), self.id.clone());
        let sending = self.inner.send(item);
        async move {
            let sent = sending.await;
            // The answer to what began it is no use of it.
            if let Some(request) = request
                && let Some(session) = lock(&table).open.get_mut(&id)
                && session.requests.remove(&request)
            {
                session.used = Instant::now();
            }
            sent
        }
    }

    fn receive(&mut self) -> impl Future<Output = Option<RxJsonRpcMessage<RoleServer>>> + Send {
        self.inner.receive()
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(sessions: usize, per_address: Option<usize>) -> ClientLimits {
        ClientLimits { sessions, per_address, ..ClientLimits::default() }
    }

    fn client(n: u8) -> ClientAddress {
        ClientAddress::new([192, 0, 2, n].into())
    }

    async fn begin(sessions: &Sessions, n: u8) -> Result<(SessionId, Observed), SessionFault> {
        let (id, transport) = CLIENT.scope(client(n), sessions.create_session()).await?;
        drop(Beginning { table: sessions.table.clone(), id: id.clone() });
        Ok((id, transport))
    }

    #[tokio::test]
    async fn a_session_whose_first_message_is_being_answered_is_not_closed_for_another() {
        let sessions = Sessions::new(limits(2, Some(2)));
        let make = || CLIENT.scope(client(1), sessions.create_session());
        let (one, _two) = (make().await.unwrap(), make().await.unwrap());
        assert!(matches!(make().await, Err(SessionFault::Full)));
        drop(Beginning { table: sessions.table.clone(), id: one.0.clone() });
        assert!(make().await.is_ok());
        assert!(!sessions.has_session(&one.0).await.unwrap());
    }

    #[tokio::test]
    async fn the_session_that_nobody_misses_goes_for_another() {
        let sessions = Sessions::new(limits(3, Some(3)));
        let (one, _keep_one) = begin(&sessions, 1).await.unwrap();
        let (two, _keep_two) = begin(&sessions, 1).await.unwrap();
        let (three, _keep_three) = begin(&sessions, 1).await.unwrap();
        sessions.table().use_now(&one).unwrap();
        // Of one that was used and two that only began the older of these goes.
        let (four, _keep_four) = begin(&sessions, 1).await.unwrap();
        assert!(!sessions.has_session(&two).await.unwrap());
        let waiting = sessions.wait_on(&four).unwrap();
        let (five, _keep_five) = begin(&sessions, 1).await.unwrap();
        assert!(!sessions.has_session(&three).await.unwrap());
        sessions.table().use_now(&five).unwrap().requests.insert(RequestId::Number(1));
        let (six, _keep_six) = begin(&sessions, 1).await.unwrap();
        assert!(!sessions.has_session(&one).await.unwrap());
        let _also_waiting = sessions.wait_on(&six).unwrap();
        assert!(matches!(begin(&sessions, 1).await, Err(SessionFault::Full)), "one that is waited on was closed");
        assert!(sessions.has_room(client(1)).is_err());
        drop(waiting);
        assert!(begin(&sessions, 1).await.is_ok());
        assert_eq!((sessions.len(), sessions.take_closed(), sessions.table().n_coming), (3, 4, 0));
    }

    #[tokio::test]
    async fn an_address_has_its_share_of_sessions() {
        let sessions = Sessions::new(limits(10, Some(2)));
        let (theirs, _keep) = begin(&sessions, 1).await.unwrap();
        let mut kept = Vec::new();
        for _ in 0..20 {
            kept.push(begin(&sessions, 2).await.unwrap());
        }
        assert_eq!(sessions.len(), 3);
        assert!(sessions.has_session(&theirs).await.unwrap());
    }

    #[tokio::test]
    async fn a_session_has_so_many_requests_and_each_id_once() {
        let sessions = Sessions::new(limits(3, Some(3)));
        let (id, _keep) = begin(&sessions, 1).await.unwrap();
        for n in 0..MAX_REQUESTS as i64 {
            let request = RequestId::Number(n);
            sessions.may_begin(&id, &request).unwrap();
            sessions.table().use_now(&id).unwrap().requests.insert(request);
        }
        let next = RequestId::Number(1000);
        assert!(matches!(sessions.may_begin(&id, &next), Err(SessionFault::TooManyRequests)));
        assert!(matches!(sessions.may_begin(&id, &RequestId::Number(3)), Err(SessionFault::IdInUse)));
        sessions.table().use_now(&id).unwrap().requests.remove(&RequestId::Number(3));
        sessions.may_begin(&id, &next).unwrap();
        sessions.close_session(&id).await.unwrap();
        assert!(!sessions.has_session(&id).await.unwrap());
    }
}
