//! The disk thread: rows from the intake to files.
//!
//! ```text
//!            rows wait          append             flush, sync, rotate
//!  lane ──────────────▶ outbox ────────▶ SpoolWriter ────────────────▶ files
//!                          ▲                 │ disk error
//!                          └─── stays here ──┘  (tried again after a wait; a request ends the wait)
//! ```
//!
//! While rows come, the thread looks after each `LINGER` and is woken by nobody; only when nothing came for so long
//! does it sleep until the next row. No error gives up a row: the outbox stays as it is, so the lane fills. With
//! backups, the [`BackupManager`] decides beside it what need not be written and which files may go.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::backup_manager::BackupManager;
use super::checkpoint_keeper::SpoolKeeper;
use super::late_ids::Unidentified;
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::events::{EventKind, Events};
use crate::metrics::DiskCounters;
use crate::retry::{Backoff, RetryPolicy};
use crate::seams::clock::Clock;
use crate::seams::connector::BoxFuture;
use crate::seams::runtime::RuntimeHandle;
use crate::seams::worker::{self, Running, Turn, Worker, drive, drive_as_task};
use crate::spool::pending::RealIds;
use crate::spool::{Area, LOST, Spool, SpoolWriter, WhenFull, WriterOptions};
use crate::stream::consumer::AWAKE;
use crate::stream::disk_progress::{DiskMarks, DiskProgress, Requests};
use crate::stream::intake::{Intake, Outlet};
use crate::stream::segment::Segment;

/// How much is taken from the lane at once.
const TAKE_BYTES: usize = 1024 * 1024;
/// How often the thread looks for rows while it is awake.
const LINGER: Duration = Duration::from_millis(1);
/// How often an idle file is looked after: whether it still has its name.
const IDLE_CHECK: Duration = Duration::from_secs(1);
/// An error other than a full disk that lasts longer is told to senders, if the disk is all there is.
const LASTING: Duration = Duration::from_secs(1);
/// How often a failing disk's rows are looked after while the next attempt is awaited.
const WAIT_STEP: Duration = Duration::from_millis(10);
/// How long IDs wait that came while the disk was failing.
const LEARN_AGAIN: Duration = Duration::from_secs(1);
/// The waits between attempts on a failing disk.
const DISK_RETRY: RetryPolicy = RetryPolicy {
    max_attempts: u32::MAX,
    initial_backoff: Duration::from_millis(20),
    max_backoff: Duration::from_secs(1),
    backoff_multiplier: 2,
    max_retry_after: Duration::ZERO,
};

/// What the thread shares with the callers.
#[derive(Debug, Clone)]
pub(crate) struct DiskShared {
    pub(crate) intake: Arc<Intake>,
    pub(crate) progress: Arc<DiskProgress>,
    pub(crate) counters: Arc<DiskCounters>,
    pub(crate) events: Arc<Events>,
}

impl DiskShared {
    /// Tells of rows that were dropped because the channel was full, first `others`.
    pub(crate) fn tell_overflowed(&self, others: impl FnOnce(&[Range<u64>])) {
        let Some(overflowed) = self.intake.take_overflowed() else { return };
        let ids: Vec<_> = overflowed.ids.iter().collect();
        others(&ids);
        self.progress.overflowed(&ids);
        overflowed.tell(self.intake.overflow_policy(), self.intake.flow_names(), &self.events);
    }
}

/// A disk that fails.
#[derive(Debug, Clone, Copy)]
struct Failing {
    since: Duration,
    retry_at: Duration,
    /// What was asked for, and how many rows were confirmed, at the last attempt: something new is tried at once.
    requests: Requests,
    confirmed: u64,
}

/// What the disk thread works with.
pub(crate) struct FileWriterParts {
    pub(crate) spool: Arc<Spool>,
    pub(crate) area: Area,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: WriterOptions,
    /// As long as IDs may come.
    pub(crate) waiting: Option<Unidentified>,
    /// With a network beside the disk.
    pub(crate) manager: Option<BackupManager>,
    pub(crate) checkpoints: SpoolKeeper,
}

/// The disk thread.
pub(crate) struct FileWriter {
    shared: DiskShared,
    writer: SpoolWriter,
    parts: FileWriterParts,
    /// IDs that came, for the rows that are encoded without them.
    real_ids: Option<RealIds>,
    learn_again_at: Duration,
    /// Threads that use the slot, too.
    companions: Vec<JoinHandle<()>>,
    outbox: VecDeque<Arc<Segment>>,
    /// Rows below this ID have left the intake.
    taken_below: u64,
    marks: DiskMarks,
    backoff: Backoff,
    failing: Option<Failing>,
    /// Until when it looks for rows by itself.
    awake_until: Option<Duration>,
}

