//! Where inputs resume.

use super::{CheckpointState, CheckpointStore, stored_name};
use crate::error::Result;
use crate::stream::Level;

/// The newest stored checkpoints of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The rows before it are on disk or confirmed: what is not confirmed, the stream sends by itself. None without a
    /// disk.
    pub durable: Option<CheckpointState>,
    /// Sift has the rows before it.
    pub confirmed: Option<CheckpointState>,
}

impl Recovery {
    /// The checkpoint from which inputs resume without losing a row: the durable one; without a disk, the confirmed one.
    #[must_use]
    pub fn resume(&self) -> Option<&CheckpointState> {
        self.durable.as_ref().or(self.confirmed.as_ref())
    }

    /// The next offset to read from `source`; 0 if nothing is known of it.
    #[must_use]
    pub fn offset(&self, source: &str) -> u64 {
        self.resume().and_then(|state| state.offsets.get(source).copied()).unwrap_or(0)
    }

    /// What `store` knows of a stream.
    pub(crate) fn load(store: &dyn CheckpointStore, stream: &str) -> Result<Self> {
        let latest = |level| store.latest(&stored_name(stream, level));
        Ok(Self { durable: latest(Level::Durable)?, confirmed: latest(Level::Confirmed)? })
    }
}
