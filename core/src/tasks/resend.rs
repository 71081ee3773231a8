//! The way of rows that are sent again: encoded long ago, over a connection of their own.
//!
//! It is a live stream in small: a lane, an ingestion task, a ledger. What it carries stays in memory until it is
//! confirmed, so a failure here needs no second look at the disk. Its IDs count what was given to it.

use std::sync::{Arc, Mutex, PoisonError};

use super::ingestion::{CheckpointTriggers, Ingestion, IngestionOptions, LiveShared, Rejects, Unconfirmed};
use super::link::Link;
use crate::encode::EncodedRow;
use crate::error::{Error, ErrorCode};
use crate::ledger::Ledger;
use crate::metrics::StreamCounters;
use crate::quarantine::RejectedRow;
use crate::registration::Registrar;
use crate::spool::pbfs::MAX_CHUNK;
use crate::stream::delivery::Delivery;
use crate::stream::intake::{Intake, IntakeOptions, Outlets, Refusal};
use crate::stream::lane::Capacity;

/// How much may wait, and how much may be unconfirmed.
const LANE: Capacity = Capacity { rows: u64::MAX, bytes: 2 << 20 };
const WINDOW_BYTES: u64 = 8 << 20;
/// A checkpoint is made after so many bytes: streams that fail again and again still bring rows home between failures.
const CHECKPOINT_BYTES: u64 = 1 << 20;

/// Starts ways of resending, one after the other.
#[derive(Clone)]
pub(crate) struct ResendStarter {
    link: Link,
    options: IngestionOptions,
    counters: Arc<StreamCounters>,
    registrar: Option<Arc<Registrar>>,
}

impl ResendStarter {
    pub(crate) fn new(
        link: Link,
        options: IngestionOptions,
        counters: Arc<StreamCounters>,
        registrar: Option<Arc<Registrar>>,
    ) -> Self {
        let unconfirmed = Unconfirmed::InMemory { window_bytes: WINDOW_BYTES };
        let retry_policy = Some(options.retry_policy.unwrap_or_default());
        let checkpoints = CheckpointTriggers { bytes: Some(CHECKPOINT_BYTES), ..options.checkpoints };
        let options = IngestionOptions { unconfirmed, retry_policy, checkpoints, ..options };
        Self { link, options, counters, registrar }
    }

    pub(crate) fn start(&self) -> Resend {
        let max_row_size = usize::try_from(MAX_CHUNK).unwrap_or(usize::MAX);
        let rows = IntakeOptions { max_row_size, ..IntakeOptions::default() };
        let rejected = Arc::default();
        let shared = LiveShared {
            intake: Arc::new(Intake::new(Outlets::Wire(LANE), WINDOW_BYTES, rows)),
            delivery: Arc::default(),
            counters: Arc::clone(&self.counters),
            events: None,
            gate: None,
            holds: Arc::default(),
            registrar: self.registrar.clone(),
            rejects: Rejects::Handed(Arc::clone(&rejected)),
        };
        Ingestion::spawn(shared.clone(), self.link.clone(), self.options.clone());
        Resend { intake: shared.intake, delivery: shared.delivery, rejected }
    }
}

/// One way of resending.
pub(crate) struct Resend {
    intake: Arc<Intake>,
    delivery: Arc<Delivery>,
    rejected: Arc<Mutex<Vec<RejectedRow>>>,
}

impl Resend {
    /// Takes a row if there is room.
    pub(crate) fn try_push(&self, row: &[u8]) -> bool {
        match self.intake.try_push(&mut EncodedRow::new(row)) {
            Ok(()) => true,
            Err(Refusal::Full | Refusal::Closed(_) | Refusal::Invalid(_)) => false,
        }
    }

    /// How many rows it was given.
    pub(crate) fn given(&self) -> u64 {
        self.intake.levels().accepted_rows
    }

    /// How many of them, from the first on, are confirmed or rejected.
    pub(crate) fn settled(&self) -> u64 {
        self.delivery.ledger(Ledger::settled_point)
    }

    /// Rows that Sift rejected since the last call. Each is here before it counts as settled.
    pub(crate) fn take_rejected(&self) -> Vec<RejectedRow> {
        std::mem::take(&mut *self.rejected.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wants everything given so far confirmed.
    pub(crate) fn checkpoint(&self) {
        self.delivery.request_checkpoint(self.given());
        self.intake.wake_consumers();
    }

    /// Takes nothing more; ends when everything is confirmed.
    pub(crate) fn finish(&self) {
        self.intake.close(Error::new(ErrorCode::Closed, "the stream is being finished"));
        self.delivery.request_finish();
        self.intake.wake_consumers();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.delivery.has_ended()
    }

    /// Why it can deliver nothing more.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.delivery.failure()
    }
}

impl Drop for Resend {
    fn drop(&mut self) {
        self.delivery.request_cancel(Error::new(ErrorCode::Cancelled, "nothing more is sent again"));
        self.intake.wake_consumers();
    }
}
