//! Rows on their way into the stream. No Python happens here.

use std::collections::VecDeque;
use std::time::Duration;

use siftstream::{Error, ErrorCode, Result};

use super::held::Rows;
use super::table::Table;
use crate::live::CoreStream;

/// Where rows come from.
pub(super) enum Source {
    /// All at once.
    Once(Rows),
    /// In parts, each of which was looked at.
    Parts(VecDeque<Rows>),
    /// In batches that are made as they are asked for.
    Table(Table),
}

impl Source {
    fn next(&mut self) -> Result<Option<Rows>> {
        match self {
            Self::Parts(parts) => Ok(parts.pop_front()),
            Self::Table(table) => table.next(),
            Self::Once(_) => match std::mem::replace(self, Self::Parts(VecDeque::new())) {
                Self::Once(rows) => Ok(Some(rows)),
                Self::Parts(_) | Self::Table(_) => Ok(None),
            },
        }
    }
}

/// A send of many rows that goes on step by step.
pub(super) struct Sending {
    stream: CoreStream,
    source: Source,
    /// The rows in hand, and how many of them were accepted.
    current: Option<(Rows, usize)>,
    accepted: usize,
    late: Option<Error>,
}

impl Sending {
    pub(super) fn new(stream: CoreStream, source: Source) -> Self {
        Self { stream, source, current: None, accepted: 0, late: None }
    }

    /// How many rows were accepted.
    pub(super) fn accepted(&self) -> usize {
        self.accepted
    }

    /// The last time that there was no room.
    pub(super) fn late(&self) -> Option<&Error> {
        self.late.as_ref()
    }

    /// Goes on, waiting for room for at most `step`, or not at all. Returns whether that was all.
    pub(super) fn advance(&mut self, step: Option<Duration>) -> Result<bool> {
        loop {
            let (rows, sent) = match &mut self.current {
                Some((rows, sent)) => (rows, sent),
                None => match self.source.next()? {
                    Some(rows) => {
                        let (rows, sent) = self.current.insert((rows, 0));
                        (rows, sent)
                    }
                    None => return Ok(true),
                },
            };
            let mut columns = rows.as_core();
            columns.skip(*sent);
            let left = columns.len();
            let (accepted, failed) = match step {
                None => match self.stream.try_send_columns(&columns) {
                    Ok(accepted) => (accepted, None),
                    Err(failed) => (failed.accepted, Some(failed.error)),
                },
                Some(step) => match self.stream.send_columns_timeout(&columns, step) {
                    Ok(()) => (left, None),
                    Err(failed) => (failed.accepted, Some(failed.error)),
                },
            };
            self.accepted += accepted;
            *sent += accepted;
            match failed {
                Some(late) if late.code() == ErrorCode::Timeout => {
                    self.late = Some(late);
                    return Ok(false);
                }
                Some(error) => return Err(error),
                None if accepted < left => return Ok(false),
                None => self.current = None,
            }
        }
    }
}
