//! Gathers what HTTP/2 writes in one turn into few, large writes.
//!
//! HTTP/2 hands over one frame after the other, and a system call for each is a good part of what it costs to send rows.
//! While the connection has its turn, frames are only gathered; when the turn ends, or the room is used up, all of
//! them are written at once. So nothing waits for longer than a turn takes.
//!
//! A connection that cannot be written any more is read to its end: what the peer said last is evidence.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is written at once, at most.
const ROOM: usize = 64 * 1024;

/// A transport that gathers while its connection has its turn.
pub(super) struct Corked<I> {
    gathered: Arc<Mutex<Gathered<I>>>,
}

/// Says when the connection has its turn.
pub(super) struct Cork<I> {
    gathered: Arc<Mutex<Gathered<I>>>,
}

struct Gathered<I> {
    io: I,
    bytes: Vec<u8>,
    /// How many of the bytes the transport has taken.
    written: usize,
    has_turn: bool,
    /// Writing failed: nothing more is written.
    is_broken: bool,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Corked<I> {
    pub(super) fn new(io: I) -> (Self, Cork<I>) {
        let bytes = Vec::with_capacity(ROOM);
        let gathered = Gathered { io, bytes, written: 0, has_turn: false, is_broken: false };
        let gathered = Arc::new(Mutex::new(gathered));
        (Self { gathered: Arc::clone(&gathered) }, Cork { gathered })
    }

    fn lock(&self) -> MutexGuard<'_, Gathered<I>> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Cork<I> {
    /// Gives `connection` its turn, and writes what it left.
    pub(super) fn turn<F: Future + Unpin>(
        &self,
        connection: &mut F,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        let was_broken = {
            let mut gathered = self.lock();
            gathered.has_turn = true;
            gathered.is_broken
        };
        let polled = Pin::new(connection).poll(cx);
        let mut gathered = self.lock();
        gathered.has_turn = false;
        // What is still left goes on when the transport wakes the connection.
        if gathered.poll_write_out(cx).is_ready() && gathered.is_broken && !was_broken {
            // The connection is to see it.
            cx.waker().wake_by_ref();
        }
        polled
    }

    fn lock(&self) -> MutexGuard<'_, Gathered<I>> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Gathered<I> {
    /// Takes as many of these bytes as there is room for.
    fn gather(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(ROOM - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..taken]);
        taken
    }

    /// Ready when there is room again.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.bytes.len() < ROOM { Poll::Ready(()) } else { self.poll_write_out(cx) }
    }

    /// Ready when all that was gathered was written and flushed, or is given up.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let written = if self.is_broken { Ok(()) } else { ready!(self.poll_try_write_out(cx)) };
        self.is_broken |= written.is_err();
        self.bytes.clear();
        self.written = 0;
        Poll::Ready(())
    }

    fn poll_try_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.bytes[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.lock();
        let read = Pin::new(&mut gathered.io).poll_read(cx, buf);
        if read.is_pending() && gathered.is_broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        read
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Corked<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut gathered = self.lock();
        ready!(gathered.poll_room(cx));
        Poll::Ready(Ok(gathered.gather(buf)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut gathered = self.lock();
        ready!(gathered.poll_room(cx));
        Poll::Ready(Ok(bufs.iter().map(|buf| gathered.gather(buf)).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.lock();
        if !gathered.has_turn {
            ready!(gathered.poll_write_out(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.lock();
        ready!(gathered.poll_write_out(cx));
        Pin::new(&mut gathered.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};

    use tokio::io::AsyncWriteExt;

    use super::*;

    /// A transport that remembers what it was given.
    #[derive(Debug, Default)]
    struct Wire {
        writes: Vec<Vec<u8>>,
        /// The most that it takes at once; 0 breaks it.
        takes: usize,
        to_read: Vec<u8>,
    }

    struct End(Arc<Mutex<Wire>>);

    impl AsyncRead for End {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let Some(byte) = self.0.lock().unwrap().to_read.pop() else { return Poll::Pending };
            buf.put_slice(&[byte]);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for End {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            let mut wire = self.0.lock().unwrap();
            let taken = buf.len().min(wire.takes);
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            wire.writes.push(buf[..taken].to_vec());
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn corked(takes: usize) -> (Arc<Mutex<Wire>>, Corked<End>, Cork<End>) {
        let wire = Arc::new(Mutex::new(Wire { takes, ..Wire::default() }));
        let (io, cork) = Corked::new(End(Arc::clone(&wire)));
        (wire, io, cork)
    }

    /// Frames of some length, each written and flushed, as HTTP/2 does.
    async fn write_frames(io: &mut Corked<End>, frames: u8, len: usize) {
        for frame in 0..frames {
            io.write_all(&vec![frame; len]).await.unwrap();
            io.flush().await.unwrap();
        }
    }

    fn frames(frames: u8, len: usize) -> Vec<u8> {
        (0..frames).flat_map(|frame| vec![frame; len]).collect()
    }

    #[tokio::test]
    async fn the_frames_of_a_turn_go_out_in_one_write_and_others_at_once() {
        let (wire, mut io, cork) = corked(usize::MAX);
        write_frames(&mut io, 2, 10).await;
        assert_eq!(wire.lock().unwrap().writes, [vec![0; 10], vec![1; 10]]);
        wire.lock().unwrap().writes.clear();
        let mut turn = Box::pin(write_frames(&mut io, 5, 10));
        poll_fn(|cx| cork.turn(&mut turn, cx)).await;
        assert_eq!(wire.lock().unwrap().writes, [frames(5, 10)]);
    }

    #[tokio::test]
    async fn more_than_there_is_room_for_goes_out_whole_and_in_order() {
        for takes in [1_000, ROOM - 1, usize::MAX] {
            let (wire, mut io, cork) = corked(takes);
            let mut turn = Box::pin(write_frames(&mut io, 20, 16_393));
            poll_fn(|cx| cork.turn(&mut turn, cx)).await;
            assert_eq!(wire.lock().unwrap().writes.concat(), frames(20, 16_393), "{takes} at once");
        }
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_write_that_fails_wakes_the_connection_whenever_it_happens_in_its_turn() {
        for written in [1, 10] {
            let (_, mut io, cork) = corked(0);
            let woken = Arc::new(Woken::default());
            let mut turn = Box::pin(async {
                write_frames(&mut io, written, 16_393).await;
                std::future::pending::<()>().await;
            });
            let waker = Waker::from(Arc::clone(&woken));
            assert!(cork.turn(&mut turn, &mut Context::from_waker(&waker)).is_pending());
            assert!(woken.0.load(Ordering::Relaxed), "after {written} frames");
        }
    }

    #[tokio::test]
    async fn a_connection_that_cannot_be_written_is_read_to_its_end() {
        let (wire, mut io, cork) = corked(0);
        wire.lock().unwrap().to_read = vec![3, 2, 1];
        let mut turn = Box::pin(write_frames(&mut io, 1, 10));
        poll_fn(|cx| cork.turn(&mut turn, cx)).await;
        drop(turn);
        let mut read = Vec::new();
        let error = tokio::io::AsyncReadExt::read_to_end(&mut io, &mut read).await.unwrap_err();
        assert_eq!((read, error.kind()), (vec![1, 2, 3], io::ErrorKind::BrokenPipe));
    }
}
