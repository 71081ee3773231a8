//! How rows that are on disk get to Sift.

use super::{limit, put, siftstream_config};
use crate::error::siftstream_error;
use crate::status::siftstream_status;

/// Sets whether rows that earlier streams of this name left on disk are sent, in the background; true by default. For
/// SIFTSTREAM_MODE_LIVE_WITH_BACKUPS.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_recover_on_start(
    config: *mut siftstream_config,
    recover: bool,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "recover_on_start", || Ok(recover))
}

/// Sets how many bytes of files are sent again in a second at most; UINT64_MAX, which is the default, for no limit.
/// For SIFTSTREAM_MODE_LIVE_WITH_BACKUPS.
///
/// Errors: INVALID_ARGUMENT. That it is not 0 is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_reingestion_bytes_per_second(
    config: *mut siftstream_config,
    bytes: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "reingestion_bytes_per_second", || Ok(limit(bytes)))
}
