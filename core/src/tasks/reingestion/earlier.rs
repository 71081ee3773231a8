//! What earlier epochs left.

use super::Reingestion;
use crate::error::{ErrorCode, Result};
use crate::events::EventKind;
use crate::spool::{Area, FileInventory, StoredFile};

impl Reingestion {
    /// Finds what earlier epochs left, once it is known under which IDs it can be sent. Rows of this epoch that waited
    /// for their IDs, too, are found by the ledger.
    pub(super) fn look_back(&mut self) {
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
    pub(super) fn scan_next(&mut self) -> Result<bool> {
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
}
