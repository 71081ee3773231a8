//! Where checkpoints are kept: the newest few of each stream.

use super::CheckpointState;
use crate::error::Result;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps checkpoints.
pub trait CheckpointStore: Send + Sync {
    /// Stores a checkpoint; when it returns, the checkpoint is as safe as the store can make it.
    fn put(&self, state: CheckpointState) -> Result<()>;
    /// The newest checkpoint of a stream.
    fn latest(&self, stream: &str) -> Result<Option<CheckpointState>>;
    /// The checkpoints of a stream, oldest first.
    fn list(&self, stream: &str) -> Result<Vec<CheckpointState>>;
    /// Removes the checkpoints of a stream whose sequence is below `sequence`; returns how many.
    fn delete_before(&self, stream: &str, sequence: u64) -> Result<u64>;
    /// How many checkpoints a stream has.
    fn count(&self, stream: &str) -> Result<u64>;
}

/// Checkpoints by stream and sequence, bounded per stream: the oldest makes room for the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoints {
    by_stream: BTreeMap<String, BTreeMap<u64, CheckpointState>>,
    per_stream: usize,
}

impl Checkpoints {
    /// Keeps at most `per_stream` checkpoints of each stream, at least one.
    #[must_use]
    pub fn new(per_stream: usize) -> Self {
        Self { by_stream: BTreeMap::new(), per_stream: per_stream.max(1) }
    }

    /// Adds a checkpoint, replacing one of the same sequence.
    pub fn put(&mut self, state: CheckpointState) {
        let states = self.by_stream.entry(state.stream.clone()).or_default();
        states.insert(state.sequence, state);
        while states.len() > self.per_stream {
            states.pop_first();
        }
    }

    /// The newest checkpoint of a stream.
    #[must_use]
    pub fn latest(&self, stream: &str) -> Option<&CheckpointState> {
        Some(self.by_stream.get(stream)?.last_key_value()?.1)
    }

    /// The checkpoints of a stream, oldest first.
    pub fn list(&self, stream: &str) -> impl Iterator<Item = &CheckpointState> {
        self.by_stream.get(stream).into_iter().flat_map(BTreeMap::values)
    }

    /// All checkpoints of all streams.
    pub fn all(&self) -> impl Iterator<Item = &CheckpointState> {
        self.by_stream.values().flat_map(BTreeMap::values)
    }

    /// Removes the checkpoints of a stream whose sequence is below `sequence`; returns how many.
    pub fn delete_before(&mut self, stream: &str, sequence: u64) -> u64 {
        let Some(states) = self.by_stream.get_mut(stream) else { return 0 };
        let before = states.len();
        states.retain(|found, _| *found >= sequence);
        let removed = before - states.len();
        if states.is_empty() {
            self.by_stream.remove(stream);
        }
        removed as u64
    }
}

/// A store that forgets everything with the process.
#[derive(Debug)]
pub struct InMemoryCheckpointStore {
    checkpoints: Mutex<Checkpoints>,
}

impl InMemoryCheckpointStore {
    /// Keeps at most `per_stream` checkpoints of each stream.
    #[must_use]
    pub fn new(per_stream: usize) -> Self {
        Self { checkpoints: Mutex::new(Checkpoints::new(per_stream)) }
    }

    fn checkpoints(&self) -> MutexGuard<'_, Checkpoints> {
        self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckpointStore for InMemoryCheckpointStore {
    fn put(&self, state: CheckpointState) -> Result<()> {
        self.checkpoints().put(state);
        Ok(())
    }

    fn latest(&self, stream: &str) -> Result<Option<CheckpointState>> {
        Ok(self.checkpoints().latest(stream).cloned())
    }

    fn list(&self, stream: &str) -> Result<Vec<CheckpointState>> {
        Ok(self.checkpoints().list(stream).cloned().collect())
    }

    fn delete_before(&self, stream: &str, sequence: u64) -> Result<u64> {
        Ok(self.checkpoints().delete_before(stream, sequence))
    }

    fn count(&self, stream: &str) -> Result<u64> {
        Ok(self.checkpoints().list(stream).count() as u64)
    }
}
