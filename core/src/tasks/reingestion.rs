//! Re-ingestion: what the live path owes, and what earlier epochs left, from the disk to Sift.
//!
//! ```text
//!   at the start:  files of earlier epochs, of the slot and of orphans ──▶ scanned ──┐
//!                                                                                   ▼  oldest first
//!   owed rows ──▶ in a finished file? ─────────────────────────────────────────▶ reading ──▶ resend ──▶ confirmed
//!                  ├─ no: the file is being written ──▶ it is finished first        ▲                      │
//!                  └─ no: the disk fails ──▶ the lane to the disk still has them ───┘                      ▼
//!                                                                     ledger, journal ──▶ file removed
//! ```
//!
//! The directory is the queue: nothing is forgotten, for nothing is kept that could be. A file that cannot be read, or
//! whose rows Sift rejects, is set aside until the next start, and the rest goes on.

mod choosing;
mod earlier;
mod reading;
mod sent;
mod settling;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::reading::Reading;
use self::sent::{Origin, Sent};
use super::backlog::Backlog;
use super::ingestion::LiveShared;
use super::resend::{Resend, ResendStarter};
use crate::checkpoint::Marks;
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::events::{EventKind, Events};
use crate::failure_policy::FailurePolicies;
use crate::ledger::RangeSet;
use crate::metrics::RecoveryCounters;
use crate::quarantine::RejectedRow;
use crate::seams::clock::Clock;
use crate::seams::connector::BoxFuture;
use crate::seams::worker::{Turn, Worker};
use crate::spool::journal::Run;
use crate::spool::{FileInventory, Spool, StoredFile};
use crate::stream::disk_progress::DiskProgress;

/// How much is handed over in one turn.
const TURN_BYTES: usize = 256 * 1024;
/// How often room for more rows, or a confirmation, is looked for.
const BUSY_REST: Duration = Duration::from_millis(2);
/// How long live rows that pile up, or a pause that Sift asked for, keep others waiting before the next look.
const LIVE_FIRST: Duration = Duration::from_millis(10);
/// How often an idle worker looks for owed rows.
const IDLE_REST: Duration = Duration::from_millis(50);
/// How long a disk error keeps it from trying again.
const AFTER_ERROR: Duration = Duration::from_millis(500);

/// What re-ingestion shares with the other tasks of its stream.
pub(crate) struct Shared {
    pub(crate) live: LiveShared,
    pub(crate) progress: Arc<DiskProgress>,
    pub(crate) recovery: Arc<RecoveryCounters>,
    pub(crate) events: Arc<Events>,
    pub(crate) policies: FailurePolicies,
    pub(crate) marks: Arc<Marks>,
}

/// What the user decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReingestionOptions {
    pub(crate) recover_on_start: bool,
    pub(crate) retain_backups: bool,
    /// No more than so many bytes in a second; no bound if none.
    pub(crate) bytes_per_second: Option<u64>,
}

/// The re-ingestion task.
pub(crate) struct Reingestion {
    shared: Shared,
    options: ReingestionOptions,
    clock: Arc<dyn Clock>,
    starter: ResendStarter,
    resend: Resend,
    backlog: Arc<Backlog>,
    /// The stream's own spool, then those of orphaned sub-slots.
    spools: Vec<Arc<Spool>>,
    /// Files of earlier epochs that were not looked into yet.
    unscanned: VecDeque<(usize, StoredFile)>,
    /// Those that were, and have rows to send.
    recovered: VecDeque<(usize, FileInventory)>,
    /// Rows of this epoch in files that cannot be sent.
    set_aside: RangeSet,
    /// By file of this epoch: rows that it should have, and has not.
    absent: BTreeMap<u64, RangeSet>,
    /// Owed rows that were written and in no finished file, when the disk thread was asked to finish its file.
    asked_for: Option<RangeSet>,
    reading: Option<Reading>,
    sent: VecDeque<Sent>,
    /// Rows that Sift rejected and that were not dealt with yet.
    rejected: VecDeque<RejectedRow>,
    /// Owed rows of this epoch that are on their way.
    on_their_way: RangeSet,
    /// From when on the rate allows more.
    next_at: Duration,
    finishing: bool,
    begun: bool,
    /// A rejected row ended the stream.
    is_stopped: bool,
    /// Rows of earlier epochs stay where they are until the next start.
    left_behind: bool,
    /// Something was sent again since it was last said that all is.
    behind: bool,
}

impl Reingestion {
    pub(crate) fn new(
        shared: Shared,
        backlog: Arc<Backlog>,
        options: ReingestionOptions,
        clock: Arc<dyn Clock>,
        starter: ResendStarter,
    ) -> Self {
        let spools = backlog.spools().cloned().collect();
        let next_at = clock.monotonic();
        Self {
            shared,
            options,
            clock,
            resend: starter.start(),
            starter,
            backlog,
            spools,
            unscanned: VecDeque::new(),
            recovered: VecDeque::new(),
            set_aside: RangeSet::new(),
            absent: BTreeMap::new(),
            asked_for: None,
            reading: None,
            sent: VecDeque::new(),
            rejected: VecDeque::new(),
            on_their_way: RangeSet::new(),
            next_at,
            finishing: false,
            begun: false,
            is_stopped: false,
            left_behind: !options.recover_on_start,
            behind: false,
        }
    }

