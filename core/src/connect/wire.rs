//! An open connection that explains the failures which only show once bytes flow.
//!
//! Two mistakes pass the handshake: with TLS 1.3 a server refuses a client certificate only afterwards, and a
//! plaintext client learns that it talks to a TLS port from the first bytes that come back. Whoever refuses in such a way
//! also closes, so that a write may fail before what was said is read; then it is read first.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

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
    is_plaintext: bool,
    /// Whether nothing has come back yet.
    is_unanswered: bool,
}

impl<S> Wire<S> {
    /// An encrypted connection.
    pub(super) fn encrypted(stream: S, probe: Option<ProbeHandle>, place: Arc<str>) -> Self {
        Self { stream, probe, place, is_plaintext: false, is_unanswered: true }
    }

    /// A connection without TLS.
    pub(super) fn plaintext(stream: S, probe: Option<ProbeHandle>, place: Arc<str>) -> Self {
        Self { stream, probe, place, is_plaintext: true, is_unanswered: true }
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

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for Wire<S> {
    fn probe(&self) -> Option<Arc<dyn SocketProbe>> {
        self.probe.as_ref().map(ProbeHandle::probe)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        if let Err(error) = ready!(Pin::new(&mut this.stream).poll_read(cx, buf)) {
            return Poll::Ready(Err(this.explained(error)));
        }
        if this.is_unanswered && buf.filled().len() > before {
            this.is_unanswered = false;
            if this.is_plaintext
                && let Some(error) = refuse_first(buf.filled()[before], &this.place)
            {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
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
        let result = ready!(Pin::new(&mut this.stream).poll_write(cx, buf));
        Poll::Ready(result.map_err(|error| this.unwritten(cx, error)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs));
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
