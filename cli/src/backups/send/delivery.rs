//! Rows on their way to Sift, and what is known to have arrived.

use super::super::error::{Failure, Result};
use super::memory::{Memory, Sent};
use super::progress::Progress;
use super::rate::{Pace, Rate};
use siftstream::metrics::STATUS_NAMES;
use siftstream::{EncodedRow, Error, ErrorCode, LiveStreamingOnly, RawEncoder, SiftStream};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a call may block before memory, progress and patience are looked after again.
const STEP: Duration = Duration::from_millis(100);
/// How often what was confirmed is written down.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How many rows may pass between two looks at the clock.
const LOOK_EVERY: u64 = 256;
/// A file's progress is remembered in steps of about so many bytes.
const MARK_BYTES: u64 = 64 * 1024;
/// The time for the report of a stream of which nothing more is expected.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Once all rows below `below` are confirmed, `file` is confirmed up to `sent`.
struct Mark {
    below: u64,
    file: Arc<Path>,
    sent: Sent,
}

/// What became of the rows.
pub(super) struct Delivered {
    /// Rows given to the stream.
    pub(super) accepted: u64,
    /// Rows that Sift confirmed.
    pub(super) confirmed: u64,
    /// The first place that is not known to be confirmed.
    pub(super) first_missing: Option<(Arc<Path>, u64)>,
    /// Why some rows are not confirmed, if so.
    pub(super) failure: Option<Failure>,
}

/// Sends rows, and remembers which of them are confirmed.
pub(super) struct Delivery<'a> {
    stream: SiftStream<RawEncoder, LiveStreamingOnly>,
    memory: &'a mut Memory,
    progress: &'a Progress,
    pace: Option<Pace>,
    patience: Duration,
    accepted: u64,
    marks: VecDeque<Mark>,
    /// How many rows were confirmed when it last changed, or nothing was awaited.
    seen: (u64, Instant),
    saved: Instant,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(
        stream: SiftStream<RawEncoder, LiveStreamingOnly>,
        memory: &'a mut Memory,
        progress: &'a Progress,
        rate: Option<Rate>,
        patience: Duration,
    ) -> Self {
        let now = Instant::now();
        let pace = rate.map(Pace::new);
        let marks = VecDeque::new();
        Self { stream, memory, progress, pace, patience, accepted: 0, marks, seen: (0, now), saved: now }
    }

    /// Sends one row, waiting for its turn and for room. An error means that the stream is at its end.
    pub(super) fn row(&mut self, message: &[u8]) -> Result<()> {
        self.wait_for_turn(message.len())?;
        loop {
            match self.stream.send_timeout(EncodedRow::new(message), STEP) {
                Ok(()) => break,
                Err(refused) if refused.error.code() == ErrorCode::Timeout => self.look()?,
                Err(refused) => return Err(refused.error.into()),
            }
        }
        self.accepted += 1;
        if self.accepted.is_multiple_of(LOOK_EVERY) { self.look() } else { Ok(()) }
    }

    fn wait_for_turn(&mut self, bytes: usize) -> Result<()> {
        loop {
            let Some(pace) = &mut self.pace else { return Ok(()) };
            let now = Instant::now();
            let wait = pace.next().saturating_duration_since(now);
            if wait.is_zero() {
                pace.spend(now, bytes);
                return Ok(());
            }
            thread::sleep(wait.min(STEP));
            self.look()?;
        }
    }

    /// Takes note that the rows so far are those of `file` up to `sent`.
    pub(super) fn mark(&mut self, file: &Arc<Path>, sent: Sent) {
        let mark = Mark { below: self.accepted, file: Arc::clone(file), sent };
        match self.marks.len().checked_sub(2).map(|before| &self.marks[before]) {
            // The last mark is close behind another one of the same file: this one can stand for it.
            Some(before)
                if self.marks.back().is_some_and(|last| last.file == *file)
                    && before.file == *file
                    && mark.sent.offset - before.sent.offset < MARK_BYTES =>
            {
                self.marks.pop_back();
            }
            _ => {}
        }
        self.marks.push_back(mark);
    }

    /// Looks at what was confirmed; an error if nothing was for too long.
    fn look(&mut self) -> Result<()> {
        let now = Instant::now();
        self.take_in_confirmations();
        let confirmed = self.stream.confirmed_watermark();
        if confirmed != self.seen.0 || confirmed == self.accepted {
            self.seen = (confirmed, now);
        }
        if now - self.saved >= SAVE_EVERY {
            self.memory.save()?;
            self.saved = now;
        }
        if now - self.seen.1 < self.patience {
            return Ok(());
        }
        let message = format!("nothing was confirmed for {:?}{}", self.patience, self.answers());
        Err(Error::new(ErrorCode::Timeout, message).into())
    }

    fn take_in_confirmations(&mut self) {
        let confirmed = self.stream.confirmed_watermark();
        while let Some(mark) = self.marks.pop_front_if(|mark| mark.below <= confirmed) {
            self.progress.confirmed(&mark.file, mark.sent.offset);
            self.memory.confirm(&mark.file, mark.sent);
        }
    }

    /// What Sift answered instead of a confirmation.
    fn answers(&self) -> String {
        let statuses = self.stream.get_metrics_snapshot().statuses;
        let failed = STATUS_NAMES.into_iter().zip(statuses).skip(1).filter(|(_, count)| *count > 0);
        let failed: Vec<_> = failed.map(|(name, count)| format!("{name} {count} times")).collect();
        if failed.is_empty() { String::new() } else { format!("; Sift answered {}", failed.join(", ")) }
    }

    /// Waits for the last confirmations, unless sending has failed before, and says what became of all rows.
    pub(super) fn finish(mut self, sending: Result<()>) -> Result<Delivered> {
        let mut failure = sending.err();
        while failure.is_none() {
            match self.stream.flush_confirmed(STEP) {
                Ok(()) => break,
                Err(error) if error.code() == ErrorCode::Timeout => failure = self.look().err(),
                Err(error) => failure = Some(error.into()),
            }
        }
        let confirmed = match self.stream.finish(LAST_WORDS) {
            Ok(report) => report.confirmed,
            Err(failed) => {
                failure.get_or_insert(failed.error.into());
                failed.report.confirmed
            }
        };
        self.take_in_confirmations();
        // What was confirmed must be remembered before anything else is said.
        self.memory.save()?;
        let first_missing = self.marks.front().map(|mark| {
            let known = self.memory.of(&mark.file).map_or(0, |sent| sent.offset);
            (Arc::clone(&mark.file), known)
        });
        Ok(Delivered { accepted: self.accepted, confirmed, first_missing, failure })
    }
}
