//! Live streaming with disk backups: every row goes to the wire and to a file, and leaves the disk when Sift has it.
//!
//! ```text
//!                 ┌─▶ lane to the wire ──▶ ingestion ─────────▶ Sift ──▶ confirmed ──┐
//!   send ─▶ intake┤                            │ owed                                ▼
//!                 └─▶ lane to the disk ──▶ disk thread ─▶ files ─▶ re-ingestion ─▶ file removed
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::{GRACE, HasIntake, Transport, closed};
use crate::checkpoint::{KeptLevels, Marks, Recovery};
use crate::encode::Sealed;
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::events::{EventKind, Events};
use crate::failure_policy::FailurePolicies;
use crate::metrics::{DiskCounters, RecoveryCounters, SiftStreamMetricsSnapshot, StreamCounters};
use crate::quarantine::Quarantine;
use crate::registration::Registrar;
use crate::remembered::Remembered;
use crate::schema::FlowConfig;
use crate::seams::connector::BoxFuture;
use crate::seams::runtime::RuntimeHandle;
use crate::seams::worker::{self, Running};
use crate::spool::{Area, Spool, WriterOptions};
use crate::stream::disk_progress::DiskProgress;
use crate::stream::intake::{Intake, IntakeOptions, Outlets};
use crate::stream::report::{FinishError, Report};
use crate::stream::{Level, Watermarks};
use crate::tasks::backlog::Backlog;
use crate::tasks::backup_manager::BackupManager;
use crate::tasks::checkpoint_keeper::SpoolKeeper;
use crate::tasks::file_writer::{DiskShared, FileWriter, FileWriterParts};
use crate::tasks::ingestion::{Ingestion, IngestionOptions, LiveShared, Rejects};
use crate::tasks::late_ids::{Gate, LateIds, Unidentified, WriteDown};
use crate::tasks::link::Link;
use crate::tasks::reingestion::{self, Reingestion, ReingestionOptions};
use crate::tasks::resend::ResendStarter;

/// How long a stream that is dropped without finish may write.
const DROP_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the tasks of the network get to notice that they are to end.
const NETWORK_GRACE: Duration = Duration::from_millis(50);

/// Streams to Sift, and keeps every row on disk until Sift has confirmed it.
pub struct LiveStreamingWithBackups {
    live: LiveShared,
    progress: Arc<DiskProgress>,
    resent: Arc<StreamCounters>,
    disk: Arc<DiskCounters>,
    events: Arc<Events>,
    recovery: Arc<RecoveryCounters>,
    network_over: Arc<AtomicBool>,
    reingestion_over: Arc<AtomicBool>,
    /// The slot that remembers the schema, which only one call changes at a time. The disk thread owns it: a stream
    /// that is finished has let go of it.
    schema: Mutex<Weak<Spool>>,
    late: Arc<LateIds>,
    /// Whether the caller's thread may wait for the tasks: not if they run on it.
    may_block: bool,
    marks: Arc<Marks>,
}

/// What the tasks of such a stream work with.
pub(crate) struct Parts {
    pub(crate) link: Link,
    pub(crate) spool: Arc<Spool>,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) area: Area,
    /// IDs may come later; until then nothing is sent.
    pub(crate) is_waiting: bool,
    pub(crate) outlets: Outlets,
    pub(crate) rows: IntakeOptions,
    pub(crate) ingestion: IngestionOptions,
    pub(crate) writer: WriterOptions,
    pub(crate) reingestion: ReingestionOptions,
    pub(crate) policies: FailurePolicies,
    /// None if the rows have no schema.
    pub(crate) registrar: Option<Arc<Registrar>>,
}

