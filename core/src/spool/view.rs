//! A slot seen from outside: what its journal says, without its lock and without a new epoch.
//!
//! For looking while the owner writes. The journal is read as it is at one moment; a record that is being appended, or
//! that a crash has torn, is passed over and not mended.

use super::journal::{Index, peek};
use super::slot::{SlotKey, stored_key};
use crate::error::{Error, Result};
use crate::ledger::RangeSet;
use crate::remembered::Remembered;
use crate::schema::FlowConfig;
use crate::seams::filesystem::SharedFileSystem;
use std::path::{Path, PathBuf};

/// The mode of slots whose files nothing sends without a command.
const RECORDINGS: &str = "file_backup";

/// What can be known of a slot without owning it, as of one moment.
#[derive(Debug, Clone)]
pub struct SlotView {
    path: PathBuf,
    key: SlotKey,
    index: Index,
    owned: bool,
}

impl SlotView {
    /// Looks at the slot at `path`; `None` if there is no slot. Changes nothing.
    pub fn read(fs: &SharedFileSystem, path: &Path) -> Result<Option<Self>> {
        let Some(key) = stored_key(fs, path) else { return Ok(None) };
        let owned = fs.is_locked(&path.join("state/lock"));
        let journal = path.join("state/journal");
        let index = peek(&**fs, &journal).map_err(|error| {
            Error::io(format_args!("cannot read the journal {}", journal.display()), &error)
        })?;
        Ok(Some(Self { path: path.to_owned(), key, index, owned }))
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it belongs to.
    #[must_use]
    pub fn key(&self) -> &SlotKey {
        &self.key
    }

    /// What its journal says.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Whether a process owns it now. False where the system does not tell.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.owned
    }

    /// Whether its files are recordings: nothing sends them without a command.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.key.mode == RECORDINGS
    }

    /// Whether its owner may still write to a file: one that was created last, or that the journal does not know yet.
    #[must_use]
    pub fn is_being_written(&self, file: u64) -> bool {
        self.owned && file.saturating_add(1) >= self.index.next_file
    }

    /// The flows that its streams ever used; none if it remembers none.
    pub fn flows(&self) -> Result<Vec<FlowConfig>> {
        Remembered::from_blobs(&self.index.blobs).map(Remembered::flows)
    }

    /// The stretches of a file in which every row is known to be confirmed.
    #[must_use]
    pub fn confirmed_places(&self, file: u64) -> RangeSet {
        let Some(entry) = self.index.files.get(&file) else { return RangeSet::new() };
        let mut places = entry.confirmed.clone();
        let confirmed = self.index.confirmed.get(&entry.epoch);
        let runs = entry.runs.iter().filter(|run| confirmed.is_some_and(|ids| ids.contains(&run.ids())));
        places.extend(runs.map(|run| run.start..run.end));
        places
    }
}
