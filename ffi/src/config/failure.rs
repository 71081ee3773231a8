//! What becomes of rows that Sift rejects, and of rows that find no room.

use siftstream_core::{FailurePolicy, OverflowPolicy, Result};

use super::{choose, put, set, siftstream_config};
use crate::error::siftstream_error;
use crate::status::siftstream_status;
use crate::view::siftstream_str;

/// What happens once a row was found that Sift rejects for what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_failure_policy {
    /// The stream ends with an error that names flow, message ID and reason; all data is kept.
    SIFTSTREAM_FAILURE_STOP = 0,
    /// The row is kept in quarantine with the reason, counted as rejected, and the stream goes on.
    SIFTSTREAM_FAILURE_SKIP = 1,
}

/// What happens to rows when the channel that senders wait for is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_overflow_policy {
    /// Senders wait, as long as they chose to; a call that does not wait answers FULL.
    SIFTSTREAM_OVERFLOW_BLOCK = 0,
    /// The row that finds no room is dropped.
    SIFTSTREAM_OVERFLOW_DROP_NEWEST = 1,
    /// The oldest rows that wait make room, about 16 KiB of them at a time; never rows that are being sent or written.
    SIFTSTREAM_OVERFLOW_DROP_OLDEST = 2,
}

use siftstream_failure_policy as Failure;
use siftstream_overflow_policy as Overflow;

fn failure_policy(number: i32) -> Result<FailurePolicy> {
    let policies = [
        (Failure::SIFTSTREAM_FAILURE_STOP as i32, FailurePolicy::Stop),
        (Failure::SIFTSTREAM_FAILURE_SKIP as i32, FailurePolicy::Skip),
    ];
    choose(number, "siftstream_failure_policy", &policies)
}

/// Sets what happens to rows that Sift rejects, a siftstream_failure_policy; SIFTSTREAM_FAILURE_STOP by default. Sift
/// tells of such rows only with siftstream_config_set_end_stream_on_validation_error. For modes that send to Sift.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_failure_policy(
    config: *mut siftstream_config,
    policy: i32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "failure_policy", || failure_policy(policy).map(FailurePolicy::as_str))
}

/// Sets the same for the rows of one flow, whatever holds for the others. The text is copied. For modes that send to
/// Sift.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_flow_failure_policy(
    config: *mut siftstream_config,
    flow: siftstream_str,
    policy: i32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.set_flow_failure_policy(flow.get("flow")?, failure_policy(policy)?);
        Ok(())
    })
}

/// Sets the directory for rows that are skipped: a PBFS file each, and a text with the reason beside it. A stream of
/// SIFTSTREAM_MODE_LIVE_ONLY that skips rows must have it; modes that write files keep such rows with these. The text is
/// copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_quarantine_dir(
    config: *mut siftstream_config,
    path: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "quarantine_dir", || path.get("path"))
}

/// Sets what happens to rows when the channel that senders wait for is full, a siftstream_overflow_policy;
/// SIFTSTREAM_OVERFLOW_BLOCK by default. It is the channel to the network for SIFTSTREAM_MODE_LIVE_ONLY, that to the disk
/// for the others. A row that is dropped was sent as far as the call is concerned, which answers OK: it has a message ID,
/// is counted, and is named in an event and in the report.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_overflow_policy(
    config: *mut siftstream_config,
    policy: i32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "overflow_policy", || {
        let policies = [
            (Overflow::SIFTSTREAM_OVERFLOW_BLOCK as i32, OverflowPolicy::Block),
            (Overflow::SIFTSTREAM_OVERFLOW_DROP_NEWEST as i32, OverflowPolicy::DropNewest),
            (Overflow::SIFTSTREAM_OVERFLOW_DROP_OLDEST as i32, OverflowPolicy::DropOldest),
        ];
        choose(policy, "siftstream_overflow_policy", &policies).map(OverflowPolicy::as_str)
    })
}
