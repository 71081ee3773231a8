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

mod reading;
mod sent;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::reading::Reading;
use self::sent::{Origin, Sent, Source};
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
use crate::spool::{Area, FileInventory, Spool, StoredFile};
use crate::stream::disk_progress::DiskProgress;
use crate::stream::segment::Segment;

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

    /// Finds what earlier epochs left, once it is known under which IDs it can be sent. Rows of this epoch that waited
    /// for their IDs, too, are found by the ledger.
    fn look_back(&mut self) {
        self.backlog.patch();
        if !self.options.retain_backups
            && let Err(error) = self.spools[0].remove_confirmed()
        {
            tracing::debug!(target: "siftstream::reingestion", %error, "confirmed files go later");
        }
        if !self.options.recover_on_start {
            return;
        }
        for (at, spool) in self.spools.iter().enumerate() {
            let is_earlier = |file: &StoredFile| at > 0 || spool.entry(file.number).epoch != spool.epoch();
            let files = spool.finished_files().into_iter().filter(|file| file.area == Area::Data);
            self.unscanned.extend(files.filter(is_earlier).map(|file| (at, file)));
        }
    }

    /// Looks into the next file of earlier epochs.
    fn scan_next(&mut self) -> Result<bool> {
        let Some((at, file)) = self.unscanned.pop_front() else { return Ok(false) };
        let spool = &self.spools[at];
        match spool.scan(file) {
            Ok(inventory) if inventory.unconfirmed() > 0 => {
                self.shared.recovery.found(inventory.unconfirmed());
                self.tell_scanned(&inventory);
                self.recovered.push_back((at, inventory));
            }
            Ok(_) if self.options.retain_backups => {}
            Ok(_) => drop(spool.remove_if_confirmed(file)?),
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => self.set_aside(at, file.number, &error),
        }
        Ok(true)
    }

    fn tell_scanned(&self, inventory: &FileInventory) {
        let (file, rows) = (inventory.file.number, inventory.unconfirmed());
        for damage in &inventory.damage {
            self.shared.events.emit(EventKind::Quarantined { file, bytes: damage.len });
        }
        self.shared.events.emit(EventKind::Recovered { rows });
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

    /// Begins with the next thing to send; what to do if there is none yet.
    fn choose(&mut self) -> Result<Option<Turn>> {
        if let Some((at, inventory)) = self.recovered.pop_front() {
            let file = inventory.file.number;
            match Reading::earlier(&self.spools[at], at, &inventory) {
                Ok(reading) => self.reading = Some(reading),
                Err(error) if error.code() == ErrorCode::NotFound => {}
                Err(error) => self.set_aside(at, file, &error),
            }
            return Ok(None);
        }
        let mut wanted = self.shared.live.delivery.ledger(|ledger| ledger.owed().clone());
        for ids in self.on_their_way.iter().chain(self.set_aside.iter()) {
            wanted.remove(&ids);
        }
        let Some(first) = wanted.first() else {
            if !self.sent.is_empty() {
                return Ok(Some(Turn::Rest(BUSY_REST)));
            }
            if !self.left_behind {
                self.shared.marks.release_confirmed();
            }
            if std::mem::take(&mut self.behind) {
                self.shared.events.emit(EventKind::CaughtUp);
            }
            return Ok(Some(Turn::Rest(IDLE_REST)));
        };
        let own = &self.spools[0];
        if let Some(file) = own.finished_file_with(&wanted, &self.absent)? {
            self.asked_for = None;
            match own.scan(file).and_then(|inventory| Reading::owed(own, &inventory, wanted)) {
                Ok(reading) => self.reading = Some(reading),
                Err(error) if error.code() == ErrorCode::NotFound => own.forget(file.number)?,
                Err(error) => self.set_aside(0, file.number, &error),
            }
            return Ok(None);
        }
        if self.shared.progress.failure().is_some() {
            let kept = self.kept(&wanted)?;
            if !kept.is_empty() {
                self.reading = Some(Reading::from_memory(kept, wanted));
                return Ok(None);
            }
        }
        let written = self.shared.progress.marks().written;
        if first >= written {
            return Ok(Some(Turn::Rest(BUSY_REST)));
        }
        match self.asked_for.take() {
            None => {
                self.asked_for = Some(wanted.overlap(&(0..written)).into_iter().collect());
                self.shared.progress.request_rotation();
                self.shared.live.intake.wake_consumers();
            }
            Some(rows) if self.shared.progress.requests().rotate => self.asked_for = Some(rows),
            Some(rows) => self.miss(&rows, &wanted),
        }
        Ok(Some(Turn::Rest(BUSY_REST)))
    }

    /// The file that was being written when these rows were asked for is finished, and those that are still wanted are
    /// in no file: the disk lost them, or somebody removed them.
    fn miss(&self, asked_for: &RangeSet, wanted: &RangeSet) {
        let missing: RangeSet = asked_for.iter().flat_map(|ids| wanted.overlap(&ids)).collect();
        let own = &self.spools[0];
        let may_come = own.files().iter().any(|file| file.area == Area::Pending);
        let in_no_file = || own.finished_file_with(&missing, &self.absent).is_ok_and(|found| found.is_none());
        if missing.is_empty() || may_come || !in_no_file() {
            return;
        }
        let ranges: Vec<_> = missing.iter().collect();
        let rows = missing.len();
        tracing::error!(target: "siftstream::reingestion", rows, ids = ?ranges, "backups of unconfirmed rows are gone");
        self.shared.live.delivery.give_up(ranges.iter().cloned());
        self.shared.events.emit(EventKind::Dropped { ranges, rows, cause: "lost by the disk".to_owned() });
    }

    /// Rows that are still in memory, with their IDs.
    fn kept(&self, wanted: &RangeSet) -> Result<Vec<Arc<Segment>>> {
        let kept = self.shared.live.intake.kept(wanted);
        match self.shared.live.gate.as_ref().and_then(|gate| gate.ids()) {
            Some(ids) => kept.iter().map(|segment| segment.with_ids(ids).map(Arc::new)).collect(),
            None => Ok(kept),
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

    /// Writes down what was confirmed.
    fn settle(&mut self) -> Result<()> {
        let settled = self.resend.settled();
        self.rejected.extend(self.resend.take_rejected());
        self.settle_rejected()?;
        if self.is_stopped {
            return Ok(());
        }
        while let Some(sent) = self.sent.front() {
            if sent.below > settled {
                break;
            }
            // The last chunk may be handed over in part: its place counts once something follows it.
            if matches!(sent.origin, Origin::Place { .. }) && self.sent.len() == 1 {
                break;
            }
            match (&sent.origin, sent.source.file) {
                (Origin::Ids(ids), _) if sent.source.is_own_epoch => {
                    // Counted first, as each confirmation.
                    self.shared.recovery.sent_again(ids.end - ids.start);
                    self.shared.live.delivery.repay([ids.clone()]);
                    self.on_their_way.remove(ids);
                }
                (Origin::Ids(ids), _) => {
                    let spool = &self.spools[sent.source.spool];
                    spool.confirm(sent.source.epoch, std::slice::from_ref(ids))?;
                    self.shared.recovery.confirmed(ids.end - ids.start);
                }
                (Origin::Place { extent, rows }, Some(file)) => {
                    self.spools[sent.source.spool]
                        .confirm_extents(file.number, std::slice::from_ref(extent))?;
                    self.shared.recovery.confirmed(*rows);
                }
                (Origin::EndOfFile, Some(file)) if !self.options.retain_backups => {
                    let spool = &self.spools[sent.source.spool];
                    if !sent.source.is_own_epoch && !spool.remove_confirmed()?.contains(&file.number) {
                        spool.remove_if_confirmed(file)?;
                    }
                }
                _ => {}
            }
            self.sent.pop_front();
        }
        Ok(())
    }

    /// Deals with rows that Sift rejected by themselves, as the user chose.
    fn settle_rejected(&mut self) -> Result<()> {
        while let Some(row) = self.rejected.front() {
            let Some((source, id)) = self.origin_of(row.id) else { return Ok(()) };
            let row = RejectedRow { id: id.unwrap_or(row.id), ..row.clone() };
            let reason = match self.shared.policies.settle(source.epoch, &row) {
                Ok(reason) => reason,
                Err(why) if why.code() == ErrorCode::Rejected => {
                    self.stop(why);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            self.rejected.pop_front();
            self.shared.events.emit(EventKind::Rejected { reason });
            match id {
                Some(id) if source.is_own_epoch => self.shared.live.delivery.reject(id),
                _ => self.shared.recovery.rejected(),
            }
        }
        Ok(())
    }

    /// Where the row came from that was handed over as number `handed`, and its message ID.
    fn origin_of(&self, handed: u64) -> Option<(Source, Option<u64>)> {
        let sent = self.sent.iter().find(|sent| handed < sent.below)?;
        let id = match &sent.origin {
            Origin::Ids(ids) => Some(ids.end - (sent.below - handed)),
            Origin::Place { .. } | Origin::EndOfFile => None,
        };
        Some((sent.source, id))
    }

    /// The stream ends because Sift rejects a row, or does not know the schema; everything stays on disk.
    fn stop(&mut self, why: Error) {
        self.shared.events.emit(match why.code() {
            ErrorCode::Rejected => EventKind::Rejected { reason: why.clone() },
            _ => EventKind::GaveUp { file: None, reason: why.clone() },
        });
        self.shared.live.delivery.break_with(why.clone());
        self.shared.live.intake.close(why.with_data_status(DataStatus::NotAccepted));
        self.is_stopped = true;
    }

    /// Sift takes nothing more of what was sent: leaves those files, and begins anew with the others.
    fn begin_anew(&mut self, why: &Error) {
        let sources: BTreeSet<_> = self
            .sent
            .iter()
            .filter_map(|sent| Some((sent.source.spool, sent.source.file?.number)))
            .chain(self.reading.as_ref().and_then(Reading::file_key))
            .collect();
        for (spool, file) in sources {
            self.set_aside(spool, file, why);
        }
        self.sent.clear();
        self.on_their_way = RangeSet::new();
        self.reading = None;
        self.resend = self.starter.start();
    }

    fn work(&mut self) -> Result<Turn> {
        self.settle()?;
        if self.is_stopped {
            return Ok(Turn::Over);
        }
        if self.finishing {
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
