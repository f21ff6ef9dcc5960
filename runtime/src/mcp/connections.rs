//! Which connections there are, what each waits for, and which one goes when there is no room for another.
//!
//! A connection whose client has said nothing, or not yet a whole head, goes first; then one between two requests; then one
//! whose body is still coming; the oldest of each. One that is being answered is never closed for another: their number
//! is bounded elsewhere, below the number of connections.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::limits::{ClientAddress, ClientLimits};

/// What a connection waits for. In the order in which connections are closed for want of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// The rest of a head; also the first byte of the first.
    Head,
    /// Another request.
    Idle,
    /// The rest of a body.
    Body,
    /// Us.
    Answer,
    /// News, for as long as it likes.
    Stream,
}

struct Progress {
    phase: Phase,
    since: Instant,
    /// The client takes nothing of what we have for it, since then.
    stalled: Option<Instant>,
    /// Pieces of answers that take room and are on their way, and since when nothing of it was over.
    sends: (usize, Instant),
}

/// One connection, as the table and its own task see it.
pub(super) struct Connection {
    client: ClientAddress,
    close: CancellationToken,
    progress: Mutex<Progress>,
}

impl Connection {
    pub(super) fn client(&self) -> ClientAddress {
        self.client
    }

    /// Until it is to be closed, because it took too long or another needs its room.
    pub(super) async fn closed(&self) {
        self.close.cancelled().await;
    }

    /// It is of no more use.
    pub(super) fn close(&self) {
        self.close.cancel();
    }

    /// A head has come.
    pub(super) fn wait_for_body(&self) {
        self.enter(Phase::Body);
    }

    pub(super) fn answer(&self) {
        self.enter(Phase::Answer);
    }

    /// What it asked for goes on until it goes.
    pub(super) fn streams(&self) {
        self.enter(Phase::Stream);
    }

    /// A piece of an answer is on its way, and takes room until the client has it.
    pub(super) fn sends(&self) {
        let (pieces, since) = &mut self.progress().sends;
        if *pieces == 0 {
            *since = Instant::now();
        }
        *pieces += 1;
    }

    /// The client has taken a piece.
    pub(super) fn sent(&self) {
        let (pieces, since) = &mut self.progress().sends;
        (*pieces, *since) = (pieces.saturating_sub(1), Instant::now());
    }

    pub(super) fn answered(&self) {
        self.enter(Phase::Idle);
    }

    fn enter(&self, phase: Phase) {
        let mut progress = self.progress();
        (progress.phase, progress.since) = (phase, Instant::now());
    }

    fn read_some(&self) {
        let mut progress = self.progress();
        if progress.phase == Phase::Idle {
            (progress.phase, progress.since) = (Phase::Head, Instant::now());
        }
    }

    fn wrote(&self, is_stalled: bool) {
        let mut progress = self.progress();
        if is_stalled {
            progress.stalled.get_or_insert_with(Instant::now);
        } else {
            progress.stalled = None;
            // The end of a large answer is still on its way.
            if progress.phase == Phase::Idle {
                progress.since = Instant::now();
            }
        }
    }

    fn is_overdue(&self, limits: &ClientLimits, now: Instant) -> bool {
        let progress = self.progress();
        let waited = now.saturating_duration_since(progress.since);
        let in_time = match progress.phase {
            Phase::Head => waited < limits.head,
            Phase::Idle => waited < limits.idle,
            // Who reads the body keeps its time.
            Phase::Body | Phase::Answer | Phase::Stream => true,
        };
        let stalled = progress.stalled.map(|since| now.saturating_duration_since(since));
        !in_time || stalled.is_some_and(|stalled| stalled >= limits.body)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Connections {
    limits: ClientLimits,
    table: Mutex<Table>,
    /// One that was closed has gone.
    gone: Notify,
}

/// Connections that were closed and have not gone yet: each holds its descriptor as long.
const MOST_LEAVING: usize = 8;

#[derive(Default)]
struct Table {
    next: u64,
    open: BTreeMap<u64, Arc<Connection>>,
    of: HashMap<ClientAddress, usize>,
    /// Closed, and their tasks do not know it yet.
    leaving: usize,
    /// Since somebody asked.
    told: Crowding,
}

/// What had to be done for want of room or time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Crowding {
    pub(super) n_closed_for_room: u64,
    pub(super) n_too_slow: u64,
    pub(super) n_refused: u64,
}

/// A connection's place in the table. Given back when it is dropped.
pub(super) struct Admitted {
    connections: Arc<Connections>,
    number: u64,
    pub(super) connection: Arc<Connection>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        if table.remove(self.number).is_none() {
            table.leaving = table.leaving.saturating_sub(1);
            drop(table);
            self.connections.gone.notify_one();
        }
    }
}