impl FileWriter {
    pub(crate) fn new(shared: DiskShared, parts: FileWriterParts) -> Self {
        let writer = parts.writer();
        Self {
            shared,
            writer,
            parts,
            real_ids: None,
            learn_again_at: Duration::ZERO,
            companions: Vec::new(),
            outbox: VecDeque::new(),
            taken_below: 0,
            marks: DiskMarks::default(),
            backoff: Backoff::new(DISK_RETRY),
            failing: None,
            awake_until: None,
        }
    }

    /// Starts it where the stream runs, beside a worker that uses the slot, too.
    pub(crate) fn start(self, runtime: &RuntimeHandle, companion: Running) -> Result<()> {
        match companion {
            Running::Thread(companion) => {
                worker::spawn("siftstream-disk", move || self.run(vec![companion])).map(drop)
            }
            Running::Task(companion) => {
                self.run_as_task(runtime, companion);
                Ok(())
            }
        }
    }

    fn run_as_task(mut self, runtime: &RuntimeHandle, companion: tokio::task::JoinHandle<()>) {
        let shared = self.shared.clone();
        let running = runtime.spawn(async move { drive_as_task(&mut self).await });
        runtime.spawn(async move {
            if running.await.is_err() {
                give_up(&shared, died());
            }
            if companion.await.is_err() {
                tell_companion_died();
            }
            shared.progress.end();
        });
    }

    /// Runs until everything is durable after a finish was asked for, or nothing more can be written. The slot is
    /// free when the end is told: the other threads that use it, its `companions`, are over by then, too.
    pub(crate) fn run(mut self, companions: Vec<JoinHandle<()>>) {
        self.companions = companions;
        let shared = self.shared.clone();
        if catch_unwind(AssertUnwindSafe(|| drive(&mut self))).is_err() {
            give_up(&shared, died());
        }
        let companions = std::mem::take(&mut self.companions);
        drop(self);
        for companion in companions {
            if companion.join().is_err() {
                tell_companion_died();
            }
        }
        shared.progress.end();
    }

    /// Takes what waits, up to about `TAKE_BYTES` of memory; returns how much.
    fn take(&mut self) -> usize {
        if !self.outbox.is_empty() {
            return 0;
        }
        self.shared.intake.take(Outlet::Disk, &mut self.outbox, TAKE_BYTES);
        if let Some(last) = self.outbox.back() {
            self.taken_below = last.ids().end;
        }
        self.outbox.iter().map(|segment| segment.allocated()).sum()
    }

