//! Checkpoints in a file of their own, for streams without a disk.
//!
//! ```text
//! file       = "SIFTCKP1" crc32:u32 (len:u32 checkpoint)*       little-endian; the checksum is that of all behind it
//! ```
//! The file is replaced as a whole: after a crash it holds the old checkpoints or the new ones.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{CheckpointState, CheckpointStore, Checkpoints};
use crate::error::{Error, ErrorCode, Result};
use crate::seams::filesystem::{RealFileSystem, SharedFileSystem, ensure_dir, read_small, write_atomic};

const MAGIC: &[u8; 8] = b"SIFTCKP1";
const HEAD: usize = MAGIC.len() + 4;
const MAX_FILE: u64 = 1 << 30;
/// How many checkpoints of each stream are kept.
const PER_STREAM: usize = 4;

/// Keeps the newest few checkpoints of each stream in one file, which one process at a time may use.
#[derive(Debug)]
pub struct FileCheckpointStore {
    fs: SharedFileSystem,
    path: PathBuf,
    checkpoints: Mutex<Checkpoints>,
}

impl FileCheckpointStore {
    /// The checkpoints in the file at `path`, which is created with the first one.
    ///
    /// A file that is no whole checkpoint file is [`ErrorCode::Corrupt`], and stays as it is.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::open_on(Arc::new(RealFileSystem), path)
    }

    /// The same on another disk.
    #[doc(hidden)]
    pub fn open_on(fs: SharedFileSystem, path: impl Into<PathBuf>) -> Result<Self> {
        let path: PathBuf = path.into();
        let path = std::path::absolute(&path)
            .map_err(|error| Error::io(format_args!("cannot find {}", path.display()), &error))?;
        let mut checkpoints = Checkpoints::new(PER_STREAM);
        match read_small(&*fs, &path, MAX_FILE) {
            Ok(bytes) => decode(&bytes)
                .map_err(|error| error.context(path.display()))?
                .into_iter()
                .for_each(|state| checkpoints.put(state)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(format_args!("cannot read {}", path.display()), &error)),
        }
        Ok(Self { fs, path, checkpoints: Mutex::new(checkpoints) })
    }

    fn checkpoints(&self) -> MutexGuard<'_, Checkpoints> {
        self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Checkpoints) -> T) -> Result<T> {
        let mut checkpoints = self.checkpoints();
        let mut changed = checkpoints.clone();
        let result = change(&mut changed);
        self.write(&changed)
            .map_err(|error| Error::io(format_args!("cannot write {}", self.path.display()), &error))?;
        *checkpoints = changed;
        Ok(result)
    }

    fn write(&self, checkpoints: &Checkpoints) -> std::io::Result<()> {
        if let Some(parent) = self.path.parent() {
            ensure_dir(&*self.fs, parent)?;
        }
        write_atomic(&*self.fs, &self.path, &encode(checkpoints))
    }
}

impl CheckpointStore for FileCheckpointStore {
    fn put(&self, state: CheckpointState) -> Result<()> {
        self.change(|checkpoints| checkpoints.put(state))
    }

    fn latest(&self, stream: &str) -> Result<Option<CheckpointState>> {
        Ok(self.checkpoints().latest(stream).cloned())
    }

    fn list(&self, stream: &str) -> Result<Vec<CheckpointState>> {
        Ok(self.checkpoints().list(stream).cloned().collect())
    }

    fn delete_before(&self, stream: &str, sequence: u64) -> Result<u64> {
        self.change(|checkpoints| checkpoints.delete_before(stream, sequence))
    }

    fn count(&self, stream: &str) -> Result<u64> {
        Ok(self.checkpoints().list(stream).count() as u64)
    }
}

fn encode(checkpoints: &Checkpoints) -> Vec<u8> {
    let mut bytes = [MAGIC.as_slice(), &[0; 4]].concat();
    for state in checkpoints.all() {
        let state = state.encode();
        bytes.extend(u32::try_from(state.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(state);
    }
    let crc = crc32fast::hash(&bytes[HEAD..]);
    bytes[MAGIC.len()..HEAD].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Result<Vec<CheckpointState>> {
    let damaged =
        || Error::new(ErrorCode::Corrupt, "is no whole checkpoint file: move it away to start anew");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (crc, mut rest) = rest.split_first_chunk().ok_or_else(damaged)?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*crc) {
        return Err(damaged());
    }
    let mut states = Vec::new();
    while !rest.is_empty() {
        let (len, behind) = rest.split_first_chunk().ok_or_else(damaged)?;
        let (state, behind) =
            behind.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(damaged)?;
        states.push(CheckpointState::decode(state)?);
        rest = behind;
    }
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(stream: &str, sequence: u64) -> CheckpointState {
        let offsets = [("serial".to_owned(), sequence * 10)].into();
        CheckpointState { stream: stream.to_owned(), sequence, offsets, ..CheckpointState::default() }
    }

    #[test]
    fn checkpoints_survive_a_restart_and_the_oldest_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("not yet there").join("checkpoints");
        let store = FileCheckpointStore::open(&path).unwrap();
        for sequence in 1..=10 {
            store.put(state("a", sequence)).unwrap();
            store.put(state("b", sequence)).unwrap();
        }
        let store = FileCheckpointStore::open(&path).unwrap();
        assert_eq!(store.latest("a").unwrap(), Some(state("a", 10)));
        assert_eq!(store.count("b").unwrap(), PER_STREAM as u64);
        assert_eq!(store.delete_before("b", 10).unwrap(), 3);
        assert_eq!(FileCheckpointStore::open(&path).unwrap().list("b").unwrap(), [state("b", 10)]);
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoints");
        FileCheckpointStore::open(&path).unwrap().put(state("a", 1)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let error = FileCheckpointStore::open(&path).unwrap_err();
            assert_eq!(error.code(), ErrorCode::Corrupt, "{cut}");
            assert!(error.to_string().contains("checkpoints"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), whole[..cut]);
        }
    }
}
