//! The error object.

use siftstream_core::{DataStatus, Error, Result};

use crate::boundary::{free, value_or};
use crate::handle::{self, kind};
use crate::status::siftstream_status;
use crate::view::siftstream_str;

/// Why a call failed.
pub struct siftstream_error {
    _opaque: [u8; 0],
}

kind!(siftstream_error, Error, 0x53, "error");

/// What became of the data that a failed call was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_data_status {
    /// The call accepted nothing; the caller still has the data.
    SIFTSTREAM_DATA_NOT_ACCEPTED = 0,
    /// Accepted and kept in memory.
    SIFTSTREAM_DATA_IN_MEMORY = 1,
    /// Accepted and kept on disk.
    SIFTSTREAM_DATA_ON_DISK = 2,
    /// Sent, without proof that it arrived.
    SIFTSTREAM_DATA_UNKNOWN = 3,
    /// Confirmed by Sift.
    SIFTSTREAM_DATA_CONFIRMED = 4,
}

use siftstream_data_status as Data;

impl siftstream_error {
    pub(crate) fn create(error: Error) -> Result<*mut Self> {
        handle::create(error)
    }
}

/// The status code of an error; SIFTSTREAM_INVALID_ARGUMENT if `error` is no living error.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_error_code(error: *const siftstream_error) -> siftstream_status {
    value_or(siftstream_status::SIFTSTREAM_INVALID_ARGUMENT, || Ok(handle::shared(error)?.code().into()))
}

/// What happened, to which thing, and what to do. The text belongs to the error and lives as long as it; it is empty
/// if `error` is no living error.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_error_message(error: *const siftstream_error) -> siftstream_str {
    value_or(siftstream_str { ptr: std::ptr::null(), len: 0 }, || {
        Ok(siftstream_str::of(handle::shared(error)?.message()))
    })
}

/// Whether the same call can succeed later without a change by the caller.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_error_is_retryable(error: *const siftstream_error) -> bool {
    value_or(false, || Ok(handle::shared(error)?.is_retryable()))
}

/// What became of the data that the failed call was about.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_error_data_status(error: *const siftstream_error) -> siftstream_data_status {
    value_or(Data::SIFTSTREAM_DATA_UNKNOWN, || {
        Ok(match handle::shared(error)?.data_status() {
            DataStatus::NotAccepted => Data::SIFTSTREAM_DATA_NOT_ACCEPTED,
            DataStatus::InMemory => Data::SIFTSTREAM_DATA_IN_MEMORY,
            DataStatus::OnDisk => Data::SIFTSTREAM_DATA_ON_DISK,
            DataStatus::Confirmed => Data::SIFTSTREAM_DATA_CONFIRMED,
            _ => Data::SIFTSTREAM_DATA_UNKNOWN,
        })
    })
}

/// Frees an error and its message. NULL is fine.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_error_free(error: *mut siftstream_error) -> siftstream_status {
    free(error)
}