impl LiveStreamingWithBackups {
    pub(crate) fn start(parts: Parts) -> Result<Self> {
        let Parts { link, spool, backlog, outlets, rows, ingestion, writer, .. } = parts;
        let runtime = link.runtime().clone();
        let clock = runtime.clock();
        let events = Arc::new(Events::default());
        let gate = parts.is_waiting.then(Arc::<Gate>::default);
        let live = LiveShared {
            intake: Arc::new(Intake::new(outlets, 0, rows)),
            delivery: Arc::default(),
            counters: Arc::default(),
            events: Some(Arc::clone(&events)),
            gate: gate.clone(),
            holds: Arc::default(),
            registrar: parts.registrar,
            rejects: Rejects::ByPolicy(Arc::default()),
        };
        let name = &spool.slot().key().stream;
        let levels = KeptLevels { durable: true, confirmed: true };
        let marks = Arc::new(Marks::new(name, levels, Recovery::load(&*spool, name)?));
        let checkpoints = SpoolKeeper::new(Arc::clone(&marks), Arc::clone(&spool), Arc::clone(&clock));
        let transport = Self {
            live,
            progress: Arc::default(),
            resent: Arc::default(),
            disk: Arc::default(),
            events,
            recovery: Arc::default(),
            network_over: Arc::default(),
            reingestion_over: Arc::default(),
            schema: Mutex::new(Arc::downgrade(&spool)),
            late: Arc::default(),
            may_block: !runtime.is_callers(),
            marks,
        };
        let starter = ResendStarter::new(
            link.clone(),
            ingestion.clone(),
            Arc::clone(&transport.resent),
            transport.live.registrar.clone(),
        );
        let quarantine =
            Quarantine::new(Arc::clone(spool.slot().fs()), spool.slot().path().join("quarantine"));
        let policies = FailurePolicies { quarantine: Some(quarantine), ..parts.policies };
        let task = Reingestion::new(
            transport.reingestion_shared(policies),
            Arc::clone(&backlog),
            parts.reingestion,
            Arc::clone(&clock),
            starter,
        );
        let reingestion = transport.start_reingestion(&runtime, task)?;
        let manager = BackupManager::new(
            Arc::clone(&transport.live.delivery),
            Arc::clone(&spool),
            &writer.policy,
            Arc::clone(&transport.network_over),
        );
        let late = Arc::clone(&transport.late);
        let files = FileWriterParts {
            spool,
            area: parts.area,
            clock,
            options: writer,
            waiting: parts.is_waiting.then_some(Unidentified { late, backlog, gate }),
            manager: Some(manager),
            checkpoints,
        };
        FileWriter::new(transport.disk_shared(), files).start(&runtime, reingestion)?;
        Ingestion::spawn(transport.live.clone(), link, ingestion);
        Ok(transport)
    }

    fn reingestion_shared(&self, policies: FailurePolicies) -> reingestion::Shared {
        reingestion::Shared {
            live: self.live.clone(),
            progress: Arc::clone(&self.progress),
            recovery: Arc::clone(&self.recovery),
            events: Arc::clone(&self.events),
            policies,
            marks: Arc::clone(&self.marks),
        }
    }

    fn start_reingestion(&self, runtime: &RuntimeHandle, task: Reingestion) -> Result<Running> {
        let over = Over(Arc::clone(&self.reingestion_over));
        worker::start(runtime, "siftstream-again", task, over)
    }

    /// The report, as an error if a row is nowhere safe or the stream broke.
    fn judged(&self) -> Result<Report, FinishError> {
        let report = self.report().judge(self.trouble())?;
        match self.live.delivery.broken() {
            Some(error) => {
                let error = error.with_data_status(DataStatus::OnDisk);
                Err(FinishError { error, report: Box::new(report) })
            }
            None => Ok(report),
        }
    }

    fn report(&self) -> Report {
        self.tell_overflowed();
        let accepted = self.live.intake.levels().accepted_rows;
        let marks = self.progress.marks();
        let (found, found_confirmed) = self.recovery.recovered();
        let recovered = found.max(marks.dropped_earlier);
        let done = found_confirmed + marks.dropped_earlier + self.recovery.rejected_rows();
        let left_of_recovered = recovered.saturating_sub(done);
        self.live.delivery.ledger(|ledger| {
            let (confirmed, dropped, rejected) = (ledger.confirmed(), ledger.dropped(), ledger.rejected());
            let open = |ids: std::ops::Range<u64>| -> u64 {
                let unconfirmed = confirmed.gaps(ids).into_iter();
                let open = unconfirmed.flat_map(|gap| dropped.gaps(gap)).flat_map(|gap| rejected.gaps(gap));
                open.map(|gap| gap.end - gap.start).sum()
            };
            Report {
                accepted,
                recovered,
                confirmed: confirmed.len() + found_confirmed,
                on_disk: open(0..marks.durable.min(accepted)) + left_of_recovered,
                in_memory: open(marks.durable.min(accepted)..accepted),
                dropped: dropped.len() + marks.dropped_earlier,
                rejected: rejected.len() + self.recovery.rejected_rows(),
                unconfirmed: confirmed.gaps(0..accepted),
                dropped_ids: dropped.iter().collect(),
            }
        })
    }

