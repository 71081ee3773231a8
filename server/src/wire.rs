//! The TCP socket below TLS and HTTP/2, able to end in a reset instead of an orderly close.

use crate::gate::Gates;
use crate::read_ahead::ReadAhead;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Makes the socket that shares it end in a reset.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResetOnDrop(Arc<AtomicBool>);

impl ResetOnDrop {
    pub(crate) fn arm(&self) {
        self.0.store(true, Relaxed);
    }
}

/// An accepted connection.
#[derive(Debug)]
pub(crate) struct Wire {
    tcp: ReadAhead,
    reset: ResetOnDrop,
    gates: Arc<Gates>,
    /// Bytes that may still be read before the connection is reset.
    readable: u64,
}

impl Wire {
    pub(crate) fn new(
        tcp: TcpStream,
        reset: ResetOnDrop,
        gates: Arc<Gates>,
        reset_after_bytes: Option<u64>,
    ) -> Self {
        Self { tcp: ReadAhead::new(tcp), reset, gates, readable: reset_after_bytes.unwrap_or(u64::MAX) }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.gates.from_clients.poll_open(cx));
        if self.readable == 0 {
            self.reset.arm();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let most = usize::try_from(self.readable).unwrap_or(usize::MAX);
        let count = ready!(self.tcp.poll_read(cx, buf, most))?;
        self.readable -= count as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.gates.to_clients.poll_open(cx));
        self.tcp.tcp().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.gates.to_clients.poll_open(cx));
        self.tcp.tcp().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.tcp().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.gates.to_clients.poll_open(cx));
        self.tcp.tcp().poll_shutdown(cx)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.0.load(Relaxed) {
            self.tcp.reset_on_drop();
        }
    }
}
