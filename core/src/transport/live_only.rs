//! Live streaming without a disk: what is unconfirmed stays in memory, bounded by the replay window.

use std::sync::Arc;
use std::time::Instant;

use super::{GRACE, HasIntake, Transport, closed};
use crate::checkpoint::{CheckpointStore, KeptLevels, Marks, Recovery};
use crate::encode::Sealed;
use crate::error::{Error, ErrorCode, Result};
use crate::events::Events;
use crate::failure_policy::FailurePolicies;
use crate::metrics::SiftStreamMetricsSnapshot;
use crate::registration::Registrar;
use crate::seams::connector::BoxFuture;
use crate::stream::intake::{Intake, IntakeOptions, Outlets};
use crate::stream::lane::Capacity;
use crate::stream::report::{FinishError, Report};
use crate::stream::{Level, Watermarks};
use crate::tasks::checkpoint_keeper::LiveKeeper;
use crate::tasks::ingestion::{Ingestion, IngestionOptions, LiveShared, Rejects, Unconfirmed};
use crate::tasks::link::Link;

/// Streams to Sift; keeps unconfirmed rows in memory and sends them again after a failure.
pub struct LiveStreamingOnly {
    shared: LiveShared,
    events: Arc<Events>,
    marks: Arc<Marks>,
    checkpoints: LiveKeeper,
}

/// Where a live-only stream keeps its checkpoints, and what was found there.
pub(crate) struct Checkpoints {
    pub(crate) stream_name: String,
    pub(crate) store: Arc<dyn CheckpointStore>,
    pub(crate) before: Recovery,
}

impl LiveStreamingOnly {
    pub(crate) fn start(
        link: Link,
        capacity: Capacity,
        rows: IntakeOptions,
        options: IngestionOptions,
        policies: FailurePolicies,
        checkpoints: Checkpoints,
        registrar: Option<Arc<Registrar>>,
    ) -> Self {
        let Checkpoints { stream_name, store, before } = checkpoints;
        let levels = KeptLevels { durable: false, confirmed: true };
        let marks = Arc::new(Marks::new(&stream_name, levels, before));
        let kept = match options.unconfirmed {
            Unconfirmed::InMemory { window_bytes } => window_bytes,
            Unconfirmed::OnDisk | Unconfirmed::NotKept => 0,
        };
        let intake = Arc::new(Intake::new(Outlets::Wire(capacity), kept, rows));
        let events = Arc::new(Events::default());
        let shared = LiveShared {
            intake,
            delivery: Arc::default(),
            counters: Arc::default(),
            events: Some(Arc::clone(&events)),
            gate: None,
            holds: Arc::default(),
            registrar,
            rejects: Rejects::ByPolicy(Arc::new(policies)),
        };
        let checkpoints = LiveKeeper::new(Arc::clone(&marks), store, Arc::clone(&shared.delivery));
        Ingestion::spawn(shared.clone(), link, options);
        Self { shared, events, marks, checkpoints }
    }

    /// Asks for what a flush waits for; returns below which ID.
    fn begin_flush(&self, level: Level) -> Result<u64> {
        if level != Level::Confirmed {
            return Err(level.unknown_to("live-only"));
        }
        let accepted = self.shared.intake.levels().accepted_rows;
        self.shared.delivery.request_checkpoint(accepted);
        self.shared.intake.wake_consumers();
        Ok(accepted)
    }

    fn begin_finish(&self) {
        self.shared.intake.close(closed());
        self.shared.delivery.request_finish();
        self.shared.intake.wake_consumers();
    }

    fn end_unfinished(&self) {
        let why = Error::new(ErrorCode::Timeout, "the stream was finished before its rows");
        self.shared.delivery.request_cancel(why);
        self.shared.intake.wake_consumers();
    }

    fn report(&self) -> Report {
        self.shared.tell_overflowed();
        let accepted = self.shared.intake.levels().accepted_rows;
        let delivery = &self.shared.delivery;
        let (confirmed, dropped, rejected) =
            (delivery.confirmed_rows(), delivery.dropped_rows(), delivery.rejected_rows());
        Report {
            accepted,
            recovered: 0,
            confirmed,
            on_disk: 0,
            in_memory: accepted.saturating_sub(confirmed + dropped + rejected),
            dropped,
            rejected,
            unconfirmed: delivery.unconfirmed(accepted),
            dropped_ids: delivery.dropped_ids(),
        }
    }
}

impl Sealed for LiveStreamingOnly {}

impl HasIntake for LiveStreamingOnly {
    fn intake(&self) -> &Intake {
        &self.shared.intake
    }

    fn marks(&self) -> &Marks {
        &self.marks
    }

    fn marked(&self, holds: bool) -> Result<()> {
        self.checkpoints.marked(holds)
    }
}

impl Transport for LiveStreamingOnly {
    fn flush(&self, level: Level, deadline: Instant) -> Result<()> {
        let below = self.begin_flush(level)?;
        self.shared.delivery.wait_confirmed(below, deadline)
    }

    fn finish(&self, deadline: Instant) -> Result<Report, FinishError> {
        self.begin_finish();
        if !self.shared.delivery.wait_ended(deadline) {
            self.end_unfinished();
            // Lets an answer that is being judged at this moment still count.
            self.shared.delivery.wait_ended(Instant::now() + GRACE);
        }
        if self.checkpoints.has_begun() {
            self.marks.wait_over(deadline.max(Instant::now() + GRACE));
        }
        self.report().judge(self.shared.delivery.failure())
    }

    fn flush_async(&self, level: Level, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let below = self.begin_flush(level)?;
            self.shared.delivery.confirmed_by(below, deadline).await
        })
    }

    fn finish_async(&self, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<Report, FinishError>> {
        Box::pin(async move {
            self.begin_finish();
            if !self.shared.delivery.ended_by(deadline).await {
                self.end_unfinished();
                self.shared.delivery.ended_by(tokio::time::Instant::now() + GRACE).await;
            }
            self.report().judge(self.shared.delivery.failure())
        })
    }

    fn cancel(&self, why: Error) {
        self.shared.intake.close(why.clone());
        self.shared.delivery.request_cancel(why);
        self.shared.intake.wake_consumers();
    }

    fn watermarks(&self) -> Watermarks {
        let confirmed = Some(self.shared.delivery.confirmed_contiguous());
        Watermarks {
            accepted: self.shared.intake.levels().accepted_rows,
            written: None,
            durable: None,
            confirmed,
        }
    }

    fn checkpoint(&self) -> Result<()> {
        self.shared.delivery.request_checkpoint(self.shared.intake.levels().accepted_rows);
        self.shared.intake.wake_consumers();
        Ok(())
    }

    fn events(&self) -> &Arc<Events> {
        &self.events
    }

    fn trouble(&self) -> Option<Error> {
        self.shared.delivery.failure()
    }

    fn snapshot(&self) -> SiftStreamMetricsSnapshot {
        self.shared.tell_overflowed();
        self.shared.counters.snapshot(
            self.shared.intake.levels(),
            self.shared.delivery.confirmed_rows(),
            self.shared.delivery.dropped_rows(),
        )
    }
}

impl Drop for LiveStreamingOnly {
    fn drop(&mut self) {
        self.shared.intake.close(closed());
        let lost = self.report().in_memory;
        if lost > 0 {
            tracing::error!(
                target: "siftstream::stream",
                rows = lost,
                "a live-only stream was dropped with unconfirmed rows: call finish first"
            );
        }
        self.shared.delivery.request_cancel(Error::new(ErrorCode::Cancelled, "the stream was dropped"));
        self.events.close();
        self.shared.intake.wake_consumers();
    }
}
