//! What has become of the rows of a stream: written by its tasks, read and waited for by callers.
//!
//! Requests to a task are state here, not messages: a task that is slow or starts again still sees them. So are its
//! announcements: that a checkpoint is complete, or needs re-ingestion, is what the ledger says from then on.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::watched::Watched;
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::ledger::{Ledger, RangeSet, StreamNumber};

#[derive(Debug, Default)]
struct State {
    ledger: Ledger,
    /// Rows below this ID are wanted at the next checkpoint.
    checkpoint_below: u64,
    /// A checkpoint of whatever was sent is wanted: rows pile up behind it.
    checkpoint_now: bool,
    /// Sift asked for a pause that is not over.
    holding_off: bool,
    /// No more rows come: send what is there, confirm it, end.
    finishing: bool,
    /// Why the stream can deliver nothing any more.
    broken: Option<Error>,
    cancelled: Option<Error>,
    /// The task is over.
    ended: bool,
    /// How often somebody was asked to look again.
    looks: u64,
}

/// The progress of a stream and what is asked of it.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    state: Watched<State>,
}

/// What a task is asked to do, as of now.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    pub(crate) checkpoint_below: u64,
    pub(crate) checkpoint_now: bool,
    pub(crate) finishing: bool,
    pub(crate) cancelled: bool,
}

impl Delivery {
    pub(crate) fn requests(&self) -> Requests {
        let state = self.state.lock();
        Requests {
            checkpoint_below: state.checkpoint_below,
            checkpoint_now: state.checkpoint_now,
            finishing: state.finishing,
            cancelled: state.cancelled.is_some(),
        }
    }

    pub(crate) fn request_checkpoint(&self, below: u64) {
        let mut state = self.state.lock();
        state.checkpoint_below = state.checkpoint_below.max(below);
    }

    /// The backups are full: confirm what can be confirmed, so that it can go.
    pub(crate) fn backup_full(&self) {
        self.state.lock().checkpoint_now = true;
    }

    /// Sift wants to be left alone, or no longer: whoever sends heeds it, on whatever connection.
    pub(crate) fn hold_off(&self, holding_off: bool) {
        self.state.lock().holding_off = holding_off;
    }

    pub(crate) fn is_holding_off(&self) -> bool {
        let state = self.state.lock();
        state.holding_off && !state.ended
    }

    pub(crate) fn request_finish(&self) {
        self.state.lock().finishing = true;
    }

    pub(crate) fn request_cancel(&self, why: Error) {
        self.state.change(|state| {
            state.cancelled.get_or_insert(why);
        });
    }

    /// A gRPC stream was opened.
    pub(crate) fn open(&self, stream: StreamNumber) {
        self.state.lock().ledger.open(stream);
    }

    /// Rows are about to be given to an open gRPC stream.
    pub(crate) fn carry(&self, stream: StreamNumber, ids: Range<u64>) {
        self.state.lock().ledger.carry(stream, ids);
    }

    /// A gRPC stream takes no more rows.
    pub(crate) fn half_close(&self, stream: StreamNumber) {
        let mut state = self.state.lock();
        state.ledger.half_close(stream);
        state.checkpoint_now = false;
    }

    /// A checkpoint is complete: returns what it confirmed; `None` if the stream was not half-closed. Nobody sees that it
    /// is complete before it was `counted`.
    pub(crate) fn confirm(&self, stream: StreamNumber, counted: impl FnOnce()) -> Option<RangeSet> {
        self.state.change(|state| {
            let confirmed = state.ledger.confirm(stream)?;
            counted();
            Some(confirmed)
        })
    }

    /// A gRPC stream confirmed nothing: returns what it carried.
    pub(crate) fn fail(&self, stream: StreamNumber) -> RangeSet {
        self.state.lock().ledger.fail(stream)
    }

    /// Rows need re-ingestion.
    pub(crate) fn owe(&self, ids: impl IntoIterator<Item = Range<u64>>) {
        self.state.change(|state| state.ledger.owe(ids));
    }

    /// Owed rows were confirmed by re-ingestion.
    pub(crate) fn repay(&self, ids: impl IntoIterator<Item = Range<u64>>) {
        self.state.change(|state| {
            for range in ids {
                state.ledger.repay(range);
            }
        });
    }

    /// Rows were given up by a choice of the user.
    pub(crate) fn give_up(&self, ids: impl IntoIterator<Item = Range<u64>>) {
        self.state.change(|state| state.ledger.give_up(ids));
    }

    /// Rows are gone that nobody wanted to give up.
    pub(crate) fn lose(&self, ids: impl IntoIterator<Item = Range<u64>>) {
        self.state.change(|state| state.ledger.lose(ids));
    }

    /// Sift refused a row by itself, and it was dealt with as the user chose.
    pub(crate) fn reject(&self, id: u64) {
        self.state.change(|state| state.ledger.reject(id));
    }

    /// Asks what the ledger says.
    pub(crate) fn ledger<T>(&self, ask: impl FnOnce(&Ledger) -> T) -> T {
        ask(&self.state.lock().ledger)
    }

    /// The stream can deliver nothing any more; the first reason stays.
    pub(crate) fn break_with(&self, why: Error) {
        self.state.change(|state| {
            state.broken.get_or_insert(why);
        });
    }

    pub(crate) fn end(&self) {
        self.state.change(|state| state.ended = true);
    }

