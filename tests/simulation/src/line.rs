//! Simulated TCP that can be cut: both ends then see a reset.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
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
        lock(&self.waiting).drain(..).for_each(Waker::wake);
    }

    fn wait(&self, waker: &Waker) {
        let mut waiting = lock(&self.waiting);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

/// The sockets of a process. When it dies they close in the order in which they were opened, as a kernel closes them;
/// the order in which its tasks go is another each time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sockets {
    open: Arc<Mutex<Weak<OpenSockets>>>,
    opened: Arc<AtomicU64>,
    is_dying: Arc<AtomicBool>,
}

/// Dropped with the last line of the process.
#[derive(Debug, Default)]
struct OpenSockets(Mutex<BTreeMap<u64, TcpStream>>);

impl Sockets {
    /// From here on lines that are dropped leave their sockets to the end of the process, or no longer.
    pub(crate) fn process_dies(&self, is_dying: bool) {
        self.is_dying.store(is_dying, Ordering::SeqCst);
    }

    /// Another socket of the process that lives now.
    fn add(&self, tcp: TcpStream) -> (u64, Arc<OpenSockets>) {
        let mut open = lock(&self.open);
        let sockets = open.upgrade().unwrap_or_default();
        *open = Arc::downgrade(&sockets);
        let number = self.opened.fetch_add(1, Ordering::SeqCst);
        lock(&sockets.0).insert(number, tcp);
        (number, sockets)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One end of a connection.
pub(crate) struct Line {
    number: u64,
    sockets: Arc<OpenSockets>,
    is_dying: Arc<AtomicBool>,
    scissors: Scissors,
    /// How many cuts there had been when it was opened.
    cuts: u64,
    shortest_round_trip: Duration,
}

impl Line {
    pub(crate) fn new(
        tcp: TcpStream,
        sockets: &Sockets,
        scissors: Scissors,
        shortest_round_trip: Duration,
    ) -> Self {
        let cuts = scissors.cuts.load(Ordering::SeqCst);
        let is_dying = Arc::clone(&sockets.is_dying);
        let (number, sockets) = sockets.add(tcp);
        Self { number, sockets, is_dying, scissors, cuts, shortest_round_trip }
    }

    /// Lets `act` on the socket, unless the line was cut.
    fn act<T>(
        &self,
        cx: &mut Context<'_>,
        act: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut sockets = lock(&self.sockets.0);
        match sockets.get_mut(&self.number) {
            Some(tcp) if self.scissors.cuts.load(Ordering::SeqCst) == self.cuts => {
                self.scissors.wait(cx.waker());
                act(Pin::new(tcp), cx)
            }
            _ => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.is_dying.load(Ordering::SeqCst) {
            lock(&self.sockets.0).remove(&self.number);
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.act(cx, |tcp, cx| tcp.poll_read(cx, buf))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.act(cx, |tcp, cx| tcp.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.act(cx, |tcp, cx| tcp.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.act(cx, |tcp, cx| tcp.poll_shutdown(cx))
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
    pub(crate) sockets: Sockets,
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
            let line: BoxIo =
                Box::new(Line::new(tcp, &self.sockets, self.scissors.clone(), self.shortest_round_trip));
            Ok(line)
        })
    }
}
