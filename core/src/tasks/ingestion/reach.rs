//! The way to an open gRPC stream: wait, connect, open.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Current, Ingestion, OPEN_PATIENCE, Pause};
use crate::control::RetryClass;
use crate::error::Result;
use crate::events::EventKind;
use crate::grpc::{Connection, await_verdict};

impl Ingestion {
    /// Ends the pause in its time, even if there is nothing to send: others may wait for it.
    pub(super) fn end_pause(&mut self) {
        if matches!(self.pause, Pause::Until(end) if end <= Instant::now()) {
            self.pause = Pause::None;
            self.shared.counters.backoff_ends();
            self.shared.delivery.hold_off(false);
        }
    }

    /// Takes the next step towards an open stream: wait, connect, open.
    pub(super) async fn approach_a_stream(&mut self) {
        if self.current.is_some() || self.connecting.is_some() {
            return;
        }
        if matches!(self.pause, Pause::Until(_)) || self.again.is_awaited() {
            return;
        }
        if self.connection.as_ref().is_some_and(|connection| !connection.is_usable()) {
            self.retire_connection();
        }
        let Some(connection) = &self.connection else {
            let link = self.link.clone();
            self.connecting = Some(self.link.runtime().spawn(async move { link.connect().await }));
            return;
        };
        let Ok(opened) = tokio::time::timeout(OPEN_PATIENCE, self.link.open_stream(connection)).await else {
            return;
        };
        match opened {
            Ok((stream, response)) => {
                let number = self.next_number;
                self.next_number += 1;
                let verdict =
                    await_verdict(response, stream.id(), Arc::clone(connection.watch()), connection.pings());
                let (link, is_compressed) = (self.link.clone(), stream.is_compressed());
                let verdict = async move {
                    let verdict = verdict.await;
                    (number, if is_compressed { link.judge_compression(verdict) } else { verdict })
                };
                self.awaited.insert(number, self.verdicts.spawn(verdict));
                self.carried.open(number, Instant::now(), self.generation());
                self.shared.delivery.open(number);
                self.shared.counters.stream_opened();
                self.current = Some(Current { number, stream, opened: Instant::now(), suspects: None });
            }
            Err(error) => {
                tracing::debug!(target: "siftstream::ingestion", %error, "cannot open a stream on this connection");
                self.retire_connection();
            }
        }
    }

    /// Lets the connection end with the streams that still close on it.
    pub(super) fn retire_connection(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.awaited.is_empty()
        {
            self.retiring.insert(self.next_number, connection);
        }
    }

    pub(super) fn connected(&mut self, connected: Result<Connection>) -> Result<()> {
        match connected {
            Ok(connection) => {
                self.progress = (connection.watch().progress(), Instant::now());
                self.connection = Some(connection);
                self.shared.emit(|| EventKind::Connected);
                Ok(())
            }
            Err(error) => self.failed(RetryClass::Transient { retry_after: None }, error),
        }
    }
}
