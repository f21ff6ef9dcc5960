//! Reads a request's body whole, within bounds of size, time and memory, and hands it on as one piece.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::frame::MAX_BYTES;

/// So much of a body needs nobody's leave: connections are counted. What is more comes out of a common store.
const FREE_BYTES: usize = 64 << 10;
/// All bodies together, beyond what is free.
const STORE_BYTES: usize = 64 << 20;
const STORE_UNIT: usize = 1 << 10;
/// Bytes a second, after a sixth of the time for a body.
const SLOWEST: f64 = 1024.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFault {
    TooLarge,
    TooSlow,
    /// It ended early, or was sent in pieces that are none.
    Torn,
    /// Others' bodies fill the store.
    NoRoom,
}

/// Takes what is on its way of a small body that nobody wants: a client that is still sending when its connection closes may
/// never see the answer.
pub(super) async fn discard(mut body: impl Body<Data = Bytes> + Unpin) {
    const PATIENCE: Duration = Duration::from_secs(1);
    let all = async {
        let mut left = FREE_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            let Some(less) = left.checked_sub(bytes) else { return };
            left = less;
        }
    };
    // Who takes longer, or sends more, is not waited for.
    drop(tokio::time::timeout(PATIENCE, all).await);
}

/// The common store of memory for bodies.
pub(super) fn store() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(STORE_BYTES / STORE_UNIT))
}

/// A whole body, and its part of the store.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    pub(super) stored: Option<OwnedSemaphorePermit>,
}

pub(super) async fn read<B>(body: B, time: Duration, store: &Arc<Semaphore>) -> Result<Whole, BodyFault>
where
    B: Body<Data = Bytes>,
{
    if body.size_hint().lower() > MAX_BYTES as u64 {
        return Err(BodyFault::TooLarge);
    }
    let began = Instant::now();
    let (mut bytes, mut stored) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
    let mut body = std::pin::pin!(body);
    loop {
        let until = began + patience(time, bytes.len());
        let frame = tokio::time::timeout_at(until, body.frame()).await.map_err(|_| BodyFault::TooSlow)?;
        let Some(frame) = frame else { return Ok(Whole { bytes: bytes.freeze(), stored }) };
        let Ok(data) = frame.map_err(|_| BodyFault::Torn)?.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > MAX_BYTES {
            return Err(BodyFault::TooLarge);
        }
        let wanted = length.saturating_sub(FREE_BYTES).div_ceil(STORE_UNIT);
        let has = stored.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if let Some(more) = u32::try_from(wanted.saturating_sub(has)).ok().filter(|more| *more > 0) {
            let more = store.clone().try_acquire_many_owned(more).map_err(|_| BodyFault::NoRoom)?;
            match &mut stored {
                Some(stored) => stored.merge(more),
                None => stored = Some(more),
            }
        }
        bytes.extend_from_slice(&data);
    }
}

/// How long after its beginning the next piece of a body may come, when so many bytes have.
fn patience(time: Duration, n_bytes: usize) -> Duration {
    time.min(time / 6 + Duration::from_secs_f64(n_bytes as f64 / SLOWEST))
}

/// A body that comes in one piece when `reading` has ended, or not at all.
pub(super) struct OnePiece<E> {
    reading: Option<Reading<E>>,
}

type Reading<E> = Pin<Box<dyn Future<Output = Result<Bytes, E>> + Send>>;

impl<E> OnePiece<E> {
    pub(super) fn new(reading: impl Future<Output = Result<Bytes, E>> + Send + 'static) -> Self {
        Self { reading: Some(Box::pin(reading)) }
    }
}

impl<E> Body for OnePiece<E> {
    type Data = Bytes;
    type Error = E;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        match reading.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(read) => {
                self.reading = None;
                Poll::Ready(Some(read.map(Frame::data)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;

    use super::*;

    /// What a connection gives next: so many bytes, a fault, or nothing ever.
    #[derive(Clone, Copy)]
    enum Piece {
        Given(usize),
        Fault,
        Silence,
    }
    use Piece::{Fault, Given, Silence};

    struct Pieces(VecDeque<Piece>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            let Some(piece) = self.0.front().copied() else { return Poll::Ready(None) };
            let frame = match piece {
                Given(n) => Ok(Frame::data(Bytes::from(vec![b'x'; n]))),
                Fault => Err(io::ErrorKind::UnexpectedEof.into()),
                Silence => return Poll::Pending,
            };
            self.0.pop_front();
            Poll::Ready(Some(frame))
        }
    }

    async fn check(pieces: &[Piece], time: Duration, expected: Result<usize, BodyFault>) {
        let store = store();
        let read = read(Pieces(pieces.iter().copied().collect()), time, &store).await;
        assert_eq!(read.map(|whole| whole.bytes.len()), expected, "{} pieces", pieces.len());
        assert_eq!(store.available_permits(), STORE_BYTES / STORE_UNIT, "the store did not get all back");
    }

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn a_body_comes_whole_within_its_bounds_or_not_at_all() {
        check(&[], LONG, Ok(0)).await;
        check(&[Given(10), Given(5)], LONG, Ok(15)).await;
        check(&[Given(MAX_BYTES)], LONG, Ok(MAX_BYTES)).await;
        check(&[Given(MAX_BYTES), Given(1)], LONG, Err(BodyFault::TooLarge)).await;
        check(&[Given(10), Fault], LONG, Err(BodyFault::Torn)).await;
        check(&[Given(10), Silence], Duration::from_millis(60), Err(BodyFault::TooSlow)).await;
        check(&[Silence], Duration::from_millis(60), Err(BodyFault::TooSlow)).await;
    }

    #[test]
    fn a_slow_body_earns_its_time_and_there_is_an_end() {
        let time = Duration::from_secs(30);
        for (n_bytes, seconds) in
            [(0, 5), (1024, 6), (10 * 1024, 15), (25 * 1024, 30), (26 * 1024, 30), (MAX_BYTES, 30)]
        {
            assert_eq!(patience(time, n_bytes), Duration::from_secs(seconds), "{n_bytes}");
        }
    }

    #[tokio::test]
    async fn large_bodies_share_a_store_and_small_ones_need_none() {
        let store = store();
        let all = u32::try_from(STORE_BYTES / STORE_UNIT).unwrap();
        let taken = store.clone().acquire_many_owned(all).await.unwrap();
        let of = |n: usize| Pieces(VecDeque::from([Given(n)]));
        assert!(read(of(FREE_BYTES), LONG, &store).await.is_ok());
        assert_eq!(read(of(FREE_BYTES + 1), LONG, &store).await.err(), Some(BodyFault::NoRoom));
        drop(taken);
        let whole = read(of(FREE_BYTES + 1), LONG, &store).await.unwrap();
        assert_eq!(store.available_permits(), STORE_BYTES / STORE_UNIT - 1);
        drop(whole);
        assert_eq!(store.available_permits(), STORE_BYTES / STORE_UNIT);
    }
}
