//! An open connection that explains the failures which only show once bytes flow, and that says nothing of worth in
//! plaintext before it has seen that the other side understands it.
//!
//! Two mistakes pass the handshake: with TLS 1.3 a server refuses a client certificate only afterwards, and a
//! plaintext client learns that it talks to a TLS port from the first bytes that come back. Whoever refuses in such a way
//! also closes, so that a write may fail before what was said is read; then it is read first.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::greeting::Greeting;
use super::tcp_info::ProbeHandle;
use super::tls_error::explain;
use crate::seams::connector::{Io, SocketProbe};
use crate::{Error, ErrorCode};

/// The first byte of a TLS record that carries an alert, and of one that carries a handshake.
const TLS_RECORDS: [u8; 2] = [0x15, 0x16];

/// A connection to `place`.
pub(super) struct Wire<S> {
    stream: S,
    probe: Option<ProbeHandle>,
    place: Arc<str>,
    /// In plaintext: what was said so far.
    greeting: Option<Greeting>,
    /// Whether nothing has come back yet.
    is_unanswered: bool,
    /// What came back while a write waited for it.
    early: Vec<u8>,
}

/// How much is read to learn that there is an answer.
const EARLY: usize = 1024;

impl<S> Wire<S> {
    /// An encrypted connection.
    pub(super) fn encrypted(stream: S, probe: Option<ProbeHandle>, place: Arc<str>) -> Self {
        Self { stream, probe, place, greeting: None, is_unanswered: true, early: Vec::new() }
    }

    /// A connection without TLS.
    pub(super) fn plaintext(stream: S, probe: Option<ProbeHandle>, place: Arc<str>) -> Self {
        let greeting = Some(Greeting::default());
        Self { stream, probe, place, greeting, is_unanswered: true, early: Vec::new() }
    }

    fn explained(&self, error: io::Error) -> io::Error {
        match explain(&error, &self.place) {
            Some(explained) => io::Error::new(error.kind(), explained),
            None => error,
        }
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// What a failed write means: if the peer has said nothing before, what it says now is the reason.
    fn unwritten(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        if self.is_unanswered {
            let mut bytes = [0; 64];
            let said = Pin::new(&mut *self).poll_read(cx, &mut ReadBuf::new(&mut bytes));
            if let Poll::Ready(Err(reason)) = said
                && reason.get_ref().is_some_and(|inner| inner.is::<Error>())
            {
                return reason;
            }
        }
        self.explained(error)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Whether a write may say more than a greeting.
    fn is_free(&self) -> bool {
        self.greeting.is_none() || !self.is_unanswered
    }

    /// Writes what belongs to the greeting; waits for an answer when that was said.
    fn poll_greet(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self.greeting.as_ref().map_or(buf.len(), |greeting| greeting.allowed(buf));
        if allowed == 0 && !buf.is_empty() {
            ready!(self.poll_answer(cx))?;
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &buf[..allowed]))?;
        if let Some(greeting) = &mut self.greeting {
            greeting.pass(&buf[..count]);
        }
        Poll::Ready(Ok(count))
    }

    /// Waits until something came back, and keeps it for the next read.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was said must be on its way.
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        let mut bytes = [0; EARLY];
        let mut read = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut *self).poll_read(cx, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.early.extend_from_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for Wire<S> {
    fn probe(&self) -> Option<Arc<dyn SocketProbe>> {
        self.probe.as_ref().map(ProbeHandle::probe)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.early.is_empty() {
            let count = buf.remaining().min(this.early.len());
            buf.put_slice(&this.early[..count]);
            this.early.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        if let Err(error) = ready!(Pin::new(&mut this.stream).poll_read(cx, buf)) {
            return Poll::Ready(Err(this.explained(error)));
        }
        if this.is_unanswered && buf.filled().len() > before {
            if this.greeting.is_some()
                && let Some(error) = refuse_first(buf.filled()[before], &this.place)
            {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
            this.is_unanswered = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// An HTTP/2 server begins with a SETTINGS frame, whose length is far below 64 KiB: the first byte is 0.
fn refuse_first(byte: u8, place: &str) -> Option<Error> {
    let advice = match byte {
        0 => return None,
        byte if TLS_RECORDS.contains(&byte) => "it speaks TLS on this port; use https://",
        b'H' => "it speaks HTTP/1 on this port; check that it is Sift's gRPC endpoint",
        _ => "it does not speak HTTP/2 on this port; check the uri",
    };
    Some(Error::new(ErrorCode::Tls, format!("cannot talk to {place}: {advice}")))
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = match this.is_free() {
            true => ready!(Pin::new(&mut this.stream).poll_write(cx, buf)),
            false => ready!(this.poll_greet(cx, buf)),
        };
        Poll::Ready(result.map_err(|error| this.unwritten(cx, error)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = match this.is_free() {
            true => ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)),
            false => {
                let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| &**buf);
                ready!(this.poll_greet(cx, first))
            }
        };
        Poll::Ready(result.map_err(|error| this.unwritten(cx, error)))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = ready!(Pin::new(&mut this.stream).poll_flush(cx));
        Poll::Ready(result.map_err(|error| this.unwritten(cx, error)))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
