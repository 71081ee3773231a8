//! One ingest stream: reads its DATA frames, takes the rows, answers, and misbehaves as scripted.

mod effects;

use crate::connection::Command;
use crate::count_only::FrameCounter;
use crate::faults::{Effect, Fault, FaultStatus, When};
use crate::frames::Frames;
use crate::news::Listener;
use crate::shared::Shared;
use crate::stream_record::{IngestKind, StreamHandle};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Status;

/// What takes the messages of a stream.
enum Sink {
    Rows { frames: Frames, kind: IngestKind },
    Count(FrameCounter),
}

/// An ingest call in progress.
pub(crate) struct IngestStream {
    shared: Arc<Shared>,
    connection: mpsc::Sender<Command>,
    /// Changes when the stream is to be served well from now on.
    healed: Listener<()>,
    record: StreamHandle,
    body: RecvStream,
    respond: SendResponse<Bytes>,
    sink: Sink,
    /// The part of a DATA frame beyond the moment at which a fault set in.
    rest: Option<Bytes>,
    rows: u64,
    bytes: u64,
    opened: Instant,
    bytes_per_s: Option<u64>,
}

/// Why reading paused.
enum Pause {
    /// The moment of the fault has come.
    Due,
    /// The client half-closed and everything was taken.
    EndOfStream,
    /// A row asked for the end of the stream, or the body is no gRPC.
    Refused(Status),
    /// The client reset the stream, or the connection is gone.
    Lost,
}

/// Serves `stream` with at most one fault.
pub(crate) async fn serve(mut stream: IngestStream, mut fault: Option<Fault>) {
    let mut dismissals = stream.shared.dismissed.listen();
    loop {
        let moment = fault.as_ref().map(|fault| fault.when);
        let pause = tokio::select! {
            biased;
            pause = stream.read_until(moment) => pause,
            status = dismissal(&mut dismissals) => Pause::Refused(status.to_status()),
        };
        match pause {
            Pause::Lost => return,
            Pause::Refused(status) => return stream.end_with(&status, false).await,
            Pause::EndOfStream => {
                let effect = fault.filter(|fault| fault.when == When::EndOfStream).map(|fault| fault.effect);
                stream.apply(effect.unwrap_or(Effect::Nothing), true).await;
                return;
            }
            Pause::Due => {
                let effect = fault.take().map_or(Effect::Nothing, |fault| fault.effect);
                if !stream.apply(effect, false).await {
                    return;
                }
            }
        }
    }
}

/// The status that all open streams are to end with, once there is one.
async fn dismissal(dismissals: &mut Listener<Option<FaultStatus>>) -> FaultStatus {
    loop {
        if let Some(status) = dismissals.changed().await {
            return status;
        }
    }
}

impl IngestStream {
    pub(crate) fn new(
        shared: Arc<Shared>,
        connection: mpsc::Sender<Command>,
        healed: Listener<()>,
        kind: IngestKind,
        record: StreamHandle,
        body: RecvStream,
        respond: SendResponse<Bytes>,
    ) -> Self {
        let sink = if shared.count_only {
            Sink::Count(FrameCounter::default())
        } else {
            Sink::Rows { frames: Frames::default(), kind }
        };
        Self {
            shared,
            connection,
            healed,
            record,
            body,
            respond,
            sink,
            rest: None,
            rows: 0,
            bytes: 0,
            opened: Instant::now(),
            bytes_per_s: None,
        }
    }

