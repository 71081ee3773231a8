//! One HTTP/2 connection, for ingest streams or unary calls.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use h2::client::SendRequest;
use h2::{Ping, PingPong};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::cork::{Corked, Uncork};
use super::observer::{Observed, Watch};
use crate::connect::{ConnectionOptions, Endpoint, Scheme};
use crate::error::{Error, ErrorCode, Result};
use crate::seams::connector::Connector;
use crate::seams::runtime::RuntimeHandle;
use crate::stream::segment::SegmentBuf;

/// What HTTP/2 holds unsent for one stream: enough to keep a socket busy, little enough to stay in the cache.
const SEND_BUFFER: usize = 512 * 1024;

/// HTTP/2's own.
const DEFAULT_WINDOW: u32 = 65_535;
const LARGE_WINDOW: u32 = 1024 * 1024;

/// How a connection is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionSettings {
    encrypted: bool,
    handshake_timeout: Duration,
    /// How often the peer is pinged, also while idle.
    ping_interval: Duration,
    /// How long a ping may stay unanswered.
    ping_timeout: Duration,
    /// How much of an answer the peer may send before that was read.
    window: u32,
}

impl ConnectionSettings {
    /// For answers that have hardly more than a status.
    pub(crate) fn new(endpoint: &Endpoint, options: &ConnectionOptions) -> Self {
        Self {
            encrypted: endpoint.scheme() == Scheme::Https,
            handshake_timeout: options.handshake_timeout,
            ping_interval: options.http2_keepalive_interval,
            ping_timeout: options.http2_keepalive_timeout,
            window: DEFAULT_WINDOW,
        }
    }

    /// For answers of megabytes.
    pub(crate) fn with_large_answers(self) -> Self {
        Self { window: LARGE_WINDOW, ..self }
    }
}

/// An open connection; dropping it closes it.
pub(crate) struct Connection {
    requests: SendRequest<SegmentBuf>,
    watch: Arc<Watch>,
    pings: mpsc::Sender<oneshot::Sender<()>>,
    driver: JoinHandle<()>,
    pinger: JoinHandle<()>,
}

impl Connection {
    pub(crate) async fn open(
        connector: &dyn Connector,
        runtime: &RuntimeHandle,
        settings: ConnectionSettings,
    ) -> Result<Self> {
        let (io, watch) = Observed::new(connector.connect().await?, settings.encrypted);
        let (io, uncork) = Corked::new(io, Arc::clone(&watch));
        let handshake = h2::client::Builder::new()
            .max_send_buffer_size(SEND_BUFFER)
            .initial_window_size(settings.window)
            .initial_connection_window_size(settings.window)
            .enable_push(false)
            .handshake::<_, SegmentBuf>(io);
        let (requests, mut connection) = tokio::time::timeout(settings.handshake_timeout, handshake)
            .await
            .map_err(|_| {
                Error::new(ErrorCode::Timeout, "the endpoint did not answer the HTTP/2 handshake in time")
            })?
            .map_err(|error| {
                Error::new(ErrorCode::Unavailable, format!("the HTTP/2 handshake failed: {error}"))
            })?;
        let ping_pong = connection.ping_pong();
        let (pings, ping_requests) = mpsc::channel(8);
        let driver = runtime.spawn(async move {
            if let Err(error) = drive(connection, uncork).await {
                tracing::debug!(target: "siftstream::grpc", %error, "connection ended");
            }
        });
        let abort = driver.abort_handle();
        let pinger = runtime.spawn(async move {
            if let Some(ping_pong) = ping_pong
                && keep_pinging(ping_pong, ping_requests, settings).await.is_err()
            {
                abort.abort();
            }
        });
        Ok(Self { requests, watch, pings, driver, pinger })
    }

    pub(crate) fn requests(&self) -> SendRequest<SegmentBuf> {
        self.requests.clone()
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// For asking the peer to answer a ping after all that it sent until now.
    pub(crate) fn pings(&self) -> mpsc::Sender<oneshot::Sender<()>> {
        self.pings.clone()
    }

    /// Whether it can carry another stream.
    pub(crate) fn is_usable(&self) -> bool {
        !self.driver.is_finished() && !self.watch.going_away()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pinger.abort();
        self.driver.abort();
    }
}

/// Turns the connection, and writes what was put off meanwhile, until it ends.
async fn drive(
    mut connection: h2::client::Connection<Corked, SegmentBuf>,
    uncork: Uncork,
) -> Result<(), h2::Error> {
    poll_fn(|cx| {
        loop {
            let ended = Pin::new(&mut connection).poll(cx);
            if ended.is_ready() || uncork.poll_drain(cx) != Poll::Ready(true) {
                return ended;
            }
        }
    })
    .await
}

/// Pings at each interval and whenever asked; an error when a ping stays unanswered.
async fn keep_pinging(
    mut ping_pong: PingPong,
    mut requests: mpsc::Receiver<oneshot::Sender<()>>,
    settings: ConnectionSettings,
) -> Result<(), ()> {
    loop {
        let asked = tokio::select! {
            biased;
            asked = requests.recv() => Some(asked.ok_or(())?),
            () = tokio::time::sleep(settings.ping_interval) => None,
        };
        let pong = ping_pong.ping(Ping::opaque());
        tokio::time::timeout(settings.ping_timeout, pong).await.map_err(|_| ())?.map_err(|_| ())?;
        if let Some(asked) = asked {
            // Whoever asked may have stopped waiting.
            asked.send(()).ok();
        }
    }
}