    /// The disk thread does it, too, unless it hangs.
    fn tell_overflowed(&self) {
        self.disk_shared().tell_overflowed(|ids| self.live.delivery.give_up(ids.iter().cloned()));
    }

    fn disk_shared(&self) -> DiskShared {
        DiskShared {
            intake: Arc::clone(&self.live.intake),
            progress: Arc::clone(&self.progress),
            counters: Arc::clone(&self.disk),
            events: Arc::clone(&self.events),
        }
    }

    /// Asks for what a flush waits for; returns below which ID.
    fn begin_flush(&self, level: Level) -> u64 {
        let accepted = self.live.intake.levels().accepted_rows;
        if level == Level::Confirmed {
            self.live.delivery.request_checkpoint(accepted);
        } else {
            self.progress.request_flush(level, accepted);
        }
        self.live.intake.wake_consumers();
        accepted
    }

    fn begin_finish(&self) {
        self.live.intake.close(closed());
        let accepted = self.live.intake.levels().accepted_rows;
        self.progress.request_flush(Level::Durable, accepted);
        self.progress.request_finish();
        self.live.delivery.request_finish();
        self.live.intake.wake_consumers();
    }

    /// Asks the network's tasks to end; what they did not confirm stays on disk.
    fn cancel_network(&self, why: Error) {
        self.live.delivery.request_cancel(why);
        self.live.intake.wake_consumers();
    }

    /// Ends the network's tasks.
    fn end_network(&self, why: Error) {
        self.cancel_network(why);
        if self.may_block {
            self.live.delivery.wait_ended(Instant::now() + NETWORK_GRACE);
        }
        self.let_disk_end();
    }

    fn abandon_disk(&self) {
        self.progress.abandon();
        self.live.intake.wake_consumers();
    }

    /// From now on no confirmation comes: the disk thread may end when its rows are safe.
    fn let_disk_end(&self) {
        self.network_over.store(true, Ordering::Release);
        self.live.intake.wake_consumers();
    }

    /// Waits until re-ingestion has let go of what it was about, or `deadline`.
    fn wait_for_reingestion(&self, deadline: Instant) -> bool {
        const STEP: Duration = Duration::from_millis(1);
        while !self.reingestion_over.load(Ordering::Acquire) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(STEP);
        }
        true
    }

    /// The same wait as a task.
    async fn reingestion_ended_by(&self, deadline: tokio::time::Instant) -> bool {
        const STEP: Duration = Duration::from_millis(1);
        while !self.reingestion_over.load(Ordering::Acquire) {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(STEP).await;
        }
        true
    }
}

fn finished_early() -> Error {
    Error::new(ErrorCode::Timeout, "the stream was finished before its rows")
}

/// Says when the worker that owns it is over, however it ended.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Sealed for LiveStreamingWithBackups {}

impl HasIntake for LiveStreamingWithBackups {
    fn intake(&self) -> &Intake {
        &self.live.intake
    }

    fn marks(&self) -> &Marks {
        &self.marks
    }

    fn learn_ids(&self, write_down: WriteDown) {
        self.late.tell(write_down);
        self.live.intake.wake_consumers();
    }

    /// The slot must know the flow of every row in its files.
    fn admit(&self, flows: &[FlowConfig]) -> Result<()> {
        let slot = self.schema.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.upgrade() {
            Some(spool) => Remembered::load(&spool)?.add_flows(&spool, flows),
            None => Err(closed()),
        }
    }

    fn slot(&self) -> Option<Result<Arc<Spool>>> {
        let slot = self.schema.lock().unwrap_or_else(PoisonError::into_inner);
        Some(slot.upgrade().ok_or_else(closed))
    }

    fn hold(&self, holds: bool) {
        if holds {
            self.live.holds.fetch_add(1, Ordering::AcqRel);
        } else {
            self.live.holds.fetch_sub(1, Ordering::AcqRel);
            self.live.intake.wake_consumers();
        }
    }

