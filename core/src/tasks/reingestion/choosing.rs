//! What is sent next: rows of earlier epochs, then what the live path owes, from wherever it is.

use std::sync::Arc;

use super::reading::Reading;
use super::{BUSY_REST, IDLE_REST, Reingestion};
use crate::error::{ErrorCode, Result};
use crate::events::EventKind;
use crate::ledger::RangeSet;
use crate::seams::worker::Turn;
use crate::spool::{Area, LOST};
use crate::stream::segment::Segment;

impl Reingestion {
    /// Begins with the next thing to send; what to do if there is none yet.
    pub(super) fn choose(&mut self) -> Result<Option<Turn>> {
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
        self.shared.live.delivery.lose(ranges.iter().cloned());
        self.shared.events.emit(EventKind::Dropped {
            ranges,
            rows,
            flows: Vec::new(),
            cause: LOST.to_owned(),
        });
    }

    /// Rows that are still in memory, with their IDs.
    fn kept(&self, wanted: &RangeSet) -> Result<Vec<Arc<Segment>>> {
        let kept = self.shared.live.intake.kept(wanted);
        match self.shared.live.gate.as_ref().and_then(|gate| gate.ids()) {
            Some(ids) => kept.iter().map(|segment| segment.with_ids(ids).map(Arc::new)).collect(),
            None => Ok(kept),
        }
    }
}
