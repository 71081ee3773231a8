//! What has become of the rows of a stream: written by its task, read and waited for by callers.
//!
//! Requests to the task are state here, not messages: a task that is slow or starts again still sees them.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use event_listener::{Event, Listener as _};

use crate::error::{DataStatus, Error, ErrorCode, Result};
use crate::ledger::RangeSet;

#[derive(Debug, Default)]
struct State {
    confirmed: RangeSet,
    /// Rows given up by a choice of the user: a window of 0 bytes.
    dropped: RangeSet,
    /// Rows below this ID are wanted at the next checkpoint.
    checkpoint_below: u64,
    /// No more rows come: send what is there, confirm it, end.
    finishing: bool,
    /// Why the stream can deliver nothing any more.
    broken: Option<Error>,
    cancelled: Option<Error>,
    /// The task is over.
    ended: bool,
}

/// The progress of a stream and what is asked of it.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    state: Mutex<State>,
    changed: Event,
}

/// What a task is asked to do, as of now.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    pub(crate) checkpoint_below: u64,
    pub(crate) finishing: bool,
    pub(crate) cancelled: bool,
}

impl Delivery {
    pub(crate) fn requests(&self) -> Requests {
        let state = self.lock();
        Requests {
            checkpoint_below: state.checkpoint_below,
            finishing: state.finishing,
            cancelled: state.cancelled.is_some(),
        }
    }

    pub(crate) fn request_checkpoint(&self, below: u64) {
        let mut state = self.lock();
        state.checkpoint_below = state.checkpoint_below.max(below);
    }

    pub(crate) fn request_finish(&self) {
        self.lock().finishing = true;
    }

    pub(crate) fn request_cancel(&self, why: Error) {
        self.lock().cancelled.get_or_insert(why);
        self.changed.notify(usize::MAX);
    }

    pub(crate) fn confirm(&self, ranges: impl IntoIterator<Item = Range<u64>>) {
        let mut state = self.lock();
        for ids in ranges {
            state.confirmed.insert(ids);
        }
        drop(state);
        self.changed.notify(usize::MAX);
    }

    pub(crate) fn give_up(&self, ranges: impl IntoIterator<Item = Range<u64>>) {
        let mut state = self.lock();
        for ids in ranges {
            state.dropped.insert(ids);
        }
        drop(state);
        self.changed.notify(usize::MAX);
    }

    /// The stream can deliver nothing any more; the first reason stays.
    pub(crate) fn break_with(&self, why: Error) {
        self.lock().broken.get_or_insert(why);
        self.changed.notify(usize::MAX);
    }

    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify(usize::MAX);
    }

    pub(crate) fn confirmed_rows(&self) -> u64 {
        self.lock().confirmed.len()
    }

    pub(crate) fn dropped_rows(&self) -> u64 {
        self.lock().dropped.len()
    }

    /// How many rows from the first on are confirmed without a gap.
    pub(crate) fn confirmed_contiguous(&self) -> u64 {
        self.lock().confirmed.contiguous()
    }

    /// The IDs below `accepted` that are not confirmed.
    pub(crate) fn unconfirmed(&self, accepted: u64) -> Vec<Range<u64>> {
        self.lock().confirmed.gaps(0..accepted)
    }

    /// Why nothing more can be delivered, if so.
    pub(crate) fn failure(&self) -> Option<Error> {
        let state = self.lock();
        state.cancelled.clone().or_else(|| state.broken.clone())
    }

    /// Waits until all rows below `below` are confirmed.
    pub(crate) fn wait_confirmed(&self, below: u64, deadline: Instant) -> Result<()> {
        self.wait_until(deadline, |state| {
            if state.confirmed.contains(&(0..below)) {
                return Some(Ok(()));
            }
            let unconfirmed = below - state.confirmed.len().min(below);
            let failure = state.cancelled.clone().or_else(|| state.broken.clone());
            if let Some(why) = failure {
                return Some(Err(why.with_data_status(DataStatus::InMemory)));
            }
            if state.ended || !state.dropped.is_empty() {
                let message =
                    format!("{unconfirmed} rows were not confirmed before the stream ended or lost them");
                return Some(Err(
                    Error::new(ErrorCode::Unconfirmed, message).with_data_status(DataStatus::Unknown)
                ));
            }
            None
        })
        .unwrap_or_else(|| {
            let message = format!("not all of the first {below} rows were confirmed in time: wait longer");
            Err(Error::new(ErrorCode::Timeout, message).with_data_status(DataStatus::InMemory))
        })
    }

    /// Waits until the task is over; false if it is not by `deadline`.
    pub(crate) fn wait_ended(&self, deadline: Instant) -> bool {
        self.wait_until(deadline, |state| state.ended.then_some(())).is_some()
    }

    fn wait_until<T>(&self, deadline: Instant, mut done: impl FnMut(&State) -> Option<T>) -> Option<T> {
        loop {
            let listener = self.changed.listen();
            if let Some(result) = done(&self.lock()) {
                return Some(result);
            }
            if listener.wait_deadline(deadline).is_none() {
                return done(&self.lock());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
