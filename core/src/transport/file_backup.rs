//! File backup: rows go to files only, to be sent or read later.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::{FileBackupConfig, GRACE, HasIntake, Transport, closed};
use crate::checkpoint::{KeptLevels, Marks, Recovery};
use crate::encode::Sealed;
use crate::error::{Error, Result};
use crate::events::{EventKind, Events};
use crate::metrics::{SiftStreamMetricsSnapshot, StreamCounters};
use crate::remembered::Remembered;
use crate::schema::FlowConfig;
use crate::seams::clock::{Clock, SystemClock};
use crate::seams::connector::BoxFuture;
use crate::seams::worker;
use crate::spool::{Area, Spool, WriterOptions};
use crate::stream::intake::{Intake, IntakeOptions, Outlets};
use crate::stream::lane::Capacity;
use crate::stream::report::{FinishError, Report};
use crate::stream::{Level, Watermarks};
use crate::tasks::backlog::Backlog;
use crate::tasks::checkpoint_keeper::SpoolKeeper;
use crate::tasks::file_writer::{DiskShared, FileWriter, FileWriterParts};
use crate::tasks::late_ids::{LateIds, Unidentified, WriteDown};
use crate::tasks::scan::scan_last_file;

/// How long a stream that is dropped without finish may write.
const DROP_TIMEOUT: Duration = Duration::from_secs(1);

/// Writes rows to files, on a thread of its own. Nothing is sent without a command.
pub struct FileBackup {
    shared: DiskShared,
    /// The slot that remembers the schema, which only one call changes at a time. The disk thread owns it: a stream
    /// that is finished has let go of it.
    schema: Mutex<Weak<Spool>>,
    /// The network counters, which stay at zero.
    network: StreamCounters,
    config: Box<FileBackupConfig>,
    marks: Arc<Marks>,
    late: Arc<LateIds>,
}

/// What a file-backup transport starts with.
pub(crate) struct FileBackupStart {
    pub(crate) config: FileBackupConfig,
    pub(crate) writer: WriterOptions,
    pub(crate) spool: Arc<Spool>,
    pub(crate) area: Area,
    pub(crate) backlog: Arc<Backlog>,
    /// IDs may come later.
    pub(crate) is_waiting: bool,
    pub(crate) rows: IntakeOptions,
}

impl FileBackup {
    pub(crate) fn start(start: FileBackupStart) -> Result<Self> {
        let FileBackupStart { config, writer, spool, area, backlog, is_waiting, rows } = start;
        let capacity =
            Capacity { rows: config.backup_data_channel_capacity, bytes: config.backup_data_channel_bytes };
        let shared = DiskShared {
            intake: Arc::new(Intake::new(Outlets::Disk(capacity), 0, rows)),
            progress: Arc::default(),
            counters: Arc::default(),
            events: Arc::default(),
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let name = &spool.slot().key().stream;
        let levels = KeptLevels { durable: true, confirmed: false };
        let marks = Arc::new(Marks::new(name, levels, Recovery::load(&*spool, name)?));
        let checkpoints = SpoolKeeper::new(Arc::clone(&marks), Arc::clone(&spool), Arc::clone(&clock));
        let schema = Mutex::new(Arc::downgrade(&spool));
        let late = Arc::new(LateIds::default());
        let scanning = scan_last_file(&spool, &shared.events)?;
        let companions = scanning.into_iter().chain(backlog.patch_in_background(None)?).collect();
        let waiting = is_waiting.then(|| Unidentified { late: Arc::clone(&late), backlog, gate: None });
        let files =
            FileWriterParts { spool, area, clock, options: writer, waiting, manager: None, checkpoints };
        let writer = FileWriter::new(shared.clone(), files);
        worker::spawn("siftstream-disk", move || writer.run(companions))?;
        Ok(Self { shared, schema, network: StreamCounters::default(), config: Box::new(config), marks, late })
    }

    pub(crate) fn config(&self) -> &FileBackupConfig {
        &self.config
    }

    /// Asks for what a flush waits for; returns below which ID.
    fn begin_flush(&self, level: Level) -> Result<u64> {
        if level == Level::Confirmed {
            return Err(level.unknown_to("file-backup"));
        }
        let accepted = self.shared.intake.levels().accepted_rows;
        self.shared.progress.request_flush(level, accepted);
        self.shared.intake.wake_consumers();
        Ok(accepted)
    }

    fn begin_finish(&self) {
        self.shared.intake.close(closed());
        self.shared.progress.request_finish();
        self.shared.intake.wake_consumers();
    }

    fn report(&self) -> Report {
        self.shared.tell_overflowed(|_| {});
        let accepted = self.shared.intake.levels().accepted_rows;
        let marks = self.shared.progress.marks();
        let overflowed = self.shared.progress.all_overflowed();
        let on_disk = marks.durable.saturating_sub(marks.dropped + overflowed.count_in(&(0..marks.durable)));
        let dropped = marks.dropped + overflowed.len();
        let not_durable = marks.durable..accepted;
        Report {
            accepted,
            recovered: marks.dropped_earlier,
            confirmed: 0,
            on_disk,
            in_memory: accepted.saturating_sub(on_disk + dropped),
            dropped: dropped + marks.dropped_earlier,
            rejected: 0,
            unconfirmed: if not_durable.is_empty() { Vec::new() } else { vec![not_durable] },
            dropped_ids: overflowed.iter().collect(),
        }
    }
}

impl Sealed for FileBackup {}

impl HasIntake for FileBackup {
    fn intake(&self) -> &Intake {
        &self.shared.intake
    }

