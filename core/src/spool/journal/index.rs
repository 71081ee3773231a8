//! What the journal says, as one value: replay builds it, compaction writes it out again.

use super::{Record, Run};
use crate::checkpoint::Checkpoints;
use crate::ledger::RangeSet;
use std::collections::BTreeMap;

/// How many checkpoints of each stream are kept.
const CHECKPOINTS_PER_STREAM: usize = 16;

/// What is known of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileEntry {
    /// The epoch of its message IDs.
    pub epoch: u64,
    /// The IDs in it, by place.
    pub runs: Vec<Run>,
    /// How many bytes count, if not all do.
    pub sealed: Option<u64>,
    /// Stretches confirmed by place.
    pub confirmed: RangeSet,
    /// Stretches that are in quarantine.
    pub quarantined: RangeSet,
}

/// Everything the journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The current epoch.
    pub epoch: u64,
    /// The number of the next file.
    pub next_file: u64,
    /// The files, by number.
    pub files: BTreeMap<u64, FileEntry>,
    /// Confirmed IDs, by epoch.
    pub confirmed: BTreeMap<u64, RangeSet>,
    /// Rows ever given up by a policy.
    pub dropped: u64,
    /// The checkpoints.
    pub checkpoints: Checkpoints,
    /// Named bytes.
    pub blobs: BTreeMap<String, Vec<u8>>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            epoch: 0,
            next_file: 0,
            files: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            dropped: 0,
            checkpoints: Checkpoints::new(CHECKPOINTS_PER_STREAM),
            blobs: BTreeMap::new(),
        }
    }
}

impl Index {
    /// Takes a fact in.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Epoch(epoch) => self.epoch = self.epoch.max(epoch),
            Record::NextFile(file) => self.next_file = self.next_file.max(file),
            Record::Created { file, epoch } => {
                self.files.insert(file, FileEntry { epoch, ..FileEntry::default() });
                self.next_file = self.next_file.max(file.saturating_add(1));
            }
            Record::Run(run) => {
                if let Some(entry) = self.files.get_mut(&run.file)
                    && !entry.runs.last_mut().is_some_and(|last| last.extend(&run))
                {
                    entry.runs.push(run);
                }
            }
            Record::Sealed { file, len } => {
                if let Some(entry) = self.files.get_mut(&file) {
                    entry.sealed = Some(len);
                }
            }
            Record::Confirmed { epoch, start, end } => {
                self.confirmed.entry(epoch).or_default().insert(start..end);
            }
            Record::ConfirmedExtent { file, start, end } => {
                self.files.entry(file).or_default().confirmed.insert(start..end);
            }
            Record::Removed { file } => {
                self.files.remove(&file);
            }
            Record::Quarantined { file, start, end } => {
                self.files.entry(file).or_default().quarantined.insert(start..end);
            }
            Record::Dropped { rows } => self.dropped = self.dropped.saturating_add(rows),
            Record::Checkpoint(state) => self.checkpoints.put(state),
            Record::CheckpointsDeleted { stream, before } => {
                self.checkpoints.delete_before(&stream, before);
            }
            Record::Blob { name, bytes } => {
                self.blobs.insert(name, bytes);
            }
        }
    }

    /// The shortest journal that says the same. Confirmations of epochs that are over and left no file are left out.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut records = vec![Record::Epoch(self.epoch), Record::NextFile(self.next_file)];
        if self.dropped > 0 {
            records.push(Record::Dropped { rows: self.dropped });
        }
        for (name, bytes) in &self.blobs {
            records.push(Record::Blob { name: name.clone(), bytes: bytes.clone() });
        }
        records.extend(self.checkpoints.all().cloned().map(Record::Checkpoint));
        for (epoch, confirmed) in &self.confirmed {
            if *epoch == self.epoch || self.files.values().any(|file| file.epoch == *epoch) {
                let epoch = *epoch;
                records.extend(confirmed.iter().map(|range| Record::Confirmed {
                    epoch,
                    start: range.start,
                    end: range.end,
                }));
            }
        }
        for (&file, entry) in &self.files {
            records.push(Record::Created { file, epoch: entry.epoch });
            records.extend(entry.runs.iter().copied().map(Record::Run));
            records.extend(entry.sealed.map(|len| Record::Sealed { file, len }));
            let confirmed = entry.confirmed.iter();
            records.extend(confirmed.map(|range| Record::ConfirmedExtent {
                file,
                start: range.start,
                end: range.end,
            }));
            let quarantined = entry.quarantined.iter();
            records.extend(quarantined.map(|range| Record::Quarantined {
                file,
                start: range.start,
                end: range.end,
            }));
        }
        records
    }

    /// Whether every row in the first `len` bytes of a file is known to be confirmed.
    #[must_use]
    pub fn wholly_confirmed(&self, file: u64, len: u64) -> bool {
        let Some(entry) = self.files.get(&file) else { return false };
        let confirmed = self.confirmed.get(&entry.epoch);
        let mut covered = entry.confirmed.clone();
        covered.extend(entry.quarantined.iter());
        for run in &entry.runs {
            if confirmed.is_some_and(|set| set.contains(&run.ids())) {
                covered.insert(run.start..run.end);
            }
        }
        covered.contains(&(0..entry.sealed.map_or(len, |sealed| sealed.min(len))))
    }
}
