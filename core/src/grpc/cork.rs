//! Joins frames into larger writes. HTTP/2 writes each frame of 16 KiB by itself and flushes after it, which costs the
//! kernel about twice as much as four of them at once.
//!
//! A flush is therefore put off until HTTP/2 has nothing more to write: whoever drives the connection calls
//! [`Uncork::poll_drain`] whenever it has turned it. An END_STREAM, and all that is written while one is expected, is not
//! joined with anything: what was written before is on its way when it leaves, so that an answer to that cannot pass for
//! an answer to the end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::observer::{Observed, Watch};

/// Four frames of 16 KiB and their headers: about what the kernel hands on at once.
const JOINED: usize = 4 * (16 * 1024 + 9);

/// A connection whose frames are joined, for HTTP/2.
pub(super) struct Corked(Arc<Mutex<Joined>>);

/// The same connection, for whoever drives HTTP/2.
pub(super) struct Uncork(Arc<Mutex<Joined>>);

struct Joined {
    io: Observed,
    watch: Arc<Watch>,
    frames: Vec<u8>,
    /// How many bytes of the frames were written.
    written: usize,
    /// Why a write failed that HTTP/2 took for done.
    failure: Option<io::Error>,
}

impl Corked {
    pub(super) fn new(io: Observed, watch: Arc<Watch>) -> (Self, Uncork) {
        let joined = Joined { io, watch, frames: Vec::new(), written: 0, failure: None };
        let joined = Arc::new(Mutex::new(joined));
        (Self(Arc::clone(&joined)), Uncork(joined))
    }
}

impl Uncork {
    /// Writes what was put off. Ready with true if that failed: then HTTP/2 has to be turned again, to be told so.
    pub(super) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut joined = lock(&self.0);
        let Err(failure) = ready!(joined.poll_drain(cx)) else { return Poll::Ready(false) };
        joined.frames.clear();
        joined.written = 0;
        joined.failure = Some(failure);
        Poll::Ready(true)
    }
}

