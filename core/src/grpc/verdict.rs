//! Waits for the answer to a stream and judges it by the confirmation rule ([`is_confirmation`]).
//!
//! An OK counts only if the server had received our END_STREAM. Three things must hold, each seen on the wire:
//!
//! 1. Our END_STREAM was flushed to the socket, and no byte of the answer had arrived before the write that completed it.
//! 2. At least the kernel's shortest round trip passed since that write began.
//! 3. The server did not reset the stream after its answer. A server that answers before it has taken the END_STREAM
//!    asks the client to stop by a RST_STREAM right behind its trailers (RFC 9113, 8.1); a ping sent after the
//!    answer, and answered in order, shows that none is on its way; so does a connection that the server closes in
//!    order.
//!
//! Everything else (another status, an early answer, a reset, a broken connection, silence) leaves all that the
//! stream carried unconfirmed.

use std::sync::Arc;

use h2::client::ResponseFuture;
use tokio::sync::{mpsc, oneshot};

use super::code::Code;
use super::observer::Watch;
use super::status::GrpcStatus;
use crate::ledger::{Evidence, is_confirmation};

/// What became of an ingest stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All that the stream carried has been taken.
    Confirmed,
    /// Nothing that it carried is known to have been taken.
    Failed(Failure),
}

/// Why a stream confirmed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) details: Vec<u8>,
}

/// Who ended a stream that confirmed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The server, by a status other than OK.
    Status,
    /// The server said OK before it could have had everything.
    EarlyOk,
    /// The connection or the stream broke.
    Broken,
    /// Nothing moved for too long.
    Silent,
}

impl Failure {
    pub(crate) fn broken(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Broken,
            code: Code::Unavailable.number(),
            message: message.into(),
            details: Vec::new(),
        }
    }

    pub(crate) fn silent(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Silent,
            code: Code::Unavailable.number(),
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// The server does not know the call, or not what was asked of it.
    pub(crate) fn is_unimplemented(&self) -> bool {
        self.kind == FailureKind::Status && self.code == Code::Unimplemented.number()
    }

    pub(crate) fn early() -> Self {
        Self {
            kind: FailureKind::EarlyOk,
            code: Code::Ok.number(),
            message: "the endpoint said OK before it had received the end of the stream".to_owned(),
            details: Vec::new(),
        }
    }
}

/// Waits for the answer to the stream `id` and judges it.
pub(crate) fn await_verdict(
    response: ResponseFuture,
    id: u32,
    watch: Arc<Watch>,
    pings: mpsc::Sender<oneshot::Sender<()>>,
) -> impl Future<Output = Verdict> {
    let watched = watch.watched(id);
    async move {
        match await_status(response).await {
            Ok(status) if status.code == Code::Ok.number() => judge_ok(id, watched.watch(), &pings).await,
            Ok(GrpcStatus { code, message, details }) => {
                Verdict::Failed(Failure { kind: FailureKind::Status, code, message, details })
            }
            Err(failure) => Verdict::Failed(failure),
        }
    }
}

/// The status of the call, from the headers or from the trailers.
async fn await_status(response: ResponseFuture) -> Result<GrpcStatus, Failure> {
    let broken = |error: h2::Error| Failure::broken(format!("the stream broke: {error}"));
    let response = response.await.map_err(broken)?;
    if let Some(status) = GrpcStatus::from_head(&response) {
        return Ok(status);
    }
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        let data = data.map_err(broken)?;
        body.flow_control().release_capacity(data.len()).map_err(broken)?;
    }
    let trailers = body.trailers().await.map_err(broken)?;
    Ok(GrpcStatus::from_trailers(trailers.as_ref()))
}

async fn judge_ok(id: u32, watch: &Watch, pings: &mpsc::Sender<oneshot::Sender<()>>) -> Verdict {
    if !is_confirmation(&evidence(id, watch)) {
        return Verdict::Failed(Failure::early());
    }
    let (pong, ponged) = oneshot::channel();
    // The connection itself bounds this wait: it ends when a ping stays unanswered for too long.
    let answered_in_order = pings.send(pong).await.is_ok() && ponged.await.is_ok();
    if watch.signs(id).reset {
        return Verdict::Failed(Failure::early());
    }
    if answered_in_order || watch.closed_in_order() {
        return Verdict::Confirmed;
    }
    Verdict::Failed(Failure::broken("the connection broke before it was certain that the OK was not early"))
}

/// What was seen of a stream until now.
fn evidence(id: u32, watch: &Watch) -> Evidence {
    let signs = watch.signs(id);
    let end_to_answer =
        signs.answered.zip(signs.end_written).map(|(answered, end)| answered.saturating_duration_since(end));
    Evidence {
        end_written: signs.end_written.is_some(),
        answered_before_end: signs.answered_early,
        end_to_answer,
        shortest_round_trip: watch.min_rtt(),
        reset_behind: signs.reset,
    }
}
