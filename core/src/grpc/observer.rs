//! Watches the HTTP/2 frames of a connection go by: which END_STREAM has reached the socket, what was answered and
//! when. This is the evidence for the confirmation rule.
//!
//! A frame counts as written when its last byte was taken by the transport and the transport was flushed after it;
//! under TLS that means that the last encrypted byte was given to the kernel.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::seams::connector::{BoxIo, SocketProbe};

const CLIENT_PREFACE_LEN: usize = 24;
const HEADER_LEN: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
/// How much is read at once of what a peer says after HTTP/2 has ended here.
const LAST_WORDS: usize = 4096;
/// What precedes the first frame.
const NO_FRAME: u8 = u8::MAX;
const FLAG_END_STREAM: u8 = 1;

/// What was seen of one HTTP/2 stream.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signs {
    /// Once our END_STREAM was flushed to the socket: when the write that completed it began.
    pub(crate) end_written: Option<Instant>,
    /// How many bytes had arrived, read or not, before that write.
    arrived_at_end: u64,
    /// When the first byte of a response was read.
    pub(crate) answered: Option<Instant>,
    /// The response had arrived before our END_STREAM was written.
    pub(crate) answered_early: bool,
    /// The peer reset the stream: it had not taken our END_STREAM.
    pub(crate) reset: bool,
    /// Our END_STREAM was given to HTTP/2, and has not been seen yet.
    end_expected: bool,
}

/// Taken before a write, so that nothing which answers it can seem to have come before it.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Instant,
    arrived: u64,
}

/// What is known of one connection.
pub(crate) struct Watch {
    /// Bytes of rows that the transport took.
    progress: AtomicU64,
    read: AtomicU64,
    goaway: AtomicBool,
    /// The peer ended the connection in order: all that it ever said was read.
    closed_in_order: AtomicBool,
    /// Half-closes that were asked for and have not been seen yet.
    ends_expected: AtomicU64,
    streams: Mutex<HashMap<u32, Signs>>,
    probe: Option<Arc<dyn SocketProbe>>,
    encrypted: bool,
}

impl Watch {
    /// Bytes of rows written so far: while it grows, the connection makes progress. Pings are none.
    pub(crate) fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// Whether the peer asked for no more streams on this connection.
    pub(crate) fn going_away(&self) -> bool {
        self.goaway.load(Ordering::Relaxed)
    }

    /// Whether everything that the peer ever said was read, and nothing more can come.
    pub(crate) fn closed_in_order(&self) -> bool {
        self.closed_in_order.load(Ordering::Relaxed)
    }

    /// Watches a stream that was opened, until it is forgotten.
    pub(crate) fn begin(&self, stream: u32) {
        self.lock().entry(stream).or_default();
    }

    /// A stream of this number, which is forgotten with what is returned.
    pub(crate) fn watched(self: &Arc<Self>, stream: u32) -> Watched {
        Watched { watch: Arc::clone(self), stream }
    }

