//! One error type for every part of the library, with stable numbers.
//!
//! Each error says what happened, to which thing and what to do; [`Error::code`] is the same number in every
//! language, [`Error::is_retryable`] tells whether trying again can help, and [`Error::data_status`] what became of
//! the data the failed call was about.

use std::fmt;

/// What kind of error it is. The numbers are part of the ABI: they never change and are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum ErrorCode {
    /// A channel between the caller and a task is full; try again later.
    Full = 1,
    /// A deadline passed before the call was done.
    Timeout = 2,
    /// The stream is finished or shut down.
    Closed = 3,
    /// Something the call needs was not configured.
    NotConfigured = 4,
    /// A task or thread of the library died.
    WorkerDied = 5,
    /// The operation was cancelled by the caller.
    Cancelled = 6,
    /// The process forked; a stream cannot be used in the child.
    Forked = 7,
    /// A row is larger than `max_row_size`.
    RowTooLarge = 8,
    /// The disk, or the budget for it, is full.
    DiskFull = 9,
    /// The endpoint refused the API key.
    Auth = 10,
    /// The endpoint refused rows.
    Rejected = 11,
    /// An argument is malformed or out of range.
    InvalidArgument = 12,
    /// A flow is not part of the ingestion config.
    UnknownFlow = 13,
    /// A channel is not part of its flow.
    UnknownChannel = 14,
    /// A value has another type than its channel.
    WrongType = 15,
    /// A flow differs from the one that Sift has under the same name.
    SchemaMismatch = 16,
    /// The endpoint cannot be reached.
    Unavailable = 17,
    /// The endpoint does not offer a call that is needed.
    Unimplemented = 18,
    /// Reading or writing a file failed.
    Io = 19,
    /// Stored data is damaged.
    Corrupt = 20,
    /// TLS could not be set up or verified.
    Tls = 21,
    /// The thing asked for does not exist.
    NotFound = 22,
    /// Another owner holds the thing.
    Busy = 23,
    /// Rows were not confirmed by the end of the stream.
    Unconfirmed = 24,
    /// Rows were dropped by a policy that the user chose.
    Dropped = 25,
    /// A defect of this library; nothing the caller did.
    Internal = 26,
}

/// What became of the data that a failed call was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum DataStatus {
    /// The call accepted nothing; the caller still has the data.
    NotAccepted = 0,
    /// Accepted and kept in memory.
    InMemory = 1,
    /// Accepted and kept on disk.
    OnDisk = 2,
    /// Sent, without proof that it arrived.
    Unknown = 3,
    /// Confirmed by Sift.
    Confirmed = 4,
}

/// An error of siftstream: as large as a pointer, so that a call that has none returns nothing but that.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Error(Box<Failure>);

#[derive(Debug, Clone)]
struct Failure {
    code: ErrorCode,
    message: String,
    data_status: DataStatus,
}

/// The result of most calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error about data that was not accepted (the usual case).
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Failure { code, message: message.into(), data_status: DataStatus::NotAccepted }))
    }

    /// An error of reading or writing `what`.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        let code = match error.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => ErrorCode::DiskFull,
            _ if error.kind() == std::io::ErrorKind::NotFound => ErrorCode::NotFound,
            _ => ErrorCode::Io,
        };
        Self::new(code, format!("{what}: {error}"))
    }

    /// The same error with another statement of what became of the data.
    #[must_use]
    pub fn with_data_status(mut self, status: DataStatus) -> Self {
        self.0.data_status = status;
        self
    }

    /// The same error, its message preceded by what was being done.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.0.message = format!("{doing}: {}", self.0.message);
        self
    }

    /// The stable kind.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// What happened, to which thing, and what to do.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What became of the data the failed call was about.
    pub fn data_status(&self) -> DataStatus {
        self.0.data_status
    }

    /// Whether the same call can succeed later without a change by the caller.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.code,
            ErrorCode::Full
                | ErrorCode::Timeout
                | ErrorCode::DiskFull
                | ErrorCode::Unavailable
                | ErrorCode::Busy
                | ErrorCode::Io
        )
    }
}
