//! The disk thread of a file-backup stream: rows from the intake to files.
//!
//! ```text
//!            rows wait          append             flush, sync, rotate
//!  lane ──────────────▶ outbox ────────▶ SpoolWriter ────────────────▶ files
//!                          ▲                 │ disk error
//!                          └─── stays here ──┘  (tried again after a wait; a request ends the wait)
//! ```
//!
//! While rows come, the thread looks after each `LINGER` and is woken by nobody; only when nothing came for so long
//! does it sleep until the next row. No error gives up a row: the outbox stays as it is, so the lane fills.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::metrics::DiskCounters;
use crate::retry::{Backoff, RetryPolicy};
use crate::seams::clock::Clock;
use crate::spool::{Area, Spool, SpoolWriter, WhenFull, WriterOptions};
use crate::stream::disk_progress::{DiskMarks, DiskProgress, Requests};
use crate::stream::intake::Intake;
use crate::stream::segment::Segment;

/// How much is taken from the lane at once.
const TAKE_BYTES: usize = 1024 * 1024;
/// After how long without a row the thread sleeps.
const LINGER: Duration = Duration::from_millis(1);
/// How often an idle file is looked after: whether it still has its name.
const IDLE_CHECK: Duration = Duration::from_secs(1);
/// An error other than a full disk that lasts longer is told to senders.
const LASTING: Duration = Duration::from_secs(1);
/// The waits between attempts on a failing disk.
const DISK_RETRY: RetryPolicy = RetryPolicy {
    max_attempts: u32::MAX,
    initial_backoff: Duration::from_millis(20),
    max_backoff: Duration::from_secs(1),
    backoff_multiplier: 2,
};

/// What the thread shares with the callers.
#[derive(Debug, Clone)]
pub(crate) struct DiskShared {
    pub(crate) intake: Arc<Intake>,
    pub(crate) progress: Arc<DiskProgress>,
    pub(crate) counters: Arc<DiskCounters>,
}

/// The disk thread.
pub(crate) struct FileWriter {
    shared: DiskShared,
    spool: Arc<Spool>,
    writer: SpoolWriter,
    clock: Arc<dyn Clock>,
    when_full: WhenFull,
    outbox: VecDeque<Arc<Segment>>,
    /// Rows below this ID have left the intake.
    taken_below: u64,
    marks: DiskMarks,
    backoff: Backoff,
    failing_since: Option<Instant>,
}

impl FileWriter {
    pub(crate) fn new(
        shared: DiskShared,
        spool: Arc<Spool>,
        area: Area,
        clock: Arc<dyn Clock>,
        options: WriterOptions,
    ) -> Self {
        let when_full = options.policy.when_full;
        let writer = SpoolWriter::new(Arc::clone(&spool), area, Arc::clone(&clock), options);
        Self {
            shared,
            spool,
            writer,
            clock,
            when_full,
            outbox: VecDeque::new(),
            taken_below: 0,
            marks: DiskMarks::default(),
            backoff: Backoff::new(DISK_RETRY),
            failing_since: None,
        }
    }

    /// Runs until everything is durable after a finish was asked for, or nothing more can be written. The slot is
    /// free when the end is told: the thread that patches older files is over by then, too.
    pub(crate) fn run(self, patching: Option<JoinHandle<()>>) {
        let shared = self.shared.clone();
        let over = catch_unwind(AssertUnwindSafe(|| self.write()));
        let why = match over {
            Ok(over) => over.err(),
            Err(_) => {
                Some(Error::new(ErrorCode::WorkerDied, "the disk thread died: create the stream again"))
            }
        };
        if let Some(why) = why {
            tracing::error!(target: "siftstream::disk", error = %why, "nothing more is written");
            shared.progress.break_with(why.clone());
            shared.intake.close(why.with_data_status(DataStatus::NotAccepted));
        }
        if patching.is_some_and(|patching| patching.join().is_err()) {
            tracing::error!(target: "siftstream::disk", "the thread that patches pending files died");
        }
        shared.progress.end();
    }

