//! Errors of sending that give the data back.

use std::fmt;

use crate::error::Error;

/// A send that failed; nothing of `data` was accepted.
pub struct SendError<T> {
    /// What was to be sent.
    pub data: T,
    /// Why it was not.
    pub error: Error,
}

/// A `try_send` that failed; nothing of the data was accepted.
pub enum TrySendError<T> {
    /// The stream is full now.
    Full(T),
    /// The stream is closed, or the data is not of its schema: see the error.
    Refused(SendError<T>),
}

impl<T> SendError<T> {
    /// The data.
    pub fn into_inner(self) -> T {
        self.data
    }
}

impl<T> TrySendError<T> {
    /// The data.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(data) => data,
            Self::Refused(refused) => refused.data,
        }
    }

    /// Whether the stream had no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// The reason as the library's error.
    pub fn error(&self) -> Error {
        match self {
            Self::Full(_) => full(),
            Self::Refused(refused) => refused.error.clone(),
        }
    }
}

/// The stream has no room now.
pub(crate) fn full() -> Error {
    Error::new(
        crate::error::ErrorCode::Full,
        "the stream is full: send again later, or raise the capacity of its data channel",
    )
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> std::error::Error for SendError<T> {}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

impl<T> std::error::Error for TrySendError<T> {}