    /// Brings on what is at hand; true if the stream is over.
    fn step(&mut self, requests: Requests) -> Result<bool> {
        // First of all: what goes makes room, also where nothing can be written.
        if let Some(manager) = &mut self.parts.manager {
            manager.settle(&mut self.writer)?;
        }
        if requests.rotate {
            self.finish_file()?;
            if !self.writer.is_saving() {
                self.shared.progress.rotated();
            }
        }
        while let Some(segment) = self.outbox.front() {
            let ids = segment.ids();
            match &self.real_ids {
                _ if self.parts.manager.as_ref().is_some_and(|manager| manager.is_confirmed(&ids)) => {
                    self.writer.skip_to(ids.end);
                }
                None => self.writer.append(segment.bytes(), ids.start, segment.rows())?,
                Some(real) => {
                    let bytes = real.put_into(segment.bytes())?;
                    self.writer.append(&bytes, ids.start, segment.rows())?;
                }
            }
            self.outbox.pop_front();
        }
        self.pass_dropped();
        if requests.finishing && self.is_settled() {
            self.writer.flush()?;
            self.finish_file()?;
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

    /// Tells of rows that were dropped because the channel was full.
    fn tell_overflowed(&mut self) {
        self.shared.tell_overflowed(|ids| {
            if let Some(manager) = &self.parts.manager {
                manager.dropped(ids);
            }
        });
    }

    /// Nobody waits for rows that were dropped before they came here.
    fn pass_dropped(&mut self) {
        let reached = self.shared.progress.passed_overflow(self.writer.next_id());
        if reached > self.writer.next_id() {
            self.writer.skip_to(reached);
            self.taken_below = self.taken_below.max(reached);
        }
    }

    /// If IDs came that the stream began without, ends the pending file and goes on in `data/`. What fails is tried
    /// again later: rows can go on to `pending/` meanwhile.
    fn learn_ids(&mut self) {
        let Some(waiting) = self.parts.waiting.clone() else { return };
        let now = self.parts.clock.monotonic();
        if now < self.learn_again_at {
            return;
        }
        let begun = match waiting.late.learn() {
            Ok(None) => return,
            Ok(Some(ids)) => self.begin_data(&ids).map(|()| ids),
            Err(error) => Err(error),
        };
        let ids = match begun {
            Ok(ids) => ids,
            Err(error) => {
                tracing::warn!(target: "siftstream::disk", %error, "the IDs that came are not used yet");
                self.learn_again_at = now + LEARN_AGAIN;
                return;
            }
        };
        self.parts.waiting = None;
        if let Some(gate) = waiting.gate {
            gate.open(ids);
            self.shared.intake.wake_consumers();
            return;
        }
        match waiting.backlog.patch_in_background(self.companions.pop()) {
            Ok(running) => self.companions.extend(running),
            Err(error) => {
                tracing::warn!(target: "siftstream::disk", %error, "pending files stay for the next start");
            }
        }
    }

    fn begin_data(&mut self, ids: &RealIds) -> Result<()> {
        if self.parts.area == Area::Pending {
            self.writer.begin_data(ids)?;
            self.publish();
            self.parts.area = Area::Data;
            self.real_ids = Some(ids.clone());
        }
        Ok(())
    }

    /// Finishes the file that is being written, and lets go of what is confirmed by now. Rows for which there is no room
    /// wait for the next file.
    fn finish_file(&mut self) -> Result<()> {
        match self.writer.flush() {
            Err(error) if error.code() != ErrorCode::DiskFull => return Err(error),
            _ => {}
        }
        if let Some(manager) = &mut self.parts.manager {
            manager.settle(&mut self.writer)?;
        }
        self.writer.finish_written()?;
        self.parts.manager.as_ref().map_or(Ok(()), BackupManager::remove_confirmed)
    }

    /// Whether nothing can come any more: no row, and no confirmation.
    fn is_settled(&self) -> bool {
        self.shared.intake.levels().disk.rows == 0
            && self.parts.manager.as_ref().is_none_or(BackupManager::network_is_over)
    }

    /// Whether Sift has everything, so that the end need not wait for a disk that fails.
    fn needs_no_disk(&self) -> bool {
        let accepted = self.shared.intake.levels().accepted_rows;
        self.is_settled()
            && self.parts.manager.as_ref().is_some_and(|manager| manager.is_confirmed(&(0..accepted)))
    }

    /// Tells how far the rows have come.
    fn publish(&mut self) {
        let file = self.writer.current_file();
        for dropped in self.writer.take_dropped() {
            tracing::warn!(
                target: "siftstream::disk",
                rows = dropped.rows, ids = ?dropped.ids, epoch = dropped.epoch, "{}", dropped.cause
            );
            if dropped.epoch == self.parts.spool.epoch() {
                self.marks.dropped += dropped.rows;
                match &self.parts.manager {
                    Some(manager) if dropped.cause == LOST => manager.lost(&dropped.ids),
                    Some(manager) => manager.dropped(&dropped.ids),
                    None => {}
                }
            } else {
                self.marks.dropped_earlier += dropped.rows;
            }
            self.shared.events.emit(EventKind::Dropped {
                ranges: dropped.ids,
                rows: dropped.rows,
                flows: Vec::new(),
                cause: dropped.cause.to_owned(),
            });
        }
        let marks = self.writer.watermarks();
        (self.marks.written, self.marks.durable) = (marks.written, marks.durable);
        if let Some(manager) = &self.parts.manager {
            manager.pass_confirmed(&mut self.marks);
            let safe_below = self.marks.written;
            self.shared.intake.release(|segment| segment.ids().end <= safe_below);
            manager.relieve(self.shared.intake.levels().disk.is_half_full);
        }
        self.shared.counters.stored(self.parts.spool.bytes(), file);
        self.shared.progress.publish(self.marks);
        let confirmed = self.parts.manager.as_ref().map(BackupManager::confirmed);
        let urgent = self.shared.progress.requests().finishing;
        self.parts.checkpoints.keep(self.marks.durable, confirmed, urgent);
    }

    fn works(&mut self) {
        if self.failing.take().is_some() {
            tracing::info!(target: "siftstream::disk", "the disk works again");
            self.shared.events.emit(EventKind::DiskRecovered);
            self.backoff.reset();
            self.shared.progress.set_trouble(None);
            self.shared.intake.refuse(None);
            self.shared.counters.set_degraded(false);
        }
    }

    fn failed(&mut self, error: Error, requests: Requests) {
        let now = self.parts.clock.monotonic();
        if self.failing.is_none() {
            tracing::warn!(target: "siftstream::disk", %error, "the disk fails; rows wait in memory");
            self.shared.events.emit(EventKind::DiskDegraded { reason: error.clone() });
        }
        let since = self.failing.map_or(now, |failing| failing.since);
        let confirmed = self.confirmed_rows();
        self.failing =
            Some(Failing { since, retry_at: now + self.backoff.next_delay(), requests, confirmed });
        self.shared.counters.disk_error();
        self.shared.counters.set_degraded(true);
        let full = error.code() == ErrorCode::DiskFull;
        let told = if full {
            self.parts.options.policy.when_full == WhenFull::Error
        } else {
            self.parts.manager.is_none() && now.saturating_sub(since) >= LASTING
        };
        if told {
            self.shared.intake.refuse(Some(error.clone().with_data_status(DataStatus::NotAccepted)));
        }
        if let Some(manager) = self.parts.manager.as_ref().filter(|_| full) {
            manager.backup_full();
            self.let_current_go();
        }
        self.shared.progress.set_trouble(Some(error));
    }

    /// What waits is written when files go: the one that is being written must be able to go, too.
    fn let_current_go(&mut self) {
        if self.writer.current_file().is_some()
            && let Err(error) = self.writer.finish_written()
        {
            tracing::debug!(target: "siftstream::disk", %error, "the full disk keeps its last file open");
        }
    }

    /// How many rows the disk need not have any more: with more of them, files can go.
    fn confirmed_rows(&self) -> u64 {
        self.parts.manager.as_ref().map_or(0, BackupManager::done_rows)
    }

    /// How long to wait for rows, for a request, or for what the writer has to do.
    fn next_turn(&mut self) -> Turn {
        let now = self.parts.clock.monotonic();
        let idle = if self.parts.manager.is_some() { LINGER * 100 } else { IDLE_CHECK };
        let due = self.writer.next_deadline().map_or(idle, |at| at.saturating_sub(now)).min(idle);
        if self.awake_until.is_some_and(|until| now < until) {
            return Turn::Rest(due.min(LINGER));
        }
        if self.shared.intake.sleep_if_empty(Outlet::Disk) { Turn::Rest(due) } else { Turn::Again }
    }
}

impl FileWriterParts {
    fn writer(&self) -> SpoolWriter {
        SpoolWriter::new(Arc::clone(&self.spool), self.area, Arc::clone(&self.clock), self.options.clone())
    }
}

impl Worker for FileWriter {
    fn begin(&mut self) {
        self.shared.intake.consume_on_this_thread(Outlet::Disk);
    }

    fn turn(&mut self) -> Turn {
        self.learn_ids();
        self.tell_overflowed();
        let requests = self.shared.progress.requests();
        let confirmed = self.confirmed_rows();
        let same = |failing: &Failing| failing.requests == requests && failing.confirmed == confirmed;
        if let Some(failing) = self.failing.filter(same) {
            let left = failing.retry_at.saturating_sub(self.parts.clock.monotonic());
            if !left.is_zero() {
                self.publish();
                return Turn::Rest(left.min(WAIT_STEP));
            }
        }
        let taken = self.take();
        if taken > 0 {
            self.awake_until = Some(self.parts.clock.monotonic() + AWAKE);
        }
        let step = self.step(requests);
        self.publish();
        match step {
            Ok(true) => Turn::Over,
            Ok(false) => {
                self.works();
                if taken < TAKE_BYTES { self.next_turn() } else { Turn::Again }
            }
            Err(_) if requests.finishing && self.needs_no_disk() => Turn::Over,
            Err(error) if requests.abandoned || !can_pass(&error) => {
                give_up(&self.shared, error);
                Turn::Over
            }
            Err(error) => {
                self.failed(error, requests);
                Turn::Again
            }
        }
    }

    fn rest(&self, timeout: Duration) {
        self.shared.intake.park(Outlet::Disk, timeout);
    }

    fn woken(&self) -> BoxFuture<'static, ()> {
        let intake = Arc::clone(&self.shared.intake);
        Box::pin(async move { intake.woken(Outlet::Disk).await })
    }
}

fn died() -> Error {
    Error::new(ErrorCode::WorkerDied, "the disk thread died: create the stream again")
}

fn tell_companion_died() {
    tracing::error!(target: "siftstream::disk", "a thread that reads backups died");
}

/// Nothing more is written.
fn give_up(shared: &DiskShared, why: Error) {
    tracing::error!(target: "siftstream::disk", error = %why, "nothing more is written");
    shared.events.emit(EventKind::GaveUp { file: None, reason: why.clone() });
    shared.progress.break_with(why.clone());
    shared.intake.close(why.with_data_status(DataStatus::NotAccepted));
}

/// Whether trying again can help.
fn can_pass(error: &Error) -> bool {
    !matches!(error.code(), ErrorCode::InvalidArgument | ErrorCode::RowTooLarge | ErrorCode::Internal)
}
