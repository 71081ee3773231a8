//! How far the rows of a stream have come on disk: written by the disk thread, read and waited for by callers.
//!
//! Requests to the thread are state here, not messages: a thread that is busy still sees them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use event_listener::{Event, Listener as _};

use super::level::Level;
use crate::error::{DataStatus, Error, ErrorCode, Result};

/// What the thread is asked to do, as of now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    /// Rows below this ID are wanted written.
    pub(crate) written_below: u64,
    /// Rows below this ID are wanted durable.
    pub(crate) durable_below: u64,
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
    state: Mutex<State>,
    changed: Event,
}

impl DiskProgress {
    pub(crate) fn requests(&self) -> Requests {
        self.lock().requests
    }

    pub(crate) fn request_flush(&self, level: Level, below: u64) {
        let requests = &mut self.lock().requests;
        let wanted =
            if level == Level::Written { &mut requests.written_below } else { &mut requests.durable_below };
        *wanted = below.max(*wanted);
    }

    pub(crate) fn request_finish(&self) {
        self.lock().requests.finishing = true;
    }

    pub(crate) fn abandon(&self) {
        self.lock().requests.abandoned = true;
    }

    /// Finish without waiting out a failing disk; those who wait get the reason.
    pub(crate) fn request_cancel(&self, why: Error) {
        let mut state = self.lock();
        state.cancelled.get_or_insert(why);
        state.requests.finishing = true;
        state.requests.abandoned = true;
        drop(state);
        self.changed.notify(usize::MAX);
    }

    pub(crate) fn publish(&self, marks: DiskMarks) {
        let mut state = self.lock();
        if state.marks != marks {
            state.marks = marks;
            drop(state);
            self.changed.notify(usize::MAX);
        }
    }

    pub(crate) fn set_trouble(&self, trouble: Option<Error>) {
        self.lock().trouble = trouble;
    }

    /// Nothing can be written any more; the first reason stays.
    pub(crate) fn break_with(&self, why: Error) {
        self.lock().broken.get_or_insert(why);
        self.changed.notify(usize::MAX);
    }

    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify(usize::MAX);
    }

    pub(crate) fn marks(&self) -> DiskMarks {
        self.lock().marks
    }

    /// What keeps rows from the disk, if anything does.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.lock().failure()
    }

    /// Waits until the rows below `below` are at `level`.
    pub(crate) fn wait_level(&self, level: Level, below: u64, deadline: Instant) -> Result<()> {
        let reached = self.wait_until(deadline, |state| {
            let mark = if level == Level::Written { state.marks.written } else { state.marks.durable };
            if mark >= below {
                return Some(state.tell_dropped());
            }
            let over = state.cancelled.clone().or_else(|| state.broken.clone());
            let over = over.or_else(|| {
                state
                    .ended
                    .then(|| Error::new(ErrorCode::Closed, "the stream ended before its rows were safe"))
            });
            over.map(|why| Err(why.with_data_status(DataStatus::InMemory)))
        });
        reached.unwrap_or_else(|| {
            let what = format!("not all of the first {below} rows were {level} in time");
            let error = match self.failure() {
                Some(why) => why.context(what),
                None => Error::new(ErrorCode::Timeout, format!("{what}: wait longer")),
            };
            Err(error.with_data_status(DataStatus::InMemory))
        })
    }

    /// Waits until the thread is over; false if it is not by `deadline`.
    pub(crate) fn wait_ended(&self, deadline: Instant) -> bool {
        self.wait_until(deadline, |state| state.ended.then_some(())).is_some()
    }

    fn wait_until<T>(&self, deadline: Instant, mut done: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        loop {
            let listener = self.changed.listen();
            if let Some(result) = done(&mut self.lock()) {
                return Some(result);
            }
            if listener.wait_deadline(deadline).is_none() {
                return done(&mut self.lock());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn failure(&self) -> Option<Error> {
        [&self.cancelled, &self.broken, &self.trouble].into_iter().flatten().next().cloned()
    }

    /// Rows dropped since the last flush are told once: they are not at the level that was asked for.
    fn tell_dropped(&mut self) -> Result<()> {
        let dropped = self.marks.dropped - self.dropped_told;
        self.dropped_told = self.marks.dropped;
        if dropped == 0 {
            return Ok(());
        }
        let message = format!("{dropped} rows were dropped, by policy or by the disk, since the last flush");
        Err(Error::new(ErrorCode::Dropped, message).with_data_status(DataStatus::Unknown))
    }
}
