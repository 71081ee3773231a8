//! How far the rows of a stream have come on disk: written by the disk thread, read and waited for by callers.
//!
//! Requests to the thread are state here, not messages: a thread that is busy still sees them.

use std::ops::Range;
use std::time::Instant;

use super::level::Level;
use super::watched::Watched;
use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::ledger::RangeSet;

/// What the thread is asked to do, as of now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    /// Rows below this ID are wanted written.
    pub(crate) written_below: u64,
    /// Rows below this ID are wanted durable.
    pub(crate) durable_below: u64,
    /// Rows of the file that is being written are wanted back: finish it.
    pub(crate) rotate: bool,
    /// No more rows come: finish the file and end.
    pub(crate) finishing: bool,
    /// Nobody waits any more: end at the next error.
    pub(crate) abandoned: bool,
}

/// What the thread knows of its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DiskMarks {
    pub(crate) written: u64,
    pub(crate) durable: u64,
    /// Rows of this stream that were given up.
    pub(crate) dropped: u64,
    /// Rows of earlier epochs that were given up to make room.
    pub(crate) dropped_earlier: u64,
}

#[derive(Debug, Default)]
struct State {
    requests: Requests,
    marks: DiskMarks,
    /// Rows that were dropped before they came to the thread.
    overflowed: RangeSet,
    /// Dropped rows that a flush has reported.
    dropped_told: u64,
    /// The disk's last error, until it works again.
    trouble: Option<Error>,
    /// Why nothing can be written any more.
    broken: Option<Error>,
    cancelled: Option<Error>,
    ended: bool,
}

/// The progress of the disk thread and what is asked of it.
#[derive(Debug, Default)]
pub(crate) struct DiskProgress {
    state: Watched<State>,
}

impl DiskProgress {
    pub(crate) fn requests(&self) -> Requests {
        self.state.lock().requests
    }

    pub(crate) fn request_flush(&self, level: Level, below: u64) {
        let requests = &mut self.state.lock().requests;
        let wanted =
            if level == Level::Written { &mut requests.written_below } else { &mut requests.durable_below };
        *wanted = below.max(*wanted);
    }

    pub(crate) fn request_rotation(&self) {
        self.state.lock().requests.rotate = true;
    }

    pub(crate) fn rotated(&self) {
        self.state.lock().requests.rotate = false;
    }

    pub(crate) fn request_finish(&self) {
        self.state.lock().requests.finishing = true;
    }

    pub(crate) fn abandon(&self) {
        self.state.lock().requests.abandoned = true;
    }

    /// Finish without waiting out a failing disk; those who wait get the reason.
    pub(crate) fn request_cancel(&self, why: Error) {
        self.state.change(|state| {
            state.cancelled.get_or_insert(why);
            state.requests.finishing = true;
            state.requests.abandoned = true;
        });
    }

    pub(crate) fn publish(&self, marks: DiskMarks) {
        if self.state.lock().marks != marks {
            self.state.change(|state| state.marks = marks);
        }
    }

    /// Rows were dropped because the channel to the thread was full.
    pub(crate) fn overflowed(&self, ids: &[Range<u64>]) {
        self.state.change(|state| state.overflowed.extend(ids.iter().cloned()));
    }

    /// Where the rows from `at` on end that were dropped so.
    pub(crate) fn passed_overflow(&self, at: u64) -> u64 {
        self.state.lock().overflowed.reach_from(at)
    }

    /// The rows that were dropped so.
    pub(crate) fn all_overflowed(&self) -> RangeSet {
        self.state.lock().overflowed.clone()
    }

    pub(crate) fn set_trouble(&self, trouble: Option<Error>) {
        self.state.lock().trouble = trouble;
    }

    /// Nothing can be written any more; the first reason stays.
    pub(crate) fn break_with(&self, why: Error) {
        self.state.change(|state| {
            state.broken.get_or_insert(why);
        });
    }

    pub(crate) fn end(&self) {
        self.state.change(|state| state.ended = true);
    }

    pub(crate) fn marks(&self) -> DiskMarks {
        self.state.lock().marks
    }

    /// What keeps rows from the disk, if anything does.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.state.lock().failure()
    }

    /// Waits until the rows below `below` are at `level`.
    pub(crate) fn wait_level(&self, level: Level, below: u64, deadline: Instant) -> Result<()> {
        let reached = self.state.wait_until(deadline, |state| state.are_at(level, below));
        reached.unwrap_or_else(|| Err(self.not_in_time(level, below)))
    }

    /// The same wait as a task.
    pub(crate) async fn level_by(
        &self,
        level: Level,
        below: u64,
        deadline: tokio::time::Instant,
    ) -> Result<()> {
        let reached = self.state.until(deadline, |state| state.are_at(level, below)).await;
        reached.unwrap_or_else(|| Err(self.not_in_time(level, below)))
    }

    fn not_in_time(&self, level: Level, below: u64) -> Error {
        let what = format!("not all of the first {below} rows were {level} in time");
        let error = match self.failure() {
            Some(why) => why.context(what),
            None => Error::new(ErrorCode::Timeout, format!("{what}: wait longer")),
        };
        error.with_data_status(DataStatus::InMemory)
    }

    /// Waits until the thread is over; false if it is not by `deadline`.
    pub(crate) fn wait_ended(&self, deadline: Instant) -> bool {
        self.state.wait_until(deadline, |state| state.ended.then_some(())).is_some()
    }

    /// The same wait as a task.
    pub(crate) async fn ended_by(&self, deadline: tokio::time::Instant) -> bool {
        self.state.until(deadline, |state| state.ended.then_some(())).await.is_some()
    }
}

impl State {
    /// Whether the rows below `below` are at `level`; an error if they will not be; none if that is open.
    fn are_at(&mut self, level: Level, below: u64) -> Option<Result<()>> {
        let mark = if level == Level::Written { self.marks.written } else { self.marks.durable };
        if mark >= below {
            return Some(self.tell_dropped());
        }
        let over = self.cancelled.clone().or_else(|| self.broken.clone());
        let over = over.or_else(|| {
            self.ended.then(|| Error::new(ErrorCode::Closed, "the stream ended before its rows were safe"))
        });
        over.map(|why| Err(why.with_data_status(DataStatus::InMemory)))
    }

    fn failure(&self) -> Option<Error> {
        [&self.cancelled, &self.broken, &self.trouble].into_iter().flatten().next().cloned()
    }

    /// Rows dropped since the last flush are told once: they are not at the level that was asked for.
    fn tell_dropped(&mut self) -> Result<()> {
        let all = self.marks.dropped + self.overflowed.len();
        let dropped = all - self.dropped_told;
        self.dropped_told = all;
        if dropped == 0 {
            return Ok(());
        }
        let message = format!("{dropped} rows were dropped, by policy or by the disk, since the last flush");
        Err(Error::new(ErrorCode::Dropped, message).with_data_status(DataStatus::Unknown))
    }
}
