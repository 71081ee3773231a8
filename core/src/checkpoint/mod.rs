//! Checkpoints of what feeds a stream: where to resume the inputs after a restart.
//!
//! A checkpoint says: everything up to these source offsets was handed over at the level for which it was stored
//! (durable or confirmed, by the name of the stream that it is stored under), and this was the caller's state then.

//!
//! ```text
//!  caller: mark ──▶ waits for the rows sent before it ──▶ they are durable ──▶ state stored as `<stream>/durable`
//!                                                  └────▶ they are confirmed ▶ state stored as `<stream>/confirmed`
//! ```

mod codec;
mod file_store;
mod mark;
mod marks;
mod recovery;
mod store;
mod tracker;

use std::collections::BTreeMap;

pub use file_store::FileCheckpointStore;
pub use mark::Mark;
pub(crate) use marks::{KeptLevels, Marks, stored_name};
pub use recovery::Recovery;
pub use store::{CheckpointStore, Checkpoints, InMemoryCheckpointStore};

/// The state of a stream's inputs at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckpointState {
    /// The stream that it belongs to.
    pub stream: String,
    /// Its number in that stream; a later one replaces an earlier one.
    pub sequence: u64,
    /// When it was made, in microseconds since 1970.
    pub created_at: i64,
    /// The latest event time seen, in nanoseconds since 1970.
    pub event_time_watermark: Option<i64>,
    /// How many rows had been handed over.
    pub row_count: u64,
    /// The next offset to read from each source.
    pub offsets: BTreeMap<String, u64>,
    /// The caller's own state, by name.
    pub state: BTreeMap<String, Vec<u8>>,
    /// Anything else worth noting.
    pub metadata: BTreeMap<String, String>,
}
