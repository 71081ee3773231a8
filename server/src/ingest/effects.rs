//! What faults do to an ingest stream, and how any stream is answered.

use super::IngestStream;
use crate::connection::Command;
use crate::faults::Effect;
use crate::response;
use crate::stream_record::StreamEnd;
use bytes::Bytes;
use h2::server::SendResponse;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::time::sleep;
use tonic::{Code, Status};

/// The window that a slowly read stream is narrowed to, so that the client feels it soon.
const NARROW_WINDOW: u32 = 16 * 1024;

/// Turns of the runtime that an early OK grants to a half-close which is already in the socket.
const GRACE_TURNS: u32 = 8;

impl IngestStream {
    /// Lets `effect` set in; returns whether the stream is to be served on.
    pub(super) async fn apply(&mut self, effect: Effect, at_end: bool) -> bool {
        let effect = if self.healed.has_changed() { Effect::Nothing } else { effect };
        match effect {
            Effect::Nothing => return self.serve_on(at_end),
            Effect::GoAway(_)
            | Effect::Freeze(_)
            | Effect::Blackhole(_)
            | Effect::SlowReader { .. }
            | Effect::CloseListener => {
                self.disturb(&effect).await;
                return self.serve_on(at_end);
            }
            Effect::Silence => {
                if self.is_healed_before_client_goes().await {
                    return self.serve_on(at_end);
                }
            }
            Effect::Status(status) => self.end_with(&status.to_status(), at_end).await,
            Effect::Ok { delay, drain } => self.ok_after(delay, drain, at_end).await,
            Effect::OkThenTcpReset(delay) => {
                sleep(delay).await;
                let connection = self.connection.clone();
                let answer = |respond: &mut SendResponse<Bytes>| {
                    let sent = response::send_ok(respond);
                    // A connection that takes no more commands is gone already.
                    connection.try_send(Command::WriteAndReset).ok();
                    sent
                };
                self.answer_ok(at_end, answer).await;
                poll_fn(|cx| self.respond.poll_reset(cx)).await.ok();
            }
            Effect::TcpReset => {
                self.record.ended(StreamEnd::TcpReset, at_end);
                self.connection.send(Command::Reset).await.ok();
                poll_fn(|cx| self.respond.poll_reset(cx)).await.ok();
            }
            Effect::StreamReset(reset) => {
                self.record.ended(StreamEnd::StreamReset, at_end);
                self.respond.send_reset(reset.reason());
            }
            Effect::MalformedTrailers => {
                self.finish(StreamEnd::Malformed, at_end, response::send_malformed);
            }
            Effect::MissingTrailers => {
                self.finish(StreamEnd::Malformed, at_end, response::send_without_trailers);
            }
            Effect::Trailers(trailers) => {
                let is_ok = trailers.iter().any(|(name, value)| name == "grpc-status" && value == "0");
                if is_ok {
                    self.answer_ok(at_end, |respond| response::send_trailers(respond, &trailers)).await;
                } else {
                    self.finish(StreamEnd::Malformed, at_end, |respond| {
                        response::send_trailers(respond, &trailers)
                    });
                }
            }
            Effect::HttpStatus(status) => {
                self.finish(StreamEnd::Malformed, at_end, |respond| response::send_http(respond, status));
            }
            Effect::HugeResponse(size) => {
                self.answer_ok(at_end, |respond| response::send_huge(respond, size)).await;
            }
            Effect::HugeHeaders(size) => {
                self.answer_ok(at_end, |respond| response::send_huge_headers(respond, size)).await;
            }
        }
        false
    }

    /// Serves well from here on; at the end of the stream that is an OK. Returns whether there is more to read.
    fn serve_on(&mut self, at_end: bool) -> bool {
        if at_end {
            self.finish(StreamEnd::Status(Code::Ok), true, response::send_ok);
        }
        !at_end
    }

    /// The effects that leave the stream alive.
    async fn disturb(&mut self, effect: &Effect) {
        let command = match effect {
            Effect::GoAway(kind) => Command::GoAway(*kind),
            Effect::Freeze(time) => Command::Freeze(*time, self.healed.clone()),
            Effect::Blackhole(way) => return self.shared.gates.shut(*way),
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
        self.answer_ok(at_end, response::send_ok).await;
        while drain && let Some(Ok(piece)) = self.body.data().await {
            self.body.flow_control().release_capacity(piece.len()).ok();
        }
    }

    /// Answers OK. If the client has half-closed by then, what it sent before that is taken, because an OK confirms
    /// it; if not, whatever arrived beyond the moment of the fault is discarded.
    async fn answer_ok(
        &mut self,
        at_end: bool,
        send: impl FnOnce(&mut SendResponse<Bytes>) -> Result<(), h2::Error>,
    ) {
        let mut beyond: Vec<Bytes> = self.rest.take().into_iter().collect();
        let mut saw_end = at_end;
        for _ in 0..GRACE_TURNS {
            if !saw_end {
                tokio::task::yield_now().await;
                saw_end = self.is_half_closed(&mut beyond).await;
            }
        }
        // Before the OK, so that a client which has it finds everything counted.
        if saw_end && !self.take_all(&mut beyond) {
            saw_end = false;
        }
        let is_sent = send(&mut self.respond).is_ok();
        if !saw_end {
            // HTTP/2 reads what waits in the socket before it writes: a half-close that it reads in this turn was
            // received before the OK left.
            tokio::task::yield_now().await;
            saw_end = self.is_half_closed(&mut beyond).await && self.take_all(&mut beyond);
        }
        let end = if is_sent { StreamEnd::Status(Code::Ok) } else { StreamEnd::Lost };
        self.record.ended(end, saw_end);
    }

    /// Takes all of `pieces`; false if a row asks for the end of the stream.
    fn take_all(&mut self, pieces: &mut Vec<Bytes>) -> bool {
        pieces.drain(..).all(|piece| self.take(piece, u64::MAX).is_ok())
    }

    /// Whether the client's half-close has arrived; what came before it is added to `beyond`.
    async fn is_half_closed(&mut self, beyond: &mut Vec<Bytes>) -> bool {
        loop {
            let ready = poll_fn(|cx| match self.body.poll_data(cx) {
                Poll::Ready(piece) => Poll::Ready(Some(piece)),
                Poll::Pending => Poll::Ready(None),
            });
            match ready.await {
                None | Some(Some(Err(_))) => return false,
                Some(Some(Ok(piece))) => {
                    self.body.flow_control().release_capacity(piece.len()).ok();
                    beyond.push(piece);
                }
                Some(None) => return true,
            }
        }
    }

    pub(super) async fn end_with(&mut self, status: &Status, saw_end: bool) {
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

    /// Waits until the client resets the stream, the connection is gone, or the server is healed: only then true.
    async fn is_healed_before_client_goes(&mut self) -> bool {
        let Self { respond, healed, .. } = self;
        tokio::select! {
            biased;
            _ = poll_fn(|cx| respond.poll_reset(cx)) => false,
            () = healed.changed() => true,
        }
    }
}
