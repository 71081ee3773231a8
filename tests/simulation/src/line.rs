//! Simulated TCP that can be cut: both ends then see a reset.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use siftstream::seams::connector::{BoxFuture, BoxIo, Connector, Io, SocketProbe};
use siftstream::{Error, ErrorCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::TcpStream;

/// Where the server listens.
pub(crate) const PORT: u16 = 50_051;

/// How long an attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Cuts all lines at once. Clones cut the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scissors {
    cuts: Arc<AtomicU64>,
    waiting: Arc<Mutex<Vec<Waker>>>,
}

impl Scissors {
    pub(crate) fn cut(&self) {
        self.cuts.fetch_add(1, Ordering::SeqCst);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(Waker::wake);
    }

    fn wait(&self, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

/// One end of a connection.
pub(crate) struct Line {
    tcp: TcpStream,
    scissors: Scissors,
    /// How many cuts there had been when it was opened.
    cuts: u64,
    shortest_round_trip: Duration,
}

impl Line {
    pub(crate) fn new(tcp: TcpStream, scissors: Scissors, shortest_round_trip: Duration) -> Self {
        let cuts = scissors.cuts.load(Ordering::SeqCst);
        Self { tcp, scissors, cuts, shortest_round_trip }
    }

    fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        if self.scissors.cuts.load(Ordering::SeqCst) != self.cuts {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.scissors.wait(cx.waker());
        Ok(())
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// What a kernel would know of the line.
struct LineProbe(Duration);

impl SocketProbe for LineProbe {
    fn min_rtt(&self) -> Option<Duration> {
        Some(self.0)
    }

    fn unread_bytes(&self) -> Option<usize> {
        None
    }
}

impl Io for Line {
    fn probe(&self) -> Option<Arc<dyn SocketProbe>> {
        Some(Arc::new(LineProbe(self.shortest_round_trip)))
    }
}

/// Connects to the simulated server.
pub(crate) struct LineConnector {
    pub(crate) scissors: Scissors,
    pub(crate) shortest_round_trip: Duration,
}

impl Connector for LineConnector {
    fn connect(&self) -> BoxFuture<'_, siftstream::Result<BoxIo>> {
        Box::pin(async move {
            let unreachable = |why: String| Error::new(ErrorCode::Unavailable, why);
            let tcp = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(("server", PORT)))
                .await
                .map_err(|_| unreachable("the server does not answer".to_owned()))?
                .map_err(|error| unreachable(error.to_string()))?;
            let line: BoxIo = Box::new(Line::new(tcp, self.scissors.clone(), self.shortest_round_trip));
            Ok(line)
        })
    }
}
