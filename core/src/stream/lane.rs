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

/// Segments that wait for a consumer.
#[derive(Debug)]
pub(crate) struct Lane {
    queue: VecDeque<Arc<Segment>>,
    rows: u64,
    bytes: u64,
    capacity: Capacity,
}

/// Room for segments that is kept ready, so that a warm lane never grows its list.
fn expected_segments(capacity: Capacity) -> usize {
    usize::try_from(capacity.bytes / SEGMENT_SIZE as u64 + 1).unwrap_or(usize::MAX).min(8_192)
}

impl Lane {
    pub(crate) fn new(capacity: Capacity) -> Self {
        let queue = VecDeque::with_capacity(expected_segments(capacity));
        Self { queue, rows: 0, bytes: 0, capacity }
    }

    /// Whether one more row fits beside an open segment of `open_rows` rows that costs `open_bytes`.
    pub(crate) fn has_room(&self, open_rows: u64, open_bytes: u64) -> bool {
        let full =
            self.rows + open_rows >= self.capacity.rows || self.bytes + open_bytes > self.capacity.bytes;
        !full || (self.rows == 0 && open_rows == 0)
    }

    pub(crate) fn push(&mut self, segment: Arc<Segment>) {
        self.rows += u64::from(segment.rows());
        self.bytes += segment.allocated() as u64;
        self.queue.push_back(segment);
    }

    pub(crate) fn pop(&mut self) -> Option<Arc<Segment>> {
        let segment = self.queue.pop_front()?;
        self.rows -= u64::from(segment.rows());
        self.bytes -= segment.allocated() as u64;
        Some(segment)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}
