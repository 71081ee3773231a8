//! Checkpoints kept in the journal of a slot.

use super::Spool;
use crate::checkpoint::{CheckpointState, CheckpointStore};
use crate::error::Result;
use crate::spool::journal::Record;

impl CheckpointStore for Spool {
    fn put(&self, state: CheckpointState) -> Result<()> {
        let mut shared = self.shared();
        shared.journal.append(&[Record::Checkpoint(state)])?;
        shared.journal.sync()
    }

    fn latest(&self, stream: &str) -> Result<Option<CheckpointState>> {
        Ok(self.with_index(|index| index.checkpoints.latest(stream).cloned()))
    }

    fn list(&self, stream: &str) -> Result<Vec<CheckpointState>> {
        Ok(self.with_index(|index| index.checkpoints.list(stream).cloned().collect()))
    }

    fn delete_before(&self, stream: &str, sequence: u64) -> Result<u64> {
        let list = self.list(stream)?;
        let removed = list.iter().filter(|state| state.sequence < sequence).count() as u64;
        if removed > 0 {
            self.append(&[Record::CheckpointsDeleted { stream: stream.to_owned(), before: sequence }])?;
        }
        Ok(removed)
    }

    fn count(&self, stream: &str) -> Result<u64> {
        Ok(self.with_index(|index| index.checkpoints.list(stream).count() as u64))
    }
}