    /// The END_STREAM of a stream is about to be given to HTTP/2: until it is written, or the stream is forgotten, each
    /// write is looked at before it is made.
    pub(crate) fn expect_end(&self, stream: u32) {
        if let Some(signs) = self.lock().get_mut(&stream) {
            signs.end_expected = true;
            self.ends_expected.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The END_STREAM of a stream was taken by the transport.
    fn saw_end(&self, stream: u32) {
        let mut streams = self.lock();
        if streams.get_mut(&stream).is_some_and(|signs| std::mem::take(&mut signs.end_expected)) {
            self.ends_expected.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether an END_STREAM was given to HTTP/2, and has not been written.
    pub(crate) fn expects_end(&self) -> bool {
        self.ends_expected.load(Ordering::Relaxed) > 0
    }

    /// Now, and the bytes that have arrived until now, read or not. Bytes that lie unread in the kernel are counted
    /// only where they are the bytes that are read here.
    fn moment(&self) -> Moment {
        let unread = match &self.probe {
            Some(probe) if !self.encrypted => probe.unread_bytes().unwrap_or(0) as u64,
            _ => 0,
        };
        let arrived = if unread == 0 { 0 } else { self.read.load(Ordering::Relaxed) + unread };
        Moment { at: Instant::now(), arrived }
    }

    /// What was seen of the stream so far.
    pub(crate) fn signs(&self, stream: u32) -> Signs {
        self.lock().get(&stream).copied().unwrap_or_default()
    }

    /// Forgets a stream whose end was seen. Its END_STREAM may never have been written: HTTP/2 drops it when the peer
    /// resets the stream.
    fn forget(&self, stream: u32) {
        if self.lock().remove(&stream).is_some_and(|signs| signs.end_expected) {
            self.ends_expected.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The shortest round trip that the kernel has seen.
    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.probe.as_ref()?.min_rtt()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Signs>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that is forgotten once its end was seen, or nobody waits for that any more.
pub(crate) struct Watched {
    watch: Arc<Watch>,
    stream: u32,
}

impl Watched {
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.forget(self.stream);
    }
}

/// A connection whose frames are watched.
pub(crate) struct Observed {
    io: BoxIo,
    watch: Arc<Watch>,
    outbound: FrameScanner,
    inbound: FrameScanner,
    /// Streams whose END_STREAM was taken by the transport but not flushed yet.
    ending: Vec<(u32, Moment)>,
    is_shut: bool,
    /// A read or a write has failed. The kernel tells an error once, and shows the end of a reset connection afterwards like that of
    /// one that was closed in order.
    has_failed: bool,
}

impl Observed {
    pub(crate) fn new(io: BoxIo, encrypted: bool) -> (Self, Arc<Watch>) {
        let watch = Arc::new(Watch {
            progress: AtomicU64::new(0),
            read: AtomicU64::new(0),
            goaway: AtomicBool::new(false),
            closed_in_order: AtomicBool::new(false),
            ends_expected: AtomicU64::new(0),
            streams: Mutex::default(),
            probe: io.probe(),
            encrypted,
        });
        let observed = Self {
            io,
            watch: Arc::clone(&watch),
            outbound: FrameScanner::after(CLIENT_PREFACE_LEN),
            inbound: FrameScanner::after(0),
            ending: Vec::new(),
            is_shut: false,
            has_failed: false,
        };
        (observed, watch)
    }

    /// The moment before a write, if it may complete an END_STREAM.
    fn before_write(&self) -> Option<Moment> {
        self.watch.expects_end().then(|| self.watch.moment())
    }

    fn saw_written(&mut self, bytes: &[u8], before: Option<Moment>) {
        let Self { outbound, watch, ending, .. } = self;
        outbound.scan(bytes, |frame, at| match (frame.kind, at) {
            (HEADERS, Edge::Start) => {
                watch.begin(frame.stream);
            }
            (DATA, Edge::End) if frame.flags & FLAG_END_STREAM != 0 => {
                watch.saw_end(frame.stream);
                ending.push((frame.stream, before.unwrap_or_else(|| watch.moment())));
            }
            _ => {}
        });
        self.watch.progress.store(self.outbound.data_bytes, Ordering::Relaxed);
    }

    fn saw_read(&mut self, bytes: &[u8]) {
        self.watch.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let watch = &self.watch;
        self.inbound.scan(bytes, |frame, at| match (frame.kind, at) {
            (HEADERS, Edge::Start) => {
                if let Some(signs) = watch.lock().get_mut(&frame.stream)
                    && signs.answered.is_none()
                {
                    signs.answered = Some(Instant::now());
                    signs.answered_early = signs.end_written.is_none() || frame.begins < signs.arrived_at_end;
                }
            }
            (RST_STREAM, Edge::Start) => {
                if let Some(signs) = watch.lock().get_mut(&frame.stream) {
                    signs.reset = true;
                }
            }
            (GOAWAY, Edge::End) => watch.goaway.store(true, Ordering::Relaxed),
            _ => {}
        });
    }

    fn saw_flushed(&mut self) {
        if self.ending.is_empty() {
            return;
        }
        let mut streams = self.watch.lock();
        for (stream, before) in self.ending.drain(..) {
            if let Some(signs) = streams.get_mut(&stream) {
                signs.end_written = Some(before.at);
                signs.arrived_at_end = before.arrived;
            }
        }
    }
}

impl AsyncRead for Observed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        self.has_failed |= read.is_err();
        read?;
        let this = self.get_mut();
        if buf.filled().len() == before && buf.remaining() > 0 && !this.has_failed {
            this.watch.closed_in_order.store(true, Ordering::Relaxed);
        }
        this.saw_read(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Observed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let before = self.before_write();
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf));
        self.has_failed |= written.is_err();
        let written = written?;
        self.get_mut().saw_written(&buf[..written], before);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let before = self.before_write();
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs));
        self.has_failed |= written.is_err();
        let written = written?;
        let this = self.get_mut();
        let mut left = written;
        for buf in bufs {
            let part = left.min(buf.len());
            this.saw_written(&buf[..part], before);
            left -= part;
            if left == 0 {
                break;
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.get_mut().saw_flushed();
        Poll::Ready(Ok(()))
    }

    /// Closes this direction, then reads on until the peer has closed the other: what it said last is evidence, and
    /// HTTP/2 does not wait for it.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            // A peer that has closed already makes this fail, and can still be read.
            ready!(Pin::new(&mut self.io).poll_shutdown(cx)).ok();
            self.is_shut = true;
        }
        let mut scratch = [0; LAST_WORDS];
        loop {
            let mut words = ReadBuf::new(&mut scratch);
            ready!(self.as_mut().poll_read(cx, &mut words))?;
            if words.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    /// How many bytes came before it.
    begins: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Start,
    End,
}

/// Finds the frames in a stream of bytes that comes in pieces of any size.
#[derive(Debug)]
struct FrameScanner {
    skip: usize,
    header: [u8; HEADER_LEN],
    have: usize,
    frame: Frame,
    /// Bytes of the payloads of DATA frames.
    data_bytes: u64,
    /// Bytes before the frame whose header comes next.
    position: u64,
}

impl FrameScanner {
    /// A scanner of a stream whose first `skip` bytes are no frames.
    fn after(skip: usize) -> Self {
        Self {
            skip,
            header: [0; HEADER_LEN],
            have: 0,
            frame: Frame { kind: NO_FRAME, flags: 0, stream: 0, begins: 0 },
            data_bytes: 0,
            position: skip as u64,
        }
    }

    fn scan(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Frame, Edge)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            if self.frame.kind == DATA {
                self.data_bytes += skipped as u64;
            }
            bytes = &bytes[skipped..];
            if self.skip == 0 && self.have == HEADER_LEN {
                seen(self.frame, Edge::End);
                self.have = 0;
            }
            if bytes.is_empty() {
                return;
            }
            let part = (HEADER_LEN - self.have).min(bytes.len());
            self.header[self.have..self.have + part].copy_from_slice(&bytes[..part]);
            self.have += part;
            bytes = &bytes[part..];
            if self.have == HEADER_LEN {
                let [a, b, c, kind, flags, s0, s1, s2, s3] = self.header;
                let stream = u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff;
                self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                self.frame = Frame { kind, flags, stream, begins: self.position };
                self.position += (HEADER_LEN + self.skip) as u64;
                seen(self.frame, Edge::Start);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: usize) -> Vec<u8> {
        let len = u32::try_from(payload).unwrap().to_be_bytes();
        let mut bytes = vec![len[1], len[2], len[3], kind, flags];
        bytes.extend(stream.to_be_bytes());
        bytes.resize(HEADER_LEN + payload, 0xff);
        bytes
    }

    #[test]
    fn frames_are_found_whatever_the_pieces_they_come_in() {
        let mut bytes = vec![b'P'; CLIENT_PREFACE_LEN];
        for (kind, flags, stream, payload) in [(4, 0, 0, 0), (1, 4, 1, 30), (0, 0, 1, 300), (0, 1, 1, 0)] {
            bytes.extend(frame(kind, flags, stream, payload));
        }
        for piece in 1..bytes.len() {
            let mut scanner = FrameScanner::after(CLIENT_PREFACE_LEN);
            let mut seen = Vec::new();
            for part in bytes.chunks(piece) {
                scanner.scan(part, |frame, edge| seen.push((frame.kind, frame.flags, frame.stream, edge)));
            }
            let expected: Vec<_> = [(4, 0, 0), (1, 4, 1), (0, 0, 1), (0, 1, 1)]
                .into_iter()
                .flat_map(|(k, f, s)| [(k, f, s, Edge::Start), (k, f, s, Edge::End)])
                .collect();
            assert_eq!(seen, expected, "pieces of {piece}");
        }
    }
}
