//! One backup file, and what its slot knows of it.

use super::complain_of;
use super::error::{Failure, Result};
use super::schema::{Flows, by_name};
use siftstream::seams::filesystem::{File, FileSystem, RealFileSystem, SharedFileSystem};
use siftstream::spool::pbfs::PbfsReader;
use siftstream::spool::{Area, SlotView};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A backup file.
#[derive(Debug)]
pub(crate) struct Backup {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What its slot knows of it, if it is in one.
    place: Option<Place>,
}

/// A file's place in a slot.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) role: Role,
    pub(super) slot: Arc<Slot>,
}

/// What a file is to its slot.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Rows { number: u64, area: Area },
    Quarantined,
}

/// A slot, as its journal shows it to everybody.
#[derive(Debug)]
pub(crate) struct Slot {
    /// What is known of it.
    pub(crate) view: SlotView,
    /// The flows that it remembers.
    pub(crate) flows: Flows,
}

/// A backup file that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    /// How many of its bytes count.
    pub(crate) bytes: u64,
    /// Its chunks.
    pub(crate) reader: PbfsReader<Box<dyn File>>,
}

impl Backup {
    pub(super) fn new(path: PathBuf, place: Option<Place>) -> Self {
        Self { path, place }
    }

    /// Opens it. What the slot's writer has written elsewhere since is left out.
    pub(crate) fn open(&self) -> Result<Opened> {
        let file = self.open_file()?;
        let len = file.size().map_err(Failure::read(&self.path))?;
        let entry = self.rows().and_then(|(number, _, slot)| slot.view.index().files.get(&number));
        let bytes = entry.and_then(|entry| entry.sealed).map_or(len, |sealed| sealed.min(len));
        Ok(Opened { bytes, reader: PbfsReader::between(file, 0, bytes) })
    }

    /// Opens it, whatever of it counts.
    pub(crate) fn open_file(&self) -> Result<Box<dyn File>> {
        RealFileSystem.open_read(&self.path).map_err(Failure::read(&self.path))
    }

    /// The slot it is in.
    pub(crate) fn slot(&self) -> Option<&Arc<Slot>> {
        self.place.as_ref().map(|place| &place.slot)
    }

    /// Its number, its directory and its slot, if it is one of a slot's files with rows.
    pub(crate) fn rows(&self) -> Option<(u64, Area, &Slot)> {
        match &self.place {
            Some(Place { role: Role::Rows { number, area }, slot }) => Some((*number, *area, slot)),
            _ => None,
        }
    }

    /// Whether its rows still wait for an ID of Sift.
    pub(crate) fn is_pending(&self) -> bool {
        self.rows().is_some_and(|(_, area, _)| area == Area::Pending)
    }

    /// Whether it holds damaged bytes that were set aside.
    pub(crate) fn is_quarantined(&self) -> bool {
        matches!(&self.place, Some(Place { role: Role::Quarantined, .. }))
    }

    /// Whether its slot's owner may be writing to it.
    pub(crate) fn is_being_written(&self) -> bool {
        self.rows().is_some_and(|(number, _, slot)| slot.view.is_being_written(number))
    }

    /// What became of its rows, as far as its slot knows.
    pub(crate) fn state(&self, bytes: u64) -> &'static str {
        if self.is_quarantined() {
            return "quarantined";
        }
        let Some((number, area, slot)) = self.rows() else { return "foreign" };
        if area == Area::Pending {
            return "pending";
        }
        if self.is_being_written() {
            return "being written";
        }
        let index = slot.view.index();
        let unsent = if slot.view.is_recording() { "recording" } else { "unconfirmed" };
        let Some(entry) = index.files.get(&number) else { return unsent };
        let confirmed = index.confirmed.get(&entry.epoch);
        let by_id = |ids| confirmed.is_some_and(|confirmed| confirmed.count_in(&ids) > 0);
        if index.wholly_confirmed(number, bytes) {
            "confirmed"
        } else if !entry.confirmed.is_empty() || entry.runs.iter().any(|run| by_id(run.ids())) {
            "partly confirmed"
        } else {
            unsent
        }
    }
}

impl Slot {
    /// Looks at the slot at `path`. One whose key nobody can read is no slot of ours any more.
    pub(super) fn look_at(path: &Path) -> Result<Option<Arc<Self>>> {
        let fs: SharedFileSystem = Arc::new(RealFileSystem);
        let Some(view) = SlotView::read(&fs, path)? else { return Ok(None) };
        let flows = view.flows().unwrap_or_else(|error| {
            complain_of(path, &error);
            Vec::new()
        });
        Ok(Some(Arc::new(Self { view, flows: by_name(flows) })))
    }
}