    /// Reads and takes rows until `moment`, or the end.
    async fn read_until(&mut self, moment: Option<When>) -> Pause {
        loop {
            let (rows_left, bytes_left) = match moment {
                Some(When::AtOnce) => (0, 0),
                Some(When::Rows(rows)) => (rows.saturating_sub(self.rows), u64::MAX),
                Some(When::Bytes(bytes)) => (u64::MAX, bytes.saturating_sub(self.bytes)),
                _ => (u64::MAX, u64::MAX),
            };
            if rows_left == 0 || bytes_left == 0 {
                return Pause::Due;
            }
            let piece = match self.rest.take() {
                Some(rest) => Some(Ok(rest)),
                None => match moment {
                    Some(When::Elapsed(time)) => {
                        match timeout_at(self.opened + time, self.next_piece()).await {
                            Ok(piece) => piece,
                            Err(_) => return Pause::Due,
                        }
                    }
                    _ => self.next_piece().await,
                },
            };
            match piece {
                None if self.is_mid_message() => {
                    return Pause::Refused(Status::internal("the stream ended inside a message"));
                }
                None => return Pause::EndOfStream,
                Some(Err(_)) => return Pause::Lost,
                Some(Ok(mut piece)) => {
                    let usable = usize::try_from(bytes_left).unwrap_or(usize::MAX);
                    if usable < piece.len() {
                        self.rest = Some(piece.split_off(usable));
                    }
                    if let Err(status) = self.take(piece, rows_left) {
                        return Pause::Refused(status);
                    }
                }
            }
        }
    }

    async fn next_piece(&mut self) -> Option<Result<Bytes, h2::Error>> {
        let piece = self.body.data().await?;
        if let Ok(piece) = &piece {
            if let Some(pace) = self.bytes_per_s {
                self.dawdle(piece.len(), pace).await;
            }
            // An error means that the stream is over, which the next read tells.
            self.body.flow_control().release_capacity(piece.len()).ok();
        }
        Some(piece)
    }

    /// Takes the time for `bytes` that they take at this pace, unless the client gives up or the server is healed.
    async fn dawdle(&mut self, bytes: usize, bytes_per_s: u64) {
        let Self { respond, healed, .. } = self;
        let taken = async {
            match bytes_per_s {
                0 => std::future::pending().await,
                pace => sleep(Duration::from_secs_f64(bytes as f64 / pace as f64)).await,
            }
        };
        tokio::select! {
            biased;
            () = taken => {}
            _ = poll_fn(|cx| respond.poll_reset(cx)) => {}
            () = healed.changed() => self.bytes_per_s = None,
        }
    }

    fn is_mid_message(&self) -> bool {
        match &self.sink {
            Sink::Rows { frames, .. } => frames.is_mid_message(),
            Sink::Count(counter) => counter.is_mid_message(),
        }
    }

    /// Takes at most `max_rows` messages of `piece`; what lies beyond waits in `rest`.
    fn take(&mut self, piece: Bytes, max_rows: u64) -> Result<(), Status> {
        let length = piece.len();
        let (rows, beyond, outcome) = match &mut self.sink {
            Sink::Count(counter) => {
                let walked = counter.walk(&piece, max_rows);
                let beyond = piece.slice(walked.used..);
                self.shared.state.count(walked.rows, walked.used as u64);
                (walked.rows, beyond, Ok(()))
            }
            Sink::Rows { frames, kind } => {
                frames.push(piece);
                let (messages, cut) = cut(frames, max_rows);
                let number = self.record.number();
                let taken = match kind {
                    IngestKind::WithConfig => self.shared.state.take_rows(number, &messages),
                    IngestKind::ArbitraryProtobuf => self.shared.state.take_arbitrary(number, &messages),
                };
                (messages.len() as u64, frames.leftover(), taken.and(cut))
            }
        };
        let used = (length - beyond.len()) as u64;
        if !beyond.is_empty() {
            // `beyond` and an earlier `rest` cannot both exist: one comes of a bound on rows, the other on bytes.
            self.rest = Some(beyond);
        }
        self.rows += rows;
        self.bytes += used;
        self.record.took(rows, used);
        outcome
    }
}

/// Cuts at most `max` messages out of the current piece; an error ends the body, after the messages before it.
fn cut(frames: &mut Frames, max: u64) -> (Vec<Bytes>, Result<(), Status>) {
    let mut messages = Vec::new();
    while (messages.len() as u64) < max {
        match frames.next() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break,
            Err(status) => return (messages, Err(status)),
        }
    }
    (messages, Ok(()))
}
