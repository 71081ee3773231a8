//! Live streaming without a disk: what is unconfirmed stays in memory, bounded by the replay window.

use std::sync::Arc;
use std::time::Instant;

use super::{GRACE, HasIntake, Transport, closed};
use crate::encode::Sealed;
use crate::error::{Error, ErrorCode, Result};
use crate::metrics::{SiftStreamMetricsSnapshot, StreamCounters};
use crate::seams::runtime::RuntimeHandle;
use crate::stream::delivery::Delivery;
use crate::stream::intake::Intake;
use crate::stream::lane::Capacity;
use crate::stream::report::{FinishError, Report};
use crate::stream::{Level, Watermarks};
use crate::tasks::ingestion::{Ingestion, IngestionOptions};
use crate::tasks::link::Link;

/// Streams to Sift; keeps unconfirmed rows in memory and sends them again after a failure.
pub struct LiveStreamingOnly {
    intake: Arc<Intake>,
    delivery: Arc<Delivery>,
    counters: Arc<StreamCounters>,
}

impl LiveStreamingOnly {
    pub(crate) fn start(
        runtime: &RuntimeHandle,
        link: Link,
        capacity: Capacity,
        max_row_size: usize,
        suffix: Vec<u8>,
        options: IngestionOptions,
    ) -> Self {
        let intake = Arc::new(Intake::new(capacity, options.replay_window_bytes, max_row_size, suffix));
        let delivery = Arc::new(Delivery::default());
        let counters = Arc::new(StreamCounters::default());
        let task =
            Ingestion::new(Arc::clone(&intake), Arc::clone(&delivery), Arc::clone(&counters), link, options);
        let running = runtime.spawn(task.run());
        let (watched_intake, watched_delivery) = (Arc::clone(&intake), Arc::clone(&delivery));
        runtime.spawn(async move {
            if running.await.is_err() {
                let died =
                    Error::new(ErrorCode::WorkerDied, "the ingestion task died: create the stream again");
                watched_delivery.break_with(died.clone());
                watched_delivery.end();
                watched_intake.close(died);
            }
        });
        Self { intake, delivery, counters }
    }

    fn report(&self) -> Report {
        let accepted = self.intake.levels().accepted_rows;
        let (confirmed, dropped) = (self.delivery.confirmed_rows(), self.delivery.dropped_rows());
        Report {
            accepted,
            recovered: 0,
            confirmed,
            on_disk: 0,
            in_memory: accepted.saturating_sub(confirmed + dropped),
            dropped,
            rejected: 0,
            unconfirmed: self.delivery.unconfirmed(accepted),
        }
    }
}

impl Sealed for LiveStreamingOnly {}

impl HasIntake for LiveStreamingOnly {
    fn intake(&self) -> &Intake {
        &self.intake
    }
}

impl Transport for LiveStreamingOnly {
    fn flush(&self, level: Level, deadline: Instant) -> Result<()> {
        if level != Level::Confirmed {
            return Err(level.unknown_to("live-only"));
        }
        let accepted = self.intake.levels().accepted_rows;
        self.delivery.request_checkpoint(accepted);
        self.intake.wake_consumer();
        self.delivery.wait_confirmed(accepted, deadline)
    }

    fn finish(&self, deadline: Instant) -> Result<Report, FinishError> {
        self.intake.close(closed());
        self.delivery.request_finish();
        self.intake.wake_consumer();
        if !self.delivery.wait_ended(deadline) {
            self.delivery
                .request_cancel(Error::new(ErrorCode::Timeout, "the stream was finished before its rows"));
            self.intake.wake_consumer();
            // Lets an answer that is being judged at this moment still count.
            self.delivery.wait_ended(Instant::now() + GRACE);
        }
        self.report().judge(self.delivery.failure())
    }

    fn cancel(&self, why: Error) {
        self.intake.close(why.clone());
        self.delivery.request_cancel(why);
        self.intake.wake_consumer();
    }

    fn watermarks(&self) -> Watermarks {
        let confirmed = Some(self.delivery.confirmed_contiguous());
        Watermarks { accepted: self.intake.levels().accepted_rows, written: None, durable: None, confirmed }
    }

    fn trouble(&self) -> Option<Error> {
        self.delivery.failure()
    }

    fn snapshot(&self) -> SiftStreamMetricsSnapshot {
        self.counters.snapshot(
            self.intake.levels(),
            self.delivery.confirmed_rows(),
            self.delivery.dropped_rows(),
        )
    }
}

impl Drop for LiveStreamingOnly {
    fn drop(&mut self) {
        self.intake.close(closed());
        let lost = self.report().in_memory;
        if lost > 0 {
            tracing::error!(
                target: "siftstream::stream",
                rows = lost,
                "a live-only stream was dropped with unconfirmed rows: call finish first"
            );
        }
        self.delivery.request_cancel(Error::new(ErrorCode::Cancelled, "the stream was dropped"));
        self.intake.wake_consumer();
    }
}
