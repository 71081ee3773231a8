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
use crate::spool::pending::RealIds;
use crate::spool::{Area, Spool, SpoolWriter, WhenFull, WriterOptions};
use crate::stream::disk_progress::{DiskMarks, DiskProgress, Requests};
use crate::stream::intake::Intake;
use crate::stream::segment::Segment;
use crate::tasks::late_ids::Unidentified;

/// How much is taken from the lane at once.
const TAKE_BYTES: usize = 1024 * 1024;
/// After how long without a row the thread sleeps.
const LINGER: Duration = Duration::from_millis(1);
/// How often an idle file is looked after: whether it still has its name.
const IDLE_CHECK: Duration = Duration::from_secs(1);
/// An error other than a full disk that lasts longer is told to senders.
const LASTING: Duration = Duration::from_secs(1);
/// How long IDs wait that came while the disk was failing.
const LEARN_AGAIN: Duration = Duration::from_secs(1);
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
    area: Area,
    options: WriterOptions,
    /// As long as IDs may come.
    waiting: Option<Unidentified>,
    /// IDs that came, for the rows that are encoded without them.
    real_ids: Option<RealIds>,
    learn_again_at: Option<Instant>,
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
        waiting: Option<Unidentified>,
        clock: Arc<dyn Clock>,
        options: WriterOptions,
    ) -> Self {
        let writer = SpoolWriter::new(Arc::clone(&spool), area, Arc::clone(&clock), options.clone());
        Self {
            shared,
            spool,
            writer,
            clock,
            area,
            options,
            waiting,
            real_ids: None,
            learn_again_at: None,
            outbox: VecDeque::new(),
            taken_below: 0,
            marks: DiskMarks::default(),
            backoff: Backoff::new(DISK_RETRY),
            failing_since: None,
        }
    }

    /// Runs until everything is durable after a finish was asked for, or nothing more can be written. The slot is
    /// free when the end is told: the thread that patches older files is over by then, too.
    pub(crate) fn run(self, mut patching: Option<JoinHandle<()>>) {
        let shared = self.shared.clone();
        let over = catch_unwind(AssertUnwindSafe(|| self.write(&mut patching)));
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

    fn write(mut self, patching: &mut Option<JoinHandle<()>>) -> Result<()> {
        self.shared.intake.consume_on_this_thread();
        let mut moved = false;
        loop {
            self.learn_ids(patching);
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
            match &self.real_ids {
                None => self.writer.append(segment.bytes(), segment.ids().start, segment.rows())?,
                Some(ids) => {
                    let bytes = ids.put_into(segment.bytes())?;
                    self.writer.append(&bytes, segment.ids().start, segment.rows())?;
                }
            }
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

    /// If IDs came that the stream began without, ends the pending file and goes on in `data/`. What fails is tried
    /// again later: rows can go on to `pending/` meanwhile.
    fn learn_ids(&mut self, patching: &mut Option<JoinHandle<()>>) {
        let Some(waiting) = self.waiting.clone() else { return };
        if self.learn_again_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        match waiting.late.learn().and_then(|ids| ids.map_or(Ok(false), |ids| self.begin_data(ids))) {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => {
                tracing::warn!(target: "siftstream::disk", %error, "the IDs that came are not used yet");
                self.learn_again_at = Some(Instant::now() + LEARN_AGAIN);
                return;
            }
        }
        self.waiting = None;
        match waiting.backlog.patch_in_background(patching.take()) {
            Ok(running) => *patching = running,
            Err(error) => {
                tracing::warn!(target: "siftstream::disk", %error, "pending files stay for the next start");
            }
        }
    }

    fn begin_data(&mut self, ids: RealIds) -> Result<bool> {
        if self.area == Area::Pending {
            let marks = self.writer.rotate()?;
            self.publish();
            let (spool, clock) = (Arc::clone(&self.spool), Arc::clone(&self.clock));
            self.writer = SpoolWriter::new(spool, Area::Data, clock, self.options.clone());
            self.writer.skip_to(marks.written);
            self.area = Area::Data;
            self.real_ids = Some(ids);
        }
        Ok(true)
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
            self.options.policy.when_full == WhenFull::Error
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
