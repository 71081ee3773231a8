//! The pending files that a stream gives their IDs: those of its own slot, and those of sub-slots of an equal key that
//! nobody owns any more.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::error::Result;
use crate::remembered::Remembered;
use crate::schema::RunForm;
use crate::seams::worker;
use crate::spool::{Area, Slot, Spool};

/// Slots with pending files. Orphaned ones stay locked as long as this lives.
#[derive(Debug)]
pub(crate) struct Backlog {
    own: Arc<Spool>,
    orphans: Vec<Arc<Spool>>,
}

impl Backlog {
    /// The backlog of the stream that owns `own`: of the orphans those with pending files, or all of them. An orphan that
    /// cannot be opened stays for another start.
    pub(crate) fn find(own: Arc<Spool>, adopts_all: bool) -> Self {
        let fs = Arc::clone(own.slot().fs());
        let has_pending = |slot: &Path| {
            let names = fs.read_dir(&slot.join(Area::Pending.dir()));
            adopts_all || names.is_ok_and(|names| !names.is_empty())
        };
        let adopted = own.slot().adopt_orphans_that(has_pending).unwrap_or_else(|error| {
            tracing::warn!(target: "siftstream::disk", %error, "orphaned slots stay for the next start");
            Vec::new()
        });
        let open = |slot: Slot| {
            let path = slot.path().to_owned();
            Spool::open(slot)
                .inspect_err(|error| {
                    tracing::warn!(target: "siftstream::disk", slot = %path.display(), %error, "not adopted");
                })
                .ok()
        };
        let orphans = adopted.into_iter().filter_map(open).collect();
        Self { own, orphans }
    }

    /// Runs of orphans whose ID is not known.
    pub(crate) fn unknown_runs(&self) -> Vec<RunForm> {
        let known = self.orphans.iter().filter_map(|spool| Remembered::load(spool).ok());
        known.flat_map(|known| known.unknown_runs()).map(|(_, form)| form).collect()
    }

    /// Moves the rows whose IDs the own slot knows to `data/`, on a thread of its own that begins when `after` is over.
    pub(crate) fn patch_in_background(
        self: &Arc<Self>,
        after: Option<JoinHandle<()>>,
    ) -> Result<Option<JoinHandle<()>>> {
        let pending = |spool: &Arc<Spool>| spool.files().iter().any(|file| file.area == Area::Pending);
        if !self.spools().any(pending) {
            return Ok(after);
        }
        let backlog = Arc::clone(self);
        let patch = move || {
            if after.is_some_and(|before| before.join().is_err()) {
                tracing::error!(target: "siftstream::disk", "the thread that patches pending files died");
            }
            backlog.patch();
        };
        worker::spawn("siftstream-patch", patch).map(Some)
    }

    /// Moves the rows whose IDs the own slot knows to `data/`.
    pub(crate) fn patch(&self) {
        for spool in self.spools() {
            let slot = spool.slot().path().display();
            match self.patch_slot(spool) {
                Ok(files) => {
                    tracing::info!(target: "siftstream::disk", %slot, files, "pending files got their IDs");
                }
                Err(error) => {
                    tracing::warn!(target: "siftstream::disk", %slot, %error, "pending files stay for the next start");
                }
            }
        }
    }

    fn patch_slot(&self, spool: &Arc<Spool>) -> Result<usize> {
        let mut known = Remembered::load(spool)?;
        if !Arc::ptr_eq(spool, &self.own) {
            known.learn_ids_from(&Remembered::load(&self.own)?, spool)?;
        }
        Ok(spool.patch_pending(&known.real_ids()?)?.len())
    }

    /// The own slot, then the orphans.
    pub(crate) fn spools(&self) -> impl Iterator<Item = &Arc<Spool>> {
        std::iter::once(&self.own).chain(&self.orphans)
    }
}
