//! Sending columns: many rows in one call.

use std::fmt;
use std::time::Duration;

use super::SiftStream;
use super::intake::{Refusal, Stopped};
use super::sift_stream::refusal;
use crate::encode::IngestionConfigEncoder;
use crate::encode::columns::CheckedColumns;
use crate::error::{Error, Result};
use crate::flow::Columns;
use crate::transport::Transport;

/// A send of columns that ended before its last row.
#[derive(Debug, Clone)]
pub struct SendColumnsError {
    /// How many rows were accepted, from the first one that was to be sent. None, if the columns are not of the schema
    /// or a row is too large. [`Columns::skip`] leaves them out of another try.
    pub accepted: usize,
    /// Why the rest was not.
    pub error: Error,
}

impl fmt::Display for SendColumnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for SendColumnsError {}

impl<T: Transport> SiftStream<IngestionConfigEncoder, T> {
    /// Sends all rows of `columns` in order, waiting for room as long as it takes.
    ///
    /// Columns that are not of the stream's schema, whose lengths differ, or that have a row that is too large are
    /// refused as a whole. Rows of other threads may come in between. Dropping the future before it is ready leaves
    /// the first rows accepted, each one wholly, and the others not; to know how many, use another call.
    pub async fn send_columns(&self, columns: &Columns<'_>) -> Result<(), SendColumnsError> {
        let checked = self.check_columns(columns)?;
        self.inner
            .transport
            .intake()
            .push_columns(&checked)
            .await
            .map_err(|stopped| SendColumnsError { accepted: stopped.accepted, error: refusal(stopped.why) })
    }

    /// The same, blocking the calling thread until there is room, for at most `timeout` altogether. After a timeout the
    /// error says how many rows were accepted.
    pub fn send_columns_timeout(
        &self,
        columns: &Columns<'_>,
        timeout: Duration,
    ) -> Result<(), SendColumnsError> {
        let checked = self.check_columns(columns)?;
        let pushed = self.inner.transport.intake().push_columns_until(&checked, timeout);
        pushed.map_err(|Stopped { accepted, why }| {
            let error = match why {
                Refusal::Full => self.no_room_within(timeout),
                why => refusal(why),
            };
            SendColumnsError { accepted, error }
        })
    }

    /// Sends as many rows as there is room for, from the first one on, without ever waiting, and returns how many.
    /// Fewer than [`Columns::len`] means that the stream is full now.
    ///
    /// The columns are still checked as a whole: those that would be refused by [`send_columns`](Self::send_columns)
    /// are refused here, and none of their rows is accepted.
    pub fn try_send_columns(&self, columns: &Columns<'_>) -> Result<usize, SendColumnsError> {
        let checked = self.check_columns(columns)?;
        match self.inner.transport.intake().try_push_columns(&checked) {
            Ok(()) => Ok(columns.len()),
            Err(Stopped { accepted, why: Refusal::Full }) => Ok(accepted),
            Err(Stopped { accepted, why }) => Err(SendColumnsError { accepted, error: refusal(why) }),
        }
    }

    fn check_columns<'a>(&self, columns: &Columns<'a>) -> Result<CheckedColumns<'a>, SendColumnsError> {
        self.check_process()
            .and_then(|()| CheckedColumns::new(columns, &self.inner.encoder))
            .map_err(|error| SendColumnsError { accepted: 0, error })
    }
}
