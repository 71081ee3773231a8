//! Errors of core on their way to JavaScript, where they become a `SiftStreamError`.

use serde_json::{Value, json};
use siftstream::{DataStatus, Error, ErrorCode, FinishError, Report, SendColumnsError};

use crate::json::report_to_json;

/// What tells the message of such an error from that of any other.
const MARK: &str = "siftstream:";

/// A failed call: the error, and what is known beside it.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Error,
    report: Option<Box<Report>>,
    accepted: Option<usize>,
}

impl Failure {
    /// The same, with how many rows had been accepted before.
    pub(crate) fn after(mut self, rows: usize) -> Self {
        self.accepted = Some(self.accepted.unwrap_or(0) + rows);
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, report: None, accepted: None }
    }
}

impl From<FinishError> for Failure {
    fn from(failed: FinishError) -> Self {
        Self { error: failed.error, report: Some(failed.report), accepted: None }
    }
}

impl From<SendColumnsError> for Failure {
    fn from(failed: SendColumnsError) -> Self {
        Self { error: failed.error, report: None, accepted: Some(failed.accepted) }
    }
}

impl From<Failure> for napi::Error {
    fn from(failure: Failure) -> Self {
        let mut told = error_to_json(&failure.error);
        told["report"] = failure.report.map_or(Value::Null, |report| report_to_json(&report));
        told["accepted"] = failure.accepted.map_or(Value::Null, Value::from);
        Self::from_reason(format!("{MARK}{told}"))
    }
}

/// The error as the exception of a call.
pub(crate) fn thrown(error: Error) -> napi::Error {
    Failure::from(error).into()
}

/// An argument that the TypeScript part should not have let through.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

pub(crate) fn error_to_json(error: &Error) -> Value {
    json!({
        "code": name(error.code()),
        "number": error.code() as i32,
        "message": error.message(),
        "retryable": error.is_retryable(),
        "dataStatus": data_status(error.data_status()),
    })
}

fn data_status(status: DataStatus) -> &'static str {
    match status {
        DataStatus::NotAccepted => "not_accepted",
        DataStatus::InMemory => "in_memory",
        DataStatus::OnDisk => "on_disk",
        DataStatus::Confirmed => "confirmed",
        _ => "unknown",
    }
}

/// Writes the table of names, which are those of the C header.
macro_rules! names {
    ($($code:ident => $name:literal,)*) => {
        fn name(code: ErrorCode) -> &'static str {
            match code {
                $(ErrorCode::$code => $name,)*
                _ => "INTERNAL",
            }
        }

        /// Name and number of each code.
        pub(crate) fn codes() -> Value {
            json!({ $($name: ErrorCode::$code as i32,)* })
        }
    };
}

names! {
    Full => "FULL",
    Timeout => "TIMEOUT",
    Closed => "CLOSED",
    NotConfigured => "NOT_CONFIGURED",
    WorkerDied => "WORKER_DIED",
    Cancelled => "CANCELLED",
    Forked => "FORKED",
    RowTooLarge => "ROW_TOO_LARGE",
    DiskFull => "DISK_FULL",
    Auth => "AUTH",
    Rejected => "REJECTED",
    InvalidArgument => "INVALID_ARGUMENT",
    UnknownFlow => "UNKNOWN_FLOW",
    UnknownChannel => "UNKNOWN_CHANNEL",
    WrongType => "WRONG_TYPE",
    SchemaMismatch => "SCHEMA_MISMATCH",
    Unavailable => "UNAVAILABLE",
    Unimplemented => "UNIMPLEMENTED",
    Io => "IO",
    Corrupt => "CORRUPT",
    Tls => "TLS",
    NotFound => "NOT_FOUND",
    Busy => "BUSY",
    Unconfirmed => "UNCONFIRMED",
    Dropped => "DROPPED",
    Internal => "INTERNAL",
}
