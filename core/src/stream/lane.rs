//! A queue of segments towards one consumer, bounded by rows and by allocated bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::segment::{SEGMENT_SIZE, Segment};

/// The bounds of a data channel, whichever is reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// What a lane is to its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Its consumer has the rows to itself once it took them; when it is full, callers wait.
    UntilTaken,
    /// Rows stay, and count, until they are released: its consumer can lose nothing. When it is full, callers wait.
    UntilReleased,
    /// Somebody else has the rows too: when it is full, the oldest leave.
    WhileRoom,
}

/// Segments that wait for a consumer.
#[derive(Debug)]
pub(crate) struct Lane {
    queue: VecDeque<Arc<Segment>>,
    /// How many segments at the front the consumer has taken; they wait to be released.
    taken: usize,
    taken_rows: u64,
    taken_bytes: u64,
    rows: u64,
    bytes: u64,
    capacity: Capacity,
    keeping: Keeping,
}

/// Room for segments that is kept ready, so that a warm lane never grows its list.
fn expected_segments(capacity: Capacity) -> usize {
    usize::try_from(capacity.bytes / SEGMENT_SIZE as u64 + 1).unwrap_or(usize::MAX).min(8_192)
}

impl Lane {
    pub(crate) fn new(capacity: Capacity, keeping: Keeping) -> Self {
        let queue = VecDeque::with_capacity(expected_segments(capacity));
        Self { queue, taken: 0, taken_rows: 0, taken_bytes: 0, rows: 0, bytes: 0, capacity, keeping }
    }

    /// Whether one more row fits beside an open segment of `open_rows` rows that costs `open_bytes`.
    #[inline(always)]
    pub(crate) fn has_room(&self, open_rows: u64, open_bytes: u64) -> bool {
        self.keeping == Keeping::WhileRoom
            || !self.is_full_with(open_rows, open_bytes)
            || (self.rows == 0 && open_rows == 0)
    }

    /// How many rows fit, as [`has_room`](Self::has_room) counts.
    pub(crate) fn rows_of_room(&self, open_rows: u64, open_bytes: u64) -> u64 {
        match self.has_room(open_rows, open_bytes) {
            false => 0,
            true if self.keeping == Keeping::WhileRoom => u64::MAX,
            true => self.capacity.rows.saturating_sub(self.rows + open_rows).max(1),
        }
    }

    #[inline(always)]
    fn is_full_with(&self, more_rows: u64, more_bytes: u64) -> bool {
        self.rows + more_rows >= self.capacity.rows || self.bytes + more_bytes > self.capacity.bytes
    }

    pub(crate) fn push(&mut self, segment: Arc<Segment>) {
        self.rows += u64::from(segment.rows());
        self.bytes += segment.allocated() as u64;
        self.queue.push_back(segment);
        while self.keeping == Keeping::WhileRoom && self.queue.len() > 1 && self.is_full_with(0, 0) {
            self.drop_first();
        }
    }

    /// The next segment for the consumer.
    pub(crate) fn take(&mut self) -> Option<Arc<Segment>> {
        if self.keeping == Keeping::UntilReleased {
            let segment = self.queue.get(self.taken)?;
            self.taken += 1;
            self.taken_rows += u64::from(segment.rows());
            self.taken_bytes += segment.allocated() as u64;
            return Some(Arc::clone(segment));
        }
        self.drop_first()
    }

    fn drop_first(&mut self) -> Option<Arc<Segment>> {
        self.remove(0)
    }

    fn remove(&mut self, at: usize) -> Option<Arc<Segment>> {
        let segment = self.queue.remove(at)?;
        self.rows -= u64::from(segment.rows());
        self.bytes -= segment.allocated() as u64;
        Some(segment)
    }

    /// Drops the oldest segment that the consumer has not taken.
    pub(crate) fn drop_waiting(&mut self) -> Option<Arc<Segment>> {
        self.remove(self.taken)
    }

    /// Whether what the consumer has taken leaves no room for another segment, whatever is dropped.
    pub(crate) fn is_full_of_taken(&self) -> bool {
        self.taken_rows > 0
            && (self.taken_rows >= self.capacity.rows
                || self.taken_bytes + SEGMENT_SIZE as u64 > self.capacity.bytes)
    }

    /// Whether callers wait for room in it.
    pub(crate) fn makes_callers_wait(&self) -> bool {
        self.keeping != Keeping::WhileRoom
    }

    /// Lets go of the segments at the front that `done` says nobody needs any more.
    pub(crate) fn release(&mut self, done: impl Fn(&Segment) -> bool) {
        while self.queue.front().is_some_and(|segment| done(segment)) {
            let Some(segment) = self.drop_first() else { return };
            if self.taken > 0 {
                self.taken -= 1;
                self.taken_rows -= u64::from(segment.rows());
                self.taken_bytes -= segment.allocated() as u64;
            }
        }
    }

    /// The segments, taken or not, that `wanted` chooses.
    pub(crate) fn find(&self, wanted: impl Fn(&Segment) -> bool) -> Vec<Arc<Segment>> {
        self.queue.iter().filter(|segment| wanted(segment)).cloned().collect()
    }

    /// Whether the consumer has taken everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.len() == self.taken
    }

    /// Rows that the consumer has not taken.
    pub(crate) fn waiting_rows(&self) -> u64 {
        self.rows - self.taken_rows
    }

    /// Memory of all rows in it, taken or not.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether half of the room is taken.
    pub(crate) fn is_half_full(&self) -> bool {
        self.rows >= self.capacity.rows.div_ceil(2) || self.bytes >= self.capacity.bytes / 2
    }
}
