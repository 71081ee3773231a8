//! How far rows have come.

use std::fmt;

use crate::error::{Error, ErrorCode};

/// What a flush waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// The rows survive a crash of the process.
    Written,
    /// The rows survive a power failure.
    Durable,
    /// Sift has the rows.
    Confirmed,
}

impl Level {
    /// The name used in messages, configuration files and the other languages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Durable => "durable",
            Self::Confirmed => "confirmed",
        }
    }

    /// The error of a transport whose rows never reach this level.
    pub(crate) fn unknown_to(self, transport: &str) -> Error {
        Error::new(
            ErrorCode::NotConfigured,
            format!("rows of a {transport} stream are never {self}: use another level, or another transport"),
        )
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many rows, from the first one on, are at each level or beyond without a gap; none for a level that the
/// transport does not have. Rows that a policy dropped, or that are in quarantine, count as passed; rows that were lost do not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watermarks {
    /// Accepted by a call to send.
    pub accepted: u64,
    /// Survive a crash of the process.
    pub written: Option<u64>,
    /// Survive a power failure.
    pub durable: Option<u64>,
    /// Confirmed by Sift.
    pub confirmed: Option<u64>,
}
