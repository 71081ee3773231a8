//! The backup manager: which rows need no file any more, and which files may go.
//!
//! ```text
//!                        ledger says confirmed
//!   row in the lane  ─────────────────────────▶ never written
//!   row in a file    ─────────────────────────▶ journal says confirmed ──▶ whole file? ──▶ journal synced, file removed
//! ```
//!
//! It runs on the disk thread, within the writer's turns. What it learns it reads from the ledger, which is state: a
//! thread that hung in a disk call for a minute misses nothing.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Result;
use crate::ledger::RangeSet;
use crate::spool::{DiskBackupPolicy, Spool, SpoolWriter};
use crate::stream::delivery::Delivery;
use crate::stream::disk_progress::DiskMarks;

/// A file with confirmed rows is finished early, so that it can go, when it has at least so many bytes.
const WORTH_FINISHING: u64 = 8 << 20;

/// Matches the files of a stream with what was confirmed.
#[derive(Debug)]
pub(crate) struct BackupManager {
    delivery: Arc<Delivery>,
    spool: Arc<Spool>,
    retain_backups: bool,
    max_file_count: Option<usize>,
    /// Confirmed rows that the journal knows.
    journalled: RangeSet,
    /// The file that is being written could go, but for rows that were still in memory.
    is_behind: bool,
    /// No confirmation comes any more.
    network_over: Arc<AtomicBool>,
}

impl BackupManager {
    pub(crate) fn new(
        delivery: Arc<Delivery>,
        spool: Arc<Spool>,
        policy: &DiskBackupPolicy,
        network_over: Arc<AtomicBool>,
    ) -> Self {
        Self {
            delivery,
            spool,
            retain_backups: policy.retain_backups,
            max_file_count: policy.rolling_file_policy.max_file_count,
            journalled: RangeSet::new(),
            is_behind: false,
            network_over,
        }
    }

    /// Whether all these rows are confirmed: the disk need not have them. Files that are kept hold all rows.
    pub(crate) fn is_confirmed(&self, ids: &Range<u64>) -> bool {
        !self.retain_backups && self.delivery.ledger(|ledger| ledger.confirmed().contains(ids))
    }

    /// How many rows from the first on are confirmed without a gap.
    pub(crate) fn confirmed(&self) -> u64 {
        self.delivery.confirmed_contiguous()
    }

    /// Whether no confirmation comes any more.
    pub(crate) fn network_is_over(&self) -> bool {
        self.network_over.load(Ordering::Acquire)
    }

    /// How many rows were confirmed, or rejected and put in quarantine.
    pub(crate) fn done_rows(&self) -> u64 {
        self.delivery.ledger(|ledger| ledger.confirmed().len() + ledger.rejected().len())
    }

    /// Whether something was confirmed that the journal does not know.
    fn has_news(&self) -> bool {
        self.done_rows() != self.journalled.len()
    }

    /// Writes down what was confirmed since the last time, and removes files in which nothing else is left.
    pub(crate) fn settle(&mut self, writer: &mut SpoolWriter) -> Result<()> {
        if !self.has_news() && !self.is_behind {
            return Ok(());
        }
        let journalled = &self.journalled;
        let news: Vec<_> = self.delivery.ledger(|ledger| {
            // What was rejected is in quarantine: the file need not keep it either.
            let done = ledger.confirmed().iter().chain(ledger.rejected().iter());
            done.flat_map(|ids| journalled.gaps(ids)).collect()
        });
        self.spool.confirm(self.spool.epoch(), &news)?;
        self.journalled.extend(news);
        let finished = if self.retain_backups { Ok(()) } else { self.finish_current(writer) };
        self.remove_confirmed()?;
        self.is_behind = !self.retain_backups && self.is_all_confirmed(writer);
        finished
    }

    fn is_all_confirmed(&self, writer: &SpoolWriter) -> bool {
        writer.current_ids().is_some_and(|ids| self.journalled.contains(&ids))
    }

    /// Removes the finished files in which every row is confirmed.
    pub(crate) fn remove_confirmed(&self) -> Result<()> {
        if self.retain_backups {
            return Ok(());
        }
        self.spool.remove_confirmed().map(drop)
    }

    /// Finishes the file that is being written if that lets it go: now, or with the next checkpoint.
    fn finish_current(&self, writer: &mut SpoolWriter) -> Result<()> {
        let Some(ids) = writer.current_ids() else { return Ok(()) };
        if self.is_all_confirmed(writer) && writer.rows_in_memory() == 0 {
            return writer.finish_unsynced();
        }
        if self.journalled.contains(&(ids.start..ids.start + 1)) && writer.current_bytes() >= WORTH_FINISHING
        {
            writer.finish_written()?;
        }
        Ok(())
    }

    /// Rows that a full disk cost.
    pub(crate) fn dropped(&self, ids: &[Range<u64>]) {
        self.delivery.give_up(ids.iter().cloned());
    }

    /// Rows that the disk lost.
    pub(crate) fn lost(&self, ids: &[Range<u64>]) {
        self.delivery.lose(ids.iter().cloned());
    }

    /// Confirmed rows count as written and durable, wherever the disk is.
    pub(crate) fn pass_confirmed(&self, marks: &mut DiskMarks) {
        self.delivery.ledger(|ledger| {
            marks.written = ledger.confirmed().reach_from(marks.written);
            marks.durable = ledger.confirmed().reach_from(marks.durable);
        });
    }

    /// Asks for a checkpoint before callers have to wait: the lane is half full, or there are too many files.
    pub(crate) fn relieve(&self, lane_is_half_full: bool) {
        let too_many = || self.max_file_count.is_some_and(|most| self.spool.file_count() >= most);
        if lane_is_half_full || too_many() {
            self.backup_full();
        }
    }

    /// Asks for a checkpoint, so that files can go.
    pub(crate) fn backup_full(&self) {
        self.delivery.backup_full();
    }
}
