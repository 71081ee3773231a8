//! What the user decides about the disk.

use std::path::PathBuf;
use std::time::Duration;

/// How backups are kept on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskBackupPolicy {
    /// Where the slots are; the default of the platform if not given.
    pub backups_dir: Option<PathBuf>,
    /// A file that reaches this size is finished and the next one begins.
    pub max_backup_file_size: u64,
    /// How many files may gather.
    pub rolling_file_policy: RollingFilePolicy,
    /// Keep files after everything in them was confirmed.
    pub retain_backups: bool,
    /// How many bytes all files of the slot may take together, those of earlier epochs included.
    pub max_bytes: Option<u64>,
    /// How many bytes to leave free on the disk.
    pub min_free: u64,
    /// What to do when there is no room.
    pub when_full: WhenFull,
    /// When written rows are made to survive a power failure.
    pub fsync: FsyncPolicy,
}

impl Default for DiskBackupPolicy {
    fn default() -> Self {
        Self {
            backups_dir: None,
            max_backup_file_size: 500 << 20,
            rolling_file_policy: RollingFilePolicy::default(),
            retain_backups: false,
            max_bytes: None,
            min_free: 256 << 20,
            when_full: WhenFull::default(),
            fsync: FsyncPolicy::default(),
        }
    }
}

/// How many backup files may gather before a checkpoint is due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RollingFilePolicy {
    /// At this many files a checkpoint is made early; no limit if not given. A stream that makes no checkpoints, as one
    /// that only writes files, refuses it.
    pub max_file_count: Option<usize>,
}

/// What happens when the disk, or the budget for it, is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Senders wait until there is room.
    #[default]
    Block,
    /// Sending fails.
    Error,
    /// The oldest finished file makes room; its unconfirmed rows are dropped, counted and reported.
    DropOldest,
    /// The newest rows are dropped, counted and reported.
    DropNewest,
}

/// When written rows are made to survive a power failure. Finished files are always synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsyncPolicy {
    /// Only when asked for, and when a file is finished.
    Never,
    /// At most this long after they were written.
    Interval(Duration),
    /// At the next poll after a chunk was written, so that chunks which come together share one sync.
    EveryChunk,
}

impl Default for FsyncPolicy {
    fn default() -> Self {
        Self::Interval(Duration::from_millis(500))
    }
}

/// How the writer cuts and buffers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterOptions {
    /// What the user decided about the disk.
    pub policy: DiskBackupPolicy,
    /// A chunk closes at this many rows,
    pub batch_size: u32,
    /// or before it would exceed this many bytes,
    pub chunk_bytes: usize,
    /// or this long after its first row.
    pub flush_interval: Duration,
    /// How many written but unsynced bytes are kept in memory, to be written again if a sync fails.
    pub unsynced_window: usize,
    /// How many bytes to reserve on disk ahead of what is written; 0 reserves nothing.
    pub preallocate: u64,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            policy: DiskBackupPolicy::default(),
            batch_size: 1024,
            chunk_bytes: 64 << 10,
            flush_interval: Duration::from_millis(50),
            unsynced_window: 32 << 20,
            preallocate: 16 << 20,
        }
    }
}
