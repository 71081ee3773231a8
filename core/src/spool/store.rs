//! The spool of a slot: which files there are, and what the journal knows of them.
//!
//! Shared by the thread that writes, the task that sends again, and the checkpoints; everything behind one lock that
//! the writer takes once per chunk.

mod checkpoints;
mod listing;

pub use listing::{Stranger, StrangerKind};

use self::listing::look_into;
use super::journal::{FileEntry, Index, Journal, Record, Run};
use super::pbfs::Damage;
use super::slot::Slot;
use crate::error::{Error, ErrorCode, Result};
use crate::ledger::RangeSet;
use crate::seams::filesystem::remove_if_there;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The directory of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Rows as Sift takes them.
    Data,
    /// Rows whose config or run ID is still a placeholder.
    Pending,
}

impl Area {
    /// The name of the directory.
    #[must_use]
    pub fn dir(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Pending => "pending",
        }
    }
}

/// A file of the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredFile {
    /// Its number.
    pub number: u64,
    /// Its directory.
    pub area: Area,
    /// Its length.
    pub bytes: u64,
}

/// The spool of a slot.
#[derive(Debug)]
pub struct Spool {
    slot: Slot,
    epoch: u64,
    strangers: Vec<Stranger>,
    shared: Mutex<Shared>,
}

#[derive(Debug)]
struct Shared {
    journal: Journal,
    /// Runs that are written but not yet in the journal.
    unrecorded: Vec<Run>,
    /// Files that are being written.
    active: BTreeSet<u64>,
    files: BTreeMap<u64, StoredFile>,
    bytes: u64,
}

impl Shared {
    fn record_runs(&mut self) -> Result<()> {
        if self.unrecorded.is_empty() {
            return Ok(());
        }
        let records: Vec<_> = self.unrecorded.iter().copied().map(Record::Run).collect();
        self.journal.append(&records)?;
        self.unrecorded.clear();
        Ok(())
    }

    fn resize(&mut self, file: StoredFile) {
        let before = self.files.insert(file.number, file).map_or(0, |old| old.bytes);
        self.bytes = self.bytes + file.bytes - before;
    }

    fn forget(&mut self, number: u64) {
        self.bytes -= self.files.remove(&number).map_or(0, |file| file.bytes);
    }
}

impl Spool {
    /// Opens the spool of a slot and begins a new epoch. Looks at names only; [`Spool::scanner`] looks into the files.
    pub fn open(slot: Slot) -> Result<Arc<Self>> {
        let fs = slot.fs().clone();
        let mut journal = Journal::open(fs.clone(), &slot.path().join("state/journal"))?;
        let (mut files, mut strangers) = (BTreeMap::new(), Vec::new());
        for area in [Area::Pending, Area::Data] {
            let created = |number| journal.index().files.contains_key(&number);
            look_into(&fs, &slot, area, created, &mut files, &mut strangers)?;
        }
        let epoch = journal.index().epoch + 1;
        let next_file = files.keys().next_back().map_or(0, |last| last + 1);
        let mut records = vec![Record::Epoch(epoch), Record::NextFile(next_file)];
        let gone = journal.index().files.keys().filter(|number| !files.contains_key(number));
        records.extend(gone.map(|file| Record::Removed { file: *file }));
        journal.append(&records)?;
        journal.sync()?;
        let bytes = files.values().map(|file| file.bytes).sum();
        let (unrecorded, active) = (Vec::new(), BTreeSet::new());
        let shared = Mutex::new(Shared { journal, unrecorded, active, files, bytes });
        Ok(Arc::new(Self { slot, epoch, strangers, shared }))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot.
    #[must_use]
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The epoch that began when it was opened.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What was found and left alone.
    #[must_use]
    pub fn strangers(&self) -> &[Stranger] {
        &self.strangers
    }

    /// The files, oldest first.
    #[must_use]
    pub fn files(&self) -> Vec<StoredFile> {
        self.shared().files.values().copied().collect()
    }

    /// How many files there are.
    #[must_use]
    pub fn file_count(&self) -> usize {
        self.shared().files.len()
    }

    /// The oldest finished file in `data/` that has a row of the current epoch among `ids`. Rows that are `absent` from
    /// a file, although it should have them, are not looked for there.
    pub fn finished_file_with(
        &self,
        ids: &RangeSet,
        absent: &BTreeMap<u64, RangeSet>,
    ) -> Result<Option<StoredFile>> {
        let mut shared = self.shared();
        shared.record_runs()?;
        let index = shared.journal.index();
        let holds = |file: &&StoredFile| {
            file.area == Area::Data
                && !shared.active.contains(&file.number)
                && index.files.get(&file.number).is_some_and(|entry| {
                    entry.epoch == self.epoch
                        && entry.runs.iter().flat_map(|run| ids.overlap(&run.ids())).any(|found| {
                            absent.get(&file.number).is_none_or(|absent| !absent.contains(&found))
                        })
                })
        };
        Ok(shared.files.values().find(holds).copied())
    }

    /// The files that nobody writes any more, oldest first.
    #[must_use]
    pub fn finished_files(&self) -> Vec<StoredFile> {
        let shared = self.shared();
        shared.files.values().filter(|file| !shared.active.contains(&file.number)).copied().collect()
    }

    /// How many bytes all files take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared().bytes
    }

