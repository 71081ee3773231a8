//! How rows get to Sift.

use std::time::Duration;

use siftstream_core::Mode;

use super::connection::set_retry_policy;
use super::{choose, millis, put, set, siftstream_config};
use crate::error::siftstream_error;
use crate::status::siftstream_status;

/// Where rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_mode {
    /// To Sift; rows that are not confirmed stay in memory.
    SIFTSTREAM_MODE_LIVE_ONLY = 1,
    /// To Sift; rows that are not confirmed stay on disk, and are sent by the next start if need be.
    SIFTSTREAM_MODE_LIVE_WITH_BACKUPS = 2,
    /// To files only, to be sent or read later. Needs no network.
    SIFTSTREAM_MODE_FILE_BACKUP = 3,
}

/// Sets where rows go, a siftstream_mode; SIFTSTREAM_MODE_LIVE_ONLY by default. Keys that the mode has no use for
/// are not looked at.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_mode(
    config: *mut siftstream_config,
    mode: i32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "mode", || {
        let modes = [
            (siftstream_mode::SIFTSTREAM_MODE_LIVE_ONLY as i32, Mode::LiveOnly),
            (siftstream_mode::SIFTSTREAM_MODE_LIVE_WITH_BACKUPS as i32, Mode::LiveWithBackups),
            (siftstream_mode::SIFTSTREAM_MODE_FILE_BACKUP as i32, Mode::FileBackup),
        ];
        choose(mode, "siftstream_mode", &modes).map(Mode::as_str)
    })
}

/// Makes Sift end a stream at a row that does not fit the schema, instead of setting it aside. Off by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_end_stream_on_validation_error(
    config: *mut siftstream_config,
    end: bool,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "end_stream_on_validation_error", || Ok(end))
}

/// Sets the largest encoded row in bytes; 4 MiB by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_max_row_size(
    config: *mut siftstream_config,
    bytes: usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "max_row_size", || Ok(bytes))
}

/// Sets how long rows may wait for more rows before they are sent, in microseconds; 1,000 by default, 0 sends at
/// once. For modes that send to Sift.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_linger_us(
    config: *mut siftstream_config,
    microseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "linger", || Ok(Duration::from_micros(microseconds)))
}

/// Sets how often what was sent is confirmed, in milliseconds; 60,000 by default. For modes that send to Sift.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_checkpoint_interval_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "checkpoint_interval", || Ok(millis(milliseconds)))
}

/// Sets after how many sent rows a checkpoint is made early; UINT64_MAX, which is the default, for none. For modes that
/// send to Sift.
///
/// Errors: INVALID_ARGUMENT. That it is not 0 is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_checkpoint_rows(
    config: *mut siftstream_config,
    rows: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "checkpoint_rows", || Ok(rows))
}

/// Sets after how many sent bytes a checkpoint is made early; UINT64_MAX, which is the default, for none. For
/// SIFTSTREAM_MODE_LIVE_WITH_BACKUPS.
///
/// Errors: INVALID_ARGUMENT. That it is not 0 is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_checkpoint_bytes(
    config: *mut siftstream_config,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "checkpoint_bytes", || Ok(bytes))
}

/// Sets how much memory unconfirmed rows may take; 64 MiB by default, 0 keeps none. For SIFTSTREAM_MODE_LIVE_ONLY.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_replay_window_bytes(
    config: *mut siftstream_config,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "replay_window_bytes", || Ok(bytes))
}

/// Sets how many rows may wait to be sent; 102,400 by default. For modes that send to Sift.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_ingestion_data_channel_capacity(
    config: *mut siftstream_config,
    rows: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "ingestion_data_channel_capacity", || Ok(rows))
}

/// Sets how much memory rows that wait to be sent may take; 64 MiB by default. For modes that send to Sift.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_ingestion_data_channel_bytes(
    config: *mut siftstream_config,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "ingestion_data_channel_bytes", || Ok(bytes))
}

/// Sets how failures of sending are retried, as siftstream_config_set_control_retry_policy does for other calls.
/// While rows are kept, there is no last attempt. For modes that send to Sift.
///
/// Errors: INVALID_ARGUMENT. Whether the policy makes sense is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_retry_policy(
    config: *mut siftstream_config,
    max_attempts: u32,
    initial_backoff_ms: u64,
    max_backoff_ms: u64,
    backoff_multiplier: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.set("no_retry", false)?;
        let waits = [millis(initial_backoff_ms), millis(max_backoff_ms)];
        set_retry_policy(config, "retry_policy", max_attempts, waits, backoff_multiplier)
    })
}

/// Sets the longest wait that Sift can ask for (google.rpc.RetryInfo), in milliseconds; 60,000 by default. If it asks for
/// more, it is asked again after this, and an event tells both. Holds for sending and for other calls.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_max_retry_after_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let most = millis(milliseconds);
        config.set("retry_policy.max_retry_after", most)?;
        config.set("control_retry_policy.max_retry_after", most)
    })
}

/// Ends a stream at the first failure of sending. For modes that send to Sift.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_no_retry(
    config: *mut siftstream_config,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "no_retry", || Ok(true))
}

/// Sets after how long without progress a gRPC stream that has something to do is given up, in milliseconds; 60,000
/// by default. For modes that send to Sift.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_idle_timeout_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "idle_timeout", || Ok(millis(milliseconds)))
}

/// Sets how long the answer to a half-closed gRPC stream may take while nothing moves, in milliseconds; 30,000 by
/// default. For modes that send to Sift.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_response_timeout_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "response_timeout", || Ok(millis(milliseconds)))
}
