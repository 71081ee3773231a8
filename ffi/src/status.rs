//! Status codes: core's error codes, pinned to the numbers of the ABI.

use std::ffi::c_char;

use siftstream_core::ErrorCode;

/// What a call came to. The numbers never change; new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_status {
    /// Done.
    SIFTSTREAM_OK = 0,
    /// A channel between the caller and a task is full; try again later.
    SIFTSTREAM_FULL = 1,
    /// A deadline passed before the call was done.
    SIFTSTREAM_TIMEOUT = 2,
    /// The stream is finished or shut down.
    SIFTSTREAM_CLOSED = 3,
    /// Something the call needs was not configured.
    SIFTSTREAM_NOT_CONFIGURED = 4,
    /// A task or thread of the library died.
    SIFTSTREAM_WORKER_DIED = 5,
    /// The operation was cancelled by the caller.
    SIFTSTREAM_CANCELLED = 6,
    /// The process forked; a stream cannot be used in the child.
    SIFTSTREAM_FORKED = 7,
    /// A row is larger than max_row_size.
    SIFTSTREAM_ROW_TOO_LARGE = 8,
    /// The disk, or the budget for it, is full.
    SIFTSTREAM_DISK_FULL = 9,
    /// The endpoint refused the API key.
    SIFTSTREAM_AUTH = 10,
    /// The endpoint refused rows.
    SIFTSTREAM_REJECTED = 11,
    /// An argument is malformed or out of range, or a handle was freed or is of another type.
    SIFTSTREAM_INVALID_ARGUMENT = 12,
    /// A flow is not part of the ingestion config.
    SIFTSTREAM_UNKNOWN_FLOW = 13,
    /// A channel is not part of its flow.
    SIFTSTREAM_UNKNOWN_CHANNEL = 14,
    /// A value has another type than its channel.
    SIFTSTREAM_WRONG_TYPE = 15,
    /// A flow differs from the one that Sift has under the same name.
    SIFTSTREAM_SCHEMA_MISMATCH = 16,
    /// The endpoint cannot be reached.
    SIFTSTREAM_UNAVAILABLE = 17,
    /// The endpoint does not offer a call that is needed.
    SIFTSTREAM_UNIMPLEMENTED = 18,
    /// Reading or writing a file failed.
    SIFTSTREAM_IO = 19,
    /// Stored data is damaged.
    SIFTSTREAM_CORRUPT = 20,
    /// TLS could not be set up or verified.
    SIFTSTREAM_TLS = 21,
    /// The thing asked for does not exist.
    SIFTSTREAM_NOT_FOUND = 22,
    /// Another owner holds the thing.
    SIFTSTREAM_BUSY = 23,
    /// Rows were not confirmed by the end of the stream.
    SIFTSTREAM_UNCONFIRMED = 24,
    /// Rows were dropped by a policy that the user chose.
    SIFTSTREAM_DROPPED = 25,
    /// A defect of this library; nothing the caller did.
    SIFTSTREAM_INTERNAL = 26,
}

use siftstream_status as Status;

impl From<ErrorCode> for siftstream_status {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Full => Status::SIFTSTREAM_FULL,
            ErrorCode::Timeout => Status::SIFTSTREAM_TIMEOUT,
            ErrorCode::Closed => Status::SIFTSTREAM_CLOSED,
            ErrorCode::NotConfigured => Status::SIFTSTREAM_NOT_CONFIGURED,
            ErrorCode::WorkerDied => Status::SIFTSTREAM_WORKER_DIED,
            ErrorCode::Cancelled => Status::SIFTSTREAM_CANCELLED,
            ErrorCode::Forked => Status::SIFTSTREAM_FORKED,
            ErrorCode::RowTooLarge => Status::SIFTSTREAM_ROW_TOO_LARGE,
            ErrorCode::DiskFull => Status::SIFTSTREAM_DISK_FULL,
            ErrorCode::Auth => Status::SIFTSTREAM_AUTH,
            ErrorCode::Rejected => Status::SIFTSTREAM_REJECTED,
            ErrorCode::InvalidArgument => Status::SIFTSTREAM_INVALID_ARGUMENT,
            ErrorCode::UnknownFlow => Status::SIFTSTREAM_UNKNOWN_FLOW,
            ErrorCode::UnknownChannel => Status::SIFTSTREAM_UNKNOWN_CHANNEL,
            ErrorCode::WrongType => Status::SIFTSTREAM_WRONG_TYPE,
            ErrorCode::SchemaMismatch => Status::SIFTSTREAM_SCHEMA_MISMATCH,
            ErrorCode::Unavailable => Status::SIFTSTREAM_UNAVAILABLE,
            ErrorCode::Unimplemented => Status::SIFTSTREAM_UNIMPLEMENTED,
            ErrorCode::Io => Status::SIFTSTREAM_IO,
            ErrorCode::Corrupt => Status::SIFTSTREAM_CORRUPT,
            ErrorCode::Tls => Status::SIFTSTREAM_TLS,
            ErrorCode::NotFound => Status::SIFTSTREAM_NOT_FOUND,
            ErrorCode::Busy => Status::SIFTSTREAM_BUSY,
            ErrorCode::Unconfirmed => Status::SIFTSTREAM_UNCONFIRMED,
            ErrorCode::Dropped => Status::SIFTSTREAM_DROPPED,
            _ => Status::SIFTSTREAM_INTERNAL,
        }
    }
}

/// The name of a status code, such as "FULL"; "UNKNOWN" for a number that is none. The text is static.
///
/// Thread-safety: any thread. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_status_name(status: i32) -> *const c_char {
    const NAMES: [&std::ffi::CStr; 27] = [
        c"OK",
        c"FULL",
        c"TIMEOUT",
        c"CLOSED",
        c"NOT_CONFIGURED",
        c"WORKER_DIED",
        c"CANCELLED",
        c"FORKED",
        c"ROW_TOO_LARGE",
        c"DISK_FULL",
        c"AUTH",
        c"REJECTED",
        c"INVALID_ARGUMENT",
        c"UNKNOWN_FLOW",
        c"UNKNOWN_CHANNEL",
        c"WRONG_TYPE",
        c"SCHEMA_MISMATCH",
        c"UNAVAILABLE",
        c"UNIMPLEMENTED",
        c"IO",
        c"CORRUPT",
        c"TLS",
        c"NOT_FOUND",
        c"BUSY",
        c"UNCONFIRMED",
        c"DROPPED",
        c"INTERNAL",
    ];
    usize::try_from(status).ok().and_then(|at| NAMES.get(at)).unwrap_or(&c"UNKNOWN").as_ptr()
}