    /// Where a file is.
    #[must_use]
    pub fn path_of(&self, area: Area, number: u64) -> PathBuf {
        self.slot.path().join(area.dir()).join(format!("{number:020}.pbfs"))
    }

    /// Asks what the journal says.
    pub fn with_index<T>(&self, ask: impl FnOnce(&Index) -> T) -> T {
        ask(self.shared().journal.index())
    }

    /// What the journal says of a file.
    #[must_use]
    pub fn entry(&self, number: u64) -> FileEntry {
        let mut shared = self.shared();
        shared.record_runs().ok();
        shared.journal.index().files.get(&number).cloned().unwrap_or_default()
    }

    /// Writes down that rows of an epoch were confirmed.
    pub fn confirm(&self, epoch: u64, ranges: &[Range<u64>]) -> Result<()> {
        let mut shared = self.shared();
        shared.record_runs()?;
        let record = |range: &Range<u64>| Record::Confirmed { epoch, start: range.start, end: range.end };
        shared.journal.append(&ranges.iter().map(record).collect::<Vec<_>>())
    }

    /// Writes down that every row in these stretches of a file was confirmed.
    pub fn confirm_extents(&self, file: u64, extents: &[Range<u64>]) -> Result<()> {
        let record =
            |range: &Range<u64>| Record::ConfirmedExtent { file, start: range.start, end: range.end };
        self.append(&extents.iter().map(record).collect::<Vec<_>>())
    }

    /// Makes what the journal says survive a power failure.
    pub fn sync_journal(&self) -> Result<()> {
        let path = self.slot.path();
        let restored = self.slot.restore();
        restored.map_err(|error| Error::io(format_args!("cannot restore {}", path.display()), &error))?;
        let mut shared = self.shared();
        shared.record_runs()?;
        shared.journal.sync()
    }

    /// Removes the finished files in which every row was confirmed, as far as the journal alone can tell; returns their numbers.
    pub fn remove_confirmed(&self) -> Result<Vec<u64>> {
        let mut shared = self.shared();
        shared.record_runs()?;
        let index = shared.journal.index();
        let done: Vec<_> = shared
            .files
            .values()
            .filter(|file| !shared.active.contains(&file.number))
            .filter(|file| index.wholly_confirmed(file.number, file.bytes))
            .copied()
            .collect();
        if done.is_empty() {
            return Ok(Vec::new());
        }
        match shared.journal.sync() {
            Err(error) if error.code() != ErrorCode::DiskFull => return Err(error),
            _ => {}
        }
        self.remove(&mut shared, &done)?;
        Ok(done.iter().map(|file| file.number).collect())
    }

    /// Writes down that only the first `len` bytes of a file count, in which all rows have IDs below `below`: its other
    /// rows are elsewhere, and nobody shall look for them here.
    pub(super) fn seal(&self, file: u64, len: u64, below: u64) -> Result<()> {
        let mut shared = self.shared();
        shared.record_runs()?;
        let entry = shared.journal.index().files.get(&file).cloned().unwrap_or_default();
        let runs = entry.runs.into_iter().filter_map(|run| run.cut(len, below)).map(Record::Run);
        let mut records = vec![Record::Created { file, epoch: entry.epoch }];
        records.extend(runs);
        records.push(Record::Sealed { file, len });
        shared.journal.append(&records)
    }

