//! The watchdog: gives up what has something to do and does not move.

use tokio::time::Instant;

use super::{Ingestion, Pause};
use crate::control::RetryClass;
use crate::error::{Error, ErrorCode, Result};
use crate::grpc::{Failure, Verdict};

impl Ingestion {
    /// Whether rows wait for nothing but the server: for a gRPC stream, or for room on it.
    pub(super) fn is_held_up(&self) -> bool {
        !self.has_nothing_to_send()
            && matches!(self.pause, Pause::None)
            && (self.current.is_some() || self.awaited.is_empty())
    }

    /// The server grants no gRPC stream on this connection.
    pub(super) fn give_up_connection(&mut self, now: Instant) -> Result<()> {
        self.connection = None;
        self.progress.1 = now;
        let message = format!("{} grants no stream on this connection", self.link.place());
        self.failed(RetryClass::Transient { retry_after: None }, Error::new(ErrorCode::Unavailable, message))
    }

    /// Gives up streams on which nothing moves.
    pub(super) fn watch_for_silence(&mut self) -> Result<()> {
        let now = Instant::now();
        if let Some(connection) = &self.connection {
            let progress = connection.watch().progress();
            let waits = !self.carries_nothing() || self.is_held_up();
            if progress != self.progress.0 || !waits {
                self.progress = (progress, now);
            }
        }
        let since = |at: Instant| now.saturating_duration_since(at);
        let unanswered = self.carried.closing().find(|(_, ended)| {
            since(*ended) >= self.options.response_timeout
                && since(self.progress.1) >= self.options.response_timeout
        });
        let silent = self.current.is_some() && since(self.progress.1) >= self.options.idle_timeout;
        let number = match (unanswered, &self.current) {
            (Some((number, _)), _) => number,
            (None, Some(current)) if silent && (self.is_held_up() || self.carries_rows(current.number)) => {
                current.number
            }
            (None, None) if self.is_held_up() && since(self.progress.1) >= self.options.idle_timeout => {
                return self.give_up_connection(now);
            }
            _ => return Ok(()),
        };
        if let Some(verdict) = self.awaited.remove(&number) {
            verdict.abort();
        }
        self.progress.1 = now;
        self.judge(number, Verdict::Failed(Failure::silent("nothing moved on the stream for too long")))
    }
}