    fn write(mut self) -> Result<()> {
        self.shared.intake.consume_on_this_thread();
        let mut moved = false;
        loop {
            let requests = self.shared.progress.requests();
            let taken = self.take();
            moved |= taken > 0;
            let step = self.step(requests);
            self.publish();
            match step {
                Ok(true) => return Ok(()),
                Ok(false) => self.works(),
                Err(error) if requests.abandoned || !can_pass(&error) => return Err(error),
                Err(error) => {
                    self.failed(error);
                    self.wait_out(requests);
                    continue;
                }
            }
            if taken < TAKE_BYTES {
                self.rest(&mut moved);
            }
        }
    }

    /// Takes what waits, up to about `TAKE_BYTES`; returns how many bytes.
    fn take(&mut self) -> usize {
        if !self.outbox.is_empty() {
            return 0;
        }
        self.shared.intake.take(&mut self.outbox, TAKE_BYTES);
        if let Some(last) = self.outbox.back() {
            self.taken_below = last.ids().end;
        }
        self.outbox.iter().map(|segment| segment.bytes().len()).sum()
    }

    /// Brings on what is at hand; true if the stream is over.
    fn step(&mut self, requests: Requests) -> Result<bool> {
        while let Some(segment) = self.outbox.front() {
            self.writer.append(segment.bytes(), segment.ids().start, segment.rows())?;
            self.outbox.pop_front();
        }
        if requests.finishing && self.shared.intake.levels().queued_rows == 0 {
            self.writer.rotate()?;
            return Ok(true);
        }
        let marks = self.writer.watermarks();
        let wanted = |below: u64, mark: u64| mark < below && self.taken_below >= below;
        if wanted(requests.durable_below, marks.durable) {
            self.writer.sync()?;
        } else if wanted(requests.written_below, marks.written) {
            self.writer.flush()?;
        }
        self.writer.poll()?;
        Ok(false)
    }

    /// Tells how far the rows have come.
    fn publish(&mut self) {
        let file = self.writer.current_file();
        for dropped in self.writer.take_dropped() {
            tracing::warn!(
                target: "siftstream::disk",
                rows = dropped.rows, ids = ?dropped.ids, epoch = dropped.epoch, "{}", dropped.cause
            );
            if dropped.epoch == self.spool.epoch() {
                self.marks.dropped += dropped.rows;
            } else {
                self.marks.dropped_earlier += dropped.rows;
            }
        }
        let marks = self.writer.watermarks();
        (self.marks.written, self.marks.durable) = (marks.written, marks.durable);
        self.shared.counters.stored(self.spool.bytes(), file);
        self.shared.progress.publish(self.marks);
    }

    fn works(&mut self) {
        if self.failing_since.take().is_some() {
            tracing::info!(target: "siftstream::disk", "the disk works again");
            self.backoff.reset();
            self.shared.progress.set_trouble(None);
            self.shared.intake.refuse(None);
            self.shared.counters.set_degraded(false);
        }
    }

    fn failed(&mut self, error: Error) {
        if self.failing_since.is_none() {
            tracing::warn!(target: "siftstream::disk", %error, "the disk fails; rows wait in memory");
        }
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        self.shared.counters.disk_error();
        self.shared.counters.set_degraded(true);
        let told = if error.code() == ErrorCode::DiskFull {
            self.when_full == WhenFull::Error
        } else {
            since.elapsed() >= LASTING
        };
        if told {
            self.shared.intake.refuse(Some(error.clone().with_data_status(DataStatus::NotAccepted)));
        }
        self.shared.progress.set_trouble(Some(error));
    }

    /// Waits before the next attempt; only a new request ends the wait early.
    fn wait_out(&mut self, requests: Requests) {
        let end = Instant::now() + self.backoff.next_delay();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.shared.progress.requests() != requests {
                return;
            }
            self.shared.intake.park(left);
        }
    }

    /// Waits for rows, for a request, or for what the writer has to do.
    fn rest(&self, moved: &mut bool) {
        let now = self.clock.monotonic();
        let due = self.writer.next_deadline().map_or(IDLE_CHECK, |at| at.saturating_sub(now));
        if std::mem::take(moved) {
            self.shared.intake.park(due.min(LINGER));
        } else if self.shared.intake.sleep_if_empty() {
            self.shared.intake.park(due.min(IDLE_CHECK));
        }
    }
}

/// Whether trying again can help.
fn can_pass(error: &Error) -> bool {
    !matches!(error.code(), ErrorCode::InvalidArgument | ErrorCode::RowTooLarge | ErrorCode::Internal)
}