    fn break_with(&self, why: Error) {
        self.events.emit(EventKind::GaveUp { file: None, reason: why.clone() });
        self.live.delivery.break_with(why.clone());
        self.live.intake.close(why.clone().with_data_status(DataStatus::NotAccepted));
        self.cancel_network(why);
    }
}

impl Transport for LiveStreamingWithBackups {
    fn flush(&self, level: Level, deadline: Instant) -> Result<()> {
        let below = self.begin_flush(level);
        match level {
            Level::Confirmed => self.live.delivery.wait_confirmed(below, deadline),
            Level::Written | Level::Durable => self.progress.wait_level(level, below, deadline),
        }
    }

    fn finish(&self, deadline: Instant) -> Result<Report, FinishError> {
        self.begin_finish();
        let over = self.live.delivery.wait_ended(deadline) && self.wait_for_reingestion(deadline);
        if over {
            self.let_disk_end();
        } else {
            self.end_network(finished_early());
        }
        if !self.progress.wait_ended(deadline.max(Instant::now() + GRACE)) {
            self.abandon_disk();
        }
        self.judged()
    }

    fn flush_async(&self, level: Level, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let below = self.begin_flush(level);
            match level {
                Level::Confirmed => self.live.delivery.confirmed_by(below, deadline).await,
                Level::Written | Level::Durable => self.progress.level_by(level, below, deadline).await,
            }
        })
    }

    fn finish_async(&self, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<Report, FinishError>> {
        let soon = |grace: Duration| tokio::time::Instant::now() + grace;
        Box::pin(async move {
            self.begin_finish();
            let over =
                self.live.delivery.ended_by(deadline).await && self.reingestion_ended_by(deadline).await;
            if !over {
                self.cancel_network(finished_early());
                self.live.delivery.ended_by(soon(NETWORK_GRACE)).await;
            }
            self.let_disk_end();
            if !self.progress.ended_by(deadline.max(soon(GRACE))).await {
                self.abandon_disk();
            }
            self.judged()
        })
    }

    fn cancel(&self, why: Error) {
        self.live.intake.close(why.clone());
        self.progress.request_cancel(why.clone());
        self.end_network(why);
    }

    fn watermarks(&self) -> Watermarks {
        let marks = self.progress.marks();
        Watermarks {
            accepted: self.live.intake.levels().accepted_rows,
            written: Some(marks.written),
            durable: Some(marks.durable),
            confirmed: Some(self.live.delivery.confirmed_contiguous()),
        }
    }

    fn checkpoint(&self) -> Result<()> {
        self.live.delivery.request_checkpoint(self.live.intake.levels().accepted_rows);
        self.live.intake.wake_consumers();
        Ok(())
    }

    fn events(&self) -> &Arc<Events> {
        &self.events
    }

    fn trouble(&self) -> Option<Error> {
        self.progress.failure().or_else(|| self.live.delivery.failure())
    }

    fn snapshot(&self) -> SiftStreamMetricsSnapshot {
        self.tell_overflowed();
        let marks = self.progress.marks();
        let dropped = self.live.delivery.dropped_rows() + marks.dropped_earlier;
        let confirmed = self.live.delivery.confirmed_rows();
        let mut snapshot = self.live.counters.snapshot(self.live.intake.levels(), confirmed, dropped);
        self.disk.add_to(&mut snapshot);
        self.recovery.add_to(&mut snapshot);
        self.resent.add_reingestion_to(&mut snapshot);
        snapshot.rows_written = marks.written;
        snapshot.rows_durable = marks.durable;
        snapshot.rows_owed = self.live.delivery.ledger(|ledger| ledger.owed().len());
        snapshot
    }
}

impl Drop for LiveStreamingWithBackups {
    /// Flushes to the disk, for at most a second; never waits for the network.
    fn drop(&mut self) {
        self.live.intake.close(closed());
        self.progress.request_finish();
        self.end_network(Error::new(ErrorCode::Cancelled, "the stream was dropped"));
        let ended = self.may_block && self.progress.wait_ended(Instant::now() + DROP_TIMEOUT);
        self.events.close();
        if ended || !self.may_block {
            return;
        }
        self.abandon_disk();
        let rows = self.report().in_memory;
        if rows > 0 {
            tracing::error!(
                target: "siftstream::stream",
                rows,
                "a stream was dropped while its disk was not done: call finish first"
            );
        }
    }
}
