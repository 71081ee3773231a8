//! What became of each row, told at the end of a stream.

use std::fmt;
use std::ops::Range;

use crate::error::{DataStatus, Error, ErrorCode, Result};

/// Each row once, at the furthest state it reached:
/// `accepted + recovered = confirmed + on_disk + in_memory + dropped + rejected`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Rows that calls to send were told Ok for.
    pub accepted: u64,
    /// Rows taken over from earlier openings of the slot.
    pub recovered: u64,
    /// Rows that Sift has confirmed.
    pub confirmed: u64,
    /// Rows kept on disk, to be sent later.
    pub on_disk: u64,
    /// Rows that were only in memory, sent or not, and are not confirmed.
    pub in_memory: u64,
    /// Rows given up: by a choice of the user, or because a disk lost them.
    pub dropped: u64,
    /// Rows that Sift refused.
    pub rejected: u64,
    /// Message IDs that are not confirmed, in order.
    pub unconfirmed: Vec<Range<u64>>,
    /// Message IDs of dropped rows, where they are known, in order.
    pub dropped_ids: Vec<Range<u64>>,
}

/// How many ranges a message shows.
const SHOWN_RANGES: usize = 8;

/// A finish that could not deliver all; carries the report.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub struct FinishError {
    /// What went wrong.
    pub error: Error,
    /// What became of each row.
    pub report: Box<Report>,
}

impl Report {
    /// Ok only if no row is in memory, dropped or rejected; else the first failure, or what is missing.
    pub(crate) fn judge(self, failure: Option<Error>) -> Result<Self, FinishError> {
        if self.in_memory == 0 && self.dropped == 0 && self.rejected == 0 {
            return Ok(self);
        }
        let code = match (&failure, self.in_memory, self.dropped) {
            (Some(why), ..) => why.code(),
            (None, 0, 0) => ErrorCode::Rejected,
            (None, 0, _) => ErrorCode::Dropped,
            (None, ..) => ErrorCode::Unconfirmed,
        };
        let why = failure.map(|why| format!("; the cause: {why}")).unwrap_or_default();
        let error = Error::new(code, format!("not all rows were delivered: {self}{why}"))
            .with_data_status(DataStatus::Unknown);
        Err(FinishError { error, report: Box::new(self) })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "accepted {}, recovered {}, confirmed {}, on disk {}, in memory {}, dropped {}, rejected {}",
            self.accepted,
            self.recovered,
            self.confirmed,
            self.on_disk,
            self.in_memory,
            self.dropped,
            self.rejected
        )?;
        show(f, "unconfirmed", &self.unconfirmed)?;
        show(f, "dropped", &self.dropped_ids)
    }
}

fn show(f: &mut fmt::Formatter<'_>, what: &str, ranges: &[Range<u64>]) -> fmt::Result {
    if ranges.is_empty() {
        return Ok(());
    }
    write!(f, "; {what} message IDs")?;
    for range in ranges.iter().take(SHOWN_RANGES) {
        write!(f, " {}-{}", range.start, range.end - 1)?;
    }
    if ranges.len() > SHOWN_RANGES { f.write_str(" …") } else { Ok(()) }
}
