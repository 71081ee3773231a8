//! What a connection says when it breaks.
//!
//! Some mistakes show only once bytes flow: a plaintext client on a TLS port, a client certificate that is refused. The
//! connection explains them, but HTTP/2 keeps no more of an error than that there was one; so it is kept here.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Error;
use crate::seams::connector::{BoxIo, Io, SocketProbe};

/// The explanation of the connection that broke last.
#[derive(Debug, Clone, Default)]
pub(super) struct LastWords(Arc<Mutex<Option<Error>>>);

impl LastWords {
    /// Listens to a new connection; what the one before it said is forgotten.
    pub(super) fn of(&self, io: BoxIo) -> Heard {
        self.take();
        Heard { io, words: self.clone() }
    }

    pub(super) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn hear<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &result
            && let Some(ours) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
        {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ours.clone());
        }
        result
    }
}

/// A connection that is listened to.
pub(super) struct Heard {
    io: BoxIo,
    words: LastWords,
}

impl Io for Heard {
    fn probe(&self) -> Option<Arc<dyn SocketProbe>> {
        self.io.probe()
    }
}

impl AsyncRead for Heard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.words.hear(Pin::new(&mut this.io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Heard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.words.hear(Pin::new(&mut this.io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.words.hear(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.words.hear(Pin::new(&mut this.io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.words.hear(Pin::new(&mut this.io).poll_shutdown(cx))
    }
}