    fn set_aside(&mut self, at: usize, file: u64, why: &Error) {
        let spool = &self.spools[at];
        tracing::error!(
            target: "siftstream::reingestion",
            slot = %spool.slot().path().display(), file, error = %why, "a backup file is left for the next start"
        );
        self.shared.events.emit(EventKind::GaveUp { file: Some(file), reason: why.clone() });
        let entry = spool.entry(file);
        if at == 0 && entry.epoch == spool.epoch() {
            self.set_aside.extend(entry.runs.iter().map(Run::ids));
        } else {
            self.left_behind = true;
        }
    }

    /// Hands over rows of what is being read, as far as there is room.
    fn hand_over(&mut self) -> Result<Turn> {
        let Some(reading) = &mut self.reading else { return Ok(Turn::Again) };
        self.behind = true;
        let mut handed = 0;
        while handed < TURN_BYTES {
            let Some(row) = reading.next_row()? else {
                self.finish_reading();
                return Ok(Turn::Again);
            };
            let (len, id, place) = (row.bytes.len(), row.id, row.place.clone());
            if !self.resend.try_push(row.bytes) {
                reading.put_back();
                return Ok(Turn::Rest(BUSY_REST));
            }
            handed += len;
            if let Some(id) = id.filter(|_| reading.is_own_epoch()) {
                self.on_their_way.insert(id..id + 1);
            }
            let below = self.sent.back().map_or_else(|| self.resend.given(), |last| last.below + 1);
            let source = reading.source();
            if self.sent.back_mut().is_none_or(|last| !last.take_in(source, id, &place, below)) {
                self.sent.push_back(Sent::new(source, id, place, below));
            }
        }
        if let Some(rate) = self.options.bytes_per_second {
            let cost = Duration::from_secs_f64(handed as f64 / rate.max(1) as f64);
            self.next_at = self.next_at.max(self.clock.monotonic()) + cost;
        }
        Ok(Turn::Again)
    }

    fn finish_reading(&mut self) {
        let Some(reading) = self.reading.take() else { return };
        if let Some(source) = reading.file() {
            if let Some(file) = source.file.filter(|_| source.is_own_epoch) {
                self.absent.entry(file.number).or_default().extend(reading.missing().iter());
            }
            let below = self.sent.back().map_or_else(|| self.resend.settled(), |last| last.below);
            self.sent.push_back(Sent { source, origin: Origin::EndOfFile, below });
        }
        self.resend.checkpoint();
    }

    fn work(&mut self) -> Result<Turn> {
        self.settle()?;
        if self.is_stopped {
            return Ok(Turn::Over);
        }
        if self.finishing {
            self.release_checkpoint();
            return Ok(if self.resend.has_ended() { Turn::Over } else { Turn::Rest(BUSY_REST) });
        }
        if self.scan_next()? {
            return Ok(Turn::Again);
        }
        let live = &self.shared.live;
        if !self.begun || live.intake.levels().wire.is_half_full || live.delivery.is_holding_off() {
            return Ok(Turn::Rest(LIVE_FIRST));
        }
        let too_early = self.next_at.saturating_sub(self.clock.monotonic());
        if !too_early.is_zero() {
            return Ok(Turn::Rest(too_early.min(IDLE_REST)));
        }
        if self.reading.is_none()
            && let Some(turn) = self.choose()?
        {
            return Ok(turn);
        }
        self.hand_over()
    }
}

impl Worker for Reingestion {
    fn turn(&mut self) -> Turn {
        let has_ids = self.shared.live.gate.as_ref().is_none_or(|gate| gate.ids().is_some());
        if has_ids && !std::mem::replace(&mut self.begun, true) {
            self.look_back();
        }
        let requests = self.shared.live.delivery.requests();
        if requests.cancelled {
            return Turn::Over;
        }
        if requests.finishing && !std::mem::replace(&mut self.finishing, true) {
            self.resend.finish();
        }
        if let Some(why) = self.resend.failure() {
            if self.finishing {
                return Turn::Over;
            }
            if matches!(why.code(), ErrorCode::NotFound | ErrorCode::SchemaMismatch) {
                self.stop(why.with_data_status(DataStatus::OnDisk));
                return Turn::Over;
            }
            self.begin_anew(&why);
            return Turn::Rest(AFTER_ERROR);
        }
        let worked = self.work();
        self.shared.recovery.files_left(self.unscanned.len() + self.recovered.len());
        worked.unwrap_or_else(|error| {
            tracing::warn!(target: "siftstream::reingestion", %error, "the disk keeps backups from being sent");
            if self.finishing { Turn::Over } else { Turn::Rest(AFTER_ERROR) }
        })
    }

    fn rest(&self, timeout: Duration) {
        std::thread::park_timeout(timeout);
    }

    /// Nobody wakes it.
    fn woken(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}
