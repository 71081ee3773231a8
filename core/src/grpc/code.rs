//! gRPC's status codes.

use crate::metrics::STATUS_NAMES;

/// What kind of outcome a call had, by gRPC's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    const ALL: [Self; STATUS_NAMES.len()] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code with that number. Numbers that gRPC does not define read as UNKNOWN.
    pub(crate) fn from_number(number: i32) -> Self {
        let code = usize::try_from(number).ok().and_then(|at| Self::ALL.get(at));
        code.copied().unwrap_or(Self::Unknown)
    }

    /// Its number on the wire.
    pub(crate) fn number(self) -> i32 {
        self as i32
    }

    /// Its name in gRPC's own documents.
    pub(crate) fn name(self) -> &'static str {
        STATUS_NAMES[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_number_and_its_name() {
        for (number, name) in (0..).zip(STATUS_NAMES) {
            let code = Code::from_number(number);
            assert_eq!((code.number(), code.name()), (number, name));
            assert_eq!(format!("{code:?}").to_uppercase(), name.replace('_', ""));
        }
        assert_eq!(Code::from_number(17), Code::Unknown);
        assert_eq!(Code::from_number(-1), Code::Unknown);
    }
}
