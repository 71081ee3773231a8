//! How rows are kept on disk.

use std::path::PathBuf;

use siftstream_core::spool::{FsyncPolicy, WhenFull};

use super::{choose, limit, millis, set, siftstream_config};
use crate::error::siftstream_error;
use crate::status::siftstream_status;
use crate::view::siftstream_str;

/// What happens when the disk, or the budget for it, is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_when_full {
    /// Senders wait until there is room.
    SIFTSTREAM_WHEN_FULL_BLOCK = 0,
    /// Sending fails.
    SIFTSTREAM_WHEN_FULL_ERROR = 1,
    /// The oldest finished file makes room; its unconfirmed rows are dropped, counted and reported.
    SIFTSTREAM_WHEN_FULL_DROP_OLDEST = 2,
    /// The newest rows are dropped, counted and reported.
    SIFTSTREAM_WHEN_FULL_DROP_NEWEST = 3,
}

/// When written rows are made to survive a power failure. Finished files are always synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_fsync {
    /// Only when asked for, and when a file is finished.
    SIFTSTREAM_FSYNC_NEVER = 0,
    /// At most so long after they were written.
    SIFTSTREAM_FSYNC_INTERVAL = 1,
    /// With every chunk.
    SIFTSTREAM_FSYNC_EVERY_CHUNK = 2,
}

use siftstream_fsync as Fsync;
use siftstream_when_full as Full;

/// What the setters have set of how files are kept; `None` leaves what the slot has stored, or core's default.
#[derive(Clone, Default)]
pub(crate) struct DiskPolicy {
    pub(crate) backups_dir: Option<PathBuf>,
    pub(crate) max_backup_file_size: Option<u64>,
    pub(crate) max_file_count: Option<Option<u64>>,
    pub(crate) retain_backups: Option<bool>,
    pub(crate) max_bytes: Option<Option<u64>>,
    pub(crate) min_free: Option<u64>,
    pub(crate) when_full: Option<WhenFull>,
    pub(crate) fsync: Option<FsyncPolicy>,
}

/// Sets the directory that holds the files of all streams; by default `siftstream` in the user's data directory. It
/// is created if it is missing. The text is copied. For modes that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_backups_dir(
    config: *mut siftstream_config,
    directory: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.disk.backups_dir = Some(PathBuf::from(directory.get("directory")?));
        Ok(())
    })
}

/// Sets the name that tells streams of one schema apart on disk; `default` by default. The text is copied. For
/// modes that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_stream_name(
    config: *mut siftstream_config,
    name: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.stream_name = Some(name.get("name")?.to_owned());
        Ok(())
    })
}

/// Sets the ID under which Sift knows the schema, if the caller has it: then Sift is not asked. The text is copied.
/// For modes that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_ingestion_config_id(
    config: *mut siftstream_config,
    id: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.ingestion_config_id = Some(id.get("id")?.to_owned());
        Ok(())
    })
}

/// Sets how long a start waits for Sift, if it has to ask for an ID, before it goes on without, in milliseconds;
/// 3,000 by default. For modes that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_offline_after_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.offline_after = Some(millis(milliseconds));
        Ok(())
    })
}

/// Sets how many rows may wait to be written; 102,400 by default. For modes that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_backup_data_channel_capacity(
    config: *mut siftstream_config,
    rows: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.backup_data_channel_capacity = Some(rows);
        Ok(())
    })
}

/// Sets how much memory rows that wait to be written may take; 64 MiB by default. For modes that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_backup_data_channel_bytes(
    config: *mut siftstream_config,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.backup_data_channel_bytes = Some(bytes);
        Ok(())
    })
}

/// Sets how many rows share a chunk of a file at most; 1,024 by default. For modes that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_batch_size(
    config: *mut siftstream_config,
    rows: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.batch_size = Some(rows);
        Ok(())
    })
}

/// Sets how long a row waits at most for others before it is written, in milliseconds; 50 by default. For modes
/// that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_flush_interval_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.flush_interval = Some(millis(milliseconds));
        Ok(())
    })
}

/// Sets at how many bytes a file is finished and the next one begins; 500 MiB by default. For modes that write
/// files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_max_backup_file_size(
    config: *mut siftstream_config,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.disk.max_backup_file_size = Some(bytes);
        Ok(())
    })
}

/// Sets at how many files a checkpoint is made early; UINT64_MAX, which is the default, for no limit. For
/// SIFTSTREAM_MODE_LIVE_WITH_BACKUPS.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_max_file_count(
    config: *mut siftstream_config,
    files: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.disk.max_file_count = Some(limit(files));
        Ok(())
    })
}

/// Keeps files after everything in them was confirmed. Off by default. For SIFTSTREAM_MODE_LIVE_WITH_BACKUPS; the
/// files of SIFTSTREAM_MODE_FILE_BACKUP always stay.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_retain_backups(
    config: *mut siftstream_config,
    retain: bool,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.disk.retain_backups = Some(retain);
        Ok(())
    })
}

/// Sets how many bytes all files of the stream may take together, those of earlier starts included; UINT64_MAX, which
/// is the default, for no limit. For modes that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_max_bytes(
    config: *mut siftstream_config,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.disk.max_bytes = Some(limit(bytes));
        Ok(())
    })
}

/// Sets how many bytes to leave free on the disk; 256 MiB by default. For modes that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_min_free(
    config: *mut siftstream_config,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.disk.min_free = Some(bytes);
        Ok(())
    })
}

/// Sets what to do when there is no room, a siftstream_when_full; SIFTSTREAM_WHEN_FULL_BLOCK by default. For modes
/// that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_when_full(
    config: *mut siftstream_config,
    when_full: i32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let choices = [
            (Full::SIFTSTREAM_WHEN_FULL_BLOCK as i32, WhenFull::Block),
            (Full::SIFTSTREAM_WHEN_FULL_ERROR as i32, WhenFull::Error),
            (Full::SIFTSTREAM_WHEN_FULL_DROP_OLDEST as i32, WhenFull::DropOldest),
            (Full::SIFTSTREAM_WHEN_FULL_DROP_NEWEST as i32, WhenFull::DropNewest),
        ];
        config.disk.when_full = Some(choose(when_full, "siftstream_when_full", &choices)?);
        Ok(())
    })
}

/// Sets when written rows are made to survive a power failure, a siftstream_fsync; at most 500 ms after they were
/// written by default. `interval_ms` is looked at for SIFTSTREAM_FSYNC_INTERVAL only. For modes that write files.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_fsync(
    config: *mut siftstream_config,
    fsync: i32,
    interval_ms: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let choices = [
            (Fsync::SIFTSTREAM_FSYNC_NEVER as i32, FsyncPolicy::Never),
            (Fsync::SIFTSTREAM_FSYNC_INTERVAL as i32, FsyncPolicy::Interval(millis(interval_ms))),
            (Fsync::SIFTSTREAM_FSYNC_EVERY_CHUNK as i32, FsyncPolicy::EveryChunk),
        ];
        config.disk.fsync = Some(choose(fsync, "siftstream_fsync", &choices)?);
        Ok(())
    })
}
