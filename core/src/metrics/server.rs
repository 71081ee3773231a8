//! Metrics over HTTP, for those who watch many programs: off unless it is started.
//!
//! `/metrics` is the Prometheus text format, `/metrics.json` the same as JSON, and `/healthz` says whether all streams
//! can still do their work. It runs on a thread of its own, so that a slow reader holds nothing up, and it keeps no stream
//! alive.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::exposition::{json_of, prometheus};
use super::http::{self as wire, Answer, Request};
use super::{LabelledSnapshot, SiftStreamMetricsSnapshot};
use crate::encode::Encoder;
use crate::error::{Error, ErrorCode, Result};
use crate::seams::worker;
use crate::stream::SiftStream;
use crate::transport::Transport;

/// How many readers are answered at a time; the next one waits.
const READERS: usize = 16;
/// How long a reader may take for its request line and headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may last in all.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves the metrics of streams over HTTP until it is dropped. Use an address of the loopback interface
/// (`127.0.0.1:9464`): there is no authentication.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    watched: Arc<Mutex<Vec<Watched>>>,
    /// Closed by the drop, which ends the thread.
    _stop: oneshot::Sender<Infallible>,
}

/// A stream that is looked at when somebody asks.
struct Watched {
    name: String,
    look: Box<dyn Fn() -> Option<Look> + Send>,
}

/// What is seen of a stream.
struct Look {
    snapshot: SiftStreamMetricsSnapshot,
    trouble: Option<Error>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Watched").field(&self.name).finish()
    }
}

impl MetricsServer {
    /// Begins to serve on `address`; with port 0 the system chooses one, see [`Self::address`]. An error if the address
    /// cannot be had.
    pub fn start(address: SocketAddr) -> Result<Self> {
        let failed = |error: std::io::Error| {
            let message = format!("cannot serve metrics on {address}: {error}: choose another address");
            Error::new(ErrorCode::InvalidArgument, message)
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let watched = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&watched);
        worker::spawn("siftstream-http", move || runtime.block_on(serve(listener, served, stopped)))?;
        Ok(Self { address, watched, _stop: stop })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows the metrics of `stream` under the label `name` for as long as it lives; does not keep it alive. A second
    /// stream of the same name takes the place of the first.
    pub fn watch<E: Encoder, T: Transport>(&self, name: &str, stream: &SiftStream<E, T>) {
        let inner = Arc::downgrade(&stream.inner);
        let look = move || {
            let stream = SiftStream { inner: inner.upgrade()? };
            Some(Look { snapshot: stream.get_metrics_snapshot(), trouble: stream.trouble() })
        };
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|other| other.name != name && (other.look)().is_some());
        watched.push(Watched { name: name.to_owned(), look: Box::new(look) });
    }
}

async fn serve(
    listener: tokio::net::TcpListener,
    watched: Arc<Mutex<Vec<Watched>>>,
    mut stopped: oneshot::Receiver<Infallible>,
) {
    let places = Arc::new(Semaphore::new(READERS));
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, _)) = accepted else {
            // Too many open files, for example: the next moment may have one.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let watched = Arc::clone(&watched);
        let places = Arc::clone(&places);
        tokio::spawn(async move {
            let Ok(_place) = places.acquire().await else { return };
            // What becomes of a reader is the reader's concern.
            timeout(CONNECTION_TIMEOUT, converse(socket, &watched)).await.ok();
        });
    }
}

async fn converse(mut socket: TcpStream, watched: &Mutex<Vec<Watched>>) -> io::Result<()> {
    let Some(request) = timeout(HEADER_TIMEOUT, wire::read(&mut socket)).await?? else {
        let nonsense = answer(StatusCode::BAD_REQUEST, "text/plain", "this is not HTTP/1\n".to_owned());
        return wire::write(&mut socket, &nonsense, false).await;
    };
    wire::write(&mut socket, &answer_to(&request, watched), request.method == Method::HEAD).await
}

fn answer_to(request: &Request, watched: &Mutex<Vec<Watched>>) -> Answer {
    if request.method != Method::GET && request.method != Method::HEAD {
        return answer(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET\n".to_owned());
    }
    match request.uri.path() {
        "/metrics" => {
            let text = prometheus(
                &look_at_all(watched).into_iter().map(|(labelled, _)| labelled).collect::<Vec<_>>(),
            );
            answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        "/metrics.json" => {
            let streams: Vec<_> = look_at_all(watched)
                .iter()
                .map(|(stream, _)| json!({"stream": stream.name, "metrics": json_of(&stream.snapshot)}))
                .collect();
            answer(StatusCode::OK, "application/json", json!({ "streams": streams }).to_string())
        }
        "/healthz" => health(&look_at_all(watched)),
        _ => {
            let there_is = "there is /metrics, /metrics.json and /healthz\n";
            answer(StatusCode::NOT_FOUND, "text/plain", there_is.to_owned())
        }
    }
}

/// 503 if a stream can do its work no more, with the reasons. What heals without the user, as a network that is away, is
/// told and no more.
fn health(streams: &[(LabelledSnapshot, Option<Error>)]) -> Answer {
    let troubles = || streams.iter().filter_map(|(stream, trouble)| Some((&stream.name, trouble.as_ref()?)));
    let status = if troubles().all(|(_, trouble)| trouble.is_retryable()) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let told: String = troubles().map(|(name, trouble)| format!("{name}: {trouble}\n")).collect();
    answer(status, "text/plain", if told.is_empty() { "ok\n".to_owned() } else { told })
}

fn look_at_all(watched: &Mutex<Vec<Watched>>) -> Vec<(LabelledSnapshot, Option<Error>)> {
    let mut streams = Vec::new();
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    watched.retain(|stream| {
        let look = (stream.look)();
        let lives = look.is_some();
        streams.extend(look.map(|look| {
            (LabelledSnapshot { name: stream.name.clone(), snapshot: look.snapshot }, look.trouble)
        }));
        lives
    });
    streams
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    Answer { status, content_type, body }
}
