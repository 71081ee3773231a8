//! The choices of a file-backup stream as they are in force.

use std::path::PathBuf;
use std::time::Duration;

use crate::spool::DiskBackupPolicy;
use crate::stream::OverflowPolicy;

/// What a file-backup stream goes by: what its builder was told, else what an earlier start stored, else the default.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileBackupConfig {
    /// The name that tells streams of one schema apart.
    pub stream_name: String,
    /// The directory of this stream alone.
    pub slot: PathBuf,
    /// How recordings are kept; with the directory, whoever named it.
    pub disk_backup_policy: DiskBackupPolicy,
    /// How many rows share a chunk at most.
    pub batch_size: u32,
    /// How long a row waits at most for others before it is written.
    pub flush_interval: Duration,
    /// How many rows may wait to be written.
    pub backup_data_channel_capacity: u64,
    /// How much memory these may take.
    pub backup_data_channel_bytes: u64,
    /// What happens to rows when there is no room for more.
    pub overflow_policy: OverflowPolicy,
    /// How long the start waited for Sift at most.
    pub offline_after: Duration,
    /// The largest encoded row.
    pub max_row_size: usize,
    /// Whether Sift is to end a stream at a row that does not fit the schema.
    pub end_stream_on_validation_error: bool,
}