impl Table {
    fn remove(&mut self, number: u64) -> Option<Arc<Connection>> {
        let connection = self.open.remove(&number)?;
        if let Some(n) = self.of.get_mut(&connection.client) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                self.of.remove(&connection.client);
            }
        }
        Some(connection)
    }

    /// Closes the one that can best be spared, of this client or of all.
    fn make_room(&mut self, of: Option<ClientAddress>) -> bool {
        let candidates = self.open.iter().filter(|(_, one)| of.is_none_or(|client| one.client == client));
        let ranked = candidates.filter_map(|(number, one)| {
            let progress = one.progress();
            (progress.phase < Phase::Answer).then_some((progress.phase, progress.since, *number))
        });
        let Some((.., number)) = ranked.min() else { return false };
        self.close(number);
        self.told.n_closed_for_room += 1;
        true
    }

    fn close(&mut self, number: u64) {
        if let Some(connection) = self.remove(number) {
            self.leaving += 1;
            connection.close.cancel();
        }
    }
}

impl Connections {
    pub(super) fn new(limits: ClientLimits) -> Arc<Self> {
        Arc::new(Self { limits, table: Mutex::default(), gone: Notify::new() })
    }

    /// Waits while many that were closed are still on their way out: accepting faster than they go takes descriptors that
    /// are kept for others.
    pub(super) async fn caught_up(&self) {
        while self.table().leaving > MOST_LEAVING {
            self.gone.notified().await;
        }
    }

    /// A place for a connection from this client, if need be that of another. None if none can be spared.
    pub(super) fn admit(self: &Arc<Self>, client: ClientAddress) -> Option<Admitted> {
        let mut table = self.table();
        let theirs = table.of.get(&client).copied().unwrap_or_default();
        let room = if theirs >= self.limits.share(self.limits.connections, client) {
            table.make_room(Some(client))
        } else {
            table.open.len() < self.limits.connections || table.make_room(None)
        };
        if !room {
            table.told.n_refused += 1;
            return None;
        }
        let now = Instant::now();
        let progress = Progress { phase: Phase::Head, since: now, stalled: None, sends: (0, now) };
        let connection =
            Arc::new(Connection { client, close: CancellationToken::new(), progress: Mutex::new(progress) });
        let number = table.next;
        table.next += 1;
        table.open.insert(number, connection.clone());
        *table.of.entry(client).or_default() += 1;
        Some(Admitted { connections: self.clone(), number, connection })
    }

    /// For one descriptor more, whosever.
    pub(super) fn make_room(&self) {
        self.table().make_room(None);
    }

    pub(super) fn close_overdue(&self, now: Instant) {
        let mut table = self.table();
        let overdue = |(number, one): (&u64, &Arc<Connection>)| one.is_overdue(&self.limits, now).then_some(*number);
        let overdue: Vec<_> = table.open.iter().filter_map(overdue).collect();
        table.told.n_too_slow += overdue.len() as u64;
        for number in overdue {
            table.close(number);
        }
    }

    /// Closes the connection whose client has taken the longest over an answer, and longer than this.
    pub(super) fn close_slowest(&self, grace: Duration) {
        let mut table = self.table();
        let slow = table.open.iter().filter_map(|(number, one)| {
            let (pieces, since) = one.progress().sends;
            (pieces > 0).then_some((since, *number))
        });
        if let Some((since, number)) = slow.min()
            && since.elapsed() >= grace
        {
            table.close(number);
            table.told.n_too_slow += 1;
        }
    }

