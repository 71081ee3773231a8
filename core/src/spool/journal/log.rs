//! The file of the journal: appending, replay, and writing it anew.

use super::{Index, Record};
use crate::error::{Error, Result};
use crate::seams::filesystem::{File, FileSystem, SharedFileSystem, read_small, remove_if_there};
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"SIFTJNL1";
const FRAME: usize = 8;
const MAX_JOURNAL: u64 = 1 << 30;
const COMPACT_ABOVE: u64 = 1 << 20;
const COMPACT_FACTOR: u64 = 4;

/// The journal of a slot.
#[derive(Debug)]
pub struct Journal {
    fs: SharedFileSystem,
    path: PathBuf,
    /// `None` when the file is not to be trusted: the next call writes a new one.
    file: Option<Box<dyn File>>,
    len: u64,
    compacted_len: u64,
    unsynced: bool,
    /// A sync of the file failed: no later one says anything about what it was to sync.
    sync_failed: bool,
    index: Index,
}

impl Journal {
    /// Replays the journal at `path`, or starts one. What cannot be replayed is cut off; a file that is no journal is
    /// kept under another name.
    pub fn open(fs: SharedFileSystem, path: &Path) -> Result<Self> {
        let mut journal = Self {
            fs,
            path: path.to_owned(),
            file: None,
            len: 0,
            compacted_len: 0,
            unsynced: false,
            sync_failed: false,
            index: Index::default(),
        };
        journal.replay().map_err(|error| journal.failed("open", &error))?;
        Ok(journal)
    }

    /// What the journal says.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Writes facts down. After an error none of them counts.
    pub fn append(&mut self, records: &[Record]) -> Result<()> {
        self.try_append(records).map_err(|error| self.failed("write", &error))
    }

    /// Makes everything written down so far survive a power failure, under the name of the journal: a file that
    /// somebody removed or replaced is written anew.
    pub fn sync(&mut self) -> Result<()> {
        let has_name = self.has_name();
        if has_name && !self.unsynced && self.file.is_some() {
            return Ok(());
        }
        if let Some(file) = self.file.as_mut().filter(|_| has_name && !self.sync_failed) {
            if file.sync_data().is_ok() {
                self.unsynced = false;
                return Ok(());
            }
            self.sync_failed = true;
        }
        self.rewrite().map_err(|error| self.failed("sync", &error))
    }

    /// Whether the name of the journal leads to the file; if that cannot be told, it is believed.
    fn has_name(&self) -> bool {
        let Some(file) = &self.file else { return false };
        match (self.fs.metadata(&self.path), file.inode()) {
            (Ok(found), Ok(inode)) => found.inode == inode,
            (Err(error), _) => error.kind() != io::ErrorKind::NotFound,
            _ => true,
        }
    }

    fn failed(&self, doing: &str, error: &io::Error) -> Error {
        Error::io(format_args!("cannot {doing} the journal {}", self.path.display()), error)
    }

    fn replay(&mut self) -> io::Result<()> {
        let bytes = match read_small(&*self.fs, &self.path, MAX_JOURNAL) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.rewrite(),
            Err(error) => return Err(error),
        };
        if !bytes.starts_with(MAGIC) {
            self.fs.rename(&self.path, &self.path.with_extension("damaged"))?;
            return self.rewrite();
        }
        let at = apply_records(&bytes, &mut self.index);
        self.len = at as u64;
        self.compacted_len = self.len / COMPACT_FACTOR;
        let mut file = self.fs.open_append(&self.path)?;
        if at < bytes.len() {
            file.set_len(self.len)?;
            file.sync_data()?;
        }
        self.file = Some(file);
        self.unsynced = true;
        Ok(())
    }

    fn try_append(&mut self, records: &[Record]) -> io::Result<()> {
        if self.file.is_none() {
            self.rewrite()?;
        }
        let mut bytes = Vec::new();
        records.iter().for_each(|record| frame(record, &mut bytes));
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotConnected.into()) };
        if let Err(error) = file.append_all(&bytes) {
            if file.set_len(self.len).is_err() {
                self.file = None;
            }
            return Err(error);
        }
        self.len += bytes.len() as u64;
        self.unsynced = true;
        records.iter().cloned().for_each(|record| self.index.apply(record));
        if self.len > COMPACT_ABOVE && self.len > COMPACT_FACTOR * self.compacted_len {
            let old = self.file.take();
            if self.rewrite().is_err() {
                self.compacted_len = self.len;
                self.file = old;
            }
        }
        Ok(())
    }

    /// Writes a new journal that says the same, and puts it in the place of the old one.
    fn rewrite(&mut self) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        self.index.records().iter().for_each(|record| frame(record, &mut bytes));
        let temporary = self.path.with_extension("new");
        remove_if_there(&*self.fs, &temporary)?;
        let mut file = self.fs.create_new(&temporary)?;
        file.append_all(&bytes)?;
        file.sync_data()?;
        self.fs.rename(&temporary, &self.path)?;
        self.fs.fsync_dir(self.path.parent().unwrap_or(Path::new("/")))?;
        self.len = bytes.len() as u64;
        self.compacted_len = self.len;
        self.unsynced = false;
        self.sync_failed = false;
        self.file = Some(file);
        Ok(())
    }
}

/// What the journal at `path` says, read without changing it; nothing if there is none, or if it is no journal. Stops
/// where its owner would cut it off; what an owner appends meanwhile may be missing.
pub(in crate::spool) fn peek(fs: &dyn FileSystem, path: &Path) -> io::Result<Index> {
    let mut index = Index::default();
    match read_small(fs, path, MAX_JOURNAL) {
        Ok(bytes) if bytes.starts_with(MAGIC) => {
            apply_records(&bytes, &mut index);
            Ok(index)
        }
        Ok(_) => Ok(index),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(index),
        Err(error) => Err(error),
    }
}

/// Takes in every record up to the first that does not verify; returns where that one begins.
fn apply_records(bytes: &[u8], index: &mut Index) -> usize {
    let mut at = MAGIC.len();
    while let Some((record, len)) = next_record(&bytes[at..]) {
        index.apply(record);
        at += len;
    }
    at
}

fn frame(record: &Record, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0; FRAME]);
    record.encode(out);
    let len = u32::try_from(out.len() - start - FRAME).unwrap_or(u32::MAX).to_le_bytes();
    let mut crc = crc32fast::Hasher::new();
    crc.update(&len);
    crc.update(&out[start + FRAME..]);
    out[start..start + 4].copy_from_slice(&len);
    out[start + 4..start + FRAME].copy_from_slice(&crc.finalize().to_le_bytes());
}

fn next_record(bytes: &[u8]) -> Option<(Record, usize)> {
    let (len_bytes, rest) = bytes.split_first_chunk::<4>()?;
    let (crc_bytes, rest) = rest.split_first_chunk::<4>()?;
    let len = u32::from_le_bytes(*len_bytes) as usize;
    let body = rest.get(..len)?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(len_bytes);
    crc.update(body);
    if crc.finalize() != u32::from_le_bytes(*crc_bytes) {
        return None;
    }
    Some((Record::decode(body)?, FRAME + len))
}