    pub(crate) fn confirmed_rows(&self) -> u64 {
        self.ledger(|ledger| ledger.confirmed().len())
    }

    pub(crate) fn rejected_rows(&self) -> u64 {
        self.ledger(|ledger| ledger.rejected().len())
    }

    pub(crate) fn dropped_rows(&self) -> u64 {
        self.ledger(|ledger| ledger.dropped().len())
    }

    /// The IDs of the rows that were given up.
    pub(crate) fn dropped_ids(&self) -> Vec<Range<u64>> {
        self.ledger(|ledger| ledger.dropped().iter().collect())
    }

    /// How many rows from the first on are confirmed without a gap; rows that were given up, or are in quarantine, as the
    /// user chose, are passed over.
    pub(crate) fn confirmed_contiguous(&self) -> u64 {
        self.ledger(Ledger::passed_point)
    }

    /// The IDs below `accepted` that are not confirmed.
    pub(crate) fn unconfirmed(&self, accepted: u64) -> Vec<Range<u64>> {
        self.ledger(|ledger| ledger.confirmed().gaps(0..accepted))
    }

    /// Why nothing more can be delivered, if so.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.state.lock().failure()
    }

    /// Why nothing more can be delivered, other than that somebody cancelled.
    pub(crate) fn broken(&self) -> Option<Error> {
        self.state.lock().broken.clone()
    }

    /// Waits until all rows below `below` are confirmed.
    pub(crate) fn wait_confirmed(&self, below: u64, deadline: Instant) -> Result<()> {
        let confirmed = self.state.wait_until(deadline, |state| state.are_confirmed(below));
        confirmed.unwrap_or_else(|| Err(not_in_time(below)))
    }

    /// The same wait as a task.
    pub(crate) async fn confirmed_by(&self, below: u64, deadline: tokio::time::Instant) -> Result<()> {
        let confirmed = self.state.until(deadline, |state| state.are_confirmed(below)).await;
        confirmed.unwrap_or_else(|| Err(not_in_time(below)))
    }

    /// Waits until the task is over; false if it is not by `deadline`.
    pub(crate) fn wait_ended(&self, deadline: Instant) -> bool {
        self.state.wait_until(deadline, |state| state.ended.then_some(())).is_some()
    }

    /// The same wait as a task.
    pub(crate) async fn ended_by(&self, deadline: tokio::time::Instant) -> bool {
        self.state.until(deadline, |state| state.ended.then_some(())).await.is_some()
    }

    /// Wakes those who wait for news.
    pub(crate) fn look_again(&self) {
        self.state.change(|state| state.looks += 1);
    }

    /// Waits until other than `confirmed` rows are confirmed without a gap, or it was asked to look again more than
    /// `looks` times, or the stream is over; for at most `patience`. Returns all three.
    pub(crate) fn wait_for_news(&self, confirmed: u64, looks: u64, patience: Duration) -> (u64, u64, bool) {
        let news = |state: &State| {
            let is_over = state.ended || state.cancelled.is_some();
            (state.ledger.passed_point(), state.looks, is_over)
        };
        let found = self.state.wait_until(Instant::now() + patience, |state| {
            let found = news(state);
            (found.2 || found.0 != confirmed || found.1 != looks).then_some(found)
        });
        found.unwrap_or_else(|| news(&self.state.lock()))
    }

    /// Waits until the stream is over, or was asked to look again, for at most `patience`.
    pub(crate) fn rest(&self, looks: u64, patience: Duration) {
        self.state.wait_until(Instant::now() + patience, |state| {
            (state.ended || state.cancelled.is_some() || state.looks != looks).then_some(())
        });
    }

    /// Whether the task is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().ended
    }
}

/// Everything is dealt with, but not all of it is at Sift.
fn not_all_confirmed(ledger: &Ledger) -> Error {
    let (rejected, dropped) = (ledger.rejected().len(), ledger.dropped().len());
    let code = if rejected > 0 { ErrorCode::Rejected } else { ErrorCode::Dropped };
    let message = format!("{rejected} rows were rejected and are in quarantine, {dropped} were dropped");
    Error::new(code, message).with_data_status(DataStatus::OnDisk)
}

fn not_in_time(below: u64) -> Error {
    let message = format!("not all of the first {below} rows were confirmed in time: wait longer");
    Error::new(ErrorCode::Timeout, message).with_data_status(DataStatus::InMemory)
}

impl State {
    /// Whether all rows below `below` are confirmed; an error if they will not be; none if that is open.
    fn are_confirmed(&self, below: u64) -> Option<Result<()>> {
        let confirmed = self.ledger.confirmed();
        if confirmed.contains(&(0..below)) {
            return Some(Ok(()));
        }
        if self.ledger.settled_point() >= below {
            return Some(Err(not_all_confirmed(&self.ledger)));
        }
        if let Some(why) = self.failure() {
            return Some(Err(why.with_data_status(DataStatus::InMemory)));
        }
        if self.ended || !self.ledger.lost().is_empty() {
            let unconfirmed = below - confirmed.len().min(below);
            let message =
                format!("{unconfirmed} rows were not confirmed before the stream ended or lost them");
            return Some(Err(
                Error::new(ErrorCode::Unconfirmed, message).with_data_status(DataStatus::Unknown)
            ));
        }
        None
    }

    fn failure(&self) -> Option<Error> {
        self.cancelled.clone().or_else(|| self.broken.clone())
    }
}
