//! One HTTP/2 connection: accepts its streams, sends the ingest calls one way and all others the other.

use crate::control::Control;
use crate::faults::GoAway;
use crate::ingest::{self, IngestStream};
use crate::news::Listener;
use crate::shared::{Shared, lock};
use crate::stream_record::IngestKind;
use crate::unary;
use crate::wire::ResetOnDrop;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Connection, SendResponse};
use http::Request;
use http::header::AUTHORIZATION;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::Status;

const WITH_CONFIG: &str = "/sift.ingest.v1.IngestService/IngestWithConfigDataStream";
const ARBITRARY: &str = "/sift.ingest.v1.IngestService/IngestArbitraryProtobufDataStream";

/// Commands that may wait for a connection; it takes them at once unless it is frozen.
const COMMAND_CAPACITY: usize = 64;

/// How soon a change of settings is tried, and tried again.
const SETTINGS_RETRY: Duration = Duration::from_millis(2);

/// What a stream, or the server's handle, can ask of a connection.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// Reset the TCP connection.
    Reset,
    /// Write what was answered, then reset the TCP connection: nothing that comes in afterwards is answered.
    WriteAndReset,
    /// Send GOAWAY.
    GoAway(GoAway),
    /// Do not touch the socket for this long, or until this news that the server is healed.
    Freeze(Option<Duration>, Listener<()>),
    /// Let clients send no more than this ahead of what was read.
    Window(u32),
}

/// What a connection grants its client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) max_concurrent_streams: u32,
    pub(crate) stream_window: u32,
    /// When it says goodbye by itself, and how.
    pub(crate) goodbye: Option<(Duration, GoAway)>,
}

impl Terms {
    /// Those of a good connection.
    pub(crate) fn of(shared: &Shared) -> Self {
        Self {
            max_concurrent_streams: shared.max_concurrent_streams,
            stream_window: shared.stream_window,
            goodbye: None,
        }
    }
}

/// Serves a connection until it is closed.
pub(crate) async fn serve<IO>(
    io: IO,
    shared: Arc<Shared>,
    reset: ResetOnDrop,
    terms: Terms,
    mut healed: Listener<()>,
) where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = h2::server::Builder::new()
        .initial_window_size(terms.stream_window)
        .initial_connection_window_size(shared.connection_window)
        .max_concurrent_streams(terms.max_concurrent_streams)
        .handshake::<_, Bytes>(io)
        .await;
    let Ok(mut connection) = handshake else { return };
    let (commands, mut receiver) = mpsc::channel(COMMAND_CAPACITY);
    lock(&shared.connections).push(commands.clone());
    let mut calls = JoinSet::new();
    let mut window = None;
    let mut goodbye = std::pin::pin!(after(terms.goodbye));
    let mut said_goodbye = false;
    loop {
        tokio::select! {
            biased;
            Some(command) = receiver.recv() => match command {
                Command::Reset => return reset.arm(),
                Command::WriteAndReset => {
                    let once = |cx: &mut Context<'_>| Poll::Ready(connection.poll_accept(cx).is_ready());
                    poll_fn(once).await;
                    return reset.arm();
                }
                Command::GoAway(kind) => go_away(&mut connection, kind),
                Command::Freeze(time, healed) => frozen(time, healed).await,
                Command::Window(size) => window = Some(size),
            },
            kind = &mut goodbye, if !said_goodbye => {
                said_goodbye = true;
                go_away(&mut connection, kind);
            }
            () = healed.changed() => window = Some(shared.stream_window),
            () = tokio::time::sleep(SETTINGS_RETRY), if window.is_some() => {
                // Refused while the client has not acknowledged earlier settings.
                window = window.filter(|&size| connection.set_initial_window_size(size).is_err());
            }
            next = connection.accept() => match next {
                Some(Ok((request, respond))) => {
                    calls.spawn(route(request, respond, Arc::clone(&shared), commands.clone()));
                }
                Some(Err(_)) | None => return,
            },
            Some(_) = calls.join_next() => {}
        }
    }
}

/// The goodbye that is due, when it is due.
async fn after(goodbye: Option<(Duration, GoAway)>) -> GoAway {
    match goodbye {
        Some((time, kind)) => {
            tokio::time::sleep(time).await;
            kind
        }
        None => std::future::pending().await,
    }
}

fn go_away<IO: AsyncRead + AsyncWrite + Unpin>(connection: &mut Connection<IO, Bytes>, kind: GoAway) {
    match kind {
        GoAway::Graceful => connection.graceful_shutdown(),
        GoAway::EnhanceYourCalm => connection.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM),
    }
}

async fn frozen(time: Option<Duration>, mut healed: Listener<()>) {
    let thaw = async {
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = thaw => {}
        () = healed.changed() => {}
    }
}

async fn route(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Arc<Shared>,
    connection: mpsc::Sender<Command>,
) {
    if !shared.admits(request.headers().get(AUTHORIZATION).map(http::HeaderValue::as_bytes)) {
        shared.state.count_refused();
        let status = Status::unauthenticated("the API key is missing or wrong");
        return unary::answer(&shared, &mut respond, &status);
    }
    let kind = match request.uri().path() {
        WITH_CONFIG => IngestKind::WithConfig,
        ARBITRARY => IngestKind::ArbitraryProtobuf,
        _ => return unary::serve(Control::new(shared), connection, request, respond).await,
    };
    if shared.refuse_compression && request.headers().contains_key("grpc-encoding") {
        let status = Status::unimplemented("messages must not be compressed");
        return unary::answer(&shared, &mut respond, &status);
    }
    // Subscribed before the fault is taken: healing in between ends the fault.
    let healed = shared.healed.listen();
    let fault = lock(&shared.faults).take(|_| true);
    let record = shared.state.open_streams().open(kind);
    let body = request.into_body();
    ingest::serve(IngestStream::new(shared, connection, healed, kind, record, body, respond), fault).await;
}