    /// All that nobody is answering.
    pub(super) fn close_waiting(&self) {
        let mut table = self.table();
        let waiting =
            |(number, one): (&u64, &Arc<Connection>)| (one.progress().phase != Phase::Answer).then_some(*number);
        let waiting: Vec<_> = table.open.iter().filter_map(waiting).collect();
        for number in waiting {
            table.close(number);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table().open.len()
    }

    /// What happened since this was asked last.
    pub(super) fn take_crowding(&self) -> Crowding {
        std::mem::take(&mut self.table().told)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket that tells its connection what moves.
pub(super) struct Watched {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection }
    }

    fn note(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.connection.wrote(true),
            Poll::Ready(Ok(_)) => self.connection.wrote(false),
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            this.connection.read_some();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.note(&written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::*;

    const NEAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn far(n: u8) -> ClientAddress {
        ClientAddress::new([192, 0, 2, n].into())
    }

    fn connections(connections: usize, per_address: Option<usize>) -> Arc<Connections> {
        Connections::new(ClientLimits { connections, per_address, ..ClientLimits::default() })
    }

    fn is_open(admitted: &Admitted) -> bool {
        !admitted.connection.close.is_cancelled()
    }

    #[test]
    fn the_one_that_can_best_be_spared_makes_room() {
        let all = connections(4, Some(4));
        let admit = || all.admit(ClientAddress::new(NEAR)).unwrap();
        let (answering, body, idle, silent) = (admit(), admit(), admit(), admit());
        answering.connection.answer();
        body.connection.wait_for_body();
        idle.connection.answered();
        let first = admit();
        assert!(!is_open(&silent) && [&answering, &body, &idle, &first].into_iter().all(is_open));
        first.connection.answer();
        let second = admit();
        assert!(!is_open(&idle) && is_open(&body));
        second.connection.answer();
        let third = admit();
        assert!(!is_open(&body));
        third.connection.answer();
        assert!(all.admit(ClientAddress::new(NEAR)).is_none(), "one that was being answered was closed");
        let told = all.take_crowding();
        assert_eq!((told.n_closed_for_room, told.n_refused), (3, 1));
        drop(answering);
        assert!(all.admit(ClientAddress::new(NEAR)).is_some());
    }

    #[test]
    fn of_equals_the_oldest_goes() {
        let all = connections(3, Some(3));
        let admit = || all.admit(ClientAddress::new(NEAR)).unwrap();
        let (one, two, three) = (admit(), admit(), admit());
        let four = admit();
        assert!(!is_open(&one) && [&two, &three, &four].into_iter().all(is_open));
        // A byte that begins another head makes an idle one young, and first to go.
        two.connection.answered();
        three.connection.answer();
        four.connection.answered();
        four.connection.read_some();
        let five = admit();
        assert!(!is_open(&four) && is_open(&two) && is_open(&three) && is_open(&five));
    }

    #[test]
    fn an_address_makes_room_for_itself_alone_once_it_has_its_share() {
        let all = connections(10, Some(3));
        let others: Vec<_> = (0..4).map(|n| all.admit(far(n)).unwrap()).collect();
        let greedy: Vec<_> = (0..50).map(|_| all.admit(far(9)).unwrap()).collect();
        assert_eq!(greedy.iter().filter(|one| is_open(one)).count(), 3);
        assert!(others.iter().all(is_open));
        assert_eq!(all.len(), 7);
        for one in &greedy {
            one.connection.answer();
        }
        assert!(all.admit(far(9)).is_none());
        assert!(all.admit(far(5)).is_some());
        drop((others, greedy));
        assert_eq!((all.len(), all.table().of.len()), (0, 0));
    }

    #[test]
    fn each_wait_has_its_time() {
        let limits = ClientLimits::default();
        let all = Connections::new(limits);
        let admit = || all.admit(ClientAddress::new(NEAR)).unwrap();
        let (head, idle, body, answer, stalled) = (admit(), admit(), admit(), admit(), admit());
        idle.connection.answered();
        body.connection.wait_for_body();
        answer.connection.answer();
        stalled.connection.answer();
        stalled.connection.wrote(true);
        let now = Instant::now();
        let second = Duration::from_secs(1);
        for (after, open) in [
            (limits.head - second, [true, true, true, true, true]),
            (limits.head, [false, true, true, true, true]),
            (limits.body - second, [false, true, true, true, true]),
            (limits.body, [false, true, true, true, false]),
            (limits.idle - second, [false, true, true, true, false]),
            (limits.idle, [false, false, true, true, false]),
        ] {
            all.close_overdue(now + after);
            assert_eq!([&head, &idle, &body, &answer, &stalled].map(is_open), open, "{after:?}");
        }
        assert_eq!(all.take_crowding().n_too_slow, 3);
        // Of those that an answer is on its way to, the oldest goes.
        let (asks, one, two) = (admit(), admit(), admit());
        for connection in [&asks, &one, &two] {
            connection.connection.answer();
        }
        one.connection.sends();
        two.connection.sends();
        all.close_slowest(Duration::from_secs(60));
        assert!(is_open(&one), "it has had no time yet");
        all.close_slowest(Duration::ZERO);
        assert_eq!([&asks, &one, &two].map(is_open), [true, false, true]);
        two.connection.sent();
        all.close_slowest(Duration::ZERO);
        assert!(is_open(&two), "it has its answer");
        // What is taken in time is no stall.
        let taken = admit();
        taken.connection.answer();
        taken.connection.wrote(true);
        taken.connection.wrote(false);
        all.close_overdue(Instant::now() + limits.idle);
        assert!(is_open(&taken));
    }
}