fn lock(joined: &Mutex<Joined>) -> MutexGuard<'_, Joined> {
    joined.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Joined {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.frames.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while self.written < self.frames.len() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.frames[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.frames.clear();
        self.written = 0;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let Some(failure) = self.failure.take() {
            return Poll::Ready(Err(failure));
        }
        let len = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        let joins = len <= JOINED && !self.watch.expects_end();
        if !joins || self.frames.len() + len > JOINED {
            ready!(self.poll_drain(cx))?;
        }
        if !joins {
            return Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        }
        if self.frames.capacity() == 0 {
            self.frames.reserve_exact(JOINED);
        }
        bufs.iter().for_each(|buf| self.frames.extend_from_slice(buf));
        Poll::Ready(Ok(len))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(failure) = self.failure.take() {
            return Poll::Ready(Err(failure));
        }
        if self.frames.is_empty() {
            return Pin::new(&mut self.io).poll_flush(cx);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Corked {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Corked {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        lock(&self.0).poll_write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        lock(&self.0).poll_write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut joined = lock(&self.0);
        // What cannot be written any more does not keep the rest from being read.
        ready!(joined.poll_drain(cx)).ok();
        Pin::new(&mut joined.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::seams::connector::Io;

    const STREAM: u32 = 1;
    /// A frame of rows as they come: 16 KiB.
    const ROWS: usize = 16 * 1024;

    /// A transport that keeps each write apart.
    #[derive(Clone, Default)]
    struct Wire(Arc<Mutex<Taken>>);

    #[derive(Default)]
    struct Taken {
        writes: Vec<Vec<u8>>,
        /// The most that it takes at once; 0 breaks it. No bound if there is none.
        most: Option<usize>,
        /// Every other write has to be tried again.
        stalls: bool,
        has_stalled: bool,
    }

    impl Wire {
        fn taken(&self) -> MutexGuard<'_, Taken> {
            self.0.lock().unwrap()
        }

        fn lens(&self) -> Vec<usize> {
            self.taken().writes.iter().map(Vec::len).collect()
        }
    }

    impl Io for Wire {}

    impl AsyncRead for Wire {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Wire {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            let mut taken = self.taken();
            taken.has_stalled = taken.stalls && !taken.has_stalled;
            if taken.has_stalled {
                return Poll::Pending;
            }
            let count = taken.most.map_or(buf.len(), |most| most.min(buf.len()));
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            taken.writes.push(buf[..count].to_vec());
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    struct Rig {
        wire: Wire,
        watch: Arc<Watch>,
        io: Corked,
        uncork: Uncork,
        cx: Context<'static>,
    }

    /// A connection on which HTTP/2 has introduced itself and opened a stream.
    fn rig() -> Rig {
        let wire = Wire::default();
        let (observed, watch) = Observed::new(Box::new(wire.clone()), false);
        let (io, uncork) = Corked::new(observed, Arc::clone(&watch));
        let mut rig = Rig { wire, watch, io, uncork, cx: Context::from_waker(Waker::noop()) };
        rig.write(&[b'P'; 24]);
        rig.write(&frame(1, 4, 30));
        assert_eq!(rig.uncork.poll_drain(&mut rig.cx), Poll::Ready(false));
        rig.wire.taken().writes.clear();
        rig
    }

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let len = u32::try_from(payload).unwrap().to_be_bytes();
        let mut bytes = vec![len[1], len[2], len[3], kind, flags];
        bytes.extend(STREAM.to_be_bytes());
        bytes.resize(9 + payload, 0xff);
        bytes
    }

    impl Rig {
        /// Writes a frame and flushes, as HTTP/2 does with each.
        fn write(&mut self, frame: &[u8]) {
            loop {
                match Pin::new(&mut self.io).poll_write(&mut self.cx, frame) {
                    Poll::Ready(written) => break assert_eq!(written.unwrap(), frame.len()),
                    Poll::Pending => {}
                }
            }
            while Pin::new(&mut self.io).poll_flush(&mut self.cx).map(Result::unwrap).is_pending() {}
        }

        /// What HTTP/2 hears of its next flush.
        fn flush(&mut self) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_flush(&mut self.cx)
        }
    }

    #[test]
    fn frames_of_rows_leave_four_at_a_time_and_the_rest_when_http2_has_had_its_turn() {
        let mut rig = rig();
        (0..10).for_each(|_| rig.write(&frame(0, 0, ROWS)));
        let one = ROWS + 9;
        assert_eq!(rig.wire.lens(), [4 * one, 4 * one]);
        assert_eq!(rig.uncork.poll_drain(&mut rig.cx), Poll::Ready(false));
        assert_eq!(rig.wire.lens(), [4 * one, 4 * one, 2 * one]);
        assert_eq!(rig.watch.progress(), 10 * ROWS as u64);
    }

    #[test]
    fn an_end_leaves_by_itself_after_all_rows_before_it_and_is_seen_when_it_is_flushed() {
        let mut rig = rig();
        rig.write(&frame(0, 0, ROWS));
        rig.write(&frame(0, 0, ROWS));
        rig.watch.expect_end(STREAM);
        rig.write(&frame(0, 0, 300));
        rig.write(&frame(0, 1, 0));
        assert_eq!(rig.wire.lens(), [2 * (ROWS + 9), 309, 9]);
        assert!(rig.watch.signs(STREAM).end_written.is_some());
        rig.write(&frame(0, 0, 300));
        assert_eq!(rig.wire.lens().len(), 3, "rows of another stream are joined again");
    }

    #[test]
    fn frames_are_joined_again_when_a_stream_is_forgotten_whose_end_was_never_written() {
        let mut rig = rig();
        rig.watch.expect_end(STREAM);
        rig.write(&frame(0, 0, ROWS));
        drop(rig.watch.watched(STREAM));
        rig.watch.expect_end(STREAM);
        rig.write(&frame(0, 0, ROWS));
        rig.write(&frame(0, 0, ROWS));
        assert_eq!(rig.wire.lens(), [ROWS + 9]);
    }

    #[test]
    fn a_slow_transport_gets_every_byte_in_order() {
        for most in [1, 1_000, ROWS, 100_000] {
            let mut rig = rig();
            rig.wire.taken().most = Some(most);
            rig.wire.taken().stalls = true;
            let frames: Vec<_> = (0..9).map(|flags| frame(0, flags << 1, ROWS)).collect();
            frames.iter().for_each(|frame| rig.write(frame));
            while rig.uncork.poll_drain(&mut rig.cx).is_pending() {}
            assert!(rig.wire.taken().writes.concat() == frames.concat(), "at most {most} at once");
        }
    }

    #[test]
    fn http2_is_told_once_that_a_write_failed_which_it_took_for_done() {
        let mut rig = rig();
        rig.write(&frame(0, 0, ROWS));
        rig.wire.taken().most = Some(0);
        assert_eq!(rig.uncork.poll_drain(&mut rig.cx), Poll::Ready(true));
        assert_eq!(rig.uncork.poll_drain(&mut rig.cx), Poll::Ready(false), "nothing is left to write");
        let Poll::Ready(Err(failure)) = rig.flush() else { panic!("the failure is kept from HTTP/2") };
        assert_eq!(failure.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(rig.watch.progress(), 0);
    }
}