    /// Voids what is known of the places in a file, because its chunks move; its rows count as unconfirmed from now on.
    pub(super) fn forget_places(&self, number: u64) -> Result<()> {
        let mut shared = self.shared();
        let epoch = shared.journal.index().files.get(&number).map_or(0, |entry| entry.epoch);
        shared.journal.append(&[Record::Created { file: number, epoch }])?;
        shared.journal.sync()
    }

    /// Takes note that a file is gone without our doing.
    pub(crate) fn forget(&self, number: u64) -> Result<()> {
        let mut shared = self.shared();
        shared.unrecorded.retain(|run| run.file != number);
        shared.forget(number);
        shared.journal.append(&[Record::Removed { file: number }])
    }

    /// Removes a finished file if every row in it was confirmed, by ID or by place; looks into the file to know.
    pub fn remove_if_confirmed(&self, file: StoredFile) -> Result<bool> {
        let inventory = self.inspect(file)?;
        let quarantined = self.entry(file.number).quarantined;
        let damage = |found: &Damage| quarantined.contains(&(found.offset..found.offset + found.len));
        if inventory.unconfirmed() > 0 || !inventory.damage.iter().all(damage) {
            return Ok(false);
        }
        let mut shared = self.shared();
        if shared.active.contains(&file.number) {
            return Ok(false);
        }
        match shared.journal.sync() {
            Err(error) if error.code() != ErrorCode::DiskFull => return Err(error),
            _ => {}
        }
        self.remove(&mut shared, &[file]).map(|()| true)
    }

    /// Removes a file whatever is in it.
    pub(super) fn discard(&self, file: StoredFile) -> Result<()> {
        self.remove(&mut self.shared(), &[file])
    }

    fn remove(&self, shared: &mut Shared, files: &[StoredFile]) -> Result<()> {
        let fs = self.slot.fs();
        for file in files {
            let path = self.path_of(file.area, file.number);
            remove_if_there(&**fs, &path)
                .map_err(|error| Error::io(format_args!("cannot remove {}", path.display()), &error))?;
        }
        for area in [Area::Data, Area::Pending] {
            if files.iter().any(|file| file.area == area) {
                let dir = self.slot.path().join(area.dir());
                fs.fsync_dir(&dir)
                    .map_err(|error| Error::io(format_args!("cannot sync {}", dir.display()), &error))?;
            }
        }
        files.iter().for_each(|file| shared.forget(file.number));
        let records: Vec<_> = files.iter().map(|file| Record::Removed { file: file.number }).collect();
        match shared.journal.append(&records) {
            Err(error) if error.code() != ErrorCode::DiskFull => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn append(&self, records: &[Record]) -> Result<()> {
        self.shared().journal.append(records)
    }

    /// Gives out the next file number and writes it down.
    pub(super) fn reserve_number(&self) -> Result<u64> {
        let mut shared = self.shared();
        let file = shared.journal.index().next_file;
        shared.journal.append(&[Record::Created { file, epoch: self.epoch }])?;
        Ok(file)
    }

    pub(super) fn set_active(&self, number: u64, active: bool) {
        let mut shared = self.shared();
        if active {
            shared.active.insert(number);
        } else {
            shared.active.remove(&number);
        }
    }

    pub(super) fn set_size(&self, file: StoredFile) {
        self.shared().resize(file);
    }

    /// Takes note of rows that were written, and of the new size of their file.
    pub(super) fn note_run(&self, run: Run, file: StoredFile) {
        let mut shared = self.shared();
        if !shared.unrecorded.last_mut().is_some_and(|last| last.extend(&run)) {
            shared.unrecorded.push(run);
        }
        shared.resize(file);
    }

    /// Writes the noted runs into the journal.
    pub(super) fn record_runs(&self) -> Result<()> {
        self.shared().record_runs()
    }

    /// Stores named bytes, durably.
    pub fn put_blob(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut shared = self.shared();
        shared.journal.append(&[Record::Blob { name: name.to_owned(), bytes: bytes.to_vec() }])?;
        shared.journal.sync()
    }

    /// Named bytes that were stored.
    #[must_use]
    pub fn blob(&self, name: &str) -> Option<Vec<u8>> {
        self.with_index(|index| index.blobs.get(name).cloned())
    }
}
