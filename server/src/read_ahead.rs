//! Reads a socket in large pieces, and lets what was read be used before there is more.
//!
//! HTTP/2 asks for about 8 KiB at a time, and goes on asking for as long as there is something: that would be many system
//! calls, and rows would have left the cache by the time that their stream gets its turn.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// What is read at once, and used before more is.
const PIECE: usize = 64 * 1024;

/// A socket and what was read of it.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    tcp: TcpStream,
    piece: Box<[u8]>,
    /// From where to where the piece was filled and not handed on.
    at: usize,
    end: usize,
    /// How much was read since others had their turn.
    since_turn: usize,
}

impl ReadAhead {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self { tcp, piece: vec![0; PIECE].into(), at: 0, end: 0, since_turn: 0 }
    }

    /// The socket, to write to it.
    pub(crate) fn tcp(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.tcp)
    }

    /// Makes the socket end in a reset once it is dropped.
    pub(crate) fn reset_on_drop(&self) {
        // A socket that is gone already needs no reset.
        self.tcp.set_zero_linger().ok();
    }

    /// Adds at most `most` bytes to `buf` and returns how many; none at the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        if self.at == self.end {
            ready!(self.poll_piece(cx))?;
        }
        let count = (self.end - self.at).min(buf.remaining()).min(most);
        buf.put_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Poll::Ready(Ok(count))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.since_turn) >= PIECE {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut piece = ReadBuf::new(&mut self.piece);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut piece))?;
        (self.at, self.end) = (0, piece.filled().len());
        self.since_turn += self.end;
        Poll::Ready(Ok(()))
    }
}
