//! File backup: rows go to files only, to be sent or read later.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{GRACE, HasIntake, Transport, closed};
use crate::encode::Sealed;
use crate::error::{Error, ErrorCode, Result};
use crate::metrics::{DiskCounters, SiftStreamMetricsSnapshot, StreamCounters};
use crate::seams::clock::SystemClock;
use crate::spool::{Area, Spool, WriterOptions};
use crate::stream::disk_progress::DiskProgress;
use crate::stream::intake::Intake;
use crate::stream::lane::Capacity;
use crate::stream::report::{FinishError, Report};
use crate::stream::{Level, Watermarks};
use crate::tasks::backlog::Backlog;
use crate::tasks::file_writer::{DiskShared, FileWriter};
use crate::tasks::late_ids::{LateIds, Unidentified, WriteDown};

/// How long a stream that is dropped without finish may write.
const DROP_TIMEOUT: Duration = Duration::from_secs(1);

/// Writes rows to files, on a thread of its own. Nothing is sent without a command.
pub struct FileBackup {
    shared: DiskShared,
    /// The network counters, which stay at zero.
    network: StreamCounters,
    late: Arc<LateIds>,
}

impl FileBackup {
    /// With `is_waiting` the IDs may come later.
    #[allow(clippy::too_many_arguments, reason = "called once, by the builder")]
    pub(crate) fn start(
        spool: Arc<Spool>,
        backlog: Arc<Backlog>,
        area: Area,
        is_waiting: bool,
        capacity: Capacity,
        max_row_size: usize,
        suffix: Vec<u8>,
        options: WriterOptions,
    ) -> Result<Self> {
        let shared = DiskShared {
            intake: Arc::new(Intake::new(capacity, 0, max_row_size, suffix)),
            progress: Arc::new(DiskProgress::default()),
            counters: Arc::new(DiskCounters::default()),
        };
        let late = Arc::new(LateIds::default());
        let patching = backlog.patch_in_background(None)?;
        let waiting = is_waiting.then(|| Unidentified { late: Arc::clone(&late), backlog });
        let clock = Arc::new(SystemClock::new());
        let writer = FileWriter::new(shared.clone(), spool, area, waiting, clock, options);
        let write = move || writer.run(patching);
        let spawned = thread::Builder::new().name("siftstream-disk".to_owned()).spawn(write);
        spawned.map_err(|error| {
            Error::new(ErrorCode::Internal, format!("cannot start the disk thread: {error}"))
        })?;
        Ok(Self { shared, network: StreamCounters::default(), late })
    }

    /// Sift has told the IDs that were missing.
    pub(crate) fn learn_ids(&self, write_down: WriteDown) {
        self.late.tell(write_down);
        self.shared.intake.wake_consumer();
    }

    fn report(&self) -> Report {
        let accepted = self.shared.intake.levels().accepted_rows;
        let marks = self.shared.progress.marks();
        let on_disk = marks.durable.saturating_sub(marks.dropped);
        let not_durable = marks.durable..accepted;
        Report {
            accepted,
            recovered: marks.dropped_earlier,
            confirmed: 0,
            on_disk,
            in_memory: accepted.saturating_sub(on_disk + marks.dropped),
            dropped: marks.dropped + marks.dropped_earlier,
            rejected: 0,
            unconfirmed: if not_durable.is_empty() { Vec::new() } else { vec![not_durable] },
        }
    }
}

impl Sealed for FileBackup {}

impl HasIntake for FileBackup {
    fn intake(&self) -> &Intake {
        &self.shared.intake
    }
}

impl Transport for FileBackup {
    fn flush(&self, level: Level, deadline: Instant) -> Result<()> {
        if level == Level::Confirmed {
            return Err(level.unknown_to("file-backup"));
        }
        let accepted = self.shared.intake.levels().accepted_rows;
        self.shared.progress.request_flush(level, accepted);
        self.shared.intake.wake_consumer();
        self.shared.progress.wait_level(level, accepted, deadline)
    }

    /// After a failure the thread goes on trying, so that a later finish can still succeed.
    fn finish(&self, deadline: Instant) -> Result<Report, FinishError> {
        self.shared.intake.close(closed());
        self.shared.progress.request_finish();
        self.shared.intake.wake_consumer();
        if !self.shared.progress.wait_ended(deadline) {
            // Lets a call to the disk that returns at this moment still count.
            self.shared.progress.wait_ended(deadline.max(Instant::now()) + GRACE);
        }
        self.report().judge(self.shared.progress.failure())
    }

    fn cancel(&self, why: Error) {
        self.shared.intake.close(why.clone());
        self.shared.progress.request_cancel(why);
        self.shared.intake.wake_consumer();
    }

    fn watermarks(&self) -> Watermarks {
        let marks = self.shared.progress.marks();
        let accepted = self.shared.intake.levels().accepted_rows;
        Watermarks { accepted, written: Some(marks.written), durable: Some(marks.durable), confirmed: None }
    }

    fn trouble(&self) -> Option<Error> {
        self.shared.progress.failure()
    }

    fn snapshot(&self) -> SiftStreamMetricsSnapshot {
        let marks = self.shared.progress.marks();
        let dropped = marks.dropped + marks.dropped_earlier;
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
        self.shared.intake.wake_consumer();
        if self.shared.progress.wait_ended(Instant::now() + DROP_TIMEOUT) {
            return;
        }
        self.shared.progress.abandon();
        self.shared.intake.wake_consumer();
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
