//! Stores checkpoints of what feeds a stream: beside a spool on the disk thread, else on a thread of its own.
//!
//! Rows come first: a state is stored when the rows before it are at its level, so one that was stored is true.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::checkpoint::{CheckpointStore, Marks};
use crate::error::Result;
use crate::seams::clock::{Clock, SystemClock};
use crate::seams::threads::Threads;
use crate::spool::Spool;
use crate::stream::Level;
use crate::stream::delivery::Delivery;

/// How soon a state that nobody waits for follows the last one.
const APART: Duration = Duration::from_millis(100);
/// How long after a failure it is tried again.
const AFTER_ERROR: Duration = Duration::from_secs(1);

fn micros(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Stores the newest state of `level`, if it is not stored; whether that failed.
fn store(marks: &Marks, store: &dyn CheckpointStore, level: Level, passed: u64, now: SystemTime) -> bool {
    let Some(state) = marks.advance(level, passed, micros(now)) else { return false };
    let result = store.put(state);
    if let Err(error) = &result {
        tracing::warn!(target: "siftstream::checkpoint", %error, "a checkpoint is not stored; it is tried again");
    }
    let failed = result.is_err();
    marks.stored(level, result);
    failed
}

/// What the disk thread does about checkpoints.
#[derive(Debug)]
pub(crate) struct SpoolKeeper {
    marks: Arc<Marks>,
    spool: Arc<Spool>,
    clock: Arc<dyn Clock>,
    next_at: Duration,
    failing: bool,
}

impl SpoolKeeper {
    pub(crate) fn new(marks: Arc<Marks>, spool: Arc<Spool>, clock: Arc<dyn Clock>) -> Self {
        Self { marks, spool, clock, next_at: Duration::ZERO, failing: false }
    }

    /// Stores what has become true now that so many rows are durable, and so many confirmed. Not too often, unless it
    /// is `urgent` or waited for.
    pub(crate) fn keep(&mut self, durable: u64, confirmed: Option<u64>, urgent: bool) {
        let now = self.clock.monotonic();
        if now < self.next_at && (self.failing || !(urgent || self.marks.is_waited_for())) {
            return;
        }
        let wall = self.clock.wall();
        let mut failing = store(&self.marks, &*self.spool, Level::Durable, durable, wall);
        if let Some(confirmed) = confirmed {
            failing |= store(&self.marks, &*self.spool, Level::Confirmed, confirmed, wall);
        }
        self.failing = failing;
        self.next_at = now + if failing { AFTER_ERROR } else { APART };
    }
}

impl Drop for SpoolKeeper {
    fn drop(&mut self) {
        self.marks.end();
    }
}

/// Stores the checkpoints of a stream without a disk. Its thread begins with the first mark.
pub(crate) struct LiveKeeper {
    marks: Arc<Marks>,
    store: Arc<dyn CheckpointStore>,
    delivery: Arc<Delivery>,
    begun: Mutex<bool>,
    threads: Threads,
}

impl LiveKeeper {
    pub(crate) fn new(marks: Arc<Marks>, store: Arc<dyn CheckpointStore>, delivery: Arc<Delivery>) -> Self {
        Self { marks, store, delivery, begun: Mutex::new(false), threads: Threads::of_this_thread() }
    }

    /// A mark was made: it is looked at when rows are confirmed, or now if it holds already.
    pub(crate) fn marked(&self, holds: bool) -> Result<()> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if !*begun {
            let (marks, store) = (Arc::clone(&self.marks), Arc::clone(&self.store));
            let delivery = Arc::clone(&self.delivery);
            self.threads.spawn("siftstream-marks", move || {
                keep(&marks, &*store, &delivery);
                marks.end();
            })?;
            *begun = true;
        }
        drop(begun);
        if holds {
            self.delivery.look_again();
        }
        Ok(())
    }

    /// Whether somebody has to be waited for when the stream ends.
    pub(crate) fn has_begun(&self) -> bool {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs until the stream is over.
fn keep(marks: &Marks, place: &dyn CheckpointStore, delivery: &Delivery) {
    let clock = SystemClock::new();
    let (mut passed, mut looks) = (0, 0);
    let mut failed = false;
    loop {
        let patience = if failed { AFTER_ERROR } else { Duration::from_secs(3600) };
        let is_over;
        (passed, looks, is_over) = delivery.wait_for_news(passed, looks, patience);
        failed = store(marks, place, Level::Confirmed, passed, clock.wall());
        if is_over {
            return;
        }
        if !marks.is_waited_for() {
            delivery.rest(looks, APART);
        }
    }
}
