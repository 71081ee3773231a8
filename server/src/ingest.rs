//! One ingest stream: reads its DATA frames, takes the rows, answers, and misbehaves as scripted.

use crate::connection::Command;
use crate::count_only::FrameCounter;
use crate::faults::{Effect, Fault, When};
use crate::frames::Frames;
use crate::response;
use crate::shared::Shared;
use crate::stream_record::{IngestKind, StreamEnd, StreamHandle};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Status};

/// The window that a slowly read stream is narrowed to, so that the client feels it soon.
const NARROW_WINDOW: u32 = 16 * 1024;

/// Turns of the runtime that an early OK grants to a half-close which is already in the socket.
const GRACE_TURNS: u32 = 8;

/// What takes the messages of a stream.
enum Sink {
    Rows { frames: Frames, kind: IngestKind },
    Count(FrameCounter),
}

/// An ingest call in progress.
pub(crate) struct IngestStream {
    shared: Arc<Shared>,
    connection: mpsc::Sender<Command>,
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
    loop {
        match stream.read_until(fault.as_ref().map(|fault| fault.when)).await {
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

impl IngestStream {
    pub(crate) fn new(
        shared: Arc<Shared>,
        connection: mpsc::Sender<Command>,
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
            match self.bytes_per_s {
                Some(0) => {
                    poll_fn(|cx| self.respond.poll_reset(cx)).await.ok();
                }
                Some(pace) => sleep(Duration::from_secs_f64(piece.len() as f64 / pace as f64)).await,
                None => {}
            }
            // An error means that the stream is over, which the next read tells.
            self.body.flow_control().release_capacity(piece.len()).ok();
        }
        Some(piece)
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

    /// Lets `effect` set in; returns whether the stream is to be served on.
    async fn apply(&mut self, effect: Effect, at_end: bool) -> bool {
        match effect {
            Effect::Nothing => {
                if at_end {
                    self.finish(StreamEnd::Status(Code::Ok), true, response::send_ok);
                }
                return !at_end;
            }
            Effect::GoAway(_) | Effect::Freeze(_) | Effect::SlowReader { .. } | Effect::CloseListener => {
                self.disturb(&effect).await;
                if at_end {
                    self.finish(StreamEnd::Status(Code::Ok), true, response::send_ok);
                }
                return !at_end;
            }
            Effect::Status(status) => self.end_with(&status.to_status(), at_end).await,
            Effect::Ok { delay, drain } => self.ok_after(delay, drain, at_end).await,
            Effect::TcpReset => {
                self.record.ended(StreamEnd::TcpReset, at_end);
                self.connection.send(Command::Reset).await.ok();
                self.wait_for_client().await;
            }
            Effect::StreamReset(reset) => {
                self.record.ended(StreamEnd::StreamReset, at_end);
                self.respond.send_reset(reset.reason());
            }
            Effect::Silence => self.wait_for_client().await,
            Effect::MalformedTrailers => {
                self.finish(StreamEnd::Malformed, at_end, response::send_malformed);
            }
            Effect::MissingTrailers => {
                self.finish(StreamEnd::Malformed, at_end, response::send_without_trailers);
            }
            Effect::HugeResponse(size) => {
                self.finish(StreamEnd::Status(Code::Ok), at_end, |respond| {
                    response::send_huge(respond, size)
                });
            }
        }
        false
    }

    /// The effects that leave the stream alive.
    async fn disturb(&mut self, effect: &Effect) {
        let command = match effect {
            Effect::GoAway(kind) => Command::GoAway(*kind),
            Effect::Freeze(time) => Command::Freeze(*time),
            Effect::SlowReader { bytes_per_s } => {
                self.bytes_per_s = Some(*bytes_per_s);
                Command::Window(NARROW_WINDOW)
            }
            _ => return self.shared.close_listener.notify_one(),
        };
        // The connection may be gone, which the next read tells.
        self.connection.send(command).await.ok();
        // Let it act before anything else is read.
        tokio::task::yield_now().await;
    }

    async fn ok_after(&mut self, delay: Duration, drain: bool, at_end: bool) {
        sleep(delay).await;
        let saw_end = at_end || self.half_close_is_here().await;
        self.finish(StreamEnd::Status(Code::Ok), saw_end, response::send_ok);
        while drain && let Some(Ok(piece)) = self.body.data().await {
            self.body.flow_control().release_capacity(piece.len()).ok();
        }
    }

    /// Whether the client has half-closed already. If so, what it sent before that is taken, because an OK
    /// confirms it; if not, whatever arrived beyond the moment of the fault is discarded.
    async fn half_close_is_here(&mut self) -> bool {
        let mut pieces: Vec<Bytes> = self.rest.take().into_iter().collect();
        for _ in 0..GRACE_TURNS {
            tokio::task::yield_now().await;
            loop {
                let ready = poll_fn(|cx| match self.body.poll_data(cx) {
                    Poll::Ready(piece) => Poll::Ready(Some(piece)),
                    Poll::Pending => Poll::Ready(None),
                });
                match ready.await {
                    None => break,
                    Some(Some(Ok(piece))) => {
                        self.body.flow_control().release_capacity(piece.len()).ok();
                        pieces.push(piece);
                    }
                    Some(Some(Err(_))) => return false,
                    Some(None) => {
                        return pieces.into_iter().all(|piece| self.take(piece, u64::MAX).is_ok());
                    }
                }
            }
        }
        false
    }

    async fn end_with(&mut self, status: &Status, saw_end: bool) {
        self.finish(StreamEnd::Status(status.code()), saw_end, |respond| {
            response::send_status(respond, status)
        });
    }

    /// Writes the answer and records it; if it could not be written the stream counts as lost.
    fn finish(
        &mut self,
        end: StreamEnd,
        saw_end: bool,
        send: impl FnOnce(&mut SendResponse<Bytes>) -> Result<(), h2::Error>,
    ) {
        let end = if send(&mut self.respond).is_ok() { end } else { StreamEnd::Lost };
        self.record.ended(end, saw_end);
    }

    /// Waits until the client resets the stream or the connection is gone.
    async fn wait_for_client(&mut self) {
        poll_fn(|cx| self.respond.poll_reset(cx)).await.ok();
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
