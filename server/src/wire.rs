//! The TCP socket below TLS and HTTP/2, able to end in a reset instead of an orderly close.

use crate::gate::Gates;
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
    tcp: TcpStream,
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
        Self { tcp, reset, gates, readable: reset_after_bytes.unwrap_or(u64::MAX) }
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
        if self.readable >= buf.remaining() as u64 {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.tcp).poll_read(cx, buf))?;
            self.readable -= (buf.filled().len() - before) as u64;
            return Poll::Ready(Ok(()));
        }
        let limit = usize::try_from(self.readable).unwrap_or(usize::MAX);
        let mut part = vec![0; limit];
        let mut limited = ReadBuf::new(&mut part);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut limited))?;
        buf.put_slice(limited.filled());
        self.readable -= limited.filled().len() as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.gates.to_clients.poll_open(cx));
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.gates.to_clients.poll_open(cx));
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.gates.to_clients.poll_open(cx));
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.0.load(Relaxed) {
            // A socket that is gone already needs no reset.
            self.tcp.set_zero_linger().ok();
        }
    }
}