    fn marks(&self) -> &Marks {
        &self.marks
    }

    fn learn_ids(&self, write_down: WriteDown) {
        self.late.tell(write_down);
        self.shared.intake.wake_consumers();
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

    /// Files go on: whoever sends them can still give Sift the flow.
    fn break_with(&self, why: Error) {
        self.shared.events.emit(EventKind::GaveUp { file: None, reason: why });
    }
}

impl Transport for FileBackup {
    fn flush(&self, level: Level, deadline: Instant) -> Result<()> {
        let below = self.begin_flush(level)?;
        self.shared.progress.wait_level(level, below, deadline)
    }

    /// After a failure the thread goes on trying, so that a later finish can still succeed.
    fn finish(&self, deadline: Instant) -> Result<Report, FinishError> {
        self.begin_finish();
        if !self.shared.progress.wait_ended(deadline) {
            // Lets a call to the disk that returns at this moment still count.
            self.shared.progress.wait_ended(deadline.max(Instant::now()) + GRACE);
        }
        self.report().judge(self.shared.progress.failure())
    }

    fn flush_async(&self, level: Level, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let below = self.begin_flush(level)?;
            self.shared.progress.level_by(level, below, deadline).await
        })
    }

    fn finish_async(&self, deadline: tokio::time::Instant) -> BoxFuture<'_, Result<Report, FinishError>> {
        Box::pin(async move {
            self.begin_finish();
            if !self.shared.progress.ended_by(deadline).await {
                let grace = deadline.max(tokio::time::Instant::now()) + GRACE;
                self.shared.progress.ended_by(grace).await;
            }
            self.report().judge(self.shared.progress.failure())
        })
    }

    fn cancel(&self, why: Error) {
        self.shared.intake.close(why.clone());
        self.shared.progress.request_cancel(why);
        self.shared.intake.wake_consumers();
    }

    fn watermarks(&self) -> Watermarks {
        let marks = self.shared.progress.marks();
        let accepted = self.shared.intake.levels().accepted_rows;
        Watermarks { accepted, written: Some(marks.written), durable: Some(marks.durable), confirmed: None }
    }

    fn checkpoint(&self) -> Result<()> {
        Err(Level::Confirmed.unknown_to("file-backup"))
    }

    fn events(&self) -> &Arc<Events> {
        &self.shared.events
    }

    fn trouble(&self) -> Option<Error> {
        self.shared.progress.failure()
    }

    fn snapshot(&self) -> SiftStreamMetricsSnapshot {
        self.shared.tell_overflowed(|_| {});
        let marks = self.shared.progress.marks();
        let overflowed = self.shared.progress.all_overflowed().len();
        let dropped = marks.dropped + marks.dropped_earlier + overflowed;
        let mut snapshot = self.network.snapshot(self.shared.intake.levels(), 0, dropped);
        self.shared.counters.add_to(&mut snapshot);
        snapshot.rows_written = marks.written;
        snapshot.rows_durable = marks.durable;
        snapshot
    }
}

impl Drop for FileBackup {
    fn drop(&mut self) {
        self.shared.intake.close(closed());
        self.shared.progress.request_finish();
        self.shared.intake.wake_consumers();
        let ended = self.shared.progress.wait_ended(Instant::now() + DROP_TIMEOUT);
        self.shared.events.close();
        if ended {
            return;
        }
        self.shared.progress.abandon();
        self.shared.intake.wake_consumers();
        let rows = self.report().in_memory;
        if rows > 0 {
            tracing::error!(
                target: "siftstream::stream",
                rows,
                "a file-backup stream was dropped while its disk was not done: call finish first"
            );
        }
    }
}
