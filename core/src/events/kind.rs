//! The kinds of events.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::flow::FlowRows;

/// Something that happened to a stream.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event {
    /// Its place among all events of the stream, from 0; a gap means that events were dropped from the queue.
    pub number: u64,
    /// When it happened, by the clock of the machine.
    pub at: SystemTime,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind {
    /// A connection to the endpoint is open.
    Connected,
    /// The connection is gone, or a gRPC stream on it failed; it is tried again after `retry_in`.
    Disconnected {
        /// What ended it.
        reason: Error,
        /// The wait before the next attempt.
        retry_in: Duration,
        /// The wait that Sift asked for, if it did; more than `retry_in` where the retry policy allows less.
        asked: Option<Duration>,
    },
    /// Sift confirmed all that one gRPC stream carried.
    Checkpoint {
        /// The message IDs.
        ranges: Vec<Range<u64>>,
        /// How many rows these are.
        rows: u64,
        /// How many of them belong to each flow; nothing for rows that were encoded elsewhere.
        flows: Vec<FlowRows>,
        /// From opening the gRPC stream to the confirmation.
        duration: Duration,
    },
    /// A gRPC stream confirmed nothing of what it carried; the rows are sent again.
    CheckpointFailed {
        /// The message IDs.
        ranges: Vec<Range<u64>>,
        /// Why.
        reason: Error,
    },
    /// The disk fails; rows wait in memory.
    DiskDegraded {
        /// What the disk said.
        reason: Error,
    },
    /// The disk works again.
    DiskRecovered,
    /// Part of a backup file was damaged, and its bytes were put aside.
    Quarantined {
        /// The number of the file.
        file: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Sift refused rows for what is in them.
    Rejected {
        /// What it said.
        reason: Error,
    },
    /// Nothing more is tried: of the stream, or of one backup file, which stays where it is.
    GaveUp {
        /// The number of the file; none if it is the stream.
        file: Option<u64>,
        /// Why.
        reason: Error,
    },
    /// A flow was registered with Sift.
    FlowRegistered {
        /// Its name.
        name: String,
    },
    /// Unconfirmed rows of an earlier start were found; they are sent in the background.
    Recovered {
        /// How many rows.
        rows: u64,
    },
    /// Everything that was owed from the disk is confirmed.
    CaughtUp,
    /// Rows were given up, by a policy that the user chose or because a disk lost them.
    Dropped {
        /// Their message IDs, where these are known.
        ranges: Vec<Range<u64>>,
        /// How many rows.
        rows: u64,
        /// How many of them belong to each flow, where that is known.
        flows: Vec<FlowRows>,
        /// What caused it.
        cause: String,
    },
}

impl EventKind {
    /// The name of the kind, the same in all languages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected { .. } => "disconnected",
            Self::Checkpoint { .. } => "checkpoint",
            Self::CheckpointFailed { .. } => "checkpoint_failed",
            Self::DiskDegraded { .. } => "disk_degraded",
            Self::DiskRecovered => "disk_recovered",
            Self::Quarantined { .. } => "quarantined",
            Self::Rejected { .. } => "rejected",
            Self::GaveUp { .. } => "gave_up",
            Self::FlowRegistered { .. } => "flow_registered",
            Self::Recovered { .. } => "recovered",
            Self::CaughtUp => "caught_up",
            Self::Dropped { .. } => "dropped",
        }
    }

    /// How many rows it is about; none if it is not about rows.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        match self {
            Self::Checkpoint { rows, .. } | Self::Recovered { rows } | Self::Dropped { rows, .. } => {
                Some(*rows)
            }
            Self::CheckpointFailed { ranges, .. } => {
                Some(ranges.iter().map(|range| range.end - range.start).sum())
            }
            _ => None,
        }
    }

    /// The message IDs it is about, in order; none if these are not known, or it is not about rows of this start.
    #[must_use]
    pub fn ranges(&self) -> &[Range<u64>] {
        match self {
            Self::Checkpoint { ranges, .. }
            | Self::CheckpointFailed { ranges, .. }
            | Self::Dropped { ranges, .. } => ranges,
            _ => &[],
        }
    }

    /// How many of the rows belong to each flow; nothing if that is not known, or it is not about rows.
    #[must_use]
    pub fn flows(&self) -> &[FlowRows] {
        match self {
            Self::Checkpoint { flows, .. } | Self::Dropped { flows, .. } => flows,
            _ => &[],
        }
    }

    /// The number of the backup file it is about, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<u64> {
        match self {
            Self::Quarantined { file, .. } => Some(*file),
            Self::GaveUp { file, .. } => *file,
            _ => None,
        }
    }

    /// The error behind it, if there is one.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Disconnected { reason, .. }
            | Self::CheckpointFailed { reason, .. }
            | Self::DiskDegraded { reason }
            | Self::Rejected { reason }
            | Self::GaveUp { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Connected | Self::CaughtUp | Self::DiskRecovered => Ok(()),
            Self::Disconnected { reason, retry_in, asked: Some(asked) } => {
                write!(f, ": {reason}; Sift asks for a wait of {asked:?}, next attempt in {retry_in:?}")
            }
            Self::Disconnected { reason, retry_in, asked: None } => {
                write!(f, ": {reason}; next attempt in {retry_in:?}")
            }
            Self::Checkpoint { rows, duration, .. } => write!(f, ": {rows} rows, {duration:?}"),
            Self::CheckpointFailed { reason, .. }
            | Self::DiskDegraded { reason }
            | Self::Rejected { reason } => write!(f, ": {reason}"),
            Self::Quarantined { file, bytes } => write!(f, ": {bytes} bytes of file {file}"),
            Self::GaveUp { file: Some(file), reason } => write!(f, ": file {file}: {reason}"),
            Self::GaveUp { file: None, reason } => write!(f, ": {reason}"),
            Self::FlowRegistered { name } => write!(f, ": {name}"),
            Self::Recovered { rows } => write!(f, ": {rows} rows"),
            Self::Dropped { rows, cause, .. } => write!(f, ": {rows} rows, {cause}"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}
