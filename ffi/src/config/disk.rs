//! How rows are kept on disk.

use siftstream_core::ConfigValue;

use super::{choose, limit, millis, put, siftstream_config};
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
    put(config, error, "disk_backup_policy.backups_dir", || directory.get("directory"))
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
    put(config, error, "stream_name", || name.get("name"))
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
    put(config, error, "ingestion_config_id", || id.get("id"))
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
    put(config, error, "offline_after", || Ok(millis(milliseconds)))
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
    put(config, error, "backup_data_channel_capacity", || Ok(rows))
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
    put(config, error, "backup_data_channel_bytes", || Ok(bytes))
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
    put(config, error, "batch_size", || Ok(rows))
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
    put(config, error, "flush_interval", || Ok(millis(milliseconds)))
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
    put(config, error, "disk_backup_policy.max_backup_file_size", || Ok(bytes))
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
    put(config, error, "disk_backup_policy.max_file_count", || Ok(limit(files)))
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
    put(config, error, "disk_backup_policy.retain_backups", || Ok(retain))
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
    put(config, error, "disk_backup_policy.max_bytes", || Ok(limit(bytes)))
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
    put(config, error, "disk_backup_policy.min_free", || Ok(bytes))
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
    put(config, error, "disk_backup_policy.when_full", || {
        let choices = [
            (Full::SIFTSTREAM_WHEN_FULL_BLOCK as i32, "block"),
            (Full::SIFTSTREAM_WHEN_FULL_ERROR as i32, "error"),
            (Full::SIFTSTREAM_WHEN_FULL_DROP_OLDEST as i32, "drop_oldest"),
            (Full::SIFTSTREAM_WHEN_FULL_DROP_NEWEST as i32, "drop_newest"),
        ];
        choose(when_full, "siftstream_when_full", &choices)
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
    put(config, error, "disk_backup_policy.fsync", || {
        let choices = [
            (Fsync::SIFTSTREAM_FSYNC_NEVER as i32, Some("never")),
            (Fsync::SIFTSTREAM_FSYNC_INTERVAL as i32, None),
            (Fsync::SIFTSTREAM_FSYNC_EVERY_CHUNK as i32, Some("every_chunk")),
        ];
        let word = choose(fsync, "siftstream_fsync", &choices)?;
        Ok(word.map_or_else(|| ConfigValue::from(millis(interval_ms)), Into::into))
    })
}
